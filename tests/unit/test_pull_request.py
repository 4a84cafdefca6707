"""Pull requests as code hosts describe them: every shape is read, and nothing else gets through."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.domain.pull_request import PullRequest, parse_pull_request
from ticketcore.domain.web_address import host_of, is_web_address
from ticketcore.errors import RejectedError

properties = settings(derandomize=True, deadline=None, max_examples=300)

FILES = sorted((Path(__file__).parents[1] / "data" / "pull_requests").glob("*.json"))
PAYLOADS: dict[str, dict[str, Any]] = {file.stem: json.loads(file.read_bytes()) for file in FILES}
HOSTS = ("bitbucket_cloud", "bitbucket_server", "github", "gitlab", "gitea")
every_payload = pytest.mark.parametrize("name", PAYLOADS)


@pytest.fixture
def payload(name: str) -> dict[str, Any]:
    return deepcopy(PAYLOADS[name])


def changed(name: str, path: str, value: object) -> dict[str, Any]:
    """Return a payload with another value at ``path``; ``...`` takes it out."""
    payload = deepcopy(PAYLOADS[name])
    *way, last = path.split(".")
    inner: Any = payload
    for step in way:
        inner = inner[int(step)] if step.isdigit() else inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return payload


def problems(data: object) -> dict[str, str]:
    """Return what is wrong with a payload, by field."""
    with pytest.raises(RejectedError) as caught:
        parse_pull_request(data)
    assert all("\n" not in problem.message for problem in caught.value.problems)
    return dict(caught.value.problems)


# what is read


def test_there_is_a_payload_of_each_kind_of_each_host() -> None:
    assert set(PAYLOADS) == {f"{host}_{kind}" for host in HOSTS for kind in ("rest", "webhook")}


@every_payload
def test_a_payload_is_recognised_by_its_shape(name: str, payload: dict[str, Any]) -> None:
    assert parse_pull_request(payload).source == name.rpartition("_")[0]


@pytest.mark.parametrize(
    ("host", "repo", "pr_id", "title", "url", "author"),
    [
        (
            "bitbucket_cloud",
            "lakeside/shop-front",
            "52",
            "Round the total once, at the end",
            "https://bitbucket.org/lakeside/shop-front/pull-requests/52",
            "noor",
        ),
        ("bitbucket_server", "PAY/gateway", "8", "Log in with a certificate", "", "ibrandt"),
        (
            "github",
            "riverbank/almanac",
            "417",
            "Tides for the southern hemisphere",
            "https://github.com/riverbank/almanac/pull/417",
            "maplewood",
        ),
        (
            "gitlab",
            "rail/planning/timetable",
            "15",
            "Run trains on 29 February",
            "https://gitlab.example.com/rail/planning/timetable/-/merge_requests/15",
            "sofia",
        ),
        (
            "gitea",
            "orchard/cider",
            "3",
            "Press the late apples too",
            "https://forge.example.org/orchard/cider/pulls/3",
            "pip",
        ),
    ],
)
def test_a_webhook_says_all_that_is_needed(host: str, repo: str, pr_id: str, title: str, url: str, author: str) -> None:
    found = parse_pull_request(PAYLOADS[f"{host}_webhook"])
    assert (found.repo, found.pr_id, found.title) == (repo, pr_id, title)
    assert (found.url, found.author, found.state) == (url, author, "open")


@pytest.mark.parametrize("host", ["bitbucket_cloud", "github", "gitlab", "gitea"])
def test_webhook_and_answer_about_one_pull_request_have_one_key(host: str) -> None:
    assert parse_pull_request(PAYLOADS[f"{host}_webhook"]).key == parse_pull_request(PAYLOADS[f"{host}_rest"]).key


def test_keys_differ_between_pull_requests_repositories_and_hosts() -> None:
    url = "https://{}.example.com/rail/planning/timetable/-/merge_requests/15"
    keys = {
        parse_pull_request(data).key
        for data in (
            PAYLOADS["gitlab_rest"],
            changed("gitlab_rest", "iid", 16),
            changed("gitlab_rest", "references.full", "rail/planning/map!15"),
            changed("gitlab_rest", "web_url", url.format("other")),
            changed("gitlab_rest", "web_url", url.format("gitlab").replace(".com", ".com:8443")),
        )
    }
    assert len(keys) == 5


def test_a_key_does_not_depend_on_how_a_host_writes_its_name() -> None:
    one, other = (
        parse_pull_request(changed("github_rest", "html_url", f"https://{host}/riverbank/almanac/pull/417"))
        for host in ("GitHub.com", "github.com.:443")
    )
    louder = parse_pull_request(changed("github_rest", "base.repo.full_name", "Riverbank/ALMANAC"))
    assert one.key == other.key == louder.key == "github.com/riverbank/almanac/417"


def test_a_server_that_knows_its_address_is_told_from_others_and_one_that_does_not_is_the_only_one() -> None:
    address = "https://code.example.com:8443/projects/PAY/repos/gateway/pull-requests/8"
    told = parse_pull_request(changed("bitbucket_server_webhook", "pullRequest.links", {"self": [{"href": address}]}))
    assert (
        told.key == parse_pull_request(PAYLOADS["bitbucket_server_rest"]).key == "code.example.com:8443/pay/gateway/8"
    )
    nowhere: list[object] = [None, {}, {"self": []}, {"self": [None]}]
    for links in nowhere:
        silent = parse_pull_request(changed("bitbucket_server_webhook", "pullRequest.links", links))
        assert (silent.url, silent.key) == ("", "bitbucket_server/pay/gateway/8")


def test_bitbucket_cloud_needs_no_address() -> None:
    data = changed("bitbucket_cloud_webhook", "pullrequest.links", ...)
    assert parse_pull_request(data) == parse_pull_request(PAYLOADS["bitbucket_cloud_webhook"])


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("bitbucket_cloud_webhook", "pullrequest.destination.repository"),
        ("github_webhook", "pull_request.base.repo"),
        ("gitea_webhook", "pull_request.base.repo"),
        ("gitlab_webhook", "project"),
    ],
)
def test_a_webhook_names_the_repository_twice(name: str, path: str) -> None:
    assert parse_pull_request(changed(name, path, None)) == parse_pull_request(PAYLOADS[name])


def test_an_old_gitlab_names_the_project_in_the_address_only() -> None:
    for address in (
        "https://gitlab.example.com/rail/planning/timetable/-/merge_requests/15",
        "https://gitlab.example.com/rail/planning/timetable/merge_requests/15",
    ):
        data = changed("gitlab_rest", "references", ...) | {"web_url": address}
        assert parse_pull_request(data).repo == "rail/planning/timetable"


@pytest.mark.parametrize(
    ("name", "path", "state", "expected"),
    [
        ("bitbucket_cloud_rest", "state", "SUPERSEDED", "closed"),
        ("bitbucket_server_rest", "state", "MERGED", "merged"),
        ("bitbucket_server_rest", "state", "DECLINED", "closed"),
        ("gitlab_rest", "state", "closed", "closed"),
        ("gitlab_rest", "state", "locked", "open"),
        ("github_rest", "merged_at", None, "closed"),
        ("gitea_rest", "merged", True, "merged"),
        ("github_rest", "merged_at", "2026-02-05T08:00:00Z", "merged"),
        ("gitlab_rest", "state", "something new", None),
        ("gitlab_rest", "state", None, None),
    ],
)
def test_what_has_become_of_it(name: str, path: str, state: object, expected: str | None) -> None:
    assert parse_pull_request(changed(name, path, state)).state == expected


@pytest.mark.parametrize(
    ("name", "path", "value", "expected"),
    [
        ("github_rest", "user", None, ""),
        ("bitbucket_cloud_rest", "author", None, ""),
        ("bitbucket_server_rest", "author", ..., ""),
        ("gitlab_rest", "author", {"name": "Sofia\nLindqvist"}, "Sofia Lindqvist"),
        ("gitea_rest", "user.login", "", "pip"),
        ("gitlab_webhook", "user.id", 62, ""),
        ("gitlab_webhook", "object_attributes.author_id", ..., ""),
        ("github_rest", "user.login", "x" * 256, "x" * 254 + "…"),
    ],
)
def test_the_author_is_whom_the_payload_names_and_nobody_else(
    name: str, path: str, value: object, expected: str
) -> None:
    assert parse_pull_request(changed(name, path, value)).author == expected


@every_payload
def test_without_a_body_the_description_is_empty(name: str, payload: dict[str, Any]) -> None:
    inner = next((payload[key] for key in ("pullrequest", "pullRequest", "pull_request") if key in payload), payload)
    inner = payload.get("object_attributes", inner)
    for gone in ("body", "description", "summary", "rendered"):
        inner.pop(gone, None)
    assert parse_pull_request(payload).body == ""
    inner |= {"body": None, "description": None, "summary": {"raw": None}, "rendered": None}
    assert parse_pull_request(payload).body == ""


def test_line_breaks_are_kept_in_the_body_and_not_in_the_title() -> None:
    data = changed("github_rest", "title", "  Tides\r\nand\tmoons ") | {"body": "one\r\ntwo\rthree\n"}
    found = parse_pull_request(data)
    assert (found.title, found.body) == ("Tides and moons", "one\ntwo\nthree\n")


@pytest.mark.parametrize(
    ("length", "subject"),
    [(500, "x" * 500), (501, "x" * 499 + "…"), (100_000, "x" * 499 + "…")],
)
def test_a_title_that_is_too_long_for_a_subject_is_cut(length: int, subject: str) -> None:
    found = parse_pull_request(changed("github_rest", "title", "x" * length))
    assert (found.subject, found.title) == (subject, "x" * length)


def test_characters_that_no_store_can_hold_are_replaced() -> None:
    data = changed("github_rest", "title", "half \ud83d") | {"body": "nul \0", "user": {"login": "\udc00"}}
    found = parse_pull_request(data)
    assert (found.title, found.body, found.author) == ("half \ufffd", "nul \ufffd", "\ufffd")


@pytest.mark.parametrize("number", ["417", "0417"])
def test_a_number_may_be_text(number: str) -> None:
    assert parse_pull_request(changed("github_rest", "number", number)) == parse_pull_request(PAYLOADS["github_rest"])


@every_payload
def test_json_will_do_as_text_and_as_bytes(name: str, payload: dict[str, Any]) -> None:
    expected = parse_pull_request(payload)
    text = json.dumps(payload, ensure_ascii=False)
    for data in (text, text.encode(), bytearray(text.encode()), f"\ufeff{text}", text.encode("utf-8-sig")):
        assert parse_pull_request(data) == expected


# what is refused


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "is empty; give a pull request as JSON"),
        (b" \n", "is empty; give a pull request as JSON"),
        ("{", "is no JSON: Expecting property name enclosed in double quotes (line 1, column 2)"),
        ("payload=%7B%7D", "is no JSON: Expecting value (line 1, column 1)"),
        (b"\xff\xfe{\0", "is no UTF-8 text (byte 1)"),
        ('{"title": "caf\xe9"}'.encode("latin-1"), "is no UTF-8 text (byte 15)"),
        ("[1]", "must be an object as JSON has them, not a list"),
        ("null", "must be an object as JSON has them, not null"),
        ("true", "must be an object as JSON has them, not true or false"),
        ("17", "must be an object as JSON has them, not a number"),
        ('"text"', "must be an object as JSON has them, not text"),
        (object(), "must be an object as JSON has them, not object"),
        ('{"iid": ' + "1" * 5000 + "}", "is no JSON that can be read: a number in it has too many digits"),
        ('{"a":' * 100_000, "is no JSON that can be read: it is nested too deeply"),
        ("[" * 100_000, "is no JSON that can be read: it is nested too deeply"),
    ],
    ids=range(15),
)
def test_what_is_no_json_object(data: object, message: str) -> None:
    assert problems(data) == {"pr_data": message}


@pytest.mark.parametrize("data", [{}, {"push": {"changes": []}, "actor": {}}, {"zen": "Keep it simple.", "hook": {}}])
def test_an_unknown_shape_says_what_was_looked_for(data: dict[str, Any]) -> None:
    (message,) = problems(data).values()
    assert "describes no pull request" in message
    for known in (
        "Bitbucket Cloud: pullrequest, destination, source",
        "Bitbucket Server: pullRequest, toRef, fromRef",
        "GitHub: pull_request, number, html_url, base, head",
        "GitLab: object_attributes, iid, target_branch, source_branch, target_project_id",
        "Gitea: pull_request, number, html_url, base, head",
    ):
        assert known in message


@pytest.mark.parametrize(
    ("data", "nearest", "wrong"),
    [
        (
            {"number": 5, "title": "An issue", "html_url": "https://github.com/a/b/issues/5"},
            "GitHub pull request",
            {"pr_data.base.repo.full_name": "is missing or empty"},
        ),
        (
            {"pull_request": {}},
            "GitHub webhook",
            {
                "pr_data.pull_request.number": "is missing",
                "pr_data.pull_request.title": "is missing or empty",
                "pr_data.pull_request.base.repo.full_name": "is missing or empty",
                "pr_data.pull_request.html_url": "is missing or empty",
            },
        ),
        (
            {"pull_request": {"base": {"repo_id": 1}}, "repository": {"full_name": "a/b"}},
            "Gitea webhook",
            {
                "pr_data.pull_request.number": "is missing",
                "pr_data.pull_request.title": "is missing or empty",
                "pr_data.pull_request.html_url": "is missing or empty",
            },
        ),
        (
            {"object_kind": "issue", "object_attributes": {"iid": 5, "title": "An issue"}},
            "GitLab webhook",
            {"pr_data.object_kind": "must be 'merge_request'"},
        ),
        (
            {"object_kind": "merge_request", "object_attributes": ["iid", 5]},
            "GitLab webhook",
            {"pr_data.object_attributes": "must be an object, not a list"},
        ),
        (
            {"iid": 5, "title": "A merge request"},
            "GitLab pull request",
            {"pr_data.references.full": "is missing or empty", "pr_data.web_url": "is missing or empty"},
        ),
        ({"pullrequest": None}, "Bitbucket Cloud webhook", {"pr_data.pullrequest": "must be an object, not null"}),
        (
            {"toRef": "main", "id": 5, "title": "x"},
            "Bitbucket Server pull request",
            {"pr_data.toRef": "must be an object, not text"},
        ),
    ],
)
def test_a_broken_shape_is_told_by_what_it_comes_nearest_to(
    data: dict[str, Any], nearest: str, wrong: dict[str, str]
) -> None:
    assert problems(data) == wrong
    with pytest.raises(RejectedError, match=rf"this is nearest to a {nearest}; looked for .* and Gitea|, Gitea\)"):
        parse_pull_request(data)


NUMBER = "must be a whole number from 1 on, of at most 18 digits"
PATH = "must be a path of at most 255 characters without blanks"
ADDRESS = "must be an http:// or https:// address without a password, of at most 2000 characters"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("number", 0, NUMBER),
        ("number", -3, NUMBER),
        ("number", 1.5, NUMBER),
        ("number", True, NUMBER),
        ("number", "#5", NUMBER),
        ("number", "٣", NUMBER),
        ("number", "", NUMBER),
        ("number", 10**18, NUMBER),
        ("number", "9" * 5000, NUMBER),
        ("number", [5], NUMBER),
        ("title", 5, "must be text, not a number"),
        ("title", ["x"], "must be text, not a list"),
        ("title", " \n ", "is missing or empty"),
        ("title", None, "is missing or empty"),
        ("body", {"raw": "x"}, "must be text, not an object"),
        ("body", False, "must be text, not true or false"),
        ("base.repo.full_name", 5, "must be text, not a number"),
        ("base.repo.full_name", "with blank/repo", PATH),
        ("base.repo.full_name", "a/\x1bb", PATH),
        ("base.repo.full_name", "a/\udc00", PATH),
        ("base.repo.full_name", "x" * 256, PATH),
        ("base.repo", [], "must be an object, not a list"),
        ("base", "main", "must be an object, not text"),
        ("user", "maplewood", "must be an object, not text"),
        ("user.login", [], "must be text, not a list"),
        ("state", 5, "must be text, not a number"),
        ("html_url", "javascript:alert(1)", ADDRESS),
        ("html_url", "ftp://github.com/x", ADDRESS),
        ("html_url", "//github.com/x", ADDRESS),
        ("html_url", "https://", ADDRESS),
        ("html_url", "https://u:secret@github.com/x", ADDRESS),
        ("html_url", "https://github.com@evil.example/x", ADDRESS),
        ("html_url", "https://github.com\\@evil.example/x", ADDRESS),
        ("html_url", "https://git hub.com/x", ADDRESS),
        ("html_url", "https://github.com/\nx", ADDRESS),
        ("html_url", "https://github.com:port/x", ADDRESS),
        ("html_url", "https://[github.com/x", ADDRESS),
        ("html_url", f"https://github.com/{'x' * 2000}", ADDRESS),
        ("html_url", 5, "must be text, not a number"),
        ("html_url", None, "is missing or empty"),
    ],
)
def test_a_part_that_is_wrong_is_named(path: str, value: object, message: str) -> None:
    assert problems(changed("github_rest", path, value)) == {f"pr_data.{path}": message}


def test_a_list_is_expected_where_bitbucket_server_has_one() -> None:
    data = changed("bitbucket_server_rest", "links.self", {"href": "https://code.example.com/"})
    assert problems(data) == {"pr_data.links.self": "must be a list, not an object"}


def test_all_that_is_wrong_is_said_at_once_and_without_the_values() -> None:
    data = changed("github_webhook", "pull_request.title", 5)
    data["pull_request"] |= {"html_url": "https://u:secret@github.com/x", "number": None, "body": ["secret"]}
    assert set(problems(data)) == {f"pr_data.pull_request.{part}" for part in ("title", "html_url", "number", "body")}
    with pytest.raises(RejectedError) as caught:
        parse_pull_request(data)
    assert "secret" not in "\n".join(caught.value.lines())


def test_host_and_repository_have_to_fit_a_key() -> None:
    data = changed("github_rest", "html_url", f"https://{'x' * 300}.example.com/") | {"base": None}
    data["base"] = {"repo": {"full_name": "x" * 255}}
    assert problems(data) == {"pr_data": "names a host and a repository of more than 500 characters"}


# whatever comes


def inner_places(value: Any, *above: str | int) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to every part of a payload."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in parts:
        yield (*above, step)
        yield from inner_places(part, *above, step)


PLACES = [(name, place) for name, payload in PAYLOADS.items() for place in inner_places(payload)]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["", "1", "https://x.y/z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def assert_read_or_refused(data: object) -> None:
    """Read a payload: what comes out is fit to be stored, or it is refused by name."""
    try:
        found = parse_pull_request(data)
    except RejectedError as error:
        told = error.problems
        lines = error.lines()
    else:
        assert_storable(found)
        return
    assert told
    assert all(problem.field.startswith("pr_data") and problem.message for problem in told)
    assert all(line.isprintable() for line in lines)


def assert_storable(found: PullRequest) -> None:
    assert found.pr_id.isdigit()
    assert found.repo
    assert 0 < len(found.subject) <= 500
    assert len(found.author) <= 255
    assert len(found.key) <= 500
    assert not found.url or is_web_address(found.url)
    for text in (found.repo, found.title, found.body, found.author, found.key):
        assert "\0" not in text
        text.encode()


@properties
@given(st.data(), st.lists(st.tuples(st.sampled_from(PLACES), anything), min_size=1, max_size=1))
def test_a_payload_with_something_else_in_one_place(
    data: st.DataObject, places: list[tuple[tuple[str, tuple[str | int, ...]], Any]]
) -> None:
    ((name, place), value) = places[0]
    payload = deepcopy(PAYLOADS[name])
    inner: Any = payload
    for step in place[:-1]:
        inner = inner[step]
    if data.draw(st.booleans()):
        inner[place[-1]] = value
    else:
        del inner[place[-1]]
    assert_read_or_refused(payload)


def some_of(name: str) -> st.SearchStrategy[Any]:
    """Return payloads of the shape ``name`` in which any part may be gone, or be anything."""

    def part(value: Any) -> st.SearchStrategy[Any]:
        if isinstance(value, dict):
            whole = st.fixed_dictionaries({}, optional={key: part(inner) for key, inner in value.items()})
            return whole | anything
        return st.just(value) | anything

    return part(PAYLOADS[name])


@properties
@given(st.sampled_from(sorted(PAYLOADS)).flatmap(some_of))
def test_a_payload_of_which_much_is_gone_or_strange(payload: object) -> None:
    assert_read_or_refused(payload)


@properties
@given(anything | st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_anything_at_all(data: object) -> None:
    assert_read_or_refused(data)


@properties
@given(st.sampled_from(sorted(PAYLOADS)), st.data())
def test_json_that_is_cut_off_or_damaged(name: str, data: st.DataObject) -> None:
    whole = json.dumps(PAYLOADS[name]).encode()
    place = data.draw(st.integers(0, len(whole) - 1))
    assert_read_or_refused(whole[:place])
    assert_read_or_refused(whole[:place] + data.draw(st.binary(max_size=2)) + whole[place + 1 :])


def nested(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"x": inner}], ids=["lists", "objects"])
def test_deep_nesting_in_a_part_is_just_a_wrong_part(wrap: Callable[[Any], Any]) -> None:
    deep = nested(100_000, wrap)
    assert set(problems(changed("github_rest", "title", deep))) == {"pr_data.title"}
    assert parse_pull_request(changed("github_rest", "labels", deep)).pr_id == "417"


# addresses


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://Example.COM/x", "example.com"),
        ("https://example.com:443/x", "example.com"),
        ("http://example.com:80", "example.com"),
        ("http://example.com:443", "example.com:443"),
        ("https://[2001:db8::1]:8443/x", "2001:db8::1:8443"),
        ("https://example.com./", "example.com"),
    ],
)
def test_the_host_of_an_address(address: str, host: str) -> None:
    assert is_web_address(address)
    assert host_of(address) == host
