"""Signing a ticket off: who is asked, who may answer, and what each step makes of the request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from attrs import evolve

from ticketcore.domain.events import NotifyCode
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Signoff, SignoffStatus
from ticketcore.errors import Problem, RejectedError

ROLE_LENGTH = 100


def request_of(asked: Iterable[Signoff], email: str | None, person_guid: str | None) -> Signoff | None:
    """Return the request to whoever has this address, or is the person with this guid; ``None`` if there is none."""
    requests = list(asked)
    by_address = next((one for one in requests if one.email == email), None)
    return by_address or next((one for one in requests if person_guid and one.person_guid == person_guid), None)


def requested(ticket: Ticket, requests: Iterable[Signoff], asked: Sequence[Signoff], *, name: str) -> Change | None:
    """Return the change that asks people to sign ``ticket`` off, ``None`` if all of them are asked already.

    Args:
        ticket: the ticket.
        requests: what is to be asked, one for each address.
        asked: what was asked before. Who has not answered yet is not asked twice. Who has answered, or is not asked
            any more, is asked anew, on the same record.
        name: who asks, as people know them.
    """
    pairs = [(one, request_of(asked, one.email, one.person_guid)) for one in requests]
    new = [(one, known) for one, known in pairs if known is None or known.status is not SignoffStatus.PENDING]
    if not new:
        return None
    return Change(
        before=ticket,
        after=ticket,
        entries=tuple(Entry(Action.SIGNOFF_REQUESTED, "signoff", None, one.email, one.role) for one, _ in new),
        adds=tuple(one for one, known in new if known is None),
        saves=tuple(evolve(one, guid=known.guid) for one, known in new if known is not None),
        event=NotifyCode.SIGNOFF_REQUESTED,
        detail=_question(ticket.ticket_number, new[0][0].role, name),
        to=tuple(one.email for one, _ in new),
    )


def requested_again(ticket: Ticket, asked: Iterable[Signoff], *, name: str) -> Change:
    """Return what reminds those who have not answered yet; it changes nothing.

    Args:
        ticket: the ticket.
        asked: what was asked before.
        name: who reminds them, as people know them.
    """
    pending = [one for one in asked if one.status is SignoffStatus.PENDING]
    roles = {one.role for one in pending}
    return Change(
        before=ticket,
        after=ticket,
        entries=(),
        event=NotifyCode.SIGNOFF_REQUESTED,
        detail=_question(ticket.ticket_number, roles.pop() if len(roles) == 1 else "", name) if pending else "",
        to=tuple(one.email for one in pending),
    )


def _question(number: int, role: str, name: str) -> str:
    """Return what is said to those who are asked."""
    return (
        f"{name} asks you to sign ticket {number} off{f' as {role}' if role else ''}.\n"
        f"To approve it: ticketcore sign-off {number} --by YOUR-ADDRESS\n"
        f"To reject it: ticketcore sign-off {number} --reject --note WHY --by YOUR-ADDRESS"
    )


def answered(ticket: Ticket, request: Signoff, *, approved: bool, note: str, now: datetime) -> Change | None:
    """Return the change that an answer makes, ``None`` if it was given already.

    An answer stands: others may have acted on it. Who changes their mind has to be asked again.

    Raises:
        RejectedError: the request was withdrawn, or another answer was given.
    """
    status = SignoffStatus.APPROVED if approved else SignoffStatus.REJECTED
    if request.status is SignoffStatus.WITHDRAWN:
        message = f"the request to {request.email} to sign ticket {ticket.ticket_number} off was withdrawn"
        raise RejectedError([Problem("person", message)])
    if (request.status, request.note) == (status, note):
        return None
    if request.status is not SignoffStatus.PENDING:
        message = f"{request.email} has answered already ({request.status}); to answer anew they must be asked again"
        raise RejectedError([Problem("person", message)])
    return Change(
        before=ticket,
        after=ticket,
        entries=(Entry(Action.SIGNOFF_GIVEN, "signoff", request.email, status, note),),
        saves=(evolve(request, status=status, note=note, signed_date=now),),
    )


def withdrawn(ticket: Ticket, request: Signoff) -> Change | None:
    """Return the change that takes a request back, ``None`` if it was taken back already.

    Raises:
        RejectedError: it has been answered.
    """
    if request.status is SignoffStatus.WITHDRAWN:
        return None
    if request.status is not SignoffStatus.PENDING:
        message = f"{request.email} has answered already ({request.status}); only an open request can be withdrawn"
        raise RejectedError([Problem("person", message)])
    return Change(
        before=ticket,
        after=ticket,
        entries=(Entry(Action.SIGNOFF_WITHDRAWN, "signoff", request.email, None),),
        saves=(evolve(request, status=SignoffStatus.WITHDRAWN),),
    )
