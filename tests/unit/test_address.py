"""E-mail addresses: which are some, and the one form in which they are kept."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.address import as_address, normalise_address
from ticketcore.errors import RejectedError

properties = settings(derandomize=True, deadline=None, max_examples=200)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.Lee@Example.COM", "ann.lee@example.com"),
        ("  ann@example.com\t\n", "ann@example.com"),
        ("ann+tickets@example.com", "ann+tickets@example.com"),
        ("o'neil_%/x@example.com", "o'neil_%/x@example.com"),
        ("ann@mail.sub.example.com", "ann@mail.sub.example.com"),
        ("ops@intranet", "ops@intranet"),
        ("Ann@Corp.local", "ann@corp.local"),
        ("Jürgen@BÜCHER.example", "jürgen@bücher.example"),
        ("jurgen@xn--bcher-kva.example", "jurgen@bücher.example"),
        ("A\u030angstrom@example.com", "\u00e5ngstrom@example.com"),
        ("ÉCOLE@example.com", "école@example.com"),
    ],
)
def test_an_address_has_one_stored_form(text: str, stored: str) -> None:
    assert normalise_address("email", text) == stored
    assert as_address(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "ann",
        "@",
        "ann@",
        "@example.com",
        "ann@@example.com",
        "ann@example@com",
        "ann lee@example.com",
        "ann@exam ple.com",
        "ann@example..com",
        "ann@.example.com",
        "ann@example.com.",
        ".ann@example.com",
        "ann.@example.com",
        "a..b@example.com",
        "ann@-example.com",
        "ann@[192.0.2.1]",
        '"ann"@example.com',
        "Ann <ann@example.com>",
        "<ann@example.com>",
        "mailto:ann@example.com\r\nBcc: eve@example.com",
        "ann@example.com,bob@example.com",
        "ann@example.com;bob@example.com",
        "ann@example.com\nbob@example.com",
        "ann\x00@example.com",
        "ann@example\x00.com",
        "ann\ud800@example.com",
        "ann\u202e@example.com",
        "ann@" + "x" * 64 + ".com",
        "a" * 255 + "@example.com",
    ],
)
def test_anything_else_is_refused_and_the_field_is_named(text: str) -> None:
    with pytest.raises(RejectedError) as caught:
        normalise_address("watchers", text)
    (problem,) = caught.value.problems
    assert problem.field == "watchers"
    assert problem.message.startswith(f"{text!r} is not an e-mail address: ")
    assert as_address(text) is None


def test_a_refusal_does_not_depend_on_what_was_asked_before() -> None:
    for _ in range(2):
        with pytest.raises(RejectedError, match=r"^first: 'nobody' is not"):
            normalise_address("first", "nobody")
        with pytest.raises(RejectedError, match=r"^second: 'nobody' is not"):
            normalise_address("second", "nobody")


words = st.text("abXYZ09.+_-äÖßİΣ\u212a\u0301", min_size=1, max_size=8)
addresses = st.builds("{}@{}.{}".format, words, words, st.sampled_from(["com", "EXAMPLE", "bücher.DE"])) | st.text(
    max_size=12
)


@pytest.mark.parametrize("text", ["a" + "\u0301\u0316" * 250_000 + "@example.com", "a" * 1_000_000 + "@example.com"])
def test_what_is_far_too_long_is_no_address_and_takes_no_time_to_speak_of(text: str) -> None:
    began = time.process_time()
    assert as_address(text) is None
    with pytest.raises(RejectedError, match=r"is not an e-mail address: It is too long\.") as refused:
        normalise_address("email", text)
    assert time.process_time() - began < 2
    assert len(str(refused.value)) < 400


@properties
@given(addresses)
def test_the_stored_form_of_a_stored_form_is_itself(text: str) -> None:
    stored = as_address(text)
    if stored is not None:
        assert normalise_address("email", stored) == stored
        assert stored == stored.strip() == stored.lower()
        assert not set(stored) & {",", ";", " ", "\n", "<", ">"}


@properties
@given(addresses)
def test_case_and_blanks_around_do_not_matter(text: str) -> None:
    stored = as_address(text)
    if stored is not None and text.isascii():
        assert as_address(f" {text.upper()}\n") == as_address(text.lower()) == stored


@properties
@given(st.text("a@.", max_size=6) | addresses)
def test_both_functions_agree_on_what_is_an_address(text: str) -> None:
    found = as_address(text)
    if found is not None:
        assert normalise_address("email", text) == found
    else:
        with pytest.raises(RejectedError):
            normalise_address("email", text)
