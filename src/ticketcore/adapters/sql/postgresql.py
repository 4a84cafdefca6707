"""PostgreSQL, by psycopg 3 (https://www.psycopg.org)."""

from __future__ import annotations

import select
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from ticketcore.adapters.sql import postgresql_search
from ticketcore.adapters.sql.backend import BEGIN, POOL, driver
from ticketcore.adapters.sql.server import GUARDS, MARKS, Failure, Server
from ticketcore.errors import TicketcoreError

if TYPE_CHECKING:
    from ticketcore.adapters.sql.statements import Prepared

_SCHEMA_LOCK = 0x7469636B6574  # "ticket": any number will do, as long as everybody takes the same
_PENDING, _MARKS, _FAILED = "ticketcore_pending", "ticketcore_marks", "ticketcore_failed"
_MARK = (MARKS, GUARDS)
_NOWHERE = "\uffff\ufffe\uffff"  # characters that no text has
_COPIED = 20  # as many rows as this are copied; fewer are quicker as statements

_STATES = {
    "23505": Failure.CONFLICT,
    "40001": Failure.CONFLICT,
    "40P01": Failure.CONFLICT,
    "55P03": Failure.LOCKED,
    "53300": Failure.FULL_HOUSE,
    "08": Failure.LOST,
    "57P": Failure.LOST,
    "28": Failure.DENIED,
    "3D": Failure.ABSENT,
    "25006": Failure.READ_ONLY,
    "42501": Failure.READ_ONLY,
    "53100": Failure.NO_SPACE,
    "42P01": Failure.SCHEMA,
    "42703": Failure.SCHEMA,
    "22": Failure.VALUE,
    "23": Failure.REFUSED,
}
_UNREACHED = (
    ("too many connections", Failure.FULL_HOUSE),
    ("password", Failure.DENIED),
    ("role", Failure.DENIED),
    ("does not exist", Failure.ABSENT),
    ("too many clients", Failure.FULL_HOUSE),
    ("resolve host", Failure.ABSENT),
    ("translate host name", Failure.ABSENT),
)


class Postgresql(Server):
    """A database of a PostgreSQL server."""

    name = "postgresql"
    begin_writing = "BEGIN ISOLATION LEVEL REPEATABLE READ"
    # A lock of a table takes no snapshot, so that a transaction has its own only after it has waited.
    begin_sharing = f"{begin_writing}; LOCK TABLE sys_guard IN ROW SHARE MODE"
    begin_alone = f"{begin_writing}; LOCK TABLE sys_guard IN EXCLUSIVE MODE"
    begin_reading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    begin_schema = "BEGIN ISOLATION LEVEL READ COMMITTED"
    driver_error = psycopg.Error
    having = staticmethod(postgresql_search.having)
    has = staticmethod(postgresql_search.has)
    places = staticmethod(postgresql_search.places)

    def __init__(self, url: URL, timeout: float) -> None:
        """Prepare for the database at ``url``; waiting for another writer takes ``timeout`` seconds at most."""
        super().__init__(url.set(drivername="postgresql+psycopg"), timeout)

    def make_engine(self) -> sa.Engine:
        """Return an engine for it; nothing is opened yet."""
        given = self.url.query.get("options", "")
        options = f"{given if isinstance(given, str) else ' '.join(given)} -c lock_timeout={round(self.timeout * 1000)}"
        arguments = {
            "autocommit": True,  # our own BEGIN says how a transaction begins
            "connect_timeout": max(2, round(self.timeout)),
            "application_name": "ticketcore",
            "client_encoding": "utf8",  # a database or a user may have another one
            "options": options.strip(),
        }
        known = {name: value for name, value in arguments.items() if name == "options" or name not in self.url.query}
        engine = sa.create_engine(
            self.url,
            connect_args=known,
            paramstyle="format",
            hide_parameters=True,
            pool_timeout=self.timeout,
            **POOL,
        )
        sa.event.listen(engine, "checkout", _refuse_dead)
        sa.event.listen(engine, "before_cursor_execute", self._before)
        return engine

    def _begin(self, connection: Connection) -> None:
        # It goes with the first statement, which saves a way to the server and back; and so does the question that
        # nearly every change asks.
        opening = connection.get_execution_options().get(BEGIN, self.begin_writing)
        asked = [_MARK] if opening in {self.begin_sharing, self.begin_alone} else []
        connection.info[_PENDING] = [*((statement, None) for statement in opening.split("; ")), *asked]
        connection.info.pop(_MARKS, None)
        connection.info.pop(_FAILED, None)

    def _before(self, connection: Connection, *_: object) -> None:
        """Send what is pending before SQLAlchemy sends a statement of its own."""
        if connection.info.get(_PENDING):
            self._send(connection)

    def _send(self, connection: Connection, *more: tuple[str, Any]) -> Any:
        """Send what is pending and ``more``, all on one way to the server; return the last one's cursor."""
        own, statements = driver(connection), [*connection.info.pop(_PENDING, ()), *more]
        first: Exception | None = None
        done = False
        try:
            with own.pipeline():
                try:
                    cursors = [own.execute(text, values) for text, values in statements]
                except (psycopg.Error, ValueError) as error:
                    first = error  # ending the pipeline raises what follows from it, and would log that as a warning
            done = first is None
        except psycopg.Error as error:
            raise first or error from None
        finally:
            if not done:
                connection.info[_FAILED] = True  # those behind the one that failed were never sent
        if first:
            raise first
        if _MARK in statements:
            marks = cursors[statements.index(_MARK)].fetchall()
            connection.info[_MARKS] = frozenset(name for (name,) in marks)
        return cursors[-1]

    def mark(self, connection: Connection) -> frozenset[str]:
        """Return the names of the rows that say which changes of reference kinds there were."""
        self._before(connection)
        marks: frozenset[str] | None = connection.info.get(_MARKS)
        return super().mark(connection) if marks is None else marks

    def run(self, connection: Connection, text: str, values: Any = ()) -> Any:
        """Run a statement by the driver itself and return its cursor."""
        if connection.info.get(_PENDING):
            return self._send(connection, (text, values or None))
        return driver(connection).execute(text, values or None)

    def run_anew(self, connection: Connection, text: str, values: Sequence[Any]) -> Any:
        """Run a statement whose best way depends on ``values``: a prepared one would soon be planned without them."""
        self._before(connection)
        return driver(connection).execute(text, values, prepare=False)

    def run_later(self, connection: Connection, text: str, values: Any) -> None:
        """Run a statement, at the latest before the next one that is run, or at the commit."""
        connection.info.setdefault(_PENDING, []).append((text, values))

    def commit(self, connection: Connection) -> None:
        """Store the transaction: what is pending and the COMMIT go together.

        Raises:
            RepositoryError: one of its statements has failed, so the server would undo it.
        """
        status = driver(connection).info.transaction_status
        if connection.info.get(_FAILED) or status == psycopg.pq.TransactionStatus.INERROR:
            raise self.said(Failure.OTHER, "a statement of this transaction has failed, and nothing is stored")
        pending = connection.info.get(_PENDING, ())
        if pending and pending[-1] in ((self.begin_reading, None), _MARK):
            del connection.info[_PENDING]  # nothing came after its BEGIN
        elif pending:
            self._send(connection, ("COMMIT", None))
        connection.commit()

    def run_many(self, connection: Connection, insert: Prepared, rows: Sequence[Sequence[Any]]) -> None:
        """Add many rows: very many by COPY."""
        self._before(connection)
        with driver(connection).cursor() as cursor:
            if len(rows) < _COPIED:
                cursor.executemany(insert.text, rows)
                return
            names = ", ".join(f'"{name}"' for name in insert.columns)
            with cursor.copy(f"COPY {insert.table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)

    def add_numbered(self, connection: Connection, insert: Prepared, row: Sequence[Any]) -> int:
        """Add one row, and return the number that the database gave it."""
        (number,) = self.run(connection, insert.text, row).fetchone()
        return int(number)

    def count_on(self, connection: Connection, column: sa.Column[Any], number: int) -> None:
        """Let the numbers that the database gives in ``column`` go on above ``number``, which a row brought along."""
        text = "SELECT pg_get_serial_sequence(%s, %s)"
        (sequence,) = self.run(connection, text, (column.table.name, column.name)).fetchone()
        (last,) = self.run(connection, f"SELECT last_value FROM {sequence}").fetchone()  # noqa: S608 - its own quoting
        if number >= last:  # a sequence that was never asked says 1 too
            # Any change of a sequence lets nobody else count until the end of the transaction.
            self.run(connection, f"ALTER SEQUENCE {sequence} NO CYCLE")
            self.run(connection, f"SELECT setval('{sequence}', greatest(last_value, %s)) FROM {sequence}", (number,))  # noqa: S608

    def table_names(self, connection: Connection) -> Collection[str]:
        """Return the names of the tables that are there."""
        rows = self.run(connection, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        return {name for (name,) in rows.fetchall()}

    def column_names(self, connection: Connection, table: str) -> Collection[str]:
        """Return the names of the columns of ``table`` in lower case."""
        text = (
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name = %s"
        )
        return {name.lower() for (name,) in self.run(connection, text, (table,)).fetchall()}

    def create_search(self, connection: Connection) -> None:
        """Make the index of words."""
        for statement in postgresql_search.TABLES:
            connection.exec_driver_sql(statement)

    @contextmanager
    def alone(self, connection: Connection) -> Iterator[None]:
        """Let nobody else change the schema meanwhile; a lock that ends with the transaction."""
        self.run(connection, "SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
        yield

    def index(self, connection: Connection, how: str, records: Sequence[Any]) -> None:
        """Let the words follow ``records``."""
        for text, values in postgresql_search.statements(how, records):
            self.run_later(connection, text, values)

    def asked(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return ``values`` without zero bytes, which cannot be sent: nothing that is stored is like them."""
        return {name: _without_zero(value) for name, value in values.items()}

    def claims(self, connection: Connection, statement: sa.Select[Any], *, first: bool) -> sa.Select[Any]:
        """Return ``statement`` so that it leaves what others are just claiming.

        A transaction that only claims sees what is there at each statement: by its snapshot it would find what
        somebody else has claimed since, and be in conflict.
        """
        if first:
            begin, *rest = connection.info[_PENDING]
            sharing = [statement for statement in rest if statement is not _MARK]
            connection.info[_PENDING] = [begin, ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", None), *sharing]
        return statement.with_for_update(skip_locked=True)

    def error(self, error: BaseException) -> TicketcoreError | None:
        """Return what the driver's ``error`` is to us, ``None`` if it is none of the driver's."""
        if not isinstance(error, psycopg.Error):
            return None
        text = " ".join(str(error).split()) or type(error).__name__
        if error.sqlstate:
            return self.said(_failure(error.sqlstate), str(error).splitlines()[0])
        if isinstance(error, psycopg.DataError):
            return self.said(Failure.VALUE, text)  # psycopg's own: a zero byte, for one
        if isinstance(error, psycopg.OperationalError):
            # While a connection is made, psycopg passes on what the server said without its code.
            return self.said(next((what for part, what in _UNREACHED if part in text), Failure.LOST), text)
        return self.said(Failure.OTHER, text)


def _refuse_dead(own: psycopg.Connection[Any], _record: object, _proxy: object) -> None:
    """Refuse a connection that the server has closed; the pool then makes another one.

    An idle connection has nothing to read, unless it is that the other side is gone. Looking costs a few
    microseconds, asking the server as many as a statement.
    """
    poll = select.poll()
    poll.register(own.pgconn.socket, select.POLLIN)
    if poll.poll(0):
        own.pgconn.consume_input()  # or the server only had news
        if own.pgconn.status != psycopg.pq.ConnStatus.OK or poll.poll(0):
            raise sa.exc.DisconnectionError


def _without_zero(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_zero(one) for one in value]
    return value.replace("\0", _NOWHERE) if isinstance(value, str) and "\0" in value else value


def _failure(state: str) -> Failure:
    """Return what an SQLSTATE says (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""
    return next((_STATES[state[:length]] for length in (5, 3, 2) if state[:length] in _STATES), Failure.OTHER)
