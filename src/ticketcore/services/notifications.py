"""What goes out: the outbox, and telling people of a ticket again."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve

from ticketcore.domain.checks import Checks
from ticketcore.domain.events import NotifyCode, OutboxMessage, OutboxState
from ticketcore.domain.history import Action, HistoryEntry
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.query import Order, Query, eq
from ticketcore.domain.signoff import requested_again
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.errors import NotFoundError, Problem, quoted
from ticketcore.ports.repository import Repository, Transaction
from ticketcore.ports.system import Clock
from ticketcore.services.changes import checked_actor
from ticketcore.services.dispatch import Dispatcher, Outcome
from ticketcore.services.narrowing import refuse_limit
from ticketcore.services.notices import Notices, display_name
from ticketcore.services.references import Reference, load, records_of
from ticketcore.services.repeating import reads
from ticketcore.services.signoffs import signoffs_of

_MOVES = {
    NotifyCode.STATUS_CHANGED: None,
    NotifyCode.RESOLVED: Status.RESOLVED,
    NotifyCode.CLOSED: Status.CLOSED,
    NotifyCode.ESCALATED: Status.ESCALATED,
    NotifyCode.ESCALATION_ALERT: Status.ESCALATED,
}
"""The events that are moves, and the status to which (``None`` for any)."""


@define(eq=False, repr=False)
class Notifications:
    """The operations on what goes out."""

    repository: Repository
    clock: Clock
    dispatcher: Dispatcher
    notices: Notices

    def notify_event(self, ticket: Reference, notify_code: NotifyCode | str, *, action_by: str) -> list[OutboxMessage]:
        """Tell everybody of a ticket again, over every notifier; return the messages, as the first attempt left them.

        They are those of a change with this event: mails to requester, assignee and watchers, and to every other
        notifier the whole ticket. ``SIGNOFF_REQUESTED`` goes to those who have not answered yet, ``ESCALATION_ALERT``
        to the contacts of the service level. The ticket, its history and observers take no notice of it. The result is
        empty if no notifier is turned on, or there is nobody to tell.

        Args:
            ticket: the ticket, also one that is closed or merged.
            notify_code: the event, one of :class:`~ticketcore.domain.events.NotifyCode`, or its name.
            action_by: who tells of it.

        Raises:
            RejectedError: there is no such event, or nobody who acts.
            NotFoundError: there is no such ticket.
        """
        checks = Checks()
        code = _code(checks, notify_code)
        actor = checks.attempt(lambda: checked_actor(action_by))
        checks.done()
        places = self.notices.places()  # before the transaction: plugins may take their time
        with self.repository.transaction() as tx:
            found = load(tx, ticket)
            change = _repeated(tx, found, code, actor)
            planned = self.notices.news(tx, change, found, actor, self.clock.now(), places)
            tx.add_many(planned)
        self.dispatcher.deliver_inline(planned)
        return self._as_stored(planned)

    @reads
    def _as_stored(self, messages: Sequence[OutboxMessage]) -> list[OutboxMessage]:
        if not messages:
            return []
        with self.repository.transaction(read_only=True) as tx:
            found = records_of(tx, OutboxMessage, "guid", (one.guid for one in messages))
            stored = {one.guid: one for one in found}
        return [stored.get(one.guid, one) for one in messages]

    @reads
    def list_outbox(self, state: str | None = None, *, limit: int | None = None) -> list[OutboxMessage]:
        """Return the messages in the outbox, the oldest first.

        Args:
            state: PENDING, DELIVERED or DEAD; all by default.
            limit: the most messages to return, the newest of them; all by default.

        Raises:
            RejectedError: there is no such state, or the limit is below 1.
        """
        checks = Checks()
        where = () if state is None else (eq("state", checks.member("state", state, OutboxState)),)
        checks.attempt(lambda: refuse_limit(limit))
        checks.done()
        newest_first = (Order("created_date", descending=True), Order("guid", descending=True))
        with self.repository.transaction(read_only=True) as tx:
            return tx.find(Query(OutboxMessage, where, newest_first, limit))[::-1]

    def retry(self, guid: str | None = None) -> int:
        """Make dead messages due again, from their first attempt on; return how many.

        Args:
            guid: the one message to retry (also one that is still waiting); all dead ones by default.

        Raises:
            NotFoundError: no message has this guid, or it was delivered already.
        """
        with self.repository.transaction() as tx:
            if guid is None:
                found = tx.find(Query(OutboxMessage, (eq("state", OutboxState.DEAD),)))
            else:
                one = tx.get(OutboxMessage, guid)
                if one is None or one.state is OutboxState.DELIVERED:
                    raise NotFoundError("undelivered message", guid, hint="see: ticketcore outbox list")
                found = [one]
            for message in found:
                tx.save(evolve(message, state=OutboxState.PENDING, attempts=0, next_attempt=self.clock.now()))
        return len(found)

    def deliver_due(self) -> Outcome:
        """Deliver everything that is due now; the worker does this again and again."""
        return self.dispatcher.run_due()


def _code(checks: Checks, value: object) -> NotifyCode:
    """Return the event that ``value`` names, by its name or as people see it."""
    for code in NotifyCode:
        if isinstance(value, str) and value in {code.name, code.value}:
            return code
    message = f"{quoted(value)} is not known; choose one of {', '.join(NotifyCode.__members__)}"
    checks.problems.append(Problem("notify_code", message))
    return NotifyCode.CREATED


def _repeated(tx: Transaction, ticket: Ticket, code: NotifyCode, action_by: str) -> Change:
    """Return the news of ``code``, as a change of ``ticket`` that changes nothing."""
    if code is NotifyCode.SIGNOFF_REQUESTED:
        return requested_again(ticket, signoffs_of(tx, ticket.guid), name=display_name(tx, action_by))
    is_alert = code is NotifyCode.ESCALATION_ALERT
    return Change(
        before=ticket,
        after=ticket,
        entries=(),
        event=None if is_alert else code,
        detail=_detail(tx, ticket, code),
        raise_alert=is_alert,
    )


def _detail(tx: Transaction, ticket: Ticket, code: NotifyCode) -> str:
    """Return what was said of the event when it happened last; empty if it never has."""
    if code is NotifyCode.ASSIGNED and ticket.assigned_to:
        return f"assigned to {display_name(tx, ticket.assigned_to)}"
    if code not in _MOVES:
        return ""
    where = [eq("ticket_guid", ticket.guid), eq("action", Action.STATUS_CHANGE)]
    status = _MOVES[code]
    if status is not None:
        where.append(eq("new_value", status.value))
    moves = tx.find(Query(HistoryEntry, tuple(where), (Order("seq", descending=True),), limit=1))
    return "".join(move.note or f"{move.old_value} → {move.new_value}" for move in moves)
