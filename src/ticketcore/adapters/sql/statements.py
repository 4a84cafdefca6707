"""Queries turned into SQL, each shape once.

Building a statement costs several times what running it does. So a query is split into its shape, for which
the statement is built once and kept, and its values, which are bound.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

import attrs
import sqlalchemy as sa
from attrs import evolve, frozen

from ticketcore.adapters.sql.backend import Backend
from ticketcore.adapters.sql.tables import FIELDS, TABLES, sorts_by_rank
from ticketcore.adapters.sql.types import Instant, YesNo
from ticketcore.adapters.sql.ways import BY_NUMBER, Ways, narrowing, walked_past, ways_of
from ticketcore.domain.query import PRIORITY_RANK, AllOf, AnyOf, Condition, Expression, FieldRef, Op, Order, Query
from ticketcore.domain.search import Search
from ticketcore.domain.ticket import Priority, Ticket
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
KEY, SEEN = "seen_key", "seen_version"
"""What the key and the version of a record that is overwritten are bound as."""
_NOTHING = Search(())
_UNARY = {Op.IS_NULL, Op.NOT_NULL}
_FEW = 8
"""As many values as this to compare a field with have a statement of their own for each number of them."""
FREQUENT = 500
"""A word that so many texts have is rather looked for on the way along an order than by its index."""
MANY = 2000
"""From so many on, rows are rather met on the way along an order than sorted."""

Columns = Mapping[str, sa.ColumnElement[Any]]
_NO_OTHERS: Columns = {}


@frozen
class Shape:
    """A query without its values.

    ``after`` says which values of the last row were absent; ``words`` are the names of those that are searched for;
    ``walks`` says that so many rows fit that they are met soon on the way along the order; ``checked`` are the names
    of words that are so frequent that they are looked for in each row.
    """

    kind: type
    where: tuple[Expression, ...]
    order: tuple[Order, ...] = ()
    limited: bool = False
    after: tuple[bool, ...] | None = None
    words: tuple[str, ...] = ()
    internal: bool = False
    walks: bool = False
    checked: tuple[str, ...] = ()


def split(query: Query[Any], backend: Backend, *, paged: bool = True) -> tuple[Shape, dict[str, Any]]:
    """Return the shape of ``query`` and the values to bind; without order and paging if not ``paged``."""
    values: dict[str, Any] = {}

    def bare(expression: Expression) -> Expression:
        if isinstance(expression, AllOf | AnyOf):
            return type(expression)(tuple(bare(part) for part in expression.parts))
        if expression.op in _UNARY or isinstance(expression.value, FieldRef):
            return expression
        # What has no place in the text is named after its place in the query.
        if expression.op is Op.IN:
            names = {f"v{len(values)}_{i}": value for i, value in enumerate(_padded(expression.value))}
            values.update(names)
            return Condition(expression.field, expression.op, tuple(names))
        name = f"v{len(values)}"
        values[name] = expression.value
        return Condition(expression.field, expression.op, name)

    where = tuple(bare(part) for part in query.where)
    values = backend.asked(values)
    sought = query.search or _NOTHING
    terms = {f"w{i}": backend.term(word) for i, word in enumerate(sought.words)}
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


def _padded(values: Sequence[Any]) -> Sequence[Any]:
    """Return ``values``, the last one of many as often as it takes to have one statement for nearly as many."""
    if len(values) <= _FEW:
        return values
    return [*values, *repeat(values[-1], (1 << (len(values) - 1).bit_length()) - len(values))]


def _ranked(value: Any) -> Any:
    return PRIORITY_RANK[value.value] if isinstance(value, Priority) else value


def _bound(column: sa.Column[Any], name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=column.type)


def _clause(table: sa.Table, expression: Expression, others: Columns = _NO_OTHERS) -> sa.ColumnElement[bool]:
    if isinstance(expression, AllOf):
        return sa.and_(sa.true(), *(_clause(table, part) for part in expression.parts))
    if isinstance(expression, AnyOf):
        return sa.or_(sa.false(), *(_clause(table, part) for part in expression.parts))
    stored = table.c[expression.field]
    column = others.get(expression.field, stored)
    if expression.op is Op.IS_NULL:
        return column.is_(None)
    if expression.op is Op.NOT_NULL:
        return column.is_not(None)
    if expression.op is Op.IN:
        return column.in_([_bound(stored, name) for name in expression.value]) if expression.value else sa.false()
    if isinstance(expression.value, FieldRef):
        return _COMPARE[expression.op](column, table.c[expression.value.field])
    return _COMPARE[expression.op](column, _bound(stored, expression.value))


def _clauses(shape: Shape, backend: type[Backend], others: Columns = _NO_OTHERS) -> list[sa.ColumnElement[bool]]:
    """Return the conditions; ``others`` are what takes the place of columns."""
    table = TABLES[shape.kind]
    return [
        *(_clause(table, part, others) for part in shape.where),
        *(backend.having(name, internal=shape.internal) for name in shape.words),
        *(_checked(shape, name, backend) for name in shape.checked),
    ]


def _checked(shape: Shape, name: str, backend: type[Backend]) -> sa.ColumnElement[bool]:
    if shape.walks:
        return backend.near(name, internal=shape.internal, descending=shape.order[0].descending)
    return backend.has(name, internal=shape.internal)


def _sort_key(table: sa.Table, order: Order) -> sa.ColumnElement[Any]:
    column = table.c[order.field]
    if sorts_by_rank(column):
        return sa.case({rank: sa.literal(place, sa.Integer) for rank, place in PRIORITY_RANK.items()}, value=column)
    return column


def _ordering(
    table: sa.Table, shape: Shape, backend: type[Backend], others: Columns = _NO_OTHERS
) -> Iterator[sa.ColumnElement[Any]]:
    """Yield what to sort by; a column that may be absent needs no word of that where it never is."""
    for order in shape.order:
        key = others.get(order.field, _sort_key(table, order))
        directed = key.desc() if order.descending else key.asc()
        if not table.c[order.field].nullable or Condition(order.field, Op.NOT_NULL) in shape.where:
            yield directed
        elif backend.nulls_last:
            yield directed.nulls_last()
        else:
            yield from (key.is_(None), directed)


def _behind(table: sa.Table, shape: Shape, backend: type[Backend]) -> sa.ColumnElement[bool]:
    """Return the condition of a row that comes after the one whose key values are bound as a0, a1 and so on."""
    if (together := _behind_at_once(table, shape, backend)) is not None:
        return together
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
        if column.nullable and Condition(order.field, Op.NOT_NULL) not in shape.where:
            further = sa.or_(further, column.is_(None))
        ways.append(sa.and_(*same, further))
        same.append(key == last)
    return sa.or_(sa.false(), *ways)


def _behind_at_once(table: sa.Table, shape: Shape, backend: type[Backend]) -> sa.ColumnElement[bool] | None:
    """Return the same condition as one comparison, by which an index is entered at the right place, if there is one."""
    directions = {order.descending for order in shape.order}
    if not backend.compares_rows or len(directions) != 1 or any(shape.after or ()):
        return None
    for order in shape.order:
        if table.c[order.field].nullable and Condition(order.field, Op.NOT_NULL) not in shape.where:
            return None
    keys = [_sort_key(table, order) for order in shape.order]
    last = [sa.bindparam(f"a{i}", type_=key.type) for i, key in enumerate(keys)]
    left: Any = keys[0] if len(keys) == 1 else sa.tuple_(*keys)
    right: Any = last[0] if len(keys) == 1 else sa.tuple_(*last)
    further: sa.ColumnElement[bool] = left < right if True in directions else left > right
    return further


@lru_cache(maxsize=512)
def find(shape: Shape, backend: type[Backend]) -> sa.Select[Any]:
    """Return the statement that finds the records of a query of this ``shape``."""
    table = TABLES[shape.kind]
    columns = [table.c[name] for name in FIELDS[shape.kind]]
    if shape.walks:
        return _select(columns, shape, backend, walked_past(shape.where))
    is_page = shape.kind is Ticket and shape.limited and not shape.words and not shape.checked
    ways = ways_of(shape.where, shape.order) if is_page else None
    if ways is None:
        return _select(columns, shape, backend)
    if len(ways.where) == 1 and BY_NUMBER not in ways.passed_over:
        return _select(columns, evolve(shape, where=ways.where[0]), backend, ways.passed_over)
    page = _page(shape, backend, ways)
    statement = sa.select(*columns).join(page, page.c[BY_NUMBER] == table.c[BY_NUMBER])
    return statement.order_by(*_ordering(table, shape, backend))


def _page(shape: Shape, backend: type[Backend], ways: Ways) -> sa.Subquery:
    """Return the numbers of the tickets of a page."""
    number = [TABLES[shape.kind].c[BY_NUMBER]]
    lists = [_select(number, evolve(shape, where=where), backend, ways.passed_over) for where in ways.where]
    if len(lists) == 1:
        return lists[0].subquery("page")
    whole = sa.union_all(*(sa.select(one.subquery()) for one in lists))
    key = whole.selected_columns[BY_NUMBER]
    return whole.order_by(key.desc() if shape.order[0].descending else key).limit(_limit()).subquery("page")


def _select(
    columns: list[sa.Column[Any]], shape: Shape, backend: type[Backend], passed_over: frozenset[str] = frozenset()
) -> sa.Select[Any]:
    table = TABLES[shape.kind]
    others = {name: backend.without_index(table.c[name]) for name in passed_over}
    statement = sa.select(*columns).where(*_clauses(shape, backend, others))
    statement = statement.order_by(*_ordering(table, shape, backend, others))
    if shape.after is not None:
        statement = statement.where(_behind(table, shape, backend))
    return statement.limit(_limit()) if shape.limited else statement


def _limit() -> sa.BindParameter[int]:
    return sa.bindparam("limit", type_=sa.Integer)


@lru_cache(maxsize=512)
def narrowed(shape: Shape) -> Shape | None:
    """Return the shape of what an index narrows a page down to that is sorted by another one; none if there is none."""
    if shape.kind is not Ticket or not shape.limited or shape.words:
        return None
    where = narrowing(shape.where, shape.order)
    return Shape(shape.kind, where) if where else None


@lru_cache(maxsize=64)
def count_some(shape: Shape, backend: type[Backend]) -> sa.Select[Any]:
    """Return the statement that counts what ``shape`` fits, but no more than :data:`MANY`."""
    return _some(
        sa.select(sa.literal_column("1")).select_from(TABLES[shape.kind]).where(*_clauses(shape, backend)), MANY
    )


@lru_cache(maxsize=8)
def count_places(backend: type[Backend]) -> sa.Select[Any]:
    """Return the statement that counts texts with the word bound as ``word``, up to :data:`FREQUENT` of each kind."""
    return sa.select(*(_some(place, FREQUENT).scalar_subquery() for place in backend.places("word")))


def _some(rows: sa.Select[Any], most: int) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(rows.limit(sa.literal_column(str(most))).subquery())


@lru_cache(maxsize=512)
def count(shape: Shape, backend: type[Backend], by: str | None = None) -> sa.Select[Any]:
    """Return the statement that counts what ``shape`` fits, for each value of ``by`` if that is given."""
    table = TABLES[shape.kind]
    clauses = _clauses(shape, backend)
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

    table: str
    columns: tuple[str, ...]
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
    columns = tuple(table.c[name].name for name in names)
    return Prepared(table.name, columns, str(compiled), operator.attrgetter(*names), convert)


@lru_cache(maxsize=64)
def get(kind: Any, key: str) -> sa.Select[Any]:
    """Return the statement that reads the record with a key (bound as ``key``)."""
    table = TABLES[kind]
    return sa.select(*(table.c[name] for name in FIELDS[kind])).where(table.c[key] == sa.bindparam("key"))


def update(kind: Any, fields: tuple[str, ...], *, versioned: bool) -> sa.Update:
    """Return the statement that overwrites ``fields`` of the record with a key, if it has the version that was seen."""
    table = TABLES[kind]
    key = table.c[KINDS[kind].key]
    statement = (
        sa.update(table)
        .where(key == sa.bindparam(KEY, type_=key.type))
        .values({name: sa.bindparam(name, type_=table.c[name].type) for name in fields})
    )
    return statement.where(table.c.row_version == sa.bindparam(SEEN, type_=sa.Integer)) if versioned else statement


@lru_cache(maxsize=64)
def delete(kind: Any, key: str) -> sa.Delete:
    """Return the statement that deletes the record with a key (bound as ``key``)."""
    table = TABLES[kind]
    return sa.delete(table).where(table.c[key] == sa.bindparam("key"))


def records(kind: Any, rows: Any) -> Iterator[Any]:
    """Yield the records of ``kind`` that ``rows`` hold.

    Raises:
        RepositoryError: a row lacks a date that every one has, or has a word that is none of a fixed list.
    """
    fields, needed, make = FIELDS[kind], _needed(kind), _maker(kind)
    try:
        for row in rows:
            if None in needed(row):
                yield kind(**_filled(kind, dict(zip(fields, row, strict=True))))
            else:
                yield make(*row)
    except LookupError as error:  # SQLAlchemy's, of a column with a fixed list
        message = f"the database has a wrong word in {TABLES[kind].name}: {error}"
        raise RepositoryError(message, hint="another program wrote it: ticketcore db verify says where") from error


@lru_cache(maxsize=64)
def _maker(kind: Any) -> Callable[..., Any]:
    """Return what makes a record of its fields in their order, written out as attrs writes ``__init__``.

    To gather them by name in a dictionary first would take a third of the time of a list.
    """
    names = FIELDS[kind]
    text = f"lambda {', '.join(names)}: kind({', '.join(f'{name}={name}' for name in names)})"
    make: Callable[..., Any] = eval(text, {"kind": kind})  # noqa: S307 - made of names of our own fields
    return make


@lru_cache(maxsize=64)
def _needed(kind: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Return what takes those values out of a row that every one has."""
    return operator.itemgetter(*(i for i, name in enumerate(FIELDS[kind]) if not TABLES[kind].c[name].nullable))


def _filled(kind: Any, row: dict[str, Any]) -> Mapping[str, Any]:
    """Return ``row``, in which another program has left something out: a text that is missing is an empty one.

    Raises:
        RepositoryError: something else is missing, a date for one.
    """
    table, key = TABLES[kind], KINDS[kind].key
    for name, value in row.items():
        column = table.c[name]
        if value is not None or column.nullable:
            continue
        if isinstance(column.type, sa.String):
            row[name] = ""
        elif isinstance(column.type, YesNo):
            row[name] = attrs.fields_dict(kind)[name].default is True
        else:
            is_date = isinstance(column.type, Instant)
            what = "date" if is_date else "value"
            place = f"{table.name}.{column.name}, where {table.c[key].name} is {row[key]!r}"
            example = "a date there, such as 2026-05-01 12:00:00.000000 (UTC)" if is_date else "one there"
            message, hint = f"the database has no {what} in {place}", f"another program wrote it: put {example}"
            raise RepositoryError(message, hint=hint)
    return row
