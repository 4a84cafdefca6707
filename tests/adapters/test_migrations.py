"""From the first schema to the newest one, with a database that is in use: nothing is lost, or happens unasked."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from click.testing import CliRunner, Result

from ticketcore.adapters.sql.migrate import alembic_config
from ticketcore.adapters.sql.tables import REVISIONS
from ticketcore.cli.main import cli
from ticketcore.desk import Desk
from ticketcore.domain.policy import AssignRule, SlaPolicy
from ticketcore.errors import SchemaError

MakeDesk = Callable[..., Desk]

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


def at_revision(file: Path, step: Callable[..., None], revision: str) -> None:
    """Let Alembic bring a file to a revision, as whoever maintains the schema does."""
    engine = sa.create_engine(f"sqlite:///{file}")
    try:
        with engine.begin() as connection:
            step(alembic_config(connection), revision)
    finally:
        engine.dispose()


def tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return sorted(name for (name,) in found if name != "alembic_version")


ADDED = {"def_ticket_assign": {"Strategy", "LastAssigned"}}
"""The columns that tables of the first schema got later."""


def content(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of the tables of the first schema, with the columns that they had."""
    found = {}
    with closing(sqlite3.connect(file)) as connection:
        for name in tables(connection):
            if name in {table for table, _ in ROWS}:
                named = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
                columns = ", ".join(column for column in named if column not in ADDED.get(name, ()))
                rows = connection.execute(f"SELECT {columns} FROM {name} ORDER BY 1")  # noqa: S608 - our own names
                found[name] = rows.fetchall()
    return found


def schema(file: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a database of the first schema, with something in each table."""
    file = tmp_path / "old.db"
    at_revision(file, command.upgrade, "0001")
    with closing(sqlite3.connect(file)) as connection:
        for table, row in ROWS:
            columns, places = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", row)  # noqa: S608 - our own names
        connection.commit()
        assert tables(connection) == sorted({table for table, _ in ROWS})
    return file


@pytest.fixture
def run(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command line on the old database."""
    config = tmp_path / "desk.yaml"
    config.write_text(f"database: {{url: 'sqlite:///{old}'}}\nemail: {{folder: mail}}\n", encoding="utf-8")
    monkeypatch.setenv("TICKETCORE_CONFIG", str(config))
    monkeypatch.setenv("TICKETCORE_BY", "ann")
    return lambda *args: CliRunner().invoke(cli, args, prog_name="ticketcore")


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["read", "7"], ["create", "y"], ["worker", "--once", "--job", "sla"], ["db", "init"], ["summary"]],
    ids=" ".join,
)
def test_an_old_database_is_refused_and_left_as_it_is(
    run: Callable[..., Result], old: Path, arguments: list[str]
) -> None:
    before = content(old), schema(old)
    result = run(*arguments)
    message = f"the database {old} has schema 0001; this version needs {REVISIONS[-1]}"
    hint = "(make a backup, then run: ticketcore db upgrade)"
    assert result.exit_code == 1
    if arguments[0] == "worker":
        assert result.stdout == f"sla: failed: {message} {hint}\n"
    else:
        assert (result.stdout, result.stderr) == ("", f"Error: {message} {hint}\n")
    assert (content(old), schema(old)) == before


def test_an_old_database_is_said_to_be_outdated(run: Callable[..., Result], old: Path) -> None:
    result = run("db", "status")
    assert "outdated" in result.stdout
    assert "0001" in result.stdout
    assert run("doctor").exit_code == 1


def test_an_upgrade_keeps_every_row(run: Callable[..., Result], old: Path) -> None:
    before = content(old)
    result = run("db", "upgrade")
    assert (result.exit_code, result.stderr) == (0, "")
    assert content(old) == before
    assert all(before.values())
    upgraded = schema(old)
    assert run("db", "upgrade").exit_code == 0  # a second one has nothing to do
    assert (content(old), schema(old)) == (before, upgraded)
    assert "ready" in run("db", "status").stdout


def test_an_upgraded_database_is_like_a_new_one(run: Callable[..., Result], old: Path, tmp_path: Path) -> None:
    run("db", "upgrade")
    new = tmp_path / "new.db"
    at_revision(new, command.upgrade, "head")
    assert schema(old) == schema(new)


def test_an_upgraded_database_is_used_as_before(
    run: Callable[..., Result], old: Path, make_desk: MakeDesk, mail_folder: Path
) -> None:
    run("db", "upgrade")
    desk = make_desk(f"sqlite:///{old}")
    ticket = desk.tickets.read(7)
    assert (ticket.guid, ticket.description) == (GUID, "Ünïcödé 日本語 \U0001f3ab")
    assert desk.queries.verify_history(7) == []
    assert [row.action for row in desk.queries.get_history(7)] == ["CREATED", "ASSIGNED", "COMMENT_ADDED"]
    assert [comment.text for comment in desk.comments.get_comments(7)] == ["hi"]
    assert desk.queries.search("ünïcödé HI") == [ticket]
    (policy,) = desk.sla.list_sla()
    assert policy == SlaPolicy(
        id=3,
        package="CORE",
        priority="HIGH",
        response_minutes=5,
        resolution_minutes=50,
        raci_responsible="ann@example.com",
    )
    assert desk.rules.auto_assign_list_rules() == [AssignRule(id=5, package="CORE", assign_to="ann@example.com")]
    (message,) = desk.notifications.list_outbox()
    assert (message.recipient, message.attempts, message.last_error) == ("w@example.com", 1, "the server is away")
    assert desk.job_states() == []
    created = desk.tickets.create("next", priority="HIGH", action_by="ann")
    assert (created.ticket_number, created.assigned_to) == (8, PERSON)
    assert desk.work(once=True, stop=Event(), report=lambda job, said: None)
    assert [state.name for state in desk.job_states()] == ["escalations", "outbox", "recurring", "sla"]


def test_a_downgrade_goes_back_and_forth(run: Callable[..., Result], old: Path, make_desk: MakeDesk) -> None:
    before, first = content(old), schema(old)
    run("db", "upgrade")
    newest = schema(old)
    at_revision(old, command.downgrade, "0001")
    assert (content(old), schema(old)) == (before, first)
    with pytest.raises(SchemaError, match="has schema 0001"):
        make_desk(f"sqlite:///{old}").tickets.read(7)
    at_revision(old, command.upgrade, "head")
    assert (content(old), schema(old)) == (before, newest)


def test_the_number_of_a_removed_rule_is_not_given_again_after_an_upgrade_or_a_downgrade(
    run: Callable[..., Result], old: Path, make_desk: MakeDesk
) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("UPDATE sqlite_sequence SET seq = 8 WHERE name = 'def_ticket_assign'")
        connection.commit()
    run("db", "upgrade")
    first = make_desk(f"sqlite:///{old}")
    assert first.rules.auto_assign_add_rule("CORE", "bo@example.com", action_by="ann").id == 9
    first.rules.auto_assign_remove_rule(9, action_by="ann")
    first.close()
    at_revision(old, command.downgrade, "0001")
    at_revision(old, command.upgrade, "head")
    assert make_desk(f"sqlite:///{old}").rules.auto_assign_add_rule("CORE", "cy@example.com", action_by="ann").id == 10


def test_a_downgrade_leaves_a_rule_the_first_of_several_addresses(
    run: Callable[..., Result], old: Path, make_desk: MakeDesk
) -> None:
    run("db", "upgrade")
    first = make_desk(f"sqlite:///{old}")
    first.rules.auto_assign_add_rule("", "cy@example.com,bo@example.com", strategy="round_robin", action_by="ann")
    first.tickets.create("x", package="OTHER", action_by="ann")
    first.close()
    at_revision(old, command.downgrade, "0001")
    assert [row[5] for row in content(old)["def_ticket_assign"]] == ["ann@example.com", "cy@example.com"]
    at_revision(old, command.upgrade, "head")
    assert make_desk(f"sqlite:///{old}").rules.auto_assign_list_rules("") == [
        AssignRule(id=6, assign_to="cy@example.com")
    ]


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_revision_can_be_taken_back(tmp_path: Path, revision: str) -> None:
    file = tmp_path / "desk.db"
    place = REVISIONS.index(revision)
    at_revision(file, command.upgrade, revision)
    up = schema(file)
    at_revision(file, command.downgrade, REVISIONS[place - 1] if place else "base")
    assert schema(file) != up
    at_revision(file, command.upgrade, revision)
    assert schema(file) == up
