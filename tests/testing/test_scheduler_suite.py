"""The conformance suite of schedulers: it suits more than one kind, and finds what is wrong with broken ones."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import ClassVar

import pytest

from ticketcore.errors import reason_of
from ticketcore.ports.scheduler import Job, Scheduler
from ticketcore.testing.scheduler import SchedulerSuite

Report = Callable[[str, str], None]

RELEASE = Event()
"""Ends what a broken scheduler waits for too long."""


@pytest.fixture(autouse=True)
def released() -> Iterator[None]:
    RELEASE.clear()
    yield
    RELEASE.set()


class ThreadScheduler:
    """A scheduler that is nothing like the built-in ones: each job has a thread of its own."""

    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        results: list[bool] = []

        def work(job: Job) -> None:
            while not stop.is_set():
                try:
                    done = job.run(stop)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a job does
                    report(job.name, reason_of(error))
                    results.append(False)
                else:
                    if done:
                        report(job.name, done)
                stop.wait(job.every)

        threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        stop.wait()
        for thread in threads:
            thread.join()
        return not results


class TestThreadScheduler(SchedulerSuite):
    repeats = True

    def make_scheduler(self) -> Scheduler:
        return ThreadScheduler()


class Once:
    """Runs every job one time; its subclasses do one thing wrong."""

    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        results = [self.run_one(job, stop, report) for job in jobs if not stop.is_set()]
        return all(results)

    def run_one(self, job: Job, stop: Event, report: Report) -> bool:
        try:
            done = job.run(stop)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a job does
            self.failed(job, error, report)
            return False
        self.succeeded(job, done, report)
        return True

    def failed(self, job: Job, error: BaseException, report: Report) -> None:
        report(job.name, reason_of(error))

    def succeeded(self, job: Job, done: str, report: Report) -> None:
        if done:
            report(job.name, done)


class Loop(Once):
    """Runs jobs again and again; its subclasses do one thing wrong."""

    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        well = True
        due = dict.fromkeys(range(len(jobs)), time.monotonic())
        while not stop.is_set():
            for place, job in enumerate(jobs):
                if due[place] <= time.monotonic() and not stop.is_set():
                    well = self.combined(well, self.run_one(job, stop, report))
                    due[place] = time.monotonic() + job.every
            self.wait(stop, min(due.values()) - time.monotonic() if due else None)
        return well

    def combined(self, so_far: bool, last: bool) -> bool:
        return so_far and last

    def wait(self, stop: Event, seconds: float | None) -> None:
        stop.wait(None if seconds is None else max(0.0, seconds))


class RunsTheFirst(Once):
    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        return super().run(jobs[:1], stop, report)


class RunsTwice(Once):
    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        again = Event()
        return super().run(jobs, again, report) and super().run(jobs, again, report)


class ReturnsNothing(Once):
    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        super().run(jobs, stop, report)
        return None  # type: ignore[return-value]


class StopsAtTheFirstFailure(Once):
    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        return all(self.run_one(job, stop, report) for job in jobs)


class LetsFailuresThrough(Once):
    def failed(self, job: Job, error: BaseException, report: Report) -> None:
        raise error


class LetsExitsThrough(Once):
    def failed(self, job: Job, error: BaseException, report: Report) -> None:
        if not isinstance(error, Exception):
            raise error
        super().failed(job, error, report)


class AsksAnErrorForWords(Once):
    def failed(self, job: Job, error: BaseException, report: Report) -> None:
        report(job.name, f"failed: {error}")


class ReportsNoWords(Once):
    def failed(self, job: Job, error: BaseException, report: Report) -> None:
        report(job.name, str(error))


class KeepsTheReason(Once):
    def failed(self, job: Job, error: BaseException, report: Report) -> None:
        report(job.name, "failed")


class ReportsNoFailure(Once):
    def failed(self, job: Job, error: BaseException, report: Report) -> None:
        pass


class TakesFailureForSuccess(Once):
    def run_one(self, job: Job, stop: Event, report: Report) -> bool:
        super().run_one(job, stop, report)
        return True


class ReportsNoSuccess(Once):
    def succeeded(self, job: Job, done: str, report: Report) -> None:
        pass


class ReportsNothingToSay(Once):
    def succeeded(self, job: Job, done: str, report: Report) -> None:
        report(job.name, done)


class MixesUpNames(Once):
    def succeeded(self, job: Job, done: str, report: Report) -> None:
        if done:
            report(done, job.name)


class NeedsAJob(Once):
    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        return super().run([jobs[0], *jobs[1:]], stop, report)


class LooksTooLate(Once):
    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        results = [self.run_one(job, stop, report) for job in jobs]
        return all(results)


class HasAnEventOfItsOwn(Once):
    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        return super().run(jobs, RELEASE, report)


class SitsOutTheFirstInterval(Once):
    def run_one(self, job: Job, stop: Event, report: Report) -> bool:
        return stop.wait(job.every) or super().run_one(job, stop, report)


class LeavesJobsAlone(Once):
    def run_one(self, job: Job, stop: Event, report: Report) -> bool:
        thread = threading.Thread(target=super().run_one, args=(job, stop, report), daemon=True)
        thread.start()
        while thread.is_alive() and not stop.is_set():
            thread.join(0.01)
        return True


class ComesNeverAgain(Loop):
    def wait(self, stop: Event, seconds: float | None) -> None:
        stop.wait()


class EndsByItself(Loop):
    def wait(self, stop: Event, seconds: float | None) -> None:
        stop.set()


class ForgetsFailures(Loop):
    def combined(self, so_far: bool, last: bool) -> bool:
        return last


class SitsOutTheInterval(Loop):
    def wait(self, stop: Event, seconds: float | None) -> None:
        RELEASE.wait(seconds)


class Spins(Loop):
    def wait(self, stop: Event, seconds: float | None) -> None:
        stop.wait(0)


class RunsAllTheTime(Loop):
    def run(self, jobs: Sequence[Job], stop: Event, report: Report) -> bool:
        return super().run([Job(job.name, 0.001, job.run) for job in jobs], stop, report)


FAILING = "a_job_that_fails_does_not_stop_the_others"

BROKEN: list[tuple[type[Once], str, str]] = [
    (RunsTheFirst, "every_job_runs", "these jobs had not run 1 times: second (0 times), third (0 times)"),
    (RunsTwice, "every_job_runs", "each job has to run once, not {'first': 2"),
    (ReturnsNothing, "every_job_runs", "run() has to return True or False, not None"),
    (StopsAtTheFirstFailure, f"{FAILING}[an exception]", "had not run 1 times: behind (0 times)"),
    (LetsFailuresThrough, f"{FAILING}[an exception]", "run() raised RuntimeError instead of returning"),
    (LetsExitsThrough, f"{FAILING}[an exit]", "run() raised SystemExit instead of returning"),
    (AsksAnErrorForWords, f"{FAILING}[unspeakable]", "run() raised RuntimeError instead of returning"),
    (ReportsNoWords, f"{FAILING}[without words]", "a report needs words, not ['']"),
    (KeepsTheReason, f"{FAILING}[an exception]", "the report should say what the job raised, not 'failed'"),
    (ReportsNoFailure, f"{FAILING}[an exception]", "the failure was not reported"),
    (TakesFailureForSuccess, f"{FAILING}[an exception]", "a run failed, so run() has to return False"),
    (ReportsNothingToSay, f"{FAILING}[an exception]", "but were reported: ['before', 'behind']"),
    (ReportsNoSuccess, "what_jobs_did_is_reported", "the job said what it did, but nothing was reported"),
    (ReportsNothingToSay, "what_jobs_did_is_reported", "('idle', '')"),
    (MixesUpNames, "what_jobs_did_is_reported", "the reports are [('3 delivered', 'busy')]"),
    (NeedsAJob, "no_jobs_are_no_error", "run() raised IndexError instead of returning"),
    (Spins, "no_jobs_are_no_error", "whether to stop; wait for the event"),
    (LooksTooLate, "told_to_stop_before_it_begins_it_runs_nothing", "a job ran although the event was set before"),
    (HasAnEventOfItsOwn, "a_job_that_runs_is_told_to_stop", "the job was not told to stop"),
    (SitsOutTheFirstInterval, "a_job_that_runs_is_told_to_stop", "the job never ran"),
    (LeavesJobsAlone, "a_job_that_runs_may_finish", "run() returned while a job was still running"),
    (ComesNeverAgain, "jobs_come_again", "these jobs had not run 3 times: often (1 times)"),
    (EndsByItself, "jobs_come_again", "when run() returned, these jobs had not run 3 times: often (1 times)"),
    (ForgetsFailures, "one_failure_is_remembered", "the first run failed, so run() has to return False"),
    (SitsOutTheInterval, "told_to_stop_while_it_waits_it_stops", "run() had not returned after 0.5 seconds"),
    (Spins, "told_to_stop_while_it_waits_it_stops", "whether to stop; wait for the event"),
    (RunsAllTheTime, "told_to_stop_while_it_waits_it_stops", "a job that is due once a day ran"),
    (EndsByItself, "told_to_stop_while_it_waits_it_stops", "it ended although nobody told it to stop"),
]
"""Broken schedulers, the test that each of them fails, and why."""


def suite_for(scheduler: type[Once]) -> SchedulerSuite:
    class Impatient(SchedulerSuite):
        repeats: ClassVar[bool] = issubclass(scheduler, Loop)
        patience: ClassVar[float] = 0.5

        def make_scheduler(self) -> Scheduler:
            return scheduler()

    return Impatient()


class TestOnce(SchedulerSuite):
    def make_scheduler(self) -> Scheduler:
        return Once()


class TestLoop(SchedulerSuite):
    repeats = True

    def make_scheduler(self) -> Scheduler:
        return Loop()


@pytest.mark.parametrize(("broken", "name", "reason"), BROKEN)
def test_a_broken_scheduler_fails(broken: type[Once], name: str, reason: str) -> None:
    method, _, failure = name.rstrip("]").partition("[")
    with pytest.raises(AssertionError, match=re.escape(reason)):
        getattr(suite_for(broken), f"test_{method}")(*filter(None, [failure]))


def test_every_test_of_the_suite_catches_something() -> None:
    tests = {name.removeprefix("test_") for name in vars(SchedulerSuite) if name.startswith("test_")}
    assert tests == {name.partition("[")[0] for _, name, _ in BROKEN}


def test_a_suite_without_a_scheduler_says_what_to_define() -> None:
    with pytest.raises(NotImplementedError, match=r"SchedulerSuite has to define make_scheduler\(\)"):
        SchedulerSuite().test_every_job_runs()
