"""The file notifier: leaves mails in a folder, to look at or for a program that fetches them."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from datetime import UTC
from pathlib import Path

from attrs import field, frozen

from ticketcore.adapters.mime import Mailbox, build_message, parse_mailbox, safe_id
from ticketcore.errors import TemporaryNotifierError
from ticketcore.ports.notifier import Notification, Receipt


@frozen
class FilesNotifier:
    """Writes each notification as a mail to a file of its own, which any mail program can open.

    A name is the instant of the notification, then its message id, so the files sort by time, and
    a second attempt finds the file of the first one and leaves it. A file is either complete or
    not there. Only the user who runs ticketcore can read it. The folder is made with the first.
    """

    folder: Path
    sender: Mailbox = field(converter=parse_mailbox)

    def send(self, notification: Notification, *, timeout: float) -> Receipt:  # noqa: ARG002 - the port's
        """Write one mail; see the port.

        Raises:
            TemporaryNotifierError: the file cannot be written.
            PermanentNotifierError: an address is none.
        """
        data = build_message(notification, self.sender).as_bytes()
        instant = notification.created.astimezone(UTC)
        name = f"{instant:%Y%m%dT%H%M%S.%fZ}-{safe_id(notification.message_id)}.eml"
        path = self.folder / name
        try:
            if not path.exists():
                self.folder.mkdir(parents=True, exist_ok=True)
                _write(path, data)
        except OSError as error:
            reason = error.strerror or str(error)
            raise TemporaryNotifierError(f"cannot write {path}: {reason}") from error
        return Receipt(str(path))

    def check(self, *, timeout: float) -> str:  # noqa: ARG002 - the port's
        """Return where mails are kept.

        Raises:
            TemporaryNotifierError: nothing can be written there.
        """
        place = self.folder
        while not place.exists() and not place.is_symlink() and place != place.parent:
            place = place.parent
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise TemporaryNotifierError(
                f"cannot write into {self.folder}: {place} is no folder that can be written to"
            )
        return f"mails are kept in {self.folder}"


def _write(path: Path, data: bytes) -> None:
    """Write a file that is complete, and on the disk, before it gets its name; then keep that."""
    # The leading dot keeps programs that watch the folder away from a file that is not ready.
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
