"""The doctor: looks whether everything that a desk needs is there and works, and says what to do about what is not."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from attrs import evolve, frozen

from ticketcore import __version__
from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxState
from ticketcore.domain.jobs import JobState
from ticketcore.errors import (
    ConfigError,
    NotifierError,
    PermanentNotifierError,
    PluginError,
    TicketcoreError,
    reason_of,
)
from ticketcore.plugin.manager import Health
from ticketcore.plugin.records import TemplateFolderSpec
from ticketcore.plugin.registry import Registered, load
from ticketcore.ports.notifier import Checkable


class State(StrEnum):
    """What came of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@frozen
class Finding:
    """What was found: of what, how it is, in words, and what to do about it."""

    subject: str
    state: State
    text: str
    hint: str = ""


CONFIGURATION, NEEDED = "configuration", "needed plugins"
"""The subjects of what is wrong with the configuration, and of plugins that it needs and that are not there."""


class _UndoneError(Exception):
    """Raised to leave nothing of a trial behind."""


def examine(desk: Desk, *, timeout: float = 10.0) -> Iterator[Finding]:
    """Yield what is found about everything that ``desk`` is made of; nothing is changed.

    Args:
        desk: the desk.
        timeout: seconds to wait for a server at each step.
    """
    yield Finding("ticketcore", State.OK, f"{__version__}, on Python {platform.python_version()}, {sys.platform}")
    yield from _guarded(NEEDED, lambda: _configuration(desk))
    yield from _guarded("plugins", lambda: _plugins(desk))
    yield from _guarded("database", lambda: _database(desk))
    if _works(lambda: desk.extensions):
        yield from _guarded("templates", lambda: _templates(desk))
        yield from _webhooks(desk)
        for channel in desk.config.notifiers:
            yield from _guarded(f"notifier {channel}", lambda channel=channel: _notifier(desk, channel, timeout))  # type: ignore[misc]
        for name in dict.fromkeys((desk.config.ticket.provider, *desk.config.providers)):
            yield from _guarded(f"provider {name}", lambda name=name: _provider(desk, name, timeout))  # type: ignore[misc]
    if _works(lambda: desk.store_status().ready):
        yield from _guarded("records", lambda: _records(desk))
        yield from _guarded("outbox", lambda: _outbox(desk))
        yield from _guarded("jobs", lambda: _jobs(desk))
        yield from _guarded("schedules", lambda: _schedules(desk))


def _guarded(subject: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield what ``check`` finds; what it raises is a finding too."""
    try:
        yield from check()
    except TicketcoreError as error:
        yield Finding(subject, State.FAILED, _joined(error.message), error.hint)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code may raise anything
        yield Finding(subject, State.FAILED, reason_of(error))


def _works(ask: Callable[[], object]) -> bool:
    """Return whether there is a true answer; why there is none is a finding already."""
    try:
        return bool(ask())
    except (Exception, SystemExit):  # noqa: BLE001 - a plugin's code may raise anything
        return False


def _joined(message: object) -> str:
    """Return what a plugin's error says as a line; it may say anything."""
    return str(message).replace("\n", "; ")


def _configuration(desk: Desk) -> Iterator[Finding]:
    file = desk.source.file
    where = str(file) if file else "no file, so the defaults"
    try:
        desk.extensions.check()
    except ConfigError as error:
        yield from (
            Finding(CONFIGURATION, State.FAILED, line, "correct it, then: ticketcore config check")
            for line in error.lines()
        )
    except PluginError as error:
        yield from (Finding(NEEDED, State.FAILED, line, "see: ticketcore plugins") for line in error.lines())
    else:
        yield Finding(CONFIGURATION, State.OK, where)


def _plugins(desk: Desk) -> Iterator[Finding]:
    idle = desk.extensions.idle if _works(lambda: desk.extensions) else {}
    installed = [info for info in desk.plugins.plugins if info.distribution != "ticketcore"]
    for info in installed:
        subject = f"plugin {info.name}"
        if info.health in {Health.BROKEN, Health.CLASH}:
            hint = f"repair or uninstall {info.distribution or info.name}, or name it in TICKETCORE_DISABLE_PLUGINS"
            yield Finding(subject, State.WARNING, f"{info.health}: {info.cause}", hint)
        elif info.name in idle:
            yield Finding(
                subject, State.WARNING, f"not set up: {idle[info.name]}", f"add the section plugins.{info.name}"
            )
    for record in desk.plugins.registry.records:
        if not record.builtin:
            yield from _target(record)
    if all(info.health in {Health.OK, Health.DISABLED} for info in installed) and not idle:
        count = sum(info.health is Health.OK for info in installed)
        yield Finding("plugins", State.OK, f"{count} installed" if count else "none installed")


def _target(record: Registered) -> Iterator[Finding]:
    """Look whether what a plugin registers is where it says."""
    try:
        if isinstance(record.spec, TemplateFolderSpec):
            record.spec.folder()
        else:
            load(record)
    except PluginError as error:
        yield Finding(f"plugin {record.plugin}", State.WARNING, _joined(error.message), error.hint)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code may raise anything
        text = f"the {record.spec.kind} {record.spec.name!r} cannot be used: {reason_of(error)}"
        yield Finding(f"plugin {record.plugin}", State.WARNING, text)


def _webhooks(desk: Desk) -> Iterator[Finding]:
    """Look whether webhooks and the notifier that posts to them are there together."""
    is_on = "webhook" in desk.config.notifiers
    if desk.config.webhooks and not is_on:
        names = ", ".join(desk.config.webhooks)
        yield Finding("webhooks", State.WARNING, f"nothing is posted to {names}", "add webhook to notifiers")
    elif is_on and not desk.config.webhooks:
        yield Finding("webhooks", State.WARNING, "the notifier webhook has nowhere to post to", "add webhooks")


def _database(desk: Desk) -> Iterator[Finding]:
    status = desk.store_status()
    advice = {
        "outdated": "make a backup, then: ticketcore db upgrade",
        "newer": "a newer ticketcore wrote it: upgrade ticketcore",
        "foreign": "it holds something else: choose another database.url",
    }
    if status.state == "missing":
        folder = Path(status.location).parent
        if folder.is_dir() and not os.access(folder, os.W_OK):
            yield Finding("database", State.FAILED, f"{status.location} cannot be made: its folder is not writable")
        else:
            yield Finding("database", State.OK, f"{status.location} is not there yet; the first change makes it")
    elif not status.ready:
        text = f"{status.location} is {status.state} (schema {status.revision or 'none'}, expected {status.expected})"
        yield Finding("database", State.FAILED, text, advice.get(status.state, ""))
    else:
        _try_to_write(desk)
        yield Finding("database", State.OK, f"{status.location} is ready and writable (schema {status.revision})")


def _try_to_write(desk: Desk) -> None:
    """Write as a change does, and leave nothing behind; a lock alone is given on a read-only file too."""
    trial = JobState(name=f"doctor {desk.ids.new(desk.clock.now())}")
    with suppress(_UndoneError), desk.repository.transaction() as tx:
        tx.add(trial)
        raise _UndoneError


def _templates(desk: Desk) -> Iterator[Finding]:
    root = desk.config.templates.root
    if root is not None and not root.is_dir():
        yield Finding("templates", State.WARNING, f"there is no folder {root}", "make it, or correct templates.root")
        return
    wrong = desk.template_problems()
    for template, reason in wrong.items():
        yield Finding(
            "templates",
            State.WARNING,
            f"{template} does not work: {reason}",
            "mend it; until then the shipped one is used",
        )
    if not wrong and root is not None:
        yield Finding("templates", State.OK, str(root))


def _notifier(desk: Desk, channel: str, timeout: float) -> Iterator[Finding]:
    notifier = desk.extensions.notifier(channel)
    if not isinstance(notifier, Checkable):
        yield Finding(f"notifier {channel}", State.OK, "set up (it offers no check)")
        return
    try:
        yield Finding(f"notifier {channel}", State.OK, _joined(notifier.check(timeout=timeout)))
    except NotifierError as error:
        waits = "messages wait in the outbox until it works"
        lost = "mend it, then: ticketcore outbox retry, for messages that it refuses are given up"
        hint = lost if isinstance(error, PermanentNotifierError) else waits
        yield Finding(f"notifier {channel}", State.FAILED, _joined(error.message), error.hint or hint)


def _provider(desk: Desk, name: str, timeout: float) -> Iterator[Finding]:
    problems = list(desk.get_provider(name).check(timeout=timeout))
    for problem in problems:
        yield Finding(f"provider {name}", State.FAILED, str(problem))
    if not problems:
        yield Finding(f"provider {name}", State.OK, "usable")


def _records(desk: Desk) -> Iterator[Finding]:
    """Look at the newest tickets; all of them may be a million."""
    flaws = desk.store.spot_check()
    if flaws:
        more = f", and {len(flaws) - 1} more" if len(flaws) > 1 else ""
        text = f"{evolve(flaws[0], hint='')}{more}"
        yield Finding("records", State.FAILED, text, "ticketcore db verify shows all that is wrong")
    else:
        yield Finding("records", State.OK, "the newest tickets are sound")


_LATE = timedelta(minutes=10)


def _outbox(desk: Desk) -> Iterator[Finding]:
    figures = desk.figures()
    dead = figures.messages[OutboxState.DEAD]
    if dead:
        text = f"{dead} message{'s were' if dead > 1 else ' was'} given up"
        hint = "see: ticketcore outbox list --state DEAD; mend the cause, then: ticketcore outbox retry"
        yield Finding("outbox", State.WARNING, text, hint)
    now = desk.clock.now()
    if figures.oldest_due is not None and now - figures.oldest_due > _LATE:
        text = f"a message is due since {figures.oldest_due:%Y-%m-%d %H:%M} UTC"
        yield Finding("outbox", State.WARNING, text, "let the worker run: ticketcore worker")
    elif not dead:
        waiting = figures.messages[OutboxState.PENDING]
        yield Finding("outbox", State.OK, f"{waiting} waiting" if waiting else "nothing waits")


def _jobs(desk: Desk) -> Iterator[Finding]:
    states = {state.name: state for state in desk.job_states()}
    now: datetime = desk.clock.now()
    for job in desk.jobs():
        state = states.get(job.name)
        subject, hint = f"job {job.name}", "let the worker run: ticketcore worker"
        if state is None or state.last_run is None:
            yield Finding(subject, State.WARNING, "has never run", hint)
        elif state.failures:
            times = f"failed {state.failures} time{'s' if state.failures > 1 else ''} in a row"
            yield Finding(subject, State.FAILED, f"{times}: {state.last_error}", "ticketcore worker --once shows it")
        elif now - state.last_run > max(_LATE, timedelta(seconds=3 * job.every)):
            yield Finding(subject, State.WARNING, f"last ran {state.last_run:%Y-%m-%d %H:%M} UTC", hint)
        else:
            yield Finding(subject, State.OK, f"last ran {state.last_run:%Y-%m-%d %H:%M} UTC")


def _schedules(desk: Desk) -> Iterator[Finding]:
    hint = "mend the cause, and it is made up for; see: ticketcore list-recurring"
    for schedule in desk.recurring.list_recurring():
        if schedule.active and schedule.last_error:
            yield Finding(f"schedule {schedule.template_name}", State.WARNING, schedule.last_error, hint)
