"""Tickets that were merged into others: where they went, and that nothing is done to them any more."""

from __future__ import annotations

from ticketcore.domain.ticket import Ticket
from ticketcore.errors import Problem, RejectedError
from ticketcore.ports.repository import Transaction


def where_merged(tx: Transaction, ticket: Ticket) -> Ticket | None:
    """Return what ``ticket`` has become part of, through however many merges; ``None`` if it was not merged."""
    found: Ticket | None = None
    passed = {ticket.guid}
    into = ticket.merged_into
    while into is not None and into not in passed:
        passed.add(into)
        following = tx.get(Ticket, into)
        if following is None:
            break
        found, into = following, following.merged_into
    return found


def refuse_merged(tx: Transaction, ticket: Ticket) -> None:
    """Refuse to change ``ticket`` if it was merged: nobody would look for the change there.

    Raises:
        RejectedError: it was; says where it went.
    """
    if ticket.merged_into is None:
        return
    into = where_merged(tx, ticket)
    place = f"ticket {into.ticket_number}" if into else f"the ticket {ticket.merged_into}, which is not there any more"
    raise RejectedError([Problem("ticket", f"ticket {ticket.ticket_number} was merged into {place}; use that one")])
