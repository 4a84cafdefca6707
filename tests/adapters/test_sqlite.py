"""The store on real SQLite files: what it refuses, and what it keeps when several work on one file at once."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from ticketcore.adapters.sql.migrate import alembic_config, upgrade
from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.adapters.sql.tables import REVISIONS
from ticketcore.adapters.sql.transaction import SqlTransaction
from ticketcore.config.schema import DatabaseSection
from ticketcore.desk import Desk
from ticketcore.domain.policy import AssignRule
from ticketcore.domain.query import Query
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import RepositoryBusyError, RepositoryError, SchemaError
from ticketcore.testing.records import make_ticket

MakeDesk = Callable[..., Desk]
SOURCE = str(Path(sys.modules["ticketcore"].__path__[0]).parent)

OPENING = """
import os, sys
from ticketcore import open_desk
from ticketcore.config.schema import Config, DatabaseSection

config = Config(database=DatabaseSection(url="sqlite:///" + sys.argv[1]), notifiers=())
"""


def url(file: Path) -> str:
    return f"sqlite:///{file}"


def ask(file: Path, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements on a file behind the desk's back; return the rows of the last."""
    rows: list[tuple[Any, ...]] = []
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
        connection.commit()
    return rows


def made(file: Path) -> list[str]:
    """Return the subjects in a file, by number."""
    return [row[0] for row in ask(file, "SELECT Subject FROM data_ticket ORDER BY TicketNumber")]


def python(script: str, file: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": SOURCE}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", OPENING + script, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.fixture
def used(make_desk: MakeDesk, sqlite_file: Path) -> Path:
    """Return a file with one ticket, that nobody has open."""
    desk = make_desk(url(sqlite_file), notifiers=())
    desk.tickets.create("one", action_by="anna")
    desk.close()
    return sqlite_file


def assert_helpful(error: RepositoryError, file: Path) -> None:
    assert str(file) in error.message
    assert error.hint


# What is refused.


def test_a_file_that_another_program_has_locked_is_busy_and_unchanged(make_desk: MakeDesk, used: Path) -> None:
    desk = make_desk(url(used), database=DatabaseSection(url=url(used), timeout=0.05), notifiers=())
    with closing(sqlite3.connect(used, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert desk.tickets.read(1).subject == "one"
        with pytest.raises(RepositoryBusyError) as refused:
            desk.tickets.create("two", action_by="anna")
        other.execute("ROLLBACK")
    assert_helpful(refused.value, used)
    assert made(used) == ["one"]
    assert desk.tickets.create("two", action_by="anna").ticket_number == 2


def test_a_new_file_that_another_program_has_locked_is_busy(make_desk: MakeDesk, sqlite_file: Path) -> None:
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        desk = make_desk(url(sqlite_file), database=DatabaseSection(url=url(sqlite_file), timeout=0.05), notifiers=())
        with pytest.raises(RepositoryBusyError) as refused:
            desk.tickets.create("one", action_by="anna")
        other.execute("ROLLBACK")
    assert_helpful(refused.value, sqlite_file)
    assert desk.tickets.create("one", action_by="anna").ticket_number == 1


def test_a_read_only_file_is_read_and_not_written(make_desk: MakeDesk, used: Path) -> None:
    before = used.read_bytes()
    desk = make_desk(f"sqlite:///file:{used}?mode=ro&uri=true", notifiers=())
    assert desk.store_status().state == "ready"
    assert desk.tickets.read(1).subject == "one"
    with pytest.raises(RepositoryError, match="read-only") as refused:
        desk.tickets.create("two", action_by="anna")
    assert_helpful(refused.value, used)
    assert desk.tickets.read(1).subject == "one"
    desk.close()
    assert used.read_bytes() == before


def test_a_missing_folder_is_named_and_not_made(make_desk: MakeDesk, tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "desk.db"
    with pytest.raises(RepositoryError, match="does not exist") as refused:
        make_desk(url(file), notifiers=()).tickets.create("one", action_by="anna")
    assert_helpful(refused.value, file)
    assert not file.parent.exists()


@pytest.mark.parametrize("length", [20, 200, 5000])
def test_a_text_is_no_database(make_desk: MakeDesk, sqlite_file: Path, length: int) -> None:
    sqlite_file.write_text("a shopping list\n" * length, encoding="utf-8")
    before = sqlite_file.read_bytes()
    with pytest.raises(SchemaError, match="not a database") as refused:
        make_desk(url(sqlite_file), notifiers=()).tickets.create("one", action_by="anna")
    assert_helpful(refused.value, sqlite_file)
    assert sqlite_file.read_bytes() == before


def every_door(desk: Desk) -> list[Callable[[], object]]:
    return [
        lambda: desk.tickets.create("two", action_by="anna"),
        lambda: desk.tickets.read(1),
        desk.init_store,
        desk.upgrade_store,
    ]


def test_a_schema_newer_than_the_code_is_left_alone(make_desk: MakeDesk, used: Path) -> None:
    ask(used, "UPDATE alembic_version SET version_num = 'zzzz'")
    before = used.read_bytes()
    desk = make_desk(url(used), notifiers=())
    assert desk.store_status().state == "newer"
    for door in every_door(desk):
        with pytest.raises(SchemaError, match="newer") as refused:
            door()
        assert "zzzz" in refused.value.message
        assert_helpful(refused.value, used)
    desk.close()
    assert used.read_bytes() == before


@pytest.mark.parametrize("table", ["invoice", "alembic_version"])
def test_a_database_of_something_else_is_left_alone(make_desk: MakeDesk, sqlite_file: Path, table: str) -> None:
    ask(sqlite_file, f"CREATE TABLE {table} (version_num TEXT)", f"INSERT INTO {table} VALUES ('7')")  # noqa: S608
    desk = make_desk(url(sqlite_file), notifiers=())
    assert desk.store_status().state == "foreign"
    for door in every_door(desk):
        with pytest.raises(SchemaError, match="something else") as refused:
            door()
        assert_helpful(refused.value, sqlite_file)
    desk.close()
    assert ask(sqlite_file, "SELECT name FROM sqlite_master") == [(table,)]
    assert ask(sqlite_file, f"SELECT * FROM {table}") == [("7",)]  # noqa: S608


def test_a_refused_file_of_something_else_is_byte_for_byte_as_before(make_desk: MakeDesk, sqlite_file: Path) -> None:
    ask(sqlite_file, "CREATE TABLE invoice (id INTEGER)")
    before = sqlite_file.read_bytes()
    desk = make_desk(url(sqlite_file), notifiers=())
    with pytest.raises(SchemaError):
        desk.tickets.read(1)
    desk.close()
    assert sqlite_file.read_bytes() == before


def test_a_value_that_the_database_refuses_is_no_conflict(make_desk: MakeDesk, sqlite_file: Path) -> None:
    desk = make_desk(url(sqlite_file))
    nobody: Any = None
    with (
        pytest.raises(RepositoryError, match=r"refuses a value: NOT NULL constraint failed: def_ticket_assign\."),
        desk.repository.transaction() as tx,
    ):
        tx.add(AssignRule(assign_to=nobody))
    assert desk.rules.auto_assign_list_rules() == []


def test_a_look_at_a_missing_file_makes_none(make_desk: MakeDesk, sqlite_file: Path) -> None:
    assert make_desk(url(sqlite_file)).store_status().state == "missing"
    assert list(sqlite_file.parent.iterdir()) == []


# Several at once.


def test_two_threads_open_the_same_new_file(make_desk: MakeDesk, tmp_path: Path) -> None:
    for turn in range(5):
        file = tmp_path / f"{turn}.db"
        desks = [make_desk(url(file), notifiers=()) for _ in range(2)]
        start = threading.Barrier(len(desks))

        def first(desk: Desk, start: threading.Barrier = start) -> int:
            start.wait(timeout=30)
            return desk.tickets.create("new", action_by="anna").ticket_number

        with ThreadPoolExecutor(len(desks)) as pool:
            assert sorted(pool.map(first, desks)) == [1, 2]


def test_two_processes_open_the_same_new_file(sqlite_file: Path) -> None:
    script = """
print("ready", flush=True)
sys.stdin.readline()
with open_desk(config) as desk:
    print(desk.tickets.create("new", action_by="anna").ticket_number)
"""
    both = [python(script, sqlite_file) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=30) for process in both]
    assert sorted(answers) == [("1\n", ""), ("2\n", "")]


@pytest.mark.parametrize("shared", [True, False], ids=["one-desk", "a-desk-each"])
def test_four_threads_lose_nothing(make_desk: MakeDesk, sqlite_file: Path, shared: bool) -> None:
    desk = make_desk(url(sqlite_file), notifiers=())
    desks = [desk if shared else make_desk(url(sqlite_file), notifiers=()) for _ in range(4)]

    def work(place: int) -> list[int]:
        create = desks[place].tickets.create
        return [create(f"{place}/{turn}", action_by="anna").ticket_number for turn in range(40)]

    with ThreadPoolExecutor(4) as pool:
        numbers = [number for some in pool.map(work, range(4)) for number in some]
    assert sorted(numbers) == list(range(1, 161))
    tickets = desk.queries.get_open_tickets()
    assert {ticket.subject for ticket in tickets} == {f"{place}/{turn}" for place in range(4) for turn in range(40)}
    for ticket in tickets:
        assert len(desk.queries.get_history(ticket)) >= 1
        assert desk.queries.verify_history(ticket) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_and_its_parent_both_go_on(sqlite_file: Path) -> None:
    # Forked in a process of its own, in which no thread runs: with threads a fork is not safe, whatever we do.
    script = """
import threading
desk = open_desk(config)
desk.tickets.create("parent before", action_by="anna")
assert threading.active_count() == 1
child = os.fork()
if child == 0:
    status = 1
    try:
        desk.tickets.create("child", action_by="anna")
        assert desk.queries.verify_history(2) == []
        status = 0
    finally:
        os._exit(status)
assert os.waitpid(child, 0)[1] == 0
desk.tickets.create("parent after", action_by="anna")
print(*[ticket.ticket_number for ticket in desk.queries.get_open_tickets()])
desk.close()
"""
    assert python(script, sqlite_file).communicate(timeout=30) == ("1 2 3\n", "")
    assert made(sqlite_file) == ["parent before", "child", "parent after"]
    assert ask(sqlite_file, "PRAGMA integrity_check") == [("ok",)]


# What is remembered.


def test_a_rule_of_another_desk_counts_at_once(make_desk: MakeDesk, sqlite_file: Path) -> None:
    first, second = (make_desk(url(sqlite_file), notifiers=()) for _ in range(2))
    assert [first.tickets.create("before", action_by="anna").assigned_to for _ in range(2)] == ["", ""]
    rule = second.rules.auto_assign_add_rule("CORE", "ben@example.org", action_by="anna")
    assert first.tickets.create("with", action_by="anna").assigned_to == "ben@example.org"
    second.rules.auto_assign_remove_rule(rule.id, action_by="anna")
    assert first.tickets.create("after", action_by="anna").assigned_to == ""


def test_the_turns_of_two_desks_are_one_row(make_desk: MakeDesk, sqlite_file: Path) -> None:
    first, second = (make_desk(url(sqlite_file), notifiers=()) for _ in range(2))
    team = ("a@example.org", "b@example.org", "c@example.org")
    rule = first.rules.auto_assign_add_rule("CORE", ",".join(team), strategy="round_robin", action_by="anna")
    asked = [first, second, second, first, first, first, second]
    taken = []
    for desk in asked:
        expected = {one.rules.auto_assign("CORE") for one in (first, second)}
        taken.append(desk.tickets.create("x", action_by="anna").assigned_to)
        assert expected == {taken[-1]}
    assert taken == [*team, *team, team[0]]
    (after,) = second.rules.auto_assign_list_rules()
    assert (after.id, after.last_assigned) == (rule.id, team[0])


class _ChangedMindError(Exception):
    pass


def test_what_was_read_in_a_transaction_that_is_rolled_back_is_not_remembered(
    make_desk: MakeDesk, sqlite_file: Path
) -> None:
    desk = make_desk(url(sqlite_file), notifiers=())
    every = Query(AssignRule)

    def add_and_undo() -> None:
        with desk.repository.transaction() as tx:
            assert tx.find(every) == []
            rule = tx.add(AssignRule(package="CORE", assign_to="ben@example.org"))
            assert tx.find(every) == [rule]
            raise _ChangedMindError

    for _ in range(2):
        with pytest.raises(_ChangedMindError):
            add_and_undo()
        with desk.repository.transaction(read_only=True) as tx:
            assert tx.find(every) == []
        assert desk.tickets.create("one", action_by="anna").assigned_to == ""


# The file itself.


@pytest.mark.parametrize("read_only", [True, False])
def test_every_connection_has_a_write_ahead_log_and_flushes(
    make_desk: MakeDesk, sqlite_file: Path, read_only: bool
) -> None:
    desk = make_desk(url(sqlite_file), notifiers=())
    desk.tickets.create("one", action_by="anna")
    with desk.repository.transaction(read_only=read_only) as tx:
        connection = cast("SqlTransaction", tx)._live()
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_the_revisions_make_the_same_schema_as_the_tables(tmp_path: Path) -> None:
    prepared, migrated = tmp_path / "prepared.db", tmp_path / "migrated.db"
    repository = SqlRepository(url(prepared))
    assert repository.prepare().state == "ready"
    repository.close()
    engine = sa.create_engine(url(migrated))
    with engine.begin() as connection:
        upgrade(connection)
    engine.dispose()
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    assert ask(migrated, schema) == ask(prepared, schema)
    version = "SELECT version_num FROM alembic_version"
    assert ask(migrated, version) == ask(prepared, version) == [(REVISIONS[-1],)]


def test_the_newest_revision_is_the_head_of_alembic() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert scripts.get_heads() == [REVISIONS[-1]]
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(REVISIONS)


def test_the_number_of_a_deleted_ticket_is_not_given_again(make_desk: MakeDesk, sqlite_file: Path) -> None:
    desk = make_desk(url(sqlite_file), notifiers=())
    assert [desk.tickets.create("x", action_by="anna").ticket_number for _ in range(3)] == [1, 2, 3]
    ask(sqlite_file, "DELETE FROM data_ticket WHERE TicketNumber = 3")
    assert desk.tickets.create("x", action_by="anna").ticket_number == 4


NO_DATES = ["", "0000-00-00 00:00:00", "soon", "2026-02-30", "0001-01-01T00:00:00+14:00", 0, 1.5, b"\xff"]


@pytest.mark.parametrize("value", NO_DATES)
def test_what_another_program_wrote_that_is_no_date_counts_as_empty(
    make_desk: MakeDesk, sqlite_file: Path, value: Any
) -> None:
    desk = make_desk(url(sqlite_file), notifiers=())
    desk.tickets.create("one", action_by="anna")
    with closing(sqlite3.connect(sqlite_file)) as connection, connection:
        connection.execute("UPDATE data_ticket SET EstimatedDate = ?, ResolvedDate = ?", (value, value))
    stored = ask(sqlite_file, "SELECT EstimatedDate, ResolvedDate FROM data_ticket")
    found = desk.tickets.read(1)
    assert (found.estimated_date, found.resolved_date) == (None, None)
    assert desk.tickets.update(1, subject="two", action_by="anna").subject == "two"
    # What is not changed stays as it is, for `db verify` to tell of.
    assert ask(sqlite_file, "SELECT EstimatedDate, ResolvedDate FROM data_ticket") == stored


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-05-01 12:00:00.000000", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01 12:00:00", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01T12:00:00+02:00", datetime(2026, 5, 1, 10, tzinfo=UTC)),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
    ],
)
def test_a_date_that_another_program_wrote_is_read_in_any_form_of_iso_8601(
    make_desk: MakeDesk, sqlite_file: Path, value: str, expected: datetime
) -> None:
    desk = make_desk(url(sqlite_file), notifiers=())
    desk.tickets.create("one", action_by="anna")
    with closing(sqlite3.connect(sqlite_file)) as connection, connection:
        connection.execute("UPDATE data_ticket SET EstimatedDate = ?", (value,))
    assert desk.tickets.read(1).estimated_date == expected


@pytest.mark.parametrize("value", ["soon", "3", '["call"]', '[{"title": "call"}]'])
def test_tasks_of_a_template_that_another_program_wrote_wrong_are_told(
    make_desk: MakeDesk, sqlite_file: Path, value: str
) -> None:
    desk = make_desk(url(sqlite_file), notifiers=())
    desk.templates.add_template("CALL", subject="x", tasks=["call"], action_by="anna")
    with closing(sqlite3.connect(sqlite_file)) as connection, connection:
        connection.execute("UPDATE def_ticket_template SET Tasks = ?", (value,))
    with pytest.raises(RepositoryError) as caught:
        desk.templates.list_templates()
    assert caught.value.message == f"the database has something else than tasks in a template: {value!r}"
    assert '[{"name": "Call back"}]' in caught.value.hint
    with closing(sqlite3.connect(sqlite_file)) as connection, connection:
        connection.execute("UPDATE def_ticket_template SET Tasks = ?", ('[{"name": "Call back"}]',))
    (template,) = desk.templates.list_templates()
    assert [task.name for task in template.tasks] == ["Call back"]


def test_a_row_without_a_date_that_it_has_to_have_is_named(make_desk: MakeDesk, sqlite_file: Path) -> None:
    desk = make_desk(url(sqlite_file), notifiers=())
    guid = desk.tickets.create("one", action_by="anna").guid
    ask(sqlite_file, "UPDATE data_ticket SET CreatedDate = '0000-00-00 00:00:00'")
    for look in (lambda: desk.tickets.read(1), desk.queries.get_open_tickets):
        with pytest.raises(RepositoryError) as caught:
            look()
        assert caught.value.message == f"the database has no date in data_ticket.CreatedDate, where Guid is {guid!r}"
        assert "2026-05-01 12:00:00.000000" in caught.value.hint


def test_a_commit_that_fails_keeps_no_lock(sqlite_file: Path) -> None:
    """Without a write-ahead log a reader can be in the way of a commit."""
    repository = SqlRepository(url(sqlite_file), timeout=0.05)
    repository.prepare()
    repository.close()
    ask(sqlite_file, "PRAGMA journal_mode=DELETE")
    with closing(sqlite3.connect(sqlite_file)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM data_ticket").fetchall()
        repository = SqlRepository(url(sqlite_file), timeout=0.05)
        with pytest.raises(RepositoryBusyError), repository.transaction() as tx:
            tx.add(make_ticket())
        reader.rollback()
    ask(sqlite_file, "INSERT INTO sys_guard VALUES ('x', 1)")  # another process can write
    with repository.transaction() as tx:
        tx.add(make_ticket())
        assert tx.count(Query(Ticket)) == 1
    repository.close()


def test_too_many_transactions_at_once_are_told_so(sqlite_file: Path) -> None:
    with closing(SqlRepository(url(sqlite_file), timeout=0.05)) as repository, ExitStack() as many:

        def open_many() -> None:
            for _ in range(200):
                many.enter_context(repository.transaction(read_only=True))

        with pytest.raises(RepositoryBusyError, match=r"all connections of this process .* are busy"):
            open_many()


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "sqlite:///file:desk?mode=memory&uri=true", "sqlite:///file::memory:?uri=true"],
)
def test_a_database_in_memory_needs_no_file(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(SqlRepository(url)) as store:
        store.prepare()
        with store.transaction() as tx:
            ticket = tx.add(make_ticket(subject="Only here"))
        with store.transaction(read_only=True) as tx:
            assert tx.get(Ticket, ticket.guid) == ticket
    assert list(tmp_path.iterdir()) == []
