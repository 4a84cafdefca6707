"""What a record without a class of its own gets, what policies can ask, and what is told of failures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

from ticketcore import PlayedClock, PluginError, hookimpl, open_desk
from ticketcore.config.schema import Config, DatabaseSection, EmailSection, SchedulerSection
from ticketcore.desk import Desk
from ticketcore.domain.lifecycle import Change
from ticketcore.errors import ConfigError, Problem, RejectedError

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Run = Callable[..., Result]

SHARED = """
    from attrs import frozen
    from ticketcore import hookimpl
    from ticketcore.plugin.records import NotifierSpec
    from ticketcore.ports.notifier import Receipt

    SENT = []

    @frozen
    class Settings:
        room: str

    class Notifier:
        def __init__(self, settings):
            self.settings = settings

        def send(self, notification, *, timeout):
            SENT.append(self.settings.room)
            return Receipt("sent")

    @hookimpl
    def ticketcore_settings():
        return Settings

    @hookimpl
    def ticketcore_notifiers():
        return [NotifierSpec(name="pager", summary="pages", target=Notifier)]
"""


def test_a_record_without_a_class_gets_the_settings_of_its_plugin(make_desk: MakeDesk, install: Install) -> None:
    install("night", SHARED)
    desk = make_desk("memory:", notifiers=("pager",), plugins={"night": {"room": "lobby"}})
    desk.tickets.create("Printer", action_by="ann")
    import night  # type: ignore[import-not-found]

    assert night.SENT == ["lobby"]
    with pytest.raises(ConfigError, match=r"plugins\.night\.room: is missing"):
        make_desk("memory:", notifiers=("pager",)).tickets.create("Printer", action_by="ann")


START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class When:
    """A policy that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool, bool, str]] = []

    @hookimpl
    def ticketcore_amend(self, change: Change) -> None:
        self._note("amend", change)

    @hookimpl
    def ticketcore_validate(self, change: Change) -> list[Problem]:
        self._note("validate", change)
        return []

    def _note(self, hook: str, change: Change) -> None:
        at = change.after.updated_date.isoformat()
        self.asked.append((hook, change.touches("priority", "project"), change.touches("status"), at))


def test_a_policy_knows_what_a_change_touches_and_when_it_happens(make_config: Callable[..., Config]) -> None:
    clock = PlayedClock(START)
    policy = When()
    with open_desk(make_config("memory:"), plugins={"when": policy}, clock=clock) as desk:
        ticket = desk.tickets.create("Printer", action_by="ann")
        clock.advance(minutes=1)
        desk.tickets.update(ticket, priority="LOW", action_by="ann")
        clock.advance(minutes=1)
        desk.comments.add_comment(1, "soon", commented_by="bo")
    first, second, third = (f"2026-03-02T08:0{minute}:00+00:00" for minute in range(3))
    assert policy.asked == [
        ("amend", True, True, first),
        ("validate", True, True, first),
        ("amend", True, False, second),
        ("validate", True, False, second),
        ("amend", False, False, third),
        ("validate", False, False, third),
    ]
    with pytest.raises(AttributeError):
        Change(before=ticket, after=ticket, entries=()).touches("colour")


def test_an_amended_assignee_is_told_also_where_the_change_tells_nobody_else(
    make_config: Callable[..., Config], mail_folder: Path
) -> None:
    class Owners:
        @hookimpl
        def ticketcore_amend(self, change: Change) -> dict[str, str] | None:
            return {"assigned_to": "net@example.com"} if change.after.project == "NETWORK" else None

    with open_desk(make_config("memory:"), plugins={"owners": Owners()}) as desk:
        desk.tickets.create("Printer", action_by="ann")
        assert not mail_folder.exists()
        desk.tickets.update(1, project="NETWORK", action_by="ann")
        desk.comments.add_comment(1, "soon", commented_by="bo")
        sent = [(message.notify_code, message.recipient) for message in desk.notifications.list_outbox()]
        assert sent == [("ASSIGNED", "net@example.com")]


FAILING = """
    from ticketcore import hookimpl

    @hookimpl
    def ticketcore_validate(change):
        if "forbidden" in change.after.subject:
            raise LookupError("out of order")

    @hookimpl
    def ticketcore_observe(event):
        raise LookupError("asleep")
"""


@pytest.mark.parametrize("debug", [False, True])
def test_how_it_came_to_a_failure_is_shown_on_demand(
    install: Install, run: Run, monkeypatch: pytest.MonkeyPatch, debug: bool
) -> None:
    install("failing", FAILING)
    install("gone", "import no_such_module_anywhere\n")
    if debug:
        monkeypatch.setenv("TICKETCORE_DEBUG", "1")
    made, refused = run("create", "Printer"), run("create", "forbidden")
    lines = [line for line in made.stderr.splitlines() if line.startswith(("Warning: ", "Error: "))]
    assert lines == [
        "Warning: plugin gone (gone 1.0) is set aside: ModuleNotFoundError: No module named 'no_such_module_anywhere'",
        "Warning: attempt 1 to deliver CREATED of #1 to observer:failing failed: LookupError: asleep",
    ]
    errors = [line for line in refused.stderr.splitlines() if line.startswith("Error: ")]
    assert errors == ["Error: the policy failing failed (LookupError: out of order), so the change is refused"]
    for output, where in ((made.stderr, "gone.py"), (made.stderr, "ticketcore_observe"), (refused.stderr, "_validate")):
        assert ("Traceback (most recent call last):" in output) is debug
        assert (where in output) is debug


def test_a_refusal_for_good_says_that_it_is_given_up(install: Install, run: Run) -> None:
    install(
        "strict",
        """
        from ticketcore import hookimpl
        from ticketcore.errors import PermanentNotifierError

        @hookimpl
        def ticketcore_observe(event):
            raise PermanentNotifierError("never")
        """,
    )
    made = run("create", "Printer")
    end = "failed: never; it is given up (ticketcore outbox retry)\n"
    assert made.stderr == f"Warning: attempt 1 to deliver CREATED of #1 to observer:strict {end}"


def test_what_is_missing_is_told_with_its_place_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text("database: {url: 'memory:'}\nnotifiers:\n  - email\n  - pigeon\n", encoding="utf-8")
    with open_desk(file) as desk, pytest.raises(PluginError) as caught:
        desk.tickets.create("Printer", action_by="ann")
    start = f"{file}:4: notifiers[1]: there is no notifier called 'pigeon'; known: console, email, webhook"
    assert caught.value.message == start


WRONG = {
    "timezone": (Config(timezone="Mars/Olympus"), "timezone: 'Mars/Olympus' is no IANA time zone"),
    "notifiers": (Config(notifiers="email"), "notifiers: must be a list, not 'email'"),  # type: ignore[arg-type]
    "section": (Config(scheduler={"inline": False}), "scheduler: must be a SchedulerSection, not dict"),  # type: ignore[arg-type]
    "bound": (
        Config(scheduler=SchedulerSection(timeout=0)),
        "scheduler.timeout: must be between 0.001 and 86400, not 0",
    ),
    "port": (Config(email=EmailSection(port=70000)), "email.port: must be between 0 and 65535, not 70000"),
    "time-out": (
        Config(database=DatabaseSection(timeout=-1)),
        "database.timeout: must be between 0.001 and 86400, not -1",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_configuration_that_a_program_makes_is_checked_too(case: str) -> None:
    config, problem = WRONG[case]
    with pytest.raises(ConfigError) as caught:
        open_desk(config)
    assert str(caught.value).startswith(problem)


def test_what_is_no_configuration_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be the path of a file or a Config, not a value of the type dict"):
        open_desk({"timezone": "UTC"})  # type: ignore[arg-type]


def test_what_names_no_ticket_or_state_is_refused(make_desk: MakeDesk) -> None:
    desk = make_desk("memory:")
    for reference in (None, 1.5, True, b"1"):
        with pytest.raises(RejectedError, match="must be a guid, a number or a ticket, not "):
            desk.tickets.read(reference)  # type: ignore[arg-type]
    with pytest.raises(RejectedError, match="state: 'SENT' is not known; choose one of PENDING, DELIVERED, DEAD"):
        desk.notifications.list_outbox(state="SENT")
    with pytest.raises(RejectedError, match="watchers: must be a list of addresses, not str"):
        desk.tickets.create("Printer", watchers="ann@example.com", action_by="ann")


def test_a_misspelt_command_is_answered_with_the_nearest(run: Run) -> None:
    result = run("lst")
    assert result.exit_code == 2
    assert "Error: No such command 'lst'. Did you mean list?" in result.stderr
    assert "Plugins are switched off." in run("--no-plugins", "night-report").stderr


def test_what_a_placeholder_stood_for_is_not_shown_where_no_store_has_such_urls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE", "hunter2")
    file = tmp_path / "desk.yaml"
    file.write_text("database:\n  url: ${STORE}:///desk\n", encoding="utf-8")
    with open_desk(file) as desk, pytest.raises(PluginError) as caught:
        desk.store_status()
    known = "known: mariadb, memory, postgresql, sqlite"
    expected = f"{file}:2: database.url: what the placeholder stands for is no repository; {known}"
    assert str(caught.value) == expected
