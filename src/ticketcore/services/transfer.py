"""Tickets to and from files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO, Unpack

from attrs import define

from ticketcore.ports.keys import Keys
from ticketcore.services.changes import Changes
from ticketcore.services.creation import Creation
from ticketcore.services.exporting import Told, export_objects, write_csv, write_lines
from ticketcore.services.filters import Filters
from ticketcore.services.import_path import ImportPath
from ticketcore.services.importing import Import, ImportReport, Progress
from ticketcore.services.progress import untold
from ticketcore.services.queries import Queries


@define(eq=False, repr=False)
class Transfer:
    """Tickets with all that is below them, out of one store and into another.

    People, rules, service levels, templates, schedules and the outbox are not part of it.
    """

    changes: Changes
    creation: Creation
    queries: Queries
    keys: Callable[[], Keys]

    def export_tickets(self, **filters: Unpack[Filters]) -> Iterator[dict[str, Any]]:
        """Yield the tickets that fit, by number, each as a plain object with everything below it.

        All of them are as they were at one moment, when the first one was asked for: a transaction stays open for
        reading until the last one was, or the iterator is closed. Only some tickets are in memory at a time.

        Args:
            **filters: the conditions of :meth:`~ticketcore.services.queries.Queries.get_tickets_by_filter`; all
                tickets by default.

        Raises:
            RejectedError: one of the filters is wrong.
        """
        return export_objects(self.changes.repository, self.queries, filters)

    def write_lines(self, file: BinaryIO, *, told: Told | None = None, **filters: Unpack[Filters]) -> int:
        """Write the tickets that fit to a binary file as JSON Lines, which :meth:`import_tickets` reads.

        The first line is a header, each further line is a ticket as :meth:`export_tickets` yields it.

        Args:
            file: where to write.
            told: is told again and again how many tickets are written.
            **filters: see :meth:`export_tickets`.

        Returns:
            How many tickets there were.

        Raises:
            RejectedError: one of the filters is wrong.
        """
        return write_lines(file, self.export_tickets(**filters), told or untold)

    def write_csv(self, file: BinaryIO, *, told: Told | None = None, **filters: Unpack[Filters]) -> int:
        """Write the tickets that fit to a binary file as CSV, one row for each, without what is below them.

        It is for spreadsheets: a text that one might take for a formula gets an apostrophe in front. See
        :meth:`write_lines` for the rest.
        """
        return write_csv(file, self.changes.repository, self.queries, filters, told or untold)

    def import_tickets(
        self,
        file: str | Path | BinaryIO,
        *,
        action_by: str,
        dry_run: bool = False,
        renumber: bool = False,
        progress: Progress | None = None,
        stop: Event | None = None,
    ) -> ImportReport:
        """Store the tickets of a file of JSON Lines, and say what that came to.

        A line is a whole ticket, as an export writes it, and is stored as it is; or it has what :meth:`Tickets.create
        <ticketcore.services.lifecycle.Tickets.create>` takes, and ``created_date``, and makes a new ticket.

        The whole file is checked before anything is stored. Then the tickets are written in transactions of some
        hundred each. A ticket that is there already is skipped, so an import that was interrupted goes on when it is
        repeated. People are told of nothing; the observers of plugins are told of each ticket, by the worker.

        Args:
            file: the path of a file, or a binary file.
            action_by: who imports.
            dry_run: whether only to check the file.
            renumber: whether a ticket whose number is taken gets a new one; otherwise it is refused.
            progress: is told the step (checking, writing, linking) and how many bytes of the file are through.
            stop: an event; soon after it is set this returns.

        Raises:
            RejectedError: with the problems of the file and their lines; nothing is stored, unless it was changed
                meanwhile, or the tickets were.
            OSError: the file cannot be read.
        """
        with ExitStack() as around:
            opened = around.enter_context(Path(file).open("rb")) if isinstance(file, str | Path) else file
            if not opened.seekable():  # it is read several times
                kept = around.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(opened, kept)
                opened = kept
            run = Import(
                ImportPath.of(self.changes),
                self.creation,
                self.keys,
                opened,
                action_by,
                renumber,
                progress or untold,
                stop or Event(),
            )
            return run.run(dry_run=dry_run)
