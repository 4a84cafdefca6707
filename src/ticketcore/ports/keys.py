"""Remembering any number of keys without remembering them: what the check of a large file needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol


class Keys(AbstractContextManager["Keys"], Protocol):
    """Keys, and in which line of a file each was first seen; they take up room on the disk until the block ends."""

    def note(self, key: str, line: int) -> tuple[int, int]:
        """Note that ``key`` is in ``line``; return the line in which it was first, and how often it was seen by now."""

    def want(self, key: str) -> None:
        """Note that something refers to ``key``."""

    def missing(self) -> Iterator[tuple[str, int]]:
        """Yield the keys that are referred to and were not seen, and how often they are referred to."""
