"""Code hosts, and where each of them keeps what is needed of a pull request.

A host describes a pull request in two ways: as an object of its REST interface, and as the same object within the
payload of a webhook. Which host, and which of the two, is told by the names that only one of them uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import evolve, frozen


class Source(StrEnum):
    """The software of a code host."""

    BITBUCKET_CLOUD = "bitbucket_cloud"
    BITBUCKET_SERVER = "bitbucket_server"
    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"


class PullRequestState(StrEnum):
    """What has become of a pull request."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


STATES = {
    "open": PullRequestState.OPEN,
    "opened": PullRequestState.OPEN,
    "locked": PullRequestState.OPEN,  # GitLab's, while it merges
    "merged": PullRequestState.MERGED,
    "closed": PullRequestState.CLOSED,
    "declined": PullRequestState.CLOSED,
    "superseded": PullRequestState.CLOSED,
}
"""What hosts call the states, in lower case."""


@frozen(kw_only=True)
class Layout:
    """Where a host keeps what is needed.

    Where there are several paths, the first that leads to something counts. They begin at the pull request, or with
    ``/`` at the whole payload. ``within`` is where a webhook has the pull request; ``kind`` is another name in the
    webhook, and the value that it must have. ``marks`` are names by which a pull request is known that comes without
    a webhook.
    """

    source: Source
    host: str
    within: str
    kind: tuple[str, str] | None = None
    marks: tuple[str, ...]
    pr_id: str
    body: tuple[str, ...]
    owner: str = ""
    repo: tuple[str, ...]
    url: tuple[str, ...]
    author: tuple[str, ...]
    needs_url: bool = True

    def marks_in(self, payload: Mapping[object, object]) -> int:
        """Return how many of the marks ``payload`` has."""
        return sum(mark in payload for mark in self.marks)


_GITHUB = Layout(
    source=Source.GITHUB,
    host="GitHub",
    within="pull_request",
    marks=("number", "html_url", "base", "head"),
    pr_id="number",
    body=("body",),
    repo=("base.repo.full_name", "/repository.full_name"),
    url=("html_url",),
    author=("user.login", "user.username"),
)
_GITEA = evolve(_GITHUB, source=Source.GITEA, host="Gitea")
_GITEA_MARK = "repo_id"
"""What only Gitea and Forgejo, which speak GitHub's language otherwise, have in a branch."""

LAYOUTS = (
    Layout(
        source=Source.BITBUCKET_CLOUD,
        host="Bitbucket Cloud",
        within="pullrequest",
        marks=("destination", "source"),
        pr_id="id",
        body=("description", "summary.raw", "rendered.description.raw"),
        repo=("destination.repository.full_name", "/repository.full_name"),
        url=("links.html.href",),
        author=("author.nickname", "author.username", "author.display_name"),
        needs_url=False,  # it follows from the repository
    ),
    Layout(
        source=Source.BITBUCKET_SERVER,
        host="Bitbucket Server",
        within="pullRequest",
        marks=("toRef", "fromRef"),
        pr_id="id",
        body=("description",),
        owner="toRef.repository.project.key",
        repo=("toRef.repository.slug",),
        url=("links.self.0.href",),
        author=("author.user.name", "author.user.slug", "author.user.displayName"),
        needs_url=False,  # a server that does not know its own address leaves it out
    ),
    _GITHUB,
    Layout(
        source=Source.GITLAB,
        host="GitLab",
        within="object_attributes",
        kind=("object_kind", "merge_request"),
        marks=("iid", "target_branch", "source_branch", "target_project_id"),
        pr_id="iid",
        body=("description",),
        repo=("/project.path_with_namespace", "references.full", "target.path_with_namespace"),
        url=("web_url", "url"),
        author=("author.username", "author.name"),
    ),
    _GITEA,
)


def recognise(payload: Mapping[object, object]) -> tuple[Layout, str] | None:
    """Return the layout that ``payload`` has or comes nearest to, and where the pull request is in it.

    That place is empty where the payload is the pull request itself. ``None`` if nothing in it is known.
    """
    for layout in LAYOUTS:
        if layout.within in payload:
            return _github_or_gitea(layout, payload[layout.within]), layout.within
    nearest = max(LAYOUTS, key=lambda layout: layout.marks_in(payload))
    return (_github_or_gitea(nearest, payload), "") if nearest.marks_in(payload) else None


def _github_or_gitea(layout: Layout, pull_request: object) -> Layout:
    base = pull_request.get("base") if isinstance(pull_request, Mapping) else None
    return _GITEA if layout is _GITHUB and isinstance(base, Mapping) and _GITEA_MARK in base else layout
