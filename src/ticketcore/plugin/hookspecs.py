"""The hooks. Arguments are only ever added; an implementation takes those that it wants."""

from __future__ import annotations

from collections.abc import Iterable

from ticketcore.domain.lifecycle import Change
from ticketcore.errors import Problem
from ticketcore.plugin.markers import hookspec
from ticketcore.plugin.records import NotifierSpec, RepositorySpec


@hookspec
def ticketcore_notifiers() -> Iterable[NotifierSpec]:
    """Register notifiers; called once, without input or output."""
    return ()


@hookspec
def ticketcore_repositories() -> Iterable[RepositorySpec]:
    """Register stores; called once, without input or output."""
    return ()


@hookspec
def ticketcore_check(change: Change, action_by: str) -> Iterable[Problem]:
    """Say what speaks against ``change``, which ``action_by`` wants to make.

    Called inside the transaction, before anything is stored. Every problem of every plugin is collected, and
    any one refuses the change. A plugin that raises refuses it too.
    """
    return ()
