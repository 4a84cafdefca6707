"""A real mail server on a free port of this computer, which keeps what arrives, and refuses on demand.

It needs aiosmtpd, which ``ticketcore[testing]`` brings.
"""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Awaitable
from email.message import EmailMessage
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from attrs import evolve, frozen

from ticketcore.config.schema import EmailSection

if TYPE_CHECKING:
    import asyncio

    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

HOST = "127.0.0.1"


@frozen(kw_only=True)
class Delivery:
    """A mail that the server took, with the envelope that it came in, and the ``user`` who was logged in."""

    sender: str
    recipients: tuple[str, ...]
    mail: EmailMessage
    user: str = ""


class SmtpServer:
    """A mail server, which can be stopped and started again on the same port.

    ``refuse_sender``, ``refuse_recipient`` and ``refuse_mail`` are what it says at the three steps of a mail instead
    of consenting: ``"550 5.1.1 no such user"`` refuses for good, ``"451 4.7.1 try later"`` for now; empty consents.
    With a ``username`` it takes mails only from who is logged in with that and the ``password``.
    """

    def __init__(self, *, username: str = "", password: str = "") -> None:
        """Make a server that does not run yet; as a context manager it runs."""
        self.host = HOST
        self.port = 0
        self.username = username
        self.password = password
        self.refuse_sender = ""
        self.refuse_recipient = ""
        self.refuse_mail = ""
        self.deliveries: list[Delivery] = []
        """What it took, in order."""
        self._controller: Controller | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def start(self) -> None:
        """Start to listen; on a free port, or on the one that it had before.

        Raises:
            ModuleNotFoundError: aiosmtpd is not installed.
        """
        if self._controller is None:
            self._controller = _started(self)
            self.port = self._controller.port

    def stop(self) -> None:
        """Stop to listen, so that connections are refused; calling it twice is no error."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    @property
    def mails(self) -> list[EmailMessage]:
        """The mails that it took, in order."""
        return [delivery.mail for delivery in self.deliveries]

    def the_mail(self) -> EmailMessage:
        """Return the one mail that it took."""
        if len(self.deliveries) != 1:
            found = "".join(f"\n  {one.mail['Subject']} to {', '.join(one.recipients)}" for one in self.deliveries)
            message = f"expected one mail, but {len(self.deliveries)} arrived{':' if found else ''}{found}"
            raise AssertionError(message)
        return self.deliveries[0].mail

    def mails_to(self, address: str) -> list[EmailMessage]:
        """Return the mails whose envelope has ``address`` as a recipient, in order."""
        wanted = address.lower()
        return [one.mail for one in self.deliveries if wanted in map(str.lower, one.recipients)]

    def section(self, **fields: Any) -> EmailSection:
        """Return the section ``email`` of a configuration that uses this server; ``fields`` are others of it."""
        section = EmailSection(
            host=self.host,
            port=self.port,
            security="none",
            username=self.username,
            password=self.password,
            sender="Ticket desk <desk@example.com>",
        )
        return evolve(section, **fields)


def readable(mail: EmailMessage) -> str:
    """Return a mail as a reader sees it: a line for each header, then each part that is text, all decoded."""
    headers = [f"{name}: {value}" for name, value in mail.items()]
    parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return "\n".join([*headers, "", *parts])


def parse_mail(data: bytes) -> EmailMessage:
    """Return the mail that ``data`` is."""
    return email.message_from_bytes(data, policy=email.policy.default)


def _started(server: SmtpServer) -> Controller:
    try:
        from aiosmtpd.controller import Controller
    except ModuleNotFoundError as error:
        message = "the mail server for tests needs aiosmtpd; install it: pip install 'ticketcore[testing]'"
        raise ModuleNotFoundError(message, name=error.name) from error

    listening = socket.create_server((HOST, server.port))

    class Listening(Controller):
        """A controller of a socket that listens already, because a free port can only be kept by taking it."""

        def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
            return self.loop.create_server(self._factory_invoker, sock=listening)

    options: dict[str, Any] = {}
    if server.username:
        options = {"authenticator": _Login(server), "auth_require_tls": False}
    controller = Listening(_Handler(server), HOST, listening.getsockname()[1], **options)
    controller.start()
    return controller


@frozen
class _Login:
    """Lets in who has the name and the password of the server."""

    server: SmtpServer

    def __call__(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        """Return whether ``data`` is the login; part of aiosmtpd's interface."""
        from aiosmtpd.smtp import AuthResult, LoginPassword

        wanted = LoginPassword(self.server.username.encode(), self.server.password.encode())
        return AuthResult(success=data == wanted, handled=data == wanted, auth_data=self.server.username)


@frozen
class _Handler:
    """What the server says at each step; the names of the methods are aiosmtpd's."""

    server: SmtpServer

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.server.username and not session.authenticated:
            return "530 5.7.0 log in first"
        if not self.server.refuse_sender:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.server.refuse_sender or "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if not self.server.refuse_recipient:
            envelope.rcpt_tos.append(address)
        return self.server.refuse_recipient or "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.server.refuse_mail:
            return self.server.refuse_mail
        content = envelope.content
        delivery = Delivery(
            sender=envelope.mail_from or "",
            recipients=tuple(envelope.rcpt_tos),
            mail=parse_mail(content if isinstance(content, bytes) else (content or "").encode()),
            user=self.server.username if session.authenticated else "",
        )
        self.server.deliveries.append(delivery)
        return "250 queued"
