"""Mails: a notification as the message that goes over the wire, whatever its texts contain.

The standard library parses every header that it is given, and decodes what looks encoded in it, so
a subject may come out as more than the one line that went in. Here texts are cleaned first, headers
are written as they travel, and nothing parses them again before they are sent.
"""

from __future__ import annotations

import email.policy
import hashlib
import re
from collections.abc import Iterable
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Any, Self
from urllib.parse import quote

from attrs import frozen

from ticketcore.domain.address import as_address, normalise_address
from ticketcore.errors import PermanentNotifierError
from ticketcore.ports.notifier import Notification

_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NAMED = re.compile(r"(.*)<([^<>]*)>\s*", re.DOTALL)

_PLAIN_LINE = 60
"""A longer text in a header is encoded, because only encoded text can be folded anywhere."""

_PLAIN_ID = 80
"""A longer identifier is replaced by its hash, because identifiers cannot be folded."""


@frozen
class Mailbox:
    """Who a mail is from: the name that readers see (may be empty), the address as it is sent."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """The part of the address behind the ``@``, in ASCII."""
        return self.address.rpartition("@")[2]


def parse_mailbox(text: str) -> Mailbox:
    """Return ``Name <address>``, or an address alone, as a mailbox.

    Raises:
        RejectedError: there is no e-mail address in it; names the field ``sender``.
    """
    named = _NAMED.fullmatch(text)
    name, address = named.groups() if named else ("", text)
    name = one_line(name)
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Mailbox(name.strip(), wire_address(normalise_address("sender", address)))


def wire_address(address: str) -> str:
    """Return a stored address as it is sent: its domain in ASCII, the local part as it is."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{'.'.join(map(_ascii_label, domain.split('.')))}"


def _ascii_label(label: str) -> str:
    # A stored domain follows the rules of IDNA 2008, so only Punycode is left to do. The "idna"
    # codec follows the rules of 2003, which turn straße.de into strasse.de.
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"


def recipient_address(text: str) -> str:
    """Return the address ``text`` as it is sent.

    Raises:
        PermanentNotifierError: it is no e-mail address, so it never becomes part of a mail.
    """
    address = as_address(text)
    if address is None:
        raise PermanentNotifierError(f"{text!r} is not an e-mail address")
    return wire_address(address)


def one_line(text: str) -> str:
    """Return ``text`` with every run of white space and control characters as one blank."""
    return _BLANKS.sub(" ", text).strip()


def safe_id(text: str) -> str:
    """Return the identifier ``text`` in a form that is safe in a message id and in a file name.

    Letters, digits, ``-``, ``_`` and ``~`` stay as they are, so the identifiers that ticketcore
    makes do not change at all. Different identifiers stay different.
    """
    safe = quote(text, safe="").replace(".", "%2E")
    return safe if len(safe) <= _PLAIN_ID else hashlib.sha256(text.encode()).hexdigest()


def is_international(sender: Mailbox, recipient: str) -> bool:
    """Return whether a mail needs a server that takes addresses beyond ASCII (SMTPUTF8)."""
    return not (sender.address.isascii() and recipient.isascii())


def build_message(notification: Notification, sender: Mailbox) -> EmailMessage:
    """Return the mail for ``notification``, from ``sender``, ready to be sent to its one recipient.

    It is ASCII, so every server takes it, except where it is international: then its headers are
    UTF-8 (RFC 6532).

    Raises:
        PermanentNotifierError: one of the addresses is none.
    """
    recipient = recipient_address(notification.recipient)
    utf8 = is_international(sender, recipient)
    to = [recipient_address(text) for text in notification.to]
    cc = [recipient_address(text) for text in notification.cc]
    thread = f"<{safe_id(notification.thread_id)}@{sender.domain}>"
    headers = {
        "From": _from(sender),
        "To": _addresses(to if to or cc else [recipient], utf8=utf8),
        "Cc": _addresses(cc, utf8=utf8),
        "Subject": _text(notification.subject),
        "Date": format_datetime(notification.created),
        "Message-ID": f"<{safe_id(notification.message_id)}@{sender.domain}>",
        "In-Reply-To": thread,
        "References": thread,
        # Keeps vacation notices and other ticket systems from answering (RFC 3834).
        "Auto-Submitted": "auto-generated",
        "X-Ticketcore-Event": _text(notification.notify_code),
    }
    message = EmailMessage(email.policy.SMTP.clone(cte_type="7bit", utf8=utf8))
    for name, wire in headers.items():
        if wire:
            message[name] = _Written(name, wire)
    message.set_content(_body(notification.text))
    message.add_alternative(_body(notification.html), subtype="html")
    return message


class _Written(str):
    """The value of a header exactly as it travels; having a name and a ``fold`` makes it final."""

    __slots__ = ("name",)

    name: str

    def __new__(cls, name: str, wire: str) -> Self:
        """Keep the ``name`` of the header beside its text."""
        self = super().__new__(cls, wire)
        self.name = name
        return self

    def fold(self, *, policy: EmailPolicy[Any]) -> str:
        """Return the line, or lines, of the header."""
        return f"{self.name}: {self}{policy.linesep}"


def _encoded(text: str) -> str:
    """Return ``text`` as encoded words (RFC 2047), folded."""
    return Header(text, "utf-8", header_name="X-Ticketcore-Event").encode(linesep="\r\n")


def _is_plain(text: str) -> bool:
    return text.isascii() and len(text) <= _PLAIN_LINE and "=?" not in text


def _text(text: str) -> str:
    line = one_line(text)
    return line if _is_plain(line) else _encoded(line)


def _from(sender: Mailbox) -> str:
    name = one_line(sender.name)
    if not name:
        return sender.address
    quoted = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return f"{quoted if _is_plain(name) else _encoded(name)} <{sender.address}>"


def _addresses(addresses: Iterable[str], *, utf8: bool) -> str:
    """Return a list of addresses, one a line.

    An address that is not ASCII cannot stand in an ASCII header, and must not keep the mail from
    the others: they see it as the name of an empty group (RFC 6857).
    """
    written = (x if utf8 or x.isascii() else f"{_encoded(x)}:;" for x in addresses)
    return ",\r\n ".join(written)


def _body(text: str) -> str:
    return _UNPRINTABLE.sub("", text)
