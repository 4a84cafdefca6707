"""Versions through a desk, on both stores: what was, what is different, and bringing it back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict, evolve, fields
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore import VERSION_REGISTRY, hookimpl, open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection
from ticketcore.desk import Desk
from ticketcore.domain.query import Order, Query
from ticketcore.domain.restoring import RESTORED, FieldDifference, TaskDifference, content_of
from ticketcore.domain.template import TemplateTask
from ticketcore.domain.ticket import Priority, Ticket
from ticketcore.domain.version import VersionedKind, VersionRow
from ticketcore.domain.work import Task
from ticketcore.errors import ConflictError, NotFoundError, Problem, RejectedError, RepositoryError
from ticketcore.plugin.records import VersionedKindSpec
from ticketcore.testing.records import make_template

ANN, BOB = "ann@example.com", "bob@example.com"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def ticket(desk: Desk) -> Ticket:
    return desk.tickets.create("Printer", priority="LOW", watchers=[BOB], action_by=ANN)


@pytest.fixture
def state(desk: Desk) -> Callable[[], tuple[Any, ...]]:
    """Return a function that says everything that is stored about the first ticket."""

    def of() -> tuple[Any, ...]:
        return (
            desk.tickets.read(1),
            desk.tasks.get_tasks(1),
            desk.queries.get_history(1),
            desk.versions.list_versions(1),
            desk.notifications.list_outbox(),
        )

    return of


def actions(desk: Desk) -> list[str]:
    return [row.action for row in desk.queries.get_history(1)]


# Lists


def test_every_change_of_the_ticket_or_its_tasks_is_a_version(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    clock.advance(minutes=1)
    task = desk.tasks.add_task(1, "Find the paper", action_by=BOB)
    desk.comments.add_comment(1, "Soon", commented_by=BOB)
    desk.signoffs.request_signoff(1, BOB, requested_by=ANN)
    clock.advance(minutes=1)
    desk.tickets.update(1, subject="Plotter", priority="HIGH", action_by=ANN)
    desk.tasks.complete_task(task.guid, action_by=BOB)
    first, second, third, fourth = desk.versions.list_versions(1)
    assert [one.version for one in (first, second, third, fourth)] == [1, 2, 3, 4]
    assert (first.changed_by, first.created_date, first.history_seq) == (ANN, START, 1)
    assert (second.fields, second.tasks, second.changed_by) == ((), ("Find the paper",), BOB)
    assert (third.fields, third.tasks) == (("subject", "priority"), ())
    assert (third.changed_by, third.created_date, third.history_seq) == (ANN, START + timedelta(minutes=2), 6)
    assert (fourth.fields, fourth.tasks) == ((), ("Find the paper",))


def test_what_changes_nothing_makes_no_version(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.update(1, subject="Printer", action_by=ANN)
    desk.tickets.add_watcher(1, BOB, action_by=ANN)
    desk.comments.add_comment(1, "Soon", commented_by=BOB)
    assert len(desk.versions.list_versions(1)) == 1


def test_a_ticket_that_does_not_exist_has_no_versions(desk: Desk) -> None:
    with pytest.raises(NotFoundError):
        desk.versions.list_versions(7)
    with pytest.raises(NotFoundError):
        desk.versions.get_version(7, 1)
    with pytest.raises(NotFoundError):
        desk.versions.restore_version(7, 1, action_by=ANN)


# What was


def test_a_version_is_the_ticket_with_its_tasks_and_its_history_up_to_there(
    desk: Desk, ticket: Ticket, clock: PlayedClock
) -> None:
    clock.advance(minutes=1)
    task = desk.tasks.add_task(1, "Find the paper", assigned_to=BOB, action_by=BOB)
    desk.tickets.update(1, subject="Plotter", priority="HIGH", action_by=ANN)
    desk.tasks.complete_task(task.guid, action_by=BOB)
    found = desk.versions.get_version(ticket.guid, 2)
    assert (found.ticket_guid, found.ticket_number, found.version) == (ticket.guid, 1, 2)
    assert (found.ticket, found.tasks) == (content_of(ticket), (task,))
    assert [row.action for row in found.history] == ["CREATED", "TASK_ADDED"]
    assert desk.versions.get_version(1, 1).tasks == ()
    assert desk.versions.get_version(desk.tickets.read(1), 3).ticket.priority is Priority.HIGH


@pytest.mark.parametrize("number", [0, 4, -1, 10**30])
def test_a_version_that_does_not_exist_is_refused_with_those_that_do(
    desk: Desk, ticket: Ticket, number: int, state: Callable[[], Any]
) -> None:
    desk.tickets.update(1, subject="two", action_by=ANN)
    desk.tickets.update(1, subject="three", action_by=ANN)
    before = state()
    for call in (
        lambda: desk.versions.get_version(1, number),
        lambda: desk.versions.diff_versions(1, 1, number),
        lambda: desk.versions.diff_versions(1, number, 1),
        lambda: desk.versions.plan_restore(1, number),
        lambda: desk.versions.restore_version(1, number, action_by=ANN),
    ):
        with pytest.raises(NotFoundError, match="ticket 1 has versions 1 to 3"):
            call()
    assert state() == before


@pytest.mark.parametrize("number", ["2", 1.0, True, None])
def test_a_version_is_named_by_a_number(desk: Desk, ticket: Ticket, number: Any) -> None:
    with pytest.raises(RejectedError, match="version: must be a whole number"):
        desk.versions.get_version(1, number)


@pytest.mark.parametrize(
    "changes",
    [
        '{"ticket": {"priority": ["URGENT", "LOW"]}}',
        '{"ticket": {"estimated_date": ["soon", null]}}',
        '{"ticket": {"watchers": [5, []]}}',
        '{"tasks": {"t1": [{"name": "Look"}, null]}}',
    ],
)
def test_a_version_that_no_ticket_can_have_been_is_damaged(desk: Desk, ticket: Ticket, changes: str) -> None:
    now = desk.tickets.update(ticket, subject="Scanner", action_by=ANN)
    with desk.repository.transaction() as tx:
        (row,) = tx.find(Query(VersionRow))
        tx.save(evolve(row, changes=changes))
    for look in (
        lambda: desk.versions.get_version(1, 1),
        lambda: desk.versions.diff_versions(1, 1, 2),
        lambda: desk.versions.restore_version(1, 1, action_by=ANN),
    ):
        with pytest.raises(RepositoryError, match=f"version 1 of the ticket {ticket.guid} cannot be read"):
            look()
    assert desk.tickets.read(1) == now


FORGED: list[tuple[dict[str, Any], str]] = [
    ({"subject": ["a\0b", "Scanner"]}, "subject: holds a character that is no text"),
    ({"subject": ["x" * 1000, "Scanner"]}, "subject: has 1000 characters; at most 500 are allowed"),
    ({"project": ["x" * 256, ""]}, "project: has 256 characters"),
    ({"description": ["\0", ""]}, "description: holds a character"),
    ({"problem_analysis": ["\0", ""]}, "problem_analysis: holds a character"),
    ({"work_score": [-1, None]}, "work_score: must be from 0 to"),
    ({"watchers": [["ann"], []]}, "watchers: 'ann' is not an e-mail address"),
]


@pytest.mark.parametrize(("changed", "problem"), FORGED, ids=range(len(FORGED)))
def test_what_no_update_would_take_does_not_come_back(
    desk: Desk, ticket: Ticket, changed: dict[str, Any], problem: str
) -> None:
    now = desk.tickets.update(ticket, subject="Scanner", action_by=ANN)
    with desk.repository.transaction() as tx:
        (row,) = tx.find(Query(VersionRow))
        tx.save(evolve(row, changes=json.dumps({"ticket": changed})))
    for look in (
        lambda: desk.versions.plan_restore(1, 1),
        lambda: desk.versions.restore_version(1, 1, action_by=ANN),
    ):
        with pytest.raises(RejectedError, match=problem):
            look()
    assert desk.tickets.read(1) == now


def test_a_task_that_nobody_could_add_does_not_come_back(desk: Desk, ticket: Ticket) -> None:
    task = desk.tasks.add_task(1, "Find the paper", action_by=BOB)
    desk.tasks.start_task(task.guid, action_by=BOB)
    with desk.repository.transaction() as tx:
        row = tx.find(Query(VersionRow, order=(Order("version"),)))[-1]
        tx.save(evolve(row, changes=row.changes.replace("Find the paper", r"a\u0000", 1)))
    with pytest.raises(RejectedError, match="name: holds a character that is no text"):
        desk.versions.restore_version(1, 2, action_by=ANN)
    assert [one.name for one in desk.tasks.get_tasks(1)] == ["Find the paper"]


def test_a_ticket_that_was_never_changed_has_one_version(desk: Desk, ticket: Ticket) -> None:
    with pytest.raises(NotFoundError, match="ticket 1 has version 1 only"):
        desk.versions.get_version(1, 2)
    assert desk.versions.get_version(1, 1).ticket == content_of(ticket)


Step = Callable[[Desk, str, int], object]


def _some_task(desk: Desk, number: int) -> str:
    tasks = desk.tasks.get_tasks(1)
    return tasks[number % len(tasks)].guid if tasks else "none"


def _merge(desk: Desk, text: str, number: int) -> None:
    other = desk.tickets.create(text, watchers=[f"w{number}@example.com"], action_by=ANN)
    desk.tasks.add_task(other, text, action_by=ANN)
    desk.tickets.merge(other.guid, 1, action_by=ANN)


STEPS: list[Step] = [
    lambda desk, text, number: desk.tickets.update(1, subject=text, action_by=ANN),
    lambda desk, text, number: desk.tickets.update(1, description=f"{text}\n{number}", project=text, action_by=BOB),
    lambda desk, text, number: desk.tickets.update(1, priority=list(Priority)[number % 5], action_by=BOB),
    lambda desk, text, number: desk.tickets.update(1, requested_by=text, package=text, action_by=BOB),
    lambda desk, text, number: desk.tickets.assign(1, text, action_by=BOB),
    lambda desk, text, number: desk.tickets.set_eta(1, f"2026-05-{1 + number % 30:02}", action_by=BOB),
    lambda desk, text, number: desk.tickets.set_work_score(1, number, action_by=BOB),
    lambda desk, text, number: desk.tickets.add_analysis(1, text, action_by=BOB),
    lambda desk, text, number: desk.tickets.add_watcher(1, f"w{number}@example.com", action_by=BOB),
    lambda desk, text, number: desk.tickets.remove_watcher(1, f"w{number}@example.com", action_by=BOB),
    lambda desk, text, number: desk.tickets.change_status(1, "TRIAGED", action_by=BOB),
    lambda desk, text, number: desk.tickets.change_status(1, "IN_PROGRESS", action_by=BOB),
    lambda desk, text, number: desk.tickets.resolve(1, action_by=BOB),
    lambda desk, text, number: desk.tasks.add_task(1, text, text, BOB, action_by=BOB),
    lambda desk, text, number: desk.tasks.add_task(1, text, action_by=BOB),
    lambda desk, text, number: desk.tasks.start_task(_some_task(desk, number), action_by=BOB),
    lambda desk, text, number: desk.tasks.complete_task(_some_task(desk, number), action_by=BOB),
    lambda desk, text, number: desk.tasks.cancel_task(_some_task(desk, number), action_by=BOB),
    lambda desk, text, number: desk.tasks.reopen_task(_some_task(desk, number), action_by=BOB),
    lambda desk, text, number: desk.comments.add_comment(1, text, commented_by=BOB),
    lambda desk, text, number: desk.versions.restore_version(1, 1 + number % 4, action_by=BOB),
    _merge,
]
"""What can happen to a ticket; what is refused changes nothing."""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from("abc"), st.integers(0, 6)), max_size=12))
def test_every_version_is_what_was_there_right_after_its_change(steps: list[tuple[Step, str, int]]) -> None:
    clock = PlayedClock(START)
    seen: list[tuple[Ticket, list[Task], Any]] = []
    with open_desk(Config(database=DatabaseSection(url="memory:"), notifiers=()), clock=clock) as desk:
        desk.tickets.create("a", action_by=ANN)
        for step in [None, *steps]:
            clock.advance(minutes=1)
            try:
                if step is not None:
                    step[0](desk, *step[1:])
            except (RejectedError, NotFoundError):
                continue
            if len(desk.versions.list_versions(1)) > len(seen):
                seen.append((desk.tickets.read(1), desk.tasks.get_tasks(1), desk.queries.get_history(1)))
        assert [one.version for one in desk.versions.list_versions(1)] == list(range(1, len(seen) + 1))
        for number, (was, tasks, history) in enumerate(seen, 1):
            found = desk.versions.get_version(1, number)
            assert found.ticket == content_of(was)
            assert list(found.tasks) == tasks
            assert list(found.history) == history
        # Restoring any of them brings back what can be, makes one version, and does nothing the second time.
        for number, (was, _, _) in enumerate(seen, 1):
            now = desk.versions.restore_version(1, number, action_by=ANN)
            assert [getattr(now, name) for name in RESTORED[:-1]] == [getattr(was, name) for name in RESTORED[:-1]]
            assert sorted(now.watchers) == sorted(was.watchers)
            assert desk.versions.restore_version(1, number, action_by=ANN) == now
            assert desk.versions.plan_restore(1, number) == []
        assert desk.queries.verify_history(1) == []


def test_a_merged_ticket_keeps_its_versions_with_the_tasks_that_have_gone(desk: Desk, ticket: Ticket) -> None:
    other = desk.tickets.create("Other", action_by=ANN)
    task = desk.tasks.add_task(1, "Find the paper", action_by=ANN)
    into = desk.tickets.merge(1, other, action_by=ANN)
    assert desk.versions.get_version(1, 2).tasks == (task,)
    assert desk.versions.get_version(1, 3).tasks == ()
    assert desk.versions.get_version(into, 1).tasks == ()
    assert [one.guid for one in desk.versions.get_version(into, 2).tasks] == [task.guid]


def test_tasks_with_which_a_ticket_began_are_in_its_first_version(desk: Desk, clock: PlayedClock) -> None:
    tasks = (TemplateTask(name="one"), TemplateTask(name="two"))
    template = make_template(package="CORE", name="BUG", subject="Bug", tasks=tasks)
    with desk.repository.transaction() as tx:
        tx.add(template)
    made = desk.tickets.create_from_template("BUG", ANN)
    first = desk.versions.get_version(made, 1)
    assert [task.name for task in first.tasks] == ["one", "two"]
    assert [row.action for row in first.history] == ["CREATED", "TASK_ADDED", "TASK_ADDED"]
    clock.advance(minutes=1)
    desk.tasks.cancel_task(first.tasks[0].guid, action_by=ANN)
    assert desk.versions.get_version(made.guid, 1) == first
    desk.versions.restore_version(made.guid, 1, action_by=ANN)
    assert [task.status for task in desk.tasks.get_tasks(made)] == ["OPEN", "OPEN"]


# What is different


def test_the_difference_of_two_versions_goes_either_way(desk: Desk, ticket: Ticket) -> None:
    task = desk.tasks.add_task(1, "Find the paper", action_by=ANN)
    desk.tickets.update(1, subject="Plotter", action_by=ANN)
    assert desk.versions.diff_versions(1, 1, 3) == [
        FieldDifference(field="subject", old="Printer", new="Plotter"),
        TaskDifference(task_guid=task.guid, name="Find the paper", old=None, new=task),
    ]
    assert desk.versions.diff_versions(1, 3, 1) == [
        FieldDifference(field="subject", old="Plotter", new="Printer"),
        TaskDifference(task_guid=task.guid, name="Find the paper", old=task, new=None),
    ]
    assert desk.versions.diff_versions(1, 2, 2) == []


# Bringing it back


def test_restoring_is_a_new_version_with_a_row_for_each_thing_that_comes_back(
    desk: Desk, ticket: Ticket, clock: PlayedClock
) -> None:
    desk.tickets.update(1, subject="Plotter", priority="HIGH", action_by=ANN)
    desk.tickets.set_work_score(1, 5, action_by=ANN)
    desk.tickets.remove_watcher(1, BOB, action_by=ANN)
    desk.tickets.change_status(1, "TRIAGED", action_by=ANN)
    before = len(desk.queries.get_history(1))
    clock.advance(minutes=5)
    found = desk.versions.restore_version(1, 1, action_by=BOB)
    assert (found.subject, found.priority, found.work_score, found.watchers) == ("Printer", "LOW", None, (BOB,))
    assert found.status == "TRIAGED"
    rows = desk.queries.get_history(1)[before:]
    assert [(row.action, row.field, row.old_value, row.new_value) for row in rows] == [
        ("VERSION_RESTORED", "version", None, "1"),
        ("UPDATED", "subject", "Plotter", "Printer"),
        ("UPDATED", "priority", "HIGH", "LOW"),
        ("SCORE_SET", "work_score", "5", None),
        ("WATCHER_ADDED", "watchers", None, BOB),
    ]
    assert {row.action_by for row in rows} == {BOB}
    newest = desk.versions.list_versions(1)[-1]
    assert (newest.version, newest.changed_by) == (6, BOB)
    assert newest.fields == ("subject", "priority", "work_score", "watchers")


def test_deadlines_follow_a_priority_and_a_type_that_come_back(desk: Desk, clock: PlayedClock) -> None:
    desk.sla.set_sla("CORE", "LOW", ticket_type="BUG", response_minutes=7, resolution_minutes=70, action_by=ANN)
    made = desk.tickets.create("x", priority="LOW", ticket_type="BUG", action_by=ANN)
    clock.advance(minutes=1)
    changed = desk.tickets.update(1, priority="CRITICAL", ticket_type="USER", action_by=ANN)
    assert changed.sla_resolution_deadline != made.sla_resolution_deadline
    found = desk.versions.restore_version(1, 1, action_by=ANN)
    assert found.sla_response_deadline == made.sla_response_deadline == START + timedelta(minutes=7)
    assert found.sla_resolution_deadline == made.sla_resolution_deadline


def test_tasks_that_were_open_come_back_and_what_was_added_since_stays(desk: Desk, ticket: Ticket) -> None:
    first = desk.tasks.add_task(1, "one", assigned_to=BOB, action_by=ANN)
    second = desk.tasks.add_task(1, "two", action_by=ANN)
    third = desk.tasks.add_task(1, "three", action_by=ANN)
    desk.tasks.start_task(second.guid, action_by=ANN)
    desk.tasks.complete_task(third.guid, action_by=ANN)
    version = desk.versions.list_versions(1)[-1].version
    desk.tasks.complete_task(first.guid, action_by=ANN)
    desk.tasks.cancel_task(second.guid, action_by=ANN)
    desk.tasks.reopen_task(third.guid, action_by=ANN)
    added = desk.tasks.add_task(1, "four", action_by=ANN)
    assert [one.task_guid for one in desk.versions.plan_restore(1, version) if isinstance(one, TaskDifference)] == [
        first.guid,
        second.guid,
    ]
    desk.versions.restore_version(1, version, action_by=ANN)
    assert [(task.name, task.status) for task in desk.tasks.get_tasks(1)] == [
        ("one", "OPEN"),
        ("two", "IN_PROGRESS"),
        ("three", "OPEN"),
        ("four", "OPEN"),
    ]
    assert desk.tasks.get_tasks(1)[0].completed_date is None
    assert desk.tasks.get_tasks(1)[3] == added


def test_restoring_what_is_as_it_was_changes_nothing(desk: Desk, ticket: Ticket, state: Callable[[], Any]) -> None:
    desk.tickets.assign(1, BOB, action_by=ANN)  # which does not come back
    before = state()
    assert desk.versions.plan_restore(1, 1) == []
    assert desk.versions.restore_version(1, 1, action_by=ANN) == before[0]
    assert state() == before


def test_a_plan_changes_nothing(desk: Desk, ticket: Ticket, state: Callable[[], Any]) -> None:
    desk.tickets.update(1, subject="Plotter", action_by=ANN)
    before = state()
    assert desk.versions.plan_restore(1, 1) == [FieldDifference(field="subject", old="Plotter", new="Printer")]
    assert state() == before


def test_a_record_that_is_out_of_date_is_not_restored(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.update(1, subject="Plotter", action_by=ANN)
    with pytest.raises(ConflictError):
        desk.versions.restore_version(ticket, 1, action_by=ANN)
    assert desk.tickets.read(1).subject == "Plotter"


def test_a_merged_ticket_is_not_restored(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.update(1, subject="Plotter", action_by=ANN)
    other = desk.tickets.create("Other", action_by=ANN)
    desk.tickets.merge(1, other, action_by=ANN)
    with pytest.raises(RejectedError, match="merged into ticket 2"):
        desk.versions.restore_version(1, 1, action_by=ANN)


def test_merges_stay_when_a_version_from_before_them_comes_back(desk: Desk, ticket: Ticket) -> None:
    other = desk.tickets.create("Other", watchers=["w@example.com"], action_by=ANN)
    task = desk.tasks.add_task(other, "Find the paper", action_by=ANN)
    desk.tickets.merge(other.guid, 1, action_by=ANN)
    desk.versions.restore_version(1, 1, action_by=ANN)
    found = desk.tickets.read(1)
    assert (found.merged_guids, found.watchers) == ((other.guid,), (BOB,))
    assert [one.guid for one in desk.tasks.get_tasks(1)] == [task.guid]


class Strict:
    """A plugin that keeps subjects, and adds a project."""

    @hookimpl
    def ticketcore_validate(self, change: Any) -> list[Problem]:
        return [Problem("subject", "is final")] if change.after.subject == "Printer" and change.before else []


class Tidy:
    @hookimpl
    def ticketcore_amend(self, change: Any) -> dict[str, str]:
        return {"project": "TIDY"} if change.before else {}


def test_policies_are_asked(make_config: Callable[..., Config], store_url: str, clock: PlayedClock) -> None:
    with open_desk(make_config(store_url), plugins={"strict": Strict()}, clock=clock) as desk:
        desk.tickets.create("Printer", action_by=ANN)
        desk.tickets.update(1, subject="Plotter", priority="HIGH", action_by=ANN)
        before = desk.tickets.read(1), desk.queries.get_history(1)
        with pytest.raises(RejectedError, match="subject: is final"):
            desk.versions.restore_version(1, 1, action_by=ANN)
        assert (desk.tickets.read(1), desk.queries.get_history(1)) == before


def test_policies_amend_what_comes_back(make_config: Callable[..., Config], store_url: str, clock: PlayedClock) -> None:
    with open_desk(make_config(store_url), plugins={"tidy": Tidy()}, clock=clock) as desk:
        desk.tickets.create("Printer", action_by=ANN)
        desk.tickets.update(1, subject="Plotter", action_by=ANN)
        found = desk.versions.restore_version(1, 1, action_by=ANN)
        assert (found.subject, found.project) == ("Printer", "TIDY")
        assert [row.action for row in desk.queries.get_history(1)[-2:]] == ["VERSION_RESTORED", "UPDATED"]


# What is kept, and of what


def test_the_registry_has_what_plugins_add(make_config: Callable[..., Config], sqlite_file: Path) -> None:
    class Contracts:
        @hookimpl
        def ticketcore_versioned_kinds(self) -> list[VersionedKindSpec]:
            return [
                VersionedKindSpec(
                    name="contract",
                    summary="x",
                    target=dict,
                    main_table="data_contract",
                    nodes_table="data_clause",
                    history_table="data_contract_history",
                    name_column="Number",
                )
            ]

    with open_desk(make_config(f"sqlite:///{sqlite_file}"), plugins={"contracts": Contracts()}) as desk:
        registry = desk.versions.registry()
    assert list(registry) == ["ticket", "contract"]
    assert registry["ticket"] == VERSION_REGISTRY["ticket"]
    assert (registry["contract"].nodes_table, registry["contract"].name_column) == ("data_clause", "Number")


def test_the_registry_names_tables_and_a_column_that_exist(sqlite_desk: Desk, sqlite_file: Path) -> None:
    sqlite_desk.tickets.create("x", action_by=ANN)
    with closing(sqlite3.connect(sqlite_file)) as connection:
        for kind in VERSION_REGISTRY.values():
            tables = {name: value for name, value in asdict(kind).items() if name.endswith("_table")}
            assert len(tables) == len(fields(VersionedKind)) - 1
            for table in tables.values():
                assert connection.execute(f"PRAGMA table_info({table})").fetchall(), table
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({kind.main_table})")]
            assert kind.name_column in columns


def test_a_ticket_from_before_there_were_versions_begins_with_the_oldest_state_that_is_known(
    sqlite_desk: Desk, sqlite_file: Path, clock: PlayedClock
) -> None:
    desk = sqlite_desk
    desk.tickets.create("one", action_by=ANN)
    clock.advance(minutes=1)
    two = desk.tickets.update(1, subject="two", action_by=BOB)
    with closing(sqlite3.connect(sqlite_file)) as connection:
        connection.execute("DELETE FROM data_ticket_version")
        connection.commit()
    clock.advance(minutes=1)
    (only,) = desk.versions.list_versions(1)
    assert (only.version, only.changed_by, only.history_seq) == (1, BOB, 2)
    desk.tickets.update(1, subject="three", action_by=ANN)
    assert desk.versions.list_versions(1)[0] == only
    assert desk.versions.get_version(1, 1).ticket == content_of(two)
    assert evolve(desk.versions.restore_version(1, 1, action_by=ANN), **_unstable(two)) == two


def _unstable(ticket: Ticket) -> dict[str, Any]:
    return {"updated_date": ticket.updated_date, "row_version": ticket.row_version}
