"""The manager: loads plugins one by one, sets broken ones aside, and answers by name."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import pluggy

from ticketcore.domain.lifecycle import Change
from ticketcore.errors import PluginError, Problem, reason_of
from ticketcore.plugin import hookspecs
from ticketcore.plugin.markers import PROJECT
from ticketcore.plugin.records import NotifierSpec, RepositorySpec

_log = logging.getLogger(__name__)
S = TypeVar("S", NotifierSpec, RepositorySpec)


def _require(made: Iterable[object], kind: type) -> None:
    """Refuse what a hook returned if something else than ``kind`` is among it.

    Raises:
        TypeError: names what is wrong.
    """
    for item in made:
        if not isinstance(item, kind) or not isinstance(getattr(item, "name", ""), str):
            message = f"{item!r} is no {kind.__name__}"
            raise TypeError(message)


class PluginManager:
    """All plugins of a process: the built-in ones, and those that installed distributions announce."""

    def __init__(self, builtin: Mapping[str, object]) -> None:
        """Register the ``builtin`` plugins by name, then load the installed ones."""
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._ordered: dict[str, list[tuple[str, Any]]] = {}
        self.broken: dict[str, str] = {}
        """The plugins that were set aside, and why."""
        for name, plugin in builtin.items():
            self._manager.register(plugin, name=name)
        for entry in sorted(entry_points(group=PROJECT), key=lambda entry: entry.name):
            self._load(entry)

    def _load(self, entry: EntryPoint) -> None:
        plugin: object = None
        try:
            plugin = entry.load()
            self._manager.register(plugin, name=entry.name)
            self._manager.check_pending()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may do anything; it is named and set aside
            # After a failed registration half of it may stay; after a clash the name is another plugin's.
            if plugin is not None and self._manager.get_plugin(entry.name) is plugin:
                self._manager.unregister(plugin)
            self.broken[entry.name] = reason_of(error)
            _log.warning("plugin %s is set aside: %s", entry.name, self.broken[entry.name])

    def notifier(self, name: str) -> NotifierSpec:
        """Return the notifier called ``name``.

        Raises:
            PluginError: no plugin has it, or two have.
        """
        specs: list[NotifierSpec] = self._specs("ticketcore_notifiers", NotifierSpec)
        return self._named("notifier", name, specs)

    def repository(self, name: str) -> RepositorySpec:
        """Return the store whose URLs begin with ``name``.

        Raises:
            PluginError: no plugin has it, or two have.
        """
        specs: list[RepositorySpec] = self._specs("ticketcore_repositories", RepositorySpec)
        return self._named("repository", name, specs)

    def _specs(self, hook: str, kind: type[S]) -> list[S]:
        found: list[S] = []
        for plugin, implementation in self._implementations(hook):
            try:
                made = list(implementation.function())
                _require(made, kind)
                found += made
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the others are still good
                self.broken[plugin] = reason_of(error)
                _log.warning("plugin %s failed in %s: %s", plugin, hook, self.broken[plugin])
        return found

    def _named(self, kind: str, name: str, specs: Iterable[S]) -> S:
        by_name: dict[str, list[S]] = {}
        for spec in specs:
            by_name.setdefault(spec.name, []).append(spec)
        found = by_name.get(name, [])
        if len(found) == 1:
            return found[0]
        if found:
            raise PluginError(
                name, f"{len(found)} plugins register a {kind} called {name!r}", hint="uninstall all but one"
            )
        nearest = difflib.get_close_matches(name, by_name, 1)
        hint = f"did you mean {nearest[0]}?" if nearest else "install the plugin that brings it"
        if self.broken:
            hint += "; set aside: " + ", ".join(f"{plugin} ({why})" for plugin, why in self.broken.items())
        raise PluginError(name, f"there is no {kind} called {name!r}; known: {', '.join(sorted(by_name))}", hint=hint)

    def check(self, change: Change, action_by: str) -> Iterator[Problem]:
        """Yield what every policy has against ``change``; one that fails counts as a refusal."""
        for plugin, implementation in self._implementations("ticketcore_check"):
            arguments = {"change": change, "action_by": action_by}
            wanted = {name: arguments[name] for name in implementation.argnames}
            try:
                problems = list(implementation.function(**wanted) or ())
                _require(problems, Problem)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - it fails closed
                _log.exception("policy %s failed", plugin)
                problems = [Problem("", f"the policy {plugin} failed ({reason_of(error)}), so the change is refused")]
            yield from problems

    def _implementations(self, hook: str) -> list[tuple[str, Any]]:
        """Return the implementations of ``hook`` in the order of their plugins' names."""
        if hook not in self._ordered:
            caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
            found = ((implementation.plugin_name, implementation) for implementation in caller.get_hookimpls())
            self._ordered[hook] = sorted(found, key=lambda pair: pair[0])
        return self._ordered[hook]
