"""The database: ready, looked through, saved to a file, brought back."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]


@pytest.fixture
def tamper(tmp_path: Path) -> Callable[[str], None]:
    """Return a function that runs a statement on the database of the test."""

    def tamper(statement: str) -> None:
        with closing(sqlite3.connect(tmp_path / "desk.db", isolation_level=None)) as connection:
            connection.execute(statement)

    return tamper


@pytest.fixture
def elsewhere(tmp_path: Path) -> str:
    """Return a configuration with a database that is not there yet."""
    path = tmp_path / "elsewhere.yaml"
    path.write_text(f"database: {{url: 'sqlite:///{tmp_path}/elsewhere.db'}}\n", encoding="utf-8")
    return str(path)


def test_database(run: Run, done: Done, data: Data, tmp_path: Path) -> None:
    before = data("db", "status")
    assert before["state"] == "missing"
    assert not (tmp_path / "desk.db").exists()
    assert data("db", "init")["state"] == "ready"
    assert data("db", "init")["state"] == "ready"
    status = done("db", "status")
    assert "ready" in status
    assert "desk.db" in status
    assert data("db", "upgrade")["state"] == "ready"


def test_a_foreign_database_is_left_alone(run: Run, tmp_path: Path) -> None:
    text = "this is no database" * 100
    (tmp_path / "desk.db").write_text(text, encoding="utf-8")
    for command in (["list"], ["create", "x"], ["db", "init"]):
        result = run(*command)
        assert (result.exit_code, result.stdout) == (1, ""), command
        assert result.stderr.startswith("Error: ")
        assert "please report" not in result.stderr
    assert (tmp_path / "desk.db").read_text(encoding="utf-8") == text


def test_verify_counts_what_it_has_looked_at(done: Done, data: Data) -> None:
    done("db", "init")
    assert done("db", "verify") == "no problem in 0 records\n"
    done("create", "Printer", "--watcher", "a@example.com")
    text = "no problem in 3 records (1 Ticket, 1 HistoryEntry, 1 OutboxMessage)\n"
    assert done("db", "verify") == text
    found = data("db", "verify")
    assert found["problems"] == []
    assert found["records"]["Ticket"] == 1


def test_verify_has_a_line_for_each_problem_and_an_exit_status(
    run: Run, done: Done, tamper: Callable[[str], None]
) -> None:
    for name in ("Printer", "Plotter"):
        done("create", name)
    tamper("UPDATE data_ticket SET Priority = 'LOW'")
    result = run("db", "verify")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Error: ticket 1, priority: LOW; expected MEDIUM by its history (compare it with a backup)",
        "Error: ticket 2, priority: LOW; expected MEDIUM by its history (compare it with a backup)",
    ]
    assert result.stdout == "2 problems in 4 records (2 Ticket, 2 HistoryEntry)\n"
    tamper("UPDATE data_ticket SET Priority = 'MEDIUM' WHERE TicketNumber = 1")
    result = run("db", "verify", "--json")
    assert (result.exit_code, result.stderr) == (1, "")
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem == {
        "ticket_number": 2,
        "where": "priority",
        "problem": "LOW",
        "expected": "MEDIUM by its history",
        "hint": "compare it with a backup",
    }


def test_the_doctor_looks_at_the_newest_tickets(run: Run, done: Done, tamper: Callable[[str], None]) -> None:
    done("create", "Printer")
    found = {one["subject"]: one for one in json.loads(run("doctor", "--json").stdout)}
    assert (found["records"]["state"], found["records"]["text"]) == ("ok", "the newest tickets are sound")
    tamper("UPDATE data_ticket SET Priority = 'LOW', Subject = 'Plotter'")
    result = run("doctor", "--json")
    found = {one["subject"]: one for one in json.loads(result.stdout)}
    assert (result.exit_code, found["records"]["state"]) == (1, "failed")
    assert found["records"]["text"] == "ticket 1, subject: Plotter; expected Printer by its history, and 1 more"
    assert found["records"]["hint"] == "ticketcore db verify shows all that is wrong"


def test_backup_and_restore(done: Done, data: Data, run: Run, tmp_path: Path, elsewhere: str) -> None:
    done("create", "Printer", "--watcher", "a@example.com")
    file = tmp_path / "desk.backup"
    assert done("db", "backup", str(file)) == f"3 records written to {file}, and read back\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "restored from" in done("--config", elsewhere, "db", "restore", str(file))
    assert done("--config", elsewhere, "db", "verify").startswith("no problem in 3 records")
    again = data("--config", elsewhere, "list")
    assert again == data("list")
    refused = run("--config", elsewhere, "db", "restore", str(file))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "elsewhere.db is not empty: it has 1 Ticket, 1 HistoryEntry, 1 OutboxMessage (give" in refused.stderr


def test_backup_leaves_a_file_that_is_there(run: Run, data: Data, tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text("mine", encoding="utf-8")
    missing = run("db", "backup", str(file))
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr.startswith("Error: there is no database at ")
    data("db", "init")
    refused = run("db", "backup", str(file))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == f"Error: {file} is there already (--replace overwrites it)\n"
    made = data("db", "backup", str(file), "--replace")
    assert (made["file"], made["engine"], made["records"]["Ticket"]) == (str(file), "sqlite", 0)
    nowhere = run("db", "backup", str(tmp_path / "nowhere" / "file"))
    assert (nowhere.exit_code, nowhere.stdout) == (1, "")
    assert nowhere.stderr == f"Error: {tmp_path}/nowhere/file: No such file or directory\n"


def test_restore_takes_nothing_but_a_backup(run: Run, data: Data, tmp_path: Path, elsewhere: str) -> None:
    file = tmp_path / "file"
    data("db", "init")
    made = data("db", "backup", str(file))
    assert data("--config", elsewhere, "db", "restore", str(file)) == made
    file.write_bytes(file.read_bytes()[:20_000])
    for path in (file, tmp_path / "desk.db", Path(elsewhere)):
        result = run("--config", elsewhere, "db", "restore", str(path))
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1), path
        assert result.stderr.startswith(f"Error: {path} is "), path
        assert "please report" not in result.stderr
    missing = run("db", "restore", str(tmp_path / "gone"))
    assert missing.exit_code == 2
