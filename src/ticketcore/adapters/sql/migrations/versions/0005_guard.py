"""Rows by which the transactions of a server notice each other.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from ticketcore.adapters.sql.tables import MARIADB
from ticketcore.adapters.sql.types import line

revision = "0005"
down_revision = "0004"

adds = ("sys_guard",)
derived = True


_guard = sa.table("sys_guard", sa.column("Name"), sa.column("Value"))


def upgrade() -> None:
    """Create the table, with the rows at which transactions meet on a server."""
    op.create_table(
        "sys_guard",
        sa.Column("Name", line(100), nullable=False),
        sa.Column("Value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("Name"),
        if_not_exists=True,
        **MARIADB,
    )
    connection = op.get_bind()
    for name in ("links", "turn") if connection.dialect.name != "sqlite" else ():
        if connection.execute(sa.select(_guard.c.Name).where(_guard.c.Name == name)).first() is None:
            connection.execute(sa.insert(_guard).values(Name=name, Value=0))


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("sys_guard", if_exists=True)
