"""What people make of a ticket: when it will be done, what was at its root, how much effort it was."""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from ticketcore.domain.checks import Checks
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import Problem, RejectedError

HIGHEST_SCORE = 2**31 - 1
"""What the column of every engine can hold."""


def estimated(ticket: Ticket, estimate: datetime | None) -> Change | None:
    """Return the change of the estimated completion, ``None`` if it is the same one.

    No ``estimate`` takes away the one that there is.
    """
    old, new = (one.isoformat() if one else None for one in (ticket.estimated_date, estimate))
    if ticket.estimated_date == estimate:
        return None
    entry = Entry(Action.ETA_SET, "estimated_date", old, new)
    return Change(before=ticket, after=evolve(ticket, estimated_date=estimate), entries=(entry,))


def analysed(ticket: Ticket, text: str) -> Change | None:
    """Return the change of the root cause, which takes the place of what was written before; ``None`` for the same.

    Raises:
        RejectedError: the text is empty.
    """
    checks = Checks()
    text = checks.text("problem_analysis", text, required=True)
    checks.done()
    if text == ticket.problem_analysis:
        return None
    entry = Entry(Action.ANALYSIS_SET, "problem_analysis", ticket.problem_analysis, text)
    return Change(before=ticket, after=evolve(ticket, problem_analysis=text), entries=(entry,))


def scored(ticket: Ticket, score: object) -> Change | None:
    """Return the change of the effort score, ``None`` if it is the same one; a score of ``None`` takes it away.

    Raises:
        RejectedError: it is no whole number, or negative, or more than a column holds.
    """
    score = checked_score(score)
    if score == ticket.work_score:
        return None
    old, new = (None if one is None else str(one) for one in (ticket.work_score, score))
    entry = Entry(Action.SCORE_SET, "work_score", old, new)
    return Change(before=ticket, after=evolve(ticket, work_score=score), entries=(entry,))


def checked_score(score: object) -> int | None:
    """Return ``score`` if it is an effort score, or none at all.

    Raises:
        RejectedError: it is no whole number, or negative, or more than a column holds.
    """
    if score is None:
        return None
    if isinstance(score, bool) or not isinstance(score, int):
        raise RejectedError([Problem("work_score", f"must be a whole number, not {type(score).__name__}")])
    if not 0 <= score <= HIGHEST_SCORE:
        raise RejectedError([Problem("work_score", f"must be from 0 to {HIGHEST_SCORE}")])
    return score
