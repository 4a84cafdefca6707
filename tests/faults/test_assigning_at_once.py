"""Several create tickets at the same moment, under one rule with several people: the turns come out even."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ticketcore import open_desk
from ticketcore.config.schema import Config, DatabaseSection
from ticketcore.desk import Desk

WORKERS = 3
ROUNDS = 20
TEAM = ("ann@example.com", "bo@example.com", "cy@example.com", "di@example.com")

CREATOR = """
import sys
from ticketcore import open_desk
from ticketcore.config.schema import Config, DatabaseSection

with open_desk(Config(database=DatabaseSection(url=sys.argv[1], timeout=60), notifiers=())) as desk:
    desk.rules.auto_assign("CORE")
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(sys.argv[2])):
        desk.tickets.create("x", action_by="ann")
"""


def config(url: str) -> Config:
    return Config(database=DatabaseSection(url=url, timeout=60), notifiers=())


def add_rule(desk: Desk, strategy: str) -> None:
    desk.rules.auto_assign_add_rule("CORE", ",".join(TEAM), strategy=strategy, action_by="ann")


def assert_even(desk: Desk) -> None:
    """Assert that the tickets went to one after the other, in the order in which they got their numbers."""
    tickets = desk.queries.get_tickets_by_filter(sort="number")
    assert [ticket.ticket_number for ticket in tickets] == list(range(1, WORKERS * ROUNDS + 1))
    assert [ticket.assigned_to for ticket in tickets] == [*TEAM] * (WORKERS * ROUNDS // len(TEAM))


@pytest.mark.parametrize("strategy", ["round_robin", "least_loaded"])
@pytest.mark.parametrize("shared", [True, False], ids=["one-desk", "a-desk-each"])
def test_threads_take_turns(make_desk: Callable[..., Desk], sqlite_file: Path, strategy: str, *, shared: bool) -> None:
    url = f"sqlite:///{sqlite_file}"
    desk = make_desk(url, notifiers=())
    add_rule(desk, strategy)
    desks = [desk if shared else make_desk(url, notifiers=()) for _ in range(WORKERS)]

    def work(mine: Desk) -> None:
        for _ in range(ROUNDS):
            mine.tickets.create("x", action_by="ann")

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, desks))
    assert_even(desk)


def test_threads_take_turns_in_memory(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk("memory:", notifiers=())
    add_rule(desk, "round_robin")
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda _: desk.tickets.create("x", action_by="ann"), range(WORKERS * ROUNDS)))
    assert_even(desk)


@pytest.mark.parametrize("strategy", ["round_robin", "least_loaded"])
def test_processes_take_turns(sqlite_file: Path, strategy: str) -> None:
    url = f"sqlite:///{sqlite_file}"
    with open_desk(config(url)) as desk:
        add_rule(desk, strategy)
        creators = [
            subprocess.Popen(
                [sys.executable, "-c", CREATOR, url, str(ROUNDS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(WORKERS)
        ]
        for creator in creators:
            assert creator.stdout is not None
            assert creator.stdout.readline() == "ready\n"
        for creator in creators:
            assert creator.stdin is not None
            creator.stdin.write("\n")
            creator.stdin.flush()
        assert [creator.communicate(timeout=60) for creator in creators] == [("", "")] * WORKERS
        assert_even(desk)
