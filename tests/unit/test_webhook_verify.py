"""Who may be believed: signatures of webhooks, compared with the library of the recommendation."""

from __future__ import annotations

import traceback
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from email.message import Message

import pytest
import standardwebhooks
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ticketcore.adapters.webhook import verify
from ticketcore.errors import RejectedError

NOW = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
KEY = b"correct horse battery staple"
SECRET = f"whsec_{b64encode(KEY).decode()}"
BODY = '{"text": "Größer 🔥"}'.encode()


def signed(body: bytes = BODY, *, key: bytes = KEY, at: datetime = NOW, message_id: str = "0199-m") -> dict[str, str]:
    """Return the headers of a webhook that the library of the recommendation signed."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(key).sign(message_id, at, body.decode()),
    }


def blamed(headers: dict[str, str], body: bytes = BODY, *, secret: str = SECRET, now: datetime = NOW) -> list[str]:
    """Return the fields that a refusal blames, which shows no secret; empty if there is none."""
    try:
        verify(secret, headers, body, now=now)
    except RejectedError as error:
        text = "".join(traceback.format_exception(error))
        assert secret == "" or secret not in text
        return [problem.field for problem in error.problems]
    return []


@pytest.mark.parametrize("secret", [SECRET, SECRET.rstrip("="), KEY.decode()])
def test_what_the_library_signs_is_believed(secret: str) -> None:
    assert blamed(signed(), secret=secret) == []


def test_the_example_that_the_libraries_share_is_believed() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    now = datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC)
    assert blamed(headers, b'{"test": 2432232314}', secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", now=now) == []


@given(body=st.text().map(str.encode), key=st.binary(min_size=1), message_id=st.text("ab-_~%", min_size=1))
def test_whatever_the_library_signs_is_believed(body: bytes, key: bytes, message_id: str) -> None:
    secret = f"whsec_{b64encode(key).decode()}"
    assert blamed(signed(body, key=key, message_id=message_id), body, secret=secret) == []


def test_the_case_of_headers_does_not_matter() -> None:
    assert blamed({name.title(): value for name, value in signed().items()}) == []


def test_the_headers_of_a_request_of_the_standard_library_will_do() -> None:
    headers = Message()
    for name, value in signed().items():
        headers[name] = value
    verify(SECRET, headers, BODY, now=NOW)


def test_one_signature_of_several_is_enough() -> None:
    headers = signed()
    others = signed(key=b"an older key")["webhook-signature"], "v1a,AAAA", "v1", "", "v2,x,y"
    both = [*others, headers["webhook-signature"]]
    assert blamed(headers | {"webhook-signature": " ".join(both)}) == []
    assert blamed(headers | {"webhook-signature": " ".join(reversed(both))}) == []
    assert blamed(headers | {"webhook-signature": " ".join(others)}) == ["webhook-signature"]


def test_another_version_of_signature_does_not_count() -> None:
    headers = signed()
    wrong = headers["webhook-signature"].replace("v1,", "v1a,")
    assert blamed(headers | {"webhook-signature": wrong}) == ["webhook-signature"]


@pytest.mark.parametrize(
    ("off", "fields"),
    [
        (timedelta(), []),
        (timedelta(minutes=5), []),
        (timedelta(minutes=-5), []),
        (timedelta(minutes=5, seconds=1), ["webhook-timestamp"]),
        (timedelta(minutes=-5, seconds=-1), ["webhook-timestamp"]),
        (timedelta(days=36500), ["webhook-timestamp"]),
    ],
)
def test_a_webhook_is_believed_for_five_minutes(off: timedelta, fields: list[str]) -> None:
    assert blamed(signed(), now=NOW + off) == fields


def test_the_window_can_be_chosen() -> None:
    verify(SECRET, signed(), BODY, now=NOW + timedelta(hours=1), tolerance=timedelta(hours=1))
    with pytest.raises(RejectedError, match="webhook-timestamp"):
        verify(SECRET, signed(), BODY, now=NOW + timedelta(seconds=1), tolerance=timedelta())


@pytest.mark.parametrize("text", ["soon", "-5", "1e9", "1777629600.0", " 1777629600", "١٧٧٧٦٢٩٦٠٠", "9" * 5000, "nan"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    assert blamed(signed() | {"webhook-timestamp": text}) == ["webhook-timestamp"]


def test_all_headers_that_are_missing_are_named() -> None:
    assert blamed({}) == ["webhook-id", "webhook-timestamp", "webhook-signature"]
    for name in signed():
        assert blamed(signed() | {name: ""}) == [name]


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_no base64"])
def test_a_secret_that_is_none_verifies_nothing(secret: str) -> None:
    assert blamed(signed(key=b"x"), secret=secret) == ["secret"]


@given(position=st.integers(0, len(BODY) - 1), other=st.integers(0, 255))
def test_a_body_that_was_changed_is_not_believed(position: int, other: int) -> None:
    changed = BODY[:position] + bytes([other]) + BODY[position + 1 :]
    assume(changed != BODY)
    assert blamed(signed(), changed) == ["webhook-signature"]


@given(body=st.binary())
def test_another_body_is_not_believed(body: bytes) -> None:
    assume(body != BODY)
    assert blamed(signed(), body) == ["webhook-signature"]


@example(message_id="0199-m ")
@example(message_id="0199-\udc6d")
@given(message_id=st.text(min_size=1))
def test_another_id_is_not_believed(message_id: str) -> None:
    assume(message_id != "0199-m")
    assert blamed(signed() | {"webhook-id": message_id}) == ["webhook-signature"]


@given(seconds=st.integers(-300, 300).filter(bool))
def test_another_time_within_the_window_is_not_believed(seconds: int) -> None:
    timestamp = str(int(NOW.timestamp()) + seconds)
    assert blamed(signed() | {"webhook-timestamp": timestamp}) == ["webhook-signature"]


@given(signature=st.one_of(st.text(min_size=1), st.binary().map(lambda x: f"v1,{b64encode(x).decode()}")))
def test_a_signature_that_was_made_up_is_not_believed(signature: str) -> None:
    assume(signed()["webhook-signature"] not in signature)
    assert blamed(signed() | {"webhook-signature": signature}) == ["webhook-signature"]


@given(key=st.binary(min_size=1))
def test_a_signature_with_another_secret_is_not_believed(key: bytes) -> None:
    assume(key.rstrip(b"\0") != KEY)  # HMAC fills short keys up with zeros
    assert blamed(signed(key=key)) == ["webhook-signature"]
