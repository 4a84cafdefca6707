"""The time that people spend on tickets: what can be logged, what it adds up to, and how a duration reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo

from ticketcore.domain.checks import Checks
from ticketcore.domain.eta import parse_instant
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import TimeEntry
from ticketcore.errors import Problem, RejectedError, quoted

LONGEST = 365 * 24 * 60
"""The most minutes of one entry: a year."""

_MINUTE = timedelta(minutes=1)

_encode = json.JSONEncoder(ensure_ascii=False).encode


def time_logged(
    ticket: Ticket,
    *,
    guid: str,
    person: str,
    address: str | None,
    duration_minutes: object,
    description: str,
    start_time: object,
    end_time: object,
    zone: tzinfo,
    now: datetime,
) -> Change:
    """Return the change that time spent on ``ticket`` is; it commutes with any other.

    Args:
        ticket: the ticket.
        guid: the key of the entry.
        person: whose time it is, as somebody typed it.
        address: the address of that person, ``None`` if nobody is known by what was typed.
        duration_minutes: how long it took; ``None`` for as long as there is between start and end.
        description: what was done.
        start_time: when the work began, if that is known.
        end_time: when it ended, if that is known.
        zone: where text without an offset is local time.
        now: the present; later is no time that has been spent.

    Raises:
        RejectedError: with every problem of the input.
    """
    checks = Checks()
    if address is None:
        message = f"{quoted(person)} is neither an e-mail address nor a known user"
        checks.problems.append(Problem("person_email", message))
    start = checks.attempt(lambda: _instant("start_time", start_time, zone, now))
    end = checks.attempt(lambda: _instant("end_time", end_time, zone, now))
    minutes = checks.attempt(lambda: _minutes(duration_minutes, start, end, given=(start_time, end_time)))
    text = checks.text("description", description)
    checks.done()
    entry = TimeEntry(
        guid=guid,
        ticket_guid=ticket.guid,
        person_email=address or "",
        start_time=start,
        end_time=end,
        duration_minutes=minutes,
        description=text,
        package=ticket.package,
        created_date=now,
    )
    return Change(before=ticket, after=ticket, entries=(_row(entry),), adds=(entry,))


def _instant(field: str, value: object, zone: tzinfo, now: datetime) -> datetime | None:
    """Return an instant of the past, ``None`` if none is given."""
    if value is None:
        return None
    if isinstance(value, str):
        if len(value.strip()) <= len("2026-05-01"):
            message = f"{quoted(value)} must have a time of day, as in 2026-05-01T14:30 (ISO 8601)"
            raise RejectedError([Problem(field, message)])
    elif not isinstance(value, datetime):
        raise RejectedError([Problem(field, f"must be text or a datetime, not {type(value).__name__}")])
    instant = parse_instant(field, value, zone, end_of_day=False)
    if instant > now:
        message = f"{instant.astimezone(zone).isoformat()} is in the future; log time when it has been spent"
        raise RejectedError([Problem(field, message)])
    return instant


def _minutes(value: object, start: datetime | None, end: datetime | None, *, given: tuple[object, object]) -> int:
    """Return how long the work took; start and end are ``None`` also where what was ``given`` could not be read."""
    span = None if start is None or end is None else end - start
    if span is not None and span < timedelta(0):
        raise RejectedError([Problem("end_time", "must not be before start_time")])
    if value is None:
        return _between(span, missing=None in given)
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"must be a whole number of minutes, not {type(value).__name__}"
        raise RejectedError([Problem("duration_minutes", message)])
    if not 0 < value <= LONGEST:
        message = f"must be from 1 to {LONGEST} (a year)"
        raise RejectedError([Problem("duration_minutes", message)])
    if span is not None and value * _MINUTE > span:
        message = f"{in_words(value)} is longer than the {in_words(span // _MINUTE)} from start_time to end_time"
        raise RejectedError([Problem("duration_minutes", message)])
    return value


def _between(span: timedelta | None, *, missing: bool) -> int:
    """Return the whole minutes from start to end."""
    if missing:
        message = "must be given, or both start_time and end_time"
        raise RejectedError([Problem("duration_minutes", message)])
    if span is None:
        return 0
    minutes = span // _MINUTE
    if not 0 < minutes <= LONGEST:
        message = f"must be from 1 to {LONGEST} minutes (a year) after start_time"
        raise RejectedError([Problem("end_time", message)])
    return minutes


def _row(entry: TimeEntry) -> Entry:
    """Return what the history says of time that was logged: what was done as the note, all else as JSON."""
    value = {
        "guid": entry.guid,
        "person_email": entry.person_email,
        "duration_minutes": entry.duration_minutes,
        "start_time": entry.start_time.isoformat() if entry.start_time else None,
        "end_time": entry.end_time.isoformat() if entry.end_time else None,
    }
    return Entry(Action.TIME_LOGGED, "time", None, _encode(value), entry.description)


def logged_in_words(value: str) -> str:
    """Return what a row of the history says of time that was logged; a value that was erased stays as it is."""
    try:
        said = json.loads(value)
        return f"{in_words(said['duration_minutes'])} by {said['person_email']}"
    except (ValueError, KeyError, TypeError):
        return value


def by_person(entries: Iterable[TimeEntry]) -> dict[str, int]:
    """Return the minutes of each person who has any, by address."""
    minutes: dict[str, int] = {}
    for entry in entries:
        minutes[entry.person_email] = minutes.get(entry.person_email, 0) + entry.duration_minutes
    return dict(sorted(minutes.items()))


def in_words(minutes: int) -> str:
    """Return a duration as people read it: ``45 min``, ``1 h 30 min``, ``2 h``."""
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} h"] if hours else []
    parts += [f"{rest} min"] if rest or not hours else []
    return " ".join(parts)
