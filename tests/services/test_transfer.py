"""Tickets out of one store and into another: nothing is lost, nothing is doubled, and what is wrong is refused."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.engine import Engine

from ticketcore import Problem, hookimpl, open_desk
from ticketcore.adapters.keys import TemporaryKeys
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, EmailSection, SchedulerSection
from ticketcore.desk import Desk
from ticketcore.domain.bundle import PARTS, Bundle, bundle_problems
from ticketcore.domain.history import seal
from ticketcore.domain.query import Order, Query
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import LinkType
from ticketcore.errors import ForbiddenError, RejectedError, TicketcoreError
from ticketcore.ports.keys import Tie
from ticketcore.serde import to_plain
from ticketcore.services.import_lines import LONGEST_LINE
from ticketcore.services.importing import BATCH
from ticketcore.testing.records import (
    HARD_LINES,
    HARD_TEXT,
    hard_records,
    make_history_entry,
    make_link,
    make_task,
    make_ticket,
)

ANN, BOB = "ann@example.com", "bob@example.com"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PULL_REQUEST = Path(__file__).parents[1] / "data" / "pull_requests" / "github_rest.json"
HEADER = '{"format":"ticketcore-tickets","version":1}\n'
MakeDesk = Callable[..., Desk]


def lines_of(desk: Desk, **filters: Any) -> bytes:
    """Return the file that an export makes."""
    file = io.BytesIO()
    desk.transfer.write_lines(file, **filters)
    return file.getvalue()


def take(desk: Desk, *parts: str | bytes | Mapping[str, Any], **options: Any) -> Any:
    """Import a file that is made of ``parts``: text, and objects that are a line each."""
    texts = [f"{json.dumps(part)}\n" if isinstance(part, Mapping) else part for part in parts]
    content = b"".join(text.encode() if isinstance(text, str) else text for text in texts)
    return desk.transfer.import_tickets(io.BytesIO(content), action_by=ANN, **options)


def refused(desk: Desk, *parts: str | bytes | Mapping[str, Any], **options: Any) -> list[str]:
    """Return why a file is refused, after which nothing is in the store that was not there."""
    before = contents(desk)
    with pytest.raises(RejectedError) as caught:
        take(desk, *parts, **options)
    assert contents(desk) == before
    return [str(problem) for problem in caught.value.problems]


def contents(desk: Desk) -> dict[str, list[Any]]:
    """Return every ticket, and everything below any of them."""
    with desk.repository.transaction(read_only=True) as tx:
        found: dict[str, list[Any]] = {"tickets": tx.find(Query(Ticket, order=(Order("guid"),)))}
        return found | {name: tx.find(Query(part.kind, order=(Order(part.key),))) for name, part in PARTS.items()}


def objects(desk: Desk, **filters: Any) -> list[dict[str, Any]]:
    return list(desk.transfer.export_tickets(**filters))


def fill(desk: Desk, clock: PlayedClock) -> None:
    """Make tickets that have something of everything."""
    desk.people.add_person("Ann Example", ANN, username="ann")
    desk.tickets.create(
        HARD_TEXT,
        description=HARD_LINES,
        project=HARD_TEXT,
        watchers=["zoë@example.com", BOB],
        eta_date="2026-05-01",
        assigned_to="ann",
        action_by=BOB,
    )
    for number in range(2, 6):
        clock.advance(minutes=7)
        desk.tickets.create(f"ticket {number}", requested_by=BOB, requested_by_type="EMAIL", action_by=ANN)
    desk.comments.add_comment(1, HARD_LINES, commented_by=ANN)
    desk.comments.add_comment(1, "for staff", commented_by=ANN, is_internal=True)
    task = desk.tasks.add_task(1, HARD_TEXT.strip(), HARD_LINES, ANN, action_by=BOB)
    desk.tasks.complete_task(task.guid, action_by=ANN)
    desk.pull_requests.link_pull_request(1, "12", "acme/shop", action_by=ANN)
    desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    desk.links.add_link(4, 1, "PARENT_OF", created_by=ANN)
    desk.time.log_time(1, ANN, start_time="2026-03-02T08:00Z", end_time="2026-03-02T08:20Z", action_by=ANN)
    desk.signoffs.request_signoff(1, [ANN, BOB], requested_by=BOB)
    desk.signoffs.sign_off(1, ANN, approved=False, note=HARD_LINES)
    desk.tickets.add_analysis(1, HARD_LINES, action_by=ANN)
    desk.tickets.set_work_score(1, 13, action_by=ANN)
    desk.tickets.update(1, priority="CRITICAL", subject="changed", action_by=ANN)
    desk.versions.restore_version(1, 2, action_by=BOB)
    desk.tickets.change_status(2, "TRIAGED", action_by=ANN)
    desk.tickets.change_status(2, "IN_PROGRESS", action_by=ANN)
    desk.tickets.change_status(2, "ON_HOLD", action_by=ANN, notes=HARD_LINES)
    clock.advance(days=3)
    desk.tickets.escalate(3, action_by=ANN, reason="late")
    desk.tickets.merge(5, 4, action_by=ANN)
    desk.tickets.create_from_pr(PULL_REQUEST.read_bytes(), action_by=BOB)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, datetime]:
    """Return a store with something of everything, and when it was last changed."""
    file = tmp_path_factory.mktemp("filled") / "full.db"
    clock = PlayedClock(START)
    with open_desk(Config(database=DatabaseSection(url=f"sqlite:///{file}"), notifiers=()), clock=clock) as desk:
        fill(desk, clock)
    return file.read_bytes(), clock.now()


@pytest.fixture
def full(make_desk: MakeDesk, clock: PlayedClock, tmp_path: Path, filled: tuple[bytes, datetime]) -> Desk:
    """Return a desk with something of everything, on a store of its own."""
    file = tmp_path / "full.db"
    content, now = filled
    file.write_bytes(content)
    clock.set(now)
    return make_desk(f"sqlite:///{file}", notifiers=())


@pytest.fixture
def full_lines(full: Desk) -> bytes:
    return lines_of(full)


# There and back.


def test_a_round_trip_keeps_every_field_of_every_record(full: Desk, full_lines: bytes, desk: Desk) -> None:
    everything = contents(full)
    assert all(everything.values())
    report = take(desk, full_lines)
    assert (report.created, report.present, report.links) == (6, 0, len(everything["links"]))
    assert (report.renumbered, report.warnings[1:], report.complete) == ((), (), True)
    assert contents(desk) == everything
    assert lines_of(desk) == full_lines
    for ticket in everything["tickets"]:
        assert desk.queries.verify_history(ticket.guid) == []
        assert desk.versions.list_versions(ticket.guid) == full.versions.list_versions(ticket.guid)
        assert desk.links.get_links(ticket.guid) == full.links.get_links(ticket.guid)


def test_what_was_imported_goes_on_like_any_other_ticket(full_lines: bytes, desk: Desk) -> None:
    take(desk, full_lines)
    desk.tickets.change_status(2, "IN_PROGRESS", action_by=ANN)
    desk.comments.add_comment(1, "goes on", commented_by=BOB)
    assert [desk.queries.verify_history(number) for number in (1, 2)] == [[], []]
    assert [ticket.ticket_number for ticket in desk.queries.search("goes")] == [1]
    assert [ticket.ticket_number for ticket in desk.queries.search("staff", internal=True)] == [1]
    with pytest.raises(RejectedError, match="was merged into ticket 4"):
        desk.tickets.close(5, action_by=ANN)


AS_STORED: Mapping[str, Mapping[str, Any]] = {
    "comments": {"commented_by": ANN},
    "tasks": {
        **dict.fromkeys(("name", "assigned_to", "pr_id", "pr_repo"), "Zoë's 日本語"),
        "pr_url": "https://a.example/é",
    },
    "time_entries": {"person_email": "zoë@example.com", "duration_minutes": 1440},
    "signoffs": {"email": "zoë@example.com", "role": 'Zoë\'s "50 %_"', "requested_by": ANN},
    "versions": {"changed_by": ANN, "changes": json.dumps({"ticket": {"description": [HARD_LINES, ""]}})},
}
"""What the fields of hard records have that hold lines, addresses and JSON."""


def test_a_round_trip_keeps_values_that_are_easily_damaged(desk: Desk, make_desk: MakeDesk, clock: PlayedClock) -> None:
    records = {type(record): record for record in hard_records()}
    clock.advance(days=3)  # what has been is not yet to come
    line = " ".join(HARD_TEXT.split())
    lines = dict.fromkeys(("project", "subject", "requested_by", "assigned_to"), line)
    ticket = evolve(records.pop(Ticket), ticket_number=7, work_score=2**31 - 1, updated_date=clock.now(), **lines)
    other = make_desk("memory:")
    with desk.repository.transaction() as tx:
        tx.add(ticket)
        tx.add(seal(make_history_entry(ticket_guid=ticket.guid, new_value=HARD_LINES, note=HARD_TEXT)))
        for name, more in AS_STORED.items():
            tx.add(evolve(records[PARTS[name].kind], ticket_guid=ticket.guid, **more))
    before = lines_of(desk)
    take(other, before)
    assert lines_of(other) == before
    assert contents(other) == contents(desk)


NUMBERS = st.integers(0, 2**16)


def step(desk: Desk, clock: PlayedClock, place: int, a: int, b: int) -> None:
    """Do something with the tickets of ``desk``: which, and with what, follows from three numbers."""
    texts = ("a", HARD_TEXT, HARD_LINES, "日本語", "=1+1")
    count = max(1, len(desk.queries.get_tickets_by_filter()))
    ticket, other, text = a % count + 1, b % count + 1, texts[b % len(texts)]
    statuses = ("TRIAGED", "IN_PROGRESS", "ON_HOLD", "ESCALATED", "RESOLVED", "CLOSED", "CANCELLED")
    tickets, by = desk.tickets, (ANN, BOB)[a % 2]
    steps: tuple[Callable[[], object], ...] = (
        lambda: tickets.create(text, project=text, watchers=(ANN, BOB)[: b % 3], action_by=by),
        lambda: tickets.change_status(ticket, statuses[b % len(statuses)], action_by=by, notes=text),
        lambda: tickets.update(ticket, subject=text, priority=("HIGH", "INFO")[b % 2], action_by=by),
        lambda: tickets.assign(ticket, (ANN, BOB, text)[b % 3], action_by=by),
        lambda: tickets.set_eta(ticket, "2026-05-01" if b % 2 else None, action_by=by),
        lambda: tickets.merge(ticket, other, action_by=by),
        lambda: tickets.remove_watcher(ticket, ANN, action_by=by),
        lambda: tickets.add_analysis(ticket, text, action_by=by),
        lambda: desk.comments.add_comment(ticket, text, commented_by=by, is_internal=bool(b % 2)),
        lambda: desk.tasks.add_task(ticket, f"task {b}", text, by, action_by=by),
        lambda: desk.tasks.complete_task(desk.tasks.get_tasks(ticket)[0].guid, action_by=by),
        lambda: desk.links.add_link(ticket, other, ("BLOCKS", "RELATES_TO", "PARENT_OF")[b % 3], created_by=by),
        lambda: desk.links.remove_link(desk.links.get_links(ticket)[0].link_guid, action_by=by),
        lambda: desk.time.log_time(ticket, by, b % 100, text, action_by=by),
        lambda: desk.signoffs.request_signoff(ticket, [ANN, BOB][: b % 2 + 1], requested_by=by),
        lambda: desk.signoffs.sign_off(ticket, by, approved=bool(b % 2), note=text),
        lambda: desk.pull_requests.link_pull_request(ticket, b % 3, "acme/shop", action_by=by),
        lambda: desk.versions.restore_version(ticket, b % 4 + 1, action_by=by),
        lambda: clock.advance(hours=b % 50),
    )
    with suppress(TicketcoreError, IndexError):  # not every ticket can do everything
        steps[place % len(steps)]()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=40))
def test_a_round_trip_of_any_life_gives_the_same_file(drawn: list[tuple[int, int, int]]) -> None:
    clock = PlayedClock(START)
    config = Config(database=DatabaseSection(url="memory:"), notifiers=(), scheduler=SchedulerSection(inline=False))
    with open_desk(config, clock=clock) as desk, open_desk(config, clock=clock) as other:
        for _ in range(2):
            desk.tickets.create("ticket", action_by=ANN)
        for one in drawn:
            step(desk, clock, *one)
        before = lines_of(desk)
        take(other, before)
        assert lines_of(other) == before
        assert contents(other) == contents(desk)
        assert all(desk.queries.verify_history(ticket) == [] for ticket in other.queries.get_tickets_by_filter())


def test_a_file_has_a_header_and_one_ticket_in_each_line(full_lines: bytes) -> None:
    header, *tickets = map(json.loads, full_lines.splitlines())
    assert header == {"format": "ticketcore-tickets", "version": 1}
    assert [one["ticket"]["ticket_number"] for one in tickets] == [1, 2, 3, 4, 5, 6]
    assert set(tickets[0]) == {"ticket", *PARTS}
    assert tickets[0]["ticket"]["created_date"] == "2026-03-02T08:00:00+00:00"


def test_an_export_takes_the_filters_of_a_list(full: Desk) -> None:
    def numbers(**filters: Any) -> list[int]:
        return [one["ticket"]["ticket_number"] for one in objects(full, **filters)]

    assert numbers() == [1, 2, 3, 4, 5, 6]
    assert numbers(status="ESCALATED") == [3]
    assert numbers(status=iter(["ESCALATED", "ON_HOLD"])) == [2, 3]
    assert numbers(package="IT") == []
    assert numbers(assignee=ANN) == [1]
    assert numbers(created_after="2026-03-03") == [6]
    assert numbers(search="goes") == []
    with pytest.raises(RejectedError, match="'LOST' is not known"):
        objects(full, status="LOST")


def test_an_export_is_of_one_moment(sqlite_desk: Desk) -> None:
    for number in range(BATCH + 2):
        sqlite_desk.tickets.create(f"ticket {number}", action_by=ANN)
    last = BATCH + 2
    exported = sqlite_desk.transfer.export_tickets()
    first = next(exported)
    sqlite_desk.tickets.merge(1, last, action_by=ANN)
    sqlite_desk.tickets.create("too late", action_by=ANN)
    rest = list(exported)
    assert first["ticket"]["status"] == rest[-1]["ticket"]["status"] == "NEW"
    assert (len(rest), rest[-1]["ticket"]["merged_guids"]) == (last - 1, [])


def test_a_page_of_an_export_takes_a_fixed_number_of_statements(sqlite_desk: Desk) -> None:
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    def count() -> int:
        statements.clear()
        event.listen(Engine, "before_cursor_execute", note)
        try:
            objects(sqlite_desk)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        return len(statements)

    for number in (1, 2):
        sqlite_desk.tickets.create(f"ticket {number}", action_by=ANN)
    few = count()
    sqlite_desk.links.add_link(1, 2, "BLOCKS", created_by=ANN)
    for number in range(3, 40):
        sqlite_desk.tickets.create(f"ticket {number}", action_by=ANN)
        sqlite_desk.comments.add_comment(number, "hello", commented_by=ANN)
    assert count() == few


# What is there already, and numbers.


def test_importing_a_file_again_changes_nothing(full_lines: bytes, desk: Desk) -> None:
    take(desk, full_lines)
    before = contents(desk)
    report = take(desk, full_lines)
    assert (report.created, report.present, report.links) == (0, 6, 0)
    assert contents(desk) == before


def test_a_ticket_that_is_there_and_differs_is_refused(full_lines: bytes, desk: Desk) -> None:
    take(desk, full_lines)
    guid = desk.tickets.read(3).guid
    desk.tickets.update(3, subject="another", action_by=ANN)
    desk.comments.add_comment(3, "an answer, too late", commented_by=ANN)
    (problem,) = refused(desk, full_lines)
    assert problem == (
        f"line 4: ticket {guid}: is here already as ticket 3, and differs: "
        "comments, history, row_version, sla_response_met, subject, versions"
    )


def test_numbers_go_on_above_the_highest_one_that_was_imported(desk: Desk, make_desk: MakeDesk) -> None:
    other = make_desk("memory:")
    with other.repository.transaction() as tx:
        ticket = tx.add(make_ticket(ticket_number=4711, created_date=START, updated_date=START))
        tx.add(seal(make_history_entry(ticket_guid=ticket.guid, action_date=START)))
    take(desk, lines_of(other))
    assert desk.tickets.create("next", action_by=ANN).ticket_number == 4712


def test_a_number_that_is_taken_is_refused(full_lines: bytes, desk: Desk) -> None:
    mine = desk.tickets.create("mine", action_by=ANN)
    (problem,) = refused(desk, full_lines)
    assert problem == (
        f"line 2: ticket.ticket_number: 1 is the number of another ticket here ({mine.guid}); "
        "with --renumber this one gets a new number"
    )


def test_only_tickets_whose_number_is_taken_are_renumbered(full: Desk, full_lines: bytes, desk: Desk) -> None:
    desk.tickets.create("mine", action_by=ANN)
    desk.tickets.create("mine too", action_by=ANN)
    report = take(desk, full_lines, renumber=True)
    assert (report.created, report.renumbered) == (6, ((1, 7), (2, 8)))
    for ticket in full.queries.get_tickets_by_filter():
        number = {1: 7, 2: 8}.get(ticket.ticket_number, ticket.ticket_number)
        assert desk.tickets.read(ticket.guid) == evolve(ticket, ticket_number=number)
        assert desk.queries.verify_history(ticket.guid) == []
    assert desk.tickets.create("next", action_by=ANN).ticket_number == 9
    again = take(desk, full_lines, renumber=True)
    assert (again.created, again.present, again.renumbered) == (0, 6, ())


def test_a_number_twice_in_a_file_is_refused_or_renumbered(full: Desk, desk: Desk) -> None:
    one, two = objects(full)[2:4]
    two["ticket"]["ticket_number"] = one["ticket"]["ticket_number"]
    two["links"] = []
    assert refused(desk, HEADER, one, two) == ["line 3: has the same number 3 as line 2"]
    report = take(desk, HEADER, one, two, renumber=True)
    assert report.renumbered == ((3, 4),)


def test_tickets_without_a_number_leave_those_of_others_free(full: Desk, desk: Desk) -> None:
    one, two = objects(full)[2:4]
    two |= {"links": []}
    one["ticket"]["ticket_number"] = 0
    report = take(desk, HEADER, {"subject": "from elsewhere"}, one, two)
    assert (report.created, report.renumbered) == (3, ())
    assert [ticket.subject for ticket in desk.queries.get_tickets_by_filter()] == [
        *("ticket 4", "from elsewhere", "ticket 3"),
    ]
    assert [ticket.ticket_number for ticket in desk.queries.get_tickets_by_filter()] == [4, 5, 6]
    assert take(desk, HEADER, {"subject": "from elsewhere"}, one, two).present == 3


def test_any_number_of_tickets_may_come_without_a_number(full: Desk, desk: Desk) -> None:
    several = objects(full)[2:4]
    for one in several:
        one["links"] = []
        one["ticket"]["ticket_number"] = 0
    report = take(desk, HEADER, *several)
    assert (report.created, report.renumbered) == (2, ())
    assert [ticket.ticket_number for ticket in desk.queries.get_tickets_by_filter()] == [1, 2]


# Links.


def test_links_to_tickets_that_are_nowhere_are_left_out_and_told_of(full: Desk, desk: Desk) -> None:
    first = lines_of(full, assignee=ANN)  # ticket 1 only, which blocks ticket 2
    report = take(desk, first, dry_run=True)
    warning = "1 links lead to tickets that are neither in the file nor here: they are left out"
    assert report.warnings[-1] == warning
    report = take(desk, first)
    assert (report.links, report.warnings[-1]) == (0, warning)
    assert desk.links.get_links(1) == []
    rest = b"".join([HEADER.encode(), *lines_of(full).splitlines(keepends=True)[2:]])
    assert take(desk, rest).links == 1  # of ticket 4, to ticket 1
    assert take(desk, lines_of(full)).links == 1
    assert contents(desk) == contents(full)


def chained(lines: list[dict[str, Any]], *ways: str, link_type: str = "BLOCKS") -> None:
    """Give lines the links that ``ways`` say, each in places: ``0120`` is a cycle of three."""
    for line in lines:
        line["links"] = []
    for start, end in (pair for way in ways for pair in pairwise(map(int, way))):
        guids = [lines[place]["ticket"]["guid"] for place in (start, end)]
        link = make_link(source_guid=guids[0], target_guid=guids[1], link_type=LinkType(link_type))
        lines[start]["links"].append(to_plain(link))


def test_a_link_that_reads_the_same_from_either_end_is_stored_once(full: Desk, desk: Desk) -> None:
    lines = objects(full)
    chained(lines, "010", "23", link_type="RELATES_TO")
    assert take(desk, HEADER, *lines).links == 2
    assert [link.ticket_number for link in desk.links.get_links(1)] == [2]
    chained(lines, "10", "32", link_type="RELATES_TO")
    assert take(desk, HEADER, *lines).links == 0


@pytest.mark.parametrize("dry_run", [True, False])
def test_links_that_would_close_a_cycle_are_refused_before_anything_is_stored(
    full: Desk, desk: Desk, *, dry_run: bool
) -> None:
    lines = objects(full)
    chained(lines, "010")
    assert refused(desk, HEADER, *lines, dry_run=dry_run) == ["line 3: links: would make a cycle: 2 BLOCKS 1 BLOCKS 2"]
    chained(lines, "0120", "0350", "454", link_type="PARENT_OF")
    assert refused(desk, HEADER, *lines, dry_run=dry_run) == [
        "line 4: links: would make a cycle: 3 PARENT_OF 1 PARENT_OF 2 PARENT_OF 3",
        "line 7: links: would make a cycle: 6 PARENT_OF 1 PARENT_OF 4 PARENT_OF 6",
        "line 7: links: would make a cycle: 6 PARENT_OF 5 PARENT_OF 6",
    ]
    chained(lines, "0120", link_type="CAUSES")
    assert take(desk, HEADER, *lines, dry_run=dry_run).created == 6


def test_links_that_would_close_a_cycle_with_those_that_are_stored_are_refused(full: Desk, desk: Desk) -> None:
    lines = objects(full)
    chained(lines, "")
    take(desk, HEADER, *lines)
    one, two, three = (lines[place]["ticket"]["guid"] for place in range(3))
    with desk.repository.transaction() as tx:
        tx.add_many([make_link(source_guid=two, target_guid=three), make_link(source_guid=three, target_guid=one)])
    chained(lines, "01")
    assert refused(desk, HEADER, lines[0], dry_run=True) == [
        "line 2: links: would make a cycle: 1 BLOCKS 2 BLOCKS 3 BLOCKS 1"
    ]


GRAPHS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] != pair[1]), max_size=20)


@given(GRAPHS)
def test_a_cycle_is_found_where_there_is_one(pairs: list[tuple[int, int]]) -> None:
    graph: dict[int, set[int]] = {}
    for source, target in pairs:
        graph.setdefault(target, set()).add(source)
    with TemporaryKeys() as keys:
        for line, (source, target) in enumerate(pairs, 1):
            keys.tie("BLOCKS", Tie(str(source), str(target), line))
            keys.tie("PARENT_OF", Tie("0", "1", line))
        found = list(keys.cycles("BLOCKS"))
        assert list(keys.cycles("PARENT_OF")) == []
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        assert found
    else:
        assert found == []
    for cycle in found:
        assert [tie.target for tie in cycle] == [*(tie.source for tie in cycle[1:]), cycle[0].source]
        assert all((int(tie.source), int(tie.target)) in pairs for tie in cycle)
        assert cycle[0].line == max(tie.line for tie in cycle)


def test_a_long_chain_of_links_is_no_cycle_and_takes_no_time() -> None:
    with TemporaryKeys() as keys:
        for place in range(5000):
            keys.tie("BLOCKS", Tie(f"{place}", f"{place + 1}", place + 1))
        assert list(keys.cycles("BLOCKS")) == []


# Lines of other systems.


def test_lines_of_another_system_become_new_tickets(desk: Desk, clock: PlayedClock) -> None:
    desk.rules.auto_assign_add_rule("CORE", BOB, project="INFRA", action_by=ANN)
    line = {
        "subject": "Disk full",
        "description": "sda1",
        "project": "INFRA",
        "priority": "HIGH",
        "ticket_type": "BUG",
        "requested_by": "Zoë@Example.com",
        "requested_by_type": "EMAIL",
        "watchers": [ANN],
        "eta_date": "2026-05-01",
        "created_date": "2026-02-01T10:00:00+01:00",
    }
    report = take(desk, line, {"subject": "plain", "package": "IT"})
    assert (report.created, report.warnings) == (2, ())
    first, second = desk.queries.get_tickets_by_filter()
    made = datetime(2026, 2, 1, 9, 0, tzinfo=UTC)
    assert (first.subject, first.priority, first.requested_by) == ("Disk full", "HIGH", "zoë@example.com")
    assert (first.created_date, first.updated_date, first.assigned_to) == (made, made, BOB)
    assert first.sla_resolution_deadline == made + timedelta(hours=8)
    assert (second.package, second.requested_by, second.created_date) == ("IT", ANN, START)
    rows = desk.queries.get_history(1)
    assert [(row.action, row.action_by, row.action_date) for row in rows] == [
        ("CREATED", ANN, made),
        ("ASSIGNED", ANN, made),
    ]
    assert [desk.queries.verify_history(number) for number in (1, 2)] == [[], []]


def test_equal_lines_are_as_many_tickets_and_none_of_them_is_doubled(desk: Desk) -> None:
    lines = [{"subject": "Printer"}, {"subject": "Disk"}, {"subject": "Printer"}]
    assert take(desk, *lines).created == 3
    desk.tickets.update(1, subject="Printer, 2nd floor", action_by=ANN)  # it lives on
    report = take(desk, *lines)
    assert (report.created, report.present) == (0, 3)
    report = take(desk, {"subject": "Fan"}, *lines, {"subject": "Printer"})
    assert (report.created, report.present) == (2, 3)


WRONG_LINES: list[tuple[str, list[str]]] = [
    ('{"subject": ""}', ["subject: must not be empty"]),
    (
        '{"subject": "x", "priority": "NOW", "watchers": "ann"}',
        [
            "priority: 'NOW' is not known; choose one of CRITICAL, HIGH, MEDIUM, LOW, INFO",
            "watchers: must be a list of addresses, not str",
        ],
    ),
    ('{"subject": "x", "created_date": "2027-01-01"}', ["created_date: 2027-01-01 is yet to come"]),
    ('{"subject": "x", "created_date": 5}', ["created_date: must be a date in text, not int"]),
    ('{"subject": "x", "created_date": "1. May"}', [r"created_date: '1. May' must be a date such as .*"]),
    ('{"subject": "x", "eta_date": "soon"}', [r"eta_date: 'soon' must be a date such as .*"]),
    ('{"subject": "x", "status": "CLOSED"}', ["status: is not known; known here: subject, description, .*"]),
    ('{"subject": "x", "project": 7}', ["project: must be text, not int"]),
    ('{"name": "x"}', ["is neither a whole ticket, as an export writes it, nor an object with a subject"]),
    ('["x"]', [r"must be an object, \{ … \}"]),
    ("subject,description", [r"is no JSON: Expecting value \(column 1\)"]),
    ('{"subject": NaN}', ["is no JSON: NaN is no value of JSON"]),
    ('{"subject": "\\ud800"}', [r"holds a character that is no text \(NUL or half a surrogate pair\)"]),
    ('{"subject": "\\u0000"}', [r"holds a character that is no text \(NUL or half a surrogate pair\)"]),
    ("[" * 100_000, ["is no .*"]),
    ('{"subject": 1' + "0" * 5000 + "}", ["is no JSON: Exceeds the limit .*"]),
    ('{"format": "csv"}', ["format: must be 'ticketcore-tickets', not 'csv'"]),
    ('{"format": "ticketcore-tickets", "version": "1"}', ["version: must be a whole number from 1 on, not '1'"]),
    ('{"format": "ticketcore-tickets", "version": 2}', ["version: is 2, and this version reads up to 1: use .*"]),
    ('{"ticket": {"guid": "a"}}', ["ticket.package: is missing", "ticket.subject: is missing", ".*", ".*"]),
]


@pytest.mark.parametrize(("line", "problems"), WRONG_LINES, ids=range(len(WRONG_LINES)))
def test_a_wrong_line_is_refused_with_its_number(desk: Desk, line: str, problems: list[str]) -> None:
    found = refused(desk, '{"subject": "right"}\n\n', line, "\n")
    assert len(found) == len(problems)
    for problem, expected in zip(found, problems, strict=True):
        assert re.fullmatch(f"line 3: {expected}", problem), problem


def test_bytes_that_are_no_text_are_refused(desk: Desk) -> None:
    assert refused(desk, b'{"subject": "\xff"}\n') == ["line 1: is no UTF-8 text (byte 14)"]
    assert take(desk, b'\xef\xbb\xbf{"subject": "with a mark"}').created == 1


def test_all_problems_are_told_in_order_and_no_more_than_anybody_reads(desk: Desk) -> None:
    found = refused(desk, *[{"subject": ""} if number % 2 else "no\n" for number in range(BATCH)])
    assert found[:3] == [
        "line 1: is no JSON: Expecting value (column 1)",
        "line 2: subject: must not be empty",
        "line 3: is no JSON: Expecting value (column 1)",
    ]
    assert len(found) == 20
    with pytest.raises(RejectedError, match="nothing was imported, and there may be more problems; correct the file"):
        take(desk, *["no\n"] * 30)


def test_a_file_of_nothing_but_problems_is_not_read_to_its_end(desk: Desk) -> None:
    file = io.BytesIO(b"no\n" * 1000)
    with pytest.raises(RejectedError):
        desk.transfer.import_tickets(file, action_by=ANN)
    assert file.tell() < 100


def test_a_line_that_never_ends_is_refused(desk: Desk) -> None:
    line = b'{"subject": "' + b"x" * LONGEST_LINE + b'"}\n'
    assert refused(desk, line) == ["line 1: is longer than 64 MB; each ticket has a line of its own"]


def test_an_empty_file_is_nothing_to_import(desk: Desk) -> None:
    assert take(desk).created == take(desk, HEADER).created == take(desk, "\n \n").created == 0


# Whole tickets that somebody wrote by hand.


BREAKS: list[tuple[str, Any, str]] = [
    ("ticket.status", "LOST", "ticket.status: must be one of NEW, .* not 'LOST'"),
    ("ticket.colour", "red", "ticket.colour: is not known; known here: guid, .*"),
    ("colour", "red", "colour: is not known; known here: ticket, history, .*"),
    ("ticket.created_date", "2026-03-02", "ticket.created_date: must be an instant such as .*"),
    ("ticket.created_date", "2026-03-02T08:00:00", "ticket.created_date: must be an instant such as .*"),
    ("ticket.closed_date", "9999-12-31T23:59:59-23:00", "ticket.closed_date: must be an instant .*"),
    ("ticket.work_score", True, "ticket.work_score: must be a whole number, not true"),
    ("ticket.work_score", 2**31, "ticket.work_score: must be between 0 and 2147483647, .*"),
    ("ticket.work_score", -1, "ticket.work_score: must be between 0 and 2147483647, not -1"),
    ("ticket.ticket_number", 2**40, "ticket.ticket_number: must be between 0 and 1000000000, .*"),
    ("ticket.ticket_number", -1, "ticket.ticket_number: must be between 0 and 1000000000, not -1"),
    ("ticket.subject", "x" * 501, "ticket.subject: has 501 characters; at most 500 are allowed"),
    ("ticket.subject", " ", "ticket.subject: must not be empty"),
    ("ticket.watchers", ["a,b"], r"ticket.watchers\[0\]: 'a,b' is not an e-mail address: .*"),
    ("ticket.watchers", ["Ann@Example.com"], r"ticket.watchers\[0\]: .*"),
    ("ticket.merged_guids", ["a b"], r"ticket.merged_guids\[0\]: 'a b' is no guid"),
    ("tasks.0.guid", "7", r"tasks\[0\].guid: must be 1 to 50 letters, digits and -, and not a number"),
    ("comments.0.ticket_guid", "another", r"comments\[0\].ticket_guid: names another ticket"),
    ("comments.0.is_internal", "no", r"comments\[0\].is_internal: must be true or false, not 'no'"),
    ("time_entries.0.duration_minutes", 0, r"time_entries\[0\].duration_minutes: must be between .*"),
    ("ticket.watchers", [BOB, BOB], "ticket.watchers: must have each only once"),
    ("ticket.subject", " CORE\n", r"ticket.subject: ' CORE\\n' must be one line without blanks too many: 'CORE'"),
    ("ticket.project", "a\x1fb", "ticket.project: .* must be one line .*"),
    ("ticket.package", " CORE", "ticket.package: .* must be one line .*"),
    ("ticket.package", "x" * 256, "ticket.package: has 256 characters; at most 255 are allowed"),
    ("ticket.requested_by", "a\nb", "ticket.requested_by: .* must be one line .*"),
    ("ticket.assigned_to", "ann ", "ticket.assigned_to: .* must be one line .*"),
    ("ticket.created_date", "9999-01-01T00:00:00+00:00", "ticket.created_date: 9999-01-01.* is yet to come"),
    ("comments.0.text", " \n", r"comments\[0\].text: must not be empty"),
    ("comments.0.commented_by", "a\x1b[2J", r"comments\[0\].commented_by: must be a printable name"),
    ("comments.0.created_date", "2026-05-01T08:00:00+00:00", r"comments\[0\].created_date: .* is yet to come"),
    ("tasks.0.name", "a\nb", r"tasks\[0\].name: .* must be one line .*"),
    ("tasks.0.name", "", r"tasks\[0\].name: must not be empty"),
    ("tasks.1.pr_url", "javascript:alert(1)", r"tasks\[1\].pr_url: must be an http:// or https:// address .*"),
    ("links.0.created_by", "", r"links\[0\].created_by: must not be empty"),
    ("time_entries.0.person_email", "ann", r"time_entries\[0\].person_email: 'ann' is not an e-mail address.*"),
    ("time_entries.0.duration_minutes", 21, r"time_entries\[0\].duration_minutes: must not be longer than .*"),
    ("time_entries.0.end_time", "2026-03-02T07:59:00+00:00", r"time_entries\[0\].end_time: must not be before .*"),
    ("signoffs.0.email", "Ann@Example.com", r"signoffs\[0\].email: .* is not an e-mail address as it is stored: .*"),
    ("signoffs.0.role", "x" * 101, r"signoffs\[0\].role: has 101 characters; at most 100 are allowed"),
    *(
        (
            "versions.0.changes",
            changes if isinstance(changes, str) else json.dumps(changes),
            rf"versions\[0\].changes{said}",
        )
        for changes, said in (
            ("[]", ": is no JSON object in text"),
            ("[" * 100_000, ": is no JSON object in text"),
            ({"colour": {}}, ".colour: is no object under ticket or tasks"),
            ({"ticket": ["subject"]}, ".ticket: is no object under ticket or tasks"),
            ({"ticket": {"guid": ["a", "b"]}}, ".ticket.guid: is not known; known here: package, .*"),
            ({"ticket": {"subject": "ab"}}, ".ticket.subject: must be a list of the old and the new value"),
            ({"ticket": {"subject": ["x" * 501, "b"]}}, r".ticket.subject \(old\): has 501 characters; .*"),
            ({"ticket": {"subject": ["a", "b\0"]}}, r".ticket.subject \(new\): holds a character that is no text .*"),
            ({"ticket": {"description": ["\0", ""]}}, r".ticket.description \(old\): holds a character .*"),
            ({"ticket": {"watchers": [["ann"], []]}}, r".ticket.watchers\[0\] \(old\): 'ann' is not an e-mail.*"),
            ({"ticket": {"priority": ["LOW", "NOW"]}}, r".ticket.priority \(new\): must be one of .*"),
            ({"tasks": {"a": [None, None]}}, ".tasks.a: must have a task before or after"),
            ({"tasks": {"a": [None, {"name": "x"}]}}, r".tasks.a.guid \(new\): is missing"),
            ({"tasks": {"a": [to_plain(make_task(guid="b")), None]}}, r".tasks.a.guid \(old\): names another task .*"),
        )
    ),
    ("signoffs.1.email", ANN, r"signoffs\[1\]: has the same email as another of this ticket"),
    ("comments", None, "comments: must be a list, not nothing"),
    ("history.2.new_value", "forged", r"history: row 3 \(.*\) was changed after it was written"),
    ("history.2.action_by", "eve", r"history: row 3 \(.*\) was changed after it was written"),
    ("history", [], "history: every row is missing"),
]
"""A place in a whole ticket, what is put there, and what is said of it."""


@pytest.mark.parametrize(("place", "value", "problem"), BREAKS, ids=range(len(BREAKS)))
def test_a_whole_ticket_that_cannot_be_is_refused(
    full: Desk, desk: Desk, place: str, value: object, problem: str
) -> None:
    line = objects(full)[0]
    *way, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    found: Any = line
    for part in way:
        found = found[part]
    found[last] = value
    problems = refused(desk, HEADER, line)
    assert any(re.fullmatch(f"line 2: {problem}", one) for one in problems), problems


def test_a_requester_who_is_to_be_mailed_has_an_address(full: Desk, desk: Desk) -> None:
    line = objects(full)[1]
    assert line["ticket"]["requested_by_type"] == "EMAIL"
    line["ticket"]["requested_by"] = "bob"
    (problem,) = refused(desk, HEADER, line)
    assert problem.startswith("line 2: ticket.requested_by: 'bob' is not an e-mail address: ")


def test_a_row_that_is_missing_or_there_twice_is_refused(full: Desk, desk: Desk) -> None:
    line = objects(full)[0]
    line["comments"].append(line["comments"][0])
    del line["history"][1]
    assert refused(desk, HEADER, line) == [
        "line 2: comments[2]: has the same guid as another of this ticket",
        "line 2: history: row 2 is missing (found 3)",
    ]


def test_a_link_to_itself_is_refused(full: Desk, desk: Desk) -> None:
    line = objects(full)[0]
    line["links"][0]["target_guid"] = line["ticket"]["guid"]
    assert refused(desk, HEADER, line) == ["line 2: links: leads back to its own ticket"]


def test_what_two_lines_have_is_refused(full: Desk, desk: Desk) -> None:
    one, two = objects(full)[:2]
    two["comments"] = [one["comments"][0] | {"ticket_guid": two["ticket"]["guid"]}]
    guid = one["comments"][0]["guid"]
    assert refused(desk, HEADER, one, two) == [f"line 3: has the same comments {guid} as line 2"]
    assert refused(desk, HEADER, one, one)[0] == f"line 3: has the same ticket {one['ticket']['guid']} as line 2"


def test_what_another_ticket_has_is_refused(full: Desk, desk: Desk) -> None:
    one, two = objects(full)[:2]
    take(desk, HEADER, one | {"links": []})
    two["comments"] = [one["comments"][0] | {"ticket_guid": two["ticket"]["guid"]}]
    guid = one["comments"][0]["guid"]
    assert refused(desk, HEADER, two) == [
        f"line 2: comments[0].guid: {guid} is here already, below the ticket {one['ticket']['guid']}"
    ]


def test_a_whole_ticket_needs_the_header(full: Desk, desk: Desk) -> None:
    line = objects(full)[1]
    assert refused(desk, line) == ["line 1: is a whole ticket, but no line before it says in which format it is"]


def test_a_file_of_an_older_version_may_lack_fields(full: Desk, desk: Desk) -> None:
    line = objects(full)[1]
    del line["ticket"]["merged_into"], line["pull_requests"]
    assert take(desk, HEADER, line).created == 1


def test_what_is_right_has_no_problems(full: Desk) -> None:
    with full.repository.transaction(read_only=True) as tx:
        (ticket,) = tx.find(Query(Ticket, order=(Order("ticket_number"),), limit=1))
    assert {str(problem) for problem in bundle_problems(Bundle(ticket=ticket))} == {"history: every row is missing"}


# Who is asked, and who is told.


class Strict:
    """A policy that lets nothing urgent in, and amends the rest."""

    @hookimpl
    def ticketcore_validate(self, change: Any) -> Iterator[Problem]:
        if change.after.priority == "CRITICAL":
            yield Problem("priority", "is too high")

    @hookimpl
    def ticketcore_forbid(self, change: Any, action_by: str) -> Iterator[str]:
        if change.after.package == "SECRET":
            yield f"{action_by} may not"

    @hookimpl
    def ticketcore_amend(self, change: Any) -> Mapping[str, Any]:
        return {"project": "AMENDED"}


class Listener:
    """An observer that remembers what it is told."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    @hookimpl
    def ticketcore_observe(self, event: Any) -> None:
        self.events.append(event)


@pytest.fixture
def opened(make_config: Callable[..., Config], clock: PlayedClock) -> Iterator[Callable[..., Desk]]:
    """Return a function that opens a desk with plugins of this program's own."""
    desks: list[Desk] = []

    def make(**plugins: object) -> Desk:
        desks.append(open_desk(make_config("memory:"), plugins=plugins, clock=clock))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


def test_policies_are_asked_about_each_ticket(full: Desk, opened: Callable[..., Desk]) -> None:
    desk = opened(strict=Strict())
    full.tickets.update(3, priority="CRITICAL", action_by=ANN)
    assert refused(desk, lines_of(full)) == ["line 4: priority: is too high"]
    secret = {"subject": "x", "package": "SECRET"}
    assert refused(desk, {"subject": "y"}, secret) == [f"line 2: {ANN} may not"]
    with pytest.raises(ForbiddenError):
        desk.tickets.create("x", package="SECRET", action_by=ANN)


def test_policies_amend_tickets_of_other_systems_and_leave_whole_ones_as_they_are(
    full: Desk, full_lines: bytes, opened: Callable[..., Desk]
) -> None:
    desk = opened(strict=Strict())
    full.tickets.update(1, priority="HIGH", action_by=ANN)
    take(desk, lines_of(full), {"subject": "light"})
    assert lines_of(desk).startswith(lines_of(full))
    assert [ticket.subject for ticket in desk.queries.get_tickets_by_filter(project="AMENDED")] == ["light"]


def test_nobody_is_mailed_and_observers_are_told_by_the_worker(full: Desk, opened: Callable[..., Desk]) -> None:
    listener = Listener()
    desk = opened(listener=listener)
    take(desk, lines_of(full), {"subject": "light", "watchers": [BOB]})
    assert listener.events == []
    assert {message.channel for message in desk.notifications.list_outbox()} == {"observer:listener"}
    assert desk.notifications.deliver_due().delivered == 7
    events = sorted(listener.events, key=lambda event: event.ticket.ticket_number)
    assert [event.ticket for event in events] == desk.queries.get_tickets_by_filter()
    assert all(event.is_new and event.action_by == ANN and event.notify_code is None for event in events)


def test_people_who_are_not_known_are_kept_and_told_of_once(full: Desk, full_lines: bytes, desk: Desk) -> None:
    ann = full.people.resolve_by_email(ANN)
    assert ann is not None
    report = take(desk, full_lines)
    assert report.warnings == (f"line 2: assigned to {ann.person_guid}, who is not known here; that is kept as it is",)
    assert desk.tickets.read(1).assigned_to == ann.person_guid


def test_who_imports_has_to_be_said(desk: Desk) -> None:
    with pytest.raises(RejectedError, match="action_by: must say who acts"):
        desk.transfer.import_tickets(io.BytesIO(), action_by=" ")


# How it goes.


def test_a_dry_run_stores_nothing(full_lines: bytes, desk: Desk) -> None:
    before = contents(desk)
    report = take(desk, full_lines, {"subject": "light"}, dry_run=True)
    assert (report.created, report.present) == (7, 0)
    assert contents(desk) == before
    assert desk.tickets.create("first", action_by=ANN).ticket_number == 1


def test_it_can_be_stopped_between_batches_and_goes_on_when_it_is_repeated(desk: Desk) -> None:
    lines = [{"subject": f"ticket {number}"} for number in range(2 * BATCH + 10)]
    stop = threading.Event()

    def progress(step: str, done: int) -> None:
        if step == "writing":
            stop.set()

    report = take(desk, *lines, progress=progress, stop=stop)
    assert (report.created, report.complete) == (BATCH, False)
    assert len(desk.queries.get_tickets_by_filter()) == BATCH
    report = take(desk, *lines)
    assert (report.created, report.present, report.complete) == (BATCH + 10, BATCH, True)
    assert len(desk.queries.get_tickets_by_filter()) == len(lines)


def test_progress_is_told_in_bytes_of_the_file(full_lines: bytes, desk: Desk) -> None:
    told: list[tuple[str, int]] = []
    take(desk, full_lines, progress=lambda step, done: told.append((step, done)))
    last_link = full_lines.index(b"\n", full_lines.rindex(b'"links":[{')) + 1
    assert told == [("checking", len(full_lines)), ("writing", len(full_lines)), ("linking", last_link)]


def test_a_path_and_a_pipe_are_read_too(full_lines: bytes, make_desk: MakeDesk, tmp_path: Path) -> None:
    file = tmp_path / "tickets.jsonl"
    file.write_bytes(full_lines)
    for name in (file, str(file)):
        assert make_desk("memory:").transfer.import_tickets(name, action_by=ANN).created == 6
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(full_lines)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "rb") as pipe:
        assert make_desk("memory:").transfer.import_tickets(pipe, action_by=ANN).created == 6
    thread.join()


def test_a_file_that_changes_between_the_check_and_the_writing_is_refused(desk: Desk) -> None:
    file = io.BytesIO(b'{"subject": "right"}\n')

    def progress(step: str, done: int) -> None:
        if step == "checking":
            file.seek(0)
            file.write(b'{"subject": "     "}\n')

    with pytest.raises(RejectedError, match="line 1: subject: must not be empty"):
        desk.transfer.import_tickets(file, action_by=ANN, progress=progress)
    assert desk.queries.get_tickets_by_filter() == []


def test_keys_know_where_they_were_first_and_what_is_missing() -> None:
    with TemporaryKeys() as keys:
        assert [keys.note("a", 1), keys.note("b", 2), keys.note("a", 3)] == [(1, 1), (2, 1), (1, 2)]
        keys.want("a")
        keys.want("c")
        keys.want("c")
        assert list(keys.missing()) == [("c", 2)]


# Spreadsheets.


def rows_of(desk: Desk, **options: Any) -> list[list[str]]:
    file = io.BytesIO()
    desk.transfer.write_csv(file, **options)
    return list(csv.reader(io.StringIO(file.getvalue().decode(), newline=""), **options.pop("read", {})))


def test_a_csv_file_stays_open_where_the_export_is_refused(desk: Desk) -> None:
    file = io.BytesIO()
    with pytest.raises(RejectedError, match="status: 'LOST' is not known"):
        desk.transfer.write_csv(file, status="LOST")
    assert not file.closed


def test_csv_has_one_row_for_each_ticket_and_a_column_for_each_field(desk: Desk) -> None:
    ann = desk.people.add_person("Ann Example", ANN)
    desk.tickets.create(
        'Say "hi", please',
        description="one\r\ntwo",
        watchers=[ANN, BOB],
        assigned_to=ANN,
        eta_date="2026-05-01",
        action_by=BOB,
    )
    desk.tickets.set_work_score(1, 13, action_by=ANN)
    desk.tickets.create("second", action_by=BOB)
    header, first, second = rows_of(desk)
    row = dict(zip(header, first, strict=True))
    assert (header[:3], header[-2:]) == (["guid", "ticket_number", "package"], ["estimated_date", "assigned_to_name"])
    assert (row["subject"], row["description"]) == ('Say "hi", please', "one\r\ntwo")
    assert (row["ticket_number"], row["work_score"], row["status"]) == ("1", "13", "NEW")
    assert (row["created_date"], row["estimated_date"]) == ("2026-03-02 08:00:00", "2026-05-01 23:59:59")
    assert (row["watchers"], row["closed_date"]) == (f"{ANN},{BOB}", "")
    assert (row["assigned_to"], row["assigned_to_name"]) == (ann.person_guid, "Ann Example")
    assert second[4] == "second"


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x", " =1", '"=1', "'=1"]


@pytest.mark.parametrize("text", [*FORMULAS, *(f"a{sep}{one}" for sep in ",;|\t\n" for one in ("=1+1", "@x", "-1"))])
def test_no_spreadsheet_takes_a_text_for_a_formula(desk: Desk, text: str) -> None:
    desk.tickets.create("x", description=text, project=text, action_by=ANN)
    desk.tickets.assign(1, text, action_by=ANN)
    file = io.BytesIO()
    desk.transfer.write_csv(file)
    content = file.getvalue().decode()
    for separator in ",;|\t":  # the one of the file, and those that a program in another country takes
        for row in csv.reader(io.StringIO(content, newline=""), delimiter=separator):
            for cell in row:
                assert not re.match(r"""["\s]*[=+\-@＝＋－＠]|[\t\r\n]""", cell), (separator, cell)
    header, row = rows_of(desk)
    assert row[header.index("description")].replace("'", "") == text.replace("'", "")


def test_a_text_that_is_no_formula_is_as_it_was(desk: Desk) -> None:
    text = "3 - 2 = 1, a@example.com; 5+5\nnext-line 'quoted' = \"x\""
    desk.tickets.create("-", description=text, action_by=ANN)
    header, row = rows_of(desk)
    assert row[header.index("description")] == text
    assert row[header.index("subject")] == "'-"


# Many.


def peak_of(count: int, folder: Path) -> int:
    """Return the most memory that an import, an export and a further import of ``count`` tickets take."""
    folder.mkdir()
    light, whole = folder / "light.jsonl", folder / "whole.jsonl"
    with light.open("w", encoding="utf-8") as file:
        for number in range(count):
            line = {
                "subject": f"ticket {number}",
                "description": "x" * 100,
                "watchers": [f"w{number % 50}@example.com"],
            }
            file.write(f"{json.dumps(line)}\n")
    configs = [
        Config(
            database=DatabaseSection(url=f"sqlite:///{folder / name}.db"),
            email=EmailSection(folder=folder),
            notifiers=(),
        )
        for name in ("one", "two")
    ]
    with open_desk(configs[0]) as one, open_desk(configs[1]) as two:
        one.tickets.create("warm", action_by=ANN)
        tracemalloc.start()
        try:
            assert one.transfer.import_tickets(light, action_by=ANN).created == count
            with whole.open("wb") as file_of_whole:
                assert one.transfer.write_lines(file_of_whole) == count + 1
            assert two.transfer.import_tickets(whole, action_by=ANN).created == count + 1
            assert two.transfer.import_tickets(whole, action_by=ANN).present == count + 1
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.slow
def test_many_tickets_take_no_more_memory_than_few(tmp_path: Path) -> None:
    peak_of(10, tmp_path / "warm")  # what is imported and compiled once is there then
    few, many = peak_of(3 * BATCH, tmp_path / "few"), peak_of(24 * BATCH, tmp_path / "many")
    assert many < 1.25 * few, (few, many)
