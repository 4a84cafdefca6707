"""Which tickets something is done with: what the services that work on many of them share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import date, datetime
from typing import TypedDict, cast

from attrs import evolve, frozen

from ticketcore.domain.ticket import Ticket
from ticketcore.ports.repository import Repository, Transaction
from ticketcore.services.queries import Queries, Several

PAGE = 200
"""How many tickets are held at a time."""


class Filters(TypedDict, total=False):
    """The conditions of :meth:`~ticketcore.services.queries.Queries.get_tickets_by_filter`."""

    package: str | None
    status: Several
    priority: Several
    assignee: str | None
    project: str | None
    ticket_type: Several
    created_after: str | date | datetime | None
    created_before: str | date | datetime | None
    search: str | None
    internal: bool


def pages(tx: Transaction, queries: Queries, filters: Filters) -> Iterator[list[Ticket]]:
    """Yield the tickets that fit ``filters`` by number, some at a time, as ``tx`` sees them.

    Raises:
        RejectedError: one of the filters is wrong.
    """
    pinned = evolve(queries, repository=cast("Repository", _Pinned(tx)))
    asked = cast("Filters", {name: _kept(value) for name, value in filters.items()})
    last: Ticket | None = None
    while found := pinned.get_tickets_by_filter(**asked, sort="number", limit=PAGE, after=last):
        yield found
        last = found[-1]


def _kept(value: object) -> object:
    return tuple(value) if isinstance(value, Iterator) else value  # every page asks again


@frozen(eq=False)
class _Pinned:
    """A repository all of whose transactions are one that is open."""

    tx: Transaction

    def transaction(self, *, read_only: bool) -> AbstractContextManager[Transaction]:  # noqa: ARG002 - the port's
        return nullcontext(self.tx)


class _UndoneError(Exception):
    """What ends a transaction of which nothing shall last."""


@frozen(eq=False)
class Rehearsal:
    """A repository on which nothing lasts: a transaction sees what it writes, and all of it is undone at its end."""

    repository: Repository

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Transaction]:
        """Open a transaction."""
        with suppress(_UndoneError), self.repository.transaction(read_only=read_only) as tx:
            yield tx
            raise _UndoneError
