"""Looking through a whole store for what contradicts itself, a page at a time; nothing is changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from attrs import define, field, frozen

from ticketcore.domain.bundle import PARTS, Bundle
from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.flaws import RESTORE, Flaw
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.jobs import JobState
from ticketcore.domain.links import ACYCLIC, INVERSES, cycle_words
from ticketcore.domain.people import Person, User
from ticketcore.domain.policy import AssignRule, SlaPolicy
from ticketcore.domain.query import Order, Query, one_of
from ticketcore.domain.recurrence import TICKET, Schedule
from ticketcore.domain.soundness import merge_flaws, ticket_flaws
from ticketcore.domain.template import Template
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Link
from ticketcore.errors import RejectedError, TicketcoreError
from ticketcore.ports.cron import Cron
from ticketcore.ports.keys import Keys, Tie
from ticketcore.ports.repository import KINDS, Transaction
from ticketcore.services.reading import pages, readable

Found = Callable[[Flaw], object]
"""Is told of a flaw as soon as it is found."""

_MERGED = "MERGED"
"""The kind under which merges are kept with the links, to find those that lead back."""


@frozen
class Verification:
    """What a look through a store came to: how many records of each kind there are, and how many flaws."""

    records: Mapping[str, int]
    flaws: int


@define(eq=False)
class Walk:
    """One look through a store, in one transaction."""

    tx: Transaction
    keys: Keys
    cron: Cron
    found: Found
    counts: Counter[type] = field(factory=Counter)
    flaws: int = 0
    unread: set[str] = field(factory=set)
    """The guids of tickets that are there, but cannot be read."""

    def everything(self, told: Callable[[int], object]) -> None:
        """Look at every record; ``told`` is told how many tickets are through."""
        for tickets in pages(self.tx, Ticket, self._unreadable):
            self.counts[Ticket] += len(tickets)
            self.tickets(tickets)
            told(self.counts[Ticket])
        self._orphans()
        self._cycles()
        self._outbox()
        self._people()
        self._schedules()
        for kind in (AssignRule, SlaPolicy, JobState):
            for page in pages(self.tx, kind, self._unreadable):
                self.counts[kind] += len(page)

    def _tell(self, flaws: Iterable[Flaw]) -> None:
        for flaw in flaws:
            self.flaws += 1
            self.found(flaw)

    def _unreadable(self, kind: type, key: object, error: TicketcoreError) -> None:
        where = f"{kind.__name__} with {KINDS[kind].key} {key}"
        self._tell([Flaw(where=where, problem=f"cannot be read: {error.message}", hint=error.hint or RESTORE)])

    def _known(self, guids: Iterable[str]) -> dict[str, Ticket]:
        """Return tickets by guid; of those that are there and cannot be read, note that they are there."""
        wanted = sorted(set(guids) - self.unread)
        found = readable(self.tx, Ticket, "guid", wanted, lambda _kind, guid, _error: self.unread.add(guid))
        return {ticket.guid: ticket for ticket in found}

    # Tickets, and what is below them.

    def tickets(self, tickets: Sequence[Ticket]) -> None:
        """Look at some tickets with everything below them."""
        self._tell(_number_flaws(self.tx, tickets))
        bundles = self._bundles(tickets)
        mentioned = {guid for ticket in tickets for guid in (*ticket.merged_guids, ticket.merged_into) if guid}
        mentioned |= {link.target_guid for bundle in bundles for link in bundle.links}
        others, links = self._known(mentioned), self._links(tickets)
        for bundle in bundles:
            ticket = bundle.ticket
            self._tell(ticket_flaws(bundle, self._merged(ticket), links=links[ticket.guid] + len(bundle.links)))
            if self.unread.isdisjoint((*ticket.merged_guids, ticket.merged_into)):
                self._tell(merge_flaws(ticket, others))
            if ticket.merged_into:
                self.keys.tie(_MERGED, Tie(ticket.guid, ticket.merged_into, 1, ticket.ticket_number))
            for link in bundle.links:
                self._tell(self._link_flaws(ticket, link, others))

    def _bundles(self, tickets: Sequence[Ticket]) -> list[Bundle]:
        """Return the tickets of which everything can be read, with what is below them."""
        numbers = {ticket.guid: ticket.ticket_number for ticket in tickets}
        broken: set[str] = set()
        parts: dict[str, dict[str, tuple[Any, ...]]] = {}
        for name, part in PARTS.items():

            def refused(_kind: type, guid: str, error: TicketcoreError, name: str = name) -> None:
                broken.add(guid)
                problem = f"one of them cannot be read: {error.message}"
                flaw = Flaw(
                    ticket_number=numbers[guid],
                    where=name.replace("_", " "),
                    problem=problem,
                    hint=error.hint or RESTORE,
                )
                self._tell([flaw])

            records = readable(self.tx, part.kind, part.owner, list(numbers), refused)
            self.counts[part.kind] += len(records)
            records.sort(key=attrgetter(part.owner, *part.order))
            parts[name] = {owner: tuple(some) for owner, some in groupby(records, attrgetter(part.owner))}
        return [
            Bundle(ticket=ticket, **{name: below.get(ticket.guid, ()) for name, below in parts.items()})
            for ticket in tickets
            if ticket.guid not in broken
        ]

    def _links(self, tickets: Sequence[Ticket]) -> Counter[str]:
        """Return how many links lead to each of some tickets."""
        guids = [ticket.guid for ticket in tickets]
        found = readable(self.tx, Link, "target_guid", guids, lambda *_: None)  # told with the ticket it starts from
        return Counter(link.target_guid for link in found)

    def _merged(self, ticket: Ticket) -> list[HistoryEntry]:
        """Return the histories of what was merged into ``ticket``, if that has their comments and all else now."""
        if ticket.merged_into or not ticket.merged_guids:
            return []
        # What cannot be read is told with the ticket that it belongs to.
        return readable(self.tx, HistoryEntry, "ticket_guid", ticket.merged_guids, lambda *_: None)

    def _link_flaws(self, ticket: Ticket, link: Link, others: Mapping[str, Ticket]) -> Iterator[Flaw]:
        where, number = f"link {link.guid}", ticket.ticket_number
        hint = f"ticketcore unlink {link.guid} removes it"
        if link.target_guid == link.source_guid:
            yield Flaw(ticket_number=number, where=where, problem="leads back to its own ticket", hint=hint)
        elif link.target_guid not in others and link.target_guid not in self.unread:
            problem = f"leads to {link.target_guid}, which is no ticket"
            yield Flaw(ticket_number=number, where=where, problem=problem, hint=RESTORE)
        elif INVERSES[link.link_type] == link.link_type:
            ends = " ".join(sorted((link.source_guid, link.target_guid)))
            if self.keys.note(f"{link.link_type} {ends}", 1)[1] > 1:
                yield Flaw(ticket_number=number, where=where, problem="is there in both directions", hint=hint)
        elif link.link_type in ACYCLIC:
            self.keys.tie(link.link_type, Tie(link.source_guid, link.target_guid, 1, number))

    def _orphans(self) -> None:
        """Look for records of tickets that are not there: there are some if there is more than was met."""
        for part in PARTS.values():
            total = self.tx.count(Query(part.kind))
            if total != self.counts[part.kind]:
                self._tell(self._orphans_of(part.kind, part.owner))
            self.counts[part.kind] = total

    def _orphans_of(self, kind: type[Any], owner: str) -> Iterator[Flaw]:
        key = KINDS[kind].key
        for page in pages(self.tx, kind, lambda *_: None):  # what cannot be read was told with its ticket
            known = self._known(getattr(record, owner) for record in page)
            for record in page:
                guid = getattr(record, owner)
                if guid not in known and guid not in self.unread:
                    yield _dangling(f"{kind.__name__} {getattr(record, key)}", owner, guid)

    def _cycles(self) -> None:
        for kind in (*sorted(ACYCLIC), _MERGED):
            for cycle in self.keys.cycles(kind):
                numbers = [tie.number or tie.source for tie in cycle]
                problem = f"lead back: {cycle_words(kind, [*numbers, numbers[0]])}"  # type: ignore[arg-type]
                number = min(tie.number for tie in cycle)
                where = "merges" if kind == _MERGED else "links"
                hint = RESTORE if kind == _MERGED else "ticketcore unlink removes one of them"
                self._tell([Flaw(ticket_number=number, where=where, problem=problem, hint=hint)])

    # What is beside them.

    def _outbox(self) -> None:
        for page in pages(self.tx, OutboxMessage, self._unreadable):
            self.counts[OutboxMessage] += len(page)
            known = self._known(message.ticket_guid for message in page)
            for message in page:
                if message.ticket_guid not in known and message.ticket_guid not in self.unread:
                    self._tell([_dangling(f"message {message.guid}", "ticket_guid", message.ticket_guid)])
                self._tell(_message_flaws(message, known.get(message.ticket_guid)))

    def _people(self) -> None:
        for page in pages(self.tx, Person, self._unreadable):
            self.counts[Person] += len(page)
        for page in pages(self.tx, User, self._unreadable):
            self.counts[User] += len(page)
            guids = sorted({user.person_guid for user in page if user.person_guid})
            known = {person.person_guid for person in readable(self.tx, Person, "person_guid", guids, lambda *_: None)}
            for user in page:
                if user.person_guid and user.person_guid not in known:
                    problem = f"person_guid leads to {user.person_guid}, which is no person"
                    self._tell([Flaw(where=f"user {user.username}", problem=problem, hint="ticketcore list-people")])

    def _schedules(self) -> None:
        for page in pages(self.tx, Template, self._unreadable):
            self.counts[Template] += len(page)
        for page in pages(self.tx, Schedule, self._unreadable):
            self.counts[Schedule] += len(page)
            for schedule in page:
                self._tell(self._schedule_flaws(schedule))

    def _schedule_flaws(self, schedule: Schedule) -> Iterator[Flaw]:
        where = f"schedule {schedule.guid} ({schedule.template_name})"
        hint = f"ticketcore cancel-recurring {schedule.guid} stops it"
        try:
            self.cron.check(schedule.cron_expression)
        except RejectedError as error:
            yield Flaw(where=where, problem=str(error), hint=hint)
        try:
            ZoneInfo(schedule.timezone)
        except (ValueError, KeyError, OSError):  # by what is wrong with its name
            yield Flaw(where=where, problem=f"there is no time zone {schedule.timezone!r}", hint=hint)
        if not schedule.active:
            return
        if schedule.next_run is None:
            yield Flaw(where=where, problem="is active and has no next run", hint=hint)
        if schedule.module_type == TICKET:
            named = (one_of("name", [schedule.template_name]), one_of("package", [schedule.package, ""]))
            if not self.tx.count(Query(Template, named)):
                yield Flaw(where=where, problem="there is no such template in its package", hint=hint)


def newest(tx: Transaction, count: int) -> list[Ticket]:
    """Return the tickets with the highest numbers."""
    return tx.find(Query(Ticket, order=(Order("ticket_number", descending=True),), limit=count))


def _number_flaws(tx: Transaction, tickets: Sequence[Ticket]) -> Iterator[Flaw]:
    numbers = sorted({ticket.ticket_number for ticket in tickets})
    shared = tx.count_by(Query(Ticket, (one_of("ticket_number", numbers),)), "ticket_number")
    for ticket in tickets:
        number, where = ticket.ticket_number, f"ticket {ticket.guid}"
        if number < 1:
            yield Flaw(where=where, problem=f"has the number {number}", expected="1 or more", hint=RESTORE)
        elif shared.get(number, 1) > 1:
            problem = f"shares its number with {shared[number] - 1} more"
            yield Flaw(ticket_number=number, where=where, problem=problem, hint=RESTORE)


def _dangling(where: str, field: str, guid: str) -> Flaw:
    return Flaw(where=where, problem=f"{field} leads to {guid}, which is no ticket", hint=RESTORE)


def _message_flaws(message: OutboxMessage, ticket: Ticket | None) -> Iterator[Flaw]:
    where, number = f"message {message.guid}", ticket.ticket_number if ticket else 0

    def flaw(problem: str, expected: str = "") -> Flaw:
        hint = "ticketcore outbox list shows it"
        return Flaw(ticket_number=number, where=where, problem=problem, expected=expected, hint=hint)

    try:
        payload = json.loads(message.payload)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        yield flaw("its payload cannot be read", "a JSON object")
    if (message.delivered_date is not None) != (message.state is OutboxState.DELIVERED):
        there = "has a" if message.delivered_date else "has no"
        yield flaw(f"is {message.state} and {there} delivered_date")
    if message.attempts < 0 or (message.attempts == 0 and message.state is not OutboxState.PENDING):
        yield flaw(f"is {message.state} after {message.attempts} attempts", "one attempt at least")
