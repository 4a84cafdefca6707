"""What a spreadsheet is given: no cell of it is computed, whatever program reads it how."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketcore.domain.spreadsheet import HEADINGS, cell, row, text_cell
from ticketcore.domain.ticket import Status
from ticketcore.testing.records import make_ticket

COMPUTED = re.compile(r"""["\s]*[=+\-@＝＋－＠]""")


@given(st.text(alphabet="=+-@＝＋－＠,;|\t\r\n\"' ax\u00a0", max_size=20))
def test_no_cell_is_computed_whatever_separates_them(text: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_NONNUMERIC).writerow(["first", 1, text_cell(text), text_cell(text), "last"])
    for separator in ",;|\t":
        for line in csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=separator):
            assert not any(map(COMPUTED.match, line)), (separator, line)


@given(st.text(alphabet="=+-@,;\n'\" ax", max_size=20))
def test_apostrophes_are_all_that_is_added(text: str) -> None:
    made = text_cell(text)
    assert made.replace("'", "") == text.replace("'", "")
    assert len(made) >= len(text)


@pytest.mark.parametrize("text", ["\tx", "\rx", "\nx"])
def test_a_tabulator_or_a_line_break_at_the_beginning_is_text(text: str) -> None:
    assert text_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "a", "a=b", "a - b", "1-2", "a@example.com", "x\ny", "'quoted'", "a,b;c|d", "é = 1"]
)
def test_what_is_no_formula_stays(text: str) -> None:
    assert text_cell(text) == text


def test_values_are_plain() -> None:
    berlin = timezone(timedelta(hours=1))
    instant = datetime(2026, 3, 2, 9, 0, 0, 5, tzinfo=berlin)
    assert [cell(value) for value in (None, -5, True, False, Status.NEW, instant, ("a@b.c", "=x"))] == [
        *("", -5, "Y", "N", "NEW", "2026-03-02 08:00:00", "a@b.c,'=x"),
    ]


def test_a_row_has_a_cell_for_each_heading() -> None:
    ticket = make_ticket(assigned_to="guid", subject="=1")
    cells = dict(zip(HEADINGS, row(ticket, {"guid": "@ann"}), strict=True))
    assert (cells["subject"], cells["assigned_to"], cells["assigned_to_name"]) == ("'=1", "guid", "'@ann")
    assert cells["created_date"] == f"{ticket.created_date.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
