"""Connections to SQLite: how each is set up, and how its transactions begin."""

from __future__ import annotations

import os
import sqlite3
import weakref
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from ticketcore.adapters.sql.tables import ticket, version

_BEGIN = "ticketcore_begin"


def make_engine(url: URL, timeout: float) -> tuple[sa.Engine, sa.Engine]:
    """Return an engine for writing and one for reading, with the same connections; none is opened yet."""
    arguments = {"timeout": timeout, "check_same_thread": False}
    engine = sa.create_engine(url, connect_args=arguments, pool_reset_on_return=None)
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    _dispose_after_fork(engine)
    return engine, engine.execution_options(**{_BEGIN: "BEGIN"})


def driver(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection, for what every transaction asks: it is ten times as fast."""
    own: sqlite3.Connection = cast("Any", connection.connection.driver_connection)
    return own


def use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Let the file keep a write-ahead log; that is written into the file, so only into one of ours."""
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        # On a read-only file, or while another connection works, the journal stays as it is: slower, as safe.
        if "readonly" not in str(error) and "locked" not in str(error):
            raise


def _set_up(connection: Any, _record: Any) -> None:
    """Set up a new connection: our own BEGIN, a write-ahead log, and a flush at every commit."""
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous=FULL")
    if connection.execute("PRAGMA journal_mode").fetchone() == ("delete",) and _is_ours(connection):
        use_write_ahead_log(connection)


def _is_ours(connection: Any) -> bool:
    """Return whether the file is one of ours: one of something else, or an empty one, is only looked at."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {version.name, ticket.name} <= names


def _begin(connection: Connection) -> None:
    driver(connection).execute(connection.get_execution_options().get(_BEGIN, "BEGIN IMMEDIATE"))


def _dispose_after_fork(engine: sa.Engine) -> None:
    """Let a forked child open connections of its own: SQLite's must not cross a fork."""
    reference = weakref.ref(engine)

    def forget() -> None:
        inherited = reference()
        if inherited is not None:
            inherited.dispose(close=False)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)
