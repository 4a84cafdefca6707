"""Roundup: the classic tracker through its hyperdb. It writes a journal row for each change of an item.

Its detectors run as they do for the web, but the one that sends mail, because nobody sends any here.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import roundup  # type: ignore[import-not-found]
from roundup import instance
from roundup.configuration import CoreConfig  # type: ignore[import-not-found]
from roundup.password import Password  # type: ignore[import-not-found]

TEMPLATE = Path(sys.prefix, "share", "roundup", "templates", "classic")
WALK = ("deferred", "in-progress", "resolved", "done-cbb")
FILLED = ("unread", "deferred", "in-progress", "resolved", "done-cbb")


class Contender:
    """Roundup on one database."""

    def __init__(self, store: str, folder: Path) -> None:
        self.store = store
        self.home = folder / "roundup"

    def prepare(self) -> None:
        shutil.copytree(TEMPLATE, self.home, ignore=shutil.ignore_patterns("nosyreaction.py"))
        config = CoreConfig()
        config.TRACKER_HOME = str(self.home)
        config["DATABASE"] = "db"
        config["ADMIN_EMAIL"] = "admin@example.com"
        config["TRACKER_WEB"] = "http://localhost/"
        config["MAIL_DOMAIN"], config["MAIL_HOST"] = "example.com", "localhost"
        if self.store.startswith("sqlite"):
            config["RDBMS_BACKEND"] = "sqlite"
        else:
            parts = urlsplit(self.store)
            config["RDBMS_BACKEND"] = "postgresql"
            config["RDBMS_NAME"] = parts.path.strip("/")
            config["RDBMS_HOST"] = dict(parse_qsl(parts.query)).get("host", "")
            config["RDBMS_USER"] = "postgres"
        config.save(str(self.home / "config.ini"))
        (self.home / "db").mkdir()
        tracker = instance.open(str(self.home))
        tracker.init(Password("secret", config=config))
        db = tracker.open("admin")
        if self.store == "sqlite-wal":
            db.conn.execute("PRAGMA journal_mode=WAL")  # a property of the file, which Roundup leaves as it is
        for i in range(50):
            db.user.create(username=f"worker{i}", roles="User")
        db.commit()
        db.close()

    def connect(self) -> None:
        # As its servers do: the schema is read once.
        self.tracker = instance.open(str(self.home), optimize=1)
        self.db = self.tracker.open("admin")
        self.statuses = {self.db.status.get(key, "name"): key for key in self.db.status.list()}
        self.people = [self.db.user.lookup(f"worker{i}") for i in range(50)]
        self.urgent = self.db.priority.lookup("urgent")
        self.db.rollback()

    def facts(self) -> dict[str, Any]:
        return {"version": roundup.__version__}

    def ask(self, question: str) -> Any:
        self.db.sql(question)
        answer = self.db.cursor.fetchone()[0]
        self.db.rollback()
        return answer

    def create(self, subject: str, text: str) -> Any:
        """Make an issue with its text as the first message, in one commit."""
        try:
            message = self.db.msg.create(content=text, author="1")
            issue = self.db.issue.create(title=subject, priority=self.urgent, messages=[message])
            self.db.commit()
        except BaseException:
            self.db.rollback()
            raise
        return issue

    def lifecycle(self, subject: str, text: str) -> Any:
        issue = self.create(subject, text)
        self._change(issue, assignedto=self.people[0])
        message = self.db.msg.create(content=text, author="1")
        self._change(issue, messages=[*self.db.issue.get(issue, "messages"), message])
        for status in WALK:
            self._change(issue, status=self.statuses[status])
        return issue

    def _change(self, issue: str, **values: Any) -> None:
        self.db.issue.set(issue, **values)
        self.db.commit()

    def read(self, name: Any) -> int:
        node = self.db.issue.getnode(name)
        values = {key: node[key] for key in self.db.issue.getprops()}
        history = self.db.issue.history(name)
        self.db.rollback()
        return len(history) if values["title"] else 0

    def list_open(self, who: int, limit: int) -> int:
        wanted = {"assignedto": self.people[who], "status": self.statuses["in-progress"]}
        found = [
            self.db.issue.getnode(key).title
            for key in self.db.issue.filter_iter(None, wanted, sort=[("-", "id")], limit=limit)
        ]
        self.db.rollback()
        return len(found)

    def count(self) -> dict[str, int]:
        counts = {name: len(self.db.issue.filter(None, {"status": key})) for name, key in self.statuses.items()}
        self.db.rollback()
        return counts

    def fill(self, size: int, people: int) -> None:
        start = len(self.db.issue.getnodeids())
        self._flush("OFF")  # it commits for each number that it gives
        for i in range(start, size):
            status = self.statuses[FILLED[i // people % len(FILLED)]]
            self.db.issue.create(
                title=f"Ticket {i}", priority=self.urgent, assignedto=self.people[i % people], status=status
            )
            if i % 1000 == 0:
                self.db.commit()
        self.db.commit()
        self._flush("FULL")

    def _flush(self, how: str) -> None:
        if self.store.startswith("sqlite"):
            self.db.rollback()
            self.db.conn.execute(f"PRAGMA synchronous={how}")


os.environ.setdefault("HOME", "/tmp")  # noqa: S108 - its configuration looks for one
