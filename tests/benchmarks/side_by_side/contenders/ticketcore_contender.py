"""ticketcore: a desk, as ``open_desk`` makes it. Each change writes history, outbox and the words to search in."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from attrs import evolve

import ticketcore
from ticketcore import open_desk
from ticketcore.config.schema import Config, DatabaseSection, EmailSection, SchedulerSection
from ticketcore.domain.history import HistoryEntry, seal
from ticketcore.domain.query import Query
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.services.people import stored_assignee

ADA = "ada@example.com"
PRIORITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO")
WALK = ("TRIAGED", "IN_PROGRESS", "RESOLVED", "CLOSED")
FILLED = (Status.NEW, Status.TRIAGED, Status.IN_PROGRESS, Status.RESOLVED, Status.CLOSED)


def worker(i: int) -> str:
    return f"worker{i}@example.com"


class Contender:
    """A desk on one database."""

    def __init__(self, store: str, folder: Path) -> None:
        url = f"sqlite:///{folder / 'ticketcore.db'}" if store.startswith("sqlite") else store
        self.config = Config(
            database=DatabaseSection(url=url),
            email=EmailSection(folder=folder / "mail"),
            scheduler=SchedulerSection(inline=False),
        )

    def prepare(self) -> None:
        """Make a store with people, 14 auto-assign rules (none for the tickets to come) and 10 service levels."""
        with open_desk(self.config) as desk:
            desk.init_store()
            desk.people.add_person("Ada Adams", ADA, "ada", is_staff=True, action_by="bench")
            for i in range(50):
                desk.people.add_person(f"Worker {i}", worker(i), f"worker{i}", is_staff=True, action_by="bench")
            for i, (package, priority) in enumerate(itertools.product(("CORE", "SHOP", "BILLING"), PRIORITIES)):
                if (package, priority) != ("CORE", "HIGH"):
                    desk.rules.auto_assign_add_rule(package, worker(i), priority=priority, action_by="bench")
            for package, (i, priority) in itertools.product(("CORE", "SHOP"), enumerate(PRIORITIES, 1)):
                desk.sla.set_sla(
                    package, priority, response_minutes=10 * i, resolution_minutes=60 * i, action_by="bench"
                )

    def connect(self) -> None:
        self.desk = open_desk(self.config)

    def facts(self) -> dict[str, Any]:
        return {"version": ticketcore.__version__}

    def ask(self, question: str) -> Any:
        with self.desk.repository.transaction() as tx:
            connection: Any = tx._connection  # type: ignore[attr-defined]
            return connection.exec_driver_sql(question).scalar()

    def create(self, subject: str, text: str) -> Any:
        return self._create(subject, text).guid

    def _create(self, subject: str, text: str) -> Ticket:
        return self.desk.tickets.create(subject, description=text, priority="HIGH", requested_by=ADA, action_by=ADA)

    def lifecycle(self, subject: str, text: str) -> Any:
        guid = self.create(subject, text)
        for _ in self.later_steps(guid, text):
            pass
        return guid

    def later_steps(self, guid: str, text: str) -> Any:
        """Yield after each change that follows the creation of a ticket."""
        yield self.desk.tickets.assign(guid, worker(0), action_by=ADA)
        yield self.desk.comments.add_comment(guid, text, commented_by=ADA)
        for status in WALK:
            yield self.desk.tickets.change_status(guid, status, action_by=ADA)

    def read(self, name: Any) -> int:
        ticket = self.desk.tickets.read(name)
        return len(self.desk.queries.get_history(name)) if ticket.subject else 0

    def list_open(self, who: int, limit: int) -> int:
        found = self.desk.queries.get_tickets_by_filter(
            status="IN_PROGRESS", assignee=worker(who), sort="-number", limit=limit
        )
        return len(found)

    def count(self) -> dict[str, int]:
        return self.desk.queries.get_status_summary()

    def fill(self, size: int, people: int) -> None:
        """Add copies of a ticket and its history."""
        pattern = self._create("Ticket", "Filled in")
        (row,) = self.desk.queries.get_history(pattern.guid)
        with self.desk.repository.transaction() as tx:
            names = [stored_assignee(tx, worker(i)) for i in range(people)]
            start = tx.count(Query(Ticket))
        for first in range(start, size, 1000):
            tickets = [
                evolve(
                    pattern,
                    guid=self.desk.ids.new(self.desk.clock.now()),
                    ticket_number=0,
                    subject=f"Ticket {i}",
                    assigned_to=names[i % people],
                    status=FILLED[i // people % len(FILLED)],
                )
                for i in range(first, min(first + 1000, size))
            ]
            with self.desk.repository.transaction() as tx:
                tx.add_many(tickets)
                tx.add_many([self._first_row(row, ticket) for ticket in tickets])

    def _first_row(self, row: HistoryEntry, ticket: Ticket) -> HistoryEntry:
        return seal(evolve(row, guid=self.desk.ids.new(self.desk.clock.now()), ticket_guid=ticket.guid))
