"""A message is sent again when a process is killed while it delivers, and each time after a lease only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
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

# Arguments: the file, and the folder for mails.
OPENING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ticketcore import open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, EmailSection

file, folder = sys.argv[1:]
config = Config(
    database=DatabaseSection(url="sqlite:///" + file), email=EmailSection(folder=Path(folder)), notifiers=("killer",)
)
desk = open_desk(config, clock=PlayedClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC)))
"""
CREATE = 'desk.tickets.create("two", watchers=["ben@example.org", "cleo@example.org"], action_by="anna")'

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


def run(script: str, *arguments: object, path: str, **environment: str) -> int:
    """Run a script in a process of its own; return how it ended."""
    done = subprocess.run(
        [sys.executable, "-c", OPENING + script, *map(str, arguments)],
        env=os.environ | environment | {"PYTHONPATH": os.pathsep.join([SOURCE, path])},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode


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
    assert run(CREATE, sqlite_file, mail_folder, path=str(site), KILLER_KILLS="yes") == KILLED

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
    assert run(CREATE, sqlite_file, mail_folder, path=str(site), KILLER_KILLS="yes") == KILLED
    worker = "desk.clock.advance(minutes=6)\ndesk.notifications.deliver_due()"
    assert run(worker, sqlite_file, mail_folder, path=str(site), KILLER_KILLS="yes") == KILLED
    desk = make_desk(f"sqlite:///{sqlite_file}", notifiers=("killer",))
    clock.advance(minutes=12)  # the worker leased it for five minutes more
    assert str(desk.notifications.deliver_due()) == "1 delivered"
    (message,) = desk.notifications.list_outbox()
    assert sent.read_text(encoding="utf-8").split() == [message.guid] * 3
