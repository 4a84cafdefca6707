"""What tables a database has that another program has made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ticketcore.adapters.sql.adopt_columns import Column
from ticketcore.adapters.sql.schema import SEARCH
from ticketcore.adapters.sql.tables import metadata
from ticketcore.adapters.sql.types import COLLATION
from ticketcore.ports.adoption import AdoptionNote, Fit


class Shape:
    """What tables there are, with their columns (in lower case) and what is unique."""

    def __init__(self, connection: Connection) -> None:
        """Look at all tables that ours are called like."""
        self._inspector = sa.inspect(connection)
        self._mariadb = connection.dialect.name in ("mariadb", "mysql")
        names = {*metadata.tables, *SEARCH} & set(self._inspector.get_table_names())
        declared = _declared(connection) if self._mariadb else {}
        sequences = _sqlite_counters(connection) if connection.dialect.name == "sqlite" else set()
        self._exact = connection.dialect.name == "postgresql"
        self._sqlite = connection.dialect.name == "sqlite"
        self.columns: dict[str, dict[str, Column]] = {
            name: {self._key(name, one): one for one in self._columns(name, declared, counts=name in sequences)}
            for name in names
        }

    def _key(self, table: str, column: Column) -> str:
        """Return the name of a column in lower case; in quotes where the engine does not take it for ours."""
        ours = metadata.tables.get(table)
        if self._exact and ours is not None and column.name not in {one.name for one in ours.columns}:
            return f'"{column.name}"'
        return column.name.lower()

    def _columns(
        self, table: str, declared: dict[tuple[str, str], tuple[str, str]], *, counts: bool
    ) -> Iterator[Column]:
        keys = self._inspector.get_pk_constraint(table)["constrained_columns"]
        for found in self._inspector.get_columns(table):
            words, collation = declared.get((table, found["name"].lower()), ("", ""))
            counts_up = found.get("autoincrement") is True or bool(found.get("identity"))
            yield Column(
                name=found["name"],
                type=found["type"],
                nullable=found["nullable"],
                default=found.get("default") is not None,
                counts=counts and keys == [found["name"]] if self._sqlite else counts_up,
                declared=words,
                collation=collation,
            )

    def has_unique(self, table: str, columns: tuple[sa.Column[Any], ...]) -> bool:
        """Return whether ``columns`` together are unique."""
        wanted = {column.name.lower() for column in columns}
        groups: list[Any] = [self._inspector.get_pk_constraint(table)["constrained_columns"]]
        groups += [one["column_names"] for one in self._inspector.get_unique_constraints(table)]
        groups += [one["column_names"] for one in self._inspector.get_indexes(table) if one["unique"]]
        return any(group and {str(name).lower() for name in group} == wanted for group in groups)

    def index_names(self, table: str) -> set[str]:
        """Return the names of the indexes of a table."""
        return {str(one["name"]) for one in self._inspector.get_indexes(table)}

    def table_notes(self, connection: Connection, table: str) -> Iterator[AdoptionNote]:
        """Yield what is different about a table as a whole."""
        if not self._mariadb:
            return
        text = "SELECT engine, row_format FROM information_schema.tables WHERE table_schema = DATABASE()"
        engine, row_format = connection.exec_driver_sql(f"{text} AND table_name = %s", (table,)).one()
        if engine != "InnoDB":
            hint = f"ALTER TABLE {table} ENGINE=InnoDB"
            yield AdoptionNote(Fit.WRONG, table, f"is kept by {engine}, which has no transactions", hint)
        elif str(row_format).upper() in {"COMPACT", "REDUNDANT"}:
            hint = f"ALTER TABLE {table} ROW_FORMAT=DYNAMIC"
            yield AdoptionNote(Fit.WRONG, table, f"has the row format {row_format}, whose indexes are too short", hint)
        collations = sorted({one.collation for one in self.columns[table].values() if one.collation} - {COLLATION})
        for collation in collations:
            yield AdoptionNote(Fit.DIFFERS, table, f"compares texts by {collation}: {_meaning(collation)}")


def _meaning(collation: str) -> str:
    """Return what a collation of MariaDB means for texts."""
    said: list[str] = []
    if "_bin" not in collation:
        said.append("'a' and 'A' are the same there" if "_cs" not in collation else "letters sort by a language")
    if "nopad" not in collation:
        said.append("blanks at the end do not count")
    if not collation.startswith("utf8mb4"):
        said.append(f"characters that {collation.partition('_')[0]} does not have are refused")
    return ", ".join(said)


def _declared(connection: Connection) -> dict[tuple[str, str], tuple[str, str]]:
    """Return type and collation of all columns of a database of MariaDB."""
    text = (
        "SELECT table_name, column_name, column_type, coalesce(collation_name, '')"
        " FROM information_schema.columns WHERE table_schema = DATABASE()"
    )
    rows = connection.exec_driver_sql(text).all()
    return {(table, column.lower()): (kind, collation) for table, column, kind, collation in rows}


def _sqlite_counters(connection: Connection) -> set[str]:
    """Return the tables of SQLite that never give a number again."""
    text = "SELECT name FROM sqlite_master WHERE type = 'table' AND upper(sql) LIKE '%AUTOINCREMENT%'"
    return set(connection.exec_driver_sql(text).scalars())
