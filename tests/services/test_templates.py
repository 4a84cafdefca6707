"""Templates: stored, found, and made into tickets with their tasks; and what is refused, all of it at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ticketcore import open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, DatabaseSection
from ticketcore.desk import Desk
from ticketcore.domain.query import Query
from ticketcore.domain.template import Template, TemplateDraft, TemplateTask
from ticketcore.domain.ticket import Priority, Ticket, TicketType
from ticketcore.domain.work import Task
from ticketcore.errors import ConflictError, ForbiddenError, NotFoundError, RejectedError
from ticketcore.ports.repository import Repository, Transaction

ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"

MakeDesk = Callable[..., Desk]
Install = Callable[..., Path]


@pytest.fixture
def printer(desk: Desk) -> Template:
    return desk.templates.add_template(
        "PRINTER",
        subject="Printer {{ printer }} {{ state | default('is jammed') }}",
        description="Seen on {{ date }} by {{ requested_by }} in {{ package }}/{{ project }}.\n\n{{ details }}\n",
        ticket_type="BUG",
        priority="HIGH",
        project="OFFICE",
        tasks=[
            TemplateTask(
                name="Look at {{ printer }}", description="It {{ state | default('is jammed') }}.", assign_to=BOB
            ),
            "Tell {{ requested_by }}",
        ],
        action_by=ANN,
    )


def make(desk: Desk, name: str = "PRINTER", **arguments: Any) -> Ticket:
    given: dict[str, Any] = {"values": {"printer": "P7", "details": "Smoke."}, **arguments}
    return desk.tickets.create_from_template(name, given.pop("requested_by", ANN), **given)


def refused(desk: Desk, name: str = "PRINTER", **arguments: Any) -> list[str]:
    """Return why no ticket was made; nothing was stored."""
    before = everything(desk)
    with pytest.raises(RejectedError) as error:
        make(desk, name, **arguments)
    assert everything(desk) == before
    return error.value.lines()


def not_added(desk: Desk, **arguments: Any) -> list[str]:
    """Return why no template was added."""
    given: dict[str, Any] = {"name": "NEW", "subject": "new", **arguments}
    before = desk.templates.list_templates()
    with pytest.raises(RejectedError) as error:
        desk.templates.add_template(given.pop("name"), action_by=ANN, **given)
    assert desk.templates.list_templates() == before
    return error.value.lines()


def everything(desk: Desk) -> list[Any]:
    with desk.repository.transaction(read_only=True) as tx:
        kinds: tuple[type[Any], ...] = (Ticket, Task, Template)
        return [*(tx.find(Query(kind)) for kind in kinds), desk.notifications.list_outbox()]


def trail(desk: Desk, ticket: Ticket) -> list[tuple[str, str | None, str]]:
    """Return action, new value and note of each row; the initial values are left out."""
    assert desk.queries.verify_history(ticket) == []
    rows = desk.queries.get_history(ticket)
    return [(row.action, None if row.action == "CREATED" else row.new_value, row.note) for row in rows]


# Adding


def test_a_template_needs_no_more_than_a_name_and_a_subject(desk: Desk) -> None:
    added = desk.templates.add_template("  PLAIN\n one ", subject=" a\n b ", action_by=ANN)
    assert added == Template(guid=added.guid, package="CORE", name="PLAIN one", subject="a b")
    assert desk.templates.list_templates() == [added]
    assert desk.templates.get_template("PLAIN one") == added


def test_every_field_that_is_given_is_stored(desk: Desk) -> None:
    tasks = [TemplateTask(name="one"), {"name": "two", "description": "a\nb", "assign_to": BOB}, "three"]
    added = desk.templates.add_template(
        "FULL",
        subject="{{ x }} ä",
        package="IT",
        description="{{ y }}\n😀\n",
        ticket_type="FEATURE",
        priority="LOW",
        project="P",
        assign_to="bob",
        tasks=tasks,  # type: ignore[arg-type]
        active=False,
        action_by=ANN,
    )
    assert desk.templates.list_templates("IT") == [added]
    assert (added.subject, added.description) == ("{{ x }} ä", "{{ y }}\n😀\n")
    assert (added.ticket_type, added.priority) == (TicketType.FEATURE, Priority.LOW)
    assert (added.project, added.assign_to, added.active) == ("P", "bob", False)
    assert added.tasks == (
        TemplateTask(name="one"),
        TemplateTask(name="two", description="a\nb", assign_to=BOB),
        TemplateTask(name="three"),
    )


def test_a_name_belongs_to_one_template_of_a_package(desk: Desk, printer: Template) -> None:
    assert not_added(desk, name="PRINTER") == [
        "name: PRINTER of the package CORE is there already; replace it, or choose another name"
    ]
    desk.templates.add_template("PRINTER", package="", subject="any", active=False, action_by=ANN)
    assert not_added(desk, name="PRINTER", package="") == [
        "name: PRINTER of any package is there already (not active); replace it, or choose another name"
    ]


def test_replacing_keeps_nothing_but_the_guid(desk: Desk, printer: Template) -> None:
    replaced = desk.templates.add_template("PRINTER", subject="new", replace=True, action_by=BOB)
    assert replaced == Template(guid=printer.guid, package="CORE", name="PRINTER", subject="new")
    assert desk.templates.list_templates() == [replaced]
    added = desk.templates.add_template("OTHER", subject="new", replace=True, action_by=BOB)
    assert desk.templates.list_templates() == [added, replaced]


def test_everything_that_is_wrong_with_a_template_is_said_at_once(desk: Desk) -> None:
    lines = not_added(
        desk,
        name=" ",
        subject="{{ x.y }}",
        package=5,
        description="{{",
        ticket_type="TASK",
        priority="URGENT",
        project="p" * 256,
        assign_to=None,
        tasks=["", {"nme": "x", "name": "{{ 5 * 5 }}"}, 5, {"name": "n", "description": "{% x %}", "assign_to": 5}],
        active="yes",
    )
    assert [line.partition(":")[0] for line in lines] == [
        "name", "package", "subject", "description", "ticket_type", "priority", "project", "assign_to",
        "tasks[0].name", "tasks[1].nme", "tasks[1].name", "tasks[2].name", "tasks[3].description",
        "tasks[3].assign_to", "active",
    ]  # fmt: skip
    assert "tasks[1].nme: is not known; a task has name, description, assign_to" in lines
    assert "active: must be true or false, not 'yes'" in lines


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", "n" * 256, "has 256 characters; at most 255 are allowed"),
        ("subject", "s" * 501, "has 501 characters; at most 500 are allowed"),
        ("subject", "\0", "holds a character that is no text (NUL or half a surrogate pair)"),
        ("description", "d" * 100_001, "has 100001 characters; at most 100000 are allowed"),
        ("tasks", "one task", "must be a list of tasks, not str"),
        ("tasks", 5, "must be a list of tasks, not int"),
        ("tasks", ["task"] * 101, "are 101; at most 100 are allowed"),
    ],
)
def test_what_does_not_fit_is_refused(desk: Desk, field: str, value: object, reason: str) -> None:
    assert not_added(desk, **{field: value}) == [f"{field}: {reason}"]


def test_several_are_added_all_or_none(desk: Desk, printer: Template) -> None:
    one, two, known = (TemplateDraft(name=name, subject="s") for name in ("ONE", "TWO", "PRINTER"))
    with pytest.raises(RejectedError) as error:
        desk.templates.add_templates([one, known, two, TemplateDraft(name="", subject="")], action_by=ANN)
    assert error.value.lines() == ["[3].name: must not be empty", "[3].subject: must not be empty"]
    with pytest.raises(RejectedError) as error:
        desk.templates.add_templates([one, known, two], action_by=ANN)
    assert [problem.field for problem in error.value.problems] == ["[1].name"]
    with pytest.raises(RejectedError) as error:
        desk.templates.add_templates([one, two, one], existing="replace", action_by=ANN)
    assert error.value.lines() == ["[2].name: ONE is there twice, also as [0].name"]
    with pytest.raises(RejectedError, match="'sometimes' is not known; choose one of refuse, replace, keep"):
        desk.templates.add_templates([one], existing="sometimes", action_by=ANN)
    assert desk.templates.list_templates() == [printer]
    kept = desk.templates.add_templates([one, known], existing="keep", action_by=ANN)
    assert [(stored.template.name, stored.outcome) for stored in kept] == [("ONE", "added"), ("PRINTER", "kept")]
    assert kept[1].template == printer
    replaced = desk.templates.add_templates([known, two], existing="replace", action_by=ANN)
    assert [(stored.template.name, stored.outcome) for stored in replaced] == [
        ("PRINTER", "replaced"),
        ("TWO", "added"),
    ]
    assert [template.name for template in desk.templates.list_templates()] == ["ONE", "PRINTER", "TWO"]
    assert desk.templates.add_templates([], action_by=ANN) == []


class Racing:
    """A store in which somebody else adds a template at the very moment at which the first one would be stored."""

    def __init__(self, store: Repository, rival: Template) -> None:
        self.store, self.rivals = store, [rival]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Transaction]:
        with self.store.transaction(read_only=read_only) as tx:
            yield tx
            if not self.rivals:
                return
            tx.remove(tx.find(Query(Template))[0])
            tx.add(self.rivals.pop())
        raise ConflictError("template", "BUG")


@pytest.mark.parametrize(("replace", "subject"), [(True, "ours"), (False, "theirs")])
def test_one_that_somebody_else_adds_at_the_same_moment_is_there(desk: Desk, *, replace: bool, subject: str) -> None:
    rival = Template(guid="00000000-0000-7000-9000-000000000001", package="CORE", name="BUG", subject="theirs")
    templates = evolve(desk.templates, repository=Racing(desk.repository, rival))
    if replace:
        templates.add_template("BUG", subject="ours", replace=True, action_by=ANN)
    else:
        with pytest.raises(RejectedError, match="name: BUG of the package CORE is there already"):
            templates.add_template("BUG", subject="ours", action_by=ANN)
    (stored,) = desk.templates.list_templates()
    assert (stored.guid, stored.subject) == (rival.guid, subject)


# Finding


def test_the_template_of_the_package_goes_before_that_of_all(desk: Desk) -> None:
    shared = desk.templates.add_template("BUG", subject="any", package="", action_by=ANN)
    own = desk.templates.add_template("BUG", subject="IT", package="IT", action_by=ANN)
    assert desk.templates.list_templates() == [shared, own]
    assert desk.templates.list_templates("") == [shared]
    assert desk.templates.list_templates("CORE") == []
    assert desk.templates.get_template(" BUG ", "IT") == own
    assert desk.templates.get_template("BUG", "CORE") == desk.templates.get_template("BUG") == shared
    desk.templates.add_template("BUG", subject="IT", package="IT", active=False, replace=True, action_by=ANN)
    assert desk.templates.get_template("BUG", "IT") == shared


def test_one_that_is_not_there_is_told_with_where_to_look(desk: Desk, printer: Template) -> None:
    desk.templates.add_template("OLD", subject="old", active=False, action_by=ANN)
    desk.templates.add_template("HIDDEN", package="IT", subject="hidden", action_by=ANN)
    look = "ticketcore list-templates shows all"
    for name, hint in (
        ("PRINTR", f"did you mean PRINTER? {look}"),
        ("NOTHING_LIKE_IT", look),
        ("OLD", f"it is not active; add it again with replace; {look}"),
        ("HIDDEN", f"not in the package CORE, but in: IT; {look}"),
        ("OL", look),
    ):
        for ask in (lambda name=name: desk.templates.get_template(name, "CORE"), lambda name=name: make(desk, name)):
            with pytest.raises(NotFoundError) as error:
                ask()
            assert str(error.value) == f"there is no template {name} ({hint})"


@pytest.mark.parametrize("name", ["", 5, None, "\udcff", "\0"])
def test_a_name_that_is_none_is_refused(desk: Desk, name: Any) -> None:
    with pytest.raises(RejectedError, match="template_name: "):
        desk.templates.get_template(name)
    assert refused(desk, name)[0].startswith("template_name: ")


# Making tickets


def test_a_ticket_has_everything_of_its_template(desk: Desk, printer: Template, clock: PlayedClock) -> None:
    bob = desk.people.add_person("Bob", BOB)
    made = make(desk)
    assert desk.tickets.read(1) == made
    assert (made.subject, made.package, made.project) == ("Printer P7 is jammed", "CORE", "OFFICE")
    assert made.description == f"Seen on 2026-03-02 by {ANN} in CORE/OFFICE.\n\nSmoke.\n"
    assert (made.ticket_type, made.priority, made.status) == ("BUG", "HIGH", "NEW")
    assert (made.requested_by, made.requested_by_type, made.assigned_to) == (ANN, "INTERNAL", "")
    assert made.sla_response_deadline is not None
    look, tell = desk.tasks.get_tasks(made)
    assert (look.name, look.description, look.assigned_to) == ("Look at P7", "It is jammed.", bob.person_guid)
    assert (tell.name, tell.description, tell.assigned_to) == (f"Tell {ANN}", "", "")
    for place, task in enumerate((look, tell), 1):
        assert (task.ticket_guid, task.package, task.status, task.sort_order) == (made.guid, "CORE", "OPEN", place)
        assert (task.created_date, task.updated_date, task.completed_date) == (clock.now(), clock.now(), None)
    assert trail(desk, made) == [
        ("CREATED", None, "from the template PRINTER"),
        ("TASK_ADDED", "Look at P7", ""),
        ("TASK_ADDED", f"Tell {ANN}", ""),
    ]
    assert {row.action_by for row in desk.queries.get_history(made)} == {ANN}
    assert [message.notify_code for message in desk.notifications.list_outbox()] == ["CREATED"]


def test_a_task_that_is_added_later_comes_behind_those_of_the_template(desk: Desk, printer: Template) -> None:
    made = make(desk)
    desk.tasks.add_task(made, "Buy a new one", action_by=ANN)
    assert [task.name for task in desk.tasks.get_tasks(made)] == ["Look at P7", f"Tell {ANN}", "Buy a new one"]


def test_who_acts_need_not_be_who_asked_for_it(desk: Desk, printer: Template) -> None:
    made = make(desk, requested_by="eve", action_by=BOB)
    assert made.requested_by == "eve"
    assert {row.action_by for row in desk.queries.get_history(made)} == {BOB}


def test_what_the_caller_gives_goes_before_what_the_template_says(desk: Desk) -> None:
    desk.templates.add_template("ANY", subject="{{ printer }}", description="{{ details }}", package="", action_by=ANN)
    overrides = {
        "subject": "{{ printer }}",
        "description": "{{ no_such }}",
        "package": None,
        "project": "HOME",
        "priority": "LOW",
        "ticket_type": None,
        "requested_by": EVE,
        "requested_by_type": "EMAIL",
        "assigned_to": BOB,
        "watchers": [EVE],
        "eta_date": date(2026, 5, 1),
    }
    made = make(desk, "ANY", package="IT", overrides=overrides)
    assert (made.subject, made.description) == ("{{ printer }}", "{{ no_such }}")
    assert (made.package, made.project, made.priority, made.ticket_type) == ("IT", "HOME", "LOW", "USER")
    assert (made.requested_by, made.requested_by_type, made.assigned_to) == (EVE, "EMAIL", BOB)
    assert made.watchers == (EVE,)
    assert made.estimated_date == datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)


def test_overrides_are_what_built_in_values_say(desk: Desk, printer: Template) -> None:
    made = make(desk, overrides={"project": "HOME", "requested_by": "eve", "package": "IT"})
    assert made.description.startswith("Seen on 2026-03-02 by eve in IT/HOME.")
    assert desk.tasks.get_tasks(made)[1].name == "Tell eve"
    assert {task.package for task in desk.tasks.get_tasks(made)} == {"IT"}


def test_today_is_that_of_the_configured_zone(make_desk: MakeDesk, clock: PlayedClock) -> None:
    clock.advance(hours=15)  # 23:00 UTC
    desk = make_desk("memory:", timezone="Europe/Berlin")
    desk.templates.add_template("DAILY", subject="Check of {{ date }}", action_by=ANN)
    assert make(desk, "DAILY", values={}).subject == "Check of 2026-03-03"
    assert make(desk, "DAILY", values={"date": date(2026, 1, 1)}).subject == "Check of 2026-01-01"


def test_rules_assign_what_neither_template_nor_caller_does(desk: Desk) -> None:
    desk.rules.auto_assign_add_rule("CORE", BOB, ticket_type="BUG", action_by=ANN)
    desk.templates.add_template("RULED", subject="s", ticket_type="BUG", tasks=["t"], action_by=ANN)
    desk.templates.add_template("GIVEN", subject="s", ticket_type="BUG", assign_to=EVE, action_by=ANN)
    ruled = make(desk, "RULED", values={})
    assert ruled.assigned_to == BOB
    assert trail(desk, ruled) == [
        ("CREATED", None, "from the template RULED"),
        ("ASSIGNED", BOB, "auto-assigned by rule 1 (level 4)"),
        ("TASK_ADDED", "t", ""),
    ]
    assert make(desk, "GIVEN", values={}).assigned_to == EVE
    assert make(desk, "GIVEN", values={}, overrides={"assigned_to": "carl"}).assigned_to == "carl"
    assert make(desk, "GIVEN", values={}, overrides={"assigned_to": None}).assigned_to == EVE
    assert make(desk, "GIVEN", values={}, overrides={"assigned_to": ""}).assigned_to == BOB
    assert make(desk, "RULED", values={}, overrides={"ticket_type": "USER"}).assigned_to == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("{{ details }}", "{{ details }}"),
        ("{% if x %} <b> & \\", "{% if x %} <b> & \\"),
        (7, "7"),
        (-1.5, "-1.5"),
        (Decimal("3.10"), "3.10"),
        (date(2026, 5, 1), "2026-05-01"),
        (datetime(2026, 5, 1, 8, 30, tzinfo=UTC), "2026-05-01 08:30:00+00:00"),
        (Priority.HIGH, "HIGH"),
        ("", ""),
    ],
)
def test_values_are_text_numbers_and_dates(desk: Desk, value: object, shown: str) -> None:
    desk.templates.add_template(
        "T", subject="s", description="[{{ details }}]", tasks=["[{{ details }}]"], action_by=ANN
    )
    made = make(desk, "T", values={"details": value})
    assert made.description == f"[{shown}]"
    assert desk.tasks.get_tasks(made)[0].name == f"[{shown}]"


class Shouting(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"

    def __format__(self, spec: str) -> str:
        return "something else"

    def __html__(self) -> str:
        return "something else"


def test_a_value_has_no_behaviour(desk: Desk) -> None:
    desk.templates.add_template("T", subject="{{ x }} {{ x | upper }}", action_by=ANN)
    assert make(desk, "T", values={"x": Shouting("quiet")}).subject == "quiet QUIET"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "must be text, a number or a date, not NoneType"),
        (True, "must be text, a number or a date, not bool"),
        ([1], "must be text, a number or a date, not list"),
        (object, "must be text, a number or a date, not type"),
        (10**4000, "is too large a number"),
        ("x" * 20_001, "has 20001 characters; at most 20000 are allowed"),
    ],
)
def test_another_value_is_refused(desk: Desk, printer: Template, value: object, reason: str) -> None:
    assert refused(desk, values={"printer": "P7", "details": value}) == [f"values.details: {reason}"]


def test_all_values_that_are_missing_are_named_with_where_they_are_needed(desk: Desk, printer: Template) -> None:
    assert refused(desk, values={}) == [
        "values.printer: is missing; the template PRINTER needs it in subject, tasks[0].name",
        "values.details: is missing; the template PRINTER needs it in description",
    ]
    # What is overridden needs no value.
    assert refused(desk, values={}, overrides={"subject": "s", "description": "d"}) == [
        "values.printer: is missing; the template PRINTER needs it in tasks[0].name",
    ]


def test_a_value_that_nothing_is_there_for_is_refused(desk: Desk, printer: Template) -> None:
    values = {"printer": "P7", "details": "x", "stat": "burns", "date": "today"}
    (line,) = refused(desk, values=values)
    assert line.startswith("values.stat: is no placeholder of the template PRINTER; did you mean state?; ")
    assert line.endswith("; there are: printer, state, details")
    desk.templates.add_template("PLAIN", subject="s", action_by=ANN)
    assert refused(desk, "PLAIN", values={"x": 1}) == ["values.x: is no placeholder of the template PLAIN; it has none"]
    # What is overridden may have its value all the same.
    assert make(desk, overrides={"subject": "s", "description": "d"}).subject == "s"


def test_everything_that_is_wrong_with_a_ticket_is_said_at_once(desk: Desk, printer: Template) -> None:
    lines = refused(
        desk,
        package="CORE",
        values={"printer": None, "x": 1},
        overrides={
            "prioritty": "HIGH",
            "priority": "URGENT",
            "ticket_type": 5,
            "project": ["p"],
            "assigned_to": 5,
            "watchers": "eve",
            "eta_date": 5,
            "requested_by": 5,
        },
        action_by="",
    )
    assert [line.partition(":")[0] for line in lines] == [
        "overrides.prioritty", "values.printer", "values.details", "values.x", "project", "priority", "ticket_type",
        "requested_by", "watchers", "assigned_to", "eta_date", "action_by",
    ]  # fmt: skip
    assert lines[0].startswith("overrides.prioritty: is no field of a new ticket; did you mean priority?; there are: ")


def test_what_can_be_read_only_once_is_refused(desk: Desk, printer: Template) -> None:
    assert refused(desk, overrides={"watchers": iter([EVE])}) == [
        "overrides.watchers: can be read only once; give a list"
    ]


def test_values_and_overrides_are_mappings(desk: Desk, printer: Template) -> None:
    assert refused(desk, values=["a"], overrides="subject") == [
        "overrides: must be a mapping, not str",
        "values: must be a mapping, not list",
        "values.printer: is missing; the template PRINTER needs it in subject, tasks[0].name",
        "values.details: is missing; the template PRINTER needs it in description",
    ]


@pytest.mark.parametrize(
    ("subject", "task", "value", "reason"),
    [
        ("{{ x }}", "t", "x" * 501, "subject: has 501 characters; at most 500 are allowed"),
        ("{{ x }}", "t", " \n ", "subject: must not be empty"),
        ("s", "{{ x }}", "x" * 501, "tasks[0].name: has 501 characters; at most 500 are allowed"),
        ("s", "{{ x | trim }}", "  ", "tasks[0].name: must not be empty"),
        ("s", "{{ x }}", "\0", "tasks[0].name: holds a character that is no text (NUL or half a surrogate pair)"),
        ("{{ x }}", "t", "\ud800", "subject: holds a character that is no text (NUL or half a surrogate pair)"),
        ("{{ x }}" * 6, "t", "x" * 20_000, "subject of the template T: becomes too long: at most 100000 characters"),
    ],
)
def test_what_is_filled_in_has_to_fit_too(desk: Desk, subject: str, task: str, value: str, reason: str) -> None:
    desk.templates.add_template("T", subject=subject, tasks=[task], action_by=ANN)
    (line,) = refused(desk, "T", values={"x": value})
    assert line.startswith(reason)


def test_a_stored_template_that_is_wrong_is_told_as_such(desk: Desk, printer: Template) -> None:
    with desk.repository.transaction() as tx:
        tx.save(
            Template(
                guid=printer.guid,
                package="CORE",
                name="PRINTER",
                subject="{{ printer.x }}",
                tasks=(TemplateTask(name="{{ details"),),
            )
        )
    lines = refused(desk, values={})
    assert [line.partition(":")[0] for line in lines] == [
        "subject of the template PRINTER",
        "tasks[0].name of the template PRINTER",
    ]


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d", "date", "other"]), st.text(max_size=5)))
def test_exactly_the_missing_and_the_unknown_are_named(values: dict[str, str]) -> None:
    with open_desk(Config(database=DatabaseSection(url="memory:"), notifiers=())) as desk:
        desk.templates.add_template(
            "T", subject="s{{ a }}", description="{{ b }}{{ d | default('') }}", tasks=["t{{ c }}"], action_by=ANN
        )
        missing = {"a", "b", "c"} - values.keys()
        unknown = values.keys() & {"other"}
        unfit = {name for name, text in values.items() if "\0" in text}
        if not missing and not unknown and not unfit:
            made = desk.tickets.create_from_template("T", ANN, values=values)
            assert made.description == values["b"] + values.get("d", "")
            return
        with pytest.raises(RejectedError) as error:
            desk.tickets.create_from_template("T", ANN, values=values)
        named = {problem.field for problem in error.value.problems if problem.field.startswith("values.")}
        assert named == {f"values.{name}" for name in missing | unknown}
        assert desk.queries.get_open_tickets() == []


# One transaction


def test_a_policy_that_refuses_leaves_nothing(make_desk: MakeDesk, store_url: str, install: Install) -> None:
    install(
        "strict",
        """
        from ticketcore import hookimpl

        @hookimpl
        def ticketcore_forbid(change, action_by):
            if len(change.tasks) > 1:
                yield f"{len(change.tasks)} tasks are too many: {change.tasks[0].after.name}"
        """,
    )
    desk = make_desk(store_url)
    desk.templates.add_template("MANY", subject="s", tasks=["{{ x }}", "b"], action_by=ANN)
    before = everything(desk)
    with pytest.raises(ForbiddenError, match="2 tasks are too many: a"):
        make(desk, "MANY", values={"x": "a"})
    assert everything(desk) == before
    assert desk.tickets.create("next", action_by=ANN).ticket_number == 1


def test_what_a_policy_amends_keeps_the_tasks(make_desk: MakeDesk, store_url: str, install: Install) -> None:
    install(
        "amending",
        f"""
        from ticketcore import hookimpl

        @hookimpl
        def ticketcore_amend(change, action_by):
            if change.before is None:
                return {{"priority": "CRITICAL", "assigned_to": "{EVE}"}}
        """,
    )
    desk = make_desk(store_url)
    desk.templates.add_template("T", subject="s", assign_to=BOB, tasks=["a", "b"], action_by=ANN)
    made = make(desk, "T", values={})
    assert (made.priority, made.assigned_to) == ("CRITICAL", EVE)
    assert [task.name for task in desk.tasks.get_tasks(made)] == ["a", "b"]
    note = "amended by the policy amending"
    assert trail(desk, made) == [
        ("CREATED", None, f"from the template T; {note}: priority, assigned_to"),
        ("ASSIGNED", EVE, note),
        ("TASK_ADDED", "a", ""),
        ("TASK_ADDED", "b", ""),
    ]
    assert json.loads(desk.queries.get_history(made)[0].new_value or "")["priority"] == "CRITICAL"


def test_the_first_version_has_the_tasks_and_no_row(desk: Desk, printer: Template) -> None:
    made = make(desk)
    assert [version.version for version in desk.versions.list_versions(made)] == [1]
