"""The audit chain: it verifies as written, shows every change, and lets a value be erased."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest
from attrs import evolve, fields
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.history import Action, HistoryEntry, erase, seal, verify_chain

properties = settings(derandomize=True, deadline=None, max_examples=80)

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
DIGEST = "0123456789abcdef" * 4


def trail(*values: tuple[str | None, str | None, str], salt: str = "salt") -> list[HistoryEntry]:
    """Return the chain of a ticket with one row for each (old value, new value, note)."""
    rows: list[HistoryEntry] = []
    for seq, (old, new, note) in enumerate(values, 1):
        row = HistoryEntry(
            guid=f"row-{seq}",
            ticket_guid="ticket",
            action=Action.UPDATED,
            old_value=old,
            new_value=new,
            action_by="ann",
            package="CORE",
            action_date=START + seq * timedelta(seconds=1),
            seq=seq,
            field="subject",
            note=note,
            salt=f"{salt}-{seq}" if salt else "",
            prev_hash=rows[-1].hash if rows else "",
        )
        rows.append(seal(row))
    return rows


def altered(row: HistoryEntry, **changes: object) -> HistoryEntry:
    return evolve(row, **cast("dict[str, Any]", changes))


THREE = trail((None, "first", ""), ("first", "second", "why"), ("second", "", ""))


def test_a_chain_verifies_as_it_was_written() -> None:
    assert verify_chain(THREE) == []
    assert verify_chain([]) == []


def test_a_hash_is_of_fixed_length_and_depends_on_the_row_before() -> None:
    assert all(re.fullmatch("[0-9a-f]{64}", row.hash) for row in THREE)
    assert len({row.hash for row in THREE}) == 3
    assert [row.prev_hash for row in THREE] == ["", THREE[0].hash, THREE[1].hash]


def test_the_same_instant_in_another_zone_is_the_same_row() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    assert verify_chain([altered(r, action_date=r.action_date.astimezone(zone)) for r in THREE]) == []


texts = st.text(max_size=20)
values = st.none() | texts
chains = st.lists(st.tuples(values, values, texts), min_size=1, max_size=5).map(lambda rows: trail(*rows))


@properties
@given(chains)
def test_any_chain_verifies_also_with_values_erased(rows: list[HistoryEntry]) -> None:
    assert verify_chain(rows) == []
    assert verify_chain([erase(row) for row in rows]) == []
    assert verify_chain([*map(erase, rows[:1]), *rows[1:]]) == []


def other(value: object) -> st.SearchStrategy[object]:
    """Make values of the type that ``value`` has, but not this one."""
    if isinstance(value, datetime):
        days = st.timedeltas(timedelta(days=-999), timedelta(days=999))
        return days.filter(bool).map(lambda days: value + days)
    if isinstance(value, int):
        return st.integers().filter(lambda number: number != value)
    return texts.filter(lambda text: text != value)


FIELDS = [field.name for field in fields(HistoryEntry)]


@pytest.mark.parametrize("field", FIELDS)
@settings(derandomize=True, deadline=None, max_examples=25)
@given(data=st.data())
def test_a_change_of_any_field_of_any_row_is_noticed(field: str, data: st.DataObject) -> None:
    contents = st.tuples(values, texts.filter(bool), texts)
    rows = trail(*data.draw(st.lists(contents, min_size=1, max_size=4)))
    place = data.draw(st.integers(0, len(rows) - 1))
    erased = field != "salt" and data.draw(st.booleans())
    row = erase(rows[place]) if erased else rows[place]
    changed = altered(row, **{field: data.draw(other(getattr(row, field)))})
    assert verify_chain([*rows[:place], changed, *rows[place + 1 :]])


@pytest.mark.parametrize("field", ["old_value", "new_value"])
def test_an_absent_value_and_an_empty_one_are_different(field: str) -> None:
    absent, empty = trail((None, None, "")), trail(("", "", ""))
    assert verify_chain([altered(absent[0], **{field: ""})])
    assert verify_chain([altered(empty[0], **{field: None})])


def test_values_cannot_move_from_one_field_to_another() -> None:
    row = THREE[1]
    assert verify_chain([THREE[0], altered(row, old_value=row.new_value, new_value=row.old_value)])
    assert verify_chain([THREE[0], altered(row, new_value=row.note, note=row.new_value or "")])
    assert verify_chain([altered(THREE[0], guid="row-", ticket_guid="1ticket")])


def test_what_was_changed_is_named() -> None:
    changed = altered(THREE[1], new_value="third")
    assert verify_chain([THREE[0], changed, THREE[2]]) == ["row 2 (UPDATED) was changed after it was written"]


def test_a_changed_row_with_a_new_hash_does_not_fit_the_next_one() -> None:
    changed = seal(altered(THREE[1], new_value="third"))
    assert verify_chain([THREE[0], changed, THREE[2]]) == ["row 3 does not follow the row before it"]


def test_a_row_that_was_put_in_is_noticed() -> None:
    put_in = seal(altered(THREE[1], guid="row-x", new_value="x"))
    assert verify_chain([THREE[0], put_in, *THREE[1:]])


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (THREE[1:], "row 1 is missing (found 2)"),
        ([THREE[0], THREE[2]], "row 2 is missing (found 3)"),
        ([THREE[1], THREE[0], THREE[2]], "row 1 is missing (found 2)"),
        ([THREE[0], THREE[0], *THREE[1:]], "row 2 is missing (found 1)"),
    ],
    ids=["first", "middle", "out of order", "twice"],
)
def test_missing_and_misplaced_rows_are_noticed(rows: list[HistoryEntry], problem: str) -> None:
    assert verify_chain(rows) == [problem]


def test_a_row_that_was_taken_out_and_numbered_over_is_noticed() -> None:
    third = seal(altered(THREE[2], seq=2))
    assert verify_chain([THREE[0], third]) == ["row 2 does not follow the row before it"]


# Erasing


def test_erasing_removes_the_values_and_the_salt_and_nothing_else() -> None:
    row = erase(THREE[1])
    for value in (row.old_value, row.new_value, row.note):
        assert re.fullmatch("erased:[0-9a-f]{64}", value or "")
    assert row.salt == ""
    kept = {"old_value": "first", "new_value": "second", "note": "why", "salt": "salt-2"}
    assert altered(row, **kept) == THREE[1]


def test_erasing_leaves_what_is_not_there_as_it_is() -> None:
    row = erase(trail((None, "", ""))[0])
    assert (row.old_value, row.new_value, row.note) == (None, "", "")


def test_equal_values_are_not_recognised_once_they_are_erased() -> None:
    rows = [erase(row) for row in trail((None, "same", ""), (None, "same", ""))]
    assert rows[0].new_value != rows[1].new_value


@properties
@given(chains)
def test_erasing_twice_is_erasing_once(rows: list[HistoryEntry]) -> None:
    assert [erase(erase(row)) for row in rows] == [erase(row) for row in rows]


def test_another_value_or_digest_in_the_place_of_an_erased_one_is_noticed() -> None:
    row = erase(THREE[0])
    for value in ("first", "other", f"erased:{DIGEST}", "", None):
        assert verify_chain([altered(row, new_value=value)])


# Values that look like erased ones: anybody may write such a comment


@pytest.mark.parametrize(
    "value",
    [f"erased:{DIGEST}", f"erased:{DIGEST}\n", f"erased:{DIGEST.upper()}", "erased:", DIGEST],
)
def test_a_value_that_looks_erased_is_sealed_and_erased_like_any_other(value: str) -> None:
    rows = trail((None, value, value))
    assert verify_chain(rows) == []
    row = erase(rows[0])
    assert verify_chain([row]) == []
    assert value not in {row.new_value, row.note}
    assert verify_chain([altered(rows[0], salt="other")])


def test_nobody_can_prepare_a_value_to_be_exchanged_for_another_one_later() -> None:
    """A value that is the digest of another one must not share the other one's hash."""
    prepared = erase(trail((None, "I agree to everything", ""), salt="chosen")[0]).new_value
    row = trail((None, prepared, ""))[0]
    assert verify_chain([row]) == []
    assert verify_chain([altered(row, new_value="I agree to everything", salt="chosen-1")])
