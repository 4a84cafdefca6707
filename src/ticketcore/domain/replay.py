"""What a ticket has to be by its history: the rows followed one by one, as they were written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ticketcore.domain.history import Action, HistoryEntry
from ticketcore.domain.ticket import DONE, Status, Ticket

ADOPTED = "ADOPTED"
"""The action of a row in which the history of a ticket of other making says what that is; it goes on from there."""

_ERASED = "erased:"
_UNKNOWN = object()

_SET: Mapping[str, str] = {
    Action.STATUS_CHANGE: "status",
    Action.ASSIGNED: "assigned_to",
    Action.ETA_SET: "estimated_date",
    Action.ANALYSIS_SET: "problem_analysis",
    Action.SCORE_SET: "work_score",
}
"""The field that a row of each action gives its new value."""

_INITIAL = (
    "subject",
    "description",
    "status",
    "package",
    "project",
    "priority",
    "ticket_type",
    "requested_by",
    "requested_by_type",
    "estimated_date",
)
"""The fields of which the row of the creation has the first value, besides the watchers."""

FOLLOWED = (*_INITIAL, "watchers", "assigned_to", "problem_analysis", "work_score", "merged_into")
"""The fields of a ticket whose every change is in its history."""

DATES = ("resolved_date", "closed_date")
"""The dates of a ticket that follow from the moves in its history."""


def is_erased(row: HistoryEntry, value: str | None) -> bool:
    """Return whether the row does not say ``value`` any more."""
    return not row.salt and value is not None and value.startswith(_ERASED)


def created_as(row: HistoryEntry) -> Mapping[str, Any]:
    """Return the values that a ticket began with, by the row of its creation; empty if that does not say them."""
    try:
        values = json.loads(row.new_value or "")
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def replayed(rows: Iterable[HistoryEntry]) -> dict[str, Any]:
    """Return the fields of a ticket (see :data:`FOLLOWED` and :data:`DATES`) as its rows left them.

    Values are as in :func:`followed`. What was erased, and what a row of other making does not say, is left out.
    """
    said: dict[str, Any] = dict.fromkeys((*FOLLOWED, *DATES), _UNKNOWN)
    for row in rows:
        if row.action == Action.CREATED:
            said |= _beginning(row)
        elif row.action == ADOPTED:
            said |= _adopted(row)
        elif row.action in {Action.WATCHER_ADDED, Action.WATCHER_REMOVED}:
            said["watchers"] = _watchers(said["watchers"], row)
        elif row.action == Action.STATUS_CHANGE:
            said |= _move(said["status"], row)
        elif row.action in _SET:
            said[_SET[row.action]] = _value(row)
        elif row.action in {Action.UPDATED, Action.MERGED} and row.field in FOLLOWED:
            said[row.field] = _value(row)
    return {name: value for name, value in said.items() if value is not _UNKNOWN}


def followed(ticket: Ticket) -> dict[str, Any]:
    """Return the same fields of a ticket as it is stored: as history has them, watchers without their order."""
    values = {name: getattr(ticket, name) for name in (*FOLLOWED, *DATES)}
    values["watchers"] = frozenset(ticket.watchers)
    values["work_score"] = None if ticket.work_score is None else str(ticket.work_score)
    return values


def _value(row: HistoryEntry) -> Any:
    if is_erased(row, row.new_value):
        return _UNKNOWN
    if row.action == Action.ETA_SET:
        return _instant(row.new_value)
    # What had a text before and has none any more is stored as one without letters.
    return row.new_value if row.action == Action.SCORE_SET else row.new_value or ""


def _instant(text: Any) -> Any:
    """Return what a text says as an instant; one that is unknown stays so."""
    try:
        return None if text is None else datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return _UNKNOWN


def _beginning(row: HistoryEntry) -> dict[str, Any]:
    values = created_as(row)
    said = {name: value if isinstance(value := values.get(name, 0), str | None) else _UNKNOWN for name in _INITIAL}
    watchers = values.get("watchers")
    said["watchers"] = frozenset(map(str, watchers)) if isinstance(watchers, list) else _UNKNOWN
    said["estimated_date"] = _instant(said["estimated_date"])
    return {
        **said,
        "assigned_to": "",
        "problem_analysis": "",
        "work_score": None,
        "merged_into": None,
        **dict.fromkeys(DATES),
    }


def _adopted(row: HistoryEntry) -> dict[str, Any]:
    """Return all that a ticket is by a row that says it as a whole; what that leaves out nobody knows."""
    values = created_as(row)
    said: dict[str, Any] = {name: values.get(name, _UNKNOWN) for name in (*FOLLOWED, *DATES)}
    said |= {name: _instant(said[name]) for name in ("estimated_date", *DATES)}
    watchers, score = values.get("watchers"), values.get("work_score", _UNKNOWN)
    said["watchers"] = frozenset(map(str, watchers)) if isinstance(watchers, list) else _UNKNOWN
    said["work_score"] = str(score) if isinstance(score, int) else score
    return said


def _watchers(known: Any, row: HistoryEntry) -> Any:
    added, removed = row.new_value, row.old_value
    if known is _UNKNOWN or is_erased(row, added) or is_erased(row, removed):
        return _UNKNOWN
    return (known | {added}) - {None} if row.action == Action.WATCHER_ADDED else known - {removed}


def _move(before: Any, row: HistoryEntry) -> dict[str, Any]:
    """Return the status after a move, and the dates that come or go with it."""
    status = _value(row)
    if status is _UNKNOWN or before is _UNKNOWN:
        return {"status": status, **dict.fromkeys(DATES, _UNKNOWN)}
    if status == Status.RESOLVED:
        return {"status": status, "resolved_date": row.action_date, "closed_date": None}
    if status == Status.CLOSED:
        return {"status": status, "closed_date": row.action_date}
    if before in DONE and status != Status.CANCELLED:
        return {"status": status, **dict.fromkeys(DATES)}
    return {"status": status}
