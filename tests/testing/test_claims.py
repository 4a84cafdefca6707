"""Claims of suites: one that is misspelt is no claim, and is told before any test runs."""

from __future__ import annotations

import re

import pytest

from ticketcore.testing.notifier import NotifierSuite
from ticketcore.testing.repository import RepositorySuite
from ticketcore.testing.repository.queries import QueryTests
from ticketcore.testing.scheduler import SchedulerSuite


@pytest.mark.parametrize(
    ("suite", "misspelt", "hint"),
    [
        (NotifierSuite, "adressed", "did you mean 'addressed'?"),
        (NotifierSuite, "whole_text", "did you mean 'whole'?"),
        (SchedulerSuite, "repeat", "did you mean 'repeats'?"),
        (RepositorySuite, "duarble", "did you mean 'durable'?"),
        (QueryTests, "Shared", "did you mean 'shared'?"),
        (RepositorySuite, "transactional", "known: durable, shared"),
    ],
)
@pytest.mark.parametrize("value", [True, False])
def test_a_misspelt_claim_is_refused_with_the_nearest(suite: type, misspelt: str, hint: str, value: bool) -> None:
    message = f"TestMine: there is no claim '{misspelt}'; {hint} (what is no claim begins with '_')"
    with pytest.raises(TypeError, match=re.escape(message)):
        type("TestMine", (suite,), {misspelt: value})


def test_a_claim_of_another_suite_is_none() -> None:
    with pytest.raises(TypeError, match="there is no claim 'repeats'; known: addressed, unicode, whole"):
        type("TestMine", (NotifierSuite,), {"repeats": True})


def test_the_subclasses_of_a_subclass_are_checked_too() -> None:
    class Base(NotifierSuite):
        unicode = True

    with pytest.raises(TypeError, match="did you mean 'keyed'"):
        type("TestMine", (Base,), {"kyed": True})


def test_what_is_claimed_as_it_is_written_and_what_is_the_subclasss_own_is_left_alone() -> None:
    class Mine(NotifierSuite, SchedulerSuite):
        __test__ = False
        _loud = True
        addressed = True
        repeats = True
        room = "lobby"
        patience = 1

    assert (Mine.addressed, Mine.repeats, Mine.unicode) == (True, True, False)
