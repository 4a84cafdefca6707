"""The audit trail: what a row says, and the chain of hashes that shows whether one was tampered with.

The hash of a row covers its fields, the hash of the row before it, and instead of the values themselves
salted digests of them. So a value can be erased later (a person's right under the GDPR) by leaving its
digest in its place and dropping the salt: the chain still verifies, and the value cannot be guessed back.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from attrs import evolve, fields, frozen


class Action(StrEnum):
    """What a history row records."""

    CREATED = "CREATED"
    STATUS_CHANGE = "STATUS_CHANGE"
    ASSIGNED = "ASSIGNED"
    UPDATED = "UPDATED"
    COMMENT_ADDED = "COMMENT_ADDED"
    LINKED = "LINKED"
    UNLINKED = "UNLINKED"
    TASK_ADDED = "TASK_ADDED"
    TASK_CHANGED = "TASK_CHANGED"
    TIME_LOGGED = "TIME_LOGGED"
    ETA_SET = "ETA_SET"
    ANALYSIS_SET = "ANALYSIS_SET"
    SCORE_SET = "SCORE_SET"
    WATCHER_ADDED = "WATCHER_ADDED"
    WATCHER_REMOVED = "WATCHER_REMOVED"
    MERGED = "MERGED"
    PR_LINKED = "PR_LINKED"
    SIGNOFF_REQUESTED = "SIGNOFF_REQUESTED"
    SIGNOFF_GIVEN = "SIGNOFF_GIVEN"
    SIGNOFF_WITHDRAWN = "SIGNOFF_WITHDRAWN"
    VERSION_RESTORED = "VERSION_RESTORED"
    SLA_CHANGED = "SLA_CHANGED"


class CommentField(StrEnum):
    """The ``field`` of a COMMENT_ADDED row: who the comment is for, and whether the requester wrote it."""

    PUBLIC = "public"
    REQUESTER = "requester"
    INTERNAL = "internal"


@frozen
class Entry:
    """One thing that changed, before it has its place in the trail."""

    action: Action
    field: str = ""
    old_value: str | None = None
    new_value: str | None = None
    note: str = ""


@frozen(kw_only=True)
class HistoryEntry:
    """A row of ``data_ticket_history``; ``seq`` counts from 1 within a ticket."""

    guid: str
    ticket_guid: str
    action: str
    old_value: str | None = None
    new_value: str | None = None
    action_by: str
    package: str
    action_date: datetime
    seq: int
    field: str = ""
    note: str = ""
    salt: str
    prev_hash: str
    hash: str = ""


_ERASED = re.compile(r"erased:([0-9a-f]{64})")


def _digest(salt: str, value: str | None) -> str | None:
    if not value:
        return value
    erased = None if salt else _ERASED.fullmatch(value)  # what is erased has no salt; anything else may look like it
    return erased[1] if erased else hashlib.sha256(f"{salt}\n{value}".encode()).hexdigest()


_canonical = json.JSONEncoder(separators=(",", ":")).encode


def _hash(row: HistoryEntry) -> str:
    covered = [
        row.guid,
        row.ticket_guid,
        row.seq,
        row.action,
        row.field,
        _digest(row.salt, row.old_value),
        _digest(row.salt, row.new_value),
        _digest(row.salt, row.note),
        row.action_by,
        row.package,
        row.action_date.astimezone(UTC).isoformat(timespec="microseconds"),
        row.prev_hash,
    ]
    return hashlib.sha256(_canonical(covered).encode()).hexdigest()


_FIELDS = tuple(field.name for field in fields(HistoryEntry))


def seal(row: HistoryEntry) -> HistoryEntry:
    """Return ``row`` with its hash."""
    values = {name: getattr(row, name) for name in _FIELDS}
    values["hash"] = _hash(row)
    return HistoryEntry(**values)


def erase(row: HistoryEntry) -> HistoryEntry:
    """Return ``row`` with digests in the place of its values and without its salt; its hash stays true."""

    def mark(value: str | None) -> str | None:
        return f"erased:{_digest(row.salt, value)}" if value else value

    return evolve(row, old_value=mark(row.old_value), new_value=mark(row.new_value), note=mark(row.note) or "", salt="")


def verify_chain(rows: Iterable[HistoryEntry]) -> list[str]:
    """Return what is wrong with the trail of one ticket, given in the order of ``seq``; empty if nothing."""
    problems: list[str] = []
    prev_hash = ""
    for place, row in enumerate(rows, 1):
        if row.seq != place:
            problems.append(f"row {place} is missing (found {row.seq})")
            break
        if row.prev_hash != prev_hash:
            problems.append(f"row {row.seq} does not follow the row before it")
        if row.hash != _hash(row):
            problems.append(f"row {row.seq} ({row.action}) was changed after it was written")
        prev_hash = row.hash
    return problems


def verify_whole(rows: Sequence[HistoryEntry]) -> list[str]:
    """Return what is wrong with the whole trail of one ticket; that has a row at least, for its creation."""
    return verify_chain(rows) if rows else ["every row is missing"]
