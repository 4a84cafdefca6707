"""The versions of a whole ticket from a file: what they say it was has to be what a ticket can have been."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import asdict, evolve

from ticketcore.domain.bundle import Bundle
from ticketcore.domain.bundle_checks import record_problems
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.version import VersionRow
from ticketcore.domain.versioning import VERSIONED, TicketContent, state_of
from ticketcore.domain.work import Task
from ticketcore.errors import Problem
from ticketcore.serde.strict import read_record

_SIDES = ("old", "new")


def version_problems(bundle: Bundle) -> Iterator[Problem]:
    """Yield what is wrong with the changes in the versions of ``bundle``, of which all else is right."""
    plain = state_of(bundle.ticket, ()).fields
    for place, row in enumerate(bundle.versions):
        path = f"versions[{place}].changes"
        changes = _loaded(row)
        found = list(_shape_problems(path, changes))
        if not found:
            fields, tasks = changes.get("ticket", {}), changes.get("tasks", {})
            for side, name in enumerate(_SIDES):
                values = {field: pair[side] for field, pair in fields.items()}
                found += _field_problems(f"{path}.ticket", name, bundle.ticket, plain, values)
                for guid, pair in tasks.items():
                    found += _task_problems(f"{path}.tasks.{guid}", name, bundle.ticket, guid, pair[side])
        yield from found


def _loaded(row: VersionRow) -> Any:
    """Return what a version says, ``None`` if that is no JSON."""
    try:
        return json.loads(row.changes)
    except (ValueError, RecursionError):
        return None


def _shape_problems(path: str, changes: Any) -> Iterator[Problem]:
    """Yield what is wrong with the form: an object of pairs under ``ticket`` and ``tasks``."""
    if not isinstance(changes, dict):
        yield Problem(path, "is no JSON object in text")
        return
    for part, pairs in changes.items():
        if part not in {"ticket", "tasks"} or not isinstance(pairs, dict):
            yield Problem(f"{path}.{part}", "is no object under ticket or tasks")
            continue
        for name, pair in pairs.items():
            if not isinstance(pair, list) or len(pair) != len(_SIDES):
                yield Problem(f"{path}.{part}.{name}", "must be a list of the old and the new value")
            elif part == "ticket" and name not in VERSIONED:
                yield Problem(f"{path}.ticket.{name}", f"is not known; known here: {', '.join(VERSIONED)}")
            elif part == "tasks" and pair == [None, None]:
                yield Problem(f"{path}.tasks.{name}", "must have a task before or after")


def _field_problems(
    path: str, side: str, ticket: Ticket, plain: Mapping[str, Any], values: Mapping[str, Any]
) -> Iterator[Problem]:
    if all(name in plain and plain[name] == value for name, value in values.items()):
        return  # it is what the ticket is now
    content, problems = read_record(TicketContent, {**plain, **values})
    if content is not None:
        then = evolve(ticket, **asdict(content, recurse=False))
        problems = list(record_problems("", then, values))
    for problem in problems:
        yield Problem(f"{path}.{problem.field.removeprefix('.')} ({side})", problem.message)


def _task_problems(path: str, side: str, ticket: Ticket, guid: str, value: object) -> Iterator[Problem]:
    if value is None:
        return
    task, problems = read_record(Task, value)
    if task is not None:
        problems = list(record_problems("", task))
        if (task.guid, task.ticket_guid) != (guid, ticket.guid):
            problems.append(Problem("guid", "names another task or ticket"))
    for problem in problems:
        yield Problem(f"{path}.{problem.field.removeprefix('.')} ({side})", problem.message)
