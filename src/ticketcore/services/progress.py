"""News of how far something long has come."""

from __future__ import annotations


def untold(*_: object) -> None:
    """Do nothing with the news: nobody wants to hear them."""
