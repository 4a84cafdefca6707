"""Remembering any number of keys without remembering them: what the check of a large file needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from attrs import frozen


@frozen
class Tie:
    """A link of ``source``, the ticket with this ``number``, to ``target``; ``line`` is 0 if it is in no file."""

    source: str
    target: str
    line: int = 0
    number: int = 0


class Keys(AbstractContextManager["Keys"], Protocol):
    """Keys, and in which line of a file each was first seen; they take up room on the disk until the block ends."""

    def note(self, key: str, line: int) -> tuple[int, int]:
        """Note that ``key`` is in ``line``; return the line in which it was first, and how often it was seen by now."""

    def want(self, key: str) -> None:
        """Note that something refers to ``key``."""

    def missing(self) -> Iterator[tuple[str, int]]:
        """Yield the keys that are referred to and were not seen, and how often they are referred to."""

    def tie(self, kind: str, tie: Tie) -> bool:
        """Note a link of one kind; return whether it was new."""

    def targets(self, kind: str, after: str, count: int) -> list[str]:
        """Return the first ``count`` of what links of one kind lead to, sorted, behind ``after``."""

    def cycles(self, kind: str) -> Iterator[list[Tie]]:
        """Yield cycles of links of one kind until there are no more, and forget the links.

        Each begins with the link of it that is in the last line; without that one the search for the next goes on.
        """
