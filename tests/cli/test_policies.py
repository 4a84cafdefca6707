"""Auto-assign rules, service levels, escalations, people."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ticketcore.domain.ticket import Ticket
from ticketcore.errors import Problem, RejectedError
from ticketcore.services.lifecycle import Tickets

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]


def test_rules(run: Run, done: Done, data: Data) -> None:
    assert done("list-rules") == "No auto-assign rules.\n"
    assert done("auto-assign") == "Nobody: no rule fits.\n"
    assert data("auto-assign") == {"assign_to": None, "level": None, "rule": None}
    added = done("add-rule", "ops@example.com", "--project", "INFRA", "--priority", "critical")
    assert added == "Rule 1 added: tickets of package CORE, project INFRA, priority CRITICAL go to ops@example.com\n"
    assert data("add-rule", "all@example.com", "--package", "")["package"] == ""
    found = done("auto-assign", "--project", "INFRA", "--priority", "CRITICAL")
    assert found == "ops@example.com by rule 1 (level 2)\n"
    other = data("auto-assign", "--package", "IT", "--type", "BUG")
    assert (other["assign_to"], other["level"], other["rule"]["id"]) == ("all@example.com", 5, 2)
    assert [rule["id"] for rule in data("list-rules")] == [1, 2]
    assert [rule["id"] for rule in data("list-rules", "--package", "CORE")] == [1]
    assert "any" in done("list-rules")
    assert "auto-assigned" not in done("create", "x", "--project", "INFRA", "--priority", "CRITICAL")
    assert data("read", "1")["assigned_to"] == "ops@example.com"
    refused = run("remove-rule", "1", "--package", "IT")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert done("remove-rule", "1") == "Rule 1 removed\n"
    assert run("remove-rule", "1").exit_code == 1


def test_strategies_of_rules(run: Run, done: Done, data: Data) -> None:
    team = ("Ann@Example.com, bo@example.com", "--strategy", "ROUND_ROBIN")
    added = done("add-rule", *team)
    assert added == "Rule 1 added: tickets of package CORE go to ann@example.com, bo@example.com (round_robin)\n"
    assert done("auto-assign") == "ann@example.com by rule 1 (level 5, round_robin)\n"
    assert data("auto-assign")["assign_to"] == "ann@example.com"  # a look is no turn
    taken = [data("create", "x")["assigned_to"] for _ in range(3)]
    assert taken == ["ann@example.com", "bo@example.com", "ann@example.com"]
    look = data("auto-assign")
    assert (look["assign_to"], look["rule"]["last_assigned"]) == ("bo@example.com", "ann@example.com")
    assert data("history", "1")[-1]["note"] == "auto-assigned by rule 1 (level 5, round_robin)"
    listed = done("list-rules")
    assert "Strategy" in listed
    assert "round_robin" in listed
    (rule,) = data("list-rules")
    assert (rule["assign_to"], rule["strategy"]) == ("ann@example.com,bo@example.com", "round_robin")
    assert data("add-rule", "a@example.com,b@example.com")["strategy"] == "first"
    wrong = run("add-rule", "a@example.com", "--strategy", "random")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "'random' is not one of first, round_robin, least_loaded" in wrong.stderr
    wrong = run("add-rule", "a@example.com,nobody,@")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert [line.split(" is ")[0] for line in wrong.stderr.splitlines()] == [
        "Error: assign_to: 'nobody'",
        "Error: assign_to: '@'",
    ]


def test_set_sla_keeps_what_is_not_named(run: Run, done: Done, data: Data) -> None:
    assert done("list-sla") == "No service levels.\n"
    new = run("set-sla", "--priority", "HIGH", "--response", "30")
    assert (new.exit_code, new.stdout) == (2, "")
    assert "give both --response and --resolution" in new.stderr
    made = done(
        "set-sla", "--priority", "HIGH", "--response", "30", "--resolution", "240", "--responsible", "r@example.com"
    )
    assert made == "CORE, HIGH: response within 30 min, resolution within 240 min\n"
    changed = data("set-sla", "--priority", "HIGH", "--response", "15", "--contact", "c@example.com")
    assert (changed["response_minutes"], changed["resolution_minutes"]) == (15, 240)
    assert (changed["raci_responsible"], changed["escalation_contact"]) == ("r@example.com", "c@example.com")
    assert data("set-sla", "--priority", "HIGH", "--responsible", "")["raci_responsible"] == ""
    data("set-sla", "--priority", "LOW", "--package", "", "--response", "1", "--resolution", "2", "--type", "BUG")
    assert [(one["package"], one["priority"]) for one in data("list-sla")] == [("", "LOW"), ("CORE", "HIGH")]
    assert len(data("list-sla", "--package", "CORE")) == 1
    assert "240 min" in done("list-sla")
    wrong = run("set-sla", "--priority", "HIGH", "--response", "500")
    assert (wrong.exit_code, wrong.stdout) == (1, "")


def test_raci(run: Run, done: Done, data: Data) -> None:
    done("create", "Printer", "--priority", "HIGH")
    assert done("raci", "1") == "Nobody: no service level names anybody.\n"
    done(
        *("set-sla", "--priority", "HIGH", "--response", "30", "--resolution", "240"),
        *("--accountable", "boss@example.com", "--informed", "a@example.com,b@example.com"),
    )
    contacts = data("raci", "1")
    assert contacts == data("raci", "--priority", "HIGH")
    assert (contacts["to"], contacts["cc"]) == (["boss@example.com"], ["a@example.com", "b@example.com"])
    assert "Accountable" in done("raci", "1")
    for arguments in ([], ["1", "--priority", "HIGH"], ["--package", "CORE"]):
        assert run("raci", *arguments).exit_code == 2


def test_check_escalations(done: Done, data: Data, tmp_path: Path) -> None:
    done("create", "late", "--priority", "HIGH")
    done("create", "in time")
    assert done("check-escalations") == "No tickets to escalate.\n"
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        connection.execute(
            "UPDATE data_ticket SET CreatedDate = '2020-01-01 00:00:00.000000', "
            "SlaResponseDeadline = '2020-01-01 01:00:00.000000', "
            "SlaResolutionDeadline = '2020-01-01 08:00:00.000000' WHERE TicketNumber = 1"
        )
    connection.close()
    assert [one["subject"] for one in data("check-escalations")] == ["late"]
    assert "late" in done("check-escalations", "--package", "CORE")
    escalated = data("check-escalations", "--escalate", "--by", "night watch")
    assert [(one["ticket_number"], one["status"]) for one in escalated] == [(1, "ESCALATED")]
    assert data("history", "1")[-1]["action_by"] == "night watch"
    assert data("check-escalations") == []
    assert done("check-escalations", "--escalate") == "No tickets escalated.\n"


def test_escalations_of_which_one_fails(run: Run, done: Done, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("good", "bad"):
        done("create", name)
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        connection.execute("UPDATE data_ticket SET SlaResponseDeadline = '2020-01-01 01:00:00.000000'")
    connection.close()
    escalate = Tickets.escalate_due

    def refuse_the_second(self: Tickets, ticket: Ticket, *, action_by: str) -> Ticket:
        if ticket.ticket_number == 2:
            raise RejectedError([Problem("status", "not this one")])
        return escalate(self, ticket, action_by=action_by)

    monkeypatch.setattr(Tickets, "escalate_due", refuse_the_second)
    result = run("check-escalations", "--escalate")
    assert (result.exit_code, result.stderr) == (5, "Error: ticket 2: status: not this one\n")
    assert "good" in result.stdout
    again = run("check-escalations", "--escalate")
    assert (again.exit_code, again.stdout) == (1, "No tickets escalated.\n")


def test_people(run: Run, done: Done, data: Data) -> None:
    assert done("list-people") == "Nobody is known yet.\n"
    assert done("add-person", "Ann Lee", "Ann@example.com", "--username", "ann") == "Ann Lee <ann@example.com> added\n"
    made = data("add-person", "Bo", "bo@example.com", "--staff")
    assert (made["name"], made["email"], made["is_staff"]) == ("Bo", "bo@example.com", True)
    assert [one["name"] for one in data("list-people")] == ["Ann Lee", "Bo"]
    assert "ann@example.com" in done("list-people")
    again = run("add-person", "Other", "ann@example.com")
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr == "Error: email: ann@example.com belongs to Ann Lee already\n"
