"""Cron expressions: what is one, and when it comes up, also where clocks are changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.adapters.cron import CroniterCron
from ticketcore.errors import RejectedError
from ticketcore.ports.cron import Cron

properties = settings(derandomize=True, deadline=None, max_examples=50)

CRON: Cron = CroniterCron()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def at(text: str, zone: ZoneInfo) -> datetime:
    """Return an instant written as local time; ``~`` behind it is the second of two."""
    local = datetime.fromisoformat(text.rstrip("~")).replace(tzinfo=zone, fold=int(text.endswith("~")))
    return local.astimezone(UTC)


def coming(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    while True:
        after = CRON.following(expression, zone, after)
        yield after


def runs(expression: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Return the occurrences after ``start``, up to ``end``."""
    return list(takewhile(lambda found: found <= end, coming(expression, zone, start)))


def reasons(expression: str) -> list[str]:
    with pytest.raises(RejectedError) as error:
        CRON.check(expression)
    assert {problem.field for problem in error.value.problems} == {"cron_expression"}
    return [problem.message for problem in error.value.problems]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 9 * * 1", ["2026-03-02 09:00", "2026-03-09 09:00", "2026-03-16 09:00"]),
        ("*/20 8 * * *", ["2026-03-02 08:20", "2026-03-02 08:40", "2026-03-03 08:00"]),
        ("0 0 1 jan,JUL *", ["2026-07-01 00:00", "2027-01-01 00:00", "2027-07-01 00:00"]),
        ("30 6 * * mon-fri", ["2026-03-03 06:30", "2026-03-04 06:30", "2026-03-05 06:30"]),
        ("30 6 * * fri-sun", ["2026-03-06 06:30", "2026-03-07 06:30", "2026-03-08 06:30"]),
        ("0 12 * * 5-7/2", ["2026-03-06 12:00", "2026-03-08 12:00", "2026-03-13 12:00"]),
        ("0 0 13 * fri", ["2026-03-06 00:00", "2026-03-13 00:00", "2026-03-20 00:00"]),
        ("0 0 */2 * mon", ["2026-03-09 00:00", "2026-03-23 00:00", "2026-04-13 00:00"]),
        ("0 0 15 * 0-6", ["2026-03-03 00:00", "2026-03-04 00:00", "2026-03-05 00:00"]),
        ("0 0 31 * *", ["2026-03-31 00:00", "2026-05-31 00:00", "2026-07-31 00:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"]),
        ("0 0 29 2 */7", ["2032-02-29 00:00", "2060-02-29 00:00", "2088-02-29 00:00"]),
        ("0 0 L * *", ["2026-03-31 00:00", "2026-04-30 00:00", "2026-05-31 00:00"]),
        ("0 0 15,l 2,3 *", ["2026-03-15 00:00", "2026-03-31 00:00", "2027-02-15 00:00"]),
        ("0 0 * * mon#1", ["2026-04-06 00:00", "2026-05-04 00:00", "2026-06-01 00:00"]),
        ("0 0 * * 7#2,3#1", ["2026-03-04 00:00", "2026-03-08 00:00", "2026-04-01 00:00"]),
        ("0 0 * * L5", ["2026-03-27 00:00", "2026-04-24 00:00", "2026-05-29 00:00"]),
        ("  0\t9   * * 1 ", ["2026-03-02 09:00", "2026-03-09 09:00", "2026-03-16 09:00"]),
        ("@hourly", ["2026-03-02 09:00", "2026-03-02 10:00", "2026-03-02 11:00"]),
        ("@daily", ["2026-03-03 00:00", "2026-03-04 00:00", "2026-03-05 00:00"]),
        ("@midnight", ["2026-03-03 00:00", "2026-03-04 00:00", "2026-03-05 00:00"]),
        ("@weekly", ["2026-03-08 00:00", "2026-03-15 00:00", "2026-03-22 00:00"]),
        ("@Monthly", ["2026-04-01 00:00", "2026-05-01 00:00", "2026-06-01 00:00"]),
        ("@yearly", ["2027-01-01 00:00", "2028-01-01 00:00", "2029-01-01 00:00"]),
        ("@annually", ["2027-01-01 00:00", "2028-01-01 00:00", "2029-01-01 00:00"]),
    ],
)
def test_an_expression_comes_up_when_it_says(expression: str, expected: list[str]) -> None:
    CRON.check(expression)
    found = coming(expression, ZoneInfo("UTC"), datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
    assert [f"{next(found):%Y-%m-%d %H:%M}" for _ in expected] == expected


def test_the_fields_are_local_time() -> None:
    found = CRON.following("0 9 * * *", ZoneInfo("Asia/Kathmandu"), datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
    assert found == datetime(2026, 3, 3, 3, 15, tzinfo=UTC)
    assert found.tzinfo is UTC


def test_an_occurrence_is_after_the_instant_not_at_it() -> None:
    utc = ZoneInfo("UTC")
    nine = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert CRON.following("0 9 * * *", utc, nine) == nine + DAY
    assert CRON.following("0 9 * * *", utc, nine + timedelta(seconds=1)) == nine + DAY
    assert CRON.following("0 9 * * *", utc, nine - timedelta(microseconds=1)) == nine
    assert CRON.following("* * * * *", utc, nine + timedelta(seconds=59)) == nine + MINUTE
    tokyo = nine.astimezone(ZoneInfo("Asia/Tokyo"))
    assert CRON.following("0 9 * * *", utc, tokyo) == nine + DAY


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("0 25 * * *", "hour: '25' is not 0 to 23"),
        ("60 * * * *", "minute: '60' is not 0 to 59"),
        ("0 0 0 * *", "day of the month: '0' is not 1 to 31"),
        ("0 0 * 13 *", "month: '13' is not 1 to 12 or jan to dec"),
        ("0 0 * 0 *", "month: '0' is not 1 to 12 or jan to dec"),
        ("0 0 * * 8", "day of the week: '8' is not 0 to 7 or sun to sat"),
        ("0 0 * * mo", "day of the week: 'mo' is not 0 to 7 or sun to sat"),
        ("0 0 * mon *", "month: 'mon' is not 1 to 12 or jan to dec"),
        ("jan 0 * * *", "minute: 'jan' is not 0 to 59"),
        ("0 -1 * * *", "hour: '-1' is not understood"),
        ("0 9.5 * * *", "hour: '9.5' is not understood"),
        ("0 ٣ * * *", "hour: '٣' is not understood"),
        ("0 1,,2 * * *", "hour: 'nothing' is not understood"),
        ("0 1, * * *", "hour: 'nothing' is not understood"),
        ("0 22-2 * * *", "hour: '22-2' runs backwards: write 22-23,0-2"),
        ("0 0 * * sat-mon", "day of the week: 'sat-mon' runs backwards: write sat-7,0-mon"),
        ("0 5-5 * * *", "hour: '5-5' is one value: write 5"),
        ("0 0 * * sun-sun", "day of the week: 'sun-sun' is one value: write sun"),
        ("5/10 * * * *", "minute: '5/10' has no end to step to: write 5-59/10"),
        ("0 0 * mar/2 *", "month: 'mar/2' has no end to step to: write 3-12/2"),
        ("*/0 * * * *", "minute: '*/0' has the step 0, which does not fit between 0 and 59"),
        ("*/90 * * * *", "minute: '*/90' has the step 90, which does not fit between 0 and 59"),
        ("0 8-10/5 * * *", "hour: '8-10/5' has the step 5, which does not fit between 8 and 10"),
        ("0 */ * * *", "hour: '*/' is not understood"),
        ("0 0 15,* * *", "day of the month: '*' already means all of them, so it stands alone"),
        ("h 9 * * *", "minute: 'h' is not 0 to 59"),
        ("r 9 * * *", "minute: 'r' is not 0 to 59"),
        ("h(0-29)/10 9 * * *", "minute: 'h(0-29)/10' is not understood"),
        ("0 0 ? * *", "day of the month: '?' is not understood"),
        ("0 0 15w * *", "day of the month: '15w' is not 1 to 31"),
        ("0 0 * * 1#6", "day of the week: '1#6' is not understood"),
        ("0 0 * * mo#1", "day of the week: 'mo#1' is not understood"),
        ("0 L * * *", "hour: 'l' is not 0 to 23"),
        ("0 0 * * L", "day of the week: 'l' is not 0 to 7 or sun to sat"),
        ("0 0 1 * mon#1", "'mon#1' goes neither with other days of the week nor with days of the month"),
        ("0 0 * * fri,l5", "'l5' goes neither with other days of the week nor with days of the month"),
        ("", "'' is not made of five fields"),
        ("0 9 * *", "'0 9 * *' is not made of five fields"),
        ("0 0 9 * * 1", "'0 0 9 * * 1' is not made of five fields"),
        ("@fortnightly", "'@fortnightly' is not known; choose one of @annually, @daily, @hourly, "),
        ("@reboot", "'@reboot' is not known; choose one of @annually, @daily, @hourly, "),
        ("1," * 200 + "1 0 * * *", "has 409 characters; at most 255 are allowed"),
        ("9" * 5000, "has 5000 characters; at most 255 are allowed"),
        ("9" * 200 + " 0 * * *", f"minute: '{'9' * 200}' is not 0 to 59"),
    ],
)
def test_a_wrong_expression_is_refused_with_the_reason_and_an_example(expression: str, reason: str) -> None:
    (message,) = reasons(expression)
    assert message.startswith(reason)
    assert 'a right one is "0 9 * * 1"' in message
    with pytest.raises(RejectedError):
        CRON.following(expression, ZoneInfo("UTC"), datetime(2026, 3, 2, tzinfo=UTC))


def test_every_wrong_field_is_named() -> None:
    found = reasons("60 24 * 13 1")
    assert [reason.partition(":")[0] for reason in found] == ["minute", "hour", "month"]
    assert ["a right one" in reason for reason in found] == [False, False, True]


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "*/5 * 31 2 */3"])
def test_what_never_comes_up_is_refused(expression: str) -> None:
    CRON.check(expression)
    with pytest.raises(RejectedError, match="never comes up: no day of the next 50 years fits it"):
        CRON.following(expression, ZoneInfo("Europe/Berlin"), datetime(2026, 3, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "expression", "start", "expected"),
    [
        # Forward: 02:00 becomes 03:00.
        ("Europe/Berlin", "30 2 * * *", "2026-03-28 12:00", ["2026-03-29 03:00", "2026-03-30 02:30"]),
        ("Europe/Berlin", "0 2,3 * * *", "2026-03-29 01:00", ["2026-03-29 03:00", "2026-03-30 02:00"]),
        ("Europe/Berlin", "5,10 2 * * *", "2026-03-29 01:00", ["2026-03-29 03:00", "2026-03-30 02:05"]),
        ("Europe/Berlin", "0 * * * *", "2026-03-29 01:00", ["2026-03-29 03:00", "2026-03-29 04:00"]),
        ("Europe/Berlin", "30 */2 * * *", "2026-03-29 00:30", ["2026-03-29 04:30", "2026-03-29 06:30"]),
        ("Europe/Berlin", "*/30 2 * * *", "2026-03-29 01:00", ["2026-03-30 02:00", "2026-03-30 02:30"]),
        # Back: 03:00 becomes 02:00.
        ("Europe/Berlin", "30 2 * * *", "2026-10-24 12:00", ["2026-10-25 02:30", "2026-10-26 02:30"]),
        ("Europe/Berlin", "30 2 * * *", "2026-10-25 02:30~", ["2026-10-26 02:30", "2026-10-27 02:30"]),
        (
            "Europe/Berlin",
            "0 * * * *",
            "2026-10-25 01:00",
            ["2026-10-25 02:00", "2026-10-25 02:00~", "2026-10-25 03:00"],
        ),
        (
            "Europe/Berlin",
            "*/30 * * * *",
            "2026-10-25 02:00",
            ["2026-10-25 02:30", "2026-10-25 02:00~", "2026-10-25 02:30~", "2026-10-25 03:00"],
        ),
        # Half an hour.
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03 12:00", ["2026-10-04 02:30", "2026-10-05 02:15"]),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04 12:00", ["2026-04-05 01:45", "2026-04-06 01:45"]),
        (
            "Australia/Lord_Howe",
            "*/15 * * * *",
            "2026-04-05 01:15",
            ["2026-04-05 01:30", "2026-04-05 01:45", "2026-04-05 01:30~", "2026-04-05 01:45~", "2026-04-05 02:00"],
        ),
        # Midnight is skipped, or the hour before it is repeated.
        ("America/Sao_Paulo", "0 0 * * *", "2018-11-03 12:00", ["2018-11-04 01:00", "2018-11-05 00:00"]),
        ("America/Sao_Paulo", "@daily", "2018-02-16 12:00", ["2018-02-17 00:00", "2018-02-18 00:00"]),
        ("America/Sao_Paulo", "30 23 * * *", "2018-02-17 12:00", ["2018-02-17 23:30", "2018-02-18 23:30"]),
        ("Africa/Cairo", "0 0 * * fri", "2024-04-25 12:00", ["2024-04-26 01:00", "2024-05-03 00:00"]),
        ("Africa/Cairo", "15 23 * * *", "2024-10-31 12:00", ["2024-10-31 23:15", "2024-11-01 23:15"]),
        # The hour before midnight is skipped: the job of the old day runs as the new one begins.
        ("America/Nuuk", "30 23 * * *", "2026-03-28 12:00", ["2026-03-29 00:00", "2026-03-29 23:30"]),
        # Two hours.
        ("Antarctica/Troll", "0 2 * * *", "2026-03-28 12:00", ["2026-03-29 03:00", "2026-03-30 02:00"]),
        # A day that does not exist, and three hours: corrections, for which nothing is made up.
        ("Pacific/Apia", "0 9 * * *", "2011-12-28 12:00", ["2011-12-29 09:00", "2011-12-31 09:00"]),
        ("Pacific/Apia", "0 9 30 * *", "2011-12-01 12:00", ["2012-01-30 09:00", "2012-03-30 09:00"]),
        ("Pacific/Apia", "0 */8 * * *", "2011-12-29 16:00", ["2011-12-31 00:00", "2011-12-31 08:00"]),
        ("Antarctica/Casey", "0 4 * * *", "2009-10-17 12:00", ["2009-10-19 04:00", "2009-10-20 04:00"]),
        ("Antarctica/Casey", "0 1 * * *", "2010-03-04 12:00", ["2010-03-05 01:00", "2010-03-06 01:00"]),
        # A correction by 23 hours back: the new time is used, also a second time.
        ("Pacific/Kwajalein", "0 22 * * *", "1969-09-30 12:00", ["1969-09-30 22:00", "1969-09-30 22:00~"]),
    ],
)
def test_where_clocks_are_changed(zone: str, expression: str, start: str, expected: list[str]) -> None:
    here = ZoneInfo(zone)
    found = coming(expression, here, at(start, here))
    assert [next(found) for _ in expected] == [at(text, here) for text in expected]


# A model of the rule: the loop of cronie (src/cron.c), which wakes up each minute and compares the clock on the wall
# with the time up to which it has run jobs, the virtual time.

Fields = tuple[set[int], set[int], set[int], set[int], set[int]]
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def members(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = f"{low}-{high}".partition("-") if span == "*" else span.partition("-")
        found |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return found


class Crontab:
    """One line of a crontab, as cronie keeps it: sets of numbers, and which fields begin with a star."""

    def __init__(self, expression: str) -> None:
        texts = expression.split()
        self.minutes, self.hours, self.days, self.months, self.weekdays = (
            members(text, low, high) for text, (low, high) in zip(texts, BOUNDS, strict=True)
        )
        self.weekdays |= {0} if 7 in self.weekdays else set()
        self.wildcard = any(text.startswith("*") for text in texts[:2])
        self.narrows = texts[2].startswith("*") or texts[4].startswith("*")

    def fits(self, clock: int) -> bool:
        local = datetime(1970, 1, 1) + clock * MINUTE  # noqa: DTZ001 - the clock on the wall
        if local.minute not in self.minutes or local.hour not in self.hours or local.month not in self.months:
            return False
        day, weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return day and weekday if self.narrows else day or weekday


def modelled(expression: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Return when cronie runs a job whose fields are ``expression``, after ``start`` and up to ``end``."""

    def clock() -> int:
        return int((now + now.astimezone(zone).utcoffset()).timestamp() // 60)  # type: ignore[operator]

    job, found, now = Crontab(expression), [], start
    virtual = clock()
    while now < end:
        now += MINUTE
        running = clock()
        ahead = running - virtual
        if ahead == 1 or abs(ahead) > 180:
            fits, virtual = job.fits(running), running
        elif ahead > 5:
            missed = [running] if job.wildcard else range(virtual + 1, running + 1)
            fits, virtual = any(map(job.fits, missed)), running
        elif ahead > 0:
            fits, virtual = any(map(job.fits, range(virtual + 1, running + 1))), running
        else:
            fits = job.wildcard and job.fits(running)
        if fits:
            found.append(now)
    return found


ZONES = (
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Havana",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Kiritimati",
)


@cache
def changes(zone: ZoneInfo, year: int) -> list[datetime]:
    """Return the minutes at which the clocks of ``zone`` are changed in a year, or its first if they are not."""

    def offset(instant: datetime) -> timedelta | None:
        return instant.astimezone(zone).utcoffset()

    found = []
    first = datetime(year, 1, 1, tzinfo=UTC)
    for start, end in pairwise(first + number * DAY for number in range(367)):
        if offset(start) != offset(end):
            low, high = start, end
            while high - low > MINUTE:
                middle = low + (high - low) // MINUTE // 2 * MINUTE
                low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
            found.append(high)
    return found or [first]


def items(low: int, high: int) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high)
    pairs = st.tuples(numbers, numbers).map(sorted).filter(lambda pair: pair[0] < pair[1])
    stepped = pairs.flatmap(lambda pair: st.integers(1, pair[1] - pair[0]).map(lambda n: f"{pair[0]}-{pair[1]}/{n}"))
    return st.one_of(numbers.map(str), pairs.map(lambda pair: f"{pair[0]}-{pair[1]}"), stepped)


def fields(low: int, high: int, *, stars: bool = True) -> st.SearchStrategy[str]:
    lists = st.lists(items(low, high), min_size=1, max_size=3).map(",".join)
    everything = st.just("*") | st.integers(2, (high - low) // 2).map(lambda step: f"*/{step}")
    return lists | everything if stars else lists


days = st.sampled_from(("*", "*", "*", "*/2", "1-15", "20-31", "28", "5,1-31/9"))
weekdays = st.sampled_from(("*", "*", "*", "0", "6-7", "1-7/3", "*/2", "0,5", "1-6"))
expressions = st.tuples(
    fields(0, 59), fields(0, 23) | fields(0, 4), days, st.sampled_from(("*", "*", "3-11", "*/5")), weekdays
).map(" ".join)


@properties
@given(st.data(), st.sampled_from(ZONES), expressions)
def test_around_every_change_jobs_run_as_those_of_cronie(data: st.DataObject, zone: str, expression: str) -> None:
    here = ZoneInfo(zone)
    change = data.draw(st.sampled_from(changes(here, data.draw(st.integers(1985, 2030)))))
    start, end = change - 4 * HOUR, change + 8 * HOUR
    assert runs(expression, here, start, end) == modelled(expression, here, start, end)


@settings(properties, max_examples=20)
@given(
    st.sampled_from([zone for zone in ZONES if zone != "Antarctica/Casey"]),  # whose changes are corrections
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from((2011, 2018, 2024, 2026)),
)
def test_a_daily_job_runs_once_on_each_day_that_exists(zone: str, hour: int, minute: int, year: int) -> None:
    here = ZoneInfo(zone)
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, 12, tzinfo=UTC)
    found = runs(f"{minute} {hour} * * *", here, start, end)
    expected = [day for day in existing(here, year) if start < at(f"{day} {hour:02}:{minute:02}", here) <= end]
    assert len(found) == len(expected)
    for day, instant in zip(expected, found, strict=True):
        local = instant.astimezone(here)
        assert local.date() == day or (local.date() == day + DAY and local.time() == time()), (day, local)


@cache
def existing(zone: ZoneInfo, year: int) -> list[date]:
    """Return the days of a year that clocks of ``zone`` have shown."""
    start = datetime(year, 1, 1, tzinfo=UTC)
    shown = (start + hour * HOUR for hour in range(-24, 367 * 24))
    return sorted({instant.astimezone(zone).date() for instant in shown})


@properties
@given(st.sampled_from(ZONES), expressions, st.integers(0, 20_000 * 86_400), st.integers(0, 999_999))
def test_occurrences_go_up_and_do_not_depend_on_where_one_starts(
    zone: str, expression: str, seconds: int, microseconds: int
) -> None:
    here = ZoneInfo(zone)
    start = datetime(1980, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=microseconds)
    ahead = coming(expression, here, start)
    found = [start, *(next(ahead) for _ in range(8))]
    assert all(earlier < later for earlier, later in pairwise(found))
    for earlier, later in pairwise(found):
        middle = earlier + (later - earlier) / 2
        assert CRON.following(expression, here, middle) == later
        assert CRON.following(expression, here, later - timedelta(microseconds=1)) == later
        assert CRON.following(expression, here, earlier) == later
