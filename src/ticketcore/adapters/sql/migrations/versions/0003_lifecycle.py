"""Tasks, links, time, sign-offs, pull requests, versions, templates and schedules, and strategies of auto-assign rules.

Revision ID: 0003
Revises: 0002
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from ticketcore.adapters.sql.tables import MARIADB
from ticketcore.adapters.sql.types import Instant, TaskList, YesNo, fixed, line, text

revision = "0003"
down_revision = "0002"

adds = (
    "data_ticket_link",
    "data_ticket_pull_request",
    "data_ticket_signoff",
    "data_ticket_task",
    "data_ticket_time",
    "data_ticket_version",
    "def_recurring",
    "def_ticket_template",
    "def_ticket_assign.Strategy",
    "def_ticket_assign.LastAssigned",
)
shortens = "an auto-assign rule with several addresses keeps the first of them"

_RULES, _OLD_RULES = "def_ticket_assign", "def_ticket_assign_old"
_RULE_COLUMNS = "Id, Package, Project, Priority, TicketType, AssignTo, Active"
_STRATEGIES = sa.Enum(
    "first", "round_robin", "least_loaded", name="assign_strategy", create_constraint=True, native_enum=False
)


def upgrade() -> None:
    """Create the tables, and let rules have a strategy."""
    op.create_table(
        "data_ticket_link",
        sa.Column("Guid", fixed(50), nullable=False),
        sa.Column("SourceGuid", fixed(50), nullable=False),
        sa.Column("TargetGuid", fixed(50), nullable=False),
        sa.Column(
            "LinkType",
            sa.Enum(
                "RELATES_TO",
                "BLOCKS",
                "DUPLICATES",
                "PARENT_OF",
                "CAUSES",
                name="link_type",
                create_constraint=True,
                native_enum=False,
            ),
            nullable=False,
        ),
        sa.Column("CreatedBy", line(255), nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("CreatedDate", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index("ix_link_target", "data_ticket_link", ["TargetGuid"], unique=False, if_not_exists=True)
    op.create_index(
        "ux_link_pair", "data_ticket_link", ["SourceGuid", "TargetGuid", "LinkType"], unique=True, if_not_exists=True
    )
    op.create_table(
        "data_ticket_pull_request",
        sa.Column("PrKey", line(500), nullable=False),
        sa.Column("TicketGuid", fixed(50), nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("CreatedDate", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("PrKey"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index(
        "ix_pull_request_ticket", "data_ticket_pull_request", ["TicketGuid"], unique=False, if_not_exists=True
    )
    op.create_table(
        "data_ticket_signoff",
        sa.Column("Guid", fixed(50), nullable=False),
        sa.Column("TicketGuid", fixed(50), nullable=False),
        sa.Column("PersonGuid", fixed(50), nullable=True),
        sa.Column("Email", line(255), nullable=False),
        sa.Column("Role", line(100), nullable=False),
        sa.Column(
            "Status",
            sa.Enum(
                "PENDING",
                "APPROVED",
                "REJECTED",
                "WITHDRAWN",
                name="signoff_status",
                create_constraint=True,
                native_enum=False,
            ),
            nullable=False,
        ),
        sa.Column("Note", text(), nullable=False),
        sa.Column("RequestedBy", line(255), nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("RequestedDate", Instant(), nullable=False),
        sa.Column("SignedDate", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("Guid"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index(
        "ux_signoff_ticket_email", "data_ticket_signoff", ["TicketGuid", "Email"], unique=True, if_not_exists=True
    )
    op.create_table(
        "data_ticket_task",
        sa.Column("Guid", fixed(50), nullable=False),
        sa.Column("TicketGuid", fixed(50), nullable=False),
        sa.Column("Name", line(500), nullable=False),
        sa.Column("Description", text(), nullable=False),
        sa.Column("AssignedTo", line(255), nullable=False),
        sa.Column(
            "Status",
            sa.Enum(
                "OPEN",
                "IN_PROGRESS",
                "DONE",
                "CANCELLED",
                name="task_status",
                create_constraint=True,
                native_enum=False,
            ),
            nullable=False,
        ),
        sa.Column("SortOrder", sa.Integer(), nullable=False),
        sa.Column("PrId", line(255), nullable=False),
        sa.Column("PrRepo", line(500), nullable=False),
        sa.Column("PrUrl", text(), nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("CreatedDate", Instant(), nullable=False),
        sa.Column("UpdatedDate", Instant(), nullable=False),
        sa.Column("CompletedDate", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("Guid"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index("ix_task_ticket", "data_ticket_task", ["TicketGuid", "SortOrder"], unique=False, if_not_exists=True)
    op.create_table(
        "data_ticket_time",
        sa.Column("Guid", fixed(50), nullable=False),
        sa.Column("TicketGuid", fixed(50), nullable=False),
        sa.Column("PersonEmail", line(255), nullable=False),
        sa.Column("StartTime", Instant(), nullable=True),
        sa.Column("EndTime", Instant(), nullable=True),
        sa.Column("DurationMinutes", sa.Integer(), nullable=False),
        sa.Column("Description", text(), nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("CreatedDate", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index(
        "ix_time_ticket", "data_ticket_time", ["TicketGuid", "CreatedDate"], unique=False, if_not_exists=True
    )
    op.create_table(
        "data_ticket_version",
        sa.Column("Guid", fixed(50), nullable=False),
        sa.Column("TicketGuid", fixed(50), nullable=False),
        sa.Column("Version", sa.Integer(), nullable=False),
        sa.Column("HistorySeq", sa.Integer(), nullable=False),
        sa.Column("Changes", text(), nullable=False),
        sa.Column("ChangedBy", line(255), nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("CreatedDate", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index(
        "ux_version_ticket", "data_ticket_version", ["TicketGuid", "Version"], unique=True, if_not_exists=True
    )
    op.create_table(
        "def_recurring",
        sa.Column("Guid", fixed(50), nullable=False),
        sa.Column("ModuleType", line(50), nullable=False),
        sa.Column("TemplateName", line(255), nullable=False),
        sa.Column("CronExpression", line(255), nullable=False),
        sa.Column("Timezone", line(64), nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("Project", line(255), nullable=False),
        sa.Column("CreatedBy", line(255), nullable=False),
        sa.Column(
            "CatchUp",
            sa.Enum("one", "all", "none", name="recurring_catch_up", create_constraint=True, native_enum=False),
            nullable=False,
        ),
        sa.Column("LastRun", Instant(), nullable=True),
        sa.Column("NextRun", Instant(), nullable=True),
        sa.Column("Active", YesNo(), nullable=False),
        sa.Column("RowVersion", sa.Integer(), nullable=False),
        sa.Column("ClaimedUntil", Instant(), nullable=True),
        sa.Column("LastError", text(), nullable=False),
        sa.Column("CreatedDate", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index("ix_recurring_due", "def_recurring", ["Active", "NextRun"], unique=False, if_not_exists=True)
    op.create_table(
        "def_ticket_template",
        sa.Column("Guid", fixed(50), nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("Name", line(255), nullable=False),
        sa.Column("Subject", line(500), nullable=False),
        sa.Column("Description", text(), nullable=False),
        sa.Column(
            "TicketType",
            sa.Enum(
                "USER",
                "INTERNAL",
                "BUG",
                "FEATURE",
                name="template_ticket_type",
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
                name="template_priority",
                create_constraint=True,
                native_enum=False,
            ),
            nullable=False,
        ),
        sa.Column("Project", line(255), nullable=False),
        sa.Column("AssignTo", line(255), nullable=False),
        sa.Column("Tasks", TaskList(), nullable=False),
        sa.Column("Active", YesNo(), nullable=False),
        sa.PrimaryKeyConstraint("Guid"),
        if_not_exists=True,
        **MARIADB,
    )
    op.create_index("ux_template_name", "def_ticket_template", ["Package", "Name"], unique=True, if_not_exists=True)
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
        op.drop_table(table, if_exists=True)


def _add_strategies() -> None:
    engine = op.get_bind().dialect.name
    if engine == "sqlite":
        _rebuild_rules(
            sa.Column("Strategy", _STRATEGIES, nullable=False),
            sa.Column("LastAssigned", line(255), nullable=False),
            defaults=", 'first', ''",
        )
    elif engine == "postgresql":
        op.add_column(
            _RULES, sa.Column("Strategy", _STRATEGIES, nullable=False, server_default="first"), if_not_exists=True
        )
        op.add_column(
            _RULES, sa.Column("LastAssigned", line(255), nullable=False, server_default=""), if_not_exists=True
        )
        op.alter_column(_RULES, "Strategy", server_default=None)
        op.alter_column(_RULES, "LastAssigned", server_default=None)
    else:
        op.execute(
            f"""ALTER TABLE {_RULES}
            ADD COLUMN IF NOT EXISTS `Strategy` VARCHAR(12) NOT NULL DEFAULT 'first',
            ADD COLUMN IF NOT EXISTS `LastAssigned` VARCHAR(255) NOT NULL DEFAULT '',
            ADD CONSTRAINT IF NOT EXISTS assign_strategy
                CHECK (`Strategy` IN ('first', 'round_robin', 'least_loaded'))"""
        )
        op.execute(
            f"ALTER TABLE {_RULES} ALTER COLUMN `Strategy` DROP DEFAULT, ALTER COLUMN `LastAssigned` DROP DEFAULT"
        )


def _drop_strategies() -> None:
    rules = sa.table(_RULES, sa.column("Id"), sa.column("AssignTo"))
    several = sa.select(rules.c.Id, rules.c.AssignTo).where(rules.c.AssignTo.contains(","))
    for number, addresses in op.get_bind().execute(several).all():
        op.execute(rules.update().where(rules.c.Id == number).values(AssignTo=addresses.partition(",")[0]))
    engine = op.get_bind().dialect.name
    if engine == "sqlite":
        _rebuild_rules()
    elif engine == "postgresql":
        op.drop_column(_RULES, "LastAssigned", if_exists=True)
        op.drop_column(_RULES, "Strategy", if_exists=True)
    else:
        op.execute(
            f"""ALTER TABLE {_RULES}
            DROP CONSTRAINT IF EXISTS assign_strategy,
            DROP COLUMN IF EXISTS `LastAssigned`,
            DROP COLUMN IF EXISTS `Strategy`"""
        )


def _rebuild_rules(*more: sa.Column[Any], defaults: str = "") -> None:
    """Make the table of rules anew, with ``more`` columns that have the values ``defaults``.

    SQLite would write added columns into the text of the old table, which then differs from that of a new file.
    """
    op.rename_table(_RULES, _OLD_RULES)
    op.create_table(
        _RULES,
        sa.Column("Id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("Package", fixed(255), nullable=False),
        sa.Column("Project", line(255), nullable=False),
        sa.Column("Priority", line(20), nullable=False),
        sa.Column("TicketType", line(50), nullable=False),
        sa.Column("AssignTo", line(255), nullable=False),
        sa.Column("Active", YesNo(), nullable=False),
        *more,
        sa.PrimaryKeyConstraint("Id"),
        sqlite_autoincrement=True,
        if_not_exists=True,
        **MARIADB,
    )
    op.execute(f"INSERT INTO {_RULES} SELECT {_RULE_COLUMNS}{defaults} FROM {_OLD_RULES}")  # noqa: S608 - our own names
    # The counter comes along, so that the number of a rule that was removed is not given again.
    op.execute(f"DELETE FROM sqlite_sequence WHERE name = '{_RULES}'")  # noqa: S608 - our own names
    op.execute(f"UPDATE sqlite_sequence SET name = '{_RULES}' WHERE name = '{_OLD_RULES}'")  # noqa: S608
    op.drop_table(_OLD_RULES, if_exists=True)
