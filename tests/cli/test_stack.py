"""What runs and is run: the local stack, its worker, a worker alone, and an empty namespace."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from placet.local.address import find_running
from placet.local.places import remove_what_is_outside
from tests.cli.office import Office, an_expense, run, start
from tests.support.waiting import PATIENCE_SECONDS, until

TEMPORAL = str(Path(sys.executable).parent / "temporal")
ELSEWHERE = {"PLACET_TASK_QUEUE": "a-worker-alone"}
AT_ONCE_SECONDS = 20.0
"""Less than a worker gives to what is under way: here nothing is."""


def worker_of(office: Office, other_than: int = 0) -> int:
    """Wait until exactly one worker of the stack runs, and return its process id."""
    found: list[int] = []

    def alone() -> bool:
        found[:] = _workers(office)
        return len(found) == 1 and other_than not in found

    until(alone, "one worker of the stack")
    return found[0]


def _workers(office: Office) -> list[int]:
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if b"placet.cli.working" in _read(path)
        and f"PLACET_HOME={office.home}".encode() in _read(path.with_name("environ")).split(b"\0")
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@contextmanager
def started(
    program: str, *arguments: str, env: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Start a program inside the block; none outlives it, or keeps who reads from it waiting."""
    with start(program, *arguments, env=env) as process:
        fuse = threading.Timer(3 * PATIENCE_SECONDS, process.kill)
        fuse.start()
        try:
            yield process
        finally:
            fuse.cancel()
            process.kill()


def until_logged(worker: subprocess.Popen[str], event: str) -> None:
    """Read what a worker logs until it tells of an event; before it may wait for its servers."""
    assert worker.stderr is not None
    told: list[str] = []
    while not told or told[-1] != event:
        line = worker.stderr.readline()
        assert line, f"{event} was not logged, only {told}"
        told.append(json.loads(line)["event"])


def test_everything_is_told_by_status(office: Office) -> None:
    worker_of(office)
    said = office.placet("status", "--json")
    assert said.code == 0, said
    told = said.document
    assert (told["temporal"], told["postgres"], told["worker"]) == ("answers", "answers", "works")
    assert told["address"] == office.address
    nobody = office.placet("status", env={"PLACET_TASK_QUEUE": "nobody-here"})
    assert nobody.code == 3
    assert "placet worker" in nobody.out


def test_a_second_stack_in_the_same_directory_is_refused(office: Office) -> None:
    said = office.placet("up")
    assert said.code == 6
    assert "already runs" in said.err
    assert office.placet("status").code == 0


@pytest.mark.rule(number=5)
def test_a_worker_that_is_killed_is_started_again_and_loses_nothing(office: Office) -> None:
    case = office.submit("worker-killed")
    office.until_pending(case)
    first = worker_of(office)
    os.kill(first, signal.SIGKILL)
    approved = office.placet("approve", case, "--as", "bob", "--decision-id", "killed", "--json")
    assert approved.code in {0, 8}, approved.err
    assert office.placet("wait", case, "--timeout", "50").code == 0
    worker_of(office, other_than=first)
    again = office.placet("approve", case, "--as", "bob", "--decision-id", "killed", "--json")
    assert again.code == 0, again.err
    shown = office.placet("show", case, "--json").document
    assert [review["decision_id"] for review in shown["reviews"]] == ["killed"]
    assert len(shown["payments"]) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_stops_at_once_when_asked(office: Office, number: signal.Signals) -> None:
    with started("worker.py", env=office.environment(**ELSEWHERE)) as worker:
        until_logged(worker, "worker_started")
        worker.send_signal(number)
        _, log = worker.communicate(timeout=AT_ONCE_SECONDS)
    assert worker.returncode == 0, log
    assert json.loads(log.splitlines()[-1])["event"] == "worker_stopped"


def test_a_worker_waits_for_what_is_down_and_then_gives_up(nowhere: dict[str, str]) -> None:
    env = {**nowhere, "TEMPORAL_ADDRESS": "127.0.0.1:1", "PLACET_WAIT_SECONDS": "2"}
    with started("worker.py", env=env) as worker:
        _, log = worker.communicate()
    assert worker.returncode == 3, log
    first, *_, last = log.splitlines()
    waiting = json.loads(first)
    assert (waiting["event"], waiting["for_what"]) == ("waiting", "Temporal")
    assert last.startswith("placet worker: Temporal does not answer at 127.0.0.1:1")


def test_a_worker_that_waits_stops_when_asked(nowhere: dict[str, str]) -> None:
    with started("worker.py", env=nowhere) as worker:
        until_logged(worker, "waiting")
        worker.terminate()
        _, log = worker.communicate()
    assert worker.returncode == 0, log


def test_a_namespace_is_prepared_by_one_command(office: Office) -> None:
    subprocess.run(  # noqa: S603 - the wheel's program
        [
            *(TEMPORAL, "operator", "namespace", "create", "--address", office.address),
            *("--retention", "24h", "--namespace", "bare"),
        ],
        env=office.environment(),
        check=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )
    bare = {"TEMPORAL_ADDRESS": office.address, "TEMPORAL_NAMESPACE": "bare"}
    text = json.dumps(an_expense("bare"))

    def is_sent_to_setup() -> bool:
        said = office.placet("expense", "-", stdin=text, env=bare)
        return said.code == 3 and "placet setup" in said.err

    # Servers learn of a namespace, and of its attributes, within seconds.
    until(is_sent_to_setup, "the new namespace to be known")
    prepared = office.placet("setup", "--json", env=bare)
    assert prepared.code == 0, prepared.err
    assert prepared.document["search_attributes"] == ["PlacetPipeline", "PlacetRequester"]
    assert prepared.document["migrations"] == []
    until(
        lambda: office.placet("setup", "--json", env=bare).document["search_attributes"] == [],
        "the attributes to be known",
    )
    until(
        lambda: office.placet("expense", "-", stdin=text, env=bare).code == 0,
        "the namespace to take requests",
    )


def test_a_database_is_migrated_where_something_says_which(
    office: Office, nowhere: dict[str, str]
) -> None:
    assert office.placet("db", "migrate", "--json").document == {"migrations": []}
    said = run("db", "migrate", env=nowhere)
    assert said.code == 2
    assert "PLACET_ADMIN_DATABASE_URL" in said.err


def test_a_stack_is_brought_up_and_taken_down(tmp_path: Path, nowhere: dict[str, str]) -> None:
    home = tmp_path / "another"
    with started("starter.py", "up", "--home", str(home), "--json", env=nowhere) as process:
        assert process.stdout is not None
        exports = json.loads(process.stdout.readline())
        assert exports["PLACET_HOME"] == str(home)
        assert "placet_app" in exports["PLACET_DATABASE_URL"]
        stopped = run("down", "--home", home, "--json", env=nowhere)
        assert stopped.document == {"stopped": True}
        _, err = process.communicate()
    assert process.returncode == 0, err
    assert "mails              wait, once approved: set PLACET_SMTP_URL" in err
    assert find_running(home) is None
    assert run("down", "--home", home, "--json", env=nowhere).document == {"stopped": False}
    remove_what_is_outside(home)
