"""What can be wrong with a plugin: it is set aside with one warning, and harms nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ticketcore.desk import Desk
from ticketcore.errors import PluginError, RejectedError

ANN = "ann@example.com"
MEMORY = "memory:"

CheckSetAside = Callable[..., None]
MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]
Module = Callable[[str], Any]
OthersWork = Callable[..., Desk]
Run = Callable[..., Result]
Warned = Callable[[], list[str]]

REFUSE = """
    @hookimpl
    def ticketcore_validate(change):
        if "forbidden" in change.after.subject:
            yield Problem("subject", __name__ + " one")
            yield Problem("", __name__ + " two")
"""


def hook(name: str, body: str = "return ()", arguments: str = "", marker: str = "@hookimpl") -> str:
    return f"""
    {marker}
    def {name}({arguments}):
        {body}
    """


WRAPPER = """
    import pluggy

    @pluggy.HookimplMarker("ticketcore")({options})
    def ticketcore_validate(change):
        return (yield)
"""
OBJECT = """
    class Plugin:
        {body}

    plugin = Plugin()
"""
# What is wrong: the source of the plugin, and what the cause has to say.
BROKEN = {
    "import error": ("import no_such_module_anywhere\n", "ModuleNotFoundError"),
    "syntax error": ("def (:\n", "SyntaxError"),
    "raises": ("raise RuntimeError('out of order')\n", "RuntimeError: out of order"),
    "exits": ("raise SystemExit(3)\n", "SystemExit: 3"),
    "exits with words": ("import sys\nsys.exit('no licence')\n", "SystemExit: no licence"),
    "never ends": ("def f(): f()\nf()\n", "RecursionError"),
    "words on lines": ("raise RuntimeError('one\\n\\n  two\\x1b[31m')\n", r"RuntimeError: one two\x1b[31m"),
    "cannot say why": (
        "class Mute(Exception):\n    def __str__(self):\n        raise ValueError\nraise Mute\n",
        "Mute",
    ),
    # Hooks
    "misspelt hook": (
        hook("ticketcore_validat"),
        "there is no hook ticketcore_validat; did you mean ticketcore_validate?",
    ),
    "no such hook": (hook("zzz"), "TypeError: there is no hook zzz"),
    "specname of no hook": (
        hook("check", marker="@hookimpl(specname='ticketcore_forbit')"),
        "there is no hook ticketcore_forbit; did you mean ticketcore_forbid?",
    ),
    "unknown argument": (
        hook("ticketcore_validate", arguments="change, mood"),
        "ticketcore_validate cannot be called with mood; it may take change, action_by, settings, by name",
    ),
    "unknown named argument": (
        hook("ticketcore_validate", arguments="change, *, mood"),
        "ticketcore_validate cannot be called with mood",
    ),
    "by position only": (
        hook("ticketcore_observe", arguments="event, /"),
        "ticketcore_observe cannot be called with event; it may take event, settings, by name",
    ),
    "argument of a hook without": (
        hook("ticketcore_notifiers", arguments="mood"),
        "ticketcore_notifiers cannot be called with mood; it may take nothing, by name",
    ),
    # Some hooks are good: nothing of a bad plugin must stay.
    "half good": (REFUSE + hook("ticketcore_notifiers", arguments="mood"), "mood"),
    "not marked": (
        hook("ticketcore_validate", arguments="change", marker=""),
        "ticketcore_validate is not marked: write @hookimpl above it",
    ),
    "wrong marker": (
        hook("ticketcore_validate", marker="@__import__('pluggy').HookimplMarker('another')"),
        "ticketcore_validate is not marked",
    ),
    "wrapper": (WRAPPER.format(options="wrapper=True"), "ticketcore_validate wraps the hook, which is not supported"),
    "old wrapper": (WRAPPER.format(options="hookwrapper=True"), "ticketcore_validate wraps the hook"),
    "asynchronous": (
        "    @hookimpl\n    async def ticketcore_observe(event):\n        pass\n",
        "ticketcore_observe is asynchronous, which is not supported",
    ),
    "asynchronous generator": (
        "    @hookimpl\n    async def ticketcore_validate(change):\n        yield\n",
        "ticketcore_validate is asynchronous, which is not supported",
    ),
    "observer that yields": (
        hook("ticketcore_observe", "yield", "event"),
        "ticketcore_observe is a generator; it must not yield",
    ),
    "amendment that yields": (hook("ticketcore_amend", "yield", "change"), "ticketcore_amend is a generator"),
    "two observers": (
        hook("ticketcore_observe") + hook("again", marker="@hookimpl(specname='ticketcore_observe')"),
        "it implements ticketcore_observe twice",
    ),
    "odd priority": (
        hook("ticketcore_observe", marker="@hookimpl(priority='high')"),
        "priority must be a whole number, not 'high'",
    ),
}
# The same for a plugin that is an object in the module.
BROKEN_OBJECTS = {
    "a class": (
        OBJECT.format(body="pass").replace("Plugin()", "Plugin"),
        "it is the class Plugin; give a module or an object",
    ),
    "none": ("    plugin = None\n", "it is None; give a module or an object"),
    "not there": ("", "AttributeError: module 'broken' has no attribute 'plugin'"),
    "method not marked": (
        OBJECT.format(body="def ticketcore_validate(self, change): return ()"),
        "ticketcore_validate is not marked: write @hookimpl above it",
    ),
    "__dir__ raises": (
        OBJECT.format(body="def __dir__(self): raise RuntimeError('no names')"),
        "RuntimeError: no names",
    ),
    "property of a hook's name": (
        OBJECT.format(body="ticketcore_validate = property(lambda self: 1 / 0)"),
        "ZeroDivisionError",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_set_aside_and_named(check_set_aside: CheckSetAside, store_url: str, case: str) -> None:
    source, reason = BROKEN[case]
    check_set_aside(source, reason, url=store_url)


@pytest.mark.parametrize("case", BROKEN_OBJECTS)
def test_an_object_that_is_no_plugin_is_set_aside(check_set_aside: CheckSetAside, case: str) -> None:
    source, reason = BROKEN_OBJECTS[case]
    check_set_aside(source, reason, entry="broken:plugin")


def announce(site: Path, name: str, *lines: str) -> None:
    """Replace what the distribution ``name`` announces."""
    text = "\n".join(["[ticketcore]", *lines, ""])
    (site / f"{name}-1.0.dist-info" / "entry_points.txt").write_text(text, encoding="utf-8")


NOTING = """@hookimpl
        def ticketcore_observe(self, event):
            SEEN.append(event)

        {body}
"""


@pytest.mark.parametrize(
    ("source", "entry"),
    [
        (OBJECT.format(body=NOTING.format(body="def __getattr__(self, name): raise RuntimeError(name)")), "odd:plugin"),
        (OBJECT.format(body=NOTING.format(body="def __eq__(self, other): return True")), "odd:plugin"),
        (hook("ticketcore_observe", "SEEN.append(event)", "event") + hook("__getattr__", "1 / 0", "name", ""), "odd"),
    ],
    ids=["object", "equal to all", "module"],
)
def test_a_plugin_that_is_odd_to_look_at_works_beside_the_others(
    install: Install, others_work: OthersWork, module: Module, warned: Warned, source: str, entry: str
) -> None:
    announce(install("odd", "    SEEN = []\n" + source), "odd", f"odd = {entry}")
    others_work()
    assert len(module("odd").SEEN) == 1
    assert warned() == []


def test_control_c_during_an_import_is_not_swallowed(make_desk: MakeDesk, install: Install) -> None:
    install("stopped", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        make_desk(MEMORY).tickets.create("Printer", action_by=ANN)


def test_control_c_in_a_register_hook_is_not_swallowed(install: Install, run: Run) -> None:
    install("stopped", hook("ticketcore_notifiers", "raise KeyboardInterrupt"))
    assert run("plugins").exit_code == 130


def test_what_a_plugin_prints_does_not_mix_with_json(install: Install, run: Run) -> None:
    install("chatty", "    print('hello')\n" + hook("ticketcore_notifiers", "print('hello again'); return ()"))
    result = run("plugins", "--json")
    assert [info["health"] for info in json.loads(result.stdout) if info["name"] == "chatty"] == ["ok"]
    assert result.stderr == "hello\nhello again\n"


def test_a_plugin_that_was_set_aside_is_named_where_it_is_missed(make_desk: MakeDesk, install: Install) -> None:
    install("shouter", "import no_such_module_anywhere\n")
    desk = make_desk(MEMORY, notifiers=("shout",))
    with pytest.raises(PluginError) as caught:
        desk.tickets.create("Printer", requested_by=ANN, action_by=ANN)
    assert "set aside: shouter (ModuleNotFoundError: " in caught.value.hint


def test_a_hook_of_a_later_version_is_no_error_where_it_is_optional(
    install: Install, others_work: OthersWork, warned: Warned
) -> None:
    later = hook("ticketcore_foresee", "1 / 0", marker="@hookimpl(optionalhook=True)")
    install("modern", later + hook("ticketcore_observe"))
    desk = others_work()
    assert warned() == []
    assert [info.hooks for info in desk.plugins.plugins if info.name == "modern"] == [("ticketcore_observe",)]


def test_hooks_may_be_methods_of_every_kind_with_the_arguments_that_they_want(
    make_desk: MakeDesk, install: Install, warned: Warned
) -> None:
    source = """
    class Plugin:
        @hookimpl(priority=1)
        @staticmethod
        def ticketcore_validate(change, *, settings=5, **_):
            yield Problem("a", f"static {settings}")

        @hookimpl(specname="ticketcore_validate", priority=2)
        @classmethod
        def check(cls, action_by, mood="bad", settings=5):
            yield Problem("b", f"{cls.__name__} {action_by} {mood} {settings}")

        @hookimpl(specname="ticketcore_validate", priority=3)
        def third(self, *more, **everything):
            yield Problem("c", ", ".join(sorted(everything)))

    plugin = Plugin()
    """
    announce(install("methods", source), "methods", "methods = methods:plugin")
    with pytest.raises(RejectedError) as caught:
        make_desk(MEMORY).tickets.create("Printer", action_by="ann")
    assert caught.value.problems == (
        ("a", "static None"),
        ("b", "Plugin ann bad None"),
        ("c", "action_by, change, settings"),
    )
    assert warned() == []
