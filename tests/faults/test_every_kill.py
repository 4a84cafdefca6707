"""Killed at any step of any use case: the change is there whole or not at all, and its news go out afterwards."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterable
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field, frozen

from tests.faults.stores import PostgresqlStore, SqliteStore, Store
from tests.faults.use_cases import (
    ACTING,
    ARRANGING,
    BACKUP,
    FAULTY,
    FIRST,
    PLAIN,
    USE_CASES,
    UseCase,
    opened,
    prepare_little,
    prepare_world,
)
from ticketcore.adapters.system import PlayedClock
from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.flaws import Flaw
from ticketcore.domain.jobs import JobState
from ticketcore.domain.query import Order, Query
from ticketcore.domain.ticket import Ticket
from ticketcore.ports.repository import KINDS

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.timeout(600),  # each is many processes: on a machine with a lot to do they take their time
]

KILLED = -9  # by SIGKILL
SAMPLE = {("sqlite", "create"), ("sqlite", "deliver"), ("postgresql", "set-eta")}
"""What is looked at in every run; all use cases on all stores take minutes."""

CarryOut = Callable[..., tuple[int, list[str]]]
Key = tuple[str, Hashable]
Records = dict[Key, Any]
"""Everything that is in a store, by kind and key."""


ORDERS: dict[type, tuple[Order, ...]] = {Ticket: (Order("ticket_number"),)}


def records_of(desk: Desk) -> Records:
    with desk.repository.transaction(read_only=True) as tx:
        found: dict[type, list[Any]] = {kind: tx.find(Query(kind, order=ORDERS.get(kind, ()))) for kind in KINDS}
    return {
        (kind.__name__, getattr(record, KINDS[kind].key)): record
        for kind, records in found.items()
        for record in records
    }


def without_delivery(record: Any) -> Any:
    """Return a message as it is the same whatever became of it; any other record as it is."""
    if not isinstance(record, OutboxMessage):
        return record
    return evolve(
        record, state=OutboxState.PENDING, attempts=0, next_attempt=ACTING, delivered_date=None, last_error=""
    )


def parts_of(records: Records, case: UseCase) -> dict[Hashable, Records]:
    """Return records by what is whole by itself: all of them, or (where they are apart) what belongs to each ticket.

    What is noted of a job is left out: it says how the job is, and is no part of what the job does.
    """
    found: dict[Hashable, Records] = {}
    for key, record in records.items():
        ticket = record.guid if isinstance(record, Ticket) else getattr(record, "ticket_guid", "")
        if not isinstance(record, JobState):
            part = found.setdefault(ticket or key if case.apart else "", {})
            part[key] = without_delivery(record) if case.delivers else record
    return found


def of_kind(records: Records, kind: type) -> list[Any]:
    return [record for record in records.values() if isinstance(record, kind)]


@frozen
class Killed:
    """A process that was killed in the middle of a use case, and what there was before."""

    case: UseCase
    before: Records
    after: Records
    """What there is when nobody is killed."""
    place: str
    """Where it was killed, for messages."""

    def left(self, found: Records) -> str:
        """Return how much of the change there is: nothing, part of it (some tickets), or the whole."""
        before, after, now = (parts_of(one, self.case) for one in (self.before, self.after, found))
        for part in {*before, *after, *now}:
            assert now.get(part) in (before.get(part), after.get(part)), (self.place, part)
        assert self.case.apart or now in (before, after), self.place
        return "whole" if now == after else "nothing" if now == before else "part"

    def check_sound(self, desk: Desk, found: Records) -> None:
        """Check histories, references and numbers, and that words find the tickets that have them."""
        tickets: list[Ticket] = of_kind(found, Ticket)
        for ticket in tickets:
            if self.before.get(("Ticket", ticket.guid)) != ticket:
                assert desk.queries.verify_history(ticket.guid) == [], self.place
                assert ticket in desk.queries.search(ticket.subject), self.place
        assert len({ticket.ticket_number for ticket in tickets}) == len(tickets), self.place
        flaws: list[Flaw] = []
        desk.store.verify(flaws.append)
        assert flaws == [], self.place

    def check_repeated(self, desk: Desk) -> None:
        """Check that repeating the use case does what is left of it, and nothing twice."""
        self.case.act(desk)()
        there, expected = (
            (
                Counter(kind for kind, _ in records),
                [evolve(ticket, guid="", ticket_number=0) for ticket in of_kind(records, Ticket)],
            )
            for records in (records_of(desk), self.after)
        )
        assert there == expected, self.place

    def check_goes_on(self, desk: Desk, found: Records) -> None:
        """Check that nobody holds anything up: others write, and get new numbers."""
        made = desk.tickets.create("afterwards", action_by="ann")
        assert made.ticket_number > max(ticket.ticket_number for ticket in of_kind(found, Ticket)), self.place
        desk.comments.add_comment(PLAIN, "afterwards", commented_by="ann", is_internal=True)

    def check_news(self, desk: Desk, found: Records, told: Counter[str], notes: Path) -> int:
        """Check that everybody is told, once messages are free again; return how many are sent twice.

        A message that was confirmed and not recorded as delivered is sent again, and no other: one at most, because
        they are sent one by one. And nobody was told of what is not there.
        """
        messages: list[OutboxMessage] = of_kind(found, OutboxMessage)
        recorded = {message.guid for message in messages if message.state is OutboxState.DELIVERED}
        assert recorded <= set(told) <= {message.guid for message in messages}, self.place
        twice = set(told) - recorded
        assert len(twice) <= 1, self.place
        assert isinstance(desk.clock, PlayedClock)
        desk.clock.advance(minutes=6)
        desk.notifications.deliver_due()
        assert {message.state for message in desk.notifications.list_outbox()} <= {OutboxState.DELIVERED}, self.place
        in_the_end = noted(notes)
        for message in messages:
            assert in_the_end[message.guid] == 1 + (message.guid in twice), self.place
        return len(twice)


def noted(notes: Path) -> Counter[str]:
    return Counter(notes.read_text(encoding="utf-8").split())


@define
class Harness:
    """Kills a use case at every step, each time on a fresh copy of the same database."""

    store: Store
    zygote: CarryOut
    name: str
    steps: list[str] = field(factory=list)
    before: Records = field(factory=dict)
    after: Records = field(factory=dict)
    twice: int = 0

    @property
    def case(self) -> UseCase:
        return (USE_CASES | FAULTY)[self.name]

    def prepare(self) -> None:
        """Make the database in which the use case begins, and see what it does when nobody is killed."""
        self._copy("world", "before")
        if self.case.arrange:
            with self._opened("before", ARRANGING, ids=10**6, inline=False) as desk:
                self.case.arrange(desk)
        with self._opened("before", ACTING, ids=0) as desk:
            self.before = records_of(desk)
        self._copy("before", "after")
        ended, self.steps = self._run("after")
        assert ended == 0
        with self._opened("after", ACTING, ids=0) as desk:
            self.after = records_of(desk)
        assert (parts_of(self.before, self.case) != parts_of(self.after, self.case)) == self.case.changes

    def kill_everywhere(self) -> list[str]:
        """Kill it at each step in each way; return how much each of them left."""
        steps = range(1, len(self.steps) + 1)
        return [self.kill(fatal, when_sent=when_sent) for fatal, when_sent in product(steps, self.store.ways)]

    def kill(self, fatal: int, *, when_sent: bool) -> str:
        """Kill the use case at one step, check what it left, and that all goes on; return how much of it there is."""
        self._copy("before", "killed")
        ended, _ = self._run("killed", fatal, when_sent=when_sent)
        place = f"{'after sending' if when_sent else 'before'} step {fatal}: {self.steps[fatal - 1]}"
        assert ended == KILLED, place
        self.store.left_alone("killed")
        told = noted(self._notes("killed"))
        killed = Killed(self.case, self.before, self.after, place)
        with self._opened("killed", ACTING, ids=3 * 10**6) as desk:
            found = records_of(desk)
            left = killed.left(found)
            killed.check_sound(desk, found)
            if self.case.repeats:
                killed.check_repeated(desk)
            killed.check_goes_on(desk, found)
            self.twice += killed.check_news(desk, found, told, self._notes("killed"))
        return left

    def _opened(self, database: str, now: datetime, *, ids: int, inline: bool = True) -> Desk:
        return opened(self.store.url(database), self._notes(database), now, ids=ids, inline=inline)

    def _run(self, database: str, fatal: int = 0, *, when_sent: bool = False) -> tuple[int, list[str]]:
        place = {"url": self.store.url(database), "notes": str(self._notes(database)), "ids": 2 * 10**6}
        return self.zygote(case=self.name, fatal=fatal, when_sent=when_sent, **place)

    def _notes(self, database: str) -> Path:
        return self.store.folder / f"{database}.notes"

    def _copy(self, source: str, database: str) -> None:
        self.store.copy(source, database)
        shutil.copy(self._notes(source), self._notes(database))


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a place for databases, with one in which every use case can begin."""
    folder = tmp_path_factory.mktemp(request.param)
    made: Store = SqliteStore(folder)
    if request.param == "postgresql":
        made = PostgresqlStore(folder, request.getfixturevalue("postgresql_server"))
    made.make("world")
    prepare_world(made.url("world"), made.folder / "world.notes")
    return made


def some(names: Iterable[str], sample: Container[tuple[str, str]]) -> pytest.MarkDecorator:
    """Run a test with each of ``names`` on each store; with those in ``sample`` always, with the others if asked to."""
    cases = [
        pytest.param(store, name, marks=() if (store, name) in sample else pytest.mark.long, id=f"{store}-{name}")
        for store, name in product(("sqlite", "postgresql"), names)
    ]
    return pytest.mark.parametrize(("store", "name"), cases, indirect=["store"])


@some(USE_CASES, SAMPLE)
def test_killed_at_any_step_a_use_case_leaves_all_or_nothing(
    store: Store, zygote: CarryOut, name: str, record_property: Callable[[str, object], None]
) -> None:
    harness = Harness(store, zygote, name)
    harness.prepare()
    left = harness.kill_everywhere()
    # Killed early it leaves nothing, killed late the whole: and once it is there, it is there.
    assert left == sorted(left, key=["nothing", "part", "whole"].index)
    # Its statements and its end; and no change has less than BEGIN, one statement, and COMMIT.
    assert len(left) == len(harness.steps) * len(store.ways)
    assert len(harness.steps) > 3
    if harness.case.changes:
        assert {"nothing", "whole"} <= set(left)
    counts = {how: left.count(how) for how in ("nothing", "part", "whole")}
    row = {"case": name, "store": store.name, "steps": len(harness.steps), "kills": len(left), "twice": harness.twice}
    record_property("kills", row | counts)


@some(FIRST, ())
def test_killed_while_it_is_made_or_filled_a_new_store_is_whole_afterwards(
    store: Store, zygote: CarryOut, name: str, record_property: Callable[[str, object], None]
) -> None:
    case, notes, left = FIRST[name], store.folder / "new.notes", Counter[str]()
    notes.touch()
    with opened("memory:", notes, ACTING, ids=0) as desk:
        prepare_little(desk)
        desk.store.backup(store.folder / BACKUP, replace=True)
        expected = records_of(desk) if case.changes else {}

    def run(fatal: int, *, when_sent: bool) -> tuple[int, list[str]]:
        store.make("new")
        url = store.url("new")
        return zygote(case=name, url=url, notes=str(notes), ids=0, fatal=fatal, when_sent=when_sent)

    ended, steps = run(0, when_sent=False)
    assert (ended, len(steps) > 20) == (0, True)
    for fatal, when_sent in product(range(1, len(steps) + 1), store.ways):
        ended, _ = run(fatal, when_sent=when_sent)
        assert ended == KILLED
        store.left_alone("new")
        with opened(store.url("new"), notes, ACTING, ids=10**6) as desk:
            ready, records = desk.store_status().ready, records_of(desk)
            left["whole" if ready and records == expected else "nothing"] += 1
            assert records in (expected, {})
            if records != expected:
                case.act(desk)()
            assert records_of(desk) == expected
            assert desk.store.verify().flaws == 0
            assert desk.tickets.create("first", action_by="ann").ticket_number > len(of_kind(expected, Ticket))
    assert left["nothing"] * left["whole"] > 0
    row = {"case": name, "store": store.name, "steps": len(steps), "kills": left.total(), "part": 0, "twice": 0}
    record_property("kills", row | {how: left[how] for how in ("nothing", "whole")})


@some(FAULTY, {("sqlite", name) for name in FAULTY})
def test_what_is_wrong_is_noticed(store: Store, zygote: CarryOut, name: str) -> None:
    harness = Harness(store, zygote, name)
    harness.prepare()
    with pytest.raises(AssertionError, match="step"):
        harness.kill_everywhere()
