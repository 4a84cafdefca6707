"""The notifier against the conformance suite, over three of Apprise's services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest
from ticketcore.ports.notifier import Notifier
from ticketcore.testing.faults import refusing
from ticketcore.testing.notifier import NotifierSuite

from ticketcore_apprise import AppriseSettings
from ticketcore_apprise.notifier import make

USER, PASSWORD, TOKEN = "operator-7", "pass/w0rd%25", "t0ken-9f8e7d6c5b4a"


class AppriseSuite(NotifierSuite):
    scheme: ClassVar[str]
    recipient = "room"
    unicode = True
    breakable = True
    networked = True

    @pytest.fixture(autouse=True)
    def _serve(self, open_room: Callable[[], Any]) -> None:
        self.room = open_room()

    def make_notifier(self, tmp_path: Path) -> Notifier:
        return self.make_notifier_at(tmp_path, "127.0.0.1", self.room.port)

    def make_broken_notifier(self, tmp_path: Path) -> Notifier:
        with refusing() as port:
            return self.make_notifier_at(tmp_path, "127.0.0.1", port)

    def make_notifier_at(self, tmp_path: Path, host: str, port: int) -> Notifier:
        login = f"{USER}:{quote(PASSWORD, safe='')}"
        return make(AppriseSettings(urls={"room": f"{self.scheme}://{login}@{host}:{port}/hooks/{TOKEN}"}))

    def delivered(self) -> Sequence[str]:
        return [post.text for post in self.room.posts]

    def secrets(self) -> Sequence[str]:
        return (USER, PASSWORD, TOKEN)


class TestJson(AppriseSuite):
    scheme = "json"


class TestForm(AppriseSuite):
    scheme = "form"


class TestXml(AppriseSuite):
    scheme = "xml"
