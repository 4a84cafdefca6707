"""From every earlier schema to the newest one, with a database that is in use: nothing is lost, or happens unasked."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from click.testing import CliRunner, Result

from tests.adapters.old_databases import GUID, PERSON, at_revision, changing, columns, content, make_old, schema
from ticketcore.adapters.sql.migrate import alembic_config
from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.adapters.sql.tables import REVISIONS
from ticketcore.cli.main import cli
from ticketcore.desk import Desk
from ticketcore.domain.policy import AssignRule, SlaPolicy
from ticketcore.errors import SchemaError

MakeDesk = Callable[..., Desk]
Run = Callable[..., Result]


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, sqlite_file: Path) -> str:
    """Return the URL of a new, empty database of each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{sqlite_file}"
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def old(url: str) -> str:
    """Return a database of the first schema, with something in each table."""
    make_old(url, REVISIONS[0])
    assert all(content(url).values())
    return url


def prepared(url: str) -> None:
    """Make a new database."""
    repository = SqlRepository(url)
    assert repository.prepare().ready
    repository.close()


@pytest.fixture(scope="module")
def known_schemas() -> dict[str, list[str]]:
    """Return the schema of a new database of each engine, as far as a test has asked for it."""
    return {}


@pytest.fixture
def new_schema(url: str, known_schemas: dict[str, list[str]]) -> list[str]:
    """Return the schema of a new database."""
    engine = url.partition(":")[0]
    if engine not in known_schemas:
        prepared(url)
        known_schemas[engine] = schema(url)
        at_revision(url, command.downgrade, "base")
    return known_schemas[engine]


@pytest.fixture
def run(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line on the database."""
    config = tmp_path / "desk.yaml"
    config.write_text(f"database: {{url: '{url}'}}\nemail: {{folder: mail}}\n", encoding="utf-8")
    monkeypatch.setenv("TICKETCORE_CONFIG", str(config))
    monkeypatch.setenv("TICKETCORE_BY", "ann")
    return lambda *args: CliRunner().invoke(cli, args, prog_name="ticketcore")


@pytest.fixture
def location(url: str) -> str:
    """Return where the database is, as users are told."""
    return SqlRepository(url).location


COMMANDS = ("list", "read 7", "create y", "summary", "db init", "db check", "db verify")


def test_an_old_database_is_refused_and_left_as_it_is(run: Run, old: str, location: str) -> None:
    before = content(old), schema(old)
    message = f"the database {location} has schema 0001; this version needs {REVISIONS[-1]}"
    hint = "(make a backup, then run: ticketcore db upgrade)"
    for command_line in COMMANDS:
        result = run(*command_line.split())
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {message} {hint}\n"), command_line
    result = run("worker", "--once", "--job", "sla")
    assert (result.exit_code, result.stdout) == (1, f"sla: failed: {message} {hint}\n")
    assert (content(old), schema(old)) == before


def test_a_newer_database_is_refused_and_left_as_it_is(run: Run, url: str, location: str) -> None:
    prepared(url)
    with changing(url) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    before = content(url), schema(url)
    message = f"the database {location} has schema 9999, which is newer than this version knows ({REVISIONS[-1]})"
    hint = "(use the ticketcore that wrote it, or a later one)"
    for command_line in (*COMMANDS, "db upgrade", "db downgrade 0001 --yes", "db downgrade 0001 --dry-run"):
        result = run(*command_line.split())
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {message} {hint}\n"), command_line
    assert "newer" in run("doctor").stdout
    assert "newer" in run("db", "status").stdout
    assert (content(url), schema(url)) == before


def test_an_old_database_is_said_to_be_outdated(run: Run, old: str) -> None:
    result = run("db", "status")
    assert "outdated" in result.stdout
    assert "0001" in result.stdout
    assert run("doctor").exit_code == 1


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_an_upgrade_keeps_every_row_and_makes_what_a_new_database_has(
    run: Run, url: str, new_schema: list[str], revision: str
) -> None:
    make_old(url, revision)
    before = content(url)
    assert all(before.values())
    result = run("db", "upgrade")
    assert (result.exit_code, result.stderr) == (0, "")
    after = content(url)
    assert ({name: after[name] for name in before}, schema(url)) == (before, new_schema)
    assert run("db", "upgrade").exit_code == 0  # a second one has nothing to do
    assert (content(url), schema(url)) == (after, new_schema)
    assert "ready" in run("db", "status").stdout
    assert run("db", "check").stdout == "The schema is that of this version\n"


def test_an_upgraded_database_is_used_as_before(run: Run, old: str, make_desk: MakeDesk, mail_folder: Path) -> None:
    run("db", "upgrade")
    desk = make_desk(old)
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
    desk.links.add_link(7, 8, "BLOCKS", created_by="ann")
    assert desk.work(once=True, stop=Event(), report=lambda job, said: None)
    assert [state.name for state in desk.job_states()] == ["escalations", "outbox", "recurring", "sla"]


def test_a_downgrade_goes_back_and_forth(run: Run, old: str, make_desk: MakeDesk) -> None:
    before, first = content(old), schema(old)
    run("db", "upgrade")
    newest = schema(old)
    assert run("db", "downgrade", "0001", "--yes").exit_code == 0
    assert (content(old), schema(old)) == (before, first)
    with pytest.raises(SchemaError, match="has schema 0001"):
        make_desk(old).tickets.read(7)
    assert run("db", "upgrade").exit_code == 0
    after = content(old)
    assert ({name: after[name] for name in before}, schema(old)) == (before, newest)


def test_the_number_of_a_removed_rule_is_not_given_again_after_an_upgrade_or_a_downgrade(
    tmp_path: Path, make_desk: MakeDesk
) -> None:
    old = f"sqlite:///{tmp_path / 'old.db'}"
    make_old(old, "0001")
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute("UPDATE sqlite_sequence SET seq = 8 WHERE name = 'def_ticket_assign'")
        connection.commit()
    make_desk(old).upgrade_store()
    first = make_desk(old)
    assert first.rules.auto_assign_add_rule("CORE", "bo@example.com", action_by="ann").id == 9
    first.rules.auto_assign_remove_rule(9, action_by="ann")
    first.downgrade_store("0001", losing=True)
    first.upgrade_store()
    assert make_desk(old).rules.auto_assign_add_rule("CORE", "cy@example.com", action_by="ann").id == 10


def test_a_downgrade_leaves_a_rule_the_first_of_several_addresses(run: Run, old: str, make_desk: MakeDesk) -> None:
    run("db", "upgrade")
    first = make_desk(old)
    first.rules.auto_assign_add_rule("", "cy@example.com,bo@example.com", strategy="round_robin", action_by="ann")
    first.tickets.create("x", package="OTHER", action_by="ann")
    assert first.preview_downgrade("0002").changes == (
        "an auto-assign rule with several addresses keeps the first of them",
    )
    first.close()
    run("db", "downgrade", "0001", "--yes")
    with changing(old) as connection:
        rules = connection.exec_driver_sql("SELECT * FROM def_ticket_assign ORDER BY 1").all()
    assert [row[5] for row in rules] == ["ann@example.com", "cy@example.com"]
    run("db", "upgrade")
    assert make_desk(old).rules.auto_assign_list_rules("") == [AssignRule(id=6, assign_to="cy@example.com")]


# Revisions.


def test_every_revision_can_be_taken_back_and_says_what_it_adds(url: str) -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    for place, revision in enumerate(REVISIONS):
        before, had = schema(url), columns(url)
        at_revision(url, command.upgrade, revision)
        up, has = schema(url), columns(url)
        module = scripts.get_revision(revision).module
        if place:
            new = has - had
            added = {name for name in new if "." not in name or name.partition(".")[0] not in new}
            assert added == set(getattr(module, "adds", ()))
            at_revision(url, command.downgrade, REVISIONS[place - 1])
            assert schema(url) == before
            at_revision(url, command.upgrade, revision)
            assert schema(url) == up


CONDITIONS = {
    "create_table": "if_not_exists",
    "create_index": "if_not_exists",
    "add_column": "if_not_exists",
    "drop_table": "if_exists",
    "drop_index": "if_exists",
    "drop_column": "if_exists",
}
"""What says that a change of the schema may have been made already."""

UNCONDITIONAL = re.compile(
    r"\b(CREATE (UNIQUE |VIRTUAL )*(TABLE|INDEX)|ADD (COLUMN|CONSTRAINT|INDEX)) (?!IF NOT EXISTS )"
    r"|\bDROP (TABLE|INDEX|COLUMN|CONSTRAINT) (?!IF EXISTS )"
)


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_statement_of_a_revision_says_that_it_may_be_a_repetition(revision: str) -> None:
    script = ScriptDirectory.from_config(alembic_config()).get_revision(revision)
    tree = ast.parse(Path(script.path).read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called, said = node.func.attr, {keyword.arg for keyword in node.keywords}
            if called in CONDITIONS:
                found.append((node.lineno, called, CONDITIONS[called] in said))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += [(node.lineno, wrong[0], False) for wrong in UNCONDITIONAL.finditer(node.value)]
    assert [one for one in found if not one[-1]] == []
    assert found


@pytest.mark.slow
def test_every_revision_can_be_repeated_where_its_statements_are_stored_one_by_one(mariadb_url: str) -> None:
    make_old(mariadb_url, "0001")
    scripts = ScriptDirectory.from_config(alembic_config())
    for revision in REVISIONS[1:]:
        module = scripts.get_revision(revision).module
        for step in (module.upgrade, module.downgrade, module.upgrade):
            found = []
            for _ in range(2):
                with changing(mariadb_url) as connection, Operations.context(MigrationContext.configure(connection)):
                    step()
                found.append((schema(mariadb_url), content(mariadb_url)))
            assert found[0] == found[1]
