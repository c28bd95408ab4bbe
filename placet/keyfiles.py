"""Secrets in files: made once, whole and durably, and read only while nobody else can read them."""

import os
import stat
from pathlib import Path

from placet.domain.errors import InvalidInputError

MAX_BYTES = 16 * 1024
_OTHERS = 0o077


class KeyFileExposedError(InvalidInputError):
    """Others can read a secret; the message says what to type."""

    code = "key-file"


def read_secret(path: Path) -> bytes | None:
    """Return what is in a file that only its owner can read; None when there is no file.

    Raises:
        KeyFileExposedError: Others can read it.
        OSError: It cannot be read.
    """
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if os.name == "posix" and stat.S_IMODE(mode) & _OTHERS:
                raise KeyFileExposedError(f"others can read {path}; type: chmod 600 {path}")
            return stream.read(MAX_BYTES)
    except FileNotFoundError:
        return None


def make_secret(path: Path, content: bytes) -> None:
    """Write a file whole and durably, unless another process was faster.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            # A link never replaces: whoever comes second keeps what the first one made.
            path.hardlink_to(temporary)
        except FileExistsError:
            return
    finally:
        temporary.unlink()
        sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Wait until what was made or removed in a directory survives a loss of power."""
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
