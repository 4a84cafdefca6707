"""What can be configured: one class a section, with its defaults. ``config.yaml`` shows every key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from ticketcore.domain.sla import Recompute
from ticketcore.domain.ticket import Priority, Status
from ticketcore.domain.workflow import DEFAULT, Workflow


@frozen(kw_only=True)
class TicketSection:
    """``ticket``: where tickets go, and the package of a ticket that names none."""

    provider: str = "internal"
    package: str = "CORE"


@frozen(kw_only=True)
class DatabaseSection:
    """``database``: the URL of the store (empty: an SQLite file in the user's data folder), seconds to wait for it."""

    url: str = ""
    timeout: float = 10.0


@frozen(kw_only=True)
class Targets:
    """Minutes until the first answer and until the solution."""

    response: int
    resolution: int


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

    defaults: dict[Priority, Targets] = field(factory=_default_targets)
    pause: tuple[Status, ...] = (Status.ON_HOLD,)
    recompute: Recompute = Recompute.FROM_CREATION


@frozen(kw_only=True)
class TemplatesSection:
    """``templates``: the folder in which packages have templates of their own."""

    root: Path | None = None


@frozen(kw_only=True)
class EmailSection:
    """``email``: the mail server; without a host, mails are kept as files in ``folder``."""

    host: str = ""
    port: int = 0
    security: Literal["none", "starttls", "tls"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False, metadata={"secret": True})
    sender: str = "ticketcore <ticketcore@localhost.localdomain>"
    ca_file: Path | None = None
    folder: Path | None = None


@frozen(kw_only=True)
class SchedulerSection:
    """``scheduler``: how deliveries are tried, and how often the worker looks; times in seconds."""

    inline: bool = True
    inline_timeout: float = 3.0
    timeout: float = 30.0
    attempts: int = 10
    interval: float = 10.0


@frozen(kw_only=True)
class WorkflowSection:
    """``workflow``: the one of every package that has none of its own, and those that have."""

    default: Workflow = DEFAULT
    packages: Mapping[str, Workflow] = field(factory=dict)


@frozen(kw_only=True)
class Config:
    """The whole configuration."""

    ticket: TicketSection = TicketSection()
    database: DatabaseSection = DatabaseSection()
    timezone: str = "UTC"
    workflow: WorkflowSection = WorkflowSection()
    sla: SlaSection = SlaSection()
    templates: TemplatesSection = TemplatesSection()
    email: EmailSection = EmailSection()
    notifiers: tuple[str, ...] = ("email",)
    scheduler: SchedulerSection = SchedulerSection()
    plugins: dict[str, dict[str, Any]] = field(factory=dict)
