"""The system's time and chance, and a clock that is set by hand."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The computer's clock."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC)


class PlayedClock:
    """A clock that stands still until it is told to move: for demonstrations, replays and tests."""

    def __init__(self, start: datetime) -> None:
        """Start at ``start`` (aware).

        Raises:
            ValueError: ``start`` is naive.
        """
        self.set(start)

    def now(self) -> datetime:
        """Return the instant to which the clock was set, in UTC."""
        return self._now

    def set(self, now: datetime) -> None:
        """Move to the instant ``now`` (aware).

        Raises:
            ValueError: ``now`` is naive.
        """
        if now.tzinfo is None:
            message = f"{now.isoformat()} has no time zone"
            raise ValueError(message)
        self._now = now.astimezone(UTC)

    def advance(self, **span: float) -> datetime:
        """Move ahead by a span, given as to :class:`datetime.timedelta` (``minutes=5``); return the new instant."""
        self.set(self._now + timedelta(**span))
        return self._now


class SystemIds:
    """Identifiers that sort by time (UUID version 7, RFC 9562), and salt from the system's randomness."""

    _MILLISECOND = 80
    """The instant is what stands above so many bits of randomness."""

    def __init__(self) -> None:
        """Start without a past."""
        self._last = 0
        self._lock = threading.Lock()

    def new(self, now: datetime) -> str:
        """Return a new identifier that carries the instant ``now``; within a millisecond they count up.

        What is older than 1970, which they cannot carry, sorts first.
        """
        import uuid_utils  # only what writes needs it

        made = uuid_utils.uuid7(nanoseconds=max(0, int(now.timestamp() * 1_000_000)) * 1000)
        with self._lock:
            same_instant = made.int >> self._MILLISECOND == self._last >> self._MILLISECOND
            if same_instant and made.int <= self._last:
                made = uuid_utils.UUID(int=self._last + 1)
            self._last = made.int
        return str(made)

    def salt(self) -> str:
        """Return 128 random bits in hexadecimal digits."""
        return os.urandom(16).hex()
