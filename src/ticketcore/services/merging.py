"""Merging tickets into another one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from ticketcore.domain.lifecycle import Change
from ticketcore.domain.links import ACYCLIC, Follow, find_way
from ticketcore.domain.merging import Attached, MergePreview, merged, preview, rewired
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.domain.work import Comment, Link, LinkType, Signoff, Task, TimeEntry
from ticketcore.errors import Problem, RejectedError
from ticketcore.ports.repository import Transaction
from ticketcore.services.changes import Changes
from ticketcore.services.links import cycle_problem, followed, links_of
from ticketcore.services.merged import refuse_merged
from ticketcore.services.people import requester_email
from ticketcore.services.references import Reference, guid_of, load, records_of, tickets_of
from ticketcore.services.repeating import reads
from ticketcore.services.tasks import next_place

R = TypeVar("R")

Sources = Reference | Iterable[Reference]
"""One ticket, or several."""


def merge(changes: Changes, source: Sources, target: Reference, *, action_by: str) -> Ticket:
    """Merge one or several tickets into another one, and return that one; all of them, or none."""
    references = _named(changes, source)

    def rule(tx: Transaction, found: list[Ticket], now: datetime) -> list[Change]:
        *sources, into = found
        return merged(sources, into, _attached(tx, sources, into), now=now)

    return changes.apply_all([*references, target], rule, action_by=action_by)[-1]


@reads
def _named(changes: Changes, source: Sources) -> list[Reference]:
    with changes.repository.transaction(read_only=True) as tx:
        return _each_once(tx, source)


@reads
def preview_merge(changes: Changes, source: Sources, target: Reference) -> MergePreview:
    """Return what would come along; nothing is changed, and policies are not asked."""
    with changes.repository.transaction(read_only=True) as tx:
        *sources, into = [load(tx, one) for one in (*_each_once(tx, source), target)]
        for ticket in (*sources, into):
            refuse_merged(tx, ticket)
        return preview(sources, into, _attached(tx, sources, into))


def _each_once(tx: Transaction, source: Sources) -> list[Reference]:
    """Return what names the tickets to merge, without saying one twice.

    Raises:
        NotFoundError: one of them does not exist.
        RejectedError: there are none.
    """
    named = source if isinstance(source, Iterable) and not isinstance(source, str) else [source]
    references: dict[str, Reference] = {}
    for one in named:
        references.setdefault(guid_of(tx, one), one)
    if not references:
        raise RejectedError([Problem("source", "must name at least one ticket")])
    return list(references.values())


def _attached(tx: Transaction, sources: Sequence[Ticket], target: Ticket) -> Attached:
    """Return what is attached to the tickets of a merge.

    Raises:
        RejectedError: it is a ticket and itself, the target is cancelled, or the links would make a cycle.
    """
    guids = [source.guid for source in sources]
    if target.guid in guids:
        message = f"ticket {target.ticket_number} cannot be merged into itself"
        raise RejectedError([Problem("target", message)])
    if target.status is Status.CANCELLED:
        message = f"ticket {target.ticket_number} is CANCELLED, which is final; nothing can be merged into it"
        raise RejectedError([Problem("target", message)])
    links = links_of(tx, [*guids, target.guid])
    _refuse_cycles(tx, links, set(guids), target)
    places = {guid: place for place, guid in enumerate(guids)}
    return Attached(
        comments=_below(tx, Comment, guids),
        tasks=sorted(_below(tx, Task, guids), key=lambda task: (places[task.ticket_guid], task.sort_order, task.guid)),
        time_entries=_below(tx, TimeEntry, guids),
        links=links,
        signoffs=_below(tx, Signoff, guids),
        next_place=next_place(tx, target.guid),
        neighbours=tickets_of(tx, (end for link in links for end in (link.source_guid, link.target_guid))),
        requesters={ticket.guid: address for ticket in (*sources, target) if (address := requester_email(tx, ticket))},
    )


def _below(tx: Transaction, kind: type[R], guids: Collection[str]) -> list[R]:
    return list(records_of(tx, kind, "ticket_guid", guids))


def _refuse_cycles(tx: Transaction, links: Sequence[Link], sources: set[str], target: Ticket) -> None:
    """Refuse a merge after which a chain of links would come back to where it began.

    Raises:
        RejectedError: it would; shows every such chain.
    """
    problems = []
    rewires = [fate.after for fate in rewired(links, sources, target) if fate.after]
    for link_type in sorted(ACYCLIC.intersection(link.link_type for link in rewires)):
        way = find_way(target.guid, target.guid, _followed_as_one(tx, link_type, sources, target.guid))
        if way is not None:
            problems.append(cycle_problem(tx, "source", link_type, way))
    if problems:
        raise RejectedError(problems, hint="remove one of these links first: ticketcore unlink")


def _followed_as_one(tx: Transaction, link_type: LinkType, sources: set[str], target: str) -> Follow:
    """Return what finds the links that leave some tickets, as if ``sources`` were the target already."""
    follow = followed(tx, link_type)

    def as_one(guids: Collection[str]) -> Iterator[tuple[str, str]]:
        for ends in follow({*guids, *sources} if target in guids else guids):
            start, end = (target if guid in sources else guid for guid in ends)
            if start != end:
                yield start, end

    return as_one
