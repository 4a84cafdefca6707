"""What holds for every command: options, help, exit status, harmless output."""

from __future__ import annotations

import getpass
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import Result

from ticketcore.cli import session
from ticketcore.cli.base import LazyGroup
from ticketcore.cli.main import cli
from ticketcore.errors import PluginError

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]

ESCAPE = "\x1b[31mred\x1b]0;title\x07 \u202eesrever\x9b2J [bold]markup[/bold] :fire:"
SHOWN = r"\x1b[31mred\x1b]0;title\x07 \u202eesrever\x9b2J [bold]markup[/bold] :fire:"


def every_command(group: LazyGroup = cli, *above: str) -> Iterator[tuple[tuple[str, ...], str, click.Command]]:
    """Yield path, summary in the table, and command."""
    for section in group.table.values():
        for name, (_, _, summary) in section.items():
            command = group.get_command(click.Context(group), name)
            assert command is not None
            yield (*above, name), summary, command
            if isinstance(command, LazyGroup):
                yield from every_command(command, *above, name)


EVERY_COMMAND = list(every_command())


@pytest.mark.parametrize(("path", "summary", "command"), EVERY_COMMAND, ids=[" ".join(c[0]) for c in EVERY_COMMAND])
def test_help(bare: Run, path: tuple[str, ...], summary: str, command: click.Command) -> None:
    result = bare(*path, "--help")
    assert (result.exit_code, result.stderr) == (0, "")
    assert command.name == path[-1]
    assert command.get_short_help_str(limit=200).rstrip(".") == summary.rstrip(".")
    assert f"Example: ticketcore {' '.join(path)}" in result.stdout
    for option in ("--config FILE", "--by NAME", "--json", "--no-plugins"):
        assert option in result.stdout
    assert all(param.help for param in command.params if isinstance(param, click.Option))


def test_help_lists_the_commands(bare: Run) -> None:
    result = bare("--help")
    assert result.exit_code == 0
    for path, summary, _ in EVERY_COMMAND:
        if len(path) == 1:
            assert any(path[0] in line and summary in line for line in result.stdout.splitlines())


def test_without_a_command_help_is_shown(bare: Run) -> None:
    result = bare()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Commands" not in result.stderr
    assert "create" in result.stderr


def test_version(bare: Run) -> None:
    assert bare("--version").stdout.startswith("ticketcore, version ")


def test_options_before_and_behind_the_command(bare: Run, config: Path) -> None:
    before = bare("--config", str(config), "--by", "bo", "--json", "create", "one")
    behind = bare("create", "two", "--json", "--by", "bo", "--config", str(config))
    assert [json.loads(one.stdout)["requested_by"] for one in (before, behind)] == ["bo", "bo"]
    both = bare(
        "--by", "bo", "--config", "nowhere.yaml", "create", "3", "--by", "cy", "--config", str(config), "--json"
    )
    assert json.loads(both.stdout)["requested_by"] == "cy"
    nested = bare("outbox", "--json", "--config", str(config), "list")
    assert json.loads(nested.stdout) == []


def test_who_acts(bare: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def requester() -> str:
        made = bare("--config", str(config), "create", "x", "--json")
        return str(json.loads(made.stdout)["requested_by"])

    assert requester() == getpass.getuser()
    monkeypatch.setenv("TICKETCORE_BY", "bo")
    assert requester() == "bo"


def test_an_empty_name_is_wrong_usage(run: Run) -> None:
    result = run("create", "x", "--by", "")
    assert result.exit_code == 2
    assert "--by" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "x", "--priority", "URGENT"],
        ["create", "x", "--type", "TASK"],
        ["create", "x", "--no-such-option"],
        ["create"],
        ["change-status", "1", "DONE"],
        ["list", "--status", "OPEN"],
        ["list", "--sort", "colour"],
        ["list", "--limit", "0"],
        ["outbox", "list", "--state", "LOST"],
        ["remove-rule", "first"],
        ["no-such-command"],
        ["outbox", "no-such-command"],
    ],
    ids=" ".join,
)
def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "\nError: " in result.stderr
    assert "Usage: ticketcore " in result.stderr


def test_a_wrong_value_names_the_right_ones(run: Run) -> None:
    error = run("create", "x", "--priority", "URGENT").stderr
    assert "CRITICAL" in error
    assert "INFO" in error


@pytest.mark.parametrize("arguments", [["list"], ["create", "x"], ["db", "status"], ["worker", "--once"]], ids=" ".join)
def test_a_wrong_configuration(run: Run, config: Path, arguments: list[str]) -> None:
    config.write_text("databases: {}\nticket: {packages: IT}\n", encoding="utf-8")
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (3, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("Error: ") for line in lines)


def test_a_missing_configuration(run: Run) -> None:
    result = run("--config", "nowhere.yaml", "list")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "nowhere.yaml" in result.stderr


def raising(error: BaseException) -> Callable[..., Any]:
    def open_desk(*_: object, **__: object) -> None:
        raise error

    return open_desk


def test_a_plugin_that_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "open_desk", raising(PluginError("jira", "jira is broken", hint="mend it")))
    result = run("list")
    assert (result.exit_code, result.stderr) == (4, "Error: jira is broken (mend it)\n")


def test_an_interruption(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "open_desk", raising(KeyboardInterrupt()))
    result = run("list")
    assert (result.exit_code, result.stdout, result.stderr.strip()) == (130, "", "")


def test_what_nobody_expected(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "open_desk", raising(LookupError("a\x1bb\nc")))
    result = run("list")
    assert (result.exit_code, result.stderr) == (1, "Error: unexpected LookupError: a\\x1bb c: please report\n")
    monkeypatch.setenv("TICKETCORE_DEBUG", "1")
    assert "Traceback" in run("list").stderr


def test_a_failing_system_call_is_told_as_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "open_desk", raising(PermissionError(13, "Permission denied", "/some/file")))
    result = run("list")
    assert (result.exit_code, result.stderr) == (1, "Error: /some/file: Permission denied\n")


def test_escape_sequences_are_shown_not_obeyed(done: Done, data: Data) -> None:
    done("create", ESCAPE, "--description", f"{ESCAPE}\r\nnext", "--assign-to", "[red]bo", "--project", ESCAPE)
    done("comment", "1", ESCAPE)
    done("cancel", "1", "--reason", ESCAPE)
    for command in ("read", "history", "comments", "list", "by-assignee"):
        text = done(command, *{"list": [], "by-assignee": ["x"]}.get(command, ["1"]))
        assert not set("\x1b\x07\x9b\u202e\r") & set(text), command
        assert command == "by-assignee" or SHOWN in text, command
    raw = done("read", "1", "--json")
    assert not set("\x1b\x07\x9b\u202e") & set(raw)
    assert json.loads(raw)["subject"] == ESCAPE
    assert "[red]bo" in done("list")


@pytest.mark.parametrize(
    "arguments",
    [
        ["read", "no\x1bguid\nError: forged"],
        ["create", "x", "--priority", "\x1b[31m\nError: forged"],
        ["\x1bcommand\nError: forged"],
        ["add-watcher", "1", "x\x1b\nError: forged"],
        ["remove-watcher", "1", "x\x1b\nError: forged"],
        ["auto-assign", "--\x1b\nError: forged"],
    ],
    ids=range(6),
)
def test_errors_cannot_be_forged(run: Run, done: Done, arguments: list[str]) -> None:
    done("create", "x")
    result = run(*arguments)
    assert result.exit_code in {1, 2}
    assert "\x1b" not in result.stderr
    assert not any(line.startswith("Error: forged") for line in result.stderr.splitlines())


@pytest.mark.parametrize("arguments", [["read"], ["list", "--project"], ["add-watcher", "1"], ["create"]], ids=" ".join)
def test_bytes_that_are_no_text_are_wrong_usage(run: Run, arguments: list[str]) -> None:
    result = run(*arguments, "\udcff")
    assert (result.exit_code, result.stdout) == (2, "")
    assert r"\udcff' is no text" in result.stderr


def test_output_that_goes_nowhere(done: Done) -> None:
    done("create", "Printer")
    program = f"exec {sys.executable} -m ticketcore"
    for command in ("list", "list --json"):
        closed = subprocess.run(
            ["sh", "-c", f"{program} {command} >&-"], stderr=subprocess.PIPE, text=True, check=False
        )
        assert (closed.returncode, closed.stderr) == (0, "")
        full = subprocess.run(
            ["sh", "-c", f"{program} {command} > /dev/full"], capture_output=True, text=True, check=False
        )
        assert (full.returncode, full.stderr) == (1, "Error: No space left on device\n")
