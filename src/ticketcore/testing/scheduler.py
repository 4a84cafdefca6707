# ruff: noqa: S101 - a suite checks by assertions
"""The conformance suite of the scheduler port.

Whoever writes a scheduler subclasses :class:`SchedulerSuite` in a test file of their own::

    class TestMyScheduler(SchedulerSuite):
        repeats = True

        def make_scheduler(self) -> Scheduler:
            return MyScheduler()

and pytest finds all the tests in it. They check what :mod:`ticketcore.ports.scheduler` promises. Nothing in them
depends on how long something takes, except that what never ends is given up.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from threading import Event
from types import TracebackType
from typing import ClassVar, Self

import pytest

from ticketcore.ports.scheduler import Job, Scheduler
from ticketcore.testing.claims import Claims

SOON = 0.01
"""Seconds between the runs of a job that comes again while a test waits for it."""

RARELY = 24 * 3600.0
"""Seconds between the runs of a job that does not."""

_MOMENT = 0.2
"""Seconds that are given to a scheduler for what it must not do."""

_POLLS = 2_000
"""How often a scheduler may look at its event in a moment; one that only waits for it looks a few times."""


class UnspeakableError(Exception):
    """An error that cannot even say what is wrong."""

    def __str__(self) -> str:
        """Fail."""
        raise RuntimeError


FAILURES: dict[str, Callable[[], BaseException]] = {
    "an exception": lambda: RuntimeError("out of order"),
    "without words": ValueError,
    "an exit": lambda: SystemExit("out of order"),
    "unspeakable": UnspeakableError,
}
"""How jobs fail, by name."""


class CountingEvent(Event):
    """An event that counts how often it was looked at."""

    looks = 0

    def is_set(self) -> bool:
        """Return whether it is set."""
        self.looks += 1
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set."""
        self.looks += 1
        return super().wait(timeout)


class Run:
    """A scheduler at work in a thread of its own, and what became of it."""

    def __init__(self, scheduler: Scheduler, jobs: Sequence[Job], stop: Event, patience: float) -> None:
        """Start it."""
        self.stop = stop
        self.reports: list[tuple[str, str]] = []
        self.patience = patience
        self._results: list[bool] = []
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._work, args=(scheduler, jobs), daemon=True)
        self._thread.start()

    def _work(self, scheduler: Scheduler, jobs: Sequence[Job]) -> None:
        try:
            self._results.append(scheduler.run(jobs, self.stop, lambda name, words: self.reports.append((name, words))))
        except BaseException as error:  # noqa: BLE001 - it is raised again by result()
            self._errors.append(error)

    def __enter__(self) -> Self:
        """Return it; it is told to stop when the block ends, however it ends."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell the scheduler to stop."""
        self.stop.set()

    def ends_within(self, seconds: float) -> bool:
        """Wait so long at most; return whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> bool:
        """Wait until it has ended, and return what it returned."""
        assert self.ends_within(self.patience), f"run() had not returned after {self.patience:g} seconds"
        for error in self._errors:
            message = f"run() raised {type(error).__name__} instead of returning whether all went well"
            raise AssertionError(message) from error
        [result] = self._results
        assert isinstance(result, bool), f"run() has to return True or False, not {result!r}"
        return result


class SchedulerSuite(Claims):
    """Everything that a scheduler has to do: subclass it, and define :meth:`make_scheduler`."""

    repeats: ClassVar[bool] = False
    """Claims that it runs jobs again and again until it is told to stop; otherwise it runs each of them once."""

    patience: ClassVar[float] = 20.0
    """Seconds after which something that has not happened never will."""

    def make_scheduler(self) -> Scheduler:
        """Return a new scheduler."""
        message = f"{type(self).__name__} has to define make_scheduler()"
        raise NotImplementedError(message)

    def start(self, *jobs: Job, stop: Event | None = None) -> Run:
        """Run ``jobs`` with a new scheduler."""
        return Run(self.make_scheduler(), jobs, stop or Event(), self.patience)

    def test_every_job_runs(self) -> None:
        """All that are due run, once each unless jobs repeat, and the result says that all went well."""
        calls = Calls("first", "second", "third")
        with self.start(*(calls.job(name) for name in calls.names)) as run:
            calls.wait_for_all(run)
            run.stop.set()
            assert run.result() is True, "every run succeeded, so run() has to return True"
            if not self.repeats:
                assert set(calls.counts.values()) == {1}, f"each job has to run once, not {dict(calls.counts)}"

    def test_jobs_come_again(self) -> None:
        """A job runs whenever its interval has passed."""
        if not self.repeats:
            pytest.skip("repeats is not claimed")
        calls = Calls("often")
        with self.start(calls.job("often")) as run:
            calls.wait_for_all(run, times=3)
            run.stop.set()
            assert run.result() is True, "every run succeeded, so run() has to return True"

    @pytest.mark.parametrize("failure", FAILURES)
    def test_a_job_that_fails_does_not_stop_the_others(self, failure: str) -> None:
        """Whatever it raises, the others run, it is reported, and the result says that not all went well."""
        calls = Calls("before", "failing", "behind")
        error = FAILURES[failure]()

        def fail(_stop: Event) -> str:
            calls.note("failing")
            raise error

        with self.start(calls.job("before"), Job("failing", SOON, fail), calls.job("behind")) as run:
            calls.wait_for_all(run)
            run.stop.set()
            assert run.result() is False, "a run failed, so run() has to return False"
            words = [words for name, words in run.reports if name == "failing"]
            assert words, f"the failure was not reported; the reports are {run.reports}"
            assert all(text.strip() for text in words), f"a report needs words, not {words}"
            if "out of order" in error.args:
                assert "out of order" in words[0], f"the report should say what the job raised, not {words[0]!r}"
            others = [name for name, _ in run.reports if name != "failing"]
            assert not others, f"these said nothing and did not fail, but were reported: {others}"

    def test_one_failure_is_remembered(self) -> None:
        """The result is that of all runs, not that of the last one."""
        if not self.repeats:
            pytest.skip("repeats is not claimed")
        calls = Calls("mended")

        def fail_once(_stop: Event) -> str:
            calls.counts["failing"] += 1
            if calls.counts["failing"] == 1:
                raise RuntimeError
            calls.note("mended")
            return ""

        with self.start(Job("failing", SOON, fail_once)) as run:
            calls.wait_for_all(run)
            run.stop.set()
            assert run.result() is False, "the first run failed, so run() has to return False"

    def test_what_jobs_did_is_reported(self) -> None:
        """A report has the name of the job, and what it said; a job that says nothing is not reported."""
        calls = Calls("busy", "idle")
        with self.start(calls.job("busy", says="3 delivered"), calls.job("idle")) as run:
            calls.wait_for_all(run)
            run.stop.set()
            run.result()
            assert run.reports, "the job said what it did, but nothing was reported"
            assert set(run.reports) == {("busy", "3 delivered")}, f"the reports are {run.reports}"

    def test_no_jobs_are_no_error(self) -> None:
        """Without jobs all went well; while it waits to be told to stop, if it does, it uses no time."""
        with self.start(stop=CountingEvent()) as run:
            run.ends_within(_MOMENT)
            self._check_waiting(run)
            run.stop.set()
            assert run.result() is True, "nothing failed, so run() has to return True"

    def test_told_to_stop_before_it_begins_it_runs_nothing(self) -> None:
        """An event that is set already is enough."""
        calls = Calls("never")
        stop = Event()
        stop.set()
        assert self.start(calls.job("never"), stop=stop).result() is True, "nothing failed"
        assert not calls.counts, "a job ran although the event was set before"

    def test_told_to_stop_while_it_waits_it_stops(self) -> None:
        """It does not sit out the interval of a job; and as long as it waits, it uses no time."""
        if not self.repeats:
            pytest.skip("repeats is not claimed")
        calls = Calls("rare")
        with self.start(calls.job("rare", every=RARELY), stop=CountingEvent()) as run:
            calls.wait_for_all(run)
            assert not run.ends_within(_MOMENT), "it ended although nobody told it to stop"
            self._check_waiting(run)
            run.stop.set()
            assert run.result() is True, "nothing failed, so run() has to return True"
            assert calls.counts["rare"] == 1, f"a job that is due once a day ran {calls.counts['rare']} times"

    def test_a_job_that_runs_is_told_to_stop(self) -> None:
        """The event that a job is given is set when that of the scheduler is."""
        begun = Event()
        told: list[bool] = []

        def work(stop: Event) -> str:
            begun.set()
            told.append(stop.wait(self.patience / 2))
            return ""

        with self.start(Job("long", RARELY, work)) as run:
            assert begun.wait(self.patience), "the job never ran"
            run.stop.set()
            run.result()
            assert told == [True], "the job was not told to stop, or run() did not wait for it"

    def test_a_job_that_runs_may_finish(self) -> None:
        """Told to stop, it waits for the job that runs, and reports what that did."""
        begun, finish = Event(), Event()
        finished: list[bool] = []

        def work(_stop: Event) -> str:
            begun.set()
            finished.append(finish.wait(self.patience))
            return "finished"

        with self.start(Job("long", RARELY, work)) as run:
            assert begun.wait(self.patience), "the job never ran"
            run.stop.set()
            left = run.ends_within(_MOMENT)
            finish.set()
            assert not left, "run() returned while a job was still running"
            run.result()
            assert finished == [True], "run() returned before the job had finished"
            assert run.reports == [("long", "finished")], f"the reports are {run.reports}"

    def _check_waiting(self, run: Run) -> None:
        assert isinstance(run.stop, CountingEvent)
        looks = run.stop.looks
        assert looks < _POLLS, f"in {_MOMENT:g} seconds it looked {looks} times whether to stop; wait for the event"


class Calls:
    """Which jobs have run, and how often."""

    def __init__(self, *names: str) -> None:
        """Expect the jobs called ``names``."""
        self.names = names
        self.counts: Counter[str] = Counter()
        self._changed = threading.Condition()

    def job(self, name: str, *, every: float = SOON, says: str = "") -> Job:
        """Return a job that notes its run and says ``says``."""

        def run(_stop: Event) -> str:
            self.note(name)
            return says

        return Job(name, every, run)

    def note(self, name: str) -> None:
        """Note a run of the job ``name``."""
        with self._changed:
            self.counts[name] += 1
            self._changed.notify_all()

    def wait_for_all(self, run: Run, *, times: int = 1) -> None:
        """Wait until every job has run so many times, as long as the scheduler is at work."""
        deadline = time.monotonic() + run.patience
        with self._changed:
            while self._late(times) and time.monotonic() < deadline and not run.ends_within(0):
                self._changed.wait(_MOMENT)
        ended = run.ends_within(0)
        late = self._late(times)
        if late and ended:
            run.result()
        when = "when run() returned" if ended else f"after {run.patience:g} seconds"
        assert not late, f"{when}, these jobs had not run {times} times: {', '.join(late)}"

    def _late(self, times: int) -> list[str]:
        return [f"{name} ({self.counts[name]} times)" for name in self.names if self.counts[name] < times]
