"""The conformance suite is worth something: it finds what is wrong with broken repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unicodedata import normalize

import attrs
import pytest
from attrs import evolve

from ticketcore.adapters.memory import MemoryRepository
from ticketcore.domain.query import AnyOf, Condition, Op, Order, Query, eq, is_null, select
from ticketcore.domain.search import Search, found, words
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Comment
from ticketcore.errors import ConflictError, RepositoryError, TicketcoreError
from ticketcore.ports.repository import KINDS
from ticketcore.testing.records import make_comment
from ticketcore.testing.repository import RepositorySuite


class Broken:
    """A transaction that does what another one does; its subclasses do one thing wrong."""

    def __init__(self, sound: Any) -> None:
        self.sound = sound

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sound, name)

    def add_many(self, records: Any) -> Any:
        return [self.add(record) for record in records]


class BrokenRepository(MemoryRepository):
    """A repository whose transactions are of a broken class."""

    def __init__(self, broken: type[Broken] = Broken) -> None:
        super().__init__()
        self.broken = broken

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Any]:
        with super().transaction(read_only=read_only) as transaction:
            yield self.broken(transaction)


def changed(record: Any, change: Callable[[Any], Any]) -> Any:
    """Return ``record`` with ``change`` made to every field."""
    values = {field.name: change(getattr(record, field.name)) for field in attrs.fields(type(record))}
    return None if record is None else evolve(record, **values)


def rewritten(query: Any, change: Callable[[Condition], Any]) -> Any:
    """Return ``query`` with another condition in the place of each of its plain ones."""
    where = tuple(change(part) if isinstance(part, Condition) else part for part in query.where)
    return evolve(query, where=where)


class LosesUpdates(Broken):
    def save(self, record: Any) -> Any:
        stored = self.sound.get(type(record), getattr(record, KINDS[type(record)].key))
        if stored is not None and KINDS[type(record)].versioned:
            record = evolve(record, row_version=stored.row_version)
        return self.sound.save(record)


class ReusesNumbers(Broken):
    def add(self, record: Any) -> Any:
        field = KINDS[type(record)].given
        if field and not getattr(record, field):
            taken = [getattr(stored, field) for stored in self.sound.find(Query(type(record)))]
            record = evolve(record, **{field: max(taken, default=0) + 1})
        return self.sound.add(record)


class NumbersByCounting(Broken):
    def add(self, record: Any) -> Any:
        field = KINDS[type(record)].given
        if field and not getattr(record, field):
            record = evolve(record, **{field: self.sound.count(Query(type(record))) + 1})
        return self.sound.add(record)


class IgnoresDoubles(Broken):
    def add(self, record: Any) -> Any:
        kind = type(record)
        return self.sound.get(kind, getattr(record, KINDS[kind].key)) or self.sound.add(record)


class InsertsOnSave(Broken):
    def save(self, record: Any) -> Any:
        stored = self.sound.get(type(record), getattr(record, KINDS[type(record)].key))
        return self.sound.add(record) if stored is None else self.sound.save(record)


class MissesTheRemoved(Broken):
    def remove(self, record: Any) -> None:
        if self.sound.get(type(record), getattr(record, KINDS[type(record)].key)) is None:
            raise ConflictError(type(record).__name__, "gone")
        self.sound.remove(record)


class ForgetsTimeZones(Broken):
    def get(self, kind: Any, key: Any) -> Any:
        return changed(
            self.sound.get(kind, key),
            lambda value: value.replace(tzinfo=None) if isinstance(value, datetime) else value,
        )


class CutsMicroseconds(Broken):
    def add(self, record: Any) -> Any:
        return changed(
            self.sound.add(record),
            lambda value: value.replace(microsecond=0) if isinstance(value, datetime) else value,
        )


class GivesPlainText(Broken):
    def get(self, kind: Any, key: Any) -> Any:
        return changed(self.sound.get(kind, key), lambda value: str(value) if isinstance(value, str) else value)


class TakesEmptyForAbsent(Broken):
    def add(self, record: Any) -> Any:
        return self.sound.add(changed(record, lambda value: "" if value is None else value))


class DropsTrailingBlanks(Broken):
    def add(self, record: Any) -> Any:
        def strip(value: Any) -> Any:
            return value.rstrip(" ") if type(value) is str else value

        return self.sound.add(changed(record, strip))


class CutsLongText(Broken):
    def add(self, record: Any) -> Any:
        def cut(value: Any) -> Any:
            return value[:65_535] if type(value) is str else value

        return self.sound.add(changed(record, cut))


class ComparesAbsentValues(Broken):
    def find(self, query: Any) -> Any:
        def or_null(part: Condition) -> Any:
            return AnyOf((part, is_null(part.field))) if part.op is Op.NE else part

        return self.sound.find(rewritten(query, or_null))


class FindsNullByEquality(Broken):
    def find(self, query: Any) -> Any:
        def null(part: Condition) -> Any:
            return is_null(part.field) if part.op is Op.EQ and part.value is None else part

        return self.sound.find(rewritten(query, null))


class TakesAnyForOneOfNone(Broken):
    def find(self, query: Any) -> Any:
        where = tuple(part for part in query.where if getattr(part, "value", None) != ())
        return self.sound.find(evolve(query, where=where))


class IgnoresCase(Broken):
    def find(self, query: Any) -> Any:
        def lower(value: Any) -> Any:
            return value.lower() if type(value) is str else value

        wanted = rewritten(query, lambda part: evolve(part, value=lower(part.value)))
        return [
            record
            for record in self.sound.find(evolve(query, where=()))
            if select([changed(record, lower)], evolve(wanted, order=(), after=None, limit=None))
        ]


class SortsPrioritiesByName(Broken):
    def find(self, query: Any) -> Any:
        found = self.sound.find(query)
        if query.order and query.order[0].field == "priority":
            found.sort(key=lambda r: r.priority.value, reverse=query.order[0].descending)
        return found


class PutsAbsentFirst(Broken):
    def find(self, query: Any) -> Any:
        found = self.sound.find(query)
        for key in query.order[:1]:
            found.sort(key=lambda record: getattr(record, key.field) is not None)
        return found


class SkipsTies(Broken):
    def find(self, query: Any) -> Any:
        if query.after is None:
            return self.sound.find(query)
        first: Order = query.order[0]
        found = self.sound.find(evolve(query, after=None, limit=None))
        page = Query(query.kind, order=(first,), after=query.after[:1], limit=query.limit)
        return select(found, page)


class CountsOnlyThePage(Broken):
    def count(self, query: Any) -> int:
        return len(self.sound.find(query))


class CountsByText(Broken):
    def count_by(self, query: Any, field: str) -> Any:
        return {str(value): n for value, n in self.sound.count_by(query, field).items()}


class ClaimsWithoutMoving(Broken):
    def claim(self, query: Any, until: datetime) -> Any:
        return [evolve(message, next_attempt=until) for message in self.sound.find(query)]


class OtherWords(Broken):
    """It has rules of its own about which texts a word is in."""

    def texts(self, ticket: Any, search: Search) -> list[str]:
        said = self.sound.find(Query(Comment, (eq("ticket_guid", ticket.guid),)))
        shown = [comment.text for comment in said if search.internal or not comment.is_internal]
        return [ticket.subject, ticket.description, ticket.problem_analysis, *shown]

    def fits(self, ticket: Any, search: Search) -> bool:
        return found(search, self.texts(ticket, search))

    def find(self, query: Any) -> Any:
        if query.search is None:
            return self.sound.find(query)
        whole = self.sound.find(evolve(query, search=None, limit=None, after=None))
        return select([record for record in whole if self.fits(record, query.search)], evolve(query, search=None))


class FindsPartsOfWords(OtherWords):
    def fits(self, ticket: Any, search: Search) -> bool:
        text = " ".join(word for text in self.texts(ticket, search) for word in words(text))
        return all(word in text for word in search.words)


class IgnoresAccents(OtherWords):
    def texts(self, ticket: Any, search: Search) -> list[str]:
        texts = super().texts(ticket, search)
        plain = [normalize("NFD", text).encode("ascii", "ignore").decode() for text in texts]
        return [*texts, *plain]


class FindsAnyWord(OtherWords):
    def fits(self, ticket: Any, search: Search) -> bool:
        return any(super(FindsAnyWord, self).fits(ticket, evolve(search, words=(word,))) for word in search.words)


class FindsWordsOfOneText(OtherWords):
    def fits(self, ticket: Any, search: Search) -> bool:
        return any(found(search, [text]) for text in self.texts(ticket, search))


class OverlooksTheAnalysis(OtherWords):
    def texts(self, ticket: Any, search: Search) -> list[str]:
        return super().texts(evolve(ticket, problem_analysis=""), search)


class TellsInternalComments(OtherWords):
    def texts(self, ticket: Any, search: Search) -> list[str]:
        return super().texts(ticket, evolve(search, internal=True))


class HidesInternalComments(OtherWords):
    def texts(self, ticket: Any, search: Search) -> list[str]:
        return super().texts(ticket, evolve(search, internal=False))


class SearchesOnlyThePage(OtherWords):
    def find(self, query: Any) -> Any:
        page = self.sound.find(evolve(query, search=None))
        return [record for record in page if query.search is None or self.fits(record, query.search)]


class CountsWithoutSearching(Broken):
    def count(self, query: Any) -> int:
        return int(self.sound.count(evolve(query, search=None)))


class CountsByWithoutSearching(Broken):
    def count_by(self, query: Any, field: str) -> Any:
        return self.sound.count_by(evolve(query, search=None), field)


class KeepsOldWords(Broken):
    def save(self, record: Any) -> Any:
        before = self.sound.get(type(record), getattr(record, KINDS[type(record)].key))
        saved = self.sound.save(record)
        if isinstance(before, Ticket):
            text = f"{before.subject} {before.description} {before.problem_analysis}"
            self.sound.add(make_comment(ticket_guid=before.guid, text=text))
        return saved


class LeavesWordsBehind(Broken):
    def save(self, record: Any) -> Any:
        before = self.sound.get(type(record), getattr(record, KINDS[type(record)].key))
        if isinstance(before, Comment) and before.ticket_guid != record.ticket_guid:
            self.sound.add(evolve(before, guid=f"copy of {before.guid}"))
        return self.sound.save(record)


class KeepsWordsOfTheRemoved(Broken):
    def remove(self, record: Any) -> None:
        self.sound.remove(record)
        if isinstance(record, Ticket):
            self.sound.add(make_comment(ticket_guid=record.guid, text=record.subject))


class SearchesWhatIsCommitted(BrokenRepository):
    """A search does not see what its own transaction has done."""

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Any]:
        opened = super().transaction

        class Late(Broken):
            def find(self, query: Any) -> Any:
                if query.search is None:
                    return self.sound.find(query)
                with MemoryRepository.transaction(repository, read_only=True) as transaction:
                    return transaction.find(query)

        repository = self
        self.broken = Late
        with opened(read_only=read_only) as transaction:
            yield transaction


class StoresDespiteExceptions(BrokenRepository):
    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Any]:
        caught: BaseException | None = None
        with super().transaction(read_only=read_only) as transaction:
            try:
                yield transaction
            except Exception as error:  # noqa: BLE001 - it is raised again below
                caught = error
        if caught is not None:
            raise caught


class SwallowsExceptions(BrokenRepository):
    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Any]:
        try:
            with super().transaction(read_only=read_only) as transaction:
                yield transaction
        except Exception as error:
            raise RepositoryError("it failed") from error


class WritesWhenReading(BrokenRepository):
    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Any]:
        with super().transaction() as transaction:
            yield transaction


class ReadsWhatIsNew(BrokenRepository):
    """Its readers see every commit of others at once."""

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Any]:
        opened = super().transaction

        class Unstable:
            def __getattr__(self, name: str) -> Any:
                def call(*arguments: Any) -> Any:
                    with opened(read_only=True) as transaction:
                        return getattr(transaction, name)(*arguments)

                return call

        if read_only:
            yield Unstable()
        else:
            with opened() as transaction:
                yield transaction


class RemembersAnswers(BrokenRepository):
    """What was asked once is answered the same for ever."""

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Any]:
        answers: dict[Any, Any] = self.__dict__.setdefault("answers", {})

        class Remembering(Broken):
            def find(self, query: Any) -> Any:
                return list(answers.setdefault(query, self.sound.find(query)))

        self.broken = Remembering
        with super().transaction(read_only=read_only) as transaction:
            yield transaction


TRANSACTIONS: list[tuple[type[Broken], str]] = [
    (LosesUpdates, "a_stale_record_is_not_saved"),
    (ReusesNumbers, "a_number_is_never_reused"),
    (NumbersByCounting, "numbers_go_on_above_one_that_was_brought_along"),
    (IgnoresDoubles, "a_key_cannot_be_taken_twice"),
    (InsertsOnSave, "what_is_not_there_cannot_be_saved"),
    (MissesTheRemoved, "removing_what_is_gone_is_no_error"),
    (ForgetsTimeZones, "every_field_of_every_kind_comes_back"),
    (CutsMicroseconds, "every_field_of_every_kind_comes_back"),
    (GivesPlainText, "every_word_of_a_vocabulary_comes_back_as_a_member"),
    (TakesEmptyForAbsent, "absent_and_empty_stay_apart"),
    (DropsTrailingBlanks, "text_comes_back_unchanged"),
    (CutsLongText, "long_text_comes_back_whole"),
    (ComparesAbsentValues, "absent_values_are_never_compared"),
    (FindsNullByEquality, "absent_values_are_never_compared"),
    (TakesAnyForOneOfNone, "one_of_none_and_one_of_many"),
    (IgnoresCase, "text_is_compared_exactly"),
    (SortsPrioritiesByName, "priorities_sort_by_urgency"),
    (PutsAbsentFirst, "absent_values_come_last"),
    (SkipsTies, "pages_follow_each_other"),
    (CountsOnlyThePage, "random_questions_are_answered_as_defined"),
    (CountsOnlyThePage, "counting_takes_everything"),
    (CountsByText, "counting_by_a_field"),
    (ClaimsWithoutMoving, "a_claim_moves_what_is_due"),
    (ClaimsWithoutMoving, "nothing_is_claimed_twice"),
    (FindsPartsOfWords, "a_word_is_what_it_is_everywhere"),
    (FindsPartsOfWords, "random_searches_are_answered_as_defined"),
    (IgnoresAccents, "a_word_is_what_it_is_everywhere"),
    (FindsAnyWord, "every_word_of_a_search_counts"),
    (FindsWordsOfOneText, "every_word_of_a_search_counts"),
    (OverlooksTheAnalysis, "a_saved_ticket_has_its_new_words"),
    (TellsInternalComments, "internal_comments_are_found_when_asked_for"),
    (HidesInternalComments, "internal_comments_are_found_when_asked_for"),
    (SearchesOnlyThePage, "a_search_is_one_more_condition"),
    (CountsWithoutSearching, "a_search_is_one_more_condition"),
    (CountsByWithoutSearching, "a_search_is_one_more_condition"),
    (KeepsOldWords, "a_saved_ticket_has_its_new_words"),
    (LeavesWordsBehind, "a_saved_comment_is_found_where_it_is"),
    (KeepsWordsOfTheRemoved, "what_is_removed_is_not_found"),
]

REPOSITORIES: list[tuple[type[BrokenRepository], str]] = [
    (StoresDespiteExceptions, "an_exception_leaves_nothing"),
    (SwallowsExceptions, "an_exception_leaves_nothing"),
    (WritesWhenReading, "a_read_only_transaction_refuses_writes"),
    (ReadsWhatIsNew, "a_writer_does_not_wait_for_a_reader"),
    (RemembersAnswers, "every_change_is_seen_at_once"),
    (SearchesWhatIsCommitted, "a_search_sees_what_its_transaction_does"),
]


FAILURES = (AssertionError, TicketcoreError, pytest.fail.Exception)


def run(name: str, repository: MemoryRepository) -> None:
    getattr(RepositorySuite(), f"test_{name}")(repository)


@pytest.mark.parametrize("name", sorted({name for _, name in [*TRANSACTIONS, *REPOSITORIES]}))
def test_a_wrapped_repository_that_is_sound_passes(name: str) -> None:
    run(name, BrokenRepository())


@pytest.mark.parametrize(("broken", "name"), TRANSACTIONS)
def test_a_broken_transaction_fails(broken: type[Broken], name: str) -> None:
    with pytest.raises(FAILURES):
        run(name, BrokenRepository(broken))


@pytest.mark.parametrize(("broken", "name"), REPOSITORIES)
def test_a_broken_repository_fails(broken: type[BrokenRepository], name: str) -> None:
    with pytest.raises(FAILURES):
        run(name, broken())
