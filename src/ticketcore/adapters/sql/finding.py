"""Finding records: which statements answer a query, so that a page takes as long among a million as among a few."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa
from attrs import evolve, frozen

from ticketcore.adapters.sql import reading, statements
from ticketcore.adapters.sql.backend import Backend
from ticketcore.adapters.sql.reading import Select
from ticketcore.adapters.sql.runs import runs_of
from ticketcore.adapters.sql.statements import FREQUENT, MANY, Shape
from ticketcore.adapters.sql.ways import BY_NUMBER
from ticketcore.domain.query import Condition, Op, Order, Query

R = TypeVar("R")

_FEW = 200
"""If no more texts than this have a word, the others are looked for in their tickets one by one."""
_WINDOW = 1000
"""Among how many tickets frequent words are looked for one by one before all that have them are collected."""


@frozen(eq=False)
class Finder:
    """Answers queries by SELECTs, which ``rows`` runs."""

    backend: Backend
    dialect: sa.Dialect
    rows: Callable[[Select, Mapping[str, Any]], Iterator[tuple[Any, ...]]]

    def find(self, query: Query[R]) -> list[R]:
        """Return what the query asks for."""
        if query.search is not None and query.limit is not None:
            return self._searched(query)
        found: list[R] = []
        for run in runs_of(query):
            left = None if query.limit is None else query.limit - len(found)
            found += self._page(run if left == run.limit else evolve(run, limit=left))
            if len(found) == query.limit:
                break
        return found

    def _page(self, query: Query[R]) -> Iterator[R]:
        shape, values = statements.split(query, self.backend)
        if not self.backend.estimates:
            shape = self._judged(shape, values)
        return self._records(shape, values)

    def _records(self, shape: Shape, values: Mapping[str, Any]) -> Iterator[Any]:
        select = reading.find(shape, type(self.backend), self.dialect)
        return statements.records(shape.kind, self.rows(select, values))

    def _judged(self, shape: Shape, values: Mapping[str, Any]) -> Shape:
        """Return ``shape``, which walks along its order if an index would narrow it down to too much to sort."""
        narrowed = statements.narrowed(shape)
        if narrowed is None:
            return shape
        ((number,),) = self.rows(reading.count_some(narrowed, type(self.backend), self.dialect), values)
        return evolve(shape, walks=True) if number == MANY else shape

    # Words.

    def _searched(self, query: Query[R]) -> list[R]:
        """Return a page of a search: rare words are collected, in what they leave the frequent ones are looked for."""
        shape, values = statements.split(query, self.backend)
        places = {name: self._places(values[name]) for name in shape.words}
        frequent = tuple(name for name in shape.words if places[name] >= FREQUENT)
        if frequent and min(places.values()) <= _FEW:
            rare = tuple(name for name in shape.words if name not in frequent)
            return list(self._records(evolve(shape, words=rare, checked=frequent), values))
        if len(frequent) == len(places) and query.order and query.order[0].field == BY_NUMBER:
            return self._met(query)
        return list(self._records(shape, values))

    def _places(self, term: str) -> int:
        """Return how many texts have a word; of those that many have at least as many as :data:`FREQUENT`."""
        (numbers,) = self.rows(reading.count_places(type(self.backend), self.dialect), {"word": term})
        return sum(numbers)

    def _met(self, query: Query[R]) -> list[R]:
        """Return a page in which each word is so frequent that it may be full after a few tickets."""
        descending = query.order[0].descending
        start = self._start(query)
        if start is None:
            return []
        lower, upper = (start - _WINDOW, start) if descending else (start, start + _WINDOW)
        within = Condition(BY_NUMBER, Op.GT, lower), Condition(BY_NUMBER, Op.LT, upper)
        shape, values = statements.split(evolve(query.and_where(*within), after=None), self.backend)
        near = evolve(shape, words=(), checked=shape.words, walks=True)
        found: list[R] = list(self._records(near, {**values, "lower": lower, "upper": upper}))
        if query.limit is not None and len(found) < query.limit:
            beyond = Condition(BY_NUMBER, Op.LE, lower) if descending else Condition(BY_NUMBER, Op.GE, upper)
            found += self._page(evolve(query.and_where(beyond), limit=query.limit - len(found), after=None))
        return found

    def _start(self, query: Query[Any]) -> int | None:
        """Return the number behind which the way begins; none if there are no tickets."""
        if query.after is not None:
            return int(query.after[0])
        descending = query.order[0].descending
        first = self.find(Query(query.kind, order=(Order(BY_NUMBER, descending),), limit=1))
        return int(first[0].ticket_number) + (1 if descending else -1) if first else None

    # Numbers of records.

    def count(self, query: Query[Any]) -> int:
        """Return how many records fit."""
        shape, values = statements.split(query, self.backend, paged=False)
        ((number,),) = self.rows(reading.count(shape, type(self.backend), self.dialect), values)
        return int(number)

    def count_by(self, query: Query[Any], field: str) -> dict[Any, int]:
        """Return how many records fit, for each value of a field."""
        shape, values = statements.split(query, self.backend, paged=False)
        rows = self.rows(reading.count(shape, type(self.backend), self.dialect, field), values)
        counts: dict[Any, int] = {}
        for value, number in rows:  # other programs may have written one value in several ways
            counts[value] = counts.get(value, 0) + int(number)
        return counts
