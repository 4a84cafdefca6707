"""People: who they are, and which of them somebody's name, address or login means."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from attrs import define

from ticketcore.domain.address import as_address, normalise_address
from ticketcore.domain.people import Person, User
from ticketcore.domain.query import Order, Query, eq, one_of
from ticketcore.domain.ticket import RequestedByType, Ticket
from ticketcore.errors import Problem, RejectedError
from ticketcore.ports.repository import Repository, Transaction
from ticketcore.ports.system import Clock, Ids

_log = logging.getLogger(__name__)


def is_storable(text: str) -> bool:
    """Return whether ``text`` can be stored, and so found: half a surrogate pair cannot."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def find_person(tx: Transaction, text: str) -> Person | None:
    """Return the active person whom ``text`` means: by address, then by login name, then by guid."""
    text = text.strip()
    if not text:
        return None
    if not is_storable(text):
        return None
    address = as_address(text)
    person = _by_address(tx, address) if address else None
    if person:
        return person
    for user in tx.find(Query(User, (eq("username", text), eq("active", value=True)))):
        person = _by_guid(tx, user.person_guid) or _by_address(tx, user.email)
        if person:
            return person
    return _by_guid(tx, text)


def stored_assignee(tx: Transaction, text: str) -> str:
    """Return the guid of the person whom ``text`` means, else the text as it was given."""
    person = find_person(tx, text)
    return person.person_guid if person else text


def _by_address(tx: Transaction, address: str) -> Person | None:
    return next(iter(tx.find(Query(Person, (eq("email", address), eq("active", value=True))))), None)


def _by_guid(tx: Transaction, guid: str | None) -> Person | None:
    if not guid:
        return None
    return next(iter(tx.find(Query(Person, (eq("person_guid", guid), eq("active", value=True))))), None)


def email_of(tx: Transaction, text: str) -> str | None:
    """Return the address of whom ``text`` means: a known person or login, else ``text`` if it is one itself."""
    person = find_person(tx, text)
    if person:
        return person.email
    if not is_storable(text):
        return None
    users = tx.find(Query(User, (eq("username", text.strip()), eq("active", value=True))))
    return (as_address(users[0].email) if users else None) or as_address(text)


def requester_email(tx: Transaction, ticket: Ticket) -> str | None:
    """Return the address of whoever raised ``ticket``, ``None`` if there is none (the system has none)."""
    if ticket.requested_by_type is RequestedByType.SYSTEM:
        return None
    if ticket.requested_by_type is RequestedByType.EMAIL:
        return as_address(ticket.requested_by)
    return email_of(tx, ticket.requested_by)


def same_person(tx: Transaction, one: str, other: str) -> bool:
    """Return whether two texts mean the same person."""
    if one.strip().casefold() == other.strip().casefold():
        return True
    first, second = email_of(tx, one), email_of(tx, other)
    return first is not None and first == second


def names_of(tx: Transaction, assignees: Iterable[str]) -> dict[str, str]:
    """Return what to show for each of ``assignees`` (guids or text), with one question to the store."""
    wanted = sorted({assignee for assignee in assignees if assignee})
    people = tx.find(Query(Person, (one_of("person_guid", wanted),))) if wanted else []
    known = {person.person_guid: person.name for person in people}
    return {assignee: known.get(assignee, assignee) for assignee in wanted}


def identities_of(tx: Transaction, text: str) -> tuple[str, ...]:
    """Return every text under which a ticket of whom ``text`` means may be stored."""
    person = find_person(tx, text)
    if person is None:
        return tuple(dict.fromkeys((text.strip(), as_address(text) or text.strip())))
    users = tx.find(Query(User, (eq("person_guid", person.person_guid),)))
    return (person.person_guid, person.email, *(user.username for user in users))


@define(eq=False, repr=False)
class People:
    """The operations on people."""

    repository: Repository
    clock: Clock
    ids: Ids

    def add_person(
        self,
        name: str,
        email: str,
        username: str = "",
        is_staff: bool = False,  # noqa: FBT001, FBT002 - the specified signature
        *,
        action_by: str = "",
    ) -> Person:
        """Add somebody whom tickets can be assigned to, and return the record.

        Args:
            name: what people see.
            email: the address, unique among people.
            username: a login name that also means this person, unique; empty for none.
            is_staff: whether internal comments are for this person.
            action_by: who adds the person; it is logged.

        Raises:
            RejectedError: the name is empty, the address is none, or one of them belongs to somebody already.
        """
        address = normalise_address("email", email)
        name, username = " ".join(name.split()), username.strip()
        problems = [
            Problem(field, f"must have at most 255 characters, not {len(value)}")
            for field, value in (("name", name), ("username", username), ("email", address))
            if len(value) > 255  # noqa: PLR2004 - what the columns hold
        ]
        if not name:
            problems.append(Problem("name", "must not be empty"))
        with self.repository.transaction() as tx:
            known = tx.find(Query(Person, (eq("email", address),)))
            if known:
                problems.append(Problem("email", f"{address} belongs to {known[0].name} already"))
            if username and tx.find(Query(User, (eq("username", username),))):
                problems.append(Problem("username", f"{username} is taken already"))
            if problems:
                raise RejectedError(problems)
            person = Person(person_guid=self.ids.new(self.clock.now()), name=name, email=address, is_staff=is_staff)
            tx.add(person)
            if username:
                tx.add(User(username=username, email=address, person_guid=person.person_guid))
        _log.info("person %s added by %s", address, action_by or "unknown")
        return person

    def list_people(self) -> list[Person]:
        """Return everybody, by name."""
        with self.repository.transaction(read_only=True) as tx:
            return tx.find(Query(Person, order=(Order("name"), Order("person_guid"))))

    def resolve_by_email(self, email: str) -> Person | None:
        """Return the active person with this address, ``None`` if there is none."""
        address = as_address(email)
        with self.repository.transaction(read_only=True) as tx:
            return _by_address(tx, address) if address else None

    def resolve_user_email(self, user: str) -> str | None:
        """Return the address of whom ``user`` means (address, login name or guid), ``None`` if unknown."""
        with self.repository.transaction(read_only=True) as tx:
            return email_of(tx, user)

    def names(self, assignees: Iterable[str]) -> dict[str, str]:
        """Return what to show for each of ``assignees``: a person's name for a guid, other text as it is."""
        with self.repository.transaction(read_only=True) as tx:
            return names_of(tx, assignees)
