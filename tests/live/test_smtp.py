"""Mails over real connections: to an SMTP server, and to servers that do not do as they should."""

from __future__ import annotations

import email
import email.policy
import logging
import socket
import ssl
import threading
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from attrs import evolve

from ticketcore.adapters.rendering import JinjaRenderer
from ticketcore.adapters.smtp import Security, SmtpNotifier
from ticketcore.errors import (
    NotifierError,
    PermanentNotifierError,
    RejectedError,
    TemporaryNotifierError,
)
from ticketcore.ports.notifier import Notification

HOST = "127.0.0.1"
USER = "desk-login"
PASSWORD = "correct horse"  # with a blank, as some have
TIMEOUT = 5.0
SHORT = 0.2

NOTIFICATION = Notification(
    message_id="0199-m",
    thread_id="0199-t",
    notify_code="Created",
    recipient="ann@example.com",
    to=("ann@example.com", "bob@example.com"),
    cc=("eve@example.com",),
    subject="#7 Größer 🔥",
    text="It burns.\n.\n..\n",
    html="<p>It burns.</p>\n",
    created=datetime(2026, 5, 1, 9, 30, tzinfo=UTC),
)

SECRETS = [
    USER,
    PASSWORD,
    *(b64encode(x.encode()).decode() for x in (USER, PASSWORD, f"\0{USER}\0{PASSWORD}")),
]

Start = Callable[..., SmtpNotifier]


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


class Mailroom:
    """What the real server got, and what it says to a recipient, a sender or a mail."""

    def __init__(self) -> None:
        self.refuse_sender = ""
        self.refuse_recipient = ""
        self.refuse_mail = ""
        self.envelopes: list[Envelope] = []
        self.encrypted: list[bool] = []
        self.authenticated: list[bool] = []

    def the_mail(self) -> EmailMessage:
        """Return the one mail that arrived; no property, because the server reads those."""
        (envelope,) = self.envelopes
        assert isinstance(envelope.content, bytes)
        return email.message_from_bytes(envelope.content, policy=email.policy.default)

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        known = LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=data == known, handled=data == known)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self.refuse_sender:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.refuse_sender or "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self.refuse_recipient:
            envelope.rcpt_tos.append(address)
        return self.refuse_recipient or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuse_mail:
            return self.refuse_mail
        self.envelopes.append(envelope)
        transport = server.transport
        assert transport is not None
        self.encrypted.append(transport.get_extra_info("cipher") is not None)
        self.authenticated.append(bool(session.authenticated))
        return "250 queued as 4711"


class Certificates:
    """An authority, and what a server at our address gets from it."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca_file)

    def server(self, name: str = HOST) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(name).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def mailroom() -> Mailroom:
    return Mailroom()


@pytest.fixture
def start(mailroom: Mailroom) -> Iterator[Start]:
    """Start the real server; return a notifier that talks to it."""
    running: list[Controller] = []

    def run(
        security: Security = "none",
        *,
        settings: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> SmtpNotifier:
        controller = Controller(mailroom, HOST, free_port(), authenticator=mailroom.authenticate, **options)
        controller.start()
        running.append(controller)
        return SmtpNotifier(
            host=HOST,
            port=controller.port,
            security=security,
            sender="Ticket Desk <desk@tickets.example>",
            **(settings or {}),
        )

    yield run
    for controller in running:
        controller.stop()


class Script:
    """A server for one connection that says what it is told to, whatever it is asked.

    ``answers`` are by verb ("" is the greeting, "." the end of a mail): what to say, or how to make
    that from the line; nothing for silence, ``None`` to hang up. ``received`` is what was heard.
    """

    USUAL: Mapping[str, bytes] = {
        "": b"220 ready\r\n",
        "EHLO": b"250-hello\r\n250 AUTH PLAIN LOGIN\r\n",
        "DATA": b"354 go on\r\n",
        ".": b"250 queued\r\n",
        "AUTH": b"235 welcome\r\n",
        "QUIT": b"221 bye\r\n",
    }

    def __init__(self, **answers: bytes | Callable[[bytes], bytes] | None) -> None:
        self._answers = {**self.USUAL, **answers}
        self._listening = socket.create_server((HOST, 0))
        self._thread = threading.Thread(target=self._serve)
        self.port: int = self._listening.getsockname()[1]
        self.received = b""

    def notifier(
        self,
        security: Security = "none",
        **settings: Any,
    ) -> SmtpNotifier:
        return SmtpNotifier(host=HOST, port=self.port, security=security, sender="desk@tickets.example", **settings)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.join(TIMEOUT)
        self._listening.close()
        assert not self._thread.is_alive(), "the client did not close the connection"

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection, connection.makefile("rb") as lines, suppress(ConnectionError):
            in_mail = False
            if not self._answer(connection, "", b""):
                return
            for line in lines:
                self.received += line
                verb = line.split()[0].decode("latin-1").upper() if line.split() else ""
                if in_mail and verb != ".":
                    continue
                if not self._answer(connection, verb, line):
                    return
                in_mail = verb == "DATA" and self._answers["DATA"] == self.USUAL["DATA"]

    def _answer(self, connection: socket.socket, verb: str, line: bytes) -> bool:
        answer = self._answers.get(verb, b"250 OK\r\n")
        if answer is not None:
            connection.sendall(answer(line) if callable(answer) else answer)
        return answer is not None


def failure(
    notifier: SmtpNotifier, notification: Notification = NOTIFICATION, timeout: float = TIMEOUT
) -> NotifierError:
    """Return the error that sending ends with."""
    with pytest.raises(NotifierError) as caught:
        notifier.send(notification, timeout=timeout)
    return caught.value


def shown(error: NotifierError) -> str:
    """Return all that a log could show of an error, with whatever led to it."""
    assert error.__cause__ is None
    assert error.__context__ is None
    return "".join(traceback.format_exception(error)) + repr(error)


# What arrives


def test_a_mail_arrives_as_it_was_meant(start: Start, mailroom: Mailroom) -> None:
    receipt = start().send(NOTIFICATION, timeout=TIMEOUT)
    assert receipt.detail.startswith("ann@example.com via 127.0.0.1:")
    assert receipt.detail.endswith(": queued as 4711")
    message = mailroom.the_mail()
    assert message["From"] == "Ticket Desk <desk@tickets.example>"
    assert message["To"] == "ann@example.com, bob@example.com"
    assert message["Cc"] == "eve@example.com"
    assert message["Subject"] == "#7 Größer 🔥"
    assert message["Date"].datetime == NOTIFICATION.created
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Ticketcore-Event"] == "Created"
    plain, html = message.iter_parts()
    assert isinstance(plain, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert plain.get_content() == "It burns.\r\n.\r\n..\r\n"
    assert html.get_content() == "<p>It burns.</p>\r\n"


def test_the_envelope_has_the_recipient_of_this_delivery_alone(start: Start, mailroom: Mailroom) -> None:
    start().send(NOTIFICATION, timeout=TIMEOUT)
    (envelope,) = mailroom.envelopes
    assert envelope.mail_from == "desk@tickets.example"
    assert envelope.rcpt_tos == ["ann@example.com"]


def test_two_mails_of_a_ticket_are_one_thread_and_a_repeated_one_is_the_same(start: Start, mailroom: Mailroom) -> None:
    notifier = start()
    for message_id in ("one", "two", "two"):
        notifier.send(evolve(NOTIFICATION, message_id=message_id), timeout=TIMEOUT)
    contents = [envelope.content for envelope in mailroom.envelopes]
    messages = [email.message_from_bytes(x) for x in contents if isinstance(x, bytes)]
    assert [x["Message-ID"] for x in messages] == [
        "<one@tickets.example>",
        "<two@tickets.example>",
        "<two@tickets.example>",
    ]
    assert {x["References"] for x in messages} == {"<0199-t@tickets.example>"}
    assert {x["In-Reply-To"] for x in messages} == {"<0199-t@tickets.example>"}


def test_an_attempt_to_inject_is_text_on_the_other_side(start: Start, mailroom: Mailroom) -> None:
    hostile = "x\r\nBcc: victim@example.com\r\n\r\n<script>\r\n.\r\nMAIL FROM:<evil@example.com>\r\n"
    values: dict[str, object] = dict.fromkeys(
        ("subject", "event", "detail", "status", "priority", "assigned_to", "action_by"), hostile
    )
    rendered = JinjaRenderer().render_message(hostile, {**values, "ticket_number": 7})
    notification = evolve(
        NOTIFICATION,
        message_id=hostile,
        thread_id=hostile,
        notify_code=hostile,
        subject=hostile,
        text=rendered.text,
        html=rendered.html,
    )
    start().send(notification, timeout=TIMEOUT)
    (envelope,) = mailroom.envelopes
    assert envelope.rcpt_tos == ["ann@example.com"]
    message = mailroom.the_mail()
    assert message["Bcc"] is None
    assert message["Subject"] == ("x Bcc: victim@example.com <script> . MAIL FROM:<evil@example.com>")
    html = message.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()


def test_an_international_address_arrives_where_the_server_takes_it(start: Start, mailroom: Mailroom) -> None:
    notification = evolve(NOTIFICATION, recipient="josé@bücher.example", to=("josé@bücher.example",))
    start(enable_SMTPUTF8=True).send(notification, timeout=TIMEOUT)
    (envelope,) = mailroom.envelopes
    assert envelope.rcpt_tos == ["josé@xn--bcher-kva.example"]
    assert "SMTPUTF8" in envelope.mail_options


def test_an_international_address_is_refused_for_good_where_the_server_does_not(
    start: Start, mailroom: Mailroom
) -> None:
    error = failure(start(enable_SMTPUTF8=False), evolve(NOTIFICATION, recipient="josé@example.com"))
    assert isinstance(error, PermanentNotifierError)
    assert "SMTPUTF8" in error.message
    assert mailroom.envelopes == []


# Encryption


def test_starttls_encrypts(start: Start, mailroom: Mailroom, certificates: Certificates) -> None:
    settings = {"ca_file": certificates.ca_file, "username": USER, "password": PASSWORD}
    notifier = start("starttls", settings=settings, tls_context=certificates.server(), require_starttls=True)
    notifier.send(NOTIFICATION, timeout=TIMEOUT)
    assert mailroom.encrypted == [True]
    assert mailroom.authenticated == [True]


def test_tls_from_the_start_encrypts(start: Start, mailroom: Mailroom, certificates: Certificates) -> None:
    settings = {"ca_file": certificates.ca_file, "username": USER, "password": PASSWORD}
    # This server does not count TLS from the start as TLS when it comes to logins.
    notifier = start("tls", settings=settings, ssl_context=certificates.server(), auth_require_tls=False)
    notifier.send(NOTIFICATION, timeout=TIMEOUT)
    assert mailroom.encrypted == [True]
    assert mailroom.authenticated == [True]


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("known", [True, False])
def test_a_certificate_that_does_not_prove_the_server_stops_everything(
    start: Start, mailroom: Mailroom, certificates: Certificates, security: Security, *, known: bool
) -> None:
    # Either the authority is unknown, or it is known but the certificate is for another server.
    context = certificates.server("other.example" if known else HOST)
    option = {"starttls": "tls_context", "tls": "ssl_context"}[security]
    settings = {"ca_file": certificates.ca_file} if known else {}
    error = failure(start(security, settings=settings, **{option: context}))
    assert isinstance(error, TemporaryNotifierError)
    assert "certificate verify failed" in error.message
    assert mailroom.envelopes == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_unreadable_ca_file_is_named(certificates: Certificates, tmp_path: Path, security: Security) -> None:
    with Script(EHLO=b"250-hello\r\n250 STARTTLS\r\n") as server:
        error = failure(server.notifier(security, ca_file=tmp_path / "no.pem"))
        with suppress(OSError):
            socket.create_connection((HOST, server.port), TIMEOUT).close()  # ends the one of "tls"
    assert isinstance(error, TemporaryNotifierError)
    assert f"cannot read certificates from {tmp_path / 'no.pem'}: No such file" in error.message


@pytest.mark.parametrize(
    "answers",
    [
        {"EHLO": b"250-hello\r\n250 AUTH PLAIN\r\n"},
        {"EHLO": b"502 what?\r\n"},
        {
            "EHLO": b"250-hello\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",
            "STARTTLS": b"454 not now\r\n",
        },
        {
            "EHLO": b"250-hello\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",
            "STARTTLS": b"220 go\r\n220 go\r\n",
        },
        {"EHLO": b"250-hello\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", "STARTTLS": None},
    ],
)
def test_without_starttls_nothing_is_sent_in_plain(answers: Mapping[str, bytes | None]) -> None:
    with Script(**answers) as server:
        error = failure(server.notifier("starttls", username=USER, password=PASSWORD))
    assert isinstance(error, TemporaryNotifierError)
    verbs = {line.split(b" ")[0].strip().upper() for line in server.received.splitlines()[:3]}
    assert not verbs & {b"AUTH", b"MAIL", b"RCPT", b"DATA"}
    assert not any(secret.encode() in server.received for secret in SECRETS)


def test_a_server_without_starttls_is_said_to_be_one() -> None:
    with Script() as server:
        error = failure(server.notifier("starttls"))
    assert error.message == (f"127.0.0.1:{server.port}: STARTTLS extension not supported by server.")


# Login


def test_a_refused_login_is_a_failure_for_now_and_tells_no_secret(
    start: Start, mailroom: Mailroom, certificates: Certificates
) -> None:
    settings = {"ca_file": certificates.ca_file, "username": USER, "password": "wrong"}
    error = failure(start("starttls", settings=settings, tls_context=certificates.server()))
    assert isinstance(error, TemporaryNotifierError)
    assert error.message.endswith("the server refused the login (535)")
    assert USER not in shown(error)
    assert "wrong" not in shown(error)
    assert mailroom.envelopes == []


def test_a_server_that_offers_no_login_is_said_to_be_one() -> None:
    with Script(EHLO=b"250 hello\r\n") as server:
        error = failure(server.notifier(username=USER, password=PASSWORD))
    assert error.message.endswith("the server offers no login on this connection")


def test_a_login_that_cannot_be_sent_is_a_failure_for_now() -> None:
    with Script() as server:
        error = failure(server.notifier(username=USER, password="Pässwort"))
    assert isinstance(error, TemporaryNotifierError)
    assert error.message.endswith("user name and password can only be ASCII")
    assert "ä" not in shown(error)


def echo(code: bytes) -> Callable[[bytes], bytes]:
    """Return an answer that repeats the line it is for, and the secrets in every form."""
    told = " ".join(SECRETS).encode()
    return lambda line: code + b" no " + line.strip() + b" by " + told.upper() + told + b"\r\n"


@pytest.mark.parametrize(
    "answers",
    [
        {"AUTH": echo(b"535")},
        {"AUTH": echo(b"334")},
        {"AUTH": echo(b"454")},
        {"AUTH": b"334 " + b64encode(PASSWORD.encode()) + b"\r\n"},
        {"AUTH": None},
        {"MAIL": echo(b"550")},
        {"RCPT": echo(b"450")},
        {"DATA": echo(b"554")},
        {".": echo(b"554")},
        {".": echo(b"250")},
    ],
)
@pytest.mark.parametrize("mechanisms", [b"PLAIN", b"LOGIN", b"CRAM-MD5 LOGIN PLAIN", b"XOAUTH2"])
def test_secrets_that_the_server_repeats_go_no_further(
    answers: Mapping[str, Any], mechanisms: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Script(EHLO=b"250-hello\r\n250 AUTH " + mechanisms + b"\r\n", **answers) as server:
        notifier = server.notifier(username=USER, password=PASSWORD)
        try:
            seen = notifier.send(NOTIFICATION, timeout=TIMEOUT).detail
        except NotifierError as error:
            seen = shown(error)
    assert [x for x in SECRETS if x.lower() in (seen + caplog.text).lower()] == []


def test_a_notifier_does_not_show_its_login() -> None:
    notifier = SmtpNotifier(host=HOST, username=USER, password=PASSWORD, sender="desk@tickets.example")
    assert USER not in repr(notifier)
    assert PASSWORD not in repr(notifier)


# Refusals


@pytest.mark.parametrize(
    ("refusals", "kind", "step"),
    [
        (
            {"refuse_recipient": "550 5.1.1 no such user"},
            PermanentNotifierError,
            "the recipient ann@example.com",
        ),
        (
            {"refuse_sender": "553 5.1.8 not from you"},
            PermanentNotifierError,
            "the sender desk@tickets.example",
        ),
        ({"refuse_mail": "554 5.7.1 looks like spam"}, PermanentNotifierError, "the mail"),
        (
            {"refuse_recipient": "451 4.7.1 greylisted"},
            TemporaryNotifierError,
            "the recipient ann@example.com",
        ),
        (
            {"refuse_sender": "452 4.3.1 no space"},
            TemporaryNotifierError,
            "the sender desk@tickets.example",
        ),
        ({"refuse_mail": "421 4.3.2 going down"}, TemporaryNotifierError, "the mail"),
        (
            {"refuse_sender": "530 5.7.0 log in first"},
            TemporaryNotifierError,
            "the sender desk@tickets.example",
        ),
    ],
)
def test_the_code_of_a_refusal_decides_whether_it_is_for_good(
    start: Start,
    mailroom: Mailroom,
    refusals: Mapping[str, str],
    kind: type[NotifierError],
    step: str,
) -> None:
    for name, answer in refusals.items():
        setattr(mailroom, name, answer)
    error = failure(start())
    assert type(error) is kind
    assert error.message.endswith(f"refused {step}: {next(iter(refusals.values()))}")
    assert mailroom.envelopes == []


def test_a_mail_that_was_put_off_is_taken_later(start: Start, mailroom: Mailroom) -> None:
    notifier = start()
    mailroom.refuse_recipient = "451 4.7.1 greylisted"
    failure(notifier)
    mailroom.refuse_recipient = ""
    notifier.send(NOTIFICATION, timeout=TIMEOUT)
    assert mailroom.the_mail()["Message-ID"] == "<0199-m@tickets.example>"


def test_a_mail_that_is_too_big_is_refused_before_it_is_sent(start: Start, mailroom: Mailroom) -> None:
    notification = evolve(NOTIFICATION, text="x" * 5000)
    error = failure(start(data_size_limit=1000), notification)
    assert isinstance(error, PermanentNotifierError)
    assert "refused the sender desk@tickets.example: 552" in error.message


def test_an_address_that_is_none_is_refused_before_anything_is_opened() -> None:
    notifier = SmtpNotifier(host=HOST, port=free_port(), sender="desk@tickets.example")
    error = failure(notifier, evolve(NOTIFICATION, recipient="ann@example.com\r\nRCPT TO:<v@example.com>"))
    assert isinstance(error, PermanentNotifierError)


# Servers out of order


def test_a_refused_connection_is_a_failure_for_now() -> None:
    port = free_port()
    error = failure(SmtpNotifier(host=HOST, port=port, security="none", sender="desk@tickets.example"))
    assert isinstance(error, TemporaryNotifierError)
    assert error.message == f"127.0.0.1:{port}: Connection refused"


def test_a_host_that_cannot_exist_is_a_failure_for_now() -> None:
    error = failure(SmtpNotifier(host="mail..example", port=25, sender="desk@tickets.example"))
    assert isinstance(error, TemporaryNotifierError)
    assert error.message.startswith("mail..example:25: ")


STEPS = ["", "EHLO", "MAIL", "RCPT", "DATA", "."]


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_stops_answering_is_a_failure_for_now(step: str) -> None:
    with Script(**{step: b""}) as server:
        error = failure(server.notifier(), timeout=SHORT)
    assert isinstance(error, TemporaryNotifierError)
    assert "timed out" in error.message


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_hangs_up_is_a_failure_for_now(step: str) -> None:
    with Script(**{step: None}) as server:
        error = failure(server.notifier())
    assert isinstance(error, TemporaryNotifierError)
    assert "closed" in error.message or "reset" in error.message


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\xff\xfe garbage\r\n",
        b"\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"-" * 9000 + b"\r\n",
        b"999\r\n",
    ],
)
def test_a_server_that_talks_nonsense_is_a_failure_for_now(step: str, garbage: bytes) -> None:
    with Script(HELO=garbage, **{step: garbage}) as server:
        error = failure(server.notifier(), timeout=SHORT)
    assert isinstance(error, TemporaryNotifierError)
    assert error.message.isprintable()
    assert "-1" not in error.message  # smtplib's code for what has none


def test_a_server_that_speaks_no_tls_is_a_failure_for_now(certificates: Certificates) -> None:
    with Script() as server:
        error = failure(server.notifier("tls", ca_file=certificates.ca_file))
    assert isinstance(error, TemporaryNotifierError)


@pytest.mark.parametrize("goodbye", [b"", None, b"garbage\r\n", b"500 what?\r\n", b"-" * 9000 + b"\r\n"])
def test_what_happens_after_a_mail_was_taken_is_no_failure(goodbye: bytes | None) -> None:
    with Script(QUIT=goodbye) as server:
        receipt = server.notifier().send(NOTIFICATION, timeout=SHORT)
    assert receipt.detail.endswith(": queued")


def test_a_server_that_knows_only_the_old_greeting_gets_its_mail() -> None:
    with Script(EHLO=b"502 what?\r\n") as server:
        server.notifier().send(NOTIFICATION, timeout=TIMEOUT)
    assert b"\r\nmail from:<desk@tickets.example>\r\n" in server.received.lower()


# Settings


@pytest.mark.parametrize(("security", "port"), [("none", 25), ("starttls", 587), ("tls", 465)])
def test_without_a_port_the_usual_one_is_used(security: Security, port: int) -> None:
    notifier = SmtpNotifier(host="mail..example", security=security, sender="desk@tickets.example")
    assert failure(notifier).message.startswith(f"mail..example:{port}: ")


@pytest.mark.parametrize("wrong", [{"security": "ssl"}, {"host": ""}, {"sender": "desk"}])
def test_settings_that_cannot_work_are_refused_at_once(wrong: Mapping[str, Any]) -> None:
    with pytest.raises((ValueError, RejectedError), match=next(iter(wrong))):
        SmtpNotifier(**{"host": HOST, "sender": "desk@tickets.example", **wrong})
