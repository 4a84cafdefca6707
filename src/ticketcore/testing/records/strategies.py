"""Random tickets, and random questions about them, for hypothesis."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from ticketcore.domain.query import AllOf, AnyOf, Condition, FieldRef, Op, Order, Query
from ticketcore.domain.ticket import Priority, Status, Ticket
from ticketcore.testing.records.builders import LATER, NOW, make_ticket

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_WORDS = ("", "a", "A", "a ", "ä", "b", "a_", "10", "9", "\uffee", "\U0001f3ab")
_INSTANTS = (*(NOW + timedelta(microseconds=n) for n in (-1, 0, 1)), LATER)

_RANDOM: Mapping[str, tuple[object, ...]] = {
    "guid": tuple(f"00000000-0000-7000-9000-{n:012d}" for n in range(12)),
    "subject": _WORDS,
    "assigned_to": _WORDS,
    "merged_into": (None, None, None, *_WORDS),
    "status": tuple(Status),
    "priority": tuple(Priority),
    "work_score": (None, None, -1, 0, 1, 2, 10),
    "row_version": (1, 2, 10),
    "sla_response_met": (None, False, True),
    "created_date": _INSTANTS,
    "updated_date": _INSTANTS,
    "resolved_date": (None, *_INSTANTS),
}
"""The values that a random ticket has in each field: few, so that many are equal."""

_ALIKE = (
    ("guid", "subject", "assigned_to", "merged_into"),
    ("work_score", "row_version"),
    ("created_date", "updated_date", "resolved_date"),
)
"""The fields that can be compared with each other, and by every operator."""


def random_tickets() -> SearchStrategy[list[Ticket]]:
    """Return a hypothesis strategy for tickets that resemble each other, 2 to 12 of them."""
    from hypothesis import strategies as st

    # One drawn number decides every field: drawing them one by one takes ten times as long.
    ticket = st.integers(0, 2**16 - 1).map(_random_ticket)
    return st.lists(ticket, min_size=2, max_size=12, unique_by=lambda ticket: ticket.guid)


def _random_ticket(seed: int) -> Ticket:
    choose = random.Random(seed).choice  # noqa: S311 - it need not be hard to guess
    return make_ticket(**{name: choose(values) for name, values in _RANDOM.items()})


def random_queries() -> SearchStrategy[Query[Ticket]]:
    """Return a hypothesis strategy for questions about such tickets, in an unambiguous order."""
    from hypothesis import strategies as st

    where = st.recursive(
        st.one_of([st.sampled_from(_comparisons(field)) for field in _RANDOM]),
        lambda parts: st.builds(
            lambda kind, found: kind(tuple(found)),
            st.sampled_from((AllOf, AnyOf)),
            st.lists(parts, max_size=3),
        ),
        max_leaves=4,
    )
    names = st.lists(st.sampled_from(sorted(_RANDOM.keys() - {"guid"})), unique=True, max_size=3)
    order = st.tuples(names, st.lists(st.booleans(), min_size=4, max_size=4)).map(
        lambda drawn: tuple(map(Order, [*drawn[0], "guid"], drawn[1]))
    )
    return order.flatmap(
        lambda keys: st.builds(
            Query,
            kind=st.just(Ticket),
            where=st.lists(where, max_size=2).map(tuple),
            order=st.just(keys),
            limit=st.none() | st.integers(0, 5),
            after=st.none() | st.tuples(*(st.sampled_from(_RANDOM[key.field]) for key in keys)),
        )
    )


def _comparisons(field: str) -> list[Condition]:
    """Return what can be asked of ``field`` in one condition."""
    values = _RANDOM[field]
    alike = next((names for names in _ALIKE if field in names), ())
    ops = (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE) if alike else (Op.EQ, Op.NE)
    right = [*values, None, None, *map(FieldRef, alike)]
    lists = [(), values[:1], values[1:], values[::2]]
    return [
        Condition(field, Op.IS_NULL),
        Condition(field, Op.NOT_NULL),
        *(Condition(field, Op.IN, tuple(v for v in some if v is not None)) for some in lists),
        *(Condition(field, op, value) for op in ops for value in right),
    ]
