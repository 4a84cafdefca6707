"""Several processes work on one SQLite file at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ticketcore import open_desk
from ticketcore.config.schema import Config, DatabaseSection, EmailSection, SchedulerSection
from ticketcore.domain.ticket import ACTIVE

PROCESSES = 4
ROUNDS = 100
WRITER = """
import sys
from pathlib import Path
from ticketcore import ConflictError, open_desk
from ticketcore.config.schema import Config, DatabaseSection, EmailSection, SchedulerSection

me, folder, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
config = Config(
    database=DatabaseSection(url=f"sqlite:///{folder / 'desk.db'}", timeout=60),
    email=EmailSection(folder=folder / "mail"),
    scheduler=SchedulerSection(inline=False),
)
updates = 0
with open_desk(config) as desk:
    for place in range(rounds):
        desk.comments.add_comment(1, f"{me} says {place}", commented_by=me)
        desk.tickets.add_watcher(1, f"{me}.{place}@example.com", action_by=me)
        made = desk.tickets.create(f"{me} {place}", action_by=me)
        desk.tickets.change_status(made, "TRIAGED", action_by=me)
        seen = desk.tickets.read(2)
        try:
            desk.tickets.update(seen, subject=f"{seen.subject}+", action_by=me)
            updates += 1
        except ConflictError:
            pass
print(updates)
"""


@pytest.mark.slow
def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    config = Config(
        database=DatabaseSection(url=f"sqlite:///{tmp_path / 'desk.db'}"),
        email=EmailSection(folder=tmp_path / "mail"),
        scheduler=SchedulerSection(inline=False),
    )
    with open_desk(config) as desk:
        desk.tickets.create("everybody comments", action_by="ann")
        desk.tickets.create("everybody updates:", action_by="ann")
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, f"writer{place}", str(tmp_path), str(ROUNDS)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for place in range(PROCESSES)
        ]
        answers = [writer.communicate(timeout=300) for writer in writers]
        assert [errors for _, errors in answers] == [""] * PROCESSES
        updates = sum(int(printed) for printed, _ in answers)

        everybody = [(f"writer{process}", place) for process in range(PROCESSES) for place in range(ROUNDS)]
        texts = {comment.text for comment in desk.comments.get_comments(1)}
        assert texts == {f"{name} says {place}" for name, place in everybody}
        assert set(desk.tickets.get_watchers(1)) == {f"{name}.{place}@example.com" for name, place in everybody}
        assert len(desk.queries.get_history(1)) == 1 + 2 * len(everybody)

        # Each update that was not refused is there, and each was made on what the one before it left.
        assert desk.tickets.read(2).subject == "everybody updates:" + "+" * updates
        assert updates >= ROUNDS

        tickets = desk.queries.get_tickets_by_filter(status=ACTIVE)
        assert [ticket.ticket_number for ticket in tickets] == list(range(1, len(everybody) + 3))
        assert [problem for ticket in tickets for problem in desk.queries.verify_history(ticket)] == []
