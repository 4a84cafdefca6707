"""Linking and merging on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]


@pytest.fixture
def three(done: Done) -> None:
    """Make three tickets."""
    for subject in ("Printer on fire", "Smoke in the hall", "Cable is broken"):
        done("create", subject, "--requested-by", f"{subject.split()[0].lower()}@example.com")


@pytest.mark.usefixtures("three")
def test_a_link_is_made_shown_from_both_sides_and_removed(done: Done, data: Data) -> None:
    assert done("link", "1", "2", "--type", "causes") == "Ticket 1 CAUSES ticket 2\n"
    made = data("link", "#1", "3", "--type", "BLOCKED_BY")
    assert (made["source_guid"], made["link_type"]) == (data("read", "3")["guid"], "BLOCKS")
    table = done("links", "1")
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["CAUSES", "BLOCKED_BY"]
    assert "Smoke in the hall" in table
    assert made["guid"] in table
    (back,) = data("links", "2")
    assert (back["link_type"], back["ticket_number"], back["subject"]) == ("CAUSED_BY", 1, "Printer on fire")
    assert (back["status"], back["created_by"]) == ("NEW", "ann")
    assert done("unlink", back["link_guid"]) == "Link removed: CAUSES\n"
    assert data("unlink", made["guid"]) == made
    assert done("links", "1") == "No links.\n"
    assert data("links", "1") == []
    told = [row["action"] for row in data("history", "1")]
    assert told == ["CREATED", "LINKED", "LINKED", "UNLINKED", "UNLINKED"]
    assert "BLOCKED_BY 3" in done("history", "1")


@pytest.mark.usefixtures("three")
def test_whoever_linked_is_shown_by_name(done: Done) -> None:
    done("add-person", "Ann Lee", "ann@example.com", "--username", "ann")
    done("link", "1", "2", "--type", "CAUSES")
    assert "  Ann Lee  " in done("links", "1")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["link", "1", "1", "--type", "BLOCKS"], "target_guid: ticket 1 cannot be linked to itself"),
        (["link", "1", "2", "--type", "BLOCKS"], "target_guid: ticket 1 BLOCKS 2 already"),
        (["link", "3", "1", "--type", "BLOCKS"], "target_guid: would make a cycle: 3 BLOCKS 1 BLOCKS 2 BLOCKS 3"),
        (
            ["link", "1", "9", "--type", "BLOCKS"],
            "there is no ticket 9 (give a ticket number or a guid; ticketcore list shows them)",
        ),
        (["links", "9"], "there is no ticket 9 (give a ticket number or a guid; ticketcore list shows them)"),
        (["unlink", "x"], "there is no link x (ticketcore links T shows those of a ticket)"),
        (["merge", "1", "1"], "target: ticket 1 cannot be merged into itself"),
        (
            ["merge", "1", "9"],
            "there is no ticket 9 (give a ticket number or a guid; ticketcore list shows them)",
        ),
        (
            ["merge", "1", "3"],
            "source: would make a cycle: 3 BLOCKS 2 BLOCKS 3 (remove one of these links first: ticketcore unlink)",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refusals_are_one_line(run: Run, done: Done, arguments: list[str], error: str) -> None:
    done("link", "1", "2", "--type", "BLOCKS")
    done("link", "2", "3", "--type", "BLOCKS")
    result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {error}\n")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    "arguments",
    [["link", "1", "2"], ["link", "1", "2", "--type", "LIKES"], ["link", "1"], ["merge", "1"], ["merge"], ["unlink"]],
    ids=" ".join,
)
def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("Error: ") == 1


@pytest.mark.usefixtures("three")
def test_a_dry_run_shows_what_would_come_along(done: Done, data: Data) -> None:
    done("comment", "1", "hello")
    done("comment", "2", "psst", "--internal")
    done("link", "1", "3", "--type", "BLOCKS")
    done("link", "1", "2", "--type", "BLOCKS")
    before = data("read", "3")
    text = done("merge", "1", "2", "3", "--dry-run")
    assert text.startswith("Tickets 1, 2 would be merged into ticket 3; nothing is changed. What would come along:\n")
    facts = dict(line.split(maxsplit=1) for line in text.splitlines()[1:] if not line.startswith("Time"))
    assert facts == {
        "Comments": "2",
        "Tasks": "0",
        "Links": "0 (2 dropped)",
        "Watchers": "printer@example.com, smoke@example.com",
    }
    assert "Time entries" in text
    preview = data("merge", "1", "2", "3", "--dry-run")
    assert (preview["comments"], preview["dropped_links"], preview["minutes"]) == (2, 2, 0)
    assert preview["watchers"] == ["printer@example.com", "smoke@example.com"]
    assert data("read", "3") == before


@pytest.mark.usefixtures("three")
def test_a_dry_run_of_what_would_be_refused_is_refused(run: Run, done: Done) -> None:
    done("merge", "1", "2")
    for arguments in (["merge", "3", "1", "--dry-run"], ["merge", "3", "1"]):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == "Error: ticket: ticket 1 was merged into ticket 2; use that one\n"


@pytest.mark.usefixtures("three")
def test_a_merged_ticket_says_where_it_went(done: Done, data: Data) -> None:
    assert "Merged into" not in done("read", "1")
    assert done("merge", "1", "2") == "Ticket 1 merged into ticket 2\n"
    made = data("merge", "#2", "3")
    assert (made["ticket_number"], made["watchers"]) == (3, ["printer@example.com", "smoke@example.com"])
    assert made["merged_guids"] == [data("read", n)["guid"] for n in ("2", "1")]
    for number in ("1", "2"):
        card = done("read", number)
        assert "CANCELLED" in card
        assert ["Merged", "into", "#3", "Cable", "is", "broken"] in [line.split() for line in card.splitlines()]
    assert data("read", "1")["merged_into"] == data("read", "2")["guid"]
    assert "Merged into" not in done("read", "3")
    assert "into ticket 3" in done("history", "2")


@pytest.mark.usefixtures("three")
def test_several_tickets_are_merged_or_none(run: Run, done: Done, data: Data) -> None:
    result = run("merge", "1", "9", "3")
    assert (result.exit_code, data("read", "1")["status"]) == (1, "NEW")
    assert done("merge", "1", "2", "#1", "3") == "Tickets 1, 2 merged into ticket 3\n"
    assert [data("read", n)["status"] for n in ("1", "2", "3")] == ["CANCELLED", "CANCELLED", "NEW"]


@pytest.mark.usefixtures("three")
def test_what_people_typed_is_shown_harmlessly(done: Done) -> None:
    done("update", "2", "--subject", "\x1b[31mred [bold]x[/bold]")
    done("link", "1", "2", "--type", "BLOCKS")
    assert "\\x1b[31mred [bold]x[/bold]" in done("links", "1")
    done("merge", "3", "2")
    assert "\\x1b[31mred [bold]x[/bold]" in done("read", "3")
