"""What recurs: schedules, and the things that are made when they are due.

Several schedulers may look at the same schedules at once, and any of them may die at any point. A schedule has a
``row_version``: whoever makes the thing of an occurrence stores, in the same transaction, the schedule with its next
run, and only one can. Where the thing is made outside the store, one of them takes the schedule for a while (a lease)
before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from threading import Event
from zoneinfo import ZoneInfo

from attrs import define, evolve, frozen

from ticketcore.domain.catchup import Step, steps
from ticketcore.domain.checks import Checks
from ticketcore.domain.query import Condition, Op, Order, Query, eq
from ticketcore.domain.recurrence import TICKET, CatchUp, Occurrence, Schedule
from ticketcore.domain.text import one_line
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.zones import zone_problem
from ticketcore.errors import (
    ConflictError,
    NotFoundError,
    PluginError,
    Problem,
    RejectedError,
    TicketcoreError,
    reason_of,
)
from ticketcore.ports.cron import Cron
from ticketcore.ports.extension import RecurringType
from ticketcore.ports.repository import Repository
from ticketcore.ports.system import Clock, Ids
from ticketcore.services.narrowing import in_package
from ticketcore.services.people import is_storable
from ticketcore.services.repeating import reads

_log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""For how long a scheduler has a schedule to itself while something is made outside the store."""

_AT_ONCE = 100
"""The most that is made for one schedule before it is the turn of the others."""

_BATCH = 100
_ATTEMPTS = 8
_ERROR_LENGTH = 1000


@frozen(kw_only=True)
class RecurringSettings:
    """What holds for schedules that do not say otherwise."""

    package: str
    timezone: str
    catch_up: CatchUp
    grace: timedelta


@frozen
class Failure:
    """A schedule for which something is due that cannot be made, and why."""

    schedule: Schedule
    reason: str

    def __str__(self) -> str:
        """Return both in words."""
        one = self.schedule
        return f"{one.template_name} ({one.cron_expression}, {one.guid}): {self.reason}"


@frozen
class Outcome:
    """What a look at the schedules came to: how many things were made, which tickets, and what failed."""

    made: int = 0
    tickets: tuple[Ticket, ...] = ()
    failures: tuple[Failure, ...] = ()

    def __add__(self, other: Outcome) -> Outcome:
        """Return both together."""
        return Outcome(self.made + other.made, self.tickets + other.tickets, self.failures + other.failures)

    def __str__(self) -> str:
        """Return the counts that are not zero in words; empty if all are."""
        counts = {"made": self.made, "failed": len(self.failures)}
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


@define(eq=False, repr=False)
class Recurring:
    """The operations on schedules."""

    repository: Repository
    clock: Clock
    ids: Ids
    cron: Cron
    types: Callable[[str], RecurringType]
    settings: RecurringSettings

    def create_recurring(
        self,
        template_name: str,
        cron_expression: str,
        package: str | None = None,
        project: str = "",
        *,
        created_by: str,
        timezone: str | None = None,
        catch_up: str | None = None,
        module_type: str = TICKET,
    ) -> Schedule:
        """Let something recur, and return its schedule with the next run.

        Args:
            template_name: the template that its tickets are made from; what other module types take as it.
            cron_expression: minute, hour, day of the month, month, day of the week; or ``@daily`` and the like.
            package: the package of the template and of the tickets; the configured one by default.
            project: the project of the tickets; that of the template by default.
            created_by: who lets it recur: who requests its tickets.
            timezone: the IANA zone in which ``cron_expression`` is meant; the configured one by default.
            catch_up: what becomes of what is missed while nothing runs: ``one`` for all of it, ``all``, or ``none``;
                the configured one by default.
            module_type: what is made; ``TICKET``, or what a plugin brings.

        Raises:
            RejectedError: with every problem of the input.
            NotFoundError: there is no such template.
        """
        checks = Checks()
        name = checks.line("module_type", module_type, required=True)
        template = checks.line("template_name", template_name, required=True)
        scope = checks.line("package", self.settings.package if package is None else package, required=True)
        place = checks.line("project", project)
        creator = checks.line("created_by", created_by, required=True)
        policy = checks.member("catch_up", self.settings.catch_up if catch_up is None else catch_up, CatchUp)
        zone = checks.line("timezone", self.settings.timezone if timezone is None else timezone)
        if wrong := zone_problem(zone):
            checks.problems.append(Problem("timezone", wrong))
        expression = checks.line("cron_expression", cron_expression)
        checks.attempt(lambda: self.cron.check(expression))
        checks.done()
        kind, now = self.types(name), self.clock.now()
        schedule = Schedule(
            guid=self.ids.new(now),
            module_type=kind.name,
            template_name=template,
            cron_expression=expression,
            timezone=zone,
            package=scope,
            project=place,
            created_by=creator,
            catch_up=policy or self.settings.catch_up,
            next_run=self.cron.following(expression, _zone(zone), now),
            created_date=now,
        )
        kind.check(schedule)
        with self.repository.transaction() as tx:
            return tx.add(schedule)

    @reads
    def list_recurring(self, package: str | None = None) -> list[Schedule]:
        """Return the schedules of ``package`` (by default of all), cancelled ones too, in the order of their making."""
        where = in_package(package)
        with self.repository.transaction(read_only=True) as tx:
            return tx.find(Query(Schedule, where, (Order("created_date"), Order("guid"))))

    def cancel_recurring(self, guid: str, *, action_by: str) -> Schedule:
        """Stop a schedule; it stays listed, and nothing is made for it any more.

        Args:
            guid: the guid of the schedule.
            action_by: who stops it; it is logged.

        Raises:
            NotFoundError: there is no such schedule.
        """
        for _ in range(_ATTEMPTS):
            stored = self._stored(guid.strip()) if is_storable(guid) else None
            if stored is None:
                raise NotFoundError("schedule", guid, hint="see: ticketcore list-recurring")
            cancelled = self._replaced(evolve(stored, active=False, claimed_until=None)) if stored.active else stored
            if cancelled is not None:
                _log.info("schedule %s cancelled by %s", guid, action_by)
                return cancelled
        raise ConflictError("schedule", guid)

    def next_runs(self, schedule: Schedule, count: int = 3) -> list[datetime]:
        """Return the next ``count`` instants at which something is to be made; none for a cancelled schedule."""
        if not schedule.active or schedule.next_run is None:
            return []
        following, runs = self._following(schedule), [schedule.next_run]
        while len(runs) < count:
            runs.append(following(runs[-1]))
        return runs[:count]

    def list_due_recurring(self) -> list[Occurrence]:
        """Return the occurrences for which :meth:`check_due_recurring` would make something now; nothing is changed."""
        now, found = self.clock.now(), []
        for schedule in self._due(now):
            try:
                found += list(islice(self._occurrences(schedule, now), _AT_ONCE))
            except RejectedError as error:
                _log.warning("%s", Failure(schedule, str(error)))
        return found

    def check_due_recurring(self) -> list[Ticket]:
        """Make everything that is due, and return the tickets among it.

        Each occurrence that is due makes one ticket, however many do this at the same moment. One that cannot be made
        holds up no other: the reason is kept as ``last_error`` of its schedule, and it is tried again the next time.
        """
        outcome = self.run_due()
        for failure in outcome.failures:
            _log.warning("%s", failure)
        return list(outcome.tickets)

    def run_due(self, stop: Event | None = None) -> Outcome:
        """Make everything that is due, until ``stop`` is set; say what was made, and what failed.

        Of one schedule at most 100 things are made; what is left is due the next time.
        """
        stop, total = stop or Event(), Outcome()
        for schedule in self._due(self.clock.now()):
            if stop.is_set():
                break
            total += self._work_off(schedule, stop)
        return total

    # What is due.

    def _due(self, now: datetime) -> Iterator[Schedule]:
        """Yield the schedules that are due and that nobody is at, read in batches."""
        after: str | None = ""
        while after is not None:
            where = (eq("active", value=True), Condition("next_run", Op.LE, now), Condition("guid", Op.GT, after))
            found = self._found(Query(Schedule, where, (Order("guid"),), limit=_BATCH))
            yield from (one for one in found if _is_free(one, now))
            after = found[-1].guid if len(found) == _BATCH else None

    def _following(self, schedule: Schedule) -> Callable[[datetime], datetime]:
        zone = _zone(schedule.timezone)
        return lambda after: self.cron.following(schedule.cron_expression, zone, after)

    def _steps(self, schedule: Schedule, now: datetime) -> Iterator[Step]:
        """Yield what is to be done for a schedule now."""
        if schedule.active and schedule.next_run is not None and _is_free(schedule, now):
            following, grace = self._following(schedule), self.settings.grace
            yield from steps(schedule.next_run, now, schedule.catch_up, following, grace=grace)

    def _occurrences(self, schedule: Schedule, now: datetime) -> Iterator[Occurrence]:
        for step in self._steps(schedule, now):
            if step.occurrence is not None:
                yield Occurrence(schedule=schedule, due=step.occurrence, settled=_settled(schedule, step))

    # Making it.

    def _work_off(self, schedule: Schedule, stop: Event) -> Outcome:
        """Make what is due for one schedule, as far as it can be made now."""
        total, current = Outcome(), schedule
        for _ in range(_AT_ONCE):
            if stop.is_set():
                break
            try:
                step = next(self._steps(current, self.clock.now()), None)
                if step is None:
                    break
                total += self._take(current, step)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the type may be anybody's; it is tried again
                return total + self._failed(current, error)
            stored = self._stored(schedule.guid)
            if stored is None:
                break
            current = stored
        return total

    def _take(self, schedule: Schedule, step: Step) -> Outcome:
        """Do one step of a schedule; nothing if somebody else was faster.

        Raises:
            PluginError: there is no such type, or it breaks its contract.
            Exception: whatever the type raises.
        """
        settled = _settled(schedule, step)
        if step.occurrence is None:
            self._replaced(settled)
            return Outcome()
        kind = self.types(schedule.module_type)
        if not kind.settles:
            return self._make_outside(kind, schedule, step.occurrence, settled)
        thing = kind.make(Occurrence(schedule=schedule, due=step.occurrence, settled=settled))
        if self._stored(schedule.guid) == schedule:
            message = f"the recurring module type {kind.name!r} says that it settles occurrences, and has not"
            raise PluginError(kind.name, message)
        return Outcome() if thing is None else _made(thing)

    def _make_outside(self, kind: RecurringType, schedule: Schedule, due: datetime, settled: Schedule) -> Outcome:
        """Make something that has no part in the transaction that settles its occurrence."""
        claimed = self._replaced(evolve(schedule, claimed_until=self.clock.now() + LEASE))
        if claimed is None:
            return Outcome()
        settled = evolve(settled, row_version=claimed.row_version)
        try:
            thing = kind.make(Occurrence(schedule=claimed, due=due, settled=settled))
        except BaseException:
            self._replaced(evolve(claimed, claimed_until=None))
            raise
        for _ in range(_ATTEMPTS):
            if self._replaced(settled) is not None:
                break
            stored = self._stored(schedule.guid)
            if stored is None or stored.next_run != schedule.next_run:
                break  # somebody else has made it too, when the lease was over
            # It was cancelled in the meantime.
            settled = evolve(settled, active=stored.active, row_version=stored.row_version)
        return _made(thing)

    def _failed(self, schedule: Schedule, error: BaseException) -> Outcome:
        """Keep why nothing could be made, unless that is known already, or somebody else could."""
        reason = "; ".join(error.lines()) if isinstance(error, TicketcoreError) else reason_of(error)
        reason = one_line(reason)[:_ERROR_LENGTH]
        _log.debug("how it came to that", exc_info=error)
        stored = self._stored(schedule.guid)
        if stored is None or stored.next_run != schedule.next_run:
            return Outcome()
        if stored.last_error != reason:
            self._replaced(evolve(stored, last_error=reason))
        return Outcome(failures=(Failure(schedule, reason),))

    # The store.

    @reads
    def _found(self, query: Query[Schedule]) -> list[Schedule]:
        with self.repository.transaction(read_only=True) as tx:
            return tx.find(query)

    @reads
    def _stored(self, guid: str) -> Schedule | None:
        with self.repository.transaction(read_only=True) as tx:
            return tx.get(Schedule, guid)

    def _replaced(self, schedule: Schedule) -> Schedule | None:
        """Store a schedule and return it as stored; ``None`` if it was changed by somebody else since it was read."""
        try:
            with self.repository.transaction() as tx:
                return tx.save(schedule)
        except ConflictError:
            return None


def _is_free(schedule: Schedule, now: datetime) -> bool:
    """Return whether no scheduler has it to itself."""
    return schedule.claimed_until is None or schedule.claimed_until <= now


def _settled(schedule: Schedule, step: Step) -> Schedule:
    """Return what becomes of a schedule with a step."""
    last_run = schedule.last_run if step.occurrence is None else step.occurrence
    return evolve(schedule, last_run=last_run, next_run=step.next_run, claimed_until=None, last_error="")


def _made(thing: object) -> Outcome:
    return Outcome(1, (thing,) if isinstance(thing, Ticket) else ())


def _zone(name: str) -> ZoneInfo:
    if wrong := zone_problem(name):
        raise RejectedError([Problem("timezone", wrong)])
    return ZoneInfo(name)
