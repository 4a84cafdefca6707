"""Links through a desk, on both stores: what they leave behind, how they read, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.pool import Pool

from ticketcore import open_desk
from ticketcore.config.schema import Config, DatabaseSection
from ticketcore.desk import Desk
from ticketcore.domain.links import INVERSES
from ticketcore.domain.query import Query
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Link, LinkType
from ticketcore.errors import ForbiddenError, NotFoundError, RejectedError
from ticketcore.testing.records import make_link, make_ticket

ANN, BOB = "ann@example.com", "bob@example.com"
TICKETS = 5


@pytest.fixture
def tickets(desk: Desk) -> list[Ticket]:
    """Return five tickets, numbered from 1."""
    return [desk.tickets.create(f"ticket {n}", action_by=ANN) for n in range(1, TICKETS + 1)]


def links(desk: Desk, ticket: int) -> list[tuple[str, int]]:
    return [(link.link_type, link.ticket_number) for link in desk.links.get_links(ticket)]


def rows(desk: Desk, ticket: int) -> list[tuple[str, str, str | None, str | None]]:
    history = desk.queries.get_history(ticket)
    return [(row.action, row.action_by, row.old_value, row.new_value) for row in history if "LINKED" in row.action]


def stored(desk: Desk) -> list[Link]:
    with desk.repository.transaction(read_only=True) as tx:
        return tx.find(Query(Link))


def message(step: Callable[[], object]) -> str:
    """Return the one problem for which ``step`` is refused."""
    with pytest.raises(RejectedError) as caught:
        step()
    (problem,) = caught.value.problems
    return str(problem)


def test_a_link_reads_from_both_sides_and_is_in_both_histories(desk: Desk, tickets: list[Ticket]) -> None:
    link = desk.links.add_link(1, 2, "BLOCKS", created_by=f"  {BOB} ")
    assert (link.source_guid, link.target_guid) == (tickets[0].guid, tickets[1].guid)
    assert (link.link_type, link.created_by, link.package) == (LinkType.BLOCKS, BOB, "CORE")
    assert stored(desk) == [link]
    (seen,) = desk.links.get_links(1)
    (back,) = desk.links.get_links(tickets[1])
    assert (seen.link_guid, seen.link_type, seen.ticket_guid, seen.subject) == (
        *(link.guid, "BLOCKS", tickets[1].guid, "ticket 2"),
    )
    assert (back.link_guid, back.link_type, back.ticket_number, back.status) == (link.guid, "BLOCKED_BY", 1, "NEW")
    assert (back.created_by, back.created_date) == (BOB, link.created_date)
    assert rows(desk, 1) == [("LINKED", BOB, None, "BLOCKS 2")]
    assert rows(desk, 2) == [("LINKED", BOB, None, "BLOCKED_BY 1")]
    assert [desk.queries.verify_history(n) for n in (1, 2)] == [[], []]


def test_a_link_is_removed_from_both_sides(desk: Desk, tickets: list[Ticket]) -> None:
    link = desk.links.add_link(1, 2, "CAUSES", created_by=ANN)
    kept = desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    assert desk.links.remove_link(link.guid, action_by=BOB) == link
    assert stored(desk) == [kept]
    assert (links(desk, 1), links(desk, 2)) == ([("BLOCKS", 2)], [("BLOCKED_BY", 1)])
    assert rows(desk, 1)[-1] == ("UNLINKED", BOB, "CAUSES 2", None)
    assert rows(desk, 2)[-1] == ("UNLINKED", BOB, "CAUSED_BY 1", None)
    with pytest.raises(NotFoundError, match=f"there is no link {link.guid}"):
        desk.links.remove_link(link.guid, action_by=BOB)
    assert desk.links.add_link(1, 2, "CAUSES", created_by=ANN).guid != link.guid


@pytest.mark.parametrize("guid", ["", "nothing", "\ud800", "x" * 300])
def test_a_link_that_is_not_there_cannot_be_removed(desk: Desk, tickets: list[Ticket], guid: str) -> None:
    with pytest.raises(NotFoundError, match="there is no link"):
        desk.links.remove_link(guid, action_by=ANN)


@pytest.mark.parametrize("link_type", [one for one in LinkType if one.value != INVERSES[one]])
def test_an_inverse_makes_the_link_that_reads_so(desk: Desk, tickets: list[Ticket], link_type: LinkType) -> None:
    link = desk.links.add_link(1, 2, INVERSES[link_type], created_by=ANN)
    assert (link.source_guid, link.target_guid, link.link_type) == (tickets[1].guid, tickets[0].guid, link_type)
    assert links(desk, 1) == [(INVERSES[link_type], 2)]
    assert links(desk, 2) == [(link_type.value, 1)]
    assert "already" in message(lambda: desk.links.add_link(2, 1, link_type, created_by=ANN))


def test_links_are_listed_in_the_order_in_which_they_were_made(desk: Desk, tickets: list[Ticket]) -> None:
    desk.links.add_link(1, 3, "BLOCKS", created_by=ANN)
    desk.links.add_link(2, 1, "PARENT_OF", created_by=ANN)
    desk.links.add_link(1, 2, "RELATES_TO", created_by=ANN)
    desk.links.add_link(4, 1, "CAUSES", created_by=ANN)
    assert links(desk, 1) == [("BLOCKS", 3), ("CHILD_OF", 2), ("RELATES_TO", 2), ("CAUSED_BY", 4)]
    assert links(desk, 5) == []


def test_a_link_shows_the_other_ticket_as_it_is_now(desk: Desk, tickets: list[Ticket]) -> None:
    desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    desk.tickets.update(2, subject="renamed", action_by=ANN)
    desk.tickets.cancel(2, action_by=ANN)
    (link,) = desk.links.get_links(1)
    assert (link.subject, link.status) == ("renamed", "CANCELLED")


def test_a_record_that_is_out_of_date_can_be_linked(desk: Desk, tickets: list[Ticket]) -> None:
    for n in (1, 2):
        desk.tickets.update(n, subject="newer", action_by=ANN)
    desk.links.add_link(tickets[0], tickets[1], "BLOCKS", created_by=ANN)
    assert links(desk, 1) == [("BLOCKS", 2)]


def test_a_link_moves_both_tickets_on_and_tells_nobody(desk: Desk, tickets: list[Ticket]) -> None:
    told = desk.notifications.list_outbox()
    link = desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    versions = [desk.tickets.read(n).row_version for n in (1, 2)]
    assert versions == [ticket.row_version + 1 for ticket in tickets[:2]]
    desk.links.remove_link(link.guid, action_by=ANN)
    assert desk.notifications.list_outbox() == told


# Refusals


def everything(desk: Desk) -> list[Any]:
    numbers = range(1, TICKETS + 1)
    return [stored(desk), *((desk.tickets.read(n), desk.queries.get_history(n)) for n in numbers)]


@pytest.mark.parametrize(
    ("ticket", "target", "link_type", "words"),
    [
        (1, 1, "BLOCKS", "target_guid: ticket 1 cannot be linked to itself"),
        ("1", 1, "RELATES_TO", "target_guid: ticket 1 cannot be linked to itself"),
        (1, 2, "BLOCKS", "target_guid: ticket 1 BLOCKS 2 already"),
        (2, 1, "BLOCKED_BY", "target_guid: ticket 1 BLOCKS 2 already"),
        (4, 5, "RELATES_TO", "target_guid: ticket 4 RELATES_TO 5 already"),
        (5, 4, "RELATES_TO", "target_guid: ticket 5 RELATES_TO 4 already"),
        (2, 1, "BLOCKS", "target_guid: would make a cycle: 2 BLOCKS 1 BLOCKS 2"),
        (3, 1, "BLOCKS", "target_guid: would make a cycle: 3 BLOCKS 1 BLOCKS 2 BLOCKS 3"),
        (1, 3, "BLOCKED_BY", "target_guid: would make a cycle: 3 BLOCKS 1 BLOCKS 2 BLOCKS 3"),
        (2, 1, "PARENT_OF", "target_guid: would make a cycle: 2 PARENT_OF 1 PARENT_OF 2"),
        (1, 2, "", "link_type: '' is not known; choose one of RELATES_TO, BLOCKS, DUPLICATES, PARENT_OF, CAUSES, "),
    ],
)
def test_what_cannot_be_linked_is_refused_and_nothing_is_changed(
    desk: Desk, tickets: list[Ticket], ticket: object, target: object, link_type: str, words: str
) -> None:
    desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    desk.links.add_link(2, 3, "BLOCKS", created_by=ANN)
    desk.links.add_link(1, 2, "PARENT_OF", created_by=ANN)
    desk.links.add_link(4, 5, "RELATES_TO", created_by=ANN)
    before = everything(desk)
    assert message(lambda: desk.links.add_link(ticket, target, link_type, created_by=ANN)).startswith(words)  # type: ignore[arg-type]
    assert everything(desk) == before


def test_other_types_may_go_round_in_a_circle(desk: Desk, tickets: list[Ticket]) -> None:
    for link_type in ("RELATES_TO", "DUPLICATES", "CAUSES"):
        for ticket, target in ((1, 2), (2, 3), (3, 1)):
            desk.links.add_link(ticket, target, link_type, created_by=ANN)
    assert len(stored(desk)) == 9


def test_chains_of_different_types_make_no_cycle(desk: Desk, tickets: list[Ticket]) -> None:
    desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    desk.links.add_link(2, 1, "PARENT_OF", created_by=ANN)
    assert links(desk, 1) == [("BLOCKS", 2), ("CHILD_OF", 2)]


def test_an_unknown_ticket_cannot_be_linked(desk: Desk, tickets: list[Ticket]) -> None:
    before = everything(desk)
    for ticket, target in ((1, 99), (99, 1), (1, "nothing")):
        with pytest.raises(NotFoundError):
            desk.links.add_link(ticket, target, "BLOCKS", created_by=ANN)
    with pytest.raises(NotFoundError):
        desk.links.get_links(99)
    assert everything(desk) == before


def test_nobody_cannot_link(desk: Desk, tickets: list[Ticket]) -> None:
    assert "action_by" in message(lambda: desk.links.add_link(1, 2, "BLOCKS", created_by=" "))
    link = desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    assert "action_by" in message(lambda: desk.links.remove_link(link.guid, action_by=""))
    assert stored(desk) == [link]


@pytest.mark.parametrize("forbidden", ["ticket 1", "ticket 2"])
def test_the_policies_are_asked_about_both_sides(
    make_desk: Callable[..., Desk], store_url: str, install: Callable[..., Any], forbidden: str
) -> None:
    install(
        "frozen",
        f"""
        from ticketcore import hookimpl

        @hookimpl
        def ticketcore_forbid(change, action_by):
            if change.before and change.after.subject == {forbidden!r} and action_by != "{BOB}":
                yield "it is frozen"
        """,
    )
    desk = make_desk(store_url)
    for n in (1, 2):
        desk.tickets.create(f"ticket {n}", action_by=ANN)
    with pytest.raises(ForbiddenError, match="it is frozen"):
        desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    assert (stored(desk), rows(desk, 1), rows(desk, 2)) == ([], [], [])
    link = desk.links.add_link(1, 2, "BLOCKS", created_by=BOB)
    with pytest.raises(ForbiddenError, match="it is frozen"):
        desk.links.remove_link(link.guid, action_by=ANN)
    assert stored(desk) == [link]


# Whatever is done, in whatever order


Step = tuple[str, int, int, str]
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"),
            st.integers(1, TICKETS),
            st.integers(1, TICKETS),
            st.sampled_from(["BLOCKS", "BLOCKS", "BLOCKED_BY", "PARENT_OF", "RELATES_TO", "CAUSES"]),
        ),
        st.tuples(st.just("remove"), st.integers(0, 3), st.just(0), st.just("")),
    ),
    min_size=6,
    max_size=30,
)
Edge = tuple[str, int, int]


def is_allowed(model: list[Edge], edge: Edge) -> bool:
    """Return whether there may be one more link, by trying every chain."""
    kind, source, target = edge
    if source == target or edge in model or (kind == "RELATES_TO" and (kind, target, source) in model):
        return False
    if kind not in {"BLOCKS", "PARENT_OF"}:
        return True
    ends = {target}
    for _ in range(TICKETS):
        ends |= {end for one, start, end in model if one == kind and start in ends}
    return source not in ends


@settings(derandomize=True, deadline=None, max_examples=60)
@given(program=steps)
def test_no_sequence_of_steps_leaves_a_cycle_a_self_link_or_a_double_link(program: list[Step]) -> None:
    model: list[Edge] = []
    guids: list[str] = []
    with open_desk(Config(database=DatabaseSection(url="memory:"), notifiers=())) as desk:
        for n in range(1, TICKETS + 1):
            desk.tickets.create(f"ticket {n}", action_by=ANN)
        for what, one, other, name in program:
            if what == "remove":
                if one < len(model):
                    desk.links.remove_link(guids.pop(one), action_by=ANN)
                    model.pop(one)
                continue
            edge = ("BLOCKS", other, one) if name == "BLOCKED_BY" else (name, one, other)
            if is_allowed(model, edge):
                guids.append(desk.links.add_link(one, other, name, created_by=ANN).guid)
                model.append(edge)
            else:
                with pytest.raises(RejectedError):
                    desk.links.add_link(one, other, name, created_by=ANN)
        numbers = {ticket.guid: ticket.ticket_number for ticket in desk.queries.get_open_tickets()}
        there = {(str(link.link_type), numbers[link.source_guid], numbers[link.target_guid]) for link in stored(desk)}
        assert there == set(model)
        assert len(stored(desk)) == len(model)
        for n in range(1, TICKETS + 1):
            shown = [(end, kind) for kind, start, end in model if start == n]
            shown += [(start, INVERSES[LinkType(kind)]) for kind, start, end in model if end == n]
            assert sorted((number, kind) for kind, number in links(desk, n)) == sorted(shown)
            assert desk.queries.verify_history(n) == []


# How much it costs


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the questions that SQLite itself is asked on whatever connection the pool hands out."""
    found: list[str] = []
    traced: list[Any] = []

    def note(statement: str) -> None:
        if statement.startswith("SELECT"):
            found.append(statement)

    def trace(connection: Any, *_: object) -> None:
        connection.set_trace_callback(note)
        traced.append(connection)

    event.listen(Pool, "checkout", trace)
    try:
        yield found
    finally:
        event.remove(Pool, "checkout", trace)
        for connection in traced:
            connection.set_trace_callback(None)


def test_listing_links_takes_the_same_statements_for_any_number(sqlite_desk: Desk) -> None:
    desk = sqlite_desk
    for n in range(31):
        desk.tickets.create(f"ticket {n}", action_by=ANN)
    desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    with counted() as few:
        desk.links.get_links(1)
    for n in range(3, 32):
        desk.links.add_link(*((1, n) if n % 2 else (n, 1)), "RELATES_TO", created_by=ANN)
    with counted() as many:
        assert len(desk.links.get_links(1)) == 30
    assert len(many) == len(few) == 4  # the ticket, its links as source and as target, the other tickets


def test_a_ticket_may_have_thousands_of_links(desk: Desk) -> None:
    parent = desk.tickets.create("parent", action_by=ANN)
    children = [make_ticket(ticket_number=n) for n in range(2, 2502)]
    link = partial(make_link, source_guid=parent.guid, link_type=LinkType.PARENT_OF)
    with desk.repository.transaction() as tx:
        tx.add_many(children)
        tx.add_many([link(target_guid=child.guid) for child in children])
    assert sorted(number for _, number in links(desk, 1)) == list(range(2, 2502))
    assert "cycle: 2000 PARENT_OF 1 PARENT_OF 2000" in message(
        lambda: desk.links.add_link(2000, 1, "PARENT_OF", created_by=ANN)
    )
