"""What becomes of a ticket: its record, one history entry a change, what is announced."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve, fields
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.checks import NAME_LENGTH, SUBJECT_LENGTH, UPDATABLE, WATCHERS_LENGTH
from ticketcore.domain.events import NotifyCode
from ticketcore.domain.history import Action, CommentField, Entry
from ticketcore.domain.lifecycle import (
    Change,
    assigned,
    checked_note,
    commented,
    created,
    draft,
    escalated_again,
    moved,
    updated,
    watcher_added,
    watcher_removed,
)
from ticketcore.domain.ticket import Priority, RequestedByType, Status, Ticket, TicketType
from ticketcore.errors import RejectedError

properties = settings(derandomize=True, deadline=None, max_examples=150)

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)

TYPED: dict[str, Any] = {
    "subject": "The printer is on fire",
    "description": "It burns.\nSince nine.",
    "package": "CORE",
    "project": "OFFICE",
    "priority": "HIGH",
    "ticket_type": "BUG",
    "requested_by": "ann",
    "requested_by_type": "INTERNAL",
}


def drafted(**more: object) -> Ticket:
    values: dict[str, Any] = {"guid": "g-1", "now": NOW, **TYPED, **more}
    return draft(**values)


TICKET = evolve(drafted(), ticket_number=7)


def problems(step: Callable[[], object]) -> list[tuple[str, str]]:
    """Return the field and the message of each problem for which ``step`` is refused."""
    with pytest.raises(RejectedError) as caught:
        step()
    return [(problem.field, problem.message) for problem in caught.value.problems]


def refused(step: Callable[[], object]) -> list[str]:
    return [field for field, _ in problems(step)]


def differences(change: Change) -> dict[str, Any]:
    """Return the fields of the ticket that ``change`` sets, with their new values."""
    before = change.before
    names = [field.name for field in fields(Ticket)]
    return {name: getattr(change.after, name) for name in names if getattr(before, name) != getattr(change.after, name)}


# A new ticket


def test_a_draft_is_what_was_typed() -> None:
    eta = LATER + timedelta(days=3)
    ticket = drafted(assigned_to="bob", watchers=["Eve@X.org"], estimated_date=eta)
    assert ticket == Ticket(
        guid="g-1",
        package="CORE",
        project="OFFICE",
        subject="The printer is on fire",
        description="It burns.\nSince nine.",
        status=Status.NEW,
        priority=Priority.HIGH,
        ticket_type=TicketType.BUG,
        requested_by="ann",
        requested_by_type=RequestedByType.INTERNAL,
        assigned_to="bob",
        watchers=("eve@x.org",),
        created_date=NOW,
        updated_date=NOW,
        estimated_date=eta,
    )


def test_a_draft_starts_where_the_workflow_says() -> None:
    assert drafted(status=Status.TRIAGED).status is Status.TRIAGED


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  two   words ", "two words"),
        ("line\nbreak\r\nand\ttab", "line break and tab"),
        ("no-break\u00a0blank and\u2028separator", "no-break blank and separator"),
        ("\x0bvertical\x0cform\x85next", "vertical form next"),
        ("Ünïcode 🖨 stays", "Ünïcode 🖨 stays"),
    ],
)
@pytest.mark.parametrize("field", ["subject", "package", "project", "requested_by", "assigned_to"])
def test_a_one_line_field_has_no_breaks_and_no_double_blanks(field: str, typed: str, kept: str) -> None:
    assert getattr(drafted(**{field: typed}), field) == kept


def test_a_description_stays_as_it_was_typed() -> None:
    text = "  indented\n\n\ttext \r\n"
    assert drafted(description=text).description == text


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("subject", SUBJECT_LENGTH),
        ("package", NAME_LENGTH),
        ("project", NAME_LENGTH),
        ("requested_by", NAME_LENGTH),
        ("assigned_to", NAME_LENGTH),
    ],
)
def test_a_field_holds_so_many_characters_and_no_more(field: str, limit: int) -> None:
    assert len(getattr(drafted(**{field: "ü" * limit}), field)) == limit
    assert len(getattr(drafted(**{field: " x " + "y" * (limit - 2) + "\n"}), field)) == limit
    assert problems(lambda: drafted(**{field: "x" * (limit + 1)})) == [
        (field, f"has {limit + 1} characters; at most {limit} are allowed")
    ]


def test_the_limits_are_those_of_the_columns() -> None:
    assert (SUBJECT_LENGTH, NAME_LENGTH) == (500, 255)


@pytest.mark.parametrize("field", ["subject", "package"])
@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_some_fields_must_not_be_empty(field: str, text: str) -> None:
    assert problems(lambda: drafted(**{field: text})) == [(field, "must not be empty")]


@pytest.mark.parametrize("field", ["description", "project", "requested_by", "assigned_to"])
def test_the_other_fields_may_be_empty(field: str) -> None:
    assert getattr(drafted(**{field: ""}), field) == ""


TEXTS = ["subject", "description", "package", "project", "requested_by", "assigned_to"]


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("text", ["a\x00b", "\x00", "a\ud800b", "\udfff", "\ud83d \ude00"])
def test_nul_and_half_surrogate_pairs_are_no_text(field: str, text: str) -> None:
    assert problems(lambda: drafted(**{field: text})) == [
        (field, "holds a character that is no text (NUL or half a surrogate pair)")
    ]


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("value", [None, 7, b"bytes", ["list"]])
def test_what_is_no_text_is_refused(field: str, value: object) -> None:
    found = problems(lambda: drafted(**{field: value}))
    assert found[0] == (field, f"must be text, not {type(value).__name__}")
    assert {name for name, _ in found} == {field}


@pytest.mark.parametrize(
    ("field", "known"),
    [
        ("priority", "CRITICAL, HIGH, MEDIUM, LOW, INFO"),
        ("ticket_type", "USER, INTERNAL, BUG, FEATURE"),
        ("requested_by_type", "INTERNAL, EMAIL, SYSTEM"),
    ],
)
@pytest.mark.parametrize("value", ["URGENT", "high", "", None, 1, ["HIGH"]])
def test_a_word_that_is_not_known_is_answered_with_those_that_are(field: str, known: str, value: object) -> None:
    assert problems(lambda: drafted(**{field: value})) == [(field, f"{value!r} is not known; choose one of {known}")]


def test_a_requester_by_email_has_an_address() -> None:
    typed = {"requested_by": " Ann@Example.COM", "requested_by_type": "EMAIL"}
    assert drafted(**typed).requested_by == "ann@example.com"
    assert refused(lambda: drafted(**{**typed, "requested_by": "ann"})) == ["requested_by"]
    assert refused(lambda: drafted(**{**typed, "requested_by": ""})) == ["requested_by"]


@pytest.mark.parametrize("kind", ["INTERNAL", "SYSTEM"])
def test_another_requester_is_any_name(kind: str) -> None:
    assert drafted(requested_by="Not@an@address", requested_by_type=kind).requested_by


def test_watchers_are_addresses_each_once_in_their_order() -> None:
    watchers = ["eve@x.org", "Bob@x.org", " EVE@x.org ", "bob@X.ORG", "al@x.org"]
    assert drafted(watchers=watchers).watchers == ("eve@x.org", "bob@x.org", "al@x.org")


def test_watchers_have_to_fit_their_column() -> None:
    """Six hundred addresses of 99 characters, commas between them, and one character: just so."""
    watchers = [f"{n:07}{'x' * 50}@{'y' * 37}.org" for n in range(WATCHERS_LENGTH // 100)]
    fitting = ["w" + watchers[0], *watchers[1:]]
    assert len(",".join(fitting)) == WATCHERS_LENGTH
    assert drafted(watchers=fitting).watchers == tuple(fitting)
    assert problems(lambda: drafted(watchers=["w" + fitting[0], *watchers[1:]])) == [("watchers", "are too many")]


def test_a_draft_is_refused_with_all_its_problems_at_once() -> None:
    found = refused(
        lambda: drafted(
            subject=" ",
            description="\x00",
            package="x" * 256,
            project=None,
            priority="URGENT",
            ticket_type="PUZZLE",
            requested_by="nobody",
            requested_by_type="EMAIL",
            assigned_to="\ud800",
            watchers=["good@x.org", "bad", "worse@"],
        )
    )
    fields_once = {*TYPED, "assigned_to"} - {"requested_by_type"}
    assert sorted(found) == sorted([*fields_once, "watchers", "watchers"])


def test_what_brings_a_ticket_into_being_records_its_first_state() -> None:
    eta = LATER + timedelta(days=3)
    ticket = drafted(watchers=["eve@x.org"], estimated_date=eta, subject="Ünïcode")
    change = created(ticket)
    assert (change.before, change.after, change.event) == (None, ticket, NotifyCode.CREATED)
    (entry,) = change.entries
    assert (entry.action, entry.old_value) == (Action.CREATED, None)
    assert "Ünïcode" in (entry.new_value or "")
    assert json.loads(entry.new_value or "") == {
        **TYPED,
        "subject": "Ünïcode",
        "status": "NEW",
        "watchers": ["eve@x.org"],
        "estimated_date": "2026-03-05T09:00:00+00:00",
    }


def test_a_ticket_that_is_created_with_an_assignee_records_that_too_but_is_one_event() -> None:
    change = created(drafted(assigned_to="bob"), note="rule 3")
    assert [entry.action for entry in change.entries] == [Action.CREATED, Action.ASSIGNED]
    assert change.entries[1] == Entry(Action.ASSIGNED, new_value="bob", note="rule 3")
    assert change.event is NotifyCode.CREATED


# Updates


def test_an_update_changes_what_it_names_with_an_entry_for_each() -> None:
    change = updated(TICKET, {"subject": " New\nsubject", "priority": "LOW", "project": ""})
    assert change is not None
    assert change.before is TICKET
    assert differences(change) == {
        "subject": "New subject",
        "priority": Priority.LOW,
        "project": "",
    }
    assert change.entries == (
        Entry(Action.UPDATED, "subject", "The printer is on fire", "New subject"),
        Entry(Action.UPDATED, "priority", "HIGH", "LOW"),
        Entry(Action.UPDATED, "project", "OFFICE", ""),
    )
    assert change.event is None


@pytest.mark.parametrize("field", UPDATABLE)
def test_an_update_to_what_is_there_is_no_change(field: str) -> None:
    assert updated(TICKET, {field: getattr(TICKET, field)}) is None
    assert updated(TICKET, {field: str(getattr(TICKET, field))}) is None


def test_an_update_of_nothing_is_no_change() -> None:
    assert updated(TICKET, {}) is None
    assert updated(TICKET, {"subject": "  The printer  is on fire\n"}) is None


def test_an_update_records_only_what_really_changes() -> None:
    change = updated(TICKET, {**TYPED, "package": "OTHER"})
    assert change is not None
    assert [entry.field for entry in change.entries] == ["package"]


def test_an_update_is_refused_with_all_its_problems_at_once() -> None:
    bad = {"subject": "", "description": "\x00", "priority": "x", "package": " ", "project": 1}
    assert sorted(refused(lambda: updated(TICKET, bad))) == sorted(bad)


def test_a_requester_who_becomes_an_address_has_to_be_one() -> None:
    named = evolve(TICKET, requested_by="Ann@X.org")
    change = updated(named, {"requested_by_type": "EMAIL"})
    assert change is not None
    assert differences(change) == {
        "requested_by_type": RequestedByType.EMAIL,
        "requested_by": "ann@x.org",
    }
    assert refused(lambda: updated(TICKET, {"requested_by_type": "EMAIL"})) == ["requested_by"]


def test_a_requester_by_email_stays_an_address() -> None:
    by_email = evolve(TICKET, requested_by="ann@x.org", requested_by_type=RequestedByType.EMAIL)
    assert updated(by_email, {"requested_by": " ANN@x.org "}) is None
    assert refused(lambda: updated(by_email, {"requested_by": "ann"})) == ["requested_by"]
    change = updated(by_email, {"requested_by": "ann", "requested_by_type": "INTERNAL"})
    assert change is not None
    assert change.after.requested_by == "ann"


def test_an_update_of_something_else_does_not_check_the_requester() -> None:
    imported = evolve(TICKET, requested_by="no address", requested_by_type=RequestedByType.EMAIL)
    assert updated(imported, {"priority": "LOW"}) is not None


# Moves


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (Status.TRIAGED, NotifyCode.STATUS_CHANGED),
        (Status.IN_PROGRESS, NotifyCode.STATUS_CHANGED),
        (Status.ON_HOLD, NotifyCode.STATUS_CHANGED),
        (Status.ESCALATED, NotifyCode.ESCALATED),
        (Status.RESOLVED, NotifyCode.RESOLVED),
        (Status.CLOSED, NotifyCode.CLOSED),
        (Status.CANCELLED, NotifyCode.STATUS_CHANGED),
    ],
)
def test_a_move_is_one_entry_and_one_event(status: Status, event: NotifyCode) -> None:
    change = moved(TICKET, status, now=LATER)
    assert change.after.status is status
    assert change.entries == (Entry(Action.STATUS_CHANGE, "status", "NEW", status.value),)
    assert (change.event, change.detail) == (event, f"NEW → {status}")
    assert change.raise_alert is (status is Status.ESCALATED)


def test_the_note_of_a_move_is_kept_and_told() -> None:
    change = moved(TICKET, Status.RESOLVED, now=LATER, note="a new\nprinter")
    assert change.entries[0].note == change.detail == "a new\nprinter"


@pytest.mark.parametrize("note", ["\x00", "\ud800", None, 3])
def test_a_note_is_text(note: str) -> None:
    assert refused(lambda: moved(TICKET, Status.RESOLVED, now=LATER, note=note)) == ["notes"]
    assert refused(lambda: checked_note(note)) == ["notes"]


def at(status: Status, resolved_date: datetime | None = None, closed_date: datetime | None = None) -> Ticket:
    return evolve(TICKET, status=status, resolved_date=resolved_date, closed_date=closed_date)


@pytest.mark.parametrize(
    ("before", "status", "expected"),
    [
        pytest.param(at(Status.IN_PROGRESS), Status.RESOLVED, (LATER, None), id="resolve"),
        pytest.param(at(Status.RESOLVED, resolved_date=NOW), Status.CLOSED, (NOW, LATER), id="close"),
        pytest.param(at(Status.IN_PROGRESS), Status.CLOSED, (None, LATER), id="close without resolving"),
        pytest.param(at(Status.RESOLVED, resolved_date=NOW), Status.IN_PROGRESS, (None, None), id="reopen"),
        pytest.param(
            at(Status.CLOSED, resolved_date=NOW, closed_date=NOW),
            Status.ON_HOLD,
            (None, None),
            id="reopen what was closed",
        ),
        pytest.param(
            at(Status.CLOSED, resolved_date=NOW, closed_date=NOW),
            Status.CANCELLED,
            (NOW, NOW),
            id="cancel what was closed",
        ),
        pytest.param(at(Status.NEW), Status.CANCELLED, (None, None), id="cancel"),
        pytest.param(at(Status.IN_PROGRESS), Status.ON_HOLD, (None, None), id="go on hold"),
    ],
)
def test_a_move_sets_and_clears_the_dates(
    before: Ticket, status: Status, expected: tuple[datetime | None, datetime | None]
) -> None:
    change = moved(before, status, now=LATER)
    assert (change.after.resolved_date, change.after.closed_date) == expected
    assert set(differences(change)) <= {"status", "resolved_date", "closed_date"}


def test_a_closed_ticket_that_goes_back_to_resolved_is_no_longer_closed() -> None:
    """Only a workflow of one's own has this move."""
    change = moved(at(Status.CLOSED, resolved_date=NOW, closed_date=NOW), Status.RESOLVED, now=LATER)
    assert (change.after.resolved_date, change.after.closed_date) == (LATER, None)


def test_a_further_escalation_is_recorded_for_each_target() -> None:
    ticket = evolve(
        TICKET,
        sla_response_deadline=NOW,
        sla_resolution_deadline=LATER,
        sla_resolution_escalated=NOW,
    )
    change = escalated_again(ticket, ["response", "resolution"], "overdue")
    assert change.entries == (
        Entry(
            Action.SLA_CHANGED,
            "sla_response_escalated",
            None,
            "2026-03-02T08:00:00+00:00",
            "overdue",
        ),
        Entry(
            Action.SLA_CHANGED,
            "sla_resolution_escalated",
            "2026-03-02T08:00:00+00:00",
            "2026-03-02T09:00:00+00:00",
            "overdue",
        ),
    )
    assert change.after.status is ticket.status
    assert (change.raise_alert, change.event) == (True, None)


# Assignees


def test_an_assignment_is_one_entry_and_one_event() -> None:
    change = assigned(TICKET, " person-1 ", name="Bob")
    assert change is not None
    assert differences(change) == {"assigned_to": "person-1"}
    assert change.entries == (Entry(Action.ASSIGNED, "assigned_to", None, "person-1"),)
    assert (change.event, change.detail) == (NotifyCode.ASSIGNED, "assigned to Bob")


def test_a_reassignment_records_who_had_it() -> None:
    change = assigned(evolve(TICKET, assigned_to="bob"), "eve", name="Eve")
    assert change is not None
    assert change.entries == (Entry(Action.ASSIGNED, "assigned_to", "bob", "eve"),)


def test_an_assignment_to_the_same_one_is_no_change() -> None:
    assert assigned(evolve(TICKET, assigned_to="bob"), "\tbob ", name="Bob") is None


@pytest.mark.parametrize("assignee", ["", "  ", "x" * 256, "\x00", "\udc00"])
def test_an_assignee_is_a_line_of_text(assignee: str) -> None:
    assert refused(lambda: assigned(TICKET, assignee, name="")) == ["assigned_to"]


# Comments


def comment(text: str = "Look at this", **more: bool) -> Change:
    flags = {"is_internal": False, "by_requester": False, **more}
    return commented(TICKET, guid="c-1", text=text, commented_by="eve", now=LATER, **flags)


@pytest.mark.parametrize(
    ("is_internal", "by_requester", "field"),
    [
        (False, False, CommentField.PUBLIC),
        (False, True, CommentField.REQUESTER),
        (True, False, CommentField.INTERNAL),
        (True, True, CommentField.INTERNAL),
    ],
)
def test_a_comment_leaves_the_ticket_and_is_recorded_with_its_kind(
    is_internal: bool, by_requester: bool, field: CommentField
) -> None:
    change = comment(is_internal=is_internal, by_requester=by_requester)
    assert change.before is change.after is TICKET
    assert change.entries == (Entry(Action.COMMENT_ADDED, field, None, "Look at this"),)
    assert change.event is None
    assert change.comment is not None
    assert (change.comment.guid, change.comment.ticket_guid) == ("c-1", "g-1")
    assert (change.comment.text, change.comment.commented_by) == ("Look at this", "eve")
    assert (change.comment.package, change.comment.created_date) == ("CORE", LATER)
    assert change.comment.is_internal is is_internal


def test_a_comment_stays_as_it_was_typed() -> None:
    change = comment(" two\n\n  lines\t")
    assert change.comment is not None
    assert change.comment.text == change.entries[0].new_value == " two\n\n  lines\t"


@pytest.mark.parametrize("text", ["", " \n\t", "a\x00", "\ud800", None])
def test_a_comment_has_to_say_something(text: str) -> None:
    assert set(refused(lambda: comment(text))) == {"text"}


# Watchers


def test_a_watcher_is_added_by_address() -> None:
    change = watcher_added(TICKET, " Eve@X.org ")
    assert change is not None
    assert differences(change) == {"watchers": ("eve@x.org",)}
    assert change.entries == (Entry(Action.WATCHER_ADDED, "watchers", None, "eve@x.org"),)
    assert change.event is None


def test_watchers_keep_their_order() -> None:
    change = watcher_added(evolve(TICKET, watchers=("z@x.org",)), "a@x.org")
    assert change is not None
    assert change.after.watchers == ("z@x.org", "a@x.org")


def test_a_watcher_who_is_there_is_not_added_again() -> None:
    assert watcher_added(evolve(TICKET, watchers=("eve@x.org",)), "EVE@x.org") is None


def test_a_watcher_without_an_address_is_refused() -> None:
    assert refused(lambda: watcher_added(TICKET, "eve")) == ["email"]


def test_a_full_list_of_watchers_is_not_made_longer() -> None:
    # 59 990 characters; a comma and nine more fit.
    full = evolve(TICKET, watchers=("x" * 59_984 + "@x.org",))
    assert watcher_added(full, "abc@x.org") is not None
    assert problems(lambda: watcher_added(full, "abcd@x.org")) == [("email", "ticket 7 has too many watchers already")]


def test_a_watcher_is_removed() -> None:
    change = watcher_removed(evolve(TICKET, watchers=("al@x.org", "eve@x.org")), "Eve@X.org")
    assert change.after.watchers == ("al@x.org",)
    assert change.entries == (Entry(Action.WATCHER_REMOVED, "watchers", "eve@x.org", None),)


def test_a_watcher_from_an_older_list_who_has_no_address_can_be_removed() -> None:
    assert watcher_removed(evolve(TICKET, watchers=("Eve",)), "Eve").after.watchers == ()


@pytest.mark.parametrize(("watchers", "watching"), [((), "nobody"), (("al@x.org", "bo@x.org"), "al@x.org, bo@x.org")])
def test_who_does_not_watch_cannot_be_removed(watchers: tuple[str, ...], watching: str) -> None:
    ticket = evolve(TICKET, watchers=watchers)
    assert problems(lambda: watcher_removed(ticket, "eve@x.org")) == [
        ("email", f"eve@x.org does not watch ticket 7; watching: {watching}")
    ]


# Whatever somebody types

lines = st.text(max_size=30) | st.sampled_from(["", "x" * 501, "\x00", "\ud800", " ", "a@b.org"])
typed = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["subject", "description", "package", "project", "requested_by"], lines),
        "priority": st.sampled_from(["HIGH", "LOW", "x"]),
        "ticket_type": st.sampled_from(["BUG", "USER", "x"]),
        "requested_by_type": st.sampled_from(["INTERNAL", "EMAIL", "x"]),
    },
)


def is_storable(ticket: Ticket) -> bool:
    texts = [
        ticket.subject,
        ticket.description,
        ticket.package,
        ticket.project,
        ticket.requested_by,
    ]
    lengths = [SUBJECT_LENGTH, 10**6, NAME_LENGTH, NAME_LENGTH, NAME_LENGTH]
    return (
        all("\x00" not in text and text.encode() for text in texts if text)
        and all(len(text) <= length for text, length in zip(texts, lengths, strict=True))
        and bool(ticket.subject and ticket.package)
    )


@properties
@given(typed)
def test_a_draft_is_storable_or_refused_for_fields_that_were_typed(values: dict[str, str]) -> None:
    try:
        ticket, fields_refused = drafted(**values), set[str]()
    except RejectedError as error:
        ticket, fields_refused = None, {problem.field for problem in error.problems}
    if ticket is None:
        assert fields_refused <= {*values, "requested_by"}
    else:
        assert is_storable(ticket)
        # What is stored is accepted as it is.
        assert drafted(**{name: str(getattr(ticket, name)) for name in TYPED}) == ticket


@properties
@given(typed)
def test_an_update_has_exactly_one_entry_for_each_field_that_differs(
    values: dict[str, str],
) -> None:
    try:
        change, fields_refused = updated(TICKET, values), set[str]()
    except RejectedError as error:
        change, fields_refused = None, {problem.field for problem in error.problems}
    assert fields_refused <= {*values, "requested_by"}
    if change is None:
        return
    assert is_storable(change.after)
    assert sorted(entry.field for entry in change.entries) == sorted(differences(change))
    for entry in change.entries:
        assert entry.old_value == str(getattr(TICKET, entry.field))
        assert entry.new_value == str(getattr(change.after, entry.field))
    assert updated(change.after, values) is None
