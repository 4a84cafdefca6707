"""The workflow port: the machine that knows which status may follow which."""

from __future__ import annotations

from typing import Protocol

from ticketcore.domain.ticket import Status


class WorkflowEngine(Protocol):
    """Runs one declared workflow. It is safe to share between threads."""

    @property
    def initial(self) -> Status:
        """The status of a new ticket."""

    def move(self, status: Status, wanted: Status) -> Status:
        """Return ``wanted`` if a ticket in ``status`` may take it.

        Raises:
            InvalidTransitionError: the workflow has no such move; it names those that it has.
        """


class Workflows(Protocol):
    """The workflows of a desk."""

    def engine(self, package: str) -> WorkflowEngine:
        """Return the machine for the tickets of ``package``."""
