"""Keys in a temporary file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ticketcore.errors import RepositoryError
from ticketcore.ports.keys import Tie

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
                "tie (kind TEXT, source TEXT, target TEXT, line, number, PRIMARY KEY (kind, source, target))",
                "leaf (guid TEXT PRIMARY KEY)",
            ):
                self._file.execute(f"CREATE TABLE {table} WITHOUT ROWID")
            self._file.execute("CREATE INDEX tie_target ON tie (kind, target)")
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

    def tie(self, kind: str, tie: Tie) -> bool:
        """Note a link."""
        values = (kind, tie.source, tie.target, tie.line, tie.number)
        with _translated():
            return self._file.execute("INSERT OR IGNORE INTO tie VALUES (?, ?, ?, ?, ?)", values).rowcount == 1

    def targets(self, kind: str, after: str, count: int) -> list[str]:
        """Return what links lead to."""
        statement = "SELECT DISTINCT target FROM tie WHERE kind = ? AND target > ? ORDER BY target LIMIT ?"
        with _translated():
            return [target for (target,) in self._file.execute(statement, (kind, after, count))]

    def cycles(self, kind: str) -> Iterator[list[Tie]]:
        """Yield cycles: what is left when links to where none goes on are taken away again and again."""
        with _translated():
            self._file.execute(
                "INSERT OR IGNORE INTO leaf SELECT target FROM tie AS last WHERE kind = ? AND NOT EXISTS "
                "(SELECT 1 FROM tie WHERE kind = last.kind AND source = last.target)",
                (kind,),
            )
        while True:
            with _translated():
                self._take_leaves(kind)
                cycle = self._cycle(kind)
                if not cycle:
                    return
                closing = max(range(len(cycle)), key=lambda place: cycle[place].line)
                self._untie(kind, "source = ? AND target = ?", (cycle[closing].source, cycle[closing].target))
            yield [*cycle[closing:], *cycle[:closing]]

    def _take_leaves(self, kind: str) -> None:
        """Take away the links that lead to where none goes on, until there are none."""
        pop = "DELETE FROM leaf WHERE guid = (SELECT min(guid) FROM leaf) RETURNING guid"
        while leaf := self._file.execute(pop).fetchone():
            self._untie(kind, "target = ?", leaf)

    def _untie(self, kind: str, where: str, values: tuple[str, ...]) -> None:
        """Take links away, and note where none goes on then."""
        statement = f"DELETE FROM tie WHERE kind = ? AND {where} RETURNING source"  # noqa: S608 - no input is in it
        for (source,) in self._file.execute(statement, (kind, *values)).fetchall():
            if not self._file.execute("SELECT 1 FROM tie WHERE kind = ? AND source = ?", (kind, source)).fetchone():
                self._file.execute("INSERT OR IGNORE INTO leaf VALUES (?)", (source,))

    def _cycle(self, kind: str) -> list[Tie]:
        """Return a cycle, given that from every link another one goes on; empty if there are no links."""
        where, values = "kind = ?", [kind]
        places: dict[str, int] = {}
        way: list[Tie] = []
        while found := self._file.execute(
            f"SELECT source, target, line, number FROM tie WHERE {where} LIMIT 1",  # noqa: S608 - no input is in it
            values,
        ).fetchone():
            tie = Tie(*found)
            if tie.source in places:
                return way[places[tie.source] :]
            places[tie.source] = len(way)
            way.append(tie)
            where, values = "kind = ? AND source = ?", [kind, tie.target]
        return []


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
