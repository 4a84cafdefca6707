"""What a command that takes long shows meanwhile, and how it is stopped."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


@contextmanager
def progress_shown(what: str, total: int | None = None) -> Iterator[Callable[[int, str], None]]:
    """Show on a terminal how far something is, on standard error; elsewhere show nothing.

    Args:
        what: what is going on.
        total: how much there is to do, ``None`` if nobody knows.

    Yields:
        What is told how much is done, and what is going on now (empty: still the same).
    """
    if not sys.stderr.isatty():
        yield lambda _done, _what: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(
        file=sys.stderr, color_system=None if os.environ.get("NO_COLOR") else "auto", legacy_windows=False
    )
    known = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn()) if total else (MofNCompleteColumn(),)
    with Progress(TextColumn("{task.description}"), *known, console=console, transient=True) as shown:
        task = shown.add_task(what, total=total)

        def told(done: int, now: str) -> None:
            shown.update(task, completed=done, description=now or what)

        yield told


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Give an event that control-C sets, so that what is begun is finished; the second one ends the process at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread is told of signals
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
