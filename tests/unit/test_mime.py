"""Mails as they travel: parsed back, they have the headers that were meant, and no others."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from ticketcore.adapters.mime import Mailbox, build_message, one_line, parse_mailbox, safe_id
from ticketcore.errors import PermanentNotifierError, RejectedError
from ticketcore.ports.notifier import Notification

SENDER = parse_mailbox("Ticket Desk <desk@tickets.example>")

NOTIFICATION = Notification(
    message_id="0199-m",
    thread_id="0199-t",
    notify_code="Status Changed",
    recipient="ann@example.com",
    to=("ann@example.com", "bob@example.com"),
    cc=("eve@example.com",),
    subject="#7 Printer on fire",
    text="It burns.\n",
    html="<p>It burns.</p>\n",
    created=datetime(2026, 5, 1, 9, 30, tzinfo=UTC),
)

HEADERS = [
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Ticketcore-Event",
    "MIME-Version",
    "Content-Type",
]

# What hypothesis does not find by itself soon enough, mixed with anything else.
HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "\r\n",
                "\nBcc: victim@example.com\n",
                "\r\n\r\n",
                "=?utf-8?q?=0D=0ABcc:_v@example.com?=",
                "=?utf-8?b?DQpCY2M6IHZAZXhhbXBsZS5jb20=?=",
                "=?",
                "?=",
                '"',
                "\\",
                "<v@example.com>",
                ",",
                ";",
                ":",
                "\0",
                "\x0b\x85\u2028",
                "𝄞🔥",
                "Ä" * 70,
                "a" * 200,
            ]
        ),
        st.text(st.characters(exclude_categories=["Cs"])),
    ),
    max_size=8,
).map("".join)


def received(notification: Notification, sender: Mailbox = SENDER) -> EmailMessage:
    """Return the mail as the other side parses it."""
    data = build_message(notification, sender).as_bytes()
    return email.message_from_bytes(data, policy=email.policy.default)


def raw_headers(notification: Notification, sender: Mailbox = SENDER) -> dict[str, str]:
    """Return the headers with their text as it travelled, unfolded."""
    head = build_message(notification, sender).as_bytes().partition(b"\r\n\r\n")[0].decode()
    lines = head.replace("\r\n ", " ").split("\r\n")
    return dict(line.split(": ", 1) for line in lines)


def decoded(text: str) -> str:
    return str(make_header(decode_header(text)))


def body(message: EmailMessage, kind: str) -> str:
    """Return one form of the body; its lines end as lines do in memory, not as on the wire."""
    part = message.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


def test_a_mail_has_the_headers_that_mail_programs_need() -> None:
    message = received(NOTIFICATION)
    assert message.keys() == HEADERS
    assert message["From"] == "Ticket Desk <desk@tickets.example>"
    assert message["To"] == "ann@example.com, bob@example.com"
    assert message["Cc"] == "eve@example.com"
    assert message["Subject"] == "#7 Printer on fire"
    assert message["Date"] == "Fri, 01 May 2026 09:30:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Ticketcore-Event"] == "Status Changed"


def test_mails_thread_by_ticket() -> None:
    message = received(NOTIFICATION)
    assert message["Message-ID"] == "<0199-m@tickets.example>"
    assert message["In-Reply-To"] == "<0199-t@tickets.example>"
    assert message["References"] == "<0199-t@tickets.example>"


def test_a_mail_has_its_text_and_its_html_as_alternatives() -> None:
    message = received(NOTIFICATION)
    assert message.get_content_type() == "multipart/alternative"
    assert body(message, "plain") == "It burns.\n"
    assert body(message, "html") == "<p>It burns.</p>\n"


@pytest.mark.parametrize("text", ["Müller 🔥 naïve\n", "𝄞" * 3000 + "\n", "x" * 5000 + "\n", ".\n..\n"])
def test_bodies_keep_every_character(text: str) -> None:
    message = received(evolve(NOTIFICATION, text=text, html=text))
    assert body(message, "plain") == text
    assert body(message, "html") == text


def test_bodies_lose_control_characters_that_servers_refuse() -> None:
    message = received(evolve(NOTIFICATION, text="a\0b\x1bc\td\r\ne\n"))
    assert body(message, "plain") == "abc\td\ne\n"


def test_the_date_of_a_mail_is_the_instant_of_the_notification_in_its_zone() -> None:
    zone = timezone(timedelta(hours=2))
    message = received(evolve(NOTIFICATION, created=datetime(2026, 5, 1, 11, 30, tzinfo=zone)))
    assert message["Date"].datetime == NOTIFICATION.created


def test_a_mail_without_visible_recipients_shows_its_own() -> None:
    assert received(evolve(NOTIFICATION, to=(), cc=()))["To"] == "ann@example.com"


def test_a_mail_can_have_readers_in_copy_only() -> None:
    message = received(evolve(NOTIFICATION, to=()))
    assert message["To"] is None
    assert message["Cc"] == "eve@example.com"


@pytest.mark.parametrize("subject", ["Ünïcödé 🔥 " * 60, "a" * 2000, "Ä" * 2000, "plain words " * 200])
def test_a_long_subject_is_folded_and_comes_back_whole(subject: str) -> None:
    notification = evolve(NOTIFICATION, subject=subject)
    lines = build_message(notification, SENDER).as_bytes().split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert received(notification)["Subject"] == subject.strip()


def test_identifiers_are_never_folded_or_encoded() -> None:
    domain = f"{'d' * 60}.{'e' * 60}.example"
    sender = parse_mailbox(f"desk@{domain}")
    raw = raw_headers(evolve(NOTIFICATION, message_id="m" * 50, thread_id="t" * 50), sender)
    assert raw["Message-ID"] == f"<{'m' * 50}@{domain}>"
    assert raw["References"] == raw["In-Reply-To"] == f"<{'t' * 50}@{domain}>"


def test_many_long_addresses_come_back_as_they_were() -> None:
    everybody = tuple(f"{'l' * 50}{i}@{'d' * 60}.example" for i in range(200))
    message = received(evolve(NOTIFICATION, to=everybody))
    assert tuple(address.addr_spec for address in message["To"].addresses) == everybody


@given(subject=HOSTILE, name=HOSTILE, message_id=HOSTILE, thread_id=HOSTILE, notify_code=HOSTILE)
@example(
    subject="=?utf-8?q?=0D=0ABcc:_v@example.com?=",
    name='"',
    message_id="",
    thread_id=">",
    notify_code="",
)
def test_no_text_adds_a_header_or_changes_another(
    subject: str, name: str, message_id: str, thread_id: str, notify_code: str
) -> None:
    notification = evolve(
        NOTIFICATION,
        subject=subject,
        message_id=message_id,
        thread_id=thread_id,
        notify_code=notify_code,
    )
    raw = raw_headers(notification, Mailbox(name, "desk@tickets.example"))
    assert set(raw) <= set(HEADERS)
    assert set(HEADERS) - set(raw) <= {"Subject", "X-Ticketcore-Event"}  # left out when empty
    assert decoded(raw.get("Subject", "")) == one_line(subject)
    assert decoded(raw.get("X-Ticketcore-Event", "")) == one_line(notify_code)
    shown, address = parseaddr(raw["From"])
    assert address == "desk@tickets.example"
    assert decoded(shown) == one_line(name)
    assert raw["To"] == "ann@example.com, bob@example.com"
    for header in ("Message-ID", "In-Reply-To", "References"):
        assert re.fullmatch(r"<[A-Za-z0-9%_~-]*@tickets\.example>", raw[header])


@given(text=HOSTILE)
def test_every_line_of_a_mail_is_ascii_and_within_the_limit_of_smtp(text: str) -> None:
    notification = evolve(NOTIFICATION, subject=text, notify_code=text, text=text, html=text)
    data = build_message(notification, Mailbox(text, SENDER.address)).as_bytes()
    assert data.isascii()
    assert b"\0" not in data
    assert all(len(line) <= 998 and not re.search(rb"[\r\n]", line) for line in data.split(b"\r\n"))


@given(text=HOSTILE)
def test_only_what_is_an_address_gets_into_an_address_header(text: str) -> None:
    for field in ("recipient", "to", "cc"):
        value: Any = text if field == "recipient" else (text,)
        try:
            raw = raw_headers(evolve(NOTIFICATION, **{field: value}))
        except PermanentNotifierError:
            continue
        assert set(raw) == set(HEADERS)


@pytest.mark.parametrize("field", ["recipient", "to", "cc"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "ann@example.com\r\nBcc: v@example.com",
        "a@example.com, b@example.com",
        "Ann <a@b.example>",
    ],
)
def test_what_is_no_address_is_refused_for_good(field: str, text: str) -> None:
    value: Any = text if field == "recipient" else (text,)
    with pytest.raises(PermanentNotifierError, match="is not an e-mail address"):
        build_message(evolve(NOTIFICATION, **{field: value}), SENDER)


def test_international_domains_are_sent_in_ascii() -> None:
    message = build_message(evolve(NOTIFICATION, to=("ann@straße.example",)), parse_mailbox("d@bücher.example"))
    assert message.as_bytes().isascii()
    assert str(message["To"]) == "ann@xn--strae-oqa.example"
    assert str(message["From"]) == "d@xn--bcher-kva.example"
    assert str(message["Message-ID"]).endswith("@xn--bcher-kva.example>")


def test_an_international_recipient_makes_an_international_mail() -> None:
    notification = evolve(NOTIFICATION, recipient="josé@example.com", to=("josé@example.com",), subject="Olá")
    message = build_message(notification, SENDER)
    assert "To: josé@example.com\r\n".encode() in message.as_bytes()
    assert received(notification)["Subject"] == "Olá"


def test_the_international_address_of_one_reader_does_not_keep_the_mail_from_others() -> None:
    notification = evolve(NOTIFICATION, to=("josé@example.com", "ann@example.com"))
    message = build_message(notification, SENDER)
    assert message.as_bytes().isascii()
    groups = received(notification)["To"].groups
    assert [(x.display_name, [a.addr_spec for a in x.addresses]) for x in groups] == [
        ("josé@example.com", []),
        (None, ["ann@example.com"]),
    ]


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("desk@example.com", "", "desk@example.com"),
        (" Desk@Example.com ", "", "desk@example.com"),
        ("<desk@example.com>", "", "desk@example.com"),
        ("Ticket Desk <desk@example.com>", "Ticket Desk", "desk@example.com"),
        ('"Desk, \\"the\\" one" <desk@example.com>', 'Desk, "the" one', "desk@example.com"),
        ("Büro 🔥 <desk@example.com>", "Büro 🔥", "desk@example.com"),
        (
            "Desk\r\nBcc: v@example.com <desk@example.com>",
            "Desk Bcc: v@example.com",
            "desk@example.com",
        ),
    ],
)
def test_a_sender_may_have_a_name(text: str, name: str, address: str) -> None:
    assert parse_mailbox(text) == Mailbox(name, address)


@pytest.mark.parametrize("text", ["", "Desk", "Desk <>", "Desk <desk>", "desk@example.com>", "<a@b.example\nTo: x>"])
def test_a_sender_without_an_address_is_refused(text: str) -> None:
    with pytest.raises(RejectedError) as caught:
        parse_mailbox(text)
    assert [problem.field for problem in caught.value.problems] == ["sender"]


@given(one=HOSTILE, other=HOSTILE)
def test_identifiers_stay_apart_when_they_are_made_safe(one: str, other: str) -> None:
    assert (safe_id(one) == safe_id(other)) == (one == other)


def test_our_own_identifiers_are_safe_already() -> None:
    guid = "01978f3a-6c2b-7d1e-9f00-0123456789ab"
    assert safe_id(guid) == guid
