"""Merging as a pure rule: what becomes of the tickets, of everything below them, and of the links between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.checks import WATCHERS_LENGTH
from ticketcore.domain.events import NotifyCode
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.links import sense
from ticketcore.domain.merging import Attached, merged, new_watchers, preview, rewired
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.domain.work import Link, LinkType, SignoffStatus
from ticketcore.errors import RejectedError
from ticketcore.testing.records import (
    NOW,
    make_comment,
    make_link,
    make_signoff,
    make_task,
    make_ticket,
    make_time_entry,
)

properties = settings(derandomize=True, deadline=None, max_examples=200)

SOURCE = make_ticket(guid="s", ticket_number=3, package="IT", subject="Smoke")
TARGET = make_ticket(guid="t", ticket_number=7, subject="Fire")
OTHER = make_ticket(guid="o", ticket_number=9)


def attached(**fields: Any) -> Attached:
    return Attached(**{"neighbours": {OTHER.guid: OTHER}, "requesters": {}, **fields})


def changes(*sources: Ticket, target: Ticket = TARGET, **fields: Any) -> dict[str, Change]:
    """Return what a merge makes of each ticket, by guid."""
    found = merged(sources or (SOURCE,), target, attached(**fields), now=NOW)
    assert len({change.after.guid for change in found}) == len(found)
    return {change.after.guid: change for change in found}


def below(change: Change, kind: type) -> list[Any]:
    return [record for record in change.saves if isinstance(record, kind)]


# The tickets


@pytest.mark.parametrize("status", Status)
def test_a_source_ends_cancelled_whatever_it_was(status: Status) -> None:
    change = changes(evolve(SOURCE, status=status))["s"]
    assert (change.after.status, change.after.merged_into) == (Status.CANCELLED, "t")
    move = [] if status is Status.CANCELLED else [Entry(Action.STATUS_CHANGE, "status", status, Status.CANCELLED)]
    assert list(change.entries) == [Entry(Action.MERGED, "merged_into", None, "t", "into ticket 7"), *move]
    assert (change.event, change.detail, change.to) == (
        *(NotifyCode.STATUS_CHANGED, "merged into ticket 7: Fire", None),
    )


def test_the_target_keeps_what_it_is_and_remembers_what_came() -> None:
    target = evolve(TARGET, status=Status.CLOSED, merged_guids=("x",))
    change = changes(target=target)["t"]
    assert change.after == evolve(target, merged_guids=("x", "s"))
    assert change.entries == (Entry(Action.MERGED, "merged_guids", None, "s", "ticket 3"),)
    assert change.event is None


def test_what_was_merged_into_a_source_before_counts_too() -> None:
    change = changes(evolve(SOURCE, merged_guids=("a", "b")), make_ticket(guid="z", ticket_number=4))["t"]
    assert change.after.merged_guids == ("s", "a", "b", "z")
    assert [row.new_value for row in change.entries] == ["s", "z"]


def test_the_history_of_the_target_says_how_much_came_with_which_ticket() -> None:
    other = make_ticket(guid="z", ticket_number=4)
    fields: dict[str, Any] = {
        "comments": [make_comment(ticket_guid="s"), make_comment(ticket_guid="s"), make_comment(ticket_guid="z")],
        "tasks": [make_task(ticket_guid="s")],
        "time_entries": [make_time_entry(ticket_guid="s", duration_minutes=one) for one in (30, 45)],
    }
    notes = [row.note for row in changes(SOURCE, other, **fields)["t"].entries]
    assert notes == ["ticket 3 with 2 comments, 1 task, 75 minutes", "ticket 4 with 1 comment"]


# What is below them


def test_what_is_below_a_source_moves_to_the_target_and_to_its_package() -> None:
    comment = make_comment(ticket_guid="s", package="IT", is_internal=True)
    entry = make_time_entry(ticket_guid="s", package="IT")
    found = changes(comments=[comment], time_entries=[entry])
    assert found["t"].saves == (
        evolve(comment, ticket_guid="t", package=TARGET.package),
        evolve(entry, ticket_guid="t", package=TARGET.package),
    )
    assert found["s"].saves == ()


def test_tasks_line_up_behind_those_that_are_there() -> None:
    tasks = [make_task(guid=f"task-{n}", ticket_guid="s", sort_order=n, package="IT") for n in (1, 5)]
    found = changes(tasks=tasks, next_place=4)
    assert [(task.before, task.after) for task in found["t"].tasks] == [
        (tasks[0], evolve(tasks[0], ticket_guid="t", package=TARGET.package, sort_order=4)),
        (tasks[1], evolve(tasks[1], ticket_guid="t", package=TARGET.package, sort_order=5)),
    ]
    assert found["s"].tasks == found["t"].tasks


def test_each_source_gives_up_its_own_tasks_only() -> None:
    other = make_ticket(guid="z", ticket_number=4)
    tasks = [make_task(ticket_guid="s"), make_task(ticket_guid="z")]
    found = changes(SOURCE, other, tasks=tasks)
    assert [change.before for change in found["s"].tasks] == tasks[:1]
    assert [change.before for change in found["z"].tasks] == tasks[1:]


def test_answers_to_sign_off_stay_and_open_requests_are_withdrawn() -> None:
    asked = make_signoff(ticket_guid="s", email="qa@example.com")
    answered = [make_signoff(ticket_guid="s", status=one) for one in SignoffStatus if one is not SignoffStatus.PENDING]
    found = changes(signoffs=[asked, *answered])
    assert found["s"].saves == (evolve(asked, status=SignoffStatus.WITHDRAWN),)
    assert found["s"].entries[-1] == Entry(Action.SIGNOFF_WITHDRAWN, "signoff", "qa@example.com", None)
    assert found["t"].saves == ()


# Watchers


def test_watchers_and_requesters_come_along_once() -> None:
    one = evolve(SOURCE, watchers=("a@x.org", "b@x.org"))
    two = make_ticket(guid="z", ticket_number=4, watchers=("b@x.org", "c@x.org"))
    target = evolve(TARGET, watchers=("c@x.org", "d@x.org"))
    requesters = {"s": "e@x.org", "z": "a@x.org", "t": "f@x.org"}
    change = changes(one, two, target=target, requesters=requesters)["t"]
    assert change.after.watchers == ("c@x.org", "d@x.org", "a@x.org", "b@x.org", "e@x.org")
    added = [row.new_value for row in change.entries if row.action is Action.WATCHER_ADDED]
    assert added == ["a@x.org", "b@x.org", "e@x.org"]


def test_who_raised_the_target_too_need_not_watch_it() -> None:
    assert new_watchers([SOURCE], TARGET, {"s": "ann@x.org", "t": "ann@x.org"}) == ()
    assert new_watchers([SOURCE], TARGET, {"s": "ann@x.org", "t": "bob@x.org"}) == ("ann@x.org",)
    assert new_watchers([SOURCE], TARGET, {}) == ()


def test_more_than_a_column_holds_is_refused() -> None:
    many = tuple(f"somebody.{n}@example.com" for n in range(WATCHERS_LENGTH // 20))
    with pytest.raises(RejectedError) as caught:
        changes(evolve(SOURCE, watchers=many, merged_guids=many))
    assert [problem.field for problem in caught.value.problems] == ["watchers", "merged_guids"]
    assert "ticket 7 would have too many" in str(caught.value)


# Links


def test_a_link_leads_to_the_target_then_and_all_three_histories_say_so() -> None:
    link = make_link(source_guid="o", target_guid="s", link_type=LinkType.BLOCKS, package="LEGAL")
    found = changes(links=[link])
    assert found["t"].saves == (evolve(link, target_guid="t"),)
    assert found["s"].entries[-1] == Entry(Action.UNLINKED, "links", "BLOCKED_BY 9", None)
    assert found["t"].entries[-1] == Entry(Action.LINKED, "links", None, "BLOCKED_BY 9")
    assert list(found["o"].entries) == [
        Entry(Action.UNLINKED, "links", "BLOCKS 3", None),
        Entry(Action.LINKED, "links", None, "BLOCKS 7"),
    ]
    assert (found["o"].before, found["o"].after, found["o"].event) == (OTHER, OTHER, None)


def test_a_link_that_starts_from_the_target_then_belongs_to_its_package() -> None:
    link = make_link(source_guid="s", target_guid="o", package="IT")
    assert changes(links=[link])["t"].saves == (evolve(link, source_guid="t", package=TARGET.package),)


def test_a_link_between_source_and_target_ends() -> None:
    link = make_link(source_guid="t", target_guid="s", link_type=LinkType.DUPLICATES)
    found = changes(links=[link])
    assert (found["t"].removes, found["t"].saves) == ((link,), ())
    assert found["t"].entries[-1] == Entry(Action.UNLINKED, "links", "DUPLICATES 3", None)
    assert found["s"].entries[-1] == Entry(Action.UNLINKED, "links", "DUPLICATED_BY 7", None)


def test_a_link_that_the_target_has_already_ends() -> None:
    there = make_link(source_guid="o", target_guid="t", link_type=LinkType.RELATES_TO)
    double = make_link(source_guid="s", target_guid="o", link_type=LinkType.RELATES_TO)
    found = changes(links=[there, double])
    assert (found["t"].removes, found["t"].saves) == ((double,), ())
    assert list(found["o"].entries) == [Entry(Action.UNLINKED, "links", "RELATES_TO 3", None)]


GUIDS = st.sampled_from("stuvw")  # s and u are merged into t
graphs = st.lists(st.tuples(GUIDS, GUIDS, st.sampled_from(LinkType)), max_size=14)


def graph_of(ends: Sequence[tuple[str, str, LinkType]]) -> list[Link]:
    """Return links as a store can have them: none to itself, none twice."""
    made = {
        sense(link): link
        for n, (source, target, kind) in enumerate(ends)
        if source != target
        for link in [make_link(guid=f"l{n}", source_guid=source, target_guid=target, link_type=kind)]
    }
    return list(made.values())


@properties
@given(ends=graphs)
def test_no_link_is_lost_but_doubles_and_none_leads_to_a_merged_ticket(
    ends: Sequence[tuple[str, str, LinkType]],
) -> None:
    links = graph_of(ends)
    fates = {fate.before.guid: fate.after for fate in rewired(links, {"s", "u"}, TARGET)}
    after = [one for link in links if (one := fates.get(link.guid, link)) is not None]
    assert all({"s", "u"}.isdisjoint((link.source_guid, link.target_guid)) for link in after)
    assert all(link.source_guid != link.target_guid for link in after)
    assert len({sense(link) for link in after}) == len(after)

    def as_one(guid: str) -> str:
        return "t" if guid in "su" else guid

    wanted = [evolve(one, source_guid=as_one(one.source_guid), target_guid=as_one(one.target_guid)) for one in links]
    assert {sense(link) for link in after} == {sense(one) for one in wanted if one.source_guid != one.target_guid}
    untouched = [link for link in links if {"s", "u"}.isdisjoint((link.source_guid, link.target_guid))]
    assert set(fates).isdisjoint(link.guid for link in untouched)


@properties
@given(ends=graphs)
def test_the_histories_tell_the_links_as_they_are(ends: Sequence[tuple[str, str, LinkType]]) -> None:
    tickets = {guid: make_ticket(guid=guid, ticket_number=n) for n, guid in enumerate("stuvw", 1)}
    target = tickets["t"]
    links = graph_of(ends)
    found = merged([tickets["s"], tickets["u"]], target, attached(links=links, neighbours=tickets), now=NOW)
    assert len({change.after.guid for change in found}) == len(found)
    told = dict.fromkeys(tickets, 0)
    for change in found:
        actions = [entry.action for entry in change.entries]
        told[change.after.guid] += actions.count(Action.LINKED) - actions.count(Action.UNLINKED)
    (into,) = (change for change in found if change.after.guid == "t")
    now_there = {link.guid: link for link in [*links, *into.saves]}
    for link in into.removes:
        del now_there[link.guid]
    for guid in tickets:
        before = sum(guid in {link.source_guid, link.target_guid} for link in links)
        after = sum(guid in {link.source_guid, link.target_guid} for link in now_there.values())
        assert told[guid] == after - before


def test_a_preview_counts_what_comes_along() -> None:
    found = preview(
        [SOURCE],
        TARGET,
        attached(
            comments=[make_comment(ticket_guid="s")],
            tasks=[make_task(ticket_guid="s")] * 2,
            time_entries=[make_time_entry(ticket_guid="s", duration_minutes=one) for one in (30, 45)],
            links=[make_link(source_guid="s", target_guid=one) for one in "to"],
            signoffs=[make_signoff(ticket_guid="s", status=one) for one in SignoffStatus],
            requesters={"s": "ann@x.org"},
        ),
    )
    assert (found.comments, found.tasks, found.time_entries, found.minutes) == (1, 2, 2, 75)
    assert (found.links, found.dropped_links, found.withdrawn_signoffs) == (1, 1, 1)
    assert found.watchers == ("ann@x.org",)
