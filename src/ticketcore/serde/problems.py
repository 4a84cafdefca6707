"""What is wrong with settings, in plain words and without secrets."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs

from ticketcore.errors import Problem, reason_of
from ticketcore.serde.hidden import SECRET, Filled, shown

_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Path: "the path of a file"}


class UnreadableError(Exception):
    """A class of settings is none that can be read."""


class UnfitError(ValueError):
    """A value has the right type, and is wrong all the same; ``quotes`` is whether the message has the value in it."""

    def __init__(self, message: str, *, quotes: bool = False) -> None:
        """Keep what is wrong with it."""
        super().__init__(message)
        self.quotes = quotes


class InvalidError(ValueError):
    """The validator of a field refuses its value, and says why, probably with the value in it."""


def is_mapping(kind: Any) -> bool:
    """Return whether ``kind`` is a mapping of one type of values."""
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def problems_of(error: BaseException, kind: Any, value: Any) -> Iterator[Problem]:
    """Yield what cattrs found wrong with ``value``, which should have been a ``kind``."""
    return _problems(error, "", kind, value, hidden=False)


def _problems(error: BaseException, path: str, kind: Any, value: Any, *, hidden: bool) -> Iterator[Problem]:
    """Yield what cattrs found wrong with ``value`` at ``path``, which should have been a ``kind``."""
    from cattrs import ClassValidationError, IterableValidationError
    from cattrs.errors import ForbiddenExtraKeysError

    if isinstance(error, ClassValidationError):
        facts = attrs.fields_dict(error.cl) if attrs.has(error.cl) else {}
        noted, others = error.group_exceptions()
        for part, note in noted:
            inner = value.get(note.name) if isinstance(value, Mapping) else None
            secret = hidden or (note.name in facts and bool(facts[note.name].metadata.get(SECRET)))
            yield from _problems(part, f"{path}.{note.name}", note.type, inner, hidden=secret)
        for part in others:
            if isinstance(part, ForbiddenExtraKeysError):
                yield from _unknown(part, path)
            else:
                yield _refusal(part, path, error.cl, value, hidden=hidden)
    elif isinstance(error, IterableValidationError):
        found, rest = error.group_exceptions()
        for part, place in found:
            below = f"{path}.{place.index}" if isinstance(value, Mapping) else f"{path}[{place.index}]"
            inner = place.index if place.startswith("Structuring mapping key") else value[place.index]
            yield from _problems(part, below, place.type, inner, hidden=hidden)
        for part in rest:
            yield from _problems(part, path, kind, value, hidden=hidden)
    else:
        hidden = hidden or _is_filled(value) or _may_hold_secrets(kind)
        yield Problem(path.removeprefix("."), _describe(error, kind, value, hidden=hidden))


def _unknown(error: Any, path: str) -> Iterator[Problem]:
    known = [field.name for field in attrs.fields(error.cl) if field.init]
    for key in sorted(map(str, error.extra_fields)):
        message = f"is not known{_nearest(key, known)}; known here: {', '.join(known)}"
        yield Problem(f"{path}.{key}".removeprefix("."), message)


def _nearest(name: str, known: list[str]) -> str:
    """Return "; did you mean X?" for the _nearest of ``known``, nothing if none is near."""
    found = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {found[0]}?" if found else ""


def _refusal(error: BaseException, path: str, kind: Any, value: Any, *, hidden: bool) -> Problem:
    """Return what a class of settings itself says of the values of its section, without the secrets among them."""
    facts = attrs.fields_dict(kind) if attrs.has(kind) else {}
    given = value if isinstance(value, Mapping) else {}
    about = next((part.name for part in error.args if isinstance(part, attrs.Attribute)), "")  # as attrs' validators do
    path = (f"{path}.{about}" if about else path).removeprefix(".")
    if hidden or (about in facts and _secrets({about: given.get(about)}, kind, hidden=False)):
        return Problem(path, "is not valid")
    text = str(error.args[0]) if about else reason_of(error).removeprefix("ValueError: ")
    return Problem(path, f"is not valid: {_redacted(text, _secrets(given, kind, hidden=False))}")


def _redacted(text: str, secrets: set[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    return text


def _secrets(value: Any, kind: Any, *, hidden: bool) -> set[str]:
    """Return the texts in ``value``, which should be a ``kind``, that must not be shown: if ``hidden``, all of them."""
    kind = _bare(kind)
    if isinstance(value, Mapping) and isinstance(kind, type) and attrs.has(kind):
        facts = attrs.fields_dict(kind)
        parts = [
            _secrets(item, facts[name].type, hidden=hidden or bool(facts[name].metadata.get(SECRET)))
            for name, item in value.items()
            if name in facts
        ]
        return set().union(*parts)
    if isinstance(value, Mapping | list | tuple):
        below = [part for part in get_args(kind) if part is not Ellipsis] or [Any]
        items = value.values() if isinstance(value, Mapping) else value
        return set().union(*(_secrets(item, below[-1], hidden=hidden) for item in items))
    is_secret = hidden or isinstance(value, Filled) or kind is Any
    return {str(value), str(value).strip()} - {"", "None"} if is_secret else set()


def _is_filled(value: Any) -> bool:
    """Return whether ``value``, or anything in it, came from a placeholder."""
    if isinstance(value, Mapping):
        return any(map(_is_filled, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_filled, value))
    return isinstance(value, Filled)


def _bare(kind: Any) -> Any:
    """Return ``kind`` without a name of its own, and without what it may be besides: nothing."""
    kind = getattr(kind, "__supertype__", kind)
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    wanted = [part for part in get_args(kind) if part is not type(None)]
    return wanted[0] if type(None) in get_args(kind) and len(wanted) == 1 else kind


def _may_hold_secrets(kind: Any, above: tuple[Any, ...] = ()) -> bool:
    """Return whether a value that should have been a ``kind`` may be a secret in the wrong place, or have one in it."""
    if kind is Any:
        return True
    if isinstance(kind, type) and attrs.has(kind) and kind not in above:
        try:
            attrs.resolve_types(kind)
        except NameError:
            return True
        fields = attrs.fields(kind)
        return any(field.metadata.get(SECRET) or _may_hold_secrets(field.type, (*above, kind)) for field in fields)
    return any(_may_hold_secrets(part, above) for part in get_args(kind))


def _said(error: UnfitError | UnreadableError | InvalidError, kind: Any, value: Any, *, hidden: bool) -> str:
    """Return what an error of our own says, without the secrets that a validator may quote."""
    if isinstance(error, InvalidError):
        return f"is not valid: {_redacted(str(error), _secrets(value, kind, hidden=hidden))}"
    quotes = hidden or not isinstance(error, UnfitError) or error.quotes
    return str(error) if quotes else f"{error}, not {shown(value)}"


def _describe(error: BaseException, kind: Any, value: Any, *, hidden: bool) -> str:
    """Return in plain words what cattrs found wrong."""
    seen = "" if hidden else f", not {shown(value)}"
    if isinstance(error, UnfitError | UnreadableError | InvalidError):
        return _said(error, kind, value, hidden=hidden)
    if isinstance(error, KeyError) and not (isinstance(kind, type) and issubclass(kind, Enum)):
        return "is missing"
    kind = _bare(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"must be one of {', '.join(str(member.value) for member in kind)}{seen}"
    if get_origin(kind) is Literal:
        return f"must be one of {', '.join(map(str, get_args(kind)))}{seen}"
    if isinstance(error, TypeError) and kind in _NAMES:
        quote = " (put it in quotes)" if kind is str and isinstance(value, int | float | date) else ""
        return f"must be {_NAMES[kind]}{quote}{seen}"
    if isinstance(kind, type) and attrs.has(kind) and not isinstance(value, Mapping):
        return f"must be a section with keys of its own{seen}"
    if isinstance(error, TypeError) and is_mapping(kind):
        return f"must be a mapping{seen}"
    if isinstance(error, TypeError) and get_origin(kind) is not None:
        return f"must be a list{seen}"
    return "is not valid" if hidden else f"is not valid: {reason_of(error)}"
