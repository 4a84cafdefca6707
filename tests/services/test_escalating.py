"""Escalations because of a passed deadline, on both stores: what is due, that it happens once, and who is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import SlaSection, WorkflowSection
from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxMessage
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.workflow import STRICT
from ticketcore.errors import NotFoundError

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ANN, BOB, CID, DAN, EVE = (f"{name}@example.com" for name in ("ann", "bob", "cid", "dan", "eve"))
SCHEDULER = "scheduler"


def new(desk: Desk, priority: str = "CRITICAL", **values: Any) -> Ticket:
    """Make a ticket whose requester has no address, so that nobody but contacts is told."""
    values = {"requested_by_type": "SYSTEM", "requested_by": "monitoring"} | values
    return desk.tickets.create("Printer on fire", priority=priority, action_by="test", **values)


def walk(desk: Desk, ticket: Ticket, *statuses: str) -> Ticket:
    for status in statuses:
        ticket = desk.tickets.change_status(ticket.guid, status, action_by=BOB)
    return ticket


def contacts(desk: Desk, priority: str = "CRITICAL", **names: str) -> None:
    """Set contacts with the targets that are the defaults of CRITICAL."""
    desk.sla.set_sla("CORE", priority, response_minutes=15, resolution_minutes=240, action_by="test", **names)


def due(desk: Desk) -> list[int]:
    return [ticket.ticket_number for ticket in desk.sla.check_escalation_due()]


def sent(desk: Desk, code: str) -> list[OutboxMessage]:
    return [message for message in desk.notifications.list_outbox() if message.notify_code == code]


def alerts(desk: Desk) -> list[str]:
    return [message.recipient for message in sent(desk, "ESCALATION_ALERT")]


def actions(desk: Desk, ticket: Ticket) -> list[tuple[str, str]]:
    return [(row.action, row.field) for row in desk.queries.get_history(ticket.guid)][1:]


# What is due.


def test_due_after_the_deadline_not_at_it(desk: Desk, clock: PlayedClock) -> None:
    ticket = new(desk)
    clock.advance(minutes=15)
    assert due(desk) == []
    assert desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER) == ticket
    clock.advance(microseconds=1)
    assert desk.sla.check_escalation_due() == [ticket]


def test_due_by_number_and_package(desk: Desk, clock: PlayedClock) -> None:
    tickets = [new(desk, package=package) for package in ("SHOP", "CORE", "SHOP")]
    new(desk, "INFO")
    clock.advance(minutes=16)
    assert desk.sla.check_escalation_due() == tickets
    assert desk.sla.check_escalation_due("SHOP") == [tickets[0], tickets[2]]
    assert desk.sla.check_escalation_due("NONE") == []


def test_a_ticket_is_listed_once_per_deadline(desk: Desk, clock: PlayedClock) -> None:
    ticket = new(desk)
    clock.advance(minutes=16)
    assert due(desk) == due(desk) == [ticket.ticket_number]  # asking changes nothing
    escalated = desk.tickets.escalate_due(ticket, action_by=SCHEDULER)
    assert escalated.status == "ESCALATED"
    assert escalated.sla_response_escalated == escalated.sla_response_deadline == START + timedelta(minutes=15)
    assert escalated.sla_resolution_escalated is None
    assert due(desk) == []
    clock.set(START + timedelta(minutes=240))
    assert due(desk) == []
    clock.advance(seconds=1)
    assert due(desk) == [ticket.ticket_number]
    desk.tickets.escalate_due(ticket, action_by=SCHEDULER)
    clock.advance(days=30)
    assert due(desk) == []


def test_both_deadlines_at_once_are_one_escalation(desk: Desk, clock: PlayedClock) -> None:
    contacts(desk, escalation_contact=CID)
    ticket = new(desk)
    clock.advance(days=1)
    escalated = desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER)
    assert escalated.sla_response_escalated == escalated.sla_response_deadline
    assert escalated.sla_resolution_escalated == escalated.sla_resolution_deadline
    assert due(desk) == []
    assert alerts(desk) == [CID]
    note = desk.queries.get_history(ticket)[-1].note
    assert note == "response was due 2026-03-02 08:15 UTC; resolution was due 2026-03-02 12:00 UTC"


@pytest.mark.parametrize("way", ["record", "guid", "number"])
def test_escalating_twice_is_one_escalation(desk: Desk, clock: PlayedClock, way: str) -> None:
    contacts(desk, escalation_contact=CID)
    new(desk)
    clock.advance(minutes=16)
    (listed,) = desk.sla.check_escalation_due()  # two schedulers have the same record
    references: dict[str, str | int | Ticket] = {"record": listed, "guid": listed.guid, "number": listed.ticket_number}
    reference = references[way]
    once = desk.tickets.escalate_due(reference, action_by=SCHEDULER)
    outbox = desk.notifications.list_outbox()
    clock.advance(minutes=1)
    assert desk.tickets.escalate_due(reference, action_by="another one") == once
    assert desk.tickets.read(listed.guid) == once
    assert actions(desk, listed) == [("STATUS_CHANGE", "status")]
    assert alerts(desk) == [CID]
    assert desk.notifications.list_outbox() == outbox


def test_escalating_what_is_gone_is_refused(desk: Desk) -> None:
    with pytest.raises(NotFoundError):
        desk.tickets.escalate_due(4711, action_by=SCHEDULER)


@pytest.mark.parametrize("end", [("TRIAGED", "IN_PROGRESS", "RESOLVED"), ("CANCELLED",)], ids=["resolved", "cancelled"])
def test_what_is_finished_is_not_due(desk: Desk, clock: PlayedClock, end: tuple[str, ...]) -> None:
    ticket = new(desk)
    clock.advance(days=1)
    finished = walk(desk, ticket, *end)
    assert due(desk) == []
    assert desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER) == finished


def test_an_answer_in_time_leaves_the_resolution(desk: Desk, clock: PlayedClock) -> None:
    ticket = new(desk)
    desk.comments.add_comment(ticket.guid, "On my way", commented_by=BOB)
    clock.advance(minutes=16)
    assert due(desk) == []
    clock.advance(hours=4)
    assert due(desk) == [ticket.ticket_number]
    escalated = desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER)
    assert (escalated.sla_response_escalated, escalated.sla_response_met) == (None, True)


def test_without_targets_nothing_is_due(make_desk: Callable[..., Desk], store_url: str, clock: PlayedClock) -> None:
    desk = make_desk(store_url, sla=SlaSection(defaults={}))
    new(desk)
    clock.advance(days=1000)
    assert due(desk) == []


@pytest.mark.parametrize("priority", ["HIGH", "LOW"], ids=["nearer", "further"])
def test_a_new_deadline_arms_again(desk: Desk, clock: PlayedClock, priority: str) -> None:
    contacts(desk, priority="MEDIUM", escalation_contact=CID)
    desk.sla.set_sla(
        "CORE", "HIGH", response_minutes=10, resolution_minutes=240, escalation_contact=DAN, action_by="test"
    )
    desk.sla.set_sla(
        "CORE", "LOW", response_minutes=60, resolution_minutes=240, escalation_contact=DAN, action_by="test"
    )
    ticket = new(desk, "MEDIUM")
    clock.advance(minutes=16)
    desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER)
    changed = desk.tickets.update(ticket.guid, priority=priority, action_by=BOB)
    assert changed.sla_response_escalated == START + timedelta(minutes=15)
    assert due(desk) == ([ticket.ticket_number] if priority == "HIGH" else [])
    clock.set(START + timedelta(minutes=61))
    assert due(desk) == [ticket.ticket_number]
    again = desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER)
    assert again.sla_response_escalated == again.sla_response_deadline == changed.sla_response_deadline
    assert due(desk) == []
    assert alerts(desk) == [CID, DAN]  # whoever is told by the policy at the time


def test_a_second_deadline_alerts_again_without_a_move(desk: Desk, clock: PlayedClock) -> None:
    contacts(desk, escalation_contact=CID)
    ticket = new(desk, requested_by=ANN, requested_by_type="EMAIL")
    clock.advance(minutes=16)
    first = desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER)
    clock.set(START + timedelta(minutes=241))
    second = desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER)
    assert second.status == first.status == "ESCALATED"
    assert second.row_version == first.row_version + 1
    assert second.sla_resolution_escalated == second.sla_resolution_deadline
    assert second.sla_response_escalated == first.sla_response_escalated
    assert actions(desk, ticket) == [("STATUS_CHANGE", "status"), ("SLA_CHANGED", "sla_resolution_escalated")]
    row = desk.queries.get_history(ticket)[-1]
    assert (row.old_value, row.action_by, row.note) == (None, SCHEDULER, "resolution was due 2026-03-02 12:00 UTC")
    assert datetime.fromisoformat(row.new_value or "") == second.sla_resolution_deadline
    assert desk.queries.verify_history(ticket) == []
    assert alerts(desk) == [CID, CID]
    assert [message.recipient for message in sent(desk, "ESCALATED")] == [ANN]
    assert desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER) == second
    assert alerts(desk) == [CID, CID]


def test_a_strict_workflow_alerts_a_new_ticket_without_a_move(
    make_desk: Callable[..., Desk], store_url: str, clock: PlayedClock
) -> None:
    desk = make_desk(store_url, workflow=WorkflowSection(default=STRICT))
    contacts(desk, escalation_contact=CID)
    ticket = new(desk, requested_by=ANN, requested_by_type="EMAIL")
    clock.advance(minutes=16)
    stayed = desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER)
    assert stayed.status == "NEW"
    assert stayed.sla_response_escalated == stayed.sla_response_deadline == ticket.sla_response_deadline
    assert alerts(desk) == [CID]
    assert sent(desk, "ESCALATED") == []
    assert actions(desk, ticket) == [("SLA_CHANGED", "sla_response_escalated")]
    assert due(desk) == []
    assert desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER) == stayed
    assert alerts(desk) == [CID]
    clock.set(START + timedelta(days=1))
    assert desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER).status == "NEW"
    assert alerts(desk) == [CID, CID]


def test_a_strict_workflow_moves_where_it_can(
    make_desk: Callable[..., Desk], store_url: str, clock: PlayedClock
) -> None:
    desk = make_desk(store_url, workflow=WorkflowSection(default=STRICT))
    ticket = walk(desk, new(desk), "TRIAGED", "IN_PROGRESS")
    clock.advance(days=1)
    assert desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER).status == "ESCALATED"


def test_paused_is_not_due(desk: Desk, clock: PlayedClock) -> None:
    held = walk(desk, new(desk), "TRIAGED", "IN_PROGRESS", "ON_HOLD")
    clock.advance(days=1)
    assert due(desk) == []
    assert desk.tickets.escalate_due(held.guid, action_by=SCHEDULER) == held
    walk(desk, held, "IN_PROGRESS")
    assert due(desk) == []
    clock.advance(minutes=241)
    assert due(desk) == [held.ticket_number]


def test_what_was_due_before_the_pause_is_due_after_it(desk: Desk, clock: PlayedClock) -> None:
    ticket = walk(desk, new(desk), "TRIAGED", "IN_PROGRESS")
    clock.advance(minutes=241)
    held = walk(desk, ticket, "ON_HOLD")
    clock.advance(hours=1)
    assert due(desk) == []
    assert desk.queries.get_overdue_tickets() == [held]
    walk(desk, ticket, "IN_PROGRESS")
    assert due(desk) == [ticket.ticket_number]


def test_a_manual_escalation_counts_for_what_has_passed_and_not_for_what_comes(desk: Desk, clock: PlayedClock) -> None:
    contacts(desk, escalation_contact=CID)
    early = desk.tickets.escalate(new(desk).guid, action_by=BOB, reason="loud")
    clock.advance(minutes=16)
    assert due(desk) == [early.ticket_number]
    late = desk.tickets.escalate(new(desk).guid, action_by=BOB)
    clock.advance(minutes=16)
    assert due(desk) == [early.ticket_number, late.ticket_number]
    passed = walk(desk, late, "IN_PROGRESS")
    desk.tickets.escalate(passed.guid, action_by=BOB)
    assert due(desk) == [early.ticket_number]
    assert alerts(desk) == [CID, CID, CID]


# Who is told.


@pytest.mark.parametrize(
    ("names", "to", "cc"),
    [
        (
            {
                "responsible": f"{ANN}, {BOB}, {ANN}",
                "accountable": f"{BOB},{CID}",
                "consulted": f"{CID}, {DAN}",
                "informed": f"{DAN}, {EVE}, {ANN}",
                "escalation_contact": "chief@example.com",
            },
            [ANN, BOB, CID],
            [DAN, EVE],
        ),
        ({"responsible": f"bob, {BOB.upper()}", "informed": "bob"}, [BOB], []),
        ({"responsible": ANN, "escalation_contact": CID}, [ANN], []),
        ({"accountable": ANN}, [ANN], []),
        ({"escalation_contact": f"{CID}, bob, {CID}, {BOB}"}, [CID, BOB], []),
        ({"informed": DAN, "escalation_contact": CID}, [], [DAN]),
        ({"consulted": DAN}, [], [DAN]),
    ],
    ids=["each-once", "one-person", "raci-first", "accountable", "contact", "only-informed", "only-consulted"],
)
def test_the_alert_goes_to_the_contacts_each_once(
    desk: Desk, clock: PlayedClock, names: dict[str, str], to: list[str], cc: list[str]
) -> None:
    desk.people.add_person("Bob", BOB, "bob")
    contacts(desk, **names)
    ticket = new(desk)
    clock.advance(minutes=16)
    desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER)
    assert alerts(desk) == [*to, *cc]
    for message in sent(desk, "ESCALATION_ALERT"):
        payload = json.loads(message.payload)
        assert (payload["to"], payload["cc"]) == (to, cc)
        assert (payload["event"], payload["ticket_number"]) == ("Escalation Alert", ticket.ticket_number)
        assert message.ticket_guid == ticket.guid
        assert message.state == "DELIVERED"
    assert len({message.guid for message in desk.notifications.list_outbox()}) == len(desk.notifications.list_outbox())


@pytest.mark.parametrize("policy", [True, False], ids=["policy-without-contacts", "no-policy"])
def test_nobody_to_tell_is_no_alert(desk: Desk, clock: PlayedClock, policy: bool) -> None:
    if policy:
        contacts(desk)
    ticket = new(desk)
    clock.advance(minutes=16)
    assert desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER).status == "ESCALATED"
    assert desk.notifications.list_outbox() == []
    assert due(desk) == []


def test_the_event_goes_to_requester_assignee_and_watchers(desk: Desk, clock: PlayedClock) -> None:
    bob = desk.people.add_person("Bob", BOB, "bob")
    contacts(desk, escalation_contact=EVE)
    ticket = new(
        desk, requested_by=ANN, requested_by_type="EMAIL", assigned_to=bob.person_guid, watchers=[CID, ANN, DAN, BOB]
    )
    clock.advance(minutes=16)
    desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER)
    messages = sent(desk, "ESCALATED")
    assert [message.recipient for message in messages] == [ANN, BOB, CID, DAN]
    for message in messages:
        payload = json.loads(message.payload)
        assert payload["to"] == [message.recipient]  # nobody sees the others
        assert (payload["event"], payload["status"]) == ("Escalated", "ESCALATED")
        assert (payload["assigned_to"], payload["action_by"]) == ("Bob", SCHEDULER)
        assert payload["detail"] == "response was due 2026-03-02 08:15 UTC"
    assert alerts(desk) == [EVE]


def test_somebody_who_is_both_gets_the_event_and_the_alert(desk: Desk, clock: PlayedClock) -> None:
    contacts(desk, responsible=ANN)
    ticket = new(desk, requested_by=ANN, requested_by_type="EMAIL")
    clock.advance(minutes=16)
    desk.tickets.escalate_due(ticket.guid, action_by=SCHEDULER)
    codes = [message.notify_code for message in desk.notifications.list_outbox()]
    assert sorted(codes) == ["CREATED", "ESCALATED", "ESCALATION_ALERT"]
