"""How the benchmarks measure: pairs of runs, one after the other, and the median of the pairs' ratios.

A ratio taken in one run says the same on a fast machine and a slow one. Each pair is measured within a
moment, so that what else the machine does at that time meets both.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import pytest

Run = Callable[[], float]
"""Runs once and returns the seconds that it took."""


class Table:
    """The lines of all benchmarks, printed together at the end."""

    HEAD = ("measured", "ours", "base", "ratio", "quartiles", "bound", "pairs")

    def __init__(self) -> None:
        self.lines: list[tuple[str, ...]] = []

    def __str__(self) -> str:
        lines = [self.HEAD, *self.lines]
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.HEAD))]
        return "\n".join(
            "  ".join(
                text.rjust(width) if place else text.ljust(width)
                for place, (text, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        )

    def compare(self, name: str, ours: Run, base: Run, *, pairs: int, bound: str = "", per: int = 1) -> float:
        """Run ``ours`` and ``base`` by turns; return the median of how many times longer ours takes.

        Each is run once before, unmeasured. ``per`` is how many operations a run does; times are shown of one.
        """
        ours()
        base()
        times = [(ours(), base()) if place % 2 else (base(), ours())[::-1] for place in range(pairs)]
        ratios = [our / their for our, their in times]
        low, middle, high = statistics.quantiles(ratios, n=4)
        shown = [f"{statistics.median(column) / per * 1000:.2f} ms" for column in zip(*times, strict=True)]
        self.lines.append((name, *shown, f"{middle:.2f}", f"{low:.2f} to {high:.2f}", bound or "none", str(pairs)))
        return middle


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """The one table of a run."""
    table = Table()
    yield table
    print(f"\n\n{table}")
