"""Wrong values: each is a problem of its own, with its path, its line, and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ticketcore.config.loader import Loaded, load_config, read_config, with_defaults
from ticketcore.config.schema import Config, EmailSection, JobsSection, Targets, WebhookSection
from ticketcore.domain.sla import Recompute
from ticketcore.domain.ticket import Priority, Status
from ticketcore.domain.workflow import DEFAULT, STRICT

Read = Callable[[str], Loaded]
Problems = Callable[[str], list[str]]

STATUSES = "NEW, TRIAGED, IN_PROGRESS, ON_HOLD, ESCALATED, RESOLVED, CLOSED, CANCELLED"
EMAIL = "host, port, security, username, password, sender, ca_file, folder"
SECTIONS = (
    "ticket, database, timezone, workflow, sla, templates, email, notifiers, webhooks, providers, recurring, "
    "scheduler, plugins"
)

# The text behind the key, and what is wrong with it. "{}" stands for the key itself.
WRONG = {
    "email.host": [
        ("5", "must be text (put it in quotes), not 5"),
        ("1.50", "must be text (put it in quotes), not 1.5"),
        ("no", "must be text (put it in quotes), not false"),
        ("2026-03-02", "must be text (put it in quotes), not 2026-03-02"),
        ("null", "must be text, not nothing"),
        ("[a]", "must be text, not a list"),
        ("{a: 1}", "must be text, not a mapping"),
        ("!!binary aGk=", "must be text, not a value of the type bytes"),
    ],
    "email.port": [
        ("high", "must be a whole number, not 'high'"),
        ("'25'", "must be a whole number, not '25'"),
        ("25.0", "must be a whole number, not 25.0"),
        ("yes", "must be a whole number, not true"),
        ("[25]", "must be a whole number, not a list"),
        (".nan", "must be a whole number, not nan"),
        ("", "must be a whole number, not nothing"),
        ("-1", "must be between 0 and 65535, not -1"),
        ("65536", "must be between 0 and 65535, not 65536"),
        ("0x" + "f" * 4000, "must be a whole number, not so large a one"),
    ],
    "database.timeout": [
        ("soon", "must be a number, not 'soon'"),
        ("false", "must be a number, not false"),
        (".nan", "must be a number, not nan"),
        (".inf", "must be a number, not inf"),
        ("-.inf", "must be a number, not -inf"),
        ("1e3", "must be a number, not '1e3'"),
        ("0", "must be between 0.001 and 86400, not 0"),
        ("-0.5", "must be between 0.001 and 86400, not -0.5"),
        ("1.0e+300", "must be between 0.001 and 86400, not 1e+300"),
        ("-" + "9" * 30, "must be a number, not so large a one"),
        ("9" * 400, "must be a number, not so large a one"),
    ],
    "scheduler.inline": [
        ("1", "must be true or false, not 1"),
        ("'yes'", "must be true or false, not 'yes'"),
        ("null", "must be true or false, not nothing"),
    ],
    "scheduler.attempts": [
        ("0", "must be between 1 and 1000, not 0"),
        ("2.5", "must be a whole number, not 2.5"),
    ],
    "scheduler.jobs.sla": [("-1", "must be between 0 and 1000000000, not -1")],
    "email.ca_file": [
        ("5", "must be the path of a file, not 5"),
        ("[a]", "must be the path of a file, not a list"),
        ("''", "must be the path of a file, not ''"),
        (r'"a\0b"', r"must be the path of a file, not 'a\x00b'"),
        ("~nobody-here/ca.pem", "is not valid: RuntimeError: Could not determine home directory."),
    ],
    "email.security": [
        ("ssl", "must be one of none, starttls, tls, not 'ssl'"),
        ("TLS", "must be one of none, starttls, tls, not 'TLS'"),
        ("[tls]", "must be one of none, starttls, tls, not a list"),
        ("null", "must be one of none, starttls, tls, not nothing"),
    ],
    "sla.recompute": [
        ("never", "must be one of from_creation, restart, not 'never'"),
        ("{from_creation: 1}", "must be one of from_creation, restart, not a mapping"),
        ("5", "must be one of from_creation, restart, not 5"),
    ],
    "sla.pause": [
        ("ON_HOLD", "must be a list, not 'ON_HOLD'"),
        ("{ON_HOLD: 1}", "must be a list, not a mapping"),
        ("null", "must be a list, not nothing"),
    ],
    "notifiers": [
        ("email", "must be a list, not 'email'"),
        ("", "must be a list, not nothing"),
        ("3", "must be a list, not 3"),
    ],
    "sla.defaults": [
        ("true", "must be a mapping, not true"),
        ("0", "must be a mapping, not 0"),
        ("[HIGH]", "must be a mapping, not a list"),
    ],
    "sla.defaults.HIGH": [("5", "must be a section with keys of its own, not 5")],
    "scheduler": [("fast", "must be a section with keys of its own, not 'fast'")],
    "scheduler.jobs": [("[outbox]", "must be a section with keys of its own, not a list")],
    "templates.root": [("true", "must be the path of a file, not true")],
    "timezone": [
        ("Mars/Olympus", "'Mars/Olympus' is no IANA time zone such as Europe/Berlin"),
        ("localtime", "'localtime' is not the same zone on every machine; name one such as Europe/Berlin"),
        ("right/UTC", "'right/UTC' is not the same zone on every machine; name one such as Europe/Berlin"),
        ("America", "'America' is no IANA time zone such as Europe/Berlin"),
        ("../../etc/passwd", "'../../etc/passwd' is no IANA time zone such as Europe/Berlin"),
        ("''", "'' is no IANA time zone such as Europe/Berlin"),
        (r'"\0"', r"'\x00' is no IANA time zone such as Europe/Berlin"),
        ("2", "must be text (put it in quotes), not 2"),
        ("", "must be text, not nothing"),
    ],
    "ticket.package": [("'  '", "must not be empty"), ("''", "must not be empty")],
    "database.url": [
        ("desk.db", "is no database URL; expected one such as sqlite:///desk.db"),
        ("[postgresql://ann:hunter2@db/desk]", "must be text, not a list"),
    ],
    "workflow": [
        ("lax", "must be one of default, strict, or a declaration, not 'lax'"),
        ("", "must be one of default, strict, or a declaration, not nothing"),
        ("[strict]", "must be one of default, strict, or a declaration, not a list"),
    ],
    "workflow.default": [("lax", "must be one of default, strict, or a declaration, not 'lax'")],
    "workflow.packages": [("[LEGAL]", "must map packages to workflows"), ("0", "must map packages to workflows")],
    "workflow.packages.LEGAL": [("", "must be one of default, strict, or a declaration, not nothing")],
    "workflow.transitions": [("{}", "must map each status to the list of those that may follow")],
    # Where a secret may have got into the wrong place, it is not shown.
    "email": [
        ("hunter2", "must be a section with keys of its own"),
        ("[hunter2]", "must be a section with keys of its own"),
    ],
    "email.password": [
        ("12345", "must be text (put it in quotes)"),
        ("[hunter2]", "must be text"),
        ("{hunter2: hunter2}", "must be text"),
    ],
    "webhooks": [("https://hooks.example.com/hunter2", "must be a mapping"), ("[hunter2]", "must be a mapping")],
    "webhooks.chat": [("https://hooks.example.com/hunter2", "must be a section with keys of its own")],
    "webhooks.chat.url": [("[https://hooks.example.com/hunter2]", "must be text")],
    "providers": [("hunter2", "must be a mapping")],
    "plugins": [("[hunter2]", "must be a mapping")],
    "plugins.jira": [("hunter2", "must be a mapping"), ("[hunter2]", "must be a mapping")],
}
CASES = [(key, text, message) for key, cases in WRONG.items() for text, message in cases]


def nested(key: str, text: str) -> str:
    """Return a configuration with ``text`` behind ``key``, each section on a line of its own."""
    lines = ["# the first line"]
    for depth, part in enumerate(key.split(".")):
        lines.append(f"{'  ' * depth}{part}:")
    return "\n".join([*lines[:-1], f"{lines[-1]} {text}"]) + "\n"


@pytest.mark.parametrize(("key", "text", "message"), CASES, ids=[f"{key}={text[:30]}" for key, text, _ in CASES])
def test_a_wrong_value_has_its_path_its_line_and_what_would_be_right(
    problems: Problems, key: str, text: str, message: str
) -> None:
    line = 2 + key.count(".")
    assert problems(nested(key, text)) == [f"config.yaml:{line}: {key}: {message}"]


@pytest.mark.parametrize("item", ["WAITING", "5", "null", "[ON_HOLD]"])
def test_an_item_of_a_list_has_its_place(problems: Problems, item: str) -> None:
    seen = {"WAITING": "'WAITING'", "null": "nothing", "[ON_HOLD]": "a list"}.get(item, item)
    assert problems(f"sla:\n  pause:\n    - ON_HOLD\n    - {item}\n") == [
        f"config.yaml:4: sla.pause[1]: must be one of {STATUSES}, not {seen}"
    ]


def test_an_item_that_should_be_text(problems: Problems) -> None:
    assert problems("notifiers: [email, 5,\n  [console]]\n") == [
        "config.yaml:1: notifiers[1]: must be text (put it in quotes), not 5",
        "config.yaml:2: notifiers[2]: must be text, not a list",
    ]


def test_a_missing_key_has_the_line_of_its_section(problems: Problems) -> None:
    text = "sla:\n  defaults:\n    HIGH: {response: 5}\n    LOW:\nwebhooks:\n\n  chat: {}\n"
    assert problems(text) == [
        "config.yaml:3: sla.defaults.HIGH.resolution: is missing",
        "config.yaml:4: sla.defaults.LOW.response: is missing",
        "config.yaml:4: sla.defaults.LOW.resolution: is missing",
        "config.yaml:7: webhooks.chat.url: is missing",
    ]


UNKNOWN = {
    "databse:": f"is not known; did you mean database?; known here: {SECTIONS}",
    "colour: red": f"is not known; known here: {SECTIONS}",
    "colour:": f"is not known; known here: {SECTIONS}",
    "email: {hots: x}": f"is not known; did you mean host?; known here: {EMAIL}",
    "email: {colour: hunter2}": f"is not known; known here: {EMAIL}",
    "scheduler: {jobs: {mail: 1}}": "is not known; known here: outbox, escalations, sla, recurring",
    "webhooks: {chat: {url: 'http://x', secrets: hunter2}}": (
        "is not known; did you mean secret?; known here: url, secret, allow_private, ca_file"
    ),
    "sla: {defaults: {high: {response: 1, resolution: 2}}}": (
        "must be one of CRITICAL, HIGH, MEDIUM, LOW, INFO, not 'high'"
    ),
    "workflow: {defaults: strict}": "is not known here; a workflow has transitions, or default and packages",
    "workflow: {transitions: {NEW: [CLOSED]}, states: []}": (
        "is not known here; a workflow has transitions, initial and final"
    ),
}


@pytest.mark.parametrize(("text", "message"), UNKNOWN.items(), ids=UNKNOWN)
def test_an_unknown_key_is_named_with_the_nearest(problems: Problems, text: str, message: str) -> None:
    (problem,) = problems(f"# the first line\n{text}\n")
    place, path, said = problem.split(": ", 2)
    assert (place, said) == ("config.yaml:2", message)
    assert path.rpartition(".")[2] in {"databse", "colour", "hots", "mail", "secrets", "high", "defaults", "states"}


def test_everything_is_reported_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    text = """\
colour: red
email:
  port: 99999
  hots: x
  host: 5
  security: ${UNSET_HERE}
timezone: Mars/Olympus
ticket: {package: "", name: x}
sla:
  defaults:
    HIGH: {response: 0, resolution: many}
  pause: [WAITING]
notifiers: email
workflow: {transitions: {NEW: [DONE]}, states: []}
database: {timeout: 0}
"""
    assert [line.split(": ")[0:2] for line in problems(text)] == [
        ["config.yaml:1", "colour"],
        ["config.yaml:3", "email.port"],
        ["config.yaml:4", "email.hots"],
        ["config.yaml:5", "email.host"],
        ["config.yaml:6", "email.security"],
        ["config.yaml:7", "timezone"],
        ["config.yaml:8", "ticket.package"],
        ["config.yaml:8", "ticket.name"],
        ["config.yaml:11", "sla.defaults.HIGH.response"],
        ["config.yaml:11", "sla.defaults.HIGH.resolution"],
        ["config.yaml:12", "sla.pause[0]"],
        ["config.yaml:13", "notifiers"],
        ["config.yaml:14", "workflow.states"],
        ["config.yaml:14", "workflow.transitions.NEW[0]"],
        ["config.yaml:15", "database.timeout"],
    ]


def test_a_long_text_is_cut_in_a_message(problems: Problems) -> None:
    assert problems(f"email: {{port: {'x' * 500}}}\n") == [
        f"config.yaml:1: email.port: must be a whole number, not '{'x' * 60}…'"
    ]


def test_the_password_of_a_url_is_not_shown_wherever_it_is_typed(problems: Problems) -> None:
    (line,) = problems("database: postgresql://ann:hunter2@db/desk\n")
    assert line == (
        "config.yaml:1: database: must be a section with keys of its own, not 'postgresql://ann:***@db/desk'"
    )


# What is right.


def test_every_kind_of_value_is_read(read: Read) -> None:
    text = """\
ticket: {package: IT}
database: {url: "memory:", timeout: 2}
timezone: Asia/Kathmandu
workflow: {default: strict, packages: {LEGAL: default}}
sla:
  defaults: {HIGH: {response: 5, resolution: 50}}
  pause: [NEW, ON_HOLD]
  recompute: restart
email: {host: mail.example.com, port: 0x19, security: none, ca_file: null}
notifiers: []
webhooks:
  chat: {url: "https://hooks.example.com/x", allow_private: on}
scheduler: {inline: off, attempts: 1000, timeout: 0.001, jobs: {outbox: 0.25, sla: 0}}
"""
    config = read(text).config
    assert (config.ticket.package, config.database.url, config.database.timeout) == ("IT", "memory:", 2.0)
    assert type(config.database.timeout) is float
    assert config.timezone == "Asia/Kathmandu"
    assert (config.workflow.default, dict(config.workflow.packages)) == (STRICT, {"LEGAL": DEFAULT})
    assert config.sla.defaults == {Priority.HIGH: Targets(response=5, resolution=50)}
    assert (config.sla.pause, config.sla.recompute) == ((Status.NEW, Status.ON_HOLD), Recompute.RESTART)
    assert (config.email.host, config.email.port, config.email.security) == ("mail.example.com", 25, "none")
    assert config.email.ca_file is None
    assert config.notifiers == ()
    assert config.webhooks == {"chat": WebhookSection(url="https://hooks.example.com/x", allow_private=True)}
    assert (config.scheduler.inline, config.scheduler.attempts, config.scheduler.timeout) == (False, 1000, 0.001)
    assert config.scheduler.jobs == JobsSection(outbox=0.25, escalations=60.0, sla=0.0)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~\n", "{}\n", "---\n...\n"])
def test_an_empty_file_is_the_default(read: Read, text: str) -> None:
    assert read(text).config == with_defaults(Config())


def test_a_section_of_which_all_is_commented_out_has_its_defaults(read: Read) -> None:
    sections = ["ticket", "database", "sla", "templates", "email", "webhooks", "providers", "scheduler", "plugins"]
    text = "".join(f"{name}:\n  # nothing\n" for name in sections)
    assert read(text).config == with_defaults(Config())
    nested_ones = "scheduler:\n  jobs:\nsla:\n  defaults:\nworkflow:\n  packages:\n"
    assert read(nested_ones).config == with_defaults(Config())
    assert read("plugins:\n  chat:\n    # nothing\n").config.plugins == {"chat": {}}


def test_no_service_levels_at_all(read: Read) -> None:
    assert read("sla: {defaults: false}\n").config.sla.defaults == {}
    assert read("sla: {defaults: {}}\n").config.sla.defaults == {}


def test_a_declared_workflow_is_read_for_all_or_for_a_package(read: Read) -> None:
    declared = "{transitions: {NEW: [IN_PROGRESS], IN_PROGRESS: [CLOSED], '*': [CANCELLED]}}"
    whole = read(f"workflow: {declared}\n").config.workflow
    assert whole.default.allowed(Status.NEW) == (Status.IN_PROGRESS, Status.CANCELLED)
    part = read(f"workflow: {{packages: {{LEGAL: {declared}}}}}\n").config.workflow
    assert part.default == DEFAULT
    assert part.packages["LEGAL"].allowed(Status.IN_PROGRESS) == (Status.CLOSED, Status.CANCELLED)
    assert part.packages["LEGAL"].name == "LEGAL"


def test_keys_are_texts_however_they_look(read: Read) -> None:
    text = """\
workflow:
  packages: {NO: strict, 010: strict, 2026-03-02: strict, null: strict, 1.50: strict, "=": strict}
webhooks:
  yes: {url: "https://hooks.example.com/"}
"""
    config = read(text).config
    assert list(config.workflow.packages) == ["NO", "010", "2026-03-02", "null", "1.50", "="]
    assert list(config.webhooks) == ["yes"]


def test_relative_paths_start_at_the_folder_of_the_file(read: Read, file: Path) -> None:
    text = """\
database: {url: "sqlite:///data/desk.db"}
templates: {root: ./templates}
email: {folder: ../mail, ca_file: /etc/ca.pem}
webhooks: {chat: {url: "https://hooks.example.com/", ca_file: chat.pem}}
"""
    config = read(text).config
    assert config.database.url == f"sqlite:///{file.parent}/data/desk.db"
    assert config.templates.root == file.parent / "templates"
    assert config.email.folder == file.parent / "../mail"
    assert config.email.ca_file == Path("/etc/ca.pem")
    assert config.webhooks["chat"].ca_file == file.parent / "chat.pem"


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("sqlite:////var/lib/desk.db", "sqlite:////var/lib/desk.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite:///file:/var/desk.db?mode=ro&uri=true", "sqlite:///file:/var/desk.db?mode=ro&uri=true"),
        ("sqlite+pysqlite:///desk.db", "sqlite+pysqlite:///{folder}/desk.db"),
        ("sqlite:///desk.db?timeout=3", "sqlite:///{folder}/desk.db?timeout=3"),
        ("memory:", "memory:"),
        ("lmdb:///desk", "lmdb:///desk"),
        ("mysqlite:///desk", "mysqlite:///desk"),
    ],
)
def test_what_a_database_url_means(read: Read, file: Path, url: str, meant: str) -> None:
    assert read(f"database: {{url: '{url}'}}\n").config.database.url == meant.format(folder=file.parent)


def test_a_home_is_expanded(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert read("templates: {root: ~/templates}\n").config.templates.root == Path("/home/ann/templates")


def test_which_file_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_config().source.file is None
    assert load_config() == with_defaults(Config())
    Path("config.yaml").write_text("timezone: Europe/Paris\n", encoding="utf-8")
    assert load_config().timezone == "Europe/Paris"
    file.write_text("timezone: Europe/Berlin\n", encoding="utf-8")
    monkeypatch.setenv("TICKETCORE_CONFIG", str(file))
    assert load_config().timezone == "Europe/Berlin"
    assert load_config(Path("config.yaml")).timezone == "Europe/Paris"
    assert load_config("config.yaml").timezone == "Europe/Paris"


def test_a_folder_called_config_yaml_is_no_configuration(file: Path) -> None:
    Path("config.yaml").mkdir()
    assert read_config().source.file is None


def test_no_secret_is_in_a_repr(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGIN_HERE", "hunter2")
    text = """\
database: {url: "postgresql://ann:hunter2@db/desk"}
email: {password: hunter2, username: "${LOGIN_HERE}"}
webhooks: {chat: {url: "https://hooks.example.com/hunter2", secret: hunter2}}
providers: {jira: {token: hunter2}}
plugins: {chat: {token: hunter2}}
"""
    config = read(text).config
    assert config.email == EmailSection(password="hunter2", username="hunter2", folder=config.email.folder)
    assert "hunter2" not in repr(config)
