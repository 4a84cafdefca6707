"""Messages from templates, with Jinja2: those of a package, and those that ticketcore ships."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field
from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ticketcore.adapters.mime import one_line
from ticketcore.domain.events import NotifyCode
from ticketcore.errors import RenderError
from ticketcore.ports.render import Rendered

_log = logging.getLogger(__name__)

_SHIPPED = Path(__file__).with_name("templates")

_VARIABLES = (
    "ticket_number",
    "subject",
    "event",
    "detail",
    "status",
    "priority",
    "assigned_to",
    "action_by",
)

_SAMPLE: Mapping[str, str | int] = {
    "ticket_number": 1,
    "subject": "Printer is jammed",
    "detail": "NEW → IN_PROGRESS",
    "status": "IN_PROGRESS",
    "priority": "HIGH",
    "assigned_to": "Ann",
    "action_by": "ben@example.com",
}

_SINGLE_BRACES = re.compile(rf"(?<!\{{)\{{({'|'.join(_VARIABLES)})\}}")
"""``{subject}``, and so on: never ``{{subject}}``, never other braces."""

_SEPARATORS = frozenset("/\\\0")

_LONGEST_REASON = 200


class _CustomLoader(FileSystemLoader):
    """Reads templates that may write a variable as ``{name}``, which becomes ``{{ name }}``."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Any]:
        """Return the source of a template, its file, and how to see whether that has changed."""
        source, filename, is_current = super().get_source(environment, template)
        return _SINGLE_BRACES.sub(r"{{ \1 }}", source), filename, is_current


def _environment(loader: BaseLoader) -> Environment:
    return ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=lambda name: name is None or not name.endswith(".txt"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@define
class JinjaRenderer:
    """Renders with the templates below ``root`` (where there is one), then ``more``, and those that are shipped.

    The templates of a package are in ``resource.templates/package.{package}/`` below a root:
    ticket.html and, if wanted, ticket.txt. They can include and extend others below the roots, and
    the shipped ones. A changed file is noticed. A template that does not work is reported once, as
    a warning in the log, and the next one is used, so it never keeps a message back.

    Templates run in Jinja2's immutable sandbox: they can neither reach into Python nor change a
    value, and the length of a ``range`` is limited. Time and memory are not (loops can be nested,
    texts multiplied), so whoever may write below a root is trusted not to exhaust the process.
    Values are not trusted with anything.
    """

    root: Path | None = None
    more: Sequence[Path] = ()
    _reported: set[str] = field(factory=set, init=False, repr=False)
    _shipped: Environment = field(init=False, repr=False)
    _custom: Environment | None = field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Prepare both environments: what is shipped never sees what is below a root."""
        shipped = FileSystemLoader(_SHIPPED)
        self._shipped = _environment(shipped)
        roots = [*([self.root] if self.root else []), *self.more]
        if roots:
            self._custom = _environment(ChoiceLoader([_CustomLoader(roots), shipped]))

    def render_message(self, package: str, values: Mapping[str, Any]) -> Rendered:
        """Return the message for a ticket of ``package``; see the port.

        Raises:
            RenderError: not even what is shipped works, so the installation is damaged.
        """
        texts = {name: _plain(name, value) for name, value in values.items()}
        return Rendered(
            html=self._first(package, ("ticket.html", "ticket_email_fallback.html"), texts),
            text=self._first(package, ("ticket.txt",), texts),
        )

    def problems(self) -> dict[str, str]:
        """Return the templates of packages that do not work, and why; each is tried with every event."""
        found: dict[str, str] = {}
        for folder in ([self.root] if self.root else []) + list(self.more):
            for path in sorted(folder.glob("resource.templates/package.*/ticket.*")):
                name = path.relative_to(folder).as_posix()
                if self._custom is None or path.suffix not in {".html", ".txt"}:
                    continue
                try:
                    for event in NotifyCode:
                        self._custom.get_template(name).render({**_SAMPLE, "event": str(event)})
                except Exception as error:  # noqa: BLE001 - a template can fail in any way
                    found[name] = _reason(error)
        return found

    def _first(self, package: str, names: Sequence[str], values: Mapping[str, str | int]) -> str:
        """Return the text of the first that works: the package's own, then the shipped ones."""
        for environment, name in self._candidates(package, names):
            try:
                return environment.get_template(name).render(values)
            except TemplateNotFound as error:
                if environment is not self._custom or error.name != name:
                    self._report(name, error)
            except Exception as error:  # noqa: BLE001 - a template can fail in any way
                self._report(name, error)
        raise RenderError(names[-1], "the templates that ticketcore ships are missing or broken")

    def _candidates(self, package: str, names: Sequence[str]) -> Iterator[tuple[Environment, str]]:
        # The package is one part of a path, behind a prefix: without a separator it stays there.
        if self._custom is not None and not _SEPARATORS.intersection(package):
            yield self._custom, f"resource.templates/package.{package}/{names[0]}"
        for name in names:
            yield self._shipped, name

    def _report(self, name: str, error: Exception) -> None:
        if name in self._reported:
            return
        self._reported.add(name)
        _log.warning("template %r does not work, the next one is used: %s", name, _reason(error))


def _reason(error: Exception) -> str:
    """Return in one line what is wrong with a template."""
    line = f", line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
    text = error.message if isinstance(error, TemplateSyntaxError) else str(error)
    return f"{type(error).__name__}{line}: {one_line(text or '')}"[:_LONGEST_REASON]


def _plain(name: str, value: object) -> str | int:
    """Return a value as a template gets it: without behaviour, and without claims to be safe HTML.

    The detail is the only text of several lines: elsewhere a second one could pass for a field.
    """
    if type(value) is int:
        return value
    text = "" if value is None else str(value)
    return text if name == "detail" else one_line(text)
