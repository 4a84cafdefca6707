"""Finds out what the time of one create goes into: ``python -m tests.benchmarks.side_by_side.costs --help``.

The driver, the adapter of the store, the policies and the chain of the history are clocked from outside. Each is
charged with the time that it has for itself, without what it calls that is clocked too; what is left of a create is
the rules of the domain. What is reported is the median over all creates.
"""

from __future__ import annotations

import argparse
import functools
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.side_by_side.contenders.ticketcore_contender import Contender
from tests.benchmarks.side_by_side.contenders.work import SUBJECT, TEXT
from tests.benchmarks.side_by_side.report import PARTS
from tests.benchmarks.side_by_side.stores import STORES, flush_seconds, server_of

KINDS = [kind for kind in STORES if kind != "sqlite-wal"]


class Clock:
    """Charges each part with the time that it has for itself."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(PARTS, 0.0)
        self.statements = 0
        self.committing = False
        self._running = ["domain"]
        self._since = time.perf_counter()

    def _switch(self) -> None:
        now = time.perf_counter()
        self.spent[self._running[-1]] += now - self._since
        self._since = now

    def clocked(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Return ``call``, charged to ``name``."""

        @functools.wraps(call)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._switch()
            self._running.append(name)
            try:
                return call(*args, **kwargs)
            finally:
                self._switch()
                self._running.pop()

        return timed

    def watch(self, owner: Any, name: str, *methods: str) -> None:
        """Charge methods of a class, or functions of a module, to ``name``."""
        for method in methods:
            setattr(owner, method, self.clocked(getattr(owner, method), name))

    def execute(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the ``execute`` of a cursor, charged and counted."""
        driver, commit = self.clocked(call, "driver"), self.clocked(call, "commit")

        def execute(cursor: Any, text: Any, *args: Any, **kwargs: Any) -> Any:
            self.statements += 1
            self.committing = text == "COMMIT"
            return (commit if text == "COMMIT" else driver)(cursor, text, *args, **kwargs)

        return execute

    def one(self, call: Callable[[], object]) -> dict[str, float]:
        """Return what each part had of a call."""
        self._since = time.perf_counter()
        self.spent = dict.fromkeys(PARTS, 0.0)
        call()
        self._switch()
        return self.spent


def watch_sqlite(clock: Clock) -> None:
    """Charge what the driver of SQLite does."""

    class Cursor(sqlite3.Cursor):
        execute = clock.execute(sqlite3.Cursor.execute)
        executemany = clock.execute(sqlite3.Cursor.executemany)
        fetchone = clock.clocked(sqlite3.Cursor.fetchone, "driver")
        fetchall = clock.clocked(sqlite3.Cursor.fetchall, "driver")

    class Connection(sqlite3.Connection):
        commit = clock.clocked(sqlite3.Connection.commit, "commit")

        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def execute(self, *args: Any) -> Any:
            return self.cursor().execute(*args)

        def executemany(self, *args: Any) -> Any:
            return self.cursor().executemany(*args)

    def connect(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **{"factory": Connection, **kwargs})

    original = sqlite3.dbapi2.connect
    sqlite3.dbapi2.connect = sqlite3.connect = connect


def watch_psycopg(clock: Clock) -> None:
    """Charge what the driver of PostgreSQL does. What goes to the server together with COMMIT is charged to that."""
    import psycopg

    for method in ("execute", "executemany"):
        setattr(psycopg.Cursor, method, clock.execute(getattr(psycopg.Cursor, method)))
    clock.watch(psycopg.Cursor, "driver", "fetchone", "fetchall")
    waits = {name: clock.clocked(psycopg.Connection.wait, name) for name in ("driver", "commit")}
    commit = clock.clocked(psycopg.Connection.commit, "commit")

    def wait(*args: Any, **kwargs: Any) -> Any:
        return waits["commit" if clock.committing else "driver"](*args, **kwargs)

    def committed(connection: Any) -> None:
        clock.committing = True
        commit(connection)
        clock.committing = False

    for name, call in {"wait": wait, "commit": committed}.items():
        setattr(psycopg.Connection, name, call)


def watch_desk(clock: Clock, contender: Contender) -> None:
    """Charge what the desk's store, policies and history do."""
    from ticketcore.services import changes

    repository = contender.desk.repository
    with repository.transaction() as tx:
        clock.watch(type(tx), "store", *(name for name in vars(type(tx)) if not name.startswith("_")))
    opened: Callable[..., AbstractContextManager[Any]] = type(repository).transaction

    @contextmanager
    def transaction(*args: Any, **kwargs: Any) -> Iterator[Any]:
        around = opened(*args, **kwargs)
        tx = clock.clocked(around.__enter__, "store")()
        try:
            yield tx
        except BaseException as error:
            around.__exit__(type(error), error, error.__traceback__)
            raise
        clock.clocked(around.__exit__, "store")(None, None, None)

    type(repository).transaction = transaction  # type: ignore[method-assign]
    policies = contender.desk._changes.policies
    clock.watch(type(policies), "policies", "amendments", "judge")
    clock.watch(changes, "chain", "seal")


def measure(kind: str, count: int, folder: Path) -> dict[str, Any]:
    """Return the microseconds of each part of a create, and how many creates a second there were unclocked."""
    with server_of(kind, folder) as server:
        contender = Contender(server.database("costs"), folder)
        contender.prepare()
        clock = Clock()
        rate = _rate(contender, count)
        watch_sqlite(clock)
        watch_psycopg(clock)
        contender.connect()
        contender.create(SUBJECT, TEXT)
        watch_desk(clock, contender)
        clock.statements = 0
        creates = [clock.one(lambda: contender.create(SUBJECT, TEXT)) for _ in range(count)]
        parts = {name: statistics.median(one[name] for one in creates) * 1e6 for name in PARTS}
        contender.desk.close()
    statements = round(clock.statements / count, 1)
    return {"parts": parts, "statements": statements, "unclocked": 1e6 / rate, "flush": flush_seconds(folder) * 1e6}


def _rate(contender: Contender, count: int) -> float:
    contender.connect()
    for _ in range(10):
        contender.create(SUBJECT, TEXT)
    start = time.perf_counter()
    for _ in range(count):
        contender.create(SUBJECT, TEXT)
    seconds = time.perf_counter() - start
    contender.desk.close()
    return count / seconds


def main() -> None:
    """Measure, and print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=KINDS, action="append", help="where the tickets are kept; all by default")
    parser.add_argument("--count", type=int, default=2000, help="how many tickets to create")
    asked = parser.parse_args()
    found = {}
    for kind in asked.store or KINDS:
        with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as name:
            found[kind] = measure(kind, asked.count, Path(name))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
