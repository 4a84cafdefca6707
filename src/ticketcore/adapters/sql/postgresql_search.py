"""Searching for words on PostgreSQL, by inverted indexes (https://www.postgresql.org/docs/current/gin.html).

What is indexed are our own words, as arrays of text, so that a word is what it is in any other store; a
``tsvector`` would end at a megabyte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.dialects.postgresql import ARRAY, array

from ticketcore.adapters.sql.tables import comment, ticket
from ticketcore.adapters.sql.types import YesNo
from ticketcore.domain.search import TEXTS, words
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Comment

TABLES = (
    """CREATE TABLE IF NOT EXISTS data_ticket_search (
        "TicketGuid" VARCHAR(50) COLLATE "C" PRIMARY KEY, "Words" TEXT[] COLLATE "C" NOT NULL)""",
    """CREATE INDEX IF NOT EXISTS ix_ticket_search_words ON data_ticket_search USING gin ("Words")""",
    """CREATE TABLE IF NOT EXISTS data_ticket_comment_search (
        "CommentGuid" VARCHAR(50) COLLATE "C" PRIMARY KEY, "Words" TEXT[] COLLATE "C" NOT NULL)""",
    """CREATE INDEX IF NOT EXISTS ix_comment_search_words ON data_ticket_comment_search USING gin ("Words")""",
)
"""The statements that make the index: a row for each ticket and for each comment."""


@frozen
class Index:
    """How the index follows the records of one kind."""

    table: str
    key: str
    words: Callable[[Any], list[str]]

    def statement(self, how: str) -> str:
        """Return the statement that adds, saves or removes the words of a record."""
        if how == "remove":
            return f'DELETE FROM {self.table} WHERE "{self.key}" = %(guid)s'  # noqa: S608 - our own names
        # A row that was deleted behind our back has left its words.
        return (
            f'INSERT INTO {self.table} ("Words", "{self.key}") VALUES (%(words)s, %(guid)s)'  # noqa: S608 - the same
            f' ON CONFLICT ("{self.key}") DO UPDATE SET "Words" = excluded."Words"'
            f' WHERE {self.table}."Words" <> excluded."Words"'
        )


INDEXES: dict[type, Index] = {
    Ticket: Index(
        "data_ticket_search",
        "TicketGuid",
        lambda record: list(words("\n".join([getattr(record, name) for name in TEXTS]))),
    ),
    Comment: Index("data_ticket_comment_search", "CommentGuid", lambda record: list(words(record.text))),
}
"""The kinds in whose texts words are looked for."""

_tickets = sa.table("data_ticket_search", sa.column("TicketGuid"), sa.column("Words", ARRAY(sa.Text)))
_comments = sa.table("data_ticket_comment_search", sa.column("CommentGuid"), sa.column("Words", ARRAY(sa.Text)))


def statements(how: str, records: Sequence[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the statements, with their values, that let the index follow ``records``."""
    kept = INDEXES[type(records[0])]
    text = kept.statement(how)
    for record in records:
        yield text, {"words": kept.words(record), "guid": record.guid}


def places(name: str) -> tuple[sa.Select[Any], ...]:
    """Return what selects the texts that have the word that is bound as ``name``: tickets', and comments'."""
    return (
        sa.select(sa.literal_column("1")).where(_tickets.c.Words.contains(_array(name))),
        sa.select(sa.literal_column("1")).where(_comments.c.Words.contains(_array(name))),
    )


def has(name: str, *, internal: bool) -> sa.ColumnElement[bool]:
    """Return the same condition as :func:`having`, to be looked at ticket by ticket."""
    # What has one row is looked up by its key; what might have more would be collected from all of the table.
    written = sa.select(_tickets.c.Words).where(_tickets.c.TicketGuid == ticket.c.guid).scalar_subquery()
    spoken = sa.select(_comments.c.Words).where(_comments.c.CommentGuid == comment.c.guid).scalar_subquery()
    said = sa.select(comment.c.guid).where(comment.c.ticket_guid == ticket.c.guid, _holds(spoken, name)).limit(1)
    one = (said if internal else said.where(_is_public())).scalar_subquery()
    return sa.or_(_holds(written, name), one.is_not(None))


def _holds(words: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    return words.op("@>", is_comparison=True)(_array(name))


def _is_public() -> sa.ColumnElement[bool]:
    return comment.c.is_internal == sa.literal(value=False, type_=YesNo)


def _array(name: str) -> sa.ColumnElement[Any]:
    return sa.cast(array([sa.bindparam(name, type_=sa.Text)]), ARRAY(sa.TEXT))


def having(name: str, *, internal: bool) -> sa.ColumnElement[bool]:
    """Return the condition of a ticket that has the word that is bound as ``name``."""
    written = sa.select(_tickets.c.TicketGuid).where(_tickets.c.Words.contains(_array(name)))
    # One by one by their keys: the planner takes words that it knows nothing of for more frequent than they are.
    whose = sa.select(comment.c.ticket_guid).where(comment.c.guid == _comments.c.CommentGuid)
    said = sa.select((whose if internal else whose.where(_is_public())).scalar_subquery())
    return ticket.c.guid.in_(sa.union(written, said.where(_comments.c.Words.contains(_array(name)))))
