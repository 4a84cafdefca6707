"""What crash tests do: every use case that writes, and the world of tickets in which each begins."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any

from attrs import define, evolve, frozen

from ticketcore import hookimpl, open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection, SchedulerSection
from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.query import Query, eq
from ticketcore.plugin.manager import PluginManager
from ticketcore.plugin.records import NotifierSpec
from ticketcore.ports.notifier import Notification, Receipt

PREPARING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ARRANGING = PREPARING.replace(hour=8, minute=20)
ACTING = PREPARING.replace(hour=9)

ANN, BO, CY = "ann@example.com", "bo@example.com", "cy@example.com"


class CountedIds:
    """Identifiers that count up, so that two runs of the same use case write the same."""

    def __init__(self, first: int) -> None:
        self._next = first

    def new(self, now: datetime) -> str:
        self._next += 1
        return f"00000000-0000-7000-8000-{self._next:012}"

    def salt(self) -> str:
        self._next += 1
        return f"{self._next:032x}"


@define
class Notes:
    """The other side of deliveries: a file to which the key of each message is added, and is safe when that returns."""

    place: Path = Path()

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        with self.place.open("a", encoding="utf-8") as file:
            print(notification.message_id, file=file, flush=True)
            os.fsync(file.fileno())
        return Receipt("noted")

    @hookimpl
    def ticketcore_notifiers(self) -> list[NotifierSpec]:
        two = ("left", "right")
        return [NotifierSpec(name="notes", summary="notes", target=lambda _: self, destinations=lambda _: two)]


NOTES = Notes()


@cache
def _plugins() -> PluginManager:
    """Return all plugins: looking for them again for each of thousands of desks would take longer than all the rest."""
    with open_desk(Config(), plugins={"notes": NOTES}) as desk:
        return desk.plugins


def opened(url: str, notes: Path, now: datetime, *, ids: int, inline: bool = True) -> Desk:
    """Open a desk whose messages are noted in a file; one at a time."""
    config = Config(database=DatabaseSection(url=url), notifiers=("notes",), scheduler=SchedulerSection(inline=inline))
    NOTES.place = notes
    return open_desk(config, clock=PlayedClock(now), ids=CountedIds(ids), plugins=_plugins())


def prepare_world(url: str, notes: Path) -> None:
    """Make a database with a little of everything."""
    with opened(url, notes, PREPARING, ids=0) as desk:
        _prepare_rules(desk)
        _prepare_tickets(desk)
        _prepare_ticket_with_everything(desk)


def prepare_little(desk: Desk) -> None:
    """Make two tickets with some of what tickets can have below them."""
    for subject in ("from elsewhere", "from elsewhere too"):
        desk.tickets.create(subject, requested_by=CY, action_by="ann")
    desk.comments.add_comment(1, "it smells", commented_by="bo")
    desk.tasks.add_task(1, "look", assigned_to=BO, action_by="ann")
    desk.links.add_link(1, 2, "BLOCKS", created_by="ann")
    desk.time.log_time(1, BO, 30, action_by="bo")


def _prepare_rules(desk: Desk) -> None:
    for name, address in (("Ann", ANN), ("Bo", BO), ("Cy", CY)):
        desk.people.add_person(name, address, name.lower(), action_by="root")
    desk.rules.auto_assign_add_rule("SHOP", f"{BO},{CY}", strategy="round_robin", action_by="root")
    set_terms = partial(desk.sla.set_sla, response_minutes=15, resolution_minutes=60)
    set_terms("CORE", "CRITICAL", responsible=BO, informed=ANN, action_by="root")
    desk.templates.add_template(
        "CHECK", subject="{{ date }}", assign_to=BO, tasks=["look", "report"], project="care", action_by="ann"
    )
    desk.recurring.create_recurring("CHECK", "30 8 * * *", created_by="ann")


def _prepare_tickets(desk: Desk) -> None:
    """Make a ticket of each number below, in the status that it names."""
    for subject in ("everything", "working", "resolved", "waiting", "plain", "another"):
        desk.tickets.create(subject, requested_by=CY, watchers=[BO], action_by="ann")
    for subject in ("late", "late too"):
        desk.tickets.create(subject, priority="CRITICAL", requested_by=CY, action_by="ann")
    for number, status in ((WORKING, "IN_PROGRESS"), (RESOLVED, "RESOLVED"), (WAITING, "ON_HOLD")):
        desk.tickets.change_status(number, "TRIAGED", action_by="bo")
        desk.tickets.change_status(number, "IN_PROGRESS", action_by="bo")
        if status != "IN_PROGRESS":
            desk.tickets.change_status(number, status, action_by="bo")


EVERYTHING, WORKING, RESOLVED, WAITING, PLAIN, ANOTHER, LATE, LATE_TOO = range(1, 9)


def _prepare_ticket_with_everything(desk: Desk) -> None:
    desk.tickets.update(EVERYTHING, priority="HIGH", action_by="ann")
    desk.comments.add_comment(EVERYTHING, "it smells", commented_by="bo")
    for name in ("open", "started", "done"):
        task = desk.tasks.add_task(EVERYTHING, name, assigned_to=BO, action_by="ann")
        if name != "open":
            desk.tasks.start_task(task.guid, action_by="bo")
        if name == "done":
            desk.tasks.complete_task(task.guid, action_by="bo")
    desk.links.add_link(EVERYTHING, PLAIN, "BLOCKS", created_by="ann")
    desk.time.log_time(EVERYTHING, BO, 30, action_by="bo")
    desk.signoffs.request_signoff(EVERYTHING, [BO, CY], requested_by="ann", role="QA")


@frozen
class UseCase:
    """One thing to do, to be killed in the middle of."""

    act: Callable[[Desk], Callable[[], object]]
    """Looks up what is needed, and returns what is done with it; only that may be killed."""
    arrange: Callable[[Desk], object] | None = None
    """What else has to be there before; nobody is told of it yet."""
    apart: bool = False
    """Whether it takes several transactions, so that each ticket is whole by itself."""
    repeats: bool = False
    """Whether it can be repeated, and then does what is left to do."""
    delivers: bool = True
    """Whether messages may be delivered by it."""
    changes: bool = True
    """Whether it changes more than what became of messages."""


def _plain(find: Callable[[Desk], Callable[..., object]], *arguments: object, **options: object) -> UseCase:
    """Return the use case of one call, which names what is known beforehand."""
    return UseCase(lambda desk: partial(find(desk), *arguments, **options))


def _task(name: str, place: int) -> UseCase:
    """Return the use case of a call for one of the tasks of a ticket."""

    def act(desk: Desk) -> Callable[[], object]:
        return partial(getattr(desk.tasks, name), desk.tasks.get_tasks(EVERYTHING)[place].guid, action_by="bo")

    return UseCase(act)


def _remove_link(desk: Desk) -> Callable[[], object]:
    (seen,) = desk.links.get_links(EVERYTHING)
    return partial(desk.links.remove_link, seen.link_guid, action_by="ann")


def _remove_rule(desk: Desk) -> Callable[[], object]:
    (rule,) = desk.rules.auto_assign_list_rules()
    return partial(desk.rules.auto_assign_remove_rule, rule.id, action_by="ann")


def _cancel_recurring(desk: Desk) -> Callable[[], object]:
    (schedule,) = desk.recurring.list_recurring()
    return partial(desk.recurring.cancel_recurring, schedule.guid, action_by="ann")


def _bulk(operation: str, **values: Any) -> UseCase:
    def act(desk: Desk) -> Callable[[], object]:
        picked = desk.bulk.select([EVERYTHING, PLAIN, ANOTHER])
        return partial(desk.bulk.run, operation, picked, action_by="ann", **values)

    return UseCase(act, apart=True)


def _job(name: str) -> Callable[[Desk], Callable[[], object]]:
    """Return what runs one of the jobs of the worker, once."""

    def act(desk: Desk) -> Callable[[], object]:
        return lambda: desk.work(once=True, stop=Event(), report=lambda _job, _outcome: None, only={name})

    return act


@cache
def _exported() -> bytes:
    """Return a file of tickets with all that is below them, from another desk."""
    config = Config(database=DatabaseSection(url="memory:"), notifiers=())
    with open_desk(config, clock=PlayedClock(PREPARING), ids=CountedIds(10**9)) as desk:
        prepare_little(desk)
        file = BytesIO()
        desk.transfer.write_lines(file)
        return file.getvalue()


def _import(content: Callable[[], bytes]) -> UseCase:
    def act(desk: Desk) -> Callable[[], object]:
        return partial(desk.transfer.import_tickets, BytesIO(content()), renumber=True, action_by="ann")

    return UseCase(act, apart=True, repeats=True)


def _light() -> bytes:
    return b"".join(json.dumps({"subject": f"from elsewhere {number}"}).encode() + b"\n" for number in range(3))


PULL_REQUEST = {
    "number": 3,
    "title": "Press the late apples too",
    "user": {"login": "pip"},
    "state": "open",
    "html_url": "https://github.com/orchard/cider/pull/3",
    "base": {"repo": {"full_name": "orchard/cider"}},
    "body": "They keep until December.",
}


def _told_later(desk: Desk) -> None:
    for number in (PLAIN, ANOTHER):
        desk.tickets.assign(number, CY, action_by="ann")


def _given_up(desk: Desk) -> None:
    _told_later(desk)
    with desk.repository.transaction() as tx:
        for message in tx.find(Query(OutboxMessage, (eq("state", OutboxState.PENDING),))):
            tx.save(evolve(message, state=OutboxState.DEAD, attempts=10, last_error="nobody there"))


def _shorter_terms(desk: Desk) -> None:
    desk.sla.set_sla("CORE", "MEDIUM", response_minutes=100, resolution_minutes=200, action_by="ann")


_CREATED = {"description": "as it was", "watchers": [BO, CY], "eta_date": "2026-03-09", "action_by": "ann"}
_TERMS = {"response_minutes": 5, "resolution_minutes": 50, "action_by": "ann"}

USE_CASES: dict[str, UseCase] = {
    "create": _plain(lambda desk: desk.tickets.create, "new", **_CREATED),
    "create-by-turns": _plain(lambda desk: desk.tickets.create, "new", package="SHOP", **_CREATED),
    "create-from-template": _plain(lambda desk: desk.tickets.create_from_template, "CHECK", "ann", action_by="ann"),
    "create-from-pr": evolve(
        _plain(lambda desk: desk.tickets.create_from_pr, PULL_REQUEST, action_by="ann"), repeats=True
    ),
    "update": _plain(lambda desk: desk.tickets.update, PLAIN, priority="HIGH", subject="hot", action_by="ann"),
    "assign": _plain(lambda desk: desk.tickets.assign, PLAIN, "bo", action_by="ann"),
    "triage": _plain(lambda desk: desk.tickets.change_status, PLAIN, "TRIAGED", action_by="bo"),
    "hold": _plain(lambda desk: desk.tickets.change_status, WORKING, "ON_HOLD", notes="lunch", action_by="bo"),
    "resume": _plain(lambda desk: desk.tickets.change_status, WAITING, "IN_PROGRESS", action_by="bo"),
    "resolve": _plain(lambda desk: desk.tickets.resolve, WORKING, notes="new toner", action_by="bo"),
    "close": _plain(lambda desk: desk.tickets.close, RESOLVED, action_by="bo"),
    "reopen": _plain(lambda desk: desk.tickets.reopen, RESOLVED, reason="again", action_by="cy"),
    "escalate": _plain(lambda desk: desk.tickets.escalate, LATE, reason="smoke", action_by="cy"),
    "escalate-due": _plain(lambda desk: desk.tickets.escalate_due, LATE, action_by="bo"),
    "cancel": _plain(lambda desk: desk.tickets.cancel, EVERYTHING, reason="sold", action_by="bo"),
    "merge": _plain(lambda desk: desk.tickets.merge, [EVERYTHING, WORKING], ANOTHER, action_by="bo"),
    "add-analysis": _plain(lambda desk: desk.tickets.add_analysis, PLAIN, "a short circuit", action_by="bo"),
    "set-work-score": _plain(lambda desk: desk.tickets.set_work_score, PLAIN, 5, action_by="bo"),
    "set-eta": _plain(lambda desk: desk.tickets.set_eta, PLAIN, "2026-03-09", action_by="bo"),
    "add-watcher": _plain(lambda desk: desk.tickets.add_watcher, PLAIN, ANN, action_by="ann"),
    "remove-watcher": _plain(lambda desk: desk.tickets.remove_watcher, PLAIN, BO, action_by="bo"),
    "add-comment": _plain(lambda desk: desk.comments.add_comment, PLAIN, "on my way", commented_by="bo"),
    "add-internal-comment": _plain(
        lambda desk: desk.comments.add_comment, PLAIN, "no idea", commented_by="bo", is_internal=True
    ),
    "add-task": _plain(lambda desk: desk.tasks.add_task, PLAIN, "look", assigned_to=BO, action_by="ann"),
    "start-task": _task("start_task", 0),
    "complete-task": _task("complete_task", 1),
    "reopen-task": _task("reopen_task", 2),
    "cancel-task": _task("cancel_task", 0),
    "add-link": _plain(lambda desk: desk.links.add_link, PLAIN, ANOTHER, "PARENT_OF", created_by="ann"),
    "remove-link": UseCase(_remove_link),
    "log-time": _plain(lambda desk: desk.time.log_time, PLAIN, BO, 45, "looked", action_by="bo"),
    "request-signoff": _plain(lambda desk: desk.signoffs.request_signoff, PLAIN, [BO, CY], requested_by="ann"),
    "sign-off": _plain(lambda desk: desk.signoffs.sign_off, EVERYTHING, BO, True, "well done"),
    "withdraw-signoff": _plain(lambda desk: desk.signoffs.withdraw_signoff, EVERYTHING, CY, action_by="ann"),
    "restore-version": _plain(lambda desk: desk.versions.restore_version, EVERYTHING, 1, action_by="ann"),
    "link-pull-request": _plain(
        lambda desk: desk.pull_requests.link_pull_request, PLAIN, 3, "orchard/cider", action_by="bo"
    ),
    "bulk-update": _bulk("update", priority="LOW"),
    "bulk-comment": _bulk("add_comment", text="we know"),
    "import-whole-tickets": _import(_exported),
    "import-other-tickets": _import(_light),
    "add-rule": _plain(lambda desk: desk.rules.auto_assign_add_rule, "CORE", BO, action_by="ann"),
    "remove-rule": UseCase(_remove_rule),
    "set-sla": _plain(lambda desk: desk.sla.set_sla, "SHOP", "HIGH", **_TERMS),
    "replace-sla": _plain(lambda desk: desk.sla.set_sla, "CORE", "CRITICAL", **_TERMS),
    "add-person": _plain(lambda desk: desk.people.add_person, "Di", "di@example.com", "di", action_by="ann"),
    "add-template": _plain(lambda desk: desk.templates.add_template, "MOVE", subject="move", action_by="ann"),
    "replace-template": _plain(
        lambda desk: desk.templates.add_template, "CHECK", subject="checked", replace=True, action_by="ann"
    ),
    "create-recurring": _plain(lambda desk: desk.recurring.create_recurring, "CHECK", "@daily", created_by="ann"),
    "cancel-recurring": UseCase(_cancel_recurring),
    "make-what-recurs": UseCase(lambda desk: desk.recurring.run_due, repeats=True),
    "notify-again": _plain(lambda desk: desk.notifications.notify_event, PLAIN, "CREATED", action_by="ann"),
    "retry": UseCase(lambda desk: desk.notifications.retry, arrange=_given_up, repeats=True, delivers=False),
    "deliver": UseCase(lambda desk: desk.notifications.deliver_due, arrange=_told_later, repeats=True, changes=False),
    "job-outbox": UseCase(_job("outbox"), arrange=_told_later, apart=True, repeats=True, changes=False),
    "job-escalations": UseCase(_job("escalations"), apart=True, repeats=True),
    "job-sla": UseCase(_job("sla"), arrange=_shorter_terms, apart=True, repeats=True),
    "job-recurring": UseCase(_job("recurring"), apart=True, repeats=True),
}

BACKUP = "backup"
"""The name of a file with all that is in the world, in the folder of the notes."""


def _restore(desk: Desk) -> Callable[[], object]:
    return partial(desk.store.restore, NOTES.place.with_name(BACKUP))


FIRST: dict[str, UseCase] = {
    "new-store": UseCase(lambda desk: desk.init_store, changes=False),
    "restore-backup": UseCase(_restore),
}
"""Use cases that begin with a store that has no tables yet."""


def _halved(desk: Desk) -> None:
    for number in (PLAIN, ANOTHER):
        desk.tickets.set_work_score(number, 5, action_by="ann")


def _told_too_early(desk: Desk) -> None:
    with NOTES.place.open("a", encoding="utf-8") as file:
        file.write("an-assignment\n")
    desk.tickets.assign(PLAIN, BO, action_by="ann")


def _lost(desk: Desk) -> None:
    with desk.repository.transaction() as tx:
        for message in tx.find(Query(OutboxMessage, (eq("state", OutboxState.PENDING),))):
            tx.save(evolve(message, state=OutboxState.DELIVERED))
    desk.tickets.add_watcher(PLAIN, ANN, action_by="ann")


FAULTY: dict[str, UseCase] = {
    "halved": UseCase(lambda desk: partial(_halved, desk)),
    "told-too-early": UseCase(lambda desk: partial(_told_too_early, desk)),
    "lost": UseCase(lambda desk: partial(_lost, desk), arrange=_told_later),
}
"""Use cases that are wrong on purpose, each in a way that a kill shows."""
