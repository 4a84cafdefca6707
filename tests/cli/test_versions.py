"""Versions on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]

TEXT = "The tray is stuck.\nIt beeps.\nAll day."


@pytest.fixture
def changed(done: Done, data: Data) -> str:
    """Make a ticket with four versions; return the guid of its task."""
    done("add-person", "Bo Berg", "bo@example.com", "--username", "bo")
    done("create", "Printer", "--description", TEXT, "--watcher", "w@example.com")
    task: str = data("add-task", "1", "Find the paper", "--assign-to", "bo")["guid"]
    done("update", "1", "--subject", "Plotter", "--description", TEXT.replace("beeps", "hums"), "--by", "bo")
    done("assign", "1", "bo")
    return task


def test_versions_lists_what_each_changed(done: Done, data: Data, changed: str) -> None:
    rows = [line.split("  ") for line in done("versions", "1").splitlines()[2:]]
    shown = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert [(row[0], *row[2:]) for row in shown] == [
        ("1", "ann", "—"),
        ("2", "ann", "task Find the paper"),
        ("3", "Bo Berg", "subject, description"),
        ("4", "ann", "assigned to"),
    ]
    found = data("versions", "1")
    assert [(one["version"], one["changed_by"]) for one in found] == [(1, "ann"), (2, "ann"), (3, "bo"), (4, "ann")]
    assert (found[2]["fields"], found[1]["tasks"]) == (["subject", "description"], ["Find the paper"])


def test_show_version_shows_the_ticket_as_it_was(done: Done, data: Data, changed: str) -> None:
    card = done("show-version", "1", "2")
    assert card.startswith("#1  Printer\n")
    assert f"\nDescription\n{TEXT}\n" in card
    for part in ("2, by ann, 20", "NEW", "w@example.com", "nobody", "Find the paper  OPEN    Bo Berg", "TASK_ADDED"):
        assert part in card
    assert "UPDATED" not in card
    later = done("show-version", "1", "4")
    assert later.startswith("#1  Plotter\n")
    assert "Assigned to   Bo Berg" in later
    found = data("show-version", "#1", "2")
    assert (found["version"], found["ticket"]["subject"], found["ticket"]["assigned_to"]) == (2, "Printer", "")
    assert [(task["guid"], task["assigned_to_name"]) for task in found["tasks"]] == [(changed, "Bo Berg")]
    assert found["ticket"]["assigned_to_name"] == ""
    assert data("show-version", "1", "4")["ticket"]["assigned_to_name"] == "Bo Berg"
    assert [row["action"] for row in found["history"]] == ["CREATED", "TASK_ADDED"]


def test_show_version_has_the_analysis_the_score_and_the_estimate(done: Done, changed: str) -> None:
    done("add-analysis", "1", "The roller\nis worn out")
    done("set-work-score", "1", "5")
    done("set-eta", "1", "2026-05-01")
    card = done("show-version", "1", "7")
    assert "\nAnalysis\nThe roller\nis worn out\n" in card
    for part in ("Work score    5", "ETA           2026-05-01 23:59 CEST"):
        assert part in card
    assert "Analysis" not in done("show-version", "1", "4")


def test_diff_versions_shows_lines_of_long_texts(done: Done, data: Data, changed: str) -> None:
    assert done("diff-versions", "1", "1", "4").splitlines() == [
        "subject: Printer → Plotter",
        "description:",
        "  @@ -1,3 +1,3 @@",
        "   The tray is stuck.",
        "  -It beeps.",
        "  +It hums.",
        "   All day.",
        "assigned to: — → Bo Berg",
        "+ task Find the paper (OPEN, Bo Berg)",
    ]
    back = done("diff-versions", "1", "4", "1")
    assert "subject: Plotter → Printer" in back
    assert "- task Find the paper (OPEN, Bo Berg)" in back
    assert done("diff-versions", "1", "2", "2") == "Ticket 1 is the same in the versions 2 and 2\n"
    found = data("diff-versions", "1", "1", "3")
    assert found[0] == {"field": "subject", "old": "Printer", "new": "Plotter"}
    assert (found[2]["task_guid"], found[2]["old"], found[2]["new"]["name"]) == (changed, None, "Find the paper")
    assert found[2]["new"]["assigned_to_name"] == "Bo Berg"
    assert data("diff-versions", "1", "2", "2") == []


def test_diff_versions_shows_what_became_of_a_task(done: Done, changed: str) -> None:
    done("start-task", changed)
    done("set-eta", "1", "2026-05-01")
    done("add-watcher", "1", "v@example.com")
    assert done("diff-versions", "1", "4", "7").splitlines() == [
        "watchers: w@example.com → w@example.com, v@example.com",
        "estimated date: — → 2026-05-01 23:59 CEST",
        "task Find the paper: status: OPEN → IN_PROGRESS",
    ]


def test_a_name_is_shown_only_where_somebody_is_meant(done: Done, changed: str) -> None:
    done("update", "1", "--subject", "bo", "--requested-by", "bo")
    assert done("diff-versions", "1", "4", "5").splitlines() == [
        "subject: Plotter → bo",
        "requested by: ann → Bo Berg",
    ]


def test_restore_version(done: Done, data: Data, changed: str) -> None:
    done("complete-task", changed)
    plan = done("restore-version", "1", "2", "--dry-run")
    assert plan.splitlines()[0] == "subject: Plotter → Printer"
    assert plan.splitlines()[-1] == "task Find the paper: status: DONE → OPEN"
    assert [one.get("field", "task") for one in data("restore-version", "1", "2", "--dry-run")] == [
        "subject",
        "description",
        "task",
    ]
    assert data("read", "1")["subject"] == "Plotter"
    assert done("restore-version", "1", "2") == "Ticket 1 is restored to version 2\n"
    same = "Ticket 1 is as it was in version 2: there is nothing to restore\n"
    assert done("restore-version", "1", "2") == same
    assert done("restore-version", "1", "2", "--dry-run") == same
    assert data("restore-version", "1", "2", "--dry-run") == []
    found = data("restore-version", "1", "3")
    assert (found["subject"], found["assigned_to_name"]) == ("Plotter", "Bo Berg")
    assert "VERSION_RESTORED" in done("history", "1")
    assert [task["status"] for task in data("tasks", "1")] == ["OPEN"]


@pytest.mark.parametrize(
    "command",
    [
        ["show-version", "1"],
        ["diff-versions", "1", "1"],
        ["restore-version", "1"],
        ["restore-version", "1", "--dry-run"],
    ],
    ids=" ".join,
)
def test_a_version_that_does_not_exist_is_refused(run: Run, changed: str, command: list[str]) -> None:
    result = run(*command, "5")
    error = "Error: there is no version 5 (ticket 1 has versions 1 to 4)\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", error)
    assert run(*command, "x").exit_code == 2
    assert run(command[0], "9", *command[2:], "1").stderr.startswith("Error: there is no ticket 9")


def test_nothing_in_a_difference_acts_on_a_terminal(done: Done) -> None:
    done("create", "a")
    done("update", "1", "--subject", "\x1b[31mred", "--description", "one\n\x1b]0;title\x07")
    shown = done("diff-versions", "1", "1", "2") + done("show-version", "1", "2")
    assert "\x1b" not in shown
    assert r"\x1b[31mred" in shown
    assert r"+\x1b]0;title\x07" in shown
