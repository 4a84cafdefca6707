"""Exactly one ticket for each occurrence: when schedulers race, and when one is killed between any two steps."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ticketcore import hookimpl, open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, EmailSection, SchedulerSection
from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxState
from ticketcore.domain.recurrence import Occurrence
from ticketcore.plugin.records import RecurringTypeSpec

SOURCE = str(Path(sys.modules["ticketcore"].__path__[0]).parent)
NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

PROCESSES, SCHEDULES, DAYS = 4, 8, 12
SCHEDULER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ticketcore import open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, EmailSection, SchedulerSection

folder, days = Path(sys.argv[1]), int(sys.argv[2])
config = Config(
    database=DatabaseSection(url=f"sqlite:///{folder / 'desk.db'}", timeout=60),
    email=EmailSection(folder=folder / "mail"),
    scheduler=SchedulerSection(inline=False),
)
clock = PlayedClock(datetime(2026, 3, 1 + days, 9, 0, tzinfo=UTC))
with open_desk(config, clock=clock) as desk:
    print("ready", flush=True)
    sys.stdin.readline()
    while desk.recurring.list_due_recurring():
        for ticket in desk.recurring.check_due_recurring():
            print(ticket.guid)
"""

# Arguments: the file to begin with, a folder for copies of it, a number. Each copy is worked on by a process that is
# killed before a statement on the database, so many later each time, until one comes to its end.
KILLED = """
import os, shutil, signal, sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from sqlalchemy import Pool, event
from ticketcore import hookimpl, open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, EmailSection
from ticketcore.plugin.records import RecurringTypeSpec

first, folder, step = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

def work(fatal):
    place = folder / f"{fatal:03}.db"
    shutil.copy(first, place)

    def die(statement):
        nonlocal fatal
        fatal -= 1
        if not fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def make(desk, occurrence):
        with place.with_suffix(".keys").open("a") as file:
            print(occurrence.key, file=file)

    class Things:
        @hookimpl
        def ticketcore_recurring_types(self):
            return [RecurringTypeSpec(name="THING", summary="a thing", target=make)]

    config = Config(
        database=DatabaseSection(url=f"sqlite:///{place}"), email=EmailSection(folder=place.with_suffix(".mail"))
    )
    event.listen(Pool, "connect", lambda connection, _record: connection.set_trace_callback(die))
    clock = PlayedClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    with open_desk(config, clock=clock, plugins={"things": Things()}) as desk:
        assert str(desk.recurring.run_due()) == "1 made"
    os._exit(0)

for fatal in count(1, step):
    child = os.fork() or work(fatal)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != -signal.SIGKILL:
        sys.exit(status)
"""


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
each = pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])


def config_of(place: Path, *, inline: bool = True) -> Config:
    return Config(
        database=DatabaseSection(url=f"sqlite:///{place}"),
        email=EmailSection(folder=place.with_suffix(".mail")),
        scheduler=SchedulerSection(inline=inline),
    )


class Things:
    """The same plugin as that of the processes that are killed."""

    def __init__(self, place: Path) -> None:
        self.keys = place.with_suffix(".keys")

    def make(self, _desk: Desk, occurrence: Occurrence) -> None:
        with self.keys.open("a", encoding="utf-8") as file:
            print(occurrence.key, file=file)

    @hookimpl
    def ticketcore_recurring_types(self) -> list[RecurringTypeSpec]:
        return [RecurringTypeSpec(name="THING", summary="a thing", target=self.make)]


def copies_after_kills(folder: Path, module_type: str, step: int) -> list[Path]:
    """Return the files that processes have left that were killed while they made one occurrence; one was not killed."""
    first, copies = folder / "first.db", folder / "copies"
    copies.mkdir()
    clock = PlayedClock(NINE.replace(hour=8))
    with open_desk(config_of(first), clock=clock, plugins={"things": Things(first)}) as desk:
        desk.templates.add_template(
            "CHECK", subject="{{ date }}", assign_to="bo@example.com", tasks=["look"], action_by="ann"
        )
        desk.recurring.create_recurring("CHECK", "0 9 * * *", created_by="ann", module_type=module_type)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(first), str(copies), str(step)],
        env=os.environ | {"PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return sorted(copies.glob("*.db"))


@forks
@each
def test_killed_before_any_statement_an_occurrence_makes_one_ticket(tmp_path: Path, step: int) -> None:
    found = []
    for place in copies_after_kills(tmp_path, "TICKET", step):
        clock = PlayedClock(NINE)
        with open_desk(config_of(place), clock=clock) as desk:
            before = len(desk.queries.get_open_tickets())
            found.append(before)
            assert len(desk.recurring.check_due_recurring()) == 1 - before, place
            (ticket,) = desk.queries.get_open_tickets()
            assert (ticket.ticket_number, ticket.subject) == (1, "2026-03-02")
            assert desk.queries.verify_history(ticket) == []
            assert [task.name for task in desk.tasks.get_tasks(ticket)] == ["look"]
            (schedule,) = desk.recurring.list_recurring()
            assert (schedule.last_run, schedule.next_run) == (NINE, NINE.replace(day=3))
            assert desk.recurring.check_due_recurring() == []
            clock.advance(minutes=6)
            desk.notifications.deliver_due()
            (message,) = desk.notifications.list_outbox()
            assert (message.recipient, message.state) == ("bo@example.com", OutboxState.DELIVERED)
    # Killed early there was no ticket yet, killed late there was; and there were many places.
    assert found == sorted(found)
    assert found.count(0) * step > 30
    assert found.count(1) * step > 10


@forks
@each
def test_killed_before_any_statement_a_plugin_makes_its_thing_under_one_key(tmp_path: Path, step: int) -> None:
    made_twice = False
    for place in copies_after_kills(tmp_path, "THING", step):
        clock, things = PlayedClock(NINE), Things(place)
        with open_desk(config_of(place), clock=clock, plugins={"things": things}) as desk:
            desk.recurring.run_due()
            clock.advance(minutes=5)  # the one that was killed has it no longer
            desk.recurring.run_due()
            (schedule,) = desk.recurring.list_recurring()
            assert (schedule.last_run, schedule.next_run) == (NINE, NINE.replace(day=3))
            assert (schedule.claimed_until, schedule.last_error) == (None, "")
            keys = things.keys.read_text(encoding="utf-8").split()
            assert set(keys) == {f"{schedule.guid}/2026-03-02T09:00:00Z"}
            assert len(keys) <= 2, place
            made_twice |= len(keys) == 2
            assert str(desk.recurring.run_due()) == ""
    assert made_twice or step > 1  # killed between the thing and its record


@pytest.mark.slow
def test_processes_that_look_at_once_make_each_occurrence_once(tmp_path: Path) -> None:
    clock = PlayedClock(NINE.replace(hour=8))
    with open_desk(config_of(tmp_path / "desk.db", inline=False), clock=clock) as desk:
        for number in range(SCHEDULES):
            desk.templates.add_template(
                f"T{number}", subject=f"T{number} {{{{ date }}}}", tasks=["look"], action_by="ann"
            )
            desk.recurring.create_recurring(f"T{number}", "0 9 * * *", created_by="ann", catch_up="all")
        schedulers = [
            subprocess.Popen(
                [sys.executable, "-c", SCHEDULER, str(tmp_path), str(DAYS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(PROCESSES)
        ]
        assert [one.stdout.readline() for one in schedulers if one.stdout] == ["ready\n"] * PROCESSES
        for one in schedulers:
            assert one.stdin
            one.stdin.write("go\n")
            one.stdin.flush()
        answers = [one.communicate(timeout=120) for one in schedulers]
        assert [errors for _, errors in answers] == [""] * PROCESSES
        made = [guid for printed, _ in answers for guid in printed.split()]
        tickets = desk.queries.get_open_tickets()
        assert sorted(made) == sorted(ticket.guid for ticket in tickets)
        expected = [f"T{number} 2026-03-{day:02}" for number in range(SCHEDULES) for day in range(2, 2 + DAYS)]
        assert sorted(ticket.subject for ticket in tickets) == sorted(expected)
        assert [problem for ticket in tickets for problem in desk.queries.verify_history(ticket)] == []
        assert {len(desk.tasks.get_tasks(ticket)) for ticket in tickets} == {1}
        for schedule in desk.recurring.list_recurring():
            assert (schedule.last_error, schedule.next_run) == ("", NINE.replace(day=2 + DAYS))
