"""What narrows a list of records down, checked."""

from __future__ import annotations

from ticketcore.domain.checks import Checks
from ticketcore.domain.query import Expression, eq
from ticketcore.errors import Problem, RejectedError, quoted


def same(checks: Checks, field: str, value: object) -> tuple[Expression, ...]:
    """Return the condition that ``field`` is the text ``value``; none if that is ``None``."""
    return () if value is None else (eq(field, checks.text(field, value)),)


def in_package(package: object) -> tuple[Expression, ...]:
    """Return the condition that something is of ``package``; none if that is ``None``.

    Raises:
        RejectedError: it is no text.
    """
    checks = Checks()
    where = same(checks, "package", package)
    checks.done()
    return where


def refuse_limit(limit: object) -> None:
    """Refuse a limit that is none.

    Raises:
        RejectedError: it is no whole number, or below 1.
    """
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise RejectedError([Problem("limit", f"must be at least 1, not {quoted(limit)}")])
