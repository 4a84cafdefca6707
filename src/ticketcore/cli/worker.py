"""The worker: the process that does what nobody waits for."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.output import say

if TYPE_CHECKING:
    from types import FrameType

    from ticketcore.cli.session import Session


@command("worker", "ticketcore worker", "ticketcore worker --once")
@click.option("--once", is_flag=True, help="Run every job once, then exit; with status 1 if one failed.")
@with_session
def worker(session: Session, *, once: bool) -> None:
    """Run the jobs in the background: deliveries.

    Runs until it is told to stop (SIGTERM, or control-C), and finishes what it has begun. Several workers
    may run at the same time. There is a line for each job that did something.
    """

    def report(job: str, outcome: str) -> None:
        if session.json:
            click.echo(json.dumps({"job": job, "outcome": outcome}))
        else:
            say(f"{job}: {outcome}")
        sys.stdout.flush()

    with _stopped_by_signals() as stop:
        well = session.desk.work(once=once, stop=stop, report=report)
    if once and not well:
        click.get_current_context().exit(1)


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Give an event that the first signal to stop sets; the second one ends the process at once."""
    stop = threading.Event()

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
