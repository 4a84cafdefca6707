"""Builders of valid records: each needs no argument, and takes any field by name.

Every record that is built has a key of its own, so that two of them can be stored side by side.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.jobs import JobState
from ticketcore.domain.people import Person, User
from ticketcore.domain.policy import AssignRule, AssignStrategy, SlaPolicy
from ticketcore.domain.query import AllOf, AnyOf, Condition, FieldRef, Op, Order, Query
from ticketcore.domain.recurrence import CatchUp, Schedule
from ticketcore.domain.template import Template, TemplateTask
from ticketcore.domain.ticket import Priority, RequestedByType, Status, Ticket, TicketType
from ticketcore.domain.version import VersionRow
from ticketcore.domain.work import (
    Comment,
    Link,
    LinkType,
    PullRequestTicket,
    Signoff,
    SignoffStatus,
    Task,
    TaskStatus,
    TimeEntry,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
"""The instant at which everything here happens unless told otherwise."""

LATER = NOW + timedelta(days=1, microseconds=1)

HARD_TEXT = ' Zoë\'s "50 %_" \\ \U0001f3ab Straße; -- e\u0301 日本語\t\uffee  '
"""Text that is easily damaged: blanks at both ends, quotes, wildcards, letters of up to 4 bytes."""

HARD_LINES = f"{HARD_TEXT}\r\n\n{{}} <b>&amp;</b> NULL\n"
"""The same over several lines."""

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


def _hard_ticket() -> Ticket:
    return make_ticket(
        project=HARD_TEXT,
        subject=HARD_TEXT,
        description=HARD_LINES,
        status=Status.ON_HOLD,
        priority=Priority.INFO,
        ticket_type=TicketType.FEATURE,
        requested_by=HARD_TEXT,
        requested_by_type=RequestedByType.SYSTEM,
        assigned_to=HARD_TEXT,
        problem_analysis=HARD_LINES,
        work_score=-(2**31),
        sla_response_deadline=NOW + timedelta(microseconds=1),
        sla_resolution_deadline=NOW + timedelta(microseconds=2),
        sla_response_met=False,
        sla_resolution_met=True,
        created_date=datetime(1970, 1, 1, tzinfo=UTC),
        updated_date=datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        resolved_date=NOW + timedelta(microseconds=3),
        closed_date=NOW + timedelta(microseconds=4),
        watchers=("zoë@example.com", "a+b@example.com", "ann@example.com"),
        merged_guids=(new_guid(), new_guid()),
        estimated_date=NOW + timedelta(microseconds=5),
        row_version=7,
        merged_into=new_guid(),
        sla_paused_at=NOW + timedelta(microseconds=6),
        sla_response_escalated=NOW + timedelta(microseconds=7),
        sla_resolution_escalated=NOW + timedelta(microseconds=8),
    )


def _hard_history_entry() -> HistoryEntry:
    return make_history_entry(
        old_value=HARD_LINES,
        new_value="",
        action_by=HARD_TEXT,
        action_date=LATER,
        seq=2**31 - 1,
        field="description",
        note=HARD_LINES,
        salt="s" * 32,
        prev_hash="0" * 64,
        hash="f" * 64,
    )


def _hard_policy() -> SlaPolicy:
    return make_sla_policy(
        package="CORE",
        ticket_type="BUG",
        response_minutes=0,
        resolution_minutes=2**31 - 1,
        calendar=HARD_TEXT,
        escalation_contact=HARD_TEXT,
        raci_responsible=HARD_TEXT,
        raci_accountable=HARD_TEXT,
        raci_consulted=HARD_TEXT,
        raci_informed=HARD_TEXT,
        active=False,
    )


def _hard_outbox_message() -> OutboxMessage:
    return make_outbox_message(
        recipient="zoë@example.com",
        payload=HARD_LINES,
        state=OutboxState.DEAD,
        attempts=12,
        next_attempt=LATER,
        last_error=HARD_LINES,
        delivered_date=LATER + timedelta(microseconds=1),
    )


def _hard_work() -> list[Any]:
    return [
        make_task(
            name=HARD_TEXT,
            description=HARD_LINES,
            assigned_to=HARD_TEXT,
            status=TaskStatus.DONE,
            sort_order=2**31 - 1,
            pr_id=HARD_TEXT,
            pr_repo=HARD_TEXT,
            pr_url=HARD_TEXT,
            updated_date=LATER,
            completed_date=LATER,
        ),
        make_link(link_type=LinkType.PARENT_OF, created_by=HARD_TEXT, created_date=LATER),
        make_time_entry(
            person_email=HARD_TEXT,
            start_time=NOW,
            end_time=LATER,
            duration_minutes=2**31 - 1,
            description=HARD_LINES,
            created_date=LATER,
        ),
        make_signoff(
            person_guid=new_guid(),
            email=HARD_TEXT,
            role=HARD_TEXT,
            status=SignoffStatus.REJECTED,
            note=HARD_LINES,
            requested_by=HARD_TEXT,
            signed_date=LATER,
        ),
        make_pull_request_ticket(pr_key=HARD_TEXT, created_date=LATER),
        make_version_row(version=2**31 - 1, history_seq=2**31 - 1, changes=HARD_LINES, changed_by=HARD_TEXT),
    ]


def _hard_definitions() -> list[Any]:
    return [
        make_template(
            name=HARD_TEXT,
            subject=HARD_TEXT,
            description=HARD_LINES,
            ticket_type=TicketType.BUG,
            priority=Priority.CRITICAL,
            project=HARD_TEXT,
            assign_to=HARD_TEXT,
            tasks=(
                TemplateTask(name=HARD_TEXT, description=HARD_LINES, assign_to=HARD_TEXT),
                TemplateTask(name="Switch it off"),
            ),
            active=False,
        ),
        make_schedule(
            module_type=HARD_TEXT,
            template_name=HARD_TEXT,
            cron_expression=HARD_TEXT,
            timezone=HARD_TEXT,
            project=HARD_TEXT,
            created_by=HARD_TEXT,
            catch_up=CatchUp.NONE,
            last_run=NOW,
            next_run=LATER,
            active=False,
            row_version=7,
            claimed_until=LATER,
            last_error=HARD_LINES,
        ),
    ]


def hard_records() -> list[Any]:
    """Return a record of every kind with a value in each field, chosen to be easily damaged."""
    return [
        _hard_ticket(),
        _hard_history_entry(),
        make_comment(text=HARD_LINES, commented_by=HARD_TEXT, is_internal=True, created_date=LATER),
        make_assign_rule(
            package="CORE",
            project=HARD_TEXT,
            priority="HIGH",
            ticket_type="BUG",
            assign_to=HARD_TEXT,
            active=False,
            strategy=AssignStrategy.LEAST_LOADED,
            last_assigned=HARD_TEXT,
        ),
        *_hard_work(),
        *_hard_definitions(),
        _hard_policy(),
        make_person(name=HARD_TEXT, is_staff=True, active=False),
        make_user(email=HARD_TEXT, person_guid=new_guid(), active=False),
        _hard_outbox_message(),
        make_job_state(last_run=NOW, last_success=LATER, failures=2**31 - 1, last_error=HARD_LINES, memory=HARD_LINES),
    ]


_WORDS = ("", "a", "A", "a ", "ä", "b", "a_", "10", "9", "\uffee", "\U0001f3ab")
_INSTANTS = (*(NOW + timedelta(microseconds=n) for n in (-1, 0, 1)), LATER)

_RANDOM: Mapping[str, tuple[object, ...]] = {
    "guid": tuple(f"00000000-0000-7000-9000-{n:012d}" for n in range(12)),
    "subject": _WORDS,
    "assigned_to": _WORDS,
    "merged_into": (None, None, None, *_WORDS),
    "status": tuple(Status),
    "priority": tuple(Priority),
    "work_score": (None, None, -1, 0, 1, 2, 10),
    "row_version": (1, 2, 10),
    "sla_response_met": (None, False, True),
    "created_date": _INSTANTS,
    "updated_date": _INSTANTS,
    "resolved_date": (None, *_INSTANTS),
}
"""The values that a random ticket has in each field: few, so that many are equal."""

_ALIKE = (
    ("guid", "subject", "assigned_to", "merged_into"),
    ("work_score", "row_version"),
    ("created_date", "updated_date", "resolved_date"),
)
"""The fields that can be compared with each other, and by every operator."""


def random_tickets() -> SearchStrategy[list[Ticket]]:
    """Return a hypothesis strategy for tickets that resemble each other, 2 to 12 of them."""
    from hypothesis import strategies as st

    # One drawn number decides every field: drawing them one by one takes ten times as long.
    ticket = st.integers(0, 2**16 - 1).map(_random_ticket)
    return st.lists(ticket, min_size=2, max_size=12, unique_by=lambda ticket: ticket.guid)


def _random_ticket(seed: int) -> Ticket:
    choose = random.Random(seed).choice  # noqa: S311 - it need not be hard to guess
    return make_ticket(**{name: choose(values) for name, values in _RANDOM.items()})


def random_queries() -> SearchStrategy[Query[Ticket]]:
    """Return a hypothesis strategy for questions about such tickets, in an unambiguous order."""
    from hypothesis import strategies as st

    where = st.recursive(
        st.one_of([st.sampled_from(_comparisons(field)) for field in _RANDOM]),
        lambda parts: st.builds(
            lambda kind, found: kind(tuple(found)),
            st.sampled_from((AllOf, AnyOf)),
            st.lists(parts, max_size=3),
        ),
        max_leaves=4,
    )
    names = st.lists(st.sampled_from(sorted(_RANDOM.keys() - {"guid"})), unique=True, max_size=3)
    order = st.tuples(names, st.lists(st.booleans(), min_size=4, max_size=4)).map(
        lambda drawn: tuple(map(Order, [*drawn[0], "guid"], drawn[1]))
    )
    return order.flatmap(
        lambda keys: st.builds(
            Query,
            kind=st.just(Ticket),
            where=st.lists(where, max_size=2).map(tuple),
            order=st.just(keys),
            limit=st.none() | st.integers(0, 5),
            after=st.none() | st.tuples(*(st.sampled_from(_RANDOM[key.field]) for key in keys)),
        )
    )


def _comparisons(field: str) -> list[Condition]:
    """Return what can be asked of ``field`` in one condition."""
    values = _RANDOM[field]
    alike = next((names for names in _ALIKE if field in names), ())
    ops = (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE) if alike else (Op.EQ, Op.NE)
    right = [*values, None, None, *map(FieldRef, alike)]
    lists = [(), values[:1], values[1:], values[::2]]
    return [
        Condition(field, Op.IS_NULL),
        Condition(field, Op.NOT_NULL),
        *(Condition(field, Op.IN, tuple(v for v in some if v is not None)) for some in lists),
        *(Condition(field, op, value) for op in ops for value in right),
    ]
