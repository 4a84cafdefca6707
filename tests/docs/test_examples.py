"""Everything that the documentation shows is run, page by page, in an empty folder, and must do what is shown.

- ``python`` blocks are executed; what follows a ``>>>`` must be printed.
- In ``console`` blocks the lines after ``$`` are run in order, and what they print must be what is shown. There
  ``...`` stands for anything, and the widths of columns do not matter.
- ``yaml`` blocks are configurations, and are loaded.
- A block whose first line is a comment with a path is written to that file; a ``python`` one is only that.
- ``<!-- install: folder -->``, which readers do not see, does what ``pip install --editable folder`` does.
- ``<!-- wait: hours=2 -->``, which readers do not see, moves the clock of the commands ahead.
"""

from __future__ import annotations

import doctest
import importlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sybil import Document, Example, Region
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser

from ticketcore.adapters.system import PlayedClock
from ticketcore.cli.main import cli
from ticketcore.config.loader import load_config

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", DOCS / "index.md", *sorted(DOCS.glob("[!_c]*/**/*.md"))]
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

_RUN = {"python", "console", "yaml", "jinja", "toml"}
_SHOWN = {"", "text", "{toctree}", "{eval-rst}", "{raw} html"}
_FENCE = re.compile(r"^```(.*)\n(?:.*\n)*?^```$", re.MULTILINE)
_FILE = re.compile(r"(?:#|\{#|<!--)\s*([\w./-]+\.(?:yaml|html|txt|py|toml))\s*(?:#\}|-->)?\s*")
_INSTALL = re.compile(r"<!-- install: ([\w./-]+) -->")
_WAIT = re.compile(r"<!-- wait: (\w+)=(\d+) -->")
_CHECKER = doctest.OutputChecker()
_FLAGS = doctest.ELLIPSIS


def _commands(source: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, and what each is shown to print."""
    found: list[tuple[str, str]] = []
    for line in source.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), ""))
        elif found and line.startswith("> ") and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line.removeprefix('> ')}", "")
        else:
            assert found, f"a console block begins with {line!r}, not with a command"
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def _narrow(text: str) -> str:
    """Return ``text`` without what only fills up columns."""
    return "".join(f"{re.sub('(─| )+', lambda found: found[1], line).rstrip()}\n" for line in text.splitlines())


def _run(command: str) -> str:
    words = shlex.split(command, comments=True)
    if words[0] != "ticketcore" or {"|", ">", "<"} & set(words):
        shell = command.replace("ticketcore ", f"{shlex.quote(sys.executable)} -m ticketcore ")
        done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr
    result = CliRunner().invoke(cli, words[1:], prog_name="ticketcore")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.output


def _console(example: Example) -> str | None:
    for command, shown in _commands(example.parsed):
        printed = _run(command)
        if not _CHECKER.check_output(_narrow(shown), _narrow(printed), _FLAGS):
            difference = _CHECKER.output_difference(doctest.Example(command, shown), printed, _FLAGS)
            return f"$ {command}\n{difference}"
    return None


def _write(source: str) -> Path | None:
    """Write a block to the file that its first line names; return that file."""
    first, _, rest = source.partition("\n")
    named = _FILE.fullmatch(first)
    if named is None:
        return None
    file = Path(named[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source if file.suffix in {".yaml", ".py", ".toml"} else rest, encoding="utf-8")
    return file


def _yaml(example: Example) -> None:
    file = _write(example.parsed)
    if file is None:
        file = Path("example.yaml")
        file.write_text(example.parsed, encoding="utf-8")
    load_config(file)


def _template(example: Example) -> None:
    assert _write(example.parsed), "a template begins with a comment that names its file"


def _file_or_code(document: Document) -> Iterable[Region]:
    """Find python blocks: those that are a file are written, the others executed."""
    for region in PythonCodeBlockParser(doctest_optionflags=_FLAGS)(document):
        execute = region.evaluator
        assert execute is not None

        def evaluate(example: Example, execute: Callable[[Example], str | None] = execute) -> str | None:
            if isinstance(example.parsed, str) and _write(example.parsed):
                return None
            return execute(example)

        region.evaluator = evaluate
        yield region


def _forget(folder: Path) -> None:
    """Take the modules below ``folder`` out of this process."""
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if origin and Path(origin).is_relative_to(folder):
            del sys.modules[name]
    importlib.invalidate_caches()


def _only_file(example: Example) -> None:
    _write(example.parsed)


def _installs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Document], Iterable[Region]]:
    """Return what finds the places where a project in a folder is to be installed."""

    def evaluate(example: Example) -> None:
        folder = Path(example.parsed).resolve()
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        site = folder / "src"
        info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir(exist_ok=True)
        metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        points = "\n".join(f"{name} = {value}" for name, value in project["entry-points"]["ticketcore"].items())
        (info / "entry_points.txt").write_text(f"[ticketcore]\n{points}\n", encoding="utf-8")
        _forget(site)  # as a new process would: it may have been changed since
        if str(site) not in sys.path:
            monkeypatch.syspath_prepend(str(site))
            monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)

    def parse(document: Document) -> Iterable[Region]:
        for found in _INSTALL.finditer(document.text):
            yield Region(found.start(), found.end(), found[1], evaluate)

    return parse


def _waits(clock: PlayedClock) -> Callable[[Document], Iterable[Region]]:
    def evaluate(example: Example) -> None:
        unit, count = example.parsed
        clock.advance(**{unit: int(count)})

    def parse(document: Document) -> Iterable[Region]:
        for found in _WAIT.finditer(document.text):
            yield Region(found.start(), found.end(), found.groups(), evaluate)

    return parse


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_shows_is_what_happens(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path.with_name(f"{tmp_path.name}-home")
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    for name in ("TICKETCORE_CONFIG", "TICKETCORE_BY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "ann")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    for name in ("SMTP_PASSWORD", "WEBHOOK_SECRET"):
        monkeypatch.setenv(name, "secret")
    clock = PlayedClock(START)
    monkeypatch.setattr("ticketcore.desk.SystemClock", lambda: clock)
    document = Document.parse(
        str(page),
        _file_or_code,
        CodeBlockParser(language="toml", evaluator=_only_file),
        CodeBlockParser(language="console", evaluator=_console),
        CodeBlockParser(language="yaml", evaluator=_yaml),
        CodeBlockParser(language="jinja", evaluator=_template),
        _waits(clock),
        _installs(monkeypatch),
    )
    examples = list(document.examples())
    fences = [found[1] for found in _FENCE.finditer(document.text)]
    assert set(fences) <= _RUN | _SHOWN
    assert len(examples) >= sum(fence in _RUN for fence in fences)
    try:
        for example in examples:
            example.evaluate()
    finally:
        _forget(tmp_path)


def test_a_wrong_example_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo yes\nno\n```\n", encoding="utf-8")
    document = Document.parse(str(page), CodeBlockParser(language="console", evaluator=_console))
    (example,) = document.examples()
    with pytest.raises(Exception, match="Expected"):
        example.evaluate()
