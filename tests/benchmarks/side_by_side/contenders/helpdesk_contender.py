"""django-helpdesk: its ticket form and its ``update_ticket``. It writes a follow-up for each, and what was changed.

Each call is one transaction (``atomic``), which spares it commits; there is no address that it could mail to.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import django  # type: ignore[import-not-found]
from django.conf import settings  # type: ignore[import-not-found]

TRIAGED, IN_PROGRESS = 6, 7
FILLED = (1, TRIAGED, IN_PROGRESS, 3, 4)


def _database(store: str, folder: Path) -> dict[str, Any]:
    if store.startswith("sqlite"):
        # Without it, one of two that write at once is refused, whatever the time-out.
        options: dict[str, Any] = {"transaction_mode": "IMMEDIATE", "timeout": 10}
        if store == "sqlite-wal":
            options["init_command"] = "PRAGMA journal_mode=WAL"
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "helpdesk.db", "OPTIONS": options}
    parts = urlsplit(store)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.strip("/"),
        "USER": "postgres",
        "HOST": dict(parse_qsl(parts.query)).get("host", ""),
        "CONN_MAX_AGE": None,
    }


class Contender:
    """django-helpdesk on one database."""

    def __init__(self, store: str, folder: Path) -> None:
        open_, resolved, closed = (1, "Open"), (3, "Resolved"), (4, "Closed")
        settings.configure(
            DATABASES={"default": _database(store, folder)},
            INSTALLED_APPS=[
                "django.contrib.admin",
                "django.contrib.auth",
                "django.contrib.contenttypes",
                "django.contrib.sessions",
                "django.contrib.messages",
                "django.contrib.sites",
                "django.contrib.humanize",
                "rest_framework",
                "helpdesk",
            ],
            TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
            EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
            MEDIA_ROOT=str(folder / "media"),
            ROOT_URLCONF=__name__,
            SITE_ID=1,
            USE_TZ=True,
            SECRET_KEY="bench",
            HELPDESK_TEAMS_MODE_ENABLED=False,
            HELPDESK_TICKET_STATUS_CHOICES=(
                open_,
                (2, "Reopened"),
                resolved,
                closed,
                (5, "Duplicate"),
                (TRIAGED, "Triaged"),
                (IN_PROGRESS, "In progress"),
            ),
        )
        django.setup()
        from django.urls import include, path  # type: ignore[import-not-found]

        # Its texts have links to tickets, so it needs its addresses.
        globals()["urlpatterns"] = [path("", include("helpdesk.urls", namespace="helpdesk"))]

    def prepare(self) -> None:
        from django.contrib.auth import get_user_model  # type: ignore[import-not-found]
        from django.core.management import call_command  # type: ignore[import-not-found]
        from helpdesk.models import Queue  # type: ignore[import-not-found]

        call_command("migrate", verbosity=0)
        users = get_user_model().objects
        for name in ("ada", *(f"worker{i}" for i in range(50))):
            users.create_user(name, is_staff=True)
        Queue.objects.create(title="Bench", slug="bench")

    def connect(self) -> None:
        from django.contrib.auth import get_user_model
        from helpdesk.models import Queue

        users = get_user_model().objects
        self.user = users.get(username="ada")
        self.workers = [users.get(username=f"worker{i}") for i in range(50)]
        self.queue = Queue.objects.get(slug="bench")

    def facts(self) -> dict[str, Any]:
        return {"version": version("django-helpdesk")}

    def ask(self, question: str) -> Any:
        from django.db import connection  # type: ignore[import-not-found]

        with connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0]

    def create(self, subject: str, text: str) -> Any:
        return self._create(subject, text).pk

    def _create(self, subject: str, text: str) -> Any:
        from django.db.transaction import atomic  # type: ignore[import-not-found]
        from helpdesk.forms import TicketForm  # type: ignore[import-not-found]

        asked = {"queue": self.queue.pk, "title": subject, "body": text, "priority": 2}
        with atomic():
            form = TicketForm(queue_choices=[(self.queue.pk, "Bench")], data=asked)
            if not form.is_valid():
                raise ValueError(form.errors)
            return form.save(self.user)

    def lifecycle(self, subject: str, text: str) -> Any:
        key = self.create(subject, text)
        self._change(key, owner=self.workers[0].pk)
        self._change(key, comment=text, public=True)
        for status in (TRIAGED, IN_PROGRESS, 3, 4):
            self._change(key, new_status=status)
        return key

    def _change(self, key: int, **values: Any) -> None:
        from django.db.transaction import atomic
        from helpdesk.models import Ticket
        from helpdesk.update_ticket import update_ticket  # type: ignore[import-not-found]

        with atomic():
            update_ticket(self.user, Ticket.objects.select_related("queue", "assigned_to").get(pk=key), **values)

    def read(self, name: Any) -> int:
        from helpdesk.models import Ticket

        ticket = Ticket.objects.select_related("queue", "assigned_to").get(pk=name)
        followups = list(ticket.followup_set.select_related("user").prefetch_related("ticketchange_set"))
        return sum(1 + len(one.ticketchange_set.all()) for one in followups)

    def list_open(self, who: int, limit: int) -> int:
        from helpdesk.models import Ticket

        wanted = Ticket.objects.filter(assigned_to=self.workers[who], status=IN_PROGRESS)
        return len(wanted.select_related("queue", "assigned_to").order_by("-id")[:limit])

    def count(self) -> dict[str, int]:
        from django.db.models import Count  # type: ignore[import-not-found]
        from helpdesk.models import Ticket

        return {str(key): number for key, number in Ticket.objects.values_list("status").annotate(Count("id"))}

    def fill(self, size: int, people: int) -> None:
        from django.utils import timezone  # type: ignore[import-not-found]
        from helpdesk.models import FollowUp, Ticket

        for first in range(Ticket.objects.count(), size, 1000):
            made = Ticket.objects.bulk_create(
                Ticket(
                    title=f"Ticket {i}",
                    queue=self.queue,
                    description="Filled in",
                    created=timezone.now(),
                    modified=timezone.now(),
                    assigned_to=self.workers[i % people],
                    status=FILLED[i // people % len(FILLED)],
                )
                for i in range(first, min(first + 1000, size))
            )
            FollowUp.objects.bulk_create(
                FollowUp(ticket=ticket, title="Ticket Opened", date=timezone.now(), comment="Filled in", user=self.user)
                for ticket in made
            )
