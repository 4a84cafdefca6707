"""Tickets out of the store: with everything below them, a page at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, BinaryIO

from ticketcore.domain.bundle import HEADER, PARTS, Bundle, Part
from ticketcore.domain.query import Order, Query, one_of
from ticketcore.domain.spreadsheet import HEADINGS, row
from ticketcore.domain.ticket import Ticket
from ticketcore.ports.repository import Repository, Transaction
from ticketcore.serde import to_plain
from ticketcore.services.filters import Filters, pages
from ticketcore.services.people import names_of
from ticketcore.services.queries import Queries

Told = Callable[[int], object]
"""Is told how many tickets are through."""


def bundles_of(tx: Transaction, tickets: Sequence[Ticket]) -> list[Bundle]:
    """Return some tickets with everything below them, by one question for each kind of record."""
    guids = tuple(ticket.guid for ticket in tickets)
    parts = {name: _below(tx, part, guids) for name, part in PARTS.items()}
    return [
        Bundle(ticket=ticket, **{name: found.get(ticket.guid, ()) for name, found in parts.items()})
        for ticket in tickets
    ]


def _below(tx: Transaction, part: Part, guids: tuple[str, ...]) -> Mapping[str, tuple[Any, ...]]:
    """Return the records of one kind by the guid of their ticket, in order."""
    order = (Order(part.owner), *map(Order, part.order))
    found = tx.find(Query(part.kind, (one_of(part.owner, guids),), order))
    return {owner: tuple(records) for owner, records in groupby(found, attrgetter(part.owner))}


def export_objects(repository: Repository, queries: Queries, filters: Filters) -> Iterator[dict[str, Any]]:
    """Yield the tickets that fit ``filters`` as plain objects, all as they were when the first one was asked for."""
    with repository.transaction(read_only=True) as tx:
        for tickets in pages(tx, queries, filters):
            for bundle in bundles_of(tx, tickets):
                yield {name: to_plain(getattr(bundle, name)) for name in ("ticket", *PARTS)}


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def write_lines(file: BinaryIO, objects: Iterator[dict[str, Any]], told: Told) -> int:
    """Write a header and each of ``objects`` as a line of JSON; return how many there were."""
    file.write(f"{_encode(dict(HEADER))}\n".encode())
    count = 0
    for count, one in enumerate(objects, 1):
        file.write(f"{_encode(one)}\n".encode())
        told(count)
    return count


def write_csv(file: BinaryIO, repository: Repository, queries: Queries, filters: Filters, told: Told) -> int:
    """Write the tickets that fit ``filters`` as the rows of a spreadsheet; return how many there were."""
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(HEADINGS)
        count = 0
        with repository.transaction(read_only=True) as tx:
            for tickets in pages(tx, queries, filters):
                names = names_of(tx, (ticket.assigned_to for ticket in tickets))
                writer.writerows(row(ticket, names) for ticket in tickets)
                count += len(tickets)
                told(count)
    finally:
        text.detach()  # else the file, which is the caller's, would be closed with it
    return count
