"""Processes that work on one store at once, on every engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from ticketcore import open_desk
from ticketcore.config.schema import Config, DatabaseSection
from ticketcore.desk import Desk

WORKER = Path(__file__).with_name("worker.py")


@define(eq=False)
class Worker:
    """A process that does what it is told; see ``worker.py``."""

    process: subprocess.Popen[str]
    orders: int = 0
    """How many orders have no answer yet."""

    def tell(self, do: str, **arguments: Any) -> None:
        """Give an order, and go on at once."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        self.orders += 1

    def answer(self) -> Any:
        """Wait for the answer to the oldest order that has none yet."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the worker ended with {self.process.wait(30)}"
        self.orders -= 1
        return json.loads(line)

    def ask(self, do: str, **arguments: Any) -> Any:
        """Give an order, and wait for the answer."""
        self.tell(do, **arguments)
        return self.answer()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a new database, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'desk.db'}"
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture(scope="session")
def workers() -> Iterator[list[Worker]]:
    """Return the processes that are there, which end with the tests."""
    there: list[Worker] = []
    yield there
    for worker in there:
        worker.process.stdin.close()  # type: ignore[union-attr]
        worker.process.wait(30)
        worker.process.stdout.close()  # type: ignore[union-attr]


@pytest.fixture
def start_workers(workers: list[Worker]) -> Iterator[Callable[..., list[Worker]]]:
    """Return a function that lets processes open a desk on a URL each; started are only those that are not there."""

    def start(number: int, url: str, **arguments: Any) -> list[Worker]:
        while len(workers) < number:
            command = [sys.executable, str(WORKER)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            workers.append(Worker(process))
        for worker in workers[:number]:
            worker.tell("open", url=url, **arguments)
        assert [worker.answer() for worker in workers[:number]] == ["ready"] * number
        return workers[:number]

    yield start
    for worker in workers[:]:
        if worker.orders or worker.process.poll() is not None:  # the test failed in the middle
            worker.process.kill()
            worker.process.communicate()
            workers.remove(worker)
        else:
            worker.ask("close")


@pytest.fixture
def open_here() -> Iterator[Callable[..., Desk]]:
    """Return a function that opens a desk in this process, and makes its store; it is closed after the test."""
    with ExitStack() as opened:

        def make(url: str, **sections: Any) -> Desk:
            config = Config(database=DatabaseSection(url=url, timeout=60), **({"notifiers": ()} | sections))
            desk = opened.enter_context(open_desk(config))
            desk.init_store()
            return desk

        yield make
