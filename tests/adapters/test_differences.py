"""What ``db check`` finds on each engine, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.adapters.old_databases import changing
from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.desk import Desk
from ticketcore.errors import RejectedError, RepositoryError

MakeDesk = Callable[..., Desk]


@pytest.fixture(params=["postgresql", "mariadb"])
def url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a new, empty database of each server; tests/cli has the same for SQLite."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def altered(url: str, *statements: str) -> list[str]:
    """Make a database, alter it, and return the differences."""
    repository = SqlRepository(url)
    repository.prepare()
    assert repository.differences() == []
    with changing(url) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace('"', "`") if url.startswith("mariadb") else statement)
    found = [str(one) for one in repository.differences()]
    repository.close()
    return found


def test_what_is_missing_or_added(url: str) -> None:
    drop = "DROP INDEX ix_user_email" + (" ON sys_user" if url.startswith("mariadb") else "")
    found = altered(
        url,
        "DROP TABLE data_ticket_search",
        "DROP TABLE sys_job",
        'ALTER TABLE def_person ADD COLUMN "Own" INTEGER',
        'ALTER TABLE def_recurring DROP COLUMN "LastError"',
        'CREATE INDEX own ON def_person ("Name")',
        drop,
        "DELETE FROM sys_guard",
        "CREATE TABLE invoice (id INTEGER)",
    )
    assert sorted(found) == sorted(
        [
            "data_ticket_search: is missing",
            *(["ix_ticket_search_words: is missing"] if url.startswith("postgresql") else []),
            "sys_job: is missing",
            "def_person.Own: is there, and ticketcore has no such column",
            "def_recurring.LastError: is missing",
            "def_person: the index own of Name is there, and is not ticketcore's",
            "sys_user: the index ix_user_email of Email is missing",
            "sys_guard: the row links is missing (add it, with the value 0)",
            "sys_guard: the row turn is missing (add it, with the value 0)",
        ]
    )


def test_what_postgresql_keeps_in_another_way(postgresql_url: str) -> None:
    assert altered(
        postgresql_url,
        'ALTER TABLE sys_user ALTER COLUMN "Email" TYPE VARCHAR(200), ALTER COLUMN "Email" DROP NOT NULL',
    ) == [
        'sys_user.Email: has the type VARCHAR(200); expected VARCHAR(255) COLLATE "C"',
        "sys_user.Email: may be empty; expected that it may not be empty",
        "sys_user.Email: has the collation of the database; expected C",
    ]


def test_what_mariadb_keeps_in_another_way(mariadb_url: str) -> None:
    found = altered(
        mariadb_url,
        "ALTER TABLE def_ticket_assign ENGINE=MyISAM",
        "ALTER TABLE sys_job MODIFY LastRun DATETIME NULL",
        "ALTER TABLE sys_user MODIFY Email VARCHAR(255) COLLATE utf8mb4_general_ci NOT NULL",
    )
    assert sorted(found) == [
        "def_ticket_assign: has the engine MyISAM; expected InnoDB",
        "sys_job.LastRun: keeps 0 digits of a second; expected 6",
        "sys_user.Email: has the collation utf8mb4_general_ci; expected utf8mb4_nopad_bin",
    ]


def test_python_has_to_say_that_something_may_be_lost(sqlite_desk: Desk) -> None:
    sqlite_desk.tickets.create("one", action_by="anna")
    assert not sqlite_desk.preview_downgrade("0003").loses  # only the index of words, and that is made again
    sqlite_desk.tasks.add_task(1, "Call back", action_by="anna")
    assert sqlite_desk.preview_downgrade("0002").loses
    with pytest.raises(RejectedError, match=r"the schema 0002 has no place for data_ticket_task \(rows: 1\)"):
        sqlite_desk.downgrade_store("0002")
    assert sqlite_desk.store_status().ready
    assert sqlite_desk.downgrade_store("0003").revision == "0003"
    assert sqlite_desk.downgrade_store("0002", losing=True).revision == "0002"


def test_a_store_without_a_schema_says_so(make_desk: MakeDesk) -> None:
    desk = make_desk("memory:")
    for call in (desk.check_store, lambda: desk.preview_downgrade("0001"), lambda: desk.downgrade_store("0001")):
        with pytest.raises(RepositoryError, match="has no schema to look at"):
            call()
