"""The provider port: a system in which tickets live."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ticketcore.errors import Problem


class Provider(Protocol):
    """A system in which tickets live: the desk's own store, or somebody else's tracker."""

    def check(self, *, timeout: float) -> Iterable[Problem]:
        """Return what keeps tickets from being kept there: credentials, a project that is not there, a mapping.

        Args:
            timeout: seconds to wait for the other side at each step.
        """
