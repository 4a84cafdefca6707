"""ticketcore: a ticket system as a framework.

``open_desk()`` gives a desk; its groups of operations (``desk.tickets``, ``desk.queries``, …) are the public
interface. Importing this package does no input or output and loads neither plugins nor a database driver: each
public name is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ticketcore.adapters.system import PlayedClock
    from ticketcore.desk import Desk, open_desk
    from ticketcore.domain.events import OutboxMessage, TicketEvent
    from ticketcore.domain.history import HistoryEntry
    from ticketcore.domain.people import Person, User
    from ticketcore.domain.policy import AssignRule, RaciContacts, SlaPolicy
    from ticketcore.domain.ticket import Priority, RequestedByType, Status, Ticket, TicketType
    from ticketcore.domain.work import Comment
    from ticketcore.errors import (
        ConfigError,
        ConflictError,
        ForbiddenError,
        InvalidTransitionError,
        NotFoundError,
        NotifierError,
        PluginError,
        Problem,
        RejectedError,
        RenderError,
        RepositoryError,
        TicketcoreError,
    )
    from ticketcore.plugin.markers import hookimpl

__version__ = "0.1.0"

_HOMES = {
    "ticketcore.adapters.system": ("PlayedClock",),
    "ticketcore.desk": ("Desk", "open_desk"),
    "ticketcore.domain.events": ("OutboxMessage", "TicketEvent"),
    "ticketcore.domain.history": ("HistoryEntry",),
    "ticketcore.domain.people": ("Person", "User"),
    "ticketcore.domain.policy": ("AssignRule", "RaciContacts", "SlaPolicy"),
    "ticketcore.domain.ticket": ("Priority", "RequestedByType", "Status", "Ticket", "TicketType"),
    "ticketcore.domain.work": ("Comment",),
    "ticketcore.errors": (
        "ConfigError",
        "ConflictError",
        "ForbiddenError",
        "InvalidTransitionError",
        "NotFoundError",
        "NotifierError",
        "PluginError",
        "Problem",
        "RejectedError",
        "RenderError",
        "RepositoryError",
        "TicketcoreError",
    ),
    "ticketcore.plugin.markers": ("hookimpl",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AssignRule",
    "Comment",
    "ConfigError",
    "ConflictError",
    "Desk",
    "ForbiddenError",
    "HistoryEntry",
    "InvalidTransitionError",
    "NotFoundError",
    "NotifierError",
    "OutboxMessage",
    "Person",
    "PlayedClock",
    "PluginError",
    "Priority",
    "Problem",
    "RaciContacts",
    "RejectedError",
    "RenderError",
    "RepositoryError",
    "RequestedByType",
    "SlaPolicy",
    "Status",
    "Ticket",
    "TicketEvent",
    "TicketType",
    "TicketcoreError",
    "User",
    "__version__",
    "hookimpl",
    "open_desk",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    module = _MODULE_OF.get(name)
    if module is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
