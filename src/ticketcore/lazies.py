"""Parts of a desk that are made with the first change, for looking at tickets needs none of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ticketcore.groups import once

if TYPE_CHECKING:
    from ticketcore.adapters.workflow import PackageWorkflows
    from ticketcore.config.schema import WorkflowSection
    from ticketcore.domain.lifecycle import Change
    from ticketcore.extensions import Extensions
    from ticketcore.ports.extension import Amendment, Verdict
    from ticketcore.ports.repository import Repository
    from ticketcore.ports.system import Clock
    from ticketcore.ports.workflow import WorkflowEngine


class StoreClock:
    """A clock, as far as a store keeps instants: one that was adopted may drop what is below a second.

    What is written down with a hash has to be read back as it was.
    """

    def __init__(self, clock: Clock, repository: Callable[[], Repository]) -> None:
        """Tell the time of ``clock``; the store is asked with the first instant."""
        self._clock = clock
        self._repository = repository
        self._is_fine: bool | None = None

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        if self._is_fine is None:
            from ticketcore.ports.adoption import Adoptable

            store = self._repository()
            self._is_fine = not isinstance(store, Adoptable) or store.keeps_microseconds()
        now = self._clock.now()
        return now if self._is_fine else now.replace(microsecond=0)


class LazyPolicies:
    """The policies of a desk's plugins, which are loaded with the first change."""

    def __init__(self, extensions: Callable[[], Extensions]) -> None:
        """Ask ``extensions`` when there is a change."""
        self._extensions = extensions

    def amendments(self) -> Sequence[Amendment]:
        """Return the policies that amend changes."""
        return self._extensions().policies.amendments()

    def judge(self, change: Change, action_by: str) -> Verdict:
        """Return what every policy has against ``change``."""
        return self._extensions().policies.judge(change, action_by)


class LazyWorkflows:
    """The workflow machines of a desk, which are built with the first change."""

    def __init__(self, section: WorkflowSection) -> None:
        """Build what ``section`` of the configuration says."""
        self._section = section
        self._lock = threading.RLock()

    def engine(self, package: str) -> WorkflowEngine:
        """Return the machine for the tickets of ``package``."""
        return self._machines.engine(package)

    @once
    def _machines(self) -> PackageWorkflows:
        from ticketcore.adapters.workflow import PackageWorkflows

        return PackageWorkflows(self._section.default, self._section.packages)
