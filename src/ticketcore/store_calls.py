"""What a desk does with its store as a whole: make it, and bring its schema to where it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketcore.errors import RepositoryError

if TYPE_CHECKING:
    from ticketcore.config.schema import Config
    from ticketcore.domain.flaws import Flaw
    from ticketcore.groups import once
    from ticketcore.ports.adoption import Adoption
    from ticketcore.ports.migration import Downgrade
    from ticketcore.ports.repository import Repository, StoreStatus
    from ticketcore.ports.system import Clock, Ids


class StoreCalls:
    """The calls of a desk on its store; what else there is to do with it is in the group ``store``."""

    if TYPE_CHECKING:
        config: Config
        clock: Clock
        ids: Ids
        repository: once[Repository]

    def store_status(self) -> StoreStatus:
        """Return where the store is and whether it is ready, without changing it."""
        return self.repository.status()

    def init_store(self) -> StoreStatus:
        """Make a new store ready for use; leave one that is ready as it is.

        Raises:
            SchemaError: the store holds something else, or a schema of another version.
        """
        return self.repository.prepare()

    def upgrade_store(self) -> StoreStatus:
        """Bring the schema of the store up to date.

        Raises:
            SchemaError: the store holds something else, or a newer schema.
        """
        return self.repository.upgrade()

    def check_store(self) -> list[Flaw]:
        """Return where the schema of the store is not the one that this version makes.

        Raises:
            SchemaError: it is one of another version, or the store is not made yet.
            RepositoryError: this kind of store has no schema.
        """
        from ticketcore.services.schema import migratable

        return migratable(self.repository).differences()

    def preview_downgrade(self, revision: str) -> Downgrade:
        """Return what it would mean to go back to an older schema, without changing anything.

        Args:
            revision: the schema, such as "0004".

        Raises:
            RejectedError: there is no such schema, or the store is older.
            SchemaError: the store holds something else or a newer schema, or is not made yet.
            RepositoryError: this kind of store has no schema.
        """
        from ticketcore.services.schema import migratable

        return migratable(self.repository).preview_downgrade(revision)

    def downgrade_store(self, revision: str, *, losing: bool = False) -> StoreStatus:
        """Go back to an older schema, for an older version of ticketcore.

        Args:
            revision: the schema, such as "0004".
            losing: whether it may lose what that schema has no place for; else it is refused if there is any.

        Raises:
            RejectedError: there is no such schema, the store is older, or something would be lost.
            SchemaError: the store holds something else or a newer schema, or is not made yet.
            RepositoryError: this kind of store has no schema.
        """
        from ticketcore.services.schema import downgrade

        return downgrade(self.repository, revision, losing=losing)

    def adopt_store(self, *, action_by: str, dry_run: bool = False) -> Adoption:
        """Take over a store whose tables another program has made: look at it, and add what is missing.

        Nothing else is changed; one that is ready stays as it is.

        Args:
            action_by: who does it; the history of each ticket says so.
            dry_run: whether to look only.

        Raises:
            SchemaError: there are no such tables, or, unless ``dry_run``, something has to be put right before.
            RepositoryError: this kind of store cannot be taken over.
        """
        from ticketcore.ports.adoption import Adoptable
        from ticketcore.services.changes import checked_actor

        actor = checked_actor(action_by)
        if not isinstance(self.repository, Adoptable):
            kind = self.config.database.url.partition(":")[0]
            raise RepositoryError(f"a store of the kind {kind} cannot be adopted", hint="give the URL of a database")
        return self.repository.adopt(action_by=actor, clock=self.clock, ids=self.ids, dry_run=dry_run)
