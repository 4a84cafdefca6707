"""What recurs by the work of plugins: called for each occurrence, under a lease and a key, and kept if it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ticketcore import hookimpl, open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config
from ticketcore.desk import Desk
from ticketcore.domain.recurrence import Occurrence, Schedule
from ticketcore.errors import Problem, RejectedError
from ticketcore.plugin.records import RecurringTypeSpec
from ticketcore.services.recurring import LEASE

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Module = Callable[[str], Any]

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REPORTS = """
    MADE = []

    def make(desk, occurrence):
        MADE.append((occurrence.key, occurrence.schedule.template_name, desk.plugin_settings("reports").title))

    @frozen
    class Settings:
        title: str = "a report"

    @hookimpl
    def ticketcore_settings():
        return Settings

    @hookimpl
    def ticketcore_recurring_types():
        return [RecurringTypeSpec(name="REPORT", aliases=("MONTHLY",), summary="a report", target="reports:make")]
"""


class Things:
    """A plugin with the module type THING, which does what a test says."""

    def __init__(self, make: Callable[[Desk, Occurrence], object], **spec: Any) -> None:
        self.keys: list[str] = []
        self.make = make
        self.spec = spec

    def target(self, desk: Desk, occurrence: Occurrence) -> object:
        self.keys.append(occurrence.key)
        return self.make(desk, occurrence)

    @hookimpl
    def ticketcore_recurring_types(self) -> list[RecurringTypeSpec]:
        return [RecurringTypeSpec(name="THING", summary="a thing", target=self.target, **self.spec)]


OpenWith = Callable[[Things], Desk]


@pytest.fixture
def open_with(make_config: Callable[..., Config], clock: PlayedClock, store_url: str) -> Iterator[OpenWith]:
    """Return a function that opens a desk with a plugin."""
    opened: list[Desk] = []

    def make(plugin: Things) -> Desk:
        opened.append(open_desk(make_config(store_url), plugins={"things": plugin}, clock=clock))
        return opened[-1]

    yield make
    for desk in opened:
        desk.close()


def recur(desk: Desk, cron: str = "0 9 * * *", **options: str) -> Schedule:
    return desk.recurring.create_recurring(
        "anything", cron, created_by="ann", **{"module_type": "THING", "catch_up": "all"} | options
    )


def key(schedule: Schedule, day: int = 2) -> str:
    return f"{schedule.guid}/2026-03-{day:02}T09:00:00Z"


def test_an_installed_plugin_makes_what_recurs(
    install: Install, make_desk: MakeDesk, clock: PlayedClock, module: Module, store_url: str
) -> None:
    install("reports", REPORTS)
    desk = make_desk(store_url)
    schedule = desk.recurring.create_recurring("SALES", "0 9 * * *", created_by="ann", module_type="MONTHLY")
    assert (schedule.module_type, schedule.template_name) == ("REPORT", "SALES")
    assert desk.recurring.check_due_recurring() == []
    clock.set(NINE)
    assert str(desk.recurring.run_due()) == "1 made"
    made = module("reports").MADE
    assert made == [(key(schedule), "SALES", "a report")]
    (after,) = desk.recurring.list_recurring()
    assert (after.last_run, after.next_run, after.claimed_until) == (NINE, NINE.replace(day=3), None)
    assert str(desk.recurring.run_due()) == ""


def test_it_gets_the_occurrence(open_with: OpenWith, clock: PlayedClock) -> None:
    seen: list[tuple[Desk, Occurrence]] = []
    desk = open_with(Things(lambda desk, occurrence: seen.append((desk, occurrence))))
    schedule = recur(desk)
    clock.set(NINE.replace(day=3))
    assert str(desk.recurring.run_due()) == "2 made"
    assert [asking for asking, _ in seen] == [desk, desk]
    assert [one.due for _, one in seen] == [NINE, NINE.replace(day=3)]
    assert [one.schedule.guid for _, one in seen] == [schedule.guid] * 2
    assert [one.settled.next_run for _, one in seen] == [NINE.replace(day=3), NINE.replace(day=4)]


def test_tickets_that_it_makes_are_among_those_that_were_made(open_with: OpenWith, clock: PlayedClock) -> None:
    desk = open_with(Things(lambda desk, occurrence: desk.tickets.create(f"{occurrence.due}", action_by="things")))
    recur(desk)
    clock.set(NINE)
    assert desk.recurring.check_due_recurring() == [desk.tickets.read(1)]


@pytest.mark.parametrize("error", [RuntimeError("out of \x1b[31mpaper"), SystemExit("out of \x1b[31mpaper")])
def test_what_fails_is_kept_and_tried_again_under_the_same_key(
    open_with: OpenWith, clock: PlayedClock, error: BaseException
) -> None:
    broken = True

    def make(_desk: Desk, _occurrence: Occurrence) -> None:
        if broken:
            raise error

    things = Things(make)
    desk = open_with(things)
    schedule = recur(desk)
    clock.set(NINE)
    assert str(desk.recurring.run_due()) == "1 failed"
    (failed,) = desk.recurring.list_recurring()
    assert failed.last_error == rf"{type(error).__name__}: out of \x1b[31mpaper"
    assert (failed.next_run, failed.claimed_until) == (NINE, None)
    assert str(desk.recurring.run_due()) == "1 failed"
    broken = False
    assert str(desk.recurring.run_due()) == "1 made"
    assert things.keys == [key(schedule)] * 3
    assert desk.recurring.list_recurring()[0].last_error == ""


def test_no_other_scheduler_calls_it_meanwhile(open_with: OpenWith, clock: PlayedClock) -> None:
    """The second look is made by the target itself, so it is in the middle of the first."""
    looks: list[str] = []

    def make(desk: Desk, _occurrence: Occurrence) -> None:
        looks.append(str(desk.recurring.run_due()))
        assert desk.recurring.list_due_recurring() == []
        clock.advance(seconds=LEASE.total_seconds() - 1)
        looks.append(str(desk.recurring.run_due()))

    things = Things(make)
    desk = open_with(things)
    schedule = recur(desk)
    clock.set(NINE)
    assert str(desk.recurring.run_due()) == "1 made"
    assert (looks, things.keys) == (["", ""], [key(schedule)])


def test_one_that_takes_longer_than_the_lease_is_called_again_with_the_same_key(
    open_with: OpenWith, clock: PlayedClock
) -> None:
    looks: list[str] = []

    def make(desk: Desk, _occurrence: Occurrence) -> None:
        if not looks:
            looks.append("")
            clock.advance(seconds=LEASE.total_seconds())
            looks.append(str(desk.recurring.run_due()))

    things = Things(make)
    desk = open_with(things)
    schedule = recur(desk)
    clock.set(NINE)
    assert str(desk.recurring.run_due()) == "1 made"
    assert (looks, things.keys) == (["", "1 made"], [key(schedule)] * 2)
    (after,) = desk.recurring.list_recurring()
    assert (after.last_run, after.next_run, after.claimed_until) == (NINE, NINE.replace(day=3), None)


def test_one_that_fails_after_its_lease_leaves_the_schedule_to_whoever_has_it(
    open_with: OpenWith, clock: PlayedClock
) -> None:

    def make(desk: Desk, occurrence: Occurrence) -> None:
        if len(things.keys) == 1:
            clock.advance(seconds=LEASE.total_seconds())
            with desk.repository.transaction() as tx:  # as another scheduler does
                tx.save(evolve(occurrence.schedule, claimed_until=clock.now() + LEASE))
            raise RuntimeError

    things = Things(make)
    desk = open_with(things)
    schedule = recur(desk)
    clock.set(NINE)
    assert str(desk.recurring.run_due()) == "1 failed"
    assert str(desk.recurring.run_due()) == ""
    clock.advance(seconds=LEASE.total_seconds())
    assert str(desk.recurring.run_due()) == "1 made"
    assert things.keys == [key(schedule)] * 2


def test_one_that_fails_after_somebody_else_has_made_it_fails_nobody(open_with: OpenWith, clock: PlayedClock) -> None:
    def make(desk: Desk, _occurrence: Occurrence) -> None:
        if len(things.keys) == 1:
            clock.advance(seconds=LEASE.total_seconds())
            assert str(desk.recurring.run_due()) == "1 made"
            raise RuntimeError

    things = Things(make)
    desk = open_with(things)
    recur(desk)
    clock.set(NINE)
    assert str(desk.recurring.run_due()) == ""
    assert desk.recurring.list_recurring()[0].last_error == ""


def test_a_schedule_that_is_cancelled_meanwhile_is_settled_and_stays_cancelled(
    open_with: OpenWith, clock: PlayedClock
) -> None:
    def make(desk: Desk, occurrence: Occurrence) -> None:
        desk.recurring.cancel_recurring(occurrence.schedule.guid, action_by="ann")

    desk = open_with(Things(make))
    recur(desk)
    clock.set(NINE.replace(day=4))
    assert str(desk.recurring.run_due()) == "1 made"
    (after,) = desk.recurring.list_recurring()
    assert (after.active, after.last_run, after.next_run) == (False, NINE, NINE.replace(day=3))


def test_one_that_settles_its_occurrences_is_called_without_a_lease(open_with: OpenWith, clock: PlayedClock) -> None:
    def make(desk: Desk, occurrence: Occurrence) -> str:
        assert occurrence.schedule.claimed_until is None
        with desk.repository.transaction() as tx:
            tx.save(occurrence.settled)
        return "a thing"

    things = Things(make, settles=True)
    desk = open_with(things)
    schedule = recur(desk)
    clock.set(NINE.replace(day=3))
    assert str(desk.recurring.run_due()) == "2 made"
    assert things.keys == [key(schedule), key(schedule, 3)]
    assert str(desk.recurring.run_due()) == ""


def test_one_that_says_so_and_does_not_is_told(open_with: OpenWith, clock: PlayedClock) -> None:
    things = Things(lambda _desk, _occurrence: "a thing", settles=True)
    desk = open_with(things)
    schedule = recur(desk)
    clock.set(NINE)
    assert str(desk.recurring.run_due()) == "1 failed"
    assert things.keys == [key(schedule)]
    reason = "the recurring module type 'THING' says that it settles occurrences, and has not"
    assert desk.recurring.list_recurring()[0].last_error == reason


def test_it_can_refuse_a_schedule(open_with: OpenWith) -> None:
    def check(_desk: Desk, schedule: Schedule) -> None:
        if schedule.project:
            raise RejectedError([Problem("project", "a thing has none")])

    desk = open_with(Things(lambda _desk, _occurrence: None, check=check))
    with pytest.raises(RejectedError, match="project: a thing has none"):
        recur(desk, project="INFRA")
    assert desk.recurring.list_recurring() == []
    recur(desk)


def test_what_checks_must_be_callable() -> None:
    with pytest.raises(ValueError, match="check must be a callable, not 'yes'"):
        RecurringTypeSpec(name="THING", summary="a thing", target=print, check="yes")  # type: ignore[arg-type]
