"""The repository on an SQL database.

On SQLite a writing transaction begins with BEGIN IMMEDIATE (one that reads first and writes then would lose
to another writer at once, whatever the time-out), the journal is a write-ahead log, and every commit is
flushed to the disk: a change that was answered survives a power cut.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from attrs import evolve
from sqlalchemy.engine import URL, Connection, make_url

from ticketcore.adapters.sql import raci, search, statements
from ticketcore.adapters.sql.connections import driver, make_engine, use_write_ahead_log
from ticketcore.adapters.sql.errors import translated
from ticketcore.adapters.sql.tables import REFERENCE, REVISIONS, metadata, ticket, version
from ticketcore.domain.events import OutboxMessage
from ticketcore.domain.query import Query
from ticketcore.errors import ConfigError, ConflictError, Problem, RepositoryError, SchemaError
from ticketcore.ports.repository import KINDS, StoreStatus

R = TypeVar("R")

_REMEMBERED = "ticketcore_remembered"
_MOST_REMEMBERED = 1024


class _Remembered:
    """The answers to questions about reference kinds, on one connection, until somebody writes.

    ``PRAGMA data_version`` changes when any other connection, of this process or another, has committed
    (https://sqlite.org/pragma.html#pragma_data_version); this connection's own writes forget at once.
    """

    def __init__(self) -> None:
        self.data_version: object = None
        self.answers: dict[Query[Any], list[Any]] = {}
        self.trusted = True

    def begin(self, connection: Connection) -> None:
        """Forget everything if another connection has written since the last transaction."""
        seen = driver(connection).execute("PRAGMA data_version").fetchone()
        if seen != self.data_version or not self.trusted or len(self.answers) > _MOST_REMEMBERED:
            self.answers.clear()
        self.data_version, self.trusted = seen, True

    def written(self) -> None:
        """Forget everything, and remember nothing more until the next transaction."""
        self.answers.clear()
        self.trusted = False


def _changed(record: R, field: str, value: object) -> R:
    changed: R = evolve(cast("Any", record), **{field: value})
    return changed


class SqlTransaction:
    """A transaction on one connection; see :class:`ticketcore.ports.repository.Transaction`."""

    def __init__(self, connection: Connection, location: str, *, read_only: bool) -> None:
        """Work on ``connection``, which has begun a transaction on the database at ``location``."""
        self._location = location
        self._connection: Connection | None = connection
        self._read_only = read_only
        self._remembered: _Remembered = connection.info.setdefault(_REMEMBERED, _Remembered())
        self._remembered.begin(connection)

    def end(self) -> None:
        """Give the connection back; using the transaction after that is an error."""
        self._connection = None

    def _execute(self, statement: Any, values: Any) -> sa.CursorResult[Any]:
        connection = self._live()
        with translated(self._location):
            return connection.execute(statement, values)

    def _live(self) -> Connection:
        if self._connection is None:
            raise RepositoryError("this transaction is over", hint="open a new one")
        return self._connection

    def _writes(self, kind: type) -> None:
        if self._read_only:
            raise RepositoryError(f"a read-only transaction cannot change a {kind.__name__}")
        if kind in REFERENCE:
            self._remembered.written()

    def add(self, record: R) -> R:
        """Store one new record."""
        return self.add_many([record])[0]

    def add_many(self, records: Sequence[R]) -> list[R]:
        """Store new records of one kind."""
        if not records:
            return []
        kind: Any = type(records[0])
        self._writes(kind)
        given = KINDS[kind].given
        if given:
            stored = [self._add_numbered(record, given) for record in records]
        else:
            self._insert(kind, "", records)
            stored = list(records)
        if kind in search.INDEXES:
            self._index(search.INDEXES[kind].add, stored)
        return stored

    def _add_numbered(self, record: R, given: str) -> R:
        kind: Any = type(record)
        if getattr(record, given):  # it brings its number along (an import)
            self._insert(kind, "", [record])
            return record
        (number,) = self._insert(kind, given, [record]).fetchone()
        return _changed(record, given, number)

    def _insert(self, kind: Any, given: str, records: Sequence[Any]) -> sqlite3.Cursor:
        """Add records by the driver itself, which takes a third of the time that SQLAlchemy's own way takes."""
        connection = self._live()
        insert = statements.prepared(kind, given, connection.dialect)
        rows = [insert.row(record) for record in records]
        with translated(self._location):
            own = driver(connection)
            return own.execute(insert.text, rows[0]) if len(rows) == 1 else own.executemany(insert.text, rows)

    def _index(self, statement: str, records: Sequence[Any]) -> None:
        """Let what words are looked for in follow ``records``."""
        row = search.INDEXES[type(records[0])].row
        with translated(self._location):
            driver(self._live()).executemany(statement, [row(record) for record in records])

    def get(self, kind: type[R], key: str | int) -> R | None:
        """Return one record by its key."""
        rows = self._execute(statements.get(cast("Any", kind), KINDS[kind].key), {"key": key})
        return next(statements.records(kind, rows), None)

    def save(self, record: R) -> R:
        """Overwrite a record, if it is still the one that was read."""
        kind: Any = type(record)
        self._writes(kind)
        facts = KINDS[kind]
        key = getattr(record, facts.key)
        values = dict(statements.values(record, without=facts.given), seen_key=key)
        values.pop(facts.key, None)
        if facts.versioned:
            seen = values["row_version"]
            values |= {"seen": seen, "row_version": seen + 1}
        statement = statements.update(kind, facts.key, facts.given, versioned=facts.versioned)
        if self._execute(statement, values).rowcount != 1:
            stored = self.get(kind, key)
            name = getattr(record, facts.given) if facts.given else key
            raise ConflictError(
                kind.__name__.lower(),
                name,
                expected=values.get("seen"),
                actual=getattr(stored, "row_version", None),
            )
        if kind in search.INDEXES:
            self._index(search.INDEXES[kind].save, [record])
        return _changed(record, "row_version", values["row_version"]) if facts.versioned else record

    def remove(self, record: object) -> None:
        """Delete a record."""
        kind: Any = type(record)
        self._writes(kind)
        if kind in search.INDEXES:
            self._index(search.INDEXES[kind].remove, [record])
        key = KINDS[kind].key
        self._execute(statements.delete(kind, key), {"key": getattr(record, key)})

    def find(self, query: Query[R]) -> list[R]:
        """Return what the query asks for."""
        if query.kind not in REFERENCE:
            return self._find(query)
        answers = self._remembered.answers
        found = answers.get(query)
        if found is None:
            found = self._find(query)
            if self._remembered.trusted:
                answers[query] = found
        return list(found)

    def _find(self, query: Query[R]) -> list[R]:
        shape, values = statements.split(query)
        return list(statements.records(query.kind, self._execute(statements.find(shape), values)))

    def count(self, query: Query[Any]) -> int:
        """Return how many records fit."""
        shape, values = statements.split(query, paged=False)
        return int(self._execute(statements.count(shape), values).scalar_one())

    def count_by(self, query: Query[Any], field: str) -> dict[Any, int]:
        """Return how many records fit, for each value of a field."""
        shape, values = statements.split(query, paged=False)
        rows: Sequence[Any] = self._execute(statements.count(shape, field), values).all()
        return {value: int(number) for value, number in rows}

    def claim(self, query: Query[OutboxMessage], until: datetime) -> list[OutboxMessage]:
        """Take what is due, so that nobody else does before ``until``."""
        # A writing transaction on SQLite is alone: nobody can come between the two steps.
        return [self.save(evolve(message, next_attempt=until)) for message in self.find(query)]


class SqlRepository:
    """Records in an SQL database; see :class:`ticketcore.ports.repository.Repository`."""

    def __init__(self, url: str, *, timeout: float = 10.0, makes_folder: bool = False) -> None:
        """Prepare to work on the database at ``url``; nothing is opened yet.

        Args:
            url: an SQLAlchemy URL, such as ``sqlite:////var/lib/ticketcore/ticketcore.db``.
            timeout: seconds to wait for another writer before giving up.
            makes_folder: whether a new file's folder is made with it; else that has to be there.

        Raises:
            ConfigError: the URL cannot be read, or names an engine that is not supported.
        """
        self._url = _read_url(url)
        self.location = self._url.database or ":memory:"
        self._engine, self._reading = make_engine(self._url, timeout)
        self._makes_folder = makes_folder
        self._checked = False
        self._closed = False
        self._check_lock = threading.Lock()
        self._open = threading.local()

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[SqlTransaction]:
        """Open a transaction."""
        self._make_ready()
        if not read_only and getattr(self._open, "writing", False):
            raise RepositoryError("this thread has a writing transaction open already", hint="use that one")
        engine = self._reading if read_only else self._engine
        with translated(self.location), engine.connect() as connection:
            connection.begin()
            self._open.writing = not read_only or getattr(self._open, "writing", False)
            transaction = SqlTransaction(connection, self.location, read_only=read_only)
            try:
                yield transaction
                connection.commit()
            except BaseException:
                # What was remembered inside is as undone as what was written.
                connection.info.pop(_REMEMBERED, None)
                connection.rollback()
                raise
            finally:
                transaction.end()
                if not read_only:
                    self._open.writing = False

    def _make_ready(self) -> None:
        self._refuse_closed()
        if self._checked:
            return
        with self._check_lock:
            if not self._checked:
                self._expect_ready()
                self._add_raci()
                self._checked = True

    def _refuse_closed(self) -> None:
        if self._closed:
            raise RepositoryError(f"the repository {self.location} is closed", hint="open the desk again")

    def _expect_ready(self) -> None:
        """Make a new database ready; refuse one that is not of this version."""
        status = self.status()
        if status.state == "missing":
            status = self.prepare()
        _refuse_unless_ready(status)

    def status(self) -> StoreStatus:
        """Say which schema the database has."""
        expected = REVISIONS[-1]
        # Looking must not make a file: SQLite creates one as soon as it is opened.
        has_place = self._makes_folder or os.path.isdir(os.path.dirname(self._file))  # noqa: PTH112, PTH120
        if self._url.database and not os.path.exists(self._file) and has_place:  # noqa: PTH110
            return StoreStatus(self.location, "missing", expected=expected)
        with translated(self.location), self._reading.connect() as connection, connection.begin():
            return self._status(connection)

    @property
    def _file(self) -> str:
        return os.path.abspath(self.location.removeprefix("file:"))  # noqa: PTH100

    def _status(self, connection: Connection) -> StoreStatus:
        expected = REVISIONS[-1]
        names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
        names = {name for name in names if not name.startswith("sqlite_")}
        if version.name not in names or ticket.name not in names:
            # An application of somebody else may keep an alembic_version too.
            return StoreStatus(self.location, "foreign" if names else "missing", expected=expected)
        revision = connection.exec_driver_sql(f"SELECT version_num FROM {version.name}").scalar() or ""  # noqa: S608
        if revision == expected:
            state = "ready"
        elif revision in REVISIONS:
            state = "outdated"
        else:
            state = "newer"
        return StoreStatus(self.location, state, revision, expected)

    def prepare(self) -> StoreStatus:
        """Create the tables in a new, empty database."""
        if self._makes_folder:
            os.makedirs(os.path.dirname(self._file), exist_ok=True)  # noqa: PTH103, PTH120
        with translated(self.location), self._engine.connect() as connection, connection.begin():
            status = self._status(connection)
            if status.state == "missing":
                metadata.create_all(connection)
                search.create_tables(connection)
                connection.execute(sa.insert(version).values(version_num=REVISIONS[-1]))
                status = self._status(connection)
        _refuse_unless_ready(status)
        with translated(self.location), self._engine.connect() as connection:
            use_write_ahead_log(driver(connection))
        return status

    def upgrade(self) -> StoreStatus:
        """Bring the schema up to date, by Alembic; a new database is created, a current one left alone."""
        from ticketcore.adapters.sql.migrate import upgrade

        status = self.status()
        if status.state == "missing":
            return self.prepare()
        if status.state == "outdated":
            with translated(self.location), self._engine.connect() as connection, connection.begin():
                upgrade(connection)
            status = self.status()
        _refuse_unless_ready(status)
        return status

    def ensure_sla_raci(self) -> tuple[str, ...]:
        """Add the RACI columns that an older table of service levels lacks; see the port."""
        self._refuse_closed()
        self._expect_ready()
        return self._add_raci()

    def _add_raci(self) -> tuple[str, ...]:
        with translated(self.location), self._reading.connect() as connection, connection.begin():
            if not raci.missing(connection):
                return ()
        with translated(self.location), self._engine.connect() as connection, connection.begin():
            return raci.add_missing(connection)  # looks again: another process may have been faster

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._closed = True
        self._engine.dispose()


def _read_url(text: str) -> URL:
    try:
        url = make_url(text)
    except sa.exc.ArgumentError:
        raise ConfigError(
            [Problem("database.url", "is no database URL; expected one such as sqlite:///ticketcore.db")]
        ) from None
    if url.get_backend_name() != "sqlite":
        raise ConfigError([Problem("database.url", f"{url.get_backend_name()} is not supported; known: sqlite")])
    return url


def _refuse_unless_ready(status: StoreStatus) -> None:
    if status.state == "outdated":
        message = f"the database {status.location} has schema {status.revision}; this version needs {status.expected}"
        raise SchemaError(message, hint="make a backup, then run: ticketcore db upgrade")
    if status.state == "newer":
        message = f"the database {status.location} has schema {status.revision}, which is newer than this version knows"
        raise SchemaError(f"{message} ({status.expected})", hint="use the ticketcore that wrote it, or a later one")
    if status.state == "foreign":
        message = f"the database {status.location} holds tables of something else"
        raise SchemaError(message, hint="give database.url a file of its own")
