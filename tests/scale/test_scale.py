"""Lists among ten thousand, a hundred thousand and a million tickets: what an index answers takes as long everywhere.

Every question is asked of all sizes by turns, so that whatever else the machine does meets all of them.
"""

from __future__ import annotations

import sqlite3
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from sqlalchemy.engine import make_url

from tests.scale.fill import NOW, fill
from ticketcore import open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, EmailSection
from ticketcore.desk import Desk

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SIZES = (10_000, 100_000, 1_000_000)
PAGE = 50
ROUNDS = 31
MOST_GROWTH = 1.5
MOST_TIMES_BY_HAND = 4

Ask = Callable[[Desk], object]


def _listed(sort: str) -> Ask:
    return lambda desk: desk.queries.get_tickets_by_filter(sort=sort, limit=PAGE)


INDEXED: dict[str, Ask] = {
    **{
        f"list by {sort}": _listed(sort)
        for sort in ("number", "-number", "created", "-created", "-updated", "due", "-due", "priority", "-priority")
    },
    "list of a package": lambda desk: desk.queries.get_tickets_by_filter("CORE", sort="-number", limit=PAGE),
    "list of a status": lambda desk: desk.queries.get_tickets_by_filter(status="NEW", limit=PAGE),
    "list of a person": lambda desk: desk.queries.get_tickets_by_filter(
        status="IN_PROGRESS", assignee="worker7", sort="-number", limit=PAGE
    ),
    "by assignee": lambda desk: desk.queries.get_tickets_by_assignee("worker7"),
    "unassigned": lambda desk: desk.queries.get_unassigned_tickets(),
    "overdue": lambda desk: desk.queries.get_overdue_tickets(),
    "due for escalation": lambda desk: desk.sla.check_escalation_due(),
    "search of a rare word": lambda desk: desk.queries.search("rare7", limit=PAGE),
    "search of a word that is everywhere": lambda desk: desk.queries.search("common", limit=PAGE),
    "read with history": lambda desk: (desk.tickets.read(5_000), desk.queries.get_history(5_000)),
}
COUNTS: dict[str, Ask] = {
    "summary": lambda desk: desk.queries.get_status_summary(),
    "breaches": lambda desk: desk.queries.get_sla_breach_count(),
}

_OWED = ' AND "{0}Met" IS NULL AND "{0}Deadline" < {1} AND ("SlaPausedAt" IS NULL OR "{0}Deadline" < "SlaPausedAt")'
_OPEN = """SELECT * FROM data_ticket WHERE "Status" IN ('NEW', 'TRIAGED', 'IN_PROGRESS', 'ON_HOLD', 'ESCALATED')"""
_AT = f"'{NOW:%Y-%m-%d %H:%M:%S}.000000'"
BY_HAND = {
    "list by -created": f'SELECT * FROM data_ticket ORDER BY "CreatedDate" DESC, "TicketNumber" DESC LIMIT {PAGE}',  # noqa: S608
    "overdue": f"""
        {_OPEN}{_OWED.format("SlaResponse", _AT)}
        UNION {_OPEN}{_OWED.format("SlaResolution", _AT)}
        ORDER BY "TicketNumber"
    """,
}
"""The same by the driver."""


@define
class Stores:
    """A store of each size."""

    engine: str
    desks: dict[int, Desk]
    by_hand: Callable[[str], list[Any]]
    """Runs SQL on the largest store."""
    lines: list[str] = field(factory=list)

    def growth(self, name: str, ask: Ask) -> float:
        """Note how long ``ask`` takes among each number of tickets; return how many times longer among the most."""
        times = _by_turns({size: partial(ask, desk) for size, desk in self.desks.items()})
        medians = " ".join(f"{1000 * statistics.median(times[size]):9.2f}" for size in SIZES)
        first, last = times[SIZES[0]], times[SIZES[-1]]
        growth = statistics.median(more / less for less, more in zip(first, last, strict=True))
        self.lines.append(f"{name:38} {medians} ms {growth:9.2f}")
        return growth

    def ratio(self, name: str, asks: dict[Any, Callable[[], object]]) -> float:
        """Note how long a list takes and how long by hand; return how many times longer."""
        times = _by_turns(asks)
        ratio = statistics.median(our / their for our, their in zip(times["ours"], times["by hand"], strict=True))
        ours, by_hand = (1000 * statistics.median(times[who]) for who in ("ours", "by hand"))
        self.lines.append(f"{name:38} {ours:9.2f} ms, by hand {by_hand:.2f} ms {ratio:18.2f}")
        return ratio


def _by_turns(asks: dict[Any, Callable[[], object]]) -> dict[Any, list[float]]:
    times: dict[Any, list[float]] = {name: [] for name in asks}
    for ask in asks.values():
        ask()
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            start = time.perf_counter()
            ask()
            times[name].append(time.perf_counter() - start)
    return times


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Fill the stores; print the table at the end."""
    folder = tmp_path_factory.mktemp("scale")
    with ExitStack() as around:
        desks, url = {}, ""
        for size in SIZES:
            url = f"sqlite:///{folder}/{size}.db" if request.param == "sqlite" else _database(request)
            config = Config(database=DatabaseSection(url=url), email=EmailSection(folder=folder))
            desks[size] = around.enter_context(open_desk(config, clock=PlayedClock(NOW)))
            fill(desks[size], url, size)
        stores = Stores(request.param, desks, _driver(around, url))
        yield stores
    plugins: Any = request.config.pluginmanager
    with plugins.getplugin("capturemanager").global_and_fixture_disabled():
        report = plugins.getplugin("terminalreporter")
        report.write_line(f"\n\n{request.param}: medians among {SIZES} tickets, how many times longer the last takes")
        for line in stores.lines:
            report.write_line(line)
    for file in Path(folder).glob("*.db*"):  # more than a gigabyte
        file.unlink()


def _database(request: pytest.FixtureRequest) -> str:
    import psycopg

    server, name = request.getfixturevalue("postgresql_server"), f"t{uuid.uuid4().hex}"
    with psycopg.connect(server.replace("+psycopg", "", 1), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _driver(around: ExitStack, url: str) -> Callable[[str], list[Any]]:
    if url.startswith("sqlite"):
        connection: Any = sqlite3.connect(make_url(url).database or "", isolation_level=None)
    else:
        import psycopg

        connection = psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True)
    around.callback(connection.close)
    return lambda statement: list(connection.execute(statement).fetchall())


@pytest.mark.parametrize("name", INDEXED)
def test_what_an_index_answers_takes_as_long_among_a_million_tickets(stores: Stores, name: str) -> None:
    assert stores.growth(name, INDEXED[name]) < MOST_GROWTH


@pytest.mark.parametrize("name", BY_HAND)
def test_a_list_takes_a_few_times_as_long_as_by_hand(stores: Stores, name: str) -> None:
    desk, statement = stores.desks[SIZES[-1]], BY_HAND[name]
    ask = INDEXED[name]
    found: Any = ask(desk)
    assert len(stores.by_hand(statement)) == len(found) > 0
    asks = {"ours": lambda: ask(desk), "by hand": lambda: stores.by_hand(statement)}
    assert stores.ratio(name, asks) < MOST_TIMES_BY_HAND


@pytest.mark.parametrize("name", COUNTS)
def test_counting_is_reported(stores: Stores, name: str) -> None:
    assert stores.growth(name, COUNTS[name]) > 0
