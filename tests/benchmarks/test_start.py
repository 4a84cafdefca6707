"""What a start costs, in processes: the import, the version, one ticket read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ticketcore import open_desk
from ticketcore.config.schema import Config, DatabaseSection, EmailSection, SchedulerSection

pytestmark = pytest.mark.bench

PAIRS = 25
OURS = "from ticketcore.cli.main import main\nmain()\n"

CLICK = """
import click

@click.group()
@click.version_option("0.1.0", prog_name="ticketcore")
def main():
    pass

main()
"""

CORE = """
import json
import sys

import sqlalchemy as sa

metadata = sa.MetaData()
{tables}

engine = sa.create_engine("sqlite:///{path}")
with engine.connect() as connection:
    statement = sa.select(data_ticket).where(data_ticket.c.TicketNumber == sa.bindparam("number"))
    ticket = dict(connection.execute(statement, {{"number": int(sys.argv[1])}}).mappings().one())
    for name, table in (("tasks", data_ticket_task), ("time", data_ticket_time), ("comments", data_ticket_comment)):
        statement = sa.select(table).where(table.c.TicketGuid == sa.bindparam("guid")).order_by(table.c.CreatedDate)
        ticket[name] = [dict(row) for row in connection.execute(statement, {{"guid": ticket["Guid"]}}).mappings()]
    ticket["total_minutes"] = sum(row["DurationMinutes"] for row in ticket.pop("time"))
print(json.dumps(ticket, indent=2, default=str))
"""

TABLES = ("data_ticket", "data_ticket_task", "data_ticket_time", "data_ticket_comment")
"""What is read of a ticket."""

CONFIG = """\
database:
  url: sqlite:///ticketcore.db
email:
  folder: mail
"""


class Program:
    """A Python program in a folder, run as a process with as little around it as possible."""

    def __init__(self, folder: Path, name: str, text: str, *arguments: str, **environment: str) -> None:
        path = folder / name
        path.write_text(text, encoding="utf-8")
        self.folder = folder
        self.command = [sys.executable, str(path), *arguments]
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("TICKETCORE_", "COV_", "XDG_"))
        }
        self.environment = kept | {"XDG_DATA_HOME": str(folder / "data")} | environment

    def run(self) -> str:
        done = subprocess.run(
            self.command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout

    def seconds(self) -> float:
        start = time.perf_counter()
        self.run()
        return time.perf_counter() - start


def column(name: str, kind: str) -> str:
    """Return the line of a table definition that somebody would write for a column."""
    sorts = {"INTEGER": "Integer", "DATETIME": "DateTime", "TEXT": "Text"}
    return f'sa.Column("{name}", sa.{sorts.get(kind, "String")})'


def stored_ticket(path: Path) -> str:
    """Make a store with a few tickets; return the program that reads the same of one of them with SQLAlchemy Core."""
    path.parent.mkdir(parents=True, exist_ok=True)
    config = Config(
        database=DatabaseSection(url=f"sqlite:///{path}"),
        email=EmailSection(folder=path.parent / "mail"),
        scheduler=SchedulerSection(inline=False),
    )
    with open_desk(config) as desk:
        for number in range(1, 21):
            desk.tickets.create(f"Ticket {number}", description="What happened.", action_by="bench")
    import sqlite3

    connection = sqlite3.connect(path)
    tables = []
    for table in TABLES:
        columns = [column(name, kind) for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})")]
        tables.append(f'{table} = sa.Table("{table}", metadata, {", ".join(columns)})')
    connection.close()
    return CORE.format(path=path, tables="\n".join(tables))


def test_import(tmp_path: Path, table: Any) -> None:
    ours = Program(tmp_path, "ours.py", "import ticketcore\n")
    base = Program(tmp_path, "base.py", "import attrs\nimport click\n")
    assert (
        table.compare("import ticketcore / import attrs, click", ours.seconds, base.seconds, pairs=PAIRS, bound="1.30")
        <= 1.3
    )


def test_version(tmp_path: Path, table: Any) -> None:
    ours = Program(tmp_path, "ours.py", OURS, "--version")
    base = Program(tmp_path, "base.py", CLICK, "--version")
    assert ours.run().split()[0] == base.run().split()[0]
    ratio = table.compare("ticketcore --version / click program", ours.seconds, base.seconds, pairs=PAIRS, bound="1.50")
    assert ratio <= 1.5


def without_a_file(folder: Path) -> tuple[Path, list[str]]:
    return folder / "data" / "ticketcore" / "ticketcore.db", []


def with_a_file(folder: Path) -> tuple[Path, list[str]]:
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    return folder / "ticketcore.db", []


def with_a_named_file(folder: Path) -> tuple[Path, list[str]]:
    (folder / "desk.yaml").write_text(CONFIG, encoding="utf-8")
    return folder / "ticketcore.db", ["--config", str(folder / "desk.yaml")]


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(without_a_file, id="no configuration"),
        pytest.param(with_a_file, id="./config.yaml"),
        pytest.param(with_a_named_file, id="--config FILE"),
    ],
)
def test_read(
    prepare: Callable[[Path], tuple[Path, list[str]]],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    table: Any,
) -> None:
    path, options = prepare(tmp_path)
    script = stored_ticket(path)
    ours = Program(tmp_path, "ours.py", OURS, "read", "7", "--json", *options)
    base = Program(tmp_path, "base.py", script, "7")
    assert json.loads(ours.run())["subject"] == json.loads(base.run())["Subject"] == "Ticket 7"
    name = f"read N --json, {request.node.callspec.id} / Core select"
    # The script reads no configuration; what reading one costs on top is reported, not bounded.
    bounded = prepare is without_a_file
    ratio = table.compare(name, ours.seconds, base.seconds, pairs=PAIRS, bound="1.60" if bounded else "")
    assert ratio <= 1.6 or not bounded
