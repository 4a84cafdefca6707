"""URLs of webhooks: what is connected to, what the certificate has to prove, and what is asked for.

The whole URL may be a secret, as it is with many chat services, so no error and no record shows more of it than the
host.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, quote, urlsplit

from attrs import field, frozen

from ticketcore.adapters.mime import wire_address
from ticketcore.domain.address import as_address
from ticketcore.errors import Problem, RejectedError

_USUAL_PORTS = {"http": 80, "https": 443}
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PLACE = re.compile(r"(?:\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]|[^\[\]:]+)(?::[0-9]*)?")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST_NAME = 253
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_AS_THEY_ARE = "/:@!$&'()*+,;=~%"
_EXAMPLE = "such as https://hooks.example.com/tickets"


@frozen
class Target:
    """Where a URL leads.

    ``host`` is what is resolved; ``name`` is the same as the certificate has it, without the dot that may end it.
    ``path`` has the query in it, percent-encoded.
    """

    tls: bool
    host: str
    port: int
    path: str = field(repr=False)

    @property
    def name(self) -> str:
        """The host as certificates and servers know it."""
        return self.host.removesuffix(".")

    @property
    def authority(self) -> str:
        """The host, and the port where it is not the usual one, as they stand in a URL."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        usual = self.port == _USUAL_PORTS["https" if self.tls else "http"]
        return name if usual else f"{name}:{self.port}"


def parse_url(text: str) -> Target:
    """Return where the URL ``text`` leads.

    Raises:
        RejectedError: a webhook cannot be sent there; names the field ``url``, and shows nothing of it.
    """
    parts, problem = _split(text)
    if parts is None or problem:
        raise RejectedError([Problem("url", problem)])
    host = _host(parts.hostname or "")
    if host is None:
        raise RejectedError([Problem("url", "what stands for the host is neither a name nor an address")])
    port = parts.port or _USUAL_PORTS[parts.scheme]
    query = f"?{_encoded(parts.query, '?')}" if parts.query else ""
    return Target(parts.scheme == "https", host, port, f"{_encoded(parts.path) or '/'}{query}")


def shown_url(text: str) -> str:
    """Return the URL ``text`` as far as it is no secret."""
    target = parse_url(text)
    return f"'{'https' if target.tls else 'http'}://{target.authority}/…'"


def _split(text: str) -> tuple[SplitResult | None, str]:
    """Return the parts of a URL, and what is wrong with it."""
    if _UNSENDABLE.search(text) or text != text.strip():
        return None, "has control characters in it, or blanks around it"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # its text shows the URL
        return None, f"is not a URL; write one {_EXAMPLE}"
    if "@" in parts.netloc:
        return None, "has a user name or a password in it, which would not be sent; use `secret` to sign instead"
    if parts.scheme not in _USUAL_PORTS or not _PLACE.fullmatch(parts.netloc):
        return None, f"is not an http or https URL; write one {_EXAMPLE}"
    if port == 0:
        return None, "has port 0, on which nobody can listen"
    if "#" in text:
        return None, "has a # in it, and what follows that is never sent; write it as %23"
    return parts, ""


def _host(text: str) -> str | None:
    """Return the host as it is resolved, in ASCII; ``None`` if it is none."""
    if ":" in text:
        try:
            return str(ip_address(text))
        except ValueError:
            return None
    name, dot = text.removesuffix("."), "." * text.endswith(".")
    if not name.isascii():
        # The rules for names beyond ASCII (IDNA 2008) are those for the domain of an e-mail address.
        address = as_address(f"webhook@{name}")
        name = wire_address(address).rpartition("@")[2] if address else ""
    return f"{name}{dot}" if _NAME.fullmatch(name) and len(name) <= _LONGEST_NAME else None


def _encoded(text: str, more: str = "") -> str:
    """Return a path or a query in ASCII; what is percent-encoded already stays so."""
    return quote(_STRAY_PERCENT.sub("%25", text), safe=_AS_THEY_ARE + more)
