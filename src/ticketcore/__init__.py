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
    from ticketcore.domain.links import TicketLink
    from ticketcore.domain.merging import MergePreview
    from ticketcore.domain.people import Person, User
    from ticketcore.domain.policy import AssignRule, AssignStrategy, RaciContacts, SlaPolicy
    from ticketcore.domain.pull_request import PullRequest
    from ticketcore.domain.recurrence import CatchUp, Schedule
    from ticketcore.domain.template import Template, TemplateTask
    from ticketcore.domain.ticket import Priority, RequestedByType, Status, Ticket, TicketType
    from ticketcore.domain.version import VERSION_REGISTRY
    from ticketcore.domain.versioning import TicketContent, TicketVersion, VersionSummary
    from ticketcore.domain.work import (
        Comment,
        Link,
        LinkType,
        Signoff,
        SignoffStatus,
        Task,
        TaskStatus,
        TimeEntry,
    )
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
    "ticketcore.domain.pull_request": ("PullRequest",),
    "ticketcore.domain.versioning": ("TicketContent", "TicketVersion", "VersionSummary"),
    "ticketcore.adapters.system": ("PlayedClock",),
    "ticketcore.desk": ("Desk", "open_desk"),
    "ticketcore.domain.events": ("OutboxMessage", "TicketEvent"),
    "ticketcore.domain.history": ("HistoryEntry",),
    "ticketcore.domain.links": ("TicketLink",),
    "ticketcore.domain.merging": ("MergePreview",),
    "ticketcore.domain.people": ("Person", "User"),
    "ticketcore.domain.policy": ("AssignRule", "AssignStrategy", "RaciContacts", "SlaPolicy"),
    "ticketcore.domain.recurrence": ("CatchUp", "Schedule"),
    "ticketcore.domain.template": ("Template", "TemplateTask"),
    "ticketcore.domain.ticket": ("Priority", "RequestedByType", "Status", "Ticket", "TicketType"),
    "ticketcore.domain.version": ("VERSION_REGISTRY",),
    "ticketcore.domain.work": (
        "Comment",
        "Link",
        "LinkType",
        "Signoff",
        "SignoffStatus",
        "Task",
        "TaskStatus",
        "TimeEntry",
    ),
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
    "VERSION_REGISTRY",
    "AssignRule",
    "AssignStrategy",
    "CatchUp",
    "Comment",
    "ConfigError",
    "ConflictError",
    "Desk",
    "ForbiddenError",
    "HistoryEntry",
    "InvalidTransitionError",
    "Link",
    "LinkType",
    "MergePreview",
    "NotFoundError",
    "NotifierError",
    "OutboxMessage",
    "Person",
    "PlayedClock",
    "PluginError",
    "Priority",
    "Problem",
    "PullRequest",
    "RaciContacts",
    "RejectedError",
    "RenderError",
    "RepositoryError",
    "RequestedByType",
    "Schedule",
    "Signoff",
    "SignoffStatus",
    "SlaPolicy",
    "Status",
    "Task",
    "TaskStatus",
    "Template",
    "TemplateTask",
    "Ticket",
    "TicketContent",
    "TicketEvent",
    "TicketLink",
    "TicketType",
    "TicketVersion",
    "TicketcoreError",
    "TimeEntry",
    "User",
    "VersionSummary",
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
