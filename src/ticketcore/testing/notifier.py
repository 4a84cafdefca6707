# ruff: noqa: S101 - a suite checks by assertions
"""The conformance suite of the notifier port.

Whoever writes a notifier subclasses :class:`NotifierSuite` in a test file of their own::

    class TestMyNotifier(NotifierSuite):
        def make_notifier(self, tmp_path: Path) -> Notifier:
            self.room = Room()
            return MyNotifier(self.room.url)

        def delivered(self) -> list[str]:
            return self.room.posts

and pytest finds all the tests in it. They check what :mod:`ticketcore.ports.notifier` promises, with messages such as
a desk sends. A test runs in an instance of its own, so what one sets is not there in the next.
"""

from __future__ import annotations

import logging
import threading
import traceback
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from html import escape
from itertools import count
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest

from ticketcore.domain.events import NotifyCode
from ticketcore.domain.lifecycle import created
from ticketcore.errors import NotifierError, PermanentNotifierError, TemporaryNotifierError
from ticketcore.ports.notifier import Checkable, Notification, Notifier, Receipt
from ticketcore.serde import to_plain
from ticketcore.testing.claims import Claims
from ticketcore.testing.faults import FAULTS, HOST
from ticketcore.testing.records import NOW, make_ticket, new_guid
from ticketcore.testing.repository.base import at_once

TIMEOUT, SHORT = 10.0, 0.2
"""Seconds that the other side gets where it works, and where it does not."""

BEYOND_ASCII = "Größer: 日本語 🔥"

HOSTILE = "x\r\nX-Injected: one\nX-Injected: two\r\n\r\n.\r\nX-Injected: three"
"""Text that adds a header, or ends a message, where it gets into one as it is."""

TEXTS: Mapping[str, str] = {
    "plain": "It burns.",
    "empty": "",
    "blank": " \n\t ",
    "many lines": "one\ntwo\r\nthree\n\n\nfour\r",
    "dots": ".\n..\n.\r\n.",
    "beyond ASCII": BEYOND_ASCII,
    "right to left": "\u202e\u05e9\u05dc\u05dd\u202c\u200f \ufeffe\u0301",
    "control characters": "\x01\x07\x08\x0b\x0c\x1b[31m\x7f\x85\u2028\u2029",
    "markup": "<script>alert('1')</script> <!channel> @everyone & &amp; ]]> `x` *y* _z_ [a](http://b)",
    "templates": "{{ 7 * 7 }} {subject} ${HOME} %s %(x)s $(id) \\n \\",
    "quotes": '\'; DROP TABLE ticket; -- " \' ` \\" {"a": [1, null]}',
    "a long line": "x" * 100_000,
    "many long lines": "It burns on. 🔥\n" * 20_000,
}
"""The texts of messages, by what is hard about them."""

_numbers = count(1)


class NotifierSuite(Claims):
    """Everything that a notifier has to do: subclass it, define :meth:`make_notifier` and :meth:`delivered`.

    An adapter claims more by setting the flags below; what is claimed is tested too.
    """

    addressed: ClassVar[bool] = False
    """Claims that each message goes to one e-mail address, its ``recipient``."""

    recipient: ClassVar[str] = ""
    """The ``recipient`` where it is no address: one of the destinations of the notifier, if it has any."""

    unicode: ClassVar[bool] = False
    """Claims that text beyond ASCII arrives as it was sent."""

    whole: ClassVar[bool] = False
    """Claims that a text of any length arrives to its end."""

    keyed: ClassVar[bool] = False
    """Claims that the ``message_id`` is in what arrives, so that a receiver can drop what it has already."""

    deduplicates: ClassVar[bool] = False
    """Claims that a message that is sent twice arrives once."""

    breakable: ClassVar[bool] = False
    """Claims that :meth:`make_broken_notifier` is defined."""

    networked: ClassVar[bool] = False
    """Claims that :meth:`make_notifier_at` is defined."""

    checkable: ClassVar[bool] = False
    """Claims that the notifier has ``check(*, timeout)``: :class:`ticketcore.ports.notifier.Checkable`."""

    patience: ClassVar[float] = 20.0
    """Seconds within which every attempt has to end, although its time-out is only 0.2 seconds."""

    def make_notifier(self, tmp_path: Path) -> Notifier:
        """Return a notifier whose other side works."""
        message = f"{type(self).__name__} has to define make_notifier(tmp_path)"
        raise NotImplementedError(message)

    def delivered(self) -> Sequence[str | bytes]:
        """Return everything that has arrived at the other side, in any order, each as its reader sees it: decoded."""
        message = f"{type(self).__name__} has to define delivered()"
        raise NotImplementedError(message)

    def make_broken_notifier(self, tmp_path: Path) -> Notifier:
        """Return a notifier whose other side is out of reach; asked for where ``breakable`` is claimed."""
        message = f"{type(self).__name__} has to define make_broken_notifier(tmp_path)"
        raise NotImplementedError(message)

    def make_notifier_at(self, tmp_path: Path, host: str, port: int) -> Notifier:
        """Return a notifier whose other side is at ``host`` and ``port``; asked for where ``networked`` is claimed.

        What is there in the tests is not what the notifier expects.
        """
        message = f"{type(self).__name__} has to define make_notifier_at(tmp_path, host, port)"
        raise NotImplementedError(message)

    def secrets(self) -> Sequence[str]:
        """Return what the notifiers above were given that nobody may see: passwords, tokens, URLs with a key."""
        return ()

    def notification(self, **fields: Any) -> Notification:
        """Return a message of its own such as a desk sends, with other values in ``fields``."""
        subject, text = fields.get("subject", "The printer is on fire"), fields.get("text", "It burns.")
        ticket = make_ticket(subject=subject, ticket_number=7, description=text)
        to = ("ann@example.com",) if self.addressed else ("ann@example.com", "bob@example.com")
        values: dict[str, Any] = {
            "event": NotifyCode.CREATED.value,
            "ticket_number": 7,
            "subject": subject,
            "detail": text,
            "status": ticket.status.value,
            "priority": ticket.priority.value,
            "assigned_to": "Bob Example",
            "action_by": "ann",
        }
        facts = {"ticket": to_plain(ticket), "changes": to_plain(created(ticket).entries), "at": NOW.isoformat()}
        given: dict[str, Any] = {
            "message_id": new_guid(),
            "thread_id": ticket.guid,
            "notify_code": NotifyCode.CREATED.name,
            "recipient": to[0] if self.addressed else self.recipient,
            "to": to,
            "subject": subject,
            "text": text,
            "html": f"<p>{escape(text)}</p>",
            "created": NOW,
            "context": values if self.addressed else {**values, **facts},
        }
        return Notification(**{**given, **fields})

    @pytest.fixture
    def notifier(self, tmp_path: Path) -> Notifier:
        """Give each test a notifier of its own."""
        return self.make_notifier(tmp_path)

    # What arrives.

    def test_a_receipt_says_where_it_went(self, notifier: Notifier) -> None:
        """It has words for the operator."""
        receipt = self.send(notifier, self.notification())
        assert receipt.detail.strip(), f"a receipt needs words, not {receipt!r}"

    def test_each_message_arrives_once(self, notifier: Notifier) -> None:
        """It is there when send returns, whatever it is about and whoever it is for."""
        for code in (*NotifyCode.__members__, "SOMETHING_NEW"):
            self.sent(notifier, f"a message about {code}", notify_code=code)
        self.sent(notifier, "a message with copies", cc=("eve@example.com", "vic@example.com"))
        self.sent(notifier, "a message that names nobody", to=())
        self.sent(notifier, "a message without a context", context={})

    @pytest.mark.parametrize("kind", TEXTS)
    def test_every_text_arrives(self, notifier: Notifier, kind: str) -> None:
        """Whatever somebody wrote, the message about it arrives, once."""
        text = TEXTS[kind]
        arrived = self.sent(notifier, f"a message with the text {kind!r}", text=text)
        if self.unicode and text == BEYOND_ASCII:
            assert text in arrived, f"unicode is claimed, but of {text!r} this arrived: {arrived!r}"

    def test_a_long_text_arrives_whole(self, notifier: Notifier) -> None:
        """Its end arrives too."""
        if not self.whole:
            pytest.skip("whole is not claimed")
        arrived = self.sent(notifier, "a long message", text="It burns on.\n" * 20_000 + "the very end")
        assert "the very end" in arrived, f"of a long text only {len(arrived)} characters arrived"

    @pytest.mark.parametrize("field", ["subject", "notify_code", "message_id", "thread_id"])
    def test_a_line_stays_a_line(self, notifier: Notifier, field: str) -> None:
        """What is one line by nature adds no second one, so it cannot become a header or end a message."""
        arrived = self.sent(notifier, f"a message whose {field} has several lines", **{field: HOSTILE})
        injected = [line for line in arrived.splitlines() if line.lstrip("> \t").startswith("X-Injected")]
        assert not injected, f"line breaks in the {field} made lines of their own: {injected}"

    def test_an_address_that_is_none_is_refused_for_good(self, notifier: Notifier) -> None:
        """It never gets to the other side."""
        if not self.addressed:
            pytest.skip("addressed is not claimed")
        for address in ("ann", "", "ann@example.com\r\nX-Injected: one", "ann@example.com>\nRCPT TO:<eve@example.com"):
            before = self.texts()
            error = self.failure(notifier, self.notification(recipient=address), TIMEOUT)
            permanent = isinstance(error, PermanentNotifierError)
            assert permanent, f"the recipient {address!r} should be a PermanentNotifierError, not {error!r}"
            assert self.texts() == before, f"a message to {address!r} arrived"

    # Twice, and at once.

    def test_a_message_that_is_sent_twice_is_harmless(self, notifier: Notifier) -> None:
        """The second attempt succeeds too; it may arrive again, if it does not claim otherwise."""
        notification = self.notification(subject=self.mark())
        before = self.texts()
        for attempt in ("at first", "again"):
            self.send(notifier, notification, f"a message that is sent {attempt}")
        times = (self.texts() - before).total()
        wanted = {1} if self.deduplicates else {1, 2}
        assert times in wanted, f"a message that was sent twice arrived {times} times"

    def test_what_arrives_shows_its_key(self, notifier: Notifier) -> None:
        """A receiver can tell a second delivery from a second message."""
        if not self.keyed:
            pytest.skip("keyed is not claimed")
        key = new_guid()
        arrived = self.sent(notifier, "a message", message_id=key)
        assert key in arrived, f"the message id {key} is not in what arrived: {arrived!r}"

    def test_threads_share_it(self, notifier: Notifier) -> None:
        """Many at once: each message arrives, once."""
        marks = [self.mark() for _ in range(24)]
        before = self.texts()

        def work(mine: list[str]) -> None:
            for mark in mine:
                self.send(notifier, self.notification(subject=mark, text=mark), "one of many messages at once")

        at_once(*(partial(work, marks[start::6]) for start in range(6)))
        arrived = list((self.texts() - before).elements())
        wrong = {mark: times for mark in marks if (times := sum(mark in text for text in arrived)) != 1}
        assert not wrong, f"of {len(marks)} messages from 6 threads these did not arrive once: {wrong}"

    def test_a_message_is_left_as_it_is(self, notifier: Notifier) -> None:
        """Neither the message nor its context is changed."""
        notification = self.notification()
        before = deepcopy(notification)
        self.send(notifier, notification)
        assert notification == before, f"send changed the notification\n  before: {before}\n  after:  {notification}"

    # Failures.

    def test_another_side_out_of_reach_is_a_failure_for_now(self, tmp_path: Path) -> None:
        """It is a TemporaryNotifierError, so that it is tried again."""
        if not self.breakable:
            pytest.skip("breakable is not claimed")
        self.check_temporary(self.make_broken_notifier(tmp_path), "the other side is out of reach")

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_server_that_is_out_of_order_is_a_failure_for_now(self, tmp_path: Path, fault: str) -> None:
        """It is a TemporaryNotifierError, in time."""
        if not self.networked:
            pytest.skip("networked is not claimed")
        with FAULTS[fault]() as port:
            self.check_temporary(self.make_notifier_at(tmp_path, HOST, port), f"the server {fault}")

    def test_no_secret_is_told(self, notifier: Notifier, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """What :meth:`secrets` lists is in no receipt, no error, no representation and no log."""
        if not self.secrets():
            pytest.skip("secrets() lists none")
        with caplog.at_level(logging.DEBUG):
            receipt = self.send(notifier, self.notification())
            seen = {"repr() of the notifier": f"{notifier!r} {notifier}", "a receipt": repr(receipt)}
            if self.breakable:
                broken = self.make_broken_notifier(tmp_path)
                seen["an error, the other side being out of reach"] = self.shown_failure(broken)
            for fault, server in FAULTS.items() if self.networked else ():
                with server() as port:
                    at = self.make_notifier_at(tmp_path, HOST, port)
                    seen[f"an error where the server {fault}"] = self.shown_failure(at)
        seen["the log"] = caplog.text
        told = [
            f"secrets()[{number}] is in {where}"  # not the secret itself: this may be read by anybody
            for number, secret in enumerate(self.secrets())
            for where, text in seen.items()
            if any(form in text for form in (secret, quote(secret, safe=""), b64encode(secret.encode()).decode()))
        ]
        assert not told, "\n".join(told)

    def test_a_check_sends_nothing(self, notifier: Notifier, tmp_path: Path) -> None:
        """It returns where the other side works, and raises a NotifierError where it does not."""
        if not self.checkable:
            pytest.skip("checkable is not claimed")
        assert isinstance(notifier, Checkable), "checkable is claimed, but the notifier has no check(timeout=)"
        before = self.texts()
        words = notifier.check(timeout=TIMEOUT)
        assert self.texts() == before, "check sent something"
        assert isinstance(words, str), f"check has to return words, not {words!r}"
        assert words.strip(), "check has to say in words what was reached"
        told = [number for number, secret in enumerate(self.secrets()) if secret in words]
        assert not told, f"check tells secrets()[{told[0]}]"
        if self.breakable:
            broken = self.make_broken_notifier(tmp_path)
            assert isinstance(broken, Checkable), "make_broken_notifier has to return one that can be checked too"
            with pytest.raises(NotifierError):
                broken.check(timeout=SHORT)

    # What these tests are made of.

    def mark(self) -> str:
        """Return a word that no other message has."""
        return f"mark-{next(_numbers):05d}-"

    def texts(self) -> Counter[str]:
        """Return what has arrived, and how often."""
        found = self.delivered()
        return Counter(text.decode(errors="replace") if isinstance(text, bytes) else text for text in found)

    def send(self, notifier: Notifier, notification: Notification, what: str = "a message") -> Receipt:
        """Send a message; check that this succeeds."""
        try:
            receipt = notifier.send(notification, timeout=TIMEOUT)
        except (Exception, SystemExit) as error:
            message = f"{what} could not be sent: {type(error).__name__}: {error}"
            raise AssertionError(message) from error
        assert isinstance(receipt, Receipt), f"send has to return a Receipt, not {receipt!r}"
        return receipt

    def sent(self, notifier: Notifier, what: str, **fields: Any) -> str:
        """Send a message that begins with a word of its own; check that it arrives once, and return what arrived."""
        mark = self.mark()
        subject, text = f"{mark} {fields.pop('subject', 'on fire')}", f"{mark}\n{fields.pop('text', 'It burns.')}"
        before = self.texts()
        self.send(notifier, self.notification(subject=subject, text=text, **fields), what)
        arrived = list((self.texts() - before).elements())
        assert len(arrived) == 1, f"{what} arrived {len(arrived)} times, not once"
        assert mark in arrived[0], f"{what} had the subject {subject!r}, but this arrived: {arrived[0]!r}"
        return arrived[0]

    def failure(self, notifier: Notifier, notification: Notification, timeout: float) -> BaseException:
        """Return what sending raises; check that it comes back at all."""
        errors: list[BaseException | None] = []

        def attempt() -> None:
            try:
                notifier.send(notification, timeout=timeout)
            except BaseException as error:  # noqa: BLE001 - the caller says which one it should be
                errors.append(error)
            else:
                errors.append(None)

        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        thread.join(self.patience)
        assert errors, f"with a time-out of {timeout:g} seconds, send had not returned after {self.patience:g} seconds"
        assert errors[0] is not None, "send should have failed, but it returned"
        return errors[0]

    def check_temporary(self, notifier: Notifier, why: str) -> None:
        """Check that sending is a failure for now, in words."""
        error = self.failure(notifier, self.notification(), SHORT)
        temporary = f"{why}, which should be a TemporaryNotifierError"
        assert isinstance(error, TemporaryNotifierError), f"{temporary}, not {type(error).__name__}: {error}"
        assert error.message.strip(), f"{why}, and the error has no words for it"

    def shown_failure(self, notifier: Notifier) -> str:
        """Return all that a log could show of a failure."""
        error = self.failure(notifier, self.notification(), SHORT)
        return "".join([*traceback.format_exception(error), repr(error), repr(vars(error))])
