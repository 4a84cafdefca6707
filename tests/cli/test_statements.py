"""How many statements a command asks the database, which must not grow with what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from ticketcore import Desk, open_desk

Run = Callable[..., Any]
FEW, MANY = 2, 50


@contextmanager
def counted() -> Iterator[list[str]]:
    """Note every statement that SQLite itself is given inside the block, on whatever connection is opened."""
    statements: list[str] = []

    def note(statement: str) -> None:
        if not statement.startswith("--"):  # what a virtual table asks itself
            statements.append(statement)

    def trace(connection: Any, _record: object) -> None:
        connection.set_trace_callback(note)

    sa.event.listen(sa.Engine, "connect", trace)
    try:
        yield statements
    finally:
        sa.event.remove(sa.Engine, "connect", trace)


def count(done: Run, *args: str) -> int:
    with counted() as statements:
        assert done(*args)
    assert any("SELECT" in statement for statement in statements)
    return len(statements)


def work(desk: Desk, times: range) -> None:
    """Do work on ticket 1 so many times that everything that a card or a list shows is there as often."""
    for i in times:
        person = f"worker{i}"
        desk.people.add_person(f"Worker {i}", f"{person}@example.com", person)
        other = desk.tickets.create(f"Another {i}", requested_by=person, assigned_to=person, action_by=person)
        desk.tasks.add_task(1, f"Task {i}", assigned_to=person, action_by=person)
        desk.comments.add_comment(1, f"Comment {i}", commented_by=person)
        desk.links.add_link(1, other, "RELATES_TO", created_by=person)
        desk.time.log_time(1, person, 10)
        desk.signoffs.request_signoff(1, [person], requested_by="ann")
        desk.pull_requests.link_pull_request(1, str(i), "acme/shop", action_by=person)
        desk.tickets.assign(1, person, action_by=person)
    for i in times:  # last, or each of them would get a mail about all that
        desk.tickets.add_watcher(1, f"worker{i}@example.com", action_by="ann")


@pytest.fixture
def filled(run: Run) -> Iterator[Desk]:
    """Ticket 1 has little of everything; its number is fixed."""
    with open_desk() as desk:
        desk.tickets.create("The printer is on fire", requested_by="ann", action_by="ann")
        work(desk, range(FEW))
        yield desk


LISTS = (
    "list --limit 60",
    "open-tickets",
    "search another",
    "summary",
    "unassigned",
    "list-people",
    "check-escalations",
)
OF_ONE = (
    "read 1",
    "history 1",
    "comments 1",
    "tasks 1",
    "links 1",
    "time-entries 1",
    "total-time 1",
    "signoffs 1",
    "linked-prs 1",
    "versions 1",
    "show-version 1 2",
    "diff-versions 1 1 3",
    "watchers 1",
)


def test_what_is_shown_takes_as_many_statements_for_much_as_for_little(filled: Desk, done: Run) -> None:
    commands = [command.split() for command in (*LISTS, *OF_ONE)]
    variants = [*commands, *(["--json", *command] for command in commands)]
    before = {tuple(command): count(done, *command) for command in variants}
    work(filled, range(FEW, MANY))
    after = {tuple(command): count(done, *command) for command in variants}
    assert {command: (n, after[command]) for command, n in before.items() if after[command] != n} == {}
    assert len(filled.tasks.get_tasks(1)) >= MANY


def test_a_list_of_50_tickets_takes_a_handful_and_a_card_ten_at_most(filled: Desk, done: Run) -> None:
    work(filled, range(FEW, MANY))
    with counted() as statements:
        assert len(done("list", "--limit", "60").splitlines()) >= MANY
    asked = [one for one in statements if one.startswith("SELECT") and " FROM data_" in one.replace("\n", " ")]
    assert len(asked) == 1, asked
    for form in ([], ["--json"]):
        with counted() as statements:
            done("read", "1", *form)
        asked = [one for one in statements if one.lstrip().upper().startswith("SELECT")]
        assert 0 < len(asked) <= 10, asked
