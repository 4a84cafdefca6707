"""A process that has everything imported, and forks a child for each order: it does one use case, and may be killed.

An order is a line of JSON on standard input: which use case on which database, and at which step to die. The answer
is a line of JSON too: how the child ended, and what it told. On SQLite each statement is a step, which the driver
announces before it begins; on PostgreSQL each message to the server is one, where a child may die before it is sent,
or when it is sent and not answered. The end of the use case is the last step.
"""

from __future__ import annotations

import gc
import inspect
import json
import os
import signal
import sqlite3.dbapi2
import sys
import tempfile
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import Any, NoReturn

import psycopg
from attrs import define, field
from psycopg.waiting import Wait

from tests.faults.stores import ALIVE
from tests.faults.use_cases import ACTING, FAULTY, FIRST, USE_CASES, opened, prepare_world


@define
class Steps:
    """The steps of this process, one of which may be its last."""

    fatal: int = 0
    """The step before which to die; 0 for none."""
    fatal_when_sent: bool = False
    """Whether to die when the message of that step is sent, instead of before."""
    counting: bool = False
    seen: list[str] = field(factory=list)

    def begin(self, what: str) -> bool:
        """Note a step, and die if it is the fatal one; return whether to die when it is sent."""
        if not self.counting:
            return False
        self.seen.append(what)
        if len(self.seen) != self.fatal:
            return False
        if not self.fatal_when_sent:
            die()
        return True


STEPS = Steps()


def die() -> NoReturn:
    """Be killed, as by the system."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def watch_sqlite() -> None:
    """Let every statement on an SQLite database be a step, also those that it makes itself, within a commit say."""
    driver: Any = sqlite3.dbapi2
    connect = driver.connect

    def statement(text: str) -> None:
        if STEPS.begin(text):
            die()  # nothing is sent; this is the notes of an import, beside a server

    def watched(*arguments: Any, **options: Any) -> Any:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(statement)
        return connection

    driver.connect = watched
    vars(sqlite3)["connect"] = watched


def watch_postgresql() -> None:
    """Let every message to a PostgreSQL server that is answered be a step, and let others wait until who dies is gone.

    A server may still be at work for a client that is dead. So each connection holds a lock that ends with it.
    """
    driver: Any = psycopg
    connect, wait = driver.connect, driver.Connection.wait

    def watched(*arguments: Any, **options: Any) -> Any:
        counting, STEPS.counting = STEPS.counting, False
        connection = connect(*arguments, **options)
        connection.execute("SELECT pg_advisory_lock_shared(%s)", [ALIVE])
        connection.commit()
        STEPS.counting = counting
        return connection

    def watched_wait(self: Any, messages: Generator[Any, Any, Any], *arguments: Any, **options: Any) -> Any:
        if not STEPS.begin(_what(messages)):
            return wait(self, messages, *arguments, **options)
        wait(self, _until_sent(messages), *arguments, **options)
        return die()  # it was sent together with others, and answered

    driver.connect = watched
    driver.Connection.wait = watched_wait


def _what(messages: Generator[Any, Any, Any]) -> str:
    """Return in words what is about to be sent."""
    known = inspect.getgeneratorlocals(messages) if inspect.isgenerator(messages) else {}
    return str(known.get("query", getattr(messages, "__name__", "a message")))


def _until_sent(messages: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Do what ``messages`` does until it only waits for an answer, and die."""
    try:
        wanted = next(messages)
        while wanted != Wait.R:
            wanted = messages.send((yield wanted))
    except StopIteration as end:
        return end.value
    die()


def work(order: dict[str, Any], told: int) -> None:
    """Do a use case; the process ends here, one way or the other."""
    case = (FIRST | USE_CASES | FAULTY)[order["case"]]
    STEPS.fatal, STEPS.fatal_when_sent = order["fatal"], order["when_sent"]
    desk = opened(order["url"], Path(order["notes"]), ACTING, ids=order["ids"])
    if order["case"] not in FIRST:
        desk.people.list_people()  # opens the store
    act = case.act(desk)
    STEPS.counting = True
    act()
    if STEPS.begin("the end"):
        die()
    STEPS.counting = False
    with os.fdopen(told, "w", encoding="utf-8") as file:
        json.dump(STEPS.seen, file)


def forked(order: dict[str, Any]) -> dict[str, Any]:
    """Let a child carry out an order; return how it ended, and what it told."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            work(order, writing)
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as a second zygote
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        told = file.read()
    return {"number": order["number"], "ended": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "told": told}


def answer(told: object) -> None:
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


def warm_up() -> None:
    """Import and compile what use cases need, so that no child has to."""
    with tempfile.TemporaryDirectory() as folder:
        prepare_world(f"sqlite:///{folder}/warm.db", Path(folder, "notes"))
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    watch_sqlite()
    watch_postgresql()
    warm_up()
    answer("ready")
    for line in sys.stdin:
        answer(forked(json.loads(line)))
