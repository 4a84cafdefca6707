"""Names that several plugins have, and the order in which plugins come."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ticketcore.desk import Desk
from ticketcore.errors import ConfigError, PluginError, RejectedError
from ticketcore.plugin.manager import Health
from ticketcore.plugin.records import NotifierSpec, RecurringTypeSpec

ANN = "ann@example.com"
MEMORY = "memory:"

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Module = Callable[[str], Any]
Run = Callable[..., Result]
Warned = Callable[[], list[str]]

SHOUT = """
    SENT = []

    class Shouter:
        def __init__(self, settings):
            self.settings = settings

        def send(self, notification, *, timeout):
            SENT.append(notification)
            return Receipt("shouted")

    @hookimpl
    def ticketcore_notifiers():
        return [NotifierSpec(name="shout", summary="shouts", target=Shouter)]
"""
SETTINGS = """
    SEEN = []

    @frozen
    class Settings:
        mine: str = __name__

    @hookimpl
    def ticketcore_settings():
        return Settings

    @hookimpl
    def ticketcore_validate(settings):
        SEEN.append(settings)
        return ()
"""


def health(desk: Desk) -> dict[str, tuple[Health, str]]:
    return {info.name: (info.health, info.cause) for info in desk.plugins.plugins if info.distribution != "ticketcore"}


# Names


def test_a_name_that_two_plugins_bring_is_an_error_only_where_it_is_used(
    make_desk: MakeDesk, install: Install, warned: Warned
) -> None:
    install("shouter", SHOUT)
    install("yeller", SHOUT)
    desk = make_desk(MEMORY)
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    cause = "the notifier 'shout' is registered by {} too"
    assert health(desk) == {
        "shouter": (Health.CLASH, cause.format("yeller (yeller 1.0)")),
        "yeller": (Health.CLASH, cause.format("shouter (shouter 1.0)")),
    }
    assert warned() == [f"plugin {name} ({name} 1.0) clashes: {cause}" for name, (_, cause) in health(desk).items()]
    assert "shout" not in [spec.name for spec in desk.plugins.all(NotifierSpec)]
    desk = make_desk(MEMORY, notifiers=("shout",))
    with pytest.raises(PluginError) as caught:
        desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert caught.value.message == (
        "2 plugins register a notifier called 'shout': shouter (shouter 1.0), yeller (yeller 1.0)"
    )
    assert caught.value.hint == "uninstall all but one, or name the others in TICKETCORE_DISABLE_PLUGINS"


def test_switching_one_of_two_off_ends_the_clash(
    make_desk: MakeDesk, install: Install, module: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("shouter", SHOUT)
    install("yeller", SHOUT)
    monkeypatch.setenv("TICKETCORE_DISABLE_PLUGINS", "yeller")
    desk = make_desk(MEMORY, notifiers=("shout",))
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert len(module("shouter").SENT) == 1
    assert {name: found for name, (found, _) in health(desk).items()} == {
        "shouter": Health.OK,
        "yeller": Health.DISABLED,
    }


def test_the_other_name_of_one_clashes_with_the_name_of_another(
    make_desk: MakeDesk, install: Install, module: Module
) -> None:
    install("shouter", SHOUT)
    install("yeller", SHOUT.replace('name="shout"', 'name="yell", aliases=("shout",)'))
    desk = make_desk(MEMORY, notifiers=("yell",))
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert len(module("yeller").SENT) == 1
    assert [found for found, _ in health(desk).values()] == [Health.CLASH, Health.CLASH]
    with pytest.raises(PluginError, match="2 plugins register a notifier called 'shout'"):
        make_desk(MEMORY, notifiers=("shout",)).tickets.create("Printer", action_by=ANN)


def test_one_name_for_two_kinds_is_no_clash(make_desk: MakeDesk, install: Install, warned: Warned) -> None:
    install("shouter", SHOUT)
    install(
        "scheduling",
        """
    @hookimpl
    def ticketcore_schedulers():
        return [SchedulerSpec(name="shout", summary="shouts", target=print)]
    """,
    )
    desk = make_desk(MEMORY, notifiers=("shout",))
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert warned() == []


def test_of_two_plugins_of_one_name_the_first_stays(
    make_desk: MakeDesk, install: Install, module: Module, warned: Warned
) -> None:
    refuse = "    @hookimpl\n    def ticketcore_validate(change):\n        yield Problem('', 'never')\n"
    site = install("impostor", refuse, version="6.6")
    (site / "impostor-6.6.dist-info" / "entry_points.txt").write_text("[ticketcore]\nshouter = impostor\n", "utf-8")
    install("shouter", SHOUT)  # earlier on the path
    desk = make_desk(MEMORY, notifiers=("shout",))
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert len(module("shouter").SENT) == 1
    assert warned() == [
        "plugin shouter (impostor 6.6) is set aside: ValueError: there is a plugin 'shouter' already, from shouter 1.0"
    ]
    assert [(one.name, one.source, one.health) for one in desk.plugins.plugins if one.name == "shouter"] == [
        ("shouter", "shouter 1.0", Health.OK),
        ("shouter", "impostor 6.6", Health.BROKEN),
    ]


def test_a_plugin_cannot_take_the_place_of_the_built_in_one(
    make_desk: MakeDesk, install: Install, mail_folder: Path, warned: Warned
) -> None:
    install("builtin", SHOUT.replace('"shout"', '"email"'))
    make_desk(MEMORY).tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert len(list(mail_folder.glob("*.eml"))) == 1
    (warning,) = warned()
    assert warning.startswith("plugin builtin (builtin 1.0) is set aside: ValueError: there is a plugin 'builtin'")


def test_what_is_built_in_stays_built_in(
    make_desk: MakeDesk, install: Install, module: Module, mail_folder: Path, warned: Warned
) -> None:
    install("taker", SHOUT.replace('"shout"', '"email"'))
    desk = make_desk(MEMORY)
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert len(list(mail_folder.glob("*.eml"))) == 1
    assert module("taker").SENT == []
    assert warned() == ["plugin taker (taker 1.0) clashes: the notifier 'email' is registered by ticketcore itself too"]


# Sections


def section_clash(make_desk: MakeDesk, install: Install, **sections: Any) -> Desk:
    """Return a desk with a plugin chat, whose section is that of a notifier of another plugin too."""
    install("chat", SETTINGS)
    install(
        "zeppelin",
        SHOUT.replace('name="shout"', 'name="chat", config=Settings').replace(
            "SENT = []", "SENT = []\n\n    @frozen\n    class Settings:\n        theirs: int = 0"
        ),
    )
    return make_desk(MEMORY, **sections)


def test_a_section_belongs_to_the_plugin_of_its_name(
    make_desk: MakeDesk, install: Install, module: Module, warned: Warned
) -> None:
    desk = section_clash(make_desk, install, plugins={"chat": {"mine": "x"}})
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    # Its policy is asked as before, with its own settings: nobody else's arrival switches it off.
    assert [type(settings) for settings in module("chat").SEEN] == [module("chat").Settings]
    assert health(desk) == {
        "chat": (Health.OK, ""),
        "zeppelin": (Health.CLASH, "the section plugins.chat belongs to the plugin chat (chat 1.0)"),
    }
    assert len(warned()) == 1


def test_the_section_of_a_plugin_is_checked_by_its_own_class(make_desk: MakeDesk, install: Install) -> None:
    desk = section_clash(make_desk, install, plugins={"chat": {"theirs": 1}})
    with pytest.raises(ConfigError, match=r"plugins\.chat\.theirs: is not known"):
        desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)


def test_a_notifier_whose_section_is_another_s_too_is_a_failed_delivery(make_desk: MakeDesk, install: Install) -> None:
    desk = section_clash(make_desk, install, notifiers=("chat",))
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    (message,) = desk.notifications.list_outbox()
    assert message.state == "PENDING"
    assert message.last_error.startswith("the section plugins.chat belongs to")
    with pytest.raises(PluginError, match=r"plugins\.chat belongs to"):
        desk.extensions.check()


def test_a_plugin_may_have_one_class_for_itself_and_for_what_it_registers(
    make_desk: MakeDesk, install: Install, module: Module, warned: Warned
) -> None:
    install("chat", SETTINGS + SHOUT.replace('name="shout"', 'name="chat", config=Settings'))
    desk = make_desk(MEMORY, notifiers=("chat",), plugins={"chat": {"mine": "both"}})
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert [settings.mine for settings in module("chat").SEEN] == ["both"]
    assert len(module("chat").SENT) == 1
    assert warned() == []


# Order

ORDERED = """
    @hookimpl(priority={priority})
    def ticketcore_validate():
        yield Problem("", __name__)

    @hookimpl(priority={priority})
    def ticketcore_recurring_types():
        yield RecurringTypeSpec(name=__name__, summary="recurs", target=print)
"""
PRIORITIES = {"delta": 100, "alpha": 100, "bravo": 7, "charlie": -1}


@pytest.mark.parametrize("order", list(itertools.permutations(PRIORITIES)), ids="-".join)
def test_the_order_is_that_of_priorities_and_names_not_of_installation(
    install: Install, run: Run, make_desk: MakeDesk, order: tuple[str, ...]
) -> None:
    for name in order:
        install(name, ORDERED.format(priority=PRIORITIES[name]))
    desk = make_desk(MEMORY)
    with pytest.raises(RejectedError) as caught:
        desk.tickets.create("Printer", action_by=ANN)
    expected = ["charlie", "bravo", "alpha", "delta"]
    assert [problem.message for problem in caught.value.problems] == expected
    assert [spec.name for spec in desk.plugins.all(RecurringTypeSpec)] == ["TICKET", *expected]
    listed = [info["name"] for info in json.loads(run("plugins", "--json").stdout)]
    assert listed == ["builtin", "cli", "alpha", "bravo", "charlie", "delta"]
