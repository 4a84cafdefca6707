"""What keeps the system running: workflow, outbox, audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ticketcore.cli.base import LazyGroup, command, with_session
from ticketcore.cli.options import FixedList, limit_option, ticket_argument
from ticketcore.cli.output import Column, note, print_json, say
from ticketcore.domain.events import NotifyCode, OutboxMessage, OutboxState
from ticketcore.domain.history import verify_whole
from ticketcore.domain.workflow import to_mermaid

if TYPE_CHECKING:
    from ticketcore.cli.session import Session


@command("workflow", "ticketcore workflow", "ticketcore workflow --json")
@click.option("--package", help="The package. [default: ticket.package of the configuration]")
@with_session
def workflow(session: Session, package: str | None) -> None:
    """Show which status may follow which.

    The text is a Mermaid state diagram, which many editors and web sites draw; --json gives the
    declaration.
    """
    found = session.desk.workflow(session.desk.default_package if package is None else package)
    if session.json:
        print_json(
            {
                "name": found.name,
                "initial": found.initial.value,
                "transitions": {s.value: [t.value for t in targets] for s, targets in found.moves.items()},
                "final": [status.value for status in found.statuses if status in found.final],
            }
        )
    else:
        click.echo(to_mermaid(found))


_OUTBOX_COLUMNS = (
    Column("Guid"),
    Column("#", right=True),
    Column("Event"),
    Column("Recipient", wrap=True),
    Column("State"),
)


def _outbox_row(message: OutboxMessage) -> tuple[object, ...]:
    to = message.recipient or message.channel
    return message.guid, message.ticket_number, message.notify_code, to, message.state


class _Events(FixedList):
    """An event, by its name or as people see it."""

    def __init__(self) -> None:
        super().__init__(NotifyCode.__members__)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name of the event."""
        names = {code.value.casefold(): code.name for code in NotifyCode}
        return super().convert(names.get(str(value).casefold(), value), param, ctx)


@command("notify", "ticketcore notify 7 STATUS_CHANGED", "ticketcore notify 7 escalation_alert")
@ticket_argument
@click.argument("code", metavar="CODE", type=_Events())
@with_session
def notify(session: Session, ticket: str, code: str) -> None:
    """Tell everybody of a ticket again.

    As after a change, by mail and over every other notifier; the ticket stays as it is. CODE is the event: CREATED,
    STATUS_CHANGED, ASSIGNED, RESOLVED, CLOSED, ESCALATED (to requester, assignee and watchers), ESCALATION_ALERT (to
    the contacts of the service level) or SIGNOFF_REQUESTED (to those who have not answered yet).
    """
    found = session.desk.notifications.notify_event(ticket, code, action_by=session.by)
    is_on = bool(session.desk.config.notifiers)
    why = f"there is nobody to tell of ticket {ticket}" if is_on else "no notifier is turned on"
    session.show_records(found, _OUTBOX_COLUMNS, _outbox_row, f"Nothing goes out: {why}")


@command("list", "ticketcore outbox list --state DEAD")
@click.option("--state", type=FixedList(OutboxState), help="Only this state.")
@limit_option("messages to list, the newest of them")
@with_session
def outbox_list(session: Session, state: str | None, limit: int) -> None:
    """List the messages in the outbox.

    The oldest comes first; below the table is what went wrong with each. DEAD ones were given up: see ticketcore
    outbox retry.
    """
    found = session.desk.notifications.list_outbox(state, limit=limit + 1)
    session.show_records(found[-limit:], _OUTBOX_COLUMNS, _outbox_row, "No messages.")
    for message in found[-limit:] if not session.json else ():
        if message.last_error:
            waiting = message.state is OutboxState.PENDING
            then = f", next at {session.when(message.next_attempt)}" if waiting else ""
            times = f"{message.attempts} attempt{'s' if message.attempts > 1 else ''}"
            say(f"{message.guid}: {times}{then}: {message.last_error}")
    if len(found) > limit:
        note(f"There are older messages; for more of them give a higher --limit than {limit}")


@command("retry", "ticketcore outbox retry")
@click.argument("guid", required=False)
@with_session
def outbox_retry(session: Session, guid: str | None) -> None:
    """Make messages that were given up due again.

    All of them, or the one named by GUID (also if it is only waiting). The worker delivers them.
    """
    count = session.desk.notifications.retry(guid)
    if session.json:
        print_json({"retried": count})
    else:
        say(f"{count} message{' is' if count == 1 else 's are'} due again")


@command("verify", "ticketcore audit verify 7")
@ticket_argument
@with_session
def audit_verify(session: Session, ticket: str) -> None:
    """Check that the audit trail of a ticket is intact.

    Each row is chained to the one before it, so a row that was changed shows, and so does one that was removed from
    between others. Rows that were cut off at the end leave a chain that is whole: ticketcore db verify notices them,
    because the ticket is not what is left of its history. The exit status is 1 if something is wrong.
    """
    rows = session.desk.queries.get_history(ticket)
    problems = verify_whole(rows)
    if session.json:
        print_json({"ticket_guid": rows[0].ticket_guid if rows else None, "rows": len(rows), "problems": problems})
    elif not problems:
        say(f"The audit trail of ticket {ticket} is intact: {len(rows)} rows")
    for problem in problems:
        note(f"Error: audit trail of ticket {ticket}: {problem}")
    if problems:
        click.get_current_context().exit(1)


_HERE = __name__

outbox = LazyGroup(
    "outbox",
    help="Look after the messages that go out.",
    epilog="\b\nExample: ticketcore outbox list --state DEAD",
    table={
        "Commands": {
            "list": (_HERE, "outbox_list", "List the messages in the outbox."),
            "retry": (_HERE, "outbox_retry", "Make messages that were given up due again."),
        }
    },
)

audit = LazyGroup(
    "audit",
    help="Check the audit trail.",
    epilog="\b\nExample: ticketcore audit verify 7",
    table={
        "Commands": {
            "verify": (_HERE, "audit_verify", "Check that the audit trail of a ticket is intact."),
        }
    },
)
