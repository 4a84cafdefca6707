"""How values of the domain are stored in columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ticketcore.domain.template import TemplateTask
from ticketcore.errors import RepositoryError
from ticketcore.serde import shown, to_plain

_TEXT_LENGTH = len("2026-05-01 12:00:00.000000")


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

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return ``value`` in UTC as the database keeps it."""
        if value is None:
            return None
        return (value if value.tzinfo is UTC else value.astimezone(UTC)).replace(tzinfo=None)

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        """Return what turns an instant into what the driver stores.

        SQLite has no type for it: SQLAlchemy writes text there, and this is the same text in a third of the time.
        """
        return _as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the stored ``value`` as an aware instant."""
        return None if value is None else value.replace(tzinfo=UTC)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        """Return what turns what the driver has stored into an instant.

        SQLite keeps whatever other programs have written there. What is no date in ISO 8601 counts as empty.
        """
        return _from_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


class YesNo(sa.TypeDecorator[bool]):
    """A boolean, stored as Y or N."""

    impl = sa.CHAR(2)
    cache_ok = True

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


def word(kind: type[StrEnum], name: str) -> sa.Enum:
    """Return the type of a column that holds a member of ``kind`` by its value."""

    def values(members: Any) -> list[str]:
        return [member.value for member in members]

    return sa.Enum(kind, name=name, values_callable=values, create_constraint=True, validate_strings=True)
