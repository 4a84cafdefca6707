"""What is attached to a ticket: comments, tasks, links, time spent, sign-offs, pull requests."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from attrs import frozen


@frozen(kw_only=True)
class Comment:
    """A comment on a ticket; an internal one is for staff only."""

    guid: str
    ticket_guid: str
    text: str
    commented_by: str
    is_internal: bool = False
    package: str
    created_date: datetime


class TaskStatus(StrEnum):
    """How far a task is."""

    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    CANCELLED = "CANCELLED"


@frozen(kw_only=True)
class Task:
    """A part of the work on a ticket: a row of ``data_ticket_task``.

    ``assigned_to`` is a person's guid when the person is known. The three ``pr_`` fields name the pull request that
    does it, if there is one: its id within the repository, the repository, its address.
    """

    guid: str
    ticket_guid: str
    name: str
    description: str = ""
    assigned_to: str = ""
    status: TaskStatus = TaskStatus.OPEN
    sort_order: int
    pr_id: str = ""
    pr_repo: str = ""
    pr_url: str = ""
    package: str
    created_date: datetime
    updated_date: datetime
    completed_date: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is still something to do."""
        return self.status in OPEN_TASKS


OPEN_TASKS = frozenset({TaskStatus.OPEN, TaskStatus.IN_PROGRESS})
"""The statuses of a task that still has to be done."""


class LinkType(StrEnum):
    """What the source of a link is to its target."""

    RELATES_TO = "RELATES_TO"
    BLOCKS = "BLOCKS"
    DUPLICATES = "DUPLICATES"
    PARENT_OF = "PARENT_OF"
    CAUSES = "CAUSES"


@frozen(kw_only=True)
class Link:
    """A link from one ticket to another: a row of ``data_ticket_link``."""

    guid: str
    source_guid: str
    target_guid: str
    link_type: LinkType
    created_by: str
    package: str
    created_date: datetime


@frozen(kw_only=True)
class TimeEntry:
    """Time that somebody spent on a ticket: a row of ``data_ticket_time``."""

    guid: str
    ticket_guid: str
    person_email: str
    start_time: datetime | None = None
    end_time: datetime | None = None
    duration_minutes: int
    description: str = ""
    package: str
    created_date: datetime


class SignoffStatus(StrEnum):
    """What has become of a request to sign off."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


@frozen(kw_only=True)
class Signoff:
    """A request to one person to sign a ticket off, and the answer: a row of ``data_ticket_signoff``.

    There is one for each ticket and address. ``person_guid`` is set where the person is known. ``signed_date`` is when
    the answer came.
    """

    guid: str
    ticket_guid: str
    person_guid: str | None = None
    email: str
    role: str = ""
    status: SignoffStatus = SignoffStatus.PENDING
    note: str = ""
    requested_by: str
    package: str
    requested_date: datetime
    signed_date: datetime | None = None


@frozen(kw_only=True)
class PullRequestTicket:
    """Which ticket was made from a pull request: a row of ``data_ticket_pull_request``, one for each pull request."""

    pr_key: str
    ticket_guid: str
    package: str
    created_date: datetime
