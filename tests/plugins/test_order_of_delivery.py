"""Plugins beside people: who is told first, and what must not happen while nobody else can write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from attrs import evolve, frozen
from click.testing import Result

from ticketcore import PlayedClock, hookimpl, open_desk
from ticketcore.config.schema import Config, SchedulerSection
from ticketcore.desk import Desk
from ticketcore.domain.events import TicketEvent
from ticketcore.errors import ConfigError
from ticketcore.plugin.records import NotifierSpec
from ticketcore.ports.notifier import Notification, Receipt

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Run = Callable[..., Result]


@frozen
class Most:
    most: int = 3


class Limit:
    """A plugin with settings."""

    @hookimpl
    def ticketcore_settings(self) -> type[Most]:
        return Most


class Told:
    """An observer and a notifier with several places, which may be asked at any time."""

    def __init__(self, places: Callable[[], list[str]] = lambda: ["lobby", "office"]) -> None:
        self.heard: list[str] = []
        self.places = places

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        self.heard.append(notification.recipient)
        return Receipt("heard")

    @hookimpl
    def ticketcore_observe(self, event: TicketEvent) -> None:
        self.heard.append("observer")

    @hookimpl
    def ticketcore_notifiers(self) -> list[NotifierSpec]:
        return [
            NotifierSpec(name="board", summary="a board", target=lambda _: self, destinations=lambda _: self.places())
        ]


@pytest.mark.parametrize("inline", [True, False])
def test_people_are_told_before_observers(make_config: Callable[..., Config], clock: PlayedClock, inline: bool) -> None:
    plugin = Told()
    config = make_config("memory:", notifiers=("board",), scheduler=SchedulerSection(inline=inline))
    with open_desk(config, plugins={"told": plugin}, clock=clock) as desk:
        desk.tickets.create("one", action_by="ann")
        desk.tickets.create("two", action_by="ann")
        desk.notifications.deliver_due()
    once = ["lobby", "office", "observer"]
    people_first = ["lobby", "office", "lobby", "office", "observer", "observer"]
    assert plugin.heard == (once * 2 if inline else people_first)


def test_places_are_asked_for_while_others_can_write(
    make_config: Callable[..., Config], sqlite_file: Path, clock: PlayedClock
) -> None:
    def ask() -> list[str]:
        with closing(sqlite3.connect(sqlite_file, timeout=0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # fails at once if the desk holds the lock
            other.execute("ROLLBACK")
        return ["lobby"]

    plugin = Told(ask)
    config = make_config(f"sqlite:///{sqlite_file}", notifiers=("board",))
    with open_desk(config, plugins={"told": plugin}, clock=clock) as desk:
        desk.init_store()
        desk.tickets.create("one", action_by="ann")
    assert plugin.heard == ["lobby", "observer"]


def test_places_that_could_not_be_told_once_are_asked_for_again(make_config: Callable[..., Config]) -> None:
    answers: list[list[str]] = [["lobby"]]

    def ask() -> list[str]:
        if len(plugin.heard) == 0:
            plugin.heard.append("asked")
            raise OSError("a hiccup")
        return answers[0]

    plugin = Told(ask)
    with open_desk(make_config("memory:", notifiers=("board",)), plugins={"told": plugin}) as desk:
        desk.tickets.create("one", action_by="ann")
        desk.tickets.create("two", action_by="ann")
    assert plugin.heard == ["asked", "", "observer", "lobby", "observer"]


def test_all_that_is_wrong_with_names_and_settings_is_told_together(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(
        "database: {url: 'memory:'}\nnotifiers: [pigeon, email, smoke]\nplugins:\n  jira: {}\n  xml: {}\n",
        encoding="utf-8",
    )
    with open_desk(file) as desk, pytest.raises(Exception, match="pigeon") as caught:
        desk.tickets.create("Printer", action_by="ann")
    lines = str(caught.value).splitlines()
    for name in ("'pigeon'", "'smoke'", "'jira'", "'xml'"):
        assert sum(f"no notifier called {name}" in line or f"no plugin {name}" in line for line in lines) == 1
    wrong = {"limit": {"most": "x"}, "jira": {}}
    limit = evolve(Config(), plugins=wrong, notifiers=("pigeon",))
    with open_desk(limit, plugins={"limit": Limit()}) as desk, pytest.raises(ConfigError) as both:
        desk.extensions.check()
    assert [part in str(both.value) for part in ("plugins.limit.most", "pigeon", "jira")] == [True] * 3


def test_what_is_in_force_is_shown_for_plugins_without_a_section(install: Install, run: Run) -> None:
    install(
        "acme",
        """
        from attrs import frozen
        from ticketcore import hookimpl

        @frozen
        class Settings:
            most: int = 3

        @hookimpl
        def ticketcore_settings():
            return Settings
        """,
    )
    rows = [line.split() for line in run("config", "show").stdout.splitlines()]
    assert ["plugins.acme.most", "3", "default"] in rows
