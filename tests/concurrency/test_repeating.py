"""What is done again when somebody else was faster, or the connection broke, and what is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from attrs import define, field

from ticketcore import ConflictError, open_desk
from ticketcore.config.schema import Config, DatabaseSection, SchedulerSection
from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxState
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import RepositoryLostError, TicketcoreError
from ticketcore.plugin.markers import hookimpl
from ticketcore.plugin.records import NotifierSpec
from ticketcore.ports.notifier import Notification, Receipt
from ticketcore.ports.repository import Repository, Transaction

ELSEWHERE = ConflictError("record", "of another kind")
LOST = RepositoryLostError("the connection broke")


@define(eq=False)
class Disturbed:
    """A repository of which some transactions fail at their end, and nothing of them is stored."""

    repository: Repository
    errors: list[TicketcoreError] = field(factory=list)
    """What the next ones that write fail with."""
    unread: list[TicketcoreError] = field(factory=list)
    """What the next ones that read fail with."""
    calls: list[tuple[str, Any]] = field(factory=list)
    """What was stored, in order."""
    begun: int = 0
    faster: Callable[[], object] | None = None
    """What somebody else does before the next one, which fails for that."""

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Transaction]:
        if self.faster is not None and not read_only:
            step, self.faster = self.faster, None
            step()
            raise ELSEWHERE
        with self.repository.transaction(read_only=read_only) as tx:
            if read_only:
                yield tx
                if self.unread:
                    raise self.unread.pop(0)
                return
            self.begun += 1
            watched: Any = Watched(tx, self.calls)
            yield watched
            if self.errors:
                raise self.errors.pop(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.repository, name)


@define(eq=False)
class Watched:
    """A transaction that notes what is stored."""

    transaction: Transaction
    calls: list[tuple[str, Any]]

    def add(self, record: Any) -> Any:
        self.calls.append(("add", record))
        return self.transaction.add(record)

    def save(self, record: Any) -> Any:
        self.calls.append(("save", record))
        return self.transaction.save(record)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transaction, name)


class Notes:
    """A notifier that keeps what it sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        self.sent.append(notification.message_id)
        return Receipt("noted")

    @hookimpl
    def ticketcore_notifiers(self) -> list[NotifierSpec]:
        return [NotifierSpec(name="notes", summary="keeps what it sent", target=lambda config: self)]


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def desk(store_url: str, notes: Notes) -> Iterator[Desk]:
    config = Config(
        database=DatabaseSection(url=store_url), scheduler=SchedulerSection(inline=False), notifiers=("notes",)
    )
    with open_desk(config, plugins={"notes": notes}) as desk:
        desk.__dict__["repository"] = Disturbed(desk.repository)
        yield desk


@pytest.fixture
def store(desk: Desk) -> Disturbed:
    return cast("Disturbed", desk.repository)


def deliver(desk: Desk) -> bool:
    return desk.work(once=True, stop=threading.Event(), only={"outbox"}, report=lambda *_: None)


@pytest.mark.parametrize("error", [ELSEWHERE, LOST], ids=["conflict", "lost"])
def test_a_change_is_made_again(desk: Desk, store: Disturbed, error: TicketcoreError) -> None:
    store.errors = [error, error]
    made = desk.tickets.create("one", action_by="ann")
    store.errors = [error]
    desk.tickets.update(made.ticket_number, subject="two", action_by="ann")
    assert desk.tickets.read(made.guid).subject == "two"
    assert len(desk.queries.get_history(made.guid)) == 2
    assert len(desk.queries.get_tickets_by_filter()) == 1


@pytest.mark.parametrize("error", [ELSEWHERE, LOST], ids=["conflict", "lost"])
def test_a_change_of_a_record_is_made_again_while_the_record_is_true(
    desk: Desk, store: Disturbed, error: TicketcoreError
) -> None:
    made = desk.tickets.create("one", action_by="ann")
    store.errors = [error]
    changed = desk.tickets.update(made, subject="two", action_by="ann")
    assert changed.row_version == made.row_version + 1


READS: dict[str, Callable[[Desk], Any]] = {
    "auto_assign": lambda desk: desk.rules.auto_assign("CORE"),
    "auto_assign_list_rules": lambda desk: desk.rules.auto_assign_list_rules(),
    "bulk.preview": lambda desk: desk.bulk.preview("update", desk.bulk.select([1]), priority="LOW", action_by="ann"),
    "bulk.select": lambda desk: desk.bulk.select(),
    "bulk.select of an iterator": lambda desk: desk.bulk.select(iter([1, 2])),
    "check_escalation_due": lambda desk: desk.sla.check_escalation_due(),
    "diff_versions": lambda desk: desk.versions.diff_versions(1, 1, 2),
    "figures": lambda desk: desk.figures(),
    "get_comments": lambda desk: desk.comments.get_comments(1),
    "get_history": lambda desk: desk.queries.get_history(1),
    "get_linked_prs": lambda desk: desk.pull_requests.get_linked_prs(1),
    "get_links": lambda desk: desk.links.get_links(1),
    "get_merged_into": lambda desk: desk.tickets.get_merged_into(1),
    "get_overdue_tickets": lambda desk: desk.queries.get_overdue_tickets(),
    "get_raci_contacts": lambda desk: desk.sla.get_raci_contacts("CORE", "HIGH"),
    "get_signoffs": lambda desk: desk.signoffs.get_signoffs(1),
    "get_sla_breach_count": lambda desk: desk.queries.get_sla_breach_count(),
    "get_status_summary": lambda desk: desk.queries.get_status_summary(),
    "get_tasks": lambda desk: desk.tasks.get_tasks(1),
    "get_template": lambda desk: desk.templates.get_template("weekly"),
    "get_tickets_by_assignee": lambda desk: desk.queries.get_tickets_by_assignee("ann"),
    "get_tickets_by_filter": lambda desk: desk.queries.get_tickets_by_filter(assignee="ann"),
    "get_tickets_by_filter of an iterator": lambda desk: desk.queries.get_tickets_by_filter(status=iter(["NEW"])),
    "get_time_by_person": lambda desk: desk.time.get_time_by_person(1),
    "get_total_time": lambda desk: desk.time.get_total_time(1),
    "get_version": lambda desk: desk.versions.get_version(1, 1),
    "get_watchers": lambda desk: desk.tickets.get_watchers(1),
    "job_states": lambda desk: desk.job_states(),
    "list_outbox": lambda desk: desk.notifications.list_outbox(),
    "list_people": lambda desk: desk.people.list_people(),
    "list_recurring": lambda desk: desk.recurring.list_recurring(),
    "list_sla": lambda desk: desk.sla.list_sla(),
    "list_templates": lambda desk: desk.templates.list_templates(),
    "list_versions": lambda desk: desk.versions.list_versions(1),
    "names": lambda desk: desk.people.names(["ann"]),
    "names of an iterator": lambda desk: desk.people.names(iter(["ann"])),
    "preview_merge": lambda desk: desk.tickets.preview_merge([2], 1),
    "preview_merge of an iterator": lambda desk: desk.tickets.preview_merge(iter([2]), 1),
    "read": lambda desk: desk.tickets.read(1),
    "resolve_by_email": lambda desk: desk.people.resolve_by_email("ann@example.com"),
    "resolve_user_email": lambda desk: desk.people.resolve_user_email("ann"),
    "search": lambda desk: desk.queries.search("one"),
    "verify_history": lambda desk: desk.queries.verify_history(1),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_what_is_read_is_read_again(desk: Desk, store: Disturbed, read: Callable[[Desk], Any]) -> None:
    desk.people.add_person("Ann", "ann@example.com", "ann", action_by="ann")
    desk.templates.add_template("weekly", subject="Weekly", action_by="ann")
    desk.tickets.create("one", assigned_to="ann", action_by="ann")
    desk.tickets.create("two", action_by="ann")
    desk.tickets.update(1, subject="one again", action_by="ann")
    expected = read(desk)
    store.unread = [LOST, LOST]
    assert read(desk) == expected
    assert store.unread == []


def test_what_is_merged_is_read_again(desk: Desk, store: Disturbed) -> None:
    into, merged = (desk.tickets.create("x", action_by="ann") for _ in range(2))
    store.unread = [LOST]
    store.errors = [LOST]
    desk.tickets.merge(iter([merged]), into, action_by="ann")
    assert store.unread == store.errors == []
    assert desk.tickets.get_merged_into(merged) == desk.tickets.read(into.guid)


def test_a_stale_record_is_refused_at_once(desk: Desk, store: Disturbed) -> None:
    made = desk.tickets.create("one", action_by="ann")
    other = desk.tickets.create("other", action_by="ann")
    desk.tickets.update(made.guid, subject="two", action_by="ann")
    store.begun = 0
    with pytest.raises(ConflictError) as raised:
        desk.tickets.update(made, subject="three", action_by="ann")
    with pytest.raises(ConflictError):
        desk.tickets.merge(other, made, action_by="ann")
    assert (raised.value.key, raised.value.expected, raised.value.actual) == (made.ticket_number, 1, 2)
    assert store.begun == 2


def test_a_record_that_became_stale_meanwhile_is_named(desk: Desk, store: Disturbed) -> None:
    made = desk.tickets.create("one", action_by="ann")

    store.faster = lambda: desk.tickets.update(made.guid, subject="two", action_by="bob")
    with pytest.raises(ConflictError, match=f"ticket {made.ticket_number} was changed by somebody else") as raised:
        desk.tickets.update(made, subject="three", action_by="ann")
    assert raised.value.actual == 2


def test_the_news_of_a_change_that_was_made_again_goes_out_once(desk: Desk, store: Disturbed, notes: Notes) -> None:
    store.errors = [LOST]
    desk.tickets.create("one", action_by="ann")
    assert deliver(desk)
    assert len(notes.sent) == len(set(notes.sent)) == 1


def test_what_was_sent_is_recorded_though_the_connection_breaks(desk: Desk, store: Disturbed, notes: Notes) -> None:
    desk.tickets.create("one", action_by="ann")
    store.errors = [ELSEWHERE, LOST]  # the claim; after that, the outcome
    store.begun = 0
    assert deliver(desk)
    store.errors = [LOST]
    desk.tickets.create("two", action_by="ann")
    store.errors = [ELSEWHERE]
    assert deliver(desk)
    assert len(notes.sent) == len(set(notes.sent)) == 2
    assert {message.state for message in desk.notifications.list_outbox()} == {OutboxState.DELIVERED}


def test_a_job_is_noted_though_another_worker_notes_it_at_the_same_moment(desk: Desk, store: Disturbed) -> None:
    store.errors = [ELSEWHERE]
    assert deliver(desk)  # there is nothing to deliver, so the note is all it writes
    (state,) = desk.job_states()
    assert (state.name, state.failures) == ("outbox", 0)
    assert state.last_success is not None


def test_tickets_are_stored_first_and_in_one_order(desk: Desk, store: Disturbed) -> None:
    one, other = (desk.tickets.create("x", action_by="ann") for _ in range(2))
    for source, target in ((one, other), (other, one)):
        store.calls.clear()
        desk.links.add_link(source, target, "RELATES_TO" if source is one else "BLOCKS", created_by="ann")
        names = [(how, type(record).__name__) for how, record in store.calls]
        assert names[:2] == [("save", "Ticket")] * 2
        assert ("save", "Ticket") not in names[2:]
        tickets = [record for _, record in store.calls if isinstance(record, Ticket)]
        assert [ticket.guid for ticket in tickets] == sorted([one.guid, other.guid])
