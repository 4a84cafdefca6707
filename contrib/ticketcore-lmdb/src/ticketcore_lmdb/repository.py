"""The repository in LMDB.

Writers take turns, so a writing transaction is serial. Readers see the state that was current when they began, and
neither wait nor are waited for. Every commit is flushed to the disk.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar, cast

import lmdb
from attrs import evolve
from ticketcore.domain.events import OutboxMessage
from ticketcore.domain.query import Expression, Query, select
from ticketcore.errors import ConflictError, RepositoryError, SchemaError
from ticketcore.ports.repository import StoreStatus

from ticketcore_lmdb import schema
from ticketcore_lmdb.codec import decode, encode
from ticketcore_lmdb.environment import DATA, LOCK, TURN, Holder, looking
from ticketcore_lmdb.errors import reachable, translated
from ticketcore_lmdb.tables import TABLES, Key, Table, scan
from ticketcore_lmdb.url import read_url

R = TypeVar("R")


def _here() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def _with(record: R, field: str, value: int) -> R:
    changed: R = evolve(cast("Any", record), **{field: value})
    return changed


class LmdbTransaction:
    """A unit of work; see :class:`ticketcore.ports.repository.Transaction`.

    A conflict spoils it: everything after that is refused, and so is storing it. Otherwise a caller that goes on
    after a conflict would store half of its work.
    """

    def __init__(self, transaction: lmdb.Transaction[bytes], location: str, *, read_only: bool) -> None:
        """Work in ``transaction`` on the store at ``location``."""
        self._lmdb = transaction
        self._location = location
        self._read_only = read_only
        self._home = _here()
        self._refusal = ""

    def add(self, record: R) -> R:
        """Store one new record."""
        table = self._writable(type(record), "add")
        with translated(self._location):
            record = self._numbered(table, record)
            value = encode(record)
            if not self._lmdb.put(table.place_of(record), value, overwrite=False):
                raise self._conflict(table, record, attrgetter(table.facts.key)(record))
            self._index(table, {}, record)
            return record

    def add_many(self, records: Sequence[R]) -> list[R]:
        """Store new records of one kind."""
        return [self.add(record) for record in records]

    def get(self, kind: type[R], key: str | int) -> R | None:
        """Return one record by its key."""
        table = self._table(kind)
        with translated(self._location):
            stored = self._lmdb.get(table.place(key))
        return None if stored is None else decode(kind, stored)

    def save(self, record: R) -> R:
        """Overwrite a record, if it is still the one that was read."""
        table = self._writable(type(record), "save")
        stored: Any = self.get(type(record), attrgetter(table.facts.key)(record))
        if stored is None:
            raise self._conflict(table, record)
        if table.facts.versioned:
            expected, actual = cast("Any", record).row_version, stored.row_version
            if expected != actual:
                raise self._conflict(table, record, expected=expected, actual=actual)
            record = _with(record, "row_version", actual + 1)
        with translated(self._location):
            self._lmdb.put(table.place_of(record), encode(record))
            self._index(table, table.entries(stored), record)
        return record

    def remove(self, record: object) -> None:
        """Delete a record."""
        table = self._writable(type(record), "remove")
        stored = self.get(type(record), attrgetter(table.facts.key)(record))
        if stored is not None:
            with translated(self._location):
                for place in (table.place_of(stored), *table.entries(stored)):
                    self._lmdb.delete(place)

    def find(self, query: Query[R]) -> list[R]:
        """Return what the query asks for."""
        table = self._table(query.kind)
        with translated(self._location):
            records = (decode(query.kind, stored) for stored in self._stored(table, query.where))
            return select(records, query, self.find)

    def count(self, query: Query[Any]) -> int:
        """Return how many records fit."""
        return len(self._all(query))

    def count_by(self, query: Query[Any], field: str) -> dict[Any, int]:
        """Return how many records fit, for each value of a field."""
        return dict(Counter(getattr(record, field) for record in self._all(query)))

    def claim(self, query: Query[OutboxMessage], until: datetime) -> list[OutboxMessage]:
        """Take what is due, so that nobody else does before ``until``."""
        self._writable(query.kind, "claim")
        # Who writes is alone: nobody can come between the two steps.
        return [self.save(evolve(message, next_attempt=until)) for message in self.find(query)]

    def check(self) -> None:
        """Raise a RepositoryError if the transaction cannot be used (any more), or not from here."""
        if self._refusal:
            raise RepositoryError(self._refusal, hint="open a new one")
        if self._home != _here():
            raise RepositoryError("this transaction belongs to another thread or process", hint="open one in each")

    def end(self, why: str = "this transaction is over") -> None:
        """Refuse every further call, saying ``why``."""
        self._refusal = why

    def _all(self, query: Query[R]) -> list[R]:
        return self.find(evolve(query, order=(), limit=None, after=None))

    def _stored(self, table: Table, where: Iterable[Expression]) -> Iterator[bytes]:
        """Yield the stored records that may fit ``where``: few if it names an indexed field."""
        narrowed = table.narrowed(where)
        if narrowed is None:
            yield from (stored for _, stored in scan(self._lmdb, table.records))
            return
        for place in self._places(table, *narrowed):
            stored = self._lmdb.get(place)
            if stored is not None:
                yield stored

    def _places(self, table: Table, field: str, values: Iterable[Key]) -> Iterator[bytes]:
        for value in values:
            if field == table.facts.key:
                yield table.place(value)
            else:
                begin = table.index((field,), [value])
                for entry, _ in scan(self._lmdb, begin):
                    yield table.records + entry.removeprefix(begin)

    def _table(self, kind: type) -> Table:
        self.check()
        if kind not in TABLES:
            raise RepositoryError(f"a repository does not keep records of kind {kind.__name__}")
        return TABLES[kind]

    def _writable(self, kind: type, verb: str) -> Table:
        table = self._table(kind)
        if self._read_only:
            raise RepositoryError(
                f"a read-only transaction cannot {verb} a {kind.__name__}", hint="open one without read_only"
            )
        return table

    def _numbered(self, table: Table, record: R) -> R:
        """Return ``record`` with the next number, if it is of a numbered kind and has none."""
        given = table.facts.given
        if not given:
            return record
        last = int(self._lmdb.get(table.number, b"0"))
        number = getattr(record, given) or last + 1
        if number > last:
            self._lmdb.put(table.number, b"%d" % number)
        return _with(record, given, number)

    def _index(self, table: Table, before: dict[bytes, Any], record: R) -> None:
        """Bring the index entries of ``record`` up to date, which were ``before``."""
        after = table.entries(record)
        for entry in before.keys() - after.keys():
            self._lmdb.delete(entry)
        for entry in after.keys() - before.keys():
            group = after[entry]
            begin = table.index(group, [getattr(record, name) for name in group])
            if group in table.facts.unique and any(scan(self._lmdb, begin)):
                values = ", ".join(f"{name} {getattr(record, name)}" for name in group)
                raise self._conflict(table, record, f"with {values}")
            self._lmdb.put(entry, b"")

    def _conflict(
        self, table: Table, record: object, what: Key = "", *, expected: int | None = None, actual: int | None = None
    ) -> ConflictError:
        """Return the error to raise, and refuse every further call."""
        self.end("this transaction had a conflict and can only be given up")
        name = what or attrgetter(table.facts.given or table.facts.key)(record)
        return ConflictError(table.kind.__name__.lower(), name, expected=expected, actual=actual)


class LmdbRepository:
    """Records in LMDB; see :class:`ticketcore.ports.repository.Repository`."""

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        """Prepare to work on the store at ``url``; nothing is opened yet.

        Args:
            url: ``lmdb:///`` and a folder, which is made if its parent is there.
            timeout: seconds to wait for another writer before giving up.

        Raises:
            ConfigError: the URL cannot be read.
        """
        place = read_url(url)
        self.location = place.location
        self._folder = place.folder
        self._timeout = timeout
        self._holder = Holder(place.folder, place.map_size)
        self._ready = False

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[LmdbTransaction]:
        """Open a transaction."""
        self._make_ready()
        with translated(self.location), self._begun(read_only=read_only) as begun:
            if not schema.is_marked(begun):  # another version may have been at work since it was opened
                _refuse_unless_ready(schema.read(begun, self.location))
            transaction = LmdbTransaction(begun, self.location, read_only=read_only)
            try:
                yield transaction
                if not read_only:
                    transaction.check()
                    self._holder.refuse_if_closed()
            finally:
                transaction.end()

    def _begun(self, *, read_only: bool) -> AbstractContextManager[lmdb.Transaction[bytes]]:
        environment = self._holder.environment()
        return environment.reading() if read_only else environment.writing(self._timeout)

    def _make_ready(self) -> None:
        self._holder.refuse_if_closed()
        if not self._ready:
            status = self.status()
            if status.state == "missing":
                status = self.prepare()
            _refuse_unless_ready(status)
            self._ready = True

    def status(self) -> StoreStatus:
        """Say which layout the store has."""
        self._holder.refuse_if_closed()
        with reachable(self.location):
            state = self._state_without_data()
        if state:
            return StoreStatus(self.location, state, expected=schema.expected())
        with translated(self.location):
            try:
                with self._looking() as transaction:
                    return schema.read(transaction, self.location)
            except lmdb.InvalidError:  # the file is not LMDB's at all
                return StoreStatus(self.location, "foreign", expected=schema.expected())

    def _state_without_data(self) -> str:
        """Return the state of a folder without LMDB's data; empty if the data is there."""
        if not self._folder.exists():
            if not self._folder.parent.is_dir():
                raise RepositoryError(
                    f"cannot make the store {self.location}: the folder {self._folder.parent} does not exist",
                    hint="create it, or correct database.url",
                )
            return "missing"
        if not self._folder.is_dir():
            return "foreign"
        data = self._folder / DATA
        if data.is_file() and data.stat().st_size:
            return ""
        others = {entry.name for entry in self._folder.iterdir()} - {DATA, LOCK, TURN}
        return "foreign" if others else "missing"

    def _looking(self) -> AbstractContextManager[lmdb.Transaction[bytes]]:
        # Our own file says that it is ours. Without it the store may be a copy, or somebody else's.
        if (self._folder / TURN).exists():
            return self._holder.environment().reading()
        return looking(self._folder)

    def prepare(self) -> StoreStatus:
        """Make a new store, in a folder that is empty or not there yet."""
        status = self.status()
        if status.state == "missing":
            with reachable(self.location):
                self._folder.mkdir(exist_ok=True)
            with translated(self.location), self._begun(read_only=False) as transaction:
                if schema.read(transaction, self.location).state == "missing":
                    schema.mark(transaction)
            with reachable(self.location):
                _flush(self._folder)
                _flush(self._folder.parent)
            status = self.status()
        _refuse_unless_ready(status)
        return status

    def upgrade(self) -> StoreStatus:
        """Bring the layout up to date; a new store is made, a current one left alone."""
        if self.status().state != "outdated":
            return self.prepare()
        with translated(self.location), self._begun(read_only=False) as transaction:
            if schema.read(transaction, self.location).state == "outdated":
                schema.rebuild(transaction)
        return self.prepare()

    def close(self) -> None:
        """Close the store, unless another repository or an open transaction still needs it."""
        self._holder.close()


def _refuse_unless_ready(status: StoreStatus) -> None:
    if status.state == "outdated":
        message = f"the store {status.location} has layout {status.revision}; this version needs {status.expected}"
        raise SchemaError(message, hint="make a backup, then run: ticketcore db upgrade")
    if status.state == "newer":
        message = f"the store {status.location} has layout {status.revision}, which is newer than this version knows"
        raise SchemaError(f"{message} ({status.expected})", hint="use the ticketcore that wrote it, or a later one")
    if status.state == "foreign":
        message = f"{status.location} is no store of ticketcore: it holds something else, or is damaged"
        raise SchemaError(message, hint="give database.url a folder of its own, or restore it from a backup")
    if not status.ready:
        raise SchemaError(f"the store {status.location} was taken away while it was opened", hint="repeat it")


def _flush(folder: Path) -> None:
    """Make the names of new files in ``folder`` survive a power cut, as LMDB does for what is in them."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
