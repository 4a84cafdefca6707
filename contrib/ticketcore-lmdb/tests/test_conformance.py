"""The store in LMDB against the conformance suite."""

from __future__ import annotations

from pathlib import Path

from ticketcore.ports.repository import Repository
from ticketcore.testing.repository import RepositorySuite

from ticketcore_lmdb.repository import LmdbRepository


class TestLmdbRepository(RepositorySuite):
    durable = True
    shared = True

    def make_repository(self, tmp_path: Path) -> Repository:
        self.url = f"lmdb:///{tmp_path}/store"
        repository = LmdbRepository(self.url)
        repository.prepare()
        return repository

    def reopen(self, repository: Repository) -> Repository:
        return LmdbRepository(self.url)
