"""SQLite: one file, embedded.

A writing transaction begins with BEGIN IMMEDIATE (one that reads first and writes then would lose to another
writer at once, whatever the time-out), the journal is a write-ahead log, and every commit is flushed to the
disk: a change that was answered survives a power cut.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from ticketcore.adapters.sql import sqlite_search
from ticketcore.adapters.sql.backend import POOL, Backend, driver
from ticketcore.adapters.sql.queue import WriterQueue
from ticketcore.adapters.sql.tables import ticket, version
from ticketcore.errors import (
    ConflictError,
    RepositoryBusyError,
    RepositoryError,
    SchemaError,
    TicketcoreError,
)

if TYPE_CHECKING:
    from ticketcore.adapters.sql.statements import Prepared

_BUSY = ("database is locked", "database table is locked", "database schema is locked")
_SHARED = {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID"}


class Sqlite(Backend):
    """A file, or a database in memory."""

    name = "sqlite"
    begin_writing = "BEGIN IMMEDIATE"
    begin_reading = "BEGIN"
    estimates = False
    begin_schema = "BEGIN IMMEDIATE"
    driver_error = sqlite3.Error
    having = staticmethod(sqlite_search.having)
    has = staticmethod(sqlite_search.has)
    near = staticmethod(sqlite_search.near)
    places = staticmethod(sqlite_search.places)
    term = staticmethod(sqlite_search.term)

    def __init__(self, url: URL, timeout: float, *, makes_folder: bool = False) -> None:
        """Prepare for the file at ``url``; its folder is made with it if ``makes_folder``."""
        super().__init__(url, timeout)
        self._makes_folder = makes_folder
        self._queue = WriterQueue(None if self._is_in_memory else self._file, timeout)

    def _begin(self, connection: Connection) -> None:
        (statement,) = self.beginning(connection)
        if statement == self.begin_writing:
            self._queue.begin(driver(connection))
        else:
            self.run(connection, statement)

    def make_engine(self) -> sa.Engine:
        """Return an engine for it; nothing is opened yet."""
        arguments = {"timeout": self.timeout, "check_same_thread": False}
        pool: dict[str, Any] = POOL | {"pool_timeout": self.timeout}
        if self._is_in_memory:
            pool = {"poolclass": sa.pool.SingletonThreadPool}
        engine = sa.create_engine(self.url, connect_args=arguments, hide_parameters=True, **pool)
        sa.event.listen(engine, "connect", _set_up)
        return engine

    def location(self) -> str:
        """Return the path of the file, as it was given."""
        return self.url.database or ":memory:"

    @property
    def _is_in_memory(self) -> bool:
        """Whether there is no file (https://sqlite.org/inmemorydb.html); each thread then has a database of its own."""
        name = self.location().removeprefix("file:")
        return name == ":memory:" or self.url.query.get("mode") == "memory"

    @property
    def _file(self) -> str:
        return os.path.abspath(self.location().removeprefix("file:"))  # noqa: PTH100

    def is_absent(self) -> bool:
        """Return whether there is no file yet, and opening it would make one."""
        has_place = self._makes_folder or os.path.isdir(os.path.dirname(self._file))  # noqa: PTH112, PTH120
        return not self._is_in_memory and not os.path.exists(self._file) and has_place  # noqa: PTH110

    def make_place(self) -> None:
        """Make the folder of a new file."""
        if self._makes_folder:
            os.makedirs(os.path.dirname(self._file), exist_ok=True)  # noqa: PTH103, PTH120

    def made(self, connection: Connection) -> None:
        """Let the new file keep a write-ahead log."""
        _use_write_ahead_log(driver(connection))

    def run(self, connection: Connection, text: str, values: Sequence[Any] = ()) -> Any:
        """Run a statement by the driver itself and return its cursor."""
        return driver(connection).execute(text, values)

    def run_many(self, connection: Connection, insert: Prepared, rows: Sequence[Sequence[Any]]) -> None:
        """Add many rows."""
        driver(connection).executemany(insert.text, rows)

    def add_numbered(self, connection: Connection, insert: Prepared, row: Sequence[Any]) -> int:
        """Add one row, and return the number that the database gave it."""
        (number,) = driver(connection).execute(insert.text, row).fetchone()
        return int(number)

    def table_names(self, connection: Connection) -> Collection[str]:
        """Return the names of the tables that are there."""
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars()
        return {name for name in names if not name.startswith("sqlite_")}

    def column_names(self, connection: Connection, table: str) -> Collection[str]:
        """Return the names of the columns of ``table`` in lower case."""
        return {row[1].lower() for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")}

    def create_search(self, connection: Connection) -> None:
        """Make the index of words."""
        sqlite_search.create_tables(connection)

    def index(self, connection: Connection, how: str, records: Sequence[Any]) -> None:
        """Let the words follow ``records``."""
        sqlite_search.index(connection, how, records)

    @staticmethod
    def without_index(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """Return ``column`` so that it leads to no index (https://sqlite.org/optoverview.html, section 7.1)."""
        return UnaryExpression(column, operator=custom_op("+"), type_=column.type)

    def mark(self, connection: Connection) -> object:
        """Return what changes when any other connection, of this process or another, has committed.

        See https://sqlite.org/pragma.html#pragma_data_version.
        """
        return driver(connection).execute("PRAGMA data_version").fetchone()

    def error(self, error: BaseException) -> TicketcoreError | None:
        """Return what the driver's ``error`` is to us, ``None`` if it is none of the driver's."""
        location = self.location()
        if not isinstance(error, sqlite3.Error):
            return None
        reason = (str(error) or type(error).__name__).splitlines()[0]
        if not isinstance(error, sqlite3.IntegrityError):
            return _ours(location, reason)
        if error.sqlite_errorname in _SHARED:
            return ConflictError("record", f"in {location} ({reason})")
        return RepositoryError(f"the database {location} refuses a value: {reason}")


def _set_up(connection: Any, _record: Any) -> None:
    """Set up a new connection: our own BEGIN, a write-ahead log, and a flush at every commit."""
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous=FULL")
    if connection.execute("PRAGMA journal_mode").fetchone() == ("delete",) and _is_ours(connection):
        _use_write_ahead_log(connection)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Let the file keep a write-ahead log; that is written into the file, so only into one of ours."""
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        # On a read-only file, or while another connection works, the journal stays as it is: slower, as safe.
        if "readonly" not in str(error) and "locked" not in str(error):
            raise


def _is_ours(connection: Any) -> bool:
    """Return whether the file is one of ours: one of something else, or an empty one, is only looked at."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {version.name, ticket.name} <= names


def _ours(location: str, reason: str) -> RepositoryError:
    if any(text in reason for text in _BUSY):
        return RepositoryBusyError(
            f"the database {location} is locked by another program",
            hint="wait for it to finish and repeat; nothing was changed",
        )
    if "unable to open database file" in reason:
        folder = Path(location).parent
        why = f"the folder {folder} does not exist" if not folder.is_dir() else "it is no readable file"
        return RepositoryError(f"cannot open the database {location}: {why}", hint="create it, or correct database.url")
    if "readonly database" in reason:
        return RepositoryError(
            f"the database {location} is read-only; nothing was changed",
            hint="give this user the right to write the file and its folder",
        )
    if "not a database" in reason or "malformed" in reason:
        return SchemaError(
            f"the file {location} is not a database, or is damaged ({reason})",
            hint="correct database.url, or restore the file from a backup",
        )
    if "disk is full" in reason:
        return RepositoryError(f"no space is left for the database {location}; nothing was changed")
    if "no such module" in reason:
        return RepositoryError(
            f"the SQLite of this Python cannot search for words ({reason})",
            hint="use a Python whose SQLite was built with FTS5, as those of python.org and the distributions are",
        )
    if "no such table" in reason or "no such column" in reason:
        return SchemaError(
            f"the database {location} lacks a part of the schema ({reason})", hint="run: ticketcore db status"
        )
    return RepositoryError(f"the database {location} failed: {reason}")
