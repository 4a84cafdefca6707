"""What is kept of records, and how they are found again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.people import User
from ticketcore.domain.query import Condition, Op, Query, eq, one_of, select
from ticketcore.domain.ticket import Priority, Status, Ticket
from ticketcore.domain.work import Comment, Link
from ticketcore.errors import ConflictError, RejectedError, RepositoryError
from ticketcore.testing.records import (
    make_comment,
    make_history_entry,
    make_link,
    make_outbox_message,
    make_ticket,
    make_user,
)
from ticketcore.testing.repository.base import find, raised, save, store, undone

from ticketcore_lmdb.repository import LmdbRepository

Open = Callable[..., LmdbRepository]


def test_an_instant_of_another_zone_comes_back_in_utc(open_store: Open) -> None:
    repository = open_store()
    instant = datetime(2026, 3, 4, 23, 30, 0, 1, tzinfo=timezone(timedelta(hours=-11, minutes=-30)))
    [comment] = store(repository, make_comment(created_date=instant))
    [found] = find(repository, Query(Comment))
    assert found == comment
    assert found.created_date.isoformat() == "2026-03-05T11:00:00.000001+00:00"


@pytest.mark.parametrize("length", [240, 250, 251, 511, 512, 100_000])
def test_keys_may_be_longer_than_lmdb_has_room_for(open_store: Open, length: int) -> None:
    repository = open_store()
    names = ["ü" * length + end for end in ("a", "b")]
    users = store(repository, *(make_user(username=name) for name in names))
    with repository.transaction() as transaction:
        assert [transaction.get(User, name) for name in names] == users
        assert transaction.get(User, "ü" * length) is None
        assert transaction.find(Query(User, (one_of("username", names[1:]),))) == users[1:]
        transaction.remove(users[0])
    assert find(repository, Query(User)) == users[1:]
    with pytest.raises(ConflictError):
        store(repository, make_user(username=names[1]))


def test_a_number_and_its_text_are_different_keys(open_store: Open) -> None:
    repository = open_store()
    [seven] = store(repository, make_ticket(ticket_number=7))
    for value, expected in ((7, [seven]), ("7", []), (7.0, [seven]), (10**9999, [])):
        assert find(repository, Query(Ticket, (eq("ticket_number", value),))) == expected


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\ud83c "])
def test_half_a_surrogate_pair_is_refused_and_never_found(open_store: Open, text: str) -> None:
    repository = open_store()
    with pytest.raises(RejectedError, match="surrogate"):
        store(repository, make_user(email=text))
    with repository.transaction(read_only=True) as transaction:
        assert transaction.get(User, text) is None
        assert transaction.find(Query(User, (one_of("username", [text]),))) == []
        assert transaction.find(Query(Comment, (eq("ticket_guid", text),))) == []


def test_a_number_beyond_all_measure_is_refused(open_store: Open) -> None:
    with pytest.raises(RejectedError, match="a number cannot be stored"):
        store(open_store(), make_ticket(work_score=10**9999))


def test_what_is_refused_leaves_the_transaction_as_it_was(open_store: Open) -> None:
    repository = open_store()
    with repository.transaction() as transaction:
        with pytest.raises(RejectedError):
            transaction.add(make_comment(text="\ud800"))
        comment = transaction.add(make_comment())
    assert find(repository, Query(Comment)) == [comment]


def test_a_record_of_an_unknown_kind_is_refused(open_store: Open) -> None:
    with (
        pytest.raises(RepositoryError, match="does not keep records of kind str"),
        open_store().transaction() as transaction,
    ):
        transaction.add("text")


def test_a_number_that_a_record_brings_along_is_kept_and_not_given_again(open_store: Open) -> None:
    with open_store().transaction() as transaction:
        assert transaction.add(make_ticket(ticket_number=7)).ticket_number == 7
        assert transaction.add(make_ticket(ticket_number=3)).ticket_number == 3
        assert transaction.add(make_ticket()).ticket_number == 8


def test_a_conflict_names_the_ticket_and_both_versions(open_store: Open) -> None:
    repository = open_store()
    [ticket] = store(repository, make_ticket())
    save(repository, ticket)
    error = raised(save, repository, ticket)
    assert isinstance(error, ConflictError)
    assert (error.kind, error.key, error.expected, error.actual) == ("ticket", 1, 1, 2)


def test_a_conflict_that_is_swallowed_still_undoes_the_transaction(open_store: Open) -> None:
    repository = open_store()
    ticket = make_ticket()

    def swallow() -> None:
        with repository.transaction() as transaction:
            transaction.add(ticket)
            with pytest.raises(ConflictError):
                transaction.add(ticket)
            with pytest.raises(RepositoryError, match="had a conflict"):
                transaction.find(Query(Ticket))

    with pytest.raises(RepositoryError, match="had a conflict"):
        swallow()
    assert find(repository, Query(Ticket)) == []


# Indexes


class Looked:
    """Equal to nothing; counts how often that was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __eq__(self, other: object) -> bool:
        self.times += 1
        return False

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("kind", "field", "narrow"),
    [
        pytest.param(Ticket, "subject", eq("guid", "ticket-7"), id="key"),
        pytest.param(Ticket, "subject", one_of("guid", ["ticket-7", "ticket-7", "nothing"]), id="keys"),
        pytest.param(Ticket, "subject", eq("ticket_number", 8), id="number"),
        pytest.param(Ticket, "subject", one_of("status", [Status.TRIAGED, "TRIAGED"]), id="status"),
        pytest.param(HistoryEntry, "note", eq("ticket_guid", "ticket-7"), id="history"),
        pytest.param(Comment, "text", eq("ticket_guid", "ticket-7"), id="comments"),
        pytest.param(Link, "created_by", eq("source_guid", "ticket-7"), id="links-from"),
        pytest.param(Link, "created_by", eq("target_guid", "ticket-7"), id="links-to"),
        pytest.param(OutboxMessage, "payload", eq("ticket_guid", "ticket-7"), id="outbox"),
        pytest.param(OutboxMessage, "payload", eq("state", OutboxState.DEAD), id="state"),
    ],
)
def test_an_index_spares_looking_at_every_record(open_store: Open, kind: type, field: str, narrow: Condition) -> None:
    repository = open_store()
    with repository.transaction() as transaction:
        for number in range(20):
            guid, chosen = f"ticket-{number}", number == 7
            transaction.add(make_ticket(guid=guid, status=Status.TRIAGED if chosen else Status.NEW))
            transaction.add(make_history_entry(ticket_guid=guid))
            transaction.add(make_comment(ticket_guid=guid))
            transaction.add(make_link(source_guid=guid, target_guid=f"ticket-{19 - number}"))
            state = OutboxState.DEAD if chosen else OutboxState.DELIVERED
            transaction.add(make_outbox_message(ticket_guid=guid, state=state))
    for where in ((), (narrow,)):
        looked = Looked()
        assert find(repository, Query(kind, where=(Condition(field, Op.EQ, looked), *where))) == []
        assert looked.times == (1 if where else 20)


def test_equal_values_of_different_types_are_found_alike(open_store: Open) -> None:
    repository = open_store()
    [one] = store(repository, make_ticket(priority=Priority.HIGH))
    for values in (["NEW"], [Status.NEW], [Status.NEW, "NEW"], ["NEW", None], ["NEW", 7]):
        assert find(repository, Query(Ticket, (one_of("status", values),))) == [one]
    for number in (1, True, 1.0):
        assert find(repository, Query(Ticket, (eq("ticket_number", number),))) == [one]


TICKETS = ("a", "b")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "save", "remove", "undo"]),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from(TICKETS),
        st.sampled_from(OutboxState),
    ),
    max_size=12,
)


def test_indexes_agree_with_the_records_whatever_was_done(open_store: Open) -> None:
    repository = open_store()

    def apply(transaction: Any, step: str, message: OutboxMessage, expected: dict[str, OutboxMessage]) -> None:
        if step == "remove":
            transaction.remove(message)
            expected.pop(message.guid, None)
        elif (step == "save") is (message.guid in expected):
            getattr(transaction, step)(message)
            expected[message.guid] = message

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=STEPS)
    def check(steps: list[tuple[str, str, str, OutboxState]]) -> None:
        with undone(repository) as transaction:
            expected: dict[str, OutboxMessage] = {}
            for step, guid, ticket, state in steps:
                message = make_outbox_message(guid=guid, ticket_guid=ticket, state=state)
                if step != "undo":
                    apply(transaction, step, message, expected)
            for query in (
                Query(OutboxMessage),
                *(Query(OutboxMessage, (eq("state", state),)) for state in OutboxState),
                *(Query(OutboxMessage, (eq("ticket_guid", guid),)) for guid in TICKETS),
                Query(OutboxMessage, (one_of("state", ["DEAD", "PENDING"]), eq("ticket_guid", "a"))),
            ):
                assert {m.guid: m for m in transaction.find(query)} == {
                    m.guid: m for m in select(expected.values(), query)
                }
                assert transaction.count(query) == len(select(expected.values(), query))

    check()


def test_a_value_that_moves_frees_its_place(open_store: Open) -> None:
    repository = open_store()
    first, second = store(
        repository,
        make_history_entry(ticket_guid="a", seq=1),
        make_history_entry(ticket_guid="a", seq=2),
    )
    with pytest.raises(ConflictError):
        save(repository, evolve(second, seq=1))
    with repository.transaction() as transaction:
        transaction.save(evolve(first, seq=3))
        transaction.save(evolve(second, seq=1))
    found = find(repository, Query(HistoryEntry, (eq("ticket_guid", "a"),)))
    assert sorted(entry.seq for entry in found) == [1, 3]
