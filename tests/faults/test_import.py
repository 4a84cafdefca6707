"""An import that is killed: what is there then, and that it goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ticketcore.desk import Desk
from ticketcore.services.importing import BATCH

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill a process so")

MakeDesk = Callable[..., Desk]
KILLED = -9  # by SIGKILL

# Arguments: the store, the file, the step, and the batch behind which it is killed.
IMPORT = """
import os, signal, sys
from ticketcore import open_desk
from ticketcore.config.schema import Config, DatabaseSection

store, file, fatal_step, fatal = sys.argv[1:]
batches = 0

def progress(step, done):
    global batches
    if step == fatal_step:
        batches += 1
        if batches == int(fatal):
            os.kill(os.getpid(), signal.SIGKILL)

with open_desk(Config(database=DatabaseSection(url="sqlite:///" + store), notifiers=())) as desk:
    desk.transfer.import_tickets(file, action_by="ann", progress=progress)
"""


def run(store: Path, file: Path, step: str, batch: int) -> int:
    """Import a file in a process of its own, which is killed after a batch; return how it ended."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, str(store), str(file), step, str(batch)],
        env=os.environ | {"PYTHONPATH": str(Path(sys.modules["ticketcore"].__path__[0]).parent)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode


@pytest.fixture
def source(make_desk: MakeDesk, tmp_path: Path) -> Path:
    """Return a file with so many tickets that it takes three batches; the last one is linked to the first."""
    desk = make_desk("memory:")
    count = 2 * BATCH + 5
    lines = "".join(f"{json.dumps({'subject': f'ticket {number}'})}\n" for number in range(count))
    light = tmp_path / "light.jsonl"
    light.write_text(lines, encoding="utf-8")
    desk.transfer.import_tickets(light, action_by="ann")
    desk.links.add_link(1, count, "BLOCKS", created_by="ann")
    desk.comments.add_comment(count, "hello", commented_by="bob")
    file = tmp_path / "whole.jsonl"
    with file.open("wb") as target:
        desk.transfer.write_lines(target)
    return file


@pytest.mark.parametrize(
    ("step", "batch", "tickets", "links"),
    [
        ("checking", 1, 0, 0),
        ("checking", 3, 0, 0),
        ("writing", 1, BATCH, 0),
        ("writing", 2, 2 * BATCH, 0),
        ("writing", 3, 2 * BATCH + 5, 0),
        ("linking", 1, 2 * BATCH + 5, 1),
    ],
    ids=str,
)
def test_an_import_that_was_killed_goes_on_when_it_is_repeated(
    make_desk: MakeDesk,
    source: Path,
    sqlite_file: Path,
    tmp_path: Path,
    step: str,
    batch: int,
    tickets: int,
    links: int,
) -> None:
    assert run(sqlite_file, source, step, batch) == KILLED
    desk = make_desk(f"sqlite:///{sqlite_file}", notifiers=())
    assert len(desk.queries.get_tickets_by_filter()) == tickets
    assert len(desk.links.get_links(1) if tickets else []) == links
    report = desk.transfer.import_tickets(source, action_by="ann")
    assert (report.created, report.present) == (2 * BATCH + 5 - tickets, tickets)
    assert report.links == 1 - links
    after = tmp_path / "after.jsonl"
    with after.open("wb") as target:
        desk.transfer.write_lines(target)
    assert after.read_bytes() == source.read_bytes()


def test_lines_of_another_system_are_not_doubled_by_a_kill(
    make_desk: MakeDesk, sqlite_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "light.jsonl"
    file.write_text('{"subject": "the same"}\n' * (BATCH + 5), encoding="utf-8")
    assert run(sqlite_file, file, "writing", 1) == KILLED
    assert run(sqlite_file, file, "nothing", 1) == 0
    assert run(sqlite_file, file, "nothing", 1) == 0
    desk = make_desk(f"sqlite:///{sqlite_file}", notifiers=())
    tickets = desk.queries.get_tickets_by_filter()
    assert [ticket.ticket_number for ticket in tickets] == list(range(1, BATCH + 6))
    assert all(desk.queries.verify_history(ticket) == [] for ticket in tickets[-6:])
