"""The demonstration."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from ticketcore.cli.base import command, shared
from ticketcore.cli.output import Column, print_heading, print_json, print_table, say


@command("demo", "ticketcore demo", "ticketcore demo --folder /tmp/desk")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("ticketcore-demo"),
    show_default=True,
    help="Where its database, configuration and mails go.",
)
def demo(folder: Path) -> None:
    """Play a day at a ticket desk.

    People, rules, service levels and tickets with a past, in a database of their own, to look at and to
    go on with. It can be played again.
    """
    from ticketcore.cli.queries import HISTORY_COLUMNS, history_row, print_summary
    from ticketcore.cli.session import print_tickets, when
    from ticketcore.demo import play
    from ticketcore.domain.eta import eta_display
    from ticketcore.serde import to_plain

    result = play(folder)
    if shared(click.get_current_context()).json:
        print_json(
            {
                "tickets": [
                    {
                        **to_plain(ticket),
                        "assigned_to_name": result.names.get(ticket.assigned_to, ticket.assigned_to),
                        "eta_display": eta_display(ticket.estimated_date, datetime.now(UTC), UTC),
                    }
                    for ticket in result.tickets
                ],
                "summary": result.summary,
                "trail": to_plain(result.trail),
                "database": str(result.database),
                "config": str(result.config),
                "mail_folder": str(result.mail_folder),
            }
        )
        return
    print_heading("Tickets")
    print_tickets(result.tickets, result.names, lambda ticket: result.sla[ticket.guid])
    print_heading("How many are in each status")
    print_summary(result.summary)
    print_heading(f"The history of ticket {result.trail_of.ticket_number}: {result.trail_of.subject}")
    print_table(HISTORY_COLUMNS, (history_row(row, result.names, UTC) for row in result.trail))
    print_heading("A move that the workflow refuses")
    say(result.refused)
    print_heading("Mails that went out")
    print_table(
        (Column("Sent"), Column("To", wrap=True), Column("Event"), Column("Subject", wrap=True)),
        ((when(sent, UTC), to, event, subject) for sent, to, event, subject in result.mails),
    )
    number = result.trail_of.ticket_number
    config = shlex.quote(str(result.config))
    click.echo()
    say(f"The database is {result.database}, the mails are in {result.mail_folder}. Go on with:")
    # A newcomer who typed a path to the program has to type it again.
    typed = sys.argv[0] if Path(sys.argv[0]).name == "ticketcore" else "ticketcore"
    program = "ticketcore" if shutil.which("ticketcore") else shlex.quote(os.path.relpath(typed))
    for arguments in (f"read {number}", f"history {number}", "overdue"):
        click.echo(f"  {program} --config {config} {arguments}")
