"""The raw limit: the database driver alone, writing the rows that ticketcore writes.

What they are is not written down here. A desk makes one ticket and takes it through its life, and after each step the
tables are compared with what they were: that are the statements of the step, to be repeated under other identifiers.
Nothing is checked and nothing is read, so no program can be faster that writes the same.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uuid_utils.compat
from ticketcore_contender import Contender as Desk  # type: ignore[import-not-found]
from ticketcore_contender import worker

from ticketcore.services.people import stored_assignee

SUBJECT = "The printer on the second floor is out of paper"
TEXT = "It has blinked since this morning. Nobody knows where the paper is kept."

Row = dict[str, Any]
Rows = dict[tuple[str, Any], Row]
Statement = tuple[str, tuple[Any, ...]]
"""An SQL text and its values, among which a :class:`Name` stands for what differs from ticket to ticket."""


class Name(int):
    """An identifier by its place among those of a ticket; -1 is the number of the ticket."""


class Sqlite:
    """A file by the driver of Python."""

    mark = "?"

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=10, cached_statements=256)
        self.connection.execute("PRAGMA synchronous=FULL")

    def tables(self) -> dict[str, list[str]]:
        """Return the tables of tickets with their columns; that of an index for searching has a ``rowid``."""
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name GLOB '[ds][ay][ts]*_*'"
        found = {name: sql for name, sql in self.connection.execute(query) if "_search_" not in name}
        found.pop("sqlite_sequence", None)
        tables = {}
        for name, sql in found.items():
            columns = [row[1] for row in self.connection.execute(f"PRAGMA table_info({name})")]
            tables[name] = ["rowid", *columns] if "VIRTUAL" in sql else columns
        return tables

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[Callable[[str, tuple[Any, ...]], Any]]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection.execute
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")


class Postgresql:
    """A database by psycopg."""

    mark = "%s"

    def __init__(self, url: str) -> None:
        import psycopg

        self.connection: Any = psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:"), autocommit=True)

    def tables(self) -> dict[str, list[str]]:
        query = """
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND is_generated = 'NEVER'
              AND (table_name LIKE 'data\\_%' OR table_name LIKE 'sys\\_%')
            ORDER BY table_name, ordinal_position
        """
        tables: dict[str, list[str]] = {}
        for table, column in self.rows(query):
            tables.setdefault(table, []).append(column)
        return tables

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.connection.execute(query, values or None).fetchall()
        return found

    @contextmanager
    def transaction(self) -> Iterator[Callable[[str, tuple[Any, ...]], Any]]:
        with self.connection.transaction():
            yield self.connection.execute


class Recorder:
    """Finds out what a desk writes, step by step."""

    def __init__(self, store: Sqlite | Postgresql) -> None:
        self.store = store
        self.tables = store.tables()
        self.seen = self._snapshot()
        self.names: list[Any] = []
        self.number: Any = None

    def _snapshot(self) -> Rows:
        found: Rows = {}
        for table, columns in self.tables.items():
            quoted = ", ".join(f'"{column}"' for column in columns)
            for values in self.store.rows(f"SELECT {quoted} FROM {table}"):  # noqa: S608 - our own names
                found[table, values[0]] = dict(zip(columns, values, strict=True))
        return found

    def step(self) -> list[Statement]:
        """Return the statements for what has changed since the last time."""
        now = self._snapshot()
        # A ticket goes first: the others point at it, and it brings the number.
        fresh = {key: now[key] for key in sorted(now.keys() - self.seen.keys(), key=lambda key: key[0])}
        changed = {key: row for key, row in now.items() if key in self.seen and self.seen[key] != row}
        if self.number is None:
            self.number = next(row["TicketNumber"] for (table, _), row in fresh.items() if table == "data_ticket")
        self.names += [key for _, key in fresh if isinstance(key, str) and key not in self.names]
        inserts = [self._insert(table, row) for (table, _), row in fresh.items()]
        updates = [self._update(table, row, self.seen[table, key]) for (table, key), row in changed.items()]
        self.seen = now
        return [*inserts, *updates]

    def _insert(self, table: str, row: Row) -> Statement:
        row = {column: value for column, value in row.items() if column != "TicketNumber"} if _is_ticket(table) else row
        columns = ", ".join(f'"{column}"' if column != "rowid" else column for column in row)
        marks = ", ".join(self.store.mark for _ in row)
        text = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - our own names
        return f'{text} RETURNING "TicketNumber"' if _is_ticket(table) else text, self._values(row)

    def _update(self, table: str, row: Row, before: Row) -> Statement:
        key = next(iter(row))
        changed = {column: value for column, value in row.items() if value != before[column]}
        assignments = ", ".join(f'"{column}" = {self.store.mark}' for column in changed)
        text = f'UPDATE {table} SET {assignments} WHERE "{key}" = {self.store.mark}'  # noqa: S608 - our own names
        return text, self._values({**changed, "": row[key]})

    def _values(self, row: Row) -> tuple[Any, ...]:
        return tuple(
            Name(self.names.index(value))
            if value in self.names
            else Name(-1)
            if column in {"rowid", "TicketNumber"}
            else value
            for column, value in row.items()
        )


def _is_ticket(table: str) -> bool:
    return table == "data_ticket"


class Contender:
    """The driver on one database."""

    def __init__(self, store: str, folder: Path) -> None:
        self.desk = Desk(store, folder)
        self.path = folder / "ticketcore.db" if store.startswith("sqlite") else None
        self.url = store
        self.recording = folder / "steps.pickle"

    def _open(self) -> Sqlite | Postgresql:
        return Sqlite(self.path) if self.path else Postgresql(self.url)

    def prepare(self) -> None:
        self.desk.prepare()
        self.desk.connect()
        recorder = Recorder(self._open())
        guid = self.desk.create(SUBJECT, TEXT)
        steps = [recorder.step()]
        steps += [recorder.step() for _ in self.desk.later_steps(guid, TEXT)]
        self.recording.write_bytes(pickle.dumps((steps, len(recorder.names))))

    def connect(self) -> None:
        self.desk.connect()
        self.store = self._open()
        self.steps, self.count_of_names = pickle.loads(self.recording.read_bytes())  # noqa: S301 - written above
        tables = self.store.tables()
        self.listed, self.logged = (
            ", ".join(f'"{c}"' for c in tables[n]) for n in ("data_ticket", "data_ticket_history")
        )
        self.known: dict[int, str] = {}

    def facts(self) -> dict[str, Any]:
        rows = [text.split()[2] for text, _ in self.steps[0]]
        return {"version": "", "rows": rows, "statements": [len(step) for step in self.steps]}

    def ask(self, question: str) -> Any:
        return self.store.rows(question)[0][0]

    def create(self, subject: str, text: str) -> Any:
        names = self._names()
        self._run(self.steps[0], names)
        return names[0]

    def lifecycle(self, subject: str, text: str) -> Any:
        names = self._names()
        for step in self.steps:
            self._run(step, names)
        return names[0]

    def _names(self) -> list[Any]:
        # The last one is the number, once it is known.
        return [*(str(uuid_utils.compat.uuid7()) for _ in range(self.count_of_names)), None]

    def _run(self, step: list[Statement], names: list[Any]) -> None:
        with self.store.transaction() as execute:
            for statement in step:
                text, values = self.bound(statement, names)
                done = execute(text, values)
                if text.endswith('RETURNING "TicketNumber"'):
                    (names[-1],) = done.fetchone()

    @staticmethod
    def bound(statement: Statement, names: list[Any]) -> Statement:
        """Return a statement with the identifiers of one ticket in their places."""
        text, values = statement
        return text, tuple(names[value] if type(value) is Name else value for value in values)

    def read(self, name: Any) -> int:
        mark = self.store.mark
        (_ticket,) = self.store.rows(f'SELECT {self.listed} FROM data_ticket WHERE "Guid" = {mark}', (name,))  # noqa: S608 - our own names
        rows = self.store.rows(
            f'SELECT {self.logged} FROM data_ticket_history WHERE "TicketGuid" = {mark} ORDER BY "Seq"',  # noqa: S608 - the same
            (name,),
        )
        return len(rows)

    def list_open(self, who: int, limit: int) -> int:
        mark = self.store.mark
        query = f"""
            SELECT {self.listed} FROM data_ticket WHERE "AssignedTo" = {mark} AND "Status" = 'IN_PROGRESS'
            ORDER BY "TicketNumber" DESC LIMIT {mark}
        """  # noqa: S608 - our own names
        return len(self.store.rows(query, (self._stored(who), limit)))

    def _stored(self, who: int) -> str:
        if who not in self.known:
            with self.desk.desk.repository.transaction(read_only=True) as tx:
                self.known[who] = stored_assignee(tx, worker(who))
        return self.known[who]

    def count(self) -> dict[str, int]:
        return dict(self.store.rows('SELECT "Status", count(*) FROM data_ticket GROUP BY "Status"'))

    def fill(self, size: int, people: int) -> None:
        self.desk.fill(size, people)
