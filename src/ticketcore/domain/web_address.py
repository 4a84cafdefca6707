"""Addresses for a browser (``https://…``), as far as they are stored with a ticket and shown to people."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

ADDRESS_LENGTH = 2000
"""What an address may have, in characters."""

WEB_ADDRESS = f"must be an http:// or https:// address without a password, of at most {ADDRESS_LENGTH} characters"
"""What an address has to be, as errors say it."""

_UNFIT = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd\\]")
_USUAL_PORTS = {"http": 80, "https": 443}


def is_web_address(text: str) -> bool:
    """Return whether ``text`` leads a browser to some host, and can be shown to anybody."""
    if len(text) > ADDRESS_LENGTH or _UNFIT.search(text):
        return False
    try:
        return bool(host_of(text)) and "@" not in urlsplit(text).netloc
    except ValueError:  # brackets without an IPv6 address, a port that is no number
        return False


def host_of(text: str) -> str:
    """Return the host of an address in lower case, with its port where that is not the usual one.

    Empty if it is no address for a browser.

    Raises:
        ValueError: what stands for the host or the port is neither.
    """
    parts = urlsplit(text)
    host = (parts.hostname or "").removesuffix(".")
    if parts.scheme not in _USUAL_PORTS or not host:
        return ""
    return host if parts.port in {None, _USUAL_PORTS[parts.scheme]} else f"{host}:{parts.port}"
