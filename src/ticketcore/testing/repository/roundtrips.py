# ruff: noqa: S101 - a suite checks by assertions
"""Records come back as they were stored, under a key and with the number that is theirs."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from attrs import evolve

from ticketcore.domain.events import OutboxState
from ticketcore.domain.people import User
from ticketcore.domain.query import Order, Query
from ticketcore.domain.ticket import Priority, RequestedByType, Status, Ticket, TicketType
from ticketcore.ports.repository import KINDS, Repository
from ticketcore.testing.records import (
    HARD_LINES,
    hard_records,
    make_comment,
    make_history_entry,
    make_outbox_message,
    make_record,
    make_ticket,
    make_user,
)
from ticketcore.testing.repository.base import (
    NUMBERED,
    Suite,
    at_once,
    equal,
    every,
    find,
    get,
    number_of,
    persistently,
    remove,
    same,
    store,
)

R = TypeVar("R")


def check_kept(repository: Repository, *records: R) -> None:
    """Check that ``records`` come back as they were given, except for the number they are given."""
    for record in records:
        [stored] = store(repository, record)
        given = KINDS[type(record)].given
        expected = evolve(cast("Any", record), **{given: number_of(stored)}) if given else record
        same(stored, expected, "what add returns")
        same(get(repository, stored), expected, "what get returns")
        found = [row for row in find(repository, every(type(record))) if row == stored]
        equal(len(found), 1, f"how often find returns {stored}")
        same(found[0], expected, "what find returns")


class RoundTripTests(Suite):
    """Records come back as they were stored, under a key and with the number that is theirs."""

    def test_every_field_of_every_kind_comes_back(self, repository: Repository) -> None:
        """A record with something awkward in each field comes back with the same values."""
        check_kept(repository, *hard_records())

    def test_a_record_with_only_what_it_must_have_comes_back(self, repository: Repository) -> None:
        """A record whose optional fields are left out comes back with their defaults."""
        check_kept(repository, *(make_record(kind) for kind in KINDS))

    def test_text_comes_back_unchanged(self, repository: Repository) -> None:
        """Blanks, quotes, line breaks, accents and letters outside the basic plane are kept."""
        texts = ["", " ", "0", "NULL", "a ", "a\\n", "'--", "a\r\n", "\U0001f3ab\U0010fffd"]
        check_kept(repository, *(make_comment(text=text) for text in [*texts, HARD_LINES]))

    def test_long_text_comes_back_whole(self, repository: Repository) -> None:
        """Texts of 100 kB come back to the last letter."""
        text = "0123456789abcdef ü\U0001f3ab" * 4_545 + "end"
        check_kept(
            repository,
            make_ticket(description=text, problem_analysis=text),
            make_history_entry(old_value=text, new_value=text, note=text),
            make_comment(text=text),
            make_outbox_message(payload=text, last_error=text),
        )

    def test_absent_and_empty_stay_apart(self, repository: Repository) -> None:
        """None, the empty text, zero and false are four different things."""
        check_kept(
            repository,
            make_history_entry(old_value=None, new_value=""),
            make_history_entry(old_value="", new_value=None),
            make_ticket(work_score=None, sla_response_met=None, merged_into=None),
            make_ticket(work_score=0, sla_response_met=False, merged_into=""),
            make_user(person_guid=None),
            make_user(person_guid=""),
        )

    def test_every_word_of_a_vocabulary_comes_back_as_a_member(self, repository: Repository) -> None:
        """Statuses, priorities, types and states come back as enum members."""
        check_kept(
            repository,
            *(make_ticket(status=status) for status in Status),
            *(make_ticket(priority=priority) for priority in Priority),
            *(make_ticket(ticket_type=ticket_type) for ticket_type in TicketType),
            *(make_ticket(requested_by_type=how) for how in RequestedByType),
            *(make_outbox_message(state=state) for state in OutboxState),
        )

    def test_several_addresses_come_back_as_a_tuple(self, repository: Repository) -> None:
        """None, one or many names in one field come back apart and in their order."""
        lists = ((), ("b@example.com",), ("b@example.com", "a@example.com", "ü@example.com"))
        check_kept(repository, *(make_ticket(watchers=n, merged_guids=n) for n in lists))

    def test_a_key_is_taken_exactly(self, repository: Repository) -> None:
        """Keys that differ in case, accents or trailing blanks are different keys."""
        names = ["ann", "Ann", "ann ", "änn", "a\u0308nn"]
        store(repository, *(make_user(username=name, email=name) for name in names))
        with repository.transaction(read_only=True) as transaction:
            for name in names:
                user = transaction.get(User, name)
                assert user is not None, f"there is no user {name!r}"
                equal(user.email, name, f"the user with the key {name!r}")
            assert transaction.get(User, "ANN") is None, "'ANN' was taken for another key"

    def test_nothing_is_found_under_an_unknown_key(self, repository: Repository) -> None:
        """What is not there is None."""
        with repository.transaction(read_only=True) as transaction:
            for kind in KINDS:
                key = 12_345 if KINDS[kind].given == KINDS[kind].key else "nothing"
                assert transaction.get(kind, key) is None, f"a {kind.__name__} out of nowhere"

    def test_numbers_go_upward(self, repository: Repository) -> None:
        """Each number is larger than all before it, however the records are added."""
        for kind in NUMBERED:
            with repository.transaction() as transaction:
                numbers = [number_of(transaction.add(make_record(kind))) for _ in range(2)]
                many = transaction.add_many([make_record(kind) for _ in range(3)])
                numbers += [number_of(record) for record in many]
                numbers.append(number_of(transaction.add(make_record(kind))))
            numbers += [number_of(record) for record in store(repository, make_record(kind))]
            assert numbers[0] > 0, f"the first {kind.__name__} has the number {numbers[0]}"
            equal(numbers, sorted(set(numbers)), f"numbers of {kind.__name__} in turn")

    def test_many_are_added_in_their_order(self, repository: Repository) -> None:
        """Add_many takes more than a statement has room for, and gives back the same order."""
        tickets = [make_ticket(subject=str(place)) for place in range(1_200)]
        with repository.transaction() as transaction:
            equal(transaction.add_many([]), [], "adding nothing")
            stored = transaction.add_many(tickets)
        numbers = [ticket.ticket_number for ticket in stored]
        equal(numbers, sorted(set(numbers)), "their numbers in turn")
        expected = [evolve(t, ticket_number=n) for t, n in zip(tickets, numbers, strict=True)]
        assert stored == expected, "add_many mixed the records up"
        found = find(repository, Query(Ticket, order=(Order("ticket_number"),)))
        assert found == expected, "what is stored is not what add_many returned"

    def test_a_number_is_never_reused(self, repository: Repository) -> None:
        """The number of a removed record is not given again, not even the largest."""
        for kind in NUMBERED:
            first, second = store(repository, make_record(kind), make_record(kind))
            remove(repository, second)
            [third] = store(repository, make_record(kind))
            assert number_of(third) > number_of(second), f"a number of {kind.__name__} came again"
            remove(repository, first, third)
            [fourth] = store(repository, make_record(kind))
            assert number_of(fourth) > number_of(third), f"a number of {kind.__name__} came again"

    def test_numbers_go_on_above_one_that_was_brought_along(self, repository: Repository) -> None:
        """A record that comes with a number keeps it, and the next ones are numbered above it."""
        for kind in NUMBERED:
            [first] = store(repository, make_record(kind, **{KINDS[kind].given: 1}))
            equal(number_of(first), 1, f"the number of the first {kind.__name__}, which it brought along")
            [first] = store(repository, make_record(kind))
            assert number_of(first) > 1, f"the second {kind.__name__} got the number of the first"
            brought = make_record(kind, **{KINDS[kind].given: number_of(first) + 500})
            equal(store(repository, brought), [brought], f"a {kind.__name__} with a number of its own")
            [behind] = store(repository, make_record(kind))
            assert number_of(behind) > number_of(brought), f"{kind.__name__} {number_of(behind)} came after {brought}"

    def test_threads_get_different_numbers(self, repository: Repository) -> None:
        """However many add at once, each ticket has a number of its own."""

        def add() -> list[int]:
            return [persistently(lambda: store(repository, make_ticket()))[0].ticket_number for _ in range(5)]

        numbers = [number for part in at_once(*[add] * 4) for number in part]
        equal(len(set(numbers)), 20, f"different numbers among {sorted(numbers)}")
