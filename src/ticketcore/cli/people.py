"""People."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.output import Column

if TYPE_CHECKING:
    from ticketcore.cli.session import Session


@command("add-person", 'ticketcore add-person "Ann Miller" ann@example.com --username ann --staff')
@click.argument("name")
@click.argument("email")
@click.option("--username", default="", help="A login name that means this person too.")
@click.option("--staff", is_flag=True, help="Internal comments are for this person.")
@with_session
def add_person(session: Session, name: str, email: str, username: str, *, staff: bool) -> None:
    """Add somebody who can get tickets."""
    person = session.desk.people.add_person(name, email, username, staff, action_by=session.by)
    session.show_record(person, f"{person.name} <{person.email}> added")


@command("list-people", "ticketcore list-people --json")
@with_session
def list_people(session: Session) -> None:
    """List everybody."""
    columns = (Column("Name", wrap=True), Column("Email", wrap=True), Column("Staff"), Column("Active"), Column("Guid"))
    session.show_records(
        session.desk.people.list_people(),
        columns,
        lambda one: (
            one.name,
            one.email,
            "yes" if one.is_staff else "no",
            "yes" if one.active else "no",
            one.person_guid,
        ),
        "Nobody is known yet.",
    )
