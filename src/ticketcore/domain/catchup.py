"""What becomes of the occurrences of a schedule that are due: each is made, one for all of them, or none.

Occurrences that are due together were not all missed: the last of them may just be on time. It is on time for as long
as the grace says; one that is older was missed, and so was any that another one followed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from attrs import frozen

from ticketcore.domain.recurrence import CatchUp

Following = Callable[[datetime], datetime]
"""Returns the first occurrence after an instant."""


@frozen
class Step:
    """What is to be done next for a schedule: the occurrence to make something for, and its next run afterwards.

    ``occurrence`` is ``None`` if what is due is only to be dropped.
    """

    occurrence: datetime | None
    next_run: datetime


def next_step(
    next_run: datetime, now: datetime, catch_up: CatchUp, following: Following, *, grace: timedelta
) -> Step | None:
    """Return what is to be done at ``now`` for a schedule that is due at ``next_run``; ``None`` if it is not due yet.

    - ``ALL``: its next occurrence; those behind it are further steps.
    - ``ONE``: the last one that is due, which stands for all before it.
    - ``NONE``: the last one that is due if it is at most ``grace`` old; otherwise all of them are dropped.
    """
    if next_run > now:
        return None
    if catch_up is CatchUp.ALL:
        return Step(next_run, following(next_run))
    last, behind = _last_due(next_run, now, following)
    if catch_up is CatchUp.NONE and now - last > grace:
        return Step(None, behind)
    return Step(last, behind)


def steps(
    next_run: datetime, now: datetime, catch_up: CatchUp, following: Following, *, grace: timedelta
) -> Iterator[Step]:
    """Yield everything that is to be done at ``now`` for a schedule that is due at ``next_run``, in order."""
    while (step := next_step(next_run, now, catch_up, following, grace=grace)) is not None:
        yield step
        next_run = step.next_run


def _last_due(first: datetime, now: datetime, following: Following) -> tuple[datetime, datetime]:
    """Return the last occurrence up to ``now``, and the one behind it; ``first`` is due.

    A schedule may have come up half a million times while nothing ran, so the time between is halved.
    """
    last, behind, bound = first, following(first), now
    while behind <= now:
        middle = behind + (bound - behind) / 2
        found = following(middle)
        if found <= now:
            last, behind = found, following(found)
        else:
            last, bound = behind, middle
            behind = following(behind)
    return last, behind
