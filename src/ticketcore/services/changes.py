"""The single write path: every change of a ticket goes this way, and no other way exists.

load → the pure function of the domain → deadlines → policies → ticket, history and outbox in one
transaction → commit → delivery. Nothing outside the database is touched before the commit, and nothing
after it can lose the change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from attrs import define, evolve

from ticketcore.domain.checks import NAME_LENGTH
from ticketcore.domain.events import NotifyCode, OutboxMessage
from ticketcore.domain.history import Action, CommentField, HistoryEntry, seal
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.query import Order, Query, eq
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.version import FIRST_VERSION, VersionRow
from ticketcore.errors import (
    ConflictError,
    ForbiddenError,
    PluginError,
    Problem,
    RejectedError,
    TicketcoreError,
    reason_of,
)
from ticketcore.ports.extension import Amendment, Policies
from ticketcore.ports.repository import Repository, Transaction
from ticketcore.ports.system import Clock, Ids
from ticketcore.services.dispatch import Dispatcher
from ticketcore.services.merged import refuse_merged
from ticketcore.services.notices import Notices, display_name
from ticketcore.services.people import stored_assignee
from ticketcore.services.references import Reference, current, is_dated, last_row, load, trail
from ticketcore.services.repeating import repeated
from ticketcore.services.sla import SlaSettings, mark_escalated, targets_to_escalate, with_deadlines

_CLOCK_FIELDS = frozenset({"package", "priority", "ticket_type"})


def _moves_clocks(change: Change) -> bool:
    """Return whether ``change`` can move a deadline or decide a target."""
    if change.before is None:
        return True
    for entry in change.entries:
        if entry.action is Action.STATUS_CHANGE or entry.action is Action.SLA_CHANGED:
            return True
        if entry.action is Action.UPDATED and entry.field in _CLOCK_FIELDS:
            return True
        if entry.field == CommentField.PUBLIC and change.before.sla_response_met is None:
            return True
    return False


Rule = Callable[[Transaction, Ticket, datetime], "Change | None"]
"""Says what becomes of a ticket at an instant; ``None`` for nothing."""


@define(eq=False, repr=False)
class Changes:
    """Stores changes."""

    repository: Repository
    clock: Clock
    ids: Ids
    policies: Policies
    sla: SlaSettings
    notices: Notices
    dispatcher: Dispatcher

    def create(self, build: Callable[[Transaction, datetime], Change | Ticket], *, action_by: str) -> Ticket:
        """Store a new ticket, and return it with its number; or the one that ``build`` finds to be there already.

        If somebody else writes the same at the same moment, ``build`` is asked again with what is stored by then.
        """
        return self._run(lambda tx, now: [build(tx, now)], action_by)[0]

    def apply(self, reference: Reference, rule: Rule, *, action_by: str, commutes: bool = False) -> Ticket:
        """Store what ``rule`` makes of a ticket, and return the ticket as it is then.

        If somebody else changes the ticket at the same moment, the rule is asked again with what is stored
        by then. A caller who hands in a record, however, decided by what that record says: if the stored
        ticket is a newer one, that is refused; unless the change ``commutes`` with any other.

        Raises:
            NotFoundError: there is no such ticket.
            ConflictError: ``reference`` is a record that is out of date.
            RejectedError: the ticket was merged, or the rule or a policy refuses; nothing is changed.
        """
        seen = is_dated(reference) and not commutes

        def build(tx: Transaction, now: datetime) -> list[Change | Ticket]:
            ticket = current(tx, reference) if seen else load(tx, reference)
            refuse_merged(tx, ticket)
            return [rule(tx, ticket, now) or ticket]

        return self._run(build, action_by, (reference,) if seen else ())[0]

    def apply_all(
        self,
        references: Sequence[Reference],
        rule: Callable[[Transaction, list[Ticket], datetime], Sequence[Change]],
        *,
        action_by: str,
        commutes: bool = False,
    ) -> list[Ticket]:
        """Store what ``rule`` makes of several tickets, all of it or nothing; return what becomes of each.

        The rule may return changes of other tickets too, at most one for each. Otherwise this is like :meth:`apply`.

        Raises:
            NotFoundError: one of the tickets does not exist.
            ConflictError: one of ``references`` is a record that is out of date.
            RejectedError: one of them was merged, or the rule or a policy refuses; nothing is changed.
        """

        def build(tx: Transaction, now: datetime) -> list[Change | Ticket]:
            tickets = [load(tx, one) if commutes else current(tx, one) for one in references]
            for ticket in tickets:
                refuse_merged(tx, ticket)
            changes = rule(tx, tickets, now)
            changed = {change.after.guid: change for change in changes}
            asked = {ticket.guid for ticket in tickets}
            others = [change for guid, change in changed.items() if guid not in asked]
            return [*(changed.get(ticket.guid, ticket) for ticket in tickets), *others]

        stored = self._run(build, action_by, () if commutes else references)
        return stored[: len(references)]

    def _run(
        self,
        build: Callable[[Transaction, datetime], Sequence[Change | Ticket]],
        action_by: str,
        seen: Collection[Reference] = (),
    ) -> list[Ticket]:
        """Store what ``build`` makes of it; if that decides by records that were ``seen``, only while they are true."""
        actor = _one_line(action_by)
        numbers = {one.ticket_number for one in seen if isinstance(one, Ticket)}

        def is_stale(error: ConflictError) -> bool:
            return error.kind == "ticket" and error.key in numbers and error.actual is not None

        return repeated(lambda: self._once(build, actor), final=is_stale)

    def _once(
        self, build: Callable[[Transaction, datetime], Sequence[Change | Ticket]], action_by: str
    ) -> list[Ticket]:
        # Asked for first: plugins may take their time, and nobody else can write during a transaction.
        amendments, places = self.policies.amendments(), self.notices.places()
        with self.repository.transaction() as tx:
            now = self.clock.now()
            wrong = _actor_problems(action_by)
            try:
                planned = build(tx, now)
            except RejectedError as error:
                if wrong:
                    raise RejectedError([*error.problems, *wrong]) from None
                raise
            if wrong:
                raise RejectedError(wrong)
            judged = [
                one if isinstance(one, Ticket) else self._judged(tx, one, action_by, now, amendments) for one in planned
            ]
            tickets = save_tickets(tx, [one[0] for one in judged if not isinstance(one, Ticket)])
            stored: list[Ticket] = []
            messages: list[OutboxMessage] = []
            for one in judged:
                if isinstance(one, Ticket):
                    stored.append(one)
                    continue
                change, rows = one
                stored.append(tickets[change.after.guid])
                self._attach(tx, change, rows, action_by, now)
                messages += self.notices.plan(tx, change, stored[-1], action_by, now, places)
            tx.add_many(messages)
        self.dispatcher.deliver_inline(messages)
        return stored

    def _judged(
        self, tx: Transaction, change: Change, action_by: str, now: datetime, amendments: Sequence[Amendment]
    ) -> Ticket | tuple[Change, list[HistoryEntry]]:
        """Return ``change`` as policies let it pass, and its history rows; the ticket if nothing is left of it.

        Raises:
            ForbiddenError: a policy forbids it.
            RejectedError: a policy refuses it.
        """
        change = evolve(change, after=evolve(change.after, updated_date=now))
        change, problems = self._amended(tx, change, action_by, amendments)
        if change.before is not None and not change.entries:
            return change.before  # a policy has undone all of it
        change, rows = self._completed(tx, change, action_by, now)
        verdict = self.policies.judge(change, action_by)
        problems += verdict.problems
        if verdict.reasons:
            raise ForbiddenError(verdict.reasons, problems)
        if problems:
            raise RejectedError(problems)
        return change, rows

    def _attach(self, tx: Transaction, change: Change, rows: list[HistoryEntry], action_by: str, now: datetime) -> None:
        """Store what belongs to a change besides its ticket."""
        tx.add_many(rows)
        if change.comment is not None:
            tx.add(change.comment)
        for task in change.tasks:
            if task.before is None:
                tx.add(task.after)
            else:
                tx.save(task.after)
        for record in change.removes:
            tx.remove(record)
        for record in change.saves:
            tx.save(record)
        for record in change.adds:
            tx.add(record)
        if change.before is not None:
            self._store_version(tx, change, rows[-1].seq, action_by, now)

    def _store_version(self, tx: Transaction, change: Change, history_seq: int, action_by: str, now: datetime) -> None:
        """Make ``change`` the next version of its ticket, if it changes anything that versions keep."""
        from ticketcore.domain.versioning import changes_of, version_row

        changes = changes_of(change)
        if not changes:
            return
        newest = (Order("version", descending=True),)
        last = tx.find(Query(VersionRow, (eq("ticket_guid", change.after.guid),), newest, limit=1))
        row = version_row(
            change,
            changes,
            guid=self.ids.new(now),
            version=last[0].version + 1 if last else FIRST_VERSION + 1,
            history_seq=history_seq,
            changed_by=action_by,
        )
        tx.add(row)

    def _amended(
        self, tx: Transaction, change: Change, action_by: str, amendments: Sequence[Amendment]
    ) -> tuple[Change, list[Problem]]:
        """Return what policies have made of ``change``, and what went wrong with it.

        Raises:
            RejectedError: something went wrong, and nothing is left that could be judged.
        """
        if not amendments:
            return change, []
        from ticketcore.domain.amendment import amended

        assignee = change.after.assigned_to
        problems: list[Problem] = []
        for policy in amendments:
            try:
                fields = dict(policy.fields(change, action_by))
                if isinstance(wanted := fields.get("assigned_to"), str):
                    fields["assigned_to"] = stored_assignee(tx, wanted)
                change = amended(change, fields, by=policy.plugin)
            except PluginError as error:
                problems.append(Problem("", error.message))
            except RejectedError as error:
                wrong = f"(a value of the policy {policy.plugin})"
                problems += [Problem(problem.field, f"{problem.message} {wrong}") for problem in error.problems]
            except TicketcoreError:  # the store's
                raise
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a value may be anything, also one that raises
                message = f"a value of the policy {policy.plugin} cannot be used ({reason_of(error)})"
                problems.append(Problem("", message))
        if problems and not change.entries:
            raise RejectedError(problems)
        return change if change.after.assigned_to == assignee else _announced(tx, change), problems

    def _completed(
        self,
        tx: Transaction,
        change: Change,
        action_by: str,
        now: datetime,
    ) -> tuple[Change, list[HistoryEntry]]:
        """Return ``change`` with its deadlines, and its history rows."""
        ticket = change.after
        clocks = _moves_clocks(change)
        if change.before is None:
            past: list[HistoryEntry] = []
        else:
            past = trail(tx, ticket.guid) if clocks else last_row(tx, ticket.guid)
        rows = self._rows(change, ticket, past, action_by, now)
        if clocks:
            ticket = with_deadlines(tx, self.sla, ticket, [*past, *rows])
        if change.raise_alert:
            ticket = mark_escalated(ticket, targets_to_escalate(ticket, self.clock))
        return evolve(change, after=ticket), rows

    def _rows(
        self,
        change: Change,
        ticket: Ticket,
        past: list[HistoryEntry],
        action_by: str,
        now: datetime,
    ) -> list[HistoryEntry]:
        """Return the history rows of ``change``, each chained to the one before it."""
        seq, prev_hash = (past[-1].seq, past[-1].hash) if past else (0, "")
        rows: list[HistoryEntry] = []
        for entry in change.entries:
            seq += 1
            row = seal(
                HistoryEntry(
                    guid=self.ids.new(now),
                    ticket_guid=ticket.guid,
                    action=entry.action,
                    field=entry.field,
                    old_value=entry.old_value,
                    new_value=entry.new_value,
                    note=entry.note,
                    action_by=action_by,
                    package=ticket.package,
                    action_date=now,
                    seq=seq,
                    salt=self.ids.salt(),
                    prev_hash=prev_hash,
                )
            )
            prev_hash = row.hash
            rows.append(row)
        return rows


def save_tickets(tx: Transaction, changes: Iterable[Change]) -> dict[str, Ticket]:
    """Store the tickets of ``changes``, before anything else; return them by guid.

    Everybody takes them in the same order: two transactions must not wait for each other's tickets.
    """
    in_order = sorted(changes, key=lambda change: change.after.guid)
    stored = [tx.add(one.after) if one.before is None else tx.save(one.after) for one in in_order]
    return {ticket.guid: ticket for ticket in stored}


def _announced(tx: Transaction, change: Change) -> Change:
    """Return ``change``, which policies may have amended, with the news of an assignment that it still is."""
    is_assignment = change.event is NotifyCode.ASSIGNED
    if change.before is None or not (is_assignment or (change.event is None and not change.raise_alert)):
        return change
    assignee = change.after.assigned_to
    if not assignee or assignee == change.before.assigned_to:
        return evolve(change, event=None, detail="") if is_assignment else change
    return evolve(change, event=NotifyCode.ASSIGNED, detail=f"assigned to {display_name(tx, assignee)}")


def _one_line(actor: object) -> str:
    """Return who acts without line breaks and blanks too many.

    Raises:
        RejectedError: it is no text.
    """
    if not isinstance(actor, str):
        raise RejectedError([Problem("action_by", f"must be the name of who acts, not {type(actor).__name__}")])
    return " ".join(actor.split())


def checked_actor(action_by: object) -> str:
    """Return who acts, as it is stored.

    Raises:
        RejectedError: it is no name.
    """
    actor = _one_line(action_by)
    if wrong := _actor_problems(actor):
        raise RejectedError(wrong)
    return actor


def _actor_problems(actor: str) -> list[Problem]:
    if not actor:
        return [Problem("action_by", "must say who acts; it is empty")]
    if len(actor) > NAME_LENGTH or not actor.isprintable():
        return [Problem("action_by", f"must be a printable name of at most {NAME_LENGTH} characters")]
    return []
