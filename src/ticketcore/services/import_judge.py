"""What becomes of each line of a file of tickets, by what is stored: new, there already, or refused."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import define, evolve, field, fields, frozen

from ticketcore.domain.bundle import PARTS, Bundle, dates_problems
from ticketcore.domain.checks import Checks
from ticketcore.domain.eta import parse_instant
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.people import Person
from ticketcore.domain.query import Query, one_of
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import Problem, RejectedError
from ticketcore.ports.extension import Amendment
from ticketcore.ports.repository import Transaction
from ticketcore.services.creation import Creation
from ticketcore.services.exporting import bundles_of
from ticketcore.services.import_lines import LightTicket, Line
from ticketcore.services.import_path import ImportPath
from ticketcore.services.references import records_of, tickets_of

_NAMESPACE = uuid.UUID("5a1e2f0c-6a59-4f0a-9d0b-5b1f0c7c3d54")
"""Under which lines of other systems get their guids."""

_CLOCK_SKEW = timedelta(days=1)
"""How far the clock of the desk that wrote a whole ticket may be ahead of the one here."""


def light_guid(identity: str, times: int) -> str:
    """Return the guid of a ticket that another system has written as the same line for so many times by now."""
    return str(uuid.uuid5(_NAMESPACE, f"{times} {identity}"))


@frozen(kw_only=True)
class Decision:
    """What becomes of a line: it is stored as ``bundle``, or as ``change``; or is there already, if neither is set."""

    line: Line
    guid: str
    bundle: Bundle | None = None
    change: Change | None = None
    rows: list[HistoryEntry] = field(factory=list)
    takes_number: bool = False
    """Whether it comes without a number, or with one that another ticket has."""


@define(eq=False, repr=False)
class Judge:
    """Decides about lines; ``refused`` gathers what is wrong with which."""

    path: ImportPath
    creation: Creation
    action_by: str
    renumber: bool
    refused: list[tuple[int, Problem]] = field(factory=list)
    strangers: dict[str, int] = field(factory=dict)
    """The guids of people who are assigned something and are not known here, and the line of the first such."""

    def decide(
        self, tx: Transaction, lines: Sequence[tuple[Line, str]], amendments: Sequence[Amendment], now: datetime
    ) -> Iterator[Decision]:
        """Yield what becomes of some lines, given with the guids of their tickets, but of those that are refused.

        Whom the auto-assign rules take for one may depend on what has been stored of those before it.
        """
        known = tickets_of(tx, (guid for _, guid in lines))
        new = [line.bundle for line, guid in lines if line.bundle and guid not in known]
        same = [known[line.bundle.ticket.guid] for line, guid in lines if line.bundle and guid in known]
        stored = {bundle.ticket.guid: bundle for bundle in bundles_of(tx, same)} if same else {}
        holders, taken = _holders(tx, new), _taken(tx, new)
        self._note_strangers(tx, [(line, line.bundle) for line, _ in lines if line.bundle])
        for line, guid in lines:
            made: Decision | None = None
            try:
                if line.bundle is not None and guid in stored:
                    self._refuse_another(line.bundle, stored[guid])
                elif line.bundle is not None:
                    made = self._new(line, line.bundle, holders, taken, now)
                elif line.light is not None and guid not in known:
                    made = self._light(tx, line, line.light, guid, amendments, now)
            except RejectedError as error:
                self.refuse(line, error.problems)
            else:
                yield made or Decision(line=line, guid=guid)

    def refuse(self, line: Line, problems: Iterable[Problem]) -> None:
        """Note what is wrong with a line."""
        self.refused += [(line.number, Problem(f"line {line.number}", str(problem))) for problem in problems]

    def _refuse_another(self, bundle: Bundle, stored: Bundle) -> None:
        """Refuse a ticket that is there, but as something else.

        Raises:
            RejectedError: it differs.
        """
        number = stored.ticket.ticket_number
        if self.renumber or not bundle.ticket.ticket_number:
            bundle = evolve(bundle, ticket=evolve(bundle.ticket, ticket_number=number))
        if differences := sorted(_differences(bundle, stored)):
            message = f"is here already as ticket {number}, and differs: {', '.join(differences)}"
            raise RejectedError([Problem(f"ticket {bundle.ticket.guid}", message)])

    def _new(
        self,
        line: Line,
        bundle: Bundle,
        holders: dict[int, Ticket],
        taken: Mapping[tuple[str, str], str],
        now: datetime,
    ) -> Decision:
        problems = list(dates_problems(bundle, now + _CLOCK_SKEW))
        number = bundle.ticket.ticket_number
        if number in holders and not self.renumber:
            whose = f"{number} is the number of another ticket here ({holders[number].guid})"
            problems.append(Problem("ticket.ticket_number", f"{whose}; with --renumber this one gets a new number"))
        for name, part in PARTS.items():
            for place, record in enumerate(getattr(bundle, name)):
                key = getattr(record, part.key)
                if (name, key) in taken:
                    message = f"{key} is here already, below the ticket {taken[name, key]}"
                    problems.append(Problem(f"{name}[{place}].{part.key}", message))
        try:
            self.path.refuse_bundle(bundle, self.action_by)
        except RejectedError as error:
            problems += error.problems
        if problems:
            raise RejectedError(problems)
        takes_number = number in holders or not number
        if number:
            holders.setdefault(number, bundle.ticket)
        return Decision(line=line, guid=bundle.ticket.guid, bundle=bundle, takes_number=takes_number)

    def _light(
        self,
        tx: Transaction,
        line: Line,
        light: LightTicket,
        guid: str,
        amendments: Sequence[Amendment],
        now: datetime,
    ) -> Decision:
        """Return how a ticket of another system is made: as a new one, at the time when it was made there."""
        checks = Checks()
        given = light.created_date
        at = now if given is None else checks.attempt(lambda: self._made(given, now)) or now
        change = checks.attempt(lambda: self.creation.change(tx, at, light.asked, self.action_by))
        checks.done()
        change = evolve(change, after=evolve(change.after, guid=guid))
        change, rows = self.path.judged_new(tx, change, self.action_by, at, amendments)
        return Decision(line=line, guid=guid, change=change, rows=rows, takes_number=True)

    def _made(self, given: object, now: datetime) -> datetime:
        """Return when a ticket was made in another system.

        Raises:
            RejectedError: it is no date, or is yet to come.
        """
        if not isinstance(given, str):
            raise RejectedError([Problem("created_date", f"must be a date in text, not {type(given).__name__}")])
        at = parse_instant("created_date", given, self.creation.zone, end_of_day=False)
        if at > now:
            raise RejectedError([Problem("created_date", f"{given} is yet to come")])
        return at

    def _note_strangers(self, tx: Transaction, bundles: Sequence[tuple[Line, Bundle]]) -> None:
        assigned: dict[str, int] = {}
        for line, bundle in bundles:
            for assignee in (bundle.ticket.assigned_to, *(task.assigned_to for task in bundle.tasks)):
                if _is_uuid(assignee):
                    assigned.setdefault(assignee, line.number)
        people = {person.person_guid for person in records_of(tx, Person, "person_guid", assigned)}
        for guid, number in assigned.items():
            if guid not in people:
                self.strangers.setdefault(guid, number)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _holders(tx: Transaction, bundles: Iterable[Bundle]) -> dict[int, Ticket]:
    """Return the tickets that have the numbers of ``bundles``, by number."""
    numbers = sorted({bundle.ticket.ticket_number for bundle in bundles} - {0})
    found = tx.find(Query(Ticket, (one_of("ticket_number", numbers),))) if numbers else []
    return {ticket.ticket_number: ticket for ticket in found}


def _taken(tx: Transaction, bundles: Sequence[Bundle]) -> dict[tuple[str, str], str]:
    """Return which keys of what is below ``bundles`` are taken, by name and key, and by what is below which ticket."""
    taken: dict[tuple[str, str], str] = {}
    for name, part in PARTS.items():
        keys = [getattr(record, part.key) for bundle in bundles for record in getattr(bundle, name)]
        for record in records_of(tx, part.kind, part.key, keys):
            taken[name, getattr(record, part.key)] = getattr(record, part.owner)
    return taken


def _differences(one: Bundle, other: Bundle) -> Iterator[str]:
    """Yield what is not the same in two states of a ticket; links are said by its history."""
    for name in (attribute.name for attribute in fields(Ticket)):
        if getattr(one.ticket, name) != getattr(other.ticket, name):
            yield name
    for name, part in PARTS.items():
        if name != "links" and _ordered(one, name, part.order) != _ordered(other, name, part.order):
            yield name.replace("_", " ")


def _ordered(bundle: Bundle, name: str, order: tuple[str, ...]) -> list[Any]:
    return sorted(getattr(bundle, name), key=lambda record: [getattr(record, key) for key in order])
