"""What completes commands in a shell."""

from __future__ import annotations

import os
from pathlib import PurePath

import click

from ticketcore.cli.base import command
from ticketcore.cli.options import FixedList

_SHELLS = ("bash", "zsh", "fish")


@command(
    "completion",
    "ticketcore completion bash > ~/.local/share/bash-completion/completions/ticketcore",
    'eval "$(ticketcore completion zsh)"',
)
@click.argument("shell", type=FixedList(_SHELLS), required=False)
def completion(shell: str | None) -> None:
    """Print what completes commands in a shell.

    Without an argument it is for the shell that you use (SHELL). Commands, options and fixed values are
    completed, those of plugins too.
    """
    from click.shell_completion import get_completion_class

    from ticketcore.cli.main import COMPLETE

    name = shell or PurePath(os.environ.get("SHELL", "")).name
    if name not in _SHELLS:
        message = f"say for which shell: {', '.join(_SHELLS)}"
        raise click.UsageError(message)
    root = click.get_current_context().find_root()
    kind = get_completion_class(name)
    assert kind is not None  # noqa: S101 - click has all of them
    click.echo(kind(root.command, {}, "ticketcore", COMPLETE).source())
