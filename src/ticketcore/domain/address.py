"""E-mail addresses: what counts as one, and the one form in which they are stored and compared."""

from __future__ import annotations

from functools import lru_cache

from ticketcore.errors import Problem, RejectedError, quoted

_INTRANET = "local"

_LONGEST = 1000
"""More characters are no address, in whatever form; and on some texts a look takes the square of the time."""


@lru_cache(maxsize=4096)
def _checked(text: str) -> tuple[str, str]:
    """Return the address in stored form and an empty reason, or an empty address and the reason."""
    import email_validator  # costs 30 ms, and most commands need no address

    if _INTRANET in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        # Reserved, yet many an intranet's mail lives there; the library's own way of allowing it is this list.
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_INTRANET)
    try:
        # globally_deliverable=False: names without a dot are addresses in many an intranet.
        found = email_validator.validate_email(text, check_deliverability=False, globally_deliverable=False)
    except email_validator.EmailNotValidError as error:
        return "", str(error)
    return found.normalized.lower(), ""


def normalise_address(field: str, text: object) -> str:
    """Return the address ``text`` as it is stored: without blanks around it, in lower case.

    Raises:
        RejectedError: it is no e-mail address (RFC 5322's unquoted form); names ``field``.
    """
    if not isinstance(text, str):
        raise RejectedError([Problem(field, f"must be text, not {type(text).__name__}")])
    address, reason = _checked(text.strip()) if len(text) <= _LONGEST else ("", "It is too long.")
    if not address:
        raise RejectedError([Problem(field, f"{quoted(text)} is not an e-mail address: {reason}")])
    return address


def as_address(text: object) -> str | None:
    """Return ``text`` as a stored address, ``None`` if it is not one."""
    if not isinstance(text, str) or "@" not in text or len(text) > _LONGEST:
        return None
    return _checked(text.strip())[0] or None
