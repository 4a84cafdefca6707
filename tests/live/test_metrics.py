"""Metrics over HTTP on a free port, read by the parser of Prometheus' own library."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from ticketcore.adapters.metrics import Metrics
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import SchedulerSection
from ticketcore.desk import Desk
from ticketcore.errors import RepositoryError
from ticketcore.ports.scheduler import JobRun
from ticketcore.services.jobs import Figures

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOST = "127.0.0.1"

MakeDesk = Callable[..., Desk]


def run_of(job: str, *, error: str = "", seconds: float = 0.25) -> JobRun:
    return JobRun(job=job, started=START, seconds=seconds, error=error)


def scrape(port: int, path: str = "/metrics") -> dict[str, Metric]:
    """Return the families that are shown at a port, by name."""
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return {family.name: family for family in text_string_to_metric_families(answer.read().decode())}
    finally:
        connection.close()


def values(family: Metric) -> dict[tuple[str, ...], float]:
    """Return the values of a family by the values of its labels."""
    return {tuple(one.labels.values()): one.value for one in family.samples if not one.name.endswith("_created")}


@contextmanager
def served(metrics: Metrics) -> Iterator[int]:
    """Serve on a free port; nothing is left of it afterwards."""
    threads = threading.active_count()
    with metrics.served(HOST, 0) as port:
        yield port
    assert threading.active_count() == threads
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, port)) != 0


@pytest.fixture
def desk(make_desk: MakeDesk, store_url: str) -> Desk:
    return make_desk(store_url, scheduler=SchedulerSection(inline=False))


@pytest.fixture
def metrics(desk: Desk) -> Metrics:
    return Metrics("1.2.3", desk.figures, desk.clock.now)


def test_runs_are_counted_and_timed(metrics: Metrics) -> None:
    for job, error in [("outbox", ""), ("outbox", ""), ("outbox", "x"), ("sla", "x")]:
        metrics.ran(run_of(job, error=error, seconds=0.25 if job == "outbox" else 100))
    with served(metrics) as port:
        found = scrape(port)
    assert values(found["ticketcore_job_runs"]) == {
        ("outbox", "ok"): 2,
        ("outbox", "failed"): 1,
        ("sla", "failed"): 1,
    }
    assert found["ticketcore_job_runs"].type == "counter"
    assert values(found["ticketcore_job_last_success_timestamp_seconds"]) == {("outbox",): START.timestamp() + 0.25}
    seconds = found["ticketcore_job_duration_seconds"]
    assert seconds.type == "histogram"
    sums = {one.labels["job"]: one.value for one in seconds.samples if one.name.endswith("_sum")}
    assert sums == {"outbox": 0.75, "sla": 100}
    below = {
        one.labels["le"]: one.value
        for one in seconds.samples
        if one.labels.get("job") == "outbox" and "le" in one.labels
    }
    assert (below["0.1"], below["0.25"], below["+Inf"]) == (0, 3, 3)


def test_the_store_is_asked_at_every_scrape(metrics: Metrics, desk: Desk, clock: PlayedClock) -> None:
    with served(metrics) as port:
        before = scrape(port)
        assert set(values(before["ticketcore_outbox_messages"]).values()) == {0}
        assert values(before["ticketcore_outbox_oldest_due_seconds"]) == {(): 0}
        desk.tickets.create("Printer", watchers=("a@example.com",), action_by="ann")
        clock.advance(minutes=2)
        after = scrape(port)
        desk.notifications.deliver_due()
        last = scrape(port)
    assert values(after["ticketcore_outbox_messages"]) == {("PENDING",): 1, ("DELIVERED",): 0, ("DEAD",): 0}
    assert values(after["ticketcore_outbox_oldest_due_seconds"]) == {(): 120}
    assert values(after["ticketcore_tickets"])["NEW",] == 1
    assert set(values(after["ticketcore_tickets"])) == {(status,) for status in desk.figures().tickets}
    assert values(last["ticketcore_outbox_messages"])["DELIVERED",] == 1
    assert values(last["ticketcore_outbox_oldest_due_seconds"]) == {(): 0}
    assert values(last["ticketcore_info"]) == {("1.2.3",): 1}
    assert values(last["ticketcore_store_up"]) == {(): 1}


def test_what_is_due_in_the_future_is_not_late() -> None:
    figures = Figures(messages={"PENDING": 1}, oldest_due=START + timedelta(minutes=1), tickets={})
    with served(Metrics("1", lambda: figures, lambda: START)) as port:
        assert values(scrape(port)["ticketcore_outbox_oldest_due_seconds"]) == {(): 0}


def test_a_store_that_is_away_hides_nothing_else() -> None:
    def away() -> Figures:
        raise RepositoryError("the database is away")

    metrics = Metrics("1", away, lambda: START)
    metrics.ran(run_of("outbox", error="the database is away"))
    with served(metrics) as port:
        found = scrape(port)
    assert values(found["ticketcore_store_up"]) == {(): 0}
    assert values(found["ticketcore_job_runs"]) == {("outbox", "failed"): 1}
    assert "ticketcore_outbox_messages" not in found


def test_two_workers_in_one_process_count_apart(desk: Desk) -> None:
    first, second = (Metrics("1", desk.figures, desk.clock.now) for _ in range(2))
    first.ran(run_of("outbox"))
    with served(first) as one, served(second) as two:
        assert values(scrape(one)["ticketcore_job_runs"]) == {("outbox", "ok"): 1}
        assert values(scrape(two)["ticketcore_job_runs"]) == {}


def test_several_at_once_are_answered(metrics: Metrics) -> None:
    with served(metrics) as port, socket.create_connection((HOST, port), timeout=20) as silent:
        assert "ticketcore_info" in scrape(port)  # one that says nothing keeps nobody waiting
        silent.shutdown(socket.SHUT_RDWR)


def test_a_port_that_is_taken_is_an_error(metrics: Metrics) -> None:
    with metrics.served(HOST, 0) as port, pytest.raises(OSError, match="in use"), metrics.served(HOST, port):
        pass
