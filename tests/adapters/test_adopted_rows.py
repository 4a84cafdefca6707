"""Rows of another program in a database that was adopted: read as they are, changed, and followed from there on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.adapters.test_adopt import ONE, ROW, ROWS, make_theirs, run_on
from ticketcore.adapters.system import PlayedClock
from ticketcore.desk import Desk
from ticketcore.domain.flaws import Flaw
from ticketcore.domain.history import verify_whole
from ticketcore.domain.ticket import Priority, Status
from ticketcore.errors import RejectedError
from ticketcore.ports.adoption import Fit

MakeDesk = Callable[..., Desk]

EMPTY = f"""INSERT INTO data_ticket (TicketNumber, Guid, Status, CreatedDate, UpdatedDate)
  VALUES (20, '{ONE}', 'NEW', '2026-01-05 09:00:00', '2026-01-05 09:00:00')"""  # noqa: S608 - our own values


def flaws(desk: Desk) -> list[Flaw]:
    found: list[Flaw] = []
    desk.store.verify(found.append)
    return found


def test_instants_are_as_fine_as_the_columns_so_that_histories_stay_whole(
    make_desk: MakeDesk, mariadb_url: str, clock: PlayedClock
) -> None:
    make_theirs(mariadb_url, *ROWS)
    clock.set(datetime(2026, 3, 2, 8, 0, 1, 234567, tzinfo=UTC))
    desk = make_desk(mariadb_url)
    desk.adopt_store(action_by="ann")
    desk.tickets.change_status(17, "ON_HOLD", action_by="ann")
    desk.comments.add_comment(17, "wait", commented_by="ann")
    new = desk.tickets.create("new", watchers=["w@example.com"], action_by="ann")
    desk.comments.add_comment(new, "seen", commented_by="ann")
    desk.time.log_time(new, "ann@example.com", 5)
    desk.tasks.add_task(new, "do it", action_by="ann")
    assert new.created_date == datetime(2026, 3, 2, 8, 0, 1, tzinfo=UTC)
    assert desk.tickets.read(new.guid).created_date == new.created_date
    assert verify_whole(desk.queries.get_history(17)) == []
    assert flaws(desk) == []


def test_what_was_left_out_is_read_as_empty(make_desk: MakeDesk, mariadb_url: str) -> None:
    make_theirs(mariadb_url, EMPTY)
    desk = make_desk(mariadb_url)
    notes = [str(note) for note in desk.adopt_store(action_by="ann").notes]
    text = "data_ticket.AssignedTo: is NULL in 1 row: read as empty, but not found by who looks for that"
    hint = "(UPDATE data_ticket SET AssignedTo = '' WHERE AssignedTo IS NULL)"
    assert f"{text} {hint}" in notes
    (ticket,) = desk.queries.get_open_tickets()
    assert (ticket.ticket_number, ticket.subject, ticket.description, ticket.assigned_to) == (20, "", "", "")
    changed = desk.tickets.update(20, subject="named", action_by="ann")
    assert (changed.subject, changed.row_version) == ("named", 2)
    assert [one.ticket_number for one in desk.queries.search("named")] == [20]
    assert flaws(desk) == []


@pytest.mark.parametrize("column", ["ENUM('new','triaged')", "VARCHAR(20)"])
def test_words_in_small_letters_are_the_same_words(make_desk: MakeDesk, mariadb_url: str, column: str) -> None:
    make_theirs(mariadb_url, ROW.format(number=1, guid=ONE, subject="a", status="new"), status=column)
    desk = make_desk(mariadb_url)
    notes = {str(note) for note in desk.adopt_store(action_by="ann").notes if note.fit is Fit.DIFFERS}
    if column.startswith("ENUM"):
        lacks = "IN_PROGRESS, ON_HOLD, ESCALATED, RESOLVED, CLOSED, CANCELLED"
        assert f"data_ticket.Status: is an ENUM without {lacks}: a row that needs it is refused" in notes
    assert desk.tickets.read(1).status is Status.NEW
    assert [one.ticket_number for one in desk.queries.get_tickets_by_filter(status="NEW")] == [1]
    assert desk.queries.get_status_summary()["NEW"] == 1
    assert desk.tickets.change_status(1, "TRIAGED", action_by="ann").status is Status.TRIAGED
    assert flaws(desk) == []


def test_words_that_are_written_in_several_ways_are_counted_together(make_desk: MakeDesk, sqlite_file: Path) -> None:
    url = f"sqlite:///{sqlite_file}"
    make_theirs(
        url, *ROWS, ROW.format(number=19, guid="0b5f9a3e-0000-4000-8000-000000000003", subject="a", status="New ")
    )
    run_on(url, "UPDATE data_ticket SET Priority = 'high' WHERE TicketNumber = 18")
    desk = make_desk(url)
    notes = [str(note) for note in desk.adopt_store(action_by="ann").notes if note.fit is Fit.DIFFERS]
    words = "NEW, TRIAGED, IN_PROGRESS, ON_HOLD, ESCALATED, RESOLVED, CLOSED, CANCELLED"
    assert f"data_ticket.Status: 'New ' in 1 row is read as one of {words}" in notes
    assert desk.queries.get_status_summary("CORE")["NEW"] == 2
    assert (desk.tickets.read(19).status, desk.tickets.read(18).priority) == (Status.NEW, Priority.HIGH)


def test_a_history_in_other_words_does_not_stop_the_clocks(make_desk: MakeDesk, mariadb_url: str) -> None:
    make_theirs(mariadb_url, *ROWS)
    run_on(mariadb_url, "UPDATE data_ticket_history SET OldValue = 'Brand new' WHERE Guid = 'h2'")
    desk = make_desk(mariadb_url)
    desk.adopt_store(action_by="ann")
    assert desk.tickets.resolve(17, action_by="ann").status is Status.RESOLVED
    assert verify_whole(desk.queries.get_history(17)) == []


def test_dates_of_zeros_count_as_empty_and_are_told(make_desk: MakeDesk, mariadb_url: str) -> None:
    make_theirs(mariadb_url, *ROWS)
    run_on(mariadb_url, "UPDATE data_ticket SET ResolvedDate = '0000-00-00', EstimatedDate = '2026-02-00 00:00:00'")
    desk = make_desk(mariadb_url)
    notes = [str(note) for note in desk.adopt_store(action_by="ann").notes]
    assert any(note.startswith("data_ticket.ResolvedDate, EstimatedDate: is no date") for note in notes)
    ticket = desk.tickets.read(17)
    assert (ticket.resolved_date, ticket.estimated_date) == (None, None)
    assert {flaw.ticket_number for flaw in flaws(desk)} == {17, 18}
    desk.tickets.set_eta(17, "2026-05-01", action_by="ann")
    assert {flaw.where.partition(",")[0] for flaw in flaws(desk) if flaw.ticket_number == 17} <= {
        "data_ticket.ResolvedDate"  # nobody has touched it
    }
    assert desk.tickets.read(17).estimated_date == datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)


def test_a_status_that_an_enum_lacks_is_refused_and_nothing_changes(make_desk: MakeDesk, mariadb_url: str) -> None:
    make_theirs(mariadb_url, ROW.format(number=1, guid=ONE, subject="a", status="NEW"), status="ENUM('NEW','TRIAGED')")
    desk = make_desk(mariadb_url)
    desk.adopt_store(action_by="ann")
    with pytest.raises(RejectedError, match="does not fit into the database"):
        desk.tickets.cancel(1, action_by="ann")
    assert desk.tickets.read(1).status is Status.NEW
