"""What happens when several threads and processes work on one store, and when one of them dies."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from ticketcore.domain.query import Query
from ticketcore.domain.ticket import Ticket
from ticketcore.errors import RepositoryBusyError, RepositoryError
from ticketcore.testing.records import make_comment, make_ticket
from ticketcore.testing.repository.base import at_once, find, raised, store

from ticketcore_lmdb.repository import LmdbRepository

Open = Callable[..., LmdbRepository]
Python = Callable[[str], subprocess.Popen[str]]


def subjects(repository: LmdbRepository) -> list[str]:
    return [ticket.subject for ticket in find(repository, Query(Ticket))]


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def ended(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=30)
    assert errors == ""
    return output.strip()


HOLD = """
with repository.transaction() as transaction:
    transaction.add(make_ticket(subject="theirs"))
    say("writing")
    sys.stdin.readline()
say("done")
"""


# Turns


def test_a_writer_that_waits_too_long_for_a_thread_is_told_so(open_store: Open) -> None:
    repository = open_store(timeout=0.001)
    with repository.transaction():
        [error] = at_once(lambda: raised(store, repository, make_ticket()))
    assert isinstance(error, RepositoryBusyError)
    assert "another thread has been writing" in error.message
    assert "more than 0.001 seconds" in error.message
    store(repository, make_ticket())


def test_a_writer_that_waits_too_long_for_a_process_is_told_so(open_store: Open, python: Python) -> None:
    repository = open_store(timeout=0.05)
    store(repository, make_ticket(subject="ours"))
    other = python(HOLD)
    assert line(other) == "writing"
    begun = time.monotonic()
    with pytest.raises(RepositoryBusyError, match="another process has been writing"):
        store(repository, make_ticket())
    assert time.monotonic() - begun < 5
    assert subjects(repository) == ["ours"]
    tell(other)
    assert ended(other) == "done"
    assert sorted(subjects(repository)) == ["ours", "theirs"]


def test_a_writer_waits_for_its_turn(open_store: Open, python: Python) -> None:
    repository = open_store(timeout=30)
    repository.prepare()
    other = python(HOLD)
    assert line(other) == "writing"
    tell(other)
    store(repository, make_ticket(subject="ours"))
    assert sorted(subjects(repository)) == ["ours", "theirs"]


def test_a_second_writing_transaction_in_one_thread_is_refused_at_once(open_store: Open) -> None:
    repository, other = open_store(), open_store()
    with repository.transaction() as transaction:
        transaction.add(make_ticket(subject="outer"))
        for again in (repository, other):
            with pytest.raises(RepositoryError, match="open already"), again.transaction():
                pytest.fail("it was opened")
        assert subjects(other) == []
    assert subjects(other) == ["outer"]


def test_a_transaction_belongs_to_one_thread(open_store: Open) -> None:
    with open_store().transaction() as transaction:
        [error] = at_once(lambda: raised(transaction.find, Query(Ticket)))
    assert isinstance(error, RepositoryError)
    assert error.message == "this transaction belongs to another thread or process"


def test_two_processes_make_the_same_new_store(python: Python) -> None:
    script = """
say("ready")
sys.stdin.readline()
with repository.transaction() as transaction:
    say(transaction.add(make_ticket(guid=str(os.getpid()))).ticket_number)
"""
    both = [python(script) for _ in range(2)]
    assert [line(process) for process in both] == ["ready", "ready"]
    for process in both:
        tell(process)
    assert sorted(ended(process) for process in both) == ["1", "2"]


def test_processes_that_count_together_lose_nothing(open_store: Open, python: Python) -> None:
    script = """
say("ready")
sys.stdin.readline()
for turn in range(20):
    add(repository, f"{os.getpid()}/{turn}")
"""
    repository = open_store()
    repository.prepare()
    both = [python(script) for _ in range(2)]
    assert [line(process) for process in both] == ["ready", "ready"]
    for process in both:
        tell(process)
    for turn in range(20):
        store(repository, make_ticket(subject=f"ours/{turn}"))
    assert [ended(process) for process in both] == ["", ""]
    tickets = find(repository, Query(Ticket))
    assert sorted(ticket.ticket_number for ticket in tickets) == list(range(1, 61))
    assert len({ticket.subject for ticket in tickets}) == 60


def test_more_readers_than_there_is_room_for_are_told_so(open_store: Open) -> None:
    repository = open_store()
    store(repository, make_ticket(subject="one"))
    with ExitStack() as readers:
        for _ in range(510):
            readers.enter_context(repository.transaction(read_only=True))
        with pytest.raises(RepositoryBusyError, match="too many are using the store"):
            subjects(repository)
    assert subjects(repository) == ["one"]


# Death


def test_a_process_that_is_killed_leaves_what_it_committed_and_nothing_else(open_store: Open, python: Python) -> None:
    process = python("""
add(repository, "committed")
with repository.transaction() as transaction:
    transaction.add(make_ticket(subject="lost"))
    transaction.remove(transaction.get(Ticket, "committed"))
    say("writing")
    os.kill(os.getpid(), signal.SIGKILL)
""")
    assert line(process) == "writing"
    assert process.wait(timeout=30) == -signal.SIGKILL
    repository = open_store(timeout=5)
    assert repository.status().ready
    assert subjects(repository) == ["committed"]
    [ticket] = store(repository, make_ticket(subject="after"))
    assert ticket.ticket_number == 2


def test_a_killed_writer_does_not_stop_those_that_have_the_store_open(open_store: Open, python: Python) -> None:
    repository = open_store(timeout=10)
    store(repository, make_ticket(subject="before"))
    other = python(HOLD)
    assert line(other) == "writing"
    other.kill()
    store(repository, make_ticket(subject="after"))
    assert sorted(subjects(repository)) == ["after", "before"]


def test_a_killed_reader_does_not_keep_its_place(open_store: Open, python: Python, folder: Path) -> None:
    open_store().prepare()
    reader = python("""
with repository.transaction(read_only=True) as transaction:
    say("reading")
    sys.stdin.readline()
""")
    assert line(reader) == "reading"
    reader.kill()
    reader.wait(timeout=30)
    readers = python(
        """
subjects(repository)
say(repository._holder.environment()._lmdb.readers().count(sys.argv[2]))
""".replace("sys.argv[2]", repr(str(reader.pid)))
    )
    assert ended(readers) == "0"


# Forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_and_its_parent_both_go_on(open_store: Open, python: Python) -> None:
    # Forked in a process of its own, in which no thread runs: with threads a fork is not safe, whatever we do.
    script = """
other = LmdbRepository(url)
add(repository, "parent before")
assert subjects(other) == ["parent before"]
child = os.fork()
if child == 0:
    status = 1
    try:
        add(repository, "child")
        with other.transaction(read_only=True) as transaction:
            add(repository, "child again")
            assert len(transaction.find(Query(Ticket))) == 2
        repository.close()
        other.close()
        status = 0
    finally:
        os._exit(status)
with repository.transaction(read_only=True) as transaction:
    assert os.waitpid(child, 0)[1] == 0
add(repository, "parent after")
say(subjects(other))
repository.close()
other.close()
"""
    assert ended(python(script)) == "['child', 'child again', 'parent after', 'parent before']"
    assert len(subjects(open_store())) == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("read_only", [True, False])
def test_a_child_that_is_forked_inside_a_transaction_cannot_use_it(
    open_store: Open, python: Python, read_only: bool
) -> None:
    script = """
add(repository, "before")
child = 0
def refused(job):
    try:
        job()
    except RepositoryError as error:
        return error.message
try:
    with repository.transaction(read_only=READ_ONLY) as transaction:
        if not READ_ONLY:
            transaction.add(make_ticket(guid="inside", subject="inside"))
        child = os.fork()
        if child == 0:
            assert "another thread or process" in refused(lambda: transaction.find(Query(Ticket)))
            assert "forked while its parent had a transaction open" in refused(lambda: subjects(repository))
            assert "forked while its parent had a transaction open" in refused(lambda: add(repository, "child"))
        else:
            assert os.waitpid(child, 0)[1] == 0
            assert len(transaction.find(Query(Ticket))) == (1 if READ_ONLY else 2)
except RepositoryError as error:
    assert child == 0 and not READ_ONLY and "another thread or process" in error.message, error
if child == 0:
    os._exit(0)
add(repository, "after")
say(subjects(repository))
repository.close()
""".replace("READ_ONLY", str(read_only))
    expected = ["after", "before"] if read_only else ["after", "before", "inside"]
    assert ended(python(script)) == str(expected)
    assert subjects(open_store()) == expected


# Sizes


def test_a_store_that_is_full_says_so_and_is_read_on(open_store: Open) -> None:
    repository = open_store("?map_size=1048576")
    store(repository, make_ticket(subject="kept"))

    def swallow() -> None:
        with repository.transaction() as transaction:
            transaction.add(make_ticket())
            with pytest.raises(RepositoryError, match="largest size") as refused:
                transaction.add(make_comment(text="x" * 2**20))
            assert "map_size" in refused.value.hint

    with pytest.raises(RepositoryError, match="can only be given up"):
        swallow()
    assert subjects(repository) == ["kept"]
    store(repository, make_ticket(subject="small"))
    repository.close()
    larger = open_store("?map_size=8388608")
    store(larger, make_comment(text="x" * 2**20))
    assert sorted(subjects(larger)) == ["kept", "small"]


GROW = """
with LmdbRepository(url + "?map_size=16777216").transaction() as transaction:
    transaction.add(make_ticket(subject="large", description="x" * 2**21))
"""


@pytest.mark.parametrize("read_only", [True, False])
def test_a_store_that_another_process_made_larger_is_followed(
    open_store: Open, python: Python, read_only: bool
) -> None:
    repository = open_store("?map_size=1048576")
    store(repository, make_ticket(subject="small"))
    assert ended(python(GROW)) == ""
    if not read_only:
        store(repository, make_ticket(subject="after"))
    assert len(subjects(repository)) == (2 if read_only else 3)


def test_a_store_is_not_followed_under_a_reader(open_store: Open, python: Python) -> None:
    repository = open_store("?map_size=1048576")
    store(repository, make_ticket(subject="small"))
    with repository.transaction(read_only=True) as transaction:
        assert ended(python(GROW)) == ""
        for attempt in (lambda: subjects(repository), lambda: store(repository, make_ticket())):
            with pytest.raises(RepositoryBusyError, match=r"another process has made the store .* larger"):
                attempt()
        assert [ticket.subject for ticket in transaction.find(Query(Ticket))] == ["small"]
    assert sorted(subjects(repository)) == ["large", "small"]
