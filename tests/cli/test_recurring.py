"""Schedules on the command line."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import Result

from ticketcore.testing.distributions import Installer

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]

TEMPLATES = """\
name: CHECK
subject: "Check of {{ date }}"
---
name: OTHER
package: IT
subject: Other
"""
RIGHT = 'a right one is "0 9 * * 1": minute, hour, day of the month, month, day of the week'
THINGS = """
from ticketcore import hookimpl
from ticketcore.plugin.records import RecurringTypeSpec

@hookimpl
def ticketcore_recurring_types():
    return [RecurringTypeSpec(name="THING", summary="a thing", target=lambda desk, occurrence: None)]
"""


@pytest.fixture
def templates(done: Done, tmp_path: Path) -> None:
    for place, text in enumerate(TEMPLATES.split("---\n")):
        path = tmp_path / f"{place}.yaml"
        path.write_text(text, encoding="utf-8")
        done("add-template", str(path))


@pytest.fixture
def change(tmp_path: Path) -> Callable[[str], None]:
    """Change the stored schedules behind everybody's back."""

    def change(assignment: str) -> None:
        with closing(sqlite3.connect(tmp_path / "desk.db")) as connection, connection:
            connection.execute(f"UPDATE def_recurring SET {assignment}")  # noqa: S608

    return change


def due(days: int = 1) -> str:
    """Return what makes a schedule due since some days ago."""
    return f"NextRun = '{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d %H:%M:%S}.000000'"


@pytest.mark.usefixtures("templates")
def test_a_schedule_is_added_and_shows_its_next_runs(done: Done, data: Data) -> None:
    assert done("list-recurring") == "No schedules.\n"
    assert data("list-recurring") == []
    sentence = done("add-recurring", "CHECK", "0 9 * * *")
    (added,) = data("list-recurring")
    runs = [datetime.fromisoformat(run).astimezone(ZoneInfo("Europe/Berlin")) for run in added["next_runs"]]
    assert [run.hour for run in runs] == [9, 9, 9]
    shown = ", ".join(f"{run:%Y-%m-%d %H:%M %Z}" for run in runs)
    assert sentence == f"CHECK recurs as {added['guid']}, next at {shown}\n"
    options = ["--package", "IT", "--project", "P", "--timezone", "Asia/Tokyo", "--catch-up", "ALL"]
    made = data("add-recurring", "OTHER", "@yearly", *options)
    assert [made[name] for name in ("package", "project", "timezone", "catch_up", "created_by")] == [
        *("IT", "P", "Asia/Tokyo", "all", "ann")
    ]
    assert [run[4:] for run in made["next_runs"]] == ["-12-31T15:00:00+00:00"] * 3
    assert data("list-recurring") == [added, made]
    assert data("list-recurring", "--package", "IT") == [made]
    table = done("list-recurring")
    assert f"0 9 * * * (Europe/Berlin)  CORE     {shown}  active  {added['guid']}" in table


@pytest.mark.usefixtures("templates")
def test_what_is_wrong_is_told_and_nothing_is_added(run: Run, done: Done) -> None:
    wrong = run("add-recurring", "CHECK", "0 25 * * 9", "--timezone", "Mars")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert wrong.stderr.splitlines() == [
        "Error: timezone: 'Mars' is no IANA time zone such as Europe/Berlin",
        "Error: cron_expression: hour: '25' is not 0 to 23",
        f"Error: cron_expression: day of the week: '9' is not 0 to 7 or sun to sat ({RIGHT})",
    ]
    missing = run("add-recurring", "CHEK", "@daily")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr.startswith("Error: there is no template CHEK (did you mean CHECK?")
    assert run("add-recurring", "CHECK", "@daily", "--catch-up", "some").exit_code == 2
    assert run("add-recurring", "CHECK", "@daily", "--module-type", "THING").exit_code == 4
    assert done("list-recurring") == "No schedules.\n"


@pytest.mark.usefixtures("templates")
def test_what_is_due_is_shown_then_made(done: Done, data: Data, change: Callable[[str], None]) -> None:
    guid = data("add-recurring", "CHECK", "0 9 * * *", "--catch-up", "all")["guid"]
    assert done("check-recurring") == "Nothing is due.\n"
    assert done("check-recurring", "--dry-run") == "Nothing is due.\n"
    change(due(days=2))
    shown = data("check-recurring", "--dry-run")
    assert [one["key"] for one in shown] == [f"{guid}/{one['due'].replace('+00:00', 'Z')}" for one in shown]
    assert {one["schedule"]["guid"] for one in shown} == {guid}
    assert len(shown) in {2, 3}
    table = done("check-recurring", "--dry-run")
    assert table.count("CHECK") == len(shown)
    assert done("list") == "No tickets.\n"
    made = data("check-recurring")
    assert len(made) == len(shown)
    assert all(ticket["subject"].startswith("Check of 20") for ticket in made)
    assert (data("check-recurring"), data("check-recurring", "--dry-run")) == ([], [])
    change(due())
    assert "Check of 20" in done("check-recurring")
    assert data("list-recurring")[0]["last_run"] is not None


@pytest.mark.usefixtures("templates")
def test_what_fails_is_told_and_shown(run: Run, done: Done, change: Callable[[str], None]) -> None:
    done("add-recurring", "CHECK", "0 9 * * *")
    change(f"{due()}, TemplateName = 'GONE'")
    failed = run("check-recurring")
    assert (failed.exit_code, failed.stdout) == (1, "No tickets made.\n")
    assert failed.stderr.startswith("Error: GONE (0 9 * * *, ")
    assert "there is no template GONE" in failed.stderr
    assert "there is no template GONE" in done("list-recurring")
    done("add-recurring", "CHECK", "0 9 * * *")
    change(due())
    partly = run("check-recurring")
    assert partly.exit_code == 5
    assert "Check of 20" in partly.stdout
    assert partly.stderr.count("Error: GONE") == 1


@pytest.mark.usefixtures("templates")
def test_a_schedule_is_cancelled(run: Run, done: Done, data: Data, change: Callable[[str], None]) -> None:
    guid = data("add-recurring", "CHECK", "0 9 * * *")["guid"]
    assert done("cancel-recurring", guid) == "CHECK (0 9 * * *) does not recur any more\n"
    (cancelled,) = data("list-recurring")
    assert (cancelled["active"], cancelled["next_runs"]) == (False, [])
    assert data("cancel-recurring", guid)["guid"] == guid
    assert "cancelled" in done("list-recurring")
    change(due())
    assert done("check-recurring") == "Nothing is due.\n"
    unknown = run("cancel-recurring", "nowhere")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert unknown.stderr == "Error: there is no schedule nowhere (see: ticketcore list-recurring)\n"


@pytest.mark.usefixtures("templates")
def test_a_schedule_that_is_wrong_by_now_is_listed(done: Done, change: Callable[[str], None]) -> None:
    done("add-recurring", "CHECK", "0 9 * * *")
    change("Timezone = 'Europe/Atlantis', NextRun = '2026-03-02 08:00:00.000000'")
    assert "(Europe/Atlantis)" in done("list-recurring")


def test_what_a_plugin_makes_is_counted(
    done: Done, data: Data, change: Callable[[str], None], install: Installer
) -> None:
    install("things", THINGS)
    assert data("add-recurring", "anything", "0 9 * * *", "--module-type", "THING")["module_type"] == "THING"
    change(due())
    assert done("check-recurring") == "No tickets made.\n1 made besides, which are no tickets.\n"
    change(due())
    assert data("check-recurring") == []
