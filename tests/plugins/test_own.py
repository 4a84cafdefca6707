"""Plugins that a program hands over itself: objects, used beside those that are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from ticketcore import hookimpl, open_desk
from ticketcore.config.schema import Config
from ticketcore.desk import Desk
from ticketcore.domain.events import TicketEvent
from ticketcore.domain.lifecycle import Change
from ticketcore.errors import ConfigError, NotFoundError, PluginError, Problem, RejectedError
from ticketcore.plugin.manager import Health
from ticketcore.plugin.records import NotifierSpec

Install = Callable[..., Path]
Open = Callable[..., Desk]
Warned = Callable[[], list[str]]


@frozen
class Settings:
    most: int


class Limit:
    """A plugin with settings, a policy and an observer."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @hookimpl
    def ticketcore_settings(self) -> type[Settings]:
        return Settings

    @hookimpl
    def ticketcore_validate(self, change: Change, settings: Settings) -> Iterator[Problem]:
        if len(change.after.subject) > settings.most:
            yield Problem("subject", f"has more than {settings.most} characters")

    @hookimpl
    def ticketcore_observe(self, event: TicketEvent) -> None:
        self.seen.append(event.ticket.subject)


class Failing:
    @hookimpl
    def ticketcore_notifiers(self) -> list[NotifierSpec]:
        raise RuntimeError("out of order")


class Unmarked:
    def ticketcore_validate(self, change: Change) -> list[Problem]:
        return []


@pytest.fixture
def opened(make_config: Callable[..., Config]) -> Iterator[Open]:
    """Return a function that opens a desk with plugins of the program's own."""
    desks: list[Desk] = []

    def make(own: Mapping[str, object], **sections: Any) -> Desk:
        desks.append(open_desk(make_config("memory:", **sections), plugins=own))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


def test_it_works_like_an_installed_one(opened: Open, install: Install) -> None:
    install("zebra", "    @hookimpl\n    def ticketcore_validate():\n        yield Problem('', 'zebra')\n")
    limit = Limit()
    desk = opened({"limit": limit}, plugins={"limit": {"most": 10}})
    with pytest.raises(RejectedError) as caught:
        desk.tickets.create("A subject that is too long", action_by="ann")
    assert caught.value.problems == (("subject", "has more than 10 characters"), ("", "zebra"))
    assert limit.seen == []
    assert [(info.name, info.source) for info in desk.plugins.plugins] == [
        ("builtin", "ticketcore 0.1.0"),
        ("limit", "(this program)"),
        ("zebra", "zebra 1.0"),
    ]
    with pytest.raises(ConfigError, match=r"plugins\.limit\.most: must be a whole number, not 'ten'"):
        opened({"limit": Limit()}, plugins={"limit": {"most": "ten"}}).tickets.create("Printer", action_by="ann")


def test_an_installed_one_of_the_same_name_is_set_aside(opened: Open, install: Install, warned: Warned) -> None:
    install("limit", "    @hookimpl\n    def ticketcore_validate():\n        yield Problem('', 'never')\n")
    limit = Limit()
    desk = opened({"limit": limit}, plugins={"limit": {"most": 10}})
    desk.tickets.create("Printer", action_by="ann")
    assert limit.seen == ["Printer"]
    assert [(info.source, info.health) for info in desk.plugins.plugins if info.name == "limit"] == [
        ("(this program)", Health.OK),
        ("limit 1.0", Health.BROKEN),
    ]
    (warning,) = warned()
    assert warning.startswith("plugin limit (limit 1.0) is set aside: ValueError: there is a plugin 'limit' already")


@pytest.mark.parametrize(
    ("name", "plugin", "reason"),
    [
        ("failing", Failing(), "ticketcore_notifiers failed: RuntimeError: out of order"),
        ("unmarked", Unmarked(), "ticketcore_validate is not marked: write @hookimpl above it"),
        ("limit", Limit, "it is the class Limit; give a module or an object"),
        ("Limit", Limit(), "a plugin's name begins with a small letter"),
        ("builtin", Limit(), "there is a plugin 'builtin' already, from ticketcore"),
    ],
    ids=["hook that fails", "not marked", "class", "name", "taken name"],
)
def test_one_that_is_broken_is_an_error_of_the_program(opened: Open, name: str, plugin: object, reason: str) -> None:
    with pytest.raises(PluginError) as caught:
        opened({name: plugin}).tickets.create("Printer", action_by="ann")
    assert caught.value.plugin == name
    assert caught.value.message.startswith(f"the plugin {name!r} is broken: ")
    assert reason in caught.value.message


def test_its_settings_can_be_asked_for(opened: Open, install: Install) -> None:
    install("plain", "")
    desk = opened({"limit": Limit()}, plugins={"limit": {"most": 10}})
    assert desk.plugin_settings("limit") == Settings(10)
    for name in ("plain", "builtin", "nowhere"):
        with pytest.raises(NotFoundError, match=f"there is no plugin with settings {name}"):
            desk.plugin_settings(name)
    with pytest.raises(ConfigError, match=r"plugins\.limit\.most: is missing"):
        opened({"limit": Limit()}).plugin_settings("limit")
