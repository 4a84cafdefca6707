"""What this package registers with ticketcore."""

from __future__ import annotations

from ticketcore.plugin.markers import hookimpl
from ticketcore.plugin.records import RepositorySpec


@hookimpl
def ticketcore_repositories() -> list[RepositorySpec]:
    """Register the store; LMDB itself is imported when a desk opens one."""
    return [
        RepositorySpec(name="lmdb", summary="a folder with LMDB", target="ticketcore_lmdb.repository:LmdbRepository")
    ]
