"""What services ask of plugins: policies may amend or refuse a change, observers are told of it; and what recurs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import frozen

from ticketcore.domain.events import TicketEvent
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.recurrence import Occurrence, Schedule
from ticketcore.errors import Problem


@frozen
class Verdict:
    """What policies have against a change: ``reasons`` why the actor may not make it, ``problems`` to correct."""

    reasons: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class Amendment(Protocol):
    """One policy that amends changes."""

    @property
    def plugin(self) -> str:
        """The name of the plugin whose policy it is."""

    def fields(self, change: Change, action_by: str) -> Mapping[str, Any]:
        """Return the fields of the ticket that shall have other values than ``change`` gives them.

        Raises:
            PluginError: the policy failed.
        """


class Policies(Protocol):
    """All policies of a desk together, which are asked inside the transaction, before anything is stored."""

    def amendments(self) -> Sequence[Amendment]:
        """Return the policies that amend changes, in the order in which they are asked."""

    def judge(self, change: Change, action_by: str) -> Verdict:
        """Return what every policy has against ``change``; an empty verdict means that it may go ahead.

        A policy that fails counts as a problem.
        """


class Observers(Protocol):
    """All observers of a desk, which are told of changes that have been stored."""

    def names(self) -> Sequence[str]:
        """Return the names of those that want to be told."""

    def tell(self, plugin: str, event: TicketEvent) -> None:
        """Tell the one called ``plugin``; any exception means that it has to be told again."""


@frozen
class RecurringType:
    """A kind of thing that recurs.

    ``check`` raises what is wrong with a new schedule. ``make`` makes the thing of an occurrence; one that ``settles``
    saves ``occurrence.settled`` in the same transaction.
    """

    name: str
    check: Callable[[Schedule], object]
    make: Callable[[Occurrence], object]
    settles: bool
