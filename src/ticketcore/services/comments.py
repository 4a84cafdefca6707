"""Comments on tickets."""

from __future__ import annotations

from datetime import datetime

from attrs import define

from ticketcore.domain.lifecycle import Change, commented
from ticketcore.domain.query import Condition, Order, Query, eq
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Comment
from ticketcore.ports.repository import Transaction
from ticketcore.services.changes import Changes
from ticketcore.services.people import same_person
from ticketcore.services.references import Reference, guid_of
from ticketcore.services.repeating import reads


@define(eq=False, repr=False)
class Comments:
    """The operations on comments."""

    changes: Changes

    def add_comment(self, ticket: Reference, text: str, *, commented_by: str, is_internal: bool = False) -> Comment:
        """Comment on a ticket and return the comment.

        The first public comment by somebody other than the requester is the response that the SLA counts.

        Args:
            ticket: the ticket.
            text: what to say.
            commented_by: who says it.
            is_internal: whether it is for staff only.

        Raises:
            RejectedError: the text is empty.
            NotFoundError: there is no such ticket.
        """
        made: list[Comment] = []

        def rule(tx: Transaction, found: Ticket, now: datetime) -> Change:
            change = commented(
                found,
                guid=self.changes.ids.new(now),
                text=text,
                commented_by=" ".join(commented_by.split()),
                is_internal=is_internal,
                by_requester=same_person(tx, commented_by, found.requested_by),
                now=now,
            )
            made[:] = [change.comment] if change.comment else []
            return change

        self.changes.apply(ticket, rule, action_by=commented_by, commutes=True)
        return made[0]

    @reads
    def get_comments(self, ticket: Reference, include_internal: bool = False) -> list[Comment]:  # noqa: FBT001, FBT002 - the specified signature
        """Return the comments on a ticket, the oldest first; internal ones only if asked for."""
        with self.changes.repository.transaction(read_only=True) as tx:
            where: tuple[Condition, ...] = (eq("ticket_guid", guid_of(tx, ticket)),)
            if not include_internal:
                where += (eq("is_internal", value=False),)
            return tx.find(Query(Comment, where, (Order("created_date"), Order("guid"))))
