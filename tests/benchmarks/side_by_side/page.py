"""Puts what was measured into the page: ``python -m tests.benchmarks.side_by_side.page``; ``--check`` only looks."""

from __future__ import annotations

import sys

from tests.benchmarks.side_by_side.report import PAGE, page


def main() -> int:
    """Write the tables into the page, or say whether they are there."""
    wanted = page()
    if wanted == PAGE.read_text(encoding="utf-8"):
        return 0
    if "--check" in sys.argv:
        sys.stderr.write(f"{PAGE.name} is out of date: run python -m tests.benchmarks.side_by_side.page\n")
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
