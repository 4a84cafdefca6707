"""Messages from templates: values are never trusted, and a broken template never keeps one back."""

from __future__ import annotations

import itertools
import logging
import os
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from ticketcore.adapters.rendering import JinjaRenderer
from ticketcore.domain.ticket import Priority, Status

VALUES: dict[str, Any] = {
    "ticket_number": 42,
    "subject": "Printer on fire",
    "event": "Created",
    "detail": "It burns.\nReally.",
    "status": Status.IN_PROGRESS,
    "priority": Priority.HIGH,
    "assigned_to": "Ann Müller",
    "action_by": "bob",
}

INSTANTS = itertools.count(1_000_000_000, 10)


class Elements(HTMLParser):
    """What a mail program would see: the tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, str(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(autouse=True)
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What was reported; nothing is, unless a test says so."""
    caplog.set_level(logging.WARNING)
    return caplog


def write(root: Path, package: str, text: str | bytes, name: str = "ticket.html") -> Path:
    """Write a template of a package, and make sure that it counts as changed."""
    path = root / "resource.templates" / f"package.{package}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    instant = next(INSTANTS)
    os.utime(path, (instant, instant))
    return path


def html(renderer: JinjaRenderer, package: str = "CORE", **values: object) -> str:
    return renderer.render_message(package, VALUES | values).html


PLAIN = JinjaRenderer()
SHIPPED = html(PLAIN)


# What is shipped


def test_the_shipped_templates_say_everything_in_both_forms(
    warnings: pytest.LogCaptureFixture,
) -> None:
    message = JinjaRenderer().render_message("CORE", VALUES)
    for text in (Elements(message.html).text, message.text):
        for value in ("#42", "Printer on fire", "Created", "It burns.", "Really.", "IN PROGRESS"):
            assert value in text
        for value in ("HIGH", "Ann Müller", "bob"):
            assert value in text
    assert "It burns.<br>Really." in message.html
    assert warnings.messages == []


def test_the_text_form_is_exactly_this() -> None:
    assert JinjaRenderer().render_message("", VALUES).text == (
        "Ticket #42 - Created\n"
        "Printer on fire\n"
        "\n"
        "Status:      IN PROGRESS\n"
        "Priority:    HIGH\n"
        "Assigned to: Ann Müller\n"
        "By:          bob\n"
        "\n"
        "It burns.\n"
        "Really.\n"
    )


def test_nobody_is_assigned_and_there_is_no_detail() -> None:
    message = JinjaRenderer().render_message("", VALUES | {"assigned_to": None, "detail": ""})
    assert "nobody" in message.html
    assert message.text.endswith("Assigned to: nobody\nBy:          bob\n")


@pytest.mark.parametrize("status", Status)
def test_each_status_has_a_badge(status: Status, warnings: pytest.LogCaptureFixture) -> None:
    assert f">{status.replace('_', ' ')}</span>" in html(JinjaRenderer(), status=status)
    assert warnings.messages == []


def test_a_status_that_no_template_knows_has_a_badge_too(
    warnings: pytest.LogCaptureFixture,
) -> None:
    assert ">WAITING</span>" in html(JinjaRenderer(), status="WAITING")
    assert warnings.messages == []


def test_the_fallback_works_with_nothing_at_all(warnings: pytest.LogCaptureFixture) -> None:
    message = JinjaRenderer().render_message("CORE", {})
    assert "<h1>#" in message.html
    assert message.text.startswith("Ticket #")
    assert len(warnings.messages) == 1


# Values


@given(text=st.text(st.characters(exclude_categories=["Cs"])), place=st.sampled_from(sorted(VALUES)))
def test_no_value_becomes_markup(text: str, place: str) -> None:
    hostile = f"<script>alert(1)</script>{text}\"'><img src=x onerror=y>{{{{ 7*7 }}}}{{subject}}"
    tags = Elements(html(PLAIN, **{place: hostile})).tags
    plain = Elements(html(PLAIN, **{place: "plain"})).tags
    breaks = [x for x in tags if x[0] == "br"]
    assert [x for x in tags if x[0] != "br"] == [x for x in plain if x[0] != "br"]
    assert all(x == ("br", "[]") for x in breaks)


def test_code_in_a_value_is_not_run() -> None:
    message = JinjaRenderer().render_message("CORE", VALUES | {"subject": "{{ 7 * 7 }} {detail}"})
    assert "{{ 7 * 7 }} {detail}" in message.html
    assert "{{ 7 * 7 }} {detail}" in message.text


def test_a_value_cannot_claim_to_be_safe(tmp_path: Path) -> None:
    write(tmp_path, "CORE", "<p>{{ subject }} {{ detail }}</p>")
    values = dict.fromkeys(("subject", "detail"), Markup("<b>"))
    assert html(JinjaRenderer(tmp_path), **values) == "<p>&lt;b&gt; &lt;b&gt;</p>"


def test_a_line_break_in_a_subject_does_not_make_a_line_of_the_text() -> None:
    text = JinjaRenderer().render_message("CORE", VALUES | {"subject": "a\r\nStatus:      CLOSED"}).text
    assert text.splitlines()[1] == "a Status: CLOSED"


def test_text_templates_do_not_escape() -> None:
    text = JinjaRenderer().render_message("CORE", VALUES | {"subject": "a < b & c"}).text
    assert "a < b & c" in text


# Templates of a package


def test_a_package_has_its_own_template_and_others_do_not(tmp_path: Path) -> None:
    write(tmp_path, "CORE", "<p>{{ ticket_number + 1 }} {{ subject }}</p>")
    renderer = JinjaRenderer(tmp_path)
    assert html(renderer) == "<p>43 Printer on fire</p>"
    assert html(renderer, "OTHER") == SHIPPED


def test_a_package_may_have_its_own_text_too(tmp_path: Path) -> None:
    write(tmp_path, "CORE", "{{ subject }} for {assigned_to}", "ticket.txt")
    message = JinjaRenderer(tmp_path).render_message("CORE", VALUES)
    assert message.text == "Printer on fire for Ann Müller"
    assert message.html == SHIPPED


def test_single_braces_work_and_are_escaped(tmp_path: Path) -> None:
    names = " ".join(f"{{{name}}}" for name in VALUES)
    write(tmp_path, "CORE", f"<p>{names}</p>")
    assert html(JinjaRenderer(tmp_path), subject="<b>") == (
        "<p>42 &lt;b&gt; Created It burns.\nReally. IN_PROGRESS HIGH Ann Müller bob</p>"
    )


def test_other_braces_stay_as_they_are(tmp_path: Path) -> None:
    css = "<style>p {color:red} td{ status } .a{margin:0;}</style>{unknown}{}"
    write(tmp_path, "CORE", css + "{{subject}}{{ subject }}{% if {'a': 1} %}{subject}{% endif %}")
    assert html(JinjaRenderer(tmp_path)) == css + "Printer on fire" * 3


def test_single_braces_may_stand_within_other_braces(tmp_path: Path) -> None:
    write(tmp_path, "CORE", '<script type="application/ld+json">{"number": {ticket_number}}</script>')
    assert '{"number": 42}' in html(JinjaRenderer(tmp_path))


def test_a_template_can_build_on_others_below_the_root_and_on_the_shipped_ones(
    tmp_path: Path, warnings: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sign.html").write_text("<i>{action_by}</i>", encoding="utf-8")
    write(tmp_path, "ONE", "{{ subject }}{% include 'sign.html' %}")
    write(tmp_path, "TWO", "{% include 'ticket.html' %}")
    renderer = JinjaRenderer(tmp_path)
    assert html(renderer, "ONE") == "Printer on fire<i>bob</i>"
    assert html(renderer, "TWO") == SHIPPED
    assert warnings.messages == []


def test_a_template_at_the_top_of_the_root_does_not_replace_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "ticket.html").write_text("mine", encoding="utf-8")
    assert html(JinjaRenderer(tmp_path)) == SHIPPED


def test_a_changed_template_is_noticed(tmp_path: Path) -> None:
    renderer = JinjaRenderer(tmp_path)
    assert html(renderer) == SHIPPED
    path = write(tmp_path, "CORE", "one")
    assert html(renderer) == "one"
    write(tmp_path, "CORE", "two")
    assert html(renderer) == "two"
    path.unlink()
    assert html(renderer) == SHIPPED


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ subject", "TemplateSyntaxError, line 1: "),
        ("\n{% for x in y %}", "TemplateSyntaxError, line 2: "),
        ("{{ nothing }}", "UndefinedError: 'nothing' is undefined"),
        ("{{ subject.__class__.__mro__ }}", "SecurityError: "),
        ("{{ ''.__class__.__base__.__subclasses__() }}", "SecurityError: "),
        ("{{ '{0.__class__.__init__}'.format(subject) }}", "SecurityError: "),
        ("{% set _ = [].append(1) %}", "SecurityError: "),
        ("{% include 'resource.templates/package.CORE/ticket.html' %}", "RecursionError: "),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError: "),
        ("{% include 'missing.html' %}", "TemplateNotFound: "),
        ("{% include '../secret.html' %}", "TemplateNotFound: "),
        ("{% include '/etc/hostname' %}", "TemplateNotFound: "),
        ("{% for x in range(100000001) %}{% endfor %}", "OverflowError: "),
        ("{{ 1 // 0 }}", "ZeroDivisionError: "),
        ("{{ subject + 1 }}", "TypeError: "),
        (b"M\xfcller", "UnicodeDecodeError: "),
    ],
)
def test_a_broken_template_is_reported_once_and_the_next_is_used(
    tmp_path: Path, warnings: pytest.LogCaptureFixture, source: str | bytes, reason: str
) -> None:
    (tmp_path / "secret.html").write_text("secret", encoding="utf-8")
    write(tmp_path / "root", "CORE", source)
    renderer = JinjaRenderer(tmp_path / "root")
    assert html(renderer) == SHIPPED
    assert html(renderer) == SHIPPED
    (record,) = warnings.records
    assert record.levelno == logging.WARNING
    name = "resource.templates/package.CORE/ticket.html"
    assert record.getMessage().startswith(f"template '{name}' does not work, the next one is used: {reason}")


def test_a_repaired_template_is_used_again(tmp_path: Path) -> None:
    write(tmp_path, "CORE", "{{ nothing }}")
    renderer = JinjaRenderer(tmp_path)
    assert html(renderer) == SHIPPED
    write(tmp_path, "CORE", "repaired")
    assert html(renderer) == "repaired"


def test_a_broken_text_template_does_not_take_the_html_with_it(tmp_path: Path) -> None:
    write(tmp_path, "CORE", "mine")
    write(tmp_path, "CORE", "{{", "ticket.txt")
    message = JinjaRenderer(tmp_path).render_message("CORE", VALUES)
    assert message.html == "mine"
    assert message.text == JinjaRenderer().render_message("CORE", VALUES).text


def test_a_report_is_one_line_whatever_is_in_it(tmp_path: Path, warnings: pytest.LogCaptureFixture) -> None:
    write(tmp_path, "a\nb", "{{ {}[subject] }}")
    html(JinjaRenderer(tmp_path), "a\nb", subject="x" * 1000)
    (message,) = warnings.messages
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize(
    "package",
    [
        "../../outside",
        "..",
        ".",
        "/",
        "x/../../../outside",
        "a/b",
        "..\\..\\outside",
        "\0",
        "p" * 5000,
    ],
)
def test_no_package_leads_out_of_the_root(tmp_path: Path, warnings: pytest.LogCaptureFixture, package: str) -> None:
    root = tmp_path / "root"
    write(root, "x", "mine")
    write(root, "a/b", "below")
    for folder in (tmp_path, tmp_path / "outside", root, root / "resource.templates"):
        folder.mkdir(exist_ok=True)
        (folder / "ticket.html").write_text("outside", encoding="utf-8")
    assert html(JinjaRenderer(root), package) == SHIPPED
    assert warnings.messages == []


def test_a_root_that_is_not_there_is_like_none(tmp_path: Path) -> None:
    assert html(JinjaRenderer(tmp_path / "nowhere")) == SHIPPED
