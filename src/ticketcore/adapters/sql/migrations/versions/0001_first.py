"""The first schema: tickets, their history and comments, rules, people, and the outbox.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

from ticketcore.adapters.sql.tables import MARIADB
from ticketcore.adapters.sql.types import Instant, Names, YesNo, fixed, line, text

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "data_ticket",
        sa.Column("Guid", fixed(50), nullable=False),
        sa.Column(
            "TicketNumber",
            sa.Integer(),
            sa.Identity(always=False),
            nullable=False,
            info={"ticketcore_numbered": True},
        ),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("Project", line(255), nullable=False),
        sa.Column("Subject", line(500), nullable=False),
        sa.Column("Description", text(), nullable=False),
        sa.Column(
            "Status",
            sa.Enum(
                "NEW",
                "TRIAGED",
                "IN_PROGRESS",
                "ON_HOLD",
                "ESCALATED",
                "RESOLVED",
                "CLOSED",
                "CANCELLED",
                name="ticket_status",
                create_constraint=True,
                native_enum=False,
            ),
            nullable=False,
        ),
        sa.Column(
            "Priority",
            sa.Enum(
                "CRITICAL",
                "HIGH",
                "MEDIUM",
                "LOW",
                "INFO",
                name="ticket_priority",
                create_constraint=True,
                native_enum=False,
            ),
            nullable=False,
        ),
        sa.Column(
            "TicketType",
            sa.Enum(
                "USER", "INTERNAL", "BUG", "FEATURE", name="ticket_type", create_constraint=True, native_enum=False
            ),
            nullable=False,
        ),
        sa.Column("RequestedBy", line(255), nullable=False),
        sa.Column(
            "RequestedByType",
            sa.Enum(
                "INTERNAL",
                "EMAIL",
                "SYSTEM",
                name="ticket_requested_by_type",
                create_constraint=True,
                native_enum=False,
            ),
            nullable=False,
        ),
        sa.Column("AssignedTo", line(255), nullable=False),
        sa.Column("ProblemAnalysis", text(), nullable=False),
        sa.Column("WorkScore", sa.Integer(), nullable=True),
        sa.Column("SlaResponseDeadline", Instant(), nullable=True),
        sa.Column("SlaResolutionDeadline", Instant(), nullable=True),
        sa.Column("SlaResponseMet", YesNo(), nullable=True),
        sa.Column("SlaResolutionMet", YesNo(), nullable=True),
        sa.Column("CreatedDate", Instant(), nullable=False),
        sa.Column("UpdatedDate", Instant(), nullable=False),
        sa.Column("ResolvedDate", Instant(), nullable=True),
        sa.Column("ClosedDate", Instant(), nullable=True),
        sa.Column("Watchers", Names(), nullable=False),
        sa.Column("MergedGuids", Names(), nullable=False),
        sa.Column("EstimatedDate", Instant(), nullable=True),
        sa.Column("RowVersion", sa.Integer(), nullable=False),
        sa.Column("MergedInto", fixed(50), nullable=True),
        sa.Column("SlaPausedAt", Instant(), nullable=True),
        sa.Column("SlaResponseEscalated", Instant(), nullable=True),
        sa.Column("SlaResolutionEscalated", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("Guid"),
        sa.UniqueConstraint("TicketNumber"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index("ix_ticket_assigned", "data_ticket", ["AssignedTo", "Status"], unique=False, if_not_exists=True)
    op.create_index("ix_ticket_package_status", "data_ticket", ["Package", "Status"], unique=False, if_not_exists=True)
    op.create_index(
        "ix_ticket_status_resolution",
        "data_ticket",
        ["Status", "SlaResolutionDeadline"],
        unique=False,
        if_not_exists=True,
    )
    op.create_table(
        "data_ticket_comment",
        sa.Column("Guid", fixed(50), nullable=False),
        sa.Column("TicketGuid", fixed(50), nullable=False),
        sa.Column("Text", text(), nullable=False),
        sa.Column("CommentedBy", line(255), nullable=False),
        sa.Column("IsInternal", YesNo(), nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("CreatedDate", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index(
        "ix_comment_ticket", "data_ticket_comment", ["TicketGuid", "CreatedDate"], unique=False, if_not_exists=True
    )
    op.create_table(
        "data_ticket_history",
        sa.Column("Guid", fixed(50), nullable=False),
        sa.Column("TicketGuid", fixed(50), nullable=False),
        sa.Column("Action", line(100), nullable=False),
        sa.Column("OldValue", text(), nullable=True),
        sa.Column("NewValue", text(), nullable=True),
        sa.Column("ActionBy", line(255), nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("ActionDate", Instant(), nullable=False),
        sa.Column("Seq", sa.Integer(), nullable=False),
        sa.Column("Field", line(100), nullable=False),
        sa.Column("Note", text(), nullable=False),
        sa.Column("Salt", line(32), nullable=False),
        sa.Column("PrevHash", line(64), nullable=False),
        sa.Column("Hash", line(64), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index(
        "ux_history_ticket_seq", "data_ticket_history", ["TicketGuid", "Seq"], unique=True, if_not_exists=True
    )
    op.create_table(
        "def_person",
        sa.Column("PersonGuid", fixed(50), nullable=False),
        sa.Column("Name", line(255), nullable=False),
        sa.Column("Email", line(255), nullable=False),
        sa.Column("IsStaff", YesNo(), nullable=False),
        sa.Column("Active", YesNo(), nullable=False),
        sa.PrimaryKeyConstraint("PersonGuid"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index("ux_person_email", "def_person", ["Email"], unique=True, if_not_exists=True)
    op.create_table(
        "def_ticket_assign",
        sa.Column("Id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("Project", line(255), nullable=False),
        sa.Column("Priority", line(20), nullable=False),
        sa.Column("TicketType", line(50), nullable=False),
        sa.Column("AssignTo", line(255), nullable=False),
        sa.Column("Active", YesNo(), nullable=False),
        sa.PrimaryKeyConstraint("Id"),
        sqlite_autoincrement=True,
        if_not_exists=True,
        **MARIADB,
    )
    op.create_table(
        "def_ticket_sla",
        sa.Column("Id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("Priority", line(20), nullable=False),
        sa.Column("TicketType", line(50), nullable=False),
        sa.Column("ResponseMinutes", sa.Integer(), nullable=False),
        sa.Column("ResolutionMinutes", sa.Integer(), nullable=False),
        sa.Column("Calendar", line(255), nullable=False),
        sa.Column("EscalationContact", line(1000), nullable=False),
        sa.Column("RaciResponsible", line(1000), nullable=False),
        sa.Column("RaciAccountable", line(1000), nullable=False),
        sa.Column("RaciConsulted", line(1000), nullable=False),
        sa.Column("RaciInformed", line(1000), nullable=False),
        sa.Column("Active", YesNo(), nullable=False),
        sa.PrimaryKeyConstraint("Id"),
        sqlite_autoincrement=True,
        if_not_exists=True,
        **MARIADB,
    )
    op.create_table(
        "sys_outbox",
        sa.Column("Guid", fixed(50), nullable=False),
        sa.Column("TicketGuid", fixed(50), nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("NotifyCode", line(100), nullable=False),
        sa.Column("Channel", line(100), nullable=False),
        sa.Column("Recipient", line(320), nullable=False),
        sa.Column("Payload", text(), nullable=False),
        sa.Column(
            "State",
            sa.Enum("PENDING", "DELIVERED", "DEAD", name="outbox_state", create_constraint=True, native_enum=False),
            nullable=False,
        ),
        sa.Column("Attempts", sa.Integer(), nullable=False),
        sa.Column("NextAttempt", Instant(), nullable=False),
        sa.Column("LastError", text(), nullable=False),
        sa.Column("CreatedDate", Instant(), nullable=False),
        sa.Column("DeliveredDate", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("Guid"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index("ix_outbox_due", "sys_outbox", ["State", "NextAttempt"], unique=False, if_not_exists=True)
    op.create_index("ix_outbox_ticket", "sys_outbox", ["TicketGuid"], unique=False, if_not_exists=True)
    op.create_table(
        "sys_user",
        sa.Column("Username", line(255), nullable=False),
        sa.Column("Email", line(255), nullable=False),
        sa.Column("PersonGuid", fixed(50), nullable=True),
        sa.Column("Active", YesNo(), nullable=False),
        sa.PrimaryKeyConstraint("Username"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index("ix_user_email", "sys_user", ["Email"], unique=False, if_not_exists=True)
    op.create_index("ix_user_person", "sys_user", ["PersonGuid"], unique=False, if_not_exists=True)


def downgrade() -> None:
    """Drop the tables."""
    for table in (
        "sys_outbox",
        "sys_user",
        "def_person",
        "def_ticket_assign",
        "def_ticket_sla",
        "data_ticket_comment",
        "data_ticket_history",
        "data_ticket",
    ):
        op.drop_table(table, if_exists=True)
