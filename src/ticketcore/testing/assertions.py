"""Checks of a desk whose failures can be read: each shows everything that is there beside what was expected."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import Enum
from itertools import takewhile
from typing import Any

import attrs
from attrs import frozen

from ticketcore.desk import Desk
from ticketcore.domain.events import OBSERVER, NotifyCode, OutboxMessage, OutboxState
from ticketcore.domain.history import Action, HistoryEntry
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import RejectedError, TicketcoreError
from ticketcore.services.notices import EMAIL
from ticketcore.services.references import Reference
from ticketcore.testing.names import unknown

_WIDTH = 60
"""What fits a column of a table."""


def assert_ticket(ticket: Ticket, **expected: Any) -> None:
    """Check the fields of ``ticket`` that are named: ``assert_ticket(ticket, status="RESOLVED", priority="HIGH")``.

    All that are different are shown at once. A list stands for a tuple.
    """
    __tracebackhide__ = True
    if not expected:
        message = "name at least one field to check, as in assert_ticket(ticket, status='NEW')"
        raise TypeError(message)
    known = [field.name for field in attrs.fields(type(ticket))]
    for name in expected:
        _require_known("field of a ticket", name, known)
    rows = [("", "expected", "got")]
    for name, wanted in expected.items():
        got = getattr(ticket, name)
        if got != (tuple(wanted) if isinstance(wanted, list) else wanted):
            rows.append((name, *_clipped(_shown(wanted), _shown(got))))
    if len(rows) > 1:
        message = f"{_named(ticket)} is not as expected:\n{_table(rows)}"
        raise AssertionError(message)


def assert_history(desk: Desk, ticket: Reference, expected: Sequence[str]) -> list[HistoryEntry]:
    """Check that the history of ``ticket`` has the actions ``expected``, in order; return its rows.

    ``assert_history(desk, ticket, ["CREATED", "STATUS_CHANGE"])``. What is missing is marked with ``-``, what is
    there besides with ``+``.
    """
    __tracebackhide__ = True
    for action in expected:
        _require_known("action in a history", action, list(Action))
    rows = desk.queries.get_history(ticket)
    got = [row.action for row in rows]
    if got != list(expected):
        table = [("", "expected", "got", "what changed", "by")]
        matcher = difflib.SequenceMatcher(None, list(expected), got, autojunk=False)
        for kind, start, end, first, last in matcher.get_opcodes():
            if kind == "equal":
                table += [(" ", row.action, *_history_cells(row)) for row in rows[first:last]]
                continue
            table += [("-", action, "", "", "") for action in expected[start:end]]
            table += [("+", "", *_history_cells(row)) for row in rows[first:last]]
        message = f"the history of {_named(ticket)} is not as expected:\n{_table(table)}"
        raise AssertionError(message)
    return rows


def assert_sent(
    desk: Desk,
    code: str,
    *,
    to: str | None = None,
    channel: str | None = None,
    state: str | None = None,
    count: int | None = None,
) -> list[OutboxMessage]:
    """Check that a message about the event ``code`` is in the outbox; return those that are meant.

    Args:
        desk: the desk.
        code: the event, such as CREATED.
        to: who it is for: the address of a mail; over another channel its destination, or one of those it names.
        channel: the notifier; ``observer:NAME`` is what the observer hook of the plugin NAME is told.
        state: PENDING, DELIVERED or DEAD; any by default, so what is still to be delivered counts too.
        count: how many there have to be; by default at least one.
    """
    __tracebackhide__ = True
    outbox = Outbox(desk)
    found = outbox.messages(code, to=to, channel=channel, state=state)
    if count is None and not found:
        message = f"there is no message {_question(code, to, channel, state)}; {outbox.describe()}"
        raise AssertionError(message)
    if count is not None and len(found) != count:
        wanted = f"expected {count} of the messages {_question(code, to, channel, state)}, found {len(found)}"
        message = f"{wanted}; {outbox.describe()}"
        raise AssertionError(message)
    return found


def assert_nothing_sent(
    desk: Desk, code: str | None = None, *, to: str | None = None, channel: str | None = None, state: str | None = None
) -> None:
    """Check that no message is in the outbox, or none such as the arguments say, which are those of assert_sent."""
    __tracebackhide__ = True
    outbox = Outbox(desk)
    found = outbox.messages(code, to=to, channel=channel, state=state)
    if found:
        message = f"expected no message {_question(code, to, channel, state)}, found {len(found)}; {outbox.describe()}"
        raise AssertionError(message)


def assert_refused(call: Callable[[], object], *, field: str | None = None, match: str | None = None) -> RejectedError:
    """Check that ``call`` is refused, by ticketcore or by a policy; return the error.

    ``assert_refused(lambda: desk.tickets.create("x", action_by="ann"), field="subject", match="too short")``

    Args:
        call: what should be refused.
        field: the field of one of the problems; empty for one that no field is to blame for.
        match: a regular expression that is found in the message of that problem.
    """
    __tracebackhide__ = True
    _require_function(call)
    try:
        result = call()
    except RejectedError as error:
        if any(
            field in {None, problem.field} and re.search(match or "", problem.message) for problem in error.problems
        ):
            return error
        rows = [("field", "message"), *((repr(problem.field), problem.message) for problem in error.problems)]
        sought = (("in the field", field), ("that matches", match))
        wanted = "".join(f" {what} {value!r}" for what, value in sought if value is not None)
        message = f"it was refused, but with no problem{wanted}; the problems are:\n{_table(rows)}"
        raise AssertionError(message) from error
    except TicketcoreError as error:
        message = f"it was not refused, but failed: {type(error).__name__}: {error}"
        raise AssertionError(message) from error
    message = f"it was not refused; it returned {_short(repr(result))}"
    raise AssertionError(message)


@frozen
class Outbox:
    """The outbox of a desk, as it is whenever it is asked; the fixture ``ticketcore_outbox``.

    What is there for observers of plugins is left out, unless it is asked for by its channel, ``observer:NAME``.
    """

    desk: Desk

    def messages(
        self,
        code: str | None = None,
        *,
        to: str | None = None,
        channel: str | None = None,
        state: str | None = None,
    ) -> list[OutboxMessage]:
        """Return the messages, the oldest first; the arguments are those of :func:`assert_sent`."""
        __tracebackhide__ = True
        found = self.desk.notifications.list_outbox()
        if code is not None:
            told = [*Action] if (channel or "").startswith(OBSERVER) else []
            known = [*NotifyCode.__members__, *told, *(message.notify_code for message in found)]
            _require_known("event", code, known)
        if state is not None:
            _require_known("state of a message", state, [*OutboxState])
        if channel is not None:
            self._require_channel(channel, [message.channel for message in found])
        return [
            message
            for message in found
            if code in {None, message.notify_code}
            and state in {None, message.state}
            and (to is None or to.strip().lower() in _readers(message))
            and (channel == message.channel or (channel is None and not message.channel.startswith(OBSERVER)))
        ]

    def _require_channel(self, channel: str, used: Iterable[str]) -> None:
        __tracebackhide__ = True
        known = [*self.desk.config.notifiers, *used]
        if channel not in known:  # plugins are loaded only where they decide
            known += [f"{OBSERVER}{one.plugin}" for one in self.desk.plugins.implementations("ticketcore_observe")]
        _require_known("channel of this desk", channel, known)

    def codes(self) -> list[str]:
        """Return the events of the messages, in order."""
        return [message.notify_code for message in self.messages()]

    def recipients(self, code: str | None = None) -> list[str]:
        """Return the addresses that the messages go to, in order."""
        return [message.recipient for message in self.messages(code)]

    def assert_sent(
        self,
        code: str,
        *,
        to: str | None = None,
        channel: str | None = None,
        state: str | None = None,
        count: int | None = None,
    ) -> list[OutboxMessage]:
        """Check that a message is there: :func:`assert_sent`."""
        __tracebackhide__ = True
        return assert_sent(self.desk, code, to=to, channel=channel, state=state, count=count)

    def assert_nothing_sent(
        self, code: str | None = None, *, to: str | None = None, channel: str | None = None, state: str | None = None
    ) -> None:
        """Check that no message is there: :func:`assert_nothing_sent`."""
        __tracebackhide__ = True
        assert_nothing_sent(self.desk, code, to=to, channel=channel, state=state)

    def describe(self) -> str:
        """Return the whole outbox in words, to be read after "…; "."""
        messages = self.desk.notifications.list_outbox()
        if not messages:
            return "the outbox is empty"
        heads = ("event", "channel", "to", "state", "attempts", "last error")
        rows = [
            (
                one.notify_code,
                one.channel,
                ", ".join(_readers(one)),
                one.state.value,
                str(one.attempts),
                _short(one.last_error),
            )
            for one in messages
        ]
        return f"the outbox has:\n{_table([heads, *rows])}"


def _readers(message: OutboxMessage) -> list[str]:
    """Return who a message is for, in lower case: the address of a mail, else the destination and all it names."""
    if message.channel == EMAIL:
        return [message.recipient.lower()]
    payload = json.loads(message.payload)
    names = (message.recipient, *payload.get("to", ()), *payload.get("cc", ()))
    return [name.lower() for name in names if name]


def _question(code: str | None, to: str | None, channel: str | None, state: str | None) -> str:
    parts = (("about", code), ("to", to), ("over", channel), ("that is", state))
    return " ".join(f"{word} {value}" for word, value in parts if value is not None) or "at all"


def _require_known(what: str, name: str, known: Sequence[str]) -> None:
    """Refuse a name that nothing can have: a check for it could never fail, or never pass."""
    __tracebackhide__ = True
    if name not in known:
        raise AssertionError(unknown(what, name, known))


def _require_function(call: object) -> None:
    __tracebackhide__ = True
    if not callable(call):
        message = f"give a function, for example a lambda: assert_refused(lambda: ...), not {_short(repr(call))}"
        raise TypeError(message)


def _named(ticket: Reference) -> str:
    if isinstance(ticket, Ticket):
        return f"ticket {ticket.ticket_number}" if ticket.ticket_number else f"the ticket {ticket.subject!r}"
    return f"ticket {ticket}"


def _history_cells(row: HistoryEntry) -> tuple[str, str, str]:
    values = f"{row.old_value or ''} → {row.new_value or ''}"
    changed = f"{row.field}: {values}" if row.field else values
    # The first row has the whole ticket, which would be all that one sees.
    return row.action, "" if row.action == Action.CREATED else _short(changed), row.action_by


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return repr(value.value if isinstance(value, Enum) else value)


def _short(text: str) -> str:
    """Return ``text`` as one line that fits a column."""
    return _clipped(" ".join(text.split()), "")[0]


def _clipped(left: str, right: str) -> tuple[str, str]:
    """Return both texts as far as they fit a column, from shortly before where they begin to differ."""
    if max(len(left), len(right)) <= _WIDTH:
        return left, right
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
    start = max(0, alike - _WIDTH // 3)

    def cut(text: str) -> str:
        part = text[start : start + _WIDTH]
        return f"{'…' if start else ''}{part}{'…' if start + _WIDTH < len(text) else ''}"

    return cut(left), cut(right)


def _table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of cells as lines, in columns."""
    listed = list(rows)
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in listed)
    return "\n".join(f"  {line}".rstrip() for line in lines)
