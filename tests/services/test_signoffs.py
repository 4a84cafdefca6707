"""Sign-offs through a desk, on both stores: what is stored, who is told, who may answer, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore import open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection
from ticketcore.desk import Desk
from ticketcore.domain.people import Person
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Signoff, SignoffStatus
from ticketcore.errors import NotFoundError, RejectedError

ANN, BOB, MAX = "ann@example.com", "bob@example.com", "max@example.com"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def ticket(desk: Desk) -> Ticket:
    return desk.tickets.create("Printer", requested_by_type="SYSTEM", action_by=MAX)


@pytest.fixture
def ann(desk: Desk) -> Person:
    return desk.people.add_person("Ann Lee", ANN, "ann")


@pytest.fixture
def state(desk: Desk) -> Callable[[], tuple[Any, ...]]:
    """Return a function that says everything that is stored about the first ticket."""

    def of() -> tuple[Any, ...]:
        return (
            desk.tickets.read(1),
            desk.signoffs.get_signoffs(1),
            desk.queries.get_history(1),
            desk.notifications.list_outbox(),
        )

    return of


def rows(desk: Desk) -> list[tuple[str, str | None, str | None, str, str]]:
    """Return what the history says of sign-offs."""
    found = [row for row in desk.queries.get_history(1) if row.field == "signoff"]
    return [(row.action, row.old_value, row.new_value, row.note, row.action_by) for row in found]


def told(desk: Desk) -> list[tuple[str, str]]:
    return [(message.notify_code, message.recipient) for message in desk.notifications.list_outbox()]


# Asking


def test_people_are_asked_by_address_login_or_guid(desk: Desk, ticket: Ticket, ann: Person) -> None:
    bob = desk.people.add_person("Bob", BOB, "bob")
    asked = desk.signoffs.request_signoff(
        1, [bob.person_guid, "ann", " Guest@Example.com "], requested_by=MAX, role="QA"
    )
    assert [(one.email, one.person_guid) for one in asked] == [
        (BOB, bob.person_guid),
        (ANN, ann.person_guid),
        ("guest@example.com", None),
    ]
    first = asked[0]
    assert (first.ticket_guid, first.package, first.role, first.status) == (ticket.guid, "CORE", "QA", "PENDING")
    assert (first.requested_by, first.requested_date, first.signed_date, first.note) == (MAX, START, None, "")
    assert desk.signoffs.get_signoffs(ticket.guid) == asked
    assert rows(desk) == [("SIGNOFF_REQUESTED", None, one.email, "QA", MAX) for one in asked]


def test_a_single_person_may_be_named_without_a_list(desk: Desk, ticket: Ticket) -> None:
    assert [one.email for one in desk.signoffs.request_signoff(1, ANN, requested_by=MAX)] == [ANN]


def test_only_those_who_are_asked_are_told_and_how_to_answer(desk: Desk, ann: Person) -> None:
    desk.people.add_person("Max Miller", MAX)
    desk.tickets.create("Printer", requested_by=BOB, watchers=["w@example.com"], assigned_to=BOB, action_by=MAX)
    before = len(told(desk))
    desk.signoffs.request_signoff(1, ["ann", "guest@example.com"], requested_by=MAX, role="QA")
    messages = desk.notifications.list_outbox()[before:]
    assert told(desk)[before:] == [("SIGNOFF_REQUESTED", ANN), ("SIGNOFF_REQUESTED", "guest@example.com")]
    payload = json.loads(messages[0].payload)
    assert (payload["event"], payload["to"], payload["action_by"]) == ("Sign-off Requested", [ANN], "Max Miller")
    assert payload["detail"].startswith("Max Miller asks you to sign ticket 1 off as QA.\n")
    assert "ticketcore sign-off 1 --by" in payload["detail"]


def test_the_mail_says_what_it_is_about(desk: Desk, ticket: Ticket, mail_folder: Any) -> None:
    desk.signoffs.request_signoff(1, ANN, requested_by=MAX)
    (mail,) = mail_folder.glob("*.eml")
    text = mail.read_text(encoding="utf-8")
    assert "X-Ticketcore-Event: SIGNOFF_REQUESTED" in text
    assert "Ticket #1 - Sign-off Requested" in text
    assert f"{MAX} asks you to sign ticket 1 off." in text
    assert "<title>#1 Sign-off Requested: Printer</title>" in text


def test_asking_twice_is_one_request(desk: Desk, ticket: Ticket, ann: Person, state: Callable[[], Any]) -> None:
    (first,) = desk.signoffs.request_signoff(1, ["ann", ANN.upper(), ann.person_guid], requested_by=MAX)
    before = state()
    assert desk.signoffs.request_signoff(1, "ann", requested_by=BOB, role="another") == [first]
    assert state() == before


def test_with_others_only_those_are_asked_who_are_not_yet(desk: Desk, ticket: Ticket) -> None:
    (first,) = desk.signoffs.request_signoff(1, ANN, requested_by=MAX)
    both = desk.signoffs.request_signoff(1, iter([BOB, ANN]), requested_by=MAX)
    assert (both[0].email, both[1]) == (BOB, first)
    assert told(desk) == [("SIGNOFF_REQUESTED", ANN), ("SIGNOFF_REQUESTED", BOB)]


@pytest.mark.parametrize("end", ["approved", "rejected", "withdrawn"])
def test_who_has_answered_or_is_not_asked_any_more_is_asked_anew(
    desk: Desk, ticket: Ticket, clock: PlayedClock, end: str
) -> None:
    (first,) = desk.signoffs.request_signoff(1, ANN, requested_by=MAX, role="QA")
    if end == "withdrawn":
        desk.signoffs.withdraw_signoff(1, ANN, action_by=MAX)
    else:
        desk.signoffs.sign_off(1, ANN, end == "approved", "so")
    clock.advance(hours=1)
    (again,) = desk.signoffs.request_signoff(1, ANN, requested_by=BOB)
    assert (again.guid, again.status, again.note, again.signed_date) == (first.guid, "PENDING", "", None)
    assert (again.requested_by, again.requested_date, again.role) == (BOB, START + timedelta(hours=1), "")
    assert desk.signoffs.get_signoffs(1) == [again]
    assert told(desk) == [("SIGNOFF_REQUESTED", ANN)] * 2
    assert desk.signoffs.sign_off(1, ANN, True).status == "APPROVED"


@pytest.mark.parametrize(
    ("people", "role", "problems"),
    [
        ([], "", ["people: must name at least one person to ask"]),
        ("", "", ["people: must not be empty"]),
        ([ANN, "nobody"], "", ["people: 'nobody' is neither an e-mail address nor a known person"]),
        (["nobody", "a b@c"], "", ["'nobody' is neither", "'a b@c' is neither"]),
        (None, "", ["people: must be a list of people, not NoneType"]),
        (5, "", ["people: must be a list of people, not int"]),
        ([5], "", ["people: must be text, not int"]),
        (["\ud800"], "", ["people: holds a character that is no text"]),
        (ANN, "x" * 101, ["role: has 101 characters; at most 100 are allowed"]),
        ("nobody", "x" * 101, ["role: has 101", "people: 'nobody'"]),
    ],
)
def test_wrong_requests_ask_nobody(
    desk: Desk, ticket: Ticket, state: Callable[[], Any], people: Any, role: str, problems: list[str]
) -> None:
    before = state()
    with pytest.raises(RejectedError) as refused:
        desk.signoffs.request_signoff(1, people, requested_by=MAX, role=role)
    assert len([one for one in refused.value.lines() if any(part in one for part in problems)]) == len(problems)
    assert state() == before


def test_who_asks_has_to_be_named(desk: Desk, ticket: Ticket, state: Callable[[], Any]) -> None:
    before = state()
    with pytest.raises(RejectedError, match="action_by: must say who acts"):
        desk.signoffs.request_signoff(1, ANN, requested_by="  ")
    assert state() == before


def test_a_login_without_an_address_cannot_be_asked_and_somebody_who_is_gone_only_by_address(
    desk: Desk, ticket: Ticket
) -> None:
    from ticketcore.domain.people import User

    with desk.repository.transaction() as tx:
        tx.add(User(username="robot", email=""))
        tx.add(Person(person_guid="gone", name="Gone", email="gone@example.com", active=False))
    for name in ("robot", "gone"):
        with pytest.raises(RejectedError, match=f"'{name}' is neither"):
            desk.signoffs.request_signoff(1, name, requested_by=MAX)
    (asked,) = desk.signoffs.request_signoff(1, "gone@example.com", requested_by=MAX)
    assert asked.person_guid is None


def test_a_merged_ticket_is_not_signed_off(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.create("Other", action_by=MAX)
    desk.tickets.merge(1, 2, action_by=MAX)
    with pytest.raises(RejectedError, match="ticket 1 was merged into ticket 2"):
        desk.signoffs.request_signoff(1, ANN, requested_by=MAX)


# Answering


@pytest.mark.parametrize(("approved", "status"), [(True, "APPROVED"), (False, "REJECTED")])
@pytest.mark.parametrize("name", ["ann", ANN, ANN.upper(), "guid"])
def test_who_was_asked_answers_under_any_of_their_names(
    desk: Desk, ticket: Ticket, ann: Person, clock: PlayedClock, name: str, approved: bool, status: str
) -> None:
    desk.signoffs.request_signoff(1, ANN, requested_by=MAX, role="QA")
    clock.advance(minutes=5)
    person = ann.person_guid if name == "guid" else name
    answer = desk.signoffs.sign_off(1, person, approved, "because\nso")
    assert (answer.status, answer.note, answer.role) == (status, "because\nso", "QA")
    assert answer.signed_date == START + timedelta(minutes=5)
    assert desk.signoffs.get_signoffs(1) == [answer]
    assert rows(desk)[-1] == ("SIGNOFF_GIVEN", ANN, status, "because\nso", person)
    assert told(desk) == [("SIGNOFF_REQUESTED", ANN)]


def test_nobody_else_can_answer(desk: Desk, ticket: Ticket, ann: Person, state: Callable[[], Any]) -> None:
    desk.people.add_person("Bob", BOB, "bob")
    desk.signoffs.request_signoff(1, ANN, requested_by=MAX)
    before = state()
    for name in (BOB, "bob", MAX, "nobody", "gone@example.com"):
        with pytest.raises(RejectedError, match=f"person: {name} was not asked to sign ticket 1 off; asked: {ANN}"):
            desk.signoffs.sign_off(1, name, True)
        with pytest.raises(RejectedError, match="was not asked"):
            desk.signoffs.withdraw_signoff(1, name, action_by=MAX)
    assert state() == before


def test_where_nobody_was_asked_nobody_can_answer(desk: Desk, ticket: Ticket) -> None:
    with pytest.raises(RejectedError, match="asked: nobody"):
        desk.signoffs.sign_off(1, ANN, True)


def test_a_request_for_one_ticket_is_none_for_another(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.create("Other", action_by=MAX)
    desk.signoffs.request_signoff(1, ANN, requested_by=MAX)
    with pytest.raises(RejectedError, match="sign ticket 2 off; asked: nobody"):
        desk.signoffs.sign_off(2, ANN, True)


def test_the_same_answer_again_changes_nothing_and_another_one_is_refused(
    desk: Desk, ticket: Ticket, state: Callable[[], Any]
) -> None:
    desk.signoffs.request_signoff(1, ANN, requested_by=MAX)
    answer = desk.signoffs.sign_off(1, ANN, True, "fine")
    before = state()
    assert desk.signoffs.sign_off(1, ANN, True, "fine") == answer
    for approved, note in ((False, "fine"), (True, "not fine")):
        with pytest.raises(RejectedError, match="has answered already"):
            desk.signoffs.sign_off(1, ANN, approved, note)
    with pytest.raises(RejectedError, match="only an open request can be withdrawn"):
        desk.signoffs.withdraw_signoff(1, ANN, action_by=MAX)
    assert state() == before


@pytest.mark.parametrize("approved", ["no", 1, None])
def test_an_answer_is_yes_or_no(desk: Desk, ticket: Ticket, approved: Any, state: Callable[[], Any]) -> None:
    desk.signoffs.request_signoff(1, ANN, requested_by=MAX)
    before = state()
    with pytest.raises(RejectedError) as refused:
        desk.signoffs.sign_off(1, ANN, approved, note="\x00")
    assert [problem.field for problem in refused.value.problems] == ["note", "approved"]
    assert state() == before


@pytest.mark.parametrize("person", ["", "  ", None])
def test_who_answers_has_to_be_named(desk: Desk, ticket: Ticket, person: Any) -> None:
    desk.signoffs.request_signoff(1, ANN, requested_by=MAX)
    with pytest.raises(RejectedError, match="person: must "):
        desk.signoffs.sign_off(1, person, True)


# Withdrawing


def test_a_request_that_is_withdrawn_cannot_be_answered(
    desk: Desk, ticket: Ticket, ann: Person, state: Callable[[], Any]
) -> None:
    desk.signoffs.request_signoff(1, ANN, requested_by=MAX)
    gone = desk.signoffs.withdraw_signoff(1, "ann", action_by=BOB)
    assert gone.status is SignoffStatus.WITHDRAWN
    assert rows(desk)[-1] == ("SIGNOFF_WITHDRAWN", ANN, None, "", BOB)
    before = state()
    with pytest.raises(RejectedError, match="was withdrawn"):
        desk.signoffs.sign_off(1, ANN, True)
    assert desk.signoffs.withdraw_signoff(1, ANN, action_by=BOB) == gone
    assert state() == before


def test_a_ticket_that_does_not_exist(desk: Desk) -> None:
    for call in (
        lambda: desk.signoffs.request_signoff(7, ANN, requested_by=MAX),
        lambda: desk.signoffs.sign_off(7, ANN, True),
        lambda: desk.signoffs.withdraw_signoff(7, ANN, action_by=MAX),
        lambda: desk.signoffs.get_signoffs(7),
    ):
        with pytest.raises(NotFoundError):
            call()


def test_what_people_say_can_be_said_whatever_else_has_changed(desk: Desk, ticket: Ticket) -> None:
    desk.signoffs.request_signoff(ticket, ANN, requested_by=MAX)
    desk.tickets.update(1, subject="Plotter", action_by=MAX)
    assert desk.signoffs.sign_off(ticket, ANN, True).status == "APPROVED"  # by a record that is out of date
    assert desk.queries.verify_history(1) == []


# At the same moment


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Make all calls at the same moment; return their results, or the refusals."""
    together = Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        together.wait()
        try:
            return call()
        except RejectedError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_several_who_ask_the_same_person_at_once_make_one_request(desk: Desk, ticket: Ticket) -> None:
    asked = at_once(*[lambda: desk.signoffs.request_signoff(1, ANN, requested_by=MAX)] * 4)
    (request,) = desk.signoffs.get_signoffs(1)
    assert asked == [[request]] * 4
    assert told(desk) == [("SIGNOFF_REQUESTED", ANN)]


def test_of_two_answers_at_once_one_stands(desk: Desk, ticket: Ticket) -> None:
    desk.signoffs.request_signoff(1, ANN, requested_by=MAX)
    answers = at_once(
        lambda: desk.signoffs.sign_off(1, ANN, True),
        lambda: desk.signoffs.sign_off(1, ANN, False),
        lambda: desk.signoffs.withdraw_signoff(1, ANN, action_by=MAX),
    )
    (stands,) = [answer for answer in answers if not isinstance(answer, RejectedError)]
    assert desk.signoffs.get_signoffs(1) == [stands]
    assert len(rows(desk)) == 2


# Any order

EVENTS = st.lists(
    st.tuples(st.sampled_from(["ask", "yes", "no", "withdraw"]), st.sampled_from([ANN, BOB])), max_size=10
)


def _play(desk: Desk, events: list[tuple[str, str]]) -> Iterator[tuple[dict[str, str], list[Signoff]]]:
    """Yield after each event how each request should be, and how it is."""
    expected: dict[str, str] = {}
    for event, person in events:
        status = expected.get(person)
        allowed = {
            "ask": True,
            "yes": status in {"PENDING", "APPROVED"},
            "no": status in {"PENDING", "REJECTED"},
            "withdraw": status in {"PENDING", "WITHDRAWN"},
        }[event]
        result = {"ask": "PENDING", "yes": "APPROVED", "no": "REJECTED", "withdraw": "WITHDRAWN"}[event]
        try:
            if event == "ask":
                desk.signoffs.request_signoff(1, person, requested_by=MAX)
            elif event == "withdraw":
                desk.signoffs.withdraw_signoff(1, person, action_by=MAX)
            else:
                desk.signoffs.sign_off(1, person, event == "yes")
        except RejectedError:
            assert not allowed, (event, status)
        else:
            assert allowed, (event, status)
            expected[person] = result
        yield expected, desk.signoffs.get_signoffs(1)


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_there_is_one_request_for_each_person_in_whatever_order_things_happen(events: list[tuple[str, str]]) -> None:
    config = Config(database=DatabaseSection(url="memory:"), notifiers=())
    with open_desk(config, clock=PlayedClock(START)) as desk:
        desk.tickets.create("Printer", action_by=MAX)
        for expected, found in _play(desk, events):
            assert {one.email: one.status for one in found} == expected
            assert len(found) == len(expected)
        assert desk.queries.verify_history(1) == []
