"""MariaDB, by PyMySQL (https://pymysql.readthedocs.io)."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pymysql
import pymysql.cursors
import sqlalchemy as sa
from pymysql.constants import ER, FIELD_TYPE
from pymysql.converters import conversions
from sqlalchemy.engine import URL, Connection

from ticketcore.adapters.sql import mariadb_search
from ticketcore.adapters.sql.backend import POOL, driver
from ticketcore.adapters.sql.server import Failure, Server
from ticketcore.errors import RepositoryBusyError, RepositoryError, TicketcoreError

if TYPE_CHECKING:
    from ticketcore.adapters.sql.statements import Prepared

_SCHEMA_LOCK = "CONCAT('ticketcore ', SHA1(DATABASE()))"  # the names of locks are the server's, not the database's

_SESSION = (
    # A transaction that changes what another one has changed since its snapshot ends in an error.
    "SET SESSION innodb_snapshot_isolation = ON",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION time_zone = '+00:00'",
)

_CHANGED_SINCE = 1020  # ER_CHECKREAD
_WIDEST = 4  # bytes of a character
_CODES = {
    **dict.fromkeys((ER.DUP_ENTRY, ER.LOCK_DEADLOCK, _CHANGED_SINCE), Failure.CONFLICT),
    ER.LOCK_WAIT_TIMEOUT: Failure.LOCKED,
    **dict.fromkeys((ER.CON_COUNT_ERROR, ER.TOO_MANY_USER_CONNECTIONS, ER.USER_LIMIT_REACHED), Failure.FULL_HOUSE),
    # A server that stops, a connection that was ended or cannot be made (2002 and up are the driver's numbers).
    **dict.fromkeys((1053, 1077, 1079, 1152, *range(1158, 1162), 1184, 1927), Failure.LOST),
    **dict.fromkeys((2002, 2003, 2006, 2013, 2014, 2055), Failure.LOST),
    **dict.fromkeys((ER.ACCESS_DENIED_ERROR, 1698, ER.HOST_NOT_PRIVILEGED), Failure.DENIED),
    ER.BAD_DB_ERROR: Failure.ABSENT,
    **dict.fromkeys(
        (ER.OPTION_PREVENTS_STATEMENT, ER.TABLEACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, 1792), Failure.READ_ONLY
    ),
    **dict.fromkeys((ER.DISK_FULL, ER.RECORD_FILE_FULL), Failure.NO_SPACE),
    **dict.fromkeys((ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR), Failure.SCHEMA),
    **dict.fromkeys(
        (ER.DATA_TOO_LONG, ER.WARN_DATA_OUT_OF_RANGE, ER.TRUNCATED_WRONG_VALUE_FOR_FIELD, ER.TRUNCATED_WRONG_VALUE),
        Failure.VALUE,
    ),
}
"""What an error number says (https://mariadb.com/kb/en/mariadb-error-code-reference/)."""


def _instant(text: str) -> datetime | None:
    """Return what the server says as an instant; a date of zeros, which it takes from other programs, is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


_CONVERSIONS = {**conversions, FIELD_TYPE.DATETIME: _instant, FIELD_TYPE.TIMESTAMP: _instant}


_NEEDED = "MariaDB 10.6.18, 10.11.8, 11.4.2"
"""The first of each series that has innodb_snapshot_isolation."""


class _Cursor(pymysql.cursors.Cursor):
    """A cursor that does not send what the server would break the connection for."""

    def _query(self, q: Any) -> Any:
        most = self.connection.max_allowed_packet
        if len(q) * _WIDEST >= most:
            size = len(q if isinstance(q, bytes) else q.encode("utf-8", "surrogateescape"))
            if size >= most:
                reason = f"{size} bytes at once are more than max_allowed_packet of the server, {most}"
                raise pymysql.DataError(ER.NET_PACKET_TOO_LARGE, reason)
        return super()._query(q)  # type: ignore[misc]


class Mariadb(Server):
    """A database of a MariaDB server."""

    name = "mariadb"
    begin_writing = "START TRANSACTION WITH CONSISTENT SNAPSHOT"
    # A locking read takes no snapshot, so that a transaction has its own only after it has waited.
    begin_sharing = "START TRANSACTION; SELECT 1 FROM sys_guard WHERE `Name` = 'turn' LOCK IN SHARE MODE"
    begin_alone = "START TRANSACTION; SELECT 1 FROM sys_guard WHERE `Name` = 'turn' FOR UPDATE"
    begin_reading = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
    begin_schema = "SET SESSION autocommit = ON"  # no transaction: a change of the schema would end it anyway
    begin_looking = begin_schema  # a snapshot could not read a table that another process has made since
    whole_schema = False
    nulls_last = False
    compares_rows = False
    quote = "`"
    driver_error = pymysql.Error
    having = staticmethod(mariadb_search.having)
    has = staticmethod(mariadb_search.has)
    places = staticmethod(mariadb_search.places)

    def __init__(self, url: URL, timeout: float) -> None:
        """Prepare for the database at ``url``; waiting for another writer takes ``timeout`` seconds at most."""
        super().__init__(url.set(drivername="mariadb+pymysql"), timeout)

    def make_engine(self) -> sa.Engine:
        """Return an engine for it; nothing is opened yet."""
        arguments: dict[str, Any] = {
            "autocommit": True,  # our own START TRANSACTION says how a transaction begins
            "charset": "utf8mb4",
            "conv": _CONVERSIONS,
            "cursorclass": _Cursor,
        }
        if "connect_timeout" not in self.url.query:
            arguments["connect_timeout"] = max(2, round(self.timeout))
        if self.url.password:
            arguments["password"] = self.url.password.encode()  # the driver would take it for Latin-1
        engine = sa.create_engine(
            self.url,
            connect_args=arguments,
            paramstyle="format",
            hide_parameters=True,
            pool_timeout=self.timeout,
            **POOL,
            pool_reset_on_return=None,
        )
        sa.event.listen(engine, "do_connect", self._connect)
        return engine

    def _connect(self, dialect: sa.Dialect, _: object, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Return a new connection that works as all of ours do.

        Raises:
            RepositoryError: the server is too old, or another one than MariaDB.
        """
        connection: Any = dialect.connect(*arguments, **named)
        there = connection.get_server_info()
        try:
            self._refuse_mysql(there)
            with connection.cursor() as cursor:
                for statement in _SESSION:
                    cursor.execute(statement)
                cursor.execute("SET SESSION innodb_lock_wait_timeout = %s", (max(1, round(self.timeout)),))
                cursor.execute("SELECT @@max_allowed_packet")
                (connection.max_allowed_packet,) = cursor.fetchone()
        except BaseException as error:
            connection.close()
            if isinstance(error, pymysql.Error) and error.args[0] == ER.UNKNOWN_SYSTEM_VARIABLE:
                number = there.lower().removeprefix("5.5.5-").partition("-mariadb")[0]
                raise self._unfit(f"is MariaDB {number}, which is too old") from None
            raise
        return connection

    def _refuse_mysql(self, there: str) -> None:
        if "mariadb" not in there.lower():
            raise self._unfit(f"is MySQL {there}")

    def _unfit(self, what: str) -> RepositoryError:
        message = f"the server of {self.location()} {what}: of two changes at once it may lose one"
        return RepositoryError(message, hint=f"use {_NEEDED} or later")

    def run_many(self, connection: Connection, insert: Prepared, rows: Sequence[Sequence[Any]]) -> None:
        """Add many rows."""
        with driver(connection).cursor() as cursor:
            cursor.executemany(insert.text, rows)

    def add_numbered(self, connection: Connection, insert: Prepared, row: Sequence[Any]) -> int:
        """Add one row, and return the number that the database gave it."""
        with driver(connection).cursor() as cursor:
            cursor.execute(insert.text, row)
            (number,) = cursor.fetchone()
        return int(number)

    def table_names(self, connection: Connection) -> Collection[str]:
        """Return the names of the tables that are there."""
        text = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
        return {name for (name,) in self.run(connection, text).fetchall()}

    def column_names(self, connection: Connection, table: str) -> Collection[str]:
        """Return the names of the columns of ``table`` in lower case."""
        text = "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = %s"
        return {name.lower() for (name,) in self.run(connection, text, (table,)).fetchall()}

    def create_search(self, connection: Connection) -> None:
        """Make the index of words."""
        for statement in mariadb_search.TABLES:
            connection.exec_driver_sql(statement)

    @contextmanager
    def alone(self, connection: Connection) -> Iterator[None]:
        """Let nobody else change the schema meanwhile.

        Raises:
            RepositoryBusyError: somebody else does for longer than the time-out.
        """
        wait = max(1, round(self.timeout))
        # Also for those who have a table in use: the server's own time-out is a day.
        self.run(connection, "SET SESSION lock_wait_timeout = %s", (wait,))
        (is_ours,) = self.run(connection, f"SELECT GET_LOCK({_SCHEMA_LOCK}, %s)", (wait,)).fetchone()
        if is_ours != 1:
            message = f"another program is changing the schema of {self.location()}"
            raise RepositoryBusyError(message, hint="wait for it to finish and repeat")
        try:
            yield
        finally:
            if not connection.invalidated:  # the lock goes with a connection that broke
                self.run(connection, f"SELECT RELEASE_LOCK({_SCHEMA_LOCK})")

    def index(self, connection: Connection, how: str, records: Sequence[Any]) -> None:
        """Let the words follow ``records``."""
        mariadb_search.index(connection, how, records)

    def claims(self, connection: Connection, statement: sa.Select[Any], *, first: bool) -> sa.Select[Any]:
        """Return ``statement`` so that it leaves what others are just claiming."""
        return statement.with_for_update(skip_locked=True)

    def error(self, error: BaseException) -> TicketcoreError | None:
        """Return what the driver's ``error`` is to us, ``None`` if it is none of the driver's."""
        if not isinstance(error, pymysql.Error):
            return None
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        reason = str(error.args[-1] if error.args else type(error).__name__).splitlines()[0]
        if isinstance(getattr(error, "original_exception", None), socket.gaierror):
            return self.said(Failure.ABSENT, reason)
        if code in _CODES:
            return self.said(_CODES[code], reason)
        if isinstance(error, pymysql.DataError):
            return self.said(Failure.VALUE, reason)
        if isinstance(error, pymysql.IntegrityError):
            return self.said(Failure.REFUSED, reason)
        # Without a number it comes from a connection that is closed.
        return self.said(
            Failure.LOST if code == 0 and isinstance(error, pymysql.InterfaceError) else Failure.OTHER, reason
        )
