"""The lines of a file of tickets, read one by one: what each of them is, and what is wrong with it."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping, MutableSequence
from functools import partial
from itertools import repeat
from typing import Any, BinaryIO, NoReturn

from attrs import evolve, field, fields, frozen

from ticketcore.domain.bundle import FORMAT, FORMAT_VERSION, Bundle, bundle_problems
from ticketcore.errors import Problem
from ticketcore.serde import shown
from ticketcore.serde.strict import read_record
from ticketcore.services.creation import NewTicket
from ticketcore.services.import_versions import version_problems
from ticketcore.services.people import is_storable

LONGEST_LINE = 64 * 1024 * 1024
"""The most bytes of a line: one ticket with all that is below it."""

_NEW = tuple(one.name for one in fields(NewTicket))
_LIGHT = (*_NEW, "created_date")


@frozen(kw_only=True)
class LightTicket:
    """A line that another system can write: what a new ticket is asked for with, and when it was made there."""

    asked: NewTicket
    created_date: Any
    identity: str
    """The whole line in one form, by which it is known again."""


@frozen(kw_only=True)
class Line:
    """One line of a file; ``end`` is where the next one begins. It is a ticket, or has ``problems``."""

    number: int = 0
    end: int = 0
    bundle: Bundle | None = None
    light: LightTicket | None = None
    problems: tuple[Problem, ...] = ()


@frozen(eq=False)
class Sound:
    """Which lines of a file were sound: read again, those that are the same are not looked through once more."""

    marks: MutableSequence[int] = field(factory=partial(array, "q"))

    def has(self, number: int, raw: bytes) -> bool:
        """Return whether a line was sound, and is the same."""
        return number <= len(self.marks) and self.marks[number - 1] == hash(raw)

    def note(self, number: int, raw: bytes) -> None:
        """Note that a line is sound; the ones before it that were not noted are not."""
        self.marks.extend(repeat(0, number - 1 - len(self.marks)))
        if len(self.marks) < number:
            self.marks.append(hash(raw))


def read_lines(file: BinaryIO, sound: Sound) -> Iterator[Line]:
    """Yield the lines of ``file`` that are tickets, or should be; from its beginning on."""
    file.seek(0)
    has_header = False
    end = number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number, end = number + 1, end + len(raw)
        if len(raw) > LONGEST_LINE:
            too_long = f"is longer than {LONGEST_LINE // 1024**2} MB; each ticket has a line of its own"
            yield Line(number=number, end=end, problems=(Problem("", too_long),))
            return
        if not raw.strip():
            continue
        data, problems = _parsed(raw, first=number == 1)
        if "format" in data:
            has_header = True
            problems = _header_problems(data)
        elif not problems:
            line = _ticket(data, is_sound=sound.has(number, raw))
            if not line.problems:
                sound.note(number, raw)
            if line.bundle is not None and not has_header:
                missing = Problem("", "is a whole ticket, but no line before it says in which format it is")
                line = Line(problems=(missing,))
            yield evolve(line, number=number, end=end)
        if problems:
            yield Line(number=number, end=end, problems=tuple(problems))


def _parsed(raw: bytes, *, first: bool) -> tuple[Mapping[str, Any], list[Problem]]:
    """Return the object that a line is, or what is wrong with it."""
    try:
        text = raw.decode("utf-8-sig" if first else "utf-8")
        data = json.loads(text, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        return {}, [Problem("", f"is no UTF-8 text (byte {error.start + 1})")]
    except RecursionError:
        return {}, [Problem("", "is no ticket: it is nested too deeply")]
    except json.JSONDecodeError as error:
        return {}, [Problem("", f"is no JSON: {error.msg} (column {error.colno})")]
    except ValueError as error:
        return {}, [Problem("", f"is no JSON: {error}")]
    if not isinstance(data, dict):
        return {}, [Problem("", "must be an object, { … }")]
    # Text as it is was decoded above; only what is written as an escape can be none.
    if "\\u" in text and not all(map(_is_text, _texts(data))):
        return {}, [Problem("", "holds a character that is no text (NUL or half a surrogate pair)")]
    return data, []


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is no value of JSON"
    raise ValueError(message)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _is_text(text: str) -> bool:
    return "\0" not in text and is_storable(text)


def _header_problems(data: Mapping[str, Any]) -> list[Problem]:
    version = data.get("version")
    if data["format"] != FORMAT:
        return [Problem("format", f"must be {FORMAT!r}, not {shown(data['format'])}")]
    if type(version) is not int or version < 1:
        return [Problem("version", f"must be a whole number from 1 on, not {shown(version)}")]
    if version > FORMAT_VERSION:
        message = f"is {version}, and this version reads up to {FORMAT_VERSION}: use the ticketcore that wrote the file"
        return [Problem("version", message)]
    return []


def _ticket(data: Mapping[str, Any], *, is_sound: bool) -> Line:
    """Return the line that ``data`` is, still without its place."""
    if "ticket" in data:
        bundle, problems = read_record(Bundle, data)
        if bundle is not None and not is_sound:
            problems = list(bundle_problems(bundle)) or list(version_problems(bundle))
        return Line(bundle=bundle, problems=tuple(problems))
    problems = [Problem(key, f"is not known; known here: {', '.join(_LIGHT)}") for key in data if key not in _LIGHT]
    if "subject" not in data:
        problems = [Problem("", "is neither a whole ticket, as an export writes it, nor an object with a subject")]
    if problems:
        return Line(problems=tuple(problems))
    asked = NewTicket(**{name: data[name] for name in _NEW if name in data})
    identity = json.dumps(data, sort_keys=True, separators=(",", ":"))
    light = LightTicket(asked=asked, created_date=data.get("created_date"), identity=identity)
    return Line(light=light)
