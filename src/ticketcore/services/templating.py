"""Tickets from templates: the placeholders are filled, and the ticket with its tasks is one change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from attrs import define, evolve, field, fields

from ticketcore.domain.checks import Checks
from ticketcore.domain.lifecycle import Change, TaskChange
from ticketcore.domain.tasks import TASK_NAME_LENGTH, addition, new_task
from ticketcore.domain.template import Template, TemplateTask
from ticketcore.errors import Problem, RejectedError
from ticketcore.ports.render import LONGEST_VALUE, Placeholders
from ticketcore.ports.repository import Transaction
from ticketcore.services.creation import Creation, NewTicket
from ticketcore.services.people import stored_assignee
from ticketcore.services.templates import find_template, nearest

OVERRIDES = tuple(one.name for one in fields(NewTicket))
"""What a caller can give instead of what the template says."""

_LONGEST_BITS = 1000


@define(eq=False, repr=False)
class Templating:
    """Makes the change that a ticket from a template is."""

    creation: Creation
    placeholders: Callable[[], Placeholders]

    def template_change(
        self,
        tx: Transaction,
        now: datetime,
        template_name: str,
        requested_by: str,
        *,
        package: str | None,
        values: Mapping[str, object],
        overrides: Mapping[str, object],
        action_by: str,
    ) -> Change:
        """Return the change that brings a ticket from a template into being, with the tasks of the template.

        The arguments are those of :meth:`ticketcore.services.lifecycle.Tickets.create_from_template`.

        Raises:
            NotFoundError: there is no such template.
            RejectedError: with every problem of the values, the overrides and the ticket that would be made.
        """
        scope = self.creation.default_package if package is None else package
        template = find_template(tx, template_name, scope)
        checks = Checks()
        wanted = _overrides(checks, overrides)
        asked = evolve(_asked(template, requested_by, scope), **wanted)
        filling = _Filling(template, self.placeholders(), checks, self._built_in(asked, now), _plain(checks, values))
        texts = {name: filling.text(name, fills=name not in wanted) for name in ("subject", "description")}
        asked = evolve(asked, **(texts | wanted))
        tasks = filling.tasks()
        filling.judge_values()
        change = checks.attempt(lambda: self.creation.change(tx, now, asked, action_by))
        checks.done()
        return self._with_tasks(tx, now, change, template, tasks)

    def _built_in(self, asked: NewTicket, now: datetime) -> dict[str, str]:
        texts = {name: getattr(asked, name) for name in ("package", "project", "requested_by")}
        return {
            "date": now.astimezone(self.creation.zone).date().isoformat(),
            **{name: text if isinstance(text, str) else "" for name, text in texts.items()},  # else it is refused
        }

    def _with_tasks(
        self, tx: Transaction, now: datetime, change: Change, template: Template, tasks: Sequence[TemplateTask]
    ) -> Change:
        made = [
            new_task(
                change.after,
                guid=self.creation.ids.new(now),
                name=task.name,
                description=task.description,
                assigned_to=stored_assignee(tx, task.assign_to),
                sort_order=place,
                now=now,
            )
            for place, task in enumerate(tasks, 1)
        ]
        first, *others = change.entries
        return evolve(
            change,
            entries=(evolve(first, note=f"from the template {template.name}"), *others, *map(addition, made)),
            tasks=tuple(TaskChange(None, task) for task in made),
        )


def _asked(template: Template, requested_by: str, package: str) -> NewTicket:
    return NewTicket(
        subject=template.subject,
        description=template.description,
        package=package,
        project=template.project,
        priority=template.priority,
        ticket_type=template.ticket_type,
        requested_by=requested_by,
        assigned_to=template.assign_to,
    )


def _mapping(checks: Checks, name: str, given: object) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return {str(key): value for key, value in given.items()}
    checks.problems.append(Problem(name, f"must be a mapping, not {type(given).__name__}"))
    return {}


def _overrides(checks: Checks, overrides: object) -> dict[str, Any]:
    """Return the fields that a caller gives; what is ``None`` is left to the template."""
    given = _mapping(checks, "overrides", overrides)
    for name, value in given.items():
        if name not in OVERRIDES:
            message = f"is no field of a new ticket{nearest(name, OVERRIDES)}; there are: {', '.join(OVERRIDES)}"
            checks.problems.append(Problem(f"overrides.{name}", message))
        elif isinstance(value, Iterator):
            checks.problems.append(Problem(f"overrides.{name}", "can be read only once; give a list"))
    return {name: value for name, value in given.items() if name in OVERRIDES and value is not None}


def _plain(checks: Checks, values: object) -> dict[str, str]:
    """Return the values that a caller gives as text, which has no behaviour of its own."""
    return {name: _text(checks, f"values.{name}", value) for name, value in _mapping(checks, "values", values).items()}


def _text(checks: Checks, name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | date | int | float | Decimal):
        problem = f"must be text, a number or a date, not {type(value).__name__}"
    elif isinstance(value, int) and value.bit_length() > _LONGEST_BITS:
        problem = "is too large a number"
    else:
        text = str.__str__(value) if isinstance(value, str) else str(value)
        if len(text) <= LONGEST_VALUE:
            return text
        problem = f"has {len(text)} characters; at most {LONGEST_VALUE} are allowed"
    checks.problems.append(Problem(name, problem))
    return ""


@define
class _Filling:
    """Fills the texts of one template, and notes everything that is wrong with them and with the values."""

    template: Template
    placeholders: Placeholders
    checks: Checks
    built_in: Mapping[str, str]
    given: Mapping[str, str]
    used: dict[str, None] = field(factory=dict, init=False)
    missing: dict[str, list[str]] = field(factory=dict, init=False)

    def text(self, name: str, *, fills: bool) -> str:
        """Return a text of the template itself; filled, unless it is only looked at for its placeholders."""
        text: str = getattr(self.template, name)
        if fills:
            return self._filled(name, text)
        with suppress(RejectedError):
            self.used.update(dict.fromkeys(self.placeholders.names(text)))
        return text

    def tasks(self) -> list[TemplateTask]:
        """Return the tasks of the template, filled."""
        return [self._task(f"tasks[{place}]", task) for place, task in enumerate(self.template.tasks)]

    def _task(self, where: str, task: TemplateTask) -> TemplateTask:
        name = self._filled(f"{where}.name", task.name)
        description = self._filled(f"{where}.description", task.description)
        return TemplateTask(
            name=self.checks.line(f"{where}.name", name, TASK_NAME_LENGTH, required=True),
            description=self.checks.text(f"{where}.description", description),
            assign_to=task.assign_to,
        )

    def _filled(self, where: str, text: str) -> str:
        """Return ``text`` with values in it; as it is where something is wrong."""
        values = {**self.built_in, **self.given}
        try:
            names = self.placeholders.names(text)
            self.used.update(dict.fromkeys(names))
            missing = [name for name, needed in names.items() if needed and name not in values]
            for name in missing:
                self.missing.setdefault(name, []).append(where)
            return text if missing else self.placeholders.fill(text, values)
        except RejectedError as error:
            of = f"of the template {self.template.name}"
            self.checks.problems += [Problem(f"{where} {of}", problem.message) for problem in error.problems]
            return text

    def judge_values(self) -> None:
        """Note the values that are missing, and those that no placeholder is for."""
        template = f"the template {self.template.name}"
        self.checks.problems += [
            Problem(f"values.{name}", f"is missing; {template} needs it in {', '.join(places)}")
            for name, places in self.missing.items()
        ]
        known = tuple(name for name in self.used if name not in self.built_in)
        self.checks.problems += [
            Problem(f"values.{name}", f"is no placeholder of {template}{nearest(name, known)}; {_listed(known)}")
            for name in self.given
            if name not in self.used and name not in self.built_in
        ]


def _listed(known: Sequence[str]) -> str:
    return f"there are: {', '.join(known)}" if known else "it has none"
