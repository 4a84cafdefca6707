"""Schedules, and the tickets that are made when they are due."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore import hookimpl, open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, RecurringSection
from ticketcore.desk import Desk
from ticketcore.domain.lifecycle import Change
from ticketcore.domain.recurrence import CatchUp, Schedule
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import NotFoundError, PluginError, Problem, RejectedError
from ticketcore.testing.records import make_schedule

MakeDesk = Callable[..., Desk]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def add_template(desk: Desk, name: str = "CHECK", **fields: object) -> None:
    given: dict[str, object] = {"subject": f"{name} of {{{{ date }}}}", "action_by": "ann"}
    desk.templates.add_template(name, **(given | fields))  # type: ignore[arg-type]


def recur(desk: Desk, cron: str = "0 9 * * *", name: str = "CHECK", **options: str) -> Schedule:
    return desk.recurring.create_recurring(name, cron, created_by="ann", **options)


def stored(desk: Desk, schedule: Schedule) -> Schedule:
    (found,) = [one for one in desk.recurring.list_recurring() if one.guid == schedule.guid]
    return found


def subjects(tickets: list[Ticket]) -> list[str]:
    return [ticket.subject for ticket in tickets]


def problems(make: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(RejectedError) as caught:
        make()
    return {problem.field: problem.message for problem in caught.value.problems}


@pytest.fixture
def checked(desk: Desk) -> Desk:
    """Return a desk with the template CHECK."""
    add_template(desk)
    return desk


@pytest.fixture
def two(make_desk: MakeDesk, sqlite_file: Path) -> tuple[Desk, Desk]:
    """Return two desks on one store, with the template CHECK."""
    desks = make_desk(f"sqlite:///{sqlite_file}"), make_desk(f"sqlite:///{sqlite_file}")
    add_template(desks[0])
    return desks


# Schedules


def test_a_schedule_is_stored_with_its_next_run(checked: Desk, clock: PlayedClock) -> None:
    schedule = checked.recurring.create_recurring(
        " CHECK ", " 0  9 * * mon", "CORE", "INFRA", created_by="ann", timezone="Europe/Berlin", catch_up="all"
    )
    assert checked.recurring.list_recurring() == [schedule]
    assert evolve(schedule, guid="") == Schedule(
        guid="",
        template_name="CHECK",
        cron_expression="0 9 * * mon",
        timezone="Europe/Berlin",
        package="CORE",
        project="INFRA",
        created_by="ann",
        catch_up=CatchUp.ALL,
        next_run=utc("2026-03-09T08:00"),
        created_date=clock.now(),
    )


def test_what_is_not_said_is_as_configured(make_desk: MakeDesk) -> None:
    desk = make_desk("memory:", timezone="America/New_York", recurring=RecurringSection(catch_up=CatchUp.NONE))
    add_template(desk)
    schedule = recur(desk)
    assert (schedule.package, schedule.project, schedule.module_type) == ("CORE", "", "TICKET")
    assert (schedule.timezone, schedule.catch_up) == ("America/New_York", "none")
    assert schedule.next_run == utc("2026-03-02T14:00")


def test_every_problem_is_told_and_nothing_is_stored(checked: Desk) -> None:
    def make() -> object:
        return checked.recurring.create_recurring(
            "", "61 * * * *", " ", "x" * 300, created_by="", timezone="Mars/Olympus", catch_up="some"
        )

    found = problems(make)
    assert found.keys() == {
        *("template_name", "cron_expression", "package", "project", "created_by", "timezone", "catch_up")
    }
    assert found["timezone"] == "'Mars/Olympus' is no IANA time zone such as Europe/Berlin"
    assert found["cron_expression"].startswith("minute: '61' is not 0 to 59 (a right one is ")
    assert found["catch_up"] == "'some' is not known; choose one of one, all, none"
    assert checked.recurring.list_recurring() == []


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "Factory", "right/Europe/Berlin", "posix/UTC"])
def test_a_zone_that_is_another_one_on_every_machine_is_refused(checked: Desk, zone: str) -> None:
    with pytest.raises(RejectedError, match=f"timezone: '{zone}' is not the same zone on every machine"):
        recur(checked, "30 2 * * *", timezone=zone)
    assert checked.recurring.list_recurring() == []


@pytest.mark.parametrize(
    "zone", ["", "Europe", "../../etc/passwd", "/etc/localtime", "a\0b", "\udcff", "europe/atlantis"]
)
def test_a_zone_that_is_none_is_refused(checked: Desk, zone: str) -> None:
    assert "timezone" in problems(lambda: recur(checked, timezone=zone))


@pytest.mark.parametrize("value", [None, 5, ["0 9 * * *"]])
def test_what_is_no_text_is_refused(checked: Desk, value: object) -> None:
    def make() -> object:
        return checked.recurring.create_recurring(value, value, created_by=value)  # type: ignore[arg-type]

    assert problems(make).keys() == {"template_name", "cron_expression", "created_by"}


def test_what_never_comes_up_is_refused(checked: Desk) -> None:
    found = problems(lambda: recur(checked, "0 9 30 2 *"))
    assert "never comes up" in found["cron_expression"]
    assert checked.recurring.list_recurring() == []


def test_a_schedule_needs_a_template_that_it_can_fill(checked: Desk) -> None:
    with pytest.raises(NotFoundError, match=r"there is no template CHEK .*did you mean CHECK"):
        recur(checked, name="CHEK")
    with pytest.raises(NotFoundError, match=r"there is no template CHECK .*not in the package OTHER, but in: CORE"):
        recur(checked, package="OTHER")
    add_template(checked, "HIRE", subject="Welcome {{ name }}")
    assert "is missing" in problems(lambda: recur(checked, name="HIRE"))["values.name"]
    assert checked.recurring.list_recurring() == []


def test_a_module_type_that_nobody_brings_is_refused(checked: Desk) -> None:
    with pytest.raises(PluginError, match="there is no recurring module type called 'REPORT'; known: TICKET"):
        recur(checked, module_type="REPORT")


def test_schedules_are_listed_by_package_in_the_order_of_their_making(checked: Desk, clock: PlayedClock) -> None:
    add_template(checked, "ANY", package="")
    made = []
    for package in ("CORE", "AAA", "CORE"):
        made.append(recur(checked, name="ANY", package=package))
        clock.advance(minutes=1)
    assert checked.recurring.list_recurring() == made
    assert checked.recurring.list_recurring("CORE") == [made[0], made[2]]
    assert checked.recurring.list_recurring("NONE") == []


def test_the_next_runs_are_shown(checked: Desk) -> None:
    schedule = recur(checked, "0 9 * * 1-5")
    runs = checked.recurring.next_runs(schedule, 6)
    assert [f"{run:%a %H:%M}" for run in runs] == [f"{day} 09:00" for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Mon")]
    assert len(checked.recurring.next_runs(schedule)) == 3
    assert checked.recurring.next_runs(schedule, 1) == [schedule.next_run]


def test_a_cancelled_schedule_stays_and_makes_nothing(checked: Desk, clock: PlayedClock) -> None:
    schedule = recur(checked)
    cancelled = checked.recurring.cancel_recurring(f" {schedule.guid} ", action_by="bo")
    assert (cancelled.active, checked.recurring.list_recurring()) == (False, [cancelled])
    assert checked.recurring.next_runs(cancelled) == []
    clock.advance(days=2)
    assert checked.recurring.list_due_recurring() == []
    assert checked.recurring.check_due_recurring() == []
    assert checked.recurring.cancel_recurring(schedule.guid, action_by="bo") == cancelled
    with pytest.raises(NotFoundError, match=r"there is no schedule nowhere .*list-recurring"):
        checked.recurring.cancel_recurring("nowhere", action_by="bo")
    with pytest.raises(NotFoundError):
        checked.recurring.cancel_recurring("\udcff", action_by="bo")


# Tickets


def test_a_due_schedule_makes_the_ticket_of_its_template(desk: Desk, clock: PlayedClock) -> None:
    tasks = ["Look", {"name": "Report {{ date }}", "assign_to": "bo@example.com"}]
    add_template(
        desk, description="For {{ project }}", priority="HIGH", ticket_type="INTERNAL", project="ANY", tasks=tasks
    )
    desk.rules.auto_assign_add_rule("CORE", "ops@example.com", "INFRA", action_by="ann")
    schedule = recur(desk, project="INFRA")
    assert desk.recurring.check_due_recurring() == []
    clock.set(utc("2026-03-02T08:59:59"))
    assert desk.recurring.check_due_recurring() == []
    clock.set(utc("2026-03-02T09:00"))
    (ticket,) = desk.recurring.check_due_recurring()
    assert ticket == desk.tickets.read(1)
    assert (ticket.subject, ticket.description) == ("CHECK of 2026-03-02", "For INFRA")
    assert (ticket.package, ticket.project, ticket.priority, ticket.ticket_type) == (
        "CORE",
        "INFRA",
        "HIGH",
        "INTERNAL",
    )
    assert (ticket.requested_by, ticket.assigned_to) == ("ann", "ops@example.com")
    assert [task.name for task in desk.tasks.get_tasks(1)] == ["Look", "Report 2026-03-02"]
    first = desk.queries.get_history(1)[0]
    assert (first.action, first.action_by, first.note) == ("CREATED", "scheduler", "from the template CHECK")
    assert desk.queries.verify_history(1) == []
    after = stored(desk, schedule)
    assert (after.last_run, after.next_run) == (utc("2026-03-02T09:00"), utc("2026-03-03T09:00"))
    assert desk.recurring.check_due_recurring() == []


def test_the_project_of_the_template_is_kept_where_the_schedule_has_none(desk: Desk, clock: PlayedClock) -> None:
    add_template(desk, project="OFFICE")
    recur(desk)
    clock.advance(hours=1)
    assert desk.recurring.check_due_recurring()[0].project == "OFFICE"


def test_people_are_told_of_the_ticket(desk: Desk, clock: PlayedClock) -> None:
    add_template(desk, assign_to="bo@example.com")
    recur(desk)
    clock.advance(hours=1)
    desk.recurring.check_due_recurring()
    assert [message.recipient for message in desk.notifications.list_outbox()] == ["bo@example.com"]


def test_the_date_is_that_of_the_occurrence_where_it_is_meant(checked: Desk, clock: PlayedClock) -> None:
    recur(checked, "30 0 * * *", timezone="Asia/Tokyo")
    clock.set(utc("2026-03-02T15:30"))
    assert subjects(checked.recurring.check_due_recurring()) == ["CHECK of 2026-03-03"]


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [("one", ["05"]), ("all", ["02", "03", "04", "05"]), ("none", [])],
)
def test_what_was_missed_is_caught_up_with_as_the_schedule_says(
    checked: Desk, clock: PlayedClock, catch_up: str, expected: list[str]
) -> None:
    schedule = recur(checked, catch_up=catch_up)
    clock.set(utc("2026-03-05T20:00"))
    made = [f"CHECK of 2026-03-{day}" for day in expected]
    assert [f"CHECK of {one.due:%Y-%m-%d}" for one in checked.recurring.list_due_recurring()] == made
    assert subjects(checked.recurring.check_due_recurring()) == made
    after = stored(checked, schedule)
    assert after.next_run == utc("2026-03-06T09:00")
    assert after.last_run == (utc("2026-03-05T09:00") if made else None)
    assert checked.recurring.check_due_recurring() == []
    clock.set(utc("2026-03-06T09:00"))
    assert subjects(checked.recurring.check_due_recurring()) == ["CHECK of 2026-03-06"]


@pytest.mark.parametrize(("late", "made"), [(timedelta(minutes=5), 1), (timedelta(minutes=5, seconds=1), 0)])
def test_the_grace_says_how_late_is_too_late(
    make_desk: MakeDesk, clock: PlayedClock, late: timedelta, made: int
) -> None:
    desk = make_desk("memory:", recurring=RecurringSection(grace=300))
    add_template(desk)
    recur(desk, catch_up="none")
    clock.set(utc("2026-03-02T09:00") + late)
    assert len(desk.recurring.check_due_recurring()) == made


def test_a_daily_job_runs_on_the_day_on_which_clocks_are_put_forward(checked: Desk, clock: PlayedClock) -> None:
    clock.set(utc("2026-03-28T12:00"))
    recur(checked, "30 2 * * *", timezone="Europe/Berlin", catch_up="all")
    clock.set(utc("2026-03-29T00:59"))
    assert checked.recurring.check_due_recurring() == []
    clock.set(utc("2026-03-29T01:00"))
    assert subjects(checked.recurring.check_due_recurring()) == ["CHECK of 2026-03-29"]
    clock.set(utc("2026-03-30T00:30"))
    assert subjects(checked.recurring.check_due_recurring()) == ["CHECK of 2026-03-30"]


def test_a_daily_job_runs_once_on_the_day_on_which_clocks_are_put_back(checked: Desk, clock: PlayedClock) -> None:
    clock.set(utc("2026-10-24T12:00"))
    recur(checked, "30 2 * * *", timezone="Europe/Berlin", catch_up="all")
    clock.set(utc("2026-10-25T00:30"))
    assert subjects(checked.recurring.check_due_recurring()) == ["CHECK of 2026-10-25"]
    clock.set(utc("2026-10-25T12:00"))
    assert checked.recurring.check_due_recurring() == []


def test_what_is_due_is_listed_without_being_made(checked: Desk, clock: PlayedClock) -> None:
    schedule = recur(checked, catch_up="all")
    assert checked.recurring.list_due_recurring() == []
    clock.advance(days=2)
    due = checked.recurring.list_due_recurring()
    assert [one.due for one in due] == [utc("2026-03-02T09:00"), utc("2026-03-03T09:00")]
    assert due[0].key == f"{schedule.guid}/2026-03-02T09:00:00Z"
    assert checked.recurring.list_recurring() == [schedule]
    assert checked.queries.get_open_tickets() == []


def test_of_one_schedule_a_hundred_are_made_at_once_and_the_rest_later(checked: Desk, clock: PlayedClock) -> None:
    schedule = recur(checked, "*/10 * * * *", catch_up="all")
    clock.advance(hours=40)
    assert len(checked.recurring.list_due_recurring()) == 100
    assert [len(checked.recurring.check_due_recurring()) for _ in range(4)] == [100, 100, 40, 0]
    assert stored(checked, schedule).last_run == clock.now()


def test_more_schedules_than_are_read_at_once_are_all_made(checked: Desk, clock: PlayedClock) -> None:
    for _ in range(205):
        recur(checked)
    clock.advance(hours=1)
    assert len(checked.recurring.check_due_recurring()) == 205
    assert checked.recurring.check_due_recurring() == []


# What cannot be made


def test_what_cannot_be_made_holds_up_nothing_and_is_made_later(checked: Desk, clock: PlayedClock) -> None:
    add_template(checked, "GONE")
    first, broken, last = recur(checked), recur(checked, name="GONE"), recur(checked)
    add_template(checked, "GONE", active=False, replace=True)
    clock.advance(hours=1)
    assert len(checked.recurring.check_due_recurring()) == 2
    failed = stored(checked, broken)
    assert failed.last_error.startswith("there is no template GONE (it is not active; ")
    assert (failed.next_run, failed.last_run) == (broken.next_run, None)
    assert [stored(checked, one).last_error for one in (first, last)] == ["", ""]

    clock.advance(minutes=1)
    assert checked.recurring.check_due_recurring() == []
    assert stored(checked, broken) == failed  # that it still fails is no news

    add_template(checked, "GONE", replace=True)
    assert subjects(checked.recurring.check_due_recurring()) == ["GONE of 2026-03-02"]
    assert (stored(checked, broken).last_error, stored(checked, broken).last_run) == ("", broken.next_run)


def test_what_a_policy_refuses_is_kept_as_the_error(
    make_config: Callable[..., Config], clock: PlayedClock, store_url: str
) -> None:
    class Policy:
        @hookimpl
        def ticketcore_validate(self, change: Change, action_by: str) -> Iterator[Problem]:
            if change.after.subject.startswith("BAD"):
                yield Problem("subject", f"is not for {action_by}")
                yield Problem("", "\x1b[31mnever")

    with open_desk(make_config(store_url), plugins={"policy": Policy()}, clock=clock) as desk:
        for name in ("BAD", "GOOD"):
            add_template(desk, name)
            recur(desk, name=name)
        clock.advance(hours=1)
        outcome = desk.recurring.run_due()
        assert (outcome.made, subjects(list(outcome.tickets))) == (1, ["GOOD of 2026-03-02"])
        assert str(outcome) == "1 made, 1 failed"
        (failure,) = outcome.failures
        assert failure.reason == r"subject: is not for scheduler; \x1b[31mnever"
        assert str(failure).startswith("BAD (0 9 * * *, ")
        bad = desk.recurring.list_recurring()[0]
        assert (bad.last_error, bad.next_run) == (failure.reason, utc("2026-03-02T09:00"))
        assert len(desk.queries.get_open_tickets()) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"timezone": "Europe/Atlantis"}, "timezone: 'Europe/Atlantis' is no IANA time zone"),
        ({"cron_expression": "0 99 * * *"}, "cron_expression: hour: '99' is not 0 to 23"),
        ({"cron_expression": "0 9 30 2 *"}, "cron_expression: '0 9 30 2 *' never comes up"),
        ({"module_type": "GONE"}, "there is no recurring module type called 'GONE'"),
        ({"template_name": "GONE"}, "there is no template GONE"),
    ],
)
def test_a_stored_schedule_that_is_wrong_holds_up_nothing(
    checked: Desk, clock: PlayedClock, caplog: pytest.LogCaptureFixture, fields: dict[str, str], reason: str
) -> None:
    broken = make_schedule(**{"template_name": "CHECK", "next_run": clock.now(), "guid": "0", **fields})
    with checked.repository.transaction() as tx:
        tx.add(broken)
    recur(checked)
    clock.advance(hours=1)
    checked.recurring.list_due_recurring()
    assert len(checked.recurring.check_due_recurring()) == 1
    assert stored(checked, broken).last_error.startswith(reason)
    assert reason in caplog.text


# Several schedulers, and the worker


def test_an_occurrence_of_a_schedule_that_is_cancelled_meanwhile_is_not_made(
    two: tuple[Desk, Desk], clock: PlayedClock
) -> None:
    one, other = two
    schedule = recur(one)
    clock.advance(hours=1)
    (seen,) = other.recurring.list_due_recurring()
    one.recurring.cancel_recurring(schedule.guid, action_by="ann")
    assert other.extensions.recurring_type("TICKET", other).make(seen) is None
    assert one.queries.get_open_tickets() == []


def test_an_occurrence_that_was_made_already_is_not_made_again(two: tuple[Desk, Desk], clock: PlayedClock) -> None:
    one, other = two
    recur(one)
    clock.advance(hours=1)
    (seen,) = other.recurring.list_due_recurring()
    assert len(one.recurring.check_due_recurring()) == 1
    assert other.extensions.recurring_type("TICKET", other).make(seen) is None
    assert len(one.queries.get_open_tickets()) == 1


def test_threads_that_look_at_once_make_each_occurrence_once(two: tuple[Desk, Desk], clock: PlayedClock) -> None:
    for _ in range(6):
        recur(two[0], catch_up="all")
    clock.advance(days=4)
    start, made = threading.Barrier(4), []

    def look(desk: Desk) -> None:
        start.wait()
        made.extend(desk.recurring.check_due_recurring())

    threads = [threading.Thread(target=look, args=(desk,)) for desk in (*two, *two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tickets = two[0].queries.get_open_tickets()
    assert sorted(ticket.guid for ticket in made) == sorted(ticket.guid for ticket in tickets)
    assert sorted(subjects(tickets)) == sorted(f"CHECK of 2026-03-0{day}" for day in (2, 3, 4, 5) for _ in range(6))
    assert {schedule.last_error for schedule in two[0].recurring.list_recurring()} == {""}


def test_the_worker_makes_what_is_due_and_says_what_fails(
    checked: Desk, clock: PlayedClock, caplog: pytest.LogCaptureFixture
) -> None:
    (job,) = [job for job in checked.jobs() if job.name == "recurring"]
    assert job.run(threading.Event()) == ""
    add_template(checked, "GONE")
    for name in ("CHECK", "GONE"):
        recur(checked, name=name)
    add_template(checked, "GONE", active=False, replace=True)
    clock.advance(hours=1)
    assert job.run(threading.Event()) == "1 made, 1 failed"
    assert "a schedule makes nothing: GONE (0 9 * * *, " in caplog.text
    assert job.run(threading.Event()) == "1 failed"


def test_the_worker_stops_between_two_tickets(checked: Desk, clock: PlayedClock) -> None:
    class StopAfter(threading.Event):
        def __init__(self, looks: int) -> None:
            super().__init__()
            self.looks = looks

        def is_set(self) -> bool:
            self.looks -= 1
            return self.looks < 0

    recur(checked, catch_up="all")
    recur(checked)
    clock.advance(days=5)
    assert str(checked.recurring.run_due(StopAfter(3))) == "2 made"
    assert str(checked.recurring.run_due(StopAfter(0))) == ""
    assert str(checked.recurring.run_due()) == "4 made"


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=8),
    st.sampled_from(CatchUp),
)
def test_however_long_nothing_runs_each_occurrence_makes_what_the_policy_says(
    looks: list[tuple[int, bool]], catch_up: CatchUp
) -> None:
    clock = PlayedClock(utc("2026-03-02T08:00"))
    with open_desk(Config(notifiers=(), database=DatabaseSection(url="memory:")), clock=clock) as desk:
        add_template(desk, subject="made")
        recur(desk, "0 9,21 * * *", catch_up=catch_up)
        seen, occurrences = clock.now(), [utc("2026-03-02T09:00") + place * 12 * HOUR for place in range(60)]
        for hours, twice in looks:
            now = clock.advance(hours=hours)
            due = [one for one in occurrences if seen < one <= now]
            if catch_up is CatchUp.ONE:
                due = due[-1:]
            elif catch_up is CatchUp.NONE:
                due = [one for one in due[-1:] if now - one <= HOUR]
            assert len(desk.recurring.check_due_recurring()) == len(due)
            assert not (twice and desk.recurring.check_due_recurring())
            seen = now
