"""A plugin of the test's own, which refuses changes on demand and notes what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import define, field

from ticketcore import hookimpl, open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config
from ticketcore.desk import Desk
from ticketcore.domain.events import TicketEvent
from ticketcore.domain.lifecycle import Change
from ticketcore.errors import Problem


@define
class Guard:
    """Refuses every change while it is ``shut``; keeps the changes that it was asked about and the events."""

    shut: bool = False
    asked: list[Change] = field(factory=list)
    told: list[TicketEvent] = field(factory=list)

    @hookimpl
    def ticketcore_validate(self, change: Change) -> list[Problem]:
        self.asked.append(change)
        return [Problem("", "the guard says no")] if self.shut else []

    @hookimpl
    def ticketcore_observe(self, event: TicketEvent) -> None:
        self.told.append(event)


@pytest.fixture
def guard() -> Guard:
    return Guard()


@pytest.fixture
def guarded_desk(
    make_config: Callable[..., Config], store_url: str, clock: PlayedClock, guard: Guard
) -> Iterator[Desk]:
    """Return a desk that asks the guard."""
    with open_desk(make_config(store_url), clock=clock, plugins={"guard": guard}) as desk:
        yield desk


@pytest.fixture
def stored(guarded_desk: Desk) -> Callable[[], tuple[Any, ...]]:
    """Return a function that says everything that is stored about ticket 1 of the guarded desk."""

    def of() -> tuple[Any, ...]:
        return (
            guarded_desk.tickets.read(1),
            guarded_desk.queries.get_history(1),
            guarded_desk.tasks.get_tasks(1),
            guarded_desk.time.get_time_entries(1),
            guarded_desk.notifications.list_outbox(),
        )

    return of
