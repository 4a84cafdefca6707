"""The same change of many tickets: each by itself, with all that belongs to it; what is refused holds up nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ticketcore import Problem, hookimpl, open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config
from ticketcore.desk import Desk
from ticketcore.domain.query import Query
from ticketcore.errors import RejectedError, TicketcoreError
from ticketcore.ports.repository import KINDS
from ticketcore.services.bulk import OPERATIONS, BulkOutcome, BulkReport, BulkResult
from ticketcore.services.filters import PAGE

ANN, BOB = "ann@example.com", "bob@example.com"
DONE, UNCHANGED, REFUSED = BulkResult
COUNT = 5


@pytest.fixture
def filled(desk: Desk) -> Desk:
    """Return a desk with five tickets, of which the third is cancelled."""
    for number in range(1, COUNT + 1):
        desk.tickets.create(f"ticket {number}", project="ODD" if number % 2 else "EVEN", action_by=ANN)
    desk.tickets.cancel(3, action_by=ANN)
    return desk


def results(report: BulkReport) -> dict[int, BulkResult]:
    return {outcome.ticket_number: outcome.result for outcome in report.outcomes}


def contents(desk: Desk) -> dict[type, list[Any]]:
    with desk.repository.transaction(read_only=True) as tx:
        return {kind: tx.find(Query(kind)) for kind in KINDS}


# Which tickets.


def test_tickets_are_picked_by_a_filter_or_by_name(filled: Desk) -> None:
    def numbers(*names: Any, **filters: Any) -> list[int]:
        return [one.ticket_number for one in filled.bulk.select(*names, **filters)]

    assert numbers() == [1, 2, 3, 4, 5]
    assert numbers(project="ODD", status="NEW") == [1, 5]
    assert numbers(search="ticket", created_before="2020-01-01") == []
    assert numbers(["4", filled.tickets.read(2), filled.tickets.read(2).guid, 2]) == [2, 4]
    assert numbers([]) == []


def test_tickets_that_do_not_exist_are_all_named(filled: Desk) -> None:
    with pytest.raises(RejectedError) as caught:
        filled.bulk.select([1, 77, "nobody"])
    assert [str(problem) for problem in caught.value.problems] == [
        "tickets: there is no ticket 77",
        "tickets: there is no ticket nobody",
    ]


def test_more_tickets_than_fit_a_page_are_picked_and_changed(desk: Desk) -> None:
    for number in range(PAGE + 3):
        desk.tickets.create(f"ticket {number}", action_by=ANN)
    picked = desk.bulk.select()
    assert len(picked) == PAGE + 3
    report = desk.bulk.run("set_work_score", picked, score=3, action_by=BOB)
    assert len(report.of(DONE)) == PAGE + 3
    assert {ticket.work_score for ticket in desk.queries.get_tickets_by_filter()} == {3}


# What becomes of them.


def test_one_that_is_refused_holds_up_none_of_the_others(filled: Desk) -> None:
    report = filled.bulk.run("change_status", filled.bulk.select(), new_status="TRIAGED", notes="all", action_by=BOB)
    assert results(report) == {1: DONE, 2: DONE, 3: REFUSED, 4: DONE, 5: DONE}
    assert report.complete
    (refused,) = report.of(REFUSED)
    assert (refused.subject, refused.changes) == ("ticket 3", {})
    assert refused.reason == "status: a ticket that is CANCELLED cannot become TRIAGED; allowed from here: nothing"
    assert report.of(DONE)[0].changes == {"status": ("NEW", "TRIAGED")}
    last = filled.queries.get_history(1)[-1]
    assert (last.action, last.new_value, last.action_by, last.note) == ("STATUS_CHANGE", "TRIAGED", BOB, "all")
    assert filled.tickets.read(1).status == "TRIAGED"


EVERY: list[tuple[str, dict[str, Any], dict[str, tuple[Any, Any]]]] = [
    ("change_status", {"new_status": "TRIAGED"}, {"status": ("NEW", "TRIAGED")}),
    ("escalate", {"reason": "late"}, {"status": ("NEW", "ESCALATED")}),
    ("cancel", {"reason": "no"}, {"status": ("NEW", "CANCELLED")}),
    ("assign", {"user": BOB}, {"assigned_to": ("", BOB)}),
    ("update", {"priority": "LOW", "project": ""}, {"priority": ("MEDIUM", "LOW"), "project": ("ODD", "")}),
    ("update", {"package": "IT", "ticket_type": "BUG"}, {"package": ("CORE", "IT"), "ticket_type": ("USER", "BUG")}),
    ("add_watcher", {"email": BOB}, {"watchers": ([], [BOB])}),
    ("set_eta", {"eta_date": "2026-05-01"}, {"estimated_date": (None, "2026-05-01T23:59:59+00:00")}),
    ("set_work_score", {"score": 5}, {"work_score": (None, 5)}),
    ("add_comment", {"text": "hello", "is_internal": True}, {"comment": (None, "hello")}),
]


@pytest.mark.parametrize(("operation", "values", "changes"), EVERY, ids=range(len(EVERY)))
def test_what_is_done_is_what_the_call_for_one_ticket_does(
    filled: Desk, operation: str, values: dict[str, Any], changes: dict[str, tuple[Any, Any]]
) -> None:
    (outcome,) = filled.bulk.run(operation, filled.bulk.select([1]), action_by=BOB, **values).outcomes
    assert (outcome.result, outcome.changes) == (DONE, changes)
    group = filled.comments if operation == "add_comment" else filled.tickets
    by = {"commented_by" if operation == "add_comment" else "action_by": BOB}
    getattr(group, operation)(5, **values, **by)
    rows = [
        [(row.action, row.field, row.old_value, row.new_value, row.note, row.action_by) for row in history[1:]]
        for history in (filled.queries.get_history(1), filled.queries.get_history(5))
    ]
    assert rows[0] == rows[1] != []
    assert filled.queries.verify_history(1) == []


def test_a_life_in_bulk(filled: Desk) -> None:
    def step(operation: str, **values: Any) -> list[BulkResult]:
        report = filled.bulk.run(operation, filled.bulk.select(project="EVEN"), action_by=BOB, **values)
        return [outcome.result for outcome in report.outcomes]

    assert step("change_status", new_status="TRIAGED") == [DONE, DONE]
    assert step("change_status", new_status="IN_PROGRESS") == [DONE, DONE]
    assert step("resolve", notes="fixed") == [DONE, DONE]
    assert step("close") == [DONE, DONE]
    assert step("close") == [UNCHANGED, UNCHANGED]
    assert step("change_status", new_status="TRIAGED") == [REFUSED, REFUSED]
    assert step("reopen", reason="again") == [DONE, DONE]
    assert {filled.tickets.read(number).status for number in (2, 4)} == {"IN_PROGRESS"}


def test_what_changes_nothing_is_unchanged(filled: Desk) -> None:
    def twice(operation: str, **values: Any) -> set[BulkResult]:
        filled.bulk.run(operation, filled.bulk.select([1, 2]), action_by=BOB, **values)
        before = contents(filled)
        report = filled.bulk.run(operation, filled.bulk.select([1, 2]), action_by=BOB, **values)
        assert contents(filled) == before
        return set(results(report).values())

    assert twice("assign", user=BOB) == {UNCHANGED}
    assert twice("update", priority="LOW") == {UNCHANGED}
    assert twice("add_watcher", email=BOB) == {UNCHANGED}
    assert twice("remove_watcher", email=BOB) == {UNCHANGED}
    assert twice("set_eta", eta_date=None) == {UNCHANGED}


def test_a_watcher_is_taken_off_wherever_there_is_one(filled: Desk) -> None:
    filled.tickets.add_watcher(2, BOB, action_by=ANN)
    report = filled.bulk.run("remove_watcher", filled.bulk.select([1, 2]), email="Bob@Example.com", action_by=ANN)
    assert results(report) == {1: UNCHANGED, 2: DONE}
    assert filled.tickets.get_watchers(2) == []


def test_a_ticket_that_has_changed_since_it_was_picked_is_refused(filled: Desk) -> None:
    picked = filled.bulk.select([1, 2])
    filled.tickets.assign(1, ANN, action_by=ANN)
    report = filled.bulk.run("assign", picked, user=BOB, action_by=BOB)
    assert results(report) == {1: REFUSED, 2: DONE}
    assert "ticket 1 was changed by somebody else" in report.of(REFUSED)[0].reason
    assert filled.tickets.read(1).assigned_to == ANN


def test_what_commutes_with_any_change_is_done_all_the_same(filled: Desk) -> None:
    picked = filled.bulk.select([1])
    filled.tickets.assign(1, ANN, action_by=ANN)
    assert results(filled.bulk.run("add_watcher", picked, email=BOB, action_by=BOB)) == {1: DONE}
    assert results(filled.bulk.run("add_comment", picked, text="hello", action_by=BOB)) == {1: DONE}


def test_a_merged_ticket_is_refused(filled: Desk) -> None:
    filled.tickets.merge(1, 2, action_by=ANN)
    report = filled.bulk.run("assign", filled.bulk.select([1, 2]), user=BOB, action_by=BOB)
    assert results(report) == {1: REFUSED, 2: DONE}
    assert "was merged into ticket 2" in report.of(REFUSED)[0].reason


def test_people_are_told_of_each_ticket(filled: Desk) -> None:
    for number in (1, 2):
        filled.tickets.add_watcher(number, BOB, action_by=ANN)
    before = len(filled.notifications.list_outbox())
    filled.bulk.run("change_status", filled.bulk.select([1, 2]), new_status="TRIAGED", action_by=ANN)
    news = filled.notifications.list_outbox()[before:]
    assert [message.notify_code for message in news if message.recipient == BOB] == ["STATUS_CHANGED"] * 2


# A preview.


@pytest.mark.parametrize(("operation", "values", "changes"), EVERY, ids=range(len(EVERY)))
def test_a_preview_says_what_would_become_of_each_and_changes_nothing(
    filled: Desk, operation: str, values: dict[str, Any], changes: dict[str, tuple[Any, Any]]
) -> None:
    picked = filled.bulk.select([1, 2, 3])
    before = contents(filled)
    preview = filled.bulk.preview(operation, picked, action_by=BOB, **values)
    assert contents(filled) == before
    assert preview.outcomes[0].changes == changes
    assert filled.bulk.run(operation, picked, action_by=BOB, **values) == preview


class Strict:
    """A policy that does not let a ticket out of its project."""

    @hookimpl
    def ticketcore_validate(self, change: Any) -> Iterator[Problem]:
        if change.before is not None and change.after.project == "ODD":
            yield Problem("project", "is frozen")


class Listener:
    """An observer that counts what it is told."""

    def __init__(self) -> None:
        self.count = 0

    @hookimpl
    def ticketcore_observe(self, event: Any) -> None:
        self.count += 1


def test_policies_are_asked_in_a_preview_too_and_observers_are_not_told(
    make_config: Callable[..., Config], clock: PlayedClock
) -> None:
    listener = Listener()
    with open_desk(make_config("memory:"), plugins={"strict": Strict(), "listener": listener}, clock=clock) as desk:
        for project in ("ODD", "EVEN"):
            desk.tickets.create("x", project=project, watchers=[BOB], action_by=ANN)
        told, mails = listener.count, len(desk.notifications.list_outbox())
        preview = desk.bulk.preview("change_status", desk.bulk.select(), new_status="TRIAGED", action_by=ANN)
        assert results(preview) == {1: REFUSED, 2: DONE}
        assert preview.of(REFUSED)[0].reason == "project: is frozen"
        assert (listener.count, len(desk.notifications.list_outbox())) == (told, mails)
        assert desk.bulk.run("change_status", desk.bulk.select(), new_status="TRIAGED", action_by=ANN) == preview
        assert listener.count == told + 1


# What is asked for wrongly.


@pytest.mark.parametrize(
    ("operation", "values", "problem"),
    [
        ("merge", {}, "operation: 'merge' is not known; choose one of change_status, resolve, close, .*"),
        ("close", {"notes": "x"}, "notes: is nothing that close takes: nothing"),
        ("assign", {}, "user: is missing"),
        ("assign", {"user": " "}, "assigned_to: must not be empty"),
        ("update", {}, "update: must name at least one of package, project, priority, ticket_type"),
        ("update", {"priority": "NOW"}, "priority: 'NOW' is not known; .*"),
        ("update", {"package": ""}, "package: must not be empty"),
        ("update", {"subject": "x"}, "subject: is nothing that update takes: package, .*"),
        ("change_status", {"new_status": "LOST"}, "status: 'LOST' is not known; .*"),
        ("change_status", {"new_status": ["CLOSED"]}, r"status: \['CLOSED'\] is not known; .*"),
        ("add_watcher", {"email": "nobody"}, "email: 'nobody' is not an e-mail address: .*"),
        ("set_eta", {"eta_date": "soon"}, "eta_date: 'soon' must be a date .*"),
        ("set_work_score", {"score": -1}, "work_score: must be from 0 .*"),
        ("add_comment", {"text": " "}, "text: must not be empty"),
        ("cancel", {"reason": "\0"}, "notes: holds a character that is no text .*"),
    ],
    ids=range(15),
)
def test_wrong_arguments_are_refused_once_before_anything_is_changed(
    filled: Desk, operation: str, values: dict[str, Any], problem: str
) -> None:
    before = contents(filled)
    for do in (filled.bulk.run, filled.bulk.preview):
        with pytest.raises(RejectedError, match=f"^{problem}$") as caught:
            do(operation, filled.bulk.select(), action_by=BOB, **values)
        assert len(caught.value.problems) == 1
    assert contents(filled) == before


def test_who_acts_has_to_be_said(filled: Desk) -> None:
    with pytest.raises(RejectedError, match="action_by: must not be empty"):
        filled.bulk.run("close", filled.bulk.select(), action_by=" ")


def test_every_operation_is_one_of_a_single_ticket(desk: Desk) -> None:
    for name in OPERATIONS:
        assert callable(getattr(desk.tickets, name, None) or getattr(desk.comments, name))
    tried = {operation for operation, _, _ in EVERY} | {"resolve", "close", "reopen", "remove_watcher"}
    assert set(OPERATIONS) == tried


# How it goes.


def test_each_ticket_is_told_of_and_it_can_be_stopped(filled: Desk) -> None:
    told: list[BulkOutcome] = []
    stop = threading.Event()

    def note(outcome: BulkOutcome) -> None:
        told.append(outcome)
        if len(told) == 2:
            stop.set()

    report = filled.bulk.run("assign", filled.bulk.select(), user=BOB, action_by=BOB, told=note, stop=stop)
    assert (len(report.outcomes), report.complete) == (2, False)
    assert list(report.outcomes) == told
    assert [ticket.ticket_number for ticket in filled.queries.get_tickets_by_filter(assignee=BOB)] == [1, 2]


def test_a_store_that_fails_ends_it(filled: Desk) -> None:
    picked = filled.bulk.select()
    filled.close()
    with pytest.raises(TicketcoreError, match="is closed"):
        filled.bulk.run("assign", picked, user=BOB, action_by=BOB)


def test_nothing_picked_is_nothing_done(desk: Desk) -> None:
    assert desk.bulk.run("close", desk.bulk.select(), action_by=ANN) == BulkReport()
