"""Searching the text of tickets, on both stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from ticketcore.adapters.system import PlayedClock
from ticketcore.desk import Desk
from ticketcore.domain.search import MOST
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import NotFoundError, RejectedError

ANN = "ann@example.com"


def new(desk: Desk, subject: str = "Printer", description: str = "", package: str = "CORE") -> Ticket:
    return desk.tickets.create(
        subject, description=description, package=package, requested_by_type="SYSTEM", action_by=ANN
    )


def numbers(tickets: Iterable[Ticket]) -> list[int]:
    return [ticket.ticket_number for ticket in tickets]


def test_words_are_found_in_every_text_of_a_ticket(desk: Desk) -> None:
    ticket = new(desk, "The printer is jammed", "It blinks.\nNobody knows why.")
    new(desk, "The scanner is jammed")
    desk.comments.add_comment(ticket, "I have switched it off.", commented_by=ANN)
    for text in ("printer", "Nobody BLINKS", "switched", "jammed, off!", '"why" printer'):
        assert numbers(desk.queries.search(text)) == [1], text
    for text in ("print", "printer scanner", "switching", "nobody else"):
        assert desk.queries.search(text) == [], text
    assert numbers(desk.queries.search("jammed")) == [2, 1]


def test_an_updated_ticket_is_found_by_what_it_says_now(desk: Desk) -> None:
    ticket = new(desk, "Printer", "jammed")
    desk.tickets.update(ticket.ticket_number, subject="Scanner", action_by=ANN)
    assert desk.queries.search("printer") == []
    assert numbers(desk.queries.search("scanner jammed")) == [1]


def test_the_analysis_is_searched_too(desk: Desk) -> None:
    new(desk)
    desk.tickets.add_analysis(1, "A worn-out roller", action_by=ANN)
    assert numbers(desk.queries.search("printer roller")) == [1]
    desk.tickets.add_analysis(1, "No paper", action_by=ANN)
    assert desk.queries.search("roller") == []


def test_comments_are_found_with_the_ticket_that_they_were_merged_into(desk: Desk) -> None:
    new(desk, "Scanner")
    new(desk, "Printer")
    desk.comments.add_comment(2, "the roller is worn out", commented_by=ANN)
    desk.comments.add_comment(2, "nobody else may know", commented_by=ANN, is_internal=True)
    desk.tickets.merge(2, 1, action_by=ANN)
    assert numbers(desk.queries.search("roller")) == [1]
    assert numbers(desk.queries.search("scanner worn")) == [1]
    assert desk.queries.search("nobody") == []
    assert numbers(desk.queries.search("nobody", internal=True)) == [1]


def test_internal_comments_are_for_those_who_ask(desk: Desk) -> None:
    ticket = new(desk)
    desk.comments.add_comment(ticket, "The customer is rude", commented_by=ANN, is_internal=True)
    assert desk.queries.search("rude") == []
    assert desk.queries.search("rude printer") == []
    assert numbers(desk.queries.search("rude printer", internal=True)) == [1]


def test_a_search_is_narrowed_by_package_and_status(desk: Desk) -> None:
    for package in ("CORE", "SHOP"):
        new(desk, package=package)
        desk.tickets.cancel(new(desk, package=package).ticket_number, action_by=ANN)
    assert numbers(desk.queries.search("printer")) == [4, 3, 2, 1]
    assert numbers(desk.queries.search("printer", package="SHOP")) == [4, 3]
    assert numbers(desk.queries.search("printer", status="NEW")) == [3, 1]
    assert numbers(desk.queries.search("printer", status=["NEW", "CANCELLED"], package="CORE")) == [2, 1]


def test_pages_go_on_from_the_newest_to_the_oldest(desk: Desk) -> None:
    for place in range(7):
        new(desk, "Printer" if place % 2 else "Scanner", "jammed")
    first = desk.queries.search("jammed", limit=3)
    second = desk.queries.search("jammed", limit=3, after=first[-1])
    third = desk.queries.search("jammed", limit=3, after=second[-1].ticket_number)
    assert [numbers(page) for page in (first, second, third)] == [[7, 6, 5], [4, 3, 2], [1]]
    assert numbers(desk.queries.search("printer", limit=2, after=second[0].guid)) == [2]
    assert desk.queries.search("jammed", after=1) == []


def test_a_filter_takes_a_search_too(desk: Desk, clock: PlayedClock) -> None:
    for place in range(4):
        new(desk, "Printer" if place % 2 else "Scanner", "jammed")
        clock.advance(hours=24)
    find = desk.queries.get_tickets_by_filter
    assert numbers(find(search="jammed")) == [1, 2, 3, 4]
    assert numbers(find(search="printer", sort="-created")) == [4, 2]
    assert numbers(find(search="jammed", created_after="2026-03-03", created_before="2026-03-05")) == [2, 3]
    desk.comments.add_comment(3, "printer", commented_by=ANN, is_internal=True)
    assert numbers(find(search="printer", internal=True, limit=2)) == [2, 3]
    assert numbers(find(search="printer", internal=True, limit=2, after=3)) == [4]


@pytest.mark.parametrize("text", ["", "  ", "?!", '""'])
def test_a_search_without_a_word_is_refused(desk: Desk, text: str) -> None:
    new(desk)
    for ask in (desk.queries.search, lambda text: desk.queries.get_tickets_by_filter(search=text)):
        with pytest.raises(RejectedError) as refused:
            ask(text)
        assert refused.value.lines() == ["search: has no word to look for; a word is made of letters and digits"]


def test_what_a_search_cannot_be_is_refused(desk: Desk) -> None:
    new(desk)
    with pytest.raises(RejectedError, match=f"at most {MOST} are allowed"):
        desk.queries.search(" ".join(f"w{number}" for number in range(MOST + 1)))
    with pytest.raises(RejectedError, match="'OPEN' is not known"):
        desk.queries.search("printer", status="OPEN")
    with pytest.raises(RejectedError, match="must be at least 1"):
        desk.queries.search("printer", limit=0)
    with pytest.raises(NotFoundError):
        desk.queries.search("printer", after=99)


def test_what_was_refused_is_not_found(desk: Desk) -> None:
    new(desk)
    with pytest.raises(RejectedError):
        desk.tickets.update(1, subject="Scanner", description="half a \ud800 pair", action_by=ANN)
    with pytest.raises(RejectedError):
        desk.comments.add_comment(1, "scanner\x00", commented_by=ANN)
    assert desk.queries.search("scanner") == []
    assert numbers(desk.queries.search("printer")) == [1]


def test_both_stores_find_the_same(make_desk: Callable[..., Desk], tmp_path: Path) -> None:
    subjects = ["Straße 5, Köln", "STRASSE 5 Koln", "e-mail an Ελλάς", "10.0.0.7 🎫 東京、大阪", "Größe: 5 m²"]
    asked = ["strasse", "köln 5", "koln", "KÖLN", "ελλάς", "ελλασ", "mail", "7", "大阪", "m²", "grösse", "5"]
    answers = []
    for url in ("memory:", f"sqlite:///{tmp_path}/both.db"):
        desk = make_desk(url, notifiers=())
        for subject in subjects:
            new(desk, subject)
        answers.append([numbers(desk.queries.search(text)) for text in asked])
    assert answers[0] == answers[1]
    assert answers[0] == [[2, 1], [1], [2], [1], [3], [], [3], [4], [4], [5], [5], [5, 2, 1]]
