"""Files of backups: SQLite databases of ticketcore, with one more table in which each says what is in it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from urllib.parse import quote

import sqlalchemy as sa

from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.errors import Problem, RejectedError, RepositoryError, SchemaError
from ticketcore.ports.repository import Repository

_TABLE = "ticketcore_backup"
_NAME = "backup.db"
_TIMEOUT = 10.0


def copy_to(engine: sa.Engine, path: Path) -> bool:
    """Write an exact copy of the database of ``engine`` to the empty file at ``path``, if it is one of SQLite.

    It is a copy of one moment, and holds up no writer: https://sqlite.org/lang_vacuum.html#vacuuminto.
    """
    if engine.dialect.name != "sqlite":
        return False
    with closing(engine.raw_connection()) as connection:
        own = connection.driver_connection
        assert isinstance(own, sqlite3.Connection)  # noqa: S101 - what the dialect says
        own.execute("VACUUM INTO ?", (str(path),))
    return True


class _NewFile:
    """A file that is being written; see :class:`ticketcore.ports.backups.NewBackup`."""

    def __init__(self, folder: Path) -> None:
        """Begin one in ``folder``."""
        self.path = folder / _NAME
        self.path.touch(mode=0o600, exist_ok=False)

    @cached_property
    def store(self) -> SqlRepository:
        """The records in it."""
        return SqlRepository(f"sqlite:///{self.path}", timeout=_TIMEOUT)

    def close(self) -> None:
        """Give it back."""
        if "store" in self.__dict__:
            self.store.close()

    def seal(self, manifest: str) -> None:
        """Add what the file says of itself, and leave no other file beside it."""
        self.close()
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute(f"DROP TABLE IF EXISTS {_TABLE}")  # of the backup that the database was once
            connection.execute(f"CREATE TABLE {_TABLE} (Manifest TEXT NOT NULL)")
            connection.execute(f"INSERT INTO {_TABLE} VALUES (?)", (manifest,))  # noqa: S608 - our own name
            connection.execute("PRAGMA journal_mode=DELETE")
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            hint = "run ticketcore db verify on the database, and look after the disk"
            raise RepositoryError(f"the backup is damaged as soon as it is written: {found}", hint=hint)


class _File:
    """A file that is read; see :class:`ticketcore.ports.backups.Backup`."""

    def __init__(self, store: SqlRepository, manifest: str) -> None:
        """Take what is in it."""
        self.store = store
        self.manifest = manifest


class SqliteBackups:
    """Files of backups; see :class:`ticketcore.ports.backups.Backups`."""

    @contextmanager
    def writing(self, path: Path, *, replace: bool, source: Repository) -> Iterator[_NewFile]:
        """Give a file that takes its place at ``path`` at the end of the block."""
        place = path.resolve()
        _refuse_place(path, place, replace=replace, source=source)
        with _told_as(path):
            beside = Path(mkdtemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent))
        try:
            # By a name of our own, because a URL cannot have every name that a file can have.
            with TemporaryDirectory(prefix="ticketcore-") as links:
                (folder := Path(links, "folder")).symlink_to(beside)
                new = _NewFile(folder)
                try:
                    yield new
                finally:
                    new.close()
            _flush(beside / _NAME)
            _refuse_place(path, place, replace=replace, source=source)
            with _told_as(path):
                (beside / _NAME).replace(place)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        _flush(place.parent)

    @contextmanager
    def reading(self, path: Path) -> Iterator[_File]:
        """Open the file at ``path``."""
        place = path.resolve()
        with place.open("rb"):
            pass  # or the reason why not
        manifest = _manifest(path, place)
        with TemporaryDirectory(prefix="ticketcore-") as folder:
            (link := Path(folder, _NAME)).symlink_to(place)
            # Nothing is written to it or beside it: https://sqlite.org/uri.html#uriimmutable
            store = SqlRepository(f"sqlite:///file:{link}?mode=ro&immutable=1&uri=true")
            state = store.status()
            if state.state == "newer":
                store.close()
                message = f"{path} has schema {state.revision}, which is newer than this version knows"
                raise SchemaError(f"{message} ({state.expected})", hint="use the ticketcore that wrote it, or a later")
            if state.state == "outdated":
                store.close()
                store = _upgraded(place, Path(folder, "upgraded.db"))
            try:
                yield _File(store, manifest)
            finally:
                store.close()


def _refuse_place(path: Path, place: Path, *, replace: bool, source: Repository) -> None:
    """Refuse to write a backup where it would do harm.

    Raises:
        RejectedError: something is there that is not to be replaced.
    """
    if not place.exists():
        return
    location = Path(source.status().location.removeprefix("file:"))
    with suppress(OSError):
        if location.samefile(place):
            raise _refused(path, "is the database itself", "name another file")
    if not place.is_file():
        raise _refused(path, "is no ordinary file", "name another one")
    if not replace:
        raise _refused(path, "is there already", "--replace overwrites it")
    if Path(f"{place}-wal").exists():
        raise _refused(path, "is in use as a database", "name another file")


def _refused(path: Path, problem: str, hint: str) -> RejectedError:
    return RejectedError([Problem("", f"{path} {problem}")], hint=hint)


@contextmanager
def _told_as(path: Path) -> Iterator[None]:
    """Name ``path`` in what goes wrong: nobody has typed the name of the folder beside it."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _manifest(path: Path, place: Path) -> str:
    """Return what the file says of itself.

    Raises:
        RepositoryError: it is no backup, or is damaged.
    """
    uri = f"file:{quote(str(place))}?mode=ro&immutable=1"
    another = "use another backup"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            named = "SELECT count(*) FROM sqlite_master WHERE name = ?"
            if not connection.execute(named, (_TABLE,)).fetchone()[0]:
                hint = "what ticketcore db backup writes is one; a database is used as it is, by database.url"
                raise RepositoryError(f"{path} is no backup of ticketcore", hint=hint)
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise RepositoryError(f"{path} is damaged ({found})", hint=another)
            rows = connection.execute(f"SELECT Manifest FROM {_TABLE}").fetchall()  # noqa: S608 - our own name
    except sqlite3.DatabaseError as error:
        reason = "is no backup of ticketcore" if "not a database" in str(error) else "is damaged"
        raise RepositoryError(f"{path} {reason} ({error})", hint=another) from None
    if len(rows) != 1 or not isinstance(rows[0][0], str):
        raise RepositoryError(f"{path} does not say what is in it", hint=another)
    manifest: str = rows[0][0]
    return manifest


def _upgraded(place: Path, copy: Path) -> SqlRepository:
    """Return the records of a backup that an earlier version wrote: a copy of it is brought up to date."""
    shutil.copyfile(place, copy)
    store = SqlRepository(f"sqlite:///{copy}", timeout=_TIMEOUT)
    store.upgrade()
    return store
