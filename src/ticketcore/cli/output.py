"""How results are written: JSON, tables, lines; text that somebody typed is made harmless first."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click
from attrs import frozen

from ticketcore.domain import text as harmless

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

NONE = "—"
"""What stands where there is no value."""

clean = harmless.printable
one_line = harmless.one_line

STYLES = {
    "CRITICAL": "bold white on red",
    "HIGH": "red",
    "MEDIUM": "yellow",
    "LOW": "green",
    "INFO": "dim",
    "NEW": "cyan",
    "TRIAGED": "cyan",
    "IN_PROGRESS": "blue",
    "ON_HOLD": "magenta",
    "ESCALATED": "bold red",
    "RESOLVED": "green",
    "CLOSED": "dim",
    "CANCELLED": "dim",
    "OPEN": "cyan",
    "DONE": "green",
    "APPROVED": "green",
    "REJECTED": "red",
    "WITHDRAWN": "dim",
    "DEAD": "red",
    "DELIVERED": "green",
    "ok": "green",
    "clash": "yellow",
    "broken": "red",
    "disabled": "dim",
    "idle": "yellow",
    "warning": "yellow",
    "failed": "red",
}
"""The colours of values that come from a fixed list."""


def say(text: str) -> None:
    """Print a line to standard output."""
    click.echo(one_line(text))


def note(text: str) -> None:
    """Print a line to standard error: what is no data."""
    click.echo(one_line(text), err=True)


def note_lines(*lines: str) -> None:
    """Print lines to standard error, indented as they are."""
    for line in lines:
        click.echo(clean(line), err=True)


def tickets_counted(count: int) -> str:
    """Return in words how many tickets that are."""
    return f"{count} ticket{'' if count == 1 else 's'}"


def print_json(value: object) -> None:
    """Print plain data as JSON."""
    unicode = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not unicode, indent=2)
    click.echo(harmless.UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


@frozen
class Column:
    """A column of a table: its heading, and how it gives way on a narrow terminal."""

    heading: str
    right: bool = False
    wrap: bool = False


def text(value: object, style: str = "") -> Text:
    """Return ``value`` as text that rich shows as it is."""
    from rich.text import Text

    shown = clean(str(value))
    return Text(shown, style or STYLES.get(shown, ""))


_ENDLESS = 100_000_000
"""The width where there is no terminal: more than any text has letters."""


def console() -> Console:
    """Return where to print: as wide as the terminal, or as wide as it takes when there is none."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    return Console(
        file=sys.stdout,
        width=None if terminal else _ENDLESS,
        force_terminal=terminal,
        color_system="auto" if terminal and not os.environ.get("NO_COLOR") else None,
        emoji=False,
        markup=False,
        highlight=False,
        legacy_windows=False,
    )


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; on a terminal that is too narrow for it, each row as a list; elsewhere nothing is cut."""
    from rich import box
    from rich.table import Table

    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    widths = [_narrowest(*column) for column in zip(columns, *cells, strict=True)]
    target = console()
    if target.is_terminal and sum(widths) + _GAP * (len(widths) - 1) > target.width:
        _print_stacked(columns, cells)
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            column.heading,
            justify="right" if column.right else "left",
            no_wrap=not column.wrap,
            overflow="fold",
            min_width=width,
        )
    for row in cells:
        table.add_row(*map(text, row))
    render(table)


_GAP = 2
"""The blanks between two columns."""

_NARROW = 12
"""How narrow a column may become that gives way."""


def _narrowest(column: Column, *cells: str) -> int:
    """Return how narrow a column with these cells may become."""
    from rich.cells import cell_len

    longest = max(map(cell_len, (column.heading, *cells)))
    return min(longest, _NARROW) if column.wrap else longest


def _print_stacked(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    for place, row in enumerate(rows):
        if place:
            click.echo()
        print_facts(zip((column.heading for column in columns), row, strict=True))


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and their values below each other; a value may be something that rich renders."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, value if isinstance(value, Text) else text(value))
    render(table)


def render(*parts: RenderableType) -> None:
    """Print what rich renders, without the blanks that fill up the ends of its lines."""
    target = console()
    if sys.stdout.isatty():
        target.print(*parts, sep="\n")
        return
    with target.capture() as captured:
        target.print(*parts, sep="\n")
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_heading(heading: str) -> None:
    """Print a heading, with an empty line above it."""
    click.echo()
    render(text(heading, "bold"))


def print_text(value: str, indent: str = "") -> None:
    """Print a text of several lines, each of them behind ``indent``."""
    from rich.padding import Padding

    target = console()
    if target.is_terminal:
        target.print(Padding(text(value), (0, 0, 0, len(indent))))
    else:
        click.echo("\n".join(f"{indent}{line}" for line in clean(value).split("\n")))
