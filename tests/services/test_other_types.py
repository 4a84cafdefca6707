"""Values of another type than the one that is asked for: each is refused in words, on both stores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from ticketcore.desk import Desk
from ticketcore.errors import NotFoundError, RejectedError

ANN = "ann@example.com"

Call = Callable[[Desk, Any], object]

ACTS: dict[str, Call] = {
    "create": lambda desk, who: desk.tickets.create("Printer", action_by=who),
    "update": lambda desk, who: desk.tickets.update(1, subject="Another", action_by=who),
    "change_status": lambda desk, who: desk.tickets.change_status(1, "TRIAGED", action_by=who),
    "assign": lambda desk, who: desk.tickets.assign(1, ANN, action_by=who),
    "add_comment": lambda desk, who: desk.comments.add_comment(1, "text", commented_by=who),
    "add_task": lambda desk, who: desk.tasks.add_task(1, "task", action_by=who),
    "add_link": lambda desk, who: desk.links.add_link(1, 2, "BLOCKS", created_by=who),
    "request_signoff": lambda desk, who: desk.signoffs.request_signoff(1, [ANN], requested_by=who),
    "merge": lambda desk, who: desk.tickets.merge(1, 2, action_by=who),
}
NAMES: dict[str, tuple[Call, str]] = {
    "assign": (lambda desk, value: desk.tickets.assign(1, value, action_by=ANN), "assigned_to"),
    "add_watcher": (lambda desk, value: desk.tickets.add_watcher(1, value, action_by=ANN), "email"),
    "by assignee": (lambda desk, value: desk.queries.get_tickets_by_assignee(value), "assignee"),
    "open of a package": (lambda desk, value: desk.queries.get_open_tickets(value), "package"),
}
KEYS: dict[str, Call] = {
    "start_task": lambda desk, value: desk.tasks.start_task(value, action_by=ANN),
    "remove_link": lambda desk, value: desk.links.remove_link(value, action_by=ANN),
    "get_time_entry": lambda desk, value: desk.time.get_time_entry(value),
}


FLAGS: dict[str, Call] = {
    "is_internal": lambda desk, value: desk.comments.add_comment(1, "text", commented_by=ANN, is_internal=value),
    "is_staff": lambda desk, value: desk.people.add_person("Bo", "bo@example.com", is_staff=value),
    "approved": lambda desk, value: desk.signoffs.sign_off(1, ANN, value),
    "active": lambda desk, value: desk.templates.add_template("T", subject="S", active=value, action_by=ANN),
}
HUGE: Any = 10**5000
NUMBERS: dict[str, Call] = {
    "priority": lambda desk, value: desk.tickets.update(1, priority=value, action_by=ANN),
    "status": lambda desk, value: desk.tickets.change_status(1, value, action_by=ANN),
    "link_type": lambda desk, value: desk.links.add_link(1, 2, value, created_by=ANN),
    "pr_id": lambda desk, value: desk.pull_requests.link_pull_request(1, value, action_by=ANN),
    "requested_by": lambda desk, value: desk.tickets.create_from_template("T", value, action_by=ANN),
    "email": lambda desk, value: desk.tickets.remove_watcher(1, value, action_by=ANN),
    "response_minutes": lambda desk, value: desk.sla.set_sla(
        "", "LOW", response_minutes=value, resolution_minutes=9, action_by=ANN
    ),
    "sort": lambda desk, value: desk.queries.get_tickets_by_filter(sort=value),
}


@pytest.fixture
def two(desk: Desk) -> Desk:
    for subject in ("Printer", "Scanner"):
        desk.tickets.create(subject, requested_by_type="SYSTEM", action_by=ANN)
    return desk


@pytest.mark.parametrize("call", ACTS.values(), ids=ACTS)
def test_who_acts_is_text(two: Desk, call: Call) -> None:
    for who in (None, 5, b"ann"):
        with pytest.raises(RejectedError, match=f"action_by: must be the name of who acts, not {type(who).__name__}"):
            call(two, who)
    assert [ticket.row_version for ticket in two.queries.get_tickets_by_filter()] == [1, 1]


@pytest.mark.parametrize(("call", "field"), NAMES.values(), ids=NAMES)
def test_a_name_is_text(two: Desk, call: Call, field: str) -> None:
    with pytest.raises(RejectedError) as error:
        call(two, 5)
    assert error.value.lines() == [f"{field}: must be text, not int"]


@pytest.mark.parametrize("value", ["no", "false", 0, 1, None, HUGE], ids=["no", "false", "0", "1", "none", "huge"])
@pytest.mark.parametrize(("field", "call"), FLAGS.items(), ids=FLAGS)
def test_what_is_neither_true_nor_false_is_refused(two: Desk, field: str, call: Call, value: Any) -> None:
    with pytest.raises(RejectedError) as error:
        call(two, value)
    (line,) = error.value.lines()
    assert line.startswith(f"{field}: must be true or false, not ")
    assert (two.comments.get_comments(1, include_internal=True), two.people.list_people()) == ([], [])


@pytest.mark.parametrize(("field", "call"), NUMBERS.items(), ids=NUMBERS)
def test_a_number_of_thousands_of_digits_is_refused_in_one_line(two: Desk, field: str, call: Call) -> None:
    two.templates.add_template("T", subject="For {{ requested_by }}", action_by=ANN)
    with pytest.raises(RejectedError) as error:
        call(two, HUGE)
    (line,) = error.value.lines()
    assert line.startswith(f"{field}: ")
    assert len(line) < 400


@pytest.mark.parametrize("call", KEYS.values(), ids=KEYS)
def test_what_is_no_guid_is_not_found(two: Desk, call: Call) -> None:
    with pytest.raises(NotFoundError, match=r"there is no .* 5"):
        call(two, 5)


@pytest.mark.parametrize("value", ["seven", "#7", "", "-1", 1.0, True, None])
def test_a_ticket_number_is_a_number(two: Desk, value: Any) -> None:
    with pytest.raises(RejectedError, match="ticket_number: must be a whole number such as 7"):
        two.tickets.read_by_number(value)


def test_a_ticket_number_may_come_as_text(two: Desk) -> None:
    text: Any = "2"
    assert two.tickets.read_by_number(text).subject == "Scanner"


def test_everything_that_is_wrong_with_a_filter_is_told_at_once(two: Desk) -> None:
    wrong: dict[str, Any] = {
        "package": 5,
        "status": 5,
        "priority": ["HIGH", "URGENT"],
        "assignee": 5,
        "created_after": 5,
        "created_before": "soon",
        "search": "!",
        "sort": 5,
        "limit": "many",
    }
    with pytest.raises(RejectedError) as error:
        two.queries.get_tickets_by_filter(**wrong)
    assert [problem.field for problem in error.value.problems] == [
        "package", "status", "priority", "created_after", "created_before", "assignee", "search", "sort", "limit",
    ]  # fmt: skip


def test_the_distance_of_an_estimate_that_is_text_or_a_date(two: Desk) -> None:
    for estimate in ("2026-03-05", date(2026, 3, 5), datetime(2026, 3, 5, 12, tzinfo=UTC)):
        assert two.tickets.get_eta_display(estimate) == "3 day(s) remaining"
    for wrong in ("tomorrow", datetime(2026, 3, 5), 5):  # noqa: DTZ001 - a naive one is wrong
        value: Any = wrong
        with pytest.raises(RejectedError, match="eta_date: "):
            two.tickets.get_eta_display(value)


def test_a_rule_of_another_type_is_refused_all_at_once(desk: Desk) -> None:
    wrong: dict[str, Any] = {"package": 5, "assign_to": 5, "project": [], "priority": [], "ticket_type": "BUGS"}
    wrong["strategy"] = "fair"
    with pytest.raises(RejectedError) as error:
        desk.rules.auto_assign_add_rule(**wrong, action_by=ANN)
    assert error.value.lines() == [
        "package: must be text, not int",
        "project: must be text, not list",
        "priority: [] is not known; choose one of CRITICAL, HIGH, MEDIUM, LOW, INFO, or none for any",
        "ticket_type: 'BUGS' is not known; choose one of USER, INTERNAL, BUG, FEATURE, or none for any",
        "assign_to: must be text, not int",
        "strategy: 'fair' is not known; choose one of first, round_robin, least_loaded",
    ]
    assert desk.rules.auto_assign_list_rules() == []


def test_a_rule_fits_a_package_whose_name_was_typed_with_other_blanks(desk: Desk) -> None:
    desk.rules.auto_assign_add_rule(" home  choice ", ANN, action_by=ANN)
    assert desk.tickets.create("Printer", package="home choice", action_by="bob").assigned_to == ANN


def test_a_service_level_of_another_type_is_refused_all_at_once(desk: Desk) -> None:
    wrong: dict[str, Any] = {"response_minutes": None, "resolution_minutes": True, "responsible": 5}
    package: Any = b"CORE"
    with pytest.raises(RejectedError) as error:
        desk.sla.set_sla(package, "URGENT", **wrong, action_by=ANN)
    assert [line.partition(";")[0] for line in error.value.lines()] == [
        "priority: 'URGENT' is not known",
        "package: must be text, not bytes",
        "response_minutes: must be between 1 and 5270400 minutes, not None",
        "resolution_minutes: must be between 1 and 5270400 minutes, not True",
        "responsible: must be text, not int",
    ]
    assert desk.sla.list_sla() == []


LISTS: dict[str, Call] = {
    "rules": lambda desk, value: desk.rules.auto_assign_list_rules(value),
    "service levels": lambda desk, value: desk.sla.list_sla(value),
    "what to escalate": lambda desk, value: desk.sla.check_escalation_due(value),
    "schedules": lambda desk, value: desk.recurring.list_recurring(value),
    "templates": lambda desk, value: desk.templates.list_templates(value),
    "open": lambda desk, value: desk.queries.get_open_tickets(value),
    "overdue": lambda desk, value: desk.queries.get_overdue_tickets(value),
    "unassigned": lambda desk, value: desk.queries.get_unassigned_tickets(value),
    "summary": lambda desk, value: desk.queries.get_status_summary(value),
    "breaches": lambda desk, value: desk.queries.get_sla_breach_count(value),
    "filter": lambda desk, value: desk.queries.get_tickets_by_filter(value),
}


@pytest.mark.parametrize("value", [["CORE"], {"CORE": 1}, 5], ids=["list", "mapping", "number"])
@pytest.mark.parametrize("call", LISTS.values(), ids=LISTS)
def test_a_list_of_a_package_that_is_no_text_is_refused(two: Desk, call: Call, value: Any) -> None:
    with pytest.raises(RejectedError, match=f"package: must be text, not {type(value).__name__}"):
        call(two, value)


@pytest.mark.parametrize("value", ["x", [1], 1.5, True, 0, -1])
def test_a_limit_of_messages_is_a_number(two: Desk, value: Any) -> None:
    with pytest.raises(RejectedError, match="limit: must be at least 1, not"):
        two.notifications.list_outbox(limit=value)


@pytest.mark.parametrize("value", ["x", [1], None, 1.5])
def test_a_rule_is_named_by_its_number(two: Desk, value: Any) -> None:
    with pytest.raises(RejectedError, match="rule_id: must be the number of a rule, not"):
        two.rules.auto_assign_remove_rule(value, action_by=ANN)


@pytest.mark.parametrize("value", [None, 5, ["TICKET"]])
def test_what_recurs_is_named_by_a_text(two: Desk, value: Any) -> None:
    with pytest.raises(RejectedError) as caught:
        two.recurring.create_recurring("T", "often", created_by=ANN, module_type=value)
    fields = [problem.field for problem in caught.value.problems]
    assert fields[0] == "module_type"
    assert "cron_expression" in fields
