"""The configuration: checked, shown, described to editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ticketcore.cli.base import LazyGroup, command, shared, with_session
from ticketcore.cli.output import Column, print_json, print_table, say
from ticketcore.errors import ConfigError, PluginError

if TYPE_CHECKING:
    from ticketcore.cli.session import Session


@command("check", "ticketcore config check", "ticketcore --config desk.yaml config check --json")
def config_check() -> None:
    """Check the configuration.

    Everything that is wrong is reported at once, each with its path and line: unknown keys, wrong types, variables
    that are not set, sections of plugins, names that no plugin has. The exit status is 3 if something is wrong, and 4
    if a plugin is missing or broken that the configuration needs.
    """
    from ticketcore.cli.session import open_session

    options = shared(click.get_current_context())
    try:
        with open_session(options) as session:
            session.desk.extensions.check()
            where = str(session.desk.source.file or "the built-in defaults")
    except ConfigError as error:
        if not options.json:
            raise
        places = error.places or ("",) * len(error.problems)
        found = [
            {"path": problem.field, "message": problem.message, "place": place}
            for problem, place in zip(error.problems, places, strict=True)
        ]
        print_json({"ok": False, "problems": found})
        click.get_current_context().exit(3)
    except PluginError as error:
        if not options.json:
            raise
        print_json({"ok": False, "problems": [{"path": "", "message": line, "place": ""} for line in error.lines()]})
        click.get_current_context().exit(4)
    if options.json:
        print_json({"ok": True, "file": where, "problems": []})
    else:
        say(f"The configuration is right: {where}")


@command("show", "ticketcore config show", "ticketcore config show --changed")
@click.option("--changed", is_flag=True, help="Only what is not a default.")
@with_session
def config_show(session: Session, *, changed: bool) -> None:
    """Show every value, and where it is from.

    Secrets are shown as ***, and so is whatever came from the environment or from another file.
    """
    from ticketcore.config.show import shown

    desk = session.desk
    values = shown(desk.config, desk.source, desk.extensions.settings)
    if changed:
        values = [one for one in values if one.origin != "default"]
    if session.json:
        print_json([{"key": one.key, "value": one.value, "origin": one.origin} for one in values])
        return
    columns = (Column("Key"), Column("Value", wrap=True), Column("Origin", wrap=True))
    print_table(columns, ((one.key, json.dumps(one.value, ensure_ascii=False), one.origin) for one in values))


@command("schema", "ticketcore config schema > config.schema.json")
def config_schema() -> None:
    """Print the JSON Schema of the configuration.

    It is for editors, and has the sections of the installed plugins too. An editor that understands YAML uses it if
    the first line of config.yaml is: # yaml-language-server: $schema=config.schema.json
    """
    from ticketcore.config.jsonschema import json_schema

    print_json(json_schema(shared(click.get_current_context()).plugins.sections()))


_HERE = __name__

config = LazyGroup(
    "config",
    help="Look at the configuration.",
    epilog="\b\nExample: ticketcore config check",
    table={
        "Commands": {
            "check": (_HERE, "config_check", "Check the configuration."),
            "show": (_HERE, "config_show", "Show every value, and where it is from."),
            "schema": (_HERE, "config_schema", "Print the JSON Schema of the configuration."),
        }
    },
)
