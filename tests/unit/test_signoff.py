"""Signing off as pure functions: who is asked, who may answer, and what each step makes of a request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from ticketcore.domain.events import NotifyCode
from ticketcore.domain.history import Action, Entry
from ticketcore.domain.signoff import answered, request_of, requested, withdrawn
from ticketcore.domain.work import Signoff, SignoffStatus
from ticketcore.errors import RejectedError
from ticketcore.testing.records import make_signoff, make_ticket

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
TICKET = make_ticket(ticket_number=7)


def ask(email: str, **values: object) -> Signoff:
    return make_signoff(ticket_guid=TICKET.guid, email=email, requested_date=LATER, **values)


# Asking


def test_a_request_is_a_record_a_row_and_a_message_for_each_who_is_asked() -> None:
    ann, bob = ask("ann@example.com", role="QA"), ask("bob@example.com", role="QA")
    change = requested(TICKET, [ann, bob], [], name="Max")
    assert change is not None
    assert (change.before, change.after) == (TICKET, TICKET)
    assert (change.adds, change.saves) == ((ann, bob), ())
    assert change.entries == (
        Entry(Action.SIGNOFF_REQUESTED, "signoff", None, "ann@example.com", "QA"),
        Entry(Action.SIGNOFF_REQUESTED, "signoff", None, "bob@example.com", "QA"),
    )
    assert (change.event, change.to) == (NotifyCode.SIGNOFF_REQUESTED, ("ann@example.com", "bob@example.com"))


@pytest.mark.parametrize(("role", "words"), [("", "ticket 7 off."), ("head of IT", "ticket 7 off as head of IT.")])
def test_the_message_says_who_asks_and_how_to_answer(role: str, words: str) -> None:
    change = requested(TICKET, [ask("ann@example.com", role=role)], [], name="Max Miller")
    assert change is not None
    assert change.detail.splitlines() == [
        f"Max Miller asks you to sign {words}",
        "To approve it: ticketcore sign-off 7 --by YOUR-ADDRESS",
        "To reject it: ticketcore sign-off 7 --reject --note WHY --by YOUR-ADDRESS",
    ]


def test_who_is_asked_already_is_not_asked_again() -> None:
    known = ask("ann@example.com", role="QA")
    assert requested(TICKET, [ask("ann@example.com", role="another")], [known], name="Max") is None
    bob = ask("bob@example.com")
    change = requested(TICKET, [ask("ann@example.com"), bob], [known], name="Max")
    assert change is not None
    assert (change.adds, change.saves, change.to) == ((bob,), (), ("bob@example.com",))


@pytest.mark.parametrize("status", [one for one in SignoffStatus if one is not SignoffStatus.PENDING])
def test_who_has_answered_or_was_not_asked_any_more_is_asked_anew_on_the_same_record(status: SignoffStatus) -> None:
    known = ask("ann@example.com", status=status, note="fine", signed_date=NOW, role="QA")
    new = ask("ann@example.com", role="boss", requested_by="bob")
    change = requested(TICKET, [new], [known], name="Max")
    assert change is not None
    assert (change.adds, change.saves) == ((), (evolve(new, guid=known.guid),))
    assert change.saves[0].status is SignoffStatus.PENDING
    assert (change.saves[0].note, change.saves[0].signed_date) == ("", None)


def test_a_person_is_found_by_the_address_and_else_by_the_guid() -> None:
    ann, bob, guest = (
        ask("ann@example.com", person_guid="a"),
        ask("bob@example.com", person_guid="b"),
        ask("guest@example.com", person_guid=None),
    )
    asked = [ann, bob, guest]
    assert request_of(asked, "ann@example.com", None) is ann
    assert request_of(asked, "ann.lee@example.com", "a") is ann  # her address is another one by now
    assert request_of(asked, "bob@example.com", "a") is bob
    assert request_of(asked, None, None) is None
    assert request_of(asked, "", "") is None
    assert request_of([], "ann@example.com", "a") is None


def test_somebody_whose_address_is_another_one_by_now_is_not_asked_twice() -> None:
    known = ask("ann@example.com", person_guid="a")
    assert requested(TICKET, [ask("ann.lee@example.com", person_guid="a")], [known], name="Max") is None


# Answering


@pytest.mark.parametrize(("approved", "status"), [(True, SignoffStatus.APPROVED), (False, SignoffStatus.REJECTED)])
def test_an_answer_is_recorded_with_its_note_and_its_date(approved: bool, status: SignoffStatus) -> None:
    request = ask("ann@example.com", role="QA")
    change = answered(TICKET, request, approved=approved, note="because", now=LATER)
    assert change is not None
    assert change.saves == (evolve(request, status=status, note="because", signed_date=LATER),)
    assert change.entries == (Entry(Action.SIGNOFF_GIVEN, "signoff", "ann@example.com", status, "because"),)
    assert change.event is None


@pytest.mark.parametrize("approved", [True, False])
def test_the_same_answer_again_changes_nothing(approved: bool) -> None:
    status = SignoffStatus.APPROVED if approved else SignoffStatus.REJECTED
    request = ask("ann@example.com", status=status, note="because", signed_date=NOW)
    assert answered(TICKET, request, approved=approved, note="because", now=LATER) is None


@pytest.mark.parametrize(
    ("status", "approved", "note"),
    [
        (SignoffStatus.APPROVED, False, "fine"),
        (SignoffStatus.REJECTED, True, "fine"),
        (SignoffStatus.APPROVED, True, "another word"),
        (SignoffStatus.REJECTED, False, ""),
    ],
)
def test_another_answer_is_refused(status: SignoffStatus, approved: bool, note: str) -> None:
    request = ask("ann@example.com", status=status, note="fine", signed_date=NOW)
    with pytest.raises(RejectedError, match=f"ann@example.com has answered already .{status}.; .* be asked again"):
        answered(TICKET, request, approved=approved, note=note, now=LATER)


@pytest.mark.parametrize("approved", [True, False])
def test_a_request_that_was_withdrawn_cannot_be_answered(approved: bool) -> None:
    request = ask("ann@example.com", status=SignoffStatus.WITHDRAWN)
    with pytest.raises(RejectedError, match=r"the request to ann@example\.com to sign ticket 7 off was withdrawn"):
        answered(TICKET, request, approved=approved, note="", now=LATER)


# Withdrawing


def test_a_request_that_is_withdrawn_stays_as_a_record() -> None:
    request = ask("ann@example.com", role="QA")
    change = withdrawn(TICKET, request)
    assert change is not None
    assert change.saves == (evolve(request, status=SignoffStatus.WITHDRAWN),)
    assert change.entries == (Entry(Action.SIGNOFF_WITHDRAWN, "signoff", "ann@example.com", None),)
    assert withdrawn(TICKET, change.saves[0]) is None


@pytest.mark.parametrize("status", [SignoffStatus.APPROVED, SignoffStatus.REJECTED])
def test_a_request_that_has_an_answer_cannot_be_withdrawn(status: SignoffStatus) -> None:
    with pytest.raises(RejectedError, match=f"has answered already .{status}.; only an open request"):
        withdrawn(TICKET, ask("ann@example.com", status=status))
