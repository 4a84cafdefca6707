"""The console notifier: one line for each notification, to watch what goes out."""

from __future__ import annotations

import sys
from datetime import UTC
from threading import Lock
from typing import Any, TextIO

from attrs import field, frozen

from ticketcore.domain.text import one_line
from ticketcore.errors import TemporaryNotifierError
from ticketcore.ports.notifier import Notification, Receipt


@frozen
class ConsoleNotifier:
    """Writes each notification as a line to a stream: when, what and who.

    Without a ``stream`` it is standard error, whatever that is at the moment, because standard output belongs to data.
    What a terminal would act on is escaped, so a line is always one line.
    """

    stream: TextIO | None = None
    _lock: Lock = field(factory=Lock, init=False, repr=False, eq=False)

    def send(self, notification: Notification, *, timeout: float) -> Receipt:  # noqa: ARG002 - the port's
        """Write one line; see the port.

        Raises:
            TemporaryNotifierError: the stream takes nothing.
        """
        stream: Any = sys.stderr if self.stream is None else self.stream
        name = one_line(str(getattr(stream, "name", "the stream")))
        if stream is None:
            raise TemporaryNotifierError("there is no standard error to write to")
        encoding = getattr(stream, "encoding", None) or "utf-8"
        line = f"{_line(notification)}\n".encode(encoding, "backslashreplace").decode(encoding)
        try:
            with self._lock:
                stream.write(line)
                stream.flush()
        except (OSError, ValueError) as error:  # a closed stream raises a ValueError
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise TemporaryNotifierError(f"cannot write to {name}: {reason}") from error
        return Receipt(name)


def _line(notification: Notification) -> str:
    values = notification.context
    number = f"[#{values['ticket_number']}] " if "ticket_number" in values else ""
    event = values.get("event") or notification.notify_code
    subject = values["subject"] if number and "subject" in values else notification.subject
    who = f" (by {values['action_by']})" if values.get("action_by") else ""
    instant = notification.created.astimezone(UTC)
    return one_line(f"{instant:%Y-%m-%dT%H:%M:%SZ} {number}{event}: {subject}{who}")
