"""Versions of a ticket against each other: what is different between two, and what it takes to bring one back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from attrs import evolve, frozen

from ticketcore.domain.assessment import checked_score
from ticketcore.domain.checks import UPDATABLE, Checks, checked_fields
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.lifecycle import Change, TaskChange
from ticketcore.domain.tasks import TASK_NAME_LENGTH
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.domain.versioning import VERSIONED, TicketContent, TicketVersion
from ticketcore.domain.work import Task

RESTORED = (
    "subject",
    "description",
    "project",
    "priority",
    "ticket_type",
    "problem_analysis",
    "work_score",
    "estimated_date",
    "watchers",
)
"""The fields of a ticket that come back with a version."""

_RESTORED_OF_TASK = ("name", "description", "assigned_to", "status")
_OF_TASK = (*_RESTORED_OF_TASK, "sort_order", "pr_id", "pr_repo", "pr_url")
"""The fields of a task that somebody decides."""

_ACTIONS = {
    "problem_analysis": Action.ANALYSIS_SET,
    "work_score": Action.SCORE_SET,
    "estimated_date": Action.ETA_SET,
}


@frozen(kw_only=True)
class FieldDifference:
    """A field of a ticket that has another value in one version than in the other."""

    field: str
    old: Any
    new: Any


@frozen(kw_only=True)
class TaskDifference:
    """A task that is different in one version than in the other; ``None`` where it is not there.

    ``fields`` are those that have another value, if it is in both.
    """

    task_guid: str
    name: str
    fields: tuple[str, ...] = ()
    old: Task | None
    new: Task | None


Difference = FieldDifference | TaskDifference


def differences(
    old: TicketContent, old_tasks: Iterable[Task], new: TicketContent, new_tasks: Iterable[Task]
) -> list[Difference]:
    """Return what is different: the fields of the ticket first, then its tasks."""
    values = ((name, getattr(old, name), getattr(new, name)) for name in VERSIONED)
    found: list[Difference] = [
        FieldDifference(field=name, old=before, new=after) for name, before, after in values if before != after
    ]
    before, after = ({task.guid: task for task in tasks} for tasks in (old_tasks, new_tasks))
    pairs = ((before.get(guid), after.get(guid)) for guid in {**before, **after})
    return found + [difference for pair in pairs if (difference := _task_difference(*pair))]


def _task_difference(old: Task | None, new: Task | None) -> TaskDifference | None:
    task = new or old
    fields = _different(old, new) if old and new else ()
    if task is None or (old and new and not fields):
        return None
    return TaskDifference(task_guid=task.guid, name=task.name, fields=fields, old=old, new=new)


def _different(old: Task, new: Task, fields: Sequence[str] = _OF_TASK) -> tuple[str, ...]:
    return tuple(name for name in fields if getattr(old, name) != getattr(new, name))


def content_of(ticket: Ticket) -> TicketContent:
    """Return what versions keep of ``ticket``."""
    return TicketContent(**{name: getattr(ticket, name) for name in VERSIONED})


def restored(ticket: Ticket, tasks: Iterable[Task], then: TicketVersion, *, now: datetime) -> Change | None:
    """Return the change that brings the version ``then`` of ``ticket`` back, ``None`` if all is as it was.

    The fields in :data:`RESTORED` come back. So do the tasks that were open or in progress: each gets the name, the
    description, the assignee and the status of then, whatever has become of it; but on a cancelled ticket nothing is
    taken up again. All other ``tasks`` stay as they are, also those that were added since, and so does everything else.

    Raises:
        RejectedError: a value that would come back is none that an update would take; with every such value.
    """
    checks = Checks()
    values = {name: getattr(then.ticket, name) for name in RESTORED}
    checked = _checked(checks, {name: value for name, value in values.items() if getattr(ticket, name) != value})
    changed = {name: value for name, value in checked.items() if getattr(ticket, name) != value}
    if set(values["watchers"]) == set(ticket.watchers):
        changed.pop("watchers", None)
    task_changes = () if ticket.status is Status.CANCELLED else tuple(_restored_tasks(checks, tasks, then.tasks, now))
    checks.done()
    entries = [entry for name in changed for entry in _entries(name, getattr(ticket, name), changed[name])]
    entries += [entry for change in task_changes for entry in _task_entries(change)]
    if not entries:
        return None
    return Change(
        before=ticket,
        after=evolve(ticket, **changed),
        entries=(Entry(Action.VERSION_RESTORED, "version", new_value=str(then.version)), *entries),
        tasks=task_changes,
    )


def _checked(checks: Checks, values: dict[str, Any]) -> dict[str, Any]:
    """Return the checked form of fields that come back."""
    checked = checked_fields(checks, {name: value for name, value in values.items() if name in UPDATABLE})
    for name, value in values.items():
        if name == "problem_analysis":
            checked[name] = checks.text(name, value)
        elif name == "watchers":
            checked[name] = checks.addresses(name, value)
        elif name == "work_score":
            checked[name] = checks.attempt(partial(checked_score, value))
        elif name == "estimated_date":
            checked[name] = value
    return {name: checked[name] for name in values}


def _restored_tasks(
    checks: Checks, now_there: Iterable[Task], then: Iterable[Task], now: datetime
) -> Iterator[TaskChange]:
    present = {task.guid: task for task in now_there}
    for task in then:
        today = present.get(task.guid)  # none if it has come to another ticket by a merge
        if today is None or not task.is_open or not _different(task, today, _RESTORED_OF_TASK):
            continue
        after = evolve(
            today,
            name=checks.line("name", task.name, TASK_NAME_LENGTH, required=True),
            description=checks.text("description", task.description),
            assigned_to=checks.line("assigned_to", task.assigned_to),
            status=task.status,
        )
        if after != today:
            yield TaskChange(today, evolve(after, updated_date=now, completed_date=None))


def _entries(name: str, old: Any, new: Any) -> Iterator[Entry]:
    if name == "watchers":
        yield from (Entry(Action.WATCHER_ADDED, name, None, one) for one in new if one not in old)
        yield from (Entry(Action.WATCHER_REMOVED, name, one, None) for one in old if one not in new)
    else:
        yield Entry(_ACTIONS.get(name, Action.UPDATED), name, _text(old), _text(new))


def _task_entries(change: TaskChange) -> Iterator[Entry]:
    before, after = change.before, change.after
    if before is not None:
        for name in _different(before, after, _RESTORED_OF_TASK):
            yield Entry(Action.TASK_CHANGED, name, getattr(before, name), getattr(after, name), before.name)


def _text(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if value is None else str(value)
