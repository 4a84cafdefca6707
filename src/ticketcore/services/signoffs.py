"""Sign-offs: people are asked to sign a ticket off, and approve or reject it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from attrs import define

from ticketcore.domain.checks import Checks
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.query import Order, Query, eq
from ticketcore.domain.signoff import ROLE_LENGTH, answered, request_of, requested, withdrawn
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Signoff
from ticketcore.errors import Problem, RejectedError, quoted
from ticketcore.ports.repository import Transaction
from ticketcore.services.changes import Changes
from ticketcore.services.notices import display_name
from ticketcore.services.people import email_of, find_person
from ticketcore.services.references import Reference, guid_of
from ticketcore.services.repeating import reads


def signoffs_of(tx: Transaction, ticket_guid: str) -> list[Signoff]:
    """Return who was asked to sign a ticket off, in the order in which they were asked."""
    order = (Order("requested_date"), Order("guid"))
    return tx.find(Query(Signoff, (eq("ticket_guid", ticket_guid),), order))


def _request(tx: Transaction, ticket: Ticket, person: str) -> Signoff:
    """Return the request to ``person`` to sign ``ticket`` off.

    Raises:
        RejectedError: they were not asked.
    """
    known = find_person(tx, person)
    asked = signoffs_of(tx, ticket.guid)
    found = request_of(asked, email_of(tx, person), known.person_guid if known else None)
    if found is None:
        others = ", ".join(one.email for one in asked) or "nobody"
        message = f"{person} was not asked to sign ticket {ticket.ticket_number} off; asked: {others}"
        raise RejectedError([Problem("person", message)])
    return found


def _several(people: object) -> object:
    """Return one or several names as a list (the rule of a change may be asked again), anything else as it is."""
    if isinstance(people, str):
        return [people]
    return [*people] if isinstance(people, Iterable) else people


def _addresses(tx: Transaction, checks: Checks, people: object) -> dict[str, str | None]:
    """Return the address of each of ``people``, and their guids where they are known; note what is wrong."""
    if not isinstance(people, Iterable):
        checks.problems.append(Problem("people", f"must be a list of people, not {type(people).__name__}"))
        return {}
    found: dict[str, str | None] = {}
    for name in [checks.line("people", name, required=True) for name in people]:
        address = email_of(tx, name)
        if address is not None:
            person = find_person(tx, name)
            found[address] = person.person_guid if person else None
        elif name:
            checks.problems.append(Problem("people", f"{quoted(name)} is neither an e-mail address nor a known person"))
    if not found and not checks.problems:
        checks.problems.append(Problem("people", "must name at least one person to ask"))
    return found


@define(eq=False, repr=False)
class Signoffs:
    """The operations on sign-offs. A person is named by an address, a login name or a guid."""

    changes: Changes

    def request_signoff(
        self, ticket: Reference, people: str | Iterable[str], *, requested_by: str, role: str = ""
    ) -> list[Signoff]:
        """Ask people to sign a ticket off, and return the requests to them, in the order of ``people``.

        They are told by mail, and over every other channel. Who is asked already is not asked again: that changes
        nothing. Who has answered, or whose request was withdrawn, is asked anew; the history keeps the first answer.

        Args:
            ticket: the ticket.
            people: whom to ask: one or several addresses, login names or guids.
            requested_by: who asks.
            role: as what they are asked, such as "QA"; may be empty.

        Raises:
            RejectedError: nobody is named, or somebody who has no address; nobody is asked then.
            NotFoundError: there is no such ticket.
        """
        asked: list[Signoff] = []
        names = _several(people)

        def rule(tx: Transaction, found: Ticket, now: datetime) -> Change | None:
            wanted = self._wanted(tx, found, names, role, requested_by, now)
            before = signoffs_of(tx, found.guid)
            change = requested(found, wanted, before, name=display_name(tx, " ".join(requested_by.split())))
            after = [*change.adds, *change.saves, *before] if change else before
            requests = (request_of(after, one.email, one.person_guid) for one in wanted)
            asked[:] = [one for one in requests if one is not None]
            return change

        self.changes.apply(ticket, rule, action_by=requested_by, commutes=True)
        return asked

    def _wanted(
        self, tx: Transaction, ticket: Ticket, people: object, role: str, requested_by: str, now: datetime
    ) -> list[Signoff]:
        """Return a request to each of ``people``, one for each address.

        Raises:
            RejectedError: with all that is wrong.
        """
        checks = Checks()
        checked_role = checks.line("role", role, ROLE_LENGTH)
        found = _addresses(tx, checks, people)
        checks.done()
        return [
            Signoff(
                guid=self.changes.ids.new(now),
                ticket_guid=ticket.guid,
                person_guid=person_guid,
                email=address,
                role=checked_role,
                requested_by=" ".join(requested_by.split()),
                package=ticket.package,
                requested_date=now,
            )
            for address, person_guid in found.items()
        ]

    def sign_off(self, ticket: Reference, person: str, approved: bool, note: str = "") -> Signoff:  # noqa: FBT001 - the specified signature
        """Answer a request to sign a ticket off, and return it as it is then.

        The same answer again changes nothing. Another one is refused, because others may have acted on the first:
        who changes their mind has to be asked again.

        Args:
            ticket: the ticket.
            person: who answers; only who was asked can.
            approved: whether they approve.
            note: what they say about it.

        Raises:
            RejectedError: ``person`` was not asked, is not asked any more, or has given another answer.
            NotFoundError: there is no such ticket.
        """
        checks = Checks()
        text = checks.text("note", note)
        approved = checks.flag("approved", approved)
        checks.done()
        return self._change(
            ticket,
            person,
            lambda found, request, now: answered(found, request, approved=approved, note=text, now=now),
            action_by=person,
        )

    def withdraw_signoff(self, ticket: Reference, person: str, *, action_by: str) -> Signoff:
        """Take a request that has no answer yet back, and return it; one that was withdrawn already stays as it is.

        Raises:
            RejectedError: ``person`` was not asked, or has answered.
            NotFoundError: there is no such ticket.
        """
        return self._change(ticket, person, lambda found, request, _now: withdrawn(found, request), action_by=action_by)

    def _change(
        self,
        ticket: Reference,
        person: str,
        step: Callable[[Ticket, Signoff, datetime], Change | None],
        *,
        action_by: str,
    ) -> Signoff:
        """Store what ``step`` makes of the request to ``person``, and return the request."""
        checks = Checks()
        name = checks.line("person", person, required=True)
        checks.done()
        result: list[Signoff] = []

        def rule(tx: Transaction, found: Ticket, now: datetime) -> Change | None:
            request = _request(tx, found, name)
            change = step(found, request, now)
            result[:] = change.saves if change else (request,)
            return change

        self.changes.apply(ticket, rule, action_by=action_by, commutes=True)
        return result[0]

    @reads
    def get_signoffs(self, ticket: Reference) -> list[Signoff]:
        """Return who was asked to sign a ticket off, with the answers, in the order in which they were asked.

        Raises:
            NotFoundError: there is no such ticket.
        """
        with self.changes.repository.transaction(read_only=True) as tx:
            return signoffs_of(tx, guid_of(tx, ticket))
