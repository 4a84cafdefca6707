"""Text that somebody typed, made harmless for whatever shows it: a terminal, a log."""

from __future__ import annotations

import re

UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""What makes a terminal do or show something else.

That is control characters (but line feed and tabulator), the marks that turn the direction of writing, line
separators and half surrogate pairs.
"""


def printable(text: str) -> str:
    """Return ``text`` with escape sequences in the place of what a terminal would act on."""
    unix = text.replace("\r\n", "\n")
    return UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), unix)


def one_line(text: str) -> str:
    """Return ``text`` printable and as a single line."""
    return " ".join(printable(text).split())
