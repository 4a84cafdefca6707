"""The doctor: looks whether everything is there and works."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from ticketcore.cli.base import command, shared
from ticketcore.cli.output import NONE, Column, print_json, print_table, say
from ticketcore.errors import ConfigError

if TYPE_CHECKING:
    from ticketcore.doctor import Finding

_COLUMNS = (Column("What"), Column("State"), Column("Found", wrap=True), Column("What to do", wrap=True))


@command("doctor", "ticketcore doctor", "ticketcore doctor --json")
@click.option(
    "--timeout",
    type=click.FloatRange(0, 600, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a server at each step.",
)
def doctor(timeout: float) -> None:
    """Look whether everything is there and works.

    It looks at the configuration, the plugins, the database, the templates, every channel and provider that is
    configured, the newest tickets (ticketcore db verify looks at all), the outbox, and the jobs of the worker; it
    changes nothing and sends nothing. The exit status is 0 if nothing failed (a warning is no failure), 1 if something
    did, 3 if the configuration is wrong, and 4 if it needs a plugin that is missing or broken.
    """
    from ticketcore.cli.session import open_session
    from ticketcore.doctor import CONFIGURATION, NEEDED, Finding, State, examine

    context = click.get_current_context()
    options = shared(context)
    try:
        with open_session(options) as session:
            found = list(examine(session.desk, timeout=timeout))
    except ConfigError as error:
        found = [Finding(CONFIGURATION, State.FAILED, line) for line in error.lines()]
    failed = {finding.subject for finding in found if finding.state is State.FAILED}
    status = 3 if CONFIGURATION in failed else 4 if NEEDED in failed else 1 if failed else 0
    if options.json:
        print_json([{"subject": f.subject, "state": f.state.value, "text": f.text, "hint": f.hint} for f in found])
    else:
        print_table(_COLUMNS, ((f.subject, f.state, f.text, f.hint or NONE) for f in found))
        say(_sum(found))
    context.exit(status)


def _sum(found: list[Finding]) -> str:
    counts = Counter(finding.state.value for finding in found)
    words = {"ok": "ok", "warning": "warning" if counts["warning"] == 1 else "warnings", "failed": "failed"}
    return ", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state])
