"""The tables, under their specified physical names; each column's key is the field of its record."""

from __future__ import annotations

from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateColumn, PrimaryKeyConstraint, UniqueConstraint

from ticketcore.adapters.sql.types import COLLATION, Instant, Names, TaskList, Word, YesNo, fixed, line, text, word
from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.jobs import JobState
from ticketcore.domain.people import Person, User
from ticketcore.domain.policy import AssignRule, AssignStrategy, SlaPolicy
from ticketcore.domain.recurrence import CatchUp, Schedule
from ticketcore.domain.template import Template
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

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
"""Every revision of the schema, oldest first; a literal, so that a start need not import Alembic."""

metadata = sa.MetaData()

MARIADB = {"mariadb_engine": "InnoDB", "mariadb_charset": "utf8mb4", "mariadb_collate": COLLATION}
"""What MariaDB has to be told of every table; its defaults may be others."""

# Where only an integer primary key counts up by itself (SQLite), the column marked so is that key, and the
# declared primary key becomes unique instead.
_NUMBERED = "ticketcore_numbered"


@compiles(CreateColumn, "sqlite")  # type: ignore[no-untyped-call,untyped-decorator,unused-ignore]
def _numbered_column(element: Any, compiler: Any, **options: Any) -> str:
    if element.element.info.get(_NUMBERED):
        name = compiler.preparer.format_column(element.element)
        return f"{name} INTEGER PRIMARY KEY AUTOINCREMENT"
    return str(compiler.visit_create_column(element, **options))


@compiles(CreateColumn, "mysql", "mariadb")  # type: ignore[no-untyped-call,untyped-decorator,unused-ignore]
def _counted_column(element: Any, compiler: Any, **options: Any) -> str:
    text = str(compiler.visit_create_column(element, **options))
    return f"{text} AUTO_INCREMENT" if element.element.info.get(_NUMBERED) else text


@compiles(PrimaryKeyConstraint, "sqlite")  # type: ignore[no-untyped-call,untyped-decorator,unused-ignore]
def _unique_instead(element: Any, compiler: Any, **options: Any) -> str | None:
    if any(column.info.get(_NUMBERED) for column in element.table.columns):
        names = ", ".join(compiler.preparer.format_column(column) for column in element.columns)
        return f"UNIQUE ({names})"
    constraint: str | None = compiler.visit_primary_key_constraint(element, **options)
    return constraint  # none where the column itself says that it is the key


@compiles(UniqueConstraint, "sqlite")  # type: ignore[no-untyped-call,untyped-decorator,unused-ignore]
def _unique_already(element: Any, compiler: Any, **options: Any) -> str | None:
    # The key is unique by itself; saying so again would cost an index of its own.
    if any(column.info.get(_NUMBERED) for column in element.columns):
        return None
    return str(compiler.visit_unique_constraint(element, **options))


def _table(name: str, *items: Any, **options: Any) -> sa.Table:
    more: Any = MARIADB | options
    table: sa.Table = sa.Table(name, metadata, *items, **more)
    return table


def numbered(name: str, *, key: str) -> sa.Column[int]:
    """Return a column that the database counts up and never reuses."""
    return sa.Column(name, sa.Integer, sa.Identity(), key=key, nullable=False, unique=True, info={_NUMBERED: True})


def _guid(name: str = "Guid", key: str = "guid", **options: Any) -> sa.Column[str]:
    return sa.Column(name, fixed(50), key=key, **options)


def _short(name: str, key: str, length: int = 255, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, line(length), key=key, nullable=nullable)


def _package() -> sa.Column[str]:
    return sa.Column("Package", fixed(255), key="package", nullable=False)


def _when(name: str, key: str, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, Instant, key=key, nullable=nullable)


def _flag(name: str, key: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, YesNo, key=key, nullable=nullable)


ticket = _table(
    "data_ticket",
    _guid(primary_key=True, nullable=False),
    numbered("TicketNumber", key="ticket_number"),
    _package(),
    _short("Project", "project"),
    _short("Subject", "subject", 500),
    sa.Column("Description", text(), key="description", nullable=False),
    sa.Column("Status", word(Status, "ticket_status"), key="status", nullable=False),
    sa.Column("Priority", word(Priority, "ticket_priority"), key="priority", nullable=False),
    sa.Column("TicketType", word(TicketType, "ticket_type"), key="ticket_type", nullable=False),
    _short("RequestedBy", "requested_by"),
    sa.Column(
        "RequestedByType",
        word(RequestedByType, "ticket_requested_by_type"),
        key="requested_by_type",
        nullable=False,
    ),
    _short("AssignedTo", "assigned_to"),
    sa.Column("ProblemAnalysis", text(), key="problem_analysis", nullable=False),
    sa.Column("WorkScore", sa.Integer, key="work_score"),
    _when("SlaResponseDeadline", "sla_response_deadline"),
    _when("SlaResolutionDeadline", "sla_resolution_deadline"),
    _flag("SlaResponseMet", "sla_response_met", nullable=True),
    _flag("SlaResolutionMet", "sla_resolution_met", nullable=True),
    _when("CreatedDate", "created_date", nullable=False),
    _when("UpdatedDate", "updated_date", nullable=False),
    _when("ResolvedDate", "resolved_date"),
    _when("ClosedDate", "closed_date"),
    sa.Column("Watchers", Names, key="watchers", nullable=False),
    sa.Column("MergedGuids", Names, key="merged_guids", nullable=False),
    _when("EstimatedDate", "estimated_date"),
    sa.Column("RowVersion", sa.Integer, key="row_version", nullable=False),
    _guid("MergedInto", "merged_into", nullable=True),
    _when("SlaPausedAt", "sla_paused_at"),
    _when("SlaResponseEscalated", "sla_response_escalated"),
    _when("SlaResolutionEscalated", "sla_resolution_escalated"),
    # Lists go by number unless told otherwise, so the number ends what narrows them down and what sorts them.
    sa.Index("ix_ticket_package", "package", "status", "ticket_number"),
    sa.Index("ix_ticket_status", "status", "ticket_number"),
    sa.Index("ix_ticket_assignee", "assigned_to", "status", "ticket_number"),
    sa.Index("ix_ticket_priority", "priority", "status", "ticket_number"),
    sa.Index("ix_ticket_created", "created_date", "ticket_number"),
    sa.Index("ix_ticket_updated", "updated_date", "ticket_number"),
    sa.Index("ix_ticket_due", "sla_resolution_deadline", "ticket_number"),
    # What is overdue, due for escalation, or was late: whether a target is met comes first, as most are decided.
    sa.Index("ix_ticket_response", "sla_response_met", "status", "sla_response_deadline"),
    sa.Index("ix_ticket_resolution", "sla_resolution_met", "status", "sla_resolution_deadline"),
)

history = _table(
    "data_ticket_history",
    _guid(primary_key=True, nullable=False),
    _guid("TicketGuid", "ticket_guid", nullable=False),
    _short("Action", "action", 100),
    sa.Column("OldValue", text(), key="old_value"),
    sa.Column("NewValue", text(), key="new_value"),
    _short("ActionBy", "action_by"),
    _package(),
    _when("ActionDate", "action_date", nullable=False),
    sa.Column("Seq", sa.Integer, key="seq", nullable=False),
    _short("Field", "field", 100),
    sa.Column("Note", text(), key="note", nullable=False),
    _short("Salt", "salt", 32),
    _short("PrevHash", "prev_hash", 64),
    _short("Hash", "hash", 64),
    sa.Index("ux_history_ticket_seq", "ticket_guid", "seq", unique=True),
)

comment = _table(
    "data_ticket_comment",
    _guid(primary_key=True, nullable=False),
    _guid("TicketGuid", "ticket_guid", nullable=False),
    sa.Column("Text", text(), key="text", nullable=False),
    _short("CommentedBy", "commented_by"),
    _flag("IsInternal", "is_internal"),
    _package(),
    _when("CreatedDate", "created_date", nullable=False),
    sa.Index("ix_comment_ticket", "ticket_guid", "created_date"),
)

task = _table(
    "data_ticket_task",
    _guid(primary_key=True, nullable=False),
    _guid("TicketGuid", "ticket_guid", nullable=False),
    _short("Name", "name", 500),
    sa.Column("Description", text(), key="description", nullable=False),
    _short("AssignedTo", "assigned_to"),
    sa.Column("Status", word(TaskStatus, "task_status"), key="status", nullable=False),
    sa.Column("SortOrder", sa.Integer, key="sort_order", nullable=False),
    _short("PrId", "pr_id"),
    _short("PrRepo", "pr_repo", 500),
    sa.Column("PrUrl", text(), key="pr_url", nullable=False),
    _package(),
    _when("CreatedDate", "created_date", nullable=False),
    _when("UpdatedDate", "updated_date", nullable=False),
    _when("CompletedDate", "completed_date"),
    sa.Index("ix_task_ticket", "ticket_guid", "sort_order"),
)

link = _table(
    "data_ticket_link",
    _guid(primary_key=True, nullable=False),
    _guid("SourceGuid", "source_guid", nullable=False),
    _guid("TargetGuid", "target_guid", nullable=False),
    sa.Column("LinkType", word(LinkType, "link_type"), key="link_type", nullable=False),
    _short("CreatedBy", "created_by"),
    _package(),
    _when("CreatedDate", "created_date", nullable=False),
    sa.Index("ux_link_pair", "source_guid", "target_guid", "link_type", unique=True),
    sa.Index("ix_link_target", "target_guid"),
)

time_entry = _table(
    "data_ticket_time",
    _guid(primary_key=True, nullable=False),
    _guid("TicketGuid", "ticket_guid", nullable=False),
    _short("PersonEmail", "person_email"),
    _when("StartTime", "start_time"),
    _when("EndTime", "end_time"),
    sa.Column("DurationMinutes", sa.Integer, key="duration_minutes", nullable=False),
    sa.Column("Description", text(), key="description", nullable=False),
    _package(),
    _when("CreatedDate", "created_date", nullable=False),
    sa.Index("ix_time_ticket", "ticket_guid", "created_date"),
)

signoff = _table(
    "data_ticket_signoff",
    _guid(primary_key=True, nullable=False),
    _guid("TicketGuid", "ticket_guid", nullable=False),
    _guid("PersonGuid", "person_guid", nullable=True),
    _short("Email", "email"),
    _short("Role", "role", 100),
    sa.Column("Status", word(SignoffStatus, "signoff_status"), key="status", nullable=False),
    sa.Column("Note", text(), key="note", nullable=False),
    _short("RequestedBy", "requested_by"),
    _package(),
    _when("RequestedDate", "requested_date", nullable=False),
    _when("SignedDate", "signed_date"),
    sa.Index("ux_signoff_ticket_email", "ticket_guid", "email", unique=True),
)

pull_request = _table(
    "data_ticket_pull_request",
    sa.Column("PrKey", line(500), key="pr_key", primary_key=True, nullable=False),
    _guid("TicketGuid", "ticket_guid", nullable=False),
    _package(),
    _when("CreatedDate", "created_date", nullable=False),
    sa.Index("ix_pull_request_ticket", "ticket_guid"),
)

ticket_version = _table(
    "data_ticket_version",
    _guid(primary_key=True, nullable=False),
    _guid("TicketGuid", "ticket_guid", nullable=False),
    sa.Column("Version", sa.Integer, key="version", nullable=False),
    sa.Column("HistorySeq", sa.Integer, key="history_seq", nullable=False),
    sa.Column("Changes", text(), key="changes", nullable=False),
    _short("ChangedBy", "changed_by"),
    _package(),
    _when("CreatedDate", "created_date", nullable=False),
    sa.Index("ux_version_ticket", "ticket_guid", "version", unique=True),
)

template = _table(
    "def_ticket_template",
    _guid(primary_key=True, nullable=False),
    _package(),
    _short("Name", "name"),
    _short("Subject", "subject", 500),
    sa.Column("Description", text(), key="description", nullable=False),
    sa.Column("TicketType", word(TicketType, "template_ticket_type"), key="ticket_type", nullable=False),
    sa.Column("Priority", word(Priority, "template_priority"), key="priority", nullable=False),
    _short("Project", "project"),
    _short("AssignTo", "assign_to"),
    sa.Column("Tasks", TaskList, key="tasks", nullable=False),
    _flag("Active", "active"),
    sa.Index("ux_template_name", "package", "name", unique=True),
)

schedule = _table(
    "def_recurring",
    _guid(primary_key=True, nullable=False),
    _short("ModuleType", "module_type", 50),
    _short("TemplateName", "template_name"),
    _short("CronExpression", "cron_expression"),
    _short("Timezone", "timezone", 64),
    _package(),
    _short("Project", "project"),
    _short("CreatedBy", "created_by"),
    sa.Column("CatchUp", word(CatchUp, "recurring_catch_up"), key="catch_up", nullable=False),
    _when("LastRun", "last_run"),
    _when("NextRun", "next_run"),
    _flag("Active", "active"),
    sa.Column("RowVersion", sa.Integer, key="row_version", nullable=False),
    _when("ClaimedUntil", "claimed_until"),
    sa.Column("LastError", text(), key="last_error", nullable=False),
    _when("CreatedDate", "created_date", nullable=False),
    sa.Index("ix_recurring_due", "active", "next_run"),
)

sla_policy = _table(
    "def_ticket_sla",
    sa.Column("Id", sa.Integer, key="id", primary_key=True, autoincrement=True),
    _package(),
    _short("Priority", "priority", 20),
    _short("TicketType", "ticket_type", 50),
    sa.Column("ResponseMinutes", sa.Integer, key="response_minutes", nullable=False),
    sa.Column("ResolutionMinutes", sa.Integer, key="resolution_minutes", nullable=False),
    _short("Calendar", "calendar"),
    _short("EscalationContact", "escalation_contact", 1000),
    _short("RaciResponsible", "raci_responsible", 1000),
    _short("RaciAccountable", "raci_accountable", 1000),
    _short("RaciConsulted", "raci_consulted", 1000),
    _short("RaciInformed", "raci_informed", 1000),
    _flag("Active", "active"),
    sqlite_autoincrement=True,
)

assign_rule = _table(
    "def_ticket_assign",
    sa.Column("Id", sa.Integer, key="id", primary_key=True, autoincrement=True),
    _package(),
    _short("Project", "project"),
    _short("Priority", "priority", 20),
    _short("TicketType", "ticket_type", 50),
    _short("AssignTo", "assign_to"),
    _flag("Active", "active"),
    sa.Column("Strategy", word(AssignStrategy, "assign_strategy"), key="strategy", nullable=False),
    _short("LastAssigned", "last_assigned"),
    sqlite_autoincrement=True,
)

person = _table(
    "def_person",
    _guid("PersonGuid", "person_guid", primary_key=True, nullable=False),
    _short("Name", "name"),
    _short("Email", "email"),
    _flag("IsStaff", "is_staff"),
    _flag("Active", "active"),
    sa.Index("ux_person_email", "email", unique=True),
)

user = _table(
    "sys_user",
    sa.Column("Username", line(255), key="username", primary_key=True, nullable=False),
    _short("Email", "email"),
    _guid("PersonGuid", "person_guid", nullable=True),
    _flag("Active", "active"),
    sa.Index("ix_user_email", "email"),
    sa.Index("ix_user_person", "person_guid"),
)

outbox = _table(
    "sys_outbox",
    _guid(primary_key=True, nullable=False),
    _guid("TicketGuid", "ticket_guid", nullable=False),
    _package(),
    _short("NotifyCode", "notify_code", 100),
    _short("Channel", "channel", 100),
    _short("Recipient", "recipient", 320),
    sa.Column("Payload", text(), key="payload", nullable=False),
    sa.Column("State", word(OutboxState, "outbox_state"), key="state", nullable=False),
    sa.Column("Attempts", sa.Integer, key="attempts", nullable=False),
    _when("NextAttempt", "next_attempt", nullable=False),
    sa.Column("LastError", text(), key="last_error", nullable=False),
    _when("CreatedDate", "created_date", nullable=False),
    _when("DeliveredDate", "delivered_date"),
    sa.Index("ix_outbox_due", "state", "next_attempt", "guid"),
    sa.Index("ix_outbox_ticket", "ticket_guid"),
)

job = _table(
    "sys_job",
    sa.Column("Name", line(100), key="name", primary_key=True, nullable=False),
    _when("LastRun", "last_run"),
    _when("LastSuccess", "last_success"),
    sa.Column("Failures", sa.Integer, key="failures", nullable=False),
    sa.Column("LastError", text(), key="last_error", nullable=False),
    sa.Column("Memory", text(), key="memory", nullable=False),
)

guard = _table(
    "sys_guard",
    sa.Column("Name", line(100), key="name", primary_key=True, nullable=False),
    sa.Column("Value", sa.BigInteger, key="value", nullable=False),
)
"""Rows by which a server's transactions notice each other: see :mod:`ticketcore.adapters.sql.server`."""

version = _table(
    "alembic_version",
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table (https://alembic.sqlalchemy.org): which revision this database has."""

TABLES: dict[type, sa.Table] = {
    Ticket: ticket,
    HistoryEntry: history,
    Comment: comment,
    Task: task,
    Link: link,
    TimeEntry: time_entry,
    Signoff: signoff,
    PullRequestTicket: pull_request,
    VersionRow: ticket_version,
    Template: template,
    Schedule: schedule,
    SlaPolicy: sla_policy,
    AssignRule: assign_rule,
    Person: person,
    User: user,
    OutboxMessage: outbox,
    JobState: job,
}
"""The table of each kind of record."""

FIELDS: dict[type, tuple[str, ...]] = {kind: tuple(field.name for field in attrs.fields(kind)) for kind in TABLES}
"""The fields of each kind, in the order in which its columns are selected."""

REFERENCE = frozenset({SlaPolicy, AssignRule, Person, User})
"""Kinds that are read at nearly every change and hardly ever written."""


def sorts_by_rank(column: sa.Column[Any]) -> bool:
    """Return whether the values of ``column`` are sorted by urgency, and not as they are written."""
    return isinstance(column.type, Word) and column.type.enum_class is Priority
