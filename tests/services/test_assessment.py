"""Estimate, analysis and score of a ticket, on both stores: what is kept, what tells of it, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from ticketcore.adapters.system import PlayedClock
from ticketcore.desk import Desk
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import ConflictError, NotFoundError, RejectedError

ANN, BOB = "ann@example.com", "bob@example.com"

State = Callable[[], tuple[Any, ...]]


@pytest.fixture
def ticket(desk: Desk) -> Ticket:
    return desk.tickets.create("Printer on fire", requested_by=ANN, action_by=ANN)


@pytest.fixture
def told(desk: Desk, ticket: Ticket) -> Callable[[], list[tuple[str | None, ...]]]:
    """Return a function that returns what the history has said since the creation; nobody may have been mailed."""
    mails = desk.notifications.list_outbox()

    def rows() -> list[tuple[str | None, ...]]:
        assert desk.notifications.list_outbox() == mails
        assert desk.queries.verify_history(1) == []
        return [(one.action, one.field, one.old_value, one.new_value) for one in desk.queries.get_history(1)[1:]]

    return rows


Told = Callable[[], list[tuple[str | None, ...]]]


# The estimate


@pytest.mark.parametrize(
    ("given", "instant"),
    [
        ("2026-05-01", datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)),
        (date(2026, 5, 1), datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)),
        ("2026-05-01T14:30+02:00", datetime(2026, 5, 1, 12, 30, tzinfo=UTC)),
        (datetime(2026, 5, 1, 12, 30, tzinfo=UTC), datetime(2026, 5, 1, 12, 30, tzinfo=UTC)),
    ],
)
def test_an_estimate_is_a_date_or_an_instant(
    desk: Desk, ticket: Ticket, told: Told, clock: PlayedClock, given: Any, instant: datetime
) -> None:
    clock.advance(minutes=5)
    found = desk.tickets.set_eta(ticket, given, action_by=BOB)
    assert (found.estimated_date, found.updated_date, found.row_version) == (instant, clock.now(), 2)
    assert desk.tickets.read(1) == found
    assert told() == [("ETA_SET", "estimated_date", None, instant.isoformat())]
    assert desk.tickets.get_eta_display(found.estimated_date) == "60 day(s) remaining"


def test_an_estimate_is_changed_and_taken_away_and_the_same_one_is_no_change(
    desk: Desk, ticket: Ticket, told: Told
) -> None:
    desk.tickets.set_eta(1, "2026-05-01", action_by=BOB)
    found = desk.tickets.set_eta(1, "2026-05-01T23:59:59Z", action_by=BOB)
    assert found.row_version == 2
    desk.tickets.set_eta(1, "2026-02-28", action_by=BOB)
    assert desk.tickets.get_eta_display(desk.tickets.read(1).estimated_date) == "overdue by 2 day(s)"
    assert desk.tickets.set_eta(1, None, action_by=BOB).estimated_date is None
    assert desk.tickets.set_eta(1, None, action_by=BOB).row_version == 4
    may, february = "2026-05-01T23:59:59+00:00", "2026-02-28T23:59:59+00:00"
    assert told() == [
        ("ETA_SET", "estimated_date", None, may),
        ("ETA_SET", "estimated_date", may, february),
        ("ETA_SET", "estimated_date", february, None),
    ]


def test_the_end_of_the_day_is_that_of_the_configured_zone(make_desk: Callable[..., Desk], store_url: str) -> None:
    desk = make_desk(store_url, timezone="Asia/Tokyo")
    desk.tickets.create("x", action_by=ANN)
    found = desk.tickets.set_eta(1, "2026-03-02", action_by=ANN)
    assert found.estimated_date == datetime(2026, 3, 2, 14, 59, 59, tzinfo=UTC)
    assert desk.tickets.get_eta_display(found.estimated_date) == "due today"


# The analysis


def test_an_analysis_takes_the_place_of_the_one_before_which_the_history_keeps(
    desk: Desk, ticket: Ticket, told: Told
) -> None:
    desk.tickets.add_analysis(1, "The fuse\nwas bad. 😀\n", action_by=BOB)
    assert desk.tickets.add_analysis(1, "The wiring was.", action_by=BOB).problem_analysis == "The wiring was."
    assert desk.tickets.add_analysis(1, "The wiring was.", action_by=BOB).row_version == 3
    assert told() == [
        ("ANALYSIS_SET", "problem_analysis", "", "The fuse\nwas bad. 😀\n"),
        ("ANALYSIS_SET", "problem_analysis", "The fuse\nwas bad. 😀\n", "The wiring was."),
    ]


# The score


def test_a_score_is_set_changed_and_taken_away(desk: Desk, ticket: Ticket, told: Told) -> None:
    assert desk.tickets.set_work_score(1, 0, action_by=BOB).work_score == 0
    assert desk.tickets.set_work_score(1, 2**31 - 1, action_by=BOB).work_score == 2**31 - 1
    assert desk.tickets.set_work_score(1, 2**31 - 1, action_by=BOB).row_version == 3
    assert desk.tickets.read(1).work_score == 2**31 - 1
    assert desk.tickets.set_work_score(1, None, action_by=BOB).work_score is None
    assert told() == [
        ("SCORE_SET", "work_score", None, "0"),
        ("SCORE_SET", "work_score", "0", "2147483647"),
        ("SCORE_SET", "work_score", "2147483647", None),
    ]


# All of them

CALLS: dict[str, Callable[[Desk, Any, Any], Ticket]] = {
    "set_eta": lambda desk, ticket, value: desk.tickets.set_eta(ticket, value, action_by=BOB),
    "add_analysis": lambda desk, ticket, value: desk.tickets.add_analysis(ticket, value, action_by=BOB),
    "set_work_score": lambda desk, ticket, value: desk.tickets.set_work_score(ticket, value, action_by=BOB),
}
GOOD: dict[str, Any] = {"set_eta": "2026-05-01", "add_analysis": "The fuse was bad.", "set_work_score": 5}


@pytest.mark.parametrize(
    ("call", "value", "field"),
    [
        ("set_eta", "soon", "eta_date"),
        ("set_eta", "", "eta_date"),
        ("set_eta", "2026-02-30", "eta_date"),
        ("set_eta", datetime(2026, 5, 1), "eta_date"),  # noqa: DTZ001 - that is what is wrong with it
        ("set_eta", 20260501, "eta_date"),
        ("add_analysis", " \n", "problem_analysis"),
        ("add_analysis", "a\x00b", "problem_analysis"),
        ("set_work_score", -1, "work_score"),
        ("set_work_score", 2**31, "work_score"),
        ("set_work_score", 2.5, "work_score"),
        ("set_work_score", "5", "work_score"),
        ("set_work_score", True, "work_score"),
    ],
)
def test_a_wrong_value_is_named_and_changes_nothing(
    guarded_desk: Desk, stored: State, call: str, value: Any, field: str
) -> None:
    guarded_desk.tickets.create("Printer", action_by=ANN)
    before = stored()
    with pytest.raises(RejectedError) as caught:
        CALLS[call](guarded_desk, 1, value)
    assert [problem.field for problem in caught.value.problems] == [field]
    assert stored() == before


@pytest.mark.parametrize("call", CALLS)
def test_a_ticket_that_does_not_exist_or_is_out_of_date(desk: Desk, ticket: Ticket, call: str) -> None:
    with pytest.raises(NotFoundError):
        CALLS[call](desk, "no", GOOD[call])
    newer = desk.tickets.update(1, subject="newer", action_by=ANN)
    with pytest.raises(ConflictError):
        CALLS[call](desk, ticket, GOOD[call])
    assert desk.tickets.read(1) == newer
    assert CALLS[call](desk, newer, GOOD[call]).row_version == 3


@pytest.mark.parametrize("call", CALLS)
def test_a_policy_judges_each_of_them_and_its_refusal_changes_nothing(
    guarded_desk: Desk, guard: Any, stored: State, call: str
) -> None:
    guarded_desk.tickets.create("Printer", action_by=ANN)
    before = stored()
    guard.shut = True
    with pytest.raises(RejectedError, match="the guard says no"):
        CALLS[call](guarded_desk, 1, GOOD[call])
    assert guard.asked[-1].touches("estimated_date", "problem_analysis", "work_score")
    assert stored() == before


@pytest.mark.parametrize("call", CALLS)
def test_observers_are_told_of_each_of_them(guarded_desk: Desk, guard: Any, call: str) -> None:
    guarded_desk.tickets.create("Printer", action_by=ANN)
    found = CALLS[call](guarded_desk, 1, GOOD[call])
    event = guard.told[-1]
    assert (event.ticket, event.action_by, event.notify_code, len(event.entries)) == (found, BOB, None, 1)


def test_each_of_them_makes_a_version(desk: Desk, ticket: Ticket) -> None:
    for call, value in GOOD.items():
        CALLS[call](desk, 1, value)
    made = [version.fields for version in desk.versions.list_versions(1)]
    assert made == [(), ("estimated_date",), ("problem_analysis",), ("work_score",)]
