"""The plugin template: what it generates is built, is installed into a fresh environment, and does what it says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import copier
import pytest
from attrs import frozen

import ticketcore

TEMPLATE = Path(__file__).parents[1]
ROOT = TEMPLATE.parents[1]
NAME, DISTRIBUTION, MODULE = "acme-desk", "ticketcore-acme-desk", "ticketcore_acme_desk"
SUMMARY, AUTHOR = "Größe & <Maß> of what isn't 100 % {done}", "Zoë O'Neil & Söhne"
LONGEST = "abcde-fghij-klmno-pqrst-uvwxy-z0123-4567"

FILES = {
    ".gitignore",
    "README.md",
    "config.yaml",
    "pyproject.toml",
    f"src/{MODULE}/__init__.py",
    f"src/{MODULE}/commands.py",
    f"src/{MODULE}/notifier.py",
    f"src/{MODULE}/observer.py",
    f"src/{MODULE}/policy.py",
    f"src/{MODULE}/py.typed",
    f"src/{MODULE}/settings.py",
    "tests/conftest.py",
    "tests/test_commands.py",
    "tests/test_notifier.py",
    "tests/test_observer.py",
    "tests/test_policy.py",
}


def generate(folder: Path, **answers: str) -> Path:
    copier.run_copy(str(TEMPLATE), folder, data=answers, defaults=True, unsafe=False, quiet=True)
    return folder


def process(*command: object, cwd: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command that ends with ``status``, without anything that the environment says to Python and our tools."""
    ours = ("PYTHON", "PYTEST_", "TICKETCORE_", "PIP_", "MYPY", "RUFF_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kept |= {"TICKETCORE_BY": "ann", "XDG_DATA_HOME": str(cwd), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=kept, capture_output=True, encoding="utf-8", timeout=50, check=False
    )
    assert done.returncode == status, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done


@frozen
class Environment:
    """A virtual environment, without pip."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def ticketcore(self, *args: str, cwd: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
        return process(self.python, "-m", "ticketcore", *args, cwd=cwd, status=status)

    def data(self, *args: str, cwd: Path) -> Any:
        return json.loads(self.ticketcore(*args, "--json", cwd=cwd).stdout)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("template") / "project", name=NAME, summary=SUMMARY, author=AUTHOR)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A new environment, which has what is installed where these tests run, ticketcore too, and nothing of its own.

    There may be no network to install that from, and ticketcore may be installed from a wheel or be editable.
    """
    environment = Environment(tmp_path_factory.mktemp("fresh"))
    venv.EnvBuilder(with_pip=False).create(environment.folder)
    [site] = environment.folder.glob("lib/python*/site-packages")
    seen = [path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}]
    seen.append(str(Path(ticketcore.__path__[0]).parent))
    (site / "seen.pth").write_text("".join(f"{path}\n" for path in dict.fromkeys(seen)), encoding="utf-8")
    return environment


@pytest.fixture(scope="module")
def installed(project: Path, fresh: Environment, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The fresh environment with the plugin, as a wheel that was built of the project."""
    folder = tmp_path_factory.mktemp("dist")
    assert NAME not in {plugin["name"] for plugin in fresh.data("plugins", cwd=folder)}
    process(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, cwd=project)
    [wheel] = folder.iterdir()
    # What the plugin depends on has to be there, or this fails.
    process(sys.executable, "-m", "pip", "--python", fresh.python, "install", "--no-index", wheel, cwd=folder)
    return fresh


@pytest.fixture
def desk(project: Path, tmp_path: Path) -> Path:
    """A folder with the configuration that comes with the project, to try the plugin in."""
    shutil.copy(project / "config.yaml", tmp_path)
    return tmp_path


# What is generated


def test_the_project_is_complete(project: Path) -> None:
    found = [path for path in project.rglob("*") if path.is_file()]
    assert {path.relative_to(project).as_posix() for path in found} >= FILES
    left = [path.name for path in found if "{{" in path.read_text(encoding="utf-8") or path.suffix == ".jinja"]
    assert left == []


@pytest.mark.parametrize("name", ["a", "acme", LONGEST])
def test_it_is_in_the_style_of_ticketcore_whatever_it_is_called(name: str, tmp_path: Path) -> None:
    folder = generate(tmp_path / "project", name=name)
    ruff = (sys.executable, "-m", "ruff")
    process(*ruff, "format", "--no-cache", "--check", "--diff", cwd=folder)
    process(*ruff, "check", "--no-cache", cwd=folder)
    # The notifier has to take a time-out, though a file needs none.
    ours = ("--config", ROOT / "pyproject.toml", "--extend-ignore", "ARG002")
    process(*ruff, "check", "--no-cache", *ours, cwd=folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", '"" is no name of a plugin'),
        ("Acme", '"Acme" is no name of a plugin: a small letter, then small letters and digits'),
        ("acme_desk", "such as acme or acme-desk"),
        ("acme--desk", "words with one hyphen between them"),
        ("acme-", "is no name of a plugin"),
        ("9lives", "is no name of a plugin"),
        ("ticketcore acme", "is no name of a plugin"),
        ("../acme", "is no name of a plugin"),
        ("acme\n", "is no name of a plugin"),
        ("größe", "is no name of a plugin"),
        (f"{LONGEST}8", "at most 40 characters"),
        ("email", 'ticketcore has a "email" already; choose another name'),
        ("cli", "choose another name"),
        ("on", 'YAML does not read "on" as a name; choose another one'),
    ],
)
def test_a_wrong_name_is_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"question 'name'") as caught:
        generate(tmp_path / "project", name=name)
    assert message in str(caught.value)
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize(
    "answers",
    [{"summary": ""}, {"summary": 'says "hello"'}, {"summary": "Ends."}, {"summary": "one\ntwo"}, {"author": "a\\b"}],
    ids=str,
)
def test_a_text_that_would_break_the_files_is_refused(answers: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be one line of 2 to 80 characters"):
        generate(tmp_path / "project", name=NAME, **answers)


def test_every_built_in_name_is_refused(fresh: Environment, tmp_path: Path) -> None:
    plugins = fresh.data("plugins", cwd=tmp_path)
    built_in = [plugin for plugin in plugins if plugin["distribution"] == "ticketcore"]
    provided = [what.split() for plugin in built_in for what in plugin["provides"]]
    taken = {plugin["name"] for plugin in built_in} | {name for kind, *_, name in provided if kind == "notifier"}
    assert taken >= {"builtin", "email"}
    for name in taken:
        with pytest.raises(ValueError, match="choose another name"):
            generate(tmp_path / "project", name=name)


# What it does once it is installed


def test_the_plugin_is_found_with_all_that_it_provides(installed: Environment, tmp_path: Path) -> None:
    [plugin] = [plugin for plugin in installed.data("plugins", cwd=tmp_path) if plugin["name"] == NAME]
    assert (plugin["health"], plugin["cause"]) == ("idle", f"it is not set up: plugins.{NAME}.folder: is missing")
    assert (plugin["distribution"], plugin["version"]) == (DISTRIBUTION, "0.1.0")
    assert plugin["provides"] == [f"notifier {NAME}", f"command {NAME}-journal", f"command {NAME}-counts"]
    assert set(plugin["hooks"]) == {
        "ticketcore_amend",
        "ticketcore_commands",
        "ticketcore_notifiers",
        "ticketcore_observe",
        "ticketcore_settings",
        "ticketcore_validate",
    }
    help_text = installed.ticketcore("--help", cwd=tmp_path).stdout
    assert f"{NAME}-journal  Show the last events of the journal." in help_text


def test_its_metadata_is_what_was_asked_for(installed: Environment, tmp_path: Path) -> None:
    program = f"import importlib.metadata, json; print(json.dumps(importlib.metadata.metadata({DISTRIBUTION!r}).json))"
    facts = json.loads(process(installed.python, "-c", program, cwd=tmp_path).stdout)
    assert (facts["summary"], facts["author"]) == (SUMMARY, AUTHOR)
    where = process(installed.python, "-c", f"import {MODULE}; print({MODULE}.__file__)", cwd=tmp_path).stdout.strip()
    assert Path(where).is_relative_to(installed.folder)
    assert (Path(where).parent / "py.typed").is_file()


def test_each_part_does_its_work(installed: Environment, desk: Path) -> None:
    refused = installed.ticketcore("create", "Server room", "--priority", "CRITICAL", cwd=desk, status=1)
    assert refused.stdout == ""
    assert refused.stderr == "Error: project: a CRITICAL ticket has to name the project that it is about\n"
    assert not (desk / "files").exists()

    created = installed.data("create", "Re: Printer on fire", "--priority", "HIGH", cwd=desk)
    assert created["subject"] == "Printer on fire"
    installed.ticketcore("comment", "1", "On it.", cwd=desk)

    [line] = (desk / "files" / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    written = json.loads(line)
    assert (written["event"], written["ticket"], written["subject"]) == ("CREATED", 1, "Printer on fire")
    assert installed.data(f"{NAME}-journal", cwd=desk) == [written]
    heading, _, row = installed.ticketcore(f"{NAME}-journal", cwd=desk).stdout.splitlines()
    assert heading.split() == ["When", "#", "Event", "By", "Subject"]
    assert row.split()[-6:] == ["1", "CREATED", "ann", "Printer", "on", "fire"]

    assert installed.data(f"{NAME}-counts", cwd=desk) == [
        {"package": "CORE", "action": "COMMENT_ADDED", "changes": 1},
        {"package": "CORE", "action": "CREATED", "changes": 1},
    ]


def test_its_own_tests_pass(installed: Environment, project: Path) -> None:
    done = process(installed.python, "-m", "pytest", "-v", "-p", "no:cacheprovider", cwd=project)
    assert "TestSuite::test_threads_share_it PASSED" in done.stdout
    for name in ("commands", "notifier", "observer", "policy"):
        assert f"tests/test_{name}.py::test_" in done.stdout


def test_its_types_are_right(installed: Environment, project: Path, tmp_path: Path) -> None:
    command = ("mypy", "--python-executable", installed.python, "--cache-dir", tmp_path)
    assert "no issues found in 11 source files" in process(sys.executable, "-m", *command, cwd=project).stdout
