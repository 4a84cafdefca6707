"""What is configured for a webhook: URLs and secrets that can be used, and clear words for those that cannot."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ticketcore.adapters.webhook import Endpoint
from ticketcore.adapters.webhook_url import parse_url
from ticketcore.errors import RejectedError

TOKEN = "T0-token"


@pytest.mark.parametrize(
    ("url", "host", "port", "authority"),
    [
        ("https://hooks.example.com", "hooks.example.com", 443, "hooks.example.com"),
        ("http://hooks.example.com/", "hooks.example.com", 80, "hooks.example.com"),
        ("HTTPS://Hooks.Example.COM:443/x", "hooks.example.com", 443, "hooks.example.com"),
        ("http://hooks.example.com:443", "hooks.example.com", 443, "hooks.example.com:443"),
        ("http://desk:/", "desk", 80, "desk"),
        ("http://my_service:8080/x", "my_service", 8080, "my_service:8080"),
        ("https://hooks.example.com./x", "hooks.example.com.", 443, "hooks.example.com"),
        ("https://straße.example", "xn--strae-oqa.example", 443, "xn--strae-oqa.example"),
        ("https://BÜCHER.example.:8443", "xn--bcher-kva.example.", 8443, "xn--bcher-kva.example:8443"),
        ("http://[2001:DB8:0::1]:8080/", "2001:db8::1", 8080, "[2001:db8::1]:8080"),
        ("http://192.0.2.1?x", "192.0.2.1", 80, "192.0.2.1"),
    ],
)
def test_a_url_says_what_to_connect_to(url: str, host: str, port: int, authority: str) -> None:
    target = parse_url(url)
    assert (target.host, target.port, target.authority) == (host, port, authority)
    assert target.tls == url.lower().startswith("https")


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        ("", "/"),
        ("?q", "/?q"),
        ("/a/b;c=1,2/~d:@!$&'()*+", "/a/b;c=1,2/~d:@!$&'()*+"),
        ("/a b/ü/🔥", "/a%20b/%C3%BC/%F0%9F%94%A5"),
        ("/%C3%BC/%2f/100%/%zz", "/%C3%BC/%2f/100%25/%25zz"),
        ("/x?a?b/c&d=ü [1]", "/x?a?b/c&d=%C3%BC%20%5B1%5D"),
        ('/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("//x/../y", "//x/../y"),
    ],
)
def test_a_path_is_percent_encoded_once(rest: str, path: str) -> None:
    assert parse_url(f"https://hooks.example.com{rest}").path == path
    assert parse_url(f"https://hooks.example.com{path}").path == path


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "not an http or https URL"),
        ("hooks.example.com/T0-token", "not an http or https URL"),
        ("//hooks.example.com/T0-token", "not an http or https URL"),
        ("ftp://hooks.example.com/T0-token", "not an http or https URL"),
        ("file:///etc/T0-token", "not an http or https URL"),
        ("https:///T0-token", "not an http or https URL"),
        ("https:T0-token", "not an http or https URL"),
        ("https://:443/T0-token", "not an http or https URL"),
        ("https://[::1/T0-token", "not a URL"),
        ("https://[v1.x]/T0-token", "not an http or https URL"),
        ("https://a[::1]/T0-token", "not an http or https URL"),
        ("https://[fe80::1%25eth0]/T0-token", "not an http or https URL"),
        ("https://[::1]T0-token/", "not an http or https URL"),
        ("https://hooks.example.com:99999/T0-token", "not a URL"),
        ("https://hooks.example.com:T0-token/", "not a URL"),
        ("https://hooks.example.com:0/T0-token", "port 0"),
        ("https://user:T0-token@hooks.example.com/", "a user name or a password"),
        ("https://T0-token@hooks.example.com/", "a user name or a password"),
        ("https://good.example\\@hooks.example.com/T0-token", "a user name or a password"),
        ("https://hooks.example.com/x#T0-token", "a # in it"),
        ("https://hooks.example.com/T0-token#", "a # in it"),
        ("https://hooks.example.com/T0-token\r\nX: y", "control characters"),
        ("https://hooks.exa\tmple.com/T0-token", "control characters"),
        ("https://hooks.example.com/T0-token\ud800", "control characters"),
        (" https://hooks.example.com/T0-token", "blanks around it"),
        ("https://hooks.example.com/T0-token ", "blanks around it"),
        ("https://hooks..example/T0-token", "neither a name nor an address"),
        ("https://-x/T0-token", "neither a name nor an address"),
        ("https://a b/T0-token", "neither a name nor an address"),
        ("https://%31%32%37.1/T0-token", "neither a name nor an address"),
        (f"https://{'a' * 64}.example/T0-token", "neither a name nor an address"),
        (f"https://{'a.' * 130}example/T0-token", "neither a name nor an address"),
        ("https://🔥.example/T0-token", "neither a name nor an address"),
    ],
)
def test_a_url_that_cannot_work_is_refused_with_what_is_wrong_and_is_not_shown(url: str, words: str) -> None:
    with pytest.raises(RejectedError) as caught:
        Endpoint(url=url)
    (problem,) = caught.value.problems
    assert problem.field == "url"
    assert words in problem.message
    assert caught.value.__context__ is None
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@example("https://℀.example/")
@example("https://[::1]]/")
@example("https://[:::]/")
@given(st.one_of(st.text(), st.text().map("https://".__add__), st.text().map("http://hooks.example.com/".__add__)))
def test_whatever_is_typed_is_a_target_in_plain_ascii_or_refused(text: str) -> None:
    try:
        target = parse_url(text)
    except RejectedError as error:
        assert [problem.field for problem in error.problems] == ["url"]  # noqa: PT017 - both outcomes are right
    else:
        for part in (target.host, target.authority, target.path):
            assert part.isascii()
            assert part.isprintable()
            assert " " not in part
        assert target.path.startswith("/")


@pytest.mark.parametrize("secret", ["whsec_", "whsec_T0-token", "whsec_T0token!", "whsec_ü", "T0-token\ud800"])
def test_a_secret_that_cannot_be_used_is_refused_and_is_not_shown(secret: str) -> None:
    with pytest.raises(RejectedError) as caught:
        Endpoint(url="https://hooks.example.com", secret=secret)
    assert [problem.field for problem in caught.value.problems] == ["secret"]
    assert caught.value.__context__ is None
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(RejectedError) as caught:
        Endpoint(url="hooks.example.com", secret="whsec_")
    assert [problem.field for problem in caught.value.problems] == ["url", "secret"]


def test_an_endpoint_shows_neither_its_secret_nor_more_of_its_url_than_the_host() -> None:
    endpoint = Endpoint(url=f"https://hooks.example.com:8443/{TOKEN}?{TOKEN}", secret=TOKEN)
    assert repr(endpoint) == "Endpoint(url='https://hooks.example.com:8443/…', allow_private=False, ca_file=None)"
