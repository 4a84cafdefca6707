"""Questions about tickets, on both stores: lists, counts, filters, sorting, exact paging, and the audit trail."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import SlaSection, Targets
from ticketcore.desk import Desk
from ticketcore.domain.history import erase
from ticketcore.domain.ticket import Priority, Status, Ticket, TicketType
from ticketcore.errors import NotFoundError, RejectedError

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ANN = "ann@example.com"
BOB = "bob@example.com"
SORTS: dict[str, Callable[[Ticket], Any]] = {
    "number": lambda t: (t.ticket_number,),
    "created": lambda t: (t.created_date, t.ticket_number),
    "updated": lambda t: (t.updated_date, t.ticket_number),
    "due": lambda t: (t.sla_resolution_deadline, t.ticket_number),
    "priority": lambda t: (list(Priority).index(t.priority), t.ticket_number),
}
WAYS = [*SORTS, *(f"-{name}" for name in SORTS)]


def new(desk: Desk, subject: str = "Printer", **values: Any) -> Ticket:
    return desk.tickets.create(subject, requested_by_type="SYSTEM", action_by="test", **values)


def walk(desk: Desk, ticket: Ticket, *statuses: str) -> Ticket:
    for status in statuses:
        ticket = desk.tickets.change_status(ticket.guid, status, action_by=BOB)
    return ticket


def numbers(tickets: Iterable[Ticket]) -> list[int]:
    return [ticket.ticket_number for ticket in tickets]


ROADS: dict[str, tuple[str, ...]] = {
    "NEW": (),
    "TRIAGED": ("TRIAGED",),
    "IN_PROGRESS": ("TRIAGED", "IN_PROGRESS"),
    "ON_HOLD": ("TRIAGED", "IN_PROGRESS", "ON_HOLD"),
    "ESCALATED": ("ESCALATED",),
    "RESOLVED": ("TRIAGED", "IN_PROGRESS", "RESOLVED"),
    "CLOSED": ("TRIAGED", "IN_PROGRESS", "RESOLVED", "CLOSED"),
    "CANCELLED": ("CANCELLED",),
}


@pytest.fixture
def one_of_each(desk: Desk) -> dict[str, Ticket]:
    """Return a ticket in each status."""
    return {status: walk(desk, new(desk, status), *road) for status, road in ROADS.items()}


# Open, unassigned, by assignee.


def test_open_are_all_but_the_finished_by_number(desk: Desk, one_of_each: dict[str, Ticket]) -> None:
    found = desk.queries.get_open_tickets()
    assert [ticket.status for ticket in found] == ["NEW", "TRIAGED", "IN_PROGRESS", "ON_HOLD", "ESCALATED"]
    assert numbers(found) == sorted(numbers(found))
    assert found == [one_of_each[ticket.status] for ticket in found]


def test_open_of_a_package(desk: Desk) -> None:
    other = new(desk, package="SHOP")
    mine = new(desk)
    assert desk.queries.get_open_tickets("SHOP") == [other]
    assert desk.queries.get_open_tickets("CORE") == [mine]
    assert desk.queries.get_open_tickets("NONE") == []
    assert desk.queries.get_open_tickets() == [other, mine]


def test_unassigned_are_active_and_nobodys(desk: Desk) -> None:
    free, other = new(desk), new(desk, package="SHOP")
    new(desk, assigned_to="somebody")
    walk(desk, new(desk), "CANCELLED")
    assert desk.queries.get_unassigned_tickets() == [free, other]
    assert desk.queries.get_unassigned_tickets("SHOP") == [other]
    desk.tickets.assign(free.guid, BOB, action_by=ANN)
    assert desk.queries.get_unassigned_tickets("CORE") == []


def test_address_login_and_guid_find_the_same_tickets(desk: Desk) -> None:
    early = [new(desk, assigned_to="bob"), new(desk, assigned_to=BOB)]  # before anybody knew who that is
    bob = desk.people.add_person("Bob", BOB, "bob")
    late = [new(desk, assigned_to=text) for text in ("bob", BOB, bob.person_guid)]
    assert {ticket.assigned_to for ticket in late} == {bob.person_guid}
    walk(desk, new(desk, assigned_to="bob"), "CANCELLED")
    new(desk, assigned_to=ANN)
    for name in (BOB, BOB.upper(), "bob", f" {BOB} ", bob.person_guid):
        assert desk.queries.get_tickets_by_assignee(name) == [*early, *late], name
        assert len(desk.queries.get_tickets_by_filter(assignee=name)) == 6, name


def test_an_assignee_who_is_no_known_person_is_found_by_the_text(desk: Desk) -> None:
    ticket = new(desk, assigned_to="night shift")
    assert desk.queries.get_tickets_by_assignee("night shift") == [ticket]
    assert desk.queries.get_tickets_by_assignee("day shift") == []


@pytest.mark.parametrize("empty", ["", "  "], ids=["empty", "blank"])
def test_an_empty_assignee_is_refused(desk: Desk, empty: str) -> None:
    with pytest.raises(RejectedError, match="get_unassigned_tickets"):
        desk.queries.get_tickets_by_assignee(empty)


# Overdue and breaches.


def test_overdue_after_the_deadline_not_at_it(desk: Desk, clock: PlayedClock) -> None:
    ticket = new(desk, priority="CRITICAL")
    other = new(desk, priority="CRITICAL", package="SHOP")
    new(desk, priority="INFO")
    clock.advance(minutes=15)
    assert desk.queries.get_overdue_tickets() == []
    clock.advance(microseconds=1)
    assert desk.queries.get_overdue_tickets() == [ticket, other]
    assert desk.queries.get_overdue_tickets("SHOP") == [other]


@pytest.mark.parametrize("end", ["RESOLVED", "CLOSED", "CANCELLED"])
def test_what_is_finished_is_not_overdue(desk: Desk, clock: PlayedClock, end: str) -> None:
    ticket = new(desk, priority="CRITICAL")
    clock.advance(hours=9)
    walk(desk, ticket, *ROADS[end])
    assert desk.queries.get_overdue_tickets() == []
    assert desk.queries.get_sla_breach_count() == 1


def test_on_hold_nothing_becomes_overdue(desk: Desk, clock: PlayedClock) -> None:
    ticket = walk(desk, new(desk, priority="CRITICAL"), "TRIAGED", "IN_PROGRESS")
    clock.advance(hours=1)
    held = walk(desk, ticket, "ON_HOLD")
    clock.advance(hours=48)
    assert held.sla_resolution_deadline is not None
    assert held.sla_resolution_deadline < clock.now()
    assert desk.queries.get_overdue_tickets() == []
    assert desk.queries.get_sla_breach_count() == 0
    resumed = walk(desk, ticket, "IN_PROGRESS")
    assert resumed.sla_resolution_deadline == START + timedelta(hours=52)
    assert desk.queries.get_overdue_tickets() == []
    clock.advance(hours=4)
    assert desk.queries.get_overdue_tickets() == [resumed]


def test_what_was_overdue_before_the_hold_stays_so(desk: Desk, clock: PlayedClock) -> None:
    ticket = walk(desk, new(desk, priority="CRITICAL"), "TRIAGED", "IN_PROGRESS")
    clock.advance(hours=5)
    held = walk(desk, ticket, "ON_HOLD")
    assert desk.queries.get_overdue_tickets() == [held]
    clock.advance(hours=48)
    assert desk.queries.get_overdue_tickets() == [held]
    assert desk.queries.get_sla_breach_count() == 1


def test_breaches_are_late_answers_late_solutions_and_what_is_owed(desk: Desk, clock: PlayedClock) -> None:
    in_time = new(desk, priority="CRITICAL")
    walk(desk, in_time, *ROADS["RESOLVED"])
    late_answer = new(desk, priority="CRITICAL")
    late_solution = walk(desk, new(desk, priority="CRITICAL", package="SHOP"), "TRIAGED", "IN_PROGRESS")
    assert desk.queries.get_sla_breach_count() == 0
    clock.advance(minutes=20)
    owed = new(desk, priority="CRITICAL")
    assert desk.queries.get_sla_breach_count() == 1  # the answer is owed
    assert walk(desk, late_answer, *ROADS["RESOLVED"]).sla_response_met is False
    assert desk.queries.get_sla_breach_count() == 1  # given too late
    clock.advance(hours=5)
    assert walk(desk, late_solution, "RESOLVED").sla_resolution_met is False
    assert desk.queries.get_overdue_tickets() == [owed]
    assert desk.queries.get_sla_breach_count() == 3
    assert desk.queries.get_sla_breach_count("SHOP") == 1
    assert desk.queries.get_sla_breach_count("NONE") == 0


# The summary.


def test_summary_has_zeros_in_the_order_of_the_workflow(desk: Desk) -> None:
    empty = desk.queries.get_status_summary()
    assert list(empty.items()) == [(status.value, 0) for status in Status]
    walk(desk, new(desk), "TRIAGED")
    new(desk)
    new(desk, package="SHOP")
    assert desk.queries.get_status_summary() == empty | {"NEW": 2, "TRIAGED": 1}
    assert desk.queries.get_status_summary("SHOP") == empty | {"NEW": 1}
    assert list(desk.queries.get_status_summary()) == list(empty)


# Filters.


def test_filter_by_status(desk: Desk, one_of_each: dict[str, Ticket]) -> None:
    find = desk.queries.get_tickets_by_filter
    for status, ticket in one_of_each.items():
        assert find(status=status) == [ticket]
    assert find(status=["CLOSED", "NEW"]) == [one_of_each["NEW"], one_of_each["CLOSED"]]
    assert find(status=iter({"CLOSED", "NEW"})) == [one_of_each["NEW"], one_of_each["CLOSED"]]
    assert find(status=[]) == []
    assert find() == list(one_of_each.values())


def test_filters_add_up(desk: Desk) -> None:
    find = desk.queries.get_tickets_by_filter
    a = new(desk, priority="HIGH", project="web", ticket_type="BUG", assigned_to=BOB)
    b = new(desk, priority="HIGH", project="web", ticket_type="FEATURE", package="SHOP")
    c = new(desk, priority="LOW", ticket_type="BUG", assigned_to=ANN)
    assert find(priority="HIGH") == [a, b]
    assert find(priority=["LOW", "HIGH"]) == [a, b, c]
    assert find(project="web") == [a, b]
    assert find(project="") == [c]
    assert find(ticket_type="BUG") == [a, c]
    assert find(ticket_type=["FEATURE", "USER"]) == [b]
    assert find(assignee=BOB) == [a]
    assert find(assignee="") == [b]
    assert find("SHOP") == [b]
    assert find("CORE", "NEW", "HIGH", BOB, project="web", ticket_type="BUG") == [a]
    assert find("CORE", "NEW", "LOW", BOB) == []


def test_created_after_includes_and_before_excludes(desk: Desk, clock: PlayedClock) -> None:
    find = desk.queries.get_tickets_by_filter
    first = new(desk)
    clock.set(START.replace(day=3, hour=0))
    second = new(desk)
    clock.advance(seconds=1)
    third = new(desk)
    for midnight in ("2026-03-03", date(2026, 3, 3), START.replace(day=3, hour=0), "2026-03-03T00:00:00+00:00"):
        assert find(created_after=midnight) == [second, third]
        assert find(created_before=midnight) == [first]
    assert find(created_after=START, created_before=clock.now()) == [first, second]
    assert find(created_after="2026-03-04") == []


def test_a_date_begins_in_the_configured_zone(
    make_desk: Callable[..., Desk], store_url: str, clock: PlayedClock
) -> None:
    desk = make_desk(store_url, timezone="Europe/Berlin")
    clock.set(datetime(2026, 3, 2, 22, 59, 59, tzinfo=UTC))
    before = new(desk)
    clock.advance(seconds=1)
    after = new(desk)
    assert desk.queries.get_tickets_by_filter(created_after="2026-03-03") == [after]
    assert desk.queries.get_tickets_by_filter(created_before="2026-03-03") == [before]


@pytest.mark.parametrize(
    ("field", "known"),
    [("status", tuple(Status)), ("priority", tuple(Priority)), ("ticket_type", tuple(TicketType))],
    ids=["status", "priority", "type"],
)
def test_unknown_values_are_all_named_with_all_that_are_known(desk: Desk, field: str, known: tuple[str, ...]) -> None:
    with pytest.raises(RejectedError) as caught:
        desk.queries.get_tickets_by_filter(**{field: [known[0], "NOPE", "new"]})  # type: ignore[arg-type]
    assert [problem.field for problem in caught.value.problems] == [field, field]
    for problem, wrong in zip(caught.value.problems, ("NOPE", "new"), strict=True):
        assert repr(wrong) in problem.message
        assert problem.message.endswith(", ".join(known))


@pytest.mark.parametrize("sort", ["", "-", "subject", "--number", "Number", "ticket_number"])
def test_an_unknown_sort_is_refused_with_all_that_are_known(desk: Desk, sort: str) -> None:
    with pytest.raises(RejectedError) as caught:
        desk.queries.get_tickets_by_filter(sort=sort)
    (problem,) = caught.value.problems
    assert problem.field == "sort"
    assert ", ".join(SORTS) in problem.message


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(desk: Desk, limit: int) -> None:
    with pytest.raises(RejectedError) as caught:
        desk.queries.get_tickets_by_filter(limit=limit)
    assert [problem.field for problem in caught.value.problems] == ["limit"]


@pytest.mark.parametrize("field", ["created_after", "created_before"])
def test_a_wrong_date_is_refused(desk: Desk, field: str) -> None:
    with pytest.raises(RejectedError) as caught:
        desk.queries.get_tickets_by_filter(**{field: "tomorrow"})  # type: ignore[arg-type]
    assert [problem.field for problem in caught.value.problems] == [field]


# Sorting and paging.


@pytest.fixture
def many(make_desk: Callable[..., Desk], store_url: str, clock: PlayedClock) -> Desk:
    """Return a desk of 17 tickets: instants, deadlines and priorities several times each, some without deadline."""
    defaults = {
        Priority.CRITICAL: Targets(response=10, resolution=120),
        Priority.HIGH: Targets(response=10, resolution=120),
        Priority.MEDIUM: Targets(response=10, resolution=60),
    }
    desk = make_desk(store_url, sla=SlaSection(defaults=defaults))
    made = []
    for i in range(17):
        if i % 4 == 0:
            clock.advance(minutes=60)
        made.append(new(desk, f"Ticket {i}", priority=list(Priority)[(i * 3) % 5]))
    for i in (9, 2, 14, 5, 11):
        if i != 14:
            clock.advance(minutes=1)
        desk.tickets.update(made[i].guid, subject="changed", action_by=ANN)
    return desk


def in_order(tickets: list[Ticket], sort: str) -> list[Ticket]:
    """Return ``tickets`` sorted in Python; those without a deadline last, whichever the direction."""
    name, reverse = sort.removeprefix("-"), sort.startswith("-")
    ended = [t for t in tickets if name != "due" or t.sla_resolution_deadline is not None]
    without = [t for t in tickets if t not in ended]
    without.sort(key=lambda t: t.ticket_number, reverse=reverse)
    return sorted(ended, key=SORTS[name], reverse=reverse) + without


@pytest.mark.parametrize("sort", WAYS)
def test_every_sort_both_ways(many: Desk, sort: str) -> None:
    everything = many.queries.get_tickets_by_filter()
    assert numbers(everything) == list(range(everything[0].ticket_number, everything[0].ticket_number + 17))
    assert sum(ticket.sla_resolution_deadline is None for ticket in everything) > 4
    assert numbers(many.queries.get_tickets_by_filter(sort=sort)) == numbers(in_order(everything, sort))


@pytest.mark.parametrize("size", [1, 4, 17])
@pytest.mark.parametrize("sort", WAYS)
def test_the_pages_together_are_the_whole_list(many: Desk, sort: str, size: int) -> None:
    pages: list[Ticket] = []
    page = many.queries.get_tickets_by_filter(sort=sort, limit=size)
    while page:
        assert len(page) <= size
        pages += page
        assert len(pages) <= 17
        page = many.queries.get_tickets_by_filter(sort=sort, limit=size, after=page[-1])
    assert pages == many.queries.get_tickets_by_filter(sort=sort)


@pytest.mark.parametrize("sort", WAYS)
def test_pages_of_a_filter_go_on_behind_a_number_or_guid_too(many: Desk, sort: str) -> None:
    whole = many.queries.get_tickets_by_filter(priority=["LOW", "HIGH"], sort=sort)
    assert len(whole) > 4
    for place, ticket in enumerate(whole, 1):
        for reference in (ticket, ticket.guid, ticket.ticket_number, str(ticket.ticket_number)):
            rest = many.queries.get_tickets_by_filter(priority=["LOW", "HIGH"], sort=sort, after=reference)
            assert rest == whole[place:]


def test_a_page_goes_on_exactly_behind_a_record_that_has_moved_since(many: Desk, clock: PlayedClock) -> None:
    whole = many.queries.get_tickets_by_filter(sort="updated")
    clock.advance(hours=1)
    moved = many.tickets.update(whole[4].guid, subject="moved", action_by=ANN)
    rest = many.queries.get_tickets_by_filter(sort="updated", after=whole[4])
    assert rest == [*whole[5:], moved]
    assert many.queries.get_tickets_by_filter(sort="updated", after=moved.guid) == []


def test_there_is_no_page_behind_an_unknown_ticket(desk: Desk) -> None:
    with pytest.raises(NotFoundError):
        desk.queries.get_tickets_by_filter(after=4711)


# The audit trail.


@pytest.fixture
def told(desk: Desk, clock: PlayedClock) -> Ticket:
    return tell(desk, clock)


def tell(desk: Desk, clock: PlayedClock) -> Ticket:
    ticket = new(desk)
    clock.advance(minutes=1)
    desk.tickets.assign(ticket.guid, BOB, action_by=ANN)
    desk.tickets.update(ticket.guid, subject="Scanner", priority="HIGH", action_by=ANN)
    desk.comments.add_comment(ticket.guid, "On my way", commented_by=BOB)
    clock.advance(minutes=1)
    return desk.tickets.change_status(ticket.guid, "TRIAGED", action_by=BOB, notes="looks easy")


def test_history_is_in_order_and_verifies(desk: Desk, told: Ticket) -> None:
    new(desk, "another one")
    rows = desk.queries.get_history(told)
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert [row.action for row in rows] == [
        "CREATED",
        "ASSIGNED",
        "UPDATED",
        "UPDATED",
        "COMMENT_ADDED",
        "STATUS_CHANGE",
    ]
    assert {row.ticket_guid for row in rows} == {told.guid}
    assert [row.action_date for row in rows] == sorted(row.action_date for row in rows)
    assert [row.prev_hash for row in rows] == ["", *(row.hash for row in rows[:-1])]
    assert (rows[-1].old_value, rows[-1].new_value, rows[-1].note) == ("NEW", "TRIAGED", "looks easy")
    assert desk.queries.verify_history(told) == []
    assert desk.queries.get_history(told.guid) == desk.queries.get_history(told.ticket_number) == rows


def test_there_is_no_history_of_an_unknown_ticket(desk: Desk) -> None:
    for ask in (desk.queries.get_history, desk.queries.verify_history):
        with pytest.raises(NotFoundError):
            ask(4711)


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE data_ticket_history SET NewValue = 'CLOSED' WHERE Seq = 6", 6),
        ("UPDATE data_ticket_history SET OldValue = 'RESOLVED' WHERE Seq = 6", 6),
        ("UPDATE data_ticket_history SET NewValue = NULL WHERE Seq = 6", 6),
        ("UPDATE data_ticket_history SET Note = '' WHERE Seq = 6", 6),
        ("UPDATE data_ticket_history SET ActionBy = 'eve' WHERE Seq = 2", 2),
        ("UPDATE data_ticket_history SET Action = 'UPDATED' WHERE Seq = 2", 2),
        ("UPDATE data_ticket_history SET Field = 'project' WHERE Seq = 3", 3),
        ("UPDATE data_ticket_history SET Package = 'SHOP' WHERE Seq = 1", 1),
        ("UPDATE data_ticket_history SET Salt = 'ab' WHERE Seq = 6", 6),
        ("UPDATE data_ticket_history SET Hash = PrevHash WHERE Seq = 3", 3),
        (
            "UPDATE data_ticket_history SET ActionDate = (SELECT min(CreatedDate) FROM data_ticket) WHERE Seq = 6",
            6,
        ),
        ("DELETE FROM data_ticket_history WHERE Seq = 1", 1),
        ("DELETE FROM data_ticket_history WHERE Seq = 4", 4),
    ],
    ids=[
        "new",
        "old",
        "null",
        "note",
        "actor",
        "action",
        "field",
        "package",
        "salt",
        "hash",
        "date",
        "first",
        "middle",
    ],
)
def test_tampering_in_the_file_is_noticed(
    sqlite_desk: Desk, sqlite_file: Path, clock: PlayedClock, statement: str, row: int
) -> None:
    ticket = tell(sqlite_desk, clock)
    assert sqlite_desk.queries.verify_history(ticket) == []
    with closing(sqlite3.connect(sqlite_file)) as database, database:
        assert database.execute(statement).rowcount == 1
    problems = sqlite_desk.queries.verify_history(ticket)
    assert problems
    assert problems[0].startswith(f"row {row} ")


def test_an_erased_value_is_gone_and_the_chain_still_verifies(desk: Desk, told: Ticket) -> None:
    with desk.repository.transaction() as tx:
        for row in desk.queries.get_history(told):
            if row.action in {"UPDATED", "STATUS_CHANGE"}:
                tx.save(erase(row))
    rows = desk.queries.get_history(told)
    assert desk.queries.verify_history(told) == []
    assert [row.salt == "" for row in rows] == [False, False, True, True, False, True]
    assert "looks easy" not in repr(rows)
    assert "Scanner" not in repr(rows)
    assert rows[-1].note.startswith("erased:")


def test_a_forged_erasure_is_noticed(desk: Desk, told: Ticket) -> None:
    rows = desk.queries.get_history(told)
    with desk.repository.transaction() as tx:
        tx.save(erase(evolve(rows[-1], new_value="CLOSED")))
    assert desk.queries.verify_history(told) == ["row 6 (STATUS_CHANGE) was changed after it was written"]


def test_the_trail_goes_on_behind_an_erased_row(desk: Desk, told: Ticket) -> None:
    with desk.repository.transaction() as tx:
        tx.save(erase(desk.queries.get_history(told)[2]))  # the old subject
    desk.tickets.update(told.guid, project="web", action_by=ANN)
    assert len(desk.queries.get_history(told)) == 7
    assert desk.queries.verify_history(told) == []
