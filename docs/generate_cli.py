"""Write reference/cli.md from what ``--help`` says: ``python docs/generate_cli.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from ticketcore.cli.base import LazyGroup
from ticketcore.cli.main import cli

PAGE = Path(__file__).with_name("reference") / "cli.md"
WIDTH = 80

HEAD = """\
<!-- Written by docs/generate_cli.py: do not edit it. -->

# Commands

What `--help` says of each command. `T` stands for a ticket number (`7`, or `'#7'`) or a guid; values of a fixed
list, such as priorities, are understood in lower case too.

Four options are the same everywhere, before or after the name of the command:

| Option          | Meaning                                                                                     |
| --------------- | ------------------------------------------------------------------------------------------- |
| `--config FILE` | The [configuration](configuration.md): else that of `TICKETCORE_CONFIG`, else `./config.yaml`. |
| `--by NAME`     | Who acts. By default what `TICKETCORE_BY` says, then the login name.                        |
| `--json`        | Print data as JSON, and nothing else on standard output.                                    |
| `--no-plugins`  | Load no plugins but the built-in ones.                                                      |

Exit status:

| Status | Meaning                                                                             |
| -----: | ----------------------------------------------------------------------------------- |
|      0 | Done.                                                                               |
|      1 | Refused or failed: see [Errors](errors.md).                                         |
|      2 | Wrong usage: an unknown option, or a value outside a fixed list.                    |
|      3 | The configuration is wrong.                                                         |
|      4 | A plugin that the configuration needs is missing or broken.                         |
|      5 | Part of many failed: `check-escalations --escalate`, `check-recurring`, `bulk`.     |
|    130 | Interrupted.                                                                        |

An error is printed on standard error as `Error: ...`, one line for each problem. With `TICKETCORE_DEBUG=1` in the
environment an unexpected one comes with its traceback.
"""


def _help(command: click.Command, context: click.Context) -> str:
    lines = [line.rstrip() for line in command.get_help(context).splitlines()]
    return "\n".join(["```text", *lines, "```"])


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    return click.Context(
        command, parent, name, terminal_width=WIDTH, max_content_width=WIDTH, color=False, **command.context_settings
    )


def _sections(group: LazyGroup, context: click.Context, depth: int) -> Iterator[str]:
    for heading, commands in group.table.items():
        if depth == 0:
            yield f"## {heading}"
        for name in commands:
            command = group.get_command(context, name)
            if command is None:
                continue
            inner = _context(command, name, context)
            yield f"{'#' * (depth + 3)} {inner.command_path.removeprefix('ticketcore ')}"
            yield _help(command, inner)
            if isinstance(command, LazyGroup):
                yield from _sections(command, inner, depth + 1)


def page() -> str:
    """Return the page."""
    root = _context(cli, "ticketcore", None)
    return "\n\n".join([HEAD.rstrip(), "## ticketcore", _help(cli, root), *_sections(cli, root, 0)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
