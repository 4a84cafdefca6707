"""The words of tickets and comments, for searching.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

from ticketcore.domain.search import words

revision = "0004"
down_revision = "0003"

_BATCH = 1000


def upgrade() -> None:
    """Create the index, and enter the words of what is there."""
    op.execute(
        """CREATE VIRTUAL TABLE data_ticket_search USING fts5(
        Words, tokenize="ascii", detail=none, columnsize=0)"""
    )
    op.execute(
        """CREATE VIRTUAL TABLE data_ticket_comment_search USING fts5(
        CommentGuid UNINDEXED, Words, tokenize="ascii tokenchars '='", detail=none, columnsize=0)"""
    )
    connection = op.get_bind()
    tickets = "SELECT TicketNumber, Subject, Description, ProblemAnalysis FROM data_ticket ORDER BY TicketNumber"
    for rows in connection.exec_driver_sql(tickets).partitions(_BATCH):
        connection.exec_driver_sql(
            "INSERT INTO data_ticket_search (rowid, Words) VALUES (?, ?)",
            [(number, " ".join(words("\n".join(texts)))) for number, *texts in rows],
        )
    comments = "SELECT Guid, Text FROM data_ticket_comment"
    for rows in connection.exec_driver_sql(comments).partitions(_BATCH):
        connection.exec_driver_sql(
            "INSERT INTO data_ticket_comment_search (CommentGuid, Words) VALUES (?, ?)",
            [(guid, " ".join((f"={guid.encode().hex()}", *words(text)))) for guid, text in rows],
        )


def downgrade() -> None:
    """Drop the index."""
    op.drop_table("data_ticket_comment_search")
    op.drop_table("data_ticket_search")
