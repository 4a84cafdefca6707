"""Connections that stay out of private networks.

A name may lead anywhere: into the operator's own network, or to another address each time it is asked for. So a name
is resolved once, what it resolves to is judged, and the connection goes to one of the addresses that were judged.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Self

from attrs import frozen

Resolved = tuple[int, int, int, str, tuple[Any, ...]]
"""One address in the form of :func:`socket.getaddrinfo`: family, type, protocol, name, address."""

Resolve = Callable[[str, int], Sequence[Resolved]]
"""Returns the addresses of a host and a port, the best first; raises an ``OSError`` if there are none."""

# ipaddress knows most of what is not public, but how much differs between the releases of Python. These are public
# to some or all of them: protocol assignments, relays from IPv6 to IPv4 (whoever is behind them), documentation.
_SPECIAL = tuple(
    map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
)
_UNICAST = ip_network("2000::/3")
"""All that is, or may become, a public address of IPv6."""

_TRANSLATED = ip_network("64:ff9b::/96")
"""IPv4 seen through a translator (NAT64): the last 32 bits are the address."""

_SHOWN = 3


class NotPublicError(OSError):
    """A host has no address but those that must not be reached."""


@frozen
class Deadline:
    """When something has to be over, on the clock that only runs forward."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline in ``seconds`` from now."""
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: none are.
        """
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        return seconds


def is_public(text: str) -> bool:
    """Return whether ``text`` is an address that anybody on the Internet could reach.

    An address of IPv6 that stands for one of IPv4 is what that is. What is no address is not public.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        embedded = _embedded(address)
        if embedded is not None:
            return is_public(str(embedded))
        if address not in _UNICAST:
            return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _SPECIAL)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the address of IPv4 that ``address`` is another way to write or to reach."""
    if address in _TRANSLATED:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped


def system_resolve(host: str, port: int) -> Sequence[Resolved]:
    """Return the addresses of ``host``, as the system resolves it."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def connect(host: str, port: int, *, resolve: Resolve, allow_private: bool, deadline: Deadline) -> socket.socket:
    """Return a connection to the first address of ``host`` that may be reached and answers.

    An address that does not answer leaves the others their share of the time.

    Raises:
        NotPublicError: there are only addresses that may not be reached.
        OSError: the name does not resolve, or no address answers in time.
    """
    found = _in_time(lambda: resolve(host, port), deadline)
    allowed = [one for one in found if allow_private or is_public(str(one[4][0]))]
    if found and not allowed:
        refused = list(dict.fromkeys(str(one[4][0]) for one in found))
        more = ", …" if len(refused) > _SHOWN else ""
        raise NotPublicError(f"{', '.join(refused[:_SHOWN])}{more}")
    reasons: dict[str, None] = {}
    for tried, one in enumerate(allowed):
        try:
            return _open(one, deadline.left() / (len(allowed) - tried))
        except TimeoutError:
            reasons["timed out"] = None
        except OSError as error:
            reasons[error.strerror or str(error)] = None
    raise OSError("; ".join(reasons) or "the name has no address")


def _open(one: Resolved, seconds: float) -> socket.socket:
    family, kind, protocol, _, address = one
    opened = socket.socket(family, kind, protocol)
    try:
        opened.settimeout(seconds)
        opened.connect(address)
    except BaseException:
        opened.close()
        raise
    return opened


def _in_time(ask: Callable[[], Sequence[Resolved]], deadline: Deadline) -> Sequence[Resolved]:
    """Return what ``ask`` returns, or stop waiting for it: the system's resolver knows no time-out."""
    answer: Future[Sequence[Resolved]] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
            answer.set_exception(error)

    threading.Thread(target=run, name="resolve", daemon=True).start()
    return answer.result(deadline.left())
