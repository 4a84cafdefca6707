"""How Sphinx builds the documentation."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import sys
from typing import TYPE_CHECKING, Any, get_type_hints

import attrs

import ticketcore

if TYPE_CHECKING:
    from types import ModuleType

    from sphinx.application import Sphinx

project = "ticketcore"
author = "ticketcore contributors"
copyright = author  # noqa: A001 - the name that Sphinx reads
version = release = ticketcore.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build", "changelog/*"]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_title = f"ticketcore {version}"

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

napoleon_numpy_docstring = False
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"

# Every reference into ticketcore must resolve. Those to other projects do not: the documentation is
# built without a network, so there are no inventories to look them up in.
_elsewhere = sorted(
    {
        *sys.stdlib_module_names,
        *("aiosmtpd", "alembic", "attr", "attrs", "cattrs", "click", "hypothesis", "jinja2", "pluggy"),
        *("prometheus_client", "_pytest", "pytest", "rich"),
        *("sqlalchemy", "transitions", "uuid_utils", "yaml"),
    },
)
nitpick_ignore_regex = [
    (r"py:.*", rf"({'|'.join(_elsewhere)})\..+"),
    (r"py:class", r"(ticketcore\..+\.)?_?[A-Z]"),  # type variables
    (r"py:class", r"ticketcore\.groups\.once"),  # a property to whoever uses a desk
    (r"py:class", r"ticketcore\.cli\..+"),  # only what plugins need of it is described
]


def _modules() -> list[ModuleType]:
    """Import the modules of the package.

    Not those that do something on import, or that need what is not installed here.
    """
    names = [info.name for info in pkgutil.walk_packages(ticketcore.__path__, "ticketcore.")]
    left_out = re.compile(r"\.(__main__$|migrations\b)")
    return [importlib.import_module(name) for name in ("ticketcore", *names) if not left_out.search(name)]


def _resolve_annotations(_app: Sphinx) -> None:
    """Give autodoc every name that an annotation uses.

    Imports under ``if TYPE_CHECKING:`` are run, after all modules are imported, so that none can
    become circular by it. The constructors that attrs writes do not know the names of their module.
    """
    modules = _modules()
    for module in modules:
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                block = compile(ast.Module(node.body, []), module.__name__, "exec")
                exec(block, vars(module))  # noqa: S102 - our own source
    for module in modules:
        for cls in vars(module).values():
            if isinstance(cls, type) and cls.__module__ == module.__name__ and attrs.has(cls):
                constructor = vars(cls).get("__init__")
                if constructor is not None:
                    names: dict[str, Any] = {}
                    for base in reversed(cls.__mro__):  # it has the annotations of inherited fields too
                        names |= vars(sys.modules[base.__module__])
                    constructor.__annotations__ = get_type_hints(constructor, names)


def _keep_the_colon(_app: Sphinx, what: str, *args: Any) -> None:
    """Keep napoleon from reading "The limit: ten years" under an attribute as "type: description".

    It does so with the first line only, so an empty comment goes before it.
    """
    lines: list[str] = args[-1]
    if what in {"attribute", "data", "property"}:
        lines[:0] = ["..", ""]


def setup(app: Sphinx) -> None:
    """Connect what is defined here."""
    app.connect("builder-inited", _resolve_annotations)
    app.connect("autodoc-process-docstring", _keep_the_colon, priority=400)
