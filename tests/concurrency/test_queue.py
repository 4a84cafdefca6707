"""The queue of those who want to write to an SQLite file."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from ticketcore.adapters.sql.queue import WriterQueue

LOCKS = Path("/proc/locks")

# Arguments: the file, and whether to fork once it is in the queue.
WAITER = """
import os, sqlite3, sys, threading
from ticketcore.adapters.sql import queue

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
def wait():
    while not queue._open:
        pass
    child = sys.argv[2:] and not os.fork()
    if child or not sys.argv[2:]:
        print("waits", flush=True)
    if child:
        sys.stdin.read()
        os._exit(0)
threading.Thread(target=wait).start()
queue.WriterQueue(sys.argv[1], 60).begin(connection)
"""

Connect = Callable[[], sqlite3.Connection]


@pytest.fixture
def connect(sqlite_file: Path) -> Iterator[Connect]:
    with ExitStack() as opened:

        def make() -> sqlite3.Connection:
            connection = sqlite3.connect(sqlite_file, isolation_level=None, check_same_thread=False)
            return opened.enter_context(closing(connection))

        with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as first:
            first.execute("PRAGMA journal_mode=WAL")
            first.execute("CREATE TABLE seen (place INTEGER)")
        yield make


@pytest.fixture
def start_waiter(sqlite_file: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts a process which waits in the queue."""
    with ExitStack() as running:

        def start(*arguments: str) -> subprocess.Popen[str]:
            process = running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", WAITER, sqlite_file, *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            running.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "waits\n"
            return process

        yield start


def lock_file(file: Path) -> Path:
    return file.with_name(f"{file.name}-queue")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline


def in_line(file: Path) -> int:
    """Return how many are in the queue, whoever they are."""
    inode = f":{file.stat().st_ino} " if file.exists() else "?"
    return sum(inode in line for line in LOCKS.read_text(encoding="ascii").splitlines())


def is_free(file: Path) -> bool:
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_who_finds_nobody_writing_makes_no_file(sqlite_file: Path, connect: Connect) -> None:
    connection = connect()
    WriterQueue(str(sqlite_file), 1).begin(connection)
    connection.execute("INSERT INTO seen VALUES (1)")
    connection.execute("COMMIT")
    assert not lock_file(sqlite_file).exists()
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (1000,)


@pytest.mark.skipif(not LOCKS.exists(), reason="this system does not show who waits for a lock")
def test_writers_come_in_the_order_in_which_they_asked(sqlite_file: Path, connect: Connect) -> None:
    queue = WriterQueue(str(sqlite_file), 60)
    holder = connect()
    queue.begin(holder)

    def write(place: int) -> None:
        connection = connect()
        queue.begin(connection)
        connection.execute("INSERT INTO seen VALUES (?)", (place,))
        connection.execute("COMMIT")

    writers = [threading.Thread(target=write, args=(place,)) for place in range(8)]
    for place, writer in enumerate(writers, 1):
        writer.start()
        until(lambda place=place: in_line(lock_file(sqlite_file)) == place)  # type: ignore[misc]
    holder.execute("COMMIT")
    for writer in writers:
        writer.join()
    assert holder.execute("SELECT place FROM seen ORDER BY rowid").fetchall() == [(place,) for place in range(8)]


def test_the_time_out_ends_the_wait(sqlite_file: Path, connect: Connect) -> None:
    holder, waiter = connect(), connect()
    holder.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        WriterQueue(str(sqlite_file), 0.1).begin(waiter)
    assert time.monotonic() - began >= 0.1
    assert not waiter.in_transaction
    until(lambda: is_free(lock_file(sqlite_file)))


def test_the_time_out_counts_behind_others_too(
    sqlite_file: Path, connect: Connect, start_waiter: Callable[..., object]
) -> None:
    holder, waiter = connect(), connect()
    holder.execute("BEGIN IMMEDIATE")
    start_waiter()
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        WriterQueue(str(sqlite_file), 0.1).begin(waiter)


def test_who_is_killed_leaves_the_queue(
    sqlite_file: Path, connect: Connect, start_waiter: Callable[..., subprocess.Popen[str]]
) -> None:
    holder = connect()
    holder.execute("BEGIN IMMEDIATE")
    process = start_waiter()
    until(lambda: not is_free(lock_file(sqlite_file)))
    process.kill()
    process.wait(30)
    assert is_free(lock_file(sqlite_file))


def test_a_forked_child_keeps_no_place(
    sqlite_file: Path, connect: Connect, start_waiter: Callable[..., subprocess.Popen[str]]
) -> None:
    holder = connect()
    holder.execute("BEGIN IMMEDIATE")
    process = start_waiter("fork")
    until(lambda: not is_free(lock_file(sqlite_file)))
    process.kill()
    process.wait(30)
    assert is_free(lock_file(sqlite_file))
    assert process.stdin is not None
    process.stdin.close()  # the child ends


def test_who_hangs_in_front_is_overtaken(
    sqlite_file: Path, connect: Connect, start_waiter: Callable[..., subprocess.Popen[str]]
) -> None:
    holder, waiter = connect(), connect()
    holder.execute("BEGIN IMMEDIATE")
    process = start_waiter()
    until(lambda: not is_free(lock_file(sqlite_file)))
    process.send_signal(signal.SIGSTOP)
    release = threading.Timer(0.1, holder.execute, ["COMMIT"])
    release.start()
    WriterQueue(str(sqlite_file), 30).begin(waiter)
    assert waiter.in_transaction
    release.join()


def test_without_a_lock_file_the_busy_handler_waits(sqlite_file: Path, connect: Connect) -> None:
    lock_file(sqlite_file).symlink_to(sqlite_file.parent / "missing" / "file")
    holder, waiter, late = connect(), connect(), connect()
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        WriterQueue(str(sqlite_file), 0.1).begin(late)
    release = threading.Timer(0.05, holder.execute, ["COMMIT"])
    release.start()
    WriterQueue(str(sqlite_file), 30).begin(waiter)
    assert waiter.in_transaction
    assert waiter.execute("PRAGMA busy_timeout").fetchone() == (30_000,)
    release.join()


def test_a_database_in_memory_has_no_queue() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        WriterQueue(None, 1).begin(connection)
        assert connection.in_transaction


def test_another_error_than_a_lock_is_not_waited_for(sqlite_file: Path, connect: Connect) -> None:
    with closing(sqlite3.connect(f"file:{sqlite_file}?mode=ro", uri=True, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
            WriterQueue(str(sqlite_file), 30).begin(connection)


def test_the_lock_file_belongs_to_those_who_the_database_belongs_to(sqlite_file: Path, connect: Connect) -> None:
    sqlite_file.chmod(0o660)
    holder, waiter = connect(), connect()
    holder.execute("BEGIN IMMEDIATE")
    before = os.umask(0o077)
    try:
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            WriterQueue(str(sqlite_file), 0.05).begin(waiter)
    finally:
        os.umask(before)
    assert stat.S_IMODE(lock_file(sqlite_file).stat().st_mode) == 0o660


def test_everybody_meets_in_one_queue_whatever_the_file_is_called(sqlite_file: Path, connect: Connect) -> None:
    link = sqlite_file.with_name("link.db")
    link.symlink_to(sqlite_file)
    holder, waiter = connect(), connect()
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        WriterQueue(str(link), 0.05).begin(waiter)
    assert lock_file(sqlite_file).exists()
    assert not lock_file(link).exists()
