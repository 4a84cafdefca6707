"""What arrives at real servers, and what is said when it does not."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ticketcore.errors import PermanentNotifierError, TemporaryNotifierError
from ticketcore.ports.notifier import Notification
from ticketcore.testing.faults import answering, refusing, silent
from ticketcore.testing.notifier import NotifierSuite

from ticketcore_apprise import AppriseSettings
from ticketcore_apprise.notifier import AppriseNotifier, make

Make = Callable[..., Notification]


@pytest.fixture
def message() -> Make:
    """Return a function that makes a message for the place ``room``."""
    return lambda **fields: NotifierSuite().notification(**{"recipient": "room", **fields})


def notifier(url: str) -> AppriseNotifier:
    return make(AppriseSettings(urls={"room": url}))


def failure(url: str, message: Notification, timeout: float = 5.0) -> str:
    with pytest.raises(TemporaryNotifierError) as failed:
        notifier(url).send(message, timeout=timeout)
    return failed.value.message


# What arrives


def test_the_subject_is_the_title_and_the_text_is_the_body(room: Any, message: Make) -> None:
    receipt = notifier(room.url()).send(message(subject="[#7] Größer", text="日本語 🔥\n\n  two"), timeout=5)
    assert receipt.detail == "room: taken over by JSON"
    (post,) = room.posts
    assert (post.json["title"], post.json["message"]) == ("[#7] Größer", "日本語 🔥\n\n  two")
    assert post.headers["User-Agent"] == "ticketcore"
    assert post.json["attachments"] == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("CREATED", "info"),
        ("RESOLVED", "success"),
        ("CLOSED", "success"),
        ("ESCALATED", "warning"),
        ("ESCALATION_ALERT", "warning"),
        ("SOMETHING_NEW", "info"),
    ],
)
def test_services_that_show_colours_are_told_what_kind_of_event_it_is(
    room: Any, message: Make, code: str, kind: str
) -> None:
    notifier(room.url()).send(message(notify_code=code), timeout=5)
    assert room.posts[0].json["type"] == kind


@pytest.mark.parametrize("text", ["", " \n\t", "\x00\x1b"])
def test_a_message_without_a_text_is_its_subject(room: Any, message: Make, text: str) -> None:
    notifier(room.url()).send(message(subject="[#7] On fire", text=text), timeout=5)
    notifier(room.url()).send(message(subject="", text=text, notify_code="CREATED"), timeout=5)
    assert [(post.json["title"], post.json["message"]) for post in room.posts] == [
        ("", "[#7] On fire"),
        ("", "CREATED"),
    ]


def test_a_text_that_is_too_long_for_the_service_is_cut(room: Any, message: Make) -> None:
    notifier(room.url("mmost", path="a" * 26)).send(message(text="x" * 50_000), timeout=5)
    (post,) = room.posts
    assert len(post.json["text"]) == 4000


def test_a_url_may_ask_for_several_messages_instead(room: Any, message: Make) -> None:
    notifier(room.url("mmost", path="a" * 26, query="?overflow=split")).send(message(text="x" * 6_000), timeout=5)
    assert sum(post.json["text"].count("x") for post in room.posts) == 6_000


def test_a_failure_is_not_kept_from_the_outbox_by_an_option_of_the_url(room: Any, message: Make) -> None:
    room.status = 500
    reason = failure(room.url(query="?optional=yes&retry=3&wait=0"), message())
    assert "error=500" in reason
    assert len(room.posts) == 1  # it is the outbox that tries again


# What does not


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_refusal_is_a_failure_for_now_that_says_what_the_service_answered(
    room: Any, message: Make, status: int
) -> None:
    room.status = status
    reason = failure(room.url(path="t0ken-9f8e7d6c"), message())
    assert reason.startswith("room (JSON): Failed to send JSON POST notification: ")
    assert reason.endswith(f"error={status}")


def test_a_server_out_of_reach_is_named_with_the_reason(message: Make) -> None:
    with refusing() as port:
        reason = failure(f"json://127.0.0.1:{port}/t0ken-9f8e7d6c", message())
    assert reason == (
        "room (JSON): A Connection error occurred sending JSON notification to 127.0.0.1: Connection refused"
    )


def test_a_server_that_does_not_answer_is_given_up_after_the_time_out(message: Make) -> None:
    with silent() as port:
        reason = failure(f"json://127.0.0.1:{port}/", message(), timeout=0.125)
    assert reason.endswith("Read timed out. (read timeout=0.125)")


def test_a_url_may_ask_for_less_patience_but_not_for_more(message: Make) -> None:
    with silent() as port:
        begun = time.monotonic()
        assert "Read timed out" in failure(f"json://127.0.0.1:{port}/?rto=0.1&cto=0.1", message(), timeout=30)
        assert "Read timed out" in failure(f"json://127.0.0.1:{port}/?rto=30&cto=30", message(), timeout=0.1)
        assert time.monotonic() - begun < 10


def test_a_server_that_hangs_up_or_speaks_another_language_is_said_to(message: Make) -> None:
    with answering(b"") as port:
        reason = failure(f"json://127.0.0.1:{port}/", message())
    assert reason.endswith("RemoteDisconnected: Remote end closed connection without response")
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        assert "wrong version number" in failure(f"jsons://127.0.0.1:{port}/", message())


def test_a_redirect_is_not_followed(open_room: Callable[[], Any], message: Make) -> None:
    first, second = open_room(), open_room()
    first.status = 302
    first.headers["Location"] = f"http://127.0.0.1:{second.port}/"
    assert failure(first.url(), message()).endswith("error=302")
    assert (len(first.posts), second.posts) == (1, [])


def test_a_place_that_is_not_configured_is_refused_for_good(room: Any, message: Make) -> None:
    with pytest.raises(PermanentNotifierError, match=r"^plugins\.apprise\.urls has no 'phone'; known: room$"):
        notifier(room.url()).send(message(recipient="phone"), timeout=5)
    assert room.posts == []


def test_what_a_service_raises_is_a_failure_for_now_without_the_url(message: Make) -> None:
    # Nobody can say "t0ken" in a header with a line break in it, so the library that should raises an error.
    reason = failure("json://127.0.0.1:1/?%2BX-Key=t0ken-9f8e%0Ax", message())
    assert "t0ken" not in reason
    assert "***" in reason


# Nothing in common


def test_two_threads_have_time_outs_and_reasons_of_their_own(open_room: Callable[[], Any], message: Make) -> None:
    busy = open_room()
    busy.status = 503
    told: dict[str, str] = {}
    with silent() as port, refusing() as closed:
        urls = {
            "busy": busy.url(),
            "silent": f"json://127.0.0.1:{port}/",
            "closed": f"json://127.0.0.1:{closed}/",
        }
        shared = make(AppriseSettings(urls=urls))

        def work(name: str) -> None:
            try:
                shared.send(message(recipient=name), timeout=0.25)
            except TemporaryNotifierError as error:
                told[name] = error.message

        threads = [threading.Thread(target=work, args=(name,)) for name in urls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {name: text.rpartition(": ")[2] for name, text in told.items()} == {
        "busy": "Servers are overloaded., error=503",
        "silent": "Read timed out. (read timeout=0.25)",
        "closed": "Connection refused",
    }


def test_messages_in_a_row_do_not_wait_for_each_other(room: Any, message: Make) -> None:
    # Apprise would let five and a half seconds pass between two messages to a service such as this one.
    shared = notifier(room.url("ntfy", path="tickets"))
    begun = time.monotonic()
    for number in range(4):
        shared.send(message(subject=str(number)), timeout=5)
    assert len(room.posts) == 4
    assert time.monotonic() - begun < 5


def test_logs_of_others_who_use_apprise_are_left_alone(
    room: Any, message: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        notifier(room.url()).send(message(), timeout=5)
        assert caplog.text == ""
        logging.getLogger("apprise").debug("theirs")
    assert "theirs" in caplog.text
