"""Migrations of the schema, by Alembic (https://alembic.sqlalchemy.org); imported only to migrate.

Each revision goes up and down by statements that can be repeated: a process may die between any two of them, and
MariaDB has stored those before by then. A revision says in ``adds`` which tables and columns it brings (``derived``
if they are made of what is there), and in ``shortens`` what its way down does to others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import Connection

from ticketcore.adapters.sql.backend import Backend
from ticketcore.adapters.sql.schema import GOING_BACK
from ticketcore.adapters.sql.tables import REVISIONS, version
from ticketcore.ports.migration import Removal


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the revisions that come with ticketcore."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Bring the database behind ``connection`` to the newest revision, within its transaction if it is one."""
    if sa.inspect(connection).has_table(version.name):
        # One that is on its way back turns round.
        going_back = sa.select(version).where(version.c.version_num.endswith(GOING_BACK, autoescape=True))
        for (revision,) in connection.execute(going_back).all():
            _note(connection, revision.removesuffix(GOING_BACK))
    command.upgrade(alembic_config(connection), "head")


def downgrade(connection: Connection, revision: str) -> None:
    """Bring the database behind ``connection`` back to ``revision``, within its transaction if it is one."""
    stored = str(connection.execute(sa.select(version)).scalar_one())
    for script in _above(revision, up_to=_highest(stored)):
        _note(connection, f"{script.down_revision}{GOING_BACK}")
        with Operations.context(MigrationContext.configure(connection)):
            script.module.downgrade()
    _note(connection, revision)


def _highest(stored: str) -> str:
    """Return the highest revision of which something may be in a database that says ``stored``."""
    at = stored.removesuffix(GOING_BACK)
    return at if at == stored else REVISIONS[REVISIONS.index(at) + 1]


def removals(backend: Backend, connection: Connection, revision: str) -> Iterator[Removal]:
    """Yield what goes if the database behind ``connection`` is brought back to ``revision``."""
    there = set(backend.table_names(connection))
    quote = connection.dialect.identifier_preparer.quote
    for script in _above(revision):
        for name in getattr(script.module, "adds", ()):
            table, _, column = name.partition(".")
            if table in there and (not column or column.lower() in backend.column_names(connection, table)):
                rows = connection.exec_driver_sql(f"SELECT count(*) FROM {quote(table)}").scalar()  # noqa: S608
                yield Removal(name, int(rows or 0), derived=getattr(script.module, "derived", False))


def changes(revision: str, *, up_to: str) -> Iterator[str]:
    """Yield what else is not as it was if a database of the revision ``up_to`` is brought back to ``revision``."""
    for script in _above(revision, up_to=up_to):
        if said := getattr(script.module, "shortens", ""):
            yield said


def _above(revision: str, *, up_to: str = REVISIONS[-1]) -> list[Script]:
    """Return the revisions after ``revision``, the newest first."""
    scripts = ScriptDirectory.from_config(alembic_config())
    return [script for script in scripts.walk_revisions() if revision < script.revision <= up_to]


def _note(connection: Connection, revision: str) -> None:
    connection.execute(sa.update(version).values(version_num=revision))
