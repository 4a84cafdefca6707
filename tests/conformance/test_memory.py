"""The repository in memory: the conformance suite, and what it promises beyond the port."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from ticketcore.adapters.memory import MemoryRepository
from ticketcore.domain.events import OutboxMessage, OutboxState
from ticketcore.domain.history import HistoryEntry
from ticketcore.domain.query import Condition, Op, Query, eq, one_of
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import ConflictError, RepositoryBusyError, RepositoryError
from ticketcore.ports.repository import Repository
from ticketcore.testing.records import (
    make_comment,
    make_history_entry,
    make_outbox_message,
    make_ticket,
)
from ticketcore.testing.repository import RepositorySuite
from ticketcore.testing.repository.base import at_once, raised, save, store


class TestMemoryRepository(RepositorySuite):
    def make_repository(self, tmp_path: Path) -> Repository:
        return MemoryRepository()


def stored_subjects(repository: Repository) -> list[str]:
    with repository.transaction(read_only=True) as transaction:
        return sorted(ticket.subject for ticket in transaction.find(Query(Ticket)))


def test_a_second_writing_transaction_in_one_thread_is_refused_at_once() -> None:
    repository = MemoryRepository()
    with repository.transaction() as transaction:
        transaction.add(make_ticket(subject="outer"))
        with pytest.raises(RepositoryError, match="open already"), repository.transaction():
            pytest.fail("it was opened")
    assert stored_subjects(repository) == ["outer"]


def test_a_reading_transaction_inside_a_writing_one_sees_the_state_before() -> None:
    repository = MemoryRepository()
    with repository.transaction() as transaction:
        transaction.add(make_ticket(subject="new"))
        assert stored_subjects(repository) == []
    assert stored_subjects(repository) == ["new"]


def test_a_writer_that_waits_too_long_is_told_so() -> None:
    repository = MemoryRepository(timeout=0.001)
    with repository.transaction():
        [error] = at_once(lambda: raised(store, repository, make_ticket()))
    assert isinstance(error, RepositoryBusyError)
    assert error.message == "another thread has been writing for more than 0.001 seconds"


def test_a_conflict_that_is_swallowed_still_undoes_the_transaction() -> None:
    repository = MemoryRepository()
    ticket = make_ticket()

    def swallow() -> None:
        with repository.transaction() as transaction:
            transaction.add(ticket)
            with suppress(ConflictError):
                transaction.add(ticket)

    with pytest.raises(RepositoryError, match="had a conflict"):
        swallow()
    assert stored_subjects(repository) == []


def test_a_conflict_names_the_ticket_and_both_versions() -> None:
    repository = MemoryRepository()
    [ticket] = store(repository, make_ticket())
    save(repository, ticket)
    error = raised(save, repository, ticket)
    assert isinstance(error, ConflictError)
    assert (error.kind, error.key, error.expected, error.actual) == ("ticket", 1, 1, 2)


def test_a_transaction_belongs_to_one_thread() -> None:
    repository = MemoryRepository()
    with repository.transaction() as transaction:
        [error] = at_once(lambda: raised(transaction.find, Query(Ticket)))
    assert isinstance(error, RepositoryError)
    assert error.message == "this transaction belongs to another thread"


def test_a_closed_repository_refuses_everything() -> None:
    repository = MemoryRepository()
    repository.close()
    for use in (repository.status, repository.prepare, lambda: stored_subjects(repository)):
        with pytest.raises(RepositoryError, match="closed"):
            use()


def test_nothing_is_stored_once_it_is_closed() -> None:
    repository = MemoryRepository()

    def close_inside() -> None:
        with repository.transaction() as transaction:
            transaction.add(make_ticket())
            repository.close()

    with pytest.raises(RepositoryError, match="closed"):
        close_inside()


def test_a_record_of_an_unknown_kind_is_refused() -> None:
    repository = MemoryRepository()
    with (
        pytest.raises(RepositoryError, match="does not keep records of kind str"),
        repository.transaction() as transaction,
    ):
        transaction.add("text")


def test_a_number_that_a_record_brings_along_is_kept_and_not_given_again() -> None:
    repository = MemoryRepository()
    with repository.transaction() as transaction:
        assert transaction.add(make_ticket(ticket_number=7)).ticket_number == 7
        assert transaction.add(make_ticket(ticket_number=3)).ticket_number == 3
        assert transaction.add(make_ticket()).ticket_number == 8


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
        pytest.param(Ticket, "subject", one_of("guid", ["ticket-7"]), id="keys"),
        pytest.param(Ticket, "subject", eq("ticket_number", 7), id="number"),
        pytest.param(HistoryEntry, "note", eq("ticket_guid", "ticket-7"), id="history"),
        pytest.param(OutboxMessage, "payload", eq("ticket_guid", "ticket-7"), id="outbox"),
        pytest.param(OutboxMessage, "payload", eq("state", OutboxState.DEAD), id="state"),
    ],
)
def test_an_index_spares_looking_at_every_record(kind: type, field: str, narrow: Condition) -> None:
    repository = MemoryRepository()
    with repository.transaction() as transaction:
        for number in range(100):
            guid = f"ticket-{number}"
            state = OutboxState.DEAD if number == 7 else OutboxState.DELIVERED
            transaction.add(make_ticket(guid=guid))
            transaction.add(make_history_entry(ticket_guid=guid))
            transaction.add(make_comment(ticket_guid=guid))
            transaction.add(make_outbox_message(ticket_guid=guid, state=state))
    for where in ((), (narrow,)):
        looked = Looked()
        with repository.transaction(read_only=True) as transaction:
            transaction.find(Query(kind, where=(Condition(field, Op.EQ, looked), *where)))
        assert looked.times == (1 if where else 100)
