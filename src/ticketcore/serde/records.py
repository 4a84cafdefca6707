"""Records to and from the types of JSON.

Records become objects with the snake_case names of their fields; instants become ISO 8601 text in UTC,
enumerations their values, tuples arrays.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

import attrs

T = TypeVar("T")


def to_plain(record: object) -> Any:
    """Return ``record`` (or a list of records) as JSON types."""
    if isinstance(record, list | tuple):
        return [to_plain(item) for item in record]
    if attrs.has(type(record)):
        # cattrs would cost every command that prints JSON 30 ms; this way out needs none of its rules.
        plain = attrs.asdict(cast("attrs.AttrsInstance", record), value_serializer=_plain)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
    return _plain(None, None, record)


def _plain(_instance: object, _field: object, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def from_plain(kind: type[T], data: object) -> T:
    """Return the record of ``kind`` that :func:`to_plain` made ``data`` of; keys that it does not have are ignored."""
    return _records().structure(data, kind)  # type: ignore[no-any-return]


@cache
def _records() -> Any:
    import cattrs

    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    return converter
