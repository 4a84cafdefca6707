"""URLs that are wrong: found before anything is sent, and not shown."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any

import pytest
from ticketcore.errors import RejectedError

from ticketcore_apprise import AppriseSettings
from ticketcore_apprise.listening import listening
from ticketcore_apprise.notifier import make
from ticketcore_apprise.redaction import without

TOKEN = "t0ken9f8e7d6c5b4a"

WRONG = {
    TOKEN: "must be an Apprise URL, which begins with the name of a service and ://; see https://appriseit.com/",
    f"nosuch://{TOKEN}": "begins with nosuch://, by which Apprise cannot tell the service; see https://appriseit.com/",
    f"https://example.com/{TOKEN}": "begins with https://, by which Apprise cannot tell the service; see",
    f"tgram://{TOKEN}/": "is no URL of Telegram; see https://appriseit.com/services/telegram/",
    f"slack://{TOKEN}/{TOKEN}": "is no URL of Slack (An invalid Slack",
    f"json://host/?method={TOKEN}": "is no URL of JSON (The method specified (***) is invalid); see",
    f"json://host/{TOKEN}?format=yellow": "is not as JSON wants it (Unsupported format specified '***'); see",
    f"twilio://AC{'0' * 32}:{'0' * 32}@18005550000/{TOKEN}": "is not as Twilio wants it (Dropped invalid phone # (***)",
    f"windows://{TOKEN}": "is for Windows Notification, which does not work on this system",
}


@pytest.mark.parametrize(("url", "told"), WRONG.items(), ids=lambda value: value[:12])
def test_a_wrong_url_is_named_and_explained_but_not_shown(
    url: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(RejectedError) as refused:
        make(AppriseSettings(urls={"good": "json://127.0.0.1/", "wrong": url}))
    (problem,) = refused.value.problems
    assert problem.field == "urls.wrong"
    assert problem.message.startswith(told)
    assert TOKEN not in str(refused.value)
    assert TOKEN not in caplog.text


def test_all_wrong_urls_are_reported_at_once() -> None:
    with pytest.raises(RejectedError) as refused:
        make(AppriseSettings(urls={"one": "one", "two": "two://", "three": "json://127.0.0.1/"}))
    assert [problem.field for problem in refused.value.problems] == ["urls.one", "urls.two"]


@pytest.mark.skipif(find_spec("paho") is not None, reason="the library is installed")
def test_a_service_that_needs_another_library_says_which() -> None:
    with pytest.raises(RejectedError, match=r"is for MQTT Notification, which needs paho-mqtt .*: install it"):
        make(AppriseSettings(urls={"broker": "mqtt://127.0.0.1/topic"}))


@pytest.mark.parametrize(
    "url",
    [
        f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{'T' * 24}",
        f"https://discord.com/api/webhooks/123456789012345678/{TOKEN}",
        f"pover://user@{TOKEN}",
        f"slack://T1JJ3T3L2/A1BRTD4JD/{'T' * 24}/#general",
        "mailto://user:password@example.com",
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
    ],
)
def test_urls_as_services_and_apprise_write_them_are_good(url: str) -> None:
    shown = repr(make(AppriseSettings(urls={"room": url})))
    assert "room" in shown
    for secret in (TOKEN, "123456789012345678", "T" * 24, "A1BRTD4JD", "password", "abcdefg_hijklmnop"):
        assert secret not in shown


def test_advice_on_a_url_that_works_all_the_same_is_no_complaint() -> None:
    with listening() as heard:
        logger: Any = logging.getLogger("apprise")
        logger.deprecate("write it in another way")
        assert heard.reason() == ""
        logger.error("it does not work")
        assert heard.reason() == "it does not work"


def test_settings_do_not_show_urls() -> None:
    assert TOKEN not in repr(AppriseSettings(urls={"room": f"json://{TOKEN}/"}))


# Redaction


@pytest.mark.parametrize(
    ("url", "text", "shown"),
    [
        ("s://user:p%2Fw%25d@host/tok3n", "user p/w%d p%2Fw%25d host/tok3n", "*** *** *** ***/***"),
        ("s://host/a/tok3n?key=k3y%20&to=ann@x.org", "k3y to ann@x.org a", "*** to *** a"),
        ("s://0123456789abc/", "bot0123456789abc:x", "bot***:x"),
        ("s://host/send", "resending to host: send", "resending to ***: ***"),
        ("tok3n-9f8e7d", "no scheme: tok3n-9f8e7d", "no scheme: ***"),
        ("s://", "nothing", "nothing"),
    ],
)
def test_every_part_of_a_url_is_taken_out(url: str, text: str, shown: str) -> None:
    assert without(url, text) == shown


def test_a_host_that_is_no_secret_stays() -> None:
    assert without("json://chat.example.com/tok3n", "chat.example.com: tok3n", shown=["chat.example.com"]) == (
        "chat.example.com: ***"
    )
