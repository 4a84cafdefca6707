"""Tasks that a pull request does: linking one to a ticket, and making a ticket of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import evolve, frozen

from ticketcore.domain.checks import Checks
from ticketcore.domain.code_hosts import PullRequestState
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.lifecycle import Change, TaskChange
from ticketcore.domain.pull_request import PullRequest
from ticketcore.domain.tasks import TASK_NAME_LENGTH, addition, new_task
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.web_address import WEB_ADDRESS, is_web_address
from ticketcore.domain.work import PullRequestTicket, Task, TaskStatus
from ticketcore.errors import Problem, RejectedError

REPO_LENGTH = 500
_BITS = 62
"""What every store can count to."""

_STATUSES: Mapping[PullRequestState | None, TaskStatus] = {
    PullRequestState.MERGED: TaskStatus.DONE,
    PullRequestState.CLOSED: TaskStatus.CANCELLED,
}


@frozen
class PullRequestLink:
    """What a task keeps of a pull request."""

    pr_id: str
    repo: str = ""
    url: str = ""

    def __str__(self) -> str:
        """Return how people write it: ``group/project#17``."""
        return f"{self.repo}#{self.pr_id}"

    def is_of(self, task: Task) -> bool:
        """Return whether ``task`` has this pull request; no host tells repositories apart by case."""
        return task.pr_id == self.pr_id and task.pr_repo.lower() == self.repo.lower()


def link_of(task: Task) -> PullRequestLink:
    """Return the pull request that ``task`` has."""
    return PullRequestLink(task.pr_id, task.pr_repo, task.pr_url)


def checked_link(pr_id: object, repo: object, url: object) -> PullRequestLink:
    """Return the pull request that somebody named.

    Raises:
        RejectedError: with everything that is wrong with it.
    """
    checks = Checks()
    is_number = isinstance(pr_id, int) and not isinstance(pr_id, bool) and pr_id.bit_length() <= _BITS
    number = str(pr_id) if is_number else pr_id
    if isinstance(number, str):
        number = number.strip().lstrip("#!")  # as hosts write it in a text
    line = checks.line("pr_id", number, required=True)
    if "/" in line or " " in line:
        message = "is no id of a pull request: give its number, such as 17, and its address as the url"
        checks.problems.append(Problem("pr_id", message))
    link = PullRequestLink(
        line,
        checks.line("repo", repo, REPO_LENGTH),
        checks.text("url", url).strip(),
    )
    if link.url and not is_web_address(link.url):
        checks.problems.append(Problem("url", WEB_ADDRESS))
    checks.done()
    return link


def linked(
    ticket: Ticket, tasks: Sequence[Task], link: PullRequestLink, *, task: Task | None, guid: str, now: datetime
) -> tuple[Change | None, Task]:
    """Return the change that links a pull request, ``None`` if nothing is new, and the task that has it then.

    That is the one of ``tasks``, those of the ticket, that has it already, else ``task``, which is one of them too,
    else a new one with this ``guid``.

    Raises:
        RejectedError: another task than ``task`` has it, or it needs a new task, and the ticket takes none any more.
    """
    holders = [one for one in tasks if link.is_of(one)]
    holder = task if task in holders else next(iter(holders), None)
    before = holder or task
    if before is None:
        place = max((one.sort_order for one in tasks), default=0) + 1
        made = _made(ticket, link, guid=guid, place=place, now=now)
        entries = (addition(made), _entry(made))
        return Change(before=ticket, after=ticket, entries=entries, tasks=(TaskChange(None, made),)), made
    if task is not None and before.guid != task.guid:
        message = f"{link} is linked to the task {before.guid} ({before.name}) already; name that one, or none"
        raise RejectedError([Problem("task", message)])
    repo, url = (before.pr_repo, link.url or before.pr_url) if holder else (link.repo, link.url)
    after = evolve(before, pr_id=link.pr_id, pr_repo=repo, pr_url=url)
    if after == before:
        return None, before
    after = evolve(after, updated_date=now)
    changed = TaskChange(before, after)
    return Change(before=ticket, after=ticket, entries=(_entry(after, before),), tasks=(changed,)), after


def with_pull_request(change: Change, pull_request: PullRequest, *, guid: str, now: datetime) -> Change:
    """Return ``change``, which creates a ticket, with a task of this ``guid`` for the pull request."""
    ticket = change.after
    link = PullRequestLink(pull_request.pr_id, pull_request.repo, pull_request.url)
    status = _STATUSES.get(pull_request.state, TaskStatus.OPEN)
    task = evolve(
        _made(ticket, link, guid=guid, place=1, now=now),
        status=status,
        completed_date=now if status is TaskStatus.DONE else None,
    )
    origin = PullRequestTicket(
        pr_key=pull_request.key, ticket_guid=ticket.guid, package=ticket.package, created_date=now
    )
    first, *others = change.entries
    noted = evolve(first, note=f"from the pull request {link}")
    return evolve(
        change,
        entries=(noted, *others, addition(task), _entry(task)),
        tasks=(TaskChange(None, task),),
        adds=(origin,),
    )


def _made(ticket: Ticket, link: PullRequestLink, *, guid: str, place: int, now: datetime) -> Task:
    name = f"Pull request {link}"[:TASK_NAME_LENGTH]
    task = new_task(ticket, guid=guid, name=name, sort_order=place, now=now)
    return evolve(task, pr_id=link.pr_id, pr_repo=link.repo, pr_url=link.url)


def _entry(after: Task, before: Task | None = None) -> Entry:
    """Return what the history of a ticket says of a pull request that a task has now."""
    old = _shown(before) if before is not None and before.pr_id else None
    return Entry(Action.PR_LINKED, "pull_request", old, _shown(after), after.name)


def _shown(task: Task) -> str:
    return f"{link_of(task)} {task.pr_url}".rstrip()
