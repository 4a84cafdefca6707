"""Tasks, the parts of the work on a ticket: how one is added, and what may become of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import evolve

from ticketcore.domain.checks import Checks
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.lifecycle import Change, TaskChange
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.domain.work import OPEN_TASKS, Task, TaskStatus
from ticketcore.errors import InvalidTransitionError, Problem

TASK_NAME_LENGTH = 500

MOVES: Mapping[TaskStatus, tuple[TaskStatus, ...]] = {
    TaskStatus.OPEN: (TaskStatus.IN_PROGRESS, TaskStatus.DONE, TaskStatus.CANCELLED),
    TaskStatus.IN_PROGRESS: (TaskStatus.DONE, TaskStatus.CANCELLED),
    TaskStatus.DONE: (TaskStatus.OPEN,),
    TaskStatus.CANCELLED: (TaskStatus.OPEN,),
}
"""Which status of a task may follow which."""


def new_task(
    ticket: Ticket,
    *,
    guid: str,
    name: str,
    description: str = "",
    assigned_to: str = "",
    sort_order: int,
    now: datetime,
) -> Task:
    """Return a new task of ``ticket`` from what somebody typed; ``assigned_to`` is a person's guid, or text.

    Raises:
        RejectedError: with every problem of the input, or because nothing is to be done on the ticket any more.
    """
    checks = Checks()
    if ticket.status is Status.CANCELLED:
        message = f"ticket {ticket.ticket_number} is CANCELLED; nothing is to be done on it any more"
        checks.problems.append(Problem("ticket", message))
    task = Task(
        guid=guid,
        ticket_guid=ticket.guid,
        name=checks.line("name", name, TASK_NAME_LENGTH, required=True),
        description=checks.text("description", description),
        assigned_to=checks.line("assigned_to", assigned_to),
        sort_order=sort_order,
        package=ticket.package,
        created_date=now,
        updated_date=now,
    )
    checks.done()
    return task


def addition(task: Task) -> Entry:
    """Return what the history of a ticket says of a new task."""
    return Entry(Action.TASK_ADDED, "task", None, task.name)


def task_added(ticket: Ticket, task: Task) -> Change:
    """Return the change that a new task is; it commutes with any other."""
    return Change(before=ticket, after=ticket, entries=(addition(task),), tasks=(TaskChange(None, task),))


def task_moved(ticket: Ticket, task: Task, status: TaskStatus, *, now: datetime) -> Change:
    """Return the change of a task of ``ticket`` to ``status``; being done sets its date, and nothing else has one.

    On a cancelled ticket a task can be ended, but not begun or taken up again.

    Raises:
        InvalidTransitionError: a task has no such move; it names the ones that it has.
    """
    allowed, kind = MOVES[task.status], "task"
    if ticket.status is Status.CANCELLED:
        allowed, kind = tuple(one for one in allowed if one not in OPEN_TASKS), "task of a cancelled ticket"
    if status not in allowed:
        raise InvalidTransitionError(task.status, status, allowed, kind=kind)
    after = evolve(task, status=status, updated_date=now, completed_date=now if status is TaskStatus.DONE else None)
    entry = Entry(Action.TASK_CHANGED, "status", task.status, status, task.name)
    return Change(before=ticket, after=ticket, entries=(entry,), tasks=(TaskChange(task, after),))
