"""Check the archives of a release and unpack the source one, without its ``src``.

Usage: python unpack_release.py DIST CHECKOUT

The wheel must hold exactly the package's files and its metadata. What is left in CHECKOUT is the
repository as the source archive has it, minus the package: tests that run there can only import
the package that is installed.
"""

from __future__ import annotations

import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

PACKAGE = "ticketcore"
NEEDED = ("__init__.py", "py.typed", "cli/main.py")


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        sys.exit(f"expected one {pattern} in {folder}, found {len(found)}")
    return found[0]


def _unpack(sdist: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(target, filter="data")
    root = _only(target, f"{PACKAGE}-*")
    for child in root.iterdir():
        child.rename(target / child.name)
    root.rmdir()


def _check_wheel(wheel: Path, source: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    packed = {name for name in names if ".dist-info/" not in name}
    wanted = {path.relative_to(source.parent).as_posix() for path in source.rglob("*") if path.is_file()}
    needed = {f"{PACKAGE}/{name}" for name in NEEDED}
    problems = [
        *(f"missing in the wheel: {name}" for name in sorted((wanted | needed) - packed)),
        *(f"does not belong in the wheel: {name}" for name in sorted(packed - wanted)),
    ]
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        problems.append("missing in the wheel: the license")
    if problems:
        sys.exit("\n".join(problems))


def main() -> None:
    """Run the checks on the archives in the first argument, unpack into the second."""
    dist, checkout = map(Path, sys.argv[1:])
    _unpack(_only(dist, f"{PACKAGE}-*.tar.gz"), checkout)
    _check_wheel(_only(dist, f"{PACKAGE}-*.whl"), checkout / "src" / PACKAGE)
    shutil.rmtree(checkout / "src")
    print(f"the archives are complete; unpacked into {checkout}")


if __name__ == "__main__":
    main()
