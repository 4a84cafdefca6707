"""A desk of its own for each test: a configuration, an SQLite file, a folder of mails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ticketcore.cli.main import cli

CONFIG = """\
database:
  url: "sqlite:///{folder}/desk.db"
email:
  folder: "{folder}/mail"
timezone: Europe/Berlin
"""

INTERRUPTED = """\
import os
import signal
from ticketcore import hookimpl

asked = 0

@hookimpl
def ticketcore_validate(change):
    global asked
    if {about}:
        asked += 1
        for _ in range({times} if asked == {question} else 0):
            os.kill(os.getpid(), signal.SIGINT)
    return []
"""

Run = Callable[..., Result]
Data = Callable[..., Any]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "desk.yaml"
    path.write_text(CONFIG.format(folder=tmp_path), encoding="utf-8")
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line in an empty folder, with nothing set."""
    for name in ("TICKETCORE_CONFIG", "TICKETCORE_BY", "TICKETCORE_DEBUG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*args: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli, args, input=stdin, prog_name="ticketcore")

    return run


@pytest.fixture
def run(bare: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line on the desk of the test, as ann."""
    monkeypatch.setenv("TICKETCORE_CONFIG", str(config))
    monkeypatch.setenv("TICKETCORE_BY", "ann")
    return bare


@pytest.fixture
def done(run: Run) -> Callable[..., str]:
    """Run a command that must succeed and say nothing on standard error; return what it printed."""

    def done(*args: str, stdin: str | bytes | None = None) -> str:
        result = run(*args, stdin=stdin)
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        return result.stdout

    return done


@pytest.fixture
def data(done: Callable[..., str]) -> Data:
    """Run a command with ``--json`` that must succeed; return what it printed as data."""

    def data(*args: str, stdin: str | bytes | None = None) -> Any:
        return json.loads(done("--json", *args, stdin=stdin))

    return data


@pytest.fixture
def interrupt(install: Callable[[str, str], Path]) -> Callable[..., None]:
    """Install a policy that is asked ``about`` some changes, and presses control-C in one of these questions."""

    def interrupt(about: str, *, question: int, times: int = 1) -> None:
        install("interrupter", INTERRUPTED.format(about=about, question=question, times=times))

    return interrupt
