"""The repository on a real PostgreSQL server against the conformance suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.ports.repository import Repository
from ticketcore.testing.repository import RepositorySuite


class TestPostgresqlRepository(RepositorySuite):
    durable = True
    shared = True

    @pytest.fixture(autouse=True)
    def _database(self, postgresql_store: str) -> None:
        self.url = postgresql_store

    def make_repository(self, tmp_path: Path) -> Repository:
        return SqlRepository(self.url)

    def reopen(self, repository: Repository) -> Repository:
        return SqlRepository(self.url)
