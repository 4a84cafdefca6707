"""The records of all plugins by name: which one a name means, and what to say of a name that means none."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from attrs import field, frozen

from ticketcore.errors import PluginError, reason_of
from ticketcore.plugin.records import NotifierSpec, ProviderSpec, RepositorySpec, Spec

S = TypeVar("S", bound=Spec)

INSTALLABLE: Mapping[type[Spec], Mapping[str, str]] = {
    NotifierSpec: {"apprise": "ticketcore-apprise"},
    RepositorySpec: {"lmdb": "ticketcore-lmdb"},
}
"""The packages in ``contrib/`` of this project that bring what the core does not have."""


@frozen
class Registered:
    """A record, who registered it, and its place among the others."""

    spec: Spec
    plugin: str
    source: str = field(eq=False)
    """The plugin's distribution in words."""
    builtin: bool
    place: tuple[int, str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """The name and the aliases."""
        return (self.spec.name, *self.spec.aliases)

    @property
    def owner(self) -> str:
        """The plugin in words."""
        return "ticketcore itself" if self.builtin else f"{self.plugin} ({self.source})"

    @property
    def section(self) -> str:
        """The path of its settings in the configuration."""
        if self.spec.section:
            return self.spec.section
        return f"{'providers' if isinstance(self.spec, ProviderSpec) else 'plugins'}.{self.spec.name}"


class Registry:
    """Finds records by kind and name.

    A name of a built-in record stays with it. A name that two plugins register belongs to neither.
    """

    def __init__(self, records: Iterable[Registered]) -> None:
        """Take all ``records`` of all plugins, and find out which names clash."""
        self.records = sorted(records, key=lambda one: (not one.builtin, one.place))
        """All records, in order."""
        self._claims: dict[tuple[type[Spec], str], list[Registered]] = {}
        self.clashes: dict[str, list[str]] = {}
        """For each plugin with a name that is not its own alone: what it clashes with."""
        for record in self.records:
            for name in record.names:
                self._claims.setdefault((type(record.spec), name), []).append(record)
        for (kind, name), claims in self._claims.items():
            for record in claims[1:] if claims[0].builtin else claims if len(claims) > 1 else ():
                others = ", ".join(other.owner for other in claims if other is not record)
                words = f"the {kind.kind} {name!r} is registered by {others} too"
                self.clashes.setdefault(record.plugin, []).append(words)

    def all(self, kind: type[S]) -> list[S]:
        """Return the records of ``kind`` that their own name finds, in order."""
        return [found.spec for found in self.registered(kind)]  # type: ignore[misc]

    def registered(self, kind: type[Spec]) -> Iterator[Registered]:
        """Yield the records of ``kind`` that their own name finds, in order, with who registered them."""
        for record in self.records:
            if type(record.spec) is kind and self._owner(kind, record.spec.name) is record:
                yield record

    def names(self, kind: type[Spec]) -> list[str]:
        """Return the names that can be used, without aliases."""
        return sorted(record.spec.name for record in self.registered(kind))

    def claimed(self, kind: type[Spec], name: str) -> bool:
        """Return whether any plugin registers a record of ``kind`` called ``name``, also if nobody can use it."""
        return (kind, name) in self._claims

    def find(self, kind: type[Spec], name: str, set_aside: Mapping[str, str]) -> Registered:
        """Return the record of ``kind`` called ``name``.

        Args:
            kind: the class of record.
            name: a name or an alias.
            set_aside: the plugins that could not be loaded, and why: one of them may be what is missed.

        Raises:
            PluginError: no plugin has it, or two have.
        """
        found = self._owner(kind, name)
        if found is not None:
            return found
        claims = self._claims.get((kind, name), [])
        if claims:
            owners = ", ".join(one.owner for one in claims)
            message = f"{len(claims)} plugins register a {kind.kind} called {name!r}: {owners}"
            hint = "uninstall all but one, or name the others in TICKETCORE_DISABLE_PLUGINS"
            raise PluginError(name, message, hint=hint)
        known = self.names(kind)
        nearest = difflib.get_close_matches(name, [n for k, n in self._claims if k is kind and self._owner(k, n)], 1)
        package = INSTALLABLE.get(kind, {}).get(name)
        hints = [f"install {package}, from contrib/ of ticketcore's repository"] if package else []
        hints += [f"did you mean {nearest[0]}?"] if nearest and not package else []
        if set_aside:
            hints.append("set aside: " + ", ".join(f"{plugin} ({why})" for plugin, why in sorted(set_aside.items())))
        hint = "; ".join(hints) or "install the plugin that brings it"
        message = f"there is no {kind.kind} called {name!r}; known: {', '.join(known) or 'none'}"
        raise PluginError(name, message, hint=hint)

    def _owner(self, kind: type[Spec], name: str) -> Registered | None:
        claims = self._claims.get((kind, name), [])
        return claims[0] if claims and (len(claims) == 1 or claims[0].builtin) else None


def load(record: Registered) -> Callable[..., Any]:
    """Return what a record's target is, imported now if need be.

    Raises:
        PluginError: it cannot be imported.
    """
    try:
        return record.spec.load()
    except (Exception, SystemExit) as error:
        what = f"the {record.spec.kind} {record.spec.name!r} of {record.owner} cannot be loaded: {reason_of(error)}"
        raise PluginError(record.plugin, what, hint=record.spec.install_hint) from error
