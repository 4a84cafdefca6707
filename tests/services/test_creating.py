"""What is asked for when a ticket is created: whatever it is, it is kept, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from attrs import evolve

from ticketcore.config.schema import WorkflowSection
from ticketcore.desk import Desk
from ticketcore.domain.workflow import declare
from ticketcore.errors import ConflictError, RejectedError
from ticketcore.ports.repository import Repository, Transaction

ANN, EVE = "ann@example.com", "eve@example.com"


class Contended:
    """A store in which somebody else is faster the first time."""

    def __init__(self, store: Repository) -> None:
        self.store, self.refusals = store, 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Transaction]:
        with self.store.transaction(read_only=read_only) as tx:
            yield tx
            if self.refusals:
                self.refusals -= 1
                raise ConflictError("ticket", 1)


def test_watchers_that_can_be_read_once_are_there_also_after_a_conflict(desk: Desk) -> None:
    tickets = evolve(desk.tickets, changes=evolve(desk.tickets.changes, repository=Contended(desk.repository)))
    made = tickets.create("Printer", watchers=iter([EVE]), action_by=ANN)
    assert desk.tickets.read(made.guid) == made
    assert made.watchers == (EVE,)


def test_values_of_another_type_are_refused_all_at_once(desk: Desk) -> None:
    wrong: dict[str, Any] = {"package": 5, "project": [], "assigned_to": 5, "watchers": 5, "eta_date": 5}
    with pytest.raises(RejectedError) as error:
        desk.tickets.create("Printer", **wrong, action_by=ANN)
    assert error.value.lines() == [
        "package: must be text, not int",
        "project: must be text, not list",
        "watchers: must be a list of addresses, not int",
        "assigned_to: must be text, not int",
        "eta_date: must be a date or text, not int",
    ]
    assert desk.queries.get_open_tickets() == []


def test_the_first_status_is_that_of_the_package_however_it_is_typed(
    make_desk: Callable[..., Desk], store_url: str
) -> None:
    workflow, _ = declare("IT", {"initial": "TRIAGED", "transitions": {"TRIAGED": ["CLOSED"]}})
    assert workflow is not None
    desk = make_desk(store_url, workflow=WorkflowSection(packages={"IT": workflow}))
    for package in ("IT", " IT\n"):
        made = desk.tickets.create("Printer", package=package, action_by=ANN)
        assert (made.package, made.status) == ("IT", "TRIAGED")
