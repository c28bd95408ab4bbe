"""Another account of the same machine, which knows every path: what it can open, list or change."""

import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from placet.local import find_running
from tests.cli.loaded import Program
from tests.cli.office import Office, an_expense, open_office, start
from tests.support.waiting import PATIENCE_SECONDS

STRANGER = 54321
HARMLESS = {
    # Which processes run and on which ports they listen, which anybody here can find out.
    "children.json",
    "stack.json",
    # Root's may be passed through, so that the account that Postgres runs as reaches its data.
    "home",
}
"""What a stranger may open for reading; it holds nothing of any case."""


@pytest.fixture
def exposed(open_directory: Path, program: Program) -> Iterator[Office]:
    """Give a service in a directory that everybody may enter, with a case that was paid.

    Its worker is started by hand, from a shell whose files everybody may read.
    """
    with open_office(open_directory, program) as office, by_hand(office) as environment:
        (open_directory / "dinner.pdf").write_bytes(b"%PDF-1.7 dinner for six")
        request = open_directory / "expense.json"
        request.write_text(json.dumps(an_expense("exposed", receipt="dinner.pdf")))
        case = office.placet("expense", request, env=environment).out.strip()
        office.until_pending(case)
        said = office.placet("approve", case, "--as", "bob@example.com", env=environment)
        assert said.code == 0, said.err
        assert office.placet("wait", case, "--timeout", "30").code == 0
        yield office


@contextmanager
def by_hand(office: Office) -> Iterator[dict[str, str]]:
    """Run a worker with an ordinary umask inside the block, and say how to reach it."""
    reach = {"PLACET_TASK_QUEUE": "by-hand", "PLACET_SPOOL": str(office.home / "spool")}
    before = os.umask(0o022)
    try:
        worker = start("worker.py", env=office.environment(**reach))
    finally:
        os.umask(before)
    try:
        yield reach
    finally:
        worker.terminate()
        worker.communicate(timeout=PATIENCE_SECONDS)


def everything(home: Path) -> list[Path]:
    """Return all that a service has on disk, wherever links lead."""
    found = [home]
    for directory in (home, *(link.readlink() for link in home.iterdir() if link.is_symlink())):
        found += directory.rglob("*")
    return [path for path in found if "programs-" not in str(path)]


@contextmanager
def attempt(done: list[str], what: str) -> Iterator[None]:
    """Note what succeeds inside the block."""
    with suppress(OSError):
        yield
        done.append(what)


def touch_everything(paths: list[Path]) -> list[str]:
    """Try to read, list, change and connect to each path; return what succeeded."""
    done: list[str] = []
    for path in paths:
        with attempt(done, f"connect {path}"):
            socket.socket(socket.AF_UNIX).connect(str(path))
        with attempt(done, f"list {path}"):
            os.listdir(path)  # noqa: PTH208 - the system's call itself
        with attempt(done, f"create in {path}"):
            os.close(os.open(path / "mine", os.O_CREAT | os.O_WRONLY))
        for how, flag in (("read", os.O_RDONLY), ("write", os.O_WRONLY)):
            with attempt(done, f"{how} {path}"):
                descriptor = os.open(path, flag | os.O_NONBLOCK)
                is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
                os.close(descriptor)
                if is_directory:
                    raise IsADirectoryError
    return done


def as_stranger(action: Callable[[], list[str]]) -> list[str]:
    """Run ``action`` in a process of another account, and return what it returned."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(STRANGER)
            os.setuid(STRANGER)
            os.write(writer, json.dumps(action()).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        said = told.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    done: list[str] = json.loads(said)
    return done


@pytest.mark.usefixtures("as_root")
def test_another_account_reads_lists_changes_and_connects_to_nothing(exposed: Office) -> None:
    address = find_running(exposed.home)
    assert address is not None
    paths = everything(exposed.home)
    names = {path.name for path in paths}
    assert {"temporal.db", ".s.PGSQL.5432", "PG_VERSION", "outbox", ".lock", "lock"} <= names
    assert any(path.suffix == ".xml" for path in paths)
    assert any(path.parent.name == "notices" for path in paths)
    everybody = exposed.home.parent / "everybody"
    everybody.write_text("for everybody")
    assert as_stranger(lambda: touch_everything([everybody])) == [f"read {everybody}"]

    done = as_stranger(lambda: touch_everything(paths))

    assert [each for each in done if Path(each.partition(" ")[2]).name not in HARMLESS] == []
