"""The configuration at the command line: checked, shown, described."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from jsonschema import Draft202012Validator

from ticketcore.config.jsonschema import json_schema

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]
Install = Callable[[str, str], Path]

CHAT = """
    from attrs import field, frozen
    from ticketcore.plugin.markers import hookimpl
    from ticketcore.plugin.records import NotifierSpec
    from ticketcore.ports.notifier import Receipt

    @frozen(kw_only=True)
    class Settings:
        room: str
        token: str = field(default="", repr=False, metadata={"secret": True})
        size: int = field(default=1, metadata={"within": (1, 5)})

    class Chat:
        def send(self, notification, *, timeout):
            return Receipt("told")

    @hookimpl
    def ticketcore_notifiers():
        make = lambda settings: Chat()
        return [NotifierSpec(name="chat", summary="tells a chat", target=make, config=Settings)]
"""


@pytest.fixture
def chat(install: Install) -> None:
    install("chat", CHAT)


def append(config: Path, text: str) -> None:
    with config.open("a", encoding="utf-8") as file:
        file.write(text)


def refused(run: Run, *args: str) -> tuple[int, list[str]]:
    """Return exit status and errors of a command that prints nothing."""
    result = run(*args)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.exit_code, result.stderr.splitlines()


# Check.


def test_a_right_configuration(done: Done, data: Data, config: Path) -> None:
    assert done("config", "check") == f"The configuration is right: {config}\n"
    assert data("config", "check") == {"ok": True, "file": str(config), "problems": []}
    assert not (config.parent / "desk.db").exists()
    assert not (config.parent / "mail").exists()


def test_no_configuration_is_right_too(bare: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert bare("config", "check").stdout == "The configuration is right: the built-in defaults\n"
    assert not (tmp_path / "data").exists()


def test_every_problem_is_a_line(run: Run, config: Path) -> None:
    config.write_text(
        "colour: red\nemail:\n  port: high\n\n  hots: x\ntimezone: ${NO_SUCH_VARIABLE}\n", encoding="utf-8"
    )
    status, errors = refused(run, "config", "check")
    assert status == 3
    assert [error.partition(" known here: ")[0] for error in errors] == [
        f"Error: {config}:1: colour: is not known;",
        f"Error: {config}:3: email.port: must be a whole number, not 'high'",
        f"Error: {config}:5: email.hots: is not known; did you mean host?;",
        f"Error: {config}:6: timezone: the environment variable NO_SUCH_VARIABLE is not set",
    ]


def test_problems_as_data(run: Run, config: Path) -> None:
    config.write_text("timezone: Mars/Olympus\nemail: {port: 5.5}\n", encoding="utf-8")
    result = run("config", "check", "--json")
    assert (result.exit_code, result.stderr) == (3, "")
    assert json.loads(result.stdout) == {
        "ok": False,
        "problems": [
            {
                "path": "timezone",
                "message": "'Mars/Olympus' is no IANA time zone such as Europe/Berlin",
                "place": f"{config}:1",
            },
            {"path": "email.port", "message": "must be a whole number, not 5.5", "place": f"{config}:2"},
        ],
    }


def test_a_file_that_cannot_be_read(run: Run, config: Path) -> None:
    missing = config.parent / "nowhere.yaml"
    message = f"cannot read the configuration {missing}: No such file or directory"
    assert refused(run, "--config", str(missing), "config", "check") == (3, [f"Error: {message}"])
    result = run("--config", str(missing), "--json", "config", "check")
    assert result.exit_code == 3
    assert json.loads(result.stdout) == {"ok": False, "problems": [{"path": "", "message": message, "place": ""}]}


def test_a_key_of_several_lines_is_one_line_of_an_error(run: Run, config: Path) -> None:
    config.write_text('email: {"a\\nError: forged\\e[31m": 5}\n', encoding="utf-8")
    status, (error,) = refused(run, "config", "check")
    assert status == 3
    assert error.startswith(f"Error: {config}:1: email.a Error: forged\\x1b[31m: is not known")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("notifiers: [email, pigeon]\n", "there is no notifier called 'pigeon'"),
        ("scheduler: {engine: celery}\n", "there is no scheduler called 'celery'"),
        ("providers: {jira: {url: x}}\n", "there is no provider called 'jira'"),
        ("plugins: {jira: {url: x}}\n", "plugins.jira: there is no plugin 'jira'"),
    ],
)
def test_a_plugin_that_is_missing(run: Run, config: Path, text: str, words: str) -> None:
    append(config, text)
    status, (error,) = refused(run, "config", "check")
    assert status == 4
    assert words in error
    result = run("config", "check", "--json")
    assert (result.exit_code, result.stderr) == (4, "")
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert words in found["problems"][0]["message"]


def test_an_address_that_is_none_is_a_problem_of_its_key(run: Run, config: Path) -> None:
    config.write_text("email:\n  sender: nobody\n", encoding="utf-8")
    status, (error,) = refused(run, "config", "check")
    assert status == 3
    assert error.startswith(f"Error: {config}:2: email.sender: 'nobody' is not an e-mail address")


@pytest.mark.usefixtures("chat")
def test_the_section_of_a_plugin_is_checked_by_its_class(run: Run, done: Done, config: Path) -> None:
    append(config, "plugins:\n  chat:\n    room: all\n")
    assert done("config", "check").startswith("The configuration is right")
    append(config, "    size: 9\n    token: 12345\n    rooms: x\n")
    status, errors = refused(run, "config", "check")
    assert status == 3
    assert sorted(errors) == [
        f"Error: {config}:10: plugins.chat.token: must be text (put it in quotes)",
        f"Error: {config}:11: plugins.chat.rooms: is not known; did you mean room?; known here: room, token, size",
        f"Error: {config}:9: plugins.chat.size: must be between 1 and 5, not 9",
    ]


@pytest.mark.usefixtures("chat")
def test_a_missing_section_is_a_problem_once_the_notifier_is_turned_on(run: Run, done: Done, config: Path) -> None:
    result = run("config", "check")
    assert (result.exit_code, result.stdout) == (0, f"The configuration is right: {config}\n")
    append(config, "notifiers: [chat]\n")
    status, errors = refused(run, "config", "check")
    assert status == 3
    assert any("plugins.chat.room: is missing" in error for error in errors)
    assert refused(run, "--no-plugins", "config", "check")[0] == 4


# Show.


def test_every_value_is_shown_with_its_origin(data: Data, done: Done, config: Path) -> None:
    found = {one["key"]: (one["value"], one["origin"]) for one in data("config", "show")}
    assert found["database.url"] == (f"sqlite:///{config.parent}/desk.db", f"{config}:2")
    assert found["email.folder"] == (str(config.parent / "mail"), f"{config}:4")
    assert found["timezone"] == ("Europe/Berlin", f"{config}:5")
    assert found["email.port"] == (0, "default")
    table = done("config", "show").splitlines()
    assert table[0].split() == ["Key", "Value", "Origin"]
    assert [line.split()[0] for line in table[2:]] == list(found)
    assert ["timezone", '"Europe/Berlin"', f"{config}:5"] in [line.split() for line in table]
    assert not (config.parent / "desk.db").exists()


def test_only_what_is_no_default(data: Data, done: Done, config: Path) -> None:
    keys = ["database.url", "timezone", "email.folder"]
    assert [one["key"] for one in data("config", "show", "--changed")] == keys
    assert [line.split()[0] for line in done("config", "show", "--changed").splitlines()[2:]] == keys
    config.write_text("", encoding="utf-8")
    assert data("config", "show", "--changed") == []


def test_no_secret_is_shown(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch, chat: None) -> None:
    monkeypatch.setenv("HOST_HERE", "hunter2.example.com")
    (config.parent / "secret").write_text("hunter2\n", encoding="utf-8")
    config.write_text(
        """\
database: {url: "sqlite://ann:hunter2@/desk.db"}
email: {host: "${HOST_HERE}", password: "${file:secret}", username: ann}
webhooks: {chat: {url: "https://hooks.example.com/hunter2", secret: hunter2hunter2hunter2hunter2}}
plugins: {chat: {room: all, token: hunter2}}
notifiers: [email, webhook, chat]
""",
        encoding="utf-8",
    )
    for args in (("show",), ("show", "--json"), ("show", "--changed"), ("check",), ("check", "--json")):
        result = run("config", *args)
        assert result.exit_code == 0, result.output
        assert "hunter2" not in result.output
    found = {one["key"]: one for one in json.loads(run("config", "show", "--json").stdout)}
    assert found["database.url"]["value"] == "sqlite://ann:***@/desk.db"
    assert found["email.host"] == {
        "key": "email.host",
        "value": "***",
        "origin": f"{config}:2, environment variable HOST_HERE",
    }
    assert found["email.password"]["origin"] == f"{config}:2, file {config.parent / 'secret'}"
    assert found["email.username"]["value"] == "ann"
    assert (found["webhooks.chat.url"]["value"], found["webhooks.chat.secret"]["value"]) == ("***", "***")
    assert (found["plugins.chat.room"]["value"], found["plugins.chat.token"]["value"]) == ("all", "***")


def test_a_wrong_configuration_is_not_shown(run: Run, config: Path) -> None:
    config.write_text("email: {port: high}\n", encoding="utf-8")
    assert refused(run, "config", "show")[0] == 3


# The schema.


def test_the_schema_of_the_core(data: Data, run: Run, config: Path) -> None:
    schema = data("config", "schema")
    Draft202012Validator.check_schema(schema)
    assert schema == json_schema({})
    config.write_text("email: {port: high}\n", encoding="utf-8")
    assert json.loads(run("config", "schema").stdout) == schema  # whatever is in the file


@pytest.mark.usefixtures("chat")
def test_the_schema_has_the_sections_of_the_installed_plugins(data: Data, run: Run) -> None:
    schema = Draft202012Validator(data("config", "schema"))
    assert schema.is_valid({"plugins": {"chat": {"room": "all", "size": 5}}})
    for wrong in ({"size": 5}, {"room": "all", "size": 6}, {"room": "all", "rooms": 1}):
        assert not schema.is_valid({"plugins": {"chat": wrong}})
    without = json.loads(run("--no-plugins", "config", "schema").stdout)
    assert without == json_schema({})
