"""From a file to a :class:`~ticketcore.config.schema.Config`, or to everything that is wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs
from attrs import evolve, field, frozen

from ticketcore.config.schema import Config, WorkflowSection
from ticketcore.config.source import Source, read
from ticketcore.domain.workflow import DEFAULT, SHIPPED, Workflow, declare
from ticketcore.errors import Problem
from ticketcore.serde import Filled, shown, unfit

T = TypeVar("T")

ENVIRONMENT = "TICKETCORE_CONFIG"
FILE = "config.yaml"


@frozen
class Loaded:
    """A configuration, and where it is from."""

    config: Config
    source: Source = field(factory=Source)


def load_config(path: str | Path | None = None) -> Config:
    """Return the configuration of the file ``path``; see :func:`read_config`."""
    return read_config(path).config


def read_config(path: str | Path | None = None) -> Loaded:
    """Return the configuration of the file ``path``, and where it is from.

    Without a path it is the file that ``TICKETCORE_CONFIG`` names, else ``./config.yaml`` if there is one,
    else the defaults. Relative paths in the file start at its folder. In a value, ``${NAME}`` stands for an
    environment variable, ``${NAME:-default}`` for one that may be unset or empty, ``${file:path}`` for what a file
    holds, and ``$${`` for ``${`` itself.

    Sections of plugins are not looked into: that takes their classes (:func:`section`).

    Raises:
        ConfigError: with every problem: a file that cannot be read, unknown keys, wrong types, unset variables.
    """
    named = path or os.environ.get(ENVIRONMENT)
    file = Path(named) if named else Path(FILE)
    if not named and not file.is_file():
        return Loaded(with_defaults(Config()))
    raw, source, problems = read(file)
    # A section that should be anything else has a problem already that says more.
    unset = {problem.field for problem in problems}
    config = _structured(raw, source.folder, problems, unset)
    if problems:
        raise source.error(problems)
    return Loaded(with_defaults(config), source)


def section(kind: type[T], data: Mapping[str, Any] | None, path: str, source: Source) -> tuple[T | None, list[Problem]]:
    """Return the section ``path`` of the configuration as its class ``kind``, or what is wrong with it.

    Args:
        kind: the attrs class of the settings.
        data: what the configuration has there; ``None`` for nothing, which is right if every setting has a default.
        path: the path of the section, for messages.
        source: where the configuration is from; relative paths start at its folder.
    """
    from ticketcore.serde import structure_section

    made, problems = structure_section(kind, data, relative_to=source.folder)
    return made, [Problem(f"{path}.{one.field}" if one.field else path, one.message) for one in problems]


def problems_of(config: Config) -> list[Problem]:
    """Return what is wrong with a configuration that a program has made: other kinds of sections, impossible values."""
    return list(_wrong(config, ""))


def _wrong(section: object, path: str) -> Iterator[Problem]:
    kind = cast("type[attrs.AttrsInstance]", type(section))
    for one in attrs.fields(kind):
        value, here = getattr(section, one.name), f"{path}.{one.name}".removeprefix(".")
        default = type(one.default)
        if attrs.has(default) and not isinstance(value, default):
            yield Problem(here, f"must be a {default.__name__}, not {type(value).__name__}")
        elif attrs.has(default) and not isinstance(value, Workflow):
            yield from _wrong(value, here)
        elif isinstance(value, str) and isinstance(one.default, tuple):
            yield Problem(here, f"must be a list, not {shown(value)}")
        elif message := unfit(one.metadata, value):
            yield Problem(here, message)


def provider_problems(config: Config, source: Source) -> list[Problem]:
    """Return what is wrong with where tickets go: for now that is the internal database, and nothing else."""
    name = config.ticket.provider
    if name == "internal":
        return []
    other = "what the placeholder stands for" if "ticket.provider" in source.filled else repr(name)
    return [Problem("ticket.provider", f"tickets live in the internal database; {other} cannot take its place yet")]


def with_defaults(config: Config) -> Config:
    """Return ``config`` with the places filled in that depend on who runs it: database and mail folder."""
    if config.database.url and (config.email.folder or config.email.host):
        return config
    import platformdirs  # costs 10 ms, and is needed only here

    data = platformdirs.user_data_path("ticketcore", appauthor=False)
    database, email = config.database, config.email
    if not database.url:
        database = evolve(database, url=f"sqlite:///{data / 'ticketcore.db'}")
    if not email.folder:
        email = evolve(email, folder=data / "mail")
    return evolve(config, database=database, email=email)


def is_default_database(config: Config) -> bool:
    """Return whether the database is the file in the user's data folder, whose folder is ours to make."""
    return config.database.url == with_defaults(Config()).database.url


_RELATIVE = re.compile(r"^(sqlite(?:\+\w+)?:///)(?!/|file:|:memory:)(.+)", re.DOTALL)


def _structured(raw: dict[str, Any], folder: Path, problems: list[Problem], known: set[str]) -> Config:
    from ticketcore.serde import structure  # cattrs costs 40 ms, which a run without a file saves

    workflow = _workflows(raw.pop("workflow", "default"), problems)
    sla = raw.get("sla")
    if isinstance(sla, dict) and sla.get("defaults", 0) is None:
        raw["sla"] = {key: value for key, value in sla.items() if key != "defaults"}  # as an empty section
    elif isinstance(sla, dict) and sla.get("defaults") is False:
        raw["sla"] = {**sla, "defaults": {}}
    config, found = structure(Config(), raw, relative_to=folder)
    problems.extend(problem for problem in found if problem.field not in known)
    url = _RELATIVE.sub(lambda match: f"{match[1]}{folder / match[2]}", config.database.url)
    return evolve(config, workflow=workflow, database=evolve(config.database, url=url))


def _workflows(raw: object, problems: list[Problem]) -> WorkflowSection:
    """Read ``workflow``: a shipped one's name, a declaration, or ``default`` and ``packages`` with either."""
    if isinstance(raw, Mapping) and "transitions" not in raw:
        problems.extend(
            Problem(f"workflow.{key}", "is not known here; a workflow has transitions, or default and packages")
            for key in raw
            if key not in {"default", "packages"}
        )
        packages = {} if raw.get("packages") is None else raw["packages"]
        if not isinstance(packages, Mapping):
            problems.append(Problem("workflow.packages", "must map packages to workflows"))
            packages = {}
        return WorkflowSection(
            default=_workflow("workflow.default", raw.get("default", "default"), problems),
            packages={
                str(package): _workflow(f"workflow.packages.{package}", declared, problems)
                for package, declared in packages.items()
            },
        )
    return WorkflowSection(default=_workflow("workflow", raw, problems))


def _workflow(path: str, raw: object, problems: list[Problem]) -> Workflow:
    if isinstance(raw, str) and raw in SHIPPED:
        return SHIPPED[raw]
    if not isinstance(raw, Mapping):
        seen = "" if isinstance(raw, Filled) else f", not {shown(raw)}"
        problems.append(Problem(path, f"must be one of {', '.join(SHIPPED)}, or a declaration{seen}"))
        return DEFAULT
    workflow, found = declare(path.removeprefix("workflow.packages."), raw)
    problems.extend(Problem(f"{path}.{problem.field}", problem.message) for problem in found)
    return workflow or DEFAULT
