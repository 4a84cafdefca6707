"""Arguments and options that several commands have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from ticketcore.domain.ticket import Priority, RequestedByType, Status, TicketType


def choice(values: Iterable[str]) -> click.Choice[str]:
    """Return the type of an option with a fixed list of values, in upper or lower case."""
    return click.Choice([str(value) for value in values], case_sensitive=False)


PRIORITY = choice(Priority)
STATUS = choice(Status)
TYPE = choice(TicketType)
REQUESTED_BY_TYPE = choice(RequestedByType)


class _Reference(click.ParamType[str]):
    """What names a ticket; ``#7`` is understood as 7."""

    name = "ticket"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's
        """Return the text without blanks and without the mark of a number."""
        return str(value).strip().removeprefix("#")


REFERENCE = _Reference()

ticket_argument = click.argument("ticket", metavar="T", type=REFERENCE)
package_filter = click.option("--package", help="Only this package. [default: all packages]")
package_scope = click.option(
    "--package", help='The package; "" means any. [default: ticket.package of the configuration]'
)
