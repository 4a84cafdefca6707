"""What differs between database engines, behind one interface: one subclass for each engine.

Everything else in this package is the same for all of them. Columns and their types, which differ as well,
are declared once in :mod:`ticketcore.adapters.sql.tables`, with a variant for each engine.
"""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, cast

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection
from sqlalchemy.schema import CreateIndex, CreateTable

from ticketcore.adapters.sql.tables import metadata
from ticketcore.errors import TicketcoreError

if TYPE_CHECKING:
    from ticketcore.adapters.sql.statements import Prepared

POOL = {"pool_size": 8, "max_overflow": 24}
"""How many connections a process keeps, and how many more it opens while they are all in use."""

BEGIN = "ticketcore_begin"
"""The execution option that says how transactions begin."""


class Backend(ABC):
    """An engine, as far as it differs from the others."""

    name: ClassVar[str]
    """What SQLAlchemy calls it."""
    begin_writing: ClassVar[str]
    begin_reading: ClassVar[str]
    begin_sharing: ClassVar[str | None] = None
    """How a change begins, if not as writing does: so that one that is alone waits for it, and is waited for."""
    begin_alone: ClassVar[str | None] = None
    """How a change begins that nobody can be faster than."""
    begin_schema: ClassVar[str]
    """How a change of the schema begins: each statement of it sees what others have stored before."""
    begin_looking: ClassVar[str | None] = None
    """How a look at the schema begins, if not as reading does."""
    whole_schema: ClassVar[bool] = True
    """Whether a change of the schema is a transaction; else each of its statements is stored by itself."""
    nulls_last: ClassVar[bool] = True
    """Whether it knows NULLS LAST."""
    compares_rows: ClassVar[bool] = True
    """Whether it enters an index by several columns that are compared at once."""
    estimates: ClassVar[bool] = True
    """Whether it knows about how many rows a condition fits."""
    retries: ClassVar[bool] = False
    """Whether it is a server, which may be away for a while."""
    driver_error: type[BaseException]
    """What its driver raises, besides what SQLAlchemy makes of that."""

    def __init__(self, url: URL, timeout: float) -> None:
        """Prepare for the database at ``url``; waiting for another writer takes ``timeout`` seconds at most."""
        self.url = url
        self.timeout = timeout

    # Connections and transactions.

    @abstractmethod
    def make_engine(self) -> sa.Engine:
        """Return an engine for it; nothing is opened yet."""

    @abstractmethod
    def location(self) -> str:
        """Return where the database is, as users know it: without a password."""

    def is_absent(self) -> bool:
        """Return whether there is nothing yet, and opening it would make it."""
        return False

    def make_place(self) -> None:
        """Make what a new database is made in."""

    def made(self, connection: Connection) -> None:
        """Finish a new database, outside any transaction."""

    def engines(self) -> tuple[sa.Engine, sa.Engine, sa.Engine]:
        """Return an engine for writing, one for reading, and one for writing alone, with the same connections."""
        engine = self.make_engine()
        sa.event.listen(engine, "begin", self._begin)
        _dispose_after_fork(engine)
        return (
            engine.execution_options(**{BEGIN: self.begin_sharing or self.begin_writing}),
            engine.execution_options(**{BEGIN: self.begin_reading}),
            engine.execution_options(**{BEGIN: self.begin_alone or self.begin_writing}),
        )

    def _begin(self, connection: Connection) -> None:
        for statement in self.beginning(connection):
            self.run(connection, statement)

    def beginning(self, connection: Connection) -> Sequence[str]:
        """Return the statements with which the transaction of ``connection`` begins."""
        begin: str = connection.get_execution_options().get(BEGIN, self.begin_writing)
        return begin.split("; ")

    @abstractmethod
    def run(self, connection: Connection, text: str, values: Sequence[Any] = ()) -> Any:
        """Run a statement by the driver itself and return its cursor: that takes a third of SQLAlchemy's time."""

    def run_anew(self, connection: Connection, text: str, values: Sequence[Any]) -> Any:
        """Run a statement whose best way depends on ``values``, so that no plan is kept for it."""
        return self.run(connection, text, values)

    def run_later(self, connection: Connection, text: str, values: Any) -> None:
        """Run a statement, at the latest before the next one that is run, or at the commit."""
        self.run(connection, text, values)

    def commit(self, connection: Connection) -> None:
        """Store the transaction."""
        connection.commit()

    @abstractmethod
    def run_many(self, connection: Connection, insert: Prepared, rows: Sequence[Sequence[Any]]) -> None:
        """Add many rows."""

    @abstractmethod
    def add_numbered(self, connection: Connection, insert: Prepared, row: Sequence[Any]) -> int:
        """Add one row, and return the number that the database gave it."""

    def count_on(self, connection: Connection, column: sa.Column[Any], number: int) -> None:
        """Let the numbers that the database gives in ``column`` go on above ``number``, which a row brought along."""

    @abstractmethod
    def error(self, error: BaseException) -> TicketcoreError | None:
        """Return what the driver's ``error`` is to us, ``None`` if it is none of the driver's."""

    # The schema.

    @abstractmethod
    def table_names(self, connection: Connection) -> Collection[str]:
        """Return the names of the tables that are there."""

    @abstractmethod
    def column_names(self, connection: Connection, table: str) -> Collection[str]:
        """Return the names of the columns of ``table`` in lower case; none if there is no such table."""

    @abstractmethod
    def create_search(self, connection: Connection) -> None:
        """Make the index of words."""

    def create_tables(self, connection: Connection) -> None:
        """Make what is not there yet of the tables and their indexes."""
        for table in metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(CreateIndex(index, if_not_exists=True))
        self.create_search(connection)

    @contextmanager
    def alone(self, connection: Connection) -> Iterator[None]:
        """Let nobody else change the schema meanwhile; where writers are alone anyway, there is nothing to do."""
        yield

    # Words.

    @abstractmethod
    def index(self, connection: Connection, how: str, records: Sequence[Any]) -> None:
        """Let the words follow ``records``, which are added, saved, or about to be removed (``how``: its name)."""

    @staticmethod
    @abstractmethod
    def having(name: str, *, internal: bool) -> sa.ColumnElement[bool]:
        """Return the condition of a ticket that has the word of the term that is bound as ``name``."""

    @staticmethod
    @abstractmethod
    def has(name: str, *, internal: bool) -> sa.ColumnElement[bool]:
        """Return the same condition as :meth:`having`, to be looked at ticket by ticket."""

    @classmethod
    def near(cls, name: str, *, internal: bool, descending: bool) -> sa.ColumnElement[bool]:  # noqa: ARG003 - of others
        """Return the same condition, of tickets whose numbers are between those bound as ``lower`` and ``upper``."""
        return cls.has(name, internal=internal)

    @staticmethod
    @abstractmethod
    def places(name: str) -> tuple[sa.Select[Any], ...]:
        """Return what selects the texts that have the word of the term that is bound as ``name``."""

    @staticmethod
    def without_index(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """Return ``column`` so that it leads to no index, where the engine does not know that another one is better."""
        return column

    @staticmethod
    def term(word: str) -> str:
        """Return what to bind to find ``word``."""
        return word

    def asked(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return ``values``, which are to be compared with what is stored, as they can be sent."""
        return values

    # What is remembered, and what must be noticed.

    @abstractmethod
    def mark(self, connection: Connection) -> object:
        """Return what is another value as soon as anybody else's change of a reference kind is visible here."""

    def leave_mark(self, connection: Connection) -> None:
        """Let others notice that this transaction changes a reference kind."""

    def remove_marks(self, connection: Connection, seen: object) -> None:
        """Tidy up after a transaction that has left a mark, where ``seen`` was the answer of :meth:`mark` before."""

    def meet(self, connection: Connection, kind: type) -> None:
        """Let two transactions that add to ``kind`` at once notice each other."""

    def claims(self, connection: Connection, statement: sa.Select[Any], *, first: bool) -> sa.Select[Any]:
        """Return ``statement``, which finds what is to be claimed, so that it leaves what others are just claiming.

        ``first`` says that the transaction has done nothing yet.
        """
        return statement


def driver(connection: Connection) -> Any:
    """Return the driver's own connection."""
    return cast("Any", connection.connection.driver_connection)


def _dispose_after_fork(engine: sa.Engine) -> None:
    """Let a forked child open connections of its own: none of them may cross a fork."""
    reference = weakref.ref(engine)

    def forget() -> None:
        inherited = reference()
        if inherited is not None:
            inherited.dispose(close=False)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)
