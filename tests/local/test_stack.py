import asyncio
import os
import re
import signal
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from temporalio.client import Client

from placet.local import (
    AlreadyRunningError,
    LocalStack,
    LocalStackError,
    StackAddress,
    default_home,
    find_running,
)
from placet.local.address import read_state
from placet.local.temporal import USUAL_PORT, USUAL_UI_PORT
from tests.local.helpers import add_row, alive, kept_rows, postgres_only, query, quiet
from tests.support.waiting import eventually

LOOPBACK = "0100007F"  # 127.0.0.1 as /proc/net/tcp writes it.


async def test_both_parts_answer_on_loopback_only_and_a_second_start_finds_the_data_there(
    home: Path,
) -> None:
    stack = LocalStack(home, time_skipping=True, report=quiet)
    async with stack as first:
        assert find_running(home) == first
        listening = [_listening_addresses(pid) for pid in stack.pids.values()]
        assert listening == [{LOOPBACK}, set()]
        client = await Client.connect(first.temporal_address)
        assert await client.service_client.check_health()
        await client.start_workflow("Waiting", id="kept", task_queue="nobody-polls")
        await add_row(first)
    assert find_running(home) is None

    async with LocalStack(home, report=quiet) as second:
        assert second == first
        client = await Client.connect(second.temporal_address)
        description = await client.get_workflow_handle("kept").describe()
        assert description.workflow_type == "Waiting"
        assert await kept_rows(second) == [("still here",)]


async def test_a_taken_port_is_left_alone_and_the_other_one_is_remembered(home: Path) -> None:
    with socket.socket() as frontend, socket.socket() as ui:
        for listener, port in ((frontend, USUAL_PORT), (ui, USUAL_UI_PORT)):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # When it cannot be bound, another program has it, which is what this test wants.
            with suppress(OSError):
                listener.bind(("127.0.0.1", port))
                listener.listen()
        async with LocalStack(home, postgres=False, report=quiet) as first:
            assert first.temporal_address != f"127.0.0.1:{USUAL_PORT}"
            assert first.temporal_ui != f"http://127.0.0.1:{USUAL_UI_PORT}"
    async with LocalStack(home, postgres=False, report=quiet) as second:
        assert second == first


def _listening_addresses(pid: int) -> set[str]:
    """Return the addresses, in /proc's hexadecimal, on which this process listens."""
    descriptors = Path(f"/proc/{pid}/fd")
    if not descriptors.exists():
        pytest.skip("only Linux shows a process's sockets")
    targets = {str(descriptor.readlink()) for descriptor in descriptors.iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in targets:
                found.add(fields[1].split(":")[0])
    return found


async def test_a_second_supervisor_is_refused_and_told_who_runs_the_stack(home: Path) -> None:
    async with postgres_only(home) as address:
        with pytest.raises(
            AlreadyRunningError, match=f"process {os.getpid()} already runs"
        ) as error:
            await postgres_only(home).start()
        assert "\n" not in str(error.value)
        assert await query(address, "SELECT 1") == [(1,)]
        assert find_running(home) == address


async def test_a_killed_server_is_started_again_with_its_data(home: Path) -> None:
    lines: list[str] = []
    stack = LocalStack(home, report=lines.append)
    async with stack as address:
        await add_row(address)
        before = stack.pids
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        await eventually(lambda: _starts(lines) == 4, "both to be started again")
        assert set(before.values()).isdisjoint(stack.pids.values())
        assert await kept_rows(address) == [("still here",)]
        client = await Client.connect(address.temporal_address)
        assert await client.service_client.check_health()
    assert any("PostgreSQL died with exit code -9; the end of its log" in line for line in lines)


async def test_a_server_that_keeps_dying_is_given_up(home: Path) -> None:
    lines: list[str] = []
    stack = LocalStack(home, temporal=False, report=lines.append)
    async with stack:
        failure = asyncio.ensure_future(stack.failed())
        for starts in range(1, 7):
            await eventually(lambda: _starts(lines) == starts, f"start {starts}")  # noqa: B023
            os.kill(stack.pids["PostgreSQL"], signal.SIGKILL)
        with pytest.raises(LocalStackError, match=r"(?s)started again 5 times .* exit code -9"):
            await failure
        assert "gave up" in lines[-1]


def _starts(lines: list[str]) -> int:
    """Count the progress lines that say a server is ready."""
    return sum(bool(re.match(r"(Temporal|PostgreSQL [\d.]+) is ready", line)) for line in lines)


async def test_a_part_stays_stopped_until_it_is_started(home: Path) -> None:
    stack = LocalStack(home, report=quiet)
    async with stack as address:
        await add_row(address)
        pids = stack.pids
        await stack.stop_postgres(kill=True)
        await stack.stop_temporal()
        assert stack.pids == {}
        assert not any(alive(pid) for pid in pids.values())
        await stack.start_temporal()
        await stack.start_postgres()
        assert await kept_rows(address) == [("still here",)]
        client = await Client.connect(address.temporal_address)
        assert await client.service_client.check_health()


async def test_roles_connect_through_the_socket_and_keep_to_their_rights(home: Path) -> None:
    async with postgres_only(home) as address:
        await query(address, "CREATE ROLE placet_reader LOGIN")
        url = address.database_url.replace("postgres@", "placet_reader@")
        reader = StackAddress(database_url=url)
        assert await query(reader, "SELECT current_user::text") == [("placet_reader",)]
        rights = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        assert await query(reader, rights) == [(False,)]


async def test_a_start_that_fails_leaves_nothing_running_and_frees_the_directory(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACET_POSTGRES_BIN", str(home))
    stack = LocalStack(home, report=quiet)
    with pytest.raises(LocalStackError, match=r"PLACET_POSTGRES_BIN is .* Set it to the directory"):
        await stack.start()
    assert stack.pids == {}
    monkeypatch.delenv("PLACET_POSTGRES_BIN")
    async with postgres_only(home) as address:
        assert await query(address, "SELECT 1") == [(1,)]


async def test_a_throwaway_stack_leaves_no_directory(home: Path) -> None:
    async with LocalStack(home, temporal=False, throwaway=True, report=quiet) as address:
        assert address.temporal_address == ""
        assert home.is_dir()
    assert not home.exists()


async def test_a_stack_without_a_part_says_so(home: Path) -> None:
    with pytest.raises(LocalStackError, match="made without Temporal"):
        await postgres_only(home).start_temporal()


def test_a_broken_state_file_remembers_nothing(home: Path) -> None:
    home.mkdir()
    (home / "stack.json").write_text("{")
    assert read_state(home).temporal_port is None
    assert find_running(home) is None


def test_the_lines_to_paste_are_quoted_for_a_shell() -> None:
    address = StackAddress(
        temporal_address="127.0.0.1:7233", database_url="postgresql://postgres@/placet?host=/a b"
    )
    assert address.exports().splitlines() == [
        "export TEMPORAL_ADDRESS=127.0.0.1:7233",
        "export PLACET_DATABASE_URL='postgresql://postgres@/placet?host=/a b'",
    ]


def test_the_data_directory_is_a_setting() -> None:
    assert default_home({"PLACET_HOME": "/srv/placet"}) == Path("/srv/placet")
    assert default_home({}) == Path.cwd() / ".placet"
