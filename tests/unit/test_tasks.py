"""Tasks as pure functions: what a new one is, and which status may follow which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.history import Action, Entry
from ticketcore.domain.lifecycle import TaskChange
from ticketcore.domain.tasks import MOVES, new_task, task_added, task_moved
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.domain.work import OPEN_TASKS, Task, TaskStatus
from ticketcore.errors import InvalidTransitionError, RejectedError
from ticketcore.testing.records import make_task, make_ticket

properties = settings(derandomize=True, deadline=None, max_examples=200)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
OPEN, IN_PROGRESS, DONE, CANCELLED = TaskStatus
ALLOWED = {
    (OPEN, IN_PROGRESS),
    (OPEN, DONE),
    (OPEN, CANCELLED),
    (IN_PROGRESS, DONE),
    (IN_PROGRESS, CANCELLED),
    (DONE, OPEN),
    (CANCELLED, OPEN),
}
PAIRS = [(before, after) for before in TaskStatus for after in TaskStatus]


def made(ticket: Ticket | None = None, **values: Any) -> Task:
    given_: dict[str, Any] = {"guid": "t", "name": "Order a fuse", "sort_order": 3, "now": NOW, **values}
    return new_task(ticket or make_ticket(), **given_)


def test_a_new_task_is_open_and_belongs_to_its_ticket() -> None:
    ticket = make_ticket(package="homechoice")
    task = made(ticket, name=" Order\na  fuse ", description="10 A\n", assigned_to="bo")
    assert task == Task(
        guid="t",
        ticket_guid=ticket.guid,
        name="Order a fuse",
        description="10 A\n",
        assigned_to="bo",
        status=OPEN,
        sort_order=3,
        package="homechoice",
        created_date=NOW,
        updated_date=NOW,
    )
    change = task_added(ticket, task)
    assert (change.before, change.after, change.event) == (ticket, ticket, None)
    assert change.entries == (Entry(Action.TASK_ADDED, "task", None, "Order a fuse"),)
    assert change.tasks == (TaskChange(None, task),)


def test_all_problems_of_a_new_task_are_reported_together() -> None:
    with pytest.raises(RejectedError) as caught:
        made(make_ticket(status=Status.CANCELLED), name=" \n", description="\x00", assigned_to="x" * 256)
    assert [problem.field for problem in caught.value.problems] == ["ticket", "name", "description", "assigned_to"]


@pytest.mark.parametrize("name", ["", " \n\t", "x" * 501, "a\x00b", "\ud800", 7, None])
def test_a_task_needs_a_name_that_fits(name: object) -> None:
    with pytest.raises(RejectedError) as caught:
        made(name=name)
    assert {problem.field for problem in caught.value.problems} == {"name"}
    assert made(name="x" * 500).name == "x" * 500


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.CANCELLED])
def test_a_task_is_added_whatever_the_ticket_is_but_cancelled(status: Status) -> None:
    assert made(make_ticket(status=status)).status is OPEN


def test_nothing_is_to_be_done_on_a_cancelled_ticket() -> None:
    with pytest.raises(RejectedError, match=r"^ticket: ticket 7 is CANCELLED; nothing is to be done on it any more$"):
        made(make_ticket(ticket_number=7, status=Status.CANCELLED))


def test_the_moves_are_those_of_the_diagram() -> None:
    assert {(before, after) for before, moves in MOVES.items() for after in moves} == ALLOWED


@pytest.mark.parametrize(("before", "after"), PAIRS)
@pytest.mark.parametrize("ticket_status", [Status.NEW, Status.CLOSED])
def test_every_move_is_made_or_refused(ticket_status: Status, before: TaskStatus, after: TaskStatus) -> None:
    ticket, task = make_ticket(status=ticket_status), make_task(status=before, completed_date=NOW)
    if (before, after) not in ALLOWED:
        with pytest.raises(InvalidTransitionError) as caught:
            task_moved(ticket, task, after, now=LATER)
        assert (caught.value.status, caught.value.wanted) == (before, after)
        assert {(before, one) for one in caught.value.allowed} == {pair for pair in ALLOWED if pair[0] is before}
        assert str(caught.value).startswith(f"status: a task that is {before} cannot become {after}; allowed from here")
        return
    change = task_moved(ticket, task, after, now=LATER)
    completed = LATER if after is DONE else None
    moved = evolve(task, status=after, updated_date=LATER, completed_date=completed)
    assert change.tasks == (TaskChange(task, moved),)
    assert change.entries == (Entry(Action.TASK_CHANGED, "status", before, after, task.name),)
    assert (change.before, change.after, change.event) == (ticket, ticket, None)


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_on_a_cancelled_ticket_tasks_can_only_be_ended(before: TaskStatus, after: TaskStatus) -> None:
    ticket, task = make_ticket(status=Status.CANCELLED), make_task(status=before)
    if (before, after) in ALLOWED and after not in OPEN_TASKS:
        assert task_moved(ticket, task, after, now=LATER).tasks[0].after.status is after
        return
    with pytest.raises(InvalidTransitionError, match=f"a task of a cancelled ticket that is {before} cannot") as caught:
        task_moved(ticket, task, after, now=LATER)
    assert not OPEN_TASKS & set(caught.value.allowed)


@properties
@given(st.lists(st.sampled_from(TaskStatus), max_size=8))
def test_a_task_has_a_date_of_completion_exactly_while_it_is_done(wanted: list[TaskStatus]) -> None:
    ticket, task = make_ticket(), make_task()
    for step, status in enumerate(wanted, 1):
        at = NOW + timedelta(minutes=step)
        if (task.status, status) not in ALLOWED:
            with pytest.raises(InvalidTransitionError):
                task_moved(ticket, task, status, now=at)
            continue
        task = task_moved(ticket, task, status, now=at).tasks[0].after
        assert (task.status, task.updated_date) == (status, at)
        assert task.completed_date == (at if status is DONE else None)
    assert task.is_open == (task.status in OPEN_TASKS)
