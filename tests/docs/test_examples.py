"""Everything that the documentation shows is run, page by page, in an empty folder, and must do what is shown.

- ``python`` blocks are executed; what follows a ``>>>`` must be printed.
- In ``console`` blocks the lines after ``$`` are run in order, and what they print must be what is shown. There
  ``...`` stands for anything, and the widths of columns do not matter.
- ``yaml`` blocks are configurations, and are loaded.
- A block whose first line is a comment with a path is written to that file first.
- ``<!-- wait: hours=2 -->``, which readers do not see, moves the clock of the commands ahead.
"""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
import sys
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

_RUN = {"python", "console", "yaml", "jinja"}
_SHOWN = {"", "text", "{toctree}", "{eval-rst}", "{raw} html"}
_FENCE = re.compile(r"^```(.*)\n(?:.*\n)*?^```$", re.MULTILINE)
_FILE = re.compile(r"(?:#|\{#|<!--)\s*([\w./-]+\.(?:yaml|html|txt))\s*(?:#\}|-->)?\s*")
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
    file.write_text(rest if file.suffix != ".yaml" else source, encoding="utf-8")
    return file


def _yaml(example: Example) -> None:
    file = _write(example.parsed)
    if file is None:
        file = Path("example.yaml")
        file.write_text(example.parsed, encoding="utf-8")
    load_config(file)


def _template(example: Example) -> None:
    assert _write(example.parsed), "a template begins with a comment that names its file"


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
    monkeypatch.setenv("SMTP_PASSWORD", "secret")
    clock = PlayedClock(START)
    monkeypatch.setattr("ticketcore.desk.SystemClock", lambda: clock)
    document = Document.parse(
        str(page),
        PythonCodeBlockParser(doctest_optionflags=_FLAGS),
        CodeBlockParser(language="console", evaluator=_console),
        CodeBlockParser(language="yaml", evaluator=_yaml),
        CodeBlockParser(language="jinja", evaluator=_template),
        _waits(clock),
    )
    examples = list(document.examples())
    fences = [found[1] for found in _FENCE.finditer(document.text)]
    assert set(fences) <= _RUN | _SHOWN
    assert len(examples) >= sum(fence in _RUN for fence in fences)
    for example in examples:
        example.evaluate()


def test_a_wrong_example_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo yes\nno\n```\n", encoding="utf-8")
    document = Document.parse(str(page), CodeBlockParser(language="console", evaluator=_console))
    (example,) = document.examples()
    with pytest.raises(Exception, match="Expected"):
        example.evaluate()
