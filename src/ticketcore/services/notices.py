"""Who is told of a change, and of what: the outbox rows that are written together with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import define

from ticketcore.domain.events import OBSERVER, NotifyCode, OutboxMessage, TicketEvent
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.people import Person
from ticketcore.domain.ticket import Ticket
from ticketcore.ports.repository import Transaction
from ticketcore.ports.system import Ids
from ticketcore.serde import to_plain
from ticketcore.services.people import email_of, find_person, requester_email
from ticketcore.services.sla import contacts_for

EMAIL = "email"
"""The channel over which people are told."""


_encode = json.JSONEncoder(ensure_ascii=False).encode


def display_name(tx: Transaction, assignee: str) -> str:
    """Return what to show for ``assignee``: the person's name, else the text as it is."""
    person = find_person(tx, assignee) or find_person(tx, assignee, active=False)
    return person.name if person else assignee


def _recipients(tx: Transaction, ticket: Ticket, assignee: Person | None) -> tuple[str, ...]:
    """Return the addresses of requester, assignee and watchers, each once."""
    assigned = assignee.email if assignee else email_of(tx, ticket.assigned_to)
    addresses = (requester_email(tx, ticket), assigned, *ticket.watchers)
    return tuple(dict.fromkeys(address for address in addresses if address))


def _values(ticket: Ticket, change: Change, assigned_to: str, action_by: str) -> dict[str, object]:
    """Return the variables of a message, all but the event."""
    return {
        "ticket_number": ticket.ticket_number,
        "subject": ticket.subject,
        "detail": change.detail,
        "status": ticket.status,
        "priority": ticket.priority,
        "assigned_to": assigned_to,
        "action_by": action_by,
    }


@define(eq=False, repr=False)
class Notices:
    """Makes the outbox rows of a change."""

    ids: Ids
    channels: Sequence[str]
    lease: timedelta
    """For how long the process that made a change has its messages to itself; zero leaves them to the worker."""
    destinations: Callable[[str], Sequence[str]]
    """The places to which one event goes over a channel, by name; a single empty one where it has no names."""
    observers: Callable[[], Sequence[str]]
    """The plugins that want to be told of every change."""

    def places(self) -> dict[str, Sequence[str]]:
        """Return the places to which one event goes over each channel but mail; plugins say so, so ask in good time."""
        return {channel: self.destinations(channel) for channel in self.channels if channel != EMAIL}

    def plan(
        self,
        tx: Transaction,
        change: Change,
        ticket: Ticket,
        action_by: str,
        now: datetime,
        places: Mapping[str, Sequence[str]],
    ) -> list[OutboxMessage]:
        """Return what is to be sent because of ``change``, which made ``ticket``; nothing is sent yet."""
        messages = self.news(tx, change, ticket, action_by, now, places) if change.event or change.raise_alert else []
        # People first: a plugin may take its time.
        return messages + [self._observed(change, ticket, name, action_by, now) for name in self.observers()]

    def news(
        self,
        tx: Transaction,
        change: Change,
        ticket: Ticket,
        action_by: str,
        now: datetime,
        places: Mapping[str, Sequence[str]],
    ) -> list[OutboxMessage]:
        """Return the messages that tell people and systems of ``change``, but not observers."""
        messages: list[OutboxMessage] = []
        if not self.channels:
            return messages
        assignee = find_person(tx, ticket.assigned_to)
        assigned_to = assignee.name if assignee else display_name(tx, ticket.assigned_to)
        values = _values(ticket, change, assigned_to, display_name(tx, action_by))
        if change.event is not None:
            payload = values | {"event": change.event}
            to = _recipients(tx, ticket, assignee) if change.to is None else change.to
            messages += self._messages(change, ticket, change.event, payload, to, None, now, places)
        if change.raise_alert:
            contacts = contacts_for(tx, ticket.package, ticket.priority, ticket.ticket_type)
            to = tuple(_addresses(tx, contacts.to))
            cc = [address for address in _addresses(tx, contacts.cc) if address not in to]
            payload = values | {"event": NotifyCode.ESCALATION_ALERT}
            messages += self._messages(change, ticket, NotifyCode.ESCALATION_ALERT, payload, to, cc, now, places)
        return messages

    def _messages(
        self,
        change: Change,
        ticket: Ticket,
        event: NotifyCode,
        payload: dict[str, object],
        to: Sequence[str],
        cc: Sequence[str] | None,
        now: datetime,
        places: Mapping[str, Sequence[str]],
    ) -> list[OutboxMessage]:
        """Return one mail for each address, and one message for each destination of each other channel.

        Readers of a mail see each other only where there is a ``cc``, even an empty one.
        """
        shared = payload | {"to": list(to), "cc": list(cc or ())}
        messages: list[OutboxMessage] = []
        for channel in self.channels:
            if channel == EMAIL:
                messages += [
                    self._message(
                        ticket, event, channel, address, payload | {"to": [address]} if cc is None else shared, now
                    )
                    for address in (*to, *(cc or ()))
                ]
            else:
                context = shared | {
                    "ticket": to_plain(ticket),
                    "changes": to_plain(change.entries),
                    "at": now.isoformat(),
                }
                messages += [self._message(ticket, event, channel, place, context, now) for place in places[channel]]
        return messages

    def _observed(self, change: Change, ticket: Ticket, plugin: str, action_by: str, now: datetime) -> OutboxMessage:
        """Return the message that tells one observer of ``change``."""
        event = TicketEvent(
            id=self.ids.new(now),
            ticket=ticket,
            action_by=action_by,
            at=now,
            entries=change.entries,
            comment=change.comment,
            notify_code=change.event,
            detail=change.detail,
        )
        return self._row(event.id, ticket, change.entries[0].action, f"{OBSERVER}{plugin}", "", to_plain(event), now)

    def _message(
        self,
        ticket: Ticket,
        event: NotifyCode,
        channel: str,
        recipient: str,
        payload: dict[str, object],
        now: datetime,
    ) -> OutboxMessage:
        return self._row(self.ids.new(now), ticket, event.name, channel, recipient, payload, now)

    def _row(
        self,
        guid: str,
        ticket: Ticket,
        code: str,
        channel: str,
        recipient: str,
        payload: dict[str, object],
        now: datetime,
    ) -> OutboxMessage:
        return OutboxMessage(
            guid=guid,
            ticket_guid=ticket.guid,
            package=ticket.package,
            notify_code=code,
            channel=channel,
            recipient=recipient,
            payload=_encode(payload),
            next_attempt=now + self.lease,
            created_date=now,
        )


def _addresses(tx: Transaction, contacts: Sequence[str]) -> list[str]:
    found = (email_of(tx, contact) for contact in contacts)
    return list(dict.fromkeys(address for address in found if address))
