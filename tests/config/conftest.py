"""What the tests of the configuration share: a file made to order, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ticketcore.config.loader import Loaded, read_config
from ticketcore.errors import ConfigError

Read = Callable[[str], Loaded]
Problems = Callable[[str], list[str]]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the configuration of this test, in a folder that is not the current one."""
    monkeypatch.delenv("TICKETCORE_CONFIG", raising=False)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder / "config.yaml"


@pytest.fixture
def read(file: Path) -> Read:
    """Return a function that reads a configuration from its text."""

    def read(text: str) -> Loaded:
        file.write_text(text, encoding="utf-8")
        return read_config(file)

    return read


@pytest.fixture
def problems(read: Read, file: Path) -> Problems:
    """Return a function that gives what is wrong with a configuration, a line each, without the folder of its file."""

    def problems(text: str) -> list[str]:
        with pytest.raises(ConfigError) as refused:
            read(text)
        error = refused.value
        assert len(error.places) == len(error.problems) or not error.places
        return [line.replace(f"{file.parent}/", "") for line in error.lines()]

    return problems
