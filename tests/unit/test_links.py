"""Links as pure rules: how they read from either end, which say the same, and whether one can go round in a circle."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.history import Action, Entry
from ticketcore.domain.links import (
    INVERSES,
    READINGS,
    Follow,
    cycle_words,
    find_way,
    linked,
    other_end,
    reading,
    seen_from,
    sense,
    type_of,
    unlinked,
)
from ticketcore.domain.work import LinkType
from ticketcore.errors import RejectedError
from ticketcore.testing.records import make_link, make_ticket

properties = settings(derandomize=True, deadline=None, max_examples=200)

Edges = set[tuple[str, str]]
nodes = st.sampled_from("abcdef")
edges = st.sets(st.tuples(nodes, nodes), max_size=14)


@pytest.mark.parametrize(
    ("link_type", "inverse"),
    [
        ("RELATES_TO", "RELATES_TO"),
        ("BLOCKS", "BLOCKED_BY"),
        ("DUPLICATES", "DUPLICATED_BY"),
        ("PARENT_OF", "CHILD_OF"),
        ("CAUSES", "CAUSED_BY"),
    ],
)
def test_a_link_reads_as_its_type_from_the_source_and_as_the_inverse_from_the_target(
    link_type: str, inverse: str
) -> None:
    link = make_link(link_type=LinkType(link_type))
    assert reading(link, link.source_guid) == link_type
    assert reading(link, link.target_guid) == inverse
    assert type_of(link_type) == (LinkType(link_type), False)
    assert type_of(inverse) == (LinkType(link_type), inverse != link_type)


def test_every_type_has_an_inverse_and_no_two_read_alike() -> None:
    assert set(INVERSES) == set(LinkType)
    assert len(READINGS) == 2 * len(LinkType) - 1


@pytest.mark.parametrize("name", ["", "blocks", "BLOCK", "IS_BLOCKED_BY", None, 5])
def test_another_type_is_refused_and_the_right_ones_are_named(name: object) -> None:
    with pytest.raises(RejectedError) as caught:
        type_of(name)
    (problem,) = caught.value.problems
    assert problem.field == "link_type"
    assert repr(name) in problem.message
    assert all(one in problem.message for one in READINGS)


def test_a_link_seen_from_one_ticket_shows_the_other() -> None:
    one, other = make_ticket(ticket_number=1), make_ticket(ticket_number=2, subject="Cable")
    link = make_link(source_guid=other.guid, target_guid=one.guid)
    assert other_end(link, one.guid) == other.guid
    assert other_end(link, other.guid) == one.guid
    shown = seen_from(link, one.guid, other)
    assert (shown.link_guid, shown.link_type, shown.ticket_guid) == (link.guid, "BLOCKED_BY", other.guid)
    assert (shown.ticket_number, shown.subject, shown.status) == (2, "Cable", other.status)
    assert (shown.created_by, shown.created_date) == (link.created_by, link.created_date)


def test_only_relations_say_the_same_the_other_way_round() -> None:
    for link_type in LinkType:
        there = make_link(link_type=link_type)
        back = make_link(link_type=link_type, source_guid=there.target_guid, target_guid=there.source_guid)
        again = make_link(link_type=link_type, source_guid=there.source_guid, target_guid=there.target_guid)
        assert sense(again) == sense(there)
        assert (sense(back) == sense(there)) == (link_type is LinkType.RELATES_TO)
    one, two = make_link(source_guid="a", target_guid="b"), make_link(source_guid="a", target_guid="b")
    assert sense(one) == sense(two)
    assert sense(make_link(source_guid="a", target_guid="b", link_type=LinkType.CAUSES)) != sense(one)


def test_a_link_and_its_end_are_told_in_both_histories() -> None:
    source, target = make_ticket(ticket_number=3), make_ticket(ticket_number=4)
    link = make_link(source_guid=source.guid, target_guid=target.guid, link_type=LinkType.PARENT_OF)
    made, gone = linked(link, source, target), unlinked(link, source, target)
    assert [change.entries for change in made] == [
        (Entry(Action.LINKED, "links", None, "PARENT_OF 4"),),
        (Entry(Action.LINKED, "links", None, "CHILD_OF 3"),),
    ]
    assert [change.entries for change in gone] == [
        (Entry(Action.UNLINKED, "links", "PARENT_OF 4", None),),
        (Entry(Action.UNLINKED, "links", "CHILD_OF 3", None),),
    ]
    assert [change.adds for change in made] == [(link,), ()]
    assert [change.removes for change in gone] == [(link,), ()]
    assert all(change.before == change.after and change.event is None for change in (*made, *gone))


# Ways along links


def following(graph: Edges) -> Follow:
    def follow(guids: Collection[str]) -> Iterator[tuple[str, str]]:
        yield from sorted(edge for edge in graph if edge[0] in guids)

    return follow


def distance(graph: Edges, start: str, goal: str) -> int | None:
    """Return how many links a shortest way has, by trying every length."""
    places = {start}
    for steps in range(1, 8):
        places = {target for source, target in graph if source in places}
        if goal in places:
            return steps
    return None


@properties
@given(graph=edges, start=nodes, goal=nodes)
def test_a_shortest_way_is_found_wherever_there_is_one(graph: Edges, start: str, goal: str) -> None:
    way = find_way(start, goal, following(graph))
    shortest = distance(graph, start, goal)
    if way is None:
        assert shortest is None
        return
    assert (way[0], way[-1], len(way) - 1) == (start, goal, shortest)
    assert set(pairwise(way)) <= graph


def test_a_way_of_a_hundred_thousand_tickets_is_found_without_trying_them_twice() -> None:
    asked: list[str] = []

    def follow(guids: Collection[str]) -> Iterator[tuple[str, str]]:
        asked.extend(guids)
        for guid in guids:
            yield guid, str(int(guid) + 1)

    way = find_way("0", "100000", follow)
    assert way is not None
    assert len(way) == 100_001
    assert len(asked) == 100_000


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([3, 7, 3], "3 BLOCKS 7 BLOCKS 3"),
        (range(1, 13), " BLOCKS ".join(map(str, range(1, 13)))),
        (range(1, 1001), " BLOCKS ".join(["1", "2", "3", "4", "5", "6", "…", *map(str, range(995, 1001))])),
    ],
    ids=["two", "twelve", "a thousand"],
)
def test_a_cycle_is_shown_by_numbers_and_a_long_one_by_its_ends(numbers: list[int], words: str) -> None:
    assert cycle_words(LinkType.BLOCKS, numbers) == words
