"""Questions about tickets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, tzinfo
from enum import StrEnum
from typing import Any, TypeVar

from attrs import define

from ticketcore.domain.checks import Checks
from ticketcore.domain.eta import parse_instant
from ticketcore.domain.history import HistoryEntry, verify_whole
from ticketcore.domain.query import AllOf, AnyOf, Condition, Expression, Op, Order, Query, eq, one_of
from ticketcore.domain.search import parse_search
from ticketcore.domain.ticket import ACTIVE, Priority, Status, Ticket, TicketType
from ticketcore.errors import Problem, RejectedError, quoted
from ticketcore.ports.repository import Repository
from ticketcore.ports.system import Clock
from ticketcore.services.narrowing import in_package, refuse_limit, same
from ticketcore.services.people import identities_of
from ticketcore.services.references import Reference, guid_of, load, trail
from ticketcore.services.repeating import reads
from ticketcore.services.sla import overdue_where

SORTS: dict[str, str] = {
    "number": "ticket_number",
    "created": "created_date",
    "updated": "updated_date",
    "due": "sla_resolution_deadline",
    "priority": "priority",
}
"""What tickets can be sorted by, and the field that it means."""

E = TypeVar("E", bound=StrEnum)
Several = str | Iterable[str] | None


def _members(checks: Checks, field: str, values: Several, kind: type[E]) -> tuple[Expression, ...]:
    """Return the condition that ``field`` is one of ``values``; none if they are ``None``."""
    if values is None:
        return ()
    several: object = values
    wanted = list(values) if isinstance(several, Iterable) and not isinstance(values, str) else [values]
    known = (checks.member(field, value, kind) for value in wanted)
    return (one_of(field, [member for member in known if member is not None]),)


def _order(sort: str) -> tuple[Order, ...]:
    """Return the order that ``sort`` means.

    Raises:
        RejectedError: it means none.
    """
    given: object = sort
    if not isinstance(given, str) or given.removeprefix("-") not in SORTS:
        choice = ", ".join(SORTS)
        raise RejectedError(
            [Problem("sort", f"{quoted(sort)} is not known; choose one of {choice}, with - in front to reverse")]
        )
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    first = Order(SORTS[name], descending)
    return (first,) if name == "number" else (first, Order("ticket_number", descending))


@define(eq=False, repr=False)
class Queries:
    """The questions. Lists hold records; ``package`` narrows a question down, all packages by default."""

    repository: Repository
    clock: Clock
    zone: tzinfo

    @reads
    def get_history(self, ticket: Reference) -> list[HistoryEntry]:
        """Return the audit trail of a ticket, in order.

        Raises:
            NotFoundError: there is no such ticket.
        """
        with self.repository.transaction(read_only=True) as tx:
            return trail(tx, guid_of(tx, ticket))

    def verify_history(self, ticket: Reference) -> list[str]:
        """Return what is wrong with the chain of a ticket's audit trail; empty if nothing is.

        Rows cut off at the end leave a chain that is true as far as it goes, and are not noticed.
        """
        return verify_whole(self.get_history(ticket))

    def get_open_tickets(self, package: str | None = None) -> list[Ticket]:
        """Return the active tickets (everything but RESOLVED, CLOSED and CANCELLED), by number."""
        return self._tickets(one_of("status", ACTIVE), *in_package(package))

    def get_overdue_tickets(self, package: str | None = None) -> list[Ticket]:
        """Return the active tickets that owe an answer or a solution whose deadline has passed."""
        return self._tickets(*overdue_where(self.clock), *in_package(package))

    def get_unassigned_tickets(self, package: str | None = None) -> list[Ticket]:
        """Return the active tickets that nobody works on."""
        return self._tickets(one_of("status", ACTIVE), eq("assigned_to", ""), *in_package(package))

    def get_tickets_by_assignee(self, assignee: str) -> list[Ticket]:
        """Return somebody's active tickets; an address, a login name or a guid find the same ones.

        Raises:
            RejectedError: ``assignee`` is empty.
        """
        checks = Checks()
        if not checks.text("assignee", assignee).strip() and not checks.problems:
            checks.problems.append(Problem("assignee", "must not be empty; see get_unassigned_tickets"))
        checks.done()
        return self._tickets(one_of("status", ACTIVE), self._assignee(assignee))

    @reads
    def get_status_summary(self, package: str | None = None) -> dict[str, int]:
        """Return how many tickets are in each status, zeros included, in the order of the workflow."""
        with self.repository.transaction(read_only=True) as tx:
            counts = tx.count_by(Query(Ticket, in_package(package)), "status")
        return {status.value: counts.get(status, 0) for status in Status}

    @reads
    def get_sla_breach_count(self, package: str | None = None) -> int:
        """Return how many tickets missed a target: reached it too late, or owe it past its deadline."""
        late = AnyOf((eq("sla_response_met", value=False), eq("sla_resolution_met", value=False)))
        broken = AnyOf((late, AllOf(overdue_where(self.clock))))
        with self.repository.transaction(read_only=True) as tx:
            return tx.count(Query(Ticket, (broken, *in_package(package))))

    @reads
    def get_tickets_by_filter(
        self,
        package: str | None = None,
        status: Several = None,
        priority: Several = None,
        assignee: str | None = None,
        *,
        project: str | None = None,
        ticket_type: Several = None,
        created_after: str | date | datetime | None = None,
        created_before: str | date | datetime | None = None,
        search: str | None = None,
        internal: bool = False,
        sort: str = "number",
        limit: int | None = None,
        after: Reference | None = None,
    ) -> list[Ticket]:
        """Return the tickets that fit everything that is given, a page at a time.

        Args:
            package: only this package.
            status: only this status, or one of several.
            priority: only this priority, or one of several.
            assignee: only this one's: an address, a login name or a guid; empty for nobody's.
            project: only this project.
            ticket_type: only this type, or one of several.
            created_after: only tickets created at or after it (ISO 8601; a date is its start in the
                configured zone).
            created_before: only tickets created before it.
            search: only tickets with all of these words; see :meth:`search`.
            internal: whether the words may be in internal comments.
            sort: number, created, updated, due (resolution deadline) or priority (most urgent first); with
                ``-`` in front reversed. Without a deadline comes last.
            limit: the most tickets to return.
            after: the last ticket of the page before, to go on behind it. Its record is exact; by a number or
                guid the ticket is looked up, and may have moved since.

        Raises:
            RejectedError: an unknown status, priority, type or sort, a wrong date, a search without a word, or a
                limit below 1.
            NotFoundError: there is no ticket ``after``.
        """
        checks = Checks()
        where: list[Expression] = [
            *same(checks, "package", package),
            *same(checks, "project", project),
            *_members(checks, "status", status, Status),
            *_members(checks, "priority", priority, Priority),
            *_members(checks, "ticket_type", ticket_type, TicketType),
            *self._since(checks, "created_after", Op.GE, created_after),
            *self._since(checks, "created_before", Op.LT, created_before),
        ]
        whose = None if assignee is None else checks.text("assignee", assignee)
        sought = None if search is None else checks.attempt(lambda: parse_search(search, internal=internal))
        order = checks.attempt(lambda: _order(sort))
        checks.attempt(lambda: refuse_limit(limit))
        checks.done()
        if whose is not None:
            where.append(self._assignee(whose) if whose else eq("assigned_to", ""))
        with self.repository.transaction(read_only=True) as tx:
            last: tuple[Any, ...] | None = None
            if after is not None:
                record = after if isinstance(after, Ticket) else load(tx, after)
                last = tuple(getattr(record, key.field) for key in order)
            return tx.find(Query(Ticket, tuple(where), order, limit, last, sought))

    def search(
        self,
        text: str,
        *,
        package: str | None = None,
        status: Several = None,
        internal: bool = False,
        limit: int | None = None,
        after: Reference | None = None,
    ) -> list[Ticket]:
        """Return the tickets that have all words of ``text``, the newest first, a page at a time.

        The words may be in the subject, the description, the analysis or the comments, in any order. A word is found
        whole; case does not count, accents do. Everything in ``text`` that is no letter or digit separates words.

        Args:
            text: what to look for.
            package: only in this package.
            status: only in this status, or one of several.
            internal: whether to look into internal comments too.
            limit: the most tickets to return.
            after: the last ticket of the page before, to go on behind it.

        Raises:
            RejectedError: ``text`` has no word or too many, the status is unknown, or the limit is below 1.
            NotFoundError: there is no ticket ``after``.
        """
        return self.get_tickets_by_filter(
            package, status, search=text, internal=internal, sort="-number", limit=limit, after=after
        )

    def _since(self, checks: Checks, field: str, op: Op, value: str | date | datetime | None) -> tuple[Expression, ...]:
        """Return the condition that a ticket was created before or after ``value``; none if that is ``None``."""
        if value is None:
            return ()
        instant = checks.attempt(lambda: parse_instant(field, value, self.zone, end_of_day=False))
        return (Condition("created_date", op, instant),)

    @reads
    def _assignee(self, assignee: str) -> Expression:
        with self.repository.transaction(read_only=True) as tx:
            return one_of("assigned_to", identities_of(tx, assignee))

    @reads
    def _tickets(self, *where: Expression) -> list[Ticket]:
        with self.repository.transaction(read_only=True) as tx:
            return tx.find(Query(Ticket, where, (Order("ticket_number"),)))
