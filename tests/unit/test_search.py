"""What a word is, and what a search is for."""

from __future__ import annotations

import random
import time
from unicodedata import category, normalize

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ticketcore.domain.query import Order, Query, eq, one_of, select
from ticketcore.domain.search import LONGEST, MOST, Search, found, parse_search, words
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Comment
from ticketcore.errors import RejectedError, RepositoryError
from ticketcore.testing.records import make_comment, make_ticket

properties = settings(derandomize=True, deadline=None, max_examples=300)

HARD = (
    *"aAzZ09_ -'\"äßσςıİ日𠮷½Ⅷ🎫\u00ad\u200b\u200d\ufe0f\u0301\u0308\u0345\u1100\u1161\u11a8",
    "\ud800",
    "\x00",
)
texts = st.text(st.sampled_from(HARD) | st.characters(), max_size=12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \t\r\n\u00a0\u2028!?()[]{}<>|&^%$#@~`+=*/\\", ""),
        ("The printer, THE printer!", "the printer"),
        ("e-mail snake_case foo.bar@example.com", "e mail snake case foo bar example com"),
        ("don't, don’t", "don t"),
        ("10.0.0.7:8080", "10 0 7 8080"),
        ("Müller MU\u0308LLER muller", "müller muller"),
        ("Straße STRASSE ẞ", "strasse ss"),
        ("ΟΔΟΣ οδος", "οδοσ"),
        ("Istanbul İstanbul ıstanbul", "istanbul i\u0307stanbul ıstanbul"),
        ("ﬁsh ŉ", "fish ʼn"),
        ("m² ½ Ⅷ ٣", "m² ½ ⅷ ٣"),
        ("ＡＢＣ", "ａｂｃ"),
        ("東京都、大阪。京都", "東京都 大阪 京都"),
        ("ラーメン　味噌", "ラーメン 味噌"),
        ("हिन्दी สวัสดี", "हिन्दी สวัสดี"),
        ("\u1100\u1161\u11a8", "각"),
        ("𠮷野家 𝒳 𐐀", "𠮷野家 𝒳 𐐨"),
        ("🎫lost🎫 ❤\ufe0f", "lost"),
        ("Kün\u00addi\u00adgung a\u2060b می\u200cخواهم", "kündigung ab میخواهم"),
        ("one\u200btwo", "one two"),
        ("葛\U000e0100 葛", "葛"),
        ("\u0301a a\u0301 \u0301", "a á"),
        ("\ufeffbom \u202eright-to-left\u202c", "bom right to left"),
        ("\ue000 private\ue000use", "private use"),
        ("half\ud800pair nul\x00nul", "half pair nul"),
        ("᾿Αχιλλεύς ᾳ ᾼ", "αχιλλεύσ αι"),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert words(text) == tuple(expected.split())


def test_a_long_word_is_cut() -> None:
    assert words(f"{'a' * LONGEST}b {'Ü' * 1000}") == ("a" * LONGEST, "ü" * LONGEST)


def test_every_letter_digit_and_mark_is_of_a_word_and_nothing_else_is() -> None:
    # Between two letters with which nothing combines, a character is a part of the word, ends it, or is not there.
    for number in (*range(0x20000), *range(0xE0000, 0xE0200)):
        char = chr(number)
        kind = category(char)
        count = len(words(f"日{char}本"))
        if char == "\u200b" or (kind[0] not in "LNM" and kind != "Cf"):
            assert count == 2, (hex(number), kind)
        else:
            assert count == 1, (hex(number), kind)


@properties
@given(texts)
def test_words_are_made_of_letters_digits_and_marks_and_begin_with_no_mark(text: str) -> None:
    for word in words(text):
        assert 0 < len(word) <= LONGEST
        assert {category(char)[0] for char in word} <= set("LNM")
        assert category(word[0])[0] != "M"


@properties
@given(texts)
@example("a\u0345\u0301")
@example("İ\u0323")
def test_words_are_their_own_words(text: str) -> None:
    assert words(" ".join(words(text))) == words(text)


@properties
@given(texts)
def test_the_way_in_which_a_character_is_written_does_not_count(text: str) -> None:
    whole = text.replace("\ud800", "")
    assert words(normalize("NFC", whole)) == words(normalize("NFD", whole)) == words(whole)
    assert words(whole.casefold()) == words(normalize("NFD", whole).casefold()) == words(whole)


@properties
@given(texts, texts)
def test_a_line_break_keeps_texts_apart(one: str, other: str) -> None:
    assert words(f"{one}\n{other}") == tuple(dict.fromkeys(words(one) + words(other)))


@properties
@given(st.lists(texts, max_size=4), st.data())
def test_every_word_has_to_be_in_some_text(some: list[str], data: st.DataObject) -> None:
    there = [word for text in some for word in words(text)]
    wanted = data.draw(st.lists(st.sampled_from([*there, "absent"]), min_size=1, max_size=3))
    assert found(Search(tuple(wanted)), some) is ("absent" not in wanted or "absent" in there)


def test_a_search_is_for_the_words_of_its_text_each_once() -> None:
    assert parse_search(" Printer, PRINTER jammed!") == Search(("printer", "jammed"))
    assert parse_search("x", internal=True) == Search(("x",), internal=True)


@pytest.mark.parametrize("text", ["", " \n", "!?", "*", "🎫", "\u0301", "\u00ad"])
def test_a_search_without_a_word_is_refused(text: str) -> None:
    with pytest.raises(RejectedError) as refused:
        parse_search(text)
    assert refused.value.lines() == ["search: has no word to look for; a word is made of letters and digits"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (7, "search: must be text, not int"),
        (None, "search: must be text, not NoneType"),
        ("a\x00b", "search: holds a character that is no text (NUL or half a surrogate pair)"),
        ("a\ud800", "search: holds a character that is no text (NUL or half a surrogate pair)"),
    ],
)
def test_what_is_no_text_is_refused(text: str, reason: str) -> None:
    with pytest.raises(RejectedError) as refused:
        parse_search(text)
    assert refused.value.lines() == [reason]


def test_a_search_has_so_many_words_and_no_more() -> None:
    many = [f"w{number}" for number in range(MOST)]
    assert parse_search(" ".join(many + many)).words == tuple(many)
    with pytest.raises(RejectedError, match=f"has {MOST + 1} words; at most {MOST} are allowed"):
        parse_search(" ".join([*many, "more"]))


def test_a_long_text_takes_no_time_to_speak_of() -> None:
    choose = random.Random(7)  # noqa: S311 - it need not be hard to guess
    text = "".join(choose.choice("abcdefgh äöü日本\u0301-") for _ in range(200_000))
    began = time.process_time()
    assert len(words(text)) > 10_000
    assert time.process_time() - began < 2


def test_a_letter_under_a_heap_of_marks_takes_no_time_to_speak_of() -> None:
    heap = "\u0301\u0316" * 250_000  # the canonical order of these takes the square of the time
    began = time.process_time()
    assert words(f"a{heap} b")[1:] == ("b",)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("count", [1, 29, 30])
def test_all_marks_of_a_letter_count_up_to_thirty(count: int) -> None:
    assert words("x" + "\u0323" * count) != words("x" + "\u0323" * (count - 1))


def test_marks_behind_the_thirtieth_are_as_if_they_were_not_there() -> None:
    assert words("x" + "\u0323" * 31) == words("x" + "\u0323" * 3000) == words("x" + "\u0323" * 30)


def comment(ticket_guid: str, text: str, *, internal: bool = False) -> Comment:
    return make_comment(ticket_guid=ticket_guid, text=text, is_internal=internal)


def test_a_query_asks_for_the_comments_of_what_may_fit_and_of_nothing_else() -> None:
    tickets = [make_ticket(subject=subject, package=package) for subject in "ab" for package in ("CORE", "SHOP")]
    comments = [comment(ticket.guid, "said") for ticket in tickets]
    asked: list[Query[Comment]] = []

    def find(query: Query[Comment]) -> list[Comment]:
        asked.append(query)
        return select(comments, query)

    query = Query(Ticket, (eq("package", "CORE"),), (Order("subject"),), 1, search=parse_search("said b"))
    assert select(tickets, query, find) == [tickets[2]]
    guids = (tickets[0].guid, tickets[2].guid)
    assert asked == [Query(Comment, (one_of("ticket_guid", guids), eq("is_internal", value=False)))]


def test_an_internal_comment_counts_if_it_is_asked_for() -> None:
    ticket = make_ticket(subject="printer")
    comments = [comment(ticket.guid, "secret", internal=True)]
    query = Query(Ticket, search=parse_search("secret printer"))
    assert select([ticket], query, lambda asked: select(comments, asked)) == []
    query = Query(Ticket, search=parse_search("secret printer", internal=True))
    assert select([ticket], query, lambda asked: select(comments, asked)) == [ticket]


def test_a_store_that_cannot_look_into_comments_says_so() -> None:
    with pytest.raises(RepositoryError, match="this store cannot search for words"):
        select([make_ticket()], Query(Ticket, search=parse_search("x")))


def test_only_tickets_are_searched() -> None:
    with pytest.raises(ValueError, match="only tickets can be searched for words, not records of the kind Comment"):
        Query(Comment, search=parse_search("x"))
