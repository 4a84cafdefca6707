# ruff: noqa: RUF001 - letters that look like others are what is searched for
"""A search finds the same tickets in every store: :mod:`ticketcore.domain.search` says what a word is."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ticketcore.domain.query import Order, Query, eq, one_of, select
from ticketcore.domain.search import LONGEST, MOST, TEXTS, Search, parse_search, words
from ticketcore.domain.ticket import Priority, Status, Ticket
from ticketcore.domain.work import Comment
from ticketcore.ports.repository import Repository, Transaction
from ticketcore.testing.records import HARD_LINES, make_comment, make_ticket, random_queries, random_tickets
from ticketcore.testing.repository.base import Suite, conflicts, equal, find, remove, save, store, undone

FOUND: tuple[tuple[str, str], ...] = (
    ("The printer is jammed", "printer"),
    ("The printer is jammed", "Jammed PRINTER"),
    ("The printer is jammed", '"printer"'),
    ("The printer is jammed", "^printer* -jammed!"),
    ("The printer\tis\njammed\u00a0now", "is jammed printer"),
    ("This AND that, OR near, NOT there", "and or not near"),
    ("printer, near 5 jams", "NEAR(printer jams, 5)"),
    ("the subject: a printer", "subject:printer"),
    ("don't panic", "don't"),
    ("don't panic", "t"),
    ("Send an e-mail to ann_b@example.com", "E_Mail ann.b example-com"),
    ("10.0.0.7 answers with 502", "10.0.0.7"),
    ("10.0.0.7 answers with 502", "502"),
    ("Müller", "MÜLLER"),
    ("Müller", "Mu\u0308ller"),
    ("mu\u0308ller", "Müller"),
    ("Straße", "STRASSE"),
    ("strasse", "Straße"),
    ("ΟΔΟΣ", "οδος"),
    ("οδός", "ΟΔΌΣ"),
    ("οδοσ", "οδος"),
    ("ᾳ", "ΑΙ"),
    ("ILIK", "ilik"),
    ("İstanbul", "i\u0307stanbul"),
    ("ﬁsh", "FISH"),
    ("東京、大阪", "大阪"),
    ("東京 大阪", "大阪 東京"),
    ("각", "\u1100\u1161\u11a8"),
    ("हिन्दी में", "हिन्दी"),
    ("𠮷野家", "𠮷野家"),
    ("𐐀𐐁", "𐐨𐐩"),
    ("🎫lost\U0001f3ab", "lost"),
    ("Druck\u00adfehler", "druckfehler"),
    ("می\u200cخواهم", "میخواهم"),
    ("葛\U000e0100", "葛"),
    ("one\u200btwo", "two"),
    ("a\u0301 \u0301b", "b á"),
    ("a" * (LONGEST + 1), "a" * (LONGEST + 2)),
    ("ü" * (LONGEST + 1), "Ü" * LONGEST),
    (HARD_LINES, "Zoë STRASSE é 日本語 50 amp null"),
)
"""Texts, and what finds them."""

NOT_FOUND: tuple[tuple[str, str], ...] = (
    ("The printer is jammed", "print"),
    ("The printer is jammed", "printers"),
    ("The printer is jammed", "inter"),
    ("The printer is jammed", "print*"),
    ("The printer is jammed", "pr%nter"),
    ("The printer is jammed", "printer scanner"),
    ("The printer is jammed", "printer OR scanner"),
    ("The printer is jammed", "NOT scanner"),
    ("The printer is jammed", "Words:printer"),
    ("Müller", "muller"),
    ("Müller", "mueller"),
    ("muller", "Müller"),
    ("İstanbul", "istanbul"),
    ("ılık", "ILIK"),
    ("naïve café", "cafe"),
    ("m²", "m2"),
    ("٣", "3"),
    ("ＡＢＣ", "abc"),
    ("東京都庁", "東京"),
    ("हिन्दी", "हिन"),
    ("𠮷野家", "𠮷"),
    ("10.0.0.7", "70"),
    ("e-mail", "email"),
    ("a" * LONGEST, "a" * (LONGEST - 1)),
    ("!?", "a"),
    ("", "a"),
)
"""Texts, and what does not find them."""

_PIECES = (*"aAäß1日𠮷ςσİiı", "ss", "a\u0308", "\u0308", "\u0345", "\u200d", "\u00ad", "\ufe0f", "ﬁ")
_GAPS = (*" -_\"'*=%:\n", "\u200b", "🎫", " AND ", " not ")


def ask(text: str, *, internal: bool = False) -> Query[Ticket]:
    """Return the question for all tickets that have the words of ``text``."""
    return Query(Ticket, order=(Order("guid"),), search=parse_search(text, internal=internal))


def expected(query: Query[Ticket], tickets: Sequence[Ticket], comments: Sequence[Comment]) -> list[Ticket]:
    """Return the answer to ``query`` where these are all that is stored."""
    return select(tickets, query, lambda asked: select(comments, asked))


def subjects(repository: Repository, text: str, *, internal: bool = False) -> list[str]:
    """Return the subjects of the tickets that are found, in the order in which they were made."""
    return [ticket.subject for ticket in find(repository, ask(text, internal=internal))]


def _everywhere(transaction: Transaction, text: str) -> list[str]:
    """Store a ticket for each place that has ``text`` there and nothing else, and return their guids."""
    tickets = transaction.add_many([make_ticket(**{"subject": "", name: text}) for name in (*TEXTS, "description")])
    transaction.save(evolve(tickets[-1], description=""))
    transaction.add(make_comment(ticket_guid=tickets[-1].guid, text=text))
    return [ticket.guid for ticket in tickets]


def _random_text(seed: int) -> str:
    choose = random.Random(seed)  # noqa: S311 - it need not be hard to guess
    drawn = [choose.choice(choose.choice((_PIECES, _PIECES, _GAPS))) for _ in range(choose.randrange(12))]
    return "".join(drawn)


def random_texts() -> st.SearchStrategy[str]:
    """Return a hypothesis strategy for short texts whose words are often alike."""
    return st.integers(0, 2**16 - 1).map(_random_text)


def _some_of(texts: Sequence[str], places: Sequence[int]) -> tuple[str, ...]:
    """Return the words of ``texts`` at ``places``, which may lie behind the last one."""
    there = words("\n".join((*texts, "a")))
    return tuple(dict.fromkeys(there[place % len(there)] for place in places))


class SearchTests(Suite):
    """A search finds the same tickets in every store."""

    def test_a_word_is_what_it_is_everywhere(self, repository: Repository) -> None:
        """Whole words, without regard to case, with their accents, in every text that a ticket has."""
        for cases, fits in ((FOUND, True), (NOT_FOUND, False)):
            for text, asked in cases:
                with undone(repository) as transaction:
                    guids = _everywhere(transaction, text)
                    found = [ticket.guid for ticket in transaction.find(ask(asked))]
                places = f"{', '.join(TEXTS)}, comment"
                equal(found, guids if fits else [], f"who has {text!r} as {places} when {asked!r} is searched for")

    def test_every_word_of_a_search_counts(self, repository: Repository) -> None:
        """They may be in different texts, but of one ticket; and there may be many."""
        many = " ".join(f"w{number}" for number in range(MOST))
        one, other, _ = store(
            repository,
            make_ticket(subject="printer", description="jammed", problem_analysis="paper"),
            make_ticket(subject="scanner"),
            make_ticket(subject=many, description="x " * 50_000),
        )
        store(
            repository,
            make_comment(ticket_guid=one.guid, text="again"),
            make_comment(ticket_guid=one.guid, text="since monday"),
            make_comment(ticket_guid=other.guid, text="jammed"),
        )
        for text in ("printer jammed", "paper again", "monday printer again jammed", "since again"):
            equal(subjects(repository, text), ["printer"], text)
        equal(subjects(repository, "scanner jammed"), ["scanner"], "scanner jammed")
        equal(subjects(repository, "jammed"), ["printer", "scanner"], "jammed")
        for text in ("scanner printer", "scanner again", "since scanner monday"):
            equal(subjects(repository, text), [], text)
        equal(subjects(repository, many), [many], "many words")
        equal(subjects(repository, f"{many[:-1]}X"), [], "many words, one of them another")

    def test_internal_comments_are_found_when_asked_for(self, repository: Repository) -> None:
        """Otherwise they are as if they were not there."""
        one, other = store(repository, make_ticket(subject="one"), make_ticket(subject="other"))
        store(
            repository,
            make_comment(ticket_guid=one.guid, text="secret", is_internal=True),
            make_comment(ticket_guid=one.guid, text="open"),
            make_comment(ticket_guid=other.guid, text="secret"),
        )
        equal(subjects(repository, "secret"), ["other"], "who says secret in public")
        equal(subjects(repository, "secret", internal=True), ["one", "other"], "who says secret")
        equal(subjects(repository, "secret open", internal=True), ["one"], "who says secret and open")
        equal(subjects(repository, "open secret"), [], "who says both in public")

    def test_a_saved_ticket_has_its_new_words(self, repository: Repository) -> None:
        """It loses the old ones; saving something else changes nothing."""
        for name in TEXTS:
            new: dict[str, Any] = {name: "new word"}
            [ticket] = store(repository, make_ticket(**{"subject": "", name: "old word"}))
            ticket = save(repository, evolve(ticket, status=Status.TRIAGED))
            equal(find(repository, ask("old word")), [ticket], f"who has the {name}")
            ticket = save(repository, evolve(ticket, **new))
            equal(find(repository, ask("old")), [], f"who has the {name} of before")
            equal(find(repository, ask("new word")), [ticket], f"who has the new {name}")
            conflicts(repository, "save", evolve(ticket, row_version=1, subject="stale"), "a stale ticket")
            equal(find(repository, ask("stale")), [], "who has what was not saved")
            remove(repository, ticket)

    def test_a_saved_comment_is_found_where_it_is(self, repository: Repository) -> None:
        """Its words follow its text, its ticket, and whether it is internal."""
        one, other = store(repository, make_ticket(subject="one"), make_ticket(subject="other"))
        [comment, _] = store(
            repository, make_comment(ticket_guid=one.guid, text="old"), make_comment(ticket_guid=other.guid, text="old")
        )
        comment = save(repository, evolve(comment, text="new"))
        equal(subjects(repository, "old"), ["other"], "who has the text of before")
        equal(subjects(repository, "new"), ["one"], "who has the new text")
        comment = save(repository, evolve(comment, ticket_guid=other.guid))
        equal(subjects(repository, "new"), ["other"], "who has the comment that moved")
        equal(subjects(repository, "new old"), ["other"], "who has both comments")
        comment = save(repository, evolve(comment, is_internal=True))
        equal(subjects(repository, "new"), [], "who has the comment that became internal")
        equal(subjects(repository, "new", internal=True), ["other"], "the same, asked for")
        save(repository, evolve(comment, is_internal=False, text=""))
        equal(subjects(repository, "new", internal=True), [], "who has what was taken out")

    def test_what_is_removed_is_not_found(self, repository: Repository) -> None:
        """A ticket that comes back under the same guid has its new words, and the comments that are still there."""
        [ticket] = store(repository, make_ticket(subject="first"))
        gone, stays = store(
            repository,
            make_comment(ticket_guid=ticket.guid, text="gone"),
            make_comment(ticket_guid=ticket.guid, text="stays"),
        )
        remove(repository, gone)
        equal(subjects(repository, "gone"), [], "who has the comment that was removed")
        remove(repository, ticket)
        equal(subjects(repository, "first") + subjects(repository, "stays"), [], "the ticket that was removed")
        store(repository, make_ticket(guid=ticket.guid, subject="second"))
        equal(subjects(repository, "first") + subjects(repository, "gone"), [], "who has what is gone")
        equal(subjects(repository, "second stays"), ["second"], "the ticket that came back")
        store(repository, evolve(gone, text="new"))
        remove(repository, stays)
        equal(subjects(repository, "new"), ["second"], "who has the comment that came back")
        equal(subjects(repository, "gone") + subjects(repository, "stays"), [], "who has the other texts")

    def test_a_search_sees_what_its_transaction_does(self, repository: Repository) -> None:
        """Nobody else does before the end, and nobody at all if it is undone."""
        [old] = store(repository, make_ticket(subject="old"))
        [said] = store(repository, make_comment(ticket_guid=old.guid, text="said"))
        with undone(repository) as transaction:
            transaction.add_many([make_ticket(subject="new"), make_ticket(subject="new too")])
            transaction.save(evolve(old, subject="changed"))
            transaction.add_many([make_comment(ticket_guid=old.guid, text="also"), make_comment(text="also")])
            transaction.save(evolve(said, text="unsaid"))
            seen = [ticket.subject for ticket in transaction.find(ask("new"))]
            equal(seen, ["new", "new too"], "who is new, seen from inside")
            equal(len(transaction.find(ask("changed also unsaid"))), 1, "who has changed, seen from inside")
            equal(transaction.find(ask("old")), [], "who has not, seen from inside")
            equal(subjects(repository, "old said"), ["old"], "who has not, seen from outside")
            equal(subjects(repository, "new"), [], "who is new, seen from outside")
            transaction.remove(said)
            equal(transaction.find(ask("unsaid")), [], "who has a removed comment, seen from inside")
        for text in ("new", "changed", "also", "unsaid"):
            equal(subjects(repository, text), [], f"who has {text!r} after it was undone")
        equal(subjects(repository, "old said"), ["old"], "who has the words of before")

    def test_a_search_is_one_more_condition(self, repository: Repository) -> None:
        """It goes with conditions, order, limit and place, and counts count what it finds."""
        priorities = (Priority.LOW, Priority.HIGH, Priority.CRITICAL)
        tickets = store(
            repository,
            *(make_ticket(subject=s, priority=p) for s in ("printer", "scanner", "printer paper") for p in priorities),
        )
        comments = [make_comment(ticket_guid=ticket.guid, text="printer") for ticket in tickets[3:5]]
        store(repository, *comments)
        order = (Order("priority"), Order("guid", descending=True))
        where = (one_of("priority", (Priority.HIGH, Priority.LOW)),)
        last = tickets[7]
        for search in (parse_search("printer"), parse_search("paper printer")):
            whole = Query(Ticket, where, order, search=search)
            page = evolve(whole, limit=2, after=(last.priority, last.guid))
            queries = (whole, page, evolve(whole, where=()), whole.and_where(eq("subject", "scanner")))
            with repository.transaction(read_only=True) as transaction:
                for query in queries:
                    equal(transaction.find(query), expected(query, tickets, comments), f"the answer to {query}")
                    found = expected(evolve(query, limit=None, after=None), tickets, comments)
                    equal(transaction.count(query), len(found), f"count of {query}")
                    counted = Counter(ticket.priority for ticket in found)
                    equal(transaction.count_by(query, "priority"), dict(counted), f"count_by of {query}")

    def test_words_are_there_after_reopening(self, repository: Repository) -> None:
        """What was found before is found, and what was not is not."""
        if not self.durable:
            pytest.skip("durable is not claimed")
        ticket, _ = store(repository, make_ticket(subject="old"), make_ticket(subject="other"))
        store(repository, make_comment(ticket_guid=ticket.guid, text="said"))
        save(repository, evolve(ticket, subject="new"))
        repository.close()
        again = self.reopen(repository)
        try:
            equal(subjects(again, "new said"), ["new"], "who has the words")
            equal(subjects(again, "old"), [], "who has the words of before")
        finally:
            again.close()

    def test_random_searches_are_answered_as_defined(self, repository: Repository) -> None:
        """Whatever is stored and searched for, find and count agree with the definition in Python."""

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            tickets=random_tickets(),
            texts=st.lists(random_texts(), min_size=4, max_size=8),
            places=st.lists(st.integers(0, 30), min_size=1, max_size=3),
            internal=st.booleans(),
            query=random_queries(),
        )
        def compare(
            tickets: list[Ticket], texts: list[str], places: list[int], query: Query[Ticket], *, internal: bool
        ) -> None:
            # Most of what is written is about the first tickets, so that a search finds some more than once.
            written, *said = texts
            comments = [
                make_comment(ticket_guid=tickets[place // 2 % len(tickets)].guid, text=text, is_internal=place % 2 == 1)
                for place, text in enumerate(said)
            ]
            search = Search(_some_of(texts, places), internal)
            with undone(repository) as transaction:
                stored = transaction.add_many([evolve(tickets[0], description=written), *tickets[1:]])
                transaction.add_many(comments)
                for asked in (Query(Ticket, order=query.order, search=search), evolve(query, search=search)):
                    equal(transaction.find(asked), expected(asked, stored, comments), "what is found")
                    whole = evolve(asked, order=(), limit=None, after=None)
                    equal(transaction.count(asked), len(expected(whole, stored, comments)), "how many there are")

        compare()
