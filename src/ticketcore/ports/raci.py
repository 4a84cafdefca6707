"""What a repository can do besides, whose table of service levels may be older than the columns for RACI contacts."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class RaciColumns(Protocol):
    """A repository that keeps service levels in a table with columns; others have nothing to add."""

    def ensure_sla_raci(self) -> tuple[str, ...]:
        """Add the RACI columns that the table of service levels lacks, and return their names.

        Every row that is there stays, with nobody in them. It can be repeated, and is done whenever the repository is
        opened.

        Raises:
            SchemaError: the store is not one of this version.
            RepositoryError: it cannot be written.
        """
