"""Every question that the services ask is answered by an index, on SQLite and on PostgreSQL.

The statements are those that a desk really sends, among twenty thousand tickets with all that belongs to them.
"""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from attrs import define, field
from sqlalchemy.engine import make_url

from tests.scale.fill import NOW, fill, fill_below, person
from ticketcore import open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, EmailSection
from ticketcore.desk import Desk
from ticketcore.domain.query import Order, Query, eq
from ticketcore.domain.ticket import Ticket
from ticketcore.services.queries import SORTS

SIZE = 20_000
MANY = 2_500
"""More than this is too much to sort for a page."""
SMALL = ("def_", "sys_job", "sys_guard")
"""How the names of tables begin that are small, and looked through."""
PERSON_TABLES = ("def_person", "sys_user")

Call = Callable[[Desk], object]

FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "package": {"package": "CORE"},
    "status": {"status": "IN_PROGRESS"},
    "statuses": {"status": ["NEW", "CLOSED"]},
    "priority": {"priority": "HIGH"},
    "assignee": {"assignee": "worker7@example.com"},
    "nobody": {"assignee": ""},
    "since": {"created_after": NOW - timedelta(hours=3)},
    "between": {"created_after": NOW - timedelta(days=2), "created_before": NOW - timedelta(days=1)},
    "several": {"package": "CORE", "status": "CLOSED", "priority": "LOW", "assignee": "worker7"},
}
"""What a list is narrowed down to."""


def _list(sort: str, filters: dict[str, Any]) -> Call:
    """Return the call that reads two pages of a list."""

    def pages(desk: Desk) -> None:
        first = desk.queries.get_tickets_by_filter(**filters, sort=sort, limit=5)
        assert len(first) == 5
        assert desk.queries.get_tickets_by_filter(**filters, sort=sort, limit=5, after=first[-1])

    return pages


LISTS: dict[str, Call] = {
    f"list {name} by {minus}{sort}": _list(minus + sort, filters)
    for name, filters in FILTERS.items()
    for sort in SORTS
    for minus in ("", "-")
}

READS: dict[str, Call] = {
    "read": lambda desk: desk.tickets.read(desk.tickets.read_by_number(77).guid),
    "history": lambda desk: desk.queries.get_history(77),
    "open": lambda desk: desk.queries.get_open_tickets(),
    "open in a package": lambda desk: desk.queries.get_open_tickets("CORE"),
    "overdue": lambda desk: desk.queries.get_overdue_tickets(),
    "overdue in a package": lambda desk: desk.queries.get_overdue_tickets("CORE"),
    "due for escalation": lambda desk: desk.sla.check_escalation_due(),
    "by assignee": lambda desk: [desk.queries.get_tickets_by_assignee(who) for who in ("worker7", person(7), "x@y.z")],
    "unassigned": lambda desk: desk.queries.get_unassigned_tickets(),
    "breaches in a package": lambda desk: desk.queries.get_sla_breach_count("CORE"),
    "summary of a package": lambda desk: desk.queries.get_status_summary("CORE"),
    "tasks": lambda desk: desk.tasks.get_tasks(77),
    "comments": lambda desk: desk.comments.get_comments(77, include_internal=True),
    "links": lambda desk: desk.links.get_links(77),
    "time": lambda desk: (desk.time.get_time_entries(77), desk.time.get_total_time(77)),
    "sign-offs": lambda desk: desk.signoffs.get_signoffs(77),
    "versions": lambda desk: desk.versions.list_versions(77),
    "pull requests": lambda desk: desk.pull_requests.get_linked_prs(77),
    "due schedules": lambda desk: desk.recurring.list_due_recurring(),
    "people": lambda desk: (desk.people.resolve_by_email("worker7@example.com"), desk.people.resolve_user_email("w")),
    "search": lambda desk: (desk.queries.search("rare7"), desk.queries.search("common", limit=20)),
    "search in a package": lambda desk: desk.queries.search("rare7", package="CORE", status="CLOSED", limit=20),
    "due messages": lambda desk: desk.notifications.deliver_due(),
}


def _life(desk: Desk) -> None:
    """Take a ticket through its life, with all that can be below it."""
    by = {"action_by": "worker1"}
    ticket = desk.tickets.create("new", requested_by="worker2", assigned_to="worker3", package="CORE", **by)
    desk.tickets.update(ticket, subject="newer", **by)
    task = desk.tasks.add_task(ticket.guid, "look", assigned_to="worker4", **by)
    desk.tasks.complete_task(task.guid, **by)
    desk.comments.add_comment(ticket.guid, "looked", commented_by="worker4")
    link = desk.links.add_link(ticket.guid, 77, "BLOCKS", created_by="worker1")
    desk.links.remove_link(link.guid, **by)
    desk.time.log_time(ticket.guid, "worker1@example.com", 10)
    desk.signoffs.request_signoff(ticket.guid, ["worker5"], requested_by="worker1")
    desk.pull_requests.link_pull_request(ticket.guid, "12", "acme/shop", **by)
    desk.tickets.assign(ticket.guid, "worker6", **by)
    for status in ("TRIAGED", "IN_PROGRESS", "ON_HOLD", "IN_PROGRESS", "RESOLVED", "CLOSED"):
        desk.tickets.change_status(ticket.guid, status, **by)
    desk.versions.restore_version(ticket.guid, 1, **by)
    desk.tickets.merge(ticket.guid, 78, **by)


CALLS = {**READS, **LISTS, "life": _life}


@define
class Sqlite:
    """Notes what a desk asks a file, and says how SQLite answers it."""

    url: str
    asked: list[str] = field(factory=list)

    def listen(self, connection: Any, _record: object) -> None:
        connection.set_trace_callback(self._note)

    def _note(self, statement: str) -> None:
        if "'main'." not in statement and not statement.startswith("--"):  # what the index of words asks itself
            self.asked.append(statement)

    def faults(self, statement: str) -> list[str]:
        """Return what is wrong with the way of one statement."""
        with closing(sqlite3.connect(make_url(self.url).database or "")) as connection:
            steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        # A table in the order of its key or of an index is met from one end; the limit says how soon that ends.
        sorts = any("TEMP B-TREE" in step for step in steps)
        is_walk = re.search(r"\bLIMIT [1-9]", statement) is not None and not sorts
        scans = [
            step
            for step in steps
            if step.startswith("SCAN") and not re.search(r"SCAN (page|anon_\d+)\b| VIRTUAL TABLE INDEX 0:(M\d|=)", step)
        ]
        return [] if is_walk else [step for step in scans if not _is_small(step.split()[1]) and "CONSTANT" not in step]


@define
class Postgresql:
    """Notes what a desk asks a server, and says how PostgreSQL answers it."""

    url: str
    asked: list[tuple[str, Any]] = field(factory=list)

    def listen(self, connection: Any, _record: object) -> None:
        asked = self.asked

        class Noting(psycopg.Cursor[Any]):
            def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
                asked.append((query, params))
                return super().execute(query, params, **options)

        connection.cursor_factory = Noting

    def faults(self, statement: tuple[str, Any]) -> list[str]:
        """Return what is wrong with the way of one statement."""
        text, values = statement
        own = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(own) as connection:
            (plan,) = connection.execute(f"EXPLAIN (FORMAT JSON) {text}", values).fetchone() or ([],)
        return [
            f"{node['Node Type']} {node.get('Relation Name', '')} of {node['Plan Rows']}"
            for above, node in _nodes({}, plan[0]["Plan"])
            if (
                node["Node Type"] == "Seq Scan" and not _is_small(node["Relation Name"]) and not _ends_soon(above, node)
            )
            or (above.get("Node Type") == "Limit" and node["Node Type"] == "Sort" and node["Plan Rows"] > MANY)
        ]


def _ends_soon(above: dict[str, Any], node: dict[str, Any]) -> bool:
    """Return whether so many rows fit that the limit above is reached after a few."""
    return above.get("Node Type") == "Limit" and int(node["Plan Rows"]) > SIZE / 4


def _is_small(table: str) -> bool:
    return table.startswith((*SMALL, "pg_")) and table not in PERSON_TABLES


def _nodes(above: dict[str, Any], plan: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each step of a plan with the one that it is for."""
    yield above, plan
    for part in plan.get("Plans", ()):
        yield from _nodes(plan, part)


Engine = Sqlite | Postgresql


@contextmanager
def _opened(engine: Engine, folder: Path) -> Iterator[Desk]:
    config = Config(database=DatabaseSection(url=engine.url), email=EmailSection(folder=folder))
    sa.event.listen(sa.Engine, "connect", engine.listen)
    try:
        with open_desk(config, clock=PlayedClock(NOW)) as desk:
            yield desk
    finally:
        sa.event.remove(sa.Engine, "connect", engine.listen)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Desk]]:
    """Return a filled store, and a desk on it."""
    folder = tmp_path_factory.mktemp("plans")
    engine: Engine
    if request.param == "sqlite":
        engine = Sqlite(f"sqlite:///{folder}/desk.db")
    else:
        server = request.getfixturevalue("postgresql_server")
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(server.replace("+psycopg", "", 1), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        engine = Postgresql(make_url(server).set(database=name).render_as_string(hide_password=False))
    with _opened(engine, folder) as desk:
        fill(desk, engine.url, SIZE)
        fill_below(engine.url, SIZE)
        yield engine, desk


def faults(engine: Engine, call: Callable[[], object]) -> list[str]:
    """Return what is wrong with the ways of the statements that ``call`` sends."""
    engine.asked.clear()
    call()
    asked: list[Any] = list(engine.asked)
    found = [one for one in asked if re.match(r"\s*(SELECT|UPDATE|DELETE)\b", one if isinstance(one, str) else one[0])]
    assert found
    return [f"{fault}: {one}" for one in found for fault in engine.faults(one)]


@pytest.mark.parametrize("name", CALLS)
def test_no_table_is_looked_through(filled: tuple[Engine, Desk], name: str) -> None:
    engine, desk = filled
    assert faults(engine, lambda: CALLS[name](desk)) == []


@pytest.mark.parametrize(
    "query",
    [
        Query(Ticket, (eq("subject", "Ticket common rare7"),)),
        Query(Ticket, order=(Order("requested_by"), Order("ticket_number")), limit=20),
        Query(Ticket, (eq("subject", "none"),), (Order("requested_by"), Order("ticket_number"))),
    ],
    ids=["condition", "order", "both"],
)
def test_what_has_no_index_is_noticed(filled: tuple[Engine, Desk], query: Query[Any]) -> None:
    engine, desk = filled

    def find() -> None:
        with desk.repository.transaction(read_only=True) as tx:
            tx.find(query)

    assert faults(engine, find)
