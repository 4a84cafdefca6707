"""Doing again, in a new transaction, what somebody else was in the way of, or what lost its connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from ticketcore.errors import ConflictError, RepositoryLostError

P = ParamSpec("P")
R = TypeVar("R")

_ATTEMPTS = 8


def repeated(step: Callable[[], R], *, final: Callable[[ConflictError], bool] = lambda _error: False) -> R:
    """Return what ``step``, one transaction, comes to; it is done up to eight times more, after short random waits.

    Args:
        step: reads what it decides by anew each time.
        final: whether a conflict is one that will be there again.

    Raises:
        ConflictError: it is final, or there was another one each time.
        RepositoryLostError: the connection broke each time.
    """

    def passes(error: BaseException) -> bool:
        return isinstance(error, RepositoryLostError) or (isinstance(error, ConflictError) and not final(error))

    try:
        return step()
    except (ConflictError, RepositoryLostError) as error:
        if not passes(error):
            raise
    import tenacity

    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception(passes),
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        wait=tenacity.wait_random_exponential(multiplier=0.005, max=0.2),
        reraise=True,
    )
    return again(step)


def reads(call: Callable[P, R]) -> Callable[P, R]:
    """Let ``call``, which only reads, be called again when its connection breaks; see :func:`repeated`.

    What an argument gives only once, as a generator does, is kept for the next time.
    """

    @wraps(call)
    def again(*args: P.args, **kwargs: P.kwargs) -> R:
        given: Any = [_kept(value) for value in args]
        named: Any = {name: _kept(value) for name, value in kwargs.items()}
        return repeated(partial(call, *given, **named))

    return again


def _kept(value: object) -> object:
    return list(value) if isinstance(value, Iterator) else value
