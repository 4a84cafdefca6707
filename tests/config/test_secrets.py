"""Whatever stands in a configuration, reading it ends well or with problems of a known kind, and shows no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.config.loader import Loaded, read_config
from ticketcore.config.schema import Config, WebhookSection
from ticketcore.config.show import shown
from ticketcore.desk import Desk
from ticketcore.domain.workflow import Workflow
from ticketcore.errors import ConfigError, PluginError, Problem

SECRET = "hunter2"
NUMBER = "4815162342"
"""Secrets that nothing else here looks like."""

KNOWN = [
    r"must be (text|a whole number|a number|true or false|the path of a file)( \(put it in quotes\))?(, not .+)?",
    r"must be (a list|a mapping|a section with keys of its own)(, not .+)?",
    r"must be one of .+",
    r"must be between [0-9.]+ and [0-9.]+(, not .+)?",
    r"must not be empty",
    r"is missing",
    r"is not known(; did you mean .+\?)?; known here: .+",
    r"is no database URL; expected one such as sqlite:///desk\.db",
    r".+ is no IANA time zone such as Europe/Berlin",
    r"is not known here; a workflow has .+",
    r"must be a list of statuses, not .+",
    r".+ is not a status; known: .+",
    r"must map (packages to workflows|each status to the list of those that may follow)",
    r"cannot be reached from .+; add a move to it or leave it out",
    r"(has no way out|leads to no final status); add a move .+",
    r"must have no way out: CANCELLED is final",
    r"is not valid: RuntimeError: Could not determine home directory\.",
    r"the configuration cannot be read as YAML: .+",
    r"a placeholder stands for a value, never for a key",
    r"has a \$\{ that begins no placeholder; write .+",
]
PROBLEM = re.compile("|".join(f"({known})" for known in KNOWN), re.DOTALL)


def every_path(section: Any, path: str = "") -> Iterator[str]:
    for one in attrs.fields(type(section)):
        below = f"{path}.{one.name}".removeprefix(".")
        yield below
        value = getattr(section, one.name)
        if attrs.has(type(value)) and not isinstance(value, Workflow):
            yield from every_path(value, below)


WEBHOOK = [f"webhooks.chat.{one.name}" for one in attrs.fields(WebhookSection)]
PATHS = [
    *every_path(Config()),
    *("colour", "email.colour", "webhooks.chat", *WEBHOOK, "plugins.chat", "plugins.chat.token", "providers.jira.key"),
    *(
        "sla.defaults.HIGH",
        "sla.defaults.LOW.response",
        "workflow.initial",
        "workflow.final",
        "workflow.transitions.NEW",
    ),
    *("workflow.transitions", "workflow.packages.IT", "workflow.packages.IT.transitions"),
]
SECRET_PATHS = [
    *("email.password", "webhooks.chat.url", "webhooks.chat.secret", "plugins.chat.token", "providers.jira.key"),
    *("email", "webhooks", "webhooks.chat", "plugins", "plugins.chat", "providers", "providers.jira"),
]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**18, 10**400)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["strict", "ON_HOLD", "NEW", "tls", "restart", "memory:", "sqlite:///x.db", "~nobody-here/x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
from_outside = st.sampled_from(
    ["${SECRET}", "x${SECRET}", "${file:secret}", "${NUMBER}", "-${NUMBER}", "0.${NUMBER}", "${UNSET:-hunter2}"]
)
hidden = (
    from_outside | st.lists(from_outside, min_size=1, max_size=2) | st.builds(lambda text: {"a": text}, from_outside)
)
inline = st.sampled_from(
    [
        SECRET,
        [SECRET],
        {"a": SECRET},
        {SECRET[:4]: [SECRET]},
        f"https://x.example.com/{SECRET}",
        int(NUMBER),
        [int(NUMBER)],
    ]
)
pieces = st.lists(
    st.tuples(st.sampled_from(PATHS), anything | hidden) | st.tuples(st.sampled_from(SECRET_PATHS), inline),
    min_size=1,
    max_size=5,
)


def configuration(pieces: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a configuration in which each value stands at its path, as far as there is room."""
    whole: dict[str, Any] = {}
    for path, value in pieces:
        place = whole
        *sections, name = path.split(".")
        for part in sections:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        place[name] = deepcopy(value)
    return whole


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "secret").write_text(f"{SECRET}\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SECRET", SECRET)
        environment.setenv("NUMBER", NUMBER)
        environment.delenv("UNSET", raising=False)
        yield folder


def assert_harmless(text: str) -> None:
    assert SECRET not in text.replace("default of UNSET", "")
    assert NUMBER not in text


def assert_known(problem: Problem) -> None:
    assert PROBLEM.fullmatch(problem.message), problem


def assert_right(error: ConfigError) -> None:
    assert len(error.places) == len(error.problems) >= 1
    for problem in error.problems:
        assert_known(problem)
    for text in (str(error), repr(error), *error.lines(), *map(repr, error.problems)):
        assert_harmless(text)


@settings(max_examples=150, deadline=None)
@given(pieces=pieces)
def test_any_configuration_is_read_or_refused_and_shows_no_secret(folder: Path, pieces: list[tuple[str, Any]]) -> None:
    file = folder / "config.yaml"
    file.write_text(json.dumps(configuration(pieces), ensure_ascii=False), encoding="utf-8")
    try:
        loaded = read_config(file)
    except ConfigError as error:
        assert_right(error)
        return
    for one in shown(loaded.config, loaded.source, {}):
        assert_harmless(f"{one.key} {json.dumps(one.value)}")
    assert_checked(loaded)


def assert_checked(loaded: Loaded) -> None:
    """Assert that looking for the plugins that a configuration needs shows no secret either."""
    with Desk(loaded.config, source=loaded.source) as desk:
        try:
            desk.extensions.check()
        except (ConfigError, PluginError) as error:
            assert_harmless("\n".join(error.lines()))
