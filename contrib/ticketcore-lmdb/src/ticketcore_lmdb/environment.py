"""The open environments of this process: one for each store, however many repositories work on it.

LMDB's locks belong to the process, not to whoever opened the file: a second environment on the same files would
share the locks of the first, and closing it would drop them. So repositories ask here, and those on one store get
the same environment, which is closed when the last of them is.

LMDB lets one transaction write at a time, and makes the others wait for as long as it takes. Here they take turns
before that: by a lock between threads, then by one on a file between processes, both with a time-out.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb
from filelock import FileLock, Timeout
from ticketcore.errors import RepositoryBusyError, RepositoryError

from ticketcore_lmdb.errors import reachable

DATA = "data.mdb"
LOCK = "lock.mdb"
TURN = "ticketcore.lock"
"""The files of a store; the first two are LMDB's."""

_READERS = 510
"""How many may read at once, in all processes together."""

_POLL = 0.02
"""Seconds between two looks at the lock of another process."""

_Identity = tuple[int, int]

_open: dict[_Identity, Environment] = {}
_guard = threading.RLock()
"""Held for moments, while environments are opened, closed and counted."""


def _identity(folder: Path) -> _Identity | None:
    """Return what tells the files of a store from all others, whatever their path; ``None`` if there are none."""
    try:
        found = (folder / DATA).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


class Environment:
    """An open store."""

    def __init__(self, folder: Path, map_size: int) -> None:
        """Open the store in ``folder``; it is made if it is not there."""
        self.process = os.getpid()
        self.holders = 0
        self.transactions = 0
        self._folder = folder
        self._lmdb = lmdb.open(str(folder), map_size=map_size, max_readers=_READERS, max_spare_txns=0)
        self._lmdb.reader_check()  # a reader that was killed would keep the pages that it saw for ever
        self._turn = threading.Lock()
        self._writer: int | None = None
        self._file = FileLock(folder / TURN, thread_local=False)

    @property
    def is_inherited(self) -> bool:
        """Whether it was opened by the process that this one was forked from."""
        return self.process != os.getpid()

    @contextmanager
    def reading(self) -> Iterator[lmdb.Transaction[bytes]]:
        """Open a transaction that reads: it sees the state of now until it ends."""
        with self._begun(write=False) as transaction:
            yield transaction

    @contextmanager
    def writing(self, timeout: float) -> Iterator[lmdb.Transaction[bytes]]:
        """Open the transaction that writes; leaving the block without an exception stores it.

        Raises:
            RepositoryBusyError: others have been writing for more than ``timeout`` seconds.
            RepositoryError: this thread is writing already.
        """
        self._take_turn(timeout)
        try:
            with self._begun(write=True) as transaction:
                yield transaction
                transaction.commit()
        finally:
            if not self.is_inherited:
                self._give_turn()

    def _take_turn(self, timeout: float) -> None:
        if self._writer == threading.get_ident():
            raise RepositoryError("this thread has a writing transaction open already", hint="use that one")
        deadline = time.monotonic() + timeout
        if not self._turn.acquire(timeout=min(max(timeout, 0.0), threading.TIMEOUT_MAX)):
            raise self._busy("thread", timeout)
        try:
            self._lock_file(max(deadline - time.monotonic(), 0.0), timeout)
        except BaseException:
            self._turn.release()
            raise
        self._writer = threading.get_ident()

    def _lock_file(self, patience: float, timeout: float) -> None:
        with reachable(str(self._folder)):
            try:
                self._file.acquire(timeout=patience, poll_interval=_POLL)
            except Timeout:
                raise self._busy("process", timeout) from None

    def _give_turn(self) -> None:
        self._writer = None
        try:
            self._file.release()
        finally:
            self._turn.release()

    def _busy(self, who: str, timeout: float) -> RepositoryBusyError:
        return RepositoryBusyError(
            f"another {who} has been writing in the store {self._folder} for more than {timeout:g} seconds",
            hint="repeat it later; nothing was changed",
        )

    @contextmanager
    def _begun(self, *, write: bool) -> Iterator[lmdb.Transaction[bytes]]:
        with _guard:
            self.transactions += 1
        try:
            transaction = self._begin(write=write)
            try:
                yield transaction
            finally:
                if not self.is_inherited:
                    transaction.abort()  # without effect after a commit
        finally:
            if not self.is_inherited:
                with _guard:
                    self.transactions -= 1
                    self._close_if_idle()

    def _begin(self, *, write: bool) -> lmdb.Transaction[bytes]:
        try:
            return self._lmdb.begin(write=write)
        except lmdb.ReadersFullError:
            self._lmdb.reader_check()
        except lmdb.MapResizedError:
            self._adopt_size()
        return self._lmdb.begin(write=write)

    def _adopt_size(self) -> None:
        """Take over the size that another process has given the store: the map moves, so nobody may look at it."""
        with _guard:
            if self.transactions > 1:
                raise RepositoryBusyError(
                    f"another process has made the store {self._folder} larger, and this one is reading it",
                    hint="repeat it when those transactions are over; nothing was changed",
                )
            self._lmdb.set_mapsize(0)

    def release(self) -> None:
        """Let go of it: it is closed when nobody holds it and no transaction is open any more."""
        with _guard:
            self.holders -= 1
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if not self.holders and not self.transactions:
            for identity in [identity for identity, opened in _open.items() if opened is self]:
                del _open[identity]
            self.close()

    def close(self) -> None:
        """Close it at once."""
        self._lmdb.close()


class Holder:
    """Holds the environment of one folder for one repository, from its first use until it is closed."""

    def __init__(self, folder: Path, map_size: int) -> None:
        """Hold nothing yet."""
        self._folder = folder
        self._map_size = map_size
        self._held: Environment | None = None
        self._closed = False

    def environment(self) -> Environment:
        """Return the environment, opened now if need be.

        Raises:
            RepositoryError: the holder is closed, or the process was forked inside a transaction.
        """
        with _guard:
            self.refuse_if_closed()
            if self._held is None or self._held.is_inherited:
                self._held = _opened(self._folder, self._map_size)
                self._held.holders += 1
            return self._held

    def refuse_if_closed(self) -> None:
        """Raise a RepositoryError if the holder is closed."""
        if self._closed:
            raise RepositoryError(f"the repository {self._folder} is closed", hint="open a new one")

    def close(self) -> None:
        """Let go of the environment, for good."""
        with _guard:
            self._closed = True
            held, self._held = self._held, None
            if held is not None and not held.is_inherited:
                held.release()


def _opened(folder: Path, map_size: int) -> Environment:
    identity = _identity(folder)
    found = _open.get(identity) if identity else None
    if found is None:
        found = Environment(folder, map_size)
        identity = _identity(folder)
        if identity:
            _open[identity] = found
    if found.is_inherited:
        # LMDB would have to close it first, which ends the transaction in the reader table that both share.
        raise RepositoryError(
            f"this process was forked while its parent had a transaction open on the store {folder}",
            hint="fork outside of transactions, or start new processes instead (multiprocessing: spawn)",
        )
    return found


@contextmanager
def looking(folder: Path) -> Iterator[lmdb.Transaction[bytes]]:
    """Open a transaction on files that may be anybody's, without making or changing any."""
    with _guard:
        found = _open.get(_identity(folder) or (0, 0))
        if found is not None and not found.is_inherited:
            with found.reading() as transaction:
                yield transaction
            return
        # Without locks, because LMDB makes a file for them. It sees the state of now, and is over in moments.
        with (
            lmdb.open(str(folder), readonly=True, lock=False, create=False) as unlocked,
            unlocked.begin() as transaction,
        ):
            yield transaction


def _forget_after_fork() -> None:
    """Let a forked child open environments of its own: LMDB's must not be used across a fork."""
    global _guard  # noqa: PLW0603 - another thread of the parent may have held the old one
    _guard = threading.RLock()
    for identity, inherited in list(_open.items()):
        if not inherited.transactions:
            del _open[identity]
            inherited.close()


os.register_at_fork(after_in_child=_forget_after_fork)
