"""The checks: what passes, and what a failure says, to the letter."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import SchedulerSection
from ticketcore.desk import Desk
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import InvalidTransitionError, Problem, RejectedError
from ticketcore.testing.assertions import (
    Outbox,
    assert_history,
    assert_nothing_sent,
    assert_refused,
    assert_sent,
    assert_ticket,
)
from ticketcore.testing.distributions import Installer
from ticketcore.testing.plugin import MakeDesk
from ticketcore.testing.records import LATER, NOW, make_ticket

ANN, BOB = "ann@example.com", "bob@example.com"


def failure(check: Callable[..., object], *arguments: Any, **named: Any) -> str:
    """Return what a check says that fails."""
    with pytest.raises(AssertionError) as caught:
        check(*arguments, **named)
    return str(caught.value)


def lines(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


@pytest.fixture
def desk(ticketcore_desk: Desk, ticketcore_clock: PlayedClock) -> Desk:
    """A desk with one ticket that was created and triaged."""
    ticketcore_desk.tickets.create("Printer", requested_by=ANN, watchers=[BOB], action_by="ann")
    ticketcore_clock.advance(minutes=5)
    ticketcore_desk.tickets.change_status(1, "TRIAGED", action_by="bob")
    return ticketcore_desk


# Tickets


def test_a_ticket_as_expected_passes() -> None:
    ticket = make_ticket(status="NEW", watchers=(ANN, BOB), resolved_date=None)
    assert_ticket(ticket, status="NEW", watchers=[ANN, BOB], resolved_date=None, created_date=NOW)


def test_all_differences_of_a_ticket_are_shown_at_once() -> None:
    ticket = make_ticket(ticket_number=7, watchers=(ANN,), estimated_date=NOW, subject="two\nlines")
    message = failure(
        assert_ticket,
        ticket,
        status="RESOLVED",
        priority="MEDIUM",
        watchers=[BOB],
        estimated_date=LATER,
        subject="one",
        work_score=3,
    )
    assert message == lines(
        r"""
        ticket 7 is not as expected:
                          expected                          got
          status          'RESOLVED'                        'NEW'
          watchers        ['bob@example.com']               ('ann@example.com',)
          estimated_date  2026-03-05T09:30:00.000001+00:00  2026-03-04T09:30:00+00:00
          subject         'one'                             'two\nlines'
          work_score      3                                 None
        """
    )


def test_of_long_texts_the_difference_is_shown() -> None:
    text = "x" * 500
    message = failure(assert_ticket, make_ticket(description=f"{text}here"), description=f"{text}there")
    [_, _, row] = message.splitlines()
    assert row == f"  description  …{'x' * 20}there'  …{'x' * 20}here'"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("prioritty", "did you mean 'priority'?"), ("colour", "known: guid, ticket_number, package, ")],
)
def test_a_field_that_no_ticket_has_is_named(name: str, hint: str) -> None:
    message = failure(assert_ticket, make_ticket(), **{name: "x"})
    assert message.startswith(f"there is no field of a ticket '{name}'; {hint}")


def test_to_check_nothing_is_no_check() -> None:
    with pytest.raises(TypeError, match="name at least one field"):
        assert_ticket(make_ticket())


# History


def test_a_history_as_expected_gives_its_rows(desk: Desk) -> None:
    rows = assert_history(desk, 1, ["CREATED", "STATUS_CHANGE"])
    assert [row.action_by for row in rows] == ["ann", "bob"]
    assert assert_history(desk, desk.tickets.read(1), ["CREATED", "STATUS_CHANGE"]) == rows


def test_a_history_is_shown_beside_what_was_expected(desk: Desk) -> None:
    desk.tickets.add_watcher(1, "eve@example.com", action_by="eve")
    message = failure(assert_history, desk, desk.tickets.read(1), ["CREATED", "ASSIGNED", "STATUS_CHANGE"])
    assert message == lines(
        """
        the history of ticket 1 is not as expected:
             expected       got            what changed                 by
             CREATED        CREATED                                     ann
          -  ASSIGNED
             STATUS_CHANGE  STATUS_CHANGE  status: NEW → TRIAGED        bob
          +                 WATCHER_ADDED  watchers: → eve@example.com  eve
        """
    )


def test_an_action_that_no_history_has_is_named(desk: Desk) -> None:
    message = failure(assert_history, desk, 1, ["CREATED", "STATUS_CHANGED"])
    assert message == "there is no action in a history 'STATUS_CHANGED'; did you mean 'STATUS_CHANGE'?"


# Outbox


def test_what_was_sent_is_found_and_returned(desk: Desk) -> None:
    assert [message.recipient for message in assert_sent(desk, "CREATED")] == [ANN, BOB]
    [message] = assert_sent(desk, "STATUS_CHANGED", to=" Ann@Example.com", channel="email", state="DELIVERED", count=1)
    assert message.recipient == ANN
    assert_nothing_sent(desk, "RESOLVED")
    assert_nothing_sent(desk, to="eve@example.com")
    assert_nothing_sent(desk, "CREATED", state="DEAD")


def test_what_was_not_sent_is_shown_beside_the_outbox(desk: Desk) -> None:
    assert failure(assert_sent, desk, "RESOLVED", to=ANN, channel="email") == lines(
        """
        there is no message about RESOLVED to ann@example.com over email; the outbox has:
          event           channel  to               state      attempts  last error
          CREATED         email    ann@example.com  DELIVERED  1
          CREATED         email    bob@example.com  DELIVERED  1
          STATUS_CHANGED  email    ann@example.com  DELIVERED  1
          STATUS_CHANGED  email    bob@example.com  DELIVERED  1
        """
    )


def test_how_many_were_sent_is_compared(desk: Desk) -> None:
    message = failure(assert_sent, desk, "CREATED", count=1)
    assert message.startswith("expected 1 of the messages about CREATED, found 2; the outbox has:\n")
    assert assert_sent(desk, "CREATED", count=2)
    assert assert_sent(desk, "CLOSED", count=0) == []


def test_what_should_not_have_been_sent_is_shown(desk: Desk) -> None:
    message = failure(assert_nothing_sent, desk)
    assert message.startswith("expected no message at all, found 4; the outbox has:\n")
    message = failure(assert_nothing_sent, desk, "CREATED", to=BOB, state="DELIVERED")
    expected = "expected no message about CREATED to bob@example.com that is DELIVERED, found 1; the outbox has:\n"
    assert message.startswith(expected)


def test_an_empty_outbox_is_said_to_be_one(ticketcore_desk: Desk) -> None:
    assert_nothing_sent(ticketcore_desk)
    assert failure(assert_sent, ticketcore_desk, "CREATED") == (
        "there is no message about CREATED; the outbox is empty"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"code": "CRAETED"}, "there is no event 'CRAETED'; did you mean 'CREATED'?"),
        ({"code": "created"}, "there is no event 'created'; did you mean 'CREATED'?"),
        ({"channel": "emial"}, "there is no channel of this desk 'emial'; did you mean 'email'?"),
        ({"channel": "observer:chat"}, "there is no channel of this desk 'observer:chat'; known: email"),
        ({"state": "SENT"}, "there is no state of a message 'SENT'; known: PENDING, DELIVERED, DEAD"),
        ({"state": "delivered"}, "there is no state of a message 'delivered'; did you mean 'DELIVERED'?"),
        ({"code": "COMMENT_ADDED"}, "there is no event 'COMMENT_ADDED'; known: CREATED, "),
    ],
)
def test_what_can_never_be_sent_is_no_question(desk: Desk, arguments: dict[str, str], message: str) -> None:
    found = failure(assert_nothing_sent, desk, **arguments)
    assert found.startswith(message) if message.endswith(", ") else found == message


def test_a_state_is_misspelt_in_assert_sent_too(ticketcore_desk: Desk) -> None:
    message = failure(assert_sent, ticketcore_desk, "CREATED", state="DELIVRED")
    assert message == "there is no state of a message 'DELIVRED'; did you mean 'DELIVERED'?"


def test_the_error_of_a_delivery_is_shown(ticketcore_make_desk: MakeDesk) -> None:
    desk = ticketcore_make_desk(email=evolve(ticketcore_make_desk().config.email, host="mail..example"))
    desk.tickets.create("Printer", requested_by=ANN, action_by="ann")
    message = failure(assert_sent, desk, "CREATED", state="DELIVERED")
    assert "CREATED  email    ann@example.com  PENDING  1         mail..example:587: " in message


CHAT = """
from ticketcore import hookimpl
from ticketcore.plugin.records import NotifierSpec
from ticketcore.ports.notifier import Receipt

class Chat:
    def send(self, notification, *, timeout):
        return Receipt("posted")

@hookimpl
def ticketcore_notifiers():
    return [NotifierSpec(name="chat", summary="a chat", target=lambda settings: Chat())]

@hookimpl
def ticketcore_observe(event):
    pass
"""


def test_a_message_over_another_channel_is_for_all_whom_it_names(
    ticketcore_make_desk: MakeDesk, ticketcore_install: Installer
) -> None:
    ticketcore_install("chat", CHAT)
    desk = ticketcore_make_desk(notifiers=("chat",))
    desk.tickets.create("Printer", requested_by=ANN, watchers=[BOB], action_by="ann")
    assert_sent(desk, "CREATED", to=BOB, channel="chat", count=1)
    assert_nothing_sent(desk, to="eve@example.com")
    assert "chat" in failure(assert_nothing_sent, desk, to=ANN)


def test_what_observers_are_told_is_no_message_unless_it_is_asked_for(
    ticketcore_make_desk: MakeDesk, ticketcore_install: Installer
) -> None:
    ticketcore_install("chat", CHAT)
    desk = ticketcore_make_desk(scheduler=SchedulerSection(inline=False))
    desk.tickets.create("Printer", requested_by="nobody", action_by="ann")
    assert_nothing_sent(desk)
    assert Outbox(desk).codes() == []
    assert_sent(desk, "CREATED", channel="observer:chat", count=1)


NIGHT = """
from attrs import frozen
from ticketcore import hookimpl

@frozen
class Settings:
    since: str

@hookimpl
def ticketcore_settings():
    return Settings

@hookimpl
def ticketcore_observe(event):
    pass
"""


def test_an_observer_has_a_channel_before_it_was_told_of_anything(
    ticketcore_make_desk: MakeDesk, ticketcore_install: Installer
) -> None:
    ticketcore_install("night", NIGHT)
    ticketcore_install("quiet", "from ticketcore import hookimpl")
    desk = ticketcore_make_desk(plugins={"night": {"since": "22:00"}}, scheduler=SchedulerSection(inline=False))
    assert_nothing_sent(desk, channel="observer:night")
    assert_nothing_sent(desk, "COMMENT_ADDED", channel="observer:night")
    assert failure(assert_sent, desk, "CREATED", channel="observer:night") == (
        "there is no message about CREATED over observer:night; the outbox is empty"
    )
    assert failure(assert_nothing_sent, desk, channel="observer:nigth") == (
        "there is no channel of this desk 'observer:nigth'; did you mean 'observer:night'?"
    )
    assert failure(assert_nothing_sent, desk, channel="night") == (
        "there is no channel of this desk 'night'; known: email, observer:night"
    )
    assert "there is no channel" in failure(assert_nothing_sent, desk, channel="observer:quiet")
    desk.tickets.create("Printer", action_by="ann")
    assert_sent(desk, "CREATED", channel="observer:night", state="PENDING", count=1)
    assert failure(assert_nothing_sent, desk, channel="observer:night").startswith("expected no message over observer:")


def test_an_observer_that_is_not_set_up_has_a_channel_too(
    ticketcore_make_desk: MakeDesk, ticketcore_install: Installer
) -> None:
    ticketcore_install("night", NIGHT)
    desk = ticketcore_make_desk()
    desk.tickets.create("Printer", action_by="ann")
    assert_nothing_sent(desk, channel="observer:night")


def test_the_outbox_is_asked_by_event_and_reader(desk: Desk) -> None:
    outbox = Outbox(desk)
    assert outbox.codes() == ["CREATED", "CREATED", "STATUS_CHANGED", "STATUS_CHANGED"]
    assert outbox.recipients("CREATED") == [ANN, BOB]
    assert [message.notify_code for message in outbox.messages(to=BOB)] == ["CREATED", "STATUS_CHANGED"]


# Refusals


def test_a_refusal_is_returned(desk: Desk) -> None:
    error = assert_refused(lambda: desk.tickets.create("", priority="URGENT", action_by="ann"), field="subject")
    assert [problem.field for problem in error.problems] == ["subject", "priority"]
    error = assert_refused(lambda: desk.tickets.close(1, action_by="ann"), field="status", match="cannot become CLOSED")
    assert isinstance(error, InvalidTransitionError)
    assert_refused(lambda: desk.tickets.close(1, action_by="ann"))


def test_another_refusal_is_shown_with_all_its_problems(desk: Desk) -> None:
    def call() -> Ticket:
        return desk.tickets.create("", priority="URGENT", action_by="ann")

    expected = lines(
        """
        it was refused, but with no problem in the field 'subject' that matches 'not known'; the problems are:
          field       message
          'subject'   must not be empty
          'priority'  'URGENT' is not known; choose one of CRITICAL, HIGH, MEDIUM, LOW, INFO
        """
    )
    assert failure(assert_refused, call, field="subject", match="not known") == expected
    assert "no problem in the field ''; " in failure(assert_refused, call, field="")


def test_what_is_not_refused_is_shown() -> None:
    assert failure(assert_refused, lambda: "all is well") == "it was not refused; it returned 'all is well'"
    assert failure(assert_refused, lambda: "x" * 1000).endswith("x…")


@pytest.mark.parametrize("result", [None, make_ticket(subject="Printer"), "x" * 1000])
def test_what_was_called_already_is_no_question(result: Any) -> None:
    with pytest.raises(TypeError) as caught:
        assert_refused(result)
    message = str(caught.value)
    assert message.startswith("give a function, for example a lambda: assert_refused(lambda: ...), not ")
    assert len(message) < 150


def test_another_failure_is_no_refusal(desk: Desk) -> None:
    message = failure(assert_refused, lambda: desk.tickets.close(404, action_by="ann"))
    assert message.startswith("it was not refused, but failed: NotFoundError: there is no ticket 404")
    with pytest.raises(ZeroDivisionError):
        assert_refused(lambda: 1 / 0)


def test_a_refusal_that_no_field_is_to_blame_for_is_asked_for_with_an_empty_one() -> None:
    def call() -> None:
        raise RejectedError([Problem("", "not on a Sunday")])

    assert_refused(call, field="", match="Sunday")
    assert "in the field 'subject'" in failure(assert_refused, call, field="subject")
