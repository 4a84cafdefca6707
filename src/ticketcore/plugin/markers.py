"""The two markers of pluggy, under our project's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

import pluggy

PROJECT = "ticketcore"
"""The name of the hooks' project, and of the entry-point group in which plugins announce themselves."""

PRIORITY = 100
"""The place of an implementation that asks for none: those with a lower number go first."""

F = TypeVar("F", bound=Callable[..., Any])

_PLACE = "ticketcore_priority"

hookspec = pluggy.HookspecMarker(PROJECT)
_mark = pluggy.HookimplMarker(PROJECT)


@overload
def hookimpl(function: F) -> F: ...
@overload
def hookimpl(
    *, priority: int = PRIORITY, specname: str | None = None, optionalhook: bool = False
) -> Callable[[F], F]: ...
def hookimpl(
    function: F | None = None,
    *,
    priority: int = PRIORITY,
    specname: str | None = None,
    optionalhook: bool = False,
) -> F | Callable[[F], F]:
    """Mark a function as the implementation of a hook: ``@hookimpl``, or ``@hookimpl(priority=50)``.

    Args:
        function: the function, which has the name of the hook.
        priority: implementations go in the order of this number, and of their plugins' names where it is equal.
        specname: the name of the hook, where the function is called otherwise.
        optionalhook: whether it is no error that this version of ticketcore does not have such a hook.
    """
    if type(priority) is not int:
        message = f"priority must be a whole number, not {priority!r}"
        raise TypeError(message)

    def marked(target: F) -> F:
        inner = getattr(target, "__func__", target)  # a static method is called without its wrapper
        setattr(inner, _PLACE, priority)
        _mark(inner, specname=specname, optionalhook=optionalhook)
        return target

    return marked if function is None else marked(function)


def priority_of(function: object) -> int:
    """Return the number that an implementation asked for."""
    found: int = getattr(function, _PLACE, PRIORITY)
    return found
