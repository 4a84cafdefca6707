"""The command line on a real terminal, and in pipes: what fits, what is coloured, what is asked, what is whole."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
from click.testing import Result

from ticketcore import open_desk

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]

_PATIENCE = 20.0
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LONG, WIDE = "word " * 30, "東京都の" * 20
COMMANDS = [
    ["list"],
    ["read", "1"],
    ["history", "1"],
    ["comments", "1"],
    ["tasks", "1"],
    ["links", "1"],
    ["time-entries", "1"],
    ["signoffs", "1"],
    ["versions", "1"],
    ["linked-prs", "1"],
    ["search", "word"],
    ["list-rules"],
    ["list-sla"],
    ["list-people"],
    ["outbox", "list"],
    ["bulk", "1", "2", "--set-status", "RESOLVED", "--dry-run"],
]


ALL = """
import json, sys
from ticketcore.cli.main import cli
for arguments in json.loads(sys.argv[1]):
    try:
        cli.main(arguments, prog_name="ticketcore")
    except SystemExit:
        print(end="\\f", flush=True)
"""
"""Runs several commands in one process, with a form feed behind what each of them prints."""


class Terminal:
    """A command that runs on a terminal of its own."""

    def __init__(self, program: Sequence[str], arguments: Sequence[str], columns: int, env: Mapping[str, str]) -> None:
        """Start it; ``env`` comes on top of what a plain terminal has."""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        unset = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "COLORTERM"}
        environment = {name: value for name, value in os.environ.items() if name not in unset}
        environment |= {"TERM": "xterm-256color", **env}
        command = [sys.executable, *program, *arguments]
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        os.close(theirs)
        self.printed = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def until(self, text: str) -> str:
        """Return what is printed up to ``text``."""
        deadline = time.monotonic() + _PATIENCE
        while text not in self.printed:
            assert self._more(deadline), f"{text!r} was not printed, but {self.printed!r}"
        return self.printed

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def interrupted(self) -> tuple[int, str]:
        """Interrupt it, and return how it ends.

        A signal that comes just before a program waits for an answer is noticed with the next thing that comes.
        """
        for _ in range(int(_PATIENCE)):
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
                break
        return self.end()

    def end(self) -> tuple[int, str]:
        """Return the exit status, and all that was printed."""
        deadline = time.monotonic() + _PATIENCE
        while self._more(deadline):
            pass
        return self.process.wait(_PATIENCE), self.printed

    def _more(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more came after {self.printed!r}"
        chunk = b""
        with suppress(OSError):  # how Linux says that the other end is closed
            chunk = os.read(self._ours, 65536)
        self.printed += chunk.decode(errors="replace").replace("\r\n", "\n")
        return bool(chunk)


def terminal_of(*arguments: str, columns: int = 80, **env: str) -> Terminal:
    """Start a command on a terminal."""
    return Terminal(("-m", "ticketcore"), arguments, columns, env)


def shown(*arguments: str, columns: int = 80, **env: str) -> str:
    """Return what a command prints on a terminal, colours and all."""
    with terminal_of(*arguments, columns=columns, **env) as terminal:
        return terminal.end()[1]


def shown_all(commands: list[list[str]], columns: int = 80, **env: str) -> list[str]:
    """Return what each of several commands prints on a terminal."""
    with Terminal(("-c", ALL), [json.dumps(commands)], columns, env) as terminal:
        parts = terminal.end()[1].split("\f")
    assert len(parts) == len(commands) + 1
    return parts[:-1]


def plain(text: str) -> str:
    return _ESCAPES.sub("", text)


def width(line: str) -> int:
    """Return how many columns of a terminal a line takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


@pytest.fixture
def filled(run: Run, config: Path) -> None:
    """Make tickets with everything, in long and in wide letters."""
    with open_desk(config) as desk:
        desk.people.add_person("Maximiliane von und zu Hohenstein-Wittelsbach", "max@example.com", "max")
        for subject in (LONG, WIDE, "x" * 200):
            desk.tickets.create(subject, description=LONG, priority="HIGH", assigned_to="max", action_by="max")
        desk.tickets.create("elsewhere", package="A-PACKAGE-WITH-A-RATHER-LONG-NAME", action_by="max")
        desk.comments.add_comment(1, WIDE, commented_by="max")
        desk.tasks.add_task(1, WIDE, LONG, "max", action_by="max")
        desk.links.add_link(1, 2, "BLOCKS", created_by="max")
        desk.time.log_time(1, "max@example.com", 30, LONG, action_by="max")
        desk.signoffs.request_signoff(1, ["max"], requested_by="max")
        desk.tickets.update(1, project=LONG, action_by="max")
        desk.pull_requests.link_pull_request(1, "12", "acme/a-very-long-name-of-a-repository", action_by="max")
        desk.rules.auto_assign_add_rule("CORE", "max@example.com", project=LONG, action_by="max")
        contacts = "max@example.com,bo@example.com,cy@example.com"
        desk.sla.set_sla("CORE", "LOW", response_minutes=5, resolution_minutes=9, responsible=contacts, action_by="max")


# What fits.


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_what_is_printed_fits_the_terminal(columns: int) -> None:
    for arguments, text in zip(COMMANDS, shown_all(COMMANDS, columns), strict=True):
        lines = plain(text).replace("\r", "\n").splitlines()
        assert len(lines) > 1, arguments
        assert [line for line in lines if width(line) > columns] == [], arguments


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_nothing_is_cut_on_a_narrow_terminal(columns: int) -> None:
    text = plain(shown("list", columns=columns))
    letters = "".join(text.split())
    assert "…" not in text
    assert text.count("word") == 30
    assert letters.count("x") >= 200
    assert all(letters.count(letter) == 20 for letter in "東京都の")
    assert all(part in text for part in ("MEDIUM", "HIGH", "NEW", "Maximiliane", "#"))


@pytest.mark.usefixtures("filled")
def test_a_table_that_would_be_too_narrow_becomes_lists() -> None:
    wide, narrow = (plain(shown_all([["history", "1"]], columns)[0]) for columns in (120, 60))
    assert wide.splitlines()[0].split() == ["#", "When", "Who", "Action", "What", "Note"]
    first = [line.split(maxsplit=1)[0] for line in narrow.split("\n\n")[0].splitlines() if not line.startswith(" ")]
    assert first == ["#", "When", "Who", "Action", "What", "Note"]


@pytest.mark.usefixtures("filled")
def test_the_width_may_be_said() -> None:
    lines = plain(shown("list", columns=120, COLUMNS="60")).splitlines()
    assert max(map(width, lines)) <= 60


def test_tables_fit_the_terminal_in_colour(done: Done) -> None:
    done("create", "word " * 30, "--priority", "HIGH", "--assign-to", "somebody@example.com")
    text = shown("list", columns=90)
    assert "\x1b[31mHIGH" in text
    lines = plain(text).splitlines()
    assert max(map(width, lines)) <= 90
    assert " ".join(lines).count("word") == 30
    assert max(map(width, plain(shown("read", "1", columns=50)).splitlines())) <= 50


# What is coloured.


@pytest.mark.usefixtures("filled")
def test_colour_is_for_terminals(done: Done) -> None:
    commands = [["list"], ["read", "1"], ["bulk", "1", "--set-priority", "LOW", "--dry-run"]]
    without = shown_all(commands, NO_COLOR="1")
    for text in (*without, *shown_all(commands, TERM="dumb")):
        assert "HIGH" in text
        assert not re.search(r"\x1b\[[0-9;]*m", text)
    assert "\x1b" not in "".join(without[:2])  # the bar of bulk moves the cursor
    coloured, data = shown_all([["list"], ["list", "--json"]], NO_COLOR="")
    assert "\x1b[31mHIGH" in coloured
    assert "\x1b" not in data + done("list")


# Pipes.


def shell(command: str, **env: str) -> tuple[int, str, str]:
    """Run a line of bash in which ticketcore is this one; return exit status, output and errors."""
    line = command.replace("ticketcore ", f"{shlex.quote(sys.executable)} -m ticketcore ")
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, env=os.environ | env)
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.usefixtures("filled")
def test_what_goes_into_a_pipe_is_whole_whatever_the_terminal() -> None:
    _, text, errors = shell("ticketcore list | cat", COLUMNS="40", FORCE_COLOR="1")
    assert errors == ""
    rows = text.splitlines()
    assert LONG.strip() in rows[2]
    assert WIDE in rows[3]
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in rows)


def test_a_row_is_one_line_however_long(done: Done) -> None:
    done("create", "x")
    done("comment", "1", "-", stdin="y" * 300_000)
    assert "y" * 300_000 in done("history", "1").splitlines()[3]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("command", ["list --json", "list", "export", "export --format csv", "--help"])
def test_a_pipe_that_is_closed_early_is_no_error_to_speak_of(run: Run, config: Path, command: str) -> None:
    with open_desk(config) as desk:  # more than a pipe holds
        for _ in range(3):
            desk.tickets.create("much to read", description="x" * 40_000, project="x" * 200, action_by="max")
    _, text, errors = shell(f"ticketcore {command} | head -c 20")
    assert (len(text.encode()) > 0, errors) == (True, "")


@pytest.mark.usefixtures("filled")
def test_commands_read_from_each_other(run: Run) -> None:
    numbers = """python3 -c 'import json, sys; print(*(one["ticket_number"] for one in json.load(sys.stdin)))'"""
    status, text, errors = shell(
        f"ticketcore list --assignee max --json | {numbers} | ticketcore bulk - --cancel --yes"
    )
    assert (status, text, errors) == (0, "3 changed, 0 unchanged, 0 refused\n", "")
    status, text, errors = shell("ticketcore export | ticketcore import -")
    assert (status, text, errors) == (0, "0 tickets imported, 4 were there already\n", "")
    status, text, _ = shell("echo hello | ticketcore comment 4 -")
    assert (status, text) == (0, "Comment added to ticket 4\n")


# What is asked.


@pytest.mark.usefixtures("filled")
def test_many_changes_are_shown_and_asked_for(data: Data) -> None:
    with terminal_of("bulk", "--assignee", "max", "--set-status", "TRIAGED", columns=100) as terminal:
        before = plain(terminal.until("Change 3 tickets? [y/N]: "))
        assert "status: NEW → TRIAGED" in before
        assert "3 would change, 0 unchanged, 0 refused" in before
        assert data("summary")["TRIAGED"] == 0
        terminal.type("y\n")
        status, text = terminal.end()
    assert (status, "3 changed, 0 unchanged, 0 refused" in text) == (0, True)
    assert data("summary")["TRIAGED"] == 3


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(("answer", "status"), [("n\n", 1), ("\n", 1), ("\x04", 130)], ids=["no", "nothing", "end"])
def test_who_does_not_say_yes_changes_nothing(data: Data, answer: str, status: int) -> None:
    with terminal_of("bulk", "--all", "--cancel") as terminal:
        terminal.until("Change 4 tickets? [y/N]: ")
        terminal.type(answer)
        ended, text = terminal.end()
    assert ended == status
    assert ("Nothing was changed." in text) == (status == 1)
    assert data("summary")["NEW"] == 4


@pytest.mark.usefixtures("filled")
def test_control_c_at_the_question_changes_nothing(data: Data) -> None:
    with terminal_of("bulk", "--all", "--cancel") as terminal:
        terminal.until("Change 4 tickets? [y/N]: ")
        status, text = terminal.interrupted()
    assert (status, "Traceback" in text) == (130, False)
    assert data("summary")["NEW"] == 4


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(("answer", "status", "state"), [("y\n", 0, "outdated"), ("n\n", 1, "ready")])
def test_what_a_downgrade_loses_is_shown_and_asked_for(data: Data, answer: str, status: int, state: str) -> None:
    with terminal_of("db", "downgrade", "0004", columns=200) as terminal:
        before = plain(terminal.until("back to schema 0004? [y/N]: "))
        assert "The table sys_guard goes: 0 rows, which an upgrade makes again" in before
        terminal.type(answer)
        ended, text = terminal.end()
    assert (ended, "Nothing was changed." in text) == (status, status == 1)
    assert data("db", "status")["state"] == state


def test_a_long_preview_is_cut_and_counted(run: Run, config: Path) -> None:
    with open_desk(config) as desk:
        for number in range(25):
            desk.tickets.create(f"ticket {number}", action_by="max")
    with terminal_of("bulk", "--all", "--cancel") as terminal:
        text = plain(terminal.until("Change 25 tickets? [y/N]: "))
    assert len(re.findall(r"ticket \d+ ", text)) == 20
    assert "… and 5 more" in text


# What goes on.


def test_progress_is_shown_on_a_terminal_only(done: Done, run: Run, tmp_path: Path) -> None:
    for number in range(3):
        done("create", f"ticket {number}")
    file = str(tmp_path / "tickets.jsonl")
    bulk = ["bulk", "--all", "--yes", "--set-priority"]
    texts = shown_all([["export", file], ["import", file], [*bulk, "LOW"]])
    assert [word in text for word, text in zip(("Writing", "Checking", "Changing"), texts, strict=True)] == [True] * 3
    line = f"ticketcore export {file} --force && ticketcore import {file} && ticketcore {' '.join(bulk)} HIGH"
    assert shell(line)[2] == ""
