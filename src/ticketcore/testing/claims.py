"""What an adapter claims in its suite: a claim that is misspelt would claim nothing, and its tests would be skipped."""

from __future__ import annotations

from typing import Any

from ticketcore.testing.names import unknown


class Claims:
    """Base of the suites: what is true or false in one of them is a claim, and a subclass can make no others."""

    def __init_subclass__(cls, **rest: Any) -> None:
        """Refuse claims that no suite knows; names that begin with ``_`` are the subclass's own.

        Raises:
            TypeError: names the nearest claim.
        """
        super().__init_subclass__(**rest)
        known = [claim for suite in cls.__mro__ if Claims in suite.__bases__ for claim in _claims(suite)]
        for name in _claims(cls):
            if name not in known:
                message = f"{cls.__qualname__}: {unknown('claim', name, known)} (what is no claim begins with '_')"
                raise TypeError(message)


def _claims(cls: type) -> list[str]:
    return [name for name, value in vars(cls).items() if isinstance(value, bool) and not name.startswith("_")]
