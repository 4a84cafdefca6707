"""Policies that refuse: everything that all of them have against a change, and that one which fails refuses too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ticketcore.desk import Desk
from ticketcore.errors import ForbiddenError, NotFoundError, RejectedError

ANN, BOB = "ann@example.com", "bob@example.com"

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Module = Callable[[str], Any]
Run = Callable[..., Result]

REFUSE = """
    @hookimpl
    def ticketcore_validate(change):
        if "forbidden" in change.after.subject:
            yield Problem("subject", __name__ + " one")
            yield Problem("", __name__ + " two")
"""
FORBID = """
    @hookimpl
    def ticketcore_forbid(change, action_by):
        if "forbidden" in change.after.subject:
            yield f"{__name__} does not let {action_by}"
"""
# What a policy may return or do that is no answer: its source, and what it comes to.
NONSENSE = {
    "a text": ("return 'no'", "TypeError: it must return a list, or yield, not 'no'"),
    "bytes": ("return b'no'", "TypeError: it must return a list, or yield, not b'no'"),
    "a number": ("return 5", "TypeError: it must return a list, or yield, not 5"),
    "false": ("return False", "TypeError: it must return a list, or yield, not False"),
    "a mapping": ("return {'subject': 'no'}", "TypeError: it must return a list, or yield, not {'subject': 'no'}"),
    "a problem": ("return Problem('subject', 'no')", "TypeError: it must return a list, or yield, not Problem("),
    "numbers": ("return [5]", "TypeError: it must yield "),
    "raises": ("raise RuntimeError('out of order')", "RuntimeError: out of order"),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "cannot say why": (
        "raise type('Mute', (Exception,), {'__str__': lambda self: 1 / 0})",
        "Mute",
    ),
    "never ends": (
        "f = lambda: f(); f()",
        "RecursionError: maximum recursion depth exceeded",
    ),
}


def policy(hook: str, body: str) -> str:
    return f"""
    @hookimpl
    def {hook}(change, action_by):
        if "forbidden" in change.after.subject:
            {body}
        return ()
    """


def everything(desk: Desk) -> tuple[object, ...]:
    return desk.tickets.read(1), desk.queries.get_history(1), desk.notifications.list_outbox()


def test_all_problems_of_all_policies_refuse_a_change_together(
    make_desk: MakeDesk, store_url: str, install: Install
) -> None:
    install("zebra", REFUSE)
    install("aardvark", REFUSE)
    desk = make_desk(store_url)
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    before = everything(desk)
    with pytest.raises(RejectedError) as caught:
        desk.tickets.update(1, subject="forbidden", action_by=ANN)
    assert not isinstance(caught.value, ForbiddenError)
    assert caught.value.problems == (
        ("subject", "aardvark one"),
        ("", "aardvark two"),
        ("subject", "zebra one"),
        ("", "zebra two"),
    )
    assert everything(desk) == before


def test_a_refused_ticket_is_not_there(make_desk: MakeDesk, store_url: str, install: Install) -> None:
    install("zebra", REFUSE)
    desk = make_desk(store_url)
    with pytest.raises(RejectedError):
        desk.tickets.create("forbidden", requested_by=ANN, action_by=ANN)
    with pytest.raises(NotFoundError):
        desk.tickets.read(1)
    assert desk.notifications.list_outbox() == []
    assert desk.tickets.create("Printer", requested_by=ANN, action_by=ANN).ticket_number == 1


def test_a_policy_that_fails_refuses_beside_the_others(make_desk: MakeDesk, store_url: str, install: Install) -> None:
    install("aardvark", policy("ticketcore_validate", "raise RuntimeError('out of order')"))
    install("zebra", REFUSE)
    desk = make_desk(store_url)
    ticket = desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    with pytest.raises(RejectedError) as caught:
        desk.tickets.update(1, subject="forbidden", action_by=ANN)
    failure, *others = caught.value.problems
    assert failure == ("", "the policy aardvark failed (RuntimeError: out of order), so the change is refused")
    assert [problem.message for problem in others] == ["zebra one", "zebra two"]
    assert desk.tickets.read(1) == ticket


@pytest.mark.parametrize("hook", ["ticketcore_validate", "ticketcore_forbid"])
@pytest.mark.parametrize("case", NONSENSE)
def test_a_policy_that_answers_nonsense_refuses(
    make_desk: MakeDesk, store_url: str, install: Install, hook: str, case: str
) -> None:
    body, reason = NONSENSE[case]
    install("odd", policy(hook, body))
    desk = make_desk(store_url)
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    before = everything(desk)
    with pytest.raises(RejectedError) as caught:
        desk.tickets.update(1, subject="forbidden", action_by=ANN)
    (problem,) = caught.value.problems
    assert problem.field == ""
    assert problem.message.startswith(f"the policy odd failed ({reason}")
    assert problem.message.endswith(", so the change is refused")
    assert everything(desk) == before


@pytest.mark.parametrize("problem", ["('subject', 'no')", "Problem('subject', None)", "Problem(5, 'no')", "'no'"])
def test_what_is_no_problem_refuses_all_the_same(make_desk: MakeDesk, install: Install, problem: str) -> None:
    install("odd", policy("ticketcore_validate", f"return [{problem}]"))
    with pytest.raises(RejectedError) as caught:
        make_desk("memory:").tickets.create("forbidden", action_by=ANN)
    (failure,) = caught.value.problems
    assert failure.message.startswith("the policy odd failed (TypeError: it must yield Problem(field, message), not ")


def test_what_a_generator_said_before_it_died_counts(make_desk: MakeDesk, install: Install) -> None:
    install(
        "dying",
        """
    @hookimpl
    def ticketcore_validate():
        yield Problem("subject", "first")
        1 / 0

    @hookimpl
    def ticketcore_forbid():
        yield "not today"
        raise SystemExit(3)
    """,
    )
    with pytest.raises(ForbiddenError) as caught:
        make_desk("memory:").tickets.create("Printer", action_by=ANN)
    assert caught.value.reasons == ("not today",)
    assert [str(problem) for problem in caught.value.problems] == [
        "not today",
        "subject: first",
        "the policy dying failed (ZeroDivisionError: division by zero), so the change is refused",
        "the policy dying failed (SystemExit: 3), so the change is refused",
    ]


def test_a_change_that_is_forbidden_says_everything(make_desk: MakeDesk, store_url: str, install: Install) -> None:
    install("aardvark", FORBID)
    install("zebra", REFUSE + FORBID)
    desk = make_desk(store_url)
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    before = everything(desk)
    with pytest.raises(ForbiddenError) as caught:
        desk.tickets.update(1, subject="forbidden", action_by=BOB)
    assert caught.value.reasons == (f"aardvark does not let {BOB}", f"zebra does not let {BOB}")
    assert [str(problem) for problem in caught.value.problems] == [
        f"aardvark does not let {BOB}",
        f"zebra does not let {BOB}",
        "subject: zebra one",
        "zebra two",
    ]
    assert everything(desk) == before


def test_the_command_line_shows_all_of_it(install: Install, run: Run) -> None:
    install("zebra", REFUSE + FORBID)
    result = run("create", "forbidden")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "Error: zebra does not let ann",
        "Error: subject: zebra one",
        "Error: zebra two",
    ]


def test_policies_see_the_whole_change_with_its_deadlines_for_every_operation(
    make_desk: MakeDesk, store_url: str, install: Install, module: Module
) -> None:
    install(
        "watching",
        """
    SEEN = []

    @hookimpl
    def ticketcore_validate(change, action_by):
        actions = [str(entry.action) for entry in change.entries]
        due = change.after.sla_resolution_deadline is not None
        SEEN.append((actions, change.before is not None, due, action_by))
        return ()
    """,
    )
    desk = make_desk(store_url)
    desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    desk.comments.add_comment(1, "On my way", commented_by=BOB)
    desk.tickets.add_watcher(1, BOB, action_by=ANN)
    desk.tickets.assign(1, BOB, action_by=ANN)
    desk.tickets.update(1, subject="Printer", action_by=ANN)  # nothing changes, so nobody is asked
    desk.tickets.change_status(1, "TRIAGED", action_by=BOB)
    assert module("watching").SEEN == [
        (["CREATED"], False, True, ANN),
        (["COMMENT_ADDED"], True, True, BOB),
        (["WATCHER_ADDED"], True, True, ANN),
        (["ASSIGNED"], True, True, ANN),
        (["STATUS_CHANGE"], True, True, BOB),
    ]
