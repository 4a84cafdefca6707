"""ticketcore beside other ticket systems, and the goals that it has there, as ratios within one run."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(480)]

ROOT = Path(__file__).parents[2]
NOT_INSTALLED = 3
KEEPS_HISTORY = ("Roundup", "django-helpdesk")
STORES = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what a small run came to; the peers are installed for it, and kept for the next one."""
    file = tmp_path_factory.mktemp("bench") / "measured.json"
    stores = [word for kind in STORES for word in ("--store", kind)]
    command = [sys.executable, "-m", "tests.benchmarks.side_by_side", *stores, "--only-writes", "--rounds", "15"]
    done = subprocess.run(
        [*command, "--json", str(file)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=450
    )
    if done.returncode == NOT_INSTALLED and not os.environ.get("CI"):
        pytest.skip(f"needs the packages of the other ticket systems: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    print(f"\n{done.stdout}")
    stores_found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["stores"]
    return stores_found


def ratio(measured: dict[str, Any], store: str, workload: str, name: str) -> float:
    """Return how many times as much as ``name`` ticketcore did, the median of all rounds."""
    rates: dict[str, list[float]] = measured[store]["workloads"][workload]
    return statistics.median(ours / theirs for ours, theirs in zip(rates["ticketcore"], rates[name], strict=True))


@pytest.mark.parametrize("store", STORES)
def test_every_commit_is_kept_by_the_disk(measured: dict[str, Any], store: str) -> None:
    for name, facts in measured[store]["contenders"].items():
        promised = facts.get("synchronous") or facts.get("fsync")
        assert promised in {2, "on"}, name


@pytest.mark.parametrize("store", STORES)
def test_the_raw_limit_writes_ticket_history_outbox_and_words(measured: dict[str, Any], store: str) -> None:
    rows = measured[store]["contenders"]["raw"]["rows"]
    assert sorted(rows) == ["data_ticket", "data_ticket_history", "data_ticket_search", "sys_outbox"]


@pytest.mark.parametrize("peer", KEEPS_HISTORY)
@pytest.mark.parametrize("workload", ["create", "lifecycle"])
@pytest.mark.parametrize("store", STORES)
def test_it_is_30_percent_ahead_of_every_peer_that_keeps_a_history(
    measured: dict[str, Any], store: str, workload: str, peer: str
) -> None:
    ahead = ratio(measured, store, workload, peer)
    assert ahead >= 1.3


@pytest.mark.parametrize("store", STORES)
def test_creating_reaches_40_percent_of_the_raw_limit(measured: dict[str, Any], store: str) -> None:
    share = ratio(measured, store, "create", "raw")
    assert share >= 0.4
