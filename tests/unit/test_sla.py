"""The clocks of a ticket: worked examples, each rule by itself, a model that counts minutes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from attrs import asdict, evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain import lifecycle
from ticketcore.domain.history import Action, Entry, HistoryEntry
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.sla import (
    ALWAYS,
    FOREVER,
    Event,
    Moved,
    Overridden,
    Recompute,
    Responded,
    SlaState,
    Span,
    Target,
    Terms,
    TermsSet,
    describe,
    due,
    evaluate,
    events_of,
    overdue,
    without,
)
from ticketcore.domain.ticket import Priority, Status, Ticket
from ticketcore.domain.workflow import DEFAULT

NEW, TRIAGED, IN_PROGRESS, ON_HOLD = (
    Status.NEW,
    Status.TRIAGED,
    Status.IN_PROGRESS,
    Status.ON_HOLD,
)
ESCALATED, RESOLVED, CLOSED, CANCELLED = (
    Status.ESCALATED,
    Status.RESOLVED,
    Status.CLOSED,
    Status.CANCELLED,
)
RESPONSE, RESOLUTION = Target.RESPONSE, Target.RESOLUTION
RESTART = Recompute.RESTART
MINUTE = timedelta(minutes=1)

properties = settings(derandomize=True, deadline=None, max_examples=200)


class Hours:
    """Open hours of each weekday (Monday is 0) in a zone, expanded to instants day by day."""

    def __init__(
        self,
        zone: str,
        hours: Mapping[int, Sequence[tuple[int, int]]],
        holidays: Sequence[date] = (),
    ) -> None:
        self.zone = ZoneInfo(zone)
        self.hours = hours
        self.holidays = holidays

    def spans(self, start: datetime) -> Iterator[Span]:
        day = start.astimezone(self.zone).date()
        last = day + timedelta(days=60)
        while True:
            # Where an answer is near, nobody has to look for it at the end of time.
            assert day < last, "was asked for more than sixty days"
            for opens, closes in () if day in self.holidays else self.hours.get(day.weekday(), ()):
                span_start = max(self.instant(day, opens, fold=0), start)
                span_end = self.instant(day, closes, fold=1)
                if span_start < span_end:
                    yield span_start, span_end
            day += timedelta(days=1)

    def instant(self, day: date, hour: int, *, fold: int) -> datetime:
        midnight = datetime.combine(day + timedelta(days=hour // 24), time(hour % 24))
        return midnight.replace(tzinfo=self.zone, fold=fold).astimezone(UTC)

    @lru_cache(maxsize=65536)  # noqa: B019 - the few calendars of this module live as long as it does
    def is_open(self, at: datetime) -> bool:
        """Say whether the minute that starts at ``at`` counts; owes nothing to ``spans``."""
        local = at.astimezone(self.zone)
        hours = () if local.date() in self.holidays else self.hours.get(local.weekday(), ())
        return any(opens <= local.hour < closes for opens, closes in hours)


def weekdays(*spans: tuple[int, int]) -> dict[int, tuple[tuple[int, int], ...]]:
    return dict.fromkeys(range(5), spans)


def daily(*spans: tuple[int, int]) -> dict[int, tuple[tuple[int, int], ...]]:
    return dict.fromkeys(range(7), spans)


OFFICE = Hours("UTC", weekdays((9, 17)))


def utc(text: str) -> datetime:
    """Return the instant that ``text`` names; a time of day is one of Monday, 2 March 2026."""
    at = datetime.fromisoformat(text if "-" in text else f"2026-03-02T{text}")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def moved(at: str, status: Status) -> Moved:
    return Moved(utc(at), status)


def terms(
    response: int = 60,
    resolution: int = 240,
    calendar: Hours | None = None,
    recompute: Recompute = Recompute.FROM_CREATION,
) -> Terms:
    return Terms(response, resolution, calendar or ALWAYS, recompute=recompute)


def ticket(*later: Event, created: str = "08:00", under: Terms | None = None) -> SlaState:
    """Evaluate a ticket that came in at ``created`` under some terms (an hour and four)."""
    start = utc(created)
    return evaluate([Moved(start, NEW), TermsSet(start, under or terms()), *later])


def resolution(*later: Event, minutes: int = 240) -> tuple[datetime | None, bool | None]:
    state = ticket(*later, under=terms(resolution=minutes))
    return state.resolution_deadline, state.resolution_met


def response(*later: Event) -> tuple[datetime | None, bool | None]:
    state = ticket(*later)
    return state.response_deadline, state.response_met


START = utc("08:00")


# Worked examples


@pytest.mark.parametrize(
    ("calendar", "created", "minutes", "expected"),
    [
        pytest.param(
            Hours("Europe/Berlin", weekdays((9, 17))),
            "2013-03-21T09:30Z",
            (60, 240),
            ("2013-03-21T10:30Z", "2013-03-21T13:30Z"),
            id="1: within one day",
        ),
        pytest.param(
            Hours("Europe/Berlin", daily((8, 17)), [date(2015, 9, 22)]),
            "2015-09-21T14:30Z",
            (120, 240),
            ("2015-09-23T07:30Z", "2015-09-23T09:30Z"),
            id="3: over a holiday",
        ),
        pytest.param(
            Hours("America/New_York", weekdays((9, 18))),
            "2007-01-01T22:00Z",
            (120, 120),
            ("2007-01-02T15:00Z", "2007-01-02T15:00Z"),
            id="4: New York",
        ),
        pytest.param(
            Hours("Europe/Moscow", weekdays((9, 18))),
            "2007-01-01T22:00Z",
            (120, 120),
            ("2007-01-02T08:00Z", "2007-01-02T08:00Z"),
            id="4: Moscow",
        ),
        pytest.param(
            Hours("UTC", weekdays((8, 18))),
            "2026-03-02T17:00Z",
            (180, 240),
            ("2026-03-03T10:00Z", "2026-03-03T11:00Z"),
            id="5: four hours over a night, and one business hour before",
        ),
        pytest.param(
            None,
            "2026-03-28T22:00+01:00",
            (480, 480),
            ("2026-03-29T07:00+02:00", "2026-03-29T07:00+02:00"),
            id="7: the night in which clocks go forward",
        ),
        pytest.param(
            None,
            "2026-10-24T22:00+02:00",
            (480, 480),
            ("2026-10-25T05:00+01:00", "2026-10-25T05:00+01:00"),
            id="7: the night in which clocks go back",
        ),
        pytest.param(
            OFFICE,
            "2026-03-02T16:00Z",
            (96, 120),
            ("2026-03-03T09:36Z", "2026-03-03T10:00Z"),
            id="9: eighty per cent of 120 business minutes",
        ),
    ],
)
def test_worked_example(
    calendar: Hours | None, created: str, minutes: tuple[int, int], expected: tuple[str, str]
) -> None:
    state = ticket(created=created, under=terms(*minutes, calendar=calendar))
    assert state == SlaState(utc(expected[0]), utc(expected[1]))


def test_worked_example_2_time_on_hold_and_time_resolved_do_not_count() -> None:
    calendar = Hours("Europe/Berlin", daily((9, 18)))
    state = ticket(
        moved("2013-06-04T09:30", ON_HOLD),
        moved("2013-06-04T09:45", TRIAGED),
        moved("2013-06-04T10:00", RESOLVED),
        moved("2013-06-04T10:30", IN_PROGRESS),
        created="2013-06-04T09:00",
        under=terms(120, 120, calendar),
    )
    assert state.resolution_deadline == utc("2013-06-04T11:45")
    assert state.resolution_met is None
    assert state.response_met is True


def test_worked_example_2_for_a_response_that_was_not_given() -> None:
    calendar = Hours("Europe/Berlin", daily((9, 18)))
    pauses = [
        (utc("2013-06-04T09:30"), utc("2013-06-04T09:45")),
        (utc("2013-06-04T10:00"), utc("2013-06-04T10:30")),
    ]
    assert due(utc("2013-06-04T09:00"), 120, calendar, pauses) == utc("2013-06-04T11:45")


def test_worked_example_6_a_pause_moves_the_deadline_by_its_length() -> None:
    later = moved("09:00", ON_HOLD), moved("10:05", IN_PROGRESS)
    assert resolution(*later, minutes=120) == (utc("11:05"), None)


@pytest.mark.parametrize(("recompute", "expected"), [(Recompute.FROM_CREATION, "10:00"), (RESTART, "13:00")])
def test_worked_example_8_more_urgent_three_hours_later(recompute: Recompute, expected: str) -> None:
    change = TermsSet(utc("11:00"), terms(30, 120, recompute=recompute))
    state = ticket(change, under=terms(60, 480))
    assert state.resolution_deadline == utc(expected)
    assert state.resolution_met is None


# Calendars: rules 1 to 3


@pytest.mark.parametrize(
    ("start", "minutes", "expected"),
    [
        pytest.param("16:00", 60, "2026-03-02T17:00", id="on closing time stays there"),
        pytest.param("16:00", 61, "2026-03-03T09:01", id="a minute more is tomorrow's first"),
        pytest.param("17:00", 1, "2026-03-03T09:01", id="closing time itself is closed"),
        pytest.param("05:00", 60, "2026-03-02T10:00", id="before opening"),
        pytest.param("09:00", 480, "2026-03-02T17:00", id="a whole day"),
        pytest.param("2026-03-06T16:30", 60, "2026-03-09T09:30", id="over a weekend"),
        pytest.param("2026-03-07T12:00", 1, "2026-03-09T09:01", id="from within a weekend"),
        pytest.param("09:00", 2400, "2026-03-06T17:00", id="a whole week"),
    ],
)
def test_due_counts_only_open_minutes(start: str, minutes: int, expected: str) -> None:
    assert due(utc(start), minutes, OFFICE) == utc(expected)


def test_due_counts_several_spans_a_day() -> None:
    calendar = Hours("UTC", weekdays((8, 12), (13, 24)))
    assert due(utc("11:00"), 60, calendar) == utc("12:00")
    assert due(utc("11:00"), 90, calendar) == utc("13:30")
    assert due(utc("23:00"), 60, calendar) == utc("2026-03-03T00:00")
    assert due(utc("23:00"), 61, calendar) == utc("2026-03-03T08:01")


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        pytest.param("2026-03-28T22:00+01:00", "2026-03-29T07:00+02:00", id="one hour is missing"),
        pytest.param("2026-10-24T22:00+02:00", "2026-10-25T05:00+01:00", id="one hour comes twice"),
        pytest.param("2026-06-13T22:00+02:00", "2026-06-14T06:00+02:00", id="an ordinary night"),
    ],
)
def test_due_counts_the_hours_that_a_night_shift_really_has(start: str, expected: str) -> None:
    calendar = Hours("Europe/Berlin", daily((0, 7), (22, 24)))
    assert due(utc(start), 480, calendar) == utc(expected)


def test_due_keeps_seconds_and_smaller_parts() -> None:
    assert due(utc("16:59:30.250000"), 2, OFFICE) == utc("2026-03-03T09:01:30.250000")


def test_due_is_none_where_the_clock_never_gets_so_far() -> None:
    assert due(utc("08:00"), 60, ALWAYS, [(utc("08:30"), FOREVER)]) is None
    assert due(FOREVER - 59 * MINUTE, 60, ALWAYS) is None


def test_due_does_not_search_a_calendar_for_the_end_of_an_endless_pause() -> None:
    assert due(utc("09:00"), 60, OFFICE, [(utc("09:30"), FOREVER)]) is None


@pytest.mark.parametrize(
    ("pauses", "expected"),
    [
        pytest.param([], [(9, 17), (20, 22)], id="no pause"),
        pytest.param([(7, 8), (18, 19), (23, 24)], [(9, 17), (20, 22)], id="pauses beside"),
        pytest.param([(10, 11)], [(9, 10), (11, 17), (20, 22)], id="in the middle"),
        pytest.param([(8, 10)], [(10, 17), (20, 22)], id="over the start"),
        pytest.param([(16, 21)], [(9, 16), (21, 22)], id="over a gap"),
        pytest.param([(9, 17)], [(20, 22)], id="exactly a span"),
        pytest.param([(7, 9), (17, 20), (22, 23)], [(9, 17), (20, 22)], id="touching only"),
        pytest.param([(9, 10), (12, 13), (16, 17)], [(10, 12), (13, 16), (20, 22)], id="several"),
        pytest.param([(0, 24)], [], id="over everything"),
    ],
)
def test_without_cuts_pauses_out(pauses: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    def instants(hours: list[tuple[int, int]]) -> list[Span]:
        midnight, hour = utc("00:00"), timedelta(hours=1)
        return [(midnight + start * hour, midnight + end * hour) for start, end in hours]

    assert list(without(instants([(9, 17), (20, 22)]), instants(pauses))) == instants(expected)


def chains(most: int) -> st.SearchStrategy[list[Span]]:
    """Make sorted spans that do not overlap, of whole minutes, from midnight on."""

    def spans(edges: set[int]) -> list[Span]:
        instants = [utc("00:00") + edge * MINUTE for edge in sorted(edges)]
        return list(zip(instants[::2], instants[1::2], strict=False))

    return st.sets(st.integers(0, 60), max_size=2 * most).map(spans)


@properties
@given(spans=chains(4), pauses=chains(5))
def test_without_leaves_the_minutes_that_are_in_no_pause(spans: list[Span], pauses: list[Span]) -> None:
    def minutes(of: Sequence[Span]) -> set[datetime]:
        midnight = utc("00:00")
        instants = [midnight + minute * MINUTE for minute in range(61)]
        return {at for at in instants if any(start <= at < end for start, end in of)}

    left = list(without(spans, pauses))
    assert minutes(left) == minutes(spans) - minutes(pauses)
    assert all(start < end for start, end in left)
    assert left == sorted(left)


# Pauses: rule 4


def test_a_ticket_on_hold_owes_no_response() -> None:
    later = moved("08:30", ON_HOLD), moved("09:30", TRIAGED)
    assert response(*later) == (utc("10:00"), None)


def test_every_pause_so_far_moves_the_deadline() -> None:
    later = [
        moved("08:30", IN_PROGRESS),
        moved("09:00", ON_HOLD),
        moved("09:10", IN_PROGRESS),
        moved("10:00", ON_HOLD),
        moved("10:20", IN_PROGRESS),
    ]
    assert resolution(*later) == (utc("12:30"), None)


def test_a_pause_outside_business_hours_moves_nothing() -> None:
    state = ticket(
        moved("18:00", ON_HOLD),
        moved("23:00", IN_PROGRESS),
        created="16:00",
        under=terms(60, 120, OFFICE),
    )
    assert state.resolution_deadline == utc("2026-03-03T10:00")


def test_a_ticket_on_hold_shows_when_it_would_be_due_if_it_went_on_at_once() -> None:
    state = ticket(moved("09:00", ON_HOLD))
    assert state == SlaState(utc("09:00"), utc("12:00"), None, None, paused_at=utc("09:00"))


def test_a_ticket_on_hold_in_business_hours_shows_when_it_would_be_due() -> None:
    state = ticket(moved("09:30", ON_HOLD), under=terms(60, 480, OFFICE))
    assert state.response_deadline == utc("10:00")
    assert state.resolution_deadline == utc("2026-03-02T17:00")


def test_a_ticket_that_is_on_hold_again_keeps_the_pauses_before() -> None:
    later = [
        moved("08:30", ON_HOLD),
        moved("08:40", TRIAGED),
        moved("08:50", ON_HOLD),
    ]
    state = ticket(*later)
    assert state == SlaState(utc("09:10"), utc("12:10"), None, None, paused_at=utc("08:50"))


@pytest.mark.parametrize("status", [CANCELLED, RESOLVED])
def test_what_ends_on_hold_keeps_the_deadline_that_it_had(status: Status) -> None:
    later = moved("08:30", ON_HOLD), moved("10:00", status)
    deadlines = {CANCELLED: "12:00", RESOLVED: "13:30"}
    assert resolution(*later)[0] == utc(deadlines[status])


def test_a_deadline_before_the_pause_stays_where_it_is() -> None:
    state = ticket(moved("08:30", TRIAGED), moved("13:00", ON_HOLD))
    assert (state.response_deadline, state.resolution_deadline) == (utc("09:00"), utc("12:00"))


def test_only_the_pause_statuses_of_the_terms_stop_the_clock() -> None:
    waiting = Terms(60, 240, pause_statuses=frozenset({ESCALATED}))
    later = [
        moved("08:30", IN_PROGRESS),
        moved("09:00", ON_HOLD),
        moved("09:20", IN_PROGRESS),
        moved("10:00", ESCALATED),
        moved("10:45", IN_PROGRESS),
    ]
    assert ticket(*later, under=waiting).resolution_deadline == utc("12:45")


@pytest.mark.parametrize("status", [RESOLVED, CLOSED])
def test_the_time_in_which_a_reopened_ticket_was_done_is_a_pause(status: Status) -> None:
    later = moved("09:00", status), moved("10:30", IN_PROGRESS)
    assert resolution(*later) == (utc("13:30"), None)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param([], None, id="running"),
        pytest.param([moved("09:00", ON_HOLD)], "09:00", id="on hold"),
        pytest.param([moved("09:00", ON_HOLD), moved("10:00", TRIAGED)], None, id="resumed"),
        pytest.param(
            [moved("09:00", ON_HOLD), moved("10:00", TRIAGED), moved("11:00", ON_HOLD)],
            "11:00",
            id="the last pause counts",
        ),
        pytest.param([moved("09:00", RESOLVED)], None, id="done is not paused"),
        pytest.param(
            [moved("09:00", ON_HOLD), TermsSet(utc("10:00"), terms(30, 60))],
            "09:00",
            id="a change of terms does not end a pause",
        ),
        pytest.param(
            [
                moved("09:00", ON_HOLD),
                TermsSet(utc("10:00"), Terms(30, 60, pause_statuses=frozenset())),
            ],
            None,
            id="terms that do not pause end it",
        ),
        pytest.param([moved("09:00", ON_HOLD), TermsSet(utc("10:00"), None)], None, id="without terms"),
    ],
)
def test_paused_at_is_the_start_of_the_current_pause(later: list[Event], expected: str | None) -> None:
    assert ticket(*later).paused_at == (utc(expected) if expected else None)


# The response: rule 5


@pytest.mark.parametrize(
    "event",
    [
        Responded(utc("08:45")),
        moved("08:45", IN_PROGRESS),
        moved("08:45", RESOLVED),
        moved("08:45", CLOSED),
    ],
    ids=["comment", "work starts", "resolved", "closed"],
)
def test_a_response_is_an_answer_or_work(event: Event) -> None:
    assert response(event) == (utc("09:00"), True)


@pytest.mark.parametrize("status", [TRIAGED, ON_HOLD, ESCALATED, CANCELLED])
def test_other_moves_are_no_response(status: Status) -> None:
    assert response(moved("08:45", status))[1] is None


def test_the_first_response_counts_whichever_it_is() -> None:
    assert response(Responded(utc("08:45")), moved("09:30", IN_PROGRESS))[1] is True
    assert response(moved("08:45", IN_PROGRESS), Responded(utc("09:30")))[1] is True
    assert response(Responded(utc("09:15")), Responded(utc("09:30")))[1] is False


def test_a_response_is_given_once_and_not_taken_back() -> None:
    reopened = moved("08:30", RESOLVED), moved("10:00", IN_PROGRESS)
    assert response(*reopened) == (utc("09:00"), True)


def test_a_late_response_stays_late() -> None:
    reopened = moved("09:30", RESOLVED), moved("10:00", IN_PROGRESS), Responded(utc("10:01"))
    assert response(*reopened) == (utc("09:00"), False)


def test_a_ticket_that_is_created_in_work_has_its_response() -> None:
    start = utc("08:00")
    state = evaluate([Moved(start, IN_PROGRESS), TermsSet(start, terms())])
    assert (state.response_met, state.resolution_met) == (True, None)


def test_an_answer_to_a_ticket_on_hold_is_a_response() -> None:
    assert response(moved("08:30", ON_HOLD), Responded(utc("11:00"))) == (utc("11:30"), True)


# Met or missed: rule 6


@pytest.mark.parametrize(("at", "met"), [("11:59", True), ("12:00", True), ("12:00:00.000001", False)])
def test_done_exactly_at_the_deadline_is_in_time(at: str, *, met: bool) -> None:
    assert resolution(moved(at, RESOLVED)) == (utc("12:00"), met)


@pytest.mark.parametrize(("at", "met"), [("09:00", True), ("09:00:00.000001", False)])
def test_answered_exactly_at_the_deadline_is_in_time(at: str, *, met: bool) -> None:
    assert response(Responded(utc(at))) == (utc("09:00"), met)


def test_done_when_closed_hours_begin_is_in_time_and_later_is_not() -> None:
    office = terms(60, 480, OFFICE)
    assert ticket(moved("17:00", RESOLVED), under=office).resolution_met is True
    assert ticket(moved("17:01", RESOLVED), under=office).resolution_met is False


def test_closing_a_resolved_ticket_changes_nothing() -> None:
    assert resolution(moved("11:00", RESOLVED), moved("23:00", CLOSED)) == (utc("12:00"), True)


@pytest.mark.parametrize("resolved", ["11:00", "14:00"])
def test_reopening_makes_the_resolution_undecided(resolved: str) -> None:
    later = moved(resolved, RESOLVED), moved("15:00", IN_PROGRESS)
    assert resolution(*later)[1] is None


def test_a_reopened_ticket_is_judged_again() -> None:
    reopened = moved("11:00", RESOLVED), moved("15:00", IN_PROGRESS)
    assert resolution(*reopened, moved("16:00", RESOLVED)) == (utc("16:00"), True)
    assert resolution(*reopened, moved("16:01", RESOLVED)) == (utc("16:00"), False)


def test_met_before_a_stricter_priority_stays_met() -> None:
    later = moved("11:00", RESOLVED), TermsSet(utc("11:30"), terms(30, 60))
    assert resolution(*later) == (utc("09:00"), True)
    assert response(Responded(utc("08:50")), TermsSet(utc("08:55"), terms(30, 60)))[1] is True


def test_met_before_the_terms_went_away_stays_met() -> None:
    later = moved("11:00", RESOLVED), TermsSet(utc("11:30"), None)
    assert resolution(*later) == (None, True)


def test_missed_before_the_terms_went_away_is_undecided() -> None:
    later = moved("13:00", RESOLVED), TermsSet(utc("13:30"), None)
    assert resolution(*later) == (None, None)


def test_missed_and_then_not_missed_loses_its_no() -> None:
    later = moved("13:00", RESOLVED), TermsSet(utc("13:30"), terms(60, 480))
    assert resolution(*later) == (utc("16:00"), True)


def test_missed_under_both_stays_missed() -> None:
    later = moved("13:00", RESOLVED), TermsSet(utc("13:30"), terms(60, 270))
    assert resolution(*later) == (utc("12:30"), False)


def test_what_lost_its_no_does_not_get_it_back() -> None:
    later = (
        moved("13:00", RESOLVED),
        TermsSet(utc("13:30"), terms(60, 480)),
        TermsSet(utc("14:00"), terms(60, 60)),
    )
    assert resolution(*later) == (utc("09:00"), True)


def test_only_the_terms_at_the_end_and_after_it_are_judged() -> None:
    """The first terms would have been met, but stricter ones came before the work was done."""
    later = TermsSet(utc("09:30"), terms(30, 60)), moved("11:00", RESOLVED)
    assert resolution(*later) == (utc("09:00"), False)


def test_terms_that_come_late_judge_what_happened_before() -> None:
    start = utc("08:00")
    attached = TermsSet(utc("10:00"), terms())
    state = evaluate([Moved(start, NEW), TermsSet(start, None), moved("09:30", RESOLVED), attached])
    assert state == SlaState(utc("09:00"), utc("12:00"), response_met=False, resolution_met=True)


def test_a_change_of_terms_keeps_all_pauses_so_far() -> None:
    later = (
        moved("08:30", ON_HOLD),
        moved("09:15", TRIAGED),
        TermsSet(utc("09:20"), terms(120, 480)),
    )
    state = ticket(*later)
    assert (state.response_deadline, state.resolution_deadline) == (utc("10:45"), utc("16:45"))


def test_a_change_of_terms_during_a_pause_keeps_it() -> None:
    later = (
        moved("08:30", ON_HOLD),
        TermsSet(utc("09:00"), terms(120, 480)),
        moved("09:15", TRIAGED),
    )
    assert ticket(*later).response_deadline == utc("10:45")


def test_a_restart_forgets_pauses_before_it_and_keeps_those_after() -> None:
    later = (
        moved("08:30", ON_HOLD),
        moved("09:00", TRIAGED),
        TermsSet(utc("10:00"), terms(60, 120, recompute=RESTART)),
        moved("10:30", ON_HOLD),
        moved("10:40", TRIAGED),
    )
    state = ticket(*later)
    assert (state.response_deadline, state.resolution_deadline) == (utc("11:10"), utc("12:10"))


def test_a_restart_during_a_pause_waits_for_its_end() -> None:
    later = (
        moved("08:30", ON_HOLD),
        TermsSet(utc("10:00"), terms(60, 120, recompute=RESTART)),
        moved("11:00", TRIAGED),
    )
    assert ticket(*later).response_deadline == utc("12:00")


def test_terms_that_restart_start_at_creation_when_they_are_the_first() -> None:
    assert ticket(under=terms(recompute=RESTART)).response_deadline == utc("09:00")


def test_a_restart_is_undone_by_later_terms_that_count_from_creation() -> None:
    later = (
        TermsSet(utc("10:00"), terms(60, 120, recompute=RESTART)),
        TermsSet(utc("11:00"), terms(60, 300)),
    )
    assert resolution(*later) == (utc("13:00"), None)


# Deadlines by hand: rule 6


@pytest.mark.parametrize("target", list(Target))
def test_an_override_holds_for_its_own_target(target: Target) -> None:
    state = ticket(Overridden(utc("08:10"), target, utc("10:10")))
    expected = {RESPONSE: utc("09:00"), RESOLUTION: utc("12:00"), target: utc("10:10")}
    assert (state.response_deadline, state.resolution_deadline) == (
        expected[RESPONSE],
        expected[RESOLUTION],
    )


@pytest.mark.parametrize(
    "event",
    [
        TermsSet(utc("09:00"), terms(1, 1)),
        TermsSet(utc("09:00"), terms(1, 1, recompute=RESTART)),
        TermsSet(utc("09:00"), None),
        moved("09:00", ON_HOLD),
        moved("09:00", RESOLVED),
    ],
    ids=["new terms", "restart", "no terms", "on hold", "resolved"],
)
def test_an_override_is_sticky(event: Event) -> None:
    assert resolution(Overridden(utc("08:10"), RESOLUTION, utc("20:00")), event)[0] == utc("20:00")


def test_the_last_override_counts() -> None:
    later = (
        Overridden(utc("08:10"), RESOLUTION, utc("20:00")),
        Overridden(utc("08:20"), RESOLUTION, utc("10:00")),
    )
    assert resolution(*later) == (utc("10:00"), None)


def test_an_override_can_be_given_back() -> None:
    later = (
        Overridden(utc("08:10"), RESOLUTION, utc("20:00")),
        Overridden(utc("08:20"), RESOLUTION, None),
    )
    assert resolution(*later) == (utc("12:00"), None)


def test_an_override_decides_what_was_met() -> None:
    later = Overridden(utc("08:10"), RESOLUTION, utc("10:00")), moved("10:00", RESOLVED)
    assert resolution(*later) == (utc("10:00"), True)
    later = Overridden(utc("08:10"), RESOLUTION, utc("10:00")), moved("10:01", RESOLVED)
    assert resolution(*later) == (utc("10:00"), False)


def test_missed_and_then_moved_by_hand_loses_its_no() -> None:
    later = moved("13:00", RESOLVED), Overridden(utc("13:30"), RESOLUTION, utc("14:00"))
    assert resolution(*later) == (utc("14:00"), True)


@pytest.mark.parametrize(
    "later",
    [
        [Overridden(utc("11:30"), RESOLUTION, utc("10:00"))],
        [TermsSet(utc("11:20"), terms()), Overridden(utc("11:30"), RESOLUTION, utc("10:00"))],
        [Overridden(utc("11:30"), RESOLUTION, utc("10:00")), TermsSet(utc("11:40"), terms(1, 1))],
        [Overridden(utc("11:00"), RESOLUTION, utc("10:00"))],
    ],
    ids=["alone", "after new terms", "before new terms", "at the same instant"],
)
def test_met_before_a_deadline_was_moved_by_hand_stays_met(later: list[Event]) -> None:
    assert resolution(moved("11:00", RESOLVED), *later) == (utc("10:00"), True)


def test_an_override_that_saved_a_target_does_so_for_good() -> None:
    later = (
        moved("13:00", RESOLVED),
        Overridden(utc("13:30"), RESOLUTION, utc("14:00")),
        Overridden(utc("13:40"), RESOLUTION, utc("09:00")),
    )
    assert resolution(*later) == (utc("09:00"), True)


# No terms: rule 7


@pytest.mark.parametrize(
    "later",
    [[], [TermsSet(utc("08:00"), None)], [moved("09:00", ON_HOLD)], [moved("09:00", RESOLVED)]],
    ids=["nothing", "none set", "on hold", "resolved"],
)
def test_without_terms_nothing_is_due_or_decided(later: list[Event]) -> None:
    assert evaluate([moved("08:00", NEW), *later]) == SlaState()


def test_terms_that_go_away_take_the_deadlines_with_them() -> None:
    assert ticket(TermsSet(utc("08:30"), None)) == SlaState()


# The same instant: rule 8


@pytest.mark.parametrize("change", [terms(30, 60), None], ids=["stricter", "gone"])
@pytest.mark.parametrize("first", ["work", "terms"])
def test_what_is_reached_counts_before_new_terms_of_the_same_instant(first: str, change: Terms | None) -> None:
    pair: list[Event] = [moved("11:00", RESOLVED), TermsSet(utc("11:00"), change)]
    state = ticket(*(pair if first == "work" else reversed(pair)))
    assert state.resolution_met is True


def test_what_is_reached_counts_before_a_pause_of_the_same_instant() -> None:
    assert response(Responded(utc("09:00")), moved("09:00", ON_HOLD)) == (utc("09:00"), True)
    assert response(moved("09:00", ON_HOLD), Responded(utc("09:00"))) == (utc("09:00"), True)


def test_a_pause_that_starts_at_the_deadline_does_not_move_it() -> None:
    later = moved("12:00", ON_HOLD), moved("13:00", IN_PROGRESS), moved("13:00", RESOLVED)
    assert resolution(*later) == (utc("12:00"), False)


def test_a_pause_of_no_length_counts_for_nothing() -> None:
    later = moved("09:00", ON_HOLD), moved("09:00", TRIAGED)
    assert ticket(*later) == ticket()


def test_a_break_of_no_length_does_not_split_a_pause() -> None:
    later = moved("08:30", ON_HOLD), moved("10:00", TRIAGED), moved("10:00", ON_HOLD)
    state = ticket(*later)
    assert state.paused_at == utc("08:30")
    assert not overdue(state.response_deadline, state.response_met, state.paused_at, utc("20:00"))


def test_resolved_and_cancelled_at_once_is_done() -> None:
    assert resolution(moved("12:00", RESOLVED), moved("12:00", CANCELLED)) == (utc("12:00"), True)


def test_resolved_and_reopened_at_once_is_not_done() -> None:
    assert resolution(moved("12:00", RESOLVED), moved("12:00", IN_PROGRESS))[1] is None


# Cancelled tickets


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param([moved("11:00", CANCELLED)], None, id="in time"),
        pytest.param([moved("12:00", CANCELLED)], None, id="exactly at the deadline"),
        pytest.param([moved("12:01", CANCELLED)], False, id="when it was overdue"),
        pytest.param([moved("10:00", ON_HOLD), moved("15:00", CANCELLED)], None, id="while it was on hold"),
        pytest.param([moved("13:00", ON_HOLD), moved("15:00", CANCELLED)], False, id="on hold when overdue"),
        pytest.param([moved("11:00", RESOLVED), moved("13:00", CANCELLED)], True, id="when done"),
        pytest.param([moved("12:30", RESOLVED), moved("13:00", CANCELLED)], False, id="when done too late"),
        pytest.param(
            [moved("10:00", RESOLVED), moved("11:00", IN_PROGRESS), moved("13:00", CANCELLED)],
            None,
            id="reopened and in time",
        ),
        pytest.param(
            [moved("10:00", RESOLVED), moved("11:00", IN_PROGRESS), moved("13:01", CANCELLED)],
            False,
            id="reopened and overdue",
        ),
    ],
)
def test_the_resolution_of_a_ticket_that_was_cancelled(later: list[Event], *, expected: bool | None) -> None:
    assert resolution(*later)[1] is expected


def test_a_response_that_was_owed_when_the_ticket_was_cancelled_is_missed() -> None:
    assert response(moved("09:01", CANCELLED))[1] is False
    assert response(moved("09:00", CANCELLED))[1] is None
    assert response(Responded(utc("08:30")), moved("09:01", CANCELLED))[1] is True


# Overdue


@pytest.mark.parametrize(
    ("deadline", "met", "paused_at", "now", "expected"),
    [
        pytest.param("12:00", None, None, "11:59", False, id="still time"),
        pytest.param("12:00", None, None, "12:00", False, id="exactly at the deadline"),
        pytest.param("12:00", None, None, "12:00:00.000001", True, id="past it"),
        pytest.param("12:00", True, None, "13:00", False, id="met"),
        pytest.param("12:00", False, None, "13:00", False, id="decided: missed"),
        pytest.param(None, None, None, "13:00", False, id="nothing promised"),
        pytest.param("12:00", None, "11:00", "13:00", False, id="stopped before"),
        pytest.param("12:00", None, "12:00", "13:00", False, id="stopped at the deadline"),
        pytest.param("12:00", None, "12:01", "13:00", True, id="stopped when overdue"),
    ],
)
def test_overdue(
    deadline: str | None,
    met: bool | None,
    paused_at: str | None,
    now: str,
    expected: bool,
) -> None:
    due_at, stopped = utc(deadline) if deadline else None, utc(paused_at) if paused_at else None
    assert overdue(due_at, met, stopped, utc(now)) is expected


# What a ticket's history says of its clocks


def test_the_events_of_a_ticket_are_read_from_its_history() -> None:
    """Terms are looked up for every state that the ticket was in, oldest first."""
    desk = Ticket(guid="g", package="A", subject="s", created_date=utc("08:00"), updated_date=START)
    rows: list[HistoryEntry] = []

    def record(at: str, change: Change | None) -> Ticket:
        assert change is not None
        for entry in change.entries:
            row = HistoryEntry(
                guid=f"row-{len(rows)}",
                ticket_guid="g",
                action_by="bob",
                package="A",
                action_date=utc(at),
                seq=len(rows) + 1,
                salt="",
                prev_hash="",
                **asdict(entry),
            )
            rows.append(row)
        return change.after

    def say(ticket: Ticket, *, internal: bool = False, requester: bool = False) -> Change:
        return lifecycle.commented(
            ticket,
            guid="c",
            text="x",
            commented_by="bob",
            is_internal=internal,
            by_requester=requester,
            now=START,
        )

    def by_hand(ticket: Ticket, deadline: datetime | None) -> Change:
        value = deadline.isoformat() if deadline else None
        entry = Entry(Action.SLA_CHANGED, "sla_resolution_deadline", None, value)
        return Change(before=ticket, after=ticket, entries=(entry,))

    desk = record("08:00", lifecycle.created(desk))
    desk = record("08:10", say(desk, internal=True))
    desk = record("08:20", say(desk, requester=True))
    desk = record("08:30", lifecycle.updated(desk, {"package": "B", "priority": "LOW"}))
    desk = record("08:40", lifecycle.updated(desk, {"subject": "other", "project": "P"}))
    desk = record("08:50", say(desk))
    desk = record("09:00", lifecycle.moved(desk, IN_PROGRESS, now=START))
    desk = record("09:10", by_hand(desk, utc("20:00")))
    desk = record("09:20", lifecycle.updated(desk, {"ticket_type": "BUG"}))
    desk = record("09:30", by_hand(desk, None))
    desk = record("09:35", lifecycle.escalated_again(desk, ["response"], "overdue"))
    desk = record("09:40", lifecycle.moved(desk, RESOLVED, now=START))
    known = {
        ("A", "MEDIUM", "USER"): terms(1, 1),
        ("B", "LOW", "USER"): terms(2, 2),
        ("B", "LOW", "BUG"): None,
    }
    assert events_of(desk, rows, lambda *key: known[key]) == [
        moved("08:00", NEW),
        TermsSet(utc("08:00"), terms(1, 1)),
        TermsSet(utc("08:30"), terms(2, 2)),
        Responded(utc("08:50")),
        moved("09:00", IN_PROGRESS),
        Overridden(utc("09:10"), RESOLUTION, utc("20:00")),
        TermsSet(utc("09:20"), None),
        Overridden(utc("09:30"), RESOLUTION, None),
        moved("09:40", RESOLVED),
    ]


def test_a_ticket_without_a_history_has_been_what_it_is_since_its_creation() -> None:
    imported = Ticket(
        guid="g",
        package="A",
        subject="s",
        status=ON_HOLD,
        priority=Priority.LOW,
        created_date=utc("08:00"),
        updated_date=START,
    )
    found = {("A", "LOW", "USER"): terms(5, 6)}
    assert events_of(imported, [], lambda *key: found[key]) == [
        moved("08:00", ON_HOLD),
        TermsSet(utc("08:00"), terms(5, 6)),
    ]


# What a reader is told


@pytest.mark.parametrize(
    ("fields", "now", "expected"),
    [
        pytest.param({}, "08:00", "response due in 1 h", id="the first deadline"),
        pytest.param({}, "08:59:50", "response due in 1 min", id="no less than a minute"),
        pytest.param({}, "09:00", "response due in 1 min", id="at the deadline"),
        pytest.param({}, "09:30", "response overdue by 30 min", id="overdue"),
        pytest.param({}, "2026-03-03T11:05", "response overdue by 1 d 2 h", id="for long"),
        pytest.param({"sla_response_met": True}, "09:30", "resolution due in 2 h 30 min", id="answered"),
        pytest.param({"sla_paused_at": utc("08:30")}, "11:00", "paused, 30 min left", id="on hold"),
        pytest.param({"sla_response_deadline": None}, "08:00", "resolution due in 4 h", id="one"),
        pytest.param({"sla_response_deadline": None, "sla_resolution_deadline": None}, "20:00", "—", id="none"),
        pytest.param(
            {"status": RESOLVED, "sla_response_met": True, "sla_resolution_met": True},
            "20:00",
            "met",
            id="done in time",
        ),
        pytest.param(
            {"status": CLOSED, "sla_response_met": True, "sla_resolution_met": False},
            "20:00",
            "missed",
            id="done too late",
        ),
        pytest.param({"status": CANCELLED}, "20:00", "—", id="cancelled"),
    ],
)
def test_describe(fields: dict[str, Any], now: str, expected: str) -> None:
    promised = Ticket(
        guid="g",
        package="A",
        subject="s",
        created_date=START,
        updated_date=START,
        sla_response_deadline=utc("09:00"),
        sla_resolution_deadline=utc("12:00"),
    )
    assert describe(evolve(promised, **fields), utc(now)) == expected


# A model that counts minutes, and histories to compare it on

SHOP = Hours("Europe/Berlin", weekdays((8, 12), (13, 17)), [date(2026, 3, 31)])
NIGHT = Hours("Europe/Berlin", daily((0, 6), (22, 24)))
WORK = {IN_PROGRESS, RESOLVED, CLOSED}
FINISHED = {RESOLVED, CLOSED}
FIRST = utc("2026-03-27T06:00")  # a Friday; the clocks go forward on Sunday


class Model:
    """Says the same as ``evaluate``, minute by minute."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.moves = [event for event in events if isinstance(event, Moved)]
        self.terms = [event.terms for event in events if isinstance(event, TermsSet)][-1]
        self.created = self.moves[0].at

    def status(self, minute: datetime) -> Status:
        return [move for move in self.moves if move.at <= minute][-1].status

    def since(self, statuses: set[Status], end: datetime) -> datetime:
        """Step back from ``end`` over the minutes in ``statuses``."""
        while end > self.created and self.status(end - MINUTE) in statuses:
            end -= MINUTE
        return end

    def reached(self, target: Target) -> datetime | None:
        if target is RESPONSE:
            return next(
                (
                    event.at
                    for event in self.events
                    if isinstance(event, Responded) or (isinstance(event, Moved) and event.status in WORK)
                ),
                None,
            )
        moves = self.moves
        end = moves[-1].at
        if moves[-1].status is CANCELLED:
            moves = moves[:-1]
        if not moves or moves[-1].status not in FINISHED:
            return None
        return self.since(FINISHED, min(end, moves[-1].at))

    def stopped(self, now: Terms | None) -> datetime | None:
        """Return since when the clock has stood still, if it does at the end."""
        still = {*(now.pause_statuses if now else ()), *FINISHED, CANCELLED}
        last = self.moves[-1]
        return self.since(still, last.at) if last.status in still else None

    def deadline(self, target: Target, known: Sequence[Event]) -> datetime | None:
        """Return the deadline under those terms and overrides that are ``known``."""
        fixed = [e.deadline for e in known if isinstance(e, Overridden) and e.target is target]
        if fixed and fixed[-1] is not None:
            return fixed[-1]
        sets = [event for event in known if isinstance(event, TermsSet)]
        return self.count(target, sets[-1]) if sets else None

    def count(self, target: Target, change: TermsSet) -> datetime | None:
        now = change.terms
        if now is None:
            return None
        minute = change.at if now.recompute is RESTART else self.created
        left = now.response_minutes if target is RESPONSE else now.resolution_minutes
        # From here on no pause matters: what was reached is reached, what stands still could go on.
        frozen = self.reached(target) or self.stopped(now) or FOREVER
        still = {*now.pause_statuses, *FINISHED, CANCELLED}
        while left:
            is_open = now.calendar.is_open(minute) if isinstance(now.calendar, Hours) else True
            if is_open and (minute >= frozen or self.status(minute) not in still):
                left -= 1
            minute += MINUTE
        return minute

    def met(self, target: Target) -> bool | None:
        final = self.deadline(target, self.events)
        reached = self.reached(target)
        if reached is None:
            stopped = self.stopped(self.terms)
            cancelled = self.moves[-1].status is CANCELLED
            return False if cancelled and final and stopped and final < stopped else None
        # Every deadline that held then or later; of one instant, what is reached comes first.
        ends = [event.at for event in self.events[1:]] + [FOREVER]
        limits = [self.deadline(target, self.events[: length + 1]) for length, end in enumerate(ends) if end >= reached]
        if any(limit and reached <= limit for limit in limits):
            return True
        return False if final else None

    def paused_at(self) -> datetime | None:
        last = self.moves[-1]
        if self.terms is None or last.status not in self.terms.pause_statuses:
            return None
        return self.since(set(self.terms.pause_statuses), last.at)

    def state(self) -> SlaState:
        return SlaState(
            self.deadline(RESPONSE, self.events),
            self.deadline(RESOLUTION, self.events),
            self.met(RESPONSE),
            self.met(RESOLUTION),
            self.paused_at(),
        )


some_terms = st.builds(
    Terms,
    st.integers(1, 120),
    st.integers(1, 400),
    st.sampled_from([ALWAYS, SHOP, NIGHT]),
    st.sampled_from([frozenset({ON_HOLD}), frozenset({ON_HOLD, ESCALATED}), frozenset()]),
    st.sampled_from(Recompute),
)
maybe_terms = st.integers(0, 7).flatmap(lambda n: some_terms if n < 7 else st.none())
steps = st.sampled_from([0, 1]) | st.integers(0, 90) | st.integers(0, 2000)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Make a ticket's history: moves that the workflow has, answers, new terms, overrides."""
    at = FIRST + draw(st.integers(0, 4000)) * MINUTE
    status = draw(st.sampled_from([NEW, IN_PROGRESS, ON_HOLD]))
    events: list[Event] = [Moved(at, status), TermsSet(at, draw(maybe_terms))]
    for _ in range(draw(st.integers(0, 10))):
        at += draw(steps) * MINUTE
        kind = draw(st.sampled_from(["move"] * 6 + ["answer", "terms", "terms", "override"]))
        if kind == "move" and DEFAULT.allowed(status):
            # The last move is CANCELLED, which is the end of most of what could follow.
            status = draw(st.sampled_from(DEFAULT.allowed(status)[:-1] or (CANCELLED,)))
            events.append(Moved(at, status))
        elif kind == "answer":
            events.append(Responded(at))
        elif kind == "terms":
            events.append(TermsSet(at, draw(maybe_terms)))
        elif kind == "override":
            minutes = draw(st.none() | st.integers(-600, 600))
            deadline = None if minutes is None else at + minutes * MINUTE
            events.append(Overridden(at, draw(st.sampled_from(Target)), deadline))
    if status is not CANCELLED and draw(st.integers(0, 4)) == 0:
        events.append(Moved(at + draw(steps) * MINUTE, CANCELLED))
    return events


@properties
@given(histories())
def test_evaluate_agrees_with_counting_minutes(events: list[Event]) -> None:
    assert evaluate(events) == Model(events).state()


@properties
@given(histories())
def test_a_response_that_was_met_stays_met_whatever_follows(events: list[Event]) -> None:
    flags = [evaluate(events[:length]).response_met for length in range(2, len(events) + 1)]
    assert all(after for before, after in pairwise(flags) if before)


@properties
@given(histories())
def test_a_resolution_that_was_met_stays_met_unless_reopened(events: list[Event]) -> None:
    for length, event in enumerate(events[2:], 2):
        reopens = isinstance(event, Moved) and event.status is IN_PROGRESS
        if evaluate(events[:length]).resolution_met and not reopens:
            assert evaluate(events[: length + 1]).resolution_met is True


@properties
@given(histories(), st.integers(0, 3000))
def test_nothing_becomes_overdue_while_the_clock_stands_still(events: list[Event], minutes: int) -> None:
    state = evaluate(events)
    now = events[-1].at + minutes * MINUTE
    if state.paused_at is not None:
        for deadline, met in (
            (state.response_deadline, state.response_met),
            (state.resolution_deadline, state.resolution_met),
        ):
            was = overdue(deadline, met, None, state.paused_at)
            assert overdue(deadline, met, state.paused_at, now) is was
