"""What a query means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.query import (
    PRIORITY_RANK,
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
    matches,
    one_of,
    select,
)
from ticketcore.domain.ticket import Priority, Status

properties = settings(derandomize=True, deadline=None, max_examples=200)

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


@frozen(kw_only=True)
class Row:
    """A record to ask for."""

    id: int
    name: str | None = None
    score: int | None = None
    limit: int | None = None
    priority: Priority = Priority.MEDIUM
    status: Status = Status.NEW
    at: datetime | None = None
    active: bool = True


ROWS = [
    Row(id=1, name="ann", score=3, limit=5, priority=Priority.LOW),
    Row(id=2, name="Ann", score=5, limit=5, priority=Priority.CRITICAL, active=False),
    Row(id=3, name="ann ", score=7, limit=5, priority=Priority.INFO),
    Row(id=4, name="", score=0, priority=Priority.HIGH),
    Row(id=5, limit=5, at=START, status=Status.CLOSED),
    Row(id=6, name="bob", score=-1, limit=-2, at=START + timedelta(seconds=1)),
]


def ids(
    *where: Expression,
    order: tuple[Order, ...] = (),
    limit: int | None = None,
    after: tuple[Any, ...] | None = None,
) -> list[int]:
    return [row.id for row in select(ROWS, Query(Row, where, order, limit, after))]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param([], [1, 2, 3, 4, 5, 6], id="everything"),
        pytest.param([eq("name", "ann")], [1], id="case and trailing blanks count"),
        pytest.param([eq("name", "")], [4], id="empty is not absent"),
        pytest.param([eq("name", None)], [], id="equal to an absent value"),
        pytest.param([Condition("name", Op.NE, "ann")], [2, 3, 4, 6], id="absent is not unequal"),
        pytest.param([Condition("name", Op.NE, None)], [], id="unequal to an absent value"),
        pytest.param([Condition("score", Op.LT, 3)], [4, 6], id="less"),
        pytest.param([Condition("score", Op.LE, 3)], [1, 4, 6], id="at most"),
        pytest.param([Condition("score", Op.GT, 3)], [2, 3], id="greater"),
        pytest.param([Condition("score", Op.GE, 3)], [1, 2, 3], id="at least"),
        pytest.param([Condition("score", Op.LE, None)], [], id="at most an absent value"),
        pytest.param([Condition("score", Op.GE, None)], [], id="at least an absent value"),
        pytest.param([is_null("score")], [5], id="absent"),
        pytest.param([Condition("score", Op.NOT_NULL)], [1, 2, 3, 4, 6], id="there"),
        pytest.param([one_of("name", ["ann", "bob", "x"])], [1, 6], id="one of"),
        pytest.param([one_of("name", [])], [], id="one of none"),
        pytest.param([one_of("name", ["ann", None])], [1], id="an absent value is none of them"),
        pytest.param([one_of("id", (n for n in (2, 3)))], [2, 3], id="one of what is generated"),
        pytest.param([eq("score", FieldRef("limit"))], [2], id="another field"),
        pytest.param([Condition("score", Op.NE, FieldRef("limit"))], [1, 3, 6], id="unlike it"),
        pytest.param([Condition("score", Op.GT, FieldRef("limit"))], [3, 6], id="more than it"),
        pytest.param([eq("priority", "HIGH")], [4], id="a word for a member"),
        pytest.param([one_of("status", [Status.CLOSED])], [5], id="a member"),
        pytest.param([eq("active", value=False)], [2], id="no"),
        pytest.param([Condition("at", Op.LE, START)], [5], id="an instant"),
        pytest.param([eq("name", "ann"), eq("score", 4)], [], id="all must be true"),
        pytest.param([AllOf(())], [1, 2, 3, 4, 5, 6], id="all of nothing"),
        pytest.param([AnyOf(())], [], id="any of nothing"),
        pytest.param([AnyOf((eq("id", 6), eq("id", 1)))], [1, 6], id="any of"),
        pytest.param([AnyOf((AllOf((eq("limit", 5), is_null("score"))), eq("id", 2)))], [2, 5], id="nested"),
    ],
)
def test_select_finds_what_fulfils_all_conditions(where: list[Expression], expected: list[int]) -> None:
    assert ids(*where) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        pytest.param([Order("id", descending=True)], [6, 5, 4, 3, 2, 1], id="downwards"),
        pytest.param([Order("score"), Order("id")], [6, 4, 1, 2, 3, 5], id="absent last"),
        pytest.param(
            [Order("score", descending=True), Order("id")],
            [3, 2, 1, 4, 6, 5],
            id="absent last also downwards",
        ),
        pytest.param([Order("priority"), Order("id")], [2, 4, 5, 6, 1, 3], id="by urgency"),
        pytest.param([Order("priority", descending=True), Order("id")], [3, 1, 5, 6, 4, 2], id="least urgent"),
        pytest.param(
            [Order("limit"), Order("score", descending=True), Order("id")],
            [6, 3, 2, 1, 5, 4],
            id="one key after the other",
        ),
        pytest.param([Order("name"), Order("id")], [4, 2, 1, 3, 6, 5], id="text by its characters"),
        pytest.param([Order("status"), Order("id")], [5, 1, 2, 3, 4, 6], id="words by letters"),
        pytest.param([Order("active"), Order("id")], [2, 1, 3, 4, 5, 6], id="no before yes"),
        pytest.param([Order("at"), Order("id")], [5, 6, 1, 2, 3, 4], id="instants"),
        pytest.param([Order("active")], [2, 1, 3, 4, 5, 6], id="ties stay in their order"),
    ],
)
def test_select_sorts(order: list[Order], expected: list[int]) -> None:
    assert ids(order=tuple(order)) == expected


def test_priorities_rank_by_urgency() -> None:
    assert sorted(PRIORITY_RANK, key=lambda name: PRIORITY_RANK[name]) == [
        "CRITICAL",
        "HIGH",
        "MEDIUM",
        "LOW",
        "INFO",
    ]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(None, [1, 2, 3, 4, 5, 6]), (0, []), (2, [1, 2]), (99, [1, 2, 3, 4, 5, 6])],
)
def test_limit_is_the_most_that_is_returned(limit: int | None, expected: list[int]) -> None:
    assert ids(order=(Order("id"),), limit=limit) == expected


@pytest.mark.parametrize(
    ("order", "after", "expected"),
    [
        pytest.param([Order("id")], (4,), [5, 6], id="upwards"),
        pytest.param([Order("id", descending=True)], (3,), [2, 1], id="downwards"),
        pytest.param([Order("id")], (6,), [], id="behind the last"),
        pytest.param([Order("id")], (0,), [1, 2, 3, 4, 5, 6], id="before the first"),
        pytest.param([Order("score"), Order("id")], (4, 1), [2, 3, 5], id="a row that is gone"),
        pytest.param([Order("score"), Order("id")], (7, 3), [5], id="only absent ones are left"),
        pytest.param([Order("score"), Order("id")], (None, 4), [5], id="among absent ones"),
        pytest.param([Order("score"), Order("id")], (None, 5), [], id="behind absent ones"),
        pytest.param([Order("score", descending=True), Order("id")], (0, 4), [6, 5], id="absent are behind"),
        pytest.param([Order("priority"), Order("id")], (Priority.HIGH, 4), [5, 6, 1, 3], id="urgency"),
    ],
)
def test_after_goes_on_behind_a_place(order: list[Order], after: tuple[Any, ...], expected: list[int]) -> None:
    assert ids(order=tuple(order), after=after) == expected


def test_after_and_limit_apply_to_what_was_found() -> None:
    assert ids(eq("limit", 5), order=(Order("id"),), after=(1,), limit=2) == [2, 3]


def test_a_query_can_be_narrowed_down() -> None:
    query = Query(Row, (eq("limit", 5),), (Order("id", descending=True),), limit=1)
    narrowed = query.and_where(Condition("score", Op.NOT_NULL), Condition("id", Op.LT, 3))
    assert [row.id for row in select(ROWS, narrowed)] == [2]
    assert query.where == (eq("limit", 5),)


def test_select_leaves_the_records_alone() -> None:
    rows = list(reversed(ROWS))
    select(rows, Query(Row, order=(Order("id"),)))
    assert rows == list(reversed(ROWS))


rows_of_any_kind = st.lists(
    st.builds(
        Row,
        id=st.integers(0, 99),
        name=st.none() | st.text("ab ", max_size=2),
        score=st.none() | st.integers(-2, 2),
        limit=st.none() | st.integers(-2, 2),
        priority=st.sampled_from(Priority),
    ),
    max_size=12,
    unique_by=lambda row: row.id,
)
orders = st.lists(st.builds(Order, st.sampled_from(["name", "score", "priority"]), st.booleans()), max_size=3).map(
    lambda keys: (*keys, Order("id"))
)


@properties
@given(rows=rows_of_any_kind, order=orders, size=st.integers(1, 4))
def test_pages_follow_each_other_without_gap_or_overlap(rows: list[Row], order: tuple[Order, ...], size: int) -> None:
    everything = select(rows, Query(Row, order=order))
    pages: list[Row] = []
    query = Query(Row, order=order, limit=size)
    while page := select(rows, query):
        assert len(page) <= size
        pages += page
        after = tuple(getattr(page[-1], key.field) for key in order)
        query = Query(Row, order=order, limit=size, after=after)
    assert pages == everything
    assert sorted(row.id for row in pages) == sorted(row.id for row in rows)


def key(row: Row, field: str) -> tuple[str, int]:
    value = getattr(row, field)
    if field == "priority":
        return "", list(Priority).index(value)
    return (value, 0) if field == "name" else ("", value)


@properties
@given(rows=rows_of_any_kind, order=orders)
def test_sorting_is_sorting_by_each_key_from_the_last_to_the_first(rows: list[Row], order: tuple[Order, ...]) -> None:
    expected = rows
    for by in reversed(order):
        there = [row for row in expected if getattr(row, by.field) is not None]
        there.sort(key=partial(key, field=by.field), reverse=by.descending)
        expected = there + [row for row in expected if getattr(row, by.field) is None]
    assert select(rows, Query(Row, order=order)) == expected


@properties
@given(rows=rows_of_any_kind, value=st.none() | st.integers(-2, 2) | st.just(FieldRef("limit")))
def test_a_value_and_its_absence_divide_what_there_is(rows: list[Row], value: int | FieldRef | None) -> None:
    """Of any two present numbers exactly one of <, =, > is true; of an absent one none is."""
    for row in rows:
        right = row.limit if isinstance(value, FieldRef) else value
        true = {op for op in Op if op is not Op.IN and matches(row, Condition("score", op, value))}
        there = Op.IS_NULL if row.score is None else Op.NOT_NULL
        if row.score is None or right is None:
            assert true == {there}
        elif row.score == right:
            assert true == {there, Op.EQ, Op.LE, Op.GE}
        elif row.score < right:
            assert true == {there, Op.NE, Op.LT, Op.LE}
        else:
            assert true == {there, Op.NE, Op.GT, Op.GE}
