"""The JSON Schema of the configuration, for editors (https://json-schema.org/draft/2020-12)."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import attrs

from ticketcore.config.schema import HELP, Config, SlaSection, WorkflowSection
from ticketcore.domain.ticket import Status
from ticketcore.domain.workflow import ANY, SHIPPED
from ticketcore.serde import ABOVE, SECRET, WITHIN

_PLACEHOLDER = {"type": "string", "pattern": r"(^|[^$])\$\{(file:[^}]+|[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?)\}"}
"""What may stand in the place of any value but a section or a list: it is filled in before it is read."""


def json_schema(sections: Mapping[str, type[Any]] | None = None) -> dict[str, Any]:
    """Return the schema of ``config.yaml``.

    Args:
        sections: the classes of the sections of plugins, by their path (``plugins.NAME``, ``providers.NAME``). With
            them, any other section there is an error; without, every section is right.
    """
    schema = _section(Config)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration of ticketcore",
        **schema,
    }
    for top in ("providers", "plugins") if sections is not None else ():
        schema["properties"][top] |= {"additionalProperties": False, "properties": {}}
    for path, kind in (sections or {}).items():
        top, _, name = path.partition(".")
        schema["properties"][top]["properties"][name] = _section(kind)
    return schema


def _section(kind: type[Any], above: tuple[type[Any], ...] = ()) -> dict[str, Any]:
    try:
        hints = get_type_hints(kind, include_extras=False)
    except NameError:  # the class of a plugin names what is not there; reading its section will say so
        return {"type": ["object", "null"]}
    if kind in above:
        return {"type": ["object", "null"]}  # a section within itself: one level is described
    properties, required = {}, []
    for field in attrs.fields(cast("type[attrs.AttrsInstance]", kind)):
        if not field.init:
            continue
        found = _special(kind, field.name) or _schema(hints[field.name], (*above, kind))
        # What is said of a key goes beside what it may be; a section says more than its class does.
        properties[field.name] = found | _facts(field)
        if field.default is attrs.NOTHING:
            required.append(field.name)
    section: dict[str, Any] = {"type": ["object", "null"], "additionalProperties": False, "properties": properties}
    return section | ({"type": "object", "required": required} if required else {})


def _special(kind: type[Any], name: str) -> dict[str, Any] | None:
    """Return the schema of the few keys that may be written in several ways."""
    if kind is Config and name == "workflow":
        packages = {"type": ["object", "null"], "additionalProperties": _workflow()}
        several = {
            "type": "object",
            "additionalProperties": False,
            "properties": {"default": _workflow(), "packages": packages},
        }
        return {"anyOf": [_workflow(), several]}
    if kind is SlaSection and name == "defaults":
        mapping = _schema(get_type_hints(SlaSection)["defaults"])
        return {"anyOf": [mapping, {"const": False}]}
    if kind is WorkflowSection:  # only what is above is written in a file
        return _workflow()
    return None


def _workflow() -> dict[str, Any]:
    names = [status.value for status in Status]
    status = {"anyOf": [{"enum": names}, _PLACEHOLDER]}
    several = {"type": "array", "items": status}
    moves = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"enum": [*names, ANY]},
        "additionalProperties": several,
    }
    declaration = {
        "type": "object",
        "additionalProperties": False,
        "required": ["transitions"],
        "properties": {"initial": status, "final": several, "transitions": moves},
    }
    return {"anyOf": [{"enum": list(SHIPPED)}, _PLACEHOLDER, declaration]}


def _facts(field: attrs.Attribute[Any]) -> dict[str, Any]:
    said = field.metadata
    facts: dict[str, Any] = {"description": said[HELP]} if HELP in said else {}
    facts |= {"exclusiveMinimum": said[ABOVE]} if ABOVE in said else {}
    facts |= {"minimum": said[WITHIN][0], "maximum": said[WITHIN][1]} if WITHIN in said else {}
    if said.get(SECRET):
        facts["description"] = f"{facts.get('description', '')} A secret: write ${{NAME}} or ${{file:path}}.".strip()
    default = _plain(field.default)
    return facts | ({"default": default} if default is not None else {})


def _plain(value: Any) -> Any:
    """Return a default as JSON, ``None`` where it has no such form or says nothing."""
    if value is attrs.NOTHING:  # an enumeration, too
        return None
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float) else None


def _schema(kind: Any, above: tuple[type[Any], ...] = ()) -> dict[str, Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return {"anyOf": [_schema(part, above) for part in arguments]}
    if origin is Literal:
        return {"anyOf": [{"enum": list(arguments)}, _PLACEHOLDER]}
    if origin is tuple and Ellipsis not in arguments:
        parts = [_schema(part, above) for part in arguments]
        return {"type": "array", "prefixItems": parts, "minItems": len(parts), "items": False}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        values = {"type": ["object", "null"], "additionalProperties": _schema(arguments[1], above)}
        return values | _names(arguments[0])
    if isinstance(origin, type) and issubclass(origin, Collection):
        return {"type": "array", "items": _schema(arguments[0], above)}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"anyOf": [{"enum": [member.value for member in kind]}, _PLACEHOLDER]}
    if isinstance(kind, type) and attrs.has(kind):
        return _section(kind, above)
    simple: dict[Any, dict[str, Any]] = {
        str: {"type": "string"},
        Path: {"type": "string", "minLength": 1},
        int: {"anyOf": [{"type": "integer"}, _PLACEHOLDER]},
        float: {"anyOf": [{"type": "number"}, _PLACEHOLDER]},
        bool: {"anyOf": [{"type": "boolean"}, _PLACEHOLDER]},
        type(None): {"type": "null"},
    }
    return simple.get(kind, {})


def _names(kind: Any) -> dict[str, Any]:
    """Return what the names of keys may be, if that is not any text."""
    is_fixed = isinstance(kind, type) and issubclass(kind, Enum)
    return {"propertyNames": {"enum": [member.value for member in kind]}} if is_fixed else {}
