"""A table of service levels from before there were RACI columns: it gets them when the database is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.desk import Desk
from ticketcore.domain.policy import RaciContacts, SlaPolicy
from ticketcore.errors import RepositoryError, SchemaError

MakeDesk = Callable[..., Desk]

ANN = "ann@example.com"
COLUMNS = ("RaciResponsible", "RaciAccountable", "RaciConsulted", "RaciInformed")
OLD = """
DROP TABLE def_ticket_sla;
CREATE TABLE def_ticket_sla (
    Id INTEGER PRIMARY KEY AUTOINCREMENT,
    Package CHAR(255) NOT NULL,
    Priority VARCHAR(20) NOT NULL,
    TicketType VARCHAR(50) NOT NULL,
    ResponseMinutes INTEGER NOT NULL,
    ResolutionMinutes INTEGER NOT NULL,
    Calendar VARCHAR(255) NOT NULL,
    EscalationContact VARCHAR(1000) NOT NULL,
    {more}
    Active CHAR(2) NOT NULL
);
INSERT INTO def_ticket_sla (
    Id, Package, Priority, TicketType, ResponseMinutes, ResolutionMinutes, Calendar, EscalationContact, Active{names}
) VALUES
    (3, 'CORE', 'HIGH', '', 5, 50, '', 'boss@example.com', 'Y'{values}),
    (9, '', 'LOW', 'BUG', 60, 600, '', '', 'N'{values});
"""


def columns(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [row[1] for row in connection.execute("PRAGMA table_info(def_ticket_sla)")]


def make_old(file: Path, *kept: str) -> None:
    """Give a database a table of service levels that has only some RACI columns, with two rows."""
    more = "".join(f"{name} VARCHAR(1000) NOT NULL," for name in kept)
    names, values = "".join(f", {name}" for name in kept), f", '{ANN}'" * len(kept)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(OLD.format(more=more, names=names, values=values))


@pytest.fixture
def old(make_desk: MakeDesk, sqlite_file: Path) -> Path:
    """Return a database with one ticket whose table of service levels has no RACI columns."""
    desk = make_desk(f"sqlite:///{sqlite_file}", notifiers=())
    desk.tickets.create("one", action_by=ANN)
    desk.close()
    make_old(sqlite_file)
    assert not set(COLUMNS) & set(columns(sqlite_file))
    return sqlite_file


def test_opening_the_database_adds_them_and_every_row_stays(make_desk: MakeDesk, old: Path) -> None:
    desk = make_desk(f"sqlite:///{old}")
    assert desk.tickets.read(1).subject == "one"
    assert columns(old)[-4:] == list(COLUMNS)
    core, other = sorted(desk.sla.list_sla(), key=lambda policy: policy.id)
    assert core == SlaPolicy(
        id=3,
        package="CORE",
        priority="HIGH",
        response_minutes=5,
        resolution_minutes=50,
        escalation_contact="boss@example.com",
    )
    assert (other.id, other.ticket_type, other.active) == (9, "BUG", False)
    assert desk.sla.get_raci("CORE", "HIGH") == RaciContacts(escalation_contact=("boss@example.com",))


def test_contacts_can_be_set_then_and_are_told(make_desk: MakeDesk, old: Path) -> None:
    desk = make_desk(f"sqlite:///{old}")
    desk.sla.set_sla(
        "CORE",
        "HIGH",
        response_minutes=5,
        resolution_minutes=50,
        responsible=ANN,
        informed="b@example.com",
        action_by=ANN,
    )
    assert desk.sla.get_raci_contacts("CORE", "HIGH").responsible == (ANN,)
    added = desk.sla.set_sla("CORE", "LOW", response_minutes=5, resolution_minutes=50, consulted=ANN, action_by=ANN)
    assert added.id == 10
    desk.tickets.create("two", priority="HIGH", requested_by_type="SYSTEM", action_by=ANN)
    desk.tickets.escalate(2, action_by=ANN)
    alerts = [one.recipient for one in desk.notifications.list_outbox() if one.notify_code == "ESCALATION_ALERT"]
    assert alerts == [ANN, "b@example.com"]


def test_it_can_be_called_and_says_what_it_added(make_desk: MakeDesk, old: Path) -> None:
    desk = make_desk(f"sqlite:///{old}")
    assert desk.sla.ensure_sla_raci() == COLUMNS
    after = columns(old)
    assert desk.sla.ensure_sla_raci() == ()
    assert columns(old) == after
    make_old(old)  # somebody restores the table while the desk is open
    assert desk.sla.ensure_sla_raci() == COLUMNS
    assert [policy.id for policy in desk.sla.list_sla()] == [9, 3]


def test_only_what_is_missing_is_added(make_desk: MakeDesk, old: Path) -> None:
    make_old(old, "raciaccountable", "RaciInformed")
    desk = make_desk(f"sqlite:///{old}")
    assert desk.sla.ensure_sla_raci() == ("RaciResponsible", "RaciConsulted")
    contacts = desk.sla.get_raci("CORE", "HIGH")
    assert (contacts.accountable, contacts.informed) == ((ANN,), (ANN,))
    assert (contacts.responsible, contacts.consulted) == ((), ())


def test_a_database_that_has_them_is_left_alone(make_desk: MakeDesk, sqlite_file: Path) -> None:
    desk = make_desk(f"sqlite:///{sqlite_file}")
    assert desk.sla.ensure_sla_raci() == ()  # also where the call makes the database
    before = columns(sqlite_file)
    assert desk.sla.ensure_sla_raci() == ()
    assert columns(sqlite_file) == before


def test_a_store_without_tables_has_nothing_to_add(make_desk: MakeDesk) -> None:
    assert make_desk("memory:").sla.ensure_sla_raci() == ()


def test_looking_at_a_database_adds_nothing(make_desk: MakeDesk, old: Path) -> None:
    assert make_desk(f"sqlite:///{old}").store_status().ready
    assert not set(COLUMNS) & set(columns(old))


def test_several_that_open_it_at_once_add_them_once(old: Path) -> None:
    repositories = [SqlRepository(f"sqlite:///{old}") for _ in range(4)]
    together = Barrier(len(repositories))

    def ensure(repository: SqlRepository) -> tuple[str, ...]:
        together.wait()
        return repository.ensure_sla_raci()

    with ThreadPoolExecutor(len(repositories)) as pool:
        added = list(pool.map(ensure, repositories))
    for repository in repositories:
        repository.close()
    assert sorted(added) == [(), (), (), COLUMNS]
    assert columns(old)[-4:] == list(COLUMNS)


def test_where_nothing_may_be_written_that_is_said(make_desk: MakeDesk, old: Path) -> None:
    desk = make_desk(f"sqlite:///file:{old}?mode=ro&uri=true", notifiers=())
    with pytest.raises(RepositoryError, match="is read-only; nothing was changed"):
        desk.sla.ensure_sla_raci()
    assert not set(COLUMNS) & set(columns(old))


def test_a_database_of_another_version_is_refused_and_left_alone(make_desk: MakeDesk, old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()
    desk = make_desk(f"sqlite:///{old}")
    with pytest.raises(SchemaError, match="has schema 0001"):
        desk.sla.ensure_sla_raci()
    assert not set(COLUMNS) & set(columns(old))


def test_a_repository_that_is_closed_adds_nothing(old: Path) -> None:
    repository = SqlRepository(f"sqlite:///{old}")
    repository.close()
    with pytest.raises(RepositoryError, match="is closed"):
        repository.ensure_sla_raci()
    assert not set(COLUMNS) & set(columns(old))
