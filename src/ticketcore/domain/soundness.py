"""Whether a ticket is what its history says that it is, with everything below it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import asdict, frozen

from ticketcore.domain.bundle import Bundle
from ticketcore.domain.flaws import RESTORE, Flaw
from ticketcore.domain.history import Action, CommentField, HistoryEntry, verify_whole
from ticketcore.domain.replay import ADOPTED, DATES, followed, is_erased, replayed
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.version import FIRST_VERSION, VersionRow
from ticketcore.domain.versioning import plain, rewound, state_of
from ticketcore.domain.work import SignoffStatus, TimeEntry
from ticketcore.errors import RepositoryError, quoted

_CUT = "rows at its end were removed, or the ticket was changed behind its back; compare it with a backup"


@frozen
class _Case:
    """A ticket that is looked at: what it is, and what is written of it elsewhere."""

    bundle: Bundle
    merged: Sequence[HistoryEntry] = ()
    links: int = 0

    def flaw(self, where: str, problem: str, expected: str = "", hint: str = RESTORE) -> Flaw:
        number = self.bundle.ticket.ticket_number
        return Flaw(ticket_number=number, where=where, problem=problem, expected=expected, hint=hint)

    def rows(self, action: Action) -> list[HistoryEntry]:
        """Return the rows of ``action`` about what has to be below the ticket now; after a merge that is nothing."""
        own = () if self.bundle.ticket.merged_into else self.bundle.history
        return [row for row in (*own, *self.merged) if row.action == action]


def ticket_flaws(bundle: Bundle, merged: Sequence[HistoryEntry] = (), *, links: int = 0) -> Iterator[Flaw]:
    """Yield where a ticket and its history contradict each other.

    What an operation stores is told by the history: the fields of the ticket, its comments, tasks, time and sign-offs.
    What follows from service levels is worked out anew now and then, and is not looked at.

    Args:
        bundle: the ticket with everything below it.
        merged: the histories of the tickets that were merged into it, whose comments, tasks and time it has now.
        links: how many links it has, in either direction.
    """
    case = _Case(bundle, merged, links)
    broken = verify_whole(bundle.history)
    for problem in broken:
        yield case.flaw("history", problem)
    rows = bundle.history
    # Only the first that is missing is told: behind a gap nothing can be followed.
    if rows and [row.seq for row in rows] == list(range(1, len(rows) + 1)):
        yield from _state_flaws(case)
        yield from _version_flaws(case)
        if not any(row.action == ADOPTED for row in (*rows, *merged)):  # else nobody knows what was there before
            yield from _end_flaws(case)
            yield from _comment_flaws(case)
            yield from _time_flaws(case)
            yield from _task_flaws(case)
            yield from _link_flaws(case)
            yield from _signoff_flaws(case)


def _end_flaws(case: _Case) -> Iterator[Flaw]:
    """Yield what is wrong with both ends: what the chain itself cannot show."""
    ticket, rows = case.bundle.ticket, case.bundle.history
    first, last = rows[0], rows[-1]
    if first.action != Action.CREATED:
        yield case.flaw("history", f"row 1 is {first.action}", Action.CREATED)
    elif first.action_date != ticket.created_date:
        yield case.flaw("created_date", str(ticket.created_date), f"{first.action_date}, when row 1 was written")
    if last.action_date != ticket.updated_date:
        expected = f"{last.action_date}, when its last row ({last.seq}) was written"
        yield case.flaw("updated_date", str(ticket.updated_date), expected, _CUT)
    if ticket.row_version > len(rows):
        changes = f"{ticket.row_version - 1} changes by row_version, and at least a row for each"
        yield case.flaw("history", f"has {len(rows)} rows", changes, _CUT)


def _state_flaws(case: _Case) -> Iterator[Flaw]:
    """Yield which fields of the ticket are not what the history says."""
    stored, said = followed(case.bundle.ticket), replayed(case.bundle.history)
    for name, value in said.items():
        if stored[name] != value:
            by = "its moves" if name in DATES else "its history"
            yield case.flaw(name, _shown(stored[name]), f"{_shown(value)} by {by}")


def _comment_flaws(case: _Case) -> Iterator[Flaw]:
    """Yield which comments are not what was written down when they were made."""
    rows = case.rows(Action.COMMENT_ADDED)
    erased = {row.action_date for row in rows if is_erased(row, row.new_value)}
    said = Counter(
        (row.action_date, row.action_by, row.new_value, row.field == CommentField.INTERNAL)
        for row in rows
        if row.action_date not in erased
    )
    comments = [comment for comment in case.bundle.comments if comment.created_date not in erased]
    for comment in comments:
        key = (comment.created_date, comment.commented_by, comment.text, comment.is_internal)
        if not said[key]:
            yield case.flaw(f"comment {comment.guid}", "is not what was written", "what its row COMMENT_ADDED says")
        said[key] -= 1
    missing = len(rows) - len(erased) - len(comments)
    if missing > 0:
        left = sorted(f"{at} by {author}" for (at, author, _, _), count in said.items() if count > 0)
        yield case.flaw("comments", f"{missing} missing", f"among them those of {', '.join(left)}")


def _time_flaws(case: _Case) -> Iterator[Flaw]:
    """Yield which time entries are not what was logged."""
    said: dict[str, HistoryEntry] = {}
    unknown = 0
    for row in case.rows(Action.TIME_LOGGED):
        guid = _loaded(row.new_value).get("guid")
        if isinstance(guid, str):
            said[guid] = row
        else:
            unknown += 1  # it was erased
    for entry in case.bundle.time_entries:
        where, logged = f"time entry {entry.guid}", said.pop(entry.guid, None)
        if logged is not None:
            if differences := _different(entry, logged):
                yield case.flaw(where, f"has another {differences}", "what its row TIME_LOGGED says")
        elif unknown:
            unknown -= 1
        else:
            yield case.flaw(where, "was never logged", "a row TIME_LOGGED that names it")
    for guid in said:
        yield case.flaw(f"time entry {guid}", "is missing")


def _different(entry: TimeEntry, row: HistoryEntry) -> str:
    """Return which fields of a time entry are not what was logged."""
    said = {**_loaded(row.new_value), "created_date": row.action_date.isoformat(), "description": row.note}
    if is_erased(row, row.note):
        del said["description"]
    there = {name: plain(value) for name, value in asdict(entry).items()}
    return ", ".join(name for name in there if name in said and said[name] != there[name])


def _task_flaws(case: _Case) -> Iterator[Flaw]:
    """Yield what is wrong with the tasks: how many there are, and what each was called when it was added."""
    bundle, rows = case.bundle, case.rows(Action.TASK_ADDED)
    if len(rows) != len(bundle.tasks):
        yield case.flaw("tasks", f"there are {len(bundle.tasks)}", f"{len(rows)}, which were added")
    elif rows and not case.merged and not any(is_erased(row, row.new_value) for row in rows):
        names = {task.guid: task.name for task in bundle.tasks}
        for version in reversed(bundle.versions):
            names |= _earlier_names(version)
        for name in Counter(names.values()) - Counter(row.new_value or "" for row in rows):
            yield case.flaw(f"task {quoted(name)}", "was never added", "a row TASK_ADDED with its name")


def _link_flaws(case: _Case) -> Iterator[Flaw]:
    """Yield whether there are more links than were made; fewer may be of an import of a part of all tickets."""
    actions = Counter(row.action for row in case.bundle.history)
    made = actions[Action.LINKED] - actions[Action.UNLINKED]
    if case.links > made:
        yield case.flaw("links", f"there are {case.links}", f"at most {made} by its history", _CUT)


def _earlier_names(version: VersionRow) -> dict[str, str]:
    """Return what the tasks that a version changed were called before it; those that it added, afterwards."""
    tasks = _loaded(version.changes).get("tasks")
    pairs = tasks.items() if isinstance(tasks, dict) else ()
    named = {guid: [task for task in pair if isinstance(task, dict)] for guid, pair in pairs if isinstance(pair, list)}
    return {guid: str(found[0].get("name")) for guid, found in named.items() if found}


def _signoff_flaws(case: _Case) -> Iterator[Flaw]:
    """Yield which requests to sign off are not what the last rows about each say."""
    said: dict[str | None, dict[str, Any]] = {}
    for row in case.bundle.history:
        if row.action == Action.SIGNOFF_REQUESTED:
            asked = {"requested_by": row.action_by, "requested_date": row.action_date, "role": row.note}
            said[row.new_value] = {"status": SignoffStatus.PENDING, "note": "", "signed_date": None, **asked}
        elif row.action == Action.SIGNOFF_GIVEN:
            answer = {"status": row.new_value, "note": row.note, "signed_date": row.action_date}
            said[row.old_value] = said.get(row.old_value, {}) | answer
        elif row.action == Action.SIGNOFF_WITHDRAWN:
            said[row.old_value] = said.get(row.old_value, {}) | {"status": SignoffStatus.WITHDRAWN}
    if any(row.action.startswith("SIGNOFF_") and not row.salt for row in case.bundle.history):
        return  # what is erased names nobody
    for signoff in case.bundle.signoffs:
        where = f"sign-off of {signoff.email}"
        if signoff.email not in said:
            yield case.flaw(where, "was never asked for", "a row SIGNOFF_REQUESTED")
        for name, value in said.get(signoff.email, {}).items():
            if getattr(signoff, name) != value:
                yield case.flaw(f"{where}, {name}", _shown(getattr(signoff, name)), f"{_shown(value)} by its history")


def _version_flaws(case: _Case) -> Iterator[Flaw]:
    """Yield what is wrong with the versions: their places, what they belong to, and where they lead."""
    rows, bundle = case.bundle.history, case.bundle
    for place, version in enumerate(bundle.versions, FIRST_VERSION + 1):
        where = f"version {version.version}"
        if version.version != place:
            yield case.flaw(where, "comes behind a gap", f"version {place}")
            return
        if not 1 <= version.history_seq <= len(rows):
            problem = f"belongs to row {version.history_seq} of the history, which has {len(rows)}"
            yield case.flaw(where, problem, hint=_CUT)
        elif not _is_of(version, rows[version.history_seq - 1]):
            yield case.flaw(where, f"is not of row {version.history_seq}", "one date and one author for both")
    yield from _lead_flaws(case)


def _is_of(version: VersionRow, row: HistoryEntry) -> bool:
    return (version.created_date, version.changed_by) == (row.action_date, row.action_by)


def _lead_flaws(case: _Case) -> Iterator[Flaw]:
    """Follow the versions back from what the ticket is now: each has to lead to what comes behind it."""
    state = state_of(case.bundle.ticket, case.bundle.tasks)
    for version in reversed(case.bundle.versions):
        where = f"version {version.version}"
        try:
            before = rewound(state, [version])
        except RepositoryError as error:
            yield case.flaw(where, error.message)
            return
        changes = json.loads(version.changes)
        for name, (_, new) in dict(changes.get("ticket", {})).items():
            if state.fields.get(name) != new:
                yield case.flaw(where, f"led to another {name}", _shown(state.fields.get(name)))
        for guid, (_, new) in dict(changes.get("tasks", {})).items():
            if state.tasks.get(guid) != new:
                name = (new or {}).get("name", guid)
                yield case.flaw(where, f"led to another task {quoted(name)}", "what is there of it behind it")
        state = before


def _loaded(value: str | None) -> Mapping[str, Any]:
    try:
        found = json.loads(value or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


_SHOWN = 60


def _shown(value: object) -> str:
    """Return a value as far as it fits a line."""
    if isinstance(value, frozenset | list):
        value = ", ".join(sorted(map(str, value)))
    text = "none" if value is None else str(value) or "empty"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def merge_flaws(ticket: Ticket, others: Mapping[str, Ticket]) -> Iterator[Flaw]:
    """Yield what does not fit between a ticket and those that it was merged with, which ``others`` has by guid."""
    case = _Case(Bundle(ticket=ticket))
    into = ticket.merged_into
    if into is not None:
        target = others.get(into)
        if target is None:
            yield case.flaw("merged_into", f"there is no ticket {into}")
        elif ticket.guid not in target.merged_guids:
            expected = f"this ticket among the merged_guids of ticket {target.ticket_number}"
            yield case.flaw("merged_into", f"ticket {target.ticket_number} does not know of it", expected)
    for guid in ticket.merged_guids:
        source = others.get(guid)
        if source is None:
            yield case.flaw("merged_guids", f"there is no ticket {guid}")
        elif source.merged_into != ticket.guid and source.merged_into not in ticket.merged_guids:
            yield case.flaw(
                "merged_guids", f"ticket {source.ticket_number} was not merged into it", "merged_into there"
            )
