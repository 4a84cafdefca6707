"""Signing tickets off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.options import ticket_argument
from ticketcore.cli.output import NONE, Column, print_json, say
from ticketcore.domain.work import SignoffStatus
from ticketcore.serde import to_plain

if TYPE_CHECKING:
    from ticketcore.cli.session import Session
    from ticketcore.domain.work import Signoff

_COLUMNS = (
    Column("Person", wrap=True),
    Column("Role", wrap=True),
    Column("Status"),
    Column("Asked by", wrap=True),
    Column("Asked"),
    Column("Answered"),
    Column("Note", wrap=True),
)


@command(
    "request-signoff",
    "ticketcore request-signoff 7 ann@example.com bo",
    "ticketcore request-signoff 7 ann@example.com --role QA",
)
@ticket_argument
@click.argument("people", metavar="PERSON...", nargs=-1, required=True)
@click.option("--role", default="", help="As what they are asked.")
@with_session
def request_signoff(session: Session, ticket: str, people: tuple[str, ...], role: str) -> None:
    """Ask people to sign a ticket off.

    PERSON is an address, or the login name or the guid of somebody known. They are told by mail. Who has not answered
    yet is not asked again; who has is asked anew.
    """
    before = {one.guid for one in session.desk.signoffs.get_signoffs(ticket) if one.status is SignoffStatus.PENDING}
    asked = session.desk.signoffs.request_signoff(ticket, people, requested_by=session.by, role=role)
    if session.json:
        print_json(to_plain(asked))
        return
    names = _names(session, asked)
    for what, found in (
        ("Asked to sign", [one for one in asked if one.guid not in before]),
        ("Asked already, no answer yet: to sign", [one for one in asked if one.guid in before]),
    ):
        if found:
            say(f"{what} ticket {ticket} off: {', '.join(names[one.email] for one in found)}")


@command(
    "sign-off",
    "ticketcore sign-off 7 --by ann@example.com",
    'ticketcore sign-off 7 --reject --note "The tray is missing" --by ann@example.com',
)
@ticket_argument
@click.option("--reject", is_flag=True, help="Reject it instead of approving it.")
@click.option("--note", default="", help="What to say about it.")
@with_session
def sign_off(session: Session, ticket: str, note: str, *, reject: bool) -> None:
    """Answer a request to sign off.

    Only who was asked can: --by says who answers.
    """
    found = session.desk.signoffs.sign_off(ticket, session.by, not reject, note)
    session.show_record(found, f"Ticket {ticket}: {found.status} by {_names(session, [found])[found.email]}")


@command("withdraw-signoff", "ticketcore withdraw-signoff 7 ann@example.com")
@ticket_argument
@click.argument("person")
@with_session
def withdraw_signoff(session: Session, ticket: str, person: str) -> None:
    """Take back a request to sign off.

    Only one that has no answer yet can be taken back.
    """
    found = session.desk.signoffs.withdraw_signoff(ticket, person, action_by=session.by)
    name = _names(session, [found])[found.email]
    session.show_record(found, f"{name} is not asked to sign ticket {ticket} off any more")


@command("signoffs", "ticketcore signoffs 7")
@ticket_argument
@with_session
def signoffs(session: Session, ticket: str) -> None:
    """List who was asked to sign a ticket off.

    With the answers, in the order in which they were asked.
    """
    found = session.desk.signoffs.get_signoffs(ticket)
    people = {} if session.json else _names(session, found)
    session.show_records(
        found,
        _COLUMNS,
        lambda one: (
            people[one.email],
            one.role or NONE,
            one.status,
            people[one.requested_by],
            session.when(one.requested_date),
            session.when(one.signed_date),
            one.note or NONE,
        ),
        "Nobody was asked.",
    )


def _names(session: Session, found: Sequence[Signoff]) -> dict[str, str]:
    """Return what to show for everybody in some requests."""
    return session.desk.people.names(text for one in found for text in (one.email, one.requested_by))
