"""The words of tickets and comments, for searching.

Revision ID: 0004
Revises: 0003
"""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from ticketcore.domain.search import words

revision = "0004"
down_revision = "0003"

adds = ("data_ticket_search", "data_ticket_comment_search")
derived = True

_TICKETS, _COMMENTS = "data_ticket_search", "data_ticket_comment_search"
_BATCH = 1000
_MARIADB = "ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin"

_MADE = {
    "sqlite": (
        f"""CREATE VIRTUAL TABLE IF NOT EXISTS {_TICKETS} USING fts5(
        Words, tokenize="ascii", detail=none, columnsize=0)""",
        f"""CREATE VIRTUAL TABLE IF NOT EXISTS {_COMMENTS} USING fts5(
        CommentGuid UNINDEXED, Words, tokenize="ascii tokenchars '='", detail=none, columnsize=0)""",
    ),
    "postgresql": (
        f"""CREATE TABLE IF NOT EXISTS {_TICKETS} (
        "TicketGuid" VARCHAR(50) COLLATE "C" PRIMARY KEY, "Words" TEXT[] COLLATE "C" NOT NULL)""",
        f"""CREATE INDEX IF NOT EXISTS ix_ticket_search_words ON {_TICKETS} USING gin ("Words")""",
        f"""CREATE TABLE IF NOT EXISTS {_COMMENTS} (
        "CommentGuid" VARCHAR(50) COLLATE "C" PRIMARY KEY, "Words" TEXT[] COLLATE "C" NOT NULL)""",
        f"""CREATE INDEX IF NOT EXISTS ix_comment_search_words ON {_COMMENTS} USING gin ("Words")""",
    ),
    "mariadb": (
        f"""CREATE TABLE IF NOT EXISTS {_TICKETS} (
        Word VARCHAR(64) NOT NULL, TicketGuid VARCHAR(50) NOT NULL,
        PRIMARY KEY (Word, TicketGuid), INDEX (TicketGuid)) {_MARIADB}""",
        f"""CREATE TABLE IF NOT EXISTS {_COMMENTS} (
        Word VARCHAR(64) NOT NULL, CommentGuid VARCHAR(50) NOT NULL,
        PRIMARY KEY (Word, CommentGuid), INDEX (CommentGuid)) {_MARIADB}""",
    ),
}
"""The statements that make the index."""

_FILLED = {
    "sqlite": (
        f"INSERT INTO {_TICKETS} (rowid, Words) VALUES (?, ?)",  # noqa: S608 - our own names
        f"INSERT INTO {_COMMENTS} (CommentGuid, Words) VALUES (?, ?)",  # noqa: S608 - the same
    ),
    "postgresql": (
        f'INSERT INTO {_TICKETS} ("TicketGuid", "Words") VALUES (%s, %s)',  # noqa: S608 - the same
        f'INSERT INTO {_COMMENTS} ("CommentGuid", "Words") VALUES (%s, %s)',  # noqa: S608 - the same
    ),
    "mariadb": (
        f"INSERT INTO {_TICKETS} (TicketGuid, Word) VALUES (%s, %s)",  # noqa: S608 - the same
        f"INSERT INTO {_COMMENTS} (CommentGuid, Word) VALUES (%s, %s)",  # noqa: S608 - the same
    ),
}
"""The statements that fill it: with tickets, and with comments."""

_ticket = sa.table(
    "data_ticket", *map(sa.column, ("Guid", "TicketNumber", "Subject", "Description", "ProblemAnalysis"))
)
_comment = sa.table("data_ticket_comment", sa.column("Guid"), sa.column("Text"))


def upgrade() -> None:
    """Create the index, and enter the words of what is there."""
    engine = _engine()
    if engine == "mariadb":
        # What is there is of a run that died, and tickets may have got other words since.
        downgrade()
    for statement in _MADE[engine]:
        op.execute(statement)
    into_tickets, into_comments = _FILLED[engine]
    for tickets in _batches(sa.select(_ticket), _ticket.c.Guid):
        _insert(into_tickets, [row for ticket in tickets for row in _ticket_rows(engine, ticket)])
    for comments in _batches(sa.select(_comment), _comment.c.Guid):
        _insert(into_comments, [row for comment in comments for row in _comment_rows(engine, comment)])


def downgrade() -> None:
    """Drop the index."""
    op.drop_table(_COMMENTS, if_exists=True)
    op.drop_table(_TICKETS, if_exists=True)


def _engine() -> str:
    name = op.get_bind().dialect.name
    return "mariadb" if name == "mysql" else name


def _batches(statement: sa.Select[Any], key: sa.ColumnClause[Any]) -> Iterator[Sequence[sa.Row[Any]]]:
    """Yield all rows, some at a time: servers would send them all at once."""
    statement = statement.order_by(key).limit(_BATCH)
    rows = op.get_bind().execute(statement).all()
    while rows:
        yield rows
        rows = op.get_bind().execute(statement.where(key > rows[-1][0])).all()


def _insert(statement: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        op.get_bind().exec_driver_sql(statement, rows)


def _ticket_rows(engine: str, ticket: Sequence[Any]) -> list[tuple[Any, ...]]:
    guid, number, *texts = ticket
    found = words("\n".join(texts))
    if engine == "sqlite":
        return [(number, " ".join(found))]
    return [(guid, list(found))] if engine == "postgresql" else [(guid, word) for word in found]


def _comment_rows(engine: str, comment: Sequence[Any]) -> list[tuple[Any, ...]]:
    guid, text = comment
    found = words(text)
    if engine == "sqlite":
        return [(guid, " ".join((f"={guid.encode().hex()}", *found)))]
    return [(guid, list(found))] if engine == "postgresql" else [(guid, word) for word in found]
