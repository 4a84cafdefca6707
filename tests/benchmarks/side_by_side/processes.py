"""A contender in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.benchmarks.side_by_side.environments import CONTENDERS, script_of


class ContenderError(Exception):
    """A contender failed; its traceback went to standard error."""


class Process:
    """Answers jobs; it is ended with the ``with`` block."""

    def __init__(self, name: str, python: str, store: str, folder: Path) -> None:
        self.name = name
        command = [python, str(CONTENDERS / "work.py"), script_of(name), store, str(folder)]
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TICKETCORE_", "COV_", "PG"))}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=kept, cwd=folder
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def ask(self, job: str, **arguments: Any) -> None:
        """Start a job."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": job, **arguments}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Return what the job that was started came to."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ContenderError(f"{self.name} has ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def run(self, job: str, **arguments: Any) -> dict[str, Any]:
        """Do a job."""
        self.ask(job, **arguments)
        return self.answer()
