"""Records to the types of JSON, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ticketcore.domain.events import NotifyCode, TicketEvent
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Comment
from ticketcore.serde import from_plain, to_plain
from ticketcore.testing.records import NOW, hard_records, make_comment, make_ticket, random_tickets


def there_and_back(record: Any) -> Any:
    return from_plain(type(record), json.loads(json.dumps(to_plain(record))))


@pytest.mark.parametrize("record", hard_records(), ids=lambda record: type(record).__name__.lower())
def test_every_record_comes_back_as_it_was(record: Any) -> None:
    assert there_and_back(record) == record


@given(tickets=random_tickets())
def test_any_ticket_comes_back_as_it_was(tickets: list[Ticket]) -> None:
    assert [there_and_back(ticket) for ticket in tickets] == tickets


@given(texts=st.lists(st.text(), min_size=5, max_size=5), code=st.none() | st.sampled_from(NotifyCode))
def test_an_event_comes_back_as_it_was(texts: list[str], code: NotifyCode | None) -> None:
    comment = evolve(make_comment(), text=texts[0])
    event = TicketEvent(
        id=texts[1],
        ticket=make_ticket(subject=texts[2], watchers=("a@example.com", "b@example.com")),
        action_by=texts[3],
        at=NOW,
        entries=(Entry(Action.COMMENT_ADDED, "public", None, texts[4]), Entry(Action.CREATED)),
        comment=comment,
        notify_code=code,
    )
    assert there_and_back(event) == event
    assert there_and_back(evolve(event, comment=None, entries=())) == evolve(event, comment=None, entries=())


def test_a_key_that_a_later_version_added_is_ignored() -> None:
    comment = make_comment()
    assert from_plain(Comment, to_plain(comment) | {"colour": "red"}) == comment


@pytest.mark.parametrize("wrong", [{"created_date": "yesterday"}, {"created_date": None}, None])
def test_what_is_no_record_is_an_error(wrong: dict[str, Any] | None) -> None:
    plain = to_plain(make_comment())
    damaged = {"text": plain["text"]} if wrong is None else plain | wrong
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_plain(Comment, damaged)


def test_a_list_of_records_is_a_list_of_objects() -> None:
    tickets = [make_ticket(), make_ticket()]
    assert to_plain(tickets) == [to_plain(ticket) for ticket in tickets]
    assert to_plain(()) == []
    assert to_plain(NotifyCode.CREATED) == "Created"
    assert to_plain({"at": "x"}) == {"at": "x"}
