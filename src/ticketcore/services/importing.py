"""Tickets into the store: a file is looked through first, then written in transactions of many tickets each.

What is there already is skipped, so a run that was killed goes on where it was when the file is imported again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, takewhile
from operator import itemgetter
from threading import Event
from typing import BinaryIO, TypeVar

from attrs import define, evolve, field, frozen

from ticketcore.domain.bundle import PARTS, Bundle
from ticketcore.domain.links import ACYCLIC, find_way, sense
from ticketcore.domain.query import Order, Query
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Link
from ticketcore.errors import Problem, RejectedError
from ticketcore.ports.keys import Keys
from ticketcore.ports.repository import Transaction
from ticketcore.services.changes import checked_actor
from ticketcore.services.creation import Creation
from ticketcore.services.import_cycles import cycle_problems, note_links
from ticketcore.services.import_judge import Decision, Judge, light_guid
from ticketcore.services.import_lines import Line, Sound, read_lines
from ticketcore.services.import_path import ImportPath
from ticketcore.services.links import cycle_problem, followed, links_of
from ticketcore.services.references import tickets_of

T = TypeVar("T")

BATCH = 200
"""How many tickets are written in one transaction."""

MOST_PROBLEMS = 20
"""How many problems are told of one file."""

Progress = Callable[[str, int], object]
"""Is told which step it is (checking, writing, linking), and how many bytes of the file are through."""


@frozen(kw_only=True)
class ImportReport:
    """What an import came to, or, of a dry run, would come to.

    ``created`` is how many tickets were stored, ``present`` how many were there already; ``links`` is how many links
    were stored. ``renumbered`` has the number in the file and the new one of each ticket that got a new one, which a
    dry run cannot know. ``complete`` is false where it was stopped.
    """

    created: int = 0
    present: int = 0
    links: int = 0
    renumbered: tuple[tuple[int, int], ...] = ()
    warnings: tuple[str, ...] = ()
    complete: bool = True


@define(eq=False, repr=False)
class Import:
    """One run over one file."""

    path: ImportPath
    creation: Creation
    keys: Callable[[], Keys]
    file: BinaryIO
    action_by: str
    renumber: bool
    progress: Progress
    stop: Event
    report: ImportReport = field(factory=ImportReport)
    _highest: int = 0
    """The highest number that the file brings along."""
    _linked: bool = False
    _sound: Sound = field(factory=Sound)
    _renumbered: list[tuple[int, int]] = field(factory=list)

    def run(self, *, dry_run: bool) -> ImportReport:
        """Look through the file, then write it unless it is a ``dry_run``.

        Raises:
            RejectedError: with the problems of the file.
        """
        self.action_by = checked_actor(self.action_by)
        self._check()
        if dry_run:
            return self.report
        self.report = evolve(self.report, created=0, present=0)
        if self.report.complete:
            self._write()
        if self._linked and self.report.complete:
            self._link()
        return evolve(self.report, renumbered=tuple(self._renumbered))

    # First the whole file.

    def _check(self) -> None:
        judge = self._judge()
        with self.keys() as keys:
            amendments = self.path.policies.amendments()
            lines = takewhile(lambda _: len(judge.refused) < MOST_PROBLEMS, read_lines(self.file, self._sound))
            for batch in self._batches("checking", lambda line: self._noted(keys, judge, line), lines):
                with self.path.repository.transaction(read_only=True) as tx:
                    decisions = list(judge.decide(tx, batch, amendments, self.path.clock.now()))
                self._count(decisions)
            if self._linked and self.report.complete:
                self._note_cycles(keys, judge)
            self._refuse(judge, "nothing was imported")
            warnings = [
                f"line {line}: assigned to {guid}, who is not known here; that is kept as it is"
                for guid, line in judge.strangers.items()
            ]
            if len(warnings) > MOST_PROBLEMS:
                warnings[MOST_PROBLEMS:] = [f"{len(warnings) - MOST_PROBLEMS} more assignees are not known here"]
            if lost := self._lost(keys):
                warnings.append(
                    f"{lost} links lead to tickets that are neither in the file nor here: they are left out"
                )
        self.report = evolve(self.report, warnings=tuple(warnings))

    def _noted(self, keys: Keys, judge: Judge, line: Line) -> str | None:
        """Return the guid of a line's ticket; ``None`` after noting what is wrong with the line."""
        if line.light is not None:
            return self._light_guid(keys, line)
        problems = list(line.problems)
        if line.bundle is not None:
            problems += _repeated(keys, line.number, self._keys_of(line.bundle))
            self._highest = max(self._highest, line.bundle.ticket.ticket_number)
            for link in line.bundle.links:
                self._linked = True
                keys.want(f"ticket {link.target_guid}")
            note_links(keys, line.number, line.bundle)
        if problems or line.bundle is None:
            judge.refuse(line, problems)
            return None
        return line.bundle.ticket.guid

    def _note_cycles(self, keys: Keys, judge: Judge) -> None:
        with self.path.repository.transaction(read_only=True) as tx:
            for line, problem in islice(cycle_problems(tx, keys), MOST_PROBLEMS):
                judge.refuse(Line(number=line), [problem])

    def _keys_of(self, bundle: Bundle) -> Iterator[str]:
        """Yield what no other line of the file may have."""
        yield f"ticket {bundle.ticket.guid}"
        if bundle.ticket.ticket_number and not self.renumber:
            yield f"number {bundle.ticket.ticket_number}"
        for name, part in PARTS.items():
            for record in getattr(bundle, name):
                yield f"{name} {getattr(record, part.key)}"

    def _lost(self, keys: Keys) -> int:
        """Return how many links lead nowhere."""
        if not self._linked:
            return 0
        lost = 0
        with self.path.repository.transaction(read_only=True) as tx:
            for batch in _batched(keys.missing()):
                wanted = {key.removeprefix("ticket "): times for key, times in batch}
                lost += sum(wanted.values()) - sum(wanted[guid] for guid in tickets_of(tx, wanted))
        return lost

    # Then what is not there yet.

    def _write(self) -> None:
        with self.keys() as keys:
            amendments = self.path.policies.amendments()
            for batch in self._batches("writing", lambda line: self._named(keys, line)):
                judge = self._judge()
                decisions: list[Decision] = []
                renumbered: list[tuple[int, int]] = []
                with self.path.repository.transaction() as tx:
                    # Whom the rules take for a light one may depend on all that is stored before it.
                    most = 1 if any(line.light for line, _ in batch) else BATCH
                    whole: list[Bundle] = []
                    for one in judge.decide(tx, batch, amendments, self.path.clock.now()):
                        decisions.append(one)
                        if one.bundle is not None and not one.takes_number:
                            whole.append(one.bundle)
                        if len(whole) >= most or one.takes_number:
                            self._store_whole(tx, whole)
                        if pair := self._store(tx, one):
                            renumbered.append(pair)
                    self._store_whole(tx, whole)
                    self._refuse(judge, f"{self.report.created} tickets were imported before it")
                self._count(decisions)
                self._renumbered += renumbered

    def _named(self, keys: Keys, line: Line) -> str | None:
        """Return the guid of a line's ticket."""
        if line.light is not None:
            return self._light_guid(keys, line)
        return line.bundle.ticket.guid if line.bundle is not None else None

    def _store_whole(self, tx: Transaction, bundles: list[Bundle]) -> None:
        """Store tickets that keep their numbers, and forget them."""
        self.path.add_bundles(tx, bundles, self.action_by, self.path.clock.now())
        bundles.clear()

    def _store(self, tx: Transaction, decision: Decision) -> tuple[int, int] | None:
        """Store a ticket that takes a number; return the one in the file and the new one, if it had one."""
        if not decision.takes_number:
            return None
        now = self.path.clock.now()
        number = self._next_number(tx)
        if decision.change is not None:
            change = evolve(decision.change, after=evolve(decision.change.after, ticket_number=number))
            self.path.add_new(tx, change, decision.rows, self.action_by, now)
        elif (bundle := decision.bundle) is not None:
            moved = evolve(bundle, ticket=evolve(bundle.ticket, ticket_number=number))
            (stored,) = self.path.add_bundles(tx, [moved], self.action_by, now)
            if bundle.ticket.ticket_number:
                return bundle.ticket.ticket_number, stored.ticket_number
        return None

    def _next_number(self, tx: Transaction) -> int:
        """Return a number above all that the file brings along; 0 where the one that the store gives will be."""
        if not self._highest:
            return 0
        newest = (Order("ticket_number", descending=True),)
        last = tx.find(Query(Ticket, order=newest, limit=1))
        return 0 if last and last[0].ticket_number > self._highest else self._highest + 1

    # Links last, when both of their ends are there.

    def _link(self) -> None:
        def only_linked(line: Line) -> str | None:
            return line.bundle.ticket.guid if line.bundle is not None and line.bundle.links else None

        for batch in self._batches("linking", only_linked):
            judge = self._judge()
            links = [(line, link) for line, _ in batch if line.bundle for link in line.bundle.links]
            with self.path.repository.transaction() as tx:
                count = sum(_add_link(tx, judge, *one) for one in _missing(tx, links))
                self._refuse(judge, f"all {self.report.created} tickets were imported, and links before this one")
            self.report = evolve(self.report, links=self.report.links + count)

    # What the steps share.

    def _judge(self) -> Judge:
        return Judge(self.path, self.creation, self.action_by, self.renumber)

    def _batches(
        self, step: str, name: Callable[[Line], str | None], lines: Iterable[Line] | None = None
    ) -> Iterator[list[tuple[Line, str]]]:
        """Yield the lines that get a name, with it, some at a time, until the file ends or it is stopped."""
        named = ((line, guid) for line in lines or read_lines(self.file, self._sound) if (guid := name(line)))
        for batch in _batched(named):
            if self.stop.is_set():
                self.report = evolve(self.report, complete=False)
                return
            yield batch
            self.progress(step, batch[-1][0].end)

    def _light_guid(self, keys: Keys, line: Line) -> str:
        assert line.light is not None  # noqa: S101 - the caller has looked
        digest = hashlib.sha256(line.light.identity.encode()).hexdigest()
        _, times = keys.note(f"line {digest}", line.number)
        return light_guid(digest, times)

    def _count(self, decisions: Sequence[Decision]) -> None:
        new = sum(one.bundle is not None or one.change is not None for one in decisions)
        self.report = evolve(
            self.report,
            created=self.report.created + new,
            present=self.report.present + len(decisions) - new,
        )

    def _refuse(self, judge: Judge, state: str) -> None:
        """Raise what was found wrong.

        Raises:
            RejectedError: something was.
        """
        if not judge.refused:
            return
        told = [problem for _, problem in sorted(judge.refused, key=itemgetter(0))][:MOST_PROBLEMS]
        more = ", and there may be more problems" if len(judge.refused) >= MOST_PROBLEMS else ""
        raise RejectedError(told, hint=f"{state}{more}; correct the file and import it again")


def _repeated(keys: Keys, line: int, names: Iterable[str]) -> Iterator[Problem]:
    for name in names:
        first, _ = keys.note(name, line)
        if first != line:
            yield Problem("", f"has the same {name} as line {first}")


def _missing(tx: Transaction, links: Sequence[tuple[Line, Link]]) -> Iterator[tuple[Line, Link]]:
    """Yield those of ``links`` that are not stored yet, in either direction, and have a ticket at each end."""
    known = tickets_of(tx, (guid for _, link in links for guid in (link.source_guid, link.target_guid)))
    stored = {sense(link) for link in links_of(tx, {link.source_guid for _, link in links})}
    for line, link in links:
        if sense(link) not in stored and link.target_guid in known and link.source_guid in known:
            stored.add(sense(link))
            yield line, link


def _add_link(tx: Transaction, judge: Judge, line: Line, link: Link) -> bool:
    """Store a link unless it closes a cycle."""
    if link.link_type in ACYCLIC:
        way = find_way(link.target_guid, link.source_guid, followed(tx, link.link_type))
        if way is not None:
            judge.refuse(line, [cycle_problem(tx, "links", link.link_type, [link.source_guid, *way])])
            return False
    tx.add(link)
    return True


def _batched(items: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH)):
        yield batch
