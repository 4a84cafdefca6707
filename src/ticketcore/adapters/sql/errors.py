"""What drivers raise, translated into our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from ticketcore.adapters.sql.backend import Backend
from ticketcore.errors import Problem, RejectedError, RepositoryBusyError, RepositoryError


@contextmanager
def translated(backend: Backend) -> Iterator[None]:
    """Turn a driver's error inside the block into ours.

    Raises:
        ConflictError: two records share what must be unique, or two transactions what only one can have.
        RepositoryBusyError: locked for longer than the time-out, or out of reach.
        SchemaError: it is no database, or lacks a part.
        RejectedError: a value that the database cannot hold.
        RepositoryError: anything else.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        ours = backend.error(error.orig or error)
        raise ours or RepositoryError(f"the database {backend.location()} failed: {error}") from error
    except UnicodeEncodeError:
        raise RejectedError([Problem("", "a text holds half a surrogate pair, which no database can store")]) from None
    except OverflowError:
        raise RejectedError([Problem("", "a number is larger than the database can count")]) from None
    except backend.driver_error as error:
        # By the driver itself, which SQLAlchemy does not wrap.
        ours = backend.error(error)
        raise ours or RepositoryError(f"the database {backend.location()} failed: {error}") from error
    except sa.exc.TimeoutError as error:
        message = f"all connections of this process to the database {backend.location()} are busy"
        raise RepositoryBusyError(message, hint="wait for one to finish and repeat; nothing was changed") from error
    except sa.exc.SQLAlchemyError as error:
        raise RepositoryError(f"the database {backend.location()} failed: {error}") from error
