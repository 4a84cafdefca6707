"""Templates: added, listed, made into tickets."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.options import PRIORITY, REQUESTED_BY_TYPE, STANDARD, TYPE, package_filter
from ticketcore.cli.output import NONE, Column, print_json, say
from ticketcore.cli.tickets import created_words
from ticketcore.domain.template import Template
from ticketcore.serde import to_plain

if TYPE_CHECKING:
    from ticketcore.cli.session import Session
    from ticketcore.services.templates import StoredTemplate


@command(
    "add-template",
    "ticketcore add-template printer.yaml",
    "ticketcore add-template - --replace < printer.yaml",
)
@click.argument("file", metavar="FILE.yaml", type=click.Path(allow_dash=True))
@click.option("--replace", is_flag=True, help="Replace the ones that are there already.")
@with_session
def add_template(session: Session, file: str, *, replace: bool) -> None:
    """Add templates from a file.

    It holds one template or a list of them: all are added, or none. - reads standard input.
    """
    from ticketcore.config.templates import read_templates

    source: Path | BinaryIO = sys.stdin.buffer if file == STANDARD else Path(file)
    found = read_templates(source)
    existing = "replace" if replace else "refuse"
    with found.located():
        stored = session.desk.templates.add_templates(
            found.drafts, existing=existing, problems=found.problems, action_by=session.by
        )
    _show(session, stored)


@command("load-samples", "ticketcore load-samples")
@with_session
def load_samples(session: Session) -> None:
    """Add the sample templates.

    One that is there already stays as it is.
    """
    from ticketcore.config.templates import SAMPLES, read_templates

    samples = read_templates(SAMPLES).drafts
    _show(session, session.desk.templates.add_templates(samples, existing="keep", action_by=session.by))


def _show(session: Session, stored: Sequence[StoredTemplate]) -> None:
    if session.json:
        print_json([{**to_plain(one.template), "outcome": one.outcome} for one in stored])
        return
    for one in stored:
        outcome = "was there already" if one.outcome == "kept" else one.outcome
        say(f"Template {one.template.name} of {_package(one.template)} {outcome}")


def _package(template: Template) -> str:
    return f"the package {template.package}" if template.package else "any package"


_COLUMNS = (
    Column("Name", wrap=True),
    Column("Package"),
    Column("Type"),
    Column("Priority"),
    Column("Tasks", right=True),
    Column("Assign to", wrap=True),
    Column("Subject", wrap=True),
    Column("Active"),
)


@command("list-templates", "ticketcore list-templates --package homechoice")
@package_filter
@with_session
def list_templates(session: Session, package: str | None) -> None:
    """List the templates.

    With --json their texts and tasks too.
    """

    def row(template: Template) -> tuple[object, ...]:
        return (
            template.name,
            template.package or "any",
            template.ticket_type,
            template.priority,
            len(template.tasks),
            template.assign_to or NONE,
            template.subject,
            "yes" if template.active else "no",
        )

    session.show_records(session.desk.templates.list_templates(package), _COLUMNS, row, "No templates.")


class _Setting(click.ParamType[tuple[str, str]]):
    """A value for a placeholder: ``KEY=VALUE``."""

    name = "setting"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return the name and the value."""
        if isinstance(value, tuple):
            return value
        key, found, text = str(value).partition("=")
        if not found or not key.strip():
            self.fail(f"{value!r} is not KEY=VALUE", param, ctx)
        return key.strip(), text


def _settings(_: click.Context, param: click.Parameter, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the values by name; none may be there twice."""
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = next(key for key in values if sum(key == name for name, _ in pairs) > 1)
        message = f"{twice} is there twice"
        raise click.BadParameter(message, param=param)
    return values


@command(
    "create-from-template",
    "ticketcore create-from-template HCCOLLECTIONS_BUG --package homechoice --set account=4711",
    'ticketcore create-from-template NEW_STARTER --set name="Ann Miller" --set start_date=2026-05-04 --priority HIGH',
)
@click.argument("name")
@click.option("--requested-by", metavar="NAME", help="Who raised it. [default: who acts]")
@click.option("--package", help="The package. [default: ticket.package of the configuration]")
@click.option(
    "--set",
    "values",
    type=_Setting(),
    metavar="KEY=VALUE",
    multiple=True,
    callback=_settings,
    help="What stands for the placeholder KEY; repeatable.",
)
@click.option("--subject", help="The title. [default: that of the template; so are all below]")
@click.option("--description", help="The full text.")
@click.option("--project", help="The project within the package.")
@click.option("--priority", type=PRIORITY, help="How urgent it is.")
@click.option("--type", "ticket_type", type=TYPE, help="What kind of request it is.")
@click.option("--requested-by-type", type=REQUESTED_BY_TYPE, help="How to read --requested-by. [default: INTERNAL]")
@click.option("--assign-to", "assigned_to", metavar="USER", help='Who works on it; "" asks the auto-assign rules.')
@click.option("--watcher", "watchers", metavar="EMAIL", multiple=True, help="Who is told of every event; repeatable.")
@click.option("--eta", "eta_date", metavar="DATE", help="Estimated completion; a date means the end of that day.")
@with_session
def create_from_template(
    session: Session,
    /,
    name: str,
    *,
    requested_by: str | None,
    package: str | None,
    values: dict[str, str],
    **overrides: Any,
) -> None:
    """Create a ticket from a template.

    With the tasks of the template. NAME is a template of the package, else one of the empty package. Every
    placeholder of it needs a value, but for date, package, project, requested_by and those with a default.
    """
    ticket = session.desk.tickets.create_from_template(
        name,
        session.by if requested_by is None else requested_by,
        package=package,
        values=values,
        overrides={**overrides, "watchers": overrides["watchers"] or None},
        action_by=session.by,
    )
    count = "" if session.json else f", tasks: {len(session.desk.tasks.get_tasks(ticket))}"
    session.show_change(ticket, f"{created_words(session, ticket)}{count}")
