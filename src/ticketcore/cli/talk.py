"""Comments and watchers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.options import given_text, ticket_argument
from ticketcore.cli.output import print_json, say
from ticketcore.serde import to_plain

if TYPE_CHECKING:
    from ticketcore.cli.session import Session
    from ticketcore.domain.ticket import Ticket


@command("comment", 'ticketcore comment 7 "The fuse is on its way"', "ticketcore comment 7 - < notes.txt")
@ticket_argument
@click.argument("text")
@click.option("--internal", is_flag=True, help="For staff only.")
@with_session
def comment(session: Session, ticket: str, text: str, *, internal: bool) -> None:
    """Comment on a ticket.

    TEXT is what to say; - reads it from standard input.
    """
    made = session.desk.comments.add_comment(ticket, given_text(text), commented_by=session.by, is_internal=internal)
    session.show_record(made, f"{'Internal comment' if internal else 'Comment'} added to ticket {ticket}")


@command("comments", "ticketcore comments 7 --internal")
@ticket_argument
@click.option("--internal", is_flag=True, help="Internal ones too.")
@with_session
def comments(session: Session, ticket: str, *, internal: bool) -> None:
    """List the comments on a ticket.

    The oldest comes first.
    """
    from ticketcore.cli.tickets import print_comment

    found = session.desk.comments.get_comments(ticket, include_internal=internal)
    if session.json:
        print_json(to_plain(found))
    elif not found:
        say("No comments.")
    else:
        people = session.desk.people.names(one.commented_by for one in found)
        for one in found:
            print_comment(session, one, people)


@command("add-watcher", "ticketcore add-watcher 7 ann@example.com")
@ticket_argument
@click.argument("email")
@with_session
def add_watcher(session: Session, ticket: str, email: str) -> None:
    """Let an address be told of every event."""
    _show(session, session.desk.tickets.add_watcher(ticket, email, action_by=session.by))


@command("remove-watcher", "ticketcore remove-watcher 7 ann@example.com")
@ticket_argument
@click.argument("email")
@with_session
def remove_watcher(session: Session, ticket: str, email: str) -> None:
    """Stop telling an address."""
    _show(session, session.desk.tickets.remove_watcher(ticket, email, action_by=session.by))


def _show(session: Session, ticket: Ticket) -> None:
    watching = ", ".join(ticket.watchers) or "nobody"
    session.show_change(ticket, f"Ticket {ticket.ticket_number} is watched by {watching}")


@command("watchers", "ticketcore watchers 7")
@ticket_argument
@with_session
def watchers(session: Session, ticket: str) -> None:
    """List who watches a ticket."""
    found = session.desk.tickets.get_watchers(ticket)
    if session.json:
        print_json(found)
        return
    for address in found or ["No watchers."]:
        say(address)
