"""Errors that carry all problems at once: with their places, with a hint, and as lines."""

from __future__ import annotations

import pytest

from ticketcore.errors import ConfigError, ForbiddenError, Problem, RejectedError, TicketcoreError, reason_of

TWO = [Problem("email.port", "must be a number"), Problem("", "the file is empty")]


def test_a_configuration_error_names_path_and_place() -> None:
    error = ConfigError(TWO, places=["config.yaml:7", "config.yaml"])
    assert error.lines() == ["config.yaml:7: email.port: must be a number", "config.yaml: the file is empty"]
    assert error.message == str(error) == "\n".join(error.lines())
    assert (error.problems, error.places) == (tuple(TWO), ("config.yaml:7", "config.yaml"))
    assert error.code == "config"


def test_a_configuration_error_of_python_has_no_places() -> None:
    error = ConfigError(iter(TWO), hint="correct it")
    assert error.lines() == ["email.port: must be a number", "the file is empty (correct it)"]
    assert error.places == ()
    assert ConfigError(TWO, places=["", ""]).lines() == ["email.port: must be a number", "the file is empty"]


def test_each_problem_has_a_place_or_none_has() -> None:
    with pytest.raises(ValueError, match="zip"):
        ConfigError(TWO, places=["config.yaml:7"])


def test_what_is_forbidden_is_refused_with_the_reasons_first() -> None:
    error = ForbiddenError(iter(["ben may not", "it is late"]), [Problem("subject", "is empty")])
    assert isinstance(error, RejectedError)
    assert error.lines() == ["ben may not", "it is late", "subject: is empty"]
    assert (error.reasons, error.code) == (("ben may not", "it is late"), "forbidden")
    assert error.problems == (Problem("", "ben may not"), Problem("", "it is late"), Problem("subject", "is empty"))


class Mute(Exception):  # noqa: N818 - it says nothing, not even that
    def __str__(self) -> str:
        raise RuntimeError


class MuteOfOursError(TicketcoreError):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no number"), "ValueError: no number"),
        (KeyError("x"), "KeyError: 'x'"),
        (TicketcoreError("away", hint="wait"), "away (wait)"),
        (TicketcoreError(""), "TicketcoreError"),
        (Mute(), "Mute"),
        (MuteOfOursError("x"), "MuteOfOursError"),
        (ValueError("half \ud83d\0"), "ValueError: half \\ud83d\\0"),
        (SystemExit(3), "SystemExit: 3"),
    ],
    ids=range(8),
)
def test_every_error_has_a_reason_that_can_be_stored(error: BaseException, reason: str) -> None:
    assert reason_of(error) == reason
    assert reason_of(error).encode()
