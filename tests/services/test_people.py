"""People through a desk, on both stores: who a text means, and what people see instead of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ticketcore.desk import Desk
from ticketcore.domain.people import Person, User
from ticketcore.domain.query import Query
from ticketcore.errors import RejectedError

ANN, BOB, MAX = "ann@example.com", "bob@example.com", "max@example.com"


@pytest.fixture
def ann(desk: Desk) -> Person:
    return desk.people.add_person("Ann Lee", ANN, "ann")


def store(desk: Desk, *records: object) -> None:
    """Store records as another program would that shares the tables."""
    with desk.repository.transaction() as tx:
        for record in records:
            tx.add(record)


def assigned(desk: Desk, text: str) -> str:
    return desk.tickets.create("Printer", requested_by_type="SYSTEM", assigned_to=text, action_by=MAX).assigned_to


def found(desk: Desk, text: str) -> list[int]:
    return [ticket.ticket_number for ticket in desk.queries.get_tickets_by_assignee(text)]


# Who a text means


@pytest.mark.parametrize("text", [ANN, "Ann@Example.COM", f" {ANN}  ", "ann", " ann ", "guid"])
def test_who_is_found_is_stored_by_guid(desk: Desk, ann: Person, text: str) -> None:
    text = ann.person_guid if text == "guid" else text
    assert assigned(desk, text) == ann.person_guid
    desk.tickets.create("Plotter", action_by=MAX)
    assert desk.tickets.assign(2, text, action_by=MAX).assigned_to == ann.person_guid


@pytest.mark.parametrize("text", ["night shift", "Guest@Example.com", "Ann", "ann@", "ann@example.org"])
def test_any_other_text_stays_as_given(desk: Desk, ann: Person, text: str) -> None:
    assert assigned(desk, text) == text


def test_an_address_comes_before_a_login_name(desk: Desk, ann: Person) -> None:
    bob = desk.people.add_person("Bob", BOB, ANN)  # a login that looks like somebody else's address
    assert assigned(desk, ANN) == ann.person_guid
    assert found(desk, ANN) == [1]
    assert found(desk, bob.person_guid) == []


def test_a_login_means_its_person_and_else_who_has_its_address(desk: Desk, ann: Person) -> None:
    store(
        desk,
        User(username="lee", email=BOB, person_guid=ann.person_guid),
        User(username="alee", email=ANN.upper()),
        User(username="gone", email=ANN, active=False),
    )
    assert assigned(desk, "lee") == ann.person_guid
    assert assigned(desk, "alee") == ann.person_guid
    assert assigned(desk, "gone") == "gone"


def test_somebody_who_is_gone_gets_nothing_any_more(desk: Desk) -> None:
    store(desk, Person(person_guid="g", name="Gone", email=BOB, active=False), User(username="bob", email=BOB))
    for text in ("g", BOB, "bob"):
        assert assigned(desk, text) == text
    assert desk.people.resolve_by_email(BOB) is None


def test_an_address_is_resolved_to_a_person(desk: Desk, ann: Person) -> None:
    assert desk.people.resolve_by_email(" Ann@example.com") == ann
    for text in (BOB, "ann", ann.person_guid, "", "@", "\ud800@example.com"):
        assert desk.people.resolve_by_email(text) is None


def test_whoever_is_meant_is_resolved_to_an_address(desk: Desk, ann: Person) -> None:
    store(desk, User(username="robot", email="Robot@example.com"))
    for text in ("ann", ANN.upper(), ann.person_guid):
        assert desk.people.resolve_user_email(text) == ANN
    assert desk.people.resolve_user_email("robot") == "robot@example.com"
    assert desk.people.resolve_user_email("Guest@example.com") == "guest@example.com"
    for text in ("nobody", "", "\ud800"):
        assert desk.people.resolve_user_email(text) is None


# Whose tickets


def test_every_spelling_finds_the_tickets_of_before_somebody_was_known_too(desk: Desk) -> None:
    for text in (ANN, "ann", "alee"):
        assigned(desk, text)
    ann = desk.people.add_person("Ann Lee", ANN, "ann")
    store(desk, User(username="alee", email=ANN))
    assigned(desk, "ann")
    for text in (ANN, ANN.upper(), "ann", "alee", ann.person_guid, f" {ANN} "):
        assert found(desk, text) == [1, 2, 3, 4], text
    assert [ticket.ticket_number for ticket in desk.queries.get_tickets_by_filter(assignee="alee")] == [1, 2, 3, 4]


def test_a_login_that_belongs_to_nobody_known_and_its_address_find_the_same_tickets(desk: Desk) -> None:
    store(desk, User(username="robot", email="robot@example.com"), User(username="bot", email="robot@example.com"))
    for text in ("robot", "robot@example.com", "bot"):
        assigned(desk, text)
    for text in ("robot", "robot@example.com", "bot", "Robot@Example.com"):
        assert found(desk, text) == [1, 2, 3], text


def test_tickets_of_somebody_who_is_gone_are_found_by_every_spelling(desk: Desk, ann: Person) -> None:
    assigned(desk, "ann")
    gone = Person(person_guid=ann.person_guid, name=ann.name, email=ann.email, active=False)
    with desk.repository.transaction() as tx:
        tx.save(gone)
    for text in (ANN, "ann", ann.person_guid):
        assert found(desk, text) == [1], text


def test_a_login_of_another_person_with_the_same_address_is_that_persons(desk: Desk, ann: Person) -> None:
    bob = desk.people.add_person("Bob", BOB, "bob")
    store(desk, User(username="shared", email=ANN, person_guid=bob.person_guid))
    assert assigned(desk, "shared") == bob.person_guid
    assert found(desk, ANN) == []
    assert found(desk, "shared") == found(desk, BOB) == [1]


# What people see


def test_names_are_shown_for_every_spelling_of_somebody_known(desk: Desk, ann: Person) -> None:
    store(
        desk,
        Person(person_guid="g", name="Gone", email=BOB, active=False),
        User(username="bob", email=BOB),
        User(username="robot", email="robot@example.com"),
    )
    shown = {
        ann.person_guid: "Ann Lee",
        ANN: "Ann Lee",
        "Ann@Example.com": "Ann Lee",
        "ann": "Ann Lee",
        "g": "Gone",
        BOB: "Gone",
        "bob": "Gone",
        "robot": "robot",
        "night shift": "night shift",
        "max@example.com": "max@example.com",
        "\ud800": "\ud800",
    }
    assert desk.people.names([*shown, ""]) == shown
    assert desk.people.names([]) == desk.people.names([""]) == {}
    for text, name in shown.items():
        assert desk.people.names([text]) == {text: name}


def test_names_take_at_most_three_questions(desk: Desk, ann: Person) -> None:
    store(desk, *(User(username=f"u{number}", email=ANN) for number in range(50)))
    asked: list[Query[Any]] = []
    with desk.repository.transaction(read_only=True) as tx:

        class Counting:
            def find(self, query: Query[Any]) -> list[Any]:
                asked.append(query)
                return tx.find(query)

        from ticketcore.services.people import names_of

        texts = [ann.person_guid, ANN, *(f"u{number}" for number in range(60))]
        names = names_of(Counting(), texts)  # type: ignore[arg-type]
    assert sum(name == "Ann Lee" for name in names.values()) == 52
    assert len(asked) == 3


def test_mails_show_the_name_also_of_somebody_who_is_gone_by_now(desk: Desk, ann: Person) -> None:
    desk.tickets.create("Printer", assigned_to="ann", watchers=["w@example.com"], action_by="ann")
    with desk.repository.transaction() as tx:
        tx.save(Person(person_guid=ann.person_guid, name=ann.name, email=ann.email, active=False))
    desk.tickets.change_status(1, "TRIAGED", action_by="ann")
    last = desk.notifications.list_outbox()[-1]
    payload = json.loads(last.payload)
    assert (payload["assigned_to"], payload["action_by"]) == ("Ann Lee", "Ann Lee")
    assert last.recipient == "w@example.com"


# Adding them


def test_everything_that_is_wrong_with_a_person_is_said_at_once(desk: Desk, ann: Person) -> None:
    with pytest.raises(RejectedError) as refused:
        desk.people.add_person("  ", "nonsense", "x" * 256)
    assert [problem.field for problem in refused.value.problems] == ["email", "name", "username"]
    with pytest.raises(RejectedError) as refused:
        desk.people.add_person("A\x00", ANN.upper(), "ann")
    lines = refused.value.lines()
    assert lines[0].startswith("name: holds a character that is no text")
    assert lines[1:] == [f"email: {ANN} belongs to Ann Lee already", "username: ann is taken already"]
    assert desk.people.list_people() == [ann]


@pytest.mark.parametrize(
    ("name", "email", "username"), [("\ud800", BOB, ""), ("Bob", "\ud800@x.com", ""), ("Bob", BOB, "\ud800")]
)
def test_what_no_store_can_hold_is_refused(desk: Desk, name: str, email: str, username: str) -> None:
    with pytest.raises(RejectedError):
        desk.people.add_person(name, email, username)
    assert desk.people.list_people() == []


def test_a_person_is_stored_as_people_are_compared(desk: Desk) -> None:
    person = desk.people.add_person(" Ann \n Lee ", " Ann@Example.com ", " ann ", is_staff=True)
    assert (person.name, person.email, person.is_staff, person.active) == ("Ann Lee", ANN, True, True)
    assert desk.people.list_people() == [person]
    assert assigned(desk, "ann") == person.person_guid
