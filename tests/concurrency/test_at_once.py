"""What several processes, forked children and threads may do with one store, or one desk, at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ticketcore import Link
from ticketcore.desk import Desk
from ticketcore.domain.query import Query

ROUNDS = 15
CHILDREN = 4
THREADS = 16

Start = Callable[..., list[Any]]
OpenHere = Callable[..., Desk]


def test_a_new_store_can_be_opened_by_several_at_once(url: str, start_workers: Start, open_here: OpenHere) -> None:
    workers = start_workers(CHILDREN, url)
    assert len({worker.ask("create")[0] for worker in workers}) == CHILDREN
    assert len(open_here(url).queries.get_tickets_by_filter()) == CHILDREN


@pytest.mark.parametrize("link_type", ["PARENT_OF", "BLOCKS"])
def test_of_two_links_that_make_a_cycle_one_is_refused(
    url: str, start_workers: Start, open_here: OpenHere, link_type: str
) -> None:
    desk = open_here(url)
    workers = start_workers(2, url)
    for _ in range(ROUNDS):
        one, other = (desk.tickets.create("x", action_by="ann").ticket_number for _ in range(2))
        workers[0].tell("link", one=one, other=other, link_type=link_type)
        workers[1].tell("link", one=other, other=one, link_type=link_type)
        refusals = sorted(worker.answer() for worker in workers)
        assert refusals[0] == ""
        assert "would make a cycle" in refusals[1]
    with desk.repository.transaction(read_only=True) as tx:
        assert len(tx.find(Query(Link))) == ROUNDS


def test_a_longer_cycle_is_refused_too(url: str, start_workers: Start, open_here: OpenHere) -> None:
    desk = open_here(url)
    workers = start_workers(3, url)
    for _ in range(ROUNDS):
        ring = [desk.tickets.create("x", action_by="ann").ticket_number for _ in workers]
        for place, worker in enumerate(workers):
            worker.tell("link", one=ring[place], other=ring[place - 1], link_type="BLOCKS")
        refusals = [worker.answer() for worker in workers]
        assert sorted(map(bool, refusals)) == [False, False, True]


def test_a_rule_of_another_process_counts_for_the_next_ticket(
    url: str, start_workers: Start, open_here: OpenHere
) -> None:
    desk = open_here(url)
    workers = start_workers(2, url)
    for place in range(ROUNDS):
        address = f"{place}@example.com"
        rule = desk.rules.auto_assign_add_rule("CORE", address, action_by="ann")
        assert [worker.ask("create")[1] for worker in workers] == [address] * 2
        desk.rules.auto_assign_remove_rule(rule.id, action_by="ann")
        assert [worker.ask("create")[1] for worker in workers] == [""] * 2


def test_a_service_level_and_a_person_of_another_process_count_too(
    url: str, start_workers: Start, open_here: OpenHere
) -> None:
    desk = open_here(url)
    (worker,) = start_workers(1, url)
    for minutes in range(1, ROUNDS):
        desk.sla.set_sla("CORE", "MEDIUM", response_minutes=minutes, resolution_minutes=60, action_by="ann")
        ticket = desk.tickets.read(worker.ask("create")[0])
        assert ticket.sla_response_deadline is not None
        assert (ticket.sla_response_deadline - ticket.created_date).total_seconds() == 60 * minutes
        person = desk.people.add_person(f"number {minutes}", f"{minutes}@example.com", action_by="ann")
        assert worker.ask("create", assigned_to=f"{minutes}@example.com")[1] == person.person_guid


def test_round_robin_gives_everybody_a_turn_whichever_process_asks(
    url: str, start_workers: Start, open_here: OpenHere
) -> None:
    desk = open_here(url)
    team = ["ann@example.com", "bo@example.com", "cy@example.com"]
    desk.rules.auto_assign_add_rule("CORE", ",".join(team), strategy="round_robin", action_by="ann")
    workers = start_workers(3, url)
    for _ in range(ROUNDS):
        for worker in workers:
            worker.tell("create")
    made = [worker.answer() for worker in workers for _ in range(ROUNDS)]
    assert sorted(assigned for _, assigned in made) == sorted(team * ROUNDS)
    assert len({number for number, _ in made}) == len(made)


def test_forked_children_use_the_desk_of_their_parent(url: str, start_workers: Start, open_here: OpenHere) -> None:
    desk = open_here(url)
    first = desk.tickets.create("everybody", action_by="ann").ticket_number
    (worker,) = start_workers(1, url)
    assert worker.ask("fork", children=CHILDREN, number=first, rounds=ROUNDS) == [0] * CHILDREN

    workers = ["parent", *(f"child {place}" for place in range(CHILDREN))]
    assert sorted(comment.text for comment in desk.comments.get_comments(first)) == sorted(
        f"{name} {place}" for name in workers for place in range(ROUNDS)
    )
    _assert_sound(desk, 1 + len(workers) * ROUNDS)


def test_a_child_that_is_forked_in_a_transaction_leaves_that_alone(
    url: str, start_workers: Start, open_here: OpenHere
) -> None:
    desk = open_here(url)
    first = desk.tickets.create("one", action_by="ann")
    (worker,) = start_workers(1, url)
    assert worker.ask("fork_inside", number=first.ticket_number) == 0
    assert desk.tickets.read(first.guid).row_version == first.row_version + 1


def test_threads_share_a_desk(url: str, open_here: OpenHere) -> None:
    desk = open_here(url)
    first = desk.tickets.create("everybody", action_by="ann").ticket_number
    start = threading.Barrier(THREADS)

    def work(place: int) -> None:
        start.wait()
        _work(desk, f"thread {place}", first)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    assert len(desk.comments.get_comments(first)) == THREADS * ROUNDS
    assert len(desk.queries.get_history(first)) == 1 + THREADS * ROUNDS
    _assert_sound(desk, 1 + THREADS * ROUNDS)


def _work(desk: Desk, name: str, number: int) -> None:
    for place in range(ROUNDS):
        desk.tickets.create(f"{name} {place}", action_by=name)
        desk.comments.add_comment(number, f"{name} {place}", commented_by=name)


def _assert_sound(desk: Desk, number: int) -> None:
    """Assert that there are so many tickets, each with a number of its own and a true history."""
    tickets = desk.queries.get_tickets_by_filter()
    assert len({ticket.ticket_number for ticket in tickets}) == len(tickets) == number
    assert [problem for ticket in tickets for problem in desk.queries.verify_history(ticket)] == []
