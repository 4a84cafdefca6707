"""Searching for words on MariaDB: a table with a row for each word.

Its own full-text index leaves out short and frequent words, and sees a row only after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from ticketcore.adapters.sql.backend import driver
from ticketcore.adapters.sql.tables import MARIADB, comment, ticket
from ticketcore.adapters.sql.types import YesNo
from ticketcore.domain.search import LONGEST, TEXTS, words
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Comment

_OPTIONS = (
    f"ENGINE={MARIADB['mariadb_engine']} CHARSET={MARIADB['mariadb_charset']} COLLATE {MARIADB['mariadb_collate']}"
)

TABLES = tuple(
    f"""CREATE TABLE IF NOT EXISTS {table} (
        Word VARCHAR({LONGEST}) NOT NULL, {key} VARCHAR(50) NOT NULL,
        PRIMARY KEY (Word, {key}), INDEX ({key})) {_OPTIONS}"""
    for table, key in (("data_ticket_search", "TicketGuid"), ("data_ticket_comment_search", "CommentGuid"))
)
"""The statements that make the index: a row for each word of a ticket and of a comment."""


@frozen
class Index:
    """How the index follows the records of one kind."""

    table: str
    key: str
    words: Callable[[Any], tuple[str, ...]]


INDEXES: dict[type, Index] = {
    Ticket: Index(
        "data_ticket_search",
        "TicketGuid",
        lambda record: words("\n".join([getattr(record, name) for name in TEXTS])),
    ),
    Comment: Index("data_ticket_comment_search", "CommentGuid", lambda record: words(record.text)),
}
"""The kinds in whose texts words are looked for."""

_tickets = sa.table("data_ticket_search", sa.column("TicketGuid"), sa.column("Word"))
_comments = sa.table("data_ticket_comment_search", sa.column("CommentGuid"), sa.column("Word"))


def index(connection: Connection, how: str, records: Sequence[Any]) -> None:
    """Let the index follow ``records``; ``how`` is one of add, save and remove."""
    kept = INDEXES[type(records[0])]
    with driver(connection).cursor() as cursor:
        for record in records:
            wanted = set() if how == "remove" else set(kept.words(record))
            if how != "add":
                cursor.execute(f"SELECT Word FROM {kept.table} WHERE {kept.key} = %s", (record.guid,))  # noqa: S608
                there = {word for (word,) in cursor.fetchall()}
                gone = [(word, record.guid) for word in sorted(there - wanted)]
                cursor.executemany(f"DELETE FROM {kept.table} WHERE Word = %s AND {kept.key} = %s", gone)  # noqa: S608
                wanted -= there
            # A row that was deleted behind our back has left its words.
            cursor.executemany(
                f"INSERT IGNORE INTO {kept.table} (Word, {kept.key}) VALUES (%s, %s)",  # noqa: S608 - our own names
                [(word, record.guid) for word in sorted(wanted)],
            )


def places(name: str) -> tuple[sa.Select[Any], ...]:
    """Return what selects the texts that have the word that is bound as ``name``: tickets', and comments'."""
    return (
        sa.select(sa.literal_column("1")).where(_tickets.c.Word == _bound(name)),
        sa.select(sa.literal_column("1")).where(_comments.c.Word == _bound(name)),
    )


def has(name: str, *, internal: bool) -> sa.ColumnElement[bool]:
    """Return the same condition as :func:`having`, to be looked at ticket by ticket."""
    written = sa.exists().where(_tickets.c.TicketGuid == ticket.c.guid, _tickets.c.Word == _bound(name))
    said = sa.exists().where(
        comment.c.ticket_guid == ticket.c.guid,
        sa.exists().where(_comments.c.CommentGuid == comment.c.guid, _comments.c.Word == _bound(name)),
    )
    return sa.or_(written, said if internal else said.where(_is_public()))


def _is_public() -> sa.ColumnElement[bool]:
    return comment.c.is_internal == sa.literal(value=False, type_=YesNo)


def _bound(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=sa.Text)


def having(name: str, *, internal: bool) -> sa.ColumnElement[bool]:
    """Return the condition of a ticket that has the word that is bound as ``name``."""
    wanted = _bound(name)
    written = sa.select(_tickets.c.TicketGuid).where(_tickets.c.Word == wanted)
    said = (
        sa.select(comment.c.ticket_guid)
        .select_from(_comments)
        .join(comment, comment.c.guid == _comments.c.CommentGuid)
        .where(_comments.c.Word == wanted)
    )
    if not internal:
        said = said.where(_is_public())
    return ticket.c.guid.in_(sa.union(written, said))
