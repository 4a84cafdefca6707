"""The built-in adapters, registered through the same hooks as anybody's."""

from __future__ import annotations

from ticketcore.config.schema import Config
from ticketcore.plugin.markers import hookimpl
from ticketcore.plugin.records import NotifierSpec, RepositorySpec
from ticketcore.ports.notifier import Notifier
from ticketcore.ports.repository import Repository


def email_notifier(config: Config) -> Notifier:
    """Return the notifier for mails: to the configured server, or into files where none is configured."""
    email = config.email
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


def memory_repository(_url: str, *, timeout: float) -> Repository:
    """Return a store that lasts as long as the process."""
    from ticketcore.adapters.memory import MemoryRepository

    return MemoryRepository(timeout=timeout)


@hookimpl
def ticketcore_notifiers() -> list[NotifierSpec]:
    """Register the notifiers that come with ticketcore."""
    return [NotifierSpec(name="email", summary="mails by SMTP, or kept as files", target=email_notifier)]


@hookimpl
def ticketcore_repositories() -> list[RepositorySpec]:
    """Register the stores that come with ticketcore."""
    return [
        RepositorySpec(
            name="sqlite",
            summary="an SQLite file",
            target="ticketcore.adapters.sql.repository:SqlRepository",
        ),
        RepositorySpec(name="memory", summary="this process's memory", target=memory_repository),
    ]
