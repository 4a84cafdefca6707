# ruff: noqa: S101 - a suite checks by assertions
"""What is saved and removed, what is refused, and who sees it when."""

from __future__ import annotations

from functools import partial

from attrs import evolve

from ticketcore.domain.people import Person
from ticketcore.domain.ticket import Status
from ticketcore.ports.repository import KINDS, Repository
from ticketcore.testing.records import make_person, make_record, make_ticket
from ticketcore.testing.repository.base import (
    Suite,
    at_once,
    changed,
    conflicts,
    equal,
    every,
    find,
    get,
    key_of,
    remove,
    same,
    save,
    store,
)


class ChangeTests(Suite):
    """What is saved and removed, and what is refused."""

    def test_a_key_cannot_be_taken_twice(self, repository: Repository) -> None:
        """A second record with the same key is refused, with all that its transaction did."""
        for kind, facts in KINDS.items():
            [stored] = store(repository, make_record(kind))
            double = make_record(kind, **{facts.key: key_of(stored)})
            what = f"a second {kind.__name__} with the same {facts.key}"
            conflicts(repository, "add", double, what)
            conflicts(repository, "add_many", [make_record(kind), double], what)

    def test_a_key_cannot_be_taken_twice_in_one_transaction(self, repository: Repository) -> None:
        """The same holds for a record that was added a moment ago."""
        for kind in KINDS:
            if KINDS[kind].given != KINDS[kind].key:
                record = make_record(kind)
                what = f"the same {kind.__name__} twice in one transaction"
                conflicts(repository, "add_many", [record, record], what)

    def test_unique_values_cannot_be_taken_twice(self, repository: Repository) -> None:
        """A record that shares the values of a unique group is refused: by add and by save."""
        groups = [(kind, group) for kind, facts in KINDS.items() for group in facts.unique]
        for kind, group in groups:
            stored, other = store(repository, make_record(kind), make_record(kind))
            values = {field: getattr(stored, field) for field in group}
            what = f"a second {kind.__name__} with the same {' and '.join(group)}"
            double = make_record(kind, **values)
            conflicts(repository, "add", double, what)
            if KINDS[kind].given not in group:
                conflicts(repository, "save", evolve(other, **values), what)

    def test_unique_values_are_free_again_after_a_removal(self, repository: Repository) -> None:
        """What nobody has any more can be taken, also within the transaction that gave it up."""
        with repository.transaction() as transaction:
            ann = transaction.add(make_person(email="ann@example.com"))
            transaction.remove(ann)
            again = transaction.add(make_person(email="ann@example.com"))
            transaction.save(evolve(again, email="bob@example.com"))
            transaction.add(make_person(email="ann@example.com"))
        emails = sorted(person.email for person in find(repository, every(Person)))
        equal(emails, ["ann@example.com", "bob@example.com"], "the addresses")

    def test_unique_values_are_taken_exactly(self, repository: Repository) -> None:
        """Values that differ in case, accents or trailing blanks are different values."""
        emails = ["ann@example.com", "Ann@example.com", "änn@example.com", "ann@example.com "]
        store(repository, *(make_person(email=email) for email in emails))

    def test_a_versioned_record_comes_back_with_the_next_version(self, repository: Repository) -> None:
        """Each save counts one further."""
        [ticket] = store(repository, make_ticket())
        first = save(repository, evolve(ticket, subject="first", work_score=0))
        same(first, evolve(ticket, subject="first", work_score=0, row_version=2), "save's answer")
        with repository.transaction() as transaction:
            second = transaction.save(evolve(first, status=Status.TRIAGED))
            third = transaction.save(evolve(second, work_score=None))
        equal(third.row_version, 4, "the version after three saves")
        same(get(repository, ticket), third, "what is stored")

    def test_a_stale_record_is_not_saved(self, repository: Repository) -> None:
        """Who saves what somebody else has changed since gets a conflict, and changes nothing."""
        [ticket] = store(repository, make_ticket())
        newest = save(repository, changed(ticket))
        for version in (ticket.row_version, newest.row_version + 1):
            wrong = evolve(ticket, subject="lost update", row_version=version)
            what = f"saving version {version} over version {newest.row_version}"
            conflicts(repository, "save", wrong, what)
        same(get(repository, ticket), newest, "what is stored")

    def test_other_records_are_overwritten(self, repository: Repository) -> None:
        """A kind without a version takes what was saved last, and leaves other records alone."""
        for kind, facts in KINDS.items():
            stored, other = store(repository, make_record(kind), make_record(kind))
            if not facts.versioned:
                save(repository, changed(stored, "first"))
                same(save(repository, changed(stored)), changed(stored), "save's answer")
                same(get(repository, stored), changed(stored), "what is stored")
                same(get(repository, other), other, "the record beside it")

    def test_what_is_not_there_cannot_be_saved(self, repository: Repository) -> None:
        """A record that was never stored, or is removed by now, is a conflict."""
        for kind in KINDS:
            record, gone = store(repository, make_record(kind), make_record(kind))
            remove(repository, gone)
            unknown = evolve(record, **{KINDS[kind].key: key_of(gone)})
            conflicts(repository, "save", gone, f"a {kind.__name__} that was removed")
            conflicts(repository, "save", unknown, f"a {kind.__name__} that was never there")

    def test_removing_what_is_gone_is_no_error(self, repository: Repository) -> None:
        """A record can be removed twice, and only that one goes."""
        for kind in KINDS:
            record, other = store(repository, make_record(kind), make_record(kind))
            remove(repository, record, record)
            remove(repository, record)
            assert get(repository, record) is None, f"a {kind.__name__} was not removed"
            same(get(repository, other), other, "the record beside it")

    def test_every_change_is_seen_at_once(self, repository: Repository) -> None:
        """Questions are answered as things are, also those that were asked before a change."""
        for kind in KINDS:
            query, record = every(kind), make_record(kind)
            what = f"every {kind.__name__} after"
            equal(find(repository, query), [], f"{what} nothing")
            [[record]] = at_once(partial(store, repository, record))
            equal(find(repository, query), [record], f"{what} another thread's add")
            [record] = at_once(partial(save, repository, changed(record)))
            found = find(repository, query)
            equal(found, [record], f"{what} another thread's save")
            found.clear()
            equal(find(repository, query), [record], f"{what} the list before was changed")
            at_once(partial(remove, repository, record))
            equal(find(repository, query), [], f"{what} another thread's removal")

    def test_a_transaction_sees_its_own_changes(self, repository: Repository) -> None:
        """What was added, saved or removed a moment ago is found like that."""
        for kind in KINDS:
            query, what = every(kind), f"every {kind.__name__} after its own"
            [old] = store(repository, make_record(kind))
            with repository.transaction() as transaction:
                equal(transaction.find(query), [old], f"every {kind.__name__} at first")
                transaction.remove(old)
                equal(transaction.get(kind, key_of(old)), None, "get after its own removal")
                equal(transaction.find(query), [], f"{what} removal")
                new = transaction.add(make_record(kind))
                equal(transaction.get(kind, key_of(new)), new, "get after its own add")
                equal(transaction.find(query), [new], f"{what} add")
                saved = transaction.save(changed(new))
                equal(transaction.find(query), [saved], f"{what} save")
                equal(transaction.count(query), 1, f"how many {kind.__name__} there are")
