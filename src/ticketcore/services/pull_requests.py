"""Pull requests: which task of a ticket they do, and tickets that are made from one."""

from __future__ import annotations

from datetime import datetime

from attrs import define

from ticketcore.domain.lifecycle import Change
from ticketcore.domain.pull_request import PullRequest, parse_pull_request
from ticketcore.domain.pull_request_task import checked_link, linked, with_pull_request
from ticketcore.domain.ticket import RequestedByType, Ticket, TicketType
from ticketcore.domain.work import PullRequestTicket, Task
from ticketcore.errors import NotFoundError
from ticketcore.ports.repository import Transaction
from ticketcore.services.changes import Changes
from ticketcore.services.creation import Creation, NewTicket
from ticketcore.services.merged import where_merged
from ticketcore.services.references import Reference, guid_of, load
from ticketcore.services.repeating import reads
from ticketcore.services.tasks import tasks_of


@define(eq=False, repr=False)
class PullRequests:
    """The operations on the pull requests of tickets."""

    changes: Changes

    def link_pull_request(
        self,
        ticket_guid: Reference,
        pr_id: str | int,
        repo: str = "",
        *,
        task: str | Task | None = None,
        url: str = "",
        action_by: str,
    ) -> Task:
        """Link a pull request to a task of a ticket, and return the task.

        That is the task that has the pull request already, else the one that is named, else a new one. Linking it
        again changes nothing, but for an address that is given and was another.

        Args:
            ticket_guid: the ticket.
            pr_id: the number (or whatever the host calls it by) of the pull request within its repository.
            repo: the repository, with its owner in front.
            task: a task of this ticket, its guid will do; a pull request that it had is replaced.
            url: the address of the pull request.
            action_by: who links it.

        Raises:
            RejectedError: the id is empty, something is too long, the address is none; another task than the one that
                is named has this pull request; or the ticket is merged, or it is cancelled and would need a new task.
            NotFoundError: there is no such ticket, or it has no such task.
        """
        link = checked_link(pr_id, repo, url)
        found: list[Task] = []

        def rule(tx: Transaction, ticket: Ticket, now: datetime) -> Change | None:
            tasks = tasks_of(tx, ticket.guid)
            named = None if task is None else _named(task, tasks, ticket)
            change, holder = linked(ticket, tasks, link, task=named, guid=self.changes.ids.new(now), now=now)
            found[:] = [holder]
            return change

        self.changes.apply(ticket_guid, rule, action_by=action_by, commutes=True)
        return found[0]

    @reads
    def get_linked_prs(self, ticket_guid: Reference) -> list[Task]:
        """Return the tasks of a ticket that have a pull request, in their order."""
        with self.changes.repository.transaction(read_only=True) as tx:
            return [task for task in tasks_of(tx, guid_of(tx, ticket_guid)) if task.pr_id]


def _named(task: str | Task, tasks: list[Task], ticket: Ticket) -> Task:
    guid = task.guid if isinstance(task, Task) else task
    for one in tasks:
        if one.guid == guid:
            return one
    number = ticket.ticket_number
    raise NotFoundError(f"task of ticket {number}", guid, hint=f"ticketcore tasks {number} lists them")


def create_from_pr(
    changes: Changes, creation: Creation, pr_data: object, *, action_by: str, package: str | None = None
) -> Ticket:
    """Create a ticket from a pull request, or return the one that was made from it before.

    See :meth:`ticketcore.services.lifecycle.Tickets.create_from_pr`.
    """
    pull_request = parse_pull_request(pr_data)
    asked = _asked(pull_request, package, action_by)

    def build(tx: Transaction, now: datetime) -> Change | Ticket:
        made = tx.get(PullRequestTicket, pull_request.key)
        if made is not None:
            ticket = load(tx, made.ticket_guid)
            return where_merged(tx, ticket) or ticket
        change = creation.change(tx, now, asked, action_by=action_by)
        return with_pull_request(change, pull_request, guid=changes.ids.new(now), now=now)

    return changes.create(build, action_by=action_by)


def _asked(pull_request: PullRequest, package: str | None, action_by: str) -> NewTicket:
    """Return the ticket to make; anybody can write a payload, so no mail goes where one says (SYSTEM)."""
    return NewTicket(
        subject=pull_request.subject,
        description=pull_request.body,
        package=package,
        ticket_type=TicketType.INTERNAL,
        requested_by=pull_request.author or action_by,
        requested_by_type=RequestedByType.SYSTEM,
    )
