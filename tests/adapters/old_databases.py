"""Databases of earlier schemas, on any engine: made, filled, and described so that two can be compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import command
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateTable

from ticketcore.adapters.sql.backend import BEGIN
from ticketcore.adapters.sql.backends import backend_for
from ticketcore.adapters.sql.migrate import alembic_config
from ticketcore.adapters.sql.tables import REVISIONS, version

GUID, PERSON = "01a21015-b6d2-7eea-90a6-2e4ea46dcb2d", "01a21015-b6a2-7888-82ef-a117fb03b809"
HASHES = [
    "0ee864d1671008277b619337a232e98a56cba71925e60e1815f4cd3f37c3c8f8",
    "ce7d0c859cfb42e0edcb354c6da1dc68d2c2bb560e699bf35aa8295e556cfe4e",
    "7cad15f0e709d63c2aa6a5b9ea9fa3cbc02a5138e82a578739d096c877a559e0",
]
CREATED = (
    '{"subject": "x", "description": "", "status": "NEW", "package": "CORE", "project": "", "priority": "HIGH", '
    '"ticket_type": "USER", "requested_by": "a", "requested_by_type": "INTERNAL", '
    '"watchers": ["w@example.com", "v@example.com"], "estimated_date": null}'
)
AT, LATER = "2026-11-25 00:23:08.242270", "2026-11-25 00:23:08.278555"


def history(seq: int, guid: str, action: str, value: str, **other: str) -> tuple[str, dict[str, Any]]:
    row = {
        "Guid": guid,
        "TicketGuid": GUID,
        "Action": action,
        "OldValue": None,
        "NewValue": value,
        "ActionBy": "a",
        "Package": "CORE",
        "ActionDate": AT,
        "Seq": seq,
        "Field": "",
        "Note": "",
        "PrevHash": HASHES[seq - 2] if seq > 1 else "",
        "Hash": HASHES[seq - 1],
    }
    return "data_ticket_history", row | other


ROWS: list[tuple[str, dict[str, Any]]] = [
    (
        "data_ticket",
        {
            "Guid": GUID,
            "TicketNumber": 7,
            "Package": "CORE",
            "Project": "",
            "Subject": "x",
            "Description": "Ünïcödé 日本語 \U0001f3ab",
            "Status": "NEW",
            "Priority": "HIGH",
            "TicketType": "USER",
            "RequestedBy": "a",
            "RequestedByType": "INTERNAL",
            "AssignedTo": PERSON,
            "ProblemAnalysis": "",
            "WorkScore": None,
            "SlaResponseDeadline": "2026-11-25 00:28:08.242270",
            "SlaResolutionDeadline": "2026-11-25 01:13:08.242270",
            "SlaResponseMet": "Y",
            "SlaResolutionMet": None,
            "CreatedDate": AT,
            "UpdatedDate": LATER,
            "Watchers": "w@example.com,v@example.com",
            "MergedGuids": "",
            "RowVersion": 2,
        },
    ),
    history(1, "01a21015-b6d2-7eea-90a6-2e4ea46dcb2e", "CREATED", CREATED, Salt="1722e67645244d7c32d42b3df3d54d5e"),
    history(
        2,
        "01a21015-b6d2-7f1e-9d30-07209a6c6ccd",
        "ASSIGNED",
        PERSON,
        Note="auto-assigned by rule 1 (level 5)",
        Salt="3f32248b657be0208e8cb0dd9a3999d4",
    ),
    history(
        3,
        "01a21015-b6f6-794c-9e34-b02ddb9ae0ce",
        "COMMENT_ADDED",
        "hi",
        ActionBy="b",
        ActionDate=LATER,
        Field="public",
        Salt="90d4de2c78daf8f7200fd6a57af3f311",
    ),
    (
        "data_ticket_comment",
        {
            "Guid": "01a21015-b6f6-77a0-a632-3c6b2cd0584d",
            "TicketGuid": GUID,
            "Text": "hi",
            "CommentedBy": "b",
            "IsInternal": "N",
            "Package": "CORE",
            "CreatedDate": LATER,
        },
    ),
    (
        "def_ticket_sla",
        {
            "Id": 3,
            "Package": "CORE",
            "Priority": "HIGH",
            "TicketType": "",
            "ResponseMinutes": 5,
            "ResolutionMinutes": 50,
            "Calendar": "",
            "EscalationContact": "",
            "RaciResponsible": "ann@example.com",
            "RaciAccountable": "",
            "RaciConsulted": "",
            "RaciInformed": "",
            "Active": "Y",
        },
    ),
    (
        "def_ticket_assign",
        {
            "Id": 5,
            "Package": "CORE",
            "Project": "",
            "Priority": "",
            "TicketType": "",
            "AssignTo": "ann@example.com",
            "Active": "Y",
        },
    ),
    ("def_person", {"PersonGuid": PERSON, "Name": "Ann", "Email": "ann@example.com", "IsStaff": "Y", "Active": "Y"}),
    ("sys_user", {"Username": "ann", "Email": "ann@example.com", "PersonGuid": PERSON, "Active": "Y"}),
    (
        "sys_outbox",
        {
            "Guid": "01a21015-b6d2-7f1e-9d30-07209a6c6ccf",
            "TicketGuid": GUID,
            "Package": "CORE",
            "NotifyCode": "CREATED",
            "Channel": "email",
            "Recipient": "w@example.com",
            "Payload": '{"ticket_number": 7, "subject": "x", "detail": "", "status": "NEW", "priority": "HIGH"}',
            "State": "PENDING",
            "Attempts": 1,
            "NextAttempt": "2026-11-25 00:28:08.242270",
            "LastError": "the server is away",
            "CreatedDate": AT,
        },
    ),
]

LATER_ROWS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "0002": [
        (
            "sys_job",
            {"Name": "outbox", "LastRun": AT, "LastSuccess": None, "Failures": 2, "LastError": "away", "Memory": "{}"},
        ),
    ],
    "0003": [
        (
            "data_ticket_task",
            {
                "Guid": "t1",
                "TicketGuid": GUID,
                "Name": "Call back",
                "Description": "",
                "AssignedTo": "bo",
                "Status": "OPEN",
                "SortOrder": 1,
                "PrId": "",
                "PrRepo": "",
                "PrUrl": "",
                "Package": "CORE",
                "CreatedDate": AT,
                "UpdatedDate": AT,
            },
        ),
        (
            "data_ticket_link",
            {
                "Guid": "l1",
                "SourceGuid": GUID,
                "TargetGuid": "another",
                "LinkType": "BLOCKS",
                "CreatedBy": "a",
                "Package": "CORE",
                "CreatedDate": AT,
            },
        ),
        (
            "def_ticket_template",
            {
                "Guid": "p1",
                "Package": "CORE",
                "Name": "welcome",
                "Subject": "Hello",
                "Description": "",
                "TicketType": "USER",
                "Priority": "LOW",
                "Project": "",
                "AssignTo": "",
                "Tasks": '[{"name": "Call back"}]',
                "Active": "Y",
            },
        ),
    ],
}
"""Rows for the tables that came later, by the revision that made them."""


COUNTED = (("data_ticket", "TicketNumber"), ("def_ticket_sla", "Id"), ("def_ticket_assign", "Id"))
COUNT_ON = "SELECT setval(pg_get_serial_sequence('{0}', '{1}'), max(\"{1}\")) FROM {0}"


@contextmanager
def changing(url: str) -> Iterator[Connection]:
    """Give a connection to change the schema on."""
    backend = backend_for(url, 10)
    engine = backend.engines()[0].execution_options(**{BEGIN: backend.begin_schema})
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def at_revision(url: str, step: Callable[..., None], revision: str) -> None:
    """Let Alembic bring a database to a revision, as whoever maintains the schema does."""
    with changing(url) as connection:
        connection.execute(CreateTable(version, if_not_exists=True))
        step(alembic_config(connection), revision)


def make_old(url: str, revision: str) -> None:
    """Make a database of the schema ``revision``, with something in each of its tables."""
    for name in REVISIONS[: REVISIONS.index(revision) + 1]:
        at_revision(url, command.upgrade, name)
        with changing(url) as connection:
            for table, row in ROWS if name == "0001" else LATER_ROWS.get(name, []):
                _insert(connection, table, row)
            if name == "0001" and connection.dialect.name == "postgresql":
                for counted in COUNTED:
                    connection.exec_driver_sql(COUNT_ON.format(*counted))


def _insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in row]
    connection.execute(sa.insert(sa.table(table, *columns)).values(row))


def content(url: str) -> dict[str, list[str]]:
    """Return the rows of each table that was filled, with the columns that were."""
    filled = {table: tuple(row) for rows in (ROWS, *LATER_ROWS.values()) for table, row in rows}
    found = {}
    with changing(url) as connection:
        there = set(sa.inspect(connection).get_table_names())
        for name, names in filled.items():
            if name in there:
                columns: list[sa.ColumnClause[Any]] = [sa.column(column) for column in sorted(names)]
                rows = connection.execute(sa.select(*columns).select_from(sa.table(name)))
                found[name] = sorted(map(repr, rows))
    return found


def columns(url: str) -> set[str]:
    """Return the names of all tables, and of their columns as ``table.column``."""
    with changing(url) as connection:
        known = sa.inspect(connection)
        # What SQLite makes for an index of words itself goes without saying.
        tables = [name for name in known.get_table_names() if not re.search("_search_|alembic", name)]
        named = {f"{table}.{column['name']}" for table in tables for column in known.get_columns(table)}
    return named | set(tables)


def schema(url: str) -> list[str]:
    """Return everything that the engine says of the tables."""
    with changing(url) as connection:
        describe = {"sqlite": _on_sqlite, "postgresql": _on_postgresql}.get(connection.dialect.name, _on_mariadb)
        return sorted(describe(connection))


def _on_sqlite(connection: Connection) -> Iterator[str]:
    for name, text in connection.exec_driver_sql("SELECT name, sql FROM sqlite_master"):
        yield f"{name}: {text}"


_POSTGRESQL = (
    """SELECT table_name, string_agg(concat_ws(' ', column_name, data_type, character_maximum_length, collation_name,
        is_nullable, column_default, is_identity, identity_generation), ', ' ORDER BY ordinal_position)
        FROM information_schema.columns WHERE table_schema = current_schema() GROUP BY table_name""",
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()",
    """SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = current_schema()::regnamespace""",
)


def _on_postgresql(connection: Connection) -> Iterator[str]:
    for statement in _POSTGRESQL:
        yield from map(str, connection.exec_driver_sql(statement))


def _on_mariadb(connection: Connection) -> Iterator[str]:
    for name in sa.inspect(connection).get_table_names():
        _, text = connection.exec_driver_sql(f"SHOW CREATE TABLE {name}").one()
        # Indexes come in the order in which they were made.
        first, *lines = re.sub(" AUTO_INCREMENT=[0-9]+", "", text).splitlines()
        keys = [line for line in lines if "KEY" in line]
        yield "\n".join([first, *(line.rstrip(",") for line in lines if line not in keys)])
        yield from (f"{name}: {line.strip(' ,')}" for line in keys)
