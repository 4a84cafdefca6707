"""Who gets a new ticket: the most specific rule that fits, in five levels."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from ticketcore.domain.policy import AssignRule, SlaPolicy


@frozen
class Choice:
    """The rule that was chosen and the level (1 to 5) on which it was found."""

    rule: AssignRule
    level: int


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
