"""Links between tickets."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from attrs import define

from ticketcore.domain.lifecycle import Change
from ticketcore.domain.links import (
    ACYCLIC,
    Follow,
    TicketLink,
    cycle_words,
    find_way,
    linked,
    other_end,
    seen_from,
    sense,
    type_of,
    unlinked,
)
from ticketcore.domain.query import Query, eq
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Link, LinkType
from ticketcore.errors import NotFoundError, Problem, RejectedError
from ticketcore.ports.repository import Transaction
from ticketcore.services.changes import Changes
from ticketcore.services.people import is_storable
from ticketcore.services.references import Reference, guid_of, records_of, tickets_of
from ticketcore.services.repeating import reads


def links_of(tx: Transaction, ticket_guids: Collection[str]) -> list[Link]:
    """Return the links of some tickets, the oldest first."""
    ends = ("source_guid", "target_guid")
    found = {link.guid: link for end in ends for link in records_of(tx, Link, end, ticket_guids)}
    return sorted(found.values(), key=lambda link: (link.created_date, link.guid))


def followed(tx: Transaction, link_type: LinkType) -> Follow:
    """Return what finds the links of one type that leave some tickets."""

    def follow(guids: Collection[str]) -> Iterator[tuple[str, str]]:
        for link in records_of(tx, Link, "source_guid", guids):
            if link.link_type is link_type:
                yield link.source_guid, link.target_guid

    return follow


def cycle_problem(tx: Transaction, field: str, link_type: LinkType, way: list[str]) -> Problem:
    """Return what is wrong with a link that closes the cycle ``way``."""
    tickets = tickets_of(tx, way)
    words = cycle_words(link_type, [tickets[guid].ticket_number for guid in way])
    return Problem(field, f"would make a cycle: {words}")


def _refuse(tx: Transaction, link: Link, source: Ticket, target: Ticket) -> None:
    """Refuse a new link that there cannot be.

    Raises:
        RejectedError: it leads back to its own ticket, is there already, or closes a cycle.
    """
    if source.guid == target.guid:
        message = f"ticket {source.ticket_number} cannot be linked to itself"
        raise RejectedError([Problem("target_guid", message)])
    between = tx.find(Query(Link, (eq("source_guid", source.guid), eq("target_guid", target.guid))))
    between += tx.find(Query(Link, (eq("source_guid", target.guid), eq("target_guid", source.guid))))
    known = next((one for one in between if sense(one) == sense(link)), None)
    if known is not None:
        message = f"ticket {source.ticket_number} {link.link_type} {target.ticket_number} already"
        raise RejectedError([Problem("target_guid", message)])
    if link.link_type in ACYCLIC:
        way = find_way(target.guid, source.guid, followed(tx, link.link_type))
        if way is not None:
            raise RejectedError([cycle_problem(tx, "target_guid", link.link_type, [source.guid, *way])])


@define(eq=False, repr=False)
class Links:
    """The operations on links."""

    changes: Changes

    def add_link(self, ticket: Reference, target_guid: Reference, link_type: str, *, created_by: str) -> Link:
        """Link a ticket to another one, and return the link. Both histories say so.

        Args:
            ticket: the ticket that the link starts from.
            target_guid: the other one; its number or a record of it will do as well.
            link_type: what the first is to the other: RELATES_TO, BLOCKS, DUPLICATES, PARENT_OF or CAUSES. The other
                way round (BLOCKED_BY, DUPLICATED_BY, CHILD_OF, CAUSED_BY) it makes the link that reads so from here,
                which starts from the other ticket.
            created_by: who links them.

        Raises:
            RejectedError: there is no such type, both are one ticket, one of them was merged, there is this link
                already, or it would close a cycle of BLOCKS or PARENT_OF.
            NotFoundError: one of the tickets does not exist.
        """
        known_type, backwards = type_of(link_type)
        made: list[Link] = []

        def rule(tx: Transaction, found: list[Ticket], now: datetime) -> list[Change]:
            source, target = reversed(found) if backwards else found
            link = Link(
                guid=self.changes.ids.new(now),
                source_guid=source.guid,
                target_guid=target.guid,
                link_type=known_type,
                created_by=" ".join(created_by.split()),
                package=source.package,
                created_date=now,
            )
            _refuse(tx, link, source, target)
            made[:] = [link]
            return linked(link, source, target)

        self.changes.apply_all([ticket, target_guid], rule, action_by=created_by, commutes=True)
        return made[0]

    @reads
    def get_links(self, ticket: Reference) -> list[TicketLink]:
        """Return the links of a ticket as they read from it, the oldest first.

        Raises:
            NotFoundError: there is no such ticket.
        """
        with self.changes.repository.transaction(read_only=True) as tx:
            guid = guid_of(tx, ticket)
            links = links_of(tx, [guid])
            others = tickets_of(tx, (other_end(link, guid) for link in links))
            return [seen_from(link, guid, others[other_end(link, guid)]) for link in links]

    def remove_link(self, link_guid: str, *, action_by: str) -> Link:
        """Remove a link, and return what it was. Both histories say so.

        Raises:
            NotFoundError: there is no such link.
        """
        gone: list[Link] = []

        def rule(tx: Transaction, _found: list[Ticket], _now: datetime) -> list[Change]:
            link = tx.get(Link, link_guid.strip()) if is_storable(link_guid) else None
            if link is None:
                raise NotFoundError("link", link_guid, hint="ticketcore links T shows those of a ticket")
            gone[:] = [link]
            tickets = tickets_of(tx, (link.source_guid, link.target_guid))
            return unlinked(link, tickets[link.source_guid], tickets[link.target_guid])

        self.changes.apply_all([], rule, action_by=action_by, commutes=True)
        return gone[0]
