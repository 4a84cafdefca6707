"""Every error that ticketcore raises, named by what the caller can do about it.

The whole tree is here and nowhere else. Each class has a stable ``code`` (for logs and scripts), a
``message`` (what was wrong, one line a problem) and a ``hint`` (what to do), and keeps the facts as
attributes, so that no caller has to read them out of a string. Only the command line turns an error
into an exit status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Problem(NamedTuple):
    """One thing that is wrong: the field (or the path of a setting) and what is wrong with it."""

    field: str
    message: str

    def __str__(self) -> str:
        """Return ``field: message``, or the message alone where no field is to blame."""
        return f"{self.field}: {self.message}" if self.field else self.message


class TicketcoreError(Exception):
    """Something that ticketcore refused or could not do; the base of every error it raises."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep ``message`` (what was wrong) and ``hint`` (what to do about it; may be empty)."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the message, followed by the hint where there is one."""
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def lines(self) -> list[str]:
        """Return what to show a user, one line for each problem."""
        return str(self).splitlines()


class _ProblemsError(TicketcoreError):
    """An error that carries all problems at once."""

    def __init__(self, problems: Iterable[Problem], *, hint: str = "") -> None:
        """Keep all ``problems``; at least one is needed."""
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(self._texts()), hint=hint)

    def _texts(self) -> list[str]:
        return [str(problem) for problem in self.problems]

    def lines(self) -> list[str]:
        """Return one line for each problem, the hint behind the last."""
        lines = self._texts()
        if self.hint:
            lines[-1] = f"{lines[-1]} ({self.hint})"
        return lines


class ConfigError(_ProblemsError):
    """The configuration is wrong: correct it. All problems are reported at once, with their path and place."""

    code = "config"

    def __init__(self, problems: Iterable[Problem], *, places: Iterable[str] = (), hint: str = "") -> None:
        """Keep all ``problems``, and the place of each (``config.yaml:7``; empty where there is none)."""
        self.places: tuple[str, ...] = tuple(places)
        super().__init__(problems, hint=hint)

    def _texts(self) -> list[str]:
        places = self.places or ("",) * len(self.problems)
        texts = zip(places, super()._texts(), strict=True)
        return [f"{place}: {text}" if place else text for place, text in texts]


_SHOWN = 60


def _shown(key: object) -> str:
    """Return ``key`` as far as it fits a message."""
    if isinstance(key, int) and key.bit_length() > _SHOWN * 3:
        return "with so large a number"
    text = " ".join(key.split()) if isinstance(key, str) else quoted(key)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_QUOTED = 300


def quoted(value: object) -> str:
    """Return ``value`` in Python's notation, as far as it fits a message."""
    try:
        text = repr(value)
    except ValueError:  # a number of thousands of digits has no text at all
        return f"a value of the type {type(value).__name__}"
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


class NotFoundError(TicketcoreError, ValueError):
    """What was asked for does not exist (also a ``ValueError``)."""

    code = "not-found"

    def __init__(self, kind: str, key: object, *, hint: str = "") -> None:
        """Keep the ``kind`` of thing ("ticket") and the ``key`` that nothing has."""
        super().__init__(f"there is no {kind} {_shown(key)}", hint=hint)
        self.kind = kind
        self.key = key


class RejectedError(_ProblemsError):
    """The request is refused and nothing changed: correct what ``problems`` lists and ask again."""

    code = "rejected"


class InvalidTransitionError(RejectedError):
    """The workflow has no such move; ``allowed`` lists the moves that it has."""

    code = "invalid-transition"

    def __init__(self, status: str, wanted: str, allowed: Sequence[str], *, kind: str = "ticket") -> None:
        """Keep the current ``status``, the ``wanted`` one and the ``allowed`` ones; ``kind`` says of what."""
        self.status = status
        self.wanted = wanted
        self.allowed = tuple(allowed)
        choice = ", ".join(self.allowed) or "nothing"
        message = f"a {kind} that is {status} cannot become {wanted}; allowed from here: {choice}"
        super().__init__([Problem("status", message)])


class ForbiddenError(RejectedError):
    """A policy does not let this actor make this change; ``reasons`` says why, ``problems`` has all that is wrong."""

    code = "forbidden"

    def __init__(self, reasons: Iterable[str], problems: Iterable[Problem] = ()) -> None:
        """Keep the ``reasons``, and the ``problems`` of the change besides."""
        self.reasons = tuple(reasons)
        super().__init__([*(Problem("", reason) for reason in self.reasons), *problems])


class ConflictError(TicketcoreError):
    """Somebody else changed it first and nothing was overwritten: read it again, then repeat."""

    code = "conflict"

    def __init__(self, kind: str, key: object, *, expected: int | None = None, actual: int | None = None) -> None:
        """Keep what conflicts, the version that was expected and the one that is stored."""
        seen = (
            f" (you have version {expected}, stored is {actual})" if expected is not None and actual is not None else ""
        )
        super().__init__(f"{kind} {key} was changed by somebody else{seen}", hint="read it again, then repeat")
        self.kind = kind
        self.key = key
        self.expected = expected
        self.actual = actual


class RepositoryError(TicketcoreError):
    """The storage cannot do what was asked; the message says why and what to do."""

    code = "repository"


class RepositoryBusyError(RepositoryError):
    """The storage is locked or cannot be reached right now: the same call may succeed later."""

    code = "repository-busy"


class RepositoryLostError(RepositoryBusyError):
    """The connection to the storage broke, and nothing was stored: the same call may succeed at once."""

    code = "repository-lost"

    def __init__(self, message: str, *, hint: str = "", reason: str = "") -> None:
        """Keep why the connection broke, besides the message that says so."""
        super().__init__(message, hint=hint)
        self.reason = reason


class SchemaError(RepositoryError):
    """The database is not one that this version can work with: not ours, older, or newer."""

    code = "schema"


class RenderError(TicketcoreError):
    """A template is missing or broken; ``template`` names it."""

    code = "render"

    def __init__(self, template: str, reason: str) -> None:
        """Keep the name of the ``template`` and the ``reason``."""
        super().__init__(f"template {template}: {reason}")
        self.template = template


class NotifierError(TicketcoreError):
    """A notification could not be delivered; the subclass says whether trying again makes sense."""

    code = "notifier"


class TemporaryNotifierError(NotifierError):
    """The delivery failed for now and is tried again, not before ``retry_after`` seconds if given."""

    code = "notifier-temporary"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """Keep the reason and the number of seconds that the other side asked to wait."""
        super().__init__(message)
        self.retry_after = retry_after


class PermanentNotifierError(NotifierError):
    """The delivery was refused for good (an unknown recipient, say): trying again is useless."""

    code = "notifier-permanent"


class PluginError(TicketcoreError):
    """A plugin that the configuration needs is missing, broken, or breaks its contract."""

    code = "plugin"

    def __init__(self, plugin: str, message: str, *, hint: str = "") -> None:
        """Keep the name of the ``plugin`` beside what is wrong with it."""
        super().__init__(message, hint=hint)
        self.plugin = plugin


def reason_of(error: BaseException) -> str:
    """Return what ``error`` says, in a form that can be shown and stored, whoever raised it."""
    kind = type(error).__name__
    try:
        reason = str(error) or kind if isinstance(error, TicketcoreError) else f"{kind}: {error}"
    except (Exception, SystemExit):  # noqa: BLE001 - a foreign class may not even be able to say what is wrong
        reason = kind
    return reason.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
