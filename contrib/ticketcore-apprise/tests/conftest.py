"""What the tests share; they run on the sources beside them, or on an installed package where there is one."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import pytest
from attrs import define, field, frozen

SOURCES = Path(__file__).parents[1] / "src"

if find_spec("ticketcore_apprise") is None:
    sys.path.insert(0, str(SOURCES))


def pytest_configure(config: pytest.Config) -> None:
    # Apprise looks whether the module is there, for the sake of a library that needs it; until Python 3.13 it is.
    config.addinivalue_line("filterwarnings", "ignore:'imghdr' is deprecated:DeprecationWarning")


@frozen
class Post:
    """A request that has arrived."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """What a reader of the message sees: the title and the text."""
        kind = self.headers["Content-Type"]
        if kind.startswith("application/x-www-form-urlencoded"):
            parts = {name: values[0] for name, values in parse_qs(self.body).items()}
        elif "xml" in kind:
            found = ET.fromstring(self.body).iter()  # noqa: S314 - from our own process
            parts = {element.tag.rpartition("}")[2].lower(): element.text or "" for element in found}
            parts["title"] = parts["subject"]
        else:
            parts = self.json
        return f"{parts['title']}\n{parts['message']}"


@define
class Room:
    """An HTTP server that keeps what is posted to it, and answers with ``status`` and ``headers``."""

    port: int
    status: int = 200
    headers: dict[str, str] = field(factory=dict)
    posts: list[Post] = field(factory=list)

    def url(self, scheme: str = "json", *, user: str = "", path: str = "", query: str = "") -> str:
        return f"{scheme}://{user}127.0.0.1:{self.port}/{path}{query}"


@contextmanager
def serving() -> Iterator[Room]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            served.posts.append(Post(self.path, dict(self.headers.items()), body.decode()))
            self.send_response(served.status)
            for name, value in served.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the base class chooses the names

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Room(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def open_room() -> Iterator[Callable[[], Room]]:
    """Return a function that opens one more server, which is closed after the test."""
    with ExitStack() as rooms:
        yield lambda: rooms.enter_context(serving())


@pytest.fixture
def room(open_room: Callable[[], Room]) -> Room:
    return open_room()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests to this computer go there, whatever the environment says."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave on the path what installing the package leaves there; return the folder that it is in."""
    folder = tmp_path / "site"
    if any(entry.module == "ticketcore_apprise" for entry in entry_points(group="ticketcore")):
        return folder
    info = folder / "ticketcore_apprise-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ticketcore-apprise\nVersion: 0.1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[ticketcore]\napprise = ticketcore_apprise\n", "utf-8")
    monkeypatch.syspath_prepend(str(folder))
    return folder
