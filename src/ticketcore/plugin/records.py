"""What plugins register: frozen records, whose targets are imported when they are first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from attrs import frozen


@frozen(kw_only=True)
class NotifierSpec:
    """A way to deliver messages, under the ``name`` that the configuration uses.

    ``target`` makes the notifier (:class:`ticketcore.ports.notifier.Notifier`) from the configuration: a
    callable, or ``"package.module:name"`` of one.
    """

    name: str
    summary: str
    target: Callable[..., Any] | str

    def load(self) -> Callable[..., Any]:
        """Return the callable behind ``target``, imported now if need be."""
        return _loaded(self.target)


@frozen(kw_only=True)
class RepositorySpec:
    """A store, under the ``name`` with which its database URLs begin.

    ``target`` makes the repository (:class:`ticketcore.ports.repository.Repository`) from a URL and a
    time-out in seconds.
    """

    name: str
    summary: str
    target: Callable[..., Any] | str

    def load(self) -> Callable[..., Any]:
        """Return the callable behind ``target``, imported now if need be."""
        return _loaded(self.target)


def _loaded(target: Callable[..., Any] | str) -> Callable[..., Any]:
    if not isinstance(target, str):
        return target
    module, _, name = target.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found
