"""The webhook notifier: posts what happened to a ticket, as JSON, to other systems.

Requests follow the Standard Webhooks recommendation (https://www.standardwebhooks.com), so receivers can verify them
with its libraries, or with :func:`verify`.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from attrs import field, frozen

from ticketcore.adapters.mime import safe_id
from ticketcore.adapters.netguard import Deadline, NotPublicError, Resolve, connect, system_resolve
from ticketcore.adapters.webhook_http import Answer, post
from ticketcore.adapters.webhook_signature import sign, signing_key, verify
from ticketcore.adapters.webhook_url import Target, parse_url, shown_url
from ticketcore.errors import (
    NotifierError,
    PermanentNotifierError,
    Problem,
    RejectedError,
    TemporaryNotifierError,
)
from ticketcore.ports.notifier import Notification, Receipt
from ticketcore.ports.system import Clock

__all__ = ["Endpoint", "WebhookNotifier", "verify"]

_CONSENT, _REDIRECT, _YOUR_FAULT = 2, 3, 4
"""The classes of answers: their first digit."""

_MENDABLE = frozenset({401, 403, 404, 407, 408, 425, 429})
"""Answers of the class "your fault" that are not about the message: an operator, or time, can mend what they mean."""

_ADVICE = {
    401: "check the secret, and the path of the URL",
    403: "check the secret, and the path of the URL",
    404: "check the path of the URL",
    407: "a proxy in between asks for a login",
    410: "it wants no more webhooks; take the endpoint out of the configuration",
}

_SECONDS = re.compile(r"[0-9]{1,10}")


@frozen(kw_only=True)
class Endpoint:
    """Where webhooks go to, and how they are signed.

    ``secret`` is base64 behind ``whsec_``, or any other text; without one nothing is signed. Addresses that are not
    public are refused unless ``allow_private``. Certificates are verified against the authorities of the system, or
    those in ``ca_file`` alone. Neither the secret nor what follows the host in the URL is ever shown.

    Raises:
        RejectedError: nothing can be sent to the URL, or signed with the secret; names the field, not its value.
    """

    url: str = field(repr=shown_url)
    secret: str = field(default="", repr=False)
    allow_private: bool = False
    ca_file: Path | None = None

    def __attrs_post_init__(self) -> None:
        """Find all that is wrong at once."""
        checks: list[tuple[Callable[[str], object], str]] = [(parse_url, self.url)]
        if self.secret:
            checks.append((signing_key, self.secret))
        problems: list[Problem] = []
        for check, value in checks:
            try:
                check(value)
            except RejectedError as error:
                problems += error.problems
        if problems:
            raise RejectedError(problems)


@frozen(kw_only=True)
class WebhookNotifier:
    """Posts each notification to the endpoint that its recipient names, over a connection of its own.

    A host is resolved once, and the connection goes to an address that was judged, so no name leads into a private
    network. Redirects are not followed, and no proxy is used. All of it together takes no longer than the time-out.

    What an operator can mend (a certificate, a wrong path, a refused address) is a temporary failure, so messages wait
    for it. The body has everything that is known of the ticket, so nothing of it, and nothing of the answer but its
    status, gets into an error or a receipt.
    """

    endpoints: Mapping[str, Endpoint]
    clock: Clock
    resolve: Resolve = field(default=system_resolve, repr=False)

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        """Post one notification to the endpoint ``notification.recipient``.

        Raises:
            TemporaryNotifierError: the endpoint is out of reach, or does not take the message now.
            PermanentNotifierError: the endpoint refuses the message for good, or there is no such endpoint.
        """
        name = notification.recipient
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            known = ", ".join(self.endpoints) or "none"
            raise PermanentNotifierError(f"there is no webhook endpoint {name!r}; known: {known}")
        target = parse_url(endpoint.url)
        body = _body(notification)
        headers = self._headers(notification, endpoint, body)
        deadline = Deadline.after(timeout)
        try:
            with self._open(endpoint, target, deadline) as sock:
                answer = post(sock, target.authority, target.path, headers, body, deadline=deadline)
        except (OSError, http.client.HTTPException) as error:
            failure: NotifierError | None = _unreached(name, target, error)
        else:
            failure = self._refusal(name, target, answer)
        # Not raised inside the handler: a traceback would show what led to it, secrets included.
        if failure is not None:
            raise failure
        return Receipt(f"{name}: {answer.status}")

    def check(self, *, timeout: float) -> str:
        """Connect to each endpoint without asking it for anything, and return in words what was reached.

        Raises:
            TemporaryNotifierError: some cannot be reached; names each with its reason, one a line.
        """
        reached: list[str] = []
        failures: list[NotifierError] = []
        for name, endpoint in self.endpoints.items():
            target = parse_url(endpoint.url)
            try:
                with self._open(endpoint, target, Deadline.after(timeout)) as sock:
                    reached.append(f"{name}: {target.authority} at {_peer(sock)}")
            except OSError as error:
                failures.append(_unreached(name, target, error))
        if failures:
            raise TemporaryNotifierError("\n".join(failure.message for failure in failures))
        return "; ".join(reached) or "no endpoints"

    def _headers(self, notification: Notification, endpoint: Endpoint, body: bytes) -> dict[str, str]:
        message_id = safe_id(notification.message_id)
        timestamp = str(int(self.clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": _user_agent(),
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
        }
        if endpoint.secret:
            headers["webhook-signature"] = sign(signing_key(endpoint.secret), message_id, timestamp, body)
        return headers

    def _open(self, endpoint: Endpoint, target: Target, deadline: Deadline) -> socket.socket:
        """Return a connection to the endpoint that is ready to be used; with TLS it has proved who it is."""
        context = _tls(endpoint) if target.tls else None
        sock = connect(
            target.host,
            target.port,
            resolve=self.resolve,
            allow_private=endpoint.allow_private,
            deadline=deadline,
        )
        try:
            sock.settimeout(deadline.left())
            return context.wrap_socket(sock, server_hostname=target.name) if context else sock
        except BaseException:
            sock.close()
            raise

    def _refusal(self, name: str, target: Target, answer: Answer) -> NotifierError | None:
        """Return what to raise because of ``answer``, ``None`` if it is a consent."""
        status, kind = answer.status, answer.status // 100
        if kind == _CONSENT:
            return None
        advice = (
            "redirects are not followed; use the URL that it leads to" if kind == _REDIRECT else _ADVICE.get(status)
        )
        phrase = http.client.responses.get(status)  # the server's own words may repeat what it was sent
        said = f"it answered {status}{f' {phrase}' if phrase else ''}{f': {advice}' if advice else ''}"
        message = f"{name} ({target.authority}): {said}"
        if kind == _YOUR_FAULT and status not in _MENDABLE:
            return PermanentNotifierError(message)
        return TemporaryNotifierError(message, retry_after=_seconds(answer.retry_after, self.clock.now()))


@cache
def _user_agent() -> str:
    return f"ticketcore/{version('ticketcore')}"


def _body(notification: Notification) -> bytes:
    """Return what is posted: JSON in ASCII, so that no receiver can take it for another encoding."""
    content = {
        "type": f"ticket.{notification.notify_code.lower()}",
        "id": safe_id(notification.message_id),
        "timestamp": notification.created.astimezone(UTC).isoformat(),
        "data": dict(notification.context) or {"subject": notification.subject, "detail": notification.text},
    }
    try:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError):
        pass
    raise PermanentNotifierError("the message cannot be written as JSON: its context has other types in it")


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=endpoint.ca_file)
    except OSError as error:
        raise OSError(f"cannot read certificates from {endpoint.ca_file}: {error.strerror or error}") from None


def _peer(sock: socket.socket) -> str:
    """Return where a connection ends, and how it is protected."""
    address, port = sock.getpeername()[:2]
    protection = sock.version() if isinstance(sock, ssl.SSLSocket) else "not encrypted"
    return f"{address} port {port} ({protection})"


def _unreached(name: str, target: Target, error: Exception) -> TemporaryNotifierError:
    """Return what to raise instead of ``error``."""
    if isinstance(error, NotPublicError):
        reason = f"leads to {error}, which is not public; if that is meant, set allow_private for this endpoint"
    elif isinstance(error, ssl.SSLCertVerificationError):
        reason = f"its certificate does not prove who it is: {error.verify_message}"
    elif isinstance(error, socket.gaierror):
        reason = f"the name does not resolve: {error.strerror}"
    elif isinstance(error, http.client.RemoteDisconnected):
        reason = "it closed the connection without an answer"
    elif isinstance(error, http.client.HTTPException):
        reason = "what it says is not HTTP"  # and is not shown: it may repeat what it was sent
    elif isinstance(error, TimeoutError):
        reason = error.strerror or "timed out"
    else:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return TemporaryNotifierError(f"{name} ({target.authority}): {reason}")


def _seconds(text: str, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` asks to wait; ``None`` if it says nothing that makes sense."""
    if _SECONDS.fullmatch(text.strip()):
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
