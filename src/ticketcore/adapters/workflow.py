"""The workflow port on ``transitions``: a machine for each declared workflow, built when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from attrs import define, field
from transitions import Machine, MachineError

from ticketcore.domain.ticket import Status
from ticketcore.domain.workflow import Workflow
from ticketcore.errors import InvalidTransitionError


class _Cursor:
    """What a machine moves: it writes the state onto its model, which a frozen ticket cannot be."""

    def __init__(self, state: str) -> None:
        self.state = state


class TransitionsEngine:
    """Runs one workflow; the machine itself is never changed, so threads may share it."""

    def __init__(self, workflow: Workflow) -> None:
        """Build the machine: one trigger for each status that can be wanted, named after it."""
        self._workflow = workflow
        self._machine = Machine(
            model=None,
            states=[str(status) for status in workflow.statuses],
            initial=str(workflow.initial),
            auto_transitions=False,
        )
        for source in workflow.statuses:
            for target in workflow.allowed(source):
                self._machine.add_transition(str(target), str(source), str(target))

    @property
    def initial(self) -> Status:
        """The status of a new ticket."""
        return self._workflow.initial

    def move(self, status: Status, wanted: Status) -> Status:
        """Return ``wanted`` if a ticket in ``status`` may take it."""
        cursor = _Cursor(str(status))
        event = self._machine.events.get(str(wanted))
        refusal = InvalidTransitionError(status, wanted, self._workflow.allowed(status))
        if event is None or str(status) not in self._machine.states:
            raise refusal
        try:
            event.trigger(cursor)
        except MachineError:
            raise refusal from None
        return Status(cursor.state)


@define(slots=False)
class PackageWorkflows:
    """The workflow of each package, and the one for all others."""

    default: Workflow
    packages: Mapping[str, Workflow] = field(factory=dict)

    def engine(self, package: str) -> TransitionsEngine:
        """Return the machine for the tickets of ``package``."""
        return self._engines[package if package in self.packages else None]

    @cached_property
    def _engines(self) -> dict[str | None, TransitionsEngine]:
        engines: dict[str | None, TransitionsEngine] = {None: TransitionsEngine(self.default)}
        engines |= {package: TransitionsEngine(workflow) for package, workflow in self.packages.items()}
        return engines
