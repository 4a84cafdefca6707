"""What a desk is told beforehand: who gets which ticket, and how soon it has to be done."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


class AssignStrategy(StrEnum):
    """Whom of several people an auto-assign rule takes."""

    FIRST = "first"
    """The first of the list."""
    ROUND_ROBIN = "round_robin"
    """One after the other."""
    LEAST_LOADED = "least_loaded"
    """Whoever has the fewest active tickets."""


@frozen(kw_only=True)
class AssignRule:
    """An auto-assign rule: a row of ``def_ticket_assign``. An empty filter means any value.

    ``assign_to`` holds one or more comma-separated addresses, ``last_assigned`` the one that ``ROUND_ROBIN`` took last.
    """

    id: int = 0
    package: str = ""
    project: str = ""
    priority: str = ""
    ticket_type: str = ""
    assign_to: str
    active: bool = True
    strategy: AssignStrategy = AssignStrategy.FIRST
    last_assigned: str = ""

    @property
    def assignees(self) -> tuple[str, ...]:
        """The addresses in ``assign_to``, at least one."""
        return split_names(self.assign_to) or (self.assign_to,)


@frozen(kw_only=True)
class SlaPolicy:
    """Targets and contacts of a package and priority: a row of ``def_ticket_sla``.

    Targets are minutes of the named calendar (an empty name is around the clock). The contacts and
    the four RACI fields hold comma-separated addresses or names; an empty ``ticket_type`` means any.
    """

    id: int = 0
    package: str = ""
    priority: str
    ticket_type: str = ""
    response_minutes: int
    resolution_minutes: int
    calendar: str = ""
    escalation_contact: str = ""
    raci_responsible: str = ""
    raci_accountable: str = ""
    raci_consulted: str = ""
    raci_informed: str = ""
    active: bool = True


@frozen(kw_only=True)
class RaciContacts:
    """Who is told of an escalation: ``to`` are alerted, ``cc`` are kept informed."""

    responsible: tuple[str, ...] = ()
    accountable: tuple[str, ...] = ()
    consulted: tuple[str, ...] = ()
    informed: tuple[str, ...] = ()
    escalation_contact: tuple[str, ...] = ()

    @property
    def to(self) -> tuple[str, ...]:
        """The people to alert: responsible and accountable, or else the escalation contact."""
        return _once(self.responsible + self.accountable) or (self.escalation_contact if not self.cc else ())

    @property
    def cc(self) -> tuple[str, ...]:
        """The people in copy: consulted and informed."""
        return _once(self.consulted + self.informed)


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def split_names(text: str) -> tuple[str, ...]:
    """Split comma-separated names, dropping blanks and repetitions."""
    return _once(tuple(part.strip() for part in text.split(",") if part.strip()))
