"""What every command is built from: commands that load late, and the options that all of them share.

Nothing here but click is imported, so that ``ticketcore --version`` costs what click costs.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ticketcore.cli.session import Session
    from ticketcore.plugin.manager import PluginManager

P = ParamSpec("P")
Table = Mapping[str, Mapping[str, tuple[str, str, str]]]
"""Commands by heading and name: the module, the function in it, and the summary that help shows."""


class Shared:
    """What the options that every command has were set to."""

    def __init__(self) -> None:
        """Start with nothing set."""
        self.config: str | None = None
        self.by: str | None = None
        self.json = False
        self.no_plugins = False
        self._plugins: PluginManager | None = None

    @property
    def plugins(self) -> PluginManager:
        """The plugins, loaded when first asked for."""
        if self._plugins is None:
            from ticketcore import __version__
            from ticketcore.cli import commands
            from ticketcore.cli.session import warnings_shown
            from ticketcore.extensions import load_plugins

            # What a plugin prints while it is imported is no output of the command.
            with warnings_shown(), redirect_stdout(sys.stderr):
                self._plugins = load_plugins(__version__, {"cli": commands}, enabled=not self.no_plugins)
        return self._plugins

    @property
    def actor(self) -> str:
        """Who acts: ``--by``, else TICKETCORE_BY, else the login name."""
        named = self.by if self.by is not None else os.environ.get("TICKETCORE_BY")
        if named:
            return named
        if self.by is not None:
            raise click.BadParameter("must not be empty", param_hint="'--by'")
        import getpass

        try:
            return getpass.getuser()
        except (KeyError, OSError):
            message = "nobody is logged in by name: say who acts with --by NAME"
            raise click.UsageError(message) from None


def shared(context: click.Context) -> Shared:
    """Return the shared options, made when first asked for."""
    return context.ensure_object(Shared)


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    if value not in (None, False) and parameter.name:
        setattr(shared(context), parameter.name, value)


def _shared_options() -> list[click.Parameter]:
    common: dict[str, Any] = {"expose_value": False, "callback": _remember}
    return [
        click.Option(
            ["--config"],
            metavar="FILE",
            help="Configuration file. [default: TICKETCORE_CONFIG, then ./config.yaml]",
            **common,
        ),
        click.Option(
            ["--by"],
            metavar="NAME",
            help="Who acts. [default: TICKETCORE_BY, then the login name]",
            **common,
        ),
        click.Option(["--json"], is_flag=True, help="Print JSON and nothing else.", **common),
        # Eager, because help is, and lists the commands of plugins.
        click.Option(
            ["--no-plugins"],
            is_flag=True,
            is_eager=True,
            help="Load no plugins but the built-in ones (an error where the configuration needs one).",
            **common,
        ),
    ]


class Command(click.Command):
    """A command that takes the shared options too, besides its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what :class:`click.Command` takes."""
        kwargs["params"] = [*(kwargs.get("params") or ()), *_shared_options()]
        super().__init__(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; bytes that are no text are wrong usage (but in the name of a file)."""
        rest = super().parse_args(ctx, args)
        for param in self.params:
            value = ctx.params.get(param.name or "")
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, str) and any("\ud800" <= char <= "\udfff" for char in part):
                    message = f"{part!r} is no text in the encoding of this terminal"
                    raise click.BadParameter(message, ctx=ctx, param=param)
        return rest


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called; help needs none of them."""

    def __init__(self, *args: Any, table: Table, **kwargs: Any) -> None:
        """Take the ``table`` of commands besides what :class:`click.Group` takes."""
        kwargs["params"] = [*(kwargs.get("params") or ()), *_shared_options()]
        super().__init__(*args, **kwargs)
        self.table = table

    def _entries(self) -> Iterator[tuple[str, tuple[str, str, str]]]:
        for section in self.table.values():
            yield from section.items()

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands, in the order of the table."""
        return [name for name, _ in self._entries()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, importing its module; ``None`` if there is none of this name."""
        entry = dict(self._entries()).get(cmd_name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(entry[0]), entry[1])
        assert isinstance(command, click.Command)  # noqa: S101 - the table is ours
        return command

    def summaries(self, ctx: click.Context) -> Iterator[tuple[str, str]]:  # noqa: ARG002 - others need it
        """Yield the name and the summary of each command."""
        yield from ((name, entry[2]) for name, entry in self._entries())

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what completes the name of a command, or an option; that needs none of the commands."""
        from click.shell_completion import CompletionItem

        known = self.summaries(ctx)
        names = [CompletionItem(name, help=summary) for name, summary in known if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands below their headings."""
        width = max(len(name) for name, _ in self._entries())
        for heading, section in self.table.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), entry[2]) for name, entry in section.items()])


def command(name: str, *examples: str) -> Callable[[Callable[..., Any]], Command]:
    """Return a decorator like :func:`click.command`, for a command whose help ends with ``examples``."""
    lines = [f"Example: {examples[0]}", *(f"         {example}" for example in examples[1:])]
    return click.command(name, cls=Command, epilog="\n".join(["\b", *lines]))


def with_session(function: Callable[Concatenate[Session, P], None]) -> Callable[P, None]:
    """Hand an open :class:`~ticketcore.cli.session.Session` to a command as its first argument."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        from ticketcore.cli.session import open_session

        with open_session(shared(click.get_current_context())) as session:
            function(session, *args, **kwargs)

    return wrapper
