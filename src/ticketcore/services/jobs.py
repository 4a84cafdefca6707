"""The jobs that keep a desk going: what each does, and what is noted of every run."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from threading import Event

from attrs import define, evolve, field, frozen

from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.jobs import JobState
from ticketcore.domain.lifecycle import Change, terms_changed
from ticketcore.domain.query import Condition, Op, Order, Query, eq, one_of
from ticketcore.domain.ticket import ACTIVE, Status, Ticket
from ticketcore.errors import ConflictError, NotFoundError, RejectedError, TicketcoreError, reason_of
from ticketcore.ports.repository import Repository, Transaction
from ticketcore.ports.scheduler import Job, JobRun, Watch
from ticketcore.ports.system import Clock
from ticketcore.services.changes import Changes
from ticketcore.services.lifecycle import Tickets
from ticketcore.services.recurring import Recurring
from ticketcore.services.references import trail
from ticketcore.services.repeating import reads, repeated
from ticketcore.services.sla import Sla, SlaSettings, fingerprint, with_deadlines

_log = logging.getLogger(__name__)

ACTOR = "scheduler"
"""Who acts in what jobs change."""

_ONE_TICKET = (RejectedError, ConflictError, NotFoundError)
"""What can be wrong with one ticket alone; if it is the store, the next one fares no better."""

_BATCH = 100
_ERROR_LENGTH = 1000
_SELDOM = 60.0
"""Seconds between two notes of a job that has nothing to do."""


@define(eq=False, repr=False)
class Escalations:
    """The job that escalates what is past a deadline."""

    sla: Sla
    tickets: Tickets

    def run(self, stop: Event) -> str:
        """Escalate every ticket that is due, until ``stop`` is set; one that cannot be does not hold up the others."""
        done = refused = 0
        for ticket in self.sla.check_escalation_due():
            if stop.is_set():
                break
            try:
                self.tickets.escalate_due(ticket, action_by=ACTOR)
                done += 1
            except _ONE_TICKET as error:
                _log.warning("ticket %s cannot be escalated: %s", ticket.ticket_number, error)
                refused += 1
        return _counts({"escalated": done, "refused": refused})


@define(eq=False, repr=False)
class Terms:
    """The job that gives open tickets new deadlines after service levels have changed.

    It remembers by which service levels it last went through all of them, and does nothing while they are the same.
    A ticket that a policy keeps as it is holds up no other; it is tried again with each run.
    """

    repository: Repository
    changes: Changes
    settings: SlaSettings

    def run(self, stop: Event) -> str:
        """Bring the deadlines of all open tickets up to date, in batches, until ``stop`` is set."""
        now_in_force, remembered = self._in_force()
        if remembered == now_in_force:
            return ""
        done, refused = 0, 0
        for ticket in self._outdated(stop):
            if stop.is_set():
                break
            try:
                done += self._bring_up_to_date(ticket)
            except _ONE_TICKET as error:
                _log.warning("ticket %s cannot have its new deadlines: %s", ticket.ticket_number, error)
                refused += 1
        if not refused and not stop.is_set():
            _remember(self.repository, "sla", now_in_force)
        return _counts({"recomputed": done, "refused": refused})

    def _outdated(self, stop: Event) -> Iterator[Ticket]:
        """Yield the open tickets that do not stand as they should, read in batches."""
        after: str | None = ""
        while after is not None and not stop.is_set():
            where = (one_of("status", ACTIVE), Condition("guid", Op.GT, after))
            found, wrong = self._read(Query(Ticket, where, (Order("guid"),), limit=_BATCH))
            yield from wrong
            after = found[-1].guid if len(found) == _BATCH else None

    @reads
    def _in_force(self) -> tuple[str, str | None]:
        """Return the fingerprint of the service levels now, and of those it last went by."""
        with self.repository.transaction(read_only=True) as tx:
            state = tx.get(JobState, "sla")
            return fingerprint(tx, self.settings), state.memory if state else None

    @reads
    def _read(self, query: Query[Ticket]) -> tuple[list[Ticket], list[Ticket]]:
        """Return tickets, and those among them that do not stand as they should."""
        with self.repository.transaction(read_only=True) as tx:
            found = tx.find(query)
            return found, [ticket for ticket in found if self._recomputed(tx, ticket) is not None]

    def _bring_up_to_date(self, ticket: Ticket) -> bool:
        """Change a ticket if that is still necessary; return whether it was."""
        made: list[Change | None] = []

        def rule(tx: Transaction, stored: Ticket, _now: datetime) -> Change | None:
            made.append(self._recomputed(tx, stored))
            return made[-1]

        self.changes.apply(ticket.guid, rule, action_by=ACTOR)
        return made[-1] is not None

    def _recomputed(self, tx: Transaction, ticket: Ticket) -> Change | None:
        if not ticket.is_active:
            return None  # it was finished in the meantime
        return terms_changed(ticket, with_deadlines(tx, self.settings, ticket, trail(tx, ticket.guid)))


@define(eq=False, repr=False)
class Recurrences:
    """The job that makes what is due of the things that recur."""

    recurring: Recurring

    def run(self, stop: Event) -> str:
        """Make everything that is due, until ``stop`` is set; a schedule that fails does not hold up the others."""
        outcome = self.recurring.run_due(stop)
        for failure in outcome.failures:
            _log.warning("a schedule makes nothing: %s", failure)
        return str(outcome)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _remember(repository: Repository, name: str, memory: str) -> None:
    def note() -> None:
        with repository.transaction() as tx:
            known = tx.get(JobState, name)
            if known is None:
                tx.add(JobState(name=name, memory=memory))
            else:
                tx.save(evolve(known, memory=memory))

    repeated(note)


@define(eq=False, repr=False)
class Noted:
    """Makes jobs note every run: in the store, for ``ticketcore doctor``, and for whoever watches."""

    repository: Repository
    clock: Clock
    watches: Sequence[Watch] = ()
    _seen: dict[str, float] = field(factory=dict, init=False)
    """When the success of each job was last stored, by the clock that only counts."""

    def noted(self, job: Job) -> Job:
        """Return ``job`` such that its runs are noted."""
        return evolve(job, run=lambda stop: self._run(job, stop))

    def _run(self, job: Job, stop: Event) -> str:
        started, start = self.clock.now(), time.monotonic()

        def over(outcome: str = "", error: str = "") -> None:
            seconds = time.monotonic() - start
            run = JobRun(job=job.name, started=started, seconds=seconds, outcome=outcome, error=error)
            self._note(run)
            for watch in self.watches:
                _carefully(lambda: watch.ran(run), "a watch")  # noqa: B023 - it is called at once

        try:
            outcome = job.run(stop)
        except (Exception, SystemExit) as error:
            over(error=reason_of(error)[:_ERROR_LENGTH])
            raise
        over(outcome)
        return outcome

    def _note(self, run: JobRun) -> None:
        """Store how the job is: not each time that it had nothing to do, so that an idle worker hardly writes."""
        now = time.monotonic()
        if not run.outcome and not run.error and now - self._seen.get(run.job, -math.inf) < _SELDOM:
            return

        def note() -> None:
            with self.repository.transaction() as tx:
                known = tx.get(JobState, run.job)
                state = known or JobState(name=run.job)
                if run.error:
                    state = evolve(state, failures=state.failures + 1, last_error=run.error)
                else:
                    state = evolve(state, last_success=self.clock.now(), failures=0, last_error="")
                state = evolve(state, last_run=run.started)
                if known is None:
                    tx.add(state)
                else:
                    tx.save(state)

            if not run.error:
                self._seen[run.job] = now
            else:
                self._seen.pop(run.job, None)  # that it is well again is news

        _carefully(lambda: repeated(note), "the store")  # another worker may do the same at this moment


def _carefully(step: Callable[[], None], who: str) -> None:
    """Do what must not make a job fail that did its work."""
    try:
        step()
    except (TicketcoreError, OSError) as error:
        _log.warning("%s cannot take note of a job: %s", who, error)


@frozen
class Figures:
    """What is counted in the store when somebody asks for metrics."""

    messages: Mapping[str, int]
    """Messages in the outbox by state."""
    oldest_due: datetime | None
    """Since when the oldest message is due that has not been delivered."""
    tickets: Mapping[str, int]
    """Tickets by status."""


@reads
def figures(repository: Repository, clock: Clock) -> Figures:
    """Count what is in the store now."""
    waiting = (eq("state", OutboxState.PENDING), Condition("next_attempt", Op.LE, clock.now()))
    first = Query(OutboxMessage, waiting, (Order("next_attempt"), Order("guid")), limit=1)
    with repository.transaction(read_only=True) as tx:
        messages = tx.count_by(Query(OutboxMessage), "state")
        oldest = tx.find(first)
        tickets = tx.count_by(Query(Ticket), "status")
    return Figures(
        messages={str(state): messages.get(state, 0) for state in OutboxState},
        oldest_due=oldest[0].next_attempt if oldest else None,
        tickets={str(status): tickets.get(status, 0) for status in Status},
    )
