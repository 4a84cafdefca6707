"""The repository on SQLite against the conformance suite."""

from __future__ import annotations

from pathlib import Path

from ticketcore.adapters.sql.repository import SqlRepository
from ticketcore.ports.repository import Repository
from ticketcore.testing.repository import RepositorySuite


class TestSqliteRepository(RepositorySuite):
    durable = True
    shared = True

    def make_repository(self, tmp_path: Path) -> Repository:
        repository = SqlRepository(f"sqlite:///{tmp_path}/t.db")
        repository.prepare()
        return repository

    def reopen(self, repository: Repository) -> Repository:
        return SqlRepository(f"sqlite:///{repository.status().location}")
