"""Workflows as data: which status may follow which, and what makes a declaration a sound one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from ticketcore.domain.ticket import Status
from ticketcore.errors import Problem

ANY = "*"
"""In a declaration: the moves that every status has."""

_S = Status


@frozen
class Workflow:
    """A declared life of a ticket: the first status, the moves, and the statuses that may be the end."""

    name: str
    initial: Status
    moves: Mapping[Status, tuple[Status, ...]] = field(hash=False)
    final: frozenset[Status]

    def allowed(self, status: Status) -> tuple[Status, ...]:
        """Return the statuses that may follow ``status``."""
        return self.moves.get(status, ())

    @property
    def statuses(self) -> tuple[Status, ...]:
        """The statuses that occur, in the order of :class:`~ticketcore.domain.ticket.Status`."""
        named = {self.initial, *self.moves, *(target for targets in self.moves.values() for target in targets)}
        return tuple(status for status in Status if status in named)


_DIAGRAM: dict[Status, tuple[Status, ...]] = {
    _S.NEW: (_S.TRIAGED, _S.CANCELLED),
    _S.TRIAGED: (_S.IN_PROGRESS, _S.CANCELLED),
    _S.IN_PROGRESS: (_S.ON_HOLD, _S.ESCALATED, _S.RESOLVED, _S.CANCELLED),
    _S.ON_HOLD: (_S.IN_PROGRESS, _S.CANCELLED),
    _S.ESCALATED: (_S.IN_PROGRESS, _S.CANCELLED),
    _S.RESOLVED: (_S.CLOSED, _S.CANCELLED),
    _S.CLOSED: (_S.CANCELLED,),
}

STRICT = Workflow("strict", _S.NEW, _DIAGRAM, frozenset({_S.CANCELLED, _S.CLOSED}))
"""The diagram of the specification exactly as drawn."""

DEFAULT = Workflow(
    "default",
    _S.NEW,
    {
        **_DIAGRAM,
        _S.NEW: (_S.TRIAGED, _S.ESCALATED, _S.CANCELLED),
        _S.TRIAGED: (_S.IN_PROGRESS, _S.ESCALATED, _S.CANCELLED),
        _S.ON_HOLD: (_S.IN_PROGRESS, _S.ESCALATED, _S.CANCELLED),
        _S.RESOLVED: (_S.CLOSED, _S.IN_PROGRESS, _S.CANCELLED),
        _S.CLOSED: (_S.IN_PROGRESS, _S.CANCELLED),
    },
    frozenset({_S.CANCELLED, _S.CLOSED}),
)
"""The diagram, and in addition: any active ticket can be escalated, a finished one reopened."""

SHIPPED: dict[str, Workflow] = {workflow.name: workflow for workflow in (DEFAULT, STRICT)}


def declare(name: str, declaration: Mapping[str, Any]) -> tuple[Workflow | None, list[Problem]]:
    """Read the workflow ``declaration`` of a configuration; return it, or what is wrong with it.

    A declaration has ``transitions`` (status: list of the statuses that may follow; ``"*"`` gives moves
    to every status), and may have ``initial`` (default NEW) and ``final`` (default CLOSED and CANCELLED, as
    far as they occur). Problems name the path below the declaration.
    """
    problems: list[Problem] = [
        Problem(str(key), "is not known here; a workflow has transitions, initial and final")
        for key in declaration
        if key not in {"transitions", "initial", "final"}
    ]

    def status(path: str, value: object) -> Status | None:
        if isinstance(value, str) and value in Status.__members__:
            return Status(value)
        problems.append(Problem(path, f"{value!r} is not a status; known: {', '.join(Status)}"))
        return None

    def statuses(path: str, values: object) -> list[Status]:
        if not isinstance(values, list):
            problems.append(Problem(path, f"must be a list of statuses, not {values!r}"))
            return []
        return [found for i, value in enumerate(values) if (found := status(f"{path}[{i}]", value))]

    raw = declaration.get("transitions")
    if not isinstance(raw, Mapping) or not raw:
        problems.append(Problem("transitions", "must map each status to the list of those that may follow"))
        return None, problems
    initial = status("initial", declaration.get("initial", "NEW"))
    moves = {
        source: statuses(f"transitions.{key}", values)
        for key, values in raw.items()
        if key != ANY and (source := status("transitions", key))
    }
    everywhere = statuses(f"transitions.{ANY}", raw[ANY]) if ANY in raw else []
    occurring = {*moves, *everywhere, *(target for targets in moves.values() for target in targets)}
    declared_final = declaration.get("final", [str(s) for s in (_S.CLOSED, _S.CANCELLED) if s in occurring])
    final = frozenset(statuses("final", declared_final))
    if problems or initial is None:
        return None, problems
    # A final status has the moves that are written for it, but "*" is for those that are not final.
    for source in (s for s in Status if s in occurring and s not in final):
        moves.setdefault(source, []).extend(everywhere)
    workflow = Workflow(
        name,
        initial,
        {s: tuple(dict.fromkeys(t for t in moves[s] if t is not s)) for s in Status if moves.get(s)},
        final,
    )
    problems = check(workflow)
    return (None if problems else workflow), problems


def check(workflow: Workflow) -> list[Problem]:
    """Return what is wrong with ``workflow``: unreachable statuses, and dead ends that are not final."""
    reached: set[Status] = set()
    ahead: list[Status] = [workflow.initial]
    while ahead:
        status = ahead.pop()
        if status not in reached:
            reached.add(status)
            ahead.extend(workflow.allowed(status))
    problems = [
        Problem(f"transitions.{status}", f"cannot be reached from {workflow.initial}; add a move to it or leave it out")
        for status in _sorted({*workflow.statuses, *workflow.final} - reached)
    ]
    problems += [
        Problem(f"transitions.{status}", "has no way out; add a move from it or list it under final")
        for status in _sorted(reached)
        if not workflow.allowed(status) and status not in workflow.final
    ]
    ending = set(workflow.final)
    for _ in Status:
        ending |= {status for status in reached if ending & set(workflow.allowed(status))}
    problems += [
        Problem(f"transitions.{status}", "leads to no final status; add a move towards one, or list one under final")
        for status in _sorted(reached - ending)
        if workflow.allowed(status)
    ]
    if _S.CANCELLED in workflow.moves:
        problems.append(Problem("transitions.CANCELLED", "must have no way out: CANCELLED is final"))
    return problems


def _sorted(statuses: Iterable[Status]) -> list[Status]:
    wanted = set(statuses)
    return [status for status in Status if status in wanted]


def to_mermaid(workflow: Workflow) -> str:
    """Return ``workflow`` as a Mermaid state diagram (https://mermaid.js.org/syntax/stateDiagram.html)."""
    lines = ["stateDiagram-v2", f"    [*] --> {workflow.initial}"]
    lines += [f"    {source} --> {target}" for source in workflow.statuses for target in workflow.allowed(source)]
    lines += [f"    {status} --> [*]" for status in workflow.statuses if status in workflow.final]
    return "\n".join(lines)
