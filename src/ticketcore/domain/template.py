"""Templates: tickets that are filled in beforehand."""

from __future__ import annotations

from attrs import frozen

from ticketcore.domain.ticket import Priority, TicketType


@frozen(kw_only=True)
class TemplateTask:
    """A task that every ticket of a template begins with."""

    name: str
    description: str = ""
    assign_to: str = ""


@frozen(kw_only=True)
class TemplateDraft:
    """A template as somebody writes it, which may be wrong; without a package it is of the configured one."""

    name: str = ""
    subject: str = ""
    package: str | None = None
    description: str = ""
    ticket_type: TicketType = TicketType.USER
    priority: Priority = Priority.MEDIUM
    project: str = ""
    assign_to: str = ""
    tasks: tuple[TemplateTask, ...] = ()
    active: bool = True


@frozen(kw_only=True)
class Template:
    """A ticket that is filled in beforehand: a row of ``def_ticket_template``; its name is unique within a package.

    ``subject``, ``description`` and the names of ``tasks`` may hold placeholders.
    """

    guid: str
    package: str
    name: str
    subject: str
    description: str = ""
    ticket_type: TicketType = TicketType.USER
    priority: Priority = Priority.MEDIUM
    project: str = ""
    assign_to: str = ""
    tasks: tuple[TemplateTask, ...] = ()
    active: bool = True
