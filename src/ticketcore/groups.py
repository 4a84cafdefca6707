"""The groups of operations of a desk, each made when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

if TYPE_CHECKING:
    from datetime import tzinfo

    from ticketcore.config.schema import Config
    from ticketcore.domain.version import VersionedKind
    from ticketcore.extensions import Extensions
    from ticketcore.plugin.manager import PluginManager
    from ticketcore.ports.extension import RecurringType
    from ticketcore.ports.render import Placeholders
    from ticketcore.ports.repository import Repository
    from ticketcore.ports.system import Clock, Ids
    from ticketcore.ports.workflow import Workflows
    from ticketcore.services.assignment import Rules
    from ticketcore.services.bulk import Bulk
    from ticketcore.services.changes import Changes
    from ticketcore.services.comments import Comments
    from ticketcore.services.dispatch import Dispatcher
    from ticketcore.services.lifecycle import Tickets
    from ticketcore.services.links import Links
    from ticketcore.services.notices import Notices
    from ticketcore.services.notifications import Notifications
    from ticketcore.services.people import People
    from ticketcore.services.pull_requests import PullRequests
    from ticketcore.services.queries import Queries
    from ticketcore.services.recurring import Recurring
    from ticketcore.services.signoffs import Signoffs
    from ticketcore.services.sla import Sla, SlaSettings
    from ticketcore.services.store import Store
    from ticketcore.services.tasks import Tasks
    from ticketcore.services.templates import Templates
    from ticketcore.services.time import TimeLog
    from ticketcore.services.transfer import Transfer
    from ticketcore.services.versions import Versions

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801 - reads like the property that it is
    """A property that is made when it is first asked for, once, also when several threads ask at the same moment."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        """Make it by ``make``, a method."""
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


class Groups:
    """The groups of operations; each name is that of the specification's section.

    A group is imported and made when it is first asked for, so that a command costs no more than what it uses.
    """

    if TYPE_CHECKING:
        # What a desk has, and groups are made of.
        config: Config
        clock: Clock
        ids: Ids
        zone: tzinfo
        default_package: str
        _lock: threading.RLock

        repository: once[Repository]
        _store: once[Repository]
        plugins: once[PluginManager]
        extensions: once[Extensions]
        _changes: once[Changes]
        _workflows: once[Workflows]
        _placeholders: once[Placeholders]
        _dispatcher: once[Dispatcher]
        _notices: once[Notices]
        _sla_settings: once[SlaSettings]
        _made_by: once[str]

    @once
    def tickets(self) -> Tickets:
        """Tickets: made, read, changed, moved, assigned, watched."""
        from ticketcore.services.lifecycle import Tickets

        return Tickets(self._changes, self._workflows, self.default_package, self.zone, lambda: self._placeholders)

    @once
    def tasks(self) -> Tasks:
        """The tasks of tickets."""
        from ticketcore.services.tasks import Tasks

        return Tasks(self._changes)

    @once
    def comments(self) -> Comments:
        """Comments on tickets."""
        from ticketcore.services.comments import Comments

        return Comments(self._changes)

    @once
    def links(self) -> Links:
        """Links between tickets."""
        from ticketcore.services.links import Links

        return Links(self._changes)

    @once
    def time(self) -> TimeLog:
        """The time that is spent on tickets."""
        from ticketcore.services.time import TimeLog

        return TimeLog(self._changes, self.zone)

    @once
    def rules(self) -> Rules:
        """Auto-assign rules."""
        from ticketcore.services.assignment import Rules

        return Rules(self._store)

    @once
    def sla(self) -> Sla:
        """Service levels: policies, contacts, escalations that are due."""
        from ticketcore.services.sla import Sla

        return Sla(self._store, self.clock, self._sla_settings)

    @once
    def people(self) -> People:
        """The people who raise tickets and work on them."""
        from ticketcore.services.people import People

        return People(self._store, self.clock, self.ids)

    @once
    def pull_requests(self) -> PullRequests:
        """The pull requests of tickets."""
        from ticketcore.services.pull_requests import PullRequests

        return PullRequests(self._changes)

    @once
    def templates(self) -> Templates:
        """Tickets that are filled in beforehand."""
        from ticketcore.services.templates import Templates

        return Templates(self._store, self.clock, self.ids, lambda: self._placeholders, self.default_package)

    @once
    def recurring(self) -> Recurring:
        """Schedules, and what is made when they are due."""
        from ticketcore.adapters.cron import CroniterCron
        from ticketcore.services.recurring import Recurring, RecurringSettings

        section = self.config.recurring
        settings = RecurringSettings(
            package=self.default_package,
            timezone=self.config.timezone,
            catch_up=section.catch_up,
            grace=timedelta(seconds=section.grace),
        )

        def kind(name: str) -> RecurringType:
            return self.extensions.recurring_type(name, self)

        return Recurring(self._store, self.clock, self.ids, CroniterCron(), kind, settings)

    @once
    def queries(self) -> Queries:
        """Questions about tickets."""
        from ticketcore.services.queries import Queries

        return Queries(self._store, self.clock, self.zone)

    @once
    def notifications(self) -> Notifications:
        """The outbox, and telling people again."""
        from ticketcore.services.notifications import Notifications

        return Notifications(self._store, self.clock, self._dispatcher, self._notices)

    @once
    def signoffs(self) -> Signoffs:
        """Requests to sign tickets off, and the answers."""
        from ticketcore.services.signoffs import Signoffs

        return Signoffs(self._changes)

    @once
    def bulk(self) -> Bulk:
        """The same change of many tickets."""
        from ticketcore.services.bulk import Bulk

        return Bulk(self._changes, self.tickets, self.queries)

    @once
    def transfer(self) -> Transfer:
        """Tickets to and from files."""
        from ticketcore.adapters.keys import TemporaryKeys
        from ticketcore.services.transfer import Transfer

        return Transfer(self._changes, self.tickets.creation, self.queries, TemporaryKeys)

    @once
    def versions(self) -> Versions:
        """What tickets were, and how to get that back."""
        from ticketcore.services.versions import Versions

        return Versions(self._changes, self._versioned_kinds)

    @once
    def store(self) -> Store:
        """All that is kept: looked through, saved, brought back."""
        from ticketcore.adapters.cron import CroniterCron
        from ticketcore.adapters.keys import TemporaryKeys
        from ticketcore.adapters.sql.backups import SqliteBackups
        from ticketcore.services.store import Store

        return Store(
            repository=self.repository,
            clock=self.clock,
            cron=CroniterCron(),
            keys=TemporaryKeys,
            files=SqliteBackups(),
            engine=self.config.database.url.partition(":")[0].partition("+")[0],
            made_by=self._made_by,
        )

    def _versioned_kinds(self) -> dict[str, VersionedKind]:
        """Return the kinds of records of which versions are kept, by name, as plugins register them."""
        from attrs import fields

        from ticketcore.domain.version import VersionedKind
        from ticketcore.plugin.records import VersionedKindSpec

        names = [field.name for field in fields(VersionedKind)]
        specs = self.plugins.all(VersionedKindSpec)
        return {spec.name: VersionedKind(**{name: getattr(spec, name) for name in names}) for spec in specs}
