"""Tickets as the rows of a spreadsheet, which has to take what is in them for text and not for formulas.

What a cell begins with decides whether a spreadsheet computes it, so the text of one that begins like a formula gets an
apostrophe in front (https://owasp.org/www-community/attacks/CSV_Injection). A program may separate cells by another
character than the one that the file is written with, so the same is done behind everything that may separate cells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum

from ticketcore.domain.ticket import Ticket

COLUMNS = (
    "guid",
    "ticket_number",
    "package",
    "project",
    "subject",
    "description",
    "status",
    "priority",
    "ticket_type",
    "requested_by",
    "requested_by_type",
    "assigned_to",
    "problem_analysis",
    "work_score",
    "sla_response_deadline",
    "sla_resolution_deadline",
    "sla_response_met",
    "sla_resolution_met",
    "created_date",
    "updated_date",
    "resolved_date",
    "closed_date",
    "watchers",
    "merged_guids",
    "estimated_date",
)
"""The fields of a ticket that have a column, in order."""

HEADINGS = (*COLUMNS, "assigned_to_name")
"""The first row: the fields, and what people call the assignee."""

_TRICK = re.compile(r"""^(?=[\t\r\n])|(?:^|(?<=[,;|\t\r\n]))(?=(?:["']|[^\S\t\r\n])*[=+\-@\uff1d\uff0b\uff0d\uff20])""")
"""Where a cell may begin, and what begins there may be taken for a formula; the last four signs are full-width ones."""


def text_cell(text: str) -> str:
    """Return ``text`` as the content of a cell that no spreadsheet computes."""
    return _TRICK.sub("'", text)


def cell(value: object) -> str | int:
    """Return the content of a cell: numbers and dates (UTC) plain, text harmless, Y or N, empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, tuple):
        return text_cell(",".join(value))
    return text_cell(str(value.value if isinstance(value, Enum) else value))


def row(ticket: Ticket, names: Mapping[str, str]) -> Sequence[str | int]:
    """Return the row of a ticket; ``names`` are those of assignees."""
    name = names.get(ticket.assigned_to, ticket.assigned_to)
    return [*(cell(getattr(ticket, column)) for column in COLUMNS), text_cell(name)]
