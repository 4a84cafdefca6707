"""What is wrong in a database below the records that are read from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from ticketcore.adapters.sql.tables import FIELDS, TABLES
from ticketcore.adapters.sql.types import Instant, Word, YesNo
from ticketcore.domain.flaws import RESTORE, Flaw
from ticketcore.domain.search import words
from ticketcore.errors import quoted
from ticketcore.ports.repository import KINDS

_BATCH = 1000
_MOST = 100
"""The most problems of the file itself that are told."""

_REBUILD = "ticketcore db backup, then ticketcore db restore into a new database, makes the index anew"


def found(connection: Connection) -> Iterator[Flaw]:
    """Yield what is wrong in the database behind ``connection``, which has begun a transaction."""
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        yield from _file_flaws(connection)  # first: if it is damaged, what follows may fail
    for kind in TABLES:
        yield from _value_flaws(connection, kind)
    yield from _number_flaws(connection)
    if is_sqlite:
        yield from _ticket_index_flaws(connection)
        yield from _comment_index_flaws(connection)


# Values that are read as something else.


@frozen
class _Check:
    """How wrong values of a column are found: those that ``suspects`` fits are read by ``is_wrong``."""

    suspects: str
    is_wrong: Callable[[Any], bool]
    expected: str


def _value_flaws(connection: Connection, kind: type) -> Iterator[Flaw]:
    """Yield the values of a table that count as empty, or cannot be read."""
    table, key = TABLES[kind], KINDS[kind].key
    checks = {name: check for name in FIELDS[kind] if (check := _check(connection.dialect, table.c[name]))}
    if not checks:
        return
    name_of = connection.dialect.identifier_preparer.quote
    names = [key, *(["ticket_number"] if "ticket_number" in table.c else []), *checks]
    quoted_names = {name: name_of(table.c[name].name) for name in names}
    raw = _RAW.get(connection.dialect.name, "{0}")
    columns = ", ".join(raw.format(column) if name in checks else column for name, column in quoted_names.items())
    where = " OR ".join(f"({check.suspects.format(quoted_names[name])})" for name, check in checks.items())
    statement = f"SELECT {columns} FROM {name_of(table.name)} WHERE {where}"  # noqa: S608 - our own names
    for rows in connection.exec_driver_sql(statement).partitions(_BATCH):
        for row in rows:
            values = dict(zip(names, row, strict=True))
            for name, check in checks.items():
                if values[name] is not None and check.is_wrong(values[name]):
                    yield _value_flaw(table, name, key, values, check.expected)


def wrong_keys(connection: Connection, column: sa.Column[Any], key: sa.Column[Any]) -> list[Any]:
    """Return the keys of the rows whose value in ``column`` counts as empty or cannot be read, in their order."""
    check = _check(connection.dialect, column)
    if check is None:
        return []
    name_of = connection.dialect.identifier_preparer.quote
    name, key_name = name_of(column.name), name_of(key.name)
    raw = _RAW.get(connection.dialect.name, "{0}").format(name)
    suspects = check.suspects.format(name)
    statement = f"SELECT {key_name}, {raw} FROM {name_of(key.table.name)} WHERE {suspects} ORDER BY {key_name}"  # noqa: S608 - our own names
    rows = connection.exec_driver_sql(statement)
    return [found for found, value in rows if value is not None and check.is_wrong(value)]


def _value_flaw(table: sa.Table, name: str, key: str, values: Mapping[str, Any], expected: str) -> Flaw:
    return Flaw(
        ticket_number=values.get("ticket_number") or 0,
        where=f"{table.name}.{table.c[name].name}, where {table.c[key].name} is {quoted(values[key])}",
        problem=f"{quoted(values[name])} cannot be read, and counts as empty",
        expected=expected,
        hint="another program wrote it: put a right value there",
    )


_ZERO = "YEAR({0}) = 0 OR MONTH({0}) = 0 OR DAY({0}) = 0"
_NO_DATE = {
    "mariadb": _ZERO,
    "mysql": _ZERO,
    "postgresql": "NOT isfinite({0})",
    "sqlite": "{0} IS NOT NULL AND (typeof({0}) <> 'text' OR coalesce(date({0}, '+0 days') <> substr({0}, 1, 10), 1))",
}
"""What may be stored as a date and be none, by the name of the dialect.

SQLite keeps any value as a date. What it takes for another date than is written is one such as 30 February.
"""

_RAW = {"mariadb": "CAST({0} AS CHAR)", "mysql": "CAST({0} AS CHAR)", "postgresql": "CAST({0} AS TEXT)"}
"""How a value is read as it is stored, where the driver would make something of it."""

_DATE = "a date such as 2026-05-01 12:00:00.000000 (UTC)"


def _is_no_date(value: str) -> bool:
    """Return whether a server's text of a date is none that Python knows."""
    return "infinity" in value or value.startswith("0000") or "-00" in value


def _check(dialect: sa.Dialect, column: sa.Column[Any]) -> _Check | None:
    """Return how to find wrong values of ``column``, ``None`` if there can be none."""
    if isinstance(column.type, Instant):
        if dialect.name != "sqlite":
            return _Check(_NO_DATE[dialect.name], _is_no_date, _DATE)
        read = column.type.dialect_impl(dialect).result_processor(dialect, None)
        assert read is not None  # noqa: S101 - text has to be read
        return _Check(_NO_DATE[dialect.name], lambda value: read(value) is None, _DATE)
    if isinstance(column.type, YesNo):
        return _Check("{0} IS NOT NULL AND trim({0}) NOT IN ('Y', 'N')", lambda _: True, "Y or N")
    if isinstance(column.type, Word):
        known = column.type.enums
        listed = ", ".join(f"'{value}'" for value in known)
        return _Check(f"{{0}} NOT IN ({listed})", lambda value: value not in known, f"one of {', '.join(known)}")
    return None


# Numbers.


_MARIADB_COUNTER = (
    "SELECT AUTO_INCREMENT - 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{0}'"
)
_COUNTERS = {
    "mariadb": _MARIADB_COUNTER,
    "mysql": _MARIADB_COUNTER,
    "postgresql": "SELECT pg_sequence_last_value(CAST(pg_get_serial_sequence('{0}', '{1}') AS regclass))",
    "sqlite": "SELECT seq FROM sqlite_sequence WHERE name = '{0}'",
}
"""Where each engine goes on counting in a table and its column, by the name of the dialect."""


def last_numbers(connection: Connection) -> Mapping[type, int]:
    """Return the highest number that was ever given, for each kind of record that has one."""
    return {kind: max(_highest(connection, kind), _counter(connection, kind)) for kind in _NUMBERED}


_NUMBERED = tuple(kind for kind, facts in KINDS.items() if facts.given)


def _highest(connection: Connection, kind: type) -> int:
    return int(connection.execute(sa.select(sa.func.max(TABLES[kind].c[KINDS[kind].given]))).scalar() or 0)


def _counter(connection: Connection, kind: type) -> int:
    column = TABLES[kind].c[KINDS[kind].given]
    statement = _COUNTERS[connection.dialect.name].format(column.table.name, column.name)
    return int(connection.exec_driver_sql(statement).scalar() or 0)


def _number_flaws(connection: Connection) -> Iterator[Flaw]:
    """Yield the kinds whose next number may be one that was given before."""
    for kind in _NUMBERED:
        counter, highest = _counter(connection, kind), _highest(connection, kind)
        if counter < highest:
            where = f"the counter of {TABLES[kind].name}"
            hint = "numbers may be given again: set it to the highest that was ever given"
            yield Flaw(where=where, problem=f"is at {counter}", expected=f"{highest} or more", hint=hint)


# What SQLite has besides: the file, and the index of words.


def _file_flaws(connection: Connection) -> Iterator[Flaw]:
    """Yield the damage to the file: https://sqlite.org/pragma.html#pragma_integrity_check."""
    for (problem,) in connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST})"):
        if problem != "ok":
            yield Flaw(where="the file", problem=problem, hint=f"it is damaged: {RESTORE}, and look after the disk")


def _ticket_index_flaws(connection: Connection) -> Iterator[Flaw]:
    statement = (
        "SELECT TicketNumber, Subject, Description, ProblemAnalysis, Words"
        " FROM data_ticket LEFT JOIN data_ticket_search ON data_ticket_search.rowid = TicketNumber"
    )
    for rows in connection.exec_driver_sql(statement).partitions(_BATCH):
        for number, *texts, indexed in rows:
            if indexed != " ".join(words("\n".join(texts))):
                problem = "is not in the index of words" if indexed is None else "has other words in the index"
                yield Flaw(ticket_number=number, where="search", problem=problem, hint=_REBUILD)


def _comment_index_flaws(connection: Connection) -> Iterator[Flaw]:
    statement = (
        "SELECT CommentGuid, Words, Guid, Text"
        " FROM data_ticket_comment_search LEFT JOIN data_ticket_comment ON Guid = CommentGuid"
    )
    indexed = 0
    for rows in connection.exec_driver_sql(statement).partitions(_BATCH):
        for known, there, guid, text in rows:
            indexed += guid is not None
            if guid is None:
                yield Flaw(where="search", problem=f"the index has a comment {known}, which is none", hint=_REBUILD)
            elif there != " ".join((f"={guid.encode().hex()}", *words(text))):
                yield Flaw(where="search", problem=f"comment {guid} has other words in the index", hint=_REBUILD)
    total = connection.exec_driver_sql("SELECT count(*) FROM data_ticket_comment").scalar() or 0
    if indexed != total:
        problem = f"the index has {indexed} comments of {total}"
        yield Flaw(where="search", problem=problem, hint=_REBUILD)
