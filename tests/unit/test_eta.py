"""Dates as people type and read them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.eta import eta_display, parse_instant
from ticketcore.errors import RejectedError, quoted

properties = settings(derandomize=True, deadline=None, max_examples=200)

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
SANTIAGO = ZoneInfo("America/Santiago")
HAVANA = ZoneInfo("America/Havana")
KIRITIMATI = ZoneInfo("Pacific/Kiritimati")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def parsed(value: str | date | datetime, zone: ZoneInfo = BERLIN, *, end_of_day: bool = True) -> datetime:
    return parse_instant("eta_date", value, zone, end_of_day=end_of_day)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-01T14:30", "2026-05-01T14:30+02:00"),
        ("2026-05-01 14:30", "2026-05-01T14:30+02:00"),
        ("2026-01-01T14:30:15.25", "2026-01-01T14:30:15.250000+01:00"),
        ("2026-05-01T14:30Z", "2026-05-01T14:30+00:00"),
        ("2026-05-01T14:30+00:00", "2026-05-01T14:30+00:00"),
        ("2026-05-01T14:30-07:00", "2026-05-01T21:30+00:00"),
        ("20260501T143000", "2026-05-01T14:30+02:00"),
        ("  2026-05-01T14:30\n", "2026-05-01T14:30+02:00"),
    ],
)
def test_an_instant_without_an_offset_is_local_time(text: str, expected: str) -> None:
    found = parsed(text)
    assert found == utc(expected)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("value", ["2026-05-01", "20260501", " 2026-05-01 ", date(2026, 5, 1)])
def test_a_date_is_the_end_or_the_start_of_its_day(value: str | date) -> None:
    assert parsed(value) == utc("2026-05-01T23:59:59+02:00")
    assert parsed(value, end_of_day=False) == utc("2026-05-01T00:00:00+02:00")
    assert parsed(value, KIRITIMATI) == utc("2026-05-01T23:59:59+14:00")


@pytest.mark.parametrize(
    ("day", "zone", "start", "end"),
    [
        pytest.param("2026-03-29", BERLIN, "2026-03-28T23:00+00:00", "2026-03-29T21:59:59+00:00", id="23 h"),
        pytest.param("2026-10-25", BERLIN, "2026-10-24T22:00+00:00", "2026-10-25T22:59:59+00:00", id="25 h"),
        pytest.param(
            "2026-09-06",
            SANTIAGO,
            "2026-09-06T04:00+00:00",
            "2026-09-07T02:59:59+00:00",
            id="no midnight",
        ),
        pytest.param(
            "2026-04-04",
            SANTIAGO,
            "2026-04-04T03:00+00:00",
            "2026-04-05T03:59:59+00:00",
            id="its last hour comes twice",
        ),
        pytest.param(
            "2026-11-01",
            HAVANA,
            "2026-11-01T04:00+00:00",
            "2026-11-02T04:59:59+00:00",
            id="its first hour comes twice",
        ),
    ],
)
def test_a_day_on_which_clocks_change_starts_and_ends_where_it_does(
    day: str, zone: ZoneInfo, start: str, end: str
) -> None:
    assert parsed(day, zone, end_of_day=False) == utc(start)
    assert parsed(day, zone) == utc(end)


def test_a_local_time_that_comes_twice_is_the_first() -> None:
    assert parsed("2026-10-25T02:30") == utc("2026-10-25T02:30+02:00")


def test_a_datetime_keeps_its_instant() -> None:
    given_ = datetime(2026, 5, 1, 14, 30, tzinfo=NEW_YORK)
    assert parsed(given_) == given_
    assert parsed(given_).tzinfo is UTC


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(RejectedError, match=r"^eta_date: 2026-05-01T14:30:00 has no time zone; "):
        parsed(datetime(2026, 5, 1, 14, 30))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "tomorrow",
        "soon, I hope",
        "1.5.2026",
        "05/01/2026",
        "2026-5-1",
        "2026-05",
        "2026-02-29",
        "2026-13-01",
        "2026-05-32",
        "0000-01-01",
        "10000-01-01",
        "+2026-05-01",
        "-2026-05-01",
        "2026-05-01T",
        "2026-05-01T25:00",
        "2026-05-01T14:60",
        "2026-05-01T14:30:61",
        "2026-05-01T14:30+25:00",
        "2026-05-01T14:30 Europe/Berlin",
        "2026-05-01T14:30[Europe/Berlin]",
        "2026-05-01 to 2026-05-02",
        "1777646400",
        "NaN",
        "None",
        "２０２６-05-01",
        "2026-05-01\x00",
        "2026-05-01T14:30\x00",
        "2026-05-01\x0014:30",
        "2026-05-01\ud80014:30",
        "2026-05-01x14:30",
        "2026-05-01/14:30",
        "9" * 5000,
    ],
)
def test_text_that_is_no_date_is_refused_and_the_field_is_named(text: str) -> None:
    with pytest.raises(RejectedError) as caught:
        parsed(text)
    (problem,) = caught.value.problems
    assert problem.field == "eta_date"
    assert problem.message.startswith(f"{quoted(text)} must be a date such as 2026-05-01 or an instant")


def test_the_extremes_that_have_an_instant_are_dates() -> None:
    assert parsed("0001-01-01", ZoneInfo("UTC"), end_of_day=False) == datetime.min.replace(tzinfo=UTC)
    assert parsed("9999-12-31", ZoneInfo("UTC")) == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "zone"),
    [
        ("9999-12-31", NEW_YORK),
        ("9999-12-31T23:59-00:01", BERLIN),
        (date(9999, 12, 31), NEW_YORK),
        (datetime(9999, 12, 31, 23, tzinfo=NEW_YORK), BERLIN),
        ("0001-01-01T00:00+00:01", BERLIN),
        ("0001-01-01T00:00", BERLIN),
    ],
)
def test_the_extremes_that_have_no_instant_are_refused(value: str | date | datetime, zone: ZoneInfo) -> None:
    with pytest.raises(RejectedError, match=r"^eta_date: .* is out of range; "):
        parsed(value, zone, end_of_day=not isinstance(value, datetime))


# Reading


@pytest.mark.parametrize(
    ("estimated", "expected"),
    [
        ("2026-05-01T12:00+00:00", "due today"),
        ("2026-05-01T00:00+02:00", "due today"),
        ("2026-05-01T23:59:59+02:00", "due today"),
        ("2026-05-02T00:00+02:00", "1 day(s) remaining"),
        ("2026-05-03T00:00+02:00", "2 day(s) remaining"),
        ("2027-05-01T12:00+02:00", "365 day(s) remaining"),
        ("2026-04-30T23:59:59+02:00", "overdue by 1 day(s)"),
        ("2026-04-20T12:00+02:00", "overdue by 11 day(s)"),
    ],
)
@pytest.mark.parametrize("now", ["2026-05-01T00:00+02:00", "2026-05-01T23:59:59+02:00"])
def test_the_distance_is_in_calendar_days_of_the_zone(estimated: str, expected: str, now: str) -> None:
    assert eta_display(utc(estimated), utc(now), BERLIN) == expected


def test_what_day_it_is_depends_on_the_zone() -> None:
    estimated, now = utc("2026-05-02T03:00+00:00"), utc("2026-05-01T12:00+00:00")
    assert eta_display(estimated, now, NEW_YORK) == "due today"
    assert eta_display(estimated, now, BERLIN) == "1 day(s) remaining"
    assert eta_display(estimated, now, KIRITIMATI) == "due today"


def test_days_on_which_clocks_change_count_as_one() -> None:
    assert eta_display(utc("2026-03-30T00:30+02:00"), utc("2026-03-28T23:30+01:00"), BERLIN) == ("2 day(s) remaining")
    assert eta_display(utc("2026-10-24T00:30+02:00"), utc("2026-10-26T23:30+01:00"), BERLIN) == ("overdue by 2 day(s)")


@pytest.mark.parametrize(
    ("estimated", "zone", "expected"),
    [
        (datetime.max.replace(tzinfo=UTC), KIRITIMATI, "2912381 day(s) remaining"),
        (datetime.min.replace(tzinfo=UTC), NEW_YORK, "overdue by 739676 day(s)"),
    ],
)
def test_an_estimate_that_was_given_in_another_zone_can_be_shown_at_the_end_of_all_years(
    estimated: datetime, zone: ZoneInfo, expected: str
) -> None:
    assert eta_display(estimated, utc("2026-03-02T12:00Z"), zone) == expected


def test_without_an_estimate_there_is_nothing_to_say() -> None:
    assert eta_display(None, utc("2026-05-01T12:00+00:00"), BERLIN) == ""


@pytest.mark.parametrize(("text", "zone"), [("9999-12-31T23:59Z", BERLIN), ("0001-01-01T00:00Z", NEW_YORK)])
def test_what_is_accepted_can_be_shown(text: str, zone: ZoneInfo) -> None:
    """An instant without a local date there is refused or shown, but no accident."""
    try:
        estimated = parsed(text, zone)
    except RejectedError:
        return
    shown = eta_display(estimated, utc("2026-05-01T12:00+00:00"), zone)
    assert "day(s)" in shown


instants = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
zones = st.sampled_from([BERLIN, NEW_YORK, SANTIAGO, HAVANA, KIRITIMATI])


@properties
@given(estimated=instants, now=instants, zone=offsets)
def test_the_text_is_one_of_three_and_its_number_the_difference_of_local_dates(
    estimated: datetime, now: datetime, zone: timezone
) -> None:
    day = timedelta(days=1)
    shift, epoch = zone.utcoffset(None), utc("1970-01-01T00:00+00:00")
    days = (estimated - epoch + shift) // day - (now - epoch + shift) // day
    text = eta_display(estimated, now, zone)
    if days == 0:
        assert text == "due today"
    else:
        assert text == (f"{days} day(s) remaining" if days > 0 else f"overdue by {-days} day(s)")


@properties
@given(instants, zones)
def test_an_instant_that_is_written_with_its_offset_is_read_back(at: datetime, zone: ZoneInfo) -> None:
    assert parsed(at.isoformat(), zone) == at
    assert parsed(at.astimezone(zone).isoformat(sep=" "), BERLIN) == at


@properties
@given(st.dates(date(1990, 1, 1), date(2037, 1, 1)), zones)
def test_a_day_ends_one_second_before_the_next_one_starts(day: date, zone: ZoneInfo) -> None:
    end, start = parsed(day, zone), parsed(day + timedelta(days=1), zone, end_of_day=False)
    assert start - end == timedelta(seconds=1)


@properties
@given(st.text(max_size=30) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.{0,9}", fullmatch=True))
def test_any_text_is_read_as_an_aware_instant_or_refused(text: str) -> None:
    try:
        found, refused = parsed(text), []
    except RejectedError as error:
        found, refused = None, [problem.field for problem in error.problems]
    if found is None:
        assert refused == ["eta_date"]
    else:
        assert found.tzinfo is UTC
        assert re.match(r"\s*[0-9]{4}", text)
