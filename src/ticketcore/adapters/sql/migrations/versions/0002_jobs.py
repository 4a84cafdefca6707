"""How the jobs of the worker are.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from ticketcore.adapters.sql.tables import MARIADB
from ticketcore.adapters.sql.types import Instant, line, text

revision = "0002"
down_revision = "0001"

adds = ("sys_job",)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "sys_job",
        sa.Column("Name", line(100), nullable=False),
        sa.Column("LastRun", Instant(), nullable=True),
        sa.Column("LastSuccess", Instant(), nullable=True),
        sa.Column("Failures", sa.Integer(), nullable=False),
        sa.Column("LastError", text(), nullable=False),
        sa.Column("Memory", text(), nullable=False),
        sa.PrimaryKeyConstraint("Name"),
        if_not_exists=True,
        **MARIADB,
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("sys_job", if_exists=True)
