"""Templates: stored, listed, found by name."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import asdict, define, evolve, fields, frozen

from ticketcore.domain.checks import SUBJECT_LENGTH, Checks
from ticketcore.domain.query import Order, Query, eq, one_of
from ticketcore.domain.tasks import TASK_NAME_LENGTH
from ticketcore.domain.template import Template, TemplateDraft, TemplateTask
from ticketcore.domain.ticket import Priority, TicketType
from ticketcore.errors import ConflictError, NotFoundError, Problem, RejectedError
from ticketcore.ports.render import LONGEST_TEXT, Placeholders
from ticketcore.ports.repository import Repository, Transaction
from ticketcore.ports.system import Clock, Ids
from ticketcore.services.narrowing import in_package
from ticketcore.services.repeating import reads

_log = logging.getLogger(__name__)

_MOST_TASKS = 100


class Existing(StrEnum):
    """What becomes of a template that is there already when one of the same name is added."""

    REFUSE = "refuse"
    REPLACE = "replace"
    KEEP = "keep"


class Outcome(StrEnum):
    """What adding a template came to."""

    ADDED = "added"
    REPLACED = "replaced"
    KEPT = "kept"


@frozen
class StoredTemplate:
    """A template as it is stored, and what adding it came to."""

    template: Template
    outcome: Outcome


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean X?" for the nearest of ``known``, nothing if none is near."""
    found = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {found[0]}?" if found else ""


def find_template(tx: Transaction, name: str, package: str) -> Template:
    """Return the active template ``name`` of ``package``, else that of the empty package.

    Raises:
        NotFoundError: there is none.
    """
    checks = Checks()
    name, package = checks.line("template_name", name, required=True), checks.line("package", package)
    checks.done()
    found = tx.find(Query(Template, (eq("name", name), one_of("package", (package, "")), eq("active", value=True))))
    if found:
        return max(found, key=lambda template: template.package)  # every name sorts behind the empty one
    raise NotFoundError("template", name, hint=_hint(tx, name, package))


def _hint(tx: Transaction, name: str, package: str) -> str:
    """Return where a template may be that was not found."""
    templates = tx.find(Query(Template, order=(Order("package"), Order("name"))))
    within = [one for one in templates if one.package in {package, ""}]
    where = "ticketcore list-templates shows all"
    if any(one.name == name for one in within):
        return f"it is not active; add it again with replace; {where}"
    elsewhere = [one.package for one in templates if one.name == name and one.active]
    if elsewhere:
        return f"not in the package {package}, but in: {', '.join(elsewhere)}; {where}"
    near = nearest(name, (one.name for one in within if one.active)).removeprefix("; ")
    return f"{near} {where}".lstrip()


@define(eq=False, repr=False)
class Templates:
    """The operations on templates; a ticket is made from one by ``tickets.create_from_template``."""

    repository: Repository
    clock: Clock
    ids: Ids
    placeholders: Callable[[], Placeholders]
    default_package: str

    def add_template(
        self,
        name: str,
        *,
        subject: str,
        package: str | None = None,
        description: str = "",
        ticket_type: str = "USER",
        priority: str = "MEDIUM",
        project: str = "",
        assign_to: str = "",
        tasks: Sequence[TemplateTask | Mapping[str, str] | str] = (),
        active: bool = True,
        replace: bool = False,
        action_by: str,
    ) -> Template:
        """Add a template and return it.

        ``subject``, ``description``, and the names and descriptions of tasks may have placeholders: ``{{ name }}``.

        Args:
            name: what it is called, unique within its package.
            subject: the title of its tickets.
            package: the package whose tickets are made from it; the configured one by default, empty for all that
                have none of this name themselves.
            description: the full text of its tickets.
            ticket_type: the type of its tickets.
            priority: their priority.
            project: their project.
            assign_to: who works on them; if empty, the auto-assign rules decide.
            tasks: what each of them begins with, at most 100: records, mappings with ``name``, ``description`` and
                ``assign_to``, or just names.
            active: whether tickets can be made from it.
            replace: whether one of this name may be there already, and is replaced.
            action_by: who adds it; it is logged.

        Raises:
            RejectedError: with every problem of the input; or there is one of this name, and it is not to be replaced.
        """
        draft = TemplateDraft(
            name=name,
            subject=subject,
            package=package,
            description=description,
            ticket_type=ticket_type,  # type: ignore[arg-type]  # checked below
            priority=priority,  # type: ignore[arg-type]
            project=project,
            assign_to=assign_to,
            tasks=tasks,  # type: ignore[arg-type]
            active=active,
        )
        existing = Existing.REPLACE if replace else Existing.REFUSE
        return self._add([("", draft)], existing, action_by)[0].template

    def add_templates(
        self,
        drafts: Sequence[TemplateDraft],
        *,
        existing: str = Existing.REFUSE,
        problems: Sequence[Problem] = (),
        action_by: str,
    ) -> list[StoredTemplate]:
        """Add several templates, all of them or none, and return what became of each.

        Args:
            drafts: the templates.
            existing: what becomes of one that is there already: ``refuse``, ``replace`` or ``keep``.
            problems: what whoever has read them knows to be wrong with them: it is told with all the rest.
            action_by: who adds them; it is logged.

        Raises:
            RejectedError: with every problem of the input; the field of each begins with ``[0]``, ``[1]``, ….
        """
        checks = Checks()
        wanted = checks.member("existing", existing, Existing)
        checks.done()
        named = [(f"[{place}].", draft) for place, draft in enumerate(drafts)]
        return self._add(named, wanted or Existing.REFUSE, action_by, problems)

    @reads
    def list_templates(self, package: str | None = None) -> list[Template]:
        """Return the templates of ``package`` (by default of all), by package and name, inactive ones too."""
        where = in_package(package)
        with self.repository.transaction(read_only=True) as tx:
            return tx.find(Query(Template, where, (Order("package"), Order("name"))))

    @reads
    def get_template(self, name: str, package: str | None = None) -> Template:
        """Return the active template ``name`` of ``package`` (by default the configured one), else of the empty one.

        Raises:
            NotFoundError: there is none.
        """
        with self.repository.transaction(read_only=True) as tx:
            return find_template(tx, name, self.default_package if package is None else package)

    def _add(
        self,
        drafts: Sequence[tuple[str, TemplateDraft]],
        existing: Existing,
        action_by: str,
        problems: Sequence[Problem] = (),
    ) -> list[StoredTemplate]:
        checks = Checks()
        templates = [(path, self._checked(checks, path, draft)) for path, draft in drafts]
        seen: dict[tuple[str, str], str] = {}
        for path, one in templates:
            first = seen.setdefault((one.package, one.name), path)
            if first != path and one.name:
                checks.problems.append(Problem(f"{path}name", f"{one.name} is there twice, also as {first}name"))
        checks.problems[:] = [*problems, *(found for found in checks.problems if not _covered(found, problems))]
        checks.done()
        try:
            stored = self._store(templates, existing)
        except ConflictError:  # somebody else has added one at the same moment: now it is there
            stored = self._store(templates, existing)
        for done in stored:
            _log.info("template %s %s by %s", _full_name(done.template), done.outcome, action_by)
        return stored

    def _checked(self, outer: Checks, path: str, draft: TemplateDraft) -> Template:
        """Return ``draft`` as a record, and note in ``outer`` what is wrong with it."""
        checks = Checks()
        name = checks.line("name", draft.name, required=True)
        package = checks.line("package", self.default_package if draft.package is None else draft.package)
        subject = checks.line("subject", draft.subject, SUBJECT_LENGTH, required=True)
        made = Template(
            guid=self.ids.new(self.clock.now()),
            package=package,
            name=name,
            subject=self._filled_later(checks, "subject", subject),
            description=self._long_text(checks, "description", draft.description),
            ticket_type=checks.member("ticket_type", draft.ticket_type, TicketType) or TicketType.USER,
            priority=checks.member("priority", draft.priority, Priority) or Priority.MEDIUM,
            project=checks.line("project", draft.project),
            assign_to=checks.line("assign_to", draft.assign_to),
            tasks=self._checked_tasks(checks, draft.tasks),
            active=checks.flag("active", draft.active),
        )
        outer.problems += [Problem(f"{path}{problem.field}", problem.message) for problem in checks.problems]
        return made

    def _checked_tasks(self, checks: Checks, tasks: object) -> tuple[TemplateTask, ...]:
        if isinstance(tasks, str) or not isinstance(tasks, Sequence):
            checks.problems.append(Problem("tasks", f"must be a list of tasks, not {type(tasks).__name__}"))
            return ()
        if len(tasks) > _MOST_TASKS:
            checks.problems.append(Problem("tasks", f"are {len(tasks)}; at most {_MOST_TASKS} are allowed"))
            return ()
        return tuple(self._checked_task(checks, f"tasks[{place}]", task) for place, task in enumerate(tasks))

    def _checked_task(self, checks: Checks, where: str, task: object) -> TemplateTask:
        if isinstance(task, TemplateTask):
            given: Mapping[str, Any] = asdict(task)
        else:
            given = task if isinstance(task, Mapping) else {"name": task}
        for key in [key for key in given if key not in _TASK_FIELDS]:
            checks.problems.append(Problem(f"{where}.{key}", f"is not known; a task has {', '.join(_TASK_FIELDS)}"))
        name = checks.line(f"{where}.name", given.get("name", ""), TASK_NAME_LENGTH, required=True)
        return TemplateTask(
            name=self._filled_later(checks, f"{where}.name", name),
            description=self._long_text(checks, f"{where}.description", given.get("description", "")),
            assign_to=checks.line(f"{where}.assign_to", given.get("assign_to", "")),
        )

    def _long_text(self, checks: Checks, field: str, value: object) -> str:
        text = checks.text(field, value)
        if len(text) > LONGEST_TEXT:
            checks.problems.append(Problem(field, f"has {len(text)} characters; at most {LONGEST_TEXT} are allowed"))
            return ""
        return self._filled_later(checks, field, text)

    def _filled_later(self, checks: Checks, field: str, text: str) -> str:
        """Return ``text`` if its placeholders can be filled."""
        try:
            self.placeholders().names(text)
        except RejectedError as error:
            checks.problems += [Problem(field, problem.message) for problem in error.problems]
        return text

    def _store(self, templates: Sequence[tuple[str, Template]], existing: Existing) -> list[StoredTemplate]:
        checks, stored = Checks(), []
        with self.repository.transaction() as tx:
            for path, template in templates:
                same = (eq("package", template.package), eq("name", template.name))
                known = next(iter(tx.find(Query(Template, same))), None)
                if known is None:
                    stored.append(StoredTemplate(tx.add(template), Outcome.ADDED))
                elif existing is Existing.REPLACE:
                    stored.append(StoredTemplate(tx.save(evolve(template, guid=known.guid)), Outcome.REPLACED))
                elif existing is Existing.KEEP:
                    stored.append(StoredTemplate(known, Outcome.KEPT))
                else:
                    checks.problems.append(Problem(f"{path}name", _taken(known)))
            checks.done()
        return stored


def _covered(found: Problem, known: Sequence[Problem]) -> bool:
    """Return whether ``known`` says already that something is wrong there."""
    return any(f"{found.field}.".startswith((f"{one.field}.", f"{one.field}[")) for one in known)


_TASK_FIELDS = tuple(one.name for one in fields(TemplateTask))


def _full_name(template: Template) -> str:
    """Return what a template is called among all."""
    return f"{template.name} of {f'the package {template.package}' if template.package else 'any package'}"


def _taken(known: Template) -> str:
    state = "" if known.active else " (not active)"
    return f"{_full_name(known)} is there already{state}; replace it, or choose another name"
