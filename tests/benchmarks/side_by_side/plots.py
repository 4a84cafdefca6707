"""Draws what was measured: ``python -m tests.benchmarks.side_by_side.plots`` writes the pictures of the page."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from tests.benchmarks.side_by_side.report import COSTS, DATA, PARTS
from tests.benchmarks.side_by_side.stores import STORES

COLOURS = {
    "ticketcore": "#2f6fde",
    "raw": "#8a8f98",
    "raw pipelined": "#b9bdc4",
    "Roundup": "#d9822b",
    "Trac": "#a23b72",
    "django-helpdesk": "#2e8b57",
}
PART_COLOURS = ("#8a8f98", "#5b8def", "#2f6fde", "#2e8b57", "#a23b72", "#d9822b")
INK = "#7a7f87"
"""Can be read on a light page and on a dark one."""
SETTINGS: Any = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "ticketcore",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def main() -> None:
    """Draw all pictures."""
    import matplotlib as mpl  # type: ignore[import-not-found, unused-ignore]

    mpl.use("svg")
    mpl.rcParams.update(SETTINGS)
    measured, costs = (json.loads(path.read_text(encoding="utf-8")) for path in (DATA, COSTS))
    for kind, store in measured["stores"].items():
        _draw_rates(store["workloads"], STORES[kind], DATA.with_name(f"benchmarks-{kind}.svg"))
    _draw_costs(costs, COSTS.with_suffix(".svg"))


def _draw_rates(workloads: dict[str, dict[str, list[float]]], title: str, path: Path) -> None:
    from matplotlib import pyplot as plt  # type: ignore[import-not-found, unused-ignore]

    figure, axes = plt.subplots(figsize=(8.5, 0.55 * len(workloads) + 1.4))
    names = list(next(iter(workloads.values())))
    for place, name in enumerate(names):
        middles, lows, highs = [], [], []
        for rates in workloads.values():
            low, middle, high = statistics.quantiles(rates[name], n=4)
            middles.append(middle)
            lows.append(middle - low)
            highs.append(high - middle)
        rows = [row + (place - len(names) / 2) * 0.08 for row in range(len(workloads))]
        style: dict[str, Any] = {"fmt": "D" if name.startswith("raw") else "o", "color": COLOURS[name], "label": name}
        axes.errorbar(middles, rows, xerr=(lows, highs), markersize=6, elinewidth=1.5, **style)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_yticks(range(len(workloads)), list(workloads))
    axes.invert_yaxis()
    axes.grid(axis="x", color=INK, alpha=0.25)
    axes.set_xlabel(f"a second, median and quartiles ({title})")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names), fontsize="small")
    _save(figure, path)


def _draw_costs(costs: dict[str, Any], path: Path) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8.5, 0.7 * len(costs) + 1.6))
    names = [STORES[kind].partition(",")[0] for kind in costs]
    lefts = [0.0] * len(costs)
    for (part, meaning), colour in zip(PARTS.items(), PART_COLOURS, strict=True):
        widths = [found["parts"][part] for found in costs.values()]
        axes.barh(names, widths, left=lefts, height=0.55, color=colour, label=meaning)
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("microseconds of one create")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2, fontsize="small")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    # Without a date, so that the same numbers make the same file.
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("".join(f"{line.rstrip()}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
