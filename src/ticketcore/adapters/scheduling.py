"""The scheduler port within this process: once for cron, or again and again until told to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event

from ticketcore.errors import reason_of
from ticketcore.ports.scheduler import Job

Report = Callable[[str, str], None]


class OnceScheduler:
    """Runs every job one time."""

    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        """Run ``jobs`` in order; return whether all succeeded."""
        well = True
        for job in jobs:
            if not stop.is_set():
                well &= _run(job, stop, report)
        return well


class LoopScheduler:
    """Runs each job whenever its interval has passed, until it is told to stop."""

    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        """Run ``jobs``, if there are any, until ``stop`` is set; return whether all runs succeeded."""
        due = {job.name: time.monotonic() for job in jobs}
        well = True
        while due and not stop.is_set():
            for job in jobs:
                if due[job.name] <= time.monotonic() and not stop.is_set():
                    well &= _run(job, stop, report)
                    due[job.name] = time.monotonic() + job.every
            stop.wait(max(0.0, min(due.values()) - time.monotonic()))
        return well


def _run(job: Job, stop: Event, report: Report) -> bool:
    try:
        done = job.run(stop)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a job may be anybody's; the others go on
        report(job.name, f"failed: {reason_of(error)}")
        return False
    if done:
        report(job.name, done)
    return True
