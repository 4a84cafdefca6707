"""Which plugins installed distributions announce; a distribution with damaged metadata hides no other."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from typing import Any

from attrs import field, frozen

from ticketcore.errors import reason_of

_log = logging.getLogger(__name__)


@frozen
class Announcement:
    """An entry point, and the distribution that it is from."""

    entry: EntryPoint = field(repr=False)
    name: str
    distribution: str = ""
    version: str = ""

    @property
    def source(self) -> str:
        """The distribution and its version in words."""
        return f"{self.distribution} {self.version}".strip() or "an unknown distribution"


def announcements(group: str) -> list[Announcement]:
    """Return what is announced in ``group``, by name; where two have one name, the first on the path comes first."""
    try:
        found = list(entry_points(group=group))
    except Exception:  # noqa: BLE001 - some distribution's metadata is no text, or none that can be read
        found = list(_one_by_one(group))
    return sorted(map(_announcement, found), key=lambda one: one.name)


def _one_by_one(group: str) -> Iterator[EntryPoint]:
    """Yield what each distribution announces; one that is there twice counts once, where it is first on the path."""
    seen: set[str] = set()
    for distribution in distributions():
        name = _name_of(distribution)
        try:
            entries = () if name in seen else distribution.entry_points.select(group=group)
        except Exception as error:  # noqa: BLE001 - the damaged one; it is named and left out
            path = getattr(distribution, "_path", distribution)
            _log.warning("the entry points of %s cannot be read: %s", path, reason_of(error))
        else:
            seen.add(name)
            yield from entries


def _name_of(distribution: Distribution) -> str:
    """Return what two copies of one distribution have in common."""
    try:
        return re.sub(r"[-_.]+", "-", distribution.name).lower()
    except Exception:  # noqa: BLE001 - the metadata is damaged, so it is no copy of any
        return str(id(distribution))


def _announcement(entry: EntryPoint) -> Announcement:
    name, version = "", ""
    try:
        distribution: Any = entry.dist
        if distribution is not None:
            name, version = str(distribution.name or ""), str(distribution.version or "")
    except Exception as error:  # noqa: BLE001 - the metadata is damaged; the plugin itself may be good
        _log.debug("the distribution of %s cannot be read: %s", entry.name, error)
    return Announcement(entry, entry.name, name, version)
