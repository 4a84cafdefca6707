"""Queries turned into SQL, each shape once.

Building a statement costs several times what running it does. So a query is split into its shape, for which
the statement is built once and kept, and its values, which are bound.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from ticketcore.adapters.sql import search
from ticketcore.adapters.sql.tables import FIELDS, TABLES
from ticketcore.adapters.sql.types import Instant
from ticketcore.domain.query import PRIORITY_RANK, AllOf, AnyOf, Condition, Expression, FieldRef, Op, Order, Query
from ticketcore.domain.search import Search
from ticketcore.domain.ticket import Priority
from ticketcore.errors import RepositoryError
from ticketcore.ports.repository import KINDS

_COMPARE: dict[Op, Callable[[Any, Any], sa.ColumnElement[bool]]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}
_NOTHING = Search(())
_UNARY = {Op.IS_NULL, Op.NOT_NULL}


@frozen
class Shape:
    """A query without its values.

    ``after`` says which values of the last row were absent; ``words`` are the names of those that are searched for.
    """

    kind: type
    where: tuple[Expression, ...]
    order: tuple[Order, ...] = ()
    limited: bool = False
    after: tuple[bool, ...] | None = None
    words: tuple[str, ...] = ()
    internal: bool = False


def split(query: Query[Any], *, paged: bool = True) -> tuple[Shape, dict[str, Any]]:
    """Return the shape of ``query`` and the values to bind; without order and paging if not ``paged``."""
    values: dict[str, Any] = {}

    def bare(expression: Expression) -> Expression:
        if isinstance(expression, AllOf | AnyOf):
            return type(expression)(tuple(bare(part) for part in expression.parts))
        if expression.op in _UNARY or isinstance(expression.value, FieldRef):
            return expression
        # What has no place in the text is named after its place in the query.
        name = f"v{len(values)}"
        values[name] = list(expression.value) if expression.op is Op.IN else expression.value
        return Condition(expression.field, expression.op, name)

    where = tuple(bare(part) for part in query.where)
    sought = query.search or _NOTHING
    terms = {f"w{i}": search.term(word) for i, word in enumerate(sought.words)}
    values |= terms
    words, internal = tuple(terms), sought.internal
    if not paged:
        return Shape(query.kind, where, words=words, internal=internal), values
    if query.limit is not None:
        values["limit"] = query.limit
    absent = None
    if query.after is not None:
        absent = tuple(value is None for value in query.after)
        values |= {f"a{i}": _ranked(value) for i, value in enumerate(query.after) if value is not None}
    return Shape(query.kind, where, query.order, query.limit is not None, absent, words, internal), values


def _ranked(value: Any) -> Any:
    return PRIORITY_RANK[value.value] if isinstance(value, Priority) else value


def _bound(column: sa.Column[Any], name: str, *, expanding: bool = False) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=column.type, expanding=expanding)


def _clause(table: sa.Table, expression: Expression) -> sa.ColumnElement[bool]:
    if isinstance(expression, AllOf):
        return sa.and_(sa.true(), *(_clause(table, part) for part in expression.parts))
    if isinstance(expression, AnyOf):
        return sa.or_(sa.false(), *(_clause(table, part) for part in expression.parts))
    column = table.c[expression.field]
    if expression.op is Op.IS_NULL:
        return column.is_(None)
    if expression.op is Op.NOT_NULL:
        return column.is_not(None)
    if expression.op is Op.IN:
        return column.in_(_bound(column, expression.value, expanding=True))
    if isinstance(expression.value, FieldRef):
        return _COMPARE[expression.op](column, table.c[expression.value.field])
    return _COMPARE[expression.op](column, _bound(column, expression.value))


def _clauses(shape: Shape) -> list[sa.ColumnElement[bool]]:
    table = TABLES[shape.kind]
    return [
        *(_clause(table, part) for part in shape.where),
        *(search.having(name, internal=shape.internal) for name in shape.words),
    ]


def _sort_key(table: sa.Table, order: Order) -> sa.ColumnElement[Any]:
    column = table.c[order.field]
    if isinstance(column.type, sa.Enum) and column.type.enum_class is Priority:
        return sa.case({rank: sa.literal(place, sa.Integer) for rank, place in PRIORITY_RANK.items()}, value=column)
    return column


def _ordering(table: sa.Table, order: Order) -> sa.ColumnElement[Any]:
    key = _sort_key(table, order)
    directed = key.desc() if order.descending else key.asc()
    return directed.nulls_last() if table.c[order.field].nullable else directed


def _behind(table: sa.Table, shape: Shape) -> sa.ColumnElement[bool]:
    """Return the condition of a row that comes after the one whose key values are bound as a0, a1 and so on."""
    absent = shape.after or ()
    ways: list[sa.ColumnElement[bool]] = []
    same: list[sa.ColumnElement[bool]] = []
    for i, order in enumerate(shape.order):
        column, key = table.c[order.field], _sort_key(table, order)
        if absent[i]:
            same.append(column.is_(None))
            continue
        last = sa.bindparam(f"a{i}", type_=key.type)
        further = key < last if order.descending else key > last
        if column.nullable:
            further = sa.or_(further, column.is_(None))
        ways.append(sa.and_(*same, further))
        same.append(key == last)
    return sa.or_(sa.false(), *ways)


@lru_cache(maxsize=512)
def find(shape: Shape) -> sa.Select[Any]:
    """Return the statement that finds the records of a query of this ``shape``."""
    table = TABLES[shape.kind]
    statement = sa.select(*(table.c[name] for name in FIELDS[shape.kind]))
    statement = statement.where(*_clauses(shape))
    statement = statement.order_by(*(_ordering(table, order) for order in shape.order))
    if shape.after is not None:
        statement = statement.where(_behind(table, shape))
    return statement.limit(sa.bindparam("limit", type_=sa.Integer)) if shape.limited else statement


@lru_cache(maxsize=512)
def count(shape: Shape, by: str | None = None) -> sa.Select[Any]:
    """Return the statement that counts what ``shape`` fits, for each value of ``by`` if that is given."""
    table = TABLES[shape.kind]
    clauses = _clauses(shape)
    if by is None:
        return sa.select(sa.func.count()).select_from(table).where(*clauses)
    return sa.select(table.c[by], sa.func.count()).where(*clauses).group_by(table.c[by])


@lru_cache(maxsize=64)
def insert(kind: Any, given: str) -> sa.Insert:
    """Return the statement that adds a record; it returns the field that the store gives (if any)."""
    table = TABLES[kind]
    columns = {name: sa.bindparam(name, type_=table.c[name].type) for name in FIELDS[kind] if name != given}
    statement = sa.insert(table).values(columns)
    return statement.returning(table.c[given]) if given else statement


@frozen(eq=False)
class Prepared:
    """An INSERT as the driver takes it: its text, and how a record becomes the row of its values."""

    text: str
    fields: Callable[[Any], tuple[Any, ...]]
    convert: tuple[tuple[int, Callable[[Any], Any]], ...]

    def row(self, record: object) -> tuple[Any, ...]:
        """Return the values of ``record`` as the driver stores them."""
        row = list(self.fields(record))
        for place, convert in self.convert:
            row[place] = convert(row[place])
        return tuple(row)


@lru_cache(maxsize=64)
def prepared(kind: Any, given: str, dialect: sa.Dialect) -> Prepared:
    """Return the statement of :func:`insert`, compiled once and for all."""
    table = TABLES[kind]
    compiled: Any = insert(kind, given).compile(dialect=dialect)
    names = compiled.positiontup
    processors = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    convert = tuple((place, processor) for place, processor in enumerate(processors) if processor is not None)
    return Prepared(str(compiled), operator.attrgetter(*names), convert)


@lru_cache(maxsize=64)
def get(kind: Any, key: str) -> sa.Select[Any]:
    """Return the statement that reads the record with a key (bound as ``key``)."""
    table = TABLES[kind]
    return sa.select(*(table.c[name] for name in FIELDS[kind])).where(table.c[key] == sa.bindparam("key"))


@lru_cache(maxsize=64)
def update(kind: Any, key: str, given: str, *, versioned: bool) -> sa.Update:
    """Return the statement that overwrites a record, if it still has the version bound as ``seen``."""
    table = TABLES[kind]
    fields = [name for name in FIELDS[kind] if name not in {key, given}]
    statement = (
        sa.update(table)
        .where(table.c[key] == sa.bindparam("seen_key"))
        .values({name: sa.bindparam(name, type_=table.c[name].type) for name in fields})
    )
    return statement.where(table.c.row_version == sa.bindparam("seen")) if versioned else statement


@lru_cache(maxsize=64)
def delete(kind: Any, key: str) -> sa.Delete:
    """Return the statement that deletes the record with a key (bound as ``key``)."""
    table = TABLES[kind]
    return sa.delete(table).where(table.c[key] == sa.bindparam("key"))


def records(kind: Any, rows: Any) -> Iterator[Any]:
    """Yield the records of ``kind`` that ``rows`` hold.

    Raises:
        RepositoryError: a row lacks a date that every one has.
    """
    fields, dates = FIELDS[kind], _needed_dates(kind)
    for row in rows:
        for place in dates:
            if row[place] is None:
                raise _no_date(kind, fields[place], dict(zip(fields, row, strict=True)))
        yield kind(**dict(zip(fields, row, strict=True)))


@lru_cache(maxsize=64)
def _needed_dates(kind: Any) -> tuple[int, ...]:
    """Return the places of the dates that every row has."""
    columns = (TABLES[kind].c[name] for name in FIELDS[kind])
    return tuple(i for i, column in enumerate(columns) if isinstance(column.type, Instant) and not column.nullable)


def _no_date(kind: Any, field: str, row: Mapping[str, Any]) -> RepositoryError:
    table, key = TABLES[kind], KINDS[kind].key
    place = f"{table.name}.{table.c[field].name}, where {table.c[key].name} is {row[key]!r}"
    hint = "another program wrote it: put a date there, such as 2026-05-01 12:00:00.000000 (UTC)"
    return RepositoryError(f"the database has no date in {place}", hint=hint)


def values(record: Any, *, without: str = "") -> Mapping[str, Any]:
    """Return the fields of ``record`` as the values to bind."""
    return {name: getattr(record, name) for name in FIELDS[type(record)] if name != without}
