"""Moving tickets through their workflow, and giving them to somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.options import STATUS, ticket_argument
from ticketcore.cli.output import NONE

if TYPE_CHECKING:
    from ticketcore.cli.session import Session
    from ticketcore.domain.ticket import Ticket

_reason = click.option("--reason", default="", help="Why; it goes into the history.")
_notes = click.option("--notes", default="", help="What to say about it; it goes into the history.")


def _show(session: Session, ticket: Ticket) -> None:
    words = session.desk.sla_words(ticket)
    sla = "" if words == NONE else f" (SLA: {words})"
    session.show_change(ticket, f"Ticket {ticket.ticket_number} is {ticket.status}{sla}")


@command("change-status", "ticketcore change-status 7 IN_PROGRESS")
@ticket_argument
@click.argument("status", metavar="STATUS", type=STATUS)
@_notes
@with_session
def change_status(session: Session, ticket: str, status: str, notes: str) -> None:
    """Move a ticket to another status.

    STATUS is NEW, TRIAGED, IN_PROGRESS, ON_HOLD, ESCALATED, RESOLVED, CLOSED or CANCELLED; the workflow
    says which may follow which.
    """
    _show(session, session.desk.tickets.change_status(ticket, status, action_by=session.by, notes=notes))


@command("resolve", 'ticketcore resolve 7 --notes "Replaced the fuse"')
@ticket_argument
@_notes
@with_session
def resolve(session: Session, ticket: str, notes: str) -> None:
    """Say that the work on a ticket is done.

    Whether the deadline was met is decided now.
    """
    _show(session, session.desk.tickets.resolve(ticket, action_by=session.by, notes=notes))


@command("close", "ticketcore close 7")
@ticket_argument
@with_session
def close(session: Session, ticket: str) -> None:
    """Close a ticket whose solution is accepted."""
    _show(session, session.desk.tickets.close(ticket, action_by=session.by))


@command("escalate", 'ticketcore escalate 7 --reason "The whole floor is affected"')
@ticket_argument
@_reason
@with_session
def escalate(session: Session, ticket: str, reason: str) -> None:
    """Escalate a ticket and alert its contacts.

    The contacts are those of the service level of its package and priority: see ticketcore raci.
    """
    _show(session, session.desk.tickets.escalate(ticket, action_by=session.by, reason=reason))


@command("cancel", 'ticketcore cancel 7 --reason "A duplicate"')
@ticket_argument
@_reason
@with_session
def cancel(session: Session, ticket: str, reason: str) -> None:
    """Cancel a ticket for good."""
    _show(session, session.desk.tickets.cancel(ticket, action_by=session.by, reason=reason))


@command("reopen", 'ticketcore reopen 7 --reason "It burns again"')
@ticket_argument
@_reason
@with_session
def reopen(session: Session, ticket: str, reason: str) -> None:
    """Take up a resolved or closed ticket again."""
    _show(session, session.desk.tickets.reopen(ticket, action_by=session.by, reason=reason))


@command("assign", "ticketcore assign 7 ann@example.com")
@ticket_argument
@click.argument("user")
@with_session
def assign(session: Session, ticket: str, user: str) -> None:
    """Give a ticket to somebody.

    USER is the address, the login name or the guid of somebody known; other text stays as it is typed.
    """
    found = session.desk.tickets.assign(ticket, user, action_by=session.by)
    words = "" if session.json else _assignee_words(session, found)
    session.show_change(found, f"Ticket {found.ticket_number} is assigned to {words}")


def _assignee_words(session: Session, ticket: Ticket) -> str:
    """Return who got a ticket, and whether that is a name that nobody is known by, who is told nothing then."""
    known = session.desk.people.resolve_user_email(ticket.assigned_to) is not None
    return session.names([ticket])[ticket.assigned_to] + ("" if known else ", a name that nobody here is known by")
