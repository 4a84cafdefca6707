"""One run of a command: the open desk, who acts, and how tickets are shown."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, tzinfo
from typing import Any

from attrs import frozen

from ticketcore.cli.base import Shared
from ticketcore.cli.output import NONE, Column, note, note_lines, print_json, print_table, say
from ticketcore.desk import Desk, open_desk
from ticketcore.domain.eta import local
from ticketcore.domain.ticket import Ticket
from ticketcore.serde import to_plain


def when(instant: datetime | None, zone: tzinfo) -> str:
    """Return an instant as people of ``zone`` read it."""
    return NONE if instant is None else f"{local(instant, zone):%Y-%m-%d %H:%M %Z}"


def print_tickets(tickets: Sequence[Ticket], names: Mapping[str, str], sla_words: Callable[[Ticket], str]) -> None:
    """Print a table of tickets; the package has a column only where there is more than one."""
    several = len({ticket.package for ticket in tickets}) > 1
    columns = [Column("#", right=True), Column("Priority"), Column("Status")]
    columns += [Column("Package", wrap=True)] if several else []
    columns += [Column("Assignee", wrap=True), Column("SLA", wrap=True), Column("Subject", wrap=True)]
    print_table(
        columns,
        (
            (
                ticket.ticket_number,
                ticket.priority,
                ticket.status,
                *((ticket.package,) if several else ()),
                names.get(ticket.assigned_to, ticket.assigned_to) or NONE,
                sla_words(ticket),
                ticket.subject,
            )
            for ticket in tickets
        ),
    )


@frozen
class Session:
    """What a command works with."""

    desk: Desk
    shared: Shared

    @property
    def json(self) -> bool:
        """Whether to print JSON."""
        return self.shared.json

    @property
    def by(self) -> str:
        """Who acts."""
        return self.shared.actor

    def when(self, instant: datetime | None) -> str:
        """Return an instant as people of the configured zone read it."""
        return when(instant, self.desk.zone)

    def names(self, tickets: Sequence[Ticket]) -> dict[str, str]:
        """Return what to show for each assignee of ``tickets``."""
        assignees = {ticket.assigned_to for ticket in tickets if ticket.assigned_to}
        return self.desk.people.names(assignees) if assignees else {}

    def ticket_data(self, tickets: Sequence[Ticket]) -> list[dict[str, Any]]:
        """Return tickets as JSON types."""
        names = self.names(tickets)
        return [
            {
                **to_plain(ticket),
                "assigned_to_name": names.get(ticket.assigned_to, ticket.assigned_to),
                "eta_display": self.desk.tickets.get_eta_display(ticket.estimated_date),
            }
            for ticket in tickets
        ]

    def show_change(self, ticket: Ticket, sentence: str) -> None:
        """Print what became of a ticket: a line, or the ticket as JSON."""
        if self.json:
            print_json(self.ticket_data([ticket])[0])
        else:
            say(sentence)

    def show_tickets(self, tickets: Sequence[Ticket], empty: str = "No tickets.") -> None:
        """Print a list of tickets."""
        if self.json:
            print_json(self.ticket_data(tickets))
        elif tickets:
            print_tickets(tickets, self.names(tickets), self.desk.sla_words)
        else:
            say(empty)

    def show_record(self, record: object, sentence: str) -> None:
        """Print what was done: a line, or the record as JSON."""
        if self.json:
            print_json(to_plain(record))
        else:
            say(sentence)

    def show_records(
        self,
        records: Sequence[Any],
        columns: Sequence[Column],
        row: Callable[[Any], Sequence[object]],
        empty: str,
    ) -> None:
        """Print a list of records."""
        if self.json:
            print_json(to_plain(records))
        elif records:
            print_table(columns, (row(record) for record in records))
        else:
            say(empty)


class _Notes(logging.Handler):
    """Shows warnings as single lines on standard error; with ``debug`` also how it came to a failure.

    What is logged with a traceback is told by the error that follows it, so without ``debug`` it is left out.
    """

    def __init__(self, *, debug: bool) -> None:
        super().__init__(logging.DEBUG if debug else logging.WARNING)
        self._debug = debug

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        failure = record.exc_info[1] if record.exc_info else None
        if record.levelno >= logging.WARNING and failure is None:
            note(f"{record.levelname.capitalize()}: {record.getMessage()}")
        elif failure is not None and self._debug:
            lines = "".join(traceback.format_exception(failure)).splitlines()
            note_lines(f"{record.getMessage()}:", *lines)


@contextmanager
def warnings_shown() -> Iterator[None]:
    """Show warnings on standard error while the block lasts, each once."""
    logger = logging.getLogger("ticketcore")
    if any(isinstance(handler, _Notes) for handler in logger.handlers):
        yield
        return
    debug = os.environ.get("TICKETCORE_DEBUG") == "1"
    handler, level = _Notes(debug=debug), logger.level
    logger.addHandler(handler)
    if debug:
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def open_session(shared: Shared) -> Iterator[Session]:
    """Open the desk of the configuration for one command."""
    with warnings_shown(), open_desk(shared.config, plugins=lambda: shared.plugins) as desk:
        yield Session(desk, shared)
