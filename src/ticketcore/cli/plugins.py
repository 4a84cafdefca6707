"""The list of plugins."""

from __future__ import annotations

import click

from ticketcore.cli.base import command, shared
from ticketcore.cli.output import NONE, Column, print_json, print_table
from ticketcore.plugin.manager import PluginInfo
from ticketcore.plugin.records import CommandSpec

_COLUMNS = (
    Column("Plugin"),
    Column("Version"),
    Column("Distribution"),
    Column("Health"),
    Column("Provides", wrap=True),
    Column("Cause", wrap=True),
)


@command(
    "plugins", "ticketcore plugins", "ticketcore plugins --time", "TICKETCORE_DISABLE_PLUGINS=acme ticketcore plugins"
)
@click.option("--time", "timed", is_flag=True, help="Show how long each took to load, the slowest first.")
def plugins(*, timed: bool) -> None:
    """List the plugins, and how they are.

    Health is ok, clash (it registers a name that is another's), broken (it was set aside) or disabled. The cause says
    what is wrong. What a plugin provides is what it registers, then the policy and observer hooks that it has.
    """
    options = shared(click.get_current_context())
    found = options.plugins.plugins
    if timed:
        found = sorted(found, key=lambda info: -info.seconds)
    if options.json:
        print_json([_data(info, timed=timed) for info in found])
        return
    columns = [*_COLUMNS[:4], *([Column("Time", right=True)] if timed else []), *_COLUMNS[4:]]
    print_table(columns, (_row(info, timed=timed) for info in found))


def _row(info: PluginInfo, *, timed: bool) -> list[object]:
    registered = list(info.provides)
    commands = [one for one in registered if one.startswith(_COMMAND)]
    if len(commands) > _MOST:  # our own would hide all else
        registered = [*(one for one in registered if one not in commands), f"{len(commands)} commands"]
    asked = [hook.removeprefix("ticketcore_") for hook in info.hooks if hook.endswith(_ASKED)]
    took = [f"{info.seconds * 1000:.1f} ms"] if timed else []
    words = (info.version, info.distribution, info.health)
    provides = ", ".join([*registered, *asked])
    return [info.name, *(word or NONE for word in words), *took, provides or NONE, info.cause or NONE]


_COMMAND, _MOST = f"{CommandSpec.kind} ", 20
_ASKED = ("_amend", "_validate", "_forbid", "_observe")


def _data(info: PluginInfo, *, timed: bool) -> dict[str, object]:
    data: dict[str, object] = {
        "name": info.name,
        "distribution": info.distribution,
        "version": info.version,
        "health": info.health.value,
        "cause": info.cause,
        "provides": list(info.provides),
        "hooks": list(info.hooks),
    }
    return data | ({"seconds": info.seconds} if timed else {})
