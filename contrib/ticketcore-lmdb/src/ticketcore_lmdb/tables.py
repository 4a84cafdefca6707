"""Where things are: the keys under which records, indexes and numbers are kept.

Everything is in one sorted map of bytes to bytes::

    record NUL kind NUL key                 the record as JSON
    index NUL kind NUL digest key           nothing; the digest is that of a group of fields and their values
    number NUL kind                         the last number that was given to a record of the kind
    ticketcore                              which layout this is

All of it follows from :data:`ticketcore.ports.repository.KINDS`; no kind is known by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from operator import attrgetter
from typing import Any, cast

import attrs
import lmdb
from attrs import frozen
from ticketcore.domain.query import Condition, Expression, Op
from ticketcore.ports.repository import KINDS, Kind

from ticketcore_lmdb.codec import plain

Key = str | int
Group = tuple[str, ...]

MARKER = b"ticketcore"
INDEXES = b"index\0"

_LONGEST = 250
"""How long a key may be before its digest stands for it: LMDB's own limit is 511 bytes for everything."""

_HOT = ("ticket_guid", "source_guid", "target_guid", "state", "status")
"""The fields that are asked for so often that nobody should have to look through all records of a kind."""


def _key_bytes(key: Key) -> bytes:
    """Return a key so that equal ones are equal, and others are not; those that sort by time still do."""
    text = f"n{key:020x}" if isinstance(key, int) else f"t{key}"
    # Half a surrogate pair cannot be stored, but it can be asked for.
    raw = text.encode("utf-8", "surrogatepass")
    return raw if len(raw) <= _LONGEST else b"h" + blake2b(raw, digest_size=32).digest()


def _comparable(value: object) -> object:
    # Hexadecimal, because Python refuses to write very large numbers in decimals; a list, so that it is no text.
    return [f"{value:x}"] if isinstance(value, int) else plain(value)


@frozen
class Table:
    """The places of the records of one kind; ``groups`` are the groups of fields by which they are found."""

    kind: type
    facts: Kind
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, kind: type) -> Table:
        """Return the table of ``kind``."""
        facts = KINDS[kind]
        hot = tuple((name,) for name in _HOT if name in attrs.fields_dict(kind))
        return cls(kind, facts, tuple(dict.fromkeys(facts.unique + hot)))

    @property
    def records(self) -> bytes:
        """What the place of every record begins with."""
        return b"record\0%b\0" % self.kind.__name__.encode()

    @property
    def number(self) -> bytes:
        """The place of the last number."""
        return b"number\0%b" % self.kind.__name__.encode()

    def place(self, key: Key) -> bytes:
        """Return the place of the record with ``key``."""
        return self.records + _key_bytes(key)

    def place_of(self, record: object) -> bytes:
        """Return the place of ``record``."""
        return self.place(attrgetter(self.facts.key)(record))

    def index(self, group: Group, values: Iterable[object]) -> bytes:
        """Return what the index entries begin with of all records that have ``values`` in the fields of ``group``."""
        text = json.dumps([group, [_comparable(value) for value in values]])
        return INDEXES + b"%b\0" % self.kind.__name__.encode() + blake2b(text.encode(), digest_size=16).digest()

    def indexes(self, record: object) -> Iterator[tuple[Group, bytes]]:
        """Yield each group, and what the index entry of ``record`` in it begins with."""
        for group in self.groups:
            yield group, self.index(group, [getattr(record, name) for name in group])

    def entries(self, record: object) -> dict[bytes, Group]:
        """Return the index entries of ``record``, and the group of each."""
        key = self.place_of(record).removeprefix(self.records)
        return {begin + key: group for group, begin in self.indexes(record)}

    def narrowed(self, where: Iterable[Expression]) -> tuple[str, list[Key]] | None:
        """Return the field by which the fewest records have to be looked at, and its values; ``None`` for all."""
        asked = {part.field: part for part in where if isinstance(part, Condition) and part.op in {Op.EQ, Op.IN}}
        for name in (self.facts.key, *(group[0] for group in self.groups if len(group) == 1)):
            part = asked.get(name)
            if part is not None:
                values = part.value if part.op is Op.IN else (part.value,)
                if all(isinstance(value, str | int) for value in values):
                    return name, list(dict.fromkeys(values))
        return None


def scan(transaction: lmdb.Transaction[bytes], begin: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the places that begin with ``begin``, and what is there."""
    with transaction.cursor() as cursor:
        if cursor.set_range(begin):
            for place, value in cursor:
                if not place.startswith(begin):
                    return
                yield place, value


TABLES: dict[type, Table] = {kind: Table.of(kind) for kind in KINDS}
"""The table of every kind."""


def shape() -> dict[str, Any]:
    """Return what a store depends on: the fields of each kind, its key, and the groups that are indexed."""
    return {
        kind.__name__: {
            "key": table.facts.key,
            "fields": sorted(attrs.fields_dict(cast("Any", kind))),
            "groups": sorted(list(group) for group in table.groups),
        }
        for kind, table in TABLES.items()
    }
