"""The pytest plugin: fixtures for whoever tests a plugin, or a program that uses a desk.

pytest loads it in every project whose environment has ticketcore, so it imports nothing but pytest, and does nothing
until one of its fixtures is asked for. All their names begin with ``ticketcore_``.

The desks find the installed plugins, as desks elsewhere do; the setting ``ticketcore_plugins`` of pytest names those
that count, where others are installed too. What a test itself installs always counts. Environment variables that begin
with ``TICKETCORE_`` are not there, and a plugin that is broken is an error, not a warning.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from ticketcore.adapters.system import PlayedClock
    from ticketcore.config.schema import Config
    from ticketcore.desk import Desk
    from ticketcore.testing.assertions import Outbox
    from ticketcore.testing.commands import CommandLine
    from ticketcore.testing.distributions import Installer
    from ticketcore.testing.smtp import SmtpServer


class MakeDesk(Protocol):
    """What ``ticketcore_make_desk`` is."""

    def __call__(self, url: str | None = None, **sections: Any) -> Desk:
        """Open a desk on the store ``url``; ``sections`` replace those of the configuration, by name.

        Raises:
            TypeError: there is no such section, or what is given is none.
        """


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the setting."""
    text = "the installed plugins that the desks of ticketcore's fixtures load, by name (all by default)"
    parser.addini("ticketcore_plugins", text, type="args", default=[])


@pytest.fixture(scope="session")
def _ticketcore_installed() -> frozenset[str]:
    """The plugins that are installed, apart from what tests install."""
    from importlib.metadata import entry_points

    return frozenset(entry_points(group="ticketcore").names)


@pytest.fixture
def _ticketcore_environment(
    _ticketcore_installed: frozenset[str],
    pytestconfig: pytest.Config,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Make desks load what they are meant to, whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("TICKETCORE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TICKETCORE_STRICT_PLUGINS", "1")
    wanted = frozenset(pytestconfig.getini("ticketcore_plugins"))
    if wanted:
        monkeypatch.setenv("TICKETCORE_DISABLE_PLUGINS", ",".join(sorted(_ticketcore_installed - wanted)))
    missing = wanted - _ticketcore_installed
    if "ticketcore_install" in request.fixturenames:  # the test may install them, at any time
        installer: Installer = request.getfixturevalue("ticketcore_install")
        yield
        missing -= installer.plugins
        _require_none(missing, _ticketcore_installed)
    else:
        _require_none(missing, _ticketcore_installed)
        yield


def _require_none(missing: frozenset[str], installed: frozenset[str]) -> None:
    if missing:
        names, known = ", ".join(sorted(missing)), ", ".join(sorted(installed)) or "none"
        message = f"ticketcore_plugins names {names}, which is not installed; install it: pip install -e ."
        pytest.fail(f"{message} (installed: {known})", pytrace=False)


@pytest.fixture
def ticketcore_clock() -> PlayedClock:
    """A clock that stands at 2026-03-04 09:30 UTC until a test moves it: ``ticketcore_clock.advance(hours=2)``."""
    from ticketcore.adapters.system import PlayedClock
    from ticketcore.testing.records import NOW

    return PlayedClock(NOW)


@pytest.fixture
def ticketcore_config(tmp_path: Path) -> Config:
    """The configuration of the desks of this test: a store in memory, and mails as files below ``tmp_path``."""
    from ticketcore.config.schema import Config, DatabaseSection, EmailSection

    return Config(database=DatabaseSection(url="memory:"), email=EmailSection(folder=tmp_path / "ticketcore-mail"))


@pytest.fixture
def ticketcore_make_desk(
    ticketcore_config: Config, ticketcore_clock: PlayedClock, _ticketcore_environment: None
) -> Iterator[MakeDesk]:
    """A function that opens a desk, which is closed after the test.

    ``ticketcore_make_desk()`` is one in memory. A URL names another store, and sections of the configuration are given
    by name: ``ticketcore_make_desk("sqlite:///desk.db", notifiers=("chat",))``.
    """
    from attrs import evolve

    from ticketcore.desk import open_desk

    opened: list[Desk] = []

    def make(url: str | None = None, **sections: Any) -> Desk:
        __tracebackhide__ = True
        for name, section in sections.items():
            _require_section(ticketcore_config, name, section)
        database = sections.pop("database", ticketcore_config.database)
        database = database if url is None else evolve(database, url=url)
        config = evolve(ticketcore_config, database=database, **sections)
        opened.append(open_desk(config, clock=ticketcore_clock))
        return opened[-1]

    yield make
    for desk in opened:
        desk.close()


def _require_section(config: Config, name: str, section: object) -> None:
    """Refuse what is no section of the configuration; a desk would fail on it later, and say less."""
    import attrs

    from ticketcore.testing.names import unknown

    __tracebackhide__ = True
    known = [field.name for field in attrs.fields(type(config))]
    if name not in known:
        raise TypeError(unknown("section of the configuration", name, known))
    kind = type(getattr(config, name))
    # Lists may stand for tuples, but a text would be taken for its letters.
    if (attrs.has(kind) or isinstance(section, str)) and not isinstance(section, kind):
        message = f"{name} must be of the type {kind.__name__}, not {type(section).__name__}"
        raise TypeError(message)


@pytest.fixture
def ticketcore_desk(ticketcore_make_desk: MakeDesk, ticketcore_config: Config) -> Desk:
    """An open desk on the store of ``ticketcore_config``, in memory."""
    return ticketcore_make_desk(ticketcore_config.database.url)


@pytest.fixture
def ticketcore_sqlite_desk(ticketcore_make_desk: MakeDesk, tmp_path: Path) -> Desk:
    """An open desk on a new SQLite file below ``tmp_path``."""
    return ticketcore_make_desk(f"sqlite:///{tmp_path / 'ticketcore.db'}")


@pytest.fixture
def ticketcore_outbox(ticketcore_desk: Desk) -> Outbox:
    """The outbox of ``ticketcore_desk``: ``ticketcore_outbox.assert_sent("CREATED", to="ann@example.com")``.

    That of another desk is ``ticketcore.testing.assertions.Outbox(desk)``.
    """
    from ticketcore.testing.assertions import Outbox

    return Outbox(ticketcore_desk)


@pytest.fixture
def ticketcore_smtp() -> Iterator[SmtpServer]:
    """A real mail server on a free port of this computer, which keeps what arrives and refuses on demand.

    ``ticketcore_make_desk(email=ticketcore_smtp.section())`` is a desk that uses it; then ``ticketcore_smtp.mails``
    has the mails. It needs aiosmtpd: ``pip install ticketcore[testing]``.
    """
    from ticketcore.testing.smtp import SmtpServer

    with SmtpServer() as server:
        yield server


@pytest.fixture
def ticketcore_install(tmp_path: Path, _ticketcore_installed: frozenset[str]) -> Iterator[Installer]:
    """A function that installs a distribution with a plugin for this test: its name, and the module or its text.

    Desks that are opened afterwards find the plugin.
    """
    from ticketcore.testing.distributions import Installer

    installer = Installer(tmp_path / "ticketcore-site")
    yield installer
    installer.uninstall()


@pytest.fixture
def ticketcore_run(tmp_path: Path, _ticketcore_environment: None) -> CommandLine:
    """A function that runs a command line of ticketcore: ``ticketcore_run("create", "Printer", "--by", "ann")``.

    It returns an object with ``exit_code``, ``stdout``, ``stderr`` and ``json()``. An exit status other than 0 is a
    failure; ``status=1`` expects another one, ``status=None`` takes any. ``stdin="..."`` is what it reads.

    The configuration is ``ticketcore_run.config``, a file below ``tmp_path``, with the store of
    ``ticketcore_sqlite_desk`` and mails as files; ``ticketcore_run.configure("notifiers: [chat]")`` writes it anew.
    """
    from ticketcore.testing.commands import CommandLine

    return CommandLine(tmp_path)
