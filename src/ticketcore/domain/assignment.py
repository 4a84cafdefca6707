"""Who gets a new ticket: the most specific rule that fits, in five levels, and one of those whom it names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from attrs import evolve, frozen

from ticketcore.domain.policy import AssignRule, AssignStrategy, SlaPolicy


@frozen
class Choice:
    """The rule that was chosen, the level (1 to 5) on which it was found, and the address that its strategy takes.

    The address is empty as long as the strategy has not been asked.
    """

    rule: AssignRule
    level: int
    assign_to: str = ""

    @property
    def note(self) -> str:
        """What the history of a ticket says of the choice."""
        strategy = "" if self.rule.strategy is AssignStrategy.FIRST else f", {self.rule.strategy}"
        return f"auto-assigned by rule {self.rule.id} (level {self.level}{strategy})"

    @property
    def saves(self) -> tuple[AssignRule, ...]:
        """The rule as it is after the choice, if that makes a difference to the next one."""
        after = evolve(self.rule, last_assigned=self.assign_to)
        return (after,) if self.rule.strategy is AssignStrategy.ROUND_ROBIN and after != self.rule else ()


_LEVELS: tuple[tuple[int, frozenset[str]], ...] = (
    (1, frozenset({"project", "priority", "ticket_type"})),
    (2, frozenset({"project", "priority"})),
    (2, frozenset({"project", "ticket_type"})),
    (3, frozenset({"project"})),
    (4, frozenset({"priority", "ticket_type"})),
    (4, frozenset({"priority"})),
    (4, frozenset({"ticket_type"})),
    (5, frozenset()),
)
"""The levels in the order in which they are tried: which filters a rule on that level has."""

_FILTERS = ("project", "priority", "ticket_type")
_PLACES = {
    tuple(name in filters for name in _FILTERS): (place, level) for place, (level, filters) in enumerate(_LEVELS)
}


def choose(
    rules: Sequence[AssignRule],
    *,
    package: str,
    project: str = "",
    priority: str = "",
    ticket_type: str = "",
) -> Choice | None:
    """Return the active rule that fits best, ``None`` if none does.

    Rules of ``package`` come before rules of the empty package (which means any); within one, the level
    decides; on equal terms the lowest id wins.
    """
    best: tuple[tuple[bool, int, int], Choice] | None = None
    for rule in rules:
        if not rule.active or rule.package not in {package, ""}:
            continue
        if (
            (rule.project and rule.project != project)
            or (rule.priority and rule.priority != priority)
            or (rule.ticket_type and rule.ticket_type != ticket_type)
        ):
            continue
        place, level = _PLACES[bool(rule.project), bool(rule.priority), bool(rule.ticket_type)]
        rank = (rule.package != package, place, rule.id)
        if best is None or rank < best[0]:
            best = rank, Choice(rule, level)
    return best[1] if best else None


def pick(rule: AssignRule, *, away: Collection[str] = (), loads: Mapping[str, int] = {}) -> str:
    """Return the address that gets the next ticket of ``rule``.

    Args:
        rule: the rule; with one address, that one gets them all.
        away: the addresses to pass over, unless that would leave nobody.
        loads: how many tickets each address has, for ``LEAST_LOADED``; on equal terms the first of the list wins.
    """
    listed = rule.assignees
    if rule.strategy is AssignStrategy.ROUND_ROBIN and rule.last_assigned in listed:
        place = listed.index(rule.last_assigned) + 1
        listed = listed[place:] + listed[:place]
    there = [address for address in listed if address not in away] or listed
    if rule.strategy is AssignStrategy.LEAST_LOADED:
        return min(there, key=lambda address: loads.get(address, 0))
    return there[0]


def find_policy(
    policies: Sequence[SlaPolicy], *, package: str, priority: str, ticket_type: str = ""
) -> SlaPolicy | None:
    """Return the active SLA policy for a ticket, ``None`` if there is none.

    A policy of ``package`` comes before one of the empty package, one for ``ticket_type`` before one for
    any type; on equal terms the lowest id wins.
    """
    fitting = [
        policy
        for policy in policies
        if policy.active
        and policy.package in {package, ""}
        and policy.priority == priority
        and policy.ticket_type in {ticket_type, ""}
    ]
    return min(fitting, key=lambda p: (p.package != package, p.ticket_type != ticket_type, p.id), default=None)
