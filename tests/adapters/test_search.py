"""Searching on SQLite: the index is used, follows what is stored, and is there after an upgrade."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from alembic import command
from attrs import evolve

from ticketcore.adapters.sql.migrate import alembic_config
from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.adapters.sql.transaction import SqlTransaction
from ticketcore.domain.query import Condition, Op, Order, Query, eq, one_of
from ticketcore.domain.search import MOST, parse_search
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.domain.work import Comment
from ticketcore.errors import RepositoryError
from ticketcore.testing.records import HARD_LINES, HARD_TEXT, hard_records, make_comment, make_ticket

NEWEST = (Order("ticket_number", descending=True),)
SEARCHES = {
    "one word": Query(Ticket, search=parse_search("word7")),
    "many words": Query(Ticket, search=parse_search(" ".join(f"word{n}" for n in range(MOST)))),
    "internal": Query(Ticket, search=parse_search("word7 common", internal=True)),
    "newest": Query(Ticket, order=NEWEST, limit=51, search=parse_search("word7")),
    "next page": Query(Ticket, order=NEWEST, limit=51, after=(900,), search=parse_search("common")),
    "by priority": Query(Ticket, order=(Order("priority"), *NEWEST), limit=51, search=parse_search("word7")),
    "status": Query(Ticket, (eq("status", Status.NEW),), NEWEST, 51, search=parse_search("word7")),
    "package": Query(
        Ticket,
        (eq("package", "CORE"), one_of("status", [Status.NEW, Status.CLOSED])),
        NEWEST,
        51,
        search=parse_search("word7"),
    ),
    "range": Query(Ticket, (Condition("ticket_number", Op.GT, 5),), NEWEST, 51, search=parse_search("word7")),
}


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[SqlRepository]:
    repository = SqlRepository(f"sqlite:///{tmp_path}/t.db")
    repository.prepare()
    yield repository
    repository.close()


def fill(repository: SqlRepository) -> None:
    """Store a thousand tickets, each with a comment."""
    with repository.transaction() as transaction:
        tickets = transaction.add_many(
            [
                make_ticket(subject=f"common word{number % 100}", status=list(Status)[number % 8])
                for number in range(1000)
            ]
        )
        transaction.add_many(
            [
                make_comment(ticket_guid=ticket.guid, text=f"word{number % 70}", is_internal=number % 2 == 0)
                for number, ticket in enumerate(tickets)
            ]
        )


def driver_of(transaction: SqlTransaction) -> sqlite3.Connection:
    return cast("sqlite3.Connection", transaction._live().connection.driver_connection)


@contextmanager
def statements(transaction: SqlTransaction) -> Iterator[list[str]]:
    """Collect the statements that are run in the block, with their values, without those that SQLite runs for them."""
    seen: list[str] = []
    driver_of(transaction).set_trace_callback(lambda text: None if text.startswith("--") else seen.append(text))
    try:
        yield seen
    finally:
        driver_of(transaction).set_trace_callback(None)


def plan(transaction: SqlTransaction, statement: str) -> list[str]:
    return [row[3] for row in driver_of(transaction).execute(f"EXPLAIN QUERY PLAN {statement}")]


def by_the_index(steps: list[str]) -> bool:
    """Return whether no table is looked through.

    In the index of the words M is a match (>< among some rows), and = a row by its number.
    """
    scans = [step for step in steps if step.startswith("SCAN") and not re.match(r"SCAN (CONSTANT ROW|anon_\d+)$", step)]
    return bool(scans) and all(re.search(r" VIRTUAL TABLE INDEX (0:(M\d|=)|\d+:M\d><)$", scan) for scan in scans)


@pytest.mark.parametrize("analysed", [False, True], ids=["as-it-is", "analysed"])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_does_not_look_through_a_table(repository: SqlRepository, name: str, analysed: bool) -> None:
    fill(repository)
    query = SEARCHES[name]
    with repository.transaction() as transaction:
        if analysed:
            driver_of(transaction).execute("ANALYZE")
        with statements(transaction) as seen:
            transaction.find(query)
            transaction.count(query)
            transaction.count_by(query, "status")
        # Of each word of a page is counted first in how many texts it is.
        assert len(seen) == 3 + (len(query.search.words) if query.search and query.limit else 0)
        for statement in seen:
            steps = plan(transaction, statement)
            assert by_the_index(steps), "\n".join(steps)
    # Without the words it is another matter, or the plan would say nothing.
    with repository.transaction(read_only=True) as transaction, statements(transaction) as seen:
        transaction.find(Query(Ticket, (eq("subject", "common word7"),)))
        assert not by_the_index(plan(transaction, seen[0]))


def test_what_is_written_finds_its_words_by_the_index(repository: SqlRepository) -> None:
    fill(repository)
    with repository.transaction() as transaction:
        (ticket,) = transaction.find(Query(Ticket, order=NEWEST, limit=1))
        (comment,) = transaction.find(Query(Comment, (eq("ticket_guid", ticket.guid),)))
        with statements(transaction) as seen:
            ticket = transaction.save(evolve(ticket, subject="new"))
            transaction.save(evolve(comment, text="new"))
            transaction.remove(comment)
            transaction.remove(ticket)
        written = [text for text in seen if re.match(r"(UPDATE|DELETE FROM) data_ticket(_comment)?_search ", text)]
        assert len(written) == 4
        for statement in written:
            steps = plan(transaction, statement)
            assert by_the_index(steps), "\n".join(steps)


def test_a_ticket_whose_words_stay_is_not_indexed_again(repository: SqlRepository) -> None:
    with repository.transaction() as transaction:
        ticket = transaction.add(make_ticket(subject="Printer, jammed"))
        comment = transaction.add(make_comment(ticket_guid=ticket.guid, text="again"))
    same = (evolve(ticket, status=Status.TRIAGED, subject="PRINTER jammed!"), evolve(comment, text="Again"))
    other = (evolve(ticket, subject="Scanner, jammed", row_version=2), evolve(comment, text="never"))
    for records, indexed in ((same, False), (other, True)):
        for record in records:
            with repository.transaction() as transaction:
                before = driver_of(transaction).total_changes
                transaction.save(record)
                assert (driver_of(transaction).total_changes > before + 1) is indexed


def test_a_row_that_somebody_deleted_is_not_found_and_its_number_can_be_used(repository: SqlRepository) -> None:
    with repository.transaction() as transaction:
        transaction.add(make_ticket(ticket_number=7, subject="old"))
    with closing(sqlite3.connect(repository.location)) as connection, connection:
        connection.execute("DELETE FROM data_ticket WHERE TicketNumber = 7")
    with repository.transaction() as transaction:
        assert transaction.find(Query(Ticket, search=parse_search("old"))) == []
        new = transaction.add(make_ticket(ticket_number=7, subject="new"))
        assert transaction.find(Query(Ticket, search=parse_search("old"))) == []
        assert transaction.find(Query(Ticket, search=parse_search("new"))) == [new]


def test_words_are_found_after_the_file_was_rewritten(repository: SqlRepository) -> None:
    # VACUUM numbers the rows of tables without a number of their own anew.
    with repository.transaction() as transaction:
        first, second = transaction.add_many([make_ticket(subject="first"), make_ticket(subject="second")])
        gone = transaction.add(make_comment(ticket_guid=first.guid, text="gone"))
        transaction.add(make_comment(ticket_guid=second.guid, text="stays"))
        transaction.remove(gone)
    with closing(sqlite3.connect(repository.location)) as connection:
        connection.execute("VACUUM")
    with repository.transaction(read_only=True) as transaction:
        assert transaction.find(Query(Ticket, search=parse_search("stays"))) == [second]
        assert transaction.find(Query(Ticket, search=parse_search("first"))) == [first]


def migrate(file: Path, step: Callable[..., None], revision: str) -> None:
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        step(alembic_config(connection), revision)
    engine.dispose()


def index(file: str) -> list[list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(file)) as connection:
        tickets = connection.execute("SELECT rowid, Words FROM data_ticket_search ORDER BY rowid").fetchall()
        comments = connection.execute("SELECT CommentGuid, Words FROM data_ticket_comment_search ORDER BY 1").fetchall()
        return [tickets, comments]


def test_an_upgrade_enters_what_is_there_as_if_it_were_written_now(repository: SqlRepository) -> None:
    fill(repository)
    with repository.transaction() as transaction:
        for record in hard_records():
            transaction.add(record)
        ticket = transaction.add(make_ticket(ticket_number=5000, subject="", description=HARD_LINES))
        transaction.add(make_comment(guid=HARD_TEXT[:50], ticket_guid=ticket.guid, text="Straße\n𠮷"))
        transaction.add_many([make_comment(text=f"more {number}") for number in range(1500)])
    repository.close()
    before = index(repository.location)
    assert [len(rows) for rows in before] == [1002, 2502]
    file = Path(repository.location)
    migrate(file, command.downgrade, "0003")
    with pytest.raises(sqlite3.OperationalError, match="no such table: data_ticket_search"):
        index(repository.location)
    again = SqlRepository(f"sqlite:///{file}")
    assert again.upgrade().ready
    assert index(again.location) == before
    with again.transaction(read_only=True) as transaction:
        assert transaction.find(Query(Ticket, search=parse_search("STRASSE 𠮷"))) == [ticket]
    again.close()


def test_a_python_without_full_text_search_is_told_apart(repository: SqlRepository) -> None:
    repository.close()
    with closing(sqlite3.connect(repository.location, isolation_level=None)) as connection:
        # What such a Python says of the table, since none is at hand.
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'fts5', 'fts99') WHERE name LIKE '%_search'")
    crippled = SqlRepository(f"sqlite:///{repository.location}")
    with pytest.raises(RepositoryError, match="cannot search for words") as refused, crippled.transaction() as tx:
        tx.add(make_ticket())
    assert "no such module: fts99" in refused.value.message
    assert "FTS5" in refused.value.hint
    with crippled.transaction(read_only=True) as tx:
        assert tx.find(Query(Ticket)) == []
    crippled.close()
