"""A connection that breaks while a COMMIT is under way: what became of that is found out, and nothing is done twice."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from attrs import define
from sqlalchemy.engine import make_url

from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.desk import Desk
from ticketcore.domain.policy import AssignRule
from ticketcore.domain.query import Query
from ticketcore.errors import RepositoryBusyError

MakeDesk = Callable[..., Desk]
When = Literal["before", "after"]
ANN = "ann"


def nothing() -> None:
    pass


class Proxy:
    """Stands between clients and a server, on sockets that are files, and can cut a connection at a COMMIT."""

    def __init__(self, own: Path, server: Path, end: bytes) -> None:
        """``end`` is what the server says last when it has done what it was asked for."""
        self.server = str(server)
        self.end = end
        self.cuts = 0
        self._next: When | None = None
        self._meanwhile: Callable[[], object] = nothing
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(own))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, when: When, meanwhile: Callable[[], object] = nothing) -> None:
        """Cut the next COMMIT of a change off: before it reaches the server, or before its answer comes back."""
        self._next, self._meanwhile = when, meanwhile

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.server)
            answers = Answers(server, client, self.end)
            threading.Thread(target=answers.pass_on, daemon=True).start()
            threading.Thread(target=self._serve, args=(client, server, answers), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket, answers: Answers) -> None:
        with client, server, suppress(OSError):  # the other side may end at any time
            writes = False
            while asked := received(client):
                if b"BEGIN" in asked or b"START TRANSACTION" in asked:
                    writes = b"READ ONLY" not in asked
                if self._next is None or b"COMMIT" not in asked or not writes:
                    server.sendall(asked)
                    continue
                when, self._next = self._next, None
                self.cuts += 1
                if when == "after":
                    answers.are_kept = True  # and the connection ends with the last of them
                    server.sendall(asked)
                    continue
                server.shutdown(socket.SHUT_RDWR)
                self._meanwhile()
                break
            shut(client, server)


@define(eq=False)
class Answers:
    """What a server says on one connection."""

    server: socket.socket
    client: socket.socket
    end: bytes
    are_kept: bool = False

    def pass_on(self) -> None:
        with suppress(OSError):
            while said := received(self.server):
                if not self.are_kept:
                    self.client.sendall(said)
                elif said.endswith(self.end):
                    break
        shut(self.client, self.server)


def shut(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):  # the other side was faster
            end.shutdown(socket.SHUT_RDWR)


def received(end: socket.socket) -> bytes:
    try:
        return end.recv(65_536)
    except OSError:
        return b""


@define
class Way:
    """Two ways to one database: the second one through a proxy."""

    direct: Desk
    proxied: Desk
    url: str
    proxy: Proxy


@pytest.fixture(params=["postgresql", "mariadb"])
def way(request: pytest.FixtureRequest, make_desk: MakeDesk) -> Iterator[Way]:
    direct = request.getfixturevalue(f"{request.param}_url")
    url = make_url(direct)
    folder = Path(tempfile.mkdtemp(prefix="ticketcore-", dir="/tmp"))
    if request.param == "postgresql":
        name = ".s.PGSQL.5432"
        own, server = folder / name, Path(str(url.query["host"]), name)
        proxied = url.update_query_dict({"host": str(folder)})
        end = b"Z\x00\x00\x00\x05I"  # ready, and in no transaction
    else:
        own, server = folder / "socket", Path(str(url.query["unix_socket"]))
        proxied = url.update_query_dict({"unix_socket": str(own)})
        end = b""  # it says one thing
    proxy, through = Proxy(own, server, end), proxied.render_as_string(hide_password=False)
    first, second = make_desk(direct, notifiers=()), make_desk(through, notifiers=())
    first.tickets.create("one", action_by=ANN)
    assert second.tickets.read(1).subject == "one"
    yield Way(first, second, through, proxy)
    first.close()
    second.close()
    proxy.close()
    shutil.rmtree(folder)


def actions(way: Way, number: int) -> list[str]:
    return [row.action for row in way.direct.queries.get_history(number)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_change_is_made_once(way: Way, when: When) -> None:
    way.proxy.cut(when)
    changed = way.proxied.tickets.update(1, subject="changed", action_by=ANN)
    assert way.proxy.cuts == 1
    assert way.direct.tickets.read(1) == changed
    assert changed.row_version == 2
    assert actions(way, 1) == ["CREATED", "UPDATED"]
    assert way.direct.store.verify().flaws == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_ticket_is_made_once(way: Way, when: When) -> None:
    way.proxy.cut(when)
    made = way.proxied.tickets.create("two", action_by=ANN)
    assert way.proxy.cuts == 1
    assert [ticket.subject for ticket in way.direct.queries.get_open_tickets()] == ["one", "two"]
    assert way.direct.tickets.read(made.ticket_number) == made
    assert actions(way, made.ticket_number) == ["CREATED"]


def test_what_somebody_else_has_stored_in_its_place_is_not_taken_for_it(way: Way) -> None:
    """The other one's rows have the same places in the history and among the versions."""
    way.proxy.cut("before", lambda: way.direct.tickets.update(1, priority="HIGH", action_by="ben"))
    changed = way.proxied.tickets.update(1, subject="changed", action_by=ANN)
    assert way.proxy.cuts == 1
    stored = way.direct.tickets.read(1)
    assert (stored.subject, stored.priority, stored.row_version) == ("changed", "HIGH", 3)
    assert stored == changed
    assert [row.action_by for row in way.direct.queries.get_history(1)] == [ANN, "ben", ANN]
    assert way.direct.store.verify().flaws == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_where_nothing_was_added_nobody_knows(way: Way, when: When) -> None:
    rule = way.direct.rules.auto_assign_add_rule("CORE", assign_to="ann@example.com", action_by=ANN)
    repository = SqlRepository(way.url)

    def remove() -> None:
        with repository.transaction() as tx:
            tx.remove(rule)
            way.proxy.cut(when)

    with pytest.raises(RepositoryBusyError, match="whether the last change was stored is not known"):
        remove()
    repository.close()
    with way.direct.repository.transaction(read_only=True) as tx:
        assert tx.count(Query(AssignRule)) == (0 if when == "after" else 1)
