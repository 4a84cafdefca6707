"""What is said of settings, and what of their values may be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

SECRET, ABOVE, WITHIN, CHECK = "secret", "above", "within", "check"
"""What the metadata of a field of settings may say.

That is: that it is never shown; which numbers are allowed; a function that says what is wrong with a value (empty:
nothing), and quotes the value with ``!r`` if at all.
"""

_CREDENTIALS = re.compile(r"(://[^/@:]*):.*@|([?&][^=&]*(?:pass|pwd|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)

LONGEST_BITS = 63
"""How long a number may be; no longer one fits into a column of a database."""

_MOST_SHOWN = 60


class Filled(str):
    """Text that a placeholder in the configuration stood for: it may be a secret, and it may mean a number."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return no part of it."""
        return "***"


def without_password(text: str) -> str:
    """Return ``text`` with *** in the place of the password of a URL."""
    return _CREDENTIALS.sub(lambda found: f"{found[1]}:***@" if found[1] else f"{found[2]}***", text)


def shown(value: object) -> str:
    """Return ``value`` for a message: what is in a mapping or a list is nobody's business."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        text = without_password(value)
        return repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > LONGEST_BITS:
        return "so large a one"
    if isinstance(value, int | float | date):
        return str(value)
    if isinstance(value, list | tuple | set):
        return "a list"
    return "a mapping" if isinstance(value, Mapping) else f"a value of the type {type(value).__name__}"
