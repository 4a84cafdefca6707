"""The jobs of the worker: what each does, what a stop and a failure leave behind, and what is noted of a run."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from attrs import evolve

from ticketcore.adapters.scheduling import OnceScheduler
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import DatabaseSection, JobsSection, SchedulerSection, Targets
from ticketcore.desk import Desk
from ticketcore.domain.jobs import JobState
from ticketcore.domain.policy import SlaPolicy
from ticketcore.domain.sla import Recompute
from ticketcore.domain.ticket import Priority, Status, Ticket
from ticketcore.errors import ForbiddenError, RepositoryBusyError, SchemaError, TicketcoreError
from ticketcore.ports.scheduler import Job, JobRun
from ticketcore.services.jobs import Noted
from ticketcore.services.sla import SlaSettings, fingerprint

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ANN = "ann@example.com"
WORKER = SchedulerSection(inline=False)

MakeDesk = Callable[..., Desk]
Install = Callable[[str, str], Path]

FLAKY = """
    import time
    from ticketcore.plugin.markers import hookimpl
    from ticketcore.plugin.records import NotifierSpec
    from ticketcore.ports.notifier import Receipt

    SENT = []
    STOP = []
    SECONDS = [0]

    class Slow:
        def send(self, notification, *, timeout):
            end = time.monotonic() + SECONDS[0]
            while time.monotonic() < end:
                pass
            SENT.append(notification.message_id)
            if STOP and len(SENT) == 3:
                STOP[0].set()
            return Receipt("taken")

    @hookimpl
    def ticketcore_notifiers():
        return [NotifierSpec(name="slow", summary="takes its time", target=lambda config: Slow())]
"""
KEEP = """
    from ticketcore.errors import Problem
    from ticketcore.plugin.markers import hookimpl

    HOW = ["refuses"]

    def is_kept(change):
        return change.before is not None and "kept" in change.after.subject

    @hookimpl
    def ticketcore_validate(change):
        if HOW == ["refuses"] and is_kept(change):
            yield Problem("subject", "is kept")

    @hookimpl
    def ticketcore_forbid(change, action_by):
        if HOW == ["forbids"] and is_kept(change):
            yield f"{action_by} may not"
"""


class StopAfter(Event):
    """A stop that comes when it has been asked for so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def is_set(self) -> bool:
        self.left -= 1
        if self.left < 0:
            self.set()
        return super().is_set()


def run(desk: Desk, name: str, stop: Event | None = None) -> str:
    """Run one job of the worker one time, and return what it did."""
    (job,) = [job for job in desk.jobs() if job.name == name]
    return job.run(stop or Event())


def state(desk: Desk, name: str) -> JobState:
    (found,) = [state for state in desk.job_states() if state.name == name]
    return found


def new(desk: Desk, subject: str = "Printer on fire", **values: Any) -> Ticket:
    values = {"priority": "CRITICAL", "requested_by_type": "SYSTEM", "requested_by": "monitoring"} | values
    return desk.tickets.create(subject, action_by="test", **values)


def sla_rows(desk: Desk, ticket: Ticket) -> list[str]:
    return [row.field for row in desk.queries.get_history(ticket.guid) if row.action == "SLA_CHANGED"]


def promise(desk: Desk, response: int = 30, resolution: int = 60, **names: Any) -> SlaPolicy:
    return desk.sla.set_sla(
        "CORE", "CRITICAL", response_minutes=response, resolution_minutes=resolution, action_by="test", **names
    )


def deadlines(desk: Desk, ticket: Ticket) -> list[float]:
    """Return the minutes from the creation of a ticket to its deadlines."""
    stored = desk.tickets.read(ticket.guid)
    dates = (stored.sla_response_deadline, stored.sla_resolution_deadline)
    return [(date - stored.created_date).total_seconds() / 60 for date in dates if date]


@pytest.fixture
def slow(install: Install) -> Callable[[], Any]:
    """Install a notifier that takes its time; return what gets its module."""
    install("slow", FLAKY)

    def module() -> Any:
        import slow as found  # type: ignore[import-not-found]

        return found

    return module


@pytest.fixture
def keeping(install: Install) -> Callable[[], Any]:
    """Install a policy that keeps some tickets as they are; return what gets its module."""
    install("keeping", KEEP)

    def module() -> Any:
        import keeping as found  # type: ignore[import-not-found]

        return found

    return module


@pytest.fixture
def watching(sqlite_file: Path) -> Iterator[Callable[[], int]]:
    """Return a function that gives a number which changes whenever anybody has written to the SQLite file."""
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as connection:

        def version() -> int:
            number: int = connection.execute("PRAGMA data_version").fetchone()[0]
            return number

        yield version


# Which there are.


def test_the_jobs_and_how_often_they_run(make_desk: MakeDesk) -> None:
    every = JobsSection(outbox=1.5, escalations=0, sla=7, recurring=0)
    desk = make_desk("memory:", scheduler=SchedulerSection(jobs=every))
    assert [(job.name, job.every) for job in desk.jobs()] == [("outbox", 1.5), ("sla", 7.0)]
    default = make_desk("memory:")
    assert [(job.name, job.every) for job in default.jobs()] == [
        ("outbox", 10),
        ("escalations", 60),
        ("sla", 60),
        ("recurring", 60),
    ]


def test_a_new_store_is_ready_for_every_job(desk: Desk) -> None:
    assert [run(desk, name) for name in ("outbox", "escalations", "sla", "recurring")] == ["", "", "", ""]
    assert [state.name for state in desk.job_states()] == ["escalations", "outbox", "recurring", "sla"]


# outbox


def test_outbox_delivers_what_is_due(make_desk: MakeDesk, store_url: str, mail_folder: Path) -> None:
    desk = make_desk(store_url, scheduler=WORKER)
    desk.tickets.create("Printer", requested_by=ANN, action_by="ben")
    assert run(desk, "outbox") == "1 delivered"
    assert len(list(mail_folder.glob("*.eml"))) == 1
    assert run(desk, "outbox") == ""


def test_outbox_finishes_the_batch_that_it_has_taken_when_it_is_told_to_stop(
    make_desk: MakeDesk, store_url: str, slow: Callable[[], Any]
) -> None:
    desk = make_desk(store_url, scheduler=WORKER, notifiers=("slow",))
    for number in range(25):
        desk.tickets.create(f"Printer {number}", action_by="ben")
    stop = Event()
    slow().STOP.append(stop)
    assert run(desk, "outbox", stop) == "20 delivered"
    assert (len(slow().SENT), stop.is_set()) == (20, True)
    states = [message.state for message in desk.notifications.list_outbox()]
    assert states == ["DELIVERED"] * 20 + ["PENDING"] * 5
    assert run(desk, "outbox", stop) == ""
    slow().STOP.clear()
    assert run(desk, "outbox") == "5 delivered"
    assert len(set(slow().SENT)) == len(slow().SENT) == 25


def test_outbox_gives_back_what_takes_longer_than_the_time_out_after_a_stop(
    make_desk: MakeDesk, store_url: str, clock: PlayedClock, slow: Callable[[], Any]
) -> None:
    desk = make_desk(store_url, scheduler=evolve(WORKER, timeout=0.05), notifiers=("slow",))
    for number in range(10):
        desk.tickets.create(f"Printer {number}", action_by="ben")
    stop = Event()
    slow().STOP.append(stop)
    slow().SECONDS[0] = 0.06
    run(desk, "outbox", stop)
    sent = len(slow().SENT)
    assert sent in {3, 4}  # it is told during the third one; a fourth one uses the time up
    left = [message for message in desk.notifications.list_outbox() if message.state == "PENDING"]
    assert [(message.attempts, message.next_attempt) for message in left] == [(0, clock.now())] * (10 - sent)
    slow().STOP.clear()
    slow().SECONDS[0] = 0
    assert run(desk, "outbox") == f"{10 - sent} delivered"  # at once, not after the lease


# escalations


def test_escalations_escalates_what_is_past_a_deadline(desk: Desk, clock: PlayedClock) -> None:
    promise(desk, 15, 240, escalation_contact=ANN)
    late, early = new(desk), new(desk, priority="INFO")
    assert run(desk, "escalations") == ""
    clock.advance(minutes=16)
    assert run(desk, "escalations") == "1 escalated"
    assert desk.tickets.read(late.guid).status == "ESCALATED"
    assert desk.tickets.read(early.guid).status == "NEW"
    assert desk.queries.get_history(late.guid)[-1].action_by == "scheduler"
    assert run(desk, "escalations") == ""
    alerts = [message for message in desk.notifications.list_outbox() if message.notify_code == "ESCALATION_ALERT"]
    assert [message.recipient for message in alerts] == [ANN]


def test_escalations_stops_in_the_middle_and_goes_on(desk: Desk, clock: PlayedClock) -> None:
    for number in range(5):
        new(desk, str(number))
    clock.advance(minutes=16)
    assert run(desk, "escalations", StopAfter(2)) == "2 escalated"
    assert [ticket.ticket_number for ticket in desk.sla.check_escalation_due()] == [3, 4, 5]
    stopped = Event()
    stopped.set()
    assert run(desk, "escalations", stopped) == ""
    assert run(desk, "escalations") == "3 escalated"


@pytest.mark.parametrize("forbidden", [False, True])
def test_a_ticket_that_a_policy_keeps_does_not_hold_up_the_others(
    desk: Desk, clock: PlayedClock, keeping: Callable[[], Any], caplog: pytest.LogCaptureFixture, forbidden: bool
) -> None:
    tickets = [new(desk, subject) for subject in ("one", "kept", "two")]
    if forbidden:
        keeping().HOW[:] = ["forbids"]
        with pytest.raises(ForbiddenError, match="ben may not") as refused:
            desk.tickets.update(tickets[1].guid, subject="kept too", action_by="ben")
        assert (refused.value.reasons, refused.value.code) == (("ben may not",), "forbidden")
    clock.advance(minutes=16)
    assert run(desk, "escalations") == "2 escalated, 1 refused"
    assert [desk.tickets.read(ticket.guid).status for ticket in tickets] == ["ESCALATED", "NEW", "ESCALATED"]
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "ticketcore.services.jobs"]
    assert warning.startswith("ticket 2 cannot be escalated: ")
    assert state(desk, "escalations").failures == 0
    assert run(desk, "escalations") == "1 refused"


def test_a_store_that_is_away_is_a_failure_not_a_refusal(
    make_desk: MakeDesk, sqlite_file: Path, clock: PlayedClock
) -> None:
    url = f"sqlite:///{sqlite_file}"
    desk = make_desk(url, database=DatabaseSection(url=url, timeout=0.05), notifiers=())
    for _ in range(3):
        new(desk)
    promise(desk)
    clock.advance(minutes=31)
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for name in ("escalations", "sla"):
            with pytest.raises(RepositoryBusyError):
                run(desk, name)
        other.execute("ROLLBACK")
    assert run(desk, "escalations") == "3 escalated"


# sla


def test_sla_gives_open_tickets_new_deadlines(desk: Desk, clock: PlayedClock) -> None:
    tickets = [new(desk, str(number)) for number in range(2)]
    other, closed = new(desk, priority="LOW"), new(desk)
    desk.tickets.change_status(closed.guid, "CANCELLED", action_by="ben")
    clock.advance(minutes=5)
    assert run(desk, "sla") == ""
    promise(desk, 30, 60)
    assert run(desk, "sla") == "2 recomputed"
    assert [deadlines(desk, ticket) for ticket in tickets] == [[30, 60], [30, 60]]
    assert [deadlines(desk, ticket) for ticket in (other, closed)] == [[480, 4320], [15, 240]]
    assert [sla_rows(desk, ticket) for ticket in (*tickets, other, closed)] == [["terms"], ["terms"], [], []]
    row = desk.queries.get_history(tickets[0].guid)[-1]
    assert (row.action_by, row.note, row.action_date) == ("scheduler", "service levels have changed", clock.now())
    assert '"response_deadline": "2026-03-02T08:15:00+00:00"' in (row.old_value or "")
    assert '"response_deadline": "2026-03-02T08:30:00+00:00"' in (row.new_value or "")
    for ticket in tickets:
        assert desk.queries.verify_history(ticket.guid) == []
    assert run(desk, "sla") == ""


def test_sla_looks_again_after_each_change_of_a_policy(desk: Desk) -> None:
    ticket = new(desk)
    assert run(desk, "sla") == ""
    promise(desk, 30, 60)
    assert run(desk, "sla") == "1 recomputed"
    promise(desk, 30, 60, escalation_contact=ANN)  # whom to tell moves no clock
    assert run(desk, "sla") == ""
    promise(desk, 31, 60)
    assert run(desk, "sla") == "1 recomputed"
    promise(desk, 31, 60, ticket_type="BUG")
    assert run(desk, "sla") == ""
    assert sla_rows(desk, ticket) == ["terms", "terms"]


def changed(desk: Desk, **fields: Any) -> dict[str, Any]:
    """Return the sections of a configuration like that of ``desk`` whose service levels are others."""
    config = desk.config
    return {"database": config.database, "notifiers": (), "sla": evolve(config.sla, **fields)}


def test_sla_looks_again_after_a_change_of_the_configuration(make_desk: MakeDesk, sqlite_file: Path) -> None:
    url = f"sqlite:///{sqlite_file}"
    desk = make_desk(url, notifiers=())
    ticket = new(desk)
    assert run(desk, "sla") == ""
    strict = {Priority.CRITICAL: Targets(response=1, resolution=2)}
    assert run(make_desk(url, **changed(desk, defaults=strict)), "sla") == "1 recomputed"
    assert deadlines(desk, ticket) == [1, 2]
    assert run(make_desk(url, **changed(desk, defaults={})), "sla") == "1 recomputed"
    assert deadlines(desk, ticket) == []
    assert run(desk, "sla") == "1 recomputed"
    assert deadlines(desk, ticket) == [15, 240]
    assert sla_rows(desk, ticket) == ["terms"] * 3


def test_sla_takes_a_clock_that_stands_still_on_and_off(
    make_desk: MakeDesk, sqlite_file: Path, clock: PlayedClock
) -> None:
    url = f"sqlite:///{sqlite_file}"
    desk = make_desk(url, notifiers=())
    ticket = new(desk)
    for status in ("TRIAGED", "IN_PROGRESS", "ON_HOLD"):
        clock.advance(minutes=5)
        desk.tickets.change_status(ticket.guid, status, action_by="ben")
    held = clock.now()
    assert desk.tickets.read(ticket.guid).sla_paused_at == held
    clock.advance(days=1)
    assert run(desk, "sla") == ""
    running = make_desk(url, **changed(desk, pause=()))
    assert run(running, "sla") == "1 recomputed"
    assert running.tickets.read(ticket.guid).sla_paused_at is None
    assert run(running, "escalations") == "1 escalated"


def test_sla_takes_up_how_clocks_start_again(make_desk: MakeDesk, sqlite_file: Path, clock: PlayedClock) -> None:
    url = f"sqlite:///{sqlite_file}"
    desk = make_desk(url, notifiers=())
    ticket = new(desk, priority="LOW")
    clock.advance(minutes=5)
    desk.tickets.update(ticket.guid, priority="CRITICAL", action_by="ben")
    assert deadlines(desk, ticket) == [15, 240]
    assert run(desk, "sla") == ""
    again = make_desk(url, **changed(desk, recompute=Recompute.RESTART))
    assert run(again, "sla") == "1 recomputed"
    assert deadlines(desk, ticket) == [20, 245]


def test_sla_goes_through_many_in_batches_and_goes_on_after_a_stop(make_desk: MakeDesk) -> None:
    desk = make_desk("memory:", notifiers=())
    tickets = [new(desk, str(number)) for number in range(250)]
    promise(desk)
    done = 0
    for asked in (0, 1, 150, 300):
        outcome = run(desk, "sla", StopAfter(asked))
        done += int(outcome.split()[0]) if outcome else 0
        assert {tuple(sla_rows(desk, ticket)) for ticket in tickets[:done]} <= {("terms",)}
        assert sum(len(sla_rows(desk, ticket)) for ticket in tickets) == done
    assert done == 250
    assert {tuple(deadlines(desk, ticket)) for ticket in tickets} == {(30, 60)}


def test_sla_stops_also_where_nothing_is_to_be_changed(make_desk: MakeDesk) -> None:
    desk = make_desk("memory:", notifiers=())
    for number in range(201):
        new(desk, str(number))
    stop = StopAfter(1)
    assert run(desk, "sla", stop) == ""
    assert state(desk, "sla").memory == ""  # it has not seen all of them
    assert run(desk, "sla") == ""
    assert state(desk, "sla").memory != ""


def test_sla_does_nothing_while_nothing_has_changed(
    make_desk: MakeDesk, sqlite_file: Path, watching: Callable[[], int]
) -> None:
    desk = make_desk(f"sqlite:///{sqlite_file}", notifiers=())
    ticket = new(desk)
    assert run(desk, "sla") == ""
    version = watching()
    for _ in range(5):
        assert run(desk, "sla") == ""
    assert watching() == version
    with closing(sqlite3.connect(sqlite_file)) as other:  # whatever became of the ticket, it is not looked at
        other.execute("UPDATE data_ticket SET SlaResponseDeadline = NULL")
        other.commit()
    assert run(desk, "sla") == ""
    assert desk.tickets.read(ticket.guid).sla_response_deadline is None


class Meanwhile(Event):
    """A stop that never comes, and does something when it has been asked for so many times."""

    def __init__(self, after: int, step: Callable[[], object]) -> None:
        super().__init__()
        self.left, self.step = after, step

    def is_set(self) -> bool:
        self.left -= 1
        if self.left == 0:
            self.step()
        return False


def test_sla_leaves_a_ticket_that_is_finished_in_the_meantime(make_desk: MakeDesk, sqlite_file: Path) -> None:
    url = f"sqlite:///{sqlite_file}"
    desk = make_desk(url, notifiers=())
    first, second = new(desk), new(desk)
    strict = make_desk(url, **changed(desk, defaults={Priority.CRITICAL: Targets(response=1, resolution=2)}))
    stop = Meanwhile(3, lambda: desk.tickets.change_status(second.guid, "CANCELLED", action_by="ben"))
    assert run(strict, "sla", stop) == "1 recomputed"
    assert (deadlines(desk, first), deadlines(desk, second)) == ([1, 2], [15, 240])
    assert sla_rows(desk, second) == []


def test_sla_does_not_change_twice_what_somebody_else_was_faster_with(desk: Desk) -> None:
    tickets = [new(desk), new(desk)]
    promise(desk)
    assert run(desk, "sla", Meanwhile(3, lambda: run(desk, "sla"))) == "1 recomputed"
    assert [sla_rows(desk, ticket) for ticket in tickets] == [["terms"], ["terms"]]


def test_sla_tries_a_ticket_again_that_a_policy_keeps(desk: Desk, keeping: Callable[[], Any]) -> None:
    tickets = [new(desk, subject) for subject in ("one", "kept", "two")]
    assert desk.plugins.broken == {}
    promise(desk)
    assert run(desk, "sla") == "2 recomputed, 1 refused"
    assert [deadlines(desk, ticket) for ticket in tickets] == [[30, 60], [15, 240], [30, 60]]
    assert run(desk, "sla") == "1 refused"
    assert (state(desk, "sla").failures, state(desk, "sla").memory) == (0, "")
    keeping().HOW.clear()
    assert run(desk, "sla") == "1 recomputed"
    assert deadlines(desk, tickets[1]) == [30, 60]
    assert state(desk, "sla").memory != ""


def test_a_fingerprint_changes_with_whatever_deadlines_follow_from(desk: Desk) -> None:
    def now(**fields: Any) -> str:
        settings = SlaSettings(**({"defaults": {"HIGH": (1, 2), "LOW": (3, 4)}} | fields))
        with desk.repository.transaction(read_only=True) as tx:
            return fingerprint(tx, settings)

    seen = [now()]
    assert now(defaults={"LOW": (3, 4), "HIGH": (1, 2)}) == seen[0]
    seen += [
        now(defaults={}),
        now(defaults={"HIGH": (1, 2)}),
        now(defaults={"HIGH": (1, 3), "LOW": (3, 4)}),
        now(pause_statuses=frozenset()),
        now(pause_statuses=frozenset({Status.ON_HOLD, Status.NEW})),
        now(recompute=Recompute.RESTART),
    ]
    policy = promise(desk)
    seen.append(now())
    promise(desk, escalation_contact=ANN, responsible=ANN)
    assert now() == seen[-1]
    for values in ({"resolution": 61}, {"ticket_type": "BUG"}):
        promise(desk, **values)
        seen.append(now())
    with desk.repository.transaction() as tx:
        stored = tx.get(SlaPolicy, policy.id)
        assert stored is not None
        tx.save(evolve(stored, active=False))
    seen.append(now())
    assert len(set(seen)) == len(seen)


# Several workers.


def test_two_workers_on_one_file_do_everything_once(
    make_desk: MakeDesk, sqlite_file: Path, clock: PlayedClock, slow: Callable[[], Any]
) -> None:
    url = f"sqlite:///{sqlite_file}"
    desks = [make_desk(url, scheduler=WORKER, notifiers=("slow",)) for _ in range(2)]
    tickets = [new(desks[0], str(number)) for number in range(30)]
    promise(desks[0], 10, 20, escalation_contact=ANN)
    clock.advance(minutes=11)
    for name, total in (("sla", 30), ("escalations", 30), ("outbox", 90)):
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(lambda desk, name=name: run(desk, name), desks))
        counts = [int(outcome.split()[0]) for outcome in outcomes if outcome]
        # Escalating is counted by whoever asked for it, also where the other one was faster.
        assert total <= sum(counts) <= (2 * total if name == "escalations" else total), (name, outcomes)
        assert not any("refused" in outcome or "postponed" in outcome for outcome in outcomes)
    assert [sla_rows(desks[0], ticket) for ticket in tickets] == [["terms"]] * 30
    for ticket in tickets:
        statuses = [row.new_value for row in desks[1].queries.get_history(ticket.guid) if row.field == "status"]
        assert statuses == ["ESCALATED"]
        assert desks[1].queries.verify_history(ticket.guid) == []
    assert len(slow().SENT) == len(set(slow().SENT)) == 90
    assert [state(desks[0], name).failures for name in ("sla", "escalations", "outbox")] == [0, 0, 0]


# What is noted of a run.


def test_a_job_that_fails_stops_no_other_and_is_noted_until_it_succeeds(
    make_desk: MakeDesk, sqlite_file: Path, clock: PlayedClock
) -> None:
    desk = make_desk(f"sqlite:///{sqlite_file}", notifiers=())
    new(desk)
    promise(desk)
    with closing(sqlite3.connect(sqlite_file)) as other:
        (name,) = other.execute(
            "SELECT name FROM sqlite_master WHERE name LIKE '%outbox%' AND type = 'table'"
        ).fetchone()
        other.execute(f"ALTER TABLE {name} RENAME TO away")
    told: list[tuple[str, str]] = []
    for failures in (1, 2):
        clock.advance(minutes=1)
        well = desk.work(once=True, stop=Event(), report=lambda job, said: told.append((job, said)))
        assert not well
        noted = state(desk, "outbox")
        assert (noted.failures, noted.last_run, noted.last_success) == (failures, clock.now(), None)
        assert "lacks a part of the schema" in noted.last_error
    assert [job for job, _ in told] == ["outbox", "sla", "outbox"]
    assert told[0][1].startswith("failed: ")
    assert told[1] == ("sla", "1 recomputed")
    with closing(sqlite3.connect(sqlite_file)) as other:
        other.execute(f"ALTER TABLE away RENAME TO {name}")
    clock.advance(minutes=1)
    assert desk.work(once=True, stop=Event(), report=lambda job, said: None)
    noted = state(desk, "outbox")
    assert (noted.failures, noted.last_error) == (0, "")
    assert noted.last_run == noted.last_success == clock.now()


class Watching:
    """Keeps every run that it is told of; raises afterwards what it is given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.runs: list[JobRun] = []
        self.error = error

    def ran(self, run: JobRun) -> None:
        self.runs.append(run)
        if self.error is not None:
            raise self.error


def raising(error: BaseException) -> Callable[[Event], str]:
    def run(stop: Event) -> str:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "noted"),
    [
        (SystemExit(3), "SystemExit: 3"),
        (SchemaError("the schema is old", hint="upgrade it"), "the schema is old (upgrade it)"),
        (TicketcoreError(""), "TicketcoreError"),
        (RuntimeError("x" * 5000), ("RuntimeError: " + "x" * 5000)[:1000]),
        (ValueError("half a \ud83d pair\0"), "ValueError: half a \\ud83d pair\\0"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_a_job_raises_is_noted_and_passed_on(desk: Desk, error: BaseException, noted: str) -> None:
    watch = Watching()
    jobs = [
        Noted(desk.repository, desk.clock, [watch]).noted(Job(name, 1.0, run))
        for name, run in {"first": raising(error), "second": lambda stop: "went well"}.items()
    ]
    told: list[tuple[str, str]] = []
    assert not OnceScheduler().run(jobs, Event(), lambda job, said: told.append((job, said)))
    assert [job for job, _ in told] == ["first", "second"]
    assert told[1] == ("second", "went well")
    assert (state(desk, "first").failures, state(desk, "first").last_error) == (1, noted)
    assert [(run.job, run.outcome, run.error) for run in watch.runs] == [
        ("first", "", noted),
        ("second", "went well", ""),
    ]
    with pytest.raises(type(error)):
        jobs[0].run(Event())
    assert state(desk, "first").failures == 2


def test_a_watch_is_told_of_every_run_also_of_an_idle_one(desk: Desk, clock: PlayedClock) -> None:
    watch = Watching()
    (job,) = [job for job in desk.jobs([watch]) if job.name == "outbox"]
    for _ in range(3):
        clock.advance(seconds=10)
        assert job.run(Event()) == ""
    assert [(run.job, run.started, run.outcome, run.error) for run in watch.runs] == [
        ("outbox", START + timedelta(seconds=seconds), "", "") for seconds in (10, 20, 30)
    ]
    assert all(0 <= run.seconds < 5 for run in watch.runs)


@pytest.mark.parametrize("error", [OSError("disk full"), TicketcoreError("no store")])
def test_a_watch_that_fails_harms_no_job(desk: Desk, caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    watches = [Watching(error), Watching()]
    job = Noted(desk.repository, desk.clock, watches).noted(Job("x", 1.0, lambda stop: "done"))
    with caplog.at_level(logging.WARNING):
        assert job.run(Event()) == "done"
    assert [len(watch.runs) for watch in watches] == [1, 1]
    assert f"a watch cannot take note of a job: {error}" in caplog.messages
    assert state(desk, "x").failures == 0


def test_a_store_that_cannot_take_note_harms_no_job(
    make_desk: MakeDesk, sqlite_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{sqlite_file}"
    desk = make_desk(url, database=DatabaseSection(url=url, timeout=0.05))
    desk.init_store()
    job = Noted(desk.repository, desk.clock).noted(Job("x", 1.0, lambda stop: ""))
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert job.run(Event()) == ""
        other.execute("ROLLBACK")
    assert any(message.startswith("the store cannot take note of a job: ") for message in caplog.messages)
    assert desk.job_states() == []
    assert job.run(Event()) == ""
    assert [state.name for state in desk.job_states()] == ["x"]


def test_an_idle_worker_hardly_writes(
    make_desk: MakeDesk, sqlite_file: Path, clock: PlayedClock, watching: Callable[[], int]
) -> None:
    desk = make_desk(f"sqlite:///{sqlite_file}", notifiers=())
    outcomes = ["", "", "", "did it", "", ""]
    job = Noted(desk.repository, desk.clock).noted(Job("x", 1.0, lambda stop: outcomes.pop(0)))
    written = []
    for _ in range(len(outcomes)):
        before = watching()
        clock.advance(seconds=10)
        job.run(Event())
        written.append(watching() != before)
    assert written == [True, False, False, True, False, False]


def test_a_failure_is_noted_however_soon_it_comes(desk: Desk) -> None:
    answers: list[str | None] = ["", None, "", ""]

    def run(stop: Event) -> str:
        answer = answers.pop(0)
        if answer is None:
            raise OSError("away")
        return answer

    job = Noted(desk.repository, desk.clock).noted(Job("x", 1.0, run))
    job.run(Event())
    with pytest.raises(OSError, match="away"):
        job.run(Event())
    assert state(desk, "x").failures == 1
    job.run(Event())
    assert (state(desk, "x").failures, state(desk, "x").last_error) == (0, "")


def test_what_a_job_remembers_outlives_the_notes(desk: Desk) -> None:
    run(desk, "sla")
    memory = state(desk, "sla").memory
    assert memory
    job = Noted(desk.repository, desk.clock).noted(Job("sla", 1.0, lambda stop: "went well"))
    job.run(Event())
    assert state(desk, "sla").memory == memory


# Figures.


def test_the_figures_of_a_store(make_desk: MakeDesk, store_url: str, clock: PlayedClock) -> None:
    desk = make_desk(store_url, scheduler=evolve(WORKER, attempts=1))
    empty = desk.figures()
    assert (set(empty.messages.values()), set(empty.tickets.values()), empty.oldest_due) == ({0}, {0}, None)
    assert set(empty.tickets) == {str(status) for status in Status}
    for number in range(3):
        desk.tickets.create(str(number), requested_by=ANN, action_by="ben")
        clock.advance(minutes=1)
    desk.tickets.change_status(1, "TRIAGED", action_by="ben")
    found = desk.figures()
    assert found.messages == {"PENDING": 4, "DELIVERED": 0, "DEAD": 0}
    assert (found.tickets["NEW"], found.tickets["TRIAGED"], found.oldest_due) == (2, 1, START)
    run(desk, "outbox")
    assert desk.figures().messages == {"PENDING": 0, "DELIVERED": 4, "DEAD": 0}
    assert desk.figures().oldest_due is None
