"""Tickets to and from files."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.filters import with_filter
from ticketcore.cli.main import INTERRUPTED
from ticketcore.cli.options import STANDARD, FixedList
from ticketcore.cli.output import note, print_json, say, tickets_counted
from ticketcore.cli.progress import interruptible, progress_shown
from ticketcore.serde import to_plain

if TYPE_CHECKING:
    from ticketcore.cli.session import Session
    from ticketcore.services.filters import Filters
    from ticketcore.services.importing import ImportReport

_LINES, _CSV = "jsonl", "csv"
_STEPS = {"checking": "Checking", "writing": "Writing", "linking": "Linking"}


@command(
    "export",
    "ticketcore export tickets.jsonl",
    "ticketcore export open.csv --status NEW --status IN_PROGRESS",
    "ticketcore export - --package CORE | gzip > core.jsonl.gz",
)
@click.argument("file", metavar="[FILE]", default=STANDARD, type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "--format",
    "kind",
    type=FixedList([_LINES, _CSV]),
    help="How to write: jsonl (JSON Lines, with everything) or csv. [default: csv for a FILE that ends with .csv]",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it is there.")
@with_filter
@with_session
def export(session: Session, *, file: str, kind: str | None, force: bool, filters: Filters) -> None:
    """Write tickets to a file.

    JSON Lines has each ticket with everything below it (history, comments, tasks, links, time, sign-offs, versions),
    and is what ticketcore import reads. CSV has one row for each ticket, for spreadsheets. FILE appears when it is
    complete; without FILE, or with -, standard output is written to.
    """
    transfer = session.desk.transfer
    as_csv = (kind or (_CSV if file.lower().endswith(".csv") else _LINES)) == _CSV
    write = transfer.write_csv if as_csv else transfer.write_lines
    if file == STANDARD:
        if session.json and as_csv:
            message = "--json and --format csv exclude each other"
            raise click.UsageError(message)
        write(sys.stdout.buffer, **filters)
        return
    with _replacing(Path(file), force=force) as target, progress_shown("Writing") as shown:
        count = write(target, told=lambda done: shown(done, ""), **filters)
    if session.json:
        print_json({"file": file, "tickets": count})
    else:
        say(f"{tickets_counted(count)} written to {file}")


@contextmanager
def _replacing(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Give a file beside ``path`` that takes its place at the end of the block, or is removed if that fails."""
    place = path.resolve()
    if place.exists() and not place.is_file():
        message = f"{path} is no ordinary file; - writes to standard output"
        raise click.ClickException(message)
    if place.exists() and not force:
        message = f"{path} is there already; --force overwrites it"
        raise click.ClickException(message)
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with beside.open("xb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        beside.replace(place)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError) and error.filename in {None, str(beside)}:
            raise OSError(error.errno, error.strerror, str(path)) from None  # nobody has typed the name beside it
        raise


@command(
    "import",
    "ticketcore import tickets.jsonl --dry-run",
    "ticketcore import tickets.jsonl --renumber",
    "zcat core.jsonl.gz | ticketcore import -",
)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--renumber", is_flag=True, help="Give a ticket whose number is taken a new one.")
@click.option("--dry-run", is_flag=True, help="Only check the file.")
@with_session
def import_(session: Session, *, file: str, renumber: bool, dry_run: bool) -> None:
    """Read tickets from a file.

    FILE (- for standard input) is JSON Lines: what ticketcore export has written, or objects with a subject and what
    else ticketcore create takes. All of it is checked before anything is stored. What is there already is skipped, so
    an import that was interrupted goes on when it is repeated.
    """
    with _opened(file) as source, interruptible() as stop:
        size = source.seek(0, os.SEEK_END)
        with progress_shown("Checking", size) as shown:
            report = session.desk.transfer.import_tickets(
                source,
                action_by=session.by,
                dry_run=dry_run,
                renumber=renumber,
                progress=lambda step, done: shown(done, _STEPS[step]),
                stop=stop,
            )
    for warning in report.warnings:
        note(f"Warning: {warning}")
    if session.json:
        print_json({"dry_run": dry_run, **to_plain(report)})
    else:
        say(_imported(report, dry_run=dry_run))
    if not report.complete:
        note("Interrupted: import the file again to go on.")
        click.get_current_context().exit(INTERRUPTED)


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """Give a file that can be read several times, which a pipe cannot."""
    if Path(file).is_file():
        with Path(file).open("rb") as source:
            yield source
        return
    with tempfile.TemporaryFile() as kept:
        if file == STANDARD:
            shutil.copyfileobj(sys.stdin.buffer, kept)
        else:
            with Path(file).open("rb") as source:
                shutil.copyfileobj(source, kept)
        yield kept


def _imported(report: ImportReport, *, dry_run: bool) -> str:
    words = [f"{tickets_counted(report.created)} {'can be imported' if dry_run else 'imported'}"]
    words += [f"{report.present} were there already"] if report.present else []
    words += [f"{report.links} links"] if report.links else []
    words += [f"{len(report.renumbered)} got a new number"] if report.renumbered else []
    return ", ".join(words)
