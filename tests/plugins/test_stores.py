"""Stores, schedulers and providers of plugins: chosen by the configuration, with their settings."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ticketcore.config.schema import SchedulerSection
from ticketcore.desk import Desk
from ticketcore.errors import ConfigError, PluginError, Problem

ANN = "ann@example.com"
MEMORY = "memory:"

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Module = Callable[[str], Any]
Run = Callable[..., Result]

STORE = """
    from ticketcore.adapters.memory import MemoryRepository

    MADE = []

    @frozen
    class Settings:
        depth: int

    def make(url, *, timeout, **more):
        MADE.append((url, timeout, more))
        return MemoryRepository(timeout=timeout)

    @hookimpl
    def ticketcore_repositories():
        return [
            RepositorySpec(name="cellar", aliases=("vault",), summary="a cellar", target=make),
            RepositorySpec(name="mine", summary="a deep one", target=make, config=Settings),
        ]
"""
SCHEDULER = """
    @frozen
    class Settings:
        word: str = "done"

    class Backwards:
        def __init__(self, settings):
            self.word = settings.word

        def run(self, jobs, stop, report):
            for job in reversed(jobs):
                job.run(stop)
                report(job.name, self.word)
            return True

    @hookimpl
    def ticketcore_schedulers():
        return [
            SchedulerSpec(
                name="backwards", aliases=("reverse",), summary="the last first", target=Backwards, config=Settings
            )
        ]
"""
PROVIDER = """
    @frozen
    class Settings:
        project: str
        token: str = field(repr=False, metadata={"secret": True})

    class Tracker:
        def __init__(self, settings, *, desk):
            self.settings, self.desk = settings, desk

        def check(self, *, timeout):
            if self.settings.project != "DESK":
                yield Problem("project", f"there is no project {self.settings.project}")

    @hookimpl
    def ticketcore_providers():
        return [
            ProviderSpec(
                name="tracker", aliases=("old-tracker",), summary="a tracker", target="tracker:Tracker", config=Settings
            )
        ]
"""


# Stores


def test_a_store_is_found_by_the_scheme_of_the_url(make_desk: MakeDesk, install: Install, module: Module) -> None:
    install("cellar", STORE)
    desk = make_desk("cellar://somewhere/dark", scheduler=SchedulerSection(inline=False))
    made = desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert desk.tickets.read(1) == made
    assert desk.notifications.deliver_due().delivered == 1
    assert module("cellar").MADE == [("cellar://somewhere/dark", 10.0, {})]


def test_a_store_is_found_by_an_alias_and_with_a_driver(make_desk: MakeDesk, install: Install, module: Module) -> None:
    install("cellar", STORE)
    assert make_desk("vault+fast:").store_status().ready
    assert module("cellar").MADE == [("vault+fast:", 10.0, {})]


def test_a_store_with_settings_gets_them(make_desk: MakeDesk, install: Install, module: Module) -> None:
    install("cellar", STORE)
    desk = make_desk("mine:", plugins={"mine": {"depth": 7}})
    assert desk.tickets.create("Printer", action_by=ANN).ticket_number == 1
    cellar = module("cellar")
    ((url, timeout, more),) = cellar.MADE
    assert (url, timeout, more) == ("mine:", 10.0, {"settings": cellar.Settings(depth=7)})


def test_a_store_whose_setting_is_missing_is_an_error_where_it_is_used(make_desk: MakeDesk, install: Install) -> None:
    install("cellar", STORE)
    assert make_desk("cellar:").tickets.create("Printer", action_by=ANN).ticket_number == 1
    with pytest.raises(ConfigError) as caught:
        make_desk("mine:").store_status()
    assert caught.value.problems == (Problem("plugins.mine.depth", "is missing"),)


def test_an_unknown_store_is_an_error(make_desk: MakeDesk, install: Install) -> None:
    install("cellar", STORE)
    with pytest.raises(
        PluginError, match="no repository called 'celar'; known: cellar, mariadb, memory, mine, postgresql, sqlite"
    ) as caught:
        make_desk("celar:").store_status()
    assert caught.value.hint == "did you mean cellar?"


def test_a_store_of_a_package_that_is_not_installed_says_what_to_install(make_desk: MakeDesk) -> None:
    with pytest.raises(PluginError) as caught:
        make_desk("lmdb:///var/lib/desk").store_status()
    assert caught.value.hint == "install ticketcore-lmdb, from contrib/ of ticketcore's repository"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("lambda url, *, timeout: None", "cannot be used: NoneType has no transaction()"),
        ("lambda url, *, timeout: 1 / 0", "cannot be made: ZeroDivisionError: division by zero"),
        ("lambda url: None", "cannot be made: TypeError"),
        ("'no_such_module_anywhere:Store'", "cannot be loaded: ModuleNotFoundError"),
    ],
    ids=["none", "raises", "signature", "import"],
)
def test_a_store_that_cannot_be_made_is_the_plugin_s_error(
    install: Install, configure: Callable[[str], Path], run: Run, target: str, reason: str
) -> None:
    install("cellar", STORE.replace("target=make),", f"target={target}),"))
    configure("").write_text("database: {url: 'cellar:'}\nemail: {folder: mail}\n", encoding="utf-8")
    result = run("list")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith(f"Error: the repository 'cellar' of cellar (cellar 1.0) {reason}")


# Schedulers


@pytest.mark.parametrize("engine", ["backwards", "reverse"])
def test_a_scheduler_is_chosen_by_the_configuration(make_desk: MakeDesk, install: Install, engine: str) -> None:
    install("back", SCHEDULER)
    desk = make_desk(MEMORY, scheduler=SchedulerSection(engine=engine), plugins={"backwards": {"word": "fertig"}})
    ran: list[tuple[str, str]] = []
    well = desk.work(once=False, stop=threading.Event(), report=lambda job, said: ran.append((job, said)))
    assert well
    assert ran == [("recurring", "fertig"), ("sla", "fertig"), ("escalations", "fertig"), ("outbox", "fertig")]


def test_the_worker_runs_the_scheduler_of_a_plugin(
    install: Install, configure: Callable[[str], Path], run: Run
) -> None:
    install("back", SCHEDULER)
    configure("scheduler: {engine: backwards}\n")
    assert run("create", "Printer").exit_code == 0
    result = run("worker")
    assert (result.exit_code, result.stdout) == (0, "recurring: done\nsla: done\nescalations: done\noutbox: done\n")
    once = run("worker", "--once", "--job", "outbox")  # cron's is the built-in one, whatever the engine is
    assert (once.exit_code, once.stdout) == (0, "")


def test_an_unknown_scheduler_is_an_error_with_those_that_are_known(
    install: Install, configure: Callable[[str], Path], run: Run
) -> None:
    install("back", SCHEDULER)
    configure("scheduler: {engine: backward}\n")
    result = run("worker")
    assert result.exit_code == 4
    assert result.stderr.splitlines()[-1] == (
        "Error: there is no scheduler called 'backward'; known: backwards, loop, once (did you mean backwards?)"
    )


# Providers


def test_a_provider_is_made_when_it_is_asked_for(make_desk: MakeDesk, install: Install, module: Module) -> None:
    install("tracker", PROVIDER)
    desk = make_desk(MEMORY, providers={"tracker": {"project": "ATTIC", "token": "s3cret"}})
    desk.tickets.create("Printer", action_by=ANN)
    for name in ("tracker", "old-tracker"):
        made: Any = desk.get_provider(name)
        assert made.desk is desk
        assert made.settings == module("tracker").Settings("ATTIC", "s3cret")
        assert list(made.check(timeout=1)) == [Problem("project", "there is no project ATTIC")]
    assert list(desk.get_provider().check(timeout=1)) == []  # the internal one


def test_the_target_of_a_provider_is_imported_when_it_is_asked_for(make_desk: MakeDesk, install: Install) -> None:
    site = install("tracker", PROVIDER.replace('"tracker:Tracker"', '"tracker_client:Tracker"'))
    (site / "tracker_client.py").write_text("from tracker import Tracker\n", encoding="utf-8")
    desk = make_desk(MEMORY, providers={"tracker": {"project": "DESK", "token": "s3cret"}})
    desk.tickets.create("Printer", action_by=ANN)
    assert "tracker" in sys.modules
    assert "tracker_client" not in sys.modules
    desk.get_provider("tracker")
    assert "tracker_client" in sys.modules


def test_a_provider_without_its_settings_is_an_error_where_it_is_asked_for(
    make_desk: MakeDesk, install: Install
) -> None:
    install("tracker", PROVIDER)
    desk = make_desk(MEMORY)
    desk.tickets.create("Printer", action_by=ANN)
    with pytest.raises(ConfigError) as caught:
        desk.get_provider("tracker")
    assert caught.value.problems == (
        Problem("providers.tracker.project", "is missing"),
        Problem("providers.tracker.token", "is missing"),
    )


def test_an_unknown_provider_is_an_error_with_those_that_are_known(make_desk: MakeDesk, install: Install) -> None:
    install("tracker", PROVIDER)
    with pytest.raises(PluginError, match="no provider called 'treacker'; known: internal, tracker") as caught:
        make_desk(MEMORY).get_provider("treacker")
    assert caught.value.hint == "did you mean tracker?"


def test_a_section_under_another_name_of_a_provider_says_the_right_one(make_desk: MakeDesk, install: Install) -> None:
    install("tracker", PROVIDER)
    desk = make_desk(MEMORY, providers={"old-tracker": {"project": "DESK"}})
    with pytest.raises(ConfigError, match=r"old-tracker is another name of tracker: call it providers\.tracker"):
        desk.get_provider("tracker")


def test_a_section_for_a_provider_that_has_no_settings_is_an_error(make_desk: MakeDesk, install: Install) -> None:
    install("tracker", PROVIDER.replace(", config=Settings", ""))
    with pytest.raises(ConfigError, match=r"providers\.tracker: tracker has no settings"):
        make_desk(MEMORY, providers={"tracker": {"project": "DESK"}}).get_provider("tracker")
