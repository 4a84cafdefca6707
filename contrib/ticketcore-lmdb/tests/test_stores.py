"""Which URLs and folders are stores, and what becomes of those that are none."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest
from ticketcore.domain.query import Query, eq
from ticketcore.domain.ticket import Status, Ticket
from ticketcore.errors import ConfigError, ConflictError, RepositoryError, SchemaError
from ticketcore.testing.records import make_person, make_ticket
from ticketcore.testing.repository.base import contents, find, store

from ticketcore_lmdb.repository import LmdbRepository

Open = Callable[..., LmdbRepository]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def raw(folder: Path) -> lmdb.Environment:
    return lmdb.open(str(folder), map_size=2**24)


def doors(repository: LmdbRepository) -> list[Callable[[], object]]:
    return [
        lambda: store(repository, make_ticket()),
        lambda: find(repository, Query(Ticket)),
        repository.prepare,
        repository.upgrade,
    ]


def assert_refused(repository: LmdbRepository, state: str, words: str) -> None:
    assert repository.status().state == state
    for door in doors(repository):
        with pytest.raises(SchemaError, match=words) as refused:
            door()
        assert repository.location in refused.value.message
        assert refused.value.hint


# URLs


@pytest.mark.parametrize(
    "url",
    ["lmdb:", "lmdb://", "lmdb:///", "lmdb:tickets", "lmdb://host/tickets", "lmdb:///?map_size=1048576", "sqlite:///x"],
)
def test_a_url_without_a_folder_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"expected one such as lmdb:///tickets") as refused:
        LmdbRepository(url)
    assert [problem.field for problem in refused.value.problems] == ["database.url"]


@pytest.mark.parametrize("options", ["size=1", "map_size=1048576&mode=ro", "readonly"])
def test_an_unknown_option_is_refused(options: str) -> None:
    with pytest.raises(ConfigError, match="known: map_size"):
        LmdbRepository(f"lmdb:///tickets?{options}")


@pytest.mark.parametrize("size", ["", "0", "-1", "1048575", "1e9", "1GB", "٣٣٣٣٣٣٣٣", "9" * 16, "9" * 9999])
def test_a_wrong_size_is_refused(size: str) -> None:
    with pytest.raises(ConfigError, match="map_size"):
        LmdbRepository(f"lmdb:///tickets?map_size={size}")


def test_three_slashes_begin_a_relative_folder_and_four_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative, absolute = LmdbRepository("lmdb:///tickets"), LmdbRepository(f"lmdb:///{tmp_path}/tickets")
    relative.prepare()
    assert (tmp_path / "tickets").is_dir()
    assert relative.status().location == "tickets"
    assert absolute.status().location == f"{tmp_path}/tickets"
    assert absolute.status().ready
    relative.close()
    absolute.close()


# Folders


def test_a_look_at_a_missing_folder_makes_none(open_store: Open, folder: Path) -> None:
    assert open_store().status().state == "missing"
    assert not folder.exists()


def test_the_first_transaction_makes_the_store(open_store: Open, folder: Path) -> None:
    store(open_store(), make_ticket())
    assert sorted(files(folder)) == ["data.mdb", "lock.mdb", "ticketcore.lock"]


def test_an_empty_folder_becomes_a_store(open_store: Open, folder: Path) -> None:
    folder.mkdir()
    repository = open_store()
    assert repository.status().state == "missing"
    assert files(folder) == {}
    assert repository.prepare().ready


@pytest.mark.parametrize("leftovers", [("data.mdb",), ("lock.mdb", "ticketcore.lock"), ("data.mdb", "ticketcore.lock")])
def test_what_a_process_left_that_died_while_it_made_a_store_becomes_one(
    open_store: Open, folder: Path, leftovers: tuple[str, ...]
) -> None:
    folder.mkdir()
    for name in leftovers:
        (folder / name).touch()
    repository = open_store()
    assert repository.status().state == "missing"
    assert repository.prepare().ready


def test_a_store_without_a_mark_is_one_that_was_not_finished(open_store: Open, folder: Path) -> None:
    folder.mkdir()
    raw(folder).close()
    repository = open_store()
    assert repository.status().state == "missing"
    store(repository, make_ticket())


def test_a_missing_parent_is_named_and_not_made(tmp_path: Path) -> None:
    repository = LmdbRepository(f"lmdb:///{tmp_path}/nowhere/tickets")
    for door in (repository.status, *doors(repository)):
        with pytest.raises(RepositoryError, match="nowhere does not exist"):
            door()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_store(open_store: Open, folder: Path) -> None:
    folder.write_text("a shopping list\n", encoding="utf-8")
    assert_refused(open_store(), "foreign", "something else")
    assert folder.read_text(encoding="utf-8") == "a shopping list\n"


@pytest.mark.parametrize("name", ["notes.txt", "data.mdb.bak", "tickets.db"])
def test_a_folder_with_other_files_is_left_as_it_is(open_store: Open, folder: Path, name: str) -> None:
    folder.mkdir()
    (folder / name).write_text("mine", encoding="utf-8")
    assert_refused(open_store(), "foreign", "something else")
    assert files(folder) == {name: b"mine"}


@pytest.mark.parametrize("length", [1, 20, 200, 20_000])
def test_a_file_that_is_not_lmdb_is_left_as_it_is(open_store: Open, folder: Path, length: int) -> None:
    folder.mkdir()
    (folder / "data.mdb").write_text("x" * length, encoding="utf-8")
    before = files(folder)
    assert_refused(open_store(), "foreign", "something else")
    assert files(folder) == before


@pytest.mark.parametrize("key", [b"invoice", b"ticketcore"])
def test_somebody_elses_lmdb_is_left_as_it_is(open_store: Open, folder: Path, key: bytes) -> None:
    folder.mkdir()
    with raw(folder) as other, other.begin(write=True) as transaction:
        transaction.put(key, b"7")
    (folder / "lock.mdb").unlink()
    before = files(folder)
    assert_refused(open_store(), "foreign", "something else")
    assert files(folder) == before


def test_a_copy_of_the_data_alone_is_a_store(open_store: Open, folder: Path, tmp_path: Path) -> None:
    [ticket] = store(open_store(), make_ticket())
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(folder / "data.mdb", copy)
    repository = LmdbRepository(f"lmdb:///{copy}")
    assert repository.status().ready
    assert sorted(files(copy)) == ["data.mdb"]
    assert find(repository, Query(Ticket)) == [ticket]
    repository.close()


def test_a_backup_by_lmdb_is_a_store(open_store: Open, folder: Path, tmp_path: Path) -> None:
    repository = open_store()
    tickets = store(repository, *(make_ticket() for _ in range(3)))
    backup = tmp_path / "backup"
    with repository.transaction() as transaction:
        transaction.add(make_ticket())
        subprocess.run(
            [sys.executable, "-m", "lmdb", "copy", "-e", folder, backup, "--compact"], check=True, capture_output=True
        )
    copy = LmdbRepository(f"lmdb:///{backup}")
    assert find(copy, Query(Ticket)) == tickets
    copy.close()


def test_other_files_may_lie_beside_a_store(open_store: Open, folder: Path) -> None:
    open_store().prepare()
    (folder / "notes.txt").touch()
    assert open_store().status().ready


# Layouts


def relabel(folder: Path, **changes: object) -> None:
    """Change the mark of a store that nobody has open."""
    with raw(folder) as environment, environment.begin(write=True) as transaction:
        mark = json.loads(transaction.get(b"ticketcore") or b"")
        transaction.put(b"ticketcore", json.dumps(mark | changes).encode())


@pytest.fixture
def kinds(open_store: Open, folder: Path) -> dict[str, dict[str, list[str]]]:
    """Make a store with a ticket and two people, close it, and return the kinds that its mark lists."""
    repository = open_store()
    people = (make_person(email="ann@example.com"), make_person(email="bob@example.com"))
    store(repository, make_ticket(guid="one", status=Status.CLOSED))
    store(repository, *people)
    repository.close()
    with raw(folder) as environment, environment.begin() as transaction:
        found: dict[str, dict[str, list[str]]] = json.loads(transaction.get(b"ticketcore") or b"")["kinds"]
    return found


@pytest.mark.parametrize("change", ["format", "kind", "field"])
def test_a_layout_newer_than_the_code_is_left_alone(
    open_store: Open, folder: Path, kinds: dict[str, dict[str, list[str]]], change: str
) -> None:
    if change == "format":
        relabel(folder, format=2)
    elif change == "kind":
        relabel(folder, kinds=kinds | {"Spaceship": {"key": "guid", "fields": ["guid"], "groups": []}})
    else:
        kinds["Ticket"]["fields"].append("mood")
        relabel(folder, kinds=kinds)
    before = (folder / "data.mdb").read_bytes()
    assert_refused(open_store(), "newer", "newer than this version")
    assert (folder / "data.mdb").read_bytes() == before


def age(folder: Path, kinds: dict[str, dict[str, list[str]]]) -> None:
    """Make the store one of a version that had no indexes, no outbox, and people who were all active."""
    del kinds["OutboxMessage"]
    kinds["Person"]["fields"].remove("active")
    for kind in kinds.values():
        kind["groups"] = []
    with raw(folder) as environment, environment.begin(write=True) as transaction:
        with transaction.cursor() as cursor:
            everything = list(cursor)
        for place, value in everything:
            if place.startswith(b"index\0"):
                transaction.delete(place)
            if place.startswith(b"record\0Person\0"):
                old = {name: value for name, value in json.loads(value).items() if name != "active"}
                transaction.put(place, json.dumps(old).encode())
    relabel(folder, kinds=kinds)


def test_an_older_layout_is_refused_until_it_is_upgraded(
    open_store: Open, folder: Path, kinds: dict[str, dict[str, list[str]]]
) -> None:
    repository = open_store()
    before = contents(repository)
    repository.close()
    age(folder, kinds)
    old = open_store()
    assert old.status().state == "outdated"
    assert old.status().revision != old.status().expected
    for door in doors(old)[:3]:
        with pytest.raises(SchemaError, match="db upgrade"):
            door()
    assert old.upgrade().ready
    assert old.upgrade().ready
    assert contents(old) == before
    assert find(old, Query(Ticket, (eq("status", Status.CLOSED),))) == before[Ticket]
    with pytest.raises(ConflictError):
        store(old, make_person(email="ann@example.com"))


def test_an_upgrade_that_would_break_a_rule_changes_nothing(
    open_store: Open, folder: Path, kinds: dict[str, dict[str, list[str]]]
) -> None:
    age(folder, kinds)
    with raw(folder) as environment, environment.begin(write=True) as transaction, transaction.cursor() as cursor:
        assert cursor.set_range(b"record\0Person\0")
        double = json.loads(cursor.value()) | {"person_guid": "double"}
        transaction.put(b"record\0Person\0tdouble", json.dumps(double).encode())
    old = open_store()
    with pytest.raises(SchemaError, match=r"two records of the kind Person have email ann@example\.com"):
        old.upgrade()
    assert old.status().state == "outdated"


def test_a_store_that_another_version_upgrades_meanwhile_is_refused(
    open_store: Open, folder: Path, python: Callable[[str], subprocess.Popen[str]]
) -> None:
    repository = open_store()
    store(repository, make_ticket())
    upgrade = """
import json, lmdb
with lmdb.open(sys.argv[1], map_size=2**24) as environment, environment.begin(write=True) as transaction:
    mark = json.loads(transaction.get(b"ticketcore")) | {"format": 2}
    transaction.put(b"ticketcore", json.dumps(mark).encode())
"""
    assert python(upgrade).communicate(timeout=30) == ("", "")
    for door in doors(repository):
        with pytest.raises(SchemaError, match="newer than this version"):
            door()


# Ends


def test_a_closed_repository_refuses_everything(open_store: Open) -> None:
    repository = open_store()
    repository.prepare()
    repository.close()
    for door in (repository.status, *doors(repository)):
        with pytest.raises(RepositoryError, match="closed"):
            door()


def test_nothing_is_stored_once_it_is_closed(open_store: Open) -> None:
    repository, other = open_store(), open_store()

    def close_inside() -> None:
        with repository.transaction() as transaction:
            transaction.add(make_ticket())
            repository.close()

    with pytest.raises(RepositoryError, match="closed"):
        close_inside()
    assert find(other, Query(Ticket)) == []


def test_a_reader_may_go_on_when_its_repository_is_closed(open_store: Open, folder: Path) -> None:
    repository = open_store()
    [ticket] = store(repository, make_ticket())
    with repository.transaction(read_only=True) as transaction:
        repository.close()
        assert transaction.find(Query(Ticket)) == [ticket]
    raw(folder).close()  # LMDB refuses that where the store is still open


def test_the_last_repository_closes_the_store(open_store: Open, folder: Path) -> None:
    first, second = open_store(), open_store()
    store(first, make_ticket())
    store(second, make_ticket())
    first.close()
    assert len(find(second, Query(Ticket))) == 2
    second.close()
    raw(folder).close()  # LMDB refuses that where the store is still open


def test_two_paths_of_one_folder_are_one_store(open_store: Open, folder: Path, tmp_path: Path) -> None:
    first = open_store()
    [ticket] = store(first, make_ticket())
    (tmp_path / "link").symlink_to(folder)
    second = LmdbRepository(f"lmdb:///{tmp_path}/link")
    assert find(second, Query(Ticket)) == [ticket]
    store(second, make_ticket())
    second.close()
    assert len(find(first, Query(Ticket))) == 2


def test_a_folder_that_was_replaced_is_another_store(open_store: Open, folder: Path) -> None:
    first = open_store()
    store(first, make_ticket())
    shutil.rmtree(folder)
    assert find(open_store(), Query(Ticket)) == []


def test_a_damaged_record_is_named(open_store: Open, folder: Path) -> None:
    repository = open_store()
    repository.prepare()
    repository.close()
    for value in (b"{", b"[]", b'{"guid": 7}', b"null"):
        with raw(folder) as environment, environment.begin(write=True) as transaction:
            transaction.put(b"record\0Ticket\0tone", value)
        repository = open_store()
        with pytest.raises(RepositoryError, match="a stored Ticket cannot be read") as refused:
            find(repository, Query(Ticket))
        assert refused.value.hint == "restore the store from a backup"
        repository.close()
