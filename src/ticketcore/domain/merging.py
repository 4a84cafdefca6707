"""Merging tickets: what becomes of each of them, and of all that is attached to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from attrs import evolve, frozen

from ticketcore.domain.checks import WATCHERS_LENGTH
from ticketcore.domain.events import NotifyCode
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.lifecycle import Change, TaskChange, moved
from ticketcore.domain.links import added_row, removed_row, sense
from ticketcore.domain.signoff import withdrawn
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.domain.work import Comment, Link, Signoff, SignoffStatus, Task, TimeEntry
from ticketcore.errors import Problem, RejectedError


@frozen(kw_only=True)
class Attached:
    """What is attached to the tickets of a merge.

    ``links`` are those of all of them, the target's too; everything else is the sources'. ``next_place`` is that
    behind the last task of the target. ``neighbours`` are the tickets that the links lead to, by guid.
    ``requesters`` are the addresses of those who raised each ticket, by its guid, where there is one.
    """

    comments: Sequence[Comment] = ()
    tasks: Sequence[Task] = ()
    time_entries: Sequence[TimeEntry] = ()
    links: Sequence[Link] = ()
    signoffs: Sequence[Signoff] = ()
    next_place: int = 1
    neighbours: Mapping[str, Ticket]
    requesters: Mapping[str, str]


@frozen(kw_only=True)
class MergePreview:
    """What comes along in a merge, counted: what a dry run shows.

    ``dropped_links`` are those that would lead to the target itself, or that it has already; ``withdrawn_signoffs``
    are the open requests to sign a source off; ``watchers`` are the addresses that the target gets.
    """

    comments: int
    tasks: int
    time_entries: int
    minutes: int
    links: int
    dropped_links: int
    watchers: tuple[str, ...]
    withdrawn_signoffs: int


@frozen
class Rewired:
    """A link of a ticket that is merged: as it was, and as it is then (``None`` if it is dropped)."""

    before: Link
    after: Link | None


def rewired(links: Iterable[Link], sources: Collection[str], target: Ticket) -> list[Rewired]:
    """Return what becomes of those of ``links`` that lead from or to ``sources``.

    They lead from or to ``target`` then. One that would lead from it to itself is dropped, and so is one that it has
    already.
    """
    mine, kept = [], set()
    for link in links:
        if link.source_guid in sources or link.target_guid in sources:
            mine.append(link)
        else:
            kept.add(sense(link))
    found = []
    for link in mine:
        start, end = (target.guid if guid in sources else guid for guid in (link.source_guid, link.target_guid))
        package = target.package if start == target.guid else link.package
        after = evolve(link, source_guid=start, target_guid=end, package=package)
        drop = start == end or sense(after) in kept
        kept.add(sense(after))
        found.append(Rewired(link, None if drop else after))
    return found


def new_watchers(sources: Sequence[Ticket], target: Ticket, requesters: Mapping[str, str]) -> tuple[str, ...]:
    """Return the addresses that the target gets: watchers and requesters of the sources.

    Whoever raised the target too is told of everything anyway.
    """
    watching = chain.from_iterable(source.watchers for source in sources)
    raised = (requesters.get(source.guid, "") for source in sources)
    asking = (address for address in raised if address and address != requesters.get(target.guid))
    return tuple(one for one in dict.fromkeys([*watching, *asking]) if one not in target.watchers)


def preview(sources: Sequence[Ticket], target: Ticket, attached: Attached) -> MergePreview:
    """Return what would come along."""
    fates = rewired(attached.links, {source.guid for source in sources}, target)
    return MergePreview(
        comments=len(attached.comments),
        tasks=len(attached.tasks),
        time_entries=len(attached.time_entries),
        minutes=sum(entry.duration_minutes for entry in attached.time_entries),
        links=sum(fate.after is not None for fate in fates),
        dropped_links=sum(fate.after is None for fate in fates),
        watchers=new_watchers(sources, target, attached.requesters),
        withdrawn_signoffs=sum(_is_open(signoff) for signoff in attached.signoffs),
    )


def merged(sources: Sequence[Ticket], target: Ticket, attached: Attached, *, now: datetime) -> list[Change]:
    """Return what becomes of ``sources``, of ``target``, and of the tickets that they are linked to.

    A source ends CANCELLED, whatever its workflow says. Its comments, tasks, time, links and watchers come along, its
    requester as a watcher. What people answered when they were asked to sign it off stays with it; whoever has not
    answered is not asked any more.

    Raises:
        RejectedError: there is more than the target can hold.
    """
    fates = rewired(attached.links, {source.guid for source in sources}, target)
    everybody = {**attached.neighbours, **{ticket.guid: ticket for ticket in (*sources, target)}}
    rows = _link_rows(fates, everybody)
    tasks = _moved_tasks(attached, target)
    changes = [_source_change(source, target, attached, tasks, rows.pop(source.guid, ()), now) for source in sources]
    changes.append(_target_change(sources, target, attached, tasks, fates, rows.pop(target.guid, ())))
    others = (everybody[guid] for guid in rows)
    return changes + [Change(before=one, after=one, entries=tuple(rows[one.guid])) for one in others]


def _link_rows(fates: Iterable[Rewired], tickets: Mapping[str, Ticket]) -> dict[str, Sequence[Entry]]:
    """Return what the history of each ticket says of its links."""
    rows: dict[str, list[Entry]] = {}
    for fate in fates:
        for link, row in ((fate.before, removed_row), (fate.after, added_row)):
            if link is not None:
                source, target = tickets[link.source_guid], tickets[link.target_guid]
                rows.setdefault(source.guid, []).append(row(link, source, target))
                rows.setdefault(target.guid, []).append(row(link, target, source))
    return dict(rows)


def _moved_tasks(attached: Attached, target: Ticket) -> tuple[TaskChange, ...]:
    """Return the tasks that come along, behind those that are there."""
    return tuple(
        TaskChange(task, evolve(task, ticket_guid=target.guid, package=target.package, sort_order=place))
        for place, task in enumerate(attached.tasks, attached.next_place)
    )


def _source_change(
    source: Ticket,
    target: Ticket,
    attached: Attached,
    tasks: Iterable[TaskChange],
    link_rows: Iterable[Entry],
    now: datetime,
) -> Change:
    rows = [Entry(Action.MERGED, "merged_into", None, target.guid, f"into ticket {target.ticket_number}")]
    after = evolve(source, merged_into=target.guid)
    if source.status is not Status.CANCELLED:
        move = moved(after, Status.CANCELLED, now=now)
        rows, after = [*rows, *move.entries], move.after
    pending = [signoff for signoff in attached.signoffs if _is_open(signoff) and signoff.ticket_guid == source.guid]
    taken_back = [change for signoff in pending if (change := withdrawn(source, signoff))]
    return Change(
        before=source,
        after=after,
        entries=(*rows, *link_rows, *chain.from_iterable(change.entries for change in taken_back)),
        tasks=tuple(task for task in tasks if task.before and task.before.ticket_guid == source.guid),
        saves=tuple(chain.from_iterable(change.saves for change in taken_back)),
        event=NotifyCode.STATUS_CHANGED,
        detail=f"merged into ticket {target.ticket_number}: {target.subject}",
    )


def _target_change(
    sources: Sequence[Ticket],
    target: Ticket,
    attached: Attached,
    tasks: tuple[TaskChange, ...],
    fates: Iterable[Rewired],
    link_rows: Iterable[Entry],
) -> Change:
    watchers = new_watchers(sources, target, attached.requesters)
    after = evolve(
        target,
        watchers=(*target.watchers, *watchers),
        merged_guids=tuple(dict.fromkeys([*target.merged_guids, *_merged_guids(sources)])),
    )
    _check_length(after)
    fates = list(fates)
    return Change(
        before=target,
        after=after,
        entries=(
            *(Entry(Action.MERGED, "merged_guids", None, one.guid, _luggage(one, attached)) for one in sources),
            *(Entry(Action.WATCHER_ADDED, "watchers", None, address) for address in watchers),
            *link_rows,
        ),
        tasks=tasks,
        saves=(*_moved_records(attached, target), *(fate.after for fate in fates if fate.after)),
        removes=tuple(fate.before for fate in fates if fate.after is None),
    )


def _merged_guids(sources: Iterable[Ticket]) -> Iterator[str]:
    """Yield the guids of ``sources``, each followed by those of the tickets that were merged into it before."""
    for source in sources:
        yield source.guid
        yield from source.merged_guids


def _moved_records(attached: Attached, target: Ticket) -> Iterator[Any]:
    for comment in attached.comments:
        yield evolve(comment, ticket_guid=target.guid, package=target.package)
    for entry in attached.time_entries:
        yield evolve(entry, ticket_guid=target.guid, package=target.package)


def _check_length(target: Ticket) -> None:
    kinds = {"watchers": target.watchers, "merged_guids": target.merged_guids}
    problems = [
        Problem(field, f"ticket {target.ticket_number} would have too many: {len(values)}")
        for field, values in kinds.items()
        if len(",".join(values)) > WATCHERS_LENGTH
    ]
    if problems:
        raise RejectedError(problems)


def _luggage(source: Ticket, attached: Attached) -> str:
    """Return in words what came along with ``source`` and has no rows of its own in the history of the target."""
    time = [entry for entry in attached.time_entries if entry.ticket_guid == source.guid]
    counts = {
        "comment": sum(one.ticket_guid == source.guid for one in attached.comments),
        "task": sum(one.ticket_guid == source.guid for one in attached.tasks),
        "minute": sum(entry.duration_minutes for entry in time),
    }
    parts = [f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items() if count]
    return f"ticket {source.ticket_number}{' with ' if parts else ''}{', '.join(parts)}"


def _is_open(signoff: Signoff) -> bool:
    return signoff.status is SignoffStatus.PENDING
