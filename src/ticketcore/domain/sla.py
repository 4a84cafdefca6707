"""Service levels: both deadlines of a ticket as one pure function of its events, terms and calendars.

Nothing is accumulated. :func:`evaluate` is given everything that ever happened to a ticket's clocks and
says when its targets are due and whether they were met; what is stored on a ticket is a copy of its answer.
All arithmetic is done on UTC instants and on half-open intervals ``[start, end)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from attrs import field, frozen

from ticketcore.domain.history import Action, CommentField, HistoryEntry
from ticketcore.domain.ticket import DONE, Status, Ticket

FOREVER = datetime.max.replace(tzinfo=UTC)
MAX_MINUTES = 10 * 366 * 24 * 60
"""The longest target, ten years: a longer one is a mistake, and would overflow the calendar."""

Span = tuple[datetime, datetime]


class Calendar(Protocol):
    """When the clocks may run."""

    def spans(self, start: datetime) -> Iterator[Span]:
        """Yield the open intervals from ``start`` on (an aware instant), in order, without end."""


class AroundTheClock:
    """The calendar that is always open."""

    def spans(self, start: datetime) -> Iterator[Span]:
        """Yield the one interval from ``start`` to the end of time."""
        yield start, FOREVER


ALWAYS = AroundTheClock()


class Target(StrEnum):
    """What is promised: a first answer, and a solution."""

    RESPONSE = "response"
    RESOLUTION = "resolution"


class Recompute(StrEnum):
    """Where the clocks start when new terms apply: at the ticket's creation, or at the change."""

    FROM_CREATION = "from_creation"
    RESTART = "restart"


@frozen
class Terms:
    """What is promised for a ticket: minutes of the calendar, and in which statuses the clocks stop."""

    response_minutes: int
    resolution_minutes: int
    calendar: Calendar = ALWAYS
    pause_statuses: frozenset[Status] = frozenset({Status.ON_HOLD})
    recompute: Recompute = Recompute.FROM_CREATION

    def minutes(self, target: Target) -> int:
        """Return the minutes promised for ``target``."""
        return self.response_minutes if target is Target.RESPONSE else self.resolution_minutes


@frozen
class Moved:
    """The ticket got a status (at its creation: its first one)."""

    at: datetime
    status: Status


@frozen
class Responded:
    """Somebody other than the requester commented publicly."""

    at: datetime


@frozen
class TermsSet:
    """Terms apply from here on: at the creation, and whenever package, priority or type change."""

    at: datetime
    terms: Terms | None


@frozen
class Overridden:
    """Somebody set a deadline by hand (``None``: gave it back to the terms)."""

    at: datetime
    target: Target
    deadline: datetime | None


Event = Moved | Responded | TermsSet | Overridden


@frozen
class SlaState:
    """What :func:`evaluate` finds; deadlines are UTC instants, ``None`` where nothing is promised."""

    response_deadline: datetime | None = None
    resolution_deadline: datetime | None = None
    response_met: bool | None = None
    resolution_met: bool | None = None
    paused_at: datetime | None = None


def without(spans: Iterable[Span], pauses: Sequence[Span]) -> Iterator[Span]:
    """Yield what is left of ``spans`` when ``pauses`` (sorted, not overlapping) are cut out."""
    for start, end in spans:
        at = start
        for pause_start, pause_end in pauses:
            if pause_end <= at:
                continue
            if pause_start >= end:
                break
            if at < pause_start:
                yield at, pause_start
            at = max(at, pause_end)
        if at >= FOREVER:
            return
        if at < end:
            yield at, end


def due(start: datetime, minutes: int, calendar: Calendar, pauses: Sequence[Span] = ()) -> datetime | None:
    """Return when ``minutes`` of ``calendar`` have passed since ``start``, not counting ``pauses``.

    A deadline on the very end of an open interval stays there. ``None`` if the clock never gets so far.
    """
    left = timedelta(minutes=minutes)
    for span_start, span_end in without(calendar.spans(start), pauses):
        length = span_end - span_start
        if left <= length:
            return span_start + left
        left -= length
        if span_end >= FOREVER:
            break
    return None


@frozen
class _Timeline:
    """A ticket's statuses as intervals: each from its instant to the next one's."""

    stretches: tuple[tuple[datetime, datetime, Status], ...]

    @classmethod
    def of(cls, events: Sequence[Event]) -> _Timeline:
        moves = [event for event in events if isinstance(event, Moved)]
        ends = [move.at for move in moves[1:]] + [FOREVER]
        return cls(tuple((move.at, end, move.status) for move, end in zip(moves, ends, strict=True)))

    @property
    def status(self) -> Status:
        return self.stretches[-1][2]

    def pauses(self, statuses: frozenset[Status]) -> list[Span]:
        """Return the intervals in one of ``statuses``, finished work included, neighbours joined."""
        spans: list[Span] = []
        for start, end, status in self.stretches:
            if start >= end or not (status in statuses or status in DONE or status is Status.CANCELLED):
                continue
            if spans and spans[-1][1] == start:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        return spans

    def stopped(self, terms: Terms | None) -> datetime | None:
        spans = self.pauses(terms.pause_statuses if terms else frozenset())
        return spans[-1][0] if spans and spans[-1][1] == FOREVER else None

    def since(self, statuses: frozenset[Status]) -> datetime | None:
        """Return since when the ticket has been in ``statuses`` without a break, ``None`` if it is not."""
        start: datetime | None = None
        for begin, end, status in self.stretches:
            if status in statuses:
                start = start or begin
            elif begin < end:
                start = None
        return start if self.status in statuses else None

    def work_began(self) -> datetime | None:
        """Return when work first started or ended."""
        worked = {Status.IN_PROGRESS, *DONE}
        return next((begin for begin, _, status in self.stretches if status in worked), None)

    def done(self) -> datetime | None:
        """Return when the work was done, if it is (a later cancellation does not undo it)."""
        if self.status is Status.CANCELLED:
            before = _Timeline(self.stretches[:-1])
            return before.done() if before.stretches else None
        return self.since(DONE)


@frozen
class _Era:
    """A time under one set of terms."""

    at: datetime
    start: datetime
    terms: Terms | None = field(eq=False)


def evaluate(events: Sequence[Event]) -> SlaState:
    """Return deadlines and met flags after ``events``, which are in the order in which they happened.

    The first event is the creation: a :class:`Moved` with the first status. At one instant what reaches a
    target (stop) counts before a pause begins, that before it ends, and that before a clock starts: an
    answer at the very deadline is in time, and intervals of no length count for nothing.
    """
    line = _Timeline.of(events)
    created = line.stretches[0][0]
    eras = [
        _Era(event.at, event.at if _restarts(event, created) else created, event.terms)
        for event in events
        if isinstance(event, TermsSet)
    ]
    terms = eras[-1].terms if eras else None
    answers = [event.at for event in events if isinstance(event, Responded)]
    reached = {
        Target.RESPONSE: min((at for at in (*answers, line.work_began()) if at is not None), default=None),
        Target.RESOLUTION: line.done(),
    }
    found = {target: _judge(target, reached[target], line, eras, events) for target in Target}
    return SlaState(
        response_deadline=found[Target.RESPONSE][0],
        resolution_deadline=found[Target.RESOLUTION][0],
        response_met=found[Target.RESPONSE][1],
        resolution_met=found[Target.RESOLUTION][1],
        paused_at=line.since(terms.pause_statuses) if terms else None,
    )


def _restarts(event: TermsSet, created: datetime) -> bool:
    return event.terms is not None and event.terms.recompute is Recompute.RESTART and event.at > created


def _judge(
    target: Target,
    reached: datetime | None,
    line: _Timeline,
    eras: Sequence[_Era],
    events: Sequence[Event],
) -> tuple[datetime | None, bool | None]:
    """Return the deadline of ``target`` and whether it was met."""
    changes: list[tuple[datetime, datetime | None]] = []
    era: _Era | None = None
    fixed: datetime | None = None
    coming = iter(eras)
    for event in events:
        if isinstance(event, TermsSet):
            era = next(coming)
        elif isinstance(event, Overridden) and event.target is target:
            fixed = event.deadline
        else:
            continue
        changes.append((event.at, fixed or (_deadline(target, era, line, reached) if era else None)))
    if not changes:
        return None, None
    final = changes[-1][1]
    if reached is None:
        stopped = line.stopped(eras[-1].terms if eras else None)
        cancelled = line.status is Status.CANCELLED
        return final, False if cancelled and final and stopped and final < stopped else None
    # The deadline in force when the target was reached, and all that came later: met under one is met.
    ends = [at for at, _ in changes[1:]] + [FOREVER]
    for (_, limit), end in zip(changes, ends, strict=True):
        if limit is not None and reached <= limit and end >= reached:
            return final, True
    return final, None if final is None else False


def _deadline(target: Target, era: _Era, line: _Timeline, reached: datetime | None) -> datetime | None:
    if era.terms is None:
        return None
    pauses = line.pauses(era.terms.pause_statuses)
    if reached is not None:
        pauses = [(start, min(end, reached)) for start, end in pauses if start < reached]
    elif pauses and pauses[-1][1] == FOREVER:
        # A clock that stands still now: its deadline if it went on from here at once.
        pauses = pauses[:-1]
    return due(era.start, era.terms.minutes(target), era.terms.calendar, pauses)


def overdue(deadline: datetime | None, met: bool | None, paused_at: datetime | None, now: datetime) -> bool:  # noqa: FBT001
    """Return whether a target that nobody has reached yet was due before ``now``.

    While the clock stands still nothing becomes overdue; what was due before it stopped stays so.
    """
    return deadline is not None and met is None and deadline < min(paused_at or now, now)


def _span(span: timedelta) -> str:
    """Return how long ``span`` is, in its two largest units."""
    minutes = max(1, round(span.total_seconds() / 60))
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    return " ".join(parts[:2])


def describe(ticket: Ticket, now: datetime) -> str:
    """Return in a few words how ``ticket`` stands with its deadlines at the instant ``now``."""
    owed = [
        (deadline, target)
        for target in Target
        if (deadline := getattr(ticket, f"sla_{target}_deadline")) and getattr(ticket, f"sla_{target}_met") is None
    ]
    if not ticket.is_active:
        flags = [flag for flag in (ticket.sla_response_met, ticket.sla_resolution_met) if flag is not None]
        return ("met" if all(flags) else "missed") if flags else "—"
    if not owed:
        return "—" if ticket.sla_resolution_deadline is None else "met"
    deadline, target = min(owed)
    at = ticket.sla_paused_at or now
    if deadline < at:
        return f"{target} overdue by {_span(now - deadline)}"
    return (
        f"paused, {_span(deadline - at)} left" if ticket.sla_paused_at else f"{target} due in {_span(deadline - now)}"
    )


TermsLookup = Callable[[str, str, str], "Terms | None"]
"""Finds the terms for a package, priority and ticket type."""

_DECIDING = ("package", "priority", "ticket_type")
"""The fields that decide which terms apply."""


def events_of(ticket: Ticket, history: Sequence[HistoryEntry], terms: TermsLookup) -> list[Event]:
    """Return what happened to the clocks of ``ticket``, read from its whole ``history`` (by ``seq``).

    Only what a ticket is now and what its history says was changed is used, so that terms can be looked up
    for every state that it was in.
    """
    values = {name: str(getattr(ticket, name)) for name in _DECIDING}
    status = ticket.status
    found: list[Event] = []
    decided_at: datetime | None = None
    # Backwards: before a change, a field had the change's old value.
    for row in reversed(history):
        event, status = _event(row, status)
        if event is not None:
            found.append(event)
        if row.action == Action.UPDATED and row.field in values:
            if decided_at != row.action_date:  # several fields changed at once are one change of terms
                found.append(TermsSet(row.action_date, terms(*values.values())))
                decided_at = row.action_date
            values[row.field] = row.old_value or ""
    found.append(TermsSet(ticket.created_date, terms(*values.values())))
    found.append(Moved(ticket.created_date, status))
    return found[::-1]


def _event(row: HistoryEntry, status: Status) -> tuple[Event | None, Status]:
    """Return what ``row`` means for the clocks, and the status before it (after it: ``status``)."""
    if row.action == Action.STATUS_CHANGE:
        before = row.old_value or ""  # of an adopted ticket it may be anything
        return Moved(row.action_date, status), Status(before) if before in Status.__members__ else status
    if row.action == Action.COMMENT_ADDED and row.field == CommentField.PUBLIC:
        return Responded(row.action_date), status
    if row.action == Action.SLA_CHANGED and row.field in _DEADLINES:
        deadline = datetime.fromisoformat(row.new_value) if row.new_value else None
        return Overridden(row.action_date, _DEADLINES[row.field], deadline), status
    return None, status


_DEADLINES = {f"sla_{target}_deadline": target for target in Target}
