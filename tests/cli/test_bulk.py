"""Changing many tickets by one command, where nobody is asked; on a terminal: see test_terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from ticketcore.cli import bulk
from ticketcore.services.bulk import OPERATIONS

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]
Interrupt = Callable[..., None]

OF_WHAT_IS_THERE = "change.before is not None"


@pytest.fixture
def filled(done: Done) -> None:
    """Make four tickets, of which the third is cancelled."""
    for number in range(1, 5):
        done("create", f"ticket {number}", "--project", "ODD" if number % 2 else "EVEN")
    done("cancel", "3")


@pytest.mark.usefixtures("filled")
def test_what_is_refused_is_told_with_its_reason(run: Run, data: Data) -> None:
    result = run("bulk", "--all", "--set-status", "TRIAGED", "--notes", "all of them", "--yes")
    assert (result.exit_code, result.stdout) == (5, "3 changed, 0 unchanged, 1 refused\n")
    assert result.stderr == (
        "Error: ticket 3: status: a ticket that is CANCELLED cannot become TRIAGED; allowed from here: nothing\n"
    )
    assert [ticket["status"] for ticket in data("list")] == ["TRIAGED", "TRIAGED", "CANCELLED", "TRIAGED"]
    assert data("history", "1")[-1]["note"] == "all of them"
    again = run("bulk", "3", "--set-status", "TRIAGED", "--yes")
    assert (again.exit_code, again.stdout) == (1, "0 changed, 0 unchanged, 1 refused\n")


@pytest.mark.usefixtures("filled")
def test_a_dry_run_shows_what_would_become_of_each(run: Run, done: Done, data: Data) -> None:
    result = run("bulk", "--all", "--set-status", "TRIAGED", "--dry-run")
    assert (result.exit_code, result.stderr) == (5, "")
    rows = result.stdout.splitlines()
    assert rows[0].split() == ["#", "Result", "Subject", "What"]
    assert rows[2].split() == ["1", "changes", "ticket", "1", "status:", "NEW", "→", "TRIAGED"]
    assert "refused" in rows[4]
    assert "a ticket that is CANCELLED cannot become TRIAGED" in rows[4]
    assert rows[-1] == "3 would change, 0 unchanged, 1 refused"
    assert {ticket["status"] for ticket in data("list")} == {"NEW", "CANCELLED"}
    assert done("bulk", "1", "--set-priority", "MEDIUM", "--dry-run").endswith(
        "0 would change, 1 unchanged, 0 refused\n"
    )


@pytest.mark.usefixtures("filled")
def test_json_has_every_ticket(run: Run) -> None:
    arguments = ("bulk", "--project", "ODD", "--set-status", "TRIAGED", "--json")
    dry, real = (run(*arguments, option) for option in ("--dry-run", "--yes"))
    assert (dry.exit_code, real.exit_code, dry.stderr, real.stderr) == (5, 5, "", "")
    planned, made = json.loads(dry.stdout), json.loads(real.stdout)
    assert planned.pop("dry_run") is True
    assert made.pop("dry_run") is False
    assert made == planned
    assert {name: made[name] for name in ("operation", "complete", "done", "unchanged", "refused")} == {
        "operation": "change_status",
        "complete": True,
        "done": 1,
        "unchanged": 0,
        "refused": 1,
    }
    assert [ticket["ticket_number"] for ticket in made["tickets"]] == [1, 3]
    assert made["tickets"][0]["changes"] == {"status": ["NEW", "TRIAGED"]}
    assert made["tickets"][1]["reason"].startswith("status: a ticket that is CANCELLED")


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        (["--set-priority", "low", "--set-project", "", "--set-type", "BUG"], "priority", "LOW"),
        (["--set-package", "IT"], "package", "IT"),
        (["--assign", "bo@example.com"], "assigned_to", "bo@example.com"),
        (["--add-watcher", "bo@example.com"], "watchers", ["bo@example.com"]),
        (["--set-work-score", "8"], "work_score", 8),
        (["--set-eta", "2026-05-01"], "estimated_date", "2026-05-01T21:59:59+00:00"),
        (["--escalate", "--notes", "late"], "status", "ESCALATED"),
        (["--cancel", "--notes", "no more"], "status", "CANCELLED"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) and len(value) > 1 else "",
)
def test_every_operation_has_an_option(run: Run, data: Data, options: list[str], field: str, value: object) -> None:
    result = run("bulk", "1", "#2", *options, "--yes")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "2 changed, 0 unchanged, 0 refused\n", "")
    assert [ticket[field] for ticket in data("list")[:2]] == [value, value]


@pytest.mark.usefixtures("filled")
def test_a_whole_life(done: Done, data: Data) -> None:
    def step(*options: str) -> str:
        return done("bulk", "1", "2", *options, "--yes").removesuffix(" unchanged, 0 refused\n")

    assert step("--set-status", "TRIAGED") == step("--set-status", "IN_PROGRESS") == "2 changed, 0"
    assert step("--resolve", "--notes", "fixed") == step("--close") == step("--reopen") == "2 changed, 0"
    assert step("--set-eta", "2026-05-01") == step("--set-eta", "") == "2 changed, 0"
    assert step("--add-watcher", "bo@example.com") == step("--remove-watcher", "bo@example.com") == "2 changed, 0"
    assert step("--remove-watcher", "bo@example.com") == "0 changed, 2"
    assert data("read", "2")["status"] == "IN_PROGRESS"


@pytest.mark.usefixtures("filled")
def test_comments_are_read_from_a_pipe_and_may_be_internal(done: Done, data: Data) -> None:
    done("bulk", "1", "2", "--comment", "-", "--internal", "--yes", stdin="The server is back.\n")
    assert data("comments", "1") == []
    assert [comment["text"] for comment in data("comments", "2", "--internal")] == ["The server is back."]


@pytest.mark.usefixtures("filled")
def test_tickets_are_read_from_a_pipe(done: Done, data: Data) -> None:
    assert done("bulk", "-", "4", "--assign", "bo", "--yes", stdin="#1\n2 1\n") == "3 changed, 0 unchanged, 0 refused\n"
    assert [ticket["ticket_number"] for ticket in data("list", "--assignee", "bo")] == [1, 2, 4]


@pytest.mark.usefixtures("filled")
def test_assignees_are_shown_by_name(done: Done) -> None:
    done("add-person", "Bo Berg", "bo@example.com")
    assert "assigned_to: Bo Berg\n" in done("bulk", "1", "--assign", "bo@example.com", "--dry-run")
    done("assign", "1", "bo@example.com")
    assert "assigned_to: Bo Berg → cy\n" in done("bulk", "1", "--assign", "cy", "--dry-run")
    assert "watchers: +cy@example.com" in done("bulk", "1", "--add-watcher", "cy@example.com", "--dry-run")


@pytest.mark.usefixtures("filled")
def test_without_a_terminal_it_has_to_be_said_that_it_is_meant(run: Run, data: Data) -> None:
    for json_too in ([], ["--json"]):
        result = run("bulk", "--all", "--cancel", *json_too)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "this is for 4 tickets: repeat it with --yes, or with --dry-run" in result.stderr
    assert data("summary")["NEW"] == 3


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--all"], "say which operation: --set-status, "),
        (["--all", "--close", "--resolve"], "say one operation at a time: "),
        (["--all", "--set-priority", "LOW", "--assign", "bo"], "say one operation at a time: "),
        (["--close"], "say which tickets: name them, or choose them by options such as --status, or give --all"),
        (["1", "--all", "--close"], "say which tickets: "),
        (["1", "--status", "NEW", "--close"], "say which tickets: "),
        (["--all", "--close", "--notes", "x"], "--notes goes with --set-status, --resolve, "),
        (["--all", "--assign", "bo", "--internal"], "--internal goes with --comment"),
        (["-", "--comment", "-"], "standard input is either the comment, or names the tickets"),
        (["--all", "--set-status", "LOST"], "'LOST' is not one of NEW, "),
        (["--all", "--set-work-score", "-1"], "-1 is not in the range x>=0"),
    ],
    ids=range(11),
)
def test_wrong_usage(run: Run, arguments: list[str], error: str) -> None:
    result = run("bulk", *arguments, "--yes")
    assert (result.exit_code, result.stdout) == (2, "")
    assert error in result.stderr


@pytest.mark.usefixtures("filled")
def test_bad_input_is_one_line_and_nothing_is_changed(run: Run, data: Data) -> None:
    result = run("bulk", "--all", "--add-watcher", "nobody", "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: email: 'nobody' is not an e-mail address")
    assert result.stderr.count("\n") == 1
    missing = run("bulk", "1", "77", "78", "--cancel", "--yes")
    assert missing.exit_code == 1
    assert missing.stderr == "Error: tickets: there is no ticket 77\nError: tickets: there is no ticket 78\n"
    assert run("bulk", "--created-after", "soon", "--cancel", "--yes").exit_code == 1
    assert data("summary")["NEW"] == 3


def test_no_tickets(done: Done, data: Data) -> None:
    assert done("bulk", "--all", "--cancel") == "No tickets.\n"
    assert data("bulk", "--all", "--cancel", "--dry-run")["tickets"] == []


@pytest.mark.usefixtures("filled")
def test_an_interruption_finishes_the_ticket_and_tells_what_was_done(
    run: Run, data: Data, interrupt: Interrupt
) -> None:
    interrupt(OF_WHAT_IS_THERE, question=2)
    result = run("bulk", "1", "2", "4", "--set-status", "TRIAGED", "--yes")
    assert (result.exit_code, result.stdout) == (130, "2 changed, 0 unchanged, 0 refused\n")
    assert result.stderr == "Interrupted: 1 of 3 tickets were not looked at.\n"
    assert [ticket["ticket_number"] for ticket in data("list", "--status", "TRIAGED")] == [1, 2]


@pytest.mark.usefixtures("filled")
def test_a_second_interruption_ends_it_at_once(run: Run, data: Data, interrupt: Interrupt) -> None:
    interrupt(OF_WHAT_IS_THERE, question=2, times=2)
    result = run("bulk", "1", "2", "4", "--set-status", "TRIAGED", "--yes", "--json")
    assert result.exit_code == 130
    told = json.loads(result.stdout)
    assert (told["complete"], [ticket["ticket_number"] for ticket in told["tickets"]]) == (False, [1])
    assert [ticket["ticket_number"] for ticket in data("list", "--status", "TRIAGED")] == [1]


@pytest.mark.usefixtures("filled")
def test_an_interrupted_preview_changes_nothing(run: Run, data: Data, interrupt: Interrupt) -> None:
    interrupt(OF_WHAT_IS_THERE, question=2)
    result = run("bulk", "1", "2", "4", "--set-status", "TRIAGED", "--dry-run")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Nothing was changed.\n")
    assert data("summary")["NEW"] == 3


def test_every_operation_of_the_desk_has_an_option() -> None:
    calls = {call for call, _ in bulk._CALLS.values()} | set(bulk._FLAGS) | {"update"}
    assert calls == set(OPERATIONS)
    assert set(bulk._FIELDS.values()) == set(OPERATIONS["update"])
