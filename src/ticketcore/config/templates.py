"""Files of templates for tickets: YAML, one template or a list of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

from ticketcore.config.source import Source, document, text_in, text_of
from ticketcore.domain.template import TemplateDraft
from ticketcore.errors import ConfigError, Problem, RejectedError

SAMPLES = Path(__file__).parents[1] / "samples" / "templates.yaml"
"""The templates that come with ticketcore."""

_WHAT = "template file"
_FIRST = "[0]"
_NEEDED = ("name", "subject")


@frozen
class TemplateFile:
    """What a file of templates holds.

    ``drafts`` are its templates, as far as they can be read, and ``problems`` says what cannot: the fields begin with
    the places of drafts, ``[0]``, ``[1]`` and so on.
    """

    drafts: Sequence[TemplateDraft]
    problems: Sequence[Problem]
    source: Source
    is_list: bool

    @contextmanager
    def located(self) -> Iterator[None]:
        """Give the problems with which a block refuses the drafts their places in the file.

        Raises:
            RejectedError: the block raises one; each problem names the line.
        """
        try:
            yield
        except RejectedError as error:
            found = [Problem(self._written(one.field), one.message) for one in error.problems]
            raise _refused(self.source, found) from None

    def _written(self, path: str) -> str:
        return path if self.is_list else path.removeprefix(_FIRST).removeprefix(".")


def read_templates(file: Path | BinaryIO) -> TemplateFile:
    """Return the templates in a file, which may be standard input.

    Raises:
        RejectedError: it cannot be read, is no YAML, or there is no template in it.
    """
    name = str(file) if isinstance(file, Path) else "standard input"
    try:
        text = text_of(file, _WHAT) if isinstance(file, Path) else text_in(file.read(), name, _WHAT)
        raw, lines, twice = document(name, text, _WHAT)
    except ConfigError as error:
        places = zip(error.places or ("",), error.problems, strict=True)
        raise RejectedError([Problem(place, one.message) for place, one in places]) from None
    source, is_list = Source(Path(name), lines), isinstance(raw, list)
    items = raw if isinstance(raw, list) else [] if raw is None else [raw]
    if not items:
        raise _refused(source, [Problem("", "there is no template in it")])
    drafts: list[TemplateDraft] = []
    problems = [one if is_list else Problem(f"{_FIRST}.{one.field}", one.message) for one in twice]
    for place, item in enumerate(items):
        draft, wrong = _draft(item, source.folder)
        drafts.append(draft)
        problems += [Problem(f"[{place}].{one.field}".removesuffix("."), one.message) for one in wrong]
    return TemplateFile(drafts, problems, source, is_list)


def _draft(item: object, folder: Path) -> tuple[TemplateDraft, list[Problem]]:
    """Return the template that ``item`` is, as far as it can be read, and what is wrong with it."""
    from ticketcore.serde import shown, structure

    empty = TemplateDraft()
    if not isinstance(item, Mapping):
        return empty, [Problem("", f"must be a template with keys of its own, not {shown(item)}")]
    draft, problems = structure(empty, item, relative_to=folder)
    return draft, [*(Problem(key, "is missing") for key in _NEEDED if key not in item), *problems]


def _refused(source: Source, problems: list[Problem]) -> RejectedError:
    """Return the error that ``problems`` are, each with its line, in the order of the file."""
    error = source.error(problems)
    places = zip(error.places, error.problems, strict=True)
    return RejectedError([Problem(f"{place}: {one.field}".removesuffix(": "), one.message) for place, one in places])
