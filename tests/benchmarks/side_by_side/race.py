"""Runs the contenders by turns, so that whatever else the machine does meets all of them.

In each round every contender has one turn at a workload, and another one begins than in the round before. A ratio is
taken within a round; what is reported of the rounds is the median, and from where to where half of them were.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from tests.benchmarks.side_by_side.environments import ON_SERVERS, python_of
from tests.benchmarks.side_by_side.processes import ContenderError, Process
from tests.benchmarks.side_by_side.stores import Server

OURS = "ticketcore"
AT_ONCE = 4
"""How many processes create tickets at once."""
TURN_SECONDS = 0.12
"""How long a turn takes, more or less."""
LIFE_STEPS = 7
"""Commits of a whole life: created, assigned, commented on, and four moves."""
LIST = 25
"""The most tickets of a list."""
CELLS = 250
"""Among how many pairs of a person and a status the tickets of a filled store are shared out."""

Rates = dict[str, list[float]]


@frozen
class Plan:
    """What is run, and how often."""

    contenders: Sequence[str]
    rounds: int
    sizes: Sequence[int]
    """To how many tickets the stores are filled, one after the other, to read lists and counts."""
    at_once: bool = True
    reads: bool = True


@define
class Race:
    """All workloads on stores of one kind."""

    plan: Plan
    server: Server
    cache: Path
    folder: Path
    processes: dict[str, Process] = field(init=False, factory=dict)
    stores: dict[str, tuple[str, Path]] = field(init=False, factory=dict)
    facts: dict[str, dict[str, Any]] = field(init=False, factory=dict)
    found: dict[str, Rates] = field(init=False, factory=dict)
    refused: dict[str, int] = field(init=False, factory=dict)

    def run(self) -> dict[str, Any]:
        """Return the facts about the contenders, and how often a second each did what."""
        with self._fresh("writes"):
            self._by_turns("create", "create")
            self._by_turns("lifecycle", "lifecycle")
            if self.plan.reads:
                self._by_turns("read", "read", least=("entries", LIFE_STEPS - 1))
            if self.plan.at_once:
                self._at_once()
        if self.plan.sizes:
            with self._fresh("lists"):
                for size in self.plan.sizes:
                    self._fill(size)
                    self._by_turns(f"list of {size:,}", "list_open", least=("found", min(LIST, size // CELLS)))
                    self._by_turns(f"counts of {size:,}", "count", least=("found", size))
        return {"contenders": self.facts, "workloads": self.found, "refused": self.refused}

    @contextmanager
    def _fresh(self, leg: str) -> Iterator[None]:
        """Start all contenders on stores that are new."""
        with ExitStack() as around:
            for name in self._names():
                folder = self.folder / f"{name}-{leg}".replace(" ", "-")
                folder.mkdir()
                self.stores[name] = (self.server.database(f"{leg}_{name}".replace(" ", "_")), folder)
                self.processes[name] = around.enter_context(self._started(name))
                self.processes[name].run("prepare")
                self.processes[name].run("connect")
                self.facts[name] = self.processes[name].run("facts")
            yield

    def _names(self) -> list[str]:
        return [name for name in self.plan.contenders if name not in ON_SERVERS or self.server.kind == "postgresql"]

    def _started(self, name: str) -> Process:
        return Process(name, python_of(name, self.cache), *self.stores[name])

    def _fill(self, size: int) -> None:
        for name, process in self.processes.items():
            seconds = process.run("fill", size=size)["seconds"]
            say(f"{name}: filled to {size} in {seconds:.0f} s")

    def _by_turns(self, workload: str, job: str, *, least: tuple[str, int] | None = None) -> None:
        def turn(name: str, count: int) -> dict[str, Any]:
            answer = self.processes[name].run(job, count=count)
            if least is not None and answer[least[0]] < least[1]:
                raise ContenderError(f"{name}: {workload} came to {answer}, expected {least[1]} {least[0]} at least")
            return answer

        self._turns(workload, turn, processes=1)

    def _at_once(self) -> None:
        with ExitStack() as around:
            teams: dict[str, list[Process]] = {}
            for name in self._names():
                others = [around.enter_context(self._started(name)) for _ in range(AT_ONCE - 1)]
                for other in others:
                    other.run("connect")
                teams[name] = [self.processes[name], *others]

            def turn(name: str, count: int) -> dict[str, Any]:
                for process in teams[name]:
                    process.ask("create_or_retry", count=count)
                answers = [process.answer() for process in teams[name]]
                self.refused[name] = self.refused.get(name, 0) + sum(answer["refused"] for answer in answers)
                for reason in {reason for answer in answers for reason in answer["reasons"]}:
                    say(f"{name} at once: {reason}")
                return {"count": count * AT_ONCE, "seconds": max(answer["seconds"] for answer in answers)}

            self._turns("create at once", turn, processes=AT_ONCE)

    def _turns(self, workload: str, turn: Callable[[str, int], Mapping[str, Any]], *, processes: int) -> None:
        names = self._names()
        counts = {name: self._enough(turn, name, processes) for name in names}
        rates: Rates = {name: [] for name in names}
        for i in range(self.plan.rounds):
            first = i % len(names)
            for name in names[first:] + names[:first]:
                answer = turn(name, counts[name])
                rates[name].append(answer["count"] / answer["seconds"])
        self.found[workload] = rates
        medians = {name: round(statistics.median(all_of)) for name, all_of in rates.items()}
        say(f"{workload}: {medians}")

    @staticmethod
    def _enough(turn: Callable[[str, int], Mapping[str, Any]], name: str, processes: int) -> int:
        """Return how often the workload fits into a turn, after a few times that are not measured."""
        turn(name, 3)
        answer = turn(name, 10)
        rate: float = answer["count"] / answer["seconds"]
        return max(3, round(TURN_SECONDS * rate / processes))


def ratios(rates: Rates, name: str) -> list[float]:
    """Return how many times as much as ``name`` we did in each round."""
    return [ours / theirs for ours, theirs in zip(rates[OURS], rates[name], strict=True)]


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)
