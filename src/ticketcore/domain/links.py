"""Links between tickets: how they read from either end, and which there cannot be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

from attrs import frozen

from ticketcore.domain.history import Action, Entry
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.domain.work import Link, LinkType
from ticketcore.errors import Problem, RejectedError, quoted

INVERSES: Mapping[LinkType, str] = {
    LinkType.RELATES_TO: "RELATES_TO",
    LinkType.BLOCKS: "BLOCKED_BY",
    LinkType.DUPLICATES: "DUPLICATED_BY",
    LinkType.PARENT_OF: "CHILD_OF",
    LinkType.CAUSES: "CAUSED_BY",
}
"""What each type reads as from the target."""

READINGS: tuple[str, ...] = tuple(dict.fromkeys([*(one.value for one in LinkType), *INVERSES.values()]))
"""Everything that a link can read as, from either end."""

ACYCLIC = frozenset({LinkType.BLOCKS, LinkType.PARENT_OF})
"""The types of which no chain may come back to where it began."""

_SHOWN = 12
"""The most tickets of a cycle that a message shows."""

Sense = tuple[LinkType, frozenset[str] | tuple[str, str]]
Follow = Callable[[Collection[str]], Iterable[tuple[str, str]]]
"""Returns the links that leave some tickets, each as the guids of its source and its target."""


@frozen(kw_only=True)
class TicketLink:
    """A link as it reads from one of its tickets; ``ticket_…`` and what follows is the other one."""

    link_guid: str
    link_type: str
    ticket_guid: str
    ticket_number: int
    subject: str
    status: Status
    created_by: str
    created_date: datetime


def type_of(name: object) -> tuple[LinkType, bool]:
    """Return the type that ``name`` means, and whether it is meant the other way round: as it reads from the target.

    Raises:
        RejectedError: there is no such type.
    """
    for link_type, inverse in INVERSES.items():
        if name == link_type:
            return link_type, False
        if name == inverse:
            return link_type, True
    raise RejectedError([Problem("link_type", f"{quoted(name)} is not known; choose one of {', '.join(READINGS)}")])


def reading(link: Link, ticket_guid: str) -> str:
    """Return what ``link`` reads as from one of its tickets."""
    return link.link_type.value if link.source_guid == ticket_guid else INVERSES[link.link_type]


def other_end(link: Link, ticket_guid: str) -> str:
    """Return the guid of the other ticket of ``link``."""
    return link.target_guid if link.source_guid == ticket_guid else link.source_guid


def sense(link: Link) -> Sense:
    """Return what is equal for two links if one of them is enough."""
    ends = (link.source_guid, link.target_guid)
    return link.link_type, frozenset(ends) if INVERSES[link.link_type] == link.link_type else ends


def seen_from(link: Link, ticket_guid: str, other: Ticket) -> TicketLink:
    """Return ``link`` as it reads from the ticket that is not ``other``."""
    return TicketLink(
        link_guid=link.guid,
        link_type=reading(link, ticket_guid),
        ticket_guid=other.guid,
        ticket_number=other.ticket_number,
        subject=other.subject,
        status=other.status,
        created_by=link.created_by,
        created_date=link.created_date,
    )


def find_way(start: str, goal: str, follow: Follow) -> list[str] | None:
    """Return the tickets on a shortest way along links, both ends included, ``None`` if there is none.

    If both ends are the same ticket, the way leaves it and comes back. Links are asked for step by step, all that
    leave the tickets of a step at once.
    """
    came_from: dict[str, str] = {}
    reached: list[str] = [start]
    while reached and goal not in came_from:
        fresh: list[str] = []
        for source, target in follow(reached):
            if target not in came_from:
                came_from[target] = source
                fresh.append(target)
        reached = fresh
    if goal not in came_from:
        return None
    way = [goal]
    while len(way) == 1 or way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]


def cycle_words(link_type: LinkType, numbers: Sequence[int | str]) -> str:
    """Return what a cycle is to people; ``numbers`` are those of its tickets, the first one at the end again."""
    shown = [str(number) for number in numbers]
    if len(shown) > _SHOWN:
        shown[_SHOWN // 2 : -_SHOWN // 2] = ["…"]
    return f" {link_type} ".join(shown)


def linked(link: Link, source: Ticket, target: Ticket) -> list[Change]:
    """Return the changes that a new link is, one for each of its tickets."""
    return [
        Change(before=source, after=source, entries=(added_row(link, source, target),), adds=(link,)),
        Change(before=target, after=target, entries=(added_row(link, target, source),)),
    ]


def unlinked(link: Link, source: Ticket, target: Ticket) -> list[Change]:
    """Return the changes that the end of a link is, one for each of its tickets."""
    return [
        Change(before=source, after=source, entries=(removed_row(link, source, target),), removes=(link,)),
        Change(before=target, after=target, entries=(removed_row(link, target, source),)),
    ]


def added_row(link: Link, ticket: Ticket, other: Ticket) -> Entry:
    """Return what the history of ``ticket`` says of a link that it gets."""
    return Entry(Action.LINKED, "links", None, f"{reading(link, ticket.guid)} {other.ticket_number}")


def removed_row(link: Link, ticket: Ticket, other: Ticket) -> Entry:
    """Return what the history of ``ticket`` says of a link that it loses."""
    return Entry(Action.UNLINKED, "links", f"{reading(link, ticket.guid)} {other.ticket_number}", None)
