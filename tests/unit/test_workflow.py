"""Workflows: the two that are shipped, and what a declaration of one may say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.ticket import Status
from ticketcore.domain.workflow import (
    ANY,
    DEFAULT,
    SHIPPED,
    STRICT,
    Workflow,
    check,
    declare,
    to_mermaid,
)

properties = settings(derandomize=True, deadline=None, max_examples=200)

DRAWN = {
    ("NEW", "TRIAGED"),
    ("TRIAGED", "IN_PROGRESS"),
    ("IN_PROGRESS", "RESOLVED"),
    ("RESOLVED", "CLOSED"),
    ("IN_PROGRESS", "ON_HOLD"),
    ("ON_HOLD", "IN_PROGRESS"),
    ("IN_PROGRESS", "ESCALATED"),
    ("ESCALATED", "IN_PROGRESS"),
    ("NEW", "CANCELLED"),
    ("TRIAGED", "CANCELLED"),
    ("IN_PROGRESS", "CANCELLED"),
    ("ON_HOLD", "CANCELLED"),
    ("ESCALATED", "CANCELLED"),
    ("RESOLVED", "CANCELLED"),
    ("CLOSED", "CANCELLED"),
}
ADDED = {
    ("NEW", "ESCALATED"),
    ("TRIAGED", "ESCALATED"),
    ("ON_HOLD", "ESCALATED"),
    ("RESOLVED", "IN_PROGRESS"),
    ("CLOSED", "IN_PROGRESS"),
}


def edges(workflow: Workflow) -> list[tuple[str, str]]:
    return [(str(status), str(target)) for status in Status for target in workflow.allowed(status)]


@pytest.mark.parametrize(
    ("workflow", "expected"),
    [pytest.param(STRICT, DRAWN, id="strict"), pytest.param(DEFAULT, DRAWN | ADDED, id="default")],
)
def test_a_shipped_workflow_has_exactly_the_moves_of_the_diagram(
    workflow: Workflow, expected: set[tuple[str, str]]
) -> None:
    assert sorted(edges(workflow)) == sorted(expected)
    assert workflow.initial is Status.NEW
    assert workflow.final == {Status.CLOSED, Status.CANCELLED}
    assert workflow.statuses == tuple(Status)


def test_the_shipped_workflows_are_found_by_name_and_sound() -> None:
    assert SHIPPED == {"default": DEFAULT, "strict": STRICT}
    assert [check(workflow) for workflow in SHIPPED.values()] == [[], []]


@pytest.mark.parametrize("workflow", SHIPPED.values(), ids=SHIPPED)
def test_a_shipped_workflow_can_be_declared_as_it_is(workflow: Workflow) -> None:
    transitions = {str(s): [str(t) for t in targets] for s, targets in workflow.moves.items()}
    assert declare(workflow.name, {"transitions": transitions}) == (workflow, [])


def accepted(declaration: dict[str, Any]) -> Workflow:
    workflow, problems = declare("mine", declaration)
    assert problems == []
    assert workflow is not None
    return workflow


SMALL = {"NEW": ["IN_PROGRESS"], "IN_PROGRESS": ["CLOSED"]}


def test_a_declaration_starts_at_new_and_ends_at_closed_and_cancelled() -> None:
    workflow = accepted({"transitions": SMALL})
    assert workflow.name == "mine"
    assert workflow.initial is Status.NEW
    assert workflow.final == {Status.CLOSED}
    assert workflow.statuses == (Status.NEW, Status.IN_PROGRESS, Status.CLOSED)
    assert edges(workflow) == [("NEW", "IN_PROGRESS"), ("IN_PROGRESS", "CLOSED")]


def test_a_declaration_may_name_its_first_and_last_statuses() -> None:
    transitions = {"TRIAGED": ["RESOLVED"], "RESOLVED": ["TRIAGED"]}
    declaration = {"transitions": transitions, "initial": "TRIAGED", "final": ["RESOLVED"]}
    workflow = accepted(declaration)
    assert workflow.initial is Status.TRIAGED
    assert workflow.final == {Status.RESOLVED}


def test_the_star_gives_moves_to_every_status_that_is_not_final() -> None:
    workflow = accepted({"transitions": {**SMALL, ANY: ["CANCELLED", "ON_HOLD"], "ON_HOLD": ["CLOSED"]}})
    assert edges(workflow) == [
        ("NEW", "IN_PROGRESS"),
        ("NEW", "CANCELLED"),
        ("NEW", "ON_HOLD"),
        ("IN_PROGRESS", "CLOSED"),
        ("IN_PROGRESS", "CANCELLED"),
        ("IN_PROGRESS", "ON_HOLD"),
        ("ON_HOLD", "CLOSED"),
        ("ON_HOLD", "CANCELLED"),
    ]


def test_a_final_status_keeps_the_moves_that_are_written_for_it() -> None:
    transitions = {**SMALL, "CLOSED": ["IN_PROGRESS"], ANY: ["CANCELLED"]}
    assert accepted({"transitions": transitions}).allowed(Status.CLOSED) == (Status.IN_PROGRESS,)


def test_moves_keep_their_order_and_repetitions_and_moves_to_itself_are_dropped() -> None:
    moves = ["CANCELLED", "CLOSED", "NEW", "CLOSED"]
    workflow = accepted({"transitions": {"NEW": moves}})
    assert workflow.allowed(Status.NEW) == (Status.CANCELLED, Status.CLOSED)


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        pytest.param({"transitions": SMALL, "states": []}, {"states": "is not known here"}, id="unknown key"),
        pytest.param({}, {"transitions": "must map each status"}, id="nothing"),
        pytest.param({"transitions": {}}, {"transitions": "must map each status"}, id="no moves"),
        pytest.param({"transitions": ["NEW", "CLOSED"]}, {"transitions": "must map each status"}, id="list"),
        pytest.param({"transitions": "NEW"}, {"transitions": "must map each status"}, id="text"),
        pytest.param(
            {"transitions": {"NEW": "CLOSED"}},
            {"transitions.NEW": "must be a list of statuses, not 'CLOSED'"},
            id="moves are text",
        ),
        pytest.param(
            {"transitions": {"NEW": None, ANY: {"CLOSED": 1}}},
            {"transitions.NEW": "not None", "transitions.*": "must be a list"},
            id="moves are something else",
        ),
        pytest.param(
            {"transitions": {"new": ["CLOSED"], "NEW": ["DONE"], 7: []}},
            {
                "transitions": "'new' is not a status; known: NEW, TRIAGED",
                "transitions.NEW[0]": "'DONE' is not a status",
                "transitions ": "7 is not a status",
            },
            id="unknown statuses",
        ),
        pytest.param(
            {"transitions": {"NEW": ["CLOSED", ["CANCELLED"], None, 3]}},
            {
                "transitions.NEW[1]": "['CANCELLED'] is not a status",
                "transitions.NEW[2]": "None is not a status",
                "transitions.NEW[3]": "3 is not a status",
            },
            id="statuses that are no text",
        ),
        pytest.param(
            {"transitions": SMALL, "initial": "OPEN", "final": ["DONE"]},
            {"initial": "'OPEN' is not a status", "final[0]": "'DONE' is not a status"},
            id="unknown first and last",
        ),
        pytest.param(
            {"transitions": SMALL, "initial": None, "final": "CLOSED"},
            {"initial": "None is not a status", "final": "must be a list of statuses"},
            id="first and last of a wrong type",
        ),
        pytest.param(
            {"transitions": {**SMALL, "ON_HOLD": ["CLOSED"]}},
            {"transitions.ON_HOLD": "cannot be reached from NEW"},
            id="unreachable",
        ),
        pytest.param(
            {"transitions": {"TRIAGED": ["CLOSED"]}},
            {
                "transitions.NEW": "has no way out",
                "transitions.TRIAGED": "cannot be reached",
                "transitions.CLOSED": "cannot be reached",
            },
            id="nothing leaves the first status",
        ),
        pytest.param(
            {"transitions": SMALL, "final": ["CLOSED", "RESOLVED"]},
            {"transitions.RESOLVED": "cannot be reached from NEW"},
            id="a last status that never comes",
        ),
        pytest.param(
            {"transitions": {"NEW": ["ON_HOLD", "CLOSED"]}},
            {"transitions.ON_HOLD": "has no way out; add a move from it or list it under final"},
            id="dead end",
        ),
        pytest.param(
            {"transitions": {"NEW": ["ON_HOLD", "CLOSED"], "ON_HOLD": ["ON_HOLD"]}},
            {"transitions.ON_HOLD": "has no way out"},
            id="a move to itself is no way out",
        ),
        pytest.param(
            {"transitions": {"NEW": ["CLOSED", "CANCELLED"], "CANCELLED": ["NEW"]}},
            {"transitions.CANCELLED": "must have no way out: CANCELLED is final"},
            id="a way out of CANCELLED",
        ),
        pytest.param(
            {"transitions": {"NEW": ["CLOSED"], ANY: ["CANCELLED", "NEW"]}, "final": ["CLOSED"]},
            {"transitions.CANCELLED": "must have no way out"},
            id="a way out of CANCELLED through the star",
        ),
        pytest.param(
            {"transitions": {ANY: ["WRONG"], "X": []}, "initial": 1, "final": [2], "more": 3},
            {
                "more": "is not known here",
                "transitions": "'X' is not a status",
                "transitions.*[0]": "'WRONG' is not a status",
                "initial": "1 is not a status",
                "final[0]": "2 is not a status",
            },
            id="everything at once",
        ),
    ],
)
def test_a_bad_declaration_is_explained(declaration: dict[str, Any], expected: dict[str, str]) -> None:
    workflow, problems = declare("mine", declaration)
    assert workflow is None
    assert sorted(problem.field for problem in problems) == sorted(map(str.strip, expected))
    for field, words in expected.items():
        assert any(p.field == field.strip() and words in p.message for p in problems), words


@pytest.mark.parametrize(
    "transitions",
    [
        {"NEW": ["IN_PROGRESS"], "IN_PROGRESS": ["NEW"]},
        {
            "NEW": ["IN_PROGRESS", "CLOSED"],
            "IN_PROGRESS": ["ON_HOLD"],
            "ON_HOLD": ["IN_PROGRESS"],
        },
    ],
    ids=["no last status at all", "two statuses that only lead to each other"],
)
def test_a_ticket_that_could_never_end_is_refused(transitions: dict[str, list[str]]) -> None:
    workflow, problems = declare("mine", {"transitions": transitions})
    assert workflow is None
    assert problems


# Any declaration in known words

FEW = ["NEW", "IN_PROGRESS", "ON_HOLD", "CLOSED", "CANCELLED"]
few_statuses = st.lists(st.sampled_from(FEW), max_size=3)
declarations = st.fixed_dictionaries(
    {"transitions": st.dictionaries(st.sampled_from([*FEW, ANY]), few_statuses, min_size=1)},
    optional={"initial": st.sampled_from(FEW), "final": few_statuses},
)


def closure(moves: dict[str, set[str]], start: str) -> set[str]:
    """Return what can be reached from ``start``, itself included."""
    found = {start}
    while True:
        more = found.union(*(moves.get(status, set()) for status in found))
        if more == found:
            return found
        found = more


def is_sound(declaration: dict[str, Any]) -> bool:
    """Say whether all that occurs can be reached and can end, and nothing follows CANCELLED."""
    transitions: dict[str, list[str]] = declaration["transitions"]
    initial = declaration.get("initial", "NEW")
    occurring = {s for s in transitions if s != ANY}.union(*transitions.values())
    final = set(declaration.get("final", occurring & {"CLOSED", "CANCELLED"}))
    moves = {
        status: {
            target
            for target in transitions.get(status, [])
            + (transitions.get(ANY, []) if status in occurring - final else [])
            if target != status
        }
        for status in FEW
    }
    # A status that is mentioned without a move in or out is not there.
    there = {initial} | final | {s for s in FEW if moves[s]} | set().union(*moves.values())
    return (
        there <= closure(moves, initial)
        and not moves["CANCELLED"]
        and all(closure(moves, status) & final for status in there)
    )


@properties
@given(declarations)
def test_a_declaration_is_accepted_if_and_only_if_it_is_sound(declaration: dict[str, Any]) -> None:
    workflow, problems = declare("mine", declaration)
    assert (workflow is not None) is is_sound(declaration)
    assert (workflow is None) is bool(problems)


def test_mermaid_shows_the_start_the_moves_and_the_ends() -> None:
    workflow = accepted({"transitions": {**SMALL, ANY: ["CANCELLED"], "CLOSED": ["IN_PROGRESS"]}})
    assert to_mermaid(workflow).splitlines() == [
        "stateDiagram-v2",
        "    [*] --> NEW",
        "    NEW --> IN_PROGRESS",
        "    NEW --> CANCELLED",
        "    IN_PROGRESS --> CLOSED",
        "    IN_PROGRESS --> CANCELLED",
        "    CLOSED --> IN_PROGRESS",
        "    CLOSED --> [*]",
        "    CANCELLED --> [*]",
    ]


@pytest.mark.parametrize("workflow", SHIPPED.values(), ids=SHIPPED)
def test_mermaid_draws_every_move_once(workflow: Workflow) -> None:
    drawn = [tuple(line.strip().split(" --> ")) for line in to_mermaid(workflow).splitlines()[1:]]
    ends = {("[*]", "NEW"), ("CLOSED", "[*]"), ("CANCELLED", "[*]")}
    assert sorted(drawn) == sorted({*edges(workflow), *ends})
