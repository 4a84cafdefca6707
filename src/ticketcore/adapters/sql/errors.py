"""What drivers raise, translated into our errors: the one place that knows their texts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from ticketcore.errors import (
    ConflictError,
    Problem,
    RejectedError,
    RepositoryBusyError,
    RepositoryError,
    SchemaError,
)

_BUSY = ("database is locked", "database table is locked", "database schema is locked")


@contextmanager
def translated(location: str) -> Iterator[None]:
    """Turn a driver's error inside the block into ours; ``location`` is the database as users know it.

    Raises:
        ConflictError: two records share what must be unique.
        RepositoryBusyError: locked for longer than the time-out.
        SchemaError: the file is no database.
        RejectedError: a value that no database can hold.
        RepositoryError: anything else.
    """
    try:
        yield
    except sa.exc.IntegrityError as error:
        raise _refused(location, _reason(error), error.orig) from error
    except sa.exc.DBAPIError as error:
        raise _ours(location, _reason(error)) from error
    except sqlite3.IntegrityError as error:
        raise _refused(location, str(error), error) from error
    except UnicodeEncodeError:
        raise RejectedError([Problem("", "a text holds half a surrogate pair, which no database can store")]) from None
    except OverflowError:
        raise RejectedError([Problem("", "a number is larger than the database can count")]) from None
    except sqlite3.Error as error:
        # Raised while a connection is set up, before SQLAlchemy wraps anything.
        raise _ours(location, str(error)) from error
    except sa.exc.SQLAlchemyError as error:
        raise RepositoryError(f"the database {location} failed: {error}") from error


def _reason(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).splitlines()[0] if error.orig else type(error).__name__


_SHARED = {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID"}


def _refused(location: str, reason: str, error: BaseException | None) -> ConflictError | RepositoryError:
    """Return the error that a refused row is: that two share what must be unique, or that a value is wrong."""
    if getattr(error, "sqlite_errorname", "") in _SHARED:
        return ConflictError("record", f"in {location} ({reason})")
    return RepositoryError(f"the database {location} refuses a value: {reason}")


def _ours(location: str, reason: str) -> RepositoryError:
    if any(text in reason for text in _BUSY):
        return RepositoryBusyError(
            f"the database {location} is locked by another program",
            hint="wait for it to finish and repeat; nothing was changed",
        )
    if "unable to open database file" in reason:
        folder = Path(location).parent
        why = f"the folder {folder} does not exist" if not folder.is_dir() else "it is no readable file"
        return RepositoryError(f"cannot open the database {location}: {why}", hint="create it, or correct database.url")
    if "readonly database" in reason:
        return RepositoryError(
            f"the database {location} is read-only; nothing was changed",
            hint="give this user the right to write the file and its folder",
        )
    if "not a database" in reason or "malformed" in reason:
        return SchemaError(
            f"the file {location} is not a database, or is damaged ({reason})",
            hint="correct database.url, or restore the file from a backup",
        )
    if "disk is full" in reason:
        return RepositoryError(f"no space is left for the database {location}; nothing was changed")
    if "no such module" in reason:
        return RepositoryError(
            f"the SQLite of this Python cannot search for words ({reason})",
            hint="use a Python whose SQLite was built with FTS5, as those of python.org and the distributions are",
        )
    if "no such table" in reason or "no such column" in reason:
        return SchemaError(
            f"the database {location} lacks a part of the schema ({reason})", hint="run: ticketcore db status"
        )
    return RepositoryError(f"the database {location} failed: {reason}")
