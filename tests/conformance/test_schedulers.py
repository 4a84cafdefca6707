"""Both schedulers against the conformance suite."""

from __future__ import annotations

from ticketcore.adapters.scheduling import LoopScheduler, OnceScheduler
from ticketcore.ports.scheduler import Scheduler
from ticketcore.testing.scheduler import SchedulerSuite


class TestOnceScheduler(SchedulerSuite):
    def make_scheduler(self) -> Scheduler:
        return OnceScheduler()


class TestLoopScheduler(SchedulerSuite):
    repeats = True

    def make_scheduler(self) -> Scheduler:
        return LoopScheduler()
