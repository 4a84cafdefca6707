"""The pytest plugin: its fixtures as a plugin's author uses them, and what it costs those who do not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, EmailSection, SchedulerSection
from ticketcore.desk import Desk
from ticketcore.domain.sla import describe
from ticketcore.errors import PluginError
from ticketcore.testing.assertions import Outbox, assert_refused, assert_ticket
from ticketcore.testing.distributions import Installer
from ticketcore.testing.plugin import MakeDesk
from ticketcore.testing.records import NOW
from ticketcore.testing.smtp import SmtpServer

FIXTURES = {
    "ticketcore_clock",
    "ticketcore_config",
    "ticketcore_desk",
    "ticketcore_install",
    "ticketcore_make_desk",
    "ticketcore_outbox",
    "ticketcore_run",
    "ticketcore_smtp",
    "ticketcore_sqlite_desk",
}

NO_URGENCY = """
from ticketcore import Problem, hookimpl

@hookimpl
def ticketcore_validate(change):
    if change.after.priority == "CRITICAL":
        yield Problem("priority", "nothing here is critical")
"""

Pytest = Callable[..., str]


@pytest.fixture
def run_pytest(tmp_path: Path) -> Pytest:
    """Run pytest in a process of its own on a test file; return what it prints. A warning is an error there."""

    def run(source: str, *options: str, passes: bool = True, **environment: str) -> str:
        (tmp_path / "test_it.py").write_text(source, encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TICKETCORE_"))}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error", *options]
        done = subprocess.run(
            command, cwd=tmp_path, env=kept | environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0) is passes, done.stdout + done.stderr
        return done.stdout

    return run


# What it costs


def test_loading_it_imports_nothing(tmp_path: Path) -> None:
    program = """
import json, sys, pytest
before = set(sys.modules)
import ticketcore.testing.plugin
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    libraries = {name for name in json.loads(done.stdout) if name.partition(".")[0] not in sys.stdlib_module_names}
    assert libraries == {"ticketcore", "ticketcore.testing", "ticketcore.testing.plugin"}


def test_a_project_that_does_not_use_it_does_not_notice_it(run_pytest: Pytest) -> None:
    source = """
import os, sys

def test_it():
    assert not {"ticketcore.desk", "ticketcore.config", "attr", "sqlalchemy", "aiosmtpd"} & set(sys.modules)
    assert os.environ["TICKETCORE_CONFIG"] == "somewhere"
"""
    printed = run_pytest(source, "--strict-markers", "--strict-config", TICKETCORE_CONFIG="somewhere")
    assert "1 passed" in printed
    assert "warning" not in printed


def test_every_fixture_is_described_and_has_the_prefix(run_pytest: Pytest) -> None:
    printed = run_pytest("", "--fixtures", "-q")
    ours = printed.partition("fixtures defined from ticketcore.testing.plugin")[2].partition("fixtures defined")[0]
    found = re.findall(r"^(\w+)(?: \[.*\])? -- \S+\n    (.*)$", ours, re.MULTILINE)
    assert {name for name, _ in found} == FIXTURES
    assert not [name for name, text in found if text == "no docstring available"]


# Desks


def test_the_desk_has_the_clock_and_is_in_memory(
    ticketcore_desk: Desk, ticketcore_clock: PlayedClock, ticketcore_config: Config
) -> None:
    assert ticketcore_clock.now() == NOW
    ticket = ticketcore_desk.tickets.create("Printer", priority="HIGH", action_by="ann")
    ticketcore_clock.advance(hours=2)
    assert_ticket(ticket, created_date=NOW, sla_response_deadline=NOW + timedelta(hours=1))
    assert describe(ticket, ticketcore_desk.clock.now()) == "response overdue by 1 h"
    assert ticketcore_desk.config.database.url == ticketcore_config.database.url == "memory:"


def test_mails_are_kept_below_the_folder_of_the_test(ticketcore_desk: Desk, tmp_path: Path) -> None:
    ticketcore_desk.tickets.create("Printer", requested_by="ann@example.com", action_by="ann")
    assert len(list((tmp_path / "ticketcore-mail").glob("*.eml"))) == 1


def test_the_desk_on_sqlite_has_a_file_of_its_own(ticketcore_sqlite_desk: Desk, tmp_path: Path) -> None:
    ticketcore_sqlite_desk.tickets.create("Printer", action_by="ann")
    assert ticketcore_sqlite_desk.store_status().ready
    assert (tmp_path / "ticketcore.db").is_file()


def test_desks_are_made_with_a_store_and_sections(ticketcore_make_desk: MakeDesk, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    silent = ticketcore_make_desk(url, notifiers=())
    other = ticketcore_make_desk(url, scheduler=SchedulerSection(inline=False))
    ticket = silent.tickets.create("Printer", requested_by="ann@example.com", action_by="ann")
    assert other.tickets.read(1) == ticket
    other.tickets.change_status(1, "TRIAGED", action_by="ann")
    assert [message.state for message in silent.notifications.list_outbox()] == ["PENDING"]
    assert ticketcore_make_desk().queries.get_open_tickets() == []


def test_a_project_can_change_the_configuration_of_all_desks(run_pytest: Pytest) -> None:
    source = """
import pytest
from attrs import evolve
from ticketcore.config.schema import DatabaseSection

@pytest.fixture
def ticketcore_config(ticketcore_config, tmp_path):
    database = DatabaseSection(url=f"sqlite:///{tmp_path}/own.db")
    return evolve(ticketcore_config, database=database, timezone="Asia/Tokyo")

def test_it(ticketcore_desk, tmp_path):
    ticketcore_desk.tickets.create("Printer", action_by="ann")
    assert (tmp_path / "own.db").is_file()
    assert ticketcore_desk.zone.key == "Asia/Tokyo"
"""
    assert "1 passed" in run_pytest(source)


def test_the_environment_of_whoever_runs_the_tests_does_not_matter(run_pytest: Pytest) -> None:
    source = """
def test_it(ticketcore_install, ticketcore_make_desk):
    ticketcore_install("chatty", "from ticketcore import hookimpl")
    desk = ticketcore_make_desk()
    desk.tickets.create("Printer", action_by="ann")
    assert [plugin.health for plugin in desk.plugins.plugins if plugin.name == "chatty"] == ["ok"]
"""
    assert "1 passed" in run_pytest(source, TICKETCORE_CONFIG="/nowhere.yaml", TICKETCORE_DISABLE_PLUGINS="chatty")


# Plugins


def test_an_installed_plugin_is_found(ticketcore_install: Installer, ticketcore_make_desk: MakeDesk) -> None:
    ticketcore_install("calm", NO_URGENCY)
    desk = ticketcore_make_desk()
    assert_refused(
        lambda: desk.tickets.create("Printer", priority="CRITICAL", action_by="ann"),
        field="priority",
        match="nothing here is critical",
    )


def test_a_broken_plugin_is_an_error(ticketcore_install: Installer, ticketcore_make_desk: MakeDesk) -> None:
    ticketcore_install("clumsy", NO_URGENCY.replace("ticketcore_validate", "ticketcore_valdiate"))
    desk = ticketcore_make_desk()
    with pytest.raises(PluginError, match="did you mean ticketcore_validate"):
        desk.tickets.create("Printer", action_by="ann")


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """Install two plugins for other processes; return their PYTHONPATH."""
    installer = Installer(tmp_path / "site-packages")
    folders = [
        installer("ticketcore-mine", NO_URGENCY, plugin="mine"),
        installer("ticketcore-foreign", NO_URGENCY.replace("CRITICAL", "HIGH"), plugin="foreign"),
    ]
    installer.uninstall()
    return os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])


ASKS_BOTH = """
def test_it(ticketcore_desk, ticketcore_install):
    ticketcore_install("third", "from ticketcore import hookimpl")
    for priority in ("HIGH", "CRITICAL"):
        try:
            ticketcore_desk.tickets.create("Printer", priority=priority, action_by="ann")
        except Exception as error:
            print("refused:", error.problems[0].message, priority)
    print({plugin.name: plugin.health.value for plugin in ticketcore_desk.plugins.plugins})
"""


def test_all_installed_plugins_count_or_those_that_are_named(run_pytest: Pytest, installed: str) -> None:
    all_of_them = run_pytest(ASKS_BOTH, "-s", PYTHONPATH=installed)
    assert re.findall(r"refused: .* (\w+)$", all_of_them, re.MULTILINE) == ["HIGH", "CRITICAL"]
    named = run_pytest(ASKS_BOTH, "-s", "-o", "ticketcore_plugins=mine", PYTHONPATH=installed)
    assert re.findall(r"refused: .* (\w+)$", named, re.MULTILINE) == ["CRITICAL"]
    assert "'foreign': 'disabled'" in named
    assert "'third': 'ok'" in named


NOT_THERE = "ticketcore_plugins names mien, which is not installed; install it: pip install -e . (installed: "


@pytest.mark.parametrize("fixture", ["ticketcore_desk", "ticketcore_run"])
def test_a_plugin_that_is_named_but_not_installed_is_told(run_pytest: Pytest, installed: str, fixture: str) -> None:
    source = f"def test_it({fixture}): pass"
    printed = run_pytest(source, "-o", "ticketcore_plugins=mien", passes=False, PYTHONPATH=installed)
    assert f"\n{NOT_THERE}" in printed
    assert "foreign, mine)\n" in printed
    assert "1 error in" in printed


def test_a_test_that_installs_other_plugins_is_told_too(run_pytest: Pytest, installed: str) -> None:
    printed = run_pytest(ASKS_BOTH, "-o", "ticketcore_plugins=mien", passes=False, PYTHONPATH=installed)
    assert f"\n{NOT_THERE}" in printed
    assert "1 passed, 1 error in" in printed


def test_a_plugin_that_is_named_may_be_installed_by_the_test(run_pytest: Pytest, installed: str) -> None:
    source = """
import pytest

SOURCE = "from ticketcore import hookimpl"

@pytest.fixture
def installed(ticketcore_install):
    ticketcore_install("third", SOURCE)

def health(desk):
    return {plugin.name: plugin.health for plugin in desk.plugins.plugins}

def test_before(installed, ticketcore_make_desk):
    assert health(ticketcore_make_desk())["third"] == "ok"

def test_behind(ticketcore_desk, ticketcore_install):
    ticketcore_install("other", SOURCE, plugin="third")
    found = health(ticketcore_desk)
    assert (found["third"], found["mine"], found["foreign"]) == ("ok", "disabled", "disabled")

def test_taken_away(ticketcore_make_desk, ticketcore_install):
    ticketcore_install("third", SOURCE)
    ticketcore_install.uninstall()
    assert "third" not in health(ticketcore_make_desk())

def test_typed(ticketcore_run, installed):
    found = {plugin["name"]: plugin["health"] for plugin in ticketcore_run("plugins", "--json").json()}
    assert (found["third"], found["mine"]) == ("ok", "disabled")
"""
    assert "4 passed" in run_pytest(source, "-o", "ticketcore_plugins=third", PYTHONPATH=installed)


# Mail


def test_the_outbox_of_the_desk_is_at_hand(ticketcore_desk: Desk, ticketcore_outbox: Outbox) -> None:
    ticketcore_outbox.assert_nothing_sent()
    ticketcore_desk.tickets.create("Printer", requested_by="ann@example.com", action_by="ann")
    ticketcore_outbox.assert_sent("CREATED", to="ann@example.com", channel="email", state="DELIVERED", count=1)
    assert ticketcore_outbox.codes() == ["CREATED"]
    assert ticketcore_outbox.recipients() == ["ann@example.com"]


def test_mails_go_to_the_server(ticketcore_make_desk: MakeDesk, ticketcore_smtp: SmtpServer) -> None:
    desk = ticketcore_make_desk(email=ticketcore_smtp.section())
    desk.tickets.create("Größer 🔥", requested_by="ann@example.com", action_by="ann")
    assert ticketcore_smtp.the_mail()["Subject"] == "[#1] Größer 🔥"


def test_without_aiosmtpd_the_server_says_what_to_install(run_pytest: Pytest, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['aiosmtpd'] = None\n", encoding="utf-8")
    source = """
def test_mail(ticketcore_smtp):
    pass

def test_else(ticketcore_desk):
    ticketcore_desk.tickets.create("Printer", action_by="ann")
"""
    printed = run_pytest(source, passes=False)
    assert "1 passed, 1 error" in printed
    assert "the mail server for tests needs aiosmtpd; install it: pip install 'ticketcore[testing]'" in printed


def test_a_failed_check_points_at_the_line_of_the_test(run_pytest: Pytest) -> None:
    source = """
from ticketcore.testing.assertions import assert_ticket

def test_it(ticketcore_desk, ticketcore_outbox):
    ticket = ticketcore_desk.tickets.create("Printer", action_by="ann")
    assert_ticket(ticket, status="RESOLVED")

def test_other(ticketcore_outbox):
    ticketcore_outbox.assert_sent("CREATED")
"""
    printed = run_pytest(source, passes=False)
    assert re.findall(r"^(\S+): AssertionError$", printed, re.MULTILINE) == ["test_it.py:6", "test_it.py:9"]


def test_nothing_is_left_open_or_behind(run_pytest: Pytest) -> None:
    source = """
import gc, importlib, sys, threading

PLUGIN = "from ticketcore import hookimpl\\nHERE = True"

def test_use(ticketcore_install, ticketcore_sqlite_desk, ticketcore_smtp, ticketcore_make_desk):
    ticketcore_install("guest", PLUGIN)
    ticketcore_sqlite_desk.tickets.create("Printer", requested_by="ann@example.com", action_by="ann")
    desk = ticketcore_make_desk(email=ticketcore_smtp.section())
    desk.tickets.create("Printer", requested_by="ann@example.com", action_by="ann")
    assert importlib.import_module("guest").HERE

def test_after():
    gc.collect()
    assert threading.active_count() == 1
    assert "guest" not in sys.modules
    assert importlib.util.find_spec("guest") is None
    assert not [path for path in sys.path if "ticketcore-site" in path]
    assert not list(importlib.metadata.entry_points(group="ticketcore", name="guest"))
"""
    assert "2 passed" in run_pytest(source)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"notifier": ("chat",)}, "there is no section of the configuration 'notifier'; did you mean 'notifiers'?"),
        ({"emial": EmailSection()}, "there is no section of the configuration 'emial'; did you mean 'email'?"),
        ({"chat": {}}, "there is no section of the configuration 'chat'; known: ticket, database, "),
        ({"notifiers": "chat"}, "notifiers must be of the type tuple, not str"),
        ({"email": {"password": "correct horse"}}, "email must be of the type EmailSection, not dict"),
        ({"database": "sqlite:///desk.db"}, "database must be of the type DatabaseSection, not str"),
    ],
)
def test_what_is_no_section_is_refused(ticketcore_make_desk: MakeDesk, sections: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        ticketcore_make_desk(**sections)
    assert str(caught.value).startswith(message)
    assert "correct horse" not in str(caught.value)


def test_a_list_may_stand_for_a_tuple(ticketcore_make_desk: MakeDesk) -> None:
    desk = ticketcore_make_desk(notifiers=["email"])
    desk.tickets.create("Printer", requested_by="ann@example.com", action_by="ann")
    assert Outbox(desk).codes() == ["CREATED"]


def test_wrong_calls_are_told_at_the_line_of_the_test(run_pytest: Pytest) -> None:
    source = """
from ticketcore.testing.assertions import assert_refused, assert_sent

def test_section(ticketcore_make_desk):
    ticketcore_make_desk(notifier=())

def test_refused(ticketcore_desk):
    assert_refused(ticketcore_desk.tickets.create("Printer", action_by="ann"))

def test_state(ticketcore_desk):
    assert_sent(ticketcore_desk, "CREATED", state="SENT")

def test_status(ticketcore_run):
    ticketcore_run("list", status=1)

def test_json(ticketcore_run):
    ticketcore_run("list").json()

def test_word(ticketcore_run):
    ticketcore_run(["list"])

def test_source(ticketcore_install):
    ticketcore_install("guest", object())
"""
    printed = run_pytest(source, passes=False)
    assert re.findall(r"^test_it\.py:(\d+): (\w+)$", printed, re.MULTILINE) == [
        ("5", "TypeError"),
        ("8", "TypeError"),
        ("11", "AssertionError"),
        ("14", "AssertionError"),
        ("17", "AssertionError"),
        ("20", "TypeError"),
        ("23", "TypeError"),
    ]
