"""A day of a small service desk, played through the public interface with a clock that is set by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from attrs import frozen

from ticketcore.adapters.system import PlayedClock
from ticketcore.desk import Desk, open_desk
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import InvalidTransitionError, Problem, RejectedError

_MARK = "# Written by `ticketcore demo`; the next one overwrites it."
_CONFIG = """\
{mark}
database:
  url: "sqlite:///ticketcore.db"
email:
  folder: "mail"
  sender: "Service desk <desk@example.com>"
ticket:
  package: IT
"""


@frozen(kw_only=True)
class DemoResult:
    """What the day left behind, ready to be shown."""

    tickets: list[Ticket]
    sla: dict[str, str]
    """How each ticket (by guid) stands with its deadlines at the end of the day."""
    names: dict[str, str]
    """What to show for each assignee, and for who acted."""
    trail_of: Ticket
    trail: list[HistoryEntry]
    mails: list[tuple[datetime, str, str, str]]
    """When, to whom, on which event, about what."""
    summary: dict[str, int]
    refused: str
    """What was said of the move that the workflow does not have."""
    database: Path
    config: Path
    mail_folder: Path


def play(folder: Path, *, day: datetime | None = None) -> DemoResult:
    """Play the day on a fresh SQLite file in ``folder``, and return what it left behind.

    Args:
        folder: where database, configuration and mails go; made if need be. What an earlier demonstration left
            there is replaced, anything else is not touched.
        day: the instant at which the day begins; yesterday at 08:00 UTC by default.

    Raises:
        RejectedError: the folder holds something that no demonstration wrote.
    """
    config = _fresh(folder)
    start = day or datetime.combine(datetime.now(UTC).date() - timedelta(days=1), time(8), UTC)
    clock = PlayedClock(start)
    with open_desk(config, clock=clock) as desk:
        refused = _day(desk, clock)
        tickets = desk.queries.get_tickets_by_filter()
        escalated = desk.tickets.read_by_number(2)
        trail = desk.queries.get_history(escalated)
        involved = [ticket.assigned_to for ticket in tickets] + [row.action_by for row in trail]
        return DemoResult(
            tickets=tickets,
            sla={ticket.guid: desk.sla_words(ticket) for ticket in tickets},
            names=desk.people.names(involved),
            trail_of=escalated,
            trail=trail,
            mails=_mails(desk),
            summary=desk.queries.get_status_summary(),
            refused=refused,
            database=folder / "ticketcore.db",
            config=config,
            mail_folder=folder / "mail",
        )


def _fresh(folder: Path) -> Path:
    """Return the path of a new configuration in ``folder``, which holds nothing of an earlier one then."""
    config = folder / "config.yaml"
    ours = config.is_file() and config.read_text(encoding="utf-8").startswith(_MARK)
    try:
        if folder.exists() and not ours and any(folder.iterdir()):
            problem = f"{folder} holds something that no demonstration wrote; name another folder with --folder"
            raise RejectedError([Problem("folder", problem)])
        (folder / "mail").mkdir(parents=True, exist_ok=True)
        for left in (*folder.glob("ticketcore.db*"), *(folder / "mail").glob("*.eml")):
            left.unlink()
        config.write_text(_CONFIG.format(mark=_MARK), encoding="utf-8")
    except OSError as error:
        raise RejectedError([Problem("folder", f"cannot write to {folder}: {error.strerror}")]) from None
    return config


def _prepare(desk: Desk) -> None:
    """Tell the desk who works there, who gets what, and how soon it has to be done."""
    desk.people.add_person("Ann Lee", "ann@example.com", "ann", is_staff=True)
    desk.people.add_person("Bo Berg", "bo@example.com", "bo", is_staff=True)
    desk.people.add_person("Maya Cole", "maya@example.com", "maya")
    desk.rules.auto_assign_add_rule("IT", "ann@example.com", action_by="ann")
    desk.rules.auto_assign_add_rule("IT", "bo@example.com", project="NETWORK", action_by="ann")
    desk.sla.set_sla(
        "IT",
        "CRITICAL",
        response_minutes=15,
        resolution_minutes=120,
        responsible="bo",
        accountable="ann@example.com",
        informed="maya@example.com",
        action_by="ann",
    )
    desk.templates.add_template(
        "BACKUP_TEST",
        subject="Test of the backups, {{ date }}",
        tasks=[{"name": "Restore a file"}, {"name": "Restore the database"}],
        action_by="ann",
    )
    desk.recurring.create_recurring("BACKUP_TEST", "0 9 * * *", "IT", created_by="ann", timezone="UTC")


def _day(desk: Desk, clock: PlayedClock) -> str:
    """Live through the day; return what was said of the move that was refused."""
    _prepare(desk)
    tickets, comments = desk.tickets, desk.comments
    printer = tickets.create(
        "Printer on floor 3 is jammed",
        description="It beeps, and the tray is stuck.",
        requested_by="maya",
        action_by="maya",
    )
    clock.advance(minutes=5)
    network = tickets.create(
        "No network in building B",
        project="NETWORK",
        priority="CRITICAL",
        ticket_type="INTERNAL",
        requested_by="front.desk@example.org",
        requested_by_type="EMAIL",
        watchers=["head.of.it@example.com"],
        action_by="maya",
    )
    clock.advance(minutes=5)
    report = tickets.create(
        "Wrong totals in the monthly report",
        priority="HIGH",
        ticket_type="BUG",
        assigned_to="bo",
        requested_by="maya",
        action_by="maya",
    )
    laptop = tickets.create("A second monitor, please", priority="LOW", requested_by="maya", action_by="maya")
    wish = tickets.create("Dark mode for the intranet", ticket_type="FEATURE", requested_by="maya", action_by="maya")

    clock.advance(minutes=10)
    tickets.change_status(printer, "TRIAGED", action_by="ann")
    clock.advance(minutes=1)
    tickets.change_status(printer.guid, "IN_PROGRESS", action_by="ann")
    comments.add_comment(printer, "I am on my way with a new roller.", commented_by="ann")
    clock.advance(minutes=25)
    # Nobody has answered the network ticket within its quarter of an hour.
    for late in desk.sla.check_escalation_due():
        tickets.escalate_due(late, action_by="scheduler")
    clock.advance(minutes=5)
    wireless = tickets.create("The wireless is gone too", project="NETWORK", requested_by="maya", action_by="maya")
    tickets.merge(wireless, network.guid, action_by="bo")
    tickets.change_status(network.guid, "IN_PROGRESS", action_by="bo", notes="Looking at the switch.")
    power = desk.tasks.add_task(network.guid, "Put the switch on a second circuit", assigned_to="bo", action_by="bo")
    comments.add_comment(network, "The core switch lost power.", commented_by="bo", is_internal=True)
    tickets.resolve(printer.guid, action_by="ann", notes="Roller replaced.")
    clock.advance(minutes=35)
    desk.tasks.complete_task(power.guid, action_by="bo")
    desk.time.log_time(network.guid, "bo", 35, "Found the fuse", action_by="bo")
    tickets.add_analysis(network.guid, "One fuse feeds the whole rack.", action_by="bo")
    desk.signoffs.request_signoff(network.guid, ["ann"], requested_by="bo")
    desk.signoffs.sign_off(network.guid, "ann", approved=True, note="Seen it myself.")
    desk.recurring.check_due_recurring()
    tickets.resolve(network.guid, action_by="bo", notes="Power is back, the switch is on a second circuit.")
    tickets.close(printer.guid, action_by="maya")

    tickets.change_status(report, "TRIAGED", action_by="bo")
    clock.advance(minutes=1)
    tickets.change_status(report.guid, "IN_PROGRESS", action_by="bo")
    clock.advance(hours=1)
    comments.add_comment(report, "Which month do you mean?", commented_by="bo")
    tickets.change_status(report.guid, "ON_HOLD", action_by="bo", notes="Waiting for an answer.")
    clock.advance(hours=1)
    tickets.cancel(wish, action_by="maya", reason="It exists already.")
    try:
        tickets.close(laptop, action_by="ann")
    except InvalidTransitionError as error:
        refused = str(error)
    clock.advance(hours=2)
    tickets.change_status(laptop, "TRIAGED", action_by="ann")
    tickets.assign(laptop.guid, "bo@example.com", action_by="ann")
    clock.advance(hours=3)
    return refused


def _mails(desk: Desk) -> list[tuple[datetime, str, str, str]]:
    """Return what was sent; one event to several people is one row."""
    found: dict[tuple[datetime, str, str], list[str]] = {}
    for message in desk.notifications.list_outbox("DELIVERED"):
        values = json.loads(message.payload)
        subject = f"[#{values['ticket_number']}] {values['subject']}"
        found.setdefault((message.created_date, values["event"], subject), []).append(message.recipient)
    return [(sent, ", ".join(to), event, subject) for (sent, event, subject), to in found.items()]
