"""The built-in notifiers against the conformance suite."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path

import pytest

from ticketcore.adapters.console import ConsoleNotifier
from ticketcore.adapters.mailfiles import FilesNotifier
from ticketcore.adapters.smtp import SmtpNotifier
from ticketcore.adapters.system import SystemClock
from ticketcore.adapters.webhook import Endpoint, WebhookNotifier
from ticketcore.ports.notifier import Notifier
from ticketcore.testing.notifier import NotifierSuite
from ticketcore.testing.smtp import SmtpServer, parse_mail, readable

SENDER = "Ticket desk <desk@tickets.example>"
USER, PASSWORD, WRONG = "desk-login", "correct horse", "battery staple"


class TestFilesNotifier(NotifierSuite):
    addressed = True
    unicode = True
    whole = True
    keyed = True
    deduplicates = True
    breakable = True

    def make_notifier(self, tmp_path: Path) -> Notifier:
        self.folder = tmp_path / "mail"
        return FilesNotifier(self.folder, SENDER)

    def delivered(self) -> list[str]:
        return [readable(parse_mail(path.read_bytes())) for path in self.folder.glob("*.eml")]

    def make_broken_notifier(self, tmp_path: Path) -> Notifier:
        in_the_way = tmp_path / "file"
        in_the_way.touch()
        return FilesNotifier(in_the_way, SENDER)


class TestSmtpNotifier(NotifierSuite):
    addressed = True
    unicode = True
    whole = True
    keyed = True
    breakable = True
    networked = True

    @pytest.fixture(autouse=True)
    def server(self) -> Iterator[None]:
        with SmtpServer(username=USER, password=PASSWORD) as self.running:
            yield

    def make_notifier(self, tmp_path: Path) -> Notifier:
        return self.notifier_at(self.running.host, self.running.port, PASSWORD)

    def delivered(self) -> list[str]:
        return [readable(mail) for mail in self.running.mails]

    def make_broken_notifier(self, tmp_path: Path) -> Notifier:
        return self.notifier_at(self.running.host, self.running.port, WRONG)

    def make_notifier_at(self, tmp_path: Path, host: str, port: int) -> Notifier:
        return self.notifier_at(host, port, PASSWORD)

    def secrets(self) -> list[str]:
        return [USER, PASSWORD, WRONG]

    def notifier_at(self, host: str, port: int, password: str) -> Notifier:
        return SmtpNotifier(host=host, port=port, security="none", username=USER, password=password, sender=SENDER)


class TestConsoleNotifier(NotifierSuite):
    breakable = True

    def make_notifier(self, tmp_path: Path) -> Notifier:
        self.stream = StringIO()
        return ConsoleNotifier(self.stream)

    def delivered(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def make_broken_notifier(self, tmp_path: Path) -> Notifier:
        stream = StringIO()
        stream.close()
        return ConsoleNotifier(stream)


class WebServer(HTTPServer):
    """Takes what is posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Posts)
        self.posts: list[str] = []


class Posts(BaseHTTPRequestHandler):
    server: WebServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posts.append(f"{self.headers}{json.dumps(body, ensure_ascii=False)}")
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        pass


class TestWebhookNotifier(NotifierSuite):
    recipient = "hook"
    unicode = True
    whole = True
    keyed = True
    networked = True
    checkable = True

    @pytest.fixture(autouse=True)
    def server(self) -> Iterator[None]:
        with WebServer() as self.running:
            serving = threading.Thread(target=self.running.serve_forever, args=(0.01,))
            serving.start()
            yield
            self.running.shutdown()
            serving.join()

    def make_notifier(self, tmp_path: Path) -> Notifier:
        return self.make_notifier_at(tmp_path, "127.0.0.1", self.running.server_port)

    def make_notifier_at(self, tmp_path: Path, host: str, port: int) -> Notifier:
        endpoint = Endpoint(url=f"http://{host}:{port}/path-with-a-key", secret=PASSWORD, allow_private=True)
        return WebhookNotifier(endpoints={"hook": endpoint}, clock=SystemClock())

    def delivered(self) -> list[str]:
        return self.running.posts

    def secrets(self) -> list[str]:
        return ["path-with-a-key", PASSWORD]
