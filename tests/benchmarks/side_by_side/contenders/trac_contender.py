"""Trac: its ``Ticket`` model and its ``Query``. It writes the row of a new ticket and no history of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import trac  # type: ignore[import-not-found]
from trac.env import Environment  # type: ignore[import-not-found]
from trac.ticket.model import Ticket  # type: ignore[import-not-found]
from trac.ticket.query import Query  # type: ignore[import-not-found]

STATUSES = ("new", "triaged", "in_progress", "resolved", "closed")
ACTIONS = [
    item
    for name, status in [("triage", "triaged"), ("start", "in_progress"), ("solve", "resolved"), ("close", "closed")]
    for item in [(name, f"* -> {status}"), (f"{name}.operations", "leave_status")]
]


class Contender:
    """Trac on one database."""

    def __init__(self, store: str, folder: Path) -> None:
        self.home = folder / "trac"
        if store.startswith("sqlite"):
            self.url = "sqlite:db/trac.db" + ("?journal_mode=WAL" if store == "sqlite-wal" else "")
        else:
            parts = urlsplit(store)
            host = dict(parse_qsl(parts.query)).get("host", "")
            self.url = f"postgres://postgres@/{parts.path.strip('/')}?host={host}"

    def prepare(self) -> None:
        options = [
            ("trac", "database", self.url),
            ("project", "name", "bench"),
            ("logging", "log_type", "none"),
            *(("ticket-workflow", name, value) for name, value in ACTIONS),
        ]
        Environment(str(self.home), create=True, options=options).shutdown()

    def connect(self) -> None:
        self.env = Environment(str(self.home))

    def facts(self) -> dict[str, Any]:
        return {"version": trac.__version__}

    def ask(self, question: str) -> Any:
        with self.env.db_transaction as db:
            cursor = db.cursor()
            cursor.execute(question)
            return cursor.fetchone()[0]

    def create(self, subject: str, text: str) -> Any:
        return self._create(subject, text).id

    def _create(self, subject: str, text: str, **values: str) -> Any:
        ticket = Ticket(self.env)
        ticket.populate(
            {
                "summary": subject,
                "description": text,
                "reporter": "ada",
                "priority": "major",
                "type": "task",
                "component": "component1",
                "status": "new",
                **values,
            }
        )
        ticket.insert()
        return ticket

    def lifecycle(self, subject: str, text: str) -> Any:
        number = self._create(subject, text).id
        self._change(number, owner="worker0")
        self._change(number, comment=text)
        for status in STATUSES[1:]:
            self._change(number, status=status)
        return number

    def _change(self, number: int, comment: str = "", **values: str) -> None:
        ticket = Ticket(self.env, number)
        for name, value in values.items():
            ticket[name] = value
        ticket.save_changes("ada", comment)

    def read(self, name: Any) -> int:
        ticket = Ticket(self.env, name)
        return len(ticket.get_changelog()) if ticket["summary"] else 0

    def list_open(self, who: int, limit: int) -> int:
        query = Query(
            self.env,
            constraints={"owner": [f"worker{who}"], "status": ["in_progress"]},
            cols=["id", "summary", "status", "owner", "reporter", "priority", "type", "component", "time"],
            order="id",
            desc=True,
            max=limit,
        )
        return len(query.execute())

    def count(self) -> dict[str, int]:
        return {status: Query(self.env, constraints={"status": [status]}).count() for status in STATUSES}

    def fill(self, size: int, people: int) -> None:
        start = self.env.db_query("SELECT count(*) FROM ticket")[0][0]
        for first in range(start, size, 1000):
            with self.env.db_transaction:
                for i in range(first, min(first + 1000, size)):
                    status = STATUSES[i // people % len(STATUSES)]
                    self._create(f"Ticket {i}", "Filled in", owner=f"worker{i % people}", status=status)
