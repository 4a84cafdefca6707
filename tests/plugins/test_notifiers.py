"""Notifiers of plugins: what they are given, where one event goes, and what becomes of one that does not work."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import SchedulerSection
from ticketcore.desk import Desk
from ticketcore.errors import ConfigError, NotFoundError, PluginError

ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"
MEMORY = "memory:"
WORKER = SchedulerSection(inline=False)

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Module = Callable[[str], Any]
Warned = Callable[[], list[str]]

SHOUT = """
    import sys

    SENT = []

    class Shouter:
        def send(self, notification, *, timeout):
            SENT.append(notification)
            return Receipt("shouted")

    @hookimpl
    def ticketcore_notifiers():
        return [NotifierSpec(name="shout", summary="shouts", target=lambda settings: Shouter())]
"""
ROOMS = """
    SENT, MADE, FAILING = [], [], set()

    @frozen
    class Settings:
        rooms: tuple[str, ...]
        token: str = field(default="", repr=False, metadata={"secret": True})

    class Chat:
        def __init__(self, settings):
            MADE.append(settings)

        def send(self, notification, *, timeout):
            if notification.recipient in FAILING:
                raise OSError(f"{notification.recipient} is closed")
            SENT.append((notification.recipient, notification.message_id))
            return Receipt("said")

    @hookimpl
    def ticketcore_notifiers():
        yield NotifierSpec(
            name="chat",
            aliases=("talk",),
            summary="says it in rooms",
            target=Chat,
            config=Settings,
            destinations=lambda settings: settings.rooms,
        )
"""
# What ``destinations`` may do wrong: its source, and what the warning says.
WRONG_PLACES = {
    "a text": ("'lobby'", "destinations must be a list of names, not 'lobby'"),
    "nothing": ("None", "destinations must be a list of names, not None"),
    "a number": ("['lobby', 5]", "a destination must be a name of at most 255 characters, not 5"),
    "too long": ("['x' * 256]", "a destination must be a name"),
    "no text": ("['\\ud800']", "a destination must be a name"),
    "zero byte": ("['a\\0b']", "a destination must be a name"),
    "raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "exits": ("sys.exit(3)", "SystemExit: 3"),
    "dies half-way": ("(1 / (1 - number) for number in range(3))", "ZeroDivisionError"),
}


def outbox(desk: Desk) -> list[tuple[str, str, str]]:
    return [(one.channel, one.recipient, one.state) for one in desk.notifications.list_outbox()]


def test_a_notifier_gets_one_message_an_event_with_the_whole_ticket(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module
) -> None:
    install("shouter", SHOUT)
    desk = make_desk(store_url, notifiers=("shout",))
    desk.tickets.create("Printer", description="Smoke.", requested_by=ANN, watchers=[BOB, EVE], action_by=ANN)
    changed = desk.tickets.change_status(1, "TRIAGED", action_by=BOB)
    created, moved = module("shouter").SENT
    assert (created.notify_code, moved.notify_code) == ("CREATED", "STATUS_CHANGED")
    assert created.to == moved.to == (ANN, BOB, EVE)
    assert (created.recipient, created.cc, created.subject) == ("", (), "[#1] Printer")
    ticket = moved.context["ticket"]
    assert (ticket["guid"], ticket["description"], ticket["status"]) == (changed.guid, "Smoke.", "TRIAGED")
    assert ticket["watchers"] == [BOB, EVE]
    assert created.context["ticket"]["status"] == "NEW"
    assert [message.state for message in desk.notifications.list_outbox()] == ["DELIVERED", "DELIVERED"]


def test_notifiers_work_beside_each_other(
    make_desk: MakeDesk, install: Install, module: Module, mail_folder: Path
) -> None:
    install("shouter", SHOUT)
    desk = make_desk(MEMORY, notifiers=("email", "shout"))
    desk.tickets.create("Printer", requested_by=ANN, watchers=[EVE], action_by=ANN)
    assert [message.channel for message in desk.notifications.list_outbox()] == ["email", "email", "shout"]
    assert len(module("shouter").SENT) == 1
    assert len(list(mail_folder.glob("*.eml"))) == 2


@pytest.mark.parametrize("channel", ["chat", "talk"])
def test_one_event_is_one_message_for_each_destination(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module, channel: str
) -> None:
    install("chatter", ROOMS)
    section = {"chat": {"rooms": ["lobby", "office", "lobby"], "token": "s3cret"}}
    desk = make_desk(store_url, notifiers=(channel,), plugins=section)
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    desk.tickets.change_status(1, "TRIAGED", action_by=ANN)
    assert outbox(desk) == [(channel, room, "DELIVERED") for room in ("lobby", "office")] * 2
    chatter = module("chatter")
    assert [room for room, _ in chatter.SENT] == ["lobby", "office"] * 2
    assert len({key for _, key in chatter.SENT}) == 4
    (settings,) = chatter.MADE  # made once, with the settings as their class has them
    assert (settings.rooms, settings.token) == (("lobby", "office", "lobby"), "s3cret")


def test_no_destination_is_no_message(make_desk: MakeDesk, install: Install) -> None:
    install("chatter", ROOMS)
    desk = make_desk(MEMORY, notifiers=("chat",), plugins={"chat": {"rooms": []}})
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert outbox(desk) == []


@pytest.mark.parametrize("scheduler", [SchedulerSection(), WORKER], ids=["inline", "worker"])
def test_the_retry_of_one_destination_repeats_none_of_the_others(
    make_desk: MakeDesk, install: Install, module: Module, clock: PlayedClock, scheduler: SchedulerSection
) -> None:
    install("chatter", ROOMS)
    section = {"chat": {"rooms": ["attic", "lobby", "office"]}}
    desk = make_desk(MEMORY, notifiers=("chat",), plugins=section, scheduler=scheduler)
    chatter = module("chatter")
    chatter.FAILING.add("attic")
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    if not scheduler.inline:
        assert str(desk.notifications.deliver_due()) == "2 delivered, 1 postponed"
    assert [room for room, _ in chatter.SENT] == ["lobby", "office"]  # none waits for the one that fails
    assert outbox(desk) == [
        ("chat", "attic", "PENDING"),
        ("chat", "lobby", "DELIVERED"),
        ("chat", "office", "DELIVERED"),
    ]
    waiting = desk.notifications.list_outbox("PENDING")[0]
    assert waiting.last_error == "OSError: attic is closed"
    chatter.FAILING.clear()
    clock.advance(seconds=30)
    assert desk.notifications.deliver_due().delivered == 1
    assert chatter.SENT[2:] == [("attic", waiting.guid)]


@pytest.mark.parametrize("case", WRONG_PLACES)
def test_a_notifier_that_cannot_say_where_it_delivers_keeps_no_change_back(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module, warned: Warned, case: str
) -> None:
    answer, reason = WRONG_PLACES[case]
    install("shouter", SHOUT.replace("summary=", f"destinations=lambda settings: {answer}, summary="))
    desk = make_desk(store_url, notifiers=("shout",))
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    desk.tickets.change_status(1, "TRIAGED", action_by=ANN)
    (warning,) = warned()
    assert warning.startswith("notifier shout cannot say where it delivers to: ")
    assert reason in warning
    assert outbox(desk) == [("shout", "", "DELIVERED")] * 2
    assert len(module("shouter").SENT) == 2


def test_an_unknown_notifier_is_an_error_before_anything_is_stored(
    make_desk: MakeDesk, sqlite_file: Path, install: Install
) -> None:
    install("shouter", SHOUT)
    url = f"sqlite:///{sqlite_file}"
    desk = make_desk(url, notifiers=("email", "shuot"))
    with pytest.raises(
        PluginError, match="no notifier called 'shuot'; known: console, email, shout, webhook"
    ) as caught:
        desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert (caught.value.plugin, caught.value.hint) == ("shuot", "did you mean shout?")
    other = make_desk(url)
    with pytest.raises(NotFoundError):
        other.tickets.read(1)
    assert other.notifications.list_outbox() == []


def test_a_notifier_of_a_package_that_is_not_installed_says_what_to_install(make_desk: MakeDesk) -> None:
    with pytest.raises(PluginError, match="no notifier called 'apprise'") as caught:
        make_desk(MEMORY, notifiers=("apprise",)).tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert caught.value.hint == "install ticketcore-apprise, from contrib/ of ticketcore's repository"


def test_the_target_is_imported_with_the_first_message(
    make_desk: MakeDesk, install: Install, module: Module, tmp_path: Path
) -> None:
    site = install("lazy", SHOUT.replace("target=lambda settings: Shouter()", 'target="lazy_target:Maker.make"'))
    source = "import lazy\n\n\nclass Maker:\n    def make(settings):\n        return lazy.Shouter()\n"
    (site / "lazy_target.py").write_text(source, encoding="utf-8")
    desk = make_desk(MEMORY, notifiers=("shout",), scheduler=WORKER)
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert "lazy" in sys.modules
    assert "lazy_target" not in sys.modules
    assert desk.notifications.deliver_due().delivered == 1
    assert "lazy_target" in sys.modules
    assert len(module("lazy").SENT) == 1


def test_a_notifier_that_cannot_be_imported_is_a_failed_delivery_that_says_what_to_install(
    make_desk: MakeDesk, install: Install
) -> None:
    target = 'target="no_such_module_anywhere:Shouter", install_hint="pip install shouter[loud]"'
    install("stillborn", SHOUT.replace("target=lambda settings: Shouter()", target))
    desk = make_desk(MEMORY, notifiers=("shout",))
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    (message,) = desk.notifications.list_outbox()
    assert (message.state, message.attempts) == ("PENDING", 1)
    assert message.last_error == (
        "the notifier 'shout' of stillborn (stillborn 1.0) cannot be loaded: "
        "ModuleNotFoundError: No module named 'no_such_module_anywhere' (pip install shouter[loud])"
    )


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("lambda settings: None", "cannot be used: NoneType has no send()"),
        ("lambda settings: 1 / 0", "cannot be made: ZeroDivisionError: division by zero"),
        ("lambda settings: sys.exit(3)", "cannot be made: SystemExit: 3"),
        ("lambda: Shouter()", "<lambda>() takes 0 positional arguments but 1 was given"),
        ("lambda settings: __import__('nowhere_at_all')", "No module named 'nowhere_at_all' (pip install it)"),
        ("'shouter:NOTHING'", "cannot be loaded: AttributeError: module 'shouter' has no attribute 'NOTHING'"),
    ],
    ids=["none", "raises", "exits", "signature", "imports late", "no such name"],
)
def test_a_notifier_that_cannot_be_made_is_a_failed_delivery(
    make_desk: MakeDesk, install: Install, target: str, reason: str
) -> None:
    made = f"target={target}, install_hint='pip install it'"
    install("shouter", SHOUT.replace("target=lambda settings: Shouter()", made))
    desk = make_desk(MEMORY, notifiers=("shout", "email"))
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    shout, mail = desk.notifications.list_outbox()
    assert (shout.state, shout.attempts, mail.state) == ("PENDING", 1, "DELIVERED")
    assert reason in shout.last_error
    assert ("pip install it" in shout.last_error) is ("No module" in reason or "loaded" in reason)


def test_messages_for_a_notifier_that_is_gone_are_given_up_at_the_end(
    make_desk: MakeDesk, sqlite_file: Path, install: Install, clock: PlayedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    install("shouter", SHOUT)
    url = f"sqlite:///{sqlite_file}"
    make_desk(url, notifiers=("shout",), scheduler=WORKER).tickets.create("Printer", requested_by=ANN, action_by=ANN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICKETCORE_DISABLE_PLUGINS", "shouter")
        desk = make_desk(url, scheduler=SchedulerSection(inline=False, attempts=3))
        outcomes = []
        for _ in range(3):
            outcomes.append(str(desk.notifications.deliver_due()))
            clock.advance(hours=1)
    assert outcomes == ["1 postponed", "1 postponed", "1 given up"]
    (message,) = desk.notifications.list_outbox()
    assert (message.state, message.attempts) == ("DEAD", 3)
    assert "there is no notifier called 'shout'" in message.last_error
    assert "set aside: shouter (switched off by TICKETCORE_DISABLE_PLUGINS)" in message.last_error


@pytest.mark.parametrize("channels", [("chat", "email", "chat"), ("chat", "email", "talk")], ids=["name", "alias"])
def test_a_notifier_that_is_turned_on_twice_is_an_error(
    make_desk: MakeDesk, install: Install, channels: tuple[str, ...]
) -> None:
    install("chatter", ROOMS)
    desk = make_desk(MEMORY, notifiers=channels, plugins={"chat": {"rooms": ["lobby"]}})
    with pytest.raises(ConfigError) as caught:
        desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert caught.value.problems == (("notifiers[2]", "is the notifier chat, which is there already"),)
