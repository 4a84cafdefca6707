"""The tasks of tickets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import define

from ticketcore.domain.lifecycle import Change
from ticketcore.domain.query import Order, Query, eq
from ticketcore.domain.tasks import new_task, task_added, task_moved
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Task, TaskStatus
from ticketcore.errors import NotFoundError
from ticketcore.ports.repository import Transaction
from ticketcore.services.changes import Changes
from ticketcore.services.people import is_storable, stored_assignee
from ticketcore.services.references import Reference, guid_of, load
from ticketcore.services.repeating import reads


def tasks_of(tx: Transaction, ticket_guid: str) -> list[Task]:
    """Return the tasks of a ticket, in order."""
    return tx.find(Query(Task, (eq("ticket_guid", ticket_guid),), (Order("sort_order"), Order("guid"))))


def next_place(tx: Transaction, ticket_guid: str) -> int:
    """Return the place behind the last task of a ticket."""
    last = Query(Task, (eq("ticket_guid", ticket_guid),), (Order("sort_order", descending=True), Order("guid")), 1)
    return max((task.sort_order for task in tx.find(last)), default=0) + 1


def load_task(tx: Transaction, guid: str) -> Task:
    """Return the task with this guid as it is stored now.

    Raises:
        NotFoundError: there is none.
    """
    task = tx.get(Task, guid.strip()) if is_storable(guid) else None
    if task is None:
        raise NotFoundError("task", guid, hint="give its guid; ticketcore tasks T shows the tasks of a ticket")
    return task


@define(eq=False, repr=False)
class Tasks:
    """The tasks of a ticket: added, listed, moved. A task that exists is named by its guid.

    A task is OPEN, IN_PROGRESS, DONE or CANCELLED; the status of its ticket is not changed by it.
    """

    changes: Changes

    def add_task(
        self,
        ticket: Reference,
        name: str,
        description: str = "",
        assigned_to: str | None = None,
        *,
        action_by: str,
    ) -> Task:
        """Add a task behind the others of a ticket, and return it.

        Args:
            ticket: the ticket.
            name: what is to be done, at most 500 characters; line breaks become blanks.
            description: the details.
            assigned_to: who does it: an address, a login name or any text; nobody by default.
            action_by: who adds it.

        Raises:
            RejectedError: with every problem of the input; or the ticket is cancelled or merged.
            NotFoundError: there is no such ticket.
        """
        made: list[Task] = []

        def rule(tx: Transaction, found: Ticket, now: datetime) -> Change:
            task = new_task(
                found,
                guid=self.changes.ids.new(now),
                name=name,
                description=description,
                assigned_to=stored_assignee(tx, assigned_to or ""),
                sort_order=next_place(tx, found.guid),
                now=now,
            )
            made[:] = [task]
            return task_added(found, task)

        self.changes.apply(ticket, rule, action_by=action_by, commutes=True)
        return made[0]

    @reads
    def get_tasks(self, ticket: Reference) -> list[Task]:
        """Return the tasks of a ticket, in order."""
        with self.changes.repository.transaction(read_only=True) as tx:
            return tasks_of(tx, guid_of(tx, ticket))

    def start_task(self, task_guid: str, *, action_by: str) -> Task:
        """Say that work on an OPEN task has begun.

        Raises:
            InvalidTransitionError: it is not OPEN, or its ticket is cancelled.
            NotFoundError: there is no such task.
        """
        return self._move(task_guid, TaskStatus.IN_PROGRESS, action_by)

    def complete_task(self, task_guid: str, *, action_by: str) -> Task:
        """Say that a task is DONE.

        Raises:
            InvalidTransitionError: it is DONE or CANCELLED.
            NotFoundError: there is no such task.
        """
        return self._move(task_guid, TaskStatus.DONE, action_by)

    def reopen_task(self, task_guid: str, *, action_by: str) -> Task:
        """Take up a task again that is DONE or CANCELLED.

        Raises:
            InvalidTransitionError: it is neither, or its ticket is cancelled.
            NotFoundError: there is no such task.
        """
        return self._move(task_guid, TaskStatus.OPEN, action_by)

    def cancel_task(self, task_guid: str, *, action_by: str) -> Task:
        """Say that a task is not to be done.

        Raises:
            InvalidTransitionError: it is DONE or CANCELLED.
            NotFoundError: there is no such task.
        """
        return self._move(task_guid, TaskStatus.CANCELLED, action_by)

    def _move(self, task_guid: str, status: TaskStatus, action_by: str) -> Task:
        made: list[Task] = []

        # The ticket is looked up in the transaction of the change, for a merge may give the task to another one.
        def rule(tx: Transaction, _tickets: Sequence[Ticket], now: datetime) -> list[Change]:
            task = load_task(tx, task_guid)
            change = task_moved(load(tx, task.ticket_guid), task, status, now=now)
            made[:] = [one.after for one in change.tasks]
            return [change]

        self.changes.apply_all((), rule, action_by=action_by)
        return made[0]
