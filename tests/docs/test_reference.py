"""The reference names everything that there is, and nothing else."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import click
from sqlalchemy.dialects import sqlite

import ticketcore
from ticketcore import errors
from ticketcore.adapters.sql.tables import metadata
from ticketcore.cli.base import LazyGroup
from ticketcore.cli.main import COMMANDS, cli
from ticketcore.config.loader import load_config, with_defaults
from ticketcore.config.schema import Config, Targets, WebhookSection
from ticketcore.domain.sla import MAX_MINUTES
from ticketcore.domain.ticket import Priority
from ticketcore.domain.workflow import Workflow
from ticketcore.plugin import hookspecs
from ticketcore.plugin.implementations import HOOKS

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference"


def _rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in ``text`` whose first cell is code."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]


def _sections(page: str) -> dict[str, str]:
    """Return the text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", (REFERENCE / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_cli", DOCS / "generate_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_commands_are_described_as_help_describes_them() -> None:
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    assert page == _generator().page(), "run: python docs/generate_cli.py"
    assert all(f"\n### {name}\n" in page for section in COMMANDS.values() for name in section)


def _shown(value: object) -> str:
    """Return a default as the table shows it."""
    if value is None:
        return "none"
    if isinstance(value, Workflow):
        return value.name
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "see below" if value else "{}"
    return '""' if value == "" else str(value)


def _keys(section: Any, path: str = "") -> Iterator[tuple[str, str]]:
    for field in attrs.fields(type(section)):
        value = getattr(section, field.name)
        if attrs.has(type(value)) and not isinstance(value, Workflow):
            yield from _keys(value, f"{path}{field.name}.")
        else:
            yield f"{path}{field.name}", _shown(value)


def test_every_setting_is_described_with_its_default() -> None:
    described = [tuple(row[:2]) for row in _rows(_sections("configuration.md")["Keys"])]
    assert described == list(_keys(Config()))


def test_the_sample_configuration_shows_every_key_and_is_the_default() -> None:
    sample = DOCS.parent / "config.yaml"
    text = sample.read_text(encoding="utf-8")
    names = {part for key, _ in _keys(Config()) for part in key.split(".")}
    assert [name for name in sorted(names) if not re.search(rf"^[ #]*{name}:", text, re.MULTILINE)] == []
    assert load_config(sample) == with_defaults(Config())


def test_every_setting_of_a_webhook_is_described_with_its_default() -> None:
    described = [tuple(row[:2]) for row in _rows(_sections("configuration.md")["Webhooks"])]
    fields = attrs.fields(WebhookSection)
    assert described == [(one.name, "" if one.default is attrs.NOTHING else _shown(one.default)) for one in fields]


def test_every_setting_has_help_for_editors() -> None:
    sections = [
        Config,
        Targets,
        WebhookSection,
        *(type(value) for value in attrs.asdict(Config(), recurse=False).values()),
    ]
    fields = [one for kind in sections if attrs.has(kind) for one in attrs.fields(kind)]
    assert [one.name for one in fields if not one.metadata.get("help", "").endswith(".")] == []


def test_the_default_targets_are_those_of_the_configuration() -> None:
    section = _sections("configuration.md")["Default targets"]
    described = {
        Priority(name): Targets(response=int(response), resolution=int(resolution))
        for name, response, resolution in _rows(section)
    }
    assert described == Config().sla.defaults
    assert f"1 to {MAX_MINUTES} " in section


def _exit_status(error: type[errors.TicketcoreError]) -> int:
    return 3 if issubclass(error, errors.ConfigError) else 4 if issubclass(error, errors.PluginError) else 1


def test_every_error_is_described_with_its_code_and_exit_status() -> None:
    rows = _rows((REFERENCE / "errors.md").read_text(encoding="utf-8"))
    classes = [
        error
        for name, error in vars(errors).items()
        if isinstance(error, type) and issubclass(error, errors.TicketcoreError) and not name.startswith("_")
    ]
    expected = [(error.__name__, error.code, str(_exit_status(error))) for error in classes]
    assert [tuple(row[:3]) for row in rows] == expected
    assert all(len(row) == len(("class", "code", "exit", "when", "what to do")) for row in rows)


def test_every_column_is_described_with_its_type() -> None:
    dialect = sqlite.dialect()  # type: ignore[no-untyped-call,unused-ignore]
    sections = _sections("tables.md")
    for name, table in metadata.tables.items():
        described = [tuple(row[:3]) for row in _rows(sections[name])]
        expected = [
            (column.name, str(column.type.compile(dialect=dialect)).lower(), "yes" if column.nullable else "")
            for column in table.columns
        ]
        assert described == expected, name


def test_python_reference_has_every_public_name() -> None:
    page = (REFERENCE / "api.md").read_text(encoding="utf-8")
    for name in ticketcore.__all__:
        if name.startswith("__"):
            continue
        home = ticketcore._MODULE_OF[name]
        assert f"automodule:: {home}\n" in page or f":: {home}.{name}\n" in page, f"{home}.{name}"


def test_every_hook_is_in_the_python_reference() -> None:
    assert f"automodule:: {hookspecs.__name__}\n" in (REFERENCE / "api.md").read_text(encoding="utf-8")


def test_every_hook_is_described_with_its_signature_and_an_example() -> None:
    sections = {name: text for name, text in _sections("hooks.md").items() if name.startswith("ticketcore_")}
    assert list(sections) == list(HOOKS)
    for name, text in sections.items():
        arguments = ", ".join(inspect.signature(HOOKS[name]).parameters)
        assert f"```text\n{name}({arguments}) -> " in text
        example = "".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        assert f"    def {name}(self" in example
        assert "assert " in example


def test_every_hook_says_when_it_is_called_and_what_raising_means() -> None:
    assert [name for name, hook in HOOKS.items() if "Raising: " not in (hook.__doc__ or "")] == []


# What nobody tests is as good as not there: each hook, setting, error and command is in some test.

TESTS = Path(__file__).parents[1]


def _tests(folder: str = "") -> str:
    files = sorted((TESTS / folder).rglob("test_*.py"))
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file != Path(__file__))


def test_every_hook_is_implemented_by_a_plugin_of_a_test() -> None:
    tests = _tests("plugins")
    assert [name for name in HOOKS if not re.search(rf"def {name}\(", tests)] == []


def test_every_setting_is_used_in_a_test() -> None:
    tests = _tests()
    keys = [key for key, _ in _keys(Config())] + [f"webhooks.{field.name}" for field in attrs.fields(WebhookSection)]
    assert [key for key in keys if not re.search(rf"\b{key.rpartition('.')[2]}\b", tests)] == []


def test_every_error_is_expected_in_a_test() -> None:
    tests = _tests()
    classes = [
        name
        for name, error in vars(errors).items()
        if isinstance(error, type) and issubclass(error, errors.TicketcoreError) and not name.startswith("_")
    ]
    classes.remove("TicketcoreError")  # the base of all the others, never raised itself
    assert [
        name for name in classes if not re.search(rf"(raises\(|isinstance\([^)]*|is |\bexcept ){name}\b", tests)
    ] == []


def test_every_command_is_run_in_a_test() -> None:
    tests = _tests("cli") + _tests("plugins")
    paths = list(_paths(cli))
    assert len(paths) > len(COMMANDS)
    unrun = []
    for path in paths:
        words = r"[\"'],\s*[\"']".join(map(re.escape, path))
        if not re.search(rf"[\"']{words}[\"']|[\"']{' '.join(path)}[ \"']", tests):
            unrun.append(" ".join(path))
    assert unrun == []


def _paths(group: LazyGroup, *above: str) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in [name for section in group.table.values() for name in section]:
        command = group.get_command(context, name)
        if isinstance(command, LazyGroup):
            yield from _paths(command, *above, name)
        else:
            yield (*above, name)
