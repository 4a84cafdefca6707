"""Servers that are out of order, each on a port of this computer: what a client has to cope with."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial

HOST = "127.0.0.1"

_DRAIN = 0.5
"""Seconds to wait for a client that has been answered to hang up too."""


@contextmanager
def refusing() -> Iterator[int]:
    """Give a port on which nobody listens, and nobody else can."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        yield taken.getsockname()[1]


@contextmanager
def silent() -> Iterator[int]:
    """Give a port that takes connections, and never says anything."""
    with socket.create_server((HOST, 0)) as listening:
        yield listening.getsockname()[1]


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Give a port that says ``answer`` to whoever connects, whatever they say, and hangs up."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.settimeout(_DRAIN)
                self.request.sendall(answer)
                self.request.shutdown(socket.SHUT_WR)
                while self.request.recv(65536):  # closed with something unread, the answer would be lost
                    pass

    with socketserver.TCPServer((HOST, 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            serving.join()


FAULTS: Mapping[str, Callable[[], AbstractContextManager[int]]] = {
    "refuses": refusing,
    "is silent": silent,
    "hangs up": partial(answering, b""),
    "talks nonsense": partial(answering, b"\0\xff\xfe nonsense\r\n\r\n"),
}
"""What a server can do wrong, by name."""
