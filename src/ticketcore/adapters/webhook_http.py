"""One POST over a connection that is open already, within a limit of time and of bytes.

The standard library limits the wait for each byte only, so a server that sends one now and then could hold a worker for
ever. Here every wait is for what is left until the deadline.
"""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

from attrs import frozen

from ticketcore.adapters.netguard import Deadline

_LONGEST_HEAD = 64 * 1024


@frozen
class Answer:
    """What counts of an answer: its status, and when to come back (the text of the header; may be empty)."""

    status: int
    retry_after: str


def post(
    sock: socket.socket, authority: str, path: str, headers: Mapping[str, str], body: bytes, *, deadline: Deadline
) -> Answer:
    """Send ``body`` over ``sock``, and return what the server says.

    Raises:
        OSError: the server does not take it, or does not answer, in time.
        http.client.HTTPException: what it says is not HTTP.
    """
    connection = http.client.HTTPConnection(authority)
    connection.auto_open = 0  # a connection that breaks is not made anew: that would ask for the address again
    connection.sock = cast("socket.socket", _Wire(sock, deadline))
    connection.request("POST", path, body, {"Host": authority, "Connection": "close", **headers})
    with connection.getresponse() as response:
        # The body is left unread: the server has decided, and nothing that it adds may hold anybody up.
        return Answer(response.status, response.getheader("Retry-After", ""))


class _Wire:
    """What http.client needs of a socket."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send all of ``data``, unless the server hangs up: it may have answered before it had read everything."""
        rest = memoryview(data)
        with suppress(ConnectionError):
            while rest:
                self._sock.settimeout(self._deadline.left())
                rest = rest[self._sock.send(rest) :]

    def makefile(self, *_mode: Any) -> io.BufferedReader:
        """Return what the server says, as a file."""
        return io.BufferedReader(_Incoming(self._sock, self._deadline))

    def close(self) -> None:
        """Leave the socket open: an answer may still be read; whoever opened it closes it."""


class _Incoming(io.RawIOBase):
    """What comes in over a socket, until the deadline, and no more of it than an answer may have before its body."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._left = _LONGEST_HEAD

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            raise OSError("its answer is too long")
        self._sock.settimeout(self._deadline.left())
        count = self._sock.recv_into(memoryview(buffer)[: self._left])
        self._left -= count
        return count
