"""Where the schema of a database is not the one that this version makes; imported only to look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Connection

from ticketcore.adapters.sql.backend import Backend
from ticketcore.adapters.sql.schema import SEARCH
from ticketcore.adapters.sql.server import GUARDS, Server
from ticketcore.adapters.sql.tables import MARIADB, guard, metadata, version
from ticketcore.adapters.sql.types import COLLATION, Instant
from ticketcore.domain.flaws import Flaw

_MICROSECONDS = 6
_SEARCH_INDEXES = {"postgresql": ("ix_ticket_search_words", "ix_comment_search_words")}


def differences(backend: Backend, connection: Connection) -> Iterator[Flaw]:
    """Yield where the schema of the database behind ``connection`` is not the one that this version makes.

    Tables of others are left out, and so is what does not make a difference to us: constraints that only refuse what
    we do not write, and values by default.
    """
    context = MigrationContext.configure(connection, opts={"include_name": _is_ours})
    for found in compare_metadata(context, metadata):
        # Changes of one column come as a list.
        for one in found if isinstance(found, list) else [found]:
            yield from _told(connection.dialect, one)
    yield from _missing_search(backend, connection)
    if isinstance(backend, Server):
        yield from _wrong_details(connection)
        yield from _missing_row(connection)
    if backend.name == "mariadb":
        yield from _wrong_engines(connection)


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or name in metadata.tables


def _flaw(where: str, problem: str, expected: str = "", hint: str = "") -> Flaw:
    return Flaw(where=where, problem=problem, expected=expected, hint=hint)


def _told(dialect: sa.Dialect, found: tuple[Any, ...]) -> Iterator[Flaw]:
    """Yield what Alembic has ``found``: https://alembic.sqlalchemy.org/en/latest/api/autogenerate.html."""
    what, *about = found
    if tell := _TOLD.get(what):
        yield from tell(dialect, *about)


def _column(_: sa.Dialect, __: str | None, table: str, column: sa.Column[Any], *, ours: bool) -> Iterator[Flaw]:
    yield _flaw(f"{table}.{column.name}", "is missing" if ours else "is there, and ticketcore has no such column")


def _index(dialect: sa.Dialect, index: sa.Index | sa.UniqueConstraint, *, ours: bool) -> Iterator[Flaw]:
    names = tuple(column.name for column in index.columns)
    if dialect.name == "sqlite" and names == ("TicketNumber",):
        return  # it is the key of the rows themselves
    unique = "unique " if isinstance(index, sa.UniqueConstraint) or index.unique else ""
    called = f"index {index.name}" if index.name else "index"
    where = index.table.name if index.table is not None else ""
    problem = "is missing" if ours else "is there, and is not ticketcore's"
    yield _flaw(where, f"the {unique}{called} of {', '.join(names)} {problem}")


def _type(
    dialect: sa.Dialect, _: str | None, table: str, name: str, __: object, there: Any, wanted: Any
) -> Iterator[Flaw]:
    expected = wanted.compile(dialect=dialect)
    yield _flaw(f"{table}.{name}", f"has the type {there.compile(dialect=dialect)}", expected)


def _nullable(
    _: sa.Dialect, __: str | None, table: str, name: str, ___: object, there: object, wanted: object
) -> Iterator[Flaw]:
    said = {True: "may be empty", False: "may not be empty"}
    yield _flaw(f"{table}.{name}", said[bool(there)], f"that it {said[bool(wanted)]}")


_TOLD: dict[str, Callable[..., Iterator[Flaw]]] = {
    "add_table": lambda _, table: iter([_flaw(table.name, "is missing")]),
    "add_column": lambda *about: _column(*about, ours=True),
    "remove_column": lambda *about: _column(*about, ours=False),
    "add_index": lambda *about: _index(*about, ours=True),
    "remove_index": lambda *about: _index(*about, ours=False),
    "add_constraint": lambda *about: _index(*about, ours=True),
    "remove_constraint": lambda *about: _index(*about, ours=False),
    "modify_type": _type,
    "modify_nullable": _nullable,
}


def _missing_search(backend: Backend, connection: Connection) -> Iterator[Flaw]:
    there = backend.table_names(connection)
    for name in SEARCH:
        if name not in there:
            yield _flaw(name, "is missing")
    if names := _SEARCH_INDEXES.get(backend.name):
        known = sa.inspect(connection)
        found = {index["name"] for table in SEARCH if table in there for index in known.get_indexes(table)}
        for name in names:
            if name not in found:
                yield _flaw(name, "is missing")


def _wrong_details(connection: Connection) -> Iterator[Flaw]:
    """Yield the columns that the server would sort as some language does, or whose instants it would round."""
    is_mariadb = connection.dialect.name in ("mysql", "mariadb")
    statement = (
        "SELECT table_name, column_name, collation_name, datetime_precision FROM information_schema.columns"
        " WHERE table_schema = "
    )
    for name, column, collation, precision in connection.exec_driver_sql(
        statement + ("DATABASE()" if is_mariadb else "current_schema()")
    ):
        table = metadata.tables.get(name)
        declared = {one.name: one.type for one in table.columns} if table is not None and table is not version else {}
        if column not in declared:
            continue
        kind = declared[column].dialect_impl(connection.dialect)
        wanted = (collation and COLLATION) if is_mariadb else getattr(kind, "collation", None)
        if wanted and collation != wanted:
            yield _flaw(f"{name}.{column}", f"has the collation {collation or 'of the database'}", wanted)
        if isinstance(declared[column], Instant) and precision not in (None, _MICROSECONDS):
            yield _flaw(f"{name}.{column}", f"keeps {precision} digits of a second", str(_MICROSECONDS))


def _wrong_engines(connection: Connection) -> Iterator[Flaw]:
    text = "SELECT table_name, engine FROM information_schema.tables WHERE table_schema = DATABASE()"
    for table, engine in connection.exec_driver_sql(text):
        if table in {*metadata.tables, *SEARCH} and engine != MARIADB["mariadb_engine"]:
            yield _flaw(table, f"has the engine {engine}", MARIADB["mariadb_engine"])


def _missing_row(connection: Connection) -> Iterator[Flaw]:
    if not sa.inspect(connection).has_table(guard.name):
        return  # that is told already
    there = set(connection.execute(sa.select(guard.c.name).where(guard.c.name.in_(GUARDS))).scalars())
    for name in GUARDS:
        if name not in there:
            yield _flaw(guard.name, f"the row {name} is missing", hint="add it, with the value 0")
