"""What a database URL says: the folder of the store, and how large it may become."""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from urllib.parse import parse_qsl

from attrs import frozen
from ticketcore.errors import ConfigError, Problem

MAP_SIZE = 64 * 2**30
"""How many bytes a store may grow to by default. It is address space that is reserved, not disk or memory."""

_SMALLEST = 2**20
_BEGIN = "lmdb:///"
_EXAMPLE = "lmdb:///tickets (a relative folder) or lmdb:////var/lib/ticketcore/tickets (an absolute one)"


@frozen
class Place:
    """Where a store is."""

    location: str
    """The folder as it was given."""
    folder: Path
    map_size: int = MAP_SIZE


def read_url(url: str) -> Place:
    """Return what ``url`` says.

    Raises:
        ConfigError: it is no URL of such a store.
    """
    path, _, options = url.removeprefix(_BEGIN).partition("?")
    if not url.startswith(_BEGIN) or not path or "\0" in path:
        raise _wrong(f"is no URL of an LMDB store; expected one such as {_EXAMPLE}")
    given = dict(parse_qsl(options, keep_blank_values=True))
    size = given.pop("map_size", str(MAP_SIZE))
    if given or (options and "=" not in options):
        raise _wrong("has an option that an LMDB store does not know; known: map_size")
    if not re.fullmatch("[0-9]{1,15}", size) or int(size) < _SMALLEST:
        raise _wrong(f"has a wrong map_size; expected a number of bytes, at least {_SMALLEST}")
    whole = -(-int(size) // mmap.PAGESIZE) * mmap.PAGESIZE
    return Place(path, Path(path).absolute(), whole)


def _wrong(message: str) -> ConfigError:
    return ConfigError([Problem("database.url", message)])
