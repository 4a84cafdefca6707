"""The notifier port: a way to tell people and systems of an event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from attrs import field, frozen


@frozen(kw_only=True)
class Notification:
    """One message to be delivered, ready to send.

    ``message_id`` is the stable key of the delivery: a second attempt carries the same one, so that a
    receiver can drop what it has already. ``thread_id`` is the same for all messages of a ticket. ``to``
    and ``cc`` are what the reader sees; ``recipient`` is the one address that this delivery goes to.
    """

    message_id: str
    thread_id: str
    notify_code: str
    recipient: str
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    subject: str
    text: str
    html: str
    created: datetime
    context: Mapping[str, Any] = field(factory=dict)


@frozen
class Receipt:
    """What a notifier says of a delivery: where it went, in words for the operator."""

    detail: str


class Notifier(Protocol):
    """Delivers messages over one channel. It is safe to share between threads."""

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        """Deliver one message, and return when the other side has taken it over.

        Args:
            notification: what to send.
            timeout: seconds to wait for the other side at each step before giving up for now.

        Raises:
            TemporaryNotifierError: it may work later.
            PermanentNotifierError: it will never work.
        """


@runtime_checkable
class Checkable(Protocol):
    """What a notifier may offer besides: a way to see whether it works, without telling anybody anything."""

    def check(self, *, timeout: float) -> str:
        """Return in a few words what was reached.

        Args:
            timeout: seconds to wait for the other side at each step.

        Raises:
            NotifierError: it would not work now; the message says why, and what to do.
        """
