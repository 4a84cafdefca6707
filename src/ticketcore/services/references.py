"""What names a ticket, and how it is looked up with its history, or together with many others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.query import Order, Query, eq, one_of
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import ConflictError, NotFoundError, Problem, RejectedError
from ticketcore.ports.repository import Transaction
from ticketcore.services.people import is_storable

R = TypeVar("R")

Reference = str | int | Ticket
"""What names a ticket: its guid, its number (also as text), or a record of it."""

_BATCH = 1000
"""The most values to compare a field with in one statement."""


def load(tx: Transaction, reference: Reference) -> Ticket:
    """Return the ticket as it is stored now.

    Raises:
        NotFoundError: there is none with this guid or number.
        RejectedError: ``reference`` is nothing that names a ticket.
    """
    if isinstance(reference, Ticket):
        reference = reference.guid
    _refuse_other(reference)
    if isinstance(reference, str) and not (reference.isascii() and reference.isdigit()):
        ticket = tx.get(Ticket, reference.strip()) if is_storable(reference) else None
    else:
        number = _number(reference)
        found = tx.find(Query(Ticket, (eq("ticket_number", number),))) if number is not None else []
        ticket = found[0] if found else None
    if ticket is None:
        raise NotFoundError("ticket", reference, hint="give a ticket number or a guid; ticketcore list shows them")
    return ticket


def is_dated(reference: Reference) -> bool:
    """Return whether ``reference`` says as of when the ticket was looked at."""
    return isinstance(reference, Ticket)


def current(tx: Transaction, reference: Reference) -> Ticket:
    """Return the ticket as it is stored now; a record of it has to be that very one.

    Raises:
        NotFoundError: there is no such ticket.
        ConflictError: ``reference`` is a record that is out of date.
    """
    ticket = load(tx, reference)
    if isinstance(reference, Ticket) and reference.row_version != ticket.row_version:
        expected, actual = reference.row_version, ticket.row_version
        raise ConflictError("ticket", ticket.ticket_number, expected=expected, actual=actual)
    return ticket


def _refuse_other(reference: object) -> None:
    if not isinstance(reference, str | int) or isinstance(reference, bool):
        kind = type(reference).__name__
        raise RejectedError([Problem("ticket", f"must be a guid, a number or a ticket, not {kind}")])


_DIGITS, _BITS = 18, 62
"""What every store can count to."""


def _number(text: str | int) -> int | None:
    """Return the number that ``text`` is, ``None`` if no ticket can have it."""
    if isinstance(text, int):
        return text if text.bit_length() <= _BITS else None
    return int(text) if len(text) <= _DIGITS else None


def guid_of(tx: Transaction, reference: Reference) -> str:
    """Return the guid of a ticket; a record knows it, anything else is looked up.

    Raises:
        NotFoundError: there is none with this guid or number.
    """
    return reference.guid if isinstance(reference, Ticket) else load(tx, reference).guid


def records_of(tx: Transaction, kind: type[R], field: str, values: Iterable[str]) -> Iterator[R]:
    """Yield the records whose ``field`` is one of ``values``."""
    wanted = sorted(set(values))
    for start in range(0, len(wanted), _BATCH):
        yield from tx.find(Query(kind, (one_of(field, wanted[start : start + _BATCH]),)))


def tickets_of(tx: Transaction, guids: Iterable[str]) -> dict[str, Ticket]:
    """Return tickets by guid."""
    return {ticket.guid: ticket for ticket in records_of(tx, Ticket, "guid", guids)}


def trail(tx: Transaction, ticket_guid: str) -> list[HistoryEntry]:
    """Return the whole history of a ticket, in order."""
    return tx.find(Query(HistoryEntry, (eq("ticket_guid", ticket_guid),), (Order("seq"),)))


def last_row(tx: Transaction, ticket_guid: str) -> list[HistoryEntry]:
    """Return the last row of the history of a ticket, if there is one."""
    return tx.find(Query(HistoryEntry, (eq("ticket_guid", ticket_guid),), (Order("seq", descending=True),), limit=1))
