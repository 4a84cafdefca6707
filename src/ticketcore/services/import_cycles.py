"""Cycles that the links of a file would close, by themselves or with what is stored; found before any is written.

The links of the file, and those of the store that go on from where they lead, are kept with the keys: on the disk.
"""

from __future__ import annotations

from collections.abc import Iterator

from ticketcore.domain.bundle import Bundle
from ticketcore.domain.links import ACYCLIC, cycle_words
from ticketcore.domain.work import LinkType
from ticketcore.errors import Problem
from ticketcore.ports.keys import Keys, Tie
from ticketcore.ports.repository import Transaction
from ticketcore.services.links import followed
from ticketcore.services.references import tickets_of

_BATCH = 500
"""How many tickets of the file are asked for their stored links at once."""


def note_links(keys: Keys, line: int, bundle: Bundle) -> None:
    """Note the links of a ticket that can be part of a cycle."""
    for link in bundle.links:
        if link.link_type in ACYCLIC and link.source_guid != link.target_guid:  # that is told anyway
            keys.tie(link.link_type, Tie(link.source_guid, link.target_guid, line, bundle.ticket.ticket_number))


def cycle_problems(tx: Transaction, keys: Keys) -> Iterator[tuple[int, Problem]]:
    """Yield the cycles that there would be, each with the last line of the file that has a link of it."""
    for link_type in sorted(ACYCLIC):
        _note_stored(tx, keys, link_type)
        for cycle in keys.cycles(link_type):
            if cycle[0].line:  # not one of links that are all stored already
                yield cycle[0].line, _problem(tx, link_type, cycle)


def _note_stored(tx: Transaction, keys: Keys, link_type: LinkType) -> None:
    """Note the stored links that go on from where those of the file lead, and from there."""
    follow, after = followed(tx, link_type), ""
    while batch := keys.targets(link_type, after, _BATCH):
        after, reached = batch[-1], batch
        while reached:
            found = [Tie(source, target) for source, target in follow(reached)]
            reached = sorted({tie.target for tie in found if keys.tie(link_type, tie)})


def _problem(tx: Transaction, link_type: LinkType, cycle: list[Tie]) -> Problem:
    stored = tickets_of(tx, (tie.source for tie in cycle if not tie.number))
    numbers = {guid: ticket.ticket_number for guid, ticket in stored.items()}
    names = [tie.number or numbers.get(tie.source, tie.source) for tie in cycle]
    return Problem("links", f"would make a cycle: {cycle_words(link_type, [*names, names[0]])}")
