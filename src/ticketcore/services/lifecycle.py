"""The operations on a ticket itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, tzinfo

from attrs import define, evolve

from ticketcore.domain import eta
from ticketcore.domain.lifecycle import (
    Change,
    assigned,
    created,
    draft,
    escalated_again,
    moved,
    updated,
    watcher_added,
    watcher_removed,
)
from ticketcore.domain.ticket import DONE, Status, Ticket
from ticketcore.errors import InvalidTransitionError, Problem, RejectedError
from ticketcore.ports.repository import Transaction
from ticketcore.ports.workflow import Workflows
from ticketcore.services.assignment import choose_rule
from ticketcore.services.changes import Changes, Reference, load
from ticketcore.services.notices import display_name
from ticketcore.services.people import stored_assignee
from ticketcore.services.sla import targets_to_escalate


@define(eq=False, repr=False)
class Tickets:
    """Tickets: made, read, changed, moved through their workflow, assigned, watched.

    Wherever a ticket is named, its guid, its number or a record of it will do. Given a record, a change is
    refused with a ConflictError if the ticket has changed since. ``action_by`` says who acts.
    """

    changes: Changes
    workflows: Workflows
    default_package: str
    zone: tzinfo

    def create(
        self,
        subject: str,
        *,
        description: str = "",
        package: str | None = None,
        project: str = "",
        priority: str = "MEDIUM",
        ticket_type: str = "USER",
        requested_by: str | None = None,
        requested_by_type: str = "INTERNAL",
        assigned_to: str | None = None,
        watchers: Iterable[str] = (),
        eta_date: str | date | datetime | None = None,
        action_by: str,
    ) -> Ticket:
        """Create a ticket and return it with its number and deadlines.

        Args:
            subject: the title, at most 500 characters; line breaks become blanks.
            description: the full text.
            package: the scope of the ticket; the configured one by default.
            project: the project within the package; may be empty.
            priority: CRITICAL, HIGH, MEDIUM, LOW or INFO.
            ticket_type: USER, INTERNAL, BUG or FEATURE.
            requested_by: who raised it; ``action_by`` by default.
            requested_by_type: INTERNAL (somebody known here), EMAIL (an address) or SYSTEM.
            assigned_to: who works on it: an address, a login name or any text. Without it, the auto-assign
                rules decide.
            watchers: addresses that are told of every event.
            eta_date: the estimated completion (ISO 8601; a date means the end of that day in the
                configured zone).
            action_by: who creates it.

        Raises:
            RejectedError: with every problem of the input, or of a policy; nothing is stored.
        """

        def build(tx: Transaction, now: datetime) -> Change:
            def estimate() -> datetime | None:
                if eta_date is None:
                    return None
                return eta.parse_instant("eta_date", eta_date, self.zone, end_of_day=True)

            scope = self.default_package if package is None else package
            ticket = draft(
                guid=self.changes.ids.new(now),
                now=now,
                status=self.workflows.engine(scope).initial,
                subject=subject,
                description=description,
                package=scope,
                project=project,
                priority=priority,
                ticket_type=ticket_type,
                requested_by=action_by if requested_by is None else requested_by,
                requested_by_type=requested_by_type,
                assigned_to=stored_assignee(tx, assigned_to or ""),
                watchers=watchers,
                estimated_date=estimate,
            )
            return self._auto_assigned(tx, ticket)

        return self.changes.create(build, action_by=action_by)

    def _auto_assigned(self, tx: Transaction, ticket: Ticket) -> Change:
        if ticket.assigned_to:
            return created(ticket)
        choice = choose_rule(tx, ticket.package, ticket.project, ticket.priority, ticket.ticket_type)
        if choice is None:
            return created(ticket)
        assignee = stored_assignee(tx, choice.rule.assign_to)
        note = f"auto-assigned by rule {choice.rule.id} (level {choice.level})"
        return created(evolve(ticket, assigned_to=assignee), note=note)

    def read(self, guid: Reference) -> Ticket:
        """Return the ticket with this guid (or number).

        Raises:
            NotFoundError: there is none.
        """
        with self.changes.repository.transaction(read_only=True) as tx:
            return load(tx, guid)

    def read_by_number(self, ticket_number: int) -> Ticket:
        """Return the ticket with this number.

        Raises:
            NotFoundError: there is none.
        """
        return self.read(int(ticket_number))

    def update(
        self,
        ticket: Reference,
        *,
        action_by: str,
        subject: str | None = None,
        description: str | None = None,
        package: str | None = None,
        project: str | None = None,
        priority: str | None = None,
        ticket_type: str | None = None,
        requested_by: str | None = None,
        requested_by_type: str | None = None,
    ) -> Ticket:
        """Change what describes a ticket; what is not named stays. Values are as for :meth:`create`.

        A new package, priority or type brings new deadlines.

        Raises:
            RejectedError: with every problem of the input; nothing is changed.
            NotFoundError: there is no such ticket.
            ConflictError: ``ticket`` is a record that is out of date.
        """
        named = {
            "subject": subject,
            "description": description,
            "package": package,
            "project": project,
            "priority": priority,
            "ticket_type": ticket_type,
            "requested_by": requested_by,
            "requested_by_type": requested_by_type,
        }
        fields = {name: value for name, value in named.items() if value is not None}
        return self.changes.apply(ticket, lambda _tx, found, _now: updated(found, fields), action_by=action_by)

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
            problem = Problem("status", f"{new_status!r} is not known; choose one of {', '.join(Status)}")
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

    def assign(self, ticket: Reference, user: str, *, action_by: str) -> Ticket:
        """Give a ticket to somebody.

        Args:
            ticket: the ticket.
            user: an address, a login name or a guid of somebody known; other text stays as given.
            action_by: who assigns it.

        Raises:
            RejectedError: ``user`` is empty.
        """

        def rule(tx: Transaction, found: Ticket, _now: datetime) -> Change | None:
            return assigned(found, stored_assignee(tx, user), name=display_name(tx, user))

        return self.changes.apply(ticket, rule, action_by=action_by)

    def add_watcher(self, ticket: Reference, email: str, *, action_by: str) -> Ticket:
        """Let an address be told of every event; one that watches already stays.

        Raises:
            RejectedError: it is no e-mail address.
        """
        return self.changes.apply(
            ticket,
            lambda _tx, found, _now: watcher_added(found, email),
            action_by=action_by,
            commutes=True,
        )

    def remove_watcher(self, ticket: Reference, email: str, *, action_by: str) -> Ticket:
        """Stop telling an address.

        Raises:
            RejectedError: the address does not watch the ticket.
        """
        return self.changes.apply(
            ticket,
            lambda _tx, found, _now: watcher_removed(found, email),
            action_by=action_by,
            commutes=True,
        )

    def get_watchers(self, ticket: Reference) -> list[str]:
        """Return the addresses that watch a ticket."""
        return list(self.read(ticket).watchers)

    def get_eta_display(self, estimated_date: datetime | None) -> str:
        """Return "X day(s) remaining", "overdue by X day(s)" or "due today"; empty without an estimate."""
        return eta.eta_display(estimated_date, self.changes.clock.now(), self.zone)
