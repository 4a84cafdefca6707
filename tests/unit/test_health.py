"""The file that shows that the worker lives."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ticketcore.adapters.health import HealthFile
from ticketcore.adapters.system import PlayedClock
from ticketcore.ports.scheduler import JobRun

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def run_of(job: str, *, error: str = "", outcome: str = "", seconds: float = 1.5) -> JobRun:
    return JobRun(job=job, started=START, seconds=seconds, outcome=outcome, error=error)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "health.json"


def test_nothing_is_written_before_the_first_run(path: Path) -> None:
    HealthFile(path, PlayedClock(START))
    assert not path.exists()


def test_it_says_how_each_job_is(path: Path) -> None:
    clock = PlayedClock(START)
    health = HealthFile(path, clock)
    clock.advance(seconds=2)
    health.ran(run_of("outbox", outcome="3 delivered"))
    outbox = {
        "started": "2026-03-02T08:00:00+00:00",
        "ended": "2026-03-02T08:00:01.500000+00:00",
        "outcome": "3 delivered",
        "error": "",
    }
    assert read(path) == {
        "status": "ok",
        "time": "2026-03-02T08:00:02+00:00",
        "pid": os.getpid(),
        "jobs": {"outbox": outbox},
    }
    health.ran(run_of("sla", error="OSError: disk full\n\ud83d"))
    found = read(path)
    assert (found["status"], found["jobs"]["outbox"]) == ("failing", outbox)
    assert found["jobs"]["sla"]["error"] == "OSError: disk full\n\ud83d"


def test_it_is_failing_until_the_job_that_failed_succeeds(path: Path) -> None:
    health = HealthFile(path, PlayedClock(START))
    statuses = []
    for job, error in [("a", ""), ("a", "x"), ("b", ""), ("b", "x"), ("a", ""), ("b", "")]:
        health.ran(run_of(job, error=error))
        statuses.append(read(path)["status"])
    assert statuses == ["ok", "failing", "failing", "failing", "failing", "ok"]
    health.ran(run_of("a", error="x"))
    health.stopped()
    assert (read(path)["status"], read(path)["jobs"]["a"]["error"]) == ("stopped", "x")


def test_it_is_replaced_as_a_whole(path: Path) -> None:
    health = HealthFile(path, PlayedClock(START))
    health.ran(run_of("outbox"))
    over, seen = threading.Event(), 0

    def look() -> None:
        nonlocal seen
        while not over.is_set():
            assert set(read(path)) == {"status", "time", "pid", "jobs"}
            seen += 1

    failures: list[BaseException] = []

    def watch() -> None:
        try:
            look()
        except (AssertionError, ValueError, OSError) as error:
            failures.append(error)

    reader = threading.Thread(target=watch)
    reader.start()
    for length in range(400):
        health.ran(run_of("outbox", outcome="x" * length * 50))
    over.set()
    reader.join(timeout=30)
    assert failures == []
    assert seen > 0
    assert [one.name for one in path.parent.iterdir()] == ["health.json"]


def test_a_reader_that_has_it_open_still_sees_the_old_one(path: Path) -> None:
    health = HealthFile(path, PlayedClock(START))
    health.ran(run_of("outbox"))
    with path.open(encoding="utf-8") as before:
        health.ran(run_of("outbox", error="x"))
        assert json.load(before)["status"] == "ok"
    assert read(path)["status"] == "failing"


def test_what_keeps_it_from_being_written_is_an_error_and_leaves_the_old_one(path: Path, tmp_path: Path) -> None:
    health = HealthFile(tmp_path / "gone" / "health.json", PlayedClock(START))
    with pytest.raises(FileNotFoundError):
        health.ran(run_of("outbox"))
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        HealthFile(path, PlayedClock(START)).ran(run_of("outbox"))


def test_a_run_of_a_day_ends_a_day_later(path: Path) -> None:
    health = HealthFile(path, PlayedClock(START))
    health.ran(run_of("outbox", seconds=86_400))
    assert read(path)["jobs"]["outbox"]["ended"] == (START + timedelta(days=1)).isoformat()
