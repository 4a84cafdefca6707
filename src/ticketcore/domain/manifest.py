"""What a backup says of itself: how many records of each kind there are, and a digest of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any

from attrs import asdict, frozen

from ticketcore.errors import RepositoryError

FORMAT = "ticketcore-backup"
FORMAT_VERSION = 1
"""The version of the format; a file of a later one is not read."""


@frozen(kw_only=True)
class KindSummary:
    """The records of one kind: how many, and the SHA-256 over ``fields`` of all of them in the order of their keys."""

    fields: tuple[str, ...]
    count: int
    sha256: str


@frozen(kw_only=True)
class Manifest:
    """What a backup says of itself.

    ``engine`` and ``location`` are those of the store that it was made of, ``schema`` is the revision of its tables.
    """

    made_at: datetime
    made_by: str
    engine: str
    schema: str
    kinds: Mapping[str, KindSummary]

    @property
    def records(self) -> int:
        """How many records there are."""
        return sum(kind.count for kind in self.kinds.values())

    def dumped(self) -> str:
        """Return it as text."""
        values = asdict(self) | {"made_at": self.made_at.isoformat()}
        return json.dumps({"format": FORMAT, "version": FORMAT_VERSION, **values}, ensure_ascii=False, indent=1)


def load_manifest(text: str) -> Manifest:
    """Return what :meth:`Manifest.dumped` made ``text`` of.

    Raises:
        RepositoryError: it is something else, or of a later version.
    """
    try:
        values = json.loads(text)
        if values.pop("format") != FORMAT:
            raise ValueError(values)  # noqa: TRY301 - one place says what a damaged one is
        version = values.pop("version")
        if version > FORMAT_VERSION:
            message = f"has the format {version}, which is newer than this version knows ({FORMAT_VERSION})"
            raise RepositoryError(message, hint="use the ticketcore that wrote it, or a later one")
        kinds = {
            name: KindSummary(fields=tuple(kind["fields"]), count=kind["count"], sha256=kind["sha256"])
            for name, kind in values.pop("kinds").items()
        }
        return Manifest(made_at=datetime.fromisoformat(values.pop("made_at")), kinds=kinds, **values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RepositoryError("says nothing of itself that can be read", hint="it is damaged; use another") from error


class Summing:
    """Sums up records of one kind, given in the order of their keys."""

    def __init__(self, kind: type, fields: Iterable[str]) -> None:
        """Take the values of ``fields``."""
        self._fields = tuple(fields)
        self._values: Callable[[Any], Any] = attrgetter(*self._fields)
        self._hash = hashlib.sha256(_encode([kind.__name__, *self._fields]).encode())
        self._count = 0

    def add(self, records: Iterable[Any]) -> None:
        """Add what comes next."""
        for record in records:
            self._hash.update(f"\n{_encode(self._values(record))}".encode())
            self._count += 1

    @property
    def summary(self) -> KindSummary:
        """What was added so far."""
        return KindSummary(fields=self._fields, count=self._count, sha256=self._hash.hexdigest())


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else asdict(value)


_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=_plain).encode
