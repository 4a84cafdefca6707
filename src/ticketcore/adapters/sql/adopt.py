"""Taking over a database whose tables another program has made: looked at, and completed.

What is missing is added, and nothing else changes: no column that is there, and no value in one, but that a column of
numbers begins to count. Each step can be repeated, so one that was interrupted is made up for by the next attempt; the
version, which makes the database ready, comes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ticketcore.adapters.sql import adopt_columns
from ticketcore.adapters.sql.adopt_columns import Column
from ticketcore.adapters.sql.adopt_rows import Rows, double_notes, key_notes, value_notes
from ticketcore.adapters.sql.adopt_shape import Shape
from ticketcore.adapters.sql.backend import Backend
from ticketcore.adapters.sql.schema import SEARCH
from ticketcore.adapters.sql.tables import REVISIONS, TABLES, history, metadata, ticket, version
from ticketcore.adapters.sql.types import Instant, YesNo
from ticketcore.errors import SchemaError
from ticketcore.ports.adoption import Adoption, AdoptionNote, Fit
from ticketcore.ports.repository import KINDS
from ticketcore.ports.system import Clock, Ids

_KINDS = {table.name: kind for kind, table in TABLES.items()}


def keeps_microseconds(connection: Connection) -> bool:
    """Return whether the instants of tickets and of their history are kept as they are."""
    schema = "DATABASE()" if connection.dialect.name in ("mariadb", "mysql") else "current_schema()"
    text = f"""SELECT min(datetime_precision) FROM information_schema.columns WHERE table_schema = {schema}
        AND table_name IN ('data_ticket', 'data_ticket_history')
        AND column_name IN ('CreatedDate', 'UpdatedDate', 'ActionDate')"""  # noqa: S608 - our own words
    return int(connection.exec_driver_sql(text).scalar() or 0) >= adopt_columns.FINEST


class Adopter:
    """Takes over the database behind a connection, which has begun a transaction."""

    def __init__(self, backend: Backend, connection: Connection) -> None:
        """Look at what is there.

        Raises:
            SchemaError: it is not what could be taken over.
        """
        self._backend, self._connection = backend, connection
        self._shape = Shape(connection)
        self._refuse_other()

    def _refuse_other(self) -> None:
        location = self._backend.location()
        if ticket.name not in self._shape.columns:
            message = f"the database {location} has no table {ticket.name}, so there is nothing to adopt"
            raise SchemaError(message, hint="ticketcore db init makes a new database")
        if version.name in self._shape.columns:
            statement = sa.select(version.c.version_num)
            revisions = set(self._connection.execute(statement).scalars()) - {""}
            if revisions - {REVISIONS[-1]}:
                listed = ", ".join(sorted(revisions))
                message = f"the database {location} has an {version.name} with version {listed}, so it is no stranger's"
                raise SchemaError(message, hint="ticketcore db status says what it is")

    # Looking.

    def notes(self) -> list[AdoptionNote]:
        """Return what there is to say about each table."""
        found: list[AdoptionNote] = []
        for table in metadata.sorted_tables:
            if table is version:
                continue
            if table.name not in self._shape.columns:
                found.append(AdoptionNote(Fit.ADDS, table.name, "the table"))
            else:
                own = list(_together(self._table(table)))
                found += own or [AdoptionNote(Fit.FITS, table.name, "has all that is needed")]
        found.append(AdoptionNote(Fit.ADDS, ", ".join(SEARCH), "the words of all tickets and comments"))
        text = "a row ADOPTED for each ticket; the rows that are there get their places by date, and are chained"
        return [*found, AdoptionNote(Fit.ADDS, history.name, text)]

    def _table(self, table: sa.Table) -> Iterator[AdoptionNote]:
        there = self._shape.columns[table.name]
        yield from self._shape.table_notes(self._connection, table.name)
        for column in table.columns:
            if column.name.lower() in there:
                yield from adopt_columns.notes(table.name, column, there[column.name.lower()], self._engine)
            else:
                yield self._missing(table, column)
        ours = {column.name.lower() for column in table.columns}
        for name, other in there.items():
            if name not in ours and not (other.nullable or other.default or other.counts):
                text = "has no default, so no row could be added here"
                yield AdoptionNote(Fit.WRONG, f"{table.name}.{other.name}", text, "give it one, or allow NULL")
        kind = _KINDS.get(table.name)
        if kind is not None:
            yield from value_notes(self._connection, kind, there)
        yield from self._keys(table)

    @property
    def _engine(self) -> str:
        return self._backend.name

    def _missing(self, table: sa.Table, column: sa.Column[Any]) -> AdoptionNote:
        where = f"{table.name}.{column.name}"
        if isinstance(column.type, Instant) and not column.nullable and not self._like(column):
            return AdoptionNote(Fit.WRONG, where, "is missing, and nothing says what it was", "add it, with its dates")
        if column.name.endswith("Guid") and not column.nullable:
            return AdoptionNote(Fit.WRONG, where, "is missing, and nothing says what it was", "add it, with its values")
        if _counts(column) and self._engine == "sqlite":
            hint = f"make a table with {column.name} INTEGER PRIMARY KEY AUTOINCREMENT, and copy the rows"
            return AdoptionNote(Fit.WRONG, where, "is missing, and cannot be added to a table of SQLite", hint)
        default = _default(column)
        said = "" if column.nullable or _counts(column) else f", {default!r} in the rows that are there"
        return AdoptionNote(Fit.ADDS, where, f"the column{said}")

    def _like(self, column: sa.Column[Any]) -> str:
        """Return the column from which a date that is missing is taken; empty if there is none."""
        return "CreatedDate" if "createddate" in self._shape.columns[column.table.name] else ""

    def _keys(self, table: sa.Table) -> Iterator[AdoptionNote]:
        there = self._shape.columns[table.name]
        for columns in _unique(table):
            if not all(column.name.lower() in there for column in columns):
                continue
            yield from double_notes(self._connection, columns)
            if len(columns) == 1:
                yield from key_notes(self._connection, columns[0])
            if not self._shape.has_unique(table.name, columns):
                yield AdoptionNote(Fit.ADDS, f"{table.name}.{_listed(columns)}", "the rule that it is there once")
        for column in table.columns:
            if _counts(column) and column.name.lower() in there:
                yield from self._counter_notes(column, there[column.name.lower()])
        names = self._shape.index_names(table.name)
        if missing := [str(index.name) for index in table.indexes if not index.unique and index.name not in names]:
            yield AdoptionNote(Fit.ADDS, table.name, f"the indexes {', '.join(sorted(missing))}")

    def _counter_notes(self, column: sa.Column[Any], there: Column) -> Iterator[AdoptionNote]:
        if there.counts:
            return
        where = f"{column.table.name}.{there.name}"
        others = [other.name for other in self._shape.columns[column.table.name].values() if other.counts]
        if self._engine == "sqlite":
            hint = f"make a table with {there.name} INTEGER PRIMARY KEY AUTOINCREMENT, and copy the rows"
            yield AdoptionNote(Fit.WRONG, where, "does not count up, and SQLite cannot be told to", hint)
        elif others and self._engine == "mariadb":
            text = f"does not count up, and a table has one column that does: {others[0]}"
            yield AdoptionNote(Fit.WRONG, where, text, f"take AUTO_INCREMENT from {others[0]}")
        else:
            yield AdoptionNote(Fit.ADDS, where, "it begins to count up above the highest number that is there")

    # Completing.

    def complete(self, *, action_by: str, clock: Clock, ids: Ids) -> None:
        """Add what is missing."""
        rows = Rows(self._backend, self._connection, self._store)
        for table in metadata.sorted_tables:
            if table.name in self._shape.columns:
                self._complete(table)
        if history.name in self._shape.columns:
            rows.number_history()
        self._backend.create_tables(self._connection)
        self._store()
        self._add_rules()
        rows.chain_history(ids)
        rows.index_comments()
        rows.note_tickets(action_by=action_by, clock=clock, ids=ids, known=rows.adopted())
        self._connection.execute(sa.delete(version))
        self._connection.execute(sa.insert(version).values(version_num=REVISIONS[-1]))

    def _store(self) -> None:
        """Store what was done so far, where the changes of the schema are stored already."""
        if self._backend.whole_schema:
            self._backend.run(self._connection, "SELECT 1")  # what was to be run later is run
        else:
            self._backend.commit(self._connection)
            self._connection.begin()
            self._backend.run(self._connection, self._backend.begin_writing)

    def _complete(self, table: sa.Table) -> None:
        there = self._shape.columns[table.name]
        quote = self._connection.dialect.identifier_preparer.quote
        for column in table.columns:
            if column.name.lower() in there:
                continue
            name, own = quote(column.name), f"ALTER TABLE {quote(table.name)} ADD COLUMN {self._definition(column)}"
            self._connection.exec_driver_sql(own.replace("%", "%%"))
            if isinstance(column.type, Instant) and not column.nullable:
                like = quote(self._like(column))
                self._connection.exec_driver_sql(f"UPDATE {quote(table.name)} SET {name} = {like}")  # noqa: S608

    def _definition(self, column: sa.Column[Any]) -> str:
        """Return how a column that is missing is added."""
        dialect = self._connection.dialect
        name, kind = dialect.identifier_preparer.quote(column.name), column.type.compile(dialect)
        if _counts(column):
            counting = "AUTO_INCREMENT" if self._engine == "mariadb" else "GENERATED BY DEFAULT AS IDENTITY"
            return f"{name} INTEGER {counting} UNIQUE"
        if isinstance(column.type, Instant) or column.nullable:
            return f"{name} {kind}"
        value = _default(column)
        literal = str(value) if isinstance(value, int) else f"'{value}'"
        return f"{name} {kind} DEFAULT {literal} NOT NULL"

    def _add_rules(self) -> None:
        """Add what makes keys unique and numbers count, to the tables that were there."""
        quote = self._connection.dialect.identifier_preparer.quote
        now = Shape(self._connection)
        for table in metadata.sorted_tables:
            for columns in _unique(table) if table.name in self._shape.columns else ():
                if not now.has_unique(table.name, columns):
                    name = f"ux_{table.name}_{'_'.join(column.name for column in columns)}".lower()
                    listed = ", ".join(quote(column.name) for column in columns)
                    self._connection.exec_driver_sql(f"CREATE UNIQUE INDEX {name} ON {quote(table.name)} ({listed})")
            for column in table.columns if table.name in self._shape.columns else ():
                there = now.columns[table.name][column.name.lower()]
                if _counts(column):
                    self._let_count(column, there)

    def _let_count(self, column: sa.Column[Any], there: Column) -> None:
        """Let the database count on above the highest number that is there."""
        quote = self._connection.dialect.identifier_preparer.quote
        table, name = quote(column.table.name), quote(there.name)
        if not there.counts and self._engine == "mariadb":
            change = f"ALTER TABLE {table} MODIFY COLUMN {name} {there.declared} NOT NULL AUTO_INCREMENT"
            self._connection.exec_driver_sql(change)
        elif not there.counts:
            change = f"ALTER TABLE {table} ALTER COLUMN {name}"
            self._connection.exec_driver_sql(f"{change} SET NOT NULL")
            self._connection.exec_driver_sql(f"{change} ADD GENERATED BY DEFAULT AS IDENTITY")
        if highest := self._connection.execute(sa.select(sa.func.max(column))).scalar():
            self._backend.count_on(self._connection, column, highest)


def adopt(
    backend: Backend, connection: Connection, *, action_by: str, clock: Clock, ids: Ids, dry_run: bool
) -> Adoption:
    """Look at the database behind ``connection``, and unless ``dry_run`` complete it.

    Raises:
        SchemaError: it is not what could be taken over, or (unless ``dry_run``) something has to be put right before.
    """
    adopter = Adopter(backend, connection)
    report = Adoption(backend.location(), tuple(adopter.notes()), ready=False)
    if dry_run:
        return report
    if report.problems:
        lines = [f"the database {report.location} cannot be adopted as it is", *map(str, report.problems)]
        raise SchemaError("\n".join(lines), hint="put this right, then repeat: nothing was changed")
    adopter.complete(action_by=action_by, clock=clock, ids=ids)
    return attrs.evolve(report, ready=True)


def _together(notes: Iterable[AdoptionNote]) -> Iterator[AdoptionNote]:
    """Yield notes of one table, with one for all columns of which the same is to be said."""
    places: dict[tuple[Fit, str, str], list[str]] = {}
    for note in notes:
        places.setdefault((note.fit, note.text, note.hint), []).append(note.where)
    for (fit, text, hint), found in places.items():
        names = ", ".join([found[0], *(where.partition(".")[2] for where in found[1:])])
        yield AdoptionNote(fit, names, text, hint)


def _listed(columns: tuple[sa.Column[Any], ...]) -> str:
    return ", ".join(column.name for column in columns)


def _counts(column: sa.Column[Any]) -> bool:
    """Return whether the database numbers the rows by ``column``."""
    kind = _KINDS.get(column.table.name)
    return kind is not None and KINDS[kind].given == column.key


def _unique(table: sa.Table) -> Iterator[tuple[sa.Column[Any], ...]]:
    """Yield the columns of ``table`` that have to be unique, together."""
    kind = _KINDS.get(table.name)
    if kind is not None:
        yield (table.c[KINDS[kind].key],)
        for names in KINDS[kind].unique:
            yield tuple(table.c[name] for name in names)


def _default(column: sa.Column[Any]) -> Any:
    """Return what stands in a new column of the rows that are there: what a record has that says nothing else."""
    kind: Any = _KINDS.get(column.table.name)
    fields = attrs.fields_dict(kind) if kind is not None else {}
    value = fields[column.key].default if column.key in fields else attrs.NOTHING
    if isinstance(column.type, YesNo):
        return "Y" if value is True else "N"
    if isinstance(column.type, sa.Integer):
        return value if isinstance(value, int) else 0
    if words := adopt_columns.words_of(column):
        return getattr(value, "value", words[0])
    return value if isinstance(value, str) else ""
