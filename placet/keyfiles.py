"""Secrets in files: made once, whole and durably, and read only while nobody else can read them."""

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
    make_directory(path.parent, 0o700)
    create_file(path, content)
