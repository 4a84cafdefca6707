"""Two merge, or link, the same tickets at the same moment in ways that exclude each other: exactly one succeeds."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from ticketcore import Link, LinkType, RejectedError, open_desk
from ticketcore.config.schema import Config, DatabaseSection
from ticketcore.desk import Desk
from ticketcore.domain.query import Query

ROUNDS = 15
WORKERS = 3
Step = Callable[[], object]

# Arguments: the file, and which of the two it is. Each line of input is the number of the first ticket of a round.
RACER = """
import sys
from ticketcore import RejectedError, open_desk
from ticketcore.config.schema import Config, DatabaseSection

file, me = sys.argv[1], int(sys.argv[2])
with open_desk(Config(database=DatabaseSection(url="sqlite:///" + file, timeout=60), notifiers=())) as desk:
    desk.tickets.read(1)
    print("ready", flush=True)
    for line in sys.stdin:
        pair = [int(line), int(line) + 1]
        one, other = pair[::-1] if me else pair
        try:
            {step}
            print("done", flush=True)
        except RejectedError as error:
            print("refused", error, flush=True)
"""


def config(url: str) -> Config:
    return Config(database=DatabaseSection(url=url, timeout=60), notifiers=())


def at_once(*steps: Step) -> tuple[int, list[RejectedError]]:
    """Run each step in a thread of its own, all at the same moment; return how many succeeded, and the refusals."""
    start = threading.Barrier(len(steps))
    done: list[object] = []
    refused: list[RejectedError] = []

    def run(step: Step) -> None:
        start.wait()
        try:
            done.append(step())
        except RejectedError as error:
            refused.append(error)

    threads = [threading.Thread(target=run, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) + len(refused) == len(steps)
    return len(done), refused


def verified(desk: Desk) -> bool:
    tickets = desk.queries.get_tickets_by_filter()
    return [problem for ticket in tickets for problem in desk.queries.verify_history(ticket)] == []


def test_of_two_merges_into_each_other_exactly_one_succeeds(store_url: str) -> None:
    with open_desk(config(store_url)) as desk:
        for _ in range(ROUNDS):
            one, other = (desk.tickets.create("x", action_by="ann") for _ in range(2))
            desk.comments.add_comment(one, "hello", commented_by="ann")
            succeeded, (error,) = at_once(
                partial(desk.tickets.merge, one.guid, other.guid, action_by="ann"),
                partial(desk.tickets.merge, other.guid, one.guid, action_by="bob"),
            )
            assert succeeded == 1
            assert "was merged into ticket" in str(error)
            both = [desk.tickets.read(ticket.guid) for ticket in (one, other)]
            gone, kept = sorted(both, key=lambda ticket: ticket.merged_into is None)
            assert (gone.status, gone.merged_into, gone.merged_guids) == ("CANCELLED", kept.guid, ())
            assert (kept.status, kept.merged_into, kept.merged_guids) == ("NEW", None, (gone.guid,))
            assert len(desk.comments.get_comments(kept)) == 1
        assert verified(desk)


def test_a_ticket_is_merged_into_one_of_several_targets_only(store_url: str) -> None:
    with open_desk(config(store_url)) as desk:
        for _ in range(ROUNDS):
            source, *targets = (desk.tickets.create("x", action_by="ann") for _ in range(WORKERS + 1))
            desk.time.log_time(source.guid, "ann@example.com", 30, action_by="ann")
            merge = partial(desk.tickets.merge, source.guid, action_by="ann")
            succeeded, refused = at_once(*(partial(merge, target.guid) for target in targets))
            assert (succeeded, len(refused)) == (1, WORKERS - 1)
            assert sum(desk.time.get_total_time(target.guid) for target in targets) == 30
        assert verified(desk)


@pytest.mark.parametrize("link_type", ["BLOCKS", "PARENT_OF"])
def test_of_the_links_that_close_a_cycle_together_one_is_refused(store_url: str, link_type: str) -> None:
    with open_desk(config(store_url)) as desk:
        for _ in range(ROUNDS):
            ring = [desk.tickets.create("x", action_by="ann") for _ in range(WORKERS)]
            pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
            link = partial(desk.links.add_link, link_type=link_type, created_by="ann")
            succeeded, (error,) = at_once(*(partial(link, one, other) for one, other in pairs))
            assert succeeded == WORKERS - 1
            assert "would make a cycle" in str(error)
        assert verified(desk)


def test_the_same_link_from_both_sides_is_made_once(store_url: str) -> None:
    with open_desk(config(store_url)) as desk:
        for _ in range(ROUNDS):
            one, other = (desk.tickets.create("x", action_by="ann") for _ in range(2))
            succeeded, (error,) = at_once(
                partial(desk.links.add_link, one, other, "RELATES_TO", created_by="ann"),
                partial(desk.links.add_link, other, one, "RELATES_TO", created_by="bob"),
            )
            assert succeeded == 1
            assert "already" in str(error)
            assert len(desk.links.get_links(one)) == len(desk.links.get_links(other)) == 1


def test_a_comment_that_meets_a_merge_is_on_the_target_or_refused(store_url: str) -> None:
    with open_desk(config(store_url)) as desk:
        for _ in range(ROUNDS):
            one, other = (desk.tickets.create("x", action_by="ann") for _ in range(2))
            succeeded, refused = at_once(
                partial(desk.tickets.merge, one.guid, other.guid, action_by="ann"),
                partial(desk.comments.add_comment, one, "hello", commented_by="bob"),
            )
            assert desk.comments.get_comments(one) == []
            assert len(desk.comments.get_comments(other)) == succeeded - 1
            assert [str(error) for error in refused] == (
                [f"ticket: ticket {one.ticket_number} was merged into ticket {other.ticket_number}; use that one"]
                * (2 - succeeded)
            )


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("desk.tickets.merge(one, other, action_by='ann')", "was merged into"),
        ("desk.links.add_link(one, other, 'BLOCKS', created_by='ann')", "would make a cycle"),
    ],
    ids=["merge", "link"],
)
def test_of_two_processes_exactly_one_succeeds(sqlite_file: Path, step: str, reason: str) -> None:
    with open_desk(config(f"sqlite:///{sqlite_file}")) as desk, ExitStack() as running:
        for _ in range(2 * ROUNDS):
            desk.tickets.create("x", action_by="ann")
        racers = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", RACER.replace("{step}", step), str(sqlite_file), str(me)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for me in (0, 1)
        ]
        pipes = [(racer.stdin, racer.stdout) for racer in racers if racer.stdin and racer.stdout]
        assert [answers.readline() for _, answers in pipes] == ["ready\n"] * 2
        for first in range(1, 2 * ROUNDS, 2):
            for orders, _ in pipes:
                orders.write(f"{first}\n")
                orders.flush()
            done, refused = sorted(answers.readline() for _, answers in pipes)
            assert done == "done\n"
            assert refused.startswith("refused")
            assert reason in refused
        for orders, _ in pipes:
            orders.close()
        assert [racer.wait(30) for racer in racers] == [0, 0]
        assert verified(desk)
        with desk.repository.transaction(read_only=True) as tx:
            links = tx.find(Query(Link))
        assert [link.link_type for link in links] == ([LinkType.BLOCKS] * ROUNDS if "link" in step else [])
