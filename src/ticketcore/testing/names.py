"""What is said of a name that nothing has: which one may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return that there is no ``what`` called ``name``, and which one is nearest, or else all that are known."""
    names = list(dict.fromkeys(map(str, known)))
    nearest = difflib.get_close_matches(name, names, 1) or difflib.get_close_matches(name.upper(), names, 1)
    choice = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(names)}"
    return f"there is no {what} {name!r}; {choice}"
