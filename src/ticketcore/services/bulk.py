"""The same change of many tickets, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from threading import Event
from typing import Any, Unpack, cast

from attrs import define, evolve, field, frozen

from ticketcore.domain.address import as_address
from ticketcore.domain.assessment import scored
from ticketcore.domain.checks import Checks
from ticketcore.domain.lifecycle import assigned, checked_note, commented, updated, watcher_added
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.domain.versioning import VERSIONED, plain
from ticketcore.domain.work import Comment
from ticketcore.errors import ConflictError, InvalidTransitionError, NotFoundError, Problem, RejectedError
from ticketcore.ports.repository import Repository
from ticketcore.services.changes import Changes
from ticketcore.services.comments import Comments
from ticketcore.services.filters import PAGE, Filters, Rehearsal, pages
from ticketcore.services.lifecycle import Tickets
from ticketcore.services.queries import Queries
from ticketcore.services.references import Reference, load, tickets_of
from ticketcore.services.repeating import reads


class BulkResult(StrEnum):
    """What became of one ticket."""

    DONE = "DONE"
    UNCHANGED = "UNCHANGED"
    REFUSED = "REFUSED"


@frozen(kw_only=True)
class Picked:
    """A ticket that was picked: which one, and as of when."""

    guid: str
    ticket_number: int
    row_version: int


@frozen(kw_only=True)
class BulkOutcome:
    """What became of one ticket: ``changes`` has fields with their old and new value, ``reason`` why it was refused."""

    guid: str
    ticket_number: int
    subject: str
    result: BulkResult
    changes: Mapping[str, tuple[Any, Any]] = field(factory=dict)
    reason: str = ""


@frozen(kw_only=True)
class BulkReport:
    """What became of the tickets that were picked; ``complete`` is false where it was stopped before the last one."""

    outcomes: tuple[BulkOutcome, ...] = ()
    complete: bool = True

    def of(self, result: BulkResult) -> list[BulkOutcome]:
        """Return the tickets of which this became."""
        return [outcome for outcome in self.outcomes if outcome.result is result]


Told = Callable[[BulkOutcome], object]
"""Is told what became of a ticket as soon as that is known."""

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "change_status": ("new_status", "notes"),
    "resolve": ("notes",),
    "close": (),
    "escalate": ("reason",),
    "cancel": ("reason",),
    "reopen": ("reason",),
    "assign": ("user",),
    "update": ("package", "project", "priority", "ticket_type"),
    "add_watcher": ("email",),
    "remove_watcher": ("email",),
    "set_eta": ("eta_date",),
    "set_work_score": ("score",),
    "add_comment": ("text", "is_internal"),
}
"""What can be done with many tickets, under the names of the calls for one, and the arguments that these take."""

_REQUIRED = frozenset({"new_status", "user", "email", "eta_date", "score", "text"})
_FOLLOWING = frozenset({"resolved_date", "closed_date"})
"""Fields that follow from the status, and say nothing new beside it."""

_EPOCH = datetime.fromtimestamp(0, UTC)
_ANY = Ticket(guid="", package="-", subject="-", created_date=_EPOCH, updated_date=_EPOCH)
"""A ticket on which it is tried whether the arguments themselves are right."""


@define(eq=False, repr=False)
class Bulk:
    """The same change of many tickets.

    Each is changed by the ordinary operation, in a transaction of its own, with all that belongs to it: history,
    policies, news. One that is refused, or has changed since it was picked, holds up none of the others.
    """

    changes: Changes
    tickets: Tickets
    queries: Queries

    @reads
    def select(self, tickets: Iterable[Reference] | None = None, **filters: Unpack[Filters]) -> list[Picked]:
        """Pick tickets, by number: those that are named, or all that fit.

        Args:
            tickets: guids, numbers or records; a record is picked as it says, whatever the ticket has become.
            **filters: without ``tickets``, the conditions of
                :meth:`~ticketcore.services.queries.Queries.get_tickets_by_filter`.

        Raises:
            RejectedError: one of the filters is wrong, or some of ``tickets`` do not exist.
        """
        with self.changes.repository.transaction(read_only=True) as tx:
            if tickets is None:
                return [_picked(ticket) for page in pages(tx, self.queries, filters) for ticket in page]
            found: dict[str, Picked] = {}
            problems: list[Problem] = []
            for reference in tickets:
                try:
                    ticket = load(tx, reference)
                except NotFoundError as error:
                    problems.append(Problem("tickets", error.message))
                else:
                    found.setdefault(ticket.guid, _picked(reference if isinstance(reference, Ticket) else ticket))
            if problems:
                raise RejectedError(problems)
            return sorted(found.values(), key=lambda one: one.ticket_number)

    def run(
        self,
        operation: str,
        picked: Iterable[Picked],
        *,
        action_by: str,
        told: Told | None = None,
        stop: Event | None = None,
        **values: Any,
    ) -> BulkReport:
        """Do one operation with many tickets, and say what became of each.

        Args:
            operation: the name of the call for one ticket: change_status, resolve, close, escalate, cancel, reopen,
                assign, update (package, project, priority, ticket_type), add_watcher, remove_watcher, set_eta,
                set_work_score or add_comment.
            picked: which tickets; see :meth:`select`.
            action_by: who does it.
            told: is told of each ticket as soon as it is through.
            stop: an event; once it is set, no further ticket is changed.
            **values: what the call takes besides.

        Raises:
            RejectedError: there is no such operation, or its arguments are wrong; nothing is changed.
        """
        return self._all(self.changes, operation, picked, values, action_by, told, stop)

    def preview(
        self,
        operation: str,
        picked: Iterable[Picked],
        *,
        action_by: str,
        told: Told | None = None,
        stop: Event | None = None,
        **values: Any,
    ) -> BulkReport:
        """Return what :meth:`run` would come to, of each ticket by itself; nothing is changed and nobody told.

        Everything that the change asks is asked, the workflow and the policies of plugins too: it is made, and undone
        at the end of its transaction. So the store has to be one that can be written.

        Raises:
            RejectedError: there is no such operation, or its arguments are wrong.
        """
        silent = evolve(self.changes.dispatcher, settings=evolve(self.changes.dispatcher.settings, inline=False))
        rehearsal = cast("Repository", Rehearsal(self.changes.repository))
        changes = evolve(self.changes, repository=rehearsal, dispatcher=silent)
        return self._all(changes, operation, picked, values, action_by, told, stop)

    def _all(
        self,
        changes: Changes,
        operation: str,
        picked: Iterable[Picked],
        values: Mapping[str, Any],
        action_by: str,
        told: Told | None,
        stop: Event | None,
    ) -> BulkReport:
        checks = Checks()
        checks.line("action_by", action_by, required=True)
        checks.attempt(lambda: self._check(operation, values))
        checks.done()
        one = _Operation(evolve(self.tickets, changes=changes), Comments(changes), operation, values, action_by)
        outcomes: list[BulkOutcome] = []
        wanted = list(picked)
        for start in range(0, len(wanted), PAGE):
            page = wanted[start : start + PAGE]
            stored = self._stored(page)
            for ticket in page:
                if stop is not None and stop.is_set():
                    return BulkReport(outcomes=tuple(outcomes), complete=False)
                outcomes.append(one.outcome(ticket, stored.get(ticket.guid)))
                if told is not None:
                    told(outcomes[-1])
        return BulkReport(outcomes=tuple(outcomes))

    @reads
    def _stored(self, page: Sequence[Picked]) -> dict[str, Ticket]:
        with self.changes.repository.transaction(read_only=True) as tx:
            return tickets_of(tx, (ticket.guid for ticket in page))

    def _check(self, operation: str, values: Mapping[str, Any]) -> None:
        """Refuse what would be refused for every ticket.

        Raises:
            RejectedError: there is no such operation, or its arguments are wrong.
        """
        takes = OPERATIONS.get(operation)
        if takes is None:
            problem = Problem("operation", f"{operation!r} is not known; choose one of {', '.join(OPERATIONS)}")
            raise RejectedError([problem])
        known = ", ".join(takes) or "nothing"
        problems = [
            Problem(name, f"is nothing that {operation} takes: {known}") for name in values if name not in takes
        ]
        problems += [Problem(name, "is missing") for name in takes if name in _REQUIRED and name not in values]
        if operation == "update" and not values:
            problems.append(Problem("update", f"must name at least one of {known}"))
        if problems:
            raise RejectedError(problems)
        self._check_values(operation, values)

    def _check_values(self, operation: str, values: Mapping[str, Any]) -> None:
        match operation:
            case "change_status":
                checks = Checks()
                checks.member("status", values["new_status"], Status)
                checks.done()
            case "assign":
                assigned(_ANY, values["user"], name="")
            case "update":
                updated(_ANY, dict(values))
            case "add_watcher":
                watcher_added(_ANY, values["email"])
            case "set_eta":
                self.tickets.creation.estimate(values["eta_date"])
            case "set_work_score":
                scored(_ANY, values["score"])
            case "add_comment":
                _refuse_comment(values["text"])
        checked_note(values.get("notes", values.get("reason", "")))


def _refuse_comment(text: str) -> None:
    commented(_ANY, guid="", text=text, commented_by="", is_internal=True, by_requester=False, now=_EPOCH)


def _picked(ticket: Ticket) -> Picked:
    return Picked(guid=ticket.guid, ticket_number=ticket.ticket_number, row_version=ticket.row_version)


@frozen(eq=False)
class _Operation:
    """One operation with its arguments."""

    tickets: Tickets
    comments: Comments
    name: str
    values: Mapping[str, Any]
    action_by: str

    def outcome(self, picked: Picked, before: Ticket | None) -> BulkOutcome:
        """Do it with one ticket that was picked, and is as ``before`` now."""
        facts: dict[str, Any] = {"guid": picked.guid, "ticket_number": picked.ticket_number, "subject": ""}
        if before is None:
            return BulkOutcome(**facts, result=BulkResult.REFUSED, reason="it does not exist any more")
        facts["subject"] = before.subject
        # A record says as of when it was looked at, so a ticket that has changed since is refused.
        seen = evolve(before, row_version=picked.row_version)
        try:
            changes = self._done(seen, before)
        except InvalidTransitionError as error:
            is_there = error.wanted == before.status
            result = BulkResult.UNCHANGED if is_there else BulkResult.REFUSED
            return BulkOutcome(**facts, result=result, reason="" if is_there else "; ".join(error.lines()))
        except (RejectedError, ConflictError, NotFoundError) as error:
            return BulkOutcome(**facts, result=BulkResult.REFUSED, reason="; ".join(error.lines()))
        if changes is None:
            return BulkOutcome(**facts, result=BulkResult.UNCHANGED)
        return BulkOutcome(**facts, result=BulkResult.DONE, changes=changes)

    def _done(self, seen: Ticket, before: Ticket) -> dict[str, tuple[Any, Any]] | None:
        """Do it; return what is different then, ``None`` if nothing is."""
        if self.name == "add_comment":
            made: Comment = self.comments.add_comment(seen, commented_by=self.action_by, **self.values)
            return {"comment": (None, made.text)}
        if self.name == "remove_watcher" and not self._watches(before):
            return None
        after: Ticket = getattr(self.tickets, self.name)(seen, action_by=self.action_by, **self.values)
        return None if after.row_version == before.row_version else _differences(before, after)

    def _watches(self, ticket: Ticket) -> bool:
        email = self.values["email"]
        return (as_address(email) or email) in ticket.watchers


def _differences(before: Ticket, after: Ticket) -> dict[str, tuple[Any, Any]]:
    names: Sequence[str] = [name for name in VERSIONED if name not in _FOLLOWING]
    values = {name: (plain(getattr(before, name)), plain(getattr(after, name))) for name in names}
    return {name: (old, new) for name, (old, new) in values.items() if old != new}
