"""Template folders, recurring types and versioned kinds of plugins: found, listed, and used where anything does."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError
from click.testing import Result

from ticketcore.config.schema import TemplatesSection
from ticketcore.desk import Desk
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import PluginError
from ticketcore.plugin.records import RecurringTypeSpec, TemplateFolderSpec, VersionedKindSpec

ANN = "ann@example.com"
MEMORY = "memory:"

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Module = Callable[[str], Any]
Run = Callable[..., Result]
Warned = Callable[[], list[str]]

TEMPLATES = """
    @hookimpl
    def ticketcore_template_folders():
        return [TemplateFolderSpec(name=__name__, summary="templates", target={target})]
"""
KINDS = """
    @hookimpl
    def ticketcore_recurring_types():
        return [RecurringTypeSpec(name="REPORT", aliases=("MONTHLY",), summary="a report", target="kinds_late:report")]

    @hookimpl
    def ticketcore_versioned_kinds():
        return [
            VersionedKindSpec(
                name="contract",
                summary="a contract",
                target="kinds_late:Contract",
                main_table="data_contract",
                nodes_table="data_contract_clause",
                history_table="data_contract_history",
                name_column="Number",
            )
        ]
"""


def write_template(folder: Path, text: str, name: str = "ticket.txt") -> None:
    path = folder / "resource.templates" / "package.CORE" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def mail(desk: Desk, folder: Path) -> str:
    """Create a ticket, and return the text of the mail about it."""
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    (path,) = folder.glob("*.eml")
    body = message_from_bytes(path.read_bytes(), policy=policy.default).get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return text.strip()


# Templates


def branded(install: Install, name: str, text: str, target: str = "") -> Path:
    """Install a plugin with a template, in a folder of a package of its own, and return the folder."""
    package = f"{name}_files"
    site = install(name, TEMPLATES.format(target=target or f'"{package}:brand/of-ours"'))
    (site / package).mkdir()
    (site / package / "__init__.py").write_text("", encoding="utf-8")
    write_template(site / package / "brand" / "of-ours", text)
    return site / package / "brand" / "of-ours"


def test_a_template_of_a_plugin_goes_before_the_shipped_one(
    make_desk: MakeDesk, install: Install, mail_folder: Path, warned: Warned
) -> None:
    branded(install, "acme", "ACME {{ event }}: {subject}")
    desk = make_desk(MEMORY)
    assert "acme_files" not in sys.modules
    assert mail(desk, mail_folder) == "ACME Created: Printer"
    assert warned() == []


def test_a_template_of_the_operator_goes_before_those_of_plugins(
    make_desk: MakeDesk, install: Install, mail_folder: Path, tmp_path: Path
) -> None:
    branded(install, "acme", "ACME")
    write_template(tmp_path / "own", "own {{ subject }}")
    assert mail(make_desk(MEMORY, templates=TemplatesSection(root=tmp_path / "own")), mail_folder) == "own Printer"


def test_the_first_folder_that_has_a_template_counts(make_desk: MakeDesk, install: Install, mail_folder: Path) -> None:
    branded(install, "zebra", "zebra")
    folder = branded(install, "aardvark", "aardvark")
    desk = make_desk(MEMORY)
    assert [path.parent.parent.name for path in desk.extensions.template_folders()] == ["aardvark_files", "zebra_files"]
    (folder / "resource.templates" / "package.CORE" / "ticket.txt").unlink()
    assert mail(desk, mail_folder) == "zebra"


def test_a_folder_may_be_named_by_a_callable(
    make_desk: MakeDesk, install: Install, mail_folder: Path, tmp_path: Path
) -> None:
    write_template(tmp_path / "anywhere", "from anywhere")
    install("acme", TEMPLATES.format(target=f"lambda: {str(tmp_path / 'anywhere')!r}"))
    assert mail(make_desk(MEMORY), mail_folder) == "from anywhere"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ('"no_such_package:brand"', "ModuleNotFoundError: No module named 'no_such_package'"),
        ('"acme_files:nowhere"', "FileNotFoundError: there is no folder "),
        ("lambda: None", "TypeError: "),
        ("lambda: __import__('sys').exit(3)", "SystemExit: 3"),
    ],
    ids=["no package", "no folder", "none", "exits"],
)
def test_a_folder_that_cannot_be_used_leaves_the_others(
    make_desk: MakeDesk, install: Install, mail_folder: Path, warned: Warned, target: str, reason: str
) -> None:
    branded(install, "acme", "ACME", target)
    branded(install, "zebra", "zebra")
    assert mail(make_desk(MEMORY), mail_folder) == "zebra"
    (warning,) = warned()
    assert warning.startswith(f"the template folder acme of acme (acme 1.0) cannot be used: {reason}")


def test_a_broken_template_of_a_plugin_keeps_no_mail_back(
    make_desk: MakeDesk, install: Install, mail_folder: Path
) -> None:
    branded(install, "acme", "{{ no_such_value }}")
    desk = make_desk(MEMORY)
    assert "Printer" in mail(desk, mail_folder)
    assert list(desk.template_problems()) == ["resource.templates/package.CORE/ticket.txt"]


# Recurring types and versioned kinds


def test_a_recurring_type_and_a_versioned_kind_are_found_and_imported_when_they_are_used(
    make_desk: MakeDesk, install: Install
) -> None:
    site = install("kinds", KINDS)
    source = "class Contract:\n    pass\n\n\ndef report(desk, occurrence):\n    return occurrence\n"
    (site / "kinds_late.py").write_text(source, encoding="utf-8")
    desk = make_desk(MEMORY)
    desk.tickets.create("Printer", action_by=ANN)
    assert [spec.name for spec in desk.plugins.all(RecurringTypeSpec)] == ["TICKET", "REPORT"]
    assert [spec.name for spec in desk.plugins.all(VersionedKindSpec)] == ["ticket", "contract"]
    record = desk.plugins.find(RecurringTypeSpec, "MONTHLY")
    assert (record.spec.name, record.plugin, record.source) == ("REPORT", "kinds", "kinds 1.0")
    assert "kinds_late" not in sys.modules
    _, report = desk.plugins.load(RecurringTypeSpec, "REPORT")
    assert report(desk, 5) == 5
    found, contract = desk.plugins.load(VersionedKindSpec, "contract")
    assert contract.__name__ == "Contract"
    assert isinstance(found.spec, VersionedKindSpec)
    assert (found.spec.main_table, found.spec.name_column) == ("data_contract", "Number")
    _, ticket = desk.plugins.load(VersionedKindSpec, "ticket")
    assert ticket is Ticket
    with pytest.raises(PluginError, match="no recurring module type called 'REPORTS'; known: REPORT, TICKET") as caught:
        desk.plugins.find(RecurringTypeSpec, "REPORTS")
    assert caught.value.hint == "did you mean REPORT?"


def test_everything_that_is_registered_is_listed(install: Install, run: Run) -> None:
    install("kinds", KINDS + TEMPLATES.format(target='"kinds:files"'))
    (info,) = [info for info in json.loads(run("plugins", "--json").stdout) if info["name"] == "kinds"]
    assert sorted(info["provides"]) == [
        "recurring module type REPORT",
        "template folder kinds",
        "versioned kind contract",
    ]
    (line,) = [line for line in run("plugins").stdout.splitlines() if line.startswith("kinds ")]
    assert all(one in line for one in info["provides"])


def test_records_cannot_be_changed(make_desk: MakeDesk, install: Install) -> None:
    install("acme", TEMPLATES.format(target='"acme:files"'))
    record = make_desk(MEMORY).plugins.find(TemplateFolderSpec, "acme")
    with pytest.raises(FrozenInstanceError):
        record.spec.name = "other"  # type: ignore[misc]


def test_what_is_built_in_is_registered_through_the_same_hooks(make_desk: MakeDesk) -> None:
    (builtin,) = [info for info in make_desk(MEMORY).plugins.plugins if info.name == "builtin"]
    assert builtin.hooks == (
        "ticketcore_notifiers",
        "ticketcore_repositories",
        "ticketcore_schedulers",
        "ticketcore_providers",
        "ticketcore_recurring_types",
        "ticketcore_versioned_kinds",
    )
    assert {
        "notifier email",
        "repository sqlite",
        "scheduler loop",
        "provider internal",
        "recurring module type TICKET",
        "versioned kind ticket",
    } <= set(builtin.provides)
