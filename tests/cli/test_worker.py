"""The worker as a process: how it starts, what it shows of itself, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from prometheus_client.parser import text_string_to_metric_families

Run = Callable[..., Result]
Data = Callable[..., Any]
Done = Callable[..., str]

SIGNALLING = """
    import os, signal
    from ticketcore.plugin.markers import hookimpl
    from ticketcore.plugin.records import NotifierSpec
    from ticketcore.ports.notifier import Receipt

    class Signalling:
        count = 0

        def send(self, notification, *, timeout):
            Signalling.count += 1
            if Signalling.count == 3:
                for _ in range(int(os.environ["SIGNALS"])):
                    os.kill(os.getpid(), signal.SIGTERM)
            return Receipt("taken")

    @hookimpl
    def ticketcore_notifiers():
        make = lambda settings: Signalling()
        return [NotifierSpec(name="signalling", summary="stops its process", target=make)]
"""


@pytest.fixture
def config(config: Path) -> Path:
    """Leave deliveries to the worker, and let it look for them all the time."""
    with config.open("a", encoding="utf-8") as file:
        file.write("scheduler:\n  inline: false\n  jobs: {outbox: 0.05}\n")
    return config


@contextmanager
def worker(*args: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a worker in a process of its own; it is killed at the end if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "ticketcore", "worker", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints."""
    assert process.stdout is not None
    return process.stdout.readline()


def note(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints to standard error."""
    assert process.stderr is not None
    return process.stderr.readline()


def ended(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str, str]:
    """Tell a process to stop; return its exit status, and what else it printed."""
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    return process.returncode, output, errors


def states(data: Data) -> list[str]:
    return [message["state"] for message in data("outbox", "list")]


@contextmanager
def without_outbox(folder: Path) -> Iterator[None]:
    """Take the table of the outbox away."""
    with closing(sqlite3.connect(folder / "desk.db")) as connection:
        (name,) = connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%NextAttempt%'").fetchone()
        connection.execute(f"ALTER TABLE {name} RENAME TO away")
        yield
        connection.execute(f"ALTER TABLE away RENAME TO {name}")


# Once.


def test_once_does_what_is_due(done: Done, data: Data) -> None:
    done("create", "Printer", "--watcher", "a@example.com")
    assert states(data) == ["PENDING"]
    assert data("worker", "--once") == {"job": "outbox", "outcome": "1 delivered"}
    assert states(data) == ["DELIVERED"]
    assert done("worker", "--once") == ""


def test_once_fails_with_its_job_and_the_others_run_all_the_same(run: Run, done: Done, config: Path) -> None:
    done("create", "Printer", "--priority", "CRITICAL")
    done("set-sla", "--package", "CORE", "--priority", "CRITICAL", "--response", "1", "--resolution", "2")
    with without_outbox(config.parent):
        result = run("worker", "--once")
    assert (result.exit_code, result.stderr) == (1, "")
    first, second = result.stdout.splitlines()
    assert first.startswith("outbox: failed: the database ")
    assert second == "sla: 1 recomputed"
    assert done("worker", "--once") == ""


def test_once_on_what_is_no_database(run: Run, config: Path) -> None:
    (config.parent / "desk.db").write_text("this is no database" * 100, encoding="utf-8")
    result = run("worker", "--once")
    assert result.exit_code == 1
    assert [text.partition(": the file ")[0] for text in result.stdout.splitlines()] == [
        "outbox: failed",
        "escalations: failed",
        "sla: failed",
        "recurring: failed",
    ]


def test_one_job_or_some(run: Run, done: Done, data: Data) -> None:
    done("create", "Printer", "--watcher", "a@example.com")
    assert done("worker", "--once", "--job", "sla", "--job", "escalations") == ""
    assert states(data) == ["PENDING"]
    assert done("worker", "--once", "--job", "outbox") == "outbox: 1 delivered\n"


def test_every_run_is_shown_on_demand(done: Done) -> None:
    done("create", "Printer", "--watcher", "a@example.com")
    first, *others = done("worker", "--once", "--verbose").splitlines()
    assert first == "outbox: 1 delivered"
    rest = ["escalations", "sla", "recurring"]
    assert [text.partition(" (")[0] for text in others] == [f"{name}: nothing to do" for name in rest]
    lines = [json.loads(text) for text in done("worker", "--once", "--verbose", "--json").splitlines()]
    assert [one["job"] for one in lines] == ["outbox", *rest]
    assert all(one["outcome"].startswith("nothing to do (") for one in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--job", "mail"], "'--job': there is no job mail; there are outbox, escalations, sla, recurring"),
        (["--job", "mail", "--job", "sla", "--job", "x"], "'--job': there is no job mail, x; there are outbox, "),
        (["--metrics", "http"], "'--metrics': 'http' is no port; give 9464, or 0.0.0.0:9464"),
        (["--metrics", "65536"], "'--metrics': '65536' is no port"),
        (["--metrics", "9" * 5000], "is no port"),
        (["--metrics", "-1"], "'--metrics': '-1' is no port"),
        (["--metrics", "127.0.0.1:"], "'--metrics': '127.0.0.1:' is no port"),
        (["--metrics", "٣"], "'--metrics': '٣' is no port"),
        (["--metrics", ""], "'--metrics': '' is no port"),
        (["--health", "nowhere/health.json"], "'--health': there is no folder "),
        (["--health", "."], "'--health': File '.' is a directory"),
    ],
    ids=range(11),
)
def test_wrong_usage(run: Run, arguments: list[str], message: str) -> None:
    result = run("worker", "--once", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (error,) = [text for text in result.stderr.splitlines() if text.startswith("Error: ")]
    assert message in error


def test_a_job_that_is_switched_off_is_none(run: Run, config: Path) -> None:
    none = "outbox: 0, escalations: 0, sla: 0, recurring: 0"
    text = config.read_text(encoding="utf-8").replace("outbox: 0.05", none)
    config.write_text(text, encoding="utf-8")
    result = run("worker", "--once", "--job", "sla")
    assert result.exit_code == 2
    assert "there is no job sla; there are none" in result.stderr
    assert run("worker").stderr == "worker: no jobs; SIGTERM or control-C stops it\nworker: stopped\n"


def test_an_engine_that_nobody_brings(run: Run, config: Path) -> None:
    text = config.read_text(encoding="utf-8").replace("inline: false", "engine: celery")
    config.write_text(text, encoding="utf-8")
    result = run("worker")
    assert result.exit_code == 4
    assert "there is no scheduler called 'celery'" in result.stderr


# Until it is told to stop.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_until_it_is_told_to_stop(done: Done, data: Data, number: int) -> None:
    done("create", "Printer", "--watcher", "a@example.com")
    with worker() as process:
        assert note(process) == (
            "worker: outbox every 0.05 s, escalations every 60 s, sla every 60 s, recurring every 60 s; "
            "SIGTERM or control-C stops it\n"
        )
        assert line(process) == "outbox: 1 delivered\n"
        done("create", "Printer", "--watcher", "a@example.com")
        assert line(process) == "outbox: 1 delivered\n"
        assert ended(process, number) == (0, "", "worker: stopped\n")
    assert states(data) == ["DELIVERED", "DELIVERED"]


@pytest.fixture
def signalling(run: Run, config: Path, tmp_path: Path, install: Callable[[str, str], Path]) -> str:
    """Return where Python finds a notifier that stops its process at the third of 25 messages that are due."""
    site = install("signalling", textwrap.dedent(SIGNALLING))
    with config.open("a", encoding="utf-8") as file:
        file.write("notifiers: [signalling]\n")
    for number in range(25):
        assert run("create", f"Printer {number}").exit_code == 0
    return str(site)


def test_a_stop_in_a_batch_finishes_the_batch(signalling: str, data: Data) -> None:
    with worker("--job", "outbox", PYTHONPATH=signalling, SIGNALS="1") as process:
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "outbox: 20 delivered\n")
    assert errors.splitlines()[-1] == "worker: stopped"
    assert sorted(states(data)) == ["DELIVERED"] * 20 + ["PENDING"] * 5


def test_a_second_stop_ends_it_at_once_and_loses_nothing(signalling: str, data: Data) -> None:
    with worker("--job", "outbox", PYTHONPATH=signalling, SIGNALS="2") as process:
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    assert sorted(states(data)) == ["DELIVERED"] * 2 + ["PENDING"] * 23
    with worker("--job", "outbox", "--once", PYTHONPATH=signalling, SIGNALS="0") as process:
        output, _ = process.communicate(timeout=30)
    assert output == "outbox: 5 delivered\n"  # the others are due again when the lease is over


# What it shows of itself.


def scrape(url: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return what metrics are shown, by name and values of labels."""
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - the worker's own server
        text = answer.read().decode()
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation for family in families)
    return {
        (sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def test_metrics_are_shown_over_http(done: Done) -> None:
    done("create", "Printer", "--watcher", "a@example.com")
    with worker("--metrics", "0") as process:
        begun = note(process)
        assert begun.startswith("worker: metrics at http://127.0.0.1:")
        assert line(process) == "outbox: 1 delivered\n"
        found = scrape(begun.split()[-1])
        status, _, errors = ended(process)
    assert (status, errors.splitlines()[-1]) == (0, "worker: stopped")
    assert found["ticketcore_job_runs_total", ("outbox", "ok")] >= 1
    assert found["ticketcore_outbox_messages", ("DELIVERED",)] == 1
    assert found["ticketcore_tickets", ("NEW",)] == 1
    assert found["ticketcore_store_up", ()] == 1


@pytest.mark.parametrize("address", ["127.0.0.1:0", ":0", "[::1]:0"])
def test_metrics_are_shown_where_they_should_be(run: Run, address: str) -> None:
    if address == "[::1]:0" and not socket.has_ipv6:
        pytest.skip("this system has no IPv6")
    result = run("worker", "--once", "--metrics", address)
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    host = address.removesuffix(":0") or "127.0.0.1"
    assert result.stderr.startswith(f"worker: metrics at http://{host}:")


def test_an_address_that_cannot_be_used_is_one_line(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("worker", "--once", "--metrics", str(port))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: metrics cannot be shown at 127.0.0.1:{port}: Address already in use\n"


def test_metrics_without_their_library_are_one_line(done: Done) -> None:
    program = (
        "import sys; sys.modules['prometheus_client'] = None; sys.argv = ['ticketcore', *sys.argv[1:]]; "
        "from ticketcore.cli.main import main; main()"
    )

    def outcome(*args: str) -> tuple[int, str, str]:
        command = [sys.executable, "-c", program, "worker", "--once", *args]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        return finished.returncode, finished.stdout, finished.stderr

    done("db", "init")
    status, output, errors = outcome("--metrics", "0")
    assert (status, output) == (1, "")
    (error,) = errors.splitlines()
    assert error.startswith("Error: metrics need a library that is not installed (")
    assert error.endswith("): pip install 'ticketcore[metrics]'")
    assert outcome() == (0, "", "")


def test_health_is_written_after_every_run(done: Done, config: Path) -> None:
    health = config.parent / "health.json"
    done("db", "init")

    def read() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(health.read_text(encoding="utf-8"))
        return found

    with worker("--health", str(health), "--job", "outbox", "--verbose") as process:
        note(process)
        for _ in range(2):  # it is shown, then written
            assert line(process).startswith("outbox: nothing to do")
        well = read()
        assert (well["status"], well["pid"], well["jobs"]["outbox"]["error"]) == ("ok", process.pid, "")
        with without_outbox(config.parent):
            while not line(process).startswith("outbox: failed: "):
                pass
            failing = read()
            assert failing["status"] == "failing"
            assert "lacks a part of the schema" in failing["jobs"]["outbox"]["error"]
        while not line(process).startswith("outbox: nothing to do"):
            pass
        line(process)
        assert read()["status"] == "ok"
        assert read()["time"] > well["time"]
        status, _, errors = ended(process)
    assert (status, errors) == (0, "worker: stopped\n")
    assert (read()["status"], list(read()["jobs"])) == ("stopped", ["outbox"])
    assert [path.name for path in config.parent.iterdir() if "health" in path.name] == ["health.json"]


def test_health_of_one_round_that_failed(run: Run, config: Path) -> None:
    health = config.parent / "health.json"
    (config.parent / "desk.db").write_text("this is no database" * 100, encoding="utf-8")
    assert run("worker", "--once", "--health", str(health)).exit_code == 1
    assert json.loads(health.read_text(encoding="utf-8"))["status"] == "failing"


def test_health_of_one_round(run: Run, config: Path) -> None:
    health = config.parent / "health.json"
    health.write_text("of an earlier worker", encoding="utf-8")
    assert run("worker", "--once", "--health", str(health)).exit_code == 0
    found = json.loads(health.read_text(encoding="utf-8"))
    assert (found["status"], list(found["jobs"])) == ("ok", ["outbox", "escalations", "sla", "recurring"])
