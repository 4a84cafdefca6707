"""Looking through a whole store: what operations leave is sound, and what was changed behind their back is found."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, EmailSection, WorkflowSection
from ticketcore.desk import Desk, open_desk
from ticketcore.domain.flaws import Flaw
from ticketcore.domain.history import HistoryEntry, erase, seal
from ticketcore.domain.query import Query, eq
from ticketcore.domain.replay import ADOPTED, DATES, FOLLOWED
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.domain.versioning import plain
from ticketcore.domain.work import LinkType
from ticketcore.domain.workflow import declare
from ticketcore.errors import RepositoryError, SchemaError, TicketcoreError
from ticketcore.testing.records import (
    NOW,
    make_comment,
    make_history_entry,
    make_link,
    make_outbox_message,
    make_ticket,
    make_time_entry,
    make_user,
)

Tamper = Callable[..., list[str]]

FREE = {
    "NEW": ["TRIAGED", "IN_PROGRESS", "CLOSED", "CANCELLED"],
    "TRIAGED": ["IN_PROGRESS", "CANCELLED"],
    "IN_PROGRESS": ["ON_HOLD", "ESCALATED", "RESOLVED", "CLOSED", "CANCELLED"],
    "ON_HOLD": ["IN_PROGRESS", "CANCELLED"],
    "ESCALATED": ["IN_PROGRESS", "RESOLVED", "CANCELLED"],
    "RESOLVED": ["CLOSED", "IN_PROGRESS", "CANCELLED"],
    "CLOSED": ["IN_PROGRESS", "CANCELLED"],
}
ANN, BOB = "ann@example.com", "bob@example.com"


def flaws(desk: Desk) -> list[Flaw]:
    found: list[Flaw] = []
    result = desk.store.verify(found.append)
    assert result.flaws == len(found)
    return found


def lines(desk: Desk) -> list[str]:
    return [str(flaw) for flaw in flaws(desk)]


def play(desk: Desk, clock: PlayedClock, seed: int, steps: int) -> None:
    """Do what comes to mind with a few tickets; what is refused is left."""
    chance = random.Random(seed)  # noqa: S311 - it need not be hard to guess
    for place in range(3):
        watchers = [f"w{place}@example.com"]
        desk.tickets.create(f"ticket {place}", watchers=watchers, eta_date="2026-05-01", action_by=ANN)

    def one() -> int:
        return chance.randint(1, 3)

    def a_task() -> str:
        return chance.choice(desk.tasks.get_tasks(one())).guid

    def a_link() -> str:
        return chance.choice(desk.links.get_links(one())).link_guid

    kinds = [*LinkType, "BLOCKED_BY"]
    moves = ["TRIAGED", "IN_PROGRESS", "ON_HOLD", "ESCALATED", "RESOLVED", "CLOSED", "CANCELLED"]
    operations: Sequence[Callable[[], object]] = [
        lambda: desk.tickets.update(one(), subject=chance.choice("abc"), priority="HIGH", action_by=ANN),
        lambda: desk.tickets.update(one(), package="OTHER", requested_by="cy", action_by=ANN),
        *[lambda: desk.tickets.change_status(one(), chance.choice(moves[:5]), action_by=BOB)] * 4,
        lambda: desk.tickets.change_status(one(), chance.choice(moves), action_by=BOB),
        lambda: desk.tickets.assign(one(), chance.choice([ANN, BOB]), action_by=ANN),
        lambda: desk.tickets.add_watcher(one(), chance.choice([ANN, BOB]), action_by=ANN),
        lambda: desk.tickets.remove_watcher(one(), chance.choice([ANN, BOB]), action_by=ANN),
        lambda: desk.tickets.add_analysis(one(), chance.choice("xyz"), action_by=ANN),
        lambda: desk.tickets.set_work_score(one(), chance.choice([None, 1, 2]), action_by=ANN),
        lambda: desk.tickets.set_eta(one(), chance.choice([None, "2026-06-01"]), action_by=ANN),
        lambda: desk.comments.add_comment(one(), "said", commented_by=" ann  e ", is_internal=chance.random() < 0.5),
        lambda: desk.tasks.add_task(one(), chance.choice(["Dig", "Fill"]), action_by=ANN),
        lambda: desk.tasks.start_task(a_task(), action_by=ANN),
        lambda: desk.tasks.complete_task(a_task(), action_by=ANN),
        lambda: desk.links.add_link(one(), one(), chance.choice(kinds), created_by=ANN),
        lambda: desk.links.remove_link(a_link(), action_by=ANN),
        lambda: desk.time.log_time(one(), ANN, duration_minutes=5, description="dug", action_by=ANN),
        lambda: desk.signoffs.request_signoff(one(), [BOB], requested_by=" a  b ", role="QA"),
        lambda: desk.signoffs.sign_off(one(), BOB, chance.random() < 0.5, chance.choice(["", "fine"])),
        lambda: desk.signoffs.withdraw_signoff(one(), BOB, action_by=ANN),
        lambda: desk.versions.restore_version(one(), chance.randint(1, 3), action_by=ANN),
        lambda: desk.pull_requests.link_pull_request(one(), 17, "acme/shop", action_by=ANN),
        lambda: desk.tickets.merge([one()], one(), action_by=ANN) if chance.random() < 0.3 else None,
    ]
    for _ in range(steps):
        clock.advance(minutes=chance.choice([0, 0, 1, 600]))
        with suppress(TicketcoreError, IndexError):
            chance.choice(operations)()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_operations_leave_is_sound(seed: int) -> None:
    clock = PlayedClock(NOW)
    workflow, problems = declare("free", {"transitions": FREE, "final": ["CANCELLED"]})
    assert workflow is not None
    assert problems == []
    config = Config(database=DatabaseSection(url="memory:"), notifiers=(), workflow=WorkflowSection(default=workflow))
    with open_desk(config, clock=clock) as desk:
        play(desk, clock, seed, 80)
        assert lines(desk) == []


def keep_busy(desk: Desk, clock: PlayedClock) -> None:
    """Make something of everything."""
    desk.people.add_person("Ann", ANN, username="ann")
    for name in ("Printer", "Plotter", "Scanner", "Copier"):
        desk.tickets.create(name, watchers=["w@example.com"], action_by=ANN)
        clock.advance(minutes=1)
    for status in ("TRIAGED", "IN_PROGRESS"):
        desk.tickets.change_status(1, status, action_by=ANN)
    desk.tickets.update(1, priority="HIGH", action_by=ANN)
    desk.tickets.set_eta(1, "2026-05-01", action_by=ANN)
    desk.tickets.resolve(1, action_by=ANN)
    desk.comments.add_comment(1, "It is out", commented_by=ANN)
    desk.tasks.add_task(1, "Dig", action_by=ANN)
    desk.time.log_time(1, ANN, 45, "dug", action_by=ANN)
    desk.signoffs.request_signoff(1, [BOB], requested_by=ANN)
    desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    desk.links.add_link(2, 3, "BLOCKS", created_by=ANN)
    desk.tickets.merge([4], 3, action_by=ANN)
    desk.templates.add_template("BACKUP", subject="Test the backups", action_by=ANN)
    desk.recurring.create_recurring("BACKUP", "0 9 * * *", created_by=ANN)


@pytest.fixture
def busy_desk(sqlite_desk: Desk, sqlite_file: Path, sound_file: Path) -> Desk:
    """Return a desk on SQLite with something of everything."""
    sqlite_file.write_bytes(sound_file.read_bytes())
    return sqlite_desk


@pytest.fixture
def tamper(busy_desk: Desk, sqlite_file: Path) -> Tamper:
    """Return a function that runs statements on the file, past all checks, and returns what is found then."""

    def tamper(*statements: str) -> list[str]:
        with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as connection:
            connection.execute("PRAGMA ignore_check_constraints=ON")
            for statement in statements:
                assert connection.execute(statement).rowcount != 0, statement
        return lines(busy_desk)

    return tamper


def test_everything_is_counted(busy_desk: Desk) -> None:
    told: list[tuple[int, int]] = []
    result = busy_desk.store.verify(told=lambda done, total: told.append((done, total)))
    assert result.flaws == 0
    assert result.records["Ticket"] == 4
    assert result.records["HistoryEntry"] == sum(len(busy_desk.queries.get_history(n)) for n in (1, 2, 3, 4))
    named = ("Comment", "Task", "TimeEntry", "Signoff", "User", "Person", "Template", "Schedule")
    assert {result.records[name] for name in named} == {1}
    assert told == [(4, 4)]


ROW = "TicketGuid = (SELECT Guid FROM data_ticket WHERE TicketNumber = 1)"


@pytest.mark.parametrize(
    ("table", "change", "where", "expected"),
    [
        ("data_ticket", "Subject = 'x'", "TicketNumber = 1", "ticket 1, subject: x; expected Printer by its history"),
        ("data_ticket", "Status = 'CLOSED'", "TicketNumber = 1", "status: CLOSED; expected RESOLVED by its history"),
        ("data_ticket", "Priority = 'LOW'", "TicketNumber = 1", "priority: LOW; expected HIGH by its history"),
        ("data_ticket", "AssignedTo = 'x'", "TicketNumber = 2", "assigned_to: x; expected empty by its history"),
        ("data_ticket", "WorkScore = 5", "TicketNumber = 2", "work_score: 5; expected none by its history"),
        ("data_ticket", "Watchers = ''", "TicketNumber = 1", "watchers: empty; expected w@example.com by its history"),
        ("data_ticket", "EstimatedDate = NULL", "TicketNumber = 1", "estimated_date: none; expected 2026-05-01 23"),
        ("data_ticket", "ResolvedDate = NULL", "TicketNumber = 1", f"resolved_date: none; expected {NOW.date()}"),
        ("data_ticket", "ClosedDate = UpdatedDate", "TicketNumber = 1", "expected none by its moves"),
        ("data_ticket", "UpdatedDate = '2026-03-03 00:00:00.000000'", "TicketNumber = 1", "ticket 1, updated_date: "),
        ("data_ticket", "CreatedDate = '2020-03-03 00:00:00.000000'", "TicketNumber = 1", "ticket 1, created_date: "),
        ("data_ticket", "RowVersion = 99", "TicketNumber = 1", "rows; expected 98 changes by row_version"),
        ("data_ticket", "TicketNumber = -5", "TicketNumber = 1", "has the number -5; expected 1 or more"),
        ("data_ticket", "MergedInto = NULL", "TicketNumber = 4", "ticket 4, merged_into: none; expected 0"),
        ("data_ticket", "MergedInto = 'x'", "TicketNumber = 4", "ticket 4, merged_into: there is no ticket x"),
        ("data_ticket", "MergedGuids = ''", "TicketNumber = 3", "ticket 4, merged_into: ticket 3 does not know of it"),
        ("data_ticket", "MergedGuids = 'x'", "TicketNumber = 3", "ticket 3, merged_guids: there is no ticket x"),
        ("data_ticket", "Status = 'GONE'", "TicketNumber = 1", "'GONE' cannot be read, and counts as empty; expected"),
        ("data_ticket_history", "Seq = 99", f"{ROW} AND Seq = 1", "ticket 1, history: row 1 is missing (found 2)"),
        ("data_ticket_history", "NewValue = 'x'", f"{ROW} AND Seq = 2", "row 2 (STATUS_CHANGE) was changed after"),
        ("data_ticket_history", "TicketGuid = 'x'", f"{ROW} AND Seq = 2", "ticket_guid leads to x, which is no ticket"),
        ("data_ticket_comment", "Text = 'x'", "1", "is not what was written; expected what its row COMMENT_ADDED says"),
        ("data_ticket_comment", "IsInternal = 'Y'", "1", "is not what was written"),
        ("data_ticket_comment", "IsInternal = 'q'", "1", "'q' cannot be read, and counts as empty; expected Y or N"),
        ("data_ticket_comment", "TicketGuid = 'x'", "1", "ticket_guid leads to x, which is no ticket"),
        ("data_ticket_task", "Name = 'x'", "1", "ticket 1, version 7: led to another task 'Dig'"),
        ("data_ticket_time", "DurationMinutes = 1", "1", "has another duration_minutes; expected what its row TIME"),
        ("data_ticket_time", "TicketGuid = 'x'", "1", "is missing"),
        ("data_ticket_signoff", "Status = 'APPROVED'", "1", "sign-off of bob@example.com, status: APPROVED; expected"),
        ("data_ticket_signoff", "Email = 'x'", "1", "sign-off of x: was never asked for"),
        ("data_ticket_link", "TargetGuid = 'x'", "1", "leads to x, which is no ticket"),
        ("data_ticket_link", "TargetGuid = SourceGuid", "1", "leads back to its own ticket"),
        ("data_ticket_version", "HistorySeq = 99", f"{ROW} AND Version = 2", "belongs to row 99 of the history, which"),
        ("data_ticket_version", "Version = 9", f"{ROW} AND Version = 2", "comes behind a gap; expected version 2"),
        ("data_ticket_version", "Changes = '{'", f"{ROW} AND Version = 2", "version 2 of the ticket"),
        ("data_ticket_version", "ChangedBy = 'x'", f"{ROW} AND Version = 2", "version 2: is not of row"),
        ("sys_outbox", "TicketGuid = 'x'", "1", "ticket_guid leads to x, which is no ticket"),
        ("sys_outbox", "Payload = 'x'", "1", "its payload cannot be read; expected a JSON object"),
        ("sys_outbox", "DeliveredDate = NULL", "1", "is DELIVERED and has no delivered_date"),
        ("sys_outbox", "State = 'PENDING'", "1", "is PENDING and has a delivered_date"),
        ("sys_outbox", "Attempts = 0", "1", "is DELIVERED after 0 attempts; expected one attempt at least"),
        ("sys_user", "PersonGuid = 'x'", "1", "user ann: person_guid leads to x, which is no person"),
        ("def_ticket_template", "Tasks = 'x'", "1", "cannot be read: the database has something else than tasks"),
        ("def_recurring", "CronExpression = 'x'", "1", "(BACKUP): cron_expression: "),
        ("def_recurring", "Timezone = 'Mars/Base'", "1", "there is no time zone 'Mars/Base'"),
        ("def_recurring", "TemplateName = 'x'", "1", "there is no such template in its package"),
        ("def_recurring", "NextRun = NULL", "1", "is active and has no next run"),
    ],
)
def test_a_value_that_was_changed_is_found(tamper: Tamper, table: str, change: str, where: str, expected: str) -> None:
    found = tamper(f"UPDATE {table} SET {change} WHERE {where}")  # noqa: S608 - no input is in it
    assert any(expected in line for line in found), found


DATE = "2026-03-09 11:11:11.000000"
COVERED = {
    "data_ticket_history": (
        *("Guid", "TicketGuid", "Action", "OldValue", "NewValue", "ActionBy", "Package", "ActionDate", "Seq"),
        *("Field", "Note", "Salt", "PrevHash", "Hash"),
    ),
    "data_ticket": (
        *("Guid", "Package", "Project", "Subject", "Description", "Status", "Priority", "TicketType", "RequestedBy"),
        *("RequestedByType", "AssignedTo", "ProblemAnalysis", "WorkScore", "CreatedDate", "UpdatedDate"),
        *("ResolvedDate", "ClosedDate", "Watchers", "MergedGuids", "EstimatedDate", "MergedInto"),
    ),
    "data_ticket_comment": ("TicketGuid", "Text", "CommentedBy", "IsInternal", "CreatedDate"),
    "data_ticket_task": (
        *("Guid", "TicketGuid", "Name", "Description", "AssignedTo", "Status", "SortOrder", "PrId", "PrRepo"),
        *("PrUrl", "Package", "CreatedDate", "UpdatedDate", "CompletedDate"),
    ),
    "data_ticket_time": (
        *("Guid", "TicketGuid", "PersonEmail", "StartTime", "EndTime", "DurationMinutes", "Description", "CreatedDate"),
    ),
    "data_ticket_signoff": (
        *("TicketGuid", "Email", "Role", "Status", "Note", "RequestedBy", "RequestedDate", "SignedDate"),
    ),
    "data_ticket_link": ("SourceGuid", "TargetGuid"),
    "data_ticket_version": ("TicketGuid", "Changes", "ChangedBy", "CreatedDate"),
    "sys_outbox": ("TicketGuid", "Payload"),
    "sys_user": ("PersonGuid",),
}
"""The columns of which every value is covered by a history or a reference."""

PLACES = [(table, column) for table, columns in COVERED.items() for column in columns]


def _another(column: str, value: str | int | None) -> str | int:
    """Return a value that is not ``value``."""
    if column.endswith(("Date", "Time")):
        return DATE
    if isinstance(value, int):
        return value + 1
    return {"Y": "N", "N": "Y"}.get(value or "", f"{value}x")


@pytest.fixture(scope="module")
def sound_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with something of everything."""
    file = tmp_path_factory.mktemp("sound") / "desk.db"
    clock = PlayedClock(NOW)
    with open_desk(_config(file), clock=clock) as desk:
        keep_busy(desk, clock)
        assert lines(desk) == []
    return file


def _config(file: Path) -> Config:
    return Config(database=DatabaseSection(url=f"sqlite:///{file}"), email=EmailSection(folder=file.parent / "mail"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.sampled_from([(table, column) for table, columns in COVERED.items() for column in columns]), data=st.data()
)
def test_any_value_that_something_covers_is_missed(
    place: tuple[str, str], data: st.DataObject, sound_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table, column = place
    file = tmp_path_factory.mktemp("changed") / "desk.db"
    file.write_bytes(sound_file.read_bytes())
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        rows = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()  # noqa: S608 - our own names
        row, value = data.draw(st.sampled_from(rows))
        values = (_another(column, value), row)
        with suppress(sqlite3.IntegrityError):  # two of one kind, which is noticed at once
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", values)  # noqa: S608 - the same
            with open_desk(_config(file)) as desk:
                assert lines(desk)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("data_ticket_history", "ticket 1, history: every row is missing"),
        ("data_ticket_comment", "ticket 1, comments: 1 missing"),
        ("data_ticket_task", "ticket 1, tasks: there are 0; expected 1, which were added"),
        ("data_ticket_time", "is missing"),
        ("def_person", "which is no person"),
        ("def_ticket_template", "there is no such template in its package"),
    ],
)
def test_records_that_were_removed_are_missed(tamper: Tamper, table: str, expected: str) -> None:
    found = tamper(f"DELETE FROM {table}")  # noqa: S608 - no input is in it
    assert any(expected in line for line in found), found


def test_a_ticket_that_was_removed_is_missed_by_all_that_is_below_it(tamper: Tamper) -> None:
    found = tamper("DELETE FROM data_ticket WHERE TicketNumber = 1")
    for kind in ("HistoryEntry", "Comment", "Task", "TimeEntry", "Signoff", "VersionRow", "Link", "message"):
        assert any(line.startswith(kind) and "which is no ticket" in line for line in found), kind
    assert any(line.startswith("ticket 3, ") for line in found) is False


def test_rows_cut_off_at_the_end_are_noticed(tamper: Tamper, busy_desk: Desk) -> None:
    last = len(busy_desk.queries.get_history(1))
    found = tamper(f"DELETE FROM data_ticket_history WHERE {ROW} AND Seq = {last}")  # noqa: S608 - no input is in it
    assert busy_desk.queries.verify_history(1) == []  # the chain itself is whole
    assert any(line.startswith("ticket 1, links: there are 1; expected at most 0 by its history") for line in found)


def test_a_last_row_of_another_time_than_the_ticket_is_noticed(tamper: Tamper) -> None:
    last = "(SELECT max(Seq) FROM data_ticket_history AS other WHERE other.TicketGuid = data_ticket_history.TicketGuid)"
    guid = "(SELECT Guid FROM data_ticket WHERE TicketNumber = 3)"
    found = tamper(
        f"UPDATE data_ticket_history SET ActionDate = '2026-03-02 07:00:00.000000' WHERE TicketGuid = {guid}"  # noqa: S608
        f" AND Seq = {last}"
    )
    assert any(line.startswith("ticket 3, updated_date: ") and "rows at its end were removed" in line for line in found)


def test_rows_that_are_missing_are_noticed_where_the_date_says_nothing(tamper: Tamper, busy_desk: Desk) -> None:
    """Everything here happened in one minute but for the creation, as an attacker would arrange it."""
    created = "(SELECT CreatedDate FROM data_ticket WHERE TicketNumber = 1)"
    found = tamper(
        f"DELETE FROM data_ticket_history WHERE {ROW} AND Seq > 1",  # noqa: S608 - no input is in it
        f"UPDATE data_ticket SET UpdatedDate = {created} WHERE TicketNumber = 1",  # noqa: S608 - the same
    )
    assert any("ticket 1, history: has 1 rows; expected" in line for line in found)
    assert any("belongs to row" in line for line in found)


def test_a_date_that_is_none_counts_as_empty_and_is_reported(tamper: Tamper, busy_desk: Desk) -> None:
    for value in ("soon", "2026-02-30 10:00:00.000000", "2026-13-01 10:00:00.000000"):
        found = tamper(f"UPDATE data_ticket SET SlaPausedAt = '{value}' WHERE TicketNumber = 2")  # noqa: S608 - ours
        assert [line.partition(", where")[0] for line in found] == ["ticket 2, data_ticket.SlaPausedAt"]
        assert f"'{value}' cannot be read, and counts as empty; expected a date such as" in found[0]
        assert busy_desk.tickets.read(2).sla_paused_at is None


def test_a_date_in_another_form_is_no_flaw(tamper: Tamper) -> None:
    assert tamper("UPDATE data_ticket SET SlaPausedAt = '2026-03-01T10:00:00+02:00' WHERE TicketNumber = 2") == []


def test_a_date_that_every_row_has_makes_a_ticket_unreadable_and_the_rest_is_looked_at(tamper: Tamper) -> None:
    found = tamper(
        "UPDATE data_ticket SET CreatedDate = 'x' WHERE TicketNumber = 2",
        "UPDATE data_ticket SET Subject = 'x' WHERE TicketNumber = 3",
    )
    assert any(
        line.startswith("Ticket with guid ") and "cannot be read: the database has no date" in line for line in found
    )
    assert any(line.startswith("ticket 2, data_ticket.CreatedDate") for line in found)
    assert any(line.startswith("ticket 3, subject: x") for line in found)
    assert not any("which is no ticket" in line for line in found)


def test_what_is_below_a_ticket_and_cannot_be_read_is_told_with_its_ticket(tamper: Tamper) -> None:
    found = tamper("UPDATE data_ticket_task SET CreatedDate = 'x'")
    assert any(line.startswith("ticket 1, tasks: one of them cannot be read") for line in found)


def test_the_history_of_a_merged_ticket_that_cannot_be_read_ends_nothing(tamper: Tamper) -> None:
    sound = tamper("UPDATE data_ticket SET Subject = 'x' WHERE TicketNumber = 3")
    found = tamper(
        "UPDATE data_ticket_history SET ActionDate = 'x'"
        " WHERE TicketGuid = (SELECT Guid FROM data_ticket WHERE TicketNumber = 4)"
    )
    assert any(line.startswith("ticket 4, history: one of them cannot be read") for line in found)
    assert [line for line in found if line.startswith("ticket 3,")] == sound


def test_links_and_merges_that_lead_back_are_found(tamper: Tamper) -> None:
    guids = {n: f"(SELECT Guid FROM data_ticket WHERE TicketNumber = {n})" for n in (1, 3, 4)}  # noqa: S608 - ours
    columns = "Guid, SourceGuid, TargetGuid, LinkType, CreatedBy, Package, CreatedDate"
    values = f"'new', {guids[3]}, {guids[1]}, 'BLOCKS', 'x', 'CORE', '2026-03-03 00:00:00.000000'"
    found = tamper(
        f"INSERT INTO data_ticket_link ({columns}) VALUES ({values})",  # noqa: S608 - no input is in it
        f"UPDATE data_ticket SET MergedInto = {guids[4]} WHERE TicketNumber = 3",  # noqa: S608 - the same
    )
    assert any(line.startswith("ticket 1, links: lead back: ") for line in found)
    assert any("BLOCKS 2 BLOCKS" in line for line in found)
    assert any(line.startswith("ticket 3, merges: lead back: ") for line in found)


def test_references_that_lead_to_nothing_are_found_by_every_store(desk: Desk) -> None:
    first = desk.tickets.create("Printer", action_by=ANN)
    with desk.repository.transaction() as tx:
        other = tx.add(make_link(source_guid=first.guid, target_guid=first.guid, link_type=LinkType.CAUSES))
        tx.add(make_comment(ticket_guid="gone"))
        tx.add(make_outbox_message(ticket_guid=first.guid))
        tx.add(make_user(username="ann", person_guid="gone"))
    found = lines(desk)
    assert any(f"ticket 1, link {other.guid}: leads back to its own ticket" in line for line in found)
    assert any("ticket_guid leads to gone, which is no ticket" in line for line in found)
    assert any("user ann: person_guid leads to gone" in line for line in found)
    assert any(line.startswith("ticket 1, links: there are 2; expected at most 0") for line in found)
    assert len(found) == 4


def test_a_link_without_direction_that_is_there_twice_is_found(desk: Desk) -> None:
    one, two = (desk.tickets.create(name, action_by=ANN) for name in ("Printer", "Plotter"))
    desk.links.add_link(1, 2, "RELATES_TO", created_by=ANN)
    with desk.repository.transaction() as tx:
        tx.add(make_link(source_guid=two.guid, target_guid=one.guid, link_type=LinkType.RELATES_TO))
    assert any("is there in both directions" in line for line in lines(desk))


def test_a_ticket_without_a_history_is_found_by_every_store(desk: Desk) -> None:
    with desk.repository.transaction() as tx:
        tx.add(make_ticket())
    assert lines(desk) == ["ticket 1, history: every row is missing (compare it with a backup)"]
    assert [str(flaw) for flaw in desk.store.spot_check()] == lines(desk)


def test_a_history_of_which_a_part_was_erased_is_sound(desk: Desk) -> None:
    desk.tickets.create("Printer", watchers=["w@example.com"], action_by=ANN)
    desk.tickets.update(1, subject="Plotter", action_by=ANN)
    desk.tickets.add_watcher(1, ANN, action_by=ANN)
    desk.comments.add_comment(1, "secret", commented_by=ANN)
    desk.time.log_time(1, ANN, 5, "secret", action_by=ANN)
    desk.signoffs.request_signoff(1, [BOB], requested_by=ANN)
    desk.tasks.add_task(1, "secret", action_by=ANN)
    with desk.repository.transaction() as tx:
        for row in tx.find(Query(HistoryEntry)):
            tx.save(erase(row))
    assert lines(desk) == []


def test_a_history_of_other_making_is_followed_from_where_it_was_adopted(desk: Desk, clock: PlayedClock) -> None:
    clock.advance(days=1)
    with desk.repository.transaction() as tx:
        stored = tx.add(
            make_ticket(status=Status.ON_HOLD, work_score=3, watchers=("b@x.org", "a@x.org"), updated_date=NOW)
        )
        values = {name: plain(getattr(stored, name)) for name in (*FOLLOWED, *DATES)}
        old = seal(make_history_entry(ticket_guid=stored.guid, action="OPENED", seq=1))
        row = make_history_entry(ticket_guid=stored.guid, action=ADOPTED, seq=2, prev_hash=old.hash)
        tx.add_many([old, seal(evolve(row, new_value=json.dumps(values), action_date=clock.now()))])
        tx.add(make_comment(ticket_guid=stored.guid))
        tx.add(make_time_entry(ticket_guid=stored.guid))
    assert lines(desk) == []
    desk.tickets.change_status(1, "IN_PROGRESS", action_by=ANN)
    desk.comments.add_comment(1, "more", commented_by=ANN)
    assert lines(desk) == []
    with desk.repository.transaction() as tx:
        tx.save(evolve(desk.tickets.read(1), work_score=4))
    assert lines(desk) == ["ticket 1, work_score: 4; expected 3 by its history (compare it with a backup)"]


def test_the_index_of_words_is_compared_with_what_it_is_made_of(tamper: Tamper) -> None:
    found = tamper(
        "UPDATE data_ticket_search SET Words = 'x' WHERE rowid = 1",
        "DELETE FROM data_ticket_search WHERE rowid = 2",
        "UPDATE data_ticket_comment_search SET Words = 'x'",
        "INSERT INTO data_ticket_comment_search (CommentGuid, Words) VALUES ('gone', 'x')",
    )
    assert [line.partition(" (")[0] for line in found] == [
        "ticket 1, search: has other words in the index",
        "ticket 2, search: is not in the index of words",
        found[2].partition(" (")[0],
        "search: the index has a comment gone, which is none",
    ]
    assert "has other words in the index" in found[2]
    (missing,) = tamper("DELETE FROM data_ticket_comment_search", *_REPAIRED)
    assert "search: the index has 0 comments of 1" in missing


_REPAIRED = (
    "UPDATE data_ticket_search SET Words = 'printer' WHERE rowid = 1",
    "INSERT INTO data_ticket_search (rowid, Words) VALUES (2, 'plotter')",
)


def test_a_counter_that_was_set_back_is_found(tamper: Tamper) -> None:
    found = tamper("UPDATE sqlite_sequence SET seq = 2 WHERE name = 'data_ticket'")
    assert [line.partition(" (")[0] for line in found] == ["the counter of data_ticket: is at 2; expected 4 or more"]


def place_of(name: str, sqlite_file: Path) -> tuple[int, int]:
    """Return where a table or an index begins in the file, and how long a page is."""
    with closing(sqlite3.connect(sqlite_file)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return (page - 1) * size, size


def test_damage_to_the_file_is_found(busy_desk: Desk, make_desk: Callable[..., Desk], sqlite_file: Path) -> None:
    busy_desk.close()
    (right, size), (wrong, _) = (place_of(name, sqlite_file) for name in ("ix_outbox_due", "ix_outbox_ticket"))
    with sqlite_file.open("r+b") as file:
        file.seek(right)
        page = file.read(size)
        file.seek(wrong)
        file.write(page)
    found = lines(make_desk(f"sqlite:///{sqlite_file}"))
    assert found
    assert all(line.startswith("the file: ") for line in found), found


def test_a_file_that_cannot_be_read_any_more_is_an_error(
    busy_desk: Desk, make_desk: Callable[..., Desk], sqlite_file: Path
) -> None:
    busy_desk.close()
    place, size = place_of("data_ticket", sqlite_file)
    with sqlite_file.open("r+b") as file:
        file.seek(place)
        file.write(bytes(size))
    with pytest.raises(SchemaError, match="damaged"):
        lines(make_desk(f"sqlite:///{sqlite_file}"))


def test_nothing_is_changed_and_nobody_is_held_up(busy_desk: Desk) -> None:
    with busy_desk.repository.transaction(read_only=True) as tx:
        before = tx.find(Query(Ticket))
    seen: list[str] = []
    busy_desk.store.verify(told=lambda *_: seen.append(busy_desk.tickets.create("Mouse", action_by=ANN).subject))
    assert seen == ["Mouse"]
    with busy_desk.repository.transaction(read_only=True) as tx:
        assert tx.find(Query(Ticket, (eq("ticket_number", 1),))) == [one for one in before if one.ticket_number == 1]
    assert lines(busy_desk) == []


def test_a_store_that_cannot_be_read_at_all_is_an_error(busy_desk: Desk) -> None:
    assert lines(busy_desk) == []
    busy_desk.close()
    with pytest.raises(RepositoryError, match="closed"):
        busy_desk.store.verify()


def test_more_records_than_a_page_are_looked_at(desk: Desk) -> None:
    with desk.repository.transaction() as tx:
        tx.add_many([make_ticket() for _ in range(450)])
        tx.add_many([make_user() for _ in range(450)])
    result = desk.store.verify()
    assert (result.records["Ticket"], result.records["User"], result.flaws) == (450, 450, 450)
