"""What the framework costs on top of the rows that it writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ticketcore import Desk, Ticket, open_desk
from ticketcore.config.schema import Config, DatabaseSection, EmailSection, SchedulerSection

pytestmark = pytest.mark.bench

PACKAGES = ("CORE", "SHOP", "", "BILLING")
PRIORITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO")
BATCH = 40
PAIRS = 31
LEAST = 0.6
"""The share of plain Core's rate that creating through the desk reaches at least."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def filled_desk(folder: Path, *, inline: bool) -> Desk:
    """Return a desk on a file, with people, 20 auto-assign rules and 10 SLA policies."""
    desk = open_desk(
        Config(
            database=DatabaseSection(url=f"sqlite:///{folder / 'desk.db'}"),
            email=EmailSection(folder=folder / "mail"),
            scheduler=SchedulerSection(inline=inline),
        )
    )
    desk.people.add_person("Ada Adams", "ada@example.com", "ada", is_staff=True, action_by="bench")
    for i in range(20):
        desk.people.add_person(f"Worker {i}", f"worker{i}@example.com", f"worker{i}", is_staff=True, action_by="bench")
    for package in PACKAGES:
        for i, priority in enumerate(PRIORITIES):
            desk.rules.auto_assign_add_rule(package, f"worker{i}@example.com", priority=priority, action_by="bench")
    for package in PACKAGES[:2]:
        for i, priority in enumerate(PRIORITIES):
            desk.sla.set_sla(
                package, priority, response_minutes=10 * (i + 1), resolution_minutes=60 * (i + 1), action_by="bench"
            )
    return desk


def create(desk: Desk) -> Ticket:
    return desk.tickets.create(
        "The printer on the second floor is out of paper",
        description="It has blinked since this morning. Nobody knows where the paper is kept.",
        priority="HIGH",
        requested_by="ada@example.com",
        action_by="ada@example.com",
    )


def seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(BATCH):
        step()
    return time.perf_counter() - start


class Core:
    """The same rows written by hand: statements built once, one connection kept, the same promises on a crash."""

    TABLES = ("data_ticket", "data_ticket_history", "sys_outbox")

    def __init__(self, path: Path) -> None:
        self.engine = sa.create_engine(f"sqlite:///{path}")
        sa.event.listen(self.engine, "connect", self._set_up)
        sa.event.listen(self.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        metadata = sa.MetaData()
        metadata.reflect(self.engine, only=self.TABLES)
        tables = [metadata.tables[name] for name in self.TABLES]
        self.connection = self.engine.connect()
        with self.connection.begin():
            self.rows = [[dict(row) for row in self.connection.execute(sa.select(t)).mappings()] for t in tables]
        inserts = [
            sa.insert(table).values({c.name: sa.bindparam(c.name) for c in table.c if c.name != "TicketNumber"})
            for table in tables
        ]
        self.ticket, self.history, self.outbox = inserts[0].returning(tables[0].c.TicketNumber), *inserts[1:]
        # The words of the ticket, for searching; a reflected table would lack the number of the row.
        self.search = sa.text("INSERT INTO data_ticket_search (rowid, Words) VALUES (:number, :words)")
        with self.connection.begin():
            (self.words,) = self.connection.exec_driver_sql("SELECT Words FROM data_ticket_search").scalars()
        self.made = 0

    @staticmethod
    def _set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    def fresh(self) -> Iterator[list[list[dict[str, Any]]]]:
        """Yield the rows of a batch of tickets, each under identifiers of their own."""
        for _ in range(BATCH):
            self.made += 1
            (ticket,), history, outbox = self.rows
            guid = f"{self.made:08}{ticket['Guid'][8:]}"
            yield [
                [{name: value for name, value in ticket.items() if name != "TicketNumber"} | {"Guid": guid}],
                [row | {"Guid": f"{self.made:08}{row['Guid'][8:]}", "TicketGuid": guid} for row in history],
                [row | {"Guid": f"{self.made:08}{row['Guid'][8:]}", "TicketGuid": guid} for row in outbox],
            ]

    def seconds(self) -> float:
        batch = iter(list(self.fresh()))
        return seconds(lambda: self._insert(*next(batch)))

    def _insert(self, ticket: list[dict[str, Any]], history: list[dict[str, Any]], outbox: list[dict[str, Any]]) -> int:
        with self.connection.begin():
            number: int = self.connection.execute(self.ticket, ticket[0]).scalar_one()
            self.connection.execute(self.search, {"number": number, "words": self.words})
            self.connection.execute(self.history, history)
            self.connection.execute(self.outbox, outbox)
        return number

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    """Plain Core on a file of its own with the schema and the first ticket of a desk."""
    folder = tmp_path / "core"
    folder.mkdir()
    with filled_desk(folder, inline=False) as desk:
        create(desk)
    core = Core(folder / "desk.db")
    yield core
    core.close()


def test_the_core_side_writes_what_the_desk_writes(core: Core) -> None:
    assert [len(rows) for rows in core.rows] == [1, 2, 2]
    core.seconds()
    with core.connection.begin():
        counts = [core.connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() for name in Core.TABLES]  # noqa: S608
        found = core.connection.exec_driver_sql("SELECT count(DISTINCT Words), count(*) FROM data_ticket_search").one()
    assert counts == [(BATCH + 1) * len(rows) for rows in core.rows]
    assert found == (1, counts[0])


def test_creating_reaches_60_percent_of_the_rate_of_plain_core(core: Core, tmp_path: Path, table: Any) -> None:
    with filled_desk(tmp_path, inline=False) as desk:
        ratio = table.compare(
            "create, delivered by the worker / Core inserts of the same rows",
            lambda: seconds(lambda: create(desk)),
            core.seconds,
            pairs=PAIRS,
            per=BATCH,
            bound=f"{1 / LEAST:.2f}",
        )
    assert 1 / ratio >= LEAST


def test_creating_with_delivery_to_files(core: Core, tmp_path: Path, table: Any) -> None:
    with filled_desk(tmp_path, inline=True) as desk:
        table.compare(
            "create, delivered at once to files / Core inserts of the same rows",
            lambda: seconds(lambda: create(desk)),
            core.seconds,
            pairs=5,
            per=BATCH,
        )
        assert desk.notifications.list_outbox("PENDING") == []
