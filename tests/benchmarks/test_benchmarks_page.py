"""The page about the benchmarks says what was measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_has_the_tables_of_what_was_measured_last() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.side_by_side.page", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
