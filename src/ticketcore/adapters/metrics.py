"""Metrics of the worker in Prometheus' format (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ticketcore.errors import TicketcoreError
from ticketcore.ports.scheduler import JobRun
from ticketcore.services.jobs import Figures


class Metrics:
    """Counts runs of jobs, and shows them, and what is in the store, over HTTP."""

    def __init__(self, version: str, figures: Callable[[], Figures], now: Callable[[], datetime]) -> None:
        """Begin to count.

        Args:
            version: the version of ticketcore.
            figures: counts what is in the store; called at every scrape, from a thread of its own.
            now: tells the time.
        """
        self.registry = CollectorRegistry()
        self._runs = Counter("ticketcore_job_runs", "Runs of jobs.", ["job", "result"], registry=self.registry)
        self._seconds = Histogram(
            "ticketcore_job_duration_seconds", "How long runs of jobs took.", ["job"], registry=self.registry
        )
        self._success = Gauge(
            "ticketcore_job_last_success_timestamp_seconds",
            "When a job last ended well.",
            ["job"],
            registry=self.registry,
        )
        about = Gauge("ticketcore_info", "The version of ticketcore.", ["version"], registry=self.registry)
        about.labels(version).set(1)
        self.registry.register(_Store(figures, now))

    def ran(self, run: JobRun) -> None:
        """Take note of a run."""
        self._runs.labels(run.job, "failed" if run.error else "ok").inc()
        self._seconds.labels(run.job).observe(run.seconds)
        if not run.error:
            self._success.labels(run.job).set(run.started.timestamp() + run.seconds)

    @contextmanager
    def served(self, address: str, port: int) -> Iterator[int]:
        """Show the metrics over HTTP at ``address`` while the block lasts; give the port (0 takes a free one).

        Raises:
            OSError: nobody can listen there.
        """
        server, thread = start_http_server(port, address, registry=self.registry)
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Store(Collector):
    """Counts what is in the store when it is asked."""

    def __init__(self, figures: Callable[[], Figures], now: Callable[[], datetime]) -> None:
        self._figures = figures
        self._now = now

    def describe(self) -> list[GaugeMetricFamily]:
        """Return nothing, so that registering does not ask the store."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the figures of this moment; without the store, that it is away."""
        figures: Figures | None = None
        with suppress(TicketcoreError):  # the jobs that fail for the same reason say which it is
            figures = self._figures()
        yield GaugeMetricFamily("ticketcore_store_up", "Whether the store could be asked.", float(figures is not None))
        if figures is not None:
            yield from self._shown(figures)

    def _shown(self, figures: Figures) -> Iterator[GaugeMetricFamily]:
        messages = GaugeMetricFamily("ticketcore_outbox_messages", "Messages in the outbox.", labels=["state"])
        for state, count in figures.messages.items():
            messages.add_metric([state], count)
        yield messages
        waited = (self._now() - figures.oldest_due).total_seconds() if figures.oldest_due else 0.0
        help_text = "For how long the oldest undelivered message is due."
        yield GaugeMetricFamily("ticketcore_outbox_oldest_due_seconds", help_text, max(waited, 0.0))
        tickets = GaugeMetricFamily("ticketcore_tickets", "Tickets.", labels=["status"])
        for status, number in figures.tickets.items():
            tickets.add_metric([status], number)
        yield tickets
