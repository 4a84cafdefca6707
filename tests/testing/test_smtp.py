"""The mail server for tests: it keeps what arrives, refuses on demand, and comes back on the same port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest

from ticketcore.adapters.smtp import SmtpNotifier
from ticketcore.adapters.system import PlayedClock
from ticketcore.desk import Desk
from ticketcore.errors import NotifierError, PermanentNotifierError, TemporaryNotifierError
from ticketcore.ports.notifier import Notification
from ticketcore.testing.assertions import assert_sent
from ticketcore.testing.plugin import MakeDesk
from ticketcore.testing.records import NOW
from ticketcore.testing.smtp import SmtpServer, readable

Send = Callable[..., None]


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


def send(
    server: SmtpServer, subject: str = "On fire", to: str = "ann@example.com", *, username: str = "", password: str = ""
) -> None:
    notifier = SmtpNotifier(
        host=server.host,
        port=server.port,
        security="none",
        username=username,
        password=password,
        sender="desk@example.com",
    )
    notification = Notification(
        message_id="0199-m",
        thread_id="0199-t",
        notify_code="CREATED",
        recipient=to,
        to=(to, "bob@example.com"),
        subject=subject,
        text="Größer als gedacht",
        html="<p>Größer</p>",
        created=NOW,
    )
    notifier.send(notification, timeout=5)


def test_what_arrives_is_kept_in_order(server: SmtpServer) -> None:
    send(server, "one")
    send(server, "two", "Eve@example.com")
    assert [mail["Subject"] for mail in server.mails] == ["one", "two"]
    assert [delivery.recipients for delivery in server.deliveries] == [("ann@example.com",), ("eve@example.com",)]
    assert server.deliveries[0].sender == "desk@example.com"
    assert [mail["Subject"] for mail in server.mails_to("EVE@example.com")] == ["two"]
    assert server.mails_to("bob@example.com") == []  # named in the mail, but it did not go there


def test_the_one_mail_is_asked_for_by_that(server: SmtpServer) -> None:
    with pytest.raises(AssertionError, match=r"^expected one mail, but 0 arrived$"):
        server.the_mail()
    send(server, "one")
    assert server.the_mail()["Subject"] == "one"
    send(server, "two")
    expected = "^expected one mail, but 2 arrived:\n  one to ann@example.com\n  two to ann@example.com$"
    with pytest.raises(AssertionError, match=expected):
        server.the_mail()


@pytest.mark.parametrize("step", ["refuse_sender", "refuse_recipient", "refuse_mail"])
@pytest.mark.parametrize(
    ("answer", "kind"),
    [("550 5.1.1 go away", PermanentNotifierError), ("451 4.7.1 come again", TemporaryNotifierError)],
)
def test_it_refuses_on_demand(server: SmtpServer, step: str, answer: str, kind: type[NotifierError]) -> None:
    setattr(server, step, answer)
    with pytest.raises(kind, match=answer):
        send(server)
    assert server.deliveries == []
    setattr(server, step, "")
    send(server)
    assert len(server.deliveries) == 1


def test_a_server_with_a_login_takes_mails_from_nobody_else() -> None:
    with SmtpServer(username="desk", password="correct horse") as server:
        send(server, username="desk", password="correct horse")
        assert server.deliveries[0].user == "desk"
        with pytest.raises(TemporaryNotifierError, match="refused the login"):
            send(server, username="desk", password="wrong")
        with pytest.raises(TemporaryNotifierError, match="log in first"):
            send(server)
        assert len(server.deliveries) == 1


def test_a_stopped_server_refuses_connections_and_comes_back_on_the_same_port(server: SmtpServer) -> None:
    port = server.port
    server.stop()
    server.stop()
    with pytest.raises(TemporaryNotifierError, match="Connection refused"):
        send(server)
    server.start()
    server.start()
    assert server.port == port
    send(server)
    assert len(server.deliveries) == 1


def test_a_desk_delivers_when_the_server_is_back(
    ticketcore_make_desk: MakeDesk, ticketcore_smtp: SmtpServer, ticketcore_clock: PlayedClock
) -> None:
    desk: Desk = ticketcore_make_desk(email=ticketcore_smtp.section(sender="Help <help@example.com>"))
    ticketcore_smtp.stop()
    desk.tickets.create("Printer", requested_by="ann@example.com", action_by="ann")
    [waiting] = assert_sent(desk, "CREATED", to="ann@example.com", state="PENDING")
    assert waiting.next_attempt == ticketcore_clock.now() + timedelta(seconds=30)
    ticketcore_smtp.start()
    ticketcore_clock.advance(seconds=30)
    desk.notifications.deliver_due()
    assert_sent(desk, "CREATED", state="DELIVERED", count=1)
    assert ticketcore_smtp.the_mail()["From"] == "Help <help@example.com>"


def test_a_mail_can_be_read(server: SmtpServer) -> None:
    send(server, "Größer 🔥")
    text = readable(server.the_mail())
    assert "Subject: Größer 🔥\n" in text
    assert "\nGrößer als gedacht" in text
    assert "<p>Größer</p>" in text


def test_a_mail_without_text_can_be_read() -> None:
    mail = EmailMessage()
    mail["Subject"] = "a picture"
    mail.set_content(b"\x89PNG", "image", "png")
    assert readable(mail).startswith("Subject: a picture\n")
