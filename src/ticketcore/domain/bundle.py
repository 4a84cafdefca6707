"""A ticket with everything below it, as it goes from one store to another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import fields, frozen

from ticketcore.domain.address import as_address
from ticketcore.domain.checks import NAME_LENGTH, SUBJECT_LENGTH, WATCHERS_LENGTH
from ticketcore.domain.history import HistoryEntry, verify_chain
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.version import VersionRow
from ticketcore.domain.work import Comment, Link, PullRequestTicket, Signoff, Task, TimeEntry
from ticketcore.errors import Problem

FORMAT = "ticketcore-tickets"
"""What the first line of a file of tickets says that it is."""

FORMAT_VERSION = 1
"""The version of that format; a file of a later one is not read."""

HEADER: Mapping[str, object] = {"format": FORMAT, "version": FORMAT_VERSION}
"""The first line of a file of tickets."""


@frozen(kw_only=True)
class Bundle:
    """A ticket with its history and everything else that is below it, each in its order.

    A link belongs to the ticket that it starts from.
    """

    ticket: Ticket
    history: tuple[HistoryEntry, ...] = ()
    comments: tuple[Comment, ...] = ()
    tasks: tuple[Task, ...] = ()
    links: tuple[Link, ...] = ()
    time_entries: tuple[TimeEntry, ...] = ()
    signoffs: tuple[Signoff, ...] = ()
    versions: tuple[VersionRow, ...] = ()
    pull_requests: tuple[PullRequestTicket, ...] = ()


@frozen
class Part:
    """What a bundle has under one name: the kind of record, its key, the field that names its ticket, and its order."""

    kind: type[Any]
    key: str
    owner: str
    order: tuple[str, ...]


PARTS: Mapping[str, Part] = {
    "history": Part(HistoryEntry, "guid", "ticket_guid", ("seq",)),
    "comments": Part(Comment, "guid", "ticket_guid", ("created_date", "guid")),
    "tasks": Part(Task, "guid", "ticket_guid", ("sort_order", "guid")),
    "links": Part(Link, "guid", "source_guid", ("created_date", "guid")),
    "time_entries": Part(TimeEntry, "guid", "ticket_guid", ("created_date", "guid")),
    "signoffs": Part(Signoff, "guid", "ticket_guid", ("requested_date", "guid")),
    "versions": Part(VersionRow, "guid", "ticket_guid", ("version",)),
    "pull_requests": Part(PullRequestTicket, "pr_key", "ticket_guid", ("pr_key",)),
}
"""All that is below a ticket, by its name in a bundle."""


# What is wrong with one that somebody else may have written.

MOST_NUMBER = 1_000_000_000
"""The highest number that a ticket may bring along: the numbers of later tickets go on behind it."""

_MOST = 2**31 - 1
_LOWEST: Mapping[tuple[type[Any], str], int] = {
    (Ticket, "ticket_number"): 0,
    (Ticket, "row_version"): 1,
    (Ticket, "work_score"): -_MOST - 1,
    (HistoryEntry, "seq"): 1,
    (Task, "sort_order"): 0,
    (TimeEntry, "duration_minutes"): 1,
    (VersionRow, "version"): 2,
    (VersionRow, "history_seq"): 1,
}
_LONG = frozenset({"description", "problem_analysis", "old_value", "new_value", "text", "note", "changes", "pr_url"})
"""The fields that hold any amount of text."""

_LENGTHS: Mapping[tuple[type[Any], str], int] = {
    (Ticket, "subject"): SUBJECT_LENGTH,
    (Task, "name"): SUBJECT_LENGTH,
    (Task, "pr_repo"): SUBJECT_LENGTH,
    (PullRequestTicket, "pr_key"): SUBJECT_LENGTH,
    (HistoryEntry, "action"): 100,
    (HistoryEntry, "field"): 100,
    (HistoryEntry, "salt"): 32,
    (HistoryEntry, "prev_hash"): 64,
    (HistoryEntry, "hash"): 64,
    (Signoff, "role"): 100,
}
"""The most characters of a field, where that is not the usual length of a name."""

_GUID = re.compile(r"(?=.*[A-Za-z_.:-])[0-9A-Za-z_.:-]{1,50}")
"""What can be a guid: it is no number, and has neither blanks nor commas."""

_GUIDS = frozenset({"guid", "ticket_guid", "source_guid", "target_guid", "person_guid", "merged_into"})
_REQUIRED = frozenset({"package", "subject"})


def bundle_problems(bundle: Bundle) -> Iterator[Problem]:
    """Yield what is wrong with ``bundle``: what no store could hold, what belongs to another ticket, a broken chain."""
    yield from _record_problems("ticket", bundle.ticket)
    yield from _list_problems(bundle.ticket)
    for name, part in PARTS.items():
        seen: set[tuple[object, ...]] = set()
        for place, record in enumerate(getattr(bundle, name)):
            path = f"{name}[{place}]"
            yield from _record_problems(path, record)
            if getattr(record, part.owner) != bundle.ticket.guid:
                yield Problem(f"{path}.{part.owner}", "names another ticket")
            values = tuple(getattr(record, field) for field in _unique(part))
            if values in seen:
                yield Problem(path, f"has the same {' and '.join(_unique(part))} as another of this ticket")
            seen.add(values)
    for row in bundle.versions:
        if not _is_object(row.changes):
            yield Problem("versions", f"version {row.version} has changes that are no JSON object")
    for link in bundle.links:
        if link.target_guid == link.source_guid:
            yield Problem("links", "leads back to its own ticket")
    yield from history_problems(bundle.history)


def history_problems(history: tuple[HistoryEntry, ...]) -> Iterator[Problem]:
    """Yield what is wrong with the chain of a whole history."""
    for problem in verify_chain(history) if history else ["every row is missing"]:
        yield Problem("history", problem)


def _unique(part: Part) -> tuple[str, ...]:
    if part.kind is Link:
        return ("target_guid", "link_type")
    if part.kind is Signoff:
        return ("email",)
    return part.order[:1] if part.kind in {HistoryEntry, VersionRow} else (part.key,)


def _record_problems(path: str, record: object) -> Iterator[Problem]:
    kind = type(record)
    for name, limit in _limits(kind).items():
        value = getattr(record, name)
        if isinstance(value, str):
            if len(value) > limit:
                yield Problem(f"{path}.{name}", f"has {len(value)} characters; at most {limit} are allowed")
            if name in _GUIDS and not _GUID.fullmatch(value):
                yield Problem(f"{path}.{name}", "must be 1 to 50 letters, digits and -, and not a number")
            if name in _REQUIRED and not value.strip():
                yield Problem(f"{path}.{name}", "must not be empty")
    for (owner, name), lowest in _LOWEST.items():
        if owner is kind and (number := getattr(record, name)) is not None:
            most = MOST_NUMBER if name == "ticket_number" else _MOST
            if not lowest <= number <= most:
                yield Problem(f"{path}.{name}", f"must be between {lowest} and {most}, not {number}")


_LIMITS: dict[type[Any], dict[str, int]] = {}


def _limits(kind: type[Any]) -> dict[str, int]:
    """Return the most characters of each field of ``kind`` that is not as long as it likes."""
    if kind not in _LIMITS:
        names = [field.name for field in fields(kind) if field.name not in _LONG]
        _LIMITS[kind] = {name: _LENGTHS.get((kind, name), NAME_LENGTH) for name in names}
    return _LIMITS[kind]


def _list_problems(ticket: Ticket) -> Iterator[Problem]:
    for place, watcher in enumerate(ticket.watchers):
        if as_address(watcher) != watcher:
            yield Problem(f"ticket.watchers[{place}]", f"{watcher!r} is not an e-mail address as it is stored")
    for place, guid in enumerate(ticket.merged_guids):
        if not _GUID.fullmatch(guid):
            yield Problem(f"ticket.merged_guids[{place}]", f"{guid!r} is no guid")
    for name in ("watchers", "merged_guids"):
        if len(",".join(getattr(ticket, name))) > WATCHERS_LENGTH:
            yield Problem(f"ticket.{name}", "are too many")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
