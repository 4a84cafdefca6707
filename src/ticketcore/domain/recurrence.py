"""Schedules: what is made again and again, and when."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from attrs import frozen

TICKET = "TICKET"
"""The module type of schedules that make tickets."""


class CatchUp(StrEnum):
    """What becomes of the occurrences that were missed while nothing ran."""

    ONE = "one"
    ALL = "all"
    NONE = "none"


@frozen(kw_only=True)
class Schedule:
    """Something that recurs: a row of ``def_recurring``.

    ``module_type`` says what is made, ``template_name`` from what, ``cron_expression`` when, in the zone ``timezone``.
    ``next_run`` is the next occurrence (in UTC) that nothing was made for yet, ``last_run`` the last one that something
    was made for. ``claimed_until`` keeps other schedulers away while one is at it; ``last_error`` is why the last
    attempt failed, empty if it did not.
    """

    guid: str
    module_type: str = TICKET
    template_name: str
    cron_expression: str
    timezone: str
    package: str
    project: str = ""
    created_by: str
    catch_up: CatchUp = CatchUp.ONE
    last_run: datetime | None = None
    next_run: datetime | None = None
    active: bool = True
    row_version: int = 1
    claimed_until: datetime | None = None
    last_error: str = ""
    created_date: datetime


@frozen(kw_only=True)
class Occurrence:
    """One time at which something is to be made: of which schedule, when it was due, what the schedule is afterwards.

    Whoever makes the thing within the desk's store saves ``settled`` in the same transaction.
    """

    schedule: Schedule
    due: datetime
    settled: Schedule

    @property
    def key(self) -> str:
        """What names this occurrence, and is the same however often it is tried."""
        return f"{self.schedule.guid}/{self.due:%Y-%m-%dT%H:%M:%SZ}"
