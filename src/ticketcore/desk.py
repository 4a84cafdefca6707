"""The desk: where everything is put together, and the facade through which it is used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload
from zoneinfo import ZoneInfo

from ticketcore.adapters.system import SystemClock, SystemIds
from ticketcore.config.loader import is_default_database, load_config, with_defaults
from ticketcore.config.schema import Config
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.sla import describe
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.workflow import Workflow
from ticketcore.errors import ConfigError, PluginError, Problem
from ticketcore.ports.repository import Repository, StoreStatus
from ticketcore.ports.scheduler import Job
from ticketcore.ports.system import Clock, Ids
from ticketcore.services.assignment import Rules
from ticketcore.services.changes import Changes
from ticketcore.services.comments import Comments
from ticketcore.services.dispatch import DeliverySettings, Dispatcher, Notifications
from ticketcore.services.lifecycle import Tickets
from ticketcore.services.notices import Notices
from ticketcore.services.people import People
from ticketcore.services.queries import Queries
from ticketcore.services.sla import Sla, SlaSettings

if TYPE_CHECKING:
    from ticketcore.plugin.manager import PluginManager
    from ticketcore.ports.notifier import Notifier
    from ticketcore.ports.render import Renderer
    from ticketcore.ports.workflow import WorkflowEngine


T = TypeVar("T")


class _once(Generic[T]):  # noqa: N801 - reads like the property that it is
    """A property that is made when it is first asked for, once, also when several threads ask at the same moment."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any]) -> T: ...
    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        """Return what was made; from then on it is a plain attribute."""
        if instance is None:
            return self
        with instance._lock:  # noqa: SLF001 - the lock of the object whose property this is
            if self._name not in instance.__dict__:
                instance.__dict__[self._name] = self._make(instance)
            return instance.__dict__[self._name]


class Desk:
    """A ticket desk: one configuration, one store, and the operations on it in groups.

    ``tickets``, ``comments``, ``rules``, ``sla``, ``people``, ``queries`` and ``notifications`` are the groups.
    A desk is a context manager (leaving it closes the store) and safe to share between threads. Nothing is
    opened and no plugin is loaded before it is needed.
    """

    def __init__(self, config: Config, *, clock: Clock | None = None, ids: Ids | None = None) -> None:
        """Put a desk together; :func:`open_desk` is the usual way to get one.

        Args:
            config: the configuration.
            clock: tells the time; the system's by default.
            ids: makes identifiers; by default such that sort by time.
        """
        self.config = with_defaults(config)
        self.clock: Clock = clock or SystemClock()
        self.ids: Ids = ids or SystemIds()
        self.zone = ZoneInfo(config.timezone)
        self.default_package = config.ticket.package
        self._lock = threading.RLock()
        self._notifiers: dict[str, Notifier] = {}

    def __enter__(self) -> Self:
        """Return the desk itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the desk."""
        self.close()

    def close(self) -> None:
        """Give back every connection of the store; calling it twice is no error."""
        if "repository" in self.__dict__:
            self.repository.close()

    # The groups of operations.

    @_once
    def tickets(self) -> Tickets:
        """Tickets: made, read, changed, moved, assigned, watched."""
        return Tickets(self._changes, _LazyWorkflows(self), self.default_package, self.zone)

    @_once
    def comments(self) -> Comments:
        """Comments on tickets."""
        return Comments(self._changes)

    @_once
    def rules(self) -> Rules:
        """Auto-assign rules."""
        return Rules(self.repository)

    @_once
    def sla(self) -> Sla:
        """Service levels: policies, contacts, escalations that are due."""
        return Sla(self.repository, self.clock, self._sla_settings)

    @_once
    def people(self) -> People:
        """The people who raise tickets and work on them."""
        return People(self.repository, self.clock, self.ids)

    @_once
    def queries(self) -> Queries:
        """Questions about tickets."""
        return Queries(self.repository, self.clock, self.zone)

    @_once
    def notifications(self) -> Notifications:
        """The outbox."""
        return Notifications(self.repository, self.clock, self._dispatcher)

    # What they are made of.

    @_once
    def repository(self) -> Repository:
        """The store, opened when it is first used.

        Raises:
            ConfigError: the URL cannot be read.
            PluginError: no plugin brings the store that it names.
        """
        url = self.config.database.url
        scheme = url.partition(":")[0].partition("+")[0]
        if not scheme or scheme == url:
            example = "sqlite:///ticketcore.db"
            raise ConfigError([Problem("database.url", f"{url!r} is no database URL; expected one such as {example}")])
        if scheme == "sqlite":
            # The built-in store needs no look at the installed plugins, which would cost every command 30 ms.
            from ticketcore.adapters.sql.repository import SqlRepository

            folder = Path(url.removeprefix("sqlite:///")).parent
            if not folder.is_dir() and is_default_database(self.config):
                folder.mkdir(parents=True, exist_ok=True)
            return SqlRepository(url, timeout=self.config.database.timeout)
        spec = self.plugins.repository(scheme)
        try:
            make = spec.load()
        except (ImportError, AttributeError) as error:
            raise PluginError(scheme, f"the store {scheme!r} cannot be loaded: {error}") from error
        store: Repository = make(url, timeout=self.config.database.timeout)
        return store

    @_once
    def plugins(self) -> PluginManager:
        """All plugins, loaded when one is first needed."""
        from ticketcore.adapters import builtin
        from ticketcore.plugin.manager import PluginManager

        manager = PluginManager({"builtin": builtin})
        for channel in self.config.notifiers:
            manager.notifier(channel)  # an unknown one is an error now, not when nobody looks any more
        return manager

    @_once
    def _sla_settings(self) -> SlaSettings:
        section = self.config.sla
        defaults = {
            str(priority): (targets.response, targets.resolution) for priority, targets in section.defaults.items()
        }
        return SlaSettings(defaults, frozenset(section.pause), section.recompute)

    @_once
    def _delivery(self) -> DeliverySettings:
        section = self.config.scheduler
        return DeliverySettings(
            inline=section.inline,
            inline_timeout=section.inline_timeout,
            timeout=section.timeout,
            attempts=section.attempts,
        )

    @_once
    def _changes(self) -> Changes:
        lease = self._delivery.inline_lease
        return Changes(
            repository=self.repository,
            clock=self.clock,
            ids=self.ids,
            policies=_LazyPolicies(self),
            sla=self._sla_settings,
            notices=Notices(self.ids, self.config.notifiers, lease),
            dispatcher=self._dispatcher,
        )

    @_once
    def _dispatcher(self) -> Dispatcher:
        return Dispatcher(self.repository, self.clock, lambda: self._renderer, self._notifier, self._delivery)

    @_once
    def _renderer(self) -> Renderer:
        from ticketcore.adapters.rendering import JinjaRenderer

        return JinjaRenderer(self.config.templates.root)

    def _notifier(self, channel: str) -> Notifier:
        with self._lock:
            if channel not in self._notifiers:
                self._notifiers[channel] = self.plugins.notifier(channel).load()(self.config)
            return self._notifiers[channel]

    # The system around the operations.

    def workflow(self, package: str | None = None) -> Workflow:
        """Return the workflow of ``package`` (by default of the configured package) as data."""
        section = self.config.workflow
        return section.packages.get(self.default_package if package is None else package, section.default)

    def sla_words(self, ticket: Ticket) -> str:
        """Return in a few words how ``ticket`` stands with its deadlines now."""
        return describe(ticket, self.clock.now())

    def store_status(self) -> StoreStatus:
        """Return where the store is and whether it is ready, without changing it."""
        return self.repository.status()

    def init_store(self) -> StoreStatus:
        """Make a new store ready for use; leave one that is ready as it is.

        Raises:
            SchemaError: the store holds something else, or a schema of another version.
        """
        return self.repository.prepare()

    def upgrade_store(self) -> StoreStatus:
        """Bring the schema of the store up to date.

        Raises:
            SchemaError: the store holds something else, or a newer schema.
        """
        return self.repository.upgrade()

    def work(self, *, once: bool, stop: threading.Event, report: Callable[[str, str], None]) -> bool:
        """Run the jobs that keep the desk going: one time, or until ``stop`` is set.

        ``report`` is told the name of a job and what it did, or how it failed. Returns whether every run
        succeeded.
        """
        from ticketcore.adapters.scheduling import LoopScheduler, OnceScheduler

        jobs = [Job("outbox", self.config.scheduler.interval, lambda stop: str(self._dispatcher.run_due(stop)))]
        return (OnceScheduler() if once else LoopScheduler()).run(jobs, stop, report)


class _LazyPolicies:
    """The policies of a desk's plugins, which are loaded with the first change."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def check(self, change: Change, action_by: str) -> Iterable[Problem]:
        """Return what every policy has against ``change``."""
        return self._desk.plugins.check(change, action_by)


class _LazyWorkflows:
    """The workflow machines of a desk, which are built with the first change."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.RLock()

    def engine(self, package: str) -> WorkflowEngine:
        """Return the machine for the tickets of ``package``."""
        return self._workflows.engine(package)

    @_once
    def _workflows(self) -> _PackageWorkflows:
        from ticketcore.adapters.workflow import PackageWorkflows

        section = self._desk.config.workflow
        return PackageWorkflows(section.default, section.packages)


if TYPE_CHECKING:
    from ticketcore.adapters.workflow import PackageWorkflows as _PackageWorkflows


def open_desk(config: str | Path | Config | None = None, *, clock: Clock | None = None, ids: Ids | None = None) -> Desk:
    """Open a desk.

    Args:
        config: the path of a configuration file, or a configuration. By default the file that
            ``TICKETCORE_CONFIG`` names, else ``./config.yaml``, else built-in defaults with an SQLite file
            in the user's data folder.
        clock: tells the time; the system's by default.
        ids: makes identifiers; by default such that sort by time.

    Raises:
        ConfigError: with every problem of the configuration.
    """
    return Desk(config if isinstance(config, Config) else load_config(config), clock=clock, ids=ids)
