"""Schedules: what recurs, and when."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.main import PARTLY
from ticketcore.cli.options import FixedList, package_filter
from ticketcore.cli.output import NONE, Column, note, print_json, print_table, say
from ticketcore.domain.recurrence import TICKET, CatchUp, Occurrence, Schedule
from ticketcore.errors import RejectedError
from ticketcore.serde import to_plain

if TYPE_CHECKING:
    from ticketcore.cli.session import Session


@command("add-recurring", 'ticketcore add-recurring MONDAY_CHECK "0 9 * * 1" --timezone Europe/Berlin')
@click.argument("template")
@click.argument("cron")
@click.option("--package", help="Its package. [default: ticket.package of the configuration]")
@click.option("--project", default="", help="The project of its tickets. [default: that of the template]")
@click.option(
    "--timezone", metavar="ZONE", help="The zone that CRON is meant in. [default: timezone of the configuration]"
)
@click.option(
    "--catch-up",
    type=FixedList(CatchUp),
    help="What is made of all that was missed. [default: recurring.catch_up of the configuration]",
)
@click.option("--module-type", metavar="TYPE", default=TICKET, show_default=True, help="What is made.")
@with_session
def add_recurring(session: Session, /, template: str, cron: str, **options: Any) -> None:
    """Let a template recur.

    CRON is minute, hour, day of the month, month and day of the week, or @daily and the like. The worker, or
    ticketcore check-recurring, makes a ticket from TEMPLATE each time that is due.
    """
    schedule = session.desk.recurring.create_recurring(template, cron, created_by=session.by, **options)
    if session.json:
        print_json(_data(session, schedule))
    else:
        say(f"{schedule.template_name} recurs as {schedule.guid}, next at {_runs(session, schedule)}")


_COLUMNS = (
    Column("Template", wrap=True),
    Column("Cron", wrap=True),
    Column("Package"),
    Column("Next runs", wrap=True),
    Column("State", wrap=True),
    Column("Guid"),
)


@command("list-recurring", "ticketcore list-recurring --package homechoice")
@package_filter
@with_session
def list_recurring(session: Session, package: str | None) -> None:
    """List the schedules.

    With their next runs, and with the reason where nothing could be made the last time.
    """
    schedules = session.desk.recurring.list_recurring(package)
    if session.json:
        print_json([_data(session, schedule) for schedule in schedules])
    elif not schedules:
        say("No schedules.")
    else:
        print_table(_COLUMNS, (_row(session, schedule) for schedule in schedules))


@command("check-recurring", "ticketcore check-recurring", "ticketcore check-recurring --dry-run")
@click.option("--dry-run", is_flag=True, help="Only show what is due.")
@with_session
def check_recurring(session: Session, *, dry_run: bool) -> None:
    """Make the tickets that are due.

    Each time of each schedule makes one ticket, however many workers do this too. What was missed is caught up
    with as the schedule says.
    """
    if dry_run:
        _show_due(session, session.desk.recurring.list_due_recurring())
        return
    outcome = session.desk.recurring.run_due()
    for failure in outcome.failures:
        note(f"Error: {failure}")
    others = outcome.made - len(outcome.tickets)
    session.show_tickets(outcome.tickets, "No tickets made." if outcome.failures or others else "Nothing is due.")
    if others and not session.json:
        say(f"{others} made besides, which are no tickets.")
    if outcome.failures:
        click.get_current_context().exit(PARTLY if outcome.made else 1)


@command("cancel-recurring", "ticketcore cancel-recurring 019c0000-0000-7000-8000-000000000000")
@click.argument("guid")
@with_session
def cancel_recurring(session: Session, guid: str) -> None:
    """Stop a schedule.

    It stays listed. Tickets that it made are not touched.
    """
    schedule = session.desk.recurring.cancel_recurring(guid, action_by=session.by)
    session.show_record(schedule, f"{schedule.template_name} ({schedule.cron_expression}) does not recur any more")


def _show_due(session: Session, due: list[Occurrence]) -> None:
    if session.json:
        print_json([{"key": one.key, "due": to_plain(one.due), "schedule": to_plain(one.schedule)} for one in due])
    elif not due:
        say("Nothing is due.")
    else:
        columns = (Column("Template", wrap=True), Column("Package"), Column("Due"), Column("Schedule"))
        print_table(
            columns,
            (
                (
                    one.schedule.template_name,
                    one.schedule.package,
                    _at(session, one.schedule, one.due),
                    one.schedule.guid,
                )
                for one in due
            ),
        )


def _row(session: Session, schedule: Schedule) -> tuple[object, ...]:
    state = schedule.last_error or "active"
    return (
        schedule.template_name,
        f"{schedule.cron_expression} ({schedule.timezone})",
        schedule.package,
        _runs(session, schedule),
        state if schedule.active else "cancelled",
        schedule.guid,
    )


def _data(session: Session, schedule: Schedule) -> dict[str, Any]:
    return {**to_plain(schedule), "next_runs": to_plain(_next_runs(session, schedule))}


def _next_runs(session: Session, schedule: Schedule) -> list[datetime]:
    try:
        return session.desk.recurring.next_runs(schedule)
    except RejectedError:  # why is the error of the schedule, as soon as it is due
        return []


def _runs(session: Session, schedule: Schedule) -> str:
    return ", ".join(_at(session, schedule, run) for run in _next_runs(session, schedule)) or NONE


def _at(session: Session, schedule: Schedule, instant: datetime | None) -> str:
    """Return an instant as people of the schedule's zone read it."""
    from ticketcore.cli.session import when

    try:
        zone: tzinfo = ZoneInfo(schedule.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # it was known when it was stored
        zone = session.desk.zone
    return when(instant, zone)
