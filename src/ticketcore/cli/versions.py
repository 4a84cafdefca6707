"""The versions of a ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.options import ticket_argument
from ticketcore.cli.output import (
    NONE,
    Column,
    clean,
    console,
    print_facts,
    print_heading,
    print_json,
    print_table,
    print_text,
    render,
    say,
    text,
)
from ticketcore.domain.restoring import Difference, TaskDifference
from ticketcore.serde import to_plain

if TYPE_CHECKING:
    from ticketcore.cli.session import Session
    from ticketcore.domain.versioning import TicketVersion

_SHORT = 60
"""The longest value of which a difference shows all in one line."""

_TASK_COLUMNS = (Column("Task", wrap=True), Column("Status"), Column("Assignee", wrap=True))


def _number(name: str, metavar: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.argument(name, metavar=metavar, type=int)


@command("versions", "ticketcore versions 7")
@ticket_argument
@with_session
def versions(session: Session, ticket: str) -> None:
    """List the versions of a ticket.

    Whenever a field of the ticket or one of its tasks changes, that makes a version.
    """
    found = session.desk.versions.list_versions(ticket)
    people = {} if session.json else session.desk.people.names(one.changed_by for one in found)
    session.show_records(
        found,
        (Column("Version", right=True), Column("When"), Column("Who", wrap=True), Column("Changed", wrap=True)),
        lambda one: (
            one.version,
            session.when(one.created_date),
            people.get(one.changed_by, one.changed_by),
            ", ".join([*map(_words, one.fields), *(f"task {name}" for name in one.tasks)]) or NONE,
        ),
        "No versions.",
    )


def _words(field: str) -> str:
    return field.replace("_", " ")


@command("show-version", "ticketcore show-version 7 2")
@ticket_argument
@_number("number", "N")
@with_session
def show_version(session: Session, ticket: str, number: int) -> None:
    """Show a ticket as it was.

    With its tasks, and its history up to there. N is the number of the version: ticketcore versions lists them.
    """
    found = session.desk.versions.get_version(ticket, number)
    if session.json:
        print_json(_version_data(session, found))
    else:
        _print_version(session, found)


def _version_data(session: Session, found: TicketVersion) -> dict[str, Any]:
    """Return a version as JSON types."""
    from ticketcore.cli.work import task_data

    data = to_plain(found)
    assignee = found.ticket.assigned_to
    name = session.desk.people.names([assignee]).get(assignee, "")
    return {**data, "ticket": {**data["ticket"], "assigned_to_name": name}, "tasks": task_data(session, found.tasks)}


def _print_version(session: Session, found: TicketVersion) -> None:
    from ticketcore.cli.queries import HISTORY_COLUMNS, history_row, people_in

    was = found.ticket
    people = session.desk.people.names(
        [was.assigned_to, was.requested_by, found.changed_by, *(task.assigned_to for task in found.tasks)]
    )
    changed_by = people.get(found.changed_by, found.changed_by)
    render(text(f"#{found.ticket_number}  {was.subject}", "bold"))
    print_facts(
        [
            ("Version", f"{found.version}, by {changed_by or NONE}, {session.when(found.created_date)}"),
            ("Status", was.status),
            ("Priority", was.priority),
            ("Type", was.ticket_type),
            ("Package", f"{was.package} / {was.project}" if was.project else was.package),
            ("Requested by", f"{people.get(was.requested_by, NONE)} ({was.requested_by_type})"),
            ("Assigned to", people.get(was.assigned_to, "nobody")),
            ("ETA", session.when(was.estimated_date)),
            ("Work score", NONE if was.work_score is None else was.work_score),
            ("Watchers", ", ".join(was.watchers) or NONE),
        ]
    )
    for title, value in (("Description", was.description), ("Analysis", was.problem_analysis)):
        if value:
            print_heading(title)
            print_text(value)
    if found.tasks:
        print_heading("Tasks")
        print_table(_TASK_COLUMNS, ((one.name, one.status, people.get(one.assigned_to, NONE)) for one in found.tasks))
    print_heading("History")
    acting = people_in(session.desk, found.history)
    print_table(HISTORY_COLUMNS, (history_row(row, acting, session.desk.zone) for row in found.history))


@command("diff-versions", "ticketcore diff-versions 7 1 3")
@ticket_argument
@_number("old", "A")
@_number("new", "B")
@with_session
def diff_versions(session: Session, ticket: str, old: int, new: int) -> None:
    """Show what changed between two versions.

    A and B are their numbers; if A is the later one, it is shown the other way round.
    """
    found = session.desk.versions.diff_versions(ticket, old, new)
    _show_differences(session, found, f"Ticket {ticket} is the same in the versions {old} and {new}")


@command("restore-version", "ticketcore restore-version 7 2", "ticketcore restore-version 7 2 --dry-run")
@ticket_argument
@_number("number", "N")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@with_session
def restore_version(session: Session, ticket: str, number: int, *, dry_run: bool) -> None:
    """Bring back a version of a ticket.

    Subject, description, project, priority, type, analysis, score, estimate, watchers and the tasks that were open
    become what they were, as a new version. Status, assignee, merges and history stay as they are.
    """
    desk = session.desk.versions
    same = f"Ticket {ticket} is as it was in version {number}: there is nothing to restore"
    if dry_run:
        _show_differences(session, desk.plan_restore(ticket, number), same)
        return
    before = session.desk.tickets.read(ticket)
    found = desk.restore_version(ticket, number, action_by=session.by)
    restored = f"Ticket {found.ticket_number} is restored to version {number}"
    session.show_change(found, same if found.row_version == before.row_version else restored)


# Differences.


def _show_differences(session: Session, found: Sequence[Difference], same: str) -> None:
    if session.json:
        print_json(_difference_data(session, found))
        return
    if not found:
        say(same)
        return
    people = session.desk.people.names(_people(found))
    lines = [line for one in found for line in _difference(session, one, people)]
    if console().is_terminal:
        render(*(text(line, _style(line)) for line in lines))
    else:
        click.echo("\n".join(map(clean, lines)))


def _difference_data(session: Session, found: Sequence[Difference]) -> list[dict[str, Any]]:
    """Return differences as JSON types, with the assignees of tasks by name as ``tasks`` shows them."""
    tasks = [task for one in found if isinstance(one, TaskDifference) for task in (one.old, one.new) if task]
    names = session.desk.people.names(task.assigned_to for task in tasks)

    def data(one: Difference) -> dict[str, Any]:
        plain: dict[str, Any] = to_plain(one)
        if isinstance(one, TaskDifference):
            for side in (plain["old"], plain["new"]):
                if side:
                    side["assigned_to_name"] = names.get(side["assigned_to"], "")
        return plain

    return [data(one) for one in found]


def _style(line: str) -> str:
    return {"+": "green", "-": "red"}.get(line.lstrip()[:1], "")


_PEOPLE = frozenset({"assigned_to", "requested_by"})


def _people(found: Sequence[Difference]) -> Iterator[str]:
    """Yield everybody who has to be shown by name."""
    for one in found:
        if isinstance(one, TaskDifference):
            yield from (task.assigned_to for task in (one.old, one.new) if task)
        elif one.field in _PEOPLE:
            yield from (one.old, one.new)


def _difference(session: Session, one: Difference, people: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines that show one difference."""
    if not isinstance(one, TaskDifference):
        yield from _lines(
            _words(one.field), *(_shown(session, one.field, value, people) for value in (one.old, one.new))
        )
    elif one.old and one.new:
        for name in one.fields:
            values = (_shown(session, name, getattr(task, name), people) for task in (one.old, one.new))
            yield from _lines(f"task {one.name}: {_words(name)}", *values)
    else:
        for sign, task in (("-", one.old), ("+", one.new)):
            if task:
                yield f"{sign} task {one.name} ({task.status}, {people.get(task.assigned_to, 'nobody')})"


def _shown(session: Session, field: str, value: Any, people: Mapping[str, str]) -> str:
    if field in _PEOPLE:
        return people.get(value, value)
    if isinstance(value, datetime):
        return session.when(value)
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value)


def _lines(name: str, old: str, new: str) -> Iterator[str]:
    """Yield a difference: one line for short values, what has changed in the lines of longer ones."""
    if "\n" not in old + new and max(len(old), len(new)) <= _SHORT:
        yield f"{name}: {old or NONE} → {new or NONE}"
        return
    from difflib import unified_diff

    yield f"{name}:"
    changed = list(unified_diff(old.split("\n"), new.split("\n"), lineterm="", n=2))
    yield from (f"  {line}" for line in changed[2:])  # without the names of two files
