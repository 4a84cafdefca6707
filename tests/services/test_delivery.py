"""From a change to the mail about it: what is owed to whom, how it is delivered, and what becomes of failures."""

from __future__ import annotations

import email
import email.policy
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

import ticketcore
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import EmailSection, SchedulerSection
from ticketcore.desk import Desk
from ticketcore.domain.events import OutboxMessage
from ticketcore.errors import NotFoundError, RejectedError

HOST = "127.0.0.1"
PASSWORD = "hunter2-secret"
ANN, BOB, EVE, VIC = "ann@example.com", "bob@example.com", "eve@example.com", "vic@example.com"
WORKER = SchedulerSection(inline=False)

MakeDesk = Callable[..., Desk]
Install = Callable[[str, str], Path]

FLAKY = """
    from ticketcore.plugin.markers import hookimpl
    from ticketcore.plugin.records import NotifierSpec
    from ticketcore.ports.notifier import Receipt

    FAILURES = []
    SEEN = []

    class Flaky:
        def send(self, notification, *, timeout):
            SEEN.append(notification.message_id)
            if FAILURES:
                raise FAILURES.pop(0)
            return Receipt("taken")

    @hookimpl
    def ticketcore_notifiers():
        return [NotifierSpec(name="flaky", summary="fails on demand", target=lambda config: Flaky())]
"""


PATIENT = """
    from ticketcore import hookimpl
    from ticketcore.errors import TemporaryNotifierError
    from ticketcore.plugin.records import NotifierSpec

    ALLOWED = []

    class Patient:
        def send(self, notification, *, timeout):
            ALLOWED.append(timeout)
            raise TemporaryNotifierError("not now")

    @hookimpl
    def ticketcore_notifiers():
        return [NotifierSpec(name="patient", summary="waits", target=lambda settings: Patient())]
"""


class Mailroom:
    """A mail server's handler: keeps what it was shown, and refuses on demand."""

    def __init__(self) -> None:
        self.refuse_recipient = ""
        self.refuse_mail = ""
        self.shown: list[EmailMessage] = []
        self.taken: list[EmailMessage] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self.refuse_recipient:
            envelope.rcpt_tos.append(address)
        return self.refuse_recipient or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        self.shown.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        if self.refuse_mail:
            return self.refuse_mail
        self.taken.append(self.shown[-1])
        return "250 queued"


@contextmanager
def serving(room: Mailroom, port: int, **options: Any) -> Iterator[None]:
    controller = Controller(room, hostname=HOST, port=port, **options)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


@pytest.fixture
def port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server((HOST, 0)) as listening:
        number: int = listening.getsockname()[1]
    return number


@pytest.fixture
def smtp_desk(make_desk: MakeDesk, sqlite_file: Path, port: int) -> Desk:
    section = EmailSection(host=HOST, port=port, security="none", sender="desk@example.com")
    return make_desk(f"sqlite:///{sqlite_file}", email=section)


@pytest.fixture
def flaky(install: Install) -> Callable[[], Any]:
    """Install a notifier that fails on demand; return what gets its module."""
    install("flaky", FLAKY)

    def module() -> Any:
        import flaky as found  # type: ignore[import-not-found]

        return found

    return module


def mails(folder: Path) -> list[EmailMessage]:
    found = []
    for path in sorted(folder.glob("*.eml")):
        with path.open("rb") as file:
            found.append(email.message_from_binary_file(file, policy=email.policy.default))
    return found


def recipients(desk: Desk) -> list[str]:
    return [message.recipient for message in desk.notifications.list_outbox()]


def the_message(desk: Desk) -> OutboxMessage:
    (message,) = desk.notifications.list_outbox()
    return message


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    text: str = found.get_content()
    return text


# What is owed, and to whom


def test_what_is_owed_is_written_with_the_change(make_desk: MakeDesk, store_url: str, clock: PlayedClock) -> None:
    desk = make_desk(store_url, scheduler=WORKER)
    ticket = desk.tickets.create("Printer", requested_by=ANN, action_by=BOB)
    message = the_message(desk)
    assert (message.ticket_guid, message.package, message.channel) == (ticket.guid, "CORE", "email")
    assert (message.notify_code, message.recipient, message.state) == ("CREATED", ANN, "PENDING")
    assert (message.attempts, message.next_attempt, message.last_error) == (0, clock.now(), "")
    assert (message.created_date, message.delivered_date) == (clock.now(), None)
    payload = json.loads(message.payload)
    assert (payload["ticket_number"], payload["subject"], payload["to"]) == (1, "Printer", [ANN])


def test_a_refused_change_owes_nothing(desk: Desk) -> None:
    ticket = desk.tickets.create("Printer", requested_by=ANN, action_by=BOB)
    before = desk.notifications.list_outbox()
    with pytest.raises(RejectedError):
        desk.tickets.change_status(ticket, "NOWHERE", action_by=BOB)
    assert desk.notifications.list_outbox() == before


@pytest.mark.parametrize(
    ("requested_by", "kind", "expected"),
    [
        pytest.param("New@Example.com", "EMAIL", ["new@example.com"], id="by address"),
        pytest.param("una@example.com", "INTERNAL", ["una@example.com"], id="known person"),
        pytest.param("una", "INTERNAL", ["una@example.com"], id="login name"),
        pytest.param("the night shift", "INTERNAL", [], id="nobody known"),
        pytest.param("una", "SYSTEM", [], id="system named like a login"),
        pytest.param("una@example.com", "SYSTEM", [], id="system named like an address"),
    ],
)
def test_the_requester_is_told(desk: Desk, requested_by: str, kind: str, expected: list[str]) -> None:
    desk.people.add_person("Una", "una@example.com", username="una")
    desk.tickets.create("Printer", requested_by=requested_by, requested_by_type=kind, action_by=BOB)
    assert recipients(desk) == expected


def test_a_person_who_raised_the_ticket_by_guid_is_told(desk: Desk) -> None:
    person = desk.people.add_person("Una", "una@example.com")
    desk.tickets.create("Printer", requested_by=person.person_guid, action_by=BOB)
    assert recipients(desk) == ["una@example.com"]


def test_requester_assignee_and_watchers_are_told(desk: Desk) -> None:
    desk.people.add_person("Bob", BOB, username="bob")
    desk.tickets.create("Printer", requested_by=ANN, assigned_to="bob", watchers=[EVE, VIC], action_by="desk")
    assert recipients(desk) == [ANN, BOB, EVE, VIC]


def test_who_is_several_of_them_is_told_once(desk: Desk) -> None:
    desk.people.add_person("Bob", BOB, username="bob")
    desk.tickets.create(
        "Printer", requested_by="bob", assigned_to=BOB, watchers=["BOB@Example.com", EVE], action_by=EVE
    )
    assert recipients(desk) == [BOB, EVE]


def test_a_system_ticket_still_tells_assignee_and_watchers(desk: Desk) -> None:
    desk.tickets.create(
        "Disk full", requested_by=ANN, requested_by_type="SYSTEM", assigned_to=BOB, watchers=[EVE], action_by="monitor"
    )
    assert recipients(desk) == [BOB, EVE]


def test_without_notifiers_nothing_is_written(make_desk: MakeDesk, store_url: str, mail_folder: Path) -> None:
    desk = make_desk(store_url, notifiers=())
    ticket = desk.tickets.create("Printer", requested_by=ANN, action_by=BOB)
    desk.tickets.escalate(desk.tickets.change_status(ticket, "TRIAGED", action_by=BOB), action_by=BOB)
    assert desk.notifications.list_outbox() == []
    assert not mail_folder.exists()


# Mails in files


def test_a_change_is_mailed_at_once(desk: Desk, mail_folder: Path, clock: PlayedClock) -> None:
    desk.tickets.create("Größer 🔥", requested_by=ANN, watchers=[EVE], action_by=BOB)
    found = mails(mail_folder)
    assert [mail["To"] for mail in found] == [ANN, EVE]
    assert {mail["Subject"] for mail in found} == {"[#1] Größer 🔥"}
    assert all("Größer 🔥" in part(mail, kind) for mail in found for kind in ("plain", "html"))
    for message in desk.notifications.list_outbox():
        assert (message.state, message.attempts, message.delivered_date) == ("DELIVERED", 1, clock.now())


def test_the_mails_of_a_ticket_are_one_thread(desk: Desk, mail_folder: Path, clock: PlayedClock) -> None:
    for subject in ("one", "two"):
        desk.tickets.create(subject, requested_by=ANN, action_by=BOB)
    clock.advance(minutes=1)
    desk.tickets.assign(1, BOB, action_by=BOB)
    found = mails(mail_folder)
    assert len(found) == 4
    assert len({mail["Message-ID"] for mail in found}) == 4
    threads = {
        subject: {m["References"] for m in found if m["Subject"] == subject} for subject in ("[#1] one", "[#2] two")
    }
    assert [len(references) for references in threads.values()] == [1, 1]
    assert threads["[#1] one"] != threads["[#2] two"]
    assert all(mail["In-Reply-To"] == mail["References"] for mail in found)
    assert desk.tickets.read(1).guid in found[0]["References"]
    assert desk.notifications.list_outbox()[0].guid in found[0]["Message-ID"]


def test_an_escalation_shows_its_readers_each_other(desk: Desk, mail_folder: Path) -> None:
    desk.sla.set_sla(
        "CORE",
        "HIGH",
        response_minutes=5,
        resolution_minutes=50,
        responsible=ANN,
        accountable=BOB,
        consulted=f"{EVE}, {ANN}",
        informed=VIC,
        action_by=BOB,
    )
    desk.tickets.create("Printer", priority="HIGH", requested_by="nobody", action_by="desk")
    desk.tickets.escalate(1, reason="too late", action_by="desk")
    alerts = [mail for mail in mails(mail_folder) if mail["Subject"].startswith("Escalation:")]
    assert [mail["Subject"] for mail in alerts] == ["Escalation: [#1] Printer"] * 4
    assert {(mail["To"], mail["Cc"]) for mail in alerts} == {(f"{ANN}, {BOB}", f"{EVE}, {VIC}")}
    assert sorted(recipients(desk)) == [ANN, BOB, EVE, VIC]


def test_html_is_text_to_the_reader(desk: Desk, mail_folder: Path) -> None:
    evil = "<script>alert('1')</script><img src=x onerror=y>"
    desk.tickets.create(f"A {evil}", description=f"B {evil}", requested_by=ANN, action_by=f"<b>{evil}")
    desk.tickets.change_status(1, "TRIAGED", notes=f"C {evil}", action_by=BOB)
    desk.comments.add_comment(1, f"D {evil}", commented_by=BOB)
    desk.tickets.assign(1, f"E {evil}", action_by=BOB)
    found = mails(mail_folder)
    assert len(found) == 3
    for mail in found:
        assert "<script" not in part(mail, "html")
        assert "<img" not in part(mail, "html")
        assert "&lt;script&gt;" in part(mail, "html")
        assert f"A {evil}" in part(mail, "plain")
    assert "C &lt;script&gt;" in "".join(part(mail, "html") for mail in found)


def test_line_breaks_make_no_headers(desk: Desk, mail_folder: Path) -> None:
    hostile = "x\r\nBcc: victim@example.com\r\n\r\nbody"
    try:
        desk.tickets.create(hostile, requested_by=hostile, watchers=[EVE], action_by=hostile)
    except RejectedError:
        assert desk.notifications.list_outbox() == []
        desk.tickets.create(hostile, requested_by=ANN, watchers=[EVE], action_by=hostile)
    found = mails(mail_folder)
    assert found
    for mail in found:
        assert mail["Bcc"] is None
        assert mail["Subject"] == "[#1] x Bcc: victim@example.com body"
        assert mail["To"] in {ANN, EVE}
    assert not any("victim" in address for address in recipients(desk))


@pytest.mark.parametrize("hostile", ["eve@example.com\r\nBcc: victim@example.com", "eve@example.com\nx"])
def test_an_address_with_a_line_break_is_refused(desk: Desk, hostile: str) -> None:
    with pytest.raises(RejectedError):
        desk.tickets.create("Printer", requested_by=hostile, requested_by_type="EMAIL", action_by=BOB)
    with pytest.raises(RejectedError):
        desk.tickets.create("Printer", requested_by=ANN, watchers=[hostile], action_by=BOB)
    assert desk.notifications.list_outbox() == []


# The worker


def test_without_inline_delivery_mails_wait_for_the_worker(
    make_desk: MakeDesk, store_url: str, mail_folder: Path
) -> None:
    desk = make_desk(store_url, scheduler=WORKER)
    desk.tickets.create("Printer", requested_by=ANN, watchers=[EVE], action_by=BOB)
    assert [message.state for message in desk.notifications.list_outbox()] == ["PENDING", "PENDING"]
    assert mails(mail_folder) == []
    assert desk.notifications.deliver_due().delivered == 2
    assert [mail["To"] for mail in mails(mail_folder)] == [ANN, EVE]
    assert len(desk.notifications.list_outbox("DELIVERED")) == 2
    assert not str(desk.notifications.deliver_due())
    assert len(mails(mail_folder)) == 2


def test_more_than_a_batch_is_delivered_in_one_round(make_desk: MakeDesk, store_url: str, mail_folder: Path) -> None:
    desk = make_desk(store_url, scheduler=WORKER)
    watchers = [f"w{number}@example.com" for number in range(45)]
    desk.tickets.create("Printer", requested_by="nobody", watchers=watchers, action_by=BOB)
    assert desk.notifications.deliver_due().delivered == 45
    assert [mail["To"] for mail in mails(mail_folder)] == watchers


# Failures


def test_a_server_that_is_down_fails_no_operation_and_gets_the_mail_later(
    smtp_desk: Desk, clock: PlayedClock, port: int
) -> None:
    ticket = smtp_desk.tickets.create("Printer", requested_by=ANN, action_by=BOB)
    assert smtp_desk.tickets.read(ticket.guid) == ticket
    failed = the_message(smtp_desk)
    assert (failed.state, failed.attempts) == ("PENDING", 1)
    assert failed.last_error == f"{HOST}:{port}: Connection refused"
    assert failed.next_attempt == clock.now() + timedelta(seconds=30)

    room = Mailroom()
    room.refuse_mail = "451 4.7.1 greylisted"
    with serving(room, port):
        clock.advance(seconds=29)
        assert str(smtp_desk.notifications.deliver_due()) == ""
        assert the_message(smtp_desk) == failed
        clock.advance(seconds=1)
        assert smtp_desk.notifications.deliver_due().postponed == 1
        again = the_message(smtp_desk)
        assert (again.attempts, again.next_attempt) == (2, clock.now() + timedelta(seconds=60))
        assert "greylisted" in again.last_error

        room.refuse_mail = ""
        clock.advance(seconds=60)
        assert smtp_desk.notifications.deliver_due().delivered == 1
    done = the_message(smtp_desk)
    assert (done.guid, done.state, done.attempts, done.last_error) == (failed.guid, "DELIVERED", 3, "")
    assert done.delivered_date == clock.now()
    assert len(room.taken) == 1
    first, second = (mail["Message-ID"] for mail in room.shown)
    assert first == second
    assert failed.guid in first


def test_what_was_not_tried_inline_is_left_to_the_worker(smtp_desk: Desk, clock: PlayedClock, port: int) -> None:
    smtp_desk.tickets.create("Printer", requested_by=ANN, watchers=[EVE, VIC], action_by=BOB)
    assert [message.attempts for message in smtp_desk.notifications.list_outbox()] == [1, 0, 0]
    clock.advance(hours=1)
    room = Mailroom()
    with serving(room, port):
        assert smtp_desk.notifications.deliver_due().delivered == 3
    assert sorted(mail["To"] for mail in room.taken) == [ANN, EVE, VIC]


def test_a_refusal_for_good_is_final_until_somebody_asks_again(smtp_desk: Desk, clock: PlayedClock, port: int) -> None:
    room = Mailroom()
    room.refuse_recipient = "550 5.1.1 no such user"
    with serving(room, port):
        smtp_desk.tickets.create("Printer", requested_by=ANN, action_by=BOB)
        dead = the_message(smtp_desk)
        assert (dead.state, dead.attempts) == ("DEAD", 1)
        assert "no such user" in dead.last_error
        clock.advance(days=30)
        assert str(smtp_desk.notifications.deliver_due()) == ""
        room.refuse_recipient = ""
        assert smtp_desk.notifications.retry(dead.guid) == 1
        due = the_message(smtp_desk)
        assert (due.state, due.attempts, due.next_attempt) == ("PENDING", 0, clock.now())
        assert smtp_desk.notifications.deliver_due().delivered == 1
    assert [mail["To"] for mail in room.taken] == [ANN]
    with pytest.raises(NotFoundError, match="undelivered message"):
        smtp_desk.notifications.retry(dead.guid)


def test_attempts_come_to_an_end(make_desk: MakeDesk, sqlite_file: Path, clock: PlayedClock, port: int) -> None:
    section = EmailSection(host=HOST, port=port, security="none")
    desk = make_desk(f"sqlite:///{sqlite_file}", email=section, scheduler=SchedulerSection(attempts=3))
    desk.tickets.create("Printer", requested_by=ANN, action_by=BOB)
    for expected in ("1 postponed", "1 given up", ""):
        clock.advance(hours=1)
        assert str(desk.notifications.deliver_due()) == expected
    assert (the_message(desk).state, the_message(desk).attempts) == ("DEAD", 3)
    assert desk.notifications.list_outbox("DEAD") == [the_message(desk)]
    assert desk.notifications.retry() == 1
    assert (the_message(desk).state, the_message(desk).attempts) == ("PENDING", 0)
    assert desk.notifications.retry() == 0


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RuntimeError("boom"), id="any exception"),
        pytest.param(KeyError("x"), id="without a sentence"),
        pytest.param(RecursionError(), id="without a word"),
    ],
)
def test_a_notifier_that_raises_anything_is_tried_again(
    make_desk: MakeDesk, store_url: str, clock: PlayedClock, flaky: Callable[[], Any], error: Exception
) -> None:
    desk = make_desk(store_url, notifiers=("flaky",))
    assert desk.plugins.broken == {}
    flaky().FAILURES.append(error)
    desk.tickets.create("Printer", requested_by=ANN, action_by=BOB)
    failed = the_message(desk)
    assert (failed.state, failed.attempts) == ("PENDING", 1)
    assert failed.last_error == f"{type(error).__name__}: {error}"
    clock.advance(seconds=30)
    assert desk.notifications.deliver_due().delivered == 1
    assert [failed.guid] * 2 == flaky().SEEN


def test_an_error_as_long_as_a_book_is_recorded_in_short(
    make_desk: MakeDesk, store_url: str, flaky: Callable[[], Any]
) -> None:
    desk = make_desk(store_url, notifiers=("flaky",))
    assert desk.plugins.broken == {}
    flaky().FAILURES.append(ValueError("x" * 100_000))
    desk.tickets.create("Printer", requested_by=ANN, action_by=BOB)
    assert len(the_message(desk).last_error) == 1000


@pytest.mark.parametrize("guid", ["", "no-such-guid"])
def test_only_what_is_there_can_be_retried(desk: Desk, guid: str) -> None:
    with pytest.raises(NotFoundError, match="undelivered message"):
        desk.notifications.retry(guid)


@pytest.mark.parametrize("login", [pytest.param(True, id="login taken"), pytest.param(False, id="login refused")])
def test_the_password_is_in_no_error(
    make_desk: MakeDesk, sqlite_file: Path, port: int, caplog: pytest.LogCaptureFixture, *, login: bool
) -> None:
    caplog.set_level(logging.DEBUG, "ticketcore")
    section = EmailSection(host=HOST, port=port, security="none", username="desk", password=PASSWORD)
    desk = make_desk(f"sqlite:///{sqlite_file}", email=section)
    room = Mailroom()
    room.refuse_recipient = f"451 4.7.1 no, {PASSWORD}"

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        message = None if login else f"535 5.7.8 {PASSWORD} is wrong"
        return AuthResult(success=login, handled=login, message=message)

    with serving(room, port, authenticator=authenticate, auth_require_tls=False):
        desk.tickets.create("Printer", requested_by=ANN, action_by=BOB)
    message = the_message(desk)
    assert (message.state, message.attempts) == ("PENDING", 1)
    assert message.last_error
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("ticketcore")]
    assert PASSWORD not in message.last_error + message.payload + "".join(logged)


def test_a_notifier_is_told_how_long_it_may_take(
    make_desk: MakeDesk, install: Install, clock: PlayedClock, sqlite_file: Path
) -> None:
    install("patient", PATIENT)
    section = SchedulerSection(inline_timeout=1.5, timeout=12.5)
    desk = make_desk(f"sqlite:///{sqlite_file}", notifiers=("patient",), scheduler=section)
    desk.tickets.create("Printer", action_by=ANN)
    clock.advance(minutes=5)
    desk.notifications.deliver_due()
    import patient  # type: ignore[import-not-found]

    assert patient.ALLOWED == [1.5, 12.5]


def test_a_damaged_installation_is_named(tmp_path: Path) -> None:
    package = Path(ticketcore.__file__).parent
    shutil.copytree(package, tmp_path / "ticketcore", ignore=shutil.ignore_patterns("templates", "__pycache__"))
    program = (
        "from ticketcore import RenderError\n"
        "from ticketcore.adapters.rendering import JinjaRenderer\n"
        "try:\n    JinjaRenderer().render_message('CORE', {})\n"
        "except RenderError as error:\n    print(error.code, error.template, error)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    missing = "template ticket_email_fallback.html: the templates that ticketcore ships are missing or broken"
    assert done.stdout == f"render ticket_email_fallback.html {missing}\n"
