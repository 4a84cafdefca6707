"""Files of backups: how one is begun, filled and read."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

from ticketcore.ports.repository import Repository


@runtime_checkable
class Copyable(Protocol):
    """A repository that may be able to become a file of a backup as it is."""

    def copy_to(self, path: Path) -> bool:
        """Write an exact copy, as all is at one moment, to the empty file at ``path``; writers go on meanwhile.

        Returns:
            Whether that is possible; if its engine keeps its records otherwise, nothing is done.

        Raises:
            RepositoryError: it cannot be read, or the file cannot be written.
        """


class NewBackup(Protocol):
    """A file that is being written: nobody sees it before it is finished."""

    @property
    def path(self) -> Path:
        """Where it is meanwhile; it is empty at first."""

    @property
    def store(self) -> Repository:
        """The records in it."""

    def seal(self, manifest: str) -> None:
        """Add what the file says of itself; nothing is written to it after that."""


class Backup(Protocol):
    """A file that is read, and stays as it is."""

    @property
    def store(self) -> Repository:
        """The records in it, as this version keeps them."""

    @property
    def manifest(self) -> str:
        """What it says of itself."""


class Backups(Protocol):
    """Where files of backups come from."""

    def writing(self, path: Path, *, replace: bool, source: Repository) -> AbstractContextManager[NewBackup]:
        """Give a file that takes its place at ``path`` when the block is left without an exception.

        It is on the disk then. Until then, and if there is an exception, ``path`` stays as it is.

        Raises:
            RejectedError: ``path`` is there already, and is not to be replaced; or it is no ordinary file, or the
                database of ``source`` itself.
            OSError: it cannot be written.
        """

    def reading(self, path: Path) -> AbstractContextManager[Backup]:
        """Open the file at ``path``.

        Raises:
            RepositoryError: it is no backup, or is damaged.
            SchemaError: a later version of ticketcore wrote it.
            OSError: it cannot be read.
        """
