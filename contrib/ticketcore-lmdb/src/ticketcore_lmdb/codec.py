"""Records as JSON, after the types of their fields.

An instant is ISO 8601 text in UTC with microseconds, a member of a vocabulary is its value, a tuple an array.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TypeVar

import cattrs
from cattrs.preconf.json import make_converter
from ticketcore.errors import Problem, RejectedError, RepositoryError

R = TypeVar("R")


def _instant_as_text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def _text_as_instant(text: str, _kind: object) -> datetime:
    return datetime.fromisoformat(text)


_converter = make_converter()
_converter.register_unstructure_hook(datetime, _instant_as_text)
_converter.register_structure_hook(datetime, _text_as_instant)


def plain(value: object) -> Any:
    """Return ``value`` as JSON types."""
    return _converter.unstructure(value)


def encode(record: object) -> bytes:
    """Return ``record`` as it is stored.

    Raises:
        RejectedError: it has a value that cannot be stored.
    """
    try:
        return json.dumps(plain(record), ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise RejectedError([Problem("", "a text holds half a surrogate pair, which no store can keep")]) from None
    except ValueError as error:
        raise RejectedError([Problem("", f"a number cannot be stored: {error}")]) from None


def decode(kind: type[R], stored: bytes) -> R:
    """Return the record that was stored.

    Raises:
        RepositoryError: it is damaged.
    """
    try:
        return _converter.structure(json.loads(stored), kind)
    except (ValueError, TypeError, cattrs.BaseValidationError) as error:
        message = f"a stored {kind.__name__} cannot be read: {error}"
        raise RepositoryError(message, hint="restore the store from a backup") from error
