"""Pages among so many tickets that the store takes other ways to them: they hold what a query means, in its order."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve
from sqlalchemy.engine import make_url

from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.adapters.sql.statements import MANY
from ticketcore.domain.query import Condition, Expression, Op, Order, Query, eq, is_null, one_of, select
from ticketcore.domain.search import parse_search
from ticketcore.domain.ticket import Priority, Status, Ticket
from ticketcore.testing.records import make_comment, make_ticket

COUNT = 2 * MANY + 100
LIMIT = 7
START = datetime(2026, 3, 1, tzinfo=UTC)
PEOPLE = ("ann", "bo", "cy", "")

ORDERS = ("ticket_number", "created_date", "updated_date", "sla_resolution_deadline", "priority")
WHERE: dict[str, tuple[Expression, ...]] = {
    "all": (),
    "package": (eq("package", "CORE"),),
    "rare package": (eq("package", "SHOP"),),
    "status": (eq("status", Status.NEW),),
    "statuses": (one_of("status", [Status.NEW, Status.CLOSED]),),
    "nobody of several": (one_of("assigned_to", ["ann", "dee"]), one_of("status", [Status.ON_HOLD, Status.NEW])),
    "many people": (one_of("assigned_to", [*PEOPLE, "dee"]), one_of("status", list(Status)[1:])),
    "priority": (eq("priority", Priority.LOW), eq("assigned_to", "bo")),
    "dates": (Condition("created_date", Op.GE, START + timedelta(minutes=5)),),
    "none": (eq("assigned_to", "dee"),),
    "one of none": (one_of("status", []), eq("package", "CORE")),
    "no deadline": (is_null("sla_resolution_deadline"), eq("package", "CORE")),
}
SEARCHES = ("common", "half", "common half", "common rare", "common some", "half said", "said", "rare none")


def new_database(server: str) -> str:
    """Make a database on a server that the tests have started; return its URL."""
    url, name = make_url(server), f"t{uuid.uuid4().hex}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


def tickets() -> list[Ticket]:
    chance = random.Random(7)  # noqa: S311 - the same ones each time
    return [
        make_ticket(
            guid=f"{number:012}",
            ticket_number=number,
            package="SHOP" if number % 100 == 0 else chance.choice(["CORE", "CORE", ""]),
            subject=" ".join(
                ["common", *["half"] * (number % 2), *["some"] * (number % 9 == 0), *["rare"] * (number % 999 == 5)]
            ),
            status=chance.choice(list(Status)),
            priority=chance.choice(list(Priority)),
            assigned_to=chance.choice(PEOPLE),
            created_date=START + timedelta(seconds=chance.randrange(900)),
            updated_date=START + timedelta(seconds=chance.randrange(900)),
            sla_resolution_deadline=START + timedelta(hours=chance.randrange(99)) if chance.random() < 0.6 else None,
        )
        for number in range(1, COUNT + 1)
    ]


TICKETS = tickets()
COMMENTS = [
    make_comment(guid=f"c{one.guid}", ticket_guid=one.guid, text="said", is_internal=one.ticket_number % 5 == 0)
    for one in TICKETS
    if one.ticket_number % 4 < 3
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def repository(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlRepository]:
    url = f"sqlite:///{tmp_path_factory.mktemp('pages')}/t.db"
    if request.param != "sqlite":
        url = new_database(request.getfixturevalue(f"{request.param}_server"))
    repository = SqlRepository(url)
    repository.prepare()
    with repository.transaction() as tx:
        tx.add_many(TICKETS)
        tx.add_many(COMMENTS)
    yield repository
    repository.close()


@cache
def whole(query: Query[Ticket]) -> list[Ticket]:
    return select(TICKETS, evolve(query, limit=None), lambda asked: select(COMMENTS, asked))


def pages(repository: SqlRepository, query: Query[Ticket], starts: list[Ticket]) -> Iterator[tuple[int, list[Ticket]]]:
    """Yield the first page, and those behind some tickets, with the place where each should begin."""
    expected = [one.ticket_number for one in starts]
    with repository.transaction(read_only=True) as tx:
        yield 0, tx.find(query)
        for place in {0, 5, len(starts) // 2, len(starts) - 3} & set(range(len(starts))):
            last = starts[place]
            after = tuple(getattr(last, key.field) for key in query.order)
            yield expected.index(last.ticket_number) + 1, tx.find(evolve(query, after=after))


def check(repository: SqlRepository, query: Query[Ticket]) -> None:
    everything = whole(query)
    for place, page in pages(repository, query, everything):
        assert page == everything[place : place + LIMIT]


@pytest.mark.parametrize("name", WHERE)
def test_a_page_of_a_list(repository: SqlRepository, name: str) -> None:
    for field, descending in product(ORDERS, (False, True)):
        number = () if field == "ticket_number" else (Order("ticket_number", descending),)
        check(repository, Query(Ticket, WHERE[name], (Order(field, descending), *number), LIMIT))


@pytest.mark.parametrize("words", SEARCHES)
@pytest.mark.parametrize("internal", [False, True], ids=["public", "internal"])
def test_a_page_of_a_search(repository: SqlRepository, words: str, internal: bool) -> None:
    search = parse_search(words, internal=internal)
    for where, order in product((WHERE["all"], WHERE["rare package"]), ("ticket_number", "priority")):
        for descending in (False, True):
            keys = dict.fromkeys((order, "ticket_number"))
            check(repository, Query(Ticket, where, tuple(Order(key, descending) for key in keys), LIMIT, None, search))


@pytest.mark.parametrize("directions", [(False, True), (True, False)], ids=["down", "up"])
def test_a_page_in_mixed_directions(repository: SqlRepository, directions: tuple[bool, bool]) -> None:
    for field in ORDERS[1:]:
        order = tuple(Order(key, way) for key, way in zip((field, "ticket_number"), directions, strict=True))
        check(repository, Query(Ticket, WHERE["package"], order, LIMIT))


def test_all_of_a_list_page_by_page(repository: SqlRepository) -> None:
    order = Order("sla_resolution_deadline"), Order("ticket_number")
    query: Query[Any] = Query(Ticket, WHERE["rare package"], order, LIMIT)
    found: list[Ticket] = []
    with repository.transaction(read_only=True) as tx:
        while page := tx.find(query):
            found += page
            query = evolve(query, after=tuple(getattr(page[-1], key.field) for key in order))
    assert found == whole(evolve(query, after=None))
