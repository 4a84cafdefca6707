"""What becomes of occurrences that are due."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.catchup import Following, Step, next_step, steps
from ticketcore.domain.recurrence import CatchUp

properties = settings(derandomize=True, deadline=None, max_examples=200)

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GRACE = HOUR


def daily(after: datetime) -> datetime:
    """Return the next day's nine o'clock."""
    return after + DAY - (after - MONDAY) % DAY


def done(now: datetime, catch_up: CatchUp, following: Following = daily, first: datetime = MONDAY) -> list[Step]:
    return list(steps(first, now, catch_up, following, grace=GRACE))


@pytest.mark.parametrize("catch_up", CatchUp)
def test_nothing_is_done_before_the_next_run(catch_up: CatchUp) -> None:
    assert next_step(MONDAY, MONDAY - timedelta(microseconds=1), catch_up, daily, grace=GRACE) is None


@pytest.mark.parametrize("catch_up", CatchUp)
@pytest.mark.parametrize("late", [timedelta(), timedelta(seconds=10), GRACE])
def test_what_is_on_time_is_made_whatever_is_caught_up(catch_up: CatchUp, late: timedelta) -> None:
    assert done(MONDAY + late, catch_up) == [Step(MONDAY, MONDAY + DAY)]


def test_one_that_is_late_is_made_or_dropped() -> None:
    late = MONDAY + GRACE + timedelta(microseconds=1)
    assert done(late, CatchUp.ONE) == done(late, CatchUp.ALL) == [Step(MONDAY, MONDAY + DAY)]
    assert done(late, CatchUp.NONE) == [Step(None, MONDAY + DAY)]


def test_several_that_are_due_are_made_each_or_as_one_or_dropped() -> None:
    thursday = MONDAY + 3 * DAY
    late, on_time = thursday + 5 * HOUR, thursday + HOUR / 2
    each = [Step(MONDAY + place * DAY, MONDAY + (place + 1) * DAY) for place in range(4)]
    assert done(late, CatchUp.ALL) == done(on_time, CatchUp.ALL) == each
    assert done(late, CatchUp.ONE) == done(on_time, CatchUp.ONE) == [Step(thursday, thursday + DAY)]
    assert done(late, CatchUp.NONE) == [Step(None, thursday + DAY)]
    assert done(on_time, CatchUp.NONE) == [Step(thursday, thursday + DAY)]


def test_years_of_minutes_are_one_without_walking_through_them() -> None:
    asked = 0

    def minutely(after: datetime) -> datetime:
        nonlocal asked
        asked += 1
        return after + timedelta(minutes=1) - (after - MONDAY) % timedelta(minutes=1)

    now = MONDAY + 3000 * DAY + timedelta(seconds=30)
    last = now - timedelta(seconds=30)
    assert done(now, CatchUp.ONE, minutely) == [Step(last, last + timedelta(minutes=1))]
    assert asked < 200


def test_each_of_years_of_minutes_comes_one_by_one() -> None:
    minute = timedelta(minutes=1)
    found = steps(MONDAY, MONDAY + 3000 * DAY, CatchUp.ALL, lambda after: after + minute, grace=GRACE)
    assert [step.occurrence for step in islice(found, 3)] == [MONDAY, MONDAY + minute, MONDAY + 2 * minute]


@properties
@given(
    st.lists(st.integers(0, 10**9), min_size=2, max_size=60, unique=True).map(sorted),
    st.integers(0, 10**9),
    st.sampled_from(CatchUp),
)
def test_every_occurrence_is_made_once_or_stood_for_or_dropped(
    seconds: list[int], passed: int, catch_up: CatchUp
) -> None:
    occurrences = [MONDAY + timedelta(seconds=second) for second in seconds]
    now = MONDAY + timedelta(seconds=passed)
    never = datetime.max.replace(tzinfo=UTC)

    def following(after: datetime) -> datetime:
        place = bisect_right(occurrences, after)
        return occurrences[place] if place < len(occurrences) else never

    due = [one for one in occurrences if one <= now]
    if catch_up is CatchUp.ALL:
        expected = due
    elif catch_up is CatchUp.ONE:
        expected = due[-1:]
    else:
        expected = [one for one in due[-1:] if now - one <= GRACE]
    found = done(now, catch_up, following, occurrences[0])
    assert [step.occurrence for step in found if step.occurrence is not None] == expected
    if due:
        assert found[-1].next_run == following(now)
    else:
        assert found == []
