"""Auto-assign rules: who gets a ticket that nobody was named for."""

from __future__ import annotations

import logging

from attrs import define

from ticketcore.domain.address import normalise_address
from ticketcore.domain.assignment import Choice, choose
from ticketcore.domain.checks import NAME_LENGTH
from ticketcore.domain.policy import AssignRule
from ticketcore.domain.query import Order, Query, eq, one_of
from ticketcore.domain.ticket import Priority, TicketType
from ticketcore.errors import NotFoundError, Problem, RejectedError
from ticketcore.ports.repository import Repository, Transaction

_log = logging.getLogger(__name__)


def choose_rule(tx: Transaction, package: str, project: str, priority: str, ticket_type: str) -> Choice | None:
    """Return the rule for such a ticket, ``None`` if none fits."""
    rules = tx.find(Query(AssignRule, (one_of("package", (package, "")), eq("active", value=True))))
    return choose(rules, package=package, project=project, priority=priority, ticket_type=ticket_type)


@define(eq=False, repr=False)
class Rules:
    """The operations on auto-assign rules."""

    repository: Repository

    def auto_assign(self, package: str, project: str = "", priority: str = "", ticket_type: str = "") -> str | None:
        """Return the address that would get such a ticket, ``None`` if no rule fits."""
        choice = self.choose(package, project, priority, ticket_type)
        return choice.rule.assign_to if choice else None

    def choose(self, package: str, project: str = "", priority: str = "", ticket_type: str = "") -> Choice | None:
        """Return the rule that decides about such a ticket, and the level (1 to 5) on which it was found."""
        with self.repository.transaction(read_only=True) as tx:
            return choose_rule(tx, package, project, priority, ticket_type)

    def auto_assign_list_rules(self, package: str | None = None) -> list[AssignRule]:
        """Return the rules of ``package`` (by default of all), by id."""
        where = () if package is None else (eq("package", package),)
        with self.repository.transaction(read_only=True) as tx:
            return tx.find(Query(AssignRule, where, (Order("id"),)))

    def auto_assign_add_rule(
        self,
        package: str,
        assign_to: str,
        project: str = "",
        priority: str = "",
        ticket_type: str = "",
        *,
        action_by: str,
    ) -> AssignRule:
        """Add a rule and return it with its id.

        Args:
            package: the package it is for; empty for all that have no fitting rule of their own.
            assign_to: the address that gets the tickets.
            project: only tickets of this project; empty for any.
            priority: only tickets of this priority; empty for any.
            ticket_type: only tickets of this type; empty for any.
            action_by: who adds it; it is logged.

        Raises:
            RejectedError: an unknown priority or type, no address, or a name that is too long.
        """
        problems = [
            Problem(name, f"{value!r} is not known; choose one of {', '.join(kind)}, or none for any")
            for name, value, kind in (("priority", priority, Priority), ("ticket_type", ticket_type, TicketType))
            if value and value not in kind.__members__
        ]
        problems += [
            Problem(name, f"must have at most {NAME_LENGTH} characters, not {len(value)}")
            for name, value in (("package", package), ("project", project))
            if len(value) > NAME_LENGTH
        ]
        try:
            address = normalise_address("assign_to", assign_to)
        except RejectedError as error:
            problems += error.problems
        if problems:
            raise RejectedError(problems)
        rule = AssignRule(
            package=package.strip(),
            project=project.strip(),
            priority=priority,
            ticket_type=ticket_type,
            assign_to=address,
        )
        with self.repository.transaction() as tx:
            stored = tx.add(rule)
        _log.info("auto-assign rule %d added by %s", stored.id, action_by)
        return stored

    def auto_assign_remove_rule(self, rule_id: int, package: str | None = None, *, action_by: str) -> AssignRule:
        """Remove a rule and return it.

        Args:
            rule_id: the id of the rule.
            package: refuse unless the rule is of this package; any by default.
            action_by: who removes it; it is logged.

        Raises:
            NotFoundError: there is no such rule (in that package).
        """
        with self.repository.transaction() as tx:
            rule = tx.get(AssignRule, rule_id)
            if rule is None or (package is not None and rule.package != package):
                raise NotFoundError("auto-assign rule", rule_id, hint="see: ticketcore list-rules")
            tx.remove(rule)
        _log.info("auto-assign rule %d removed by %s", rule_id, action_by)
        return rule
