"""What a policy makes of a change before it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve

from ticketcore.domain.checks import UPDATABLE, Checks, checked_fields
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.lifecycle import Change, created
from ticketcore.domain.ticket import RequestedByType, Ticket
from ticketcore.errors import Problem

AMENDABLE = (*(name for name in UPDATABLE if name != "package"), "assigned_to", "watchers")
"""The fields that a policy may amend.

Those of :data:`~ticketcore.domain.checks.UPDATABLE` but the package, and ``assigned_to``, ``watchers``.
"""


def amended(change: Change, fields: Mapping[str, Any], *, by: str) -> Change:
    """Return ``change`` with the values in ``fields`` (see :data:`AMENDABLE`), as the policy ``by`` wants it.

    The history says what was amended, and by whom. A field that gets back the value it had before the change is none
    of its history any more.

    Raises:
        RejectedError: with every problem of the values.
    """
    checks = Checks()
    unknown = [name for name in fields if name not in AMENDABLE]
    checks.problems += [Problem(name, f"cannot be amended; what can: {', '.join(AMENDABLE)}") for name in unknown]
    wanted = checked_fields(
        checks, {name: value for name, value in fields.items() if name in UPDATABLE and name in AMENDABLE}
    )
    kind = wanted.get("requested_by_type", change.after.requested_by_type)
    if kind is RequestedByType.EMAIL and {"requested_by", "requested_by_type"} & wanted.keys():
        requester = wanted.get("requested_by", change.after.requested_by)
        wanted["requested_by"] = checks.address("requested_by", requester)
    if "assigned_to" in fields:
        wanted["assigned_to"] = checks.line("assigned_to", fields["assigned_to"])
    if "watchers" in fields:
        wanted["watchers"] = checks.addresses("watchers", fields["watchers"])
    checks.done()
    changed = {name: value for name, value in wanted.items() if getattr(change.after, name) != value}
    if not changed:
        return change
    after = evolve(change.after, **changed)
    note = f"amended by the policy {by}"
    if change.before is None:
        return evolve(change, after=after, entries=_recreated(change, after, changed, note))
    # A row of a task names a field of the task, which may be called as one of the ticket is.
    entries = [entry for entry in change.entries if entry.field not in changed or entry.action is Action.TASK_CHANGED]
    said = {evolve(entry, note=""): entry for entry in change.entries}
    different = _differences(change.before, after, changed, note)
    entries += [said.get(evolve(entry, note=""), entry) for entry in different]  # a watcher may be of others' making
    return evolve(change, after=after, entries=tuple(entries))


def _recreated(change: Change, after: Ticket, changed: Mapping[str, Any], note: str) -> tuple[Entry, ...]:
    """Return the entries of a new ticket of which some fields were amended."""
    first, *assigned = created(after).entries
    before, *others = change.entries
    notes = [*([before.note] if before.note else []), f"{note}: {', '.join(changed)}"]
    if "assigned_to" in changed:
        others = [entry for entry in others if entry.action is not Action.ASSIGNED]
        others[:0] = [evolve(entry, note=note) for entry in assigned]
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
