"""The write path of tickets that come from a file: many in one transaction, and people are told of none of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import define, evolve, fields

from ticketcore.domain.bundle import PARTS, Bundle
from ticketcore.domain.events import OutboxMessage
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.lifecycle import Change, created
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import ForbiddenError, RejectedError
from ticketcore.ports.extension import Amendment
from ticketcore.ports.repository import Transaction
from ticketcore.services.changes import Changes, save_tickets

_STORED_WITH_IT = tuple(name for name in PARTS if name != "links")
"""What is stored with a ticket; links wait until the ticket at their other end is there too."""


@define(eq=False, repr=False)
class ImportPath(Changes):
    """Stores tickets that were tickets before, or that another system has had.

    Policies judge each of them as they judge a new ticket. Observers are told of each as of a new one, by the worker;
    people and systems behind notifiers are told nothing: what is new here is no news.
    """

    @classmethod
    def of(cls, changes: Changes) -> ImportPath:
        """Return the path beside that of ``changes``."""
        return cls(**{field.name: getattr(changes, field.name) for field in fields(Changes)})

    def refuse_bundle(self, bundle: Bundle, action_by: str) -> None:
        """Raise what policies have against a whole ticket.

        Raises:
            RejectedError: they have something against it.
        """
        verdict = self.policies.judge(_arrival(bundle.ticket), action_by)
        if verdict.reasons:
            raise ForbiddenError(verdict.reasons, verdict.problems)
        if verdict.problems:
            raise RejectedError(verdict.problems)

    def judged_new(
        self, tx: Transaction, change: Change, action_by: str, at: datetime, amendments: Sequence[Amendment]
    ) -> tuple[Change, list[HistoryEntry]]:
        """Return the change that a ticket of another system is, made at ``at``, as policies let it pass.

        Raises:
            RejectedError: they have something against it.
        """
        judged = self._judged(tx, evolve(change, event=None), action_by, at, amendments)
        assert not isinstance(judged, Ticket)  # noqa: S101 - only what was before can be left as it was
        return evolve(judged[0], event=None), judged[1]

    def add_bundles(self, tx: Transaction, bundles: Sequence[Bundle], action_by: str, now: datetime) -> list[Ticket]:
        """Store whole tickets as they are, and what observers are to be told of them."""
        stored = tx.add_many([bundle.ticket for bundle in bundles])
        for name in _STORED_WITH_IT:
            records: list[Any] = [record for bundle in bundles for record in getattr(bundle, name)]
            tx.add_many(records)
        for ticket in stored:
            self._tell(tx, _arrival(ticket), ticket, action_by, now)
        return stored

    def add_new(
        self, tx: Transaction, change: Change, rows: list[HistoryEntry], action_by: str, now: datetime
    ) -> Ticket:
        """Store a ticket of another system, and what observers are to be told of it."""
        stored = save_tickets(tx, [change])[change.after.guid]
        self._attach(tx, change, rows, action_by, now)
        self._tell(tx, change, stored, action_by, now)
        return stored

    def _tell(self, tx: Transaction, change: Change, stored: Ticket, action_by: str, now: datetime) -> None:
        messages: list[OutboxMessage] = self.notices.plan(tx, change, stored, action_by, now, {})
        tx.add_many([evolve(message, next_attempt=now) for message in messages])


def _arrival(ticket: Ticket) -> Change:
    """Return the change that an imported ticket is to policies and observers."""
    return evolve(created(ticket), event=None)
