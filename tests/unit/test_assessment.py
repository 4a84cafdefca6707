"""Estimate, analysis and score of a ticket, as pure functions."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.assessment import HIGHEST_SCORE, analysed, estimated, scored
from ticketcore.domain.eta import eta_display, parse_instant
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import RejectedError
from ticketcore.testing.records import make_ticket

properties = settings(derandomize=True, deadline=None, max_examples=200)

MAY = datetime(2026, 5, 1, 21, 59, 59, tzinfo=UTC)


@pytest.fixture
def ticket() -> Ticket:
    return make_ticket()


# The estimate


def test_an_estimate_is_set_changed_and_taken_away(ticket: Ticket) -> None:
    change = estimated(ticket, MAY)
    assert change is not None
    assert (change.before, change.after, change.event) == (ticket, evolve(ticket, estimated_date=MAY), None)
    assert change.entries == (Entry(Action.ETA_SET, "estimated_date", None, "2026-05-01T21:59:59+00:00"),)
    gone = estimated(change.after, None)
    assert gone is not None
    assert gone.after == ticket
    assert gone.entries == (Entry(Action.ETA_SET, "estimated_date", "2026-05-01T21:59:59+00:00", None),)


def test_the_same_estimate_is_no_change(ticket: Ticket) -> None:
    assert estimated(ticket, None) is None
    assert estimated(evolve(ticket, estimated_date=MAY), MAY.astimezone(zoneinfo.ZoneInfo("Asia/Tokyo"))) is None


EVERY_ZONE = sorted(zoneinfo.available_timezones())
instants = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
days = st.integers(-400, 400)


@properties
@given(instants, instants, st.sampled_from(EVERY_ZONE))
def test_the_text_of_an_estimate_is_one_of_three_in_any_zone(now: datetime, due: datetime, name: str) -> None:
    zone = zoneinfo.ZoneInfo(name)
    distance = due.astimezone(zone).date().toordinal() - now.astimezone(zone).date().toordinal()
    words = {1: f"{distance} day(s) remaining", 0: "due today", -1: f"overdue by {-distance} day(s)"}
    assert eta_display(due, now, zone) == words[(distance > 0) - (distance < 0)]


@properties
@given(instants, days, st.sampled_from(EVERY_ZONE))
def test_a_date_that_is_typed_is_as_many_days_away_as_the_calendar_says(now: datetime, days: int, name: str) -> None:
    zone = zoneinfo.ZoneInfo(name)
    day = now.astimezone(zone).date() + timedelta(days=days)
    due = parse_instant("eta_date", day.isoformat(), zone, end_of_day=True)
    if due.astimezone(zone).date() != day:  # a zone that crossed the date line had no such day
        return
    words = {1: f"{days} day(s) remaining", 0: "due today", -1: f"overdue by {-days} day(s)"}
    assert eta_display(due, now, zone) == words[(days > 0) - (days < 0)]


# The analysis


def test_an_analysis_takes_the_place_of_the_one_before(ticket: Ticket) -> None:
    first = analysed(ticket, "The fuse\nwas bad.\n")
    assert first is not None
    assert first.after == evolve(ticket, problem_analysis="The fuse\nwas bad.\n")
    assert first.entries == (Entry(Action.ANALYSIS_SET, "problem_analysis", "", "The fuse\nwas bad.\n"),)
    second = analysed(first.after, "The wiring was.")
    assert second is not None
    assert second.after.problem_analysis == "The wiring was."
    assert second.entries[0].old_value == "The fuse\nwas bad.\n"
    assert analysed(second.after, "The wiring was.") is None


@pytest.mark.parametrize("text", ["", " \n\t", "a\x00b", "\ud800", None, 7])
def test_an_analysis_must_say_something(ticket: Ticket, text: str) -> None:
    with pytest.raises(RejectedError) as caught:
        analysed(ticket, text)
    assert {problem.field for problem in caught.value.problems} == {"problem_analysis"}


# The score


@properties
@given(st.none() | st.integers(0, HIGHEST_SCORE), st.none() | st.integers(0, HIGHEST_SCORE))
def test_a_score_is_set_changed_and_taken_away(old: int | None, new: int | None) -> None:
    ticket = make_ticket(work_score=old)
    change = scored(ticket, new)
    if old == new:
        assert change is None
        return
    assert change is not None
    assert change.after == evolve(ticket, work_score=new)
    (entry,) = change.entries
    assert (entry.action, entry.field) == (Action.SCORE_SET, "work_score")
    assert (entry.old_value, entry.new_value) == tuple(None if one is None else str(one) for one in (old, new))


@pytest.mark.parametrize("score", [-1, HIGHEST_SCORE + 1, 10**5000, -(10**5000)], ids=["-1", "high", "huge", "low"])
def test_a_score_must_be_within_its_column_and_not_negative(ticket: Ticket, score: int) -> None:
    with pytest.raises(RejectedError, match=f"^work_score: must be from 0 to {HIGHEST_SCORE}$"):
        scored(ticket, score)


@pytest.mark.parametrize("score", [1.0, "1", True, False, [1]], ids=repr)
def test_a_score_is_a_whole_number(ticket: Ticket, score: object) -> None:
    with pytest.raises(RejectedError, match=f"^work_score: must be a whole number, not {type(score).__name__}$"):
        scored(ticket, score)
