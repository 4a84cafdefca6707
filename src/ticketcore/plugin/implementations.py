"""The hooks that a plugin implements: found by their markers, and checked before any of them is called."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from inspect import (
    Parameter,
    isasyncgenfunction,
    isclass,
    iscoroutinefunction,
    isfunction,
    isgeneratorfunction,
    isroutine,
    signature,
)
from typing import Any, get_args, get_type_hints

import pluggy
from attrs import field, frozen

from ticketcore.errors import PluginError, reason_of
from ticketcore.plugin import hookspecs
from ticketcore.plugin.markers import PROJECT, priority_of
from ticketcore.plugin.records import Spec
from ticketcore.plugin.settings import is_settings_class, unreadable


def _registers(function: Callable[..., Any]) -> type[Spec] | None:
    """Return the class of record that a hook registers, ``None`` if it registers none."""
    returned = get_type_hints(function).get("return")
    found = get_args(returned)
    return found[0] if found and isclass(found[0]) and issubclass(found[0], Spec) else None


HOOKS: dict[str, Callable[..., Any]] = {
    name: function
    for name, function in vars(hookspecs).items()
    if name.startswith(f"{PROJECT}_") and isfunction(function)
}
"""Every hook by name."""

REGISTER_HOOKS: dict[str, type[Spec]] = {
    name: kind for name, function in HOOKS.items() if (kind := _registers(function)) is not None
}
"""The hooks that register records, and the class of record of each."""

_ANSWERED_ONCE = ("ticketcore_settings", "ticketcore_amend", "ticketcore_observe")
"""The hooks whose answer is no collection: a generator would never run."""

_SINGLE = ("ticketcore_settings", "ticketcore_observe")
"""The hooks that a plugin can implement once only."""


@frozen
class Implementation:
    """One plugin's implementation of a hook."""

    plugin: str
    hook: str
    function: Callable[..., Any] = field(repr=False)
    arguments: tuple[str, ...]
    place: tuple[int, str]

    def call(self, **arguments: Any) -> Any:
        """Call it with those of ``arguments`` that it takes."""
        return self.function(**{name: arguments[name] for name in self.arguments})

    def settings_class(self) -> type[Any]:
        """Call the implementation of ``ticketcore_settings`` and return the class.

        Raises:
            PluginError: it fails.
            TypeError: what it returns is no such class.
        """
        found = self._answer(self.call)
        if not is_settings_class(found):
            message = f"{self.hook} must return a class made by attrs, not {found!r}"
            raise TypeError(message)
        kind: type[Any] = found
        if wrong := unreadable(kind):
            raise TypeError(wrong)
        return kind

    def records(self) -> list[Spec]:
        """Call the implementation of a register hook and return what it registers.

        Raises:
            PluginError: it fails.
            TypeError: it registers something else.
        """
        kind = REGISTER_HOOKS[self.hook]
        answer = self._answer(self.call)
        if not isinstance(answer, Iterable):
            message = f"{self.hook} must return a list of {kind.__name__} records, or yield them, not {answer!r}"
            raise TypeError(message)
        found = self._answer(lambda: list(answer))
        for spec in found:
            if type(spec) is not kind:
                message = f"{self.hook} must yield {kind.__name__} records, not {spec!r}"
                raise TypeError(message)
        return found  # type: ignore[no-any-return]

    def _answer(self, ask: Callable[[], Any]) -> Any:
        """Return what ``ask`` returns; a failure says in which hook it was."""
        try:
            return ask()
        except (Exception, SystemExit) as error:
            raise PluginError(self.plugin, f"{self.hook} failed: {reason_of(error)}") from error


def implementations_of(name: str, plugin: object) -> list[Implementation]:
    """Return the hooks that the plugin called ``name`` implements.

    Raises:
        TypeError: it is no plugin, or something is wrong with one of its hooks; names what.
    """
    if plugin is None or isclass(plugin):
        what = "None" if plugin is None else f"the class {plugin.__qualname__}"
        message = f"it is {what}; give a module or an object"
        raise TypeError(message)
    # A manager of its own: nothing of a plugin that is wrong stays anywhere, and no two plugins are ever compared.
    hooks = pluggy.PluginManager(PROJECT)
    hooks.add_hookspecs(hookspecs)
    _check(hooks, plugin)
    hooks.register(plugin, name=name)
    return [
        Implementation(name, hook, one.function, _arguments(hook, one.function), (priority_of(one.function), name))
        for hook in HOOKS
        for one in getattr(hooks.hook, hook).get_hookimpls()
    ]


def _check(hooks: pluggy.PluginManager, plugin: object) -> None:
    """Refuse an implementation of a hook that does not exist, that nobody marked, or that cannot be called.

    Raises:
        TypeError: names what is wrong.
    """
    seen: set[str] = set()
    for name in dir(plugin):
        options = hooks.parse_hookimpl_opts(plugin, name)
        if options is None:
            if name in HOOKS and isroutine(getattr(plugin, name, None)):
                message = f"{name} is not marked: write @hookimpl above it"
                raise TypeError(message)
            continue
        hook = options.get("specname") or name
        if hook not in HOOKS and options.get("optionalhook"):
            continue
        if hook not in HOOKS:
            nearest = difflib.get_close_matches(hook, HOOKS, 1)
            message = f"there is no hook {hook}" + (f"; did you mean {nearest[0]}?" if nearest else "")
            raise TypeError(message)
        if options.get("wrapper") or options.get("hookwrapper"):
            message = f"{name} wraps the hook, which is not supported"
            raise TypeError(message)
        if hook in seen and hook in _SINGLE:
            message = f"it implements {hook} twice"
            raise TypeError(message)
        seen.add(hook)
        function = getattr(plugin, name)
        _arguments(hook, function)
        _check_kind(hook, function)


def _check_kind(hook: str, function: Callable[..., Any]) -> None:
    """Refuse a function whose call would run nothing of it."""
    if iscoroutinefunction(function) or isasyncgenfunction(function):
        message = f"{hook} is asynchronous, which is not supported"
        raise TypeError(message)
    if hook in _ANSWERED_ONCE and isgeneratorfunction(function):
        message = f"{hook} is a generator; it must not yield"
        raise TypeError(message)


def _arguments(hook: str, function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the arguments of ``hook`` that ``function`` takes.

    Raises:
        TypeError: it takes something that the hook does not have, or takes it by position only.
    """
    known = tuple(signature(HOOKS[hook]).parameters)
    taken: list[str] = []
    for one in signature(function).parameters.values():
        if one.kind is Parameter.VAR_KEYWORD:
            return known
        if one.name in known and one.kind is not Parameter.POSITIONAL_ONLY:
            taken.append(one.name)
        elif one.default is Parameter.empty and one.kind is not Parameter.VAR_POSITIONAL:
            message = f"{hook} cannot be called with {one.name}; it may take {', '.join(known) or 'nothing'}, by name"
            raise TypeError(message)
    return tuple(taken)
