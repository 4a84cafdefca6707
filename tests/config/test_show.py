"""What can be shown of a configuration: every value with its origin, and no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from attrs import field, frozen

from ticketcore.config.loader import Loaded, section
from ticketcore.config.schema import Config
from ticketcore.config.show import Shown, shown
from ticketcore.domain.workflow import Workflow

Read = Callable[[str], Loaded]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIVEN", "hunter2")
    monkeypatch.setenv("NUMBER", "2525")
    monkeypatch.delenv("UNSET", raising=False)


def rows(loaded: Loaded, settings: dict[str, Any] | None = None) -> dict[str, tuple[Any, str]]:
    """Return value and origin of everything, without the folder of the file."""
    found = shown(loaded.config, loaded.source, settings or {})
    assert len({one.key for one in found}) == len(found)
    json.dumps([one.value for one in found])
    folder = f"{loaded.source.file.parent}/" if loaded.source.file else "?"
    return {one.key: (one.value, one.origin.replace(folder, "")) for one in found}


def test_every_setting_is_shown_with_its_default() -> None:
    found = rows(Loaded(Config()))
    assert {origin for _, origin in found.values()} == {"default"}

    def names(section: Any, path: str) -> list[str]:
        value = [getattr(section, one.name) for one in attrs.fields(type(section))]
        pairs = zip((f"{path}{one.name}" for one in attrs.fields(type(section))), value, strict=True)
        return [
            name
            for key, one in pairs
            for name in (names(one, f"{key}.") if attrs.has(type(one)) and not isinstance(one, Workflow) else [key])
        ]

    expected = set(names(Config(), "")) - {"sla.defaults"}
    assert expected <= found.keys()
    assert {key for key in found if key not in expected} == {
        f"sla.defaults.{priority}.{target}"
        for priority in ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO")
        for target in ("response", "resolution")
    }
    assert found["notifiers"] == (["email"], "default")
    assert found["workflow.default"] == ("default", "default")
    assert found["sla.recompute"] == ("from_creation", "default")
    assert found["email.password"] == ("", "default")


def test_what_is_in_the_file_has_its_line_and_the_rest_is_a_default(read: Read, file: Path) -> None:
    text = """\
timezone: Europe/Berlin
email:
  port: 25
  ca_file: null
  folder: mail

sla:
  defaults:
    LOW:
      response: 1
      resolution: 2
  pause:
    - ON_HOLD
scheduler:
  jobs:
templates:
webhooks:
  chat: {url: "https://hooks.example.com/hunter2"}
workflow: {packages: {LEGAL: strict}}
"""
    found = rows(read(text))
    changed = {key: row for key, row in found.items() if row[1] != "default"}
    assert changed == {
        "timezone": ("Europe/Berlin", "config.yaml:1"),
        "email.port": (25, "config.yaml:3"),
        "email.ca_file": (None, "config.yaml:4"),
        "email.folder": (str(file.parent / "mail"), "config.yaml:5"),
        "sla.defaults.LOW.response": (1, "config.yaml:10"),
        "sla.defaults.LOW.resolution": (2, "config.yaml:11"),
        "sla.pause": (["ON_HOLD"], "config.yaml:12"),
        "webhooks.chat.url": ("***", "config.yaml:18"),
        "workflow.packages.LEGAL": ("strict", "config.yaml:19"),
    }
    assert found["webhooks.chat.secret"] == ("", "default")
    assert found["webhooks.chat.allow_private"] == (False, "default")
    assert found["scheduler.jobs.outbox"] == (10.0, "default")
    assert found["workflow.default"] == ("default", "default")


@pytest.mark.parametrize(
    ("text", "name", "origin"),
    [
        ("workflow: strict\n", "strict", "config.yaml:1"),
        ("\nworkflow: {default: strict}\n", "strict", "config.yaml:2"),
        ("workflow: {transitions: {NEW: [CLOSED]}}\n", "workflow", "config.yaml:1"),
        ("workflow: {packages: {}}\n", "default", "default"),
        ("workflow: ${UNSET:-strict}\n", "***", "config.yaml:1, default of UNSET"),
    ],
)
def test_the_origin_of_a_workflow(read: Read, text: str, name: str, origin: str) -> None:
    assert rows(read(text))["workflow.default"] == (name, origin)


def test_no_service_levels_come_from_the_file(read: Read) -> None:
    assert rows(read("sla: {defaults: false}\n"))["sla.defaults"] == ({}, "config.yaml:1")
    assert rows(read("sla:\n  defaults:\n"))["sla.defaults.LOW.response"] == (480, "default")


def test_what_is_merged_is_no_default(read: Read) -> None:
    text = """\
providers: {}
scheduler:
  jobs:
    outbox: 1
    sla: 2
sla:
  defaults:
    HIGH: &usual {response: 3, resolution: 4}
    LOW:
      <<: *usual
      resolution: 5
"""
    found = rows(read(text))
    assert found["sla.defaults.LOW.response"] == (3, "config.yaml:8")
    assert found["sla.defaults.LOW.resolution"] == (5, "config.yaml:11")
    assert found["scheduler.jobs.escalations"] == (60.0, "default")


def test_what_is_merged_and_then_replaced_as_a_whole_is_a_default_again(read: Read) -> None:
    text = """\
scheduler:
  <<: {attempts: 3, jobs: {outbox: 1, sla: 2}}
  jobs: {sla: 3}
"""
    found = rows(read(text))
    assert found["scheduler.attempts"] == (3, "config.yaml:2")
    assert found["scheduler.jobs.sla"] == (3.0, "config.yaml:3")
    assert found["scheduler.jobs.outbox"] == (10.0, "default")


def test_what_placeholders_stood_for_is_hidden_and_its_origin_is_not(read: Read, file: Path) -> None:
    (file.parent / "secret").write_text("hunter2\n", encoding="utf-8")
    text = """\
email:
  host: ${GIVEN}
  port: ${NUMBER}
  username: "${UNSET:-ann}@${GIVEN}/${GIVEN}"
  password: ${file:secret}
  folder: ./${GIVEN}
  sender: $${GIVEN}@example.com
notifiers: [email, "${GIVEN}"]
ticket: {package: "${UNSET:-IT}"}
templates: {root: "${file:./secret}"}
scheduler: {inline: "${UNSET:-off}"}
sla: {pause: ["${UNSET:-ON_HOLD}", NEW]}
"""
    loaded = read(text)
    found = rows(loaded)
    assert {key: row for key, row in found.items() if row[1] != "default"} == {
        "email.host": ("***", "config.yaml:2, environment variable GIVEN"),
        "email.port": ("***", "config.yaml:3, environment variable NUMBER"),
        "email.username": ("***", "config.yaml:4, default of UNSET and environment variable GIVEN"),
        "email.password": ("***", "config.yaml:5, file secret"),
        "email.folder": ("***", "config.yaml:6, environment variable GIVEN"),
        "email.sender": ("${GIVEN}@example.com", "config.yaml:7"),
        "notifiers": (["email", "***"], "config.yaml:8"),
        "ticket.package": ("***", "config.yaml:9, default of UNSET"),
        "templates.root": ("***", "config.yaml:10, file secret"),
        "scheduler.inline": ("***", "config.yaml:11, default of UNSET"),
        "sla.pause": (["***", "NEW"], "config.yaml:12"),
    }


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("postgresql://ann:hunter2@db.example.com/desk", "postgresql://ann:***@db.example.com/desk"),
        ("postgresql://ann:hunter2@hunter2/hunter2@db/desk", "postgresql://ann:***@db/desk"),
        ("postgresql://:hunter2@db/desk", "postgresql://:***@db/desk"),
        ("postgresql://ann@db/desk", "postgresql://ann@db/desk"),
        ("postgresql://db:5432/desk", "postgresql://db:5432/desk"),
        ("lmdb:///desk?user=ann&password=hunter2&mode=ro", "lmdb:///desk?user=ann&password=***&mode=ro"),
        ("lmdb:///desk?api_key=hunter2", "lmdb:///desk?api_key=***"),
        ("memory:", "memory:"),
    ],
)
def test_the_password_of_a_database_is_hidden(read: Read, url: str, seen: str) -> None:
    assert rows(read(f"database: {{url: '{url}'}}\n"))["database.url"] == (seen, "config.yaml:1")


# Sections of plugins.


@frozen(kw_only=True)
class Room:
    name: str
    token: str = field(default="", metadata={"secret": True})


def split(text: Any) -> Any:
    return text.split(",") if isinstance(text, str) else text


def in_order(names: list[str]) -> list[str]:
    return sorted(names)


def compiled(text: str) -> re.Pattern[str]:
    return re.compile(text)


@frozen(kw_only=True)
class Settings:
    url: str = "https://ann:hunter2@chat.example.com/"
    token: str = field(default="", metadata={"secret": True})
    pin: int = field(default=0, metadata={"secret": True})
    rooms: tuple[Room, ...] = ()
    by_name: dict[str, Room] = field(factory=dict)
    tags: frozenset[str] = frozenset()
    names: Any = field(default=(), converter=split)
    labels: list[dict[str, str]] = field(factory=list)
    sorted: list[str] = field(factory=list, converter=in_order)
    pattern: Any = field(default="", converter=compiled)
    when: tuple[Room, ...] | None = None
    header: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "header", f"Bearer {self.token}")


def plugin_rows(loaded: Loaded, kind: type[Any] = Settings) -> dict[str, tuple[Any, str]]:
    made, problems = section(kind, loaded.config.plugins["chat"], "plugins.chat", loaded.source)
    assert problems == []
    found = rows(loaded, {"plugins.chat": made, "plugins.other": None})
    return {key.removeprefix("plugins.chat."): row for key, row in found.items() if key.startswith("plugins.chat.")}


def test_the_section_of_a_plugin_is_shown_by_its_class(read: Read) -> None:
    text = """\
plugins:
  chat:
    token: hunter2
    pin: 1234
    rooms:
      - {name: all, token: hunter2}
      - name: few
    by_name: {x: {name: one, token: hunter2}}
    tags: [b, a]
    names: a,b
    labels: [{a: b}]
    pattern: a+
"""
    found = plugin_rows(read(text))
    assert found == {
        "url": ("https://ann:***@chat.example.com/", "default"),
        "token": ("***", "config.yaml:3"),
        "pin": ("***", "config.yaml:4"),
        "rooms[0].name": ("all", "config.yaml:6"),
        "rooms[0].token": ("***", "config.yaml:6"),
        "rooms[1].name": ("few", "config.yaml:7"),
        "rooms[1].token": ("", "default"),
        "by_name.x.name": ("one", "config.yaml:8"),
        "by_name.x.token": ("***", "config.yaml:8"),
        "tags": (["a", "b"], "config.yaml:9"),
        "names": (["a", "b"], "config.yaml:10"),
        "labels": ([{"a": "b"}], "config.yaml:11"),
        "sorted": ([], "default"),
        "pattern": ("re.compile('a+')", "config.yaml:12"),
        "when": (None, "default"),
    }


def test_what_placeholders_stood_for_is_hidden_whatever_the_class_makes_of_it(read: Read) -> None:
    text = """\
plugins:
  chat:
    url: ${GIVEN}
    rooms: [{name: "${GIVEN}"}]
    by_name: {x: {name: "${GIVEN}"}}
    tags: [a, "${GIVEN}"]
    names: "a,${GIVEN}"
    labels: [{a: "${GIVEN}", b: c}]
    sorted: [z, "${GIVEN}"]
    pattern: ${GIVEN}
"""
    found = plugin_rows(read(text))
    assert "hunter2" not in json.dumps(list(found.values())).replace("https://ann:***", "")
    assert found["rooms[0].name"] == ("***", "config.yaml:4, environment variable GIVEN")
    assert found["labels"][0] == [{"a": "***", "b": "c"}]
    assert found["tags"][0] == ["***", "***"]
    assert found["names"][0] == ["***", "***"]
    assert found["sorted"][0] == ["***", "***"]
    assert found["pattern"][0] == "***"


def test_the_section_of_a_plugin_that_is_not_known_is_hidden(read: Read) -> None:
    text = """\
plugins: {chat: {token: hunter2, rooms: [hunter2, {a: hunter2}], n: 5, empty: ''}}
providers: {jira: {a: hunter2}}
"""
    found = rows(read(text))
    assert found["plugins.chat.token"] == ("***", "config.yaml:1")
    assert found["plugins.chat.rooms"] == (["***", {"a": "***"}], "config.yaml:1")
    assert (found["plugins.chat.n"][0], found["plugins.chat.empty"][0]) == ("***", "")
    assert found["providers.jira.a"] == ("***", "config.yaml:2")


def test_a_key_with_odd_letters_is_a_default_or_has_its_line(read: Read) -> None:
    found = rows(read('workflow: {packages: {"a]": strict, "b[0]": strict, "c.d": strict}}\n'))
    assert [found[f"workflow.packages.{name}"][1] for name in ("a]", "b[0]", "c.d")] == ["config.yaml:1"] * 3


def test_it_is_a_plain_record(read: Read) -> None:
    loaded = read("timezone: UTC\n")
    assert Shown("timezone", "UTC", f"{loaded.source.file}:1") in shown(loaded.config, loaded.source, {})
