"""The environments of the contenders: ticketcore's own, and for each peer one that is made when it is first needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

CONTENDERS = Path(__file__).parent / "contenders"

PEERS = {"Roundup": "roundup", "Trac": "trac", "django-helpdesk": "helpdesk"}
"""Each peer and the name of its module and of its requirements in the folder of the contenders."""

OWN = {"ticketcore": "ticketcore", "raw": "raw", "raw pipelined": "raw_pipelined"}
"""What runs where ticketcore is installed."""

ON_SERVERS = {"raw pipelined"}
"""Who takes part only where the database is a server."""

_PIP_SECONDS = 300


class UnavailableError(Exception):
    """A peer could not be installed."""


def python_of(name: str, cache: Path) -> str:
    """Return the Python that runs a contender, which is installed below ``cache`` if that was not done yet.

    Raises:
        UnavailableError: it could not be installed.
    """
    if name in OWN:
        return sys.executable
    requirements = CONTENDERS / f"{PEERS[name]}.txt"
    folder = cache / f"{PEERS[name]}-{sys.version_info.major}.{sys.version_info.minor}"
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    wanted = requirements.read_text(encoding="utf-8")
    if not installed.is_file() or installed.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        _install(python, requirements, name)
        installed.write_text(wanted, encoding="utf-8")
    return str(python)


def _install(python: Path, requirements: Path, name: str) -> None:
    # Without dependencies: the file names all of them, so that every machine compares the same.
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--retries", "1", "--timeout", "15"]
    command = [str(python), "-m", "pip", "install", *options, "--requirement", str(requirements)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PIP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{name} was not installed within {_PIP_SECONDS} seconds") from error
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise UnavailableError(f"{name} cannot be installed from {requirements.name}: {last}")


def script_of(name: str) -> str:
    """Return the name of the module of a contender."""
    return f"{(PEERS | OWN)[name]}_contender"
