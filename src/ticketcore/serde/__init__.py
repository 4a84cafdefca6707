"""The one place where records, settings and the types of JSON are turned into each other."""

from ticketcore.serde.hidden import ABOVE, CHECK, SECRET, WITHIN, Filled, shown, without_password
from ticketcore.serde.records import from_plain, to_plain
from ticketcore.serde.settings import structure, structure_section, unfit

__all__ = [
    "ABOVE",
    "CHECK",
    "SECRET",
    "WITHIN",
    "Filled",
    "from_plain",
    "shown",
    "structure",
    "structure_section",
    "to_plain",
    "unfit",
    "without_password",
]
