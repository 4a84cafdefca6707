"""Auto-assign rules with several people: whose turn it is, who has least to do, and who is not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from attrs import define, evolve, field

from ticketcore import RejectedError, hookimpl, open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config
from ticketcore.desk import Desk
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.people import Person
from ticketcore.domain.policy import AssignStrategy
from ticketcore.domain.query import Query, eq
from ticketcore.errors import Problem

from .conftest import Guard

ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"
TEAM = f"{ANN},{BOB},{CY}"


def add(desk: Desk, strategy: str, assign_to: str = TEAM, **fields: Any) -> None:
    desk.rules.auto_assign_add_rule("CORE", assign_to, strategy=strategy, action_by=ANN, **fields)


def created(desk: Desk, **fields: Any) -> str:
    return desk.tickets.create("x", action_by=ANN, **fields).assigned_to


def last(desk: Desk) -> str:
    (rule,) = desk.rules.auto_assign_list_rules()
    return rule.last_assigned


def leave(desk: Desk, email: str) -> None:
    """Let somebody not be active any more."""
    with desk.repository.transaction() as tx:
        (person,) = tx.find(Query(Person, (eq("email", email),)))
        tx.save(evolve(person, active=False))


# What a rule says.


def test_addresses_are_stored_in_one_form_each_once(desk: Desk) -> None:
    add(desk, "round_robin", " Bob@Example.com ,ann@example.com,, bob@example.com,")
    (rule,) = desk.rules.auto_assign_list_rules()
    assert (rule.assign_to, rule.assignees) == (f"{BOB},{ANN}", (BOB, ANN))
    assert (rule.strategy, rule.last_assigned) == (AssignStrategy.ROUND_ROBIN, "")


def test_all_that_is_wrong_with_a_rule_is_told_at_once(desk: Desk) -> None:
    with pytest.raises(RejectedError) as error:
        desk.rules.auto_assign_add_rule("CORE", f"bob,{ANN},cy@", "", "URGENT", strategy="ROUND ROBIN", action_by=ANN)
    fields = [problem.field for problem in error.value.problems]
    assert fields == ["priority", "assign_to", "assign_to", "strategy"]
    assert desk.rules.auto_assign_list_rules() == []


@pytest.mark.parametrize("nobody", ["", " ", ",", " , ,"])
def test_a_rule_for_nobody_is_refused(desk: Desk, nobody: str) -> None:
    with pytest.raises(RejectedError, match=r"^assign_to: .* is not an e-mail address"):
        add(desk, "first", nobody)


def test_more_addresses_than_fit_are_refused(desk: Desk) -> None:
    fitting = ",".join(f"someone{n:02}@example.com" for n in range(11))
    add(desk, "round_robin", fitting)
    with pytest.raises(RejectedError, match="assign_to: has 263 characters; at most 255 are allowed"):
        add(desk, "round_robin", f"{fitting},someone11@example.com")


# Whose turn it is.


def test_without_a_strategy_the_first_gets_them_all(desk: Desk) -> None:
    desk.rules.auto_assign_add_rule("CORE", TEAM, action_by=ANN)
    assert [created(desk) for _ in range(3)] == [ANN] * 3
    assert desk.queries.get_history(1)[-1].note == "auto-assigned by rule 1 (level 5)"
    assert last(desk) == ""


def test_round_robin_takes_one_after_the_other_and_says_so_in_the_history(desk: Desk) -> None:
    add(desk, "round_robin")
    assert [created(desk) for _ in range(7)] == [ANN, BOB, CY, ANN, BOB, CY, ANN]
    row = desk.queries.get_history(1)[-1]
    assert (row.action, row.new_value, row.note) == ("ASSIGNED", ANN, "auto-assigned by rule 1 (level 5, round_robin)")


@pytest.mark.parametrize("strategy", AssignStrategy)
def test_any_strategy_will_do_for_one_address(desk: Desk, strategy: str) -> None:
    add(desk, strategy, ANN)
    assert [created(desk) for _ in range(3)] == [ANN] * 3


def test_a_look_is_no_turn(desk: Desk) -> None:
    add(desk, "round_robin")
    assert {desk.rules.auto_assign("CORE") for _ in range(3)} == {ANN}
    choice = desk.rules.choose("CORE")
    assert choice is not None
    assert (choice.assign_to, choice.level) == (ANN, 5)
    assert last(desk) == ""
    assert created(desk) == ANN
    assert desk.rules.auto_assign("CORE") == BOB


def test_a_ticket_with_an_assignee_or_of_another_rule_is_no_turn(desk: Desk) -> None:
    add(desk, "round_robin")
    assert created(desk) == ANN
    assert created(desk, assigned_to="me") == "me"
    assert created(desk, package="OTHER") == ""
    assert created(desk) == BOB


def test_each_rule_has_turns_of_its_own(desk: Desk) -> None:
    add(desk, "round_robin")
    add(desk, "round_robin", project="INFRA")
    taken = [created(desk, project=project) for project in ("", "INFRA", "", "INFRA")]
    assert taken == [ANN, ANN, BOB, BOB]


def test_a_ticket_that_is_refused_is_no_turn(guarded_desk: Desk, guard: Guard) -> None:
    add(guarded_desk, "round_robin")
    guard.shut = True
    with pytest.raises(RejectedError, match="the guard says no"):
        created(guarded_desk)
    assert last(guarded_desk) == ""
    with pytest.raises(RejectedError, match="subject"):
        guarded_desk.tickets.create("", action_by=ANN)
    guard.shut = False
    assert created(guarded_desk) == ANN


def test_a_person_who_is_known_is_stored_by_guid_and_has_one_turn(desk: Desk) -> None:
    bob = desk.people.add_person("Bob", BOB, "bob", action_by=ANN)
    add(desk, "round_robin")
    assert [created(desk) for _ in range(4)] == [ANN, bob.person_guid, CY, ANN]


# Who has least to do.


def test_least_loaded_takes_who_has_the_fewest_active_tickets(desk: Desk) -> None:
    add(desk, "least_loaded")
    for _ in range(2):
        created(desk, assigned_to=ANN)
    created(desk, assigned_to=CY, package="OTHER")
    assert [created(desk) for _ in range(4)] == [BOB, BOB, CY, ANN]
    assert desk.queries.get_history(4)[-1].note == "auto-assigned by rule 1 (level 5, least_loaded)"
    assert last(desk) == ""


def test_work_that_is_done_is_no_load(desk: Desk) -> None:
    add(desk, "least_loaded", f"{ANN},{BOB}")
    assert [created(desk) for _ in range(3)] == [ANN, BOB, ANN]
    for number in (1, 3):
        desk.tickets.change_status(number, "CANCELLED", action_by=ANN)
    assert [created(desk) for _ in range(2)] == [ANN, ANN]


def test_tickets_under_every_name_of_a_person_are_a_load(desk: Desk) -> None:
    created(desk, assigned_to="ann")  # before she is known
    created(desk, assigned_to=ANN)
    ann = desk.people.add_person("Ann", ANN, "ann", action_by=ANN)
    assert created(desk, assigned_to="ann") == ann.person_guid
    for _ in range(2):
        created(desk, assigned_to=BOB)
    add(desk, "least_loaded", f"{ANN},{BOB}")
    assert [created(desk) for _ in range(2)] == [BOB, ann.person_guid]


# Who is not there.


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("first", [BOB, BOB, BOB]), ("round_robin", [BOB, CY, BOB]), ("least_loaded", [BOB, CY, BOB])],
)
def test_who_is_not_active_is_passed_over(desk: Desk, strategy: str, expected: list[str]) -> None:
    desk.people.add_person("Ann", ANN, action_by=ANN)
    leave(desk, ANN)
    add(desk, strategy)
    assert [created(desk) for _ in range(3)] == expected


@pytest.mark.parametrize("strategy", AssignStrategy)
def test_if_nobody_is_active_it_is_as_if_all_were(desk: Desk, strategy: str) -> None:
    for name, email in (("Ann", ANN), ("Bob", BOB)):
        desk.people.add_person(name, email, action_by=ANN)
        leave(desk, email)
    add(desk, strategy, f"{ANN},{BOB}")
    assert [created(desk) for _ in range(2)] == [ANN, ANN if strategy == "first" else BOB]


# Whichever way a ticket comes.


def _pull_request(desk: Desk) -> str:
    number = len(desk.queries.get_tickets_by_filter()) + 1
    address = f"https://github.com/acme/shop/pull/{number}"
    repo = {"repo": {"full_name": "acme/shop"}}
    data = {"number": number, "title": "Fix", "html_url": address, "state": "open", "base": repo, "head": repo}
    return desk.tickets.create_from_pr(data, action_by=ANN).assigned_to


def _template(desk: Desk) -> str:
    return desk.tickets.create_from_template("T", ANN).assigned_to


@pytest.mark.parametrize("make", [created, _pull_request, _template])
def test_every_way_of_creating_a_ticket_is_a_turn(desk: Desk, make: Callable[[Desk], str]) -> None:
    desk.templates.add_template("T", subject="s", tasks=["look"], action_by=ANN)
    add(desk, "round_robin")
    assert [make(desk), created(desk), make(desk), created(desk)] == [ANN, BOB, CY, ANN]


def test_a_ticket_that_recurs_is_a_turn_and_its_preparation_is_none(desk: Desk, clock: PlayedClock) -> None:
    desk.templates.add_template("T", subject="s", action_by=ANN)
    add(desk, "round_robin")
    desk.recurring.create_recurring("T", "0 * * * *", created_by=ANN)
    assert last(desk) == ""
    for hours in range(1, 4):
        clock.advance(hours=1)
        desk.recurring.check_due_recurring()
        assert desk.tickets.read(hours).assigned_to == [ANN, BOB, CY][hours - 1]


@pytest.mark.parametrize("strategy", ["round_robin", "least_loaded"])
def test_the_tickets_of_a_file_are_spread_too(desk: Desk, strategy: str) -> None:
    add(desk, strategy)
    lines = [{"subject": f"from elsewhere {number}"} for number in range(6)]
    file = "\n".join(map(json.dumps, lines)).encode()
    assert desk.transfer.import_tickets(BytesIO(file), dry_run=True, action_by=ANN).created == 6
    assert last(desk) == ""
    assert desk.transfer.import_tickets(BytesIO(file), action_by=ANN).created == 6
    assert [desk.tickets.read(number).assigned_to for number in range(1, 7)] == [ANN, BOB, CY, ANN, BOB, CY]
    assert desk.rules.auto_assign("CORE") == ANN


def test_a_file_that_is_refused_is_no_turn(guarded_desk: Desk, guard: Guard) -> None:
    add(guarded_desk, "round_robin")
    guard.shut = True
    with pytest.raises(RejectedError, match="the guard says no"):
        guarded_desk.transfer.import_tickets(BytesIO(b'{"subject": "x"}'), action_by=ANN)
    assert last(guarded_desk) == ""


@define
class SecondThoughts:
    """Has nothing against a change at first, and refuses it when asked again."""

    asked: set[str] = field(factory=set)

    @hookimpl
    def ticketcore_validate(self, change: Change) -> list[Problem]:
        subject = change.after.subject
        refused = subject == "late" and subject in self.asked
        self.asked.add(subject)
        return [Problem("", "not any more")] if refused else []


def test_tickets_of_a_file_that_is_refused_half_way_are_no_turns(
    make_config: Callable[..., Config], store_url: str
) -> None:
    with open_desk(make_config(store_url), plugins={"second-thoughts": SecondThoughts()}) as desk:
        add(desk, "round_robin")
        file = b'{"subject": "early"}\n{"subject": "late"}\n{"subject": "later"}'
        with pytest.raises(RejectedError, match=r"line 2: not any more .*0 tickets were imported before it"):
            desk.transfer.import_tickets(BytesIO(file), action_by=ANN)
        assert desk.queries.get_tickets_by_filter() == []
        assert last(desk) == ""
