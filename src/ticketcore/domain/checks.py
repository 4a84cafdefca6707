"""What somebody typed, checked before it becomes part of a ticket: all problems at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, TypeVar, cast

from ticketcore.domain.address import normalise_address
from ticketcore.domain.ticket import Priority, RequestedByType, TicketType
from ticketcore.errors import Problem, RejectedError, quoted

SUBJECT_LENGTH = 500
NAME_LENGTH = 255
WATCHERS_LENGTH = 60_000
"""What fits the ``text`` column of the smallest engine, in characters."""

E = TypeVar("E", bound=StrEnum)

_HALF_PAIR = re.compile("[\ud800-\udfff]")


class Checks:
    """Collects all problems of an input, so that they are reported at once."""

    def __init__(self) -> None:
        """Start without any."""
        self.problems: list[Problem] = []

    def text(self, field: str, value: object, *, required: bool = False) -> str:
        """Return ``value`` if it is text that every store can hold, and more than blanks if it is ``required``."""
        if not isinstance(value, str):
            self.problems.append(Problem(field, f"must be text, not {type(value).__name__}"))
            return ""
        if "\x00" in value or (not value.isascii() and _HALF_PAIR.search(value)):
            self.problems.append(Problem(field, "holds a character that is no text (NUL or half a surrogate pair)"))
        if required and not value.strip():
            self.problems.append(Problem(field, "must not be empty"))
        return value

    def line(self, field: str, value: object, limit: int = NAME_LENGTH, *, required: bool = False) -> str:
        """Return ``value`` as one line: white space and line breaks become single blanks."""
        line = " ".join(self.text(field, value).split())
        if required and not line and isinstance(value, str):
            self.problems.append(Problem(field, "must not be empty"))
        if len(line) > limit:
            self.problems.append(Problem(field, f"has {len(line)} characters; at most {limit} are allowed"))
        return line

    def member(self, field: str, value: object, kind: type[E]) -> E | None:
        """Return ``value`` as a member of the vocabulary ``kind``."""
        try:
            return kind(cast("str", value))
        except ValueError:
            self.problems.append(Problem(field, f"{quoted(value)} is not known; choose one of {', '.join(kind)}"))
            return None

    def flag(self, field: str, value: object) -> bool:
        """Return ``value`` if it is true or false; a word such as "no" would count as yes."""
        if not isinstance(value, bool):
            self.problems.append(Problem(field, f"must be true or false, not {quoted(value)}"))
        return value is True

    def any_member(self, field: str, value: object, kind: type[E]) -> str:
        """Return ``value`` as a member of the vocabulary ``kind``, or the empty text, which means any of them."""
        if value == "":
            return ""
        known = len(self.problems)
        member = self.member(field, value, kind)
        self.problems[known:] = [Problem(one.field, f"{one.message}, or none for any") for one in self.problems[known:]]
        return member.value if member else ""

    def address(self, field: str, value: object) -> str:
        """Return ``value`` as a stored e-mail address."""
        known = len(self.problems)
        text = self.text(field, value)
        return self.attempt(lambda: normalise_address(field, text)) or "" if len(self.problems) == known else ""

    def addresses(self, field: str, values: object) -> tuple[str, ...]:
        """Return ``values`` as stored e-mail addresses, each once."""
        if isinstance(values, str) or not isinstance(values, Iterable):
            self.problems.append(Problem(field, f"must be a list of addresses, not {type(values).__name__}"))
            return ()
        found = tuple(dict.fromkeys(self.address(field, value) for value in values))
        if len(",".join(found)) > WATCHERS_LENGTH:
            self.problems.append(Problem(field, "are too many"))
        return found

    def attempt(self, step: Callable[[], Any]) -> Any:
        """Return the result of ``step``, or ``None`` after noting why it was refused."""
        try:
            return step()
        except RejectedError as error:
            self.problems.extend(error.problems)
            return None

    def done(self) -> None:
        """Raise what was found wrong, if anything."""
        if self.problems:
            raise RejectedError(self.problems)


_FIELD_KINDS: dict[str, type[StrEnum]] = {
    "priority": Priority,
    "ticket_type": TicketType,
    "requested_by_type": RequestedByType,
}
_FIELD_LIMITS = {"subject": SUBJECT_LENGTH, "package": NAME_LENGTH, "project": NAME_LENGTH, "requested_by": NAME_LENGTH}
UPDATABLE = ("subject", "description", "package", "project", *_FIELD_KINDS, "requested_by")
"""The fields that an update may name."""


def checked_fields(checks: Checks, values: dict[str, Any]) -> dict[str, Any]:
    """Return the checked form of the descriptive fields in ``values``."""
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name in _FIELD_KINDS:
            checked[name] = checks.member(name, value, _FIELD_KINDS[name])
        elif name == "description":
            checked[name] = checks.text(name, value)
        else:
            checked[name] = checks.line(name, value, _FIELD_LIMITS[name], required=name in {"subject", "package"})
    return checked
