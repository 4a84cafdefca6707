"""Keys in a temporary file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ticketcore.errors import RepositoryError

if TYPE_CHECKING:
    import sqlite3


class TemporaryKeys:
    """Keys in a temporary file; see :class:`ticketcore.ports.keys.Keys`."""

    def __init__(self) -> None:
        """Make the file."""
        import sqlite3

        with _translated():
            # No name is a file that is gone when it is closed: https://sqlite.org/inmemorydb.html#temp_db
            self._file: sqlite3.Connection = sqlite3.connect("", isolation_level=None)
            for table in (
                "seen (key TEXT PRIMARY KEY, line INTEGER, times INTEGER)",
                "wanted (key TEXT PRIMARY KEY, times)",
            ):
                self._file.execute(f"CREATE TABLE {table} WITHOUT ROWID")
            self._file.execute("PRAGMA journal_mode = OFF")
            self._file.execute("BEGIN")

    def __enter__(self) -> Self:
        """Return the keys themselves."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the file."""
        self._file.close()

    def note(self, key: str, line: int) -> tuple[int, int]:
        """Note where a key is."""
        statement = (
            "INSERT INTO seen VALUES (?, ?, 1) ON CONFLICT (key) DO UPDATE SET times = times + 1 RETURNING line, times"
        )
        with _translated():
            first, times = self._file.execute(statement, (key, line)).fetchone()
        return first, times

    def want(self, key: str) -> None:
        """Note that a key is referred to."""
        with _translated():
            self._file.execute(
                "INSERT INTO wanted VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET times = times + 1", (key,)
            )

    def missing(self) -> Iterator[tuple[str, int]]:
        """Yield what is referred to and was not seen."""
        with _translated():
            yield from self._file.execute("SELECT key, times FROM wanted WHERE key NOT IN (SELECT key FROM seen)")


@contextmanager
def _translated() -> Iterator[None]:
    """Raise what goes wrong with the file as an error of the storage.

    Raises:
        RepositoryError: something does.
    """
    import sqlite3

    try:
        yield
    except sqlite3.Error as error:
        message = f"the temporary file that a check needs cannot be written ({error})"
        raise RepositoryError(message, hint="make room in the folder for temporary files (TMPDIR)") from error
