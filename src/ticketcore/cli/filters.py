"""The options that choose tickets, for the commands that list many of them or do something with them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from ticketcore.cli.options import PRIORITY, STATUS, TYPE, package_filter

_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "package": package_filter,
    "status": click.option("--status", type=STATUS, multiple=True, help="Only this status; repeatable."),
    "priority": click.option("--priority", type=PRIORITY, multiple=True, help="Only this priority; repeatable."),
    "assignee": click.option("--assignee", metavar="USER", help="Only this one's; \"\" for nobody's."),
    "project": click.option("--project", help='Only this project; "" for tickets without one.'),
    "ticket_type": click.option("--type", "ticket_type", type=TYPE, multiple=True, help="Only this type; repeatable."),
    "created_after": click.option(
        "--created-after", metavar="DATE", help="Only tickets created at or after it (ISO 8601)."
    ),
    "created_before": click.option(
        "--created-before", metavar="DATE", help="Only tickets created before it (ISO 8601)."
    ),
    "search": click.option("--search", metavar="TEXT", help="Only tickets with all of these words."),
}


def with_filter(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose tickets; what they were set to is its argument ``filters``."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in _OPTIONS}
        filters = {name: value for name, value in given.items() if value not in (None, ())}
        return function(*args, filters=filters, **kwargs)

    for option in reversed(_OPTIONS.values()):
        wrapper = option(wrapper)
    return wrapper
