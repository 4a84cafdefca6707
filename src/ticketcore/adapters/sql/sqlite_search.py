"""Searching for words on SQLite, by its full-text index (https://sqlite.org/fts5.html).

What is indexed are not the texts but our own words of them, with blanks between, so that a word is what it is in any
other store. The tokenizer ``ascii`` splits at these blanks and nowhere else: letters, digits and whatever is not ASCII
are parts of a word to it. The words of a comment come behind a token that no word is like, made of its guid, by which
its row is found again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from ticketcore.adapters.sql.backend import driver
from ticketcore.adapters.sql.tables import comment, ticket
from ticketcore.adapters.sql.types import YesNo
from ticketcore.domain.search import TEXTS, words
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import Comment

TABLES = (
    """CREATE VIRTUAL TABLE IF NOT EXISTS data_ticket_search USING fts5(
        Words, tokenize="ascii", detail=none, columnsize=0)""",
    """CREATE VIRTUAL TABLE IF NOT EXISTS data_ticket_comment_search USING fts5(
        CommentGuid UNINDEXED, Words, tokenize="ascii tokenchars '='", detail=none, columnsize=0)""",
)
"""The statements that make the index: a row for each ticket, under its number, and one for each comment."""


@frozen
class Index:
    """How the index follows the records of one kind: statements, and the values to bind in each of them."""

    add: str
    save: str
    remove: str
    """Run before the record is removed."""
    row: Callable[[Any], Mapping[str, Any]]


def _ticket_row(record: Ticket) -> Mapping[str, Any]:
    text = "\n".join([getattr(record, name) for name in TEXTS])
    return {"guid": record.guid, "number": record.ticket_number, "words": " ".join(words(text))}


def _comment_row(record: Comment) -> Mapping[str, Any]:
    token = f"={record.guid.encode('utf-8', 'surrogatepass').hex()}"
    return {"guid": record.guid, "token": f'"{token}"', "words": " ".join((token, *words(record.text)))}


_NUMBER = "(SELECT TicketNumber FROM data_ticket WHERE Guid = :guid)"

INDEXES: dict[type, Index] = {
    Ticket: Index(
        # A row that was deleted behind our back has left its words.
        add="INSERT OR REPLACE INTO data_ticket_search (rowid, Words) VALUES (:number, :words)",
        save=f"UPDATE data_ticket_search SET Words = :words WHERE rowid = {_NUMBER} AND Words IS NOT :words",  # noqa: S608 - our own names
        remove=f"DELETE FROM data_ticket_search WHERE rowid = {_NUMBER}",  # noqa: S608 - the same
        row=_ticket_row,
    ),
    Comment: Index(
        add="INSERT INTO data_ticket_comment_search (CommentGuid, Words) VALUES (:guid, :words)",
        save="UPDATE data_ticket_comment_search SET Words = :words"
        " WHERE data_ticket_comment_search MATCH :token AND Words IS NOT :words",
        remove="DELETE FROM data_ticket_comment_search WHERE data_ticket_comment_search MATCH :token",
        row=_comment_row,
    ),
}
"""The kinds in whose texts words are looked for."""

# A column with the name of its table stands for the whole row in a MATCH.
_tickets = sa.table("data_ticket_search", sa.column("rowid"), sa.column("data_ticket_search"))
_comments = sa.table("data_ticket_comment_search", sa.column("CommentGuid"), sa.column("data_ticket_comment_search"))


def index(connection: Connection, how: str, records: Sequence[Any]) -> None:
    """Let the index follow ``records``; ``how`` is the name of a statement of :class:`Index`."""
    kept = INDEXES[type(records[0])]
    driver(connection).executemany(getattr(kept, how), [kept.row(record) for record in records])


def create_tables(connection: Connection) -> None:
    """Make the index."""
    for statement in TABLES:
        connection.exec_driver_sql(statement)


def term(word: str) -> str:
    """Return what to match to find ``word``: quoted, because AND and NOT are words too."""
    return f'"{word}"'


def places(name: str) -> tuple[sa.Select[Any], ...]:
    """Return what selects the texts that have the word of the term that is bound as ``name``: tickets', comments'."""
    wanted: sa.BindParameter[str] = sa.bindparam(name, type_=sa.Text)
    return (
        sa.select(sa.literal_column("1")).where(_tickets.c.data_ticket_search.op("MATCH")(wanted)),
        sa.select(sa.literal_column("1")).where(_comments.c.data_ticket_comment_search.op("MATCH")(wanted)),
    )


def has(name: str, *, internal: bool) -> sa.ColumnElement[bool]:
    """Return the same condition as :func:`having`, to be looked at ticket by ticket."""
    matches = _tickets.c.data_ticket_search.op("MATCH")(sa.bindparam(name, type_=sa.Text))
    return sa.or_(
        sa.exists().where(matches, _tickets.c.rowid == ticket.c.ticket_number), _said(name, internal=internal)
    )


def near(name: str, *, internal: bool, descending: bool) -> sa.ColumnElement[bool]:
    """Return the same condition, of tickets with numbers between those that are bound as ``lower`` and ``upper``."""
    number = _tickets.c.rowid
    written = sa.select(_tickets.c.rowid).where(
        _tickets.c.data_ticket_search.op("MATCH")(sa.bindparam(name, type_=sa.Text)),
        number > sa.bindparam("lower", type_=sa.Integer),
        number < sa.bindparam("upper", type_=sa.Integer),
    )
    # The index goes the way of the list if it is told to; the limit makes it listen, and is never reached.
    written = written.order_by(number.desc() if descending else number).limit(sa.literal_column("1000000"))
    return sa.or_(ticket.c.ticket_number.in_(written), _said(name, internal=internal))


def _said(name: str, *, internal: bool) -> sa.ColumnElement[bool]:
    """Return the condition of a ticket one of whose comments has the word, comment by comment."""
    before, after = (sa.literal_column(quoted, type_=sa.Text) for quoted in ("'\"='", "'\" AND '"))
    token = before + sa.func.lower(sa.func.hex(comment.c.guid), type_=sa.Text) + after
    matches = _comments.c.data_ticket_comment_search.op("MATCH")(token + sa.bindparam(name, type_=sa.Text))
    said = sa.exists().where(comment.c.ticket_guid == ticket.c.guid, sa.exists().where(matches))
    return said if internal else said.where(_is_public())


def _is_public() -> sa.ColumnElement[bool]:
    return comment.c.is_internal == sa.literal(value=False, type_=YesNo)


def having(name: str, *, internal: bool) -> sa.ColumnElement[bool]:
    """Return the condition of a ticket that has the word of the term that is bound as ``name``."""
    wanted: sa.BindParameter[str] = sa.bindparam(name, type_=sa.Text)
    one = ticket.alias()
    written = sa.select(_tickets.c.rowid).where(_tickets.c.data_ticket_search.op("MATCH")(wanted))
    said = (
        sa.select(one.c.ticket_number)
        .select_from(_comments)
        .join(comment, comment.c.guid == _comments.c.CommentGuid)
        .join(one, one.c.guid == comment.c.ticket_guid)
        .where(_comments.c.data_ticket_comment_search.op("MATCH")(wanted))
    )
    if not internal:
        said = said.where(_is_public())
    # By the number, which is SQLite's own key of a row: two ways to it joined by OR it would take one by one.
    return ticket.c.ticket_number.in_(sa.union(written, said))
