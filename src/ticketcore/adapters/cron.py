"""The cron port on ``croniter``, which finds the matching times of a calendar; time zones are dealt with here.

What happens where clocks are changed is the rule of cronie, the cron of Vixie as Linux systems have it (``man 8 cron``,
"Daylight Saving Time and other time changes"; ``src/cron.c`` and ``find_jobs`` there for what the page leaves open):

- Minutes or hours that begin with ``*`` make a *wildcard* job. It runs whenever the local time fits: in an hour that is
  repeated both times, in one that is skipped not at all, and nothing is made up for.
- Any other job has fixed times of day. What was skipped runs at once when the gap is over (all of it as one run); what
  is repeated ran already.
- A change of three hours or more is no daylight saving time, but a correction (an island that moves over the date
  line): the new time is simply used.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from attrs import frozen

from ticketcore.errors import Problem, RejectedError

_LENGTH = 255
_YEARS = 50
"""How far ahead is searched. The rarest date, a Sunday that is 29 February, comes after 40 years at the latest."""

_CORRECTION = timedelta(hours=3)
_MINUTE = timedelta(minutes=1)

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EXAMPLE = 'a right one is "0 9 * * 1": minute, hour, day of the month, month, day of the week'
_SUNDAY = 7
_ITEM = re.compile(r"(?:\*|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>[0-9]+))?", re.ASCII)
_WEEKDAY_OF_MONTH = re.compile(r"l[0-7]|(?P<day>\w+)#[1-5]", re.ASCII)


@frozen
class _Field:
    """One field of an expression: what it may hold."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def problem(self, text: str) -> str:
        """Return what is wrong with ``text``, empty for nothing."""
        items = text.split(",")
        for item in items:
            reason = self._item(item)
            if not reason and item == "*" and len(items) > 1:
                reason = "already means all of them, so it stands alone"
            if reason:
                return f"{self.name}: {item or 'nothing'!r} {reason}"
        return ""

    def _item(self, item: str) -> str:
        if (self.name == "day of the month" and item == "l") or self._is_weekday_of_month(item):
            return ""
        found = _ITEM.fullmatch(item)
        if found is None:
            return "is not understood"
        low, high, step = found.group("low", "high", "step")
        if low is None:
            return self._step(self.low, self.high, step)
        first, last = self._number(low), self._number(high or low, is_last=high is not None)
        if first is None or last is None:
            return f"is not {self.low} to {self.high}" + (
                f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
            )
        if high is None:
            return f"has no end to step to: write {first}-{self.high}/{step}" if step else ""
        if first == last or low == high:
            return f"is one value: write {low}"
        if first > last:
            return f"runs backwards: write {low}-{self.high},{self.low}-{high}"
        return self._step(first, last, step)

    def _step(self, first: int, last: int, step: str | None) -> str:
        if step is None or 1 <= int(step) <= last - first:
            return ""
        return f"has the step {step}, which does not fit between {first} and {last}"

    def _number(self, text: str, *, is_last: bool = False) -> int | None:
        """Return the value that ``text`` is, ``None`` if there is none; a week that ends on ``sun`` ends on 7."""
        if text in self.names:
            place = self.names.index(text) + self.low
            return _SUNDAY if is_last and place == 0 else place
        return int(text) if text.isdigit() and self.low <= int(text) <= self.high else None

    def _is_weekday_of_month(self, item: str) -> bool:
        found = _WEEKDAY_OF_MONTH.fullmatch(item) if self.high == _SUNDAY else None
        return found is not None and (found["day"] is None or self._number(found["day"]) is not None)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    _Field("day of the week", 0, _SUNDAY, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)


@frozen
class _Parsed:
    """An expression that is understood, as ``croniter`` takes it."""

    text: str
    wildcard: bool


def _parsed(expression: str) -> _Parsed:
    text = " ".join(expression.lower().split())
    text = _ALIASES.get(text, text)
    fields = text.split(" ")
    if len(text) > _LENGTH:
        reasons = [f"has {len(text)} characters; at most {_LENGTH} are allowed"]
    elif text.startswith("@"):
        reasons = [f"{text!r} is not known; choose one of {', '.join(sorted(_ALIASES))}, or give five fields"]
    elif len(fields) != len(_FIELDS):
        reasons = [f"{text!r} is not made of five fields"]
    else:
        reasons = _problems(fields)
    if reasons:
        reasons[-1] += f" ({_EXAMPLE})"
        raise RejectedError([Problem("cron_expression", reason) for reason in reasons])
    return _Parsed(text, fields[0].startswith("*") or fields[1].startswith("*"))


def _problems(fields: list[str]) -> list[str]:
    reasons = [reason for field, text in zip(_FIELDS, fields, strict=True) if (reason := field.problem(text))]
    if reasons:
        return reasons
    days = fields[-1].split(",")
    places = [day for day in days if _WEEKDAY_OF_MONTH.fullmatch(day)]
    if places and (len(places) < len(days) or fields[2] != "*"):
        return [f"{places[0]!r} goes neither with other days of the week nor with days of the month"]
    return []


class CroniterCron:
    """Reads cron expressions: five fields or an alias, and besides ``L``, ``L5`` and ``mon#1`` for days of a month."""

    def check(self, expression: str) -> None:
        """Refuse what is no cron expression."""
        _parsed(expression)

    def following(self, expression: str, zone: ZoneInfo, after: datetime) -> datetime:
        """Return the first occurrence after the instant ``after`` (aware), in UTC."""
        from croniter import CroniterBadDateError

        parsed = _parsed(expression)
        local = after.astimezone(zone)
        start = local.replace(tzinfo=None)
        try:
            # A local time may stand for two instants. In each row alone they only go up.
            first = _next(parsed, zone, after, start, second=False)
            again = _next(parsed, zone, after, start + _jump(local), second=True)
        except CroniterBadDateError:
            reason = f"{expression!r} never comes up: no day of the next {_YEARS} years fits it"
            raise RejectedError([Problem("cron_expression", reason)]) from None
        return min(first, again)


def _next(parsed: _Parsed, zone: ZoneInfo, after: datetime, start: datetime, *, second: bool) -> datetime:
    from croniter import croniter

    # The "bug" is what cron does: a day field that begins with * narrows the other one down instead of adding to it.
    matches = croniter(parsed.text, start, datetime, max_years_between_matches=_YEARS, implement_cron_bug=True)
    while True:
        local = matches.get_next().replace(tzinfo=zone)
        instant = _instant(local, wildcard=parsed.wildcard, second=second)
        if instant is not None and instant > after:
            return instant


def _instant(local: datetime, *, wildcard: bool, second: bool) -> datetime | None:
    """Return when a job runs whose expression fits the time ``local`` of a zone; ``None`` for never.

    Args:
        local: the time; it may be one that is skipped, or repeated.
        wildcard: whether the job runs by the time that passes.
        second: whether the second run is asked for, of a job that runs twice when its time is repeated.
    """
    jump = _jump(local)
    if jump > timedelta() and (wildcard or jump >= _CORRECTION):
        return None
    while _jump(local) > timedelta():
        local += _MINUTE
    repeated = second and jump < timedelta() and (wildcard or -jump > _CORRECTION)
    return local.replace(fold=int(repeated)).astimezone(UTC)


def _jump(local: datetime) -> timedelta:
    """Return by how much clocks are put forward (back: less than nothing) over a local time."""
    before, behind = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    return (behind or timedelta()) - (before or timedelta())
