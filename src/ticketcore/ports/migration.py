"""What a repository can do besides whose schema can be looked through, and taken back."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from attrs import frozen

from ticketcore.domain.flaws import Flaw
from ticketcore.ports.repository import StoreStatus


@frozen
class Removal:
    """Something that an older schema has no place for."""

    name: str
    """A table, or a column as ``table.column``."""
    rows: int
    """In how many rows it is."""
    derived: bool = False
    """Whether it is made of what stays, so that a later upgrade makes it again."""


@frozen
class Downgrade:
    """What it means to go back to an older schema."""

    location: str
    revision: str
    """The schema that the database has."""
    target: str
    """The one that it would have."""
    removals: tuple[Removal, ...] = ()
    changes: tuple[str, ...] = ()
    """What else would not be as it was, in words."""

    @property
    def loses(self) -> bool:
        """Whether something goes that no upgrade brings back."""
        return any(one.rows and not one.derived for one in self.removals)


@runtime_checkable
class Migratable(Protocol):
    """A repository with a schema that can be compared with the one of this version, and taken back."""

    def differences(self) -> list[Flaw]:
        """Return where the schema is not the one that this version makes, without changing anything.

        Raises:
            SchemaError: it is one of another version, or there is none.
        """

    def preview_downgrade(self, revision: str) -> Downgrade:
        """Return what it would mean to go back to ``revision``, without changing anything.

        Raises:
            RejectedError: there is no such revision, or the database is older.
            SchemaError: the schema is not one that this version knows, or there is none.
        """

    def downgrade(self, revision: str) -> StoreStatus:
        """Go back to the schema ``revision``; what it has no place for is lost.

        Raises:
            RejectedError: there is no such revision, or the database is older.
            SchemaError: the schema is not one that this version knows, or there is none.
        """
