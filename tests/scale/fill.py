"""Fills a store with many tickets and their history, by statements that make the rows on the spot.

What is open stays the same however many tickets there are, as with a team that finishes what it begins: the newest
tickets are open, and some of them overdue. Each rare word is in as many tickets, and one word is in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.schema import CreateIndex, DropIndex

from ticketcore.adapters.sql.tables import history, ticket
from ticketcore.desk import Desk

END = datetime(2026, 3, 1, tzinfo=UTC)
"""When the last ticket was created; before it, one came every half minute."""
NOW = END + timedelta(seconds=30)

OPEN = 2_000
OF_A_WORD = 20
"""In how many tickets each rare word is."""
WORKERS = 100

_ACTIVE = ("NEW", "TRIAGED", "IN_PROGRESS", "ON_HOLD", "ESCALATED")
_PRIORITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO")
_PACKAGES = ("CORE", "SHOP", "BILLING", "")


_FLAGS = {"IsStaff": "'N'", "Active": "'Y'"}


@frozen
class Dialect:
    """How an engine says the same thing."""

    numbers: str
    """Where the numbers from one to ``{size}`` come from, as n."""
    padded: Callable[[str], str]
    after_end: Callable[[str], str]
    """The instant so many seconds after the end."""
    words: str
    """The statement that enters the words of ``{text}``, without where the numbers come from."""
    comment_words: str


_DIALECTS = {
    "sqlite": Dialect(
        numbers="(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {size}) SELECT n FROM s)",
        padded="printf('%012d', {})".format,
        after_end=(f"strftime('%Y-%m-%d %H:%M:%S', {END.timestamp():.0f} + ({{}}), 'unixepoch') || '.000000'").format,
        words="INSERT INTO data_ticket_search (rowid, Words) SELECT n, {text} FROM ",
        comment_words=(
            "INSERT INTO data_ticket_comment_search (CommentGuid, Words)"
            " SELECT {guid}, '=' || lower(hex({guid})) || ' looked' FROM "
        ),
    ),
    "postgresql": Dialect(
        numbers="generate_series(1, {size}) AS s(n)",
        padded="lpad(({})::text, 12, '0')".format,
        after_end=f"timestamp '{END:%Y-%m-%d %H:%M:%S}' + ({{}}) * interval '1 second'".format,
        words=(
            'INSERT INTO data_ticket_search ("TicketGuid", "Words") SELECT {guid}, string_to_array({text}, \' \') FROM '
        ),
        comment_words=(
            'INSERT INTO data_ticket_comment_search ("CommentGuid", "Words")'
            " SELECT {guid}, ARRAY['looked', 'x' || n] FROM "
        ),
    ),
}


def person(i: int) -> str:
    """Return the guid of one of the workers."""
    return f"00000000-0000-7000-8000-{i:012}"


def fill(desk: Desk, url: str, size: int) -> None:
    """Store ``size`` tickets with a row of history each, and the people who work on them."""
    desk.queries.get_status_summary()  # makes the tables
    engine = sa.create_engine(url)
    dialect = _DIALECTS[engine.dialect.name]
    numbers, is_sqlite = dialect.numbers.format(size=size), engine.dialect.name == "sqlite"
    indexes = sorted([*ticket.indexes, *history.indexes], key=lambda index: str(index.name))
    with engine.begin() as connection:
        for index in indexes:
            connection.execute(DropIndex(index))
        for table, row in (("data_ticket", _ticket(dialect, size)), ("data_ticket_history", _entry(dialect, size))):
            connection.exec_driver_sql(_insert(table, row, numbers, connection))
        words = dialect.words.format(guid=_guid(dialect), text=_text(size).replace("Ticket", "ticket")) + numbers
        connection.exec_driver_sql(words if is_sqlite else words.replace("%", "%%"))
        for index in indexes:
            connection.execute(CreateIndex(index))
        if not is_sqlite:
            connection.exec_driver_sql(f"SELECT setval('\"data_ticket_TicketNumber_seq\"', {size})")
        _add_people(connection)
    _tidy(engine)


def _guid(dialect: Dialect, kind: int = 1) -> str:
    return f"'0000000{kind}-0000-7000-8000-' || {dialect.padded('n')}"


def _text(size: int) -> str:
    return f"'Ticket common rare' || (n % {max(1, size // OF_A_WORD)})"


def _one_of(values: Iterable[str], place: str) -> str:
    cases = " ".join(f"WHEN {i} THEN '{value}'" for i, value in enumerate(values))
    return f"CASE {place} {cases} END"


def _ticket(dialect: Dialect, size: int) -> dict[str, str]:
    """Return the columns of a ticket, and how the one with the number n has them."""
    is_open, age = f"n > {size - OPEN}", f"(n - {size}) * 30"
    closed = "CASE WHEN n % 10 = 0 THEN 'CANCELLED' WHEN n % 10 < 4 THEN 'RESOLVED' ELSE 'CLOSED' END"
    decided = "WHEN n % 10 = 0 THEN NULL WHEN n % 40 = {} THEN 'N' ELSE 'Y' END"
    worker = "'00000000-0000-7000-8000-' || " + dialect.padded(f"(n / 5) % {WORKERS}")
    return {
        "Guid": _guid(dialect),
        "TicketNumber": "n",
        "Package": _one_of(_PACKAGES, "(n / 7) % 4"),
        "Project": "''",
        "Subject": _text(size),
        "Description": "'It has blinked since this morning, and nobody knows why. Please have a look at it.'",
        "Status": f"CASE WHEN {is_open} THEN {_one_of(_ACTIVE, 'n % 5')} ELSE {closed} END",
        "Priority": _one_of(_PRIORITIES, "(n / 3) % 5"),
        "TicketType": "'USER'",
        "RequestedBy": "'ada@example.com'",
        "RequestedByType": "'EMAIL'",
        "AssignedTo": f"CASE WHEN n % 50 = 0 THEN '' ELSE {worker} END",
        "ProblemAnalysis": "''",
        "SlaResponseDeadline": dialect.after_end(f"{age} + 900"),
        "SlaResolutionDeadline": f"CASE WHEN n % 20 <> 7 THEN {dialect.after_end(f'{age} + 57600')} END",
        "SlaResponseMet": f"CASE WHEN {is_open} AND n % 50 = 0 THEN NULL {decided.format(1)}",
        "SlaResolutionMet": f"CASE WHEN {is_open} OR n % 20 = 7 THEN NULL {decided.format(2)}",
        "CreatedDate": dialect.after_end(age),
        "UpdatedDate": dialect.after_end(
            f"CASE WHEN {is_open} THEN {age} ELSE {age} + 90000 + (n % 1000) * 7919 % 86400 END"
        ),
        "Watchers": "''",
        "MergedGuids": "''",
        "RowVersion": "1",
        "SlaPausedAt": f"CASE WHEN {is_open} AND n % 5 = 3 THEN {dialect.after_end(f'{age} + 600')} END",
    }


def _entry(dialect: Dialect, size: int) -> dict[str, str]:
    """Return the columns of the first row of a ticket's history."""
    digest = f"'{'0' * 52}' || {dialect.padded('n')}"
    return {
        "Guid": _guid(dialect, kind=2),
        "TicketGuid": _guid(dialect),
        "Action": "'CREATED'",
        "NewValue": """'{"subject": "Ticket", "status": "NEW", "priority": "HIGH", "package": "CORE"}'""",
        "ActionBy": "'ada@example.com'",
        "Package": "'CORE'",
        "ActionDate": dialect.after_end(f"(n - {size}) * 30"),
        "Seq": "1",
        "Field": "''",
        "Note": "''",
        "Salt": "'00000000000000000000000000000000'",
        "PrevHash": "''",
        "Hash": digest,
    }


def _add_people(connection: sa.Connection) -> None:
    for i in range(WORKERS):
        values = f"'{person(i)}', 'Worker {i}', 'worker{i}@example.com', 'Y', 'Y'"
        connection.exec_driver_sql(
            f'INSERT INTO def_person ("PersonGuid", "Name", "Email", "IsStaff", "Active") VALUES ({values})'  # noqa: S608
        )
        values = f"'worker{i}', 'worker{i}@example.com', '{person(i)}', 'Y'"
        connection.exec_driver_sql(
            f'INSERT INTO sys_user ("Username", "Email", "PersonGuid", "Active") VALUES ({values})'  # noqa: S608
        )


def fill_below(url: str, size: int) -> None:
    """Store something of each kind below each of ``size`` tickets, and a message about it that was delivered."""
    engine = sa.create_engine(url)
    dialect = _DIALECTS[engine.dialect.name]
    numbers, at = dialect.numbers.format(size=size), dialect.after_end(f"(n - {size}) * 30")
    below = {"Guid": _guid(dialect, kind=3), "TicketGuid": _guid(dialect), "Package": "'CORE'", "CreatedDate": at}
    work = {"Description": "''", "AssignedTo": "''", "PrId": "''", "PrRepo": "''", "PrUrl": "''", "SortOrder": "1"}
    asked = {"PersonGuid": "NULL", "Email": "'ada@example.com'", "Role": "''", "Note": "''", "RequestedBy": "''"}
    told = {"NotifyCode": "'CREATED'", "Channel": "'email'", "Recipient": "''", "Payload": "'{}'", "LastError": "''"}
    tables = {
        "data_ticket_comment": below | {"Text": "'Looked'", "CommentedBy": "'ada'", "IsInternal": "'N'"},
        "data_ticket_task": below | work | {"Name": "'Look'", "Status": "'OPEN'", "UpdatedDate": at},
        "data_ticket_link": {name: value for name, value in below.items() if name != "TicketGuid"}
        | {
            "SourceGuid": _guid(dialect),
            "TargetGuid": f"'00000001-0000-7000-8000-' || {dialect.padded(f'n % {size} + 1')}",
            "LinkType": "'RELATES_TO'",
            "CreatedBy": "'ada'",
        },
        "data_ticket_time": below | {"PersonEmail": "'ada@example.com'", "DurationMinutes": "5", "Description": "''"},
        "data_ticket_signoff": {name: value for name, value in below.items() if name != "CreatedDate"}
        | asked
        | {"Status": "'PENDING'", "RequestedDate": at},
        "data_ticket_pull_request": {name: value for name, value in below.items() if name != "Guid"}
        | {"PrKey": f"'github:acme/shop#' || {dialect.padded('n')}"},
        "data_ticket_version": below | {"Version": "1", "HistorySeq": "1", "Changes": "'{}'", "ChangedBy": "'ada'"},
        "sys_outbox": below | told | {"State": "'DELIVERED'", "Attempts": "1", "NextAttempt": at},
    }
    someone = dialect.padded("n")
    tables["def_person"] = {"PersonGuid": f"'x' || {someone}", "Name": "'X'", "Email": f"'x@' || {someone}"} | _FLAGS
    tables["sys_user"] = {"Username": f"'x' || {someone}", "Email": f"'x@' || {someone}", "Active": "'Y'"}
    words = dialect.comment_words.format(guid=_guid(dialect, kind=3)) + numbers
    with engine.begin() as connection:
        for table, row in tables.items():
            connection.exec_driver_sql(_insert(table, row, numbers, connection))
        connection.exec_driver_sql(words if engine.dialect.name == "sqlite" else words.replace("%", "%%"))
    _tidy(engine)


def _tidy(engine: sa.Engine) -> None:
    """Leave the store as it is after a while, with what the engine learns of its rows by itself."""
    tidying = "PRAGMA wal_checkpoint(TRUNCATE)" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(tidying)
    engine.dispose()


def _insert(table: str, row: dict[str, str], numbers: str, connection: sa.Connection) -> str:
    columns, values = ", ".join(f'"{name}"' for name in row), ", ".join(row.values())
    statement = f"INSERT INTO {table} ({columns}) SELECT {values} FROM {numbers}"  # noqa: S608 - our own names
    return statement if connection.dialect.name == "sqlite" else statement.replace("%", "%%")
