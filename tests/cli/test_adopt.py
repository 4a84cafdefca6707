"""Taking over a database of another program, on the command line."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from click.testing import Result

Run = Callable[..., Result]
Data = Callable[..., Any]

THEIRS = """
CREATE TABLE data_ticket (
    TicketNumber INTEGER PRIMARY KEY AUTOINCREMENT, Guid CHAR(50) UNIQUE, Package CHAR(255), Subject VARCHAR(500),
    Description TEXT, Status VARCHAR(20), Priority VARCHAR(20), TicketType VARCHAR(20), RequestedBy VARCHAR(255),
    RequestedByType VARCHAR(20), AssignedTo VARCHAR(255), ProblemAnalysis TEXT, CreatedDate DATETIME,
    UpdatedDate DATETIME, Owner VARCHAR(20) {owner});
INSERT INTO data_ticket VALUES (7, '0b5f9a3e-0000-4000-8000-000000000001', 'CORE', 'Printer', '', 'NEW', 'HIGH', 'BUG',
    'ann', 'INTERNAL', '', '', '2026-01-05 09:00:00', '2026-01-05 09:00:00', 'x');
"""


def make(tmp_path: Path, owner: str = "") -> None:
    with closing(sqlite3.connect(tmp_path / "desk.db")) as connection:
        connection.executescript(THEIRS.format(owner=owner))


def test_what_is_there_and_what_is_added_are_lines(run: Run, data: Data, tmp_path: Path) -> None:
    make(tmp_path)
    looked = run("db", "adopt", "--dry-run")
    assert looked.exit_code == 0
    assert "missing: data_ticket_history: the table" in looked.stdout.splitlines()
    done = run("db", "adopt")
    assert done.exit_code == 0
    assert "added: data_ticket_history: the table" in done.stdout.splitlines()
    assert done.stdout.endswith("desk.db is ready\n")
    assert [(one["ticket_number"], one["subject"]) for one in data("list")] == [(7, "Printer")]
    assert run("db", "adopt").stdout.endswith("desk.db is ready already\n")


def test_what_does_not_fit_is_an_error_and_an_exit_status(run: Run, tmp_path: Path) -> None:
    make(tmp_path, owner="NOT NULL")
    looked = run("db", "adopt", "--dry-run")
    assert (looked.exit_code, looked.stderr) == (1, "Error: 1 thing has to be put right before\n")
    wrong = "data_ticket.Owner: has no default, so no row could be added here (give it one, or allow NULL)"
    assert f"wrong: {wrong}" in looked.stdout.splitlines()
    refused = run("db", "adopt")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert wrong in refused.stderr
