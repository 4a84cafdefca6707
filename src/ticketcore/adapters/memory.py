"""A repository that keeps its records in the memory of the process, for as long as that lives.

Writers take turns: each has the store to itself, so its transaction is serial. What it changes
stays in an overlay of its own until it is committed. A read-only transaction pins the tables that
it sees, and a commit puts a changed copy in the place of a pinned table instead of changing it. So
readers see a stable state without ever waiting for a writer, and a commit costs no more than what
it changes, unless somebody is reading at that moment.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar, cast

from attrs import evolve

from ticketcore.domain.events import OutboxMessage
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.query import Condition, Expression, Op, Query, select
from ticketcore.domain.version import VersionRow
from ticketcore.domain.work import Comment, Link, PullRequestTicket, Signoff, Task, TimeEntry
from ticketcore.errors import ConflictError, RepositoryBusyError, RepositoryError
from ticketcore.ports.repository import KINDS, StoreStatus

R = TypeVar("R")
Key = str | int
Group = tuple[str, ...]

_INDEXED: dict[type, tuple[str, ...]] = {
    HistoryEntry: ("ticket_guid",),
    Comment: ("ticket_guid",),
    Task: ("ticket_guid",),
    Link: ("source_guid", "target_guid"),
    TimeEntry: ("ticket_guid",),
    Signoff: ("ticket_guid",),
    PullRequestTicket: ("ticket_guid",),
    VersionRow: ("ticket_guid",),
    OutboxMessage: ("ticket_guid", "state"),
}
"""What else is asked for so often that nobody should have to look through all records."""


class _Table:
    """The records of one kind by their key, and the keys by the values of each group of fields."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.key_field = KINDS[kind].key
        self.records: dict[Key, Any] = {}
        groups = {*KINDS[kind].unique, *((field,) for field in _INDEXED.get(kind, ()))}
        # The keys of a group are those of a dictionary, so that they stay in the order of arrival.
        self.groups: dict[Group, dict[Any, dict[Key, None]]] = {group: {} for group in groups}
        self.pins = 0

    def copy(self) -> _Table:
        """Return a table that can be changed without changing this one."""
        other = _Table(self.kind)
        other.records = self.records.copy()
        other.groups = {
            group: {values: keys.copy() for values, keys in held.items()} for group, held in self.groups.items()
        }
        return other

    def put(self, key: Key, record: object) -> None:
        """Store ``record``, in the place of the one with its key if there is one."""
        self._forget(key)
        self.records[key] = record
        for group, held in self.groups.items():
            held.setdefault(attrgetter(*group)(record), {})[key] = None

    def drop(self, key: Key) -> None:
        """Take the record with ``key`` out, if it is there."""
        self._forget(key)
        self.records.pop(key, None)

    def _forget(self, key: Key) -> None:
        """Take ``key`` out of every group."""
        record = self.records.get(key)
        if record is None:
            return
        for group, held in self.groups.items():
            values = attrgetter(*group)(record)
            del held[values][key]
            if not held[values]:
                del held[values]

    def candidates(self, where: Iterable[Expression]) -> Iterable[tuple[Key, Any]]:
        """Return the keys and records that may fit ``where``: few if it names an indexed field."""
        choices = [keys for part in where if (keys := self._keys(part)) is not None]
        if not choices:
            return self.records.items()
        return [(key, self.records[key]) for key in min(choices, key=len)]

    def _keys(self, part: Expression) -> dict[Key, None] | None:
        """Return the keys of all records that can fit ``part``, ``None`` if no index tells."""
        if not isinstance(part, Condition) or part.op not in {Op.EQ, Op.IN}:
            return None
        values = part.value if part.op is Op.IN else (part.value,)
        if not all(isinstance(value, str | int) for value in values):
            return None
        if part.field == self.key_field:
            return dict.fromkeys(value for value in values if value in self.records)
        held = self.groups.get((part.field,))
        if held is None:
            return None
        return dict.fromkeys(key for value in values for key in held.get(value, ()))


class _Overlay:
    """What one transaction sees of a table: the stored one, under changes of its own."""

    def __init__(self, stored: _Table) -> None:
        self.stored = stored
        self.own = _Table(stored.kind)
        self.hidden: dict[Key, None] = {}

    def get(self, key: Key) -> object:
        """Return the record with ``key``, ``None`` if there is none."""
        if key in self.hidden:
            return self.own.records.get(key)
        return self.stored.records.get(key)

    def put(self, key: Key, record: object) -> None:
        """Store ``record``."""
        self.hidden[key] = None
        self.own.put(key, record)

    def drop(self, key: Key) -> None:
        """Take a record out."""
        self.hidden[key] = None
        self.own.drop(key)

    def candidates(self, where: Sequence[Expression]) -> Iterator[Any]:
        """Yield the records that may fit ``where``."""
        for key, record in self.stored.candidates(where):
            if key not in self.hidden:
                yield record
        for _, record in self.own.candidates(where):
            yield record

    def holder(self, group: Group, record: object) -> Key | None:
        """Return the key of a record that has the same values in ``group`` as ``record``."""
        values = attrgetter(*group)(record)
        for key in self.own.groups[group].get(values, ()):
            return key
        for key in self.stored.groups[group].get(values, ()):
            if key not in self.hidden:
                return key
        return None

    def apply_to(self, table: _Table) -> None:
        """Make the same changes in ``table``."""
        for key in self.hidden:
            if key in self.own.records:
                table.put(key, self.own.records[key])
            else:
                table.drop(key)


class MemoryTransaction:
    """A unit of work in memory; see :class:`ticketcore.ports.repository.Transaction`.

    A conflict spoils it, as it does on a database server: everything after that is refused, and so
    is storing it. Otherwise a caller that goes on after a conflict would store half of its work.
    """

    def __init__(self, tables: Mapping[type, _Table], numbers: dict[type, int], *, read_only: bool) -> None:
        """Work on ``tables``, which nobody else changes; ``numbers`` are the last ones given."""
        self._tables = tables
        self._numbers = numbers
        self._read_only = read_only
        self._overlays: dict[type, _Overlay] = {}
        self._thread = threading.get_ident()
        self._refusal = ""

    def add(self, record: R) -> R:
        """Store one new record."""
        overlay = self._writable(type(record), "add")
        numbered = self._numbered(record)
        key = self._key(numbered)
        if overlay.get(key) is not None:
            raise self._conflict(record, key)
        self._put(overlay, key, numbered)
        return numbered

    def add_many(self, records: Sequence[R]) -> list[R]:
        """Store new records of one kind."""
        return [self.add(record) for record in records]

    def get(self, kind: type[R], key: str | int) -> R | None:
        """Return one record by its key."""
        return cast("R | None", self._overlay(kind).get(key))

    def save(self, record: R) -> R:
        """Overwrite a record, if it is still the one that was read."""
        overlay = self._writable(type(record), "save")
        key = self._key(record)
        stored = overlay.get(key)
        if stored is None:
            raise self._conflict(record, _name(record))
        if KINDS[type(record)].versioned:
            expected, actual = _version(record), _version(stored)
            if expected != actual:
                raise self._conflict(record, _name(record), expected=expected, actual=actual)
            record = _with(record, "row_version", actual + 1)
        self._put(overlay, key, record)
        return record

    def remove(self, record: object) -> None:
        """Delete a record."""
        self._writable(type(record), "remove").drop(self._key(record))

    def find(self, query: Query[R]) -> list[R]:
        """Return what the query asks for."""
        return select(self._overlay(query.kind).candidates(query.where), query, self.find)

    def count(self, query: Query[Any]) -> int:
        """Return how many records fit."""
        return len(self.find(_unpaged(query)))

    def count_by(self, query: Query[Any], field: str) -> dict[Any, int]:
        """Return how many records fit, for each value of a field."""
        return dict(Counter(getattr(record, field) for record in self.find(_unpaged(query))))

    def claim(self, query: Query[OutboxMessage], until: datetime) -> list[OutboxMessage]:
        """Take what is due, so that nobody else does before ``until``."""
        self._writable(query.kind, "claim")
        return [self.save(evolve(message, next_attempt=until)) for message in self.find(query)]

    def changes(self) -> Mapping[type, _Overlay]:
        """Return what is to be stored.

        Raises:
            RepositoryError: a conflict has spoilt the transaction.
        """
        self._check()
        return self._overlays

    def end(self, why: str = "this transaction is over") -> None:
        """Refuse every further call, saying ``why``."""
        self._refusal = why

    def _check(self) -> None:
        if self._refusal:
            raise RepositoryError(self._refusal, hint="open a new one")
        if self._thread != threading.get_ident():
            raise RepositoryError("this transaction belongs to another thread", hint="open one in each thread")

    def _overlay(self, kind: type) -> _Overlay:
        self._check()
        if kind not in self._tables:
            raise RepositoryError(f"a repository does not keep records of kind {kind.__name__}")
        if kind not in self._overlays:
            self._overlays[kind] = _Overlay(self._tables[kind])
        return self._overlays[kind]

    def _writable(self, kind: type, verb: str) -> _Overlay:
        overlay = self._overlay(kind)
        if self._read_only:
            raise RepositoryError(
                f"a read-only transaction cannot {verb} a {kind.__name__}",
                hint="open one without read_only",
            )
        return overlay

    def _numbered(self, record: R) -> R:
        """Return ``record`` with the next number, if it is of a numbered kind and has none."""
        field = KINDS[type(record)].given
        if not field:
            return record
        last = self._numbers[type(record)]
        number = getattr(record, field) or last + 1
        # Kept outside of the transaction: a number that was given once is never given again.
        self._numbers[type(record)] = max(last, number)
        return _with(record, field, number)

    def _put(self, overlay: _Overlay, key: Key, record: object) -> None:
        """Store ``record`` unless another one has its values in a unique group."""
        for group in KINDS[type(record)].unique:
            if overlay.holder(group, record) not in {None, key}:
                values = ", ".join(f"{field} {getattr(record, field)}" for field in group)
                raise self._conflict(record, f"with {values}")
        overlay.put(key, record)

    def _key(self, record: object) -> Key:
        key: Key = getattr(record, KINDS[type(record)].key)
        return key

    def _conflict(
        self, record: object, what: Key, *, expected: int | None = None, actual: int | None = None
    ) -> ConflictError:
        """Return the error to raise, and refuse every further call."""
        self.end("this transaction had a conflict and can only be given up")
        kind = type(record).__name__.lower()
        return ConflictError(kind, what, expected=expected, actual=actual)


def _name(record: object) -> Key:
    """Return what people call ``record``: its number where it has one."""
    facts = KINDS[type(record)]
    name: Key = attrgetter(facts.given or facts.key)(record)
    return name


def _version(record: object) -> int:
    version: int = cast("Any", record).row_version
    return version


def _with(record: R, field: str, value: int) -> R:
    """Return ``record`` with another value in ``field``."""
    changed: R = evolve(cast("Any", record), **{field: value})
    return changed


def _unpaged(query: Query[R]) -> Query[R]:
    return evolve(query, order=(), limit=None, after=None)


class MemoryRepository:
    """Records in memory; see :class:`ticketcore.ports.repository.Repository`."""

    def __init__(self, *, timeout: float = 30.0) -> None:
        """Start empty and ready for use.

        Args:
            timeout: seconds to wait for another thread's writing transaction before giving up.
        """
        self._timeout = timeout
        self._tables = {kind: _Table(kind) for kind in KINDS}
        self._numbers = dict.fromkeys(KINDS, 0)
        self._writing = threading.Lock()
        self._writer: int | None = None
        # Held for moments only, while the tables are pinned, released or replaced.
        self._changing = threading.Lock()
        self._closed = False

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[MemoryTransaction]:
        """Open a transaction."""
        self._refuse_if_closed()
        with self._pinned() if read_only else self._alone() as tables:
            transaction = MemoryTransaction(tables, self._numbers, read_only=read_only)
            try:
                yield transaction
                if not read_only:
                    self._commit(transaction)
            finally:
                transaction.end()

    @contextmanager
    def _pinned(self) -> Iterator[Mapping[type, _Table]]:
        """Keep the tables as they are now, inside the block."""
        with self._changing:
            tables = self._tables.copy()
            for table in tables.values():
                table.pins += 1
        try:
            yield tables
        finally:
            with self._changing:
                for table in tables.values():
                    table.pins -= 1

    @contextmanager
    def _alone(self) -> Iterator[Mapping[type, _Table]]:
        """Keep other writers out, inside the block."""
        if self._writer == threading.get_ident():
            raise RepositoryError("this thread has a writing transaction open already", hint="use that one")
        if not self._writing.acquire(timeout=self._timeout):
            raise RepositoryBusyError(
                f"another thread has been writing for more than {self._timeout:g} seconds",
                hint="repeat it later; nothing was changed",
            )
        try:
            self._writer = threading.get_ident()
            yield self._tables
        finally:
            self._writer = None
            self._writing.release()

    def _commit(self, transaction: MemoryTransaction) -> None:
        """Store what ``transaction`` has changed."""
        self._refuse_if_closed()
        changes = transaction.changes()
        with self._changing:
            for kind, overlay in changes.items():
                if overlay.hidden:
                    table = self._tables[kind]
                    if table.pins:
                        self._tables[kind] = table = table.copy()
                    overlay.apply_to(table)

    def prepare(self) -> StoreStatus:
        """Do nothing: it is ready from the start."""
        return self.status()

    upgrade = prepare

    def status(self) -> StoreStatus:
        """Say that it is ready."""
        self._refuse_if_closed()
        return StoreStatus("memory", "ready")

    def last_numbers(self) -> Mapping[type, int]:
        """Return the highest numbers that were ever given; see :class:`ticketcore.ports.inspection.Numbering`."""
        return {kind: self._numbers[kind] for kind, facts in KINDS.items() if facts.given}

    def close(self) -> None:
        """Refuse every further use."""
        self._closed = True

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise RepositoryError("this repository is closed", hint="open a new one")
