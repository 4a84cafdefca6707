"""What a shell completes: by the protocol, and in a real bash."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import Result

from ticketcore.cli.main import COMMANDS

Run = Callable[..., Result]
Done = Callable[..., str]
Install = Callable[[str, str], Path]
Complete = Callable[..., list[str]]

PLUGIN = """\
import click
from ticketcore import hookimpl
from ticketcore.plugin.records import CommandSpec

@click.command("greet")
@click.option("--loud", is_flag=True)
def greet(loud):
    "Greet somebody."

@hookimpl
def ticketcore_commands():
    return [CommandSpec(name="greet", summary="Greet somebody.", target=greet)]
"""
BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(BASH is None, reason="there is no bash")


@pytest.fixture
def complete(bare: Run, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Return a function that asks as the script of a shell does: for what may stand in the place of the last word."""

    def complete(*words: str, shell: str = "bash") -> list[str]:
        with monkeypatch.context() as patch:
            patch.setenv("_TICKETCORE_COMPLETE", f"{shell}_complete")
            patch.setenv("COMP_WORDS", " ".join(["ticketcore", *words]))
            patch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words)))
            result = bare()
        assert (result.exit_code, result.stderr) == (0, "")
        return [line.partition(",")[2] or line for line in result.stdout.splitlines() if line]

    return complete


def test_commands_are_completed(complete: Complete) -> None:
    assert complete("ex") == ["export"]
    assert complete("add-t") == ["add-task", "add-template"]
    assert complete("") == [name for section in COMMANDS.values() for name in section]
    assert complete("outbox", "") == ["list", "retry"]
    assert complete("no-such") == []
    assert complete("no-such", "x") == []


def test_options_are_completed(complete: Complete) -> None:
    assert complete("create", "--pr") == ["--project", "--priority"]
    assert complete("bulk", "--set-p") == ["--set-package", "--set-project", "--set-priority"]
    assert complete("--no") == ["--no-plugins"]
    assert complete("outbox", "list", "--st") == ["--state"]
    assert complete("--by", "ann", "exp") == ["export"]


def test_fixed_values_are_completed(complete: Complete) -> None:
    assert complete("create", "x", "--priority", "") == ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]
    assert complete("create", "x", "--priority", "H") == ["HIGH"]
    assert complete("create", "x", "--priority", "h") == ["high"]
    assert complete("change-status", "7", "re") == ["resolved"]
    assert complete("link", "7", "9", "--type", "CH") == ["CHILD_OF"]
    assert complete("completion", "") == ["bash", "zsh", "fish"]
    assert complete("export", "--format", "c") == ["csv"]


def test_files_are_left_to_the_shell(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("_TICKETCORE_COMPLETE", "bash_complete"),
        ("COMP_WORDS", "ticketcore import x"),
        ("COMP_CWORD", "2"),
    ):
        monkeypatch.setenv(name, value)
    assert bare().stdout == "file,x\n"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_the_summary_too(complete: Complete, shell: str) -> None:
    lines = complete("exp", shell=shell)
    assert "export" in " ".join(lines)
    assert "Write tickets to a file." in " ".join(lines)


def test_commands_of_plugins_are_completed(complete: Complete, install: Install) -> None:
    install("greeter", PLUGIN)
    assert complete("gr") == ["greet"]
    assert complete("greet", "--l") == ["--loud"]


def test_a_broken_plugin_does_not_spoil_the_line(complete: Complete, install: Install) -> None:
    install("broken", "raise RuntimeError('out of order')")
    assert complete("ex") == ["export"]
    install("noisy", "print('hello'); import sys; print('hello', file=sys.stderr)")
    assert complete("ex") == ["export"]


def test_what_goes_wrong_is_silent(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TICKETCORE_COMPLETE", "bash_complete")
    monkeypatch.delenv("COMP_WORDS", raising=False)
    result = bare()
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "")


def test_completing_a_command_imports_none(tmp_path: Path) -> None:
    program = (
        "import json, sys\n"
        "from ticketcore.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    print(json.dumps([end.code, sorted(sys.modules)]), file=sys.stderr)\n"
    )
    asked = {"_TICKETCORE_COMPLETE": "bash_complete", "COMP_WORDS": "ticketcore ex", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | asked,
        cwd=tmp_path,
        capture_output=True,
        check=True,
        text=True,
    )
    status, modules = json.loads(done.stderr)
    assert (status, done.stdout) == (0, "plain,export\n")
    assert {name for name in modules if name.startswith("ticketcore.")} == {
        "ticketcore.cli",
        "ticketcore.cli.base",
        "ticketcore.cli.main",
    }
    assert {"attr", "attrs", "rich", "sqlalchemy", "pluggy"}.isdisjoint(modules)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_for_completions(done: Done, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    if shell == "bash" and BASH is None:
        pytest.skip("there is no bash whose version could be looked at")
    script = done("completion", shell)
    assert f"_TICKETCORE_COMPLETE={shell}_complete" in script
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    assert done("completion") == script


def test_an_unknown_shell_has_to_be_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    result = run("completion")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "say for which shell: bash, zsh, fish" in result.stderr
    assert run("completion", "tcsh").exit_code == 2


# A real bash.


@pytest.fixture
def script(done: Done, tmp_path: Path) -> Path:
    """Return the script, in a folder in which ticketcore is this one."""
    path = tmp_path / "completion.bash"
    path.write_text(done("completion", "bash"), encoding="utf-8")
    command = tmp_path / "ticketcore"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m ticketcore "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return path


@needs_bash
@pytest.mark.parametrize(
    ("line", "found"),
    [
        (["ticketcore", "outb"], ["outbox"]),
        (["ticketcore", "create", "--prio"], ["--priority"]),
        (["ticketcore", "create", "x", "--priority", "cr"], ["critical"]),
        (["ticketcore", "outbox", ""], ["list", "retry"]),
    ],
    ids=range(4),
)
def test_bash_finds_what_completes_a_line(script: Path, line: list[str], found: list[str]) -> None:
    words = " ".join(f"'{word}'" for word in line)
    program = f"""
        source {script}
        COMP_WORDS=({words}) COMP_CWORD={len(line) - 1}
        _ticketcore_completion ticketcore
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        [BASH or "bash", "--norc", "-c", program],
        env=os.environ | {"PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (found, "")


@needs_bash
def test_the_tabulator_completes_in_an_interactive_bash(script: Path) -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}", "PS1": "> ", "TERM": "dumb"}
    command = [BASH or "bash", "--noprofile", "--rcfile", str(script), "-i"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as bash:
        os.close(theirs)
        try:
            os.write(ours, b"echo ticketcore; ticketcore create x --prio\t")
            text = _read_until(ours, "--priority ")
            os.write(ours, b"cr\t")
            text += _read_until(ours, "critical ")
        finally:
            bash.kill()
            os.close(ours)
    assert "ticketcore create x --priority " in text


def _read_until(terminal: int, wanted: str) -> str:
    deadline = time.monotonic() + 20
    text = ""
    while wanted not in text:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{wanted!r} was not printed, but {text!r}"
        with suppress(OSError):
            text += os.read(terminal, 65536).decode(errors="replace")
    return text
