"""Distributions made to order: each is a plugin that is found as an installed one is, until it is taken away."""

from __future__ import annotations

import importlib
import re
import sys
import textwrap
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from attrs import define, field

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


@define(eq=False)
class Installer:
    """Installs distributions below ``folder``, each first on ``sys.path``; the fixture ``ticketcore_install``."""

    folder: Path
    plugins: set[str] = field(factory=set, init=False)
    """The names of the plugins that it has installed so far."""

    _sites: list[Path] = field(factory=list, init=False, repr=False)

    def __call__(self, name: str, source: str | ModuleType, *, plugin: str = "", version: str = "1.0") -> Path:
        """Install a distribution that has one plugin, and return the folder that it is in.

        A desk that is opened afterwards finds it.

        Args:
            name: the name of the distribution.
            source: the module that is the plugin: the text of a new one, which may be indented, and which gets the
                name of the distribution, with ``_`` for ``-`` and ``.``; or one that can be imported already.
            plugin: the name of the plugin, that of its entry point; by default ``name``.
            version: the version of the distribution.

        Raises:
            TypeError: what should be the module is neither a module nor a text.
            ValueError: no module can have such a name, or there is one already.
        """
        __tracebackhide__ = True
        _require_module(name, source)
        if not _NAME.fullmatch(name):
            message = f"{name!r} is no name of a distribution: a letter, then letters, digits, '-', '_' and '.'"
            raise ValueError(message)
        module = re.sub(r"[-.]", "_", name)
        if isinstance(source, str) and (module in sys.modules or find_spec(module) is not None):
            message = f"there is a module {module!r} already, which would be found instead; choose another name"
            raise ValueError(message)
        site = self.folder / name
        info = site / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        if isinstance(source, str):
            (site / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        else:
            module = source.__name__
        (info / "entry_points.txt").write_text(f"[ticketcore]\n{plugin or name} = {module}\n", encoding="utf-8")
        self._sites.append(site)
        self.plugins.add(plugin or name)
        sys.path.insert(0, str(site))
        importlib.invalidate_caches()
        return site

    def uninstall(self) -> None:
        """Take all of them off the path again, with the modules that were imported from them."""
        for name, module in list(sys.modules.items()):
            if any(_is_below(module, site) for site in self._sites):
                del sys.modules[name]
        for site in self._sites:
            with suppress(ValueError):  # a test may have taken it off
                sys.path.remove(str(site))
            sys.path_importer_cache.pop(str(site), None)
        self._sites.clear()
        importlib.invalidate_caches()


def _require_module(name: str, source: object) -> None:
    __tracebackhide__ = True
    if not isinstance(source, str | ModuleType):
        message = f"what is installed is a module, or the text of one, not {source!r}"
        raise TypeError(f"{message}; an object can be a plugin of one desk: open_desk(plugins={{{name!r}: ...}})")


def _is_below(module: ModuleType, folder: Path) -> bool:
    origin = getattr(getattr(module, "__spec__", None), "origin", None)
    return isinstance(origin, str) and Path(origin).is_relative_to(folder)
