"""One library, one importer.

`lint-imports` checks the contracts in pyproject.toml on the packages it can see. This reads the
same contracts and looks at every file, the migrations too, and at libraries that none names.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import ticketcore

if TYPE_CHECKING:
    from collections.abc import Iterator

FREE_FOR_ALL = {"attr", "attrs", "ticketcore"}

PACKAGE = Path(ticketcore.__file__).parent
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def importers_by_library() -> dict[str, list[str]]:
    config = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    return {
        library: contract["allowed_importers"]
        for contract in config["tool"]["importlinter"]["contracts"]
        if contract["type"] == "protected"
        for library in contract["protected_modules"]
    }


def imports() -> Iterator[tuple[str, str]]:
    """Yield (module, library) for every absolute import in the package, wherever it stands."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((module, alias.name.partition(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield module, node.module.partition(".")[0]


def test_a_library_is_imported_only_where_its_contract_allows() -> None:
    allowed = importers_by_library()
    assert [
        f"{module} imports {library}"
        for module, library in imports()
        if library in allowed and not any(f"{module}.".startswith(f"{importer}.") for importer in allowed[library])
    ] == []


def test_every_library_has_a_contract() -> None:
    known = FREE_FOR_ALL | sys.stdlib_module_names | importers_by_library().keys()
    assert sorted({library for _, library in imports()} - known) == []


def test_contracts_have_no_exceptions() -> None:
    config = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    assert [contract["name"] for contract in contracts if "ignore_imports" in contract] == []
