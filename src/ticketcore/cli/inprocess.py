"""A command line that runs within this process: what tests of commands are made of."""

from __future__ import annotations

from collections.abc import Sequence

from click.testing import CliRunner

from ticketcore.cli.main import cli


def run(args: Sequence[str], stdin: str = "") -> tuple[int, str, str]:
    """Run a command line; return its exit status, its standard output and its standard error.

    What it reads is ``stdin``; the streams of the process are left alone.
    """
    done = CliRunner().invoke(cli, list(args), input=stdin, prog_name="ticketcore", catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr
