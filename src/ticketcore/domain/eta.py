"""Dates that people type and read: parsing them safely, and saying how far away one is."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, tzinfo

from ticketcore.errors import Problem, RejectedError, quoted

_FORM = "must be a date such as 2026-05-01 or an instant such as 2026-05-01T14:30+02:00 (ISO 8601)"


_WRITTEN = re.compile(r"[0-9W:.,+-]+([T ][0-9:.,+-]+Z?)?", re.ASCII | re.IGNORECASE)


def parse_instant(field: str, value: object, zone: tzinfo, *, end_of_day: bool) -> datetime:
    """Return ``value`` as an aware UTC instant.

    It is a date, a datetime, or text. Text is read as ISO 8601; without an offset it is local time of ``zone``. A
    date without a time is the end of that day (its last second) in ``zone`` if ``end_of_day``, else its start.

    Raises:
        RejectedError: the text is no date, a datetime is naive, or it is something else; names ``field``.
    """
    if not isinstance(value, str | date):
        raise RejectedError([Problem(field, f"must be a date or text, not {type(value).__name__}")])
    if isinstance(value, str):
        text = value.strip()
        if not _WRITTEN.fullmatch(text):
            raise RejectedError([Problem(field, f"{quoted(value)} {_FORM}")])
        try:
            value = date.fromisoformat(text) if len(text) <= len("2026-05-01") else datetime.fromisoformat(text)
        except ValueError:
            raise RejectedError([Problem(field, f"{quoted(value)} {_FORM}")]) from None
        if isinstance(value, datetime) and value.tzinfo is None:
            value = value.replace(tzinfo=zone)
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(23, 59, 59, fold=1) if end_of_day else time(), zone)
    if value.tzinfo is None:
        raise RejectedError([Problem(field, f"{value.isoformat()} has no time zone; {_FORM}")])
    try:
        value.astimezone(zone)  # it must have a local date too, to be shown
        return value.astimezone(UTC)
    except OverflowError:
        raise RejectedError([Problem(field, f"{value.isoformat()} is out of range; {_FORM}")]) from None


def local(instant: datetime, zone: tzinfo) -> datetime:
    """Return ``instant`` as a time of ``zone``; as it is where that has no date (hours from the end of all years)."""
    try:
        return instant.astimezone(zone)
    except OverflowError:
        return instant


def eta_display(estimated: datetime | None, now: datetime, zone: tzinfo) -> str:
    """Return how far away ``estimated`` is, in calendar days of ``zone``; empty without an estimate.

    Exactly one of "X day(s) remaining", "overdue by X day(s)" and "due today".
    """
    if estimated is None:
        return ""
    days = (local(estimated, zone).date() - local(now, zone).date()).days
    if days > 0:
        return f"{days} day(s) remaining"
    return f"overdue by {-days} day(s)" if days < 0 else "due today"
