"""Who was overtaken comes next alone, and what transactions leave for each other is tidied up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from attrs import evolve

from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.domain.query import Query
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import ConflictError
from ticketcore.testing.records import make_assign_rule, make_ticket

MakeRepository = Callable[[], SqlRepository]
PATIENCE = 0.3
"""Seconds after which somebody who has not come is taken to wait."""


@pytest.fixture(params=["postgresql", "mariadb"])
def make_repository(request: pytest.FixtureRequest) -> Iterator[MakeRepository]:
    url = request.getfixturevalue(f"{request.param}_url")
    made: list[SqlRepository] = []

    def make() -> SqlRepository:
        made.append(SqlRepository(url))
        return made[-1]

    yield make
    for repository in made:
        repository.close()


def add(repository: SqlRepository, begun: threading.Event) -> None:
    with repository.transaction() as tx:
        tx.count(Query(Ticket))
        begun.set()
        tx.add(make_ticket())


def overtake(first: SqlRepository, second: SqlRepository) -> None:
    """Let the one in this thread meet a conflict."""
    with first.transaction() as tx:
        ticket = tx.add(make_ticket())

    def lose() -> None:
        with first.transaction() as tx:
            seen = tx.get(Ticket, ticket.guid)
            assert seen is not None
            with second.transaction() as other:
                other.save(evolve(seen, subject="faster"))
            tx.save(evolve(seen, subject="slower"))
            tx.count(Query(Ticket))

    with pytest.raises(ConflictError):
        lose()


@pytest.mark.parametrize("overtaken", [True, False])
def test_who_was_overtaken_writes_alone_the_next_time(make_repository: MakeRepository, overtaken: bool) -> None:
    first, second = make_repository(), make_repository()
    if overtaken:
        overtake(first, second)
    begun = threading.Event()
    other = threading.Thread(target=add, args=(second, begun))
    with first.transaction() as tx:
        tx.count(Query(Ticket))
        other.start()
        assert begun.wait(PATIENCE if overtaken else 20) is not overtaken
        tx.add(make_ticket())
    other.join(20)
    assert begun.is_set()
    # And once it was stored, it is one among others again.
    again = threading.Event()
    other = threading.Thread(target=add, args=(second, again))
    with first.transaction() as tx:
        tx.count(Query(Ticket))
        other.start()
        assert again.wait(20)
    other.join(20)


def test_marks_of_changed_rules_do_not_pile_up(make_repository: MakeRepository) -> None:
    repository, reader = make_repository(), make_repository()
    query = Query(type(make_assign_rule()))
    for number in range(1, 41):
        with repository.transaction() as tx:
            tx.find(query)
            tx.add(make_assign_rule())
        with reader.transaction() as tx:
            assert len(tx.find(query)) == number
    with repository._engine.connect() as connection, connection.begin():
        names = connection.exec_driver_sql("SELECT * FROM sys_guard").fetchall()
    assert 2 < len(names) < 20
