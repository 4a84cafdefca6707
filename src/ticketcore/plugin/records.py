"""What plugins register: frozen records, whose targets are imported when they are first used."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar, cast

import attrs
from attrs import field, frozen

from ticketcore.plugin.settings import is_settings_class, unreadable

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,79}")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w./-]*")

Target = Callable[..., Any] | str


def _named(_record: object, attribute: attrs.Attribute[Any], value: object) -> None:
    several = attribute.name == "aliases"
    if several and not isinstance(value, tuple):
        message = f"aliases must be a tuple of names, not {value!r}"
        raise ValueError(message)
    for name in value if several and isinstance(value, tuple) else (value,):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            message = f"{attribute.name} must begin with a letter, then letters, digits, - and _ only, not {name!r}"
            raise ValueError(message)


def _words(_record: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        message = f"{attribute.name} must say in a few words what it is, not {value!r}"
        raise ValueError(message)


def _targeted(_record: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not callable(value) and not (isinstance(value, str) and _TARGET.fullmatch(value)):
        message = f'{attribute.name} must be a callable or "package.module:name", not {value!r}'
        raise ValueError(message)


def _identifier(_record: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        message = f"{attribute.name} must be the name of a table or column, not {value!r}"
        raise ValueError(message)


def _callable(_record: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        message = f"{attribute.name} must be a callable, not {value!r}"
        raise ValueError(message)


def _settings(_record: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not is_settings_class(value):
        message = f"{attribute.name} must be a class made by attrs, not {value!r}"
        raise ValueError(message)
    if value is not None and (wrong := unreadable(cast("type[Any]", value))):
        raise ValueError(wrong)


@frozen(kw_only=True)
class Spec:
    """What all records have.

    Args:
        name: what the configuration calls it; letters, digits, ``-`` and ``_``.
        summary: what it is, in a few words, for lists.
        target: what makes it: a callable, or ``"package.module:name"`` of one, which is imported when it is
            first used. Each kind of record says what it is called with.
        aliases: other names by which the configuration may call it.
        config: the attrs class of its settings, the section ``plugins.NAME`` (``providers.NAME`` for a provider).
            A field with ``metadata={"secret": True}`` is never shown. Without a class it gets the settings of
            its plugin, if that has any.
        capabilities: what it can do, in the words of its port.
        install_hint: what to do if the target cannot be imported, such as ``pip install ticketcore[smtp]``.
    """

    kind: ClassVar[str] = ""
    """The word for such a thing in messages."""

    name: str = field(validator=_named)
    summary: str = field(validator=_words)
    target: Target = field(validator=_targeted)
    aliases: tuple[str, ...] = field(default=(), validator=_named)
    config: type[Any] | None = field(default=None, validator=_settings)
    capabilities: frozenset[str] = frozenset()
    install_hint: str = ""
    section: str = ""
    """The section of the configuration with its settings, where it is another one; for what is built in."""

    def load(self) -> Callable[..., Any]:
        """Return the callable behind ``target``, imported now if need be.

        Raises:
            ImportError: the module cannot be imported.
            AttributeError: the module has no such name.
        """
        if not isinstance(self.target, str):
            return self.target
        module, _, name = self.target.partition(":")
        found: Callable[..., Any] = attrgetter(name)(importlib.import_module(module))
        return found


@frozen(kw_only=True)
class NotifierSpec(Spec):
    """A channel over which people and systems are told of events.

    ``target`` is called with the settings, and returns a :class:`ticketcore.ports.notifier.Notifier`. Where one
    event goes to several places (two rooms, three URLs), ``destinations`` is called with the settings and yields a
    name for each: they become messages of their own, so that the retry of one repeats none of the others.
    """

    kind: ClassVar[str] = "notifier"
    destinations: Callable[[Any], Iterable[str]] | None = field(default=None, validator=_callable)


@frozen(kw_only=True)
class RepositorySpec(Spec):
    """A store, under the ``name`` with which its database URLs begin.

    ``target`` is called with the URL and ``timeout=`` (seconds to wait for another writer), and ``settings=`` if
    there is a settings class; it returns a :class:`ticketcore.ports.repository.Repository`.
    """

    kind: ClassVar[str] = "repository"


@frozen(kw_only=True)
class SchedulerSpec(Spec):
    """What runs the jobs of the worker, under the name that ``scheduler.engine`` uses.

    ``target`` is called with the settings, and returns a :class:`ticketcore.ports.scheduler.Scheduler`.
    """

    kind: ClassVar[str] = "scheduler"


@frozen(kw_only=True)
class ProviderSpec(Spec):
    """A system in which tickets can live; its settings are the section ``providers.NAME``.

    ``target`` is called with the settings and ``desk=`` (the desk that asks), and returns a
    :class:`ticketcore.ports.provider.Provider`.
    """

    kind: ClassVar[str] = "provider"


@frozen(kw_only=True)
class CommandSpec(Spec):
    """A command of ``ticketcore``, under ``name``; help shows its ``summary`` below ``heading``.

    ``target`` is the click command itself, or ``"package.module:name"`` of one.
    """

    kind: ClassVar[str] = "command"
    heading: str = "Plugins"


@frozen(kw_only=True)
class TemplateFolderSpec(Spec):
    """A folder of templates, laid out like ``templates.root``, in which packages have templates.

    ``target`` is ``"package:folder"``, a folder within an importable package, or a callable that returns the path.
    What the operator has below ``templates.root`` goes before it; what is shipped comes after it.
    """

    kind: ClassVar[str] = "template folder"

    def folder(self) -> Path:
        """Return the path of the folder.

        Raises:
            ImportError: there is no such package.
            FileNotFoundError: it has no such folder.
        """
        if isinstance(self.target, str):
            from importlib.resources import files

            package, _, folder = self.target.partition(":")
            path = Path(str(files(package).joinpath(folder)))
        else:
            path = Path(self.target())
        if not path.is_dir():
            message = f"there is no folder {path}"
            raise FileNotFoundError(message)
        return path


@frozen(kw_only=True)
class RecurringTypeSpec(Spec):
    """A kind of thing that can recur, under the module type that a row of ``def_recurring`` names.

    ``target`` is called with the desk and a :class:`ticketcore.domain.recurrence.Occurrence`, and makes the thing.
    It is called at least once for each occurrence, with the same ``occurrence.key`` each time, and by one scheduler at
    a time. What it raises is kept as the error of the schedule, and it is called again later.

    Args:
        settles: whether the target saves ``occurrence.settled`` itself, in the transaction that makes the thing: then
            the thing is made exactly once.
        check: is called with the desk and a new :class:`ticketcore.domain.recurrence.Schedule` before that is stored,
            and raises what is wrong with it.
    """

    kind: ClassVar[str] = "recurring module type"
    settles: bool = False
    check: Callable[..., Any] | None = field(default=None, validator=_callable)


@frozen(kw_only=True)
class VersionedKindSpec(Spec):
    """A kind of record of which versions are kept: its tables, and the column that names one to people.

    ``target`` is the class of the main record.
    """

    kind: ClassVar[str] = "versioned kind"
    main_table: str = field(validator=_identifier)
    nodes_table: str = field(validator=_identifier)
    history_table: str = field(validator=_identifier)
    name_column: str = field(validator=_identifier)
