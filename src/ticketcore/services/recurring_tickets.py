"""The things that recur without any plugin: tickets from templates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from attrs import define, evolve

from ticketcore.domain.lifecycle import Change
from ticketcore.domain.recurrence import Occurrence, Schedule
from ticketcore.domain.ticket import Ticket
from ticketcore.ports.repository import Transaction
from ticketcore.services.changes import Changes
from ticketcore.services.jobs import ACTOR
from ticketcore.services.repeating import reads
from ticketcore.services.templating import Templating


@define(eq=False, repr=False)
class RecurringTickets:
    """Makes the tickets of schedules; whoever made the schedule requests them."""

    changes: Changes
    templating: Templating

    @reads
    def check(self, schedule: Schedule) -> None:
        """Refuse a schedule of which no ticket could be made now.

        Raises:
            NotFoundError: there is no such template.
            RejectedError: the template needs values that a schedule does not have.
        """
        now = self.changes.clock.now()
        with self.changes.repository.transaction(read_only=True) as tx:
            self._change(tx, now, schedule, now)

    def make(self, occurrence: Occurrence) -> Ticket | None:
        """Make the ticket of an occurrence and settle it, in one transaction; ``None`` if that has been done already.

        Raises:
            NotFoundError: there is no such template any more.
            RejectedError: the template or a policy refuses.
        """
        made: list[str] = []

        def rule(tx: Transaction, _tickets: Sequence[Ticket], now: datetime) -> list[Change]:
            made.clear()
            if tx.get(Schedule, occurrence.schedule.guid) != occurrence.schedule:
                return []
            change = self._change(tx, now, occurrence.schedule, occurrence.due)
            made.append(change.after.guid)
            return [evolve(change, saves=(*change.saves, occurrence.settled))]

        self.changes.apply_all([], rule, action_by=ACTOR)
        return self._ticket(made[0]) if made else None

    @reads
    def _ticket(self, guid: str) -> Ticket | None:
        with self.changes.repository.transaction(read_only=True) as tx:
            return tx.get(Ticket, guid)

    def _change(self, tx: Transaction, now: datetime, schedule: Schedule, due: datetime) -> Change:
        local = due.astimezone(ZoneInfo(schedule.timezone))
        return self.templating.template_change(
            tx,
            now,
            schedule.template_name,
            schedule.created_by,
            package=schedule.package,
            values={"date": local.date()},
            overrides={"project": schedule.project or None},
            action_by=ACTOR,
        )
