# ruff: noqa: S101 - a suite checks by assertions
"""What all tests of the suite share: the adapter's claims, and ways to use a repository."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import attrs
import pytest
from attrs import evolve

from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.jobs import JobState
from ticketcore.domain.people import Person, User
from ticketcore.domain.policy import AssignRule, SlaPolicy
from ticketcore.domain.query import Condition, Op, Order, Query, eq
from ticketcore.domain.recurrence import Schedule
from ticketcore.domain.template import Template
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.version import VersionRow
from ticketcore.domain.work import Comment, Link, PullRequestTicket, Signoff, Task, TimeEntry
from ticketcore.errors import ConflictError, RepositoryBusyError
from ticketcore.ports.repository import KINDS, Repository, Transaction
from ticketcore.testing.claims import Claims
from ticketcore.testing.records import NOW, make_comment

R = TypeVar("R")
T = TypeVar("T")

PATIENCE = 20.0
"""Seconds that threads may take; those that take longer wait for something that never comes."""

ATTEMPTS = 1_000
"""How often a transaction is repeated that met a conflict."""

NUMBERED = [kind for kind, facts in KINDS.items() if facts.given]
"""The kinds that the store numbers."""

_CHANGED: dict[type, str] = {
    Ticket: "subject",
    HistoryEntry: "note",
    Comment: "text",
    Task: "description",
    Link: "created_by",
    TimeEntry: "description",
    Signoff: "note",
    PullRequestTicket: "ticket_guid",
    VersionRow: "changes",
    Template: "description",
    Schedule: "last_error",
    AssignRule: "assign_to",
    SlaPolicy: "calendar",
    Person: "name",
    User: "email",
    OutboxMessage: "last_error",
    JobState: "memory",
}
"""A field of each kind that a test changes: free text."""


class Suite(Claims):
    """What an adapter's author says of it."""

    durable: ClassVar[bool] = False
    """Claims that what was committed is there when the store is closed and opened again."""

    shared: ClassVar[bool] = False
    """Claims that several repositories (so several processes) can have one store open at once."""

    def make_repository(self, tmp_path: Path) -> Repository:
        """Return a repository on a new, empty store that is ready for use."""
        message = f"{type(self).__name__} has to define make_repository(tmp_path)"
        raise NotImplementedError(message)

    def reopen(self, repository: Repository) -> Repository:
        """Return another repository on the same store.

        Only asked for where ``durable`` is claimed (``repository`` is closed then) or ``shared``
        (it stays open).
        """
        message = f"{type(self).__name__} has to define reopen(repository)"
        raise NotImplementedError(message)

    @pytest.fixture
    def repository(self, tmp_path: Path) -> Iterator[Repository]:
        """Give each test a repository of its own."""
        repository = self.make_repository(tmp_path)
        yield repository
        repository.close()


class ExpectedError(Exception):
    """What a test raises to have a transaction undone."""


def equal(actual: object, expected: object, what: str) -> None:
    """Check that two values are equal; ``what`` says what they are."""
    assert actual == expected, f"{what}\n  expected: {expected!r}\n  got:      {actual!r}"


def same(actual: object, expected: object, what: str) -> None:
    """Check that a record came back with the values that it had, and their types."""
    kind = type(expected)
    assert type(actual) is kind, f"{what}: expected {expected!r}, got {actual!r}"
    for field in attrs.fields(cast("Any", kind)):
        got, wanted = getattr(actual, field.name), getattr(expected, field.name)
        name = f"{what}: {kind.__name__}.{field.name} is not what was stored"
        equal(got, wanted, name)
        equal(type(got), type(wanted), f"{name}: its type")
        if isinstance(got, datetime):
            equal(got.utcoffset(), timedelta(0), f"{name}: its offset from UTC")


def raised(job: Callable[..., object], *arguments: object) -> Exception | None:
    """Return what ``job`` raises."""
    try:
        job(*arguments)
    except Exception as error:  # noqa: BLE001 - the caller says which one it should be
        return error
    return None


def at_once(*jobs: Callable[[], T], patience: float = PATIENCE) -> list[T]:
    """Run every job in a thread of its own, all at once, and return what they return."""
    results: dict[int, T] = {}
    errors: list[BaseException] = []
    start = threading.Barrier(len(jobs), timeout=patience)

    def run(place: int, job: Callable[[], T]) -> None:
        try:
            start.wait()
            results[place] = job()
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(jobs)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + patience
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    for error in errors:
        raise error
    stuck = sum(thread.is_alive() for thread in threads)
    assert not stuck, f"{stuck} of {len(jobs)} threads still wait after {patience:g} seconds"
    return [results[place] for place in range(len(jobs))]


def persistently(job: Callable[[], T]) -> T:
    """Repeat ``job`` until no other transaction comes in between, as a service does."""
    for _ in range(ATTEMPTS):
        with suppress(ConflictError, RepositoryBusyError):
            return job()
    message = f"{ATTEMPTS} attempts in a row met a conflict"
    raise AssertionError(message)


@contextmanager
def undone(repository: Repository) -> Iterator[Transaction]:
    """Open a transaction that is given up at the end of the block."""
    with suppress(ExpectedError), repository.transaction() as transaction:
        yield transaction
        raise ExpectedError


def store(repository: Repository, *records: R) -> list[R]:
    """Store ``records`` in a transaction of its own."""
    with repository.transaction() as transaction:
        return [transaction.add(record) for record in records]


def save(repository: Repository, record: R) -> R:
    """Save ``record`` in a transaction of its own."""
    with repository.transaction() as transaction:
        return transaction.save(record)


def remove(repository: Repository, *records: object) -> None:
    """Remove ``records`` in a transaction of its own."""
    with repository.transaction() as transaction:
        for record in records:
            transaction.remove(record)


def find(repository: Repository, query: Query[R]) -> list[R]:
    """Return what is found in a transaction of its own."""
    with repository.transaction(read_only=True) as transaction:
        return transaction.find(query)


def get(repository: Repository, record: R) -> R | None:
    """Return what is stored under the key of ``record``."""
    with repository.transaction(read_only=True) as transaction:
        return transaction.get(type(record), key_of(record))


def every(kind: type) -> Query[Any]:
    """Return the question for all records of ``kind``, in the order of their keys."""
    return Query(kind, order=(Order(KINDS[kind].key),))


def contents(repository: Repository) -> dict[type, list[object]]:
    """Return everything that is stored."""
    with repository.transaction(read_only=True) as transaction:
        return {kind: transaction.find(every(kind)) for kind in KINDS}


def key_of(record: object) -> Any:
    """Return the key of ``record``."""
    return getattr(record, KINDS[type(record)].key)


def number_of(record: object) -> int:
    """Return the number that the store gave ``record``."""
    number: int = getattr(record, KINDS[type(record)].given)
    return number


def changed(record: R, text: str = "changed") -> R:
    """Return ``record`` with ``text`` in one of its fields."""
    other: R = evolve(cast("Any", record), **{_CHANGED[type(record)]: text})
    return other


def due(limit: int | None = None) -> Query[OutboxMessage]:
    """Return the question a worker asks: what has to be sent now."""
    return Query(
        OutboxMessage,
        where=(eq("state", OutboxState.PENDING), Condition("next_attempt", Op.LE, NOW)),
        order=(Order("next_attempt"), Order("guid")),
        limit=limit,
    )


def conflicts(repository: Repository, method: str, argument: object, what: str) -> None:
    """Check that the call, or for an add the end of its transaction, raises ConflictError, and nothing is left."""
    before = contents(repository)

    def attempt() -> None:
        with repository.transaction() as transaction:
            transaction.add(make_comment())
            error = raised(getattr(transaction, method), argument)
            if error is None and method != "save":
                return
            assert isinstance(error, ConflictError), (
                f"{what}: {method} should raise a ConflictError, but it raised {error!r}"
            )
            raise error

    with pytest.raises(ConflictError):
        attempt()
    equal(contents(repository), before, f"{what}: the transaction must leave nothing behind")
