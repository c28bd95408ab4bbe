import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from placet.local import find_running, orphans
from placet.local.places import data_area, unprivileged_account
from placet.local.process import Child, spawn
from tests.local.helpers import add_row, alive, kept_rows, postgres_only, start_parent
from tests.support.waiting import eventually


@pytest.fixture
def bystander(open_directory: Path) -> Iterator[Child]:
    """A process of PostgreSQL's user that has nothing to do with any stack."""
    child = spawn(
        ["/bin/sleep", "600"],
        log=open_directory / "bystander.log",
        directory=Path("/"),
        environment={},
        dies_by=signal.SIGKILL,
        account=unprivileged_account(),
    )
    yield child
    asyncio.run(child.stop([]))


async def test_no_process_outlives_a_parent_that_is_killed_and_nothing_is_lost(home: Path) -> None:
    parent, address = await start_parent(home)
    await add_row(address)
    children = _descendants(parent.pid)
    assert len(children) > 2
    parent.kill()
    parent.wait()
    assert find_running(home) is None
    await eventually(lambda: not any(alive(pid) for pid in children), "its servers to end")
    async with postgres_only(home) as again:
        assert await kept_rows(again) == [("still here",)]


async def test_a_new_start_waits_for_what_a_killed_one_left_behind(home: Path) -> None:
    parent, address = await start_parent(home)
    await add_row(address)
    parent.kill()
    parent.wait()
    async with postgres_only(home) as again:
        assert await kept_rows(again) == [("still here",)]


async def test_the_whole_stack_survives_kill_9_of_every_process(home: Path) -> None:
    parent, address = await start_parent(home)
    await add_row(address)
    for pid in [parent.pid, *_descendants(parent.pid)]:
        # The kernel may have been quicker, once the parent was dead.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    parent.wait()
    async with postgres_only(home) as again:
        assert await kept_rows(again) == [("still here",)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_the_stack_in_order(home: Path, number: signal.Signals) -> None:
    parent, _ = await start_parent(home)
    children = _descendants(parent.pid)
    parent.send_signal(number)
    await eventually(lambda: parent.poll() is not None, "the parent to end")
    assert parent.returncode == 0
    assert not any(alive(pid) for pid in children)
    assert find_running(home) is None
    log = (home / "logs" / "postgres.log").read_text()
    assert "received fast shutdown request" in log
    assert "database system is shut down" in log


async def test_a_stale_pid_file_neither_stops_the_start_nor_costs_data(
    home: Path, bystander: Child
) -> None:
    async with postgres_only(home) as address:
        await add_row(address)
    with (
        subprocess.Popen(["/bin/true"]) as dead,
        subprocess.Popen(["/bin/true"], user=_postgres_user()) as zombie,
    ):
        dead.wait()
        await eventually(lambda: not alive(zombie.pid), "the zombie to die")
        for pid in (dead.pid, zombie.pid, bystander.pid):
            _write_pid_file(home, pid)
            async with postgres_only(home) as again:
                assert await kept_rows(again) == [("still here",)]
    assert bystander.exit_code is None


async def test_a_half_made_data_directory_is_made_anew(home: Path) -> None:
    home.mkdir(mode=0o711)
    half = home / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    async with postgres_only(home):
        assert not half.exists()


async def test_only_the_process_that_was_noted_is_swept(home: Path, bystander: Child) -> None:
    home.mkdir()
    note = home / "children.json"
    note.write_text(f'{{"postgres": {{"pid": {bystander.pid}, "mark": "another start"}}}}')
    assert await orphans.sweep(home) == []
    assert bystander.exit_code is None
    assert not note.exists()

    orphans.remember(home, "postgres", bystander.pid)
    assert await orphans.sweep(home) == ["postgres"]
    assert bystander.exit_code == -signal.SIGINT


async def test_a_broken_note_of_children_names_nobody(home: Path) -> None:
    home.mkdir()
    (home / "children.json").write_text('["nonsense"]')
    assert await orphans.sweep(home) == []


def _postgres_user() -> int | None:
    account = unprivileged_account()
    return account.uid if account else None


def _write_pid_file(home: Path, pid: int) -> None:
    """Leave behind what a PostgreSQL with this process id would have."""
    data = data_area(home, unprivileged_account()) / "postgres"
    lines = [str(pid), str(data), "1700000000", "5432", str(home / "run"), "", "  1 1", "ready"]
    path = data / "postmaster.pid"
    path.write_text("\n".join(lines) + "\n")
    status = data.stat()
    os.chown(path, status.st_uid, status.st_gid)


def _descendants(pid: int) -> list[int]:
    """Return the children of a process and theirs."""
    if not Path("/proc/thread-self/children").exists():
        pytest.skip("only Linux shows a process's children in /proc")
    direct: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        # A thread that has ended since it was listed has no children.
        with suppress(FileNotFoundError, ProcessLookupError):
            direct += map(int, thread.read_text().split())
    return [*direct, *(grandchild for child in direct for grandchild in _descendants(child))]


async def test_a_child_of_who_ignores_an_interrupt_can_be_interrupted(tmp_path: Path) -> None:
    """As a script's background process does."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = spawn(
            ["/bin/sleep", "60"],
            log=tmp_path / "log",
            directory=tmp_path,
            environment={},
            dies_by=signal.SIGKILL,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    os.kill(child.pid, signal.SIGINT)
    await eventually(lambda: child.exit_code is not None, "the child to end")
    assert child.exit_code == -signal.SIGINT
