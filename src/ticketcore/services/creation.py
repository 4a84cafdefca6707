"""How a ticket comes into being: what was asked for is checked, and it is decided who gets it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from attrs import define, evolve, field, frozen

from ticketcore.domain import eta
from ticketcore.domain.lifecycle import Change, created, draft
from ticketcore.domain.ticket import Ticket
from ticketcore.ports.repository import Transaction
from ticketcore.ports.system import Ids
from ticketcore.ports.workflow import Workflows
from ticketcore.services.assignment import choose_rule
from ticketcore.services.people import stored_assignee


def _kept(values: object) -> object:
    return tuple(values) if isinstance(values, Iterator) else values  # they may be read twice: see Changes.create


@frozen(kw_only=True)
class NewTicket:
    """What is asked for: the fields of :meth:`~ticketcore.services.lifecycle.Tickets.create`.

    Nothing of it is checked, so any of them may be anything.
    """

    subject: Any
    description: Any = ""
    package: Any = None
    project: Any = ""
    priority: Any = "MEDIUM"
    ticket_type: Any = "USER"
    requested_by: Any = None
    requested_by_type: Any = "INTERNAL"
    assigned_to: Any = None
    watchers: Any = field(default=(), converter=_kept)
    eta_date: Any = None


@define(eq=False, repr=False)
class Creation:
    """Makes the change that a new ticket is."""

    ids: Ids
    workflows: Workflows
    default_package: str
    zone: tzinfo

    def change(self, tx: Transaction, now: datetime, asked: NewTicket, action_by: str) -> Change:
        """Return the change that brings the ticket ``asked`` for into being; without an assignee the rules decide.

        Raises:
            RejectedError: with every problem of the input.
        """
        package = self.default_package if asked.package is None else asked.package
        scope = " ".join(package.split()) if isinstance(package, str) else self.default_package
        wanted = asked.assigned_to or ""
        ticket = draft(
            guid=self.ids.new(now),
            now=now,
            status=self.workflows.engine(scope).initial,
            subject=asked.subject,
            description=asked.description,
            package=package,
            project=asked.project,
            priority=asked.priority,
            ticket_type=asked.ticket_type,
            requested_by=action_by if asked.requested_by is None else asked.requested_by,
            requested_by_type=asked.requested_by_type,
            assigned_to=stored_assignee(tx, wanted) if isinstance(wanted, str) else wanted,
            watchers=asked.watchers,
            estimated_date=lambda: self.estimate(asked.eta_date),
        )
        return _auto_assigned(tx, ticket)

    def estimate(self, eta_date: object) -> datetime | None:
        """Return the estimated completion that somebody gave as ``eta_date``, ``None`` if that is none.

        Raises:
            RejectedError: it is no date.
        """
        return None if eta_date is None else eta.parse_instant("eta_date", eta_date, self.zone, end_of_day=True)


def _auto_assigned(tx: Transaction, ticket: Ticket) -> Change:
    if ticket.assigned_to:
        return created(ticket)
    choice = choose_rule(tx, ticket.package, ticket.project, ticket.priority, ticket.ticket_type)
    if choice is None:
        return created(ticket)
    assignee = stored_assignee(tx, choice.assign_to)
    return evolve(created(evolve(ticket, assigned_to=assignee), note=choice.note), saves=choice.saves)
