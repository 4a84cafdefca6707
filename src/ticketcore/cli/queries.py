"""Questions about tickets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.filters import with_filter
from ticketcore.cli.options import (
    REFERENCE,
    STATUS,
    FixedList,
    limit_option,
    package_filter,
    ticket_argument,
)
from ticketcore.cli.output import NONE, Column, note, print_json, print_table, say, tickets_counted
from ticketcore.domain.history import Action, CommentField, HistoryEntry
from ticketcore.domain.timing import logged_in_words
from ticketcore.services.queries import SORTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ticketcore.cli.session import Session
    from ticketcore.desk import Desk
    from ticketcore.domain.ticket import Ticket
    from ticketcore.services.filters import Filters


@command("history", "ticketcore history 7")
@ticket_argument
@with_session
def history(session: Session, ticket: str) -> None:
    """Show the audit trail of a ticket.

    Every change has its row, in order. Whether rows were tampered with, ticketcore audit verify says.
    """
    found = session.desk.queries.get_history(ticket)
    people = {} if session.json else people_in(session.desk, found)
    zone = session.desk.zone
    session.show_records(found, HISTORY_COLUMNS, lambda row: history_row(row, people, zone), "No history.")


def people_in(desk: Desk, rows: Sequence[HistoryEntry]) -> dict[str, str]:
    """Return what to show for everybody in some rows of the history: who acted, and who got something to do."""
    assignees = [value for row in rows if _is_assignment(row) for value in (row.old_value, row.new_value) if value]
    return desk.people.names([*assignees, *(row.action_by for row in rows)])


def history_row(row: HistoryEntry, people: Mapping[str, str], zone: tzinfo) -> tuple[object, ...]:
    """Return the cells of a row of the history; ``people`` are the names of those in it."""
    from ticketcore.cli.session import when

    who = people.get(row.action_by, row.action_by)
    cells = (row.note, "") if row.action == Action.MERGED and row.note else (what(row, people, zone), row.note)
    return row.seq, when(row.action_date, zone), who, row.action, *cells


def _is_assignment(row: HistoryEntry) -> bool:
    return row.action == Action.ASSIGNED or row.field == "assigned_to"


HISTORY_COLUMNS = (
    Column("#", right=True),
    Column("When"),
    Column("Who", wrap=True),
    Column("Action"),
    Column("What", wrap=True),
    Column("Note", wrap=True),
)


def what(row: HistoryEntry, names: Mapping[str, str], zone: tzinfo = UTC) -> str:
    """Return what changed according to a row of the history; ``names`` are those of assignees."""
    old, new = row.old_value or "", row.new_value or ""
    if row.action == Action.CREATED:
        try:
            return str(json.loads(new)["subject"])
        except (ValueError, KeyError, TypeError):  # a value that was erased
            return new
    if row.action == Action.COMMENT_ADDED:
        return f"{new} (internal)" if row.field == CommentField.INTERNAL else new
    if row.action == Action.TIME_LOGGED:
        return logged_in_words(new)
    if row.action == Action.ANALYSIS_SET:
        return new or NONE  # what it was is a text too, and has a row of its own
    if row.action == Action.ETA_SET:
        old, new = _date(old, zone), _date(new, zone)
    if _is_assignment(row):
        old, new = names.get(old, old), names.get(new, new)
    change = f"{old} → {new or NONE}" if old else new
    return f"{row.field}: {change}" if row.action in _FIELD_CHANGES else change


_FIELD_CHANGES = {Action.UPDATED, Action.TASK_CHANGED, Action.SLA_CHANGED}


def _date(value: str, zone: tzinfo) -> str:
    from ticketcore.cli.session import when

    try:
        return when(datetime.fromisoformat(value), zone) if value else ""
    except ValueError:  # it was erased
        return value


@command(
    "list",
    "ticketcore list --status NEW --status TRIAGED --sort -priority",
    "ticketcore list --package CORE --created-after 2026-05-01 --limit 20 --after 120",
)
@with_filter
@click.option(
    "--sort",
    type=FixedList([*SORTS, *(f"-{name}" for name in SORTS)]),
    metavar="KEY",
    default="number",
    show_default=True,
    help=f"{', '.join(SORTS)}; with - in front reversed.",
)
@limit_option("tickets to list")
@click.option("--after", metavar="T", type=REFERENCE, help="Go on behind this ticket: the last one of the page before.")
@with_session
def list_tickets(session: Session, *, filters: Filters, sort: str, limit: int, after: str | None) -> None:
    """List tickets, filtered and page by page.

    When there are more, a line on standard error says how to get them.
    """
    found = session.desk.queries.get_tickets_by_filter(**filters, sort=sort, limit=limit + 1, after=after)
    _show_page(session, found, limit)


def _show_page(session: Session, found: Sequence[Ticket], limit: int, empty: str = "No tickets.") -> None:
    """Print up to ``limit`` tickets, and how to get more if there are."""
    page = found[:limit]
    session.show_tickets(page, empty)
    if len(found) > limit:
        note(f"There are more tickets; for the next ones repeat with: --after {page[-1].ticket_number}")


@command("search", "ticketcore search printer jammed", "ticketcore search VPN --status NEW --internal")
@click.argument("text", nargs=-1, required=True)
@package_filter
@click.option("--status", type=STATUS, multiple=True, help="Only this status; repeatable.")
@click.option("--internal", is_flag=True, help="Look into internal comments too.")
@limit_option("tickets to list")
@click.option("--after", metavar="T", type=REFERENCE, help="Go on behind this ticket: the last one of the page before.")
@with_session
def search(
    session: Session,
    *,
    text: tuple[str, ...],
    package: str | None,
    status: tuple[str, ...],
    internal: bool,
    limit: int,
    after: str | None,
) -> None:
    """Search the text of tickets.

    Lists those that have every word of TEXT in their subject, description, analysis or comments, the newest first.
    Words are found whole; case does not count, accents do. Behind -- TEXT may begin with a dash.
    """
    found = session.desk.queries.search(
        " ".join(text), package=package, status=status or None, internal=internal, limit=limit + 1, after=after
    )
    _show_page(session, found, limit, "No ticket has all of these words.")


@command("open-tickets", "ticketcore open-tickets --package CORE")
@package_filter
@with_session
def open_tickets(session: Session, package: str | None) -> None:
    """List the tickets that need work.

    These are all that are not RESOLVED, CLOSED or CANCELLED.
    """
    session.show_tickets(session.desk.queries.get_open_tickets(package), "No open tickets.")


@command("overdue", "ticketcore overdue")
@package_filter
@with_session
def overdue(session: Session, package: str | None) -> None:
    """List the tickets that are past a deadline.

    These are the open ones that owe an answer or a solution.
    """
    session.show_tickets(session.desk.queries.get_overdue_tickets(package), "No overdue tickets.")


@command("unassigned", "ticketcore unassigned --package CORE")
@package_filter
@with_session
def unassigned(session: Session, package: str | None) -> None:
    """List the open tickets nobody works on."""
    session.show_tickets(session.desk.queries.get_unassigned_tickets(package), "No unassigned tickets.")


@command("by-assignee", "ticketcore by-assignee ann@example.com")
@click.argument("user")
@with_session
def by_assignee(session: Session, user: str) -> None:
    """List somebody's open tickets.

    USER is an address, a login name or a guid.
    """
    session.show_tickets(session.desk.queries.get_tickets_by_assignee(user), f"No open tickets of {user}.")


@command("summary", "ticketcore summary --package CORE")
@package_filter
@with_session
def summary(session: Session, package: str | None) -> None:
    """Count the tickets in each status."""
    counts = session.desk.queries.get_status_summary(package)
    if session.json:
        print_json(counts)
    else:
        print_summary(counts)


def print_summary(counts: Mapping[str, int]) -> None:
    """Print how many tickets are in each status."""
    rows = [*counts.items(), ("all", sum(counts.values()))]
    print_table((Column("Status"), Column("Tickets", right=True)), rows)


@command("breach-count", "ticketcore breach-count --package CORE")
@package_filter
@with_session
def breach_count(session: Session, package: str | None) -> None:
    """Count the tickets that missed a target.

    These are all that were answered or solved too late, and the open ones that are past a deadline.
    """
    count = session.desk.queries.get_sla_breach_count(package)
    if session.json:
        print_json({"breach_count": count})
    else:
        say(f"{tickets_counted(count)} missed an SLA target")
