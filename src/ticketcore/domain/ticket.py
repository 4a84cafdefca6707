"""The ticket itself: its record and its fixed vocabularies."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from attrs import frozen


class Status(StrEnum):
    """Where a ticket is in its life."""

    NEW = "NEW"
    TRIAGED = "TRIAGED"
    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    ESCALATED = "ESCALATED"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class Priority(StrEnum):
    """How urgent a ticket is, the most urgent first; the order of the members is the order of lists."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    INFO = "INFO"


class TicketType(StrEnum):
    """What kind of request a ticket is."""

    USER = "USER"
    INTERNAL = "INTERNAL"
    BUG = "BUG"
    FEATURE = "FEATURE"


class RequestedByType(StrEnum):
    """How ``requested_by`` is to be read: somebody known here, an address, or the system itself."""

    INTERNAL = "INTERNAL"
    EMAIL = "EMAIL"
    SYSTEM = "SYSTEM"


ACTIVE: tuple[Status, ...] = (
    Status.NEW,
    Status.TRIAGED,
    Status.IN_PROGRESS,
    Status.ON_HOLD,
    Status.ESCALATED,
)
"""The statuses of a ticket that still needs work ("open")."""

DONE: frozenset[Status] = frozenset({Status.RESOLVED, Status.CLOSED})
"""The statuses in which the work is done."""


@frozen(kw_only=True)
class Ticket:
    """A ticket as it is stored: the columns of ``data_ticket`` under their snake_case names.

    Yes/no columns are booleans (``None`` while undecided), comma-separated ones are tuples. The
    ``sla_`` fields are a cache of :func:`ticketcore.domain.sla.evaluate`; ``sla_paused_at`` is the
    instant since which its clocks stand still, and the two ``sla_..._escalated`` fields hold the
    deadline for which an escalation went out. ``ticket_number`` is 0 until the store gives one;
    ``row_version`` counts the changes and guards against lost updates.
    """

    guid: str
    ticket_number: int = 0
    package: str
    project: str = ""
    subject: str
    description: str = ""
    status: Status = Status.NEW
    priority: Priority = Priority.MEDIUM
    ticket_type: TicketType = TicketType.USER
    requested_by: str = ""
    requested_by_type: RequestedByType = RequestedByType.INTERNAL
    assigned_to: str = ""
    problem_analysis: str = ""
    work_score: int | None = None
    sla_response_deadline: datetime | None = None
    sla_resolution_deadline: datetime | None = None
    sla_response_met: bool | None = None
    sla_resolution_met: bool | None = None
    created_date: datetime
    updated_date: datetime
    resolved_date: datetime | None = None
    closed_date: datetime | None = None
    watchers: tuple[str, ...] = ()
    merged_guids: tuple[str, ...] = ()
    estimated_date: datetime | None = None
    row_version: int = 1
    merged_into: str | None = None
    sla_paused_at: datetime | None = None
    sla_response_escalated: datetime | None = None
    sla_resolution_escalated: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether the ticket still needs work."""
        return self.status in ACTIVE
