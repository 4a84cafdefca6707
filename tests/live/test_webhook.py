"""Webhooks over real connections: to an HTTP server, and to servers that do not do as they should."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import ssl
import threading
import time
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import standardwebhooks
import trustme
from attrs import evolve, frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

import ticketcore
from ticketcore.adapters.netguard import Deadline, Resolved
from ticketcore.adapters.system import PlayedClock, SystemClock
from ticketcore.adapters.webhook import Endpoint, WebhookNotifier, verify
from ticketcore.adapters.webhook_http import post
from ticketcore.errors import NotifierError, PermanentNotifierError, TemporaryNotifierError
from ticketcore.ports.notifier import Notification

HOST = "127.0.0.1"
NAME = "hooks.example.com"
TIMEOUT = 5.0
SHORT = 0.2
NOW = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)

KEY = b"correct horse battery staple"
SECRET = f"whsec_{b64encode(KEY).decode()}"
PATH_SECRET = "T0-path-token"
QUERY_SECRET = "q0-query-token"
TEXT = "Größer 🔥 than 𝔸"

NOTIFICATION = Notification(
    message_id="0199-m",
    thread_id="0199-t",
    notify_code="STATUS_CHANGED",
    recipient="chatops",
    subject=f"[#7] {TEXT}",
    text="It burns.\n",
    html="<p>It burns.</p>\n",
    created=datetime(2026, 5, 1, 9, 30, tzinfo=UTC),
    context={
        "ticket_number": 7,
        "subject": TEXT,
        "event": "Status Changed",
        "detail": "a line\nand \x00 another\u2028",
        "action_by": "Ann",
        "ticket": {"guid": "0199-t", "watchers": ["eve@example.com"], "eta": None, "row_version": 2},
    },
)


@frozen
class Request:
    """A request as it arrived."""

    path: str
    headers: Message
    body: bytes


class Receiver:
    """A real HTTP server: keeps what it got, and answers as told."""

    def __init__(self, host: str = HOST, tls: ssl.SSLContext | None = None) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.answer = b"thanks"
        self.requests: list[Request] = []
        self.connections = 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        kind = type(
            "Server",
            (ThreadingHTTPServer,),
            {"address_family": family, "daemon_threads": False, "request_queue_size": 32},
        )
        self._server: ThreadingHTTPServer = kind((host, 0), self._handler())
        self.port: int = self._server.server_address[1]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = TIMEOUT

            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append(Request(self.path, self.headers, body))
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    def the_request(self) -> Request:
        (request,) = self.requests
        return request

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(TIMEOUT)


Talk = Callable[[socket.socket, bytes], None]


class Script:
    """A server for one connection that reads a request and then does as told, with the connection and the request."""

    def __init__(self, talk: Talk, *, reads: bool = True) -> None:
        self._talk = talk
        self._reads = reads
        self._listening = socket.create_server((HOST, 0))
        self._thread = threading.Thread(target=self._serve)
        self.port: int = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join(TIMEOUT)
        self._listening.close()
        assert not self._thread.is_alive(), "the client did not close the connection"

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection, suppress(OSError):  # a client may hang up at any moment
            self._talk(connection, self._request(connection) if self._reads else b"")

    @staticmethod
    def _request(connection: socket.socket) -> bytes:
        with connection.makefile("rb") as file:
            head = b""
            for line in iter(file.readline, b"\r\n"):
                assert line, "the request has no end"
                head += line
            (length,) = (int(x.split()[1]) for x in head.splitlines() if x.startswith(b"Content-Length:"))
            return head + file.read(length)


def says(*parts: bytes) -> Talk:
    """Return a server that says so and hangs up."""

    def talk(connection: socket.socket, _request: bytes) -> None:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    return talk


def drips(start: bytes, more: bytes) -> Talk:
    """Return a server that begins with ``start`` and then says ``more``, a byte now and then, until nobody listens."""

    def talk(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(start)
        connection.settimeout(SHORT / 10)
        while True:
            for byte in more:
                connection.sendall(bytes([byte]))
                with suppress(TimeoutError):
                    connection.recv(1)  # waits; an end, or a reset, makes the next sending fail

    return talk


class Certificates:
    """An authority, and what a server gets from it."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca_file)

    def server(self, name: str = NAME) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(name).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


class Resolver:
    """Answers as told, once for each question; the last answer is for all that follow."""

    def __init__(self, *answers: Sequence[tuple[str, int]]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[Resolved]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [at(*one) for one in answer]


def at(address: str, port: int, kind: int = socket.SOCK_STREAM) -> Resolved:
    return (socket.AF_INET6 if ":" in address else socket.AF_INET, kind, 0, "", (address, port))


def notifier(url: str, clock: Any = None, resolve: Any = None, **settings: Any) -> WebhookNotifier:
    endpoint = Endpoint(url=url, **{"secret": SECRET, "allow_private": True, **settings})
    more = {} if resolve is None else {"resolve": resolve}
    return WebhookNotifier(endpoints={"chatops": endpoint}, clock=clock or PlayedClock(NOW), **more)


def to(port: int, scheme: str = "http", host: str = HOST, **settings: Any) -> WebhookNotifier:
    """Return a notifier for a server of ours, by a URL that is a secret."""
    return notifier(f"{scheme}://{host}:{port}/{PATH_SECRET}?key={QUERY_SECRET}", **settings)


def failure(
    sender: WebhookNotifier, notification: Notification = NOTIFICATION, timeout: float = TIMEOUT
) -> NotifierError:
    """Return the error that sending ends with, which tells no secret."""
    with pytest.raises(NotifierError) as caught:
        sender.send(notification, timeout=timeout)
    assert told(shown(caught.value)) == []
    return caught.value


def shown(error: NotifierError) -> str:
    """Return all that a log could show of an error, with whatever led to it."""
    assert error.__cause__ is None
    assert error.__context__ is None
    return "".join(traceback.format_exception(error)) + repr(error)


def told(text: str) -> list[str]:
    """Return the secrets that are in ``text``."""
    secrets = (SECRET, SECRET.removeprefix("whsec_"), KEY.decode(), PATH_SECRET, QUERY_SECRET, "Größer", "burns")
    return [secret for secret in secrets if secret.lower() in text.lower()]


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


# What arrives


def test_a_webhook_is_the_event_with_its_whole_context_as_json(receiver: Receiver) -> None:
    receipt = to(receiver.port).send(NOTIFICATION, timeout=TIMEOUT)
    assert receipt.detail == "chatops: 200"
    request = receiver.the_request()
    assert request.path == f"/{PATH_SECRET}?key={QUERY_SECRET}"
    assert request.headers["Host"] == f"{HOST}:{receiver.port}"
    assert request.headers["Connection"] == "close"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == f"ticketcore/{ticketcore.__version__}"
    assert json.loads(request.body) == {
        "type": "ticket.status_changed",
        "id": "0199-m",
        "timestamp": "2026-05-01T09:30:00+00:00",
        "data": NOTIFICATION.context,
    }


@pytest.mark.parametrize("secret", [SECRET, SECRET.rstrip("="), "plain 🔑 text"])
def test_the_library_of_the_recommendation_verifies_what_arrives(receiver: Receiver, secret: str) -> None:
    to(receiver.port, secret=secret, clock=SystemClock()).send(NOTIFICATION, timeout=TIMEOUT)
    request = receiver.the_request()
    library = standardwebhooks.Webhook(secret if secret.startswith("whsec_") else secret.encode())
    assert library.verify(request.body, dict(request.headers))["data"] == NOTIFICATION.context
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        library.verify(request.body + b" ", dict(request.headers))


def test_a_receiver_in_python_verifies_what_arrives(receiver: Receiver) -> None:
    to(receiver.port).send(NOTIFICATION, timeout=TIMEOUT)
    request = receiver.the_request()
    verify(SECRET, request.headers, request.body, now=NOW + timedelta(minutes=1))


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    to(receiver.port, secret="").send(NOTIFICATION, timeout=TIMEOUT)
    headers = receiver.the_request().headers
    assert headers["webhook-id"] == "0199-m"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["webhook-signature"] is None


def test_a_second_attempt_has_the_same_id_and_body_and_a_time_of_its_own(receiver: Receiver) -> None:
    clock = PlayedClock(NOW)
    sender = to(receiver.port, clock=clock)
    sender.send(NOTIFICATION, timeout=TIMEOUT)
    clock.advance(hours=1)
    sender.send(NOTIFICATION, timeout=TIMEOUT)
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 3600
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_a_message_without_a_context_has_its_subject_and_its_text(receiver: Receiver) -> None:
    to(receiver.port).send(evolve(NOTIFICATION, context={}), timeout=TIMEOUT)
    data = json.loads(receiver.the_request().body)["data"]
    assert data == {"subject": NOTIFICATION.subject, "detail": NOTIFICATION.text}


def test_an_identifier_cannot_smuggle_a_header_or_shift_what_is_signed(receiver: Receiver) -> None:
    hostile = "x\r\nwebhook-signature: v1,forged\r\n\r\n1.2.3"
    to(receiver.port).send(evolve(NOTIFICATION, message_id=hostile), timeout=TIMEOUT)
    request = receiver.the_request()
    assert "." not in request.headers["webhook-id"]
    assert request.headers.get_all("webhook-signature") != ["v1,forged"]
    assert json.loads(request.body)["id"] == request.headers["webhook-id"]
    verify(SECRET, request.headers, request.body, now=NOW)


def test_odd_characters_in_a_path_arrive_percent_encoded(receiver: Receiver) -> None:
    notifier(f"http://{HOST}:{receiver.port}/grün 🔥/%C3%BC/100%?q=ü ü&x[]=1").send(NOTIFICATION, timeout=TIMEOUT)
    path = "/gr%C3%BCn%20%F0%9F%94%A5/%C3%BC/100%25?q=%C3%BC%20%C3%BC&x%5B%5D=1"
    assert receiver.the_request().path == path


def test_a_big_message_arrives_whole(receiver: Receiver) -> None:
    context = {"detail": "🔥" * 500_000}
    to(receiver.port).send(evolve(NOTIFICATION, context=context), timeout=TIMEOUT)
    assert json.loads(receiver.the_request().body)["data"] == context


def test_ipv6_is_spoken_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("there is no IPv6 here")
    try:
        running = Receiver("::1")
    except OSError:
        pytest.skip("there is no IPv6 here")
    with running:
        notifier(f"http://[::1]:{running.port}/").send(NOTIFICATION, timeout=TIMEOUT)
    assert running.the_request().headers["Host"] == f"[::1]:{running.port}"


def test_one_notifier_serves_many_threads(receiver: Receiver) -> None:
    sender = to(receiver.port)
    ids = [f"message-{n}" for n in range(16)]
    threads = [
        threading.Thread(target=sender.send, args=(evolve(NOTIFICATION, message_id=x),), kwargs={"timeout": TIMEOUT})
        for x in ids
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert sorted(request.headers["webhook-id"] for request in receiver.requests) == sorted(ids)
    for request in receiver.requests:
        verify(SECRET, request.headers, request.body, now=NOW)


def test_no_proxy_is_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{HOST}:1")
    to(receiver.port).send(NOTIFICATION, timeout=TIMEOUT)
    assert len(receiver.requests) == 1


# Encryption


def test_tls_proves_the_name_of_the_endpoint_and_not_its_address(certificates: Certificates) -> None:
    with Receiver(tls=certificates.server()) as running:
        resolve = Resolver([(HOST, running.port)])
        sender = to(running.port, "https", f"{NAME}.", resolve=resolve, ca_file=certificates.ca_file)
        sender.send(NOTIFICATION, timeout=TIMEOUT)
    assert running.the_request().headers["Host"] == f"{NAME}:{running.port}"


def test_an_international_name_is_resolved_and_proved_in_ascii(certificates: Certificates) -> None:
    with Receiver(tls=certificates.server("xn--bcher-kva.example")) as running:
        resolve = Resolver([(HOST, running.port)])
        sender = to(running.port, "https", "Bücher.example", resolve=resolve, ca_file=certificates.ca_file)
        sender.send(NOTIFICATION, timeout=TIMEOUT)
    assert resolve.asked == ["xn--bcher-kva.example"]
    assert running.the_request().headers["Host"] == f"xn--bcher-kva.example:{running.port}"


@pytest.mark.parametrize(
    ("certified", "known", "reason"),
    [
        (NAME, False, "unable to get local issuer certificate"),
        ("other.example", True, f"Hostname mismatch, certificate is not valid for '{NAME}'."),
        (HOST, True, f"Hostname mismatch, certificate is not valid for '{NAME}'."),
    ],
    ids=["unknown authority", "other name", "address"],
)
def test_a_certificate_that_does_not_prove_the_endpoint_stops_everything(
    certificates: Certificates, certified: str, reason: str, *, known: bool
) -> None:
    with Receiver(tls=certificates.server(certified)) as running:
        settings = {"ca_file": certificates.ca_file} if known else {}
        error = failure(to(running.port, "https", NAME, resolve=Resolver([(HOST, running.port)]), **settings))
    assert type(error) is TemporaryNotifierError
    assert error.message == f"chatops ({NAME}:{running.port}): its certificate does not prove who it is: {reason}"
    assert running.requests == []


def test_a_server_that_speaks_no_tls_is_a_failure_for_now(receiver: Receiver, certificates: Certificates) -> None:
    error = failure(to(receiver.port, "https", ca_file=certificates.ca_file))
    assert type(error) is TemporaryNotifierError
    assert receiver.requests == []


def test_an_unreadable_ca_file_is_named_before_anything_is_opened(tmp_path: Path, receiver: Receiver) -> None:
    error = failure(to(receiver.port, "https", ca_file=tmp_path / "no.pem"))
    assert type(error) is TemporaryNotifierError
    assert f"cannot read certificates from {tmp_path / 'no.pem'}: No such file" in error.message
    assert receiver.connections == 0


# Addresses

REFUSED = "which is not public; if that is meant, set allow_private for this endpoint"


@pytest.mark.parametrize(
    "host", [HOST, "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_no_way_to_write_it_leads_to_this_computer(receiver: Receiver, host: str) -> None:
    error = failure(to(receiver.port, host=host, allow_private=False))
    assert type(error) is TemporaryNotifierError
    assert error.message.startswith("chatops (")
    assert error.message.endswith(REFUSED)
    assert receiver.connections == 0


def test_a_dot_at_the_end_of_the_name_does_not_lead_to_this_computer(receiver: Receiver) -> None:
    # Some systems resolve this name, and it is refused; to others it is unknown.
    assert type(failure(to(receiver.port, host="localhost.", allow_private=False))) is TemporaryNotifierError
    assert receiver.connections == 0


def test_a_name_that_leads_into_a_private_network_is_refused_with_what_to_do(receiver: Receiver) -> None:
    resolve = Resolver([("10.0.0.1", 80), (HOST, receiver.port), ("169.254.169.254", 80), ("fe80::1%eth0", 80)])
    error = failure(to(receiver.port, host=NAME, allow_private=False, resolve=resolve))
    where = "10.0.0.1, 127.0.0.1, 169.254.169.254, …"
    assert error.message == f"chatops ({NAME}:{receiver.port}): leads to {where}, {REFUSED}"
    assert receiver.connections == 0


def test_of_several_addresses_only_the_public_ones_are_tried(receiver: Receiver) -> None:
    def resolve(_host: str, port: int) -> list[Resolved]:
        # A kind of socket that there is not: trying the public address fails without a packet on any network.
        return [at(HOST, port), at("93.184.216.34", port, kind=0xFFFF), at("::1", port)]

    error = failure(to(receiver.port, host=NAME, allow_private=False, resolve=resolve))
    assert type(error) is TemporaryNotifierError
    assert "not public" not in error.message
    assert receiver.connections == 0


def test_a_name_that_changes_its_mind_is_not_asked_again(receiver: Receiver) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[Resolved]:
        asked.append(host)
        return [at("93.184.216.34", port, kind=0xFFFF)] if len(asked) == 1 else [at(HOST, port)]

    failure(to(receiver.port, host=NAME, allow_private=False, resolve=resolve))
    assert asked == [NAME]
    assert receiver.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_connection_goes_to_the_address_that_was_judged(certificates: Certificates, scheme: str) -> None:
    tls = certificates.server() if scheme == "https" else None
    with Receiver(tls=tls) as judged, Receiver(tls=tls) as other:
        resolve = Resolver([(HOST, judged.port)], [(HOST, other.port)])
        sender = to(judged.port, scheme, NAME, resolve=resolve, ca_file=certificates.ca_file)
        sender.send(NOTIFICATION, timeout=TIMEOUT)
    assert resolve.asked == [NAME]
    assert (len(judged.requests), other.connections) == (1, 0)


def test_an_address_that_does_not_answer_is_followed_by_the_next(receiver: Receiver) -> None:
    resolve = Resolver([(HOST, free_port()), (HOST, receiver.port)])
    to(receiver.port, host=NAME, resolve=resolve).send(NOTIFICATION, timeout=TIMEOUT)
    assert len(receiver.requests) == 1


def test_an_address_that_is_silent_leaves_the_next_its_share_of_the_time(receiver: Receiver) -> None:
    with socket.socket() as silent, socket.socket() as first:
        silent.bind((HOST, 0))
        silent.listen(0)
        first.connect(silent.getsockname())  # nobody accepts it, so there is no place for a second one
        resolve = Resolver([silent.getsockname(), (HOST, receiver.port)])
        to(receiver.port, host=NAME, resolve=resolve).send(NOTIFICATION, timeout=1.0)
        error = failure(to(80, host=NAME, resolve=Resolver([silent.getsockname()])), timeout=SHORT)
    assert len(receiver.requests) == 1
    assert error.message == f"chatops ({NAME}): timed out"


# Answers


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_consent_is_a_delivery(receiver: Receiver, status: int) -> None:
    receiver.status = status
    assert to(receiver.port).send(NOTIFICATION, timeout=TIMEOUT).detail == f"chatops: {status}"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (301, "301 Moved Permanently: redirects are not followed; use the URL that it leads to"),
        (304, "redirects are not followed"),
        (401, "401 Unauthorized: check the secret, and the path of the URL"),
        (403, "403 Forbidden: check the secret, and the path of the URL"),
        (404, "404 Not Found: check the path of the URL"),
        (407, "a proxy in between asks for a login"),
        (408, "408 Request Timeout"),
        (425, "425 Too Early"),
        (429, "429 Too Many Requests"),
        (500, "500 Internal Server Error"),
        (503, "503 Service Unavailable"),
        (599, "599"),
        (103, "103"),
        (777, "777"),
    ],
)
def test_a_refusal_that_can_be_mended_is_a_failure_for_now(receiver: Receiver, status: int, words: str) -> None:
    receiver.status = status
    error = failure(to(receiver.port))
    assert type(error) is TemporaryNotifierError
    assert error.message.startswith(f"chatops ({HOST}:{receiver.port}): it answered {status}")
    assert words in error.message


@pytest.mark.parametrize("status", [400, 402, 405, 409, 410, 413, 415, 422, 451, 499])
def test_any_other_refusal_is_for_good(receiver: Receiver, status: int) -> None:
    receiver.status = status
    error = failure(to(receiver.port))
    assert type(error) is PermanentNotifierError
    assert f"it answered {status}" in error.message


def test_an_endpoint_that_is_gone_is_said_to_be_so(receiver: Receiver) -> None:
    receiver.status = 410
    assert failure(to(receiver.port)).message.endswith("take the endpoint out of the configuration")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    with Receiver() as elsewhere:
        receiver.status = status
        receiver.headers = {"Location": f"http://{HOST}:{elsewhere.port}/{PATH_SECRET}"}
        failure(to(receiver.port))
    assert (len(receiver.requests), elsewhere.connections) == (1, 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        (format_datetime(NOW + timedelta(hours=1), usegmt=True), 3600.0),
        ("Fri, 01 May 2026 10:00:30 -0000", 30.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("1e9", None),
        ("9" * 5000, None),
        ("1 Jan 2026 99999999999999999999:00", None),
        ("inf", None),
        ("Fri, 99 May 2026 10:00:00 GMT", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_when_to_come_back_is_what_the_endpoint_asks_for(
    receiver: Receiver, status: int, text: str, seconds: float | None
) -> None:
    receiver.status = status
    receiver.headers = {"Retry-After": text}
    error = failure(to(receiver.port))
    assert isinstance(error, TemporaryNotifierError)
    assert error.retry_after == seconds


def test_an_endpoint_that_nobody_configured_is_refused_for_good_with_those_that_are() -> None:
    error = failure(to(free_port()), evolve(NOTIFICATION, recipient="chatop"))
    assert type(error) is PermanentNotifierError
    assert error.message == "there is no webhook endpoint 'chatop'; known: chatops"


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, NOW])
def test_what_is_no_json_is_refused_for_good_and_not_shown(receiver: Receiver, value: object) -> None:
    error = failure(to(receiver.port), evolve(NOTIFICATION, context={"detail": value, "subject": TEXT}))
    assert type(error) is PermanentNotifierError
    assert receiver.connections == 0


# Servers out of order


def test_a_refused_connection_is_a_failure_for_now() -> None:
    port = free_port()
    error = failure(to(port))
    assert type(error) is TemporaryNotifierError
    assert error.message == f"chatops ({HOST}:{port}): Connection refused"


def test_a_name_that_does_not_resolve_is_a_failure_for_now() -> None:
    def resolve(_host: str, _port: int) -> list[Resolved]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    error = failure(to(80, host=NAME, resolve=resolve))
    assert type(error) is TemporaryNotifierError
    assert error.message == f"chatops ({NAME}): the name does not resolve: Name or service not known"


def test_a_name_without_an_address_is_a_failure_for_now() -> None:
    assert failure(to(80, host=NAME, resolve=Resolver([]))).message == f"chatops ({NAME}): the name has no address"


def test_a_resolver_that_takes_too_long_is_not_waited_for() -> None:
    done = threading.Event()

    def resolve(_host: str, _port: int) -> list[Resolved]:
        done.wait(TIMEOUT)
        return []

    error = failure(to(80, host=NAME, resolve=resolve), timeout=SHORT)
    done.set()
    assert error.message == f"chatops ({NAME}): timed out"


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "talk",
    [
        drips(b"", OK),
        drips(b"HTTP/1.1 ", b"2"),
        drips(OK + b"X: ", b"x"),
        drips(OK, b"X: x\r\n"),
        drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status", "status without end", "header without end", "headers without end", "interim answers without end"],
)
def test_a_server_that_answers_a_byte_at_a_time_does_not_hold_anybody_up(talk: Talk) -> None:
    started = time.monotonic()
    with Script(talk) as server:
        error = failure(to(server.port), timeout=SHORT)
    assert type(error) is TemporaryNotifierError
    assert error.message == f"chatops ({HOST}:{server.port}): timed out"
    assert time.monotonic() - started < TIMEOUT


def test_a_handshake_a_byte_at_a_time_does_not_hold_anybody_up(certificates: Certificates) -> None:
    # The beginning of a record of TLS that announces 16 KiB, of which hardly anything comes.
    with Script(drips(b"\x16\x03\x03\x40\x00", b"\x02"), reads=False) as server:
        error = failure(to(server.port, "https", ca_file=certificates.ca_file), timeout=SHORT)
    assert error.message == f"chatops ({HOST}:{server.port}): timed out"


@pytest.mark.parametrize("step", [0, 400_000])
def test_a_server_that_reads_nothing_or_slowly_does_not_hold_anybody_up(step: int) -> None:
    done = threading.Event()
    taken = [0]

    def talk(connection: socket.socket, _request: bytes) -> None:
        while not done.wait(0.02):
            taken[0] += len(connection.recv(step))

    big = evolve(NOTIFICATION, context={"detail": "x" * 50_000_000})
    with Script(talk, reads=False) as server:
        error = failure(to(server.port, secret=""), big, timeout=0.4)
        done.set()
    assert error.message == f"chatops ({HOST}:{server.port}): timed out"
    assert taken[0] < 25_000_000


def test_a_body_a_byte_at_a_time_is_not_waited_for() -> None:
    started = time.monotonic()
    with Script(drips(OK + b"Content-Length: 1000000\r\n\r\n", b"x")) as server:
        assert to(server.port).send(NOTIFICATION, timeout=TIMEOUT).detail == "chatops: 200"
    assert time.monotonic() - started < TIMEOUT / 2


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 99\r\n\r\nno", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"\r\n" + b"x" * 300_000],
    ids=["cut", "garbage", "huge"],
)
def test_what_happens_after_a_consent_is_no_failure(rest: bytes) -> None:
    with Script(says(OK, rest)) as server:
        assert to(server.port).send(NOTIFICATION, timeout=TIMEOUT).detail == "chatops: 200"


# A reset loses what TLS has not decrypted yet, so there the rest has to be read.
@pytest.mark.parametrize(("scheme", "rest"), [("http", "is read"), ("http", "is not read"), ("https", "is read")])
def test_an_answer_counts_even_if_it_comes_before_the_message_was_read(
    certificates: Certificates, scheme: str, rest: str
) -> None:
    def talk(plain: socket.socket, _request: bytes) -> None:
        connection = certificates.server(HOST).wrap_socket(plain, server_side=True) if scheme == "https" else plain
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\n")
        while rest == "is read" and connection.recv(65536):
            pass
        connection.close()  # which is a reset, if there is something left to read

    big = evolve(NOTIFICATION, context={"detail": "x" * 5_000_000})
    with Script(talk, reads=False) as server:
        error = failure(to(server.port, scheme, ca_file=certificates.ca_file), big)
    assert type(error) is PermanentNotifierError
    assert "it answered 413" in error.message


@pytest.mark.parametrize("head", [OK + b"\r\n", b"", OK + b"X: ", b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000])
def test_no_more_than_64_kib_of_an_answer_are_read(head: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
        theirs.settimeout(0)
        sent = 0
        with suppress(BlockingIOError):
            while sent < 200_000:
                sent += theirs.send((head + b"x" * 200_000)[sent : sent + 4096])
        with suppress(OSError, http.client.HTTPException):
            post(ours, NAME, "/", {}, b"{}", deadline=Deadline.after(TIMEOUT))
        ours.settimeout(0)
        left = 0
        with suppress(BlockingIOError):
            while left < sent:
                left += len(ours.recv(65536))
    assert sent > 64 * 1024
    assert sent - left <= 64 * 1024


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "it closed the connection without an answer"),
        (b"\0\xff\xfe garbage\r\n\r\n", "what it says is not HTTP"),
        (b"\r\n\r\n", "what it says is not HTTP"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "what it says is not HTTP"),
        (b"HTTP/1.1 20000 OK\r\n\r\n", "what it says is not HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "what it says is not HTTP"),
        (b"HTTP/9.9 200 OK\r\n\r\n", "what it says is not HTTP"),
        (b"-" * 70_000, "its answer is too long"),
        (OK + b"X: x\r\n" * 101 + b"\r\n", "what it says is not HTTP"),
        (OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n", "its answer is too long"),
    ],
)
def test_a_server_that_talks_nonsense_is_a_failure_for_now(said: bytes, reason: str) -> None:
    with Script(says(said)) as server:
        error = failure(to(server.port))
    assert type(error) is TemporaryNotifierError
    assert error.message == f"chatops ({HOST}:{server.port}): {reason}"


def test_a_connection_that_is_cut_is_a_failure_for_now() -> None:
    def talk(connection: socket.socket, _request: bytes) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # closing is a reset

    with Script(talk) as server:
        error = failure(to(server.port))
    assert type(error) is TemporaryNotifierError
    assert error.message == f"chatops ({HOST}:{server.port}): Connection reset by peer"


ANSWER_PARTS = [b"HTTP/1.1 ", b"200 OK", b"503 No", b"\r\n", b"Retry-After: ", b"Content-Length: ", b"chunked", b"\0"]


@settings(max_examples=40, deadline=None)
@example(said=b"HTTP/1.1 503 No\r\nRetry-After: 1 Jan 2026 99999999999999999999:00\r\n\r\n")
@given(said=st.one_of(st.binary(), st.lists(st.one_of(st.sampled_from(ANSWER_PARTS), st.binary())).map(b"".join)))
def test_whatever_a_server_says_it_is_a_delivery_or_a_failure(said: bytes) -> None:
    with Script(says(said)) as server:
        try:
            outcome = to(server.port).send(NOTIFICATION, timeout=TIMEOUT).detail
        except (TemporaryNotifierError, PermanentNotifierError) as error:
            outcome = error.message
    assert outcome.startswith(("chatops: 2", f"chatops ({HOST}:{server.port}): "))
    assert outcome.isprintable()


# Secrets


def echo(status: bytes) -> Talk:
    """Return a server that repeats all it was told, in the status line, the headers and the body."""

    def talk(connection: socket.socket, request: bytes) -> None:
        flat = b" ".join(request.split())
        connection.sendall(
            status + b" " + flat + b"\r\nX-Echo: " + flat + b"\r\nRetry-After: " + flat + b"\r\n\r\n" + flat
        )

    return talk


@pytest.mark.parametrize(
    "status", [b"HTTP/1.1 200", b"HTTP/1.1 302", b"HTTP/1.1 401", b"HTTP/1.1 422", b"HTTP/1.1 503", b""]
)
def test_secrets_that_the_server_repeats_go_no_further(status: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Script(echo(status)) as server:
        sender = to(server.port)
        try:
            seen = sender.send(NOTIFICATION, timeout=TIMEOUT).detail
        except NotifierError as error:
            seen = shown(error)
    everything = seen + caplog.text + repr(sender)
    assert told(everything) == []
    assert "v1," not in everything


def test_a_notifier_shows_the_host_of_an_endpoint_and_nothing_else_of_its_url() -> None:
    assert f"url='https://{NAME}:8443/…'" in repr(to(8443, "https", NAME))


# The check


def test_the_check_says_what_was_reached_and_asks_for_nothing(certificates: Certificates, receiver: Receiver) -> None:
    with Receiver(tls=certificates.server()) as secure:
        resolve = Resolver([(HOST, secure.port)])
        endpoints = {
            "chatops": Endpoint(url=f"https://{NAME}:{secure.port}/", allow_private=True, ca_file=certificates.ca_file),
        }
        clock = PlayedClock(NOW)
        said = WebhookNotifier(endpoints=endpoints, clock=clock, resolve=resolve).check(timeout=TIMEOUT)
    assert said == f"chatops: {NAME}:{secure.port} at {HOST} port {secure.port} (TLSv1.3)"
    assert secure.requests == []
    said = to(receiver.port).check(timeout=TIMEOUT)
    assert said == f"chatops: {HOST}:{receiver.port} at {HOST} port {receiver.port} (not encrypted)"
    assert receiver.requests == []


def test_the_check_names_every_endpoint_that_fails_with_its_reason(
    certificates: Certificates, receiver: Receiver
) -> None:
    port = free_port()
    with Receiver(tls=certificates.server()) as secure:
        endpoints = {
            "good": Endpoint(url=f"http://{HOST}:{receiver.port}/", allow_private=True),
            "private": Endpoint(url=f"http://{HOST}:{receiver.port}/{PATH_SECRET}"),
            "dead": Endpoint(url=f"http://{HOST}:{port}/{PATH_SECRET}", allow_private=True),
            "false": Endpoint(url=f"https://{HOST}:{secure.port}/{PATH_SECRET}", allow_private=True),
        }
        with pytest.raises(NotifierError) as caught:
            WebhookNotifier(endpoints=endpoints, clock=PlayedClock(NOW)).check(timeout=TIMEOUT)
    assert told(shown(caught.value)) == []
    private, dead, false = caught.value.lines()
    assert private == f"private ({HOST}:{receiver.port}): leads to {HOST}, {REFUSED}"
    assert dead == f"dead ({HOST}:{port}): Connection refused"
    assert false.startswith(f"false ({HOST}:{secure.port}): its certificate does not prove who it is: ")
    assert secure.requests == receiver.requests == []


def test_the_check_of_nothing_says_so() -> None:
    assert WebhookNotifier(endpoints={}, clock=PlayedClock(NOW)).check(timeout=TIMEOUT) == "no endpoints"
