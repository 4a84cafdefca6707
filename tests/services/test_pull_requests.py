"""Pull requests of tickets, on both stores: linked to their tasks, and made into tickets, once each."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ticketcore import open_desk
from ticketcore.adapters.system import PlayedClock
from ticketcore.config.schema import Config, SchedulerSection
from ticketcore.desk import Desk
from ticketcore.domain.query import Query
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.work import PullRequestTicket, Task
from ticketcore.errors import ForbiddenError, NotFoundError, RejectedError
from ticketcore.testing.distributions import Installer

ANN = "ann@example.com"
DATA = Path(__file__).parents[1] / "data" / "pull_requests"
NAMES = sorted(file.stem for file in DATA.glob("*.json"))
URL = "https://git.example.com/acme/web/pulls/17"


def payload(name: str, **changes: Any) -> dict[str, Any]:
    """Return a payload, with other values in its pull request."""
    data: dict[str, Any] = json.loads((DATA / f"{name}.json").read_bytes())
    inner = next((data[key] for key in ("pull_request", "pullrequest", "object_attributes") if key in data), data)
    inner.update(changes)
    return data


def actions(desk: Desk, ticket: Ticket | int) -> list[str]:
    return [row.action for row in desk.queries.get_history(ticket)]


def everything(desk: Desk) -> list[Any]:
    """Return all that is stored about tickets."""
    with desk.repository.transaction(read_only=True) as tx:
        return [tx.find(Query(kind)) for kind in (Ticket, Task, PullRequestTicket)]


@pytest.fixture
def ticket(desk: Desk) -> Ticket:
    return desk.tickets.create("The total is wrong", action_by=ANN)


# link_pull_request


def test_a_pull_request_gets_a_task_of_its_own(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    desk.tasks.add_task(ticket, "Write a test", action_by=ANN)
    made = desk.pull_requests.link_pull_request(ticket.guid, "17", "acme/web", url=URL, action_by=ANN)
    assert (made.pr_id, made.pr_repo, made.pr_url) == ("17", "acme/web", URL)
    assert (made.name, made.status, made.sort_order) == ("Pull request acme/web#17", "OPEN", 2)
    assert (made.ticket_guid, made.package, made.created_date) == (ticket.guid, "CORE", clock.now())
    assert desk.tasks.get_tasks(ticket)[1] == made
    added, linked = desk.queries.get_history(ticket)[-2:]
    assert (added.action, added.new_value) == ("TASK_ADDED", "Pull request acme/web#17")
    assert (linked.action, linked.old_value, linked.new_value) == ("PR_LINKED", None, f"acme/web#17 {URL}")
    assert desk.queries.verify_history(ticket) == []


def test_the_task_that_is_named_gets_it(desk: Desk, ticket: Ticket, clock: PlayedClock) -> None:
    first, second = (desk.tasks.add_task(ticket, name, action_by=ANN) for name in ("one", "two"))
    later = clock.advance(hours=1)
    linked = desk.pull_requests.link_pull_request(ticket.guid, 17, "acme/web", task=second.guid, action_by="bo")
    assert linked == evolve(second, pr_id="17", pr_repo="acme/web", updated_date=later)
    assert desk.tasks.get_tasks(ticket) == [first, linked]
    row = desk.queries.get_history(ticket)[-1]
    assert (row.action, row.action_by, row.new_value, row.note) == ("PR_LINKED", "bo", "acme/web#17", "two")


def test_a_record_of_a_task_and_of_a_ticket_will_do(desk: Desk, ticket: Ticket) -> None:
    task = desk.tasks.add_task(ticket, "one", action_by=ANN)
    assert desk.pull_requests.link_pull_request(ticket, "17", task=task, action_by=ANN).guid == task.guid
    assert [one.pr_id for one in desk.pull_requests.get_linked_prs(ticket.ticket_number)] == ["17"]


@pytest.mark.parametrize("again", [{}, {"url": URL}, {"repo": "ACME/Web"}, {"named": True}])
def test_linking_it_again_changes_nothing(desk: Desk, ticket: Ticket, again: dict[str, Any]) -> None:
    linked = desk.pull_requests.link_pull_request(1, "17", "acme/web", url=URL, action_by=ANN)
    before = everything(desk), desk.queries.get_history(1), desk.versions.list_versions(1)
    task = linked.guid if again.pop("named", False) else None
    repo = again.pop("repo", "acme/web")
    assert desk.pull_requests.link_pull_request(1, "17", repo, task=task, action_by="bo", **again) == linked
    assert (everything(desk), desk.queries.get_history(1), desk.versions.list_versions(1)) == before


def test_another_address_of_the_same_pull_request_is_kept(desk: Desk, ticket: Ticket) -> None:
    linked = desk.pull_requests.link_pull_request(1, "17", "acme/web", action_by=ANN)
    again = desk.pull_requests.link_pull_request(1, "17", "acme/web", url=URL, action_by=ANN)
    assert again == evolve(linked, pr_url=URL)
    assert desk.pull_requests.get_linked_prs(1) == [again]
    row = desk.queries.get_history(1)[-1]
    assert (row.action, row.old_value, row.new_value) == ("PR_LINKED", "acme/web#17", f"acme/web#17 {URL}")


def test_a_task_can_get_another_pull_request(desk: Desk, ticket: Ticket) -> None:
    linked = desk.pull_requests.link_pull_request(1, "17", "acme/web", url=URL, action_by=ANN)
    other = desk.pull_requests.link_pull_request(1, "18", "acme/app", task=linked.guid, action_by=ANN)
    assert other == evolve(linked, pr_id="18", pr_repo="acme/app", pr_url="")
    assert desk.pull_requests.get_linked_prs(1) == [other]
    row = desk.queries.get_history(1)[-1]
    assert (row.old_value, row.new_value) == (f"acme/web#17 {URL}", "acme/app#18")


def test_a_pull_request_that_another_task_has_is_not_linked_twice(desk: Desk, ticket: Ticket) -> None:
    task = desk.tasks.add_task(ticket, "one", action_by=ANN)
    linked = desk.pull_requests.link_pull_request(1, "17", "acme/web", action_by=ANN)
    with pytest.raises(RejectedError, match=f"acme/web#17 is linked to the task {linked.guid}"):
        desk.pull_requests.link_pull_request(1, "17", "acme/web", task=task.guid, action_by=ANN)
    assert desk.tasks.get_tasks(1) == [task, linked]


def test_of_two_tasks_that_a_merge_brought_together_the_named_one_counts(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.create("The same again", action_by=ANN)
    tasks = [desk.pull_requests.link_pull_request(number, "17", action_by=ANN) for number in (1, 2)]
    desk.tickets.merge(2, 1, action_by=ANN)
    for task in tasks:
        assert desk.pull_requests.link_pull_request(1, "17", task=task.guid, action_by=ANN).guid == task.guid
    assert [task.guid for task in desk.pull_requests.get_linked_prs(1)] == [task.guid for task in tasks]
    with pytest.raises(RejectedError, match="merged into ticket 1"):
        desk.pull_requests.link_pull_request(2, "18", action_by=ANN)


def test_one_pull_request_may_belong_to_several_tickets_and_a_ticket_to_several(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.create("Another one", action_by=ANN)
    for number, pr_id, repo in ((1, "17", "acme/web"), (1, "17", ""), (1, "18", "acme/web"), (2, "17", "acme/web")):
        desk.pull_requests.link_pull_request(number, pr_id, repo, action_by=ANN)
    linked = [[(task.pr_repo, task.pr_id) for task in desk.pull_requests.get_linked_prs(number)] for number in (1, 2)]
    assert linked == [[("acme/web", "17"), ("", "17"), ("acme/web", "18")], [("acme/web", "17")]]


def test_only_tasks_with_a_pull_request_are_returned(desk: Desk, ticket: Ticket) -> None:
    assert desk.pull_requests.get_linked_prs(ticket) == []
    desk.tasks.add_task(ticket, "one", action_by=ANN)
    assert desk.pull_requests.get_linked_prs(ticket) == []
    with pytest.raises(NotFoundError):
        desk.pull_requests.get_linked_prs(7)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"pr_id": ""}, "pr_id"),
        ({"pr_id": " \n"}, "pr_id"),
        ({"pr_id": "x" * 256}, "pr_id"),
        ({"pr_id": "\0"}, "pr_id"),
        ({"pr_id": True}, "pr_id"),
        ({"pr_id": "https://git.example.com/acme/web/pull/17"}, "pr_id"),
        ({"pr_id": "https://u:secret@example.com/17"}, "pr_id"),
        ({"pr_id": "number 17"}, "pr_id"),
        ({"pr_id": "#"}, "pr_id"),
        ({"pr_id": None}, "pr_id"),
        ({"repo": "x" * 501}, "repo"),
        ({"repo": None}, "repo"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "https://u:secret@example.com/"}, "url"),
        ({"url": 5}, "url"),
    ],
    ids=range(15),
)
def test_what_is_no_pull_request_is_refused(desk: Desk, ticket: Ticket, given: dict[str, Any], field: str) -> None:
    before = everything(desk)
    arguments = {"pr_id": "17", "repo": "acme/web", **given}
    with pytest.raises(RejectedError) as caught:
        desk.pull_requests.link_pull_request(1, arguments.pop("pr_id"), action_by=ANN, **arguments)
    assert {problem.field for problem in caught.value.problems} == {field}
    assert "secret" not in str(caught.value)
    assert everything(desk) == before


def test_all_problems_are_told_at_once(desk: Desk, ticket: Ticket) -> None:
    with pytest.raises(RejectedError) as caught:
        desk.pull_requests.link_pull_request(1, "", "x" * 501, url="x", action_by=ANN)
    assert [problem.field for problem in caught.value.problems] == ["pr_id", "repo", "url"]


def test_a_task_of_another_ticket_or_of_none_is_not_there(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.create("Another one", action_by=ANN)
    other = desk.tasks.add_task(2, "one", action_by=ANN)
    before = everything(desk)
    for task in (other.guid, other, "nothing", ""):
        with pytest.raises(NotFoundError, match="there is no task of ticket 1"):
            desk.pull_requests.link_pull_request(1, "17", task=task, action_by=ANN)
    with pytest.raises(NotFoundError):
        desk.pull_requests.link_pull_request(7, "17", action_by=ANN)
    assert everything(desk) == before


def test_a_cancelled_ticket_gets_no_task(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.cancel(1, action_by=ANN)
    with pytest.raises(RejectedError, match="CANCELLED"):
        desk.pull_requests.link_pull_request(1, "17", action_by=ANN)


def test_a_link_may_be_older_than_the_ticket(desk: Desk, ticket: Ticket) -> None:
    desk.tickets.update(ticket, subject="Changed since", action_by=ANN)
    desk.pull_requests.link_pull_request(ticket, "17", action_by=ANN)
    assert desk.tickets.read(1).subject == "Changed since"


def test_a_link_is_a_version(desk: Desk, ticket: Ticket) -> None:
    count = len(desk.versions.list_versions(1))
    desk.pull_requests.link_pull_request(1, "17", action_by=ANN)
    assert len(desk.versions.list_versions(1)) == count + 1


def test_linking_at_the_same_moment_makes_one_task(sqlite_desk: Desk) -> None:
    sqlite_desk.tickets.create("x", action_by=ANN)
    tasks = at_once(6, lambda place: sqlite_desk.pull_requests.link_pull_request(1, "17", "acme/web", action_by=ANN))
    assert len({task.guid for task in tasks}) == 1
    assert sqlite_desk.tasks.get_tasks(1) == tasks[:1]
    assert actions(sqlite_desk, 1) == ["CREATED", "TASK_ADDED", "PR_LINKED"]


# create_from_pr


@pytest.mark.parametrize("name", NAMES)
def test_a_pull_request_of_every_shape_becomes_a_ticket(desk: Desk, name: str) -> None:
    made = desk.tickets.create_from_pr(payload(name), action_by=ANN)
    assert desk.tickets.read(made.guid) == made
    assert (made.ticket_number, made.status, made.package, made.priority) == (1, "NEW", "CORE", "MEDIUM")
    assert made.subject
    assert made.sla_resolution_deadline is not None
    (task,) = desk.pull_requests.get_linked_prs(made)
    assert (task.name, task.sort_order) == (f"Pull request {task.pr_repo}#{task.pr_id}", 1)
    assert actions(desk, made) == ["CREATED", "TASK_ADDED", "PR_LINKED"]
    assert desk.queries.verify_history(made) == []


def test_title_and_body_become_subject_and_description(desk: Desk, clock: PlayedClock) -> None:
    made = desk.tickets.create_from_pr(payload("bitbucket_cloud_webhook"), action_by=ANN)
    assert made.subject == "Round the total once, at the end"
    assert made.description == "Each line was rounded by itself.\n\n* adds a test for three items"
    assert (made.ticket_type, made.requested_by, made.requested_by_type) == ("INTERNAL", "noor", "SYSTEM")
    (task,) = desk.tasks.get_tasks(made)
    assert (task.pr_id, task.pr_repo, task.status) == ("52", "lakeside/shop-front", "OPEN")
    assert task.pr_url == "https://bitbucket.org/lakeside/shop-front/pull-requests/52"
    created, _, linked = desk.queries.get_history(made)
    assert created.note == "from the pull request lakeside/shop-front#52"
    assert linked.new_value == f"lakeside/shop-front#52 {task.pr_url}"


@pytest.mark.parametrize(
    ("name", "status", "done"),
    [("github_webhook", "OPEN", False), ("github_rest", "DONE", True), ("gitea_rest", "CANCELLED", False)],
)
def test_the_task_is_as_far_as_the_pull_request(
    desk: Desk, clock: PlayedClock, name: str, status: str, done: bool
) -> None:
    made = desk.tickets.create_from_pr(payload(name), action_by=ANN)
    (task,) = desk.tasks.get_tasks(made)
    assert (task.status, task.completed_date) == (status, clock.now() if done else None)


def test_without_an_author_whoever_creates_it_has_asked(desk: Desk) -> None:
    made = desk.tickets.create_from_pr(payload("github_rest", user=None), action_by=" the  pipeline ")
    assert (made.requested_by, made.requested_by_type) == ("the pipeline", "SYSTEM")


def test_nobody_gets_mail_because_a_payload_names_them(desk: Desk) -> None:
    desk.people.add_person("Maya", "maya@example.com", username="maplewood")
    desk.tickets.create_from_pr(payload("github_rest", user={"login": "maya@example.com"}), action_by=ANN)
    desk.tickets.create_from_pr(payload("github_webhook", number=1), action_by=ANN)
    assert desk.notifications.list_outbox() == []


def test_the_rules_decide_who_gets_it(desk: Desk) -> None:
    person = desk.people.add_person("Bo", "bo@example.com")
    desk.rules.auto_assign_add_rule("WEB", "bo@example.com", ticket_type="INTERNAL", action_by=ANN)
    made = desk.tickets.create_from_pr(payload("github_rest"), package="WEB", action_by=ANN)
    assert (made.package, made.assigned_to) == ("WEB", person.person_guid)
    assert actions(desk, made) == ["CREATED", "ASSIGNED", "TASK_ADDED", "PR_LINKED"]
    assert [message.recipient for message in desk.notifications.list_outbox()] == ["bo@example.com"]
    assert {row.package for row in desk.queries.get_history(made)} == {"WEB"}
    assert desk.tasks.get_tasks(made)[0].package == "WEB"


def test_a_long_title_is_cut(desk: Desk) -> None:
    made = desk.tickets.create_from_pr(payload("github_rest", title="x" * 501), action_by=ANN)
    assert made.subject == "x" * 499 + "…"


@pytest.mark.parametrize(
    "form", [dict, json.dumps, lambda data: json.dumps(data).encode()], ids=["dict", "str", "bytes"]
)
def test_a_payload_may_be_a_mapping_text_or_bytes(desk: Desk, form: Callable[[Any], Any]) -> None:
    assert desk.tickets.create_from_pr(form(payload("gitlab_rest")), action_by=ANN).requested_by == "sofia"


@pytest.mark.parametrize(
    "data", [{}, None, 7, [], "", "{", b"\xff", {"pull_request": {}}, {"object_kind": "note", "object_attributes": {}}]
)
def test_what_is_no_pull_request_leaves_nothing(desk: Desk, data: object) -> None:
    with pytest.raises(RejectedError) as caught:
        desk.tickets.create_from_pr(data, action_by=ANN)
    assert all(problem.field.startswith("pr_data") for problem in caught.value.problems)
    assert everything(desk) == [[], [], []]


def test_a_wrong_package_is_refused(desk: Desk) -> None:
    with pytest.raises(RejectedError, match="package"):
        desk.tickets.create_from_pr(payload("github_rest"), package="", action_by=ANN)
    assert everything(desk) == [[], [], []]


def test_a_policy_can_refuse_it_and_then_nothing_is_stored(
    make_desk: Callable[..., Desk], store_url: str, install: Installer
) -> None:
    install(
        "strict",
        """
        from ticketcore import hookimpl

        @hookimpl
        def ticketcore_forbid(change):
            if change.before is None and any(task.after.pr_repo for task in change.tasks):
                yield "no pull requests here"
        """,
    )
    desk = make_desk(store_url)
    with pytest.raises(ForbiddenError, match="no pull requests here"):
        desk.tickets.create_from_pr(payload("github_rest"), action_by=ANN)
    assert everything(desk) == [[], [], []]


# one pull request, one ticket


def test_the_same_pull_request_is_one_ticket(desk: Desk) -> None:
    made = desk.tickets.create_from_pr(payload("github_webhook"), action_by=ANN)
    before = everything(desk)
    for data in (payload("github_webhook"), payload("github_rest"), payload("github_rest", title="Renamed")):
        assert desk.tickets.create_from_pr(data, package="WEB", action_by="bo") == made
    assert everything(desk) == before
    assert len(desk.queries.get_history(made)) == 3


def test_pull_requests_that_differ_in_one_thing_are_several_tickets(desk: Desk) -> None:
    elsewhere = payload("github_rest", html_url="https://github.example.com/riverbank/almanac/pull/417")
    other_repo = deepcopy(payload("github_rest"))
    other_repo["base"]["repo"]["full_name"] = "riverbank/atlas"
    payloads = [payload("github_rest"), payload("github_rest", number=418), elsewhere, other_repo]
    numbers = [desk.tickets.create_from_pr(data, action_by=ANN).ticket_number for data in payloads]
    assert numbers == [1, 2, 3, 4]


def test_what_has_become_of_the_ticket_does_not_matter(desk: Desk) -> None:
    made = desk.tickets.create_from_pr(payload("gitlab_rest"), action_by=ANN)
    cancelled = desk.tickets.cancel(made, action_by=ANN)
    assert desk.tickets.create_from_pr(payload("gitlab_rest"), action_by=ANN) == cancelled


def test_a_ticket_that_was_merged_is_the_one_it_was_merged_into(desk: Desk) -> None:
    desk.tickets.create_from_pr(payload("gitlab_rest"), action_by=ANN)
    for number in (2, 3):
        desk.tickets.create(f"ticket {number}", action_by=ANN)
        desk.tickets.merge(number - 1, number, action_by=ANN)
    again = desk.tickets.create_from_pr(payload("gitlab_webhook"), action_by=ANN)
    assert again == desk.tickets.read(3)
    assert [task.pr_id for task in desk.pull_requests.get_linked_prs(again)] == ["15"]


def test_a_link_by_hand_is_no_ticket_of_the_pull_request(desk: Desk, ticket: Ticket) -> None:
    desk.pull_requests.link_pull_request(1, "417", "riverbank/almanac", action_by=ANN)
    assert desk.tickets.create_from_pr(payload("github_rest"), action_by=ANN).ticket_number == 2


def at_once(count: int, call: Callable[[int], Any]) -> list[Any]:
    """Return what ``call`` returns in ``count`` threads that begin together."""
    start = threading.Barrier(count)

    def run(place: int) -> Any:
        start.wait()
        return call(place)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def test_the_same_pull_request_at_the_same_moment_is_one_ticket(desk: Desk) -> None:
    names = ["gitlab_webhook", "gitlab_rest"] * 4
    made = at_once(8, lambda place: desk.tickets.create_from_pr(payload(names[place]), action_by=f"thread {place}"))
    assert len({ticket.guid for ticket in made}) == 1
    tickets, tasks, origins = everything(desk)
    assert [len(tickets), len(tasks), len(origins)] == [1, 1, 1]
    assert actions(desk, made[0]) == ["CREATED", "TASK_ADDED", "PR_LINKED"]


CALLER = """
import sys
from pathlib import Path
from ticketcore import open_desk
from ticketcore.config.schema import Config, DatabaseSection, EmailSection, SchedulerSection

me, folder, data = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]).read_bytes()
config = Config(
    database=DatabaseSection(url=f"sqlite:///{folder / 'desk.db'}", timeout=60),
    email=EmailSection(folder=folder / "mail"),
    scheduler=SchedulerSection(inline=False),
)
with open_desk(config) as desk:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(1, 11):
        changed = data.replace(b'"number": 417', b'"number": %d' % number)
        print(desk.tickets.create_from_pr(changed, action_by=me).ticket_number)
"""


@pytest.mark.slow
def test_the_same_pull_requests_from_several_processes_are_one_ticket_each(
    make_config: Callable[..., Config], sqlite_file: Path
) -> None:
    config = make_config(f"sqlite:///{sqlite_file}", scheduler=SchedulerSection(inline=False))
    with open_desk(config) as desk:
        desk.tickets.create("so that the store is there", action_by=ANN)
        callers = [
            subprocess.Popen(
                [sys.executable, "-c", CALLER, f"caller {place}", sqlite_file.parent, DATA / "github_rest.json"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for place in range(4)
        ]
        for caller in callers:
            assert caller.stdout is not None
            assert caller.stdout.readline() == "ready\n"
        answers = [caller.communicate("go\n", timeout=60) for caller in callers]
        assert [errors for _, errors in answers] == [""] * 4
        numbers = {printed for printed, _ in answers}
        assert len(numbers) == 1
        tickets, tasks, origins = everything(desk)
        assert [len(tickets), len(tasks), len(origins)] == [11, 10, 10]
        assert all(desk.queries.verify_history(ticket) == [] for ticket in tickets)


@pytest.mark.parametrize("written", ["#17", "!17", " 17 "])
def test_a_number_is_understood_as_hosts_write_it(desk: Desk, written: str) -> None:
    desk.tickets.create("one", action_by=ANN)
    first = desk.pull_requests.link_pull_request(1, 17, "acme/web", action_by=ANN)
    assert desk.pull_requests.link_pull_request(1, written, "acme/web", action_by=ANN) == first
