"""Settings from the types of JSON: by attrs classes, strictly, with everything that is wrong at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_origin

import attrs

from ticketcore.errors import Problem, reason_of
from ticketcore.serde.hidden import ABOVE, CHECK, LONGEST_BITS, SECRET, WITHIN, Filled, shown
from ticketcore.serde.problems import InvalidError, UnfitError, UnreadableError, is_mapping, problems_of

T = TypeVar("T")


def structure(default: T, data: Mapping[str, object], *, relative_to: Path) -> tuple[T, list[Problem]]:
    """Return ``default`` (an attrs record) with the fields that ``data`` (JSON types) has, and what is wrong with it.

    Nothing is guessed: an unknown key, a missing one and a value of another type are problems, each with
    its path; a field with a problem keeps its default, so that the others can be judged all the same. A
    relative path is taken from the folder ``relative_to``.
    """
    converter = _strict_converter(relative_to)
    problems: list[Problem] = []
    for key, value in data.items():
        part, wrong = _structured(converter, type(default), {key: value})
        problems += wrong
        if part is not None:
            default = attrs.evolve(cast("Any", default), **{key: getattr(part, key)})
    return default, problems


def structure_section(kind: type[T], data: object, *, relative_to: Path) -> tuple[T | None, list[Problem]]:
    """Return ``data`` (JSON types) as an instance of the attrs class ``kind``, or what is wrong with it.

    As strict as :func:`structure`; there is an instance only if nothing is wrong. A program may hand over an instance
    itself.
    """
    if isinstance(data, kind):
        return data, []
    made, problems = _structured(_strict_converter(relative_to), kind, {} if data is None else data)
    return (None if made is None else _anchored(made, relative_to)), problems


def _anchored(record: T, folder: Path) -> T:
    """Return ``record`` (attrs) such that relative paths in it, which are defaults, start at ``folder`` too."""
    changed: dict[str, Any] = {}
    for field in attrs.fields(cast("Any", type(record))) if attrs.has(type(record)) else ():
        value = getattr(record, field.name)
        if isinstance(value, Path) and field.init and not value.is_absolute():
            changed[field.alias] = folder / value
        elif field.init and (inner := _anchored(value, folder)) is not value:
            changed[field.alias] = inner
    return attrs.evolve(cast("Any", record), **changed) if changed else record


def _structured(converter: Any, kind: type[T], data: object) -> tuple[T | None, list[Problem]]:
    import cattrs

    if not isinstance(data, Mapping):
        return None, list(problems_of(TypeError(), kind, data))
    try:
        return converter.structure(data, kind), []
    except cattrs.BaseValidationError as error:
        return None, list(problems_of(error, kind, data))
    except UnreadableError as error:
        return None, [Problem("", str(error))]


def _strict_converter(relative_to: Path) -> Any:
    import cattrs

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook_factory(attrs.has, lambda cls: _when_needed(converter, cls))
    converter.register_structure_hook_factory(_is_list, lambda cls: _list(converter, cls))
    converter.register_structure_hook_factory(is_mapping, lambda cls: _mapping(converter, cls))
    add_strict_hooks(converter)
    converter.register_structure_hook(Path, lambda value, _: relative_to / _path(value))
    return converter


def add_strict_hooks(converter: Any) -> None:
    """Let a converter take texts, numbers, truth values and words of a vocabulary for nothing else."""
    # A text that is a member of an enumeration is a text too, so the order of these matters to cattrs.
    for wanted, accepted in _STRICT.items():
        converter.register_structure_hook(wanted, _strict(wanted, accepted))
    converter.register_structure_hook(StrEnum, lambda value, kind: kind(value))


_MADE: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    Sequence: tuple,
    Collection: tuple,
    AbstractSet: frozenset,
}
"""What is made of a list where a field has one of these types."""


def _is_list(kind: Any) -> bool:
    """Return whether ``kind`` is a list, or another collection of values of one type."""
    arguments = get_args(kind)
    if get_origin(kind) is tuple:
        return len(arguments) == 2 and arguments[1] is Ellipsis  # noqa: PLR2004 - as in tuple[str, ...]
    return get_origin(kind) in _MADE


def _list(converter: Any, kind: Any) -> Callable[[Any, Any], Any]:
    """Return a hook that takes lists only: cattrs would take a text for the list of its letters."""
    from cattrs import IterableValidationError, IterableValidationNote

    element, make = get_args(kind)[0], _MADE[get_origin(kind)]

    def hook(values: Any, _: Any) -> Any:
        if not isinstance(values, list | tuple):
            raise TypeError
        found, errors = [], []
        for place, value in enumerate(values):
            try:
                found.append(converter.structure(value, element))
            except Exception as error:  # noqa: BLE001 - a settings class may refuse in its own way
                error.add_note(IterableValidationNote(f"item {place}", place, element))
                errors.append(error)
        if errors:
            raise IterableValidationError("", errors, kind)
        return make(found)

    return hook


def _mapping(converter: Any, kind: Any) -> Callable[[Any, Any], Any]:
    """Return a hook that takes mappings, and nothing for an empty one: what is below it may be commented out."""
    from cattrs.gen import make_mapping_structure_fn

    inner = make_mapping_structure_fn(kind, converter, dict, detailed_validation=True)
    numbered = get_args(kind)[0] in {int, float}  # all keys of a file are texts

    def hook(value: Any, wanted: Any) -> Any:
        if value is not None and not isinstance(value, Mapping):
            raise TypeError
        given = {Filled(key): item for key, item in value.items()} if numbered and value else value or {}
        return inner(given, wanted)

    return hook


_STRICT: dict[type, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_MOST_DIGITS = 400


def _when_needed(converter: Any, kind: type[Any]) -> Callable[[Any, Any], Any]:
    """Return a hook for a section that is built when the section occurs: each costs a millisecond."""
    made: list[Callable[[Any, Any], Any]] = []

    def hook(value: Any, wanted: Any) -> Any:
        if not made:
            try:
                made.append(_section(converter, kind))
            except Exception as error:
                message = f"cannot be read, because of its class {kind.__qualname__}: {reason_of(error)}"
                raise UnreadableError(message) from error
        if value is not None and not isinstance(value, Mapping):
            raise TypeError
        # A section of which every key is commented out reads as null.
        return made[0](value or {}, wanted)

    return hook


def _section(converter: Any, kind: type[Any]) -> Callable[[Any, Any], Any]:
    from cattrs.gen import make_dict_structure_fn, override

    attrs.resolve_types(kind)
    judged: Any = {
        field.name: override(struct_hook=_judged(converter, field))
        for field in attrs.fields(kind)
        if {ABOVE, WITHIN, CHECK} & field.metadata.keys() or (field.validator and not field.converter)
    }
    return make_dict_structure_fn(kind, converter, **judged)


def unfit(facts: Mapping[str, Any], value: Any) -> str:
    """Return what is wrong with a value of the right type, of whose field ``facts`` are said; empty if nothing is."""
    wrong = _unfit(facts, value)
    seen = "" if wrong is None or wrong.quotes or SECRET in facts else f", not {shown(value)}"
    return f"{wrong}{seen}" if wrong else ""


def _unfit(facts: Mapping[str, Any], value: Any) -> UnfitError | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and ABOVE in facts and value <= facts[ABOVE]:
        return UnfitError(f"must be more than {facts[ABOVE]:g}")
    if is_number and WITHIN in facts and not facts[WITHIN][0] <= value <= facts[WITHIN][1]:
        return UnfitError("must be between {} and {}".format(*map(_rounded, facts[WITHIN])))
    if CHECK in facts and (wrong := facts[CHECK](value)):
        return UnfitError(wrong, quotes=True)
    return None


def _judged(converter: Any, field: attrs.Attribute[Any]) -> Callable[[Any, Any], Any]:
    """Return a hook for a field of which not every value of its type is right."""
    facts = field.metadata

    def hook(value: Any, kind: Any) -> Any:
        made = converter.structure(value, kind)
        if wrong := _unfit(facts, made):
            raise wrong
        if field.validator:
            _validate(field, made)
        return made

    return hook


def _validate(field: attrs.Attribute[Any], value: Any) -> None:
    """Ask the validator of a field by itself, so that one wrong field hides no other.

    Raises:
        InvalidError: it refuses the value.
    """
    try:
        cast("Any", field.validator)(None, field, value)
    except AttributeError:
        return  # it looks at the other fields too: it is asked again when there are all of them
    except Exception as error:
        text = str(error.args[0]) if error.args else type(error).__name__
        raise InvalidError(text) from error


def _rounded(number: float) -> float:
    return int(number) if number == int(number) else number


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value  # of a configuration that is made in Python
    if not isinstance(value, str) or not value or "\0" in value:
        raise TypeError
    return Path(value).expanduser()


def _strict(wanted: Any, accepted: tuple[type, ...]) -> Callable[[Any, Any], Any]:
    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, Filled) and wanted is not str:
            value = _read_number(value, wanted)
        if isinstance(value, bool) is not (wanted is bool) or not isinstance(value, accepted):
            raise TypeError
        if wanted is str:
            return value  # one that a placeholder stood for stays what is not shown
        if isinstance(value, int) and value.bit_length() > LONGEST_BITS:
            raise TypeError  # no float, and no column of a database
        if not math.isfinite(cast("float", value)):
            raise TypeError
        return wanted(value)

    return hook


def _read_number(text: str, wanted: Any) -> Any:
    """Return what a placeholder's text means where ``wanted`` is no text."""
    if wanted is bool:
        return _WORDS.get(text.lower(), text)
    number = r"[+-]?[0-9]+" if wanted is int else r"[+-]?[0-9]*\.?[0-9]+"
    return wanted(text) if len(text) <= _MOST_DIGITS and re.fullmatch(number, text) else text
