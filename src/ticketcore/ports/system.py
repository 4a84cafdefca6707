"""What time it is and what the next identifier is: handed in, so that a test can know them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""


class Ids(Protocol):
    """Makes identifiers."""

    def new(self, now: datetime) -> str:
        """Return a new unique identifier; within a process it sorts behind those made before for no later instant."""

    def salt(self) -> str:
        """Return fresh random text that nobody can guess."""
