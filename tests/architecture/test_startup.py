"""What a start loads: no more than the command needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ticketcore import open_desk
from ticketcore.config.schema import Config, DatabaseSection, EmailSection, SchedulerSection

# Every library that a plain import must not load, by what loads it at the earliest.
FRAMEWORK = {
    "alembic",
    "cattrs",
    "click",
    "email_validator",
    "jinja2",
    "platformdirs",
    "pluggy",
    "rich",
    "sqlalchemy",
    "sqlite3",
    "tenacity",
    "transitions",
    "uuid_utils",
    "yaml",
}

COMMAND = """
import json, sys
sys.argv = ["ticketcore", *{arguments}]
try:
    from ticketcore.cli.main import main
    main()
except SystemExit as end:
    print(json.dumps([end.code, sorted(sys.modules)]), file=sys.stderr)
"""


def loaded(folder: Path, program: str) -> set[str]:
    """Return the top-level modules that ``program`` loads; it prints them as its last line of errors."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKETCORE_")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=kept | {"XDG_DATA_HOME": str(folder / "data")},
        capture_output=True,
        check=True,
        text=True,
    )
    status, modules = json.loads(done.stderr.splitlines()[-1])
    assert not status, done.stderr
    return {name.partition(".")[0] for name in modules}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A folder with a store that holds one ticket, where a desk without a configuration looks for it."""
    path = tmp_path / "data" / "ticketcore" / "ticketcore.db"
    path.parent.mkdir(parents=True)
    config = Config(
        database=DatabaseSection(url=f"sqlite:///{path}"),
        email=EmailSection(folder=tmp_path / "mail"),
        scheduler=SchedulerSection(inline=False),
    )
    with open_desk(config) as desk:
        desk.tickets.create("Printer on fire", action_by="ada")
    return tmp_path


def test_importing_the_package_loads_no_library(tmp_path: Path) -> None:
    program = "import json, sys, ticketcore; print(json.dumps([0, sorted(sys.modules)]), file=sys.stderr)"
    assert loaded(tmp_path, program) & FRAMEWORK == set()


def test_the_version_needs_click_only(tmp_path: Path) -> None:
    assert loaded(tmp_path, COMMAND.format(arguments=["--version"])) & FRAMEWORK == {"click"}


def test_help_needs_click_only(tmp_path: Path) -> None:
    assert loaded(tmp_path, COMMAND.format(arguments=["--help"])) & FRAMEWORK == {"click"}


@pytest.mark.parametrize("arguments", [["read", "1", "--json"], ["list", "--json"]], ids=["read", "list"])
def test_looking_needs_neither_plugins_nor_a_terminal(arguments: list[str], store: Path) -> None:
    unneeded = FRAMEWORK & {"alembic", "email_validator", "jinja2", "pluggy", "rich", "tenacity", "transitions", "yaml"}
    assert loaded(store, COMMAND.format(arguments=arguments)) & unneeded == set()
