"""Where database engines differ: what a desk stores and finds is the same on all of them, and so is what goes wrong."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve
from click.testing import CliRunner, Result
from sqlalchemy.engine import URL, make_url

from ticketcore import open_desk
from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.adapters.system import SystemIds
from ticketcore.cli.main import cli
from ticketcore.config.schema import Config
from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.people import Person
from ticketcore.domain.query import Condition, Op, Order, Query, eq
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import (
    ConfigError,
    ConflictError,
    RejectedError,
    RepositoryBusyError,
    RepositoryError,
    RepositoryLostError,
    TicketcoreError,
)
from ticketcore.testing.records import NOW, make_history_entry, make_outbox_message, make_person, make_ticket

MakeDesk = Callable[..., Desk]
PASSWORD = "p@ss:w/o?r#d%&20 ü"


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, sqlite_file: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{sqlite_file}"
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture(params=["postgresql", "mariadb"])
def server_url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def make_repository() -> Iterator[Callable[..., SqlRepository]]:
    """Return a function that opens a database, which is closed after the test."""
    opened: list[SqlRepository] = []

    def make(url: str, timeout: float = 10.0) -> SqlRepository:
        opened.append(SqlRepository(url, timeout=timeout))
        return opened[-1]

    yield make
    for repository in opened:
        repository.close()


MakeRepository = Callable[..., SqlRepository]


@pytest.fixture
def repository(make_repository: MakeRepository, url: str) -> SqlRepository:
    return make_repository(url)


def is_mariadb(url: str) -> bool:
    return url.startswith("mariadb")


def run_on(url: str, *statements: str) -> list[Any]:
    """Run statements as an administrator does, each by itself, and return the rows of the last one."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            rows: list[Any] = []
            for statement in statements:
                result = connection.execute(sa.text(statement.replace(":", "\\:")))
                rows = [tuple(row) for row in result] if result.returns_rows else []
        return rows
    finally:
        engine.dispose()


def store(repository: SqlRepository, *records: Any) -> None:
    with repository.transaction() as tx:
        for record in records:
            tx.add(record)


def ticket_of(repository: SqlRepository, guid: str) -> Ticket | None:
    with repository.transaction(read_only=True) as tx:
        return tx.get(Ticket, guid)


# What is stored comes back as it was, and is found as what it is.

LIKE = ("a", "A", "a ", " a", "e", "é", "e\u0301", "ss", "ß", "İ", "i", "\U0001f600", "\U0001f3ab", "\uffff", "Z", "z")


def test_texts_differ_by_every_character_and_sort_by_code_point(repository: SqlRepository) -> None:
    store(repository, *(make_person(person_guid=f"p{i}", email=text, name=text) for i, text in enumerate(LIKE)))
    with repository.transaction(read_only=True) as tx:
        for text in LIKE:
            assert [person.email for person in tx.find(Query(Person, (eq("email", text),)))] == [text]
        ordered = [person.email for person in tx.find(Query(Person, order=(Order("email"),)))]
        assert ordered == sorted(LIKE)
        assert tx.count_by(Query(Person), "name") == dict.fromkeys(LIKE, 1)
        after = tx.find(Query(Person, order=(Order("email"),), after=("e",), limit=3))
        assert [person.email for person in after] == sorted(LIKE)[sorted(LIKE).index("e") + 1 :][:3]


def test_blanks_at_the_end_belong_to_a_key_and_to_a_package(repository: SqlRepository) -> None:
    store(
        repository,
        make_ticket(guid="g", ticket_number=0, package="P"),
        make_ticket(guid="g ", ticket_number=0, package="P "),
    )
    found = {guid: ticket_of(repository, guid) for guid in ("g", "g ", "g  ", "G")}
    assert [ticket and ticket.package for ticket in found.values()] == ["P", "P ", None, None]
    with repository.transaction(read_only=True) as tx:
        assert tx.count_by(Query(Ticket), "package") == {"P": 1, "P ": 1}


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 3, 2, 8, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, 0, 999_999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
    ids=str,
)
def test_instants_come_back_to_the_microsecond_however_far_away(repository: SqlRepository, instant: datetime) -> None:
    store(repository, make_ticket(guid="g", ticket_number=0, created_date=instant, estimated_date=instant))
    ticket = ticket_of(repository, "g")
    assert ticket is not None
    assert (ticket.created_date, ticket.estimated_date) == (instant, instant)
    with repository.transaction(read_only=True) as tx:
        assert tx.count(Query(Ticket, (eq("created_date", instant),))) == 1


def test_a_text_may_be_five_million_characters_long(repository: SqlRepository) -> None:
    text = "ab\U0001f3ab\n" * 1_250_000
    store(repository, make_ticket(guid="g", ticket_number=0, description=text))
    ticket = ticket_of(repository, "g")
    assert ticket is not None
    assert ticket.description == text


@pytest.mark.parametrize(
    "wrong",
    [{"subject": "x" * 501}, {"requested_by": "\U0001f3ab" * 256}, {"guid": "g" * 51}, {"work_score": 2**31}],
    ids=["subject", "requester", "guid", "score"],
)
def test_what_a_column_of_a_server_cannot_hold_is_refused_whole(
    make_repository: MakeRepository, server_url: str, wrong: dict[str, Any]
) -> None:
    repository = make_repository(server_url)
    record = make_ticket(**{"guid": "g", "ticket_number": 0, **wrong})
    with pytest.raises(RejectedError, match="a value does not fit into the database"):
        store(repository, make_person(), record)
    with repository.transaction(read_only=True) as tx:
        assert (tx.count(Query(Ticket)), tx.count(Query(Person))) == (0, 0)


def test_a_zero_byte_is_kept_or_refused_but_never_cuts_a_text(repository: SqlRepository, url: str) -> None:
    record = make_ticket(guid="g", ticket_number=0, description="before\0after")
    if url.startswith("postgresql"):
        with pytest.raises(RejectedError, match="does not fit into the database"):
            store(repository, record)
        assert ticket_of(repository, "g") is None
        return
    store(repository, record)
    found = ticket_of(repository, "g")
    assert found is not None
    assert found.description == "before\0after"


class UndoneError(Exception):
    pass


def test_numbers_leave_gaps_and_are_never_given_twice(repository: SqlRepository) -> None:
    given: list[int] = []

    def add(guid: str, *, fails: bool = False) -> int:
        with repository.transaction() as tx:
            given.append(tx.add(make_ticket(guid=guid, ticket_number=0)).ticket_number)
            if fails:
                raise UndoneError
            return given[-1]

    for i in range(3):
        add(f"g{i}")
    with pytest.raises(UndoneError):
        add("undone", fails=True)
    with repository.transaction() as tx:
        last = tx.get(Ticket, "g2")
        assert last is not None
        tx.remove(last)
    assert add("new") > last.ticket_number
    with repository.transaction() as tx:
        tx.add(make_ticket(guid="brought", ticket_number=500))
        assert tx.add(make_ticket(guid="behind", ticket_number=0)).ticket_number == 501


def test_two_who_claim_at_once_get_different_messages(make_repository: MakeRepository, server_url: str) -> None:
    one, other = make_repository(server_url), make_repository(server_url)
    store(one, *(make_outbox_message(guid=f"m{i}", next_attempt=NOW) for i in range(4)))
    where = (eq("state", OutboxState.PENDING), Condition("next_attempt", Op.LE, NOW))
    due = Query(OutboxMessage, where, (Order("next_attempt"), Order("guid")), limit=2)
    later = NOW + timedelta(minutes=5)
    with one.transaction() as tx:
        first = {message.guid for message in tx.claim(due, later)}
        with other.transaction() as tx_2:
            second = {message.guid for message in tx_2.claim(due, later)}
    assert len(first) == len(second) == 2
    assert not first & second


def test_a_word_that_is_none_is_refused_by_a_server_itself(make_repository: MakeRepository, server_url: str) -> None:
    repository = make_repository(server_url)
    store(repository, make_ticket(guid="g", ticket_number=0))
    column = "Status" if is_mariadb(server_url) else '"Status"'
    with pytest.raises(sa.exc.DBAPIError, match="ticket_status"):
        run_on(server_url, f"UPDATE data_ticket SET {column} = 'WAITING'")  # noqa: S608 - our own name


# However the server is set up.


def check_whole_life(desk: Desk) -> None:
    """Do with a ticket what most tickets see, and look whether everything is as it was told."""
    ticket = desk.tickets.create("Müller \U0001f3ab", description="naïve Größe", priority="HIGH", action_by="ann")
    desk.comments.add_comment(ticket.guid, "schön \U0001f600", commented_by="ann")
    desk.tickets.assign(ticket.guid, "bob", action_by="ann")
    desk.tickets.set_eta(ticket.guid, "2026-05-01", action_by="ann")
    desk.tickets.cancel(ticket.guid, action_by="ann")
    stored = desk.tickets.read(ticket.ticket_number)
    assert (stored.subject, stored.description) == ("Müller \U0001f3ab", "naïve Größe")
    assert stored.created_date == ticket.created_date == desk.queries.get_history(ticket)[0].action_date
    assert [found.guid for found in desk.queries.search("müller schön")] == [ticket.guid]
    assert desk.queries.search("muller") == []
    assert desk.queries.verify_history(ticket) == []
    assert desk.store.verify().flaws == 0


MARIADB_SETTINGS = {
    "time_zone": "'+05:30'",
    "sql_mode": "''",
    "autocommit": "0",
    "tx_isolation": "'READ-UNCOMMITTED'",
    "character_set_server": "latin1",
    "collation_connection": "latin1_german1_ci",
}


@pytest.fixture
def odd_mariadb(mariadb_url: str) -> Iterator[str]:
    """Return the URL of a database on a server whose defaults are others than ours."""
    names = ", ".join(f"@@GLOBAL.{name}" for name in MARIADB_SETTINGS)
    (before,) = run_on(mariadb_url, f"SELECT {names}")
    run_on(
        mariadb_url,
        "ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_german1_ci",
        *(f"SET GLOBAL {name} = {value}" for name, value in MARIADB_SETTINGS.items()),
    )
    yield mariadb_url
    for name, value in zip(MARIADB_SETTINGS, before, strict=True):
        run_on(mariadb_url, f"SET GLOBAL {name} = {value if isinstance(value, int) else repr(value)}")


def test_a_mariadb_with_other_defaults_makes_no_difference(make_desk: MakeDesk, odd_mariadb: str) -> None:
    check_whole_life(make_desk(odd_mariadb))
    with pytest.raises(RejectedError, match="Data too long"):
        store(SqlRepository(odd_mariadb), make_ticket(guid="g", ticket_number=0, subject="x" * 501))


def test_a_postgresql_with_other_defaults_makes_no_difference(make_desk: MakeDesk, postgresql_url: str) -> None:
    name = make_url(postgresql_url).database
    run_on(
        postgresql_url,
        f"ALTER DATABASE {name} SET timezone TO 'Asia/Kolkata'",
        f"ALTER DATABASE {name} SET default_transaction_isolation TO 'serializable'",
        f"ALTER DATABASE {name} SET datestyle TO 'German, DMY'",
        f"ALTER DATABASE {name} SET standard_conforming_strings TO on",
        f"ALTER DATABASE {name} SET client_encoding TO 'LATIN1'",
    )
    check_whole_life(make_desk(postgresql_url))


def test_a_postgresql_that_sorts_as_a_language_does_makes_no_difference(
    make_repository: MakeRepository, postgresql_url: str
) -> None:
    (known,) = run_on(
        postgresql_url, "SELECT collname FROM pg_collation WHERE collname IN ('en-x-icu', 'unicode') ORDER BY 1 LIMIT 1"
    )[0]
    builtin = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
    locale = "LOCALE_PROVIDER icu ICU_LOCALE 'en'" if "icu" in known else builtin
    name = f"{make_url(postgresql_url).database}_sorted"
    run_on(postgresql_url, f"CREATE DATABASE {name} TEMPLATE template0 {locale}")
    repository = make_repository(make_url(postgresql_url).set(database=name).render_as_string(hide_password=False))
    store(repository, *(make_person(person_guid=f"p{i}", email=text) for i, text in enumerate(LIKE)))
    with repository.transaction(read_only=True) as tx:
        assert [person.email for person in tx.find(Query(Person, order=(Order("email"),)))] == sorted(LIKE)


def test_what_is_larger_than_the_server_takes_is_refused_clearly(make_desk: MakeDesk, mariadb_url: str) -> None:
    ((before,),) = run_on(mariadb_url, "SELECT @@GLOBAL.max_allowed_packet")
    run_on(mariadb_url, f"SET GLOBAL max_allowed_packet = {2**20}")
    try:
        desk = make_desk(mariadb_url)
        with pytest.raises(
            RejectedError, match=r"bytes at once are more than max_allowed_packet of the server, 1048576"
        ):
            desk.tickets.create("large", description="x" * 2**20, action_by="ann")
        assert desk.tickets.create("small", action_by="ann").subject == "small"
    finally:
        run_on(mariadb_url, f"SET GLOBAL max_allowed_packet = {before}")


# What goes wrong is one clear message, without a password.


@contextmanager
def another_user(url: str, *rights: str, limit: str = "") -> Iterator[URL]:
    """Give the URL of a user with a password, who has only ``rights`` in a database; on PostgreSQL it is asked for."""
    admin, name = make_url(url), f"u{make_url(url).database}"[:30]
    escaped = PASSWORD.replace("'", "''")
    if is_mariadb(url):
        who = f"'{name}'@'localhost'"
        limited = f" WITH {limit}" if limit else ""
        run_on(url, f"CREATE USER {who} IDENTIFIED BY '{escaped}'{limited}")
        run_on(url, *(f"GRANT {right} ON {admin.database}.* TO {who}" for right in rights))
        yield admin.set(username=name, password=PASSWORD)
        run_on(url, f"DROP USER {who}")
        return
    run_on(url, f"CREATE ROLE {name} LOGIN {limit} PASSWORD '{escaped}'")
    run_on(url, *(f"GRANT {right} ON ALL TABLES IN SCHEMA public TO {name}" for right in rights))
    rules = Path(str(admin.query["host"])) / "pg_hba.conf"
    before = rules.read_text(encoding="utf-8")
    rules.write_text(f"local all {name} scram-sha-256\n{before}", encoding="utf-8")
    run_on(url, "SELECT pg_reload_conf()")
    yield admin.set(username=name, password=PASSWORD)
    rules.write_text(before, encoding="utf-8")
    run_on(url, "SELECT pg_reload_conf()", f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def text_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def everything_said(error: TicketcoreError) -> str:
    """Return all that anybody could log of an error."""
    return "".join([*traceback.format_exception(error), repr(error), str(error), repr(vars(error))])


def test_an_odd_password_opens_the_database_and_is_never_shown(make_desk: MakeDesk, server_url: str) -> None:
    make_desk(server_url).init_store()
    with another_user(server_url, "SELECT") as url:
        desk = make_desk(text_of(url))
        assert desk.store_status().ready
        assert PASSWORD not in f"{desk.store_status()!r} {desk.config!r} {desk.repository!r}"
        assert desk.queries.get_open_tickets() == []
        desk.close()


@pytest.fixture
def wrong_url(request: pytest.FixtureRequest, server_url: str, make_desk: MakeDesk) -> Iterator[URL]:
    """Return the URL of a database that cannot be opened, with a password in it."""
    url = make_url(server_url)
    if request.param == "password":
        with another_user(server_url, "SELECT") as other:
            yield other.set(password=f"{PASSWORD}!")
    elif request.param == "database":
        yield url.set(database="nothere")
    elif request.param == "user":
        yield url.set(username="nobody", password=PASSWORD)
    elif request.param == "host":
        yield url.set(host="no.such.host.invalid", port=1, query={}, username="u", password=PASSWORD)
    else:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        yield url.set(host="127.0.0.1", port=port, query={}, username="u", password=PASSWORD)


WRONG = ["password", "database", "user", "host", "port"]
SAID = {
    "password": "the server refuses the user or the password for",
    "database": "cannot open",
    "user": "the server refuses the user or the password for",
    "host": "cannot open",
    "port": "cannot be reached",
}


@pytest.mark.parametrize("wrong_url", WRONG, indirect=True)
def test_a_database_that_cannot_be_opened_is_one_clear_message(
    request: pytest.FixtureRequest, wrong_url: URL, make_repository: MakeRepository
) -> None:
    repository = make_repository(text_of(wrong_url), timeout=0.2)
    for attempt in (repository.status, repository.prepare, lambda: ticket_of(repository, "g")):
        with pytest.raises(RepositoryError) as error:
            attempt()
        assert SAID[request.node.callspec.params["wrong_url"]] in error.value.message
        assert len(error.value.lines()) == 1
        assert PASSWORD not in everything_said(error.value)
        assert repository.location in error.value.message
    if request.node.callspec.params["wrong_url"] == "port":
        assert isinstance(error.value, RepositoryBusyError)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs a command line on a database whose password is in the environment."""

    def call(url: URL, *arguments: str) -> Result:
        config = tmp_path / "desk.yaml"
        written = text_of(url.set(password="PLACE")).replace("PLACE", "${DATABASE_PASSWORD}")
        config.write_text(f"database: {{url: '{written}', timeout: 0.2}}\nemail: {{folder: mail}}\n", encoding="utf-8")
        monkeypatch.setenv("TICKETCORE_CONFIG", str(config))
        monkeypatch.setenv("TICKETCORE_BY", "ann")
        encoded = text_of(URL.create("x", username="u", password=PASSWORD, host="h"))
        monkeypatch.setenv("DATABASE_PASSWORD", encoded.removeprefix("x://u:").removesuffix("@h"))
        return CliRunner().invoke(cli, arguments, prog_name="ticketcore")

    return call


@pytest.mark.parametrize("command", ["db status", "doctor", "config show", "list", "create x"])
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
def test_no_command_shows_a_password(
    run: Callable[..., Result], server_url: str, command: str, more: tuple[str, ...]
) -> None:
    url = make_url(server_url).set(username="nobody", password=PASSWORD)
    result = run(url, *command.split(), *more)
    assert result.exit_code == (0 if command == "config show" else 1)
    shown = result.output + result.stderr + "".join(traceback.format_exception(result.exception))
    for secret in (PASSWORD, "p%40ss", "p@ss"):
        assert secret not in shown


def test_the_doctor_looks_at_a_server_and_at_no_folder(run: Callable[..., Result], server_url: str) -> None:
    name = make_url(server_url).database
    with another_user(server_url, *(["ALL"] if is_mariadb(server_url) else [])) as url:
        if not is_mariadb(server_url):
            run_on(server_url, f"GRANT CREATE ON SCHEMA public TO {url.username}")
        result = run(url, "doctor")
        assert f"/{name} is not there yet; the first change makes it" in " ".join(result.stdout.split())
        assert run(url, "db", "init").exit_code == 0
        found = " ".join(run(url, "doctor").stdout.split())
        assert f"/{name} is ready and writable" in found


def test_a_user_who_may_only_read_can_read_and_is_told_why_not_more(make_desk: MakeDesk, server_url: str) -> None:
    admin = make_desk(server_url)
    admin.tickets.create("one", action_by="ann")
    with another_user(server_url, "SELECT") as url:
        desk = make_desk(text_of(url))
        assert desk.tickets.read(1).subject == "one"
        with pytest.raises(RepositoryError, match="is read-only for this user") as error:
            desk.tickets.update(1, subject="two", action_by="ann")
        assert PASSWORD not in everything_said(error.value)
        desk.close()


def test_a_server_that_only_reads_says_so(make_desk: MakeDesk, postgresql_url: str) -> None:
    make_desk(postgresql_url).tickets.create("one", action_by="ann")
    name = make_url(postgresql_url).database
    run_on(postgresql_url, f"ALTER DATABASE {name} SET default_transaction_read_only TO on")
    desk = make_desk(postgresql_url)
    assert desk.tickets.read(1).subject == "one"
    with pytest.raises(RepositoryError, match="is read-only"):
        desk.tickets.update(1, subject="two", action_by="ann")


def test_a_server_without_a_connection_left_is_busy(make_repository: MakeRepository, server_url: str) -> None:
    make_repository(server_url).prepare()
    limit = "MAX_USER_CONNECTIONS 1" if is_mariadb(server_url) else "CONNECTION LIMIT 1"
    with another_user(server_url, "SELECT", limit=limit) as url:
        first, second = make_repository(text_of(url)), make_repository(text_of(url), timeout=0.2)
        with first.transaction(read_only=True) as tx:
            assert tx.count(Query(Ticket)) == 0
            with pytest.raises(RepositoryBusyError, match="has no connection left") as error:
                ticket_of(second, "g")
            assert PASSWORD not in everything_said(error.value)
        first.close()
        second.close()


def test_a_lock_that_lasts_too_long_is_busy(make_repository: MakeRepository, server_url: str) -> None:
    one, other = make_repository(server_url), make_repository(server_url, timeout=1)
    store(one, make_ticket(guid="g", ticket_number=0))
    with one.transaction() as tx:
        ticket = tx.get(Ticket, "g")
        assert ticket is not None
        tx.save(evolve(ticket, subject="first"))
        assert tx.count(Query(Ticket)) == 1  # so what was saved is with the server
        locked = pytest.raises(RepositoryBusyError, match="another program has locked what this change needs")
        with locked, other.transaction() as tx_2:
            tx_2.save(evolve(ticket, subject="second"))
    found = ticket_of(one, "g")
    assert found is not None
    assert found.subject == "first"


def end_connections(url: str) -> None:
    """End all connections to a database but our own, as an administrator does, or a restart."""
    name = make_url(url).database
    if is_mariadb(url):
        own = f"db = '{name}' AND id <> CONNECTION_ID()"
        found = run_on(url, f"SELECT id FROM information_schema.processlist WHERE {own}")  # noqa: S608 - our own name
        for (number,) in found:
            run_on(url, f"KILL {number}")
        return
    own = f"datname = '{name}' AND pid <> pg_backend_pid()"
    run_on(url, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {own}")  # noqa: S608 - the same


def test_a_connection_that_is_ended_loses_nothing_but_its_transaction(
    make_repository: MakeRepository, server_url: str
) -> None:
    repository = make_repository(server_url)
    store(repository, make_ticket(guid="g", ticket_number=0))

    def add_while_it_is_ended() -> None:
        with repository.transaction() as tx:
            tx.add(make_ticket(guid="lost", ticket_number=0))
            end_connections(server_url)
            tx.find(Query(Ticket))

    with pytest.raises(RepositoryLostError, match="broke"):
        add_while_it_is_ended()
    assert ticket_of(repository, "lost") is None
    assert ticket_of(repository, "g") is not None
    end_connections(server_url)  # those that wait in the pool
    assert ticket_of(repository, "g") is not None


class EndingIds(SystemIds):
    """Identifiers during whose making the connections end, a few times."""

    def __init__(self, url: str, times: int) -> None:
        super().__init__()
        self.url, self.times = url, times

    def salt(self) -> str:
        if self.times:
            self.times -= 1
            end_connections(self.url)
        return super().salt()


def test_a_change_whose_connection_is_ended_is_made_again(make_config: Callable[..., Config], server_url: str) -> None:
    ids = EndingIds(server_url, times=0)
    with open_desk(make_config(server_url), ids=ids) as desk:
        desk.tickets.create("one", action_by="ann")
        ids.times = 2
        second = desk.tickets.create("two", action_by="ann")
        assert ids.times == 0
        assert [row.action for row in desk.queries.get_history(second)] == ["CREATED"]
        assert [ticket.subject for ticket in desk.queries.get_open_tickets()] == ["one", "two"]
        ids.times = 1
        assert desk.tickets.update(second, subject="changed", action_by="ann").row_version == 2
        assert desk.store.verify().flaws == 0


@pytest.mark.parametrize("kind", ["postgresql", "mariadb", "sqlite"])
def test_a_password_that_is_not_encoded_is_not_shown(kind: str) -> None:
    with pytest.raises(ConfigError, match="is no database URL") as error:
        SqlRepository(f"{kind}://ann:p@ss:geheim/rd@host/tickets")
    assert "geheim" not in str(error.value)
    assert error.value.__suppress_context__  # whose message has it
    assert error.value.__cause__ is None


def test_who_goes_on_after_a_value_that_cannot_be_sent_stores_nothing(
    make_repository: MakeRepository, postgresql_url: str
) -> None:
    """There it comes out later than what it belongs to, when others that wait behind it are lost with it."""
    repository = make_repository(postgresql_url)
    ticket = make_ticket()

    def go_on() -> None:
        with repository.transaction() as tx:
            tx.add(ticket)
            with suppress(RejectedError):
                tx.add(make_history_entry(ticket_guid=ticket.guid, note="a\ud800"))
                tx.find(Query(Ticket))

    with suppress(RepositoryError, RejectedError):
        go_on()
    assert ticket_of(repository, ticket.guid) is None


def test_what_follows_from_an_error_is_not_logged(
    make_repository: MakeRepository, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The driver's warning about it would reach whoever uses the command line, though a conflict is repeated."""
    one, other = make_repository(postgresql_url), make_repository(postgresql_url)
    store(one, make_ticket(guid="g", ticket_number=0))

    def change() -> None:
        with one.transaction() as tx:
            ticket = tx.get(Ticket, "g")
            assert ticket is not None
            with other.transaction() as tx_2:
                tx_2.save(evolve(ticket, subject="first"))
            tx.save(evolve(ticket, subject="second"))  # which conflicts, and is sent with what cannot be sent
            tx.add(make_history_entry(ticket_guid="g", note="a\ud800"))

    with pytest.raises((ConflictError, RejectedError)):  # whichever comes first
        change()
    assert caplog.records == []
