"""The list of plugins."""

from __future__ import annotations

import logging

import click
from attrs import evolve

from ticketcore.cli.base import Shared, command, shared
from ticketcore.cli.output import NONE, Column, print_json, print_table
from ticketcore.errors import TicketcoreError
from ticketcore.plugin.manager import Health, PluginInfo
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

    Health is ok, idle (a setting without a default is missing), clash (it registers a name that is another's), broken
    (it was set aside) or disabled. The cause says what is wrong. What a plugin provides is what it registers, then the
    policy and observer hooks that it has.
    """
    options = shared(click.get_current_context())
    idle = _idle(options)
    found = [_seen(info, idle) for info in options.plugins.plugins]
    if timed:
        found = sorted(found, key=lambda info: -info.seconds)
    if options.json:
        print_json([_data(info, timed=timed) for info in found])
        return
    columns = [*_COLUMNS[:4], *([Column("Time", right=True)] if timed else []), *_COLUMNS[4:]]
    print_table(columns, (_row(info, timed=timed) for info in found))


def _idle(options: Shared) -> dict[str, str]:
    """Return the plugins that are not set up, and what is missing; none if the configuration itself is wrong."""
    from ticketcore.desk import open_desk

    logger = logging.getLogger("ticketcore.extensions")
    logger.addFilter(_nothing)  # what it warns of is in the list
    try:
        with open_desk(options.config, plugins=options.plugins) as desk:
            return desk.extensions.idle
    except TicketcoreError:
        return {}
    finally:
        logger.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _seen(info: PluginInfo, idle: dict[str, str]) -> PluginInfo:
    if info.health is Health.OK and info.name in idle:
        return evolve(info, health=Health.IDLE, cause=f"it is not set up: {idle[info.name]}")
    return info


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
