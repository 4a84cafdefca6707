"""The one place where records and the types of JSON are turned into each other.

Records become objects with the snake_case names of their fields; instants become ISO 8601 text in UTC,
enumerations their values, tuples arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

import attrs

from ticketcore.errors import Problem

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


def structure(default: T, data: Mapping[str, object], *, relative_to: Path) -> tuple[T, list[Problem]]:
    """Return ``default`` (an attrs record) with the fields that ``data`` (JSON types) has, and what is wrong with it.

    Nothing is guessed: an unknown key, a missing one and a value of another type are problems, each with
    its path; a field with a problem keeps its default, so that the others can be judged all the same. A
    relative path is taken from the folder ``relative_to``.
    """
    import cattrs

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook_factory(attrs.has, lambda cls: _when_needed(converter, cls))
    for wanted, accepted in _STRICT.items():
        converter.register_structure_hook(wanted, _strict(wanted, accepted))
    converter.register_structure_hook(Path, lambda value, _: relative_to / Path(_text(value)).expanduser())
    problems: list[Problem] = []
    for key, value in data.items():
        try:
            part = converter.structure({key: value}, type(default))
        except cattrs.BaseValidationError as error:
            lines = cattrs.transform_error(error, path="", format_exception=_describe)
            parts = (line.rpartition(" @ ") for line in lines)
            problems += [Problem(path.lstrip("."), text) for text, _, path in parts]
        else:
            default = attrs.evolve(cast("Any", default), **{key: getattr(part, key)})
    return default, problems


_STRICT: dict[type, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _when_needed(converter: Any, kind: type[Any]) -> Callable[[Any, Any], Any]:
    """Return a hook for a section that is built when the section occurs: each costs a millisecond."""
    made: list[Callable[[Any, Any], Any]] = []

    def hook(value: Any, wanted: Any) -> Any:
        if not made:
            made.append(converter.gen_structure_attrs_fromdict(kind))
        return made[0](value, wanted)

    return hook


def _text(value: object) -> str:
    if not isinstance(value, str):
        message = f"must be text, not {value!r}"
        raise TypeError(message)
    return value


def _strict(wanted: type, accepted: tuple[type, ...]) -> Callable[[Any, Any], Any]:
    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, bool) is not (wanted is bool) or not isinstance(value, accepted):
            message = f"must be {_NAMES[wanted]}, not {value!r}"
            raise TypeError(message)
        return wanted(value)

    return hook


def _describe(error: BaseException, kind: type | None) -> str:
    """Return in plain words what cattrs found wrong."""
    from cattrs.errors import ForbiddenExtraKeysError

    if isinstance(error, ForbiddenExtraKeysError):
        known = ", ".join(field.name for field in attrs.fields(error.cl))
        return f"unknown key {', '.join(sorted(map(str, error.extra_fields)))}; known here: {known}"
    if isinstance(error, KeyError):
        return "is missing"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"{error.args[0].split(' is not')[0]} is not known; choose one of {', '.join(kind)}"
    if get_origin(kind) is Literal:
        return f"{error.args[0].split(' not in')[0]} is not known; choose one of {', '.join(get_args(kind))}"
    if isinstance(error, TypeError) and str(error).startswith("must be"):
        return str(error)
    if kind is not None and attrs.has(kind):
        return "must be a section with keys of its own"
    return "must be a list" if "iterable" in str(error) else f"is not valid: {error}"
