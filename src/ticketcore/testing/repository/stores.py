# ruff: noqa: S101 - a suite checks by assertions
"""The store says how it is, and keeps what it promised to keep."""

from __future__ import annotations

from functools import partial

import pytest

from ticketcore.domain.events import OutboxMessage
from ticketcore.ports.repository import KINDS, Repository
from ticketcore.testing.records import (
    LATER,
    hard_records,
    make_outbox_message,
    make_record,
    make_ticket,
)
from ticketcore.testing.repository.base import (
    NUMBERED,
    Suite,
    at_once,
    changed,
    contents,
    due,
    equal,
    every,
    find,
    number_of,
    persistently,
    remove,
    save,
    store,
    undone,
)


class StoreTests(Suite):
    """The store says how it is, and keeps what it promised to keep."""

    def test_it_says_that_it_is_ready(self, repository: Repository) -> None:
        """A prepared store is ready, and says where it is."""
        status = repository.status()
        assert status.ready, f"make_repository has to return one that is ready, not {status}"
        equal(status.revision, status.expected, "the revision of the schema")
        assert status.location, "a status has to say where the store is"

    def test_preparing_it_again_changes_nothing(self, repository: Repository) -> None:
        """What is stored stays."""
        store(repository, *(make_record(kind) for kind in KINDS))
        before = contents(repository)
        status = repository.prepare()
        equal(status, repository.status(), "what prepare returns")
        equal(contents(repository), before, "everything that is stored")

    def test_closing_it_twice_is_no_error(self, repository: Repository) -> None:
        """The second time there is nothing left to give back."""
        store(repository, make_ticket())
        repository.close()
        repository.close()

    def test_everything_is_there_after_reopening(self, repository: Repository) -> None:
        """What was committed survives, what was undone does not, and numbers go on."""
        if not self.durable:
            pytest.skip("durable is not claimed")
        store(repository, *hard_records())
        store(repository, *(make_record(kind) for kind in KINDS))
        last = [store(repository, make_record(kind))[0] for kind in NUMBERED]
        remove(repository, *last)
        with undone(repository) as transaction:
            transaction.add(make_ticket())
        before = contents(repository)
        repository.close()
        again = self.reopen(repository)
        try:
            assert again.status().ready, f"the reopened store is {again.status()}"
            equal(contents(again), before, "everything that is stored")
            for record in last:
                [new] = store(again, make_record(type(record)))
                assert number_of(new) > number_of(record), "a number came again after reopening"
        finally:
            again.close()

    def test_two_repositories_share_a_store(self, repository: Repository) -> None:
        """What is true of two threads is true of two processes."""
        if not self.shared:
            pytest.skip("shared is not claimed")
        other = self.reopen(repository)
        try:
            for kind in KINDS:
                query = every(kind)
                equal(find(other, query), [], f"every {kind.__name__} at first")
                [record] = store(repository, make_record(kind))
                equal(find(other, query), [record], f"every {kind.__name__}, from the other side")
                saved = save(other, changed(record))
                equal(find(repository, query), [saved], f"every {kind.__name__} after a save")
                remove(other, saved)
                equal(find(repository, query), [], f"every {kind.__name__} after a removal")
            self.check_shared_work(repository, other)
        finally:
            other.close()

    def check_shared_work(self, *repositories: Repository) -> None:
        """Check numbers and claims where both sides work at once."""
        store(repositories[0], *(make_outbox_message() for _ in range(20)))

        def work(repository: Repository) -> tuple[list[int], list[str]]:
            def step() -> tuple[int, list[OutboxMessage]]:
                with repository.transaction() as transaction:
                    claimed = transaction.claim(due(limit=1), LATER)
                    return transaction.add(make_ticket()).ticket_number, claimed

            steps = [persistently(step) for _ in range(10)]
            return [number for number, _ in steps], [m.guid for _, found in steps for m in found]

        done = at_once(*(partial(work, each) for each in repositories))
        numbers = [number for part, _ in done for number in part]
        equal(len(set(numbers)), 20, f"different numbers among {sorted(numbers)}")
        guids = [guid for _, part in done for guid in part]
        equal(len(guids), len(set(guids)), f"no message twice among {sorted(guids)}")
