"""One transaction on an SQL database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from attrs import evolve
from sqlalchemy.engine import Connection

from ticketcore.adapters.sql import reading, statements
from ticketcore.adapters.sql.backend import Backend
from ticketcore.adapters.sql.errors import translated
from ticketcore.adapters.sql.finding import Finder
from ticketcore.adapters.sql.reading import Select
from ticketcore.adapters.sql.tables import FIELDS, REFERENCE, TABLES
from ticketcore.domain.events import OutboxMessage
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.query import Query
from ticketcore.domain.search import TEXTS
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.version import VersionRow
from ticketcore.domain.work import Comment
from ticketcore.errors import ConflictError, RepositoryError
from ticketcore.ports.repository import KINDS

R = TypeVar("R")

REMEMBERED = "ticketcore_remembered"
_MOST_REMEMBERED = 1024
_MANY = 20
_LATER = frozenset({HistoryEntry, VersionRow, OutboxMessage})  # nothing depends on whether they are there
_SEARCHED: dict[type, tuple[str, ...]] = {Ticket: TEXTS, Comment: ("text",)}
_KEY, _SEEN = statements.KEY, statements.SEEN


class Remembered:
    """The answers to questions about reference kinds, on one connection, until somebody writes.

    The backend's mark says whether anybody else has; this connection's own writes forget at once.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.mark: object = None
        self.answers: dict[Query[Any], list[Any]] = {}

    def check(self, mark: object) -> None:
        """Forget everything if ``mark`` is not the one that it was."""
        if mark != self.mark or len(self.answers) > _MOST_REMEMBERED:
            self.answers.clear()
        self.mark = mark

    def forget(self) -> None:
        """Forget everything."""
        self.answers.clear()
        self.mark = None


def key_of(record: object) -> Any:
    """Return the key of ``record``."""
    return getattr(record, KINDS[type(record)].key)


@lru_cache(maxsize=64)
def _all_but(kind: type, key: str, given: str) -> tuple[str, ...]:
    return tuple(name for name in FIELDS[kind] if name not in {key, given})


def _changed(record: R, field: str, value: object) -> R:
    changed: R = evolve(cast("Any", record), **{field: value})
    return changed


class SqlTransaction:
    """A transaction on one connection; see :class:`ticketcore.ports.repository.Transaction`."""

    def __init__(self, connection: Connection, backend: Backend, *, read_only: bool) -> None:
        """Work on ``connection``, which has begun a transaction."""
        self._backend = backend
        self._connection: Connection | None = connection
        self.read_only = read_only
        self._remembered: Remembered = connection.info.setdefault(REMEMBERED, Remembered())
        self._mark: object = None
        self._wrote_reference = False
        self._untouched = True
        self._had_conflict = False
        self._sees_others = False  # and not one snapshot
        self._read: dict[tuple[type, Any], Any] = {}
        self.witness: object = None
        """A record that was added: it is there afterwards if the transaction was stored."""

    def end(self) -> None:
        """Give the connection back; using the transaction after that is an error."""
        self._connection = None

    @property
    def left_mark(self) -> bool:
        """Whether it has left a mark for others to notice."""
        return self._wrote_reference

    @property
    def seen_mark(self) -> object:
        """The mark as this transaction has seen it, if it has."""
        return self._mark

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Turn a driver's error inside the block into ours; after a conflict the transaction can only be given up."""
        try:
            with translated(self._backend):
                yield
        except ConflictError:
            self._had_conflict = True
            raise

    def check(self) -> None:
        """Refuse to go on after a conflict.

        Raises:
            RepositoryError: there was one.
        """
        if self._had_conflict:
            raise RepositoryError("this transaction had a conflict and cannot be stored", hint="repeat all of it")

    def _execute(self, statement: Any, values: Any) -> sa.CursorResult[Any]:
        connection = self._live()
        with self._noticing():
            return connection.execute(statement, values)

    def _live(self) -> Connection:
        if self._connection is None:
            raise RepositoryError("this transaction is over", hint="open a new one")
        self.check()
        self._untouched = False
        return self._connection

    def _writes(self, kind: type) -> None:
        if self.read_only:
            raise RepositoryError(f"a read-only transaction cannot change a {kind.__name__}")
        if kind in REFERENCE:
            self._remembered.forget()
            if not self._wrote_reference:
                with self._noticing():
                    self._backend.leave_mark(self._live())
                self._wrote_reference = True

    def add(self, record: R) -> R:
        """Store one new record."""
        return self.add_many([record])[0]

    def add_now(self, record: object) -> None:
        """Store one new record, without its words, and wait until the database has answered.

        Raises:
            ConflictError: it is there already.
        """
        connection = self._live()
        kind: Any = type(record)
        insert = statements.prepared(kind, "", connection.dialect)
        with self._noticing():
            self._backend.run(connection, insert.text, insert.row(record))

    def add_many(self, records: Sequence[R]) -> list[R]:
        """Store new records of one kind."""
        if not records:
            return []
        kind: Any = type(records[0])
        self._writes(kind)
        given = KINDS[kind].given
        if KINDS[kind].alone:
            with self._noticing():
                self._backend.meet(self._live(), kind)
        if given:
            stored = self._add_numbered(kind, given, records)
        else:
            self._insert(kind, records)
            stored = list(records)
            self.witness = stored[-1]
        if self.witness is None:
            self.witness = stored[-1]
        if kind in _SEARCHED:
            self._index("add", stored)
        return stored

    def _add_numbered(self, kind: Any, given: str, records: Sequence[R]) -> list[R]:
        brought = [record for record in records if getattr(record, given)]  # with their numbers (an import)
        if brought:
            self._insert(kind, brought)
            highest = max(getattr(record, given) for record in brought)
            with self._noticing():
                self._backend.count_on(self._live(), TABLES[kind].c[given], highest)
        return [record if getattr(record, given) else self._add_one(kind, given, record) for record in records]

    def _add_one(self, kind: Any, given: str, record: R) -> R:
        connection = self._live()
        insert = statements.prepared(kind, given, connection.dialect)
        with self._noticing():
            number = self._backend.add_numbered(connection, insert, insert.row(record))
        return _changed(record, given, number)

    def _insert(self, kind: Any, records: Sequence[Any]) -> None:
        """Add records by the driver itself, which takes a third of the time that SQLAlchemy's own way takes."""
        connection = self._live()
        insert = statements.prepared(kind, "", connection.dialect)
        rows = [insert.row(record) for record in records]
        with self._noticing():
            if kind in _LATER and len(rows) < _MANY:
                for row in rows:
                    self._backend.run_later(connection, insert.text, row)
            elif len(rows) == 1:
                self._backend.run(connection, insert.text, rows[0])
            else:
                self._backend.run_many(connection, insert, rows)

    def _index(self, how: str, records: Sequence[Any]) -> None:
        """Let what words are looked for in follow ``records``."""
        connection = self._live()
        with self._noticing():
            self._backend.index(connection, how, records)

    def get(self, kind: type[R], key: str | int) -> R | None:
        """Return one record by its key."""
        select = reading.get(cast("Any", kind), KINDS[kind].key, self._live().dialect)
        found = next(statements.records(kind, self._rows(select, {"key": key})), None)
        if found is not None:
            self._read[kind, key] = found
        return found

    def save(self, record: R) -> R:
        """Overwrite a record, if it is still the one that was read."""
        kind: Any = type(record)
        self._writes(kind)
        facts = KINDS[kind]
        key = getattr(record, facts.key)
        before = self._read.get((kind, key))
        seen = getattr(record, "row_version", None) if facts.versioned else None
        stored = record if seen is None else _changed(record, "row_version", seen + 1)
        # If this very version was read in this transaction, nobody can have stored another one without a conflict.
        is_fresh = seen is not None and before is not None and before.row_version == seen
        if is_fresh:
            fields = tuple(name for name in FIELDS[kind] if getattr(before, name) != getattr(stored, name))
        else:
            fields = _all_but(kind, facts.key, facts.given)
        if not self._update(stored, fields, seen, later=is_fresh and kind is Ticket and not self._sees_others):
            there = self.get(kind, key)
            self._had_conflict = True
            name = getattr(record, facts.given) if facts.given else key
            actual = getattr(there, "row_version", None)
            raise ConflictError(kind.__name__.lower(), name, expected=seen, actual=actual)
        texts = _SEARCHED.get(kind)
        if texts and (before is None or any(getattr(before, name) != getattr(record, name) for name in texts)):
            self._index("save", [record])
        self._read[kind, key] = stored
        return stored

    def _update(self, record: Any, fields: tuple[str, ...], seen: int | None, *, later: bool = False) -> bool:
        """Overwrite ``fields`` of a record if it still has the version ``seen``; return whether it was there."""
        connection = self._live()
        kind: Any = type(record)
        update = reading.update(kind, fields, connection.dialect, versioned=seen is not None)
        values = update.values({name: getattr(record, name) for name in fields} | {_KEY: key_of(record), _SEEN: seen})
        with self._noticing():
            if later:
                self._backend.run_later(connection, update.text, values)
                return True
            return bool(self._backend.run(connection, update.text, values).rowcount == 1)

    def remove(self, record: object) -> None:
        """Delete a record."""
        kind: Any = type(record)
        self._writes(kind)
        if kind in _SEARCHED:
            self._index("remove", [record])
        key = KINDS[kind].key
        self._read.pop((kind, getattr(record, key)), None)
        self._execute(statements.delete(kind, key), {"key": getattr(record, key)})

    def find(self, query: Query[R]) -> list[R]:
        """Return what the query asks for."""
        if query.kind not in REFERENCE or self._wrote_reference:
            return self._find(query)
        if self._mark is None:
            with self._noticing():
                self._mark = self._backend.mark(self._live())
            self._remembered.check(self._mark)
        answers = self._remembered.answers
        found = answers.get(query)
        if found is None:
            found = answers[query] = self._find(query)
        return list(found)

    def _find(self, query: Query[R]) -> list[R]:
        found = self._finder().find(query)
        if not self.read_only and len(found) < _MANY:
            self._read.update({(query.kind, key_of(record)): record for record in found})
        return found

    def _finder(self) -> Finder:
        return Finder(self._backend, self._live().dialect, self._rows)

    def _rows(self, select: Select, values: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """Run ``select`` by the driver itself, and yield its rows."""
        connection = self._live()
        with self._noticing():
            run = self._backend.run_anew if select.anew else self._backend.run
            stored = run(connection, select.text, select.values(values)).fetchall()
        return select.rows(stored)

    def count(self, query: Query[Any]) -> int:
        """Return how many records fit."""
        return self._finder().count(query)

    def count_by(self, query: Query[Any], field: str) -> dict[Any, int]:
        """Return how many records fit, for each value of a field."""
        return self._finder().count_by(query, field)

    def claim(self, query: Query[OutboxMessage], until: datetime) -> list[OutboxMessage]:
        """Take what is due, so that nobody else does before ``until``."""
        self._writes(query.kind)
        first, connection = self._untouched, self._live()
        self._sees_others = True
        shape, values = statements.split(query, self._backend)
        with self._noticing():
            statement = self._backend.claims(connection, statements.find(shape, type(self._backend)), first=first)
        found = list(statements.records(query.kind, self._execute(statement, values)))
        return [self.save(evolve(message, next_attempt=until)) for message in found]
