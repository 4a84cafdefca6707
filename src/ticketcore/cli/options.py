"""Arguments and options that several commands have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from ticketcore.domain.ticket import Priority, RequestedByType, Status, TicketType

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class FixedList(click.Choice[str]):
    """One of a fixed list of values, in upper or lower case; the empty text too if that means any."""

    def __init__(self, values: Iterable[str], *, empty: bool = False) -> None:
        """Take the ``values``, and whether none of them (``empty``) will do."""
        super().__init__([str(value) for value in values], case_sensitive=False)
        self.empty = empty

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value as it is in the list."""
        return "" if self.empty and value == "" else super().convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's
        """Return the values that begin like what is typed, in lower case if that is."""
        from click.shell_completion import CompletionItem

        found = (choice for choice in self.choices if choice.lower().startswith(incomplete.lower()))
        return [CompletionItem(choice.lower() if incomplete.islower() else choice) for choice in found]

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - click's
        """Return the values as help shows them."""
        return f"[{'|'.join(self.choices)}]"

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's
        """Return what could be given where nothing is."""
        return f"Choose one of {', '.join(self.choices)}."

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's
        """Return what is wrong with ``value``."""
        return f"{value!r} is not one of {', '.join(self.choices)}"


STANDARD = "-"
"""What stands for standard input, or output, in the place of a file or a text."""

PRIORITY = FixedList(Priority)
STATUS = FixedList(Status)
TYPE = FixedList(TicketType)
REQUESTED_BY_TYPE = FixedList(RequestedByType)
ANY_PRIORITY = FixedList(Priority, empty=True)
ANY_TYPE = FixedList(TicketType, empty=True)


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


def limit_option(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option that says how many of ``what`` to list at most."""
    amount = click.IntRange(1, 1_000_000)
    return click.option("--limit", type=amount, metavar="N", default=50, show_default=True, help=f"The most {what}.")


def given_text(value: str) -> str:
    """Return what was typed as a TEXT; ``-`` stands for standard input."""
    if value != STANDARD:
        return value
    try:
        return sys.stdin.buffer.read().decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        message = f"standard input is no UTF-8 text (byte {error.start + 1})"
        raise click.ClickException(message) from None
