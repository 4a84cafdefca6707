"""What Apprise says while it works, kept for the error that follows, and kept out of the logs.

Apprise answers yes or no. Why not, it writes to a log, and below the level of warnings it writes the URLs and the
messages there too, as do the libraries that it uses.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from attrs import define, field

APPRISE = "apprise"

_TALKATIVE = frozenset({APPRISE, "oauthlib", "requests_oauthlib", "urllib3"})
"""The packages that log what must not get around: all their loggers are meant."""

_DEPRECATED = logging.ERROR + 1
"""Apprise's level for advice on URLs that work all the same."""

_LONGEST = 300
"""What is worth keeping of a line."""

_RAISED = re.compile(r"(\w+)\((?:\d+, )?'([^']+)'\)*$")


@define(eq=False)
class Heard:
    """What was said in the course of one delivery."""

    complaints: list[str] = field(factory=list)
    """The warnings."""
    causes: list[str] = field(factory=list)
    """The exceptions behind them, which Apprise says only to those who debug it."""

    def note(self, record: logging.LogRecord) -> None:
        """Keep what ``record`` says, if it says why."""
        with suppress(KeyError, TypeError, ValueError):  # the text and its arguments may not fit each other
            text = " ".join(record.getMessage().split())
            if record.levelno == _DEPRECATED:
                return
            if record.levelno >= logging.WARNING:
                self.complaints.append(text[:_LONGEST])
            elif " Exception" in text.partition(":")[0]:
                self.causes.append(_innermost(text))

    def logger(self) -> logging.Logger:
        """Return a logger that says everything to this, and nothing to anybody else."""
        logger = logging.Logger(APPRISE, logging.DEBUG)  # noqa: LOG001 - so it has no parent, and nobody else finds it
        logger.addHandler(_Ear(self))
        return logger

    def reason(self) -> str:
        """Return in one line why it did not work, as far as anything was said."""
        said = dict.fromkeys(text.rstrip(".: ") for text in self.complaints)
        causes = dict.fromkeys(self.causes)
        return ": ".join(filter(None, ["; ".join(filter(None, said)), "; ".join(filter(None, causes))]))


def _innermost(text: str) -> str:
    """Return the last part of an exception that wraps others in its text: "Connection refused"."""
    last = text.rpartition(": ")[2].rpartition("] ")[2]
    if raised := _RAISED.search(last):
        return f"{raised[1]}: {raised[2][:_LONGEST]}"
    while last.endswith(("'", '"')) or (last.endswith(")") and last.count(")") > last.count("(")):
        last = last[:-1]
    return last[-_LONGEST:]


class _Ear(logging.Handler):
    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of a record."""
        self._heard.note(record)


_listening: ContextVar[Heard | None] = ContextVar("ticketcore_apprise_listening", default=None)


class _Aside(logging.Filter):
    """Lets nothing out of a thread that listens; to all others it makes no difference."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record goes on to the handlers."""
        heard = _listening.get()
        if heard is not None and record.name == APPRISE:
            heard.note(record)
        return heard is None


_ASIDE = _Aside()


@contextmanager
def listening() -> Iterator[Heard]:
    """Note what Apprise says in this thread while the block lasts; none of it gets to the logs."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name.partition(".")[0] in _TALKATIVE:
            logger.addFilter(_ASIDE)  # once: a filter that is there already is not added again
    heard = Heard()
    token = _listening.set(heard)
    try:
        yield heard
    finally:
        _listening.reset(token)
