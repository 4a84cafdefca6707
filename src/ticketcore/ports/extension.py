"""What services ask of plugins: policies, which may refuse a change before it is stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ticketcore.domain.lifecycle import Change
from ticketcore.errors import Problem


class Policies(Protocol):
    """All policies of a desk together."""

    def check(self, change: Change, action_by: str) -> Iterable[Problem]:
        """Return what every policy has against ``change``; nothing means that it may go ahead.

        It is asked inside the transaction, before anything is stored. A policy that fails counts as a
        refusal.
        """
