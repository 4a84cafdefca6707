"""The JSON Schema: what ships is what the classes say, and it agrees with what reads configurations."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
import yaml
from attrs import field, frozen
from jsonschema import Draft202012Validator

from ticketcore.config.jsonschema import json_schema
from ticketcore.config.loader import Loaded, section
from ticketcore.config.schema import Config
from ticketcore.config.source import Source
from ticketcore.domain.workflow import Workflow
from ticketcore.errors import ConfigError

Read = Callable[[str], Loaded]

ROOT = Path(__file__).parents[2]
SHIPPED = json.loads(files("ticketcore.config").joinpath("config.schema.json").read_text(encoding="utf-8"))
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)

SEMANTIC = (
    "is no IANA time zone",
    "must not be empty",
    "is no database URL",
    "cannot be reached",
    "has no way out",
    "leads to no final status",
)
"""How problems begin or end that no schema can see."""


@cache
def validator() -> Draft202012Validator:
    return Draft202012Validator(SHIPPED)


def complaints(data: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator().iter_errors(data)]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_schema", ROOT / "docs" / "generate_schema.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_ships_is_what_the_classes_say() -> None:
    shipped = files("ticketcore").joinpath("config/config.schema.json").read_text(encoding="utf-8")
    assert shipped == generator().text(), "run: python docs/generate_schema.py"
    assert json_schema() == SHIPPED


def test_it_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(SHIPPED)
    assert SHIPPED["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


def test_the_sample_is_right_by_it() -> None:
    assert complaints(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))) == []


def test_every_configuration_in_the_documentation_is_right_by_it() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("[!_c]*/**/*.md")]
    blocks = [(page.name, block) for page in pages for block in BLOCK.findall(page.read_text(encoding="utf-8"))]
    assert len(blocks) > 10
    assert [(name, block, wrong) for name, block in blocks if (wrong := complaints(yaml.safe_load(block)))] == []


def every_setting(section: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield the path of each setting, what its schema says, and its default."""
    for one in attrs.fields(type(section)):
        value = getattr(section, one.name)
        below = f"{path}.{one.name}".lstrip(".")
        said: dict[str, Any] = SHIPPED
        if below == "workflow":
            yield below, said["properties"]["workflow"], "default"
            continue
        for part in below.split("."):
            said = said["properties"][part]
        yield below, said, value
        if attrs.has(type(value)) and not isinstance(value, Workflow):
            yield from every_setting(value, below)


def test_every_setting_is_explained_and_has_its_default() -> None:
    settings = list(every_setting(Config()))
    assert len(settings) > 30
    for path, said, value in settings:
        assert said["description"].endswith("."), path
        if isinstance(value, str | int | float | bool):
            assert said.get("default", "default") == value, path
        elif isinstance(value, tuple):
            assert said["default"] == [str(item) for item in value], path


def test_a_secret_is_said_to_be_one() -> None:
    places = SHIPPED["properties"]["webhooks"]["additionalProperties"]["properties"]
    for said in (SHIPPED["properties"]["email"]["properties"]["password"], places["url"], places["secret"]):
        assert "A secret: write ${NAME} or ${file:path}." in said["description"]


# It agrees with the loader.

RIGHT = [
    "timezone: Europe/Berlin",
    "email: {host: x, port: 25, security: tls, ca_file: null, folder: mail}",
    "email: {port: '${N}', security: '${S}', host: '${H}'}",
    "database: {timeout: '${T:-5}', url: 'memory:'}",
    "scheduler: {inline: '${B}', jobs: {outbox: 0, sla: 1.5}}",
    "scheduler:\n  jobs:\n",
    "sla: {defaults: false}",
    "sla:\n  defaults:\n",
    "sla: {defaults: {HIGH: {response: 1, resolution: '${N}'}}, pause: [NEW, '${P}'], recompute: '${R}'}",
    "notifiers: []",
    "webhooks: {chat: {url: '${U}', secret: '', allow_private: true}}",
    "webhooks:\n",
    "providers: {jira: {a: [1, {b: null}]}}",
    "plugins:\n  chat:\n",
    "workflow: strict",
    "workflow: '${W}'",
    "workflow: {}",
    "workflow: {default: strict, packages: {LEGAL: default, IT: '${W}'}}",
    "workflow: {packages: }",
    "workflow: {initial: '${I}', transitions: {NEW: [CLOSED, '${F}']}}",
    "workflow: {packages: {LEGAL: {transitions: {NEW: [IN_PROGRESS], IN_PROGRESS: [CLOSED], '*': [CANCELLED]}}}}",
    "",
]
WRONG = [
    "colour: red",
    "colour:",
    "email: {hots: x}",
    "email: {host: 5}",
    "email: {host: null}",
    "email: {port: '25'}",
    "email: {port: 65536}",
    "email: {port: 1.5}",
    "email: {port: '$${N}'}",
    "email: {port: '${N'}",
    "email: {port: '${1}'}",
    "email: {security: ssl}",
    "email: {ca_file: ''}",
    "email: {ca_file: 5}",
    "email: []",
    "database: {timeout: 0}",
    "database: {timeout: 86401}",
    "scheduler: {inline: 1}",
    "scheduler: {inline: 'yes'}",
    "scheduler: {attempts: 0}",
    "scheduler: {jobs: {mail: 1}}",
    "sla: {defaults: true}",
    "sla: {defaults: 0}",
    "sla: {defaults: {high: {response: 1, resolution: 2}}}",
    "sla: {defaults: {HIGH: {response: 1}}}",
    "sla: {defaults: {HIGH: {response: 0, resolution: 2}}}",
    "sla: {defaults: {HIGH: }}",
    "sla: {pause: ON_HOLD}",
    "sla: {pause: [WAITING]}",
    "sla: {pause: }",
    "sla: {recompute: never}",
    "notifiers: email",
    "notifiers:",
    "notifiers: [5]",
    "timezone:",
    "webhooks: {chat: {}}",
    "webhooks: {chat: }",
    "webhooks: {chat: {url: 5}}",
    "webhooks: {chat: 'https://hooks.example.com/'}",
    "webhooks: [chat]",
    "plugins: {chat: 5}",
    "plugins: [chat]",
    "workflow: lax",
    "workflow:",
    "workflow: []",
    "workflow: {defaults: strict}",
    "workflow: {default: }",
    "workflow: {packages: []}",
    "workflow: {packages: {LEGAL: lax}}",
    "workflow: {transitions: {}}",
    "workflow: {transitions: {NEW: CLOSED}}",
    "workflow: {transitions: {NEW: [DONE]}}",
    "workflow: {transitions: {DONE: [NEW]}}",
    "workflow: {transitions: {NEW: [CLOSED]}, final: CLOSED}",
    "workflow: {transitions: {NEW: [CLOSED]}, colour: red}",
    "workflow: {initial: NEW}",
]
ENVIRONMENT = {
    "N": "25",
    "S": "tls",
    "H": "x",
    "B": "true",
    "P": "ON_HOLD",
    "R": "restart",
    "U": "https://hooks.example.com/",
    "W": "strict",
    "I": "NEW",
    "F": "CANCELLED",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("T", raising=False)


@pytest.mark.parametrize("text", RIGHT)
def test_what_the_loader_takes_the_schema_takes(read: Read, text: str) -> None:
    read(text)
    assert complaints(yaml.safe_load(text)) == []


@pytest.mark.parametrize("text", WRONG)
def test_what_the_loader_refuses_the_schema_refuses(read: Read, text: str) -> None:
    with pytest.raises(ConfigError):
        read(text)
    assert complaints(yaml.safe_load(text)) != []


VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 25, 100_000, 10**12, 1.5, -0.5, "", "x", "5", "true"),
    *("ON_HOLD", "strict", "tls", "restart", "${N}", "${W}", "$${N}", "a ${N} b"),
    *([], ["x"], ["ON_HOLD"], [["x"]], [None], {}, {"x": 1}, {"HIGH": {"response": 1, "resolution": 2}}),
    *({"NEW": ["CLOSED"]}, {"*": ["CLOSED"]}, {"default": "strict"}, {"url": "https://x.example.com/"}),
]
PATHS = [
    *(path for path, _, _ in every_setting(Config())),
    *("sla.defaults.HIGH", "sla.defaults.HIGH.response", "sla.defaults.high", "webhooks.chat", "webhooks.chat.url"),
    *("webhooks.chat.secret", "webhooks.chat.allow_private", "webhooks.chat.ca_file", "plugins.chat", "plugins.chat.x"),
    *("workflow.default", "workflow.packages", "workflow.packages.IT", "workflow.transitions", "workflow.final"),
    *("workflow.initial", "workflow.transitions.NEW", "email.colour", "colour"),
]
AROUND: dict[str, Any] = {
    "sla.defaults.HIGH.response": {"resolution": 5},
    "webhooks.chat.secret": {"url": "https://x.example.com/"},
    "webhooks.chat.allow_private": {"url": "https://x.example.com/"},
    "webhooks.chat.ca_file": {"url": "https://x.example.com/"},
    "workflow.final": {"transitions": {"NEW": ["CLOSED"]}},
    "workflow.initial": {"transitions": {"NEW": ["CLOSED"]}},
}
"""What stands beside a key in its section, where it needs that."""


@pytest.mark.parametrize("path", PATHS)
def test_of_any_value_at_any_place_both_think_the_same(read: Read, path: str) -> None:
    for value in VALUES:
        *sections, name = path.split(".")
        data: Any = AROUND.get(path, {}) | {name: value}
        for part in reversed(sections):
            data = {part: data}
        try:
            read(json.dumps(data))
            wrong = []
        except ConfigError as error:
            wrong = [line for line in error.lines() if not any(words in line for words in SEMANTIC)]
        said = complaints(data)
        if "${" in str(value):  # what it stands for is not known to an editor
            assert wrong or not said, (data, said)
        else:
            assert bool(wrong) == bool(said), (data, wrong, said)


# With sections of plugins.


@frozen(kw_only=True)
class Room:
    name: str
    token: str = field(default="", metadata={"secret": True, "help": "Its key."})
    inner: Room | None = None


@frozen(kw_only=True)
class Settings:
    rooms: tuple[Room, ...] = field(metadata={"help": "Where to tell."})
    pair: tuple[int, str] = (0, "")
    size: float = field(default=1.0, metadata={"within": (1, 5)})
    above: int = field(default=1, metadata={"above": 0})
    derived: str = field(init=False, default="x")


@frozen
class Homeless:
    what: Nowhere  # type: ignore[name-defined]  # noqa: F821 - what happens to such a class is the question


SECTIONS: dict[str, type[Any]] = {"plugins.chat": Settings, "providers.jira": Room, "plugins.none": Homeless}

CHAT: list[tuple[dict[str, Any], bool]] = [
    ({"rooms": [{"name": "a"}]}, True),
    ({"rooms": [], "pair": [1, "a"], "size": 5, "above": 1}, True),
    ({"rooms": [{"name": "a", "inner": {"name": "b"}}]}, True),
    ({"rooms": [{"name": "a", "inner": None}], "size": "${N}"}, True),
    ({}, False),
    ({"rooms": [{"token": "x"}]}, False),
    ({"rooms": [{"name": 5}]}, False),
    ({"rooms": {"name": "a"}}, False),
    ({"rooms": [], "pair": [1]}, False),
    ({"rooms": [], "pair": [1, "a", 2]}, False),
    ({"rooms": [], "pair": ["a", 1]}, False),
    ({"rooms": [], "size": 5.5}, False),
    ({"rooms": [], "above": 0}, False),
    ({"rooms": [], "derived": "y"}, False),
    ({"rooms": [], "colour": "red"}, False),
]


@pytest.mark.parametrize(("data", "right"), CHAT, ids=range(len(CHAT)))
def test_a_section_of_a_plugin_is_described_as_it_is_read(data: dict[str, Any], right: bool) -> None:
    schema = json_schema(SECTIONS)
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid({"plugins": {"chat": data}}) is right
    if data.get("size") != "${N}":
        assert (section(Settings, data, "plugins.chat", Source())[1] == []) is right


def test_with_sections_every_other_one_is_an_error_and_without_none_is() -> None:
    some, none = Draft202012Validator(json_schema(SECTIONS)), Draft202012Validator(json_schema({}))
    for group in ("plugins", "providers"):
        assert validator().is_valid({group: {"other": {"a": 1}}})
        assert not some.is_valid({group: {"other": {}}})
        assert not none.is_valid({group: {"other": {}}})
        assert none.is_valid({group: {}})
    assert some.is_valid({"providers": {"jira": {"name": "a"}}, "plugins": {"none": {"what": 1}}})
