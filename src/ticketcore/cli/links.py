"""Links between tickets, and merging them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.options import REFERENCE, FixedList, ticket_argument
from ticketcore.cli.output import NONE, Column, print_facts, print_json, say
from ticketcore.domain.links import READINGS
from ticketcore.serde import to_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.cli.session import Session
    from ticketcore.domain.merging import MergePreview

_COLUMNS = (
    Column("Type"),
    Column("#", right=True),
    Column("Status"),
    Column("Subject", wrap=True),
    Column("By", wrap=True),
    Column("Link", wrap=True),
)


@command("link", "ticketcore link 7 9 --type BLOCKS", "ticketcore link 9 7 --type BLOCKED_BY")
@ticket_argument
@click.argument("target", metavar="TARGET", type=REFERENCE)
@click.option(
    "--type",
    "link_type",
    type=FixedList(READINGS),
    metavar="TYPE",
    required=True,
    help=f"What T is to TARGET: {', '.join(READINGS)}.",
)
@with_session
def link(session: Session, ticket: str, target: str, link_type: str) -> None:
    """Link a ticket to another one.

    Both tickets show the link, each from its side. A link that is there already is refused, and so is one that
    would let a chain of BLOCKS or PARENT_OF come back to where it began.
    """
    made = session.desk.links.add_link(ticket, target, link_type, created_by=session.by)
    session.show_record(made, f"Ticket {ticket} {link_type} ticket {target}")


@command("links", "ticketcore links 7")
@ticket_argument
@with_session
def links(session: Session, ticket: str) -> None:
    """List the links of a ticket.

    Each reads as from this ticket. Its last column is what ticketcore unlink takes.
    """
    found = session.desk.links.get_links(ticket)
    people = {} if session.json else session.desk.people.names(one.created_by for one in found)
    session.show_records(
        found,
        _COLUMNS,
        lambda one: (
            one.link_type,
            one.ticket_number,
            one.status,
            one.subject,
            people.get(one.created_by, one.created_by),
            one.link_guid,
        ),
        "No links.",
    )


@command("unlink", "ticketcore unlink 0195f0c4-2b00-7d5e-8f3a-1c2b3d4e5f60")
@click.argument("guid")
@with_session
def unlink(session: Session, guid: str) -> None:
    """Remove a link.

    GUID is that of the link: ticketcore links shows it.
    """
    gone = session.desk.links.remove_link(guid, action_by=session.by)
    session.show_record(gone, f"Link removed: {gone.link_type}")


@command("merge", "ticketcore merge 7 9", "ticketcore merge 7 8 9 --dry-run")
@click.argument("sources", metavar="SOURCE...", type=REFERENCE, nargs=-1, required=True)
@click.argument("target", metavar="TARGET", type=REFERENCE)
@click.option("--dry-run", is_flag=True, help="Only show what would come along.")
@with_session
def merge(session: Session, sources: tuple[str, ...], target: str, *, dry_run: bool) -> None:
    """Merge tickets into another one.

    Comments, tasks, time, links, watchers and requesters come along. Each SOURCE ends CANCELLED and says where
    it went. All are merged, or, if one cannot be, none.
    """
    tickets, sources = session.desk.tickets, tuple(dict.fromkeys(sources))
    if dry_run:
        _show_preview(session, sources, target, tickets.preview_merge(sources, target))
        return
    found = tickets.merge(sources, target, action_by=session.by)
    session.show_change(found, f"{_named(sources)} merged into ticket {found.ticket_number}")


def _named(sources: Sequence[str]) -> str:
    return f"Ticket {sources[0]}" if len(sources) == 1 else f"Tickets {', '.join(sources)}"


def _show_preview(session: Session, sources: Sequence[str], target: str, found: MergePreview) -> None:
    if session.json:
        print_json(to_plain(found))
        return
    say(f"{_named(sources)} would be merged into ticket {target}; nothing is changed. What would come along:")
    facts: list[tuple[str, object]] = [
        ("Comments", found.comments),
        ("Tasks", found.tasks),
        ("Time entries", f"{found.time_entries} ({found.minutes} min)"),
        ("Links", f"{found.links} ({found.dropped_links} dropped)" if found.dropped_links else found.links),
        ("Watchers", ", ".join(found.watchers) or NONE),
    ]
    facts += [("Sign-offs withdrawn", found.withdrawn_signoffs)] if found.withdrawn_signoffs else []
    print_facts(facts)
