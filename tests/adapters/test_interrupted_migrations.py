"""A change of the schema that dies anywhere, or is started several times at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command

from tests.adapters.old_databases import at_revision, content, make_old, schema
from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.adapters.sql.tables import REVISIONS

ROOT = Path(__file__).parents[2]
NEWEST = REVISIONS[-1]


SERVERS = ("postgresql", "mariadb")
KILLED = ["sqlite", *(pytest.param(name, marks=[pytest.mark.slow, pytest.mark.timeout(300)]) for name in SERVERS)]
"""To start a server and let a hundred processes die on it takes long."""


@pytest.fixture(params=["sqlite", *SERVERS])
def url(request: pytest.FixtureRequest, sqlite_file: Path) -> str:
    """Return the URL of a new, empty database of each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{sqlite_file}"
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def let(*arguments: str) -> Any:
    """Let processes die, or race; return what became of it."""
    command = [sys.executable, "-m", "tests.adapters.dying", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def state(url: str) -> tuple[str, str]:
    repository = SqlRepository(url)
    found = repository.status()
    repository.close()
    return found.state, found.revision


def differences(url: str) -> list[str]:
    repository = SqlRepository(url)
    found = repository.differences()
    repository.close()
    return [str(one) for one in found]


def at_ddl(deaths: list[list[str]]) -> list[str]:
    """Return the state after each death before a statement that changes the schema."""
    return [found for statement, found in deaths if statement.lstrip().startswith(("CREATE", "ALTER", "DROP"))]


@pytest.mark.parametrize("url", KILLED, indirect=True)
def test_a_new_database_whose_making_dies_before_any_statement_is_finished_by_the_next_try(url: str) -> None:
    deaths = let("kill", url, "prepare")
    assert len(at_ddl(deaths)) > 40
    assert set(at_ddl(deaths)) == {"missing"}
    assert state(url) == ("ready", NEWEST)
    assert differences(url) == []


@pytest.mark.parametrize("url", KILLED, indirect=True)
def test_an_upgrade_that_dies_before_any_statement_is_finished_by_the_next_try(url: str) -> None:
    make_old(url, "0001")
    before = content(url)
    deaths = let("kill", url, "upgrade")
    assert len(at_ddl(deaths)) > 30
    assert set(at_ddl(deaths)) == {"outdated"}
    assert state(url) == ("ready", NEWEST)
    after = content(url)
    assert {name: after[name] for name in before} == before
    assert differences(url) == []
    upgraded = schema(url)
    at_revision(url, command.downgrade, "base")
    at_revision(url, command.upgrade, "head")
    assert schema(url) == upgraded


@pytest.mark.parametrize("url", KILLED, indirect=True)
def test_a_downgrade_that_dies_before_any_statement_is_finished_by_the_next_try(url: str) -> None:
    make_old(url, "0001")
    before, first = content(url), schema(url)
    at_revision(url, command.upgrade, "head")
    deaths = let("kill", url, "downgrade", "0001")
    assert len(at_ddl(deaths)) > 15
    assert set(at_ddl(deaths)) <= {"ready", "outdated"}
    assert state(url) == ("outdated", "0001")
    assert (content(url), schema(url)) == (before, first)


def test_a_downgrade_that_died_is_taken_back_by_an_upgrade(mariadb_url: str) -> None:
    make_old(mariadb_url, NEWEST)
    newest = schema(mariadb_url)
    repository = SqlRepository(mariadb_url)
    with repository._engine.begin() as connection:  # as it is after the first of its steps
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0002*'")
        connection.exec_driver_sql("DROP TABLE data_ticket_link")
    assert state(mariadb_url) == ("outdated", "0002")
    assert repository.upgrade().ready
    repository.close()
    assert schema(mariadb_url) == newest


@pytest.mark.parametrize("operation", ["prepare", "upgrade"])
def test_several_at_once_do_it_once(url: str, operation: str) -> None:
    if operation == "upgrade":
        make_old(url, "0001")
    before = content(url)
    assert let("race", url, operation) == ["ready"] * 4
    after = content(url)
    assert {name: after[name] for name in before} == before
    assert state(url) == ("ready", NEWEST)
    assert differences(url) == []
