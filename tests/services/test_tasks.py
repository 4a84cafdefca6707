"""The tasks of tickets, on both stores: every operation, what it leaves behind, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from ticketcore import Task
from ticketcore.adapters.system import PlayedClock
from ticketcore.desk import Desk
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.errors import ConflictError, InvalidTransitionError, NotFoundError, RejectedError

ANN, BOB = "ann@example.com", "bob@example.com"

State = Callable[[], tuple[Any, ...]]
Move = Callable[[Desk, str], Task]

MOVES: dict[str, Move] = {
    "start": lambda desk, guid: desk.tasks.start_task(guid, action_by=BOB),
    "complete": lambda desk, guid: desk.tasks.complete_task(guid, action_by=BOB),
    "reopen": lambda desk, guid: desk.tasks.reopen_task(guid, action_by=BOB),
    "cancel": lambda desk, guid: desk.tasks.cancel_task(guid, action_by=BOB),
}
EVERY_MOVE = pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)


@pytest.fixture
def ticket(desk: Desk) -> Ticket:
    return desk.tickets.create("Printer on fire", requested_by=ANN, action_by=ANN)


def rows(desk: Desk, action: str) -> list[tuple[str | None, ...]]:
    return [
        (row.field, row.old_value, row.new_value, row.note, row.action_by)
        for row in desk.queries.get_history(1)
        if row.action == action
    ]


def test_tasks_come_in_the_order_in_which_they_were_added(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    other = desk.tickets.create("Another", action_by=ANN)
    made = [desk.tasks.add_task(ticket.guid, name, action_by=ANN) for name in ("zebra", "ape", "mole")]
    theirs = desk.tasks.add_task(other, "first", action_by=ANN)
    assert desk.tasks.get_tasks(ticket) == desk.tasks.get_tasks(1) == desk.tasks.get_tasks("1") == made
    assert [task.sort_order for task in made] == [1, 2, 3]
    assert (theirs.sort_order, desk.tasks.get_tasks(2)) == (1, [theirs])
    assert {(task.ticket_guid, task.package, task.created_date) for task in made} == {
        (ticket.guid, "CORE", clock.now())
    }


def test_a_ticket_without_tasks_has_none(desk: Desk, ticket: Ticket) -> None:
    assert desk.tasks.get_tasks(ticket) == []


def test_a_new_task_is_in_the_history_and_mails_nobody(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    told = desk.notifications.list_outbox()
    clock.advance(minutes=5)
    task = desk.tasks.add_task(ticket, "Order a\nfuse", "10 A", "the night  shift", action_by=BOB)
    assert (task.name, task.description, task.assigned_to) == ("Order a fuse", "10 A", "the night shift")
    assert rows(desk, "TASK_ADDED") == [("task", None, "Order a fuse", "", BOB)]
    assert desk.notifications.list_outbox() == told
    now = desk.tickets.read(1)
    assert (now.row_version, now.updated_date) == (2, clock.now())
    assert desk.queries.verify_history(1) == []


def test_address_login_and_guid_mean_the_same_person(desk: Desk, ticket: Ticket) -> None:
    bob = desk.people.add_person("Bob", BOB, username="bob", action_by=ANN)
    users = (BOB, " BOB@Example.com ", "bob", bob.person_guid)
    made = [desk.tasks.add_task(1, "x", assigned_to=user, action_by=ANN) for user in users]
    assert {task.assigned_to for task in made} == {bob.person_guid}
    assert desk.tasks.add_task(1, "x", assigned_to="zoe@example.com", action_by=ANN).assigned_to == "zoe@example.com"
    assert desk.tasks.add_task(1, "x", action_by=ANN).assigned_to == ""


def test_the_life_of_a_task(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    task = desk.tasks.add_task(1, "Order a fuse", action_by=ANN)
    clock.advance(minutes=1)
    assert desk.tasks.start_task(task.guid, action_by=BOB).status == "IN_PROGRESS"
    done_at = clock.advance(minutes=1)
    done = desk.tasks.complete_task(f" {task.guid} ", action_by=BOB)
    assert (done.status, done.completed_date, done.updated_date) == ("DONE", done_at, done_at)
    assert desk.tasks.get_tasks(1) == [done]
    again_at = clock.advance(minutes=1)
    again = desk.tasks.reopen_task(task.guid, action_by=ANN)
    assert (again.status, again.completed_date, again.updated_date) == ("OPEN", None, again_at)
    assert desk.tasks.cancel_task(task.guid, action_by=ANN).status == "CANCELLED"
    assert rows(desk, "TASK_CHANGED") == [
        ("status", "OPEN", "IN_PROGRESS", "Order a fuse", BOB),
        ("status", "IN_PROGRESS", "DONE", "Order a fuse", BOB),
        ("status", "DONE", "OPEN", "Order a fuse", ANN),
        ("status", "OPEN", "CANCELLED", "Order a fuse", ANN),
    ]
    assert desk.tickets.read(1).status == "NEW"
    assert desk.queries.verify_history(1) == []


def test_a_wrong_move_names_the_status_and_the_allowed_ones_and_changes_nothing(
    guarded_desk: Desk, stored: State
) -> None:
    guarded_desk.tickets.create("Printer", action_by=ANN)
    task = guarded_desk.tasks.add_task(1, "Order a fuse", action_by=ANN)
    guarded_desk.tasks.start_task(task.guid, action_by=ANN)
    before = stored()
    with pytest.raises(InvalidTransitionError) as caught:
        guarded_desk.tasks.start_task(task.guid, action_by=BOB)
    message = "status: a task that is IN_PROGRESS cannot become IN_PROGRESS; allowed from here: DONE, CANCELLED"
    assert caught.value.lines() == [message]
    with pytest.raises(InvalidTransitionError, match="cannot become OPEN"):
        guarded_desk.tasks.reopen_task(task.guid, action_by=BOB)
    guarded_desk.tasks.complete_task(task.guid, action_by=ANN)
    for move in (MOVES["start"], MOVES["complete"], MOVES["cancel"]):
        with pytest.raises(InvalidTransitionError, match=r"a task that is DONE cannot .*; allowed from here: OPEN"):
            move(guarded_desk, task.guid)
    assert len(stored()[1]) == len(before[1]) + 1


@EVERY_MOVE
@pytest.mark.parametrize("guid", ["no", "", "1", "\udcff", "x" * 5000])
def test_a_task_that_does_not_exist_is_not_found(desk: Desk, ticket: Ticket, move: Move, guid: str) -> None:
    desk.tasks.add_task(1, "Order a fuse", action_by=ANN)
    with pytest.raises(NotFoundError, match=r"^there is no task") as caught:
        move(desk, guid)
    assert (caught.value.kind, caught.value.key) == ("task", guid)


def test_a_task_needs_a_ticket_that_exists(desk: Desk) -> None:
    for call in (lambda: desk.tasks.add_task("no", "x", action_by=ANN), lambda: desk.tasks.get_tasks("no")):
        with pytest.raises(NotFoundError, match=r"^there is no ticket no"):
            call()


def test_all_problems_of_a_task_are_reported_together_and_nothing_is_stored(guarded_desk: Desk, stored: State) -> None:
    guarded_desk.tickets.create("Printer", action_by=ANN)
    before = stored()
    with pytest.raises(RejectedError) as caught:
        guarded_desk.tasks.add_task(1, " ", "\x00", "x" * 256, action_by=" ")
    assert [one.field for one in caught.value.problems] == ["name", "description", "assigned_to", "action_by"]
    assert stored() == before


def test_somebody_must_act(guarded_desk: Desk, stored: State) -> None:
    tasks = guarded_desk.tasks
    guarded_desk.tickets.create("Printer", action_by=ANN)
    task, done = (tasks.add_task(1, name, action_by=ANN) for name in ("Order a fuse", "Mount it"))
    tasks.complete_task(done.guid, action_by=ANN)
    before = stored()
    calls: list[Callable[[], object]] = [
        lambda: tasks.start_task(task.guid, action_by=""),
        lambda: tasks.complete_task(task.guid, action_by=" \n"),
        lambda: tasks.cancel_task(task.guid, action_by="x" * 256),
        lambda: tasks.reopen_task(done.guid, action_by="a\x00b"),
    ]
    for call in calls:
        with pytest.raises(RejectedError, match=r"^action_by: "):
            call()
    assert stored() == before


# cancelled and merged tickets


def test_on_a_cancelled_ticket_tasks_are_ended_and_nothing_begins(desk: Desk, ticket: Ticket) -> None:
    first, second, third = (desk.tasks.add_task(1, name, action_by=ANN) for name in "abc")
    desk.tasks.complete_task(third.guid, action_by=ANN)
    desk.tickets.cancel(1, action_by=ANN)
    with pytest.raises(RejectedError, match="ticket 1 is CANCELLED; nothing is to be done on it any more"):
        desk.tasks.add_task(1, "d", action_by=ANN)
    for move, guid in ((MOVES["start"], first.guid), (MOVES["reopen"], third.guid)):
        with pytest.raises(InvalidTransitionError, match="a task of a cancelled ticket that is"):
            move(desk, guid)
    desk.tasks.complete_task(first.guid, action_by=ANN)
    desk.tasks.cancel_task(second.guid, action_by=ANN)
    assert [task.status for task in desk.tasks.get_tasks(1)] == ["DONE", "CANCELLED", "DONE"]


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.CLOSED])
def test_what_is_still_to_be_done_on_a_finished_ticket_can_be_written_down(
    desk: Desk, ticket: Ticket, status: Status
) -> None:
    for one in ("TRIAGED", "IN_PROGRESS", "RESOLVED", *(["CLOSED"] if status is Status.CLOSED else [])):
        desk.tickets.change_status(1, one, action_by=ANN)
    task = desk.tasks.add_task(1, "Send the bill", action_by=ANN)
    desk.tasks.start_task(task.guid, action_by=ANN)
    desk.tasks.complete_task(task.guid, action_by=ANN)
    assert desk.tickets.read(1).status == status


def test_the_tasks_of_a_merged_ticket_go_on_where_it_went(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.create("The same fire", action_by=ANN)
    mine = desk.tasks.add_task(2, "Extinguish it", action_by=ANN)
    task = desk.tasks.add_task(1, "Order a fuse", action_by=ANN)
    desk.tickets.merge(1, 2, action_by=ANN)
    with pytest.raises(RejectedError, match=r"^ticket: ticket 1 was merged into ticket 2"):
        desk.tasks.add_task(1, "Mount it", action_by=ANN)
    done = desk.tasks.complete_task(task.guid, action_by=BOB)
    assert [one.guid for one in desk.tasks.get_tasks(2)] == [mine.guid, task.guid]
    assert done in desk.tasks.get_tasks(2)
    assert desk.queries.get_history(2)[-1].note == "Order a fuse"
    assert desk.tasks.add_task(2, "Mount it", action_by=ANN).sort_order == 3


# others at the same time


def test_a_task_can_be_added_however_old_the_record_is(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.update(1, subject="newer", action_by=BOB)
    desk.tasks.add_task(ticket, "Order a fuse", action_by=ANN)
    with pytest.raises(ConflictError):
        desk.tickets.set_work_score(ticket, 5, action_by=ANN)
    assert (desk.tickets.read(1).subject, len(desk.tasks.get_tasks(1))) == ("newer", 1)


def test_tasks_that_are_added_at_the_same_moment_have_places_of_their_own(desk: Desk, ticket: Ticket) -> None:
    together = Barrier(4)

    def add(who: int) -> list[Task]:
        together.wait()
        return [desk.tasks.add_task(1, f"{who} {n}", action_by=ANN) for n in range(5)]

    with ThreadPoolExecutor(4) as pool:
        made = [task for tasks in pool.map(add, range(4)) for task in tasks]
    assert sorted(task.sort_order for task in made) == list(range(1, 21))
    assert desk.tasks.get_tasks(1) == sorted(made, key=lambda task: task.sort_order)
    assert desk.queries.verify_history(1) == []


def test_of_two_who_start_a_task_at_the_same_moment_one_is_told_that_it_is_started(desk: Desk, ticket: Ticket) -> None:
    for _ in range(5):
        task = desk.tasks.add_task(1, "Order a fuse", action_by=ANN)
        together = Barrier(2)

        def start(who: str, guid: str = task.guid, together: Barrier = together) -> str:
            together.wait()
            try:
                return desk.tasks.start_task(guid, action_by=who).status
            except InvalidTransitionError as error:
                return error.status

        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(start, (ANN, BOB))) == ["IN_PROGRESS", "IN_PROGRESS"]
    assert len(rows(desk, "TASK_CHANGED")) == 5


# policies and observers


def test_a_policy_judges_every_change_of_a_task_and_its_refusal_changes_nothing(
    guarded_desk: Desk, guard: Any, stored: State
) -> None:
    desk = guarded_desk
    desk.tickets.create("Printer", action_by=ANN)
    task = desk.tasks.add_task(1, "Order a fuse", action_by=ANN)
    done = desk.tasks.complete_task(desk.tasks.add_task(1, "Mount it", action_by=ANN).guid, action_by=ANN)
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: desk.tasks.add_task(1, "Test it", action_by=BOB), "OPEN"),
        (lambda: desk.tasks.start_task(task.guid, action_by=BOB), "IN_PROGRESS"),
        (lambda: desk.tasks.complete_task(task.guid, action_by=BOB), "DONE"),
        (lambda: desk.tasks.cancel_task(task.guid, action_by=BOB), "CANCELLED"),
        (lambda: desk.tasks.reopen_task(done.guid, action_by=BOB), "OPEN"),
    ]
    before = stored()
    guard.shut = True
    for call, status in calls:
        with pytest.raises(RejectedError, match="the guard says no"):
            call()
        (change,) = guard.asked[-1].tasks
        assert change.after.status == status
    assert stored() == before


def test_observers_are_told_of_every_change_of_a_task(guarded_desk: Desk, guard: Any) -> None:
    guarded_desk.tickets.create("Printer", action_by=ANN)
    guard.told.clear()
    task = guarded_desk.tasks.add_task(1, "Order a fuse", action_by=ANN)
    for move in ("start", "complete", "reopen", "cancel"):
        MOVES[move](guarded_desk, task.guid)
    (added, *moved) = guard.told
    assert [(one.action, one.new_value) for one in added.entries] == [("TASK_ADDED", "Order a fuse")]
    said = [(row.action, row.new_value, event.action_by, event.notify_code) for event in moved for row in event.entries]
    assert said == [("TASK_CHANGED", status, BOB, None) for status in ("IN_PROGRESS", "DONE", "OPEN", "CANCELLED")]


def test_adding_and_moving_tasks_makes_versions(desk: Desk, ticket: Ticket) -> None:
    task = desk.tasks.add_task(1, "Order a fuse", action_by=ANN)
    desk.tasks.complete_task(task.guid, action_by=ANN)
    statuses = [[one.status for one in desk.versions.get_version(1, n).tasks] for n in (1, 2, 3)]
    assert statuses == [[], ["OPEN"], ["DONE"]]
