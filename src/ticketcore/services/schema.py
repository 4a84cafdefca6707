"""The schema of a store, where it has one: compared with that of this version, and taken back."""

from __future__ import annotations

from ticketcore.errors import Problem, RejectedError, RepositoryError
from ticketcore.ports.migration import Migratable
from ticketcore.ports.repository import Repository, StoreStatus


def migratable(repository: Repository) -> Migratable:
    """Return ``repository`` as one with a schema.

    Raises:
        RepositoryError: it has none.
    """
    if not isinstance(repository, Migratable):
        message = f"the store {repository.status().location} has no schema to look at, or to take back"
        raise RepositoryError(message, hint="give the URL of a database")
    return repository


def downgrade(repository: Repository, revision: str, *, losing: bool) -> StoreStatus:
    """Bring ``repository`` back to the schema ``revision``.

    Raises:
        RejectedError: something would be lost, and ``losing`` does not say that it may.
    """
    preview = migratable(repository).preview_downgrade(revision)
    if preview.loses and not losing:
        gone = ", ".join(f"{one.name} (rows: {one.rows})" for one in preview.removals if one.rows and not one.derived)
        message = f"the schema {revision} has no place for {gone}"
        raise RejectedError([Problem("revision", message)], hint="make a backup, then say that it may be lost")
    return migratable(repository).downgrade(revision)
