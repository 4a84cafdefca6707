"""The provider ``internal``: the desk's own store."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define

from ticketcore.errors import Problem
from ticketcore.ports.repository import Repository


@define(eq=False, repr=False)
class InternalProvider:
    """Tickets in the desk's own store."""

    repository: Repository

    def check(self, *, timeout: float) -> Iterable[Problem]:  # noqa: ARG002 - the store has a time-out of its own
        """Return what keeps the store from being used; one that is not made yet is made with the first change."""
        status = self.repository.status()
        if status.ready or status.state == "missing":
            return []
        return [Problem("database.url", f"{status.location} is {status.state}")]
