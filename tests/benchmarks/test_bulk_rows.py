"""What it costs to store many tickets with their history at once, on top of the rows and the words."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.ticket import Ticket
from ticketcore.testing.records import make_history_entry, make_ticket

pytestmark = pytest.mark.bench

TICKETS = 1000
ROWS = 4
"""How many rows of history each ticket has."""
LEAST = 0.5
"""The share of the driver's rate that storing records reaches at least."""
TABLES = ("data_ticket", "data_ticket_history", "data_ticket_search")


class Batch:
    """Records, each time under other identifiers, and the rows that they become."""

    def __init__(self, folder: Path) -> None:
        self.ours = SqlRepository(f"sqlite:///{folder}/ours.db")
        self.base = SqlRepository(f"sqlite:///{folder}/base.db")
        self.ours.prepare()
        self.base.prepare()
        self.times = 0

    def records(self) -> tuple[list[Ticket], list[HistoryEntry]]:
        self.times += 1
        start = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=self.times)
        text = "It has blinked since this morning. Nobody knows where the paper is kept."
        tickets = [
            make_ticket(
                guid=f"{self.times:06}-{i:06}",
                ticket_number=self.times * TICKETS + i,
                subject=f"The printer {i} is out of paper",
                description=text,
                created_date=start + timedelta(seconds=i),
            )
            for i in range(TICKETS)
        ]
        entry = make_history_entry(new_value=text)
        rows = [
            evolve(entry, guid=f"{ticket.guid}-{seq}", ticket_guid=ticket.guid, seq=seq)
            for ticket in tickets
            for seq in range(1, ROWS + 1)
        ]
        return tickets, rows

    def ours_seconds(self) -> float:
        tickets, rows = self.records()
        start = time.perf_counter()
        with self.ours.transaction() as tx:
            tx.add_many(tickets)
            tx.add_many(rows)
        return time.perf_counter() - start

    def base_seconds(self) -> float:
        tickets, rows = self.records()
        statements = self._as_rows(tickets, rows)
        with closing(sqlite3.connect(self.base.location, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=FULL")
            start = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            for text, values in statements:
                connection.executemany(text, values)
            connection.execute("COMMIT")
            return time.perf_counter() - start

    def _as_rows(self, tickets: list[Ticket], rows: list[HistoryEntry]) -> list[tuple[str, list[tuple[Any, ...]]]]:
        """Return the statements for what these records become, as another store has written them."""
        other = SqlRepository("sqlite:///:memory:")
        other.prepare()
        with other.transaction() as tx:
            tx.add_many(tickets)
            tx.add_many(rows)
            own: Any = tx._live().connection.driver_connection
            found = []
            for table in TABLES:
                names = [row[1] for row in own.execute(f"PRAGMA table_info({table})")]
                columns = ", ".join(["rowid", *names] if table == "data_ticket_search" else names)
                stored = own.execute(f"SELECT {columns} FROM {table}").fetchall()  # noqa: S608 - our own names
                places = ", ".join("?" * len(stored[0]))
                found.append((f"INSERT INTO {table} ({columns}) VALUES ({places})", stored))  # noqa: S608 - the same
        other.close()
        return found


def test_storing_many_reaches_half_of_the_rate_of_the_driver(tmp_path: Path, table: Any) -> None:
    batch = Batch(tmp_path)
    ratio = table.compare(
        "1,000 tickets with history at once / executemany of the same rows",
        batch.ours_seconds,
        batch.base_seconds,
        pairs=15,
        per=TICKETS,
        bound=f"{1 / LEAST:.2f}",
    )
    assert 1 / ratio >= LEAST
