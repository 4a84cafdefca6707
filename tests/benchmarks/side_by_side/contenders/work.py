"""Runs workloads on one contender, in the contender's own environment.

It is started as ``python work.py CONTENDER STORE FOLDER``. STORE is the URL of a PostgreSQL database,
``sqlite`` for a file below FOLDER with the journal that the contender chooses, or ``sqlite-wal`` for one with a
write-ahead log. Each line that it reads is a job as JSON, and it answers each with a line of JSON. It needs nothing
but the standard library and the module named after the contender beside it.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

SUBJECT = "The printer on the second floor is out of paper"
TEXT = "It has blinked since this morning. Nobody knows where the paper is kept."
PEOPLE = 50
"""How many work on the tickets that a store is filled with."""
WHO = 7
"""Whose tickets are listed."""
LIMIT = 25
"""The most tickets of a list."""


class Contender(Protocol):
    """A ticket system, used as its own documentation says; every call that writes is durable when it returns."""

    def prepare(self) -> None:
        """Make an empty store, with people who work on tickets."""

    def connect(self) -> None:
        """Open the store that is there."""

    def facts(self) -> dict[str, Any]:
        """Return the version, and what else is worth knowing."""

    def ask(self, question: str) -> Any:
        """Return what the database answers on the connection on which tickets are written."""

    def create(self, subject: str, text: str) -> Any:
        """Make a ticket; return how it is called."""

    def lifecycle(self, subject: str, text: str) -> Any:
        """Make a ticket, assign it, comment on it, and move it by four steps until it is closed."""

    def read(self, name: Any) -> int:
        """Read a ticket with its history; return how many entries that has."""

    def list_open(self, who: int, limit: int) -> int:
        """Read the newest tickets that somebody has in progress; return how many there were."""

    def count(self) -> dict[str, int]:
        """Count the tickets in each status."""

    def fill(self, size: int, people: int) -> None:
        """Add tickets without haste for safety until there are ``size``; the i-th belongs to person i modulo people."""


class Work:
    """The jobs, by name."""

    def __init__(self, contender: Contender, store: str) -> None:
        self.contender = contender
        self.store = store
        self.lived: list[Any] = []

    def prepare(self) -> dict[str, Any]:
        self.contender.prepare()
        return {}

    def connect(self) -> dict[str, Any]:
        self.contender.connect()
        return {}

    def facts(self) -> dict[str, Any]:
        """Return the facts about the contender, and what its database does for a commit to last."""
        if self.store.startswith("sqlite"):
            questions = {name: f"PRAGMA {name}" for name in ("journal_mode", "synchronous")}
        else:
            questions = {name: f"SHOW {name}" for name in ("fsync", "synchronous_commit")}
        return self.contender.facts() | {name: self.contender.ask(text) for name, text in questions.items()}

    def create(self, count: int) -> dict[str, Any]:
        return self._timed(lambda: self.contender.create(SUBJECT, TEXT), count)

    def create_or_retry(self, count: int) -> dict[str, Any]:
        """Create as one of several processes at once: what is refused is asked for again, and counted."""
        refused: list[str] = []

        def step() -> None:
            while True:
                try:
                    self.contender.create(SUBJECT, TEXT)
                except Exception as error:  # whatever a contender raises when others write too
                    refused.append(f"{type(error).__name__}: {error}"[:200])
                    if len(refused) > 10 * count:
                        raise
                else:
                    return

        return self._timed(step, count) | {"refused": len(refused), "reasons": sorted(set(refused))[:3]}

    def lifecycle(self, count: int) -> dict[str, Any]:
        return self._timed(lambda: self.lived.append(self.contender.lifecycle(SUBJECT, TEXT)), count)

    def read(self, count: int) -> dict[str, Any]:
        """Read tickets whose whole life is in their history."""
        entries: list[int] = []
        todo = itertools.cycle(self.lived)
        return self._timed(lambda: entries.append(self.contender.read(next(todo))), count) | {"entries": min(entries)}

    def list_open(self, count: int) -> dict[str, Any]:
        found: list[int] = []
        return self._timed(lambda: found.append(self.contender.list_open(WHO, LIMIT)), count) | {"found": min(found)}

    def count(self, count: int) -> dict[str, Any]:
        found: list[int] = []
        return self._timed(lambda: found.append(sum(self.contender.count().values())), count) | {"found": min(found)}

    def fill(self, size: int) -> dict[str, Any]:
        return self._timed(lambda: self.contender.fill(size, PEOPLE), 1)

    def _timed(self, step: Callable[[], object], count: int) -> dict[str, Any]:
        gc.collect()
        start = time.perf_counter()
        for _ in range(count):
            step()
        return {"seconds": time.perf_counter() - start, "count": count}


def main() -> None:
    """Answer jobs until there are no more."""
    name, store, folder = sys.argv[1:]
    # What a contender prints is no answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    work = Work(importlib.import_module(name).Contender(store, Path(folder)), store)
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(getattr(work, job.pop("do"))(**job)), file=answers)


if __name__ == "__main__":
    main()
