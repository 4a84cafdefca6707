"""Outbox, workflow, demonstration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]


def break_mail(config: Path) -> None:
    """Put a file where the folder of mails should be."""
    (config.parent / "mail").write_text("in the way", encoding="utf-8")


def test_workflow(done: Done, data: Data) -> None:
    text = done("workflow")
    assert text.startswith("stateDiagram-v2\n    [*] --> NEW\n")
    assert "    RESOLVED --> CLOSED\n" in text
    declared = data("workflow", "--package", "CORE")
    assert (declared["name"], declared["initial"], declared["final"]) == ("default", "NEW", ["CLOSED", "CANCELLED"])
    assert declared["transitions"]["CLOSED"] == ["IN_PROGRESS", "CANCELLED"]


def test_outbox_list(run: Run, done: Done, data: Data) -> None:
    assert done("outbox", "list") == "No messages.\n"
    done("create", "Printer", "--watcher", "a@example.com", "--watcher", "b@example.com")
    messages = data("outbox", "list")
    assert [(one["recipient"], one["state"]) for one in messages] == [
        ("a@example.com", "DELIVERED"),
        ("b@example.com", "DELIVERED"),
    ]
    table = done("outbox", "list", "--state", "delivered")
    assert "CREATED" in table
    assert messages[0]["guid"] in table
    assert data("outbox", "list", "--state", "DEAD") == []
    page = run("outbox", "list", "--limit", "1", "--json")
    assert [one["recipient"] for one in json.loads(page.stdout)] == ["b@example.com"]
    assert "older messages" in page.stderr


def test_a_failed_delivery_warns_and_is_retried(run: Run, done: Done, data: Data, config: Path) -> None:
    break_mail(config)
    result = run("create", "Printer", "--watcher", "a@example.com")
    assert result.exit_code == 0
    assert result.stdout.startswith("Ticket 1 created")
    (warning,) = result.stderr.splitlines()
    assert warning.startswith("Warning: attempt 1 to deliver ")
    (message,) = data("outbox", "list", "--state", "PENDING")
    assert message["attempts"] == 1
    assert "cannot write" in done("outbox", "list")
    assert done("outbox", "retry") == "0 messages are due again\n"
    assert done("outbox", "retry", message["guid"]) == "1 message is due again\n"
    (config.parent / "mail").unlink()
    assert done("worker", "--once") == "outbox: 1 delivered\n"
    assert len(list((config.parent / "mail").glob("*.eml"))) == 1
    unknown = run("outbox", "retry", message["guid"])
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert data("outbox", "retry") == {"retried": 0}


def test_notify_tells_everybody_again(run: Run, done: Done, data: Data, config: Path) -> None:
    done("create", "Printer", "--watcher", "a@example.com")
    table = done("notify", "1", "status_changed").splitlines()
    assert table[0].split() == ["Guid", "#", "Event", "Recipient", "State"]
    assert table[2].split()[1:] == ["1", "STATUS_CHANGED", "a@example.com", "DELIVERED"]
    for code in ("Status Changed", "status changed"):
        (message,) = data("notify", "#1", code)
        assert (message["notify_code"], message["recipient"]) == ("STATUS_CHANGED", "a@example.com")
    assert len(data("history", "1")) == 1
    assert done("notify", "1", "SIGNOFF_REQUESTED") == "Nothing goes out: there is nobody to tell of ticket 1\n"
    assert data("notify", "1", "Sign-off Requested") == []
    wrong = run("notify", "1", "GONE")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "'GONE' is not one of CREATED, STATUS_CHANGED" in wrong.stderr
    with config.open("a", encoding="utf-8") as file:
        file.write("notifiers: []\n")
    assert done("notify", "1", "CREATED") == "Nothing goes out: no notifier is turned on\n"


def test_tickets_that_are_to_live_elsewhere_are_refused_by_every_operation(run: Run, config: Path) -> None:
    run("create", "Printer")
    lines = len(config.read_text(encoding="utf-8").splitlines())
    with config.open("a", encoding="utf-8") as file:
        file.write("ticket: {provider: github}\n")
    why = "tickets live in the internal database; 'github' cannot take its place yet"
    message = f"Error: {config}:{lines + 1}: ticket.provider: {why}"
    assert message in run("config", "check").stderr.splitlines()
    for command in ("list", "read 1", "create Plotter", "notify 1 CREATED", "check-recurring", "worker --once"):
        result = run(*command.split())
        assert (result.exit_code, result.stdout, result.stderr) == (3, "", f"{message}\n")
    assert run("db", "status").exit_code == 0


def test_demo(bare: Run, tmp_path: Path) -> None:
    for _ in range(2):  # it can be played again
        result = bare("demo", "--folder", "played")
        assert (result.exit_code, result.stderr) == (0, "")
    parts = ("Tickets", "SLA", "STATUS_CHANGE", "Escalation Alert", "cannot become")
    for part in (*parts, "MERGED", "SIGNOFF_GIVEN", "TIME_LOGGED", "Test of the backups"):
        assert part in result.stdout
    last = [line.split() for line in result.stdout.splitlines() if line.startswith("  ticketcore ")]
    assert len(last) == 3
    for words in last:
        again = bare(*words[1:])
        assert (again.exit_code, again.stderr) == (0, ""), words
    found = json.loads(bare("demo", "--folder", "played", "--json").stdout)
    assert Path(found["database"]).is_file()
    assert sum(found["summary"].values()) == len(found["tickets"])


def test_demo_leaves_other_folders_alone(bare: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine", encoding="utf-8")
    result = bare("demo", "--folder", str(tmp_path / "mine"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no demonstration wrote" in result.stderr


def test_a_closed_pipe_is_no_news(done: Done) -> None:
    for _ in range(3):
        done("create", "x" * 400)
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(
        [sys.executable, "-m", "ticketcore", "list", "--json"], stdout=write, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(write)
        _, errors = process.communicate(timeout=20)
    assert errors == ""


def test_version_costs_hardly_more_than_click() -> None:
    """What is imported decides; the ratio itself is for a benchmark."""
    program = (
        "import sys\n"
        "from ticketcore.cli.main import cli\n"
        "try:\n    cli.main(['--version'], prog_name='ticketcore')\n"
        "except SystemExit:\n    pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))\n"
        "print(*sorted(name for name in sys.modules if name.startswith('ticketcore')))\n"
        "print('logging' in sys.modules, 'json' in sys.modules)\n"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    version, libraries, modules, heavy = output.splitlines()
    assert version.startswith("ticketcore, version ")
    third = {name for name in libraries.split() if not name.startswith(("_", "sitecustomize", "usercustomize"))}
    assert third <= {"click", "ticketcore"}
    assert modules.split() == ["ticketcore", "ticketcore.cli", "ticketcore.cli.base", "ticketcore.cli.main"]
    assert heavy == "False False"
