"""The store as a whole: looking through it, making a backup of it, and getting that back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attrs import define

from ticketcore.domain.flaws import Flaw
from ticketcore.domain.manifest import Manifest
from ticketcore.domain.query import Query
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import SchemaError
from ticketcore.ports.backups import Backups
from ticketcore.ports.cron import Cron
from ticketcore.ports.inspection import Inspectable
from ticketcore.ports.keys import Keys
from ticketcore.ports.repository import Repository
from ticketcore.ports.system import Clock
from ticketcore.services.backup import Told, restore_backup, write_backup
from ticketcore.services.progress import untold
from ticketcore.services.verifying import Verification, Walk, newest


@define(eq=False, repr=False)
class Store:
    """The operations on all that a desk keeps."""

    repository: Repository
    clock: Clock
    cron: Cron
    keys: Callable[[], Keys]
    files: Backups
    engine: str
    made_by: str

    def verify(
        self, found: Callable[[Flaw], object] | None = None, *, told: Callable[[int, int], object] | None = None
    ) -> Verification:
        """Look through everything for what contradicts itself, and return what that came to; nothing is changed.

        That is references that lead to nothing, tickets that are not what their history says, broken chains, links
        that lead back, messages and schedules that cannot be, and what the store finds wrong below its records. All of
        it is as it was at one moment, and some hundred records are in memory at a time.

        Args:
            found: is told of each flaw as soon as it is found.
            told: is told how many of how many tickets are through.

        Raises:
            SchemaError: there is no store, or it is of another version.
            RepositoryError: the store cannot be read at all.
        """
        self._refuse_missing()
        tell, progress = found or untold, told or untold
        below = 0
        if isinstance(self.repository, Inspectable):
            for below, flaw in enumerate(self.repository.oddities(), 1):  # noqa: B007 - the last one counts
                tell(flaw)
        with self.keys() as keys, self.repository.transaction(read_only=True) as tx:
            total = tx.count(Query(Ticket))
            walk = Walk(tx, keys, self.cron, tell)
            walk.everything(lambda done: progress(done, total))
        records = {kind.__name__: count for kind, count in walk.counts.items()}
        return Verification(records, walk.flaws + below)

    def _refuse_missing(self) -> None:
        """Refuse to take a store that is not there for an empty one, which any other use would make of it.

        Raises:
            SchemaError: there is none.
        """
        status = self.repository.status()
        if status.state == "missing":
            message = f"there is no database at {status.location}"
            raise SchemaError(message, hint="correct database.url, or make a new one: ticketcore db init")

    def spot_check(self, count: int = 20) -> list[Flaw]:
        """Return the flaws of the newest tickets, which takes no time to speak of; see :meth:`verify`.

        Args:
            count: how many of them.
        """
        found: list[Flaw] = []
        with self.keys() as keys, self.repository.transaction(read_only=True) as tx:
            Walk(tx, keys, self.cron, found.append).tickets(newest(tx, count))
        return found

    def backup(self, path: str | Path, *, replace: bool = False, told: Told | None = None) -> Manifest:
        """Write everything to one file, as it is at one moment, and return what the file says of itself.

        The file is a database of SQLite, whatever the store is. It is checked, and takes its place when it is whole and
        on the disk. Nobody is held up meanwhile.

        Args:
            path: where to put it.
            replace: whether a file that is there is replaced; otherwise it is refused.
            told: is told what is being done (copying, checking) and how many records are through.

        Raises:
            RejectedError: there is a file already, or it is the database itself.
            SchemaError: there is no store, or it is of another version.
            RepositoryError: something in the store cannot be read, or what was written is not what was read.
            OSError: the file cannot be written.
        """
        self._refuse_missing()
        made = {"made_at": self.clock.now(), "made_by": self.made_by, "engine": self.engine}
        return write_backup(self.files, self.repository, Path(path), replace=replace, made=made, told=told or untold)

    def restore(self, path: str | Path, *, told: Told | None = None) -> Manifest:
        """Store everything that :meth:`backup` wrote to a file, and return what the file says of itself.

        The file is checked before, and what was stored of it afterwards; all of it is stored, or nothing. It may come
        from a store of another engine.

        Args:
            path: the file.
            told: is told what is being done (checking, copying) and how many records are through.

        Raises:
            RejectedError: the store is not empty.
            RepositoryError: the file is no backup, or is damaged.
            SchemaError: the file, or the store, is of another version.
            OSError: the file cannot be read.
        """
        return restore_backup(self.files, Path(path), self.repository, told=told or untold)
