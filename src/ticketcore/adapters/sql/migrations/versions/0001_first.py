"""The first schema: tickets, their history and comments, rules, people, and the outbox.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "data_ticket",
        sa.Column("Guid", sa.CHAR(length=50), nullable=False),
        sa.Column(
            "TicketNumber",
            sa.Integer(),
            sa.Identity(always=False),
            nullable=False,
            info={"ticketcore_numbered": True},
        ),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("Project", sa.String(length=255), nullable=False),
        sa.Column("Subject", sa.String(length=500), nullable=False),
        sa.Column("Description", sa.Text(), nullable=False),
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
            ),
            nullable=False,
        ),
        sa.Column(
            "TicketType",
            sa.Enum("USER", "INTERNAL", "BUG", "FEATURE", name="ticket_type", create_constraint=True),
            nullable=False,
        ),
        sa.Column("RequestedBy", sa.String(length=255), nullable=False),
        sa.Column(
            "RequestedByType",
            sa.Enum(
                "INTERNAL",
                "EMAIL",
                "SYSTEM",
                name="ticket_requested_by_type",
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("AssignedTo", sa.String(length=255), nullable=False),
        sa.Column("ProblemAnalysis", sa.Text(), nullable=False),
        sa.Column("WorkScore", sa.Integer(), nullable=True),
        sa.Column("SlaResponseDeadline", sa.DateTime(), nullable=True),
        sa.Column("SlaResolutionDeadline", sa.DateTime(), nullable=True),
        sa.Column("SlaResponseMet", sa.CHAR(length=2), nullable=True),
        sa.Column("SlaResolutionMet", sa.CHAR(length=2), nullable=True),
        sa.Column("CreatedDate", sa.DateTime(), nullable=False),
        sa.Column("UpdatedDate", sa.DateTime(), nullable=False),
        sa.Column("ResolvedDate", sa.DateTime(), nullable=True),
        sa.Column("ClosedDate", sa.DateTime(), nullable=True),
        sa.Column("Watchers", sa.Text(), nullable=False),
        sa.Column("MergedGuids", sa.Text(), nullable=False),
        sa.Column("EstimatedDate", sa.DateTime(), nullable=True),
        sa.Column("RowVersion", sa.Integer(), nullable=False),
        sa.Column("MergedInto", sa.CHAR(length=50), nullable=True),
        sa.Column("SlaPausedAt", sa.DateTime(), nullable=True),
        sa.Column("SlaResponseEscalated", sa.DateTime(), nullable=True),
        sa.Column("SlaResolutionEscalated", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("Guid"),
        sa.UniqueConstraint("TicketNumber"),
    )
    op.create_index("ix_ticket_assigned", "data_ticket", ["AssignedTo", "Status"], unique=False)
    op.create_index("ix_ticket_package_status", "data_ticket", ["Package", "Status"], unique=False)
    op.create_index(
        "ix_ticket_status_resolution",
        "data_ticket",
        ["Status", "SlaResolutionDeadline"],
        unique=False,
    )
    op.create_table(
        "data_ticket_comment",
        sa.Column("Guid", sa.CHAR(length=50), nullable=False),
        sa.Column("TicketGuid", sa.CHAR(length=50), nullable=False),
        sa.Column("Text", sa.Text(), nullable=False),
        sa.Column("CommentedBy", sa.String(length=255), nullable=False),
        sa.Column("IsInternal", sa.CHAR(length=2), nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("CreatedDate", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
    )
    op.create_index("ix_comment_ticket", "data_ticket_comment", ["TicketGuid", "CreatedDate"], unique=False)
    op.create_table(
        "data_ticket_history",
        sa.Column("Guid", sa.CHAR(length=50), nullable=False),
        sa.Column("TicketGuid", sa.CHAR(length=50), nullable=False),
        sa.Column("Action", sa.String(length=100), nullable=False),
        sa.Column("OldValue", sa.Text(), nullable=True),
        sa.Column("NewValue", sa.Text(), nullable=True),
        sa.Column("ActionBy", sa.String(length=255), nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("ActionDate", sa.DateTime(), nullable=False),
        sa.Column("Seq", sa.Integer(), nullable=False),
        sa.Column("Field", sa.String(length=100), nullable=False),
        sa.Column("Note", sa.Text(), nullable=False),
        sa.Column("Salt", sa.String(length=32), nullable=False),
        sa.Column("PrevHash", sa.String(length=64), nullable=False),
        sa.Column("Hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
    )
    op.create_index("ux_history_ticket_seq", "data_ticket_history", ["TicketGuid", "Seq"], unique=True)
    op.create_table(
        "def_person",
        sa.Column("PersonGuid", sa.CHAR(length=50), nullable=False),
        sa.Column("Name", sa.String(length=255), nullable=False),
        sa.Column("Email", sa.String(length=255), nullable=False),
        sa.Column("IsStaff", sa.CHAR(length=2), nullable=False),
        sa.Column("Active", sa.CHAR(length=2), nullable=False),
        sa.PrimaryKeyConstraint("PersonGuid"),
    )
    op.create_index("ux_person_email", "def_person", ["Email"], unique=True)
    op.create_table(
        "def_ticket_assign",
        sa.Column("Id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("Project", sa.String(length=255), nullable=False),
        sa.Column("Priority", sa.String(length=20), nullable=False),
        sa.Column("TicketType", sa.String(length=50), nullable=False),
        sa.Column("AssignTo", sa.String(length=255), nullable=False),
        sa.Column("Active", sa.CHAR(length=2), nullable=False),
        sa.PrimaryKeyConstraint("Id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "def_ticket_sla",
        sa.Column("Id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("Priority", sa.String(length=20), nullable=False),
        sa.Column("TicketType", sa.String(length=50), nullable=False),
        sa.Column("ResponseMinutes", sa.Integer(), nullable=False),
        sa.Column("ResolutionMinutes", sa.Integer(), nullable=False),
        sa.Column("Calendar", sa.String(length=255), nullable=False),
        sa.Column("EscalationContact", sa.String(length=1000), nullable=False),
        sa.Column("RaciResponsible", sa.String(length=1000), nullable=False),
        sa.Column("RaciAccountable", sa.String(length=1000), nullable=False),
        sa.Column("RaciConsulted", sa.String(length=1000), nullable=False),
        sa.Column("RaciInformed", sa.String(length=1000), nullable=False),
        sa.Column("Active", sa.CHAR(length=2), nullable=False),
        sa.PrimaryKeyConstraint("Id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sys_outbox",
        sa.Column("Guid", sa.CHAR(length=50), nullable=False),
        sa.Column("TicketGuid", sa.CHAR(length=50), nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("NotifyCode", sa.String(length=100), nullable=False),
        sa.Column("Channel", sa.String(length=100), nullable=False),
        sa.Column("Recipient", sa.String(length=320), nullable=False),
        sa.Column("Payload", sa.Text(), nullable=False),
        sa.Column(
            "State",
            sa.Enum("PENDING", "DELIVERED", "DEAD", name="outbox_state", create_constraint=True),
            nullable=False,
        ),
        sa.Column("Attempts", sa.Integer(), nullable=False),
        sa.Column("NextAttempt", sa.DateTime(), nullable=False),
        sa.Column("LastError", sa.Text(), nullable=False),
        sa.Column("CreatedDate", sa.DateTime(), nullable=False),
        sa.Column("DeliveredDate", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("Guid"),
    )
    op.create_index("ix_outbox_due", "sys_outbox", ["State", "NextAttempt"], unique=False)
    op.create_index("ix_outbox_ticket", "sys_outbox", ["TicketGuid"], unique=False)
    op.create_table(
        "sys_user",
        sa.Column("Username", sa.String(length=255), nullable=False),
        sa.Column("Email", sa.String(length=255), nullable=False),
        sa.Column("PersonGuid", sa.CHAR(length=50), nullable=True),
        sa.Column("Active", sa.CHAR(length=2), nullable=False),
        sa.PrimaryKeyConstraint("Username"),
    )
    op.create_index("ix_user_email", "sys_user", ["Email"], unique=False)
    op.create_index("ix_user_person", "sys_user", ["PersonGuid"], unique=False)


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
        op.drop_table(table)
