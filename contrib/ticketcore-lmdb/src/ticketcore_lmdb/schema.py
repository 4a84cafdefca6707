"""Which layout a store has, and how it gets the one of this version."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import lmdb
from ticketcore.errors import SchemaError
from ticketcore.ports.repository import StoreStatus

from ticketcore_lmdb.codec import decode, encode
from ticketcore_lmdb.tables import INDEXES, MARKER, TABLES, Table, scan, shape

FORMAT = 1
"""How keys and values are made; another number when that changes."""


def _ours() -> dict[str, Any]:
    return {"format": FORMAT, "kinds": shape()}


def _revision(layout: dict[str, Any]) -> str:
    text = json.dumps(layout["kinds"], sort_keys=True)
    return f"{layout['format']}.{blake2b(text.encode(), digest_size=4).hexdigest()}"


def expected() -> str:
    """Return the revision of this version."""
    return _revision(_ours())


def read(transaction: lmdb.Transaction[bytes], location: str) -> StoreStatus:
    """Return the status of the store that ``transaction`` reads."""
    stored = transaction.get(MARKER)
    if stored is None:
        with transaction.cursor() as cursor:
            state = "foreign" if cursor.first() else "missing"
        return StoreStatus(location, state, expected=expected())
    try:
        layout = json.loads(stored)
        return StoreStatus(location, _state(layout), _revision(layout), expected())
    except (ValueError, TypeError, KeyError):
        return StoreStatus(location, "foreign", expected=expected())


def _state(layout: dict[str, Any]) -> str:
    """Return how a store of ``layout`` is to this version."""
    ours = _ours()
    if layout == ours:
        return "ready"
    if layout["format"] > FORMAT:
        return "newer"
    for name, kind in layout["kinds"].items():
        known = ours["kinds"].get(name)
        if known is None or not set(kind["fields"]) <= set(known["fields"]):
            return "newer"
    return "outdated"


_MARK = json.dumps(_ours()).encode()


def mark(transaction: lmdb.Transaction[bytes]) -> None:
    """Note that the store has the layout of this version."""
    transaction.put(MARKER, _MARK)


def is_marked(transaction: lmdb.Transaction[bytes]) -> bool:
    """Return whether this version has marked the store: the quick answer to the question whether it is ready."""
    return bool(transaction.get(MARKER) == _MARK)


def rebuild(transaction: lmdb.Transaction[bytes]) -> None:
    """Write every record and every index entry anew, as this version has them.

    Raises:
        SchemaError: two records share what must be unique by now.
    """
    for place, _ in list(scan(transaction, INDEXES)):
        transaction.delete(place)
    for table in TABLES.values():
        for place, stored in list(scan(transaction, table.records)):
            record: object = decode(table.kind, stored)
            _refuse_a_double(transaction, table, record)
            transaction.put(place, encode(record))
            for entry in table.entries(record):
                transaction.put(entry, b"")
    mark(transaction)


def _refuse_a_double(transaction: lmdb.Transaction[bytes], table: Table, record: object) -> None:
    for group, begin in table.indexes(record):
        if group in table.facts.unique and any(scan(transaction, begin)):
            values = ", ".join(f"{name} {getattr(record, name)}" for name in group)
            raise SchemaError(
                f"two records of the kind {table.kind.__name__} have {values}, which must be unique by now",
                hint="remove one of them with the version that wrote them",
            )
