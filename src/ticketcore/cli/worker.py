"""The worker: the process that does what nobody waits for."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.output import note, say

if TYPE_CHECKING:
    from types import FrameType

    from ticketcore.adapters.health import HealthFile
    from ticketcore.cli.session import Session
    from ticketcore.ports.scheduler import JobRun, Watch


class _Address(click.ParamType[tuple[str, int]]):
    """Where to listen: a port, or an address and a port."""

    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Return the address and the port."""
        if isinstance(value, tuple):
            return value
        address, _, port = str(value).rpartition(":")
        if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:  # noqa: PLR2004 - what a TCP port can be
            self.fail(f"{value!r} is no port; give 9464, or 0.0.0.0:9464", param, ctx)
        return address.strip("[]") or "127.0.0.1", int(port)


@command(
    "worker", "ticketcore worker", "ticketcore worker --once", "ticketcore worker --metrics 9464 --health run.json"
)
@click.option("--once", is_flag=True, help="Run every job once, then exit; with status 1 if one failed.")
@click.option("--job", "only", metavar="NAME", multiple=True, help="Run only this job; repeatable.")
@click.option("--verbose", is_flag=True, help="Show every run, also one that had nothing to do.")
@click.option(
    "--metrics",
    metavar="[ADDRESS:]PORT",
    type=_Address(),
    help="Show metrics in Prometheus' format there. [default address: 127.0.0.1]",
)
@click.option(
    "--health",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to FILE, after every run, how the jobs are.",
)
@with_session
def worker(
    session: Session,
    *,
    once: bool,
    only: tuple[str, ...],
    verbose: bool,
    metrics: tuple[str, int] | None,
    health: Path | None,
) -> None:
    """Run the jobs that keep the desk going.

    outbox delivers what is due, escalations escalates tickets past a deadline, sla gives open tickets new deadlines
    after service levels have changed, recurring makes the tickets of schedules that are due. How often is in
    scheduler.jobs of the configuration.

    Runs until it is told to stop (SIGTERM, or control-C), and finishes the messages that it has taken. Several
    workers may run at the same time. There is a line for each job that did something.
    """
    known = [job.name for job in session.desk.jobs()]
    if unknown := [name for name in only if name not in known]:
        message = f"there is no job {', '.join(unknown)}; there are {', '.join(known) or 'none'}"
        raise click.BadParameter(message, param_hint="'--job'")

    def report(job: str, outcome: str) -> None:
        if session.json:
            click.echo(json.dumps({"job": job, "outcome": outcome}))
        else:
            say(f"{job}: {outcome}")
        sys.stdout.flush()

    with _stopped_by_signals() as stop, ExitStack() as around:
        watches: list[Watch] = [_Verbose(report)] if verbose else []
        life: HealthFile | None = None
        if metrics is not None:
            watches.append(_serve_metrics(session, metrics, around))
        if health is not None:
            watches.append(life := _health_file(session, health))
        if not once:
            _introduce(session, only)
        well = session.desk.work(once=once, stop=stop, report=report, only=only or None, watches=watches)
        if life is not None and stop.is_set():
            life.stopped()
    if not once:
        note("worker: stopped")
    if once and not well:
        click.get_current_context().exit(1)


def _introduce(session: Session, only: tuple[str, ...]) -> None:
    """Say what runs how often."""
    jobs = [f"{job.name} every {job.every:g} s" for job in session.desk.jobs() if not only or job.name in only]
    note(f"worker: {', '.join(jobs) or 'no jobs'}; SIGTERM or control-C stops it")


class _Verbose:
    """Shows the runs that had nothing to do; the scheduler reports the others."""

    def __init__(self, report: Callable[[str, str], None]) -> None:
        self._report = report

    def ran(self, run: JobRun) -> None:
        """Show a run."""
        if not run.outcome and not run.error:
            self._report(run.job, f"nothing to do ({run.seconds:.3f} s)")


def _serve_metrics(session: Session, address: tuple[str, int], around: ExitStack) -> Watch:
    try:
        from ticketcore.adapters.metrics import Metrics
    except ImportError as error:
        message = f"metrics need a library that is not installed ({error}): pip install 'ticketcore[metrics]'"
        raise click.ClickException(message) from None
    from ticketcore import __version__

    found = Metrics(__version__, session.desk.figures, session.desk.clock.now)
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    try:
        port = around.enter_context(found.served(*address))
    except OSError as error:
        message = f"metrics cannot be shown at {host}:{address[1]}: {error.strerror or error}"
        raise click.ClickException(message) from None
    note(f"worker: metrics at http://{host}:{port}/metrics")
    return found


def _health_file(session: Session, path: Path) -> HealthFile:
    from ticketcore.adapters.health import HealthFile

    if not path.absolute().parent.is_dir():
        message = f"there is no folder {path.absolute().parent}"
        raise click.BadParameter(message, param_hint="'--health'")
    return HealthFile(path, session.desk.clock)


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
