"""Command lines in tests: what they run on, what they come to, and what a failure shows."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ticketcore import open_desk
from ticketcore.desk import Desk
from ticketcore.testing.assertions import assert_sent, assert_ticket
from ticketcore.testing.commands import CommandLine, CommandResult
from ticketcore.testing.distributions import Installer

GREETER = """
import sys

import click

from ticketcore import hookimpl
from ticketcore.cli.base import command
from ticketcore.plugin.records import CommandSpec

@command("greet", "ticketcore greet")
@click.option("--status", type=int, default=0)
@click.option("--reads", is_flag=True)
@click.option("--fails", is_flag=True)
def greet(status, reads, fails):
    print("hello", sys.stdin.read() if reads else "")
    print("not so loud", file=sys.stderr)
    if fails:
        raise KeyError("name")
    sys.exit(status)

@hookimpl
def ticketcore_commands():
    return [CommandSpec(name="greet", summary="Greet.", target=greet)]
"""


def failure(call: Callable[..., object], *arguments: Any, **named: Any) -> str:
    """Return what a check says that fails."""
    with pytest.raises(AssertionError) as caught:
        call(*arguments, **named)
    return str(caught.value)


def lines(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


# What it runs on


def test_a_command_line_runs_on_a_desk_of_its_own(ticketcore_run: CommandLine, tmp_path: Path) -> None:
    result = ticketcore_run("create", "Printer", "--requested-by", "ann@example.com", "--by", "ann")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "ticket 1" in result.stdout.lower()
    assert ticketcore_run("read", 1, "--json").json()["subject"] == "Printer"
    assert len(list((tmp_path / "ticketcore-mail").glob("*.eml"))) == 1
    assert ticketcore_run.config == tmp_path / "ticketcore.yaml"


def test_what_it_did_can_be_looked_at_with_a_desk(ticketcore_run: CommandLine, ticketcore_sqlite_desk: Desk) -> None:
    ticketcore_run("create", "Printer", "--requested-by", "ann@example.com", "--by", "ann")
    assert_ticket(ticketcore_sqlite_desk.tickets.read(1), subject="Printer", status="NEW")
    assert_sent(ticketcore_sqlite_desk, "CREATED", to="ann@example.com", state="DELIVERED", count=1)
    with open_desk(ticketcore_run.config) as desk:
        assert desk.tickets.read(1) == ticketcore_sqlite_desk.tickets.read(1)


def test_the_configuration_is_written_anew(ticketcore_run: CommandLine, tmp_path: Path) -> None:
    ticketcore_run("create", "Printer", "--by", "ann")
    ticketcore_run.configure("""
        ticket:
          package: OFFICE
        notifiers: []
    """)
    assert ticketcore_run("create", "Lamp", "--by", "ann", "--json").json()["package"] == "OFFICE"
    ticketcore_run.configure("database: {url: 'sqlite:///other.db'}")
    created = ticketcore_run("create", "Desk", "--by", "ann", "--json").json()
    assert (created["ticket_number"], created["package"]) == (1, "CORE")
    assert (tmp_path / "other.db").is_file()


def test_a_message_about_the_configuration_has_the_line_of_the_test(ticketcore_run: CommandLine) -> None:
    ticketcore_run.configure("timezone: UTC\nnotifers: []\n")
    assert "ticketcore.yaml:2: notifers: is not known" in ticketcore_run("list", status=3).stderr


@pytest.mark.parametrize("section", ["database:\n  timeout: 3\n", "email:\n  port: 25\n"])
def test_nothing_gets_into_the_folder_of_the_user(
    section: str, ticketcore_run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    ticketcore_run.configure(section)
    ticketcore_run("create", "Printer", "--requested-by", "ann@example.com", "--by", "ann")
    assert not home.exists()
    assert len(list(tmp_path.rglob("*.db"))) == len(list(tmp_path.rglob("*.eml"))) == 1


def test_another_configuration_can_be_named(ticketcore_run: CommandLine, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("database:\n  url: sqlite:///other.db\nnotifiers: []\n", encoding="utf-8")
    ticketcore_run("create", "Printer", "--by", "ann", "--config", other)
    assert ticketcore_run("list", "--json").json() == []


def test_the_environment_is_that_of_the_test(ticketcore_run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETCORE_BY", "bob")
    before = dict(os.environ), sys.stdout, sys.stderr, sys.stdin
    ticketcore_run("create", "Printer")
    assert (dict(os.environ), sys.stdout, sys.stderr, sys.stdin) == before
    assert ticketcore_run("history", 1, "--json").json()[0]["action_by"] == "bob"


def test_help_does_not_depend_on_the_terminal(ticketcore_run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = set()
    for columns in ("60", "70"):
        monkeypatch.setenv("COLUMNS", columns)
        shown.add(ticketcore_run("create", "--help").stdout)
    assert len(shown) == 1


# Plugins


def test_a_plugin_that_is_installed_is_found(ticketcore_run: CommandLine, ticketcore_install: Installer) -> None:
    assert "No such command 'greet'" in ticketcore_run("greet", status=2).stderr
    ticketcore_install("greeter", GREETER)
    result = ticketcore_run("greet", "--reads", stdin="größe\n")
    assert (result.stdout, result.stderr) == ("hello größe\n\n", "not so loud\n")
    assert ticketcore_run("greet", "--status", "7", status=7).exit_code == 7


def test_a_plugin_that_is_broken_is_an_error(ticketcore_run: CommandLine, ticketcore_install: Installer) -> None:
    ticketcore_install("clumsy", "import no_such_module")
    assert "plugin clumsy (clumsy 1.0) is broken: " in ticketcore_run("plugins", status=4).stderr


def test_where_a_plugin_failed_is_shown_on_demand(
    ticketcore_run: CommandLine, ticketcore_install: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticketcore_install("greeter", GREETER)
    assert "Traceback" not in ticketcore_run("greet", "--fails", status=1).stderr
    monkeypatch.setenv("TICKETCORE_DEBUG", "1")
    assert 'raise KeyError("name")' in ticketcore_run("greet", "--fails", status=1).stderr


# What it comes to


def test_another_exit_status_shows_everything(ticketcore_run: CommandLine, ticketcore_install: Installer) -> None:
    ticketcore_install("greeter", GREETER)
    assert failure(ticketcore_run, "greet", "--status", 3, status=4) == lines(
        """
        the exit status should have been 4:
        $ ticketcore greet --status 3
        exit status: 3
        standard output:
          hello
        standard error:
          not so loud
        """
    )
    assert failure(ticketcore_run, "greet", "--status", 3).startswith("the exit status should have been 0:\n$ ")
    assert failure(ticketcore_run, "close", "no such", "--by", "ann") == lines(
        """
        the exit status should have been 0:
        $ ticketcore close 'no such' --by ann
        exit status: 1
        standard error:
          Error: there is no ticket no such (give a ticket number or a guid; ticketcore list shows them)
        """
    )


@pytest.mark.parametrize("number", [1, 404])
def test_any_exit_status_is_taken_where_none_is_expected(number: int, ticketcore_run: CommandLine) -> None:
    ticketcore_run("create", "Printer", "--by", "ann")
    assert ticketcore_run("read", number, status=None).exit_code == (0 if number == 1 else 1)


def test_wrong_usage_is_a_status_too(ticketcore_run: CommandLine) -> None:
    assert "Usage: ticketcore" in ticketcore_run(status=2).stderr
    assert "--priorty" in ticketcore_run("create", "Printer", "--priorty", "HIGH", status=2).stderr


def test_a_result_is_shown_whole() -> None:
    result = CommandResult(("list", "--by", "ann b"), 0, "one\n\ntwo\n", "")
    assert str(result) == repr(result)
    assert repr(result) == "$ ticketcore list --by 'ann b'\nexit status: 0\nstandard output:\n  one\n\n  two"


def test_what_is_no_json_is_shown(ticketcore_run: CommandLine) -> None:
    message = failure(ticketcore_run("list").json)
    assert message.startswith(
        "what was printed is no JSON (Expecting value: line 1 column 1 (char 0)); ask for it with"
    )
    assert message.endswith(" --json:\n$ ticketcore list\nexit status: 0\nstandard output:\n  No tickets.")
    assert "ask for it" not in failure(ticketcore_run("create", "--json", status=2).json)


def test_words_are_given_one_by_one(ticketcore_run: CommandLine) -> None:
    words: Any = ["read", "1"]
    with pytest.raises(TypeError, match=r"give each word by itself, as in ticketcore_run\('read', '1'\), not \['read'"):
        ticketcore_run(words)
