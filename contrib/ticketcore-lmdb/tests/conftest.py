"""What the tests share; they run on the sources beside them, or on an installed package where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("ticketcore_lmdb") is None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import ticketcore

import ticketcore_lmdb
from ticketcore_lmdb.repository import LmdbRepository

SOURCES = os.pathsep.join(str(Path(package.__path__[0]).parent) for package in (ticketcore, ticketcore_lmdb))

OPENING = """
import os, signal, sys
from ticketcore.domain.query import Query
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import RepositoryError
from ticketcore.testing.records import make_ticket
from ticketcore_lmdb.repository import LmdbRepository

url = "lmdb:///" + sys.argv[1]

def subjects(repository):
    with repository.transaction(read_only=True) as transaction:
        return [ticket.subject for ticket in transaction.find(Query(Ticket))]

def add(repository, subject):
    with repository.transaction() as transaction:
        transaction.add(make_ticket(guid=subject, subject=subject))

def say(*words):
    print(*words, flush=True)

repository = LmdbRepository(url)
"""

Open = Callable[..., LmdbRepository]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def open_store(folder: Path) -> Iterator[Open]:
    """Return a function that opens the store once more; all of them are closed after the test."""
    opened: list[LmdbRepository] = []

    def make(options: str = "", **arguments: Any) -> LmdbRepository:
        repository = LmdbRepository(f"lmdb:///{folder}{options}", **arguments)
        opened.append(repository)
        return repository

    yield make
    for repository in opened:
        repository.close()


@pytest.fixture
def python(folder: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Return a function that runs a script in a process of its own, with a repository on the store."""
    started: list[subprocess.Popen[str]] = []

    def run(script: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", OPENING + script, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": SOURCES},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=30)
