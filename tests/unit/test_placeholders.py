"""Placeholders of templates for tickets: what may be in them, what stands for them, and what gets nowhere."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketcore.adapters.placeholders import JinjaPlaceholders
from ticketcore.errors import RejectedError
from ticketcore.ports.render import LONGEST_TEXT, LONGEST_VALUE, Placeholders

PLACEHOLDERS: Placeholders = JinjaPlaceholders()
VALUES = {"name": "Ann", "place": "x y"}
ALLOWED = "a placeholder holds a name or a quoted text, and filters of: default, lower, replace, title, trim, upper"


def fill(text: str, **values: str) -> str:
    return PLACEHOLDERS.fill(text, values or VALUES)


def problems(text: str, **values: str) -> list[str]:
    with pytest.raises(RejectedError) as refused:
        PLACEHOLDERS.fill(text, values or VALUES)
    assert {problem.field for problem in refused.value.problems} == {""}
    return refused.value.lines()


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ name }}", "Ann"),
        ("{{name}}{{ place }}", "Annx y"),
        ("a\n  {{ name }}\n\n", "a\n  Ann\n\n"),
        ("{{ name | upper }}, {{ name | lower }}", "ANN, ann"),
        ("{{ place | title }}", "X Y"),
        ("{{ '  a ' | trim }}|{{ 'xxaxx' | trim('x') }}|{{ 'x5' | trim(5) }}", "a|a|x"),
        ("{{ place | replace('x', 'z') | upper }}", "Z Y"),
        ("{{ no_such | default('none') }}", "none"),
        ("{{ no_such | default(5) }} {{ no_such | default }}", "5 "),
        ("{{ no_such | default('none') | upper }}", "NONE"),
        ("{{ name | default('none') }}", "Ann"),
        ("{{ '{{' }} {{ '{%' }} {{ '{#' }} }} %} #}", "{{ {% {# }} %} #}"),
        ("{% raw %}{{ name }} {% if %}{% endraw %}", "{{ name }} {% if %}"),
        ("a{# said to nobody #}b", "ab"),
        ("{ name } {name} $name %(name)s <b>&", "{ name } {name} $name %(name)s <b>&"),
    ],
)
def test_what_can_be_written(text: str, filled: str) -> None:
    assert fill(text) == filled


def test_an_empty_text_is_a_value_unless_the_default_says_otherwise() -> None:
    assert fill("{{ x | default('none') }}", x="") == ""
    assert fill("{{ x | default('none', true) }}", x="") == "none"


def test_the_names_are_said_in_order_with_whether_they_are_needed() -> None:
    text = "{{ b }} {{ a | upper }} {{ c | default('') }} {{ b | default('') }} {{ d | upper | default('') }}"
    assert dict(PLACEHOLDERS.names(text)) == {"b": True, "a": True, "c": False, "d": True}
    assert list(PLACEHOLDERS.names(text)) == ["b", "a", "c", "d"]
    assert PLACEHOLDERS.names("none { here }") == {}


def test_all_values_that_are_missing_are_named() -> None:
    assert problems("{{ a }} {{ name }} {{ b | upper }} {{ c | default('') }}") == [
        "'a' has no value",
        "'b' has no value",
    ]


@pytest.mark.parametrize("value", ["{{ name }}", "{% if x %}", "{# x", "<b>&amp;</b>", "'\"\\", "}}", "\x00", "\ud800"])
def test_a_value_stays_what_it_is(value: str) -> None:
    assert fill("[{{ x }}]", x=value, name="Ann") == f"[{value}]"
    assert fill("[{{ x | default('no') }}]", x=value) == f"[{value}]"


@given(st.text(), st.text(alphabet=st.characters(exclude_characters="{")))
def test_any_value_stays_what_it_is(value: str, around: str) -> None:
    around = around.replace("\r", "")  # line ends of templates become \n
    assert PLACEHOLDERS.fill(f"{around}{{{{ x }}}}{around}", {"x": value}) == f"{around}{value}{around}"


@given(st.text(alphabet=st.characters(exclude_characters="{")))
def test_a_text_without_placeholders_stays_as_it_is(text: str) -> None:
    assert PLACEHOLDERS.names(text) == {}
    assert PLACEHOLDERS.fill(text, {}) == text


# What gets nowhere


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ name.__class__ }}",
        "{{ name['__class__'] }}",
        "{{ name[0] }}",
        "{{ name | attr('__class__') }}",
        "{{ name.format(name) }}",
        "{{ '%s' | format(name) }}",
        "{{ name() }}",
        "{{ range(10**9) }}",
        "{{ lipsum() }}",
        "{{ cycler('a') }}",
        "{{ self }}",
        "{{ self._TemplateReference__context }}",
        "{{ super }}",
        "{{ 'x' * 10**9 }}",
        "{{ 2 ** 99999999 }}",
        "{{ name + name }}",
        "{{ name ~ name }}",
        "{{ -5 }}",
        "{{ not name }}",
        "{{ name == place }}",
        "{{ name in place }}",
        "{{ name is defined }}",
        "{{ name if place else name }}",
        "{{ [name] }}",
        "{{ (name, place) }}",
        "{{ {'a': name} }}",
        "{{ none }}",
        "{{ 1e999 }}",
        "{{ 99999999999999999999 }}",
        "{{ name | default(place) }}",
        "{{ name | default([1]) }}",
        "{{ name | default(default_value='x') }}",
        "{{ name | default(*place) }}",
        "{{ name | default(**place) }}",
        "{{ name | upper('x') }}",
        "{{ name | replace('a') }}",
        "{{ name | replace('a', 'b', 5) }}",
        "{{ name | safe }}",
        "{{ name | map('upper') }}",
        "{{ name | center(1000000000) }}",
        "{{ name | indent(1000000000) }}",
        "{% for x in name %}{{ x }}{% endfor %}",
        "{% if name %}{% endif %}",
        "{% set name = 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{% call m() %}{% endcall %}",
        "{% filter upper %}x{% endfilter %}",
        "{% block b %}{% endblock %}",
        "{% with x = 1 %}{% endwith %}",
        "{% autoescape true %}{{ name }}{% endautoescape %}",
        "{% include '/etc/passwd' %}",
        "{% extends '/etc/passwd' %}",
        "{% import 'x' as x %}",
        "{% from 'x' import y %}",
        "{% do name %}",
        "{% debug %}",
    ],
)
def test_anything_else_is_refused(attack: str) -> None:
    with pytest.raises(RejectedError) as refused:
        PLACEHOLDERS.names(f"before\n{attack}")
    (line,) = refused.value.lines()
    assert line.startswith("line 2: ")
    assert problems(f"before\n{attack}") == [line]


@pytest.mark.parametrize("name", ["range", "dict", "lipsum", "cycler", "joiner", "namespace", "__class__", "loop", "_"])
def test_no_name_means_anything_by_itself(name: str) -> None:
    assert problems(f"{{{{ {name} }}}}") == [f"{name!r} has no value"]
    assert fill(f"{{{{ {name} | default('nothing') }}}}") == "nothing"
    assert fill(f"{{{{ {name} }}}}", **{name: "mine"}) == "mine"


def test_every_place_is_named_with_its_line_and_what_to_write() -> None:
    text = "{{ name.x }}\n{{ name | shout }}\n{% if name %}\n{% endif %}{{ name | upper(1) }} {{ self }}"
    assert problems(text) == [
        f"line 1: {ALLOWED}; no calculation, call, attribute or condition",
        "line 2: there is no filter 'shout'; there are: default, lower, replace, title, trim, upper",
        "line 3: {% %} cannot be used here; write {{ '{%' }} for the characters themselves",
        "line 4: 'self' cannot be the name of a value",
        "line 4: the filter upper takes 0 arguments, without names",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ name", "cannot be read (unexpected end of template, expected 'end of print statement')"),
        ("{{ }}", "cannot be read (Expected an expression, got 'end of print statement')"),
        ("{{ name place }}", "cannot be read (expected token 'end of print statement', got 'place')"),
        ("{% shout %}", "cannot be read (Encountered unknown tag 'shout')"),
        ("{# never closed", "cannot be read (Missing end of comment tag)"),
    ],
)
def test_wrong_syntax_is_told(text: str, reason: str) -> None:
    assert problems(text) == [f"{reason}; write {{{{ '{{{{' }}}} for the characters themselves"]


LONG = {
    "brackets": "{{ " + "(" * 90_000,
    "closed brackets": "{{ " + "(" * 4000 + "name" + ")" * 4000 + " }}",
    "negations": "{{ " + "not " * 20_000 + "name }}",
    "digits": "{{ " + "9" * 90_000 + " }}",
    "hexadecimal digits": "{{ 0x" + "f" * 90_000 + " }}",
    "filters": "{{ name" + "|upper" * 10_000 + " }}",
    "placeholders": "{{name}}" * 10_000,
    "starts": "{{" * 50_000,
    "comments": "{# " * 30_000,
    "blocks": "{%" * 50_000,
    "raw blocks": "{% raw %}" * 10_000,
    "text": "{{ name }}" + "x" * LONGEST_TEXT,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_a_long_text_takes_no_long_time(text: str) -> None:
    begun = time.perf_counter()
    assert len(problems(text)) == 1
    assert time.perf_counter() - begun < 2


GROWING = {
    "many": "{{ x }}" * 6,
    "replace": "{{ 'a' " + "| replace('a', 'aaaaaaaaaa')" * 20 + " }}",
    "nothing replaced": "{{ 'a' " + "| replace('', 'aaaaaaaaaa')" * 20 + " }}",
}


@pytest.mark.parametrize("text", GROWING.values(), ids=GROWING)
def test_what_is_filled_in_cannot_grow_without_end(text: str) -> None:
    begun = time.perf_counter()
    (line,) = problems(text, x="x" * LONGEST_VALUE)
    assert line in {
        f"becomes too long: at most {LONGEST_TEXT} characters are allowed",
        f"a replace makes more than {LONGEST_VALUE} characters",
    }
    assert time.perf_counter() - begun < 1


def test_as_many_filters_as_can_be_take_no_long_time() -> None:
    begun = time.perf_counter()
    filtered = "{{ x" + " | title" * 98 + " | replace('Ab ', '') }}"
    assert fill(filtered, x="ab " * (LONGEST_VALUE // 3)) == ""
    assert time.perf_counter() - begun < 5


def test_a_value_has_a_longest_length() -> None:
    assert fill("{{ x }}", x="x" * LONGEST_VALUE) == "x" * LONGEST_VALUE
    assert problems("{{ x }}", x="x" * (LONGEST_VALUE + 1)) == ["the value of 'x' is too long"]
    assert fill("{{ y }}", x="x" * (LONGEST_VALUE + 1), y="y") == "y"


WORDS = (
    "{{ }} {% %} {# #} { } - name x | upper default replace ( ) ' \" \\ , . [ ] * ~ 5 1e9 "
    "raw endraw for in if endif set = self __class__ not none ä \ud800 \0 range(9)"
)
PIECES = st.lists(st.sampled_from([*WORDS.split(), " ", "\n"]), max_size=30).map("".join)


@given(PIECES | PIECES.map("{{{{ {} }}}}".format) | PIECES.map("{{{{ name | {} }}}}".format))
def test_whatever_is_written_is_filled_or_refused(text: str) -> None:
    try:
        names = PLACEHOLDERS.names(text)
        filled = PLACEHOLDERS.fill(text, dict.fromkeys(names, "<value>"))
    except RejectedError as refused:
        filled = str(refused)
    # What comes out was written, or is a value: nothing that Python has to say of an object.
    assert " object at 0x" not in filled
    assert " is not defined" not in filled
    assert len(filled) <= LONGEST_TEXT
