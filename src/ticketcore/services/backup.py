"""Backups of a whole store: one file, which proves that it is whole, and out of which a store comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import fields

from ticketcore.domain.manifest import KindSummary, Manifest, Summing, load_manifest
from ticketcore.domain.policy import AssignRule, SlaPolicy
from ticketcore.domain.query import Order, Query
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import Problem, RejectedError, RepositoryError
from ticketcore.ports.backups import Backups, Copyable
from ticketcore.ports.inspection import Numbering
from ticketcore.ports.repository import KINDS, Repository, Transaction
from ticketcore.services.reading import pages

Told = Callable[[str, int], object]
"""Is told what is being done (copying, checking), and how many records are through."""

_PAGE = 1000
_KINDS: Mapping[str, type[Any]] = {kind.__name__: kind for kind in KINDS}
_FIELDS = {name: tuple(field.name for field in fields(kind)) for name, kind in _KINDS.items()}


def write_backup(
    files: Backups, source: Repository, path: Path, *, replace: bool, made: Mapping[str, Any], told: Told
) -> Manifest:
    """Write all of ``source`` to a new file at ``path``, and return what that says of itself.

    Args:
        files: makes the file.
        source: the store.
        path: where to put the file.
        replace: whether a file that is there is replaced.
        made: when and by whom it is made, as a manifest has it.
        told: is told of the progress.
    """
    with files.writing(path, replace=replace, source=source) as new:
        read: dict[str, KindSummary] | None = None
        if not (isinstance(source, Copyable) and source.copy_to(new.path)):
            with source.transaction(read_only=True) as tx, new.store.transaction() as target:
                read = _copied(tx, target, told)
                _skip_numbers(target, _last_numbers(source, tx))
        with new.store.transaction(read_only=True) as tx:
            kinds = summed(tx, _FIELDS, told)
        if read not in (None, kinds):
            message = f"{path} does not hold what was read: {_differences(read or {}, kinds)}"
            raise RepositoryError(message, hint="nothing was kept of it; look after the disk, and repeat it")
        manifest = Manifest(schema=new.store.status().revision, kinds=kinds, **made)
        new.seal(manifest.dumped())
    return manifest


def restore_backup(files: Backups, path: Path, target: Repository, *, told: Told) -> Manifest:
    """Store all that is in the file at ``path`` in ``target``, which must be empty, and return what the file says.

    Raises:
        RejectedError: ``target`` has records.
        RepositoryError: the file is no backup, is damaged or is not whole; or the records that were stored are others.
        SchemaError: the file or ``target`` is of another version.
    """
    with files.reading(path) as backup:
        manifest = _read_manifest(path, backup.manifest)
        wanted = {name: kind.fields for name, kind in manifest.kinds.items()}
        with backup.store.transaction(read_only=True) as source:
            _refuse_changed(path, manifest, source, told)
            target.prepare()
            with target.transaction() as tx:
                _refuse_filled(tx, target)
                _copied(source, tx, told)
                _skip_numbers(tx, _last_numbers(backup.store, source))
                if differences := _differences(manifest.kinds, summed(tx, wanted, told)):
                    message = f"the database does not hold what {path} has: {differences}"
                    raise RepositoryError(message, hint="nothing was restored")
    return manifest


def summed(tx: Transaction, wanted: Mapping[str, tuple[str, ...]], told: Told) -> dict[str, KindSummary]:
    """Return the sums of all records of the kinds in ``wanted``, over the fields that it names of each."""
    sums: dict[str, KindSummary] = {}
    done = 0
    for name, names in wanted.items():
        summing = Summing(_KINDS[name], names)
        for page in pages(tx, _KINDS[name], size=_PAGE):
            summing.add(page)
            done += len(page)
            told("checking", done)
        sums[name] = summing.summary
    return sums


def _copied(source: Transaction, target: Transaction, told: Told) -> dict[str, KindSummary]:
    """Add every record of ``source`` to ``target``, and return the sums of what was read."""
    sums: dict[str, KindSummary] = {}
    done = 0
    for name, kind in _KINDS.items():
        summing = Summing(kind, _FIELDS[name])
        for page in pages(source, kind, size=_PAGE):
            target.add_many(page)
            summing.add(page)
            done += len(page)
            told("copying", done)
        sums[name] = summing.summary
    return sums


def _read_manifest(path: Path, text: str) -> Manifest:
    """Return what a file says of itself.

    Raises:
        RepositoryError: it cannot be read, or names what this version does not know.
    """
    try:
        manifest = load_manifest(text)
    except RepositoryError as error:
        raise type(error)(f"{path} {error.message}", hint=error.hint) from error
    for name, kind in manifest.kinds.items():
        if unknown := sorted(set(kind.fields) - set(_FIELDS.get(name, ()))):
            message = f"{path} has records that this version does not know: {name} with {', '.join(unknown)}"
            raise RepositoryError(message, hint=f"use what wrote it: {manifest.made_by}")
    return manifest


def _refuse_changed(path: Path, manifest: Manifest, source: Transaction, told: Told) -> None:
    """Refuse a file that does not hold what it says.

    Raises:
        RepositoryError: it does not.
    """
    try:
        found = summed(source, {name: kind.fields for name, kind in manifest.kinds.items()}, told)
        problem = _differences(manifest.kinds, found)
    except RepositoryError as error:
        problem = error.message
    if problem:
        message = f"{path} does not hold what it says: {problem}"
        raise RepositoryError(message, hint="it was changed or is damaged; nothing was restored; use another backup")


def _differences(said: Mapping[str, KindSummary], found: Mapping[str, KindSummary]) -> str:
    """Return in words which kinds are not what was said of them; empty if all are."""
    words = []
    for name, kind in said.items():
        if kind.count != found[name].count:
            words.append(f"{found[name].count} {name} instead of {kind.count}")
        elif kind.sha256 != found[name].sha256:
            words.append(f"{name} with other values")
    return ", ".join(words)


def _refuse_filled(tx: Transaction, target: Repository) -> None:
    """Refuse to mix what is restored with what is there.

    Raises:
        RejectedError: there is a record.
    """
    counts = {kind.__name__: tx.count(Query(kind)) for kind in KINDS}
    filled = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    if filled:
        message = f"the database {target.status().location} is not empty: it has {filled}"
        hint = "give database.url a new one, restore into that, and keep this one until you have looked at it"
        raise RejectedError([Problem("", message)], hint=hint)


# Numbers.


def _last_numbers(store: Repository, tx: Transaction) -> Mapping[type, int]:
    """Return the highest number that was ever given, of each kind; where the store does not know, that is there."""
    if isinstance(store, Numbering):
        return store.last_numbers()
    return {kind: _highest(tx, kind) for kind in _PLACES}


def _highest(tx: Transaction, kind: type[Any]) -> int:
    given = KINDS[kind].given
    found = tx.find(Query(kind, order=(Order(given, descending=True),), limit=1))
    number: int = getattr(found[0], given) if found else 0
    return number


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_PLACES: Mapping[type, Callable[[int], Any]] = {
    Ticket: lambda number: Ticket(
        guid="place-holder",
        ticket_number=number,
        package="-",
        subject="-",
        created_date=_LONG_AGO,
        updated_date=_LONG_AGO,
    ),
    AssignRule: lambda number: AssignRule(id=number, assign_to="-"),
    SlaPolicy: lambda number: SlaPolicy(id=number, priority="LOW", response_minutes=1, resolution_minutes=1),
}
"""What holds a number for a moment, for each kind that has one."""


def _skip_numbers(tx: Transaction, last: Mapping[type, int]) -> None:
    """Let the store go on behind the ``last`` numbers, whose records may be gone."""
    for kind, hold in _PLACES.items():
        if last.get(kind, 0) > _highest(tx, kind):
            tx.remove(tx.add(hold(last[kind])))
