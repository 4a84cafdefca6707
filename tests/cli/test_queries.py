"""Lists, counts and the audit trail."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]


def subjects(tickets: list[dict[str, Any]]) -> list[str]:
    return [ticket["subject"] for ticket in tickets]


def make_late(tmp_path: Path, number: int) -> None:
    """Move the deadlines of a ticket into the past."""
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        connection.execute(
            "UPDATE data_ticket SET SlaResponseDeadline = ?, SlaResolutionDeadline = ? WHERE TicketNumber = ?",
            ("2020-01-01 00:00:00.000000", "2020-01-02 00:00:00.000000", number),
        )
    connection.close()


def test_empty_lists_say_so_in_words(done: Done, data: Data) -> None:
    assert done("list") == "No tickets.\n"
    assert done("open-tickets") == "No open tickets.\n"
    assert done("overdue") == "No overdue tickets.\n"
    assert done("unassigned") == "No unassigned tickets.\n"
    assert done("by-assignee", "bo") == "No open tickets of bo.\n"
    for command in (["list"], ["open-tickets"], ["overdue"], ["unassigned"], ["by-assignee", "bo"]):
        assert data(*command) == []


def test_list_filters(done: Done, data: Data) -> None:
    done("create", "one", "--priority", "HIGH", "--project", "P", "--assign-to", "bo")
    done("create", "two", "--priority", "LOW", "--type", "BUG")
    done("create", "three", "--package", "IT")
    done("change-status", "3", "TRIAGED")
    assert subjects(data("list")) == ["one", "two", "three"]
    assert subjects(data("list", "--priority", "HIGH", "--priority", "LOW")) == ["one", "two"]
    assert subjects(data("list", "--status", "TRIAGED", "--status", "CLOSED")) == ["three"]
    assert subjects(data("list", "--package", "CORE", "--assignee", "")) == ["two"]
    assert subjects(data("list", "--assignee", "bo")) == ["one"]
    assert subjects(data("list", "--project", "P")) == ["one"]
    assert subjects(data("list", "--type", "BUG")) == ["two"]
    assert subjects(data("list", "--sort", "-number")) == ["three", "two", "one"]
    assert subjects(data("list", "--sort", "priority")) == ["one", "three", "two"]
    assert subjects(data("list", "--created-after", "2000-01-01")) == ["one", "two", "three"]
    assert subjects(data("list", "--created-before", "2000-01-01")) == []
    table = done("list")
    assert table.splitlines()[0].split() == ["#", "Priority", "Status", "Package", "Assignee", "SLA", "Subject"]
    assert "Package" not in done("list", "--package", "CORE")


def test_pages(run: Run, done: Done) -> None:
    for name in ("one", "two", "three"):
        done("create", name)
    first = run("list", "--limit", "2")
    assert first.exit_code == 0
    assert "two" in first.stdout
    assert "three" not in first.stdout
    assert first.stderr == "There are more tickets; for the next ones repeat with: --after 2\n"
    second = run("list", "--limit", "2", "--after", "2")
    assert "three" in second.stdout
    assert second.stderr == ""
    assert run("list", "--limit", "3").stderr == ""


def test_search(run: Run, done: Done, data: Data) -> None:
    done("create", "Printer on fire", "--description", "It burns.")
    done("create", "Printer out of paper", "--package", "IT")
    done("comment", "1", "The insurance pays", "--internal")
    done("cancel", "2")
    assert subjects(data("search", "printer")) == ["Printer out of paper", "Printer on fire"]
    assert subjects(data("search", "burns", "PRINTER")) == ["Printer on fire"]
    assert subjects(data("search", '"burns," printer!')) == ["Printer on fire"]
    assert subjects(data("search", "--", "-printer", "--paper")) == ["Printer out of paper"]
    assert subjects(data("search", "printer", "--package", "IT")) == ["Printer out of paper"]
    assert subjects(data("search", "printer", "--status", "NEW", "--status", "CLOSED")) == ["Printer on fire"]
    assert data("search", "insurance") == []
    assert subjects(data("search", "insurance", "--internal")) == ["Printer on fire"]
    table = done("search", "burns")
    assert table.splitlines()[0].split() == ["#", "Priority", "Status", "Assignee", "SLA", "Subject"]
    assert "Printer on fire" in table
    assert done("search", "print") == "No ticket has all of these words.\n"
    first = run("search", "printer", "--limit", "1")
    assert first.stderr == "There are more tickets; for the next ones repeat with: --after 2\n"
    assert subjects(data("search", "printer", "--limit", "1", "--after", "#2")) == ["Printer on fire"]
    assert subjects(data("list", "--search", "printer")) == ["Printer on fire", "Printer out of paper"]
    assert subjects(data("list", "--search", "PAPER", "--type", "USER")) == ["Printer out of paper"]
    assert data("list", "--search", "insurance") == []
    assert run("search").exit_code == 2
    refused = run("search", "?!")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == "Error: search: has no word to look for; a word is made of letters and digits\n"


def test_nothing_is_cut_when_there_is_no_terminal(done: Done) -> None:
    done("create", "x" * 400)
    assert "x" * 400 in done("list")


def test_questions(done: Done, data: Data, tmp_path: Path) -> None:
    done("add-person", "Bo Berg", "bo@example.com", "--username", "bo")
    done("create", "mine", "--assign-to", "bo")
    done("create", "nobody's")
    done("create", "gone", "--package", "IT")
    done("cancel", "3")
    make_late(tmp_path, 2)
    assert subjects(data("open-tickets")) == ["mine", "nobody's"]
    assert subjects(data("open-tickets", "--package", "IT")) == []
    assert subjects(data("overdue")) == ["nobody's"]
    assert "overdue" in done("overdue")
    assert subjects(data("unassigned")) == ["nobody's"]
    assert subjects(data("by-assignee", "bo@example.com")) == ["mine"]
    assert "Bo Berg" in done("by-assignee", "bo")
    assert data("summary")["NEW"] == 2
    assert data("summary", "--package", "IT") == {**dict.fromkeys(data("summary"), 0), "CANCELLED": 1}
    assert done("summary").splitlines()[-1].split() == ["all", "3"]
    assert data("breach-count") == {"breach_count": 1}
    assert done("breach-count") == "1 ticket missed an SLA target\n"
    assert data("breach-count", "--package", "IT") == {"breach_count": 0}


def test_history(done: Done, data: Data) -> None:
    done("add-person", "Bo Berg", "bo@example.com")
    done("create", "Printer")
    done("assign", "1", "bo@example.com")
    done("update", "1", "--priority", "LOW", "--by", "max")
    done("cancel", "1", "--reason", "no fire")
    rows = data("history", "1")
    assert [row["action"] for row in rows] == ["CREATED", "ASSIGNED", "UPDATED", "STATUS_CHANGE"]
    assert (rows[2]["field"], rows[2]["old_value"], rows[2]["new_value"]) == ("priority", "MEDIUM", "LOW")
    table = done("history", "1")
    for part in ("Printer", "Bo Berg", "priority: MEDIUM → LOW", "NEW → CANCELLED", "no fire", "max"):
        assert part in table


def test_audit_verify(run: Run, done: Done, data: Data, tmp_path: Path) -> None:
    done("create", "Printer")
    assert done("audit", "verify", "1") == "The audit trail of ticket 1 is intact: 1 rows\n"
    assert data("audit", "verify", "1")["problems"] == []
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        connection.execute("UPDATE data_ticket_history SET ActionBy = 'somebody else'")
    connection.close()
    result = run("audit", "verify", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "row 1 (CREATED) was changed after it was written" in result.stderr


def test_a_ticket_without_any_history_is_not_intact(run: Run, done: Done, tmp_path: Path) -> None:
    done("create", "Printer")
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        connection.execute("DELETE FROM data_ticket_history")
    connection.close()
    result = run("audit", "verify", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: audit trail of ticket 1: every row is missing\n"
