"""The render ports: turning an event into something to read, and a template into the text of a ticket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from attrs import frozen


@frozen
class Rendered:
    """A message body in both forms."""

    html: str
    text: str


class Renderer(Protocol):
    """Fills templates. Values are never trusted: HTML in them is escaped, code in templates is confined."""

    def render_message(self, package: str, values: Mapping[str, Any]) -> Rendered:
        """Return the message for a ticket of ``package``, from the first template that works.

        ``values`` are the variables of a ticket mail: ticket_number, subject, event, detail, status,
        priority, assigned_to, action_by. Tried in turn: the package's own template, the shipped one, and
        the plain fallback, which always works.
        """


LONGEST_VALUE = 20_000
LONGEST_TEXT = 100_000
"""How many characters the value of a placeholder may have, and a text before and after its placeholders are filled."""


class Placeholders(Protocol):
    """Fills the placeholders in the texts of a template, as in ``{{ name }}``: plain text, for a ticket.

    Such a text reaches nothing but its values, which are never interpreted themselves, and takes little time and room
    whatever it holds. One without placeholders stays as it is.
    """

    def names(self, text: str) -> Mapping[str, bool]:
        """Return the names of the values that ``text`` uses, in order, each with whether it has to be there.

        Raises:
            RejectedError: ``text`` is wrong or goes beyond what is allowed; a problem for each place, of no field.
        """

    def fill(self, text: str, values: Mapping[str, str]) -> str:
        """Return ``text`` with ``values`` in it.

        Raises:
            RejectedError: as above, a value is missing or too long, or the result is too long.
        """
