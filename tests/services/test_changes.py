"""The single write path, where one change is about several tickets, or brings other records along."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from attrs import evolve

from ticketcore.desk import Desk
from ticketcore.domain.events import NotifyCode
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.lifecycle import Change, TaskChange
from ticketcore.domain.query import Order, Query, eq
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.version import VersionRow
from ticketcore.domain.work import Link, LinkType, Task
from ticketcore.errors import ConflictError, NotFoundError, RejectedError
from ticketcore.ports.repository import Transaction
from ticketcore.testing.records import make_link, make_task

ANN = "ann@example.com"


def renamed(ticket: Ticket, subject: str, **more: Any) -> Change:
    entry = Entry(Action.UPDATED, "subject", ticket.subject, subject)
    return Change(before=ticket, after=evolve(ticket, subject=subject), entries=(entry,), **more)


def rename_all(tx: Transaction, tickets: list[Ticket], now: datetime) -> list[Change]:
    return [renamed(ticket, f"{ticket.subject}!") for ticket in tickets]


def create(desk: Desk, subject: str) -> Ticket:
    return desk.tickets.create(subject, action_by=ANN)


def stored(desk: Desk, query: Query[Any]) -> list[Any]:
    with desk.repository.transaction(read_only=True) as tx:
        return tx.find(query)


def test_several_tickets_change_together_in_the_order_they_are_named(desk: Desk) -> None:
    one, two = create(desk, "one"), create(desk, "two")
    found = desk._changes.apply_all([2, 1], rename_all, action_by=ANN)
    assert [(ticket.guid, ticket.subject) for ticket in found] == [(two.guid, "two!"), (one.guid, "one!")]
    for number in (1, 2):
        assert [row.action for row in desk.queries.get_history(number)] == ["CREATED", "UPDATED"]
        assert desk.queries.verify_history(number) == []


def test_a_ticket_that_the_rule_leaves_alone_comes_back_as_it_is(desk: Desk) -> None:
    one, two = create(desk, "one"), create(desk, "two")
    found = desk._changes.apply_all([1, 2], lambda tx, tickets, now: [renamed(tickets[1], "zwei")], action_by=ANN)
    assert found[0] == one
    assert (found[1].subject, found[1].row_version) == ("zwei", two.row_version + 1)


def test_the_rule_may_change_a_ticket_that_was_not_named(desk: Desk) -> None:
    create(desk, "one")
    other = create(desk, "two")

    def rule(tx: Transaction, tickets: list[Ticket], now: datetime) -> Sequence[Change]:
        return [renamed(tickets[0], "eins"), renamed(other, "zwei")]

    assert [ticket.subject for ticket in desk._changes.apply_all([1], rule, action_by=ANN)] == ["eins"]
    assert desk.tickets.read(2).subject == "zwei"


def test_nothing_is_stored_of_any_if_one_does_not_exist(desk: Desk) -> None:
    one = create(desk, "one")
    with pytest.raises(NotFoundError, match="7"):
        desk._changes.apply_all([1, 7], rename_all, action_by=ANN)
    assert desk.tickets.read(1) == one


def test_a_record_that_is_out_of_date_refuses_all(desk: Desk) -> None:
    one, two = create(desk, "one"), create(desk, "two")
    desk.tickets.update(two, subject="changed", action_by=ANN)
    with pytest.raises(ConflictError):
        desk._changes.apply_all([one, two], rename_all, action_by=ANN)
    assert desk.tickets.read(1) == one
    found = desk._changes.apply_all([one, two], rename_all, action_by=ANN, commutes=True)
    assert [ticket.subject for ticket in found] == ["one!", "changed!"]


def test_a_refusal_of_the_second_leaves_the_first(desk: Desk) -> None:
    one = create(desk, "one")
    create(desk, "two")

    def rule(tx: Transaction, tickets: list[Ticket], now: datetime) -> list[Change]:
        return [
            renamed(tickets[0], "eins", adds=(make_link(guid="l"),)),
            renamed(tickets[1], "", adds=(make_link(guid="l"),)),
        ]

    with pytest.raises(ConflictError):
        desk._changes.apply_all([1, 2], rule, action_by=ANN)
    assert desk.tickets.read(1) == one
    assert stored(desk, Query(Link)) == []


def test_other_records_are_added_saved_and_removed_with_a_change(desk: Desk) -> None:
    ticket = create(desk, "one")
    kept, gone = make_link(source_guid=ticket.guid), make_link(source_guid=ticket.guid, link_type=LinkType.CAUSES)
    desk._changes.apply(1, lambda tx, found, now: renamed(found, "two", adds=(kept, gone)), action_by=ANN)
    assert stored(desk, Query(Link, order=(Order("guid"),))) == [kept, gone]
    other = evolve(kept, created_by="bob")
    desk._changes.apply(
        1, lambda tx, found, now: renamed(found, "three", saves=(other,), removes=(gone,)), action_by=ANN
    )
    assert stored(desk, Query(Link)) == [other]


def test_tasks_of_a_change_are_stored_and_make_a_version(desk: Desk) -> None:
    ticket = create(desk, "one")
    task = make_task(ticket_guid=ticket.guid)
    entry = Entry(Action.TASK_ADDED, new_value=task.name)

    def add(tx: Transaction, found: Ticket, now: datetime) -> Change:
        return Change(before=found, after=found, entries=(entry,), tasks=(TaskChange(None, task),))

    desk._changes.apply(1, add, action_by=ANN)
    assert stored(desk, Query(Task, (eq("ticket_guid", ticket.guid),))) == [task]
    (row,) = stored(desk, Query(VersionRow))
    assert (row.version, row.history_seq, row.changed_by) == (2, 2, ANN)


def test_only_what_versions_keep_makes_a_version(desk: Desk) -> None:
    ticket = create(desk, "one")
    assert stored(desk, Query(VersionRow)) == []
    desk.comments.add_comment(1, "hello", commented_by=ANN)
    assert stored(desk, Query(VersionRow)) == []
    desk.tickets.update(1, subject="two", action_by=ANN)
    desk.tickets.change_status(1, "TRIAGED", action_by=ANN)
    rows = stored(desk, Query(VersionRow, (eq("ticket_guid", ticket.guid),), (Order("version"),)))
    assert [(row.version, row.changes) for row in rows] == [
        (2, '{"ticket": {"subject": ["one", "two"]}}'),
        (3, '{"ticket": {"status": ["NEW", "TRIAGED"]}}'),
    ]


def test_an_event_with_addresses_of_its_own_goes_to_nobody_else(desk: Desk) -> None:
    create(desk, "one")
    before = {message.guid for message in desk.notifications.list_outbox()}

    def rule(tx: Transaction, found: Ticket, now: datetime) -> Change:
        return renamed(found, "two", event=NotifyCode.ASSIGNED, to=("zoe@example.com",))

    desk._changes.apply(1, rule, action_by=ANN)
    told = [message for message in desk.notifications.list_outbox() if message.guid not in before]
    assert [message.recipient for message in told] == ["zoe@example.com"]


def test_a_create_that_finds_the_ticket_there_changes_nothing(desk: Desk) -> None:
    ticket = create(desk, "one")
    assert desk._changes.create(lambda tx, now: ticket, action_by=ANN) == ticket
    assert desk.queries.get_status_summary()["NEW"] == 1
    with pytest.raises(RejectedError, match="action_by"):
        desk._changes.create(lambda tx, now: ticket, action_by=" ")
