"""What can be configured: one class a section, with its defaults. ``config.yaml`` shows every key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from attrs import NOTHING, field, frozen

from ticketcore.domain.recurrence import CatchUp
from ticketcore.domain.sla import MAX_MINUTES, Recompute
from ticketcore.domain.ticket import Priority, Status
from ticketcore.domain.workflow import DEFAULT, Workflow
from ticketcore.domain.zones import zone_problem
from ticketcore.serde import ABOVE, CHECK, SECRET, WITHIN

HELP = "help"
"""What the metadata of a field says besides: what it means."""

_URL = re.compile(r"[A-Za-z][\w.-]*(\+[\w.-]+)?:.*|", re.DOTALL)


def _not_a_url(text: str) -> str:
    return "" if _URL.fullmatch(text) else "is no database URL; expected one such as sqlite:///desk.db"


def _blank(text: str) -> str:
    return "" if text.strip() else "must not be empty"


_SECONDS = (0.001, 86_400)
"""Which time-outs make sense, and are understood by sockets and databases: a millisecond to a day."""


def setting(
    text: str,
    default: Any = NOTHING,
    *,
    factory: Any = None,
    secret: bool = False,
    shown: bool = True,
    above: float | None = None,
    within: tuple[float, float] | None = None,
    check: Callable[[Any], str] | None = None,
) -> Any:
    """Return an attrs field for a key of the configuration.

    Args:
        text: what it means, for editors and references.
        default: its default; without one it has to be given.
        factory: makes the default, where it can be changed.
        secret: whether its value is never shown.
        shown: whether it has a part in the ``repr`` of its section.
        above: its value has to be more than this number.
        within: its value has to be between these two numbers, or one of them.
        check: says what is wrong with a value; empty for nothing.
    """
    facts: dict[str, Any] = {HELP: text}
    facts |= {SECRET: True} if secret else {}
    facts |= {ABOVE: above} if above is not None else {}
    facts |= {WITHIN: within} if within is not None else {}
    facts |= {CHECK: check} if check is not None else {}
    if factory is not None:
        return field(factory=factory, repr=shown and not secret, metadata=facts)
    return field(default=default, repr=shown and not secret, metadata=facts)


@frozen(kw_only=True)
class TicketSection:
    """``ticket``: where tickets go, and the package of a ticket that names none."""

    provider: str = setting('Where tickets go; "internal" is the database.', "internal")
    package: str = setting("The package (scope, tenant) of a ticket that names none.", "CORE", check=_blank)


@frozen(kw_only=True)
class DatabaseSection:
    """``database``: the URL of the store (empty: an SQLite file in the user's data folder), seconds to wait for it."""

    url: str = setting(
        "The store as a URL; empty: an SQLite file in the user's data folder.", "", shown=False, check=_not_a_url
    )
    timeout: float = setting("Seconds to wait for another writer.", 10.0, within=_SECONDS)


@frozen(kw_only=True)
class Targets:
    """Minutes until the first answer and until the solution."""

    response: int = setting("Minutes until the first answer.", within=(1, MAX_MINUTES))
    resolution: int = setting("Minutes until the solution.", within=(1, MAX_MINUTES))


def _default_targets() -> dict[Priority, Targets]:
    return {
        Priority.CRITICAL: Targets(response=15, resolution=4 * 60),
        Priority.HIGH: Targets(response=60, resolution=8 * 60),
        Priority.MEDIUM: Targets(response=4 * 60, resolution=24 * 60),
        Priority.LOW: Targets(response=8 * 60, resolution=3 * 24 * 60),
        Priority.INFO: Targets(response=24 * 60, resolution=7 * 24 * 60),
    }


@frozen(kw_only=True)
class SlaSection:
    """``sla``: targets where no policy is set (``defaults: false`` for none), and how the clocks run."""

    defaults: dict[Priority, Targets] = setting(
        "Targets for each priority where no service level is set; false for none.", factory=_default_targets
    )
    pause: tuple[Status, ...] = setting("The statuses in which the clocks stand still.", (Status.ON_HOLD,))
    recompute: Recompute = setting(
        "Where the clocks start when package, priority or type change.", Recompute.FROM_CREATION
    )


@frozen(kw_only=True)
class TemplatesSection:
    """``templates``: the folder in which packages have templates of their own."""

    root: Path | None = setting("The folder below which packages have templates of their own.", None)


@frozen(kw_only=True)
class EmailSection:
    """``email``: the mail server; without a host, mails are kept as files in ``folder``."""

    host: str = setting("The mail server; empty: mails are kept as files.", "")
    port: int = setting("Its port; 0 is the usual one of email.security.", 0, within=(0, 65535))
    security: Literal["none", "starttls", "tls"] = setting("How the connection is protected.", "starttls")
    username: str = setting("The login; empty: none.", "")
    password: str = setting("Its password.", "", secret=True)
    sender: str = setting(
        "Who mails are from: Name <address>, or an address alone.", "ticketcore <ticketcore@localhost.localdomain>"
    )
    ca_file: Path | None = setting("Certificate authorities to trust instead of the system's.", None)
    folder: Path | None = setting("Where mails are kept without a server.", None)


@frozen(kw_only=True)
class WebhookSection:
    """``webhooks.NAME``: a place that the notifier ``webhook`` posts to."""

    url: str = setting("Where to post to; http or https.", secret=True)
    secret: str = setting("The key that signs what is posted; empty: it is not signed.", "", secret=True)
    allow_private: bool = setting("Whether its name may lead to private or local addresses.", default=False)
    ca_file: Path | None = setting("Certificate authorities to trust instead of the system's.", None)


@frozen(kw_only=True)
class JobsSection:
    """``scheduler.jobs``: seconds between two runs of each job of the worker; 0 is never."""

    outbox: float = setting("Seconds between two rounds of deliveries.", 10.0, within=(0, 1e9))
    escalations: float = setting("Seconds between two looks for tickets to escalate.", 60.0, within=(0, 1e9))
    sla: float = setting("Seconds between two looks whether service levels have changed.", 60.0, within=(0, 1e9))
    recurring: float = setting("Seconds between two looks for schedules that are due.", 60.0, within=(0, 1e9))


@frozen(kw_only=True)
class SchedulerSection:
    """``scheduler``: how deliveries are tried, and how often the worker does what; times in seconds."""

    inline: bool = setting("Whether a command tries to deliver what it caused at once.", default=True)
    inline_timeout: float = setting(
        "Seconds for that try, for all messages of a command together.", 3.0, within=_SECONDS
    )
    timeout: float = setting("Seconds that the worker waits for a server at each step.", 30.0, within=_SECONDS)
    attempts: int = setting("How often a delivery is tried before it is given up.", 10, within=(1, 1000))
    engine: str = setting("What runs the jobs of the worker.", "loop")
    jobs: JobsSection = setting("Seconds between two runs of each job.", JobsSection())


@frozen(kw_only=True)
class RecurringSection:
    """``recurring``: what becomes of what was missed while no worker ran, and what counts as missed."""

    catch_up: CatchUp = setting(
        "Whether a new schedule makes one for all that were missed, all, or none of them.", CatchUp.ONE
    )
    grace: float = setting("Seconds for which something due counts as on time, not as missed.", 3600.0, within=(0, 1e9))


@frozen(kw_only=True)
class WorkflowSection:
    """``workflow``: the one of every package that has none of its own, and those that have."""

    default: Workflow = setting("The workflow of packages that have none of their own.", DEFAULT)
    packages: Mapping[str, Workflow] = setting("The workflows of packages by name.", factory=dict)


@frozen(kw_only=True)
class Config:
    """The whole configuration."""

    ticket: TicketSection = setting("Where tickets go.", TicketSection())
    database: DatabaseSection = setting("The store.", DatabaseSection())
    timezone: str = setting(
        "The IANA zone in which dates are typed and shown. What is stored is UTC.", "UTC", check=zone_problem
    )
    workflow: WorkflowSection = setting(
        "default, strict, a declaration, or default and packages with any of these.", WorkflowSection()
    )
    sla: SlaSection = setting("Service levels.", SlaSection())
    templates: TemplatesSection = setting("Templates of mails.", TemplatesSection())
    email: EmailSection = setting("Mails: the server, or the folder.", EmailSection())
    notifiers: tuple[str, ...] = setting("The channels over which people are told; [] for silence.", ("email",))
    webhooks: dict[str, WebhookSection] = setting("Where the notifier webhook posts to, by name.", factory=dict)
    providers: dict[str, dict[str, Any]] = setting(
        "Settings of providers: a section for each.", factory=dict, shown=False
    )
    recurring: RecurringSection = setting("Tickets that recur.", RecurringSection())
    scheduler: SchedulerSection = setting("Deliveries, and the jobs of the worker.", SchedulerSection())
    plugins: dict[str, dict[str, Any]] = setting("Settings of plugins: a section for each.", factory=dict, shown=False)
