"""The time that is spent on tickets, on both stores: what is kept, what it adds up to, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore import TimeEntry, open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection
from ticketcore.desk import Desk
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import NotFoundError, RejectedError

ANN, BOB = "ann@example.com", "bob@example.com"

State = Callable[[], tuple[Any, ...]]


@pytest.fixture
def ticket(desk: Desk) -> Ticket:
    return desk.tickets.create("Printer on fire", requested_by=ANN, action_by=ANN)


def test_an_entry_is_kept_as_it_was_logged(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    at = clock.advance(minutes=5)
    guid = desk.time.log_time(
        ticket.guid, " Ann@Example.com ", 45, "Fix auth bug", "2026-03-02T07:00", "2026-03-02T08:00+00:00"
    )
    entry = TimeEntry(
        guid=guid,
        ticket_guid=ticket.guid,
        person_email=ANN,
        start_time=datetime(2026, 3, 2, 7, 0, tzinfo=UTC),
        end_time=datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
        duration_minutes=45,
        description="Fix auth bug",
        package="CORE",
        created_date=at,
    )
    assert desk.time.get_time_entry(f" {guid}\n") == entry
    for reference in (ticket, ticket.guid, 1, "1"):
        assert desk.time.get_time_entries(reference) == [entry]
        assert desk.time.get_total_time(reference) == 45
        assert desk.time.get_time_by_person(reference) == {ANN: 45}


def test_text_without_an_offset_is_local_time(make_desk: Callable[..., Desk], store_url: str) -> None:
    desk = make_desk(store_url, timezone="Asia/Tokyo")
    desk.tickets.create("x", action_by=ANN)
    desk.time.log_time(1, ANN, start_time="2026-03-02T09:00", end_time="2026-03-02T10:30")
    (entry,) = desk.time.get_time_entries(1)
    assert (entry.start_time, entry.duration_minutes) == (datetime(2026, 3, 2, 0, 0, tzinfo=UTC), 90)


def test_time_adds_up_for_each_person_and_for_all(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    desk.tickets.create("Another", action_by=ANN)
    guids = []
    for who, minutes in ((BOB, 30), (ANN, 45), ("BOB@example.com", 5)):
        guids.append(desk.time.log_time(1, who, minutes))
        clock.advance(minutes=1)
    desk.time.log_time(2, ANN, 1000)
    assert [entry.guid for entry in desk.time.get_time_entries(1)] == guids
    assert desk.time.get_total_time(1) == 80
    assert list(desk.time.get_time_by_person(1).items()) == [(ANN, 45), (BOB, 35)]


def test_a_ticket_on_which_nobody_spent_time(desk: Desk, ticket: Ticket) -> None:
    assert desk.time.get_time_entries(1) == []
    assert desk.time.get_total_time(1) == 0
    assert desk.time.get_time_by_person(1) == {}


def test_time_is_in_the_history_and_mails_nobody(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    told = desk.notifications.list_outbox()
    clock.advance(minutes=5)
    guid = desk.time.log_time(1, ANN, 45, "Fix auth bug", action_by=BOB)
    row = desk.queries.get_history(1)[-1]
    assert (row.action, row.action_by, row.note, row.action_date) == ("TIME_LOGGED", BOB, "Fix auth bug", clock.now())
    said = json.loads(row.new_value or "")
    assert (said["guid"], said["person_email"], said["duration_minutes"]) == (guid, ANN, 45)
    assert desk.notifications.list_outbox() == told
    assert desk.tickets.read(1).updated_date == clock.now()
    assert desk.queries.verify_history(1) == []


def test_the_person_acts_unless_somebody_else_does(desk: Desk, ticket: Ticket) -> None:
    desk.time.log_time(1, "Ann@Example.com", 1)
    desk.time.log_time(1, ANN, 1, action_by="the import")
    actors = [row.action_by for row in desk.queries.get_history(1) if row.action == "TIME_LOGGED"]
    assert actors == ["Ann@Example.com", "the import"]


def test_a_known_user_is_meant_by_login_or_guid_and_stands_under_the_address(desk: Desk, ticket: Ticket) -> None:
    bob = desk.people.add_person("Bob", BOB, username="bob", action_by=ANN)
    for who in ("bob", bob.person_guid, BOB):
        desk.time.log_time(1, who, 10)
    assert desk.time.get_time_by_person(1) == {BOB: 30}


@pytest.mark.parametrize("person", ["zoe", "no address@", "a\x00b", "\udcff", "Bob", f"{'x' * 300}@example.com"])
def test_time_of_nobody_is_refused(guarded_desk: Desk, stored: State, person: str) -> None:
    guarded_desk.people.add_person("Bob", BOB, username="bob", action_by=ANN)
    guarded_desk.tickets.create("Printer", action_by=ANN)
    before = stored()
    with pytest.raises(RejectedError) as caught:
        guarded_desk.time.log_time(1, person, 45, action_by=ANN)
    (problem,) = caught.value.problems
    assert problem.field == "person_email"
    assert problem.message.endswith(" is neither an e-mail address nor a known user")
    assert stored() == before


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "duration_minutes"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"duration_minutes": -45}, "duration_minutes"),
        ({"duration_minutes": 10**30}, "duration_minutes"),
        ({"duration_minutes": "45"}, "duration_minutes"),
        (
            {"duration_minutes": 61, "start_time": "2026-03-02T06:00", "end_time": "2026-03-02T07:00"},
            "duration_minutes",
        ),
        ({"start_time": "2026-03-02T07:00"}, "duration_minutes"),
        ({"end_time": "2026-03-02T07:00"}, "duration_minutes"),
        ({"start_time": "2026-03-02T07:00", "end_time": "2026-03-02T06:00"}, "end_time"),
        ({"start_time": "2026-03-02T07:00", "end_time": "2026-03-02T07:00"}, "end_time"),
        ({"duration_minutes": 5, "start_time": "2026-03-02T07:00", "end_time": "2026-03-02T06:00"}, "end_time"),
        ({"duration_minutes": 5, "start_time": datetime(2026, 3, 2, 7)}, "start_time"),  # noqa: DTZ001 - the point
        ({"duration_minutes": 5, "start_time": "this morning, at seven"}, "start_time"),
        ({"duration_minutes": 5, "end_time": "2026-03-02T08:00:01"}, "end_time"),
        ({"duration_minutes": 5, "description": "\x00"}, "description"),
        ({"duration_minutes": 5, "action_by": ""}, "action_by"),
    ],
)
def test_time_that_cannot_have_been_is_refused_and_changes_nothing(
    guarded_desk: Desk, stored: State, values: dict[str, Any], field: str
) -> None:
    guarded_desk.tickets.create("Printer", action_by=ANN)
    before = stored()
    with pytest.raises(RejectedError) as caught:
        guarded_desk.time.log_time(1, ANN, **values)
    assert [problem.field for problem in caught.value.problems] == [field]
    assert stored() == before


def test_what_does_not_exist_is_not_found(desk: Desk, ticket: Ticket) -> None:
    calls: list[Callable[[], object]] = [
        lambda: desk.time.log_time("no", ANN, 45),
        lambda: desk.time.get_time_entries("no"),
        lambda: desk.time.get_total_time("no"),
        lambda: desk.time.get_time_by_person("no"),
    ]
    for call in calls:
        with pytest.raises(NotFoundError, match=r"^there is no ticket no"):
            call()
    for guid in ("no", "", "\udcff"):
        with pytest.raises(NotFoundError, match=r"^there is no time entry"):
            desk.time.get_time_entry(guid)


def test_time_that_was_spent_is_logged_whatever_has_become_of_the_ticket(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.update(1, subject="newer", action_by=BOB)
    desk.time.log_time(ticket, ANN, 45)
    desk.tickets.cancel(1, action_by=BOB)
    desk.time.log_time(ticket, ANN, 15)
    assert desk.time.get_total_time(1) == 60


def test_time_goes_along_with_a_merge_and_from_then_on_belongs_there(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.create("The same fire", action_by=ANN)
    desk.time.log_time(1, ANN, 45)
    desk.time.log_time(2, BOB, 15)
    desk.tickets.merge(1, 2, action_by=ANN)
    assert (desk.time.get_total_time(1), desk.time.get_total_time(2)) == (0, 60)
    with pytest.raises(RejectedError, match=r"^ticket: ticket 1 was merged into ticket 2"):
        desk.time.log_time(1, ANN, 45)


def test_time_that_is_logged_at_the_same_moment_is_all_there(desk: Desk, ticket: Ticket) -> None:
    together = Barrier(4)

    def log(who: int) -> list[str]:
        together.wait()
        return [desk.time.log_time(ticket, f"p{who}@example.com", n + 1) for n in range(5)]

    with ThreadPoolExecutor(4) as pool:
        guids = {guid for made in pool.map(log, range(4)) for guid in made}
    assert {entry.guid for entry in desk.time.get_time_entries(1)} == guids
    assert desk.time.get_time_by_person(1) == {f"p{who}@example.com": 15 for who in range(4)}
    assert desk.queries.verify_history(1) == []


def test_a_policy_judges_what_is_logged_and_its_refusal_changes_nothing(
    guarded_desk: Desk, guard: Any, stored: State
) -> None:
    guarded_desk.tickets.create("Printer", action_by=ANN)
    before = stored()
    guard.shut = True
    with pytest.raises(RejectedError, match="the guard says no"):
        guarded_desk.time.log_time(1, ANN, 45, "Fix auth bug")
    (entry,) = guard.asked[-1].adds
    assert (entry.person_email, entry.duration_minutes) == (ANN, 45)
    assert stored() == before


def test_observers_are_told_of_what_is_logged(guarded_desk: Desk, guard: Any) -> None:
    guarded_desk.tickets.create("Printer", action_by=ANN)
    guarded_desk.time.log_time(1, ANN, 45, "Fix auth bug", action_by=BOB)
    event = guard.told[-1]
    assert (event.ticket, event.action_by, event.notify_code) == (guarded_desk.tickets.read(1), BOB, None)
    assert [(one.action, one.note) for one in event.entries] == [("TIME_LOGGED", "Fix auth bug")]


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.sampled_from([ANN, BOB]), st.integers(1, 600), st.booleans()), max_size=8))
def test_totals_are_the_sum_of_what_was_logged(spent: list[tuple[str, int, bool]]) -> None:
    clock = PlayedClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
    config = Config(database=DatabaseSection(url="memory:"), notifiers=())
    with open_desk(config, clock=clock) as desk:
        desk.tickets.create("Printer", action_by=ANN)
        for who, minutes, by_span in spent:
            start = clock.now() - timedelta(minutes=minutes)
            if by_span:
                desk.time.log_time(1, who, start_time=start, end_time=clock.now())
            else:
                desk.time.log_time(1, who, minutes)
        assert [entry.duration_minutes for entry in desk.time.get_time_entries(1)] == [one[1] for one in spent]
        assert desk.time.get_total_time(1) == sum(minutes for _, minutes, _ in spent)
        people = desk.time.get_time_by_person(1)
        assert people == {
            who: sum(minutes for other, minutes, _ in spent if other == who)
            for who in sorted({one[0] for one in spent})
        }
