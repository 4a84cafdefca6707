"""Policies that amend: what becomes of a change, what its history says, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ticketcore.desk import Desk
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import NotFoundError, RejectedError

ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Module = Callable[[str], Any]


def amend(answer: str, condition: str = "True", priority: int = 100) -> str:
    return f"""
    SEEN = []

    @hookimpl(priority={priority})
    def ticketcore_amend(change, action_by):
        SEEN.append(change)
        before, after = change.before, change.after
        if {condition}:
            return {answer}
    """


def trail(desk: Desk) -> list[tuple[str, str, str | None, str | None, str]]:
    """Return the history of ticket 1, after its first row."""
    rows = desk.queries.get_history(1)
    assert desk.queries.verify_history(1) == []
    return [(row.action, row.field, row.old_value, row.new_value, row.note) for row in rows[1:]]


UPDATING = "before is not None"


# What can be amended


def test_a_new_ticket_is_amended_and_its_deadlines_follow(
    make_desk: MakeDesk, store_url: str, install: Install
) -> None:
    install(
        "urgent",
        amend('{"priority": "CRITICAL", "project": " desk  top ", "watchers": [EVE, EVE]}').replace("EVE", f'"{EVE}"'),
    )
    desk = make_desk(store_url)
    bob = desk.people.add_person("Bob", BOB)
    ticket = desk.tickets.create("Printer", requested_by=ANN, assigned_to=BOB, action_by=ANN)
    assert (ticket.priority, ticket.project, ticket.watchers) == ("CRITICAL", "desk top", (EVE,))
    assert ticket.sla_response_deadline == ticket.created_date + timedelta(minutes=15)
    assert desk.tickets.read(1) == ticket
    created, assigned = desk.queries.get_history(1)
    assert '"priority": "CRITICAL"' in (created.new_value or "")
    assert created.note == "amended by the policy urgent: priority, project, watchers"
    assert (assigned.new_value, assigned.note) == (bob.person_guid, "")
    assert EVE in [message.recipient for message in desk.notifications.list_outbox()]


def test_an_update_is_amended_and_its_deadlines_follow(make_desk: MakeDesk, store_url: str, install: Install) -> None:
    install("urgent", amend('{"priority": "HIGH"}', UPDATING))
    desk = make_desk(store_url)
    desk.tickets.create("Printer", priority="LOW", requested_by=ANN, action_by=ANN)
    ticket = desk.tickets.update(1, subject="Printer on fire", action_by=ANN)
    assert (ticket.priority, ticket.subject) == ("HIGH", "Printer on fire")
    assert ticket.sla_response_deadline == ticket.created_date + timedelta(hours=1)
    assert trail(desk) == [
        ("UPDATED", "subject", "Printer", "Printer on fire", ""),
        ("UPDATED", "priority", "LOW", "HIGH", "amended by the policy urgent"),
    ]


def test_comments_moves_and_watchers_are_amended_too(make_desk: MakeDesk, store_url: str, install: Install) -> None:
    install("counting", amend('{"project": f"{after.project}x"}', UPDATING))
    desk = make_desk(store_url)
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    desk.comments.add_comment(1, "On my way", commented_by=BOB)
    desk.tickets.change_status(1, "TRIAGED", action_by=BOB)
    desk.tickets.add_watcher(1, BOB, action_by=BOB)
    assert desk.tickets.read(1).project == "xxx"
    assert [action for action, *_ in trail(desk)] == [
        *("COMMENT_ADDED", "UPDATED"),
        *("STATUS_CHANGE", "UPDATED"),
        *("WATCHER_ADDED", "UPDATED"),
    ]


def test_what_is_no_change_is_not_amended(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module
) -> None:
    install("urgent", amend('{"priority": "HIGH"}', UPDATING))
    desk = make_desk(store_url)
    made = desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert desk.tickets.update(1, subject="Printer", action_by=ANN) == made
    assert len(module("urgent").SEEN) == 1


@pytest.mark.parametrize("typed", [BOB, "BOB@example.com", "bobby", " bobby "])
def test_an_assignee_is_resolved_to_a_person(make_desk: MakeDesk, store_url: str, install: Install, typed: str) -> None:
    install("assigning", amend(f'{{"assigned_to": "{typed}"}}'))
    desk = make_desk(store_url)
    bob = desk.people.add_person("Bob", BOB, "bobby")
    ticket = desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert ticket.assigned_to == bob.person_guid
    assert trail(desk) == [("ASSIGNED", "", None, bob.person_guid, "amended by the policy assigning")]
    assert BOB in [message.recipient for message in desk.notifications.list_outbox()]


def test_an_amended_assignment_is_announced_as_what_it_became(
    make_desk: MakeDesk, store_url: str, install: Install
) -> None:
    install("assigning", amend(f'{{"assigned_to": "{BOB}"}}', UPDATING))
    desk = make_desk(store_url)
    bob = desk.people.add_person("Bob", BOB)
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    ticket = desk.tickets.assign(1, "Eve", action_by=ANN)
    assert ticket.assigned_to == bob.person_guid
    assert trail(desk) == [("ASSIGNED", "assigned_to", None, bob.person_guid, "amended by the policy assigning")]
    told = [one for one in desk.notifications.list_outbox() if one.notify_code == "ASSIGNED"]
    assert [one.recipient for one in told] == [ANN, BOB]
    assert all('"assigned to Bob"' in one.payload for one in told)


@pytest.mark.parametrize("wanted", ["before.assigned_to", "''"], ids=["as before", "nobody"])
def test_an_assignment_that_is_undone_is_not_announced(
    make_desk: MakeDesk, store_url: str, install: Install, wanted: str
) -> None:
    install("undoing", amend(f'{{"assigned_to": {wanted}, "project": "x"}}', UPDATING))
    desk = make_desk(store_url)
    desk.tickets.create("Printer", requested_by=ANN, assigned_to="Bob", action_by=ANN)
    ticket = desk.tickets.assign(1, "Eve", action_by=ANN)
    assert (ticket.assigned_to, ticket.project) == ("Bob" if "before" in wanted else "", "x")
    assert [one.notify_code for one in desk.notifications.list_outbox()] == ["CREATED"]


def test_several_policies_see_what_those_before_made_of_it(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module
) -> None:
    add = '{"project": f"{after.project}%s", "priority": "%s"}'
    install("zebra", amend(add % ("z", "LOW"), UPDATING))
    install("aardvark", amend(add % ("a", "HIGH"), UPDATING))
    install("late", amend('{"project": f"{after.project}!"}', UPDATING, priority=101))
    install("early", amend('{"subject": "Early"}', UPDATING, priority=1))
    desk = make_desk(store_url)
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    ticket = desk.tickets.update(1, subject="Printer on fire", project="p", action_by=ANN)
    assert (ticket.subject, ticket.project, ticket.priority) == ("Early", "paz!", "LOW")
    seen = {name: module(name).SEEN[-1].after.project for name in ("early", "aardvark", "zebra", "late")}
    assert seen == {"early": "p", "aardvark": "p", "zebra": "pa", "late": "paz"}
    assert sorted(trail(desk)) == [
        ("UPDATED", "priority", "MEDIUM", "LOW", "amended by the policy zebra"),
        ("UPDATED", "project", "", "paz!", "amended by the policy late"),
        ("UPDATED", "subject", "Printer", "Early", "amended by the policy early"),
    ]


def test_the_history_of_a_new_ticket_names_every_policy(make_desk: MakeDesk, install: Install) -> None:
    install("one", amend('{"project": "p"}'))
    install("two", amend('{"priority": "HIGH"}'))
    desk = make_desk("memory:")
    desk.tickets.create("Printer", action_by=ANN)
    (row,) = desk.queries.get_history(1)
    assert row.note == "amended by the policy one: project; amended by the policy two: priority"


def test_the_history_tells_watchers_of_policies_from_those_of_people(
    make_desk: MakeDesk, store_url: str, install: Install
) -> None:
    install("one", amend(f'{{"watchers": [*after.watchers, "{BOB}"]}}', UPDATING))
    install("two", amend(f'{{"watchers": [one for one in after.watchers if one != "{ANN}"]}}', UPDATING))
    desk = make_desk(store_url)
    desk.tickets.create("Printer", watchers=[ANN], action_by=ANN)
    ticket = desk.tickets.add_watcher(1, EVE, action_by=ANN)
    assert ticket.watchers == (EVE, BOB)
    assert trail(desk) == [
        ("WATCHER_ADDED", "watchers", None, EVE, ""),
        ("WATCHER_ADDED", "watchers", None, BOB, "amended by the policy one"),
        ("WATCHER_REMOVED", "watchers", ANN, None, "amended by the policy two"),
    ]


def test_what_is_amended_back_is_no_history(make_desk: MakeDesk, store_url: str, install: Install) -> None:
    install("keeping", amend('{"priority": before.priority, "watchers": before.watchers}', UPDATING))
    desk = make_desk(store_url)
    made = desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    ticket = desk.tickets.update(1, subject="Printer on fire", priority="HIGH", action_by=ANN)
    assert ticket.priority == "MEDIUM"
    assert trail(desk) == [("UPDATED", "subject", "Printer", "Printer on fire", "")]
    assert ticket.sla_response_deadline == made.sla_response_deadline
    assert desk.tickets.update(1, priority="HIGH", action_by=ANN) == ticket  # nothing is left of it
    assert desk.tickets.add_watcher(1, EVE, action_by=ANN) == ticket
    assert len(trail(desk)) == 1


def test_what_is_amended_of_a_ticket_leaves_the_history_of_its_tasks_alone(
    make_desk: MakeDesk, install: Install
) -> None:
    install("taking", amend(f'{{"assigned_to": "{EVE}"}}', "action_by == 'ann'"))
    desk = make_desk("memory:")
    desk.tickets.create("Printer", action_by=BOB)
    task = desk.tasks.add_task(1, "Paper", assigned_to=ANN, action_by=BOB)
    cancelled = desk.tasks.cancel_task(task.guid, action_by=BOB)
    with desk.repository.transaction() as tx:
        tx.save(evolve(cancelled, assigned_to=BOB))
    assert desk.versions.restore_version(1, 2, action_by="ann").assigned_to == EVE
    assert trail(desk)[-3:] == [
        ("TASK_CHANGED", "assigned_to", BOB, ANN, "Paper"),
        ("TASK_CHANGED", "status", "CANCELLED", "OPEN", "Paper"),
        ("ASSIGNED", "assigned_to", None, EVE, "amended by the policy taking"),
    ]


def test_what_was_amended_is_validated(make_desk: MakeDesk, store_url: str, install: Install) -> None:
    validate = """
    @hookimpl
    def ticketcore_validate(change):
        if change.after.priority == "HIGH" and not change.after.sla_response_deadline:
            yield Problem("", "no deadline")
        if change.after.project == "secret":
            yield Problem("project", "is secret")
    """
    install("urgent", amend('{"priority": "HIGH", "project": "secret" if after.subject == "S" else ""}') + validate)
    desk = make_desk(store_url)
    assert desk.tickets.create("Printer", action_by=ANN).priority == "HIGH"
    with pytest.raises(RejectedError, match="project: is secret"):
        desk.tickets.create("S", action_by=ANN)


# What is refused

WRONG = {
    "vocabulary": ('{"priority": "URGENT"}', "priority: 'URGENT' is not known; choose one of CRITICAL, HIGH"),
    "no text": ('{"description": 5}', "description: must be text, not int"),
    "none": ('{"project": None}', "project: must be text, not NoneType"),
    "empty": ('{"subject": " "}', "subject: must not be empty"),
    "too long": ('{"project": "x" * 256}', "project: has 256 characters; at most 255 are allowed"),
    "zero byte": ('{"description": "\\0"}', "description: holds a character that is no text"),
    "half a pair": ('{"assigned_to": "\\ud800"}', "assigned_to: holds a character that is no text"),
    "assignee": ('{"assigned_to": 5}', "assigned_to: must be text, not int"),
    "address": ('{"watchers": ["nobody"]}', "watchers: "),
    "watchers as text": ('{"watchers": "a@example.com"}', "watchers: must be a list of addresses, not str"),
    "no watchers": ('{"watchers": None}', "watchers: must be a list of addresses, not NoneType"),
    "too many watchers": ('{"watchers": [f"{n}@example.com" for n in range(9000)]}', "watchers: are too many"),
    "requester": ('{"requested_by_type": "EMAIL", "requested_by": "nobody"}', "requested_by: "),
    "package": ('{"package": "OTHER"}', "package: cannot be amended; what can: subject, description"),
    "status": ('{"status": "CLOSED"}', "status: cannot be amended"),
    "unknown": ('{"colour": "red"}', "colour: cannot be amended"),
    "key is no text": ('{5: "red"}', "5: cannot be amended"),
}  # fmt: skip
FAILING = {
    "raises": ("1 / 0", "the policy odd failed (ZeroDivisionError: division by zero), so the change is refused"),
    "exits": ("__import__('sys').exit(3)", "the policy odd failed (SystemExit: 3), so the change is refused"),
    "text": ("'HIGH'", "the policy odd failed (TypeError: it must return values by field, or None, not 'HIGH'), so"),
    "number": ("5", "the policy odd failed (TypeError: it must return values by field, or None, not 5), so"),
    "false": ("False", "the policy odd failed (TypeError: it must return values by field, or None, not False), so"),
    "pairs": ("[('priority', 'HIGH')]", "the policy odd failed (TypeError: it must return values by field"),
    "mapping that raises": (
        "type('M', (dict,), {'items': lambda self: 1 / 0})(a=1)",
        "the policy odd failed (ZeroDivisionError: division by zero), so the change is refused",
    ),
    "value that dies half-way": (
        '{"watchers": (1 / (1 - number) for number in range(3))}',
        "a value of the policy odd cannot be used (ZeroDivisionError: division by zero)",
    ),
    "value that cannot be compared": (
        '{"priority": type("P", (), {"__eq__": lambda *_: 1 / 0, "__hash__": lambda *_: 1 / 0})()}',
        "a value of the policy odd cannot be used (ZeroDivisionError: division by zero)",
    ),
}


def refused(desk: Desk, made: Ticket) -> RejectedError:
    """Check that neither a new ticket nor an update gets through, and return what was said of the update."""
    before = (desk.queries.get_history(1), desk.notifications.list_outbox())
    with pytest.raises(RejectedError):
        desk.tickets.create("Odd", requested_by=ANN, action_by=ANN)
    with pytest.raises(NotFoundError):
        desk.tickets.read(2)
    with pytest.raises(RejectedError) as caught:
        desk.tickets.update(1, subject="Odd", action_by=ANN)
    assert desk.tickets.read(1) == made
    assert (desk.queries.get_history(1), desk.notifications.list_outbox()) == before
    return caught.value


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_refuses_and_names_the_policy(
    make_desk: MakeDesk, store_url: str, install: Install, case: str
) -> None:
    answer, reason = WRONG[case]
    install("odd", amend(answer, "after.subject == 'Odd'"))
    desk = make_desk(store_url)
    made = desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    (problem,) = refused(desk, made).problems
    assert str(problem).startswith(reason)
    assert problem.message.endswith(" (a value of the policy odd)")


@pytest.mark.parametrize("case", FAILING)
def test_a_policy_that_fails_refuses(make_desk: MakeDesk, store_url: str, install: Install, case: str) -> None:
    answer, reason = FAILING[case]
    install("odd", amend(answer, "after.subject == 'Odd'"))
    desk = make_desk(store_url)
    made = desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    (problem,) = refused(desk, made).problems
    assert str(problem).startswith(reason)


def test_everything_that_is_wrong_is_said_at_once(make_desk: MakeDesk, install: Install) -> None:
    validate = "\n    @hookimpl\n    def ticketcore_validate():\n        yield Problem('', 'never')\n"
    install("aardvark", amend('{"priority": "URGENT", "colour": "red"}'))
    install("bear", amend("1 / 0"))
    install("zebra", amend('{"subject": ""}') + validate)
    with pytest.raises(RejectedError) as caught:
        make_desk("memory:").tickets.create("Printer", action_by=ANN)
    assert [(problem.field, problem.message.partition(" (")[0][:28]) for problem in caught.value.problems] == [
        ("colour", "cannot be amended; what can:"),
        ("priority", "'URGENT' is not known; choos"),
        ("", "the policy bear failed"),
        ("subject", "must not be empty"),
        ("", "never"),
    ]


def test_a_failure_is_said_also_where_another_policy_undoes_the_change(make_desk: MakeDesk, install: Install) -> None:
    install("failing", amend("1 / 0", UPDATING))
    install("undoing", amend('{"subject": before.subject}', UPDATING))
    desk = make_desk("memory:")
    desk.tickets.create("Printer", action_by=ANN)
    with pytest.raises(RejectedError, match="the policy failing failed"):
        desk.tickets.update(1, subject="Printer on fire", action_by=ANN)
