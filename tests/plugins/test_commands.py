"""Commands of plugins: in help, run, failing, and of a name that is another's."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Install = Callable[..., Path]
Run = Callable[..., Result]

COUNT = """
    import click
    from ticketcore.cli.base import command, with_session
    from ticketcore.cli.output import print_json, say

    @command("count", "ticketcore count")
    @with_session
    def count(session):
        "Count the open tickets."
        number = len(session.desk.queries.get_open_tickets())
        if session.json:
            print_json({"open": number})
        else:
            say(f"{number} open, says {session.by}")

    @click.command("plain")
    @click.argument("word")
    @click.option("--status", type=int, default=0)
    @click.pass_context
    def plain(context, word, status):
        "Say a word."
        click.echo(word)
        context.exit(status)

    @hookimpl
    def ticketcore_commands():
        yield CommandSpec(name="count", aliases=("tally",), summary="Count the open tickets.", target=count)
        yield CommandSpec(name="plain", summary="Say a word.", target="counting:plain", heading="Words")
"""


def one(name: str, body: str, **options: str) -> str:
    """Return the source of a plugin with one command."""
    more = "".join(f", {option}={value}" for option, value in options.items())
    return f"""
    import click, sys

    @click.command("{name}")
    def command():
        {body}

    @hookimpl
    def ticketcore_commands():
        return [CommandSpec(name="{name}", summary="Does something.", target=command{more})]
    """


def test_help_lists_the_commands_of_plugins_below_their_headings(install: Install, run: Run) -> None:
    install("counting", COUNT)
    result = run("--help")
    assert (result.exit_code, result.stderr) == (0, "")
    ours, _, theirs = result.stdout.partition("Plugins:\n")
    assert "db " in ours
    assert [line.split(maxsplit=1) for line in theirs.splitlines()[:4]] == [
        ["count", "Count the open tickets."],
        [],
        ["Words:"],
        ["plain", "Say a word."],
    ]
    assert "tally" not in result.stdout


def test_a_command_of_a_plugin_has_the_shared_options_and_an_open_desk(install: Install, run: Run) -> None:
    install("counting", COUNT)
    assert run("create", "Printer").exit_code == 0
    result = run("count", "--by", "bo")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "1 open, says bo\n", "")
    assert json.loads(run("tally", "--json").stdout) == {"open": 1}
    shown = run("count", "--help")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "Count the open tickets." in shown.stdout
    assert "--config FILE" in shown.stdout


def test_a_plain_click_command_works_and_sets_the_exit_status(install: Install, run: Run) -> None:
    install("counting", COUNT)
    assert (run("plain", "word").exit_code, run("plain", "word").stdout) == (0, "word\n")
    assert run("plain", "word", "--status", "7").exit_code == 7
    wrong = run("plain")
    assert wrong.exit_code == 2
    assert "Missing argument 'WORD'" in wrong.stderr


def test_what_a_command_returns_is_no_exit_status(install: Install, run: Run) -> None:
    install("returning", one("go", "return 7"))
    assert run("go").exit_code == 0


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("raise click.ClickException('out of order')", 1, "Error: out of order"),
        ("raise RuntimeError('out of order')", 1, "RuntimeError: out of order"),
        ("sys.exit(5)", 5, ""),
        ("raise KeyboardInterrupt", 130, ""),
    ],
    ids=["click", "error", "exit", "control-C"],
)
def test_a_command_that_fails_sets_the_exit_status(
    install: Install, run: Run, body: str, status: int, said: str
) -> None:
    install("failing", one("fail", body))
    result = run("fail")
    assert (result.exit_code, result.stdout) == (status, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_command_cannot_take_the_place_of_a_built_in_one(install: Install, run: Run) -> None:
    install("taker", one("create", "click.echo('taken')"))
    assert run("create", "Printer").stdout.startswith("Ticket 1 created")
    shown = run("--help")
    assert shown.stdout.count("  create ") == 1
    (taker,) = [info for info in json.loads(run("plugins", "--json").stdout) if info["name"] == "taker"]
    assert taker["health"] == "clash"
    assert taker["cause"] == "the command 'create' is registered by ticketcore itself too"


def test_another_name_of_a_command_cannot_take_the_place_of_a_built_in_one(install: Install, run: Run) -> None:
    install("taker", one("make", "click.echo('taken')", aliases="('create',)"))
    assert run("create", "Printer").stdout.startswith("Ticket 1 created")
    made = run("make")
    assert (made.exit_code, made.stdout) == (0, "taken\n")
    assert "clashes: the command 'create' is registered by ticketcore itself too" in made.stderr


def test_a_command_that_two_plugins_bring_is_an_error_where_it_is_called(install: Install, run: Run) -> None:
    install("one", one("go", "click.echo('one')"))
    install("two", one("go", "click.echo('two')"))
    assert run("create", "Printer").exit_code == 0
    result = run("go")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.splitlines()[-1] == (
        "Error: 2 plugins register a command called 'go': one (one 1.0), two (two 1.0) "
        "(uninstall all but one, or name the others in TICKETCORE_DISABLE_PLUGINS)"
    )
    assert "Does something." not in run("--help").stdout


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("print", "the command 'go' of the plugin odd is no click command (pip install it)"),
        (
            "'gone:go'",
            "the command 'go' of odd (odd 1.0) cannot be loaded: ImportError: it is gone (pip install it)",
        ),
    ],
    ids=["no command", "import error"],
)
def test_a_command_that_cannot_be_loaded_is_an_error_where_it_is_called(
    install: Install, run: Run, target: str, reason: str
) -> None:
    source = one("go", "pass", install_hint="'pip install it'").replace("target=command", f"target={target}")
    (install("odd", source) / "gone.py").write_text("raise ImportError('it is gone')\n", encoding="utf-8")
    shown = run("--help")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "Does something." in shown.stdout
    result = run("go")
    assert (result.exit_code, result.stderr) == (4, f"Error: {reason}\n")


def test_the_target_of_a_command_is_imported_when_it_is_called(install: Install, run: Run) -> None:
    site = install("lazy", one("go", "pass").replace("target=command", "target='lazy_command:go'"))
    source = "import click\n\n\n@click.command()\ndef go():\n    click.echo('gone')\n"
    (site / "lazy_command.py").write_text(source, encoding="utf-8")
    assert "Does something." in run("--help").stdout
    assert "lazy_command" not in sys.modules
    assert run("go").stdout == "gone\n"
    assert "lazy_command" in sys.modules


def test_a_command_that_nobody_has_is_wrong_usage(install: Install, run: Run) -> None:
    install("counting", COUNT)
    result = run("cuont")
    assert result.exit_code == 2
    assert "No such command 'cuont'" in result.stderr


def test_without_plugins_their_commands_are_not_there(install: Install, run: Run) -> None:
    install("counting", COUNT)
    assert run("--no-plugins", "count").exit_code == 2
    assert "Words:" not in run("--no-plugins", "--help").stdout


def test_a_broken_plugin_does_not_break_help(install: Install, run: Run) -> None:
    install("broken", "import no_such_module_anywhere\n")
    result = run("--help")
    assert result.exit_code == 0
    assert "create" in result.stdout
    assert result.stderr == (
        "Warning: plugin broken (broken 1.0) is set aside: "
        "ModuleNotFoundError: No module named 'no_such_module_anywhere'\n"
    )
