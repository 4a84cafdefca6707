"""Writes reference/operations.md: every operation with its Python call and its command.

Usage: python docs/generate_operations.py
The names are listed here; how they are called is read from the code, so a name that does not exist fails.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

import ticketcore
from ticketcore.cli.base import LazyGroup
from ticketcore.cli.main import cli
from ticketcore.desk import Desk
from ticketcore.groups import Groups, once

PAGE = Path(__file__).parent / "reference" / "operations.md"

OPERATIONS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "Tickets": (
        ("Create", "tickets.create", "create"),
        ("Read", "tickets.read", "read"),
        ("ReadByNumber", "tickets.read_by_number", "read"),
        ("Update", "tickets.update", "update"),
        ("change_status", "tickets.change_status", "change-status"),
        ("resolve", "tickets.resolve", "resolve"),
        ("close", "tickets.close", "close"),
        ("escalate", "tickets.escalate", "escalate"),
        ("cancel", "tickets.cancel", "cancel"),
        ("reopen", "tickets.reopen", "reopen"),
        ("assign", "tickets.assign", "assign"),
        ("add_analysis", "tickets.add_analysis", "add-analysis"),
        ("set_work_score", "tickets.set_work_score", "set-work-score"),
        ("set_eta", "tickets.set_eta", "set-eta"),
        ("get_eta_display", "tickets.get_eta_display", "read"),
        ("add a watcher", "tickets.add_watcher", "add-watcher"),
        ("remove a watcher", "tickets.remove_watcher", "remove-watcher"),
        ("watchers", "tickets.get_watchers", "watchers"),
        ("merge", "tickets.merge", "merge"),
        ("preview a merge", "tickets.preview_merge", "merge"),
        ("where a merged ticket went", "tickets.get_merged_into", "read"),
    ),
    "Tasks": (
        ("add_task", "tasks.add_task", "add-task"),
        ("get_tasks", "tasks.get_tasks", "tasks"),
        ("start a task", "tasks.start_task", "start-task"),
        ("complete a task", "tasks.complete_task", "complete-task"),
        ("reopen a task", "tasks.reopen_task", "reopen-task"),
        ("cancel a task", "tasks.cancel_task", "cancel-task"),
    ),
    "Comments and links": (
        ("add_comment", "comments.add_comment", "comment"),
        ("get_comments", "comments.get_comments", "comments"),
        ("add_link", "links.add_link", "link"),
        ("get_links", "links.get_links", "links"),
        ("remove a link", "links.remove_link", "unlink"),
    ),
    "Time": (
        ("log_time", "time.log_time", "log-time"),
        ("get_time_entries", "time.get_time_entries", "time-entries"),
        ("get_total_time", "time.get_total_time", "total-time"),
        ("time of each person", "time.get_time_by_person", "total-time"),
        ("one time entry", "time.get_time_entry", ""),
    ),
    "Templates": (
        ("add a template", "templates.add_template", "add-template"),
        ("add several templates", "templates.add_templates", "add-template"),
        ("list templates", "templates.list_templates", "list-templates"),
        ("get a template", "templates.get_template", ""),
        ("create_from_template", "tickets.create_from_template", "create-from-template"),
    ),
    "Recurring": (
        ("create_recurring", "recurring.create_recurring", "add-recurring"),
        ("check_due_recurring", "recurring.check_due_recurring", "check-recurring"),
        ("list_recurring", "recurring.list_recurring", "list-recurring"),
        ("cancel_recurring", "recurring.cancel_recurring", "cancel-recurring"),
        ("the next runs of a schedule", "recurring.next_runs", "list-recurring"),
        ("what is due", "recurring.list_due_recurring", "check-recurring"),
        ("make what is due, and say what failed", "recurring.run_due", "check-recurring"),
    ),
    "Auto-assign": (
        ("auto_assign", "rules.auto_assign", "auto-assign"),
        ("which rule decides", "rules.choose", "auto-assign"),
        ("list rules", "rules.auto_assign_list_rules", "list-rules"),
        ("add a rule", "rules.auto_assign_add_rule", "add-rule"),
        ("remove a rule", "rules.auto_assign_remove_rule", "remove-rule"),
    ),
    "Pull requests": (
        ("link_pull_request", "pull_requests.link_pull_request", "link-pr"),
        ("get_linked_prs", "pull_requests.get_linked_prs", "linked-prs"),
        ("create_from_pr", "tickets.create_from_pr", "create-from-pr"),
    ),
    "Service levels and RACI": (
        ("set a service level", "sla.set_sla", "set-sla"),
        ("list service levels", "sla.list_sla", "list-sla"),
        ("get_raci_contacts", "sla.get_raci_contacts", "raci"),
        ("check_escalation_due", "sla.check_escalation_due", "check-escalations"),
        ("escalate what is due", "tickets.escalate_due", "check-escalations"),
    ),
    "Notifications": (
        ("notify_event", "notifications.notify_event", "notify"),
        ("list the outbox", "notifications.list_outbox", "outbox list"),
        ("retry deliveries", "notifications.retry", "outbox retry"),
        ("deliver what is due", "notifications.deliver_due", "worker"),
    ),
    "Sign-off": (
        ("request a sign-off", "signoffs.request_signoff", "request-signoff"),
        ("sign off", "signoffs.sign_off", "sign-off"),
        ("withdraw a request", "signoffs.withdraw_signoff", "withdraw-signoff"),
        ("sign-offs", "signoffs.get_signoffs", "signoffs"),
    ),
    "Queries": (
        ("get_history", "queries.get_history", "history"),
        ("get_open_tickets", "queries.get_open_tickets", "open-tickets"),
        ("get_overdue_tickets", "queries.get_overdue_tickets", "overdue"),
        ("get_status_summary", "queries.get_status_summary", "summary"),
        ("get_tickets_by_assignee", "queries.get_tickets_by_assignee", "by-assignee"),
        ("get_unassigned_tickets", "queries.get_unassigned_tickets", "unassigned"),
        ("get_sla_breach_count", "queries.get_sla_breach_count", "breach-count"),
        ("get_tickets_by_filter", "queries.get_tickets_by_filter", "list"),
        ("search", "queries.search", "search"),
        ("verify the history", "queries.verify_history", "audit verify"),
    ),
    "Versions": (
        ("list versions", "versions.list_versions", "versions"),
        ("show a version", "versions.get_version", "show-version"),
        ("difference", "versions.diff_versions", "diff-versions"),
        ("restore", "versions.restore_version", "restore-version"),
        ("what a restore would change", "versions.plan_restore", "restore-version"),
        ("kinds of which versions are kept", "versions.registry", ""),
    ),
    "People": (
        ("add a person", "people.add_person", "add-person"),
        ("list people", "people.list_people", "list-people"),
        ("resolve_by_email", "people.resolve_by_email", ""),
        ("resolve a user's address", "people.resolve_user_email", ""),
        ("names", "people.names", ""),
    ),
    "Many tickets": (
        ("bulk", "bulk.run", "bulk"),
        ("which tickets", "bulk.select", "bulk"),
        ("preview a bulk", "bulk.preview", "bulk"),
        ("export", "transfer.export_tickets", "export"),
        ("export to a file", "transfer.write_lines", "export"),
        ("export for a spreadsheet", "transfer.write_csv", "export"),
        ("import", "transfer.import_tickets", "import"),
    ),
    "System": (
        ("open a desk", "open_desk", ""),
        ("provider", "get_provider", ""),
        ("workflow", "workflow", "workflow"),
        ("run the jobs", "work", "worker"),
        ("db init", "init_store", "db init"),
        ("db status", "store_status", "db status"),
        ("db upgrade", "upgrade_store", "db upgrade"),
        ("db downgrade", "downgrade_store", "db downgrade"),
        ("preview a downgrade", "preview_downgrade", "db downgrade"),
        ("db check", "check_store", "db check"),
        ("db verify", "store.verify", "db verify"),
        ("look at the newest tickets", "store.spot_check", "doctor"),
        ("db adopt", "adopt_store", "db adopt"),
        ("db backup", "store.backup", "db backup"),
        ("db restore", "store.restore", "db restore"),
        ("settings of a plugin", "plugin_settings", ""),
        ("plugins", "", "plugins"),
        ("config check", "", "config check"),
        ("config show", "", "config show"),
        ("config schema", "", "config schema"),
        ("doctor", "", "doctor"),
        ("demo", "", "demo"),
        ("load samples", "", "load-samples"),
        ("completion", "", "completion"),
    ),
    "Helpers under their own names": (
        ("get_raci", "sla.get_raci", "raci"),
        ("resolve_by_email", "people.resolve_by_email", ""),
        ("ensure_sla_raci", "sla.ensure_sla_raci", ""),
        ("VERSION_REGISTRY", "VERSION_REGISTRY", ""),
    ),
}
"""By section: what an operation is called, the call, and the command (either may be empty where there is none)."""

_HEAD = """# Operations

Every operation with its Python call (`desk.` in front, of a desk that {py:func}`ticketcore.desk.open_desk` returns) and
its command (`ticketcore` in front). What it does in detail is on the pages about [Python](api.md) and
[commands](cli.md). `T` is a ticket: its guid, its number, in Python also a record of it. `--config`, `--by`, `--json`
and `--no-plugins` belong to every command.

Given a record of a ticket, a change is refused with a `ConflictError` if the ticket has changed since, also by you:
pass its number or guid where that does not matter.
"""


def groups() -> dict[str, type]:
    """Return the class of each group of operations."""
    found: dict[str, type] = {}
    for name, made in vars(Groups).items():
        if isinstance(made, once):
            module, kind = _class_of(name)
            found[name] = getattr(module, kind)
    return found


def _class_of(name: str) -> tuple[Any, str]:
    make = vars(Groups)[name]._make
    kind = make.__annotations__["return"]
    home = re.search(rf"from (ticketcore\.services\.\w+) import .*\b{kind}\b", inspect.getsource(make))
    assert home, f"{name}: a group imports the class that it says it is"  # noqa: S101
    return importlib.import_module(home[1]), kind


def calls() -> Iterator[str]:
    """Yield every public call of every group."""
    for group, kind in groups().items():
        for name, _ in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_"):
                yield f"{group}.{name}"


def commands(group: LazyGroup = cli, *above: str) -> Iterator[str]:
    """Yield every command."""
    context = click.Context(group)
    for name in [name for section in group.table.values() for name in section]:
        found = group.get_command(context, name)
        if isinstance(found, LazyGroup):
            yield from commands(found, *above, name)
        else:
            yield " ".join((*above, name))


def _target(call: str) -> Any:
    if "." not in call:
        return getattr(ticketcore, call, None) or getattr(Desk, call)
    group, name = call.split(".")
    return getattr(groups()[group], name)


def signature(call: str) -> str:
    """Return how something is called, without types; what is no call is only named."""
    target = _target(call)
    if not callable(target):
        return f"ticketcore.{call}"
    plain = []
    star = False
    for one in inspect.signature(target).parameters.values():
        if one.name == "self":
            continue
        if one.kind is one.KEYWORD_ONLY and not star:
            plain.append("*")
            star = True
        if one.kind is one.VAR_KEYWORD:
            plain.append(f"**{one.name}")
            continue
        default = "" if one.default is one.empty else f"={one.default!r}"
        plain.append(f"{one.name}{default}")
    returned = inspect.signature(target).return_annotation
    result = "" if returned in {"None", None, inspect.Signature.empty} else f" → {returned}"
    return f"{call}({', '.join(plain)}){result}".replace("'", '"')


def usage(path: str) -> str:
    """Return how a command is called."""
    found: Any = cli
    context = click.Context(cli)
    for name in path.split():
        found = found.get_command(context, name)
        assert found is not None, f"there is no command {path}"  # noqa: S101
    parts = [path]
    for param in found.params:
        if isinstance(param, click.Argument):
            shown = param.make_metavar(context)
            parts.append(shown if param.required or shown.startswith("[") else f"[{shown}]")
    shared = {"config", "by", "json", "no_plugins", "help"}
    own = [one for one in found.params if isinstance(one, click.Option) and one.name not in shared and not one.hidden]
    options = [max(one.opts, key=len) for one in own if not one.required]
    required = [f"{max(one.opts, key=len)} {one.make_metavar(context)}" for one in own if one.required]
    parts += required
    parts += [f"[{' '.join(options)}]"] if options else []
    return " ".join(parts)


def page() -> str:
    """Return the whole page."""
    parts = [_HEAD]
    for section, rows in OPERATIONS.items():
        lines = [f"## {section}\n", "| Operation | Python | Command |", "| --- | --- | --- |"]
        for operation, call, command in rows:
            python, shown = (
                f"`{text}`".replace("|", "\\|") if text else "none"
                for text in (call and signature(call), command and usage(command))
            )
            lines.append(f"| {operation} | {python} | {shown} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
