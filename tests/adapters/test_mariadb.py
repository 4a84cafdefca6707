"""What only MariaDB has: versions that are too old, MySQL, which is another server, and numbers across a restart."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pymysql
import pytest
import tenacity

from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import RejectedError, RepositoryError
from ticketcore.testing.records import make_ticket

OK = b"\x00\x00\x00\x02\x00\x00\x00"
UNKNOWN_VARIABLE = b"\xff" + (1193).to_bytes(2, "little") + b"#HY000Unknown system variable 'innodb_snapshot_isolation'"


def packet(number: int, content: bytes) -> bytes:
    return len(content).to_bytes(3, "little") + bytes([number]) + content


def greeting(version: str) -> bytes:
    """Return what a server says first: https://mariadb.com/kb/en/connection/#initial-handshake-packet."""
    start = b"\x0a" + version.encode() + b"\0" + (7).to_bytes(4, "little") + b"12345678" + b"\0"
    flags = (0x000A8200).to_bytes(4, "little")  # protocol 4.1, secure connection, authentication plugins
    more = flags[:2] + b"\x21" + b"\x02\x00" + flags[2:] + b"\x15" + b"\0" * 10
    return packet(0, start + more + b"123456789012\0" + b"mysql_native_password\0")


def serve(listener: socket.socket, version: str) -> None:
    """Say that this is a server of ``version``, and know no variable."""
    with listener, listener.accept()[0] as connection, suppress(ConnectionError):
        connection.sendall(greeting(version))
        connection.recv(4096)
        connection.sendall(packet(2, OK))
        while asked := connection.recv(4096):
            connection.sendall(packet(1, UNKNOWN_VARIABLE if b"innodb_snapshot_isolation" in asked else OK))


@pytest.fixture
def old_server() -> Iterator[Callable[[str], str]]:
    """Return a function that returns the URL of a server that greets with a version."""
    threads: list[threading.Thread] = []

    def start(version: str) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        threads.append(threading.Thread(target=serve, args=(listener, version)))
        threads[-1].start()
        return f"mariadb+pymysql://ann:secret@127.0.0.1:{listener.getsockname()[1]}/tickets"

    yield start
    for thread in threads:
        thread.join(timeout=20)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("8.0.36", "is MySQL 8.0.36"),
        ("5.5.5-10.6.12-MariaDB-log", "is MariaDB 10.6.12, which is too old"),
        ("10.11.6-MariaDB-0+deb12u1", "is MariaDB 10.11.6, which is too old"),
    ],
)
def test_a_server_that_could_lose_changes_is_refused(old_server: Callable[[str], str], version: str, said: str) -> None:
    repository = SqlRepository(old_server(version), timeout=1)
    with pytest.raises(RepositoryError) as error:
        repository.status()
    repository.close()
    where = repository.location
    assert error.value.message == f"the server of {where} {said}: of two changes at once it may lose one"
    assert error.value.hint == "use MariaDB 10.6.18, 10.11.8, 11.4.2 or later"
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("scheme", ["mariadb", "mysql", "mariadb+pymysql", "mysql+pymysql"])
def test_every_way_to_write_the_url_is_the_same_database(mariadb_url: str, scheme: str) -> None:
    url = mariadb_url.replace("mariadb+pymysql:", f"{scheme}:")
    repository = SqlRepository(f"{url}&charset=latin1&autocommit=false")
    with repository.transaction() as tx:
        tx.add(make_ticket(guid="g", ticket_number=0, subject="\U0001f3ab"))
    repository.close()
    again = SqlRepository(mariadb_url)
    with again.transaction(read_only=True) as tx:
        ticket = tx.get(Ticket, "g")
    again.close()
    assert ticket is not None
    assert ticket.subject == "\U0001f3ab"


def test_a_connection_can_be_used_after_what_was_too_large(mariadb_url: str) -> None:
    repository = SqlRepository(mariadb_url)
    repository.prepare()
    with pytest.raises(RejectedError, match="max_allowed_packet"), repository.transaction() as tx:
        tx.add(make_ticket(guid="g", ticket_number=0, description="x" * 2**24))
    with repository.transaction(read_only=True) as tx:
        assert tx.get(Ticket, "g") is None
    repository.close()


@pytest.fixture
def own_server() -> Iterator[Callable[[], str]]:
    """Return a function that starts a server of this test anew, on the same data, and returns its URL."""
    if shutil.which("mariadbd") is None:
        pytest.skip("there is no mariadbd: install mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="ticketcore-mariadb-", dir="/tmp"))
    shutil.chown(folder, "mysql")
    data, path = f"--datadir={folder / 'data'}", folder / "socket"
    install = ["mariadb-install-db", "--no-defaults", data, "--auth-root-authentication-method=normal"]
    subprocess.run([*install, "--skip-test-db", "--user=mysql"], check=True, capture_output=True)
    running: list[subprocess.Popen[bytes]] = []

    def end() -> None:
        for server in running:
            server.kill()
            server.wait()
        running.clear()
        path.unlink(missing_ok=True)

    def start() -> str:
        end()
        command = ["mariadbd", "--no-defaults", data, f"--socket={path}", "--user=mysql", "--skip-networking"]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait, stop = tenacity.wait_fixed(0.1), tenacity.stop_after_delay(40)
        is_absent = tenacity.retry_if_result(lambda there: not there)
        tenacity.Retrying(retry=is_absent, wait=wait, stop=stop)(path.exists)
        with pymysql.connect(user="root", unix_socket=str(path)) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE IF NOT EXISTS desk")
        return f"mariadb+pymysql://root@/desk?unix_socket={path}"

    yield start
    end()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_number_is_not_given_again_after_the_server_was_killed(own_server: Callable[[], str]) -> None:
    repository = SqlRepository(own_server())
    with repository.transaction() as tx:
        first, last = (tx.add(make_ticket(guid=guid, ticket_number=0)) for guid in ("g1", "g2"))
    with repository.transaction() as tx:
        tx.remove(last)
    own_server()
    with repository.transaction() as tx:  # the same pool, whose connections are broken now
        new = tx.add(make_ticket(guid="g3", ticket_number=0))
        assert tx.get(Ticket, "g1") == first
    assert new.ticket_number == last.ticket_number + 1
    repository.close()
