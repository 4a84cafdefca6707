"""Time zones that mean the same on every machine."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_OF_ONE_MACHINE = frozenset({"localtime", "posixrules", "factory"})
"""Files beside the zones that say what this machine is set to, or that it is set to nothing."""

_VARIANTS = ("right/", "posix/")
"""Folders of zones that only some machines have; those of the first count leap seconds."""


def zone_problem(name: str) -> str:
    """Return what is wrong with the name of a zone; empty if it is one of IANA's."""
    folded = name.casefold()  # some file systems do not tell capitals apart
    try:
        if folded in _OF_ONE_MACHINE or folded.startswith(_VARIANTS):
            return f"{name!r} is not the same zone on every machine; name one such as Europe/Berlin"
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"{name!r} is no IANA time zone such as Europe/Berlin"
    return ""
