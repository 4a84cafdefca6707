"""A queue of those who want to write to an SQLite file: in the order in which they came, whatever process they are in.

SQLite's busy handler lets whoever waits sleep for longer and longer, so that the one who works overtakes everybody, and
some wait for seconds. Here only the first in the queue asks for the write lock. It lets the one who works go on for a
turn, for handing over after every transaction costs a third of the throughput; then it asks so often that it gets it.

SQLite's own lock is the only one that guards anything: without the queue (no right to make the lock file, a memory
database) or beside it (another program that writes) everything is as safe, only the waits are longer. Whoever is killed
leaves the queue, for the locks of a process go with it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import suppress

_TURN = 0.010
"""Seconds for which the first in the queue lets others write on."""
_PATIENT, _EAGER = 0.002, 0.0001
"""Seconds between its attempts: during a turn, and after it."""
_VALVE = 1.0
"""Seconds after which one tries past the queue: somebody in front of it may hang."""

_open: set[int] = set()
"""The descriptors of this process; a child that is forked closes them, or its copies would keep the locks."""


class WriterQueue:
    """Begins writing transactions on an SQLite file. Safe to share between threads, and across a fork."""

    def __init__(self, file: str | None, timeout: float) -> None:
        """Let writers of ``file`` (``None``: one in memory, without a queue) wait ``timeout`` seconds at most."""
        # Elsewhere there are no such locks, and the busy handler is left alone.
        self._file = os.path.realpath(file) if file and os.name == "posix" else None
        self._timeout = timeout

    def begin(self, connection: sqlite3.Connection) -> None:
        """Begin a writing transaction on ``connection``.

        Raises:
            sqlite3.OperationalError: the file is locked for longer than the time-out, or cannot be written to.
        """
        if self._file is None:
            connection.execute("BEGIN IMMEDIATE")
            return
        deadline = time.monotonic() + self._timeout
        connection.execute("PRAGMA busy_timeout=0")
        try:
            if not _began(connection):
                self._queue(self._file, connection, deadline)
        finally:
            connection.execute(f"PRAGMA busy_timeout={int(self._timeout * 1000)}")

    def _queue(self, file: str, connection: sqlite3.Connection, deadline: float) -> None:
        try:
            place = _Place(file)
        except (OSError, RuntimeError):  # no file can be made there; the interpreter ends, and starts no thread
            _wait_busily(connection, deadline)
            return
        try:
            while not place.reached(min(_VALVE, deadline - time.monotonic())):
                if _began(connection, last=time.monotonic() >= deadline):
                    return
            _take_turn(connection, deadline)
        finally:
            place.leave()


def _began(connection: sqlite3.Connection, *, last: bool = False) -> bool:
    """Begin, or return that somebody else writes; if this was the ``last`` attempt, raise that."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _wait_busily(connection: sqlite3.Connection, deadline: float) -> None:
    left = max(0, int((deadline - time.monotonic()) * 1000))
    connection.execute(f"PRAGMA busy_timeout={left}")
    connection.execute("BEGIN IMMEDIATE")


def _take_turn(connection: sqlite3.Connection, deadline: float) -> None:
    """Begin as the first in the queue."""
    patient = time.monotonic() + _TURN
    while not _began(connection, last=(now := time.monotonic()) >= deadline):
        time.sleep(_PATIENT if now < patient else _EAGER)


class _Place:
    """A place in the queue: a lock that a thread waits for, since such a wait has no time-out."""

    def __init__(self, file: str) -> None:
        """Get in line at the end.

        Raises:
            OSError: the lock file cannot be opened.
            RuntimeError: no thread can be started.
        """
        self._descriptor = _lock_file(file)
        self._state = threading.Lock()
        self._first = threading.Event()
        self._left = False
        _open.add(self._descriptor)
        try:
            threading.Thread(target=self._wait, name="ticketcore-queue", daemon=True).start()
        except RuntimeError:
            self._close()
            raise

    def reached(self, seconds: float) -> bool:
        """Wait to be the first; return whether that is so."""
        return self._first.wait(max(0.0, seconds))

    def leave(self) -> None:
        """Let the next one be the first."""
        with self._state:
            self._left = True
            if self._first.is_set():
                self._close()

    def _wait(self) -> None:
        import fcntl

        with suppress(OSError):  # a file system that has no such locks: everybody is the first
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        with self._state:
            if self._left:
                self._close()
            self._first.set()

    def _close(self) -> None:
        import fcntl

        with suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # closing alone would not do where a child has a copy
        _open.discard(self._descriptor)
        os.close(self._descriptor)


def _lock_file(file: str) -> int:
    """Open the lock file beside ``file``; a new one belongs to those who the database belongs to."""
    path = f"{file}-queue"
    with suppress(FileNotFoundError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    facts = os.stat(file)  # noqa: PTH116 - as quick as it can be
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with suppress(OSError):
        os.fchmod(descriptor, facts.st_mode & 0o666)
        os.fchown(descriptor, facts.st_uid, facts.st_gid)
    return descriptor


def _close_inherited() -> None:
    while _open:
        with suppress(OSError):
            os.close(_open.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_inherited)
