"""Ways to a page of tickets by number: those that go by an index from one end to the other.

An index on whom a ticket is assigned to, its status and its number has the tickets of one person in one status by
number; of several people, or in several statuses, it has as many lists, and a page is the beginning of all of them
together. The numbers are found in the index alone, and only the tickets of the page are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from attrs import frozen

from ticketcore.domain.query import Condition, Expression, Op, Order, Query, one_of
from ticketcore.domain.ticket import Status, Ticket

Where = tuple[Expression, ...]

BY_NUMBER = "ticket_number"
_STATUS = "status"
_LEADING = ("assigned_to", "package", "priority")
"""What stands before the status and the number in an index; the first one is what usually fits the fewest tickets."""
_OTHER = ("sla_resolution_deadline", "created_date")
_MOST = 32
"""The most lists that a page is put together of."""


@frozen
class Ways:
    """The conditions of each list, and the fields whose own indexes lead elsewhere."""

    where: tuple[Where, ...]
    passed_over: frozenset[str] = frozenset()


def in_every_status(query: Query[Any]) -> Query[Any]:
    """Return ``query`` so that it names the statuses, if that is how an index has what it asks for by number."""
    is_page = query.kind is Ticket and query.limit is not None and query.search is None
    if not (is_page and _by_number(query.order) and _leading(query.where)) or _given(query.where, _STATUS):
        return query
    return query.and_where(one_of(_STATUS, Status))


def ways_of(where: Where, order: tuple[Order, ...]) -> Ways | None:
    """Return the ways to a page of tickets with these conditions, bound by names; none if it needs no others."""
    if not _by_number(order):
        return None
    leading = _leading(where)
    several = [one for field in (*leading[:1], _STATUS) for one in _given(where, field) if one.op is Op.IN]
    if not 0 < prod(len(one.value) for one in several) <= _MOST:
        return None
    passed_over = frozenset((*leading[1:], *(_OTHER if leading else ())))
    if several:
        return Ways(tuple(_each(where, several)), passed_over)
    if leading:
        return Ways((where,), passed_over)
    if _given(where, _STATUS) or not any(isinstance(one, Condition) and one.field == "created_date" for one in where):
        return None
    return Ways((where,), frozenset({BY_NUMBER}))


def narrowing(where: Where, order: tuple[Order, ...]) -> Where:
    """Return the conditions of the index that narrows down a page that is in the order of another one."""
    if not order or _by_number(order):
        return ()
    return tuple(one for field in (*_leading(where)[:1], _STATUS) for one in _given(where, field))


def walked_past(where: Where) -> frozenset[str]:
    """Return the fields whose indexes would leave the order of a page."""
    return frozenset(field for field in (*_LEADING, _STATUS) if _given(where, field))


def _by_number(order: tuple[Order, ...]) -> bool:
    return len(order) == 1 and order[0].field == BY_NUMBER


def _given(where: Where, field: str) -> list[Condition]:
    """Return the conditions that name the values of ``field``."""
    return [one for one in where if isinstance(one, Condition) and one.field == field and one.op in {Op.EQ, Op.IN}]


def _leading(where: Where) -> tuple[str, ...]:
    return tuple(field for field in _LEADING if _given(where, field))


def _each(where: Where, several: list[Condition]) -> Iterator[Where]:
    """Yield the conditions for each choice of one value of all of ``several``."""
    rest = tuple(one for one in where if one not in several)
    for names in product(*(one.value for one in several)):
        yield rest + tuple(Condition(one.field, Op.EQ, name) for one, name in zip(several, names, strict=True))
