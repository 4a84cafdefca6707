"""How values of the domain are stored in columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from ticketcore.domain.template import TemplateTask
from ticketcore.errors import RepositoryError
from ticketcore.serde import shown, to_plain

_TEXT_LENGTH = len("2026-05-01 12:00:00.000000")
_MARIADB = ("mysql", "mariadb")  # the names under which SQLAlchemy knows it

_EPOCH, _EPOCH_IN_UTC = datetime(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)  # noqa: DTZ001 - as drivers take them
_Text = TypeVar("_Text", bound=sa.String)

COLLATION = "utf8mb4_nopad_bin"
"""How MariaDB compares text: by its characters, blanks at the end included, as SQLite does by itself."""


def in_utc(value: datetime) -> datetime:
    """Return ``value``, which has no zone, as an instant in UTC; ``replace`` would take ten times as long."""
    return _EPOCH_IN_UTC + (value - _EPOCH)


def fixed(length: int) -> sa.String:
    """Return the type of a text of at most ``length`` characters that is specified as ``char``.

    PostgreSQL and MariaDB would add or take away blanks at its end.
    """
    return _exact(sa.CHAR(length).with_variant(sa.String(length), *_MARIADB), sa.String(length, collation="C"))


def line(length: int) -> sa.String:
    """Return the type of a text of at most ``length`` characters."""
    return _exact(sa.String(length), sa.String(length, collation="C"))


def text() -> sa.Text:
    """Return the type of a text of any length; MariaDB's TEXT ends at 64 KiB."""
    return _exact(sa.Text().with_variant(mysql.LONGTEXT(), *_MARIADB), sa.Text(collation="C"))


def _exact(kind: _Text, postgresql: _Text) -> _Text:
    """Return ``kind``, which PostgreSQL compares and sorts by its characters whatever language the database has."""
    return kind.with_variant(postgresql, "postgresql")


def _as_text(value: datetime | None) -> str | None:
    if value is None:
        return None
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return utc.isoformat(" ", "microseconds")[:_TEXT_LENGTH]


def _from_text(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class Instant(sa.TypeDecorator[datetime]):
    """An aware instant, stored in UTC without an offset, with microseconds."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return the type with microseconds, which MariaDB drops unless asked."""
        kind = mysql.DATETIME(fsp=6) if dialect.name in _MARIADB else sa.DateTime()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return ``value`` in UTC as the database keeps it."""
        if value is None:
            return None
        return _EPOCH + (value - _EPOCH_IN_UTC)

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        """Return what turns an instant into what the driver stores.

        SQLite has no type for it: SQLAlchemy writes text there, and this is the same text in a third of the time.
        """
        return _as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the stored ``value`` as an aware instant."""
        return None if value is None else in_utc(value)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        """Return what turns what the driver has stored into an instant.

        SQLite keeps whatever other programs have written there. What is no date in ISO 8601 counts as empty.
        """
        return _from_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


class YesNo(sa.TypeDecorator[bool]):
    """A boolean, stored as Y or N."""

    impl = sa.CHAR(2)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return the type, which does not fill up with blanks."""
        return dialect.type_descriptor(sa.CHAR(2) if dialect.name == "sqlite" else sa.String(2))

    def process_bind_param(self, value: bool | None, dialect: sa.Dialect) -> str | None:
        """Return ``value`` as a letter."""
        return None if value is None else "Y" if value else "N"

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> bool | None:
        """Return the stored letter as a boolean; anything but Y and N counts as undecided."""
        return {"Y": True, "N": False}.get((value or "").strip())


class Names(sa.TypeDecorator[tuple[str, ...]]):
    """Several names, stored with commas between them."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return the type of a text of any length."""
        return dialect.type_descriptor(mysql.LONGTEXT() if dialect.name in _MARIADB else sa.TEXT())

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: sa.Dialect) -> str:
        """Return ``value`` as one text."""
        return ",".join(value or ())

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> tuple[str, ...]:
        """Return the stored text as a tuple; blanks around the commas are dropped."""
        return tuple(part for raw in value.split(",") if (part := raw.strip())) if value else ()


class TaskList(sa.TypeDecorator[tuple[TemplateTask, ...]]):
    """The tasks of a template, stored as JSON: an array of objects."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return the type of a text of any length."""
        return dialect.type_descriptor(mysql.LONGTEXT() if dialect.name in _MARIADB else sa.TEXT())

    def process_bind_param(self, value: tuple[TemplateTask, ...] | None, dialect: sa.Dialect) -> str:
        """Return ``value`` as JSON."""
        return json.dumps(to_plain(value or ()), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> tuple[TemplateTask, ...]:
        """Return the stored tasks.

        Raises:
            RepositoryError: what is stored is something else.
        """
        try:
            return tuple(TemplateTask(**task) for task in json.loads(value or "[]"))
        except (ValueError, TypeError) as error:
            message = f"the database has something else than tasks in a template: {shown(value)}"
            hint = 'another program wrote it: put a list there, such as [{"name": "Call back"}]'
            raise RepositoryError(message, hint=hint) from error


class Word(sa.TypeDecorator[StrEnum]):
    """A member of a fixed list, stored by its value."""

    impl = sa.Enum
    cache_ok = True

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        """Return what turns a stored word into a member; other programs may write it in small letters, or with blanks.

        Reading raises a LookupError where it is none.
        """
        members = {value: self.enum_class(value) for value in self.enums}
        likes = {value.casefold(): member for value, member in members.items()}

        def read(value: Any) -> Any:
            found = members.get(value)
            if found is not None or value is None:
                return found
            try:
                return likes[value.strip().casefold()]
            except KeyError:
                raise LookupError(f"{shown(value)} is none of {', '.join(members)}") from None

        return read


def word(kind: type[StrEnum], name: str) -> Word:
    """Return the type of a column that holds a member of ``kind`` by its value."""

    def values(members: Any) -> list[str]:
        return [member.value for member in members]

    # A type of its own (PostgreSQL, MariaDB) could not get another member without a lock on the whole table.
    return Word(
        kind, name=name, values_callable=values, create_constraint=True, validate_strings=True, native_enum=False
    )
