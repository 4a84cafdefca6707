"""The repository on an SQL database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ticketcore.adapters.sql import raci, schema
from ticketcore.adapters.sql.backend import BEGIN
from ticketcore.adapters.sql.backends import backend_for
from ticketcore.adapters.sql.errors import translated
from ticketcore.adapters.sql.tables import REVISIONS
from ticketcore.adapters.sql.transaction import REMEMBERED, SqlTransaction
from ticketcore.domain.flaws import Flaw
from ticketcore.errors import (
    ConflictError,
    RepositoryBusyError,
    RepositoryError,
    RepositoryLostError,
)
from ticketcore.ports.adoption import Adoption
from ticketcore.ports.migration import Downgrade
from ticketcore.ports.repository import KINDS, StoreStatus
from ticketcore.ports.system import Clock, Ids

A = TypeVar("A")
R = TypeVar("R")


class _Open(threading.local):
    """What a thread has open."""

    writing = False
    overtaken = False
    """Whether its last writing transaction was refused because somebody else was faster."""


class SqlRepository:
    """Records in an SQL database; see :class:`ticketcore.ports.repository.Repository`."""

    def __init__(self, url: str, *, timeout: float = 10.0, makes_folder: bool = False) -> None:
        """Prepare to work on the database at ``url``; nothing is opened yet.

        Args:
            url: an SQLAlchemy URL, such as ``sqlite:////var/lib/ticketcore/ticketcore.db``.
            timeout: seconds to wait for another writer, or for a server that is away, before giving up.
            makes_folder: whether a new file's folder is made with it; else that has to be there.

        Raises:
            ConfigError: the URL cannot be read, names an engine that is not supported, or one whose driver is missing.
        """
        self._backend = backend_for(url, timeout, makes_folder=makes_folder)
        self.location = self._backend.location()
        self._engine, self._reading, self._alone = self._backend.engines()
        self._checked = False
        self._closed = False
        self._check_lock = threading.Lock()
        self._open = _Open()

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[SqlTransaction]:
        """Open a transaction."""
        self._make_ready()
        if not read_only and self._open.writing:
            raise RepositoryError("this thread has a writing transaction open already", hint="use that one")
        writing = self._alone if self._open.overtaken else self._engine
        connection = self._begun(self._reading if read_only else writing)
        self._open.writing = not read_only or self._open.writing
        transaction = SqlTransaction(connection, self._backend, read_only=read_only)
        try:
            with translated(self._backend):
                yield transaction
                self._commit(connection, transaction)
            self._open.overtaken = read_only and self._open.overtaken
        except BaseException as error:
            self._open.overtaken = self._open.overtaken or (isinstance(error, ConflictError) and not read_only)
            if not connection.invalidated:
                # What was remembered inside is as undone as what was written.
                connection.info.pop(REMEMBERED, None)
            _give_up(connection)
            raise
        finally:
            transaction.end()
            if not read_only:
                self._open.writing = False
            connection.close()

    def _begun(self, engine: sa.Engine) -> Connection:
        """Return a connection that has begun a transaction; a server that is away is waited for.

        Raises:
            RepositoryBusyError: it is away for longer than the time-out.
        """
        try:
            return self._begin(engine)
        except RepositoryLostError:
            if not self._backend.retries:
                raise
        try:
            return self._patiently(self._begin, engine)
        except RepositoryLostError as error:
            message = f"the database {self.location} cannot be reached ({error.reason})"
            raise RepositoryBusyError(message, hint="see whether the server runs, and correct database.url") from error

    def _patiently(self, step: Callable[[A], R], argument: A) -> R:
        """Return what ``step`` does, which is repeated while the connection breaks, up to the time-out.

        Raises:
            RepositoryLostError: it has broken each time.
        """
        import tenacity

        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RepositoryLostError),
            stop=tenacity.stop_after_delay(self._backend.timeout),
            wait=tenacity.wait_random_exponential(multiplier=0.02, max=0.5),
            reraise=True,
        )
        return again(step, argument)

    def _begin(self, engine: sa.Engine) -> Connection:
        with translated(self._backend):
            connection = engine.connect()
            try:
                connection.begin()
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            return connection

    def _commit(self, connection: Connection, transaction: SqlTransaction) -> None:
        """Store a transaction.

        Raises:
            RepositoryLostError: the connection broke, and nothing is stored.
            RepositoryBusyError: the connection broke, and nobody knows whether it is stored.
        """
        transaction.check()
        mark, witness = transaction.seen_mark, transaction.witness
        try:
            with translated(self._backend):
                self._backend.commit(connection)
        except RepositoryLostError as error:
            if transaction.read_only:
                return  # what was read is read
            _give_up(connection)
            if not self._found_stored(witness, error):
                raise
            return
        if transaction.left_mark:
            try:
                with translated(self._backend):
                    self._backend.remove_marks(connection, mark)
            except RepositoryError:
                connection.invalidate()  # the change is stored, and this was but tidying

    def _found_stored(self, witness: object, lost: RepositoryLostError) -> bool:
        """Return whether the transaction that has added ``witness`` was stored, though its connection broke.

        Raises:
            RepositoryBusyError: that cannot be found out.
        """
        try:
            if witness is not None:
                return self._patiently(self._is_stored, witness)
        except RepositoryError as error:
            reason: RepositoryError = error
        else:
            reason = lost
        message = f"{lost.message}; whether the last change was stored is not known"
        raise RepositoryBusyError(message, hint="look whether it was, then repeat it") from reason

    def _is_stored(self, record: object) -> bool:
        """Return whether ``record``, which a transaction has added whose connection broke, is there.

        A commit may still be under way on the server: adding the record again waits for its end. If it cannot be added,
        something is there that has the same key, or the same unique values: ours, or what somebody else has added.
        """
        connection = self._begun(self._engine)
        try:
            SqlTransaction(connection, self._backend, read_only=False).add_now(record)
        except ConflictError:
            pass
        else:
            return False
        finally:
            _give_up(connection)
            connection.close()
        key = KINDS[type(record)].key
        with self._working(self._reading) as reading:
            there = SqlTransaction(reading, self._backend, read_only=True).get(type(record), getattr(record, key))
        # Nobody else has our guids; a key that has a meaning may be taken by the same thing of somebody else.
        return there is not None and (key.endswith("guid") or there == record)

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
        schema.refuse_unless_ready(status)

    @contextmanager
    def _working(self, engine: sa.Engine) -> Iterator[Connection]:
        """Give a connection on which a transaction has begun, which is stored at the end."""
        connection = self._begun(engine)
        try:
            with translated(self._backend):
                yield connection
                self._backend.commit(connection)
        except BaseException:
            _give_up(connection)
            raise
        finally:
            connection.close()

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """Give a connection on which the schema is changed, by nobody else meanwhile; see :meth:`_working`."""
        engine = self._engine.execution_options(**{BEGIN: self._backend.begin_schema})
        with self._working(engine) as connection, self._backend.alone(connection):
            yield connection
            connection.commit()  # before anybody else looks

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        """Give a connection on which the schema is looked at; see :meth:`_working`."""
        begin = self._backend.begin_looking or self._backend.begin_reading
        with self._working(self._reading.execution_options(**{BEGIN: begin})) as connection:
            yield connection

    def status(self) -> StoreStatus:
        """Say which schema the database has."""
        # Looking must not make a file: SQLite creates one as soon as it is opened.
        if self._backend.is_absent():
            return StoreStatus(self.location, "missing", expected=REVISIONS[-1])
        with self._looking() as connection:
            return schema.status(self._backend, connection)

    def prepare(self) -> StoreStatus:
        """Create the tables in a new, empty database."""
        self._backend.make_place()
        with self._changing() as connection:
            status = schema.status(self._backend, connection)
            if status.state == "missing":
                schema.make(self._backend, connection)
                status = schema.status(self._backend, connection)
        schema.refuse_unless_ready(status)
        with translated(self._backend), self._engine.connect() as connection:
            self._backend.made(connection)
        return status

    def upgrade(self) -> StoreStatus:
        """Bring the schema up to date, by Alembic; a new database is created, a current one left alone."""
        from ticketcore.adapters.sql.migrate import upgrade

        status = self.status()
        if status.state == "missing":
            return self.prepare()
        if status.state == "outdated":
            with self._changing() as connection:
                # Another process may have been faster.
                if schema.status(self._backend, connection).state == "outdated":
                    upgrade(connection)
            status = self.status()
        schema.refuse_unless_ready(status)
        return status

    def preview_downgrade(self, revision: str) -> Downgrade:
        """Say what it means to go back to an older schema; see :class:`ticketcore.ports.migration.Migratable`."""
        from ticketcore.adapters.sql.migrate import changes, removals

        status = self.status()
        schema.refuse_unless_above(status, revision)
        with self._looking() as connection:
            gone = tuple(removals(self._backend, connection, revision))
        others = tuple(changes(revision, up_to=status.revision))
        return Downgrade(self.location, status.revision, revision, gone, others)

    def downgrade(self, revision: str) -> StoreStatus:
        """Go back to an older schema; see :class:`ticketcore.ports.migration.Migratable`."""
        from ticketcore.adapters.sql.migrate import downgrade

        schema.refuse_unless_above(self.status(), revision)
        self._checked = False
        with self._changing() as connection:
            schema.refuse_unless_above(schema.status(self._backend, connection), revision)
            downgrade(connection, revision)
            return schema.status(self._backend, connection)

    def differences(self) -> list[Flaw]:
        """Compare the schema with the one of this version; see :class:`ticketcore.ports.migration.Migratable`."""
        from ticketcore.adapters.sql.differences import differences

        status = self.status()
        schema.refuse_unless_there(status)
        schema.refuse_unless_ready(status)
        with self._looking() as connection:
            return list(differences(self._backend, connection))

    def adopt(self, *, action_by: str, clock: Clock, ids: Ids, dry_run: bool) -> Adoption:
        """Take over tables that another program has made; see :class:`ticketcore.ports.adoption.Adoptable`."""
        from ticketcore.adapters.sql.adopt import adopt

        self._refuse_closed()
        who: dict[str, Any] = {"action_by": action_by, "clock": clock, "ids": ids}
        if self.status().state == "ready":
            return Adoption(self.location, (), ready=True)
        if dry_run or self._backend.is_absent():
            with self._looking() as connection:
                return adopt(self._backend, connection, dry_run=True, **who)
        with self._changing() as connection:
            return adopt(self._backend, connection, dry_run=False, **who)

    def keeps_microseconds(self) -> bool:
        """Return whether instants are kept as they are; see :class:`ticketcore.ports.adoption.Adoptable`."""
        if self._backend.name == "sqlite":
            return True
        from ticketcore.adapters.sql.adopt import keeps_microseconds

        self._make_ready()
        with self._working(self._reading) as connection:
            return keeps_microseconds(connection)

    def ensure_sla_raci(self) -> tuple[str, ...]:
        """Add the RACI columns that an older table of service levels lacks; see the port."""
        self._refuse_closed()
        self._expect_ready()
        return self._add_raci()

    def _add_raci(self) -> tuple[str, ...]:
        with self._working(self._reading) as connection:
            if not raci.missing(self._backend, connection):
                return ()
        with self._changing() as connection:
            return raci.add_missing(self._backend, connection)  # looks again: another process may have been faster

    def oddities(self) -> Iterator[Flaw]:
        """Yield what is wrong below the records; see :class:`ticketcore.ports.inspection.Inspectable`."""
        from ticketcore.adapters.sql.oddities import found

        self._make_ready()
        with self._working(self._reading) as connection:
            yield from found(connection)

    def last_numbers(self) -> Mapping[type, int]:
        """Return the highest numbers that were ever given; see :class:`ticketcore.ports.inspection.Numbering`."""
        from ticketcore.adapters.sql.oddities import last_numbers

        self._make_ready()
        with self._working(self._reading) as connection:
            return last_numbers(connection)

    def copy_to(self, path: Path) -> bool:
        """Write an exact copy to a file, if the engine can; see :class:`ticketcore.ports.backups.Copyable`."""
        from ticketcore.adapters.sql.backups import copy_to

        self._make_ready()
        with translated(self._backend):
            return copy_to(self._engine, path)

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._closed = True
        self._engine.dispose()


def _give_up(connection: Connection) -> None:
    """Undo the transaction of ``connection``; one that is broken is thrown away."""
    try:
        connection.rollback()
    except Exception:  # noqa: BLE001 - whatever it is, the reason is the error that led here
        connection.invalidate()
