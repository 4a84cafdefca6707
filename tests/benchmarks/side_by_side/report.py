"""What was measured, as tables in Markdown, and the page of the documentation that has them."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import Any

from tests.benchmarks.side_by_side.race import OURS, ratios
from tests.benchmarks.side_by_side.stores import STORES

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "explanation" / "benchmarks.md"
DATA = ROOT / "docs" / "_static" / "benchmarks.json"
COSTS = ROOT / "docs" / "_static" / "benchmarks-costs.json"
PARTS = {
    "commit": "the commit, with the flush to the disk",
    "driver": "the statements, in the driver and the database",
    "store": "the adapter: records to rows and back, SQLAlchemy, the pool",
    "chain": "the hash chain of the history",
    "policies": "policies and plugins",
    "domain": "the domain: checks, deadlines, whom to tell",
}
"""What the time of a create goes into."""
_BLOCK = re.compile(r"(<!-- measured: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def tables(measured: dict[str, Any]) -> str:
    """Return a table for each kind of store."""
    return "\n".join(f"{STORES[kind]}:\n\n{_rates(store)}" for kind, store in measured["stores"].items())


def page() -> str:
    """Return the text of the page with the tables of what was measured last."""
    measured, costs = (json.loads(path.read_text(encoding="utf-8")) for path in (DATA, COSTS))
    blocks = {kind: _rates(store) for kind, store in measured["stores"].items()}
    blocks |= {"run": _run(measured), "costs": _costs(costs), "versions": _versions(measured)}
    text = PAGE.read_text(encoding="utf-8")
    return _BLOCK.sub(lambda found: f"{found[1]}\n{blocks[found[2]]}\n{found[3]}", text)


def table(lines: list[list[str]]) -> str:
    """Return a table; its first line is the head, its first column to the left."""
    lines = [lines[0], ["---", *["---:"] * (len(lines[0]) - 1)], *lines[1:]]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    rows = (" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "".join(f"| {row} |\n" for row in rows)


def _rates(store: dict[str, Any]) -> str:
    workloads: dict[str, dict[str, list[float]]] = store["workloads"]
    others = [name for name in next(iter(workloads.values())) if name != OURS]
    lines = [["a second", OURS, *others]]
    lines += [
        [workload, f"**{_rate(rates[OURS])}**", *(_compared(rates, name) for name in others)]
        for workload, rates in workloads.items()
    ]
    refused = [f"{name} {times}" for name, times in store["refused"].items() if times]
    told = f"\nRefused at once, and tried again: {', '.join(refused)}.\n" if refused else ""
    return table(lines) + told


def _rate(rates: list[float]) -> str:
    return f"{statistics.median(rates):,.0f}"


def _compared(rates: dict[str, list[float]], name: str) -> str:
    low, middle, high = statistics.quantiles(ratios(rates, name), n=4)
    return f"{_rate(rates[name])} · {middle:.2f} × ({low:.2f}–{high:.2f})"


def _run(measured: dict[str, Any]) -> str:
    machine = measured["machine"]
    return (
        f"Measured on {machine['day']}, {machine['system']}, {machine['processors']} processors, "
        f"Python {machine['python']}, {measured['rounds']} rounds; to keep 4 KiB took the disk "
        f"{machine['flush_ms']:.2f} ms.\n"
    )


def _versions(measured: dict[str, Any]) -> str:
    stores = [store["contenders"] for store in measured["stores"].values()]
    lines = [["", "version", *(STORES[kind] for kind in measured["stores"])]]
    for name in dict.fromkeys(name for contenders in stores for name in contenders):
        facts = [contenders.get(name) for contenders in stores]
        version = next(one["version"] for one in facts if one)
        lines.append([name, version, *(_promises(one) if one else "" for one in facts)])
    return table(lines)


def _promises(facts: dict[str, Any]) -> str:
    """Return what a store was asked to do for a commit to last."""
    if "fsync" in facts:
        return f"fsync {facts['fsync']}, synchronous_commit {facts['synchronous_commit']}"
    words = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}
    return f"{facts['journal_mode']}, synchronous {words[facts['synchronous']]}"


def _costs(costs: dict[str, Any]) -> str:
    lines = [["microseconds of one create", *(STORES[kind].partition(",")[0] for kind in costs)]]
    totals = [sum(found["parts"].values()) for found in costs.values()]
    for part, meaning in PARTS.items():
        spent = [found["parts"][part] for found in costs.values()]
        shown = [f"{one:,.0f} ({one / total:.0%})" for one, total in zip(spent, totals, strict=True)]
        lines.append([meaning, *shown])
    lines.append(["how many statements", *(f"{found['statements']:g}" for found in costs.values())])
    lines.append(["all of it, clocked", *(f"{total:,.0f}" for total in totals)])
    lines.append(["all of it, without clocks", *(f"{found['unclocked']:,.0f}" for found in costs.values())])
    return table(lines)
