"""A page of an order that no index of a column alone gives, as several pages, one behind the other.

Priorities sort by urgency and not by their names, and absent values come last, which is not where every engine has
them. But all records of one priority, or without a value, stand together: so a page is read run by run, each in the
order of an index, until it is full.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import evolve

from ticketcore.adapters.sql.tables import TABLES, sorts_by_rank
from ticketcore.adapters.sql.ways import in_every_status
from ticketcore.domain.query import PRIORITY_RANK, Condition, Expression, Op, Query, eq, is_null
from ticketcore.domain.ticket import Priority


def runs_of(query: Query[Any]) -> Iterator[Query[Any]]:
    """Yield the queries that answer ``query`` one behind the other; it alone if it needs no others."""
    return map(in_every_status, _runs(query))


def _runs(query: Query[Any]) -> Iterator[Query[Any]]:
    # What is searched for is collected first, whatever the order.
    if query.limit is None or query.search is not None or len(query.order) < 2:  # noqa: PLR2004 - a run is in the order of what follows
        yield query
        return
    column = TABLES[query.kind].c[query.order[0].field]
    if sorts_by_rank(column):
        yield from _by_rank(query)
    elif column.nullable:
        yield from _absent_last(query)
    else:
        yield query


def _by_rank(query: Query[Any]) -> Iterator[Query[Any]]:
    first, last = query.order[0], query.after
    ranked = sorted(Priority, key=lambda priority: PRIORITY_RANK[priority.value], reverse=first.descending)
    for priority in ranked[ranked.index(last[0]) if last else 0 :]:
        yield _run(query, eq(first.field, priority), follows=last is not None and last[0] is priority)


def _absent_last(query: Query[Any]) -> Iterator[Query[Any]]:
    field, last = query.order[0].field, query.after
    if last is None or last[0] is not None:
        yield query.and_where(Condition(field, Op.NOT_NULL))
    yield _run(query, is_null(field), follows=last is not None and last[0] is None)


def _run(query: Query[Any], same: Expression, *, follows: bool) -> Query[Any]:
    """Return the query for the records with the ``same`` first key, behind the last one if that is among them."""
    after = query.after[1:] if follows and query.after else None
    return evolve(query, where=(*query.where, same), order=query.order[1:], after=after)
