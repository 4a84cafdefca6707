"""Searching for words: what a word is, and which texts of a ticket have it, the same in every store.

A word is a run of letters and digits, with the marks on them (the Unicode categories L, N and M), so that every
other character separates: blanks, punctuation, hyphens, underscores, symbols. Case does not count (ß is ss), and
neither does whether an accent is a character of its own; accents count. There is no stemming: a word is found whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import category, combining, name, normalize

from attrs import frozen

from ticketcore.domain.checks import Checks
from ticketcore.errors import Problem, RejectedError

LONGEST = 64
"""How many characters of a word count: those behind them are as if they were not there."""

MOST = 32
"""How many words a search has at most."""

TEXTS = ("subject", "description", "problem_analysis")
"""The fields of a ticket in which words are looked for, besides its comments."""

_MARKS = 30
"""How many marks of one letter count; to put more in order takes the square of the time (UAX #15, stream-safe text)."""

_PLAIN = re.compile("[a-z0-9]+")
_SEPARATOR = "\u200b"
"""The zero width space: invisible like the joiners, but made to separate."""


@frozen
class Search:
    """What a ticket must have in its texts: each of ``words``, wherever it stands; see :func:`parse_search`.

    The texts are the subject, the description, the analysis and the public comments; ``internal`` adds the others.
    """

    words: tuple[str, ...]
    internal: bool = False


def parse_search(text: str, *, internal: bool = False) -> Search:
    """Return the search for the words of ``text``, in internal comments too if ``internal``.

    Raises:
        RejectedError: there is no word in it, or there are too many.
    """
    checks = Checks()
    wanted = words(checks.text("search", text))
    checks.done()
    if not wanted:
        raise RejectedError([Problem("search", "has no word to look for; a word is made of letters and digits")])
    if len(wanted) > MOST:
        raise RejectedError([Problem("search", f"has {len(wanted)} words; at most {MOST} are allowed")])
    return Search(wanted, internal)


def found(search: Search, texts: Iterable[str]) -> bool:
    """Return whether ``texts`` together have every word of ``search``."""
    missing = set(search.words)
    for text in texts:
        missing.difference_update(words(text))
    return not missing


def words(text: str) -> tuple[str, ...]:
    """Return the words of ``text`` in the form in which they are compared, each once."""
    runs = _PLAIN.findall(text.lower()) if text.isascii() else _runs(_folded(text))
    return tuple(dict.fromkeys(run[:LONGEST] for run in runs))


def _folded(text: str) -> str:
    """Return ``text`` without invisible characters and differences in case, each accent on its letter."""
    visible = text.translate({ord(char): None for char in set(text) if _invisible(char)})
    return normalize("NFC", normalize("NFD", _few_marks(visible)).casefold())


def _few_marks(text: str) -> str:
    """Return ``text`` without what no language writes: dozens of marks on one letter."""
    marks = "".join(char for char in set(text) if combining(char))
    return re.sub(f"([{marks}]{{{_MARKS}}})[{marks}]+", r"\1", text) if marks else text


def _invisible(char: str) -> bool:
    """Return whether ``char`` shows nothing itself: a soft hyphen, a joiner, a mark of direction, a selector."""
    kind = category(char)
    return (kind == "Cf" and char != _SEPARATOR) or (kind == "Mn" and "VARIATION SELECTOR" in name(char, ""))


def _runs(text: str) -> Iterable[str]:
    kinds = {char: category(char)[0] for char in set(text)}
    gaps = {ord(char): " " for char, kind in kinds.items() if kind not in "LNM"}
    marks = "".join(char for char, kind in kinds.items() if kind == "M")
    # A mark that has no letter in front of it is on none, and belongs to no word.
    runs = (run.lstrip(marks) for run in text.translate(gaps).split())
    return (run for run in runs if run)
