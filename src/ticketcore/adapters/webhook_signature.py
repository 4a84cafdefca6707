"""Signatures of webhooks, after the Standard Webhooks recommendation (https://www.standardwebhooks.com)."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.message import Message

from ticketcore.errors import Problem, RejectedError

_PREFIX = "whsec_"
_SECONDS = re.compile(r"[0-9]{1,12}")


def signing_key(secret: str) -> bytes:
    """Return the key that ``secret`` stands for: what follows ``whsec_``, decoded, or else its UTF-8 bytes.

    Raises:
        RejectedError: it stands for none; names the field ``secret``, and does not show it.
    """
    try:
        key = _base64(secret.removeprefix(_PREFIX)) if secret.startswith(_PREFIX) else secret.encode()
    except ValueError:
        key = None
    if key is None:
        problem = "is neither base64 behind whsec_ nor plain text; copy it again"
    elif not key:
        problem = "is empty, so that anybody could sign"
    else:
        return key
    # Not raised inside the handler: the error that led here has the secret in it.
    raise RejectedError([Problem("secret", problem)])


def _base64(text: str) -> bytes:
    """Return ``text`` decoded; some leave out the padding."""
    return b64decode(text + "=" * (-len(text) % 4), validate=True)


def sign(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of one attempt, as it stands in the header."""
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{b64encode(digest).decode()}"


def verify(
    secret: str,
    headers: Mapping[str, str] | Message,
    body: bytes,
    *,
    now: datetime,
    tolerance: timedelta = timedelta(minutes=5),
) -> None:
    """Return if a webhook comes from somebody who knows ``secret``, was sent just now, and was not changed.

    A webhook that is sent again within ``tolerance`` passes again: keep its ``webhook-id`` for as long to notice.

    Args:
        secret: the secret of the endpoint, as it is configured.
        headers: the headers of the request, in whatever case.
        body: the body exactly as it arrived, before anything parses it.
        now: the current instant, aware.
        tolerance: how far the sender's clock, or the time on the way, may be off in either direction.

    Raises:
        RejectedError: it does not; names the header to blame. Answer 401, and do not use what it says.
    """
    key = signing_key(secret)
    found = {name.lower(): str(value) for name, value in headers.items()}
    needed = ("webhook-id", "webhook-timestamp", "webhook-signature")
    missing = [name for name in needed if not found.get(name)]
    if missing:
        raise RejectedError([Problem(name, "is missing") for name in missing])
    message_id, timestamp, signatures = (found[name] for name in needed)
    if not _SECONDS.fullmatch(timestamp):
        raise RejectedError([Problem("webhook-timestamp", "is not a number of seconds since 1970")])
    if abs(now.timestamp() - int(timestamp)) > tolerance.total_seconds():
        raise RejectedError([Problem("webhook-timestamp", "is too far from now; check both clocks")])
    if not (message_id.isascii() and signatures.isascii()):
        raise RejectedError([Problem("webhook-signature", "is not in ASCII, or the id is not")])
    expected = sign(key, message_id, timestamp, body)
    # All are compared, and each in constant time, so that how long it takes tells nothing.
    matches = [hmac.compare_digest(expected, given) for given in signatures.split(" ")]
    if not any(matches):
        raise RejectedError(
            [Problem("webhook-signature", "does not match; compare the secret, and check the raw body")]
        )
