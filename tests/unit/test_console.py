"""Notifications as lines: one each, harmless, and whole."""

from __future__ import annotations

import io
import os
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from ticketcore.adapters.console import ConsoleNotifier
from ticketcore.domain.text import UNSAFE, one_line, printable
from ticketcore.errors import TemporaryNotifierError
from ticketcore.ports.notifier import Notification

NOTIFICATION = Notification(
    message_id="0199-m",
    thread_id="0199-t",
    notify_code="CREATED",
    recipient="",
    subject="[#7] Printer on fire",
    text="It burns.\n",
    html="<p>It burns.</p>\n",
    created=datetime(2026, 5, 1, 9, 30, 5, tzinfo=UTC),
    context={"ticket_number": 7, "subject": "Printer on fire", "event": "Created", "action_by": "Ann"},
)
LINE = "2026-05-01T09:30:05Z [#7] Created: Printer on fire (by Ann)\n"


def about(subject: str, by: str = "Ann") -> Notification:
    return evolve(NOTIFICATION, context={**NOTIFICATION.context, "subject": subject, "action_by": by})


def written(notification: Notification) -> str:
    stream = io.StringIO()
    ConsoleNotifier(stream).send(notification, timeout=1)
    return stream.getvalue()


def test_a_line_says_when_what_and_who() -> None:
    assert written(NOTIFICATION) == LINE


def test_the_time_is_in_utc_in_whatever_zone_it_was_given() -> None:
    zone = timezone(timedelta(hours=2))
    assert written(evolve(NOTIFICATION, created=NOTIFICATION.created.astimezone(zone))) == LINE


def test_what_is_not_known_is_left_out() -> None:
    plain = evolve(NOTIFICATION, context={})
    assert written(plain) == "2026-05-01T09:30:05Z CREATED: [#7] Printer on fire\n"


def test_standard_error_is_the_stream_unless_another_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    receipt = ConsoleNotifier().send(NOTIFICATION, timeout=1)
    assert capsys.readouterr() == ("", LINE)
    assert receipt.detail == one_line(str(getattr(sys.stderr, "name", "the stream")))


def test_standard_error_is_looked_up_when_something_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    notifier = ConsoleNotifier()
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    notifier.send(NOTIFICATION, timeout=1)
    assert stream.getvalue() == LINE


def test_without_a_standard_error_a_notification_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)  # as in a process without a console
    with pytest.raises(TemporaryNotifierError, match="there is no standard error"):
        ConsoleNotifier().send(NOTIFICATION, timeout=1)


HOSTILE = "x\r\ny\x1b[2J\u202egpj.exe\u2028z\x85\u2066\ud800\0\t 🔥"


def test_what_a_terminal_would_act_on_is_escaped() -> None:
    line = written(about(HOSTILE, HOSTILE))
    harmless = r"x y\x1b[2J\u202egpj.exe\u2028z\x85\u2066\ud800\x00 🔥"
    assert line == f"2026-05-01T09:30:05Z [#7] Created: {harmless} (by {harmless})\n"


@example(HOSTILE)
@given(st.text(st.characters()))
def test_a_line_is_one_line_whatever_is_in_it(text: str) -> None:
    line = written(evolve(NOTIFICATION, notify_code=text, context={"event": text, "subject": text, "action_by": text}))
    assert line.splitlines(keepends=True) == [line]
    assert not UNSAFE.search(line[:-1])
    line.encode()


@given(st.text(st.characters()))
def test_text_that_is_made_harmless_keeps_its_lines_and_tabulators(text: str) -> None:
    harmless = printable(text)
    assert harmless.count("\n") == text.count("\n")
    assert harmless.count("\t") == text.count("\t")
    assert printable(harmless) == harmless


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_the_stream_cannot_show_is_escaped(encoding: str) -> None:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding, errors="strict")
    ConsoleNotifier(stream).send(about("Größe 🔥"), timeout=1)
    expected = LINE.replace("Printer on fire", "Größe 🔥")
    assert buffer.getvalue() == expected.encode(encoding, "backslashreplace")


def test_a_closed_stream_is_a_failure_for_now(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        notifier = ConsoleNotifier(stream)
    with pytest.raises(TemporaryNotifierError, match=r"cannot write to .*log: I/O operation on closed file"):
        notifier.send(NOTIFICATION, timeout=1)


def test_a_stream_that_nobody_reads_is_a_failure_for_now() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    # Without a buffer, so that nothing is left to be written when it is closed.
    stream = io.TextIOWrapper(os.fdopen(writing, "wb", buffering=0), encoding="utf-8", write_through=True)
    with stream, pytest.raises(TemporaryNotifierError, match="Broken pipe"):
        ConsoleNotifier(stream).send(NOTIFICATION, timeout=1)


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w", encoding="utf-8") as stream:
        notifier = ConsoleNotifier(stream)

        def send(name: str) -> None:
            for _ in range(20):
                notifier.send(about(name * 1000, name), timeout=1)

        threads = [threading.Thread(target=send, args=(name,)) for name in "abcdefgh"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = path.read_text(encoding="utf-8").splitlines()
    expected = [
        f"2026-05-01T09:30:05Z [#7] Created: {name * 1000} (by {name})" for name in "abcdefgh" for _ in range(20)
    ]
    assert sorted(lines) == expected
