"""What plugins bring to one desk: their records and hooks, with the settings that its configuration has for them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ticketcore.config.loader import provider_problems, section
from ticketcore.config.schema import Config
from ticketcore.config.source import Source
from ticketcore.domain.checks import NAME_LENGTH
from ticketcore.errors import (
    ConfigError,
    NotFoundError,
    PluginError,
    Problem,
    RejectedError,
    TicketcoreError,
    reason_of,
)
from ticketcore.plugin.manager import PluginManager
from ticketcore.plugin.policies import PluginObservers, PluginPolicies
from ticketcore.plugin.records import (
    CommandSpec,
    NotifierSpec,
    ProviderSpec,
    RecurringTypeSpec,
    RepositorySpec,
    SchedulerSpec,
    Spec,
    TemplateFolderSpec,
)
from ticketcore.plugin.registry import Registered, load
from ticketcore.ports.extension import RecurringType
from ticketcore.serde import without_password
from ticketcore.services.people import is_storable

if TYPE_CHECKING:
    from ticketcore.ports.notifier import Notifier
    from ticketcore.ports.provider import Provider
    from ticketcore.ports.repository import Repository
    from ticketcore.ports.scheduler import Scheduler

_log = logging.getLogger(__name__)

DISABLE, STRICT = "TICKETCORE_DISABLE_PLUGINS", "TICKETCORE_STRICT_PLUGINS"


def load_plugins(
    version: str,
    more: Mapping[str, object] | None = None,
    *,
    local: Mapping[str, object] | None = None,
    enabled: bool = True,
) -> PluginManager:
    """Return the built-in plugins, the program's own, and the installed ones.

    ``TICKETCORE_DISABLE_PLUGINS`` names installed ones that are not loaded, with commas between them;
    ``TICKETCORE_STRICT_PLUGINS`` makes a broken one an error.

    Args:
        version: the version of the built-in ones.
        more: further built-in plugins by name.
        local: the program's own plugins by name.
        enabled: whether to load installed ones at all.

    Raises:
        PluginError: a plugin is broken, and that is an error.
    """
    from ticketcore.adapters import builtin

    return PluginManager(
        {"builtin": builtin, **(more or {})},
        version=version,
        local=local,
        enabled=enabled,
        disabled={name.strip() for name in os.environ.get(DISABLE, "").split(",")},
        strict=os.environ.get(STRICT, "0") not in {"", "0"},
    )


class Extensions:
    """Everything that plugins bring to a desk. Safe to share between threads."""

    def __init__(self, manager: PluginManager, config: Config, source: Source) -> None:
        """Check what the configuration says of plugins.

        Raises:
            ConfigError: a section is wrong; with all problems of all sections.
            PluginError: the configuration needs a plugin that is not there, or broken.
        """
        self.manager = manager
        self._config = config
        self._source = source
        self._lock = threading.RLock()
        self._notifiers: dict[str, Notifier] = {}
        self._destinations: dict[str, Sequence[str]] = {}
        self._complained: set[str] = set()
        self._settings: dict[str, Any] = {}
        self.idle: dict[str, str] = {}
        """The plugins whose hooks are not called because a setting without a default is missing, and which."""
        missing: list[PluginError] = []
        problems = self._read_sections(list(self._turned_on(missing)), missing)
        self._refuse(problems, missing)
        self.policies = PluginPolicies(manager, self._of_plugin, self.idle)
        self.observers = PluginObservers(manager, self._of_plugin, self.idle)

    # Settings.

    def _turned_on(self, missing: list[PluginError]) -> Iterator[Registered]:
        """Yield the notifiers that the configuration turns on; those that are not there are ``missing``."""
        for place, name in enumerate(self._config.notifiers):
            try:
                yield self._find(NotifierSpec, name, f"notifiers[{place}]")
            except PluginError as error:
                missing.append(error)

    def _refuse(self, problems: Sequence[Problem], missing: Sequence[PluginError]) -> None:
        """Raise all that is wrong, if anything is.

        Raises:
            ConfigError: settings are wrong; what is missing is told with them.
            PluginError: only plugins are missing, or broken.
        """
        if problems:
            raise self._source.error([*problems, *(Problem("", str(error)) for error in missing)])
        if len(missing) == 1:
            raise missing[0]
        if missing:
            raise PluginError(missing[0].plugin, "\n".join(map(str, missing)))

    def _read_sections(self, notifiers: Sequence[Registered], missing: list[PluginError]) -> list[Problem]:
        """Read the section of each plugin that has one; those of ``notifiers``, which are turned on, are needed.

        A plugin without one gets its defaults. If it has a setting without a default, it is not set up yet: its hooks
        are not called, so that installing it stops nobody's work.
        """
        given = {f"plugins.{name}": data for name, data in self._config.plugins.items()}
        given |= {f"providers.{name}": data for name, data in self._config.providers.items()}
        known = self.manager.sections()
        needed = {self._section_of(record)[0] for record in notifiers}
        problems = _repeated(notifiers)
        for path in [path for path in given if path not in known]:
            try:
                problems += self._unknown(path)
            except PluginError as error:
                missing.append(error)
        for path, kind in known.items():
            made, wrong = self._section(kind, given.get(path), path)
            if path in given or path in needed:
                problems += wrong
            elif wrong and (name := path.removeprefix("plugins.")) in self.manager.settings:
                self.idle[name] = "; ".join(map(str, wrong))
            self._settings[path] = made
        for name, why in self.idle.items() if not problems and not missing else ():
            _log.warning("plugin %s is idle until it is set up: %s", name, why)
        return problems

    def _section(self, kind: type[Any], data: Any, path: str) -> tuple[Any, list[Problem]]:
        """Return a section as its class, or what is wrong with it or with the class."""
        try:
            return section(kind, data, path, self._source)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's class may do anything; it is named
            return None, [Problem(path, f"cannot be read by {kind.__qualname__}: {reason_of(error)}")]

    @property
    def settings(self) -> dict[str, Any]:
        """What the sections of plugins were read as, by their path; ``None`` for one that is not set up."""
        return dict(self._settings)

    def plugin_settings(self, plugin: str) -> Any:
        """Return the settings of a plugin.

        Raises:
            ConfigError: a setting without a default is missing.
            NotFoundError: there is no such plugin, or it has no settings.
            PluginError: another plugin has the same section.
        """
        kind = self.manager.settings.get(plugin)
        if kind is None:
            raise NotFoundError("plugin with settings", plugin, hint="see: ticketcore plugins")
        return self._set_up(f"plugins.{plugin}", kind)

    def _set_up(self, path: str, kind: type[Any]) -> Any:
        self._refuse_contested(path)
        made = self._settings[path]
        if made is None:
            _, problems = self._section(kind, None, path)
            raise self._source.error(problems)
        return made

    def _find(self, kind: type[Spec], name: str, path: str) -> Registered:
        """Return the record that the configuration names at ``path``.

        Raises:
            PluginError: there is none; with the place in the file.
        """
        try:
            return self.manager.find(kind, name)
        except PluginError as error:
            place = self._source.place(path)
            if not place:
                raise
            if path in self._source.filled:
                known = ", ".join(self.manager.registry.names(kind))
                message = f"what the placeholder stands for is no {kind.kind}; known: {known}"
                raise PluginError("", f"{place}: {path}: {message}") from None
            raise PluginError(error.plugin, f"{place}: {path}: {error.message}", hint=error.hint) from None

    def _located(self, record: Registered, problem: Problem) -> Problem:
        """Return a problem of a record's settings with its path, and without what a placeholder stood for."""
        path = f"{self._section_of(record)[0]}.{problem.field}"
        return Problem(path, "is not valid" if path in self._source.filled else problem.message)

    def _unknown(self, path: str) -> list[Problem]:
        """Return the problem of a section that belongs to no class of settings.

        Raises:
            PluginError: whose it is, is not there, or cannot be said.
        """
        kind, _, name = path.partition(".")
        if kind == "providers":
            record = self.manager.find(ProviderSpec, name)
            if record.spec.name != name:
                return [Problem(path, f"{name} is another name of {record.spec.name}: call it {record.section}")]
        else:
            self._refuse_contested(path)
            self.manager.require(name)
        return [Problem(path, f"{name} has no settings")]

    def _of_plugin(self, plugin: str) -> Any:
        return self._settings.get(f"plugins.{plugin}")

    def _of(self, record: Registered) -> Any:
        """Return the settings of a record.

        Raises:
            ConfigError: a setting without a default is missing.
            PluginError: another plugin has the same section.
        """
        if record.spec.section:
            return getattr(self._config, record.spec.section)
        path, kind = self._section_of(record)
        if why := self.manager.denied.get((path, record.plugin)):
            raise PluginError(record.plugin, why, hint="give what it registers another name")
        return None if kind is None else self._set_up(path, kind)

    def _section_of(self, record: Registered) -> tuple[str, type[Any] | None]:
        """Return the section of a record and its class: its own, or else its plugin's."""
        own = self.manager.settings.get(record.plugin)
        if record.spec.config is None and own is not None:
            return f"plugins.{record.plugin}", own
        return record.section, record.spec.config

    def _refuse_contested(self, path: str) -> None:
        if why := self.manager.contested.get(path):
            hint = "uninstall one of them, or name it in TICKETCORE_DISABLE_PLUGINS"
            raise PluginError(path.partition(".")[2], why, hint=hint)

    # What records make.

    def notifier(self, channel: str) -> Notifier:
        """Return the notifier called ``channel``, made when it is first asked for.

        Raises:
            PluginError: there is none, or it cannot be loaded.
            ConfigError: a setting is missing.
        """
        with self._lock:
            if channel not in self._notifiers:
                record, make = self.manager.load(NotifierSpec, channel)
                try:
                    self._notifiers[channel] = _made(record, "send", lambda: make(self._of(record)))
                except RejectedError as error:
                    raise RejectedError([self._located(record, one) for one in error.problems]) from None
            return self._notifiers[channel]

    def destinations(self, channel: str) -> Sequence[str]:
        """Return the places to which one event goes over ``channel``; a single empty name where it has no names."""
        found = self._destinations.get(channel)  # without a lock: at worst two threads ask at once
        return self._places(channel) if found is None else found

    def _places(self, channel: str) -> Sequence[str]:
        record = self.manager.find(NotifierSpec, channel)
        name_places = cast("NotifierSpec", record.spec).destinations
        if name_places is None:
            return ("",)
        try:
            self._destinations[channel] = _place_names(name_places(self._of(record)))
            return self._destinations[channel]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the change must not fail; its delivery will, and says why
            if channel not in self._complained:
                self._complained.add(channel)
                _log.warning("notifier %s cannot say where it delivers to: %s", channel, reason_of(error))
            return ("",)

    def repository(self, url: str, timeout: float) -> Repository:
        """Return the store for ``url``.

        Raises:
            PluginError: there is none for such URLs, or it cannot be loaded.
            ConfigError: a setting is missing.
        """
        scheme = url.partition(":")[0].partition("+")[0]
        record = self._find(RepositorySpec, scheme, "database.url")
        make = load(record)
        more = {} if record.spec.config is None else {"settings": self._of(record)}
        store: Repository = _made(record, "transaction", lambda: make(url, timeout=timeout, **more))
        return store

    def scheduler(self, name: str) -> Scheduler:
        """Return the scheduler called ``name``.

        Raises:
            PluginError: there is none, or it cannot be loaded.
            ConfigError: a setting is missing.
        """
        record, make = self.manager.load(SchedulerSpec, name)
        scheduler: Scheduler = _made(record, "run", lambda: make(self._of(record)))
        return scheduler

    def provider(self, name: str, desk: object) -> Provider:
        """Return the provider called ``name``, for ``desk``.

        Raises:
            PluginError: there is none, or it cannot be loaded.
            ConfigError: a setting is missing.
        """
        record, make = self.manager.load(ProviderSpec, name)
        provider: Provider = _made(record, "check", lambda: make(self._of(record), desk=desk))
        return provider

    def recurring_type(self, name: str, desk: object) -> RecurringType:
        """Return the kind of thing that recurs under the module type ``name``, for ``desk``.

        Raises:
            PluginError: there is none, or it cannot be loaded.
        """
        record, make = self.manager.load(RecurringTypeSpec, name)
        spec = cast("RecurringTypeSpec", record.spec)
        check = spec.check or (lambda _desk, _schedule: None)
        return RecurringType(spec.name, partial(check, desk), partial(make, desk), spec.settles)

    def template_folders(self) -> list[Path]:
        """Return the folders of templates of all plugins, in order; one that is not there is left out."""
        found: list[Path] = []
        for record in self.manager.registry.registered(TemplateFolderSpec):
            try:
                found.append(cast("TemplateFolderSpec", record.spec).folder())
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the other templates are still good
                name, reason = record.spec.name, reason_of(error)
                _log.warning("the template folder %s of %s cannot be used: %s", name, record.owner, reason)
        return found

    def check(self) -> None:
        """Check everything that the configuration needs of plugins, also what is loaded only when it is used.

        Raises:
            PluginError: with all that is missing.
            ConfigError: with all settings that are missing.
        """
        config = self._config
        wanted: list[tuple[type[Spec], str, str]] = [
            *((NotifierSpec, name, f"notifiers[{place}]") for place, name in enumerate(config.notifiers)),
            (SchedulerSpec, config.scheduler.engine, "scheduler.engine"),
            (ProviderSpec, config.ticket.provider, "ticket.provider"),
            *((ProviderSpec, name, f"providers.{name}") for name in config.providers),
            (RepositorySpec, config.database.url.partition(":")[0].partition("+")[0], "database.url"),
        ]
        missing: list[PluginError] = []
        problems: list[Problem] = []
        for kind, name, written in wanted:
            try:
                record = self._find(kind, name, written)
                load(record)
                self._of(record)
                if kind is NotifierSpec:
                    self.notifier(name)
            except PluginError as error:
                missing.append(error)
            except ConfigError as error:
                problems += error.problems
            except RejectedError as error:
                problems += error.problems
        problems += provider_problems(config, self._source)
        self._refuse(problems, missing)

    def commands(self) -> list[CommandSpec]:
        """Return the commands of plugins, in order."""
        return self.manager.all(CommandSpec)


def _repeated(notifiers: Sequence[Registered]) -> list[Problem]:
    """Return a problem for each notifier that is turned on a second time, and would tell everybody twice."""
    return [
        Problem(f"notifiers[{place}]", f"is the notifier {record.spec.name}, which is there already")
        for place, record in enumerate(notifiers)
        if record in notifiers[:place]
    ]


def _made(record: Registered, method: str, make: Callable[[], Any]) -> Any:
    """Return what ``make`` makes of a record, if it is what it should be: something that has ``method``.

    Raises:
        PluginError: it is not, or cannot be made.
    """
    what = f"the {record.spec.kind} {record.spec.name!r} of {record.owner}"
    try:
        made = make()
    except TicketcoreError:
        raise
    except (Exception, SystemExit) as error:
        hint = record.spec.install_hint if isinstance(error, ImportError) else ""
        reason = without_password(reason_of(error))
        raise PluginError(record.plugin, f"{what} cannot be made: {reason}", hint=hint) from error
    if not callable(getattr(made, method, None)):
        raise PluginError(record.plugin, f"{what} cannot be used: {type(made).__name__} has no {method}()")
    return made


def _place_names(found: object) -> tuple[str, ...]:
    """Return the names of destinations, each once.

    Raises:
        TypeError: they are no list of texts.
        ValueError: one of them cannot be stored.
    """
    if not isinstance(found, Iterable) or isinstance(found, str):
        message = f"destinations must be a list of names, not {found!r}"
        raise TypeError(message)
    names = tuple(dict.fromkeys(found))
    for name in names:
        if not isinstance(name, str) or not is_storable(name) or "\0" in name or len(name) > NAME_LENGTH:
            message = f"a destination must be a name of at most {NAME_LENGTH} characters, not {name!r}"
            raise ValueError(message)
    return names
