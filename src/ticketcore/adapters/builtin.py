"""The built-in adapters, registered through the same hooks as anybody's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from attrs import asdict

from ticketcore.config.schema import EmailSection, WebhookSection
from ticketcore.domain.recurrence import TICKET, Occurrence, Schedule
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.version import VERSION_REGISTRY
from ticketcore.errors import Problem, RejectedError
from ticketcore.plugin.markers import hookimpl
from ticketcore.plugin.records import (
    NotifierSpec,
    ProviderSpec,
    RecurringTypeSpec,
    RepositorySpec,
    SchedulerSpec,
    VersionedKindSpec,
)
from ticketcore.ports.notifier import Notifier
from ticketcore.ports.provider import Provider
from ticketcore.ports.repository import Repository
from ticketcore.ports.scheduler import Scheduler

if TYPE_CHECKING:
    from ticketcore.services.lifecycle import Tickets
    from ticketcore.services.recurring_tickets import RecurringTickets


class _HasStore(Protocol):
    """What the internal provider needs of the desk that asks for it."""

    @property
    def repository(self) -> Repository:
        """The store."""


class _HasTickets(Protocol):
    """What recurring tickets need of the desk that makes them."""

    @property
    def tickets(self) -> Tickets:
        """The operations on tickets."""


def email_notifier(email: EmailSection) -> Notifier:
    """Return the notifier for mails: to the configured server, or into files where none is configured."""
    if not email.host:
        from ticketcore.adapters.mailfiles import FilesNotifier

        if email.folder is None:
            message = "a configuration without a mail server has a folder for mails"
            raise AssertionError(message)
        return FilesNotifier(folder=email.folder, sender=email.sender)
    from ticketcore.adapters.smtp import SmtpNotifier

    return SmtpNotifier(
        host=email.host,
        port=email.port,
        security=email.security,
        username=email.username,
        password=email.password,
        sender=email.sender,
        ca_file=email.ca_file,
    )


def webhook_notifier(webhooks: Mapping[str, WebhookSection]) -> Notifier:
    """Return the notifier that posts to every place in ``webhooks``.

    Raises:
        RejectedError: with all that is wrong with their URLs.
    """
    from ticketcore.adapters.system import SystemClock
    from ticketcore.adapters.webhook import Endpoint, WebhookNotifier

    endpoints: dict[str, Endpoint] = {}
    problems: list[Problem] = []
    for name, hook in webhooks.items():
        try:
            endpoints[name] = Endpoint(
                url=hook.url, secret=hook.secret, allow_private=hook.allow_private, ca_file=hook.ca_file
            )
        except RejectedError as error:
            problems += [Problem(f"{name}.{one.field}", one.message) for one in error.problems]
    if problems:
        raise RejectedError(problems)
    return WebhookNotifier(endpoints=endpoints, clock=SystemClock())


def console_notifier(_settings: None) -> Notifier:
    """Return the notifier that writes lines to standard error."""
    from ticketcore.adapters.console import ConsoleNotifier

    return ConsoleNotifier()


def memory_repository(_url: str, *, timeout: float) -> Repository:
    """Return a store that lasts as long as the process."""
    from ticketcore.adapters.memory import MemoryRepository

    return MemoryRepository(timeout=timeout)


def loop_scheduler(_settings: None) -> Scheduler:
    """Return the scheduler that runs jobs in this process until it is told to stop."""
    from ticketcore.adapters.scheduling import LoopScheduler

    return LoopScheduler()


def once_scheduler(_settings: None) -> Scheduler:
    """Return the scheduler that runs every job one time."""
    from ticketcore.adapters.scheduling import OnceScheduler

    return OnceScheduler()


def internal_provider(_settings: None, *, desk: _HasStore) -> Provider:
    """Return the provider that is the desk's own store."""
    from ticketcore.adapters.internal import InternalProvider

    return InternalProvider(desk.repository)


def _recurring_tickets(desk: _HasTickets) -> RecurringTickets:
    from ticketcore.services.recurring_tickets import RecurringTickets

    return RecurringTickets(desk.tickets.changes, desk.tickets.templating)


def check_recurring_ticket(desk: _HasTickets, schedule: Schedule) -> None:
    """Refuse a schedule of which no ticket could be made."""
    _recurring_tickets(desk).check(schedule)


def make_recurring_ticket(desk: _HasTickets, occurrence: Occurrence) -> Ticket | None:
    """Make the ticket of an occurrence, unless it has been made."""
    return _recurring_tickets(desk).make(occurrence)


@hookimpl
def ticketcore_notifiers() -> list[NotifierSpec]:
    """Register the notifiers that come with ticketcore."""
    return [
        NotifierSpec(name="email", summary="mails by SMTP, or kept as files", target=email_notifier, section="email"),
        NotifierSpec(
            name="webhook",
            summary="signed JSON, posted to URLs",
            target=webhook_notifier,
            section="webhooks",
            destinations=list,
        ),
        NotifierSpec(name="console", summary="lines on standard error", target=console_notifier),
    ]


@hookimpl
def ticketcore_repositories() -> list[RepositorySpec]:
    """Register the stores that come with ticketcore."""
    return [
        RepositorySpec(
            name="sqlite",
            summary="an SQLite file",
            target="ticketcore.adapters.sql.repository:SqlRepository",
        ),
        RepositorySpec(
            name="postgresql",
            summary="a PostgreSQL server",
            target="ticketcore.adapters.sql.repository:SqlRepository",
            install_hint="pip install 'ticketcore[postgresql]'",
        ),
        RepositorySpec(
            name="mariadb",
            aliases=("mysql",),
            summary="a MariaDB server",
            target="ticketcore.adapters.sql.repository:SqlRepository",
            install_hint="pip install 'ticketcore[mariadb]'",
        ),
        RepositorySpec(name="memory", summary="this process's memory", target=memory_repository),
    ]


@hookimpl
def ticketcore_schedulers() -> list[SchedulerSpec]:
    """Register the schedulers that come with ticketcore."""
    return [
        SchedulerSpec(
            name="loop",
            aliases=("in-process",),
            summary="each job at its intervals, in the worker",
            target=loop_scheduler,
        ),
        SchedulerSpec(name="once", summary="every job one time, for cron", target=once_scheduler),
    ]


@hookimpl
def ticketcore_providers() -> list[ProviderSpec]:
    """Register the providers that come with ticketcore."""
    return [ProviderSpec(name="internal", summary="the desk's own store", target=internal_provider)]


@hookimpl
def ticketcore_recurring_types() -> list[RecurringTypeSpec]:
    """Register what recurs without any plugin."""
    return [
        RecurringTypeSpec(
            name=TICKET,
            summary="a ticket from a template",
            target=make_recurring_ticket,
            settles=True,
            check=check_recurring_ticket,
        )
    ]


@hookimpl
def ticketcore_versioned_kinds() -> list[VersionedKindSpec]:
    """Register the kinds of records that come with ticketcore and of which versions are kept."""
    summary = "a ticket with its tasks and its history"
    return [VersionedKindSpec(name="ticket", summary=summary, target=Ticket, **asdict(VERSION_REGISTRY["ticket"]))]
