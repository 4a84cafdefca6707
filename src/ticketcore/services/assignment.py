"""Auto-assign rules: who gets a ticket that nobody was named for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import chain

from attrs import define, evolve

from ticketcore.domain.assignment import Choice, choose, pick
from ticketcore.domain.checks import NAME_LENGTH, Checks
from ticketcore.domain.policy import AssignRule, AssignStrategy, split_names
from ticketcore.domain.query import Order, Query, eq, one_of
from ticketcore.domain.ticket import ACTIVE, Priority, Ticket, TicketType
from ticketcore.errors import NotFoundError, Problem, RejectedError, quoted
from ticketcore.ports.repository import Repository, Transaction
from ticketcore.services.narrowing import in_package
from ticketcore.services.people import find_person, identities_of
from ticketcore.services.repeating import reads

_log = logging.getLogger(__name__)


def choose_rule(tx: Transaction, package: str, project: str, priority: str, ticket_type: str) -> Choice | None:
    """Return the rule for such a ticket and whom it takes, ``None`` if none fits."""
    rules = tx.find(Query(AssignRule, (one_of("package", (package, "")), eq("active", value=True))))
    choice = choose(rules, package=package, project=project, priority=priority, ticket_type=ticket_type)
    return evolve(choice, assign_to=_picked(tx, choice.rule)) if choice else None


def _picked(tx: Transaction, rule: AssignRule) -> str:
    """Return the address that gets the next ticket of ``rule``; people who are not active are passed over."""
    listed = rule.assignees
    if len(listed) == 1:
        return listed[0]
    away = {one for one in listed if not find_person(tx, one) and find_person(tx, one, active=False)}
    loads = _loads(tx, listed) if rule.strategy is AssignStrategy.LEAST_LOADED else {}
    return pick(rule, away=away, loads=loads)


def _loads(tx: Transaction, addresses: Sequence[str]) -> dict[str, int]:
    """Return how many active tickets each of ``addresses`` has, under whatever name they were assigned."""
    names = {address: identities_of(tx, address) for address in addresses}
    where = one_of("assigned_to", sorted({*chain.from_iterable(names.values())})), one_of("status", sorted(ACTIVE))
    counts = tx.count_by(Query(Ticket, where), "assigned_to")
    return {address: sum(counts.get(name, 0) for name in theirs) for address, theirs in names.items()}


def _addresses(checks: Checks, field: str, value: object) -> str:
    """Return one or more comma-separated addresses as they are stored, each once."""
    parts = split_names(value) if isinstance(value, str) else ()
    if not parts:
        return checks.address(field, value)
    text = ",".join(dict.fromkeys(checks.address(field, part) for part in parts))
    if len(text) > NAME_LENGTH:
        checks.problems.append(Problem(field, f"has {len(text)} characters; at most {NAME_LENGTH} are allowed"))
    return text


@define(eq=False, repr=False)
class Rules:
    """The operations on auto-assign rules."""

    repository: Repository

    def auto_assign(self, package: str, project: str = "", priority: str = "", ticket_type: str = "") -> str | None:
        """Return the address that would get such a ticket now, ``None`` if no rule fits.

        Asking does not count as a turn.
        """
        choice = self.choose(package, project, priority, ticket_type)
        return choice.assign_to if choice else None

    @reads
    def choose(self, package: str, project: str = "", priority: str = "", ticket_type: str = "") -> Choice | None:
        """Return the rule that decides about such a ticket, the level (1 to 5) where it was found, and whom it takes.

        Asking does not count as a turn.
        """
        with self.repository.transaction(read_only=True) as tx:
            return choose_rule(tx, package, project, priority, ticket_type)

    @reads
    def auto_assign_list_rules(self, package: str | None = None) -> list[AssignRule]:
        """Return the rules of ``package`` (by default of all), by id."""
        where = in_package(package)
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
        strategy: str = "first",
        action_by: str,
    ) -> AssignRule:
        """Add a rule and return it with its id.

        Args:
            package: the package it is for; empty for all that have no fitting rule of their own.
            assign_to: the address that gets the tickets; or several with commas between them.
            project: only tickets of this project; empty for any.
            priority: only tickets of this priority; empty for any.
            ticket_type: only tickets of this type; empty for any.
            strategy: whom of several a ticket goes to: the ``first``, one after the other (``round_robin``), or whoever
                has the fewest active tickets (``least_loaded``). People who are not active are passed over, unless
                none of them is.
            action_by: who adds it; it is logged.

        Raises:
            RejectedError: an unknown priority, type or strategy, no address, or a name that is too long.
        """
        checks = Checks()
        rule = AssignRule(
            package=checks.line("package", package),
            project=checks.line("project", project),
            priority=checks.any_member("priority", priority, Priority),
            ticket_type=checks.any_member("ticket_type", ticket_type, TicketType),
            assign_to=_addresses(checks, "assign_to", assign_to),
            strategy=checks.member("strategy", strategy, AssignStrategy) or AssignStrategy.FIRST,
        )
        checks.done()
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
            RejectedError: ``rule_id`` is no number.
        """
        if not isinstance(rule_id, int):
            raise RejectedError([Problem("rule_id", f"must be the number of a rule, not {quoted(rule_id)}")])
        with self.repository.transaction() as tx:
            rule = tx.get(AssignRule, rule_id)
            if rule is None or (package is not None and rule.package != package):
                raise NotFoundError("auto-assign rule", rule_id, hint="see: ticketcore list-rules")
            tx.remove(rule)
        _log.info("auto-assign rule %d removed by %s", rule_id, action_by)
        return rule
