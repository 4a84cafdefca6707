"""Several processes do all kinds of things to the same tickets at once: nothing is lost, nothing is there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import Any

import pytest

from ticketcore import LinkType
from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.query import Query
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Comment, Link, Task

HOT = 5

Start = Callable[..., list[Any]]
OpenHere = Callable[..., Desk]


@pytest.mark.parametrize(
    ("processes", "operations"),
    [(4, 60), pytest.param(8, 500, marks=pytest.mark.long)],
    ids=["short", "long"],
)
def test_nothing_is_lost(url: str, start_workers: Start, open_here: OpenHere, processes: int, operations: int) -> None:
    desk = open_here(url)
    for _ in range(HOT):
        desk.tickets.create("hot:", action_by="parent")
    workers = start_workers(processes, url)
    for place, worker in enumerate(workers):
        worker.tell("mixed", me=f"w{place}", operations=operations)
    answers = [worker.answer() for worker in workers]
    _report(url, processes * operations, answers)

    assert [error for answer in answers for error in answer["errors"]] == []
    tickets = {ticket.ticket_number: ticket for ticket in desk.queries.get_tickets_by_filter()}
    _assert_created(tickets, answers)
    _assert_histories(desk, tickets, answers)
    _assert_attached(desk, answers)
    _assert_links(desk)
    _assert_delivered(workers, desk, answers)


def _all(answers: list[dict[str, Any]], name: str) -> list[Any]:
    return [one for answer in answers for one in answer[name]]


def _assert_created(tickets: dict[int, Ticket], answers: list[dict[str, Any]]) -> None:
    created = _all(answers, "created")
    assert len({number for number, _ in created}) == len(created)
    assert set(tickets) == {number for number, _ in created} | set(range(1, HOT + 1))
    assert {number: tickets[number].subject for number, _ in created} == dict(created)
    assert len({ticket.guid for ticket in tickets.values()}) == len(tickets)


def _assert_histories(desk: Desk, tickets: dict[int, Ticket], answers: list[dict[str, Any]]) -> None:
    """Assert that each change that was answered left its row, once, and built on what the one before it left."""
    found: Counter[tuple[int, str, str]] = Counter()
    for number, ticket in tickets.items():
        assert desk.queries.verify_history(ticket) == []
        rows = desk.queries.get_history(ticket)
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        assert rows[0].action == "CREATED"
        found.update((number, row.action, row.new_value or "") for row in rows[1:] if "-merging" not in row.action_by)
        for field in ("subject", "description", "status", "assigned_to"):
            mine = [row for row in rows if row.field == field and row.action != "TASK_CHANGED"]
            assert all((one.new_value or "") == (other.old_value or "") for one, other in pairwise(mine))
            assert not mine or mine[-1].new_value == getattr(ticket, field)
    assert found == Counter((number, action, value) for number, action, value in _all(answers, "rows"))


def _assert_attached(desk: Desk, answers: list[dict[str, Any]]) -> None:
    with desk.repository.transaction(read_only=True) as tx:
        comments, tasks = tx.find(Query(Comment)), tx.find(Query(Task))
        tickets = {ticket.guid: ticket for ticket in tx.find(Query(Ticket))}
    assert sorted(comment.text for comment in comments) == sorted(_all(answers, "comments"))
    assert sorted(task.name for task in tasks) == sorted(_all(answers, "tasks"))
    # What is attached to a ticket is on what it was merged into by now.
    places = [comment.ticket_guid for comment in comments] + [task.ticket_guid for task in tasks]
    assert all(tickets[guid].merged_into is None for guid in places)
    numbers = {ticket.ticket_number: ticket for ticket in tickets.values()}
    assert {n: numbers[n].merged_into for n, _ in _all(answers, "merged")} == {
        source: numbers[target].guid for source, target in _all(answers, "merged")
    }


def _assert_links(desk: Desk) -> None:
    with desk.repository.transaction(read_only=True) as tx:
        links = tx.find(Query(Link))
    assert len({(link.source_guid, link.target_guid, link.link_type) for link in links}) == len(links)
    for acyclic in (LinkType.PARENT_OF, LinkType.BLOCKS):
        graph: dict[str, set[str]] = {}
        for link in links:
            if link.link_type is acyclic:
                graph.setdefault(link.source_guid, set()).add(link.target_guid)
        TopologicalSorter(graph).prepare()  # raises if there is a cycle


def _assert_delivered(workers: list[Any], desk: Desk, answers: list[dict[str, Any]]) -> None:
    """Assert that every message went out exactly once, whoever delivered it."""
    workers[0].ask("deliver")
    delivered = Counter(guid for worker in workers for guid in worker.ask("delivered"))
    with desk.repository.transaction(read_only=True) as tx:
        outbox = tx.find(Query(OutboxMessage))
    assert {message.state for message in outbox} == {OutboxState.DELIVERED}
    assert delivered == Counter(message.guid for message in outbox)
    assert len(outbox) >= len(_all(answers, "created"))


def _report(url: str, operations: int, answers: list[dict[str, Any]]) -> None:
    """Print what it was like; pytest shows that with -s."""
    seconds = max(answer["seconds"] for answer in answers)
    waits = sorted(_all(answers, "waits"))
    refused: Counter[str] = sum((Counter(answer["refused"]) for answer in answers), Counter())
    print(  # noqa: T201 - a report
        f"\n{url.partition(':')[0]}: {len(answers)} processes, {operations / seconds:.0f} operations/s; "
        f"{len(waits)} writing transactions, the longest waited {waits[-1]:.3f} s to begin, "
        f"the 99th of 100 {waits[len(waits) * 99 // 100]:.3f} s; the longest operation took "
        f"{max(answer['longest'] for answer in answers):.3f} s; {refused['retitle: conflict']} conflicts; "
        f"{sum(refused.values()) - refused['retitle: conflict']} refused by the rules of tickets"
    )
