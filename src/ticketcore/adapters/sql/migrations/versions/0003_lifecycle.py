"""Tasks, links, time, sign-offs, pull requests, versions, templates and schedules, and strategies of auto-assign rules.

Revision ID: 0003
Revises: 0002
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_RULES, _OLD_RULES = "def_ticket_assign", "def_ticket_assign_old"
_RULE_COLUMNS = "Id, Package, Project, Priority, TicketType, AssignTo, Active"
_STRATEGIES = sa.Enum("first", "round_robin", "least_loaded", name="assign_strategy", create_constraint=True)


def upgrade() -> None:
    """Create the tables, and let rules have a strategy."""
    op.create_table(
        "data_ticket_link",
        sa.Column("Guid", sa.CHAR(length=50), nullable=False),
        sa.Column("SourceGuid", sa.CHAR(length=50), nullable=False),
        sa.Column("TargetGuid", sa.CHAR(length=50), nullable=False),
        sa.Column(
            "LinkType",
            sa.Enum(
                "RELATES_TO", "BLOCKS", "DUPLICATES", "PARENT_OF", "CAUSES", name="link_type", create_constraint=True
            ),
            nullable=False,
        ),
        sa.Column("CreatedBy", sa.String(length=255), nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("CreatedDate", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
    )
    op.create_index("ix_link_target", "data_ticket_link", ["TargetGuid"], unique=False)
    op.create_index("ux_link_pair", "data_ticket_link", ["SourceGuid", "TargetGuid", "LinkType"], unique=True)
    op.create_table(
        "data_ticket_pull_request",
        sa.Column("PrKey", sa.String(length=500), nullable=False),
        sa.Column("TicketGuid", sa.CHAR(length=50), nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("CreatedDate", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("PrKey"),
    )
    op.create_index("ix_pull_request_ticket", "data_ticket_pull_request", ["TicketGuid"], unique=False)
    op.create_table(
        "data_ticket_signoff",
        sa.Column("Guid", sa.CHAR(length=50), nullable=False),
        sa.Column("TicketGuid", sa.CHAR(length=50), nullable=False),
        sa.Column("PersonGuid", sa.CHAR(length=50), nullable=True),
        sa.Column("Email", sa.String(length=255), nullable=False),
        sa.Column("Role", sa.String(length=100), nullable=False),
        sa.Column(
            "Status",
            sa.Enum("PENDING", "APPROVED", "REJECTED", "WITHDRAWN", name="signoff_status", create_constraint=True),
            nullable=False,
        ),
        sa.Column("Note", sa.Text(), nullable=False),
        sa.Column("RequestedBy", sa.String(length=255), nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("RequestedDate", sa.DateTime(), nullable=False),
        sa.Column("SignedDate", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("Guid"),
    )
    op.create_index("ux_signoff_ticket_email", "data_ticket_signoff", ["TicketGuid", "Email"], unique=True)
    op.create_table(
        "data_ticket_task",
        sa.Column("Guid", sa.CHAR(length=50), nullable=False),
        sa.Column("TicketGuid", sa.CHAR(length=50), nullable=False),
        sa.Column("Name", sa.String(length=500), nullable=False),
        sa.Column("Description", sa.Text(), nullable=False),
        sa.Column("AssignedTo", sa.String(length=255), nullable=False),
        sa.Column(
            "Status",
            sa.Enum("OPEN", "IN_PROGRESS", "DONE", "CANCELLED", name="task_status", create_constraint=True),
            nullable=False,
        ),
        sa.Column("SortOrder", sa.Integer(), nullable=False),
        sa.Column("PrId", sa.String(length=255), nullable=False),
        sa.Column("PrRepo", sa.String(length=500), nullable=False),
        sa.Column("PrUrl", sa.Text(), nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("CreatedDate", sa.DateTime(), nullable=False),
        sa.Column("UpdatedDate", sa.DateTime(), nullable=False),
        sa.Column("CompletedDate", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("Guid"),
    )
    op.create_index("ix_task_ticket", "data_ticket_task", ["TicketGuid", "SortOrder"], unique=False)
    op.create_table(
        "data_ticket_time",
        sa.Column("Guid", sa.CHAR(length=50), nullable=False),
        sa.Column("TicketGuid", sa.CHAR(length=50), nullable=False),
        sa.Column("PersonEmail", sa.String(length=255), nullable=False),
        sa.Column("StartTime", sa.DateTime(), nullable=True),
        sa.Column("EndTime", sa.DateTime(), nullable=True),
        sa.Column("DurationMinutes", sa.Integer(), nullable=False),
        sa.Column("Description", sa.Text(), nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("CreatedDate", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
    )
    op.create_index("ix_time_ticket", "data_ticket_time", ["TicketGuid", "CreatedDate"], unique=False)
    op.create_table(
        "data_ticket_version",
        sa.Column("Guid", sa.CHAR(length=50), nullable=False),
        sa.Column("TicketGuid", sa.CHAR(length=50), nullable=False),
        sa.Column("Version", sa.Integer(), nullable=False),
        sa.Column("HistorySeq", sa.Integer(), nullable=False),
        sa.Column("Changes", sa.Text(), nullable=False),
        sa.Column("ChangedBy", sa.String(length=255), nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("CreatedDate", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
    )
    op.create_index("ux_version_ticket", "data_ticket_version", ["TicketGuid", "Version"], unique=True)
    op.create_table(
        "def_recurring",
        sa.Column("Guid", sa.CHAR(length=50), nullable=False),
        sa.Column("ModuleType", sa.String(length=50), nullable=False),
        sa.Column("TemplateName", sa.String(length=255), nullable=False),
        sa.Column("CronExpression", sa.String(length=255), nullable=False),
        sa.Column("Timezone", sa.String(length=64), nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("Project", sa.String(length=255), nullable=False),
        sa.Column("CreatedBy", sa.String(length=255), nullable=False),
        sa.Column(
            "CatchUp", sa.Enum("one", "all", "none", name="recurring_catch_up", create_constraint=True), nullable=False
        ),
        sa.Column("LastRun", sa.DateTime(), nullable=True),
        sa.Column("NextRun", sa.DateTime(), nullable=True),
        sa.Column("Active", sa.CHAR(length=2), nullable=False),
        sa.Column("RowVersion", sa.Integer(), nullable=False),
        sa.Column("ClaimedUntil", sa.DateTime(), nullable=True),
        sa.Column("LastError", sa.Text(), nullable=False),
        sa.Column("CreatedDate", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
    )
    op.create_index("ix_recurring_due", "def_recurring", ["Active", "NextRun"], unique=False)
    op.create_table(
        "def_ticket_template",
        sa.Column("Guid", sa.CHAR(length=50), nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("Name", sa.String(length=255), nullable=False),
        sa.Column("Subject", sa.String(length=500), nullable=False),
        sa.Column("Description", sa.Text(), nullable=False),
        sa.Column(
            "TicketType",
            sa.Enum("USER", "INTERNAL", "BUG", "FEATURE", name="template_ticket_type", create_constraint=True),
            nullable=False,
        ),
        sa.Column(
            "Priority",
            sa.Enum("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO", name="template_priority", create_constraint=True),
            nullable=False,
        ),
        sa.Column("Project", sa.String(length=255), nullable=False),
        sa.Column("AssignTo", sa.String(length=255), nullable=False),
        sa.Column("Tasks", sa.Text(), nullable=False),
        sa.Column("Active", sa.CHAR(length=2), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
    )
    op.create_index("ux_template_name", "def_ticket_template", ["Package", "Name"], unique=True)
    _add_strategies()


def downgrade() -> None:
    """Drop the tables, and leave each rule the first of its addresses."""
    _drop_strategies()
    for table in (
        "data_ticket_link",
        "data_ticket_pull_request",
        "data_ticket_signoff",
        "data_ticket_task",
        "data_ticket_time",
        "data_ticket_version",
        "def_recurring",
        "def_ticket_template",
    ):
        op.drop_table(table)


def _add_strategies() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_rules(
            sa.Column("Strategy", _STRATEGIES, nullable=False),
            sa.Column("LastAssigned", sa.String(length=255), nullable=False),
            defaults=", 'first', ''",
        )
        return
    _STRATEGIES.create(op.get_bind(), checkfirst=True)
    op.add_column(_RULES, sa.Column("Strategy", _STRATEGIES, nullable=False, server_default="first"))
    op.add_column(_RULES, sa.Column("LastAssigned", sa.String(length=255), nullable=False, server_default=""))
    op.alter_column(_RULES, "Strategy", existing_type=_STRATEGIES, existing_nullable=False, server_default=None)
    op.alter_column(
        _RULES, "LastAssigned", existing_type=sa.String(length=255), existing_nullable=False, server_default=None
    )


def _drop_strategies() -> None:
    rules = sa.table(_RULES, sa.column("Id"), sa.column("AssignTo"))
    several = sa.select(rules.c.Id, rules.c.AssignTo).where(rules.c.AssignTo.contains(","))
    for number, addresses in op.get_bind().execute(several).all():
        op.execute(rules.update().where(rules.c.Id == number).values(AssignTo=addresses.partition(",")[0]))
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_rules()
        return
    op.drop_column(_RULES, "LastAssigned")
    op.drop_column(_RULES, "Strategy")
    _STRATEGIES.drop(op.get_bind(), checkfirst=True)


def _rebuild_rules(*more: sa.Column[Any], defaults: str = "") -> None:
    """Make the table of rules anew, with ``more`` columns that have the values ``defaults``.

    SQLite would write added columns into the text of the old table, which then differs from that of a new file.
    """
    op.rename_table(_RULES, _OLD_RULES)
    op.create_table(
        _RULES,
        sa.Column("Id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("Package", sa.CHAR(length=255), nullable=False),
        sa.Column("Project", sa.String(length=255), nullable=False),
        sa.Column("Priority", sa.String(length=20), nullable=False),
        sa.Column("TicketType", sa.String(length=50), nullable=False),
        sa.Column("AssignTo", sa.String(length=255), nullable=False),
        sa.Column("Active", sa.CHAR(length=2), nullable=False),
        *more,
        sa.PrimaryKeyConstraint("Id"),
        sqlite_autoincrement=True,
    )
    op.execute(f"INSERT INTO {_RULES} SELECT {_RULE_COLUMNS}{defaults} FROM {_OLD_RULES}")  # noqa: S608 - our own names
    # The counter comes along, so that the number of a rule that was removed is not given again.
    op.execute(f"DELETE FROM sqlite_sequence WHERE name = '{_RULES}'")  # noqa: S608 - our own names
    op.execute(f"UPDATE sqlite_sequence SET name = '{_RULES}' WHERE name = '{_OLD_RULES}'")  # noqa: S608
    op.drop_table(_OLD_RULES)
