"""Placeholders in the texts of templates for tickets: names and a few filters of Jinja2, and nothing else of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from attrs import frozen
from jinja2 import Environment, StrictUndefined, TemplateSyntaxError, nodes
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ticketcore.domain.text import one_line
from ticketcore.errors import Problem, RejectedError
from ticketcore.ports.render import LONGEST_TEXT, LONGEST_VALUE

_ARGUMENTS = {"default": (0, 2), "lower": (0, 0), "replace": (2, 2), "title": (0, 0), "trim": (0, 1), "upper": (0, 0)}
"""The filters, and how many arguments each takes: at least, at most."""

_MOST_PLACEHOLDERS, _MOST_FILTERS = 500, 100
"""How many there may be in a text; together with the length of values they bound the time that it takes."""

_LARGEST_NUMBER = 2**63

_RESERVED = frozenset({"self", "super"})
"""Names that mean something to Jinja2 itself."""

_PLAIN = f"a placeholder holds a name or a quoted text, and filters of: {', '.join(_ARGUMENTS)}"
_LITERALLY = "write {{ '{{' }} for the characters themselves"
_STARTS = ("{{", "{%", "{#")


class JinjaPlaceholders:
    """Fills placeholders with Jinja2, of which only what is on a list gets as far as its sandbox.

    The syntax tree of a text is looked at before anything of it runs: there are no statements, calls, attributes and
    calculations in it, so it can neither reach into Python nor go on for long.
    """

    def names(self, text: str) -> Mapping[str, bool]:
        """Return the names in ``text``, and which of them need a value; see the port."""
        return _read(text).names if _is_filled(text) else {}

    def fill(self, text: str, values: Mapping[str, str]) -> str:
        """Return ``text`` with ``values`` in it; see the port."""
        if not _is_filled(text):
            return text
        read = _read(text)
        given = {name: values[name] for name in read.names if name in values}
        problems = [
            *(f"{name!r} has no value" for name, needed in read.names.items() if needed and name not in given),
            *(f"the value of {name!r} is too long" for name, value in given.items() if len(value) > LONGEST_VALUE),
        ]
        if problems:
            raise RejectedError([Problem("", problem) for problem in problems])
        parts: list[str] = []
        length = 0
        for part in _environment().from_string(read.tree).generate(given):
            parts.append(part)
            length += len(part)
            if length > LONGEST_TEXT:
                raise RejectedError([_too_long("becomes too long")])
        return "".join(parts)


@frozen
class _Read:
    tree: nodes.Template
    names: Mapping[str, bool]


def _is_filled(text: str) -> bool:
    return any(start in text for start in _STARTS)


def _too_long(what: str) -> Problem:
    return Problem("", f"{what}: at most {LONGEST_TEXT} characters are allowed")


@cache
def _environment() -> Environment:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.globals.clear()
    environment.filters = {name: FILTERS[name] for name in _ARGUMENTS} | {"replace": _replace, "trim": _trim}
    return environment


def _replace(value: object, old: object, new: object) -> str:
    """Return ``value`` with ``new`` for ``old``; Jinja2's own could let a text grow with each use."""
    text, old, new = str(value), str(old), str(new)
    if len(text) + text.count(old) * (len(new) - len(old)) > LONGEST_VALUE:
        raise RejectedError([Problem("", f"a replace makes more than {LONGEST_VALUE} characters")])
    return text.replace(old, new)


def _trim(value: object, chars: object = " \t\r\n") -> str:
    return str(value).strip(str(chars))


def _read(text: str) -> _Read:
    """Return the syntax tree of ``text``, in which there is nothing that is not allowed, and its names.

    Raises:
        RejectedError: with all that is wrong with it.
    """
    if len(text) > LONGEST_TEXT:
        raise RejectedError([_too_long("is too long for a text with placeholders")])
    tree = _parsed(text)
    placeholders, problems = list(_placeholders(tree)), list(_statements(tree))
    names: dict[str, bool] = {}
    filters = 0
    for placeholder in placeholders:
        inner, chain = _chain(placeholder)
        filters += len(chain)
        problems += [(placeholder.lineno, wrong) for wrong in (*_wrong_inside(inner), *_wrong_filters(chain))]
        if isinstance(inner, nodes.Name):
            may_miss = bool(chain) and chain[0].name == "default"
            names[inner.name] = names.get(inner.name, False) or not may_miss
    if len(placeholders) > _MOST_PLACEHOLDERS or filters > _MOST_FILTERS:
        most = f"at most {_MOST_PLACEHOLDERS} placeholders with {_MOST_FILTERS} filters"
        raise RejectedError([Problem("", f"has too many placeholders: {most} are allowed")])
    if problems:
        texts = dict.fromkeys(_located(text, line, problem) for line, problem in sorted(problems))
        raise RejectedError([Problem("", one) for one in texts])
    return _Read(tree, names)


def _parsed(text: str) -> nodes.Template:
    try:
        return _environment().parse(text)
    except TemplateSyntaxError as error:
        reason = one_line(error.message or "wrong syntax").rstrip(".")
        problem = _located(text, error.lineno, f"cannot be read ({reason}); {_LITERALLY}")
    except (RecursionError, ValueError):  # brackets without an end, a number of thousands of digits
        problem = f"cannot be read; {_PLAIN}"
    raise RejectedError([Problem("", problem)])


def _located(text: str, line: int, problem: str) -> str:
    return f"line {line}: {problem}" if "\n" in text.rstrip() else problem


def _placeholders(tree: nodes.Template) -> Iterator[nodes.Expr]:
    for node in tree.body:
        if isinstance(node, nodes.Output):
            yield from (part for part in node.nodes if not isinstance(part, nodes.TemplateData))


def _statements(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    for node in tree.body:
        if not isinstance(node, nodes.Output):
            # A block that opens a scope has no line itself.
            line = node.lineno or next((one.lineno for one in node.find_all(nodes.Node) if one.lineno), 1)
            yield line, "{% %} cannot be used here; write {{ '{%' }} for the characters themselves"


def _chain(placeholder: nodes.Expr) -> tuple[nodes.Expr, list[nodes.Filter]]:
    """Return what a placeholder begins with, and its filters in the order in which they are used."""
    node, chain = placeholder, []
    while isinstance(node, nodes.Filter) and node.node is not None:
        chain.append(node)
        node = node.node
    return node, chain[::-1]


def _wrong_inside(inner: nodes.Expr) -> Iterator[str]:
    if isinstance(inner, nodes.Name):
        if inner.name in _RESERVED:
            yield f"{inner.name!r} cannot be the name of a value"
    elif not _is_plain(inner):
        yield f"{_PLAIN}; no calculation, call, attribute or condition"


def _wrong_filters(chain: list[nodes.Filter]) -> Iterator[str]:
    for one in chain:
        if one.name not in _ARGUMENTS:
            yield f"there is no filter {one.name!r}; there are: {', '.join(_ARGUMENTS)}"
            continue
        least, most = _ARGUMENTS[one.name]
        if one.kwargs or one.dyn_args or one.dyn_kwargs or not least <= len(one.args) <= most:
            count = str(most) if least == most else f"{least} to {most}"
            yield f"the filter {one.name} takes {count} arguments, without names"
        elif not all(map(_is_plain, one.args)):
            yield f"an argument of the filter {one.name} must be a quoted text or a number"


def _is_plain(node: nodes.Node) -> bool:
    """Return whether ``node`` is a text, or a number that has a text."""
    if not isinstance(node, nodes.Const):
        return False
    value = node.value
    return isinstance(value, str) or (isinstance(value, int | float) and abs(value) < _LARGEST_NUMBER)
