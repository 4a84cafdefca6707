"""A database whose tables another program has made by hand: taken over, with its rows, and nothing of it changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from ticketcore.adapters.sql.tables import metadata
from ticketcore.cli.main import cli
from ticketcore.desk import Desk
from ticketcore.domain.history import verify_whole
from ticketcore.errors import RejectedError, RepositoryError, SchemaError
from ticketcore.ports.adoption import Fit

MakeDesk = Callable[..., Desk]

ONE, TWO = "0b5f9a3e-0000-4000-8000-000000000001", "0b5f9a3e-0000-4000-8000-000000000002"

COLUMNS = """
  Package {char}(255), Project VARCHAR(255), Subject VARCHAR(500), Description TEXT,
  Status {status} NOT NULL DEFAULT 'NEW', Priority {priority} NOT NULL DEFAULT 'MEDIUM',
  TicketType {type} NOT NULL DEFAULT 'USER', RequestedBy VARCHAR(255),
  RequestedByType {by} NOT NULL DEFAULT 'INTERNAL', AssignedTo VARCHAR(255), ProblemAnalysis TEXT, WorkScore INT,
  SlaResponseDeadline {date}, SlaResolutionDeadline {date}, SlaResponseMet {char}(2), SlaResolutionMet {char}(2),
  CreatedDate {date}, UpdatedDate {date}, ResolvedDate {date}, ClosedDate {date}, Watchers TEXT, MergedGuids TEXT,
  EstimatedDate {date}
"""
OTHERS = """
CREATE TABLE data_ticket_history (Guid {char}(50) PRIMARY KEY, TicketGuid {char}(50), Action VARCHAR(100),
  OldValue TEXT, NewValue TEXT, ActionBy VARCHAR(255), Package {char}(255), ActionDate {date}){options};
CREATE TABLE data_ticket_time (Guid {char}(50) PRIMARY KEY, TicketGuid {char}(50), PersonEmail VARCHAR(255),
  StartTime {date}, EndTime {date}, DurationMinutes INT, Description TEXT, Package {char}(255),
  CreatedDate {date}){options};
CREATE TABLE def_ticket_assign (Id {counter}, Package {char}(255), Project VARCHAR(255), Priority VARCHAR(20),
  TicketType VARCHAR(50), AssignTo VARCHAR(255), Active {char}(2)){options};
CREATE TABLE def_ticket_sla (Id {counter}, Package {char}(255) NOT NULL, Priority VARCHAR(20) NOT NULL,
  TicketType VARCHAR(50) DEFAULT '' NOT NULL, ResponseMinutes INT NOT NULL, ResolutionMinutes INT NOT NULL,
  EscalationContact VARCHAR(255) DEFAULT '' NOT NULL, Active {char}(2) DEFAULT 'Y' NOT NULL){options};
INSERT INTO data_ticket_history VALUES
  ('h2', '{one}', 'STATUS_CHANGE', 'NEW', 'IN_PROGRESS', 'bob', 'CORE', '2026-01-06 09:30:00'),
  ('h1', '{one}', 'CREATED', NULL, 'Printer on fire', 'ann', 'CORE', '2026-01-05 09:00:00');
INSERT INTO data_ticket_time VALUES
  ('t1', '{one}', 'bob@example.com', NULL, NULL, 45, 'fixing', 'CORE', '2026-01-06 09:30:00');
INSERT INTO def_ticket_assign VALUES (3, 'CORE', '', 'HIGH', '', 'ops@example.com', 'Y');
INSERT INTO def_ticket_sla (Id, Package, Priority, ResponseMinutes, ResolutionMinutes)
  VALUES (2, 'CORE', 'HIGH', 60, 480);
"""
ROW = """INSERT INTO data_ticket (TicketNumber, Guid, Package, Project, Subject, Description, Status, Priority,
  TicketType, RequestedBy, RequestedByType, AssignedTo, ProblemAnalysis, CreatedDate, UpdatedDate, Watchers,
  MergedGuids) VALUES ({number}, '{guid}', 'CORE', 'INFRA', '{subject}', 'It burns', '{status}', 'HIGH', 'BUG',
  'ann@example.com', 'EMAIL', 'bob@example.com', '', '2026-01-05 09:00:00', '2026-01-06 09:30:00',
  'w@example.com, v@example.com', '')"""
ROWS = (
    ROW.format(number=17, guid=ONE, subject="Printer on fire", status="IN_PROGRESS"),
    ROW.format(number=18, guid=TWO, subject="Another one", status="NEW"),
)
MARIADB = {
    "char": "CHAR",
    "date": "DATETIME",
    "counter": "INT NOT NULL AUTO_INCREMENT PRIMARY KEY",
    "status": "ENUM('NEW','TRIAGED','IN_PROGRESS','ON_HOLD','ESCALATED','RESOLVED','CLOSED','CANCELLED')",
    "priority": "ENUM('CRITICAL','HIGH','MEDIUM','LOW','INFO')",
    "type": "ENUM('USER','INTERNAL','BUG','FEATURE')",
    "by": "ENUM('INTERNAL','EMAIL','SYSTEM')",
    "options": " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci",
    "key": "Guid CHAR(50) NOT NULL PRIMARY KEY, TicketNumber INT NOT NULL AUTO_INCREMENT UNIQUE",
}
SQLITE = {
    "char": "CHAR",
    "date": "DATETIME",
    "counter": "INTEGER PRIMARY KEY AUTOINCREMENT",
    **dict.fromkeys(("status", "priority", "type", "by"), "VARCHAR(20)"),
    "options": "",
    "key": "TicketNumber INTEGER PRIMARY KEY AUTOINCREMENT, Guid CHAR(50) NOT NULL UNIQUE",
}
POSTGRESQL = SQLITE | {
    "char": "VARCHAR",
    "date": "TIMESTAMP",
    "counter": "SERIAL PRIMARY KEY",
    "key": "Guid VARCHAR(50) NOT NULL PRIMARY KEY, TicketNumber SERIAL UNIQUE",
}
DIALECTS = {"mariadb": MARIADB, "sqlite": SQLITE, "postgresql": POSTGRESQL}


def run_on(url: str, *statements: str) -> list[Any]:
    """Run statements as another program does, and return the rows of the last one."""
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            if engine.dialect.name in ("mariadb", "mysql"):
                connection.exec_driver_sql("SET SESSION sql_mode = ''")
            rows: list[Any] = []
            for statement in statements:
                result = connection.exec_driver_sql(statement.replace("%", "%%"))
                rows = [tuple(row) for row in result] if result.returns_rows else []
        return rows
    finally:
        engine.dispose()


def make_theirs(url: str, *rows: str, **other: str) -> None:
    """Make the specified tables as somebody does by hand, with some rows."""
    words = DIALECTS[url.partition(":")[0].partition("+")[0]] | {"one": ONE} | other
    tables = f"CREATE TABLE data_ticket ({{key}}, {COLUMNS}){{options}};{OTHERS}".format(**words)
    if url.startswith("postgresql"):
        tables, rows = quoted(tables), tuple(quoted(row) for row in rows)
    run_on(url, *filter(str.strip, tables.split(";\n")), *rows)


NAMES = {column.name for table in metadata.tables.values() for column in table.columns}


def quoted(text: str) -> str:
    """Return statements with the names of columns in quotes, without which PostgreSQL keeps them in small letters."""
    return re.sub(r"\b[A-Z]\w+", lambda found: f'"{found[0]}"' if found[0] in NAMES else found[0], text)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, sqlite_file: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{sqlite_file}"
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def theirs(url: str) -> dict[str, list[Any]]:
    """Return the rows of the tables that were there, and how their columns are declared, without what came later."""
    engine = sa.create_engine(url)
    found: dict[str, list[Any]] = {}
    try:
        with engine.begin() as connection:
            known = sa.inspect(connection)
            for name, columns in OLD.items():
                if not known.has_table(name):
                    continue
                listed = ", ".join(engine.dialect.identifier_preparer.quote(column) for column in columns)
                rows = connection.exec_driver_sql(f"SELECT {listed} FROM {name} ORDER BY 1")  # noqa: S608 - our own names
                own = [column for column in known.get_columns(name) if column["name"] in columns]
                declared = [(one["name"], str(one["type"]), one["nullable"], one["default"]) for one in own]
                found[name] = [*declared, *(tuple(row) for row in rows if "ADOPTED" not in tuple(row))]
    finally:
        engine.dispose()
    return found


def _old_columns() -> dict[str, tuple[str, ...]]:
    text = f"CREATE TABLE data_ticket (Guid X, TicketNumber X, {COLUMNS}){{options}};{OTHERS}"
    return {
        found[1]: tuple(
            name for name in re.findall(r"(?:^|[(,\s])([A-Z][A-Za-z]+)(?= [A-Z{])", found[2]) if name in NAMES
        )
        for found in re.finditer(r"CREATE TABLE (\w+) \((.*?)\)\{options\}", text, re.DOTALL)
    }


OLD = _old_columns()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs a command line on a database."""
    monkeypatch.setenv("TICKETCORE_BY", "ann")

    def call(url: str, *arguments: str) -> Result:
        config = tmp_path / "desk.yaml"
        config.write_text(f"database: {{url: '{url}'}}\nemail: {{folder: mail}}\n", encoding="utf-8")
        monkeypatch.setenv("TICKETCORE_CONFIG", str(config))
        return CliRunner().invoke(cli, arguments, prog_name="ticketcore")

    return call


def numbers(desk: Desk, search: str) -> list[int]:
    return [ticket.ticket_number for ticket in desk.queries.search(search)]


def test_a_desk_works_on_what_was_there(make_desk: MakeDesk, url: str) -> None:
    make_theirs(url, *ROWS)
    assert len(OLD["data_ticket"]) == 25
    before = theirs(url)
    desk = make_desk(url)
    report = desk.adopt_store(action_by="ann")
    assert report.ready
    assert theirs(url) == before
    first = desk.tickets.read(17)
    assert (first.guid, first.subject, first.status, first.row_version) == (ONE, "Printer on fire", "IN_PROGRESS", 1)
    assert first.watchers == ("w@example.com", "v@example.com")
    assert numbers(desk, "burns") == [18, 17]
    rows = desk.queries.get_history(17)
    assert [(row.seq, row.action) for row in rows] == [(1, "CREATED"), (2, "STATUS_CHANGE"), (3, "ADOPTED")]
    assert (rows[2].action_by, json.loads(rows[2].new_value or "")["subject"]) == ("ann", "Printer on fire")
    assert verify_whole(rows) == []
    assert desk.time.get_total_time(17) == 45
    desk.tickets.change_status(17, "ON_HOLD", action_by="bob")
    desk.tickets.escalate(18, action_by="bob")
    desk.comments.add_comment(18, "is a charm", commented_by="bob")
    assert desk.queries.get_status_summary("CORE")["ON_HOLD"] == 1
    new = desk.tickets.create("new", priority="HIGH", action_by="ann")
    assert (new.ticket_number, new.assigned_to) == (19, "ops@example.com")
    assert numbers(desk, "charm") == [18]


def test_looking_changes_nothing_and_says_everything(run: Callable[..., Result], url: str) -> None:
    make_theirs(url, *ROWS)
    before = theirs(url)
    result = run(url, "db", "adopt", "--dry-run")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "missing: data_ticket_comment: the table" in lines
    assert "missing: data_ticket.RowVersion: the column, 1 in the rows that are there" in lines
    assert lines[-1].endswith("can be adopted; nothing was changed")
    assert theirs(url) == before
    assert json.loads(run(url, "db", "status", "--json").stdout)["state"] == "foreign"
    assert run(url, "list").exit_code == 1


def test_the_command_says_what_it_added_and_once_is_enough(run: Callable[..., Result], url: str) -> None:
    make_theirs(url, *ROWS)
    result = run(url, "db", "adopt")
    assert result.exit_code == 0, result.output
    assert "added: data_ticket_comment: the table" in result.stdout.splitlines()
    assert result.stdout.splitlines()[-1].endswith(" is ready")
    again = run(url, "db", "adopt", "--json")
    report = json.loads(again.stdout)
    assert (report["ready"], report["notes"], again.exit_code) == (True, [], 0)
    shown = json.loads(run(url, "history", "17", "--json").stdout)
    assert [row["action"] for row in shown] == ["CREATED", "STATUS_CHANGE", "ADOPTED"]


class _KilledError(BaseException):
    pass


@pytest.fixture
def killed() -> Iterator[Callable[[int | None], None]]:
    """Return a function that lets the process die before so many more statements have run."""
    left: list[int] = []

    def die(*_: object) -> None:
        if left:
            left[0] -= 1
            if left[0] < 0:
                raise _KilledError

    def arm(count: int | None) -> None:
        left[:] = [] if count is None else [count]

    sa.event.listen(sa.Engine, "before_cursor_execute", die)
    yield arm
    sa.event.remove(sa.Engine, "before_cursor_execute", die)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_it_goes_on_where_it_was_interrupted(
    make_desk: MakeDesk, url: str, killed: Callable[[int | None], None], tmp_path: Path, share: float
) -> None:
    make_theirs(url, *ROWS)
    before = theirs(url)
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    trial = f"sqlite:///{tmp_path / 'trial.db'}"
    make_theirs(trial, *ROWS)
    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    make_desk(trial).adopt_store(action_by="ann")
    sa.event.remove(sa.Engine, "before_cursor_execute", count)
    killed(int(statements * share))
    try:
        make_desk(url).adopt_store(action_by="ann")
    except _KilledError:
        killed(None)
        assert make_desk(url).store_status().state != "ready"
    killed(None)
    desk = make_desk(url)
    assert desk.adopt_store(action_by="ann").ready
    assert theirs(url) == before
    assert [row.action for row in desk.queries.get_history(17)] == ["CREATED", "STATUS_CHANGE", "ADOPTED"]
    assert verify_whole(desk.queries.get_history(17)) == []
    assert numbers(desk, "burns") == [18, 17]


def test_everything_that_does_not_fit_is_said_at_once(
    make_desk: MakeDesk, mariadb_url: str, run: Callable[..., Result]
) -> None:
    make_theirs(
        mariadb_url,
        *ROWS,
        ROW.format(number=17, guid="short", subject="again", status="NEW"),
        "ALTER TABLE data_ticket_history ENGINE=MyISAM",
        "ALTER TABLE data_ticket_time ADD COLUMN Billed INT NOT NULL, MODIFY COLUMN EndTime DATETIME NOT NULL",
        "UPDATE data_ticket SET CreatedDate = '0000-00-00' WHERE Guid = 'short'",
        "UPDATE data_ticket SET Status = 'WAITING' WHERE Guid = 'short'",
        key="Guid CHAR(20) NOT NULL, TicketNumber INT",
        status="VARCHAR(20)",
    )
    before = theirs(mariadb_url)
    with pytest.raises(SchemaError) as error:
        make_desk(mariadb_url).adopt_store(action_by="ann")
    words = "NEW, TRIAGED, IN_PROGRESS, ON_HOLD, ESCALATED, RESOLVED, CLOSED, CANCELLED"
    table = "data_ticket_history"
    for line in (
        "data_ticket.Guid: has 20 characters; a guid has 36",
        "data_ticket.TicketNumber: 2 rows have 17; each has to be there once",
        "data_ticket.CreatedDate: is no date where Guid is short (put a date there (UTC))",
        f"data_ticket.Status: is 'WAITING' where Guid is short (put one of {words} there)",
        f"{table}: is kept by MyISAM, which has no transactions (ALTER TABLE {table} ENGINE=InnoDB)",
        "data_ticket_time.Billed: has no default, so no row could be added here (give it one, or allow NULL)",
        "data_ticket_time.EndTime: has to be allowed to be NULL, which is what stands there while undecided",
    ):
        assert line in error.value.message.splitlines()
    result = run(mariadb_url, "db", "adopt", "--dry-run")
    assert result.exit_code == 1
    assert "wrong: data_ticket.Guid: has 20 characters; a guid has 36" in result.stdout.splitlines()
    assert result.stderr == "Error: 8 things have to be put right before\n"
    assert theirs(mariadb_url) == before


def test_numbers_begin_to_count_where_they_did_not(make_desk: MakeDesk, mariadb_url: str) -> None:
    make_theirs(mariadb_url, *ROWS, key="Guid CHAR(50) NOT NULL, TicketNumber BIGINT UNSIGNED")
    desk = make_desk(mariadb_url)
    notes = [str(note) for note in desk.adopt_store(action_by="ann").notes if note.fit is Fit.ADDS]
    assert "data_ticket.TicketNumber: it begins to count up above the highest number that is there" in notes
    assert "data_ticket.Guid, TicketNumber: the rule that it is there once" in notes
    assert desk.tickets.create("new", action_by="ann").ticket_number == 19
    with pytest.raises(sa.exc.IntegrityError):
        run_on(mariadb_url, ROWS[0])


def test_numbers_begin_to_count_on_postgresql_too(make_desk: MakeDesk, postgresql_url: str) -> None:
    make_theirs(postgresql_url, *ROWS, key="Guid VARCHAR(50) NOT NULL, TicketNumber INTEGER")
    desk = make_desk(postgresql_url)
    desk.adopt_store(action_by="ann")
    assert desk.tickets.create("new", action_by="ann").ticket_number == 19


def test_a_date_that_changes_by_itself_stays_as_it_was(make_desk: MakeDesk, mariadb_url: str) -> None:
    moving = "TIMESTAMP NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp()"
    make_theirs(mariadb_url, *ROWS)
    run_on(mariadb_url, f"ALTER TABLE data_ticket_history MODIFY ActionDate {moving}")
    make_desk(mariadb_url).adopt_store(action_by="ann")
    dates = run_on(mariadb_url, "SELECT Guid, ActionDate FROM data_ticket_history WHERE Guid LIKE 'h_' ORDER BY Guid")
    assert dates == [("h1", datetime(2026, 1, 5, 9, 0)), ("h2", datetime(2026, 1, 6, 9, 30))]  # noqa: DTZ001 - as stored


def test_columns_that_are_missing_are_made_up_for(make_desk: MakeDesk, url: str) -> None:
    make_theirs(url, *ROWS)
    gone = ("UpdatedDate", "Watchers", "MergedGuids", "EstimatedDate", "Project")
    run_on(url, *(f"ALTER TABLE data_ticket DROP COLUMN {name_in(url, name)}" for name in gone))
    desk = make_desk(url)
    desk.adopt_store(action_by="ann")
    ticket = desk.tickets.read(17)
    assert ticket.updated_date == ticket.created_date == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    assert (ticket.watchers, ticket.merged_guids, ticket.estimated_date, ticket.project) == ((), (), None, "")


def name_in(url: str, name: str) -> str:
    return f'"{name}"' if url.startswith("postgresql") else name


@pytest.mark.parametrize(
    ("make", "message"), [((), "has no table data_ticket"), (("CREATE TABLE t (a INT)",), "has no")]
)
def test_what_has_no_such_table_is_refused(make_desk: MakeDesk, url: str, make: tuple[str, ...], message: str) -> None:
    if make:
        run_on(url, *make)
    with pytest.raises(SchemaError, match=message):
        make_desk(url).adopt_store(action_by="ann", dry_run=True)
    with pytest.raises(SchemaError, match=message):
        make_desk(url).adopt_store(action_by="ann")
    assert make_desk(url).store_status().state == ("foreign" if make else "missing")


def test_a_database_with_a_version_of_another_program_is_refused(make_desk: MakeDesk, url: str) -> None:
    make_theirs(url, *ROWS)
    run_on(url, "CREATE TABLE alembic_version (version_num VARCHAR(32))", "INSERT INTO alembic_version VALUES ('ae10')")
    with pytest.raises(SchemaError, match="has an alembic_version with version ae10"):
        make_desk(url).adopt_store(action_by="ann")
    assert run_on(url, "SELECT version_num FROM alembic_version") == [("ae10",)]


def test_a_store_of_another_kind_and_a_nobody_are_refused(make_desk: MakeDesk, sqlite_file: Path) -> None:
    with pytest.raises(RepositoryError, match="a store of the kind memory cannot be adopted"):
        make_desk("memory:").adopt_store(action_by="ann")
    with pytest.raises(RejectedError, match="action_by"):
        make_desk(f"sqlite:///{sqlite_file}").adopt_store(action_by=" ")


@pytest.mark.parametrize("date", ["2026-02-30 12:00:00", "2026-05-01 25:00:00", "soon", ""])
def test_sqlite_is_told_of_what_is_no_date(make_desk: MakeDesk, sqlite_file: Path, date: str) -> None:
    url = f"sqlite:///{sqlite_file}"
    make_theirs(url, *ROWS, f"UPDATE data_ticket SET CreatedDate = '{date}' WHERE TicketNumber = 17")  # noqa: S608
    with pytest.raises(SchemaError, match=r"data_ticket.CreatedDate: is no date where Guid is"):
        make_desk(url).adopt_store(action_by="ann")


def test_sqlite_is_told_what_it_cannot_be_taught(make_desk: MakeDesk, sqlite_file: Path) -> None:
    url = f"sqlite:///{sqlite_file}"
    make_theirs(url, *ROWS, key="Guid CHAR(50) PRIMARY KEY, TicketNumber INT UNIQUE")
    with pytest.raises(SchemaError, match="TicketNumber: does not count up, and SQLite cannot be told to"):
        make_desk(url).adopt_store(action_by="ann")


def test_postgresql_is_told_what_it_would_fill_up(make_desk: MakeDesk, postgresql_url: str) -> None:
    make_theirs(postgresql_url, *ROWS, char="CHAR")
    with pytest.raises(SchemaError, match=r"Package: is CHAR\(255\), which adds blanks to what is stored"):
        make_desk(postgresql_url).adopt_store(action_by="ann")


def test_a_ready_store_stays_as_it_is(make_desk: MakeDesk, url: str) -> None:
    desk = make_desk(url)
    desk.tickets.create("one", action_by="ann")
    report = desk.adopt_store(action_by="ann")
    assert (report.ready, report.notes) == (True, ())
    assert [row.action for row in desk.queries.get_history(1)] == ["CREATED"]
