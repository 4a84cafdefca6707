"""Sign-offs on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]

ANN, BO = "ann@example.com", "bo@example.com"


@pytest.fixture(autouse=True)
def _people_and_a_ticket(done: Done) -> None:
    done("add-person", "Bo Berg", BO, "--username", "bo")
    done("create", "Printer", "--requested-by-type", "SYSTEM")


def test_people_are_asked_and_answer(done: Done, data: Data, tmp_path: Path) -> None:
    asked = done("request-signoff", "1", "bo", "guest@example.com", "--role", "QA")
    assert asked == "Asked to sign ticket 1 off: Bo Berg, guest@example.com\n"
    mails = "".join(mail.read_text(encoding="utf-8") for mail in (tmp_path / "mail").glob("*.eml"))
    assert mails.count("ann asks you to sign ticket 1 off as QA.") >= 2
    assert done("sign-off", "1", "--by", "bo", "--note", "fine") == "Ticket 1: APPROVED by Bo Berg\n"
    rejected = data("sign-off", "1", "--reject", "--note", "no tray", "--by", "guest@example.com")
    assert (rejected["email"], rejected["status"], rejected["note"]) == ("guest@example.com", "REJECTED", "no tray")
    table = done("signoffs", "1").splitlines()
    assert table[0].split() == ["Person", "Role", "Status", "Asked", "by", "Asked", "Answered", "Note"]
    assert all(part in table[2] for part in ("Bo Berg", "QA", "APPROVED", "ann", "fine"))
    assert all(part in table[3] for part in ("guest@example.com", "REJECTED", "no tray"))
    assert [(one["email"], one["status"], one["requested_by"]) for one in data("signoffs", "1")] == [
        (BO, "APPROVED", "ann"),
        ("guest@example.com", "REJECTED", "ann"),
    ]


def test_what_was_asked_as_data(data: Data) -> None:
    (asked,) = data("request-signoff", "1", "BO@example.com")
    assert (asked["email"], asked["status"], asked["role"], asked["signed_date"]) == (BO, "PENDING", "", None)
    assert data("request-signoff", "1", "bo") == [asked]


def test_a_request_is_withdrawn(run: Run, done: Done, data: Data) -> None:
    done("request-signoff", "1", "bo")
    assert done("withdraw-signoff", "1", "bo") == "Bo Berg is not asked to sign ticket 1 off any more\n"
    assert data("withdraw-signoff", "1", BO)["status"] == "WITHDRAWN"
    result = run("sign-off", "1", "--by", "bo")
    error = f"Error: person: the request to {BO} to sign ticket 1 off was withdrawn\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", error)


def test_nobody_was_asked(done: Done, data: Data) -> None:
    assert done("signoffs", "1") == "Nobody was asked.\n"
    assert data("signoffs", "1") == []


def test_only_who_was_asked_can_answer(run: Run, done: Done) -> None:
    done("request-signoff", "1", "bo")
    result = run("sign-off", "1")  # ann
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: person: ann was not asked to sign ticket 1 off; asked: {BO}\n"


def test_every_person_that_cannot_be_asked_has_a_line(run: Run, data: Data) -> None:
    result = run("request-signoff", "1", "bo", "nobody", "noone")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "Error: people: 'nobody' is neither an e-mail address nor a known person",
        "Error: people: 'noone' is neither an e-mail address nor a known person",
    ]
    assert data("signoffs", "1") == []
    assert run("request-signoff", "1").exit_code == 2


def test_the_history_shows_who_was_asked_and_what_they_said(done: Done) -> None:
    done("request-signoff", "1", "bo", ANN, "--role", "QA")
    done("sign-off", "1", "--reject", "--note", "no tray", "--by", "bo")
    done("withdraw-signoff", "1", ANN)
    rows = done("history", "1").splitlines()[3:]
    assert [row.split()[4:] for row in rows] == [
        ["ann", "SIGNOFF_REQUESTED", BO, "QA"],
        ["ann", "SIGNOFF_REQUESTED", ANN, "QA"],
        ["Bo", "Berg", "SIGNOFF_GIVEN", BO, "→", "REJECTED", "no", "tray"],
        ["ann", "SIGNOFF_WITHDRAWN", ANN, "→", "—"],
    ]


def test_who_has_not_answered_yet_is_said_to_be_asked_already(done: Done) -> None:
    done("request-signoff", "1", "bo")
    assert done("request-signoff", "1", "bo", "guest@example.com").splitlines() == [
        "Asked to sign ticket 1 off: guest@example.com",
        "Asked already, no answer yet: to sign ticket 1 off: Bo Berg",
    ]
