"""What the outside world is told of a change, and the queue in which it waits to be told."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum

from attrs import frozen

from ticketcore.domain.history import Action, Entry
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Comment


class NotifyCode(StrEnum):
    """The events that go out; the value is what a reader of the mail sees."""

    CREATED = "Created"
    STATUS_CHANGED = "Status Changed"
    ASSIGNED = "Assigned"
    RESOLVED = "Resolved"
    CLOSED = "Closed"
    ESCALATED = "Escalated"
    ESCALATION_ALERT = "Escalation Alert"
    SIGNOFF_REQUESTED = "Sign-off Requested"


class OutboxState(StrEnum):
    """How far the delivery of an outbox row is."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"


@frozen(kw_only=True)
class OutboxMessage:
    """One delivery that is owed: one event, over one channel, to one recipient.

    It is written in the transaction of the change itself. ``payload`` is JSON: what the message is made
    from. ``next_attempt`` is when somebody may try (again): whoever tries moves it ahead first, which is
    the lease that keeps others away. Its ``guid`` is the stable key of the delivery.
    """

    guid: str
    ticket_guid: str
    package: str
    notify_code: str
    channel: str
    recipient: str = ""
    payload: str
    state: OutboxState = OutboxState.PENDING
    attempts: int = 0
    next_attempt: datetime
    last_error: str = ""
    created_date: datetime
    delivered_date: datetime | None = None

    @property
    def ticket_number(self) -> int:
        """The number of the ticket that it is about."""
        payload = json.loads(self.payload)
        number: int = payload.get("ticket_number") or payload.get("ticket", {}).get("ticket_number", 0)
        return number


OBSERVER = "observer:"
"""How the channel of a message begins that is for the observer hook of a plugin, whose name follows."""


@frozen(kw_only=True)
class TicketEvent:
    """A change that has been stored, as observers are told of it.

    ``id`` is the same whenever the same change is told again. ``ticket`` is as the change left it, ``at`` is when that
    was, ``entries`` are what went into its history, ``comment`` is the comment that was added, if one was.
    ``notify_code`` is the event that people were told of; most changes have none.
    """

    id: str
    ticket: Ticket
    action_by: str
    at: datetime
    entries: tuple[Entry, ...] = ()
    comment: Comment | None = None
    notify_code: NotifyCode | None = None
    detail: str = ""

    @property
    def is_new(self) -> bool:
        """Whether the ticket was created by this change."""
        return any(entry.action is Action.CREATED for entry in self.entries)
