"""Databases of crash tests: each is a copy of another one, taken while nobody has that open."""

from __future__ import annotations

import shutil
import sqlite3
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from attrs import define, field
from psycopg.sql import SQL, Identifier
from sqlalchemy.engine import make_url


@define
class Store(ABC):
    """Where such databases are."""

    folder: Path
    name: ClassVar[str]
    """What the engine is called."""
    ways: ClassVar[tuple[bool, ...]]
    """Whether who dies at a step dies before it begins, or (true) when it is sent and not answered."""

    @abstractmethod
    def url(self, database: str) -> str: ...

    @abstractmethod
    def make(self, database: str) -> None:
        """Make an empty database, in the place of one that is there."""

    @abstractmethod
    def copy(self, source: str, database: str) -> None:
        """Let ``database`` be as ``source`` is, whatever it was before."""

    @abstractmethod
    def left_alone(self, database: str) -> None:
        """Return when the server has noticed that those who had the database open are dead; fail if it is damaged."""


ALIVE = 0x616C697665
"""The advisory lock on PostgreSQL that every connection of a process holds that may be killed."""


@define
class SqliteStore(Store):
    """SQLite files in a folder."""

    name = "sqlite"
    ways = (False,)

    def url(self, database: str) -> str:
        return f"sqlite:///{self._file(database)}"

    def make(self, database: str) -> None:
        self._remove(database)  # a desk makes the file

    def copy(self, source: str, database: str) -> None:
        assert not list(self.folder.glob(f"{source}.db-[wj]*"))  # all of it is in the file itself
        self._remove(database)
        shutil.copy(self._file(source), self._file(database))

    def _remove(self, database: str) -> None:
        for file in self.folder.glob(f"{database}.db*"):
            file.unlink()

    def left_alone(self, database: str) -> None:
        if not self._file(database).exists():
            return
        with closing(sqlite3.connect(self._file(database))) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []

    def _file(self, database: str) -> Path:
        return self.folder / f"{database}.db"


@define
class PostgresqlStore(Store):
    """Databases of a PostgreSQL server, on which the user may make new ones.

    To make one takes a hundred times as long as to replace what is in one that is there; so that is done.
    """

    name = "postgresql"
    ways = (False, True)
    server: str
    """The URL of a database that stays as it is."""
    _there: set[str] = field(factory=set, init=False)

    def url(self, database: str) -> str:
        url = make_url(self.server).set(database=self._name(database))
        return url.render_as_string(hide_password=False)

    def make(self, database: str) -> None:
        if database in self._there:
            with self._connected(self.url(database)) as connection:
                connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        else:
            self._create(database, "template1")

    def copy(self, source: str, database: str) -> None:
        if database not in self._there:
            self._create(database, self._name(source))
            return
        with self._connected(self.url(source)) as old, self._connected(self.url(database)) as new, new.transaction():
            for (table,) in old.execute(_TABLES).fetchall():
                new.execute(SQL("DELETE FROM {}").format(Identifier(table)))
                rows = old.cursor().copy(SQL("COPY {} TO STDOUT").format(Identifier(table)))
                copied = new.cursor().copy(SQL("COPY {} FROM STDIN").format(Identifier(table)))
                with rows as reading, copied as writing:
                    for data in reading:
                        writing.write(data)
            for sequence, last in old.execute(_SEQUENCES).fetchall():
                new.execute("SELECT setval(%s::regclass, coalesce(%s, 1), %s)", [sequence, last, last is not None])

    def left_alone(self, database: str) -> None:
        with self._connected(self.url(database)) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [ALIVE])

    def _create(self, database: str, template: str) -> None:
        with self._connected(self.server) as connection:
            names = (Identifier(self._name(database)), Identifier(template))
            connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        self._there.add(database)

    def _name(self, database: str) -> str:
        """Return what a database is called on the server, which others use too."""
        return f"{self.folder.parent.name}-{self.folder.name}-{database}"

    def _connected(self, url: str) -> psycopg.Connection[Any]:
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(plain, autocommit=True, options="-c lock_timeout=10000")


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_SEQUENCES = "SELECT quote_ident(sequencename), last_value FROM pg_sequences WHERE schemaname = 'public'"
