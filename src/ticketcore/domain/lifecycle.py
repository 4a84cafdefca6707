"""What happens to a ticket, as pure functions: each takes a ticket and returns a :class:`Change`.

A change is the ticket afterwards, one history entry for each thing that changed, and the event that the
world is told. Whether a status may follow another is for the workflow to say, and both deadlines are
worked out by the one write path; neither is decided here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from attrs import evolve, frozen

from ticketcore.domain.address import as_address, normalise_address
from ticketcore.domain.checks import WATCHERS_LENGTH, Checks, checked_fields
from ticketcore.domain.events import NotifyCode
from ticketcore.domain.history import Action, CommentField, Entry
from ticketcore.domain.ticket import DONE, RequestedByType, Status, Ticket
from ticketcore.domain.work import Comment, Task
from ticketcore.errors import Problem, RejectedError, quoted


@frozen
class TaskChange:
    """What becomes of one task: before (``None`` for a new one) and after."""

    before: Task | None
    after: Task


@frozen(kw_only=True)
class Change:
    """A change of one ticket: before, after, what goes into its history, and what is announced.

    ``tasks`` are those of its tasks that change with it. ``adds``, ``saves`` and ``removes`` are records of other
    kinds that are stored, overwritten and deleted in the same transaction. ``event`` goes to the people around the
    ticket, or to the addresses ``to`` where these are given.
    """

    before: Ticket | None
    after: Ticket
    entries: tuple[Entry, ...]
    comment: Comment | None = None
    tasks: tuple[TaskChange, ...] = ()
    adds: tuple[Any, ...] = ()
    saves: tuple[Any, ...] = ()
    removes: tuple[Any, ...] = ()
    event: NotifyCode | None = None
    detail: str = ""
    to: tuple[str, ...] | None = None
    raise_alert: bool = False

    def touches(self, *fields: str) -> bool:
        """Return whether it creates the ticket, or gives one of ``fields`` another value.

        Raises:
            AttributeError: a ticket has no such field.
        """
        before = self.before
        return any(before is None or getattr(before, name) != getattr(self.after, name) for name in fields)


_encode = json.JSONEncoder(ensure_ascii=False).encode


def draft(
    *,
    guid: str,
    now: datetime,
    assigned_to: str = "",
    watchers: Iterable[str] = (),
    estimated_date: datetime | Callable[[], datetime | None] | None = None,
    status: Status = Status.NEW,
    **fields: Any,
) -> Ticket:
    """Return a new ticket from what somebody typed.

    ``fields`` are those of :data:`~ticketcore.domain.checks.UPDATABLE`.
    ``estimated_date`` may be a call that returns it, or refuses what was typed.

    Raises:
        RejectedError: with every problem of the input.
    """
    checks = Checks()
    checked = checked_fields(checks, fields)
    if checked.get("requested_by_type") is RequestedByType.EMAIL:
        checked["requested_by"] = checks.address("requested_by", checked["requested_by"])
    ticket_watchers = checks.addresses("watchers", watchers)
    assignee = checks.line("assigned_to", assigned_to)
    estimate = checks.attempt(estimated_date) if callable(estimated_date) else estimated_date
    checks.done()
    return Ticket(
        guid=guid,
        created_date=now,
        updated_date=now,
        status=status,
        assigned_to=assignee,
        watchers=ticket_watchers,
        estimated_date=estimate,
        **checked,
    )


def created(ticket: Ticket, *, note: str = "") -> Change:
    """Return the change that brings ``ticket`` into being; ``note`` says by which rule it was assigned."""
    initial = {
        "subject": ticket.subject,
        "description": ticket.description,
        "status": ticket.status,
        "package": ticket.package,
        "project": ticket.project,
        "priority": ticket.priority,
        "ticket_type": ticket.ticket_type,
        "requested_by": ticket.requested_by,
        "requested_by_type": ticket.requested_by_type,
        "watchers": list(ticket.watchers),
        "estimated_date": ticket.estimated_date.isoformat() if ticket.estimated_date else None,
    }
    entries = [Entry(Action.CREATED, new_value=_encode(initial))]
    if ticket.assigned_to:
        entries.append(Entry(Action.ASSIGNED, new_value=ticket.assigned_to, note=note))
    return Change(before=None, after=ticket, entries=tuple(entries), event=NotifyCode.CREATED)


def updated(ticket: Ticket, fields: dict[str, Any]) -> Change | None:
    """Return the change of the descriptive ``fields``, ``None`` if all are as they were.

    ``fields`` are some of :data:`~ticketcore.domain.checks.UPDATABLE`.

    Raises:
        RejectedError: with every problem of the input.
    """
    checks = Checks()
    checked = checked_fields(checks, fields)
    kind = checked.get("requested_by_type", ticket.requested_by_type)
    if kind is RequestedByType.EMAIL and {"requested_by", "requested_by_type"} & checked.keys():
        checked["requested_by"] = checks.address("requested_by", checked.get("requested_by", ticket.requested_by))
    checks.done()
    changed = {name: value for name, value in checked.items() if getattr(ticket, name) != value}
    if not changed:
        return None
    entries = tuple(
        Entry(Action.UPDATED, name, old_value=str(getattr(ticket, name)), new_value=str(value))
        for name, value in changed.items()
    )
    return Change(before=ticket, after=evolve(ticket, **changed), entries=entries)


_EVENTS = {
    Status.RESOLVED: NotifyCode.RESOLVED,
    Status.CLOSED: NotifyCode.CLOSED,
    Status.ESCALATED: NotifyCode.ESCALATED,
}


def moved(ticket: Ticket, status: Status, *, now: datetime, note: str = "") -> Change:
    """Return the change of ``ticket`` to ``status``, which the workflow has agreed to.

    Finishing sets the resolved or closed date; work that is taken up again clears them.
    """
    dates: dict[str, Any] = {}
    if status is Status.RESOLVED:
        dates = {"resolved_date": now, "closed_date": None}
    elif status is Status.CLOSED:
        dates["closed_date"] = now
    elif ticket.status in DONE and status is not Status.CANCELLED:
        dates = {"resolved_date": None, "closed_date": None}
    return Change(
        before=ticket,
        after=evolve(ticket, status=status, **dates),
        entries=(Entry(Action.STATUS_CHANGE, "status", ticket.status, status, checked_note(note)),),
        event=_EVENTS.get(status, NotifyCode.STATUS_CHANGED),
        detail=note or f"{ticket.status} → {status}",
        raise_alert=status is Status.ESCALATED,
    )


def checked_note(note: str) -> str:
    """Return ``note`` if every store can hold it."""
    checks = Checks()
    text = checks.text("notes", note)
    checks.done()
    return text


def escalated_again(ticket: Ticket, targets: Sequence[str], reason: str) -> Change:
    """Return the change of a ticket that is escalated for a further deadline without a move.

    ``targets`` are those whose deadline has passed since ("response", "resolution").
    """
    entries = tuple(
        Entry(
            Action.SLA_CHANGED,
            f"sla_{target}_escalated",
            _text(getattr(ticket, f"sla_{target}_escalated")),
            _text(getattr(ticket, f"sla_{target}_deadline")),
            reason,
        )
        for target in targets
    )
    return Change(before=ticket, after=ticket, entries=entries, detail=reason, raise_alert=True)


def terms_changed(before: Ticket, after: Ticket) -> Change | None:
    """Return the change of a ticket that stands as ``after`` by the service levels as they are now.

    ``None`` if that makes no difference.
    """
    old, new = _standing(before), _standing(after)
    if old == new:
        return None
    note = "service levels have changed"
    entry = Entry(Action.SLA_CHANGED, "terms", _encode(old), _encode(new), note)
    return Change(before=before, after=before, entries=(entry,))


def _standing(ticket: Ticket) -> dict[str, object]:
    """Return all that follows from service levels."""
    return {
        "response_deadline": _text(ticket.sla_response_deadline),
        "resolution_deadline": _text(ticket.sla_resolution_deadline),
        "response_met": ticket.sla_response_met,
        "resolution_met": ticket.sla_resolution_met,
        "paused_at": _text(ticket.sla_paused_at),
    }


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def assigned(ticket: Ticket, assignee: str, *, name: str) -> Change | None:
    """Return the change of the assignee (a person's guid, or text), ``None`` if it is the same one."""
    checks = Checks()
    assignee = checks.line("assigned_to", assignee, required=True)
    checks.done()
    if assignee == ticket.assigned_to:
        return None
    return Change(
        before=ticket,
        after=evolve(ticket, assigned_to=assignee),
        entries=(Entry(Action.ASSIGNED, "assigned_to", ticket.assigned_to or None, assignee),),
        event=NotifyCode.ASSIGNED,
        detail=f"assigned to {name}",
    )


def commented(
    ticket: Ticket,
    *,
    guid: str,
    text: str,
    commented_by: str,
    is_internal: bool,
    by_requester: bool,
    now: datetime,
) -> Change:
    """Return the change that a comment is; it commutes with any other.

    Raises:
        RejectedError: the text is empty.
    """
    checks = Checks()
    text = checks.text("text", text, required=True)
    is_internal = checks.flag("is_internal", is_internal)
    checks.done()
    visible = CommentField.REQUESTER if by_requester else CommentField.PUBLIC
    comment = Comment(
        guid=guid,
        ticket_guid=ticket.guid,
        text=text,
        commented_by=commented_by,
        is_internal=is_internal,
        package=ticket.package,
        created_date=now,
    )
    entry = Entry(Action.COMMENT_ADDED, CommentField.INTERNAL if is_internal else visible, new_value=text)
    return Change(before=ticket, after=ticket, entries=(entry,), comment=comment)


def watcher_added(ticket: Ticket, email: str) -> Change | None:
    """Return the change that adds a watcher's address, ``None`` if it is there already."""
    address = normalise_address("email", email)
    if address in ticket.watchers:
        return None
    after = evolve(ticket, watchers=(*ticket.watchers, address))
    if len(",".join(after.watchers)) > WATCHERS_LENGTH:
        raise RejectedError([Problem("email", f"ticket {ticket.ticket_number} has too many watchers already")])
    return Change(before=ticket, after=after, entries=(Entry(Action.WATCHER_ADDED, "watchers", None, address),))


def watcher_removed(ticket: Ticket, email: str) -> Change:
    """Return the change that takes a watcher off.

    Raises:
        RejectedError: the address does not watch this ticket.
    """
    address = as_address(email) or email
    if address not in ticket.watchers:
        watching = ", ".join(ticket.watchers) or "nobody"
        problem = (
            f"{as_address(email) or quoted(email)} does not watch ticket {ticket.ticket_number}; watching: {watching}"
        )
        raise RejectedError([Problem("email", problem)])
    after = evolve(ticket, watchers=tuple(watcher for watcher in ticket.watchers if watcher != address))
    return Change(before=ticket, after=after, entries=(Entry(Action.WATCHER_REMOVED, "watchers", address, None),))
