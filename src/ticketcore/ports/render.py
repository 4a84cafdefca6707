"""The render port: turning an event into something to read."""

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
