"""The versions of tickets: listed, shown, compared, brought back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from attrs import define

from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.query import Order, Query, eq
from ticketcore.domain.restoring import Difference, content_of, differences, restored
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.version import VersionedKind, VersionRow
from ticketcore.domain.versioning import (
    PlainState,
    TicketContent,
    TicketVersion,
    VersionSummary,
    damaged,
    rewound,
    state_of,
    summaries,
)
from ticketcore.domain.work import Task
from ticketcore.errors import NotFoundError, Problem, RejectedError
from ticketcore.ports.repository import Transaction
from ticketcore.serde import from_plain
from ticketcore.services.changes import Changes
from ticketcore.services.references import Reference, load, trail
from ticketcore.services.repeating import reads
from ticketcore.services.tasks import tasks_of


def _rows(tx: Transaction, ticket_guid: str) -> list[VersionRow]:
    return tx.find(Query(VersionRow, (eq("ticket_guid", ticket_guid),), (Order("version"),)))


def _structured(state: PlainState, what: str) -> tuple[TicketContent, tuple[Task, ...]]:
    """Return a state as records; ``what`` it is, for the error if it has values that a ticket cannot have.

    Raises:
        RepositoryError: it has.
    """
    try:
        tasks = [from_plain(Task, task) for task in state.tasks.values()]
        content = from_plain(TicketContent, state.fields)
    except (ValueError, TypeError, LookupError) as error:
        raise damaged(what, error) from None
    return content, tuple(sorted(tasks, key=lambda task: (task.sort_order, task.guid)))


def _refuse_other(number: object) -> None:
    if not isinstance(number, int) or isinstance(number, bool):
        raise RejectedError([Problem("version", f"must be a whole number, not {type(number).__name__}")])


class _Past:
    """Everything that was, of one ticket as it is stored now."""

    def __init__(self, tx: Transaction, ticket: Ticket) -> None:
        """Read it."""
        self.ticket = ticket
        self.tasks = tasks_of(tx, ticket.guid)
        self._rows = _rows(tx, ticket.guid)
        self._history: list[HistoryEntry] = trail(tx, ticket.guid)
        self.versions = summaries(ticket, self._history, self._rows)

    def version(self, number: int) -> TicketVersion:
        """Return the version with this number.

        Raises:
            RejectedError: it is no number.
            NotFoundError: there is none; says which there are.
        """
        _refuse_other(number)
        summary = next((one for one in self.versions if one.version == number), None)
        if summary is None:
            first, last = self.versions[0].version, self.versions[-1].version
            there = f"versions {first} to {last}" if first < last else f"version {first} only"
            raise NotFoundError("version", number, hint=f"ticket {self.ticket.ticket_number} has {there}")
        later = [row for row in self._rows if row.version > number]
        then = rewound(state_of(self.ticket, self.tasks), later)
        content, tasks = _structured(then, f"version {number} of the ticket {self.ticket.guid}")
        return TicketVersion(
            ticket_guid=self.ticket.guid,
            ticket_number=self.ticket.ticket_number,
            version=number,
            created_date=summary.created_date,
            changed_by=summary.changed_by,
            history_seq=summary.history_seq,
            ticket=content,
            tasks=tasks,
            history=tuple(row for row in self._history if row.seq <= summary.history_seq),
        )

    def restored(self, number: int, now: datetime) -> Change | None:
        """Return the change that brings a version back, ``None`` if all is as it was."""
        return restored(self.ticket, self.tasks, self.version(number), now=now)


@define(eq=False, repr=False)
class Versions:
    """The operations on versions.

    Whenever a field of a ticket or one of its tasks changes, that makes a version of the ticket. The first one is what
    the ticket was created as. In a database that is older than versions are, it is the oldest state that is known:
    the one before the first change that was made since. What leaves the ticket and its tasks as they are (a comment,
    a link, time that is logged, a sign-off) makes none.
    """

    changes: Changes
    kinds: Callable[[], Mapping[str, VersionedKind]]

    @reads
    def list_versions(self, ticket: Reference) -> list[VersionSummary]:
        """Return the versions of a ticket, the first one first.

        Raises:
            NotFoundError: there is no such ticket.
        """
        with self.changes.repository.transaction(read_only=True) as tx:
            found = load(tx, ticket)
            return summaries(found, trail(tx, found.guid), _rows(tx, found.guid))

    def get_version(self, ticket: Reference, number: int) -> TicketVersion:
        """Return a ticket as it was, with its tasks, and its history up to there.

        Raises:
            NotFoundError: there is no such ticket, or it has no such version.
        """
        return self._past(ticket).version(number)

    def diff_versions(self, ticket: Reference, old: int, new: int) -> list[Difference]:
        """Return what is different in the version ``new`` from the version ``old``, whichever is the later one.

        The fields of the ticket come first, then its tasks.

        Raises:
            NotFoundError: there is no such ticket, or it has no such version.
        """
        past = self._past(ticket)
        first, second = past.version(old), past.version(new)
        return differences(first.ticket, first.tasks, second.ticket, second.tasks)

    def restore_version(self, ticket: Reference, number: int, *, action_by: str) -> Ticket:
        """Bring a version of a ticket back, as a new version, and return the ticket; no change if all is as it was.

        Subject, description, project, priority, type, analysis, score, estimate and watchers become what they were.
        So do the tasks that were open or in progress: their names, descriptions, assignees and statuses, also of those
        that are done or cancelled by now (but on a cancelled ticket no task is taken up again). What was added since
        stays. Status, assignee, package, requester, number, merges and history stay as they are in any case.

        It is a change like any other: policies are asked, the history has a row for each thing that comes back, and
        deadlines follow a priority or type that does.

        Raises:
            NotFoundError: there is no such ticket, or it has no such version.
            ConflictError: ``ticket`` is a record that is out of date.
            RejectedError: the ticket was merged into another one, or a policy refuses; nothing is changed.
        """

        def rule(tx: Transaction, found: Ticket, now: datetime) -> Change | None:
            return _Past(tx, found).restored(number, now)

        return self.changes.apply(ticket, rule, action_by=action_by)

    def plan_restore(self, ticket: Reference, number: int) -> list[Difference]:
        """Return what :meth:`restore_version` would change; policies are not asked, and nothing is changed.

        Raises:
            NotFoundError: there is no such ticket, or it has no such version.
        """
        past = self._past(ticket)
        change = past.restored(number, self.changes.clock.now())
        if change is None:
            return []
        becoming = {task.after.guid: task.after for task in change.tasks}
        tasks = [becoming.get(task.guid, task) for task in past.tasks]
        return differences(content_of(past.ticket), past.tasks, content_of(change.after), tasks)

    def registry(self) -> dict[str, VersionedKind]:
        """Return the kinds of records of which versions are kept, by name, those of plugins too."""
        return dict(self.kinds())

    @reads
    def _past(self, ticket: Reference) -> _Past:
        with self.changes.repository.transaction(read_only=True) as tx:
            return _Past(tx, load(tx, ticket))
