"""Migrations of the schema, by Alembic (https://alembic.sqlalchemy.org); imported only to migrate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the revisions that come with ticketcore."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Bring the database behind ``connection`` to the newest revision, within its transaction."""
    command.upgrade(alembic_config(connection), "head")
