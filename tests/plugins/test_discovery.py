"""What installed distributions announce, and what damaged metadata of one does to the others: nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from ticketcore.desk import Desk
from ticketcore.plugin.manager import Health, PluginInfo

MEMORY = "memory:"

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Run = Callable[..., Result]
Warned = Callable[[], list[str]]

NOTE = """
    @hookimpl
    def ticketcore_notifiers():
        return [NotifierSpec(name=__name__, summary="notes", target=print)]
"""


def info_of(site: Path) -> Path:
    (found,) = site.glob("*.dist-info")
    return found


def announce(site: Path, *lines: str) -> None:
    (info_of(site) / "entry_points.txt").write_text("\n".join(["[ticketcore]", *lines, ""]), encoding="utf-8")


def add_copy(site: Path, other: Path) -> None:
    """Announce the distribution in ``site`` a second time, in another version, from ``other``."""
    (module,) = site.glob("*.py")
    copy = other / f"{module.stem}-0.9.dist-info"
    shutil.copytree(info_of(site), copy)
    (copy / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.stem}\nVersion: 0.9\n", encoding="utf-8")


def installed(desk: Desk) -> list[PluginInfo]:
    """Load the plugins with a change, and return those that are not built in."""
    assert desk.tickets.create("Printer", action_by="ann").ticket_number == 1
    return [info for info in desk.plugins.plugins if info.distribution != "ticketcore"]


def test_a_distribution_may_announce_several_plugins(make_desk: MakeDesk, install: Install, warned: Warned) -> None:
    site = install("acme-tools", NOTE, version="3.2.1")
    (site / "acme_more.py").write_text((site / "acme_tools.py").read_text(encoding="utf-8"), encoding="utf-8")
    (info,) = site.glob("*.dist-info")
    text = "[console_scripts]\nacme = acme_tools:main\n\n[ticketcore]\nzoo = acme_tools\nant = acme_more [extra]\n"
    (info / "entry_points.txt").write_text(text, encoding="utf-8")
    ant, zoo = installed(make_desk(MEMORY))
    assert (ant.name, ant.distribution, ant.version, ant.health) == ("ant", "acme-tools", "3.2.1", Health.OK)
    assert (zoo.name, zoo.distribution, zoo.version, zoo.health) == ("zoo", "acme-tools", "3.2.1", Health.OK)
    assert (ant.provides, zoo.provides) == (("notifier acme_more",), ("notifier acme_tools",))
    assert warned() == []


def test_one_module_is_one_plugin(make_desk: MakeDesk, install: Install, warned: Warned) -> None:
    announce(install("acme", NOTE), "one = acme", "two = acme")
    one, two = installed(make_desk(MEMORY))
    assert (one.health, two.health) == (Health.OK, Health.BROKEN)
    assert two.cause == "ValueError: it is the same as the plugin 'one'"
    assert warned() == ["plugin two (acme 1.0) is set aside: ValueError: it is the same as the plugin 'one'"]


@pytest.mark.parametrize("name", ["Acme", "two words", "1st", "größe", "a" * 81])
def test_a_name_that_no_section_could_have_is_refused(
    make_desk: MakeDesk, install: Install, warned: Warned, name: str
) -> None:
    announce(install("acme", NOTE), f"{name} = acme")
    (info,) = installed(make_desk(MEMORY))
    assert (info.name, info.health) == (name, Health.BROKEN)
    (warning,) = warned()
    assert "a plugin's name begins with a small letter, then a-z, 0-9, - and _ only" in warning


def test_of_two_copies_of_a_distribution_the_first_on_the_path_counts(
    make_desk: MakeDesk, install: Install, warned: Warned
) -> None:
    older = install("elsewhere", "")
    announce(older)
    add_copy(install("acme", NOTE, version="1.0"), older)
    (info,) = installed(make_desk(MEMORY))
    assert (info.version, info.health) == ("1.0", Health.OK)
    assert warned() == []


@pytest.mark.parametrize(
    "damage",
    [b"\xff\xfe\x00[ticketcore", b"[ticketcore]\nno equals sign\n"],
    ids=["no text", "no pair"],
)
def test_damaged_entry_points_of_one_distribution_hide_no_other(
    make_desk: MakeDesk, install: Install, warned: Warned, damage: bytes
) -> None:
    older = install("alpha", NOTE)
    site = install("unrelated", "")
    add_copy(install("zebra", NOTE), older)
    (info_of(site) / "entry_points.txt").write_bytes(damage)
    found = installed(make_desk(MEMORY))
    assert [(info.name, info.source, info.health) for info in found] == [
        ("alpha", "alpha 1.0", Health.OK),
        ("zebra", "zebra 1.0", Health.OK),
    ]
    (warning,) = warned()
    assert warning.startswith(f"the entry points of {info_of(site)} cannot be read: ")


def test_the_command_line_works_beside_damaged_entry_points(install: Install, run: Run) -> None:
    site = install("unrelated", "")
    (info_of(site) / "entry_points.txt").write_bytes(b"\xff\xfe\x00")
    install("zebra", NOTE)
    result = run("plugins", "--json")
    assert result.exit_code == 0
    assert [info["name"] for info in json.loads(result.stdout)] == ["builtin", "cli", "zebra"]
    assert len(result.stderr.splitlines()) == 1
    assert "cannot be read" in result.stderr
    shown = run("--help")
    assert shown.exit_code == 0
    assert run("create", "Printer").exit_code == 0


@pytest.mark.parametrize(
    "metadata", [None, b"", b"\xff\xfe\x00", b"Name zebra, no colon\n"], ids=["missing", "empty", "no text", "no field"]
)
@pytest.mark.parametrize("name", ["unrelated", "zebra"])
def test_damaged_metadata_harms_no_plugin(
    make_desk: MakeDesk, install: Install, warned: Warned, name: str, metadata: bytes | None
) -> None:
    sites = {"unrelated": install("unrelated", ""), "zebra": install("zebra", NOTE)}
    announce(sites["unrelated"])
    path = info_of(sites[name]) / "METADATA"
    path.unlink() if metadata is None else path.write_bytes(metadata)
    (info,) = installed(make_desk(MEMORY))
    assert (info.name, info.health) == ("zebra", Health.OK)
    assert info.source == ("zebra 1.0" if name == "unrelated" else "an unknown distribution")
    assert warned() == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("acme:plugin", "AttributeError: module 'acme' has no attribute 'plugin'"),
        ("acme.part", "ModuleNotFoundError: No module named 'acme.part'"),
        ("!", ""),
        ("", ""),
    ],
    ids=["no attribute", "no module", "nonsense", "empty"],
)
def test_an_entry_point_that_leads_nowhere_is_a_broken_plugin(
    make_desk: MakeDesk, install: Install, warned: Warned, value: str, reason: str
) -> None:
    announce(install("acme", NOTE), f"acme = {value}")
    (info,) = installed(make_desk(MEMORY))
    assert info.health is Health.BROKEN
    assert reason in info.cause
    assert warned() == [f"plugin acme (acme 1.0) is set aside: {info.cause}"]
