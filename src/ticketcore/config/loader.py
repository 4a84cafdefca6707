"""From a file to a :class:`~ticketcore.config.schema.Config`, or to everything that is wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import evolve

from ticketcore.config.schema import Config, WorkflowSection
from ticketcore.domain.sla import MAX_MINUTES
from ticketcore.domain.workflow import DEFAULT, SHIPPED, Workflow, declare
from ticketcore.errors import ConfigError, Problem

ENVIRONMENT = "TICKETCORE_CONFIG"
FILE = "config.yaml"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def load_config(path: str | Path | None = None) -> Config:
    """Return the configuration of the file ``path``.

    Without a path it is the file that ``TICKETCORE_CONFIG`` names, else ``./config.yaml`` if there is one,
    else the defaults. Relative paths in the file start at its folder; ``${NAME}`` in a value is replaced by
    the environment variable.

    Raises:
        ConfigError: with every problem: a file that cannot be read, unknown keys, wrong types, unset variables.
    """
    named = path or os.environ.get(ENVIRONMENT)
    file = Path(named) if named else Path(FILE)
    if not named and not file.is_file():
        return with_defaults(Config())
    problems: list[Problem] = []
    raw = _filled(_read(file), "", problems)
    config = _structured(raw, file.resolve().parent, problems)
    if problems:
        raise ConfigError(problems, hint=f"in {file}")
    return with_defaults(config)


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


def _read(file: Path) -> dict[str, Any]:
    import yaml  # costs 20 ms, which a run without a file saves

    try:
        text = file.read_text(encoding="utf-8")
        raw = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except OSError as error:
        raise ConfigError([Problem("", f"cannot read the configuration {file}: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem("", f"the configuration {file} is not UTF-8 text")]) from None
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigError([Problem("", f"the configuration {file} is not YAML: {reason}")]) from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ConfigError([Problem("", f"the configuration {file} must be a mapping of sections")])
    return raw


def _filled(value: Any, path: str, problems: list[Problem]) -> Any:
    """Return ``value`` with environment variables in the place of ``${NAME}``, in every text of the tree."""
    if isinstance(value, dict):
        return {key: _filled(item, f"{path}.{key}" if path else str(key), problems) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, f"{path}[{place}]", problems) for place, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            problems.append(Problem(path, f"the environment variable {match[1]} is not set"))
        return found or ""

    return _VARIABLE.sub(variable, value)


def _structured(raw: dict[str, Any], folder: Path, problems: list[Problem]) -> Config:
    from ticketcore.serde import structure  # cattrs costs 40 ms, which a run without a file saves

    workflow = _workflows(raw.pop("workflow", "default"), problems)
    sla = raw.get("sla")
    if isinstance(sla, dict) and sla.get("defaults") is False:
        raw["sla"] = {**sla, "defaults": {}}
    # A section of which every key is commented out reads as null.
    raw = {key: value for key, value in raw.items() if value is not None}
    config, found = structure(Config(), raw, relative_to=folder)
    problems.extend(Problem(_below(problem), problem.message) for problem in found)
    problems.extend(_semantic_problems(config))
    url = config.database.url
    prefix = "sqlite:///"
    if url.startswith(prefix) and not url.startswith((f"{prefix}/", f"{prefix}file:")) and len(url) > len(prefix):
        url = f"{prefix}{folder / url.removeprefix(prefix)}"
    return evolve(config, workflow=workflow, database=evolve(config.database, url=url))


def _below(problem: Problem) -> str:
    """Return the path of ``problem`` as one writes it: ``sla.defaults.HIGH``, not ``sla.defaults['HIGH']``."""
    return re.sub(r"\['?([^'\]]*[^'\]\d][^'\]]*)'?\]", r".\1", problem.field).lstrip(".")


def _workflows(raw: object, problems: list[Problem]) -> WorkflowSection:
    """Read ``workflow``: a shipped one's name, a declaration, or ``default`` and ``packages`` with either."""
    if isinstance(raw, Mapping) and "transitions" not in raw:
        problems.extend(
            Problem(f"workflow.{key}", "is not known here; a workflow has transitions, or default and packages")
            for key in raw
            if key not in {"default", "packages"}
        )
        packages = raw.get("packages") or {}
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
        problems.append(Problem(path, f"must be one of {', '.join(SHIPPED)}, or a declaration, not {raw!r}"))
        return DEFAULT
    workflow, found = declare(path.removeprefix("workflow.packages."), raw)
    problems.extend(Problem(f"{path}.{problem.field}", problem.message) for problem in found)
    return workflow or DEFAULT


def _semantic_problems(config: Config) -> list[Problem]:
    """Return what is wrong although every type is right."""
    problems: list[Problem] = []
    try:
        ZoneInfo(config.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.append(Problem("timezone", f"{config.timezone!r} is no IANA time zone such as Europe/Berlin"))
    if config.ticket.provider != "internal":
        problems.append(Problem("ticket.provider", f"{config.ticket.provider!r} is not known; known: internal"))
    if not config.ticket.package.strip():
        problems.append(Problem("ticket.package", "must not be empty"))
    if not 0 <= config.email.port <= 65535:  # noqa: PLR2004 - what a TCP port can be
        problems.append(Problem("email.port", f"must be between 0 and 65535, not {config.email.port}"))
    for priority, targets in config.sla.defaults.items():
        path = f"sla.defaults.{priority}"
        problems += [
            Problem(f"{path}.{name}", f"must be between 1 and {MAX_MINUTES} minutes, not {minutes}")
            for name, minutes in (("response", targets.response), ("resolution", targets.resolution))
            if not 1 <= minutes <= MAX_MINUTES
        ]
    positive = {
        "database.timeout": config.database.timeout,
        "scheduler.inline_timeout": config.scheduler.inline_timeout,
        "scheduler.timeout": config.scheduler.timeout,
        "scheduler.attempts": config.scheduler.attempts,
        "scheduler.interval": config.scheduler.interval,
    }
    problems += [Problem(path, f"must be more than 0, not {value}") for path, value in positive.items() if value <= 0]
    return problems
