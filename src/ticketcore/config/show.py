"""A configuration as it can be shown: every value with its origin, no secret among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any

import attrs
from attrs import frozen

from ticketcore.config.schema import Config
from ticketcore.config.source import Source
from ticketcore.domain.workflow import Workflow
from ticketcore.serde import SECRET, without_password

HIDDEN = "***"
"""What stands in the place of a secret."""


@frozen
class Shown:
    """One value of the configuration: its path, what it is as JSON (a secret hidden), and where it is from."""

    key: str
    value: Any
    origin: str


def shown(config: Config, source: Source, settings: Mapping[str, Any]) -> list[Shown]:
    """Return every value of ``config``, in the order of its classes.

    What is marked as a secret is hidden, and whatever a placeholder stood for. So is the section of a plugin that is
    not known, because nobody knows what in it is a secret.

    Args:
        config: the configuration.
        source: where it is from.
        settings: what the sections of plugins were read as, by their path (``plugins.NAME``).
    """
    return [
        Shown(path, _plain(value, path, source, hidden=secret), source.origin(path) or "default")
        for path, value, secret in [*_values(config, "", source, settings), *_unwritten(config, source, settings)]
    ]


def _unwritten(config: Config, source: Source, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    """Yield what is in force for plugins that the configuration has no section for."""
    written = {f"plugins.{name}" for name in config.plugins} | {f"providers.{name}" for name in config.providers}
    for path, made in settings.items():
        if path not in written and made is not None:
            yield from _values(made, path, source, {path: made})


def _values(
    value: Any, path: str, source: Source, settings: Mapping[str, Any], *, secret: bool = False
) -> Iterator[tuple[str, Any, bool]]:
    """Yield path and value of everything in ``value``, and whether it is hidden."""
    if settings.get(path) is not None:
        value, settings = settings[path], {}
    elif path.count(".") == 1 and path.startswith(("plugins.", "providers.")):
        secret = True  # it has no class that says what is one
    secret = secret or path in source.filled
    if attrs.has(type(value)) and not isinstance(value, Workflow):
        for field in attrs.fields(type(value)):
            if field.init:  # what the class itself derives is no setting
                below = f"{path}.{field.name}" if path else field.name
                # Of what a converter has made, nobody knows where it is now.
                moved = field.converter is not None and _is_filled_below(below, source)
                hidden = secret or moved or bool(field.metadata.get(SECRET))
                yield from _values(getattr(value, field.name), below, source, settings, secret=hidden)
    elif isinstance(value, Mapping) and value:
        for key, item in value.items():
            name = key.value if isinstance(key, Enum) else key
            yield from _values(item, f"{path}.{name}", source, settings, secret=secret)
    elif isinstance(value, list | tuple) and any(attrs.has(type(item)) for item in value):
        for place, item in enumerate(value):
            yield from _values(item, f"{path}[{place}]", source, settings, secret=secret)
    else:
        yield path, value, secret


def _is_filled_below(path: str, source: Source) -> bool:
    return any(filled.startswith((f"{path}.", f"{path}[")) for filled in source.filled)


def _plain(value: Any, path: str, source: Source, *, hidden: bool) -> Any:
    """Return ``value`` as JSON types."""
    hidden = hidden or path in source.filled
    if isinstance(value, list | tuple):
        return [_plain(one, f"{path}[{place}]", source, hidden=hidden) for place, one in enumerate(value)]
    if isinstance(value, Mapping) and value:
        return {str(key): _plain(one, f"{path}.{key}", source, hidden=hidden) for key, one in value.items()}
    if isinstance(value, AbstractSet):
        hidden = hidden or _is_filled_below(path, source)
        return sorted((_plain(one, path, source, hidden=hidden) for one in value), key=str)
    if hidden and value not in ("", None):
        return HIDDEN
    if isinstance(value, Workflow):
        return value.name
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return without_password(value)
    return value if value is None or isinstance(value, bool | int | float | dict) else str(value)
