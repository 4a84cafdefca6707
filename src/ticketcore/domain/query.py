"""Questions to a repository, as values: what to look for, in which order, how many.

A :class:`Query` never holds SQL, so that any database can stand behind the repository port. What a
query means is defined here, by :func:`select`, in plain Python: an adapter that has no query engine of
its own can use it as it is, and one that has must give the same answer (the conformance suite compares).

A comparison with an absent value (``None``) on either side is never true, whatever the operator:
ask with ``IS_NULL`` and ``NOT_NULL``. Text is compared exactly: case and trailing blanks count.
Priorities sort by urgency. Absent values come last, whichever way the order goes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, StrEnum
from functools import cmp_to_key
from typing import Any, Generic, TypeVar, cast

from attrs import evolve, frozen

from ticketcore.domain.search import TEXTS, Search, found
from ticketcore.domain.ticket import Priority, Ticket
from ticketcore.domain.work import Comment
from ticketcore.errors import RepositoryError

R = TypeVar("R")


class Op(StrEnum):
    """How a field is compared."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    IS_NULL = "is_null"
    NOT_NULL = "not_null"


@frozen
class FieldRef:
    """The other field of the same record, as the right-hand side of a comparison."""

    field: str


@frozen
class Condition:
    """One comparison; ``value`` may be a :class:`FieldRef`, and is a tuple for ``IN``."""

    field: str
    op: Op
    value: Any = None


@frozen
class AllOf:
    """True where every part is true."""

    parts: tuple[Expression, ...]


@frozen
class AnyOf:
    """True where at least one part is true."""

    parts: tuple[Expression, ...]


Expression = Condition | AllOf | AnyOf


@frozen
class Order:
    """One key to sort by."""

    field: str
    descending: bool = False


@frozen
class Query(Generic[R]):
    """Which records of one kind to find.

    ``where`` lists what must all be true. ``order`` should end in a unique field, so that paging is
    exact. ``limit`` is the most records to return. ``after`` holds the values that the ``order`` fields
    have in the last record of the page before; the answer goes on behind it. ``search`` is one more
    condition, for tickets only: the words that must be in their texts or in their comments.
    """

    kind: type[R]
    where: tuple[Expression, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    after: tuple[Any, ...] | None = None
    search: Search | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse to search for words where there are no tickets."""
        if self.search is not None and self.kind is not Ticket:
            message = f"only tickets can be searched for words, not records of the kind {self.kind.__name__}"
            raise ValueError(message)

    def and_where(self, *more: Expression) -> Query[R]:
        """Return this query narrowed down by ``more``."""
        return evolve(self, where=self.where + more)


Find = Callable[[Query[Comment]], Iterable[Comment]]
"""Answers questions about comments."""


def eq(field: str, value: object) -> Condition:
    """Return the condition that ``field`` is ``value``."""
    return Condition(field, Op.EQ, value)


def one_of(field: str, values: Iterable[object]) -> Condition:
    """Return the condition that ``field`` is one of ``values``."""
    return Condition(field, Op.IN, tuple(values))


def is_null(field: str) -> Condition:
    """Return the condition that ``field`` is absent."""
    return Condition(field, Op.IS_NULL)


_COMPARE: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}


def matches(record: object, expression: Expression) -> bool:
    """Return whether ``record`` fulfils ``expression``."""
    if isinstance(expression, AllOf):
        return all(matches(record, part) for part in expression.parts)
    if isinstance(expression, AnyOf):
        return any(matches(record, part) for part in expression.parts)
    left = getattr(record, expression.field)
    if expression.op is Op.IS_NULL:
        return left is None
    if expression.op is Op.NOT_NULL:
        return left is not None
    if expression.op is Op.IN:
        return left is not None and left in expression.value
    right = expression.value
    if isinstance(right, FieldRef):
        right = getattr(record, right.field)
    return left is not None and right is not None and _COMPARE[expression.op](left, right)


PRIORITY_RANK: dict[str, int] = {priority.value: rank for rank, priority in enumerate(Priority)}
"""The place of each priority in a sorted list, the most urgent first."""


def _rank(value: Any) -> Any:
    if isinstance(value, Priority):
        return PRIORITY_RANK[value.value]
    return value.value if isinstance(value, Enum) else value


def _compare(left: Sequence[Any], right: Sequence[Any], order: Sequence[Order]) -> int:
    """Return -1, 0 or 1 for the places of two rows of key values in ``order``."""
    for one, other, key in zip(left, right, order, strict=True):
        if one == other:
            continue
        if one is None or other is None:
            return 1 if one is None else -1
        before = _rank(one) < _rank(other)
        return -1 if before is not key.descending else 1
    return 0


def _keys(record: object, order: Sequence[Order]) -> tuple[Any, ...]:
    return tuple(getattr(record, key.field) for key in order)


def _comments_of(tickets: Iterable[Ticket], search: Search) -> Query[Comment]:
    where = (one_of("ticket_guid", [ticket.guid for ticket in tickets]),)
    return Query(Comment, where if search.internal else (*where, eq("is_internal", value=False)))


def _having(tickets: Sequence[Ticket], search: Search, find: Find) -> list[Ticket]:
    """Return those of ``tickets`` that have the words of ``search``."""
    texts = {ticket.guid: [getattr(ticket, name) for name in TEXTS] for ticket in tickets}
    for comment in find(_comments_of(tickets, search)):
        texts[comment.ticket_guid].append(comment.text)
    return [ticket for ticket in tickets if found(search, texts[ticket.guid])]


def select(records: Iterable[R], query: Query[R], find: Find | None = None) -> list[R]:
    """Return those of ``records`` that ``query`` asks for: the definition of what a query means.

    Args:
        records: all records of the kind, or at least all that fit the conditions.
        query: the question.
        find: answers questions about comments, which a search is for too; the ``find`` of a transaction does.

    Raises:
        RepositoryError: it is a search, and there is no ``find``.
    """
    chosen = [record for record in records if all(matches(record, part) for part in query.where)]
    if query.search is not None:
        if find is None:
            raise RepositoryError("this store cannot search for words", hint="its author has to give select() a find")
        chosen = cast("list[R]", _having(cast("list[Ticket]", chosen), query.search, find))
    order = query.order
    if order:
        chosen.sort(key=cmp_to_key(lambda a, b: _compare(_keys(a, order), _keys(b, order), order)))
    if query.after is not None:
        chosen = [record for record in chosen if _compare(_keys(record, order), query.after, order) > 0]
    return chosen if query.limit is None else chosen[: query.limit]
