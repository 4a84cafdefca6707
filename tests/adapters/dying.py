"""A process that has everything imported, and forks children that change the schema: they die on the way, or race.

Usage: python dying.py {kill,race} URL OPERATION [REVISION]
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from ticketcore.adapters.sql import migrate
from ticketcore.adapters.sql.repository import SqlRepository

Step = tuple[str, int]
"""A statement, and how often a process has run it."""

RACERS = 4
READING = ("SELECT", "PRAGMA", "SHOW", "DESCRIBE")


def change(url: str, operation: str, *arguments: str) -> str:
    """Do what an operator does, and return the state then."""
    repository = SqlRepository(url)
    try:
        state: str = getattr(repository, operation)(*arguments).state
    finally:
        repository.close()
    return state


def forked(work: Callable[[int], None]) -> tuple[int, str]:
    """Let a child do ``work``; return how it ended, and what it wrote to the pipe that it is given."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        work(writing)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        told = file.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def die_at_a_new_step(known: set[Step], told: int) -> None:
    """Be killed before the first statement that changes something, or commit, that no process before has come to."""
    counts: Counter[str] = Counter()

    def begin(text: str) -> None:
        if text.lstrip().startswith(READING):
            return
        counts[text] += 1
        if (text, counts[text]) not in known:
            os.write(told, json.dumps((text, counts[text])).encode())
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "before_cursor_execute", lambda _, __, text, *more: begin(text))
    sa.event.listen(sa.Engine, "commit", lambda _: begin("COMMIT"))


def kill(url: str, *what: str) -> list[list[str]]:
    """Let one process after the other go one statement further; return these, and the state after each death."""
    known: set[Step] = set()
    deaths: list[list[str]] = []

    def work(told: int) -> None:
        die_at_a_new_step(known, told)
        change(url, *what)

    def look(told: int) -> None:
        os.write(told, change(url, "status").encode())

    while True:
        ended, told = forked(work)
        if ended == 0:
            return deaths
        assert ended == -signal.SIGKILL, ended
        text, count = json.loads(told)
        known.add((text, count))
        _, state = forked(look)
        deaths.append([text, state])


def race(url: str, *what: str) -> list[str]:
    """Let several processes do the same at the same moment; return the states that they found then."""
    gate, start = os.pipe()
    reading, writing = os.pipe()
    children = []
    for _ in range(RACERS):
        child = os.fork()
        if not child:
            os.close(start)
            os.read(gate, 1)  # until nobody holds it open
            os.write(writing, f"{change(url, *what)}\n".encode())
            os._exit(0)
        children.append(child)
    os.close(start)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        states = file.read().split()
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * RACERS
    return states


def warm_up() -> None:
    """Import and compile what a change of the schema needs, so that no child has to."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        migrate.upgrade(connection)
    engine.dispose()
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    warm_up()
    act: dict[str, Callable[..., Any]] = {"kill": kill, "race": race}
    sys.stdout.write(json.dumps(act[sys.argv[1]](*sys.argv[2:])))
