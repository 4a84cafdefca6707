"""Keys that take no memory: what is said where there is no room for them."""

from __future__ import annotations

import resource

import pytest

from ticketcore.adapters.keys import TemporaryKeys
from ticketcore.errors import RepositoryError


def note_many(keys: TemporaryKeys) -> None:
    """Note more than SQLite keeps in memory."""
    for line in range(100_000):
        keys.note(f"{line:0200}", line)


def test_a_full_disk_is_told_with_what_to_do() -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with TemporaryKeys() as keys:
        resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))  # as good as a full disk
        try:
            with pytest.raises(RepositoryError, match="the temporary file that a check needs") as caught:
                note_many(keys)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "TMPDIR" in caught.value.hint
