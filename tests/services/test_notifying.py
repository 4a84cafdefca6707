"""Telling everybody of a ticket again, on both stores: who is told what, what stays as it is, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import define, field

from ticketcore import hookimpl, open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config
from ticketcore.desk import Desk
from ticketcore.domain.events import NotifyCode, OutboxMessage
from ticketcore.errors import NotFoundError, RejectedError, TemporaryNotifierError
from ticketcore.plugin.records import NotifierSpec
from ticketcore.ports.notifier import Notification, Receipt

from .conftest import Guard

ANN, BOB, CY, MAX = "ann@example.com", "bob@example.com", "cy@example.com", "max@example.com"
AROUND = (NotifyCode.CREATED, NotifyCode.STATUS_CHANGED, NotifyCode.ASSIGNED, NotifyCode.RESOLVED, NotifyCode.CLOSED)

MakeConfig = Callable[..., Config]


@define
class Pager:
    """A notifier that keeps what it is given, and fails while it is ``down``."""

    down: bool = False
    seen: list[Notification] = field(factory=list)

    @hookimpl
    def ticketcore_notifiers(self) -> list[NotifierSpec]:
        return [NotifierSpec(name="pager", summary="pages", target=lambda _settings: self)]

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        if self.down:
            raise TemporaryNotifierError("no signal")
        self.seen.append(notification)
        return Receipt("paged")


@pytest.fixture
def pager() -> Pager:
    return Pager()


@pytest.fixture
def paging_desk(
    make_config: MakeConfig, store_url: str, clock: PlayedClock, pager: Pager, guard: Guard
) -> Iterator[Desk]:
    """Return a desk with mail, a pager, and somebody who observes."""
    config = make_config(store_url, notifiers=("email", "pager"))
    with open_desk(config, clock=clock, plugins={"pager": pager, "guard": guard}) as desk:
        yield desk


def new(desk: Desk, **more: Any) -> int:
    more = {"requested_by": ANN, "requested_by_type": "EMAIL", "watchers": [CY], "assigned_to": BOB, **more}
    return desk.tickets.create("Printer", action_by=MAX, **more).ticket_number


def tell(desk: Desk, code: Any, ticket: int = 1, by: str = MAX) -> list[OutboxMessage]:
    return desk.notifications.notify_event(ticket, code, action_by=by)


def to(messages: list[OutboxMessage]) -> list[str]:
    return [message.recipient or message.channel for message in messages]


def everything(desk: Desk) -> tuple[Any, ...]:
    return desk.tickets.read(1), desk.queries.get_history(1), desk.versions.list_versions(1)


@pytest.mark.parametrize("code", [*AROUND, NotifyCode.ESCALATED])
def test_requester_assignee_and_watchers_are_told_of_any_event(desk: Desk, code: NotifyCode) -> None:
    new(desk)
    found = tell(desk, code)
    assert to(found) == [ANN, BOB, CY]
    assert {(one.notify_code, one.state, one.attempts) for one in found} == {(code.name, "DELIVERED", 1)}
    assert [json.loads(one.payload)["event"] for one in found] == [code.value] * 3
    assert desk.notifications.list_outbox()[-3:] == found


def test_every_other_notifier_gets_the_payload_of_a_change(paging_desk: Desk, pager: Pager) -> None:
    new(paging_desk)
    first = pager.seen[0]
    found = tell(paging_desk, "CREATED")
    assert to(found) == [ANN, BOB, CY, "pager"]
    again = pager.seen[1]
    assert (again.notify_code, again.to, again.subject) == (first.notify_code, first.to, first.subject)
    assert again.message_id != first.message_id
    assert again.thread_id == first.thread_id
    assert again.context == {**first.context, "changes": []}


def test_nothing_of_the_ticket_changes_and_nobody_observes(paging_desk: Desk, guard: Guard) -> None:
    new(paging_desk)
    before, told, asked = everything(paging_desk), list(guard.told), list(guard.asked)
    guard.shut = True
    for code in NotifyCode:
        tell(paging_desk, code)
    assert everything(paging_desk) == before
    assert (guard.told, guard.asked) == (told, asked)


def test_what_was_said_the_last_time_is_said_again(desk: Desk) -> None:
    desk.people.add_person("Bob Berg", BOB)
    new(desk)
    for status in ("TRIAGED", "IN_PROGRESS"):
        desk.tickets.change_status(1, status, action_by=MAX)
    desk.tickets.resolve(1, action_by=MAX, notes="a new fuse")
    details = {code: json.loads(tell(desk, code)[0].payload)["detail"] for code in AROUND}
    assert details == {
        NotifyCode.CREATED: "",
        NotifyCode.STATUS_CHANGED: "a new fuse",
        NotifyCode.ASSIGNED: "assigned to Bob Berg",
        NotifyCode.RESOLVED: "a new fuse",
        NotifyCode.CLOSED: "",
    }
    desk.tickets.close(1, action_by=MAX)
    assert json.loads(tell(desk, "CLOSED")[0].payload)["detail"] == "RESOLVED → CLOSED"


def test_the_alert_goes_to_the_contacts_of_the_service_level(desk: Desk) -> None:
    desk.sla.set_sla(
        "CORE", "MEDIUM", response_minutes=9, resolution_minutes=99, responsible=BOB, informed=CY, action_by=MAX
    )
    new(desk)
    found = tell(desk, "ESCALATION_ALERT")
    assert to(found) == [BOB, CY]
    payload = json.loads(found[0].payload)
    assert (payload["event"], payload["to"], payload["cc"]) == ("Escalation Alert", [BOB], [CY])


def test_a_sign_off_is_asked_for_again_of_those_who_have_not_answered(desk: Desk) -> None:
    desk.people.add_person("Max Miller", MAX)
    new(desk)
    desk.signoffs.request_signoff(1, [ANN, BOB, CY], requested_by=BOB, role="QA")
    desk.signoffs.sign_off(1, ANN, approved=True)
    found = tell(desk, "SIGNOFF_REQUESTED")
    assert to(found) == [BOB, CY]
    assert json.loads(found[0].payload)["detail"].startswith("Max Miller asks you to sign ticket 1 off as QA.\n")
    desk.signoffs.request_signoff(1, ANN, requested_by=BOB, role="Legal")
    assert json.loads(tell(desk, "SIGNOFF_REQUESTED")[0].payload)["detail"].startswith(
        "Max Miller asks you to sign ticket 1 off.\n"
    )


@pytest.mark.parametrize("code", ["SIGNOFF_REQUESTED", "ESCALATION_ALERT"])
def test_with_nobody_to_tell_there_is_no_message(desk: Desk, code: str) -> None:
    new(desk)
    before = desk.notifications.list_outbox()
    assert tell(desk, code) == []
    assert desk.notifications.list_outbox() == before


def test_without_a_notifier_there_is_no_message(
    make_desk: Callable[..., Desk], make_config: MakeConfig, store_url: str
) -> None:
    desk = make_desk(store_url, notifiers=())
    new(desk)
    assert tell(desk, "CREATED") == []
    assert desk.notifications.list_outbox() == []


def test_closed_and_merged_tickets_can_be_told_of(desk: Desk) -> None:
    new(desk)
    new(desk)
    desk.tickets.merge(1, 2, action_by=MAX)
    assert to(tell(desk, "STATUS_CHANGED", 1)) == [ANN, BOB, CY]
    for status in ("TRIAGED", "IN_PROGRESS", "RESOLVED", "CLOSED"):
        desk.tickets.change_status(2, status, action_by=MAX)
    assert to(tell(desk, "CLOSED", 2)) == [ANN, BOB, CY]


def test_an_outdated_record_names_the_ticket_all_the_same(desk: Desk) -> None:
    new(desk)
    seen = desk.tickets.read(1)
    desk.tickets.change_status(1, "TRIAGED", action_by=MAX)
    (first, *_) = desk.notifications.notify_event(seen, "STATUS_CHANGED", action_by=MAX)
    assert json.loads(first.payload)["status"] == "TRIAGED"


def test_what_cannot_be_delivered_now_is_left_to_the_worker(
    paging_desk: Desk, pager: Pager, clock: PlayedClock
) -> None:
    new(paging_desk)
    pager.down = True
    *_, paged = tell(paging_desk, "CREATED")
    assert (paged.state, paged.attempts, paged.last_error) == ("PENDING", 1, "no signal")
    pager.down = False
    clock.advance(minutes=10)
    assert paging_desk.notifications.deliver_due().delivered == 1
    assert pager.seen[-1].message_id == paged.guid


@pytest.mark.parametrize("code", [NotifyCode.STATUS_CHANGED, "STATUS_CHANGED"])
def test_an_event_is_named_as_people_see_it_too(desk: Desk, code: str) -> None:
    new(desk)
    assert {one.notify_code for one in tell(desk, code)} == {"STATUS_CHANGED"}


@pytest.mark.parametrize("code", ["GONE", "created", "", None, 1, ["CREATED"]])
def test_everything_that_is_wrong_is_told_at_once(desk: Desk, code: Any) -> None:
    new(desk)
    before = desk.notifications.list_outbox()
    with pytest.raises(RejectedError) as caught:
        tell(desk, code, by=" ")
    assert [problem.field for problem in caught.value.problems] == ["notify_code", "action_by"]
    assert caught.value.problems[0].message.endswith(
        "is not known; choose one of CREATED, STATUS_CHANGED, ASSIGNED, RESOLVED, CLOSED, ESCALATED, "
        "ESCALATION_ALERT, SIGNOFF_REQUESTED"
    )
    assert desk.notifications.list_outbox() == before


def test_a_ticket_that_does_not_exist_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="ticket 7"):
        tell(desk, "CREATED", 7)
