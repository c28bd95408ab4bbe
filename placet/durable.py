"""Files that are there whole or not at all, and directories; all outlive a loss of power."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PRIVATE = 0o600
"""For its owner alone."""


def create_file(path: Path, content: bytes, mode: int = PRIVATE) -> bool:
    """Make a file; when one of that name is there, change nothing and return False.

    Raises:
        OSError: It may not be on the disk.
    """
    with _stored_beside(path, content, mode) as new:
        try:
            # A link never replaces: whoever comes second keeps what the first one made.
            os.link(new, path)
        except FileExistsError:
            return False
    return True


def replace_file(path: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Put a file in place of another; after a loss of power there is one of the two.

    Raises:
        OSError: It may not be on the disk.
    """
    with _stored_beside(path, content, mode) as new:
        os.replace(new, path)  # noqa: PTH105 - beside the other system calls


def make_directory(directory: Path, mode: int = 0o777) -> None:
    """Make a directory that survives a loss of power, and those above it that are missing.

    Args:
        directory: One that is there already stays as it is.
        mode: Of the directory itself, less what the process's mask takes away.

    Raises:
        OSError: It may not be on the disk.
    """
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    directory.mkdir(mode, parents=True, exist_ok=True)
    for each in reversed(missing):
        sync_directory(each.parent)


def sync_directory(directory: Path) -> None:
    """Wait until what was made or removed in a directory survives a loss of power."""
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def created_directory(path: Path) -> Iterator[Path]:
    """Give a directory, private to its owner, that becomes ``path`` when all went well.

    What somebody was killed over, who wanted to make the same, goes first: it may hold secrets.

    Raises:
        OSError: It cannot be made, or may not be on the disk.
    """
    _clear_away(path)
    new = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    new.mkdir(mode=0o700)
    locked = os.open(new, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(locked, fcntl.LOCK_EX)
        yield new
        sync_directory(new)
        new.rename(path)
        sync_directory(path.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        os.close(locked)


def _clear_away(path: Path) -> None:
    """Remove directories that were to become ``path`` and that nobody works on any more."""
    unfinished = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}")
    try:
        found = [each for each in path.parent.iterdir() if unfinished.fullmatch(each.name)]
    except OSError:
        return
    for each in found:
        with suppress(OSError):
            descriptor = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid():
                    # The lock goes with whoever is killed.
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(each, ignore_errors=True)
            finally:
                os.close(descriptor)


@contextmanager
def _stored_beside(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """Give a file with this content under a name of its own, to be given the right one inside."""
    # Few file systems take names of more than 255 bytes.
    new = path.with_name(f".{path.name[:60]}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        try:
            _fill(descriptor, content, mode)
        finally:
            os.close(descriptor)
        yield new
    finally:
        with suppress(FileNotFoundError):
            os.unlink(new)  # noqa: PTH108 - beside the other system calls
        sync_directory(path.parent)


def _fill(descriptor: int, content: bytes, mode: int) -> None:
    if mode & ~os.fstat(descriptor).st_mode:
        # The process's mask has taken away what others are to have.
        os.fchmod(descriptor, mode)
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
    os.fsync(descriptor)
