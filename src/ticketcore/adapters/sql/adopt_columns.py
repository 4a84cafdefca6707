"""Whether a column that another program has made holds what ours would."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from ticketcore.adapters.sql.types import Instant, Names, TaskList, YesNo
from ticketcore.ports.adoption import AdoptionNote, Fit

_GUID = 36
"""Characters of a guid."""
FINEST = 6
"""Digits of a second that ours keep."""
_BYTES = {"TINYTEXT": 255, "TEXT": 65_535, "MEDIUMTEXT": 16_777_215}
"""What texts without a length hold on MariaDB."""
_SHORT_NUMBERS = ("TINYINT", "SMALLINT", "MEDIUMINT")


@frozen
class Column:
    """A column as it is in the database."""

    name: str
    type: Any
    nullable: bool
    default: bool
    """Whether a row may leave it out."""
    counts: bool = False
    """Whether the database counts it up."""
    declared: str = ""
    """Its type in the words of the database."""
    collation: str = ""


def notes(table: str, ours: sa.Column[Any], there: Column, engine: str) -> Iterator[AdoptionNote]:
    """Yield what is different about the column ``there`` of ``table``, and matters."""
    where = f"{table}.{there.name}"
    for fit, text in _differences(ours, there, engine):
        yield AdoptionNote(fit, where, text)
    if ours.nullable and not there.nullable:
        yield AdoptionNote(Fit.WRONG, where, "has to be allowed to be NULL, which is what stands there while undecided")


def _differences(ours: sa.Column[Any], there: Column, engine: str) -> Iterator[tuple[Fit, str]]:
    kind = ours.type
    if isinstance(kind, Instant):
        yield from _instant(there)
    elif isinstance(kind, YesNo):
        yield from _choice(there, ("Y", "N"), engine, Fit.WRONG)
    elif words := words_of(ours):
        yield from _choice(there, words, engine, Fit.DIFFERS)
    elif isinstance(kind, sa.Integer):
        yield from _number(there)
    else:
        yield from _text(ours, there, engine)


def words_of(ours: sa.Column[Any]) -> tuple[str, ...]:
    """Return the words that a column holds one of; none if it holds something else."""
    return tuple(getattr(ours.type, "enums", ()))


def _says(there: Column) -> str:
    return there.declared or str(there.type)


def _instant(there: Column) -> Iterator[tuple[Fit, str]]:
    kind = there.type
    if not isinstance(kind, sa.DateTime) or getattr(kind, "timezone", False):
        yield Fit.WRONG, f"is {_says(there)}; a date and time without a zone is needed"
    elif not keeps_microseconds(there):
        yield Fit.DIFFERS, "keeps whole seconds: what happens here is stored to the second"


def keeps_microseconds(there: Column) -> bool:
    """Return whether the column keeps an instant as it is."""
    kind = there.type
    if hasattr(kind, "fsp"):  # MariaDB
        return int(kind.fsp or 0) >= FINEST
    precision = getattr(kind, "precision", None)  # PostgreSQL
    return precision is None or int(precision) >= FINEST


def _number(there: Column) -> Iterator[tuple[Fit, str]]:
    if not isinstance(there.type, sa.Integer):
        yield Fit.WRONG, f"is {_says(there)}; a whole number is needed"
    elif type(there.type).__name__.upper() in _SHORT_NUMBERS:
        yield Fit.DIFFERS, f"is {_says(there)}: larger numbers are refused"


def _choice(there: Column, words: Collection[str], engine: str, worst: Fit) -> Iterator[tuple[Fit, str]]:
    """Yield what is different about a column that holds one of ``words``; ``worst`` if it does not hold them all."""
    listed = ", ".join(words)
    if not isinstance(there.type, sa.String) or _pads(there, engine):
        yield Fit.WRONG, f"is {_says(there)}; a text is needed that holds one of {listed}"
    elif isinstance(there.type, sa.Enum):
        known = {word.strip().casefold() for word in there.type.enums}
        if engine == "postgresql":
            yield Fit.WRONG, f"is the type {there.type.name}; a text is needed that holds one of {listed}"
        elif missing := [word for word in words if word.casefold() not in known]:
            yield worst, f"is an ENUM without {', '.join(missing)}: a row that needs it is refused"
    elif engine != "sqlite" and (there.type.length or _GUID) < max(map(len, words)):
        yield worst, f"has {there.type.length} characters; {max(map(len, words))} are needed for {listed}"


def _pads(there: Column, engine: str) -> bool:
    """Return whether texts come back with blanks behind them."""
    return engine == "postgresql" and isinstance(there.type, sa.CHAR)


def _text(ours: sa.Column[Any], there: Column, engine: str) -> Iterator[tuple[Fit, str]]:
    kind = there.type
    if not isinstance(kind, sa.String) or (engine == "postgresql" and isinstance(kind, sa.Enum)):
        yield Fit.WRONG, f"is {_says(there)}; a text is needed"
    elif _pads(there, engine):
        yield Fit.WRONG, f"is {_says(there)}, which adds blanks to what is stored; varchar is needed"
    elif isinstance(kind, sa.Enum):
        yield Fit.DIFFERS, f"is an ENUM: anything but {', '.join(kind.enums)} is refused"
    elif engine != "sqlite":
        yield from _length(ours, there)


def _length(ours: sa.Column[Any], there: Column) -> Iterator[tuple[Fit, str]]:
    needed, has = getattr(ours.type, "length", None), there.type.length
    if ours.name.endswith("Guid") and has and has < _GUID:
        yield Fit.WRONG, f"has {has} characters; a guid has {_GUID}"
        return
    has = has or _BYTES.get(type(there.type).__name__.upper())
    is_long = needed is None and isinstance(ours.type, sa.Text | Names | TaskList)
    if has and (is_long or (needed and has < needed)):
        unit = "characters" if there.type.length else "bytes"
        yield Fit.DIFFERS, f"has {has} {unit}: longer texts are refused"
