"""The policy and observer hooks of all plugins, as the services ask for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ticketcore.domain.events import TicketEvent
from ticketcore.domain.lifecycle import Change
from ticketcore.errors import PluginError, Problem, reason_of
from ticketcore.plugin.implementations import Implementation
from ticketcore.plugin.manager import PluginManager
from ticketcore.ports.extension import Amendment, Verdict

_log = logging.getLogger(__name__)

T = TypeVar("T")

SettingsLookup = Callable[[str], Any]
"""Returns the settings of a plugin by its name, ``None`` if it has no class for them."""


class PluginPolicies:
    """All policies of all plugins together; one that fails counts as a refusal."""

    def __init__(self, manager: PluginManager, settings: SettingsLookup, idle: Container[str] = ()) -> None:
        """Ask the plugins of ``manager`` that are not ``idle``."""
        self._amend, self._validate, self._forbid = (
            [one for one in manager.implementations(hook) if one.plugin not in idle]
            for hook in ("ticketcore_amend", "ticketcore_validate", "ticketcore_forbid")
        )
        self._settings = settings

    def amendments(self) -> Sequence[Amendment]:
        """Return what each policy that amends is asked by, in order."""
        return [_Amendment(one, self._settings) for one in self._amend]

    def judge(self, change: Change, action_by: str) -> Verdict:
        """Return what every policy has against ``change``."""
        problems: list[Problem] = []
        reasons: list[str] = []
        for one in self._validate:
            said, failures = self._ask(one, Problem, change, action_by)
            problems += [*said, *failures]
        for one in self._forbid:
            why, failures = self._ask(one, str, change, action_by)
            reasons += why
            problems += failures
        return Verdict(tuple(reasons), tuple(problems))

    def _ask(self, one: Implementation, kind: type[T], change: Change, action_by: str) -> tuple[list[T], list[Problem]]:
        """Return what a policy says, as far as it gets, and its failure as a problem."""
        found: list[T] = []
        try:
            settings = self._settings(one.plugin)
            for item in _several(one.call(change=change, action_by=action_by, settings=settings)):
                found.append(_required(item, kind))  # noqa: PERF401 - what was said before a failure counts
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it fails closed
            return found, [failed(one.plugin, error)]
        return found, []


def _several(said: object) -> Iterable[object]:
    """Return what a policy said one by one; a text would come as its letters, a problem as its parts."""
    if said is None:
        return ()
    if not isinstance(said, Iterable) or isinstance(said, str | bytes | Mapping | Problem):
        message = f"it must return a list, or yield, not {said!r}"
        raise TypeError(message)
    return said


def _required(item: object, kind: type[T]) -> T:
    parts = item if isinstance(item, Problem) else ()
    if not isinstance(item, kind) or not all(isinstance(part, str) for part in parts):
        wanted = "Problem(field, message)" if kind is Problem else "reasons, which are texts"
        message = f"it must yield {wanted}, not {item!r}"
        raise TypeError(message)
    return item


class _Amendment:
    """One policy that amends changes."""

    def __init__(self, implementation: Implementation, settings: SettingsLookup) -> None:
        self.plugin = implementation.plugin
        self._implementation = implementation
        self._settings = settings

    def fields(self, change: Change, action_by: str) -> Mapping[str, Any]:
        """Return the values that the policy wants instead.

        Raises:
            PluginError: it failed.
        """
        try:
            settings = self._settings(self.plugin)
            wanted = self._implementation.call(change=change, action_by=action_by, settings=settings)
            if wanted is not None and not isinstance(wanted, Mapping):
                message = f"it must return values by field, or None, not {wanted!r}"
                raise TypeError(message)  # noqa: TRY301 - one place says what a failure is
            return {str(name): value for name, value in (wanted or {}).items()}
        except (Exception, SystemExit) as error:
            problem = failed(self.plugin, error)
            raise PluginError(self.plugin, problem.message) from error


def failed(plugin: str, error: BaseException) -> Problem:
    """Return the problem that the failure of a policy is, and log how it came to it."""
    _log.error("policy %s failed", plugin, exc_info=error)
    return Problem("", f"the policy {plugin} failed ({reason_of(error)}), so the change is refused")


class PluginObservers:
    """The observers of all plugins, by name."""

    def __init__(self, manager: PluginManager, settings: SettingsLookup, idle: Container[str] = ()) -> None:
        """Tell the plugins of ``manager`` that are not ``idle``."""
        found = manager.implementations("ticketcore_observe")
        self._observers = {one.plugin: one for one in found if one.plugin not in idle}
        self._settings = settings

    def names(self) -> Sequence[str]:
        """Return the plugins that want to be told, in order."""
        return tuple(self._observers)

    def tell(self, plugin: str, event: TicketEvent) -> None:
        """Tell one plugin of a change.

        Raises:
            PluginError: there is no such plugin any more.
            Exception: whatever the plugin raises.
        """
        observer = self._observers.get(plugin)
        if observer is None:
            message = f"the plugin {plugin!r}, which was to be told of a change, is not there or observes nothing"
            raise PluginError(plugin, message, hint="install it again, or leave the message to be given up")
        observer.call(event=event, settings=self._settings(plugin))
