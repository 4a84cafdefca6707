"""Work on a ticket: its tasks, the time it took, and what people make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.options import given_text, ticket_argument
from ticketcore.cli.output import NONE, Column, print_json, print_table, say
from ticketcore.domain.timing import by_person, in_words
from ticketcore.serde import to_plain

if TYPE_CHECKING:
    from ticketcore.cli.session import Session
    from ticketcore.domain.work import Task, TimeEntry

_task_argument = click.argument("guid", metavar="GUID")


# Tasks


@command("add-task", 'ticketcore add-task 7 "Order a new fuse" --assign-to bo@example.com')
@ticket_argument
@click.argument("name")
@click.option("--description", default="", help="The details.")
@click.option("--assign-to", metavar="USER", help="Who does it. [default: nobody]")
@with_session
def add_task(session: Session, ticket: str, name: str, *, description: str, assign_to: str | None) -> None:
    """Add a task to a ticket.

    It comes behind the tasks that the ticket has. The other commands name it by the guid that is printed.
    """
    task = session.desk.tasks.add_task(ticket, name, description, assign_to, action_by=session.by)
    show_task(session, task, f"Task {task.guid} added to ticket {ticket}")


@command("tasks", "ticketcore tasks 7")
@ticket_argument
@with_session
def tasks(session: Session, ticket: str) -> None:
    """List the tasks of a ticket."""
    found = session.desk.tasks.get_tasks(ticket)
    if session.json:
        print_json(task_data(session, found))
    elif found:
        print_tasks(found, task_names(session, found), describe=True)
    else:
        say("No tasks.")


@command("start-task", "ticketcore start-task 0197a3c2-5b1e-7d44-9f0a-3c5d2e8b6a10")
@_task_argument
@with_session
def start_task(session: Session, guid: str) -> None:
    """Say that work on a task has begun.

    Only a task that is OPEN can be started.
    """
    _move(session, session.desk.tasks.start_task, guid)


@command("complete-task", "ticketcore complete-task 0197a3c2-5b1e-7d44-9f0a-3c5d2e8b6a10")
@_task_argument
@with_session
def complete_task(session: Session, guid: str) -> None:
    """Say that a task is done.

    It is OPEN or IN_PROGRESS before. The ticket keeps its status, whatever becomes of its tasks.
    """
    _move(session, session.desk.tasks.complete_task, guid)


@command("reopen-task", "ticketcore reopen-task 0197a3c2-5b1e-7d44-9f0a-3c5d2e8b6a10")
@_task_argument
@with_session
def reopen_task(session: Session, guid: str) -> None:
    """Take up a task again.

    It is DONE or CANCELLED before, and OPEN then.
    """
    _move(session, session.desk.tasks.reopen_task, guid)


@command("cancel-task", "ticketcore cancel-task 0197a3c2-5b1e-7d44-9f0a-3c5d2e8b6a10")
@_task_argument
@with_session
def cancel_task(session: Session, guid: str) -> None:
    """Say that a task is not to be done.

    It is OPEN or IN_PROGRESS before.
    """
    _move(session, session.desk.tasks.cancel_task, guid)


def _move(session: Session, move: Callable[..., Task], guid: str) -> None:
    task = move(guid, action_by=session.by)
    show_task(session, task, f"Task {task.guid} ({task.name}) is {task.status}")


def show_task(session: Session, task: Task, sentence: str) -> None:
    """Print what became of a task: a line, or the task as JSON."""
    if session.json:
        print_json(task_data(session, [task])[0])
    else:
        say(sentence)


def task_names(session: Session, found: Sequence[Task]) -> dict[str, str]:
    """Return what to show for each assignee of tasks."""
    return session.desk.people.names(task.assigned_to for task in found)


def task_data(session: Session, found: Sequence[Task]) -> list[dict[str, Any]]:
    """Return tasks as JSON types."""
    names = task_names(session, found)
    return [{**to_plain(task), "assigned_to_name": names.get(task.assigned_to, "")} for task in found]


def print_tasks(found: Sequence[Task], names: Mapping[str, str], *, describe: bool = False) -> None:
    """Print a table of tasks; there is a column for descriptions if any has one and they are wanted (``describe``)."""
    described = describe and any(task.description for task in found)
    columns = [Column("Status"), Column("Assignee", wrap=True), Column("Task", wrap=True)]
    columns += [Column("Description", wrap=True)] if described else []
    print_table(
        [*columns, Column("Guid")],
        (
            (
                task.status,
                names.get(task.assigned_to, "") or NONE,
                task.name,
                *((task.description,) if described else ()),
                task.guid,
            )
            for task in found
        ),
    )


# Time


@command(
    "log-time",
    'ticketcore log-time 7 45 --description "Fix auth bug"',
    "ticketcore log-time 7 --start 2026-05-01T09:00 --end 2026-05-01T10:30 --person ann@example.com",
)
@ticket_argument
@click.argument("minutes", type=click.INT, required=False)
@click.option("--description", default="", help="What was done.")
@click.option("--person", metavar="EMAIL", help="Whose time it is: an address or a known user. [default: who acts]")
@click.option("--start", metavar="INSTANT", help="When the work began (ISO 8601).")
@click.option("--end", metavar="INSTANT", help="When it ended (ISO 8601).")
@with_session
def log_time(
    session: Session,
    ticket: str,
    minutes: int | None,
    *,
    description: str,
    person: str | None,
    start: str | None,
    end: str | None,
) -> None:
    """Log time spent on a ticket.

    MINUTES may be left out where both --start and --end are given, and is not more than what is between them.
    """
    log = session.desk.time
    whose = _whose(session) if person is None else person
    guid = log.log_time(ticket, whose, minutes, description, start, end, action_by=session.by)
    entry = log.get_time_entry(guid)
    spent = in_words(entry.duration_minutes)
    person = "" if session.json else session.desk.people.names([entry.person_email])[entry.person_email]
    session.show_record(entry, f"{spent} by {person} logged on ticket {ticket}")


def _whose(session: Session) -> str:
    """Return who acts, if that is somebody who has an address."""
    if session.desk.people.resolve_user_email(session.by) is None:
        message = f"{session.by!r} is neither an e-mail address nor a known user: say whose time it is with --person"
        raise click.UsageError(message)
    return session.by


@command("time-entries", "ticketcore time-entries 7")
@ticket_argument
@with_session
def time_entries(session: Session, ticket: str) -> None:
    """List the time spent on a ticket.

    What was logged first comes first.
    """
    found = session.desk.time.get_time_entries(ticket)
    people = {} if session.json else session.desk.people.names(one.person_email for one in found)
    session.show_records(
        found,
        (
            Column("Logged"),
            Column("Time", right=True),
            Column("Person", wrap=True),
            Column("Worked", wrap=True),
            Column("Description", wrap=True),
        ),
        lambda one: (
            session.when(one.created_date),
            in_words(one.duration_minutes),
            people.get(one.person_email, one.person_email),
            _worked(session, one),
            one.description or NONE,
        ),
        "No time is logged.",
    )


def _worked(session: Session, entry: TimeEntry) -> str:
    start, end = session.when(entry.start_time), session.when(entry.end_time)
    if entry.start_time and entry.end_time:
        return f"{start} to {end}"
    return f"from {start}" if entry.start_time else f"until {end}" if entry.end_time else NONE


@command("total-time", "ticketcore total-time 7")
@ticket_argument
@with_session
def total_time(session: Session, ticket: str) -> None:
    """Add up the time spent on a ticket.

    That is for each person, and for all of them.
    """
    minutes = by_person(session.desk.time.get_time_entries(ticket))
    total = sum(minutes.values())
    if session.json:
        print_json({"total_minutes": total, "minutes_by_person": minutes})
    elif minutes:
        people = session.desk.people.names(minutes)
        rows = [*((people.get(who, who), spent) for who, spent in minutes.items()), ("all", total)]
        print_table((Column("Person", wrap=True), Column("Time", right=True)), ((who, in_words(n)) for who, n in rows))
    else:
        say("No time is logged.")


# What people make of a ticket


@command("set-eta", "ticketcore set-eta 7 2026-05-01", 'ticketcore set-eta 7 ""')
@ticket_argument
@click.argument("date")
@with_session
def set_eta(session: Session, ticket: str, date: str) -> None:
    """Set the estimated completion of a ticket.

    DATE is ISO 8601; a date means the end of that day, and "" takes the estimate away.
    """
    found = session.desk.tickets.set_eta(ticket, date or None, action_by=session.by)
    eta = session.desk.tickets.get_eta_display(found.estimated_date)
    estimate = f"the ETA {session.when(found.estimated_date)}: {eta}" if eta else "no ETA"
    session.show_change(found, f"Ticket {found.ticket_number} has {estimate}")


@command(
    "add-analysis",
    'ticketcore add-analysis 7 "The fuse was too weak"',
    "ticketcore add-analysis 7 - < analysis.txt",
)
@ticket_argument
@click.argument("text")
@with_session
def add_analysis(session: Session, ticket: str, text: str) -> None:
    """Write down the root cause of a ticket.

    TEXT takes the place of what was written before; - reads it from standard input.
    """
    found = session.desk.tickets.add_analysis(ticket, given_text(text), action_by=session.by)
    session.show_change(found, f"Ticket {found.ticket_number} has the new analysis")


@command("set-work-score", "ticketcore set-work-score 7 5")
@ticket_argument
@click.argument("score", metavar="N", type=click.INT)
@with_session
def set_work_score(session: Session, ticket: str, score: int) -> None:
    """Set the effort score of a ticket.

    N is a whole number from 0 on; what it means is up to you.
    """
    found = session.desk.tickets.set_work_score(ticket, score, action_by=session.by)
    session.show_change(found, f"Ticket {found.ticket_number} has the work score {found.work_score}")
