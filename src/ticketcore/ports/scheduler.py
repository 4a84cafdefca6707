"""The scheduler port: what runs the jobs that keep a desk going."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event
from typing import Protocol

from attrs import frozen


@frozen
class Job:
    """A named piece of work that is safe to run twice and on many machines.

    ``run`` does what is due and says in words what it did (empty: nothing); it returns soon after the
    event that it is given is set. ``every`` is in seconds.
    """

    name: str
    every: float
    run: Callable[[Event], str]


@frozen(kw_only=True)
class JobRun:
    """One run of a job that is over: when it began, how long it took, and what it did, or why it failed."""

    job: str
    started: datetime
    seconds: float
    outcome: str = ""
    error: str = ""


class Watch(Protocol):
    """Somebody who wants to know of every run: metrics, a file that shows that the worker lives."""

    def ran(self, run: JobRun) -> None:
        """Take note of a run."""


class Scheduler(Protocol):
    """Runs jobs at their times."""

    def run(self, jobs: Sequence[Job], stop: Event, report: Callable[[str, str], None]) -> bool:
        """Run ``jobs`` until ``stop`` is set or there is nothing more to do for this scheduler.

        Their names are different from each other, and every one of them is due at the start.
        A job that fails does not stop the others. ``report`` is told the name of a job and what it did, or
        how it failed. Returns whether every run succeeded.
        """
