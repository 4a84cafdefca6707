"""Placeholders: what they stand for, what only looks like one, and that nothing of them is shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ticketcore.config.loader import Loaded

Read = Callable[[str], Loaded]
Problems = Callable[[str], list[str]]

HOW = "write ${NAME}, ${NAME:-default} or ${file:path}, and $${ for the characters themselves"
NO_PLACEHOLDER = f"has a ${{ that begins no placeholder; {HOW}"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"GIVEN": "mail.example.com", "EMPTY": "", "NUMBER": "25", "YES": "Yes"}.items():
        monkeypatch.setenv(name, value)
    for name in ("UNSET", "OTHER"):
        monkeypatch.delenv(name, raising=False)


def host(read: Read, text: str) -> str:
    """Return what ``text`` stands for where a text is expected."""
    return read(f"email:\n  host: '{text}'\n").config.email.host


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("${GIVEN}", "mail.example.com"),
        ("${GIVEN}:${NUMBER}", "mail.example.com:25"),
        ("a ${GIVEN} b", "a mail.example.com b"),
        ("${EMPTY:-}", ""),
        ("${GIVEN:-x}", "mail.example.com"),
        ("${UNSET:-x}", "x"),
        ("${UNSET:-}", ""),
        ("${EMPTY:-x}", "x"),
        ("${UNSET:- a b }", " a b "),
        ("${UNSET:-x:-y}", "x:-y"),
        ("${UNSET:-$5 {}", "$5 {"),
        # What is none.
        ("$GIVEN $ {GIVEN} {GIVEN} $$ $", "$GIVEN $ {GIVEN} {GIVEN} $$ $"),
        ("$${GIVEN}", "${GIVEN}"),
        ("$${", "${"),
        ("$${GIVEN} ${GIVEN}", "${GIVEN} mail.example.com"),
        ("$$${GIVEN}", "$${GIVEN}"),
    ],
)
def test_what_a_placeholder_stands_for(read: Read, text: str, meant: str) -> None:
    assert host(read, text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "${}",
        "${",
        "${GIVEN",
        "${ GIVEN }",
        "${GIVEN-x}",
        "${GIVEN:=x}",
        "${GIVEN:x}",
        "${1GIVEN}",
        "${GIV-EN}",
        "${GÍVEN}",
        "${file:}",
        "${UNSET:-${GIVEN}}",
        "${${GIVEN}}",
        "${file:${GIVEN}}",
        "${GIVEN} ${",
    ],
)
def test_what_only_looks_like_a_placeholder_is_an_error_and_not_shown(problems: Problems, text: str) -> None:
    assert problems(f"email:\n  password: '{text}'\n") == [f"config.yaml:2: email.password: {NO_PLACEHOLDER}"]


def test_a_variable_that_is_not_set(problems: Problems) -> None:
    text = """\
email:
  host: '${UNSET}${OTHER}${UNSET}'
  port: ${UNSET}
notifiers:
  - email
  - ${OTHER}
timezone: ${UNSET}
"""
    assert problems(text) == [
        "config.yaml:2: email.host: the environment variable UNSET is not set",
        "config.yaml:2: email.host: the environment variable OTHER is not set",
        "config.yaml:3: email.port: the environment variable UNSET is not set",
        "config.yaml:6: notifiers[1]: the environment variable OTHER is not set",
        "config.yaml:7: timezone: the environment variable UNSET is not set",
    ]


def test_a_variable_that_is_empty_is_an_error_unless_that_is_meant(read: Read, problems: Problems) -> None:
    assert problems("email:\n  password: ${EMPTY}\n  port: ${EMPTY}\n") == [
        "config.yaml:2: email.password: the environment variable EMPTY is empty; if that is meant, write ${EMPTY:-}",
        "config.yaml:3: email.port: the environment variable EMPTY is empty; if that is meant, write ${EMPTY:-}",
    ]
    assert read("email: {password: '${EMPTY:-}', port: '${EMPTY:-25}'}\n").config.email.port == 25
    assert problems("email: {port: '${EMPTY:-}'}\n") == ["config.yaml:1: email.port: must be a whole number"]
    assert problems("templates: {root: '${EMPTY:-}'}\n") == [
        "config.yaml:1: templates.root: must be the path of a file"
    ]


@pytest.mark.skipif(os.name == "nt", reason="there every variable is text")
def test_a_variable_that_is_no_text(problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYTES", os.fsdecode(b"hunter2\xff"))
    assert problems("email: {password: '${BYTES}'}\n") == [
        "config.yaml:1: email.password: the environment variable BYTES is not UTF-8 text"
    ]


# Numbers, truth values, lists, sections.


def test_where_a_number_or_a_truth_value_is_expected_the_text_is_read_as_one(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """\
email: {port: "${NUMBER}", security: "${SECURITY}"}
database: {timeout: "${TIME}"}
scheduler: {inline: "${YES}", attempts: "${UNSET:-+7}", jobs: {outbox: "${NUMBER}", sla: "${NUMBER}.5"}}
webhooks: {chat: {url: "https://${GIVEN}/", allow_private: "${UNSET:-off}"}}
sla: {pause: ["${STATUS}"], recompute: "${UNSET:-restart}", defaults: {LOW: {response: "${NUMBER}", resolution: 50}}}
workflow: {default: "${UNSET:-strict}", packages: {LEGAL: {transitions: {NEW: ["${UNSET:-CLOSED}"]}}}}
"""
    for name, value in {"SECURITY": "tls", "TIME": ".5", "STATUS": "ON_HOLD"}.items():
        monkeypatch.setenv(name, value)
    config = read(text).config
    assert (config.email.port, config.email.security) == (25, "tls")
    assert (config.database.timeout, config.scheduler.attempts) == (0.5, 7)
    assert (config.scheduler.inline, config.webhooks["chat"].allow_private) == (True, False)
    assert (config.scheduler.jobs.outbox, config.scheduler.jobs.sla) == (25.0, 25.5)
    assert (config.sla.pause, config.sla.recompute) == (("ON_HOLD",), "restart")
    assert next(iter(config.sla.defaults.values())).response == 25
    assert config.workflow.default.name == "strict"
    assert type(config.email.port) is int
    assert type(config.scheduler.jobs.outbox) is float


@pytest.mark.parametrize(
    ("key", "wrong", "message"),
    [
        ("email.port", ["x", "2 5", "0x19", "1_0", "2.0", "٣", "9" * 5000], "must be a whole number"),
        ("email.port", ["99999", "-1"], "must be between 0 and 65535"),
        ("database.timeout", ["nan", "inf", "-inf", "1e3", "9" * 500], "must be a number"),
        ("database.timeout", ["-1", "0"], "must be between 0.001 and 86400"),
        ("scheduler.inline", ["1", "maybe", "y"], "must be true or false"),
        ("email.security", ["ssl"], "must be one of none, starttls, tls"),
        ("sla.recompute", ["never"], "must be one of from_creation, restart"),
        ("notifiers", ["email"], "must be a list"),
        ("scheduler", ["email"], "must be a section with keys of its own"),
        ("plugins", ["email"], "must be a mapping"),
        ("workflow", ["lax"], "must be one of default, strict, or a declaration"),
        ("timezone", ["Mars/Olympus"], "*** is no IANA time zone such as Europe/Berlin"),
        ("ticket.package", ["  "], "must not be empty"),
        ("database.url", ["hunter2"], "is no database URL; expected one such as sqlite:///desk.db"),
    ],
)
def test_a_wrong_value_from_a_placeholder_is_not_shown(
    problems: Problems, monkeypatch: pytest.MonkeyPatch, key: str, wrong: list[str], message: str
) -> None:
    section, _, name = key.partition(".")
    for value in wrong:
        monkeypatch.setenv("WRONG", value)
        text = f"{section}:\n  {name}: ${{WRONG}}\n" if name else f"\n{section}: ${{WRONG}}\n"
        assert problems(text) == [f"config.yaml:2: {key}: {message}"], value


def test_placeholders_are_filled_wherever_a_value_stands(read: Read) -> None:
    text = """\
plugins: {chat: {rooms: [a, '${GIVEN}', {name: '${NUMBER}', other: [['${YES}']]}], n: 5}}
notifiers: ['${YES}']
"""
    config = read(text).config
    rooms = ["a", "mail.example.com", {"name": "25", "other": [["Yes"]]}]
    assert config.plugins == {"chat": {"rooms": rooms, "n": 5}}
    assert config.notifiers == ("Yes",)


@pytest.mark.parametrize("key", ["${GIVEN}", "${", "a$${b", "${file:x}"])
def test_a_placeholder_never_stands_for_a_key(problems: Problems, key: str) -> None:
    message = "a placeholder stands for a value, never for a key"
    assert problems(f"workflow:\n  packages:\n    '{key}': strict\n") == [
        f"config.yaml:3: workflow.packages.{key}: {message}"
    ]
    assert problems(f"email: {{'{key}': 5}}\n") == [f"config.yaml:1: email.{key}: {message}"]


# Files.


@pytest.mark.parametrize(
    ("content", "meant"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b"hunter2\n\n", "hunter2\n"),
        (b" hunter2 \n", " hunter2 "),
        (b"a\r\nb\rc\n", "a\r\nb\rc"),
        ("häßlich\n".encode(), "häßlich"),
        (b"\xef\xbb\xbfhunter2\n", "hunter2"),
        (b"${GIVEN}\n", "${GIVEN}"),
        (b"", ""),
    ],
)
def test_a_file_stands_for_what_it_holds_without_the_end_of_its_last_line(
    read: Read, file: Path, content: bytes, meant: str
) -> None:
    (file.parent / "secret").write_bytes(content)
    assert host(read, "${file:secret}") == meant
    assert host(read, "<${file: secret }>") == f"<{meant}>"
    assert host(read, f"${{file:{file.parent}/secret}}") == meant


def test_a_file_as_long_as_it_may_be(read: Read, problems: Problems, file: Path) -> None:
    secret = file.parent / "secret"
    secret.write_text("x" * 65536, encoding="utf-8")
    assert host(read, "${file:secret}") == "x" * 65536
    secret.write_text("hunter2" * 10_000, encoding="utf-8")
    assert problems("email: {password: '${file:secret}'}\n") == [
        "config.yaml:1: email.password: cannot use secret: it holds more than 65536 characters"
    ]


def test_a_file_that_cannot_be_used(problems: Problems, file: Path) -> None:
    (file.parent / "binary").write_bytes(b"hunter2\xff")
    (file.parent / "folder").mkdir()
    text = "plugins:\n  chat:\n" + "".join(
        f'    {number}: "${{file:{name}}}"\n'
        for number, name in enumerate(["nowhere", "binary", "folder", "binary/x", r"a\0b", "~nobody-here/x"])
    )
    assert problems(text) == [
        "config.yaml:3: plugins.chat.0: cannot read nowhere: No such file or directory",
        "config.yaml:4: plugins.chat.1: cannot read binary: it is not UTF-8 text",
        "config.yaml:5: plugins.chat.2: cannot read folder: Is a directory",
        "config.yaml:6: plugins.chat.3: cannot read binary/x: Not a directory",
        r"config.yaml:7: plugins.chat.4: 'a\x00b' is not the path of a file",
        "config.yaml:8: plugins.chat.5: '~nobody-here/x' is not the path of a file",
    ]


def test_the_home_of_the_user_is_known(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "secret").write_text("hunter2\n", encoding="utf-8")
    assert host(read, "${file:~/secret}") == "hunter2"


def test_what_came_from_a_placeholder_stays_hidden_in_the_configuration(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIVEN", "hunter2")
    config = read("email: {host: '${GIVEN}', username: 'x ${GIVEN}'}\nnotifiers: ['${GIVEN}']\n").config
    assert (config.email.host, config.email.username, config.notifiers) == ("hunter2", "x hunter2", ("hunter2",))
    assert "hunter2" not in repr(config)
    assert f"{config.email.host!r} and {config.email.username!r}" == "*** and ***"
