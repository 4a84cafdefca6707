"""Pull requests: read from what code hosts send and answer, whatever its shape, into one record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from attrs import frozen

from ticketcore.domain.checks import NAME_LENGTH, SUBJECT_LENGTH
from ticketcore.domain.code_hosts import LAYOUTS, STATES, Layout, PullRequestState, Source, recognise
from ticketcore.domain.web_address import WEB_ADDRESS, host_of, is_web_address
from ticketcore.errors import Problem, RejectedError

KEY_LENGTH = 500
"""What the key of a pull request may have, in characters."""

FIELD = "pr_data"
"""What errors call the payload."""

_DIGITS = 18
"""What every store can count to."""


@frozen(kw_only=True)
class PullRequest:
    """A pull request, or a merge request as GitLab calls it.

    ``repo`` is the repository that it is to be merged into, with the owner in front, and ``pr_id`` its number there.
    ``title`` is one line. ``author`` is a login name, empty where the payload does not tell. ``state`` is ``None``
    where it tells nothing that is known here.
    """

    source: Source
    repo: str
    pr_id: str
    title: str
    body: str = ""
    url: str = ""
    author: str = ""
    state: PullRequestState | None = None

    @property
    def subject(self) -> str:
        """The title as far as it fits a ticket; an ellipsis stands for the rest."""
        return _shortened(self.title, SUBJECT_LENGTH)

    @property
    def key(self) -> str:
        """What every payload about this pull request has in common, and none about another.

        A server that leaves out addresses is taken for the only one of its kind.
        """
        host = host_of(self.url) if self.url else self.source
        return f"{host}/{self.repo}/{self.pr_id}".lower()  # no host tells repositories apart by case


def parse_pull_request(data: object) -> PullRequest:
    """Return the pull request that a payload describes.

    Args:
        data: what a code host sends or answers: a mapping, or JSON in text or in UTF-8 bytes.

    Raises:
        RejectedError: it describes no pull request; with every part that is missing or wrong in the shape that it
            comes nearest to, and with those that were looked for.
    """
    payload = _decoded(data)
    recognised = recognise(payload)
    if recognised is None:
        known = "; ".join(f"{layout.host}: {layout.within}, {', '.join(layout.marks)}" for layout in LAYOUTS)
        raise _refused(f"describes no pull request; it has none of the names that tell one ({known})")
    layout, within = recognised
    reader = _Reader(payload, layout, within)
    found = reader.read()
    if found is None:
        hosts = ", ".join(one.host for one in LAYOUTS)
        nearest = f"{layout.host} {'webhook' if within else 'pull request'}"
        hint = f"this is nearest to a {nearest}; looked for pull requests and webhooks of {hosts}"
        raise RejectedError(reader.problems, hint=hint)
    return found


def _decoded(data: object) -> Mapping[object, object]:
    """Return the object that ``data`` is in JSON."""
    if isinstance(data, bytes | bytearray):
        try:
            data = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise _refused(f"is no UTF-8 text (byte {error.start + 1})") from None
    if isinstance(data, str):
        data = _loaded(data.removeprefix("\ufeff"))
    if not isinstance(data, Mapping):
        raise _refused(f"must be an object as JSON has them, not {_kind(data)}")
    return data


def _loaded(text: str) -> object:
    if not text.strip():
        raise _refused("is empty; give a pull request as JSON")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _refused(f"is no JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except ValueError:
        raise _refused("is no JSON that can be read: a number in it has too many digits") from None
    except RecursionError:
        raise _refused("is no JSON that can be read: it is nested too deeply") from None


def _refused(message: str) -> RejectedError:
    return RejectedError([Problem(FIELD, message)])


class _Reader:
    """Reads one payload by its layout, and collects what is wrong with it."""

    def __init__(self, payload: Mapping[object, object], layout: Layout, within: str) -> None:
        self.payload = payload
        self.layout = layout
        self.within = within
        self.problems: list[Problem] = []

    def read(self) -> PullRequest | None:
        """Return the pull request, ``None`` if something is wrong with it."""
        if not self._is_envelope():
            return None
        layout = self.layout
        pr_id, title, repo = self._number(layout.pr_id), _line(self._required("title")), self._repo()
        found = PullRequest(
            source=layout.source,
            repo=repo,
            pr_id=pr_id,
            title=title,
            body=self._text(*layout.body).replace("\r\n", "\n").replace("\r", "\n"),
            url=self._url(repo, pr_id),
            author=_shortened(_line(self._author()), NAME_LENGTH),
            state=self._state(),
        )
        if not self.problems and len(found.key) > KEY_LENGTH:
            self._wrong("", f"names a host and a repository of more than {KEY_LENGTH} characters")
        return None if self.problems else found

    def _is_envelope(self) -> bool:
        """Return whether there is something in which to look for the parts."""
        if self.within:
            inner = self.payload[self.within]
            name, wanted = self.layout.kind or ("", "")
            if name and self.payload.get(name) != wanted:
                self._wrong(f"/{name}", f"must be {wanted!r}")
            elif not isinstance(inner, Mapping):
                self._wrong("", f"must be an object, not {_kind(inner)}")
        return not self.problems

    def _steps(self, path: str) -> list[str]:
        """Return the names on the way from the payload to ``path``."""
        steps = path.removeprefix("/").split(".") if path else []
        return steps if path.startswith("/") or not self.within else [self.within, *steps]

    def _wrong(self, path: str, message: str) -> None:
        problem = Problem(".".join([FIELD, *self._steps(path)]), message)
        if problem not in self.problems:
            self.problems.append(problem)

    def _at(self, path: str) -> object:
        """Return what is at ``path``, ``None`` if nothing is there.

        Raises:
            _WrongKindError: it leads through something that has no parts.
        """
        value: object = self.payload
        steps = self._steps(path)
        for place, step in enumerate(steps):
            if value is None:
                return None
            if step.isdigit() and isinstance(value, list):
                value = value[int(step)] if int(step) < len(value) else None
            elif not step.isdigit() and isinstance(value, Mapping):
                value = value.get(step)
            else:
                expected = "a list" if step.isdigit() else "an object"
                self._wrong(f"/{'.'.join(steps[:place])}", f"must be {expected}, not {_kind(value)}")
                raise _WrongKindError
        return value

    def _text(self, *paths: str, required: bool = False) -> str:
        """Return the first text at one of ``paths`` that is not empty; what no store can hold in it is replaced."""
        try:
            for path in paths:
                value = self._at(path)
                if isinstance(value, str) and value.strip():
                    return _NO_TEXT.sub("\ufffd", value)
                if value is not None and not isinstance(value, str):
                    self._wrong(path, f"must be text, not {_kind(value)}")
                    return ""
        except _WrongKindError:
            return ""
        if required:
            self._wrong(next(path for path in paths if self.within or path[0] != "/"), "is missing or empty")
        return ""

    def _required(self, *paths: str) -> str:
        return self._text(*paths, required=True)

    def _number(self, path: str) -> str:
        value = self._at(path)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _DIGITS:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**_DIGITS:
            return str(value)
        wanted = f"must be a whole number from 1 on, of at most {_DIGITS} digits"
        self._wrong(path, "is missing" if value is None else wanted)
        return ""

    def _repo(self) -> str:
        """Return the repository, with its owner in front."""
        layout = self.layout
        repo = self._project() if layout.source is Source.GITLAB else self._required(*layout.repo)
        owner = self._required(layout.owner) if layout.owner else ""
        repo = f"{owner}/{repo}" if owner and repo else repo
        if repo and (len(repo) > NAME_LENGTH or _NO_REPO.search(repo)):
            self._wrong(layout.repo[0], f"must be a path of at most {NAME_LENGTH} characters without blanks")
        return repo

    def _project(self) -> str:
        """Return the project of a merge request; an old GitLab has it in the address only.

        References are ``group/project!17``, addresses ``https://host/group/project/-/merge_requests/17``.
        """
        named = self._text(*self.layout.repo).partition("!")[0]
        url = self._text(*self.layout.url)
        path = urlsplit(url).path if is_web_address(url) else ""
        project, found, _ = path.strip("/").partition("/merge_requests/")
        return named or (project.removesuffix("/-") if found else self._required(*self.layout.repo))

    def _url(self, repo: str, pr_id: str) -> str:
        layout = self.layout
        url = self._text(*layout.url, required=layout.needs_url)
        if not url and layout.source is Source.BITBUCKET_CLOUD:
            return f"https://bitbucket.org/{repo}/pull-requests/{pr_id}"
        if url and not is_web_address(url):
            self._wrong(next(path for path in layout.url if self._text(path)), WEB_ADDRESS)
            return ""
        return url

    def _author(self) -> str:
        """Return who opened it; a webhook of GitLab names whoever acted last, and the author's number."""
        if self.layout.source is not Source.GITLAB or not self.within:
            return self._text(*self.layout.author)
        try:
            author, user = self._at("author_id"), self._at("/user.id")
        except _WrongKindError:
            return ""
        return self._text("/user.username", "/user.name") if author is not None and author == user else ""

    def _state(self) -> PullRequestState | None:
        state = STATES.get(self._text("state").lower())
        # GitHub and Gitea call what is merged "closed", too.
        merged = self.layout.within == "pull_request" and (self._at("merged") is True or self._text("merged_at"))
        return PullRequestState.MERGED if merged else state


class _WrongKindError(Exception):
    """A path leads through something that has no parts; it has been noted."""


_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_NO_REPO = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ufffd]")
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "null"),
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (Mapping, "an object"),
    (list, "a list"),
)


def _kind(value: object) -> str:
    """Return what ``value`` is called in JSON."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), type(value).__name__)


def _line(text: str) -> str:
    return " ".join(text.split())


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
