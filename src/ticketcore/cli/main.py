"""The entry point ``ticketcore``: the table of commands, and what errors become."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, suppress
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ticketcore import __version__
from ticketcore.cli.base import LazyGroup, Table, shared

if TYPE_CHECKING:
    from ticketcore.plugin.records import CommandSpec

_TICKETS = "ticketcore.cli.tickets"
_MOVES = "ticketcore.cli.moves"
_TALK = "ticketcore.cli.talk"
_QUERIES = "ticketcore.cli.queries"
_POLICIES = "ticketcore.cli.policies"
_PEOPLE = "ticketcore.cli.people"
_WORK = "ticketcore.cli.work"
_LINKS = "ticketcore.cli.links"
_TEMPLATES = "ticketcore.cli.templates"
_RECURRING = "ticketcore.cli.recurring"
_VERSIONS = "ticketcore.cli.versions"
_SIGNOFFS = "ticketcore.cli.signoffs"
_PULL_REQUESTS = "ticketcore.cli.pull_requests"
_TRANSFER = "ticketcore.cli.transfer"
_SYSTEM = "ticketcore.cli.system"
_DATABASE = "ticketcore.cli.database"

COMMANDS: Table = {
    "Tickets": {
        "create": (_TICKETS, "create", "Create a ticket."),
        "read": (_TICKETS, "read", "Show a ticket."),
        "update": (_TICKETS, "update", "Change what describes a ticket."),
        "change-status": (_MOVES, "change_status", "Move a ticket to another status."),
        "resolve": (_MOVES, "resolve", "Say that the work on a ticket is done."),
        "close": (_MOVES, "close", "Close a ticket whose solution is accepted."),
        "escalate": (_MOVES, "escalate", "Escalate a ticket and alert its contacts."),
        "cancel": (_MOVES, "cancel", "Cancel a ticket for good."),
        "reopen": (_MOVES, "reopen", "Take up a resolved or closed ticket again."),
        "assign": (_MOVES, "assign", "Give a ticket to somebody."),
        "add-watcher": (_TALK, "add_watcher", "Let an address be told of every event."),
        "remove-watcher": (_TALK, "remove_watcher", "Stop telling an address."),
        "watchers": (_TALK, "watchers", "List who watches a ticket."),
        "comment": (_TALK, "comment", "Comment on a ticket."),
        "comments": (_TALK, "comments", "List the comments on a ticket."),
        "notify": (_SYSTEM, "notify", "Tell everybody of a ticket again."),
        "merge": (_LINKS, "merge", "Merge tickets into another one."),
        "bulk": ("ticketcore.cli.bulk", "bulk", "Change many tickets at once."),
    },
    "Work on a ticket": {
        "add-task": (_WORK, "add_task", "Add a task to a ticket."),
        "tasks": (_WORK, "tasks", "List the tasks of a ticket."),
        "start-task": (_WORK, "start_task", "Say that work on a task has begun."),
        "complete-task": (_WORK, "complete_task", "Say that a task is done."),
        "reopen-task": (_WORK, "reopen_task", "Take up a task again."),
        "cancel-task": (_WORK, "cancel_task", "Say that a task is not to be done."),
        "link": (_LINKS, "link", "Link a ticket to another one."),
        "links": (_LINKS, "links", "List the links of a ticket."),
        "unlink": (_LINKS, "unlink", "Remove a link."),
        "log-time": (_WORK, "log_time", "Log time spent on a ticket."),
        "time-entries": (_WORK, "time_entries", "List the time spent on a ticket."),
        "total-time": (_WORK, "total_time", "Add up the time spent on a ticket."),
        "set-eta": (_WORK, "set_eta", "Set the estimated completion of a ticket."),
        "add-analysis": (_WORK, "add_analysis", "Write down the root cause of a ticket."),
        "set-work-score": (_WORK, "set_work_score", "Set the effort score of a ticket."),
        "request-signoff": (_SIGNOFFS, "request_signoff", "Ask people to sign a ticket off."),
        "sign-off": (_SIGNOFFS, "sign_off", "Answer a request to sign off."),
        "withdraw-signoff": (_SIGNOFFS, "withdraw_signoff", "Take back a request to sign off."),
        "signoffs": (_SIGNOFFS, "signoffs", "List who was asked to sign a ticket off."),
        "link-pr": (_PULL_REQUESTS, "link_pr", "Link a pull request to a ticket."),
        "linked-prs": (_PULL_REQUESTS, "linked_prs", "List the pull requests of a ticket."),
        "create-from-pr": (_PULL_REQUESTS, "create_from_pr", "Create a ticket from a pull request."),
        "versions": (_VERSIONS, "versions", "List the versions of a ticket."),
        "show-version": (_VERSIONS, "show_version", "Show a ticket as it was."),
        "diff-versions": (_VERSIONS, "diff_versions", "Show what changed between two versions."),
        "restore-version": (_VERSIONS, "restore_version", "Bring back a version of a ticket."),
    },
    "Templates and schedules": {
        "add-template": (_TEMPLATES, "add_template", "Add templates from a file."),
        "list-templates": (_TEMPLATES, "list_templates", "List the templates."),
        "create-from-template": (_TEMPLATES, "create_from_template", "Create a ticket from a template."),
        "load-samples": (_TEMPLATES, "load_samples", "Add the sample templates."),
        "add-recurring": (_RECURRING, "add_recurring", "Let a template recur."),
        "list-recurring": (_RECURRING, "list_recurring", "List the schedules."),
        "check-recurring": (_RECURRING, "check_recurring", "Make the tickets that are due."),
        "cancel-recurring": (_RECURRING, "cancel_recurring", "Stop a schedule."),
    },
    "Questions": {
        "history": (_QUERIES, "history", "Show the audit trail of a ticket."),
        "list": (_QUERIES, "list_tickets", "List tickets, filtered and page by page."),
        "search": (_QUERIES, "search", "Search the text of tickets."),
        "open-tickets": (_QUERIES, "open_tickets", "List the tickets that need work."),
        "overdue": (_QUERIES, "overdue", "List the tickets that are past a deadline."),
        "unassigned": (_QUERIES, "unassigned", "List the open tickets nobody works on."),
        "by-assignee": (_QUERIES, "by_assignee", "List somebody's open tickets."),
        "summary": (_QUERIES, "summary", "Count the tickets in each status."),
        "breach-count": (_QUERIES, "breach_count", "Count the tickets that missed a target."),
    },
    "Rules and service levels": {
        "auto-assign": (_POLICIES, "auto_assign", "Show who would get a ticket."),
        "list-rules": (_POLICIES, "list_rules", "List the auto-assign rules."),
        "add-rule": (_POLICIES, "add_rule", "Add an auto-assign rule."),
        "remove-rule": (_POLICIES, "remove_rule", "Remove an auto-assign rule."),
        "set-sla": (_POLICIES, "set_sla", "Set the service level of a priority."),
        "list-sla": (_POLICIES, "list_sla", "List the service levels."),
        "raci": (_POLICIES, "raci", "Show who is told of an escalation."),
        "check-escalations": (_POLICIES, "check_escalations", "List the tickets to escalate."),
    },
    "People": {
        "add-person": (_PEOPLE, "add_person", "Add somebody who can get tickets."),
        "list-people": (_PEOPLE, "list_people", "List everybody."),
    },
    "System": {
        "demo": ("ticketcore.cli.demo", "demo", "Play a day at a ticket desk."),
        "workflow": (_SYSTEM, "workflow", "Show which status may follow which."),
        "worker": ("ticketcore.cli.worker", "worker", "Run the jobs that keep the desk going."),
        "doctor": ("ticketcore.cli.doctor", "doctor", "Look whether everything is there and works."),
        "config": ("ticketcore.cli.config", "config", "Look at the configuration."),
        "plugins": ("ticketcore.cli.plugins", "plugins", "List the plugins, and how they are."),
        "outbox": (_SYSTEM, "outbox", "Look after the messages that go out."),
        "audit": (_SYSTEM, "audit", "Check the audit trail."),
        "db": (_DATABASE, "db", "Look after the database."),
        "export": (_TRANSFER, "export", "Write tickets to a file."),
        "import": (_TRANSFER, "import_", "Read tickets from a file."),
        "completion": ("ticketcore.cli.completion", "completion", "Print what completes commands in a shell."),
    },
}

PARTLY = 5
"""The exit status where something was done with some of many, and failed with others."""

INTERRUPTED = 130
COMPLETE = "_TICKETCORE_COMPLETE"
"""The variable by which the script of ticketcore completion asks what completes a line."""


class Root(LazyGroup):
    """The root group: turns every error into a message and an exit status, and nothing else does."""

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run a command line and exit."""
        if instruction := os.environ.get(COMPLETE):
            sys.exit(_completed(self, instruction))
        kwargs["standalone_mode"] = False
        try:
            status = super().main(*args, **kwargs)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            sys.exit(_refused(error))
        except click.Abort:  # click's name for control-C
            sys.exit(INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - the last place where one can be caught
            sys.exit(_failed(error))
        sys.exit(status if isinstance(status, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, those of plugins last."""
        return [*super().list_commands(ctx), *(spec.name for spec in _plugin_commands(ctx))]

    def summaries(self, ctx: click.Context) -> Iterator[tuple[str, str]]:
        """Yield the name and the summary of each command, those of plugins last."""
        yield from super().summaries(ctx)
        yield from ((spec.name, spec.summary) for spec in _plugin_commands(ctx))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; one that is not ours may be a plugin's."""
        return super().get_command(ctx, cmd_name) or _plugin_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands below their headings, those of plugins below theirs."""
        super().format_commands(ctx, formatter)
        headed: dict[str, list[tuple[str, str]]] = {}
        for spec in _plugin_commands(ctx):
            headed.setdefault(spec.heading, []).append((spec.name, spec.summary))
        for heading, rows in headed.items():
            with formatter.section(heading):
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant, or say which one may be."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), 1)
            hints = [f"Did you mean {near[0]}?"] if near else []
            hints += ["Plugins are switched off."] if shared(ctx).no_plugins else []
            raise click.UsageError(" ".join([error.message, *hints]), ctx) from None

    def invoke(self, ctx: click.Context) -> None:
        """Run the command, and write out what it printed while a failure to do so can be told."""
        super().invoke(ctx)  # what a command returns is no exit status
        sys.stdout.flush()


def _completed(root: click.Command, instruction: str) -> int:
    """Answer a shell, and return the exit status; nothing is said of what goes wrong, for it would spoil a prompt."""
    from click.shell_completion import shell_complete

    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere), suppress(Exception):  # noqa: PTH123
        return shell_complete(root, {}, "ticketcore", COMPLETE, instruction)
    return 1


def _has_plugins(ctx: click.Context) -> bool:
    """Return whether there may be plugins; where none is installed, nothing is loaded to find that out."""
    from importlib.metadata import entry_points

    try:
        return not shared(ctx).no_plugins and bool(entry_points(group="ticketcore"))
    except Exception:  # noqa: BLE001 - damaged metadata of some distribution: the loader names it
        return True


def _plugin_commands(ctx: click.Context) -> list[CommandSpec]:
    """Return the commands of plugins."""
    if not _has_plugins(ctx):
        return []
    from ticketcore.plugin.records import CommandSpec

    registry = shared(ctx).plugins.registry
    mine = {record.spec.name for record in registry.registered(CommandSpec) if record.builtin}
    return [spec for spec in registry.all(CommandSpec) if spec.name not in mine]


def _plugin_command(ctx: click.Context, name: str) -> click.Command | None:
    """Return a command of a plugin, ``None`` if none has one of this name.

    Raises:
        PluginError: two have one, or it cannot be loaded.
    """
    if not _has_plugins(ctx):
        return None
    from ticketcore.errors import PluginError
    from ticketcore.plugin.records import CommandSpec

    plugins = shared(ctx).plugins
    if not plugins.registry.claimed(CommandSpec, name):
        return None
    record, target = plugins.load(CommandSpec, name)
    if not isinstance(target, click.Command):
        message = f"the command {name!r} of the plugin {record.plugin} is no click command"
        raise PluginError(record.plugin, message, hint=record.spec.install_hint)
    return target


def _refused(error: click.ClickException) -> int:
    """Report what was wrong with the command line itself; return the exit status."""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
        click.echo(f"Try '{error.ctx.command_path} --help' for help.\n", err=True)
    _report(error.format_message().splitlines())
    return error.exit_code


def _failed(error: Exception) -> int:
    """Report any other error; return the exit status."""
    from ticketcore.errors import ConfigError, PluginError, TicketcoreError

    if isinstance(error, TicketcoreError):
        _report(error.lines())
        return 3 if isinstance(error, ConfigError) else 4 if isinstance(error, PluginError) else 1
    if os.environ.get("TICKETCORE_DEBUG") == "1":
        import traceback

        click.echo("".join(traceback.format_exception(error)), err=True)
    if isinstance(error, OSError) and error.strerror:
        # What is still to be written will fail again at the exit, and would change the exit status.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        where = f"{error.filename}: " if error.filename else ""
        _report([f"{where}{error.strerror}"])
    else:
        _report([f"unexpected {type(error).__name__}: {error}: please report"])
    return 1


def _report(lines: list[str]) -> None:
    from ticketcore.cli.output import one_line

    for line in lines:
        click.echo(f"Error: {one_line(line)}", err=True)


cli = Root(
    "ticketcore",
    table=COMMANDS,
    help="Track tickets: their life, their deadlines, and who is told of what.\n\n"
    "T stands for a ticket number or a guid. Every command has --help.",
    epilog="\b\nExample: ticketcore demo\n"
    '         ticketcore create "Printer on fire" --priority HIGH\n'
    "         ticketcore list --status NEW --json",
    context_settings={"help_option_names": ["-h", "--help"]},
)
click.version_option(__version__, prog_name="ticketcore")(cli)


def main() -> NoReturn:
    """Run the command line of this process."""
    # Most commands live for a quarter of a second, much of which went to looking for garbage among what was imported:
    # on the way, and again at the exit, when the system takes it all back anyway.
    gc.set_threshold(100_000, 10, 10)
    atexit.register(gc.freeze)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # whoever started us has closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - until the end
        elif hasattr(stream, "reconfigure"):  # a terminal that lacks a letter shows its number instead
            stream.reconfigure(errors="backslashreplace")
    cli.main(prog_name="ticketcore")
