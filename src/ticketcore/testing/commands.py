"""The command line as tests type it: run in this process, on a configuration of its own."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from ticketcore.cli.inprocess import run

_SECTIONS = {
    "database": "database:\n  url: sqlite:///ticketcore.db\n",
    "email": "email:\n  folder: ticketcore-mail\n",
}
"""What a configuration has that says nothing of it."""


@frozen(repr=False)
class CommandResult:
    """What a command line came to; as text, all of it is shown."""

    args: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Return what was printed to standard output as data.

        Raises:
            AssertionError: it is no JSON; with everything that was printed.
        """
        __tracebackhide__ = True
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            ask = "" if "--json" in self.args else "; ask for it with --json"
            message = f"what was printed is no JSON ({error}){ask}:\n{self}"
            raise AssertionError(message) from None

    def __repr__(self) -> str:
        streams = (("standard output", self.stdout), ("standard error", self.stderr))
        shown = (f"{name}:\n{textwrap.indent(text.rstrip(), '  ')}" for name, text in streams if text.strip())
        return "\n".join([f"$ {shlex.join(('ticketcore', *self.args))}", f"exit status: {self.exit_code}", *shown])


@frozen
class CommandLine:
    """Runs command lines of ticketcore; the fixture ``ticketcore_run``.

    The environment is that of the test, so it can set ``TICKETCORE_DEBUG=1`` to see where something failed. The time is
    that of the system, and help is 80 columns wide whatever the terminal.
    """

    folder: Path
    """Where the configuration, the database and the mails are."""

    def __attrs_post_init__(self) -> None:
        """Write the configuration."""
        self.configure("")

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "ticketcore.yaml"

    def configure(self, text: str) -> None:
        """Make ``text``, which is YAML and may be indented, the configuration, in the place of what it was before.

        Where it has no section ``database`` or ``email``, it gets that of the beginning: an SQLite file, and mails as
        files. Relative paths start at ``folder``.
        """
        given = textwrap.dedent(text)
        more = [section for name, section in _SECTIONS.items() if not re.search(rf"^{name}\s*:", given, re.MULTILINE)]
        # Behind it, so that a message about a line means the line that the test has there.
        self.config.write_text("\n".join([given, *more]), encoding="utf-8")

    def __call__(self, *args: str | int | Path, stdin: str = "", status: int | None = 0) -> CommandResult:
        """Run a command line, ``ticketcore_run("create", "Printer", "--by", "ann")``, and return what it came to.

        Args:
            *args: its words.
            stdin: what it reads from standard input.
            status: the exit status that it has to end with; ``None`` for any.

        Raises:
            AssertionError: it ended with another one; with everything that was printed.
            TypeError: an argument is no word.
        """
        __tracebackhide__ = True
        words = tuple(map(_word, args))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TICKETCORE_CONFIG", str(self.config))
            patch.setenv("XDG_DATA_HOME", str(self.folder))  # for what the configuration leaves open
            patch.setenv("COLUMNS", "80")
            result = CommandResult(words, *run(words, stdin))
        if status not in {None, result.exit_code}:
            message = f"the exit status should have been {status}:\n{result}"
            raise AssertionError(message)
        return result


def _word(argument: object) -> str:
    __tracebackhide__ = True
    if not isinstance(argument, str | int | Path):
        message = f"give each word by itself, as in ticketcore_run('read', '1'), not {argument!r}"
        raise TypeError(message)
    return str(argument)
