"""What a plugin may register that is wrong: it is set aside as a whole, with one warning, and harms nobody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

LISTED = "ticketcore_notifiers must return a list of NotifierSpec records, or yield them, not"

CheckSetAside = Callable[..., None]


def hook(name: str, body: str = "return ()") -> str:
    return f"""
    @hookimpl
    def {name}():
        {body}
    """


def notifier(**fields: str) -> str:
    values = {"name": '"loud"', "summary": '"loud"', "target": "print"} | fields
    given = ", ".join(f"{name}={value}" for name, value in values.items())
    return hook("ticketcore_notifiers", f"return [NotifierSpec({given})]")


def kind(**fields: str) -> str:
    tables = {"main_table": '"a"', "nodes_table": '"b"', "history_table": '"c"', "name_column": '"d"'} | fields
    return (
        notifier(**tables)
        .replace("ticketcore_notifiers", "ticketcore_versioned_kinds")
        .replace("NotifierSpec", "VersionedKindSpec")
    )


# What is wrong: the source of the plugin, and what the cause has to say.
BROKEN = {
    "register hook raises": (
        hook("ticketcore_notifiers", "raise RuntimeError('out of order')"),
        "ticketcore_notifiers failed: RuntimeError: out of order",
    ),
    "register hook exits": (
        hook("ticketcore_notifiers", "raise SystemExit(3)"),
        "ticketcore_notifiers failed: SystemExit: 3",
    ),
    "register hook dies half-way": (
        hook("ticketcore_notifiers", "yield NotifierSpec(name='loud', summary='loud', target=print); 1 / 0"),
        "ticketcore_notifiers failed: ZeroDivisionError: division by zero",
    ),
    "registers nothing": (
        hook("ticketcore_notifiers", "pass"),
        f"{LISTED} None",
    ),
    "registers a text": (hook("ticketcore_notifiers", "return ['x']"), "must yield NotifierSpec records, not 'x'"),
    "registers a number": (
        hook("ticketcore_notifiers", "return 5"),
        f"{LISTED} 5",
    ),
    "registers another kind": (
        hook("ticketcore_notifiers", "return [SchedulerSpec(name='loud', summary='loud', target=print)]"),
        "ticketcore_notifiers must yield NotifierSpec records, not SchedulerSpec(",
    ),
    "settings raise": (hook("ticketcore_settings", "1 / 0"), "ticketcore_settings failed: ZeroDivisionError"),
    "settings are no class": (
        hook("ticketcore_settings", "return dict"),
        "must return a class made by attrs, not <class 'dict'>",
    ),
    # Records
    "bad name": (
        notifier(name='"loud and clear"'),
        "name must begin with a letter, then letters, digits, - and _ only",
    ),
    "empty name": (notifier(name='""'), "name must begin with a letter"),
    "name is no text": (notifier(name="5"), "name must begin with a letter"),
    "bad summary": (notifier(summary='" "'), "summary must say in a few words what it is, not ' '"),
    "bad target": (
        notifier(target='"loud.Notifier"'),
        "target must be a callable or \"package.module:name\", not 'loud.Notifier'",
    ),
    "no target": (notifier(target="None"), "target must be a callable"),
    "bad config": (notifier(config="dict"), "config must be a class made by attrs, not <class 'dict'>"),
    "bad alias": (notifier(aliases='("a b",)'), "aliases must begin with a letter"),
    "alias as text": (notifier(aliases='"noisy"'), "aliases must be a tuple of names, not 'noisy'"),
    "bad destinations": (notifier(destinations='["lobby"]'), "destinations must be a callable, not ['lobby']"),
    "unknown field": (notifier(colour='"red"'), "unexpected keyword argument 'colour'"),
    "section of ours": (
        notifier(section='"email"'),
        "the notifier 'loud' has a section, which is for what is built in",
    ),
    "bad table": (
        kind(main_table='"data; drop"'),
        "main_table must be the name of a table or column, not 'data; drop'",
    ),
    "no column": (kind(name_column="None"), "name_column must be the name of a table or column, not None"),
    "one name twice": (
        hook("ticketcore_notifiers", "return [NotifierSpec(name='loud', summary='loud', target=print)] * 2"),
        "it registers two of the kind notifier called 'loud'",
    ),
    "alias is its name": (notifier(aliases='("loud",)'), "it registers two of the kind notifier called 'loud'"),
    "two classes for a section": (
        """
    @frozen
    class One: pass

    @frozen
    class Two: pass
    """
        + hook("ticketcore_settings", "return One")
        + notifier(name='"broken"', config="Two"),
        "it has two classes for the section plugins.broken",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_plugin_that_registers_something_wrong_is_set_aside(check_set_aside: CheckSetAside, case: str) -> None:
    source, reason = BROKEN[case]
    check_set_aside(source, reason)
