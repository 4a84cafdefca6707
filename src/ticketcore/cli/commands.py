"""Our own commands as records, so that a plugin's command of the same name is noticed."""

from __future__ import annotations

from ticketcore.cli.main import COMMANDS
from ticketcore.plugin.markers import hookimpl
from ticketcore.plugin.records import CommandSpec


@hookimpl
def ticketcore_commands() -> list[CommandSpec]:
    """Register the commands that come with ticketcore."""
    return [
        CommandSpec(name=name, summary=summary, target=f"{module}:{function}", heading=heading)
        for heading, section in COMMANDS.items()
        for name, (module, function, summary) in section.items()
    ]
