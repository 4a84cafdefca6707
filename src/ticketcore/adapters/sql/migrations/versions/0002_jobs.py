"""How the jobs of the worker are.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "sys_job",
        sa.Column("Name", sa.String(length=100), nullable=False),
        sa.Column("LastRun", sa.DateTime(), nullable=True),
        sa.Column("LastSuccess", sa.DateTime(), nullable=True),
        sa.Column("Failures", sa.Integer(), nullable=False),
        sa.Column("LastError", sa.Text(), nullable=False),
        sa.Column("Memory", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("Name"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("sys_job")
