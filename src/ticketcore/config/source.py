"""A file as it is written, a configuration first of all: its values, with the line and the origin of each."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from ticketcore.errors import ConfigError, Problem
from ticketcore.serde import Filled

if TYPE_CHECKING:
    from yaml import MappingNode, Node

_INNER = r"(?:(?!\$\{)[^}])"
_PLACEHOLDER = re.compile(
    rf"\$\$\{{|\$\{{(?:file:(?P<file>{_INNER}+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>{_INNER}*))?)\}}"
    r"|(?P<wrong>\$\{)"
)
_HOW = "write ${NAME}, ${NAME:-default} or ${file:path}, and $${ for the characters themselves"
_LONGEST_CONTENT = 64 * 1024
_LARGEST_FILE = 1024 * 1024
_MOST_KEYS, _DEEPEST = 20_000, 50
_QUOTED = re.compile(r" '(?!<)[^']{2,}'")


@frozen
class Source:
    """Where a configuration is from.

    ``lines`` has the line of each key, by its path (``email.port``, ``notifiers[0]``); ``filled`` says for each value
    with placeholders where it came from. All are empty for a configuration that is made in Python.
    """

    file: Path | None = None
    lines: Mapping[str, int] = field(factory=dict, repr=False)
    filled: Mapping[str, str] = field(factory=dict, repr=False)

    @property
    def folder(self) -> Path:
        """The folder at which relative paths start."""
        return self.file.resolve().parent if self.file else Path.cwd()

    def place(self, path: str) -> str:
        """Return the place of the key ``path`` (``config.yaml:7``), or of what is nearest above it."""
        if self.file is None:
            return ""
        path = self._written(path)
        return f"{self.file}:{self.lines[path]}" if path else str(self.file)

    def origin(self, path: str) -> str:
        """Return where the value of the key ``path`` is from, in words; empty if no file has it."""
        if path == "workflow.default" and not {path, "workflow.packages"} & self.lines.keys():
            path = "workflow"  # the one section that may be a single workflow
        if path not in self.lines:
            return ""
        return ", ".join([self.place(path), *([self.filled[path]] if path in self.filled else [])])

    def _written(self, path: str) -> str:
        """Return ``path``, or what is nearest above it, as far as it is written in the file."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return path

    def error(self, problems: list[Problem]) -> ConfigError:
        """Return the error that ``problems`` are, each with its place, in the order of the file."""
        found = sorted(problems, key=lambda problem: self.lines.get(self._written(problem.field), 0))
        return ConfigError(found, places=[self.place(problem.field) for problem in found])


def read(file: Path) -> tuple[dict[str, Any], Source, list[Problem]]:
    """Return the values in ``file`` with placeholders filled, where they are from, and what is wrong with them.

    Raises:
        ConfigError: the file cannot be read, or is no YAML mapping.
    """
    raw, lines, problems = document(file, text_of(file))
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise ConfigError([Problem("", f"the configuration {file} must be a mapping of sections")])
    filled: dict[str, str] = {}

    def fill(value: Any, path: str) -> Any:
        if isinstance(value, dict):
            for key in value:
                if "${" in str(key):
                    problems.append(Problem(_below(path, key), "a placeholder stands for a value, never for a key"))
            return {key: fill(item, _below(path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [fill(item, f"{path}[{place}]") for place, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        text, origins, wrong = _expanded(value, file.resolve().parent)
        problems.extend(Problem(path, message) for message in wrong)
        if not origins:
            return text
        filled[path] = " and ".join(dict.fromkeys(origins))
        return Filled(text)

    return fill(raw, ""), Source(file, lines, filled), problems


def _below(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def text_of(file: Path, what: str = "configuration") -> str:
    """Return the text in ``file``; ``what`` is what it is in messages.

    Raises:
        ConfigError: the file cannot be read, is too large, or is not UTF-8.
    """
    try:
        with file.open("rb") as opened:
            return text_in(opened.read(_LARGEST_FILE + 1), str(file), what)
    except OSError as error:
        raise ConfigError([Problem("", f"cannot read the {what} {file}: {error.strerror}")]) from None


def text_in(data: bytes, name: str, what: str) -> str:
    """Return ``data``, which is from the file ``name``, as text; see :func:`text_of`."""
    if len(data) > _LARGEST_FILE:
        raise ConfigError([Problem("", f"the {what} {name} is larger than {_LARGEST_FILE} bytes")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError([Problem("", f"the {what} {name} is not UTF-8 text")]) from None


def document(file: Path | str, text: str, what: str = "configuration") -> tuple[Any, dict[str, int], list[Problem]]:
    """Return the value of ``text``, which is YAML, the line of each key by its path, and the keys that are there twice.

    Args:
        file: where the text is from, for messages.
        text: the text.
        what: what it is, for messages.

    Raises:
        ConfigError: it is no YAML.
    """
    import yaml  # costs 20 ms, which a run without a file saves

    found = _Lines()
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)  # it looks at the first letters already
        try:
            node = loader.get_single_node()
            if node is not None:
                found.note(node, "")
            raw = _constructed(loader, node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        message = f"the {what} cannot be read as YAML: {_reason(error)}"
        raise ConfigError([Problem("", message)], places=[f"{file}:{_line(error, text)}"]) from None
    except RecursionError:  # where PyYAML has no libyaml, which has a limit of its own
        raise ConfigError([Problem("", f"the {what} {file} has too many levels")]) from None
    return raw, found.lines, found.problems


def _constructed(loader: Any, node: Node) -> Any:
    """Return the value of ``node``.

    Raises:
        YAMLError: something in it has no value, such as a date that does not exist.
    """
    import yaml

    wrong = (ValueError, LookupError, AttributeError, TypeError)  # what PyYAML raises depends on the type
    try:
        return loader.construct_document(node)
    except wrong:
        for scalar in _scalars(node):
            try:
                yaml.SafeLoader("").construct_document(scalar)
            except wrong:
                kind = scalar.tag.rpartition(":")[2]
                message = f"a value that looks like the type {kind} is none (put a text in quotes)"
                raise yaml.MarkedYAMLError(problem=message, problem_mark=scalar.start_mark) from None
        raise


def _scalars(node: Node) -> Iterator[Node]:
    import yaml

    if isinstance(node, yaml.ScalarNode):
        yield node
    for item in node.value if isinstance(node, yaml.CollectionNode) else ():
        for part in item if isinstance(item, tuple) else (item,):
            yield from _scalars(part)


def _line(error: Any, text: str) -> int:
    """Return the line of an error of PyYAML's."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    # A character that is not allowed, by its place: among the characters, or among the bytes if libyaml found it.
    before = text[: error.position] if error.encoding == "unicode" else text.encode()[: error.position].decode()
    return before.count("\n") + 1


def _reason(error: Any) -> str:
    """Return what is wrong with the YAML, without anything that may be a secret: a tag is how ``!secret`` reads."""
    from yaml.composer import ComposerError
    from yaml.constructor import ConstructorError

    reason: str = error.problem if hasattr(error, "problem") else error.reason
    if isinstance(error, ConstructorError) and "tag" in reason:
        return "an unknown tag (put a text that begins with ! in quotes)"
    if isinstance(error, ComposerError) and "document" in reason:
        return "a second document begins"
    return _QUOTED.sub("", reason)


@define
class _Lines:
    """The line of each key and item of a file, and the keys that are there twice."""

    lines: dict[str, int] = field(factory=dict)
    problems: list[Problem] = field(factory=list)
    _above: list[Node] = field(factory=list, init=False)
    _visits: int = field(default=0, init=False)

    def note(self, node: Node, path: str) -> None:
        """Note what is below ``node``.

        Raises:
            YAMLError: it never ends, or has a key that is no text.
        """
        import yaml

        if any(node is one for one in self._above):
            raise _refused(node, "an alias stands for something that it is a part of")
        self._visits += 1  # not the lines: merges can visit the same ones again and again
        if len(self._above) > _DEEPEST or self._visits > _MOST_KEYS:
            raise _refused(node, f"there are more than {_DEEPEST} levels, or {_MOST_KEYS} keys")
        self._above.append(node)
        if isinstance(node, yaml.MappingNode):
            self._note_keys(node, path)
        elif isinstance(node, yaml.SequenceNode):
            for place, item in enumerate(node.value):
                self.lines[f"{path}[{place}]"] = item.start_mark.line + 1
                self.note(item, f"{path}[{place}]")
        self._above.pop()

    def _note_keys(self, node: MappingNode, path: str) -> None:
        import yaml

        # What is written here goes before what is merged, and of that the first.
        for value in (value for key, value in node.value if key.tag == "tag:yaml.org,2002:merge"):
            for one in reversed(value.value) if isinstance(value, yaml.SequenceNode) else [value]:
                self.note(one, path)
        seen: dict[str, int] = {}
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise _refused(key, "a key has to be text")
            key.tag = "tag:yaml.org,2002:str"  # NO is a country, and 010 is not 8
            key.value = sys.intern(key.value)  # PyYAML 6.0.4 takes equal merged keys for one if they are identical
            below, line = _below(path, key.value), key.start_mark.line + 1
            if key.value in seen:
                self.problems.append(Problem(below, f"is there twice, in line {seen[key.value]} and in line {line}"))
            elif below in self.lines:
                self._forget(below)
            seen[key.value] = self.lines[below] = line
            self.note(value, below)

    def _forget(self, path: str) -> None:
        """Forget what was merged below ``path``: it is replaced as a whole."""
        for old in [line for line in self.lines if line.startswith((f"{path}.", f"{path}["))]:
            del self.lines[old]


def _refused(node: Node, why: str) -> Exception:
    from yaml import MarkedYAMLError

    return MarkedYAMLError(problem=why, problem_mark=node.start_mark)


def _expanded(value: str, folder: Path) -> tuple[str, list[str], list[str]]:
    """Return ``value`` with what its placeholders stand for, where that is from, and what is wrong with them."""
    origins: list[str] = []
    wrong: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        if match["wrong"]:
            wrong.append(f"has a ${{ that begins no placeholder; {_HOW}")  # not shown: a secret may look like that
            return match[0]
        if match["file"]:
            return _content(match["file"].strip(), folder, origins, wrong)
        name, default = match["name"], match["default"]
        found = os.environ.get(name)
        if not found and default is None:
            state = "not set" if found is None else "empty; if that is meant, write ${" + name + ":-}"
            wrong.append(f"the environment variable {name} is {state}")
        # As in a shell, a default is also for a variable that is set and empty.
        if found or default is None:
            origins.append(f"environment variable {name}")
            if any("\ud800" <= letter <= "\udfff" for letter in found or ""):
                wrong.append(f"the environment variable {name} is not UTF-8 text")
            return found or ""
        origins.append(f"default of {name}")
        return default

    return _PLACEHOLDER.sub(replace, value), origins, list(dict.fromkeys(wrong))


def _content(name: str, folder: Path, origins: list[str], wrong: list[str]) -> str:
    """Return what a file holds, without the end of its last line."""
    try:
        path = folder / Path(name).expanduser()
        origins.append(f"file {path}")
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read(_LONGEST_CONTENT + 1)
    except OSError as error:
        wrong.append(f"cannot read {path}: {error.strerror}")
    except UnicodeDecodeError:
        wrong.append(f"cannot read {path}: it is not UTF-8 text")
    except (ValueError, RuntimeError):  # a null character, a home that nobody has
        origins.append("a file")
        wrong.append(f"{name!r} is not the path of a file")
    else:
        if len(text) > _LONGEST_CONTENT:
            wrong.append(f"cannot use {path}: it holds more than {_LONGEST_CONTENT} characters")
        return text.removesuffix("\n").removesuffix("\r")
    return ""
