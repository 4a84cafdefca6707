"""Who gets a new ticket, and which service level it has: the most specific row that fits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.assignment import Choice, choose, find_policy
from ticketcore.domain.policy import AssignRule, SlaPolicy

properties = settings(derandomize=True, deadline=None, max_examples=250)


def rule(id: int, package: str = "CORE", *filters: str, active: bool = True) -> AssignRule:  # noqa: A002
    """Return a rule with the filters that are named, each with the value that the ticket has."""
    values = {name: TICKET[name] for name in filters}
    return AssignRule(id=id, package=package, assign_to=f"{id}@x.org", active=active, **values)


TICKET = {"project": "INFRA", "priority": "HIGH", "ticket_type": "BUG"}

LEVELS = [
    (1, ("project", "priority", "ticket_type")),
    (2, ("project", "priority")),
    (2, ("project", "ticket_type")),
    (3, ("project",)),
    (4, ("priority", "ticket_type")),
    (4, ("priority",)),
    (4, ("ticket_type",)),
    (5, ()),
]


def chosen(rules: Sequence[AssignRule], package: str = "CORE") -> tuple[int, int] | None:
    """Return the id and the level of the rule that a high-priority bug of INFRA gets."""
    choice = choose(rules, package=package, **TICKET)
    return (choice.rule.id, choice.level) if choice else None


@pytest.mark.parametrize("place", range(len(LEVELS)))
def test_the_levels_are_tried_in_order(place: int) -> None:
    """Of this level's rule and those of all later levels, this one's wins, in whatever order."""
    rules = [rule(100 - n, "CORE", *filters) for n, (_, filters) in enumerate(LEVELS)][place:]
    assert chosen(rules) == (100 - place, LEVELS[place][0])
    assert chosen(rules[::-1]) == (100 - place, LEVELS[place][0])


def test_no_rule_no_choice() -> None:
    assert choose([], package="CORE") is None


def test_the_least_specific_rule_of_the_package_beats_the_most_specific_of_any() -> None:
    rules = [rule(1, "", "project", "priority", "ticket_type"), rule(2, "CORE")]
    assert chosen(rules) == (2, 5)


def test_where_the_package_has_no_rule_that_fits_any_package_does() -> None:
    other = AssignRule(id=1, package="CORE", project="OTHER", assign_to="a@x.org")
    assert chosen([other, rule(2, "", "priority")]) == (2, 4)


def test_rules_of_other_packages_do_not_count() -> None:
    assert chosen([rule(1, "OTHER"), rule(2, "core"), rule(3, "COR")]) is None


def test_a_ticket_without_a_package_gets_only_rules_for_any() -> None:
    assert chosen([rule(1, "CORE", "project"), rule(2, "")], package="") == (2, 5)


def test_on_equal_terms_the_lowest_id_wins() -> None:
    assert chosen([rule(7), rule(3), rule(5)]) == (3, 5)


def test_inactive_rules_do_not_count() -> None:
    assert chosen([rule(1, "CORE", "project", active=False), rule(2)]) == (2, 5)


def test_a_filter_has_to_be_fulfilled_exactly() -> None:
    rules = [AssignRule(id=1, project="infra", assign_to="a@x.org")]
    assert chosen(rules) is None
    assert choose(rules, package="") is None
    assert choose(rules, package="", project="infra") == Choice(rules[0], 3)


def naive(rules: Sequence[AssignRule], package: str, values: dict[str, str]) -> Choice | None:
    """Look on one level after the other, as the specification has them."""
    for scope in (package, ""):
        for level, filters in LEVELS:
            fits = [
                rule
                for rule in rules
                if rule.active
                and rule.package == scope
                and all(
                    getattr(rule, name) == (values[name] if name in filters else "")
                    and (name not in filters or values[name] != "")
                    for name in values
                )
            ]
            if fits:
                return Choice(min(fits, key=lambda rule: rule.id), level)
    return None


packages = st.sampled_from(["CORE", "OTHER", ""])
projects = st.sampled_from(["INFRA", "WEB", ""])
priorities = st.sampled_from(["HIGH", "LOW", ""])
types = st.sampled_from(["BUG", "USER", ""])
rules_of_any_kind = st.lists(
    st.builds(
        AssignRule,
        id=st.integers(1, 1000),
        package=packages,
        project=projects,
        priority=priorities,
        ticket_type=types,
        assign_to=st.just("a@x.org"),
        active=st.booleans(),
    ),
    max_size=25,
    unique_by=lambda rule: rule.id,
)


@properties
@given(rules=rules_of_any_kind, package=packages, project=projects, priority=priorities, kind=types)
def test_choose_agrees_with_looking_level_by_level(
    rules: list[AssignRule], package: str, project: str, priority: str, kind: str
) -> None:
    values = {"project": project, "priority": priority, "ticket_type": kind}
    assert choose(rules, package=package, **values) == naive(rules, package, values)


# Service levels


def policy(id: int, package: str, kind: str = "", priority: str = "HIGH") -> SlaPolicy:  # noqa: A002
    return SlaPolicy(
        id=id,
        package=package,
        priority=priority,
        ticket_type=kind,
        response_minutes=60,
        resolution_minutes=240,
    )


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        pytest.param([], None, id="none"),
        pytest.param([policy(1, "CORE")], 1, id="for any type"),
        pytest.param([policy(1, "CORE"), policy(2, "CORE", "BUG")], 2, id="the type before any"),
        pytest.param([policy(1, "", "BUG"), policy(2, "CORE")], 2, id="the package before any"),
        pytest.param([policy(1, ""), policy(2, "", "BUG")], 2, id="the type in any package"),
        pytest.param([policy(1, "OTHER"), policy(2, "")], 2, id="not another package's"),
        pytest.param([policy(1, "CORE", "USER"), policy(2, "")], 2, id="not another type's"),
        pytest.param([policy(1, "CORE", priority="LOW")], None, id="not another priority's"),
        pytest.param([policy(5, "CORE"), policy(3, "CORE")], 3, id="the lowest id"),
    ],
)
def test_the_policy_of_a_ticket(policies: list[SlaPolicy], expected: int | None) -> None:
    found = find_policy(policies, package="CORE", priority="HIGH", ticket_type="BUG")
    assert (found.id if found else None) == expected


def test_an_inactive_policy_does_not_count() -> None:
    switched_off = SlaPolicy(package="CORE", priority="HIGH", response_minutes=1, resolution_minutes=1, active=False)
    assert find_policy([switched_off], package="CORE", priority="HIGH") is None


def test_without_a_type_only_policies_for_any_type_fit() -> None:
    assert find_policy([policy(1, "CORE", "BUG")], package="CORE", priority="HIGH") is None
