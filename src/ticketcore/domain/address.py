"""E-mail addresses: what counts as one, and the one form in which they are stored and compared."""

from __future__ import annotations

from functools import lru_cache

from ticketcore.errors import Problem, RejectedError

_INTRANET = "local"


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


def normalise_address(field: str, text: str) -> str:
    """Return the address ``text`` as it is stored: without blanks around it, in lower case.

    Raises:
        RejectedError: it is no e-mail address (RFC 5322's unquoted form); names ``field``.
    """
    address, reason = _checked(text.strip())
    if not address:
        raise RejectedError([Problem(field, f"{text!r} is not an e-mail address: {reason}")])
    return address


def as_address(text: str) -> str | None:
    """Return ``text`` as a stored address, ``None`` if it is not one."""
    return (_checked(text.strip())[0] or None) if "@" in text else None
