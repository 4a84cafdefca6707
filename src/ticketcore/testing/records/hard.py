"""A record of every kind that is easily damaged on its way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.policy import AssignStrategy, SlaPolicy
from ticketcore.domain.recurrence import CatchUp
from ticketcore.domain.template import TemplateTask
from ticketcore.domain.ticket import Priority, RequestedByType, Status, Ticket, TicketType
from ticketcore.domain.work import LinkType, SignoffStatus, TaskStatus
from ticketcore.testing.records.builders import (
    LATER,
    NOW,
    make_assign_rule,
    make_comment,
    make_history_entry,
    make_job_state,
    make_link,
    make_outbox_message,
    make_person,
    make_pull_request_ticket,
    make_schedule,
    make_signoff,
    make_sla_policy,
    make_task,
    make_template,
    make_ticket,
    make_time_entry,
    make_user,
    make_version_row,
    new_guid,
)

HARD_TEXT = ' Zoë\'s "50 %_" \\ \U0001f3ab Straße; -- e\u0301 日本語\t\uffee  '
"""Text that is easily damaged: blanks at both ends, quotes, wildcards, letters of up to 4 bytes."""

HARD_LINES = f"{HARD_TEXT}\r\n\n{{}} <b>&amp;</b> NULL\n"
"""The same over several lines."""


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
