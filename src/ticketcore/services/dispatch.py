"""The dispatcher: hands what is in the outbox to the notifiers, until it is delivered or given up.

A message is taken by moving its next attempt ahead (a lease), sent outside any transaction, and its outcome
recorded. So it goes out at least once under one stable key; twice only if the process dies between the
other side's confirmation and its record.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from typing import cast

from attrs import define, evolve, frozen

from ticketcore.domain.events import OBSERVER, NotifyCode, OutboxMessage, OutboxState, TicketEvent
from ticketcore.domain.query import Condition, Op, Order, Query, eq
from ticketcore.errors import (
    PermanentNotifierError,
    RejectedError,
    TemporaryNotifierError,
    TicketcoreError,
    reason_of,
)
from ticketcore.ports.extension import Observers
from ticketcore.ports.notifier import Notification, Notifier
from ticketcore.ports.render import Renderer
from ticketcore.ports.repository import Repository
from ticketcore.ports.system import Clock
from ticketcore.serde import from_plain
from ticketcore.services.notices import EMAIL
from ticketcore.services.repeating import reads, repeated

_log = logging.getLogger(__name__)
_ERROR_LENGTH = 1000
_BATCH = 20


@frozen
class DeliverySettings:
    """How hard delivery tries; times in seconds."""

    inline: bool = True
    inline_timeout: float = 3.0
    timeout: float = 30.0
    lease: float = 300.0
    attempts: int = 10
    first_delay: float = 30.0
    longest_delay: float = 4 * 3600.0

    def delay(self, attempts: int) -> timedelta:
        """Return how long to wait after so many failed attempts: twice as long each time."""
        return timedelta(seconds=min(self.first_delay * 2 ** (attempts - 1), self.longest_delay))

    @property
    def inline_lease(self) -> timedelta:
        """For how long the process that wrote a message has it to itself."""
        return timedelta(seconds=self.lease if self.inline else 0)


@frozen
class Outcome:
    """What a round of deliveries came to."""

    delivered: int = 0
    postponed: int = 0
    dead: int = 0

    def __add__(self, other: Outcome) -> Outcome:
        """Return both rounds together."""
        return Outcome(self.delivered + other.delivered, self.postponed + other.postponed, self.dead + other.dead)

    def __str__(self) -> str:
        """Return the counts that are not zero in words; empty if all are."""
        counts = {"delivered": self.delivered, "postponed": self.postponed, "given up": self.dead}
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


_OUTCOMES = {
    OutboxState.DELIVERED: Outcome(delivered=1),
    OutboxState.PENDING: Outcome(postponed=1),
    OutboxState.DEAD: Outcome(dead=1),
}


@define(eq=False, repr=False)
class Dispatcher:
    """Delivers outbox messages over the notifiers of their channels."""

    repository: Repository
    clock: Clock
    renderer: Callable[[], Renderer]
    notifier: Callable[[str], Notifier]
    observers: Callable[[], Observers]
    settings: DeliverySettings

    def deliver_inline(self, messages: Sequence[OutboxMessage]) -> None:
        """Try each message once, right after the commit that wrote it; what fails is left to the worker.

        It never raises: the change is stored, whatever becomes of the news of it. It takes no longer than
        about the inline time-out for all messages together, once one of them had to be waited for.
        """
        if not self.settings.inline:
            return
        deadline = time.monotonic() + self.settings.inline_timeout
        waiting: set[str] = set()
        for message in messages:
            if time.monotonic() >= deadline:
                return
            server = message.channel if message.channel == EMAIL else f"{message.channel} {message.recipient}"
            if server in waiting:
                continue
            try:
                tried = self._try(message, self.settings.inline_timeout)
                self._record(tried)
            except TicketcoreError as error:
                _log.warning("delivery of %s is left to the worker: %s", message.guid, error)
                return
            if tried.state is OutboxState.PENDING:
                # Other mails would wait for the same server; the worker tries when the lease is over.
                waiting.add(server)

    def run_due(self, stop: Event | None = None) -> Outcome:
        """Deliver everything that is due now, in batches, until ``stop`` is set."""
        total = Outcome()
        for message in self._due(stop or Event()):
            tried = self._try(message, self.settings.timeout)
            try:
                self._record(tried)
            except RejectedError as error:  # one message that cannot be kept must not hold up the others
                _log.warning("the outcome of %s cannot be recorded: %s", message.guid, error)
            total += _OUTCOMES[tried.state]
        return total

    def _due(self, stop: Event) -> Iterator[OutboxMessage]:
        while not stop.is_set():
            now = self.clock.now()
            due = Query(
                OutboxMessage,
                (eq("state", OutboxState.PENDING), Condition("next_attempt", Op.LE, now)),
                (Order("next_attempt"), Order("guid")),
                limit=_BATCH,
            )
            if not self._is_any(due):  # looking does not hold up writers; claiming does
                return
            claimed = repeated(partial(self._claimed, due, now + timedelta(seconds=self.settings.lease)))
            taken, told = time.monotonic(), math.inf
            # An observer has no time limit, so it comes after all that people wait for.
            for message in sorted(claimed, key=lambda one: one.channel.startswith(OBSERVER)):
                # Told to stop, it finishes the batch, but does not wait for ever for a server that hangs; and one
                # that took longer than its lease may be somebody else's by now.
                told = min(told, time.monotonic()) if stop.is_set() else math.inf
                late = time.monotonic() - taken > self.settings.lease / 2
                if late or time.monotonic() - told > self.settings.timeout:
                    self._give_back(message)
                else:
                    yield message

    @reads
    def _is_any(self, due: Query[OutboxMessage]) -> bool:
        with self.repository.transaction(read_only=True) as tx:
            return bool(tx.find(due))

    def _claimed(self, due: Query[OutboxMessage], until: datetime) -> list[OutboxMessage]:
        with self.repository.transaction() as tx:
            return tx.claim(due, until)

    def _give_back(self, message: OutboxMessage) -> None:
        self._record(evolve(message, next_attempt=self.clock.now()))

    def _try(self, message: OutboxMessage, timeout: float) -> OutboxMessage:
        """Send ``message`` and return it with the outcome."""
        attempts = message.attempts + 1
        try:
            self._send(message, timeout)
        except PermanentNotifierError as error:
            return self._failed(message, attempts, error, OutboxState.DEAD)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a notifier may be anybody's; the failure is recorded and retried
            given_up = attempts >= self.settings.attempts
            return self._failed(message, attempts, error, OutboxState.DEAD if given_up else OutboxState.PENDING)
        now = self.clock.now()
        return evolve(message, state=OutboxState.DELIVERED, attempts=attempts, delivered_date=now, last_error="")

    def _send(self, message: OutboxMessage, timeout: float) -> None:
        if message.channel.startswith(OBSERVER):
            event = from_plain(TicketEvent, json.loads(message.payload))
            self.observers().tell(message.channel.removeprefix(OBSERVER), event)
        else:
            self.notifier(message.channel).send(self._notification(message), timeout=timeout)

    def _failed(self, message: OutboxMessage, attempts: int, error: BaseException, state: OutboxState) -> OutboxMessage:
        reason = reason_of(error)
        wait = self.settings.delay(attempts)
        if isinstance(error, TemporaryNotifierError):
            wait = max(wait, timedelta(seconds=min(_seconds(error.retry_after), self.settings.longest_delay)))
        to = message.recipient or message.channel
        end = "; it is given up (ticketcore outbox retry)" if state is OutboxState.DEAD else ""
        about = f"{message.notify_code} of #{message.ticket_number}"
        _log.warning("attempt %d to deliver %s to %s failed: %s%s", attempts, about, to, reason, end)
        _log.debug("how it came to that", exc_info=error)
        return evolve(
            message,
            state=state,
            attempts=attempts,
            next_attempt=self.clock.now() + wait,
            last_error=reason[:_ERROR_LENGTH],
        )

    def _notification(self, message: OutboxMessage) -> Notification:
        values = json.loads(message.payload)
        to, cc = values.pop("to", [message.recipient]), values.pop("cc", [])
        body = self.renderer().render_message(message.package, values)
        subject = f"[#{values['ticket_number']}] {values['subject']}"
        if message.notify_code == NotifyCode.ESCALATION_ALERT.name:
            subject = f"Escalation: {subject}"
        return Notification(
            message_id=message.guid,
            thread_id=message.ticket_guid,
            notify_code=message.notify_code,
            recipient=message.recipient,
            to=tuple(to),
            cc=tuple(cc),
            subject=subject,
            text=body.text,
            html=body.html,
            created=message.created_date,
            context=values,
        )

    def _record(self, message: OutboxMessage) -> None:
        def record() -> None:
            with self.repository.transaction() as tx:
                tx.save(message)

        repeated(record)  # what is not recorded goes out again


def _seconds(asked: object) -> float:
    """Return the seconds that a notifier asks to wait; none if that is no number that makes sense."""
    is_number = isinstance(asked, int | float) and not isinstance(asked, bool) and not math.isnan(asked)
    return max(0.0, cast("float", asked)) if is_number else 0.0
