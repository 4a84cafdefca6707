"""The switches: no plugins, some plugins, and every wrong plugin an error; and when plugins are loaded at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ticketcore.desk import Desk
from ticketcore.errors import PluginError, RejectedError

ANN = "ann@example.com"
MEMORY = "memory:"

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Module = Callable[[str], Any]
Run = Callable[..., Result]
Warned = Callable[[], list[str]]

REFUSE = """
    @hookimpl
    def ticketcore_validate():
        yield Problem("", __name__)
"""
BROKEN = "raise RuntimeError('out of order')\n"
TAKER = """
    @hookimpl
    def ticketcore_notifiers():
        return [NotifierSpec(name="email", summary="takes", target=print)]
"""


def healths(run: Run, *options: str) -> dict[str, str]:
    found = json.loads(run(*options, "plugins", "--json").stdout)
    return {info["name"]: info["health"] for info in found if info["distribution"] != "ticketcore"}


# None of them


def test_no_plugins_loads_the_built_in_ones_only(install: Install, run: Run) -> None:
    install("zebra", REFUSE)
    install("broken", BROKEN)
    assert run("create", "Printer").exit_code == 1
    for name in ("zebra", "broken"):
        sys.modules.pop(name, None)
    made = run("create", "Printer", "--no-plugins")
    assert (made.exit_code, made.stderr) == (0, "")
    assert run("--no-plugins", "create", "Printer").exit_code == 0
    assert not {"zebra", "broken"} & set(sys.modules)
    assert healths(run, "--no-plugins") == {"broken": "disabled", "zebra": "disabled"}


def test_no_plugins_wins_over_help_in_any_place(install: Install, run: Run) -> None:
    install("broken", BROKEN)
    assert "set aside" in run("--help").stderr
    assert run("--no-plugins", "--help").stderr == ""
    assert run("create", "--no-plugins", "--help").stderr == ""


# Some of them


@pytest.mark.parametrize("value", ["zebra,broken", " zebra , broken ,"])
def test_plugins_that_are_switched_off_by_name_are_not_loaded(
    install: Install, run: Run, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    install("zebra", REFUSE)
    install("broken", BROKEN)
    install("other", "")
    monkeypatch.setenv("TICKETCORE_DISABLE_PLUGINS", value)
    made = run("create", "Printer")
    assert (made.exit_code, made.stderr) == (0, "")
    assert not {"zebra", "broken"} & set(sys.modules)
    assert healths(run) == {"broken": "disabled", "other": "ok", "zebra": "disabled"}


def test_a_name_that_no_plugin_has_is_told(install: Install, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    install("zebra", REFUSE)
    monkeypatch.setenv("TICKETCORE_DISABLE_PLUGINS", "zebra,zerba")
    made = run("create", "Printer")
    warning = "Warning: TICKETCORE_DISABLE_PLUGINS names zerba, which is not installed\n"
    assert (made.exit_code, made.stderr) == (0, warning)


def test_plugins_are_switched_off_by_their_own_name_not_by_that_of_the_distribution(
    make_desk: MakeDesk, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("acme-tools", REFUSE, plugin="zebra")
    monkeypatch.setenv("TICKETCORE_DISABLE_PLUGINS", "acme-tools")
    with pytest.raises(RejectedError):
        make_desk(MEMORY).tickets.create("Printer", action_by=ANN)
    monkeypatch.setenv("TICKETCORE_DISABLE_PLUGINS", "zebra")
    assert make_desk(MEMORY).tickets.create("Printer", action_by=ANN).ticket_number == 1


def test_the_built_in_ones_cannot_be_switched_off(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, mail_folder: Path
) -> None:
    monkeypatch.setenv("TICKETCORE_DISABLE_PLUGINS", "builtin,cli")
    make_desk(MEMORY).tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert len(list(mail_folder.glob("*.eml"))) == 1


# All of them right, or none


def test_strictly_every_wrong_plugin_is_an_error_that_names_all_of_them(
    install: Install, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("broken", BROKEN, version="3.1")
    install("misspelt", "    @hookimpl\n    def ticketcore_validat():\n        return ()\n")
    install("taker", TAKER)
    install("good", "")
    monkeypatch.setenv("TICKETCORE_STRICT_PLUGINS", "1")
    for command in (["create", "Printer"], ["plugins"], ["--help"]):
        result = run(*command)
        assert (result.exit_code, result.stdout) == (4, "")
        errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        misspelt = "TypeError: there is no hook ticketcore_validat; did you mean ticketcore_validate?"
        taken = "the notifier 'email' is registered by ticketcore itself too"
        assert errors == [
            "Error: plugin broken (broken 3.1) is broken: RuntimeError: out of order",
            f"Error: plugin misspelt (misspelt 1.0) is broken: {misspelt}",
            f"Error: plugin taker (taker 1.0) clashes: {taken} (TICKETCORE_STRICT_PLUGINS is set)",
        ]
    assert run("list").exit_code == 0  # needs no plugin


@pytest.mark.parametrize("value", ["", "0"])
def test_not_strictly_they_are_warnings(
    make_desk: MakeDesk, install: Install, warned: Warned, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    install("broken", BROKEN)
    monkeypatch.setenv("TICKETCORE_STRICT_PLUGINS", value)
    assert make_desk(MEMORY).tickets.create("Printer", action_by=ANN).ticket_number == 1
    assert len(warned()) == 1


def test_what_is_switched_off_is_not_wrong(
    make_desk: MakeDesk, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("broken", BROKEN)
    monkeypatch.setenv("TICKETCORE_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError) as caught:
        make_desk(MEMORY).tickets.create("Printer", action_by=ANN)
    assert caught.value.plugin == "broken"
    monkeypatch.setenv("TICKETCORE_DISABLE_PLUGINS", "broken")
    assert make_desk(MEMORY).tickets.create("Printer", action_by=ANN).ticket_number == 1


# When they are loaded


PROGRAM = """
import json, sys
sys.argv = ["ticketcore", *{arguments}]
try:
    from ticketcore.cli.main import main
    main()
except SystemExit as end:
    print(json.dumps([end.code, sorted(sys.modules)]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "loads"),
    [
        (["--version"], False),
        (["read", "1"], False),
        (["list", "--json"], False),
        (["history", "1"], False),
        (["create", "--help"], False),
        (["outbox", "list"], False),
        (["create", "Printer"], True),
        (["plugins"], True),
        (["--help"], True),
    ],
    ids=["version", "read", "list", "history", "help of a command", "outbox", "create", "plugins", "help"],
)
def test_a_process_loads_plugins_only_where_it_needs_them(
    install: Install, run: Run, tmp_path: Path, arguments: list[str], loads: bool
) -> None:
    assert run("create", "Printer").exit_code == 0
    site = install("noted", REFUSE.replace('yield Problem("", __name__)', "return ()"))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(arguments=arguments)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        check=True,
        text=True,
    )
    status, modules = json.loads(done.stderr.splitlines()[-1])
    assert not status, done.stderr
    assert ("noted" in modules) is loads
    assert ("pluggy" in modules) is loads


def test_threads_that_share_a_desk_load_plugins_once(
    make_desk: MakeDesk, sqlite_file: Path, install: Install, module: Module
) -> None:
    install(
        "counting",
        """
    CALLS, SEEN = [], []

    @hookimpl
    def ticketcore_notifiers():
        CALLS.append("notifiers")
        return []

    @hookimpl
    def ticketcore_settings():
        CALLS.append("settings")

        @frozen
        class Settings:
            number: int = field(factory=lambda: CALLS.append("made") or 1)

        return Settings

    @hookimpl
    def ticketcore_observe(event, settings):
        SEEN.append(event.ticket.ticket_number)
    """,
    )
    desk = make_desk(f"sqlite:///{sqlite_file}", notifiers=())
    desk.init_store()
    together = threading.Barrier(8)

    def create(number: int) -> int:
        together.wait()
        made = desk.tickets.create(f"Printer {number}", action_by=ANN).ticket_number
        assert made is not None
        return made

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(create, range(8)))
    counting = module("counting")
    assert sorted(numbers) == sorted(counting.SEEN) == list(range(1, 9))
    assert sorted(counting.CALLS) == ["made", "notifiers", "settings"]


def test_a_desk_that_is_opened_loads_nothing(make_desk: MakeDesk, sqlite_file: Path, install: Install) -> None:
    install("unneeded", REFUSE)
    desk = make_desk(f"sqlite:///{sqlite_file}")
    desk.init_store()
    desk.people.add_person("Ann", ANN)
    assert desk.queries.get_open_tickets() == []
    assert "unneeded" not in sys.modules
