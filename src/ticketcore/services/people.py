"""People: who they are, and which of them somebody's name, address or login means."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from attrs import define

from ticketcore.domain.address import as_address
from ticketcore.domain.checks import Checks
from ticketcore.domain.people import Person, User
from ticketcore.domain.query import AnyOf, Condition, Order, Query, eq, one_of
from ticketcore.domain.ticket import RequestedByType, Ticket
from ticketcore.errors import Problem, RejectedError
from ticketcore.ports.repository import Repository, Transaction
from ticketcore.ports.system import Clock, Ids
from ticketcore.services.repeating import reads

_log = logging.getLogger(__name__)


def is_storable(text: object) -> bool:
    """Return whether ``text`` can be stored as text, and so found: half a surrogate pair cannot."""
    if not isinstance(text, str):
        return False
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def find_person(tx: Transaction, text: str, *, active: bool = True) -> Person | None:
    """Return the person whom ``text`` means: by address, then by login name, then by guid.

    Only those who are ``active`` count, unless it is about what was, and not about what is to be.
    """
    if not is_storable(text) or not text.strip():
        return None
    text = text.strip()
    address = as_address(text)
    person = _by_address(tx, address, active=active) if address else None
    if person:
        return person
    for user in tx.find(Query(User, (eq("username", text), *_active(active)))):
        person = _by_guid(tx, user.person_guid, active=active) or _by_address(tx, _address_of(user), active=active)
        if person:
            return person
    return _by_guid(tx, text, active=active)


def stored_assignee(tx: Transaction, text: str) -> str:
    """Return the guid of the person whom ``text`` means, else the text as it was given."""
    person = find_person(tx, text)
    return person.person_guid if person else text


def _active(only: bool) -> tuple[Condition, ...]:  # noqa: FBT001 - whether to narrow down
    return (eq("active", value=True),) if only else ()


def _address_of(user: User) -> str:
    """Return the address of a login as addresses of people are stored; others may have written the row."""
    return as_address(user.email) or user.email


def _by_address(tx: Transaction, address: str, *, active: bool = True) -> Person | None:
    return next(iter(tx.find(Query(Person, (eq("email", address), *_active(active))))), None)


def _by_guid(tx: Transaction, guid: str | None, *, active: bool = True) -> Person | None:
    if not guid:
        return None
    return next(iter(tx.find(Query(Person, (eq("person_guid", guid), *_active(active))))), None)


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


def names_of(tx: Transaction, texts: Iterable[str]) -> dict[str, str]:
    """Return what to show for each of ``texts``, with at most three questions to the store.

    For a guid, an address or a login name of somebody known, active or not, that is the person's name; for anything
    else it is the text itself.
    """
    wanted = sorted({text for text in texts if text})
    # Lower case is the stored form of almost every address, and costs no look at the rules of addresses.
    keys = {text: text.strip().lower() if "@" in text else text for text in wanted if is_storable(text)}
    names = _names(tx, keys.values(), (key for key in keys.values() if "@" in key))
    unknown = [text for text, key in keys.items() if key not in names]
    users = tx.find(Query(User, (one_of("username", unknown),))) if unknown else []
    of_users = _names(tx, (user.person_guid or "" for user in users), map(_address_of, users)) if users else {}
    for user in users:
        name = of_users.get(user.person_guid or "") or of_users.get(_address_of(user))
        if name:
            names[user.username] = name
    return {text: names.get(keys.get(text, text), text) for text in wanted}


def _names(tx: Transaction, guids: Iterable[str], addresses: Iterable[str]) -> dict[str, str]:
    """Return the names of people by their guids and by their addresses."""
    either = one_of("person_guid", sorted({*guids} - {""})), one_of("email", sorted({*addresses} - {""}))
    people = tx.find(Query(Person, (AnyOf(either),))) if any(part.value for part in either) else []
    return {key: person.name for person in people for key in (person.person_guid, person.email)}


def identities_of(tx: Transaction, text: str) -> tuple[str, ...]:
    """Return every text under which a ticket of whom ``text`` means may be stored: guid, address, login names."""
    text = text.strip()
    person = find_person(tx, text) or find_person(tx, text, active=False)
    guid = person.person_guid if person else ""
    address = person.email if person else email_of(tx, text)
    theirs = [eq("person_guid", guid)] if guid else []
    theirs += [eq("email", address)] if address else []
    logins = tx.find(Query(User, (AnyOf(tuple(theirs)),))) if theirs else []
    # A login may have the address of one person, and be another one's.
    names = [user.username for user in logins if (user.person_guid or guid) == guid]
    return tuple(dict.fromkeys(one for one in (guid, text, address, *names) if one))


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
        checks = Checks()
        address = checks.address("email", email)
        name, username = checks.line("name", name, required=True), checks.line("username", username)
        is_staff = checks.flag("is_staff", is_staff)
        problems = checks.problems
        with self.repository.transaction() as tx:
            known = tx.find(Query(Person, (eq("email", address),))) if address else []
            if known:
                problems.append(Problem("email", f"{address} belongs to {known[0].name} already"))
            if is_storable(username) and tx.find(Query(User, (eq("username", username),))):
                problems.append(Problem("username", f"{username} is taken already"))
            if problems:
                raise RejectedError(problems)
            person = Person(person_guid=self.ids.new(self.clock.now()), name=name, email=address, is_staff=is_staff)
            tx.add(person)
            if username:
                tx.add(User(username=username, email=address, person_guid=person.person_guid))
        _log.info("person %s added by %s", address, action_by or "unknown")
        return person

    @reads
    def list_people(self) -> list[Person]:
        """Return everybody, by name."""
        with self.repository.transaction(read_only=True) as tx:
            return tx.find(Query(Person, order=(Order("name"), Order("person_guid"))))

    @reads
    def resolve_by_email(self, email: str) -> Person | None:
        """Return the active person with this address, ``None`` if there is none."""
        address = as_address(email)
        with self.repository.transaction(read_only=True) as tx:
            return _by_address(tx, address) if address else None

    @reads
    def resolve_user_email(self, user: str) -> str | None:
        """Return the address of whom ``user`` means (address, login name or guid), ``None`` if unknown."""
        with self.repository.transaction(read_only=True) as tx:
            return email_of(tx, user)

    @reads
    def names(self, assignees: Iterable[str]) -> dict[str, str]:
        """Return what to show for each of ``assignees``.

        That is the name of somebody known, for a guid, an address or a login name; and other text as it is.
        """
        with self.repository.transaction(read_only=True) as tx:
            return names_of(tx, assignees)
