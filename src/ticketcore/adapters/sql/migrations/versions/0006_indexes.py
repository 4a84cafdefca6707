"""Indexes for every list of tickets, whatever it is narrowed down to and sorted by.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"

_Indexes = dict[str, tuple[str, tuple[str, ...]]]

_NEW: _Indexes = {
    "ix_ticket_package": ("data_ticket", ("Package", "Status", "TicketNumber")),
    "ix_ticket_status": ("data_ticket", ("Status", "TicketNumber")),
    "ix_ticket_assignee": ("data_ticket", ("AssignedTo", "Status", "TicketNumber")),
    "ix_ticket_priority": ("data_ticket", ("Priority", "Status", "TicketNumber")),
    "ix_ticket_created": ("data_ticket", ("CreatedDate", "TicketNumber")),
    "ix_ticket_updated": ("data_ticket", ("UpdatedDate", "TicketNumber")),
    "ix_ticket_due": ("data_ticket", ("SlaResolutionDeadline", "TicketNumber")),
    "ix_ticket_response": ("data_ticket", ("SlaResponseMet", "Status", "SlaResponseDeadline")),
    "ix_ticket_resolution": ("data_ticket", ("SlaResolutionMet", "Status", "SlaResolutionDeadline")),
}
_OLD: _Indexes = {
    "ix_ticket_package_status": ("data_ticket", ("Package", "Status")),
    "ix_ticket_status_resolution": ("data_ticket", ("Status", "SlaResolutionDeadline")),
    "ix_ticket_assigned": ("data_ticket", ("AssignedTo", "Status")),
}
_DUE = ("State", "NextAttempt")


def upgrade() -> None:
    """Make the new ones, and drop those whose work they do."""
    _exchange(_OLD, _NEW)
    _order_outbox(*_DUE, "Guid")


def downgrade() -> None:
    """Make the old ones again."""
    _exchange(_NEW, _OLD)
    _order_outbox(*_DUE)


def _exchange(gone: _Indexes, made: _Indexes) -> None:
    for name, (table, columns) in made.items():
        op.create_index(name, table, list(columns), if_not_exists=True)
    for name, (table, _) in gone.items():
        op.drop_index(name, table, if_exists=True)


def _order_outbox(*columns: str) -> None:
    op.drop_index("ix_outbox_due", "sys_outbox", if_exists=True)
    op.create_index("ix_outbox_due", "sys_outbox", list(columns), if_not_exists=True)
