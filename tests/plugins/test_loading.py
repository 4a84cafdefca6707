"""Plugins of installed distributions: what they add, what they may refuse, and what a broken one does not break."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ticketcore.config.schema import Config, DatabaseSection, EmailSection, SchedulerSection
from ticketcore.desk import Desk, open_desk
from ticketcore.errors import NotFoundError, PluginError, RejectedError
from ticketcore.ports.notifier import Notification

ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"
MEMORY = "memory:"

MakeDesk = Callable[..., Desk]
Install = Callable[[str, str], Path]

HEAD = """\
from ticketcore.errors import Problem
from ticketcore.plugin.markers import hookimpl
from ticketcore.plugin.records import NotifierSpec, RepositorySpec
from ticketcore.ports.notifier import Receipt

"""
SHOUT = (
    HEAD
    + """\
SENT = []

class Shouter:
    def send(self, notification, *, timeout):
        SENT.append(notification)
        return Receipt("shouted")

@hookimpl
def ticketcore_notifiers():
    return [NotifierSpec(name="shout", summary="shouts", target=lambda config: Shouter())]
"""
)
REFUSE = (
    HEAD
    + """\
@hookimpl
def ticketcore_check(change):
    if "forbidden" in change.after.subject:
        yield Problem("subject", __name__ + " one")
        yield Problem("", __name__ + " two")
"""
)
RAISE = (
    HEAD
    + """\
@hookimpl
def ticketcore_check(change, action_by):
    if "forbidden" in change.after.subject:
        raise RuntimeError("out of order")
    return ()
"""
)
STORE = (
    HEAD
    + """\
from ticketcore.adapters.memory import MemoryRepository

URLS = []

class Wrapped:
    def __init__(self, url, *, timeout):
        URLS.append((url, timeout))
        self.inner = MemoryRepository(timeout=timeout)

    def __getattr__(self, name):
        return getattr(self.inner, name)

@hookimpl
def ticketcore_repositories():
    return [RepositorySpec(name="cellar", summary="a cellar", target=Wrapped)]
"""
)
BROKEN = {
    "import error": ("import no_such_module_anywhere\n", "ModuleNotFoundError"),
    "syntax error": ("def (:\n", "SyntaxError"),
    "exits": ("raise SystemExit(3)\n", "SystemExit: 3"),
    "misspelt hook": (HEAD + "@hookimpl\ndef ticketcore_chekc(change):\n    return ()\n", "ticketcore_chekc"),
    "unknown argument": (HEAD + "@hookimpl\ndef ticketcore_check(change, mood):\n    return ()\n", "mood"),
    # The hooks are registered one by one: what is good of a bad plugin must not stay.
    "half good": (REFUSE + "\n@hookimpl\ndef ticketcore_notifiers(mood):\n    return ()\n", "mood"),
}


def sent(plugin: str) -> list[Notification]:
    found: list[Notification] = importlib.import_module(plugin).SENT
    return found


# Notifiers


def test_a_notifier_gets_one_message_an_event_with_the_whole_ticket(
    make_desk: MakeDesk, store_url: str, install: Install
) -> None:
    install("shouter", SHOUT)
    desk = make_desk(store_url, notifiers=("shout",))
    desk.tickets.create("Printer", description="Smoke.", requested_by=ANN, watchers=[BOB, EVE], action_by=ANN)
    changed = desk.tickets.change_status(1, "TRIAGED", action_by=BOB)
    created, moved = sent("shouter")
    assert (created.notify_code, moved.notify_code) == ("CREATED", "STATUS_CHANGED")
    assert created.to == moved.to == (ANN, BOB, EVE)
    assert (created.recipient, created.cc, created.subject) == ("", (), "[#1] Printer")
    ticket = moved.context["ticket"]
    assert (ticket["guid"], ticket["description"], ticket["status"]) == (changed.guid, "Smoke.", "TRIAGED")
    assert ticket["watchers"] == [BOB, EVE]
    assert created.context["ticket"]["status"] == "NEW"
    assert [message.state for message in desk.notifications.list_outbox()] == ["DELIVERED", "DELIVERED"]


def test_notifiers_work_beside_each_other(make_desk: MakeDesk, install: Install, mail_folder: Path) -> None:
    install("shouter", SHOUT)
    desk = make_desk(MEMORY, notifiers=("email", "shout"))
    desk.tickets.create("Printer", requested_by=ANN, watchers=[EVE], action_by=ANN)
    assert [message.channel for message in desk.notifications.list_outbox()] == ["email", "email", "shout"]
    assert len(sent("shouter")) == 1
    assert len(list(mail_folder.glob("*.eml"))) == 2


def test_an_unknown_notifier_is_an_error_before_anything_is_stored(
    make_desk: MakeDesk, sqlite_file: Path, install: Install
) -> None:
    install("shouter", SHOUT)
    url = f"sqlite:///{sqlite_file}"
    desk = make_desk(url, notifiers=("email", "shuot"))
    with pytest.raises(PluginError, match="'shuot'; known: email, shout") as caught:
        desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert (caught.value.plugin, caught.value.hint) == ("shuot", "did you mean shout?")
    other = make_desk(url)
    with pytest.raises(NotFoundError):
        other.tickets.read(1)
    assert other.notifications.list_outbox() == []


def test_a_notifier_that_two_plugins_bring_is_an_error_only_where_it_is_used(
    make_desk: MakeDesk, install: Install
) -> None:
    install("shouter", SHOUT)
    install("yeller", SHOUT)
    make_desk(MEMORY).tickets.create("Printer", requested_by=ANN, action_by=ANN)
    desk = make_desk(MEMORY, notifiers=("shout",))
    with pytest.raises(PluginError, match="2 plugins register a notifier called 'shout'"):
        desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)


def test_a_notifier_that_cannot_be_made_is_a_failed_delivery(make_desk: MakeDesk, install: Install) -> None:
    install("stillborn", SHOUT.replace("target=lambda config: Shouter()", 'target="no_such_module_anywhere:Shouter"'))
    desk = make_desk(MEMORY, notifiers=("shout",))
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    (message,) = desk.notifications.list_outbox()
    assert (message.state, message.attempts) == ("PENDING", 1)
    assert "no_such_module_anywhere" in message.last_error


# Policies


def test_all_problems_of_all_policies_refuse_a_change_together(
    make_desk: MakeDesk, store_url: str, install: Install
) -> None:
    install("zebra", REFUSE)
    install("aardvark", REFUSE)
    desk = make_desk(store_url)
    ticket = desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    before = (ticket, desk.queries.get_history(1), desk.notifications.list_outbox())
    with pytest.raises(RejectedError) as caught:
        desk.tickets.update(1, subject="forbidden", action_by=ANN)
    assert caught.value.problems == (
        ("subject", "aardvark one"),
        ("", "aardvark two"),
        ("subject", "zebra one"),
        ("", "zebra two"),
    )
    assert (desk.tickets.read(1), desk.queries.get_history(1), desk.notifications.list_outbox()) == before


def test_a_refused_ticket_is_not_there(make_desk: MakeDesk, store_url: str, install: Install) -> None:
    install("zebra", REFUSE)
    desk = make_desk(store_url)
    with pytest.raises(RejectedError):
        desk.tickets.create("forbidden", requested_by=ANN, action_by=ANN)
    with pytest.raises(NotFoundError):
        desk.tickets.read(1)
    assert desk.notifications.list_outbox() == []
    assert desk.tickets.create("Printer", requested_by=ANN, action_by=ANN).ticket_number == 1


def test_a_policy_that_fails_refuses_beside_the_others(make_desk: MakeDesk, store_url: str, install: Install) -> None:
    install("aardvark", RAISE)
    install("zebra", REFUSE)
    desk = make_desk(store_url)
    ticket = desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    with pytest.raises(RejectedError) as caught:
        desk.tickets.update(1, subject="forbidden", action_by=ANN)
    failure, *others = caught.value.problems
    assert failure == ("", "the policy aardvark failed (RuntimeError: out of order), so the change is refused")
    assert [problem.message for problem in others] == ["zebra one", "zebra two"]
    assert desk.tickets.read(1) == ticket


# Plugins out of order


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_set_aside_and_named(
    make_desk: MakeDesk, store_url: str, install: Install, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    source, reason = BROKEN[kind]
    install("alpha", SHOUT)
    install("broken", source)
    install("zebra", REFUSE)
    caplog.set_level(logging.WARNING, "ticketcore.plugin")
    desk = make_desk(store_url, notifiers=("shout",))
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    (warning,) = [record.getMessage() for record in caplog.records if record.name.startswith("ticketcore.plugin")]
    assert warning.startswith("plugin broken is set aside: ")
    assert reason in warning
    assert list(desk.plugins.broken) == ["broken"]
    assert len(sent("alpha")) == 1
    with pytest.raises(RejectedError) as caught:
        desk.tickets.update(1, subject="forbidden", action_by=ANN)
    assert [problem.message for problem in caught.value.problems] == ["zebra one", "zebra two"]


def test_a_plugin_that_was_set_aside_is_named_where_it_is_missed(make_desk: MakeDesk, install: Install) -> None:
    install("shouter", "import no_such_module_anywhere\n")
    desk = make_desk(MEMORY, notifiers=("shout",))
    with pytest.raises(PluginError) as caught:
        desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert "set aside: shouter (ModuleNotFoundError: " in caught.value.hint


def test_a_notifier_hook_that_fails_leaves_the_others(
    make_desk: MakeDesk, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("broken", HEAD + "@hookimpl\ndef ticketcore_notifiers():\n    raise RuntimeError('out of order')\n")
    install("shouter", SHOUT)
    make_desk(MEMORY, notifiers=("shout",)).tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert len(sent("shouter")) == 1
    assert "plugin broken failed in ticketcore_notifiers: RuntimeError: out of order" in caplog.text


def test_of_two_plugins_of_one_name_the_first_stays(
    make_desk: MakeDesk, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    site = install("impostor", REFUSE)
    (site / "impostor-1.0.dist-info" / "entry_points.txt").write_text("[ticketcore]\nshouter = impostor\n", "utf-8")
    install("shouter", SHOUT)  # earlier on the path
    desk = make_desk(MEMORY, notifiers=("shout",))
    desk.tickets.create("forbidden", requested_by=ANN, action_by=ANN)
    assert len(sent("shouter")) == 1
    assert "plugin shouter is set aside: ValueError" in caplog.text


def test_a_plugin_cannot_take_the_place_of_the_built_in_one(
    make_desk: MakeDesk, install: Install, mail_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install("builtin", SHOUT.replace('"shout"', '"email"'))
    make_desk(MEMORY).tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert len(list(mail_folder.glob("*.eml"))) == 1
    assert sent("builtin") == []
    assert "plugin builtin is set aside: ValueError" in caplog.text


# Stores


def test_a_store_is_found_by_the_scheme_of_the_url(make_desk: MakeDesk, install: Install) -> None:
    install("cellar", STORE)
    desk = make_desk("cellar://somewhere/dark", scheduler=SchedulerSection(inline=False))
    made = desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert desk.tickets.read(1) == made
    assert desk.notifications.deliver_due().delivered == 1
    assert importlib.import_module("cellar").URLS == [("cellar://somewhere/dark", 10.0)]


def test_an_unknown_store_is_an_error(make_desk: MakeDesk, install: Install) -> None:
    install("cellar", STORE)
    with pytest.raises(PluginError, match="no repository called 'celar'; known: cellar, memory, sqlite") as caught:
        make_desk("celar:").store_status()
    assert caught.value.hint == "did you mean cellar?"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("return ['x']", id="text"),
        pytest.param("raise SystemExit(3)", id="exit"),
        pytest.param("yield 1 / 0", id="half a generator"),
    ],
)
def test_a_hook_that_registers_nonsense_is_set_aside(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = f"from ticketcore import hookimpl\n@hookimpl\ndef ticketcore_notifiers():\n    {body}\n"
    (tmp_path / "nonsense_plugin.py").write_text(source, encoding="utf-8")
    info = tmp_path / "nonsense_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nonsense-plugin\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[ticketcore]\nnonsense = nonsense_plugin\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "nonsense_plugin", raising=False)
    config = Config(database=DatabaseSection(url="memory:"), email=EmailSection(folder=tmp_path / "mail"))
    with open_desk(config) as desk:
        assert desk.tickets.create("still works", action_by="ann").ticket_number == 1
    assert "nonsense" in caplog.text
    sys.modules.pop("nonsense_plugin", None)
