"""Templates on the command line: files, lists, tickets, samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]

PRINTER = """\
# A printer that does not print.
name: PRINTER
subject: Printer {{ printer }} is jammed
description: |
  Seen on {{ date }}.
ticket_type: BUG
priority: HIGH
project: OFFICE
tasks:
  - name: Look at {{ printer }}
    assign_to: bob@example.com
  - name: Tell {{ requested_by }}
    description: And everybody on the same floor.
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "printer.yaml"
    path.write_text(PRINTER, encoding="utf-8")
    return path


def refused(run: Run, *arguments: str, stdin: str | bytes | None = None) -> list[str]:
    """Return the errors of a command that changes nothing."""
    result = run(*arguments, stdin=stdin)
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert all(line.startswith("Error: ") for line in lines)
    return [line.removeprefix("Error: ") for line in lines]


# add-template


def test_a_file_has_a_template(done: Done, data: Data, file: Path) -> None:
    assert done("list-templates") == "No templates.\n"
    assert done("add-template", str(file)) == "Template PRINTER of the package CORE added\n"
    (stored,) = data("list-templates")
    assert stored.pop("guid")
    assert stored == {
        "package": "CORE",
        "name": "PRINTER",
        "subject": "Printer {{ printer }} is jammed",
        "description": "Seen on {{ date }}.\n",
        "ticket_type": "BUG",
        "priority": "HIGH",
        "project": "OFFICE",
        "assign_to": "",
        "tasks": [
            {"name": "Look at {{ printer }}", "description": "", "assign_to": "bob@example.com"},
            {
                "name": "Tell {{ requested_by }}",
                "description": "And everybody on the same floor.",
                "assign_to": "",
            },
        ],
        "active": True,
    }


def test_a_file_has_a_list_of_templates_or_is_standard_input(done: Done, data: Data) -> None:
    listed = "- {name: ONE, subject: a, package: ''}\n- {name: TWO, subject: b, package: IT, active: false}\n"
    assert done("add-template", "-", stdin=listed) == (
        "Template ONE of any package added\nTemplate TWO of the package IT added\n"
    )
    assert [(one["name"], one["active"]) for one in data("list-templates")] == [("ONE", True), ("TWO", False)]
    assert [one["name"] for one in data("list-templates", "--package", "IT")] == ["TWO"]
    table = done("list-templates").splitlines()
    assert table[0].split() == ["Name", "Package", "Type", "Priority", "Tasks", "Assign", "to", "Subject", "Active"]
    assert table[2].split() == ["ONE", "any", "USER", "MEDIUM", "0", "—", "a", "yes"]


def test_the_end_of_standard_input_is_read_as_that_of_a_file(data: Data, tmp_path: Path) -> None:
    text = "name: A\nsubject: a\ndescription: |+\n  text\n\n"
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    (piped,) = data("add-template", "-", stdin=text)
    (read,) = data("add-template", str(tmp_path / "a.yaml"), "--replace")
    assert piped["description"] == read["description"] == "text\n\n"
    assert (piped["outcome"], read["outcome"]) == ("added", "replaced")


def test_one_that_is_there_is_replaced_only_when_asked(run: Run, done: Done, data: Data, file: Path) -> None:
    done("add-template", str(file))
    before = data("list-templates")
    assert refused(run, "add-template", str(file)) == [
        f"{file}:2: name: PRINTER of the package CORE is there already; replace it, or choose another name"
    ]
    assert data("list-templates") == before
    file.write_text("name: PRINTER\nsubject: new\nactive: false\n", encoding="utf-8")
    assert done("add-template", str(file), "--replace") == "Template PRINTER of the package CORE replaced\n"
    (stored,) = data("list-templates")
    assert (stored["guid"], stored["subject"], stored["tasks"]) == (before[0]["guid"], "new", [])
    (line,) = refused(run, "create-from-template", "PRINTER")
    hint = "it is not active; add it again with replace; ticketcore list-templates shows all"
    assert line == f"there is no template PRINTER ({hint})"


def test_everything_that_is_wrong_with_a_file_is_told_with_its_place(run: Run, data: Data, file: Path) -> None:
    file.write_text(
        "- name: A\n  subjct: a\n- name: 5\n  subject: '{{'\n  priority: URGENT\n  tasks:\n  - nme: x\n  - look\n- 7\n",
        encoding="utf-8",
    )
    cannot_be_read = "cannot be read (unexpected 'end of template'); write {{ '{{' }} for the characters themselves"
    keys = "name, subject, package, description, ticket_type, priority, project, assign_to, tasks, active"
    assert refused(run, "add-template", str(file)) == [
        f"{file}:1: [0].subject: is missing",
        f"{file}:2: [0].subjct: is not known; did you mean subject?; known here: {keys}",
        f"{file}:3: [1].name: must be text (put it in quotes), not 5",
        f"{file}:4: [1].subject: {cannot_be_read}",
        f"{file}:5: [1].priority: must be one of CRITICAL, HIGH, MEDIUM, LOW, INFO, not 'URGENT'",
        f"{file}:7: [1].tasks[0].name: is missing",
        f"{file}:7: [1].tasks[0].nme: is not known; did you mean name?; known here: name, description, assign_to",
        f"{file}:8: [1].tasks[1]: must be a section with keys of its own, not 'look'",
        f"{file}:9: [2]: must be a template with keys of its own, not 7",
    ]
    assert data("list-templates") == []


def test_what_the_desk_refuses_has_its_place_too(run: Run, data: Data) -> None:
    text = (
        "- name: A\n  subject: a\n- name: B\n  subject: '{{ x.y }}'\n  description: |\n    text\n    {{ x\n"
        "  tasks:\n  - name: ''\n- {name: A, subject: a}\n"
    )
    lines = refused(run, "add-template", "-", stdin=text)
    assert [line.partition(": ")[0] for line in lines] == [f"standard input:{line}" for line in (4, 5, 9, 10)]
    assert lines[1].startswith("standard input:5: [1].description: line 2: cannot be read (")
    assert lines[2:] == [
        "standard input:9: [1].tasks[0].name: must not be empty",
        "standard input:10: [2].name: A is there twice, also as [0].name",
    ]
    (line,) = refused(run, "add-template", "-", stdin="name: A\nsubject: ' '\n")
    assert line == "standard input:2: subject: must not be empty"
    assert data("list-templates") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "standard input: there is no template in it"),
        ("[]", "standard input: there is no template in it"),
        ("text", "standard input: must be a template with keys of its own, not 'text'"),
        ("name: a\nsubject: {{ x }}\n", "standard input:2: the template file cannot be read as YAML: "),
        ("name: a\nsubject: b\nname: c\n", "standard input:3: name: is there twice, in line 1 and in line 3"),
        (b"name: \xff", "the template file standard input is not UTF-8 text"),
        ("#" * (1024 * 1024 + 1), "the template file standard input is larger than 1048576 bytes"),
    ],
    ids=["empty", "no items", "a text", "braces without quotes", "a key twice", "no text", "too large"],
)
def test_what_is_no_file_of_templates_is_refused(run: Run, text: str | bytes, reason: str) -> None:
    (line,) = refused(run, "add-template", "-", stdin=text)
    assert line.startswith(reason)


def test_a_file_that_is_not_there_is_refused(run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    assert refused(run, "add-template", str(missing)) == [
        f"cannot read the template file {missing}: No such file or directory"
    ]


def test_what_stands_for_a_secret_in_a_configuration_is_text_in_a_template(data: Data) -> None:
    (stored,) = data("add-template", "-", stdin="name: A\nsubject: ${HOME} ${no_such} ${\n")
    assert stored["subject"] == "${HOME} ${no_such} ${"


# create-from-template


def test_a_ticket_is_made_with_its_tasks(done: Done, data: Data, file: Path) -> None:
    done("add-template", str(file))
    made = done("create-from-template", "PRINTER", "--set", "printer=P7 = the big one")
    assert made.startswith("Ticket 1 created, unassigned, resolution due ")
    assert made.endswith(", tasks: 2\n")
    ticket = data("read", "1")
    assert ticket["subject"] == "Printer P7 = the big one is jammed"
    assert (ticket["requested_by"], ticket["project"], ticket["priority"]) == ("ann", "OFFICE", "HIGH")
    assert [task["name"] for task in data("tasks", "1")] == ["Look at P7 = the big one", "Tell ann"]


def test_every_option_goes_before_what_the_template_says(data: Data, done: Done, file: Path) -> None:
    done("add-template", str(file))
    made = data(
        *("create-from-template", "PRINTER", "--set", "printer=", "--set", "date=today"),
        *("--requested-by", "eve@example.com"),
        *("--requested-by-type", "email", "--subject", "{{ printer }}", "--description", "d", "--project", ""),
        *("--priority", "low", "--type", "user", "--assign-to", "bob", "--eta", "2026-05-01"),
        *("--watcher", "w1@example.com", "--watcher", "w2@example.com"),
    )  # fmt: skip
    assert (made["subject"], made["description"], made["project"]) == ("{{ printer }}", "d", "")
    assert (made["priority"], made["ticket_type"], made["assigned_to"]) == ("LOW", "USER", "bob")
    assert (made["requested_by"], made["requested_by_type"]) == ("eve@example.com", "EMAIL")
    assert made["watchers"] == ["w1@example.com", "w2@example.com"]
    assert made["estimated_date"] == "2026-05-01T21:59:59+00:00"
    assert data("history", "1")[0]["action_by"] == "ann"


def test_the_package_says_which_template_is_meant(done: Done, data: Data, run: Run) -> None:
    done("add-template", "-", stdin="- {name: A, subject: any, package: ''}\n- {name: A, subject: it, package: IT}\n")
    assert data("create-from-template", "A")["subject"] == "any"
    made = data("create-from-template", "A", "--package", "IT")
    assert (made["subject"], made["package"]) == ("it", "IT")
    assert refused(run, "create-from-template", "B") == ["there is no template B (ticketcore list-templates shows all)"]


def test_all_values_that_are_missing_are_named(run: Run, done: Done, file: Path) -> None:
    done("add-template", str(file))
    assert refused(run, "create-from-template", "PRINTER", "--set", "Printer=P7", "--eta", "soon") == [
        "values.printer: is missing; the template PRINTER needs it in subject, tasks[0].name",
        "values.Printer: is no placeholder of the template PRINTER; did you mean printer?; there are: printer",
        "eta_date: 'soon' must be a date such as 2026-05-01 or an instant such as 2026-05-01T14:30+02:00 (ISO 8601)",
    ]
    assert done("list") == "No tickets.\n"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--set", "printer"], "'printer' is not KEY=VALUE"),
        (["--set", "=P7"], "'=P7' is not KEY=VALUE"),
        (["--set", "a=1", "--set", "b=2", "--set", "a=3"], "a is there twice"),
        (["--priority", "URGENT"], "'URGENT' is not one of CRITICAL, HIGH"),
    ],
)
def test_wrong_usage(run: Run, options: list[str], reason: str) -> None:
    result = run("create-from-template", "PRINTER", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr


# load-samples


def test_samples_are_loaded_once(done: Done, data: Data) -> None:
    loaded = done("load-samples")
    assert loaded.splitlines()[0] == "Template HCCOLLECTIONS_BUG of the package homechoice added"
    assert all(line.endswith(" added") for line in loaded.splitlines())
    before = data("list-templates")
    again = done("load-samples")
    assert again == loaded.replace(" added\n", " was there already\n")
    assert data("list-templates") == before
    assert {one["outcome"] for one in data("load-samples")} == {"kept"}


def test_a_sample_that_was_changed_stays_so(done: Done, data: Data) -> None:
    mine = "name: HCCOLLECTIONS_BUG\npackage: homechoice\nsubject: mine\n"
    done("add-template", "-", stdin=mine)
    outcomes = {one["name"]: (one["outcome"], one["subject"]) for one in data("load-samples")}
    assert outcomes.pop("HCCOLLECTIONS_BUG") == ("kept", "mine")
    assert {outcome for outcome, _ in outcomes.values()} == {"added"}


def test_the_sample_of_a_bug_makes_a_bug(done: Done, data: Data) -> None:
    done("load-samples")
    made = data("create-from-template", "HCCOLLECTIONS_BUG", "--package", "homechoice")
    assert (made["subject"], made["ticket_type"], made["priority"]) == ("Collections Bug", "BUG", "HIGH")
    assert made["package"] == "homechoice"
    assert "{{" not in made["description"]
    assert len(data("tasks", str(made["ticket_number"]))) > 1


def test_every_sample_can_be_made_into_a_ticket(done: Done, data: Data, run: Run) -> None:
    for sample in data("load-samples"):
        command = ["create-from-template", sample["name"], "--package", sample["package"]]
        first = run(*command)
        missing = [line.split()[1].removeprefix("values.").rstrip(":") for line in first.stderr.splitlines()]
        settings = [f"--set={name}=something" for name in missing]
        made = data(*command, *settings)
        assert "{{" not in made["subject"] + made["description"]
