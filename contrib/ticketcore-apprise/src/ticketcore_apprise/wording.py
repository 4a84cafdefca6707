"""What strangers wrote, made fit for a chat: it says the same, and does nothing."""

from __future__ import annotations

import re

_INVISIBLE = "\u200b"
"""A space of no width. Behind the character that would begin something, it keeps it from beginning."""

_TRIGGER = re.compile(
    r"""
      @(?=everyone|here)          # Discord finds these anywhere, also inside a word
    | (?<![a-z0-9])@(?=\S)        # @ann, <@U123>, @**all**; but not ann@example.com
    | <(?=[!#]|/?users/|at\b)     # <!channel>, <users/all>, <at id="all">
    | \](?=\()                    # [a link that](shows another address than it leads to)
    """,
    re.VERBOSE | re.IGNORECASE,
)

_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that cannot be in XML or UTF-8, or that a terminal obeys."""


def one_line(text: str) -> str:
    """Return ``text`` as a single line that mentions nobody."""
    return harmless(" ".join(text.split()))


def harmless(text: str) -> str:
    """Return ``text`` without control characters, and such that no service takes a part of it for a mention.

    HTML and Markdown take more than that: where a service gets them, Apprise escapes the text.
    """
    lines = "\n".join(text.splitlines())
    return _TRIGGER.sub(rf"\g<0>{_INVISIBLE}", _NO_TEXT.sub("", lines)).strip()
