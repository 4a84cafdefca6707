"""Versions of tickets: what is stored of them, and the kinds of records of which there are any."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import frozen


@frozen(kw_only=True)
class VersionedKind:
    """A kind of record of which versions are kept: its tables, and the column that names one to people."""

    main_table: str
    nodes_table: str
    history_table: str
    name_column: str


VERSION_REGISTRY: Mapping[str, VersionedKind] = {
    "ticket": VersionedKind(
        main_table="data_ticket",
        nodes_table="data_ticket_task",
        history_table="data_ticket_history",
        name_column="TicketNumber",
    )
}
"""The kinds of records that come with ticketcore and of which versions are kept."""


@frozen(kw_only=True)
class VersionRow:
    """What one version of a ticket changed: a row of ``data_ticket_version``.

    ``version`` counts from 2: the first one is what the ticket was created as. ``changes`` is JSON: under ``ticket``
    each field that has another value as ``[old, new]``, under ``tasks`` each task by its guid as ``[old, new]``, whole
    tasks or null. ``history_seq`` is the last row of the history that belongs to it.
    """

    guid: str
    ticket_guid: str
    version: int
    history_seq: int
    changes: str
    changed_by: str
    package: str
    created_date: datetime


FIRST_VERSION = 1
"""What a ticket is created as."""
