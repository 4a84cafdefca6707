"""Plugins that are installed for one test: found like any other, and gone without a trace."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ticketcore.testing.distributions import Installer

SOURCE = """
    NAME = __name__
"""


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Installer]:
    installer = Installer(tmp_path / "site")
    yield installer
    installer.uninstall()


def announced() -> dict[str, tuple[str, str]]:
    found = importlib.metadata.entry_points(group="ticketcore")
    return {entry.name: (entry.dist.name, entry.dist.version) for entry in found if entry.dist is not None}


def test_it_is_announced_and_can_be_imported(install: Installer) -> None:
    site = install("guest-of.honour", SOURCE, plugin="honour", version="2.1")
    assert announced()["honour"] == ("guest-of.honour", "2.1")
    [entry] = importlib.metadata.entry_points(group="ticketcore", name="honour")
    module = entry.load()
    assert module.NAME == "guest_of_honour"
    assert Path(module.__file__).parent == site


def test_the_name_of_the_plugin_is_that_of_the_distribution_unless_it_is_given(install: Installer) -> None:
    install("guest-one", SOURCE)
    assert announced()["guest-one"] == ("guest-one", "1.0")


def test_a_module_that_can_be_imported_is_announced_and_stays(install: Installer) -> None:
    import colorsys

    site = install("guest-module", colorsys, plugin="colours")
    [entry] = importlib.metadata.entry_points(group="ticketcore", name="colours")
    assert entry.load() is colorsys
    assert [path.suffix for path in site.iterdir()] == [".dist-info"]
    install.uninstall()
    assert sys.modules["colorsys"] is colorsys
    assert "colours" not in announced()


def test_uninstalled_it_leaves_nothing(install: Installer) -> None:
    path, modules, found = list(sys.path), set(sys.modules), announced()
    site = install("guest_two", SOURCE)
    importlib.import_module("guest_two")
    install.uninstall()
    assert sys.path == path
    assert set(sys.modules) == modules
    assert announced() == found
    assert str(site) not in sys.path_importer_cache
    assert importlib.util.find_spec("guest_two") is None
    install.uninstall()


def test_what_the_test_itself_took_off_the_path_is_no_error(install: Installer) -> None:
    site = str(install("guest_three", SOURCE))
    sys.path.remove(site)
    install.uninstall()
    assert site not in sys.path


def test_a_name_can_be_used_again_with_another_text(install: Installer, tmp_path: Path) -> None:
    install("guest_four", "VALUE = 1")
    assert importlib.import_module("guest_four").VALUE == 1
    install.uninstall()
    again = Installer(tmp_path / "again")
    again("guest_four", "VALUE = 2")
    assert importlib.import_module("guest_four").VALUE == 2
    again.uninstall()


@pytest.mark.parametrize("name", ["json", "ticketcore", "pytest", "guest_five"])
def test_a_module_that_is_there_already_is_not_hidden(install: Installer, name: str) -> None:
    install("guest_five", SOURCE)
    with pytest.raises(ValueError, match=f"there is a module '{name}' already, which would be found instead"):
        install(name, SOURCE)


@pytest.mark.parametrize("name", ["", "-x", "a b", "../x", "1st"])
def test_a_name_that_no_module_can_have_is_refused(install: Installer, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a distribution"):
        install(name, SOURCE)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("source", [Namespace(answer=42), Namespace, Path("plugin.py"), None, b"VALUE = 1"])
def test_what_is_neither_a_module_nor_a_text_is_refused(install: Installer, tmp_path: Path, source: Any) -> None:
    with pytest.raises(TypeError, match="what is installed is a module, or the text of one, not ") as caught:
        install("guest-object", source)
    assert repr(source) in str(caught.value)
    assert str(caught.value).endswith("an object can be a plugin of one desk: open_desk(plugins={'guest-object': ...})")
    assert not (tmp_path / "site").exists()


def test_it_knows_which_plugins_it_has_installed(install: Installer) -> None:
    install("guest-six", SOURCE)
    install("guest-seven", SOURCE, plugin="seven")
    install.uninstall()
    assert install.plugins == {"guest-six", "seven"}
