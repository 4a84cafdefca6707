"""The moves of a ticket through its workflow."""

from __future__ import annotations

from datetime import datetime

from attrs import define

from ticketcore.domain.lifecycle import Change, escalated_again, moved
from ticketcore.domain.ticket import DONE, Status, Ticket
from ticketcore.errors import InvalidTransitionError, Problem, RejectedError, quoted
from ticketcore.ports.repository import Transaction
from ticketcore.ports.workflow import Workflows
from ticketcore.services.changes import Changes
from ticketcore.services.references import Reference
from ticketcore.services.sla import targets_to_escalate


@define(eq=False, repr=False)
class Moves:
    """Tickets moved from status to status: by the workflow of their package, or not at all."""

    changes: Changes
    workflows: Workflows

    def change_status(self, ticket: Reference, new_status: str, *, action_by: str, notes: str = "") -> Ticket:
        """Move a ticket to another status, as its workflow allows.

        To RESOLVED, CLOSED, ESCALATED and CANCELLED it does what resolve, close, escalate and cancel do.

        Raises:
            InvalidTransitionError: the workflow has no such move; it names the ones that it has.
            RejectedError: there is no such status.
        """
        try:
            wanted = Status(new_status)
        except ValueError:
            problem = Problem("status", f"{quoted(new_status)} is not known; choose one of {', '.join(Status)}")
            raise RejectedError([problem]) from None

        def move(_tx: Transaction, found: Ticket, now: datetime) -> Change:
            status = self.workflows.engine(found.package).move(found.status, wanted)
            return moved(found, status, now=now, note=notes)

        return self.changes.apply(ticket, move, action_by=action_by)

    def resolve(self, ticket: Reference, *, action_by: str, notes: str = "") -> Ticket:
        """Say that the work is done, and record whether the deadline was met.

        Raises:
            InvalidTransitionError: the workflow has no such move.
        """
        return self.change_status(ticket, Status.RESOLVED, action_by=action_by, notes=notes)

    def close(self, ticket: Reference, *, action_by: str) -> Ticket:
        """Close a ticket whose solution is accepted.

        Raises:
            InvalidTransitionError: the workflow has no such move.
        """
        return self.change_status(ticket, Status.CLOSED, action_by=action_by)

    def escalate(self, ticket: Reference, *, action_by: str, reason: str = "") -> Ticket:
        """Escalate a ticket, and alert the contacts of its SLA policy.

        Raises:
            InvalidTransitionError: the workflow has no such move.
        """
        return self.change_status(ticket, Status.ESCALATED, action_by=action_by, notes=reason)

    def escalate_due(self, ticket: Reference, *, action_by: str) -> Ticket:
        """Escalate a ticket because a deadline has passed; one that is not due (any more) stays as it is.

        A ticket that cannot move to ESCALATED (because it is there already, or because of its workflow)
        stays where it is, and its contacts are alerted all the same.
        """

        def rule(_tx: Transaction, found: Ticket, now: datetime) -> Change | None:
            targets = targets_to_escalate(found, self.changes.clock)
            if not targets:
                return None
            reason = "; ".join(
                f"{target} was due {getattr(found, f'sla_{target}_deadline'):%Y-%m-%d %H:%M} UTC" for target in targets
            )
            try:
                status = self.workflows.engine(found.package).move(found.status, Status.ESCALATED)
            except InvalidTransitionError:
                return escalated_again(found, targets, reason)
            return moved(found, status, now=now, note=reason)

        # Decided by what is stored, not by the record: two schedulers may have listed the same ticket.
        guid = ticket.guid if isinstance(ticket, Ticket) else ticket
        return self.changes.apply(guid, rule, action_by=action_by)

    def cancel(self, ticket: Reference, *, action_by: str, reason: str = "") -> Ticket:
        """Cancel a ticket for good.

        Raises:
            InvalidTransitionError: it is cancelled already, or its workflow has no such move.
        """
        return self.change_status(ticket, Status.CANCELLED, action_by=action_by, notes=reason)

    def reopen(self, ticket: Reference, *, action_by: str, reason: str = "") -> Ticket:
        """Take up the work on a resolved or closed ticket again.

        Raises:
            RejectedError: the ticket is neither resolved nor closed.
            InvalidTransitionError: the workflow has no such move.
        """

        def rule(_tx: Transaction, found: Ticket, now: datetime) -> Change:
            if found.status not in DONE:
                message = f"only a RESOLVED or CLOSED ticket can be reopened; this one is {found.status}"
                raise RejectedError([Problem("status", message)])
            status = self.workflows.engine(found.package).move(found.status, Status.IN_PROGRESS)
            return moved(found, status, now=now, note=reason)

        return self.changes.apply(ticket, rule, action_by=action_by)
