"""People on the command line: whoever is known is shown by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Data = Callable[..., Any]
Done = Callable[..., str]

BO = "bo@example.com"


def test_somebody_known_is_shown_by_name_whatever_they_are_called(done: Done, data: Data) -> None:
    done("create", "Printer", "--requested-by", "bo", "--assign-to", BO, "--by", "bo")  # nobody knows him yet
    assert data("read", "1")["assigned_to_name"] == BO
    done("add-person", "Bo Berg", BO, "--username", "bo")
    found = data("read", "1")
    assert (found["assigned_to"], found["assigned_to_name"], found["requested_by"]) == (BO, "Bo Berg", "bo")
    card = done("read", "1")
    assert "Requested by  Bo Berg (INTERNAL)" in card
    assert "Assigned to   Bo Berg" in card
    assert "Bo Berg" in done("list")
    done("comment", "1", "Soon", "--by", "bo")
    rows = done("history", "1").splitlines()[2:]
    assert [row.split()[4:6] for row in rows] == [["Bo", "Berg"]] * 3
    assert {row["action_by"] for row in data("history", "1")} == {"bo"}


def test_everybody_is_listed_by_name(done: Done, data: Data) -> None:
    assert done("list-people") == "Nobody is known yet.\n"
    done("add-person", "Cy", "cy@example.com", "--staff")
    done("add-person", "Bo Berg", BO)
    assert [(one["name"], one["is_staff"]) for one in data("list-people")] == [("Bo Berg", False), ("Cy", True)]
    assert [line.split()[-2:-1] for line in done("list-people").splitlines()[2:]] == [["yes"], ["yes"]]
