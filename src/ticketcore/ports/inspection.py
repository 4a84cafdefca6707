"""What a repository can say besides of what it keeps, which its records do not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

from ticketcore.domain.flaws import Flaw


@runtime_checkable
class Inspectable(Protocol):
    """A repository that can look below its records: at what other programs have written there, and at itself."""

    def oddities(self) -> Iterator[Flaw]:
        """Yield what is wrong below the records, without changing anything.

        That is values which are read as something else or not at all (a date that is none counts as empty), numbers
        that would be given again, an index that does not fit its records, damage to the file.

        Raises:
            RepositoryError: it cannot be read at all.
        """


@runtime_checkable
class Numbering(Protocol):
    """A repository that knows which numbers it has given, also those of records that are not there any more."""

    def last_numbers(self) -> Mapping[type, int]:
        """Return the highest number that was ever given, for each kind of record that has one; 0 for none."""
