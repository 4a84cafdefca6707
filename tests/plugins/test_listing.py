"""The list of plugins: who, from where, how they are and why, and how long each took to load."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Install = Callable[..., Path]
Run = Callable[..., Result]

OFF = "switched off by TICKETCORE_DISABLE_PLUGINS"

GOOD = """
    @hookimpl
    def ticketcore_notifiers():
        return [NotifierSpec(name="shout", summary="shouts", target=print)]

    @hookimpl
    def ticketcore_schedulers():
        return [SchedulerSpec(name="backwards", summary="the last first", target=print)]

    @hookimpl
    def ticketcore_amend():
        pass

    @hookimpl
    def ticketcore_observe(event):
        pass
"""
TAKER = """
    @hookimpl
    def ticketcore_notifiers():
        return [NotifierSpec(name="email", summary="takes", target=print)]
"""
BURNING = """
    import hashlib

    digest = b""
    for _ in range(200_000):
        digest = hashlib.sha256(digest).digest()
"""


@pytest.fixture
def four(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a plugin of each health."""
    install("good-tools", GOOD, plugin="good", version="1.2.3")
    install("taker", TAKER)
    install("broken", "raise RuntimeError('out of \\x1b[31morder')\n", version="2.0")
    install("off", TAKER)
    monkeypatch.setenv("TICKETCORE_DISABLE_PLUGINS", "off")


@pytest.mark.usefixtures("four")
def test_json_has_everything(run: Run) -> None:
    result = run("plugins", "--json")
    assert result.exit_code == 0
    infos: list[dict[str, Any]] = json.loads(result.stdout)
    assert [info["name"] for info in infos] == ["builtin", "cli", "broken", "good", "off", "taker"]
    assert infos[2:] == [
        {
            "name": "broken",
            "distribution": "broken",
            "version": "2.0",
            "health": "broken",
            "cause": r"RuntimeError: out of \x1b[31morder",
            "provides": [],
            "hooks": [],
        },
        {
            "name": "good",
            "distribution": "good-tools",
            "version": "1.2.3",
            "health": "ok",
            "cause": "",
            "provides": ["notifier shout", "scheduler backwards"],
            "hooks": ["ticketcore_notifiers", "ticketcore_schedulers", "ticketcore_amend", "ticketcore_observe"],
        },
        {
            "name": "off",
            "distribution": "off",
            "version": "1.0",
            "health": "disabled",
            "cause": OFF,
            "provides": [],
            "hooks": [],
        },
        {
            "name": "taker",
            "distribution": "taker",
            "version": "1.0",
            "health": "clash",
            "cause": "the notifier 'email' is registered by ticketcore itself too",
            "provides": ["notifier email"],
            "hooks": ["ticketcore_notifiers"],
        },
    ]
    assert result.stderr.splitlines() == [
        r"Warning: plugin broken (broken 2.0) is set aside: RuntimeError: out of \x1b[31morder",
        "Warning: plugin taker (taker 1.0) clashes: the notifier 'email' is registered by ticketcore itself too",
    ]


@pytest.mark.usefixtures("four")
def test_the_table_has_health_and_cause(run: Run) -> None:
    head, *lines = run("plugins").stdout.splitlines()
    assert head.split() == ["Plugin", "Version", "Distribution", "Health", "Provides", "Cause"]
    rows = {line.split()[0]: line.split(maxsplit=4)[1:] for line in lines if line.strip("─ ")}
    assert rows["good"][:3] == ["1.2.3", "good-tools", "ok"]
    assert rows["good"][3].split() == ["notifier", "shout,", "scheduler", "backwards,", "amend,", "observe", "—"]
    assert rows["broken"][:3] == ["2.0", "broken", "broken"]
    assert rows["broken"][3].split(maxsplit=1) == ["—", r"RuntimeError: out of \x1b[31morder"]
    assert [*rows["off"][:3], rows["off"][3].split()] == ["1.0", "off", "disabled", ["—", *OFF.split()]]
    assert rows["taker"][2] == "clash"
    assert rows["cli"][3].split()[1] == "commands"


def test_many_things_of_a_plugin_are_all_shown_but_for_commands(install: Install, run: Run) -> None:
    many = """
    @hookimpl
    def ticketcore_recurring_types():
        for number in range(30):
            yield RecurringTypeSpec(name=f"T{number}", summary="recurs", target=print)

    @hookimpl
    def ticketcore_commands():
        for number in range(21):
            yield CommandSpec(name=f"c{number}", summary="runs", target=print)
    """
    install("many", many)
    (line,) = [line for line in run("plugins").stdout.splitlines() if line.startswith("many ")]
    assert line.count("recurring module type T") == 30
    assert ", 21 commands " in line


def test_a_slow_plugin_is_seen(install: Install, run: Run) -> None:
    install("quick", GOOD)
    install("slow", BURNING)
    install("slow-and-broken", BURNING + "\n    1 / 0\n", plugin="slow-too")
    infos = json.loads(run("plugins", "--time", "--json").stdout)
    seconds = {info["name"]: info["seconds"] for info in infos}
    assert list(seconds) == sorted(seconds, key=lambda name: -seconds[name])
    assert set(list(seconds)[:2]) == {"slow", "slow-too"}
    assert min(seconds["slow"], seconds["slow-too"]) > seconds["quick"] > 0
    assert all("seconds" not in info for info in json.loads(run("plugins", "--json").stdout))


def test_the_table_shows_the_time_the_slowest_first(install: Install, run: Run) -> None:
    install("quick", GOOD)
    install("slow", BURNING)
    head, *lines = run("plugins", "--time").stdout.splitlines()
    assert head.split() == ["Plugin", "Version", "Distribution", "Health", "Time", "Provides", "Cause"]
    rows = [line.split() for line in lines if line.strip("─ ")]
    times = {row[0]: float(row[4]) for row in rows}
    assert rows[0][0] == "slow"
    assert all(row[5] == "ms" for row in rows)
    assert list(times.values()) == sorted(times.values(), reverse=True)
    assert times["slow"] > 1


def test_a_plugin_that_is_not_set_up_is_idle(install: Install, run: Run) -> None:
    install(
        "night",
        """
        from attrs import frozen
        from ticketcore import hookimpl

        @frozen
        class Settings:
            room: str

        @hookimpl
        def ticketcore_settings():
            return Settings
        """,
    )
    result = run("plugins", "--json")
    assert result.stderr == ""
    (found,) = [plugin for plugin in json.loads(result.stdout) if plugin["name"] == "night"]
    assert (found["health"], found["cause"]) == ("idle", "it is not set up: plugins.night.room: is missing")
