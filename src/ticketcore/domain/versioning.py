"""What a change says for the versions of a ticket, and what a ticket was, worked out backwards from what it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from attrs import asdict, fields, frozen

from ticketcore.domain.history import Action, HistoryEntry
from ticketcore.domain.lifecycle import Change, TaskChange
from ticketcore.domain.text import one_line
from ticketcore.domain.ticket import Priority, RequestedByType, Status, Ticket, TicketType
from ticketcore.domain.version import FIRST_VERSION, VersionRow
from ticketcore.domain.work import Task
from ticketcore.errors import RepositoryError


@frozen(kw_only=True)
class TicketContent:
    """What the versions of a ticket keep of it: all that somebody decides, nothing that follows from it."""

    package: str
    project: str
    subject: str
    description: str
    status: Status
    priority: Priority
    ticket_type: TicketType
    requested_by: str
    requested_by_type: RequestedByType
    assigned_to: str
    problem_analysis: str
    work_score: int | None
    resolved_date: datetime | None
    closed_date: datetime | None
    watchers: tuple[str, ...]
    merged_guids: tuple[str, ...]
    merged_into: str | None
    estimated_date: datetime | None


VERSIONED = tuple(field.name for field in fields(TicketContent))
"""The fields of a ticket that its versions keep."""


@frozen(kw_only=True)
class TicketVersion:
    """A ticket as it was after one change, with its tasks, and its history up to there."""

    ticket_guid: str
    ticket_number: int
    version: int
    created_date: datetime
    changed_by: str
    history_seq: int
    ticket: TicketContent
    tasks: tuple[Task, ...]
    history: tuple[HistoryEntry, ...]


@frozen(kw_only=True)
class VersionSummary:
    """A version in a list: who made it and when, which fields it changed, and (by name) which tasks.

    The first one changed nothing: it is what the others began with.
    """

    version: int
    created_date: datetime
    changed_by: str
    fields: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    history_seq: int


# What a change says.


def plain(value: object) -> Any:
    """Return a value of a field as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    return value.value if isinstance(value, Enum) else value


def _plain_task(task: Task | None, ticket_guid: str) -> dict[str, Any] | None:
    """Return a task as JSON has it; one of another ticket (before or after a merge) is none of this one."""
    if task is None or task.ticket_guid != ticket_guid:
        return None
    return {name: plain(value) for name, value in asdict(task).items()}


def _task(change: TaskChange, ticket_guid: str) -> list[dict[str, Any] | None]:
    return [_plain_task(task, ticket_guid) for task in (change.before, change.after)]


def changes_of(change: Change) -> dict[str, dict[str, Any]]:
    """Return what a version says of ``change``; empty if it changes nothing that versions keep."""
    before, after = change.before, change.after
    if before is None:
        return {}
    values = {name: (getattr(before, name), getattr(after, name)) for name in VERSIONED}
    changed = {name: [plain(old), plain(new)] for name, (old, new) in values.items() if old != new}
    both = {one.after.guid: _task(one, after.guid) for one in change.tasks}
    tasks = {guid: [old, new] for guid, (old, new) in both.items() if old != new}
    return {name: found for name, found in (("ticket", changed), ("tasks", tasks)) if found}


def version_row(
    change: Change, changes: Mapping[str, Any], *, guid: str, version: int, history_seq: int, changed_by: str
) -> VersionRow:
    """Return the row that makes ``change``, of which versions keep ``changes``, the version with this number."""
    ticket: Ticket = change.after
    return VersionRow(
        guid=guid,
        ticket_guid=ticket.guid,
        version=version,
        history_seq=history_seq,
        changes=json.dumps(changes, ensure_ascii=False),
        changed_by=changed_by,
        package=ticket.package,
        created_date=ticket.updated_date,
    )


# What versions say of a ticket.


def _changes(row: VersionRow) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields and the tasks that a version changed, each as old and new value.

    Raises:
        RepositoryError: the row is damaged.
    """
    try:
        changes = json.loads(row.changes)
        fields, tasks = (_pairs(changes.get(name, {})) for name in ("ticket", "tasks"))
        if not all("name" in (new or old) for old, new in tasks.values()):
            message = "a task has no name"
            raise ValueError(message)  # noqa: TRY301 - one place says what a damaged row is
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(f"version {row.version} of the ticket {row.ticket_guid}", error) from None
    return fields, tasks


def _pairs(changed: Any) -> dict[str, tuple[Any, Any]]:
    """Return what changed as pairs of the old and the new value."""
    return {key: (old, new) for key, (old, new) in dict(changed).items()}


def damaged(what: str, error: Exception) -> RepositoryError:
    """Return the error that ``what`` cannot be read, because of ``error``."""
    hint = "its row in data_ticket_version is damaged; restore a backup"
    return RepositoryError(f"{what} cannot be read ({one_line(str(error))})", hint=hint)


@frozen
class PlainState:
    """A ticket with its tasks by guid, as JSON has their values."""

    fields: Mapping[str, Any]
    tasks: Mapping[str, Mapping[str, Any]]


def state_of(ticket: Ticket, tasks: Iterable[Task]) -> PlainState:
    """Return what versions keep of ``ticket`` and its ``tasks``."""
    values = {name: plain(getattr(ticket, name)) for name in VERSIONED}
    found = ((task.guid, _plain_task(task, ticket.guid)) for task in tasks)
    return PlainState(values, {guid: task for guid, task in found if task is not None})


def rewound(state: PlainState, rows: Sequence[VersionRow]) -> PlainState:
    """Return what ``state`` was before ``rows``, which led to it, were made; they are in order.

    Raises:
        RepositoryError: one of them is damaged.
    """
    values, tasks = dict(state.fields), dict(state.tasks)
    for row in reversed(rows):
        changed, changed_tasks = _changes(row)
        values.update({name: old for name, (old, _) in changed.items()})
        for guid, (old, _) in changed_tasks.items():
            tasks.pop(guid, None)
            if old is not None:
                tasks[guid] = old
    return PlainState(values, tasks)


_UNVERSIONED = frozenset(
    {
        Action.COMMENT_ADDED,
        Action.LINKED,
        Action.UNLINKED,
        Action.TIME_LOGGED,
        Action.SIGNOFF_REQUESTED,
        Action.SIGNOFF_GIVEN,
        Action.SIGNOFF_WITHDRAWN,
        Action.SLA_CHANGED,
    }
)
"""What happens to a ticket without making a version of it."""


def summaries(ticket: Ticket, history: Sequence[HistoryEntry], rows: Sequence[VersionRow]) -> list[VersionSummary]:
    """Return all versions of ``ticket``, given its whole ``history`` and what is stored of versions, each in order.

    The first one is what the ticket was created as; or, in a database that is older than versions are, the oldest
    state that is known: the one before the first change of which a version was stored.

    Raises:
        RepositoryError: one of ``rows`` is damaged.
    """
    return [_first(ticket, history, rows), *map(_summary, rows)]


def _first(ticket: Ticket, history: Sequence[HistoryEntry], rows: Sequence[VersionRow]) -> VersionSummary:
    earlier = list(history)
    if rows:
        # The rows of one change are written at one instant.
        while len(earlier) > 1 and (earlier[-1].seq > rows[0].history_seq or _is_of(earlier[-1], rows[0])):
            earlier.pop()
    made = next((row for row in reversed(earlier) if row.action not in _UNVERSIONED), None)
    return VersionSummary(
        version=FIRST_VERSION,
        created_date=made.action_date if made else ticket.created_date,
        changed_by=made.action_by if made else "",
        history_seq=made.seq if made else 0,
    )


def _is_of(entry: HistoryEntry, row: VersionRow) -> bool:
    return entry.seq <= row.history_seq and entry.action_date == row.created_date


def _summary(row: VersionRow) -> VersionSummary:
    changed, tasks = _changes(row)
    return VersionSummary(
        version=row.version,
        created_date=row.created_date,
        changed_by=row.changed_by,
        fields=tuple(changed),
        tasks=tuple((new or old)["name"] for old, new in tasks.values()),
        history_seq=row.history_seq,
    )
