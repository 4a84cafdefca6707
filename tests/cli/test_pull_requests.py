"""Pull requests on the command line: linked, listed, and made into tickets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]

PAYLOADS = Path(__file__).parents[1] / "data" / "pull_requests"
GITHUB = PAYLOADS / "github_webhook.json"
URL = "https://git.example.com/acme/web/pulls/17"


@pytest.fixture
def ticket(done: Done) -> None:
    done("create", "The total is wrong")


@pytest.fixture
def nothing_is_stored(data: Data) -> Callable[[], bool]:
    return lambda: data("list") == []


# link-pr, linked-prs


def test_a_pull_request_is_linked_and_listed(ticket: None, done: Done, data: Data) -> None:
    assert done("linked-prs", "1") == "No pull requests.\n"
    text = done("link-pr", "1", "17", "--repo", "acme/web", "--url", URL)
    (task,) = data("linked-prs", "1")
    assert text == f"Pull request acme/web#17 is linked to ticket 1, task {task['guid']}\n"
    assert (task["pr_id"], task["pr_repo"], task["pr_url"], task["status"]) == ("17", "acme/web", URL, "OPEN")
    head, _, row = done("linked-prs", "#1").splitlines()
    assert head.split() == ["Pull", "request", "Status", "Task", "Guid", "Address"]
    assert row.split() == ["acme/web#17", "OPEN", "Pull", "request", "acme/web#17", task["guid"], URL]


def test_linking_prints_the_task_and_linking_again_the_same(ticket: None, data: Data) -> None:
    linked = data("link-pr", "1", "17")
    assert (linked["pr_id"], linked["pr_repo"], linked["pr_url"]) == ("17", "", "")
    assert data("link-pr", "1", "17", "--by", "bo") == linked
    assert [row["action_by"] for row in data("history", "1")] == ["ann"] * 3


def test_whoever_has_the_task_is_named_in_json(ticket: None, done: Done, data: Data) -> None:
    done("add-person", "Bo Berg", "bo@example.com", "--username", "bo")
    task = data("add-task", "1", "Write a test", "--assign-to", "bo")
    assert data("link-pr", "1", "17", "--task", task["guid"])["assigned_to_name"] == "Bo Berg"
    assert [one["assigned_to_name"] for one in data("linked-prs", "1")] == ["Bo Berg"]


def test_a_task_can_be_named(ticket: None, data: Data, run: Run) -> None:
    task = data("add-task", "1", "Write a test")
    linked = data("link-pr", "1", "17", "--task", task["guid"])
    assert (linked["guid"], linked["name"], linked["pr_id"]) == (task["guid"], "Write a test", "17")
    refused = run("link-pr", "1", "18", "--task", "nothing")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == "Error: there is no task of ticket 1 nothing (ticketcore tasks 1 lists them)\n"


def test_what_is_wrong_is_one_line_each(ticket: None, run: Run, data: Data) -> None:
    refused = run("link-pr", "1", " ", "--repo", "x" * 501, "--url", "javascript:alert(1)")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.splitlines() == [
        "Error: pr_id: must not be empty",
        "Error: repo: has 501 characters; at most 500 are allowed",
        "Error: url: must be an http:// or https:// address without a password, of at most 2000 characters",
    ]
    assert data("linked-prs", "1") == []
    assert run("link-pr", "7", "17").stderr.startswith("Error: there is no ticket 7 (")
    assert run("linked-prs", "7").exit_code == 1
    assert run("link-pr", "1").exit_code == 2


# create-from-pr


@pytest.mark.parametrize("file", sorted(PAYLOADS.glob("*.json")), ids=lambda file: file.stem)
def test_a_payload_in_a_file_becomes_a_ticket(done: Done, data: Data, file: Path) -> None:
    text = done("create-from-pr", str(file))
    made = data("read", "1")
    assert text == f"Ticket 1 created for the pull request: {made['subject']}\n"
    assert made["subject"]
    assert len(data("linked-prs", "1")) == 1


@pytest.mark.parametrize("arguments", [[], ["-"]], ids=["nothing", "dash"])
def test_a_payload_is_read_from_standard_input(data: Data, arguments: list[str]) -> None:
    made = data("create-from-pr", *arguments, "--package", "WEB", stdin=GITHUB.read_bytes())
    assert (made["ticket_number"], made["package"], made["requested_by"]) == (1, "WEB", "maplewood")
    assert made == {key: value for key, value in data("read", "1").items() if key in made}


def test_the_same_pull_request_again_is_the_same_ticket(done: Done, data: Data) -> None:
    first, second = (done("create-from-pr", str(GITHUB)) for _ in range(2))
    assert first.startswith("Ticket 1 created for the pull request: ")
    assert second == first.replace("created", "is there already")
    assert done("create-from-pr", str(PAYLOADS / "github_rest.json")) == second
    assert len(data("list")) == 1


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b"", "pr_data: is empty; give a pull request as JSON"),
        (b"\n \n", "pr_data: is empty; give a pull request as JSON"),
        (b'{"number": 1', "pr_data: is no JSON: Expecting ',' delimiter (line 1, column 13)"),
        (b"payload=%7B%7D", "pr_data: is no JSON: Expecting value (line 1, column 1)"),
        (b'{"title": "caf\xe9"}', "pr_data: is no UTF-8 text (byte 15)"),
        (b"[]", "pr_data: must be an object as JSON has them, not a list"),
        (b"[" * 100_000, "pr_data: is no JSON that can be read: it is nested too deeply"),
    ],
    ids=range(7),
)
def test_what_is_no_json_is_one_line(
    run: Run, nothing_is_stored: Callable[[], bool], stdin: bytes, message: str
) -> None:
    refused = run("create-from-pr", stdin=stdin)
    assert (refused.exit_code, refused.stdout, refused.stderr) == (1, "", f"Error: {message}\n")
    assert nothing_is_stored()


def test_a_payload_that_is_none_says_what_was_looked_for(run: Run, nothing_is_stored: Callable[[], bool]) -> None:
    refused = run("create-from-pr", stdin='{"zen": "Keep it simple."}')
    assert (refused.exit_code, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("Error: pr_data: describes no pull request; it has none of the names that tell one")
    assert nothing_is_stored()


def test_a_broken_payload_names_its_parts(run: Run, nothing_is_stored: Callable[[], bool]) -> None:
    payload = json.loads(GITHUB.read_text(encoding="utf-8"))
    payload["pull_request"] |= {"title": 5, "html_url": "javascript:alert(1)"}
    refused = run("create-from-pr", stdin=json.dumps(payload))
    assert (refused.exit_code, refused.stdout) == (1, "")
    title, url = refused.stderr.splitlines()
    assert title == "Error: pr_data.pull_request.title: must be text, not a number"
    assert url.startswith("Error: pr_data.pull_request.html_url: must be an http:// or https:// address")
    assert url.endswith(
        "(this is nearest to a GitHub webhook; looked for pull requests and webhooks of "
        "Bitbucket Cloud, Bitbucket Server, GitHub, GitLab, Gitea)"
    )
    assert nothing_is_stored()


def test_a_file_that_cannot_be_read_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    for file in (tmp_path / "nowhere.json", tmp_path):
        refused = run("create-from-pr", str(file))
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert f"'{file}'" in refused.stderr


def test_what_a_payload_says_does_nothing_to_a_terminal(done: Done) -> None:
    payload = json.loads(GITHUB.read_text(encoding="utf-8"))
    payload["pull_request"] |= {"title": "\x1b[31mred \u202eesrever", "body": "\x1b]0;title\x07"}
    text = done("create-from-pr", stdin=json.dumps(payload))
    assert text == "Ticket 1 created for the pull request: \\x1b[31mred \\u202eesrever\n"
    assert "\x1b" not in done("read", "1")
