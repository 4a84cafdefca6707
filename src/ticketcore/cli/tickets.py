"""Making, showing and describing tickets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.options import PRIORITY, REQUESTED_BY_TYPE, TYPE, ticket_argument
from ticketcore.cli.output import NONE, print_facts, print_heading, print_json, print_text, render, text
from ticketcore.domain.sla import overdue
from ticketcore.domain.ticket import Ticket
from ticketcore.serde import to_plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ticketcore.cli.session import Session
    from ticketcore.domain.work import Comment, Task

_LAST_COMMENTS = 5


@command(
    "create",
    'ticketcore create "Printer on fire" --priority HIGH',
    'ticketcore create "New laptop" --project OFFICE --watcher ann@example.com --eta 2026-05-01',
)
@click.argument("subject")
@click.option("--description", default="", help="The full text.")
@click.option("--package", help="The package. [default: ticket.package of the configuration]")
@click.option("--project", default="", help="The project within the package.")
@click.option("--priority", type=PRIORITY, default="MEDIUM", show_default=True, help="How urgent it is.")
@click.option("--type", "ticket_type", type=TYPE, default="USER", show_default=True, help="What kind of request it is.")
@click.option("--requested-by", metavar="NAME", help="Who raised it. [default: who acts]")
@click.option(
    "--requested-by-type",
    type=REQUESTED_BY_TYPE,
    default="INTERNAL",
    show_default=True,
    help="How to read --requested-by: somebody known here, an address, or the system itself.",
)
@click.option("--assign-to", metavar="USER", help="Who works on it. [default: as the auto-assign rules decide]")
@click.option("--watcher", "watchers", metavar="EMAIL", multiple=True, help="Who is told of every event; repeatable.")
@click.option("--eta", metavar="DATE", help="Estimated completion; a date means the end of that day.")
@with_session
def create(
    session: Session,
    subject: str,
    *,
    description: str,
    package: str | None,
    project: str,
    priority: str,
    ticket_type: str,
    requested_by: str | None,
    requested_by_type: str,
    assign_to: str | None,
    watchers: tuple[str, ...],
    eta: str | None,
) -> None:
    """Create a ticket.

    Deadlines come from the service level of its package and priority. Without --assign-to, the
    auto-assign rules decide who gets it.
    """
    ticket = session.desk.tickets.create(
        subject,
        description=description,
        package=package,
        project=project,
        priority=priority,
        ticket_type=ticket_type,
        requested_by=requested_by,
        requested_by_type=requested_by_type,
        assigned_to=assign_to,
        watchers=watchers,
        eta_date=eta,
        action_by=session.by,
    )
    session.show_change(ticket, created_words(session, ticket))


def created_words(session: Session, ticket: Ticket) -> str:
    """Return what to say of a new ticket."""
    parts = [f"Ticket {ticket.ticket_number} created"]
    if not session.json:
        assignee = session.names([ticket]).get(ticket.assigned_to)
        parts.append(f"assigned to {assignee}" if assignee else "unassigned")
    if ticket.sla_resolution_deadline:
        parts.append(f"resolution due {session.when(ticket.sla_resolution_deadline)}")
    return ", ".join(parts)


@command("read", "ticketcore read 7", "ticketcore read 7 --json")
@ticket_argument
@with_session
def read(session: Session, ticket: str) -> None:
    """Show a ticket.

    The card has its state, its deadlines, the text of its estimate (ETA), its tasks and its last five comments,
    internal ones too.
    """
    desk = session.desk
    found = desk.tickets.read(ticket)
    tasks = desk.tasks.get_tasks(found)
    minutes = desk.time.get_total_time(found)
    comments = desk.comments.get_comments(found, include_internal=True)
    if session.json:
        more = {
            "total_minutes": minutes,
            "tasks": _task_data(session, tasks) if tasks else [],
            "comments": to_plain(comments[-_LAST_COMMENTS:]),
        }
        print_json({**session.ticket_data([found])[0], **more})
    else:
        _print_card(session, found, tasks, comments, minutes)


@command("update", 'ticketcore update 7 --priority CRITICAL --subject "Two printers on fire"')
@ticket_argument
@click.option("--subject", help="The title.")
@click.option("--description", help="The full text.")
@click.option("--package", help="The package; brings the deadlines of that package.")
@click.option("--project", help='The project within the package; "" for none.')
@click.option("--priority", type=PRIORITY, help="How urgent it is; brings new deadlines.")
@click.option("--type", "ticket_type", type=TYPE, help="What kind of request it is; may bring new deadlines.")
@click.option("--requested-by", metavar="NAME", help="Who raised it.")
@click.option("--requested-by-type", type=REQUESTED_BY_TYPE, help="How to read --requested-by.")
@with_session
def update(session: Session, /, ticket: str, **fields: str | None) -> None:
    """Change what describes a ticket.

    What is not named stays as it is.
    """
    named = {name: value for name, value in fields.items() if value is not None}
    if not named:
        message = "there is nothing to change: name at least one of --subject, --description, --package, --project, "
        raise click.UsageError(message + "--priority, --type, --requested-by, --requested-by-type")
    found = session.desk.tickets.update(ticket, action_by=session.by, **named)
    facts = [
        "the new description" if name == "description" else f"{name.replace('_', ' ')} {getattr(found, name) or NONE}"
        for name in named
    ]
    session.show_change(found, f"Ticket {found.ticket_number} has {', '.join(facts)}")


def _task_data(session: Session, tasks: Sequence[Task]) -> list[dict[str, Any]]:
    from ticketcore.cli.work import task_data

    return task_data(session, tasks)


def _print_card(
    session: Session, ticket: Ticket, tasks: Sequence[Task], comments: Sequence[Comment], minutes: int
) -> None:
    from rich.text import Text

    shown = comments[-_LAST_COMMENTS:]
    involved = [task.assigned_to for task in tasks] + [comment.commented_by for comment in shown]
    people = session.desk.people.names([ticket.assigned_to, ticket.requested_by, *involved])
    render(text(f"#{ticket.ticket_number}  {ticket.subject}", "bold"))
    render(Text("  ").join((text(ticket.status), text(ticket.priority), text(ticket.ticket_type))))
    print_facts(_facts(session, ticket, people, minutes))
    if ticket.description:
        click.echo()
        print_text(ticket.description)
    if ticket.problem_analysis:
        print_heading("Analysis")
        print_text(ticket.problem_analysis)
    if tasks:
        print_heading(f"Tasks ({sum(task.is_open for task in tasks)} of {len(tasks)} to do)")
        from ticketcore.cli.work import print_tasks

        print_tasks(tasks, people)
    if shown:
        few = len(shown) < len(comments)
        print_heading(f"Comments (last {len(shown)} of {len(comments)})" if few else f"Comments ({len(shown)})")
    for comment in shown:
        print_comment(session, comment, people)


def _facts(session: Session, ticket: Ticket, people: Mapping[str, str], minutes: int) -> list[tuple[str, object]]:
    """Return what a card says of a ticket line by line; ``minutes`` is the time that was spent on it."""
    desk = session.desk
    eta = desk.tickets.get_eta_display(ticket.estimated_date)
    into = desk.tickets.get_merged_into(ticket) if ticket.merged_into else None
    dates = (("Resolved", ticket.resolved_date), ("Closed", ticket.closed_date))
    facts: list[tuple[str, object]] = [
        *([("Merged into", f"#{into.ticket_number}  {into.subject}")] if into else []),
        ("Guid", ticket.guid),
        ("Package", f"{ticket.package} / {ticket.project}" if ticket.project else ticket.package),
        ("Requested by", f"{people.get(ticket.requested_by, NONE)} ({ticket.requested_by_type})"),
        ("Assigned to", people.get(ticket.assigned_to) or "nobody"),
        ("Created", session.when(ticket.created_date)),
        ("Updated", session.when(ticket.updated_date)),
        *((name, session.when(date)) for name, date in dates if date),
        ("SLA", desk.sla_words(ticket)),
        ("  Response", _target(session, ticket, ticket.sla_response_deadline, met=ticket.sla_response_met)),
        ("  Resolution", _target(session, ticket, ticket.sla_resolution_deadline, met=ticket.sla_resolution_met)),
        ("ETA", f"{eta} ({session.when(ticket.estimated_date)})" if eta else NONE),
        ("Watchers", ", ".join(ticket.watchers) or NONE),
    ]
    if minutes:
        from ticketcore.domain.timing import in_words

        facts.append(("Time spent", in_words(minutes)))
    facts += [("Work score", ticket.work_score)] if ticket.work_score is not None else []
    return facts


def _target(session: Session, ticket: Ticket, deadline: datetime | None, *, met: bool | None) -> str:
    if deadline is None:
        return NONE
    if met is not None:
        state = "met" if met else "missed"
    elif overdue(deadline, met, ticket.sla_paused_at, session.desk.clock.now()):
        state = "overdue"
    elif not ticket.is_active:
        state = "no longer owed"
    else:
        state = "paused" if ticket.sla_paused_at else "running"
    return f"{session.when(deadline)}, {state}"


def print_comment(session: Session, comment: Comment, people: Mapping[str, str]) -> None:
    """Print a comment with who wrote it and when; ``people`` are the names of authors."""
    internal = ", internal" if comment.is_internal else ""
    author = people.get(comment.commented_by, comment.commented_by)
    render(text(f"{author}, {session.when(comment.created_date)}{internal}:", "bold"))
    print_text(comment.text, "  ")
