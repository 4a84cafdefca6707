"""The manager: loads plugins one by one, sets broken ones aside, and answers by name."""

from __future__ import annotations

import difflib
import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from attrs import evolve, field, frozen

from ticketcore.domain.text import one_line
from ticketcore.errors import PluginError, reason_of
from ticketcore.plugin.discovery import Announcement, announcements
from ticketcore.plugin.implementations import HOOKS, REGISTER_HOOKS, Implementation, implementations_of
from ticketcore.plugin.markers import PROJECT
from ticketcore.plugin.records import Spec
from ticketcore.plugin.registry import Registered, Registry, load

_log = logging.getLogger(__name__)
S = TypeVar("S", bound=Spec)

LOCAL = "(this program)"
"""What stands in the place of the distribution of a plugin that a program hands over."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,79}")


class Health(StrEnum):
    """How a plugin is."""

    OK = "ok"
    CLASH = "clash"
    BROKEN = "broken"
    DISABLED = "disabled"
    IDLE = "idle"


@frozen(kw_only=True)
class PluginInfo:
    """What is known of a plugin.

    ``cause`` says what is wrong, if something is. ``provides`` lists what it registers ("notifier chat"), ``hooks``
    are the hooks that it implements. ``seconds`` is how long it took to import and to register it.
    """

    name: str
    distribution: str = ""
    version: str = ""
    health: Health = Health.OK
    cause: str = ""
    provides: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    seconds: float = field(default=0.0, eq=False)

    @property
    def source(self) -> str:
        """The distribution and its version in words."""
        return f"{self.distribution} {self.version}".strip() or "an unknown distribution"


@frozen
class _Loaded:
    records: tuple[Registered, ...]
    settings: type[Any] | None
    implementations: tuple[Implementation, ...]


class PluginManager:
    """All plugins of a process: the built-in ones, and those that installed distributions announce."""

    def __init__(
        self,
        builtin: Mapping[str, object],
        *,
        version: str = "",
        local: Mapping[str, object] | None = None,
        enabled: bool = True,
        disabled: Collection[str] = (),
        strict: bool = False,
    ) -> None:
        """Load the ``builtin`` plugins, the program's own, then the installed ones.

        Args:
            builtin: plugins by name; what they register cannot be taken away by others.
            version: the version of the built-in ones, for the list of plugins.
            local: the program's own plugins by name: modules, or objects whose methods are hooks.
            enabled: whether to load installed plugins at all.
            disabled: the names of installed plugins that are not loaded.
            strict: whether a plugin that is broken or clashes is an error.

        Raises:
            PluginError: one of the program's own plugins is broken; or any is, or clashes, and that is an error.
        """
        self._infos: dict[str, PluginInfo] = {}
        self._shadowed: list[PluginInfo] = []
        self._implementations: dict[str, list[Implementation]] = {name: [] for name in HOOKS}
        self._settings: dict[str, type[Any]] = {}
        self._plugins: dict[str, object] = {}
        self.contested: dict[str, str] = {}
        """The sections that plugins have with different classes, so that they belong to neither, and whose they are."""
        self.denied: dict[tuple[str, str], str] = {}
        """For a section and a plugin that registers something with it: the plugin of that name, whose it is."""
        records: list[Registered] = []
        for name, plugin in builtin.items():
            info = PluginInfo(name=name, distribution=PROJECT, version=version)
            records += self._add(info, lambda plugin=plugin: plugin, builtin=True)  # type: ignore[misc]
        for name, plugin in (local or {}).items():
            records += self._own(name, plugin)
        for one in announcements(PROJECT):
            info = PluginInfo(name=one.name, distribution=one.distribution, version=one.version)
            if not enabled or one.name in disabled:
                cause = "switched off by TICKETCORE_DISABLE_PLUGINS" if enabled else "switched off by --no-plugins"
                self._infos.setdefault(one.name, evolve(info, health=Health.DISABLED, cause=cause))
            else:
                records += self._try(info, one)
        for name in sorted({*disabled} - self._infos.keys() - {""}):
            _log.warning("TICKETCORE_DISABLE_PLUGINS names %s, which is not installed", name)
        for found in self._implementations.values():
            found.sort(key=lambda one: one.place)
        self.registry = Registry(records)
        self._note_clashes()
        if strict:
            self._refuse_wrong()

    # What there is.

    @property
    def plugins(self) -> list[PluginInfo]:
        """All plugins, the built-in ones first, then by name."""
        return [*self._infos.values(), *self._shadowed]

    @property
    def broken(self) -> dict[str, str]:
        """The plugins that were set aside, and why."""
        return {info.name: info.cause for info in self.plugins if info.health is Health.BROKEN}

    def find(self, kind: type[Spec], name: str) -> Registered:
        """Return the record of ``kind`` called ``name`` (or with such an alias).

        Raises:
            PluginError: no plugin has it, or two have; with the names that are known, and what to do.
        """
        return self.registry.find(kind, name, self._missing())

    def load(self, kind: type[Spec], name: str) -> tuple[Registered, Callable[..., Any]]:
        """Return the record of ``kind`` called ``name``, and its target, imported now if need be.

        Raises:
            PluginError: there is no such record, or its target cannot be imported.
        """
        found = self.find(kind, name)
        return found, load(found)

    def all(self, kind: type[S]) -> list[S]:
        """Return the usable records of ``kind``, in order."""
        return self.registry.all(kind)

    def implementations(self, hook: str) -> list[Implementation]:
        """Return the implementations of ``hook``, in order."""
        return self._implementations[hook]

    @property
    def settings(self) -> Mapping[str, type[Any]]:
        """The classes of the plugins' own settings, by plugin."""
        return self._settings

    def sections(self) -> dict[str, type[Any]]:
        """Return the sections of the configuration that plugins have, and the class of each."""
        # A plugin's own section comes first, and is its own whoever else wants it.
        return {
            path: next(iter(kinds.values())) for path, kinds in self._sections().items() if path not in self.contested
        }

    def _sections(self) -> dict[str, dict[str, type[Any]]]:
        """Return for each section the plugins that have it, and the class of each."""
        found: dict[str, dict[str, type[Any]]] = {
            f"plugins.{name}": {name: kind} for name, kind in self._settings.items()
        }
        for kind in REGISTER_HOOKS.values():
            for record in self.registry.registered(kind):
                if record.spec.config is not None and not record.spec.section:
                    found.setdefault(record.section, {})[record.plugin] = record.spec.config
        return found

    def require(self, name: str) -> None:
        """Refuse to go on without the plugin ``name``, which the configuration has a section for.

        Raises:
            PluginError: it is not there, or broken.
        """
        info = self._infos.get(name)
        if info is None:
            others = sorted(other.name for other in self._infos.values() if other.distribution != PROJECT)
            nearest = difflib.get_close_matches(name, others, 1)
            hint = f"did you mean {nearest[0]}?" if nearest else "install it, or remove the section"
            known = ", ".join(others) or "none"
            raise PluginError(name, f"plugins.{name}: there is no plugin {name!r}; known: {known}", hint=hint)
        if info.health in {Health.BROKEN, Health.DISABLED}:
            message = f"plugins.{name}: the plugin {name!r} ({info.source}) is {info.health}: {info.cause}"
            hint = "repair it" if info.health is Health.BROKEN else "switch it on"
            raise PluginError(name, message, hint=f"{hint}, or remove the section")

    def _missing(self) -> dict[str, str]:
        away = {Health.BROKEN, Health.DISABLED}
        return {info.name: info.cause for info in self.plugins if info.health in away}

    # How it is loaded.

    def _own(self, name: str, plugin: object) -> tuple[Registered, ...]:
        """Load a plugin that the program hands over; a broken one is for the program to know."""
        try:
            return self._add(PluginInfo(name=name, distribution=LOCAL), lambda: plugin)
        except (TypeError, ValueError, PluginError) as error:
            raise PluginError(name, f"the plugin {name!r} is broken: {reason_of(error)}") from error

    def _try(self, info: PluginInfo, announcement: Announcement) -> Iterator[Registered]:
        """Load an installed plugin, or set it aside."""
        start = time.perf_counter()
        try:
            yield from self._add(info, announcement.entry.load)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may do anything; it is named and set aside
            spent = time.perf_counter() - start
            wrong = evolve(info, health=Health.BROKEN, cause=one_line(reason_of(error)), seconds=spent)
            if info.name in self._infos:
                self._shadowed.append(wrong)
            else:
                self._infos[info.name] = wrong
            _log.warning("plugin %s (%s) is set aside: %s", info.name, info.source, wrong.cause)
            _log.debug("how it came to that", exc_info=error)

    def _add(self, info: PluginInfo, get: Callable[[], object], *, builtin: bool = False) -> tuple[Registered, ...]:
        """Register one plugin whole, or raise and leave nothing of it."""
        start = time.perf_counter()
        if not _NAME.fullmatch(info.name):
            message = f"a plugin's name begins with a small letter, then a-z, 0-9, - and _ only, not {info.name!r}"
            raise ValueError(message)
        if info.name in self._infos:
            message = f"there is a plugin {info.name!r} already, from {self._infos[info.name].source}"
            raise ValueError(message)
        plugin = get()
        for name, other in self._plugins.items():
            if other is plugin:
                message = f"it is the same as the plugin {name!r}"
                raise ValueError(message)
        loaded = _read(info, plugin, builtin=builtin)
        self._plugins[info.name] = plugin
        if loaded.settings is not None:
            self._settings[info.name] = loaded.settings
        for implementation in loaded.implementations:
            self._implementations[implementation.hook].append(implementation)
        self._infos[info.name] = evolve(
            info,
            provides=tuple(f"{record.spec.kind} {record.spec.name}" for record in loaded.records),
            hooks=tuple(implementation.hook for implementation in loaded.implementations),
            seconds=time.perf_counter() - start,
        )
        return loaded.records

    def _refuse_wrong(self) -> None:
        """Refuse to go on if any plugin is broken or clashes.

        Raises:
            PluginError: names all of them.
        """
        words = {Health.BROKEN: "is broken", Health.CLASH: "clashes"}
        wrong = [info for info in self.plugins if info.health in words]
        lines = [f"plugin {info.name} ({info.source}) {words[info.health]}: {info.cause}" for info in wrong]
        if wrong:
            raise PluginError(wrong[0].name, "\n".join(lines), hint="TICKETCORE_STRICT_PLUGINS is set")

    def _note_clashes(self) -> None:
        clashes = {name: list(words) for name, words in self.registry.clashes.items()}
        for path, kinds in self._sections().items():
            if len(set(kinds.values())) > 1:
                owners = {name: f"{name} ({self._infos[name].source})" for name in kinds}
                own = path.removeprefix("plugins.")
                if own in self._settings:
                    for name in kinds.keys() - {own}:
                        self.denied[path, name] = f"the section {path} belongs to the plugin {owners[own]}"
                        clashes.setdefault(name, []).append(self.denied[path, name])
                    continue
                self.contested[path] = f"the section {path} belongs to {' and '.join(owners.values())}"
                for name in kinds:
                    others = ", ".join(words for owner, words in owners.items() if owner != name)
                    clashes.setdefault(name, []).append(f"the section {path} belongs to {others} too")
        for name, words in clashes.items():
            cause = "; ".join(words)
            self._infos[name] = evolve(self._infos[name], health=Health.CLASH, cause=cause)
            _log.warning("plugin %s (%s) clashes: %s", name, self._infos[name].source, cause)


def _read(info: PluginInfo, plugin: object, *, builtin: bool) -> _Loaded:
    """Call the register hooks of ``plugin`` and return what it has.

    Raises:
        TypeError: it registers something that is no such record, or one name twice.
        PluginError: one of its hooks fails.
    """
    found = implementations_of(info.name, plugin)
    records: list[Registered] = []
    settings: type[Any] | None = None
    for one in found:
        if one.hook == "ticketcore_settings":
            settings = one.settings_class()
        elif one.hook in REGISTER_HOOKS:
            for number, spec in enumerate(one.records()):
                if spec.section and not builtin:
                    message = f"the {spec.kind} {spec.name!r} has a section, which is for what is built in"
                    raise TypeError(message)
                records.append(Registered(spec, info.name, info.source, builtin, (*one.place, number)))
    _refuse_doubles(records, settings, info.name)
    return _Loaded(tuple(records), settings, tuple(found))


def _refuse_doubles(records: Iterable[Registered], settings: type[Any] | None, plugin: str) -> None:
    """Refuse one name for two records of a kind, and one section for two classes of settings."""
    named: set[tuple[type[Spec], str]] = set()
    sections: dict[str, type[Any]] = {} if settings is None else {f"plugins.{plugin}": settings}
    for record in records:
        for name in record.names:
            if (type(record.spec), name) in named:
                message = f"it registers two of the kind {record.spec.kind} called {name!r}"
                raise TypeError(message)
            named.add((type(record.spec), name))
        kind = record.spec.config
        if kind is not None and sections.setdefault(record.section, kind) is not kind:
            message = f"it has two classes for the section {record.section}"
            raise TypeError(message)
