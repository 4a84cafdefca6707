"""Identifiers: they sort by the time at which they are made."""

from __future__ import annotations

from datetime import UTC, datetime

from ticketcore.adapters.system import SystemIds


def test_identifiers_sort_by_time_and_count_up_within_an_instant() -> None:
    ids = SystemIds()
    instants = [datetime(2026, 3, 2, 8, minute, tzinfo=UTC) for minute in (0, 0, 0, 1, 2)]
    made = [ids.new(instant) for instant in instants]
    assert made == sorted(set(made))


def test_what_is_older_than_they_can_carry_sorts_first() -> None:
    old = [datetime(1, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]
    ids = SystemIds()
    later = ids.new(datetime(2026, 3, 2, tzinfo=UTC))
    made = [ids.new(instant) for instant in old]
    assert made == sorted(set(made))
    assert made[-1] < later
