"""The cron port: what a cron expression means, and when it comes up next."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo


class Cron(Protocol):
    """Reads cron expressions of five fields. It is safe to share between threads."""

    def check(self, expression: str) -> None:
        """Refuse what is no cron expression.

        Raises:
            RejectedError: what is wrong with it, under ``cron_expression``, with an example of a right one.
        """

    def following(self, expression: str, zone: ZoneInfo, after: datetime) -> datetime:
        """Return the first occurrence after the instant ``after`` (aware), in UTC.

        The fields are local time of ``zone``. Where its clocks are changed by less than three hours, an expression
        with a fixed time of day comes up once on each day, at the end of a gap if its time is skipped; one whose
        minutes or hours begin with ``*`` follows the time that passes.

        Raises:
            RejectedError: ``expression`` is wrong, or it never comes up (30 February).
        """
