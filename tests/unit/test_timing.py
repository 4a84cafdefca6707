"""Time spent on tickets, as pure functions: what can be logged, what it adds up to, and how it reads."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.history import Action
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.timing import LONGEST, by_person, in_words, logged_in_words, time_logged
from ticketcore.domain.work import TimeEntry
from ticketcore.errors import RejectedError
from ticketcore.testing.records import make_ticket, make_time_entry

properties = settings(derandomize=True, deadline=None, max_examples=200)

NOW = datetime(2026, 3, 30, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
ANN = "ann@example.com"
HUGE = 10**5000
"""So large a number that Python refuses to write it down."""


def logged(
    duration_minutes: object = None,
    start: object = None,
    end: object = None,
    *,
    ticket: Ticket | None = None,
    **more: Any,
) -> Change:
    given_ = {"guid": "e", "person": ANN, "address": ANN, "description": "", "zone": BERLIN, "now": NOW, **more}
    return time_logged(
        ticket or make_ticket(), duration_minutes=duration_minutes, start_time=start, end_time=end, **given_
    )


def entry_of(change: Change) -> TimeEntry:
    (entry,) = change.adds
    assert isinstance(entry, TimeEntry)
    return entry


def problems_of(*args: object, **more: Any) -> dict[str, str]:
    with pytest.raises(RejectedError) as caught:
        logged(*args, **more)
    problems = caught.value.problems
    assert len({problem.field for problem in problems}) == len(problems)
    return {problem.field: problem.message for problem in problems}


def test_an_entry_keeps_what_it_was_given() -> None:
    ticket = make_ticket(package="homechoice")
    change = logged(
        45, "2026-03-30T09:00", "2026-03-30T07:50Z", ticket=ticket, description="Fix auth bug", person="ann"
    )
    assert entry_of(change) == TimeEntry(
        guid="e",
        ticket_guid=ticket.guid,
        person_email=ANN,
        start_time=datetime(2026, 3, 30, 7, 0, tzinfo=UTC),
        end_time=datetime(2026, 3, 30, 7, 50, tzinfo=UTC),
        duration_minutes=45,
        description="Fix auth bug",
        package="homechoice",
        created_date=NOW,
    )
    assert (change.before, change.after, change.event) == (ticket, ticket, None)
    (row,) = change.entries
    assert (row.action, row.field, row.old_value, row.note) == (Action.TIME_LOGGED, "time", None, "Fix auth bug")
    assert json.loads(row.new_value or "") == {
        "guid": "e",
        "person_email": ANN,
        "duration_minutes": 45,
        "start_time": "2026-03-30T07:00:00+00:00",
        "end_time": "2026-03-30T07:50:00+00:00",
    }


def test_a_duration_alone_will_do() -> None:
    entry = entry_of(logged(LONGEST))
    assert (entry.duration_minutes, entry.start_time, entry.end_time) == (LONGEST, None, None)


def test_one_end_of_the_span_may_be_left_out_with_a_duration() -> None:
    assert entry_of(logged(1, "2026-03-30T09:00")).end_time is None
    assert entry_of(logged(1, None, "2026-03-30T09:00")).start_time is None


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("2026-03-30T09:00", "2026-03-30T10:30", 90),
        ("2026-03-30T09:00:00", "2026-03-30T09:01:59.999999", 1),
        ("2026-03-29T01:30", "2026-03-29T03:30", 60),
        ("2025-10-26T01:30", "2025-10-26T03:30", 180),
        (datetime(2026, 3, 30, 9, tzinfo=BERLIN), "2026-03-30T12:00Z", 300),
        ("2025-03-30T12:00Z", "2026-03-30T12:00Z", LONGEST),
    ],
)
def test_without_a_duration_the_whole_minutes_from_start_to_end_count(start: object, end: object, minutes: int) -> None:
    assert entry_of(logged(None, start, end)).duration_minutes == minutes


def test_time_up_to_this_very_moment_has_been_spent() -> None:
    assert entry_of(logged(None, NOW - timedelta(minutes=1), NOW)).duration_minutes == 1


@pytest.mark.parametrize(
    "minutes", [0, -1, -HUGE, LONGEST + 1, HUGE], ids=["zero", "negative", "most negative", "long", "longest"]
)
def test_a_duration_must_be_one_that_can_have_been(minutes: int) -> None:
    assert problems_of(minutes) == {"duration_minutes": f"must be from 1 to {LONGEST} (a year)"}
    assert problems_of(minutes, "2026-03-30T09:00", "2026-03-30T10:00").keys() == {"duration_minutes"}


@pytest.mark.parametrize("minutes", [45.0, "45", True, timedelta(minutes=45), [45], float("nan")], ids=repr)
def test_a_duration_is_a_whole_number(minutes: object) -> None:
    message = f"must be a whole number of minutes, not {type(minutes).__name__}"
    assert problems_of(minutes) == {"duration_minutes": message}


def test_a_duration_longer_than_the_span_is_refused() -> None:
    message = "1 h 1 min is longer than the 1 h from start_time to end_time"
    assert problems_of(61, "2026-03-30T09:00", "2026-03-30T10:00") == {"duration_minutes": message}
    assert entry_of(logged(60, "2026-03-30T09:00", "2026-03-30T10:00")).duration_minutes == 60
    assert problems_of(60, "2026-03-30T09:00:00.000001", "2026-03-30T10:00").keys() == {"duration_minutes"}
    assert problems_of(1, "2026-03-30T09:00", "2026-03-30T09:00").keys() == {"duration_minutes"}


@pytest.mark.parametrize("start", [None, "2026-03-30T09:00"])
def test_a_duration_must_be_given_without_both_instants(start: str | None) -> None:
    message = "must be given, or both start_time and end_time"
    assert problems_of(None, start) == {"duration_minutes": message}
    assert problems_of(None, None, start) == {"duration_minutes": message}


@pytest.mark.parametrize("minutes", [None, 30])
def test_an_end_before_the_start_is_refused(minutes: int | None) -> None:
    found = problems_of(minutes, "2026-03-30T09:00", "2026-03-30T08:59:59.999999")
    assert found == {"end_time": "must not be before start_time"}


@pytest.mark.parametrize("end", ["2026-03-30T09:00", "2026-03-30T09:00:59.999999"])
def test_less_than_a_minute_from_start_to_end_is_refused(end: str) -> None:
    assert problems_of(None, "2026-03-30T09:00", end).keys() == {"end_time"}


def test_more_than_a_year_from_start_to_end_is_refused() -> None:
    message = f"must be from 1 to {LONGEST} minutes (a year) after start_time"
    assert problems_of(None, "2025-03-30T11:59Z", "2026-03-30T12:00Z") == {"end_time": message}


@pytest.mark.parametrize("name", ["start", "end"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="nothing"),
        pytest.param("yesterday evening", id="words"),
        pytest.param("2026-02-30T09:00", id="no such day"),
        pytest.param("2026-03-30T25:00", id="no such hour"),
        pytest.param("2026-03-30", id="a date"),
        pytest.param("20260330", id="a short date"),
        pytest.param(date(2026, 3, 30), id="a date object"),
        pytest.param(datetime(2026, 3, 30, 9), id="naive"),  # noqa: DTZ001 - that is the point
        pytest.param(1774854000, id="a number"),
        pytest.param(b"2026-03-30T09:00", id="bytes"),
        pytest.param("0001-01-01T00:00", id="before time began"),
        pytest.param("2026-03-30T12:00:00.000001Z", id="a moment from now"),
        pytest.param("2126-03-30T12:00Z", id="in a hundred years"),
    ],
)
def test_an_instant_that_cannot_be_read_or_is_still_to_come_is_refused(name: str, value: object) -> None:
    assert problems_of(30, **{name: value}).keys() == {f"{name}_time"}
    other = "end" if name == "start" else "start"
    assert problems_of(None, **{name: value, other: "2026-03-30T09:00"}).keys() == {f"{name}_time"}


def test_time_in_the_future_is_told_in_the_zone() -> None:
    message = "2026-03-30T14:01:00+02:00 is in the future; log time when it has been spent"
    assert problems_of(30, None, "2026-03-30T12:01Z") == {"end_time": message}


def test_somebody_who_is_not_known_is_refused() -> None:
    found = problems_of(30, person="zoe", address=None)
    assert found == {"person_email": "'zoe' is neither an e-mail address nor a known user"}


def test_all_problems_are_reported_together() -> None:
    found = problems_of(0, "soon enough?", "2126-03-30T12:00Z", person="", address=None, description="\x00")
    assert found.keys() == {"person_email", "start_time", "end_time", "duration_minutes", "description"}


instants = st.datetimes(datetime(2020, 1, 1), datetime(2026, 3, 30), timezones=st.just(UTC))  # noqa: DTZ001
spans = st.timedeltas(timedelta(days=-2), timedelta(days=2)) | st.timedeltas(timedelta(days=-400), timedelta(days=400))
durations = st.none() | st.integers(-10, 3000) | st.integers(LONGEST - 5, LONGEST + 5)


def contradicts(minutes: int | None, span: timedelta | None) -> bool:
    """Return whether no work can have taken so long; ``span`` is from its start to its end, if both are known."""
    if minutes is None:
        return span is None or not timedelta(minutes=1) <= span < timedelta(minutes=LONGEST + 1)
    return not 1 <= minutes <= LONGEST or (span is not None and span < timedelta(minutes=minutes))


@properties
@given(durations, instants, st.none() | spans, st.booleans())
def test_what_is_logged_is_never_contradictory_and_all_else_is_logged(
    minutes: int | None, start: datetime, span: timedelta | None, starts: bool
) -> None:
    first, last = (None if span is None and not starts else start), (None if span is None else start + span)
    if last is not None and last > NOW:
        assert problems_of(minutes or 5, first, last).keys() >= {"end_time"}
        return
    if contradicts(minutes, span):
        assert problems_of(minutes, first, last).keys() <= {"duration_minutes", "end_time"}
        return
    entry = entry_of(logged(minutes, first, last))
    assert (entry.start_time, entry.end_time) == (first, last)
    assert minutes in {None, entry.duration_minutes}
    if minutes is None and span is not None:
        assert timedelta(0) <= span - timedelta(minutes=entry.duration_minutes) < timedelta(minutes=1)


# Adding up and reading


entries = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 500)), max_size=20)


@properties
@given(entries)
def test_time_adds_up_for_each_person_and_for_all(spent: list[tuple[str, int]]) -> None:
    found = by_person(make_time_entry(person_email=who, duration_minutes=minutes) for who, minutes in spent)
    assert list(found) == sorted({who for who, _ in spent})
    assert sum(found.values()) == sum(minutes for _, minutes in spent)
    for who, total in found.items():
        assert total == sum(minutes for other, minutes in spent if other == who)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "0 min"), (1, "1 min"), (45, "45 min"), (60, "1 h"), (90, "1 h 30 min"), (1500, "25 h"), (1501, "25 h 1 min")],
)
def test_a_duration_in_words(minutes: int, words: str) -> None:
    assert in_words(minutes) == words


@properties
@given(st.integers(1, 10**9))
def test_words_say_the_whole_duration(minutes: int) -> None:
    words = in_words(minutes).split()
    amounts = dict(zip(words[1::2], map(int, words[::2]), strict=True))
    assert amounts.get("h", 0) * 60 + amounts.get("min", 0) == minutes
    assert amounts.keys() <= {"h", "min"}
    assert amounts.get("min", 0) < 60


def test_a_row_of_the_history_reads_as_time_and_person() -> None:
    (row,) = logged(90).entries
    assert logged_in_words(row.new_value or "") == f"1 h 30 min by {ANN}"


@pytest.mark.parametrize("value", [f"erased:{'0' * 64}", "", "[]", "7", "{}", '{"duration_minutes": null}'])
def test_a_row_whose_value_was_erased_reads_as_it_is(value: str) -> None:
    assert logged_in_words(value) == value
