# ruff: noqa: S101 - a suite checks by assertions
"""Transactions are atomic and isolated, and nobody claims what another one has."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import takewhile
from typing import cast

from attrs import evolve

from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.people import Person
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import ConflictError, RepositoryError
from ticketcore.ports.repository import KINDS, Repository, Transaction
from ticketcore.testing.records import (
    LATER,
    NOW,
    make_comment,
    make_outbox_message,
    make_person,
    make_record,
    make_ticket,
)
from ticketcore.testing.repository.base import (
    ExpectedError,
    Suite,
    at_once,
    changed,
    contents,
    due,
    equal,
    every,
    find,
    get,
    key_of,
    persistently,
    raised,
    remove,
    same,
    store,
    undone,
)

Calls = dict[str, Callable[[Transaction], object]]


def _reads(ticket: Ticket) -> Calls:
    return {
        "get": lambda transaction: transaction.get(Ticket, ticket.guid),
        "find": lambda transaction: transaction.find(every(Ticket)),
        "count": lambda transaction: transaction.count(every(Ticket)),
        "count_by": lambda transaction: transaction.count_by(every(Ticket), "status"),
    }


def _writes(ticket: Ticket) -> Calls:
    return {
        "add": lambda transaction: transaction.add(make_ticket()),
        "add_many": lambda transaction: transaction.add_many([make_comment()]),
        "save": lambda transaction: transaction.save(changed(ticket)),
        "remove": lambda transaction: transaction.remove(ticket),
        "claim": lambda transaction: transaction.claim(due(), LATER),
    }


class TransactionTests(Suite):
    """Transactions are atomic and isolated, and nobody claims what another one has."""

    def test_an_exception_leaves_nothing(self, repository: Repository) -> None:
        """Whatever was done before it is undone, and the exception itself comes out."""
        old = [store(repository, make_record(kind))[0] for kind in KINDS]
        gone = [store(repository, make_record(kind))[0] for kind in KINDS]
        before = contents(repository)
        reason = ExpectedError()

        def fail() -> None:
            with repository.transaction() as transaction:
                transaction.claim(due(), LATER)
                for kind, record, removed in zip(KINDS, old, gone, strict=True):
                    transaction.save(changed(record))
                    transaction.remove(removed)
                    transaction.add(make_record(kind))
                    transaction.add_many([make_record(kind), make_record(kind)])
                    transaction.find(every(kind))
                raise reason

        assert raised(fail) is reason, "the exception was replaced by another one"
        equal(contents(repository), before, "everything that is stored")

    def test_a_conflict_that_is_swallowed_undoes_the_transaction(self, repository: Repository) -> None:
        """Whoever goes on after a conflict stores nothing, and is told so."""
        [ticket] = store(repository, make_ticket())
        before = contents(repository)

        def swallow(method: str, record: object) -> None:
            with repository.transaction() as transaction:
                transaction.add(make_comment())
                with suppress(ConflictError):
                    getattr(transaction, method)(record)
                    transaction.count(every(Ticket))
                with suppress(RepositoryError):
                    transaction.add(make_comment())

        for method, record in (("add", ticket), ("save", evolve(ticket, row_version=7))):
            error = raised(swallow, method, record)
            assert isinstance(error, RepositoryError | ConflictError), (
                f"after a conflict in {method} the transaction should fail as a whole, but it came to {error!r}"
            )
            equal(contents(repository), before, f"after a conflict in {method} that was swallowed")

    def test_a_later_transaction_works_after_an_exception(self, repository: Repository) -> None:
        """An undone transaction does not stand in the way of the next."""
        with undone(repository) as transaction:
            lost = transaction.add(make_ticket())
        [ticket] = store(repository, make_ticket(guid=lost.guid))
        same(get(repository, ticket), ticket, "what is stored")

    def test_no_update_is_lost_between_threads(self, repository: Repository) -> None:
        """Threads that count up one ticket, repeating after a conflict, reach the whole sum."""
        [ticket] = store(repository, make_ticket(work_score=0))

        def one_more() -> None:
            with repository.transaction() as transaction:
                current = transaction.get(Ticket, ticket.guid)
                assert current is not None, "the ticket is gone"
                transaction.save(evolve(current, work_score=(current.work_score or 0) + 1))

        def count_up() -> None:
            for _ in range(15):
                persistently(one_more)

        at_once(count_up, count_up, count_up)
        [counted] = find(repository, every(Ticket))
        equal(counted.work_score, 45, "the sum of 3 threads that add 1, 15 times each")
        equal(counted.row_version, 46, "the version after 45 saves")

    def test_only_one_thread_gets_what_is_unique(self, repository: Repository) -> None:
        """Of several that add the same unique value at once, all but one get a conflict."""

        def add() -> Exception | None:
            return raised(store, repository, make_person(email="ann@example.com"))

        errors = [error for error in at_once(add, add, add) if error is not None]
        assert [type(error) for error in errors] == [ConflictError] * 2, (
            f"two of three threads should meet a conflict: {errors!r}"
        )
        equal(len(find(repository, every(Person))), 1, "people with that address")

    def test_what_has_to_be_added_alone_is(self, repository: Repository) -> None:
        """Two look at what is there and add to it at once: the second sees the first, or meets a conflict."""
        for kind in (kind for kind, facts in KINDS.items() if facts.alone):
            [there] = store(repository, make_record(kind))
            have_looked = (threading.Event(), threading.Event())

            def add(own: int, kind: type = kind, have_looked: Sequence[threading.Event] = have_looked) -> int:
                with repository.transaction() as transaction:
                    seen = transaction.count(every(kind))
                    have_looked[own].set()
                    have_looked[1 - own].wait(0.5)  # where one writer waits for the other, it never comes
                    transaction.add(make_record(kind))
                return seen

            def attempt(own: int, add: Callable[[int], int] = add) -> int | ConflictError:
                try:
                    return add(own)
                except ConflictError as error:
                    return error

            results = at_once(partial(attempt, 0), partial(attempt, 1))
            conflicts = [result for result in results if isinstance(result, ConflictError)]
            assert len(conflicts) == 1 or sorted(cast("list[int]", results)) == [1, 2], (
                f"two added a {kind.__name__} at once, and neither saw the other: {results!r}"
            )
            equal(len(find(repository, every(kind))), 3 - len(conflicts), f"records beside {there!r}")

    def test_a_reader_does_not_wait_for_a_writer(self, repository: Repository) -> None:
        """While a writing transaction is open, a reader sees the state before it, at once."""
        [ticket] = store(repository, make_ticket())
        before = contents(repository)
        with repository.transaction() as transaction:
            transaction.save(changed(ticket))
            transaction.add(make_ticket())
            transaction.add(make_comment())
            [during] = at_once(lambda: contents(repository), patience=5)
            equal(during, before, "what a reader sees of an open transaction")
        assert contents(repository) != before, "the transaction was not stored"

    def test_a_writer_does_not_wait_for_a_reader(self, repository: Repository) -> None:
        """An open reader keeps seeing one state, whatever is written meanwhile."""
        records = [store(repository, make_record(kind))[0] for kind in KINDS]

        def write() -> None:
            for record in records:
                remove(repository, record)
                store(repository, make_record(type(record)))

        with repository.transaction(read_only=True) as transaction:
            for kind, record in zip(KINDS, records, strict=True):
                equal(transaction.find(every(kind)), [record], f"every {kind.__name__} at first")
            at_once(write)
            for kind, record in zip(KINDS, records, strict=True):
                what = f"of a {kind.__name__} that was removed since"
                equal(transaction.find(every(kind)), [record], f"find {what}")
                equal(transaction.get(kind, key_of(record)), record, f"get {what}")
                equal(transaction.count(every(kind)), 1, f"count {what}")
        for record in records:
            assert get(repository, record) is None, "a later reader sees what was removed"

    def test_a_read_only_transaction_refuses_writes(self, repository: Repository) -> None:
        """Every way to change something is refused, and nothing is changed."""
        [ticket] = store(repository, make_ticket())
        store(repository, make_outbox_message())
        before = contents(repository)
        for name, write in _writes(ticket).items():
            with repository.transaction(read_only=True) as transaction:
                error = raised(write, transaction)
            assert isinstance(error, RepositoryError), (
                f"{name} in a read-only transaction should raise a RepositoryError, not {error!r}"
            )
        equal(contents(repository), before, "everything that is stored")

    def test_a_transaction_cannot_be_used_after_its_end(self, repository: Repository) -> None:
        """Every call is refused once its block was left, for whatever reason."""
        [ticket] = store(repository, make_ticket())
        with repository.transaction() as written:
            pass
        with repository.transaction(read_only=True) as read:
            pass
        with undone(repository) as failed:
            pass
        for over in (written, read, failed):
            for name, call in (_reads(ticket) | _writes(ticket)).items():
                error = raised(call, over)
                assert isinstance(error, RepositoryError), (
                    f"{name} after the end should raise a RepositoryError, not {error!r}"
                )

    def test_a_claim_moves_what_is_due(self, repository: Repository) -> None:
        """It takes what its question finds, in that order, and nobody finds it due again."""
        dates = [NOW - timedelta(minutes=n) for n in (1, 3, 2)]
        messages = store(repository, *(make_outbox_message(next_attempt=date) for date in dates))
        late, dead = store(
            repository,
            make_outbox_message(next_attempt=LATER),
            make_outbox_message(state=OutboxState.DEAD),
        )
        expected = [evolve(messages[place], next_attempt=LATER) for place in (1, 2)]
        with repository.transaction() as transaction:
            equal(transaction.claim(due(limit=2), LATER), expected, "the first claim")
        with repository.transaction() as transaction:
            rest = [evolve(messages[0], next_attempt=LATER)]
            equal(transaction.claim(due(limit=2), LATER), rest, "the second claim")
            equal(transaction.claim(due(limit=2), LATER), [], "the third claim")
        stored = find(repository, every(OutboxMessage))
        moved = [evolve(message, next_attempt=LATER) for message in messages]
        equal(stored, [*moved, late, dead], "what is stored")

    def test_a_claim_can_be_undone(self, repository: Repository) -> None:
        """What a failed transaction had claimed is due again."""
        [message] = store(repository, make_outbox_message())
        with undone(repository) as transaction:
            transaction.claim(due(), LATER)
        equal(find(repository, due()), [message], "what is due")

    def test_nothing_is_claimed_twice(self, repository: Repository) -> None:
        """Threads that claim at once share the messages out among them."""
        messages = store(repository, *(make_outbox_message() for _ in range(60)))

        def claim() -> list[OutboxMessage]:
            with repository.transaction() as transaction:
                return transaction.claim(due(limit=4), LATER)

        def work() -> list[str]:
            # One turn more than there are messages: a claim that moves nothing would never end.
            turns = (persistently(claim) for _ in range(len(messages) + 1))
            return [message.guid for taken in takewhile(bool, turns) for message in taken]

        claimed = [guid for part in at_once(work, work, work) for guid in part]
        equal(sorted(claimed), [message.guid for message in messages], "what the threads claimed")
