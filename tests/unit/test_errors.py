"""What errors say: one line each, of a length that can be read, whatever somebody typed."""

from __future__ import annotations

import pytest

from ticketcore.domain.checks import Checks
from ticketcore.domain.ticket import Priority
from ticketcore.errors import NotFoundError, quoted

HUGE = 10**5000


@pytest.mark.parametrize("key", ["one\ntwo", "one\r\ntwo", "one\u2028two", "one\x0btwo"])
def test_a_key_of_several_lines_makes_an_error_of_one(key: str) -> None:
    assert NotFoundError("ticket", key, hint="look").lines() == ["there is no ticket one two (look)"]


@pytest.mark.parametrize("key", [HUGE, [HUGE], "9" * 5000, None, b"7"], ids=["huge", "list", "digits", "none", "bytes"])
def test_any_key_makes_an_error_of_one_short_line(key: object) -> None:
    (line,) = NotFoundError("ticket", key).lines()
    assert line.startswith("there is no ticket ")
    assert len(line) < 100


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("no", "'no'"),
        (5, "5"),
        ("two\nlines", r"'two\nlines'"),
        (HUGE, "a value of the type int"),
        ({"a": [HUGE]}, "a value of the type dict"),
        ("x" * 1_000_000, f"'{'x' * 299}…"),
    ],
    ids=["text", "number", "lines", "huge", "mapping", "long"],
)
def test_a_value_is_quoted_as_far_as_it_fits(value: object, text: str) -> None:
    assert quoted(value) == text


@pytest.mark.parametrize("value", [HUGE, "x" * 1_000_000, [HUGE]], ids=["huge", "long", "list"])
def test_a_value_outside_a_fixed_list_is_refused_whatever_it_is(value: object) -> None:
    checks = Checks()
    assert checks.member("priority", value, Priority) is None
    (problem,) = checks.problems
    assert problem.message.endswith(" is not known; choose one of CRITICAL, HIGH, MEDIUM, LOW, INFO")
    assert len(problem.message) < 400
