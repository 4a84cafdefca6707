"""Making, showing, changing and moving tickets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]


def test_create_says_number_assignee_and_deadline(done: Done) -> None:
    done("add-person", "Ann Lee", "ann@example.com", "--username", "ann", "--staff")
    text = done("create", "Printer on fire", "--priority", "high", "--assign-to", "ann@example.com")
    assert text.startswith("Ticket 1 created, assigned to Ann Lee, resolution due 20")
    assert text.rstrip().endswith(("CET", "CEST"))
    assert done("create", "Another").startswith("Ticket 2 created, unassigned, ")


def test_create_stores_every_option(data: Data) -> None:
    made = data(
        *("create", "Printer", "--description", "It burns", "--package", "IT", "--project", "OFFICE"),
        *("--priority", "LOW", "--type", "BUG", "--requested-by", "Max@Example.com", "--requested-by-type", "EMAIL"),
        *("--assign-to", "somebody", "--watcher", "a@example.com", "--watcher", "b@example.com"),
        *("--eta", (datetime.now(UTC) + timedelta(days=3)).date().isoformat()),
    )
    wanted = {
        "ticket_number": 1,
        "subject": "Printer",
        "description": "It burns",
        "package": "IT",
        "project": "OFFICE",
        "priority": "LOW",
        "ticket_type": "BUG",
        "status": "NEW",
        "requested_by": "max@example.com",
        "requested_by_type": "EMAIL",
        "assigned_to": "somebody",
        "assigned_to_name": "somebody",
        "watchers": ["a@example.com", "b@example.com"],
    }
    assert {name: made[name] for name in wanted} == wanted
    assert made["eta_display"].endswith("day(s) remaining")
    assert datetime.fromisoformat(made["created_date"]).utcoffset() == timedelta(0)
    assert data("read", "1") == {**made, "total_minutes": 0, "tasks": [], "comments": []}


def test_read_shows_a_card(done: Done) -> None:
    done("add-person", "Ann Lee", "ann@example.com")
    done("create", "Printer", "--description", "It burns.\nA lot.", "--project", "OFFICE", "--priority", "CRITICAL")
    done("assign", "1", "ann@example.com")
    done("add-watcher", "1", "w@example.com")
    for n in range(1, 7):
        done("comment", "1", f"comment number {n}", "--by", "bo")
    done("comment", "1", "between us", "--internal")
    card = done("read", "1")
    for part in (
        *("#1  Printer", "NEW  CRITICAL  USER", "CORE / OFFICE", "Ann Lee", "w@example.com", "ann (INTERNAL)"),
        *("It burns.\nA lot.\n", "Comments (last 5 of 7)", "comment number 3", "between us", ", internal:", "bo, "),
        *(", met", ", running", "due in"),
    ):
        assert part in card
    assert "comment number 2" not in card


def test_read_json_has_the_last_five_comments(data: Data) -> None:
    data("create", "Printer")
    for n in range(6):
        data("comment", "1", f"c{n}", "--internal")
    comments = data("read", "1")["comments"]
    assert [(one["text"], one["is_internal"]) for one in comments] == [(f"c{n}", True) for n in range(1, 6)]


def test_a_ticket_is_named_by_number_or_guid(data: Data) -> None:
    guid = data("create", "Printer")["guid"]
    assert {data("read", name)["guid"] for name in ("1", "#1", guid)} == {guid}


def test_update_changes_what_is_named(done: Done, data: Data) -> None:
    before = data("create", "Printer", "--project", "OFFICE")
    assert done("update", "1", "--priority", "high", "--project", "") == "Ticket 1 has priority HIGH, project —\n"
    after = data("update", "1", "--description", "new", "--type", "FEATURE", "--requested-by", "max")
    assert (after["priority"], after["project"], after["description"]) == ("HIGH", "", "new")
    assert (after["ticket_type"], after["requested_by"], after["subject"]) == ("FEATURE", "max", "Printer")
    assert after["sla_resolution_deadline"] < before["sla_resolution_deadline"]


def test_update_of_nothing_is_wrong_usage(run: Run, done: Done) -> None:
    done("create", "Printer")
    result = run("update", "1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nothing to change" in result.stderr


def test_a_life(done: Done, data: Data) -> None:
    done("create", "Printer")
    assert done("change-status", "1", "triaged").startswith("Ticket 1 is TRIAGED (SLA: ")
    done("change-status", "1", "IN_PROGRESS", "--notes", "on my way")
    assert done("escalate", "1", "--reason", "too hot").startswith("Ticket 1 is ESCALATED")
    done("change-status", "1", "IN_PROGRESS")
    assert done("resolve", "1", "--notes", "out") == "Ticket 1 is RESOLVED (SLA: met)\n"
    assert data("close", "1")["status"] == "CLOSED"
    assert done("reopen", "1", "--reason", "it burns again").startswith("Ticket 1 is IN_PROGRESS")
    assert data("cancel", "1", "--reason", "gone")["status"] == "CANCELLED"
    history = data("history", "1")
    assert [row["note"] for row in history if row["note"]] == ["on my way", "too hot", "out", "it burns again", "gone"]


def test_a_forbidden_move_names_the_allowed_ones(run: Run, done: Done) -> None:
    done("create", "Printer")
    result = run("close", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: status: a ticket that is NEW cannot become CLOSED; allowed from here: TRIAGED, ESCALATED, CANCELLED\n"
    )


def test_reopen_of_an_open_ticket_is_refused(run: Run, done: Done) -> None:
    done("create", "Printer")
    result = run("reopen", "1")
    assert result.exit_code == 1
    assert "only a RESOLVED or CLOSED ticket" in result.stderr


def test_assign_shows_the_name_of_somebody_known(done: Done, data: Data) -> None:
    done("create", "Printer")
    assert done("assign", "1", "somebody") == "Ticket 1 is assigned to somebody, a name that nobody here is known by\n"
    person = data("add-person", "Bo Berg", "bo@example.com", "--username", "bo")
    assert done("assign", "1", "bo") == "Ticket 1 is assigned to Bo Berg\n"
    made = data("assign", "1", "bo@example.com")
    assert (made["assigned_to"], made["assigned_to_name"]) == (person["person_guid"], "Bo Berg")


def test_watchers(run: Run, done: Done, data: Data) -> None:
    done("create", "Printer")
    assert done("watchers", "1") == "No watchers.\n"
    assert done("add-watcher", "1", "A@example.com") == "Ticket 1 is watched by a@example.com\n"
    assert data("add-watcher", "1", "b@example.com")["watchers"] == ["a@example.com", "b@example.com"]
    assert done("watchers", "1") == "a@example.com\nb@example.com\n"
    assert done("remove-watcher", "1", "a@example.com") == "Ticket 1 is watched by b@example.com\n"
    assert data("watchers", "1") == ["b@example.com"]
    refused = run("add-watcher", "1", "nobody")
    assert refused.exit_code == 1
    assert "is not an e-mail address" in refused.stderr


def test_comments(done: Done, data: Data) -> None:
    done("create", "Printer")
    assert done("comments", "1") == "No comments.\n"
    assert done("comment", "1", "hello") == "Comment added to ticket 1\n"
    made = data("comment", "1", "psst", "--internal", "--by", "bo")
    assert (made["text"], made["commented_by"], made["is_internal"]) == ("psst", "bo", True)
    assert [one["text"] for one in data("comments", "1")] == ["hello"]
    assert [one["text"] for one in data("comments", "1", "--internal")] == ["hello", "psst"]
    text = done("comments", "1", "--internal")
    assert "ann, " in text
    assert ", internal:\n  psst\n" in text


def test_a_comment_from_standard_input(done: Done, data: Data) -> None:
    done("create", "Printer")
    done("comment", "1", "-", stdin="first line\nsecond line — ü\n")
    assert data("comments", "1")[0]["text"] == "first line\nsecond line — ü"


def test_standard_input_that_is_no_text(run: Run, done: Done) -> None:
    done("create", "Printer")
    result = run("comment", "1", "-", stdin=b"caf\xe9")
    assert (result.exit_code, result.stderr) == (1, "Error: standard input is no UTF-8 text (byte 4)\n")


def test_an_empty_comment_is_refused(run: Run, done: Done) -> None:
    done("create", "Printer")
    result = run("comment", "1", "-", stdin="")
    assert (result.exit_code, result.stderr) == (1, "Error: text: must not be empty\n")


@pytest.mark.parametrize("name", ["7", "no-such-guid", "99999999999999999999"])
def test_an_unknown_ticket(run: Run, name: str) -> None:
    result = run("read", name)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: there is no ticket {name}")


def test_all_problems_of_an_input_have_their_line(run: Run) -> None:
    result = run("create", "", "--watcher", "nobody", "--eta", "2026-05-01")
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("Error: ") for line in lines)
