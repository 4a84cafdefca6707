"""The columns for RACI contacts, which a table of service levels gets that was made before there were any."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ticketcore.adapters.sql.tables import sla_policy

_COLUMNS: tuple[sa.Column[Any], ...] = tuple(
    sla_policy.c[key] for key in ("raci_responsible", "raci_accountable", "raci_consulted", "raci_informed")
)


def missing(connection: Connection) -> list[sa.Column[Any]]:
    """Return the RACI columns that the table lacks; none if there is no such table."""
    rows = connection.exec_driver_sql(f"PRAGMA table_info({sla_policy.name})")
    there = {row[1].lower() for row in rows}
    return [column for column in _COLUMNS if column.name.lower() not in there] if there else []


def add_missing(connection: Connection) -> tuple[str, ...]:
    """Add them, empty in every row that is there, and return their names; within the transaction of ``connection``."""
    added = missing(connection)
    for column in added:
        kind = column.type.compile(connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {sla_policy.name} ADD COLUMN {column.name} {kind} DEFAULT '' NOT NULL")
    return tuple(column.name for column in added)
