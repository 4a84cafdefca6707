"""Tickets through a desk, on both stores: every operation, what it leaves behind, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import SlaSection, WorkflowSection
from ticketcore.desk import Desk
from ticketcore.domain.ticket import ACTIVE, Status, Ticket
from ticketcore.domain.workflow import DEFAULT, STRICT, declare
from ticketcore.errors import ConflictError, InvalidTransitionError, NotFoundError, RejectedError

ANN = "ann@example.com"
BOB = "bob@example.com"


@pytest.fixture
def ticket(desk: Desk) -> Ticket:
    return desk.tickets.create("Printer on fire", requested_by=ANN, action_by=ANN)


@pytest.fixture
def state(desk: Desk) -> Callable[[Ticket], tuple[Any, ...]]:
    """Return a function that says everything that is stored about a ticket."""

    def of(ticket: Ticket) -> tuple[Any, ...]:
        return (
            desk.tickets.read(ticket.guid),
            desk.queries.get_history(ticket.guid),
            desk.comments.get_comments(ticket.guid, include_internal=True),
            desk.notifications.list_outbox(),
        )

    return of


def actions(desk: Desk, ticket: Ticket) -> list[str]:
    return [row.action for row in desk.queries.get_history(ticket.guid)]


def events(desk: Desk) -> list[str]:
    return [message.notify_code for message in desk.notifications.list_outbox()]


def fields_of(error: RejectedError) -> set[str]:
    return {problem.field for problem in error.problems}


def walk(desk: Desk, ticket: Ticket, *statuses: str) -> Ticket:
    for status in statuses:
        ticket = desk.tickets.change_status(ticket.guid, status, action_by=BOB)
    return ticket


# create


def test_a_ticket_needs_no_more_than_a_subject(desk: Desk, clock: PlayedClock) -> None:
    made = desk.tickets.create("Printer on fire", action_by=ANN)
    now = clock.now()
    assert (made.ticket_number, made.row_version) == (1, 1)
    assert (made.package, made.project, made.description) == ("CORE", "", "")
    assert (made.status, made.priority, made.ticket_type) == ("NEW", "MEDIUM", "USER")
    assert (made.requested_by, made.requested_by_type, made.assigned_to) == (ANN, "INTERNAL", "")
    assert (made.created_date, made.updated_date) == (now, now)
    assert (made.resolved_date, made.closed_date, made.estimated_date) == (None, None, None)
    assert (made.watchers, made.merged_guids) == ((), ())
    assert made.sla_response_deadline == now + timedelta(hours=4)
    assert made.sla_resolution_deadline == now + timedelta(hours=24)
    assert (made.sla_response_met, made.sla_resolution_met, made.sla_paused_at) == (None, None, None)
    assert desk.tickets.read(made.guid) == made


def test_every_field_that_is_given_is_stored(desk: Desk) -> None:
    made = desk.tickets.create(
        "  Printer\non   fire ",
        description="Smoke.\n\nMuch smoke. 😀 naïve\n",
        package="homechoice",
        project="INFRA",
        priority="CRITICAL",
        ticket_type="BUG",
        requested_by=" Bob@Example.com ",
        requested_by_type="EMAIL",
        assigned_to="the night shift",
        watchers=["W1@example.com", "w2@example.com", "w1@Example.com"],
        eta_date="2026-05-01",
        action_by=ANN,
    )
    stored = desk.tickets.read(made.guid)
    assert stored == made
    assert stored.subject == "Printer on fire"
    assert stored.description == "Smoke.\n\nMuch smoke. 😀 naïve\n"
    assert (stored.package, stored.project) == ("homechoice", "INFRA")
    assert (stored.priority, stored.ticket_type) == ("CRITICAL", "BUG")
    assert (stored.requested_by, stored.requested_by_type) == (BOB, "EMAIL")
    assert stored.assigned_to == "the night shift"
    assert stored.watchers == ("w1@example.com", "w2@example.com")
    assert stored.estimated_date == datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)


def test_the_history_of_a_new_ticket_holds_what_it_was_made_from(desk: Desk) -> None:
    made = desk.tickets.create("Printer", project="INFRA", assigned_to=BOB, action_by=ANN)
    created, assigned = desk.queries.get_history(made)
    initial = json.loads(created.new_value or "")
    assert (created.action, created.seq, created.action_by, created.package) == ("CREATED", 1, ANN, "CORE")
    assert (initial["subject"], initial["project"], initial["status"]) == ("Printer", "INFRA", "NEW")
    assert (assigned.action, assigned.seq, assigned.new_value) == ("ASSIGNED", 2, BOB)


def test_numbers_count_up_and_a_refused_ticket_leaves_nothing(desk: Desk) -> None:
    first = desk.tickets.create("one", action_by=ANN)
    with pytest.raises(RejectedError):
        desk.tickets.create("", action_by=ANN)
    second = desk.tickets.create("two", action_by=ANN)
    assert first.ticket_number < second.ticket_number
    assert [ticket.subject for ticket in desk.queries.get_tickets_by_filter()] == ["one", "two"]


@pytest.mark.parametrize(
    ("priority", "response", "resolution"),
    [("CRITICAL", 15, 240), ("HIGH", 60, 480), ("LOW", 480, 4320), ("INFO", 1440, 10080)],
)
def test_deadlines_follow_the_priority(desk: Desk, priority: str, response: int, resolution: int) -> None:
    made = desk.tickets.create("x", priority=priority, action_by=ANN)
    assert made.sla_response_deadline == made.created_date + timedelta(minutes=response)
    assert made.sla_resolution_deadline == made.created_date + timedelta(minutes=resolution)


def test_a_policy_comes_before_the_defaults_and_the_package_before_any(desk: Desk) -> None:
    desk.sla.set_sla("", "LOW", response_minutes=7, resolution_minutes=70, action_by=ANN)
    desk.sla.set_sla("CORE", "LOW", response_minutes=5, resolution_minutes=50, action_by=ANN)
    desk.sla.set_sla("CORE", "LOW", response_minutes=3, resolution_minutes=30, ticket_type="BUG", action_by=ANN)

    def minutes(package: str, ticket_type: str) -> float:
        made = desk.tickets.create("x", package=package, ticket_type=ticket_type, priority="LOW", action_by=ANN)
        assert made.sla_response_deadline is not None
        return (made.sla_response_deadline - made.created_date).total_seconds() / 60

    assert [minutes("CORE", "BUG"), minutes("CORE", "USER"), minutes("OTHER", "BUG")] == [3, 5, 7]


def test_without_terms_there_are_no_deadlines(make_desk: Callable[..., Desk], store_url: str) -> None:
    desk = make_desk(store_url, sla=SlaSection(defaults={}))
    made = desk.tickets.create("x", action_by=ANN)
    assert (made.sla_response_deadline, made.sla_resolution_deadline) == (None, None)
    solved = walk(desk, made, "TRIAGED", "IN_PROGRESS", "RESOLVED")
    assert (solved.sla_response_met, solved.sla_resolution_met) == (None, None)


# auto-assign


RULES = [
    (1, {"project": "INFRA", "priority": "HIGH", "ticket_type": "BUG"}),
    (2, {"project": "INFRA", "priority": "HIGH"}),
    (2, {"project": "INFRA", "ticket_type": "BUG"}),
    (3, {"project": "INFRA"}),
    (4, {"priority": "HIGH", "ticket_type": "BUG"}),
    (4, {"priority": "HIGH"}),
    (4, {"ticket_type": "BUG"}),
    (5, {}),
]


def test_the_most_specific_rule_gets_the_ticket_level_by_level(desk: Desk) -> None:
    rules = [
        (
            level,
            desk.rules.auto_assign_add_rule(package, f"{package or 'any'}{i}@example.com", **filters, action_by=ANN),
        )
        for package in ("", "CORE")
        for i, (level, filters) in reversed(list(enumerate(RULES)))
    ]
    for level, rule in reversed(rules):
        made = desk.tickets.create("x", project="INFRA", priority="HIGH", ticket_type="BUG", action_by=ANN)
        assert made.assigned_to == rule.assign_to
        row = desk.queries.get_history(made)[-1]
        assert (row.action, row.note) == ("ASSIGNED", f"auto-assigned by rule {rule.id} (level {level})")
        desk.rules.auto_assign_remove_rule(rule.id, action_by=ANN)
    assert desk.tickets.create("x", project="INFRA", priority="HIGH", action_by=ANN).assigned_to == ""


def test_on_equal_terms_the_oldest_rule_wins_and_a_named_assignee_beats_all(desk: Desk) -> None:
    desk.rules.auto_assign_add_rule("CORE", "first@example.com", action_by=ANN)
    desk.rules.auto_assign_add_rule("CORE", "second@example.com", action_by=ANN)
    assert desk.tickets.create("x", action_by=ANN).assigned_to == "first@example.com"
    assert desk.tickets.create("x", assigned_to="me", action_by=ANN).assigned_to == "me"
    assert desk.tickets.create("x", package="OTHER", action_by=ANN).assigned_to == ""


def test_a_rule_for_a_known_person_stores_the_guid_and_tells_only_of_the_creation(desk: Desk) -> None:
    person = desk.people.add_person("Ops", "ops@example.com", action_by=ANN)
    desk.rules.auto_assign_add_rule("", "OPS@example.com", action_by=ANN)
    made = desk.tickets.create("x", requested_by=ANN, action_by=ANN)
    assert made.assigned_to == person.person_guid
    assert [(m.notify_code, m.recipient) for m in desk.notifications.list_outbox()] == [
        ("CREATED", ANN),
        ("CREATED", "ops@example.com"),
    ]


# read


def test_a_ticket_is_found_by_guid_number_text_and_record(desk: Desk, ticket: Ticket) -> None:
    number = ticket.ticket_number
    for reference in (ticket.guid, f" {ticket.guid} ", number, str(number), f"00{number}", ticket):
        assert desk.tickets.read(reference) == ticket
    assert desk.tickets.read_by_number(number) == ticket


@pytest.mark.parametrize(
    "reference",
    ["nothing", "", 0, 99, "99", -1, 2**63, str(2**63), "²", "1 2", "9" * 5000, -(2**70)],
    ids=lambda value: f"{type(value).__name__}-{str(value)[:24]}",
)
def test_what_does_not_exist_is_not_found_which_is_a_value_error(
    desk: Desk, ticket: Ticket, reference: str | int
) -> None:
    with pytest.raises(NotFoundError) as caught:
        desk.tickets.read(reference)
    assert isinstance(caught.value, ValueError)
    assert (caught.value.kind, caught.value.key) == ("ticket", reference)


def test_a_reference_that_is_no_text_at_all_is_not_found(desk: Desk, ticket: Ticket) -> None:
    with pytest.raises(NotFoundError):
        desk.tickets.read("\udcff")


def test_every_operation_asks_for_a_ticket_that_exists(desk: Desk) -> None:
    calls: list[Callable[[], object]] = [
        lambda: desk.tickets.update("no", subject="x", action_by=ANN),
        lambda: desk.tickets.change_status("no", "TRIAGED", action_by=ANN),
        lambda: desk.tickets.resolve("no", action_by=ANN),
        lambda: desk.tickets.close("no", action_by=ANN),
        lambda: desk.tickets.escalate("no", action_by=ANN),
        lambda: desk.tickets.escalate_due("no", action_by=ANN),
        lambda: desk.tickets.cancel("no", action_by=ANN),
        lambda: desk.tickets.reopen("no", action_by=ANN),
        lambda: desk.tickets.assign("no", "x", action_by=ANN),
        lambda: desk.tickets.add_watcher("no", ANN, action_by=ANN),
        lambda: desk.tickets.remove_watcher("no", ANN, action_by=ANN),
        lambda: desk.tickets.get_watchers("no"),
        lambda: desk.comments.add_comment("no", "x", commented_by=ANN),
        lambda: desk.comments.get_comments("no"),
        lambda: desk.queries.get_history("no"),
        lambda: desk.queries.verify_history("no"),
        lambda: desk.queries.get_tickets_by_filter(after="no"),
    ]
    for call in calls:
        with pytest.raises(NotFoundError):
            call()
    assert desk.notifications.list_outbox() == []


# update


def test_an_update_leaves_one_row_for_each_field_and_tells_nobody(
    desk: Desk, ticket: Ticket, clock: PlayedClock
) -> None:
    clock.advance(minutes=5)
    told = len(events(desk))
    changed = desk.tickets.update(ticket, subject="Smoke", description="much", project="INFRA", action_by=BOB)
    rows = desk.queries.get_history(ticket.guid)[1:]
    assert {(r.action, r.field, r.old_value, r.new_value, r.action_by) for r in rows} == {
        ("UPDATED", "subject", "Printer on fire", "Smoke", BOB),
        ("UPDATED", "description", "", "much", BOB),
        ("UPDATED", "project", "", "INFRA", BOB),
    }
    assert (changed.subject, changed.description, changed.project) == ("Smoke", "much", "INFRA")
    assert (changed.row_version, changed.updated_date) == (2, clock.now())
    assert desk.tickets.read(ticket.guid) == changed
    assert len(events(desk)) == told


def test_an_update_that_changes_nothing_leaves_nothing(
    desk: Desk, ticket: Ticket, clock: PlayedClock, state: Callable[[Ticket], tuple[Any, ...]]
) -> None:
    before = state(ticket)
    clock.advance(minutes=5)
    assert desk.tickets.update(ticket, subject=" Printer  on fire", priority="MEDIUM", action_by=BOB) == ticket
    assert desk.tickets.update(ticket, action_by=BOB) == ticket
    assert state(ticket) == before


def test_a_new_priority_brings_new_deadlines_counted_from_the_creation(
    desk: Desk, ticket: Ticket, clock: PlayedClock
) -> None:
    clock.advance(hours=1)
    changed = desk.tickets.update(ticket, priority="CRITICAL", action_by=BOB)
    assert changed.sla_response_deadline == ticket.created_date + timedelta(minutes=15)
    assert changed.sla_resolution_deadline == ticket.created_date + timedelta(hours=4)
    assert desk.queries.get_overdue_tickets() == [changed]


def test_a_new_package_and_type_bring_their_deadlines(desk: Desk, ticket: Ticket) -> None:
    desk.sla.set_sla(
        "homechoice", "MEDIUM", response_minutes=5, resolution_minutes=50, ticket_type="BUG", action_by=ANN
    )
    changed = desk.tickets.update(ticket, package="homechoice", ticket_type="BUG", action_by=BOB)
    assert changed.sla_response_deadline == ticket.created_date + timedelta(minutes=5)
    assert desk.queries.get_history(ticket)[-1].package == "homechoice"


def test_a_target_missed_under_old_terms_but_not_under_the_new_ones_is_not_missed(
    desk: Desk, ticket: Ticket, clock: PlayedClock
) -> None:
    clock.advance(hours=25)
    solved = walk(desk, ticket, "TRIAGED", "IN_PROGRESS", "RESOLVED")
    assert (solved.sla_response_met, solved.sla_resolution_met) == (False, False)
    softer = desk.tickets.update(solved, priority="INFO", action_by=BOB)
    assert (softer.sla_response_met, softer.sla_resolution_met) == (False, True)


def test_a_requester_who_becomes_an_address_must_be_one(desk: Desk) -> None:
    made = desk.tickets.create("x", requested_by="somebody", action_by=ANN)
    with pytest.raises(RejectedError) as caught:
        desk.tickets.update(made, requested_by_type="EMAIL", action_by=ANN)
    assert fields_of(caught.value) == {"requested_by"}
    changed = desk.tickets.update(made, requested_by_type="EMAIL", requested_by="B@Example.com", action_by=ANN)
    assert (changed.requested_by, changed.requested_by_type) == ("b@example.com", "EMAIL")


# moves


PATHS: dict[Status, tuple[str, ...]] = {
    Status.NEW: (),
    Status.TRIAGED: ("TRIAGED",),
    Status.IN_PROGRESS: ("TRIAGED", "IN_PROGRESS"),
    Status.ON_HOLD: ("TRIAGED", "IN_PROGRESS", "ON_HOLD"),
    Status.ESCALATED: ("TRIAGED", "IN_PROGRESS", "ESCALATED"),
    Status.RESOLVED: ("TRIAGED", "IN_PROGRESS", "RESOLVED"),
    Status.CLOSED: ("TRIAGED", "IN_PROGRESS", "RESOLVED", "CLOSED"),
    Status.CANCELLED: ("CANCELLED",),
}
CODES = {Status.RESOLVED: "RESOLVED", Status.CLOSED: "CLOSED", Status.ESCALATED: "ESCALATED"}


@pytest.mark.parametrize("wanted", list(Status))
@pytest.mark.parametrize("source", list(Status))
def test_every_move_is_made_or_refused_as_the_workflow_says(
    desk: Desk, ticket: Ticket, state: Callable[[Ticket], tuple[Any, ...]], source: Status, wanted: Status
) -> None:
    walk(desk, ticket, *PATHS[source])
    before = state(ticket)
    if wanted not in DEFAULT.allowed(source):
        with pytest.raises(InvalidTransitionError) as caught:
            desk.tickets.change_status(ticket.guid, wanted, action_by=BOB)
        assert (caught.value.status, caught.value.wanted) == (source, wanted)
        assert set(caught.value.allowed) == set(DEFAULT.allowed(source))
        assert state(ticket) == before
        return
    made = desk.tickets.change_status(ticket.guid, wanted, action_by=BOB, notes="because")
    assert made.status is wanted
    row = desk.queries.get_history(ticket.guid)[-1]
    assert (row.action, row.field, row.old_value, row.new_value) == ("STATUS_CHANGE", "status", source, wanted)
    assert (row.note, row.action_by) == ("because", BOB)
    new = desk.notifications.list_outbox()[len(before[3]) :]
    assert [(m.notify_code, m.recipient) for m in new] == [(CODES.get(wanted, "STATUS_CHANGED"), ANN)]
    assert desk.queries.verify_history(ticket.guid) == []


def test_finishing_sets_the_dates_and_reopening_clears_them(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    walk(desk, ticket, "TRIAGED", "IN_PROGRESS")
    resolved_at = clock.advance(hours=1)
    solved = desk.tickets.resolve(ticket.guid, action_by=BOB, notes="cable")
    assert (solved.resolved_date, solved.closed_date, solved.sla_resolution_met) == (resolved_at, None, True)
    closed_at = clock.advance(hours=1)
    closed = desk.tickets.close(solved, action_by=ANN)
    assert (closed.status, closed.resolved_date, closed.closed_date) == ("CLOSED", resolved_at, closed_at)
    clock.advance(hours=1)
    again = desk.tickets.reopen(closed, action_by=ANN, reason="still smoking")
    assert (again.status, again.resolved_date, again.closed_date) == ("IN_PROGRESS", None, None)
    assert again.sla_resolution_met is None
    # What passed while it was finished does not count.
    assert solved.sla_resolution_deadline is not None
    assert again.sla_resolution_deadline == solved.sla_resolution_deadline + timedelta(hours=2)
    assert desk.queries.get_history(ticket)[-1].note == "still smoking"


def test_cancelling_keeps_the_dates_and_is_final(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    solved = walk(desk, ticket, *PATHS[Status.RESOLVED])
    cancelled = desk.tickets.cancel(solved, action_by=BOB, reason="never mind")
    assert (cancelled.status, cancelled.resolved_date) == ("CANCELLED", clock.now())
    with pytest.raises(InvalidTransitionError) as caught:
        desk.tickets.cancel(cancelled, action_by=BOB)
    assert caught.value.allowed == ()
    with pytest.raises(RejectedError):
        desk.tickets.reopen(cancelled, action_by=BOB)


@pytest.mark.parametrize("status", ACTIVE)
def test_only_what_is_finished_can_be_reopened(desk: Desk, ticket: Ticket, status: Status) -> None:
    there = walk(desk, ticket, *PATHS[status])
    with pytest.raises(RejectedError, match="only a RESOLVED or CLOSED"):
        desk.tickets.reopen(there, action_by=BOB)
    assert desk.tickets.read(ticket.guid) == there


def test_escalating_says_why_and_work_goes_on_from_there(desk: Desk, ticket: Ticket) -> None:
    escalated = desk.tickets.escalate(ticket, action_by=BOB, reason="the boss called")
    assert escalated.status == "ESCALATED"
    assert desk.queries.get_history(ticket)[-1].note == "the boss called"
    assert walk(desk, escalated, "IN_PROGRESS").status == "IN_PROGRESS"


def test_done_exactly_at_the_deadline_is_met_and_a_microsecond_later_is_not(desk: Desk, clock: PlayedClock) -> None:
    first, second = (desk.tickets.create("x", action_by=ANN) for _ in range(2))
    for ticket in (first, second):
        walk(desk, ticket, "TRIAGED", "IN_PROGRESS")
    assert first.sla_resolution_deadline is not None
    clock.set(first.sla_resolution_deadline)
    assert desk.tickets.resolve(first.guid, action_by=BOB).sla_resolution_met is True
    clock.advance(microseconds=1)
    assert desk.tickets.resolve(second.guid, action_by=BOB).sla_resolution_met is False


def test_hold_time_moves_both_deadlines(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    walk(desk, ticket, "TRIAGED", "IN_PROGRESS")
    clock.advance(hours=1)
    held = walk(desk, ticket, "ON_HOLD")
    assert held.sla_paused_at == clock.now()
    clock.advance(hours=5)
    going = walk(desk, ticket, "IN_PROGRESS")
    assert going.sla_paused_at is None
    assert going.sla_resolution_deadline == ticket.created_date + timedelta(hours=29)


# workflows of the configuration


def test_the_strict_workflow_is_the_diagram_as_drawn(make_desk: Callable[..., Desk], store_url: str) -> None:
    desk = make_desk(store_url, workflow=WorkflowSection(default=STRICT))
    made = desk.tickets.create("x", action_by=ANN)
    with pytest.raises(InvalidTransitionError) as caught:
        desk.tickets.escalate(made, action_by=ANN)
    assert set(caught.value.allowed) == {"TRIAGED", "CANCELLED"}
    solved = walk(desk, made, "TRIAGED", "IN_PROGRESS", "RESOLVED")
    with pytest.raises(InvalidTransitionError):
        desk.tickets.reopen(solved, action_by=ANN)
    assert actions(desk, made) == ["CREATED", "STATUS_CHANGE", "STATUS_CHANGE", "STATUS_CHANGE"]


def test_a_package_has_a_workflow_of_its_own(make_desk: Callable[..., Desk], store_url: str) -> None:
    short, problems = declare(
        "ops",
        {"initial": "TRIAGED", "transitions": {"TRIAGED": ["CLOSED"], "CLOSED": ["TRIAGED"], "*": ["CANCELLED"]}},
    )
    assert short is not None, problems
    desk = make_desk(store_url, workflow=WorkflowSection(packages={"ops": short}))
    ours, theirs = desk.tickets.create("x", package="ops", action_by=ANN), desk.tickets.create("x", action_by=ANN)
    assert (ours.status, theirs.status) == ("TRIAGED", "NEW")
    closed = desk.tickets.close(ours, action_by=ANN)
    assert (closed.status, closed.sla_resolution_met) == ("CLOSED", True)
    with pytest.raises(InvalidTransitionError):
        desk.tickets.close(theirs, action_by=ANN)
    back = desk.tickets.change_status(closed, "TRIAGED", action_by=ANN)
    assert (back.status, back.closed_date, back.sla_resolution_met) == ("TRIAGED", None, None)
    moved_over = desk.tickets.update(theirs, package="ops", action_by=ANN)
    with pytest.raises(InvalidTransitionError) as caught:
        desk.tickets.change_status(moved_over, "TRIAGED", action_by=ANN)
    assert caught.value.status == "NEW"


# assign


def test_address_login_and_guid_mean_the_same_person_and_other_text_stays(desk: Desk) -> None:
    bob = desk.people.add_person("Bob", BOB, username="bob", action_by=ANN)
    for user in (BOB, " BOB@Example.com ", "bob", bob.person_guid):
        made = desk.tickets.create("x", action_by=ANN)
        assert desk.tickets.assign(made, user, action_by=ANN).assigned_to == bob.person_guid
        row = desk.queries.get_history(made)[-1]
        assert (row.action, row.field, row.old_value, row.new_value) == (
            "ASSIGNED",
            "assigned_to",
            None,
            bob.person_guid,
        )
    made = desk.tickets.create("x", action_by=ANN)
    assert desk.tickets.assign(made, " the night  shift ", action_by=ANN).assigned_to == "the night shift"
    assert desk.people.names([bob.person_guid, "the night shift"]) == {
        bob.person_guid: "Bob",
        "the night shift": "the night shift",
    }


def test_a_login_that_looks_like_an_address_means_its_person(desk: Desk) -> None:
    bob = desk.people.add_person("Bob", BOB, username="bob@corp.example", action_by=ANN)
    made = desk.tickets.create("x", action_by=ANN)
    assert desk.tickets.assign(made, "bob@corp.example", action_by=ANN).assigned_to == bob.person_guid


def test_assigning_tells_the_assignee_and_assigning_again_changes_nothing(
    desk: Desk, ticket: Ticket, state: Callable[[Ticket], tuple[Any, ...]]
) -> None:
    desk.people.add_person("Bob", BOB, username="bob", action_by=ANN)
    assigned = desk.tickets.assign(ticket, "bob", action_by=ANN)
    told = [(m.notify_code, m.recipient) for m in desk.notifications.list_outbox()][1:]
    assert told == [("ASSIGNED", ANN), ("ASSIGNED", BOB)]
    assert json.loads(desk.notifications.list_outbox()[-1].payload)["assigned_to"] == "Bob"
    before = state(ticket)
    assert desk.tickets.assign(assigned, BOB, action_by=ANN) == assigned
    assert state(ticket) == before


@pytest.mark.parametrize("user", ["", "  \n ", "x" * 256, "a\x00b", "\ud800"])
def test_an_assignee_must_be_text_that_every_store_can_hold(
    desk: Desk, ticket: Ticket, state: Callable[[Ticket], tuple[Any, ...]], user: str
) -> None:
    before = state(ticket)
    with pytest.raises(RejectedError) as caught:
        desk.tickets.assign(ticket, user, action_by=ANN)
    assert fields_of(caught.value) == {"assigned_to"}
    assert state(ticket) == before


# watchers


def test_watching_twice_is_watching_once(
    desk: Desk, ticket: Ticket, state: Callable[[Ticket], tuple[Any, ...]]
) -> None:
    watched = desk.tickets.add_watcher(ticket, " W@Example.com", action_by=BOB)
    assert watched.watchers == ("w@example.com",)
    before = state(ticket)
    assert desk.tickets.add_watcher(ticket, "w@example.COM", action_by=BOB) == watched
    assert state(ticket) == before
    assert desk.tickets.get_watchers(ticket) == ["w@example.com"]
    assert desk.tickets.remove_watcher(ticket, "W@EXAMPLE.com", action_by=BOB).watchers == ()
    rows = desk.queries.get_history(ticket)[1:]
    assert [(r.action, r.old_value, r.new_value) for r in rows] == [
        ("WATCHER_ADDED", None, "w@example.com"),
        ("WATCHER_REMOVED", "w@example.com", None),
    ]


def test_who_does_not_watch_cannot_be_taken_off(
    desk: Desk, ticket: Ticket, state: Callable[[Ticket], tuple[Any, ...]]
) -> None:
    before = state(ticket)
    for email in ("w@example.com", "no address"):
        with pytest.raises(RejectedError, match="does not watch"):
            desk.tickets.remove_watcher(ticket, email, action_by=BOB)
    with pytest.raises(RejectedError, match="no address"):
        desk.tickets.add_watcher(ticket, "no address", action_by=BOB)
    assert state(ticket) == before


# comments


def test_internal_comments_are_shown_only_on_demand(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    first = desk.comments.add_comment(ticket, "Which printer?\n", commented_by=BOB)
    clock.advance(minutes=1)
    second = desk.comments.add_comment(ticket, "She always says that.", commented_by=BOB, is_internal=True)
    assert desk.comments.get_comments(ticket) == [first]
    assert desk.comments.get_comments(ticket, include_internal=True) == [first, second]
    assert (first.text, first.commented_by, first.is_internal) == ("Which printer?\n", BOB, False)
    rows = desk.queries.get_history(ticket)[1:]
    assert [(r.action, r.field, r.new_value) for r in rows] == [
        ("COMMENT_ADDED", "public", "Which printer?\n"),
        ("COMMENT_ADDED", "internal", "She always says that."),
    ]
    assert events(desk) == ["CREATED"]


def test_comments_of_one_instant_stay_in_order(desk: Desk, ticket: Ticket) -> None:
    said = [desk.comments.add_comment(ticket, str(i), commented_by=BOB).text for i in range(20)]
    assert [comment.text for comment in desk.comments.get_comments(ticket)] == said


def test_the_first_public_comment_of_somebody_else_is_the_response(
    desk: Desk, ticket: Ticket, clock: PlayedClock
) -> None:
    desk.comments.add_comment(ticket, "anybody there?", commented_by=" ANN@example.com ")
    desk.comments.add_comment(ticket, "not yet", commented_by=BOB, is_internal=True)
    assert desk.tickets.read(ticket).sla_response_met is None
    clock.advance(hours=4)
    desk.comments.add_comment(ticket, "here", commented_by=BOB)
    assert desk.tickets.read(ticket).sla_response_met is True
    clock.advance(hours=4)
    desk.comments.add_comment(ticket, "here again", commented_by=BOB)
    assert desk.tickets.read(ticket).sla_response_met is True


def test_a_late_answer_is_a_miss_for_good(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    clock.advance(hours=4, seconds=1)
    desk.comments.add_comment(ticket, "sorry", commented_by=BOB)
    assert desk.tickets.read(ticket).sla_response_met is False
    desk.comments.add_comment(ticket, "again", commented_by=BOB)
    assert desk.tickets.read(ticket).sla_response_met is False


@pytest.mark.parametrize(
    ("requester", "speaker"),
    [(ANN, "ann"), ("ann", ANN), ("ann", "Ann@Example.com"), ("guid", "ann"), (ANN, "guid"), ("ann", "ANN")],
)
def test_the_requester_under_another_name_gives_no_response(desk: Desk, requester: str, speaker: str) -> None:
    ann = desk.people.add_person("Ann", ANN, username="ann", action_by=BOB)
    names = {"guid": ann.person_guid}
    made = desk.tickets.create("x", requested_by=names.get(requester, requester), action_by=BOB)
    desk.comments.add_comment(made, "hello?", commented_by=names.get(speaker, speaker))
    assert desk.tickets.read(made).sla_response_met is None
    assert desk.queries.get_history(made)[-1].field == "requester"


@pytest.mark.parametrize("text", ["", " \n\t ", "a\x00b", "\ud800"])
def test_a_comment_must_say_something(
    desk: Desk, ticket: Ticket, state: Callable[[Ticket], tuple[Any, ...]], text: str
) -> None:
    before = state(ticket)
    with pytest.raises(RejectedError) as caught:
        desk.comments.add_comment(ticket, text, commented_by=BOB)
    assert fields_of(caught.value) == {"text"}
    assert state(ticket) == before


# records that are out of date


def test_a_stale_record_is_refused_and_nothing_is_lost(
    desk: Desk, ticket: Ticket, state: Callable[[Ticket], tuple[Any, ...]]
) -> None:
    desk.tickets.update(ticket, subject="newer", action_by=BOB)
    before = state(ticket)
    calls: list[Callable[[], object]] = [
        lambda: desk.tickets.update(ticket, description="older", action_by=ANN),
        lambda: desk.tickets.change_status(ticket, "TRIAGED", action_by=ANN),
        lambda: desk.tickets.escalate(ticket, action_by=ANN),
        lambda: desk.tickets.cancel(ticket, action_by=ANN),
        lambda: desk.tickets.assign(ticket, "me", action_by=ANN),
    ]
    for call in calls:
        with pytest.raises(ConflictError) as caught:
            call()
        assert (caught.value.key, caught.value.expected, caught.value.actual) == (ticket.ticket_number, 1, 2)
    assert state(ticket) == before
    assert desk.tickets.read(ticket).subject == "newer"


def test_comments_and_watchers_do_not_care_how_old_the_record_is(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.update(ticket, subject="newer", action_by=BOB)
    desk.comments.add_comment(ticket, "hello", commented_by=BOB)
    desk.tickets.add_watcher(ticket, "w@example.com", action_by=BOB)
    desk.tickets.add_watcher(ticket, "v@example.com", action_by=BOB)
    desk.tickets.remove_watcher(ticket, "w@example.com", action_by=BOB)
    now = desk.tickets.read(ticket)
    assert (now.subject, now.watchers) == ("newer", ("v@example.com",))
    assert actions(desk, ticket)[2:] == ["COMMENT_ADDED", "WATCHER_ADDED", "WATCHER_ADDED", "WATCHER_REMOVED"]
    assert desk.queries.verify_history(ticket) == []


def test_a_guid_or_number_means_the_ticket_as_it_is_now(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.update(ticket.guid, subject="newer", action_by=BOB)
    desk.tickets.update(ticket.ticket_number, description="text", action_by=BOB)
    now = desk.tickets.read(ticket.guid)
    assert (now.subject, now.description, now.row_version) == ("newer", "text", 3)


# bad input


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": " \n "}, "subject"),
        ({"subject": "x" * 501}, "subject"),
        ({"subject": "a\x00b"}, "subject"),
        ({"description": "\ud800"}, "description"),
        ({"package": " "}, "package"),
        ({"package": "x" * 256}, "package"),
        ({"project": "x" * 256}, "project"),
        ({"priority": "URGENT"}, "priority"),
        ({"priority": "high"}, "priority"),
        ({"ticket_type": "TASK"}, "ticket_type"),
        ({"requested_by": "x" * 256}, "requested_by"),
        ({"requested_by_type": "PHONE"}, "requested_by_type"),
        ({"requested_by": "nobody", "requested_by_type": "EMAIL"}, "requested_by"),
        ({"assigned_to": "x" * 256}, "assigned_to"),
        ({"assigned_to": "\ud800"}, "assigned_to"),
        ({"watchers": ["good@example.com", "bad"]}, "watchers"),
        ({"eta_date": "soon"}, "eta_date"),
        ({"eta_date": datetime(2026, 5, 1)}, "eta_date"),  # noqa: DTZ001 - that is what is wrong with it
        ({"action_by": ""}, "action_by"),
        ({"action_by": " \n "}, "action_by"),
        ({"action_by": "x" * 256}, "action_by"),
        ({"action_by": "a\x00b"}, "action_by"),
    ],
)
def test_a_bad_value_is_named_and_nothing_is_stored(desk: Desk, values: dict[str, Any], field: str) -> None:
    with pytest.raises(RejectedError) as caught:
        desk.tickets.create(**{"subject": "good", "action_by": ANN} | values)
    assert field in fields_of(caught.value)
    assert desk.queries.get_tickets_by_filter() == []
    assert desk.notifications.list_outbox() == []


def test_the_longest_values_fit(desk: Desk) -> None:
    made = desk.tickets.create(
        "x" * 500, package="p" * 255, project="q" * 255, assigned_to="a" * 255, action_by="b" * 255
    )
    assert desk.tickets.read(made.guid) == made


@pytest.mark.parametrize(
    "values",
    [
        {"subject": ""},
        {"subject": "x" * 501},
        {"package": ""},
        {"priority": "URGENT"},
        {"ticket_type": ""},
        {"action_by": ""},
    ],
)
def test_a_bad_update_changes_nothing(
    desk: Desk, ticket: Ticket, state: Callable[[Ticket], tuple[Any, ...]], values: dict[str, str]
) -> None:
    before = state(ticket)
    with pytest.raises(RejectedError) as caught:
        desk.tickets.update(ticket, **{"description": "good", "action_by": ANN} | values)
    assert fields_of(caught.value) == set(values)
    assert state(ticket) == before


def test_an_unknown_status_is_refused_with_the_known_ones(
    desk: Desk, ticket: Ticket, state: Callable[[Ticket], tuple[Any, ...]]
) -> None:
    before = state(ticket)
    with pytest.raises(RejectedError, match="TRIAGED") as caught:
        desk.tickets.change_status(ticket, "DONE", action_by=BOB)
    assert not isinstance(caught.value, InvalidTransitionError)
    assert fields_of(caught.value) == {"status"}
    assert state(ticket) == before


def test_the_fields_of_a_ticket_are_checked_together(desk: Desk) -> None:
    with pytest.raises(RejectedError) as caught:
        desk.tickets.create(
            "",
            package="",
            priority="URGENT",
            ticket_type="TASK",
            requested_by="nobody",
            requested_by_type="EMAIL",
            assigned_to="x" * 256,
            watchers=["bad", "worse"],
            action_by=ANN,
        )
    wanted = {"subject", "package", "priority", "ticket_type", "requested_by", "assigned_to", "watchers"}
    assert fields_of(caught.value) == wanted
    assert [problem.field for problem in caught.value.problems].count("watchers") == 2


def test_a_bad_estimate_and_a_missing_actor_are_reported_with_the_rest(desk: Desk) -> None:
    with pytest.raises(RejectedError) as caught:
        desk.tickets.create("", eta_date="soon", action_by="")
    assert fields_of(caught.value) == {"subject", "eta_date", "action_by"}
