"""The time that is spent on tickets."""

from __future__ import annotations

from datetime import datetime, tzinfo

from attrs import define

from ticketcore.domain.lifecycle import Change
from ticketcore.domain.query import Order, Query, eq
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.timing import by_person, time_logged
from ticketcore.domain.work import TimeEntry
from ticketcore.errors import NotFoundError
from ticketcore.ports.repository import Transaction
from ticketcore.services.changes import Changes
from ticketcore.services.people import email_of, is_storable
from ticketcore.services.references import Reference, guid_of
from ticketcore.services.repeating import reads


@define(eq=False, repr=False)
class TimeLog:
    """The time that people spent on a ticket: logged, listed, added up. Durations are minutes."""

    changes: Changes
    zone: tzinfo

    def log_time(
        self,
        ticket_guid: Reference,
        person_email: str,
        duration_minutes: int | None = None,
        description: str = "",
        start_time: str | datetime | None = None,
        end_time: str | datetime | None = None,
        *,
        action_by: str | None = None,
    ) -> str:
        """Log time that somebody spent on a ticket, and return the guid of the entry.

        Args:
            ticket_guid: the ticket.
            person_email: whose time it is: an address, or the login name or guid of somebody known.
            duration_minutes: how long it took. With both a start and an end it may be left out (the whole minutes
                between them count), and must not be longer than what is between them.
            description: what was done.
            start_time: when the work began (ISO 8601; without an offset in the configured zone); may be left out.
            end_time: when it ended; may be left out.
            action_by: who logs it; the person by default.

        Raises:
            RejectedError: with every problem of the input. Time in the future, and more than a year in one entry, is
                none that was spent. A ticket that was merged takes no more.
            NotFoundError: there is no such ticket.
        """
        guids: list[str] = []

        def rule(tx: Transaction, found: Ticket, now: datetime) -> Change:
            guids[:] = [self.changes.ids.new(now)]
            return time_logged(
                found,
                guid=guids[0],
                person=person_email,
                address=email_of(tx, person_email),
                duration_minutes=duration_minutes,
                description=description,
                start_time=start_time,
                end_time=end_time,
                zone=self.zone,
                now=now,
            )

        actor = person_email if action_by is None else action_by
        self.changes.apply(ticket_guid, rule, action_by=actor, commutes=True)
        return guids[0]

    @reads
    def get_time_entry(self, entry_guid: str) -> TimeEntry:
        """Return the time entry with this guid.

        Raises:
            NotFoundError: there is none.
        """
        with self.changes.repository.transaction(read_only=True) as tx:
            entry = tx.get(TimeEntry, entry_guid.strip()) if is_storable(entry_guid) else None
        if entry is None:
            raise NotFoundError("time entry", entry_guid, hint="ticketcore time-entries T shows those of a ticket")
        return entry

    @reads
    def get_time_entries(self, ticket_guid: Reference) -> list[TimeEntry]:
        """Return the time entries of a ticket, in the order in which they were logged."""
        with self.changes.repository.transaction(read_only=True) as tx:
            where = (eq("ticket_guid", guid_of(tx, ticket_guid)),)
            return tx.find(Query(TimeEntry, where, (Order("created_date"), Order("guid"))))

    def get_total_time(self, ticket_guid: Reference) -> int:
        """Return how many minutes were spent on a ticket."""
        return sum(self.get_time_by_person(ticket_guid).values())

    def get_time_by_person(self, ticket_guid: Reference) -> dict[str, int]:
        """Return how many minutes each person spent on a ticket, by address."""
        return by_person(self.get_time_entries(ticket_guid))
