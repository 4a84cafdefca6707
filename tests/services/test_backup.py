"""Backups: one file that proves that it is whole, out of which a store of any kind comes back as it was."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection
from ticketcore.desk import Desk, open_desk
from ticketcore.domain.query import Order, Query
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import RejectedError, RepositoryError, SchemaError
from ticketcore.ports.repository import KINDS
from ticketcore.testing.records import NOW, hard_records, make_record, make_ticket, random_tickets

ANN = "ann@example.com"
Make = Callable[..., Desk]


def everything(desk: Desk) -> dict[str, list[Any]]:
    """Return every record of every kind."""
    with desk.repository.transaction(read_only=True) as tx:
        return {kind.__name__: tx.find(Query(kind, order=(Order(facts.key),))) for kind, facts in KINDS.items()}


def fill(desk: Desk, records: list[Any]) -> None:
    with desk.repository.transaction() as tx:
        for record in records:
            tx.add(record)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "a%b#c d.backup"


@pytest.fixture
def other(make_desk: Make, tmp_path: Path, file: Path) -> Desk:
    """Return an empty desk on another SQLite file."""
    file.parent.mkdir()
    return make_desk(f"sqlite:///{tmp_path / 'other.db'}")


@pytest.fixture(params=["memory", "sqlite"])
def target(request: pytest.FixtureRequest, make_desk: Make, other: Desk) -> Desk:
    return make_desk("memory:") if request.param == "memory" else other


def test_all_of_a_store_comes_back_into_any_other(desk: Desk, target: Desk, file: Path) -> None:
    fill(desk, hard_records())
    told: list[str] = []
    made = desk.store.backup(file, told=lambda step, _: told.append(step))
    assert made.records == sum(map(len, everything(desk).values()))
    assert made.made_at == desk.clock.now()
    assert told[-1] == "checking"
    assert target.store.restore(file) == made
    assert everything(target) == everything(desk)
    assert target.tickets.create("Next", action_by=ANN).ticket_number == _last_number(desk) + 1


def _last_number(desk: Desk) -> int:
    return max(int(ticket.ticket_number) for ticket in everything(desk)["Ticket"])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tickets=random_tickets(), kinds=st.lists(st.sampled_from(sorted(KINDS, key=str)), max_size=12))
@pytest.mark.parametrize("url", ["memory:", "sqlite:///{}/from.db"])
def test_random_stores_survive_a_backup(
    tickets: list[Ticket], kinds: list[type], url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("random")
    with _desk(url.format(folder)) as desk, _desk(f"sqlite:///{folder}/to.db") as back, _desk("memory:") as memory:
        fill(desk, [*tickets, *map(make_record, kinds)])
        desk.store.backup(folder / "backup")
        for target in (back, memory):
            target.store.restore(folder / "backup")
            assert everything(target) == everything(desk)


def _desk(url: str) -> Desk:
    return open_desk(Config(database=DatabaseSection(url=url), notifiers=()), clock=PlayedClock(NOW))


def test_a_store_that_is_not_there_is_not_an_empty_one(sqlite_desk: Desk, sqlite_file: Path, file: Path) -> None:
    with pytest.raises(SchemaError, match=r"there is no database at .*desk\.db \(correct database\.url"):
        sqlite_desk.store.backup(file)
    with pytest.raises(SchemaError, match="there is no database at"):
        sqlite_desk.store.verify()
    assert not sqlite_file.exists()


def test_a_backup_of_an_empty_store_is_one_too(desk: Desk, target: Desk, file: Path) -> None:
    desk.init_store()
    assert desk.store.backup(file).records == 0
    assert target.store.restore(file).records == 0
    assert target.tickets.create("First", action_by=ANN).ticket_number == 1


def test_more_than_a_page_comes_back(desk: Desk, target: Desk, file: Path) -> None:
    fill(desk, [make_ticket() for _ in range(2300)])
    assert desk.store.backup(file).records == 2300
    target.store.restore(file)
    assert everything(target) == everything(desk)


def test_numbers_of_what_was_removed_are_not_given_again(desk: Desk, target: Desk, file: Path) -> None:
    rules = [desk.rules.auto_assign_add_rule("CORE", assign_to=ANN, action_by=ANN) for _ in range(3)]
    for rule in rules[1:]:
        desk.rules.auto_assign_remove_rule(rule.id, action_by=ANN)
    fill(desk, [make_ticket(ticket_number=7)])
    with desk.repository.transaction() as tx:
        tx.remove(tx.find(Query(Ticket))[0])
    desk.store.backup(file)
    target.store.restore(file)
    assert target.rules.auto_assign_add_rule("CORE", assign_to=ANN, action_by=ANN).id == rules[-1].id + 1
    assert target.tickets.create("Next", action_by=ANN).ticket_number == 8
    assert [one.guid for one in everything(target)["Ticket"]] != ["place-holder"]
    assert target.store.verify().flaws == 0


def test_a_backup_is_a_database_that_can_be_used(desk: Desk, make_desk: Make, other: Desk, file: Path) -> None:
    desk.tickets.create("Printer", action_by=ANN)
    desk.comments.add_comment(1, "smoke", commented_by=ANN)
    desk.store.backup(file)
    plain = file.with_name("plain.db")
    plain.write_bytes(file.read_bytes())
    used = make_desk(f"sqlite:///{plain}")
    assert used.store_status().ready
    assert [ticket.subject for ticket in used.queries.search("smoke")] == ["Printer"]
    assert used.store.verify().flaws == 0
    assert used.tickets.create("Next", action_by=ANN).ticket_number == 2
    used.store.backup(file, replace=True)
    other.store.restore(file)
    assert everything(other) == everything(used)


def test_only_this_user_may_read_it_and_nothing_else_is_left(desk: Desk, other: Desk, file: Path) -> None:
    desk.tickets.create("Printer", action_by=ANN)
    desk.store.backup(file)
    desk.store.backup(file, replace=True)
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    other.store.restore(file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_what_is_there_stays_unless_it_is_to_be_replaced(desk: Desk, other: Desk, file: Path) -> None:
    desk.init_store()
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(RejectedError, match=r"is there already \(--replace overwrites it\)"):
        desk.store.backup(file)
    assert file.read_text(encoding="utf-8") == "mine"
    desk.store.backup(file, replace=True)
    assert other.store.restore(file).records == 0
    with pytest.raises(RejectedError, match="is no ordinary file"):
        desk.store.backup(file.parent, replace=True)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        desk.store.backup(file.parent / "nowhere" / "file")


def test_a_database_is_never_written_over(sqlite_desk: Desk, other: Desk, sqlite_file: Path) -> None:
    sqlite_desk.tickets.create("Printer", action_by=ANN)
    other.tickets.create("Plotter", action_by=ANN)
    link = sqlite_file.with_name("link.db")
    link.symlink_to(sqlite_file)
    for path in (sqlite_file, link):
        with pytest.raises(RejectedError, match="is the database itself"):
            sqlite_desk.store.backup(path, replace=True)
    with pytest.raises(RejectedError, match="is in use as a database"):
        sqlite_desk.store.backup(other.store_status().location, replace=True)
    assert sqlite_desk.tickets.read(1).subject == "Printer"
    assert other.tickets.read(1).subject == "Plotter"


def test_nothing_is_restored_where_there_is_anything(make_desk: Make, other: Desk, file: Path) -> None:
    other.tickets.create("Printer", action_by=ANN)
    other.store.backup(file)
    for kind in KINDS:
        target = make_desk("memory:")
        fill(target, [make_record(kind)])
        before = everything(target)
        with pytest.raises(RejectedError, match=rf"is not empty: it has 1 {kind.__name__} \(give database.url a new"):
            target.store.restore(file)
        assert everything(target) == before
    with pytest.raises(RejectedError, match=r"other\.db is not empty: it has 1 Ticket, 1 HistoryEntry"):
        other.store.restore(file)


def test_what_is_not_whole_or_not_ours_is_refused_with_one_message(desk: Desk, other: Desk, file: Path) -> None:
    fill(desk, hard_records())
    desk.store.backup(file)
    whole = file.read_bytes()
    for size in (0, 10, 4096, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(RepositoryError, match=r"(is damaged|is no backup of ticketcore)"):
            other.store.restore(file)
    file.write_text("no database" * 1000, encoding="utf-8")
    with pytest.raises(RepositoryError, match=r"a%b#c d\.backup is no backup of ticketcore \(file is not a database"):
        other.store.restore(file)
    with pytest.raises(FileNotFoundError):
        other.store.restore(file.with_name("gone"))
    assert not any(everything(other).values())


def test_a_database_that_is_no_backup_is_refused(sqlite_desk: Desk, other: Desk, sqlite_file: Path) -> None:
    sqlite_desk.tickets.create("Printer", action_by=ANN)
    sqlite_desk.close()
    with pytest.raises(RepositoryError, match=r"is no backup of ticketcore .*used as it is, by database\.url"):
        other.store.restore(sqlite_file)


REPLACE = "UPDATE ticketcore_backup SET Manifest = replace(Manifest, '{}', '{}')"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE data_ticket SET Subject = 'x'", "Ticket with other values"),
        ("UPDATE data_ticket_history SET Note = 'x'", "HistoryEntry with other values"),
        ("DELETE FROM data_ticket_comment", "0 Comment instead of 1"),
        ("UPDATE data_ticket SET Status = 'GONE'", "a wrong word in data_ticket"),
        ("DELETE FROM ticketcore_backup", "does not say what is in it"),
        ("UPDATE ticketcore_backup SET Manifest = 'x'", "says nothing of itself that can be read"),
        ("UPDATE ticketcore_backup SET Manifest = '{}'", "says nothing of itself that can be read"),
        ("UPDATE ticketcore_backup SET Manifest = replace(Manifest, '\"version\": 1', '\"version\": 2')", "newer than"),
        (
            "UPDATE ticketcore_backup SET Manifest = replace(Manifest, '\"subject\"', '\"colour\"')",
            "Ticket with colour",
        ),
    ],
)
def test_a_backup_that_was_changed_is_refused(change: str, expected: str, desk: Desk, other: Desk, file: Path) -> None:
    desk.tickets.create("Printer", action_by=ANN)
    desk.comments.add_comment(1, "smoke", commented_by=ANN)
    desk.store.backup(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        assert connection.execute(change).rowcount > 0
    with pytest.raises(RepositoryError, match=expected) as caught:
        other.store.restore(file)
    assert str(file) in str(caught.value)
    assert not any(everything(other).values())


def test_a_backup_of_a_later_schema_is_refused(desk: Desk, other: Desk, file: Path) -> None:
    desk.init_store()
    desk.store.backup(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match="has schema 9999, which is newer than this version knows"):
        other.store.restore(file)


def test_a_target_of_another_schema_is_refused(desk: Desk, other: Desk, file: Path) -> None:
    desk.init_store()
    desk.store.backup(file)
    other.init_store()
    with closing(sqlite3.connect(other.store_status().location, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match="newer"):
        other.store.restore(file)


def test_a_record_that_cannot_be_read_is_no_reason_for_half_a_backup(
    sqlite_desk: Desk, other: Desk, sqlite_file: Path, file: Path
) -> None:
    sqlite_desk.tickets.create("Printer", action_by=ANN)
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as connection:
        connection.execute("UPDATE data_ticket SET CreatedDate = 'x'")
    with pytest.raises(RepositoryError, match=r"has no date in data_ticket\.CreatedDate"):
        sqlite_desk.store.backup(file)
    assert list(file.parent.iterdir()) == []


def test_it_is_of_one_moment_while_others_write(desk: Desk, other: Desk, file: Path) -> None:
    fill(desk, [make_ticket() for _ in range(1500)])
    written: list[int] = []

    def told(_step: str, _done: int) -> None:
        written.append(desk.tickets.create("Meanwhile", action_by=ANN).ticket_number)

    made = desk.store.backup(file, told=told)
    assert written
    other.store.restore(file)
    stored = everything(other)
    assert len(stored["Ticket"]) == made.kinds["Ticket"].count
    guids = {ticket.guid for ticket in stored["Ticket"]}
    assert {row.ticket_guid for row in stored["HistoryEntry"]} <= guids
    subjects = [ticket.subject for ticket in stored["Ticket"]].count("Meanwhile")
    assert subjects == len(stored["HistoryEntry"])


def test_a_restore_that_fails_on_the_way_leaves_nothing(desk: Desk, target: Desk, file: Path) -> None:
    fill(desk, [make_ticket() for _ in range(10)])
    desk.store.backup(file)

    def told(step: str, _done: int) -> None:
        if step == "copying":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        target.store.restore(file, told=told)
    assert not any(everything(target).values())
    assert target.store.restore(file).records == 10


def _killed(url: str, file: Path, at: int, kind: str) -> None:
    """Begin a backup or a restore in a process of its own, which dies when it is told of progress for a time."""
    desk = open_desk(Config(database=DatabaseSection(url=url), notifiers=()))
    steps: Iterator[int] = iter(range(100))

    def told(_step: str, _done: int) -> None:
        if next(steps) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    if kind == "backup":
        desk.store.backup(file, told=told)
    else:
        desk.store.restore(file, told=told)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_backup_that_is_killed_leaves_no_file_that_looks_whole(
    at: int, sqlite_desk: Desk, other: Desk, sqlite_file: Path, file: Path
) -> None:
    fill(sqlite_desk, [make_ticket() for _ in range(2100)])
    sqlite_desk.close()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_killed, args=(f"sqlite:///{sqlite_file}", file, at, "backup"))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not file.exists()
    for left in file.parent.iterdir():
        assert left.name.startswith(f".{file.name}.")
        for part in left.iterdir():
            with pytest.raises(RepositoryError, match=r"no backup"):
                other.store.restore(part)


@pytest.mark.parametrize("at", [0, 3, 5])
def test_a_restore_that_is_killed_leaves_an_empty_store(
    at: int, sqlite_desk: Desk, other: Desk, tmp_path: Path, file: Path
) -> None:
    fill(sqlite_desk, [make_ticket() for _ in range(2100)])
    sqlite_desk.store.backup(file)
    other.init_store()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_killed, args=(f"sqlite:///{tmp_path / 'other.db'}", file, at, "restore"))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not any(everything(other).values())
    assert other.store.restore(file).records == 2100


def test_a_backup_of_an_earlier_schema_is_brought_up_to_date(other: Desk, file: Path, make_desk: Make) -> None:
    """It says of itself what it has; what it lacks are records and fields of later versions."""
    from alembic import command
    from sqlalchemy import create_engine

    from ticketcore.adapters.sql.migrate import alembic_config

    source = make_desk("memory:")
    fill(source, hard_records())
    source.store.backup(file)
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "-1")
    engine.dispose()
    before = file.read_bytes()
    assert other.store.restore(file).records == sum(map(len, everything(source).values()))
    assert everything(other) == everything(source)
    assert file.read_bytes() == before


def test_the_manifest_says_what_it_was_made_of(sqlite_desk: Desk, other: Desk, file: Path) -> None:
    sqlite_desk.tickets.create("Printer", action_by=ANN)
    made = sqlite_desk.store.backup(file)
    with closing(sqlite3.connect(file)) as connection:
        ((text,),) = connection.execute("SELECT Manifest FROM ticketcore_backup").fetchall()
    said = json.loads(text)
    assert (said["format"], said["version"], said["engine"]) == ("ticketcore-backup", 1, "sqlite")
    assert said["schema"] == sqlite_desk.store_status().revision
    assert said["kinds"]["Ticket"]["count"] == 1
    assert evolve(made, made_at=NOW) != made


def check_there_and_back(url: str, make_desk: Make, sqlite_desk: Desk, other: Desk, file: Path) -> None:
    """Take a store from SQLite to a server, and back."""
    fill(sqlite_desk, hard_records())
    gone = sqlite_desk.rules.auto_assign_add_rule("CORE", assign_to=ANN, action_by=ANN)
    sqlite_desk.rules.auto_assign_remove_rule(gone.id, action_by=ANN)
    sqlite_desk.store.backup(file)
    server = make_desk(url)
    server.store.restore(file)
    assert everything(server) == everything(sqlite_desk)
    assert server.rules.auto_assign_add_rule("CORE", assign_to=ANN, action_by=ANN).id == gone.id + 1
    server.rules.auto_assign_remove_rule(gone.id + 1, action_by=ANN)
    assert server.tickets.create("Next", action_by=ANN).ticket_number == _last_number(sqlite_desk) + 1
    made = server.store.backup(file, replace=True)
    assert made.engine in url
    with pytest.raises(RejectedError, match="is not empty"):
        server.store.restore(file)
    assert other.store.restore(file) == made
    assert everything(other) == everything(server)
    assert other.rules.auto_assign_add_rule("CORE", assign_to=ANN, action_by=ANN).id == gone.id + 2


def test_a_store_goes_to_postgresql_and_back(
    postgresql_url: str, make_desk: Make, sqlite_desk: Desk, other: Desk, file: Path
) -> None:
    check_there_and_back(postgresql_url, make_desk, sqlite_desk, other, file)


def test_a_store_goes_to_mariadb_and_back(
    mariadb_url: str, make_desk: Make, sqlite_desk: Desk, other: Desk, file: Path
) -> None:
    check_there_and_back(mariadb_url, make_desk, sqlite_desk, other, file)
