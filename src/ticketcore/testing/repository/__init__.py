"""The conformance suite of the repository port.

Whoever writes an adapter subclasses :class:`RepositorySuite` in a test file of their own::

    class TestMyRepository(RepositorySuite):
        def make_repository(self, tmp_path: Path) -> Repository:
            repository = MyRepository(tmp_path / "store")
            repository.prepare()
            return repository

and pytest finds all the tests in it. They check what :mod:`ticketcore.ports.repository` promises,
and nothing else, so an adapter that passes can stand behind a desk.
"""

from __future__ import annotations

from ticketcore.testing.repository.changes import ChangeTests
from ticketcore.testing.repository.queries import QueryTests
from ticketcore.testing.repository.roundtrips import RoundTripTests
from ticketcore.testing.repository.search import SearchTests
from ticketcore.testing.repository.stores import StoreTests
from ticketcore.testing.repository.transactions import TransactionTests

__all__ = ["RepositorySuite"]


class RepositorySuite(RoundTripTests, ChangeTests, QueryTests, SearchTests, TransactionTests, StoreTests):
    """Everything that a repository has to do: subclass it, and define :meth:`make_repository`.

    An adapter claims more by setting ``durable`` or ``shared`` and defining :meth:`reopen`; what is
    claimed is tested too.
    """
