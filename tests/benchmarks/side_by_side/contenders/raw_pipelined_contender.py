"""The raw limit on PostgreSQL with a pipeline: all statements of a transaction go to the server on one way."""

from __future__ import annotations

from typing import Any

from raw_contender import Contender as Raw  # type: ignore[import-not-found]


class Contender(Raw):  # type: ignore[misc]
    """The driver on one database of a server."""

    def _run(self, step: list[tuple[str, tuple[Any, ...]]], names: list[Any]) -> None:
        connection = self.store.connection
        with connection.pipeline():
            connection.execute("BEGIN")
            for statement in step:
                connection.execute(*self.bound(statement, names))
            connection.execute("COMMIT")
