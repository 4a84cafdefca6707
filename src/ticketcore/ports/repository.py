"""The repository port: where tickets, and everything around them, are kept.

A repository gives transactions; a transaction has few methods, which take and return the frozen records
of :mod:`ticketcore.domain`. Questions are :class:`~ticketcore.domain.query.Query` values, never SQL. The
contract below is checked by :class:`ticketcore.testing.repository.RepositorySuite`, which every adapter,
ours or a third party's, has to pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol, TypeVar

from attrs import frozen

from ticketcore.domain.events import OutboxMessage
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.jobs import JobState
from ticketcore.domain.people import Person, User
from ticketcore.domain.policy import AssignRule, SlaPolicy
from ticketcore.domain.query import Query
from ticketcore.domain.recurrence import Schedule
from ticketcore.domain.template import Template
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.version import VersionRow
from ticketcore.domain.work import Comment, Link, PullRequestTicket, Signoff, Task, TimeEntry

R = TypeVar("R")


@frozen
class Kind:
    """How records of one kind are kept: the field that is their key, and what the store gives them."""

    key: str
    given: str = ""
    """The field that the store numbers itself (upwards, never reused) when it is 0."""
    versioned: bool = False
    """Whether ``row_version`` guards against lost updates."""
    unique: tuple[tuple[str, ...], ...] = ()
    """Further groups of fields of which no two records may have equal values."""
    alone: bool = False
    """Whether of two transactions that add such records at once, one gets a ConflictError (or waits for the other
    before it has read anything): what must hold for all of them together could not be checked otherwise."""


KINDS: dict[type, Kind] = {
    Ticket: Kind("guid", given="ticket_number", versioned=True, unique=(("ticket_number",),)),
    HistoryEntry: Kind("guid", unique=(("ticket_guid", "seq"),)),
    Comment: Kind("guid"),
    Task: Kind("guid"),
    Link: Kind("guid", unique=(("source_guid", "target_guid", "link_type"),), alone=True),
    TimeEntry: Kind("guid"),
    Signoff: Kind("guid", unique=(("ticket_guid", "email"),)),
    PullRequestTicket: Kind("pr_key"),
    VersionRow: Kind("guid", unique=(("ticket_guid", "version"),)),
    Template: Kind("guid", unique=(("package", "name"),)),
    Schedule: Kind("guid", versioned=True),
    AssignRule: Kind("id", given="id"),
    SlaPolicy: Kind("id", given="id"),
    Person: Kind("person_guid", unique=(("email",),)),
    User: Kind("username"),
    OutboxMessage: Kind("guid"),
    JobState: Kind("name"),
}
"""The kinds of records that a repository keeps."""


class Transaction(Protocol):
    """One unit of work: everything in it is stored, or nothing.

    It sees its own writes, and otherwise a state of the store that no other transaction changes while it lasts
    (or it notices at the latest when it ends, by a ConflictError). It belongs to the thread that opened it.
    Writing in a read-only one, and using one that is over, raise RepositoryError.
    """

    def add(self, record: R) -> R:
        """Store a new record and return it as stored, with the number that the store gave it.

        Raises:
            ConflictError: a record with the same key, or equal values in a unique group, exists; the
                transaction can only be given up then. It may come as late as the end of the transaction.
        """

    def add_many(self, records: Sequence[R]) -> list[R]:
        """Store new records of one kind and return them as stored, in the same order; see :meth:`add`."""

    def get(self, kind: type[R], key: str | int) -> R | None:
        """Return the record of ``kind`` with this key, ``None`` if there is none."""

    def save(self, record: R) -> R:
        """Store a record that exists and return it as stored.

        A versioned kind is stored only if the stored ``row_version`` is that of ``record``, and comes back
        with the next one. Other kinds are overwritten.

        Raises:
            ConflictError: the stored version is another one, or the record is not there any more.
        """

    def remove(self, record: object) -> None:
        """Delete a record; that it is gone already is no error."""

    def find(self, query: Query[R]) -> list[R]:
        """Return what ``query`` asks for; :func:`ticketcore.domain.query.select` defines the answer."""

    def count(self, query: Query[Any]) -> int:
        """Return how many records the conditions of ``query`` fit; order, limit and after do not matter."""

    def count_by(self, query: Query[Any], field: str) -> dict[Any, int]:
        """Return the same count for each value of ``field`` that occurs."""

    def claim(self, query: Query[OutboxMessage], until: datetime) -> list[OutboxMessage]:
        """Return what ``query`` finds, after moving its ``next_attempt`` to ``until``.

        Two transactions never both get the same message: whoever comes second finds it moved (or skips
        what another one is just claiming).
        """


@frozen
class StoreStatus:
    """What a repository says of itself: where it is, which schema it has and which one it should have."""

    location: str
    state: str
    """One of "ready", "missing", "outdated", "newer", "foreign"."""
    revision: str = ""
    expected: str = ""

    @property
    def ready(self) -> bool:
        """Whether it can be worked with."""
        return self.state == "ready"


class Repository(Protocol):
    """A place where records are kept. It is safe to share between threads."""

    def transaction(self, *, read_only: bool = False) -> AbstractContextManager[Transaction]:
        """Open a transaction: leaving the block stores it, an exception leaves nothing behind.

        A read-only one does not hold up writers, and changes nothing. Once a writing one has been left without an
        exception, its changes survive a crash of the process (and a power cut, where the store is durable).

        Raises:
            RepositoryBusyError: the store is locked or out of reach for longer than its time-out.
            SchemaError: the store is not one of this version.
            RepositoryError: anything else that the store cannot do (read-only, full, damaged).
        """

    def prepare(self) -> StoreStatus:
        """Make a new, empty store ready for use; leave one that is ready as it is.

        Raises:
            SchemaError: it holds something else, or a schema of another version.
        """

    def upgrade(self) -> StoreStatus:
        """Bring the schema up to date; make a new store ready, leave a current one as it is.

        Raises:
            SchemaError: it holds something else, or a schema newer than this version knows.
        """

    def status(self) -> StoreStatus:
        """Say where the store is and whether it is ready, without changing it."""

    def close(self) -> None:
        """Give back every connection; calling it twice is no error."""
