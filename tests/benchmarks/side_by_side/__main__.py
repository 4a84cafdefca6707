"""Measures ticketcore beside other ticket systems: ``python -m tests.benchmarks.side_by_side --help``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs

from tests.benchmarks.side_by_side import report
from tests.benchmarks.side_by_side.environments import OWN, PEERS, UnavailableError, python_of
from tests.benchmarks.side_by_side.race import Plan, Race, say
from tests.benchmarks.side_by_side.stores import STORES, flush_seconds, server_of

ALL = (*OWN, *PEERS)
NOT_INSTALLED = 3
"""The exit status when a peer cannot be installed."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.side_by_side", description=__doc__)
    parser.add_argument("--store", choices=STORES, action="append", help="where the tickets are kept; all by default")
    parser.add_argument("--contender", choices=ALL, action="append", help="who takes part; all by default")
    parser.add_argument("--rounds", type=int, default=25, help="how often each has its turn")
    parser.add_argument("--size", type=int, action="append", default=None, help="tickets to list; 10000 and 100000")
    parser.add_argument("--only-writes", action="store_true", help="create and the whole life, nothing else")
    cache = platformdirs.user_cache_path("ticketcore-benchmarks")
    parser.add_argument("--cache", type=Path, default=cache, help="where the peers are installed")
    parser.add_argument("--json", type=Path, help="where to write what was measured")
    return parser.parse_args()


def main() -> int:
    """Measure, print the tables, and keep the numbers if asked to."""
    asked = _arguments()
    contenders = [name for name in ALL if name in (asked.contender or ALL) or name in OWN]
    try:
        for name in contenders:
            python_of(name, asked.cache)
    except UnavailableError as error:
        say(str(error))
        return NOT_INSTALLED
    sizes = [] if asked.only_writes else asked.size or [10_000, 100_000]
    plan = Plan(contenders, asked.rounds, sizes, at_once=not asked.only_writes, reads=not asked.only_writes)
    measured = _measure(plan, asked.store or list(STORES), asked.cache)
    if asked.json:
        asked.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    print(report.tables(measured))
    return 0


def _measure(plan: Plan, kinds: list[str], cache: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    # A server's socket needs a short path.
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as name:
        flushed = flush_seconds(Path(name))
        for kind in kinds:
            say(f"\n{STORES[kind]}")
            folder = Path(name, kind)
            folder.mkdir()
            with server_of(kind, folder) as server:
                found[kind] = Race(plan, server, cache, folder).run()
    machine = {
        "python": platform.python_version(),
        "system": platform.system(),
        "processors": os.cpu_count(),
        "flush_ms": round(flushed * 1000, 3),
        "day": datetime.now(UTC).date().isoformat(),
    }
    return {"machine": machine, "rounds": plan.rounds, "stores": found}


sys.exit(main())
