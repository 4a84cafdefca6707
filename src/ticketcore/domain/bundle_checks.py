"""The records of a bundle that somebody else may have written, held to what the operations that make them store."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from attrs import fields

from ticketcore.domain.address import normalise_address
from ticketcore.domain.assessment import HIGHEST_SCORE
from ticketcore.domain.checks import NAME_LENGTH, SUBJECT_LENGTH, WATCHERS_LENGTH, Checks
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.pull_request import KEY_LENGTH
from ticketcore.domain.pull_request_task import REPO_LENGTH
from ticketcore.domain.signoff import ROLE_LENGTH
from ticketcore.domain.tasks import TASK_NAME_LENGTH
from ticketcore.domain.ticket import RequestedByType, Ticket
from ticketcore.domain.timing import LONGEST
from ticketcore.domain.version import VersionRow
from ticketcore.domain.web_address import WEB_ADDRESS, is_web_address
from ticketcore.domain.work import Comment, PullRequestTicket, Signoff, Task, TimeEntry
from ticketcore.errors import Problem, quoted

MOST_NUMBER = 1_000_000_000
"""The highest number that a ticket may bring along: the numbers of later tickets go on behind it."""

_MOST = 2**31 - 1
_RANGES: Mapping[tuple[type[Any], str], tuple[int, int]] = {
    (Ticket, "ticket_number"): (0, MOST_NUMBER),
    (Ticket, "row_version"): (1, _MOST),
    (Ticket, "work_score"): (0, HIGHEST_SCORE),
    (HistoryEntry, "seq"): (1, _MOST),
    (Task, "sort_order"): (0, _MOST),
    (TimeEntry, "duration_minutes"): (1, LONGEST),
    (VersionRow, "version"): (2, _MOST),
    (VersionRow, "history_seq"): (1, _MOST),
}
_LONG = frozenset({"description", "problem_analysis", "old_value", "new_value", "text", "note", "changes"})
"""The fields that hold any amount of text, over any number of lines."""

_LENGTHS: Mapping[tuple[type[Any], str], int] = {
    (Ticket, "subject"): SUBJECT_LENGTH,
    (Task, "name"): TASK_NAME_LENGTH,
    (Task, "pr_repo"): REPO_LENGTH,
    (PullRequestTicket, "pr_key"): KEY_LENGTH,
    (HistoryEntry, "action"): 100,
    (HistoryEntry, "field"): 100,
    (HistoryEntry, "salt"): 32,
    (HistoryEntry, "prev_hash"): 64,
    (HistoryEntry, "hash"): 64,
    (Signoff, "role"): ROLE_LENGTH,
}
"""The most characters of a line, where that is not the usual length of a name."""

_GUID = re.compile(r"(?=.*[A-Za-z_.:-])[0-9A-Za-z_.:-]{1,50}")
"""What can be a guid: it is no number, and has neither blanks nor commas."""

_GUIDS = frozenset({"guid", "ticket_guid", "source_guid", "target_guid", "person_guid", "merged_into"})
_ACTORS = frozenset({"action_by", "commented_by", "created_by", "changed_by"})
"""The fields that say who did something; of a sign-off, that is ``requested_by``."""

_ADDRESSES = frozenset({(TimeEntry, "person_email"), (Signoff, "email")})
_REQUIRED = frozenset({"package", "subject", "name", "action", "pr_key"})


def record_problems(path: str, record: object, only: Collection[str] | None = None) -> Iterator[Problem]:
    """Yield which fields of ``record``, or ``only`` which of some, hold what no operation would have stored there."""
    kind: Any = type(record)
    for name, is_usual in _checks(kind):
        if only is not None and name not in only:
            continue
        value = getattr(record, name)
        if isinstance(value, str):
            if not is_usual(value):
                yield from _text_problems(kind, name, f"{path}.{name}", value)
        elif (kind, name) in _RANGES and value is not None:
            lowest, most = _RANGES[kind, name]
            if not lowest <= value <= most:
                yield Problem(f"{path}.{name}", f"must be between {lowest} and {most}, not {value}")
    if isinstance(record, Ticket):
        yield from _list_problems(path, record)
    elif isinstance(record, TimeEntry):
        yield from _span_problems(path, record)
    elif isinstance(record, Comment) and not record.text.strip():
        yield Problem(f"{path}.text", "must not be empty")


@cache
def _checks(kind: type[Any]) -> tuple[tuple[str, Callable[[str], bool]], ...]:
    """Return the fields of ``kind``, each with what says of almost any text that nothing is wrong with it."""
    return tuple((field.name, _usual(kind, field.name)) for field in fields(kind))


def _usual(kind: type[Any], name: str) -> Callable[[str], bool]:
    if name in _GUIDS:
        return lambda value: _GUID.fullmatch(value) is not None
    if name in _LONG:
        return lambda value: value.isascii() and "\x00" not in value
    if (kind, name) in _ADDRESSES or name == "pr_url":
        return lambda _: False
    least = 1 if _is_required(kind, name) else 0
    most = _LENGTHS.get((kind, name), NAME_LENGTH)

    def is_usual_line(value: str) -> bool:
        is_plain = value.isascii() and value.isprintable() and "  " not in value and value.strip(" ") == value
        return is_plain and least <= len(value) <= most

    return is_usual_line


def _is_actor(kind: type[Any], name: str) -> bool:
    return name in _ACTORS or (kind, name) == (Signoff, "requested_by")


def _is_required(kind: type[Any], name: str) -> bool:
    return name in _REQUIRED or _is_actor(kind, name)


def requester_problems(path: str, ticket: Ticket) -> Iterator[Problem]:
    """Yield what is wrong with the requester of ``ticket``, given how it is to be read."""
    if ticket.requested_by_type is RequestedByType.EMAIL:
        yield from _address_problems(f"{path}.requested_by", ticket.requested_by)


def future_problems(path: str, record: object, latest: datetime) -> Iterator[Problem]:
    """Yield which dates of what has been are later than ``latest``; deadlines and estimates may be."""
    kind: Any = type(record)
    for name in _past(kind):
        value = getattr(record, name)
        if value is not None and value > latest:
            yield Problem(f"{path}.{name}", f"{value.isoformat()} is yet to come")


@cache
def _past(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name in _PAST)


_PAST = frozenset(
    {
        *("created_date", "updated_date", "resolved_date", "closed_date", "completed_date", "sla_paused_at"),
        *("action_date", "requested_date", "signed_date", "start_time", "end_time"),
    }
)


def _text_problems(kind: type[Any], name: str, path: str, value: str) -> Iterator[Problem]:
    checks = Checks()
    if name in _GUIDS:
        if not _GUID.fullmatch(value):
            yield Problem(path, "must be 1 to 50 letters, digits and -, and not a number")
    elif name in _LONG:
        checks.text(path, value)
    elif (kind, name) in _ADDRESSES:
        yield from _address_problems(path, value)
    elif name == "pr_url":
        if value and not is_web_address(value):
            yield Problem(path, WEB_ADDRESS)
    else:
        limit = _LENGTHS.get((kind, name), NAME_LENGTH)
        line = checks.line(path, value, limit, required=_is_required(kind, name))
        if not checks.problems and line != value:
            yield Problem(path, f"{quoted(value)} must be one line without blanks too many: {quoted(line)}")
        elif not checks.problems and _is_actor(kind, name) and not value.isprintable():
            yield Problem(path, "must be a printable name")
    yield from checks.problems


def _address_problems(path: str, value: str) -> Iterator[Problem]:
    checks = Checks()
    address = checks.attempt(lambda: normalise_address(path, value))
    yield from checks.problems
    if address and address != value:
        yield Problem(path, f"{quoted(value)} is not an e-mail address as it is stored: {address}")


def _list_problems(path: str, ticket: Ticket) -> Iterator[Problem]:
    for place, watcher in enumerate(ticket.watchers):
        yield from _address_problems(f"{path}.watchers[{place}]", watcher)
    for place, guid in enumerate(ticket.merged_guids):
        if not _GUID.fullmatch(guid):
            yield Problem(f"{path}.merged_guids[{place}]", f"{quoted(guid)} is no guid")
    for name in ("watchers", "merged_guids"):
        values = getattr(ticket, name)
        if len(",".join(values)) > WATCHERS_LENGTH:
            yield Problem(f"{path}.{name}", "are too many")
        if len(set(values)) < len(values):
            yield Problem(f"{path}.{name}", "must have each only once")


def _span_problems(path: str, entry: TimeEntry) -> Iterator[Problem]:
    if entry.start_time is None or entry.end_time is None:
        return
    span = entry.end_time - entry.start_time
    if span.total_seconds() < 0:
        yield Problem(f"{path}.end_time", "must not be before start_time")
    elif entry.duration_minutes * 60 > span.total_seconds():
        yield Problem(f"{path}.duration_minutes", "must not be longer than from start_time to end_time")
