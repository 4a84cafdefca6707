"""Who gets a new ticket, and which service level it has: the most specific row that fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.assignment import Choice, choose, find_policy, pick
from ticketcore.domain.policy import AssignRule, AssignStrategy, SlaPolicy

properties = settings(derandomize=True, deadline=None, max_examples=250)


def rule(id: int, package: str = "CORE", *filters: str, active: bool = True) -> AssignRule:  # noqa: A002
    """Return a rule with the filters that are named, each with the value that the ticket has."""
    values: dict[str, Any] = {name: TICKET[name] for name in filters}
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


# Strategies

PEOPLE = [f"{letter}@x.org" for letter in "abcdefg"]
teams = st.lists(st.sampled_from(PEOPLE), min_size=1, unique=True)


def team(addresses: Sequence[str], strategy: AssignStrategy, last: str = "") -> AssignRule:
    return AssignRule(id=1, assign_to=",".join(addresses), strategy=strategy, last_assigned=last)


def turns(rule: AssignRule, count: int, away: Sequence[str] = ()) -> tuple[list[str], AssignRule]:
    """Return who gets the next tickets of a rule, and the rule after that."""
    taken = []
    for _ in range(count):
        taken.append(pick(rule, away=away))
        rule = next(iter(Choice(rule, 5, taken[-1]).saves), rule)
    return taken, rule


@properties
@given(addresses=teams, away=st.lists(st.sampled_from(PEOPLE)), rounds=st.integers(1, 4), more=st.integers(0, 6))
def test_round_robin_takes_everybody_who_is_there_equally_often(
    addresses: list[str], away: list[str], rounds: int, more: int
) -> None:
    there = [one for one in addresses if one not in away] or addresses
    taken, _ = turns(team(addresses, AssignStrategy.ROUND_ROBIN), rounds * len(there) + more, away)
    assert taken[: len(there)] == there
    assert all(one == other for one, other in zip(taken, taken[len(there) :], strict=False))
    counts = Counter(taken)
    assert max(counts.values()) - min(counts[one] for one in there) <= 1


@properties
@given(addresses=teams, last=st.sampled_from(["", *PEOPLE]))
def test_round_robin_goes_on_behind_the_last_one(addresses: list[str], last: str) -> None:
    place = addresses.index(last) + 1 if last in addresses else 0
    assert pick(team(addresses, AssignStrategy.ROUND_ROBIN, last)) == (addresses * 2)[place]


def test_round_robin_goes_on_behind_somebody_who_is_away_by_now() -> None:
    rule = team(PEOPLE[:3], AssignStrategy.ROUND_ROBIN, last=PEOPLE[1])
    assert pick(rule, away=[PEOPLE[1], PEOPLE[2]]) == PEOPLE[0]
    assert pick(rule, away=[PEOPLE[0]]) == PEOPLE[2]


@properties
@given(
    addresses=teams,
    away=st.lists(st.sampled_from(PEOPLE)),
    loads=st.dictionaries(st.sampled_from(PEOPLE), st.integers(0, 3)),
)
def test_least_loaded_takes_the_first_of_those_who_have_least(
    addresses: list[str], away: list[str], loads: dict[str, int]
) -> None:
    there = [one for one in addresses if one not in away] or addresses
    taken = pick(team(addresses, AssignStrategy.LEAST_LOADED), away=away, loads=loads)
    least = min(loads.get(one, 0) for one in there)
    assert taken == next(one for one in there if loads.get(one, 0) == least)


@properties
@given(addresses=teams, away=st.lists(st.sampled_from(PEOPLE)), last=st.sampled_from(PEOPLE))
def test_first_takes_the_first_who_is_there(addresses: list[str], away: list[str], last: str) -> None:
    there = [one for one in addresses if one not in away] or addresses
    assert pick(team(addresses, AssignStrategy.FIRST, last), away=away) == there[0]


@pytest.mark.parametrize("strategy", AssignStrategy)
def test_only_round_robin_has_something_to_remember(strategy: AssignStrategy) -> None:
    rule = team(PEOPLE[:2], strategy)
    choice = Choice(rule, 5, PEOPLE[0])
    after = evolve(rule, last_assigned=PEOPLE[0])
    assert choice.saves == ((after,) if strategy is AssignStrategy.ROUND_ROBIN else ())
    assert Choice(after, 5, PEOPLE[0]).saves == ()


@pytest.mark.parametrize("strategy", AssignStrategy)
@pytest.mark.parametrize("text", ["", " ", ",", "Ops", " a@x.org, ,b@x.org,, a@x.org "])
def test_a_list_that_somebody_else_wrote_is_read_as_far_as_it_goes(strategy: AssignStrategy, text: str) -> None:
    rule = AssignRule(assign_to=text, strategy=strategy)
    assert pick(rule) == rule.assignees[0]
    assert rule.assignees == (("a@x.org", "b@x.org") if "@" in text else (text,))


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
