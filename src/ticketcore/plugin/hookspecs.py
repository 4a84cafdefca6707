"""The hooks. Arguments are only ever added; an implementation takes those that it wants.

There are three kinds. *Register hooks* are called once, when plugins are loaded: they do no input or output,
and yield records of :mod:`ticketcore.plugin.records`. *Policy hooks* are asked inside the transaction, before
anything is stored, and fail closed: one that raises refuses the change. The *observer hook* is told after the
commit, from the outbox, and fails open: whatever it does, the change stands.

Implementations go in the order of their priority, and of their plugins' names where that is equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ticketcore.domain.events import TicketEvent
from ticketcore.domain.lifecycle import Change
from ticketcore.errors import Problem
from ticketcore.plugin.markers import hookspec
from ticketcore.plugin.records import (
    CommandSpec,
    NotifierSpec,
    ProviderSpec,
    RecurringTypeSpec,
    RepositorySpec,
    SchedulerSpec,
    TemplateFolderSpec,
    VersionedKindSpec,
)


@hookspec
def ticketcore_settings() -> type[Any]:
    """Return the attrs class of the plugin's own settings, the section ``plugins.NAME`` of the configuration.

    NAME is the name of the plugin, that of its entry point. The section is checked like every other: unknown keys,
    wrong types and missing values are reported all at once. The policy and observer hooks get an instance of the
    class as ``settings``.

    Raising: the plugin is set aside.
    """
    raise NotImplementedError


@hookspec
def ticketcore_notifiers() -> Iterable[NotifierSpec]:
    """Register notifiers, which the configuration turns on in ``notifiers``.

    Raising: the plugin is set aside.
    """
    return ()


@hookspec
def ticketcore_repositories() -> Iterable[RepositorySpec]:
    """Register stores, which ``database.url`` chooses by how it begins.

    Raising: the plugin is set aside.
    """
    return ()


@hookspec
def ticketcore_schedulers() -> Iterable[SchedulerSpec]:
    """Register schedulers, of which ``scheduler.engine`` chooses one for the worker.

    Raising: the plugin is set aside.
    """
    return ()


@hookspec
def ticketcore_providers() -> Iterable[ProviderSpec]:
    """Register providers: other systems in which tickets can live.

    Raising: the plugin is set aside.
    """
    return ()


@hookspec
def ticketcore_commands() -> Iterable[CommandSpec]:
    """Register commands of the command line.

    Raising: the plugin is set aside.
    """
    return ()


@hookspec
def ticketcore_template_folders() -> Iterable[TemplateFolderSpec]:
    """Register folders of templates.

    Raising: the plugin is set aside.
    """
    return ()


@hookspec
def ticketcore_recurring_types() -> Iterable[RecurringTypeSpec]:
    """Register kinds of things that can recur, besides tickets.

    Raising: the plugin is set aside.
    """
    return ()


@hookspec
def ticketcore_versioned_kinds() -> Iterable[VersionedKindSpec]:
    """Register kinds of records of which versions are kept, besides tickets.

    Raising: the plugin is set aside.
    """
    return ()


@hookspec
def ticketcore_amend(change: Change, action_by: str, settings: Any) -> Mapping[str, Any] | None:
    """Return the fields of the ticket that shall have other values than ``change`` gives them; none by default.

    Asked first. Each implementation sees what the ones before it have made of the change. Values are checked like
    those that a user types; what was amended, and by which plugin, stands in the ticket's history. The auto-assign
    rules have decided before, by what was asked for.

    Args:
        change: what is about to be stored: ``change.before`` (``None`` for a new ticket) and ``change.after``.
        action_by: who makes the change.
        settings: the plugin's settings; ``None`` if it has no class for them.

    Returns:
        Values for some of :data:`ticketcore.domain.amendment.AMENDABLE`, by name.

    Raising: the change is refused.
    """
    return None


@hookspec
def ticketcore_validate(change: Change, action_by: str, settings: Any) -> Iterable[Problem]:
    """Say what is wrong with ``change``, so that whoever makes it can correct it.

    Every problem of every plugin is collected, and any one refuses the change.

    Args:
        change: what is about to be stored, amended and with its deadlines.
        action_by: who makes the change.
        settings: the plugin's settings; ``None`` if it has no class for them.

    Returns:
        A problem for each thing, with the name of a field (may be empty) and what is wrong with it.

    Raising: the change is refused.
    """
    return ()


@hookspec
def ticketcore_forbid(change: Change, action_by: str, settings: Any) -> Iterable[str]:
    """Say why ``action_by`` may not make ``change`` at all.

    The refusal is a :class:`ticketcore.errors.ForbiddenError`, with the problems of ``ticketcore_validate`` besides.

    Args:
        change: what is about to be stored, amended and with its deadlines.
        action_by: who makes the change.
        settings: the plugin's settings; ``None`` if it has no class for them.

    Returns:
        The reasons, in words for ``action_by``.

    Raising: the change is refused.
    """
    return ()


@hookspec
def ticketcore_observe(event: TicketEvent, settings: Any) -> None:
    """Take note of a change that has been stored.

    It is called after the commit, at least once for every change, in no guaranteed order: right away by the process
    that made the change (unless ``scheduler.inline`` is off), else by the worker. A second call for the same change
    has the same ``event.id``.

    Args:
        event: what happened.
        settings: the plugin's settings; ``None`` if it has no class for them.

    Raising: it is tried again later, at growing intervals; a
    :class:`~ticketcore.errors.PermanentNotifierError` gives up at once. Others are not concerned.
    """
