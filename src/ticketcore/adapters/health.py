"""A file that shows that the worker lives, for whatever watches over it."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from attrs import define, field

from ticketcore.ports.scheduler import JobRun
from ticketcore.ports.system import Clock


@define(eq=False, repr=False)
class HealthFile:
    """Writes, after every run of a job, how all jobs are: JSON, replaced as a whole.

    ``status`` is "ok", "failing" (the last run of some job failed) or "stopped". A worker that hangs writes nothing,
    so whoever reads it also looks at ``time``.
    """

    path: Path
    clock: Clock
    _jobs: dict[str, dict[str, Any]] = field(factory=dict, init=False)

    def ran(self, run: JobRun) -> None:
        """Take note of a run."""
        self._jobs[run.job] = {
            "started": run.started.isoformat(),
            "ended": (run.started + timedelta(seconds=run.seconds)).isoformat(),
            "outcome": run.outcome,
            "error": run.error,
        }
        self._write("failing" if any(job["error"] for job in self._jobs.values()) else "ok")

    def stopped(self) -> None:
        """Say that the worker has ended as it was told to."""
        self._write("stopped")

    def _write(self, status: str) -> None:
        facts = {"status": status, "time": self.clock.now().isoformat(), "pid": os.getpid(), "jobs": self._jobs}
        new = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        new.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        new.replace(self.path)
