"""Settings of plugins: their sections, everything that is wrong with them at once, and secrets that stay secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from click.testing import Result

from ticketcore.config.schema import SchedulerSection
from ticketcore.desk import Desk
from ticketcore.errors import ConfigError, PluginError

ANN = "ann@example.com"
MEMORY = "memory:"
SECRET = "hunter2-secret"

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Configure = Callable[[str], Path]
Module = Callable[[str], Any]
Run = Callable[..., Result]
Warned = Callable[[], list[str]]

LIMIT = """
    from enum import StrEnum
    from pathlib import Path

    SEEN = []

    class Mode(StrEnum):
        SOFT = "soft"
        HARD = "hard"

    @frozen
    class Room:
        name: str
        key: str = field(default="", repr=False, metadata={"secret": True})

    @frozen
    class Settings:
        most: int
        mode: Mode = Mode.HARD
        token: str = field(
            default="x" * 10, repr=False, validator=attrs.validators.min_len(10), metadata={"secret": True}
        )
        folder: Path = Path("nowhere")
        rooms: tuple[Room, ...] = ()

    @hookimpl
    def ticketcore_settings():
        return Settings

    @hookimpl
    def ticketcore_amend(settings):
        SEEN.append(settings)

    @hookimpl
    def ticketcore_validate(change, settings):
        if len(change.after.subject) > settings.most:
            yield Problem("subject", f"has more than {settings.most} characters")

    @hookimpl
    def ticketcore_observe(event, settings):
        SEEN.append(settings)
"""
TRACKER = """
    @frozen
    class Settings:
        project: str
        token: str = field(repr=False, metadata={"secret": True})

    class Tracker:
        def __init__(self, settings, *, desk):
            pass

        def check(self, *, timeout):
            return []

    @hookimpl
    def ticketcore_providers():
        return [ProviderSpec(name="tracker", summary="a tracker", target=Tracker, config=Settings)]
"""
CHAT = """
    @frozen
    class Settings:
        url: str
        port: int = 1

    class Chat:
        def __init__(self, settings):
            pass

        def send(self, notification, *, timeout):
            return Receipt("said")

    @hookimpl
    def ticketcore_notifiers():
        return [NotifierSpec(name="chat", summary="says it", target=Chat, config=Settings)]
"""


def test_the_hooks_get_the_section_as_its_class(
    install: Install, configure: Configure, run: Run, module: Module, tmp_path: Path
) -> None:
    install("limit", LIMIT)
    configure(
        """
        plugins:
          limit:
            most: 10
            mode: soft
            folder: notes
            rooms: [{name: lobby, key: k}]
        """
    )
    assert run("create", "Printer").exit_code == 0
    limit = module("limit")
    expected = limit.Settings(10, limit.Mode.SOFT, folder=tmp_path / "notes", rooms=(limit.Room("lobby", "k"),))
    of_policy, of_observer = limit.SEEN
    assert of_policy == of_observer == expected
    refused = run("create", "A subject that is too long")
    assert (refused.exit_code, refused.stderr) == (1, "Error: subject: has more than 10 characters\n")


def test_a_section_may_be_left_out_where_everything_has_a_default(
    make_desk: MakeDesk, install: Install, module: Module, warned: Warned
) -> None:
    install("limit", LIMIT.replace("most: int", "most: int = 8"))
    make_desk(MEMORY).tickets.create("Printer", action_by=ANN)
    expected = evolve(module("limit").Settings(), folder=Path.cwd() / "nowhere")  # there is no file to start at
    assert [expected] * 2 == module("limit").SEEN
    assert warned() == []


def test_an_empty_section_is_one_with_defaults(install: Install, configure: Configure, run: Run) -> None:
    install("limit", LIMIT.replace("most: int", "most: int = 8"))
    configure("plugins:\n  limit: {}\n")
    assert run("create", "Printer").exit_code == 0


def test_all_problems_of_all_sections_are_reported_at_once_with_their_places(
    install: Install, configure: Configure, run: Run
) -> None:
    install("limit", LIMIT)
    install("tracker", TRACKER)
    install("chatty", CHAT)
    configure(
        f"""
        plugins:
          limit:
            most: many
            mode: medium
            token: [{SECRET}]
            colour: red
            rooms:
              - name: 5
                key: [{SECRET}]
          chat:
            port: 1.5
        providers:
          tracker:
            token: 5
        """
    )
    result = run("create", "Printer")
    assert (result.exit_code, result.stdout) == (3, "")
    assert sorted(result.stderr.splitlines()) == [
        "Error: desk.yaml:10: plugins.limit.token: must be text",
        "Error: desk.yaml:11: plugins.limit.colour: is not known; known here: most, mode, token, folder, rooms",
        "Error: desk.yaml:13: plugins.limit.rooms[0].name: must be text (put it in quotes), not 5",
        "Error: desk.yaml:14: plugins.limit.rooms[0].key: must be text",
        "Error: desk.yaml:15: plugins.chat.url: is missing",
        "Error: desk.yaml:16: plugins.chat.port: must be a whole number, not 1.5",
        "Error: desk.yaml:18: providers.tracker.project: is missing",
        "Error: desk.yaml:19: providers.tracker.token: must be text (put it in quotes)",
        "Error: desk.yaml:8: plugins.limit.most: must be a whole number, not 'many'",
        "Error: desk.yaml:9: plugins.limit.mode: must be one of soft, hard, not 'medium'",
    ]
    assert "hunter2" not in result.stderr
    assert run("list").stdout == "No tickets.\n"  # nothing was stored, and reading needs no plugin


@pytest.mark.parametrize(
    "wrong",
    [
        f"token: [{SECRET}]",
        f"rooms: [{{name: 5, key: {SECRET}}}]",
        f"rooms: [{{name: lobby, key: {{a: {SECRET}}}}}]",
        f"rooms: {{name: lobby, key: {SECRET}}}",
        f"rooms: [[{SECRET}]]",
    ],
)
def test_a_secret_is_in_no_error(install: Install, configure: Configure, run: Run, wrong: str) -> None:
    install("limit", LIMIT)
    configure(f"plugins:\n  limit:\n    most: 5\n    {wrong}\n")
    result = run("create", "Printer")
    assert result.exit_code == 3
    assert "plugins.limit." in result.stderr
    assert "hunter2" not in result.stderr


def test_a_secret_is_in_no_error_of_a_validator(install: Install, configure: Configure, run: Run) -> None:
    install("limit", LIMIT.replace("attrs.validators.min_len(10)", 'attrs.validators.matches_re("[0-9]+")'))
    configure(f"plugins: {{limit: {{most: 5, token: {SECRET}}}}}\n")
    result = run("create", "Printer")
    assert result.exit_code == 3
    assert "plugins.limit" in result.stderr
    assert "hunter2" not in result.stderr


# Sections of plugins that are not there


KNOWN = "known: broken, limit, off, tracker"
SET_ASIDE = "set aside: broken (RuntimeError: out of order), off (switched off by TICKETCORE_DISABLE_PLUGINS)"
REPAIR = "(repair it, or remove the section)"
OFF = "switched off by TICKETCORE_DISABLE_PLUGINS (switch it on, or remove the section)"
NOT_THERE = {
    "plugins: {limt: {}}": f"plugins.limt: there is no plugin 'limt'; {KNOWN} (did you mean limit?)",
    "plugins: {x: {}}": f"plugins.x: there is no plugin 'x'; {KNOWN} (install it, or remove the section)",
    "plugins: {broken: {}}": (
        f"plugins.broken: the plugin 'broken' (broken 1.0) is broken: RuntimeError: out of order {REPAIR}"
    ),
    "plugins: {'off': {}}": f"plugins.off: the plugin 'off' (off 1.0) is disabled: {OFF}",
    "providers: {treacker: {}}": (
        f"there is no provider called 'treacker'; known: internal, tracker (did you mean tracker?; {SET_ASIDE})"
    ),
}


@pytest.mark.parametrize("section", NOT_THERE)
def test_a_section_for_a_plugin_that_is_not_there_is_an_error(
    install: Install, configure: Configure, run: Run, monkeypatch: pytest.MonkeyPatch, section: str
) -> None:
    install("limit", LIMIT)
    install("tracker", TRACKER)
    install("broken", "raise RuntimeError('out of order')\n")
    install("off", LIMIT)
    monkeypatch.setenv("TICKETCORE_DISABLE_PLUGINS", "off")
    configure(section)
    result = run("create", "Printer")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.splitlines()[-1] == f"Error: {NOT_THERE[section]}"


def test_a_section_for_a_plugin_that_has_no_settings_is_an_error(
    install: Install, configure: Configure, run: Run
) -> None:
    install("chatty", CHAT)
    configure("plugins:\n  chatty: {url: x}\n")
    result = run("create", "Printer")
    assert (result.exit_code, result.stderr) == (3, "Error: desk.yaml:6: plugins.chatty: chatty has no settings\n")


# Plugins that are not set up


def test_a_plugin_whose_setting_is_missing_is_idle_with_one_warning(install: Install, run: Run, module: Module) -> None:
    install("limit", LIMIT)
    result = run("create", "A subject that is much too long", "--json")
    assert result.exit_code == 0
    assert result.stderr == "Warning: plugin limit is idle until it is set up: plugins.limit.most: is missing\n"
    assert module("limit").SEEN == []
    assert run("list").stderr == ""  # reading needs no plugin


def test_an_idle_plugin_is_asked_and_told_nothing_and_waits_for_no_message(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module, warned: Warned
) -> None:
    install("limit", LIMIT)
    desk = make_desk(store_url, notifiers=())
    desk.tickets.create("A subject that is much too long", action_by=ANN)
    desk.tickets.update(1, subject="Another subject that is much too long", action_by=ANN)
    assert desk.notifications.list_outbox() == []
    assert desk.extensions.idle == {"limit": "plugins.limit.most: is missing"}
    assert module("limit").SEEN == []
    assert warned() == ["plugin limit is idle until it is set up: plugins.limit.most: is missing"]


def test_a_notifier_that_is_turned_on_but_not_set_up_is_an_error_before_anything_is_stored(
    install: Install, configure: Configure, run: Run
) -> None:
    install("chatty", CHAT)
    configure("notifiers: [email, chat]\n")
    result = run("create", "Printer")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "Error: desk.yaml: plugins.chat.url: is missing\n"
    configure("")
    assert run("create", "Printer").stdout.startswith("Ticket 1 created")  # it is no error where it is not used


def test_what_is_not_turned_on_needs_no_settings(make_desk: MakeDesk, install: Install, warned: Warned) -> None:
    install("chatty", CHAT)
    install("tracker", TRACKER)
    make_desk(MEMORY).tickets.create("Printer", action_by=ANN)
    assert warned() == []


# Classes that cannot be read


UNREADABLE = {
    "    class Odd: pass\n    @frozen\n    class Settings:\n        odd: Odd\n": "Settings.odd: Odd is no type for a",
    "    @frozen\n    class Settings:\n        odd: int | str\n": "Settings.odd: int | str is no type for a setting",
    "    @frozen\n    class Settings:\n        odd: 'Nowhere'\n": "name 'Nowhere' is not defined",
    "    @frozen\n    class In:\n        at: object\n    @frozen\n    class Settings:\n        odd: list[In]\n": (
        "Settings.odd: list[odd.In] is no type for a setting"
    ),
}
BAD_CLASSES = {
    "default that raises": "    @frozen\n    class Settings:\n        odd: int = field(factory=lambda: 1 / 0)\n",
    "default that exits": (
        "    import sys\n    @frozen\n    class Settings:\n        odd: int = field(factory=lambda: sys.exit(3))\n"
    ),
}
HOOKS = """
    CALLED = []

    @hookimpl
    def ticketcore_settings():
        return Settings

    @hookimpl
    def ticketcore_validate():
        CALLED.append(1)
        return ()
"""


@pytest.mark.parametrize("source", UNREADABLE)
def test_a_class_that_no_configuration_can_fill_is_found_when_the_plugin_is_loaded(
    make_desk: MakeDesk, install: Install, warned: Warned, source: str
) -> None:
    install("odd", source + HOOKS)
    make_desk(MEMORY).tickets.create("Printer", action_by=ANN)
    (warning,) = warned()
    assert warning.startswith("plugin odd (odd 1.0) is set aside: TypeError: ")
    assert UNREADABLE[source] in warning
    with pytest.raises(PluginError, match=r"plugins\.odd: the plugin 'odd' \(odd 1\.0\) is broken: TypeError: "):
        make_desk(MEMORY, plugins={"odd": {"odd": 5}}).tickets.create("Printer", action_by=ANN)


@pytest.mark.parametrize("case", BAD_CLASSES)
def test_a_class_that_cannot_be_read_harms_nobody_who_does_not_use_it(
    make_desk: MakeDesk, install: Install, module: Module, warned: Warned, case: str
) -> None:
    install("odd", BAD_CLASSES[case] + HOOKS)
    make_desk(MEMORY).tickets.create("Printer", action_by=ANN)
    assert module("odd").CALLED == []
    (warning,) = warned()
    assert warning.startswith("plugin odd is idle until it is set up: plugins.odd")


@pytest.mark.parametrize("case", BAD_CLASSES)
def test_a_class_that_cannot_be_read_is_an_error_where_it_is_used(
    make_desk: MakeDesk, install: Install, case: str
) -> None:
    install("odd", BAD_CLASSES[case] + HOOKS)
    with pytest.raises(ConfigError, match=r"plugins\.odd"):
        make_desk(MEMORY, plugins={"odd": {}}).tickets.create("Printer", action_by=ANN)


def test_the_check_of_a_configuration_reports_what_is_missing_for_all_that_it_names(
    make_desk: MakeDesk, install: Install
) -> None:
    install("tracker", TRACKER)
    install("chatty", CHAT.replace("target=Chat", 'target="nowhere_at_all:Chat", install_hint="pip install it"'))
    desk = make_desk(
        MEMORY,
        notifiers=("chat",),
        plugins={"chat": {"url": "x"}},
        providers={"tracker": {"project": "x", "token": "y"}},
        scheduler=SchedulerSection(engine="lop"),
    )
    with pytest.raises(PluginError) as caught:
        desk.extensions.check()
    first, second = caught.value.message.splitlines()
    assert first.startswith("the notifier 'chat' of chatty (chatty 1.0) cannot be loaded")
    assert first.endswith("(pip install it)")
    assert second == "there is no scheduler called 'lop'; known: loop, once (did you mean loop?)"


@pytest.mark.parametrize("make", ["lambda settings: 1 / 0", "lambda settings: None"])
def test_the_check_of_a_configuration_makes_the_notifiers_that_are_turned_on(
    make_desk: MakeDesk, install: Install, make: str
) -> None:
    install("chatty", CHAT.replace("target=Chat", f"target={make}"))
    desk = make_desk(MEMORY, notifiers=("chat",), plugins={"chat": {"url": "x"}})
    with pytest.raises(PluginError, match=r"the notifier 'chat' of chatty \(chatty 1\.0\) cannot be (made|used): "):
        desk.extensions.check()
