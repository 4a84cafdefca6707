"""Taking over a store whose tables another program has made."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol, runtime_checkable

from attrs import frozen

from ticketcore.ports.system import Clock, Ids


class Fit(StrEnum):
    """How something that is needed stands in a store that is looked at."""

    FITS = "fits"
    ADDS = "adds"
    """It is missing, and is added."""
    DIFFERS = "differs"
    """It stays as it is, which means something."""
    WRONG = "wrong"
    """It has to be put right before."""


@frozen
class AdoptionNote:
    """What was found of one thing: how it stands, where it is, in words, and what to do about it."""

    fit: Fit
    where: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{self.where}: {self.text}{f' ({self.hint})' if self.hint else ''}"


@frozen
class Adoption:
    """What was found in a store that is taken over, and whether it is ready now."""

    location: str
    notes: tuple[AdoptionNote, ...]
    ready: bool

    @property
    def problems(self) -> tuple[AdoptionNote, ...]:
        """What has to be put right before."""
        return tuple(note for note in self.notes if note.fit is Fit.WRONG)


@runtime_checkable
class Adoptable(Protocol):
    """A repository that can take over a store whose tables another program has made."""

    def adopt(self, *, action_by: str, clock: Clock, ids: Ids, dry_run: bool) -> Adoption:
        """Look at what is there, and unless ``dry_run`` add what is missing; nothing else is changed.

        It may be repeated after it was interrupted, wherever that was. A store that is ready stays as it is.

        Raises:
            SchemaError: there are no such tables, another program keeps its own version there, or, unless
                ``dry_run``, something has to be put right before; all of that at once.
        """

    def keeps_microseconds(self) -> bool:
        """Return whether the instants of tickets and of their history are kept as they are, or to the second."""
