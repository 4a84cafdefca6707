"""A process that works on a desk as it is told: each line of its input is an order, each line of its output an answer.

Both are JSON. An order says what to ``do``, a method of ``Worker``, and has the arguments beside it.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from attrs import define, field

from ticketcore import ConflictError, RejectedError, TicketcoreError, open_desk
from ticketcore.config.schema import Config, DatabaseSection, SchedulerSection
from ticketcore.desk import Desk
from ticketcore.plugin.markers import hookimpl
from ticketcore.plugin.records import NotifierSpec
from ticketcore.ports.notifier import Notification, Receipt
from ticketcore.ports.repository import Transaction
from ticketcore.services.references import load

HOT = 5
"""Everybody works on the tickets up to this number most of the time."""

WEIGHTS = {
    "create": 20,
    "describe": 14,
    "retitle": 8,
    "move": 10,
    "assign": 8,
    "comment": 12,
    "add_task": 5,
    "set_task": 5,
    "link": 6,
    "watch": 4,
    "merge": 1,
    "deliver": 1,
    "look": 6,
}
STATUSES = ("TRIAGED", "IN_PROGRESS", "ON_HOLD", "ESCALATED", "RESOLVED", "CLOSED")
LINK_TYPES = ("RELATES_TO", "PARENT_OF", "BLOCKS")


class Notes:
    """A notifier that keeps the identifiers of what it delivered."""

    def __init__(self) -> None:
        self.delivered: list[str] = []

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        self.delivered.append(notification.message_id)
        return Receipt("noted")

    @hookimpl
    def ticketcore_notifiers(self) -> list[NotifierSpec]:
        return [NotifierSpec(name="notes", summary="keeps identifiers", target=lambda config: self)]


class Timed:
    """A repository that notes how long it took until a writing transaction had begun."""

    def __init__(self, repository: Any) -> None:
        self._repository = repository
        self.waits: list[float] = []

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Transaction]:
        asked = time.perf_counter()
        with self._repository.transaction(read_only=read_only) as tx:
            if not read_only:
                self.waits.append(time.perf_counter() - asked)
            yield tx

    def __getattr__(self, name: str) -> Any:
        return getattr(self._repository, name)


@define(eq=False)
class Mixed:
    """Works on tickets at random, and keeps what each change that succeeded must have left in the history."""

    desk: Desk
    me: str
    chance: random.Random
    rows: list[tuple[int, str, str]] = field(factory=list)
    """Of each row of a history: the number of the ticket, the action and the new value."""
    facts: dict[str, list[Any]] = field(factory=lambda: {"created": [], "comments": [], "tasks": [], "merged": []})
    own: list[int] = field(factory=list)
    refused: Counter[str] = field(factory=Counter)
    errors: list[str] = field(factory=list)
    longest: float = 0.0

    def run(self, operations: int) -> None:
        names = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=operations)
        for place, name in enumerate(names):
            began = time.perf_counter()
            try:
                getattr(self, name)(f"{self.me}.{place}")
            except RejectedError as error:  # merged, no such move, a cycle: what the rules of tickets refuse
                self.refused[f"{name}: {error.code}"] += 1
            except TicketcoreError as error:
                self.errors.append(f"{name}: {type(error).__name__}: {error}")
            if name != "deliver":  # which is as long as there is something to deliver
                self.longest = max(self.longest, time.perf_counter() - began)

    def _any(self) -> int:
        """Return the number of a ticket that somebody has made."""
        return self.chance.choice([self.chance.randint(1, HOT), self.chance.choice(self.own or [1])])

    def create(self, mark: str) -> None:
        made = self.desk.tickets.create(mark, action_by=self.me)
        self.facts["created"].append((made.ticket_number, mark))
        self.own.append(made.ticket_number)

    def describe(self, mark: str) -> None:
        number = self._any()
        self.desk.tickets.update(number, description=mark, action_by=self.me)
        self.rows.append((number, "UPDATED", mark))

    def retitle(self, _mark: str) -> None:
        seen = self.desk.tickets.read(self.chance.randint(1, HOT))
        try:
            done = self.desk.tickets.update(seen, subject=f"{seen.subject}+", action_by=self.me)
        except ConflictError:
            self.refused["retitle: conflict"] += 1
        else:
            self.rows.append((done.ticket_number, "UPDATED", done.subject))

    def move(self, _mark: str) -> None:
        number, status = self._any(), self.chance.choice(STATUSES)
        self.desk.tickets.change_status(number, status, action_by=self.me)
        self.rows.append((number, "STATUS_CHANGE", status))

    def assign(self, mark: str) -> None:
        number, user = self._any(), f"{mark}@example.com"
        self.desk.tickets.assign(number, user, action_by=self.me)
        self.rows.append((number, "ASSIGNED", user))

    def comment(self, mark: str) -> None:
        number = self._any()
        self.desk.comments.add_comment(number, mark, commented_by=self.me)
        self.rows.append((number, "COMMENT_ADDED", mark))
        self.facts["comments"].append(mark)

    def add_task(self, mark: str) -> None:
        number = self._any()
        self.desk.tasks.add_task(number, mark, action_by=self.me)
        self.rows.append((number, "TASK_ADDED", mark))
        self.facts["tasks"].append(mark)

    def set_task(self, mark: str) -> None:
        tasks = self.desk.tasks.get_tasks(self.chance.randint(1, HOT))
        if not tasks:
            return self.add_task(mark)
        task, known = self.chance.choice(tasks), self.desk.tasks
        step = self.chance.choice([known.start_task, known.complete_task, known.reopen_task])
        done = step(task.guid, action_by=self.me)
        number = self.desk.tickets.read(done.ticket_guid).ticket_number
        self.rows.append((number, "TASK_CHANGED", done.status))
        return None

    def link(self, _mark: str) -> None:
        one, other = self._any(), self._any()
        made = self.desk.links.add_link(one, other, self.chance.choice(LINK_TYPES), created_by=self.me)
        inverse = {"RELATES_TO": "RELATES_TO", "PARENT_OF": "CHILD_OF", "BLOCKS": "BLOCKED_BY"}[made.link_type]
        self.rows += [(one, "LINKED", f"{made.link_type} {other}"), (other, "LINKED", f"{inverse} {one}")]

    def watch(self, mark: str) -> None:
        number, address = self._any(), f"{mark}@example.com"
        self.desk.tickets.add_watcher(number, address, action_by=self.me)
        self.rows.append((number, "WATCHER_ADDED", address))

    def merge(self, _mark: str) -> None:
        if len(self.own) < 2:
            return
        source, target = self.own.pop(0), self._any()
        # Under another name, for what a merge leaves in the histories depends on what came along.
        self.desk.tickets.merge(source, target, action_by=f"{self.me}-merging")
        self.facts["merged"].append((source, target))

    def deliver(self, _mark: str) -> None:
        outcomes: list[str] = []
        stop = threading.Event()
        if not self.desk.work(once=True, stop=stop, only={"outbox"}, report=lambda _, said: outcomes.append(said)):
            self.errors.append(f"deliver: {outcomes}")

    def look(self, _mark: str) -> None:
        number = self._any()
        ticket = self.desk.tickets.read(number)
        trail = self.desk.queries.get_history(ticket)
        if self.desk.queries.verify_history(number) or not trail:
            self.errors.append(f"look: the history of {number} does not verify")
        self.desk.queries.get_tickets_by_filter(status=["NEW", "TRIAGED"], sort="-updated", limit=20)


class Worker:
    """A process that does as it is told."""

    def __init__(self) -> None:
        self.notes = Notes()
        self.desk: Desk | None = None
        self.timed = Timed(None)

    @property
    def _desk(self) -> Desk:
        if self.desk is None:
            message = "open comes first"
            raise RuntimeError(message)
        return self.desk

    def open(self, url: str, *, timeout: float = 60, inline: bool = False) -> str:
        """Open a desk, and read once, so that everything is loaded."""
        self.notes = Notes()
        config = Config(
            database=DatabaseSection(url=url, timeout=timeout),
            scheduler=SchedulerSection(inline=inline),
            notifiers=("notes",),
        )
        self.desk = open_desk(config, plugins={"notes": self.notes})
        self.timed = Timed(self.desk.repository)
        self.desk.__dict__["repository"] = self.timed
        self.desk.queries.get_tickets_by_filter(limit=1)
        return "ready"

    def close(self) -> None:
        """Close the desk."""
        if self.desk is not None:
            self.desk.close()
            self.desk = None

    def mixed(self, me: str, operations: int) -> dict[str, Any]:
        """Do many different things."""
        work = Mixed(self._desk, me, random.Random(me))  # noqa: S311 - the same every time
        began = time.perf_counter()
        work.run(operations)
        return {
            "seconds": time.perf_counter() - began,
            "waits": self.timed.waits,
            "longest": work.longest,
            "rows": work.rows,
            "refused": work.refused,
            "errors": work.errors,
            **work.facts,
        }

    def deliver(self) -> bool:
        """Deliver what is due; return whether all went well."""
        return self._desk.work(once=True, stop=threading.Event(), only={"outbox"}, report=lambda *_: None)

    def delivered(self) -> list[str]:
        """Return the identifiers of what this process has delivered."""
        return self.notes.delivered

    def create(self, **fields: Any) -> list[Any]:
        """Create one ticket; return its number, and who got it."""
        made = self._desk.tickets.create("x", action_by="worker", **fields)
        return [made.ticket_number, made.assigned_to]

    def link(self, one: int, other: int, link_type: str) -> str:
        """Link two tickets, or be refused."""
        try:
            self._desk.links.add_link(one, other, link_type, created_by="worker")
        except RejectedError as error:
            return str(error)
        return ""

    def fork(self, children: int, number: int, rounds: int) -> list[int]:
        """Fork children that work on this desk while this process does, too; return how each ended."""

        def work(name: str) -> None:
            for place in range(rounds):
                self._desk.tickets.create(f"{name} {place}", action_by=name)
                self._desk.comments.add_comment(number, f"{name} {place}", commented_by=name)

        forked = [_forked(partial(work, f"child {place}")) for place in range(children)]
        work("parent")
        return [_end_of(child) for child in forked]

    def fork_inside(self, number: int) -> int:
        """Fork a child inside a transaction, which reads; return how it ended."""
        with self._desk.repository.transaction() as tx:
            ticket = load(tx, number)
            ended = _end_of(_forked(lambda: self._desk.tickets.read(number)))
            tx.save(ticket)
        return ended


def _forked(step: Callable[[], object]) -> int:
    """Do a step in a forked child, which ends with 0 if that went well; return its process id."""
    child = os.fork()
    if child:
        return child
    try:
        step()
    except BaseException:  # noqa: BLE001 - it is shown, and the child must not go on as its parent
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _end_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Do what each line of the input says."""
    worker = Worker()
    for line in sys.stdin:
        order = json.loads(line)
        answer = getattr(worker, order.pop("do"))(**order)
        print(json.dumps(answer), flush=True)  # noqa: T201 - the answer
    worker.close()


if __name__ == "__main__":
    main()
