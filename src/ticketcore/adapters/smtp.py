"""The mail notifier: hands mails to an SMTP server."""

from __future__ import annotations

import re
import smtplib
import ssl
from base64 import b64encode
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Literal, get_args

from attrs import field, frozen, validators

from ticketcore.adapters.mime import (
    Mailbox,
    build_message,
    is_international,
    parse_mailbox,
    recipient_address,
)
from ticketcore.errors import NotifierError, PermanentNotifierError, TemporaryNotifierError
from ticketcore.ports.notifier import Notification, Receipt

Security = Literal["none", "starttls", "tls"]
"""The protection of the connection: none, STARTTLS (or nothing is sent), or TLS from the start."""

_USUAL_PORTS: dict[Security, int] = {"none": 25, "starttls": 587, "tls": 465}

_OPERATOR_CODES = frozenset({530, 534, 535, 538})
"""Refusals of the login or the encryption, not of the mail: an operator can mend what they mean."""

_LONGEST_ANSWER = 500


class _RefusedError(Exception):
    """The server did not consent to a step of the delivery."""

    def __init__(self, step: str, code: int, text: bytes) -> None:
        """Keep the ``step`` that was refused, and the ``code`` and the ``text`` of the answer."""
        super().__init__(step)
        self.step = step
        self.code = code
        self.text = text

    @property
    def permanent(self) -> bool:
        """Whether the server will never take this mail."""
        return self.code // 100 == 5 and self.code not in _OPERATOR_CODES  # noqa: PLR2004 - 5xx


@frozen(kw_only=True)
class SmtpNotifier:
    """Sends each notification as a mail to its recipient, over a connection of its own.

    ``sender`` is ``Name <address>`` or an address alone. A port of 0 is the usual one. Certificates
    are verified against the authorities of the system, or those in ``ca_file`` alone. Without a
    ``username`` there is no login. User name and password never get into an error, a receipt or a
    log, not even where the server repeats them.

    What an operator can mend (a refused login, no STARTTLS, a certificate) is a temporary failure,
    so mails wait for it. Only the refusal of a sender, a recipient or a mail is permanent.
    """

    host: str = field(validator=validators.min_len(1))
    port: int = 0
    security: Security = field(default="starttls", validator=validators.in_(get_args(Security)))
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    sender: Mailbox = field(converter=parse_mailbox)
    ca_file: Path | None = None

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        """Deliver one mail, to ``notification.recipient`` and nobody else.

        Raises:
            TemporaryNotifierError: the server is out of reach, or does not take the mail now.
            PermanentNotifierError: the server refuses the mail for good, or an address is none.
        """
        message = build_message(notification, self.sender)
        recipient = recipient_address(notification.recipient)
        try:
            answer = self._transmit(message, recipient, timeout)
        except (_RefusedError, OSError, ValueError) as error:
            failure = self._failure(error)
        else:
            return Receipt(f"{recipient} via {self._server}: {self._public(answer)}")
        # Not raised inside the handler: a traceback would show what led to it, secrets included.
        raise failure

    def check(self, *, timeout: float) -> str:
        """Connect and log in as for a mail, send none, and return what the server is.

        Raises:
            TemporaryNotifierError: the server is out of reach, or refuses the connection or the login.
        """
        try:
            client = self._connect(timeout)
            try:
                self._secure(client)
                _expect("NOOP", client.noop())
                with suppress(OSError, ValueError):
                    client.quit()
            finally:
                with suppress(OSError):
                    client.close()
        except (_RefusedError, OSError, ValueError) as error:
            failure = self._failure(error)
        else:
            return f"{self._server} can be reached" + (" and takes the login" if self.username else "")
        raise TemporaryNotifierError(failure.message)

    @property
    def _port(self) -> int:
        return self.port or _USUAL_PORTS[self.security]

    @property
    def _server(self) -> str:
        return f"{self.host}:{self._port}"

    def _transmit(self, message: EmailMessage, recipient: str, timeout: float) -> bytes:
        """Do it all over one connection, and return what the server says of the mail."""
        client = self._connect(timeout)
        try:
            self._secure(client)
            answer = self._hand_over(client, message, recipient)
            # The server has the mail: no failure from here on may lead to a second one.
            with suppress(OSError, ValueError):
                client.quit()
        finally:
            with suppress(OSError):
                client.close()
        return answer

    def _secure(self, client: smtplib.SMTP) -> None:
        """Go through the steps that come before a mail."""
        if self.security == "starttls":
            # It raises if the server does not offer it: until here, nothing but EHLO was sent.
            client.starttls(context=self._tls())
        client.ehlo_or_helo_if_needed()
        if self.username:
            self._login(client)

    def _connect(self, timeout: float) -> smtplib.SMTP:
        if self.security == "tls":
            context = self._tls()
            return smtplib.SMTP_SSL(self.host, self._port, timeout=timeout, context=context)
        return smtplib.SMTP(self.host, self._port, timeout=timeout)

    def _tls(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            reason = f"cannot read certificates from {self.ca_file}: {error.strerror or error}"
            raise smtplib.SMTPException(reason) from None

    def _login(self, client: smtplib.SMTP) -> None:
        """Log in; what the server says to a refusal goes no further, for it may quote the login."""
        try:
            client.login(self.username, self.password)
        except smtplib.SMTPNotSupportedError:
            reason = "the server offers no login on this connection"
        except smtplib.SMTPResponseException as error:
            reason = f"the server refused the login ({error.smtp_code})"
        except smtplib.SMTPServerDisconnected as error:
            reason = f"the login failed: {error}"
        except smtplib.SMTPException:
            reason = "the server offers no known way to log in"
        except UnicodeEncodeError:
            reason = "the login failed: user name and password can only be ASCII"
        except ValueError as error:
            reason = f"the login failed: {type(error).__name__}"
        else:
            return
        raise smtplib.SMTPException(reason)

    def _hand_over(self, client: smtplib.SMTP, message: EmailMessage, recipient: str) -> bytes:
        """Go through the steps of one mail, and return what the server says of it."""
        data = message.as_bytes()
        options = [f"SIZE={len(data)}"] if client.has_extn("size") else []
        if is_international(self.sender, recipient):
            if not client.has_extn("smtputf8"):
                reason = "the server takes no addresses beyond ASCII (SMTPUTF8)"
                raise PermanentNotifierError(f"{self._server}: {reason}: {recipient}")
            options += ["SMTPUTF8", "BODY=8BITMIME"]
        _expect(f"the sender {self.sender.address}", client.mail(self.sender.address, options))
        _expect(f"the recipient {recipient}", client.rcpt(recipient))
        try:
            return _expect("the mail", client.data(data))
        except smtplib.SMTPDataError as error:
            raise _RefusedError("the mail", error.smtp_code, _bytes(error.smtp_error)) from None

    def _failure(self, error: Exception) -> NotifierError:
        """Return what to raise instead of ``error``."""
        kind: type[NotifierError] = TemporaryNotifierError
        if isinstance(error, _RefusedError):
            kind = PermanentNotifierError if error.permanent else kind
            reason = f"refused {error.step}: {self._quote(error.code, error.text)}"
        elif isinstance(error, smtplib.SMTPResponseException):
            reason = self._quote(error.smtp_code, _bytes(error.smtp_error))
        else:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return kind(f"{self._server}: {reason}")

    def _quote(self, code: int, text: bytes) -> str:
        return f"{code} {self._public(text)}" if code > 0 else "what it says is not SMTP"

    def _public(self, answer: bytes) -> str:
        """Return what the server said as one line, without the secrets that it may have quoted."""
        text = answer.decode(errors="replace")
        if self.username:
            both = f"\0{self.username}\0{self.password}"
            plain = [x for x in (self.username, self.password) if x]
            quoted = [b64encode(x.encode()).decode() for x in (*plain, both)]
            secrets = sorted([*plain, *quoted], key=len, reverse=True)
            text = re.sub("|".join(map(re.escape, secrets)), "***", text, flags=re.IGNORECASE)
        return " ".join(text.split())[:_LONGEST_ANSWER]


def _expect(step: str, answer: tuple[int, bytes]) -> bytes:
    """Return the text of the server's answer to a step, if it consents.

    Raises:
        _RefusedError: it does not.
    """
    code, text = answer
    if code // 100 != 2:  # noqa: PLR2004 - SMTP's consent is 2xx
        raise _RefusedError(step, code, text)
    return text


def _bytes(text: bytes | str) -> bytes:
    """Return the text of one of smtplib's errors, some of which have strings of its own."""
    return text.encode() if isinstance(text, str) else text
