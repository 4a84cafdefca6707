"""The operations on a ticket itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING

from attrs import define

from ticketcore.domain import eta
from ticketcore.domain.lifecycle import Change, assigned, updated, watcher_added, watcher_removed
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import Problem, RejectedError
from ticketcore.ports.render import Placeholders
from ticketcore.ports.repository import Transaction
from ticketcore.services.merged import where_merged
from ticketcore.services.moves import Moves
from ticketcore.services.notices import display_name
from ticketcore.services.people import stored_assignee
from ticketcore.services.references import Reference, load
from ticketcore.services.repeating import reads

if TYPE_CHECKING:
    from ticketcore.domain.merging import MergePreview
    from ticketcore.services.creation import Creation
    from ticketcore.services.merging import Sources
    from ticketcore.services.templating import Templating


@define(eq=False, repr=False)
class Tickets(Moves):
    """Tickets: made, read, changed, assigned, watched, and moved through their workflow.

    The moves themselves are those of :mod:`ticketcore.services.moves`.

    Wherever a ticket is named, its guid, its number or a record of it will do. Given a record, a change is
    refused with a ConflictError if the ticket has changed since. ``action_by`` says who acts.
    """

    default_package: str
    zone: tzinfo
    placeholders: Callable[[], Placeholders]

    def create(
        self,
        subject: str,
        *,
        description: str = "",
        package: str | None = None,
        project: str = "",
        priority: str = "MEDIUM",
        ticket_type: str = "USER",
        requested_by: str | None = None,
        requested_by_type: str = "INTERNAL",
        assigned_to: str | None = None,
        watchers: Iterable[str] = (),
        eta_date: str | date | datetime | None = None,
        action_by: str,
    ) -> Ticket:
        """Create a ticket and return it with its number and deadlines.

        Args:
            subject: the title, at most 500 characters; line breaks become blanks.
            description: the full text.
            package: the scope of the ticket; the configured one by default.
            project: the project within the package; may be empty.
            priority: CRITICAL, HIGH, MEDIUM, LOW or INFO.
            ticket_type: USER, INTERNAL, BUG or FEATURE.
            requested_by: who raised it; ``action_by`` by default.
            requested_by_type: INTERNAL (somebody known here), EMAIL (an address) or SYSTEM.
            assigned_to: who works on it: an address, a login name or any text. Without it, the auto-assign
                rules decide.
            watchers: addresses that are told of every event.
            eta_date: the estimated completion (ISO 8601; a date means the end of that day in the
                configured zone).
            action_by: who creates it.

        Raises:
            RejectedError: with every problem of the input, or of a policy; nothing is stored.
        """
        from ticketcore.services.creation import NewTicket

        asked = NewTicket(
            subject=subject,
            description=description,
            package=package,
            project=project,
            priority=priority,
            ticket_type=ticket_type,
            requested_by=requested_by,
            requested_by_type=requested_by_type,
            assigned_to=assigned_to,
            watchers=watchers,
            eta_date=eta_date,
        )
        return self.changes.create(lambda tx, now: self.creation.change(tx, now, asked, action_by), action_by=action_by)

    @property
    def creation(self) -> Creation:
        """What makes the change that a new ticket is."""
        from ticketcore.services.creation import Creation

        return Creation(self.changes.ids, self.workflows, self.default_package, self.zone)

    @property
    def templating(self) -> Templating:
        """What makes the change that a new ticket from a template is."""
        from ticketcore.services.templating import Templating

        return Templating(self.creation, self.placeholders)

    def create_from_template(
        self,
        template_name: str,
        requested_by: str,
        *,
        package: str | None = None,
        values: Mapping[str, object] = {},
        overrides: Mapping[str, object] = {},
        action_by: str | None = None,
    ) -> Ticket:
        """Create a ticket from a template, with the tasks of the template: all of it, or nothing.

        Args:
            template_name: the template: that of ``package``, else that of the empty package.
            requested_by: who raised the ticket.
            package: the package of the ticket; the configured one by default.
            values: what stands for the placeholders: text, numbers and dates by their names. ``date`` (today in the
                configured zone), ``package``, ``project`` and ``requested_by`` are there without being given.
            overrides: fields of :meth:`create` that go before what the template says, as they are: nothing is filled
                in there. An empty ``assigned_to`` leaves it to the auto-assign rules.
            action_by: who creates it; ``requested_by`` by default.

        Raises:
            NotFoundError: there is no such template.
            RejectedError: with every value that is missing, and every other problem of the input, or of a policy.
        """
        actor = requested_by if action_by is None else action_by

        def build(tx: Transaction, now: datetime) -> Change:
            return self.templating.template_change(
                tx,
                now,
                template_name,
                requested_by,
                package=package,
                values=values,
                overrides=overrides,
                action_by=actor,
            )

        return self.changes.create(build, action_by=actor)

    def create_from_pr(self, pr_data: object, *, action_by: str, package: str | None = None) -> Ticket:
        """Create a ticket from a pull request, with a task for it; or return the one that was made from it before.

        The subject is its title, cut if it is too long, and the description its body. The ticket is INTERNAL, and
        requested by the author, who gets no mail (SYSTEM), or by ``action_by`` where no author is named. The task is
        DONE if the pull request is merged, CANCELLED if it is closed otherwise.

        Args:
            pr_data: what Bitbucket (Cloud or Server), GitHub, GitLab or Gitea send a webhook, or answer: a mapping, or
                JSON in text or in UTF-8 bytes.
            action_by: who creates it.
            package: the scope of the ticket; the configured one by default.

        Raises:
            RejectedError: it describes no pull request; with all that is missing or wrong in it.
        """
        from ticketcore.services.pull_requests import create_from_pr

        return create_from_pr(self.changes, self.creation, pr_data, action_by=action_by, package=package)

    @reads
    def read(self, guid: Reference) -> Ticket:
        """Return the ticket with this guid (or number).

        Raises:
            NotFoundError: there is none.
        """
        with self.changes.repository.transaction(read_only=True) as tx:
            return load(tx, guid)

    def read_by_number(self, ticket_number: int) -> Ticket:
        """Return the ticket with this number.

        Raises:
            NotFoundError: there is none.
            RejectedError: it is no number.
        """
        number: object = ticket_number  # from a form or a URL it is text
        written = isinstance(number, str) and number.isascii() and number.isdigit()
        if not written and (not isinstance(number, int) or isinstance(number, bool)):
            raise RejectedError([Problem("ticket_number", "must be a whole number such as 7")])
        return self.read(ticket_number)

    def update(
        self,
        ticket: Reference,
        *,
        action_by: str,
        subject: str | None = None,
        description: str | None = None,
        package: str | None = None,
        project: str | None = None,
        priority: str | None = None,
        ticket_type: str | None = None,
        requested_by: str | None = None,
        requested_by_type: str | None = None,
    ) -> Ticket:
        """Change what describes a ticket; what is not named stays. Values are as for :meth:`create`.

        A new package, priority or type brings new deadlines.

        Raises:
            RejectedError: with every problem of the input; nothing is changed.
            NotFoundError: there is no such ticket.
            ConflictError: ``ticket`` is a record that is out of date.
        """
        named = {
            "subject": subject,
            "description": description,
            "package": package,
            "project": project,
            "priority": priority,
            "ticket_type": ticket_type,
            "requested_by": requested_by,
            "requested_by_type": requested_by_type,
        }
        fields = {name: value for name, value in named.items() if value is not None}
        return self.changes.apply(ticket, lambda _tx, found, _now: updated(found, fields), action_by=action_by)

    def assign(self, ticket: Reference, user: str, *, action_by: str) -> Ticket:
        """Give a ticket to somebody.

        Args:
            ticket: the ticket.
            user: an address, a login name or a guid of somebody known; other text stays as given.
            action_by: who assigns it.

        Raises:
            RejectedError: ``user`` is empty.
        """

        def rule(tx: Transaction, found: Ticket, _now: datetime) -> Change | None:
            return assigned(found, stored_assignee(tx, user), name=display_name(tx, user))

        return self.changes.apply(ticket, rule, action_by=action_by)

    def add_watcher(self, ticket: Reference, email: str, *, action_by: str) -> Ticket:
        """Let an address be told of every event; one that watches already stays.

        Raises:
            RejectedError: it is no e-mail address.
        """
        return self.changes.apply(
            ticket,
            lambda _tx, found, _now: watcher_added(found, email),
            action_by=action_by,
            commutes=True,
        )

    def remove_watcher(self, ticket: Reference, email: str, *, action_by: str) -> Ticket:
        """Stop telling an address.

        Raises:
            RejectedError: the address does not watch the ticket.
        """
        return self.changes.apply(
            ticket,
            lambda _tx, found, _now: watcher_removed(found, email),
            action_by=action_by,
            commutes=True,
        )

    def get_watchers(self, ticket: Reference) -> list[str]:
        """Return the addresses that watch a ticket."""
        return list(self.read(ticket).watchers)

    def merge(self, source: Sources, target: Reference, *, action_by: str) -> Ticket:
        """Merge a ticket, or several, into another one, and return that one: all of it, or nothing.

        Comments, tasks, time, links and watchers come along, and the requester as a watcher. A link that would lead
        from the target to itself, or is there already, is dropped. What is merged ends CANCELLED, also where its
        workflow has no such move, keeps its history, and takes no change any more.

        Args:
            source: what is merged, whatever its status: a ticket, or several of them.
            target: what it becomes part of; in any package, and in any status but CANCELLED.
            action_by: who merges.

        Raises:
            RejectedError: a ticket would be merged into itself, one of them was merged before, the target is
                cancelled, or the links would make a cycle of BLOCKS or PARENT_OF then.
            NotFoundError: one of the tickets does not exist.
            ConflictError: one of them is a record that is out of date.
        """
        from ticketcore.services.merging import merge

        return merge(self.changes, source, target, action_by=action_by)

    def preview_merge(self, source: Sources, target: Reference) -> MergePreview:
        """Return what :meth:`merge` would bring along; policies are not asked, and nothing is changed.

        Raises:
            RejectedError: the merge would be refused.
            NotFoundError: one of the tickets does not exist.
        """
        from ticketcore.services.merging import preview_merge

        return preview_merge(self.changes, source, target)

    @reads
    def get_merged_into(self, ticket: Reference) -> Ticket | None:
        """Return what a ticket has become part of, through however many merges; ``None`` if it was not merged."""
        with self.changes.repository.transaction(read_only=True) as tx:
            return where_merged(tx, load(tx, ticket))

    def add_analysis(self, ticket: Reference, text: str, *, action_by: str) -> Ticket:
        """Write down the root cause of a ticket, in the place of what was written before (its history keeps that).

        Raises:
            RejectedError: the text is empty.
        """
        from ticketcore.domain.assessment import analysed

        return self.changes.apply(ticket, lambda _tx, found, _now: analysed(found, text), action_by=action_by)

    def set_work_score(self, ticket: Reference, score: int | None, *, action_by: str) -> Ticket:
        """Set the effort score of a ticket: a whole number from 0 on, whose scale is yours; ``None`` takes it away.

        Raises:
            RejectedError: it is no such number.
        """
        from ticketcore.domain.assessment import scored

        return self.changes.apply(ticket, lambda _tx, found, _now: scored(found, score), action_by=action_by)

    def set_eta(self, ticket: Reference, eta_date: str | date | datetime | None, *, action_by: str) -> Ticket:
        """Set the estimated completion of a ticket (see :meth:`create`); ``None`` takes it away.

        Raises:
            RejectedError: it is no date.
        """
        from ticketcore.domain.assessment import estimated

        def rule(_tx: Transaction, found: Ticket, _now: datetime) -> Change | None:
            return estimated(found, self.creation.estimate(eta_date))

        return self.changes.apply(ticket, rule, action_by=action_by)

    def get_eta_display(self, estimated_date: str | date | datetime | None) -> str:
        """Return "X day(s) remaining", "overdue by X day(s)" or "due today"; empty without an estimate.

        Raises:
            RejectedError: it is no date.
        """
        return eta.eta_display(self.creation.estimate(estimated_date), self.changes.clock.now(), self.zone)
