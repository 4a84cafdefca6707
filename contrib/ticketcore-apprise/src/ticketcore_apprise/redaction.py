"""Takes everything that a URL holds out of a text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from urllib.parse import parse_qsl, quote, unquote

_SEPARATORS = re.compile(r"[/:@?&=,;\s]+")

_SHORT, _DISTINCT = 3, 8
"""Shorter words are no secrets; those that are not longer than the second are replaced only where they stand alone."""


def without(url: str, text: str, *, shown: Collection[str] = ()) -> str:
    """Return ``text`` with ``***`` for every part of ``url``, quoted or not, apart from those in ``shown``."""
    words = {form for word in _words(url) for form in (word, unquote(word), quote(unquote(word), safe=""))}
    hidden = sorted({word for word in words if len(word) >= _SHORT} - {*shown}, key=len, reverse=True)
    patterns = [re.escape(word) if len(word) > _DISTINCT else rf"(?<!\w){re.escape(word)}(?!\w)" for word in hidden]
    return re.sub("|".join(patterns), "***", text) if patterns else text


def _words(url: str) -> Iterator[str]:
    scheme, found, rest = url.partition("://")
    place, _, query = (rest if found else scheme).partition("?")
    yield from _SEPARATORS.split(place)
    for _, value in parse_qsl(query):
        yield value
        yield from _SEPARATORS.split(value)
