"""What database servers have in common, other than SQLite: many transactions write at once, and the server may be away.

Each transaction sees one snapshot, and one that changes a row that another has changed since ends in a
ConflictError (snapshot isolation). What a snapshot alone does not notice has a row in ``sys_guard``: whoever adds
a link counts the row "links" up, so that two who do it at once meet there.

Whoever was overtaken so begins the next time alone: no transaction begins to write before it is over. Who writes
shares a lock (of the table, or of the row "turn"), and who is alone has it for itself. So nobody is overtaken twice.

The other rows say when rules, service levels and people have changed: a transaction that changes them adds a row
of its own. So as long as the rows are the same ones, what was remembered is what is stored, and one statement
takes the place of those that a new ticket needs to read its rules.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from enum import Enum
from typing import Any, ClassVar

from sqlalchemy.engine import Connection

from ticketcore.adapters.sql.backend import Backend, driver
from ticketcore.domain.work import Link
from ticketcore.errors import (
    ConflictError,
    Problem,
    RejectedError,
    RepositoryBusyError,
    RepositoryError,
    RepositoryLostError,
    SchemaError,
    TicketcoreError,
)


class Failure(Enum):
    """What can go wrong on a server."""

    CONFLICT = "not unique, changed since our snapshot, or a deadlock"
    LOCKED = "another program holds a lock"
    FULL_HOUSE = "no connection is left"
    LOST = "the connection broke, or the server is away"
    DENIED = "the user or the password is wrong"
    ABSENT = "there is no such database"
    READ_ONLY = "the user may not write"
    NO_SPACE = "the disk is full"
    SCHEMA = "a table or a column is missing"
    VALUE = "a value does not fit into its column"
    REFUSED = "a value breaks a rule of the table"
    OTHER = "anything else"


_SAID: dict[Failure, tuple[type[RepositoryError], str, str]] = {
    Failure.LOCKED: (
        RepositoryBusyError,
        "another program has locked what this change needs in {location}",
        "wait for it to finish and repeat; nothing was changed",
    ),
    Failure.FULL_HOUSE: (RepositoryBusyError, "the server of {location} has no connection left", "repeat it later"),
    Failure.DENIED: (
        RepositoryError,
        "the server refuses the user or the password for {location}",
        "correct database.url",
    ),
    Failure.ABSENT: (
        RepositoryError,
        "cannot open {location} ({reason})",
        "create the database, or correct database.url",
    ),
    Failure.READ_ONLY: (
        RepositoryError,
        "the database {location} is read-only for this user ({reason})",
        "give this user the right to write its tables",
    ),
    Failure.NO_SPACE: (RepositoryError, "the server of {location} has no space left; nothing was changed", ""),
    Failure.SCHEMA: (
        SchemaError,
        "the database {location} lacks a part of the schema ({reason})",
        "run: ticketcore db status",
    ),
    Failure.REFUSED: (RepositoryError, "the database {location} refuses a value: {reason}", ""),
    Failure.OTHER: (RepositoryError, "the database {location} failed: {reason}", ""),
}

LINKS = "links"
TURN = "turn"
GUARDS = (LINKS, TURN)
"""The rows of ``sys_guard`` that are always there."""
_MARK = "rules "
_MOST_MARKS = 8
MARKS = 'SELECT "Name" FROM sys_guard WHERE "Name" NOT IN (%s, %s)'


class Server(Backend):
    """A database server."""

    retries = True
    quote: ClassVar[str] = '"'

    def location(self) -> str:
        """Return where the database is, without the password."""
        return self.url.set(drivername=self.name, query={}).render_as_string()

    def run(self, connection: Connection, text: str, values: Sequence[Any] = ()) -> Any:
        """Run a statement by the driver itself and return its cursor."""
        cursor = driver(connection).cursor()
        cursor.execute(text, values or None)
        return cursor

    def create_tables(self, connection: Connection) -> None:
        """Make what is not there yet, with the rows that transactions meet at."""
        super().create_tables(connection)
        for name in GUARDS:
            if self.run(connection, self._sql('SELECT 1 FROM sys_guard WHERE "Name" = %s'), (name,)).fetchone() is None:
                self.run(connection, self._sql('INSERT INTO sys_guard ("Name", "Value") VALUES (%s, 0)'), (name,))

    def _sql(self, text: str) -> str:
        return text.replace('"', self.quote)

    def mark(self, connection: Connection) -> frozenset[str]:
        """Return the names of the rows that say which changes of reference kinds there were."""
        return frozenset(name for (name,) in self.run(connection, self._sql(MARKS), GUARDS).fetchall())

    def leave_mark(self, connection: Connection) -> None:
        """Add a row that is there only if this transaction is stored."""
        text = self._sql('INSERT INTO sys_guard ("Name", "Value") VALUES (%s, 0)')
        self.run(connection, text, (_MARK + secrets.token_hex(16),))

    def remove_marks(self, connection: Connection, seen: object) -> None:
        """Remove the marks that were ``seen``, if they are many, after the commit of a transaction that left one.

        That one stays, so what is left is another set of rows than any that was ever there before.
        """
        if isinstance(seen, frozenset) and len(seen) > _MOST_MARKS:
            for name in seen:
                self.run(connection, self._sql('DELETE FROM sys_guard WHERE "Name" = %s'), (name,))

    def meet(self, connection: Connection, kind: type) -> None:
        """Count up the row of ``kind``, which only one of several transactions can."""
        if kind is Link:
            text = self._sql('UPDATE sys_guard SET "Value" = "Value" + 1 WHERE "Name" = %s')
            if self.run(connection, text, (LINKS,)).rowcount != 1:
                message = f"the database {self.location()} lacks the row {LINKS!r} in sys_guard"
                raise RepositoryError(message, hint="run: ticketcore db check")

    def said(self, failure: Failure, reason: str) -> TicketcoreError:
        """Return the error that a ``failure`` of the server is; ``reason`` is what the server said."""
        location = self.location()
        if failure is Failure.CONFLICT:
            return ConflictError("record", f"in {location} ({reason})")
        if failure is Failure.LOST:
            return self.lost(reason)
        if failure is Failure.VALUE:
            return RejectedError([Problem("", f"a value does not fit into the database ({reason})")])
        kind, text, hint = _SAID[failure]
        return kind(text.format(location=location, reason=reason), hint=hint)

    def lost(self, reason: str) -> RepositoryLostError:
        """Return the error of a connection that broke."""
        message = f"the connection to the database {self.location()} broke ({reason})"
        hint = "nothing was changed; repeat it, and if that does not help, see whether the server runs"
        return RepositoryLostError(message, hint=hint, reason=reason)
