"""What is attached to a ticket: its comments."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen


@frozen(kw_only=True)
class Comment:
    """A comment on a ticket; an internal one is for staff only."""

    guid: str
    ticket_guid: str
    text: str
    commented_by: str
    is_internal: bool = False
    package: str
    created_date: datetime
