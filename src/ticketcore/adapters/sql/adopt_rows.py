"""Rows that another program has written: which of them cannot be read, and what is added to the others.

A history that has no places and no hashes gets them: its rows are numbered by their dates and chained, so that a change
made after that shows. Each ticket gets a row ADOPTED with what it is at that moment, from which its history goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from attrs import evolve, frozen
from sqlalchemy.engine import Connection

from ticketcore.adapters.sql.adopt_columns import words_of
from ticketcore.adapters.sql.backend import Backend
from ticketcore.adapters.sql.oddities import wrong_keys
from ticketcore.adapters.sql.tables import FIELDS, TABLES, comment, history, ticket
from ticketcore.adapters.sql.transaction import SqlTransaction
from ticketcore.adapters.sql.types import Instant, YesNo
from ticketcore.domain.history import HistoryEntry, seal
from ticketcore.domain.query import Query, one_of
from ticketcore.domain.replay import ADOPTED, DATES, FOLLOWED
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.versioning import plain
from ticketcore.domain.work import Comment
from ticketcore.errors import quoted
from ticketcore.ports.adoption import AdoptionNote, Fit
from ticketcore.ports.repository import KINDS
from ticketcore.ports.system import Clock, Ids

_BATCH = 500
_NAMED = 10
"""The most rows that are named one by one."""
_LARGEST = 60_000
"""Bytes that fit into the smallest text in which a value of the history may be kept."""


def value_notes(connection: Connection, kind: type, there: Iterable[str]) -> Iterator[AdoptionNote]:
    """Yield which values of a table cannot be read; ``there`` are the names of its columns in lower case."""
    table, names = TABLES[kind], set(there)
    key = table.c[KINDS[kind].key]
    for name in FIELDS[kind]:
        column = table.c[name]
        if column.name.lower() not in names:
            continue
        if isinstance(column.type, Instant):
            yield from _date_notes(connection, column, key)
        elif words := words_of(column):
            yield from _word_notes(connection, column, key, words)
    texts = [column for column in table.columns if column.name.lower() in names and _is_text(column)]
    yield from _empty_notes(connection, texts)


def _is_text(column: sa.Column[Any]) -> bool:
    return not (column.nullable or isinstance(column.type, Instant | YesNo | sa.Integer) or words_of(column))


def _empty_notes(connection: Connection, columns: Sequence[sa.Column[Any]]) -> Iterator[AdoptionNote]:
    """Yield in how many rows there is NULL where we store an empty text."""
    total = sa.func.count()
    counted = connection.execute(sa.select(*(total - sa.func.count(column) for column in columns))).one()
    for column, count in zip(columns, counted, strict=True):
        if count:
            table, name = column.table.name, column.name
            text = (
                f"is NULL in {count} row{'s' if count > 1 else ''}: read as empty, but not found by who looks for that"
            )
            hint = f"UPDATE {table} SET {name} = '' WHERE {name} IS NULL"  # noqa: S608 - to be read
            yield AdoptionNote(Fit.DIFFERS, f"{table}.{name}", text, hint)


def _date_notes(connection: Connection, column: sa.Column[Any], key: sa.Column[Any]) -> Iterator[AdoptionNote]:
    where = f"{column.table.name}.{column.name}"
    wrong = wrong_keys(connection, column, key)
    if column.nullable:
        if wrong:
            text = f"is no date, and counts as empty, where {key.name} is {_listed(wrong, len(wrong))}"
            yield AdoptionNote(Fit.DIFFERS, where, text)
        return
    if wrong:
        text = f"is no date where {key.name} is {_listed(wrong, len(wrong))}"
        yield AdoptionNote(Fit.WRONG, where, text, "put a date there (UTC)")
    if named := _named(connection, key, column.is_(None)):
        yield AdoptionNote(Fit.WRONG, where, f"is empty where {key.name} is {named}", "put a date there (UTC)")


def _word_notes(
    connection: Connection, column: sa.Column[Any], key: sa.Column[Any], words: Sequence[str]
) -> Iterator[AdoptionNote]:
    raw = sa.type_coerce(column, sa.String)
    where, known = f"{column.table.name}.{column.name}", {word.casefold() for word in words}
    rows: Sequence[Any] = connection.execute(sa.select(raw, sa.func.count()).group_by(raw)).all()
    for value, count in rows:
        if value in words:
            continue
        if str(value).strip().casefold() in known and value is not None:
            text = f"{quoted(value)} in {count} row{'s' if count > 1 else ''} is read as one of {', '.join(words)}"
            yield AdoptionNote(Fit.DIFFERS, where, text)
            continue
        named = _named(connection, key, raw.is_(None) if value is None else raw == value)
        text = f"is {'empty' if value is None else quoted(value)} where {key.name} is {named}"
        yield AdoptionNote(Fit.WRONG, where, text, f"put one of {', '.join(words)} there")


def _named(connection: Connection, key: sa.Column[Any], condition: sa.ColumnElement[bool]) -> str:
    """Return the keys of the rows that fit ``condition``, as far as they can be told; empty if there is none."""
    found = connection.execute(sa.select(key).where(condition).order_by(key).limit(_NAMED)).scalars().all()
    if not found:
        return ""
    count = connection.execute(sa.select(sa.func.count()).select_from(key.table).where(condition)).scalar_one()
    return _listed(found, count)


def _listed(keys: Sequence[Any], count: int) -> str:
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    return f"{', '.join(map(str, keys[:_NAMED]))}{more}"


def double_notes(connection: Connection, columns: Sequence[sa.Column[Any]]) -> Iterator[AdoptionNote]:
    """Yield which values, together, more than one row has; or is empty where one column alone has to be unique."""
    table = columns[0].table.name
    where = f"{table}.{', '.join(column.name for column in columns)}"
    raw = [sa.type_coerce(column, sa.Integer if _counts(column) else sa.String) for column in columns]
    found = connection.execute(
        sa.select(*raw, sa.func.count()).group_by(*raw).having(sa.func.count() > 1).limit(_NAMED)
    ).all()
    for *values, count in found:
        shown = ", ".join(map(quoted, values))
        yield AdoptionNote(Fit.WRONG, where, f"{count} rows have {shown}; each has to be there once")


def _counts(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.Integer)


def key_notes(connection: Connection, column: sa.Column[Any]) -> Iterator[AdoptionNote]:
    """Yield how many rows have nothing that could be their key in ``column``."""
    raw = sa.type_coerce(column, sa.Integer if _counts(column) else sa.String)
    empty = raw < 1 if _counts(column) else raw == ""
    statement = sa.select(sa.func.count()).select_from(column.table).where(sa.or_(raw.is_(None), empty))
    if count := connection.execute(statement).scalar_one():
        where, rows = f"{column.table.name}.{column.name}", f"{count} row{'s have' if count > 1 else ' has'}"
        wanted = "a number from 1 on" if _counts(column) else "a text"
        yield AdoptionNote(Fit.WRONG, where, f"{rows} none; each needs {wanted}")


@frozen
class Rows:
    """What is added to rows that are there."""

    backend: Backend
    connection: Connection
    step: Callable[[], None]
    """Is called where what was done so far may be stored."""

    def number_history(self) -> None:
        """Give each row of a history its place, by its date."""
        quote = self.connection.dialect.identifier_preparer.quote
        names = {name: quote(history.c[name].name) for name in ("guid", "ticket_guid", "action_date", "seq")}
        statement = """UPDATE data_ticket_history SET {action_date} = {action_date}, {seq} = (
            SELECT place FROM (
                SELECT {guid} AS known, ROW_NUMBER() OVER (
                    PARTITION BY {ticket_guid}
                    ORDER BY CASE WHEN {seq} = 0 THEN 1 ELSE 0 END, {seq}, {action_date}, {guid}) AS place
                FROM data_ticket_history) AS numbered
            WHERE known = data_ticket_history.{guid}) WHERE {seq} = 0"""
        # The date is set to what it is, because a TIMESTAMP of MariaDB may otherwise change by itself.
        self.connection.exec_driver_sql(statement.format(**names))
        self.step()

    def chain_history(self, ids: Ids) -> None:
        """Give each row of a history that has no hash one, and chain it to the one before it."""
        bare = sa.select(history.c.ticket_guid).where(history.c.hash == "").distinct()
        guids = self.connection.execute(bare).scalars().all()
        for some in _batches(guids):
            found = sa.select(*(history.c[name] for name in FIELDS[HistoryEntry]))
            found = found.where(history.c.ticket_guid.in_(some)).order_by(history.c.ticket_guid, history.c.seq)
            rows = [_entry(row) for row in self.connection.execute(found)]
            for _, trail in groupby(rows, lambda row: row.ticket_guid.strip().casefold()):
                self._chain(list(trail), ids)
            self.step()

    def _chain(self, trail: Sequence[HistoryEntry], ids: Ids) -> None:
        prev_hash, sealed = "", []
        for row in trail:
            if not row.hash:
                made = seal(evolve(row, salt=ids.salt(), prev_hash=prev_hash))
                sealed.append({"known": row.guid} | {name: getattr(made, name) for name in _CHAIN})
                row = made  # noqa: PLW2901 - from here on it is that one
            prev_hash = row.hash
        if sealed:
            statement = sa.update(history).where(history.c.guid == sa.bindparam("known"))
            self.connection.execute(statement.values(_SEALED), sealed)

    def note_tickets(self, *, action_by: str, clock: Clock, ids: Ids, known: Iterable[str]) -> int:
        """Add a row ADOPTED to the history of each ticket that has none, and its words; return how many those are.

        Args:
            action_by: who adopts.
            clock: tells when.
            ids: makes identifiers.
            known: the guids of the tickets that were adopted before.
        """
        there, done = self.connection.execute(sa.select(ticket.c.guid)).scalars().all(), set(known)
        guids = [guid for guid in there if guid not in done]
        tx = SqlTransaction(self.connection, self.backend, read_only=False)
        for some in _batches(guids):
            ends = self._ends(some)
            tickets = tx.find(Query(Ticket, (one_of("guid", some),)))
            self._index(tickets)
            now = clock.now().replace(microsecond=0)  # the column may keep no more
            tx.add_many([_adopted(one, ends.get(_same(one.guid), (0, "")), now, action_by, ids) for one in tickets])
            self.step()
        tx.end()
        return len(guids)

    def _ends(self, guids: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Return place and hash of the last row of each history."""
        columns = (history.c.ticket_guid, history.c.seq, history.c.hash)
        rows = self.connection.execute(sa.select(*columns).where(history.c.ticket_guid.in_(guids))).all()
        ends: dict[str, tuple[int, str]] = {}
        for guid, seq, value in rows:
            ends[_same(guid)] = max(ends.get(_same(guid), (0, "")), (seq, value))
        return ends

    def _index(self, records: Sequence[Any]) -> None:
        """Enter the words of records that are there, whether they were entered before or not."""
        if records:
            self.backend.index(self.connection, "remove", records)
            self.backend.index(self.connection, "add", records)

    def index_comments(self) -> None:
        """Enter the words of all comments."""
        guids = self.connection.execute(sa.select(comment.c.guid)).scalars().all()
        tx = SqlTransaction(self.connection, self.backend, read_only=True)
        for some in _batches(guids):
            self._index(tx.find(Query(Comment, (one_of("guid", some),))))
            self.step()
        tx.end()

    def adopted(self) -> list[str]:
        """Return the guids of the tickets that have a row ADOPTED."""
        statement = sa.select(history.c.ticket_guid).where(history.c.action == ADOPTED)
        return list(self.connection.execute(statement).scalars())


_CHAIN = ("salt", "prev_hash", "hash")
_SEALED: dict[str, Any] = {name: sa.bindparam(name) for name in _CHAIN} | {"action_date": history.c.action_date}


def _batches(guids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (guids[start : start + _BATCH] for start in range(0, len(guids), _BATCH))


def _same(guid: str) -> str:
    return guid.strip().casefold()


def _entry(row: Sequence[Any]) -> HistoryEntry:
    """Return a row of a history, also if another program has left something out."""
    values = dict(zip(FIELDS[HistoryEntry], row, strict=True))
    texts = ("action", "action_by", "package", "field", "note", "salt", "prev_hash", "hash")
    values |= {name: values[name] or "" for name in texts}
    values["action_date"] = values["action_date"] or datetime.min.replace(tzinfo=UTC)
    return HistoryEntry(**values)


def _adopted(record: Ticket, end: tuple[int, str], now: datetime, action_by: str, ids: Ids) -> HistoryEntry:
    seq, prev_hash = end
    return seal(
        HistoryEntry(
            guid=ids.new(now),
            ticket_guid=record.guid,
            action=ADOPTED,
            new_value=_state(record),
            action_by=action_by,
            package=record.package,
            action_date=now,
            seq=seq + 1,
            salt=ids.salt(),
            prev_hash=prev_hash,
        )
    )


def _state(record: Ticket) -> str:
    """Return what a ticket is, as JSON; what would be too long for the column is left out."""
    values = {name: plain(getattr(record, name)) for name in (*FOLLOWED, *DATES)}
    while len(text := json.dumps(values)) > _LARGEST:
        del values[max(values, key=lambda name: len(json.dumps(values[name])))]
    return text
