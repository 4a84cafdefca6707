"""Records read from what somebody else may have written, as strictly as settings are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import attrs

from ticketcore.errors import Problem
from ticketcore.serde.problems import UnfitError, problems_of
from ticketcore.serde.quick import read_quickly
from ticketcore.serde.settings import add_strict_hooks

T = TypeVar("T")


def read_record(kind: type[T], data: object) -> tuple[T | None, list[Problem]]:
    """Return the record of ``kind`` that :func:`~ticketcore.serde.to_plain` made ``data`` of, or what is wrong with it.

    Nothing is guessed: an unknown key, a missing one and a value of another type are problems, each with its path.
    """
    if not isinstance(data, Mapping):
        return None, [Problem("", "must be an object")]
    if (record := read_quickly(kind, data)) is not None:
        return record, []
    import cattrs

    try:
        return _converter().structure(data, kind), []
    except cattrs.BaseValidationError as error:
        return None, list(problems_of(error, kind, data))


@cache
def _converter() -> Any:
    import cattrs
    from cattrs.cols import homogenous_tuple_structure_factory

    def is_tuple(kind: Any) -> bool:
        return getattr(kind, "__origin__", None) is tuple

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook_factory(attrs.has, lambda kind: _object(converter, kind))
    converter.register_structure_hook_factory(
        is_tuple, lambda kind: _only(list, "a list", homogenous_tuple_structure_factory(kind, converter))
    )
    add_strict_hooks(converter)
    converter.register_structure_hook(datetime, _instant)
    return converter


def _only(accepted: type, name: str, structure: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def hook(value: Any, kind: Any) -> Any:
        if not isinstance(value, accepted):
            message = f"must be {name}"
            raise UnfitError(message)
        return structure(value, kind)

    return hook


def _object(converter: Any, kind: Any) -> Callable[[Any, Any], Any]:
    from cattrs.gen import make_dict_structure_fn

    attrs.resolve_types(kind)
    return _only(Mapping, "an object", make_dict_structure_fn(kind, converter))


def _instant(value: Any, _: Any) -> datetime:
    with suppress(TypeError, ValueError, OverflowError):
        found = datetime.fromisoformat(value)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    message = "must be an instant such as 2026-05-01T14:30:00+00:00"
    raise UnfitError(message)
