"""Mails as files: complete, sorted by time, each once, and nowhere but in their folder."""

from __future__ import annotations

import email
import email.policy
import resource
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ticketcore.adapters.mailfiles import FilesNotifier
from ticketcore.errors import PermanentNotifierError, TemporaryNotifierError
from ticketcore.ports.notifier import Notification, Notifier

NOTIFICATION = Notification(
    message_id="0199-m",
    thread_id="0199-t",
    notify_code="Created",
    recipient="ann@example.com",
    to=("ann@example.com",),
    subject="#7 Printer on fire",
    text="It burns.\n",
    html="<p>It burns.</p>\n",
    created=datetime(2026, 5, 1, 9, 30, 0, 5, tzinfo=UTC),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "spool" / "mails"


@pytest.fixture
def notifier(folder: Path) -> Notifier:
    return FilesNotifier(folder, "Ticket Desk <desk@tickets.example>")


def test_a_mail_becomes_a_file_that_a_mail_program_can_open(notifier: Notifier, folder: Path) -> None:
    receipt = notifier.send(NOTIFICATION, timeout=1)
    (path,) = folder.iterdir()
    assert receipt.detail == str(path)
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert message["Subject"] == "#7 Printer on fire"
    assert message["Message-ID"] == "<0199-m@tickets.example>"
    assert message.get_content_type() == "multipart/alternative"
    assert message.defects == []


def test_the_name_of_a_file_is_the_instant_and_the_message_id(notifier: Notifier, folder: Path) -> None:
    notifier.send(NOTIFICATION, timeout=1)
    assert [x.name for x in folder.iterdir()] == ["20260501T093000.000005Z-0199-m.eml"]


def test_names_sort_by_instant_in_whatever_zone_it_was_given(notifier: Notifier, folder: Path) -> None:
    later = datetime(2026, 5, 1, 8, 31, tzinfo=timezone(timedelta(hours=-1)))
    notifier.send(evolve(NOTIFICATION, message_id="a-second", created=later), timeout=1)
    notifier.send(evolve(NOTIFICATION, message_id="z-first"), timeout=1)
    assert [x.name.partition("-")[2] for x in sorted(folder.iterdir())] == [
        "z-first.eml",
        "a-second.eml",
    ]


def test_a_second_attempt_leaves_the_file_of_the_first(notifier: Notifier, folder: Path) -> None:
    first = notifier.send(NOTIFICATION, timeout=1)
    (path,) = folder.iterdir()
    before = path.read_bytes()
    assert notifier.send(NOTIFICATION, timeout=1) == first
    assert [(x, x.read_bytes()) for x in folder.iterdir()] == [(path, before)]


def test_only_the_owner_can_read_a_mail(notifier: Notifier, folder: Path) -> None:
    notifier.send(NOTIFICATION, timeout=1)
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR


@settings(max_examples=50)  # each goes to the disk
@example(message_id="🔥" * 25)
@given(
    message_id=st.one_of(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.sampled_from(["../../x", "/etc/passwd", "a/b", "a\\b", "..", ".", "a\0b", "m" * 5000, "🔥" * 300]),
    )
)
def test_whatever_the_message_id_the_file_is_in_the_folder(
    tmp_path_factory: pytest.TempPathFactory, message_id: str
) -> None:
    parent = tmp_path_factory.mktemp("mails")
    receipt = FilesNotifier(parent / "in", "desk@tickets.example").send(
        evolve(NOTIFICATION, message_id=message_id), timeout=1
    )
    assert list(parent.iterdir()) == [parent / "in"]
    assert [str(path) for path in (parent / "in").iterdir()] == [receipt.detail]
    assert receipt.detail.endswith(".eml")
    assert receipt.detail.isprintable()


def test_a_folder_that_cannot_be_made_is_a_failure_for_now(folder: Path, notifier: Notifier) -> None:
    folder.parent.write_text("a file is in the way", encoding="utf-8")
    with pytest.raises(TemporaryNotifierError, match=r"cannot write .*spool/mails/2026.*: Not a directory"):
        notifier.send(NOTIFICATION, timeout=1)


def test_a_mail_that_cannot_be_written_whole_leaves_nothing(notifier: Notifier, folder: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))  # as good as a full disk
    try:
        with pytest.raises(TemporaryNotifierError, match="File too large"):
            notifier.send(NOTIFICATION, timeout=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(folder.iterdir()) == []
    notifier.send(NOTIFICATION, timeout=1)
    assert len(list(folder.iterdir())) == 1


def test_an_address_that_is_none_is_refused_for_good_and_writes_nothing(notifier: Notifier, folder: Path) -> None:
    with pytest.raises(PermanentNotifierError):
        notifier.send(evolve(NOTIFICATION, recipient="ann"), timeout=1)
    assert not folder.exists()
