"""A desk that finds the notifier as that of any installed plugin, and its configuration."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import ticketcore
from click.testing import CliRunner
from ticketcore import PlayedClock, open_desk
from ticketcore.cli.main import cli
from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxMessage
from ticketcore.errors import ConfigError
from ticketcore.testing.faults import refusing

ANN, BOB = "ann@example.com", "bob@example.com"
TOKEN = "t0ken-9f8e7d6c5b4a"

pytestmark = pytest.mark.usefixtures("site")


@pytest.fixture
def clock() -> PlayedClock:
    return PlayedClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a configuration whose section of the plugin has the lines given."""

    def make(*lines: str, notifiers: str = "[apprise]") -> Path:
        file = tmp_path / "config.yaml"
        section = ["plugins:", "  apprise:", *(f"    {line}" for line in lines)] if lines else []
        head = ["database: {url: 'memory:'}", f"email: {{folder: {tmp_path / 'mail'}}}", f"notifiers: {notifiers}"]
        file.write_text("\n".join([*head, *section, ""]), encoding="utf-8")
        return file

    return make


@pytest.fixture
def open_on(clock: PlayedClock) -> Iterator[Callable[[Path], Desk]]:
    with ExitStack() as desks:
        yield lambda file: desks.enter_context(open_desk(file, clock=clock))


def outbox(desk: Desk) -> dict[str, OutboxMessage]:
    return {message.recipient: message for message in desk.notifications.list_outbox()}


# Delivery


def test_every_place_is_told_of_every_event(
    open_room: Callable[[], Any], write: Callable[..., Path], open_on: Callable[[Path], Desk], tmp_path: Path
) -> None:
    chat, phone = open_room(), open_room()
    file = write("urls:", f"  chat: {chat.url()}", f"  phone: {phone.url('form')}", notifiers="[email, apprise]")
    desk = open_on(file)
    desk.tickets.create("Größer @everyone", requested_by=ANN, watchers=[BOB], action_by=ANN)
    desk.tickets.change_status(1, "TRIAGED", action_by=BOB)
    assert [post.json["title"] for post in chat.posts] == ["[#1] Größer @\u200beveryone"] * 2
    assert "Status Changed" in chat.posts[1].text
    assert [post.text for post in phone.posts] == [post.text for post in chat.posts]
    rows = desk.notifications.list_outbox("DELIVERED")
    assert sorted(row.recipient for row in rows if row.channel == "apprise") == ["chat", "chat", "phone", "phone"]
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 4


def test_the_retry_of_one_place_repeats_none_of_the_others(
    open_room: Callable[[], Any],
    write: Callable[..., Path],
    open_on: Callable[[Path], Desk],
    clock: PlayedClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chat, phone, pager = open_room(), open_room(), open_room()
    phone.status = 500
    urls = [f"  {name}: {room.url(path=TOKEN)}" for name, room in (("chat", chat), ("phone", phone), ("pager", pager))]
    desk = open_on(write("urls:", *urls))
    with caplog.at_level(logging.DEBUG):
        desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
        clock.advance(minutes=10)
        desk.notifications.deliver_due()
        assert {name: row.state for name, row in outbox(desk).items()} == {
            "chat": "DELIVERED",
            "phone": "PENDING",
            "pager": "DELIVERED",
        }
        assert "phone (JSON): Failed to send JSON POST notification" in outbox(desk)["phone"].last_error
        phone.status = 200
        clock.advance(hours=1)
        assert desk.notifications.deliver_due().delivered == 1
    assert (len(chat.posts), len(pager.posts)) == (1, 1)
    assert len({post.body for post in phone.posts}) == 1
    assert {row.state for row in desk.notifications.list_outbox()} == {"DELIVERED"}
    assert TOKEN not in caplog.text


def test_a_place_out_of_reach_does_not_hold_up_a_change(
    write: Callable[..., Path], open_on: Callable[[Path], Desk], caplog: pytest.LogCaptureFixture
) -> None:
    with refusing() as port:
        desk = open_on(write("urls:", f"  chat: json://u:{TOKEN}@127.0.0.1:{port}/{TOKEN}"))
        assert desk.tickets.create("Printer", requested_by=ANN, action_by=ANN).ticket_number == 1
    waiting = outbox(desk)["chat"]
    assert (waiting.state, waiting.attempts) == ("PENDING", 1)
    assert waiting.last_error.endswith("Connection refused")
    assert TOKEN not in waiting.last_error + caplog.text


# Configuration


@pytest.mark.parametrize(
    ("lines", "line", "told"),
    [
        (["urls:", "  chat: 7"], 7, "plugins.apprise.urls.chat: must be text (put it in quotes)"),
        (["urls:", f"  chat: [{TOKEN}]"], 7, "plugins.apprise.urls.chat: must be text"),
        (["urls:", f"  - json://{TOKEN}/"], 6, "plugins.apprise.urls: must be a mapping"),
        ([f"urls: json://{TOKEN}/"], 6, "plugins.apprise.urls: must be a mapping"),
        (["urls: {}"], 6, "plugins.apprise.urls: is not valid: urls must name at least one place"),
        (
            ["urls: {chat: json://h/}", f"url: json://{TOKEN}/"],
            7,
            "plugins.apprise.url: is not known; did you mean urls",
        ),
    ],
)
def test_a_wrong_setting_is_reported_with_its_place_when_it_is_needed(
    write: Callable[..., Path], open_on: Callable[[Path], Desk], lines: list[str], line: int, told: str
) -> None:
    file = write(*lines)
    with pytest.raises(ConfigError) as refused:
        open_on(file).tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert str(refused.value).startswith(f"{file}:{line}: {told}")
    assert TOKEN not in str(refused.value)


def test_a_wrong_url_is_reported_with_its_place_when_the_configuration_is_checked(
    write: Callable[..., Path], open_on: Callable[[Path], Desk]
) -> None:
    file = write("urls:", "  good: json://127.0.0.1/", f"  chat: slack://{TOKEN}/", f"  phone: {TOKEN}")
    with pytest.raises(ConfigError) as refused:
        open_on(file).extensions.check()
    assert refused.value.places == (f"{file}:8", f"{file}:9")
    first, second = refused.value.lines()
    assert first.startswith(f"{file}:8: plugins.apprise.urls.chat: is no URL of Slack")
    assert second.startswith(f"{file}:9: plugins.apprise.urls.phone: must be an Apprise URL")
    assert TOKEN not in str(refused.value)


def test_messages_wait_for_a_wrong_url_to_be_corrected(
    room: Any, write: Callable[..., Path], open_on: Callable[[Path], Desk], clock: PlayedClock
) -> None:
    desk = open_on(write("urls:", f"  chat: slack://{TOKEN}/"))
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    waiting = outbox(desk)["chat"]
    assert waiting.state == "PENDING"
    assert waiting.last_error.startswith("plugins.apprise.urls.chat: is no URL of Slack")
    assert TOKEN not in waiting.last_error


def test_a_notifier_without_its_section_says_what_is_missing(
    write: Callable[..., Path], open_on: Callable[[Path], Desk]
) -> None:
    with pytest.raises(ConfigError, match=r"plugins\.apprise\.urls: is missing"):
        open_on(write()).extensions.check()


def test_a_url_comes_from_the_environment_and_is_not_shown(
    room: Any, write: Callable[..., Path], open_on: Callable[[Path], Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_URL", room.url(path=TOKEN))
    file = write("urls:", "  chat: ${CHAT_URL}")
    open_on(file).tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert [post.path for post in room.posts] == [f"/{TOKEN}"]
    for command in (["config", "show"], ["doctor"], ["plugins"]):
        shown = CliRunner().invoke(cli, ["--config", str(file), *command]).output
        assert "apprise" in shown
        assert TOKEN not in shown


# What it costs


def test_apprise_is_not_imported_before_a_message_goes_out(room: Any, write: Callable[..., Path], site: Path) -> None:
    script = """
import sys
from ticketcore import open_desk

desk = open_desk(sys.argv[1])
assert desk.extensions.destinations("apprise") == ("chat",)
assert not {"apprise", "requests"} & set(sys.modules), "loading plugins imports Apprise"
desk.tickets.create("Printer", requested_by="ann@example.com", action_by="ann")
assert "apprise" in sys.modules
print({message.state for message in desk.notifications.list_outbox()})
"""
    sources = [Path(ticketcore.__path__[0]).parent, Path(__file__).parents[1] / "src", site]
    done = subprocess.run(
        [sys.executable, "-c", script, str(write("urls:", f"  chat: {room.url()}"))],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert "DELIVERED" in done.stdout
    assert len(room.posts) == 1
