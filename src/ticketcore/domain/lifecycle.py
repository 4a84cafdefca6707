"""What happens to a ticket, as pure functions: each takes a ticket and returns a :class:`Change`.

A change is the ticket afterwards, one history entry for each thing that changed, and the event that the
world is told. Whether a status may follow another is for the workflow to say, and both deadlines are
worked out by the one write path; neither is decided here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from attrs import evolve, frozen

from ticketcore.domain.address import as_address, normalise_address
from ticketcore.domain.events import NotifyCode
from ticketcore.domain.history import Action, CommentField, Entry
from ticketcore.domain.ticket import DONE, Priority, RequestedByType, Status, Ticket, TicketType
from ticketcore.domain.work import Comment
from ticketcore.errors import Problem, RejectedError

SUBJECT_LENGTH = 500
NAME_LENGTH = 255
WATCHERS_LENGTH = 60_000
"""What fits the ``text`` column of the smallest engine, in characters."""

E = TypeVar("E", bound=StrEnum)


@frozen(kw_only=True)
class Change:
    """A change of one ticket: before, after, what goes into its history, and what is announced."""

    before: Ticket | None
    after: Ticket
    entries: tuple[Entry, ...]
    comment: Comment | None = None
    event: NotifyCode | None = None
    detail: str = ""
    raise_alert: bool = False


_encode = json.JSONEncoder(ensure_ascii=False).encode


_HALF_PAIR = re.compile("[\ud800-\udfff]")


class _Checks:
    """Collects all problems of an input, so that they are reported at once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def text(self, field: str, value: object) -> str:
        """Return ``value`` if it is text that every store can hold."""
        if not isinstance(value, str):
            self.problems.append(Problem(field, f"must be text, not {type(value).__name__}"))
            return ""
        if "\x00" in value or (not value.isascii() and _HALF_PAIR.search(value)):
            self.problems.append(Problem(field, "holds a character that is no text (NUL or half a surrogate pair)"))
        return value

    def line(self, field: str, value: object, limit: int = NAME_LENGTH, *, required: bool = False) -> str:
        """Return ``value`` as one line: white space and line breaks become single blanks."""
        line = " ".join(self.text(field, value).split())
        if required and not line:
            self.problems.append(Problem(field, "must not be empty"))
        if len(line) > limit:
            self.problems.append(Problem(field, f"has {len(line)} characters; at most {limit} are allowed"))
        return line

    def member(self, field: str, value: object, kind: type[E]) -> E | None:
        """Return ``value`` as a member of the vocabulary ``kind``."""
        try:
            return kind(cast("str", value))
        except ValueError:
            self.problems.append(Problem(field, f"{value!r} is not known; choose one of {', '.join(kind)}"))
            return None

    def address(self, field: str, value: object) -> str:
        """Return ``value`` as a stored e-mail address."""
        return self.attempt(lambda: normalise_address(field, self.text(field, value))) or ""

    def attempt(self, step: Callable[[], Any]) -> Any:
        """Return the result of ``step``, or ``None`` after noting why it was refused."""
        try:
            return step()
        except RejectedError as error:
            self.problems.extend(error.problems)
            return None

    def done(self) -> None:
        """Raise what was found wrong, if anything."""
        if self.problems:
            raise RejectedError(self.problems)


_FIELD_KINDS: dict[str, type[StrEnum]] = {
    "priority": Priority,
    "ticket_type": TicketType,
    "requested_by_type": RequestedByType,
}
_FIELD_LIMITS = {"subject": SUBJECT_LENGTH, "package": NAME_LENGTH, "project": NAME_LENGTH, "requested_by": NAME_LENGTH}
UPDATABLE = ("subject", "description", "package", "project", *_FIELD_KINDS, "requested_by")
"""The fields that an update may name."""


def _fields(checks: _Checks, values: dict[str, Any]) -> dict[str, Any]:
    """Return the checked form of the descriptive fields in ``values``."""
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name in _FIELD_KINDS:
            checked[name] = checks.member(name, value, _FIELD_KINDS[name])
        elif name == "description":
            checked[name] = checks.text(name, value)
        else:
            checked[name] = checks.line(name, value, _FIELD_LIMITS[name], required=name in {"subject", "package"})
    return checked


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
    """Return a new ticket from what somebody typed; ``fields`` are those of :data:`UPDATABLE`.

    ``estimated_date`` may be a call that returns it, or refuses what was typed.

    Raises:
        RejectedError: with every problem of the input.
    """
    checks = _Checks()
    checked = _fields(checks, fields)
    if checked.get("requested_by_type") is RequestedByType.EMAIL:
        checked["requested_by"] = checks.address("requested_by", checked["requested_by"])
    ticket_watchers = dict.fromkeys(checks.address("watchers", watcher) for watcher in watchers)
    if len(",".join(ticket_watchers)) > WATCHERS_LENGTH:
        checks.problems.append(Problem("watchers", "are too many"))
    assignee = checks.line("assigned_to", assigned_to)
    estimate = checks.attempt(estimated_date) if callable(estimated_date) else estimated_date
    checks.done()
    return Ticket(
        guid=guid,
        created_date=now,
        updated_date=now,
        status=status,
        assigned_to=assignee,
        watchers=tuple(ticket_watchers),
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
    """Return the change of the descriptive ``fields`` (see :data:`UPDATABLE`), ``None`` if all are as they were.

    Raises:
        RejectedError: with every problem of the input.
    """
    checks = _Checks()
    checked = _fields(checks, fields)
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


AMENDABLE = (*(name for name in UPDATABLE if name != "package"), "assigned_to", "watchers")
"""The fields that a policy may amend: those of :data:`UPDATABLE` but the package, and ``assigned_to``, ``watchers``."""


def amended(change: Change, fields: Mapping[str, Any], *, by: str) -> Change:
    """Return ``change`` with the values in ``fields`` (see :data:`AMENDABLE`), as the policy ``by`` wants it.

    The history says what was amended, and by whom. A field that gets back the value it had before the change is none
    of its history any more.

    Raises:
        RejectedError: with every problem of the values.
    """
    checks = _Checks()
    unknown = [name for name in fields if name not in AMENDABLE]
    checks.problems += [Problem(name, f"cannot be amended; what can: {', '.join(AMENDABLE)}") for name in unknown]
    wanted = _fields(checks, {name: value for name, value in fields.items() if name in UPDATABLE and name in AMENDABLE})
    kind = wanted.get("requested_by_type", change.after.requested_by_type)
    if kind is RequestedByType.EMAIL and {"requested_by", "requested_by_type"} & wanted.keys():
        requester = wanted.get("requested_by", change.after.requested_by)
        wanted["requested_by"] = checks.address("requested_by", requester)
    if "assigned_to" in fields:
        wanted["assigned_to"] = checks.line("assigned_to", fields["assigned_to"])
    if "watchers" in fields:
        addresses = checks.attempt(lambda: _addresses(fields["watchers"])) or ()
        wanted["watchers"] = tuple(dict.fromkeys(checks.address("watchers", address) for address in addresses))
        if len(",".join(wanted["watchers"])) > WATCHERS_LENGTH:
            checks.problems.append(Problem("watchers", "are too many"))
    checks.done()
    changed = {name: value for name, value in wanted.items() if getattr(change.after, name) != value}
    if not changed:
        return change
    after = evolve(change.after, **changed)
    note = f"amended by the policy {by}"
    if change.before is None:
        return evolve(change, after=after, entries=_recreated(change, after, changed, note))
    entries = [entry for entry in change.entries if entry.field not in changed]
    said = {evolve(entry, note=""): entry for entry in change.entries}
    different = _differences(change.before, after, changed, note)
    entries += [said.get(evolve(entry, note=""), entry) for entry in different]  # a watcher may be of others' making
    return evolve(change, after=after, entries=tuple(entries))


def _addresses(value: object) -> Iterable[object]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise RejectedError([Problem("watchers", f"must be a list of addresses, not {type(value).__name__}")])
    return value


def _recreated(change: Change, after: Ticket, changed: Mapping[str, Any], note: str) -> tuple[Entry, ...]:
    """Return the entries of a new ticket of which some fields were amended."""
    first, *others = created(after).entries
    before = change.entries[0].note
    notes = [*([before] if before else []), f"{note}: {', '.join(changed)}"]
    others = [evolve(entry, note=note) for entry in others] if "assigned_to" in changed else [*change.entries[1:]]
    return evolve(first, note="; ".join(notes)), *others


def _differences(before: Ticket, after: Ticket, names: Iterable[str], note: str) -> list[Entry]:
    """Return what the fields ``names`` have become, one entry for each that is not as it was."""
    entries: list[Entry] = []
    for name in names:
        old, new = getattr(before, name), getattr(after, name)
        if name == "watchers":
            entries += [Entry(Action.WATCHER_ADDED, name, None, one, note) for one in new if one not in old]
            entries += [Entry(Action.WATCHER_REMOVED, name, one, None, note) for one in old if one not in new]
        elif old != new and name == "assigned_to":
            entries.append(Entry(Action.ASSIGNED, name, old or None, new, note))
        elif old != new:
            entries.append(Entry(Action.UPDATED, name, str(old), str(new), note))
    return entries


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
    checks = _Checks()
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
    checks = _Checks()
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
    checks = _Checks()
    text = checks.text("text", text)
    if not text.strip():
        checks.problems.append(Problem("text", "must not be empty"))
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
        problem = f"{email} does not watch ticket {ticket.ticket_number}; watching: {watching}"
        raise RejectedError([Problem("email", problem)])
    after = evolve(ticket, watchers=tuple(watcher for watcher in ticket.watchers if watcher != address))
    return Change(before=ticket, after=after, entries=(Entry(Action.WATCHER_REMOVED, "watchers", address, None),))
