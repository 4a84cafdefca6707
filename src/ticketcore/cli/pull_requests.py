"""Pull requests: linked to tickets, and made into tickets."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.options import ticket_argument
from ticketcore.cli.output import NONE, Column, print_json
from ticketcore.cli.work import show_task, task_data

if TYPE_CHECKING:
    from ticketcore.cli.session import Session
    from ticketcore.domain.work import Task


def _named(task: Task) -> str:
    return f"{task.pr_repo}#{task.pr_id}"


@command(
    "link-pr",
    "ticketcore link-pr 7 17 --repo acme/web",
    "ticketcore link-pr 7 17 --repo acme/web --url https://github.com/acme/web/pull/17",
)
@ticket_argument
@click.argument("pr_id")
@click.option("--repo", default="", help="The repository, with its owner in front.")
@click.option(
    "--task", metavar="GUID", help="The task that the pull request does. [default: the one that has it, or a new one]"
)
@click.option("--url", default="", help="The address of the pull request.")
@with_session
def link_pr(session: Session, ticket: str, pr_id: str, *, repo: str, task: str | None, url: str) -> None:
    """Link a pull request to a ticket.

    PR_ID is its number within the repository. A task of the ticket gets it: the one that has it already,
    the one that --task names, or a new one.
    """
    linked = session.desk.pull_requests.link_pull_request(ticket, pr_id, repo, task=task, url=url, action_by=session.by)
    show_task(session, linked, f"Pull request {_named(linked)} is linked to ticket {ticket}, task {linked.guid}")


@command("linked-prs", "ticketcore linked-prs 7")
@ticket_argument
@with_session
def linked_prs(session: Session, ticket: str) -> None:
    """List the pull requests of a ticket.

    Each is shown with the task that it does.
    """
    columns = [Column("Pull request", wrap=True), Column("Status"), Column("Task", wrap=True), Column("Guid")]
    columns += [Column("Address", wrap=True)]
    found = session.desk.pull_requests.get_linked_prs(ticket)
    if session.json:
        print_json(task_data(session, found))
        return
    session.show_records(
        found,
        columns,
        lambda task: (_named(task), task.status, task.name, task.guid, task.pr_url or NONE),
        "No pull requests.",
    )


@command(
    "create-from-pr",
    "ticketcore create-from-pr payload.json",
    "ticketcore create-from-pr --package WEB < payload.json",
)
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--package", help="The package. [default: ticket.package of the configuration]")
@with_session
def create_from_pr(session: Session, file: BinaryIO, package: str | None) -> None:
    """Create a ticket from a pull request.

    FILE has it as JSON, the way Bitbucket (Cloud or Server), GitHub, GitLab and Gitea describe one in a
    webhook or in an answer of their interface. Without FILE, or with -, standard input is read. The same
    pull request makes one ticket, however often it comes.
    """
    begun = session.desk.clock.now()
    ticket = session.desk.tickets.create_from_pr(file.read(), package=package, action_by=session.by)
    number, is_new = ticket.ticket_number, ticket.created_date >= begun
    what = f"Ticket {number} created for" if is_new else f"Ticket {number} is there already for"
    session.show_change(ticket, f"{what} the pull request: {ticket.subject}")
