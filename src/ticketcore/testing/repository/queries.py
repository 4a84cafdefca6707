"""Questions are answered as :func:`ticketcore.domain.query.select` defines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from attrs import evolve
from hypothesis import HealthCheck, given, settings

from ticketcore.domain.query import (
    AllOf,
    AnyOf,
    Condition,
    Expression,
    FieldRef,
    Op,
    Order,
    Query,
    eq,
    is_null,
    one_of,
    select,
)
from ticketcore.domain.ticket import Priority, Status, Ticket
from ticketcore.domain.work import Comment
from ticketcore.ports.repository import KINDS, Repository
from ticketcore.testing.records import (
    HARD_TEXT,
    LATER,
    NOW,
    make_assign_rule,
    make_comment,
    make_history_entry,
    make_ticket,
    random_queries,
    random_tickets,
)
from ticketcore.testing.repository.base import (
    Suite,
    equal,
    find,
    store,
    undone,
)

R = TypeVar("R")

COMPARING = (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE)
"""The operators that compare with one value."""

_ORDERS: tuple[tuple[Order, ...], ...] = (
    (Order("guid"),),
    (Order("guid", descending=True),),
    (Order("priority"), Order("guid")),
    (Order("priority", descending=True), Order("guid")),
    (Order("work_score"), Order("guid", descending=True)),
    (Order("work_score", descending=True), Order("guid")),
    (Order("resolved_date"), Order("priority", descending=True), Order("guid")),
    (Order("project"), Order("work_score", descending=True), Order("guid")),
)
"""Orders with ties, absent values, and mixed directions; each ends in a unique field."""


def mixed_tickets() -> list[Ticket]:
    """Return tickets with many equal or absent values in the fields of the orders above."""
    priorities = (Priority.LOW, Priority.HIGH, Priority.CRITICAL)
    return [
        make_ticket(priority=priority, work_score=score, resolved_date=date, project=project)
        for priority in priorities
        for score, date, project in (
            (None, NOW, "a"),
            (2, None, "B"),
            (1, LATER, "b"),
            (None, None, "a"),
            (2, NOW, "a "),
        )
    ]


def place(record: object, order: Sequence[Order]) -> tuple[Any, ...]:
    """Return where a page goes on that ends with ``record``."""
    return tuple(getattr(record, key.field) for key in order)


def pages(repository: Repository, query: Query[R]) -> Iterator[list[R]]:
    """Yield page by page; never more of them than there can be."""
    for _ in range(100):
        page = find(repository, query)
        if not page:
            return
        yield page
        query = evolve(query, after=place(page[-1], query.order))
    message = f"the pages of {query} have no end"
    raise AssertionError(message)


class QueryTests(Suite):
    """Questions are answered as :func:`ticketcore.domain.query.select` defines."""

    def check(self, repository: Repository, records: Sequence[Any], *queries: Query[Any]) -> None:
        """Check the answers to ``queries`` where ``records`` are all that is stored."""
        with repository.transaction(read_only=True) as transaction:
            for query in queries:
                expected = select(records, query)
                equal(transaction.find(query), expected, f"the answer to {query}")
                whole = evolve(query, order=(), limit=None, after=None)
                equal(transaction.count(query), len(select(records, whole)), f"count of {query}")

    def check_where(self, repository: Repository, records: Sequence[R], *conditions: Expression) -> None:
        """Check which of ``records`` fit each of ``conditions``."""
        kind = type(records[0])
        order = (Order(KINDS[kind].key),)
        queries = [Query(kind, where=(condition,), order=order) for condition in conditions]
        self.check(repository, records, *queries)

    def test_every_comparison(self, repository: Repository) -> None:
        """All operators work on text, numbers and instants."""
        tickets = store(
            repository,
            *(make_ticket(subject=s, work_score=n) for s, n in zip("abc", (9, 10, 11), strict=True)),
            *(make_ticket(created_date=NOW + timedelta(microseconds=n)) for n in (-1, 0, 1)),
        )
        values: dict[str, object] = {"subject": "b", "work_score": 10, "created_date": NOW}
        self.check_where(
            repository,
            tickets,
            *(Condition(field, op, value) for field, value in values.items() for op in COMPARING),
            *(one_of(field, [value]) for field, value in values.items()),
        )

    def test_booleans_and_vocabularies(self, repository: Repository) -> None:
        """Y/N fields and words are asked for by their Python values."""
        tickets = store(
            repository,
            *(make_ticket(sla_response_met=met) for met in (None, False, True)),
            *(make_ticket(status=status) for status in (Status.ON_HOLD, Status.CLOSED)),
        )
        self.check_where(
            repository,
            tickets,
            eq("sla_response_met", True),  # noqa: FBT003 - the value asked for
            Condition("sla_response_met", Op.NE, True),  # noqa: FBT003 - the value asked for
            eq("sla_response_met", False),  # noqa: FBT003 - the value asked for
            eq("status", Status.ON_HOLD),
            Condition("status", Op.NE, Status.ON_HOLD),
            one_of("status", [Status.ON_HOLD, Status.CLOSED]),
        )

    def test_a_word_of_a_vocabulary_is_also_text(self, repository: Repository) -> None:
        """A member finds its text in a field that holds text."""
        rules = store(repository, *(make_assign_rule(priority=p) for p in ("HIGH", "LOW", "")))
        self.check_where(repository, rules, eq("priority", Priority.HIGH), one_of("priority", (Priority.LOW, "")))

    def test_absent_values_are_never_compared(self, repository: Repository) -> None:
        """A comparison with None on either side is not true, whatever the operator."""
        tickets = store(
            repository,
            make_ticket(work_score=None, merged_into=None),
            make_ticket(work_score=0, merged_into=""),
            make_ticket(work_score=1, resolved_date=NOW, estimated_date=NOW),
        )
        self.check_where(
            repository,
            tickets,
            *(Condition("work_score", op, 0) for op in COMPARING),
            *(Condition("work_score", op, None) for op in COMPARING),
            *(Condition("resolved_date", op, FieldRef("estimated_date")) for op in COMPARING),
            Condition("merged_into", Op.NE, "x"),
            one_of("work_score", [0, 1]),
            AnyOf((Condition("work_score", Op.NE, 0), eq("merged_into", None))),
        )

    def test_absence_is_asked_for(self, repository: Repository) -> None:
        """IS_NULL and NOT_NULL tell absent values from empty ones."""
        entries = store(
            repository,
            make_history_entry(old_value=None),
            make_history_entry(old_value=""),
            make_history_entry(old_value="x"),
        )
        null, present = is_null("old_value"), Condition("old_value", Op.NOT_NULL)
        self.check_where(repository, entries, null, present, eq("old_value", ""))

    def test_fields_are_compared_with_each_other(self, repository: Repository) -> None:
        """The right-hand side of every operator may be another field of the record."""
        tickets = store(
            repository,
            *(
                make_ticket(resolved_date=date, sla_resolution_deadline=NOW, work_score=score)
                for date in (NOW - timedelta(microseconds=1), NOW, LATER)
                for score in (0, 1, 2)
            ),
        )
        pairs = (("resolved_date", "sla_resolution_deadline"), ("work_score", "row_version"))
        self.check_where(
            repository,
            tickets,
            *(Condition(left, op, FieldRef(right)) for op in COMPARING for left, right in pairs),
        )

    def test_conditions_are_nested(self, repository: Repository) -> None:
        """AllOf and AnyOf hold each other; without parts the one is true and the other false."""
        tickets = store(
            repository,
            *(make_ticket(subject=s, work_score=n) for s in "ab" for n in (None, 1, 2)),
        )
        a, one, null = eq("subject", "a"), eq("work_score", 1), is_null("work_score")
        self.check_where(
            repository,
            tickets,
            AllOf(()),
            AnyOf(()),
            AnyOf((a, one)),
            AllOf((a, one)),
            AllOf((AnyOf((a, one)), AnyOf((null, AllOf((one, eq("subject", "b"))))))),
            AnyOf((AllOf((a, AnyOf(()))), AllOf((null, AllOf(()))))),
        )
        both = Query(Ticket, where=(a, one))
        self.check(repository, tickets, both, Query(Ticket, where=(a,)).and_where(one))

    def test_one_of_none_and_one_of_many(self, repository: Repository) -> None:
        """IN takes no value at all, which nothing fits, and thousands."""
        tickets = store(repository, *(make_ticket(subject=s, work_score=7) for s in "abc"))
        many = [str(number) for number in range(3_000)]
        self.check_where(
            repository,
            tickets,
            one_of("subject", []),
            one_of("subject", ["b", "c", "b", *many]),
            one_of("work_score", []),
            one_of("guid", [tickets[0].guid, "nothing"]),
        )

    def test_text_is_compared_exactly(self, repository: Repository) -> None:
        """Case, accents and blanks count, wildcards do not; letters sort by their code points."""
        texts = ["", "a", "A", "a ", " a", "b", "B", "ä", "a\u0308", "ß", "ss", "a%", "a_", "\\"]
        texts += ["\u00e9", "z", "10", "9", "\ufffd", "\U0001f3ab", "a\U0001f3ab", "'", HARD_TEXT]
        comments = store(repository, *(make_comment(text=text) for text in texts))
        ops = (Op.EQ, Op.NE, Op.LT, Op.GE)
        self.check_where(repository, comments, *(Condition("text", op, text) for text in texts for op in ops))
        order = (Order("text"), Order("guid"))
        self.check(repository, comments, Query(Comment, order=order))

    def test_priorities_sort_by_urgency(self, repository: Repository) -> None:
        """The most urgent ticket comes first, and last the other way round."""
        mixed = (Priority.LOW, Priority.CRITICAL, Priority.INFO, Priority.HIGH, Priority.MEDIUM)
        store(repository, *(make_ticket(priority=priority) for priority in mixed))
        for descending in (False, True):
            query = Query(Ticket, order=(Order("priority", descending=descending),))
            found = [ticket.priority for ticket in find(repository, query)]
            expected = sorted(Priority, key=list(Priority).index, reverse=descending)
            equal(found, expected, f"priorities, descending={descending}")

    def test_absent_values_come_last(self, repository: Repository) -> None:
        """They do whichever way the order goes, and whatever the type of the field."""
        tickets = store(
            repository,
            make_ticket(),
            make_ticket(work_score=1, merged_into="x", resolved_date=NOW, sla_response_met=True),
            make_ticket(),
            make_ticket(work_score=-1, merged_into="", resolved_date=LATER, sla_response_met=False),
        )
        fields = ("work_score", "merged_into", "resolved_date", "sla_response_met")
        for descending in (False, True):
            orders = [(Order(f, descending=descending), Order("guid")) for f in fields]
            self.check(repository, tickets, *(Query(Ticket, order=order) for order in orders))

    def test_later_keys_decide_between_equals(self, repository: Repository) -> None:
        """Every key of an order counts, each in its own direction."""
        tickets = store(repository, *mixed_tickets())
        self.check(
            repository,
            tickets,
            *(Query(Ticket, order=order, limit=limit) for order in _ORDERS for limit in (None, 3)),
        )

    def test_a_limit_is_the_most_that_comes(self, repository: Repository) -> None:
        """Zero, fewer than there are, or more."""
        tickets = store(repository, *(make_ticket() for _ in range(3)))
        order = (Order("guid"),)
        limits = (0, 1, 3, 4)
        self.check(repository, tickets, *(Query(Ticket, order=order, limit=n) for n in limits))

    def test_pages_follow_each_other(self, repository: Repository) -> None:
        """Page by page everything comes exactly once, over ties and absent values, both ways."""
        tickets = store(repository, *mixed_tickets())
        for order in _ORDERS:
            for size in (1, 2, 5):
                query = Query(Ticket, order=order, limit=size)
                found = [t.guid for page in pages(repository, query) for t in page]
                expected = [ticket.guid for ticket in select(tickets, Query(Ticket, order=order))]
                equal(found, expected, f"all pages of {query}")

    def test_a_page_follows_what_is_gone(self, repository: Repository) -> None:
        """The place of a page is given by values; their record need not be there any more."""
        tickets = store(repository, *mixed_tickets())
        for order in _ORDERS:
            query = Query(Ticket, order=order, after=place(make_ticket(work_score=1), order))
            self.check(repository, tickets, query, evolve(query, limit=2))

    def test_counting_takes_everything(self, repository: Repository) -> None:
        """Order, limit and place do not matter to a count."""
        order = (Order("guid"),)
        tickets = store(repository, *(make_ticket(package=p) for p in ("A", "A", "B")))
        query = Query(Ticket, (eq("package", "A"),), order, limit=1, after=(tickets[1].guid,))
        with repository.transaction(read_only=True) as transaction:
            equal(transaction.count(query), 2, "count")
            equal(transaction.count_by(query, "package"), {"A": 2}, "count_by")
            equal(transaction.count(Query(Comment)), 0, "count of nothing")
            equal(transaction.count_by(Query(Comment), "package"), {}, "count_by of nothing")

    def test_counting_by_a_field(self, repository: Repository) -> None:
        """Each value that occurs is counted: words as members, texts exactly, None as itself."""
        tickets = store(
            repository,
            *(make_ticket(assigned_to=name) for name in ("ann", "ann", "Ann", "ann ", "änn", "")),
            *(make_ticket(work_score=score) for score in (0, 0, 1)),
            *(make_ticket(status=status) for status in (Status.CLOSED, Status.CLOSED)),
            *(make_ticket(sla_response_met=met) for met in (True, False, False)),
            make_ticket(resolved_date=LATER),
        )
        fields = ("assigned_to", "work_score", "status", "sla_response_met", "resolved_date")
        with repository.transaction(read_only=True) as transaction:
            for field in fields:
                counted = transaction.count_by(Query(Ticket), field)
                expected = Counter(getattr(ticket, field) for ticket in tickets)
                equal(counted, dict(expected), f"tickets by {field}")
                types = {type(value) for value in counted}
                equal(types, {type(value) for value in expected}, f"types of {field}")

    def test_random_questions_are_answered_as_defined(self, repository: Repository) -> None:
        """Whatever is stored and asked, find and count agree with the definition in Python."""

        @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
        @given(tickets=random_tickets(), query=random_queries())
        def compare(tickets: list[Ticket], query: Query[Ticket]) -> None:
            # Nothing of an example is committed, so that the next one starts with an empty store.
            with undone(repository) as transaction:
                stored = transaction.add_many(tickets)
                equal(transaction.find(query), select(stored, query), "what is found")
                whole = select(stored, evolve(query, order=(), limit=None, after=None))
                equal(transaction.count(query), len(whole), "how many there are")
                by_status = Counter(ticket.status for ticket in whole)
                equal(transaction.count_by(query, "status"), dict(by_status), "how many of each")

        compare()
