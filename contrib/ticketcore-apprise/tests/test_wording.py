"""Text from strangers: it arrives, but it calls nobody and shows no link for another."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ticketcore.testing.notifier import NotifierSuite

from ticketcore_apprise import AppriseSettings
from ticketcore_apprise.notifier import make
from ticketcore_apprise.wording import harmless, one_line

MENTIONS = [
    "@everyone",
    "say@here",
    "say@HERE",
    "@channel: look",
    "(@ann)",
    "_@ann_",
    "请@ann",
    "@@ann",
    "<@U024BE7LH>",
    "<@&123456789012345678>",
    "<!channel>",
    "<!subteam^SAZ94GDB8|@team>",
    "<!everyone|everyone>",
    "<users/all>",
    "<Users/all>",
    '<at user_id="all">all</at>',
    "@**all**",
    '@"group/staff"',
    "@ann@mastodon.example",
]

TRIGGERS = re.compile(r"@everyone|@here|(?<![a-z0-9])@\S|<[!#]|<users/|<at ", re.IGNORECASE)


def triggers(text: str) -> list[str]:
    """Return what is left of ``text`` that some service could take for a mention, invisible characters being one."""
    return [found for found in TRIGGERS.findall(text) if "\u200b" not in found]


@pytest.mark.parametrize("text", MENTIONS)
def test_a_mention_is_none_and_reads_the_same(text: str) -> None:
    assert triggers(text)
    for made in (harmless(text), one_line(text)):
        assert triggers(made) == []
        assert made.replace("\u200b", "") == text


@pytest.mark.parametrize(
    "text", ["ann@example.com", "a < b", "<b>x</b>", "3 @ 5", "<https://x.example>", "[x] (y)", "#7"]
)
def test_what_is_no_mention_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_a_link_shows_where_it_leads_to() -> None:
    assert harmless("[bank](http://evil.example)") == "[bank]\u200b(http://evil.example)"
    assert harmless("![x](http://evil.example/pixel)") == "![x]\u200b(http://evil.example/pixel)"


def test_lines_stay_lines_and_control_characters_go() -> None:
    assert harmless("one\r\ntwo\rthree\u2028four\x85\n\n\tfive\x1b[31m\x00\ud800\ufffe ") == (
        "one\ntwo\nthree\nfour\n\n\n\tfive[31m"
    )
    assert one_line(" a\r\n b\x0bc\u2029d\t") == "a b c d"


# As services get it


@pytest.fixture
def sent(room: Any) -> Any:
    """Return a function that sends a text to a service, and returns what was posted."""

    def send(scheme: str, text: str, *, user: str = "", path: str = "", query: str = "") -> Any:
        url = room.url(scheme, user=user, path=path, query=query)
        message = NotifierSuite().notification(recipient="room", subject=f"[#7] {text}", text=text)
        make(AppriseSettings(urls={"room": url})).send(message, timeout=5)
        return room.posts[-1].json

    return send


def test_mattermost_is_not_made_to_call_a_channel(sent: Any) -> None:
    text = sent("mmost", "@channel @all [x](http://evil.example)", path="a" * 26)["text"]
    assert triggers(text) == []
    assert "](" not in text


def test_rocket_chat_shows_markdown_as_it_was_written(sent: Any) -> None:
    user = f"{'a' * 24}%2F{'b' * 24}@"
    text = sent("rocket", "*bold* @all [x](http://evil.example)", user=user, path="%23general")["text"]
    assert triggers(text) == []
    assert "](" not in text
    assert r"\*bold\*" in text


def test_html_is_escaped_where_the_url_asks_for_it(sent: Any) -> None:
    message = sent("json", "<script>alert(1)</script> & <b>x</b>", query="?format=html")["message"]
    assert "<script>" not in message
    assert "&lt;script&gt;" in message


def test_markdown_is_escaped_where_the_url_asks_for_it(sent: Any) -> None:
    message = sent("json", "# x\n*y* ![z](http://evil.example/pixel)", query="?format=markdown")["message"]
    assert message.startswith(r"\# x")
    assert r"\*y\*" in message
    assert "](" not in message
