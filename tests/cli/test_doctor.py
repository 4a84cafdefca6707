"""The doctor: each thing that can be wrong is provoked for real, found, and left as it was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from click.testing import Result

from ticketcore.adapters.sql.migrate import alembic_config
from ticketcore.testing.faults import FAULTS
from ticketcore.testing.smtp import SmtpServer

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]
Install = Callable[[str, str], Path]
Finding = tuple[str, str, str]

HEAD = """\
from ticketcore.errors import NotifierError, PluginError, TemporaryNotifierError
from ticketcore.plugin.markers import hookimpl
from ticketcore.plugin.records import NotifierSpec, ProviderSpec, RepositorySpec
from ticketcore.ports.notifier import Receipt

"""
CHAT = (
    HEAD
    + """\
SENT = []

class Chat:
    def send(self, notification, *, timeout):
        SENT.append(notification)
        return Receipt("told")

    def check(self, *, timeout):
        {check}

@hookimpl
def ticketcore_notifiers():
    return [NotifierSpec(name="chat", summary="tells a chat", target=lambda settings: Chat())]
"""
)
NEEDS = """\
from attrs import field, frozen
from ticketcore.plugin.markers import hookimpl

@frozen(kw_only=True)
class Settings:
    room: str
    token: str = field(default="", metadata={"secret": True})

@hookimpl
def ticketcore_settings():
    return Settings

@hookimpl
def ticketcore_validate(change, settings):
    return ()
"""
STORE = (
    HEAD
    + """\
class Store:
    def __init__(self, url, *, timeout):
        pass

    def transaction(self, *, read_only=False):
        raise RuntimeError("no transaction")

    def status(self):
        raise RuntimeError("no status")

    def close(self):
        pass

@hookimpl
def ticketcore_repositories():
    return [RepositorySpec(name="odd", summary="an odd store", target=Store)]
"""
)
PROVIDER = (
    HEAD
    + """\
from attrs import frozen
from ticketcore.errors import Problem

@frozen
class Settings:
    url: str = ""

class Provider:
    def check(self, *, timeout):
        yield Problem("url", "is out of reach")
        yield Problem("", "the token is refused")

@hookimpl
def ticketcore_providers():
    make = lambda settings, desk: Provider()
    return [ProviderSpec(name="jira", summary="a tracker", target=make, config=Settings)]
"""
)


@pytest.fixture
def config(config: Path) -> Path:
    """Leave deliveries to the worker."""
    with config.open("a", encoding="utf-8") as file:
        file.write("scheduler: {inline: false}\n")
    return config


@pytest.fixture
def look(run: Run) -> Callable[..., tuple[int, dict[str, list[Finding]]]]:
    """Run the doctor; return its exit status, and what was found of each subject."""

    def look(*args: str) -> tuple[int, dict[str, list[Finding]]]:
        result = run("doctor", "--json", *args)
        assert "Traceback" not in result.output
        found: dict[str, list[Finding]] = {}
        for one in json.loads(result.stdout):
            assert list(one) == ["subject", "state", "text", "hint"]
            found.setdefault(one["subject"], []).append((one["state"], one["text"], one["hint"]))
        return result.exit_code, found

    return look


Look = Callable[..., tuple[int, dict[str, list[Finding]]]]


def append(config: Path, text: str) -> None:
    with config.open("a", encoding="utf-8") as file:
        file.write(text)


def set_url(config: Path, url: str) -> None:
    lines = config.read_text(encoding="utf-8").splitlines()
    lines[1] = f"  url: {json.dumps(url)}"
    config.write_text("\n".join([*lines, ""]), encoding="utf-8")


def set_email(config: Path, **values: Any) -> None:
    before, _, rest = config.read_text(encoding="utf-8").partition("email:\n")
    after = rest[rest.index("timezone:") :]
    section = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in values.items())
    config.write_text(f"{before}email:\n{section}{after}", encoding="utf-8")


def ask(config: Path, *statements: str, **values: Any) -> list[tuple[Any, ...]]:
    """Run statements on the database behind everybody's back; return the rows of the last."""
    rows: list[tuple[Any, ...]] = []
    with closing(sqlite3.connect(config.parent / "desk.db")) as connection:
        for statement in statements:
            rows = connection.execute(statement, values).fetchall()
        connection.commit()
    return rows


def everything(config: Path) -> dict[str, list[tuple[Any, ...]]]:
    names = ask(config, "SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name: ask(config, f"SELECT * FROM {name}") for (name,) in names}  # noqa: S608 - the database's own names


def ago(**time: float) -> str:
    return f"{datetime.now(UTC) - timedelta(**time):%Y-%m-%d %H:%M:%S.%f}"


# All is well.


def test_a_desk_that_was_never_used_is_well_and_stays_unused(look: Look, config: Path) -> None:
    before = sorted(config.parent.iterdir())
    status, found = look()
    assert status == 0
    assert {subject: findings[0][0] for subject, findings in found.items()} == dict.fromkeys(
        ["ticketcore", "configuration", "plugins", "database", "notifier email", "provider internal"], "ok"
    )
    assert found["configuration"] == [("ok", str(config), "")]
    assert found["plugins"] == [("ok", "none installed", "")]
    assert found["database"] == [("ok", f"{config.parent / 'desk.db'} is not there yet; the first change makes it", "")]
    assert found["notifier email"] == [("ok", f"mails are kept in {config.parent / 'mail'}", "")]
    assert sorted(config.parent.iterdir()) == before


def test_a_desk_that_is_used_is_well(look: Look, done: Done, run: Run, config: Path) -> None:
    done("create", "Printer", "--watcher", "a@example.com")
    done("worker", "--once")
    status, found = look()
    assert status == 0
    assert {state for findings in found.values() for state, _, _ in findings} == {"ok"}
    assert found["database"][0][1].startswith(f"{config.parent / 'desk.db'} is ready and writable (schema ")
    assert found["outbox"] == [("ok", "nothing waits", "")]
    jobs = {"job outbox", "job escalations", "job sla", "job recurring"}
    assert {subject for subject in found if subject.startswith("job ")} == jobs
    table = run("doctor")
    assert (table.exit_code, table.stderr) == (0, "")
    lines = table.stdout.splitlines()
    assert lines[0].split() == ["What", "State", "Found", "What", "to", "do"]
    assert lines[-1] == "12 ok"


def test_without_a_configuration(bare: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "data" / "ticketcore").mkdir(parents=True)
    result = bare("doctor")
    assert result.exit_code == 0
    assert "no file, so the defaults" in result.stdout
    assert list((tmp_path / "data" / "ticketcore").iterdir()) == []


# The database.


def at_first_revision(config: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{config.parent / 'desk.db'}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0001")
    engine.dispose()


def of_the_future(config: Path) -> None:
    at_first_revision(config)
    ask(config, "UPDATE alembic_version SET version_num = '9999'")


DATABASES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "outdated": (
        at_first_revision,
        "is outdated (schema 0001, expected ",
        "make a backup, then: ticketcore db upgrade",
    ),
    "newer": (of_the_future, "is newer (schema 9999, expected ", "a newer ticketcore wrote it: upgrade ticketcore"),
    "foreign": (
        lambda config: ask(config, "CREATE TABLE invoice (id INTEGER)"),
        "is foreign (schema none, expected ",
        "it holds something else: choose another database.url",
    ),
    "a text": (
        lambda config: (config.parent / "desk.db").write_text("a shopping list\n" * 200, encoding="utf-8"),
        "is not a database",
        "correct database.url, or restore the file from a backup",
    ),
    "a folder": (lambda config: (config.parent / "desk.db").mkdir(), "cannot open the database", ""),
    "below a file": (
        lambda config: set_url(config, f"sqlite:///{config}/desk.db"),
        "cannot open the database",
        "create it, or correct database.url",
    ),
    "in no folder": (
        lambda config: set_url(config, "sqlite:///nowhere/desk.db"),
        "does not exist",
        "create it, or correct database.url",
    ),
}


@pytest.mark.parametrize("name", DATABASES)
def test_a_database_that_cannot_be_used(look: Look, run: Run, config: Path, name: str) -> None:
    provoke, words, hint = DATABASES[name]
    provoke(config)
    status, found = look()
    assert status == 1
    ((state, text, advice),) = found["database"]
    assert state == "failed"
    assert words in text
    assert hint in advice
    assert found["provider internal"][0][0] == "failed"
    assert not {"outbox", "job outbox", "jobs"} & found.keys()
    assert run("doctor").stdout.splitlines()[-1].endswith(" failed")


def test_a_database_that_is_read_only(look: Look, done: Done, config: Path) -> None:
    done("create", "Printer")
    set_url(config, f"sqlite:///file:{config.parent}/desk.db?mode=ro&uri=true")
    status, found = look()
    assert status == 1
    ((state, text, hint),) = found["database"]
    assert state == "failed"
    assert "is read-only" in text
    assert hint == "give this user the right to write the file and its folder"
    assert found["provider internal"] == [("ok", "usable", "")]


def test_a_database_that_is_locked(look: Look, done: Done, config: Path) -> None:
    done("create", "Printer")
    lines = config.read_text(encoding="utf-8").splitlines()
    config.write_text("\n".join([lines[0], "  timeout: 0.05", *lines[1:], ""]), encoding="utf-8")
    with closing(sqlite3.connect(config.parent / "desk.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        status, found = look()
        other.execute("ROLLBACK")
    assert status == 1
    assert [state for state, _, _ in found["database"]] == ["failed"]
    assert found["outbox"] == [("ok", "nothing waits", "")]  # reading waits for nobody
    assert look()[0] == 0


def test_a_store_of_a_plugin_that_raises(look: Look, install: Install, config: Path) -> None:
    install("odd", STORE)
    set_url(config, "odd:x")
    status, found = look()
    assert status == 1
    assert found["database"] == [("failed", "RuntimeError: no status", "")]
    assert found["provider internal"] == [("failed", "RuntimeError: no status", "")]


# Templates.


def template(config: Path, text: str, name: str = "ticket.html") -> Path:
    folder = config.parent / "templates" / "resource.templates" / "package.CORE"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_templates_that_work(look: Look, config: Path) -> None:
    append(config, "templates: {root: templates}\n")
    template(config, "<p>{subject} {{ detail.split()[0] }} {{ action_by.split('@')[1] }} {{ ticket_number + 1 }}</p>")
    template(config, "{% if event == 'Created' %}{{ status }}{% endif %}", "ticket.txt")
    template(config, "{% broken", "notes.md")
    status, found = look()
    assert (status, found["templates"]) == (0, [("ok", str(config.parent / "templates"), "")])


def test_a_folder_of_templates_that_is_not_there(look: Look, config: Path) -> None:
    append(config, "templates: {root: nowhere}\n")
    status, found = look()
    assert status == 0
    assert found["templates"] == [
        ("warning", f"there is no folder {config.parent / 'nowhere'}", "make it, or correct templates.root")
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{% if %}", "TemplateSyntaxError, line 1: "),
        ("{{ subjekt }}", "UndefinedError: 'subjekt' is undefined"),
        ("{% if event == 'Escalation Alert' %}{{ reason }}{% endif %}", "UndefinedError: 'reason' is undefined"),
        ("{{ 1 // 0 }}", "ZeroDivisionError: "),
        ("{% include 'nowhere.html' %}", "TemplateNotFound: "),
        ("{{ ticket_number.__class__.mro() }}", "SecurityError: "),
    ],
    ids=range(6),
)
def test_a_template_that_does_not_work(look: Look, config: Path, text: str, reason: str) -> None:
    append(config, "templates: {root: templates}\n")
    template(config, text)
    template(config, "{{ subject }}", "ticket.txt")
    status, found = look()
    ((state, said, hint),) = found["templates"]
    assert (status, state) == (0, "warning")
    assert said.startswith(f"resource.templates/package.CORE/ticket.html does not work: {reason}")
    assert "the shipped one" in hint


def test_a_template_that_is_no_text(look: Look, config: Path) -> None:
    append(config, "templates: {root: templates}\n")
    template(config, "").write_bytes(b"\xff\xfe")
    assert "does not work: UnicodeDecodeError: " in look()[1]["templates"][0][1]


# Mail.


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer(username="desk", password="hunter2") as server:
        yield server


def test_a_mail_server_that_takes_the_login(look: Look, config: Path, smtp: SmtpServer) -> None:
    set_email(config, host=smtp.host, port=smtp.port, security="none", username="desk", password="hunter2")
    status, found = look()
    assert (status, found["notifier email"]) == (
        0,
        [("ok", f"127.0.0.1:{smtp.port} can be reached and takes the login", "")],
    )
    set_email(config, host=smtp.host, port=smtp.port, security="none")
    assert look()[1]["notifier email"] == [("ok", f"127.0.0.1:{smtp.port} can be reached", "")]
    assert smtp.deliveries == []


def test_a_mail_server_that_refuses_the_login(look: Look, run: Run, config: Path, smtp: SmtpServer) -> None:
    set_email(config, host=smtp.host, port=smtp.port, security="none", username="desk", password="hunter3")
    status, found = look()
    ((state, text, hint),) = found["notifier email"]
    assert (status, state, hint) == (1, "failed", "messages wait in the outbox until it works")
    assert text.startswith(f"127.0.0.1:{smtp.port}: the server refused the login (535)")
    assert "hunter3" not in run("doctor").output
    assert "1 failed" in run("doctor").stdout


def test_a_mail_server_without_encryption(look: Look, config: Path, smtp: SmtpServer) -> None:
    set_email(config, host=smtp.host, port=smtp.port, security="starttls")
    status, found = look()
    assert (status, found["notifier email"][0][0]) == (1, "failed")
    assert "STARTTLS" in found["notifier email"][0][1]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_mail_server_that_is_out_of_order(look: Look, config: Path, fault: str) -> None:
    with FAULTS[fault]() as port:
        set_email(config, host="127.0.0.1", port=port, security="none")
        status, found = look("--timeout", "0.2")
    ((state, text, hint),) = found["notifier email"]
    assert (status, state) == (1, "failed")
    assert text.startswith(f"127.0.0.1:{port}: ")
    assert hint


@pytest.mark.parametrize("where", ["mail", "mail/below"])
def test_a_mail_folder_with_a_file_in_its_way(look: Look, config: Path, where: str) -> None:
    (config.parent / "mail").write_text("in the way", encoding="utf-8")
    set_email(config, folder=str(config.parent / where))
    status, found = look()
    ((state, text, _),) = found["notifier email"]
    assert (status, state) == (1, "failed")
    assert text == (
        f"cannot write into {config.parent / where}: {config.parent / 'mail'} is no folder that can be written to"
    )


def test_a_mail_folder_that_leads_nowhere(look: Look, config: Path) -> None:
    (config.parent / "mail").symlink_to(config.parent / "nowhere")
    assert look()[1]["notifier email"][0][0] == "failed"


def test_a_sender_that_is_no_address(look: Look, config: Path) -> None:
    set_email(config, sender="nobody", folder="mail")
    status, found = look()
    assert status == 3
    assert found["configuration"][0][0] == "failed"
    assert "email.sender: 'nobody' is not an e-mail address" in found["configuration"][0][1]


# Webhooks.


def test_webhooks_that_are_out_of_reach_show_no_secret(look: Look, run: Run, config: Path) -> None:
    with FAULTS["refuses"]() as port:
        append(
            config,
            f"""\
notifiers: [webhook]
webhooks:
  one: {{url: "http://127.0.0.1:{port}/hunter2", allow_private: true, secret: hunter2hunter2hunter2hunter2}}
  two: {{url: "http://127.0.0.1:{port}/hunter2"}}
""",
        )
        status, found = look("--timeout", "1")
        table = run("doctor").output
    ((state, text, _),) = found["notifier webhook"]
    assert (status, state) == (1, "failed")
    assert text.startswith(f"one (127.0.0.1:{port}): ")
    assert f"; two (127.0.0.1:{port}): " in text
    assert "hunter2" not in json.dumps(list(found.values())) + table


# Plugins.


CHECKS: list[tuple[str, str, str]] = [
    ("return 'the chat is there'", "ok", "the chat is there"),
    ("return None", "ok", "None"),
    ("return 'one\\ntwo'", "ok", "one; two"),
    ("raise TemporaryNotifierError('away\\nfor now')", "failed", "away; for now"),
    ("raise NotifierError(5)", "failed", "5"),
    ("raise RuntimeError('out of order')", "failed", "RuntimeError: out of order"),
    ("raise SystemExit(3)", "failed", "SystemExit: 3"),
    ("raise PluginError('chat', 'one\\ntwo', hint='mend it')", "failed", "one; two"),
    ("raise KeyError", "failed", "KeyError: "),
    ("raise ExceptionGroup('several', [ValueError('a')])", "failed", "ExceptionGroup: several (1 sub-exception)"),
    ("return '\\ud83d \\x1b[31m'", "ok", "\ud83d \x1b[31m"),
]


@pytest.mark.parametrize(("check", "state", "text"), CHECKS, ids=range(len(CHECKS)))
def test_whatever_the_check_of_a_plugin_does_is_a_finding(
    look: Look, run: Run, install: Install, config: Path, check: str, state: str, text: str
) -> None:
    install("chat", CHAT.format(check=check))
    append(config, "notifiers: [email, chat]\n")
    status, found = look()
    assert status == (0 if state == "ok" else 1)
    assert [(one, said) for one, said, _ in found["notifier chat"]] == [(state, text)]
    assert found["notifier email"][0][0] == "ok"
    assert found["plugins"] == [("ok", "1 installed", "")]
    table = run("doctor")
    assert table.exit_code == status
    assert "\x1b" not in table.output


def test_a_notifier_without_a_check(look: Look, install: Install, config: Path) -> None:
    install("chat", CHAT.format(check="pass").replace("def check", "def other"))
    append(config, "notifiers: [chat]\n")
    assert look()[1]["notifier chat"] == [("ok", "set up (it offers no check)", "")]


@pytest.mark.parametrize("target", ["lambda settings: 1 / 0", "'nowhere:Chat'", "lambda settings: object()"])
def test_a_notifier_that_cannot_be_made(look: Look, install: Install, config: Path, target: str) -> None:
    install("chat", CHAT.format(check="pass").replace("lambda settings: Chat()", target))
    append(config, "notifiers: [email, chat]\n")
    status, found = look()
    assert status == 4
    assert found["needed plugins"][0][0] == "failed"
    assert [state for state, _, _ in found["notifier chat"]] == ["failed"]
    assert found["notifier email"][0][0] == "ok"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("notifiers: [email, pigeon]\n", "there is no notifier called 'pigeon'"),
        ("providers: {trac: {}}\n", "there is no provider called 'trac'"),
        ("plugins: {trac: {}}\n", "plugins.trac: there is no plugin 'trac'"),
    ],
)
def test_a_plugin_that_is_needed_and_missing(look: Look, done: Done, config: Path, text: str, words: str) -> None:
    done("create", "Printer")
    append(config, text)
    status, found = look()
    assert status == 4
    ((state, said, hint),) = found["needed plugins"]
    assert (state, hint) == ("failed", "see: ticketcore plugins")
    assert words in said
    assert found["database"][0][0] == "ok"
    assert found["outbox"] == [("ok", "nothing waits", "")]
    assert not {"configuration", "notifier email"} & found.keys()  # nobody can say how these are


def test_an_engine_that_is_missing(look: Look, config: Path) -> None:
    text = config.read_text(encoding="utf-8").replace("inline: false", "inline: false, engine: celery")
    config.write_text(text, encoding="utf-8")
    status, found = look()
    assert status == 4
    assert "there is no scheduler called 'celery'" in found["needed plugins"][0][1]
    assert found["notifier email"][0][0] == "ok"


def test_the_wrong_section_of_a_plugin(look: Look, run: Run, install: Install, config: Path) -> None:
    install("needs", NEEDS)
    append(config, "plugins:\n  needs:\n    rooms: all\n    token: 12345\n")
    status, found = look()
    assert status == 3
    texts = [text for _, text, _ in found["configuration"]]
    assert [text.split(": ")[1] for text in texts] == [
        "plugins.needs.room",
        "plugins.needs.rooms",
        "plugins.needs.token",
    ]
    assert all(text.startswith(f"{config}:") for text in texts)
    assert "12345" not in run("doctor").output


def test_a_plugin_that_is_not_set_up(look: Look, install: Install, config: Path) -> None:
    install("needs", NEEDS)
    status, found = look()
    assert status == 0
    ((state, text, hint),) = found["plugin needs"]
    assert (state, hint) == ("warning", "add the section plugins.needs")
    assert text == "not set up: plugins.needs.room: is missing"
    assert "plugins" not in found
    append(config, "plugins: {needs: {room: all}}\n")
    assert look()[1]["plugins"] == [("ok", "1 installed", "")]


def test_a_broken_plugin_that_nobody_needs(look: Look, install: Install) -> None:
    install("broken", "import nowhere_to_be_found\n")
    status, found = look()
    assert status == 0
    ((state, text, hint),) = found["plugin broken"]
    assert state == "warning"
    assert text.startswith("broken: ModuleNotFoundError: No module named 'nowhere_to_be_found'")
    assert "TICKETCORE_DISABLE_PLUGINS" in hint


def test_a_broken_plugin_where_that_is_an_error(
    look: Look, done: Done, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("create", "Printer")
    install("broken", "import nowhere_to_be_found\n")
    monkeypatch.setenv("TICKETCORE_STRICT_PLUGINS", "1")
    status, found = look()
    assert status == 4
    assert "plugin broken" in found["needed plugins"][0][1]
    assert found["database"][0][0] == "ok"


def test_plugins_that_are_switched_off(look: Look, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("broken", "import nowhere_to_be_found\n")
    assert look("--no-plugins")[1]["plugins"] == [("ok", "none installed", "")]
    monkeypatch.setenv("TICKETCORE_DISABLE_PLUGINS", "broken")
    assert look()[1]["plugins"] == [("ok", "none installed", "")]


def test_a_provider_with_problems(look: Look, install: Install, config: Path) -> None:
    install("jira", PROVIDER)
    append(config, "providers: {jira: {}}\n")
    status, found = look()
    assert status == 1
    assert found["provider jira"] == [
        ("failed", "url: is out of reach", ""),
        ("failed", "the token is refused", ""),
    ]


# The outbox, and the jobs.


def test_messages_that_wait(look: Look, done: Done) -> None:
    done("create", "Printer", "--watcher", "a@example.com", "--watcher", "b@example.com")
    assert look()[1]["outbox"] == [("ok", "2 waiting", "")]


def test_messages_that_were_given_up(look: Look, done: Done, config: Path) -> None:
    done("create", "Printer", "--watcher", "a@example.com", "--watcher", "b@example.com")
    ask(config, "UPDATE sys_outbox SET State = 'DEAD' WHERE Recipient LIKE 'a%'")
    status, found = look()
    ((state, text, hint),) = found["outbox"]
    assert (status, state, text) == (0, "warning", "1 message was given up")
    assert "ticketcore outbox retry" in hint
    ask(config, "UPDATE sys_outbox SET State = 'DEAD'")
    assert look()[1]["outbox"][0][1] == "2 messages were given up"


def test_messages_that_are_overdue(look: Look, done: Done, config: Path) -> None:
    done("create", "Printer", "--watcher", "a@example.com", "--watcher", "b@example.com")
    since = ago(minutes=11)
    ask(config, "UPDATE sys_outbox SET NextAttempt = :since WHERE Recipient LIKE 'a%'", since=since)
    status, found = look()
    text = f"a message is due since {since[:16]} UTC"
    assert (status, found["outbox"]) == (0, [("warning", text, "let the worker run: ticketcore worker")])
    ask(config, "UPDATE sys_outbox SET State = 'DEAD' WHERE Recipient LIKE 'b%'")
    assert [text for _, text, _ in look()[1]["outbox"]] == ["1 message was given up", text]
    ask(config, "UPDATE sys_outbox SET NextAttempt = :at, State = 'PENDING'", at=ago(minutes=9))
    assert look()[1]["outbox"] == [("ok", "2 waiting", "")]


def test_schedules_that_make_nothing(look: Look, done: Done, run: Run, config: Path) -> None:
    template = config.parent / "check.yaml"
    template.write_text("name: CHECK\nsubject: Check\n", encoding="utf-8")
    done("add-template", str(template))
    for _ in range(2):
        done("add-recurring", "CHECK", "@daily")
    assert [subject for subject in look()[1] if subject.startswith("schedule")] == []
    ask(config, "UPDATE def_ticket_template SET Active = 'N'")
    ask(config, "UPDATE def_recurring SET NextRun = :at", at=ago(minutes=1))
    assert run("check-recurring").exit_code == 1
    ask(config, "UPDATE def_recurring SET Active = 'N' WHERE Guid = (SELECT min(Guid) FROM def_recurring)")
    status, found = look()
    assert status == 0
    ((state, text, hint),) = found["schedule CHECK"]
    assert (state, hint) == ("warning", "mend the cause, and it is made up for; see: ticketcore list-recurring")
    assert text.startswith("there is no template CHECK (it is not active")


def test_jobs_that_never_ran(look: Look, done: Done) -> None:
    done("create", "Printer")
    status, found = look()
    never = [("warning", "has never run", "let the worker run: ticketcore worker")]
    names = ["outbox", "escalations", "sla", "recurring"]
    assert (status, {name: found[f"job {name}"] for name in names}) == (0, dict.fromkeys(names, never))


def test_a_job_that_fails(look: Look, done: Done, config: Path) -> None:
    done("create", "Printer")
    done("worker", "--once")
    ask(config, "UPDATE sys_job SET Failures = 1, LastError = 'away' || char(10) || 'for good' WHERE Name = 'outbox'")
    status, found = look()
    assert status == 1
    assert found["job outbox"] == [
        ("failed", "failed 1 time in a row: away\nfor good", "ticketcore worker --once shows it")
    ]
    assert found["job sla"][0][0] == "ok"
    ask(config, "UPDATE sys_job SET Failures = 7 WHERE Name = 'outbox'")
    assert look()[1]["job outbox"][0][1].startswith("failed 7 times in a row: ")


@pytest.mark.parametrize(
    ("every", "minutes", "state"), [(60, 9, "ok"), (60, 11, "warning"), (600, 29, "ok"), (600, 31, "warning")]
)
def test_a_job_that_is_late(look: Look, done: Done, config: Path, every: int, minutes: int, state: str) -> None:
    text = config.read_text(encoding="utf-8").replace("inline: false", f"inline: false, jobs: {{sla: {every}}}")
    config.write_text(text, encoding="utf-8")
    done("worker", "--once")
    ask(config, "UPDATE sys_job SET LastRun = :at WHERE Name = 'sla'", at=ago(minutes=minutes))
    status, found = look()
    assert (status, found["job sla"][0][0]) == (0, state)
    assert found["job sla"][0][1].startswith("last ran 2")
    assert found["job outbox"][0][0] == "ok"


def test_a_job_that_is_switched_off_is_not_missed(look: Look, done: Done, config: Path) -> None:
    text = config.read_text(encoding="utf-8").replace("inline: false", "inline: false, jobs: {sla: 0}")
    config.write_text(text, encoding="utf-8")
    done("db", "init")
    assert "job sla" not in look()[1]


# The configuration, and the exit status.


def test_a_wrong_configuration_is_all_that_can_be_said(look: Look, run: Run, config: Path) -> None:
    config.write_text("email:\n  port: high\ncolour: red\ntimezone: ${NO_SUCH_VARIABLE}\n", encoding="utf-8")
    status, found = look()
    assert (status, list(found)) == (3, ["configuration"])
    assert [(state, text.partition(" known here")[0]) for state, text, _ in found["configuration"]] == [
        ("failed", f"{config}:2: email.port: must be a whole number, not 'high'"),
        ("failed", f"{config}:3: colour: is not known;"),
        ("failed", f"{config}:4: timezone: the environment variable NO_SUCH_VARIABLE is not set"),
    ]
    assert run("doctor").exit_code == 3


def test_a_configuration_that_is_not_there(look: Look, config: Path) -> None:
    config.unlink()
    status, found = look()
    assert (status, found["configuration"][0][0]) == (3, "failed")


@pytest.mark.parametrize("seconds", ["0", "-1", "601", "soon"])
def test_a_time_out_that_makes_no_sense(run: Run, seconds: str) -> None:
    result = run("doctor", "--timeout", seconds)
    assert (result.exit_code, result.stdout) == (2, "")


def test_the_worst_decides_the_exit_status(look: Look, install: Install, config: Path) -> None:
    (config.parent / "mail").write_text("in the way", encoding="utf-8")
    assert look()[0] == 1
    append(config, "notifiers: [email, chat]\n")
    install("chat", CHAT.format(check="pass").replace("lambda settings: Chat()", "'nowhere:Chat'"))
    assert look()[0] == 4
    append(config, "email: {port: high}\n")
    assert look()[0] == 3


# It changes nothing, sends nothing, and shows no secret.


def test_it_changes_nothing_and_sends_nothing(
    look: Look, run: Run, done: Done, install: Install, config: Path, smtp: SmtpServer
) -> None:
    install("chat", CHAT.format(check="return 'there'"))
    set_email(config, host=smtp.host, port=smtp.port, security="none", username="desk", password="hunter2")
    append(config, "notifiers: [email, chat]\ntemplates: {root: templates}\n")
    template(config, "{{ subject }}")
    done("create", "Printer", "--priority", "CRITICAL", "--watcher", "a@example.com")
    done("worker", "--once", "--job", "sla")
    ask(
        config,
        "UPDATE sys_outbox SET NextAttempt = :at",
        "UPDATE data_ticket SET SlaResponseDeadline = :at",
        "UPDATE sys_job SET LastRun = :at",
        at=ago(days=1),
    )
    before = everything(config)
    files = sorted(path for path in config.parent.rglob("*") if "desk.db-" not in path.name)
    status, found = look()
    assert run("doctor").exit_code == status == 0
    assert (found["notifier email"][0][0], found["notifier chat"]) == ("ok", [("ok", "there", "")])
    assert everything(config) == before
    assert len(before["sys_outbox"]) == 2
    assert sorted(path for path in config.parent.rglob("*") if "desk.db-" not in path.name) == files
    assert smtp.deliveries == []
    import chat  # type: ignore[import-not-found]

    assert chat.SENT == []


def test_no_secret_is_shown(look: Look, run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_HERE", "hunter2")
    with FAULTS["talks nonsense"]() as port:
        set_email(
            config, host="127.0.0.1", port=port, security="none", username="${SECRET_HERE}", password="${SECRET_HERE}"
        )
        append(
            config,
            "notifiers: [email, webhook, '${SECRET_HERE}']\n"
            "webhooks: {chat: {url: 'http://127.0.0.1:9/${SECRET_HERE}', secret: '${SECRET_HERE}'}}\n",
        )
        outputs = [run("doctor", *args).output for args in ((), ("--json",), ("--timeout", "1"))]
        append(config, "timezone: ${SECRET_HERE}\nticket: {provider: '${SECRET_HERE}'}\nworkflow: ${SECRET_HERE}\n")
        outputs += [run("doctor", *args).output for args in ((), ("--json",))]
    assert all(outputs)
    assert not any("hunter2" in output for output in outputs)


def test_webhooks_without_their_notifier_and_the_other_way_round(look: Look, config: Path) -> None:
    append(config, "webhooks:\n  chatops: {url: 'https://hooks.example.com/x'}\n")
    assert look()[1]["webhooks"] == [("warning", "nothing is posted to chatops", "add webhook to notifiers")]
    text = config.read_text(encoding="utf-8").partition("webhooks:")[0]
    config.write_text(f"{text}notifiers: [webhook]\n", encoding="utf-8")
    nowhere = ("warning", "the notifier webhook has nowhere to post to", "add webhooks")
    assert look()[1]["webhooks"] == [nowhere]


def test_what_a_plugin_registers_and_does_not_have(look: Look, install: Install) -> None:
    install(
        "odd",
        HEAD
        + """
from ticketcore.plugin.records import CommandSpec, TemplateFolderSpec

@hookimpl
def ticketcore_commands():
    return [CommandSpec(name="go", summary="go", target="nowhere_at_all:go", install_hint="pip install it")]

@hookimpl
def ticketcore_template_folders():
    return [TemplateFolderSpec(name="brand", summary="brand", target="json:nowhere")]
""",
    )
    status, found = look()
    (command, folder) = found["plugin odd"]
    reason = "ModuleNotFoundError: No module named 'nowhere_at_all'"
    assert command == ("warning", f"the command 'go' of odd (odd 1.0) cannot be loaded: {reason}", "pip install it")
    assert folder[:2][1].startswith(
        "the template folder 'brand' cannot be used: FileNotFoundError: there is no folder "
    )
    assert status == 0
