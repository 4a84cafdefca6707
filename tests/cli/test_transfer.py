"""Tickets to and from files, by command."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]
Interrupt = Callable[..., None]

OF_ONE_TICKET = "change.after.subject == 'ticket 3'"
"""What a policy is asked about twice: when the ticket is checked, and when it is written."""


@pytest.fixture
def filled(done: Done) -> None:
    done("create", "Printer on fire", "--priority", "HIGH", "--assign-to", "bo")
    done("create", "=1+1", "--package", "IT")
    done("comment", "1", "It burns.", "--internal")


@pytest.fixture
def other(run: Run, tmp_path: Path, config: Path) -> Run:
    """Run a command line on a second, empty desk."""
    path = tmp_path / "other.yaml"
    text = config.read_text(encoding="utf-8").replace("desk.db", "other.db")
    path.write_text(text, encoding="utf-8")
    return lambda *args, **options: run("--config", str(path), *args, **options)


@pytest.mark.usefixtures("filled")
def test_there_and_back(done: Done, other: Run, tmp_path: Path) -> None:
    file, again = tmp_path / "tickets.jsonl", tmp_path / "again.jsonl"
    assert done("export", str(file)) == f"2 tickets written to {file}\n"
    checked = other("import", str(file), "--dry-run")
    assert (checked.exit_code, checked.stdout, checked.stderr) == (0, "2 tickets can be imported\n", "")
    assert other("list").stdout == "No tickets.\n"
    assert other("import", str(file)).stdout == "2 tickets imported\n"
    assert other("import", str(file)).stdout == "0 tickets imported, 2 were there already\n"
    assert other("export", str(again)).exit_code == 0
    assert again.read_bytes() == file.read_bytes()
    assert other("create", "next", "--json").stdout.count('"ticket_number": 3') == 1
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == ["again.jsonl", "tickets.jsonl"]


@pytest.mark.usefixtures("filled")
def test_standard_input_and_output(done: Done, run: Run, other: Run) -> None:
    lines = done("export")
    assert lines == done("export", "-") == done("export", "-", "--json")
    assert [json.loads(line)["ticket"]["subject"] for line in lines.splitlines()[1:]] == ["Printer on fire", "=1+1"]
    assert other("import", "-", stdin=lines).stdout == "2 tickets imported\n"
    light = '{"subject": "from elsewhere", "created_date": "2020-01-01"}\n'
    report = json.loads(other("import", "-", "--json", stdin=light).stdout)
    assert report == {
        "dry_run": False,
        "created": 1,
        "present": 0,
        "links": 0,
        "renumbered": [],
        "warnings": [],
        "complete": True,
    }
    assert json.loads(other("read", "3", "--json").stdout)["created_date"] == "2019-12-31T23:00:00+00:00"
    assert run("import").exit_code == 2


@pytest.mark.usefixtures("filled")
def test_csv(done: Done, run: Run, data: Data, tmp_path: Path) -> None:
    file = tmp_path / "Tickets.CSV"
    assert data("export", str(file)) == {"file": str(file), "tickets": 2}
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
    assert [(row["ticket_number"], row["subject"]) for row in rows] == [("1", "Printer on fire"), ("2", "'=1+1")]
    assert done("export", "--format", "csv").splitlines() == file.read_text(encoding="utf-8").splitlines()
    assert done("export", str(tmp_path / "x.csv"), "--format", "jsonl")
    assert (tmp_path / "x.csv").read_text(encoding="utf-8").startswith('{"format"')
    refused = run("export", "--format", "csv", "--json")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--json and --format csv exclude each other" in refused.stderr


@pytest.mark.usefixtures("filled")
def test_an_export_takes_filters(done: Done) -> None:
    def numbers(*options: str) -> list[int]:
        return [json.loads(line)["ticket"]["ticket_number"] for line in done("export", "-", *options).splitlines()[1:]]

    assert numbers("--package", "IT") == [2]
    assert numbers("--priority", "HIGH", "--assignee", "bo", "--search", "fire") == [1]
    assert numbers("--status", "NEW", "--status", "CLOSED") == [1, 2]
    assert numbers("--created-before", "2000-01-01") == []
    assert numbers("--type", "BUG") == []


@pytest.mark.usefixtures("filled")
def test_a_file_that_is_there_is_not_overwritten_unless_that_is_meant(done: Done, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "tickets.jsonl"
    file.write_text("precious", encoding="utf-8")
    refused = run("export", str(file))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == f"Error: {file} is there already; --force overwrites it\n"
    assert file.read_text(encoding="utf-8") == "precious"
    link = tmp_path / "link.jsonl"
    link.symlink_to(file)
    done("export", str(link), "--force")
    assert link.is_symlink()
    assert file.read_text(encoding="utf-8").startswith('{"format"')
    device = run("export", os.devnull, "--force")
    assert device.stderr == f"Error: {os.devnull} is no ordinary file; - writes to standard output\n"


@pytest.mark.usefixtures("filled")
def test_an_export_that_fails_leaves_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "tickets.jsonl"
    file.write_text("precious", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    assert run("export", str(file), "--force", "--created-after", "soon").exit_code == 1
    assert run("export", str(tmp_path / "new.jsonl"), "--search", "?").exit_code == 1
    assert sorted(path for path in tmp_path.iterdir() if not path.name.startswith("desk.db")) == [
        path for path in before if not path.name.startswith("desk.db")
    ]
    assert file.read_text(encoding="utf-8") == "precious"
    nowhere = run("export", str(tmp_path / "no" / "where.jsonl"))
    assert (nowhere.exit_code, nowhere.stdout) == (1, "")
    assert nowhere.stderr == f"Error: {tmp_path / 'no' / 'where.jsonl'}: No such file or directory\n"


@pytest.mark.usefixtures("filled")
def test_a_wrong_file_is_refused_line_by_line(other: Run, tmp_path: Path) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_text('{"subject": "right"}\n{"subject": ""}\nsubject\n', encoding="utf-8")
    for option in ("--dry-run", "--renumber"):
        result = other("import", str(file), option)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == (
            "Error: line 2: subject: must not be empty\n"
            "Error: line 3: is no JSON: Expecting value (column 1) "
            "(nothing was imported; correct the file and import it again)\n"
        )
    assert other("list").stdout == "No tickets.\n"
    missing = other("import", str(tmp_path / "missing.jsonl"))
    assert missing.exit_code == 2
    assert "does not exist" in missing.stderr


@pytest.mark.usefixtures("filled")
def test_numbers_that_are_taken(done: Done, other: Run) -> None:
    lines = done("export")
    other("create", "mine")
    refused = other("import", "-", stdin=lines)
    assert refused.exit_code == 1
    assert "line 2: ticket.ticket_number: 1 is the number of another ticket here" in refused.stderr
    assert "with --renumber this one gets a new number" in refused.stderr
    renumbered = other("import", "-", "--renumber", "--json", stdin=lines)
    assert json.loads(renumbered.stdout)["renumbered"] == [[1, 3]]
    assert other("import", "-", "--renumber", stdin=lines).stdout == "0 tickets imported, 2 were there already\n"


def test_warnings_are_no_data(done: Done, data: Data, other: Run) -> None:
    bo = data("add-person", "Bo Berg", "bo@example.com")["person_guid"]
    done("create", "Printer", "--assign-to", "bo@example.com")
    done("create", "Fuse")
    done("link", "1", "2", "--type", "BLOCKS")
    result = other("import", "-", stdin=done("export", "--assignee", "bo@example.com"))
    assert (result.exit_code, result.stdout) == (0, "1 ticket imported\n")
    assert result.stderr.splitlines() == [
        f"Warning: line 2: assigned to {bo}, who is not known here; that is kept as it is",
        "Warning: 1 links lead to tickets that are neither in the file nor here: they are left out",
    ]
    assert other("links", "1").stdout == "No links.\n"
    assert other("import", "-", stdin=done("export")).stdout == "1 ticket imported, 1 were there already, 1 links\n"


MANY = "".join(f"{json.dumps({'subject': f'ticket {number}'})}\n" for number in range(250))


def test_an_interruption_finishes_the_batch_and_the_next_import_goes_on(run: Run, interrupt: Interrupt) -> None:
    interrupt(OF_ONE_TICKET, question=2)
    result = run("import", "-", stdin=MANY)
    assert (result.exit_code, result.stderr) == (130, "Interrupted: import the file again to go on.\n")
    assert result.stdout == "200 tickets imported\n"
    result = run("import", "-", "--no-plugins", stdin=MANY)
    assert (result.exit_code, result.stdout) == (0, "50 tickets imported, 200 were there already\n")


def test_an_interruption_while_the_file_is_checked_imports_nothing(run: Run, data: Data, interrupt: Interrupt) -> None:
    interrupt(OF_ONE_TICKET, question=1)
    result = run("import", "-", stdin=MANY)
    assert (result.exit_code, result.stdout) == (130, "0 tickets imported\n")
    assert data("list") == []


@pytest.mark.usefixtures("filled")
def test_a_named_pipe_is_read(done: Done, tmp_path: Path, config: Path) -> None:
    file = tmp_path / "tickets.jsonl"
    done("export", str(file))
    other = tmp_path / "piped.yaml"
    other.write_text(config.read_text(encoding="utf-8").replace("desk.db", "piped.db"), encoding="utf-8")
    command = f"{sys.executable} -m ticketcore --config {other} import /dev/stdin"
    piped = subprocess.run(["sh", "-c", f"cat {file} | {command}"], capture_output=True, text=True, check=False)
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, "2 tickets imported\n", "")
