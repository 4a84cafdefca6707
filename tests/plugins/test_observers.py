"""Observers: told of every change that is stored, of no other, and again until they have taken it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import SchedulerSection
from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxMessage, TicketEvent
from ticketcore.domain.history import Action
from ticketcore.errors import RejectedError

ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"
WORKER = SchedulerSection(inline=False)

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Module = Callable[[str], Any]
Run = Callable[..., Result]

OBSERVE = """
    SEEN, TRIED = [], []
    FAILURES = []

    @hookimpl
    def ticketcore_observe(event):
        TRIED.append(event.id)
        if FAILURES:
            raise FAILURES.pop(0)
        SEEN.append(event)
"""


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def owed(desk: Desk) -> list[OutboxMessage]:
    return [one for one in desk.notifications.list_outbox() if one.channel.startswith("observer:")]


def test_an_observer_is_told_of_every_change(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module, clock: PlayedClock
) -> None:
    install("diary", OBSERVE)
    desk = make_desk(store_url)
    created = desk.tickets.create("Printer", description="Smoke.", requested_by=ANN, watchers=[EVE], action_by=ANN)
    clock.advance(minutes=1)
    desk.tickets.update(1, priority="HIGH", subject="Printer on fire", action_by=BOB)
    desk.tickets.add_watcher(1, BOB, action_by=BOB)
    desk.tickets.remove_watcher(1, EVE, action_by=BOB)
    desk.tickets.assign(1, "Bob", action_by=ANN)
    moved = desk.tickets.change_status(1, "TRIAGED", action_by=BOB, notes="Seen.")
    comment = desk.comments.add_comment(1, "On my way", commented_by=BOB, is_internal=True)
    desk.tickets.escalate(1, action_by=ANN, reason="Fire!")
    seen: list[TicketEvent] = module("diary").SEEN
    assert [[str(entry.action) for entry in event.entries] for event in seen] == [
        ["CREATED"],
        ["UPDATED", "UPDATED"],
        ["WATCHER_ADDED"],
        ["WATCHER_REMOVED"],
        ["ASSIGNED"],
        ["STATUS_CHANGE"],
        ["COMMENT_ADDED"],
        ["STATUS_CHANGE"],
    ]
    assert [event.action_by for event in seen] == [ANN, BOB, BOB, BOB, ANN, BOB, BOB, ANN]
    codes = ["CREATED", "", "", "", "ASSIGNED", "STATUS_CHANGED", "", "ESCALATED"]
    assert [event.notify_code.name if event.notify_code else "" for event in seen] == codes
    assert [event.is_new for event in seen] == [True, *[False] * 7]
    assert len({event.id for event in seen}) == 8
    first, update, *_, move, said, escalation = seen
    assert (first.ticket, first.at) == (created, created.created_date)
    assert update.at == created.created_date + timedelta(minutes=1)
    changes = [(entry.action, entry.field, entry.old_value, entry.new_value) for entry in update.entries]
    assert sorted(changes) == [
        (Action.UPDATED, "priority", "MEDIUM", "HIGH"),
        (Action.UPDATED, "subject", "Printer", "Printer on fire"),
    ]
    assert (move.ticket, move.detail, move.entries[0].note) == (moved, "Seen.", "Seen.")
    assert (said.comment, first.comment) == (comment, None)
    assert escalation.ticket == desk.tickets.read(1)
    assert [message.state for message in owed(desk)] == ["DELIVERED"] * 8


def test_a_change_that_is_refused_or_rolled_back_tells_nobody(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module
) -> None:
    validate = """
    @hookimpl
    def ticketcore_validate(change):
        if change.after.subject == "forbidden":
            yield Problem("subject", "is forbidden")
        if change.after.subject == "stopped":
            raise KeyboardInterrupt
    """
    install("diary", OBSERVE + validate)
    desk = make_desk(store_url)
    with pytest.raises(RejectedError):
        desk.tickets.create("forbidden", action_by=ANN)
    with pytest.raises(RejectedError):
        desk.tickets.create("", action_by=ANN)
    with pytest.raises(KeyboardInterrupt):
        desk.tickets.create("stopped", action_by=ANN)
    assert owed(desk) == []
    desk.notifications.deliver_due()
    assert module("diary").TRIED == []
    desk.tickets.create("Printer", action_by=ANN)
    desk.tickets.update(1, subject="Printer", action_by=ANN)  # nothing has changed
    assert len(module("diary").SEEN) == 1


def test_an_observer_is_told_after_the_commit(
    make_desk: MakeDesk, sqlite_file: Path, install: Install, module: Module
) -> None:
    source = f"""
    from ticketcore import open_desk
    from ticketcore.config.schema import Config, DatabaseSection

    FOUND = []

    @hookimpl
    def ticketcore_observe(event):
        with open_desk(Config(database=DatabaseSection(url="sqlite:///{sqlite_file}"), notifiers=())) as other:
            FOUND.append((event.ticket, other.tickets.read(event.ticket.guid)))
            if event.is_new:  # and nobody holds the store: an observer can change it
                other.comments.add_comment(event.ticket.guid, "Welcome", commented_by="greeter")
    """
    install("asking", source)
    desk = make_desk(f"sqlite:///{sqlite_file}")
    desk.tickets.create("Printer", action_by=ANN)
    found = module("asking").FOUND
    assert [told == stored for told, stored in found] == [True, True]
    assert [comment.text for comment in desk.comments.get_comments(1)] == ["Welcome"]
    assert [message.state for message in owed(desk)] == ["DELIVERED", "DELIVERED"]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("failure", ["RuntimeError('out of order')", "SystemExit(3)", "RecursionError()"])
def test_an_observer_that_fails_concerns_neither_the_others_nor_mails(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module, mail_folder: Path, failure: str
) -> None:
    install("aardvark", OBSERVE.replace("FAILURES = []", f"FAILURES = [{failure}] * 2"))
    install("zebra", OBSERVE)
    desk = make_desk(store_url)
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    desk.tickets.change_status(1, "TRIAGED", action_by=BOB)
    assert [event.ticket.status for event in module("zebra").SEEN] == ["NEW", "TRIAGED"]
    assert len(list(mail_folder.glob("*.eml"))) == 2
    assert [(one.channel, one.state) for one in owed(desk)] == [
        ("observer:aardvark", "PENDING"),
        ("observer:zebra", "DELIVERED"),
    ] * 2
    assert [message.attempts for message in owed(desk)] == [1, 1, 1, 1]


@pytest.mark.usefixtures("quiet")
def test_it_is_told_again_by_the_worker_at_growing_intervals_with_the_same_id(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module, clock: PlayedClock
) -> None:
    install("diary", OBSERVE)
    desk = make_desk(store_url)
    desk.plugins.plugins  # noqa: B018 - load them
    diary = module("diary")
    diary.FAILURES.extend([RuntimeError("out of order")] * 4)
    desk.tickets.create("Printer", action_by=ANN)
    waits = []
    for _ in range(3):
        (message,) = owed(desk)
        waits.append((message.next_attempt - clock.now()).total_seconds())
        clock.advance(seconds=waits[-1] - 1)
        assert str(desk.notifications.deliver_due()) == ""  # not before it is due
        clock.advance(seconds=1)
        assert desk.notifications.deliver_due().postponed == 1
    assert waits == [30, 60, 120]
    clock.advance(hours=1)
    desk.tickets.update(1, subject="Another", action_by=ANN)  # a later change is told as it was made
    assert desk.notifications.deliver_due().delivered == 1
    later, first = diary.SEEN
    assert (first.ticket.subject, later.ticket.subject) == ("Printer", "Another")
    *tries, between, last = diary.TRIED
    assert (tries, between, last) == ([first.id] * 4, later.id, first.id)
    assert {message.guid for message in owed(desk)} == {first.id, later.id}


@pytest.mark.usefixtures("quiet")
def test_one_that_refuses_for_good_is_given_up_at_once(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module
) -> None:
    install("diary", OBSERVE.replace("FAILURES = []", "FAILURES = [PermanentNotifierError('never')]"))
    desk = make_desk(store_url)
    desk.tickets.create("Printer", action_by=ANN)
    (message,) = owed(desk)
    assert (message.state, message.attempts, message.last_error) == ("DEAD", 1, "never")
    assert desk.notifications.retry() == 1
    assert desk.notifications.deliver_due().delivered == 1
    assert [event.id for event in module("diary").SEEN] == [message.guid]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("gone", ["disabled", "no observer any more", "broken"])
def test_messages_for_a_plugin_that_is_gone_are_given_up_at_the_end(
    make_desk: MakeDesk,
    sqlite_file: Path,
    install: Install,
    clock: PlayedClock,
    monkeypatch: pytest.MonkeyPatch,
    gone: str,
) -> None:
    site = install("diary", OBSERVE)
    url = f"sqlite:///{sqlite_file}"
    make_desk(url, scheduler=WORKER, notifiers=()).tickets.create("Printer", action_by=ANN)
    if gone == "disabled":
        monkeypatch.setenv("TICKETCORE_DISABLE_PLUGINS", "diary")
    else:
        (site / "diary_now.py").write_text("" if gone != "broken" else "1 / 0\n", encoding="utf-8")
        (site / "diary-1.0.dist-info" / "entry_points.txt").write_text("[ticketcore]\ndiary = diary_now\n", "utf-8")
    desk = make_desk(url, scheduler=SchedulerSection(inline=False, attempts=2), notifiers=())
    assert str(desk.notifications.deliver_due()) == "1 postponed"
    clock.advance(hours=1)
    assert str(desk.notifications.deliver_due()) == "1 given up"
    (message,) = owed(desk)
    assert (message.state, message.attempts) == ("DEAD", 2)
    assert message.last_error.startswith(
        "the plugin 'diary', which was to be told of a change, is not there or observes"
    )
    assert desk.tickets.update(1, subject="Another", action_by=ANN).subject == "Another"


def test_without_inline_it_is_left_to_the_worker(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module
) -> None:
    install("diary", OBSERVE)
    desk = make_desk(store_url, scheduler=WORKER, notifiers=())
    ticket = desk.tickets.create("Printer", action_by=ANN)
    diary = module("diary")
    assert diary.TRIED == []
    assert desk.notifications.deliver_due().delivered == 1
    assert [event.ticket for event in diary.SEEN] == [ticket]


def test_the_worker_of_the_command_line_tells_observers(
    install: Install, configure: Callable[[str], Path], run: Run, module: Module
) -> None:
    install("diary", OBSERVE)
    configure("scheduler: {inline: false}\n")
    assert run("create", "Printer").exit_code == 0
    result = run("worker", "--once", "--job", "outbox")
    assert (result.exit_code, result.stdout) == (0, "outbox: 1 delivered\n")
    assert [event.ticket.subject for event in module("diary").SEEN] == ["Printer"]
    assert "observer:diary" in run("outbox", "list").stdout


def test_observers_are_told_in_order(make_desk: MakeDesk, install: Install, module: Module) -> None:
    install("shared_list", "TOLD = []\n")
    observe = """
    import shared_list

    @hookimpl(priority={})
    def ticketcore_observe():
        shared_list.TOLD.append(__name__)
    """
    for name, priority in {"zebra": 1, "bear": 100, "aardvark": 100}.items():
        install(name, observe.format(priority))
    make_desk("memory:", notifiers=()).tickets.create("Printer", action_by=ANN)
    assert module("shared_list").TOLD == ["zebra", "aardvark", "bear"]
