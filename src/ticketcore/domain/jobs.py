"""What is known of the jobs that keep a desk going."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen


@frozen(kw_only=True)
class JobState:
    """How a job of the worker is: a row of ``sys_job``.

    ``last_run`` is when it last began, on any machine, ``last_success`` when it last ended well; ``failures`` counts
    the failed runs since then, ``last_error`` is the reason of the last one. ``memory`` is what the job itself wants
    to remember until its next run.
    """

    name: str
    last_run: datetime | None = None
    last_success: datetime | None = None
    failures: int = 0
    last_error: str = ""
    memory: str = ""
