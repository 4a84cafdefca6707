"""Classes of settings: whether one can be read, before anybody configures anything."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import attrs

_SIMPLE = (str, int, float, bool, Path, type(None), Any)
_SEVERAL = (list, tuple, set, frozenset, dict, Mapping, Sequence, Collection, AbstractSet)

TYPES = "text, numbers, bool, Path, enumerations, Literal, X | None, lists and mappings of these, other attrs classes"
"""What a setting can be, in words."""


def is_settings_class(value: object) -> bool:
    """Return whether ``value`` can check a section of the configuration: a class made by attrs."""
    return isinstance(value, type) and attrs.has(value)


def unreadable(kind: type[Any], above: tuple[Any, ...] = ()) -> str:
    """Return which field of the attrs class ``kind`` has a type that no configuration can give, empty if none has."""
    try:
        attrs.resolve_types(kind)
    except NameError as error:
        return f"the types of {kind.__qualname__} cannot be resolved: {error}"
    for field in attrs.fields(cast("type[attrs.AttrsInstance]", kind)):
        if field.init and field.converter is None and not _readable(field.type, (*above, kind)):
            name = field.type.__qualname__ if isinstance(field.type, type) and not get_args(field.type) else field.type
            return f"{kind.__qualname__}.{field.name}: {name} is no type for a setting; use {TYPES}, or a converter"
    return ""


def _readable(kind: Any, above: tuple[Any, ...]) -> bool:
    kind = getattr(kind, "__supertype__", kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is None or kind in _SIMPLE or kind in _SEVERAL or origin is Literal:
        return True
    if origin is Annotated:
        return _readable(arguments[0], above)
    if origin in {Union, types.UnionType}:
        wanted = [part for part in arguments if part is not type(None)]
        return len(wanted) == 1 and _readable(wanted[0], above)
    if origin in _SEVERAL:
        return all(_readable(part, above) for part in arguments if part is not Ellipsis)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return True
    return isinstance(kind, type) and attrs.has(kind) and (kind in above or not unreadable(kind, above))
