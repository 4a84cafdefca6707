"""A desk whose store is found as that of any installed plugin is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from ticketcore import PlayedClock, open_desk
from ticketcore.config.schema import Config, DatabaseSection, EmailSection
from ticketcore.desk import Desk
from ticketcore.errors import ConfigError, ConflictError

ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"


@pytest.fixture
def _announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave on the path what installing the package leaves there."""
    if any(entry.module == "ticketcore_lmdb.plugin" for entry in entry_points(group="ticketcore")):
        return
    info = tmp_path / "site" / "ticketcore_lmdb-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ticketcore-lmdb\nVersion: 0.1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[ticketcore]\nlmdb = ticketcore_lmdb.plugin\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(info.parent))


def open_on(url: str, tmp_path: Path) -> Desk:
    config = Config(database=DatabaseSection(url=url), email=EmailSection(folder=tmp_path / "mail"))
    return open_desk(config, clock=PlayedClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC)))


@pytest.fixture
def desk(_announced: None, folder: Path, tmp_path: Path) -> Iterator[Desk]:
    with open_on(f"lmdb:///{folder}", tmp_path) as desk:
        yield desk


def test_a_ticket_goes_its_whole_way(desk: Desk, folder: Path, tmp_path: Path) -> None:
    assert desk.store_status().state == "missing"
    desk.rules.auto_assign_add_rule("CORE", BOB, action_by=ANN)
    ticket = desk.tickets.create("Printer", requested_by=ANN, watchers=[EVE], action_by=ANN)
    assert (ticket.ticket_number, ticket.assigned_to) == (1, BOB)
    for status in ("TRIAGED", "IN_PROGRESS"):
        desk.tickets.change_status(1, status, action_by=BOB)
    desk.comments.add_comment(1, "It is out now.", commented_by=BOB)
    desk.tickets.change_status(1, "RESOLVED", action_by=BOB)
    desk.tickets.change_status(1, "CLOSED", action_by=ANN)
    with pytest.raises(ConflictError):
        desk.tickets.update(ticket, subject="late", action_by=EVE)
    assert desk.queries.verify_history(1) == []
    assert {message.state for message in desk.notifications.list_outbox()} == {"DELIVERED"}
    before = (desk.tickets.read(1), desk.queries.get_history(1), desk.queries.get_status_summary())
    desk.close()
    with open_on(f"lmdb:///{folder}", tmp_path) as again:
        assert again.store_status().ready
        assert (again.tickets.read(1), again.queries.get_history(1), again.queries.get_status_summary()) == before
        assert again.tickets.create("Next", requested_by=ANN, action_by=ANN).ticket_number == 2


def test_two_desks_work_on_one_store(desk: Desk, folder: Path, tmp_path: Path) -> None:
    desk.tickets.create("one", action_by=ANN)
    with open_on(f"lmdb:///{folder}", tmp_path) as other:
        other.tickets.update(1, subject="two", action_by=BOB)
    assert desk.tickets.read(1).subject == "two"


@pytest.mark.usefixtures("_announced")
def test_a_wrong_url_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    with open_on("lmdb:tickets", tmp_path) as desk, pytest.raises(ConfigError, match=r"^database\.url: "):
        desk.store_status()
