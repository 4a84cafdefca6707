"""Sections of plugins: the class of a plugin is the whole contract, and no secret gets out of what it refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, TypedDict

import pytest
from attrs import define, field, frozen, validators

from ticketcore.config.loader import section
from ticketcore.config.source import Source
from ticketcore.errors import Problem, RejectedError
from ticketcore.serde import Filled, structure_section

PATH = "plugins.chat"


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@frozen(kw_only=True)
class Room:
    name: str
    token: str = field(default="", repr=False, metadata={"secret": True})
    size: int = field(default=1, metadata={"within": (1, 5)})
    inner: Room | None = None


@dataclasses.dataclass
class Point:
    x: int


class Corner(TypedDict):
    x: int


Count = NewType("Count", int)


@frozen(kw_only=True)
class Settings:
    text: str = "x"
    maybe: int | None = None
    texts: Sequence[str] = ()
    numbers: frozenset[int] = frozenset()
    unique: set[str] = field(factory=set)
    pair: tuple[int, str] = (0, "")
    nested: list[list[int]] = field(factory=list)
    colour: Colour = Colour.RED
    choice: Literal[1, "a"] = 1
    anything: Any = None
    by_name: Mapping[str, int] = field(factory=dict)
    by_number: dict[int, str] = field(factory=dict)
    by_colour: dict[Colour, list[int]] = field(factory=dict)
    room: Room | None = None
    rooms: tuple[Room, ...] = ()
    named: dict[str, Room] = field(factory=dict)
    files: list[Path] = field(factory=list)
    ratio: float = field(default=0.5, metadata={"within": (0.5, 2.25)})
    above: float = field(default=1.0, metadata={"above": 0})
    even: int = field(default=0, metadata={"check": lambda number: f"{number!r} is odd" if number % 2 else ""})
    alias: Annotated[int, "any"] = 0
    count: Count = Count(0)
    point: Point = field(factory=lambda: Point(0))
    corner: Corner = field(factory=lambda: Corner(x=0))
    derived: str = field(init=False, default="derived")


def read(kind: type[Any], **data: Any) -> tuple[Any, list[str]]:
    made, problems = section(kind, data, PATH, Source())
    return made, [str(problem) for problem in problems]


RIGHT: list[tuple[str, Any, Any]] = [
    ("text", "y", "y"),
    ("maybe", 5, 5),
    ("maybe", None, None),
    ("texts", ["a", "b"], ("a", "b")),
    ("numbers", [1, 1, 2], frozenset({1, 2})),
    ("unique", ["a", "a"], {"a"}),
    ("pair", [1, "a"], (1, "a")),
    ("nested", [[1], []], [[1], []]),
    ("colour", "blue", Colour.BLUE),
    ("choice", "a", "a"),
    ("anything", {"a": [1, None]}, {"a": [1, None]}),
    ("by_name", {"a": 1}, {"a": 1}),
    ("by_name", None, {}),
    ("by_number", {"1": "a", "-2": "b"}, {1: "a", -2: "b"}),
    ("by_colour", {"red": [1]}, {Colour.RED: [1]}),
    ("room", {"name": "a", "inner": {"name": "b"}}, Room(name="a", inner=Room(name="b"))),
    ("rooms", [{"name": "a"}], (Room(name="a"),)),
    ("named", {"x": {"name": "a", "size": 5}}, {"x": Room(name="a", size=5)}),
    ("ratio", 2.25, 2.25),
    ("above", 0.001, 0.001),
    ("even", 4, 4),
    ("alias", 3, 3),
    ("count", 3, 3),
    ("point", {"x": 1}, Point(1)),
    ("corner", {"x": 1}, {"x": 1}),
]


@pytest.mark.parametrize(("name", "value", "meant"), RIGHT, ids=[f"{name}={value}" for name, value, _ in RIGHT])
def test_what_a_class_may_ask_for(name: str, value: Any, meant: Any) -> None:
    made, problems = read(Settings, **{name: value})
    assert problems == []
    assert getattr(made, name) == meant
    assert type(getattr(made, name)) is type(meant)


WRONG: list[tuple[str, Any, list[str]]] = [
    ("text", 5, ["text: must be text (put it in quotes), not 5"]),
    ("maybe", "x", ["maybe: must be a whole number, not 'x'"]),
    ("texts", "abc", ["texts: must be a list, not 'abc'"]),
    (
        "texts",
        ["a", 5, None],
        ["texts[1]: must be text (put it in quotes), not 5", "texts[2]: must be text, not nothing"],
    ),
    ("numbers", "12", ["numbers: must be a list, not '12'"]),
    ("numbers", ["x"], ["numbers[0]: must be a whole number, not 'x'"]),
    ("unique", {"a": 1}, ["unique: must be a list, not a mapping"]),
    ("pair", [1, 2], ["pair[1]: must be text (put it in quotes), not 2"]),
    ("nested", [[1], ["x"], 5], ["nested[1][0]: must be a whole number, not 'x'", "nested[2]: must be a list, not 5"]),
    ("colour", "green", ["colour: must be one of red, blue, not 'green'"]),
    ("colour", ["red"], ["colour: must be one of red, blue, not a list"]),
    ("choice", "b", ["choice: must be one of 1, a, not 'b'"]),
    ("by_name", {"a": "x", "b": 1}, ["by_name.a: must be a whole number, not 'x'"]),
    ("by_name", ["a"], ["by_name: must be a mapping, not a list"]),
    ("by_number", {"one": "a"}, ["by_number.one: must be a whole number"]),
    ("by_colour", {"green": [1]}, ["by_colour.green: must be one of red, blue, not 'green'"]),
    ("by_colour", {"red": ["x"]}, ["by_colour.red[0]: must be a whole number, not 'x'"]),
    ("room", {"name": 5}, ["room.name: must be text (put it in quotes), not 5"]),
    ("room", "hunter2", ["room: must be a section with keys of its own"]),
    ("rooms", "hunter2", ["rooms: must be a list"]),
    ("rooms", ["hunter2"], ["rooms[0]: must be a section with keys of its own"]),
    ("rooms", [{"name": "a", "token": 12345}], ["rooms[0].token: must be text (put it in quotes)"]),
    ("rooms", [{"name": "a"}, {"name": "b", "size": 9}], ["rooms[1].size: must be between 1 and 5, not 9"]),
    ("named", {"x": {"size": 0}}, ["named.x.name: is missing", "named.x.size: must be between 1 and 5, not 0"]),
    ("named", {"x": "hunter2"}, ["named.x: must be a section with keys of its own"]),
    ("files", ["a", 5], ["files[1]: must be the path of a file, not 5"]),
    ("ratio", 0, ["ratio: must be between 0.5 and 2.25, not 0"]),
    ("above", 0, ["above: must be more than 0, not 0"]),
    ("even", 3, ["even: 3 is odd"]),
    ("even", "x", ["even: must be a whole number, not 'x'"]),
    ("alias", "x", ["alias: must be a whole number, not 'x'"]),
    ("count", True, ["count: must be a whole number, not true"]),
    ("point", {"x": "a"}, ["point.x: must be a whole number, not 'a'"]),
    ("corner", {"x": "a"}, ["corner.x: must be a whole number, not 'a'"]),
]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    WRONG,
    ids=[f"{name}={value}" for name, value, _ in WRONG],
)
def test_what_a_class_refuses_has_its_path(name: str, value: Any, expected: list[str]) -> None:
    made, problems = read(Settings, **{name: value})
    assert made is None
    assert problems == [f"{PATH}.{problem}" for problem in expected]


def test_an_unknown_key_of_a_section() -> None:
    made, problems = read(Room, name="a", tokens="hunter2", nmae="b")
    known = "known here: name, token, size, inner"
    assert made is None
    assert problems == [
        f"{PATH}.nmae: is not known; did you mean name?; {known}",
        f"{PATH}.tokens: is not known; did you mean token?; {known}",
    ]
    _, problems = read(Settings, derived="x")
    (problem,) = problems
    assert problem.startswith(f"{PATH}.derived: is not known; ")
    assert ", derived" not in problem


def test_a_section_that_is_not_there_has_the_defaults_or_what_is_missing() -> None:
    assert section(Settings, None, PATH, Source()) == (Settings(), [])
    assert section(Room, None, PATH, Source()) == (None, [Problem(f"{PATH}.name", "is missing")])
    assert structure_section(Room, "hunter2", relative_to=Path()) == (
        None,
        [Problem("", "must be a section with keys of its own")],
    )
    assert structure_section(Point, {"x": 1}, relative_to=Path())[0] == Point(1)


def test_paths_of_a_section_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    source = Source(tmp_path / "config.yaml")
    made, problems = section(Settings, {"files": ["a", "/b", "../c"]}, PATH, source)
    assert (problems, made.files if made else None) == ([], [tmp_path / "a", Path("/b"), tmp_path / "../c"])


def test_what_came_from_a_placeholder_is_never_shown() -> None:
    _, problems = read(
        Settings,
        text=["x"],
        maybe=Filled("hunter2"),
        texts=Filled("hunter2"),
        colour=Filled("hunter2"),
        choice=Filled("hunter2"),
        by_name={"a": Filled("hunter2")},
        numbers=[1, Filled("hunter2")],
        ratio=Filled("100.25"),
        room={"name": "a", "size": Filled("99")},
    )
    assert problems == [
        f"{PATH}.text: must be text, not a list",
        f"{PATH}.maybe: must be a whole number",
        f"{PATH}.texts: must be a list",
        f"{PATH}.numbers[1]: must be a whole number",
        f"{PATH}.colour: must be one of red, blue",
        f"{PATH}.choice: must be one of 1, a",
        f"{PATH}.by_name.a: must be a whole number",
        f"{PATH}.room.size: must be between 1 and 5",
        f"{PATH}.ratio: must be between 0.5 and 2.25",
    ]


# What a class says itself.


def checked(*, secret: bool = False, **options: Any) -> type[Any]:
    """Return a class with one field ``x``, a text."""

    @frozen(kw_only=True)
    class Checked:
        x: str = field(metadata={"secret": True} if secret else {}, **options)

    return Checked


def shout(_: object, __: object, value: str) -> None:
    message = f"not even {value.upper()!r} would do"
    raise ValueError(message)


REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    ({"validator": validators.matches_re("a+")}, ".x", "'x' must match regex 'a+' ('hunter2' doesn't)"),
    ({"validator": validators.in_(["a", "b"])}, ".x", "'x' must be in ['a', 'b'] (got 'hunter2')"),
    ({"validator": validators.min_len(20)}, ".x", "Length of 'x' must be >= 20: 7"),
    ({"validator": shout}, ".x", "not even 'HUNTER2' would do"),
    ({"converter": int}, "", "invalid literal for int() with base 10: 'hunter2'"),
    ({"converter": lambda text: dict[str, str]()[text[:0] + "k"]}, "", "KeyError: 'k'"),
    ({"converter": lambda _: 1 / 0}, "", "ZeroDivisionError: division by zero"),
]


@pytest.mark.parametrize(("options", "where", "reason"), REFUSALS, ids=range(len(REFUSALS)))
def test_a_refusal_of_the_class_is_passed_on(options: dict[str, Any], where: str, reason: str) -> None:
    assert read(checked(**options), x="hunter2") == (None, [f"{PATH}{where}: is not valid: {reason}"])


@pytest.mark.parametrize(("options", "where", "reason"), REFUSALS, ids=range(len(REFUSALS)))
def test_a_refusal_of_the_class_shows_no_secret(options: dict[str, Any], where: str, reason: str) -> None:
    for kind, value in [(checked(secret=True, **options), "hunter2"), (checked(**options), Filled("hunter2"))]:
        _, (problem,) = read(kind, x=value)
        assert problem.startswith(f"{PATH}{where}: is not valid")
        assert "hunter2" not in problem.lower()


def short(_: object, __: object, names: list[str]) -> None:
    if wrong := [name for name in names if len(name) > 3]:
        raise ValueError(f"too long: {', '.join(wrong)}")


def test_a_refusal_of_a_list_shows_only_what_is_written() -> None:
    @frozen(kw_only=True)
    class Several:
        names: list[str] = field(validator=short)

    assert read(Several, names=["a", "long one"]) == (None, [f"{PATH}.names: is not valid: too long: long one"])
    assert read(Several, names=["a", Filled("hunter2")]) == (None, [f"{PATH}.names: is not valid: too long: ***"])


@define
class Whole:
    """A class that refuses the whole of its values."""

    user: str = ""
    token: str = field(default="", metadata={"secret": True})
    rooms: list[Room] = field(factory=list)
    extra: Any = None

    def __attrs_post_init__(self) -> None:
        raise ValueError(
            f"{self.user} {self.token.title()} {self.rooms and self.rooms[0].token} {self.extra} do not fit"
        )


def test_a_refusal_of_a_whole_section_shows_no_secret_of_it() -> None:
    given = {"user": "ann", "token": "hunter2", "rooms": [{"name": "a", "token": "s3cret"}], "extra": {"a": "other1"}}
    _, (problem,) = read(Whole, **given)
    assert problem == f"{PATH}: is not valid: ann *** *** {{'a': '***'}} do not fit"
    _, (problem,) = read(Whole, **{**given, "user": Filled("ann")})
    assert problem == f"{PATH}: is not valid: *** *** *** {{'a': '***'}} do not fit"


@frozen
class Refusing:
    a: int = 1

    def __attrs_post_init__(self) -> None:
        raise RejectedError([Problem("a", "is too small"), Problem("", "and so on")])


def test_a_class_may_refuse_with_an_error_of_ours() -> None:
    assert read(Refusing) == (None, [f"{PATH}: is not valid: a: is too small\nand so on"])


@frozen
class Unreadable:
    when: complex = 0j


@frozen
class Homeless:
    what: Nowhere  # type: ignore[name-defined]  # noqa: F821 - what happens to such a class is the question


@frozen
class Above:
    below: Unreadable


@pytest.mark.parametrize(
    ("kind", "data", "where", "name"),
    [
        (Unreadable, {"when": 1}, "", "Unreadable"),
        (Homeless, {"what": 1}, "", "Homeless"),
        (Above, {"below": {"when": 1}}, ".below", "Unreadable"),
    ],
)
def test_a_class_that_cannot_be_read_is_named(kind: type[Any], data: dict[str, Any], where: str, name: str) -> None:
    made, (problem,) = read(kind, **data)
    assert made is None
    assert problem.startswith(f"{PATH}{where}: cannot be read, because of its class {name}: ")
