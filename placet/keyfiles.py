"""Secrets in files: made once, whole and durably, and read only while nobody else can read them."""

import errno
import os
import stat
from pathlib import Path

from placet.domain.errors import InvalidInputError
from placet.durable import create_file, make_directory

MAX_BYTES = 16 * 1024
_OTHERS = 0o077


class KeyFileExposedError(InvalidInputError):
    """Others can read a secret; the message says what to type."""

    code = "key-file"


def read_secret(path: Path) -> bytes | None:
    """Return what is in a file that only its owner can read; None when there is no file.

    Raises:
        KeyFileExposedError: Others can read it.
        OSError: It cannot be read, or is no file.
    """
    try:
        # Without waiting: nobody may ever write into a pipe of this name.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise OSError(errno.EINVAL, "it is no regular file")
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
    make_directory(path.parent, 0o700)
    create_file(path, content)
