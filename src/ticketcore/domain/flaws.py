"""What is found wrong in a store: values that contradict each other, or that lead to nothing."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Flaw:
    """Something in a store that no operation would have left there.

    ``ticket_number`` is 0 where it is about no ticket, or about one that is not there. ``where`` names the record,
    ``problem`` says what is wrong with it, ``expected`` what should be there instead (empty where ``problem`` says so
    already), ``hint`` what to do about it.
    """

    ticket_number: int = 0
    where: str
    problem: str
    expected: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """Return all of it as a line."""
        ticket = f"ticket {self.ticket_number}, " if self.ticket_number else ""
        expected = f"; expected {self.expected}" if self.expected else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{ticket}{self.where}: {self.problem}{expected}{hint}"


RESTORE = "compare it with a backup"
"""What to do where nobody can tell which of two values is the right one."""
