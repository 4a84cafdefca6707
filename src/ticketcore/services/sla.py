"""Service levels: the terms of a ticket, the policies behind them, and who is told when they are broken."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence

from attrs import define, evolve, field, frozen

from ticketcore.domain.assignment import find_policy
from ticketcore.domain.checks import Checks
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.policy import RaciContacts, SlaPolicy, split_names
from ticketcore.domain.query import (
    AllOf,
    AnyOf,
    Condition,
    Expression,
    FieldRef,
    Op,
    Order,
    Query,
    eq,
    is_null,
    one_of,
)
from ticketcore.domain.sla import MAX_MINUTES, Recompute, Target, Terms, evaluate, events_of, overdue
from ticketcore.domain.ticket import ACTIVE, Priority, Status, Ticket, TicketType
from ticketcore.errors import Problem, quoted
from ticketcore.ports.raci import RaciColumns
from ticketcore.ports.repository import Repository, Transaction
from ticketcore.ports.system import Clock
from ticketcore.services.narrowing import in_package
from ticketcore.services.people import email_of
from ticketcore.services.repeating import reads

_log = logging.getLogger(__name__)


@frozen
class SlaSettings:
    """What the configuration says of service levels: targets in minutes for each priority, and how clocks run."""

    defaults: Mapping[str, tuple[int, int]] = field(factory=dict)
    pause_statuses: frozenset[Status] = frozenset({Status.ON_HOLD})
    recompute: Recompute = Recompute.FROM_CREATION


def _policy(tx: Transaction, package: str, priority: str, ticket_type: str) -> SlaPolicy | None:
    policies = tx.find(Query(SlaPolicy, (one_of("package", (package, "")), eq("active", value=True))))
    return find_policy(policies, package=package, priority=priority, ticket_type=ticket_type)


def terms_for(tx: Transaction, settings: SlaSettings, package: str, priority: str, ticket_type: str) -> Terms | None:
    """Return what is promised for a ticket, ``None`` if nothing is.

    The policy of the package comes first, then one of the empty package, then the configured defaults.
    """
    policy = _policy(tx, package, priority, ticket_type)
    targets = (policy.response_minutes, policy.resolution_minutes) if policy else settings.defaults.get(priority)
    if targets is None:
        return None
    return Terms(*targets, pause_statuses=settings.pause_statuses, recompute=settings.recompute)


def with_deadlines(
    tx: Transaction,
    settings: SlaSettings,
    ticket: Ticket,
    history: Sequence[HistoryEntry],
) -> Ticket:
    """Return ``ticket`` with the deadlines and flags that follow from its whole ``history``."""
    events = events_of(ticket, history, lambda *key: terms_for(tx, settings, *key))
    state = evaluate(events)
    return evolve(
        ticket,
        sla_response_deadline=state.response_deadline,
        sla_resolution_deadline=state.resolution_deadline,
        sla_response_met=state.response_met,
        sla_resolution_met=state.resolution_met,
        sla_paused_at=state.paused_at,
    )


def fingerprint(tx: Transaction, settings: SlaSettings) -> str:
    """Return a text that changes whenever deadlines may follow from something else than before."""
    policies = tx.find(Query(SlaPolicy, (eq("active", value=True),), (Order("id"),)))
    facts = {
        "policies": [
            [p.package, p.priority, p.ticket_type, p.response_minutes, p.resolution_minutes] for p in policies
        ],
        "defaults": {priority: list(targets) for priority, targets in sorted(settings.defaults.items())},
        "pause": sorted(settings.pause_statuses),
        "recompute": settings.recompute,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def contacts_for(tx: Transaction, package: str, priority: str, ticket_type: str = "") -> RaciContacts:
    """Return who is told of an escalation, as the policy names them."""
    policy = _policy(tx, package, priority, ticket_type)
    if policy is None:
        return RaciContacts()
    return RaciContacts(
        responsible=split_names(policy.raci_responsible),
        accountable=split_names(policy.raci_accountable),
        consulted=split_names(policy.raci_consulted),
        informed=split_names(policy.raci_informed),
        escalation_contact=split_names(policy.escalation_contact),
    )


def targets_to_escalate(ticket: Ticket, clock: Clock) -> list[Target]:
    """Return the targets whose deadline has passed and for which no escalation went out yet."""
    if not ticket.is_active or ticket.sla_paused_at is not None:
        return []
    now = clock.now()
    facts = {
        Target.RESPONSE: (ticket.sla_response_deadline, ticket.sla_response_met, ticket.sla_response_escalated),
        Target.RESOLUTION: (ticket.sla_resolution_deadline, ticket.sla_resolution_met, ticket.sla_resolution_escalated),
    }
    return [
        target
        for target, (deadline, met, escalated) in facts.items()
        if overdue(deadline, met, None, now) and escalated != deadline
    ]


def mark_escalated(ticket: Ticket, targets: Sequence[Target]) -> Ticket:
    """Return ``ticket`` with a note that the present deadlines of ``targets`` have been escalated."""
    return evolve(
        ticket,
        **{f"sla_{target}_escalated": getattr(ticket, f"sla_{target}_deadline") for target in targets},
    )


def overdue_where(clock: Clock) -> tuple[Expression, ...]:
    """Return the conditions of an active ticket that owes something whose deadline has passed."""
    now = clock.now()

    def late(target: Target) -> Expression:
        deadline = f"sla_{target}_deadline"
        running = is_null("sla_paused_at"), Condition(deadline, Op.LT, FieldRef("sla_paused_at"))
        return AllOf((is_null(f"sla_{target}_met"), Condition(deadline, Op.LT, now), AnyOf(running)))

    return one_of("status", ACTIVE), AnyOf(tuple(late(target) for target in Target))


def _escalation_where(clock: Clock) -> tuple[Expression, ...]:
    def due(target: Target) -> Expression:
        deadline, escalated = f"sla_{target}_deadline", f"sla_{target}_escalated"
        not_yet = AnyOf((is_null(escalated), Condition(escalated, Op.NE, FieldRef(deadline))))
        return AllOf((is_null(f"sla_{target}_met"), Condition(deadline, Op.LT, clock.now()), not_yet))

    return one_of("status", ACTIVE), is_null("sla_paused_at"), AnyOf(tuple(due(target) for target in Target))


@define(eq=False, repr=False)
class Sla:
    """The operations on service levels."""

    repository: Repository
    clock: Clock
    settings: SlaSettings

    def set_sla(
        self,
        package: str,
        priority: str,
        *,
        response_minutes: int,
        resolution_minutes: int,
        ticket_type: str = "",
        escalation_contact: str = "",
        responsible: str = "",
        accountable: str = "",
        consulted: str = "",
        informed: str = "",
        action_by: str,
    ) -> SlaPolicy:
        """Set the policy for a package and priority, replacing the one that is there; return it.

        Tickets get the new terms when they are created, or when their status, package, priority or type
        changes; those that are open get them with the next round of the job ``sla``.

        Args:
            package: the package; empty for all that have no policy of their own.
            priority: one of CRITICAL, HIGH, MEDIUM, LOW, INFO.
            response_minutes: minutes until the first answer, around the clock.
            resolution_minutes: minutes until the solution, around the clock.
            ticket_type: one of USER, INTERNAL, BUG, FEATURE; empty for any.
            escalation_contact: comma-separated addresses or names, told when the four below are empty.
            responsible: comma-separated; alerted on escalation.
            accountable: comma-separated; alerted on escalation.
            consulted: comma-separated; in copy on escalation.
            informed: comma-separated; in copy on escalation.
            action_by: who sets it; it is logged.

        Raises:
            RejectedError: with every problem of the input.
        """
        checks = Checks()
        known_priority = checks.member("priority", priority, Priority)
        policy = SlaPolicy(
            package=checks.line("package", package),
            priority=known_priority.value if known_priority else "",
            ticket_type=checks.any_member("ticket_type", ticket_type, TicketType),
            response_minutes=_minutes(checks, "response_minutes", response_minutes),
            resolution_minutes=_minutes(checks, "resolution_minutes", resolution_minutes),
            escalation_contact=checks.line("escalation_contact", escalation_contact, _CONTACTS_LENGTH),
            raci_responsible=checks.line("responsible", responsible, _CONTACTS_LENGTH),
            raci_accountable=checks.line("accountable", accountable, _CONTACTS_LENGTH),
            raci_consulted=checks.line("consulted", consulted, _CONTACTS_LENGTH),
            raci_informed=checks.line("informed", informed, _CONTACTS_LENGTH),
        )
        if not checks.problems and policy.resolution_minutes < policy.response_minutes:
            checks.problems.append(Problem("resolution_minutes", "must not be shorter than response_minutes"))
        with self.repository.transaction() as tx:
            checks.problems += _unreachable(tx, policy)
            checks.done()
            same = [eq(name, getattr(policy, name)) for name in ("package", "priority", "ticket_type")]
            known = tx.find(Query(SlaPolicy, tuple(same), (Order("id"),)))
            stored = tx.save(evolve(policy, id=known[0].id)) if known else tx.add(policy)
        _log.info("SLA policy %s set by %s", stored.id, action_by)
        return stored

    @reads
    def list_sla(self, package: str | None = None) -> list[SlaPolicy]:
        """Return the policies of ``package``, or all, by package, priority and type."""
        where = in_package(package)
        with self.repository.transaction(read_only=True) as tx:
            found = tx.find(Query(SlaPolicy, where, (Order("id"),)))
        ranks = list(Priority)
        return sorted(found, key=lambda p: (p.package, ranks.index(Priority(p.priority)), p.ticket_type))

    @reads
    def get_raci_contacts(self, package: str, priority: str, ticket_type: str = "") -> RaciContacts:
        """Return who is told when a ticket of this package and priority is escalated."""
        with self.repository.transaction(read_only=True) as tx:
            return contacts_for(tx, package, priority, ticket_type)

    get_raci = get_raci_contacts

    def ensure_sla_raci(self) -> tuple[str, ...]:
        """Add the RACI columns that an existing table of service levels lacks, and return their names.

        Every row stays, with nobody in the new columns. Opening the database does the same; calling it again adds
        nothing. A store without such a table has nothing to add.

        Raises:
            RepositoryError: the database cannot be written, or is not one of this version.
        """
        return self.repository.ensure_sla_raci() if isinstance(self.repository, RaciColumns) else ()

    @reads
    def check_escalation_due(self, package: str | None = None) -> list[Ticket]:
        """Return the tickets to escalate: active, clock running, past a deadline not escalated for yet."""
        where = _escalation_where(self.clock) + in_package(package)
        with self.repository.transaction(read_only=True) as tx:
            return tx.find(Query(Ticket, where, (Order("ticket_number"),)))


def _minutes(checks: Checks, field: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_MINUTES:
        return value
    checks.problems.append(Problem(field, f"must be between 1 and {MAX_MINUTES} minutes, not {quoted(value)}"))
    return 1


_CONTACTS = ("escalation_contact", "raci_responsible", "raci_accountable", "raci_consulted", "raci_informed")
_CONTACTS_LENGTH = 1000


def _unreachable(tx: Transaction, policy: SlaPolicy) -> list[Problem]:
    """Return a problem for each contact that is neither an address nor somebody known."""
    problems = []
    for column in _CONTACTS:
        text = getattr(policy, column)
        name = column.removeprefix("raci_")
        problems += [
            Problem(name, f"{quoted(contact)} is neither an e-mail address nor a known person")
            for contact in split_names(text)
            if email_of(tx, contact) is None
        ]
    return problems
