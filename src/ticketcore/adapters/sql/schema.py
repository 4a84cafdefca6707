"""Which schema a database has, and the way of a new one."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateTable

from ticketcore.adapters.sql.backend import Backend
from ticketcore.adapters.sql.tables import REVISIONS, metadata, ticket, version
from ticketcore.errors import Problem, RejectedError, SchemaError
from ticketcore.ports.repository import StoreStatus

SEARCH = ("data_ticket_search", "data_ticket_comment_search")
"""The tables of the index of words, which every engine declares in its own way."""

GOING_BACK = "*"
"""What is behind the revision of a database that is on its way back to it.

It stays there if the process dies on an engine that stores each change of the schema by itself. No version of
ticketcore takes that for a revision of its own.
"""


def status(backend: Backend, connection: Connection) -> StoreStatus:
    """Say which schema the database behind ``connection`` has."""
    names, expected = set(backend.table_names(connection)), REVISIONS[-1]
    if not names or _is_unfinished(backend, connection, names):
        return StoreStatus(backend.location(), "missing", expected=expected)
    if not {version.name, ticket.name} <= names:
        # An application of somebody else may keep an alembic_version too.
        return StoreStatus(backend.location(), "foreign", expected=expected)
    stored = _revision(connection)
    if not stored:
        return StoreStatus(backend.location(), "foreign", expected=expected)  # its adoption was interrupted
    revision = stored.removesuffix(GOING_BACK)
    known = "outdated" if revision in REVISIONS else "newer"
    state = "ready" if stored == expected else known
    return StoreStatus(backend.location(), state, revision, expected)


def _revision(connection: Connection) -> str:
    return str(connection.exec_driver_sql(f"SELECT version_num FROM {version.name}").scalar() or "")  # noqa: S608


def _is_unfinished(backend: Backend, connection: Connection, names: Collection[str]) -> bool:
    """Return whether what is there is all that a process has made of our tables before it died."""
    ours = {*metadata.tables, *SEARCH}
    if backend.whole_schema or version.name not in names or not ours.issuperset(names) or _revision(connection):
        return False
    return ticket.name not in names or connection.execute(sa.select(ticket.c.guid).limit(1)).first() is None


def make(backend: Backend, connection: Connection) -> None:
    """Make the tables; what is left of a process that died meanwhile is gone on with."""
    # Without a row, it says that what is there is ours and not finished.
    connection.execute(CreateTable(version, if_not_exists=True))
    backend.create_tables(connection)
    connection.execute(sa.insert(version).values(version_num=REVISIONS[-1]))


def refuse_unless_ready(status: StoreStatus) -> None:
    """Refuse a database that this version cannot work with.

    Raises:
        SchemaError: it is older or newer, or something else.
    """
    if status.state == "outdated":
        message = f"the database {status.location} has schema {status.revision}; this version needs {status.expected}"
        raise SchemaError(message, hint="make a backup, then run: ticketcore db upgrade")
    refuse_unless_known(status)


def refuse_unless_known(status: StoreStatus) -> None:
    """Refuse a database whose schema this version does not know.

    Raises:
        SchemaError: it is newer, or something else.
    """
    if status.state == "newer":
        message = f"the database {status.location} has schema {status.revision}, which is newer than this version knows"
        raise SchemaError(f"{message} ({status.expected})", hint="use the ticketcore that wrote it, or a later one")
    if status.state == "foreign":
        message = f"the database {status.location} holds tables of something else"
        raise SchemaError(message, hint="give database.url a file of its own")


def refuse_unless_there(status: StoreStatus) -> None:
    """Refuse a database that is not made yet.

    Raises:
        SchemaError: there is nothing.
    """
    if status.state == "missing":
        raise SchemaError(f"the database {status.location} is not made yet", hint="run: ticketcore db init")


def refuse_unless_above(status: StoreStatus, revision: str) -> None:
    """Refuse to bring a database back to ``revision`` where that is no way back.

    Raises:
        RejectedError: there is no such revision, or the database is older.
        SchemaError: there is nothing, or its schema is not one that this version knows.
    """
    refuse_unless_there(status)
    refuse_unless_known(status)
    if revision not in REVISIONS:
        raise _no_way_back(f"there is no schema {revision}; there are {', '.join(REVISIONS)}")
    if revision > status.revision:
        raise _no_way_back(f"the database {status.location} has schema {status.revision}, which is older")


def _no_way_back(problem: str) -> RejectedError:
    return RejectedError([Problem("revision", problem)])
