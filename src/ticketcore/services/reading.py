"""Reading a whole store a page at a time, also past records that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ticketcore.domain.query import Condition, Expression, Op, Order, Query, one_of
from ticketcore.errors import RejectedError, RepositoryBusyError, RepositoryError, SchemaError, TicketcoreError
from ticketcore.ports.repository import KINDS, Transaction

PAGE = 200
"""How many records are in memory at a time, besides what is below them."""

Refused = Callable[[type, Any, TicketcoreError], object]
"""Is told of a record that cannot be read: its kind, its key, and why."""

_UNREADABLE = (RepositoryError, RejectedError)  # the latter where a driver cannot make a value of what is stored


def pages(tx: Transaction, kind: type[Any], refused: Refused | None = None, size: int = PAGE) -> Iterator[list[Any]]:
    """Yield all records of ``kind`` in the order of their keys, ``size`` at a time.

    Without ``refused``, one that cannot be read is an error. Otherwise it is left out, and from there on the keys of
    all that follow are in memory.

    Raises:
        RepositoryError: one of them cannot be read, and nobody wants to be told; or the store has failed.
    """
    key = KINDS[kind].key
    after: tuple[Any, ...] | None = None
    while True:
        try:
            page = tx.find(Query(kind, order=(Order(key),), limit=size, after=after))
        except _UNREADABLE as error:
            if refused is None or is_fatal(error):
                raise
            yield from _careful(tx, kind, after, refused, size)
            return
        if page:
            yield page
        if len(page) < size:
            return
        after = (getattr(page[-1], key),)


def is_fatal(error: TicketcoreError) -> bool:
    """Return whether the store itself has failed, and not only the reading of a record."""
    return isinstance(error, RepositoryBusyError | SchemaError)


def _careful(
    tx: Transaction, kind: type[Any], after: tuple[Any, ...] | None, refused: Refused, size: int
) -> Iterator[list[Any]]:
    """Yield the records behind ``after`` but those that cannot be read, by the list of their keys."""
    key = KINDS[kind].key
    behind: tuple[Expression, ...] = () if after is None else (Condition(key, Op.GT, after[0]),)
    keys = sorted(tx.count_by(Query(kind, behind), key))
    for start in range(0, len(keys), size):
        yield readable(tx, kind, key, keys[start : start + size], refused)


def readable(tx: Transaction, kind: type[Any], field: str, values: Sequence[Any], refused: Refused) -> list[Any]:
    """Return the records of which ``field`` is one of ``values``, in its order, but those that cannot be read.

    ``refused`` is told the values of which there is one that cannot.
    """
    if not values:
        return []
    try:
        return tx.find(Query(kind, (one_of(field, values),), (Order(field),)))
    except _UNREADABLE as error:
        if is_fatal(error):
            raise
        if len(values) == 1:
            refused(kind, values[0], error)
            return []
    middle = len(values) // 2
    return [
        *readable(tx, kind, field, values[:middle], refused),
        *readable(tx, kind, field, values[middle:], refused),
    ]
