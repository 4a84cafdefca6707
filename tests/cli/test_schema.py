"""The schema of the database on the command line: compared, and taken back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ticketcore.adapters.sql.tables import REVISIONS

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]

REPAIR = "Alter it by hand, or let ticketcore db backup and ticketcore db restore fill a new database.\n"


@pytest.fixture
def file(done: Done, config: Path) -> Path:
    """Return a database with a ticket, a task, and a rule for two people."""
    done("create", "Printer")
    done("add-task", "1", "Call back")
    done("add-rule", "a@example.com,b@example.com", "--strategy", "round_robin")
    return config.parent / "desk.db"


def alter(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_schema_of_this_version_has_no_differences(done: Done, data: Data, file: Path) -> None:
    assert done("db", "check") == "The schema is that of this version\n"
    assert data("db", "check") == {"differences": []}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP TABLE sys_job", "sys_job: is missing"),
        ("DROP TABLE data_ticket_search", "data_ticket_search: is missing"),
        ("DROP INDEX ix_user_email", "sys_user: the index ix_user_email of Email is missing"),
        (
            "CREATE UNIQUE INDEX own ON sys_user (Email)",
            "sys_user: the unique index own of Email is there, and is not ticketcore's",
        ),
        ("ALTER TABLE sys_user ADD COLUMN Own TEXT", "sys_user.Own: is there, and ticketcore has no such column"),
        ("ALTER TABLE sys_job DROP COLUMN Memory", "sys_job.Memory: is missing"),
    ],
)
def test_a_difference_is_told_and_nothing_is_changed(run: Run, file: Path, statement: str, said: str) -> None:
    alter(file, statement)
    before = file.read_bytes()
    result = run("db", "check")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {said}\n{REPAIR}")
    assert file.read_bytes() == before


def test_differences_as_json(run: Run, file: Path) -> None:
    alter(file, "DROP TABLE sys_job", "CREATE TABLE sys_job (Name TEXT PRIMARY KEY)")
    result = run("db", "check", "--json")
    assert result.exit_code == 1
    assert '"where": "sys_job.Name"' in result.stdout
    assert '"problem": "has the type TEXT"' in result.stdout
    assert '"expected": "VARCHAR(100)"' in result.stdout


def test_tables_of_others_are_no_difference(done: Done, file: Path) -> None:
    alter(file, "CREATE TABLE invoice (id INTEGER)")
    assert done("db", "check") == "The schema is that of this version\n"


def test_what_is_not_made_yet_has_no_schema(run: Run, config: Path) -> None:
    for command in (("db", "check"), ("db", "downgrade", "0001", "--yes")):
        result = run(*command)
        assert (result.exit_code, result.stdout) == (1, "")
        assert (
            result.stderr == f"Error: the database {config.parent}/desk.db is not made yet (run: ticketcore db init)\n"
        )


def test_a_dry_run_tells_what_an_older_schema_has_no_place_for(run: Run, done: Done, data: Data, file: Path) -> None:
    lines = done("db", "downgrade", "0002", "--dry-run").splitlines()
    assert "The table data_ticket_task goes: 1 row" in lines
    assert "The table data_ticket_link goes: 0 rows" in lines
    assert "The table data_ticket_search goes: 1 row, which an upgrade makes again" in lines
    assert "The column def_ticket_assign.Strategy goes: 1 row" in lines
    assert lines[-1] == "What else changes: an auto-assign rule with several addresses keeps the first of them"
    found = data("db", "downgrade", "0002", "--dry-run")
    assert (found["revision"], found["target"]) == (REVISIONS[-1], "0002")
    assert {"name": "data_ticket_task", "rows": 1, "derived": False} in found["removals"]
    assert done("db", "downgrade", REVISIONS[-1], "--dry-run") == "No table and no column goes.\n"
    assert "ready" in done("db", "status")


def test_a_downgrade_needs_a_yes_where_nobody_can_be_asked(run: Run, done: Done, file: Path) -> None:
    for more in ((), ("--json",)):
        result = run("db", "downgrade", "0002", *more)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "repeat it with --yes, or with --dry-run to see what would go" in result.stderr
    assert "ready" in done("db", "status")


def test_a_downgrade_and_an_upgrade(run: Run, done: Done, data: Data, file: Path) -> None:
    assert data("db", "downgrade", "0002", "--yes")["state"] == "outdated"
    assert f"has schema 0002; this version needs {REVISIONS[-1]}" in run("list").stderr
    lines = done("db", "downgrade", "0001", "--yes").splitlines()
    assert (lines[0], lines[2].split()) == ("The table sys_job goes: 0 rows", ["State", "outdated"])
    assert data("db", "upgrade")["state"] == "ready"
    assert done("db", "check") == "The schema is that of this version\n"
    assert data("read", "1")["subject"] == "Printer"
    assert data("tasks", "1") == []


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        ("0099", f"there is no schema 0099; there are {', '.join(REVISIONS)}"),
        ("base", f"there is no schema base; there are {', '.join(REVISIONS)}"),
        ("0004", "has schema 0002, which is older"),
    ],
)
def test_only_an_older_schema_is_gone_back_to(run: Run, done: Done, file: Path, revision: str, said: str) -> None:
    done("db", "downgrade", "0002", "--yes")
    result = run("db", "downgrade", revision, "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
