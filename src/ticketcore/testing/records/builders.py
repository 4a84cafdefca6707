"""A builder for each kind of record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from ticketcore.domain.events import OutboxMessage
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.jobs import JobState
from ticketcore.domain.people import Person, User
from ticketcore.domain.policy import AssignRule, SlaPolicy
from ticketcore.domain.recurrence import Schedule
from ticketcore.domain.template import Template
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.version import VersionRow
from ticketcore.domain.work import Comment, Link, LinkType, PullRequestTicket, Signoff, Task, TimeEntry

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
"""The instant at which everything here happens unless told otherwise."""

LATER = NOW + timedelta(days=1, microseconds=1)
"""An instant behind it, which differs in its last digit too."""

_numbers = count(1)


def new_guid() -> str:
    """Return an identifier that no other record of this process has; later ones sort behind."""
    return f"00000000-0000-7000-8000-{next(_numbers):012d}"


def make_ticket(**fields: Any) -> Ticket:
    """Return a new ticket, without a number."""
    given: dict[str, Any] = {
        "guid": new_guid(),
        "package": "CORE",
        "subject": "The printer is on fire",
        "created_date": NOW,
        "updated_date": NOW,
    }
    return Ticket(**{**given, **fields})


def make_history_entry(**fields: Any) -> HistoryEntry:
    """Return the first row in the trail of a ticket of its own."""
    given: dict[str, Any] = {
        "guid": new_guid(),
        "ticket_guid": new_guid(),
        "action": "CREATED",
        "action_by": "ann",
        "package": "CORE",
        "action_date": NOW,
        "seq": 1,
        "salt": "salt",
        "prev_hash": "",
    }
    return HistoryEntry(**{**given, **fields})


def make_comment(**fields: Any) -> Comment:
    """Return a comment on a ticket of its own."""
    given: dict[str, Any] = {
        "guid": new_guid(),
        "ticket_guid": new_guid(),
        "text": "It is out now.",
        "commented_by": "bob",
        "package": "CORE",
        "created_date": NOW,
    }
    return Comment(**{**given, **fields})


def make_assign_rule(**fields: Any) -> AssignRule:
    """Return a rule that gives everything to one address, without an id."""
    return AssignRule(**{"assign_to": "ops@example.com", **fields})


def make_sla_policy(**fields: Any) -> SlaPolicy:
    """Return the targets of a high priority, without an id."""
    given = {"priority": "HIGH", "response_minutes": 60, "resolution_minutes": 480}
    return SlaPolicy(**{**given, **fields})


def make_person(**fields: Any) -> Person:
    """Return a person with an address of their own."""
    guid = new_guid()
    given = {"person_guid": guid, "name": "Ann Example", "email": f"{guid}@example.com"}
    return Person(**{**given, **fields})


def make_user(**fields: Any) -> User:
    """Return a user who is no person that is known."""
    return User(**{"username": f"user-{new_guid()}", "email": "ann@example.com", **fields})


def make_outbox_message(**fields: Any) -> OutboxMessage:
    """Return a message that is due."""
    given: dict[str, Any] = {
        "guid": new_guid(),
        "ticket_guid": new_guid(),
        "package": "CORE",
        "notify_code": "Created",
        "channel": "email",
        "payload": "{}",
        "next_attempt": NOW,
        "created_date": NOW,
    }
    return OutboxMessage(**{**given, **fields})


def make_job_state(**fields: Any) -> JobState:
    """Return the state of a job that has never run."""
    return JobState(**{"name": f"job-{new_guid()}", **fields})


def make_task(**fields: Any) -> Task:
    """Return an open task of a ticket of its own."""
    given: dict[str, Any] = {
        "guid": new_guid(),
        "ticket_guid": new_guid(),
        "name": "Fetch an extinguisher",
        "sort_order": 1,
        "package": "CORE",
        "created_date": NOW,
        "updated_date": NOW,
    }
    return Task(**{**given, **fields})


def make_link(**fields: Any) -> Link:
    """Return a link between two tickets of its own."""
    given: dict[str, Any] = {
        "guid": new_guid(),
        "source_guid": new_guid(),
        "target_guid": new_guid(),
        "link_type": LinkType.BLOCKS,
        "created_by": "ann",
        "package": "CORE",
        "created_date": NOW,
    }
    return Link(**{**given, **fields})


def make_time_entry(**fields: Any) -> TimeEntry:
    """Return three quarters of an hour on a ticket of its own."""
    given: dict[str, Any] = {
        "guid": new_guid(),
        "ticket_guid": new_guid(),
        "person_email": "ann@example.com",
        "duration_minutes": 45,
        "package": "CORE",
        "created_date": NOW,
    }
    return TimeEntry(**{**given, **fields})


def make_signoff(**fields: Any) -> Signoff:
    """Return a request that waits for its answer, for a ticket of its own."""
    given: dict[str, Any] = {
        "guid": new_guid(),
        "ticket_guid": new_guid(),
        "email": "ann@example.com",
        "requested_by": "bob",
        "package": "CORE",
        "requested_date": NOW,
    }
    return Signoff(**{**given, **fields})


def make_pull_request_ticket(**fields: Any) -> PullRequestTicket:
    """Return which ticket, of its own, was made from a pull request of its own."""
    given: dict[str, Any] = {
        "pr_key": f"git.example.com/acme/shop/{new_guid()}",
        "ticket_guid": new_guid(),
        "package": "CORE",
        "created_date": NOW,
    }
    return PullRequestTicket(**{**given, **fields})


def make_version_row(**fields: Any) -> VersionRow:
    """Return the second version of a ticket of its own."""
    given: dict[str, Any] = {
        "guid": new_guid(),
        "ticket_guid": new_guid(),
        "version": 2,
        "history_seq": 2,
        "changes": "{}",
        "changed_by": "ann",
        "package": "CORE",
        "created_date": NOW,
    }
    return VersionRow(**{**given, **fields})


def make_template(**fields: Any) -> Template:
    """Return a template without tasks, under a name of its own."""
    guid = new_guid()
    given: dict[str, Any] = {
        "guid": guid,
        "package": "CORE",
        "name": f"TEMPLATE-{guid}",
        "subject": "A new colleague",
    }
    return Template(**{**given, **fields})


def make_schedule(**fields: Any) -> Schedule:
    """Return a schedule that is due."""
    given: dict[str, Any] = {
        "guid": new_guid(),
        "template_name": "BACKUP",
        "cron_expression": "30 9 * * *",
        "timezone": "UTC",
        "package": "CORE",
        "created_by": "ann",
        "next_run": NOW,
        "created_date": NOW,
    }
    return Schedule(**{**given, **fields})


BUILDERS: Mapping[type, Callable[..., Any]] = {
    Ticket: make_ticket,
    HistoryEntry: make_history_entry,
    Comment: make_comment,
    Task: make_task,
    Link: make_link,
    TimeEntry: make_time_entry,
    Signoff: make_signoff,
    PullRequestTicket: make_pull_request_ticket,
    VersionRow: make_version_row,
    Template: make_template,
    Schedule: make_schedule,
    AssignRule: make_assign_rule,
    SlaPolicy: make_sla_policy,
    Person: make_person,
    User: make_user,
    OutboxMessage: make_outbox_message,
    JobState: make_job_state,
}
"""The builder of each kind."""


def make_record(kind: type, **fields: Any) -> Any:
    """Return a new record of ``kind``."""
    return BUILDERS[kind](**fields)
