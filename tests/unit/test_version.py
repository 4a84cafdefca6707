"""Versions of tickets as pure functions: what a change says, what was before it, and what it takes to go back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import asdict, evolve, fields

from ticketcore.domain.history import Action, Entry, HistoryEntry
from ticketcore.domain.lifecycle import Change, TaskChange
from ticketcore.domain.restoring import (
    RESTORED,
    FieldDifference,
    TaskDifference,
    content_of,
    differences,
    restored,
)
from ticketcore.domain.ticket import Priority, Status, Ticket
from ticketcore.domain.version import VERSION_REGISTRY, VersionRow
from ticketcore.domain.versioning import VERSIONED, TicketVersion, changes_of, rewound, state_of, summaries, version_row
from ticketcore.domain.work import Task, TaskStatus
from ticketcore.errors import RepositoryError
from ticketcore.serde import from_plain
from ticketcore.testing.records import make_history_entry, make_task, make_ticket

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
MUCH_LATER = NOW + timedelta(hours=2)


def change(before: Ticket, *tasks: TaskChange, **values: Any) -> Change:
    entry = Entry(Action.UPDATED, "subject", before.subject, "")
    return Change(before=before, after=evolve(before, updated_date=LATER, **values), entries=(entry,), tasks=tasks)


def row(change: Change, version: int = 2, history_seq: int = 2) -> VersionRow:
    return version_row(
        change, changes_of(change), guid=f"v{version}", version=version, history_seq=history_seq, changed_by="ann"
    )


def entry(seq: int, action: Action, at: datetime, by: str = "ann") -> HistoryEntry:
    return make_history_entry(seq=seq, action=action, action_date=at, action_by=by)


def then(ticket: Ticket, *tasks: Task, version: int = 1) -> TicketVersion:
    return TicketVersion(
        ticket_guid=ticket.guid,
        ticket_number=ticket.ticket_number,
        version=version,
        created_date=NOW,
        changed_by="ann",
        history_seq=1,
        ticket=content_of(ticket),
        tasks=tasks,
        history=(),
    )


# What is kept


def test_versions_keep_all_of_a_ticket_but_its_identity_and_what_follows_from_the_rest() -> None:
    left_out = {field.name for field in fields(Ticket)} - set(VERSIONED)
    deadlines = {name for name in left_out if name.startswith("sla_")}
    assert left_out - deadlines == {"guid", "ticket_number", "created_date", "updated_date", "row_version"}


def test_the_registry_names_what_versions_of_tickets_are_made_of() -> None:
    assert asdict(VERSION_REGISTRY["ticket"]) == {
        "main_table": "data_ticket",
        "nodes_table": "data_ticket_task",
        "history_table": "data_ticket_history",
        "name_column": "TicketNumber",
    }


# What a change says


def test_a_change_says_which_fields_have_other_values() -> None:
    ticket = make_ticket(subject="old", priority=Priority.LOW, estimated_date=NOW, watchers=("a@example.com",))
    made = change(ticket, subject="new", priority=Priority.HIGH, estimated_date=None, watchers=())
    assert changes_of(made) == {
        "ticket": {
            "subject": ["old", "new"],
            "priority": ["LOW", "HIGH"],
            "estimated_date": ["2026-03-02T08:00:00+00:00", None],
            "watchers": [["a@example.com"], []],
        }
    }


def test_a_change_of_nothing_that_is_kept_makes_no_version() -> None:
    ticket = make_ticket()
    assert changes_of(change(ticket, sla_response_deadline=LATER, row_version=7)) == {}
    assert changes_of(Change(before=None, after=ticket, entries=())) == {}


def test_a_change_holds_whole_tasks() -> None:
    ticket = make_ticket()
    new, old = (make_task(ticket_guid=ticket.guid, name=name) for name in ("new", "old"))
    done = evolve(old, status=TaskStatus.DONE, completed_date=LATER)
    said = changes_of(change(ticket, TaskChange(None, new), TaskChange(old, done)))
    assert said.keys() == {"tasks"}
    assert said["tasks"][new.guid][0] is None
    assert from_plain(Task, said["tasks"][new.guid][1]) == new
    assert [from_plain(Task, one) for one in said["tasks"][old.guid]] == [old, done]


def test_a_task_that_comes_from_another_ticket_is_new_here_and_gone_there() -> None:
    source, target = make_ticket(), make_ticket()
    task = make_task(ticket_guid=source.guid)
    moved = TaskChange(task, evolve(task, ticket_guid=target.guid))
    assert [one is None for one in changes_of(change(target, moved))["tasks"][task.guid]] == [True, False]
    assert [one is None for one in changes_of(change(source, moved))["tasks"][task.guid]] == [False, True]
    assert changes_of(change(make_ticket(), moved)) == {}


# What was


def test_going_back_over_every_version_gives_what_the_first_one_was() -> None:
    first = make_ticket(subject="one", work_score=None)
    task = make_task(ticket_guid=first.guid)
    second = change(first, TaskChange(None, task), subject="two")
    done = evolve(task, status=TaskStatus.DONE)
    third = change(second.after, TaskChange(task, done), work_score=5, subject="three")
    rows = [row(second), row(third, 3, 3)]
    now = state_of(third.after, [done])
    assert rewound(now, []) == now
    assert rewound(now, rows[1:]) == state_of(second.after, [task])
    assert rewound(now, rows) == state_of(first, [])


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        "[]",
        "5",
        '{"ticket": 5}',
        '{"ticket": {"subject": ["old"]}}',
        '{"ticket": {"subject": 5}}',
        '{"tasks": null}',
        '{"tasks": {"t1": 5}}',
        '{"tasks": {"t1": [null, null]}}',
        '{"tasks": {"t1": [{"status": "OPEN"}, null]}}',
    ],
)
def test_a_damaged_row_is_named(damaged: str) -> None:
    ticket = make_ticket()
    broken = evolve(row(change(ticket, subject="x"), 4), changes=damaged)
    with pytest.raises(RepositoryError, match=f"version 4 of the ticket {ticket.guid} cannot be read") as error:
        rewound(state_of(ticket, []), [broken])
    assert error.value.hint


# The list


def test_the_first_version_is_what_the_ticket_was_created_as() -> None:
    ticket = make_ticket(created_date=NOW)
    history = [entry(1, Action.CREATED, NOW, "max"), entry(2, Action.ASSIGNED, NOW, "max")]
    (first,) = summaries(ticket, history, [])
    assert (first.version, first.created_date, first.changed_by, first.history_seq) == (1, NOW, "max", 2)
    assert (first.fields, first.tasks) == ((), ())


def test_what_happens_later_does_not_move_the_first_version() -> None:
    ticket = make_ticket()
    history = [
        entry(1, Action.CREATED, NOW),
        entry(2, Action.COMMENT_ADDED, NOW + timedelta(minutes=1), "bob"),
        entry(3, Action.UPDATED, LATER),
        entry(4, Action.UPDATED, LATER),
        entry(5, Action.COMMENT_ADDED, MUCH_LATER),
    ]
    made = change(ticket, subject="new", project="P")
    first, second = summaries(ticket, history, [row(made, 2, 4)])
    assert (first.history_seq, first.created_date, first.changed_by) == (1, NOW, "ann")
    assert (second.history_seq, second.created_date, second.fields) == (4, LATER, ("project", "subject"))


def test_in_an_old_database_the_first_version_is_the_oldest_state_that_is_known() -> None:
    ticket = make_ticket()
    history = [
        entry(1, Action.CREATED, NOW),
        entry(2, Action.UPDATED, NOW + timedelta(minutes=1), "bob"),  # nobody kept what that changed
        entry(3, Action.COMMENT_ADDED, NOW + timedelta(minutes=2)),
        entry(4, Action.UPDATED, LATER),
    ]
    (only,) = summaries(ticket, history[:3], [])
    assert (only.version, only.history_seq, only.changed_by) == (1, 2, "bob")
    first, _ = summaries(ticket, history, [row(change(ticket, subject="new"), 2, 4)])
    assert first == only


def test_a_ticket_without_a_history_has_a_first_version_all_the_same() -> None:
    (first,) = summaries(make_ticket(created_date=NOW), [], [])
    assert (first.created_date, first.changed_by, first.history_seq) == (NOW, "", 0)


def test_a_version_names_the_tasks_that_it_changed() -> None:
    ticket = make_ticket()
    task = make_task(ticket_guid=ticket.guid, name="Find the paper")
    gone = evolve(task, ticket_guid="another")
    rows = [row(change(ticket, TaskChange(None, task))), row(change(ticket, TaskChange(task, gone)), 3, 3)]
    _, added, left = summaries(ticket, [entry(1, Action.CREATED, NOW)], rows)
    assert added.tasks == left.tasks == ("Find the paper",)


# Differences


def test_differences_are_the_fields_and_then_the_tasks() -> None:
    ticket = make_ticket(subject="one")
    other = evolve(ticket, subject="two", watchers=("a@example.com",))
    kept, old, new = (make_task(ticket_guid=ticket.guid, name=name) for name in ("kept", "old", "new"))
    done = evolve(kept, status=TaskStatus.DONE, completed_date=LATER, updated_date=LATER)
    found = differences(content_of(ticket), [kept, old], content_of(other), [done, new])
    assert found == [
        FieldDifference(field="subject", old="one", new="two"),
        FieldDifference(field="watchers", old=(), new=("a@example.com",)),
        TaskDifference(task_guid=kept.guid, name="kept", fields=("status",), old=kept, new=done),
        TaskDifference(task_guid=old.guid, name="old", old=old, new=None),
        TaskDifference(task_guid=new.guid, name="new", old=None, new=new),
    ]


def test_a_task_that_was_only_touched_is_no_difference() -> None:
    ticket, task = make_ticket(), make_task()
    touched = evolve(task, updated_date=MUCH_LATER)
    assert differences(content_of(ticket), [task], content_of(ticket), [touched]) == []


# Going back

OTHER: dict[str, Any] = {
    "subject": "other",
    "description": "other",
    "project": "OTHER",
    "priority": Priority.CRITICAL,
    "ticket_type": "BUG",
    "problem_analysis": "other",
    "work_score": 7,
    "estimated_date": LATER,
    "watchers": ("other@example.com",),
    "package": "OTHER",
    "status": Status.TRIAGED,
    "requested_by": "other",
    "requested_by_type": "SYSTEM",
    "assigned_to": "other",
    "resolved_date": LATER,
    "closed_date": LATER,
    "merged_guids": ("other",),
    "merged_into": "other",
}


@pytest.mark.parametrize("name", VERSIONED)
def test_exactly_what_is_named_comes_back(name: str) -> None:
    was = make_ticket()
    now = evolve(was, **{name: OTHER[name]})
    made = restored(now, [], then(was), now=MUCH_LATER)
    if name not in RESTORED:
        assert made is None
        return
    assert made is not None
    assert (made.before, made.after) == (now, was)
    assert made.entries[0] == Entry(Action.VERSION_RESTORED, "version", None, "1")
    assert {one.field for one in made.entries[1:]} == {name}
    assert made.event is None


def test_what_comes_back_has_the_rows_that_setting_it_has() -> None:
    was = make_ticket(work_score=3, estimated_date=None, problem_analysis="", watchers=("a@example.com",))
    now = evolve(
        was, **{name: OTHER[name] for name in ("work_score", "estimated_date", "problem_analysis", "watchers")}
    )
    made = restored(now, [], then(was), now=MUCH_LATER)
    assert made is not None
    assert made.entries[1:] == (
        Entry(Action.ANALYSIS_SET, "problem_analysis", "other", ""),
        Entry(Action.SCORE_SET, "work_score", "7", "3"),
        Entry(Action.ETA_SET, "estimated_date", "2026-03-02T09:00:00+00:00", None),
        Entry(Action.WATCHER_ADDED, "watchers", None, "a@example.com"),
        Entry(Action.WATCHER_REMOVED, "watchers", "other@example.com", None),
    )


def test_the_order_of_watchers_is_no_difference() -> None:
    was = make_ticket(watchers=("a@example.com", "b@example.com"))
    assert restored(evolve(was, watchers=was.watchers[::-1]), [], then(was), now=MUCH_LATER) is None


@pytest.mark.parametrize("status", [TaskStatus.OPEN, TaskStatus.IN_PROGRESS])
@pytest.mark.parametrize("today", TaskStatus)
def test_a_task_that_was_open_is_open_again(status: TaskStatus, today: TaskStatus) -> None:
    ticket = make_ticket()
    was = make_task(ticket_guid=ticket.guid, name="was", description="was", assigned_to="ann", status=status)
    done = LATER if today is TaskStatus.DONE else None
    task = evolve(was, name="is", description="is", assigned_to="bob", status=today, pr_id="7", completed_date=done)
    made = restored(ticket, [task], then(ticket, was), now=MUCH_LATER)
    assert made is not None
    assert made.tasks == (TaskChange(task, evolve(was, pr_id="7", updated_date=MUCH_LATER)),)
    assert made.after == ticket
    changed = [one for one in ("name", "description", "assigned_to", "status") if one != "status" or today != status]
    assert [(one.action, one.field, one.note) for one in made.entries[1:]] == [
        ("TASK_CHANGED", name, "is") for name in changed
    ]


@pytest.mark.parametrize("status", [TaskStatus.DONE, TaskStatus.CANCELLED])
def test_a_task_that_was_ended_stays_as_it_is(status: TaskStatus) -> None:
    ticket = make_ticket()
    was = make_task(ticket_guid=ticket.guid, status=status)
    task = evolve(was, status=TaskStatus.OPEN, name="other")
    assert restored(ticket, [task], then(ticket, was), now=MUCH_LATER) is None


def test_tasks_that_were_added_since_stay_and_those_that_have_gone_to_another_ticket_too() -> None:
    ticket = make_ticket()
    gone, added = make_task(ticket_guid=ticket.guid), make_task(ticket_guid=ticket.guid)
    assert restored(ticket, [added], then(ticket, gone), now=MUCH_LATER) is None


def test_on_a_cancelled_ticket_no_task_is_taken_up_again() -> None:
    ticket = make_ticket(status=Status.CANCELLED)
    was = make_task(ticket_guid=ticket.guid)
    task = evolve(was, status=TaskStatus.DONE)
    assert restored(ticket, [task], then(ticket, was), now=MUCH_LATER) is None
    made = restored(evolve(ticket, subject="other"), [task], then(ticket, was), now=MUCH_LATER)
    assert made is not None
    assert made.tasks == ()


def test_a_row_is_json_with_the_letters_as_they_are() -> None:
    made = row(change(make_ticket(subject="Ünï"), subject="日本"))
    assert "日本" in made.changes
    assert json.loads(made.changes) == {"ticket": {"subject": ["Ünï", "日本"]}}
