"""The conformance suite of notifiers: it suits more than mail, and finds what is wrong with broken notifiers."""

from __future__ import annotations

import inspect
import json
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from attrs import evolve

from ticketcore.domain.address import as_address
from ticketcore.errors import NotifierError, PermanentNotifierError, TemporaryNotifierError
from ticketcore.ports.notifier import Notification, Notifier, Receipt
from ticketcore.testing.notifier import NotifierSuite

TOKEN = "room token/7"

RELEASE = threading.Event()
"""Ends what a broken notifier waits for too long."""


@pytest.fixture(autouse=True)
def released() -> Iterator[None]:
    RELEASE.clear()
    yield
    RELEASE.set()


def one_line(text: str) -> str:
    return " ".join(text.split())


class Chat:
    """Posts to a room, which is a list; its subclasses do one thing wrong."""

    def __init__(self, room: list[str] | None, token: str = TOKEN) -> None:
        self.room = room
        self.token = token

    def __repr__(self) -> str:
        return "Chat()"

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        post = self.post_for(notification)
        self.reach().append(post)
        return Receipt(f"posted {len(post)} characters")

    def check(self, *, timeout: float) -> str:
        return f"a room with {len(self.reach())} posts"

    def reach(self) -> list[str]:
        if self.room is None:
            raise TemporaryNotifierError("the room is closed")
        return self.room

    def post_for(self, notification: Notification) -> str:
        lines = (notification.subject, notification.notify_code, notification.message_id, notification.thread_id)
        return "\n".join([*map(self.line, lines), self.text(notification.text)])

    def line(self, text: str) -> str:
        return one_line(text)

    def text(self, text: str) -> str:
        return text


class ChatSuite(NotifierSuite):
    """What a chat claims; ``adapter`` is the class of the notifier."""

    unicode = True
    whole = True
    keyed = True
    breakable = True
    checkable = True
    patience = 0.5
    adapter: ClassVar[type[Chat]] = Chat

    def make_notifier(self, tmp_path: Path) -> Notifier:
        self.room: list[str] = []
        return self.adapter(self.room)

    def delivered(self) -> list[str]:
        return self.room

    def make_broken_notifier(self, tmp_path: Path) -> Notifier:
        return self.adapter(None)

    def secrets(self) -> list[str]:
        return [TOKEN]


class TestChat(ChatSuite):
    pass


class Pager(Chat):
    """As little as a notifier can do: 80 characters of ASCII."""

    def post_for(self, notification: Notification) -> str:
        return one_line(notification.subject)[:80].encode("ascii", "replace").decode()


class TestPager(NotifierSuite):
    def make_notifier(self, tmp_path: Path) -> Notifier:
        self.room: list[str] = []
        return Pager(self.room)

    def delivered(self) -> list[bytes]:
        return [post.encode() for post in self.room]


class ReturnsNothing(Chat):
    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        super().send(notification, timeout=timeout)
        return None  # type: ignore[return-value]


class HasNoWords(Chat):
    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        super().send(notification, timeout=timeout)
        return Receipt("")


class SendsTwice(Chat):
    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        super().send(notification, timeout=timeout)
        return super().send(notification, timeout=timeout)


class KeepsWhatItDoesNotKnow(Chat):
    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        if notification.notify_code not in {"CREATED", "STATUS_CHANGED", "ASSIGNED", "RESOLVED", "CLOSED"}:
            return Receipt("nothing to say")
        return super().send(notification, timeout=timeout)


class NeedsAContext(Chat):
    def text(self, text: str) -> str:
        return text

    def post_for(self, notification: Notification) -> str:
        return f"{notification.context['ticket_number']} {super().post_for(notification)}"


class KnowsAsciiOnly(Chat):
    def text(self, text: str) -> str:
        return text.encode("ascii").decode()


class ReplacesLetters(Chat):
    def text(self, text: str) -> str:
        return text.encode("ascii", "replace").decode()


class FillsTemplates(Chat):
    def text(self, text: str) -> str:
        return text % ()


class RefusesLongTexts(Chat):
    def text(self, text: str) -> str:
        if len(text) > 4096:
            raise PermanentNotifierError("too long")
        return text


class CutsLongTexts(Chat):
    def text(self, text: str) -> str:
        return text[:4096]


class SplitsLongTexts(Chat):
    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        text = notification.text
        for start in range(0, len(text) or 1, 4096):
            receipt = super().send(evolve(notification, text=text[start : start + 4096]), timeout=timeout)
        return receipt


class LosesTexts(Chat):
    def post_for(self, notification: Notification) -> str:
        return notification.message_id


class BelievesLines(Chat):
    def line(self, text: str) -> str:
        return text


class FailsTheSecondTime(Chat):
    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        if any(notification.message_id in post for post in self.reach()):
            raise PermanentNotifierError("this message is there already")
        return super().send(notification, timeout=timeout)


class TriesThreeTimes(Chat):
    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        for _ in range(any(notification.message_id in post for post in self.reach()) * 2):
            super().send(notification, timeout=timeout)
        return super().send(notification, timeout=timeout)


class HasNoKey(Chat):
    def post_for(self, notification: Notification) -> str:
        return super().post_for(evolve(notification, message_id="-"))


class SharesADraft(Chat):
    """Two threads write their drafts, then both send the last one."""

    both = threading.Barrier(2)

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        self.draft = self.post_for(notification)
        with suppress(threading.BrokenBarrierError):
            self.both.wait(0.1)
        self.reach().append(self.draft)
        return Receipt("posted")


class WritesIntoTheContext(Chat):
    def post_for(self, notification: Notification) -> str:
        cast("dict[str, Any]", notification.context)["sent"] = True
        return super().post_for(notification)


class LetsErrorsThrough(Chat):
    def reach(self) -> list[str]:
        if self.room is None:
            raise ConnectionRefusedError
        return self.room


class GivesUpTooEarly(Chat):
    def reach(self) -> list[str]:
        if self.room is None:
            raise PermanentNotifierError("the room is closed")
        return self.room


class SaysNotWhy(Chat):
    def reach(self) -> list[str]:
        if self.room is None:
            raise TemporaryNotifierError("")
        return self.room


class IsAlwaysContent(Chat):
    def reach(self) -> list[str]:
        return [] if self.room is None else self.room


class WaitsForEver(Chat):
    def reach(self) -> list[str]:
        if self.room is None:
            RELEASE.wait()
        return super().reach()


class ShowsItsToken(Chat):
    def __repr__(self) -> str:
        return f"Chat({self.token!r})"


class TellsTheOperator(Chat):
    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        super().send(notification, timeout=timeout)
        return Receipt(f"posted to https://chat.example/room%20token%2F7/{notification.message_id}")


class Logs(Chat):
    def reach(self) -> list[str]:
        logging.getLogger("chat").debug("with %s", self.token)
        return super().reach()


class TellsTheReason(Chat):
    def reach(self) -> list[str]:
        if self.room is None:
            raise TemporaryNotifierError("the room is closed") from OSError(f"no room at {self.token}")
        return self.room


class ChecksByPosting(Chat):
    def check(self, *, timeout: float) -> str:
        self.reach().append("is this on?")
        return "posted"


class ChecksNothing(Chat):
    def check(self, *, timeout: float) -> str:
        return "fine"


class ChecksWithoutAWord(Chat):
    def check(self, *, timeout: float) -> str:
        self.reach()
        return ""


class ChecksTooOpenly(Chat):
    def check(self, *, timeout: float) -> str:
        self.reach()
        return f"reached with {self.token}"


class Letters(Chat):
    """Posts to one address each; its subclasses do one thing wrong."""

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        if as_address(notification.recipient) is None:
            return self.refuse(notification)
        return super().send(notification, timeout=timeout)

    def refuse(self, notification: Notification) -> Receipt:
        raise PermanentNotifierError(f"{notification.recipient!r} is no address")


class RefusesForNow(Letters):
    def refuse(self, notification: Notification) -> Receipt:
        raise TemporaryNotifierError(f"{notification.recipient!r} is no address")


class PostsToAnybody(Letters):
    def refuse(self, notification: Notification) -> Receipt:
        self.reach().append(self.post_for(notification))
        raise PermanentNotifierError("no such address")


class LettersSuite(ChatSuite):
    addressed = True
    adapter = Letters


class TestLetters(LettersSuite):
    pass


class Line:
    """Talks to a server: a line of JSON for a line that says OK; its subclasses do one thing wrong."""

    trouble: ClassVar[tuple[type[Exception], ...]] = (OSError, ValueError)

    def __init__(self, host: str, port: int) -> None:
        self.address = (host, port)

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        try:
            with socket.create_connection(self.address, self.patience(timeout)) as connection:
                message = {"id": notification.message_id, "text": f"{notification.subject}\n{notification.text}"}
                connection.sendall(json.dumps(message).encode() + b"\n")
                answer = connection.makefile("rb").readline().decode()
        except self.trouble as error:
            raise TemporaryNotifierError(f"no answer: {error}") from error
        self.judge(answer)
        return Receipt("taken")

    def patience(self, timeout: float) -> float | None:
        return timeout

    def judge(self, answer: str) -> None:
        if answer != "OK\n":
            raise TemporaryNotifierError(f"the answer is {answer!r}")


class LineServer:
    """Takes lines of JSON, several connections one after the other."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection, connection.makefile("rb") as lines:
                    for line in lines:
                        self.texts.append(line.decode())
                        connection.sendall(b"OK\n")

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()


class LineSuite(NotifierSuite):
    networked = True
    keyed = True
    patience = 1.0
    adapter: ClassVar[type[Line]] = Line

    @pytest.fixture(autouse=True)
    def server(self) -> Iterator[None]:
        self.running = LineServer()
        yield
        self.running.close()

    def make_notifier(self, tmp_path: Path) -> Notifier:
        return self.adapter("127.0.0.1", self.running.port)

    def make_notifier_at(self, tmp_path: Path, host: str, port: int) -> Notifier:
        return self.adapter(host, port)

    def delivered(self) -> list[str]:
        return self.running.texts


class TestLine(LineSuite):
    pass


class HasNoTimeOut(Line):
    def patience(self, timeout: float) -> float | None:
        return None


class ExpectsRefusalsOnly(Line):
    trouble = (ConnectionRefusedError,)


class ExpectsText(Line):
    trouble = (OSError,)


class LetsRefusalsThrough(Line):
    trouble = (ValueError, TimeoutError)


class TakesSilenceForConsent(Line):
    def judge(self, answer: str) -> None:
        pass


OUT_OF_REACH = "another_side_out_of_reach_is_a_failure_for_now"
OUT_OF_ORDER = "a_server_that_is_out_of_order_is_a_failure_for_now"
NO_ADDRESS = "an_address_that_is_none_is_refused_for_good"

BROKEN: list[tuple[type[Chat | Line], str, str]] = [
    (ReturnsNothing, "a_receipt_says_where_it_went", "send has to return a Receipt, not None"),
    (HasNoWords, "a_receipt_says_where_it_went", "a receipt needs words, not Receipt(detail='')"),
    (SendsTwice, "each_message_arrives_once", "a message about CREATED arrived 2 times, not once"),
    (KeepsWhatItDoesNotKnow, "each_message_arrives_once", "a message about ESCALATED arrived 0 times, not once"),
    (NeedsAContext, "each_message_arrives_once", "a message without a context could not be sent: KeyError"),
    (KnowsAsciiOnly, "every_text_arrives[beyond ASCII]", "could not be sent: UnicodeEncodeError"),
    (
        ReplacesLetters,
        "every_text_arrives[beyond ASCII]",
        "unicode is claimed, but of 'Größer: 日本語 🔥' this arrived",
    ),
    (FillsTemplates, "every_text_arrives[templates]", "a message with the text 'templates' could not be sent"),
    (RefusesLongTexts, "every_text_arrives[a long line]", "could not be sent: PermanentNotifierError: too long"),
    (SplitsLongTexts, "every_text_arrives[many long lines]", "arrived 7"),
    (LosesTexts, "every_text_arrives[plain]", "but this arrived: '00000000-"),
    (CutsLongTexts, "a_long_text_arrives_whole", "of a long text only 4"),
    (BelievesLines, "a_line_stays_a_line[subject]", "line breaks in the subject made lines of their own"),
    (BelievesLines, "a_line_stays_a_line[message_id]", "line breaks in the message_id made lines of their own"),
    (RefusesForNow, NO_ADDRESS, "the recipient 'ann' should be a PermanentNotifierError, not Temp"),
    (PostsToAnybody, NO_ADDRESS, "a message to 'ann' arrived"),
    (FailsTheSecondTime, "a_message_that_is_sent_twice_is_harmless", "PermanentNotifierError: this message is there"),
    (TriesThreeTimes, "a_message_that_is_sent_twice_is_harmless", "was sent twice arrived 4 times"),
    (HasNoKey, "what_arrives_shows_its_key", "is not in what arrived"),
    (SharesADraft, "threads_share_it", "from 6 threads these did not arrive once"),
    (WritesIntoTheContext, "a_message_is_left_as_it_is", "send changed the notification"),
    (LetsErrorsThrough, OUT_OF_REACH, "should be a TemporaryNotifierError, not ConnectionRefusedError"),
    (GivesUpTooEarly, OUT_OF_REACH, "should be a TemporaryNotifierError, not PermanentNotifierError"),
    (SaysNotWhy, OUT_OF_REACH, "the other side is out of reach, and the error has no words for it"),
    (IsAlwaysContent, OUT_OF_REACH, "send should have failed, but it returned"),
    (WaitsForEver, OUT_OF_REACH, "with a time-out of 0.2 seconds, send had not returned after 0.5 seconds"),
    (HasNoTimeOut, f"{OUT_OF_ORDER}[is silent]", "send had not returned after 1 seconds"),
    (ExpectsRefusalsOnly, f"{OUT_OF_ORDER}[is silent]", "the server is silent, which should be a Temporary"),
    (ExpectsText, f"{OUT_OF_ORDER}[talks nonsense]", "the server talks nonsense, which should be a Temporary"),
    (LetsRefusalsThrough, f"{OUT_OF_ORDER}[refuses]", "should be a TemporaryNotifierError, not ConnectionRefusedError"),
    (TakesSilenceForConsent, f"{OUT_OF_ORDER}[hangs up]", "send should have failed, but it returned"),
    (ShowsItsToken, "no_secret_is_told", "secrets()[0] is in repr() of the notifier"),
    (TellsTheOperator, "no_secret_is_told", "secrets()[0] is in a receipt"),
    (Logs, "no_secret_is_told", "secrets()[0] is in the log"),
    (TellsTheReason, "no_secret_is_told", "secrets()[0] is in an error, the other side being out of reach"),
    (ChecksByPosting, "a_check_sends_nothing", "check sent something"),
    (ChecksNothing, "a_check_sends_nothing", "DID NOT RAISE"),
    (ChecksWithoutAWord, "a_check_sends_nothing", "check has to say in words what was reached"),
    (ChecksTooOpenly, "a_check_sends_nothing", "check tells secrets()[0]"),
]
"""Broken notifiers, the test that each of them fails, and why."""


def suite_for(kind: type[Chat | Line]) -> NotifierSuite:
    base: Any = LineSuite if issubclass(kind, Line) else LettersSuite if issubclass(kind, Letters) else ChatSuite
    made: NotifierSuite = type("Suite", (base,), {"adapter": kind})()
    return made


@pytest.mark.parametrize(("broken", "name", "reason"), BROKEN)
def test_a_broken_notifier_fails(
    broken: type[Chat | Line], name: str, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    suite = suite_for(broken)
    method, _, case = name.rstrip("]").partition("[")
    test: Callable[..., None] = getattr(suite, f"test_{method}")
    given = {"tmp_path": tmp_path, "caplog": caplog, "kind": case, "field": case, "fault": case}
    wanted = inspect.signature(test).parameters
    if "notifier" in wanted:
        given["notifier"] = suite.make_notifier(tmp_path)
    with pytest.raises((AssertionError, NotifierError, pytest.fail.Exception), match=re.escape(reason)):
        test(**{name: given[name] for name in wanted})


def test_a_message_that_arrives_twice_is_noticed_where_it_is_claimed_not_to(tmp_path: Path) -> None:
    class Claims(ChatSuite):
        deduplicates = True

    suite = Claims()
    with pytest.raises(AssertionError, match="was sent twice arrived 2 times"):
        suite.test_a_message_that_is_sent_twice_is_harmless(suite.make_notifier(tmp_path))


def test_every_test_of_the_suite_catches_something() -> None:
    tests = {name.removeprefix("test_") for name in vars(NotifierSuite) if name.startswith("test_")}
    assert tests == {name.partition("[")[0] for _, name, _ in BROKEN}


def test_the_secret_itself_is_not_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    suite = suite_for(ShowsItsToken)
    with pytest.raises(AssertionError) as caught:
        suite.test_no_secret_is_told(suite.make_notifier(tmp_path), tmp_path, caplog)
    assert TOKEN not in str(caught.value)


def test_a_suite_without_a_notifier_says_what_to_define(tmp_path: Path) -> None:
    suite = NotifierSuite()
    for method in (suite.make_notifier, suite.make_broken_notifier):
        with pytest.raises(NotImplementedError, match=rf"NotifierSuite has to define {method.__name__}\(tmp_path\)"):
            method(tmp_path)
    with pytest.raises(NotImplementedError, match=r"NotifierSuite has to define make_notifier_at\(tmp_path, host"):
        suite.make_notifier_at(tmp_path, "127.0.0.1", 1)
    with pytest.raises(NotImplementedError, match=r"NotifierSuite has to define delivered\(\)"):
        suite.delivered()
