"""SELECTs as the driver takes them, and how its rows become records.

SQLAlchemy writes each statement once. To run it by the driver itself, and to read its rows here, takes a fraction of
the time that SQLAlchemy's own way takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from ticketcore.adapters.sql import statements
from ticketcore.adapters.sql.backend import Backend
from ticketcore.adapters.sql.statements import Shape
from ticketcore.adapters.sql.types import Instant, Names, Word, YesNo, in_utc

_WHOLE = len("2026-05-01 12:00:00.000000")

Convert = Callable[[Any], Any]
Converts = tuple[tuple[int, Convert], ...]
"""By the place of a value: what turns it into another one."""


@frozen(eq=False)
class Select:
    """A SELECT: its text, the names of the values to bind, and those that are always the same."""

    text: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    binds: Converts
    columns: Converts
    some: Converts
    """The same for columns in which what is absent stays so."""
    anew: bool = False
    """Whether the best way depends on the values: how frequent the words are."""

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """Return the values to bind, as the driver stores them."""
        named = {**self.fixed, **given} if self.fixed else given
        values = [named[name] for name in self.names]
        for place, convert in self.binds:
            values[place] = convert(values[place])
        return values

    def rows(self, stored: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
        """Yield what the driver has ``stored``, each column as a record has it."""
        columns = list(zip(*stored, strict=True))
        if not columns:
            return
        for place, convert in self.columns:
            columns[place] = tuple(map(convert, columns[place]))
        for place, convert in self.some:
            column = columns[place]
            if column.count(None) < len(column):
                columns[place] = tuple(None if value is None else convert(value) for value in column)
        yield from zip(*columns, strict=True)


@lru_cache(maxsize=512)
def find(shape: Shape, backend: type[Backend], dialect: sa.Dialect) -> Select:
    """Return the statement that finds the records of a query of this ``shape``."""
    return _compiled(statements.find(shape, backend), dialect, anew=bool(shape.words))


@lru_cache(maxsize=512)
def count(shape: Shape, backend: type[Backend], dialect: sa.Dialect, by: str | None = None) -> Select:
    """Return the statement that counts what ``shape`` fits, for each value of ``by`` if that is given."""
    return _compiled(statements.count(shape, backend, by), dialect, anew=bool(shape.words))


@lru_cache(maxsize=64)
def count_some(shape: Shape, backend: type[Backend], dialect: sa.Dialect) -> Select:
    """Return the statement that counts what ``shape`` fits, up to many."""
    return _compiled(statements.count_some(shape, backend), dialect)


@lru_cache(maxsize=8)
def count_places(backend: type[Backend], dialect: sa.Dialect) -> Select:
    """Return the statement that counts the texts with the word bound as ``word``, up to many."""
    return _compiled(statements.count_places(backend), dialect, anew=True)


@lru_cache(maxsize=64)
def get(kind: Any, key: str, dialect: sa.Dialect) -> Select:
    """Return the statement that reads the record with a key (bound as ``key``)."""
    return _compiled(statements.get(kind, key), dialect)


@lru_cache(maxsize=512)
def update(kind: Any, fields: tuple[str, ...], dialect: sa.Dialect, *, versioned: bool) -> Select:
    """Return the statement that overwrites ``fields`` of a record; it has no rows."""
    return _compiled(statements.update(kind, fields, versioned=versioned), dialect, selected=())


def _compiled(
    statement: Any, dialect: sa.Dialect, *, selected: Sequence[Any] | None = None, anew: bool = False
) -> Select:
    compiled: Any = statement.compile(dialect=dialect)
    names = tuple(compiled.positiontup)
    bound = {name: parameter for parameter, name in compiled.bind_names.items()}
    chosen = statement.selected_columns if selected is None else selected
    columns = _converts(_reader(column, dialect) for column in chosen)
    some = tuple((place, convert) for place, convert in columns if convert is in_utc or convert(None) is None)
    return Select(
        text=str(compiled),
        names=names,
        fixed={name: bound[name].value for name in names if not bound[name].required},
        binds=_converts(bound[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names),
        columns=tuple(one for one in columns if one not in some),
        some=some,
        anew=anew,
    )


class _Known(dict[str, Any]):
    """What texts stand for; any other one is left to ``other``."""

    def __init__(self, known: Mapping[str, Any], other: Convert) -> None:
        super().__init__(known)
        self._other = other

    def __missing__(self, text: str) -> Any:
        return self._other(text)


def _reader(column: sa.ColumnElement[Any], dialect: sa.Dialect) -> Convert | None:
    """Return what turns a stored value into that of a record: what SQLAlchemy does, the usual cases at once."""
    kind = column.type
    process: Convert | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    if process is None:
        return None
    if isinstance(kind, Word):
        return _Known({value: kind.enum_class(value) for value in kind.enums}, process).__getitem__
    if isinstance(kind, YesNo):
        return _Known({"Y": True, "N": False}, process).__getitem__
    if isinstance(kind, Instant):
        return partial(_instant, process) if dialect.name == "sqlite" else in_utc
    if isinstance(kind, Names):
        return partial(_names, process)
    return process


def _names(other: Convert, text: str | None) -> Any:
    return other(text) if text else ()


def _instant(other: Convert, text: Any) -> Any:
    """Return the instant that ``text`` is as we write it, in UTC; anything else is left to ``other``."""
    if isinstance(text, str) and len(text) == _WHOLE:
        try:
            return datetime.fromisoformat(text + "+00:00")
        except ValueError:
            pass  # some other text that is as long
    return other(text)


def _converts(converts: Iterable[Convert | None]) -> Converts:
    return tuple((place, convert) for place, convert in enumerate(converts) if convert is not None)
