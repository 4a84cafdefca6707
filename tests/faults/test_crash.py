"""What is left when a process is killed in the middle of a change, or of a delivery."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ticketcore.adapters.system import PlayedClock
from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxState

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill a process so")

MakeDesk = Callable[..., Desk]
Install = Callable[[str, str], Path]
SOURCE = str(Path(sys.modules["ticketcore"].__path__[0]).parent)
KILLED = -9  # by SIGKILL

# Arguments: the file, the folder for mails, the notifier, what kills (clock or ids), and its fatal call.
OPENING = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from ticketcore import open_desk
from ticketcore.adapters.system import PlayedClock, SystemIds
from ticketcore.config.schema import Config, DatabaseSection, EmailSection

file, folder, notifier, what, fatal = sys.argv[1:]

def count(name):
    global fatal
    if name == what:
        fatal = int(fatal) - 1
        if fatal == 0:
            os.kill(os.getpid(), signal.SIGKILL)

class Clock(PlayedClock):
    def now(self):
        count("clock")
        return super().now()

class Ids(SystemIds):
    def new(self, now):
        count("ids")
        return super().new(now)

    def salt(self):
        count("ids")
        return super().salt()

config = Config(
    database=DatabaseSection(url="sqlite:///" + file), email=EmailSection(folder=Path(folder)), notifiers=(notifier,)
)
desk = open_desk(config, clock=Clock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC)), ids=Ids())
"""
CREATE = 'desk.tickets.create("two", watchers=["ben@example.org", "cleo@example.org"], action_by="anna")'
UPDATE = 'desk.tickets.update(1, priority="HIGH", subject="one, urgent", action_by="anna")'

KILLER = """
import os, signal
from pathlib import Path
from ticketcore.plugin.markers import hookimpl
from ticketcore.plugin.records import NotifierSpec
from ticketcore.ports.notifier import Receipt

class Killer:
    def send(self, notification, *, timeout):
        with Path(os.environ["KILLER_FILE"]).open("a", encoding="utf-8") as file:
            file.write(notification.message_id + chr(10))
        if "KILLER_KILLS" in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
        return Receipt("noted")

@hookimpl
def ticketcore_notifiers():
    return [NotifierSpec(name="killer", summary="kills", target=lambda config: Killer())]
"""


def run(script: str, *arguments: object, path: str = "", **environment: str) -> int:
    """Run a script in a process of its own; return how it ended."""
    done = subprocess.run(
        [sys.executable, "-c", OPENING + script, *map(str, arguments)],
        env=os.environ | environment | {"PYTHONPATH": os.pathsep.join(filter(None, [SOURCE, path]))},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode


def rows(file: Path) -> dict[str, list[tuple[object, ...]]]:
    tables = ("data_ticket", "data_ticket_history", "data_ticket_comment", "sys_outbox")
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}  # noqa: S608


@pytest.fixture
def used(make_desk: MakeDesk, sqlite_file: Path) -> Path:
    """Return a file with one ticket, that nobody has open."""
    desk = make_desk(f"sqlite:///{sqlite_file}")
    desk.tickets.create("one", watchers=["ben@example.org"], action_by="anna")
    desk.close()
    return sqlite_file


# A create asks for five: the guid of the ticket, guid and salt of its history row, guids of two messages;
# this update for four: guid and salt of two history rows.
@pytest.mark.parametrize(
    ("change", "what", "fatal"),
    [
        *[pytest.param(CREATE, "ids", fatal, id=f"create-ids-{fatal}") for fatal in (1, 2, 3, 4, 5)],
        pytest.param(CREATE, "clock", 1, id="create-clock-1"),
        *[pytest.param(UPDATE, "ids", fatal, id=f"update-ids-{fatal}") for fatal in (1, 2, 3, 4)],
        pytest.param(UPDATE, "clock", 1, id="update-clock-1"),
    ],
)
def test_killed_before_the_commit_leaves_nothing(
    make_desk: MakeDesk, used: Path, mail_folder: Path, change: str, what: str, fatal: int
) -> None:
    before, mails = rows(used), sorted(mail_folder.rglob("*"))
    assert run(change, used, mail_folder, "email", what, fatal) == KILLED
    assert rows(used) == before
    assert sorted(mail_folder.rglob("*")) == mails
    desk = make_desk(f"sqlite:///{used}")
    assert desk.queries.verify_history(1) == []
    # Nobody holds a lock, and no number is lost.
    assert desk.tickets.create("three", action_by="anna").ticket_number == 2


@pytest.mark.parametrize(
    ("what", "fatal", "end"),
    [
        pytest.param("ids", 6, 0, id="not-killed"),
        pytest.param("clock", 2, KILLED, id="after-the-first-mail"),
        pytest.param("clock", 3, KILLED, id="after-the-second-mail"),
    ],
)
def test_killed_after_the_commit_leaves_the_whole_change(
    make_desk: MakeDesk, clock: PlayedClock, used: Path, mail_folder: Path, what: str, fatal: int, end: int
) -> None:
    assert run(CREATE, used, mail_folder, "email", what, fatal) == end
    desk = make_desk(f"sqlite:///{used}")
    ticket = desk.tickets.read(2)
    assert (ticket.subject, ticket.watchers) == ("two", ("ben@example.org", "cleo@example.org"))
    assert [entry.action for entry in desk.queries.get_history(2)] == ["CREATED"]
    assert desk.queries.verify_history(2) == []
    messages = [message for message in desk.notifications.list_outbox() if message.ticket_guid == ticket.guid]
    assert sorted(message.recipient for message in messages) == ["ben@example.org", "cleo@example.org"]
    clock.advance(minutes=6)
    desk.notifications.deliver_due()
    assert {message.state for message in desk.notifications.list_outbox()} == {OutboxState.DELIVERED}


def test_killed_while_delivering_sends_it_again_under_the_same_key(
    make_desk: MakeDesk,
    install: Install,
    monkeypatch: pytest.MonkeyPatch,
    clock: PlayedClock,
    sqlite_file: Path,
    mail_folder: Path,
    tmp_path: Path,
) -> None:
    site, sent = install("killer", KILLER), tmp_path / "sent"
    monkeypatch.setenv("KILLER_FILE", str(sent))
    ended = run(CREATE, sqlite_file, mail_folder, "killer", "nothing", 0, path=str(site), KILLER_KILLS="yes")
    assert ended == KILLED

    desk = make_desk(f"sqlite:///{sqlite_file}", notifiers=("killer",))
    assert desk.tickets.read(1).subject == "two"
    assert desk.queries.verify_history(1) == []
    (message,) = desk.notifications.list_outbox()
    assert (message.state, message.attempts) == (OutboxState.PENDING, 0)
    assert sent.read_text(encoding="utf-8").split() == [message.guid]

    clock.advance(minutes=4)  # it is still leased to the process that wrote it
    assert str(desk.notifications.deliver_due()) == ""
    clock.advance(minutes=2)
    assert str(desk.notifications.deliver_due()) == "1 delivered"
    assert sent.read_text(encoding="utf-8").split() == [message.guid] * 2
    (message,) = desk.notifications.list_outbox()
    assert (message.state, message.attempts) == (OutboxState.DELIVERED, 1)
    assert str(desk.notifications.deliver_due()) == ""


def test_killed_while_the_worker_delivers_keeps_the_message(
    make_desk: MakeDesk,
    install: Install,
    monkeypatch: pytest.MonkeyPatch,
    clock: PlayedClock,
    sqlite_file: Path,
    mail_folder: Path,
    tmp_path: Path,
) -> None:
    site, sent = install("killer", KILLER), tmp_path / "sent"
    monkeypatch.setenv("KILLER_FILE", str(sent))
    arguments = (sqlite_file, mail_folder, "killer", "nothing", 0)
    assert run(CREATE, *arguments, path=str(site), KILLER_KILLS="yes") == KILLED
    worker = "desk.clock.advance(minutes=6)\ndesk.notifications.deliver_due()"
    assert run(worker, *arguments, path=str(site), KILLER_KILLS="yes") == KILLED
    desk = make_desk(f"sqlite:///{sqlite_file}", notifiers=("killer",))
    clock.advance(minutes=12)  # the worker leased it for five minutes more
    assert str(desk.notifications.deliver_due()) == "1 delivered"
    (message,) = desk.notifications.list_outbox()
    assert sent.read_text(encoding="utf-8").split() == [message.guid] * 3
