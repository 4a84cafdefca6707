"""Auto-assign rules, service levels, and what follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ticketcore.cli.base import command, with_session
from ticketcore.cli.main import PARTLY
from ticketcore.cli.options import (
    ANY_PRIORITY,
    ANY_TYPE,
    PRIORITY,
    REFERENCE,
    FixedList,
    package_filter,
    package_scope,
)
from ticketcore.cli.output import NONE, Column, note, print_facts, print_json, say
from ticketcore.domain.policy import AssignRule, AssignStrategy, RaciContacts, SlaPolicy
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import TicketcoreError
from ticketcore.serde import to_plain

if TYPE_CHECKING:
    from ticketcore.cli.session import Session

_LARGEST_ID = 2**31 - 1
_ANY = "any"


@command("auto-assign", "ticketcore auto-assign --project INFRA --priority CRITICAL")
@click.option("--package", help="The package. [default: ticket.package of the configuration]")
@click.option("--project", default="", help="The project within the package.")
@click.option("--priority", type=ANY_PRIORITY, default="", help="The priority.")
@click.option("--type", "ticket_type", type=ANY_TYPE, default="", help="The type.")
@with_session
def auto_assign(session: Session, package: str | None, project: str, priority: str, ticket_type: str) -> None:
    """Show who would get a ticket.

    And by which rule: the most specific one that fits, found on one of five levels. Looking does not count as a turn.
    """
    scope = session.desk.default_package if package is None else package
    choice = session.desk.rules.choose(scope, project, priority, ticket_type)
    if session.json:
        rule = to_plain(choice.rule) if choice else None
        print_json(
            {
                "assign_to": choice.assign_to if choice else None,
                "level": choice.level if choice else None,
                "rule": rule,
            }
        )
    elif choice is None:
        say("Nobody: no rule fits.")
    else:
        say(f"{choice.assign_to} by rule {choice.rule.id} (level {choice.level}{_strategy(choice.rule)})")


def _strategy(rule: AssignRule) -> str:
    return "" if rule.strategy is AssignStrategy.FIRST else f", {rule.strategy}"


_RULE_COLUMNS = (
    Column("Id", right=True),
    Column("Package"),
    Column("Project"),
    Column("Priority"),
    Column("Type"),
    Column("Assign to", wrap=True),
    Column("Strategy"),
    Column("Active"),
)


@command("list-rules", "ticketcore list-rules --package CORE")
@package_filter
@with_session
def list_rules(session: Session, package: str | None) -> None:
    """List the auto-assign rules."""

    def row(rule: AssignRule) -> tuple[object, ...]:
        filters = (rule.package, rule.project, rule.priority, rule.ticket_type)
        assignees, active = ", ".join(rule.assignees), "yes" if rule.active else "no"
        return (rule.id, *(value or _ANY for value in filters), assignees, rule.strategy, active)

    rules = session.desk.rules.auto_assign_list_rules(package)
    session.show_records(rules, _RULE_COLUMNS, row, "No auto-assign rules.")


@command("add-rule", "ticketcore add-rule ops@example.com --project INFRA --priority CRITICAL")
@click.argument("email", metavar="EMAIL[,EMAIL...]")
@package_scope
@click.option("--project", default="", help="Only tickets of this project. [default: any]")
@click.option("--priority", type=ANY_PRIORITY, default="", help="Only tickets of this priority. [default: any]")
@click.option("--type", "ticket_type", type=ANY_TYPE, default="", help="Only tickets of this type. [default: any]")
@click.option(
    "--strategy", type=FixedList(AssignStrategy), default="first", show_default=True, help="Whom of several it takes."
)
@with_session
def add_rule(
    session: Session,
    email: str,
    package: str | None,
    project: str,
    priority: str,
    ticket_type: str,
    strategy: str,
) -> None:
    """Add an auto-assign rule.

    New tickets that nobody was named for go to EMAIL if no more specific rule fits. Of several, --strategy takes the
    first, one after the other, or whoever has the fewest active tickets.
    """
    scope = session.desk.default_package if package is None else package
    rule = session.desk.rules.auto_assign_add_rule(
        scope, email, project, priority, ticket_type, strategy=strategy, action_by=session.by
    )
    filters = {"package": rule.package, "project": rule.project, "priority": rule.priority, "type": rule.ticket_type}
    wanted = ", ".join(f"{name} {value}" for name, value in filters.items() if value) or "any"
    assignees = ", ".join(rule.assignees)
    how = f" ({rule.strategy})" if len(rule.assignees) > 1 or rule.strategy is not AssignStrategy.FIRST else ""
    session.show_record(rule, f"Rule {rule.id} added: tickets of {wanted} go to {assignees}{how}")


@command("remove-rule", "ticketcore remove-rule 3")
@click.argument("rule_id", metavar="ID", type=click.IntRange(1, _LARGEST_ID))
@click.option("--package", help="Refuse unless the rule is of this package.")
@with_session
def remove_rule(session: Session, rule_id: int, package: str | None) -> None:
    """Remove an auto-assign rule."""
    rule = session.desk.rules.auto_assign_remove_rule(rule_id, package, action_by=session.by)
    session.show_record(rule, f"Rule {rule.id} removed")


@command("set-sla", "ticketcore set-sla --priority HIGH --response 30 --resolution 240 --accountable boss@example.com")
@click.option("--priority", type=PRIORITY, required=True, help="The priority that it is for.")
@package_scope
@click.option("--type", "ticket_type", type=ANY_TYPE, default="", help="Only tickets of this type. [default: any]")
@click.option("--response", "response_minutes", type=int, metavar="MIN", help="Minutes until the first answer.")
@click.option("--resolution", "resolution_minutes", type=int, metavar="MIN", help="Minutes until the solution.")
@click.option("--contact", "escalation_contact", metavar="WHO", help="Alerted when none of the four below is set.")
@click.option("--responsible", metavar="WHO", help="Alerted of an escalation.")
@click.option("--accountable", metavar="WHO", help="Alerted of an escalation.")
@click.option("--consulted", metavar="WHO", help="In copy of an escalation.")
@click.option("--informed", metavar="WHO", help="In copy of an escalation.")
@with_session
def set_sla(
    session: Session,
    /,
    *,
    priority: str,
    package: str | None,
    ticket_type: str,
    response_minutes: int | None,
    resolution_minutes: int | None,
    **contacts: str | None,
) -> None:
    """Set the service level of a priority.

    A new one needs --response and --resolution; of one that is there, what is not named stays. WHO is a
    list of addresses or login names, with commas between them; "" takes them away.
    """
    scope = session.desk.default_package if package is None else package
    known = next(
        (
            policy
            for policy in session.desk.sla.list_sla(scope.strip())
            if policy.priority == priority and policy.ticket_type == ticket_type
        ),
        None,
    )
    if known is not None:
        response_minutes = known.response_minutes if response_minutes is None else response_minutes
        resolution_minutes = known.resolution_minutes if resolution_minutes is None else resolution_minutes
    if response_minutes is None or resolution_minutes is None:
        message = f"there is no service level for {scope or 'any package'}, {priority} yet: "
        raise click.UsageError(message + "give both --response and --resolution")
    policy = session.desk.sla.set_sla(
        scope,
        priority,
        ticket_type=ticket_type,
        response_minutes=response_minutes,
        resolution_minutes=resolution_minutes,
        action_by=session.by,
        **{name: _contact(name, value, known) for name, value in contacts.items()},
    )
    session.show_record(
        policy,
        f"{policy.package or 'Any package'}, {policy.priority}{policy.ticket_type and f' {policy.ticket_type}'}: "
        f"response within {policy.response_minutes} min, resolution within {policy.resolution_minutes} min",
    )


def _contact(name: str, value: str | None, known: SlaPolicy | None) -> str:
    """Return what is to stand for ``name``: what was typed, else what the policy has."""
    if value is not None:
        return value
    field = name if name == "escalation_contact" else f"raci_{name}"
    return getattr(known, field) if known else ""


_SLA_COLUMNS = (
    Column("Package"),
    Column("Priority"),
    Column("Type"),
    Column("Response", right=True),
    Column("Resolution", right=True),
    Column("Alerted", wrap=True),
    Column("In copy", wrap=True),
    Column("Active"),
)


@command("list-sla", "ticketcore list-sla --package CORE")
@package_filter
@with_session
def list_sla(session: Session, package: str | None) -> None:
    """List the service levels.

    Tickets for which none is listed have the defaults of the configuration.
    """

    def row(policy: SlaPolicy) -> tuple[object, ...]:
        alerted = (policy.raci_responsible, policy.raci_accountable)
        copied = (policy.raci_consulted, policy.raci_informed)
        return (
            policy.package or _ANY,
            policy.priority,
            policy.ticket_type or _ANY,
            f"{policy.response_minutes} min",
            f"{policy.resolution_minutes} min",
            ", ".join(filter(None, alerted)) or ("" if any(copied) else policy.escalation_contact) or NONE,
            ", ".join(filter(None, copied)) or NONE,
            "yes" if policy.active else "no",
        )

    session.show_records(session.desk.sla.list_sla(package), _SLA_COLUMNS, row, "No service levels.")


@command("raci", "ticketcore raci 7", "ticketcore raci --priority CRITICAL")
@click.argument("ticket", metavar="[T]", type=REFERENCE, required=False)
@click.option("--package", help="The package. [default: ticket.package of the configuration]")
@click.option("--priority", type=PRIORITY, help="The priority.")
@with_session
def raci(session: Session, ticket: str | None, package: str | None, priority: str | None) -> None:
    """Show who is told of an escalation.

    Of the ticket T, or of tickets of a package and priority.
    """
    if (ticket is None) == (priority is None) or (ticket is not None and package is not None):
        message = "give either a ticket, or --priority (and --package)"
        raise click.UsageError(message)
    if ticket is not None:
        found = session.desk.tickets.read(ticket)
        contacts = session.desk.sla.get_raci_contacts(found.package, found.priority, found.ticket_type)
    else:
        scope = session.desk.default_package if package is None else package
        contacts = session.desk.sla.get_raci_contacts(scope, priority or "")
    if session.json:
        print_json({**to_plain(contacts), "to": list(contacts.to), "cc": list(contacts.cc)})
    elif contacts == RaciContacts():
        say("Nobody: no service level names anybody.")
    else:
        names = ("responsible", "accountable", "consulted", "informed", "escalation_contact")
        print_facts((name.replace("_", " ").capitalize(), ", ".join(getattr(contacts, name)) or NONE) for name in names)


@command("check-escalations", "ticketcore check-escalations", "ticketcore check-escalations --escalate")
@package_filter
@click.option("--escalate", is_flag=True, help="Escalate them, and alert their contacts.")
@with_session
def check_escalations(session: Session, package: str | None, *, escalate: bool) -> None:
    """List the tickets to escalate.

    These are the open ones past a deadline for which no escalation went out yet.
    """
    due = session.desk.sla.check_escalation_due(package)
    if not escalate:
        session.show_tickets(due, "No tickets to escalate.")
        return
    done: list[Ticket] = []
    for ticket in due:
        try:
            done.append(session.desk.tickets.escalate_due(ticket, action_by=session.by))
        except TicketcoreError as error:
            for line in error.lines():
                note(f"Error: ticket {ticket.ticket_number}: {line}")
    session.show_tickets(done, "No tickets escalated.")
    if len(done) < len(due):
        click.get_current_context().exit(PARTLY if done else 1)
