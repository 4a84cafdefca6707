"""Files that are no configuration: each is one clear message, with the line where there is one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ticketcore.config.loader import Loaded, load_config, read_config
from ticketcore.errors import ConfigError, Problem

Read = Callable[[str], Loaded]
Problems = Callable[[str], list[str]]

YAML = "the configuration cannot be read as YAML"


def the_problem(path: str | Path) -> str:
    """Return the one problem of a file."""
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    (line,) = refused.value.lines()
    return line


def test_a_file_that_is_not_there(file: Path) -> None:
    assert the_problem(file) == f"cannot read the configuration {file}: No such file or directory"
    below = file.parent / "nowhere" / "config.yaml"
    assert the_problem(below) == f"cannot read the configuration {below}: No such file or directory"


def test_a_file_that_cannot_be_read(file: Path) -> None:
    file.write_text("", encoding="utf-8")
    assert the_problem(file / "x") == f"cannot read the configuration {file / 'x'}: Not a directory"
    assert the_problem(file.parent) == f"cannot read the configuration {file.parent}: Is a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_this_user_may_not_read(file: Path) -> None:
    file.write_text("", encoding="utf-8")
    file.chmod(0)
    assert the_problem(file) == f"cannot read the configuration {file}: Permission denied"


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_that_is_no_utf_8(file: Path, encoding: str) -> None:
    file.write_text("# Bär\ntimezone: UTC\n", encoding=encoding)
    assert the_problem(file) == f"the configuration {file} is not UTF-8 text"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no endless file")
def test_a_file_without_an_end() -> None:
    assert the_problem("/dev/zero") == "the configuration /dev/zero is larger than 1048576 bytes"


def test_a_file_as_large_as_can_be(file: Path) -> None:
    file.write_text("timezone: Europe/Berlin\n" + "#" * (1024 * 1024 - 24), encoding="utf-8")
    assert load_config(file).timezone == "Europe/Berlin"
    with file.open("a", encoding="utf-8") as more:
        more.write("#")
    assert the_problem(file) == f"the configuration {file} is larger than 1048576 bytes"


@pytest.mark.parametrize("text", ["- email\n", "email\n", "5\n", "!!set {email}\n"])
def test_a_file_that_is_no_mapping(read: Read, file: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert refused.value.lines() == [f"the configuration {file} must be a mapping of sections"]


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_lines_may_end_in_any_way(problems: Problems, ending: str) -> None:
    text = ending.join(["timezone: UTC", "email:", "  port: x", ""])
    assert problems(text) == ["config.yaml:3: email.port: must be a whole number, not 'x'"]


def test_a_byte_order_mark_is_no_part_of_it(file: Path) -> None:
    file.write_text("timezone: Europe/Berlin\n", encoding="utf-8-sig")
    assert load_config(file).timezone == "Europe/Berlin"


# The text, the line of the error, and the words that PyYAML has for it with and without libyaml.
BROKEN = {
    "email:\n\tport: 5\n": (2, "found character", "cannot start any token"),
    "a: b: c\n": (1, "mapping values are not allowed"),
    "timezone: UTC\nemail: [\n": (3, ""),
    'email:\n  host: "open\n': (3, "found unexpected end of stream"),
    "email:\n  host: \x07\n": (2, "characters are not allowed"),
    "# Bär\nemail:\n  host: \x07\n": (3, "characters are not allowed"),
    "email:\n  host: *nowhere\n": (2, "found undefined alias"),
    "timezone: UTC\n---\ntimezone: UTC\n": (2, "a second document begins"),
    "email:\n  host: 2026-02-30\n": (2, "a value that looks like the type timestamp is none (put a text in quotes)"),
    f"email:\n  port: {'9' * 5000}\n": (2, "a value that looks like the type int is none (put a text in quotes)"),
    "email:\n  port: !!int many\n": (2, "a value that looks like the type int is none (put a text in quotes)"),
    "email:\n  port: !!int ''\n": (2, "a value that looks like the type int is none (put a text in quotes)"),
    "scheduler: {inline: !!bool maybe}\n": (1, "a value that looks like the type bool is none (put a text in quotes)"),
    "email: {host: !!timestamp now}\n": (1, "a value that looks like the type timestamp is none"),
    "email: {host: !!python/name:os.system }\n": (1, "an unknown tag (put a text that begins with ! in quotes)"),
    "email: {host: !here x}\n": (1, "an unknown tag (put a text that begins with ! in quotes)"),
    "? [a, b]\n: x\n": (1, "a key has to be text"),
    "email:\n  ? {a: b}\n  : x\n": (2, "a key has to be text"),
    "email: &email\n  host: *email\n": (1, "an alias stands for something that it is a part of"),
    "plugins: &all\n  chat: [*all]\n": (1, "an alias stands for something that it is a part of"),
    "email: {<<: 5}\n": (1, "expected a mapping or list of mappings for merging"),
    f"plugins: {{chat: {{rooms: {'[' * 60}{']' * 60}}}}}\n": (1, "there are more than 50 levels, or 20000 keys"),
    f"plugins: {{chat: {{{', '.join(f'k{i}: 1' for i in range(20_001))}}}}}\n": (1, "there are more than 50 levels"),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN.items(), ids=range(len(BROKEN)))
def test_a_file_that_is_no_yaml_has_the_line_and_the_reason(
    problems: Problems, text: str, expected: tuple[int, str]
) -> None:
    line, *words = expected
    (problem,) = problems(text)
    assert problem.startswith(f"config.yaml:{line}: {YAML}: ")
    assert all(word in problem for word in words)


@pytest.mark.parametrize("merged", [False, True])
def test_a_small_file_that_means_a_huge_one_is_refused_at_once(problems: Problems, merged: bool) -> None:
    lines = ["a: &a {x: 1}"]
    for before, name in zip("abcdefghi", "bcdefghij", strict=True):
        nine = ", ".join([f"*{before}"] * 9)
        lines.append(f"{name}: &{name} {{<<: [{nine}]}}" if merged else f"{name}: &{name} [{nine}]")
    (problem,) = problems("\n".join(lines) + "\n")
    assert problem.endswith("there are more than 50 levels, or 20000 keys")


@pytest.mark.parametrize("opening", ["[", "- ", "{a: "])
def test_a_file_of_a_thousand_levels_is_no_crash(problems: Problems, opening: str) -> None:
    (problem,) = problems(f"plugins:\n  {opening * 1500}\n")
    assert "levels" in problem or "nesting" in problem


@pytest.mark.parametrize(
    "secret",
    [
        "!hunter2",
        "*hunter2",
        "@hunter2",
        "%hunter2",
        '"hunter2\\q"',
        "{hunter2",
        '"hunter2',
        "!<hunter2> x",
        "[hunter2",
    ],
)
def test_a_secret_that_is_no_yaml_is_not_shown(problems: Problems, secret: str) -> None:
    (problem,) = problems(f"email:\n  password: {secret}\n")
    assert YAML in problem
    assert "hunter2" not in problem


# Keys that are there twice, aliases, merges.


def test_a_key_that_is_there_twice(problems: Problems) -> None:
    text = "email:\n  host: a\n  port: 1\n  host: b\ntimezone: UTC\nemail: {}\nplugins: {chat: {a: [{x: 1, x: 2}]}}\n"
    assert problems(text) == [
        "config.yaml:4: email.host: is there twice, in line 2 and in line 4",
        "config.yaml:6: email: is there twice, in line 1 and in line 6",
        "config.yaml:7: plugins.chat.a[0].x: is there twice, in line 7 and in line 7",
    ]


def test_aliases_and_merges_are_understood(read: Read) -> None:
    text = """\
sla:
  defaults:
    HIGH: &usual {response: 10, resolution: 100}
    LOW: *usual
    INFO: {<<: *usual, resolution: 200}
    MEDIUM:
      <<: [{response: 1}, *usual]
"""
    targets = read(text).config.sla.defaults
    found = {str(name): (one.response, one.resolution) for name, one in targets.items()}
    assert found == {"HIGH": (10, 100), "LOW": (10, 100), "INFO": (10, 200), "MEDIUM": (1, 100)}


def test_what_is_merged_has_its_line(problems: Problems) -> None:
    text = """\
sla:
  defaults:
    HIGH: &usual
      response: none
      resolution: 5
    LOW:
      <<: *usual
      resolution: 0
"""
    assert problems(text) == [
        "config.yaml:4: sla.defaults.HIGH.response: must be a whole number, not 'none'",
        "config.yaml:4: sla.defaults.LOW.response: must be a whole number, not 'none'",
        "config.yaml:8: sla.defaults.LOW.resolution: must be between 1 and 5270400, not 0",
    ]


def test_a_quoted_merge_is_a_key_like_any_other(problems: Problems) -> None:
    (problem,) = problems('email: {"<<": {host: a}}\n')
    assert problem.startswith("config.yaml:1: email.<<: is not known; known here: host, ")


# What is missing below a key with odd letters is looked for above it, and found.


@pytest.mark.parametrize("name", ["a]", "a[", "a.b", "[0]", "..", "", "ü", "a b"])
def test_a_name_may_have_any_letters(problems: Problems, name: str) -> None:
    assert problems(f'webhooks:\n\n  "{name}": {{}}\n') == [f"config.yaml:3: webhooks.{name}.url: is missing"]
    merged = f'webhooks: {{<<: {{"{name}": {{}}}}}}\n'
    assert problems(merged) == [f"config.yaml:1: webhooks.{name}.url: is missing"]


def test_the_place_of_what_no_file_has_is_the_file(read: Read, file: Path) -> None:
    source = read("timezone: UTC\n").source
    assert source.place("email.port") == str(file)
    assert source.place("x]") == str(file)
    assert read("notifiers: [email]\n").source.place("notifiers[3]") == f"{file}:1"
    assert source.place("timezone") == f"{file}:1"
    assert source.folder == file.parent


def test_a_configuration_of_python_has_no_places(file: Path) -> None:
    source = read_config().source
    assert (source.place("timezone"), source.origin("timezone")) == ("", "")
    assert source.folder == Path.cwd()
    error = source.error([Problem("timezone", "is wrong")])
    assert (error.lines(), error.places) == (["timezone: is wrong"], ("",))
