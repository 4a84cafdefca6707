"""What crash tests share: a process that forks those that are killed, and the table of what was killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

CarryOut = Callable[..., tuple[int, list[str]]]


@pytest.fixture(scope="module")
def zygote() -> Iterator[CarryOut]:
    """Return a function that lets a forked process carry out an order.

    It returns how the process ended, and the steps that it took if it lived to tell; see ``zygote.py``.
    """
    root, source = Path(__file__).parents[2], Path(sys.modules["ticketcore"].__path__[0]).parent
    command = [sys.executable, "-W", "error", "-m", "tests.faults.zygote"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (root, source)))}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        orders, answers = process.stdin, process.stdout

        numbers = count()

        def carry_out(**order: Any) -> tuple[int, list[str]]:
            number = next(numbers)
            print(json.dumps({"number": number, **order}), file=orders, flush=True)
            while (answer := json.loads(answers.readline()))["number"] != number:
                pass  # of a test that had no time left to read it
            return answer["ended"], json.loads(answer["told"] or "[]")

        assert answers.readline() == '"ready"\n'
        yield carry_out
        orders.close()
        assert process.wait(30) == 0


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print a row for each use case that was killed at every step."""
    rows: Sequence[dict[str, Any]] = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in getattr(report, "user_properties", ())
        if name == "kills"
    ]
    if not rows:
        return
    terminalreporter.section("killed at every step")
    width = max(len(row["case"]) for row in rows)
    terminalreporter.write_line(f"{'use case':{width}}  {'store':10}  steps  kills  nothing  part  whole  sent twice")
    for row in sorted(rows, key=lambda row: (row["store"], row["case"])):
        left = f"{row['nothing']:7}  {row['part']:4}  {row['whole']:5}  {row['twice']:10}"
        facts = f"{row['store']:10}  {row['steps']:5}  {row['kills']:5}  {left}"
        terminalreporter.write_line(f"{row['case']:{width}}  {facts}")
    total = sum(row["kills"] for row in rows)
    terminalreporter.write_line(f"{total} kills in {len(rows)} use cases; each left a change whole or not at all")
