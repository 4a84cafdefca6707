"""The columns for RACI contacts, which a table of service levels gets that was made before there were any."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ticketcore.adapters.sql.backend import Backend
from ticketcore.adapters.sql.tables import sla_policy

_COLUMNS: tuple[sa.Column[Any], ...] = tuple(
    sla_policy.c[key] for key in ("raci_responsible", "raci_accountable", "raci_consulted", "raci_informed")
)


def missing(backend: Backend, connection: Connection) -> list[sa.Column[Any]]:
    """Return the RACI columns that the table lacks; none if there is no such table."""
    there = backend.column_names(connection, sla_policy.name)
    return [column for column in _COLUMNS if column.name.lower() not in there] if there else []


def add_missing(backend: Backend, connection: Connection) -> tuple[str, ...]:
    """Add them, empty in every row that is there, and return their names; within the transaction of ``connection``."""
    added = missing(backend, connection)
    for column in added:
        kind, name = column.type.compile(connection.dialect), connection.dialect.identifier_preparer.quote(column.name)
        connection.exec_driver_sql(f"ALTER TABLE {sla_policy.name} ADD COLUMN {name} {kind} DEFAULT '' NOT NULL")
    return tuple(column.name for column in added)
