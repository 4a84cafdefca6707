"""A ticket with everything below it, as it goes from one store to another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from ticketcore.domain.bundle_checks import future_problems, record_problems, requester_problems
from ticketcore.domain.history import HistoryEntry, verify_whole
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


def bundle_problems(bundle: Bundle) -> Iterator[Problem]:
    """Yield what is wrong with ``bundle``: what no operation stores, what belongs to another ticket, a broken chain.

    What its versions say is looked at by :func:`ticketcore.services.import_versions.version_problems`.
    """
    yield from record_problems("ticket", bundle.ticket)
    yield from requester_problems("ticket", bundle.ticket)
    for name, part in PARTS.items():
        seen: set[tuple[object, ...]] = set()
        for place, record in enumerate(getattr(bundle, name)):
            path = f"{name}[{place}]"
            yield from record_problems(path, record)
            if getattr(record, part.owner) != bundle.ticket.guid:
                yield Problem(f"{path}.{part.owner}", "names another ticket")
            values = tuple(getattr(record, field) for field in _unique(part))
            if values in seen:
                yield Problem(path, f"has the same {' and '.join(_unique(part))} as another of this ticket")
            seen.add(values)
    for link in bundle.links:
        if link.target_guid == link.source_guid:
            yield Problem("links", "leads back to its own ticket")
    for problem in verify_whole(bundle.history):
        yield Problem("history", problem)


def dates_problems(bundle: Bundle, latest: datetime) -> Iterator[Problem]:
    """Yield which dates of what has been are later than ``latest``."""
    yield from future_problems("ticket", bundle.ticket, latest)
    for name in PARTS:
        for place, record in enumerate(getattr(bundle, name)):
            yield from future_problems(f"{name}[{place}]", record, latest)


def _unique(part: Part) -> tuple[str, ...]:
    if part.kind is Link:
        return ("target_guid", "link_type")
    if part.kind is Signoff:
        return ("email",)
    return part.order[:1] if part.kind in {HistoryEntry, VersionRow} else (part.key,)
