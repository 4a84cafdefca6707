"""What the tests of a whole desk share: a clock set by hand, desks on both stores, and distributions made to order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve

from ticketcore import open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, EmailSection
from ticketcore.desk import Desk
from ticketcore.testing.distributions import Installer

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> PlayedClock:
    return PlayedClock(START)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    return tmp_path / "desk.db"


@pytest.fixture
def mail_folder(tmp_path: Path) -> Path:
    return tmp_path / "mail"


@pytest.fixture(params=["memory", "sqlite"])
def store_url(request: pytest.FixtureRequest, sqlite_file: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{sqlite_file}"


@pytest.fixture
def make_config(mail_folder: Path) -> Callable[..., Config]:
    """Return a function that makes a configuration for a database URL, with other sections on demand."""

    def make(url: str, **sections: object) -> Config:
        config = Config(database=DatabaseSection(url=url), email=EmailSection(folder=mail_folder))
        return evolve(config, **sections)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_desk(make_config: Callable[..., Config], clock: PlayedClock) -> Iterator[Callable[..., Desk]]:
    """Return a function that opens a desk on a database URL, which is closed after the test."""
    opened: list[Desk] = []

    def make(url: str, **sections: object) -> Desk:
        desk = open_desk(make_config(url, **sections), clock=clock)
        opened.append(desk)
        return desk

    yield make
    for desk in opened:
        desk.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk], store_url: str) -> Desk:
    return make_desk(store_url)


@pytest.fixture
def sqlite_desk(make_desk: Callable[..., Desk], sqlite_file: Path) -> Desk:
    return make_desk(f"sqlite:///{sqlite_file}")


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Installer]:
    """Return a function that installs a distribution whose module is a plugin: its name, and the module's text."""
    installer = Installer(tmp_path / "site")
    yield installer
    installer.uninstall()
