"""What is wrong below the records, on servers; what SQLite has of it is in the tests of `db verify`."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from ticketcore.desk import Desk

ANN = "ann@example.com"


def tampered(url: str, make_desk: Callable[..., Desk], *statements: str) -> list[str]:
    """Return what is found in a database with three tickets, after running ``statements`` on it."""
    desk = make_desk(url)
    for name in ("Printer", "Plotter", "Scanner"):
        desk.tickets.create(name, action_by=ANN)
    desk.rules.auto_assign_add_rule("CORE", assign_to=ANN, action_by=ANN)
    found: list[str] = []
    assert desk.store.verify(lambda flaw: found.append(str(flaw))).flaws == 0, found
    drivers = {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}
    scheme, _, rest = url.partition("://")
    engine = sa.create_engine(f"{drivers[scheme.partition('+')[0]]}://{rest}")
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
    desk.store.verify(lambda flaw: found.append(str(flaw)))
    return [line.partition(" (")[0] for line in found]


def test_what_postgresql_takes_for_a_date_and_nobody_else(postgresql_url: str, make_desk: Callable[..., Desk]) -> None:
    statement = 'UPDATE data_ticket SET "SlaPausedAt" = \'infinity\' WHERE "TicketNumber" = 2'
    line, *unread = tampered(postgresql_url, make_desk, statement)
    assert line.startswith("ticket 2, data_ticket.SlaPausedAt, where Guid is ")
    assert "'infinity' cannot be read, and counts as empty; expected a date such as" in line
    assert all("cannot be read" in one for one in unread)


def test_a_counter_of_postgresql_that_was_set_back(postgresql_url: str, make_desk: Callable[..., Desk]) -> None:
    found = tampered(
        postgresql_url,
        make_desk,
        "SELECT setval(pg_get_serial_sequence('data_ticket', 'TicketNumber'), 2)",
        "SELECT setval(pg_get_serial_sequence('def_ticket_assign', 'Id'), 1, false)",
    )
    assert found == [
        "the counter of data_ticket: is at 2; expected 3 or more",
        "the counter of def_ticket_assign: is at 0; expected 1 or more",
    ]


def test_what_mariadb_takes_for_a_date_and_nobody_else(mariadb_url: str, make_desk: Callable[..., Desk]) -> None:
    found = tampered(
        mariadb_url,
        make_desk,
        "SET SESSION sql_mode = ''",
        "UPDATE data_ticket SET SlaPausedAt = '0000-00-00 00:00:00', SlaResponseMet = 'q' WHERE TicketNumber = 2",
    )
    assert [line.partition(", where")[0] for line in found] == [
        "ticket 2, data_ticket.SlaResponseMet",
        "ticket 2, data_ticket.SlaPausedAt",
    ]
    assert "'0000-00-00 00:00:00.000000' cannot be read, and counts as empty" in found[1]


def test_a_word_of_mariadb_that_is_none_of_the_list(mariadb_url: str, make_desk: Callable[..., Desk]) -> None:
    found = tampered(
        mariadb_url,
        make_desk,
        "SET SESSION check_constraint_checks = 0",
        "UPDATE data_ticket SET Priority = 'URGENT' WHERE TicketNumber = 2",
    )
    assert any("'URGENT' cannot be read, and counts as empty; expected one of CRITICAL, HIGH" in line for line in found)
    assert any(line.startswith("Ticket with guid ") and "cannot be read" in line for line in found)
