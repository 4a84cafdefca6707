"""The desk: where everything is put together, and the facade through which it is used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

from ticketcore.adapters.system import SystemClock, SystemIds
from ticketcore.config.loader import (
    Loaded,
    is_default_database,
    problems_of,
    provider_problems,
    read_config,
    with_defaults,
)
from ticketcore.config.schema import Config
from ticketcore.config.source import Source
from ticketcore.domain.jobs import JobState
from ticketcore.domain.query import Order, Query
from ticketcore.domain.sla import describe
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.workflow import Workflow
from ticketcore.errors import ConfigError, Problem
from ticketcore.groups import Groups, once
from ticketcore.lazies import LazyPolicies, LazyWorkflows, StoreClock
from ticketcore.ports.repository import Repository
from ticketcore.ports.system import Clock, Ids
from ticketcore.services.changes import Changes
from ticketcore.services.dispatch import DeliverySettings, Dispatcher
from ticketcore.services.notices import Notices
from ticketcore.services.repeating import reads
from ticketcore.services.sla import SlaSettings
from ticketcore.store_calls import StoreCalls

if TYPE_CHECKING:
    from ticketcore.adapters.rendering import JinjaRenderer
    from ticketcore.extensions import Extensions
    from ticketcore.plugin.manager import PluginManager
    from ticketcore.ports.provider import Provider
    from ticketcore.ports.render import Placeholders
    from ticketcore.ports.scheduler import Job, Watch
    from ticketcore.ports.workflow import Workflows
    from ticketcore.services.jobs import Figures

_ENGINES = frozenset({"sqlite", "postgresql", "mariadb", "mysql"})
"""The stores that come with ticketcore, by the scheme of their URLs."""


class Desk(StoreCalls, Groups):
    """A ticket desk: one configuration, one store, and the operations on it in groups.

    The groups are those of :class:`ticketcore.groups.Groups`: ``tickets``, ``tasks``, ``comments`` and so on.
    A desk is a context manager (leaving it closes the store) and safe to share between threads. Nothing is
    opened and no plugin is loaded before it is needed.
    """

    def __init__(
        self,
        config: Config,
        *,
        source: Source | None = None,
        plugins: PluginManager | Mapping[str, object] | Callable[[], PluginManager] | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> None:
        """Put a desk together; :func:`open_desk` is the usual way to get one.

        Args:
            config: the configuration.
            source: where the configuration is from, for messages about it.
            plugins: the program's own plugins by name, or all plugins; see :func:`open_desk`.
            clock: tells the time; the system's by default.
            ids: makes identifiers; by default such that sort by time.

        Raises:
            ConfigError: with every problem of the configuration.
        """
        if problems := problems_of(config):
            raise ConfigError(problems)
        self.config = with_defaults(config)
        self.clock: Clock = clock or SystemClock()
        self.ids: Ids = ids or SystemIds()
        self.zone = ZoneInfo(config.timezone)
        self.default_package = config.ticket.package
        self.source = source or Source()
        self._lock = threading.RLock()
        self._given_plugins = plugins

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

    # What they are made of.

    @once
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
        if scheme in _ENGINES:
            # The built-in store needs no look at the installed plugins, which would cost every command 30 ms.
            from ticketcore.adapters.sql.repository import SqlRepository

            makes_folder = is_default_database(self.config) and not Path(url.removeprefix("sqlite:///")).parent.is_dir()
            return SqlRepository(url, timeout=self.config.database.timeout, makes_folder=makes_folder)
        return self.extensions.repository(url, self.config.database.timeout)

    @once
    def _store(self) -> Repository:
        """The store, for operations.

        Raises:
            ConfigError: tickets are to go elsewhere, or the URL of the store cannot be read.
            PluginError: no plugin brings the store that the URL names.
        """
        if problems := provider_problems(self.config, self.source):
            raise self.source.error(problems)
        return self.repository

    @once
    def plugins(self) -> PluginManager:
        """All plugins, loaded when one is first needed.

        Raises:
            PluginError: one of the program's own is broken; or any is, and ``TICKETCORE_STRICT_PLUGINS`` is set.
        """
        from ticketcore import __version__
        from ticketcore.extensions import load_plugins
        from ticketcore.plugin.manager import PluginManager

        given = self._given_plugins() if callable(self._given_plugins) else self._given_plugins
        return given if isinstance(given, PluginManager) else load_plugins(__version__, local=given)

    @once
    def extensions(self) -> Extensions:
        """What plugins bring to this desk, with the settings of its configuration.

        Raises:
            ConfigError: the section of a plugin is wrong.
            PluginError: the configuration needs a plugin that is not there, or broken.
        """
        from ticketcore.extensions import Extensions

        return Extensions(self.plugins, self.config, self.source)

    @once
    def _sla_settings(self) -> SlaSettings:
        section = self.config.sla
        defaults = {
            str(priority): (targets.response, targets.resolution) for priority, targets in section.defaults.items()
        }
        return SlaSettings(defaults, frozenset(section.pause), section.recompute)

    @once
    def _delivery(self) -> DeliverySettings:
        section = self.config.scheduler
        return DeliverySettings(
            inline=section.inline,
            inline_timeout=section.inline_timeout,
            timeout=section.timeout,
            attempts=section.attempts,
        )

    @once
    def _changes(self) -> Changes:
        return Changes(
            repository=self._store,
            clock=StoreClock(self.clock, lambda: self.repository),
            ids=self.ids,
            policies=LazyPolicies(lambda: self.extensions),
            sla=self._sla_settings,
            notices=self._notices,
            dispatcher=self._dispatcher,
        )

    @once
    def _notices(self) -> Notices:
        return Notices(
            self.ids,
            self.config.notifiers,
            self._delivery.inline_lease,
            destinations=lambda channel: self.extensions.destinations(channel),  # noqa: PLW0108 - not before it is needed
            observers=lambda: self.extensions.observers.names(),  # noqa: PLW0108 - the same
        )

    @once
    def _dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self.repository,
            self.clock,
            renderer=lambda: self._renderer,
            notifier=lambda channel: self.extensions.notifier(channel),  # noqa: PLW0108 - the same
            observers=lambda: self.extensions.observers,
            settings=self._delivery,
        )

    @once
    def _workflows(self) -> Workflows:
        return LazyWorkflows(self.config.workflow)

    @once
    def _placeholders(self) -> Placeholders:
        from ticketcore.adapters.placeholders import JinjaPlaceholders

        return JinjaPlaceholders()

    @once
    def _renderer(self) -> JinjaRenderer:
        from ticketcore.adapters.rendering import JinjaRenderer

        return JinjaRenderer(self.config.templates.root, self.extensions.template_folders())

    @once
    def _made_by(self) -> str:
        """What this version calls itself in the files that it writes."""
        from ticketcore import __version__

        return f"ticketcore {__version__}"

    # The system around the operations.

    def workflow(self, package: str | None = None) -> Workflow:
        """Return the workflow of ``package`` (by default of the configured package) as data."""
        section = self.config.workflow
        return section.packages.get(self.default_package if package is None else package, section.default)

    def sla_words(self, ticket: Ticket) -> str:
        """Return in a few words how ``ticket`` stands with its deadlines now."""
        return describe(ticket, self.clock.now())

    def plugin_settings(self, plugin: str) -> Any:
        """Return the settings of a plugin, an instance of the class that its ``ticketcore_settings`` names.

        Raises:
            ConfigError: a setting without a default is missing.
            NotFoundError: there is no such plugin, or it has no settings.
            PluginError: another plugin has the same section of the configuration.
        """
        return self.extensions.plugin_settings(plugin)

    def get_provider(self, name: str | None = None) -> Provider:
        """Return a provider, by default the one that ``ticket.provider`` names.

        Raises:
            PluginError: no plugin has it, or it cannot be loaded.
            ConfigError: one of its settings is missing.
        """
        return self.extensions.provider(name or self.config.ticket.provider, self)

    def jobs(self, watches: Sequence[Watch] = ()) -> list[Job]:
        """Return the jobs that keep the desk going; those with an interval of 0 in the configuration are left out.

        ``outbox`` delivers what is due, ``escalations`` escalates the tickets that are past a deadline, ``sla`` gives
        open tickets new deadlines after service levels have changed, ``recurring`` makes the tickets of the schedules
        that are due. Every run is noted in the store.

        Args:
            watches: who else is told of every run.
        """
        from ticketcore.ports.scheduler import Job
        from ticketcore.services.jobs import Escalations, Noted, Recurrences, Terms

        every = self.config.scheduler.jobs
        runs: dict[str, Callable[[threading.Event], str]] = {
            "outbox": lambda stop: str(self._dispatcher.run_due(stop)),
            "escalations": Escalations(self.sla, self.tickets).run,
            "sla": Terms(self.repository, self._changes, self._sla_settings).run,
            "recurring": Recurrences(self.recurring).run,
        }
        noted = Noted(self.repository, self.clock, watches)
        jobs = [Job(name, getattr(every, name), run) for name, run in runs.items()]
        return [noted.noted(job) for job in jobs if job.every > 0]

    def work(
        self,
        *,
        once: bool,
        stop: threading.Event,
        report: Callable[[str, str], None],
        only: Container[str] | None = None,
        watches: Sequence[Watch] = (),
    ) -> bool:
        """Run the jobs that keep the desk going: one time, or until ``stop`` is set.

        Args:
            once: whether to run each job one time, whatever ``scheduler.engine`` says.
            stop: an event; soon after it is set this returns.
            report: is told the name of a job and what it did, or how it failed.
            only: the names of the jobs to run; all by default.
            watches: who else is told of every run.

        Returns:
            Whether every run succeeded.

        Raises:
            PluginError: no plugin has the scheduler that the configuration names.
        """
        scheduler = self.extensions.scheduler("once" if once else self.config.scheduler.engine)
        jobs = [job for job in self.jobs(watches) if only is None or job.name in only]
        return scheduler.run(jobs, stop, report)

    def template_problems(self) -> dict[str, str]:
        """Return the templates of packages that do not work, and why."""
        return self._renderer.problems()

    def figures(self) -> Figures:
        """Return what metrics show of the store."""
        from ticketcore.services.jobs import figures

        return figures(self.repository, self.clock)

    @reads
    def job_states(self) -> list[JobState]:
        """Return how each job is that has ever run, by name."""
        with self.repository.transaction(read_only=True) as tx:
            return tx.find(Query(JobState, order=(Order("name"),)))


def _refuse_other(config: object) -> None:
    if config is not None and not isinstance(config, str | Path | Config):
        problem = f"must be the path of a file or a Config, not a value of the type {type(config).__name__}"
        raise ConfigError([Problem("", f"the configuration {problem}")])


def open_desk(
    config: str | Path | Config | None = None,
    *,
    plugins: PluginManager | Mapping[str, object] | Callable[[], PluginManager] | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
) -> Desk:
    """Open a desk.

    Args:
        config: the path of a configuration file, or a configuration. By default the file that
            ``TICKETCORE_CONFIG`` names, else ``./config.yaml``, else built-in defaults with an SQLite file
            in the user's data folder.
        plugins: the program's own plugins by name, modules or objects whose methods are hooks, which are used besides
            the built-in and the installed ones; or a manager that has loaded all of them, or what returns one. Nothing
            is loaded before it is needed.
        clock: tells the time; the system's by default.
        ids: makes identifiers; by default such that sort by time.

    Raises:
        ConfigError: with every problem of the configuration.
    """
    _refuse_other(config)
    loaded = Loaded(config) if isinstance(config, Config) else read_config(config)
    return Desk(loaded.config, source=loaded.source, plugins=plugins, clock=clock, ids=ids)
