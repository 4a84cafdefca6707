"""The page of operations has every operation, and nothing that is not there."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"

SPECIFIED = {
    "create", "read", "read_by_number", "update", "change_status", "resolve", "close", "escalate", "cancel",
    "reopen", "assign", "add_analysis", "set_work_score", "set_eta", "get_eta_display", "add_watcher",
    "remove_watcher", "get_watchers", "merge", "add_task", "get_tasks", "start_task", "complete_task",
    "reopen_task", "cancel_task", "add_comment", "get_comments", "add_link", "get_links", "remove_link", "log_time",
    "get_time_entries", "get_total_time", "add_template", "list_templates", "get_template", "create_from_template",
    "create_recurring", "check_due_recurring", "list_recurring", "cancel_recurring", "auto_assign",
    "auto_assign_list_rules", "auto_assign_add_rule", "auto_assign_remove_rule", "link_pull_request",
    "get_linked_prs", "create_from_pr", "set_sla", "list_sla", "get_raci_contacts", "get_raci", "ensure_sla_raci",
    "check_escalation_due", "notify_event", "list_outbox", "retry", "request_signoff", "sign_off",
    "withdraw_signoff", "get_signoffs", "get_history", "get_open_tickets", "get_overdue_tickets",
    "get_status_summary", "get_tickets_by_assignee", "get_unassigned_tickets", "get_sla_breach_count",
    "get_tickets_by_filter", "search", "list_versions", "get_version", "diff_versions", "restore_version",
    "add_person", "list_people", "resolve_by_email", "resolve_user_email", "get_provider", "open_desk",
    "VERSION_REGISTRY",
}  # fmt: skip
"""What the specification calls its operations, as far as they exist."""


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_operations", DOCS / "generate_operations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _listed(generator: ModuleType) -> list[tuple[str, str, str]]:
    return [row for rows in generator.OPERATIONS.values() for row in rows]


def test_the_page_is_what_the_code_is(generator: ModuleType) -> None:
    assert generator.PAGE.read_text(encoding="utf-8") == generator.page(), "run: python docs/generate_operations.py"


def test_every_call_of_every_group_has_an_entry(generator: ModuleType) -> None:
    listed = {call for _, call, _ in _listed(generator)}
    assert sorted(set(generator.calls()) - listed) == []


def test_every_command_has_an_entry(generator: ModuleType) -> None:
    listed = {command for _, _, command in _listed(generator)}
    assert sorted(set(generator.commands()) - listed) == []


def test_every_specified_name_has_an_entry(generator: ModuleType) -> None:
    listed = {call.rpartition(".")[2] for _, call, _ in _listed(generator)}
    assert sorted(SPECIFIED - listed) == []


@pytest.mark.parametrize("wrong", ["tickets.crate", "nothing.create", "open_disk"])
def test_an_entry_that_does_not_exist_fails(generator: ModuleType, wrong: str) -> None:
    with pytest.raises((AttributeError, KeyError)):
        generator.signature(wrong)


def test_a_command_that_does_not_exist_fails(generator: ModuleType) -> None:
    with pytest.raises(AssertionError, match="there is no command crate"):
        generator.usage("crate")
