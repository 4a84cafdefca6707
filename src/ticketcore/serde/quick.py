"""Records read fast, where the data are just as they are written; anything else is left to the strict way.

The strict way says what is wrong and where, and takes several times as long.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin

import attrs

Read = Callable[[Any], Any]


class UnusualError(Exception):
    """Something is not as it is written: it may be wrong, or only be another way to write it."""


@cache
def quick_reader(kind: type[Any]) -> Read:
    """Return what makes a record of ``kind`` of an object, or raises UnusualError."""
    attrs.resolve_types(kind)
    reads = {field.name: _reader(field.type) for field in attrs.fields(kind)}
    required = {field.name for field in attrs.fields(kind) if field.default is attrs.NOTHING}

    def read(data: Any) -> Any:
        if type(data) is not dict or not required <= data.keys():
            raise UnusualError
        try:
            return kind(**{name: reads[name](value) for name, value in data.items()})
        except (KeyError, TypeError, ValueError) as error:
            raise UnusualError from error

    return read


def _reader(kind: Any) -> Read:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType} and len(parts) == 2 and type(None) in parts:  # noqa: PLR2004 - it, or nothing
        read = _reader(next(part for part in parts if part is not type(None)))
        return lambda value: None if value is None else read(value)
    if origin is tuple and parts[1:] == (...,):
        return _several(_reader(parts[0]))
    if kind is datetime:
        return _instant
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {member.value: member for member in kind}.__getitem__
    if kind in {str, int, bool}:
        return _exactly(kind)
    if attrs.has(kind):
        return quick_reader(kind)
    return _never


def _several(read: Read) -> Read:
    def read_several(value: Any) -> Any:
        if type(value) is not list:
            raise UnusualError
        return tuple([read(one) for one in value])

    return read_several


def _exactly(kind: type[Any]) -> Read:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise UnusualError
        return value

    return read


def _instant(value: Any) -> datetime:
    found = datetime.fromisoformat(value)
    if found.tzinfo is UTC:
        return found
    raise UnusualError


def _never(_: Any) -> Any:
    raise UnusualError


def read_quickly(kind: Any, data: Mapping[str, Any]) -> Any:
    """Return the record of ``kind`` that ``data`` are, ``None`` if they are not just as they are written."""
    try:
        return quick_reader(kind)(data)
    except UnusualError:
        return None
