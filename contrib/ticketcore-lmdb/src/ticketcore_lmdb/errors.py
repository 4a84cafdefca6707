"""What LMDB and the file system raise, translated into ticketcore's errors: the one place that knows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import lmdb
from attrs import frozen
from ticketcore.errors import RepositoryBusyError, RepositoryError, SchemaError

_RIGHTS = "give this user the right to read and write the folder and its files"
_BACKUP = "restore it from a backup"


@frozen
class _Known:
    """What to say of some errors of LMDB; ``{}`` in the message is the store."""

    causes: tuple[type[lmdb.Error], ...]
    message: str
    hint: str = ""
    kind: type[RepositoryError] = RepositoryError


_ALL_KNOWN = (
    _Known(
        (lmdb.MapFullError,),
        "the store {} has reached its largest size; nothing was changed",
        "give database.url a larger one: ?map_size=BYTES",
    ),
    _Known((lmdb.DiskError,), "no space is left for the store {}; nothing was changed"),
    _Known((lmdb.TxnFullError,), "the transaction is too large for the store {}", "change less at once"),
    _Known((lmdb.BadTxnError,), "a transaction on the store {} failed and can only be given up", "open a new one"),
    _Known(
        (lmdb.ReadersFullError, lmdb.LockError),
        "too many are using the store {} at once",
        "repeat it later; nothing was changed",
        RepositoryBusyError,
    ),
    _Known((lmdb.InvalidError,), "{} holds no store, or a damaged one", _BACKUP, SchemaError),
    _Known((lmdb.VersionMismatchError,), "the store {} is of another version of LMDB", "upgrade lmdb", SchemaError),
    _Known((lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.PanicError), "the store {} is damaged", _BACKUP),
    _Known(
        (lmdb.MemoryError,),
        "this system does not give the store {} as much address space as it may need",
        "give database.url a smaller size: ?map_size=BYTES",
    ),
    _Known((lmdb.ReadonlyError,), "the store {} may not be written", _RIGHTS),
)


@contextmanager
def translated(location: str) -> Iterator[None]:
    """Turn an error of LMDB inside the block into ours; ``location`` is the store as users know it.

    Raises:
        RepositoryBusyError: it may work later.
        SchemaError: the store is none, or was written by another LMDB.
        RepositoryError: anything else.
    """
    try:
        yield
    except lmdb.Error as error:
        for known in _ALL_KNOWN:
            if isinstance(error, known.causes):
                raise known.kind(known.message.format(location), hint=known.hint) from error
        raise RepositoryError(f"the store {location} failed: {error}") from error


@contextmanager
def reachable(location: str) -> Iterator[None]:
    """Turn an error of the file system inside the block into ours.

    Raises:
        RepositoryError: says what the system said.
    """
    try:
        yield
    except OSError as error:
        raise RepositoryError(f"cannot use the store {location}: {error.strerror or error}", hint=_RIGHTS) from error
