"""Plugins made to order and really installed, the warnings about them, and a command line that finds them."""

from __future__ import annotations

import importlib
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ticketcore.cli.main import cli
from ticketcore.desk import Desk
from ticketcore.errors import RejectedError
from ticketcore.plugin.manager import Health
from ticketcore.testing.distributions import Installer

HEAD = """\
import attrs
from attrs import field, frozen

from ticketcore import hookimpl
from ticketcore.errors import PermanentNotifierError, Problem
from ticketcore.plugin.records import (
    CommandSpec,
    NotifierSpec,
    ProviderSpec,
    RecurringTypeSpec,
    RepositorySpec,
    SchedulerSpec,
    TemplateFolderSpec,
    VersionedKindSpec,
)
from ticketcore.ports.notifier import Receipt

"""

CONFIG = """\
database:
  url: "sqlite:///desk.db"
email:
  folder: mail
"""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TICKETCORE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def install(install: Installer) -> Callable[..., Path]:
    """Return a function that installs a plugin whose module has everything imported that plugins are made of."""

    def make(name: str, source: str, **options: str) -> Path:
        return install(name, HEAD + textwrap.dedent(source), **options)

    return make


@pytest.fixture
def module() -> Callable[[str], Any]:
    """Return a function that returns the module of a plugin, to look at what it has noted."""
    return importlib.import_module


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function that returns what ticketcore has warned of so far."""

    def found() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name.startswith("ticketcore")]

    return found


@pytest.fixture
def configure(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes ``desk.yaml``, with more sections on demand."""

    def write(more: str = "") -> Path:
        path = tmp_path / "desk.yaml"
        path.write_text(CONFIG + textwrap.dedent(more), encoding="utf-8")
        return path

    return write


@pytest.fixture
def run(configure: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs a command line on ``desk.yaml``, as ann."""
    configure("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TICKETCORE_CONFIG", "desk.yaml")
    monkeypatch.setenv("TICKETCORE_BY", "ann")

    def command(*args: str) -> Result:
        return CliRunner().invoke(cli, args, prog_name="ticketcore")

    return command


SHOUT = """
    SENT = []

    class Shouter:
        def send(self, notification, *, timeout):
            SENT.append(notification)
            return Receipt("shouted")

    @hookimpl
    def ticketcore_notifiers():
        return [NotifierSpec(name="shout", summary="shouts", target=lambda settings: Shouter())]
"""
REFUSE = """
    @hookimpl
    def ticketcore_validate(change):
        if "forbidden" in change.after.subject:
            yield Problem("subject", __name__ + " one")
            yield Problem("", __name__ + " two")
"""


@pytest.fixture
def others_work(
    install: Callable[..., Path], make_desk: Callable[..., Desk], module: Callable[[str], Any]
) -> Callable[[str], Desk]:
    """Install the plugins alpha and zebra, and return a function that checks that they work, and returns the desk."""
    install("alpha", SHOUT)
    install("zebra", REFUSE)

    def check(url: str = "memory:") -> Desk:
        desk = make_desk(url, notifiers=("shout",))
        desk.tickets.create("Printer", action_by="ann")
        assert len(module("alpha").SENT) == 1
        with pytest.raises(RejectedError) as caught:
            desk.tickets.update(1, subject="forbidden", action_by="ann")
        assert [problem.message for problem in caught.value.problems] == ["zebra one", "zebra two"]
        return desk

    return check


@pytest.fixture
def check_set_aside(
    install: Callable[..., Path], others_work: Callable[[str], Desk], warned: Callable[[], list[str]]
) -> Callable[..., None]:
    """Return a function that checks that a plugin of this source is set aside for this reason, and harms no other."""

    def check(source: str, reason: str, *, url: str = "memory:", entry: str = "broken") -> None:
        site = install("broken", source, version="2.1")
        (info,) = site.glob("*.dist-info")
        (info / "entry_points.txt").write_text(f"[ticketcore]\nbroken = {entry}\n", encoding="utf-8")
        desk = others_work(url)
        (warning,) = warned()
        assert warning.startswith("plugin broken (broken 2.1) is set aside: ")
        assert reason in warning
        assert "\n" not in warning
        (found,) = [info for info in desk.plugins.plugins if info.name == "broken"]
        assert (found.health, found.distribution, found.version) == (Health.BROKEN, "broken", "2.1")
        assert warning.endswith(f" is set aside: {found.cause}")
        assert (found.provides, found.hooks) == ((), ())
        assert list(desk.plugins.broken) == ["broken"]

    return check
