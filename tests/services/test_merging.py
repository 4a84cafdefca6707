"""Merging through a desk, on both stores: what comes along, what is left behind, who is told, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore import open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, WorkflowSection
from ticketcore.desk import Desk
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.workflow import declare
from ticketcore.errors import ConflictError, ForbiddenError, NotFoundError, RejectedError

ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"
NUMBERS = (1, 2, 3, 4)


@pytest.fixture
def tickets(desk: Desk) -> list[Ticket]:
    """Return four tickets, numbered from 1, each with a requester and a watcher of its own."""
    return [
        desk.tickets.create(
            f"ticket {n}", requested_by=f"r{n}@x.org", watchers=[f"w{n}@x.org"], package=f"P{n}", action_by=ANN
        )
        for n in NUMBERS
    ]


def rows(desk: Desk, ticket: int, *actions: str) -> list[tuple[str, str | None, str | None, str]]:
    history = desk.queries.get_history(ticket)
    return [(row.field, row.old_value, row.new_value, row.note) for row in history if row.action in actions]


def links(desk: Desk, ticket: int) -> list[tuple[str, int]]:
    return [(link.link_type, link.ticket_number) for link in desk.links.get_links(ticket)]


def everything(desk: Desk) -> list[Any]:
    """Return all that is stored about the four tickets."""
    found: list[Any] = [desk.notifications.list_outbox()]
    for n in NUMBERS:
        found += [
            *(desk.tickets.read(n), desk.queries.get_history(n), desk.links.get_links(n), desk.tasks.get_tasks(n)),
            *(desk.comments.get_comments(n, include_internal=True), desk.time.get_time_entries(n)),
            *(desk.signoffs.get_signoffs(n), desk.versions.list_versions(n)),
        ]
    return found


def message(step: Callable[[], object]) -> str:
    """Return the one problem for which ``step`` is refused."""
    with pytest.raises(RejectedError) as caught:
        step()
    (problem,) = caught.value.problems
    return str(problem)


def furnish(desk: Desk, ticket: int) -> None:
    """Attach something of every kind to a ticket."""
    desk.comments.add_comment(ticket, f"public {ticket}", commented_by=BOB)
    desk.comments.add_comment(ticket, f"internal {ticket}", commented_by=BOB, is_internal=True)
    desk.tasks.add_task(ticket, f"first of {ticket}", action_by=BOB)
    done = desk.tasks.add_task(ticket, f"second of {ticket}", action_by=BOB)
    desk.tasks.complete_task(done.guid, action_by=BOB)
    desk.time.log_time(ticket, BOB, 30 * ticket, action_by=BOB)


# What comes along


def test_everything_comes_along(desk: Desk, clock: PlayedClock, tickets: list[Ticket]) -> None:
    for n in (1, 2):
        furnish(desk, n)
    clock.advance(minutes=5)
    made = desk.tickets.merge(1, 2, action_by=CY)
    assert (made.guid, made.status, made.subject, made.package) == (tickets[1].guid, "NEW", "ticket 2", "P2")
    assert made.merged_guids == (tickets[0].guid,)
    assert made.watchers == ("w2@x.org", "w1@x.org", "r1@x.org")
    assert desk.tickets.read(2) == made
    assert [one.text for one in desk.comments.get_comments(2)] == ["public 1", "public 2"]
    assert [one.text for one in desk.comments.get_comments(2, include_internal=True)] == (
        ["public 1", "internal 1", "public 2", "internal 2"]
    )
    tasks = desk.tasks.get_tasks(2)
    assert [(task.name, task.status) for task in tasks] == [
        ("first of 2", "OPEN"),
        ("second of 2", "DONE"),
        ("first of 1", "OPEN"),
        ("second of 1", "DONE"),
    ]
    assert desk.time.get_total_time(2) == 90
    assert desk.comments.get_comments(1, include_internal=True) == []
    assert (desk.tasks.get_tasks(1), desk.time.get_total_time(1), desk.links.get_links(1)) == ([], 0, [])
    below: list[Any] = [*desk.comments.get_comments(2), *tasks, *desk.time.get_time_entries(2)]
    assert {one.package for one in below} == {"P2"}
    assert [desk.queries.verify_history(n) for n in (1, 2)] == [[], []]


def test_what_came_along_can_be_worked_on(desk: Desk, tickets: list[Ticket]) -> None:
    task = desk.tasks.add_task(1, "check the fuse", action_by=BOB)
    desk.tickets.merge(1, 2, action_by=CY)
    assert desk.tasks.complete_task(task.guid, action_by=BOB).ticket_guid == tickets[1].guid
    assert [row.action for row in desk.queries.get_history(2)][-1] == "TASK_CHANGED"


def test_the_merged_ticket_is_cancelled_and_says_where_it_went(
    desk: Desk, clock: PlayedClock, tickets: list[Ticket]
) -> None:
    before = desk.queries.get_history(1)
    clock.advance(minutes=5)
    desk.tickets.merge(1, 2, action_by=CY)
    gone = desk.tickets.read_by_number(1)
    assert (gone.status, gone.merged_into, gone.updated_date) == ("CANCELLED", tickets[1].guid, clock.now())
    assert (gone.subject, gone.watchers, gone.requested_by) == ("ticket 1", ("w1@x.org",), "r1@x.org")
    into = desk.tickets.get_merged_into(1)
    assert into == desk.tickets.read(2)
    assert desk.tickets.get_merged_into(2) is None
    assert desk.queries.get_history(1)[: len(before)] == before


def test_both_histories_say_merged(desk: Desk, tickets: list[Ticket]) -> None:
    furnish(desk, 1)
    desk.tickets.merge(1, 2, action_by=CY)
    one, two = (ticket.guid for ticket in tickets[:2])
    assert rows(desk, 1, "MERGED") == [("merged_into", None, two, "into ticket 2")]
    assert rows(desk, 1, "STATUS_CHANGE") == [("status", "NEW", "CANCELLED", "")]
    assert rows(desk, 2, "MERGED") == [("merged_guids", None, one, "ticket 1 with 2 comments, 2 tasks, 30 minutes")]
    assert rows(desk, 2, "WATCHER_ADDED") == [
        ("watchers", None, "w1@x.org", ""),
        ("watchers", None, "r1@x.org", ""),
    ]
    assert {row.action_by for row in desk.queries.get_history(2)[1:]} == {CY}


def test_the_people_of_the_source_are_told_where_it_went(desk: Desk, tickets: list[Ticket]) -> None:
    desk.tickets.assign(1, BOB, action_by=ANN)
    told = len(desk.notifications.list_outbox())
    desk.tickets.merge(1, 2, action_by=CY)
    messages = desk.notifications.list_outbox()[told:]
    assert [(one.notify_code, one.recipient, one.ticket_number) for one in messages] == [
        ("STATUS_CHANGED", recipient, 1) for recipient in ("r1@x.org", BOB, "w1@x.org")
    ]
    payload = json.loads(messages[0].payload)
    assert (payload["detail"], payload["status"]) == ("merged into ticket 2: ticket 2", "CANCELLED")


def test_from_then_on_they_are_told_of_the_target(desk: Desk, tickets: list[Ticket]) -> None:
    desk.tickets.merge(1, 2, action_by=CY)
    told = len(desk.notifications.list_outbox())
    desk.tickets.change_status(2, "TRIAGED", action_by=BOB)
    messages = desk.notifications.list_outbox()[told:]
    assert {one.recipient for one in messages} == {"r1@x.org", "w1@x.org", "r2@x.org", "w2@x.org"}


def test_a_merge_is_a_version_of_both(desk: Desk, tickets: list[Ticket]) -> None:
    task = desk.tasks.add_task(1, "check the fuse", action_by=BOB)
    desk.tickets.merge(1, 2, action_by=CY)
    last = desk.versions.list_versions(1)[-1]
    assert (last.version, last.changed_by, set(last.fields)) == (3, CY, {"status", "merged_into"})
    assert last.tasks == ("check the fuse",)
    assert [one.guid for one in desk.versions.get_version(1, 2).tasks] == [task.guid]
    assert desk.versions.get_version(1, 3).tasks == ()
    last = desk.versions.list_versions(2)[-1]
    assert (last.version, set(last.fields), last.tasks) == (2, {"watchers", "merged_guids"}, ("check the fuse",))
    assert desk.versions.get_version(2, 1).tasks == ()
    assert [one.guid for one in desk.versions.get_version(2, 2).tasks] == [task.guid]


def test_the_requester_comes_along_where_there_is_an_address(desk: Desk) -> None:
    desk.people.add_person("Bob", BOB, "bob", action_by=ANN)
    requesters = [("bob", "INTERNAL"), (CY, "EMAIL"), ("nobody", "INTERNAL"), (ANN, "SYSTEM"), (ANN, "INTERNAL")]
    for name, kind in requesters:
        desk.tickets.create(name, requested_by=name, requested_by_type=kind, action_by=ANN)
    desk.tickets.create("target", requested_by=ANN, action_by=ANN)
    made = desk.tickets.merge([1, 2, 3, 4, 5], 6, action_by=ANN)
    assert made.watchers == (BOB, CY)


def test_words_of_comments_find_the_target_then(desk: Desk, tickets: list[Ticket]) -> None:
    desk.comments.add_comment(1, "it smells of sulphur", commented_by=BOB)
    desk.tickets.merge(1, 2, action_by=CY)
    assert [ticket.ticket_number for ticket in desk.queries.search("sulphur")] == [2]


def test_comments_that_come_along_answer_nothing(desk: Desk, clock: PlayedClock, tickets: list[Ticket]) -> None:
    desk.comments.add_comment(1, "we are on it", commented_by=BOB)
    assert desk.tickets.read(1).sla_response_met is True
    target = desk.tickets.merge(1, 2, action_by=CY)
    assert (target.sla_response_met, target.sla_response_deadline) == (None, tickets[1].sla_response_deadline)
    assert desk.tickets.read(1).sla_response_met is True


def test_answers_to_sign_off_stay_and_open_requests_are_withdrawn(desk: Desk, tickets: list[Ticket]) -> None:
    desk.signoffs.request_signoff(1, [BOB, CY], requested_by=ANN)
    desk.signoffs.request_signoff(2, [CY], requested_by=ANN)
    desk.signoffs.sign_off(1, BOB, approved=True)
    desk.tickets.merge(1, 2, action_by=ANN)
    assert [(one.email, one.status) for one in desk.signoffs.get_signoffs(1)] == [
        (BOB, "APPROVED"),
        (CY, "WITHDRAWN"),
    ]
    assert [(one.email, one.status) for one in desk.signoffs.get_signoffs(2)] == [(CY, "PENDING")]
    assert rows(desk, 1, "SIGNOFF_WITHDRAWN") == [("signoff", CY, None, "")]
    assert "merged into ticket 2" in message(lambda: desk.signoffs.sign_off(1, CY, approved=True))


def test_the_pull_request_of_a_merged_ticket_leads_to_the_target(desk: Desk, tickets: list[Ticket]) -> None:
    payload = {
        "html_url": "https://github.com/acme/shop/pull/12",
        "number": 12,
        "title": "Mend the till",
        "body": "",
        "user": {"login": "cy"},
        "state": "open",
        "head": {"ref": "mend"},
        "base": {"ref": "main", "repo": {"full_name": "acme/shop"}},
    }
    made = desk.tickets.create_from_pr(payload, action_by=ANN)
    desk.tickets.merge(made.guid, 1, action_by=ANN)
    assert desk.tickets.create_from_pr(payload, action_by=ANN).ticket_number == 1
    assert [task.pr_id for task in desk.pull_requests.get_linked_prs(1)] == [
        task.pr_id for task in desk.tasks.get_tasks(1)
    ]


# Links


def test_links_are_rewired_and_each_history_says_so(desk: Desk, tickets: list[Ticket]) -> None:
    guids = [
        desk.links.add_link(1, 3, "BLOCKS", created_by=ANN).guid,
        desk.links.add_link(4, 1, "PARENT_OF", created_by=ANN).guid,
    ]
    desk.tickets.merge(1, 2, action_by=CY)
    assert links(desk, 2) == [("BLOCKS", 3), ("CHILD_OF", 4)]
    assert (links(desk, 3), links(desk, 4)) == ([("BLOCKED_BY", 2)], [("PARENT_OF", 2)])
    assert [link.link_guid for link in desk.links.get_links(2)] == guids
    assert [link.created_by for link in desk.links.get_links(2)] == [ANN, ANN]
    assert rows(desk, 1, "UNLINKED") == [("links", "BLOCKS 3", None, ""), ("links", "CHILD_OF 4", None, "")]
    assert rows(desk, 2, "LINKED") == [("links", None, "BLOCKS 3", ""), ("links", None, "CHILD_OF 4", "")]
    assert rows(desk, 3, "LINKED", "UNLINKED")[1:] == [
        ("links", "BLOCKED_BY 1", None, ""),
        ("links", None, "BLOCKED_BY 2", ""),
    ]
    assert [desk.queries.verify_history(n) for n in NUMBERS] == [[], [], [], []]


def test_links_between_them_and_doubles_are_dropped(desk: Desk, tickets: list[Ticket]) -> None:
    desk.links.add_link(1, 2, "DUPLICATES", created_by=ANN)
    kept = desk.links.add_link(3, 2, "RELATES_TO", created_by=ANN)
    desk.links.add_link(1, 3, "RELATES_TO", created_by=ANN)
    desk.tickets.merge(1, 2, action_by=CY)
    assert [(link.link_guid, link.ticket_number) for link in desk.links.get_links(2)] == [(kept.guid, 3)]
    assert links(desk, 3) == [("RELATES_TO", 2)]
    assert rows(desk, 2, "UNLINKED") == [("links", "DUPLICATED_BY 1", None, "")]
    assert rows(desk, 3, "UNLINKED") == [("links", "RELATES_TO 1", None, "")]


def test_a_merge_that_would_make_a_cycle_of_links_is_refused(desk: Desk, tickets: list[Ticket]) -> None:
    desk.links.add_link(1, 3, "BLOCKS", created_by=ANN)
    desk.links.add_link(3, 4, "BLOCKS", created_by=ANN)
    between = desk.links.add_link(4, 2, "BLOCKS", created_by=ANN)
    before = everything(desk)
    for source, target, cycle in (
        (1, 2, "2 BLOCKS 3 BLOCKS 4 BLOCKS 2"),
        (2, 1, "1 BLOCKS 3 BLOCKS 4 BLOCKS 1"),
        ([1, 4], 2, "2 BLOCKS 3 BLOCKS 2"),
    ):
        with pytest.raises(RejectedError) as caught:
            desk.tickets.merge(source, target, action_by=CY)
        assert str(caught.value) == (
            f"source: would make a cycle: {cycle} (remove one of these links first: ticketcore unlink)"
        )
        with pytest.raises(RejectedError, match=cycle):
            desk.tickets.preview_merge(source, target)
    assert everything(desk) == before
    desk.links.remove_link(between.guid, action_by=ANN)
    desk.tickets.merge(1, 2, action_by=CY)
    assert links(desk, 2) == [("BLOCKS", 3)]


def test_a_cycle_among_the_tickets_that_become_one_is_none(desk: Desk, tickets: list[Ticket]) -> None:
    desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    desk.links.add_link(2, 3, "BLOCKS", created_by=ANN)
    desk.links.add_link(3, 4, "PARENT_OF", created_by=ANN)
    desk.tickets.merge([1, 2], 3, action_by=CY)
    assert links(desk, 3) == [("PARENT_OF", 4)]


# Several, and one after the other


def test_several_tickets_are_merged_at_once(desk: Desk, tickets: list[Ticket]) -> None:
    for n in NUMBERS:
        furnish(desk, n)
    made = desk.tickets.merge([tickets[0].guid, 2, "2", 3], 4, action_by=CY)
    assert made.merged_guids == tuple(ticket.guid for ticket in tickets[:3])
    assert desk.time.get_total_time(4) == 300
    assert len(desk.comments.get_comments(4, include_internal=True)) == 8
    tasks = desk.tasks.get_tasks(4)
    assert [task.name for task in tasks] == [f"{place} of {n}" for n in (4, 1, 2, 3) for place in ("first", "second")]
    assert [task.sort_order for task in tasks] == list(range(1, 9))
    assert [desk.tickets.read(n).status for n in NUMBERS] == [*["CANCELLED"] * 3, "NEW"]
    assert len(rows(desk, 4, "MERGED")) == 3


def test_a_merged_ticket_goes_along_when_its_target_is_merged(desk: Desk, tickets: list[Ticket]) -> None:
    furnish(desk, 1)
    desk.tickets.merge(1, 2, action_by=CY)
    desk.tickets.merge(2, 3, action_by=CY)
    made = desk.tickets.merge(3, 4, action_by=CY)
    assert made.merged_guids == (tickets[2].guid, tickets[1].guid, tickets[0].guid)
    assert desk.tickets.read(1).merged_into == tickets[1].guid
    assert [desk.tickets.get_merged_into(n) for n in (1, 2, 3)] == [made, made, made]
    assert desk.time.get_total_time(4) == 30
    assert "ticket 1 was merged into ticket 4" in message(lambda: desk.tickets.update(1, subject="x", action_by=ANN))


@pytest.mark.parametrize("status", ["RESOLVED", "CLOSED", "CANCELLED"])
def test_a_finished_ticket_can_be_merged(desk: Desk, tickets: list[Ticket], status: str) -> None:
    path = {"CANCELLED": ["CANCELLED"], "RESOLVED": ["TRIAGED", "IN_PROGRESS", "RESOLVED"]}
    path["CLOSED"] = [*path["RESOLVED"], "CLOSED"]
    for step in path[status]:
        desk.tickets.change_status(1, step, action_by=BOB)
    told = len(desk.notifications.list_outbox())
    desk.tickets.merge(1, 2, action_by=CY)
    gone = desk.tickets.read(1)
    assert (gone.status, gone.merged_into) == ("CANCELLED", tickets[1].guid)
    assert {one.notify_code for one in desk.notifications.list_outbox()[told:]} == {"STATUS_CHANGED"}
    moves = [new for _, _, new, _ in rows(desk, 1, "STATUS_CHANGE")]
    assert moves == (path[status] if status == "CANCELLED" else [*path[status], "CANCELLED"])


def test_a_merge_needs_no_move_of_the_workflow(make_desk: Callable[..., Desk], store_url: str) -> None:
    workflow, _ = declare("short", {"transitions": {"NEW": ["IN_PROGRESS"], "IN_PROGRESS": ["CLOSED"]}})
    assert workflow is not None
    desk = make_desk(store_url, workflow=WorkflowSection(default=workflow))
    for n in (1, 2):
        desk.tickets.create(f"ticket {n}", action_by=ANN)
    with pytest.raises(RejectedError):
        desk.tickets.cancel(1, action_by=ANN)
    desk.tickets.merge(1, 2, action_by=ANN)
    assert desk.tickets.read(1).status == "CANCELLED"


# Refusals


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (2, 2, "target: ticket 2 cannot be merged into itself"),
        (["2"], 2, "target: ticket 2 cannot be merged into itself"),
        ([2, 3], 3, "target: ticket 3 cannot be merged into itself"),
        (1, 3, "ticket: ticket 1 was merged into ticket 2; use that one"),
        (2, 1, "ticket: ticket 1 was merged into ticket 2; use that one"),
        (3, 1, "ticket: ticket 1 was merged into ticket 2; use that one"),
        ([3, 1], 2, "ticket: ticket 1 was merged into ticket 2; use that one"),
        (2, 4, "target: ticket 4 is CANCELLED, which is final; nothing can be merged into it"),
        ([], 2, "source: must name at least one ticket"),
    ],
)
def test_what_cannot_be_merged_is_refused_and_nothing_is_changed(
    desk: Desk, tickets: list[Ticket], source: Any, target: int, words: str
) -> None:
    desk.tickets.merge(1, 2, action_by=CY)
    desk.tickets.cancel(4, action_by=CY)
    before = everything(desk)
    assert message(lambda: desk.tickets.merge(source, target, action_by=ANN)) == words
    assert message(lambda: desk.tickets.preview_merge(source, target)) == words
    assert everything(desk) == before


@pytest.mark.parametrize(("source", "target"), [(99, 1), (1, 99), ([1, 99], 2), ("nothing", 1)])
def test_an_unknown_ticket_cannot_be_merged(desk: Desk, tickets: list[Ticket], source: Any, target: int) -> None:
    before = everything(desk)
    with pytest.raises(NotFoundError):
        desk.tickets.merge(source, target, action_by=ANN)
    assert everything(desk) == before


@pytest.mark.parametrize("source", [None, [None], 1.5])
def test_what_names_no_ticket_is_refused(desk: Desk, tickets: list[Ticket], source: Any) -> None:
    assert "must be a guid, a number or a ticket" in message(lambda: desk.tickets.merge(source, 2, action_by=ANN))


def test_nobody_cannot_merge(desk: Desk, tickets: list[Ticket]) -> None:
    assert "action_by" in message(lambda: desk.tickets.merge(1, 2, action_by=" "))


@pytest.mark.parametrize("stale", [0, 1])
def test_a_record_that_is_out_of_date_is_not_merged(desk: Desk, tickets: list[Ticket], stale: int) -> None:
    desk.tickets.update(stale + 1, subject="newer", action_by=ANN)
    before = everything(desk)
    with pytest.raises(ConflictError):
        desk.tickets.merge(tickets[0], tickets[1], action_by=ANN)
    assert everything(desk) == before


CHANGES: dict[str, Callable[[Desk], object]] = {
    "a comment": lambda desk: desk.comments.add_comment(1, "hello", commented_by=ANN),
    "a field": lambda desk: desk.tickets.update(1, subject="x", action_by=ANN),
    "a status": lambda desk: desk.tickets.change_status(1, "IN_PROGRESS", action_by=ANN),
    "a second end": lambda desk: desk.tickets.cancel(1, action_by=ANN),
    "an assignee": lambda desk: desk.tickets.assign(1, BOB, action_by=ANN),
    "a watcher": lambda desk: desk.tickets.add_watcher(1, BOB, action_by=ANN),
    "a task": lambda desk: desk.tasks.add_task(1, "x", action_by=ANN),
    "time": lambda desk: desk.time.log_time(1, BOB, 5, action_by=ANN),
    "a link from it": lambda desk: desk.links.add_link(1, 3, "BLOCKS", created_by=ANN),
    "a link to it": lambda desk: desk.links.add_link(3, 1, "BLOCKS", created_by=ANN),
    "a sign-off": lambda desk: desk.signoffs.request_signoff(1, [BOB], requested_by=ANN),
    "a version": lambda desk: desk.versions.restore_version(1, 1, action_by=ANN),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_merged_ticket_takes_no_change_any_more(desk: Desk, tickets: list[Ticket], change: str) -> None:
    desk.tickets.merge(1, 2, action_by=CY)
    before = everything(desk)
    assert message(lambda: CHANGES[change](desk)) == "ticket: ticket 1 was merged into ticket 2; use that one"
    assert everything(desk) == before


@pytest.mark.parametrize("forbidden", ["ticket 1", "ticket 2", "ticket 3"])
def test_the_policies_are_asked_about_every_ticket_that_changes(
    make_desk: Callable[..., Desk], store_url: str, install: Callable[..., Any], forbidden: str
) -> None:
    install(
        "frozen",
        f"""
        from ticketcore import hookimpl

        @hookimpl
        def ticketcore_forbid(change, action_by):
            if change.before and change.after.subject == {forbidden!r} and action_by != {ANN!r}:
                yield "it is frozen"
        """,
    )
    desk = make_desk(store_url)
    for n in NUMBERS:
        desk.tickets.create(f"ticket {n}", action_by=ANN)
    desk.links.add_link(1, 3, "BLOCKS", created_by=ANN)
    before = everything(desk)
    with pytest.raises(ForbiddenError, match="it is frozen"):
        desk.tickets.merge(1, 2, action_by=CY)
    assert everything(desk) == before
    desk.tickets.merge(1, 2, action_by=ANN)


# A preview


def test_a_preview_says_what_comes_along_and_changes_nothing(desk: Desk, tickets: list[Ticket]) -> None:
    for n in (1, 2, 3):
        furnish(desk, n)
    desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    desk.links.add_link(1, 4, "BLOCKS", created_by=ANN)
    desk.signoffs.request_signoff(1, [BOB], requested_by=ANN)
    before = everything(desk)
    found = desk.tickets.preview_merge([1, 3], 2)
    assert everything(desk) == before
    assert (found.comments, found.tasks, found.time_entries, found.minutes) == (4, 4, 2, 120)
    assert (found.links, found.dropped_links, found.withdrawn_signoffs) == (1, 1, 1)
    assert found.watchers == ("w1@x.org", "w3@x.org", "r1@x.org", "r3@x.org")
    total = desk.time.get_total_time(2)
    made = desk.tickets.merge([1, 3], 2, action_by=CY)
    assert desk.time.get_total_time(2) == total + found.minutes
    assert made.watchers == ("w2@x.org", *found.watchers)


# Nothing is lost, whatever is merged with what


amounts = st.tuples(st.integers(0, 3), st.integers(0, 3), st.lists(st.integers(1, 600), max_size=3))
merges = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=6)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(contents=st.lists(amounts, min_size=5, max_size=5), program=merges)
def test_nothing_is_lost(contents: list[tuple[int, int, list[int]]], program: list[tuple[int, int]]) -> None:
    parts = {n: {n} for n in range(1, 6)}
    with open_desk(Config(database=DatabaseSection(url="memory:"), notifiers=())) as desk:
        for n, (comments, tasks, minutes) in enumerate(contents, 1):
            desk.tickets.create(f"ticket {n}", watchers=[f"w{n}@x.org"], requested_by=f"r{n}@x.org", action_by=ANN)
            for _ in range(comments):
                desk.comments.add_comment(n, "hello", commented_by=BOB)
            for _ in range(tasks):
                desk.tasks.add_task(n, "check", action_by=BOB)
            for one in minutes:
                desk.time.log_time(n, BOB, one, action_by=BOB)
        for source, target in program:
            if source != target and source in parts and target in parts:
                desk.tickets.merge(source, target, action_by=CY)
                parts[target] |= parts.pop(source)
            else:
                with pytest.raises(RejectedError):
                    desk.tickets.merge(source, target, action_by=CY)
        guids = {ticket.ticket_number: ticket.guid for ticket in desk.queries.get_tickets_by_filter()}
        for n, of in parts.items():
            ticket = desk.tickets.read(n)
            assert len(desk.comments.get_comments(n)) == sum(contents[one - 1][0] for one in of)
            assert len(desk.tasks.get_tasks(n)) == sum(contents[one - 1][1] for one in of)
            assert desk.time.get_total_time(n) == sum(sum(contents[one - 1][2]) for one in of)
            assert set(ticket.merged_guids) == {guids[one] for one in of if one != n}
            others = {f"{letter}{one}@x.org" for one in of for letter in "wr"} - {f"r{n}@x.org"}
            assert set(ticket.watchers) == others
        assert [problem for n in guids for problem in desk.queries.verify_history(n)] == []
