"""Tasks, time, estimate, analysis and score, and how a card shows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]


@pytest.fixture(autouse=True)
def ticket(done: Done) -> None:
    done("create", "Printer")


def refusal(result: Result) -> str:
    """Return the one line of an error that changed nothing."""
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    return line.removeprefix("Error: ")


# Tasks


def test_the_life_of_a_task(run: Run, done: Done, data: Data) -> None:
    assert done("tasks", "1") == "No tasks.\n"
    said = done("add-task", "1", "Order a fuse")
    (task,) = data("tasks", "1")
    guid = task["guid"]
    assert said == f"Task {guid} added to ticket 1\n"
    assert done("start-task", guid) == f"Task {guid} (Order a fuse) is IN_PROGRESS\n"
    assert refusal(run("start-task", guid)) == (
        "status: a task that is IN_PROGRESS cannot become IN_PROGRESS; allowed from here: DONE, CANCELLED"
    )
    assert done("complete-task", guid) == f"Task {guid} (Order a fuse) is DONE\n"
    assert data("reopen-task", guid)["status"] == "OPEN"
    assert done("cancel-task", guid) == f"Task {guid} (Order a fuse) is CANCELLED\n"
    assert data("tasks", "1")[0]["status"] == "CANCELLED"


def test_tasks_are_listed_in_order_with_the_names_of_people(done: Done, data: Data) -> None:
    person = data("add-person", "Bo Berg", "bo@example.com", "--username", "bo")
    made = data("add-task", "1", "Order a fuse", "--description", "10 A", "--assign-to", "bo")
    assert (made["assigned_to"], made["assigned_to_name"]) == (person["person_guid"], "Bo Berg")
    assert (made["description"], made["status"], made["sort_order"]) == ("10 A", "OPEN", 1)
    done("add-task", "1", "Mount it")
    first, second = data("tasks", "1")
    assert first == made
    assert (second["name"], second["assigned_to_name"], second["sort_order"]) == ("Mount it", "", 2)
    heading, _, *rows = done("tasks", "1").splitlines()
    assert heading.split() == ["Status", "Assignee", "Task", "Description", "Guid"]
    assert [row.split("  ")[0] for row in rows] == ["OPEN", "OPEN"]
    assert "Bo Berg   Order a fuse  10 A" in rows[0]
    assert "Description" not in done("read", "1")


def test_a_task_that_cannot_be(run: Run, done: Done) -> None:
    assert refusal(run("add-task", "1", "")) == "name: must not be empty"
    assert refusal(run("add-task", "7", "x")).startswith("there is no ticket 7")
    assert refusal(run("tasks", "7")).startswith("there is no ticket 7")
    for command in ("start-task", "complete-task", "reopen-task", "cancel-task"):
        assert refusal(run(command, "7")) == (
            "there is no task 7 (give its guid; ticketcore tasks T shows the tasks of a ticket)"
        )
    done("cancel", "1")
    assert refusal(run("add-task", "1", "x")) == ("ticket: ticket 1 is CANCELLED; nothing is to be done on it any more")


# Time


def test_time_is_logged_for_a_person_or_for_who_acts(done: Done, data: Data) -> None:
    assert done("log-time", "1", "45", "--by", "Ann@example.com") == "45 min by ann@example.com logged on ticket 1\n"
    made = data("log-time", "1", "90", "--person", "bo@example.com", "--description", "Fix auth bug")
    assert (made["person_email"], made["duration_minutes"]) == ("bo@example.com", 90)
    assert made["description"] == "Fix auth bug"
    done("add-person", "Ann Lee", "ann.lee@example.com", "--username", "ann")
    assert done("log-time", "1", "5") == "5 min by Ann Lee logged on ticket 1\n"
    actors = [row["action_by"] for row in data("history", "1") if row["action"] == "TIME_LOGGED"]
    assert actors == ["Ann@example.com", "ann", "ann"]


def test_who_is_not_known_says_whose_time_it_is(run: Run, done: Done, data: Data) -> None:
    result = run("log-time", "1", "45")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith(
        "Error: 'ann' is neither an e-mail address nor a known user: say whose time it is with --person\n"
    )
    assert refusal(run("log-time", "1", "45", "--person", "zoe")) == (
        "person_email: 'zoe' is neither an e-mail address nor a known user"
    )
    assert data("time-entries", "1") == []


def test_minutes_follow_from_start_and_end(done: Done, data: Data) -> None:
    span = ("--start", "2026-03-02T09:00", "--end", "2026-03-02T10:30")
    assert done("log-time", "1", "--person", "ann@example.com", *span).startswith("1 h 30 min by ann@example.com ")
    (entry,) = data("time-entries", "1")
    assert (entry["start_time"], entry["end_time"], entry["duration_minutes"]) == (
        "2026-03-02T08:00:00+00:00",
        "2026-03-02T09:30:00+00:00",
        90,
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "duration_minutes: must be given, or both start_time and end_time"),
        (["0"], "duration_minutes: must be from 1 to 525600 (a year)"),
        (["9" * 30], "duration_minutes: must be from 1 to 525600 (a year)"),
        (["--start", "2026-03-02T09:00", "--end", "2026-03-02T08:00"], "end_time: must not be before start_time"),
        (
            ["61", "--start", "2026-03-02T09:00", "--end", "2026-03-02T10:00"],
            "duration_minutes: 1 h 1 min is longer than the 1 h from start_time to end_time",
        ),
        (
            ["5", "--start", "2026-03-02"],
            "start_time: '2026-03-02' must have a time of day, as in 2026-05-01T14:30 (ISO 8601)",
        ),
    ],
)
def test_time_that_cannot_have_been(run: Run, data: Data, arguments: list[str], problem: str) -> None:
    assert refusal(run("log-time", "1", *arguments, "--by", "ann@example.com")) == problem
    assert data("time-entries", "1") == []
    assert len(data("history", "1")) == 1


def test_minutes_that_are_no_number_are_wrong_usage(run: Run) -> None:
    for minutes in ("x", "1.5", ""):
        result = run("log-time", "1", minutes, "--by", "ann@example.com")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "is not a valid integer" in result.stderr


def test_time_entries_are_listed(done: Done) -> None:
    assert done("time-entries", "1") == "No time is logged.\n"
    for arguments in (
        ["45", "--description", "Fix auth bug"],
        ["30", "--start", "2026-03-02T09:00"],
        ["20", "--end", "2026-03-02T09:00"],
        ["--start", "2026-03-02T09:00", "--end", "2026-03-02T10:00"],
    ):
        done("log-time", "1", *arguments, "--by", "ann@example.com")
    heading, _, *rows = done("time-entries", "1").splitlines()
    assert heading.split() == ["Logged", "Time", "Person", "Worked", "Description"]
    parts = [
        ("45 min  ann@example.com  —", "Fix auth bug"),
        ("30 min  ann@example.com  from 2026-03-02 09:00 CET", "—"),
        ("20 min  ann@example.com  until 2026-03-02 09:00 CET", "—"),
        ("1 h  ann@example.com  2026-03-02 09:00 CET to 2026-03-02 10:00 CET", "—"),
    ]
    assert [part in row and row.endswith(end) for row, (part, end) in zip(rows, parts, strict=True)] == [True] * 4


def test_time_adds_up_for_each_person_and_for_all(done: Done, data: Data) -> None:
    assert done("total-time", "1") == "No time is logged.\n"
    assert data("total-time", "1") == {"total_minutes": 0, "minutes_by_person": {}}
    for minutes, person in (("45", "bo"), ("60", "ann"), ("30", "ann")):
        done("log-time", "1", minutes, "--person", f"{person}@example.com")
    found = {"total_minutes": 135, "minutes_by_person": {"ann@example.com": 90, "bo@example.com": 45}}
    assert data("total-time", "1") == found
    rows = [row.split(maxsplit=1) for row in done("total-time", "1").splitlines()]
    assert [rows[0], *rows[2:]] == [
        ["Person", "Time"],
        ["ann@example.com", "1 h 30 min"],
        ["bo@example.com", "45 min"],
        ["all", "2 h 15 min"],
    ]


def test_tables_of_time_show_names_and_json_addresses(done: Done, data: Data) -> None:
    done("add-person", "Bo Berg", "bo@example.com")
    done("log-time", "1", "45", "--person", "bo@example.com")
    assert [row.split(maxsplit=2) for row in done("total-time", "1").splitlines()[2:]] == [
        ["Bo", "Berg", "45 min"],
        ["all", "45", "min"],
    ]
    assert " 45 min  Bo Berg " in done("time-entries", "1")
    assert data("total-time", "1")["minutes_by_person"] == {"bo@example.com": 45}
    assert data("time-entries", "1")[0]["person_email"] == "bo@example.com"


# What people make of a ticket


def test_an_estimate_is_set_and_taken_away(run: Run, done: Done, data: Data) -> None:
    assert done("set-eta", "1", "2020-05-01").startswith("Ticket 1 has the ETA 2020-05-01 23:59 CEST: overdue by ")
    made = data("set-eta", "1", (datetime.now(UTC) + timedelta(days=30)).date().isoformat())
    assert made["eta_display"].endswith(" day(s) remaining")
    assert data("read", "1")["eta_display"] == made["eta_display"]
    assert refusal(run("set-eta", "1", "soon")).startswith("eta_date: 'soon' must be a date such as 2026-05-01")
    assert done("set-eta", "1", "") == "Ticket 1 has no ETA\n"
    assert data("read", "1")["estimated_date"] is None


def test_an_analysis_is_typed_or_read(run: Run, done: Done, data: Data) -> None:
    assert done("add-analysis", "1", "The fuse was bad.") == "Ticket 1 has the new analysis\n"
    made = data("add-analysis", "1", "-", stdin="The wiring\nwas — ü\n")
    assert made["problem_analysis"] == "The wiring\nwas — ü"
    assert refusal(run("add-analysis", "1", "")) == "problem_analysis: must not be empty"
    assert refusal(run("add-analysis", "1", "-", stdin=b"caf\xe9")) == "standard input is no UTF-8 text (byte 4)"
    assert data("read", "1")["problem_analysis"] == "The wiring\nwas — ü"


def test_a_score_is_a_number_from_0_on(run: Run, done: Done, data: Data) -> None:
    assert done("set-work-score", "1", "5") == "Ticket 1 has the work score 5\n"
    assert data("set-work-score", "1", "0")["work_score"] == 0
    assert refusal(run("set-work-score", "1", "2147483648")) == "work_score: must be from 0 to 2147483647"
    for score in ("-1", "much", "1.5"):
        assert run("set-work-score", "1", score).exit_code == 2
    assert data("read", "1")["work_score"] == 0


# The card and the history


def test_a_card_shows_what_there_is(done: Done) -> None:
    card = done("read", "1")
    assert not any(part in card for part in ("Tasks", "Analysis", "Time spent", "Work score"))
    done("add-person", "Bo Berg", "bo@example.com")
    done("add-task", "1", "Order a fuse", "--assign-to", "bo@example.com")
    done("add-task", "1", "Mount it")
    done("log-time", "1", "75", "--person", "bo@example.com")
    done("log-time", "1", "15", "--person", "ann@example.com")
    done("set-work-score", "1", "0")
    done("add-analysis", "1", "The fuse\nwas bad.")
    card = done("read", "1")
    for part in ("Time spent    1 h 30 min\n", "Work score    0\n", "\nAnalysis\nThe fuse\nwas bad.\n", "Bo Berg"):
        assert part in card
    assert "\nTasks (2 of 2 to do)\n" in card


def test_the_tasks_and_the_time_of_a_ticket_are_in_its_json(done: Done, data: Data) -> None:
    found = data("read", "1")
    assert (found["tasks"], found["total_minutes"]) == ([], 0)
    data("add-task", "1", "Order a fuse", "--assign-to", "zoe")
    data("log-time", "1", "75", "--person", "bo@example.com")
    found = data("read", "1")
    assert found["tasks"] == data("tasks", "1")
    assert (found["tasks"][0]["assigned_to_name"], found["total_minutes"]) == ("zoe", 75)


def test_what_a_task_is_called_is_shown_not_obeyed(done: Done, data: Data) -> None:
    done("add-task", "1", "\x1b[31mred\x07", "--description", "\u202e", "--assign-to", "[red]bo")
    done("log-time", "1", "5", "--person", "a@example.com", "--description", "\x1b]0;title\x07")
    done("add-analysis", "1", "\x1b[31mred")
    guid = data("tasks", "1")[0]["guid"]
    for text in (
        *(done(command, "1") for command in ("tasks", "read", "time-entries", "history")),
        done("start-task", guid),
    ):
        assert not set("\x1b\x07\u202e") & set(text)


def test_the_history_can_be_read(done: Done, data: Data) -> None:
    guid = data("add-task", "1", "Order a fuse")["guid"]
    done("complete-task", guid)
    done("log-time", "1", "90", "--person", "bo@example.com", "--description", "Fix auth bug")
    done("set-eta", "1", "2026-05-01")
    done("set-eta", "1", "2026-06-01")
    done("set-eta", "1", "")
    done("add-analysis", "1", "The fuse.")
    done("add-analysis", "1", "The wiring.")
    done("set-work-score", "1", "3")
    done("set-work-score", "1", "5")
    rows = [row.split("  ") for row in done("history", "1").splitlines()[3:]]
    assert [[part.strip() for part in row if part.strip()][3:] for row in rows] == [
        ["TASK_ADDED", "Order a fuse"],
        ["TASK_CHANGED", "status: OPEN → DONE", "Order a fuse"],
        ["TIME_LOGGED", "1 h 30 min by bo@example.com", "Fix auth bug"],
        ["ETA_SET", "2026-05-01 23:59 CEST"],
        ["ETA_SET", "2026-05-01 23:59 CEST → 2026-06-01 23:59 CEST"],
        ["ETA_SET", "2026-06-01 23:59 CEST → —"],
        ["ANALYSIS_SET", "The fuse."],
        ["ANALYSIS_SET", "The wiring."],
        ["SCORE_SET", "3"],
        ["SCORE_SET", "3 → 5"],
    ]
